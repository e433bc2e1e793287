// Package s3 reads a model from a bucket of Amazon S3 or of a store that speaks its
// protocol.
//
// Stores that call themselves compatible differ most where a range read of a pinned
// object depends on them. So each answer is held to what was asked before a byte of
// it is handed out: status 206 and no other, exactly the asked Content-Range with the
// listed total, the asked Content-Length, no content encoding, and the pinned ETag.
// A store that ignores the range, compresses, or serves another version is found out
// at the first read instead of giving wrong facts.
//
// Requests are counted by what they cost, so none is spent on comfort: no HEAD but for
// the checksums that a run which hashes asks for ([Store.Digests]), no look-up of the bucket's region, no redirect followed, no retry (the retry decorator
// owns that). One request asks whether the bucket keeps versions, unless
// [Options].IgnoreVersions is set, and goes out together with the first listing. In a
// versioned bucket a second listing gives the current version ids and a read names the version: it then gets the listed bytes
// even after the object was replaced, and only a version that was deleted is reported
// as changed.
package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// Store reads one prefix of one bucket. It is safe for use by many goroutines.
type Store struct {
	src    pipeline.Source
	opts   Options
	host   string
	secure bool
	creds  *credentials.Credentials
	wire   *wire
	core   *minio.Core

	mu        sync.Mutex
	versioned *bool // nil until the store was asked
}

var _ pipeline.Store = (*Store)(nil)

// Open binds a store to a source. It sends nothing.
//
// It returns an error that matches [pipeline.ErrUsage] for a source that is no S3
// source, and [pipeline.ErrInvalid] for options that contradict each other or an
// endpoint that is no URL.
func Open(src pipeline.Source, opts Options) (*Store, error) {
	if src.Scheme != pipeline.SchemeS3 || src.Bucket == "" {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is not an S3 source", src.String()),
			Hint: "write s3://bucket/prefix/"}
	}
	if err := s3utils.CheckValidBucketName(src.Bucket); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q cannot be the name of a bucket", src.Bucket),
			Hint: "write s3://bucket/prefix/"}
	}
	if src.Prefix != "" && !strings.HasSuffix(src.Prefix, "/") {
		src.Prefix += "/"
	}
	if err := opts.checkKeys(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	host, secure, err := opts.host()
	if err != nil {
		return nil, err
	}
	w, err := newWire(opts, secure)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: "the connection to the store cannot be set up", Err: err}
	}
	s := &Store{src: src, opts: opts, host: host, secure: secure, wire: w, creds: newCredentials(opts, w.base)}
	if opts.IgnoreVersions {
		s.versioned = new(bool)
	}
	if s.core, err = s.client(w); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) client(transport http.RoundTripper) (*minio.Core, error) {
	lookup := minio.BucketLookupAuto
	if s.opts.Endpoint != "" {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(s.host, &minio.Options{
		Creds: s.creds, Secure: s.secure, Transport: transport, Region: s.opts.Region,
		BucketLookup: lookup, MaxRetries: 1,
	})
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the S3 endpoint cannot be used",
			Hint: "write https://host or http://host:port"}
	}
	return core, nil
}

// Close gives up the idle connections. Bodies that are still open stay readable.
func (s *Store) Close() error {
	s.wire.close()
	return nil
}

// Requests returns how many requests were sent so far, the hidden one included.
func (s *Store) Requests() int64 { return s.wire.requests.Load() }

// pageToken is the token of a page. It holds the last key, so that a listing that
// does not go forward is noticed.
type pageToken struct {
	// Versions says which of the two listings is being paged.
	Versions bool `json:"v,omitempty"`
	// Continuation is the store's own token.
	Continuation string `json:"c,omitempty"`
	Last         string `json:"l"`
}

