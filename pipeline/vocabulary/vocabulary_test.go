package vocabulary_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// Every field of every group has a type and tags that mean something, and words to
// describe it. Fields panics where a tag does not.
func TestFields_OfAllFacts(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type) int
	walk = func(of reflect.Type) int {
		if seen[of] {
			return 0
		}
		seen[of] = true
		n := 0
		for _, f := range vocabulary.Fields(of) {
			n++
			require.NotEmpty(t, f.Doc, "%s.%s", of.Name(), f.Key)
			require.NotEmpty(t, f.Takes(), "%s.%s", of.Name(), f.Key)
			if f.Is != "" || f.Words != nil {
				require.Contains(t, []vocabulary.Kind{vocabulary.Text, vocabulary.Texts}, f.Kind, "%s.%s", of.Name(), f.Key)
			}
			if f.Unit != "" || f.Bounded() {
				require.Contains(t, []vocabulary.Kind{vocabulary.Whole, vocabulary.Number, vocabulary.Range, vocabulary.Counts}, f.Kind, "%s.%s", of.Name(), f.Key)
			}
			if f.Element != nil {
				n += walk(f.Element)
			}
		}
		return n
	}
	require.Greater(t, walk(reflect.TypeFor[pipeline.Facts]()), 250)
	walk(reflect.TypeFor[pipeline.Submission]())
}

// A rule that asks for a fact of a submission is answered by the key of the same name.
func TestSubmission_IsAPartOfTheFacts(t *testing.T) {
	t.Parallel()
	facts := map[string]reflect.Type{}
	for _, f := range vocabulary.Facts() {
		facts[f.Key] = f.Type
	}
	for _, f := range vocabulary.Submission() {
		require.Equal(t, f.Type, facts[f.Key], f.Key)
	}
}

func TestFields_RefuseWhatMeansNothing(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]reflect.Type{
		"another form": reflect.TypeFor[struct {
			A *string `json:"a" is:"postcode"`
		}](),
		"a word for max": reflect.TypeFor[struct {
			A *int64 `json:"a" max:"many"`
		}](),
		"no max": reflect.TypeFor[struct {
			A *int64 `json:"a" max:"-1"`
		}](),
		"another type": reflect.TypeFor[struct {
			A chan int `json:"a"`
		}](),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Panics(t, func() { vocabulary.Fields(of) })
		})
	}
}

func TestField_TellsWhatItTakes(t *testing.T) {
	t.Parallel()
	type sample struct {
		Hidden   *string            `json:"-"`
		Text     *string            `json:"text"`
		Word     *string            `json:"word" values:"a,b"`
		Words    []string           `json:"words" values:"a,b"`
		Country  *string            `json:"country" is:"country"`
		Places   []string           `json:"places" is:"place"`
		Day      *string            `json:"day" is:"date"`
		Flag     bool               `json:"flag"`
		Tokens   *int64             `json:"tokens" unit:"tokens" max:"1e18"`
		Share    *float64           `json:"two_words" unit:"share from 0 to 1" max:"1"`
		Counts   map[string]int64   `json:"counts"`
		Ends     pipeline.Interval  `json:"ends" unit:"operations" max:"100"`
		Datasets []pipeline.Dataset `json:"datasets"`
	}
	want := map[string]string{
		"text": "text", "word": "one of: a, b", "words": "list of: a, b", "country": "country, as in DE",
		"places": "list of countries, as in [DE, FR], or [worldwide]", "day": "day, as in 2026-01-31", "flag": "true or false",
		"tokens": "whole number; unit: tokens", "two_words": "number; unit: share from 0 to 1; at most 1", "counts": "whole numbers by name",
		"ends": "lower, estimate and upper; unit: operations; at most 100", "datasets": "list",
	}
	fields := vocabulary.Fields(reflect.TypeFor[sample]())
	require.Len(t, fields, len(want))
	for _, f := range fields {
		require.Equal(t, want[f.Key], f.Takes(), f.Key)
		switch f.Key {
		case "two_words":
			require.Equal(t, "Two words.", f.Doc, "a key without a comment stands for itself")
		case "datasets":
			require.Equal(t, "One set of data that the model was trained on.", f.Doc)
		case "ends":
			ends := f.Ends()
			require.Len(t, ends, 3)
			require.Equal(t, "operations", ends[2].Unit)
			require.InDelta(t, 100, ends[2].Max, 0)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"One. Two.":                        "One.",
		"One.":                             "One.",
		"Under Art. 3 of it. More. Words.": "Under Art. 3 of it.",
		"":                                 "",
		"No end":                           "No end",
		"Ends in a blank. ":                "Ends in a blank. ",
	} {
		require.Equal(t, want, vocabulary.FirstSentence(doc))
	}
}
