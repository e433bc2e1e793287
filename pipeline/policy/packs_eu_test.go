package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func embedded(t testing.TB, name string) *policy.Pack {
	t.Helper()
	pack, err := policy.Embedded(name)
	require.NoError(t, err)
	return pack
}

func dayOf(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, text)
	require.NoError(t, err)
	return at
}

// rulesOf lists the rules whose findings have an outcome, in order.
func rulesOf(findings []pipeline.Finding, outcome pipeline.Outcome) []string {
	out := []string{}
	for _, f := range findings {
		if f.Outcome == outcome {
			out = append(out, f.Rule)
		}
	}
	return out
}

// operations gives training compute of six operations a parameter and token, within a
// factor of two: that formula is no better than that.
func operations(parameters, tokens float64) []fact {
	estimate := 6 * parameters * tokens
	return []fact{
		{"training.flops.lower", estimate / 2, pipeline.BasisEstimated},
		{"training.flops.estimate", estimate, pipeline.BasisEstimated},
		{"training.flops.upper", estimate * 2, pipeline.BasisEstimated},
	}
}

// inTheUnion is a model on the market of the Union whose other duties raise nothing.
func inTheUnion(since string, more ...fact) *pipeline.FactSet {
	return facts(append([]fact{
		declared("market.eu", true), declared("market.kr", true), declared("market.eu_since", since),
		declared("model.modality_out", []string{"text"}), declared("model.synthetic_media", false),
		declared("model.state_of_the_art", true), declared("model.wide_impact", true),
		declared("training.summary_url", "https://example.org/summary"),
		declared("developer.country", "FR"), declared("data.crawled", false), declared("end_use.high_risk", false),
		declared("weights.access", "closed"), declared("bases", []pipeline.Base{}), declared("documents", []pipeline.Document{}),
		declared("org.turnover_krw", int64(0)), declared("org.ai_sales_krw", int64(0)), declared("org.daily_users", int64(0)),
	}, more...)...)
}

func TestThresholdsOfCompute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		compute    []fact
		union, kr  []string
		unionBlock bool
	}{
		"405e9 parameters, 15.6e12 tokens":       {operations(405e9, 15.6e12), []string{"EU-GPAI-01", "EU-GPAI-02"}, []string{}, true},
		"37e9 active parameters, 14.8e12 tokens": {operations(37e9, 14.8e12), []string{"EU-GPAI-01"}, []string{}, false},
		"8e9 parameters, 1e12 tokens":            {operations(8e9, 1e12), []string{}, []string{}, false},
		"2e12 parameters, 20e12 tokens":          {operations(2e12, 20e12), []string{"EU-GPAI-01", "EU-GPAI-02"}, []string{"KR-AI-01"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := inTheUnion("2026-03-01", tc.compute...)
			got := judge(t, embedded(t, "eu-ai-act"), set)
			require.Equal(t, tc.union, rulesOf(got, pipeline.OutcomeMatched))
			require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
			require.Equal(t, tc.unionBlock, pipeline.VerdictOf(got) == pipeline.VerdictBlock)
			got = judge(t, embedded(t, "kr"), set)
			require.Equal(t, tc.kr, rulesOf(got, pipeline.OutcomeMatched))
			require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
		})
	}
}

