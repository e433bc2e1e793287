package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

type assessor struct {
	name   string
	assess func(facts *pipeline.FactSet, asOf time.Time) error
}

func (a assessor) Name() string { return a.name }

func (a assessor) Assess(facts *pipeline.FactSet, asOf time.Time) error { return a.assess(facts, asOf) }

func TestAssessors_SeeWhatCameBefore(t *testing.T) {
	t.Parallel()
	_, s := store()
	var on time.Time
	first := assessor{"first", func(facts *pipeline.FactSet, asOf time.Time) error {
		on = asOf
		facts.Set("compute.method", *facts.Facts.Weights.Access, pipeline.BasisEstimated)
		return nil
	}}
	second := assessor{"second", func(facts *pipeline.FactSet, _ time.Time) error {
		facts.Set("screening.source", *facts.Facts.Compute.Method, pipeline.BasisMeasured)
		return nil
	}}
	r := weigh(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Assessors: []pipeline.Assessor{first, second}},
		engine.Request{Store: s, Submission: &pipeline.Submission{Weights: pipeline.Weights{Access: ptr("gated")}}}).Report
	require.Equal(t, day, on)
	require.Equal(t, "gated", *r.Facts.Screening.Source)
	require.Equal(t, pipeline.VerdictClear, r.Verdict)
	for _, i := range r.Inspections {
		require.NotContains(t, []string{"first", "second"}, i.Inspector, "what went well is no inspection")
	}
}

func TestAssessors_ThatFailLeaveTheRestAlone(t *testing.T) {
	t.Parallel()
	sound := assessor{"sound", func(facts *pipeline.FactSet, _ time.Time) error {
		facts.Set("compute.method", "tokens", pipeline.BasisEstimated)
		return nil
	}}
	tests := map[string]struct {
		fail   func() error
		reason string
	}{
		"panic":         {func() error { panic("boom") }, "the inspector failed with a fault of its own (boom)"},
		"misspelt fact": {func() error { new(pipeline.FactSet).Forget("no.fact"); return nil }, "the inspector failed with a fault of its own"},
		"error": {func() error {
			return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the numbers do not fit", Err: errors.New("inside")}
		}, "the numbers do not fit"},
		"plain error": {func() error { return context.DeadlineExceeded }, "context deadline exceeded"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := store()
			bad := assessor{"bad", func(*pipeline.FactSet, time.Time) error { return tt.fail() }}
			r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Assessors: []pipeline.Assessor{bad, sound}}, s)
			require.Equal(t, "tokens", *r.Facts.Compute.Method)
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			last := r.Inspections[len(r.Inspections)-1]
			require.Equal(t, "bad", last.Inspector)
			require.Equal(t, pipeline.InspectionFailed, last.Status)
			require.Contains(t, last.Reason, tt.reason)
		})
	}
}

// placed is an assessor that is told which artifact the facts are of.
type placed struct {
	assessor
	place func(ctx context.Context, source string, facts *pipeline.FactSet) error
}

func (p placed) AssessSource(ctx context.Context, source string, facts *pipeline.FactSet, _ time.Time) error {
	return p.place(ctx, source, facts)
}

func TestAssessors_ThatCompareAreToldTheSource(t *testing.T) {
	t.Parallel()
	_, s := store()
	var told []string
	a := placed{assessor{"placed", func(*pipeline.FactSet, time.Time) error { return errors.New("it is not asked without its source") }},
		func(_ context.Context, from string, facts *pipeline.FactSet) error {
			told = append(told, from)
			facts.Set("compute.method", "placed", pipeline.BasisEstimated)
			return nil
		}}
	e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Assessors: []pipeline.Assessor{a}}
	r := run(t, e, s)
	require.Equal(t, "placed", *r.Facts.Compute.Method)
	_, err := e.Rejudge(t.Context(), &r, nil, day)
	require.NoError(t, err)
	require.Equal(t, []string{source.String(), source.String()}, told)

	// What was asked while the run was stopped is no judgement.
	ctx, cancel := context.WithCancel(t.Context())
	a.place = func(ctx context.Context, _ string, _ *pipeline.FactSet) error { cancel(); return ctx.Err() }
	e.Assessors = []pipeline.Assessor{a}
	_, err = e.Rejudge(ctx, &r, nil, day)
	require.ErrorIs(t, err, context.Canceled)
}
