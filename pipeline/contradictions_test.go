package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestContradict_SaysWhatDiffers(t *testing.T) {
	t.Parallel()
	model := func(n int64) *pipeline.Submission {
		return &pipeline.Submission{Model: pipeline.Model{Parameters: &n}}
	}
	weight := func(lower, upper int64) map[string]any {
		return map[string]any{"params.lower": lower, "params.upper": upper}
	}
	licence := func(text string) *pipeline.Submission {
		return &pipeline.Submission{License: pipeline.License{Declared: &text}}
	}
	bases := func(ids ...string) *pipeline.Submission {
		sub := &pipeline.Submission{}
		for _, id := range ids {
			sub.Bases = append(sub.Bases, pipeline.Base{ID: &id})
		}
		return sub
	}
	for name, tc := range map[string]struct {
		sub   *pipeline.Submission
		found map[string]any
		want  []string
	}{
		"nothing declared":    {nil, weight(5, 5), nil},
		"nothing found":       {licence("MIT"), nil, nil},
		"the same":            {licence("MIT"), map[string]any{"license.declared": "MIT"}, nil},
		"another case":        {licence("apache-2.0 "), map[string]any{"license.declared": "Apache-2.0"}, nil},
		"another licence":     {licence("MIT"), map[string]any{"license.declared": "llama3.1"}, []string{`license.declared: the submission states "MIT", and "llama3.1" was found (parsed).`}},
		"a hostile text":      {licence("MIT"), map[string]any{"license.declared": "a\x1b[2J\n"}, []string{`license.declared: the submission states "MIT", and "a\x1b[2J\n" was found (parsed).`}},
		"a long text":         {licence("MIT"), map[string]any{"license.declared": strings.Repeat("é", 300)}, []string{`license.declared: the submission states "MIT", and "` + strings.Repeat("é", 200) + `…" was found (parsed).`}},
		"exactly":             {model(70_553_706_496), weight(70_553_706_496, 70_553_706_496), nil},
		"rounded down":        {model(70_000_000_000), weight(70_553_706_496, 70_553_706_496), nil},
		"at the lower bound":  {model(980), weight(1000, 1000), nil},
		"below it":            {model(979), weight(1000, 1000), []string{"model.parameters: the submission states 979 parameters, and the headers show 1,000."}},
		"at the upper bound":  {model(1020), weight(1000, 1000), nil},
		"above it":            {model(1021), weight(1000, 1000), []string{"model.parameters: the submission states 1,021 parameters, and the headers show 1,000."}},
		"within the interval": {model(5000), weight(1000, 9000), nil},
		"outside it":          {model(10_000), weight(1000, 9000), []string{"model.parameters: the submission states 10,000 parameters, and the headers show 1,000 to 9,000."}},
		"no upper end":        {model(5), map[string]any{"params.lower": int64(1000)}, []string{"model.parameters: the submission states 5 parameters, and the headers show at least 1,000."}},
		"no lower end":        {model(5000), map[string]any{"params.upper": int64(1000)}, []string{"model.parameters: the submission states 5,000 parameters, and the headers show at most 1,000."}},
		"no weights":          {model(5000), weight(0, 0), nil},
		"the largest":         {model(1<<63 - 1), weight(1, 1<<63-1), nil},
		"the adapter's base": {model(70_000_000_000), map[string]any{"params.lower": int64(1000), "params.upper": int64(1000), "adapter.kind": "lora",
			"params.effective_lower": int64(69_000_000_000), "params.effective_upper": int64(71_000_000_000)}, nil},
		"neither the adapter nor its base": {model(7_000_000_000), map[string]any{"params.lower": int64(1000), "params.upper": int64(1000), "adapter.kind": "lora",
			"params.effective_lower": int64(69_000_000_000), "params.effective_upper": int64(71_000_000_000)},
			[]string{"model.parameters: the submission states 7,000,000,000 parameters, and the headers show 1,000."}},
		"words in another order": {&pipeline.Submission{Model: pipeline.Model{ModalityIn: []string{"text", "image"}}}, map[string]any{"model.modality_in": []string{"image", "text"}}, nil},
		"fewer words": {&pipeline.Submission{Model: pipeline.Model{ModalityIn: []string{"text"}}}, map[string]any{"model.modality_in": []string{"image", "text"}},
			[]string{`model.modality_in: the submission states "text", and "image, text" was found (parsed).`}},
		"no words": {&pipeline.Submission{Model: pipeline.Model{ModalityIn: []string{}}}, map[string]any{"model.modality_in": []string{"text"}},
			[]string{`model.modality_in: the submission states none, and "text" was found (parsed).`}},
		"a truth": {&pipeline.Submission{Model: pipeline.Model{NoticeFile: ptr(true)}}, map[string]any{"model.notice_file": false},
			[]string{"model.notice_file: the submission states true, and false was found (parsed)."}},
		"a number":              {&pipeline.Submission{Training: pipeline.Training{Epochs: ptr(1.0)}}, map[string]any{"training.epochs": 1.01}, nil},
		"another number":        {&pipeline.Submission{Training: pipeline.Training{Epochs: ptr(1.0)}}, map[string]any{"training.epochs": 2.5}, []string{"training.epochs: the submission states 1, and 2.5 was found (parsed)."}},
		"a base":                {bases("a/b"), map[string]any{"bases[0].id": "A/B"}, nil},
		"a base further down":   {bases("x/y", "a/b"), map[string]any{"bases[0].id": "a/b"}, nil},
		"a base that is absent": {bases("x/y"), map[string]any{"bases[0].id": "a/b"}, []string{`bases[0].id: the submission states "x/y", and "a/b" was found (parsed).`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := pipeline.SubmissionDigest(tc.sub)
			seen := pipeline.Evidence{Object: "card"}

			// What is found before and after the submission is declared gives the same.
			var first, then pipeline.FactSet
			set := func(s *pipeline.FactSet) {
				for fact, value := range tc.found {
					s.Set(fact, value, pipeline.BasisParsed, seen)
				}
			}
			set(&first)
			first.Declare(tc.sub, "sub.yaml")
			then.Declare(tc.sub, "sub.yaml")
			require.Empty(t, then.Facts.Submission.Contradictions)
			set(&then)
			then.Contradict(tc.sub, "sub.yaml")

			want := append([]string{}, tc.want...)
			require.Equal(t, want, first.Facts.Submission.Contradictions)
			require.Equal(t, want, then.Facts.Submission.Contradictions)
			then.Contradict(tc.sub, "sub.yaml")
			require.Equal(t, want, then.Facts.Submission.Contradictions)
			for fact, value := range tc.found {
				got, _ := then.Value(fact)
				require.Equal(t, value, got, "what was measured holds")
			}
			require.Equal(t, before, pipeline.SubmissionDigest(tc.sub), "the submission is not written to")
			entry, known := then.Entry("submission.contradictions")
			require.True(t, known)
			require.Equal(t, pipeline.BasisMeasured, entry.Basis)
			if len(want) == 0 {
				require.Empty(t, entry.Evidence)
				return
			}
			require.Equal(t, "sub.yaml", entry.Evidence[0].Object)
			require.Contains(t, entry.Evidence, seen)
		})
	}
}