// List implements [pipeline.Store].
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Page{}, err
	}
	var at pageToken
	if token != "" {
		if err := json.Unmarshal([]byte(token), &at); err != nil {
			return pipeline.Page{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the page token is not one of this store"}
		}
	}
	if err := s.signIn(ctx); err != nil {
		return pipeline.Page{}, err
	}
	switch {
	case token == "":
		return s.listFirst(ctx)
	case at.Versions:
		return s.listVersions(ctx, at)
	}
	return s.listCurrent(ctx, at)
}

// listFirst returns the first page, which is where it is found out which of the two
// listings is the one of this bucket. Most buckets keep no versions, so their listing
// is asked for beside the question: it costs no round trip of its own, and a versioned
// bucket one request.
func (s *Store) listFirst(ctx context.Context) (pipeline.Page, error) {
	current := func() (pipeline.Page, error) { return s.listCurrent(ctx, pageToken{}) }
	if s.known() == nil {
		begun, stop := s.beginCurrent(ctx)
		defer stop()
		current = begun
	}
	versioned, err := s.keepsVersions(ctx)
	if err != nil {
		return pipeline.Page{}, err
	}
	if versioned {
		page, err := s.listVersions(ctx, pageToken{})
		if !refused(err) {
			return page, err
		}
		s.remember(false) // they may not be listed by these credentials, or not in a way to be trusted
	}
	return current()
}

// beginCurrent asks for the first page of a bucket without versions. wait returns it,
// and stop gives up what is still under way.
func (s *Store) beginCurrent(ctx context.Context) (wait func() (pipeline.Page, error), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var page pipeline.Page
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		page, err = s.listCurrent(ctx, pageToken{})
	}()
	wait = func() (pipeline.Page, error) {
		<-done
		return page, err
	}
	stop = func() {
		cancel()
		<-done
	}
	return wait, stop
}

// known returns whether the bucket keeps versions, nil until the store was asked.
func (s *Store) known() *bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versioned
}

// keepsVersions asks once whether the bucket keeps versions. A store that does not
// know the question, or does not answer it to these credentials, keeps none as far
// as this run is concerned: the ETag still pins.
func (s *Store) keepsVersions(ctx context.Context) (bool, error) {
	if known := s.known(); known != nil {
		return *known, nil
	}
	c := s.listingCall(ctx)
	config, err := s.core.GetBucketVersioning(context.WithValue(ctx, callKey{}, c), s.src.Bucket)
	err = c.result(err)
	if err != nil && !refused(err) {
		return false, err
	}
	return s.remember(err == nil && (config.Enabled() || config.Suspended())), nil
}

func (s *Store) remember(versioned bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versioned = &versioned
	return versioned
}

// refused reports whether a store does not offer a call, or not to these credentials,
// or answers it with something else, as opposed to being unable to answer just now.
func refused(err error) bool {
	if errors.Is(err, pipeline.ErrDenied) {
		var answer minio.ErrorResponse
		return errors.As(err, &answer) && credentialHints[answer.Code] == ""
	}
	return errors.Is(err, pipeline.ErrProtocol)
}

func (s *Store) listingCall(ctx context.Context) *call {
	c := &call{ctx: ctx, target: target{bucket: s.src.Bucket}}
	c.check = c.checkListing
	return c
}

// listCurrent returns a page of a bucket without versions.
func (s *Store) listCurrent(ctx context.Context, at pageToken) (pipeline.Page, error) {
	c := s.listingCall(ctx)
	core, err := s.client(bound{s.wire, c}) // this call of the library takes no context
	if err != nil {
		return pipeline.Page{}, err
	}
	result, err := core.ListObjectsV2(s.src.Bucket, s.src.Prefix, "", at.Continuation, "", storage.PageSize)
	if err := c.result(err); err != nil {
		return pipeline.Page{}, err
	}
	b := pageBuilder{src: s.src, after: at.Last}
	for _, info := range result.Contents {
		b.add(info.Key, info.Size, info.ETag, "", info.LastModified)
	}
	page, last, err := b.finish()
	if err != nil {
		return pipeline.Page{}, err
	}
	if result.IsTruncated {
		if result.NextContinuationToken == at.Continuation {
			return pipeline.Page{}, b.broken("the store sent the same page twice")
		}
		page.Next = encodeToken(pageToken{Continuation: result.NextContinuationToken, Last: last})
	}
	return page, nil
}

