package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"weighbridge/pipeline"
)

// The exchange of a token is a call over the internet; the metadata service is on
// the machine's own link or is not there at all.
const (
	stsTimeout      = 15 * time.Second
	instanceTimeout = 2 * time.Second
)

// newCredentials returns where the keys come from. The library's own chain falls
// back to unsigned requests without a word; this one says that nothing was found.
func newCredentials(o Options, transport http.RoundTripper) *credentials.Credentials {
	if o.Anonymous {
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	}
	if o.AccessKeyID != "" {
		return credentials.NewStaticV4(o.AccessKeyID, o.SecretAccessKey, o.SessionToken)
	}
	c := &chain{prefix: o.EnvPrefix}
	if o.CredentialsFile != "" {
		c.add("the credentials file", &credentials.FileAWSCredentials{Filename: o.CredentialsFile, Profile: o.Profile})
	}
	c.add("the shared files of the home directory", &credentials.FileAWSCredentials{Profile: o.Profile})
	if o.WebIdentityTokenFile != "" {
		c.add("the web identity", &credentials.STSWebIdentity{
			Client:              &http.Client{Timeout: stsTimeout, Transport: transport},
			STSEndpoint:         o.sts(),
			RoleARN:             o.RoleARN,
			GetWebIDTokenExpiry: tokenFrom(o.WebIdentityTokenFile),
		})
	}
	if !o.NoInstanceRole {
		c.add("the instance role", &credentials.IAM{Client: &http.Client{Timeout: instanceTimeout, Transport: transport}})
	}
	return credentials.New(c)
}

func (o Options) sts() string {
	switch {
	case o.STSEndpoint != "":
		return o.STSEndpoint
	case strings.HasPrefix(o.Region, "cn-"):
		return "https://sts." + o.Region + ".amazonaws.com.cn"
	}
	return "https://sts." + o.Region + ".amazonaws.com"
}

func tokenFrom(path string) func() (*credentials.WebIdentityToken, error) {
	return func() (*credentials.WebIdentityToken, error) {
		token, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return nil, err
		}
		return &credentials.WebIdentityToken{Token: strings.TrimSpace(string(token))}, nil
	}
}

type named struct {
	name     string
	provider credentials.Provider
}

// chain asks one provider after the other. [credentials.Credentials] guards it with
// a lock and asks again when the keys expire.
type chain struct {
	prefix    string
	providers []named
	found     credentials.Provider
}

func (c *chain) add(name string, p credentials.Provider) {
	c.providers = append(c.providers, named{name, p})
}

// RetrieveWithCredContext implements [credentials.Provider]. The providers' own
// errors are dropped: they may quote a file or an answer that holds a secret.
func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	var tried []string
	for _, p := range c.providers {
		if cc != nil && cc.Context != nil && cc.Context.Err() != nil {
			return credentials.Value{}, cc.Context.Err()
		}
		value, err := p.provider.RetrieveWithCredContext(cc)
		if err == nil && value.AccessKeyID != "" && value.SecretAccessKey != "" {
			c.found = p.provider
			return value, nil
		}
		tried = append(tried, p.name)
	}
	return credentials.Value{}, &pipeline.Error{Code: pipeline.CodeDenied,
		Message: "no S3 credentials were found; looked in: the environment, " + strings.Join(tried, ", "),
		Hint:    fmt.Sprintf("set %[1]sAWS_ACCESS_KEY_ID and %[1]sAWS_SECRET_ACCESS_KEY, or %[1]sAWS_PROFILE; ask for anonymous access by name if the bucket is public", c.prefix)}
}

// Retrieve implements [credentials.Provider].
func (c *chain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// IsExpired implements [credentials.Provider].
func (c *chain) IsExpired() bool { return c.found == nil || c.found.IsExpired() }

// signIn fetches the keys before a request is built, with the caller's context.
// The library's listing calls take no context of their own.
func (s *Store) signIn(ctx context.Context) error {
	_, err := s.creds.GetWithContext(&credentials.CredContext{Client: &http.Client{
		Timeout: stsTimeout, Transport: s.wire.base}, Context: ctx})
	if err == nil {
		return nil
	}
	var told *pipeline.Error
	if errors.As(err, &told) || ctx.Err() != nil {
		return err
	}
	return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the S3 credentials could not be read",
		Hint: "check the credentials file and the profile"}
}
