package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// findingsOf returns the findings of one rule.
func findingsOf(findings []pipeline.Finding, rule string) []pipeline.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f pipeline.Finding) bool { return f.Rule != rule })
}

// nexus answers the one question on which us-ear as a whole depends.
func nexus(more ...fact) []fact {
	return append([]fact{declared("transfer.us_nexus", true)}, more...)
}

const flopsUpper = "training.flops.upper"

func TestUSWeightsAreThreeValued(t *testing.T) {
	t.Parallel()
	const over, under = 1e26, 9.999999999999999e25
	for name, tc := range map[string]struct {
		facts    []fact
		outcome  pipeline.Outcome
		missing  []string
		reliedOn []string
	}{
		"published and attested, compute unknown": {
			[]fact{attested("weights.access", "published")}, pipeline.OutcomeNotMatched, nil, nil,
		},
		"published and attested, compute over the line": {
			[]fact{attested("weights.access", "published"), declared(flopsUpper, over)}, pipeline.OutcomeNotMatched, nil, nil,
		},
		"closed, compute unknown": {
			[]fact{declared("weights.access", "closed")}, pipeline.OutcomeUndetermined, []string{"training.flops"}, []string{},
		},
		"closed and attested, compute unknown": {
			[]fact{attested("weights.access", "closed")}, pipeline.OutcomeUndetermined, []string{"training.flops"}, []string{},
		},
		"declared published, compute unknown": {
			[]fact{declared("weights.access", "published")}, pipeline.OutcomeUndetermined, []string{"training.flops"}, []string{"weights.access"},
		},
		"declared published, compute over the line": {
			[]fact{declared("weights.access", "published"), declared(flopsUpper, over)},
			pipeline.OutcomeUndetermined, []string{}, []string{"weights.access"},
		},
		"declared published, compute attested below the line": {
			[]fact{declared("weights.access", "published"), attested(flopsUpper, under)}, pipeline.OutcomeNotMatched, nil, nil,
		},
		"closed, compute estimated below the line": {
			[]fact{declared("weights.access", "closed"), {flopsUpper, under, pipeline.BasisEstimated}},
			pipeline.OutcomeUndetermined, []string{}, []string{"training.flops"},
		},
		"closed, compute on the line": {
			[]fact{declared("weights.access", "closed"), declared(flopsUpper, over)}, pipeline.OutcomeMatched, []string{}, []string{},
		},
		"gated is not published": {
			[]fact{declared("weights.access", "gated"), declared(flopsUpper, over)}, pipeline.OutcomeMatched, []string{}, []string{},
		},
		"nothing known": {
			nil, pipeline.OutcomeUndetermined, []string{"training.flops", "weights.access"}, []string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := findingsOf(judge(t, embedded(t, "us-ear"), facts(nexus(tc.facts...)...)), "US-WGT-01")
			if tc.outcome == pipeline.OutcomeNotMatched {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, tc.outcome, got[0].Outcome)
			require.Equal(t, tc.missing, got[0].Missing)
			require.Equal(t, tc.reliedOn, got[0].ReliedOn)
			require.Equal(t, pipeline.EffectReview, got[0].Effect)
			require.Equal(t, pipeline.QuorumTwo, got[0].Quorum)
		})
	}
}

// The control on weights is neither in force nor gone, and no text may say either.
func TestUSWeightsAreOnTheBooks(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "us-ear")
	for _, rule := range pack.Rules {
		if !strings.HasPrefix(rule.ID, "US-WGT-") {
			continue
		}
		require.Equal(t, policy.StatusOnBooksNotEnforced, rule.Status, rule.ID)
		require.Contains(t, rule.Title, "on the books and not enforced")
	}
	got := findingsOf(judge(t, pack, facts(nexus()...)), "US-WGT-01")
	require.Len(t, got, 1)
	require.True(t, strings.HasPrefix(got[0].Message, "On the books, not enforced: "), got[0].Message)
}

