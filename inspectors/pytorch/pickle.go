package pytorch

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Limits of one pickle. A checkpoint of 100,000 tensors has a pickle of 20 MB, two
// million values and a stack of some thousands.
const (
	// MaxPickle is the longest pickle in bytes. One byte more is refused.
	MaxPickle = 64 << 20
	// MaxStack is the largest number of values on the stack, and of marks.
	MaxStack = 1 << 20
	// MaxMemo is the largest number of values that a pickle may remember.
	MaxMemo = 1 << 22
	// MaxValues is the largest number of values that a pickle may build.
	MaxValues = 1 << 23

	// mostSparse is how many values may be remembered out of order.
	mostSparse = 1 << 16
	// mostImports is how many imports of one pickle are named, mostImport how many
	// bytes of a name are shown.
	mostImports = 1000
	mostImport  = 256
)

// Pickle is what the machine found in one pickle.
type Pickle struct {
	// Bytes is the pickle's length.
	Bytes int64
	// Imports are the names beyond the list of known ones that the pickle imports, each
	// once, in the order of the pickle; the first thousand. Whoever loads the pickle
	// with Python's own loader runs them.
	Imports []string
	// Foreign counts them all.
	Foreign int64

	root any
	// storages are by key, in order of first mention.
	storages map[string]*storage
	keys     []string
}

// Interpret runs a pickle in a machine that builds plain values and nothing else: no
// name is imported, nothing is called. It reads r up to the pickle's end and not
// more than limit bytes.
//
// The result holds the imports found so far even beside an error. Errors match
// [pipeline.ErrMalformed] where the pickle breaks the rules of its format,
// [pipeline.ErrOverLimit] where it goes beyond the machine, or are those of r.
func Interpret(r io.Reader, limit int64) (*Pickle, error) {
	return interpret(newInput(r, limit, nil))
}

func interpret(in *input) (*Pickle, error) {
	start := in.offset()
	m := newMachine(in)
	err := m.run()
	m.pickle.Bytes = in.offset() - start
	return m.pickle, err
}

func newMachine(in *input) *machine {
	return &machine{input: in, pickle: &Pickle{storages: map[string]*storage{}}, seen: map[string]bool{}}
}

type machine struct {
	*input
	pickle *Pickle
	stack  []any
	marks  []int
	memo   []any
	sparse map[uint64]any
	values int
	steps  int
	seen   map[string]bool
}

// broken is the error of a pickle that breaks the rules, with the place.
func (m *machine) broken(format string, args ...any) error {
	return malformed("the pickle is broken near byte %d: %s", m.offset(), fmt.Sprintf(format, args...))
}

// build counts a value that takes memory beyond the stack.
func (m *machine) build(n int) error {
	if m.values += n; m.values > MaxValues {
		return overLimit("the pickle builds more than %d values", MaxValues)
	}
	return nil
}

func (m *machine) push(v any) error {
	if len(m.stack) >= MaxStack {
		return overLimit("the pickle has more than %d values on its stack", MaxStack)
	}
	m.stack = append(m.stack, v)
	return m.build(1)
}

// floor is the height below which nothing may be taken.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) pop() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, m.broken("a value is taken from an empty stack")
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, m.broken("the stack is empty")
	}
	return m.stack[len(m.stack)-1], nil
}

// marked takes everything above the last mark, copied.
func (m *machine) marked() ([]any, error) {
	n := len(m.marks)
	if n == 0 {
		return nil, m.broken("there is no mark")
	}
	items := append([]any(nil), m.stack[m.marks[n-1]:]...)
	m.stack = m.stack[:m.marks[n-1]]
	m.marks = m.marks[:n-1]
	return items, m.build(len(items))
}

func (m *machine) run() error {
	for {
		m.steps++
		op, err := m.byte()
		if err != nil {
			return err
		}
		if op == opStop {
			if m.pickle.root, err = m.pop(); err != nil {
				return err
			}
			if len(m.stack) > 0 || len(m.marks) > 0 {
				return m.broken("values are left on the stack at its end")
			}
			return nil
		}
		if err := m.step(op); err != nil {
			return err
		}
	}
}

