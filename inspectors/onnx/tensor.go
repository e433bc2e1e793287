package onnx

import (
	"math"
	"math/bits"
	"slices"
	"strconv"

	"weighbridge/pipeline"
)

// mostCounted is how many bytes of numbers of varying length are looked at, to count them.
const mostCounted = 1 << 20

// tensor is a TensorProto.
type tensor struct {
	name    string
	dims    []uint64
	typ     uint64
	raw     int64 // bytes, -1 where there is no such field
	rawAt   int64
	typed   uint64 // the field that holds numbers one by one, 0 for none
	bytes   int64  // of that field
	numbers uint64 // in it
	// uncounted is true where the numbers of that field were not looked at.
	uncounted bool
	strings   int64
	external  bool
	where     map[string]string
}

// tensor reads a TensorProto.
func (d *decoder) tensor(end int64) (*tensor, error) {
	t := &tensor{raw: -1}
	err := d.each(end, func(f field) error {
		switch f.number {
		case 1:
			return d.dimensions(t, f)
		case 2:
			t.typ = f.value
		case floatData, int32Data, int64Data, doubleData, uint64Data:
			return d.numbers(t, f)
		case stringData:
			t.strings += f.bytes(d.cursor)
			return d.leave(f)
		case 8:
			n := f.bytes(d.cursor)
			if f.wire != wireBytes || n > mostText {
				return overLimit("a tensor has a name of %d bytes", n)
			}
			var err error
			t.name, err = d.text(n)
			return err
		case 9:
			if f.wire != wireBytes || t.raw >= 0 {
				return malformed("tensor %.80q has its data twice, or in another form", t.name)
			}
			t.raw, t.rawAt = f.bytes(d.cursor), d.at
			return d.leaveOut(f.end)
		case 13:
			return d.location(t, f)
		case 14:
			if f.value > 1 {
				return malformed("the data of tensor %.80q are at an unknown kind of place, %d", t.name, f.value)
			}
			t.external = f.value == 1
		default:
			return d.other(f, 3, 12, 16)
		}
		return nil
	})
	return t, err
}

// leave passes over a field without keeping what is long.
func (d *decoder) leave(f field) error {
	if f.bytes(d.cursor) > mostText {
		return d.leaveOut(f.end)
	}
	return nil
}

func (d *decoder) dimensions(t *tensor, f field) error {
	add := func(v uint64) error {
		if v > math.MaxInt64 {
			return malformed("tensor %.80q has the dimension %d", t.name, int64(v))
		}
		if len(t.dims) == MaxRank {
			return overLimit("tensor %.80q has more than %d dimensions", t.name, MaxRank)
		}
		t.dims = append(t.dims, v)
		return nil
	}
	switch f.wire {
	case wireVarint:
		return add(f.value)
	case wireBytes:
		for d.at < f.end {
			v, err := d.varint(f.end)
			if err != nil {
				return err
			}
			if err := add(v); err != nil {
				return err
			}
		}
		return nil
	}
	return malformed("the dimensions of tensor %.80q have another form", t.name)
}

// numbers reads a field that holds a tensor's numbers one by one.
func (d *decoder) numbers(t *tensor, f field) error {
	if t.typed != 0 && t.typed != f.number {
		return malformed("tensor %.80q has its data twice", t.name)
	}
	t.typed = f.number
	n := f.bytes(d.cursor)
	t.bytes += n
	switch {
	case f.number == floatData || f.number == doubleData:
		each, wire := int64(4), uint64(wire32)
		if f.number == doubleData {
			each, wire = 8, wire64
		}
		if (f.wire != wireBytes && f.wire != wire) || n%each != 0 {
			return malformed("the data of tensor %.80q have another form", t.name)
		}
		t.numbers += uint64(n / each)
		return d.leave(f)
	case f.wire == wireVarint:
		t.numbers++
		return nil
	case f.wire != wireBytes:
		return malformed("the data of tensor %.80q have another form", t.name)
	case t.uncounted || t.bytes > mostCounted:
		t.uncounted = true
		return d.leaveOut(f.end)
	}
	for d.at < f.end {
		b, err := d.need(min(f.bytes(d.cursor), mostText))
		if err != nil {
			return err
		}
		for _, c := range b {
			if c < 0x80 {
				t.numbers++
			}
		}
		d.at += int64(len(b))
	}
	return nil
}

