package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestTestPackExplainsFailures(t *testing.T) {
	t.Parallel()
	text := strings.Replace(sound, `      match:    [{params: {lower: 11}}]
      no_match: [{params: {lower: 10}}]
`, `      match:
        - {params: {lower: 11}}
        - {params: {lower: 10}}
        - {params: {upper: 10}}
      no_match:
        - {params: {lower: 10}}
        - {params: {lower: 11}}
        - {declared: {params: {lower: 1}}}
      undetermined:
        - {expect_missing: [params.lower]}
        - {expect_missing: [params.upper]}
        - {params: {lower: 1}}
        - {declared: {params: {lower: 1}}, expect_missing: []}
        - {params: {lower: null}}
`, 1)
	report, err := policy.TestPack(t.Context(), loadText(t, text))
	require.NoError(t, err)
	require.Equal(t, "sound", report.Pack)
	require.Equal(t, 2, report.Rules)
	require.Equal(t, 13, report.Examples)
	require.Equal(t, []policy.TestFailure{
		{"S-01", 22, pipeline.OutcomeMatched, pipeline.OutcomeNotMatched, "expected matched, but it came out as not matched"},
		{"S-01", 23, pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, "expected matched, but the rule cannot be decided: params.lower is unknown"},
		{"S-01", 26, pipeline.OutcomeNotMatched, pipeline.OutcomeMatched, "expected not matched, but it came out as matched"},
		{"S-01", 27, pipeline.OutcomeNotMatched, pipeline.OutcomeUndetermined, "expected not matched, but the rule cannot be decided: it would rest on params.lower, and that fact is not measured, as the rule demands"},
		{"S-01", 30, pipeline.OutcomeUndetermined, pipeline.OutcomeUndetermined, "expected to lack [params.upper], but it lacks [params.lower]"},
		{"S-01", 31, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched, "expected undetermined, but it came out as not matched"},
	}, report.Failures)
}

func TestExamplesTellEachOutcome(t *testing.T) {
	t.Parallel()
	text := strings.Replace(sound, "      no_match: [{params: {lower: 10}}]", "      no_match: [{params: {lower: 10}}, {params: {lower: 11}}]", 1)
	pack := loadText(t, text)
	all, err := policy.Examples(t.Context(), pack)
	require.NoError(t, err)
	report, err := policy.TestPack(t.Context(), pack)
	require.NoError(t, err)
	require.Len(t, all, report.Examples)
	require.Equal(t, policy.Tested{Rule: "S-01", Line: 20, Text: "{params: {lower: 11}}", Want: pipeline.OutcomeMatched, Got: pipeline.OutcomeMatched}, all[0])
	wrong := 0
	for _, one := range all {
		if one.Message != "" {
			wrong++
			require.NotEqual(t, one.Want, one.Got)
		}
	}
	require.Equal(t, 1, wrong)
	require.Len(t, report.Failures, 1)
}
