package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestConclude_WhatNobodyCanName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		confidence string
		estimate   *int64
		adapter    bool
		want       pipeline.Verdict
	}{
		{"a billion and one, unknown", "none", ptr(int64(1_000_000_001)), false, pipeline.VerdictInconclusive},
		{"a billion, unknown", "none", ptr(int64(1_000_000_000)), false, pipeline.VerdictClear},
		{"a count that does not fit", "none", nil, false, pipeline.VerdictInconclusive},
		{"told by one way", "shapes", ptr(int64(70_000_000_000)), false, pipeline.VerdictClear},
		{"an adapter", "none", ptr(int64(2_000_000_000)), true, pipeline.VerdictClear},
	}
	for _, tt := range tests {
		facts := weighed()
		facts.Architecture.Confidence, facts.Params.Estimate = &tt.confidence, tt.estimate
		if tt.adapter {
			facts.Adapter = &pipeline.Adapter{}
		}
		verdict, reasons := pipeline.Conclude(nil, nil, &facts)
		require.Equal(t, tt.want, verdict, tt.name)
		require.Equal(t, tt.want == pipeline.VerdictInconclusive, len(reasons) == 1, tt.name)
	}
}

func TestConclude_PartOfAModel(t *testing.T) {
	t.Parallel()
	facts := weighed()
	facts.Architecture.Partial = ptr(false)
	verdict, _ := pipeline.Conclude(nil, nil, &facts)
	require.Equal(t, pipeline.VerdictClear, verdict)

	facts.Architecture.Partial = ptr(true)
	verdict, reasons := pipeline.Conclude(nil, nil, &facts)
	require.Equal(t, pipeline.VerdictInconclusive, verdict)
	require.Len(t, reasons, 1)

	facts.Architecture.Layers, facts.Architecture.LayerSpan = ptr(int64(40)), ptr(int64(80))
	_, reasons = pipeline.Conclude(nil, nil, &facts)
	require.Equal(t, []string{"Only a part of a model is here: 40 of 80 layers."}, reasons)
}
