package architecture

import (
	"math/bits"
	"strings"

	"weighbridge/pipeline"
)

// What a structure keeps at most. Real models have some hundreds of patterns and of
// shapes; above these a model is not told by them.
const (
	mostPatterns = 1 << 14
	mostShapes   = 1 << 16
	mostLayers   = 1 << 12
)

// numbers is how many numbers in a name are looked at.
const numbers = 3

// group is all tensors that share a pattern.
type group struct {
	pattern string
	count   int
	// elements is the number of elements of all of them, saturated.
	elements uint64
	// shape is that of the first tensor. varies has a bit for each dimension in which
	// others differ; ranks is true where they differ in their number.
	shape  []uint64
	varies uint64
	ranks  bool
	// container is true where a tensor is of a type that holds no floating point
	// numbers: what is packed in it has another shape.
	container bool
	// seen holds, for each number in the name, the values that occur; last the
	// largest.
	seen [numbers]set
	last [numbers]int
}

// structure is the names and shapes of a model, folded.
type structure struct {
	groups map[string]*group
	// shapes counts tensors by dtype and shape, see shapeKey.
	shapes  map[string]*uint64
	tensors int
	// elements is the number of elements of all tensors, saturated.
	elements uint64
	// crowded is true where there were more patterns than are kept, scattered where
	// there were more shapes.
	crowded, scattered bool
}

// fold groups all tensors of the tables by pattern, and counts their shapes. Its size
// follows the number of different patterns and shapes, up to a limit, and not that of
// tensors.
func fold(tables []*pipeline.Table) *structure {
	s := &structure{groups: map[string]*group{}, shapes: map[string]*uint64{}}
	var buf, key []byte
	var values [numbers]int
	for _, t := range tables {
		for i := range t.Len() {
			tensor := t.At(i)
			elements, _ := tensor.Elements()
			s.tensors++
			s.elements = plus(s.elements, elements)
			key = shapeKey(key[:0], tensor)
			switch n := s.shapes[string(key)]; {
			case n != nil:
				*n++
			case len(s.shapes) < mostShapes:
				one := uint64(1)
				s.shapes[string(key)] = &one
			default:
				s.scattered = true
			}
			buf = pipeline.AppendPattern(buf[:0], tensor.Name)
			g := s.groups[string(buf)]
			if g == nil {
				if len(s.groups) == mostPatterns {
					s.crowded = true
					continue
				}
				g = &group{pattern: string(buf), shape: tensor.Shape}
				s.groups[g.pattern] = g
			}
			g.add(tensor, elements)
			for k, v := range values[:pipeline.Numbers(tensor.Name, values[:])] {
				g.seen[k].add(v)
				g.last[k] = max(g.last[k], v)
			}
		}
	}
	return s
}

func (g *group) add(t pipeline.Tensor, elements uint64) {
	g.count++
	g.elements = plus(g.elements, elements)
	switch t.DType.Class() {
	case pipeline.ClassFloat, pipeline.ClassComplex:
	default:
		g.container = true
	}
	if len(g.shape) != len(t.Shape) {
		g.ranks = true
		return
	}
	for i, d := range t.Shape {
		if d != g.shape[i] && i < 64 {
			g.varies |= 1 << i
		}
	}
}

func plus(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 1<<64 - 1
	}
	return sum
}

// set is a set of small numbers. Those above a limit are not kept.
type set []uint64

func (s *set) add(n int) {
	if n >= mostLayers {
		return
	}
	for len(*s) <= n/64 {
		*s = append(*s, 0)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

func (s set) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// span is one more than the largest member, 0 for none.
func (s set) span() int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 0 {
			return i*64 + bits.Len64(s[i])
		}
	}
	return 0
}

// first returns the smallest member, -1 for none.
func (s set) first() int {
	for i, w := range s {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// union adds all members of o.
func (s *set) union(o set) {
	for len(*s) < len(o) {
		*s = append(*s, 0)
	}
	for i, w := range o {
		(*s)[i] |= w
	}
}

// without removes all members of o.
func (s set) without(o set) {
	for i := range min(len(s), len(o)) {
		s[i] &^= o[i]
	}
}

// missing counts the members of o that s lacks.
func (s set) missing(o set) (n int) {
	for i, w := range o {
		if i < len(s) {
			w &^= s[i]
		}
		n += bits.OnesCount64(w)
	}
	return n
}

// numbersIn counts the numbers in a pattern.
func numbersIn(pattern string) int { return strings.Count(pattern, "{}") }
