package s3_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is looked for in every error of these tests.
const secret = "never-to-be-seen/Secret+Key"

func serve(t *testing.T, opts s3server.Options) *s3server.Server {
	t.Helper()
	opts.SecretAccessKey = secret
	server, err := s3server.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

func options(server *s3server.Server) s3.Options {
	return s3.Options{Endpoint: server.URL(), Region: server.Region(), AccessKeyID: server.AccessKeyID(),
		SecretAccessKey: server.SecretAccessKey(), NoInstanceRole: true}
}

func open(t *testing.T, text string, opts s3.Options) *s3.Store {
	t.Helper()
	src, err := pipeline.ParseSource(text)
	require.NoError(t, err)
	s, err := s3.Open(src, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func missing(t *testing.T, server *s3server.Server) error {
	t.Helper()
	_, err := open(t, "s3://no-such-bucket/p/", options(server)).List(t.Context(), "")
	return err
}

func inMemory(versioning, dropETags bool) func(t *testing.T) objecttest.Harness {
	return func(t *testing.T) objecttest.Harness {
		bucket := s3server.NewBucket()
		server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Versioning: versioning})
		if dropETags {
			for _, op := range []s3server.Operation{s3server.OpList, s3server.OpVersions, s3server.OpObject} {
				server.Inject(s3server.Fault{Operation: op, DropETag: true})
			}
		}
		return objecttest.Harness{
			Open:          func(t *testing.T) pipeline.Store { return open(t, "s3://models/p/", options(server)) },
			Put:           func(_ *testing.T, path string, data []byte) { bucket.Put("p/"+path, data) },
			PutBeside:     func(_ *testing.T, path string, data []byte) { bucket.Put("p-2/"+path, data) },
			Remove:        func(_ *testing.T, path string) { bucket.Remove("p/" + path) },
			Deny:          func(_ *testing.T, path string) { bucket.Deny("p/" + path) },
			PutSummed:     func(_ *testing.T, path string, data []byte) { bucket.PutSummed("p/"+path, data) },
			PutInParts:    func(_ *testing.T, path string, data []byte, size int) { bucket.PutInParts("p/"+path, data, size) },
			Missing:       func(t *testing.T) error { return missing(t, server) },
			FreeKeys:      true,
			KeepsVersions: versioning,
			Unpinned:      dropETags && !versioning,
		}
	}
}

func inFolder(t *testing.T) objecttest.Harness {
	root := t.TempDir()
	server := serve(t, s3server.Options{Folders: map[string]string{"models": root}})
	put := func(t *testing.T, path string, data []byte) {
		path = filepath.Join(root, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		then := time.Now()
		if info, err := os.Stat(path); err == nil {
			then = info.ModTime().Add(time.Second)
		}
		require.NoError(t, os.WriteFile(path, data, 0o644))
		require.NoError(t, os.Chtimes(path, then, then))
	}
	return objecttest.Harness{
		Open:      func(t *testing.T) pipeline.Store { return open(t, "s3://models/p/", options(server)) },
		Put:       func(t *testing.T, path string, data []byte) { put(t, "p/"+path, data) },
		PutBeside: func(t *testing.T, path string, data []byte) { put(t, "p-2/"+path, data) },
		Remove:    func(t *testing.T, path string) { require.NoError(t, os.Remove(filepath.Join(root, "p", path))) },
		Missing:   func(t *testing.T) error { return missing(t, server) },
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) objecttest.Harness{
		"memory":               inMemory(false, false),
		"memory with versions": inMemory(true, false),
		"memory without ETags": inMemory(false, true),
		"versions, no ETags":   inMemory(true, true),
		"folder":               inFolder,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objecttest.Run(t, start)
		})
	}
}

// one serves a bucket with one object of 100,000 bytes.
func one(t *testing.T) (*s3server.Server, *s3server.Bucket, *s3.Store, pipeline.Object) {
	t.Helper()
	bucket := s3server.NewBucket()
	bucket.Put("p/a.bin", objecttest.Data(1, 100_000))
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}})
	opts := options(server)
	opts.AnswerTimeout = 2 * time.Second // short, for the faults that never answer
	s := open(t, "s3://models/p/", opts)
	return server, bucket, s, objecttest.Pin(t, s, "a.bin")
}

