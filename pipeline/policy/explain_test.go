package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// parts writes the parts of an explanation as an indented list.
func parts(e policy.Explained) string {
	var b strings.Builder
	for _, p := range e.Parts {
		b.WriteString(strings.Repeat(" ", p.Depth) + p.Value + ": " + p.Text + "\n")
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: `listed(destination.country, "us-d5") && (weights.access != "published" || !end_use.research) && params.upper > 5`}.text())
	set := facts(measured("params.upper", int64(7)))
	set.Set("destination.country", "RU", pipeline.BasisDeclared, pipeline.Evidence{Object: "submission", Where: "$.destination.country"})
	set.Set("end_use.research", true, pipeline.BasisDeclared)
	got, err := pack.Explain(t.Context(), "T-01", set, today)
	require.NoError(t, err)
	require.True(t, got.InEffect)
	require.Nil(t, got.Applies)
	require.Len(t, got.Elements, 1)
	e := got.Elements[0]
	require.Equal(t, pipeline.OutcomeUndetermined, e.Outcome)
	require.Equal(t, []string{"weights.access"}, e.Missing)
	require.Equal(t, `cannot be decided: listed(destination.country, "us-d5") && (weights.access != "published" || !end_use.research) && params.upper > 5
 true: listed(destination.country, "us-d5")
 cannot be decided: weights.access != "published" || !end_use.research
  cannot be decided: weights.access != "published"
  false: !end_use.research
   true: end_use.research
 true: params.upper > 5
`, parts(e))
	known := map[string]policy.Known{}
	for _, k := range e.Facts {
		known[k.Name] = k
	}
	require.Equal(t, "RU", known["destination.country"].Value)
	require.Equal(t, pipeline.BasisDeclared, known["destination.country"].Basis)
	require.Equal(t, "$.destination.country", known["destination.country"].Evidence[0].Where)
	require.Nil(t, known["weights.access"].Value)

	_, err = pack.Explain(t.Context(), "T-02", set, today)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

func TestExplainEveryElement(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: `it.personal && it.origin_country == "DE"`, list: "datasets"}.text())
	sub := &pipeline.Submission{Datasets: []pipeline.Dataset{{Personal: ptr(true), OriginCountry: ptr("DE")}, {Personal: ptr(true)}}}
	var set pipeline.FactSet
	set.Declare(sub, "submission")
	got, err := pack.Explain(t.Context(), "T-01", &set, today)
	require.NoError(t, err)
	require.Len(t, got.Elements, 2)
	require.Equal(t, "datasets[0]", got.Elements[0].Element)
	require.Equal(t, pipeline.OutcomeMatched, got.Elements[0].Outcome)
	require.Equal(t, pipeline.OutcomeUndetermined, got.Elements[1].Outcome)
	require.Contains(t, parts(got.Elements[1]), "true: it.personal")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	one := loadText(t, rule{when: "params.upper > 5"}.text())
	two := loadText(t, rule{when: "params.upper > 6", effect: "block"}.text())
	changes := policy.Diff(one, two)
	require.Equal(t, []policy.Change{
		{Pack: "test", Rule: "T-01", What: "when", Before: "params.upper > 5", After: "params.upper > 6"},
		{Pack: "test", Rule: "T-01", What: "effect", Before: "review", After: "block"},
		{Pack: "test", Rule: "T-01", What: "quorum", Before: "one", After: "two"},
	}, changes)
	require.Empty(t, policy.Diff(one, one))

	other := loadText(t, strings.ReplaceAll(rule{when: "params.upper > 5"}.text(), "T-01", "T-02"))
	require.Equal(t, []policy.Change{
		{Pack: "test", Rule: "T-01", What: "rule", Before: "The rule"},
		{Pack: "test", Rule: "T-02", What: "rule", After: "The rule"},
	}, policy.Diff(one, other))
}

func TestDiffDays(t *testing.T) {
	t.Parallel()
	pack := loadText(t, strings.Replace(rule{when: `listed(destination.country, "us-d5")`}.text(), "    effect:", "    effective: {from: 2026-12-02}\n    effect:", 1))
	require.Equal(t, []policy.Change{
		{Pack: "test", Rule: "T-01", What: "in effect", Before: "no", After: "review, as organisation"},
	}, policy.DiffDays(pack, "2026-12-01", "2026-12-02"))
	late := policy.DiffDays(pack, "2026-12-02", "2099-01-01")
	require.Equal(t, []policy.Change{{Pack: "test", Rule: "T-01", What: "review", Before: "in time", After: "overdue"}}, late)
}

func TestDiffFindings(t *testing.T) {
	t.Parallel()
	a := []pipeline.Finding{{Pack: "p", Rule: "A", Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview}, {Pack: "p", Rule: "B", Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectBlock}}
	b := []pipeline.Finding{{Pack: "p", Rule: "B", Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectBlock, Mode: pipeline.ModeReport}}
	require.Equal(t, []policy.Change{
		{Pack: "p", Rule: "A", What: "outcome", Before: "matched, review"},
		{Pack: "p", Rule: "B", What: "outcome", Before: "undetermined, block", After: "matched, block, report only"},
	}, policy.DiffFindings(a, b))
}
