package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

func TestEmbeddedPacksPassTheirOwnExamples(t *testing.T) {
	t.Parallel()
	require.Contains(t, policy.EmbeddedNames(), "seed-article")
	for _, name := range policy.EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pack, err := policy.Embedded(name)
			require.NoError(t, err)
			require.Equal(t, name, pack.Name)
			report, err := policy.TestPack(t.Context(), pack)
			require.NoError(t, err)
			require.Empty(t, report.Failures)
			require.Positive(t, report.Examples)
			require.Len(t, pack.Rules, report.Rules)
		})
	}
}

func TestEmbeddedPackThatDoesNotExist(t *testing.T) {
	t.Parallel()
	_, err := policy.Embedded("no-such-pack")
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	var e *pipeline.Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.Hint, "seed-article")
}

func TestDefaultsEnforceTheSeedArticle(t *testing.T) {
	t.Parallel()
	selected, err := policy.Defaults()
	require.NoError(t, err)
	modes := map[string]pipeline.Mode{}
	for _, s := range selected {
		modes[s.Pack.Name] = s.Mode
	}
	require.Equal(t, pipeline.ModeEnforce, modes["seed-article"])
	require.Equal(t, pipeline.ModeReport, policy.DefaultMode("anything-else"))
}

// Packs that ship are compiled when they are needed. They pass the checks of a pack that
// somebody wrote, and say the same before and after.
func TestEmbeddedPacksPassEveryCheck(t *testing.T) {
	t.Parallel()
	for _, name := range policy.EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			strict, err := policy.LoadFile("packs/" + name + ".yaml")
			require.NoError(t, err)
			shipped, err := policy.Embedded(name)
			require.NoError(t, err)
			require.Equal(t, strict.Digest, shipped.Digest)
			for i := range strict.Rules {
				require.Equal(t, strict.Rules[i].Lists, shipped.Rules[i].Lists, strict.Rules[i].ID)
				require.Equal(t, strict.Rules[i].Unverified, shipped.Rules[i].Unverified, strict.Rules[i].ID)
				require.Equal(t, strict.Rules[i].Reads(), shipped.Rules[i].Reads(), strict.Rules[i].ID)
				require.NotEmpty(t, shipped.Rules[i].Reads())
			}
		})
	}
}

// What a caller does to its pack is not seen by the next one.
func TestEmbedded_IsTheCallersOwn(t *testing.T) {
	t.Parallel()
	mine, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	theirs, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	want := theirs.Rules[0].ID
	mine.Name, mine.Rules[0] = "changed", policy.Rule{ID: "changed"}
	again, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	for _, pack := range []*policy.Pack{theirs, again} {
		require.Equal(t, "seed-article", pack.Name)
		require.Equal(t, want, pack.Rules[0].ID)
	}
}
