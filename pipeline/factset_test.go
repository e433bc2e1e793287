package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func ptr[T any](v T) *T { return &v }

func TestFactSet_SetValueForget(t *testing.T) {
	t.Parallel()
	var s pipeline.FactSet
	_, known := s.Value("params.lower")
	require.False(t, known, "what nobody set is unknown")
	_, known = s.Entry("params.lower")
	require.False(t, known)

	here := pipeline.Evidence{Object: "model.safetensors", Where: "bytes=0-99"}
	s.Set("params.lower", int64(0), pipeline.BasisMeasured, here)
	v, known := s.Value("params.lower")
	require.True(t, known, "zero is known")
	require.Equal(t, int64(0), v)
	require.Equal(t, int64(0), *s.Facts.Params.Lower)
	e, known := s.Entry("params.lower")
	require.True(t, known)
	require.Equal(t, pipeline.FactEntry{Name: "params.lower", Basis: pipeline.BasisMeasured, Evidence: []pipeline.Evidence{here}}, e)

	s.Set("params.lower", int64(7), pipeline.BasisDeclared)
	e, _ = s.Entry("params.lower")
	require.Equal(t, pipeline.BasisDeclared, e.Basis)
	require.NotNil(t, e.Evidence)
	require.Empty(t, e.Evidence)

	s.Forget("params.lower")
	require.Nil(t, s.Facts.Params.Lower)
	_, known = s.Value("params.lower")
	require.False(t, known)
	require.Empty(t, s.Index())
}

func TestFactSet_ForgetAll(t *testing.T) {
	t.Parallel()
	set := func() *pipeline.FactSet {
		var s pipeline.FactSet
		s.Set("training.flops.lower", 1.0, pipeline.BasisEstimated)
		s.Set("training.flops.upper", 2.0, pipeline.BasisEstimated)
		s.Set("training.tokens", int64(3), pipeline.BasisDeclared)
		s.Set("datasets", []pipeline.Dataset{{ID: ptr("one")}}, pipeline.BasisDeclared)
		s.Set("datasets[0].id", "one", pipeline.BasisDeclared)
		s.Set("data.personal", true, pipeline.BasisDeclared)
		return &s
	}
	tests := map[string][]string{
		"training.flops":       {"data.personal", "datasets", "datasets[0].id", "training.tokens"},
		"training":             {"data.personal", "datasets", "datasets[0].id"},
		"training.flops.lower": {"data.personal", "datasets", "datasets[0].id", "training.flops.upper", "training.tokens"},
		"datasets":             {"data.personal", "training.flops.lower", "training.flops.upper", "training.tokens"},
		"data":                 {"datasets", "datasets[0].id", "training.flops.lower", "training.flops.upper", "training.tokens"},
		"screening":            {"data.personal", "datasets", "datasets[0].id", "training.flops.lower", "training.flops.upper", "training.tokens"},
		"adapter.kind":         {"data.personal", "datasets", "datasets[0].id", "training.flops.lower", "training.flops.upper", "training.tokens"},
	}
	for prefix, want := range tests {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			s := set()
			s.ForgetAll(prefix)
			var left []string
			for _, e := range s.Index() {
				left = append(left, e.Name)
				_, known := s.Value(e.Name)
				require.True(t, known, e.Name)
			}
			require.Equal(t, want, left)
			s.ForgetAll(prefix) // again changes nothing
			require.Len(t, s.Index(), len(want))
			require.Nil(t, s.Facts.Adapter, "a group that is unknown stays so")
		})
	}
	s := set()
	s.ForgetAll("datasets")
	require.Nil(t, s.Facts.Datasets)
	require.Panics(t, func() { s.ForgetAll("training.flopz") })
	require.Panics(t, func() { s.ForgetAll("") })
}

