package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

func page(t testing.TB, r *pipeline.Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.HTML(&b, r))
	return b.String()
}

func TestHTML(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"llama-3-70b-lora", "missing-shards", "unknown-bytes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weigh(t, name)
			r.Artifact.PinDigest = "" // it holds the time at which the files were made
			text := page(t, r)
			golden(t, filepath.Join("testdata", name+".html"), []byte(text))
			require.Equal(t, text, page(t, r), "the same report gives the same bytes")
			hold(t, "html", text)
			holdHTML(t, text)
		})
	}
}

func TestHTML_Wicked(t *testing.T) {
	t.Parallel()
	text := page(t, full())
	golden(t, filepath.Join("testdata", "wicked.html"), []byte(text))
	holdHTML(t, text)
	require.Contains(t, text, `\u202eevil`, "marks are shown as code points")
	require.Contains(t, text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	require.NotContains(t, text, "javascript:")
}

func TestHTML_Empty(t *testing.T) {
	t.Parallel()
	holdHTML(t, page(t, &pipeline.Report{}))
}

func TestHTML_TellsThatItCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, report.HTML(failing{}, wicked()), os.ErrClosed)
}

// full is [wicked] with evil in every text that the other forms leave out too.
func full() *pipeline.Report {
	r := wicked()
	f := &r.Facts
	yes, n, text, grams := true, int64(12_000_000_000), evil, 1500.0
	f.Params.EffectiveLower, f.Params.EffectiveEstimate, f.Params.EffectiveUpper = &n, &n, nil
	f.Params.ByComponent = map[string]int64{evil: 3, "mlp": 5}
	f.Params.Sets = []pipeline.WeightSet{{Name: evil, Files: 2, Missing: 1, Estimate: n, Kind: evil, SameAs: evil}}
	f.Params.ByLayer = []pipeline.LayerRun{{Set: evil, Stack: evil, Last: 1, Each: 3}, {Set: "other", Stack: evil, Each: 1}, {Each: 1}}
	f.Params.WidenedBy = []pipeline.Widening{{Name: evil, Upper: n, Reason: evil}}
	f.Params.SetAside = []pipeline.Aside{{Name: evil, Elements: n, Reason: evil}}
	f.Params.Contradictions, f.Index.Problems, f.Shards.MissingNames = []string{evil}, []string{evil}, []string{evil}
	f.Quantization = pipeline.Quantization{Scheme: &text, Bits: &n, Declared: &text, Contradictions: []string{evil}}
	f.Architecture.Shape, f.Architecture.Variant, f.Architecture.Fingerprint, f.Architecture.Agrees = &text, &text, &text, &yes
	f.Card = pipeline.CardFacts{Present: &yes, Problems: []string{evil}, Name: &text, Library: &text, Languages: []string{evil}, Tags: []string{evil}, NewVersion: &text,
		Gated: &yes, Counts: []pipeline.StatedCount{{Object: evil, Count: n}}, CountsFit: &yes, EmissionsGrams: &grams,
		Results: []pipeline.CardResult{{Task: evil, Dataset: evil, Metric: evil, Value: evil}}}
	f.LicenseFound.Sources = []pipeline.LicenseSource{{Object: evil, Where: evil, Kind: evil, Declared: evil, Expression: evil, Covers: evil}, {Object: "LICENSE"}}
	f.Licenses = []pipeline.Licensed{{Of: evil, Relation: &text, Declared: &text, ID: &text, Terms: pipeline.Terms{NamePrefix: &text, ExcludedCountries: []string{evil}, MonthlyUsersCap: &n}}}
	f.Bases = append(f.Bases, pipeline.Base{})
	f.Lineage.Bases = []pipeline.BaseSource{{Object: evil, Where: evil, Kind: evil, ID: evil, Relation: evil, Revision: evil}}
	f.Lineage.Known = []pipeline.KnownStructure{{ID: evil, Case: evil, State: evil, Same: evil}}
	f.Lineage.Chain = []pipeline.Ancestor{{ID: evil, Of: "this model", Relation: evil, Depth: 1, License: evil, Case: evil, State: evil},
		{ID: "b", Of: evil, Depth: 2}, {ID: evil, Of: "b", Depth: 3}, {ID: "this model", Of: "b", Depth: 3}, {ID: "c", Of: "elsewhere", Depth: 9}}
	f.Lineage.ChainProblems = []string{evil}
	f.Lineage.Obligations = []pipeline.Obligation{{From: evil, License: evil, Kind: evil, Text: evil}}
	f.Datasets = append(f.Datasets, pipeline.Dataset{Name: &text, License: &text, OriginCountry: &text, Collection: &text, Modality: &text, Records: &n, Personal: &yes}, pipeline.Dataset{})
	f.DataRecords.Sources = []pipeline.DatasetSource{{Object: evil, Where: evil, Kind: evil, ID: evil, Trained: true}}
	f.DataRecords.UseLimits, f.DataRecords.DerivedFrom = []string{evil}, []string{evil}
	f.Contents.Disclosures, f.Contents.DisclosuresTotal = []pipeline.Disclosure{{Object: evil, Side: evil, What: evil}}, &n
	f.Signature.Kind, f.Signature.RootDigest = &text, &text
	r.Artifact.Skipped = []pipeline.Skipped{{Path: evil, Reason: evil}}
	r.Tool = pipeline.Tool{Name: evil, Version: evil}
	r.AsOf, r.Verdict = evil, pipeline.Verdict(evil)
	r.Findings[0].Offices, r.Findings[0].Quorum = []string{evil}, pipeline.QuorumTwo
	r.Findings[1].Ask = []string{"destination.country"}
	return r
}

