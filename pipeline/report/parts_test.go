package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

func TestParts_AreThoseOfThePage(t *testing.T) {
	t.Parallel()
	r := &pipeline.Report{Verdict: pipeline.VerdictReview, Artifact: pipeline.Artifact{Source: "s3://b/m/", Bytes: 12,
		Objects: []pipeline.ArtifactObject{{Object: pipeline.Object{Path: "<script>alert(1)</script>", Size: 12}}}}}
	var page bytes.Buffer
	require.NoError(t, report.HTML(&page, r))
	parts, err := report.Parts(r)
	require.NoError(t, err)
	require.NotEmpty(t, parts)
	for _, p := range parts {
		require.Contains(t, page.String(), strings.TrimSpace(string(p.HTML)))
		require.Contains(t, page.String(), `<section id="`+p.ID+`"`)
		require.NotContains(t, string(p.HTML), "<script")
		require.NotContains(t, string(p.HTML), " style=")
	}
	some, err := report.Parts(r, "objects", "no such part")
	require.NoError(t, err)
	require.Len(t, some, 1)
	require.Equal(t, "Objects", some[0].Title)
}

func TestByRule_PutsFirstWhatChangesAVerdict(t *testing.T) {
	t.Parallel()
	got := report.ByRule([]pipeline.Finding{
		{Pack: "p", Rule: "1", Mode: pipeline.ModeReport, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectBlock},
		{Pack: "p", Rule: "2", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectBlock},
		{Pack: "p", Rule: "3", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview},
		{Pack: "p", Rule: "2", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectBlock},
	})
	var rules []string
	for _, all := range got {
		rules = append(rules, all[0].Rule)
	}
	require.Equal(t, []string{"2", "3", "1"}, rules)
	require.Len(t, got[0], 2)
}