func TestFactSet_Kinds(t *testing.T) {
	t.Parallel()
	tests := map[string]any{
		"params.estimate":             int64(5),
		"training.flops.upper":        1e25,
		"architecture.family":         "llama",
		"architecture.agrees":         true,
		"architecture.contradictions": []string{"a"},
		"params.by_dtype":             map[string]int64{"BF16": 5},
		"params.set_aside":            []pipeline.Aside{{Name: "a"}},
		"adapter.kind":                "lora", // a group that is a pointer is made on the way
		"submission.present":          false,
	}
	var s pipeline.FactSet
	for name, value := range tests {
		s.Set(name, value, pipeline.BasisMeasured)
	}
	for name, value := range tests {
		got, known := s.Value(name)
		require.True(t, known, name)
		require.Equal(t, value, got, name)
	}
	index := s.Index()
	require.Len(t, index, len(tests))
	for i := 1; i < len(index); i++ {
		require.Less(t, index[i-1].Name, index[i].Name)
	}
}

func TestFactSet_Lists(t *testing.T) {
	t.Parallel()
	var s pipeline.FactSet
	s.Set("datasets[0].license", "CC-BY-4.0", pipeline.BasisDeclared)
	s.Set("datasets[0].id", "one", pipeline.BasisDeclared)
	s.Set("datasets[1].personal", true, pipeline.BasisDeclared)
	require.Len(t, s.Facts.Datasets, 2)
	require.Equal(t, "CC-BY-4.0", *s.Facts.Datasets[0].License)
	require.Nil(t, s.Facts.Datasets[1].License)
	_, known := s.Value("datasets[1].license")
	require.False(t, known)
	require.Panics(t, func() { s.Set("datasets[3].id", "gap", pipeline.BasisDeclared) })
}

func TestFactSet_PanicsOnFaultsOfTheProgram(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name  string
		value any
	}{
		"misspelt":          {"params.lowre", int64(1)},
		"misspelt group":    {"parms.lower", int64(1)},
		"empty":             {"", int64(1)},
		"a whole group":     {"params", int64(1)},
		"below a value":     {"params.lower.more", int64(1)},
		"index on no list":  {"params[0].lower", int64(1)},
		"index no number":   {"datasets[x].id", "a"},
		"negative index":    {"datasets[-1].id", "a"},
		"int for int64":     {"params.lower", 1},
		"text for number":   {"params.lower", "1"},
		"number for a flag": {"index.present", int64(1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s pipeline.FactSet
			require.Panics(t, func() { s.Set(tt.name, tt.value, pipeline.BasisMeasured) })
			require.Empty(t, s.Index())
		})
	}
	var s pipeline.FactSet
	require.Panics(t, func() { s.Forget("params.lowre") })
	_, known := s.Value("params.lowre")
	require.False(t, known)
}

func TestFactSet_FromAStoredReport(t *testing.T) {
	t.Parallel()
	var s pipeline.FactSet
	s.Set("params.lower", int64(1<<53+1), pipeline.BasisMeasured, pipeline.Evidence{Object: "o"})
	s.Set("adapter.base", "meta", pipeline.BasisDeclared)
	s.Set("datasets[0].license", "MIT", pipeline.BasisDeclared)
	s.Set("params.set_aside", []pipeline.Aside{}, pipeline.BasisMeasured)
	facts, err := json.Marshal(s.Facts)
	require.NoError(t, err)
	index, err := json.Marshal(s.Index())
	require.NoError(t, err)

	var storedFacts pipeline.Facts
	var storedIndex []pipeline.FactEntry
	require.NoError(t, json.Unmarshal(facts, &storedFacts))
	require.NoError(t, json.Unmarshal(index, &storedIndex))
	back, err := pipeline.FactSetFrom(storedFacts, storedIndex)
	require.NoError(t, err)
	require.Equal(t, s.Facts, back.Facts)
	require.Equal(t, s.Index(), back.Index())

	for _, name := range []string{"params.upper", "params.lowre", "datasets[1].license", "adapter.kind", ""} {
		_, err := pipeline.FactSetFrom(storedFacts, []pipeline.FactEntry{{Name: name}})
		require.ErrorIs(t, err, pipeline.ErrInvalid, name)
	}
}