// Before 2027-08-02 nothing is due for a model that was placed before 2025-08-02; from
// that day on everything is.
func TestUnionModelsPlacedEarlier(t *testing.T) {
	t.Parallel()
	set := func(since string) *pipeline.FactSet {
		return inTheUnion(since, append(operations(405e9, 15.6e12), declared("training.summary_url", "none"),
			declared("developer.country", "US"), declared("developer.eu_representative", false))...)
	}
	for name, tc := range map[string]struct {
		since, on string
		want      []string
	}{
		"placed earlier, the day before":   {"2025-08-01", "2027-08-01", []string{"EU-GPAI-01-EARLIER"}},
		"placed earlier, the day":          {"2025-08-01", "2027-08-02", []string{"EU-GPAI-01-ALL", "EU-GPAI-02-ALL", "EU-GPAI-05-ALL", "EU-GPAI-06-ALL"}},
		"placed on the day of entry":       {"2025-08-02", "2027-08-01", []string{"EU-GPAI-01", "EU-GPAI-02", "EU-GPAI-05", "EU-GPAI-06"}},
		"placed on the day of entry, late": {"2025-08-02", "2027-08-02", []string{"EU-GPAI-01-ALL", "EU-GPAI-02-ALL", "EU-GPAI-05-ALL", "EU-GPAI-06-ALL"}},
		"before the duties began":          {"2025-07-01", "2025-08-01", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judgeOn(t, embedded(t, "eu-ai-act"), set(tc.since), dayOf(t, tc.on))
			require.Equal(t, tc.want, rulesOf(got, pipeline.OutcomeMatched))
			require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
		})
	}
}

func TestUnionDates(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		since, on string
		want      []string
	}{
		"marking, not yet in force":               {"2026-01-01", "2026-08-01", []string{"EU-SYS-HR-DEFERRED"}},
		"marking, on the market before: grace":    {"2026-08-01", "2026-12-01", []string{"EU-SYS-50-GRACE", "EU-SYS-HR-DEFERRED"}},
		"marking, on the market before: due":      {"2026-08-01", "2026-12-02", []string{"EU-SYS-50-ALL", "EU-SYS-HR-DEFERRED"}},
		"marking, new on the market":              {"2026-08-02", "2026-12-01", []string{"EU-SYS-50", "EU-SYS-HR-DEFERRED"}},
		"marking, new on the market, after grace": {"2026-08-02", "2026-12-02", []string{"EU-SYS-50-ALL", "EU-SYS-HR-DEFERRED"}},
		"high risk, the day before":               {"2026-01-01", "2027-12-01", []string{"EU-SYS-50-ALL", "EU-SYS-HR-DEFERRED"}},
		"high risk, the day":                      {"2026-01-01", "2027-12-02", []string{"EU-SYS-50-ALL", "EU-SYS-HR"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := inTheUnion(tc.since, append(operations(1e9, 1e12), declared("model.synthetic_media", true),
				declared("model.watermark", false), declared("end_use.high_risk", true))...)
			got := judgeOn(t, embedded(t, "eu-ai-act"), set, dayOf(t, tc.on))
			require.Equal(t, tc.want, rulesOf(got, pipeline.OutcomeMatched))
			require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
		})
	}
}

// Outside the market, and where nobody stated the market, the pack gives nothing and
// one question.
func TestPacksThatDoNotApply(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		outside []fact
		missing []string
	}{
		"eu-ai-act": {[]fact{declared("market.eu", false)}, []string{"market.eu"}},
		"kr":        {[]fact{declared("market.kr", false)}, []string{"market.kr"}},
		"cn": {
			[]fact{declared("market.cn", false), declared("transfer.from_cn", false), declared("developer.country", "FR"), declared("developer.team_country", "FR")},
			[]string{"developer.country", "developer.team_country", "market.cn", "transfer.from_cn"},
		},
		"dual-use": {
			[]fact{declared("transfer.from_eu", false), declared("transfer.from_uk", false), declared("transfer.from_jp", false)},
			[]string{"transfer.from_eu", "transfer.from_jp", "transfer.from_uk"},
		},
		"privacy": {
			[]fact{declared("data.personal", false), declared("bases", []pipeline.Base{})},
			[]string{"bases", "data.personal", "datasets"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, judge(t, embedded(t, name), facts(tc.outside...)))
			got := judge(t, embedded(t, name), facts())
			require.Len(t, got, 1)
			require.Equal(t, pipeline.OutcomeUndetermined, got[0].Outcome)
			require.ElementsMatch(t, tc.missing, got[0].Missing)
		})
	}
}

