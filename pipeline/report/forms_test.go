package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// evil is what an artifact may try: terminal escapes, writing from the right, an end of a
// comment, HTML, mentions, references, links, code spans, cells of tables, placeholders.
const evil = "\x1b[2J\u202eevil\r\n--> </details><script>alert(1)</script> @everyone #1 !1 org/name#1 [click](http://evil.example) {0} www.evil.example `x` ``y`` | **b** ![i](http://evil.example/i.png) \x00\xff"

// wicked is a report with evil in every text that could come from an artifact.
func wicked() *pipeline.Report {
	yes, one, two := true, int64(1), int64(2)
	text := evil
	return &pipeline.Report{
		Tool: pipeline.Tool{Name: "weighbridge", Version: "0.0.0"}, AsOf: "2026-11-23", Verdict: pipeline.VerdictInconclusive, Disclaimer: pipeline.Disclaimer,
		Artifact:   pipeline.Artifact{Source: evil, Bytes: 5, Objects: []pipeline.ArtifactObject{{Object: pipeline.Object{Path: "../" + evil}, Format: "text", Role: pipeline.RoleWeights}}},
		Submission: pipeline.SubmissionRef{Present: true},
		Facts: pipeline.Facts{
			Params:       pipeline.Params{Lower: &one, Estimate: &one, Upper: &two, ByDType: map[string]int64{evil: 1}},
			Architecture: pipeline.Architecture{Family: &text, Class: &text, Declared: &text, Contradictions: []string{evil}},
			Adapter:      &pipeline.Adapter{Kind: &text, Base: &text},
			LicenseFound: pipeline.LicenseFound{Expression: &text, Sources: []pipeline.LicenseSource{{Object: evil}}, Disagreements: []string{evil, evil}, Problems: []string{evil}},
			License:      pipeline.License{Declared: &text},
			Licensing:    pipeline.Licensing{Conflicts: []string{evil}},
			Bases:        []pipeline.Base{{ID: &text, Relation: &text}},
			Lineage:      pipeline.Lineage{Problems: []string{evil}, Obligations: []pipeline.Obligation{{Text: evil}}},
			Datasets:     []pipeline.Dataset{{ID: &text}},
			DataRecords:  pipeline.DataRecords{Problems: []string{evil}},
			Contents:     pipeline.Contents{Structure: &yes, Pickles: &two, Code: &one, RemoteCode: []string{evil}},
			Signature:    pipeline.Signature{Present: &yes, Verified: &yes, Signer: &text, Trusted: &yes, Unlisted: &two, Problems: []string{evil}},
			Submission:   pipeline.SubmissionState{Contradictions: []string{evil}},
		},
		FactsIndex: []pipeline.FactEntry{
			{Name: "params.lower", Evidence: []pipeline.Evidence{{Object: evil, Where: "bytes=0-9"}, {Object: "/abs", Where: "$." + evil}, {Object: "a:b/../c", Where: "bytes=9-0"}}},
			{Name: "datasets[0].id", Evidence: []pipeline.Evidence{{Object: "submission", Where: "$." + evil}}},
		},
		Findings: []pipeline.Finding{
			{Pack: evil, Rule: evil, Title: evil, Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectBlock, Message: evil,
				Missing: []string{evil}, ReliedOn: []string{evil}, Evidence: []pipeline.FindingEvidence{{Fact: "params.lower", Value: evil}, {Fact: "datasets", Value: []any{map[string]any{"id": evil}}}},
				Cite: []pipeline.Citation{{Title: evil, URL: "javascript:alert(1)"}, {Title: evil, URL: "https://example.org/a>b"}, {Title: "Sound", URL: "https://example.org/a"}}},
			{Pack: evil, Mode: pipeline.ModeReport, Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectReview, Message: evil, Missing: []string{"datasets"}},
			{Pack: "p", Rule: "R", Mode: pipeline.ModeReport, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectWarn, Message: evil, Stale: true, Unverified: true},
		},
		Inspections: []pipeline.Inspection{{Inspector: "safetensors", Object: evil, Status: pipeline.InspectionMalformed, Reason: evil}, {Inspector: "x", Status: pipeline.InspectionFailed, Reason: evil}},
		Packs:       []pipeline.PackRef{{Name: evil, Version: evil, Mode: pipeline.ModeEnforce}},
		Case:        &pipeline.CaseRef{ID: uuid.UUID{1}, State: pipeline.StateOpen, SameStructure: twins(2)},
		Reasons:     []string{evil, evil}, Notes: []string{evil},
	}
}

