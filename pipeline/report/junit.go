package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"weighbridge/pipeline"
)

// Bounds of a JUnit report: mostCases test cases a suite, and mostJUnitText bytes of one
// text from elsewhere.
const (
	mostCases     = 1_000
	mostJUnitText = 1_000
)

// JUnit writes a report as JUnit XML, as continuous integration servers read it.
//
// The first suite, "verdict", has a case for the verdict and one for every inspection that
// did not succeed. Then each pack has a suite with a case for every rule that left a
// finding: rules that did not match leave none, so that a pack without findings has one
// case that passes, named after the pack. What becomes of a case:
//
//	verdict block or review                                  failure
//	verdict inconclusive                                     error
//	inspection failed, or met something malformed            error
//	inspection skipped                                       skipped
//	enforced rule that blocks or reviews, matched            failure
//	enforced rule that blocks or reviews, cannot be decided  error
//	enforced rule that warns or informs, matched             passed, told in system-out
//	any other rule that cannot be decided, or is stale       skipped
//	rule of a pack that only reports                         skipped
//
// So the report has a failure or an error exactly where the verdict is not clear. Names of
// cases hold the ids and titles of rules only, so that servers know them again. No times are
// given: rules take none worth telling.
func JUnit(w io.Writer, r *pipeline.Report) error {
	all := junitSuites{Name: "weighbridge", Suites: []junitSuite{verdictSuite(r)}}
	rules := map[string][]ruled{}
	for _, one := range byRule(r.Findings) {
		rules[one.lead().Pack] = append(rules[one.lead().Pack], one)
	}
	for _, p := range r.Packs {
		all.Suites = append(all.Suites, packSuite(p, rules[p.Name]))
		delete(rules, p.Name)
	}
	// Every finding is of a pack that took part; one of another must not be lost.
	for _, f := range r.Findings {
		if left, ok := rules[f.Pack]; ok {
			all.Suites = append(all.Suites, packSuite(pipeline.PackRef{Name: f.Pack}, left))
			delete(rules, f.Pack)
		}
	}
	for i := range all.Suites {
		all.Suites[i].count()
		all.Tests += all.Suites[i].Tests
		all.Failures += all.Suites[i].Failures
		all.Errors += all.Suites[i].Errors
		all.Skipped += all.Suites[i].Skipped
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	}
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Properties *junitProperties `xml:"properties"`
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	All []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitTrouble `xml:"failure"`
	Error   *junitTrouble `xml:"error"`
	Skipped *junitTrouble `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitTrouble struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

// told is a text from elsewhere for XML: control characters, which XML 1.0 cannot hold, are
// shown as escapes. The encoder sees to the rest.
func told(s string) string { return shown(s, mostJUnitText) }

func verdictSuite(r *pipeline.Report) junitSuite {
	s := junitSuite{Name: "verdict", Properties: &junitProperties{All: []junitProperty{
		{"source", told(r.Artifact.Source)}, {"as-of", told(r.AsOf)}, {"weight", weight(r.Facts.Params)},
		{"tool", told(r.Tool.Name + " " + r.Tool.Version)}, {"disclaimer", told(r.Disclaimer)},
	}}}
	if r.Case != nil {
		s.Properties.All = append(s.Properties.All, junitProperty{"case", r.Case.ID.String()})
		if held := bound(r.Case); held != "" {
			s.Properties.All = append(s.Properties.All, junitProperty{"approval", held})
		}
	}
	c := junitCase{Name: "verdict", Class: "weighbridge.verdict"}
	lines := []string{strings.ToUpper(string(r.Verdict)) + ": " + cmp.Or(verdicts[r.Verdict], "no verdict")}
	for i, reason := range r.Reasons {
		if i == mostRows {
			lines = append(lines, "and "+plural(int64(len(r.Reasons)-i), "more reason"))
			break
		}
		lines = append(lines, told(reason))
	}
	trouble := &junitTrouble{Message: lines[0], Type: string(r.Verdict), Text: strings.Join(lines, "\n")}
	switch r.Verdict {
	case pipeline.VerdictClear:
		c.Out = trouble.Text
	case pipeline.VerdictReview, pipeline.VerdictBlock:
		c.Failure = trouble
	default:
		c.Error = trouble
	}
	s.Cases = append(s.Cases, c)
	more := 0
	for _, i := range r.Inspections {
		if i.Status == pipeline.InspectionOK {
			continue
		}
		if len(s.Cases) == mostCases {
			more++
			continue
		}
		c := junitCase{Name: told(strings.TrimSpace(i.Inspector + " " + i.Object)), Class: "weighbridge.inspection"}
		trouble := &junitTrouble{Message: told(cmp.Or(i.Reason, string(i.Status))), Type: told(string(i.Status))}
		if i.Status == pipeline.InspectionSkipped {
			c.Skipped = trouble
		} else {
			c.Error = trouble
		}
		s.Cases = append(s.Cases, c)
	}
	if more > 0 {
		s.Cases = append(s.Cases, junitCase{Name: "more inspections", Class: "weighbridge.inspection",
			Error: &junitTrouble{Message: plural(int64(more), "more inspection") + " did not succeed"}})
	}
	return s
}

func packSuite(p pipeline.PackRef, rules []ruled) junitSuite {
	s := junitSuite{Name: told(p.Name), Properties: &junitProperties{All: []junitProperty{
		{"version", told(p.Version)}, {"digest", told(string(p.Digest))}, {"mode", told(string(p.Mode))}}}}
	class := "weighbridge.pack." + told(p.Name)
	if len(rules) == 0 {
		s.Cases = []junitCase{{Name: "pack " + told(p.Name), Class: class, Out: "No rule of this pack matched, and none was left undecided."}}
		return s
	}
	left := &junitCase{Name: "more rules", Class: class}
	more := 0
	for _, one := range rules {
		c := ruleCase(class, one)
		if len(s.Cases) < mostCases {
			s.Cases = append(s.Cases, c)
			continue
		}
		more++
		if c.Failure != nil || c.Error != nil {
			left.Failure = &junitTrouble{Message: "there are more rules that keep the verdict from being clear"}
		}
	}
	if more > 0 {
		left.Out = plural(int64(more), "more rule") + " left findings; the JSON report has all of them."
		s.Cases = append(s.Cases, *left)
	}
	return s
}

// ruleCase says what became of a rule, by the table at [JUnit].
func ruleCase(class string, one ruled) junitCase {
	f := one.lead()
	name := cmp.Or(f.Rule, "pack "+f.Pack)
	if f.Title != "" {
		name += ": " + f.Title
	}
	c := junitCase{Name: told(name), Class: class}
	trouble := &junitTrouble{Message: told(f.Message), Type: told(string(f.Effect) + " " + string(f.Outcome)), Text: ruleText(one)}
	switch {
	case stops(f) && f.Outcome == pipeline.OutcomeMatched:
		c.Failure = trouble
	case stops(f):
		c.Error = trouble
	case f.Mode == pipeline.ModeEnforce && f.Outcome == pipeline.OutcomeMatched:
		c.Out = trouble.Text
	default:
		if f.Mode != pipeline.ModeEnforce {
			trouble.Message = "reported only, changes no verdict: " + outcomeWords(f) + " (" + told(string(f.Effect)) + "): " + trouble.Message
		}
		c.Skipped = trouble
	}
	return c
}

// ruleText tells all findings of a rule, a line each, with what they rest on.
func ruleText(one ruled) string {
	var lines []string
	for i, f := range one.findings {
		if i == mostLocations {
			lines = append(lines, "and "+plural(int64(len(one.findings)-i), "more finding"))
			break
		}
		lines = append(lines, told(f.Message))
		for n, e := range f.Evidence {
			if n == mostLines {
				break
			}
			lines = append(lines, "  "+told(e.Fact)+" is "+strings.Trim(value(e.Value), "`"))
		}
		if len(f.Missing) > 0 {
			lines = append(lines, "  unknown: "+strings.Join(cleaned(f.Missing), ", "))
		}
		if len(f.ReliedOn) > 0 {
			lines = append(lines, "  known on weaker grounds than the rule accepts: "+strings.Join(cleaned(f.ReliedOn), ", "))
		}
		for n, c := range f.Cite {
			if n == mostLines {
				break
			}
			lines = append(lines, "  source: "+told(c.Title)+mark(c.Mark)+" "+told(c.URL))
		}
	}
	return strings.Join(lines, "\n")
}
