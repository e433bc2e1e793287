package policy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message string
		facts   []fact
		want    string
	}{
		"whole number":   {"{{params.lower}} parameters", []fact{measured("params.lower", int64(1_234_567))}, "1,234,567 parameters"},
		"small number":   {"{{ params.lower }}", []fact{measured("params.lower", int64(999))}, "999"},
		"negative":       {"{{params.lower}}", []fact{measured("params.lower", int64(-1_000))}, "-1,000"},
		"smallest":       {"{{params.lower}}", []fact{measured("params.lower", int64(-1<<63))}, "-9,223,372,036,854,775,808"},
		"unknown":        {"{{params.lower}} of {{weights.access}}", nil, "unknown of unknown"},
		"decimal":        {"{{training.flops.upper}}", []fact{declared("training.flops.upper", 1e26)}, "1e+26"},
		"interval":       {"{{training.flops}}", []fact{declared("training.flops.lower", 1e25), declared("training.flops.upper", 2e25)}, "1e+25 to 2e+25"},
		"half interval":  {"{{training.flops}}", []fact{declared("training.flops.lower", 1e25)}, "1e+25 to unknown"},
		"point interval": {"{{training.flops}}", []fact{declared("training.flops.lower", 1e25), declared("training.flops.upper", 1e25)}, "1e+25"},
		"boolean":        {"{{end_use.military}}", []fact{declared("end_use.military", false)}, "false"},
		"text":           {"to {{destination.country}}.", []fact{declared("destination.country", "DE")}, "to DE."},
		"hostile text":   {"{{recipient.name}}", []fact{declared("recipient.name", "a\x1b[2J\nb\u202ec")}, "a [2J b c"},
		"long text":      {"{{recipient.name}}", []fact{declared("recipient.name", strings.Repeat("é", 300))}, strings.Repeat("é", 200) + "…"},
		"not a template": {"{{recipient.name}}", []fact{declared("recipient.name", "{{params.lower}}")}, "{{params.lower}}"},
		"list":           {"{{index.problems}}", []fact{measured("index.problems", []string{"a", "b", "c", "d", "e", "f", "g"})}, "a, b, c, d, e, and 2 more"},
		"empty list":     {"{{index.problems}}", []fact{measured("index.problems", []string{})}, "none"},
		"map":            {"{{params.by_dtype}}", []fact{measured("params.by_dtype", map[string]int64{"F32": 1, "BF16": 2000})}, "BF16 2,000, F32 1"},
		"no facts":       {"plain } text {", nil, "plain } text {"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, loadText(t, rule{when: "submission.present", message: tc.message}.text()), facts(append(tc.facts, measured("submission.present", true))...))
			require.Len(t, got, 1)
			require.Equal(t, tc.want, got[0].Message)
		})
	}
}

func TestAsksOnlyForWhatIsUnknown(t *testing.T) {
	t.Parallel()
	pack := loadText(t, rule{when: "submission.present", ask: "[weights.access, destination.country, training.flops, datasets]"}.text())
	ask := func(f ...fact) []string {
		return judge(t, pack, facts(append(f, measured("submission.present", true))...))[0].Ask
	}
	require.Equal(t, []string{"datasets", "destination.country", "training.flops", "weights.access"}, ask())
	require.Equal(t, []string{"datasets", "training.flops"}, ask(declared("weights.access", "closed"), declared("destination.country", "DE"), declared("training.flops.lower", 1.0)))
	require.Empty(t, ask(declared("weights.access", "closed"), declared("destination.country", "DE"), declared("training.flops.lower", 1.0),
		declared("training.flops.upper", 1.0), declared("datasets", []pipeline.Dataset{})))
	require.NotNil(t, ask())
}

// The caveat of a rule that is not in force stands before what the engine says of
// it.
func TestCaveats(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"in_force": `"The rule" cannot`, "operator": `"The rule" cannot`, "seed": "Scenario policy, not law: ",
		"on_books_not_enforced": "On the books, not enforced: ", "suspended": "Suspended: ", "proposed": "Proposed only: ",
		"voluntary": "Voluntary: ", "rescinded": "Rescinded: ",
	} {
		text := strings.Replace(rule{when: "params.lower > 1", effect: "warn"}.text(), "status: organisation", "status: "+status, 1)
		got := judge(t, loadText(t, text), facts())
		require.Truef(t, strings.HasPrefix(got[0].Message, want), "%s: %s", status, got[0].Message)
	}
}

// Weighbridge reports what rules say of facts. No text of it says that something may
// be done.
func TestNoTextSaysThatSomethingIsAllowed(t *testing.T) {
	t.Parallel()
	claims := regexp.MustCompile(`(?i)\b(permit(s|ted)?|allow(s|ed)|complian(t|ce)|compl(y|ies)|legal(ly)?|lawful(ly)?|authori[sz]ed|cleared for)\b`)
	require.True(t, claims.MatchString("this export is Permitted"))

	selected, err := policy.Defaults()
	require.NoError(t, err)
	selected = append(selected, policy.Selected{Pack: loadTestdata(t, "three-valued.yaml"), Mode: pipeline.ModeEnforce})
	for _, s := range selected {
		written, err := json.Marshal(s.Pack)
		require.NoError(t, err)
		text := strings.ReplaceAll(string(written), string(pipeline.QuorumTwoAndLegal), "")
		require.Empty(t, claims.FindString(text), s.Pack.Name)
	}
	judge, err := policy.NewJudge(selected)
	require.NoError(t, err)
	seen := map[pipeline.Outcome]bool{}
	for _, set := range []*pipeline.FactSet{
		facts(),
		facts(append(weight(1, 1, 1), measured("submission.present", true), declared("weights.access", "published"), declared("datasets", []pipeline.Dataset{}))...),
		facts(append(weight(11_000_000_000, 11_000_000_000, -1), declared("weights.access", "closed"), declared("training.flops.upper", 1e27))...),
	} {
		for _, day := range []string{"2026-11-23", "2099-01-01"} {
			findings, err := judge.Judge(t.Context(), set, onDay(t, day))
			require.NoError(t, err)
			for _, f := range findings {
				seen[f.Outcome] = true
				require.NotEmpty(t, f.Message)
				require.Empty(t, claims.FindString(f.Message+" "+f.Title), f.Message)
			}
		}
	}
	require.Len(t, seen, 3, "every outcome has a text that was looked at")
}
