package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestVerdict_Stronger(t *testing.T) {
	t.Parallel()
	order := []pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, order[max(i, j)], a.Stronger(b), "%s and %s", a, b)
		}
	}
	require.Equal(t, pipeline.Verdict("odd"), pipeline.VerdictClear.Stronger("odd"), "an unknown verdict never counts as clear")
}

// weighed is the least that facts must hold to be clear.
func weighed() pipeline.Facts {
	return pipeline.Facts{Params: pipeline.Params{StoredElements: ptr(int64(1))}}
}

func TestConclude_Findings(t *testing.T) {
	t.Parallel()
	const (
		enforce, reportOnly = pipeline.ModeEnforce, pipeline.ModeReport
		matched, undecided  = pipeline.OutcomeMatched, pipeline.OutcomeUndetermined
		block, review, warn = pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn
	)
	tests := []struct {
		mode    pipeline.Mode
		outcome pipeline.Outcome
		effect  pipeline.Effect
		missing []string
		want    pipeline.Verdict
	}{
		{enforce, matched, block, nil, pipeline.VerdictBlock},
		{enforce, matched, review, nil, pipeline.VerdictReview},
		{enforce, matched, warn, nil, pipeline.VerdictClear},
		{enforce, matched, pipeline.EffectInfo, nil, pipeline.VerdictClear},
		{enforce, pipeline.OutcomeNotMatched, block, nil, pipeline.VerdictClear},
		{reportOnly, matched, block, nil, pipeline.VerdictClear},
		{pipeline.ModeOff, matched, block, nil, pipeline.VerdictClear},
		{enforce, undecided, block, []string{"destination.country"}, pipeline.VerdictReview},
		{enforce, undecided, review, []string{"training.flops"}, pipeline.VerdictReview},
		{enforce, undecided, review, nil, pipeline.VerdictReview},
		{enforce, undecided, review, []string{"params.upper"}, pipeline.VerdictInconclusive},
		{enforce, undecided, block, []string{"destination.country", "architecture.family"}, pipeline.VerdictInconclusive},
		{enforce, undecided, warn, []string{"params.upper"}, pipeline.VerdictClear},
		{reportOnly, undecided, block, []string{"params.upper"}, pipeline.VerdictClear},
	}
	for _, tt := range tests {
		f := pipeline.Finding{Rule: "R", Mode: tt.mode, Outcome: tt.outcome, Effect: tt.effect, Missing: tt.missing}
		facts := weighed()
		verdict, reasons := pipeline.Conclude([]pipeline.Finding{f}, nil, &facts)
		require.Equal(t, tt.want, verdict, "%+v", tt)
		require.Equal(t, tt.want == pipeline.VerdictInconclusive, len(reasons) > 0, "only inconclusive has reasons beside the finding")
	}
}

func TestConclude_WhatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	facts := weighed()
	verdict, reasons := pipeline.Conclude(nil, nil, &facts)
	require.Equal(t, pipeline.VerdictClear, verdict)
	require.Empty(t, reasons)

	tests := map[pipeline.InspectionStatus]struct {
		want   pipeline.Verdict
		reason string
	}{
		pipeline.InspectionOK:        {pipeline.VerdictClear, ""},
		pipeline.InspectionSkipped:   {pipeline.VerdictClear, ""},
		pipeline.InspectionFailed:    {pipeline.VerdictInconclusive, "o could not be read: why."},
		pipeline.InspectionMalformed: {pipeline.VerdictInconclusive, "o is malformed: why."},
	}
	for status, tt := range tests {
		verdict, reasons := pipeline.Conclude(nil, []pipeline.Inspection{{Inspector: "i", Object: "o", Status: status, Reason: "why."}}, &facts)
		require.Equal(t, tt.want, verdict)
		require.Equal(t, tt.reason, strings.Join(reasons, " "))
	}

	_, reasons = pipeline.Conclude(nil, []pipeline.Inspection{{Inspector: "scale", Status: pipeline.InspectionFailed, Reason: "why"}}, &facts)
	require.Equal(t, []string{"the inspection scale could not be read: why."}, reasons)

	var many []pipeline.Inspection
	for i := range 12 {
		many = append(many, pipeline.Inspection{Object: fmt.Sprint(i), Status: pipeline.InspectionFailed})
	}
	_, reasons = pipeline.Conclude(nil, many, &facts)
	require.Len(t, reasons, 6)
	require.Equal(t, "7 more could not be read.", reasons[5])
}

func TestConclude_BlockIsStrongerThanWhatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	facts := weighed()
	block := pipeline.Finding{Mode: pipeline.ModeEnforce, Effect: pipeline.EffectBlock, Outcome: pipeline.OutcomeMatched}
	verdict, reasons := pipeline.Conclude([]pipeline.Finding{block}, []pipeline.Inspection{{Status: pipeline.InspectionFailed}}, &facts)
	require.Equal(t, pipeline.VerdictBlock, verdict)
	require.NotEmpty(t, reasons)
}

func TestConclude_WhatIsMissingFromTheArtifact(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*pipeline.Facts){
		"No weights":              func(f *pipeline.Facts) { f.Params.StoredElements = nil },
		"No weights were":         func(f *pipeline.Facts) { f.Params.StoredElements = ptr(int64(0)) },
		"3 shards of a numbered":  func(f *pipeline.Facts) { f.Shards.Missing = ptr(int64(3)) },
		"2 shards that the index": func(f *pipeline.Facts) { f.Index.ShardsAbsent = ptr(int64(2)) },
		"lies outside its folder": func(f *pipeline.Facts) { f.Index.PathsEscaping = ptr(int64(1)) },
	}
	for want, change := range tests {
		facts := weighed()
		change(&facts)
		verdict, reasons := pipeline.Conclude(nil, nil, &facts)
		require.Equal(t, pipeline.VerdictInconclusive, verdict)
		require.Len(t, reasons, 1)
		require.Contains(t, reasons[0], want)
	}
	facts := weighed()
	facts.Index.ShardsUnlisted, facts.Index.TensorsMisplaced, facts.Index.TensorsAbsent = ptr(int64(1)), ptr(int64(1)), ptr(int64(1))
	verdict, _ := pipeline.Conclude(nil, nil, &facts)
	require.Equal(t, pipeline.VerdictClear, verdict, "nothing is missing")
}

func TestMeasurable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"params.lower", "params", "architecture.family", "quantization.bits", "adapter.base", "index.present", "shards.missing", "headers.malformed", "objects.unpinned"} {
		require.True(t, pipeline.Measurable(name), name)
	}
	for _, name := range []string{"destination.country", "training.flops", "weights.access", "datasets[0].license", "submission.present", "end_use.text", ""} {
		require.False(t, pipeline.Measurable(name), name)
	}
}
