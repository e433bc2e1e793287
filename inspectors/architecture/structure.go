package architecture

import (
	"slices"

	"weighbridge/pipeline"
)

// group is all tensors that share a pattern.
type group struct {
	pattern string
	count   int
	// shape is that of the first tensor; uniform is false where others differ.
	shape   []uint64
	uniform bool
	// layers holds the first number of each name, experts one more than the largest
	// second number.
	layers  map[int]struct{}
	experts int
}

// structure is the names of a model, folded by layer and expert.
type structure struct {
	groups  map[string]*group
	tensors int
}

// fold groups all tensors of all tables by pattern. Its size follows the number of
// different patterns and layers, not of tensors.
func fold(tables []*pipeline.Table) structure {
	s := structure{groups: map[string]*group{}}
	var buf []byte
	var numbers [2]int
	for _, t := range tables {
		for i := range t.Len() {
			tensor := t.At(i)
			s.tensors++
			buf = pipeline.AppendPattern(buf[:0], tensor.Name)
			g := s.groups[string(buf)]
			if g == nil {
				g = &group{pattern: string(buf), shape: tensor.Shape, uniform: true, layers: map[int]struct{}{}}
				s.groups[g.pattern] = g
			}
			g.count++
			if g.uniform && !slices.Equal(g.shape, tensor.Shape) {
				g.uniform = false
			}
			switch n := pipeline.Numbers(tensor.Name, numbers[:]); {
			case n == 2:
				g.experts = max(g.experts, numbers[1]+1)
				fallthrough
			case n == 1:
				g.layers[numbers[0]] = struct{}{}
			}
		}
	}
	return s
}
