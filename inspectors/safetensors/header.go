package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"weighbridge/pipeline"
)

// Limits of a header. The length is the reference reader's MAX_HEADER_SIZE
// (safetensors tensor.rs); the others are Weighbridge's own and far above any real
// file.
const (
	// MaxHeader is the largest header in bytes, without the eight that hold its
	// length. One more is refused.
	MaxHeader = 100_000_000
	// MaxTensors is the largest number of tensors in one file.
	MaxTensors = 5_000_000
	// MaxName is the largest length of a tensor's name in bytes.
	MaxName = 64 << 10
	// MaxRank is the largest number of dimensions: no tensor library has more.
	MaxRank = 64

	// maxMetadata is how many bytes of the header's own metadata are kept.
	maxMetadata = 1 << 20
)

const metadataKey = "__metadata__"

// Header is a header that kept all the rules.
type Header struct {
	// Table lists the tensors in the order of the file. Offsets count from the
	// start of the object.
	Table *pipeline.Table
	// NamesEmpty, NamesAlike and EmptyHuge count what is allowed and odd: see
	// [pipeline.Headers].
	NamesEmpty, NamesAlike, EmptyHuge int64
}

// HeaderLength returns the length that the first eight bytes of a file state, in
// bytes, after checking it against the limits and the file's size.
//
// The error matches [pipeline.ErrMalformed] where the file cannot hold such a
// header, or states one longer than [MaxHeader].
func HeaderLength(head []byte, size int64) (int64, error) {
	if len(head) < 8 || size < 8 {
		return 0, &pipeline.Error{Code: pipeline.CodeMalformed,
			Message: fmt.Sprintf("the file has %d bytes; a safetensors file has at least 8", size)}
	}
	n := binary.LittleEndian.Uint64(head)
	if n > MaxHeader {
		return 0, &pipeline.Error{Code: pipeline.CodeMalformed,
			Message: fmt.Sprintf("the first eight bytes state a header of %d bytes; at most %d are allowed", n, MaxHeader)}
	}
	if int64(n) > size-8 {
		return 0, &pipeline.Error{Code: pipeline.CodeMalformed,
			Message: fmt.Sprintf("the header states %d bytes and only %d follow", n, size-8)}
	}
	if n == 0 {
		return 0, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the first eight bytes state a header of no bytes"}
	}
	return int64(n), nil
}

// DecodeHeader reads the n bytes of JSON that follow the length of a file of size
// bytes, in one pass, as they arrive. r must yield at least n bytes. The caller has
// checked n with [HeaderLength].
//
// It holds the header to the acceptance profile (counting.md section 1.6): one
// object, valid UTF-8, each key once, the exact keys dtype, shape and data_offsets,
// plain whole numbers, a known type, span equal to shape times type, offsets
// contiguous from 0 to the end of the file. Where the reference reader is laxer
// (tuple form, unknown keys, repeated names) the file is refused all the same: it
// loads, and two loaders can see two models in it.
//
// Errors match [pipeline.ErrMalformed], or are those of r.
func DecodeHeader(r io.Reader, n, size int64) (*Header, error) {
	d := &decoder{
		scanner: newScanner(r, n),
		table:   &pipeline.Table{Format: Format, HeaderEnd: 8 + n},
		data:    uint64(8 + n),
		ordered: true,
	}
	d.names.table = d.table
	if err := d.document(); err != nil {
		return nil, err
	}
	if name, ok := d.names.finish(); ok {
		return nil, d.malformed("tensor %s is listed twice", quote([]byte(name)))
	}
	if err := d.contiguous(uint64(size)); err != nil {
		return nil, err
	}
	d.header.Table = d.table
	if d.foldable {
		d.header.NamesAlike = namesAlike(d.table)
	}
	header := d.header // a copy, which does not keep the decoder and its window alive
	return &header, nil
}

type decoder struct {
	*scanner
	table  *pipeline.Table
	names  uniqueNames
	header Header

	data    uint64 // offset of the first tensor's data in the file
	ordered bool   // tensors came in the order of their data so far
	next    uint64 // where the next tensor's data must begin while ordered

	metadataSeen bool
	metadataKept int

	foldable bool // some name holds an upper-case letter or a byte above ASCII

	plain plainForms
	dims  [MaxRank]uint64
}

// shape is a shape that was checked and is in the table.
type shape struct {
	id       uint32
	elements uint64
	huge     bool
}

// document scans the one object of a header.
func (d *decoder) document() error {
	err := d.atom(func() error { return d.expect('{', "at the start of the header") })
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		if err := d.outerSpace(); err != nil {
			return err
		}
		done := false
		metadata := false
		err := d.atom(func() error {
			var err error
			done, metadata, err = d.entry(first)
			return err
		})
		if err != nil {
			return err
		}
		if done {
			return d.end()
		}
		if metadata {
			if err := d.metadata(); err != nil {
				return err
			}
		}
		if err := d.plainTensors(); err != nil {
			return err
		}
	}
}

