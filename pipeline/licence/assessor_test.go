package licence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
)

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// base is a base with its licence and relation; "" is not stated.
func base(id, relation, license string) pipeline.Base {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return pipeline.Base{ID: text(id), Relation: text(relation), License: text(license)}
}

// assess declares a licence ("" for none) and bases, and assesses them.
func assess(t *testing.T, own string, bases ...pipeline.Base) *pipeline.FactSet {
	t.Helper()
	sub := &pipeline.Submission{Bases: bases}
	if own != "" {
		sub.License.Declared = &own
	}
	facts := &pipeline.FactSet{}
	facts.Declare(sub, "submission")
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	_, err := pipeline.FactSetFrom(facts.Facts, facts.Index())
	require.NoError(t, err, "what the index names is there")
	return facts
}

func TestAssessor_Chain(t *testing.T) {
	t.Parallel()
	facts := assess(t, "apache-2.0", base("meta/llama", "finetune", "llama3.1"), base("x/y", "", "homemade"), base("", "merge", ""))
	list := facts.Facts.Licenses
	require.Len(t, list, 4)
	require.Equal(t, "this model", list[0].Of)
	require.Equal(t, "self", *list[0].Relation)
	require.Equal(t, "Apache-2.0", *list[0].ID)
	require.True(t, *list[0].Terms.Commercial)
	require.Equal(t, "meta/llama", list[1].Of)
	require.Equal(t, "finetune", *list[1].Relation)
	require.Equal(t, "llama3.1", *list[1].Declared)
	require.Equal(t, "Built with Llama", *list[1].Terms.Attribution)
	require.Equal(t, "x/y", list[2].Of)
	require.Equal(t, "homemade", *list[2].Declared)
	require.Nil(t, list[2].ID)
	require.Nil(t, list[2].Relation)
	require.Equal(t, pipeline.Terms{}, list[2].Terms)
	require.Equal(t, "base 3", list[3].Of)
	require.Nil(t, list[3].Declared)

	for _, name := range []string{"licenses", "licenses[0].id", "licenses[1].terms.monthly_users_cap", "licenses[1].terms.excluded_countries", "licensing.own.foss", "licensing.id"} {
		entry, known := facts.Entry(name)
		require.True(t, known, name)
		require.Equal(t, pipeline.BasisDeclared, entry.Basis, name)
		require.NotEmpty(t, entry.Evidence, name)
	}
	for _, name := range []string{"licenses[2].id", "licenses[2].terms.commercial", "licenses[2].relation", "licenses[3].declared", "licensing.conflicts"} {
		_, known := facts.Entry(name)
		require.False(t, known, name)
	}
}

func TestAssessor_NothingStated(t *testing.T) {
	t.Parallel()
	facts := assess(t, "", base("a/b", "finetune", ""))
	require.Nil(t, facts.Facts.Licenses)
	for _, e := range facts.Index() {
		require.NotContains(t, e.Name, "licens")
	}
	facts = assess(t, "")
	require.Nil(t, facts.Facts.Licenses)
}

func TestAssessor_OnlyABaseStates(t *testing.T) {
	t.Parallel()
	facts := assess(t, "", base("a/b", "finetune", "mit"))
	require.Len(t, facts.Facts.Licenses, 2)
	require.Nil(t, facts.Facts.Licenses[0].Declared)
	require.Equal(t, "self", *facts.Facts.Licenses[0].Relation)
	require.Nil(t, facts.Facts.Licensing.ID)
	require.Nil(t, facts.Facts.Licensing.Conflicts, "the model's own licence is not known")
}

func TestAssessor_NoBasesMeansNoConflict(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{}, assess(t, "mit").Facts.Licensing.Conflicts)
	require.Nil(t, assess(t, "homemade").Facts.Licensing.Conflicts)
}

func TestAssessor_TakesTheBasisItRestsOn(t *testing.T) {
	t.Parallel()
	facts := &pipeline.FactSet{}
	facts.Set("license.declared", "other", pipeline.BasisParsed, pipeline.Evidence{Object: "README.md", Where: "$.license"})
	facts.Set("license.name", "deepseek", pipeline.BasisParsed)
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	entry, _ := facts.Entry("licensing.own.flow_down")
	require.Equal(t, pipeline.BasisParsed, entry.Basis)
	require.Equal(t, "README.md", entry.Evidence[0].Object)

	facts.Set("bases", []pipeline.Base{{}}, pipeline.BasisDeclared)
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	entry, _ = facts.Entry("licenses")
	require.Equal(t, pipeline.BasisDeclared, entry.Basis, "a list is as weak as its weakest part")
}

