package lineage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
	"weighbridge/pipeline/lineage"
)

var day = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// shelf is an inventory in memory. It fails where err is set, and counts what it is asked.
type shelf struct {
	named map[string]pipeline.KnownModel
	built []pipeline.KnownModel
	err   error
	asked int
}

func (s *shelf) ModelsNamed(_ context.Context, ids []string, apart string) (map[string]pipeline.KnownModel, error) {
	s.asked += len(ids)
	out := map[string]pipeline.KnownModel{}
	for _, id := range ids {
		key := pipeline.ModelKey(id)
		if m, ok := s.named[key]; ok && (apart == "" || m.Source != apart) {
			out[key] = m
		}
	}
	return out, s.err
}

func (s *shelf) ModelsBuilt(_ context.Context, is pipeline.Structure, apart string) ([]pipeline.KnownModel, error) {
	var out []pipeline.KnownModel
	for _, m := range s.built {
		if is.Fingerprint != nil && (apart == "" || m.Source != apart) {
			out = append(out, m)
		}
	}
	return out, s.err
}

func caseID(n byte) uuid.UUID { return uuid.UUID{n} }

// model is a record; its bases are written "relation id".
func model(n byte, id, license string, bases ...string) pipeline.KnownModel {
	m := pipeline.KnownModel{ID: id, Stated: true, Source: "s3://b/" + id + "/", Case: caseID(n), State: pipeline.StateApproved, License: license, Bases: []pipeline.KnownBase{}}
	for _, b := range bases {
		relation, id, _ := strings.Cut(b, " ")
		m.Bases = append(m.Bases, pipeline.KnownBase{ID: id, Relation: relation})
	}
	return m
}

func stack(models ...pipeline.KnownModel) *shelf {
	s := &shelf{named: map[string]pipeline.KnownModel{}}
	for _, m := range models {
		s.named[pipeline.ModelKey(m.ID)] = m
	}
	return s
}

// declared are the facts of a submission with the given bases, "relation id licence".
func declared(bases ...string) *pipeline.FactSet {
	text := func(s string) *string {
		if s == "" || s == "-" {
			return nil
		}
		return &s
	}
	sub := &pipeline.Submission{Bases: []pipeline.Base{}}
	for _, b := range bases {
		parts := append(strings.Fields(b), "", "")
		sub.Bases = append(sub.Bases, pipeline.Base{Relation: text(parts[0]), ID: text(parts[1]), License: text(parts[2])})
	}
	facts := &pipeline.FactSet{}
	facts.Declare(sub, "submission")
	return facts
}

// assess runs all three assessors twice, and holds that the second run changes nothing.
func assess(t *testing.T, inventory pipeline.Inventory, facts *pipeline.FactSet) error {
	t.Helper()
	a := lineage.Assessor{Inventory: inventory}
	run := func() error {
		err := a.AssessSource(t.Context(), "s3://b/own/model/", facts, day)
		require.NoError(t, licence.Assessor{}.Assess(facts, day))
		require.NoError(t, lineage.Obligations{}.Assess(facts, day))
		return err
	}
	err := run()
	before, index := facts.Facts, facts.Index()
	again := run()
	require.Equal(t, err, again)
	require.Equal(t, before, facts.Facts)
	require.Equal(t, index, facts.Index())
	_, stored := pipeline.FactSetFrom(facts.Facts, facts.Index())
	require.NoError(t, stored)
	return err
}