func TestRequests(t *testing.T) {
	t.Parallel()
	server, _, s, o := one(t)
	_, err := objecttest.Read(t.Context(), s, o, 10, 20)
	require.NoError(t, err)
	seen := server.Requests()
	require.Len(t, seen, 3, "one listing, one question for versions, one read")
	require.EqualValues(t, 3, s.Requests())
	require.ElementsMatch(t, []s3server.Operation{s3server.OpVersioning, s3server.OpList},
		[]s3server.Operation{seen[0].Operation, seen[1].Operation}, "both are asked at once")
	require.Equal(t, "bytes=10-29", seen[2].Range)
	require.Equal(t, `"`+o.ETag+`"`, seen[2].IfMatch)
	require.EqualValues(t, 20, seen[2].Bytes)
	for _, r := range seen {
		require.Equal(t, "GET", r.Method)
	}

	objecttest.List(t, s)
	require.EqualValues(t, 4, s.Requests(), "versions are asked for once")

	opts := options(server)
	opts.IgnoreVersions = true
	frugal := open(t, "s3://models/p/", opts)
	objecttest.List(t, frugal)
	require.EqualValues(t, 1, frugal.Requests())
}

func TestVersionedBucketReadsByVersion(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	for i := range 5 {
		for j := range 700 { // 3,500 versions: the pages of versions are not those of objects
			bucket.Put("p/"+strconv.Itoa(1000+j), []byte{byte(i), byte(j)})
		}
	}
	bucket.Put("p/gone", []byte("x"))
	bucket.Remove("p/gone")
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Versioning: true})
	s := open(t, "s3://models/p/", options(server))
	objects, _, _ := objecttest.List(t, s)
	require.Len(t, objects, 700)
	for j, o := range objects {
		require.NotEmpty(t, o.VersionID)
		require.NotEmpty(t, o.ETag)
		require.Equal(t, strconv.Itoa(1000+j), o.Path)
	}
	data, err := objecttest.Read(t.Context(), s, objects[3], 0, 2)
	require.NoError(t, err)
	require.Equal(t, []byte{4, 3}, data)
	seen := server.Requests()
	require.Equal(t, objects[3].VersionID, seen[len(seen)-1].VersionID)
}

func TestVersionsThatMayNotBeListed(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]s3server.Fault{
		"versioning refused":     {{Operation: s3server.OpVersioning, Status: 403, Code: "AccessDenied"}},
		"versioning unknown":     {{Operation: s3server.OpVersioning, Status: 501, Code: "NotImplemented"}},
		"versioning no XML":      {{Operation: s3server.OpVersioning, Body: "hello"}},
		"versions refused":       {{Operation: s3server.OpVersions, Status: 403, Code: "AccessDenied"}},
		"versions unknown":       {{Operation: s3server.OpVersions, Status: 501, Code: "NotImplemented"}},
		"versions misunderstood": {{Operation: s3server.OpVersions, Body: "<ListBucketResult><Contents></Contents></ListBucketResult>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucket := s3server.NewBucket()
			bucket.Put("p/a.bin", []byte("bytes"))
			server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Versioning: true})
			for _, f := range faults {
				server.Inject(f)
			}
			s := open(t, "s3://models/p/", options(server))
			o := objecttest.Pin(t, s, "a.bin")
			require.Empty(t, o.VersionID)
			require.NotEmpty(t, o.ETag)
			data, err := objecttest.Read(t.Context(), s, o, 0, 5)
			require.NoError(t, err)
			require.Equal(t, "bytes", string(data))
		})
	}
}

// TestFaultyReads makes each fault happen to the read of an object and to one whose
// bytes were asked for whole.
func TestFaultyReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault s3server.Fault
		want  error
		says  string
	}{
		{"whole body, status 200", s3server.Fault{IgnoreRange: true}, pipeline.ErrProtocol, "status 200"},
		{"wrong range", s3server.Fault{ContentRange: "bytes 5-14/100000"}, pipeline.ErrProtocol, "not the asked range"},
		{"wrong total", s3server.Fault{ContentRange: "bytes 100-1099/100001"}, pipeline.ErrProtocol, "not the asked range"},
		{"unknown total", s3server.Fault{ContentRange: "bytes 100-1099/*"}, pipeline.ErrProtocol, "not the asked range"},
		{"nonsense range", s3server.Fault{ContentRange: "pages 1-2 of é"}, pipeline.ErrProtocol, "not the asked range"},
		{"gzip", s3server.Fault{Gzip: true}, pipeline.ErrProtocol, `encoded as "gzip"`},
		{"encoded twice", s3server.Fault{ContentEncoding: "aws-chunked, gzip"}, pipeline.ErrProtocol, "encoded as"},
		{"extra bytes", s3server.Fault{ExtraBytes: 7}, pipeline.ErrProtocol, "length of 1007 bytes where 1000"},
		{"short body", s3server.Fault{TruncateAt: 500}, pipeline.ErrProtocol, "ended early"},
		{"no body", s3server.Fault{TruncateAt: s3server.NoBytes}, pipeline.ErrProtocol, "ended early"},
		{"stall", s3server.Fault{StallAt: 500}, pipeline.ErrUnavailable, "stopped sending"},
		{"no first byte", s3server.Fault{StallAt: s3server.NoBytes}, pipeline.ErrUnavailable, "stopped sending"},
		{"late answer", s3server.Fault{Delay: 5 * time.Second}, pipeline.ErrUnavailable, "did not answer in time"},
		{"reset in the body", s3server.Fault{ResetAt: 500}, pipeline.ErrUnavailable, ""},
		{"reset before the answer", s3server.Fault{ResetAt: s3server.NoBytes}, pipeline.ErrUnavailable, ""},
		{"other ETag", s3server.Fault{ETag: "other"}, pipeline.ErrChanged, "another ETag"},
		{"ETag dropped", s3server.Fault{DropETag: true}, pipeline.ErrProtocol, "does not say which ETag"},
		{"500", s3server.Fault{Status: 500}, pipeline.ErrUnavailable, "could not answer"},
		{"502 from a proxy", s3server.Fault{Status: 502, Code: "BadGateway"}, pipeline.ErrUnavailable, "could not answer"},
		{"503 SlowDown", s3server.Fault{Status: 503, Code: "SlowDown"}, pipeline.ErrUnavailable, "SlowDown"},
		{"429", s3server.Fault{Status: 429, Code: "TooManyRequests"}, pipeline.ErrUnavailable, "could not answer"},
		{"400 RequestTimeout", s3server.Fault{Status: 400, Code: "RequestTimeout"}, pipeline.ErrUnavailable, "could not answer"},
		{"501", s3server.Fault{Status: 501, Code: "NotImplemented"}, pipeline.ErrProtocol, "refused the request"},
		{"400", s3server.Fault{Status: 400, Code: "InvalidArgument"}, pipeline.ErrProtocol, "InvalidArgument"},
		{"403", s3server.Fault{Status: 403, Code: "AccessDenied"}, pipeline.ErrDenied, "a.bin"},
		{"archived", s3server.Fault{Status: 403, Code: "InvalidObjectState"}, pipeline.ErrDenied, "archived"},
		{"404", s3server.Fault{Status: 404, Code: "NoSuchKey"}, pipeline.ErrChanged, "it is gone"},
		{"404 without a body", s3server.Fault{Status: 404, Code: "?"}, pipeline.ErrChanged, "it is gone"},
		{"412", s3server.Fault{Status: 412, Code: "PreconditionFailed"}, pipeline.ErrChanged, "another ETag"},
		{"416", s3server.Fault{Status: 416, Code: "InvalidRange"}, pipeline.ErrChanged, "shorter"},
		{"redirect", s3server.Fault{Status: 307, Location: "http://127.0.0.1:1/elsewhere"}, pipeline.ErrProtocol, "redirects are not followed"},
		{"redirect to a region", s3server.Fault{Status: 301, Code: "PermanentRedirect", Region: "eu-west-1"}, pipeline.ErrDenied, "eu-west-1"},
		{"region in the body", s3server.Fault{Status: 400, Code: "AuthorizationHeaderMalformed", Region: "eu-west-1"}, pipeline.ErrDenied, "eu-west-1"},
		{"expired session", s3server.Fault{Status: 400, Code: "ExpiredToken"}, pipeline.ErrDenied, "credentials"},
		{"success that is no answer", s3server.Fault{Body: "<html>captive portal</html>"}, pipeline.ErrProtocol, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, _, s, o := one(t)
			server.Reset()
			server.Inject(c.fault)
			_, err := objecttest.Read(t.Context(), s, o, 100, 1000)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			requireClean(t, err)
			if c.fault.ResetAt != s3server.NoBytes { // net/http itself repeats what a dead kept connection swallowed
				require.EqualValues(t, 1, server.RequestCount(), "retries are the decorator's")
			}

			server.Heal()
			got, err := objecttest.Read(t.Context(), s, o, 100, 1000)
			require.NoError(t, err)
			require.Equal(t, objecttest.Data(1, 100_000)[100:1100], got)
		})
	}
}