func TestFactSet_Declare(t *testing.T) {
	t.Parallel()
	var none pipeline.FactSet
	none.Declare(nil, "x")
	require.False(t, *none.Facts.Submission.Present)
	require.Equal(t, []string{}, none.Facts.Submission.Contradictions)
	require.Len(t, none.Index(), 2)

	sub := &pipeline.Submission{
		Destination: pipeline.Destination{Country: ptr("worldwide")},
		Training:    pipeline.Training{Flops: pipeline.Interval{Upper: ptr(1e26)}, Tokens: ptr(int64(15))},
		EndUse:      pipeline.EndUse{Military: ptr(false)},
		Datasets:    []pipeline.Dataset{{License: ptr("MIT")}, {ID: ptr("two")}},
	}
	var s pipeline.FactSet
	s.Set("training.tokens", int64(99), pipeline.BasisMeasured)
	s.Declare(sub, "sub.yaml")
	require.True(t, *s.Facts.Submission.Present)
	require.Equal(t, int64(99), *s.Facts.Training.Tokens)
	want := map[string]any{
		"destination.country": "worldwide", "training.flops.upper": 1e26, "end_use.military": false,
		"datasets[0].license": "MIT", "datasets[1].id": "two", "datasets": sub.Datasets,
	}
	for name, value := range want {
		got, known := s.Value(name)
		require.True(t, known, name)
		require.Equal(t, value, got)
		e, _ := s.Entry(name)
		require.Equal(t, pipeline.BasisDeclared, e.Basis)
		require.Equal(t, []pipeline.Evidence{{Object: "sub.yaml", Where: "$." + name}}, e.Evidence)
	}
	require.Len(t, s.Index(), len(want)+3)
	_, known := s.Value("recipient.name")
	require.False(t, known, "what the submission does not state stays unknown")

	var empty pipeline.FactSet
	empty.Declare(&pipeline.Submission{Datasets: []pipeline.Dataset{}}, "s")
	v, known := empty.Value("datasets")
	require.True(t, known, "an empty list is an answer")
	require.Empty(t, v)
}

// What was found of the elements of a list holds, whatever the submission states of it.
func TestFactSet_DeclareKeepsWhatWasFoundInLists(t *testing.T) {
	t.Parallel()
	var s pipeline.FactSet
	for i, id := range []string{"a", "b"} {
		s.Set(fmt.Sprintf("bases[%d].id", i), id, pipeline.BasisParsed)
	}
	s.Set("documents", []pipeline.Document{}, pipeline.BasisMeasured)
	sub := &pipeline.Submission{
		Bases:     []pipeline.Base{{ID: ptr("x"), License: ptr("MIT")}},
		Documents: []pipeline.Document{{}, {Kind: ptr("kyc")}},
	}
	digest := pipeline.SubmissionDigest(sub)
	s.Declare(sub, "sub.yaml")
	require.Equal(t, []pipeline.Base{{ID: ptr("a"), License: ptr("MIT")}, {ID: ptr("b")}}, s.Facts.Bases)
	require.Equal(t, digest, pipeline.SubmissionDigest(sub))
	e, _ := s.Entry("bases[0].id")
	require.Equal(t, pipeline.BasisParsed, e.Basis)
	e, _ = s.Entry("bases[0].license")
	require.Equal(t, pipeline.BasisDeclared, e.Basis)
	require.Empty(t, s.Facts.Documents, "a list that is known as a whole gets no elements")
	_, err := pipeline.FactSetFrom(s.Facts, s.Index())
	require.NoError(t, err)

	var later pipeline.FactSet
	later.Declare(sub, "sub.yaml")
	later.Set("bases[0].id", "found", pipeline.BasisParsed)
	require.Equal(t, digest, pipeline.SubmissionDigest(sub), "facts and submission share no list")
}

func TestSubmissionDigest(t *testing.T) {
	t.Parallel()
	require.Empty(t, pipeline.SubmissionDigest(nil))
	one := pipeline.SubmissionDigest(&pipeline.Submission{Weights: pipeline.Weights{Access: ptr("gated")}})
	require.Equal(t, one, pipeline.SubmissionDigest(&pipeline.Submission{Weights: pipeline.Weights{Access: ptr("gated")}}))
	require.NotEqual(t, one, pipeline.SubmissionDigest(&pipeline.Submission{Weights: pipeline.Weights{Access: ptr("closed")}}))
	require.NotEqual(t, one, pipeline.SubmissionDigest(&pipeline.Submission{}))
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", string(one))
}
