package modelcard

import (
	"cmp"
	"context"
	"math"
	"slices"

	"weighbridge/pipeline"
)

// DeriverName is the name of the deriver, which runs beside the reader of the package.
const DeriverName = "card-counts"

const (
	// statedWithin is by how much a stated count may differ from the tensors, as a share of
	// them, beyond its own rounding (PRV-08).
	statedWithin = 0.02
	// mostStated bounds the counts that are listed.
	mostStated = 100
	// mostEvidence bounds the places that a fact points to.
	mostEvidence = 20
)

// Deriver holds the numbers of parameters that the artifact states against its weight.
type Deriver struct{}

// New returns the deriver. It runs behind the weight.
func New() *Deriver { return &Deriver{} }

// Name returns "card-counts".
func (*Deriver) Name() string { return DeriverName }

// Derive sets card.counts and card.counts_fit. The counts of all readers are looked at, in
// order of their object. A count fits where it lies within 2 % and its own rounding of the
// weight, of one of its parts that are counted alone (the largest set, the base of an
// adapter, the whole of a model that lies here in part), or of the plain sum of the shapes.
// counts_fit is false where counts are stated and none fits, and stays unknown where a
// number that a count could fit is not known. It returns no error.
func (*Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	counts := slices.Clone(readings.Counts)
	slices.SortStableFunc(counts, func(a, b pipeline.CountRecord) int {
		return cmp.Or(cmp.Compare(a.At.Object, b.At.Object), cmp.Compare(a.At.Where, b.At.Where))
	})
	stated := []pipeline.StatedCount{}
	var evidence []pipeline.Evidence
	for _, c := range counts[:min(len(counts), mostStated)] {
		stated = append(stated, pipeline.StatedCount{Object: c.At.Object, Count: c.Count, Active: c.Active})
		if !slices.Contains(evidence, c.At) && len(evidence) < mostEvidence {
			evidence = append(evidence, c.At)
		}
	}
	basis := pipeline.BasisDeclared
	if len(stated) == 0 {
		basis = pipeline.BasisMeasured
	}
	facts.Set("card.counts", stated, basis, evidence...)
	if len(counts) == 0 {
		return nil
	}
	if fit, known := fits(counts, &facts.Facts); known {
		for _, name := range []string{"params.lower", "params.upper"} {
			entry, _ := facts.Entry(name)
			evidence = append(evidence, entry.Evidence[:min(len(entry.Evidence), mostEvidence)]...)
		}
		facts.Set("card.counts_fit", fit, pipeline.BasisMeasured, evidence...)
	}
	return nil
}

// fits tells whether one of the counts fits what was weighed; known is false where that
// cannot be told.
func fits(counts []pipeline.CountRecord, f *pipeline.Facts) (fit, known bool) {
	p := f.Params
	if p.Upper == nil || p.Lower == nil || *p.Upper == 0 {
		return false, false
	}
	known = true
	for _, c := range counts {
		if c.Count <= 0 || math.IsNaN(c.Within) || c.Within < 0 {
			continue
		}
		switch one, decided := fitsOne(c, f); {
		case one:
			return true, true
		case !decided:
			known = false
		}
	}
	return false, known
}

func fitsOne(c pipeline.CountRecord, f *pipeline.Facts) (fit, decided bool) {
	p := f.Params
	if c.Active {
		if p.Active == nil {
			// Nothing more than the whole can be active.
			return false, !near(c, nil, p.Upper)
		}
		return near(c, p.Active, p.Active), true
	}
	for _, n := range []*int64{p.StoredElements, p.LargestSet, p.Whole, p.Estimate} {
		if n != nil && near(c, n, n) {
			return true, true
		}
	}
	if near(c, p.Lower, p.Upper) {
		return true, true
	}
	if f.Adapter == nil {
		return false, true
	}
	if p.EffectiveUpper == nil {
		// Of the base, only that it is no smaller is known.
		return false, !near(c, p.EffectiveLower, nil)
	}
	return near(c, p.EffectiveLower, p.EffectiveUpper), true
}

// near tells whether a count lies in an interval, or as near to it as its rounding and 2 %
// let it. An end that is nil is open.
func near(c pipeline.CountRecord, lower, upper *int64) bool {
	n := float64(c.Count)
	least, most := n*(1-c.Within)/(1+statedWithin), n*(1+c.Within)/(1-statedWithin)
	return (lower == nil || most >= float64(*lower)) && (upper == nil || least <= float64(*upper))
}