func TestAssessor_BaseOfAnAdapter(t *testing.T) {
	t.Parallel()
	facts := &pipeline.FactSet{}
	facts.Set("license.declared", "mit", pipeline.BasisDeclared)
	facts.Set("adapter.base", "meta-llama/Meta-Llama-3-70B", pipeline.BasisDeclared, pipeline.Evidence{Object: "adapter_config.json"})
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	require.Len(t, facts.Facts.Licenses, 2)
	require.Equal(t, "adapter", *facts.Facts.Licenses[1].Relation)
	require.Nil(t, facts.Facts.Licenses[1].Declared)

	facts.Set("bases", []pipeline.Base{}, pipeline.BasisDeclared)
	facts.Set("bases[0].id", "meta-llama/meta-llama-3-70b", pipeline.BasisDeclared)
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	require.Len(t, facts.Facts.Licenses, 2, "it is the declared base")
}

func TestAssessor_IsIdempotent(t *testing.T) {
	t.Parallel()
	facts := assess(t, "llama3.1", base("a/b", "merge", "gemma"), base("c/d", "merge", "mit"))
	before, index := facts.Facts, facts.Index()
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	require.Equal(t, before, facts.Facts)
	require.Equal(t, index, facts.Index())

	facts.Forget("license.declared")
	facts.ForgetAll("bases")
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	require.Nil(t, facts.Facts.Licenses)
	require.Equal(t, pipeline.Licensing{}, facts.Facts.Licensing)
	require.Empty(t, facts.Facts.Licensing.Conflicts)
	for _, e := range facts.Index() {
		require.NotContains(t, e.Name, "licens")
	}
}

func TestAssessor_Conflicts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		own   string
		bases []pipeline.Base
		want  []string // parts of the sentences, in order
	}{
		"none": {"apache-2.0", []pipeline.Base{base("a", "finetune", "mit"), base("b", "merge", "apache-2.0")}, nil},
		"two share-alike": {"mit", []pipeline.Base{base("a", "merge", "cc-by-sa-4.0"), base("b", "merge", "gpl-2.0")},
			[]string{"CC-BY-SA-4.0 of a and GPL-2.0-only of b each ask"}},
		"one share-alike twice":       {"cc-by-sa-4.0", []pipeline.Base{base("a", "finetune", "CC-BY-SA-4.0")}, nil},
		"a later version takes it up": {"gpl-3.0", []pipeline.Base{base("a", "finetune", "gpl-2.0+"), base("b", "merge", "lgpl-2.1")}, nil},
		"one way is enough":           {"gpl-3.0", []pipeline.Base{base("a", "finetune", "cc-by-sa-4.0")}, nil},
		"an expression that holds it": {"gpl-2.0 AND mit", []pipeline.Base{base("a", "finetune", "gpl-2.0")}, nil},
		"flow-down beside copyleft": {"gpl-3.0", []pipeline.Base{base("a", "finetune", "gemma")},
			[]string{"gemma-tou-2025-03-24 of a asks that its restrictions"}},
		"no derivatives, merged":     {"mit", []pipeline.Base{base("a", "merge", "cc-by-nd-4.0")}, []string{"lets no changed version be passed on; this model was made from it by merge"}},
		"no derivatives, fine-tuned": {"mit", []pipeline.Base{base("a", "finetune", "cc-by-nd-4.0")}, []string{"made from it by finetune"}},
		"no derivatives, quantised":  {"mit", []pipeline.Base{base("a", "quantized", "cc-by-nd-4.0")}, nil},
		"non-commercial under a free licence": {"apache-2.0", []pipeline.Base{base("a", "quantized", "cc-by-nc-4.0")},
			[]string{"CC-BY-NC-4.0 of a bars commercial use; Apache-2.0 of this model gives it."}},
		"non-commercial kept":          {"cc-by-nc-4.0", []pipeline.Base{base("a", "finetune", "cc-by-nc-4.0")}, nil},
		"non-commercial, outputs only": {"apache-2.0", []pipeline.Base{base("a", "distillation", "cc-by-nc-4.0")}, nil},
		"two names that must come first": {"mit", []pipeline.Base{base("a", "merge", "llama3.1"), base("b", "merge", "exaone")},
			[]string{`begins with "Llama", LicenseRef-scancode-exaone`, "EXAONE", "bars commercial use"}},
		"names that contain each other": {"llama3", []pipeline.Base{base("a", "merge", "llama3.1")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := assess(t, tc.own, tc.bases...).Facts.Licensing.Conflicts
			text := fmt.Sprint(got)
			if len(tc.want) == 0 {
				require.Empty(t, got)
			}
			for _, want := range tc.want {
				require.Contains(t, text, want)
			}
		})
	}
}