// entry scans one tensor, the closing brace, or the key of the metadata.
func (d *decoder) entry(first bool) (done, metadata bool, err error) {
	c, err := d.peek()
	if err != nil {
		return false, false, err
	}
	if c == '}' {
		d.pos++
		return true, false, nil
	}
	if !first {
		if c != ',' {
			return false, false, d.malformed("a comma is expected after a tensor, found %q", string(rune(c)))
		}
		d.pos++
	}
	name, err := d.text("a tensor's name")
	if err != nil {
		return false, false, err
	}
	if string(name) == metadataKey {
		return false, true, d.expect(':', "after the metadata's name")
	}
	return false, false, d.tensor(name)
}

// addShape checks a shape and puts it into the table. It reports false where the
// product does not fit 63 bits.
func (d *decoder) addShape(dims []uint64) (shape, bool) {
	elements := uint64(1)
	huge := false
	for _, dim := range dims {
		// From left to right, as the reference does: a zero in front makes the
		// product zero, one behind does not undo an overflow.
		hi, lo := bits.Mul64(elements, dim)
		if hi != 0 || lo > math.MaxInt64 {
			return shape{}, false
		}
		elements = lo
		huge = huge || dim > 1<<32
	}
	return shape{d.table.AddShape(dims), elements, huge && elements == 0}, true
}

// tensor is the long way: any order of keys, any white space.
func (d *decoder) tensor(name []byte) error {
	// text may reuse its buffer for the keys below.
	name = slices.Clone(name)
	if err := d.expect(':', "after a tensor's name"); err != nil {
		return err
	}
	if c, err := d.peek(); err != nil {
		return err
	} else if c != '{' {
		return d.malformed("tensor %s is not an object", quote(name))
	}
	d.pos++
	var (
		dtype                pipeline.DType
		rank                 int
		offsets              [2]uint64
		hasType, hasShape    bool
		hasOffsets, hasFirst bool
	)
	for {
		c, err := d.peek()
		if err != nil {
			return err
		}
		if c == '}' {
			d.pos++
			break
		}
		if hasFirst {
			if err := d.expect(',', "between the keys of a tensor"); err != nil {
				return err
			}
		}
		hasFirst = true
		key, err := d.text("a tensor's key")
		if err != nil {
			return err
		}
		var seen *bool
		switch string(key) {
		case "dtype":
			seen = &hasType
		case "shape":
			seen = &hasShape
		case "data_offsets":
			seen = &hasOffsets
		default:
			return d.malformed("tensor %s has the key %s; only dtype, shape and data_offsets are allowed", quote(name), quote(key))
		}
		if *seen {
			return d.malformed("tensor %s states %s twice", quote(name), key)
		}
		*seen = true
		if err := d.expect(':', "after a tensor's key"); err != nil {
			return err
		}
		switch seen {
		case &hasType:
			dtype, err = d.typeName(name)
		case &hasShape:
			rank, err = d.numbers(d.dims[:], dimensionOf, name)
		default:
			var n int
			n, err = d.numbers(offsets[:], offsetOf, name)
			if err == nil && n != 2 {
				err = d.malformed("tensor %s has %d data offsets in place of 2", quote(name), n)
			}
		}
		if err != nil {
			return err
		}
	}
	if !hasType || !hasShape || !hasOffsets {
		return d.malformed("tensor %s lacks one of dtype, shape and data_offsets", quote(name))
	}
	if slices.Contains(name, 0) {
		return d.malformed("the name of tensor %s holds a NUL, at which some loaders stop reading", quote(name))
	}
	sh, ok := d.addShape(d.dims[:rank])
	if !ok {
		return d.malformed("the shape of tensor %s holds more than 2^63-1 elements", quote(name))
	}
	d.foldable = d.foldable || foldable(string(name))
	return d.add(name, dtype, sh, offsets[0], offsets[1])
}

func (d *decoder) typeName(name []byte) (pipeline.DType, error) {
	text, err := d.text("a dtype")
	if err != nil {
		return 0, err
	}
	dtype, ok := pipeline.DTypeOf(text)
	if !ok {
		return 0, d.malformed("tensor %s has the unknown dtype %s", quote(name), quote(text))
	}
	return dtype, nil
}

const (
	dimensionOf = "a dimension"
	offsetOf    = "a data offset"
)

// numbers scans a list of at most len(into) numbers and returns how many there are.
func (d *decoder) numbers(into []uint64, what string, name []byte) (int, error) {
	c, err := d.peek()
	if err != nil {
		return 0, err
	}
	if c != '[' {
		return 0, d.malformed("a list is expected for %s of tensor %s", what, quote(name))
	}
	d.pos++
	for n := 0; ; n++ {
		c, err := d.peek()
		if err != nil {
			return 0, err
		}
		if c == ']' {
			d.pos++
			return n, nil
		}
		if n > 0 {
			if err := d.expect(',', "between numbers"); err != nil {
				return 0, err
			}
		}
		if n == len(into) {
			return 0, d.malformed("tensor %s has more than %d numbers where %s stands", quote(name), len(into), what)
		}
		if into[n], err = d.number(what); err != nil {
			return 0, err
		}
	}
}

