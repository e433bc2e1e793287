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

// Table holds the tensors of one object, compactly: sixteen bytes a tensor beside its
// name, and each different shape once. Tensors lie in blocks that are filled one after
// the other, so that a table grows without copying what it holds, and no length that a
// file states is believed. A table lives for one run.
type Table struct {
	// Object is the path of the object, Format the reader's word for it.
	Object, Format string
	// HeaderEnd is where the header ends, in bytes from the start of the object.
	HeaderEnd int64
	// Metadata is what the header says of itself, nil where it says nothing.
	Metadata map[string]string

	blocks []tensorBlock
	n      int
	dims   []uint64 // of all different shapes
	dimEnd []uint32 // by shape
}

// blockTensors is how many tensors a full block holds: a power of two.
const blockTensors = 256

// tensorBlock holds up to [blockTensors] tensors and their names in one text.
type tensorBlock struct {
	names   strings.Builder
	entries []tensorEntry
}

type tensorEntry struct {
	offset  uint64
	nameEnd uint32 // in the block's names
	kind    uint32 // the number of the shape, and the type in the low eight bits
}

// AddShape copies a shape into the table and returns its number for [Table.AppendShaped].
// Readers that meet a shape again give the number again, so that a shape is kept once. A
// table holds at most 16 million shapes, which the limits of every reader ensure.
func (t *Table) AddShape(shape []uint64) uint32 {
	t.dims = append(t.dims, shape...)
	t.dimEnd = append(t.dimEnd, uint32(len(t.dims)))
	return uint32(len(t.dimEnd) - 1)
}

// Append adds a tensor, copying name and shape. The product of shape and the type's
// bits must fit 63 bits, which every reader checks first. A name must be shorter than
// 16 MiB, which the limits of every reader ensure.
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
	if t.n%blockTensors == 0 {
		t.addBlock()
	}
	b := &t.blocks[len(t.blocks)-1]
	b.names.Write(name)
	b.entries = append(b.entries, tensorEntry{offset, uint32(b.names.Len()), shape<<8 | uint32(d)})
	t.n++
}

// addBlock begins a block. The first one of a table grows as it is filled, because most
// tables are small; the others have room for a full block, and for names like those of
// the block before.
func (t *Table) addBlock() {
	t.blocks = append(t.blocks, tensorBlock{})
	if k := len(t.blocks) - 1; k > 0 {
		b := &t.blocks[k]
		b.entries = make([]tensorEntry, 0, blockTensors)
		names := t.blocks[k-1].names.Len()
		b.names.Grow(names + names/16)
	}
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
	for _, b := range t.blocks {
		for i := range b.entries {
			b.entries[i].offset += by
		}
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
func (t *Table) Len() int { return t.n }

// At returns tensor i, 0 <= i < Len. It does not allocate.
func (t *Table) At(i int) Tensor {
	e := &t.blocks[i/blockTensors].entries[i%blockTensors]
	return Tensor{Name: t.Name(i), DType: DType(e.kind), Shape: t.shapeAt(e.kind >> 8), Offset: e.offset}
}

// Name returns the name of tensor i, 0 <= i < Len. It does not allocate.
func (t *Table) Name(i int) string {
	b := &t.blocks[i/blockTensors]
	i %= blockTensors
	var from uint32
	if i > 0 {
		from = b.entries[i-1].nameEnd
	}
	return b.names.String()[from:b.entries[i].nameEnd]
}
