package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"weighbridge/pipeline"
)

// Status says what a rule is in law, or that it is none.
type Status string

// The statuses of rules. Proposed, suspended, voluntary and rescinded rules are at
// most warnings.
const (
	StatusInForce            Status = "in_force"
	StatusOnBooksNotEnforced Status = "on_books_not_enforced"
	StatusSuspended          Status = "suspended"
	StatusProposed           Status = "proposed"
	StatusVoluntary          Status = "voluntary"
	StatusRescinded          Status = "rescinded"
	// StatusOperator: a directive that the operator was given.
	StatusOperator Status = "operator"
	// StatusOrganisation: the organisation's own policy.
	StatusOrganisation Status = "organisation"
	// StatusSeed: scenario policy after the source article, not law.
	StatusSeed Status = "seed"
)

var (
	statuses = []Status{
		StatusInForce, StatusOnBooksNotEnforced, StatusSuspended, StatusProposed, StatusVoluntary,
		StatusRescinded, StatusOperator, StatusOrganisation, StatusSeed,
	}
	// The lists below are in order of strength, strongest first.
	effects = []pipeline.Effect{pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn, pipeline.EffectInfo}
	quorums = []pipeline.Quorum{pipeline.QuorumTwoAndLegal, pipeline.QuorumTwo, pipeline.QuorumOne}
	accepts = []pipeline.Basis{pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisDeclared}
	marks   = []pipeline.Mark{pipeline.MarkPrimary, pipeline.MarkSecondary, pipeline.MarkMemory, pipeline.MarkInference}
)

// strongest returns the strongest effect that a rule of this status may have.
func (s Status) strongest() pipeline.Effect {
	switch s {
	case StatusProposed, StatusSuspended, StatusVoluntary, StatusRescinded:
		return pipeline.EffectWarn
	}
	return pipeline.EffectBlock
}

// caveat opens every message that the engine itself makes for a rule of this
// status.
func (s Status) caveat() string {
	switch s {
	case StatusOnBooksNotEnforced:
		return "On the books, not enforced: "
	case StatusSuspended:
		return "Suspended: "
	case StatusProposed:
		return "Proposed only: "
	case StatusVoluntary:
		return "Voluntary: "
	case StatusRescinded:
		return "Rescinded: "
	case StatusSeed:
		return "Scenario policy, not law: "
	}
	return ""
}

// Pack is a loaded rule pack. It does not change after loading and is safe for
// concurrent use; callers must not write to it.
type Pack struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Title   string `json:"title"`
	// Digest is the SHA-256 of the file.
	Digest pipeline.Digest `json:"digest"`
	// Applies is the expression that says whether the pack concerns a case, ""
	// where it always does.
	Applies string `json:"applies"`
	Rules   []Rule `json:"rules"`

	applies *expression
}

// Rule is one rule of a pack. Dates are days as YYYY-MM-DD.
type Rule struct {
	ID           string `json:"id"`
	Title        string `json:"title"`
	Jurisdiction string `json:"jurisdiction"`
	Status       Status `json:"status"`
	// From and To are the first and the last day on which the rule is evaluated,
	// "" where there is no such day.
	From string `json:"effective_from"`
	To   string `json:"effective_to"`
	// For names the list whose elements the rule looks at one by one, or is "".
	For string `json:"for"`
	// When is the expression over facts under which the rule matches.
	When   string          `json:"when"`
	Effect pipeline.Effect `json:"effect"`
	Quorum pipeline.Quorum `json:"quorum"`
	// Accept is the weakest basis on which "not matched" may rest.
	Accept pipeline.Basis `json:"accept"`
	// Message is the text of a match, with {{facts}} to be filled in.
	Message string              `json:"message"`
	Ask     []string            `json:"ask"`
	Cite    []pipeline.Citation `json:"cite"`
	// Offices lists those that must each sign an approval.
	Offices []string `json:"offices"`
	// ReviewBy is the last day on which "not matched" is taken as it stands.
	ReviewBy string `json:"review_by"`
	// Lists are those that the expression looks into.
	Lists []*List `json:"-"`
	// Unverified is true where the rule rests on a source that was not read, or on a
	// list that nobody has held against its source.
	Unverified bool `json:"unverified"`
	// Line is where the rule starts in its file.
	Line int `json:"line"`

	compiled *compiled
}

// compiled is what is made of the texts of a rule. Rules that people write are compiled
// as they load, so that every fault shows. Those that ship are compiled when they are
// first needed: tests hold them to the same checks, and most packs do not apply to most
// cases.
type compiled struct {
	once sync.Once
	make func(*body)
	body body
}

type body struct {
	when     *expression
	list     path         // of For, nil where there is none
	elem     reflect.Type // of the elements of For
	message  template
	ask      []factName
	examples []example
}

// body returns the compiled rule.
func (r *Rule) body() *body {
	c := r.compiled
	c.once.Do(func() {
		if c.make != nil {
			c.make(&c.body)
			c.make = nil
		}
	})
	return &c.body
}

// Reads names the facts that the expression looks at, in order; "[]" stands for every
// element of a list.
func (r *Rule) Reads() []string {
	out := []string{}
	if when := r.body().when; when != nil {
		for _, ref := range when.refs {
			out = append(out, ref.path.String())
		}
	}
	return out
}

// MarshalJSON writes the rule with the facts that it reads.
func (r Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(struct {
		plain
		Reads []string `json:"reads"`
	}{plain(r), r.Reads()})
}

// activeOn tells whether the rule is evaluated on a day. Both ends of its dates
// are included.
func (r *Rule) activeOn(day string) bool {
	return (r.From == "" || r.From <= day) && (r.To == "" || day <= r.To)
}

// StaleOn tells whether the rule, or a list that it looks into, is past the day it was
// to be reviewed by.
func (r *Rule) StaleOn(day string) bool {
	until, _ := r.freshUntil()
	return until != "" && day > until
}

// freshUntil returns the first of the days by which the rule and its lists were to be
// reviewed, "" where there is none, and what was to be reviewed by then.
func (r *Rule) freshUntil() (day, what string) {
	day, what = r.ReviewBy, "the rule"
	for _, list := range r.Lists {
		if list.ReviewBy != "" && (day == "" || list.ReviewBy < day) {
			day, what = list.ReviewBy, fmt.Sprintf("the list %q", list.Title)
		}
	}
	return day, what
}
