package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/storage/object/s3"
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

// Where approved bytes go, and who writes there: the variables win over the file, and the
// staging bucket lends its endpoint and region only.
func TestResolve_ReleasePlace(t *testing.T) {
	t.Parallel()
	const text = "release: {endpoint: 'https://public.example', region: eu-north-1, profile: publisher, credentials_file: creds}\n"
	staging := map[string]string{"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "staging",
		"AWS_ENDPOINT_URL_S3": "https://staging.example", "AWS_REGION": "eu-west-1", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:reader"}
	with := func(pairs ...string) map[string]string {
		out := maps.Clone(staging)
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "wb.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	none := s3.Options{EnvPrefix: config.ReleasePrefix, Endpoint: "https://staging.example", Region: "eu-west-1", Profile: "default"}
	filed := s3.Options{EnvPrefix: config.ReleasePrefix, Endpoint: "https://public.example", Region: "eu-north-1", Profile: "publisher", CredentialsFile: filepath.Join(dir, "creds")}
	keys, other := filed, filed
	keys.AccessKeyID, keys.SecretAccessKey = "writer", "w"
	other.Profile, other.Endpoint, other.CredentialsFile = "night", "https://other.example", "/elsewhere"
	for name, test := range map[string]struct {
		file string
		env  map[string]string
		want s3.Options
	}{
		"nothing is said":   {"", staging, none},
		"the file":          {path, staging, filed},
		"keys by variables": {path, with("WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID", "writer", "WEIGHBRIDGE_RELEASE_AWS_SECRET_ACCESS_KEY", "w"), keys},
		"the variables win": {path, with("WEIGHBRIDGE_RELEASE_AWS_PROFILE", "night", "WEIGHBRIDGE_RELEASE_AWS_ENDPOINT_URL", "https://other.example", "WEIGHBRIDGE_RELEASE_AWS_SHARED_CREDENTIALS_FILE", "/elsewhere"), other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := config.Settings{File: test.file}.Resolve(env(test.env))
			require.NoError(t, err)
			require.Equal(t, test.want, s.Release)
			require.Equal(t, "reader", s.S3.AccessKeyID)
			require.Equal(t, "https://staging.example", s.S3.Endpoint)
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"packs: {modes: {us-ear: maybe}}":                  `wb.yaml:1:25: "maybe" is no mode of a pack`,
		"audit: {checkpoint_every: 1s, folder: f}":         `wb.yaml:1:27: "1s" is no time between checkpoints`,
		"audit: {checkpoint_every: 24h}":                   `checkpoints need a folder`,
		"release: {access_key_id: AKIAEXAMPLE}":            `unknown key "access_key_id"`,
		"release: {secret_access_key: shown-nowhere}":      `Keys of a store never stand here`,
		"release: {endpoint: 'https://u:shown-nowhere@h'}": `wb.yaml:1:21: this is no plain URL of a store`,
		"release: {endpoint: public.example}":              `write https://host or http://host:port`,
		"approvals: {keys: a.pem}":                         `unknown key`,
		"queue: q.db":                                      "wb.yaml:1:1: unknown key",
		"packs: {files: [~]}":                              "wb.yaml:1:17: this element of a list is empty",
		"":                                                 "wb.yaml:1:1: the file is empty",
	} {
		path := filepath.Join(t.TempDir(), "wb.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := config.Settings{File: path}.Resolve(env(nil))
		require.ErrorIs(t, err, pipeline.ErrInvalid, text)
		said := report.FailureOf(err)
		require.Contains(t, said.Message+"\n"+said.Hint, want)
		require.NotContains(t, said.Message+said.Hint+err.Error(), "shown-nowhere")
	}
	_, err := config.Settings{File: filepath.Join(t.TempDir(), "none.yaml")}.Resolve(env(nil))
	require.ErrorIs(t, err, pipeline.ErrUsage)
}