func TestUSFindingsOnTheDay(t *testing.T) {
	t.Parallel()
	frontier := nexus(declared(flopsUpper, 3e26), declared("training.cost_usd", 2e8),
		declared("market.new_york", true), declared("market.california", true), declared("org.revenue_usd", int64(600_000_000)))
	owned := nexus(declared("ownership.listed_percent", 50.0))
	bulk := []fact{
		declared("data.us_bulk.any", true), declared("data.us_bulk.human_genomic", int64(101)),
		declared("destination.country", "CN"), declared("model.memorises", true),
	}
	for name, tc := range map[string]struct {
		pack, prefix, on string
		facts            []fact
		want             map[string]pipeline.Effect
	}{
		"Affiliates Rule, before it":             {"us-ear", "US-AFF-01", "2025-09-28", owned, map[string]pipeline.Effect{}},
		"Affiliates Rule, first day":             {"us-ear", "US-AFF-01", "2025-09-29", owned, map[string]pipeline.Effect{"US-AFF-01-2025": pipeline.EffectReview}},
		"Affiliates Rule, suspended":             {"us-ear", "US-AFF-01", "2025-11-10", owned, map[string]pipeline.Effect{"US-AFF-01-SUSPENDED": pipeline.EffectWarn}},
		"Affiliates Rule, last day suspended":    {"us-ear", "US-AFF-01", "2026-11-09", owned, map[string]pipeline.Effect{"US-AFF-01-SUSPENDED": pipeline.EffectWarn}},
		"Affiliates Rule, the operator confirms": {"us-ear", "US-AFF-01", "2026-11-10", owned, map[string]pipeline.Effect{"US-AFF-01-CONFIRM": pipeline.EffectReview}},
		"RAISE Act, the day before":              {"us-ear", "US-STA-02", "2026-12-31", frontier, map[string]pipeline.Effect{}},
		"RAISE Act, first day": {"us-ear", "US-STA-02", "2027-01-01", frontier, map[string]pipeline.Effect{
			"US-STA-02-MODEL": pipeline.EffectInfo, "US-STA-02-MARKET": pipeline.EffectWarn,
		}},
		"SB 53, the day before": {"us-ear", "US-STA-01", "2025-12-31", frontier, map[string]pipeline.Effect{}},
		"SB 53, first day": {"us-ear", "US-STA-01", "2026-01-01", frontier, map[string]pipeline.Effect{
			"US-STA-01-MODEL": pipeline.EffectInfo, "US-STA-01-LARGE": pipeline.EffectWarn,
		}},
		"revoked order, last day":    {"us-ear", "US-OLD", "2025-01-19", nexus(weight10B()...), map[string]pipeline.Effect{"US-OLD-01": pipeline.EffectInfo}},
		"revoked order, revoked":     {"us-ear", "US-OLD", "2025-01-20", nexus(weight10B()...), map[string]pipeline.Effect{}},
		"bulk data, the day before":  {"us-data", "US-DSP", "2025-04-07", bulk, map[string]pipeline.Effect{}},
		"bulk data, from that day":   {"us-data", "US-DSP-01-GENOMIC", "2025-04-08", bulk, map[string]pipeline.Effect{"US-DSP-01-GENOMIC": pipeline.EffectReview, "US-DSP-01-GENOMIC-MEMORISED": pipeline.EffectBlock}},
		"bulk data, today":           {"us-data", "US-DSP-01-GENOMIC", "2026-11-23", bulk, map[string]pipeline.Effect{"US-DSP-01-GENOMIC": pipeline.EffectReview, "US-DSP-01-GENOMIC-MEMORISED": pipeline.EffectBlock}},
		"weights, before 2025-05-13": {"us-ear", "US-WGT-01", "2025-05-12", nexus(declared(flopsUpper, 1e26), declared("weights.access", "closed")), map[string]pipeline.Effect{}},
		"weights, since 2025-05-13":  {"us-ear", "US-WGT-01", "2025-05-13", nexus(declared(flopsUpper, 1e26), declared("weights.access", "closed")), map[string]pipeline.Effect{"US-WGT-01": pipeline.EffectReview}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]pipeline.Effect{}
			for _, f := range judgeOn(t, embedded(t, tc.pack), facts(tc.facts...), dayOf(t, tc.on)) {
				if strings.HasPrefix(f.Rule, tc.prefix) {
					require.Equal(t, pipeline.OutcomeMatched, f.Outcome, f.Message)
					got[f.Rule] = f.Effect
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func weight10B() []fact { return []fact{measured("params.estimate", int64(10_000_000_000))} }

// What the pack says of the Affiliates Rule after 2026-11-09 is that nobody here knows.
func TestUSAffiliatesRuleIsLeftToTheOperator(t *testing.T) {
	t.Parallel()
	got := findingsOf(judge(t, embedded(t, "us-ear"), facts(nexus(declared("ownership.listed_percent", 62.5))...)), "US-AFF-01-CONFIRM")
	require.Len(t, got, 1)
	require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(got))
	require.Contains(t, got[0].Message, "62.5 percent")
	require.Contains(t, got[0].Message, "the operator confirms its state")
}

// Where the law of the United States does not come into it, or nobody has said, the
// pack gives one finding, not one a rule.
func TestUSEarAsksOneQuestion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		facts             []fact
		missing, reliedOn []string
	}{
		"nothing known":            {nil, []string{"transfer.us_nexus"}, []string{}},
		"said to be out of reach":  {[]fact{declared("transfer.us_nexus", false)}, []string{}, []string{"transfer.us_nexus"}},
		"a directive is no answer": {[]fact{measured("directives.matches", []pipeline.Directive{{ID: "D-7", Field: "model"}})}, []string{"transfer.us_nexus"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, embedded(t, "us-ear"), facts(tc.facts...))
			require.Len(t, got, 1)
			require.Empty(t, got[0].Rule)
			require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
			require.Equal(t, tc.missing, got[0].Missing)
			require.Equal(t, tc.reliedOn, got[0].ReliedOn)
			require.ElementsMatch(t, slices.Concat(tc.missing, tc.reliedOn), got[0].Ask)
			require.NotContains(t, got[0].Message, ": ,")
		})
	}
	require.Empty(t, judge(t, embedded(t, "us-ear"), facts(measured("transfer.us_nexus", false))))
}

