package architecture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// match is a layout found in the names of a structure.
type match struct {
	family *family
	layout *layout
	// symbols are the numbers that the dimensions stand for.
	symbols symbols
	// layers are the numbers of the layers, without those that predict further
	// tokens, which further counts; span is one more than the largest of the first,
	// as the second stand behind them. experts is counted from the names.
	layers  set
	further int
	span    int
	experts int
	// elements is how much of the model the layout explains.
	elements uint64
	// absent names tensors outside the layers that are needed and not there.
	absent []string
	// uneven names tensors that are not in every layer; lacking is the most layers
	// that one of them is missing from.
	uneven  []string
	lacking int
	// conflicts names tensors whose shapes do not fit the layout.
	conflicts []string
}

// leastStack is how many needed tensors a layer must have for a part of a model to be
// told by its layers alone.
const leastStack = 6

// better orders matches, the best first: whole models before parts, then by how much
// is explained, then by how well.
func (m *match) better(o *match) int {
	return cmp.Or(
		cmp.Compare(len(m.absent), len(o.absent)),
		cmp.Compare(o.elements, m.elements),
		cmp.Compare(len(m.conflicts)+len(m.uneven), len(o.conflicts)+len(o.uneven)),
		cmp.Compare(o.layout.firm, m.layout.firm),
	)
}

// identify returns the layout that explains the names best, or nil.
func identify(s *structure, families []family) *match {
	if s.crowded {
		return nil
	}
	patterns := slices.Sorted(maps.Keys(s.groups))
	var best *match
	for i := range families {
		f := &families[i]
		for j := range f.layouts {
			l := &f.layouts[j]
			for _, pattern := range patterns {
				prefix, ok := strings.CutSuffix(pattern, l.anchor)
				if !ok {
					prefix, ok = cutPacked(pattern, l.anchor)
				}
				if !ok || (prefix != "" && !strings.HasSuffix(prefix, ".")) {
					continue
				}
				if m := try(s, f, l, prefix); m != nil && (best == nil || m.better(best) < 0) {
					best = m
				}
			}
		}
	}
	return best
}

// packedEnds lists endings that packings put in place of ".weight" or behind a name;
// the shape of such a tensor is not the weight's own (counting.md section 2).
var packedEnds = []string{".qweight", ".weight_packed", ".W_q", ".weight._data", "._weight_qdata", ".q_weight", ".trellis", ".Qidxs", ".codes",
	".indices", ".weight.compressed", ".compressed", ".dense_weights", ".sign_mantissa", ".weight._data._data"}

// packedJoined is the ending for names that do not end in ".weight".
const packedJoined = "_blocks"

// cutPacked returns the prefix of a pattern that is the name in a packing's form.
func cutPacked(pattern, name string) (prefix string, ok bool) {
	stem, isWeight := strings.CutSuffix(name, ".weight")
	if !isWeight {
		rest, joined := strings.CutSuffix(pattern, packedJoined)
		if !joined {
			return "", false
		}
		return strings.CutSuffix(rest, name)
	}
	for _, end := range packedEnds {
		if rest, ok := strings.CutSuffix(pattern, end); ok {
			if prefix, ok := strings.CutSuffix(rest, stem); ok {
				return prefix, true
			}
		}
	}
	return "", false
}

// find returns the group of a tensor below a prefix, and the stem of its packing where
// it is packed.
func (s *structure) find(prefix, name string) (g *group, packed string) {
	if g := s.groups[prefix+name]; g != nil {
		if s.groups[prefix+name+".absmax"] != nil {
			return g, prefix + name
		}
		return g, ""
	}
	stem, isWeight := strings.CutSuffix(name, ".weight")
	if !isWeight {
		if g := s.groups[prefix+name+packedJoined]; g != nil {
			return g, prefix + name
		}
		return nil, ""
	}
	for _, end := range packedEnds {
		if g := s.groups[prefix+stem+end]; g != nil {
			return g, prefix + stem
		}
	}
	return nil, ""
}

// lookup finds the group of a line below the prefix or, for what stands outside the
// stack, below any shorter one: heads, embeddings and towers often stand outside the
// wrapped part.
func (s *structure) lookup(prefix string, l *line) (g *group, packed string) {
	for {
		for _, name := range l.names {
			if g, packed := s.find(prefix, name); g != nil {
				return g, packed
			}
		}
		if prefix == "" || l.stack {
			return nil, ""
		}
		prefix = strings.TrimSuffix(prefix, ".")
		prefix = prefix[:strings.LastIndexByte(prefix, '.')+1]
	}
}

// predictFurther are tensors that only layers for multi-token prediction have; they
// are stored behind the model's own layers and are none of them (counting.md section
// 3, DeepSeek-V3).
var predictFurther = []string{"eh_proj.weight", "nextn.eh_proj.weight"}