// row is an origin of the matrix with what is known of its data.
type row struct {
	name, origin string
	facts        []fact
	// want is the effect for each column, in order of columns.
	want [9]string
}

// columns are the destinations of the matrix. Korea and Japan share one there; "+" is
// a review by two and legal, and "own" and "info" come to the same.
var columns = [9][]string{
	{"DE", "NO", "CY"}, {"GB"}, {"US"}, {"CN"}, {"IN"}, {"SA"}, {"KR"}, {"JP"}, {"RU", "VE", "worldwide"},
}

func chinese(persons, sensitive int64, important, infrastructure bool) []fact {
	return []fact{
		declared("data.persons_cn", persons), declared("data.sensitive_persons_cn", sensitive),
		declared("data.important_cn", important), declared("exporter.ciio", infrastructure),
	}
}

var (
	few   = [9]string{"info", "info", "info", "info", "info", "info", "info", "info", "review"}
	some  = [9]string{"review", "review", "review", "info", "review", "review", "review", "review", "review"}
	many  = [9]string{"block", "block", "block", "info", "block", "block", "block", "block", "block"}
	union = [9]string{"info", "warn", "review", "review", "review", "review", "warn", "warn", "review+"}

	matrix = []row{
		{"Union", "FR", nil, union},
		{"EEA", "IS", nil, union},
		{"United Kingdom", "GB", nil, [9]string{"warn", "info", "review", "review", "review", "review", "review", "review", "review+"}},
		{"United States, not bulk", "US", nil, [9]string{"info", "info", "info", "review", "info", "info", "info", "info", "review"}},
		{"China, 99,999", "CN", chinese(99_999, 0, false, false), few},
		{"China, none", "CN", chinese(0, 0, false, false), few},
		{"China, 100,000", "CN", chinese(100_000, 0, false, false), some},
		{"China, 999,999", "CN", chinese(999_999, 0, false, false), some},
		{"China, 1 sensitive", "CN", chinese(1, 1, false, false), some},
		{"China, 9,999 sensitive", "CN", chinese(9_999, 9_999, false, false), some},
		{"China, 1,000,000", "CN", chinese(1_000_000, 0, false, false), many},
		{"China, 10,000 sensitive", "CN", chinese(10_000, 10_000, false, false), many},
		{"China, important", "CN", chinese(0, 0, true, false), many},
		{"China, infrastructure", "CN", chinese(0, 0, false, true), many},
		{"India", "IN", nil, [9]string{"info", "info", "info", "review", "info", "info", "info", "info", "review"}},
		{"Saudi Arabia", "SA", nil, [9]string{"review", "review", "review", "review", "review", "info", "review", "review", "review+"}},
		{"Korea", "KR", nil, [9]string{"review", "review", "review", "review", "review", "review", "info", "review", "review+"}},
		{"Japan", "JP", nil, [9]string{"warn", "warn", "review", "review", "review", "review", "review", "info", "review+"}},
		{"not in the matrix", "BR", nil, [9]string{"review", "review", "review", "review", "review", "review", "review", "review", "review+"}},
	}
)

// quietData says of personal data what raises no rule beside the matrix.
func quietData(destination string, more ...fact) []fact {
	return append([]fact{
		declared("data.personal", true), declared("bases", []pipeline.Base{}), declared("datasets", []pipeline.Dataset{}),
		declared("datasets[0].personal", true), declared("datasets[0].sensitive", false),
		declared("destination.country", destination),
		declared("model.anonymity_assessed", true), declared("data.lawfulness", "lawful"),
		declared("data.safeguard_sa", false), declared("data.continuous", false), declared("documents", []pipeline.Document{}),
	}, more...)
}

