package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func (s *Site) packRoutes() []route {
	return []route{
		{"GET /packs", s.showPacks},
		{"GET /packs/{name}", s.showPack},
		{"POST /packs/preview", s.previewPacks},
	}
}

const (
	// packsFor is how long loaded packs are shown before their files are read again.
	packsFor = time.Minute
	// mostPreviewed and previewTime bound a preview.
	mostPreviewed = 500
	previewTime   = 10 * time.Second
	// modePrefix begins the fields of the form that name a pack.
	modePrefix = "mode."
)

// modes are the modes of packs, the strongest first.
var modes = [...]pipeline.Mode{pipeline.ModeEnforce, pipeline.ModeReport, pipeline.ModeOff}

// packCache keeps the configured packs for a while: compiling their rules takes longer
// than making a page.
type packCache struct {
	mu     sync.Mutex
	at     time.Time
	loaded []policy.Selected
}

func (s *Site) configured() ([]policy.Selected, error) {
	s.packs.mu.Lock()
	defer s.packs.mu.Unlock()
	if now := s.now(); s.packs.loaded == nil || now.Sub(s.packs.at) > packsFor {
		loaded, err := s.service.PacksNamed(nil)
		if err != nil {
			return nil, err
		}
		s.packs.loaded, s.packs.at = loaded, now
	}
	return s.packs.loaded, nil
}

// packsView is the page of all packs.
type packsView struct {
	Packs []packLine
	Modes []pipeline.Mode
	// Previews is true for somebody who may try other modes.
	Previews bool
	Most     int
	Problem  *Problem
	// Tried is what the preview came to, nil where none was asked for.
	Tried *previewView
}

// packLine is one pack.
type packLine struct {
	*policy.Pack
	Mode pipeline.Mode
	// Asked is the mode in the form.
	Asked pipeline.Mode
	// InEffect, Stale and Unverified count rules as of today.
	InEffect, Stale, Unverified int
}

// previewView is what other modes would come to.
type previewView struct {
	app.Previewed
	Rows []previewRow
	More int
}

// previewRow is one case that would change.
type previewRow struct {
	app.Rejudged
	Title   string
	Because []string
}

// mostPreviewRows bounds the cases that are listed, mostBecause the rules that a line names.
const (
	mostPreviewRows = 100
	mostBecause     = 4
)

func (s *Site) today() string { return s.now().In(s.location).Format(time.DateOnly) }

func (s *Site) packsPage(who access.Identity, asked map[string]pipeline.Mode) (packsView, error) {
	v := packsView{Modes: modes[:], Previews: who.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal, pipeline.RoleAdmin), Most: mostPreviewed}
	all, err := s.configured()
	if err != nil {
		return v, err
	}
	day := s.today()
	for _, one := range all {
		line := packLine{Pack: one.Pack, Mode: one.Mode, Asked: one.Mode}
		if mode, ok := asked[one.Pack.Name]; ok {
			line.Asked = mode
		}
		for i := range one.Pack.Rules {
			rule := &one.Pack.Rules[i]
			if rule.From > day || rule.To != "" && rule.To < day {
				continue
			}
			line.InEffect++
			if rule.StaleOn(day) {
				line.Stale++
			}
			if rule.Unverified {
				line.Unverified++
			}
		}
		v.Packs = append(v.Packs, line)
	}
	slices.SortStableFunc(v.Packs, func(a, b packLine) int {
		return slices.Index(modes[:], a.Mode) - slices.Index(modes[:], b.Mode)
	})
	return v, nil
}

func (s *Site) showPacks(w http.ResponseWriter, r *http.Request) error {
	v, err := s.packsPage(access.Of(r.Context()), nil)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "packs", v)
}

// previewPacks judges the newest cases again in memory, and shows which would change.
func (s *Site) previewPacks(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	asked := map[string]pipeline.Mode{}
	for key, value := range r.PostForm {
		if name, ok := strings.CutPrefix(key, modePrefix); ok {
			asked[name] = pipeline.Mode(value[0])
		}
	}
	v, err := s.packsPage(access.Of(r.Context()), asked)
	if err != nil {
		return err
	}
	found, err := s.service.Preview(r.Context(), asked, mostPreviewed, previewTime)
	if err != nil {
		problem, status, ok := problemOf(err)
		if !ok {
			return err
		}
		v.Problem = problem
		return s.render(w, r, status, "packs", v)
	}
	v.Tried = previewOf(found)
	return s.render(w, r, http.StatusOK, "packs", v)
}

