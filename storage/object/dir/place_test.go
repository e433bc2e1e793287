package dir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/object/dir"
	"weighbridge/storage/object/objecttest"
)

func folder(t *testing.T) (string, pipeline.Source) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "release")
	return at, pipeline.Source{Scheme: pipeline.SchemeDir, Dir: at}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	objecttest.RunPlace(t, func(*testing.T) objecttest.PlaceHarness {
		return objecttest.PlaceHarness{Open: func(t *testing.T) (pipeline.Place, pipeline.Store) {
			_, src := folder(t)
			p, err := dir.OpenPlace(src)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, p.Close()) })
			s, err := dir.Open(src)
			require.NoError(t, err)
			return p, s
		}, Working: ".cache/"}
	})
}

func TestPlace_RefusesNamesThatNoFolderShows(t *testing.T) {
	t.Parallel()
	at, src := folder(t)
	p, err := dir.OpenPlace(src)
	require.NoError(t, err)
	for _, name := range []string{"../x", "/x", "a/../../x", "a//b", "./a", ".", "a/", ".git/config", "x/.cache/y", "a\x00b", `a\b`} {
		err := p.Put(t.Context(), name, 1, pipeline.DigestBytes([]byte("x")), strings.NewReader("x"))
		require.ErrorIs(t, err, pipeline.ErrUsage, name)
		require.ErrorIs(t, p.Remove(t.Context(), name), pipeline.ErrUsage, name)
	}
	require.NoFileExists(t, filepath.Join(filepath.Dir(at), "x"))
}

func TestPlace_LinksLeadNowhere(t *testing.T) {
	t.Parallel()
	at, src := folder(t)
	p, err := dir.OpenPlace(src)
	require.NoError(t, err)
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(at, "out")))
	err = p.Put(t.Context(), "out/x", 1, pipeline.DigestBytes([]byte("x")), strings.NewReader("x"))
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(outside, "x"))
}

func TestPlace_SweepsWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	at, src := folder(t)
	left := filepath.Join(at, ".cache", "weighbridge-release")
	require.NoError(t, os.MkdirAll(left, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(left, "half"), []byte("x"), 0o600))
	p, err := dir.OpenPlace(src)
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(at, ".cache"))
	require.NoError(t, p.Close())
}