// A directive blocks, whatever else is known, and where no US nexus is stated too.
func TestUSDirectiveNeedsNoSubmission(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "us-lists")
	require.Equal(t, pipeline.ModeReport, policy.DefaultMode(pack.Name))
	for _, given := range [][]fact{{measured("submission.present", false)}, {declared("transfer.us_nexus", false)}} {
		got := judge(t, pack, facts(append(given,
			measured("directives.matches", []pipeline.Directive{{ID: "D-7", Field: "model", Pattern: "example/frontier-*", Note: "safe 3"}}))...))
		require.Equal(t, pipeline.VerdictBlock, pipeline.VerdictOf(got))
		found := findingsOf(got, "US-DIR-01")
		require.Len(t, found, 1)
		require.Contains(t, found[0].Message, "Directive D-7 names this model (example/frontier-*)")
	}
}

func TestUSScreening(t *testing.T) {
	t.Parallel()
	hit := func(role, list string, exact bool) pipeline.ScreeningHit {
		return pipeline.ScreeningHit{Party: "Example Trading", Role: role, List: list, ID: "1", Score: 0.95, Exact: exact}
	}
	hits := func(basis pipeline.Basis, all ...pipeline.ScreeningHit) fact {
		return fact{"screening.hits", append([]pipeline.ScreeningHit{}, all...), basis}
	}
	for name, tc := range map[string]struct {
		hits        fact
		block, view int // matched findings of US-SCR-01 and US-SCR-02
		open        bool
	}{
		"nobody":                          {hits(pipeline.BasisMeasured), 0, 0, false},
		"nobody on an old list":           {hits(pipeline.BasisEstimated), 0, 0, true},
		"no list":                         {declared("destination.country", "DE"), 0, 0, true},
		"recipient on the Entity List":    {hits(pipeline.BasisMeasured, hit("recipient", "EL", true)), 1, 0, false},
		"the same on an old list":         {hits(pipeline.BasisEstimated, hit("recipient", "EL", true)), 1, 0, false},
		"a similar name":                  {hits(pipeline.BasisMeasured, hit("end_user", "SDN", false)), 0, 1, false},
		"a list that asks for care":       {hits(pipeline.BasisMeasured, hit("parent", "UVL", true)), 0, 1, false},
		"developer by name alone":         {hits(pipeline.BasisMeasured, hit("developer", "EL", true)), 0, 1, false},
		"an intermediary and a likeness":  {hits(pipeline.BasisMeasured, hit("intermediary", "DPL", true), hit("recipient", "CMIC", false)), 1, 1, false},
		"military end user as the parent": {hits(pipeline.BasisMeasured, hit("parent", "MEU", true)), 1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, embedded(t, "us-lists"), facts(measured("submission.present", true), tc.hits))
			count := map[string]int{}
			for _, f := range got {
				count[f.Rule+" "+string(f.Outcome)]++
			}
			require.Equal(t, tc.block, count["US-SCR-01 matched"])
			require.Equal(t, tc.view, count["US-SCR-02 matched"])
			require.Equal(t, tc.open, count["US-SCR-01 undetermined"] == 1)
		})
	}
}

func TestUSDataAsksOneQuestion(t *testing.T) {
	t.Parallel()
	got := judge(t, embedded(t, "us-data"), facts(declared("destination.country", "CN")))
	require.Len(t, got, 1)
	require.Equal(t, []string{"data.us_bulk.any"}, got[0].Missing)
	require.Empty(t, judge(t, embedded(t, "us-data"), facts(declared("data.us_bulk.any", false))))
}

