package architecture

import (
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
)

// What the search for a layout by shapes alone may cost, in steps: for one layout with
// one choice of its optional tensors, and for all.
const (
	stepsEach = 20_000
	stepsAll  = 400_000
)

// mostDistinct is how many different shapes a model of uniform layers may have. Real
// ones have fewer than twenty.
const mostDistinct = 40

// shapeCount is a shape and how many tensors have it.
type shapeCount struct {
	dims  []uint64
	count uint64
}

// solution is a way in which one layout explains all shapes.
type solution struct {
	family          *family
	layout          *layout
	layers, experts uint64
	symbols         symbols
}

// byShape finds the family that explains the shapes of all tensors, whatever their
// names and dtypes are; nil where none does, or more than one. Where one family does in
// more than one way, a size in which the ways differ is 0.
//
// A layout explains a model where numbers for its symbols, its layers and its experts
// exist such that every tensor is accounted for: lines in a layer count once for each
// layer, lines of experts once for each expert of each layer, all others once.
func byShape(s *structure, families []family) *solution {
	shapes, total := distinct(s)
	if shapes == nil {
		return nil
	}
	left := stepsAll
	var found *solution
	for i := range families {
		f := &families[i]
		for j := range f.layouts {
			l := &f.layouts[j]
			if !l.whole {
				continue
			}
			search := search{family: f, layout: l, shapes: shapes, total: total, left: &left}
			search.run()
			switch {
			case search.exhausted:
				return nil // it might have been this one
			case search.found == nil:
			case found == nil, f.narrowed == found.family.name:
				found = search.found
			case found.family == f:
				found.merge(search.found)
			case found.family.narrowed == f.name: // found asks for more
			default:
				return nil
			}
		}
	}
	return found
}

// distinct returns the different shapes of a structure and the number of tensors, or
// nil where there are too many shapes for a model of uniform layers.
func distinct(s *structure) (shapes []shapeCount, total uint64) {
	if s.scattered || len(s.shapes) > 16*mostDistinct {
		return nil, 0
	}
	counts := map[string]uint64{}
	for key, n := range s.shapes {
		counts[keyDims(key)] += *n
		total += *n
	}
	if len(counts) > mostDistinct {
		return nil, 0
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		dims := make([]uint64, len(key)/8)
		for i := range dims {
			dims[i] = binary.BigEndian.Uint64([]byte(key[8*i:]))
		}
		shapes = append(shapes, shapeCount{dims, counts[key]})
	}
	return shapes, total
}

// merge keeps only what two solutions agree in.
func (s *solution) merge(o *solution) {
	if s.layers != o.layers {
		s.layers = 0
	}
	if s.experts != o.experts {
		s.experts = 0
	}
	for i := range s.symbols {
		if s.symbols[i] != o.symbols[i] {
			s.symbols[i] = 0
		}
	}
}

// search looks for the ways in which one layout explains the shapes.
type search struct {
	family    *family
	layout    *layout
	shapes    []shapeCount
	total     uint64
	left      *int
	found     *solution
	exhausted bool
}

// class is all lines of a layout that have the same dimensions, with the number of
// tensors that they stand for.
type class struct {
	dims []dim
	// single, layered and expert count the lines of each kind, n the tensors.
	single, layered, expert, n uint64
}

// run tries every choice of optional lines.
func (s *search) run() {
	var tags []byte
	for i := range s.layout.lines {
		if l := &s.layout.lines[i]; l.optional && !slices.Contains(tags, l.tag) {
			tags = append(tags, l.tag)
		}
	}
	for choice := range 1 << len(tags) {
		s.choose(func(l *line) bool {
			return !l.optional || choice&(1<<slices.Index(tags, l.tag)) != 0
		})
	}
}

// choose tries one choice of optional lines. The number of tensors leaves few numbers
// of layers and experts: total = single + layers * (layered + experts * expert).
func (s *search) choose(present func(*line) bool) {
	classes := s.classes(present)
	if len(classes) < len(s.shapes) {
		return // every shape must be some class's
	}
	var single, layered, expert uint64
	for _, c := range classes {
		single, layered, expert = single+c.single, layered+c.layered, expert+c.expert
	}
	if s.total <= single || layered == 0 {
		return
	}
	rest := s.total - single
	if expert == 0 {
		if rest%layered == 0 {
			s.solve(classes, rest/layered, 0)
		}
		return
	}
	for layers := uint64(2); layers <= min(mostLayers, rest/(layered+expert)); layers++ {
		if each := rest / layers; rest%layers == 0 && each > layered && (each-layered)%expert == 0 {
			s.solve(classes, layers, (each-layered)/expert)
		}
	}
}

