package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestPublishedID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		id, model, source string
		want              string
		stated            bool
	}{
		"stated":               {"https://huggingface.co/acme/own/", "other", "s3://b/x/y/", "acme/own", true},
		"stated alone":         {"own", "", "s3://b/x/y/", "own", true},
		"a name with an owner": {"", "acme/own", "s3://b/x/y/", "acme/own", true},
		"a name without":       {"", "own", "s3://b/x/y/", "x/y", false},
		"no id":                {"My model", "My model", "s3://b/x/y/", "x/y", false},
		"the last two":         {"", "", "s3://b/teams/x/y/", "x/y", false},
		"one part":             {"", "", "s3://b/llama-3-70b/", "llama-3-70b", false},
		"the bucket":           {"", "", "s3://b/", "", false},
		"a folder of models":   {"", "", "/home/me/models/llama", "llama", false},
		"a version":            {"", "", "s3://b/llama/v1 (new)/", "", false},
		"nothing":              {"", "", "", "", false},
	} {
		f := &pipeline.Facts{}
		if tc.id != "" {
			f.Model.ID = &tc.id
		}
		if tc.model != "" {
			f.Model.Name = &tc.model
		}
		id, stated := pipeline.PublishedID(f, tc.source)
		require.Equal(t, tc.want, id, name)
		require.Equal(t, tc.stated, stated, name)
	}
}

// What was filled in from earlier cases or a table is not put on record again.
func TestKnownModelOf(t *testing.T) {
	t.Parallel()
	r := &pipeline.Report{Artifact: pipeline.Artifact{Source: "s3://b/x/y/"}}
	require.Equal(t, pipeline.KnownModel{ID: "x/y", Source: "s3://b/x/y/"}, pipeline.KnownModelOf(r))

	set := &pipeline.FactSet{}
	mit, gemma, one, path, how := "mit", "gemma", "https://hf.co/A/One", "/data/x", "merge"
	set.Set("license.declared", "other", pipeline.BasisDeclared)
	set.Set("license.name", "acme-1.0", pipeline.BasisDeclared)
	set.Set("bases", []pipeline.Base{{ID: &one, License: &mit, Relation: &how}, {ID: &one, License: &gemma}, {ID: &one, License: &gemma}, {ID: &path, License: &mit}}, pipeline.BasisDeclared)
	set.Set("bases[0].license", mit, pipeline.BasisDeclared, pipeline.Evidence{Object: "submission"})
	set.Set("bases[1].license", gemma, pipeline.BasisDeclared, pipeline.Evidence{Object: pipeline.EvidenceInventory, Where: "case 1"})
	set.Set("bases[2].license", gemma, pipeline.BasisDeclared, pipeline.Evidence{Object: pipeline.EvidenceBaseLicences})
	r.Facts, r.FactsIndex = set.Facts, set.Index()
	require.Equal(t, pipeline.KnownModel{ID: "x/y", Source: "s3://b/x/y/", License: "acme-1.0",
		Bases: []pipeline.KnownBase{{ID: "A/One", Relation: "merge", License: "mit"}, {ID: "A/One"}, {ID: "A/One"}, {}}}, pipeline.KnownModelOf(r))

	set.Set("bases", make([]pipeline.Base, 5000), pipeline.BasisDeclared)
	r.Facts, r.FactsIndex = set.Facts, set.Index()
	require.Len(t, pipeline.KnownModelOf(r).Bases, 1000)
}