// strongest returns the strongest effect among findings, "+" for two and legal, and
// "info" where there is none.
func strongest(t testing.TB, findings []pipeline.Finding) string {
	t.Helper()
	order := []string{"info", "warn", "review", "review+", "block"}
	best := "info"
	for _, f := range findings {
		effect := string(f.Effect)
		if f.Effect == pipeline.EffectReview && f.Quorum == pipeline.QuorumTwoAndLegal {
			effect = "review+"
		}
		require.Contains(t, order, effect)
		if slices.Index(order, effect) > slices.Index(order, best) {
			best = effect
		}
	}
	return best
}

func TestMatrixOfDataSovereignty(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "privacy")
	for _, r := range matrix {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for i, destinations := range columns {
				for _, destination := range destinations {
					set := facts(append(quietData(destination, declared("datasets[0].origin_country", r.origin)), r.facts...)...)
					got := judge(t, pack, set)
					require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined), destination)
					require.Equal(t, r.want[i], strongest(t, got), "to %s: %v", destination, rulesOf(got, pipeline.OutcomeMatched))
					require.LessOrEqual(t, len(got), 1, "one cell gives one finding: %v", rulesOf(got, pipeline.OutcomeMatched))
				}
			}
		})
	}
	t.Run("no personal data", func(t *testing.T) {
		t.Parallel()
		for _, r := range matrix {
			set := facts(append(quietData("RU", declared("datasets[0].origin_country", r.origin),
				declared("datasets[0].personal", false), declared("data.personal", false)), r.facts...)...)
			require.Empty(t, judge(t, pack, set), r.name)
		}
	})
}

// An origin that is not known leaves a review open for every destination, and few
// findings.
func TestMatrixWithoutAnOrigin(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "privacy")
	for i, destinations := range columns {
		for _, destination := range destinations {
			set := facts(append(quietData(destination), chinese(0, 0, false, false)...)...)
			got := judge(t, pack, set)
			require.Empty(t, rulesOf(got, pipeline.OutcomeMatched), destination)
			require.LessOrEqual(t, len(got), 7, "%s: %v", destination, rulesOf(got, pipeline.OutcomeUndetermined))
			want := "review"
			if i == len(columns)-1 {
				want = "review+"
			}
			require.Equal(t, want, strongest(t, got), destination)
			require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(got))
			for _, f := range got {
				require.Equal(t, []string{"datasets[0].origin_country"}, f.Missing, f.Rule)
			}
		}
	}
}

// One data set that is known to match decides, whatever another lacks; the strictest of
// several holds.
func TestMatrixOverSeveralDatasets(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "privacy")

	got := judge(t, pack, facts(quietData("US",
		declared("datasets[0].id", "known"), declared("datasets[0].origin_country", "DE"), declared("datasets[1].id", "unknown"))...))
	require.Equal(t, []string{"SOV-B"}, rulesOf(got, pipeline.OutcomeMatched))
	at := slices.IndexFunc(got, func(f pipeline.Finding) bool { return f.Rule == "SOV-B" })
	require.Empty(t, got[at].Missing)
	require.Contains(t, got[at].Message, "Data set known holds personal data from DE")
	require.Contains(t, got[at].Ask, "recipient.data_framework")

	got = judge(t, pack, facts(append(quietData("KR",
		declared("datasets[0].origin_country", "DE"),
		declared("datasets[1].personal", true), declared("datasets[1].sensitive", false), declared("datasets[1].origin_country", "CN"),
		declared("datasets[2].personal", true), declared("datasets[2].sensitive", false), declared("datasets[2].origin_country", "SA"),
	), chinese(1_000_000, 0, false, false)...)...))
	require.Equal(t, []string{"SOV-A", "SOV-G", "SA-DP-01"}, rulesOf(got, pipeline.OutcomeMatched))
	require.Equal(t, pipeline.VerdictBlock, pipeline.VerdictOf(got))

	t.Run("a list that was not given is one question", func(t *testing.T) {
		t.Parallel()
		got := judge(t, pack, facts(declared("data.personal", true), declared("destination.country", "RU")))
		require.Len(t, got, 1)
		require.Equal(t, []string{"datasets"}, got[0].Missing)
		require.Equal(t, pipeline.EffectBlock, got[0].Effect)
		require.Equal(t, pipeline.QuorumTwoAndLegal, got[0].Quorum)
	})
	t.Run("an empty list beside stated personal data", func(t *testing.T) {
		t.Parallel()
		got := judge(t, pack, facts(declared("data.personal", true), declared("data.lawfulness", "lawful"),
			declared("datasets", []pipeline.Dataset{}), declared("bases", []pipeline.Base{})))
		require.Equal(t, []string{"SOV-UNLISTED"}, rulesOf(got, pipeline.OutcomeMatched))
	})
	t.Run("data sets of a base that are not known", func(t *testing.T) {
		t.Parallel()
		got := judge(t, pack, facts(declared("data.personal", false), declared("datasets", []pipeline.Dataset{}),
			declared("bases", []pipeline.Base{}), declared("bases[0].id", "a/b"), declared("bases[0].datasets_known", false)))
		require.Equal(t, []string{"SOV-BASES"}, rulesOf(got, pipeline.OutcomeMatched))
		require.Equal(t, pipeline.VerdictReview, pipeline.VerdictOf(got))
	})
}

