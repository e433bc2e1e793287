package review

import (
	"slices"
	"strings"
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
		if bears(f) && strength(f.Quorum) > strength(need) {
			need = f.Quorum
		}
	}
	return need
}

// bears tells whether a finding bears on the verdict.
func bears(f pipeline.Finding) bool {
	return f.Mode == pipeline.ModeEnforce && f.Outcome != pipeline.OutcomeNotMatched &&
		(f.Effect == pipeline.EffectBlock || f.Effect == pipeline.EffectReview)
}

// OfficesNeeded returns the offices that must each sign before a case with these
// findings is approved: those of the enforced rules that matched, in order of name. A
// rule that cannot be decided asks a question first.
func OfficesNeeded(findings []pipeline.Finding) []string {
	var need []string
	for _, f := range findings {
		if bears(f) && f.Outcome == pipeline.OutcomeMatched {
			need = append(need, f.Offices...)
		}
	}
	slices.Sort(need)
	return slices.Compact(need)
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

// Approvals returns the approving votes of a case's present round that stand at a
// time: a vote whose term is over counts no longer.
func Approvals(f pipeline.CaseFile, at time.Time) []pipeline.Decision {
	var out []pipeline.Decision
	for _, d := range f.Decisions {
		if d.Round == f.Case.Round && d.Kind == pipeline.DecisionApprove && (d.Until == nil || d.Until.After(at)) {
			out = append(out, d)
		}
	}
	return out
}

// Lacking says who must still approve a case at a time before its quorum is reached and
// every office has signed, as in "one more reviewer", and returns "" where nobody must.
func Lacking(f pipeline.CaseFile, at time.Time) string {
	votes := Approvals(f, at)
	people, offices := lackingPeople(f.Case, votes), lackingOffices(f.Case, votes)
	switch {
	case len(offices) == 0:
		return people
	case people == "":
		return "somebody for " + officeList(offices)
	default:
		return people + ", among them somebody for " + officeList(offices)
	}
}

// officeList names offices.
func officeList(names []string) string {
	if len(names) == 1 {
		return "the office " + names[0]
	}
	return "each of the offices " + strings.Join(names, ", ")
}

// lackingOffices lists the offices that none of the votes signed for.
func lackingOffices(c pipeline.Case, votes []pipeline.Decision) []string {
	var out []string
	for _, office := range c.Offices {
		signed := slices.ContainsFunc(votes, func(v pipeline.Decision) bool { return v.Actor.Has(pipeline.ActorRole(office)) })
		if !signed {
			out = append(out, office)
		}
	}
	return out
}

// lackingPeople says whom the quorum still needs.
func lackingPeople(c pipeline.Case, votes []pipeline.Decision) string {
	need := strength(c.Quorum)
	if twoAtLeast(c.Verdict) {
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
