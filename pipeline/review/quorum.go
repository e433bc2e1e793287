package review

import (
	"time"

	"weighbridge/pipeline"
)

// QuorumNeeded returns who must agree before a case with this verdict and these
// findings is approved: the strongest quorum of the enforced findings that bear on
// the verdict, and two at least for a block or an inconclusive verdict.
func QuorumNeeded(verdict pipeline.Verdict, findings []pipeline.Finding) pipeline.Quorum {
	need := pipeline.QuorumOne
	if twoAtLeast(verdict) {
		need = pipeline.QuorumTwo
	}
	for _, f := range findings {
		bears := f.Mode == pipeline.ModeEnforce && f.Outcome != pipeline.OutcomeNotMatched &&
			(f.Effect == pipeline.EffectBlock || f.Effect == pipeline.EffectReview)
		if bears && strength(f.Quorum) > strength(need) {
			need = f.Quorum
		}
	}
	return need
}

func twoAtLeast(v pipeline.Verdict) bool {
	return v != pipeline.VerdictClear && v != pipeline.VerdictReview
}

// strength orders quorums. A name that is not known is as strong as the strongest.
func strength(q pipeline.Quorum) int {
	switch q {
	case pipeline.QuorumOne, "":
		return 1
	case pipeline.QuorumTwo:
		return 2
	default:
		return 3
	}
}

// approvals returns the approving votes of a case's present round that stand at a
// time: a vote whose term is over counts no longer.
func approvals(f pipeline.CaseFile, at time.Time) []pipeline.Decision {
	var out []pipeline.Decision
	for _, d := range f.Decisions {
		if d.Round == f.Case.Round && d.Kind == pipeline.DecisionApprove && (d.Until == nil || d.Until.After(at)) {
			out = append(out, d)
		}
	}
	return out
}

// Lacking says who must still approve a case at a time before its quorum is reached,
// as in "one more reviewer", and returns "" where it is reached.
func Lacking(f pipeline.CaseFile, at time.Time) string {
	votes := approvals(f, at)
	need := strength(f.Case.Quorum)
	if twoAtLeast(f.Case.Verdict) {
		need = max(need, 2)
	}
	legal := need < 3
	for _, v := range votes {
		legal = legal || v.Actor.Has(pipeline.RoleLegal)
	}
	missing := need - len(votes)
	switch {
	case missing <= 0 && legal:
		return ""
	case missing <= 1 && !legal:
		return "one more person, with the role legal"
	case missing == 1:
		return "one more reviewer"
	case missing == 2 && legal:
		return "two more reviewers"
	case missing == 2:
		return "one more reviewer and one person with the role legal"
	default:
		return "two reviewers and one person with the role legal"
	}
}
