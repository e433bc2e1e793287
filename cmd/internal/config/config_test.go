package config_test

import (
	"maps"
	"net/netip"
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

const serveFile = `serve:
  listen: 0.0.0.0:9000
  public_url: https://desk.example.org
  time_zone: Asia/Shanghai
  tls: {cert: c.pem, key: /k.pem}
  trusted_proxies: [10.1.2.3/8, "fd00::/8"]
  sources: [s3://staging, s3://b/team/]
  links: {allow: true, term: 48h}
  workers: 2
  due: {block: 24h}
  sign_in: {issuer: "https://id.example.org", client_id: wb, client_secret_file: secret, roles_claim: groups, roles: {wb-lawyers: legal, seoul: KR}, scopes: [groups]}
  notices: [{name: chat, url: "https://hooks.example.org/1", secret_files: [a, /b], kinds: [case.review], allow_private: true}]
`

func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "wb.yaml")
	require.NoError(t, os.WriteFile(path, []byte(serveFile), 0o600))
	s, err := config.Settings{File: path}.Resolve(env(map[string]string{config.EnvOIDCClientID: "from-env"}))
	require.NoError(t, err)
	require.Equal(t, config.Serve{Listen: "0.0.0.0:9000", PublicURL: "https://desk.example.org", TimeZone: "Asia/Shanghai", TLSCert: filepath.Join(dir, "c.pem"), TLSKey: "/k.pem",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		Sources:        []string{"s3://staging/", "s3://b/team/"}, Links: true, LinkTerm: 48 * time.Hour, Workers: 2,
		Due: map[pipeline.Verdict]time.Duration{pipeline.VerdictBlock: 24 * time.Hour},
		SignIn: config.SignIn{Issuer: "https://id.example.org", ClientID: "from-env", ClientSecretFile: filepath.Join(dir, "secret"), RolesClaim: "groups",
			Roles: map[string][]pipeline.ActorRole{"wb-lawyers": {pipeline.RoleLegal}, "seoul": {"KR"}}, Scopes: []string{"groups"}},
		Notices: []config.Notice{{Name: "chat", URL: "https://hooks.example.org/1", SecretFiles: []string{filepath.Join(dir, "a"), "/b"},
			Kinds: []pipeline.NoticeKind{pipeline.NoticeReview}, AllowPrivate: true}}}, s.Serve)
	require.NoError(t, s.Serve.Check(false))

	s, err = config.Settings{}.Resolve(env(nil))
	require.NoError(t, err)
	require.Equal(t, config.DefaultListen, s.Serve.Listen)
	require.Equal(t, 4, s.Serve.Workers)
	require.NoError(t, s.Serve.Check(true))
}

