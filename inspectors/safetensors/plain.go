package safetensors

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"weighbridge/pipeline"
)

// This file is the short way through a header: tensors in the exact text that all known
// writers make. It decides nothing by itself. Whatever it does not know word for word,
// errors too, it leaves to the long way, with nothing consumed.

// The pieces of a tensor behind its name.
const (
	plainType    = `:{"dtype":"`
	plainShape   = `","shape":[`
	plainOffsets = `],"data_offsets":[`
	plainEnd     = `]}`

	// plainText bounds the text from the name to the offsets, plainRoom that text with
	// two offsets of sixteen digits behind it and what is read with them at once.
	plainText = 256
	plainRoom = plainText + 64
	// plainDims is the most dimensions of a tensor on the short way.
	plainDims = 8
)

// form is a text between name and offsets that was met before, with what it means. A
// header has few of them, in an order that repeats with its layers.
type form struct {
	text  string
	dtype pipeline.DType
	shape shape
	size  uint64 // in bytes
	next  uint8  // the slot of the one that followed it last time
}

// plainForms finds forms by their text. A slot that was not used has no text.
type plainForms [64]form

// plainTensors adds the tensors that follow each other in the plain text, as far as the
// window reaches. What belongs to the tensor before lives in local variables: most names
// begin as the one before, most tensors begin where the one before ends, and the form is
// mostly the one that followed last time.
func (d *decoder) plainTensors() error {
	var (
		before = d.names.plainBefore() // the name before
		ended  = []byte{':'}           // the text of the offset at which it ended; no number
		last   uint8                   // the slot of its form
	)
	for d.pos+1 < len(d.buf) && d.buf[d.pos] == ',' && d.buf[d.pos+1] == '"' {
		b := d.buf[d.pos+2:]
		common := shared(before, b)
		n, upper := plainName(b[common:])
		if n += common; n < max(common, 1) || n > MaxName || len(b)-n < plainRoom {
			return nil
		}
		name := b[:n:n]
		i := n + 1
		f := &d.plain[d.plain[last].next]
		if f.text == "" || string(b[i:i+len(f.text)]) != f.text {
			slot, ok := d.form(b[i:])
			if !ok {
				return nil
			}
			d.plain[last].next, f = slot, &d.plain[slot]
		}
		last = d.plain[last].next
		i += len(f.text)
		begin := d.next
		k := len(ended)
		if string(b[i:i+k]) != string(ended) || b[i+k] != ',' {
			if begin, k = plainNumber(b[i:]); k == 0 || b[i+k] != ',' {
				return nil
			}
		}
		i += k + 1
		end, k := plainNumber(b[i:])
		if k == 0 || b[i+k] != plainEnd[0] || b[i+k+1] != plainEnd[1] {
			return nil
		}
		// The long way says which of these it is.
		if end-begin != f.size || end < begin || end > math.MaxInt64-d.data ||
			d.table.Len() == MaxTensors || string(name) == metadataKey {
			return nil
		}
		if d.names.addAt(before, name, common) {
			return d.malformed("tensor %s is listed twice", quote(name))
		}
		d.foldable = d.foldable || upper
		if f.shape.huge {
			d.header.EmptyHuge++
		}
		d.ordered = d.ordered && begin == d.next
		d.next = end
		d.table.AppendShaped(name, f.dtype, f.shape.id, d.data+begin)
		before, ended = name, b[i:i+k]
		d.pos += 2 + i + k + len(plainEnd)
	}
	return nil
}

// form returns the slot of the form at the start of b, reading it where it was not met
// before; ok is false where there is none.
func (d *decoder) form(b []byte) (slot uint8, ok bool) {
	n := bytes.IndexByte(b[:plainText-len(plainOffsets)], ']')
	if n < len(plainType)+len(plainShape) {
		return 0, false
	}
	text := b[:n+len(plainOffsets)]
	at := len(plainType)
	hash := binary.LittleEndian.Uint64(text[at:])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(text[n-8:])
	slot = uint8(hash * 0x9e3779b97f4a7c15 >> 58)
	f := &d.plain[slot]
	if f.text == string(text) {
		return slot, true
	}
	if string(text[:at]) != plainType || string(text[n:]) != plainOffsets {
		return 0, false
	}
	quoted := bytes.IndexByte(text[at:n], '"')
	if quoted < 0 || n-at-quoted < len(plainShape) || string(text[at+quoted:at+quoted+len(plainShape)]) != plainShape {
		return 0, false
	}
	dtype, ok := pipeline.DTypeOf(text[at : at+quoted])
	if !ok {
		return 0, false
	}
	rank, ok := plainList(b[at+quoted+len(plainShape):], n-at-quoted-len(plainShape), &d.dims)
	if !ok {
		return 0, false
	}
	sh, ok := d.addShape(d.dims[:rank])
	if !ok {
		return 0, false
	}
	size, ok := dtype.Size(sh.elements)
	if !ok {
		return 0, false
	}
	f.text, f.dtype, f.shape, f.size = string(text), dtype, sh, size
	return slot, true
}

// plainList reads the dimensions in the first n bytes of b, without white space.
func plainList(b []byte, n int, into *[MaxRank]uint64) (rank int, ok bool) {
	for i := 0; i < n; {
		v, k := plainNumber(b[i:])
		if k == 0 || rank == plainDims {
			return 0, false
		}
		into[rank] = v
		rank++
		if i += k; i < n {
			if b[i] != ',' || i+1 == n {
				return 0, false
			}
			i++
		}
	}
	return rank, true
}

// pow10 holds the powers of ten up to that of a word of digits.
var pow10 = [9]uint64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

// plainNumber reads a number of up to sixteen digits and returns it with the count of
// its digits, or 0 where the text is anything else, has a leading zero or more digits.
// Sixteen bytes of b and one more must be there.
func plainNumber(b []byte) (uint64, int) {
	v, k := digits(binary.LittleEndian.Uint64(b))
	if k == 8 {
		low, more := digits(binary.LittleEndian.Uint64(b[8:]))
		v, k = v*pow10[more]+low, k+more
	}
	if k == 16 && isDigit(b[16]) || b[0] == '0' && k > 1 {
		return 0, 0
	}
	return v, k
}

// digits reads the digits at the start of a word of text and returns their value and
// count.
func digits(w uint64) (v uint64, count int) {
	w ^= lows * '0'
	// The high bit of each byte that is no digit; a carry can only flag bytes after a
	// true one.
	other := (w + lows*(0x80-10) | w) & highs
	count = bits.TrailingZeros64(other) / 8
	if count == 0 {
		return 0, 0
	}
	// The digits move to the end of the word, behind zeros. Then pairs, fours and eights
	// of them are put together, all at once.
	w <<= 64 - 8*uint(count)
	w = w*10 + w>>8
	w = (w&0x000000ff000000ff*(1_000_000<<32+100) + w>>16&0x000000ff000000ff*(10_000<<32+1)) >> 32
	return w, count
}
