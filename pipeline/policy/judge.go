package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// maxElements bounds the elements that one rule with "for" is evaluated on.
const maxElements = 10_000

// Selected is a pack with the mode in which it takes part.
type Selected struct {
	Pack *Pack
	Mode pipeline.Mode
}

// Judge evaluates packs of rules. It is safe for concurrent use.
type Judge struct {
	selected []Selected
}

var _ pipeline.Judge = (*Judge)(nil)

// NewJudge returns a judge over packs, in the given order. Packs whose mode is off
// take no part. It returns an error with [pipeline.CodeUsage] for a mode that does
// not exist, and for two packs of the same name.
func NewJudge(selected []Selected) (*Judge, error) {
	j := &Judge{}
	seen := map[string]bool{}
	for _, s := range selected {
		switch s.Mode {
		case pipeline.ModeOff:
			continue
		case pipeline.ModeEnforce, pipeline.ModeReport:
		default:
			return nil, &pipeline.Error{Code: pipeline.CodeUsage,
				Message: fmt.Sprintf("%q is no mode of a pack", s.Mode), Hint: "Use enforce, report or off."}
		}
		if seen[s.Pack.Name] {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage,
				Message: fmt.Sprintf("the pack %q is named twice", s.Pack.Name), Hint: "Name every pack once."}
		}
		seen[s.Pack.Name] = true
		j.selected = append(j.selected, s)
	}
	return j, nil
}

// Packs lists the packs that take part, in order.
func (j *Judge) Packs() []pipeline.PackRef {
	out := make([]pipeline.PackRef, 0, len(j.selected))
	for _, s := range j.selected {
		out = append(out, pipeline.PackRef{Name: s.Pack.Name, Version: s.Pack.Version, Digest: s.Pack.Digest, Mode: s.Mode})
	}
	return out
}

// Judge evaluates every rule that is in effect on the day of asOf, in asOf's own
// time zone, and returns the findings in order of pack and rule; it never returns
// nil for them without an error. The error is not nil only where ctx ends.
func (j *Judge) Judge(ctx context.Context, facts *pipeline.FactSet, asOf time.Time) ([]pipeline.Finding, error) {
	findings := []pipeline.Finding{}
	v := newView(facts, asOf.Format(day))
	for _, s := range j.selected {
		c := &caseOf{Selected: s, view: v, day: asOf.Format(day)}
		if err := c.judge(ctx); err != nil {
			return nil, err
		}
		findings = append(findings, c.findings...)
	}
	return findings, nil
}

// caseOf is one pack held against the facts of one case on one day.
type caseOf struct {
	Selected
	view     *view
	day      string
	findings []pipeline.Finding
}

func (c *caseOf) judge(ctx context.Context) error {
	var active []*Rule
	for i := range c.Pack.Rules {
		if rule := &c.Pack.Rules[i]; rule.activeOn(c.day) {
			active = append(active, rule)
		}
	}
	applies, err := c.applies(ctx, active)
	if err != nil || !applies {
		return err
	}
	for _, rule := range active {
		got, err := rule.judge(ctx, c.view)
		if err != nil {
			return err
		}
		c.add(rule, got)
	}
	c.combine()
	return nil
}

// combine makes one question of those that nobody can have answered yet: without a
// submission nearly every rule lacks what only a submitter knows. What the bytes should
// have told stays a finding of its own.
func (c *caseOf) combine() {
	if present, known := c.view.set.Value("submission.present"); !known || present != false {
		return
	}
	var kept, open []pipeline.Finding
	for _, f := range c.findings {
		if f.Outcome == pipeline.OutcomeUndetermined && f.Rule != "" && !slices.ContainsFunc(f.Missing, pipeline.Measurable) {
			open = append(open, f)
		} else {
			kept = append(kept, f)
		}
	}
	if len(open) < 2 {
		return
	}
	// The question is one: whoever goes on without a submission answers for all of it.
	// With a submission, each rule asks for a quorum of its own.
	f := pipeline.Finding{
		Pack: c.Pack.Name, Title: c.Pack.Title, Mode: c.Mode, Outcome: pipeline.OutcomeUndetermined,
		Effect: open[0].Effect, Quorum: pipeline.QuorumOne, Cite: []pipeline.Citation{}, Evidence: []pipeline.FindingEvidence{},
	}
	var rules []string
	for _, one := range open {
		rules = append(rules, one.Rule)
		f.Missing, f.ReliedOn, f.Ask = append(f.Missing, one.Missing...), append(f.ReliedOn, one.ReliedOn...), append(f.Ask, one.Ask...)
		f.Effect = strongest(effects, f.Effect, one.Effect)
		f.Stale, f.Unverified = f.Stale || one.Stale, f.Unverified || one.Unverified
	}
	f.Missing, f.ReliedOn, f.Ask = unique(f.Missing), unique(f.ReliedOn), unique(f.Ask)
	f.Message = fmt.Sprintf("No submission was given, so %d rules of \"%s\" cannot be decided: %s.", len(open), c.Pack.Title, strings.Join(rules, ", "))
	c.findings = kept
	c.append(f, nil)
}

