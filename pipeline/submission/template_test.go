package submission_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/submission"
	"weighbridge/pipeline/vocabulary"
)

func template(t *testing.T, tpl submission.Template) string {
	t.Helper()
	tpl.Schema = "submission.schema.json"
	var b bytes.Buffer
	require.NoError(t, tpl.Write(&b))
	return b.String()
}

// uncommented takes the first "# " or "#" from every line but that for editors.
func uncommented(text string) string {
	var b strings.Builder
	first, rest, _ := strings.Cut(text, "\n")
	b.WriteString(first + "\n")
	for line := range strings.Lines(rest) {
		if after, ok := strings.CutPrefix(line, "# "); ok {
			b.WriteString(after)
			continue
		}
		b.WriteString(strings.TrimPrefix(line, "#"))
	}
	return b.String()
}

func TestTemplate_IsTheOneInTheRepository(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/template.yaml", []byte(template(t, submission.Template{})))
}

func TestTemplate_StatesNothing(t *testing.T) {
	t.Parallel()
	_, err := load(t, template(t, submission.Template{Known: []submission.Known{{Fact: "model.id", Value: "a/b", From: submission.From{How: submission.FromConfig, Key: "found"}}}}))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	var e *pipeline.Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.Hint, "Answer at least one key")
}

func TestTemplate_UncommentedAsAWholeIsASubmission(t *testing.T) {
	t.Parallel()
	sub, err := load(t, uncommented(template(t, submission.Template{})))
	require.NoError(t, err)
	require.Zero(t, submission.Answers(sub), "no answer is made up")
}

// Every key of the vocabulary is there, and takes the answers that its line says.
func TestTemplate_HoldsEveryKey(t *testing.T) {
	t.Parallel()
	text := template(t, submission.Template{})
	var known []submission.Known
	var walk func(fields []vocabulary.Field, at string)
	walk = func(fields []vocabulary.Field, at string) {
		for _, f := range fields {
			require.Contains(t, text, " "+f.Key+":")
			for _, word := range f.Words {
				require.Contains(t, text, word)
			}
			name := strings.TrimPrefix(at+"."+f.Key, ".")
			switch f.Kind {
			case vocabulary.Group:
				walk(vocabulary.Fields(f.Element), name)
			case vocabulary.List:
				walk(vocabulary.Fields(f.Element), name+"[0]")
				walk(vocabulary.Fields(f.Element), name+"[1]")
			default:
				for i, value := range answersTo(f) {
					fact := name
					if f.Kind == vocabulary.Range {
						fact += "." + f.Ends()[i].Key
					}
					known = append(known, submission.Known{Fact: fact, Value: value, From: submission.From{How: submission.FromConfig, Key: "a test"}})
				}
			}
		}
	}
	walk(vocabulary.Submission(), "")
	filled := uncommented(template(t, submission.Template{Known: known}))
	sub, err := load(t, filled)
	require.NoError(t, err)
	nested := 0 // lists in an element but the first show their plain keys only
	for _, k := range known {
		if strings.Contains(k.Fact, "[1]") && strings.Count(k.Fact[strings.Index(k.Fact, "[1]"):], ".") > 1 {
			nested++
		}
	}
	require.Equal(t, len(known)-nested, submission.Answers(sub))

	var facts pipeline.FactSet
	facts.Declare(sub, "submission")
	country, _ := facts.Value("datasets[1].origin_country")
	require.Equal(t, "DE", country)
}

func answersTo(f vocabulary.Field) []any {
	text := "text: with \"quotes\", a # and \\ – and more"
	switch {
	case f.Words != nil:
		text = f.Words[len(f.Words)-1]
	case f.Is == vocabulary.FormCountry, f.Is == vocabulary.FormPlace:
		text = "DE"
	case f.Is == vocabulary.FormDate:
		text = "2026-02-28"
	case f.Is == vocabulary.FormURL:
		text = "https://example.org/a?b=c#d"
	case f.Is == vocabulary.FormDigest:
		text = "sha256:" + digits
	}
	switch f.Kind {
	case vocabulary.Text:
		return []any{text}
	case vocabulary.Texts:
		return []any{[]string{text, text}}
	case vocabulary.Flag:
		return []any{true}
	case vocabulary.Whole:
		return []any{int64(7)}
	case vocabulary.Number:
		return []any{0.5}
	case vocabulary.Range:
		return []any{1e3, 2e3, 3e3}
	}
	panic(fmt.Sprint(f.Key, " is of no kind that a submission has"))
}

func TestTemplate_ProposesOnlyWhatLoads(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]submission.Known{
		"control characters":      {Fact: "model.name", Value: "a\x1b[2J"},
		"two lines of a comment":  {Fact: "model.name", Value: "a\rdestination: {country: DE}"},
		"blank":                   {Fact: "model.name", Value: " "},
		"no UTF-8":                {Fact: "model.name", Value: "\xff"},
		"very long":               {Fact: "model.name", Value: strings.Repeat("a", 501)},
		"another word":            {Fact: "bases[0].relation", Value: "lora"},
		"no country":              {Fact: "developer.country", Value: "EU"},
		"negative":                {Fact: "model.parameters", Value: int64(-1)},
		"too large":               {Fact: "model.parameters", Value: int64(1<<63 - 1)},
		"no fact of a submission": {Fact: "params.lower", Value: int64(1)},
		"below a value":           {Fact: "model.name.first", Value: "a"},
		"another type":            {Fact: "model.name", Value: int64(1)},
		"a list for a text":       {Fact: "model.name", Value: []string{"a"}},
		"an empty list":           {Fact: "model.modality_in", Value: []string{}},
		"a list with odd words":   {Fact: "model.modality_in", Value: []string{"text", "smell"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, template(t, submission.Template{}), template(t, submission.Template{Known: []submission.Known{k}}))
		})
	}
	text := template(t, submission.Template{
		About: []string{"The headers show 7 parameters."},
		Known: []submission.Known{
			{Fact: "model.parameters", Value: int64(7), From: submission.From{How: submission.FromConfig, Key: "measured"}},
			{Fact: "bases[0].id", Value: "a/b", From: submission.From{How: submission.FromConfig, Key: "adapter_config.json"}},
			{Fact: "bases[0].relation", Value: "adapter", From: submission.From{How: submission.FromConfig, Key: "adapter_config.json"}},
			{Fact: "bases[1].id", Value: "c/d", From: submission.From{How: submission.FromConfig, Key: "adapter_config.json"}},
		},
	})
	require.Contains(t, text, "## The headers show 7 parameters.\n")
	require.Contains(t, text, "#   parameters: 7  # measured\n")
	sub, err := load(t, uncommented(text))
	require.NoError(t, err)
	require.Equal(t, int64(7), *sub.Model.Parameters)
	require.Len(t, sub.Bases, 2)
	require.Equal(t, "adapter", *sub.Bases[0].Relation)
	require.Equal(t, "c/d", *sub.Bases[1].ID)
	require.Equal(t, 4, submission.Answers(sub))
}

// What is asked first comes first.
func TestTemplate_BeginsWithWhatIsAskedMost(t *testing.T) {
	t.Parallel()
	text := template(t, submission.Template{})
	at := -1
	for _, line := range []string{"# destination:", "#   country:", "# recipient:", "# weights:", "# end_use:", "# training:", "#   tokens:", "#   flops:", "# datasets:", "# license:", "## ---- Everything else", "# end_user:", "# documents:"} {
		next := strings.Index(text, "\n"+line)
		require.Greater(t, next, at, line)
		at = next
	}
}
