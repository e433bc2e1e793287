package weight

import (
	"fmt"
	"slices"

	"weighbridge/pipeline"
)

// mostFlat is how many elements a tensor of floats may have whatever its shape is:
// above the longest vocabulary.
const mostFlat = 1 << 20

// alone says what a tensor adds that no packing explains.
//
// Floats of sixteen bits and more count as they are, with one exception for upper: a
// large tensor that looks like no matrix of the model may be a container (a long row;
// or no side that is a width of the model's norms or a multiple of its hidden size).
// Floats of eight bits must look like a matrix of the model whatever their size.
func (s *scale) alone(tensor pipeline.Tensor, elements uint64) (interval, string) {
	switch tensor.DType.Class() {
	case pipeline.ClassFloat:
		odd := ""
		switch eight := tensor.DType.Bits() <= 8; {
		case elements <= leastWidth, !eight && elements <= mostFlat && !s.widths.column(tensor.Shape, elements):
		case longRow(tensor.Shape, elements):
			odd = "a long row of floats may be a container for packed parameters, so each byte may hold eight"
		case eight && !s.widths.whole(tensor.Shape), !eight && !s.widths.fits(tensor.Shape):
			odd = "its sides are nowhere else in the model, so the floats may be a container and each byte may hold eight parameters"
		}
		if block, _ := tensor.DType.Block(); odd != "" && block == 1 {
			return interval{elements, elements, max(elements, s.times(tensor.Bytes(), perByte))}, odd
		}
		return interval{elements, elements, elements}, ""
	case pipeline.ClassComplex:
		n := s.times(elements, 2)
		return interval{n, n, n}, ""
	}
	return interval{0, 0, s.times(tensor.Bytes(), perByte)},
		fmt.Sprintf("%s may be a container for several parameters; no packing explains it, so each byte may hold eight", tensor.DType)
}

// What floats of odd shapes may have in elements before they are seen as containers, one
// that is too small to be noted and all others together: models have a few biases as
// long as the vocabulary.
const (
	leastSpare   = 4096
	mostSpareSum = 4 << 20
)

// spare notes floats that are too small to be suspect by themselves.
func (s *scale) spare(t pipeline.Tensor, elements uint64, adds interval) {
	if t.DType.Class() != pipeline.ClassFloat || t.DType.Bits() < 16 || elements <= leastSpare || adds.upper != elements {
		return
	}
	if (longRow(t.Shape, elements) && !s.widths.known[slices.Max(t.Shape)]) || !s.widths.fits(t.Shape) {
		s.add(&s.spares.elements, elements)
		s.add(&s.spares.capacity, s.times(t.Bytes(), perByte))
	}
}

// smallParts adds what small floats of odd shapes could hold where there are many.
func (s *scale) smallParts() {
	if s.spares.elements > mostSpareSum {
		s.widen("small tensors of odd shapes", interval{upper: s.spares.capacity - s.spares.elements},
			"their sides are nowhere else in the model and there are many, so they may be containers and each byte may hold eight parameters")
	}
}

// longRow reports whether nearly all of a shape lies in one dimension.
func longRow(shape []uint64, elements uint64) bool {
	if len(shape) == 0 {
		return false
	}
	longest := slices.Max(shape)
	return longest > 0 && elements/longest < 4
}
