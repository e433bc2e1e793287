package s3_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/s3"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token", "AWS_DEFAULT_REGION": "eu-north-1",
		"AWS_ENDPOINT_URL": "https://all.example", "AWS_PROFILE": "work", "AWS_SHARED_CREDENTIALS_FILE": "/creds",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:role", "AWS_EC2_METADATA_DISABLED": "true",
	}
	getenv := func(name string) string { return env[name] }
	want := s3.Options{AccessKeyID: "id", SecretAccessKey: "key", SessionToken: "token", Region: "eu-north-1",
		Endpoint: "https://all.example", Profile: "work", CredentialsFile: "/creds", WebIdentityTokenFile: "/token", RoleARN: "arn:role",
		NoInstanceRole: true}
	require.Equal(t, want, s3.FromEnv(s3.Options{}, getenv))

	env["AWS_REGION"], env["AWS_ENDPOINT_URL_S3"] = "us-west-2", "https://s3.example"
	got := s3.FromEnv(s3.Options{}, getenv)
	require.Equal(t, "us-west-2", got.Region)
	require.Equal(t, "https://s3.example", got.Endpoint)

	got = s3.FromEnv(s3.Options{AccessKeyID: "mine", SecretAccessKey: "mine", Endpoint: "http://mine", Region: "mine"}, getenv)
	require.Equal(t, "mine", got.AccessKeyID)
	require.Empty(t, got.SessionToken, "a token of the environment is not joined to a key given by hand")
	require.Equal(t, "http://mine", got.Endpoint)
	require.Equal(t, "mine", got.Region)
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	src := pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "models"}
	for name, opts := range map[string]s3.Options{
		"endpoint with a password": {Endpoint: "https://user:" + secret + "@host"},
		"endpoint with a path":     {Endpoint: "https://host/path"},
		"endpoint with a query":    {Endpoint: "https://host/?X-Amz-Signature=abc"},
		"endpoint without scheme":  {Endpoint: "host:9000"},
		"no URL":                   {Endpoint: "http://[::1"},
		"key without secret":       {AccessKeyID: "id"},
		"secret without key":       {SecretAccessKey: secret},
		"anonymous with a key":     {AccessKeyID: "id", SecretAccessKey: secret, Anonymous: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s3.Open(src, opts)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			requireClean(t, err)
		})
	}
	for _, bad := range []pipeline.Source{{Scheme: pipeline.SchemeDir, Dir: "/x"}, {}, {Scheme: pipeline.SchemeS3},
		{Scheme: pipeline.SchemeS3, Bucket: "../x"}} {
		_, err := s3.Open(bad, s3.Options{})
		require.ErrorIs(t, err, pipeline.ErrUsage)
	}
}

func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	bucket.Put("p/a.bin", []byte("bytes"))
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}})
	path := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil,
		"[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		server.AccessKeyID(), server.SecretAccessKey()), 0o600))
	s := open(t, "s3://models/p/", s3.Options{Endpoint: server.URL(), CredentialsFile: path, Profile: "work", NoInstanceRole: true})
	objecttest.Pin(t, s, "a.bin")
	_, err := open(t, "s3://models/p/", s3.Options{Endpoint: server.URL(), CredentialsFile: path, Profile: "default", NoInstanceRole: true}).
		List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrDenied)
}

func TestNoCredentialsIsNotAnonymous(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Public: true})
	path := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(path, []byte("[default]\naws_secret_access_key = "+secret+"\n"), 0o600))
	opts := s3.Options{Endpoint: server.URL(), CredentialsFile: path, Profile: "a-profile-that-nobody-has", NoInstanceRole: true}
	_, err := open(t, "s3://models/p/", opts).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrDenied)
	require.ErrorContains(t, err, "no S3 credentials were found")
	requireClean(t, err)
	require.Zero(t, server.RequestCount())
}

func TestWebIdentity(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	bucket.Put("p/a.bin", []byte("bytes"))
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}})
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "the-token" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/reader" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>
<Expiration>%s</Expiration><SessionToken>session</SessionToken></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`, server.AccessKeyID(), server.SecretAccessKey(), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("the-token\n"), 0o600))
	opts := s3.Options{Endpoint: server.URL(), Profile: "a-profile-that-nobody-has", WebIdentityTokenFile: token,
		RoleARN: "arn:aws:iam::1:role/reader", STSEndpoint: sts.URL, NoInstanceRole: true}
	objecttest.Pin(t, open(t, "s3://models/p/", opts), "a.bin")

	opts.RoleARN = "arn:aws:iam::1:role/other"
	_, err := open(t, "s3://models/p/", opts).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrDenied)
	require.ErrorContains(t, err, "the web identity")
	require.NotContains(t, err.Error(), "the-token")
}
