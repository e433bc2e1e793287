package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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
approvals: {key: key.pem, trust: /keys/trust.yaml, revocations: revoked.json}
audit: {checkpoint_every: 24h, folder: checkpoints}
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

	require.Equal(t, config.Approvals{Key: filepath.Join(dir, "key.pem"), Trust: "/keys/trust.yaml", Revocations: filepath.Join(dir, "revoked.json")}, s.Approvals)
	require.Equal(t, config.Audit{CheckpointEvery: 24 * time.Hour, Folder: filepath.Join(dir, "checkpoints")}, s.Audit)

	s, err = config.Settings{File: path, Approvals: config.Approvals{Key: "flag.pem"}}.Resolve(env(map[string]string{
		config.EnvKey: "env.pem", config.EnvTrust: "env.yaml", config.EnvRevocations: "env.json"}))
	require.NoError(t, err)
	require.Equal(t, config.Approvals{Key: "flag.pem", Trust: "env.yaml", Revocations: "env.json"}, s.Approvals)

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
		"packs: {modes: {us-ear: maybe}}":          `wb.yaml:1:25: "maybe" is no mode of a pack`,
		"audit: {checkpoint_every: 1s, folder: f}": `wb.yaml:1:27: "1s" is no time between checkpoints`,
		"audit: {checkpoint_every: 24h}":           `checkpoints need a folder`,
		"approvals: {keys: a.pem}":                 `unknown key`,
		"queue: q.db":                              "wb.yaml:1:1: unknown key",
		"packs: {files: [~]}":                      "wb.yaml:1:17: this element of a list is empty",
		"":                                         "wb.yaml:1:1: the file is empty",
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