func TestAssessor_Chain(t *testing.T) {
	t.Parallel()
	inventory := stack(
		model(1, "acme/tuned", "apache-2.0", "finetune meta-llama/Llama-3.1-8B", "merge acme/other"),
		model(2, "acme/other", "", "adapter meta-llama/llama-3.1-8b"),
		model(3, "Meta-Llama/Llama-3.1-8B", "llama3.1"),
	)
	facts := declared("quantized https://huggingface.co/Acme/Tuned")
	require.NoError(t, assess(t, inventory, facts))
	require.Equal(t, []pipeline.Ancestor{
		{ID: "Acme/Tuned", Of: "this model", Relation: "quantized", Depth: 1, License: "apache-2.0", Case: caseID(1).String(), State: "approved"},
		{ID: "meta-llama/Llama-3.1-8B", Of: "Acme/Tuned", Relation: "finetune", Depth: 2, License: "llama3.1", Case: caseID(3).String(), State: "approved"},
		{ID: "acme/other", Of: "Acme/Tuned", Relation: "merge", Depth: 2, Case: caseID(2).String(), State: "approved"},
	}, facts.Facts.Lineage.Chain)
	require.True(t, *facts.Facts.Lineage.Complete)
	require.Empty(t, facts.Facts.Lineage.ChainProblems)
	require.False(t, *facts.Facts.Lineage.Undeclared)
	require.True(t, *facts.Facts.Bases[0].Inventoried)
	require.Equal(t, "apache-2.0", *facts.Facts.Bases[0].License)
	entry, _ := facts.Entry("bases[0].license")
	require.Equal(t, pipeline.FactEntry{Name: "bases[0].license", Basis: pipeline.BasisDeclared,
		Evidence: []pipeline.Evidence{{Object: "inventory", Where: "case " + caseID(1).String()}}}, entry)

	// The licence of the grandparent is one of the chain, and a step that changed the
	// weights counts although the last one only packed them.
	require.Len(t, facts.Facts.Licenses, 4)
	require.Equal(t, "meta-llama/Llama-3.1-8B", facts.Facts.Licenses[2].Of)
	require.Equal(t, "finetune", *facts.Facts.Licenses[2].Relation)
	require.Equal(t, "merge", *facts.Facts.Licenses[3].Relation)
	var kinds []string
	for _, o := range facts.Facts.Lineage.Obligations {
		require.Equal(t, "meta-llama/Llama-3.1-8B", o.From)
		kinds = append(kinds, o.Kind+": "+o.Text)
	}
	require.Contains(t, kinds, `name: The name of this model must begin with "Llama".`)
	require.Contains(t, kinds, `attribution: "Built with Llama" must be shown.`)
	require.Contains(t, kinds, "users_cap: With more than 700,000,000 users a month another licence is needed.")
}

func TestAssessor_Distilled(t *testing.T) {
	t.Parallel()
	inventory := stack(model(1, "acme/student", "mit", "distillation acme/teacher"), model(2, "acme/teacher", "cc-by-nc-nd-4.0", "finetune acme/root"), model(3, "acme/root", "gpl-3.0"))
	facts := declared("finetune acme/student")
	require.NoError(t, assess(t, inventory, facts))
	for i, want := range []string{"self", "finetune", "distillation", "distillation"} {
		require.Equal(t, want, *facts.Facts.Licenses[i].Relation)
	}
	for _, o := range facts.Facts.Lineage.Obligations {
		require.NotContains(t, []string{"notice", "share_alike", "no_derivatives", "users_cap", "revenue_cap", "territory"}, o.Kind)
	}
}

func TestAssessor_WithoutInventory(t *testing.T) {
	t.Parallel()
	facts := declared("finetune google/gemma-2-9b", "merge acme/nobody", "merge x/y mit")
	require.NoError(t, assess(t, nil, facts))
	l := facts.Facts.Lineage
	require.Nil(t, l.Chain)
	require.Nil(t, l.Complete)
	require.Nil(t, l.Known)
	require.Equal(t, []string{}, l.ChainProblems)
	require.Equal(t, "gemma", *facts.Facts.Bases[0].License)
	require.Nil(t, facts.Facts.Bases[0].Inventoried)
	require.Nil(t, facts.Facts.Bases[1].License)
	require.Equal(t, "mit", *facts.Facts.Bases[2].License)
	entry, _ := facts.Entry("bases[0].license")
	require.Equal(t, pipeline.BasisDeclared, entry.Basis)
	require.Equal(t, []pipeline.Evidence{{Object: "base_licences.yaml", Where: "google/gemma-2-*"}}, entry.Evidence)

	facts = declared()
	require.NoError(t, assess(t, nil, facts))
	require.Equal(t, []pipeline.Ancestor{}, facts.Facts.Lineage.Chain)
	require.True(t, *facts.Facts.Lineage.Complete, "it is stated that there are none")
	require.Nil(t, facts.Facts.Lineage.Undeclared)

	facts = &pipeline.FactSet{}
	require.NoError(t, lineage.Assessor{}.Assess(facts, day))
	require.Equal(t, []pipeline.Ancestor{}, facts.Facts.Lineage.Chain)
	require.Nil(t, facts.Facts.Lineage.Complete, "nobody says")
	require.Nil(t, facts.Facts.Lineage.Obligations)
}