// remember stores the top of the stack under a number.
func (m *machine) remember(at uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	switch {
	case at < uint64(len(m.memo)):
		m.memo[at] = v
	case at == uint64(len(m.memo)) && at < MaxMemo:
		m.memo = append(m.memo, v)
	default:
		if m.sparse == nil {
			m.sparse = map[uint64]any{}
		}
		if m.sparse[at] = v; len(m.sparse) > mostSparse || at >= MaxMemo && len(m.memo) == MaxMemo {
			return overLimit("the pickle remembers more than %d values, or %d out of order", MaxMemo, mostSparse)
		}
	}
	return nil
}

func (m *machine) recall(at uint64) error {
	if v, ok := m.sparse[at]; ok {
		return m.push(v)
	}
	if at >= uint64(len(m.memo)) {
		return m.broken("value %d was never remembered", at)
	}
	return m.push(m.memo[at])
}

// text pushes a text of n bytes.
func (m *machine) text(n uint64) error {
	if n > mostText {
		if err := m.skip(n); err != nil {
			return err
		}
		return m.push(&blob{int64(n)})
	}
	b, err := m.take(int(n))
	if err != nil {
		return err
	}
	return m.push(string(b))
}

// bytes pushes n bytes of which only the number is kept.
func (m *machine) bytes(n uint64) error {
	if err := m.skip(n); err != nil {
		return err
	}
	return m.push(&blob{int64(n)})
}

// long pushes a whole number of n bytes in little-endian two's complement.
func (m *machine) long(n uint64) error {
	if n > math.MaxUint8 {
		return m.bytes(n)
	}
	b, err := m.take(int(n))
	if err != nil {
		return err
	}
	if n > 8 {
		return m.push(long(b))
	}
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	if shift := 64 - 8*n; n > 0 {
		return m.push(int64(v<<shift) >> shift)
	}
	return m.push(int64(0))
}

// written pushes a whole number that is written out in decimal digits.
func (m *machine) written() error {
	b, err := m.line()
	if err != nil {
		return err
	}
	text := strings.TrimSuffix(string(b), "L")
	switch text {
	case "00":
		return m.push(false)
	case "01":
		return m.push(true)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		if strings.Trim(text, "-0123456789") == "" {
			return m.push(&blob{int64(len(b))})
		}
		return m.broken("%.40q is no whole number", text)
	}
	return m.push(n)
}

// load pushes an imported name and notes one that is not known.
func (m *machine) load(module, name string) error {
	s := lookup(module, name)
	if s.role == roleForeign {
		m.foreign(s.name)
	}
	return m.push(s)
}

func (m *machine) foreign(name string) {
	if len(name) > mostImport {
		name = name[:mostImport] + "…"
	}
	name = strings.ToValidUTF8(name, "\ufffd")
	if m.seen[name] {
		return
	}
	m.pickle.Foreign++
	if len(m.pickle.Imports) == mostImports {
		return
	}
	m.seen[name] = true
	m.pickle.Imports = append(m.pickle.Imports, name)
}

// put adds an entry to a dictionary, or to what stands for one.
func (m *machine) put(target any, pairs []any) error {
	if len(pairs)%2 != 0 {
		return m.broken("a key has no value")
	}
	switch d := target.(type) {
	case *mapping:
		for i := 0; i < len(pairs); i += 2 {
			d.keys = append(d.keys, pairs[i])
			d.values = append(d.values, pairs[i+1])
		}
	case *opaque:
		d.args = append(d.args, pairs...)
	default:
		return m.broken("an entry is put into something that is no dictionary")
	}
	return m.build(len(pairs))
}

// extend adds values to a list or a set, or to what stands for one.
func (m *machine) extend(target any, items []any) error {
	switch s := target.(type) {
	case *sequence:
		if s.tuple {
			return m.broken("a value is added to a tuple")
		}
		s.items = append(s.items, items...)
	case *opaque:
		s.args = append(s.args, items...)
	default:
		return m.broken("a value is added to something that is no list")
	}
	return m.build(len(items))
}

// setState gives an object what it carries beside its content.
func (m *machine) setState(target, state any) error {
	switch o := target.(type) {
	case *mapping:
		o.state = state
	case *tensor:
		o.state = state
	case *opaque:
		o.args = append(o.args, state)
	case *sequence: // a set of a class of its own; the state counts as content
		o.items = append(o.items, state)
	default:
		return m.broken("a state is given to something that has none")
	}
	return m.build(1)
}
