package submission_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/submission"
)

func config(t *testing.T, object, text string) pipeline.Config {
	t.Helper()
	c := pipeline.Config{Object: object, Adapter: strings.HasPrefix(object, "adapter")}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&c.Values))
	return c
}

// known is a value with how it is known in words.
type known struct {
	Fact  string
	Value any
	From  string
}

func TestKnownOf_ProposesWhatTheArtifactShows(t *testing.T) {
	t.Parallel()
	measured := func(name string, value any) func(*pipeline.FactSet) {
		return func(s *pipeline.FactSet) {
			s.Set(name, value, pipeline.BasisParsed, pipeline.Evidence{Object: "README\n.md"})
		}
	}
	for name, tc := range map[string]struct {
		found   []func(*pipeline.FactSet)
		configs []pipeline.Config
		want    []known
	}{
		"nothing": {nil, nil, nil},
		"an exact weight": {[]func(*pipeline.FactSet){measured("params.lower", int64(1234)), measured("params.estimate", int64(1234)), measured("params.upper", int64(1234))}, nil,
			[]known{{"model.parameters", int64(1234), "measured: exactly 1,234"}}},
		"an interval": {[]func(*pipeline.FactSet){measured("params.lower", int64(1000)), measured("params.estimate", int64(1234)), measured("params.upper", int64(2000))}, nil,
			[]known{{"model.parameters", int64(1234), "measured: the most likely count, 1,234"}}},
		"no weights": {[]func(*pipeline.FactSet){measured("params.estimate", int64(0))}, nil, nil},
		"a card": {[]func(*pipeline.FactSet){measured("license.declared", "MIT"), measured("params.declared", int64(5)), measured("submission.present", false)}, nil,
			[]known{{"license.declared", "MIT", `parsed in "README\n.md"`}}},
		"a better source": {[]func(*pipeline.FactSet){measured("model.name", "card"), measured("gguf.name", "file")}, nil,
			[]known{{"model.name", "card", `parsed in "README\n.md"`}}},
		"a GGUF file": {[]func(*pipeline.FactSet){measured("gguf.name", "file"), measured("gguf.base_models", []string{"a/b", "a/b", "/tmp/x", "c/d"})}, nil,
			[]known{{"model.name", "file", "as the GGUF file says"}, {"bases[0].id", "a/b", "as the files say"}, {"bases[1].id", "c/d", "as the files say"}}},
		"an adapter": {[]func(*pipeline.FactSet){measured("adapter.kind", "lora"), measured("adapter.base", "a/b")}, nil,
			[]known{{"bases[0].relation", "adapter", "the files hold an adapter"}, {"bases[0].id", "a/b", "as the files say"}}},
		"an adapter of a folder": {[]func(*pipeline.FactSet){measured("adapter.kind", "lora"), measured("adapter.base", `C:\models\x`)}, nil,
			[]known{{"bases[0].relation", "adapter", "the files hold an adapter"}}},
		"bases of a card": {[]func(*pipeline.FactSet){measured("bases[0].id", "x/y"), measured("adapter.kind", "lora")}, nil,
			[]known{{"bases[0].id", "x/y", `parsed in "README\n.md"`}}},
		"what is on record": {[]func(*pipeline.FactSet){measured("bases[0].id", "x/y"), func(f *pipeline.FactSet) {
			f.Set("bases[0].license", "mit", pipeline.BasisDeclared, pipeline.Evidence{Object: pipeline.EvidenceInventory})
		}}, nil,
			[]known{{"bases[0].id", "x/y", `parsed in "README\n.md"`}}},
		"a context": {nil, []pipeline.Config{
			config(t, "adapter_config.json", `{"max_position_embeddings": 1}`),
			config(t, "a/config.json", `{"n_positions": 2}`),
			config(t, "config.json", `{"text_config": {"max_position_embeddings": 131072}}`),
			config(t, "params.json", `{"max_position_embeddings": "many"}`)},
			[]known{{"model.context_length", int64(131072), `text_config.max_position_embeddings in "config.json"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var facts pipeline.FactSet
			for _, set := range tc.found {
				set(&facts)
			}
			var got []known
			for _, k := range submission.KnownOf(&facts, tc.configs) {
				got = append(got, known{k.Fact, k.Value, k.From.String()})
			}
			require.Equal(t, tc.want, got)
		})
	}
}