// encoders are the forms that are for other programs to show.
var encoders = map[string]func(io.Writer, *pipeline.Report) error{"md": report.Markdown, "sarif": report.SARIF, "xml": report.JUnit}

func encode(t *testing.T, form string, r *pipeline.Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, encoders[form](&b, r))
	return b.String()
}

func TestForms(t *testing.T) {
	t.Parallel()
	for name := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weigh(t, name)
			r.Artifact.PinDigest = "" // it holds the time at which the files were made
			for form := range encoders {
				text := encode(t, form, r)
				golden(t, filepath.Join("testdata", name+"."+form), []byte(text))
				require.Equal(t, text, encode(t, form, r), "the same report gives the same bytes")
				hold(t, form, text)
			}
		})
	}
}

func TestForms_Wicked(t *testing.T) {
	t.Parallel()
	for form := range encoders {
		text := encode(t, form, wicked())
		golden(t, filepath.Join("testdata", "wicked."+form), []byte(text))
		hold(t, form, text)
	}
}

// hold holds a text to what its form demands, and to what holds for all.
func hold(t *testing.T, form, text string) {
	t.Helper()
	holdText(t, text)
	for _, word := range []string{"permitted", "compliant", "legal to", "allowed"} {
		require.NotContains(t, strings.ToLower(text), word)
	}
	switch form {
	case "md":
		holdMarkdown(t, text)
	case "sarif":
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, sarifSchema(t).Validate(doc))
	case "xml":
		var suites any
		require.NoError(t, xml.Unmarshal([]byte(text), &suites))
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
	}
}

// holdText holds a text to what holds for all forms, whatever the artifact says.
func holdText(t testing.TB, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text))
	require.Negative(t, strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
	}))
}

// spans matches code spans: a run of backticks to the next run of the same length. What
// stands in one is text, whatever it is.
var ticks = regexp.MustCompile("`+")

// outside returns a line of Markdown without its code spans.
func outside(line string) string {
	var out strings.Builder
	for {
		open := ticks.FindStringIndex(line)
		if open == nil {
			return out.String() + line
		}
		fence := line[open[0]:open[1]]
		out.WriteString(line[:open[0]])
		rest := line[open[1]:]
		closed := false
		for _, at := range ticks.FindAllStringIndex(rest, -1) {
			if rest[at[0]:at[1]] == fence {
				line, closed = rest[at[1]:], true
				break
			}
		}
		if !closed {
			return out.String() + fence + rest
		}
	}
}

// own is the HTML that a page itself holds, and the links that it makes.
var own = regexp.MustCompile(`<br>|</?details>|</?summary>|</?sub>|\]\(<https?://[!-;=?-~]+>\)|^\*\*Gate|&amp;`)

func holdMarkdown(t *testing.T, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), report.MostMarkdown)
	marker, rest, ok := report.CutMarker(text)
	require.True(t, ok)
	require.Equal(t, 1, strings.Count(marker, "-->"))
	require.Equal(t, 1, strings.Count(marker, "--")-1+strings.Count(marker, "<!--")-1, marker)
	for line := range strings.Lines(rest) {
		plain := own.ReplaceAllString(outside(strings.TrimSuffix(line, "\n")), "")
		require.NotContains(t, plain, "`", line)
		for _, bad := range []string{"<", ">", "@", "](", "![", "://", "|x", "\\"} {
			require.NotContains(t, strings.ToLower(plain), bad, line)
		}
		require.NotRegexp(t, `#\d|!\d|&[a-z]|(?i)www\.\S`, plain, line)
		if strings.HasPrefix(line, "| ") && line != "| | |\n" {
			require.Equal(t, 3, strings.Count(line, "|"), line)
		}
	}
}

