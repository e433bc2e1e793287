package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

func ptr[T any](v T) *T { return &v }

// parse stands for the parser of submissions: the text is the country.
func parse(text []byte) (*pipeline.Submission, error) {
	if strings.Contains(string(text), "!") {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "weighbridge.yaml:1:1: odd"}
	}
	return &pipeline.Submission{Destination: pipeline.Destination{Country: ptr(string(text))}}, nil
}

func TestSubmission_AtTheRootIsUsedWithANote(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("a.txt", []byte("words"))
	m.Put("nested/"+pipeline.SubmissionName, []byte("not the root"))
	e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}
	before := run(t, e, s)
	m.Put(pipeline.SubmissionName, []byte("DE"))
	w := weigh(t, e, engine.Request{Store: s, ParseSubmission: parse, Keep: true})
	r := w.Report

	require.True(t, r.Submission.Present)
	require.Equal(t, pipeline.SubmissionDigest(w.Submission), *r.Submission.Digest)
	require.Equal(t, "DE", *w.Submission.Destination.Country)
	require.Equal(t, "DE", *r.Facts.Destination.Country)
	require.Len(t, r.Notes, 1)
	require.Contains(t, r.Notes[0], "would be published")
	require.Equal(t, pipeline.RoleSubmission, object(t, r, pipeline.SubmissionName).Role)
	require.Equal(t, pipeline.RoleText, object(t, r, "nested/"+pipeline.SubmissionName).Role)

	require.Equal(t, before.Artifact.PinDigest, r.Artifact.PinDigest)
	require.Equal(t, before.Artifact.HeaderDigest, r.Artifact.HeaderDigest)
	m.Put(pipeline.SubmissionName, []byte("FR"))
	after := weigh(t, e, engine.Request{Store: s, ParseSubmission: parse}).Report
	require.Equal(t, r.Artifact.PinDigest, after.Artifact.PinDigest)
	require.Equal(t, r.Artifact.HeaderDigest, after.Artifact.HeaderDigest)
	require.NotEqual(t, *r.Submission.Digest, *after.Submission.Digest)
}

func TestSubmission_ContentDigestLeavesTheFileOut(t *testing.T) {
	t.Parallel()
	s := pipeline.Snapshot{Objects: []pipeline.Object{{Path: "a", Size: 1}}}
	sums := map[string]string{"a": "00"}
	alone := s.ContentDigest(sums)
	s.Objects = append(s.Objects, pipeline.Object{Path: pipeline.SubmissionName, Size: 9})
	require.Equal(t, alone, s.ContentDigest(sums))
}

func TestSubmission_GivenOneWinsOverTheRoot(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put(pipeline.SubmissionName, []byte("!"))
	given := &pipeline.Submission{Destination: pipeline.Destination{Country: ptr("JP")}}
	r := weigh(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}},
		engine.Request{Store: s, ParseSubmission: parse, Submission: given, SubmissionName: "given.yaml"}).Report
	require.Equal(t, "JP", *r.Facts.Destination.Country)
	require.Empty(t, r.Notes)
	for _, e := range r.FactsIndex {
		if e.Name == "destination.country" {
			require.Equal(t, pipeline.BasisDeclared, e.Basis)
			require.Equal(t, []pipeline.Evidence{{Object: "given.yaml", Where: "$.destination.country"}}, e.Evidence)
		}
	}
}

func TestSubmission_AtTheRootThatCannotBeUsedIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"malformed": "odd!",
		"too long":  strings.Repeat("#", 256<<10+1),
		"a pointer": "version https://git-lfs.github.com/spec/v1\nsize 5\n",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put(pipeline.SubmissionName, []byte(content))
			e := engine.Engine{}
			w, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day, ParseSubmission: parse})
			require.Nil(t, w)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		m, s := store()
		m.Put(pipeline.SubmissionName, []byte("DE"))
		m.Deny(pipeline.SubmissionName)
		e := engine.Engine{}
		_, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day, ParseSubmission: parse})
		require.ErrorIs(t, err, pipeline.ErrInvalid)
	})
}

func TestSubmission_LeftAloneWhereNobodyParses(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put(pipeline.SubmissionName, []byte("!"))
	r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, s)
	require.False(t, r.Submission.Present)
	require.False(t, *r.Facts.Submission.Present)
	require.Empty(t, r.Notes)
}

func TestSubmission_NeverOverridesWhatWasMeasured(t *testing.T) {
	t.Parallel()
	_, s := store()
	given := &pipeline.Submission{
		Weights:  pipeline.Weights{Access: ptr("published")},
		Training: pipeline.Training{Tokens: ptr(int64(5))},
	}
	measures := deriver{"measures", func(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
		facts.Set("training.tokens", int64(15), pipeline.BasisMeasured)
		facts.Set("params.stored_elements", int64(1), pipeline.BasisMeasured)
		return nil
	}}
	r := weigh(t, engine.Engine{Derivers: []pipeline.Deriver{measures}}, engine.Request{Store: s, Submission: given}).Report
	require.Equal(t, int64(15), *r.Facts.Training.Tokens)
	require.Equal(t, "published", *r.Facts.Weights.Access)
	for _, e := range r.FactsIndex {
		if e.Name == "training.tokens" {
			require.Equal(t, pipeline.BasisMeasured, e.Basis)
		}
	}

	// A fact that was known before is left as it is.
	var facts pipeline.FactSet
	facts.Set("training.tokens", int64(15), pipeline.BasisMeasured)
	facts.Declare(given, "submission")
	require.Equal(t, int64(15), *facts.Facts.Training.Tokens)
}

// What derivers find after the submission was declared is held against it.
func TestSubmission_ContradictionsAreFactsOfEveryRun(t *testing.T) {
	t.Parallel()
	_, s := store()
	measures := deriver{"measures", func(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
		facts.Set("training.tokens", int64(15), pipeline.BasisMeasured)
		facts.Set("params.stored_elements", int64(9000), pipeline.BasisMeasured)
		facts.Set("params.lower", int64(9000), pipeline.BasisMeasured)
		facts.Set("params.upper", int64(9000), pipeline.BasisMeasured)
		return nil
	}}
	e := engine.Engine{Derivers: []pipeline.Deriver{measures}}
	given := &pipeline.Submission{
		Model:    pipeline.Model{Parameters: ptr(int64(7000))},
		Training: pipeline.Training{Tokens: ptr(int64(5))},
	}
	r := weigh(t, e, engine.Request{Store: s, Submission: given, SubmissionName: "given.yaml"}).Report
	require.Equal(t, []string{
		"training.tokens: the submission states 5, and 15 was found (measured).",
		"model.parameters: the submission states 7,000 parameters, and the headers show 9,000.",
	}, r.Facts.Submission.Contradictions)

	back, err := pipeline.FactSetFrom(r.Facts, r.FactsIndex)
	require.NoError(t, err)
	stored, known := back.Value("submission.contradictions")
	require.True(t, known, "a stored case is judged again with them")
	require.Len(t, stored, 2)

	none := run(t, e, s)
	require.NotNil(t, none.Facts.Submission.Contradictions)
	require.Empty(t, none.Facts.Submission.Contradictions)
}