func TestContradict_IsBounded(t *testing.T) {
	t.Parallel()
	sub := &pipeline.Submission{}
	var facts pipeline.FactSet
	for i := range 150 {
		sub.Datasets = append(sub.Datasets, pipeline.Dataset{ID: ptr(fmt.Sprint("stated-", i))})
		facts.Set(fmt.Sprintf("datasets[%d].id", i), fmt.Sprint("found-", i), pipeline.BasisParsed)
	}
	facts.Contradict(sub, "sub.yaml")
	got := facts.Facts.Submission.Contradictions
	require.Len(t, got, 101)
	require.Equal(t, "50 more facts differ.", got[100])
}

// That there are no bases is held against every place that names one.
func TestContradict_NoBases(t *testing.T) {
	t.Parallel()
	none := &pipeline.Submission{Bases: []pipeline.Base{}}
	place := func(ids ...string) []pipeline.BaseSource {
		out := []pipeline.BaseSource{}
		for _, id := range ids {
			out = append(out, pipeline.BaseSource{Object: "README.md", ID: id})
		}
		return out
	}
	for name, tc := range map[string]struct {
		sub   *pipeline.Submission
		found map[string]any
		want  []string
	}{
		"no place":          {none, map[string]any{"lineage.bases": place()}, nil},
		"nothing is stated": {&pipeline.Submission{}, map[string]any{"lineage.bases": place("a/b")}, nil},
		"a place":           {none, map[string]any{"lineage.bases": place("a/b", "A/B", "c/d")}, []string{`bases: the submission states that there are none, and the artifact names "a/b", "c/d".`}},
		"many places":       {none, map[string]any{"lineage.bases": place("a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7")}, []string{`bases: the submission states that there are none, and the artifact names "a/1", "a/2", "a/3", "a/4", "a/5", 2 more.`}},
		"an adapter's":      {none, map[string]any{"adapter.base": "/data/x"}, []string{`bases: the submission states that there are none, and the adapter names "/data/x".`}},
	} {
		set := &pipeline.FactSet{}
		for fact, value := range tc.found {
			set.Set(fact, value, pipeline.BasisParsed, pipeline.Evidence{Object: "README.md"})
		}
		set.Declare(tc.sub, "submission")
		require.Equal(t, append([]string{}, tc.want...), set.Facts.Submission.Contradictions, name)
		if tc.want != nil {
			entry, _ := set.Entry("submission.contradictions")
			require.Equal(t, []pipeline.Evidence{{Object: "submission", Where: "$.bases"}, {Object: "README.md"}}, entry.Evidence, name)
		}
	}
}