func TestAssessor_Incomplete(t *testing.T) {
	t.Parallel()
	unsaid := model(1, "a/unsaid", "mit")
	unsaid.Bases = nil
	gap := model(2, "a/gap", "mit")
	gap.Bases = []pipeline.KnownBase{{Relation: "merge"}}
	for name, facts := range map[string]*pipeline.FactSet{
		"not on record":     declared("merge a/nobody"),
		"bases not said":    declared("merge a/unsaid"),
		"a base unnamed":    declared("merge a/gap"),
		"own base unnamed":  declared("merge -"),
		"behind a known":    declared("merge a/child"),
		"a path on a disk":  declared("merge /data/x"),
		"known and unknown": declared("merge a/root", "merge a/nobody"),
	} {
		require.NoError(t, assess(t, stack(unsaid, gap, model(3, "a/child", "mit", "merge a/far"), model(4, "a/root", "mit")), facts), name)
		require.False(t, *facts.Facts.Lineage.Complete, name)
	}
}

func TestAssessor_Inventoried(t *testing.T) {
	t.Parallel()
	facts := declared("merge a/known", "merge a/nobody", "merge /data/x", "merge a/claimed")
	facts.Set("bases[3].inventoried", true, pipeline.BasisDeclared, pipeline.Evidence{Object: "submission"})
	require.NoError(t, assess(t, stack(model(1, "a/known", "mit")), facts))
	b := facts.Facts.Bases
	require.True(t, *b[0].Inventoried)
	require.False(t, *b[1].Inventoried)
	require.Nil(t, b[2].Inventoried)
	require.True(t, *b[3].Inventoried, "the submitter has an inventory of his own")
	entry, _ := facts.Entry("bases[1].inventoried")
	require.Equal(t, pipeline.BasisMeasured, entry.Basis)
}

// A case of the same source is an earlier state of this model, and not its ancestor.
func TestAssessor_OwnSourceIsNoOther(t *testing.T) {
	t.Parallel()
	mine := model(1, "own/model", "mit")
	mine.Source = "s3://b/own/model/"
	inventory := stack(mine)
	inventory.built = []pipeline.KnownModel{mine}
	facts := built(declared())
	require.NoError(t, assess(t, inventory, facts))
	require.Empty(t, facts.Facts.Lineage.Known)
	require.False(t, *facts.Facts.Lineage.Undeclared)
}

// The licence of a case that was decided on comes before the table, and that before one that
// whoever submitted an undecided case wrote down.
func TestAssessor_WhoseLicenceHolds(t *testing.T) {
	t.Parallel()
	for state, want := range map[pipeline.State]string{
		pipeline.StateApproved: "mit", pipeline.StateCleared: "mit", pipeline.StateOpen: "llama3.1", pipeline.StateRejected: "llama3.1", pipeline.StateSuperseded: "llama3.1",
	} {
		m := model(1, "meta-llama/Llama-3.1-8B", "mit")
		m.State = state
		facts := declared("finetune meta-llama/Llama-3.1-8B")
		require.NoError(t, assess(t, stack(m), facts))
		require.Equal(t, want, *facts.Facts.Bases[0].License, state)
		require.Contains(t, facts.Facts.Lineage.ChainProblems[len(facts.Facts.Lineage.ChainProblems)-1],
			`meta-llama/Llama-3.1-8B is on record in case `+caseID(1).String()+` with the licence "mit"; it is known to be published under llama3.1`)
	}
	m := model(1, "acme/nobody", "gemma")
	m.State = pipeline.StateOpen
	facts := declared("finetune acme/nobody")
	require.NoError(t, assess(t, stack(m), facts))
	require.Equal(t, "gemma", *facts.Facts.Bases[0].License)

	facts = declared("finetune google/gemma-2-9b apache-2.0")
	require.NoError(t, assess(t, nil, facts))
	require.Equal(t, "apache-2.0", *facts.Facts.Bases[0].License, "what is stated is never replaced")
	require.Len(t, facts.Facts.Lineage.ChainProblems, 1)
	require.Contains(t, facts.Facts.Lineage.ChainProblems[0], `google/gemma-2-9b is named with the licence "apache-2.0"; it is known to be published under gemma`)
}