// add checks one tensor and appends it to the table.
func (d *decoder) add(name []byte, dtype pipeline.DType, sh shape, begin, end uint64) error {
	if len(name) > MaxName {
		return d.malformed("a tensor's name has %d bytes; at most %d are allowed", len(name), MaxName)
	}
	if d.table.Len() == MaxTensors {
		return d.malformed("the header lists more than %d tensors", MaxTensors)
	}
	if d.names.add(name) {
		return d.malformed("tensor %s is listed twice", quote(name))
	}
	if len(name) == 0 {
		d.header.NamesEmpty++
	}
	if sh.huge {
		d.header.EmptyHuge++
	}
	if end < begin {
		return d.malformed("tensor %s ends at %d, before it begins at %d", quote(name), end, begin)
	}
	size, ok := dtype.Size(sh.elements)
	switch {
	case !ok:
		return d.malformed("the elements of tensor %s do not fill whole bytes", quote(name))
	case size != end-begin:
		return d.malformed("tensor %s spans %d bytes; its shape and dtype need %d", quote(name), end-begin, size)
	case end > math.MaxInt64-d.data:
		return d.malformed("tensor %s ends beyond 2^63-1", quote(name))
	}
	d.ordered = d.ordered && begin == d.next
	d.next = end
	d.table.AppendShaped(name, dtype, sh.id, d.data+begin)
	return nil
}

// contiguous requires that the tensors cover the file from the header to its last
// byte, without a hole and without sharing a byte.
func (d *decoder) contiguous(size uint64) error {
	end := d.data
	if d.ordered {
		end += d.next
	} else {
		order := make([]int32, d.table.Len())
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(a, b int32) int {
			ta, tb := d.table.At(int(a)), d.table.At(int(b))
			if ta.Offset != tb.Offset {
				return compare(ta.Offset, tb.Offset)
			}
			return compare(ta.Bytes(), tb.Bytes())
		})
		for _, i := range order {
			t := d.table.At(int(i))
			switch {
			case t.Offset > end:
				return d.malformed("a hole of %d bytes lies before tensor %s", t.Offset-end, quote([]byte(t.Name)))
			case t.Offset < end:
				return d.malformed("tensor %s shares %d bytes with another tensor", quote([]byte(t.Name)), end-t.Offset)
			}
			end += t.Bytes()
		}
	}
	switch {
	case end < size:
		return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf("%d bytes follow the last tensor", size-end)}
	case end > size:
		return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf("the file is cut: %d bytes of its tensors are missing", end-size)}
	}
	return nil
}

func compare(a, b uint64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// metadata scans the header's own metadata: null, or texts by name, each name once.
func (d *decoder) metadata() error {
	if d.metadataSeen {
		return d.malformed("the header's metadata is listed twice")
	}
	d.metadataSeen = true
	null := false
	err := d.atom(func() error {
		c, err := d.peek()
		if err != nil {
			return err
		}
		if c != 'n' {
			return d.expect('{', "before the header's metadata")
		}
		if len(d.buf)-d.pos < 4 {
			return errShort
		}
		if string(d.buf[d.pos:d.pos+4]) != "null" {
			return d.malformed("the header's metadata is no object")
		}
		d.pos += 4
		null = true
		return nil
	})
	if err != nil || null {
		return err
	}
	d.table.Metadata = map[string]string{}
	var keys pipeline.Table
	seen := newNameSet(0)
	keyAt := func(i int) string { return keys.At(i).Name }
	for first := true; ; first = false {
		if err := d.outerSpace(); err != nil {
			return err
		}
		done := false
		err := d.atom(func() error {
			c, err := d.peek()
			if err != nil {
				return err
			}
			if c == '}' {
				d.pos++
				done = true
				return nil
			}
			if !first {
				if err := d.expect(',', "between entries of the metadata"); err != nil {
					return err
				}
			}
			text, err := d.text("a metadata name")
			if err != nil {
				return err
			}
			key := string(text)
			if err := d.expect(':', "after a metadata name"); err != nil {
				return err
			}
			value, err := d.text("the metadata " + quote([]byte(key)))
			if err != nil {
				return err
			}
			if seen.insert([]byte(key), keys.Len(), keyAt) >= 0 {
				return d.malformed("the metadata %s is listed twice", quote([]byte(key)))
			}
			keys.Append([]byte(key), pipeline.DTypeUnknown, nil, 0)
			if d.metadataKept += len(key) + len(value); d.metadataKept <= maxMetadata {
				d.table.Metadata[key] = string(value)
			}
			return nil
		})
		if err != nil || done {
			return err
		}
	}
}

// quote shows a name from a file in a message: quoted, cut to a readable length.
func quote(name []byte) string {
	const most = 120
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
