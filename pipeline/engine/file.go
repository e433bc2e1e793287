package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"weighbridge/pipeline"
)

// file is one object in the hands of readers. It belongs to one goroutine.
type file struct {
	store    pipeline.Store
	object   pipeline.Object
	head     []byte
	compress bool
	kept     *pipeline.Kept
}

// Object returns the pinned object.
func (f *file) Object() pipeline.Object { return f.object }

// Head returns the bytes of the first read.
func (f *file) Head() []byte { return f.head }

// Range opens any bytes of the object.
func (f *file) Range(ctx context.Context, offset, n int64) (io.ReadCloser, error) {
	return f.store.Open(ctx, f.object, offset, n)
}

// Header returns the first n bytes. What the first read brought comes from memory; the
// rest is one more read, begun only when it is reached.
func (f *file) Header(ctx context.Context, n int64) (io.ReadCloser, error) {
	if n < 1 || n > f.object.Size {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "a header must lie inside its object"}
	}
	r := &headerReader{ctx: ctx, file: f, n: n, sum: sha256.New()}
	if f.compress {
		r.zip, _ = gzip.NewWriterLevel(&r.packed, gzip.BestSpeed) // the level is valid
	}
	return r, nil
}

// keep records b, the whole of what was read of a small text.
func (f *file) keep(b []byte) {
	r := &headerReader{file: f, n: int64(len(b)), sum: sha256.New()}
	if f.compress {
		r.zip, _ = gzip.NewWriterLevel(&r.packed, gzip.BestSpeed)
	}
	r.pass(b)
}

// headerReader yields the first n bytes of an object, and once it was read to the end
// records them as what was read.
type headerReader struct {
	ctx    context.Context //nolint:containedctx // the reader lives for one call of a reader
	file   *file
	n, at  int64
	rest   io.ReadCloser
	sum    hash.Hash
	zip    *gzip.Writer
	packed bytes.Buffer
}

// Read reads on.
func (r *headerReader) Read(p []byte) (int, error) {
	if r.at == r.n {
		return 0, io.EOF
	}
	if int64(len(p)) > r.n-r.at {
		p = p[:r.n-r.at]
	}
	if r.at < int64(len(r.file.head)) {
		n := copy(p, r.file.head[r.at:])
		r.pass(p[:n])
		return n, nil
	}
	if r.rest == nil {
		rest, err := r.file.store.Open(r.ctx, r.file.object, r.at, r.n-r.at)
		if err != nil {
			return 0, err
		}
		r.rest = rest
	}
	n, err := r.rest.Read(p)
	r.pass(p[:n])
	if err == io.EOF && r.at < r.n { //nolint:errorlint // a reader returns io.EOF itself
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// pass takes the next bytes into the record.
func (r *headerReader) pass(b []byte) {
	r.sum.Write(b)
	if r.zip != nil {
		_, _ = r.zip.Write(b) // into memory
	}
	r.at += int64(len(b))
	if r.at != r.n || r.file.kept != nil {
		return
	}
	k := &pipeline.Kept{Path: r.file.object.Path, Size: r.n, Digest: pipeline.DigestOf(r.sum.Sum(nil))}
	if r.zip != nil {
		_ = r.zip.Close()
		k.Gzip = r.packed.Bytes()
	}
	r.file.kept = k
}

// Close ends a read that was begun.
func (r *headerReader) Close() error {
	if r.rest == nil {
		return nil
	}
	return r.rest.Close()
}