// voids are the elements without an end.
var voids = []string{"meta"}

// elements are all that a page is made of: nothing runs, and nothing loads anything.
var elements = []string{"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "article", "div", "span", "p", "h1", "h2", "h3", "h4",
	"a", "code", "strong", "ul", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details", "summary", "pre",
	"svg", "desc", "line", "rect", "path", "circle", "text"}

// attributes are all that elements have. None of them loads anything but href, which is
// held to what it may be.
var attributes = []string{"lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "rel", "role", "aria-label", "aria-labelledby", "aria-hidden", "scope",
	"data-head", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "rx", "r", "d", "text-anchor"}

// holdHTML holds a page to what it promises: well-formed, bounded, no script, nothing from
// elsewhere, headings in order, tables with headings.
func holdHTML(t testing.TB, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), report.MostHTML)
	holdText(t, text)
	balanced(t, text)
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	ids := map[string]int{}
	var policy, style string
	var fragments []string
	level := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		// There are thousands: only what fails is worth a report.
		if !slices.Contains(elements, n.Data) || n.Namespace != "" && n.Namespace != "svg" {
			require.Fail(t, "an element of another sort", n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, a.Key) {
				require.Fail(t, "an attribute of another sort", a.Key)
			}
			switch a.Key {
			case "id":
				ids[a.Val]++
			case "href":
				require.Equal(t, "a", n.Data)
				if fragment, here := strings.CutPrefix(a.Val, "#"); here {
					fragments = append(fragments, fragment)
					break
				}
				require.Regexp(t, `^https?://[!-~]+$`, a.Val)
				require.Equal(t, "noopener noreferrer", attribute(n, "rel"))
			}
		}
		switch n.Data {
		case "meta":
			if attribute(n, "http-equiv") != "" {
				require.Equal(t, "Content-Security-Policy", attribute(n, "http-equiv"))
				policy = attribute(n, "content")
			}
		case "style":
			require.Empty(t, style, "one style")
			style = n.FirstChild.Data
		case "h1", "h2", "h3", "h4":
			next := int(n.Data[1] - '0')
			require.LessOrEqual(t, next, max(level, 2)+1, "no level is left out")
			level = next
		case "table":
			var kinds []string
			for below := range n.Descendants() {
				if below.Type == html.ElementNode {
					kinds = append(kinds, below.Data+attribute(below, "scope"))
				}
			}
			for _, kind := range []string{"caption", "thcol", "throw"} {
				require.Contains(t, kinds, kind)
			}
		case "svg":
			if attribute(n, "role") == "img" {
				require.Contains(t, attribute(n, "aria-labelledby"), "-told")
			}
		}
	}
	for id, n := range ids {
		require.Equal(t, 1, n, id)
	}
	for _, fragment := range fragments {
		require.Contains(t, ids, fragment)
	}
	sum := sha256.Sum256([]byte(style))
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'", policy)
	require.NotContains(t, style, "url(")
	require.NotContains(t, style, "@import")
	require.NotContains(t, text, "ZgotmplZ", "nothing that the template refused")
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// balanced requires that every element is closed where it was opened: a browser would mend
// what is not, each in its own way.
func balanced(t testing.TB, text string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(text))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			require.Empty(t, open)
			return
		case html.StartTagToken:
			name, _ := z.TagName()
			if !slices.Contains(voids, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				require.Fail(t, "an end without its start", "%s in %v", name, open)
			}
			open = open[:len(open)-1]
		case html.CommentToken:
			require.Fail(t, "a comment", string(z.Raw()))
		default:
		}
	}
}

