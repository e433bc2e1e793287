package policy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rule is one rule of a pack for tests. "when" starts on line 9.
type rule struct {
	when, list, effect, accept, message, ask, extra string
}

// text writes a pack of one rule.
func (r rule) text() string {
	if r.effect == "" {
		r.effect = "review"
	}
	if r.accept == "" {
		r.accept = "declared"
	}
	if r.message == "" {
		r.message = "matched"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "pack: test\nversion: \"1\"\ntitle: A test\nrules:\n  - id: T-01\n    title: The rule\n    status: organisation\n    effect: %s\n    when: '%s'\n", r.effect, strings.ReplaceAll(r.when, "'", "''"))
	if r.list != "" {
		fmt.Fprintf(&b, "    for: %s\n", r.list)
	}
	if r.ask != "" {
		fmt.Fprintf(&b, "    ask: %s\n", r.ask)
	}
	fmt.Fprintf(&b, "    accept: %s\n    message: %q\n", r.accept, r.message)
	b.WriteString("    cite: [{title: Test, url: \"https://example.org/\"}]\n    examples: {match: [{}], no_match: [{}]}\n")
	b.WriteString(r.extra)
	return b.String()
}

func loadText(t testing.TB, text string) *policy.Pack {
	t.Helper()
	pack, err := policy.Load(strings.NewReader(text), "test.yaml")
	require.NoError(t, err)
	return pack
}

func loadTestdata(t testing.TB, name string) *policy.Pack {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	pack, err := policy.Load(f, name)
	require.NoError(t, err)
	return pack
}

func judgeOn(t testing.TB, pack *policy.Pack, set *pipeline.FactSet, asOf time.Time) []pipeline.Finding {
	t.Helper()
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(t, err)
	findings, err := judge.Judge(t.Context(), set, asOf)
	require.NoError(t, err)
	return findings
}

func judge(t testing.TB, pack *policy.Pack, set *pipeline.FactSet) []pipeline.Finding {
	t.Helper()
	return judgeOn(t, pack, set, today)
}

// fact is one entry for a fact set.
type fact struct {
	name  string
	value any
	basis pipeline.Basis
}

func measured(name string, value any) fact { return fact{name, value, pipeline.BasisMeasured} }
func attested(name string, value any) fact { return fact{name, value, pipeline.BasisAttested} }
func declared(name string, value any) fact { return fact{name, value, pipeline.BasisDeclared} }

func facts(all ...fact) *pipeline.FactSet {
	set := &pipeline.FactSet{}
	for _, f := range all {
		set.Set(f.name, f.value, f.basis)
	}
	return set
}

// weight gives the three ends of the effective interval; a negative end is unknown.
func weight(lower, estimate, upper int64) []fact {
	var out []fact
	for name, value := range map[string]int64{"lower": lower, "estimate": estimate, "upper": upper} {
		if value >= 0 {
			out = append(out, measured("params.effective_"+name, value))
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }
