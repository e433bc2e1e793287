package screening

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

const (
	// maxHits is how many hits are kept, the best first.
	maxHits = 100
	// maxTerms is how many names of one submission are held against lists.
	maxTerms = 1_000
	// fresh is how old a list may be.
	fresh = 24 * time.Hour
	// public is the recipient of what anybody can get.
	public = "public"
)

// Assessor holds the parties of a submission against a list, what a service found, or
// both. Its fields are set once and then only read.
//
// The basis of screening.hits says how much weight it bears. It is measured where every
// party is named and was held against a list that was fresh on the day. Where the list is
// older than 24 hours, or not all parties are known or were screened, what was found has
// the basis estimated; and where then nothing was found because parties are unknown or
// were not screened, hits stay unknown.
//
// With both a list and a result, the facts on the list are those of the list, and one of
// the two that is fresh and complete is enough.
type Assessor struct {
	// List is nil where the operator gave none, Result where no service was asked.
	List   *List
	Result *Result
	// Threshold is the similarity from which two names are a hit, above 0 and at most 1;
	// zero stands for [DefaultThreshold].
	Threshold float64
	// Now tells the time. It counts only on the as-of day itself; nil stands for the end
	// of the as-of day.
	Now func() time.Time
}

// Name returns the assessor's name.
func (*Assessor) Name() string { return "screening" }

// Assess sets the facts of the group screening. Where there is neither list nor result, what
// was found before stands, as it does for a stored case: it only grows old. It returns an error with [pipeline.CodeOverLimit] where the submission names more
// than 1,000 parties, and with [pipeline.CodeInvalid] for a threshold outside its range or a
// list from the future.
func (a *Assessor) Assess(facts *pipeline.FactSet, asOf time.Time) error {
	if a.List == nil && a.Result == nil {
		stored(facts, asOf)
		return nil
	}
	facts.ForgetAll("screening")
	threshold := cmp.Or(a.Threshold, DefaultThreshold)
	if math.IsNaN(threshold) || threshold <= 0 || threshold > 1 {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the threshold of the screening is not above 0 and at most 1"}
	}
	sought := partiesOf(facts)
	if len(sought.terms) > maxTerms {
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the submission names more than 1,000 parties, more than are held against lists"}
	}
	if err := a.checkDates(); err != nil {
		return err
	}
	moment := a.moment(asOf)
	a.describe(facts, moment)

	var found outcome
	var evidence []pipeline.Evidence
	if a.List != nil {
		found.add(sought.terms, a.List.hits(threshold), moment.Sub(a.List.Made) <= fresh)
		evidence = append(evidence, pipeline.Evidence{Object: a.List.Name})
	}
	if a.Result != nil {
		found.add(sought.terms, a.Result.hits(), moment.Sub(a.Result.Performed) <= fresh)
		evidence = append(evidence, pipeline.Evidence{Object: a.Result.Name})
	}
	names := []string{}
	for _, t := range sought.terms {
		if found.screened[t.name] && !slices.Contains(names, t.name) {
			names = append(names, t.name)
		}
		evidence = append(evidence, t.evidence...)
	}
	facts.Set("screening.parties", names, pipeline.BasisDeclared, sought.evidence()...)
	hits := found.best()
	switch {
	case sought.complete && found.certain:
		facts.Set("screening.hits", hits, pipeline.BasisMeasured, evidence...)
	case len(hits) > 0 || (sought.complete && found.whole):
		facts.Set("screening.hits", hits, pipeline.BasisEstimated, evidence...)
	}
	return nil
}

// stored lets what was found before grow old: on a later day than that of its list it is
// no longer measured, so that "no hit" decides nothing, and a hit stays one.
func stored(facts *pipeline.FactSet, asOf time.Time) {
	updated, known := facts.Value("screening.list_updated")
	entry, hits := facts.Entry("screening.hits")
	day, _ := updated.(string)
	if !known || !hits || entry.Basis != pipeline.BasisMeasured || asOf.Format(time.DateOnly) <= day {
		return
	}
	value, _ := facts.Value("screening.hits")
	facts.Set("screening.hits", value, pipeline.BasisEstimated, entry.Evidence...)
}

// checkDates refuses what says that it was made after tomorrow: it would never grow old.
func (a *Assessor) checkDates() error {
	if a.Now == nil {
		return nil
	}
	latest := a.Now().Add(fresh)
	if (a.List != nil && a.List.Made.After(latest)) || (a.Result != nil && a.Result.Performed.After(latest)) {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the screening list or result is dated in the future"}
	}
	return nil
}

