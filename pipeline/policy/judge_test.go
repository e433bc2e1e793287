package policy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func onDay(t *testing.T, text string) time.Time {
	t.Helper()
	day, err := time.Parse(time.DateOnly, text)
	require.NoError(t, err)
	return day
}

func TestRulesAreDated(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: "params.lower > 1", extra: "    effective: {from: 2025-11-10, to: 2026-11-09}\n"}.text())
	set := facts(measured("params.lower", int64(2)))
	for day, want := range map[string]int{
		"2025-11-09": 0, "2025-11-10": 1, "2026-11-09": 1, "2026-11-10": 0,
	} {
		require.Len(t, judgeOn(t, pack, set, onDay(t, day)), want, day)
	}
	// The day is that of the caller's time zone.
	west := time.FixedZone("west", -8*3600)
	require.Empty(t, judgeOn(t, pack, set, time.Date(2025, 11, 9, 23, 0, 0, 0, west)))
}

func TestStaleRules(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: "params.lower > 10", extra: "    review_by: 2027-06-01\n"}.text())
	below, above := facts(measured("params.lower", int64(3))), facts(measured("params.lower", int64(11)))

	require.Empty(t, judgeOn(t, pack, below, onDay(t, "2027-06-01")))
	stale := judgeOn(t, pack, below, onDay(t, "2027-06-02"))
	require.Len(t, stale, 1)
	require.True(t, stale[0].Stale)
	require.Equal(t, pipeline.OutcomeNotMatched, stale[0].Outcome)
	require.Equal(t, pipeline.EffectInfo, stale[0].Effect)
	require.Equal(t, `"The rule" did not match, but the rule was to be reviewed by 2027-06-01: this result is stale.`, stale[0].Message)
	require.Equal(t, []pipeline.FindingEvidence{{Fact: "params.lower", Value: int64(3)}}, stale[0].Evidence)
	require.Equal(t, pipeline.VerdictClear, pipeline.VerdictOf(stale))

	matched := judgeOn(t, pack, above, onDay(t, "2027-06-02"))
	require.Len(t, matched, 1)
	require.True(t, matched[0].Stale)
	require.Equal(t, pipeline.EffectReview, matched[0].Effect)
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(matched))

	require.True(t, judgeOn(t, pack, facts(), onDay(t, "2027-06-02"))[0].Stale)
}

// applied is a pack of two rules with an "applies".
func applied(applies, firstAccept, secondAccept string) string {
	text := rule{when: "params.lower > 10", effect: "warn", accept: firstAccept}.text()
	text = strings.Replace(text, "rules:\n", "applies: "+applies+"\nrules:\n", 1)
	second := text[strings.Index(text, "  - id:"):]
	second = strings.NewReplacer("T-01", "T-02", "effect: warn", "effect: block", "accept: "+firstAccept, "accept: "+secondAccept).Replace(second)
	return text + second
}

func TestApplies(t *testing.T) {
	t.Parallel()
	pack := loadText(t, applied(`destination.country == "DE"`, "declared", "declared"))

	require.Empty(t, judge(t, pack, facts(declared("destination.country", "FR"))), "does not apply")
	require.Len(t, judge(t, pack, facts(declared("destination.country", "DE"), measured("params.lower", int64(11)))), 2)

	open := judge(t, pack, facts(measured("params.lower", int64(11))))
	require.Len(t, open, 1, "one question in place of one finding a rule")
	require.Empty(t, open[0].Rule)
	require.Equal(t, "A test", open[0].Title)
	require.Equal(t, pipeline.OutcomeUndetermined, open[0].Outcome)
	require.Equal(t, []string{"destination.country"}, open[0].Missing)
	require.Equal(t, []string{"destination.country"}, open[0].Ask)
	require.Equal(t, pipeline.EffectBlock, open[0].Effect, "the strongest of its rules")
	require.Equal(t, pipeline.QuorumTwo, open[0].Quorum)
	require.Equal(t, `It cannot be decided whether the pack "A test" applies: destination.country is unknown.`, open[0].Message)
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(open))
}