// classes gathers the lines that are present by their dimensions.
func (s *search) classes(present func(*line) bool) []class {
	var out []class
	for i := range s.layout.lines {
		l := &s.layout.lines[i]
		if l.never || !present(l) {
			continue
		}
		k := slices.IndexFunc(out, func(c class) bool { return slices.Equal(c.dims, l.dims) })
		if k < 0 {
			k = len(out)
			out = append(out, class{dims: l.dims})
		}
		switch {
		case !l.stack:
			out[k].single++
		case expertNumber(l.names[0]) > 0:
			out[k].expert++
		default:
			out[k].layered++
		}
	}
	return out
}

// solve assigns every class to a shape, for one number of layers and experts. experts
// is 0 where the layout has no tensor for each expert.
func (s *search) solve(classes []class, layers, experts uint64) {
	if layers < 2 || layers > mostLayers {
		return
	}
	open := slices.Clone(classes)
	for i := range open {
		c := &open[i]
		hi, n := bits.Mul64(layers, c.layered+c.expert*experts)
		if hi != 0 {
			return
		}
		c.n = c.single + n
	}
	remaining := make([]uint64, len(s.shapes))
	for i := range s.shapes {
		remaining[i] = s.shapes[i].count
	}
	b := backtrack{search: s, remaining: remaining, layers: layers, experts: experts, steps: stepsEach}
	b.symbols['E'] = experts
	b.next(open)
	if b.steps < 0 || *s.left < 0 {
		s.exhausted = true
	}
}

// backtrack is one search through the assignments.
type backtrack struct {
	*search
	symbols         symbols
	remaining       []uint64
	layers, experts uint64
	steps           int
}

// next assigns one more of the open classes, the one with the fewest unknown symbols,
// and recurses.
func (b *backtrack) next(open []class) {
	b.steps--
	*b.left--
	if b.steps < 0 || *b.left < 0 {
		return
	}
	if len(open) == 0 {
		b.done()
		return
	}
	pick, fewest := 0, 1<<30
	for i, c := range open {
		unknown := 0
		for _, d := range c.dims {
			if d.symbol != 0 && b.symbols[d.symbol] == 0 {
				unknown++
			}
		}
		if unknown < fewest || unknown == fewest && c.n > open[pick].n {
			pick, fewest = i, unknown
		}
	}
	c := open[pick]
	open[pick] = open[len(open)-1]
	rest := open[:len(open)-1]
	for i := range b.shapes {
		if b.remaining[i] < c.n {
			continue
		}
		before := b.symbols
		if b.unify(c.dims, b.shapes[i].dims) {
			b.remaining[i] -= c.n
			b.next(slices.Clone(rest))
			b.remaining[i] += c.n
		}
		b.symbols = before
	}
}

// unify gives the symbols of the dimensions the numbers of a shape. It reports whether
// that is possible; where it is not, symbols may be changed.
func (b *backtrack) unify(dims []dim, shape []uint64) bool {
	if len(dims) != len(shape) {
		return false
	}
	for i, d := range dims {
		n := shape[i]
		switch {
		case n == 0 || n%d.factor != 0:
			return false
		case d.symbol == 0:
			if n != d.factor {
				return false
			}
		case b.symbols[d.symbol] == 0:
			b.symbols[d.symbol] = n / d.factor
		case b.symbols[d.symbol] != n/d.factor:
			return false
		}
	}
	return true
}

// done takes a full assignment as a solution where it accounts for every tensor and
// all relations hold.
func (b *backtrack) done() {
	for _, n := range b.remaining {
		if n != 0 {
			return
		}
	}
	for _, r := range b.layout.bounds {
		if !r.holds(&b.symbols) {
			return
		}
	}
	found := &solution{family: b.family, layout: b.layout, layers: b.layers, experts: max(b.experts, b.symbols['E']), symbols: b.symbols}
	if b.found == nil {
		b.found = found
	} else {
		b.found.merge(found)
	}
}