// previewOf lists the cases that would change, those whose verdict would first.
func previewOf(found app.Previewed) *previewView {
	p := &previewView{Previewed: found}
	changed := slices.Clone(found.Changed)
	slices.SortStableFunc(changed, func(a, b app.Rejudged) int {
		switch same := a.Before == a.After; {
		case same == (b.Before == b.After):
			return 0
		case same:
			return 1
		}
		return -1
	})
	p.More = max(0, len(changed)-mostPreviewRows)
	for _, c := range changed[:min(len(changed), mostPreviewRows)] {
		row := previewRow{Rejudged: c}
		row.Title, _ = sourceParts(c.Case.Source)
		for _, change := range c.Changes {
			name := change.Rule
			if name == "" {
				name = change.Pack
			}
			if len(row.Because) < mostBecause && !slices.Contains(row.Because, name) {
				row.Because = append(row.Because, name)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// packView is the page of one pack.
type packView struct {
	*policy.Pack
	Mode  pipeline.Mode
	Rules []ruleView
	Lists []listView
	// Passed and Failed count the examples.
	Passed, Failed int
}

// ruleView is one rule in plain words.
type ruleView struct {
	policy.Rule
	// When what: InEffect today, Ended before, else it is yet to come.
	InEffect, Ended, Stale bool
	Reads                  []string
	Tests                  []policy.Tested
	Failed                 int
}

// listView is a list that rules look into.
type listView struct {
	*policy.List
	Stale bool
}

func (s *Site) showPack(w http.ResponseWriter, r *http.Request) error {
	all, err := s.configured()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p policy.Selected) bool { return p.Pack.Name == r.PathValue("name") })
	if i < 0 {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no pack of this name", Hint: "the page of rules lists all packs"}
	}
	tests, err := policy.Examples(r.Context(), all[i].Pack)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "pack", packOf(all[i], tests, s.today()))
}

func packOf(selected policy.Selected, tests []policy.Tested, day string) packView {
	v := packView{Pack: selected.Pack, Mode: selected.Mode}
	for i := range selected.Pack.Rules {
		rule := &selected.Pack.Rules[i]
		one := ruleView{Rule: *rule, Stale: rule.StaleOn(day), Ended: rule.To != "" && rule.To < day, Reads: rule.Reads()}
		one.InEffect = !one.Ended && rule.From <= day
		for _, t := range tests {
			if t.Rule != rule.ID {
				continue
			}
			one.Tests = append(one.Tests, t)
			if t.Message != "" {
				one.Failed++
			}
		}
		v.Failed += one.Failed
		v.Passed += len(one.Tests) - one.Failed
		v.Rules = append(v.Rules, one)
		for _, list := range rule.Lists {
			if !slices.ContainsFunc(v.Lists, func(has listView) bool { return has.Name == list.Name }) {
				v.Lists = append(v.Lists, listView{List: list, Stale: list.ReviewBy != "" && list.ReviewBy < day})
			}
		}
	}
	return v
}

// webAddress returns an address of a citation where it leads to a page of the web, "" for
// any other: then it is shown as text.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return text
}

// messagePart is a part of a rule's message: a text, or the name of a fact that is filled
// in where the rule matches.
type messagePart struct{ Text, Fact string }

// messageParts parts a message at its placeholders.
func messageParts(message string) []messagePart {
	var out []messagePart
	for message != "" {
		before, rest, found := strings.Cut(message, "{{")
		name, after, ends := strings.Cut(rest, "}}")
		if !found || !ends {
			return append(out, messagePart{Text: message})
		}
		if before != "" {
			out = append(out, messagePart{Text: before})
		}
		out = append(out, messagePart{Fact: strings.TrimSpace(name)})
		message = after
	}
	return out
}