// location reads one entry of where a tensor's data are.
func (d *decoder) location(t *tensor, f field) error {
	if f.wire != wireBytes || f.bytes(d.cursor) > mostText {
		return malformed("the place of the data of tensor %.80q has another form", t.name)
	}
	var key, value string
	err := d.each(f.end, func(g field) error {
		if g.wire != wireBytes || (g.number != 1 && g.number != 2) {
			return d.other(g)
		}
		text, err := d.text(g.bytes(d.cursor))
		if g.number == 1 {
			key = text
		} else {
			value = text
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, twice := t.where[key]; twice {
		return malformed("the place of the data of tensor %.80q states %.20q twice", t.name, key)
	}
	if t.where == nil {
		t.where = map[string]string{}
	}
	t.where[key] = value
	return nil
}

// add holds a tensor's data against its shape and type, and puts it where it belongs.
func (d *decoder) add(t *tensor, name string) error {
	n, ok := pipeline.Product(t.dims)
	if !ok {
		return malformed("tensor %.80q has more than 2^63 elements", name)
	}
	inside := max(t.raw, 0) + t.bytes + t.strings
	typ, known := elements[t.typ]
	switch {
	case !known && t.external:
		d.model.TypesUnknown++ // the object to which it refers explains nothing
		return nil
	case !known:
		if t.typ != typeString || inside > mostText {
			d.model.Unexplained += inside
		}
		if t.typ != typeString {
			d.model.TypesUnknown++
		}
		return nil
	case t.strings > 0:
		return malformed("tensor %.80q holds numbers and texts", name)
	}
	d.data += inside
	high, low := bits.Mul64(n, typ.bits)
	if high != 0 || low > math.MaxInt64-7 {
		return malformed("tensor %.80q has more than 2^63 bits", name)
	}
	size := int64((low + 7) / 8)
	if t.external {
		if inside > 0 {
			return malformed("the data of tensor %.80q are in the model and elsewhere", name)
		}
		return d.addExternal(t, name, typ, size)
	}
	if err := d.fits(t, name, typ, n, size); err != nil {
		return err
	}
	if n <= fewIntegers && typ.dtype.Class() == pipeline.ClassInteger && d.integers+size <= mostIntegers {
		d.integers += size
		return nil
	}
	return d.append(name, typ.dtype, typ.shape(t.dims), max(t.rawAt, 0))
}

// shape is the shape in entries of a table.
func (e element) shape(dims []uint64) []uint64 {
	if e.pack > 1 {
		return append(slices.Clone(dims), e.pack)
	}
	return dims
}

// fits holds the data that are in the model against what the shape calls for.
func (d *decoder) fits(t *tensor, name string, typ element, n uint64, size int64) error {
	switch {
	case t.raw > 0 && t.typed != 0 && t.bytes > 0:
		return malformed("tensor %.80q has its data twice", name)
	case t.raw >= 0 && t.bytes == 0:
		if t.raw != size {
			return malformed("tensor %.80q has %d bytes of data; its shape and type call for %d", name, t.raw, size)
		}
		return nil
	case t.typed == 0 && n > 0:
		return malformed("tensor %.80q has no data", name)
	case t.typed == 0:
		return nil
	case t.typed != typ.typed:
		return malformed("tensor %.80q has its data in a field of another type", name)
	}
	want := (n + typ.share - 1) / typ.share
	switch t.typ {
	case 14, 15: // real and imaginary part
		want = 2 * n
	}
	if t.uncounted {
		// Each number has one to ten bytes.
		if uint64(t.bytes) < want || uint64(t.bytes) > 10*want {
			return malformed("tensor %.80q has %d bytes of data for %d numbers", name, t.bytes, want)
		}
		extra := t.bytes - int64(want)
		d.data -= extra
		d.model.Unexplained += extra
		return nil
	}
	if t.numbers != want {
		return malformed("tensor %.80q has %d numbers; its shape and type call for %d", name, t.numbers, want)
	}
	return nil
}

// addExternal notes a tensor whose data are elsewhere.
func (d *decoder) addExternal(t *tensor, name string, typ element, size int64) error {
	x := External{Name: name, DType: typ.dtype, Shape: slices.Clone(typ.shape(t.dims)), Location: t.where["location"], Bytes: size}
	for key, into := range map[string]*int64{"offset": &x.Offset, "length": &x.Bytes} {
		text, stated := t.where[key]
		if !stated {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return malformed("the place of the data of tensor %.80q states the %s %.40q", name, key, text)
		}
		*into = n
	}
	if x.Bytes != size {
		return malformed("tensor %.80q refers to %d bytes; its shape and type call for %d", name, x.Bytes, size)
	}
	if err := d.room(name + x.Location); err != nil {
		return err
	}
	d.model.External = append(d.model.External, x)
	return nil
}
