package compute

import (
	"math/big"
	"slices"

	"weighbridge/pipeline"
)

// active is how many parameters one token passes through, and by how much the operations
// of a parameter and token may differ from six.
type active struct {
	pipeline.Interval
	least, most float64
	// from lists the facts that it rests on.
	from []string
}

// activeOf finds the active parameters: what is known as such, else the effective
// parameters of a model without experts. Of a model with experts, or one that may have
// some, only the upper end is known where the number of experts a token takes is not.
func activeOf(facts *pipeline.FactSet) active {
	p, a := facts.Facts.Params, facts.Facts.Architecture
	n := active{least: perToken / float64(spread), most: perToken * spread}
	withoutExperts := a.Experts != nil && *a.Experts == 0
	if withoutExperts && a.Family != nil && slices.Contains(dense, *a.Family) {
		n.least, n.most = perToken, recomputed
	}
	if facts.Facts.Adapter != nil {
		n.least = min(n.least, frozen)
	}
	switch {
	case p.Active != nil && *p.Active > 0:
		v := float64(*p.Active)
		n.Lower, n.Estimate, n.Upper = &v, &v, &v
		n.from = []string{"params.active"}
	case withoutExperts:
		n.Lower, n.Estimate, n.Upper = number(p.EffectiveLower), number(p.EffectiveEstimate), number(p.EffectiveUpper)
		n.from = []string{"params.effective_lower", "params.effective_estimate", "params.effective_upper", "architecture.experts"}
		n.whole(p.Whole)
	default:
		n.Upper = number(p.EffectiveUpper)
		n.from = []string{"params.effective_upper"}
		n.whole(p.Whole)
	}
	return n
}

// whole raises estimate and upper to the parameters of the whole model, where the artifact
// is a part of it: the training was that of the whole.
func (n *active) whole(parameters *int64) {
	if parameters == nil {
		return
	}
	all := float64(*parameters)
	for _, end := range []*(*float64){&n.Estimate, &n.Upper} {
		if *end != nil && **end < all {
			*end = &all
			n.from = append(n.from, "params.whole")
		}
	}
}

func number(n *int64) *float64 {
	if n == nil || *n < 0 {
		return nil
	}
	v := float64(*n)
	return &v
}

// operations returns the operations of passing tokens through the model in training.
func (n active) operations(tokens float64) (pipeline.Interval, error) {
	var out pipeline.Interval
	for _, end := range []struct {
		parameters *float64
		each       float64
		to         **float64
	}{{n.Lower, n.least, &out.Lower}, {n.Estimate, perToken, &out.Estimate}, {n.Upper, n.most, &out.Upper}} {
		if end.parameters == nil {
			continue
		}
		v, err := times(end.each, *end.parameters, tokens)
		if err != nil {
			return pipeline.Interval{}, err
		}
		*end.to = &v
	}
	return out, nil
}

// setActive sets compute.active and compute.crossings.
func setActive(facts *pipeline.FactSet, n active) {
	evidence := evidenceOf(facts, n.from...)
	write(facts, "compute.active", n.Interval, pipeline.BasisEstimated, evidence)
	if n.Estimate == nil || *n.Estimate < 1 {
		return
	}
	crossings := []pipeline.Crossing{}
	for _, t := range thresholds {
		if tokens, ok := tokensFor(t.exponent, *n.Estimate); ok {
			crossings = append(crossings, pipeline.Crossing{Operations: t.operations, Tokens: tokens})
		}
	}
	facts.Set("compute.crossings", crossings, pipeline.BasisEstimated, evidence...)
}

// tokensFor returns the tokens with which a model of n active parameters reaches 10 to the
// power of the exponent at six operations a parameter and token, rounded up. It is computed
// in whole numbers, so that rounding never hides the last token. ok is false where it is
// more tokens than 2^63-1: nobody trains on so many.
func tokensFor(exponent int64, n float64) (tokens int64, ok bool) {
	threshold := new(big.Int).Exp(big.NewInt(10), big.NewInt(exponent), nil)
	each, _ := new(big.Float).SetFloat64(n).Int(nil)
	each.Mul(each, big.NewInt(perToken))
	up := new(big.Int).Add(threshold, each)
	up.Sub(up, big.NewInt(1))
	up.Quo(up, each)
	if !up.IsInt64() {
		return 0, false
	}
	return up.Int64(), true
}