func TestAssessor_Rejected(t *testing.T) {
	t.Parallel()
	bad := model(2, "acme/bad", "mit")
	bad.State = pipeline.StateRejected
	facts := declared("finetune acme/child")
	require.NoError(t, assess(t, stack(model(1, "acme/child", "mit", "merge acme/bad"), bad), facts))
	require.Equal(t, []string{"acme/bad is in the chain, and was rejected in case " + caseID(2).String() + "."}, facts.Facts.Lineage.ChainProblems)
}

func TestAssessor_Circle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		facts  *pipeline.FactSet
		models []pipeline.KnownModel
		want   string
	}{
		"two":      {declared("merge a/one"), []pipeline.KnownModel{model(1, "a/one", "mit", "merge a/two"), model(2, "a/two", "mit", "merge A/One")}, "a/one, a/two, a/one"},
		"itself":   {declared("merge a/one"), []pipeline.KnownModel{model(1, "a/one", "mit", "merge a/one")}, "a/one, a/one"},
		"this one": {declared("merge a/one"), []pipeline.KnownModel{model(1, "a/one", "mit", "merge own/model")}, "this model, a/one, this model"},
		"at once":  {declared("merge own/model"), nil, "this model, this model"},
		"further up": {declared("merge a/z", "merge a/one"), []pipeline.KnownModel{model(1, "a/one", "mit", "merge a/two", "merge a/z"), model(2, "a/two", "mit", "merge a/three"),
			model(3, "a/three", "mit", "merge a/z", "merge a/two"), model(4, "a/z", "mit")}, "a/two, a/three, a/two"},
	} {
		tc.facts.Set("model.id", "own/model", pipeline.BasisDeclared)
		err := assess(t, stack(tc.models...), tc.facts)
		require.ErrorIs(t, err, pipeline.ErrOverLimit, name)
		require.Equal(t, []string{"The chain of bases goes in a circle: " + tc.want + "."}, tc.facts.Facts.Lineage.ChainProblems, name)
		require.False(t, *tc.facts.Facts.Lineage.Complete, name)
	}
	// A copy that lies under the name of its base is no circle.
	require.NoError(t, assess(t, stack(), declared("quantized own/model")))
	// Two ways to the same model are no circle.
	facts := declared("merge a/one", "merge a/two")
	require.NoError(t, assess(t, stack(model(1, "a/one", "mit", "merge a/root"), model(2, "a/two", "mit", "merge a/root"), model(3, "a/root", "mit")), facts))
	require.Len(t, facts.Facts.Lineage.Chain, 3)
}

func TestAssessor_EndlessChain(t *testing.T) {
	t.Parallel()
	const n = 10_000
	inventory := stack()
	for i := range n {
		id := fmt.Sprintf("a/m-%d", i)
		inventory.named[id] = model(1, id, "mit", fmt.Sprintf("finetune a/m-%d", i+1))
	}
	facts := declared("finetune a/m-0")
	require.ErrorIs(t, assess(t, inventory, facts), pipeline.ErrOverLimit)
	require.Len(t, facts.Facts.Lineage.Chain, lineage.MaxSteps)
	require.Equal(t, []string{"The chain of bases is longer than 100 steps; it is not followed further."}, facts.Facts.Lineage.ChainProblems)
	require.LessOrEqual(t, inventory.asked, 2*lineage.MaxSteps)
	require.False(t, *facts.Facts.Lineage.Complete)
}

func TestAssessor_TooManyModels(t *testing.T) {
	t.Parallel()
	var wide []string
	for i := range 10_000 {
		wide = append(wide, fmt.Sprintf("merge a/m-%d", i))
	}
	facts := declared("merge a/all")
	require.ErrorIs(t, assess(t, stack(model(1, "a/all", "mit", wide...)), facts), pipeline.ErrOverLimit)
	require.Len(t, facts.Facts.Lineage.Chain, lineage.MaxModels)
	require.Equal(t, []string{"More than 1,000 models are behind this one; the chain is not followed further."}, facts.Facts.Lineage.ChainProblems)
}

// built gives facts a structure that is large enough to be compared.
func built(facts *pipeline.FactSet) *pipeline.FactSet {
	facts.Set("params.estimate", int64(7_000_000_000), pipeline.BasisMeasured)
	facts.Set("architecture.fingerprint", "sha256:f", pipeline.BasisMeasured)
	return facts
}

