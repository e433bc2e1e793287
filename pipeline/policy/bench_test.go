package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// manyRules is a pack of n rules over facts of every kind.
func manyRules(n int) string {
	var b strings.Builder
	b.WriteString("pack: many\nversion: \"1\"\ntitle: Many\nrules:\n")
	expressions := []string{
		`params.effective_lower > 10000000000 || params.effective_upper > 10000000000`,
		`training.flops.upper >= 1e26 && weights.access != "published"`,
		`destination.country in ["CU", "IR", "KP", "SY"] && !end_use.military`,
		`datasets.exists(d, d.personal && d.origin_country == "CN")`,
		`architecture.agrees == false || size(index.problems) > 0`,
	}
	for i := range n {
		one := rule{when: expressions[i%len(expressions)], message: "{{params.effective_estimate}} to {{destination.country}}", ask: "[weights.access]", accept: "attested"}.text()
		b.WriteString(strings.Replace(one[strings.Index(one, "  - id:"):], "T-01", fmt.Sprintf("T-%03d", i), 1))
	}
	return b.String()
}

// BenchmarkJudge evaluates one hundred rules on one case.
func BenchmarkJudge(b *testing.B) {
	pack := loadText(b, manyRules(100))
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(b, err)
	set := facts(append(weight(70_553_706_496, 70_553_706_496, 70_553_706_496),
		measured("submission.present", true), declared("destination.country", "DE"), declared("end_use.military", false),
		measured("architecture.agrees", true), measured("index.problems", []string{}),
		declared("datasets", []pipeline.Dataset{}), declared("datasets[0].personal", false), declared("datasets[1].personal", true),
		declared("datasets[1].origin_country", "FR"))...)
	b.ReportAllocs()
	for b.Loop() {
		findings, err := judge.Judge(b.Context(), set, today)
		if err != nil || len(findings) == 0 {
			b.Fatal(len(findings), err)
		}
	}
}

// BenchmarkJudgeShipped evaluates every pack that ships on one case with a submission
// that leaves no pack out, all enforcing.
func BenchmarkJudgeShipped(b *testing.B) {
	selected, err := policy.Defaults()
	require.NoError(b, err)
	rules := 0
	for i := range selected {
		selected[i].Mode = pipeline.ModeEnforce
		rules += len(selected[i].Pack.Rules)
	}
	judge, err := policy.NewJudge(selected)
	require.NoError(b, err)
	set := facts(append(weight(70_553_706_496, 70_553_706_496, 70_553_706_496),
		measured("submission.present", true), declared("destination.country", "CN"), declared("weights.access", "closed"),
		declared("market.eu", true), declared("market.kr", true), declared("transfer.us_nexus", true), declared("transfer.from_cn", true),
		declared("transfer.from_eu", true), declared("training.flops.upper", 2e26), declared("end_use.military", false),
		declared("data.personal", true), declared("data.us_bulk.any", true), declared("model.modality_out", []string{"text"}),
		declared("bases", []pipeline.Base{}), declared("documents", []pipeline.Document{}),
		declared("datasets", []pipeline.Dataset{}), declared("datasets[0].personal", true), declared("datasets[0].origin_country", "FR"),
		declared("datasets[1].personal", true), declared("datasets[1].origin_country", "US"))...)
	_, err = judge.Judge(b.Context(), set, today) // compiles what is needed
	require.NoError(b, err)
	b.ReportMetric(float64(rules), "rules")
	b.ReportAllocs()
	for b.Loop() {
		findings, err := judge.Judge(b.Context(), set, today)
		if err != nil || len(findings) == 0 {
			b.Fatal(len(findings), err)
		}
	}
}

// fresh returns a library that has loaded nothing yet.
func fresh(tb testing.TB) *policy.Library {
	tb.Helper()
	shipped, err := policy.NewLibrary()
	require.NoError(tb, err)
	lib, err := policy.NewLibrary(shipped.Lists()...)
	require.NoError(tb, err)
	return lib
}

// BenchmarkLoadShipped loads every pack that ships.
func BenchmarkLoadShipped(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fresh(b).Defaults(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad loads the seed-article pack.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fresh(b).Embedded("seed-article"); err != nil {
			b.Fatal(err)
		}
	}
}