// TestMarkdown_FitsWhateverThereIsToTell has a hundred thousand findings whose messages are
// of 200 kB each.
func TestMarkdown_FitsWhateverThereIsToTell(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("A long message with @words\u202e. ", 200_000/30)
	ticked := strings.Repeat("`|<", 70_000)
	address := "https://example.org/" + long
	r := wicked()
	r.Artifact.Source = "/" + long
	r.Findings = nil
	for i := range 100_000 {
		f := pipeline.Finding{Pack: "p", Rule: fmt.Sprint("R-", i), Title: long, Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched,
			Effect: pipeline.EffectReview, Message: long, Missing: []string{long, ticked}, Ask: []string{"destination.country"},
			Evidence: []pipeline.FindingEvidence{{Fact: "params.lower", Value: long}}, Cite: []pipeline.Citation{{Title: ticked, URL: address}}}
		if i%2 == 1 {
			f.Mode = pipeline.ModeReport
			f.Message = ticked
		}
		r.Findings = append(r.Findings, f)
		r.Inspections = append(r.Inspections, pipeline.Inspection{Inspector: long, Object: ticked, Status: pipeline.InspectionFailed, Reason: long})
		r.Reasons = append(r.Reasons, ticked)
		r.Notes = append(r.Notes, long)
	}
	for i := range 1000 {
		r.Packs = append(r.Packs, pipeline.PackRef{Name: fmt.Sprint(long, i), Version: long, Mode: pipeline.ModeReport})
	}
	text := encode(t, "md", r)
	hold(t, "md", text)
	require.Greater(t, len(text), report.MostMarkdown/3, "there is room for more")
	require.Regexp(t, `- and 49,9\d\d more findings\n`, text)
	require.Contains(t, text, "**R-0**")
	require.Contains(t, text, "Weighbridge is not a lawyer")
	require.Contains(t, text, "(cut: ")
}

func TestMarkdown_OneFindingThatIsLong(t *testing.T) {
	t.Parallel()
	worst := strings.Repeat("\u202e`", 100_000)
	many := slices.Repeat([]string{worst}, 1000)
	r := &pipeline.Report{Verdict: pipeline.VerdictBlock, Findings: []pipeline.Finding{{Pack: worst, Rule: worst, Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched,
		Effect: pipeline.EffectBlock, Message: worst, Missing: many, ReliedOn: many,
		Evidence: slices.Repeat([]pipeline.FindingEvidence{{Fact: worst, Value: worst}}, 1000), Cite: slices.Repeat([]pipeline.Citation{{Title: worst, URL: worst}}, 1000)}}}
	text := encode(t, "md", r)
	hold(t, "md", text)
	require.Contains(t, text, "### Blocks", "a finding is never too long to be shown")
}

func TestMarkdown_Empty(t *testing.T) {
	t.Parallel()
	for form := range encoders {
		hold(t, form, encode(t, form, &pipeline.Report{}))
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"s3://staging/llama-3-70b/": "s3://staging/llama-3-70b/",
		"s3://b/a-->x/":             "s3://b/a-%2D%3Ex/",
		"--":                        "%2D%2D",
		"a b\n模":                    "a%20b%0A%E6%A8%A1",
		"\u202e":                    "%E2%80%AE",
	}
	for source, want := range tests {
		require.Equal(t, "<!-- weighbridge:report source="+want+" -->", report.Marker(source))
	}
	long := strings.Repeat("a", 5000)
	require.Less(t, len(report.Marker(long)), 800)
	require.NotEqual(t, report.Marker(long), report.Marker(long+"b"))
}

func TestMarkerBelow(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, folder, want string }{
		{"/work/repo/models/a", "/work/repo", "./models/a"},
		{"/work/repo/models/a", "/work/repo/", "./models/a"},
		{"/work/re po/a b", "/work/re po", "./a%20b"},
		{"/work/repo-2/a", "/work/repo", "/work/repo-2/a"},
		{"/work/repo", "/work/repo", "/work/repo"},
		{"s3://b/m/", "/work/repo", "s3://b/m/"},
		{"/a", "/", "/a"},
		{"/a", "", "/a"},
	}
	for _, test := range tests {
		require.Equal(t, "<!-- weighbridge:report source="+test.want+" -->", report.MarkerBelow(report.Marker(test.source), test.folder), test)
	}
}

func FuzzMarker(f *testing.F) {
	f.Add("s3://b/a-->x/", "/work")
	f.Add("-", "-")
	f.Fuzz(func(t *testing.T, source, folder string) {
		marker := report.Marker(source)
		require.Less(t, len(marker), 1000)
		inner := strings.TrimSuffix(strings.TrimPrefix(marker, "<!--"), "-->")
		require.NotContains(t, inner, "--")
		require.NotContains(t, inner, ">")
		got, rest, ok := report.CutMarker(marker + "\nrest\n")
		require.True(t, ok)
		require.Equal(t, marker, got)
		require.Equal(t, "rest\n", rest)
		require.True(t, strings.HasPrefix(report.MarkerBelow(marker, folder), "<!-- weighbridge:report source="))
	})
}

