package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestThreeValues(t *testing.T) {
	t.Parallel()
	const (
		matched      = pipeline.OutcomeMatched
		undetermined = pipeline.OutcomeUndetermined
		notMatched   = pipeline.Outcome("")
	)
	type names = []string
	for name, tc := range map[string]struct {
		rule     rule
		facts    []fact
		outcome  pipeline.Outcome
		missing  names
		reliedOn names
	}{
		"true or unknown":     {rule{when: `params.lower > 1 || params.upper > 1`}, []fact{measured("params.lower", int64(2))}, matched, nil, nil},
		"unknown or true":     {rule{when: `params.upper > 1 || params.lower > 1`}, []fact{measured("params.lower", int64(2))}, matched, nil, nil},
		"false or unknown":    {rule{when: `params.lower > 1 || params.upper > 1`}, []fact{measured("params.lower", int64(1))}, undetermined, names{"params.upper"}, nil},
		"false and unknown":   {rule{when: `params.lower > 1 && params.upper > 1`}, []fact{measured("params.lower", int64(1))}, notMatched, nil, nil},
		"unknown and false":   {rule{when: `params.upper > 1 && params.lower > 1`}, []fact{measured("params.lower", int64(1))}, notMatched, nil, nil},
		"true and unknown":    {rule{when: `params.lower > 1 && params.upper > 1`}, []fact{measured("params.lower", int64(2))}, undetermined, names{"params.upper"}, nil},
		"not unknown":         {rule{when: `!end_use.military`}, nil, undetermined, names{"end_use.military"}, nil},
		"both unknown":        {rule{when: `params.lower > params.upper`}, nil, undetermined, names{"params.lower", "params.upper"}, nil},
		"unknown compared":    {rule{when: `params.lower < 1`}, nil, undetermined, names{"params.lower"}, nil},
		"known zero":          {rule{when: `params.lower < 1`}, []fact{measured("params.lower", int64(0))}, matched, nil, nil},
		"unknown group":       {rule{when: `adapter.kind == "lora"`}, nil, undetermined, names{"adapter.kind"}, nil},
		"group half known":    {rule{when: `adapter.kind == "lora" && adapter.base == ""`}, []fact{measured("adapter.kind", "lora")}, undetermined, names{"adapter.base"}, nil},
		"condition unknown":   {rule{when: `end_use.military ? params.lower > 1 : false`}, nil, undetermined, names{"end_use.military"}, nil},
		"branch not taken":    {rule{when: `end_use.military ? params.lower > 1 : false`}, []fact{declared("end_use.military", false)}, notMatched, nil, nil},
		"unknown in a list":   {rule{when: `weights.access in ["closed", "partner"]`}, nil, undetermined, names{"weights.access"}, nil},
		"sum of unknowns":     {rule{when: `params.lower + params.upper + params.active > 3`}, []fact{measured("params.lower", int64(1))}, undetermined, names{"params.active", "params.upper"}, nil},
		"method of unknown":   {rule{when: `recipient.name.contains("x")`}, nil, undetermined, names{"recipient.name"}, nil},
		"unknown map":         {rule{when: `"BF16" in params.by_dtype`}, nil, undetermined, names{"params.by_dtype"}, nil},
		"unknown map, by key": {rule{when: `params.by_dtype["BF16"] > 1`}, nil, undetermined, names{"params.by_dtype"}, nil},
		"map with the key":    {rule{when: `params.by_dtype["BF16"] > 1`}, []fact{measured("params.by_dtype", map[string]int64{"BF16": 2})}, matched, nil, nil},
		"map without the key": {rule{when: `params.by_dtype["BF16"] > 1`}, []fact{measured("params.by_dtype", map[string]int64{})}, undetermined, names{}, nil},
		"key by field":        {rule{when: `has(params.by_dtype.BF16) && params.by_dtype.BF16 > 1`}, []fact{measured("params.by_dtype", map[string]int64{})}, notMatched, nil, nil},
		"unknown list":        {rule{when: `size(index.problems) > 0`}, nil, undetermined, names{"index.problems"}, nil},
		"empty list":          {rule{when: `size(index.problems) > 0`}, []fact{measured("index.problems", []string{})}, notMatched, nil, nil},

		"interval, one end unknown": {rule{when: `training.flops.upper >= 1e26`}, []fact{declared("training.flops.lower", 1e25)}, undetermined, names{"training.flops"}, nil},
		"interval, both ends":       {rule{when: `training.flops.upper >= 1e26 || training.flops.lower >= 1e26`}, nil, undetermined, names{"training.flops"}, nil},
		"interval at the line":      {rule{when: `training.flops.upper >= 1e26`}, []fact{declared("training.flops.upper", 1e26)}, matched, nil, nil},
		"interval below the line":   {rule{when: `training.flops.upper >= 1e26`}, []fact{declared("training.flops.upper", 9.999e25)}, notMatched, nil, nil},
		"whole number and decimal":  {rule{when: `params.lower > 1e10`}, []fact{measured("params.lower", int64(10_000_000_001))}, matched, nil, nil},
		"decimal and whole number":  {rule{when: `training.flops.upper > 10`}, []fact{declared("training.flops.upper", 10.5)}, matched, nil, nil},

		"overflow": {
			rule{when: `params.lower * params.upper > 1`},
			[]fact{measured("params.lower", int64(1)<<62), measured("params.upper", int64(4))}, undetermined, names{}, nil,
		},
		"overflow beside true":    {rule{when: `params.lower * 4 > 1 || params.lower > 1`}, []fact{measured("params.lower", int64(1)<<62)}, matched, nil, nil},
		"division by zero":        {rule{when: `1 / params.lower > 1`}, []fact{measured("params.lower", int64(0))}, undetermined, names{}, nil},
		"unknown beside an error": {rule{when: `1 / params.lower > 1 || params.upper > 1`}, []fact{measured("params.lower", int64(0))}, undetermined, names{"params.upper"}, nil},

		"exists, all known": {
			rule{when: `datasets.exists(d, d.license == "x")`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x")}, matched, nil, nil,
		},
		"exists, another field unknown": {
			rule{when: `datasets.exists(d, d.license == "x")`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "y"), declared("datasets[1].license", "x")}, matched, nil, nil,
		},
		"exists, one unknown": {
			rule{when: `datasets.exists(d, d.license == "x")`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x"), declared("datasets[1].id", "b")},
			undetermined, names{"datasets[1].license"}, nil,
		},
		"exists, list unknown": {rule{when: `datasets.exists(d, d.license == "x")`}, nil, undetermined, names{"datasets"}, nil},
		"filter, one unknown": {
			rule{when: `datasets.filter(d, d.personal).size() > 0`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].personal", true), declared("datasets[1].id", "b")},
			undetermined, names{"datasets[1].personal"}, nil,
		},
		"by index": {
			rule{when: `datasets[1].license == "x"`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].id", "a"), declared("datasets[1].license", "x")}, matched, nil, nil,
		},
		"by index, unknown": {
			rule{when: `datasets[1].license == "x"`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x"), declared("datasets[1].id", "b")},
			undetermined, names{"datasets[1].license"}, nil,
		},
		"beyond the list":           {rule{when: `datasets[3].license == "x"`}, []fact{declared("datasets", []pipeline.Dataset{})}, undetermined, names{}, nil},
		"index of unknown":          {rule{when: `datasets[params.active].license == "x"`}, []fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x")}, undetermined, names{"params.active"}, nil},
		"index of unknown in a map": {rule{when: `params.by_dtype[weights.access] > 5`}, []fact{measured("params.by_dtype", map[string]int64{"": 6})}, undetermined, names{"weights.access"}, nil},
		"index of unknown after a filter": {
			rule{when: `datasets.filter(d, d.license == "x")[params.active].personal`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x"), declared("datasets[0].personal", true)},
			undetermined, names{"params.active"}, nil,
		},
		"list chosen by unknown": {
			rule{when: `(end_use.military ? datasets : datasets)[0].license == "y"`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x")}, undetermined, names{"end_use.military"}, nil,
		},
		"index by a fact": {
			rule{when: `datasets[params.active].license == "x"`},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "x"), measured("params.active", int64(0))}, matched, nil, nil,
		},
		"plain values in a list": {
			rule{when: `params.widened_by.exists(w, w.upper > 5)`},
			[]fact{measured("params.widened_by", []pipeline.Widening{{Upper: 6}})}, matched, nil, nil,
		},
		"plain values, list unknown": {rule{when: `params.widened_by.exists(w, w.upper > 5)`}, nil, undetermined, names{"params.widened_by"}, nil},

		"accept declared":     {rule{when: `weights.access != "published"`}, []fact{declared("weights.access", "published")}, notMatched, nil, nil},
		"accept attested":     {rule{when: `weights.access != "published"`, accept: "attested"}, []fact{declared("weights.access", "published")}, undetermined, names{}, names{"weights.access"}},
		"attested is enough":  {rule{when: `weights.access != "published"`, accept: "attested"}, []fact{attested("weights.access", "published")}, notMatched, nil, nil},
		"measured is more":    {rule{when: `weights.access != "published"`, accept: "attested"}, []fact{measured("weights.access", "published")}, notMatched, nil, nil},
		"attested is less":    {rule{when: `weights.access != "published"`, accept: "measured"}, []fact{attested("weights.access", "published")}, undetermined, names{}, names{"weights.access"}},
		"parsed is less":      {rule{when: `params.declared > 5`, accept: "attested"}, []fact{{"params.declared", int64(1), pipeline.BasisParsed}}, undetermined, names{}, names{"params.declared"}},
		"estimated is less":   {rule{when: `training.flops.upper > 5`, accept: "attested"}, []fact{{"training.flops.upper", 1.0, pipeline.BasisEstimated}}, undetermined, names{}, names{"training.flops"}},
		"estimated is enough": {rule{when: `training.flops.upper > 5`}, []fact{{"training.flops.upper", 1.0, pipeline.BasisEstimated}}, notMatched, nil, nil},
		"no basis at all":     {rule{when: `params.lower > 5`}, []fact{{"params.lower", int64(1), ""}}, undetermined, names{}, names{"params.lower"}},
		"a weak fact raises":  {rule{when: `weights.access != "published"`, accept: "measured"}, []fact{declared("weights.access", "closed")}, matched, nil, nil},
		"weak but not needed": {
			rule{when: `weights.access != "published" && params.lower > 5`, accept: "measured"},
			[]fact{declared("weights.access", "published"), measured("params.lower", int64(1))}, notMatched, nil, nil,
		},
		"one weak of two": {
			rule{when: `weights.access != "published" && destination.country == "DE"`, accept: "attested"},
			[]fact{declared("weights.access", "published"), attested("destination.country", "DE")}, undetermined, names{}, names{"weights.access"},
		},
		"weak and missing": {
			rule{when: `training.flops.upper >= 1e26 && weights.access != "published"`, accept: "attested"},
			[]fact{declared("weights.access", "published")}, undetermined, names{"training.flops"}, names{"weights.access"},
		},
		"two weak, either would do": {
			rule{when: `weights.access != "published" && destination.country == "DE"`, accept: "attested"},
			[]fact{declared("weights.access", "published"), declared("destination.country", "FR")}, undetermined, names{}, names{"destination.country", "weights.access"},
		},
		"two weak, one holds it up": {
			rule{when: `weights.access != "published" && destination.country == "DE"`, accept: "attested"},
			[]fact{declared("weights.access", "published"), declared("destination.country", "DE")}, undetermined, names{}, names{"weights.access"},
		},
		"weak list and elements, by index": {
			rule{when: `datasets[0].license == "x" && datasets[1].license == "x"`, accept: "attested"},
			[]fact{declared("datasets", []pipeline.Dataset{}), declared("datasets[0].license", "y"), declared("datasets[1].id", "b"), declared("datasets[2].license", "y")},
			undetermined, names{}, names{"datasets"},
		},
		"weak list": {
			rule{when: `datasets.exists(d, d.license == "x")`, accept: "attested"},
			[]fact{declared("datasets", []pipeline.Dataset{}), attested("datasets[0].license", "y")}, undetermined, names{}, names{"datasets"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := judge(t, loadText(t, tc.rule.text()), facts(tc.facts...))
			if tc.outcome == notMatched {
				require.Empty(t, findings)
				return
			}
			require.Len(t, findings, 1)
			require.Equal(t, tc.outcome, findings[0].Outcome, findings[0].Message)
			if tc.missing != nil {
				require.Equal(t, tc.missing, findings[0].Missing)
			}
			if tc.reliedOn == nil {
				tc.reliedOn = names{}
			}
			require.Equal(t, tc.reliedOn, findings[0].ReliedOn)
			if len(tc.missing)+len(tc.reliedOn) == 0 && tc.outcome == undetermined {
				require.Contains(t, findings[0].Message, "the evaluation failed")
			}
		})
	}
}

// The cases of the published rule on unpublished weights above 1e26 operations.
func TestUnpublishedWeights(t *testing.T) {
	t.Parallel()
	pack := loadTestdata(t, "three-valued.yaml")
	byRule := func(findings []pipeline.Finding) map[string]pipeline.Finding {
		out := map[string]pipeline.Finding{}
		for _, f := range findings {
			out[f.Rule] = f
		}
		return out
	}
	noDatasets := declared("datasets", []pipeline.Dataset{})

	published := byRule(judge(t, pack, facts(declared("weights.access", "published"), noDatasets)))
	require.NotContains(t, published, "WEIGHTS-DECLARED", "compute is unknown and does not matter")
	require.Equal(t, []string{"weights.access"}, published["WEIGHTS-ATTESTED"].ReliedOn)

	closed := byRule(judge(t, pack, facts(declared("weights.access", "closed"), noDatasets)))
	require.Equal(t, pipeline.OutcomeUndetermined, closed["WEIGHTS-DECLARED"].Outcome)
	require.Equal(t, []string{"training.flops"}, closed["WEIGHTS-DECLARED"].Missing)
	require.Equal(t, []string{"training.flops"}, closed["WEIGHTS-DECLARED"].Ask)
	require.Equal(t, `"Large unpublished weights" cannot be decided: training.flops is unknown.`, closed["WEIGHTS-DECLARED"].Message)

	large := byRule(judge(t, pack, facts(declared("weights.access", "published"), declared("training.flops.upper", 2e26), noDatasets)))
	require.Equal(t, pipeline.OutcomeUndetermined, large["WEIGHTS-ATTESTED"].Outcome)
	require.Equal(t, []string{"weights.access"}, large["WEIGHTS-ATTESTED"].ReliedOn)
	require.Empty(t, large["WEIGHTS-ATTESTED"].Missing)
	require.Contains(t, large["WEIGHTS-ATTESTED"].Message, "it would rest on weights.access, and that fact is not measured or attested, as the rule demands")
}

func TestTestdataPassesItsOwnExamples(t *testing.T) {
	t.Parallel()
	report, err := policy.TestPack(t.Context(), loadTestdata(t, "three-valued.yaml"))
	require.NoError(t, err)
	require.Empty(t, report.Failures)
	require.Equal(t, 3, report.Rules)
	require.Equal(t, 12, report.Examples)
}
