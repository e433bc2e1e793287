// Package config gathers the settings of one call: flags first, then the environment,
// then a configuration file, then defaults.
//
// The file is read by the reader of rule packs and submissions, so that a key that is not
// known and a mode that does not exist are errors with line and column.
package config

import (
	"os/user"
	"time"

	"golang.org/x/text/unicode/norm"

	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

// The environment variables that are Weighbridge's own. Those of S3 are read by
// [s3.FromEnv].
const (
	EnvDB            = "WEIGHBRIDGE_DB"
	EnvActor         = "WEIGHBRIDGE_ACTOR"
	EnvScreeningList = "WEIGHBRIDGE_SCREENING_LIST"
	EnvDirectives    = "WEIGHBRIDGE_DIRECTIVES"
	EnvKey           = "WEIGHBRIDGE_KEY"
	EnvTrust         = "WEIGHBRIDGE_TRUST"
	EnvRevocations   = "WEIGHBRIDGE_REVOCATIONS"
	EnvServer        = "WEIGHBRIDGE_SERVER"
	EnvToken         = "WEIGHBRIDGE_TOKEN"
)

// Settings is what a call runs with.
type Settings struct {
	// File is the configuration file, "" for none.
	File string
	// DB names the queue: a SQLite file. Empty means that nothing is queued.
	DB string
	// Server is the URL of the desk that is asked in place of a queue of one's own, ""
	// for none. It and DB can both be set: [Settings.Remote] says which counts.
	Server string
	// TokenFile holds the token that is shown to the server on its one line, Token is the
	// token itself, from the environment. The file goes before.
	TokenFile, Token string
	// chosen is true once a server or a database was named, remote where it was the
	// server, ambiguous where both were named at once.
	chosen, remote, ambiguous bool
	// Actor is who acts, as asserted.
	Actor string
	// Lists names the files that parties and models are held against.
	Lists Lists
	// Signers are files with the public keys and certificates of those who may sign models.
	Signers []string
	// Rules says which packs take part, and how.
	Rules Rules
	// Approvals names the files that approvals are signed and verified with.
	Approvals Approvals
	// Audit says where checkpoints of the audit log are kept.
	Audit Audit
	// Serve says how the desk is served.
	Serve Serve
	// S3 says where buckets are and who asks.
	S3 s3.Options
	// Release says where approved bytes are released to, and who writes them there. Its
	// credentials are never those of S3, which may read only.
	Release s3.Options
	// LogLevel is off, error, warn, info, debug or trace.
	LogLevel string
	// Quiet keeps progress off the terminal.
	Quiet bool
}

// Lists names files that the operator keeps. Empty names mean that there is none.
type Lists struct {
	// Screening is a consolidated screening list, ScreeningDate when it was made, for
	// a list that does not say so.
	Screening, ScreeningDate string
	// ScreeningResult is what an outside service found.
	ScreeningResult string
	// Directives is the operator's own list of instructions.
	Directives string
}

// Approvals names files of keys. Empty names mean that there is none.
type Approvals struct {
	// Key is the private key that signs.
	Key string
	// Trust lists the public keys whose signatures count.
	Trust string
	// Revocations is the signed list of approvals that were taken back.
	Revocations string
}

// Audit says how the audit log is anchored outside of the database.
type Audit struct {
	// CheckpointEvery is the age at which the newest checkpoint in Folder is too old, and
	// a command that writes makes another. 0 is never.
	CheckpointEvery time.Duration
	// Folder holds the checkpoints, "" for none.
	Folder string
}

// Resolve fills what no flag gave from the environment, then from the configuration file
// that flag or environment name, and the actor from the operating system at the last.
// Errors are those of [Settings.ReadFile].
func (s Settings) Resolve(getenv func(string) string) (Settings, error) {
	if s.File == "" {
		s.File = getenv(EnvFile)
	}
	s.chooseDesk(s.Server, s.DB)
	s.chooseDesk(getenv(EnvServer), getenv(EnvDB))
	s.Token = getenv(EnvToken)
	if s.Lists.Screening == "" {
		s.Lists.Screening = getenv(EnvScreeningList)
	}
	if s.Lists.Directives == "" {
		s.Lists.Directives = getenv(EnvDirectives)
	}
	if s.Actor == "" {
		s.Actor = getenv(EnvActor)
	}
	if s.Approvals.Key == "" {
		s.Approvals.Key = getenv(EnvKey)
	}
	if s.Approvals.Trust == "" {
		s.Approvals.Trust = getenv(EnvTrust)
	}
	if s.Approvals.Revocations == "" {
		s.Approvals.Revocations = getenv(EnvRevocations)
	}
	fill(&s.Serve.Listen, getenv(EnvListen))
	fill(&s.Serve.PublicURL, getenv(EnvPublicURL))
	fill(&s.Serve.TimeZone, getenv(EnvTimeZone))
	fill(&s.Serve.SignIn.Issuer, getenv(EnvOIDCIssuer))
	fill(&s.Serve.SignIn.ClientID, getenv(EnvOIDCClientID))
	fill(&s.Serve.SignIn.ClientSecret, getenv(EnvOIDCClientSecret))
	s.Release = s3.FromEnv(s.Release, func(name string) string { return getenv(ReleasePrefix + name) })
	if s.File != "" {
		var err error
		if s, err = s.ReadFile(s.File); err != nil {
			return s, err
		}
	}
	s.Serve = s.Serve.withDefaults()
	if s.Actor == "" {
		if u, err := user.Current(); err == nil {
			s.Actor = u.Username
		}
	}
	// Who asks for unsigned requests means it, whatever keys the environment holds.
	unsigned := s.S3.Anonymous && s.S3.AccessKeyID == "" && s.S3.SecretAccessKey == ""
	s.S3 = s3.FromEnv(s.S3, getenv)
	if unsigned {
		s.S3.AccessKeyID, s.S3.SecretAccessKey, s.S3.SessionToken = "", "", ""
	}
	s.Release = s.releasePlace()
	return s, nil
}

// ReleasePrefix begins the variables of the release place: those of S3 with this before
// them, such as WEIGHBRIDGE_RELEASE_AWS_ACCESS_KEY_ID.
const ReleasePrefix = "WEIGHBRIDGE_RELEASE_"

// releaseProfile is the profile of the shared credentials files that releases where none is
// named. It is named here, because the library would else take that of AWS_PROFILE, which
// is the staging bucket's.
const releaseProfile = "default"

// releasePlace completes the settings of the release place. Endpoint and region are the
// staging bucket's where nothing else is said; its keys, its profile and its web identity
// never are.
func (s Settings) releasePlace() s3.Options {
	o := s.Release
	o.EnvPrefix = ReleasePrefix
	if o.Endpoint == "" {
		o.Endpoint = s.S3.Endpoint
	}
	if o.Region == "" {
		o.Region = s.S3.Region
	}
	if o.Profile == "" {
		o.Profile = releaseProfile
	}
	return o
}

// chooseDesk takes a server and a database that were named together: by flags, by the
// environment, or in the file. It is called for what is nearest to the call first, and what
// is named first counts.
func (s *Settings) chooseDesk(server, db string) {
	if !s.chosen && (server != "" || db != "") {
		s.Server, s.chosen = server, true
		s.remote, s.ambiguous = db == "", server != "" && db != ""
	}
	fill(&s.DB, db)
}

// Remote reports whether a desk is asked over its API. An error matches
// [pipeline.ErrUsage] where it is not clear whether that or a database is meant.
func (s Settings) Remote() (bool, error) {
	if s.ambiguous {
		return false, &pipeline.Error{Code: pipeline.CodeUsage, Message: "a server and a database are both named, and only one can hold the queue",
			Hint: "name one of them: --server URL or --db FILE"}
	}
	return s.remote, nil
}

// RequireDB returns an error that matches [pipeline.ErrUsage] where no queue is named.
func (s Settings) RequireDB() error {
	if s.DB != "" {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "no queue is named",
		Hint: "name its database with --db FILE or " + EnvDB}
}

// Who returns the actor. The name is composed (Unicode NFC), as the desk keeps the names of
// those who sign in.
func (s Settings) Who() pipeline.Actor {
	return pipeline.Actor{Name: norm.NFC.String(s.Actor), Known: pipeline.KnownAsserted}
}
