package pipeline

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// DType is the element type of a tensor as its header names it.
type DType uint8

// The element types of safetensors (counting.md section 1.2: tensor.rs bitsize).
const (
	DTypeUnknown DType = iota
	BOOL
	U8
	I8
	F8E5M2
	F8E4M3
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	I16
	U16
	F16
	BF16
	I32
	U32
	F32
	I64
	U64
	F64
	C64
	F4
	F6E2M3
	F6E3M2
	dtypeCount
)

// DTypeClass says what the elements of a type can stand for.
type DTypeClass uint8

// The classes of element types.
const (
	// ClassFloat: one element is one number of the model.
	ClassFloat DTypeClass = iota + 1
	// ClassComplex: one element is two numbers of the model.
	ClassComplex
	// ClassInteger: an element may be an index, a mask, or a container that
	// packs several numbers.
	ClassInteger
	// ClassScale: an exponent-only type, used for block scales.
	ClassScale
)

type dtypeInfo struct {
	name  string
	bits  uint64
	class DTypeClass
}

var dtypes = [dtypeCount]dtypeInfo{
	DTypeUnknown: {"unknown", 0, ClassInteger},
	BOOL:         {"BOOL", 8, ClassInteger},
	U8:           {"U8", 8, ClassInteger},
	I8:           {"I8", 8, ClassInteger},
	F8E5M2:       {"F8_E5M2", 8, ClassFloat},
	F8E4M3:       {"F8_E4M3", 8, ClassFloat},
	F8E8M0:       {"F8_E8M0", 8, ClassScale},
	F8E4M3FNUZ:   {"F8_E4M3FNUZ", 8, ClassFloat},
	F8E5M2FNUZ:   {"F8_E5M2FNUZ", 8, ClassFloat},
	I16:          {"I16", 16, ClassInteger},
	// U16 may hold BF16 in files written by Paddle (counting.md section 1.2).
	U16:    {"U16", 16, ClassInteger},
	F16:    {"F16", 16, ClassFloat},
	BF16:   {"BF16", 16, ClassFloat},
	I32:    {"I32", 32, ClassInteger},
	U32:    {"U32", 32, ClassInteger},
	F32:    {"F32", 32, ClassFloat},
	I64:    {"I64", 64, ClassInteger},
	U64:    {"U64", 64, ClassInteger},
	F64:    {"F64", 64, ClassFloat},
	C64:    {"C64", 64, ClassComplex},
	F4:     {"F4", 4, ClassFloat},
	F6E2M3: {"F6_E2M3", 6, ClassFloat},
	F6E3M2: {"F6_E3M2", 6, ClassFloat},
}

var dtypeByName = func() map[string]DType {
	m := make(map[string]DType, dtypeCount)
	for d := DTypeUnknown + 1; d < dtypeCount; d++ {
		m[dtypes[d].name] = d
	}
	return m
}()

// ParseDType returns the type with exactly this name. Names are case-sensitive.
func ParseDType(name string) (DType, bool) {
	d, ok := dtypeByName[name]
	return d, ok
}

// DTypeOf is [ParseDType] for bytes; it does not allocate.
func DTypeOf(name []byte) (DType, bool) {
	d, ok := dtypeByName[string(name)]
	return d, ok
}

func (d DType) info() dtypeInfo {
	if d >= dtypeCount {
		return dtypes[DTypeUnknown]
	}
	return dtypes[d]
}

// String returns the name that headers use.
func (d DType) String() string { return d.info().name }

// Bits returns the size of one element in bits, 0 for an unknown type.
func (d DType) Bits() uint64 { return d.info().bits }

// Class returns what an element can stand for.
func (d DType) Class() DTypeClass { return d.info().class }

// Tensor is one entry of a header. Shape belongs to the table and must not be
// changed.
type Tensor struct {
	Name  string
	DType DType
	// Shape holds the dimensions, outermost first. An empty shape is a scalar.
	Shape []uint64
	// Offset is where the data begins, in bytes from the start of the object.
	Offset uint64
}

// Bytes returns the size of the tensor's data. It is meaningful for a tensor of a
// [Table], whose shape and type were checked.
func (t Tensor) Bytes() uint64 {
	n, _ := t.Elements()
	return n * t.DType.Bits() / 8
}

// Elements returns the product of the dimensions: 1 for a scalar, 0 where a
// dimension is 0. ok is false where the product does not fit 63 bits.
func (t Tensor) Elements() (n uint64, ok bool) { return Product(t.Shape) }

// Product multiplies dimensions with checked arithmetic. A zero dimension makes it
// 0 whatever the others are; ok is false where it does not fit 63 bits.
func Product(shape []uint64) (n uint64, ok bool) {
	for _, d := range shape {
		if d == 0 {
			return 0, true
		}
	}
	n = 1
	for _, d := range shape {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || lo > math.MaxInt64 {
			return 0, false
		}
		n = lo
	}
	return n, true
}

// Table holds the tensors of one object, compactly: names in one text, dimensions
// in one slice, so that a header of a million tensors costs tens of bytes a tensor
// beside its names. A table lives for one run.
type Table struct {
	// Object is the path of the object, Format the reader's word for it.
	Object, Format string
	// HeaderEnd is where the header ends, in bytes from the start of the object.
	HeaderEnd int64
	// Metadata is what the header says of itself, nil where it says nothing.
	Metadata map[string]string

	names   strings.Builder
	nameEnd []uint32
	dims    []uint64
	dimEnd  []uint32
	dtype   []DType
	offset  []uint64
}

// Grow makes room for n more tensors whose names have nameBytes bytes together. It
// is a hint: a table grows by itself.
func (t *Table) Grow(n, nameBytes int) {
	t.names.Grow(max(nameBytes, 0))
	n = max(n, 0)
	t.nameEnd = slices.Grow(t.nameEnd, n)
	t.dimEnd = slices.Grow(t.dimEnd, n)
	t.dims = slices.Grow(t.dims, 2*n)
	t.dtype = slices.Grow(t.dtype, n)
	t.offset = slices.Grow(t.offset, n)
}

// Append adds a tensor, copying name and shape. The product of shape and the type's
// bits must fit 63 bits, which every reader checks first. All names of one table
// together must stay under 4 GiB, which the header limits of every reader ensure.
func (t *Table) Append(name []byte, d DType, shape []uint64, offset uint64) {
	t.names.Write(name)
	t.nameEnd = append(t.nameEnd, uint32(t.names.Len()))
	t.dims = append(t.dims, shape...)
	t.dimEnd = append(t.dimEnd, uint32(len(t.dims)))
	t.dtype = append(t.dtype, d)
	t.offset = append(t.offset, offset)
}

// Evidence points at the header that the table was read from.
func (t *Table) Evidence() Evidence {
	e := Evidence{Object: t.Object}
	if t.HeaderEnd > 0 {
		e.Where = "bytes=0-" + strconv.FormatInt(t.HeaderEnd-1, 10)
	}
	return e
}

// Len returns the number of tensors.
func (t *Table) Len() int { return len(t.dtype) }

// At returns tensor i, 0 <= i < Len. It does not allocate.
func (t *Table) At(i int) Tensor {
	var name0, dim0 uint32
	if i > 0 {
		name0, dim0 = t.nameEnd[i-1], t.dimEnd[i-1]
	}
	return Tensor{
		Name:   t.names.String()[name0:t.nameEnd[i]],
		DType:  t.dtype[i],
		Shape:  t.dims[dim0:t.dimEnd[i]:t.dimEnd[i]],
		Offset: t.offset[i],
	}
}
