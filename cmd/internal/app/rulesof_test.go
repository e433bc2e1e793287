package app_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestWeightLines_AreThoseOfTheRulesThatStop(t *testing.T) {
	t.Parallel()
	finding := func(rule string, mode pipeline.Mode, outcome pipeline.Outcome) pipeline.Finding {
		return pipeline.Finding{Pack: "p", Rule: rule, Mode: mode, Outcome: outcome}
	}
	rules := map[app.RuleKey]policy.Rule{
		{Pack: "p", Rule: "A"}: {When: "params.effective_lower > 10000000000 || params.effective_upper > 10000000000"},
		{Pack: "p", Rule: "B"}: {When: "params.estimate>=70000000 && training.flops.upper > 1000"},
		{Pack: "p", Rule: "C"}: {When: "params.upper > 5"},
		{Pack: "p", Rule: "D"}: {When: "my_params.upper > 7 || params.upper > 99999999999999999999"},
	}
	r := &pipeline.Report{Findings: []pipeline.Finding{
		finding("B", pipeline.ModeEnforce, pipeline.OutcomeUndetermined), finding("A", pipeline.ModeEnforce, pipeline.OutcomeMatched), finding("A", pipeline.ModeEnforce, pipeline.OutcomeMatched),
		finding("C", pipeline.ModeReport, pipeline.OutcomeMatched), finding("D", pipeline.ModeEnforce, pipeline.OutcomeMatched), finding("gone", pipeline.ModeEnforce, pipeline.OutcomeMatched),
	}}
	require.Equal(t, []app.WeightLine{{At: 70_000_000, Rules: []string{"B"}}, {At: 10_000_000_000, Rules: []string{"A"}}}, app.WeightLines(r, rules))
}

func TestRulesOf_LeavesOutPacksThatHaveChanged(t *testing.T) {
	t.Parallel()
	s := &app.Service{App: &app.App{Logger: hclog.NewNullLogger()}}
	packs, err := s.PacksNamed([]string{"seed-article"})
	require.NoError(t, err)
	ref := pipeline.PackRef{Name: "seed-article", Digest: packs[0].Pack.Digest}
	rules, err := s.RulesOf(&pipeline.Report{Packs: []pipeline.PackRef{ref}})
	require.NoError(t, err)
	require.Equal(t, policy.StatusSeed, rules[app.RuleKey{Pack: "seed-article", Rule: "SEED-01"}].Status)
	ref.Digest = pipeline.DigestBytes([]byte("another"))
	rules, err = s.RulesOf(&pipeline.Report{Packs: []pipeline.PackRef{ref}})
	require.NoError(t, err)
	require.Empty(t, rules)
}

func TestDraft_TellsWhatRulesWillAskAndRecordsNothing(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("llama-3-70b-lora")
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "m")
	require.NoError(t, m.Write(folder))
	s := &app.Service{Folders: true, App: &app.App{Logger: hclog.NewNullLogger(), Now: func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }}}
	d, err := s.Draft(t.Context(), folder)
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, q := range d.Questions {
		asked[q.Fact] = q.Enforced
	}
	require.True(t, asked["destination.country"])
	require.Equal(t, int64(828_375_040), *d.Report.Facts.Params.Estimate)
	s.Folders = false
	_, err = s.Draft(t.Context(), folder)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

func TestWithoutOthers_NamesNoOtherCase(t *testing.T) {
	t.Parallel()
	other := uuid.NewString()
	chain := []pipeline.Ancestor{{ID: "a/b", Of: "this model", Case: other, State: "approved"}}
	known := []pipeline.KnownStructure{{ID: "s3://theirs/m/", Case: other}}
	r := pipeline.Report{Case: &pipeline.CaseRef{SameStructure: []pipeline.StructureMatch{{ID: uuid.MustParse(other), Source: "s3://theirs/m/"}}},
		Facts: pipeline.Facts{Lineage: pipeline.Lineage{Known: known, Chain: chain}},
		FactsIndex: []pipeline.FactEntry{{Name: "lineage.known"}, {Name: "lineage.chain", Evidence: []pipeline.Evidence{{Object: pipeline.EvidenceInventory, Where: "case " + other}}},
			{Name: "params.lower", Evidence: []pipeline.Evidence{{Object: "a", Where: "bytes=0-1"}}}},
		Findings: []pipeline.Finding{{Rule: "R", Evidence: []pipeline.FindingEvidence{{Fact: "lineage.known", Value: known}, {Fact: "lineage.chain[0].case", Value: other}, {Fact: "params.lower", Value: 1}}}}}
	before := r
	app.WithoutOthers(&r)
	said, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(said), other)
	require.NotContains(t, string(said), "s3://theirs/m/")
	require.Contains(t, string(said), "a/b")
	require.Contains(t, string(said), "params.lower")
	require.Equal(t, other, before.Facts.Lineage.Chain[0].Case, "the report that was handed in by value stays as it was")
	require.Len(t, before.Findings[0].Evidence, 3)
}