// try holds a structure against one layout below one prefix.
func try(s *structure, f *family, l *layout, prefix string) *match {
	m := &match{family: f, layout: l}
	at := numbersIn(prefix)
	if at >= numbers {
		return nil
	}
	further := set{}
	for _, name := range predictFurther {
		if g := s.groups[prefix+l.stack+"."+name]; g != nil {
			further.union(g.seen[at])
		}
	}
	m.further = further.len()
	var everywhere []*group
	for i := range l.lines {
		ln := &l.lines[i]
		g, packed := s.lookup(prefix, ln)
		switch {
		case ln.never && g != nil:
			return nil
		case ln.never, g == nil && ln.optional:
			continue
		case g == nil && (ln.stack || !l.divisible()):
			return nil
		case g == nil:
			m.absent = append(m.absent, ln.names[0])
			continue
		}
		m.elements = plus(m.elements, g.elements)
		if ln.stack {
			m.layers.union(g.seen[at])
			if !ln.some && !ln.optional {
				everywhere = append(everywhere, g)
			}
			if k := expertNumber(ln.names[0]); k > 0 && at+k < numbers {
				m.experts = max(m.experts, g.last[at+k]+1)
			}
		}
		if !m.bind(s, ln, g, packed) {
			return nil
		}
	}
	for _, r := range l.bounds {
		if r.kind == '=' && !r.holds(&m.symbols) {
			return nil
		}
	}
	m.layers.without(further)
	m.span = max(m.layers.span(), further.span()-m.further)
	if l.uncounted {
		return m
	}
	for _, g := range everywhere {
		if n := g.seen[at].missing(m.layers); n > 0 {
			m.uneven = append(m.uneven, g.pattern)
			m.lacking = max(m.lacking, n)
		}
	}
	return m
}

// divisible reports whether the layers of the layout tell it without what stands
// around them.
func (l *layout) divisible() bool { return l.inStack >= leastStack && !l.uncounted }

// expertNumber returns which number of a pattern counts experts, from 0; -1 for none.
func expertNumber(pattern string) int {
	for _, piece := range []string{"experts.{}", ".moe.{}", "ffn_gate.{}", "ffn_up.{}", "ffn_down.{}"} {
		if before, _, ok := strings.Cut(pattern, piece); ok {
			return numbersIn(before)
		}
	}
	return -1
}

// bind holds the shape of a group against its line. It returns false where a number
// that the layout names is another one: then it is another layout.
func (m *match) bind(s *structure, l *line, g *group, packed string) bool {
	if l.unseen {
		return true
	}
	shape, varies, ranks := g.shape, g.varies, g.ranks
	if packed != "" {
		if shape = s.unpacked(packed); shape == nil {
			return true
		}
		varies, ranks = 0, false
	} else if g.container {
		return true
	}
	fits := !ranks && len(shape) == len(l.dims)
	for i := 0; fits && i < len(l.dims); i++ {
		d := l.dims[i]
		switch {
		case d.symbol == anyNumber:
		case varies&(1<<min(i, 63)) != 0:
			fits = false
		case d.symbol == 0:
			if shape[i] != d.factor {
				return false
			}
		case m.symbols[d.symbol] == 0:
			if fits = shape[i]%d.factor == 0; fits {
				m.symbols[d.symbol] = shape[i] / d.factor
			}
		default:
			fits = m.symbols[d.symbol] == shape[i]/d.factor && shape[i]%d.factor == 0
		}
	}
	if !fits {
		m.conflicts = append(m.conflicts, g.pattern)
	}
	return true
}

// unpacked returns the shape of a packed weight where the shapes of its neighbours
// tell it, else nil (counting.md section 2: GPTQ, AWQ, MXFP4 of gpt-oss).
func (s *structure) unpacked(stem string) []uint64 {
	shape := func(end string, rank int) []uint64 {
		g := s.groups[stem+end]
		if g == nil || g.ranks || g.varies != 0 || len(g.shape) != rank {
			return nil
		}
		return g.shape
	}
	scales, weight := shape(".scales", 2), shape(".qweight", 2)
	switch index := shape(".g_idx", 1); {
	case scales != nil && weight != nil && index != nil:
		return []uint64{scales[1], index[0]}
	case scales != nil && weight != nil && weight[1]*8 == scales[1]:
		return []uint64{scales[1], weight[0]}
	}
	if blocks := shape(packedJoined, 4); blocks != nil && blocks[3] == 16 && blocks[2] <= 1<<32 {
		return []uint64{blocks[0], blocks[2] * 32, blocks[1]} // stored with the sides exchanged
	}
	return nil
}

// expertCount is the number of experts in a layer: by the router's rows, or by names.
func (m *match) expertCount() int64 {
	return max(int64(min(m.symbols['E'], 1<<31)), int64(m.experts))
}

// count is the number of layers, 0 where they are not counted.
func (m *match) count() int64 {
	if m.layout.uncounted {
		return 0
	}
	return int64(m.layers.len())
}

// gaps says in words why the layers that are there cannot be all of a model, or is
// empty.
func (m *match) gaps() (reasons []string) {
	n, span := m.layers.len(), m.span
	switch first := m.layers.first(); {
	case m.layout.uncounted, n == 0:
	case first > 0:
		reasons = append(reasons, fmt.Sprintf("the layers begin at number %d; %d of at least %d are here", first, n, span))
	case n < span:
		reasons = append(reasons, fmt.Sprintf("the layers have gaps; %d of at least %d are here", n, span))
	}
	if len(m.absent) > 0 {
		reasons = append(reasons, fmt.Sprintf("the layout %s has %s, which is not here", m.family.name, strings.Join(m.absent, " and ")))
	}
	switch more := len(m.uneven) - 1; {
	case more == 0:
		reasons = append(reasons, fmt.Sprintf("%s is missing from %d of the %d layers", m.uneven[0], m.lacking, n))
	case more > 0:
		reasons = append(reasons, fmt.Sprintf("%s and %d more tensors of a layer are missing from up to %d of the %d layers", m.uneven[0], more, m.lacking, n))
	}
	return reasons
}