// FuzzMarkdown puts a text into a small report: nothing of it may be more than text.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{evil, "``` | \\| @a", "a\\`b` <!-- --> ~~x~~ $x$ :smile: owner@0123456", "- a\n1. b\n# c", "_a_ *b* http://x www.x x@y.zz", "``` `` ` ````"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		holdMarkdown(t, encode(t, "md", &pipeline.Report{
			Artifact: pipeline.Artifact{Source: text}, Reasons: []string{text}, Facts: pipeline.Facts{License: pipeline.License{Declared: &text}},
			Findings: []pipeline.Finding{{Pack: "p", Rule: text, Title: text, Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview,
				Message: text, Evidence: []pipeline.FindingEvidence{{Fact: "params.lower", Value: text}}, Cite: []pipeline.Citation{{Title: text, URL: "https://" + text}}}},
			Inspections: []pipeline.Inspection{{Inspector: "x", Object: text, Status: pipeline.InspectionFailed, Reason: text + text}},
		}))
	})
}

// FuzzForms puts a text into every place of a report and holds all forms to their rules.
func FuzzForms(f *testing.F) {
	f.Add(evil, int64(3))
	f.Add("``` | \\| @a", int64(-1))
	f.Add("a\\`b` <!-- --> ~~x~~ $x$ :smile: owner@0123456", int64(1<<62))
	schema := sarifSchema(f)
	f.Fuzz(func(t *testing.T, text string, n int64) {
		r := wicked()
		r.Artifact.Source, r.Artifact.Objects[0].Path, r.Artifact.Objects[0].Size = text, text, n
		r.Facts.Architecture.Family, r.Facts.License.Declared, r.Facts.Params.Upper = &text, &text, &n
		r.FactsIndex[0].Evidence = []pipeline.Evidence{{Object: text, Where: text}}
		r.Findings[0].Rule, r.Findings[0].Message, r.Findings[0].Evidence[0].Value = text, text, text
		r.Findings[0].Cite = []pipeline.Citation{{Title: text, URL: text}, {Title: text, URL: "https://" + text}}
		r.Findings[2].Evidence = []pipeline.FindingEvidence{{Fact: text, Value: n}}
		r.Inspections[0].Object, r.Inspections[0].Reason, r.Reasons[0], r.Notes[0] = text, text, text, text
		holdMarkdown(t, encode(t, "md", r))
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(encode(t, "sarif", r)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(doc))
		hold(t, "xml", encode(t, "xml", r))
	})
}

// sarifSchema is the published schema of SARIF 2.1.0.
func sarifSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/sarif/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const at = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	require.NoError(t, c.AddResource(at, doc))
	schema, err := c.Compile(at)
	require.NoError(t, err)
	return schema
}

// sarifResult is what the tests look at in a result.
type sarifResult struct {
	RuleID          string            `json:"ruleId"`
	RuleIndex       int               `json:"ruleIndex"`
	Kind            string            `json:"kind"`
	Level           string            `json:"level"`
	OccurrenceCount int               `json:"occurrenceCount"`
	Fingerprints    map[string]string `json:"partialFingerprints"`
	Message         struct {
		Text string `json:"text"`
	} `json:"message"`
	Locations []struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *struct {
				ByteOffset int64 `json:"byteOffset"`
				ByteLength int64 `json:"byteLength"`
			} `json:"region"`
		} `json:"physicalLocation"`
		Logical []struct {
			Name string `json:"name"`
		} `json:"logicalLocations"`
	} `json:"locations"`
	Properties map[string]any `json:"properties"`
}

// sarifRun is what the tests look at in a SARIF report.
type sarifRun struct {
	Tool struct {
		Driver struct {
			Rules []struct {
				ID      string `json:"id"`
				HelpURI string `json:"helpUri"`
			} `json:"rules"`
		} `json:"driver"`
	} `json:"tool"`
	AutomationDetails struct {
		ID string `json:"id"`
	} `json:"automationDetails"`
	Invocations []struct {
		ExitCode      int  `json:"exitCode"`
		Successful    bool `json:"executionSuccessful"`
		Notifications []struct {
			Level   string `json:"level"`
			Message struct {
				Text string `json:"text"`
			} `json:"message"`
		} `json:"toolExecutionNotifications"`
	} `json:"invocations"`
	Results    []sarifResult `json:"results"`
	Properties struct {
		LeftOut int `json:"resultsLeftOut"`
	} `json:"properties"`
}

