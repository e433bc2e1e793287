package policy

import (
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

const (
	maxMessage = 2000 // characters
	maxAsk     = 50
	maxCite    = 20
)

// day is the form of dates in packs.
const day = time.DateOnly

// dates checks "effective" and "review_by".
func (l *loader) dates(node *yaml.Node, file ruleFile, rule *Rule) {
	effective := document.Child(node, "effective")
	rule.From = l.date(effective, "from", file.Effective.From)
	rule.To = l.date(effective, "to", file.Effective.To)
	rule.ReviewBy = l.date(node, "review_by", file.ReviewBy)
	if rule.From != "" && rule.To != "" && rule.To < rule.From {
		l.problems.Add(document.Child(effective, "to"), "the rule ends on %s, before it starts on %s", rule.To, rule.From)
	}
}

// date returns a date that the calendar has, or "".
func (l *loader) date(node *yaml.Node, key, value string) string {
	at := document.Child(node, key)
	if at == nil || (value == "" && at.ShortTag() == "!!null") {
		return ""
	}
	if _, err := time.Parse(day, value); err != nil {
		l.problems.Add(at, "%q is no date: write it as 2026-01-31", value)
		return ""
	}
	return value
}

// cite checks the citations. A rule without one does not load.
func (l *loader) cite(node *yaml.Node, what string, file ruleFile, rule *Rule) {
	at := document.Child(node, "cite")
	switch {
	case len(file.Cite) == 0:
		if at == nil {
			at = node
		}
		l.problems.Add(at, "%s has no %q", what, "cite")
		return
	case len(file.Cite) > maxCite:
		l.problems.Add(at, "a rule has at most %d citations", maxCite)
		return
	}
	for i, c := range file.Cite {
		cited := l.citation(at.Content[i], c)
		rule.Unverified = rule.Unverified || cited.Mark == pipeline.MarkMemory || cited.Mark == pipeline.MarkInference
		rule.Cite = append(rule.Cite, cited)
	}
}

// citation checks one citation.
func (l *loader) citation(item *yaml.Node, c citeFile) pipeline.Citation {
	l.need(item, "the citation", "title", c.Title)
	if l.need(item, "the citation", "url", c.URL) && !isWebAddress(c.URL) {
		l.problems.Add(document.Child(item, "url"), "%q is no web address: write it in full, as https://example.org/page", c.URL)
	}
	return pipeline.Citation{Title: c.Title, URL: c.URL, Accessed: l.date(item, "accessed", c.Accessed),
		Mark: choose(l, item, "mark", c.Mark, marks, "")}
}

// maxOffices bounds the offices that one rule names.
const maxOffices = 20

var officeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// offices checks the offices that must each sign.
func (l *loader) offices(node *yaml.Node, file ruleFile, rule *Rule) {
	at := document.Child(node, "offices")
	if len(file.Offices) > maxOffices {
		l.problems.Add(at, "a rule names at most %d offices", maxOffices)
		return
	}
	for i, name := range file.Offices {
		switch {
		case !officeName.MatchString(name):
			l.problems.Add(at.Content[i], "the name of an office is letters, digits, hyphens and underscores, at most 32")
		case slices.Contains(rule.Offices, name):
			l.problems.Add(at.Content[i], "the office %q is named twice", name)
		default:
			rule.Offices = append(rule.Offices, name)
		}
	}
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// words checks "message" and "ask": every fact that they name must exist.
func (l *loader) words(node *yaml.Node, what string, rule *Rule, into *body) {
	if l.need(node, what, "message", rule.Message) {
		at := document.Child(node, "message")
		if utf8.RuneCountInString(rule.Message) > maxMessage {
			l.problems.Add(at, "a message has at most %d characters", maxMessage)
			return
		}
		into.message = parseTemplate(rule.Message, into.elem, func(offset int, message string) {
			line, column := l.doc.Locate(at, offset)
			l.problems.AddAt(line, column, "%s", message)
		})
	}
	at := document.Child(node, "ask")
	if len(rule.Ask) > maxAsk {
		l.problems.Add(at, "a rule asks for at most %d facts", maxAsk)
		return
	}
	for i, name := range rule.Ask {
		p, t, err := resolveFact(name, into.elem)
		if err != nil {
			l.problems.Add(at.Content[i], "%v", err)
			continue
		}
		into.ask = append(into.ask, factName{path: p, interval: t == intervalType})
	}
}
