package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weighbridge/pipeline"
)

// Rejudge judges a stored report again, from its facts alone: the assessors run on the
// facts, the rules on what they leave, and the verdict is concluded anew. Nothing of the
// source is looked at, so the report keeps what was read and what was odd about it.
//
// An error matches [pipeline.ErrInvalid] where the stored facts do not hold together, or
// is that of ctx.
func (e *Engine) Rejudge(ctx context.Context, stored *pipeline.Report, submission *pipeline.Submission, asOf time.Time) (*pipeline.Weighing, error) {
	set, err := pipeline.FactSetFrom(stored.Facts, stored.FactsIndex)
	if err != nil {
		return nil, fmt.Errorf("read the stored facts: %w", err)
	}
	report := *stored
	report.Tool, report.AsOf, report.Case = e.Tool, asOf.Format(time.DateOnly), nil
	report.Inspections = slices.DeleteFunc(slices.Clone(stored.Inspections), func(i pipeline.Inspection) bool {
		return slices.ContainsFunc(e.Assessors, func(a pipeline.Assessor) bool { return a.Name() == i.Inspector })
	})
	report.Inspections = append(report.Inspections, assess(ctx, e.Assessors, stored.Artifact.Source, set, asOf)...)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the judgement was stopped: %w", err)
	}
	report.Facts, report.FactsIndex = set.Facts, set.Index()
	if err := e.judge(ctx, set, asOf, &report); err != nil {
		return nil, err
	}
	return &pipeline.Weighing{Report: report, Submission: submission}, nil
}

// assess runs assessors, each behind its own recovery, and returns the inspections of
// those that failed. source is where the artifact lies.
func assess(ctx context.Context, assessors []pipeline.Assessor, source string, facts *pipeline.FactSet, asOf time.Time) []pipeline.Inspection {
	var failed []pipeline.Inspection
	for _, a := range assessors {
		run := func() error { return a.Assess(facts, asOf) }
		if placed, ok := a.(pipeline.SourceAssessor); ok {
			run = func() error { return placed.AssessSource(ctx, source, facts, asOf) }
		}
		if err := guarded(run); err != nil {
			failed = append(failed, pipeline.Inspection{Inspector: a.Name(), Status: pipeline.InspectionFailed, Reason: reason(err)})
		}
	}
	return failed
}

// judge puts findings, packs, verdict and reasons into a report that has its facts and
// inspections.
func (e *Engine) judge(ctx context.Context, facts *pipeline.FactSet, asOf time.Time, report *pipeline.Report) error {
	report.Findings, report.Packs, report.Reasons = []pipeline.Finding{}, []pipeline.PackRef{}, []string{}
	if e.Judge != nil {
		findings, err := e.Judge.Judge(ctx, facts, asOf)
		if err != nil {
			return fmt.Errorf("judge the facts: %w", err)
		}
		report.Findings = append(report.Findings, findings...)
		report.Packs = append(report.Packs, e.Judge.Packs()...)
	}
	verdict, reasons := pipeline.Conclude(report.Findings, report.Inspections, &report.Facts)
	report.Verdict = verdict
	report.Reasons = append(report.Reasons, reasons...)
	return nil
}