// "Does not apply" lifts rules, and a declaration lifts only what accepts it.
func TestAppliesRestsOnWhatTheRulesAccept(t *testing.T) {
	t.Parallel()
	pack := loadText(t, applied(`destination.country == "DE"`, "declared", "attested"))

	held := judge(t, pack, facts(declared("destination.country", "FR")))
	require.Len(t, held, 1)
	require.Empty(t, held[0].Rule)
	require.Equal(t, []string{"destination.country"}, held[0].ReliedOn)
	require.Empty(t, held[0].Missing)
	require.Equal(t, pipeline.EffectBlock, held[0].Effect)

	require.Empty(t, judge(t, pack, facts(attested("destination.country", "FR"))))

	lifted := loadText(t, applied(`destination.country == "DE"`, "attested", "declared"))
	held = judge(t, lifted, facts(declared("destination.country", "FR")))
	require.Len(t, held, 1)
	require.Equal(t, pipeline.EffectWarn, held[0].Effect, "the block rule accepts the declaration and is lifted")
	require.Equal(t, pipeline.VerdictClear, pipeline.VerdictOf(held))
}

func TestAppliesWithNoRuleInEffect(t *testing.T) {
	t.Parallel()
	text := strings.Replace(rule{when: "params.lower > 10", extra: "    effective: {from: 2030-01-01}\n"}.text(), "rules:\n", "applies: submission.present\nrules:\n", 1)
	require.Empty(t, judge(t, loadText(t, text), facts()))
}

func TestAppliesThatCannotBeEvaluated(t *testing.T) {
	t.Parallel()
	text := strings.Replace(rule{when: "params.lower > 10"}.text(), "rules:\n", "applies: 1 / params.lower > 0\nrules:\n", 1)
	got := judge(t, loadText(t, text), facts(measured("params.lower", int64(0))))
	require.Len(t, got, 1)
	require.Contains(t, got[0].Message, "the evaluation failed")
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(got))
}

func TestModesAndPacks(t *testing.T) {
	t.Parallel()
	one := loadText(t, rule{when: "params.lower > 1"}.text())
	other := loadText(t, strings.Replace(rule{when: "params.lower > 1"}.text(), "pack: test", "pack: other", 1))
	third := loadText(t, strings.Replace(rule{when: "params.lower > 1"}.text(), "pack: test", "pack: third", 1))
	judge, err := policy.NewJudge([]policy.Selected{
		{Pack: one, Mode: pipeline.ModeReport}, {Pack: other, Mode: pipeline.ModeOff}, {Pack: third, Mode: pipeline.ModeEnforce},
	})
	require.NoError(t, err)
	require.Equal(t, []pipeline.PackRef{
		{Name: "test", Version: "1", Digest: one.Digest, Mode: pipeline.ModeReport},
		{Name: "third", Version: "1", Digest: third.Digest, Mode: pipeline.ModeEnforce},
	}, judge.Packs())
	findings, err := judge.Judge(t.Context(), facts(measured("params.lower", int64(2))), today)
	require.NoError(t, err)
	require.Len(t, findings, 2)
	require.Equal(t, "test", findings[0].Pack)
	require.Equal(t, pipeline.ModeReport, findings[0].Mode)
	require.Equal(t, pipeline.VerdictClear, pipeline.VerdictOf(findings[:1]), "a reporting pack changes no verdict")
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(findings))

	_, err = policy.NewJudge([]policy.Selected{{Pack: one, Mode: "maybe"}})
	require.ErrorIs(t, err, pipeline.ErrUsage)
	_, err = policy.NewJudge([]policy.Selected{{Pack: one, Mode: pipeline.ModeEnforce}, {Pack: one, Mode: pipeline.ModeReport}})
	require.ErrorIs(t, err, pipeline.ErrUsage)

	empty, err := policy.NewJudge(nil)
	require.NoError(t, err)
	require.Empty(t, empty.Packs())
	findings, err = empty.Judge(t.Context(), facts(), today)
	require.NoError(t, err)
	require.NotNil(t, findings)
}

func TestFindingIDs(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: "params.lower > 1"}.text())
	id := func(f ...fact) string { return judge(t, pack, facts(f...))[0].ID }
	two := id(measured("params.lower", int64(2)))
	require.Equal(t, two, id(measured("params.lower", int64(2)), measured("params.upper", int64(9))), "what the rule does not look at does not matter")
	require.NotEqual(t, two, id(measured("params.lower", int64(3))))
	require.NotEqual(t, two, id())
}

func TestJudgeEndsWithTheContext(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: "params.lower > 1"}.text())
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = judge.Judge(ctx, facts(), today)
	require.ErrorIs(t, err, context.Canceled)
	_, err = policy.TestPack(ctx, pack)
	require.ErrorIs(t, err, context.Canceled)
}

// closing is a context that ends right after it was first asked: only an evaluation
// that looks at it again on the way notices.
type closing struct {
	context.Context
	asked atomic.Int32
}

func (c *closing) Err() error {
	if c.asked.Add(1) == 1 {
		return nil
	}
	return context.Canceled
}

func (c *closing) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

func TestALongEvaluationIsInterrupted(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: `index.problems.exists(p, p == "x")`}.text())
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(t, err)
	set := facts(measured("index.problems", make([]string, 1000)))
	_, err = judge.Judge(&closing{Context: t.Context()}, set, today)
	require.ErrorContains(t, err, "interrupted")

	findings, err := judge.Judge(t.Context(), set, today)
	require.NoError(t, err)
	require.Empty(t, findings)
}

func TestACostlyEvaluationIsUndetermined(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: `index.problems.exists(p, p == "x")`}.text())
	got := judge(t, pack, facts(measured("index.problems", make([]string, 600_000))))
	require.Len(t, got, 1)
	require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
	require.Len(t, got[0].Evidence, 1, "the list, not its elements")
	require.Contains(t, got[0].Message, "it costs more than 1,000,000 steps on these facts")
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(got))
}

func TestJudgeIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	selected, err := policy.Defaults()
	require.NoError(t, err)
	selected = append(selected, policy.Selected{Pack: loadTestdata(t, "three-valued.yaml"), Mode: pipeline.ModeEnforce})
	judge, err := policy.NewJudge(selected)
	require.NoError(t, err)
	set := facts(append(weight(1, 2, 3), declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "MIT"))...)
	want, err := judge.Judge(t.Context(), set, today)
	require.NoError(t, err)
	var wg sync.WaitGroup
	results := make([][]pipeline.Finding, 8)
	errs := make([]error, len(results))
	for i := range results {
		wg.Go(func() { results[i], errs[i] = judge.Judge(t.Context(), set, today) })
	}
	wg.Wait()
	for i := range results {
		require.NoError(t, errs[i])
		require.Equal(t, want, results[i])
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	finding := func(mode pipeline.Mode, outcome pipeline.Outcome, effect pipeline.Effect, missing ...string) pipeline.Finding {
		return pipeline.Finding{Mode: mode, Outcome: outcome, Effect: effect, Missing: missing}
	}
	const (
		enforce, report       = pipeline.ModeEnforce, pipeline.ModeReport
		matched, undetermined = pipeline.OutcomeMatched, pipeline.OutcomeUndetermined
		block, review         = pipeline.EffectBlock, pipeline.EffectReview
		warn, info            = pipeline.EffectWarn, pipeline.EffectInfo
	)
	for i, tc := range []struct {
		want     pipeline.Verdict
		findings []pipeline.Finding
	}{
		{pipeline.VerdictClear, nil},
		{pipeline.VerdictBlock, []pipeline.Finding{finding(enforce, matched, block)}},
		{pipeline.VerdictReview, []pipeline.Finding{finding(enforce, matched, review)}},
		{pipeline.VerdictClear, []pipeline.Finding{finding(enforce, matched, warn), finding(enforce, matched, info)}},
		{pipeline.VerdictReview, []pipeline.Finding{finding(enforce, undetermined, block, "training.flops")}},
		{pipeline.VerdictReview, []pipeline.Finding{finding(enforce, undetermined, review)}},
		{pipeline.VerdictClear, []pipeline.Finding{finding(enforce, undetermined, warn, "params.upper")}},
		{pipeline.VerdictInconclusive, []pipeline.Finding{finding(enforce, undetermined, review, "training.flops", "params.upper")}},
		{pipeline.VerdictInconclusive, []pipeline.Finding{finding(enforce, undetermined, block, "architecture.family"), finding(enforce, matched, review)}},
		{pipeline.VerdictBlock, []pipeline.Finding{finding(enforce, undetermined, review, "params.upper"), finding(enforce, matched, block)}},
		{pipeline.VerdictReview, []pipeline.Finding{finding(enforce, undetermined, review, "paramsx.upper")}},
		{pipeline.VerdictClear, []pipeline.Finding{finding(report, matched, block), finding(report, undetermined, review, "params.upper")}},
		{pipeline.VerdictClear, []pipeline.Finding{finding(enforce, pipeline.OutcomeNotMatched, block, "params.upper")}},
	} {
		require.Equal(t, tc.want, pipeline.VerdictOf(tc.findings), fmt.Sprint(i))
	}
}