func sarif(t *testing.T, r *pipeline.Report) sarifRun {
	t.Helper()
	text := encode(t, "sarif", r)
	hold(t, "sarif", text)
	var log struct {
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &log))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	require.NotContains(t, text, "suppressions")
	return log.Runs[0]
}

func TestSARIF_Grades(t *testing.T) {
	t.Parallel()
	matched, open, not := pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched
	tests := []struct {
		outcome     pipeline.Outcome
		mode        pipeline.Mode
		effect      pipeline.Effect
		kind, level string
	}{
		{matched, pipeline.ModeEnforce, pipeline.EffectBlock, "fail", "error"},
		{matched, pipeline.ModeEnforce, pipeline.EffectReview, "fail", "warning"},
		{matched, pipeline.ModeEnforce, pipeline.EffectWarn, "fail", "warning"},
		{matched, pipeline.ModeEnforce, pipeline.EffectInfo, "fail", "note"},
		{matched, pipeline.ModeReport, pipeline.EffectBlock, "fail", "warning"},
		{matched, pipeline.ModeReport, pipeline.EffectReview, "fail", "note"},
		{matched, pipeline.ModeReport, pipeline.EffectWarn, "fail", "note"},
		{matched, pipeline.ModeReport, pipeline.EffectInfo, "fail", "note"},
		{open, pipeline.ModeEnforce, pipeline.EffectBlock, "open", "none"},
		{open, pipeline.ModeReport, pipeline.EffectReview, "open", "none"},
		{not, pipeline.ModeEnforce, pipeline.EffectInfo, "review", "none"},
	}
	for _, test := range tests {
		r := &pipeline.Report{Verdict: pipeline.VerdictReview, Findings: []pipeline.Finding{{Pack: "p", Rule: "R", Mode: test.mode, Outcome: test.outcome, Effect: test.effect, Message: "m"}}}
		got := sarif(t, r)
		require.Len(t, got.Results, 1)
		require.Equal(t, [2]string{test.kind, test.level}, [2]string{got.Results[0].Kind, got.Results[0].Level}, "%+v", test)
		require.Equal(t, 10, got.Invocations[0].ExitCode)
	}
}

// TestSARIF_Fingerprints pins the fingerprint: stores of results know them by it for years.
func TestSARIF_Fingerprints(t *testing.T) {
	t.Parallel()
	r := weigh(t, "llama-3-70b")
	first := sarif(t, r)
	require.Equal(t, "seed-article/SEED-01", first.Results[0].RuleID)
	require.Equal(t, map[string]string{"weighbridgeRule/v1": "a9678fb2ae73da74caa2bed497b5cffc3a76eb7dd7b8b2ce5042a29988dd514b"}, first.Results[0].Fingerprints)
	require.Equal(t, "weighbridge/s3://staging/llama-3-70b/", first.AutomationDetails.ID)
	seen := map[string]bool{}
	for _, result := range first.Results {
		seen[result.Fingerprints["weighbridgeRule/v1"]] = true
	}
	require.Len(t, seen, len(first.Results), "no two rules share one")

	// Another machine, day, version and count.
	r.Artifact.Source, r.AsOf, r.Packs[0].Version, r.Findings[0].ID = "/home/somebody/llama-3-70b", "2027-01-01", "2", "other"
	r.Findings[0].Message, r.Findings[0].Evidence = "another count", nil
	second := sarif(t, r)
	for i := range first.Results {
		require.Equal(t, first.Results[i].Fingerprints, second.Results[i].Fingerprints)
	}
	require.Equal(t, "weighbridge/llama-3-70b/", second.AutomationDetails.ID, "the folders above say nothing of the model")
}

