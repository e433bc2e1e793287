package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"runtime"

	"weighbridge/pipeline"
)

// file is one object in the hands of readers. It belongs to one goroutine.
type file struct {
	store  pipeline.Store
	object pipeline.Object
	head   []byte
	// rest goes on behind head up to restEnd, where the first read is longer than what
	// is held of it; else nil.
	rest    io.ReadCloser
	restEnd int64

	zips zips // nil where no copies are wanted
	kept *pipeline.Kept
}

// zips lends compressors, each of which takes about a megabyte: there are as many as
// processors, while hundreds of objects are read side by side.
type zips chan *gzip.Writer

func newZips() zips {
	z := make(zips, runtime.GOMAXPROCS(0))
	for range cap(z) {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		z <- w
	}
	return z
}

// zip compresses b.
func (z zips) zip(b []byte) []byte {
	w := <-z
	defer func() { z <- w }()
	var packed bytes.Buffer
	w.Reset(&packed)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return packed.Bytes()
}

// Object returns the pinned object.
func (f *file) Object() pipeline.Object { return f.object }

// Head returns the bytes of the first read.
func (f *file) Head() []byte { return f.head }

// Range opens any bytes of the object. The first read ends here: one object in the
// hands of readers holds one answer of the store, so that all together cannot wait for
// each other.
func (f *file) Range(ctx context.Context, offset, n int64) (io.ReadCloser, error) {
	f.leave()
	return f.store.Open(ctx, f.object, offset, n)
}

// Header returns the first n bytes. What the first read brought comes from memory, or
// from its answer where that goes on; the rest is one more read, begun only when it is
// reached.
func (f *file) Header(ctx context.Context, n int64) (io.ReadCloser, error) {
	if n < 1 || n > f.object.Size {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "a header must lie inside its object"}
	}
	return &headerReader{ctx: ctx, file: f, n: n, keeper: f.keeper()}, nil
}

// Keep returns a writer for what was read.
func (f *file) Keep() io.WriteCloser { return f.keeper() }

// keep records b, the whole of what was read of a small text.
func (f *file) keep(b []byte) {
	k := f.keeper()
	_, _ = k.Write(b) // into memory
	_ = k.Close()
}

func (f *file) keeper() *keeper {
	return &keeper{file: f, sum: sha256.New()}
}

// mostWaiting is how much of what was read waits in memory for a compressor; what is
// longer is compressed as it comes.
const mostWaiting = 1 << 20

// keeper takes what was read of an object and, once it is closed, records it.
type keeper struct {
	file   *file
	n      int64
	sum    hash.Hash
	raw    []byte
	zip    *gzip.Writer // of its own, for what is long
	packed bytes.Buffer
}

// Write takes the next bytes.
func (k *keeper) Write(b []byte) (int, error) {
	k.sum.Write(b)
	switch {
	case k.file.zips == nil:
	case k.zip == nil && len(k.raw)+len(b) <= mostWaiting:
		k.raw = append(k.raw, b...)
	default:
		if k.zip == nil {
			k.zip, _ = gzip.NewWriterLevel(&k.packed, gzip.BestSpeed) // the level is valid
			_, _ = k.zip.Write(k.raw)                                 // into memory
			k.raw = nil
		}
		_, _ = k.zip.Write(b)
	}
	k.n += int64(len(b))
	return len(b), nil
}

// Close records what was written. What was recorded of the object before stays.
func (k *keeper) Close() error {
	if k.file.kept != nil {
		return nil
	}
	kept := &pipeline.Kept{Path: k.file.object.Path, Size: k.n, Digest: pipeline.DigestOf(k.sum.Sum(nil))}
	switch {
	case k.file.zips == nil:
	case k.zip != nil:
		_ = k.zip.Close()
		kept.Gzip = k.packed.Bytes()
	default:
		kept.Gzip = k.file.zips.zip(k.raw)
	}
	k.raw = nil
	k.file.kept = kept
	return nil
}

// headerReader yields the first n bytes of an object, and once it was read to the end
// records them as what was read.
type headerReader struct {
	ctx    context.Context //nolint:containedctx // the reader lives for one call of a reader
	file   *file
	n, at  int64
	rest   io.ReadCloser
	keeper *keeper
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
		rest, err := r.file.goOn(r.ctx, r.at, r.n)
		if err != nil {
			return 0, err
		}
		r.rest = rest
	}
	n, err := r.rest.Read(p)
	r.pass(p[:n])
	if err == io.EOF && r.at < r.n {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// goOn returns the bytes from the end of the head, at, to end: the rest of the first
// read where that has them, else those of another one.
func (f *file) goOn(ctx context.Context, at, end int64) (io.ReadCloser, error) {
	if f.rest != nil && end <= f.restEnd {
		rest := f.rest
		f.rest = nil
		return rest, nil
	}
	return f.Range(ctx, at, end-at)
}

// pass takes the next bytes into the record.
func (r *headerReader) pass(b []byte) {
	_, _ = r.keeper.Write(b) // into memory
	r.at += int64(len(b))
	if r.at == r.n {
		_ = r.keeper.Close()
	}
}

// Close ends a read that was begun.
func (r *headerReader) Close() error {
	if r.rest == nil {
		return nil
	}
	return r.rest.Close()
}
