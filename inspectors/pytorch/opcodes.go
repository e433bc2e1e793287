package pytorch

import "math"

// The instructions of pickles, protocols 0 to 5 (Python's pickletools.py). Left out are
// the registry of extensions and buffers that lie outside a pickle: what they stand for
// is not in the file.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opFloat          = 'F'
	opInt            = 'I'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opLong           = 'L'
	opBinInt2        = 'M'
	opNone           = 'N'
	opBinPersID      = 'Q'
	opReduce         = 'R'
	opString         = 'S'
	opBinString      = 'T'
	opShortBinString = 'U'
	opUnicode        = 'V'
	opBinUnicode     = 'X'
	opAppend         = 'a'
	opBuild          = 'b'
	opGlobal         = 'c'
	opDict           = 'd'
	opEmptyDict      = '}'
	opAppends        = 'e'
	opGet            = 'g'
	opBinGet         = 'h'
	opInst           = 'i'
	opLongBinGet     = 'j'
	opList           = 'l'
	opEmptyList      = ']'
	opObj            = 'o'
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opSetItem        = 's'
	opTuple          = 't'
	opEmptyTuple     = ')'
	opSetItems       = 'u'
	opBinFloat       = 'G'

	opProto           = 0x80
	opNewObj          = 0x81
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
	opByteArray8      = 0x96

	mostProtocol = 5
)

// step runs one instruction.
func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		v, err := m.byte()
		if err != nil {
			return err
		}
		if v > mostProtocol {
			return overLimit("the pickle is of protocol %d, which is beyond the fixed machine", v)
		}
		return nil
	case opFrame:
		n, err := m.number(8)
		if err == nil && n > uint64(m.limit) {
			return overLimit("the pickle states a frame of %d bytes; at most %d bytes are read of a pickle", n, m.limit)
		}
		return err
	case opMark:
		if len(m.marks) >= MaxStack {
			return overLimit("the pickle has more than %d marks", MaxStack)
		}
		m.marks = append(m.marks, len(m.stack))
		return m.build(1)
	case opNone:
		return m.push(nil)
	case opNewTrue:
		return m.push(true)
	case opNewFalse:
		return m.push(false)
	case opBinInt, opBinInt1, opBinInt2, opInt, opLong, opLong1, opLong4, opFloat, opBinFloat:
		return m.stepNumber(op)
	case opString, opUnicode, opBinString, opShortBinString, opBinUnicode, opShortBinUnicode, opBinUnicode8, opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.stepText(op)
	case opPop, opPopMark, opDup, opGet, opBinGet, opLongBinGet, opPut, opBinPut, opLongBinPut, opMemoize:
		return m.stepMemo(op)
	case opEmptyDict, opEmptyList, opEmptyTuple, opEmptySet, opDict, opList, opTuple, opTuple1, opTuple2, opTuple3, opFrozenSet,
		opAppend, opAppends, opAddItems, opSetItem, opSetItems:
		return m.stepContainer(op)
	case opGlobal, opStackGlobal, opReduce, opNewObj, opNewObjEx, opInst, opObj, opBuild, opBinPersID:
		return m.stepObject(op)
	}
	return overLimit("the pickle holds the instruction 0x%02x near byte %d, which is beyond the fixed machine", op, m.offset())
}

func (m *machine) stepNumber(op byte) error {
	var n uint64
	var err error
	switch op {
	case opInt, opLong:
		return m.written()
	case opFloat:
		if _, err := m.line(); err != nil {
			return err
		}
		return m.push(float64(0))
	case opBinFloat:
		if _, err := m.take(8); err != nil {
			return err
		}
		return m.push(float64(0))
	case opBinInt:
		if n, err = m.number(4); err != nil {
			return err
		}
		return m.push(int64(int32(uint32(n))))
	case opBinInt2:
		n, err = m.number(2)
	case opBinInt1:
		n, err = m.number(1)
	case opLong1:
		if n, err = m.number(1); err != nil {
			return err
		}
		return m.long(n)
	default: // opLong4
		if n, err = m.number(4); err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return m.broken("a number has a negative length")
		}
		return m.long(n)
	}
	if err != nil {
		return err
	}
	return m.push(int64(n))
}

func (m *machine) stepText(op byte) error {
	size := 4
	switch op {
	case opString, opUnicode:
		b, err := m.line()
		if err != nil {
			return err
		}
		if op == opString && len(b) >= 2 && (b[0] == '\'' || b[0] == '"') && b[len(b)-1] == b[0] {
			b = b[1 : len(b)-1]
		}
		return m.push(string(b))
	case opShortBinString, opShortBinUnicode, opShortBinBytes:
		size = 1
	case opBinUnicode8, opBinBytes8, opByteArray8:
		size = 8
	}
	n, err := m.number(size)
	if err != nil {
		return err
	}
	switch op {
	case opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.bytes(n)
	}
	return m.text(n)
}

func (m *machine) stepMemo(op byte) error {
	size := 1
	switch op {
	case opPop:
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return nil
		}
		_, err := m.pop()
		return err
	case opPopMark:
		_, err := m.marked()
		return err
	case opDup:
		v, err := m.top()
		if err != nil {
			return err
		}
		return m.push(v)
	case opMemoize:
		return m.remember(uint64(len(m.memo) + len(m.sparse)))
	case opGet, opPut:
		b, err := m.line()
		if err != nil {
			return err
		}
		var n uint64
		for _, c := range b {
			if c < '0' || c > '9' || n > math.MaxUint32 {
				return m.broken("%.20q is no number of a remembered value", b)
			}
			n = 10*n + uint64(c-'0')
		}
		if op == opGet {
			return m.recall(n)
		}
		return m.remember(n)
	case opLongBinGet, opLongBinPut:
		size = 4
	}
	n, err := m.number(size)
	if err != nil {
		return err
	}
	if op == opBinGet || op == opLongBinGet {
		return m.recall(n)
	}
	return m.remember(n)
}

func (m *machine) stepContainer(op byte) error {
	switch op {
	case opEmptyDict:
		return m.push(&mapping{})
	case opEmptyList, opEmptySet:
		return m.push(&sequence{})
	case opEmptyTuple:
		return m.push(&sequence{tuple: true})
	case opTuple1, opTuple2, opTuple3:
		n := int(op-opTuple1) + 1
		if len(m.stack)-n < m.floor() {
			return m.broken("a tuple takes more values than there are")
		}
		items := append([]any(nil), m.stack[len(m.stack)-n:]...)
		m.stack = m.stack[:len(m.stack)-n]
		return m.push(&sequence{items: items, tuple: true})
	case opAppend:
		v, err := m.pop()
		if err != nil {
			return err
		}
		list, err := m.top()
		if err != nil {
			return err
		}
		return m.extend(list, []any{v})
	case opSetItem:
		v, err := m.pop()
		if err != nil {
			return err
		}
		key, err := m.pop()
		if err != nil {
			return err
		}
		dict, err := m.top()
		if err != nil {
			return err
		}
		return m.put(dict, []any{key, v})
	}
	items, err := m.marked()
	if err != nil {
		return err
	}
	switch op {
	case opTuple:
		return m.push(&sequence{items: items, tuple: true})
	case opList, opFrozenSet:
		return m.push(&sequence{items: items})
	case opDict:
		d := &mapping{}
		if err := m.put(d, items); err != nil {
			return err
		}
		return m.push(d)
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	if op == opSetItems {
		return m.put(target, items)
	}
	return m.extend(target, items)
}
