package npz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// Limits of an array's header. numpy itself reads dictionaries of up to 10,000 bytes
// from files that it does not trust, and arrays of up to 64 dimensions.
const (
	// MaxDictionary is the longest dictionary in bytes.
	MaxDictionary = 64 << 10
	// MaxRank is the largest number of dimensions.
	MaxRank = 64
)

// magic begins every .npy file; a version of two bytes follows.
const magic = "\x93NUMPY"

// least is how much of a header must be seen to know its length.
const least = len(magic) + 2 + 4

func malformed(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

// Array is the header of an .npy file.
type Array struct {
	// Header is the length of the header in bytes; the data follows.
	Header int64
	// DType is the type of the elements, or [pipeline.DTypeUnknown] for one that no
	// model's weights have in other formats (texts, dates, structures).
	DType pipeline.DType
	// Item is the size of an element in bytes, 0 where it is not known.
	Item uint64
	// Descr is the type as the header names it.
	Descr string
	// Shape holds the dimensions as the header lists them. The order of the elements
	// in memory does not matter to a count.
	Shape []uint64
	// Fortran is true where the first dimension runs fastest.
	Fortran bool
}

// HeaderLength returns the length of the header in bytes, which the first 12 bytes of
// the file state.
//
// The error matches [pipeline.ErrMalformed] where head begins no .npy file, or the
// header is longer than [MaxDictionary] or than the file.
func HeaderLength(head []byte, size int64) (int64, error) {
	if len(head) < least || string(head[:len(magic)]) != magic {
		return 0, malformed("it does not begin like an .npy file")
	}
	var n, start uint32
	switch major, minor := head[len(magic)], head[len(magic)+1]; {
	case major == 1 && minor == 0:
		n, start = uint32(binary.LittleEndian.Uint16(head[len(magic)+2:])), uint32(len(magic)+4)
	case (major == 2 || major == 3) && minor == 0:
		n, start = binary.LittleEndian.Uint32(head[len(magic)+2:]), uint32(len(magic)+6)
	default:
		return 0, malformed("version %d.%d of the .npy format is not known", major, minor)
	}
	if n > MaxDictionary {
		return 0, malformed("the header states a dictionary of %d bytes; at most %d are read", n, MaxDictionary)
	}
	if length := int64(start) + int64(n); length <= size {
		return length, nil
	}
	return 0, malformed("the header states %d bytes and the file has %d", int64(start)+int64(n), size)
}

// DecodeArray parses a whole header, head being exactly as long as [HeaderLength] says,
// of an array in a file of size bytes.
//
// The dictionary must hold descr, fortran_order and shape, each once, and nothing else.
// An array of Python objects is refused: its data is a pickle.
//
// The error matches [pipeline.ErrMalformed].
func DecodeArray(head []byte, size int64) (*Array, error) {
	n, err := HeaderLength(head, size)
	if err != nil {
		return nil, err
	}
	if n != int64(len(head)) {
		return nil, malformed("the header has %d bytes and not %d", n, len(head))
	}
	start := len(magic) + 4
	if head[len(magic)] > 1 {
		start += 2
	}
	text := head[start:]
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, malformed("the header's dictionary is no valid text")
	}
	d, err := dictionary(string(text))
	if err != nil {
		return nil, err
	}
	a := &Array{Header: n}
	dims, hasShape := d["shape"].(tuple)
	fortran, hasOrder := d["fortran_order"].(bool)
	descr, hasType := d["descr"]
	if len(d) != 3 || !hasShape || !hasOrder || !hasType {
		return nil, malformed("the header must state descr, fortran_order and shape, and nothing else")
	}
	a.Fortran = fortran
	if len(dims) > MaxRank {
		return nil, malformed("the array has %d dimensions; at most %d are allowed", len(dims), MaxRank)
	}
	for _, v := range dims {
		dim, ok := v.(uint64)
		if !ok {
			return nil, malformed("a dimension is no whole number")
		}
		a.Shape = append(a.Shape, dim)
	}
	if _, ok := pipeline.Product(a.Shape); !ok {
		return nil, malformed("the dimensions multiply to more than 2^63-1")
	}
	return a, a.element(descr)
}

// element finds the type of the elements.
func (a *Array) element(descr any) error {
	if objects(descr) {
		return malformed("the array holds Python objects: a pickle inside, which is not read")
	}
	text, ok := descr.(string)
	if !ok {
		a.Descr = "a structure"
		return nil
	}
	a.Descr = text
	kind := strings.TrimLeft(text, "<>=|")
	if len(text)-len(kind) > 1 || kind == "" {
		return malformed("the type %s is not one of numpy's", strconv.Quote(text))
	}
	a.DType = dtypes[kind]
	if a.DType != pipeline.DTypeUnknown {
		a.Item = a.DType.Bits() / 8
	} else if n, err := strconv.ParseUint(kind[1:], 10, 32); err == nil {
		a.Item = n
		if kind[0] == 'U' { // characters of four bytes
			a.Item = 4 * n
		}
	}
	n, _ := pipeline.Product(a.Shape)
	if hi, lo := bits.Mul64(n, a.Item); hi != 0 || lo > math.MaxInt64 {
		return malformed("the array has more than 2^63-1 bytes")
	}
	return nil
}

// dtypes maps numpy's types, without their order of bytes, to those of tensors.
var dtypes = map[string]pipeline.DType{
	"f2": pipeline.F16, "f4": pipeline.F32, "f8": pipeline.F64, "c8": pipeline.C64, "b1": pipeline.BOOL,
	"i1": pipeline.I8, "i2": pipeline.I16, "i4": pipeline.I32, "i8": pipeline.I64,
	"u1": pipeline.U8, "u2": pipeline.U16, "u4": pipeline.U32, "u8": pipeline.U64,
}

// objects reports whether a type, or a field of a structure, is a Python object.
func objects(descr any) bool {
	switch v := descr.(type) {
	case string:
		return strings.Contains(v, "O")
	case list:
		for _, field := range v {
			if objects(field) {
				return true
			}
		}
	case tuple: // a field: its name, its type, perhaps a shape
		for i, part := range v {
			if i == 0 && len(v) > 1 {
				continue
			}
			if objects(part) {
				return true
			}
		}
	}
	return false
}

// bytes returns the size of the data; ok is false where it is not known.
func (a *Array) bytes() (n uint64, ok bool) {
	elements, _ := pipeline.Product(a.Shape)
	if a.Item == 0 {
		return 0, elements == 0
	}
	return elements * a.Item, true
}
