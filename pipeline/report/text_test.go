package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

func TestClean(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                                      "",
		"model-00001-of-00030.safetensors":      "model-00001-of-00030.safetensors",
		"模型 é “quoted” 🐪":                       "模型 é “quoted” 🐪",
		"it's \"here\"":                         "it's \"here\"",
		"a\x1b[2Jb":                             `a\x1b[2Jb`,
		"a\x1b]0;title\x07b":                    `a\x1b]0;title\ab`,
		"one\ntwo\r\tthree":                     `one\ntwo\r\tthree`,
		"nul\x00del\x7f":                        `nul\x00del\x7f`,
		"c1\u009b31m":                           `c1\u009b31m`,
		"gpj.\u202eexe":                         `gpj.\u202eexe`,
		"\u2066isolate\u2069\u200e\u200f\u061c": `\u2066isolate\u2069\u200e\u200f\u061c`,
		"zero\u200bwidth\ufeff":                 `zero\u200bwidth\ufeff`,
		"line\u2028paragraph\u2029":             `line\u2028paragraph\u2029`,
		"broken\xff":                            `broken\ufffd`,
	}
	for in, want := range tests {
		require.Equal(t, want, report.Clean(in), "%q", in)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[2J\u202e")
	f.Add("'\\\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := report.Clean(s)
		require.Equal(t, got, report.Clean(got), "cleaning twice changes nothing")
		for _, r := range got {
			require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r), "%q", got)
		}
	})
}

// TestTable_IsCleanWhateverTheArtifactSays puts a terminal escape into every text of a
// report and looks for it in what is printed.
func TestTable_IsCleanWhateverTheArtifactSays(t *testing.T) {
	t.Parallel()
	const evil = "\x1b[2J\u202eevil\n"
	text, one, two := evil, int64(1), int64(2)
	r := &pipeline.Report{
		AsOf:     "2026-11-23",
		Artifact: pipeline.Artifact{Source: evil, Objects: []pipeline.ArtifactObject{{Object: pipeline.Object{Path: evil}, Format: "text"}}},
		Facts: pipeline.Facts{
			Params: pipeline.Params{Lower: &one, Estimate: &one, Upper: &two, StoredElements: &two,
				SetAside: []pipeline.Aside{{Name: evil, Reason: evil}}, WidenedBy: []pipeline.Widening{{Name: evil, Reason: evil}},
				ByDType: map[string]int64{"F32": 1}, ByComponent: map[string]int64{"other": 1},
				ByLayer: []pipeline.LayerRun{{Set: evil, Stack: evil, Each: 1}, {Set: "other", Stack: evil, Each: 1}}},
			Architecture: pipeline.Architecture{Declared: &text, Contradictions: []string{evil}},
			Adapter:      &pipeline.Adapter{Kind: &text, Base: &text},
			Index:        pipeline.Index{Problems: []string{evil}},
		},
		Findings: []pipeline.Finding{{Rule: evil, Message: evil, Missing: []string{evil}, ReliedOn: []string{evil}, Ask: []string{evil}}},
		Packs:    []pipeline.PackRef{{Name: evil, Version: evil}},
		Reasons:  []string{evil}, Notes: []string{evil},
	}
	var b bytes.Buffer
	require.NoError(t, report.Table(&b, r))
	require.NoError(t, report.InspectionTable(&b, r))
	require.NoError(t, report.Row(&b, "Gate", evil))
	require.NotContains(t, b.String(), "\x1b")
	require.NotContains(t, b.String(), "\u202e")
	require.NotContains(t, b.String(), "\nevil")
	require.Contains(t, b.String(), `\x1b[2J\u202eevil\n`)
	for line := range strings.Lines(b.String()) {
		require.Equal(t, strings.TrimRight(line, " \n")+"\n", line, "no line ends in spaces")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 70553706496: "70,553,706,496", -1234567: "-1,234,567",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		require.Equal(t, want, report.Count(n))
	}
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 141_107_555_060: "141.1 GB", math.MaxInt64: "9.2 EB",
	} {
		require.Equal(t, want, report.Size(n))
	}
}

func TestJSON_KeepsIntegersExact(t *testing.T) {
	t.Parallel()
	n := int64(1<<53 + 1)
	var b bytes.Buffer
	require.NoError(t, report.JSON(&b, pipeline.Report{Facts: pipeline.Facts{Params: pipeline.Params{Lower: &n}}, Notes: []string{"<&>"}}))
	require.Contains(t, b.String(), `"lower": 9007199254740993`)
	require.Contains(t, b.String(), `"<&>"`)
	require.True(t, strings.HasSuffix(b.String(), "}\n"))
}

