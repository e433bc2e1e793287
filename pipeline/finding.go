package pipeline

import (
	"context"
	"time"
)

// Verdict is what a report comes to.
type Verdict string

// The verdicts. Clear means that no enforced rule stopped these facts and none was
// left undecided; it never says that anything is allowed.
const (
	VerdictClear        Verdict = "clear"
	VerdictReview       Verdict = "review"
	VerdictInconclusive Verdict = "inconclusive"
	VerdictBlock        Verdict = "block"
)

// rank orders verdicts by strength.
func (v Verdict) rank() int {
	switch v {
	case VerdictClear:
		return 0
	case VerdictReview:
		return 1
	case VerdictInconclusive:
		return 2
	default:
		return 3
	}
}

// Stronger returns the stronger of two verdicts: block, then inconclusive, then
// review, then clear.
func (v Verdict) Stronger(other Verdict) Verdict {
	if other.rank() > v.rank() {
		return other
	}
	return v
}

// Effect is what a matched rule asks for.
type Effect string

// The effects of rules.
const (
	EffectBlock  Effect = "block"
	EffectReview Effect = "review"
	EffectWarn   Effect = "warn"
	EffectInfo   Effect = "info"
)

// Outcome is what evaluating a rule gave.
type Outcome string

// The outcomes. A rule that was decided and did not match leaves no finding, unless
// it is stale.
const (
	OutcomeMatched      Outcome = "matched"
	OutcomeNotMatched   Outcome = "not_matched"
	OutcomeUndetermined Outcome = "undetermined"
)

// Mode says whether a pack changes the verdict.
type Mode string

// The modes of packs.
const (
	ModeEnforce Mode = "enforce"
	ModeReport  Mode = "report"
	ModeOff     Mode = "off"
)

// Quorum is who must agree before a case is approved.
type Quorum string

// The quorums of rules, weakest first.
const (
	QuorumOne         Quorum = "one"
	QuorumTwo         Quorum = "two"
	QuorumTwoAndLegal Quorum = "two_and_legal"
)

// Finding is a rule that matched, or could not be decided, on the facts.
type Finding struct {
	// ID is stable for the same rule, outcome, element and evidence values.
	ID   string `json:"id"`
	Pack string `json:"pack"`
	// Rule is "" where the finding is about the whole pack.
	Rule    string  `json:"rule"`
	Title   string  `json:"title"`
	Mode    Mode    `json:"mode"`
	Outcome Outcome `json:"outcome"`
	Effect  Effect  `json:"effect"`
	Quorum  Quorum  `json:"quorum"`
	// Offices lists those that must each sign an approval, beside the quorum.
	Offices []string `json:"offices,omitempty"`
	// Unverified is true where the rule rests on a source that was not read, or on a
	// list that nobody has held against its source.
	Unverified bool `json:"unverified,omitempty"`
	// Stale is true where the rule is past the date it was to be reviewed by.
	Stale   bool   `json:"stale"`
	Message string `json:"message"`
	// Missing names the facts without which the rule could not be decided.
	Missing []string `json:"missing"`
	// ReliedOn names the facts whose basis is weaker than the rule accepts.
	ReliedOn []string `json:"relied_on"`
	// Ask names the facts that a reviewer will ask for.
	Ask      []string          `json:"ask"`
	Evidence []FindingEvidence `json:"evidence"`
	Cite     []Citation        `json:"cite"`
}

// FindingEvidence is a fact that a rule looked at, with its value.
type FindingEvidence struct {
	Fact  string `json:"fact"`
	Value any    `json:"value"`
}

// Citation says where a rule comes from.
type Citation struct {
	Title string `json:"title"`
	URL   string `json:"url"`
	// Accessed is the date the source was read, as YYYY-MM-DD.
	Accessed string `json:"accessed,omitempty"`
	// Mark says how well the source is known, "" where nobody said.
	Mark Mark `json:"mark,omitempty"`
}

// Mark says how well a source is known.
type Mark string

// The marks of sources, best first.
const (
	// MarkPrimary: the text itself was read.
	MarkPrimary Mark = "primary"
	// MarkSecondary: what somebody else wrote about it was read.
	MarkSecondary Mark = "secondary"
	// MarkMemory: nothing was read; to be verified before it is relied on.
	MarkMemory Mark = "memory"
	// MarkInference: it follows from other sources, in the view of whoever wrote the
	// rule.
	MarkInference Mark = "inference"
)

// PackRef names a pack that took part in a verdict.
type PackRef struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  Digest `json:"digest"`
	Mode    Mode   `json:"mode"`
}

// Judge turns facts into findings. It looks at facts only, never at bytes, the
// network or the clock.
type Judge interface {
	// Packs lists the packs that take part, in order.
	Packs() []PackRef
	// Judge evaluates every rule as on the given day and returns the findings in
	// order of pack and rule. It returns an error only where ctx ends.
	Judge(ctx context.Context, facts *FactSet, asOf time.Time) ([]Finding, error)
}
