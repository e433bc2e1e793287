package policy_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// leafExpressions lists, for every fact of the vocabulary outside lists, an
// expression that reads it, by the kinds of fields in [pipeline.Facts].
func leafExpressions(t *testing.T, typ reflect.Type, at string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if at != "" {
			name = at + "." + name
		}
		ft := typ.Field(i).Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch ft.Kind() {
		case reflect.Struct:
			for k, v := range leafExpressions(t, ft, name) {
				out[k] = v
			}
		case reflect.Int64, reflect.Float64:
			out[name] = name + " < 1"
		case reflect.String:
			out[name] = name + ` == ""`
		case reflect.Bool:
			out[name] = "!" + name
		case reflect.Slice, reflect.Map:
			out[name] = "size(" + name + ") == 0"
		default:
			t.Fatalf("%s is a %s, which rules cannot read", name, ft)
		}
	}
	return out
}

// Unknown is the default for every fact there is: each expression here is true of a
// zero value.
func TestEveryFactIsUnknownByDefault(t *testing.T) {
	t.Parallel()
	expressions := leafExpressions(t, reflect.TypeFor[pipeline.Facts](), "")
	require.Greater(t, len(expressions), 50)
	for name, when := range expressions {
		findings := judge(t, loadText(t, rule{when: when}.text()), facts())
		require.Len(t, findings, 1, name)
		require.Equal(t, pipeline.OutcomeUndetermined, findings[0].Outcome, name)
		want := name
		// An interval is one fact.
		for _, interval := range []string{"training.flops", "finetune.flops", "compute.active", "compute.declared", "compute.finetune_declared"} {
			if strings.HasPrefix(name, interval+".") {
				want = interval
			}
		}
		require.Equal(t, []string{want}, findings[0].Missing)
	}
}

// A value that goes missing behind the index is not read as zero.
func TestANilPointerIsNeverZero(t *testing.T) {
	t.Parallel()
	set := facts(measured("params.lower", int64(5)))
	set.Facts.Params.Lower = nil
	findings := judge(t, loadText(t, rule{when: "params.lower < 1"}.text()), set)
	require.Len(t, findings, 1)
	require.Equal(t, pipeline.OutcomeUndetermined, findings[0].Outcome)
	require.Contains(t, findings[0].Message, "a fact without a value was read")
}

// generator writes random expressions that cannot fail to evaluate.
type generator struct{ *rand.Rand }

func (g generator) number() string {
	return []string{"params.lower", "params.upper", "params.active", "1", "2", "datasets.filter(d, d.personal).size()"}[g.IntN(6)]
}

func (g generator) boolean(depth int) string {
	if depth == 0 || g.IntN(5) == 0 {
		switch g.IntN(6) {
		case 0:
			return "end_use.military"
		case 1:
			return "datasets.exists(d, d.personal && params.lower > 1)"
		case 2:
			return "datasets.all(d, d.license == \"a\")"
		case 3:
			return `datasets[1].license in ["a", weights.access]`
		default:
			return g.number() + []string{" < ", " <= ", " == ", " != "}[g.IntN(4)] + g.number()
		}
	}
	a, b := g.boolean(depth-1), g.boolean(depth-1)
	switch g.IntN(4) {
	case 0:
		return "(" + a + " && " + b + ")"
	case 1:
		return "(" + a + " || " + b + ")"
	case 2:
		return "!" + "(" + a + ")"
	default:
		return "(" + g.boolean(0) + " ? " + a + " : " + b + ")"
	}
}

// What is decided while some facts are unknown stays so when they become known.
func TestDecidedStaysDecided(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(1, 2))}
	decided, open := 0, 0
	for range 400 {
		when := g.boolean(3)
		pack := loadText(t, rule{when: when}.text())
		all := []fact{
			measured("datasets", []pipeline.Dataset{}),
			measured("params.lower", g.Int64N(4)), measured("params.upper", g.Int64N(4)), measured("params.active", g.Int64N(4)),
			measured("end_use.military", g.IntN(2) == 0), measured("weights.access", []string{"a", "b"}[g.IntN(2)]),
			measured("datasets[0].personal", g.IntN(2) == 0), measured("datasets[0].license", []string{"a", "b"}[g.IntN(2)]),
			measured("datasets[1].personal", g.IntN(2) == 0), measured("datasets[1].license", []string{"a", "b"}[g.IntN(2)]),
		}
		full := judge(t, pack, facts(all...))
		for range 6 {
			set := facts(all...)
			var hidden []string
			for _, f := range all {
				if g.IntN(3) == 0 && f.name != "datasets" {
					set.Forget(f.name)
					hidden = append(hidden, f.name)
				}
			}
			part := judge(t, pack, set)
			where := fmt.Sprintf("%s without %v", when, hidden)
			if len(part) == 1 && part[0].Outcome == pipeline.OutcomeUndetermined {
				open++
				require.NotEmpty(t, part[0].Missing, where)
				require.Subset(t, hidden, part[0].Missing, where)
				continue
			}
			decided++
			require.Len(t, part, len(full), where)
		}
	}
	require.Greater(t, decided, 300)
	require.Greater(t, open, 300)
}
