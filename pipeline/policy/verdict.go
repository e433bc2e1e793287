package policy

import (
	"slices"

	"weighbridge/pipeline"
)

// Verdict returns what findings come to by themselves:
//
//   - block, where a block rule matched;
//   - inconclusive, where a block or review rule is undetermined because the weight
//     or the architecture could not be bounded well enough: a fact of the groups
//     params or architecture is missing;
//   - review, where a review rule matched, or a block or review rule is
//     undetermined for another reason;
//   - clear otherwise.
//
// Only findings of packs that enforce count. Warn and info findings and rules that
// did not match never change a verdict. Whoever ran the inspection adds its own
// reasons with [pipeline.Verdict.Stronger].
func Verdict(findings []pipeline.Finding) pipeline.Verdict {
	verdict := pipeline.VerdictClear
	for _, f := range findings {
		if f.Mode == pipeline.ModeEnforce {
			verdict = verdict.Stronger(verdictOf(f))
		}
	}
	return verdict
}

func verdictOf(f pipeline.Finding) pipeline.Verdict {
	if f.Effect != pipeline.EffectBlock && f.Effect != pipeline.EffectReview {
		return pipeline.VerdictClear
	}
	switch f.Outcome {
	case pipeline.OutcomeNotMatched:
		return pipeline.VerdictClear
	case pipeline.OutcomeUndetermined:
		if slices.ContainsFunc(f.Missing, isMeasured) {
			return pipeline.VerdictInconclusive
		}
		return pipeline.VerdictReview
	}
	if f.Effect == pipeline.EffectBlock {
		return pipeline.VerdictBlock
	}
	return pipeline.VerdictReview
}