// TestHTML_FitsWhateverThereIsToTell has 200,000 objects and 5,000 rules that matched, with
// ordinary texts and with the worst.
func TestHTML_FitsWhateverThereIsToTell(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\"'<\u202e", 50_000)
	for name, text := range map[string]string{"ordinary": "A message of ordinary length about a model, as rules have them.", "worst": long} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := full()
			r.Findings, r.Artifact.Objects = nil, nil
			for i := range 5000 {
				f := pipeline.Finding{Pack: fmt.Sprint("pack-", i%20), Rule: fmt.Sprint("R-", i), Title: text, Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched,
					Effect: pipeline.EffectReview, Message: text, Missing: slices.Repeat([]string{text}, 30), ReliedOn: []string{text}, Ask: []string{"destination.country"},
					Evidence: slices.Repeat([]pipeline.FindingEvidence{{Fact: "params.lower", Value: text}}, 30), Cite: slices.Repeat([]pipeline.Citation{{Title: text, URL: "https://example.org/" + strings.Repeat("a", 900)}}, 30)}
				if i%2 == 1 {
					f.Mode, f.Outcome = pipeline.ModeReport, pipeline.OutcomeUndetermined
				}
				r.Findings = append(r.Findings, f)
				r.Inspections = append(r.Inspections, pipeline.Inspection{Inspector: text, Object: text, Status: pipeline.InspectionFailed, Reason: text})
				r.Reasons, r.Notes = append(r.Reasons, text), append(r.Notes, text)
				r.Packs = append(r.Packs, pipeline.PackRef{Name: text, Version: text, Digest: pipeline.Digest(text), Mode: pipeline.ModeReport})
				r.Facts.Lineage.Chain = append(r.Facts.Lineage.Chain, pipeline.Ancestor{ID: fmt.Sprint(i, text[:50]), Of: "this model", Relation: text, License: text})
				r.Facts.Datasets = append(r.Facts.Datasets, pipeline.Dataset{ID: &text, License: &text})
				r.Facts.Lineage.Obligations = append(r.Facts.Lineage.Obligations, pipeline.Obligation{From: text, License: text, Text: text})
				r.Facts.LicenseFound.Sources = append(r.Facts.LicenseFound.Sources, pipeline.LicenseSource{Object: text, Where: text, Declared: text, Expression: text})
				r.Facts.Contents.Disclosures = append(r.Facts.Contents.Disclosures, pipeline.Disclosure{Object: text, What: text})
				r.Facts.Params.SetAside = append(r.Facts.Params.SetAside, pipeline.Aside{Name: text, Reason: text})
				r.Facts.Params.WidenedBy = append(r.Facts.Params.WidenedBy, pipeline.Widening{Name: text, Reason: text})
			}
			for range 200_000 {
				r.Artifact.Objects = append(r.Artifact.Objects, pipeline.ArtifactObject{Object: pipeline.Object{Path: text, Size: 1000}, Format: "safetensors"})
			}
			got := page(t, r)
			holdHTML(t, got)
			require.Regexp(t, `and 199,[5-9]\d\d more objects, 199\.\d MB`, got)
			require.Regexp(t, `and [12],\d\d\d more rules`, got)
			require.Contains(t, got, "Weighbridge is not a lawyer")
		})
	}
}

