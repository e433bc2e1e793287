package pytorch

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"weighbridge/pipeline"
)

const (
	// mostDepth is how deep the containers of a checkpoint may lie in each other, and
	// mostName how long a tensor's dotted name may get, in bytes.
	mostDepth = 128
	mostName  = 64 << 10

	// pickleBase and pickleEach are what a pickle may take without tensors and for each
	// of them, in bytes. The longest found in practice is 400 a tensor. What a pickle
	// has beyond is a place for numbers, and counts as unexplained.
	pickleBase = 64 << 10
	pickleEach = 1 << 10

	// mostNames is how many bytes the names of all tensors of a file may have.
	mostNames = 1 << 30
)

// found is a tensor at its place in the checkpoint.
type found struct {
	name string
	*tensor
	// loose is true below a call that the machine does not know: what the call makes of
	// the tensor is not known either.
	loose bool

	// What the storage says of it.
	elements, extent uint64 // distinct elements, and the run of them, in elements
	from, to         uint64 // the run in bytes from the storage's start
	drop             bool
}

// collector walks the values of a pickle.
type collector struct {
	tensors []*found
	seen    map[any]bool
	later   []visit
	names   int
	tied    int64
	err     error
}

type visit struct {
	value any
	name  string
	depth int
	loose bool
}

// collect lists the tensors of a pickle by dotted name, in order; those below unknown
// calls come last.
func collect(root any) (*collector, error) {
	c := &collector{seen: map[any]bool{}}
	c.later = []visit{{value: root}}
	for len(c.later) > 0 && c.err == nil {
		v := c.later[0]
		c.later = c.later[1:]
		c.walk(v)
	}
	return c, c.err
}

// inside visits a value below another one.
func (c *collector) inside(v visit, key string, value any) {
	if !container(value) {
		return
	}
	c.walk(v.below(key, value))
}

// container reports whether tensors may lie below a value, or it is one.
func container(value any) bool {
	switch value.(type) {
	case *mapping, *sequence, *opaque, *tensor, *storage:
		return true
	}
	return false
}

func (c *collector) walk(v visit) {
	if c.err != nil || !container(v.value) {
		return
	}
	if c.seen[v.value] {
		if _, ok := v.value.(*tensor); ok {
			c.tied++
		}
		return
	}
	c.seen[v.value] = true
	if v.depth > mostDepth || len(v.name) > mostName {
		c.err = overLimit("the checkpoint is nested deeper than %d levels, or has a name of more than %d bytes", mostDepth, mostName)
		return
	}
	if c.names += len(v.name); c.names > mostNames {
		c.err = overLimit("the names of the checkpoint have more than %d bytes", mostNames)
		return
	}
	switch o := v.value.(type) {
	case *mapping:
		for i, k := range o.keys {
			key, ok := keyText(k)
			if !ok {
				key = strconv.Itoa(i)
			}
			c.inside(v, key, o.values[i])
			c.inside(v, key, k)
		}
		c.inside(v, "__dict__", o.state)
	case *sequence:
		for i, item := range o.items {
			c.inside(v, strconv.Itoa(i), item)
		}
	case *opaque:
		c.postpone(v, o)
	case *tensor:
		c.tensors = append(c.tensors, &found{name: orRoot(v.name), tensor: o, loose: v.loose})
		c.inside(v, "__dict__", o.state)
	case *storage: // one that stands for itself
		whole := &tensor{storage: o, typ: o.typ, shape: []uint64{o.numel}, strides: []uint64{1}}
		c.tensors = append(c.tensors, &found{name: orRoot(v.name), tensor: whole, loose: v.loose})
	}
}

// postpone lines up what was handed to an unknown call: what is reached without one is
// named first. Containers keep the name of the call's place.
func (c *collector) postpone(v visit, o *opaque) {
	for i, arg := range append(slices.Clone(o.args), o.callee) {
		if !container(arg) {
			continue
		}
		below := v.below(strconv.Itoa(i), arg)
		switch arg.(type) {
		case *mapping, *sequence, *opaque:
			below.name = v.name
		}
		below.loose = true
		c.later = append(c.later, below)
	}
}

func orRoot(name string) string {
	if name == "" {
		return "tensor"
	}
	return name
}

func (v visit) below(key string, value any) visit {
	if v.name != "" {
		key = v.name + "." + key
	}
	return visit{value: value, name: key, depth: v.depth + 1, loose: v.loose}
}

// keyText returns a key of a dictionary as it stands in a dotted name.
func keyText(key any) (string, bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case int64:
		return strconv.FormatInt(k, 10), true
	}
	return "", false
}

// place is where a storage lies.
type place struct {
	offset, bytes uint64
	// bounded is true where the size is only stated, as that of compressed data is.
	bounded bool
}

// weighed is a checkpoint put on paper.
type weighed struct {
	table *pipeline.Table
	// unexplained counts the bytes of the known storages that no tensor explains.
	unexplained uint64
	// tied counts tensors whose elements are those of another one.
	tied int64
}

