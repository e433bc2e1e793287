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

// Shortfall is who must still approve a case. Its zero value is nobody.
type Shortfall struct {
	// People is how many votes are needed, apart from the offices.
	People int
	// Legal is true where one of them must come from somebody with the role legal.
	Legal bool
	// Offices are those that must each sign, with one of these votes or another.
	Offices []string
}

// ShortfallOf tells who must still approve a case at a time before its quorum is reached
// and every office has signed.
func ShortfallOf(f pipeline.CaseFile, at time.Time) Shortfall {
	votes := Approvals(f, at)
	out := Shortfall{Offices: lackingOffices(f.Case, votes)}
	need := strength(f.Case.Quorum)
	if twoAtLeast(f.Case.Verdict) {
		need = max(need, 2)
	}
	out.Legal = need > 2 && !slices.ContainsFunc(votes, func(v pipeline.Decision) bool { return v.Actor.Has(pipeline.RoleLegal) })
	out.People = max(0, need-len(votes))
	if out.Legal {
		out.People = max(1, out.People)
	}
	return out
}

// Lacking says who must still approve a case at a time, as in "one more reviewer", and
// returns "" where nobody must.
func Lacking(f pipeline.CaseFile, at time.Time) string {
	short := ShortfallOf(f, at)
	people := short.people()
	switch {
	case len(short.Offices) == 0:
		return people
	case people == "":
		return "somebody for " + officeList(short.Offices)
	default:
		return people + ", among them somebody for " + officeList(short.Offices)
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

// people says whom the quorum still needs.
func (s Shortfall) people() string {
	switch {
	case s.People == 0:
		return ""
	case s.People == 1 && s.Legal:
		return "one more person, with the role legal"
	case s.People == 1:
		return "one more reviewer"
	case s.People == 2 && s.Legal:
		return "one more reviewer and one person with the role legal"
	case s.People == 2:
		return "two more reviewers"
	default:
		return "two reviewers and one person with the role legal"
	}
}
