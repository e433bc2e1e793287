// Package inspecttest runs inspectors over files in memory, through the engine, so that a
// test of an inspector sees what a user of it would.
package inspecttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

// Day is the day of all runs.
var Day = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// Files are texts or bytes by path.
type Files map[string]string

// Run is what to run over files.
type Run struct {
	Readers    []pipeline.Reader
	Derivers   []pipeline.Deriver
	Assessors  []pipeline.Assessor
	Submission *pipeline.Submission
	// Hash has every object hashed.
	Hash bool
}

// Inspect runs it and returns the report. No rules are applied.
func (r Run) Inspect(t testing.TB, files Files) pipeline.Report {
	t.Helper()
	source, err := pipeline.ParseSource("s3://test/model/")
	require.NoError(t, err)
	store := mem.New(source)
	for path, content := range files {
		store.Put(path, []byte(content))
	}
	e := engine.Engine{Readers: r.Readers, Derivers: r.Derivers, Assessors: r.Assessors}
	w, err := e.Run(t.Context(), engine.Request{Source: source, Store: store, AsOf: Day, Submission: r.Submission, SubmissionName: "submission.yaml", Hash: r.Hash})
	require.NoError(t, err)
	return w.Report
}

// Inspections returns the inspections of an object as "inspector status: reason".
func Inspections(r pipeline.Report, object string) []string {
	var out []string
	for _, i := range r.Inspections {
		if i.Object != object {
			continue
		}
		line := i.Inspector + " " + string(i.Status)
		if i.Reason != "" {
			line += ": " + i.Reason
		}
		out = append(out, line)
	}
	return out
}

// Known returns the entry of a fact, which must be known.
func Known(t testing.TB, r pipeline.Report, name string) pipeline.FactEntry {
	t.Helper()
	for _, entry := range r.FactsIndex {
		if entry.Name == name {
			return entry
		}
	}
	require.Failf(t, "a fact is not known", "%s", name)
	return pipeline.FactEntry{}
}

// Unknown holds that a fact is not known.
func Unknown(t testing.TB, r pipeline.Report, name string) {
	t.Helper()
	for _, entry := range r.FactsIndex {
		require.NotEqual(t, name, entry.Name)
	}
}