func TestServe_Refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"serve: {tls: {cert: a.pem}}":                                          "tls needs both cert and key",
		"serve: {trusted_proxies: [10.0.0.1]}":                                 `"10.0.0.1" is no network`,
		"serve: {sources: [./models]}":                                         "is no place in a bucket",
		"serve: {links: {term: 1s}}":                                           `wb.yaml:1:23: "1s" is no duration`,
		"serve: {workers: 65}":                                                 "65 is no number of workers",
		"serve: {due: {clear: 1h}}":                                            `"clear" is no verdict that a person decides`,
		"serve: {due: {block: 1s}}":                                            `"1s" is no duration`,
		"serve: {sign_in: {issuer: \"https://x\"}}":                            "sign_in needs client_id",
		"serve: {sign_in: {roles: {a: \" reviewer\"}}}":                        `" reviewer" is no role`,
		"serve: {notices: [{name: a}]}":                                        "needs name, url and secret_files",
		"serve: {notices: [{name: a, url: u, secret_files: [s], kinds: [x]}]}": `there is no notice "x"`,
		"serve: {port: 80}":                                                    "unknown key",
	} {
		path := filepath.Join(t.TempDir(), "wb.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := config.Settings{File: path}.Resolve(env(nil))
		require.ErrorIs(t, err, pipeline.ErrInvalid, text)
		require.ErrorContains(t, err, want)
	}
	good := config.Serve{Listen: "127.0.0.1:1", PublicURL: "https://desk.example.org", SignIn: config.SignIn{Issuer: "https://id", ClientID: "wb"}}
	require.NoError(t, good.Check(false))
	for want, change := range map[string]func(*config.Serve){
		"no host and port":                  func(s *config.Serve) { s.Listen = "8080" },
		"no identity provider":              func(s *config.Serve) { s.SignIn = config.SignIn{} },
		"the client is not":                 func(s *config.Serve) { s.SignIn.ClientID = "" },
		"no time zone that is known":        func(s *config.Serve) { s.TimeZone = "Mars/Olympus" },
		"Local\" is no time zone":           func(s *config.Serve) { s.TimeZone = "Local" },
		"how browsers reach":                func(s *config.Serve) { s.PublicURL = "" },
		"not encrypted":                     func(s *config.Serve) { s.PublicURL = "http://desk.example.org" },
		"neither https nor http":            func(s *config.Serve) { s.PublicURL = "ftp://desk.example.org" },
		"none that browsers can":            func(s *config.Serve) { s.PublicURL = "https://desk.example.org/path" },
		"can use: https://desk.example.org": func(s *config.Serve) { s.PublicURL = "https://user:secret@desk.example.org?token=1" },
	} {
		bad := good
		change(&bad)
		err := bad.Check(false)
		require.ErrorIs(t, err, pipeline.ErrUsage, want)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

// What is named nearest to the call says where the queue is: flags, then the environment,
// then the file. A server and a database named at once are an error of who needs one.
func TestRemote(t *testing.T) {
	t.Parallel()
	const flag, env, inFile = "https://flag.example.org", "https://env.example.org", "https://file.example.org"
	const both = "server: " + inFile + "\ntoken_file: token\ndb: file.db\n"
	const served = "server: " + inFile + "\ntoken_file: token\n"
	tests := []struct {
		name     string
		settings config.Settings
		env      map[string]string
		file     string
		server   string
		db       string
		remote   bool
		fails    bool
		// token is where the token comes from.
		token string
	}{
		{name: "Nothing"},
		{name: "Flag", settings: config.Settings{Server: flag}, server: flag, remote: true},
		{name: "FlagBeforeAll", settings: config.Settings{Server: flag}, env: map[string]string{config.EnvServer: env, config.EnvDB: "env.db", config.EnvToken: "from-env"}, file: both,
			server: flag, db: "env.db", remote: true, token: "from-env"},
		{name: "DatabaseByFlag", settings: config.Settings{DB: "flag.db"}, env: map[string]string{config.EnvServer: env}, file: served, db: "flag.db"},
		{name: "SameDatabaseTwice", settings: config.Settings{DB: "x.db"}, env: map[string]string{config.EnvServer: env, config.EnvDB: "x.db"}, db: "x.db"},
		{name: "BothByFlag", settings: config.Settings{Server: flag, DB: "flag.db"}, server: flag, db: "flag.db", fails: true},
		{name: "Environment", env: map[string]string{config.EnvServer: env, config.EnvToken: "from-env"}, file: both, server: env, db: "file.db", remote: true, token: "from-env"},
		{name: "DatabaseByEnvironment", env: map[string]string{config.EnvDB: "env.db"}, file: served, db: "env.db"},
		{name: "BothByEnvironment", env: map[string]string{config.EnvServer: env, config.EnvDB: "env.db"}, server: env, db: "env.db", fails: true},
		{name: "File", file: served, server: inFile, remote: true, token: "file"},
		{name: "FileAndTokenOfTheEnvironment", env: map[string]string{config.EnvToken: "from-env"}, file: served, server: inFile, remote: true, token: "from-env"},
		{name: "FileAndTokenByFlag", settings: config.Settings{TokenFile: "mine"}, file: served, server: inFile, remote: true, token: "mine"},
		{name: "TokenOfTheFileIsForItsServer", settings: config.Settings{Server: flag}, file: served, server: flag, remote: true},
		{name: "BothByFile", file: both, server: inFile, db: "file.db", fails: true, token: "file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if test.file != "" {
				test.settings.File = filepath.Join(dir, "wb.yaml")
				require.NoError(t, os.WriteFile(test.settings.File, []byte(test.file), 0o600))
			}
			s, err := test.settings.Resolve(func(name string) string { return test.env[name] })
			require.NoError(t, err)
			remote, err := s.Remote()
			require.Equal(t, test.fails, err != nil)
			if test.fails {
				require.ErrorIs(t, err, pipeline.ErrUsage)
			}
			require.Equal(t, test.remote, remote)
			require.Equal(t, test.server, s.Server)
			if filepath.IsAbs(s.DB) {
				s.DB = filepath.Base(s.DB)
			}
			require.Equal(t, test.db, s.DB)
			switch test.token {
			case "file":
				require.Equal(t, filepath.Join(dir, "token"), s.TokenFile)
			case "mine":
				require.Equal(t, "mine", s.TokenFile)
			default:
				require.Empty(t, s.TokenFile)
				require.Equal(t, test.token, s.Token)
			}
		})
	}
}

// One person is one name at the command line and at the desk, however it was typed.
func TestSettings_Who(t *testing.T) {
	t.Parallel()
	who := config.Settings{Actor: "jose\u0301"}.Who()
	require.True(t, who.Same(pipeline.Actor{Name: "JOS\u00c9"}))
}
