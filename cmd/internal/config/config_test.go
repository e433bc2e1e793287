package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
)

const file = `db: queue.db
actor: from-file
packs:
  modes: {us-ear: enforce, kr: off}
  files: [ours.yaml]
  lists: [/lists/d5.yaml]
screening: {list: list.json, date: 2026-11-23}
directives: told.yaml
`

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// Flags win over the environment, and the environment over the file.
func TestResolve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "wb.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))

	s, err := config.Settings{File: path}.Resolve(env(nil))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "queue.db"), s.DB, "paths are from the file's folder")
	require.Equal(t, "from-file", s.Actor)
	require.Equal(t, map[string]pipeline.Mode{"us-ear": pipeline.ModeEnforce, "kr": pipeline.ModeOff}, s.Rules.Modes)
	require.Equal(t, []string{filepath.Join(dir, "ours.yaml")}, s.Rules.Files)
	require.Equal(t, []string{"/lists/d5.yaml"}, s.Rules.Lists)
	require.Equal(t, filepath.Join(dir, "list.json"), s.Lists.Screening)
	require.Equal(t, "2026-11-23", s.Lists.ScreeningDate)
	require.Equal(t, filepath.Join(dir, "told.yaml"), s.Lists.Directives)

	s, err = config.Settings{Actor: "from-flag", Rules: config.Rules{}.With("us-ear", pipeline.ModeReport)}.Resolve(env(map[string]string{
		config.EnvFile: path, config.EnvDB: "other.db", config.EnvActor: "from-env", config.EnvScreeningList: "fresh.json",
	}))
	require.NoError(t, err)
	require.Equal(t, "other.db", s.DB)
	require.Equal(t, "from-flag", s.Actor)
	require.Equal(t, pipeline.ModeReport, s.Rules.Modes["us-ear"])
	require.Equal(t, pipeline.ModeOff, s.Rules.Modes["kr"])
	require.Equal(t, "fresh.json", s.Lists.Screening)
	require.Empty(t, s.Lists.ScreeningDate, "the date in the file is that of another list")
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"packs: {modes: {us-ear: maybe}}": `wb.yaml:1:25: "maybe" is no mode of a pack`,
		"queue: q.db":                     "wb.yaml:1:1: unknown key",
		"packs: {files: [~]}":             "wb.yaml:1:17: this element of a list is empty",
		"":                                "wb.yaml:1:1: the file is empty",
	} {
		path := filepath.Join(t.TempDir(), "wb.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := config.Settings{File: path}.Resolve(env(nil))
		require.ErrorIs(t, err, pipeline.ErrInvalid, text)
		require.ErrorContains(t, err, want)
	}
	_, err := config.Settings{File: filepath.Join(t.TempDir(), "none.yaml")}.Resolve(env(nil))
	require.ErrorIs(t, err, pipeline.ErrUsage)
}