// listVersions returns a page of the current versions. Old versions and deleted
// objects are passed over.
func (s *Store) listVersions(ctx context.Context, at pageToken) (pipeline.Page, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := s.listingCall(ctx)
	next, stop := iter.Pull(s.core.ListObjectsIter(context.WithValue(ctx, callKey{}, c), s.src.Bucket, minio.ListObjectsOptions{
		WithVersions: true, Recursive: true, Prefix: s.src.Prefix, StartAfter: at.Last, MaxKeys: storage.PageSize,
	}))
	defer stop()
	b := pageBuilder{src: s.src, after: at.Last}
	var before minio.ObjectInfo
	for count := 0; count < storage.PageSize; {
		info, more := next()
		if !more || info.Err != nil {
			err := c.result(info.Err)
			if err == nil {
				err = ctx.Err() // the library ends an interrupted listing as if it were complete
			}
			if err != nil {
				return pipeline.Page{}, err
			}
			page, _, err := b.finish()
			return page, err
		}
		if !info.IsLatest || info.IsDeleteMarker {
			continue
		}
		// Stores differ on whether the version that a page starts behind comes again.
		if info.Key == at.Last || info.Key == before.Key && info.VersionID == before.VersionID {
			continue
		}
		before = info
		id := info.VersionID
		if id == "null" {
			id = "" // stored before versions were kept
		}
		b.add(info.Key, info.Size, info.ETag, id, info.LastModified)
		count++
	}
	page, last, err := b.finish()
	page.Next = encodeToken(pageToken{Versions: true, Last: last})
	return page, err
}

func encodeToken(t pageToken) string {
	text, _ := json.Marshal(t) // strings and a bool always marshal
	return string(text)
}

// pageBuilder turns keys into objects of the source.
type pageBuilder struct {
	src   pipeline.Source
	after string
	keys  []listed
}

type listed struct {
	key    string
	object pipeline.Object
}

func (b *pageBuilder) add(key string, size int64, etag, version string, modified time.Time) {
	b.keys = append(b.keys, listed{key, pipeline.Object{
		Path: strings.TrimPrefix(key, b.src.Prefix), Size: size, ETag: strings.Trim(etag, `"`), VersionID: version, ModTime: modified,
	}})
}

func (b *pageBuilder) broken(how string) error {
	return &pipeline.Error{Code: pipeline.CodeProtocol, Message: fmt.Sprintf("the listing of %s cannot be trusted: %s", b.src, how),
		Hint: "a model is only weighed when all of it is seen; check that the endpoint speaks S3"}
}

// finish sorts the page and checks it: every key under the prefix, none twice, all
// behind the page before. It returns the last key too.
func (b *pageBuilder) finish() (pipeline.Page, string, error) {
	sort.SliceStable(b.keys, func(i, j int) bool { return b.keys[i].key < b.keys[j].key })
	var page pipeline.Page
	last := b.after
	for i, l := range b.keys {
		switch {
		case !strings.HasPrefix(l.key, b.src.Prefix):
			return pipeline.Page{}, "", b.broken("it holds a key outside the prefix")
		case l.object.Size < 0:
			return pipeline.Page{}, "", b.broken("it holds a negative size")
		case (i > 0 || b.after != "") && l.key <= last:
			return pipeline.Page{}, "", b.broken("its keys are not in byte order")
		}
		last = l.key
		if storage.IsFolderMarker(l.key, l.object.Size) {
			path := l.object.Path
			if path == "" {
				path = "/" // the marker of the source itself
			}
			page.Skipped = append(page.Skipped, pipeline.Skipped{Path: path, Reason: storage.FolderMarker})
			continue
		}
		page.Objects = append(page.Objects, l.object)
	}
	return page, last, nil
}

