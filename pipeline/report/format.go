package report

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Format is a form in which a report can be written.
type Format struct {
	// Name is what a user asks for.
	Name string
	// Write writes the report; an error is one of the writer.
	Write func(io.Writer, *pipeline.Report) error
}

// Formats lists the forms of a report, the one for people at a terminal first.
func Formats() []Format {
	return []Format{
		{"table", Table},
		{"json", func(w io.Writer, r *pipeline.Report) error { return JSON(w, r) }},
		{"markdown", Markdown},
		{"html", HTML},
		{"sarif", SARIF},
		{"junit", JUnit},
		{"cyclonedx", CycloneDX},
	}
}

// FormatNames lists the names of [Formats], in their order.
func FormatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// FormatNamed returns the format of a name; ok is false where there is none.
func FormatNamed(name string) (f Format, ok bool) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats()[i], true
}

// ExitStatus is the exit status of a check that came to a verdict: 0 for clear, 10 for
// review, 20 for block and 30 for inconclusive, or for a verdict that is not known.
func ExitStatus(v pipeline.Verdict) int {
	switch v {
	case pipeline.VerdictClear:
		return 0
	case pipeline.VerdictReview:
		return 10
	case pipeline.VerdictBlock:
		return 20
	}
	return 30
}

// ruled is what one rule of one pack came to: all its findings, the weightiest first. A
// rule that is applied to each element of a list leaves a finding for each that matched.
type ruled struct {
	findings []*pipeline.Finding
}

// lead is the finding that stands for the rule.
func (r ruled) lead() *pipeline.Finding { return r.findings[0] }

// byRule gathers the findings of each rule, the rules in the order in which they come up.
func byRule(findings []pipeline.Finding) []ruled {
	var out []ruled
	at := map[[2]string]int{}
	for i := range findings {
		f := &findings[i]
		key := [2]string{f.Pack, f.Rule}
		n, known := at[key]
		if !known {
			n = len(out)
			at[key] = n
			out = append(out, ruled{})
		}
		out[n].findings = append(out[n].findings, f)
	}
	for _, r := range out {
		slices.SortStableFunc(r.findings, weightier)
	}
	return out
}

// weightier orders findings: what changes a verdict before what is only reported, matched
// before undecided, a stronger effect before a weaker one.
func weightier(a, b *pipeline.Finding) int {
	return cmp.Or(
		cmp.Compare(modeOrder(a.Mode), modeOrder(b.Mode)),
		cmp.Compare(outcomeOrder(a.Outcome), outcomeOrder(b.Outcome)),
		cmp.Compare(weightOf(a.Effect), weightOf(b.Effect)))
}

func modeOrder(m pipeline.Mode) int {
	if m == pipeline.ModeEnforce {
		return 0
	}
	return 1
}

func outcomeOrder(o pipeline.Outcome) int {
	switch o {
	case pipeline.OutcomeMatched:
		return 0
	case pipeline.OutcomeUndetermined:
		return 1
	}
	return 2
}

// stops reports whether a finding by itself keeps a verdict from being clear.
func stops(f *pipeline.Finding) bool {
	return pipeline.VerdictOf([]pipeline.Finding{*f}) != pipeline.VerdictClear
}

// nameOf names a rule with its pack, "pack/rule", or the pack where a finding is about
// the whole of it.
func nameOf(f *pipeline.Finding) string {
	if f.Rule == "" {
		return f.Pack
	}
	return f.Pack + "/" + f.Rule
}

// cut shortens a text to at most so many bytes, at the end of a character. It looks at
// no more of a long text than it keeps.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	// A character that was cut in two is dropped whole.
	end := most
	for end > 0 && end > most-4 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end] + " … (cut: " + Size(int64(len(s))) + ")"
}

// shown is a text from elsewhere as one safe line of bounded length.
func shown(s string, most int) string {
	// What is shown as escapes gets longer; cut again.
	return cut(Clean(strings.TrimSpace(cut(s, most))), 2*most)
}
