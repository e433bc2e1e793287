package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"weighbridge/pipeline"
)

// The schemas of what is written beside reports.
const (
	ErrorSchema      = "weighbridge.error/1"
	InspectionSchema = "weighbridge.inspection/1"
)

// JSON writes a value as indented JSON, ended by a line feed. HTML characters stay as
// they are: the output is for programs, not for pages.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// Inspection is the result of an inspection without rules.
type Inspection struct {
	Schema      string                `json:"schema"`
	Tool        pipeline.Tool         `json:"tool"`
	Artifact    pipeline.Artifact     `json:"artifact"`
	Facts       pipeline.Facts        `json:"facts"`
	FactsIndex  []pipeline.FactEntry  `json:"facts_index"`
	Inspections []pipeline.Inspection `json:"inspections"`
	Reasons     []string              `json:"reasons"`
	Notes       []string              `json:"notes"`
	Cost        pipeline.Cost         `json:"cost"`
	Disclaimer  string                `json:"disclaimer"`
}

// InspectionOf takes from a report what rules have no part in.
func InspectionOf(r *pipeline.Report) Inspection {
	return Inspection{Schema: InspectionSchema, Tool: r.Tool, Artifact: r.Artifact, Facts: r.Facts, FactsIndex: r.FactsIndex,
		Inspections: r.Inspections, Reasons: r.Reasons, Notes: r.Notes, Cost: r.Cost, Disclaimer: r.Disclaimer}
}

// Whole reports whether everything was read: no inspection was skipped, failed or met
// something malformed, and nothing that should be there is missing.
func (i Inspection) Whole() bool {
	return len(i.Reasons) == 0 && !slices.ContainsFunc(i.Inspections, func(one pipeline.Inspection) bool {
		return one.Status != pipeline.InspectionOK
	})
}

// Failure is the JSON form of an error: no report could be made.
type Failure struct {
	Schema  string        `json:"schema"`
	Code    pipeline.Code `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

// FailureOf describes an error in sentences. Errors that are nobody's but ours keep
// their text: it is all an operator has.
func FailureOf(err error) Failure {
	f := Failure{Schema: ErrorSchema, Code: pipeline.ErrorCode(err), Message: err.Error()}
	for e := err; e != nil; {
		var p *pipeline.Error
		if !errors.As(e, &p) {
			break
		}
		if p.Hint != "" {
			f.Hint = p.Hint
			break
		}
		e = p.Err
	}
	return f
}