func TestAssessor_Undeclared(t *testing.T) {
	t.Parallel()
	named := func(id string) *pipeline.FactSet {
		facts := built(&pipeline.FactSet{})
		facts.Set("model.id", id, pipeline.BasisDeclared)
		return facts
	}
	other := model(1, "meta-llama/Llama-3.1-8B", "llama3.1")
	other.Same = pipeline.LikeStructure
	path := other
	path.ID, path.Stated = "staging/Llama-3.1-8B", false
	for name, tc := range map[string]struct {
		facts *pipeline.FactSet
		found []pipeline.KnownModel
		want  bool
	}{
		"nothing like it":                {named("acme/own-7b"), nil, false},
		"another name":                   {named("acme/own-7b"), []pipeline.KnownModel{other}, true},
		"none is stated to be there":     {built(declared()), []pipeline.KnownModel{other}, true},
		"a base is named":                {built(declared("finetune x/y")), []pipeline.KnownModel{other}, false},
		"the same name":                  {named("Meta-Llama/llama-3.1-8b"), []pipeline.KnownModel{other}, false},
		"the same name under a path":     {named("meta-llama/Llama-3.1-8B"), []pipeline.KnownModel{path}, false},
		"the same name of another owner": {named("acme/Llama-3.1-8B"), []pipeline.KnownModel{other}, true},
	} {
		inventory := stack()
		inventory.built = tc.found
		require.NoError(t, assess(t, inventory, tc.facts), name)
		require.Equal(t, tc.want, *tc.facts.Facts.Lineage.Undeclared, name)
		require.Len(t, tc.facts.Facts.Lineage.Known, len(tc.found), name)
		if len(tc.found) > 0 {
			require.Equal(t, pipeline.KnownStructure{ID: tc.found[0].ID, Case: caseID(1).String(), State: "approved", Same: "structure"}, tc.facts.Facts.Lineage.Known[0])
		}
	}
	// Too small to be told apart.
	facts := &pipeline.FactSet{}
	facts.Set("params.estimate", int64(1000), pipeline.BasisMeasured)
	facts.Set("architecture.fingerprint", "sha256:f", pipeline.BasisMeasured)
	inventory := stack()
	inventory.built = []pipeline.KnownModel{other}
	require.NoError(t, assess(t, inventory, facts))
	require.Nil(t, facts.Facts.Lineage.Known)
	require.Nil(t, facts.Facts.Lineage.Undeclared)
}

func TestAssessor_InventoryFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	for _, facts := range []*pipeline.FactSet{declared("merge a/b"), built(&pipeline.FactSet{})} {
		require.ErrorIs(t, assess(t, &shelf{err: broken}, facts), broken)
		require.Nil(t, facts.Facts.Lineage.Chain)
	}
}

// A run on a stored report leaves the report as it was.
func TestAssessor_LeavesTheStoredBasesAlone(t *testing.T) {
	t.Parallel()
	facts := declared("finetune acme/one")
	require.NoError(t, assess(t, stack(model(1, "acme/one", "mit")), facts))
	stored := facts.Facts
	again, err := pipeline.FactSetFrom(stored, facts.Index())
	require.NoError(t, err)
	require.NoError(t, assess(t, stack(), again))
	require.Equal(t, "mit", *stored.Bases[0].License)
	require.Nil(t, again.Facts.Bases[0].License)
	require.False(t, *again.Facts.Bases[0].Inventoried)
}

func TestObligations_EveryKind(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, id := range []string{"llama3.1", "llama3.2", "gemma", "cc-by-nc-nd-4.0", "cc-by-sa-4.0", "tencent-hunyuan", "qwen-research", "stabilityai-ai-community", "mrl", "exaone", "llama2"} {
		facts := declared("finetune a/b " + id)
		require.NoError(t, assess(t, nil, facts))
		for _, o := range facts.Facts.Lineage.Obligations {
			require.NotEmpty(t, o.License)
			require.True(t, strings.HasSuffix(o.Text, "."), o.Text)
			kinds[o.Kind] = true
		}
	}
	for _, kind := range []string{"name", "attribution", "notice", "use_restrictions", "non_commercial", "research_only", "share_alike", "no_derivatives", "users_cap", "revenue_cap", "territory", "outputs"} {
		require.True(t, kinds[kind], kind)
	}
	facts := declared("finetune a/b mit")
	require.NoError(t, assess(t, nil, facts))
	require.Equal(t, []pipeline.Obligation{}, facts.Facts.Lineage.Obligations)
}