// moment is when the check is made: now where that is on the as-of day, else at its end.
func (a *Assessor) moment(asOf time.Time) time.Time {
	y, m, d := asOf.Date()
	if a.Now != nil {
		if now := a.Now().In(asOf.Location()); now.Format(time.DateOnly) == asOf.Format(time.DateOnly) {
			return now
		}
	}
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

// describe sets what was used and how old it was, in whole hours, begun ones counted. A
// list that was made after the day is of age zero.
func (a *Assessor) describe(facts *pipeline.FactSet, moment time.Time) {
	var sources []string
	var file string
	var digest pipeline.Digest
	var made time.Time
	if a.Result != nil {
		sources = append(sources, a.Result.Service)
		file, digest, made = a.Result.Name, a.Result.Digest, a.Result.Performed
	}
	if a.List != nil {
		sources = append([]string{"list"}, sources...)
		file, digest, made = a.List.Name, a.List.Digest, a.List.Made
	}
	from := pipeline.Evidence{Object: file}
	facts.Set("screening.source", strings.Join(sources, " and "), pipeline.BasisMeasured, from)
	facts.Set("screening.list_digest", string(digest), pipeline.BasisMeasured, from)
	facts.Set("screening.list_updated", dayOf(made), pipeline.BasisMeasured, from)
	facts.Set("screening.age_hours", max(0, int64(math.Ceil(moment.Sub(made).Hours()))), pipeline.BasisMeasured, from)
}

// term is a name to hold against lists.
type term struct {
	name, role string
	evidence   []pipeline.Evidence
}

// parties is what a submission says of who takes part.
type parties struct {
	terms []term
	// complete is false where somebody who takes part is not named.
	complete bool
}

func (p parties) evidence() []pipeline.Evidence {
	var all []pipeline.Evidence
	for _, t := range p.terms {
		all = append(all, t.evidence...)
	}
	return all
}

// partiesOf lists all names of the parties, in the order of the submission. "public" is no
// name, but an answer to who the recipient is.
func partiesOf(facts *pipeline.FactSet) parties {
	f := &facts.Facts
	all := parties{complete: f.Recipient.Name != nil && Normalise(*f.Recipient.Name) != ""}
	all.add(facts, "recipient", "recipient", f.Recipient)
	all.add(facts, "end_user", "end_user", f.EndUser)
	var named int64
	for i, p := range f.Intermediaries {
		all.add(facts, fmt.Sprintf("intermediaries[%d]", i), "intermediary", p)
		if p.Name != nil && Normalise(*p.Name) != "" {
			named++
		}
	}
	if named < int64(len(f.Intermediaries)) || (f.Transfer.IntermediaryCount != nil && named < *f.Transfer.IntermediaryCount) {
		all.complete = false
	}
	all.add(facts, "developer", "developer", f.Developer)
	all.add(facts, "exporter", "exporter", f.Exporter)
	return all
}

// add takes the names of a party. Only the parents of who receives, passes on or uses the
// weights are of the role "parent", on which rules block: those of the developer and of
// the exporter get the party's own role.
func (p *parties) add(facts *pipeline.FactSet, at, role string, party pipeline.Party) {
	one := func(fact, name, role string) {
		if normalised := Normalise(name); normalised == "" || normalised == public {
			return
		}
		if slices.ContainsFunc(p.terms, func(t term) bool { return t.name == name && t.role == role }) {
			return
		}
		entry, _ := facts.Entry(fact)
		p.terms = append(p.terms, term{name, role, entry.Evidence})
	}
	if party.Name != nil {
		one(at+".name", *party.Name, role)
	}
	for _, alias := range party.Aliases {
		one(at+".aliases", alias, role)
	}
	if party.Parent != nil {
		if role != "developer" && role != "exporter" {
			role = "parent"
		}
		one(at+".parent", *party.Parent, role)
	}
}

// finder returns the hits of a name, and whether it was looked for at all.
type finder func(name string) (hits []pipeline.ScreeningHit, screened bool)

// hits returns the finder of a list.
func (l *List) hits(threshold float64) finder {
	return func(name string) ([]pipeline.ScreeningHit, bool) {
		var hits []pipeline.ScreeningHit
		for _, m := range l.index.find(Normalise(name), threshold) {
			e := &l.Entries[m.entry]
			hits = append(hits, pipeline.ScreeningHit{List: e.List, ID: e.ID, Name: e.Name, Alias: e.names()[m.name], Score: m.score, Exact: m.exact})
		}
		return hits, true
	}
}

// hits returns the finder of a result. A name counts as screened where the service was
// asked for one that differs only in what writers vary.
func (r *Result) hits() finder {
	found := map[string][]pipeline.ScreeningHit{}
	for _, p := range r.Parties {
		normalised := Normalise(p.Name)
		found[normalised] = append(found[normalised], p.Hits...)
	}
	return func(name string) (hits []pipeline.ScreeningHit, screened bool) {
		hits, screened = found[Normalise(name)]
		return hits, screened
	}
}

// outcome gathers what sources found.
type outcome struct {
	hits     []pipeline.ScreeningHit
	screened map[string]bool
	// whole is true where one source screened all parties, certain where that one was
	// fresh too.
	whole, certain bool
}

func (o *outcome) add(terms []term, find finder, isFresh bool) {
	if o.screened == nil {
		o.screened = map[string]bool{}
	}
	whole := true
	cache := map[string][]pipeline.ScreeningHit{}
	for _, t := range terms {
		hits, known := cache[t.name]
		if !known {
			var screened bool
			if hits, screened = find(t.name); !screened {
				whole = false
				continue
			}
			cache[t.name] = hits
		}
		o.screened[t.name] = true
		for _, h := range hits {
			h.Party, h.Role = t.name, t.role
			o.hits = append(o.hits, h)
		}
	}
	o.whole = o.whole || whole
	o.certain = o.certain || (whole && isFresh)
}

// best returns the hits, the best first, each once, and no more than are kept. Names that
// are the same come before all that only resemble.
func (o *outcome) best() []pipeline.ScreeningHit {
	slices.SortStableFunc(o.hits, func(a, b pipeline.ScreeningHit) int {
		if a.Exact != b.Exact {
			if a.Exact {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.List, b.List), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Party, b.Party), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Alias, b.Alias))
	})
	hits := []pipeline.ScreeningHit{}
	for _, h := range o.hits {
		if len(hits) == maxHits {
			break
		}
		if !slices.ContainsFunc(hits, func(k pipeline.ScreeningHit) bool {
			return k.Party == h.Party && k.Role == h.Role && k.List == h.List && k.ID == h.ID && k.Name == h.Name
		}) {
			hits = append(hits, h)
		}
	}
	return hits
}