// weigh makes a table of the tensors of a pickle. storages says where each storage lies.
//
// A tensor is counted once, whatever the number of its names: tensors of one type that
// are the same run of a storage, or lie inside the run of another, are the same
// elements. What remains of a storage is unexplained: rests beside a view, tensors of
// another type over the same bytes, tensors that were handed to an unknown call.
func weigh(p *Pickle, storages map[string]place) (*weighed, error) {
	c, err := collect(p.root)
	if err != nil {
		return nil, err
	}
	out := &weighed{table: &pipeline.Table{Format: Format}, tied: c.tied}
	by := map[*storage][]*found{}
	for _, f := range c.tensors {
		where, ok := storages[f.storage.key]
		if !ok {
			return nil, malformed("tensor %.80q lies in storage %.40q, which is not there", f.name, f.storage.key)
		}
		if err := f.measure(where); err != nil {
			return nil, err
		}
		if f.typ.dtype == pipeline.DTypeUnknown || where.bounded {
			f.drop = true
			continue
		}
		if f.elements > 0 {
			by[f.storage] = append(by[f.storage], f)
		}
	}
	for _, key := range p.keys {
		where, ok := storages[key]
		if !ok {
			return nil, malformed("storage %.40q is not there", key)
		}
		covered, doubtful := sweep(by[p.storages[key]], &out.tied)
		rest := min(where.bytes, where.bytes-min(covered, where.bytes)+doubtful)
		if out.unexplained, ok = sum(out.unexplained, rest); !ok {
			return nil, malformed("the storages have more than 2^63 bytes")
		}
	}
	for _, f := range c.tensors {
		if f.drop {
			continue
		}
		shape, err := f.tableShape()
		if err != nil {
			return nil, err
		}
		out.table.Append([]byte(f.name), f.typ.dtype, shape, storages[f.storage.key].offset+f.from)
	}
	return out, nil
}

func sum(a, b uint64) (uint64, bool) {
	s, carry := bits.Add64(a, b, 0)
	return s, carry == 0 && s <= math.MaxInt64
}

// measure holds a tensor against its storage.
func (f *found) measure(where place) error {
	n, ok := pipeline.Product(f.shape)
	if !ok {
		return malformed("tensor %.80q has more than 2^63 elements", f.name)
	}
	if n == 0 || f.typ.bytes == 0 {
		return nil
	}
	// An element that is reached by a stride of nothing is there once.
	f.elements, f.extent = 1, 1
	for i, d := range f.shape {
		if f.strides[i] > 0 {
			f.elements *= d
		}
		hi, reach := bits.Mul64(d-1, f.strides[i])
		if f.extent, ok = sum(f.extent, reach); !ok || hi != 0 || reach > math.MaxInt64 {
			return malformed("tensor %.80q reaches beyond its storage", f.name)
		}
	}
	f.elements = min(f.elements, f.extent)
	end, ok := sum(f.offset, f.extent)
	hi, to := bits.Mul64(end, f.typ.bytes)
	if !ok || hi != 0 || to > where.bytes {
		return malformed("tensor %.80q reaches beyond its storage", f.name)
	}
	f.from, f.to = f.offset*f.typ.bytes, to
	return nil
}

// sweep decides which tensors of one storage are counted. It returns the bytes that
// they explain, and those that two tensors explain differently.
func sweep(tensors []*found, tied *int64) (covered, doubtful uint64) {
	ordered := slices.Clone(tensors)
	slices.SortStableFunc(ordered, func(a, b *found) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), compareBool(a.loose, b.loose))
	})
	var last *found // the one that was counted last
	var reach uint64
	for _, f := range ordered {
		switch {
		case last == nil || f.from >= reach:
			last, reach = f, f.to
			if f.loose {
				doubtful = saturate(doubtful, f.to-f.from)
			} else {
				covered += f.elements * f.typ.bytes
			}
		case f.to <= last.to && f.typ == last.typ && (last.elements == last.extent || same(f, last)):
			f.drop = true
			*tied++
		default:
			f.drop = true
			reach = max(reach, f.to)
			doubtful = saturate(doubtful, f.to-f.from)
		}
	}
	return covered, doubtful
}

// same reports whether two tensors are the same elements in the same order.
func same(a, b *found) bool {
	return a.from == b.from && slices.Equal(a.shape, b.shape) && slices.Equal(a.strides, b.strides)
}

func saturate(a, b uint64) uint64 {
	s, ok := sum(a, b)
	if !ok {
		return math.MaxInt64
	}
	return s
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// tableShape is the shape in entries of the table: a tensor that repeats elements has
// only those that are there, and an element of two numbers is two entries.
func (f *found) tableShape() ([]uint64, error) {
	shape := slices.Clone(f.shape)
	if n, _ := pipeline.Product(shape); n > f.elements && f.elements > 0 {
		for i := range shape {
			if f.strides[i] == 0 {
				shape[i] = 1
			}
		}
		if n, _ := pipeline.Product(shape); n > f.elements {
			shape = []uint64{f.elements}
		}
	}
	if f.typ.pack > 1 {
		shape = append(shape, f.typ.pack)
	}
	n, ok := pipeline.Product(shape)
	if hi, lo := bits.Mul64(n, max(f.typ.dtype.Bits(), 1)); !ok || hi != 0 || lo > math.MaxInt64 {
		return nil, malformed("tensor %.80q has more than 2^63 bits", f.name)
	}
	return shape, nil
}

// verbose is how many bytes a pickle has beyond what its tensors explain.
func verbose(p *Pickle, tensors int) uint64 {
	return uint64(max(0, p.Bytes-pickleBase-int64(tensors)*pickleEach))
}