func TestSARIF_Locations(t *testing.T) {
	t.Parallel()
	got := sarif(t, weigh(t, "llama-3-70b"))
	locations := got.Results[0].Locations
	require.NotEmpty(t, locations)
	require.Equal(t, "model-00001-of-00030.safetensors", locations[0].Physical.Artifact.URI)
	require.NotNil(t, locations[0].Physical.Region)
	require.Zero(t, locations[0].Physical.Region.ByteOffset)
	require.Positive(t, locations[0].Physical.Region.ByteLength)
	for _, result := range got.Results {
		require.NotEmpty(t, result.Locations, "servers drop results without a location")
		require.LessOrEqual(t, len(result.Locations), 20)
	}

	// One finding on one object of each name.
	names := map[string]string{
		"a b/é.bin": "a%20b/%C3%A9.bin",
		"/abs":      "%2Fabs",
		"//host/x":  "%2F%2Fhost/x",
		"c:/x":      "c%3A/x",
		"../../x":   "%2E%2E/%2E%2E/x",
		"a/./b":     "a/%2E/b",
		"100%":      "100%25",
		"q?x#y":     "q%3Fx%23y",
		"\xff":      "%FF",
	}
	for name, want := range names {
		r := &pipeline.Report{FactsIndex: []pipeline.FactEntry{{Name: "datasets[0].id", Evidence: []pipeline.Evidence{{Object: name}}}},
			Findings: []pipeline.Finding{{Pack: "p", Rule: "R", Outcome: pipeline.OutcomeMatched, Message: "m", Evidence: []pipeline.FindingEvidence{{Fact: "datasets"}}}}}
		got := sarif(t, r)
		i := slices.IndexFunc(got.Results, func(r sarifResult) bool {
			return r.RuleID == "p/R"
		})
		require.Equal(t, want, got.Results[i].Locations[0].Physical.Artifact.URI)
	}
}

func TestSARIF_MessagesAreText(t *testing.T) {
	t.Parallel()
	for _, result := range sarif(t, wicked()).Results {
		require.NotContains(t, result.Message.Text, "](", "a link")
		require.NotRegexp(t, `(^|[^{])\{0\}`, result.Message.Text, "a placeholder")
	}
}

// Findings of one rule are one result, and no more than 5,000 rules have one.
func TestSARIF_Aggregates(t *testing.T) {
	t.Parallel()
	r := &pipeline.Report{Verdict: pipeline.VerdictBlock}
	for i := range 7000 {
		effect := pipeline.EffectReview
		if i == 6999 {
			effect = pipeline.EffectBlock
		}
		r.Findings = append(r.Findings, pipeline.Finding{Pack: "p", Rule: fmt.Sprint("R-", i), Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: effect, Message: "m"})
	}
	for range 3000 {
		r.Findings = append(r.Findings, pipeline.Finding{Pack: "p", Rule: "R-0", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Message: "m"})
	}
	got := sarif(t, r)
	require.Len(t, got.Results, report.MostResults)
	require.Len(t, got.Tool.Driver.Rules, report.MostResults)
	require.Equal(t, "p/R-6999", got.Results[0].RuleID, "the weightiest first")
	require.Equal(t, 3001, got.Results[1].OccurrenceCount)
	require.Contains(t, got.Results[1].Message.Text, "3,000 more findings")
	require.Equal(t, 2000, got.Properties.LeftOut)
	require.Contains(t, got.Invocations[0].Notifications[0].Message.Text, "2,000 results")
	require.Equal(t, 20, got.Invocations[0].ExitCode)
	for i, result := range got.Results {
		require.Equal(t, result.RuleID, got.Tool.Driver.Rules[result.RuleIndex].ID, i)
	}
}

// What could not be read leaves no finding of a rule, and is a result all the same.
func TestSARIF_InconclusiveIsNeverEmpty(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"empty", "malformed", "unknown-bytes", "missing-shards"} {
		got := sarif(t, weigh(t, name))
		require.Equal(t, 30, got.Invocations[0].ExitCode)
		require.Equal(t, "weighbridge/inconclusive", got.Results[0].RuleID, name)
		require.Equal(t, "error", got.Results[0].Level)
	}
	got := sarif(t, weigh(t, "malformed"))
	require.Equal(t, "model.safetensors", got.Results[0].Locations[0].Physical.Artifact.URI)
	require.Equal(t, "error", got.Invocations[0].Notifications[0].Level)
}

