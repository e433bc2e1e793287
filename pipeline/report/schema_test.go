package report_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

func TestSchema_IsTheOneInTheRepository(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, report.JSON(&b, report.Schema()))
	golden(t, "report.schema.json", b.Bytes())
}

// compiled returns the schema of the repository, ready to use.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("report.schema.json")
	require.NoError(t, err)
	return schema
}

// document encodes a report and reads it back as plain values.
func document(t *testing.T, v any) map[string]any {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.JSON(&b, v))
	doc, err := jsonschema.UnmarshalJSON(&b)
	require.NoError(t, err)
	return doc.(map[string]any)
}

func TestSchema_HoldsForReports(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weigh(t, name)
			require.NoError(t, schema.Validate(document(t, r)))
			r.Case = &pipeline.CaseRef{ID: uuid.MustParse("01a20a3c-0b63-7a95-9bcf-da6e6e8f0317"), State: pipeline.StateOpen}
			require.NoError(t, schema.Validate(document(t, r)))
		})
	}
}

func TestSchema_RefusesWhatIsNoReport(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	sound := func() map[string]any { return document(t, weigh(t, "malformed")) }
	tests := map[string]func(map[string]any){
		"no verdict":          func(d map[string]any) { delete(d, "verdict") },
		"another verdict":     func(d map[string]any) { d["verdict"] = "permitted" },
		"another schema":      func(d map[string]any) { d["schema"] = "weighbridge.report/2" },
		"no facts":            func(d map[string]any) { delete(d, "facts") },
		"a float for a count": func(d map[string]any) { params(d)["upper"] = json.Number("1.5") },
		"a text for a count":  func(d map[string]any) { params(d)["upper"] = "1" },
		"no lower":            func(d map[string]any) { delete(params(d), "lower") },
		"an odd digest":       func(d map[string]any) { d["artifact"].(map[string]any)["pin_digest"] = "md5:00" },
		"an odd case":         func(d map[string]any) { d["case"] = map[string]any{"id": "1", "state": "open"} },
		"findings as text":    func(d map[string]any) { d["findings"] = "none" },
	}
	require.NoError(t, schema.Validate(sound()))
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sound()
			spoil(d)
			require.Error(t, schema.Validate(d))
		})
	}
	more := sound()
	more["further"] = true
	params(more)["further"] = 1
	require.NoError(t, schema.Validate(more), "keys may be added")
}

func params(d map[string]any) map[string]any {
	return d["facts"].(map[string]any)["params"].(map[string]any)
}
