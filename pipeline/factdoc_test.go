package pipeline_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/internal/fielddocs"
)

var update = flag.Bool("update", false, "write generated files again")

func TestFactDocs_AreThoseOfTheComments(t *testing.T) {
	t.Parallel()
	got, err := fielddocs.Generate(".")
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(fielddocs.File, got, 0o644))
	}
	want, err := os.ReadFile(fielddocs.File)
	require.NoError(t, err)
	// Not their texts, which are too long to be shown.
	require.True(t, bytes.Equal(want, got), "the comments have changed: run go generate ./pipeline/...")
}

func TestFactDoc_SaysWhatAFactIs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ owner, key, want string }{
		"a struct":                {"Party", "", "A person or organisation that takes part in a transfer."},
		"a field":                 {"Destination", "country", `Where the weights go, or "worldwide".`},
		"two fields, the first":   {"Model", "modality_in", "What the model takes."},
		"two fields, the second":  {"Model", "modality_out", "What it makes."},
		"a truth of two":          {"Model", "watermark", "True where that output is marked as such."},
		"a verb of two":           {"Dataset", "sensitive", "Says whether any of that is sensitive."},
		"fields joined":           {"Transfer", "from_uk", "from_uk and from_jp are the same for the United Kingdom and Japan."},
		"one leans on the other":  {"Organisation", "daily_users", "monthly_users is the number of monthly active users, daily_users that of a day."},
		"another in passing":      {"Hardware", "performance_density", "performance_density is tpp by the applicable die area in square millimetres."},
		"names of neither":        {"Params", "effective_upper", "The effective interval is the model's own, unless the artifact is an adapter; then it is its base's, unknown where that cannot be bounded."},
		"a verb of its own":       {"Party", "aliases", "Lists other names that the party is known by."},
		"a comment on many":       {"Facts", "submission", ""},
		"nothing of the kind":     {"Party", "colour", ""},
		"nothing of such a group": {"Nobody", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, pipeline.FactDoc(tc.owner, tc.key))
		})
	}
}

func TestFactDocs_RefuseWhatIsNoGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "odd.go"), []byte("package {"), 0o644))
	_, err := fielddocs.Generate(folder)
	require.Error(t, err)
}
