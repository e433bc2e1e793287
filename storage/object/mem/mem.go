// Package mem keeps the objects of one source in memory. It serves tests and
// synthetic models: an object may be any [io.ReaderAt] of any declared size, so a
// model of hundreds of gigabytes costs only its header. Everything that can happen
// to a bucket between listing and reading can be made to happen here: an object is
// replaced, removed, refused, or loses its ETag.
package mem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// Store is a source in memory. It is safe for use by many goroutines, the methods
// that change it too.
type Store struct {
	src pipeline.Source

	mu       sync.RWMutex
	objects  map[string]*object
	missing  bool
	revision int64
}

// object is never changed after it was stored: a change stores another one, so an
// open reader goes on reading the bytes that it was opened on.
type object struct {
	data    io.ReaderAt
	size    int64
	etag    string
	version string
	modTime time.Time
	denied  bool
	known   pipeline.StoredDigest
}

// epoch is the time of the first revision. A fixed one keeps listings the same
// from run to run.
var epoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns an empty source. Only src.Prefix is used: keys that do not begin with
// it are held and never listed, as in a bucket.
func New(src pipeline.Source) *Store {
	return &Store{src: src, objects: map[string]*object{}}
}

// Put stores data as the object at path, relative to the source.
func (s *Store) Put(path string, data []byte) { s.PutKey(s.src.Prefix+path, data) }

// PutKey stores data under a full key of the bucket, inside the source or beside it.
func (s *Store) PutKey(key string, data []byte) {
	kept := bytes.Clone(data)
	sum := sha256.Sum256(kept)
	s.store(key, object{data: bytes.NewReader(kept), size: int64(len(kept)), etag: hex.EncodeToString(sum[:16])})
}

// PutReaderAt stores an object of size bytes that are read from r when they are
// asked for. Where r ends before size, the rest reads as zeros, as in a sparse file.
// A reader that fails in another way fails the read.
func (s *Store) PutReaderAt(path string, r io.ReaderAt, size int64) {
	s.store(s.src.Prefix+path, object{data: sparse{r}, size: size})
}

func (s *Store) store(key string, o object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	o.modTime = epoch.Add(time.Duration(s.revision) * time.Second)
	if o.etag == "" {
		o.etag = fmt.Sprintf("revision-%d", s.revision)
	}
	s.objects[key] = &o
}

// Remove takes the object at path away.
func (s *Store) Remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, s.src.Prefix+path)
}

// Deny lists the object at path and refuses every read of it.
func (s *Store) Deny(path string) { s.edit(path, func(o *object) { o.denied = true }) }

// DropETag lists the object at path without an ETag, as stores do for files that
// were not written through them.
func (s *Store) DropETag(path string) { s.edit(path, func(o *object) { o.etag = "" }) }

// SetVersion gives the object at path a version id.
func (s *Store) SetVersion(path, id string) { s.edit(path, func(o *object) { o.version = id }) }

// SetDigests makes the store hold sums of the object at path, true ones or not. A later Put
// forgets them.
func (s *Store) SetDigests(path string, known pipeline.StoredDigest) {
	s.edit(path, func(o *object) { o.known = known })
}

// SetModTime sets the time that the listing shows.
func (s *Store) SetModTime(path string, t time.Time) { s.edit(path, func(o *object) { o.modTime = t }) }

// Vanish makes the whole source a place that does not exist.
func (s *Store) Vanish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = true
}

func (s *Store) edit(path string, change func(*object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[s.src.Prefix+path]; ok {
		edited := *o
		change(&edited)
		s.objects[s.src.Prefix+path] = &edited
	}
}

// List implements [pipeline.Store]. The token is the last key of the page before.
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Page{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.missing {
		return pipeline.Page{}, &pipeline.Error{Code: pipeline.CodeNotFound,
			Message: fmt.Sprintf("the source %s does not exist", s.src)}
	}
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, s.src.Prefix) && (token == "" || key > token) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	var page pipeline.Page
	if len(keys) > storage.PageSize {
		keys = keys[:storage.PageSize]
		page.Next = keys[len(keys)-1]
	}
	for _, key := range keys {
		o, path := s.objects[key], strings.TrimPrefix(key, s.src.Prefix)
		if storage.IsFolderMarker(key, o.size) {
			page.Skipped = append(page.Skipped, pipeline.Skipped{Path: path, Reason: storage.FolderMarker})
			continue
		}
		page.Objects = append(page.Objects, pipeline.Object{
			Path: path, Size: o.size, ETag: o.etag, VersionID: o.version, ModTime: o.modTime,
		})
	}
	return page, nil
}

// Open implements [pipeline.Store].
func (s *Store) Open(ctx context.Context, pin pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if err := storage.CheckRange(pin, offset, length); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := s.pinned(pin)
	if err != nil {
		return nil, err
	}
	return &reader{ctx: ctx, r: io.NewSectionReader(o.data, offset, length)}, nil
}

// Digests implements [pipeline.Digester].
func (s *Store) Digests(ctx context.Context, pin pipeline.Object) (pipeline.StoredDigest, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.StoredDigest{}, err
	}
	o, err := s.pinned(pin)
	if err != nil {
		return pipeline.StoredDigest{}, err
	}
	return o.known, nil
}

// pinned returns the object that was pinned, where it is still there and may be read.
func (s *Store) pinned(pin pipeline.Object) (*object, error) {
	s.mu.RLock()
	o, ok := s.objects[s.src.Prefix+pin.Path]
	s.mu.RUnlock()
	switch {
	case !ok:
		return nil, &pipeline.Error{Code: pipeline.CodeChanged,
			Message: fmt.Sprintf("%q changed under review: it is gone", pin.Path)}
	case o.denied:
		return nil, &pipeline.Error{Code: pipeline.CodeDenied,
			Message: fmt.Sprintf("the store refuses to read %q", pin.Path)}
	case o.etag != pin.ETag, o.version != pin.VersionID, o.size != pin.Size,
		!pin.Pinned() && !o.modTime.Equal(pin.ModTime):
		return nil, &pipeline.Error{Code: pipeline.CodeChanged,
			Message: fmt.Sprintf("%q changed under review", pin.Path)}
	}
	return o, nil
}

// reader stops when the caller's context ends, as a network read does.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *reader) Close() error { return nil }

// sparse turns the end of a reader into zeros.
type sparse struct{ r io.ReaderAt }

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	clear(p[n:])
	return len(p), nil
}