// unique returns texts in order, each once. It never returns nil.
func unique(texts []string) []string {
	out := append([]string{}, texts...)
	slices.Sort(out)
	return slices.Compact(out)
}

// applies decides whether the pack concerns the case. Where that is undecided it
// adds the one finding that asks. "Does not apply" lifts every rule of the pack, so
// it may rest on no weaker a basis than each of them accepts.
func (c *caseOf) applies(ctx context.Context, active []*Rule) (bool, error) {
	if c.Pack.applies == nil || len(active) == 0 {
		return true, nil
	}
	var open judgment
	var held []*Rule
	var basis pipeline.Basis
	for _, accept := range accepts {
		var under []*Rule
		for _, rule := range active {
			if rule.Accept == accept {
				under = append(under, rule)
			}
		}
		if len(under) == 0 {
			continue
		}
		got, err := c.Pack.applies.decide(ctx, c.view, nil, accept)
		if err != nil {
			return false, err
		}
		if got.truth == yes {
			return true, nil
		}
		if got.truth == undecided {
			if held == nil {
				basis = accept
			}
			open.add(got)
			held = append(held, under...)
		}
	}
	if len(held) > 0 {
		c.addQuestion(open, held, basis)
	}
	return false, nil
}

// judgment is a rule held against the facts: the rulings on all elements of its
// list, or the one ruling where it has none.
type judgment struct {
	ruling
	// matched lists the elements that matched; a rule without "for" has one nil
	// element.
	matched []*item
}

// add takes up what an undecided ruling lacks.
func (j *judgment) add(r ruling) {
	j.truth = undecided
	j.missing = append(j.missing, r.missing...)
	j.reliedOn = append(j.reliedOn, r.reliedOn...)
	if j.reason == "" {
		j.reason = r.reason
	}
}

func (j judgment) outcome() pipeline.Outcome {
	switch j.truth {
	case yes:
		return pipeline.OutcomeMatched
	case no:
		return pipeline.OutcomeNotMatched
	}
	return pipeline.OutcomeUndetermined
}

// judge evaluates a rule, once for every element where it has a "for".
func (r *Rule) judge(ctx context.Context, v *view) (judgment, error) {
	made := r.body()
	if made.when == nil { // a rule that ships and does not compile
		return judgment{ruling: ruling{reason: "the rule cannot be read"}}, nil
	}
	if made.list == nil {
		got, err := made.when.decide(ctx, v, nil, r.Accept)
		j := judgment{ruling: got}
		if got.truth == yes {
			j.matched = []*item{nil}
		}
		return j, err
	}
	var matched []*item
	j := judgment{ruling: ruling{truth: no}}
	n := v.length(made.list)
	for i := range min(n, maxElements) {
		it := &item{list: made.list, index: i}
		got, err := made.when.decide(ctx, v, it, r.Accept)
		if err != nil {
			return j, err
		}
		switch got.truth {
		case yes:
			matched = append(matched, it)
		case undecided:
			j.add(got)
		}
	}
	if len(matched) > 0 {
		return judgment{ruling: ruling{truth: yes}, matched: matched}, nil
	}
	if n > maxElements {
		reason := fmt.Sprintf("%s has %s elements, and a rule looks at %s at most", r.For, thousands(uint64(n)), thousands(maxElements))
		return judgment{ruling: ruling{reason: reason}}, nil
	}
	// That no element matches says something only where the list is all of it, or where
	// none could match.
	basis, known := v.basis(made.list)
	if known && !weaker(basis, r.Accept) {
		return j, nil
	}
	if j.truth == no {
		never, err := made.when.never(ctx, v, r.Accept)
		if err != nil || never {
			return j, err
		}
	}
	if known {
		j.add(ruling{reliedOn: []path{made.list}})
	} else {
		j.add(ruling{missing: []path{made.list}})
	}
	return j, nil
}

