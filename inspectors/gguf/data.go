package gguf

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"weighbridge/pipeline"
)

// data holds the tensors' places against each other and against the end of the file,
// and finds what no tensor accounts for.
func (d *decoder) data() error {
	t := d.header.Table
	begin := uint64(d.at)
	alignment := uint64(d.header.Alignment)
	if over := begin % alignment; over != 0 {
		begin += alignment - over
	}
	size := uint64(d.size)
	if begin > size && t.Len() > 0 {
		return d.malformed("the file is cut: it ends before the data of its tensors begins")
	}
	t.Shift(begin)
	order := d.placed()
	end := begin
	padding := min(begin, size) - uint64(d.at)
	for k, i := range order {
		tensor := t.At(int(i))
		if tensor.Offset < end {
			return d.malformed("tensor %s shares %d bytes with another tensor", quote([]byte(tensor.Name)), end-tensor.Offset)
		}
		if gap := tensor.Offset - end; gap < alignment {
			padding += gap
		} else {
			d.unexplained(gap, "a hole of %d bytes lies before tensor %s", gap, quote([]byte(tensor.Name)))
		}
		end = tensor.Offset + tensor.Bytes()
		if tensor.DType == pipeline.DTypeUnknown {
			end = size
			if k+1 < len(order) {
				end = min(t.At(int(order[k+1])).Offset, size)
			}
			d.unknown(tensor, end)
		}
		if end > size || tensor.Offset > size {
			return d.malformed("the file is cut: tensor %s ends at byte %d and the file at %d", quote([]byte(tensor.Name)), end, size)
		}
	}
	if behind := size - min(end, size); behind < alignment {
		padding += behind
	} else {
		d.unexplained(behind, "%d bytes follow the last tensor", behind)
	}
	if padding > mostPadding && padding > uint64(t.Len())*defaultAlignment {
		d.unexplained(padding, "%d bytes lie between the tensors to align them", padding)
	}
	return nil
}

// placed returns the tensors in the order of their data. Of tensors that begin at one
// place, those without data come first.
func (d *decoder) placed() []int32 {
	t := d.header.Table
	order := make([]int32, t.Len())
	for i := range order {
		order[i] = int32(i)
	}
	bytes := func(i int32) uint64 { return t.At(int(i)).Bytes() }
	slices.SortStableFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(d.offsets[a], d.offsets[b]), cmp.Compare(bytes(a), bytes(b)))
	})
	return order
}

// unknown counts a tensor whose type is not known, and whose data ends at end at the
// latest. Each byte may hold eight parameters; where its shape says more, that holds.
func (d *decoder) unknown(tensor pipeline.Tensor, end uint64) {
	elements, _ := tensor.Elements()
	room := end - min(tensor.Offset, end)
	d.unexplained(max(room, elements/8+min(elements%8, 1)), "tensor %s is of a type that is not known", quote([]byte(tensor.Name)))
}

// mostWhy is how many reasons are spelled out.
const mostWhy = 5

// unexplained adds bytes that nothing accounts for.
func (d *decoder) unexplained(n uint64, format string, args ...any) {
	h := &d.header
	if sum := uint64(h.Unexplained) + min(n, math.MaxInt64); sum <= math.MaxInt64 {
		h.Unexplained = int64(sum)
	} else {
		h.Unexplained = math.MaxInt64
	}
	if len(h.Why) < mostWhy {
		h.Why = append(h.Why, fmt.Sprintf(format, args...))
	}
}
