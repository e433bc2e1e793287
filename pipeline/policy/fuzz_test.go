package policy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func FuzzLoad(f *testing.F) {
	f.Add([]byte(sound))
	for _, pattern := range []string{"packs/*.yaml", "testdata/*.yaml"} {
		seeds, err := filepath.Glob(pattern)
		require.NoError(f, err)
		require.NotEmpty(f, seeds)
		for _, seed := range seeds {
			b, err := os.ReadFile(seed)
			require.NoError(f, err)
			f.Add(b)
		}
	}
	f.Add([]byte(rule{when: `params.by_dtype["BF16"] > 1 ? weights.access in ["a"] : datasets.exists(d, d.personal)`}.text()))
	set := facts(append(weight(1, 2, 3), declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "MIT"), declared("datasets[1].id", "b"))...)
	f.Fuzz(func(t *testing.T, b []byte) {
		pack, err := policy.Load(bytes.NewReader(b), "fuzz.yaml")
		if err != nil {
			require.Nil(t, pack)
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err), err)
			return
		}
		_, err = policy.TestPack(t.Context(), pack)
		require.NoError(t, err)
		for _, f := range judge(t, pack, set) {
			require.NotEmpty(t, f.ID)
			require.NotEmpty(t, f.Message)
		}
	})
}

// FuzzExpression puts any text in the place of an expression. Whatever loads must
// evaluate to one of the three outcomes, and what matches with nothing known must
// match with much known: it rests on no fact.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"params.lower > 1", "datasets[params.active].license == 'x'", "datasets.filter(d, d.personal)[0].license in ['a']",
		"(end_use.military ? datasets : datasets)[0].personal", "[params.lower, params.upper].exists(x, x > 3)",
		"params.by_dtype.map(k, params.by_dtype[k]).exists(x, x > 2)", "string(params.lower).matches('^1+$')",
		"{'a': params.lower}['a'] == 1", "adapter.kind != ''", "timestamp('2026-01-01T00:00:00Z').getFullYear() > params.lower",
	} {
		f.Add(seed)
	}
	known := facts(append(weight(1, 2, 3), declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "MIT"),
		declared("datasets[1].id", "b"), measured("params.lower", int64(5)), measured("params.upper", int64(9)),
		declared("end_use.military", true), measured("params.by_dtype", map[string]int64{"BF16": 4}))...)
	f.Fuzz(func(t *testing.T, when string) {
		text := bytes.ReplaceAll([]byte(rule{when: "WHEN"}.text()), []byte("'WHEN'"), quoted(when))
		pack, err := policy.Load(bytes.NewReader(text), "fuzz.yaml")
		if err != nil {
			return
		}
		nothing, much := judge(t, pack, facts()), judge(t, pack, known)
		require.LessOrEqual(t, len(nothing), 1)
		decided := len(nothing) == 0 || nothing[0].Outcome == pipeline.OutcomeMatched
		if decided {
			require.Len(t, much, len(nothing), when)
		}
	})
}

// quoted writes a text as a JSON string, which is YAML.
func quoted(s string) []byte {
	var b bytes.Buffer
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.Bytes()
}
