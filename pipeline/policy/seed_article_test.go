package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestSeedArticle(t *testing.T) {
	t.Parallel()
	const line = 10_000_000_000
	for name, tc := range map[string]struct {
		facts   []fact
		outcome pipeline.Outcome // "" for no finding
		rule    string
		missing []string
		verdict pipeline.Verdict
	}{
		"on the line":      {weight(line, line, line), "", "", nil, pipeline.VerdictClear},
		"one above":        {weight(line+1, line+1, line+1), pipeline.OutcomeMatched, "SEED-01", []string{}, pipeline.VerdictReview},
		"only upper above": {weight(line, line, line+1), pipeline.OutcomeMatched, "SEED-01", []string{}, pipeline.VerdictReview},
		"lower above, upper unknown": {
			weight(line+1, line+1, -1), pipeline.OutcomeMatched, "SEED-01", []string{}, pipeline.VerdictReview,
		},
		"upper above, lower unknown": {
			weight(-1, -1, line+1), pipeline.OutcomeMatched, "SEED-01", []string{}, pipeline.VerdictReview,
		},
		"bare model, upper unknown: the pack asks": {
			weight(line, line, -1), pipeline.OutcomeUndetermined, "", []string{"params.effective_upper"}, pipeline.VerdictInconclusive,
		},
		"nothing known": {
			nil, pipeline.OutcomeUndetermined, "", []string{"params.effective_lower", "params.effective_upper"}, pipeline.VerdictInconclusive,
		},
		"with a submission, upper unknown: the rule asks": {
			append(weight(line, line, -1), answered()...),
			pipeline.OutcomeUndetermined, "SEED-01", []string{"params.effective_upper"}, pipeline.VerdictInconclusive,
		},
		"with a submission, on the line": {
			append(weight(line, line, line), answered()...), "", "", nil, pipeline.VerdictClear,
		},
		"a declared count may raise": {
			[]fact{declared("params.effective_lower", int64(line+1)), measured("params.effective_upper", int64(line+1))},
			pipeline.OutcomeMatched, "SEED-01", []string{}, pipeline.VerdictReview,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack, err := policy.Embedded("seed-article")
			require.NoError(t, err)
			set := facts(tc.facts...)
			if _, known := set.Entry("submission.present"); !known {
				set.Set("submission.present", false, pipeline.BasisMeasured)
			}
			findings := judge(t, pack, set)
			require.Equal(t, tc.verdict, pipeline.VerdictOf(findings))
			if tc.outcome == "" {
				require.Empty(t, findings)
				return
			}
			if present, _ := set.Value("submission.present"); tc.rule != "" && present == false {
				require.Len(t, findings, 2)
				require.Contains(t, findings[1].Message, "No submission was given")
			} else {
				require.Len(t, findings, 1)
			}
			require.Equal(t, tc.outcome, findings[0].Outcome)
			require.Equal(t, tc.rule, findings[0].Rule)
			require.Equal(t, tc.missing, findings[0].Missing)
			want := pipeline.EffectReview
			if tc.rule == "" { // the question is as strong as the strongest rule that waits for it
				want = pipeline.EffectBlock
			}
			require.Equal(t, want, findings[0].Effect)
		})
	}
}

// answered is a submission that leaves none of the rules open that ask for one.
func answered() []fact {
	return []fact{
		measured("submission.present", true), measured("screening.hits", []pipeline.ScreeningHit{}),
		measured("contents.optimizer", false), measured("contents.training_process", false),
		declared("destination.country", "JP"), declared("transfer.intermediary_count", int64(0)),
		declared("training.hardware", []pipeline.Hardware{}), declared("datasets", []pipeline.Dataset{}),
		declared("documents", []pipeline.Document{}), declared("documents[0].kind", "generation_safety"),
	}
}

// A count that was only declared cannot take a model below the line.
func TestSeedArticleDoesNotRestOnADeclaredCount(t *testing.T) {
	t.Parallel()
	pack, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	findings := judge(t, pack, facts(
		measured("submission.present", false),
		measured("params.effective_lower", int64(7)),
		declared("params.effective_upper", int64(7)),
	))
	require.Len(t, findings, 1)
	require.Equal(t, pipeline.OutcomeUndetermined, findings[0].Outcome)
	require.Equal(t, []string{"params.effective_upper"}, findings[0].ReliedOn)
	require.Empty(t, findings[0].Missing)
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(findings))
}

func TestSeedArticleFinding(t *testing.T) {
	t.Parallel()
	pack, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	set := facts(append(weight(70_553_706_496, 70_553_706_496, 70_553_706_496),
		measured("submission.present", true), declared("weights.access", "closed"))...)
	got := findingsOf(judge(t, pack, set), "SEED-01")
	require.Len(t, got, 1)
	require.Equal(t, pipeline.Finding{
		ID: got[0].ID, Pack: "seed-article", Rule: "SEED-01", Title: "Model of more than ten billion parameters",
		Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Quorum: pipeline.QuorumOne,
		Message: "Scenario policy, not law: 70,553,706,496 parameters; architecture and code review",
		Missing: []string{}, ReliedOn: []string{}, Ask: []string{"destination.country"},
		Evidence: []pipeline.FindingEvidence{
			{Fact: "params.effective_lower", Value: int64(70_553_706_496)},
			{Fact: "params.effective_upper", Value: int64(70_553_706_496)},
		},
		Cite: pack.Rules[0].Cite,
	}, got[0])
	require.Len(t, got[0].ID, 16)
	require.NotEmpty(t, got[0].Cite[0].URL)
}