func TestAssessor_AConflictIsKnownBesideALicenceThatIsNot(t *testing.T) {
	t.Parallel()
	facts := assess(t, "mit", base("a", "merge", "cc-by-nd-4.0"), base("b", "merge", "homemade"))
	require.Len(t, facts.Facts.Licensing.Conflicts, 1)
}

func TestAssessor_TooManyBases(t *testing.T) {
	t.Parallel()
	facts := &pipeline.FactSet{}
	facts.Set("bases", make([]pipeline.Base, 1001), pipeline.BasisDeclared)
	facts.Set("license.declared", "mit", pipeline.BasisDeclared)
	require.ErrorIs(t, licence.Assessor{}.Assess(facts, day), pipeline.ErrOverLimit)
	require.Nil(t, facts.Facts.Licenses)
	require.Equal(t, "licence", licence.Assessor{}.Name())
}

// The models behind the bases take part, each once, and how this model was made from one
// follows from all steps on the way.
func TestAssessor_Ancestors(t *testing.T) {
	t.Parallel()
	facts := &pipeline.FactSet{}
	facts.Declare(&pipeline.Submission{License: pipeline.License{Declared: ptr("apache-2.0")}, Bases: []pipeline.Base{base("a/one", "quantized", "mit"), base("a/two", "", "mit")}}, "submission")
	facts.Set("adapter.base", "https://huggingface.co/A/One/", pipeline.BasisDeclared)
	at := pipeline.Evidence{Object: pipeline.EvidenceInventory, Where: "case 1"}
	facts.Set("lineage.chain", []pipeline.Ancestor{
		{ID: "A/One", Of: "this model", Relation: "quantized", Depth: 1, License: "gemma"},
		{ID: "a/three", Of: "A/One", Relation: "finetune", Depth: 2, License: "cc-by-nc-4.0"},
		{ID: "a/four", Of: "a/two", Relation: "merge", Depth: 2},
		{ID: "a/five", Of: "a/three", Relation: "distillation", Depth: 3, License: "mit"},
		{ID: "a/six", Of: "a/five", Relation: "unknown", Depth: 4, License: "mit"},
	}, pipeline.BasisDeclared, at)
	require.NoError(t, licence.Assessor{}.Assess(facts, day))
	list := facts.Facts.Licenses
	require.Len(t, list, 7)
	require.Equal(t, "mit", *list[1].Declared, "what is stated of a base holds")
	for i, want := range []string{"self", "quantized", "", "finetune", "", "distillation", "distillation"} {
		if want == "" {
			require.Nil(t, list[i].Relation, list[i].Of)
			continue
		}
		require.Equal(t, want, *list[i].Relation, list[i].Of)
	}
	require.Nil(t, list[4].Declared)
	require.Equal(t, []string{"CC-BY-NC-4.0 of a/three bars commercial use; Apache-2.0 of this model gives it."}, facts.Facts.Licensing.Conflicts)
	entry, _ := facts.Entry("licenses[3].id")
	require.Equal(t, []pipeline.Evidence{at}, entry.Evidence)

	facts.Set("lineage.chain", make([]pipeline.Ancestor, 1500), pipeline.BasisDeclared)
	require.ErrorIs(t, licence.Assessor{}.Assess(facts, day), pipeline.ErrOverLimit)
}

func ptr(s string) *string { return &s }