// India's rule on transfers and Saudi Arabia's regulation begin on their days.
func TestPrivacyDates(t *testing.T) {
	t.Parallel()
	pack := embedded(t, "privacy")
	for name, tc := range map[string]struct {
		origin, destination, on string
		want                    []string
	}{
		"India, the placeholder never counts":     {"IN", "XX", "2027-05-13", []string{"SOV-INFO"}},
		"India, the placeholder in the examples":  {"IN", "XX", "9999-01-01", []string{"SOV-INFO", "IN-DP-01"}},
		"India, no country is listed":             {"IN", "DE", "2027-05-13", []string{"SOV-INFO"}},
		"Saudi Arabia, the day before":            {"SA", "DE", "2024-09-13", []string{}},
		"Saudi Arabia, the day":                   {"SA", "DE", "2024-09-14", []string{"SA-DP-01"}},
		"Korea has a decision on adequacy":        {"DE", "KR", "2021-12-17", []string{"SOV-A"}},
		"Korea had none":                          {"DE", "KR", "2021-12-16", []string{"SOV-C"}},
		"the decision on the United Kingdom ends": {"DE", "GB", "2031-12-28", []string{"SOV-C"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := facts(quietData(tc.destination, declared("datasets[0].origin_country", tc.origin), declared("org.significant_fiduciary", false))...)
			got := judgeOn(t, pack, set, dayOf(t, tc.on))
			require.Equal(t, tc.want, rulesOf(got, pipeline.OutcomeMatched))
			require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
		})
	}
}

// A Chinese developer is no ground by itself: nothing is asked of weights that do not
// leave China.
func TestChineseDeveloperElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := []fact{
		declared("developer.country", "CN"), declared("developer.team_country", "CN"), declared("market.cn", false),
		declared("transfer.from_cn", false), declared("destination.country", "DE"),
	}
	require.Empty(t, judge(t, embedded(t, "cn"), facts(elsewhere...)))

	leaving := append(slices.Clone(elsewhere), declared("transfer.from_cn", true), declared("documents", []pipeline.Document{}),
		declared("model.capabilities", []string{"speech_synthesis"}), declared("data.transit_cn", false), declared("data.certified_cn", false))
	got := judge(t, embedded(t, "cn"), facts(append(leaving, chinese(1_000_000, 0, true, false)...)...))
	require.Equal(t, []string{"CN-DATA-01", "CN-DATA-02", "CN-TECH-01"}, rulesOf(got, pipeline.OutcomeMatched))
	require.Empty(t, rulesOf(got, pipeline.OutcomeUndetermined))
}
