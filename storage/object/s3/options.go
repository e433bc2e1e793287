package s3

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// Options says where the bucket is and who asks. It is plain data: nothing in it is
// read from the environment until [FromEnv] is asked to.
type Options struct {
	// Endpoint is the URL of an S3-compatible store, http:// or https://, without a
	// path. Empty means Amazon S3.
	Endpoint string
	// Region signs the requests. Empty means us-east-1, which most compatible
	// stores accept. It is never looked up, because that costs a request and a
	// permission.
	Region string

	// Anonymous sends unsigned requests. It is never chosen by default: a bucket
	// that happens to be public would hide that the credentials are missing.
	Anonymous bool
	// AccessKeyID, SecretAccessKey and SessionToken are used before anything else.
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	// CredentialsFile is a shared credentials file. Empty means the usual files
	// under the home directory.
	CredentialsFile string
	// Profile is the section of the shared files. Empty means "default".
	Profile string
	// WebIdentityTokenFile and RoleARN exchange a web identity token for
	// credentials. STSEndpoint is where; empty means the region's own.
	WebIdentityTokenFile string
	RoleARN              string
	STSEndpoint          string
	// EnvPrefix stands before the names of variables in what errors suggest, for a program
	// that reads others than the usual ones.
	EnvPrefix string
	// NoInstanceRole keeps the metadata service of the machine from being asked,
	// which otherwise happens when nothing else gave credentials.
	NoInstanceRole bool

	// IgnoreVersions saves the one request that asks whether the bucket keeps
	// versions. Objects are then pinned by ETag alone.
	IgnoreVersions bool

	// Concurrency is how many connections are kept to the store, 256 by default.
	Concurrency int
	// AnswerTimeout bounds the wait for the first byte of an answer and for each
	// further read of a body, 30 seconds by default. A body may take as long as it
	// likes while bytes arrive.
	AnswerTimeout time.Duration
	// WriteTimeout is the same for requests that write, 15 minutes by default: a store
	// answers when it has copied up to 5 GiB, or put thousands of parts together, and many
	// send nothing until then. A connection that is dead is noticed earlier.
	WriteTimeout time.Duration
}

// FromEnv fills what is empty in o from the variables that other S3 tools read:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
// AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_PROFILE,
// AWS_SHARED_CREDENTIALS_FILE, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN,
// AWS_ENDPOINT_URL_STS and AWS_EC2_METADATA_DISABLED. The three parts of a key are
// taken together or not at all, so that a key given by hand is never joined to a
// token of the environment. getenv is [os.Getenv] in a program.
func FromEnv(o Options, getenv func(string) string) Options {
	first := func(current string, names ...string) string {
		for _, name := range names {
			if current == "" {
				current = getenv(name)
			}
		}
		return current
	}
	if o.AccessKeyID == "" && o.SecretAccessKey == "" && o.SessionToken == "" {
		o.AccessKeyID = getenv("AWS_ACCESS_KEY_ID")
		o.SecretAccessKey = getenv("AWS_SECRET_ACCESS_KEY")
		o.SessionToken = getenv("AWS_SESSION_TOKEN")
	}
	o.Region = first(o.Region, "AWS_REGION", "AWS_DEFAULT_REGION")
	o.Endpoint = first(o.Endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
	o.Profile = first(o.Profile, "AWS_PROFILE")
	o.CredentialsFile = first(o.CredentialsFile, "AWS_SHARED_CREDENTIALS_FILE")
	o.WebIdentityTokenFile = first(o.WebIdentityTokenFile, "AWS_WEB_IDENTITY_TOKEN_FILE")
	o.RoleARN = first(o.RoleARN, "AWS_ROLE_ARN")
	o.STSEndpoint = first(o.STSEndpoint, "AWS_ENDPOINT_URL_STS")
	o.NoInstanceRole = o.NoInstanceRole || strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true")
	return o
}

const (
	amazon             = "s3.amazonaws.com"
	defaultRegion      = "us-east-1"
	defaultConcurrency = 256
	defaultTimeout     = 30 * time.Second
	defaultWrite       = 15 * time.Minute
)

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = defaultRegion
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.AnswerTimeout <= 0 {
		o.AnswerTimeout = defaultTimeout
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = defaultWrite
	}
	return o
}

// CheckEndpoint returns an error that matches [pipeline.ErrInvalid] for an endpoint that
// [Open] would refuse. It does not repeat the text. An empty endpoint is Amazon's.
func CheckEndpoint(endpoint string) error {
	_, _, err := Options{Endpoint: endpoint}.host()
	return err
}

// host returns the endpoint's host and whether it is spoken to over TLS.
func (o Options) host() (host string, secure bool, err error) {
	if o.Endpoint == "" {
		return amazon, true, nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		// The text is not repeated: a URL that does not parse may hold a password.
		return "", false, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the S3 endpoint is not a plain URL",
			Hint: "write https://host or http://host:port, without a path, user or query"}
	}
	return u.Host, u.Scheme == "https", nil
}

func (o Options) checkKeys() error {
	if o.Anonymous && (o.AccessKeyID != "" || o.SecretAccessKey != "") {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "anonymous access and an access key exclude each other",
			Hint: "drop one of them"}
	}
	if (o.AccessKeyID == "") != (o.SecretAccessKey == "") {
		have, missing := o.EnvPrefix+"AWS_ACCESS_KEY_ID", o.EnvPrefix+"AWS_SECRET_ACCESS_KEY"
		if o.AccessKeyID == "" {
			have, missing = missing, have
		}
		return &pipeline.Error{Code: pipeline.CodeInvalid,
			Message: fmt.Sprintf("%s is set and %s is not", have, missing), Hint: "set both or neither"}
	}
	return nil
}