func TestFaultyListings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault s3server.Fault
		want  error
		says  string
	}{
		{"403", s3server.Fault{Status: 403, Code: "AccessDenied"}, pipeline.ErrDenied, "credentials"},
		{"404", s3server.Fault{Status: 404, Code: "NoSuchBucket"}, pipeline.ErrNotFound, "does not exist"},
		{"503", s3server.Fault{Status: 503, Code: "SlowDown"}, pipeline.ErrUnavailable, "could not answer"},
		{"reset", s3server.Fault{ResetAt: s3server.NoBytes}, pipeline.ErrUnavailable, ""},
		{"stall", s3server.Fault{StallAt: s3server.NoBytes}, pipeline.ErrUnavailable, "in time"},
		{"redirect", s3server.Fault{Status: 301, Code: "PermanentRedirect", Region: "eu-west-1"}, pipeline.ErrDenied, "region eu-west-1; redirects are not followed"},
		{"no XML", s3server.Fault{Body: "hello"}, pipeline.ErrProtocol, "not what S3 sends"},
		{"cut XML", s3server.Fault{Body: "<ListBucketResult><Contents><Key>p/a"}, pipeline.ErrProtocol, "not what S3 sends"},
		{"key outside the prefix", s3server.Fault{Body: listing("q/a", 1)}, pipeline.ErrProtocol, "outside the prefix"},
		{"negative size", s3server.Fault{Body: listing("p/a", -1)}, pipeline.ErrProtocol, "negative size"},
		{"key twice", s3server.Fault{Body: listing("p/a", 1, "p/a", 1)}, pipeline.ErrProtocol, "byte order"},
		{"huge page", s3server.Fault{Body: "<ListBucketResult>" + strings.Repeat(" ", 9<<20)}, pipeline.ErrProtocol, "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, _, s, _ := one(t)
			c.fault.Operation = s3server.OpList
			server.Inject(c.fault)
			_, err := s.List(t.Context(), "")
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			requireClean(t, err)
		})
	}
}

// listing is an answer that names keys and sizes.
func listing(pairs ...any) string {
	var b strings.Builder
	b.WriteString("<ListBucketResult><IsTruncated>false</IsTruncated>")
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("<Contents><Key>" + pairs[i].(string) + "</Key><Size>" + strconv.Itoa(pairs[i+1].(int)) + "</Size></Contents>")
	}
	b.WriteString("</ListBucketResult>")
	return b.String()
}

func TestListingThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	server, _, s, _ := one(t)
	server.Inject(s3server.Fault{Operation: s3server.OpList, Body: "<ListBucketResult><IsTruncated>true</IsTruncated>" +
		"<NextContinuationToken>again</NextContinuationToken><Contents><Key>p/a</Key><Size>1</Size></Contents></ListBucketResult>"})
	page, err := s.List(t.Context(), "")
	require.NoError(t, err)
	_, err = s.List(t.Context(), page.Next)
	require.ErrorIs(t, err, pipeline.ErrProtocol)
	_, err = s.List(t.Context(), "no token")
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

func TestFramingOfTheUploadIsNoEncoding(t *testing.T) {
	t.Parallel()
	server, _, s, o := one(t)
	server.Inject(s3server.Fault{ContentEncoding: "aws-chunked"})
	data, err := objecttest.Read(t.Context(), s, o, 3, 5)
	require.NoError(t, err)
	require.Equal(t, objecttest.Data(1, 8)[3:], data)
}