func TestFailureOf(t *testing.T) {
	t.Parallel()
	inner := &pipeline.Error{Code: pipeline.CodeDenied, Message: "the store refuses", Hint: "check the credentials"}
	tests := map[string]struct {
		err  error
		want report.Failure
	}{
		"an error of ours": {inner, report.Failure{Code: pipeline.CodeDenied, Message: "the store refuses", Hint: "check the credentials"}},
		"wrapped": {fmt.Errorf("list s3://b/: %w", inner),
			report.Failure{Code: pipeline.CodeDenied, Message: "list s3://b/: the store refuses", Hint: "check the credentials"}},
		"the hint of the cause": {&pipeline.Error{Code: pipeline.CodeInvalid, Message: "no", Err: inner},
			report.Failure{Code: pipeline.CodeInvalid, Message: "no: the store refuses", Hint: "check the credentials"}},
		"nobody's": {io.ErrUnexpectedEOF, report.Failure{Code: pipeline.CodeInternal, Message: "unexpected EOF"}},
		"joined":   {errors.Join(io.EOF, inner), report.Failure{Code: pipeline.CodeDenied, Message: "EOF\nthe store refuses", Hint: "check the credentials"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.want.Schema = report.ErrorSchema
			got := report.FailureOf(tt.err)
			require.Equal(t, tt.want, got)
			b, err := json.Marshal(got)
			require.NoError(t, err)
			var keys map[string]string
			require.NoError(t, json.Unmarshal(b, &keys))
			require.Len(t, keys, 4)
			require.Equal(t, "weighbridge.error/1", keys["schema"])
		})
	}
}

func TestInspectionOf(t *testing.T) {
	t.Parallel()
	r := weigh(t, "gpt2")
	d := document(t, report.InspectionOf(r))
	require.Equal(t, "weighbridge.inspection/1", d["schema"])
	require.NotContains(t, d, "verdict")
	require.NotContains(t, d, "findings")
	require.Equal(t, json.Number("124439808"), params(d)["estimate"])
}

func TestTable_Training(t *testing.T) {
	t.Parallel()
	end := func(v float64) *float64 { return &v }
	crossings := []pipeline.Crossing{{Operations: 1e23, Tokens: 1_666_666_666_667}, {Operations: 1e25, Tokens: 166_666_666_666_667}}
	method := func(s string) pipeline.Compute { return pipeline.Compute{Method: &s} }
	tokens := int64(5)
	tests := map[string]struct {
		facts pipeline.Facts
		want  string // "" for no line
	}{
		"nothing": {pipeline.Facts{}, ""},
		"interval": {pipeline.Facts{Compute: method("tokens+hardware"), Training: pipeline.Training{
			Flops: pipeline.Interval{Lower: end(2.94e25), Estimate: end(3.79e25), Upper: end(5.06e25)}, Tokens: &tokens}},
			"Training     compute of 3.8e25 operations (2.9e25 to 5.1e25), by tokens and hardware\n"},
		"declared": {pipeline.Facts{Compute: method("declared"), Training: pipeline.Training{Flops: pipeline.Interval{Upper: end(1e25)}, Tokens: &tokens}},
			"Training     compute of 1e25 operations at most, as declared\n"},
		"two ends":  {pipeline.Facts{Training: pipeline.Training{Flops: pipeline.Interval{Lower: end(0), Upper: end(12)}}}, "Training     compute of 0 to 1.2e1 operations\n"},
		"lower":     {pipeline.Facts{Training: pipeline.Training{Flops: pipeline.Interval{Lower: end(1e24)}}}, "Training     compute of 1e24 operations or more\n"},
		"estimate":  {pipeline.Facts{Training: pipeline.Training{Flops: pipeline.Interval{Estimate: end(1e24)}}}, "Training     compute of about 1e24 operations\n"},
		"crossings": {pipeline.Facts{Compute: pipeline.Compute{Crossings: crossings}}, "Training     compute unknown; 1,666,666,666,667 tokens would reach 1e23 operations,"},
		"crossings beside a declaration": {pipeline.Facts{Compute: pipeline.Compute{Method: method("tokens+declared").Method, Crossings: crossings}, Training: pipeline.Training{Flops: pipeline.Interval{Lower: end(1e24)}}},
			"Training     compute of 1e24 operations or more, by tokens and declaration\n             1,666,666,666,667 tokens would reach 1e23 operations, 166,666,666,666,667 tokens 1e25\n"},
		"tokens known": {pipeline.Facts{Compute: pipeline.Compute{Crossings: crossings}, Training: pipeline.Training{Tokens: &tokens}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			require.NoError(t, report.Table(&b, &pipeline.Report{Facts: tt.facts}))
			if tt.want == "" {
				require.NotContains(t, b.String(), "Training")
				return
			}
			require.Contains(t, b.String(), tt.want)
		})
	}
}
