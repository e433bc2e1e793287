package webui

import (
	"cmp"
	"slices"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
	"weighbridge/pipeline/vocabulary"
)

const (
	// mostWhy bounds the rules that the head of a case names, mostLacked the facts that it
	// says one of them lacks.
	mostWhy    = 3
	mostLacked = 2
)

// whyView is what a verdict rests on, for one sentence.
type whyView struct {
	Verdict pipeline.Verdict
	// Figure is the number of parameters that the rules judge by.
	Figure figureView
	// Matched and Open are at most [mostWhy] rules together; the numbers count the rest.
	Matched, Open         []whyRule
	MoreMatched, MoreOpen int
	// Found is the first reason beside the rules, "" where there is none; MoreFound counts
	// the others.
	Found     string
	MoreFound int
}

// Some reports whether there is anything to say.
func (v whyView) Some() bool { return v.Verdict != pipeline.VerdictClear }

// figureView is an interval; its ends are nil where they are not known.
type figureView struct{ Lower, Upper *int64 }

// Exact reports whether both ends are the same.
func (f figureView) Exact() bool { return f.Lower != nil && f.Upper != nil && *f.Lower == *f.Upper }

// whyRule is a rule that keeps a verdict from being clear.
type whyRule struct {
	Name, Title, Anchor string
	// Lacks are the facts without which it cannot be decided. Weak is true where they are
	// known, on weaker grounds than the rule accepts.
	Lacks     []string
	MoreLacks int
	Weak      bool
}

func whyOf(r *pipeline.Report) whyView {
	p := r.Facts.Params
	v := whyView{Verdict: r.Verdict, Figure: figureView{p.EffectiveLower, p.EffectiveUpper}}
	for _, all := range report.ByRule(r.Findings) {
		f := all[0]
		if pipeline.VerdictOf([]pipeline.Finding{*f}) == pipeline.VerdictClear {
			continue
		}
		list, more := &v.Matched, &v.MoreMatched
		if f.Outcome != pipeline.OutcomeMatched {
			list, more = &v.Open, &v.MoreOpen
		}
		if len(v.Matched)+len(v.Open) == mostWhy {
			*more++
			continue
		}
		*list = append(*list, whyRuleOf(f))
	}
	if found := beside(r); len(found) > 0 {
		v.Found, v.MoreFound = strings.TrimSuffix(report.Shown(found[0], 300), "."), len(found)-1
	}
	return v
}

// beside returns the reasons of a verdict that are not those of a rule, which is named
// already.
func beside(r *pipeline.Report) []string {
	_, read := pipeline.Conclude(nil, r.Inspections, &r.Facts)
	_, all := pipeline.Conclude(r.Findings, r.Inspections, &r.Facts)
	ruled := all[len(read):]
	return slices.DeleteFunc(slices.Clone(r.Reasons), func(reason string) bool { return slices.Contains(ruled, reason) })
}

func whyRuleOf(f *pipeline.Finding) whyRule {
	one := whyRule{Name: cmp.Or(f.Rule, f.Pack), Anchor: findingAnchor(f)}
	if f.Rule != "" {
		one.Title = f.Title
	}
	if f.Outcome == pipeline.OutcomeMatched {
		return one
	}
	names := f.Missing
	if len(names) == 0 {
		names, one.Weak = f.ReliedOn, true
	}
	one.Lacks = names[:min(len(names), mostLacked)]
	one.MoreLacks = len(names) - len(one.Lacks)
	return one
}

// lacking says who must still approve, "" where nobody must.
func (w *Words) lacking(s review.Shortfall) string {
	people := ""
	switch {
	case s.People == 1 && s.Legal:
		people = w.T("lacking.legal")
	case s.People == 1:
		people = w.T("lacking.one")
	case s.People == 2 && s.Legal:
		people = w.T("lacking.one_legal")
	case s.People == 2:
		people = w.T("lacking.two")
	case s.People > 2:
		people = w.T("lacking.two_legal")
	}
	offices := ""
	if n := len(s.Offices); n > 0 {
		offices = w.T("lacking.offices", n, strings.Join(s.Offices, w.T("text.comma")))
	}
	if people != "" && offices != "" {
		return w.T("lacking.among", people, offices)
	}
	return people + offices
}

// kindKeys are the words of the kinds of values.
var kindKeys = map[vocabulary.Kind]string{vocabulary.Group: "group", vocabulary.List: "list", vocabulary.Counts: "counts", vocabulary.Range: "range",
	vocabulary.Flag: "flag", vocabulary.Whole: "whole", vocabulary.Number: "number"}

// takes says in a few words what the answer to a question may be.
func (w *Words) takes(fact string) string { return w.takesOf(fact, false) }

// takesOne says what one element of it may be, where it is a list of texts.
func (w *Words) takesOne(fact string) string { return w.takesOf(fact, true) }

func (w *Words) takesOf(fact string, one bool) string {
	f, ok := vocabulary.FindFact(fact)
	if !ok {
		return ""
	}
	text := ""
	switch many := f.Kind == vocabulary.Texts && !one; {
	case f.Kind != vocabulary.Text && f.Kind != vocabulary.Texts:
		text = w.Word("takes", kindKeys[f.Kind])
	case f.Words != nil && many:
		text = w.T("takes.some_of", w.choices(fact, f.Words))
	case f.Words != nil:
		text = w.T("takes.one_of", w.choices(fact, f.Words))
	case many && (f.Is == vocabulary.FormCountry || f.Is == vocabulary.FormPlace):
		text = w.Word("takes", f.Is+"_list")
	case many:
		text = w.T("takes.texts")
	case f.Is != "":
		text = w.Word("takes", f.Is)
	default:
		text = w.T("takes.text")
	}
	if f.Unit != "" {
		text += w.T("takes.unit", w.unit(f.Unit))
	}
	if f.Bounded() && f.Max <= 100 {
		text += w.T("takes.most", int64(f.Max))
	}
	return text
}
