package submission_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/submission"
	"weighbridge/pipeline/vocabulary"
)

//go:generate go test . -run "^Test(Schema_IsTheOne|Template_IsTheOne)" -update

var update = flag.Bool("update", false, "write the schema and golden files again")

// golden compares with a file, or writes it. The texts are not shown: they are long.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "%s is old: run go generate ./pipeline/... and read the difference", path)
}

func TestSchema_IsTheOneInTheRepository(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(submission.Schema()))
	golden(t, "submission.schema.json", b.Bytes())
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("submission.schema.json")
	require.NoError(t, err)
	return schema
}

// plain reads YAML as the values that an editor holds against the schema.
func plain(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	b, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(t, err)
	return out
}

// Whatever Load takes, the schema takes; whatever the schema refuses, Load refuses.
func TestSchema_AgreesWithLoad(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name, tc := range map[string]struct {
		text string
		good bool
	}{
		"every key":             {strings.Replace(full, "military: no", "military: false", 1), true},
		"null":                  {"weights: {access: ~}\ntraining:\ndestination: {country: FR}\n", true},
		"no data sets":          {"datasets: []\n", true},
		"a data set":            {"datasets: [{}]\n", true},
		"lists of words":        {"model: {modality_in: [text, image]}\n", true},
		"a place":               {"destination: {onward: [DE, worldwide]}\n", true},
		"an address":            {"publication: {url: 'https://example.org/a?b=c', date: '2026-02-28'}\n", true},
		"a digest":              {"bases: [{digest: 'sha256:" + digits + "'}]\n", true},
		"percent":               {"ownership: {listed_percent: 100}\n", true},
		"a range":               {"training: {flops: {lower: 1e24, upper: 1e25}}\n", true},
		"unknown group":         {"destnation: {country: DE}\n", false},
		"unknown key":           {"destination: {land: DE}\n", false},
		"unknown end":           {"training: {flops: {middle: 1}}\n", false},
		"unknown in a list":     {"datasets: [{licence: MIT}]\n", false},
		"measured fact":         {"params: {lower: 5}\n", false},
		"country":               {"destination: {country: XX}\n", false},
		"country in small":      {"destination: {country: de}\n", false},
		"recipient world":       {"recipient: {country: worldwide}\n", false},
		"word":                  {"weights: {access: open}\n", false},
		"word of a list":        {"model: {modality_in: [smell]}\n", false},
		"null in a list":        {"model: {modality_in: [~]}\n", false},
		"null for an element":   {"datasets: [~]\n", false},
		"negative":              {"training: {tokens: -1}\n", false},
		"negative end":          {"training: {flops: {upper: -1}}\n", false},
		"more than all":         {"ownership: {listed_percent: 100.5}\n", false},
		"more than the peak":    {"training: {hardware: [{utilisation: 1.01}]}\n", false},
		"too many tokens":       {"training: {tokens: 1000000000000000001}\n", false},
		"too many epochs":       {"training: {epochs: 1.1e18}\n", false},
		"too many operations":   {"training: {flops: {upper: 1e41}}\n", false},
		"a part of a token":     {"training: {tokens: 1.5}\n", false},
		"a word for a number":   {"training: {tokens: many}\n", false},
		"a number for a flag":   {"end_use: {military: 1}\n", false},
		"a word for a group":    {"destination: DE\n", false},
		"a text for a list":     {"destination: {onward: DE}\n", false},
		"no calendar day":       {"publication: {date: '2026-02-30'}\n", false},
		"a day in another form": {"publication: {date: '30.1.2026'}\n", false},
		"no address":            {"publication: {url: 'example.org'}\n", false},
		"another scheme":        {"publication: {url: 'ftp://example.org/'}\n", false},
		"a digest too short":    {"bases: [{digest: 'sha256:00'}]\n", false},
		"an empty text":         {"recipient: {name: ' '}\n", false},
		"nothing":               {"{}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.text)
			invalid := schema.Validate(plain(t, tc.text))
			if tc.good {
				require.NoError(t, err)
				require.NoError(t, invalid)
				return
			}
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.Error(t, invalid)
		})
	}
}

// Every key is described, and no object takes more than it names.
func TestSchema_DescribesEveryKey(t *testing.T) {
	t.Parallel()
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if properties, ok := v["properties"].(map[string]any); ok {
				require.Equal(t, false, v["additionalProperties"], path)
				for key, p := range properties {
					require.NotEmpty(t, p.(map[string]any)["description"], path+"."+key)
				}
			}
			for key, below := range v {
				walk(path+"."+key, below)
			}
		case []any:
			for _, below := range v {
				walk(path, below)
			}
		}
	}
	b, err := json.Marshal(submission.Schema())
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, json.Unmarshal(b, &schema))
	walk("$", schema)
	defs := schema["$defs"].(map[string]any)
	require.Len(t, defs["country"].(map[string]any)["enum"], 249)
	tokens := defs["Training"].(map[string]any)["properties"].(map[string]any)["tokens"].(map[string]any)
	require.Contains(t, tokens["description"], "Unit: tokens.")
	require.InDelta(t, 0, tokens["minimum"], 0)
	for _, f := range vocabulary.Submission() {
		require.Contains(t, schema["properties"], f.Key)
		require.NotEqual(t, reflect.Map, f.Type.Kind(), "the schema and the check know no maps")
	}
}