// Open implements [pipeline.Store].
func (s *Store) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if err := storage.CheckRange(o, offset, length); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.signIn(ctx); err != nil {
		return nil, err
	}
	t := target{bucket: s.src.Bucket, object: o.Path}
	opts := minio.GetObjectOptions{VersionID: o.VersionID}
	// The end is never 0 for an offset above 0, which the library would take for
	// "to the end of the object".
	if err := opts.SetRange(offset, offset+length-1); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: fmt.Sprintf("the range of %s cannot be asked for", t), Err: err}
	}
	if o.ETag != "" {
		if err := opts.SetMatchETag(o.ETag); err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeInternal, Message: fmt.Sprintf("the ETag of %s cannot be asked for", t), Err: err}
		}
	}
	c := &call{ctx: ctx, target: t, check: func(resp *http.Response) error { return checkRange(resp, t, o, offset, length) }}
	body, _, _, err := s.core.GetObject(context.WithValue(ctx, callKey{}, c), s.src.Bucket, s.src.Prefix+o.Path, opts)
	if err := c.result(err); err != nil {
		if body != nil {
			_ = body.Close() // the answer is of no use
		}
		return nil, err
	}
	return body, nil
}

// checkRange holds the head of an answer to the range and the pin.
func checkRange(resp *http.Response, t target, o pipeline.Object, offset, length int64) error {
	wrong := func(format string, args ...any) error {
		return &pipeline.Error{Code: pipeline.CodeProtocol, Message: fmt.Sprintf("%s: ", t) + fmt.Sprintf(format, args...),
			Hint: "the store or a proxy before it does not serve ranges as S3 does"}
	}
	changed := func(format string, args ...any) error {
		return &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%s changed under review: ", t) + fmt.Sprintf(format, args...),
			Hint: "let the upload finish, then start again"}
	}
	etag := strings.Trim(resp.Header.Get("ETag"), `"`)
	if o.ETag != "" && etag != "" && etag != o.ETag {
		return changed("it has another ETag")
	}
	if id := resp.Header.Get("x-amz-version-id"); o.VersionID != "" && id != "" && id != o.VersionID {
		return changed("it has another version")
	}
	if !o.Pinned() {
		modified, err := http.ParseTime(resp.Header.Get("Last-Modified"))
		if err != nil {
			return wrong("the answer has no time of last change, and the object has no ETag either")
		}
		if !modified.Equal(o.ModTime.UTC().Truncate(time.Second)) {
			return changed("it was written to")
		}
	}
	if resp.StatusCode != http.StatusPartialContent {
		return wrong("the store answered with status %d and the whole object where a range was asked for", resp.StatusCode)
	}
	if !identity(resp) {
		return wrong("the answer is encoded as %q where plain bytes were asked for", printable(resp.Header.Get("Content-Encoding")))
	}
	got := resp.Header.Get("Content-Range")
	if want := fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, o.Size); got != want {
		var start, end, total int64
		if n, err := fmt.Sscanf(got, "bytes %d-%d/%d", &start, &end, &total); n == 3 && err == nil && !o.Pinned() && total != o.Size {
			return changed("it has %d bytes and had %d", total, o.Size)
		}
		return wrong("the answer is not the asked range: asked for %q, got %q", want, printable(got))
	}
	if resp.ContentLength != length {
		return wrong("the answer has a length of %d bytes where %d were asked for", resp.ContentLength, length)
	}
	if o.ETag != "" && etag == "" {
		return wrong("the answer does not say which ETag it belongs to")
	}
	return nil
}

// printable keeps a header's text short and plain.
func printable(s string) string {
	if len(s) > 80 {
		s = s[:80]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