// TestHTML_Scale holds the words beside the drawing to the interval.
func TestHTML_Scale(t *testing.T) {
	t.Parallel()
	count := func(n int64) *int64 { return &n }
	tests := map[string]struct {
		lower, estimate, upper *int64
		want                   string
	}{
		"above":    {count(70_000_000_000), count(70_000_000_000), count(70_000_000_000), "70,000,000,000 parameters, exactly, all of it above ten billion."},
		"below":    {count(7), count(8), count(9), "8 parameters most likely, 7 at least, 9 at most, none of it above ten billion."},
		"on":       {count(10_000_000_000), count(10_000_000_000), count(10_000_000_000), "10,000,000,000 parameters, exactly, none of it above ten billion."},
		"across":   {count(0), count(0), count(20_000_000_000), "20,000,000,000 parameters at most; the line at ten billion lies within."},
		"open":     {count(1), count(1), nil, "1 parameters or more; the line at ten billion lies within."},
		"huge":     {count(1 << 62), count(1 << 62), count(1<<63 - 1), "all of it above ten billion."},
		"backward": {count(1 << 62), count(5), count(-1 << 63), "Weight"},
		"unknown":  {nil, nil, nil, "Unknown."},
	}
	for name, test := range tests {
		got := page(t, &pipeline.Report{Facts: pipeline.Facts{Params: pipeline.Params{Lower: test.lower, Estimate: test.estimate, Upper: test.upper}}})
		holdHTML(t, got)
		require.Contains(t, got, test.want, name)
		require.Equal(t, test.lower != nil, strings.Contains(got, "scale-title"), name)
	}
}

// TestHTML_Asks has what is asked as a message that can be sent.
func TestHTML_Asks(t *testing.T) {
	t.Parallel()
	got := page(t, weigh(t, "llama-3-70b"))
	_, rest, found := strings.Cut(got, "<pre>")
	require.True(t, found)
	message, _, _ := strings.Cut(html.UnescapeString(rest), "</pre>")
	require.Contains(t, message, "About s3://staging/llama-3-70b/, by the rules as of 2026-11-23: REVIEW")
	require.Contains(t, message, "destination.country: Where the weights go, or \"worldwide\".")
	require.Contains(t, message, "--submission")
}

// FuzzHTML puts a text and a number into every place of a page.
func FuzzHTML(f *testing.F) {
	f.Add(evil, int64(3))
	f.Add("</style><script>x</script>", int64(-1))
	f.Add("\"'` onload=x >&#", int64(1<<62))
	f.Fuzz(func(t *testing.T, text string, n int64) {
		r := full()
		r.Artifact.Source, r.Artifact.Objects[0].Path, r.Artifact.Objects[0].Size, r.Verdict = text, text, n, pipeline.Verdict(text)
		r.Facts.Params.Lower, r.Facts.Params.Upper, r.Facts.Params.EffectiveEstimate = &n, &n, &n
		r.Facts.Params.ByDType = map[string]int64{text: n, "x": n}
		r.Facts.Lineage.Chain = []pipeline.Ancestor{{ID: text, Of: "this model", License: text, Depth: n}, {ID: "this model", Of: text}, {ID: text + "2", Of: text}}
		r.Facts.Datasets[0].ID = &text
		r.Findings[0].Message, r.Findings[0].Rule, r.Findings[0].Evidence[0].Value, r.Findings[0].Missing = text, text, n, []string{text}
		r.Findings[0].Cite = []pipeline.Citation{{Title: text, URL: text}, {Title: text, URL: "https://" + text}}
		r.Reasons[0] = text
		holdHTML(t, page(t, r))
	})
}