// add records the findings of a rule. One that was decided and did not match leaves
// a finding only where it is stale.
func (c *caseOf) add(rule *Rule, got judgment) {
	base := pipeline.Finding{
		Pack: c.Pack.Name, Rule: rule.ID, Title: rule.Title, Mode: c.Mode, Outcome: got.outcome(),
		Effect: rule.Effect, Quorum: rule.Quorum, Offices: rule.Offices, Stale: rule.StaleOn(c.day), Unverified: rule.Unverified,
		Missing: names(got.missing), ReliedOn: names(got.reliedOn), Cite: rule.Cite,
	}
	switch got.truth {
	case yes:
		for _, it := range got.matched {
			f := base
			f.Message = rule.body().message.render(c.view, it)
			f.Ask = rule.asks(c.view, it)
			f.Evidence = c.evidence(rule.body().when, it)
			c.append(f, it)
		}
	case undecided:
		base.Message = fmt.Sprintf("%s\"%s\" cannot be decided: %s.", rule.Status.caveat(), rule.Title, got.because(rule.Accept))
		base.Ask = rule.asks(c.view, nil)
		base.Evidence = c.evidence(rule.body().when, nil)
		c.append(base, nil)
	case no:
		if !base.Stale {
			return
		}
		base.Effect = pipeline.EffectInfo
		until, what := rule.freshUntil()
		base.Message = fmt.Sprintf("%s\"%s\" did not match, but %s was to be reviewed by %s: this result is stale.", rule.Status.caveat(), rule.Title, what, until)
		base.Ask = []string{}
		base.Evidence = c.evidence(rule.body().when, nil)
		c.append(base, nil)
	}
}

// addQuestion records that it is undecided whether the pack applies. held are the
// rules that wait for the answer.
func (c *caseOf) addQuestion(open judgment, held []*Rule, accept pipeline.Basis) {
	f := pipeline.Finding{
		Pack: c.Pack.Name, Title: c.Pack.Title, Mode: c.Mode, Outcome: pipeline.OutcomeUndetermined,
		Effect: held[0].Effect, Quorum: held[0].Quorum,
		Missing: names(open.missing), ReliedOn: names(open.reliedOn), Ask: []string{}, Cite: []pipeline.Citation{},
		Evidence: c.evidence(c.Pack.applies, nil),
	}
	for _, rule := range held {
		f.Effect = strongest(effects, f.Effect, rule.Effect)
		f.Quorum = strongest(quorums, f.Quorum, rule.Quorum)
		f.Stale = f.Stale || rule.StaleOn(c.day)
	}
	for _, name := range names(append(open.missing, open.reliedOn...)) {
		if !pipeline.Measurable(name) {
			f.Ask = append(f.Ask, name)
		}
	}
	f.Message = fmt.Sprintf("It cannot be decided whether the pack \"%s\" applies: %s.", c.Pack.Title, open.because(accept))
	c.append(f, nil)
}

// asks lists the facts that the rule asks for and that are unknown. Facts of "it"
// are asked for an element only.
func (r *Rule) asks(v *view, it *item) []string {
	var out []path
	for _, fact := range r.body().ask {
		if fact.path[0].name != element || it != nil {
			if !fact.known(v, it) {
				out = append(out, fact.in(it))
			}
			continue
		}
		for i := range v.length(r.body().list) {
			if one := (&item{list: r.body().list, index: i}); !fact.known(v, one) {
				out = append(out, fact.in(one))
			}
		}
	}
	return names(out)
}

// evidence lists the known facts that an expression names, with their values.
func (c *caseOf) evidence(x *expression, it *item) []pipeline.FindingEvidence {
	out := []pipeline.FindingEvidence{}
	if x == nil {
		return out
	}
	for _, place := range x.places(c.view, it) {
		if value, known := c.view.value(place.path, place.entry); known {
			out = append(out, pipeline.FindingEvidence{Fact: place.path.String(), Value: value})
		}
	}
	return out
}

// places lists where the facts that the expression names lie: those of "it" in its
// element, those of other lists in each of theirs.
func (x *expression) places(v *view, it *item) []concrete {
	var places []concrete
	for _, ref := range x.refs {
		if it != nil && len(ref.path) > len(it.list) && ref.path.startsWith(it.list) {
			ref = concrete{ref.path.at(len(it.list), it.index), ref.entry.at(len(it.list), it.index)}
		}
		places = append(places, v.expand(ref)...)
	}
	return places
}

// append names a finding and records it.
func (c *caseOf) append(f pipeline.Finding, it *item) {
	h := sha256.New()
	element := ""
	if it != nil {
		element = it.path().String()
	}
	for _, text := range []string{f.Pack, f.Rule, string(f.Outcome), element} {
		fmt.Fprintf(h, "%s\x00", text)
	}
	for _, e := range f.Evidence {
		value, err := json.Marshal(e.Value)
		if err != nil { // a number that JSON has no form for
			value = fmt.Append(nil, e.Value)
		}
		fmt.Fprintf(h, "%s\x00%s\x00", e.Fact, value)
	}
	f.ID = hex.EncodeToString(h.Sum(nil)[:8])
	c.findings = append(c.findings, f)
}
