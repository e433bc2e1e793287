package weight

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"weighbridge/pipeline"
)

const (
	mostEvidence = 8
	mostWidening = 100
)

// report writes the facts.
func (s *scale) report() {
	evidence := []pipeline.Evidence{}
	for i, t := range s.readings.Tables {
		if i == mostEvidence {
			break
		}
		evidence = append(evidence, t.Evidence())
	}
	set := func(name string, v any) { s.facts.Set(name, v, pipeline.BasisMeasured, evidence...) }
	var here uint64
	for _, g := range s.groups {
		s.addInterval(&s.sum, g.adds)
		s.add(&here, g.adds.estimate)
	}
	contradictions := s.miscounted()
	s.raise(here)
	set("objects.unknown_bytes", int64(min(s.unknown, math.MaxInt64)))
	set("params.stored_elements", int64(min(s.stored, math.MaxInt64)))
	if s.overflow {
		return // a count that does not fit is no count: the ends stay unknown
	}
	byDType, byComponent := map[string]int64{}, map[string]int64{}
	var inGroups uint64
	for _, g := range s.sorted() {
		if n := int64(g.adds.estimate); n > 0 {
			byDType[g.dtype.String()] += n
			byComponent[g.component] += n
			inGroups += g.adds.estimate
		}
		if g.adds.lower != g.adds.estimate || g.adds.estimate != g.adds.upper {
			s.widening = append(s.widening, pipeline.Widening{Name: g.pattern, Lower: int64(g.adds.lower),
				Estimate: int64(g.adds.estimate), Upper: int64(g.adds.upper), Reason: g.reason})
		}
	}
	if rest := int64(s.sum.estimate - inGroups); rest > 0 { // what is extrapolated has no dtype
		byDType["unknown"] += rest
		byComponent[otherPart] += rest
	}
	set("params.by_dtype", byDType)
	set("params.by_component", byComponent)
	set("params.by_layer", s.byLayer(s.sum.estimate))
	set("params.contradictions", contradictions)
	set("params.lower", int64(s.sum.lower))
	set("params.estimate", int64(s.sum.estimate))
	set("params.upper", int64(s.sum.upper))
	slices.SortStableFunc(s.widening, func(a, b pipeline.Widening) int { return cmp.Compare(b.Upper-b.Lower, a.Upper-a.Lower) })
	if len(s.widening) > mostWidening {
		s.widening = s.widening[:mostWidening]
	}
	set("params.widened_by", append([]pipeline.Widening{}, s.widening...))
	s.active()
	s.quantization(set)
	if len(s.logical) > 0 {
		set("architecture.matrix_fingerprint", s.matrixFingerprint())
	}
	if s.isAdapter() && s.adapterFacts() {
		return
	}
	set("params.effective_lower", int64(s.sum.lower))
	set("params.effective_estimate", int64(s.sum.estimate))
	set("params.effective_upper", int64(s.sum.upper))
}

// tolerance is how far a declared count may be off: publishers round, and leave small
// parts out.
const tolerance = 1.02

// miscounted holds the declared count against the tensors, before it raises the upper
// end. Too few is fewer than any honest counter would find: the largest set of files
// alone, or the plain sum of shapes where weights are packed.
func (s *scale) miscounted() []string {
	out := []string{}
	declared := s.facts.Facts.Params.Declared
	if declared == nil || s.overflow {
		return out
	}
	least := min(s.sum.lower, s.stored)
	if largest := s.facts.Facts.Params.LargestSet; largest != nil {
		least = min(least, uint64(*largest))
	}
	n := float64(*declared)
	switch {
	case n > float64(s.sum.upper)*tolerance:
		out = append(out, fmt.Sprintf("the artifact declares %s parameters; its tensors hold %s at most", pipeline.Separated(*declared), pipeline.Separated(int64(min(s.sum.upper, math.MaxInt64)))))
	case n*tolerance < float64(least):
		out = append(out, fmt.Sprintf("the artifact declares %s parameters; its tensors hold %s at least", pipeline.Separated(*declared), pipeline.Separated(int64(min(least, math.MaxInt64)))))
	}
	return out
}

// raise lets a declared count, and the whole of which this is a part, raise the upper
// end. here is the estimate of the tensors that are there.
func (s *scale) raise(here uint64) {
	if n := s.facts.Facts.Params.Declared; n != nil && uint64(*n) > s.sum.upper {
		s.widen("total_parameters", interval{upper: uint64(*n) - s.sum.upper}, "the artifact declares more parameters than its tensors show")
	}
	a := s.facts.Facts.Architecture
	if a.Layers == nil || *a.Layers <= 0 {
		return
	}
	each := here / uint64(*a.Layers)
	if a.Partial != nil && *a.Partial && a.LayerSpan != nil {
		whole := s.times(each, uint64(max(*a.LayerSpan, *a.Layers)))
		s.facts.Set("params.whole", int64(whole), pipeline.BasisEstimated)
		if whole > s.sum.upper {
			s.widen("the rest of the model", interval{upper: whole - s.sum.upper}, "the tensors are a part of a model; the whole is estimated from its layers")
		}
	}
	if declared := s.declaredLayers(); declared > *a.Layers {
		if whole := s.times(each, uint64(declared)); whole > s.sum.upper {
			s.widen("the declared layers", interval{upper: whole - s.sum.upper},
				fmt.Sprintf("the config declares %d layers; the tensors make %d, so layers are missing or run several times", declared, *a.Layers))
		}
	}
}

// declaredLayers returns the most layers that a config declares for the model, or for
// the base of an adapter that repeats them.
func (s *scale) declaredLayers() (most int64) {
	for _, c := range s.readings.Configs {
		for _, key := range []string{"num_hidden_layers", "n_layer", "num_layers", "n_layers", "text_config.num_hidden_layers"} {
			if n, _, ok := c.Int(key); ok && n <= mostLayers {
				most = max(most, n)
			}
		}
	}
	return most
}

// mostLayers is the largest number of layers that a declaration is believed for.
const mostLayers = 1 << 14

// declared finds the largest count that the artifact states of itself. It may raise
// the upper end and nothing else.
func (s *scale) declared() {
	var most int64
	var evidence pipeline.Evidence
	if known := s.facts.Facts.Params.Declared; known != nil {
		most = *known
		if entry, ok := s.facts.Entry("params.declared"); ok && len(entry.Evidence) > 0 {
			evidence = entry.Evidence[0]
		}
	}
	for _, t := range s.readings.Tables {
		if n, err := strconv.ParseInt(t.Metadata["total_parameters"], 10, 64); err == nil && n > most {
			most, evidence = n, t.Evidence()
		}
	}
	if most > 0 {
		s.facts.Set("params.declared", most, pipeline.BasisDeclared, evidence)
	}
}
