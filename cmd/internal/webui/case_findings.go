package webui

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/report"
)

const (
	// mostFindings bounds the rules of a page, mostEvidence the facts below one, mostElements
	// the other elements that a rule matched on.
	mostFindings = 60
	mostEvidence = 30
	mostElements = 20
	mostPlaces   = 3
	// mostFolded bounds the places below a fact that are folded away, mostPagePlaces those of
	// a page.
	mostFolded     = 100
	mostPagePlaces = 1000
	mostCites      = 10
)

// findingView is what one rule came to.
type findingView struct {
	Anchor, Pack, Rule, Title, Message string
	Outcome                            pipeline.Outcome
	Effect                             pipeline.Effect
	Quorum                             pipeline.Quorum
	Offices                            []string
	// Stops is true where it keeps the verdict from being clear.
	Stops, Stale, Unverified bool
	// Status, Jurisdiction and When are those of the rule as it is now, "" where its pack
	// has changed since.
	Status             policy.Status
	Jurisdiction, When string
	From, To           string
	Missing, ReliedOn  []string
	Evidence           []evidenceView
	// MoreEvidence counts the facts without room.
	MoreEvidence int
	// Elements are the messages of the same rule on other elements.
	Elements     []string
	MoreElements int
	Cites        []citeView
}

type evidenceView struct {
	Fact, Value string
	Basis       pipeline.Basis
	// Places are at most [mostPlaces], Folded those after them; MorePlaces counts the ones
	// without room.
	Places, Folded []placeView
	MorePlaces     int
}

// placeView is where something stands. Href is "" where nothing was kept of it.
type placeView struct{ Object, Where, Href string }

type citeView struct {
	Title, Href, Accessed string
	Mark                  pipeline.Mark
}

// findingsView is what the rules found.
type findingsView struct {
	Enforced []findingView
	// Reported is by pack.
	Reported []packFindings
	// More counts the enforced rules without room.
	More int
	// Reasons say what the verdict rests on beside the rules.
	Reasons []string
}

type packFindings struct {
	Pack          string
	Matched, Open int
	Findings      []findingView
	More          int
}

// places finds where facts stand. objects holds the paths of the artifact.
type places struct {
	id string
	// room is how many more places the page can fold away.
	room    *int
	entries map[string]pipeline.FactEntry
	objects map[string]bool
}

func placesOf(id string, r *pipeline.Report) places {
	room := mostPagePlaces
	p := places{id: id, room: &room, entries: map[string]pipeline.FactEntry{}, objects: map[string]bool{}}
	for _, e := range r.FactsIndex {
		p.entries[e.Name] = e
	}
	for _, o := range r.Artifact.Objects {
		p.objects[o.Path] = true
	}
	return p
}

// at is a place as the page shows it.
func (p places) at(e pipeline.Evidence) placeView {
	v := placeView{Object: report.Shown(e.Object, 240), Where: report.Shown(e.Where, 240)}
	if p.objects[e.Object] {
		v.Href = objectHref(p.id, e.Object, e.Where)
	}
	return v
}

// objectHref is the page that shows what was read of an object.
func objectHref(id, path, where string) string {
	q := url.Values{"path": {path}}
	if where != "" {
		q.Set("at", where)
	}
	return "/cases/" + id + "/object?" + q.Encode() + "#mark"
}

