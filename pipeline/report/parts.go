package report

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"

	"weighbridge/pipeline"
)

// Part is a section of the page that [HTML] writes, for pages that show it among other
// things.
type Part struct {
	// ID names it: weight, architecture, findings, questions, licence, lineage, data, card,
	// contents, signature, submission, unread, objects or run. No id within the part is
	// another part's.
	ID, Title string
	// HTML is what stands below the title. It has no script, loads nothing and holds no
	// style; its classes are those of the style that [Style] returns.
	HTML template.HTML
}

// Parts returns sections of a report's page by id, all of them where none is named, in the
// order of the page. Sections in which nothing stands are left out. The bounds are those
// of [HTML].
func Parts(r *pipeline.Report, ids ...string) ([]Part, error) {
	var out []Part
	for _, s := range sectionsOf(r) {
		if len(ids) > 0 && !slices.Contains(ids, s.ID) {
			continue
		}
		var b bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&b, "blocks", s.Blocks); err != nil {
			return nil, fmt.Errorf("make the part %s of the page: %w", s.ID, err)
		}
		out = append(out, Part{ID: s.ID, Title: s.Title, HTML: template.HTML(b.String())}) //nolint:gosec // made by html/template
	}
	return out, nil
}

// Style is the style of the page that [HTML] writes.
func Style() string { return pageStyle }

// Weight says a number of parameters as an interval, in words.
func Weight(p pipeline.Params) string { return weight(p) }

// Rounded writes a count as people say it: 70.6 billion.
func Rounded(n int64) string { return rounded(n) }

// Share writes a part of a whole in per cent.
func Share(part, whole int64) string { return share(part, whole) }

// Value writes the value of a fact: a count with separators, a text as it is, anything
// else as JSON without what is unknown. What cannot be seen is shown as escapes, and what is
// long is cut.
func Value(v any) string { return valueWord(v).Text }

// Shown makes a text from elsewhere one safe line of about so many bytes at most.
func Shown(s string, most int) string { return shown(s, most) }

// WebAddress returns an address as a link may hold it; ok is false where it is no address
// of the web.
func WebAddress(address string) (href string, ok bool) { return webAddress(address) }

// ByRule gathers findings by rule: what changes a verdict first, then what matched, then
// the stronger effect. The first finding of each stands for the rule.
func ByRule(findings []pipeline.Finding) [][]*pipeline.Finding {
	rules := byRule(findings)
	slices.SortStableFunc(rules, func(a, b ruled) int { return weightier(a.lead(), b.lead()) })
	out := make([][]*pipeline.Finding, len(rules))
	for i, r := range rules {
		out[i] = r.findings
	}
	return out
}
