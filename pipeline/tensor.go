package pipeline

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

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
	size, _ := t.DType.Size(n)
	return size
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
	dims    []uint64 // of all different shapes
	dimEnd  []uint32 // by shape
	shape   []uint32 // by tensor
	dtype   []DType
	offset  []uint64
}

// Grow makes room for n more tensors whose names have nameBytes bytes together. It
// is a hint: a table grows by itself.
func (t *Table) Grow(n, nameBytes int) {
	t.names.Grow(max(nameBytes, 0))
	n = max(n, 0)
	t.nameEnd = slices.Grow(t.nameEnd, n)
	t.shape = slices.Grow(t.shape, n)
	t.dtype = slices.Grow(t.dtype, n)
	t.offset = slices.Grow(t.offset, n)
}

// Room returns how many more tensors fit without growing.
func (t *Table) Room() int { return cap(t.offset) - len(t.offset) }

// AddShape copies a shape into the table and returns its number for [Table.AppendShaped].
// Readers that meet a shape again give the number again, so that a shape is kept once.
func (t *Table) AddShape(shape []uint64) uint32 {
	t.dims = append(t.dims, shape...)
	t.dimEnd = append(t.dimEnd, uint32(len(t.dims)))
	return uint32(len(t.dimEnd) - 1)
}

// Append adds a tensor, copying name and shape. The product of shape and the type's
// bits must fit 63 bits, which every reader checks first. All names of one table
// together must stay under 4 GiB, which the header limits of every reader ensure.
func (t *Table) Append(name []byte, d DType, shape []uint64, offset uint64) {
	id := uint32(len(t.dimEnd))
	if id > 0 && slices.Equal(shape, t.shapeAt(id-1)) {
		id--
	} else {
		t.AddShape(shape)
	}
	t.AppendShaped(name, d, id, offset)
}

// AppendShaped is [Table.Append] for a shape that the table holds.
func (t *Table) AppendShaped(name []byte, d DType, shape uint32, offset uint64) {
	t.names.Write(name)
	t.nameEnd = append(t.nameEnd, uint32(t.names.Len()))
	t.shape = append(t.shape, shape)
	t.dtype = append(t.dtype, d)
	t.offset = append(t.offset, offset)
}

func (t *Table) shapeAt(id uint32) []uint64 {
	var from uint32
	if id > 0 {
		from = t.dimEnd[id-1]
	}
	return t.dims[from:t.dimEnd[id]:t.dimEnd[id]]
}

// Shift adds by to the offset of every tensor, for formats that place data relative to
// an end of the header that is known only once all tensors were read. No sum may exceed
// 64 bits.
func (t *Table) Shift(by uint64) {
	for i := range t.offset {
		t.offset[i] += by
	}
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
	return Tensor{Name: t.Name(i), DType: t.dtype[i], Shape: t.shapeAt(t.shape[i]), Offset: t.offset[i]}
}

// Name returns the name of tensor i, 0 <= i < Len. It does not allocate.
func (t *Table) Name(i int) string {
	var from uint32
	if i > 0 {
		from = t.nameEnd[i-1]
	}
	return t.names.String()[from:t.nameEnd[i]]
}
