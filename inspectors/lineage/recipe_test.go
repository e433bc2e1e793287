package lineage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/lineage"
	"weighbridge/pipeline"
)

func TestParseRecipe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, method string
		want         []lineage.Model
	}{
		"models": {`
models:
  - model: a/one
    parameters: {weight: 1.0}
  - model: a/two@v2
base_model: a/base
merge_method: ties
dtype: bfloat16`, "ties", []lineage.Model{{"a/base", "", "$.base_model"}, {"a/one", "", "$.models[0].model"}, {"a/two", "v2", "$.models[1].model"}}},
		"slices": {`
slices:
- sources:
  - {model: a/one, layer_range: [0, 16]}
  - {model: a/two, layer_range: [0, 16]}
  base_model: a/three
- sources:
  - {model: a/one, layer_range: [16, 32]}
merge_method: passthrough`, "passthrough", []lineage.Model{{"a/three", "", "$.slices[0].base_model"}, {"a/one", "", "$.slices[0].sources[0].model"}, {"a/two", "", "$.slices[0].sources[1].model"}}},
		"modules":      {"merge_method: linear\nmodules:\n  text: {models: [{model: a/one}]}\n  vision: {slices: [{sources: [{model: a/two}]}]}", "linear", []lineage.Model{{"a/one", "", "$.modules.text.models[0].model"}, {"a/two", "", "$.modules.vision.slices[0].sources[0].model"}}},
		"experts":      {"base_model: a/base\nexperts:\n- source_model: a/one\n  positive_prompts: [x]\n- source_model: a/one\nshared_experts: [{source_model: a/two}]", "", []lineage.Model{{"a/base", "", "$.base_model"}, {"a/one", "", "$.experts[0].source_model"}, {"a/two", "", "$.shared_experts[0].source_model"}}},
		"with adapter": {"models: [{model: a/one+b/lora@x}]", "", []lineage.Model{{"a/one", "", "$.models[0].model"}, {"b/lora", "x", "$.models[0].model"}}},
		"in parts":     {"models: [{model: {model: {path: a/one, revision: r1}, lora: {path: b/lora, revision: null}}}, {model: {model: a/two}}]", "", []lineage.Model{{"a/one", "r1", "$.models[0].model.model.path"}, {"b/lora", "", "$.models[0].model.lora.path"}, {"a/two", "", "$.models[1].model.model"}}},
		"in steps": {"name: first\nmodels: [{model: a/one}]\nmerge_method: slerp\n---\nmodels: [{model: first}, {model: a/two}]\nmerge_method: ties", "slerp",
			[]lineage.Model{{"a/one", "", "$.models[0].model"}, {"a/two", "", "$2.models[1].model"}}},
		"an alias":       {"base_model: &b a/base\nmodels: [{model: *b}, {model: a/one}]", "", []lineage.Model{{"a/base", "", "$.base_model"}, {"a/one", "", "$.models[1].model"}}},
		"a merge key":    {"x: &x {model: a/one}\nmodels:\n- <<: *x\n- <<: [{y: 1}, *x]\n  model: a/two", "", []lineage.Model{{"a/one", "", "$.models[0].model"}, {"a/two", "", "$.models[1].model"}}},
		"a local path":   {"models: [{model: ./merged}, {model: a/one}]", "", []lineage.Model{{"./merged", "", "$.models[0].model"}, {"a/one", "", "$.models[1].model"}}},
		"odd values":     {"models: [1, null, {model: [x]}, {model: {z: 1}}, {model: a/one}, x]\nslices: x\nmodules: [1]\nexperts: {a: b}\nbase_model: null", "", []lineage.Model{{"a/one", "", "$.models[4].model"}}},
		"the last holds": {"base_model: a/one\nmodels: []", "", []lineage.Model{{"a/one", "", "$.base_model"}}},
	} {
		got, err := lineage.ParseRecipe([]byte(tc.text))
		require.NoError(t, err, name)
		require.Equal(t, lineage.Recipe{Method: tc.method, Models: tc.want}, got, name)
	}
}

func TestParseRecipe_Refuses(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [{model: x/y}]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d, *a%d, *a%d]}\n", i+1, i+1, i, i, i, i)
	}
	many := "models:\n"
	for i := range lineage.MaxModels + 1 {
		many += fmt.Sprintf("- model: a/m%d\n", i)
	}
	for name, tc := range map[string]struct {
		text string
		want *pipeline.Error
	}{
		"nothing":      {"", pipeline.ErrMalformed},
		"no mapping":   {"- a", pipeline.ErrMalformed},
		"no models":    {"merge_method: ties", pipeline.ErrMalformed},
		"no YAML":      {"a: [", pipeline.ErrMalformed},
		"control":      {"models: [{model: \"a\x00b\"}]", pipeline.ErrMalformed},
		"deep":         {"models: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), pipeline.ErrMalformed},
		"many":         {many, pipeline.ErrOverLimit},
		"long":         {"#" + strings.Repeat("x", lineage.MaxRecipe), pipeline.ErrOverLimit},
		"documents":    {strings.Repeat("a: 1\n---\n", 200), pipeline.ErrOverLimit},
		"alias bomb":   {bomb + "models:\n- *a30\n", nil},
		"merged bombs": {bomb + "models: [" + strings.Repeat("*a30, ", 2000) + "]", nil},
		"itself":       {"models: &a\n- model: {model: *a}", nil},
	} {
		_, err := lineage.ParseRecipe([]byte(tc.text))
		require.Error(t, err, name)
		if tc.want != nil {
			require.ErrorIs(t, err, tc.want, name)
			continue
		}
		require.True(t, errors.Is(err, pipeline.ErrOverLimit) || errors.Is(err, pipeline.ErrMalformed), name)
	}
}

func FuzzParseRecipe(f *testing.F) {
	for _, text := range []string{"models: [{model: a/b+c/d@e}]\nmerge_method: ties", "base_model: &b a/b\nexperts: [{source_model: *b}]", "x: &x {model: a/b}\nslices: [{sources: [{<<: *x}]}]", "a: 1\n---\nmodels: [{model: {model: {path: x, revision: y}}}]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := lineage.ParseRecipe(text)
		if err != nil {
			require.True(t, errors.Is(err, pipeline.ErrMalformed) || errors.Is(err, pipeline.ErrOverLimit))
			return
		}
		require.NotEmpty(t, r.Models)
		require.LessOrEqual(t, len(r.Models), lineage.MaxModels)
		for _, m := range r.Models {
			require.NotEmpty(t, m.Name)
		}
	})
}