// evidence shows a fact that a rule looked at.
func (p places) evidence(e pipeline.FindingEvidence) evidenceView {
	v := evidenceView{Fact: report.Shown(e.Fact, 200), Value: report.Value(e.Value)}
	for name := e.Fact; name != ""; {
		if entry, ok := p.entries[name]; ok {
			v.Basis = entry.Basis
			for _, one := range entry.Evidence[:min(len(entry.Evidence), mostPlaces)] {
				v.Places = append(v.Places, p.at(one))
			}
			rest := entry.Evidence[len(v.Places):]
			for _, one := range rest[:min(len(rest), mostFolded, *p.room)] {
				v.Folded = append(v.Folded, p.at(one))
			}
			*p.room -= len(v.Folded)
			v.MorePlaces = len(rest) - len(v.Folded)
			return v
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	return v
}

func findingsOf(r *pipeline.Report, rules map[app.RuleKey]policy.Rule, at places) findingsView {
	v := findingsView{Reasons: r.Reasons[:min(len(r.Reasons), mostRows)]}
	packs := map[string]int{}
	for _, all := range report.ByRule(r.Findings) {
		lead := all[0]
		one := func() findingView { return findingOf(all, rules[app.RuleKey{Pack: lead.Pack, Rule: lead.Rule}], at) }
		if lead.Mode == pipeline.ModeEnforce {
			if len(v.Enforced) == mostFindings {
				v.More++
				continue
			}
			v.Enforced = append(v.Enforced, one())
			continue
		}
		i, known := packs[lead.Pack]
		if !known {
			i = len(v.Reported)
			packs[lead.Pack] = i
			v.Reported = append(v.Reported, packFindings{Pack: lead.Pack})
		}
		p := &v.Reported[i]
		switch lead.Outcome {
		case pipeline.OutcomeMatched:
			p.Matched++
		case pipeline.OutcomeUndetermined:
			p.Open++
		}
		if len(p.Findings) == mostFindings {
			p.More++
			continue
		}
		p.Findings = append(p.Findings, one())
	}
	slices.SortStableFunc(v.Enforced, func(a, b findingView) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	slices.SortStableFunc(v.Reported, func(a, b packFindings) int { return strings.Compare(a.Pack, b.Pack) })
	return v
}

// rankOf puts what stops the case first.
func rankOf(f findingView) int {
	switch {
	case f.Stops && f.Outcome == pipeline.OutcomeMatched && f.Effect == pipeline.EffectBlock:
		return 0
	case f.Stops && f.Outcome == pipeline.OutcomeMatched:
		return 1
	case f.Stops:
		return 2
	}
	return 3
}

func findingOf(all []*pipeline.Finding, rule policy.Rule, at places) findingView {
	f := all[0]
	v := findingView{Pack: f.Pack, Rule: cmp.Or(f.Rule, f.Pack), Title: f.Title, Message: f.Message, Anchor: findingAnchor(f), Outcome: f.Outcome, Effect: f.Effect, Quorum: f.Quorum, Offices: f.Offices,
		Stale: f.Stale, Unverified: f.Unverified, Status: rule.Status, Jurisdiction: rule.Jurisdiction, When: rule.When, From: rule.From, To: rule.To,
		Stops:   pipeline.VerdictOf([]pipeline.Finding{*f}) != pipeline.VerdictClear,
		Missing: f.Missing[:min(len(f.Missing), mostEvidence)], ReliedOn: f.ReliedOn[:min(len(f.ReliedOn), mostEvidence)]}
	for i, e := range f.Evidence {
		if i == mostEvidence {
			v.MoreEvidence = len(f.Evidence) - mostEvidence
			break
		}
		v.Evidence = append(v.Evidence, at.evidence(e))
	}
	for i, other := range all[1:] {
		if i == mostElements {
			v.MoreElements = len(all) - 1 - mostElements
			break
		}
		v.Elements = append(v.Elements, other.Message)
	}
	for _, c := range f.Cite[:min(len(f.Cite), mostCites)] {
		one := citeView{Title: c.Title, Accessed: c.Accessed, Mark: c.Mark}
		if href, ok := report.WebAddress(c.URL); ok {
			one.Href = href
			one.Title = cmp.Or(one.Title, c.URL)
		}
		v.Cites = append(v.Cites, one)
	}
	return v
}

// findingAnchor is the id of a finding on the page.
func findingAnchor(f *pipeline.Finding) string {
	return "finding-" + anchorOf(f.Pack) + "-" + anchorOf(cmp.Or(f.Rule, f.Pack))
}

// anchorOf makes a part of an id of a name.
func anchorOf(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
}
