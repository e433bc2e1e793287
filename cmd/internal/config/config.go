// Package config gathers the settings of one call: flags first, then the environment,
// then a configuration file, then defaults.
//
// The file is read by the reader of rule packs and submissions, so that a key that is not
// known and a mode that does not exist are errors with line and column.
package config

import (
	"os/user"
	"time"

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
)

// Settings is what a call runs with.
type Settings struct {
	// File is the configuration file, "" for none.
	File string
	// DB names the queue: a SQLite file. Empty means that nothing is queued.
	DB string
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
	if s.DB == "" {
		s.DB = getenv(EnvDB)
	}
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
	s.Release = s3.FromEnv(s.Release, func(name string) string { return getenv(ReleasePrefix + name) })
	if s.File != "" {
		var err error
		if s, err = s.ReadFile(s.File); err != nil {
			return s, err
		}
	}
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

// RequireDB returns an error that matches [pipeline.ErrUsage] where no queue is named.
func (s Settings) RequireDB() error {
	if s.DB != "" {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "no queue is named",
		Hint: "name its database with --db FILE or " + EnvDB}
}

// Who returns the actor.
func (s Settings) Who() pipeline.Actor {
	return pipeline.Actor{Name: s.Actor, Known: pipeline.KnownAsserted}
}