// junitSuites is what the tests look at in a JUnit report.
type junitSuites struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Tests int    `xml:"tests,attr"`
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Class   string    `xml:"classname,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
			Out     string    `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func junit(t *testing.T, r *pipeline.Report) junitSuites {
	t.Helper()
	text := encode(t, "xml", r)
	hold(t, "xml", text)
	var got junitSuites
	require.NoError(t, xml.Unmarshal([]byte(text), &got))
	tests, failures, errors, skipped := 0, 0, 0, 0
	for _, suite := range got.Suites {
		require.Len(t, suite.Cases, suite.Tests)
		tests += len(suite.Cases)
		for _, c := range suite.Cases {
			require.NotEmpty(t, c.Name)
			require.NotEmpty(t, c.Class)
			switch {
			case c.Failure != nil:
				failures++
			case c.Error != nil:
				errors++
			case c.Skipped != nil:
				skipped++
			}
		}
	}
	require.Equal(t, [4]int{tests, failures, errors, skipped}, [4]int{got.Tests, got.Failures, got.Errors, got.Skipped})
	require.Equal(t, r.Verdict == pipeline.VerdictClear, got.Failures+got.Errors == 0, "it fails exactly where the verdict is not clear")
	return got
}

func TestJUnit_Cases(t *testing.T) {
	t.Parallel()
	enforce, only := pipeline.ModeEnforce, pipeline.ModeReport
	matched, open, not := pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched
	tests := []struct {
		mode    pipeline.Mode
		outcome pipeline.Outcome
		effect  pipeline.Effect
		want    string
	}{
		{enforce, matched, pipeline.EffectBlock, "failure"},
		{enforce, matched, pipeline.EffectReview, "failure"},
		{enforce, matched, pipeline.EffectWarn, "passed"},
		{enforce, matched, pipeline.EffectInfo, "passed"},
		{enforce, open, pipeline.EffectBlock, "error"},
		{enforce, open, pipeline.EffectReview, "error"},
		{enforce, open, pipeline.EffectWarn, "skipped"},
		{enforce, not, pipeline.EffectInfo, "skipped"},
		{only, matched, pipeline.EffectBlock, "skipped"},
		{only, open, pipeline.EffectReview, "skipped"},
	}
	for _, test := range tests {
		findings := []pipeline.Finding{{Pack: "p", Rule: "R", Mode: test.mode, Outcome: test.outcome, Effect: test.effect, Message: "m"}}
		r := &pipeline.Report{Findings: findings, Verdict: pipeline.VerdictOf(findings), Packs: []pipeline.PackRef{{Name: "p", Mode: test.mode}, {Name: "q", Mode: enforce}}}
		got := junit(t, r)
		require.Len(t, got.Suites, 3)
		c := got.Suites[1].Cases[0]
		outcome := "passed"
		switch {
		case c.Failure != nil:
			outcome = "failure"
		case c.Error != nil:
			outcome = "error"
		case c.Skipped != nil:
			outcome = "skipped"
		}
		require.Equal(t, test.want, outcome, "%+v", test)
		require.Equal(t, "pack q", got.Suites[2].Cases[0].Name, "a pack without findings passes")
	}
}

func TestJUnit_Verdicts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"llama-3-70b", "gpt2", "empty", "malformed", "unknown-bytes"} {
		junit(t, weigh(t, name))
	}
	got := junit(t, weigh(t, "malformed"))
	require.NotNil(t, got.Suites[0].Cases[0].Error, "inconclusive")
	require.NotNil(t, got.Suites[0].Cases[1].Error, "the inspection")
}

func TestJUnit_IsBounded(t *testing.T) {
	t.Parallel()
	r := &pipeline.Report{Verdict: pipeline.VerdictReview, Packs: []pipeline.PackRef{{Name: "p", Mode: pipeline.ModeEnforce}}}
	long := strings.Repeat("\x00\ufffe", 10_000)
	for i := range 1100 {
		r.Findings = append(r.Findings, pipeline.Finding{Pack: "p", Rule: fmt.Sprint("R-", i), Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Message: long})
		r.Inspections = append(r.Inspections, pipeline.Inspection{Inspector: "x", Object: fmt.Sprint(i), Status: pipeline.InspectionFailed, Reason: long})
	}
	got := junit(t, r)
	require.Equal(t, 2*1001, got.Tests)
}

func TestForms_TellThatTheyCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	for form, write := range encoders {
		require.ErrorIs(t, write(failing{}, wicked()), os.ErrClosed, form)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	require.Equal(t, "table", report.FormatNames()[0], "the first is what a terminal gets")
	for _, name := range report.FormatNames() {
		f, ok := report.FormatNamed(name)
		require.True(t, ok)
		require.Equal(t, name, f.Name)
		var b bytes.Buffer
		require.NoError(t, f.Write(&b, wicked()))
		require.NotEmpty(t, b.String())
	}
	_, ok := report.FormatNamed("xml")
	require.False(t, ok)
}