func TestETagChangesBetweenListingAndReading(t *testing.T) {
	t.Parallel()
	_, bucket, s, o := one(t)
	bucket.Put("p/a.bin", objecttest.Data(2, 100_000))
	_, err := objecttest.Read(t.Context(), s, o, 0, 10)
	require.ErrorIs(t, err, pipeline.ErrChanged)
	require.ErrorContains(t, err, `"a.bin" changed under review`)
}

// TestVersionThatIsSentTwice holds for stores that begin a page with the last version
// of the page before. A listing with two current versions of one key is not trusted;
// the plain listing is asked for instead.
func TestVersionThatIsSentTwice(t *testing.T) {
	t.Parallel()
	version := func(key, id string) string {
		return "<Version><Key>p/" + key + "</Key><VersionId>" + id + "</VersionId><IsLatest>true</IsLatest><Size>1</Size></Version>"
	}
	for second, want := range map[string][]string{"1": {"a", "b"}, "2": {"plain"}} {
		bucket := s3server.NewBucket()
		bucket.Put("p/plain", []byte("x"))
		server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Versioning: true})
		server.Inject(s3server.Fault{Operation: s3server.OpVersions, Body: "<ListVersionsResult>" + version("a", "1") + version("a", second) +
			version("b", "3") + "</ListVersionsResult>"})
		objects, _, _ := objecttest.List(t, open(t, "s3://models/p/", options(server)))
		var paths []string
		for _, o := range objects {
			paths = append(paths, o.Path)
		}
		require.Equal(t, want, paths)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	server, _, _, o := one(t)
	for name, c := range map[string]struct {
		change func(*s3.Options)
		hint   string
	}{
		"unknown key":  {func(o *s3.Options) { o.AccessKeyID = "AKIAUNKNOWN" }, "AWS_ACCESS_KEY_ID"},
		"wrong secret": {func(o *s3.Options) { o.SecretAccessKey = secret + "x" }, "AWS_SECRET_ACCESS_KEY"},
		"anonymous":    {func(o *s3.Options) { o.AccessKeyID, o.SecretAccessKey, o.Anonymous = "", "", true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := options(server)
			c.change(&opts)
			s := open(t, "s3://models/p/", opts)
			_, err := s.List(t.Context(), "")
			require.ErrorIs(t, err, pipeline.ErrDenied)
			requireClean(t, err)
			var told *pipeline.Error
			require.ErrorAs(t, err, &told)
			require.Contains(t, told.Hint, c.hint)
			_, err = objecttest.Read(t.Context(), s, o, 0, 1)
			require.ErrorIs(t, err, pipeline.ErrDenied)
			requireClean(t, err)
		})
	}
}

func TestWrongRegionIsNamed(t *testing.T) {
	t.Parallel()
	server, _, _, _ := one(t)
	opts := options(server)
	opts.Region = "ap-south-1"
	_, err := open(t, "s3://models/p/", opts).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrDenied)
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.Contains(t, told.Hint, "AWS_REGION=us-east-1")
}

func TestAnonymousOnPublicBucket(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	bucket.Put("p/a.bin", []byte("bytes"))
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, Public: true})
	s := open(t, "s3://models/p/", s3.Options{Endpoint: server.URL(), Anonymous: true})
	data, err := objecttest.Read(t.Context(), s, objecttest.Pin(t, s, "a.bin"), 0, 5)
	require.NoError(t, err)
	require.Equal(t, "bytes", string(data))
}

func TestStoreThatIsNotThere(t *testing.T) {
	t.Parallel()
	server := serve(t, s3server.Options{})
	opts := options(server)
	require.NoError(t, server.Close())
	_, err := open(t, "s3://models/p/", opts).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	requireClean(t, err)
	opts.Endpoint = strings.Replace(serve(t, s3server.Options{}).URL(), "http://", "https://", 1)
	_, err = open(t, "s3://models/p/", opts).List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrProtocol)
	require.ErrorContains(t, err, "TLS")
}

// requireClean looks for what no error may show, the hint included.
func requireClean(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.NotEmpty(t, told.Message)
	text += told.Hint
	for _, word := range []string{secret, "never-to-be-seen", "X-Amz-", "Signature=", "Credential=", "AWS4", "session-token"} {
		require.NotContains(t, text, word)
	}
}