// Every category has its threshold, with a review and a block beside it.
func TestUSBulkThresholds(t *testing.T) {
	t.Parallel()
	for category, threshold := range map[string]int64{
		"human_genomic": 100, "other_omic": 1_000, "biometric": 1_000, "geolocation": 1_000,
		"health": 10_000, "financial": 10_000, "covered_identifiers": 100_000,
	} {
		t.Run(category, func(t *testing.T) {
			t.Parallel()
			for count, want := range map[int64]int{threshold: 0, threshold + 1: 2} {
				set := facts(declared("data.us_bulk.any", true), declared("destination.country", "RU"), declared("model.memorises", true))
				for _, other := range []string{"human_genomic", "other_omic", "biometric", "geolocation", "health", "financial", "covered_identifiers"} {
					set.Set("data.us_bulk."+other, int64(0), pipeline.BasisDeclared)
				}
				set.Set("data.us_bulk."+category, count, pipeline.BasisDeclared)
				got := judge(t, embedded(t, "us-data"), set)
				require.Len(t, got, want)
				if want == 2 {
					require.Equal(t, pipeline.EffectReview, got[0].Effect)
					require.Equal(t, pipeline.EffectBlock, got[1].Effect)
				}
			}
		})
	}
}

// A list that is another with something added must follow it.
func TestUSListsFitEachOther(t *testing.T) {
	t.Parallel()
	lib, err := policy.NewLibrary()
	require.NoError(t, err)
	members := map[string][]string{}
	for _, list := range lib.Lists() {
		for _, m := range list.Members {
			members[list.Name] = append(members[list.Name], m.ID)
		}
		require.Empty(t, list.VerifiedBy, "%s: nobody has held it against its source yet", list.Name)
	}
	require.ElementsMatch(t, append(slices.Clone(members["us-d5"]), "MO"), members["us-d5-mo"])
	require.Len(t, members["us-aia"], 18)
	require.Subset(t, members["us-d5"], members["us-embargo"])
	for _, one := range members["us-aia"] {
		require.NotContains(t, members["us-d5-mo"], one)
	}
	for _, one := range members["seed-western"] {
		require.NotContains(t, members["seed-china"], one)
		require.NotContains(t, members["seed-in-border"], one)
	}
	require.Subset(t, members["seed-western"], members["seed-eu"])
}

func TestSeedArticleSaysThatItIsNoLaw(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "seed-article")
	ids := []string{}
	for _, rule := range pack.Rules {
		ids = append(ids, rule.ID)
		require.Equal(t, policy.StatusSeed, rule.Status, rule.ID)
		require.True(t, strings.HasPrefix(rule.Message, "Scenario policy, not law: "), rule.ID)
	}
	require.Equal(t, []string{
		"SEED-01", "SEED-02", "SEED-03-RESTRICTED", "SEED-03-RELAY", "SEED-04", "SEED-05", "SEED-06", "SEED-07",
	}, ids)
	for _, f := range judge(t, pack, facts(measured("submission.present", true))) {
		require.True(t, strings.HasPrefix(f.Message, "Scenario policy, not law: "), f.Message)
	}
}

func TestSeedArticleJointReview(t *testing.T) {
	t.Parallel()
	got := findingsOf(judge(t, embedded(t, "seed-article"), facts(measured("submission.present", true),
		declared("destination.country", "CN"), declared("transfer.handled_in", []string{"TW"}))), "SEED-04")
	require.Len(t, got, 1)
	require.Equal(t, pipeline.OutcomeMatched, got[0].Outcome)
	require.Equal(t, []string{"JP", "KR", "TW", "US"}, got[0].Offices)
}

// Without a submission there is SEED-01 and one combined question, so that the case of a
// bare model needs what SEED-01 needs.
func TestSeedArticleOnABareModel(t *testing.T) {
	t.Parallel()
	got := judge(t, embedded(t, "seed-article"), facts(append(weight(70_553_706_496, 70_553_706_496, 70_553_706_496),
		measured("submission.present", false))...))
	require.Len(t, got, 2)
	require.Equal(t, "SEED-01", got[0].Rule)
	require.Empty(t, got[1].Rule)
	require.Equal(t, pipeline.OutcomeUndetermined, got[1].Outcome)
	require.Contains(t, got[1].Message, "No submission was given, so 7 rules")
	require.Subset(t, got[1].Missing, []string{"datasets", "destination.country", "training.hardware", "transfer.intermediary_count"})
	for _, f := range got {
		require.Equal(t, pipeline.QuorumOne, f.Quorum)
		require.Empty(t, f.Offices)
	}
}
