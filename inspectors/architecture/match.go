package architecture

import (
	"maps"
	"slices"
	"strings"
)

// match is a layout found in a structure.
type match struct {
	family *family
	// symbols are the numbers that the dimensions stand for.
	symbols map[string]uint64
	// layers and experts are counted from the names.
	layers, experts int
	// required is how many tensors of the layout were found: the most specific
	// layout wins.
	required int
	// conflicts names tensors whose shapes do not fit the layout.
	conflicts []string
}

// packed lists endings that packings put in place of ".weight"; the shape behind them
// is not the tensor's own.
var packed = []string{".qweight", ".weight_packed", ".W_q"}

// identify returns the most specific layout whose names are all there, or nil.
func identify(s structure, candidates []family) *match {
	var best *match
	for i := range candidates {
		f := &candidates[i]
		for _, prefix := range prefixes(s, f) {
			m := try(s, f, prefix)
			if m != nil && (best == nil || m.required > best.required) {
				best = m
			}
		}
	}
	return best
}

// prefixes returns what wrappers have put before the layers' names, judged by the
// first tensor of the layout that stands in a layer.
func prefixes(s structure, f *family) []string {
	anchor := ""
	for _, l := range f.lines {
		if strings.Contains(l.names[0], "{}") {
			anchor = l.names[0]
			break
		}
	}
	var out []string
	for _, pattern := range slices.Sorted(maps.Keys(s.groups)) {
		if prefix, ok := strings.CutSuffix(pattern, anchor); ok && (prefix == "" || strings.HasSuffix(prefix, ".")) {
			out = append(out, prefix)
		}
	}
	return out
}

// lookup finds the group of a layout's tensor below the prefix or, because heads and
// embeddings often stand outside the wrapped part, below any shorter one.
func (s structure) lookup(prefix, name string) (g *group, isPacked bool) {
	for {
		if g := s.groups[prefix+name]; g != nil {
			return g, false
		}
		if stem, ok := strings.CutSuffix(name, ".weight"); ok {
			for _, end := range packed {
				if g := s.groups[prefix+stem+end]; g != nil {
					return g, true
				}
			}
		}
		if prefix == "" || strings.Contains(name, "{}") {
			return nil, false
		}
		prefix = strings.TrimSuffix(prefix, ".")
		prefix = prefix[:strings.LastIndex(prefix, ".")+1]
	}
}

// try holds a structure against one layout.
func try(s structure, f *family, prefix string) *match {
	m := &match{family: f, symbols: map[string]uint64{}}
	for _, l := range f.lines {
		var g *group
		var isPacked bool
		for _, name := range l.names {
			if g, isPacked = s.lookup(prefix, name); g != nil {
				break
			}
		}
		switch {
		case l.never && g != nil:
			return nil
		case l.never:
			continue
		case g == nil && l.optional:
			continue
		case g == nil:
			return nil
		}
		m.required++
		if m.layers == 0 {
			m.layers = len(g.layers)
		}
		m.experts = max(m.experts, g.experts)
		if l.dims != nil && !isPacked {
			m.bind(l, g)
		}
	}
	if g, _ := s.lookup(prefix, predictsFurther); g != nil {
		m.layers -= len(g.layers)
	}
	return m
}

// predictsFurther is a tensor that only layers for multi-token prediction have; they
// are stored behind the model's own layers and are none of them (counting.md section
// 3, DeepSeek-V3).
const predictsFurther = "layers.{}.eh_proj.weight"

// bind holds the shape of a group against the symbols of its line.
func (m *match) bind(l line, g *group) {
	fits := g.uniform && len(g.shape) == len(l.dims)
	for i := 0; fits && i < len(l.dims); i++ {
		known, ok := m.symbols[l.dims[i]]
		if !ok {
			m.symbols[l.dims[i]] = g.shape[i]
		}
		fits = !ok || known == g.shape[i]
	}
	if !fits {
		m.conflicts = append(m.conflicts, g.pattern)
	}
}
