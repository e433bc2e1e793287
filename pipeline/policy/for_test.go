package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func datasets(more ...fact) []fact {
	return append([]fact{declared("datasets", []pipeline.Dataset{})}, more...)
}

func TestForEachElement(t *testing.T) {
	t.Parallel()
	licence := rule{when: `it.license == "none"`, list: "datasets", message: "set {{it.id}}: {{it.license}}", ask: "[it.origin_country, weights.access]"}

	t.Run("one known match beside one unknown", func(t *testing.T) {
		t.Parallel()
		got := judge(t, loadText(t, licence.text()), facts(datasets(
			declared("datasets[0].id", "a"),
			declared("datasets[1].license", "none"), declared("datasets[1].id", "b"))...))
		require.Len(t, got, 1)
		require.Equal(t, pipeline.OutcomeMatched, got[0].Outcome)
		require.Equal(t, "set b: none", got[0].Message)
		require.Empty(t, got[0].Missing)
		require.Equal(t, []pipeline.FindingEvidence{{Fact: "datasets[1].license", Value: "none"}}, got[0].Evidence)
		require.Equal(t, []string{"datasets[1].origin_country", "weights.access"}, got[0].Ask)
	})
	t.Run("one finding for every match", func(t *testing.T) {
		t.Parallel()
		got := judge(t, loadText(t, licence.text()), facts(datasets(
			declared("datasets[0].license", "none"), declared("datasets[1].license", "MIT"), declared("datasets[2].license", "none"))...))
		require.Len(t, got, 2)
		require.Equal(t, "datasets[0].license", got[0].Evidence[0].Fact)
		require.Equal(t, "datasets[2].license", got[1].Evidence[0].Fact)
		require.Equal(t, "set unknown: none", got[0].Message)
		require.NotEqual(t, got[0].ID, got[1].ID)
	})
	t.Run("no match, two unknown", func(t *testing.T) {
		t.Parallel()
		var all []fact
		for _, name := range []string{"[0].license", "[1].id", "[2].id", "[3].license", "[4].license", "[5].license", "[6].license", "[7].license", "[8].license", "[9].license", "[10].id"} {
			all = append(all, declared("datasets"+name, "x"))
		}
		got := judge(t, loadText(t, licence.text()), facts(datasets(all...)...))
		require.Len(t, got, 1)
		require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
		require.Equal(t, []string{"datasets[1].license", "datasets[2].license", "datasets[10].license"}, got[0].Missing)
		require.Len(t, got[0].Evidence, 8)
	})
	t.Run("no match", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, judge(t, loadText(t, licence.text()), facts(datasets(declared("datasets[0].license", "MIT"))...)))
	})
	t.Run("no elements", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, judge(t, loadText(t, licence.text()), facts(datasets()...)))
	})
	t.Run("list unknown", func(t *testing.T) {
		t.Parallel()
		got := judge(t, loadText(t, licence.text()), facts())
		require.Len(t, got, 1)
		require.Equal(t, []string{"datasets"}, got[0].Missing)
		require.Equal(t, `"The rule" cannot be decided: datasets is unknown.`, got[0].Message)
	})
	t.Run("elements that lack the same fact", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.license == "none" && data.personal`, list: "datasets"}
		got := judge(t, loadText(t, r.text()), facts(datasets(
			declared("datasets[0].license", "none"), declared("datasets[1].license", "none"), declared("datasets[2].id", "c"))...))
		require.Len(t, got, 1)
		require.Equal(t, []string{"data.personal", "datasets[2].license"}, got[0].Missing)
		require.Equal(t, `"The rule" cannot be decided: data.personal and datasets[2].license are unknown.`, got[0].Message)
	})
	t.Run("list unknown, and no element could match", func(t *testing.T) {
		t.Parallel()
		either := rule{when: `submission.present && it.license == "none"`, list: "datasets"}
		require.Empty(t, judge(t, loadText(t, either.text()), facts(measured("submission.present", false))))
		require.Empty(t, judge(t, loadText(t, either.text()), facts(measured("submission.present", false), declared("datasets[0].license", "none"))))
		got := judge(t, loadText(t, either.text()), facts(measured("submission.present", true)))
		require.Len(t, got, 1)
		require.Equal(t, []string{"datasets"}, got[0].Missing)
		either.accept = "measured"
		got = judge(t, loadText(t, either.text()), facts(declared("submission.present", false)))
		require.Len(t, got, 1, "too weak to lift the rule")
		require.Equal(t, []string{"datasets"}, got[0].Missing)
		require.Empty(t, judge(t, loadText(t, either.text()), facts(datasets(measured("submission.present", false))...)))
	})
	t.Run("list unknown, and the element decides nothing by itself", func(t *testing.T) {
		t.Parallel()
		never := rule{when: `it.reason == "a" && it.upper < 0 && params.lower > 5`, list: "params.widened_by"}
		require.Empty(t, judge(t, loadText(t, never.text()), facts(measured("params.lower", int64(5)))))
		require.Len(t, judge(t, loadText(t, never.text()), facts(measured("params.lower", int64(6)))), 1)
		texts := rule{when: `it == "" && params.lower > 5`, list: "architecture.contradictions"}
		require.Empty(t, judge(t, loadText(t, texts.text()), facts(measured("params.lower", int64(5)))))
		require.Len(t, judge(t, loadText(t, texts.text()), facts(measured("params.lower", int64(6)))), 1)
	})
	t.Run("list perhaps longer, no match", func(t *testing.T) {
		t.Parallel()
		got := judge(t, loadText(t, licence.text()), facts(declared("datasets[0].license", "MIT")))
		require.Len(t, got, 1)
		require.Equal(t, []string{"datasets"}, got[0].Missing)
	})
	t.Run("list perhaps longer, a match", func(t *testing.T) {
		t.Parallel()
		got := judge(t, loadText(t, licence.text()), facts(declared("datasets[0].license", "none")))
		require.Len(t, got, 1)
		require.Equal(t, pipeline.OutcomeMatched, got[0].Outcome)
	})
	t.Run("weak elements and list", func(t *testing.T) {
		t.Parallel()
		strict := licence
		strict.accept = "attested"
		got := judge(t, loadText(t, strict.text()), facts(datasets(declared("datasets[0].license", "MIT"), attested("datasets[1].license", "MIT"))...))
		require.Len(t, got, 1)
		require.Equal(t, []string{"datasets", "datasets[0].license"}, got[0].ReliedOn)
		require.Empty(t, got[0].Missing)
	})
	t.Run("an element that cannot be evaluated", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.upper * 4 > 5`, list: "params.widened_by"}
		got := judge(t, loadText(t, r.text()), facts(measured("params.widened_by", []pipeline.Widening{{Upper: 1 << 62}, {Upper: 1}})))
		require.Len(t, got, 1)
		require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
		require.Contains(t, got[0].Message, "the evaluation failed")
	})
	t.Run("plain values", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.upper > 5`, list: "params.widened_by", message: "{{it.reason}} {{it.upper}}"}
		got := judge(t, loadText(t, r.text()), facts(measured("params.widened_by", []pipeline.Widening{{Upper: 6000, Reason: "packed"}, {Upper: 1}})))
		require.Len(t, got, 1)
		require.Equal(t, "packed 6,000", got[0].Message)
	})
	t.Run("too many elements", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.upper > 5`, list: "params.widened_by"}
		got := judge(t, loadText(t, r.text()), facts(measured("params.widened_by", make([]pipeline.Widening, 10_001))))
		require.Len(t, got, 1)
		require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
		require.Contains(t, got[0].Message, "params.widened_by has 10,001 elements, and a rule looks at 10,000 at most")
		require.Empty(t, judge(t, loadText(t, r.text()), facts(measured("params.widened_by", make([]pipeline.Widening, 1_000)))))
	})
	t.Run("texts", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.contains("vocab")`, list: "architecture.contradictions", message: "{{it}}"}
		pack := loadText(t, r.text())
		got := judge(t, pack, facts(measured("architecture.contradictions", []string{"layers", "vocab_size"})))
		require.Len(t, got, 1)
		require.Equal(t, "vocab_size", got[0].Message)
		got = judge(t, pack, facts())
		require.Equal(t, []string{"architecture.contradictions"}, got[0].Missing)
	})
	t.Run("other facts beside the element", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `it.license == "none" && weights.access == "published"`, list: "datasets"}
		got := judge(t, loadText(t, r.text()), facts(datasets(declared("datasets[0].license", "none"), declared("datasets[1].license", "none"))...))
		require.Len(t, got, 1)
		require.Equal(t, []string{"weights.access"}, got[0].Missing)
	})
	t.Run("the list inside itself", func(t *testing.T) {
		t.Parallel()
		r := rule{when: `datasets.filter(d, d.id == it.id).size() > 1`, list: "datasets"}
		got := judge(t, loadText(t, r.text()), facts(datasets(declared("datasets[0].id", "a"), declared("datasets[1].id", "b"), declared("datasets[2].id", "a"))...))
		require.Len(t, got, 2)
	})
}
