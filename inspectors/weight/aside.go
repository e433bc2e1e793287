package weight

import (
	"cmp"
	"slices"

	"weighbridge/pipeline"
)

// setAside takes buffers off the scale, up to a cap: what is beyond it stays in upper,
// because a large enough "buffer" is a place to hide weights. The cap is 2 % of the
// estimate or 200,000,000 elements, whichever is more (counting.md section 3).
func (s *scale) setAside() {
	var estimate uint64
	for _, g := range s.groups {
		s.add(&estimate, g.adds.estimate)
	}
	room := max(estimate/50, 200_000_000)
	aside := []pipeline.Aside{}
	for _, g := range s.sorted() {
		if g.serves != "" {
			aside = append(aside, pipeline.Aside{Name: g.pattern, Tensors: int64(g.tensors), Elements: int64(g.elements), Reason: "serves a weight packed as " + g.serves})
			continue
		}
		if g.buffer == "" || !s.plausible(g) {
			continue
		}
		for _, h := range g.held {
			s.layerWeights.take(h.cell, h.adds.estimate)
		}
		kept := uint64(0)
		if g.elements > room {
			kept = g.elements - room
			g.reason = "it is named and shaped like a buffer, and too large for one"
		} else {
			for _, h := range g.held {
				s.files[h.table].adds.take(h.adds)
			}
		}
		room -= g.elements - kept
		g.adds = interval{0, 0, s.times(kept, max(1, g.dtype.Bits()))}
		aside = append(aside, pipeline.Aside{Name: g.pattern, Tensors: int64(g.tensors), Elements: int64(g.elements - kept), Reason: g.buffer})
	}
	slices.SortStableFunc(aside, func(a, b pipeline.Aside) int { return cmp.Compare(b.Elements, a.Elements) })
	s.facts.Set("params.set_aside", aside, pipeline.BasisMeasured)
}

// plausible reports whether there are no more buffers of a group than layers.
func (s *scale) plausible(g *group) bool { return s.layers == 0 || g.tensors <= s.layers }

// tiedHead lowers the lower end by one copy where a family that ties its head to the
// embedding stores both: headers cannot show whether the copies are equal. A config
// that says they are not raises it again; one that says they are changes nothing.
func (s *scale) tiedHead() {
	if !tied[s.family] {
		return
	}
	for _, c := range s.readings.Configs {
		if v, ok := c.Bool("tie_word_embeddings"); ok && !v {
			return
		}
	}
	var embedding, head *group
	for _, g := range s.sorted() {
		switch {
		case g.component == embeddingPart && g.tensors == 1 && (embedding == nil || g.elements > embedding.elements):
			embedding = g
		case g.component == headPart && g.tensors == 1 && (head == nil || g.elements > head.elements):
			head = g
		}
	}
	if embedding == nil || head == nil || embedding.dtype != head.dtype || !slices.Equal(embedding.biggest, head.biggest) {
		return
	}
	head.adds.lower = 0
	head.reason = "the family ties its head to the embedding, and both are stored: they may be one"
}

// tied lists the families whose head is the embedding.
var tied = map[string]bool{
	"gpt2": true, "bloom": true, "gemma": true, "gemma2": true, "gemma3": true, "falcon": true, "mpt": true, "opt": true, "t5": true, "cohere": true,
}
