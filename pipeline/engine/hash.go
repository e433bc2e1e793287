package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
)

// Every object is hashed once, several side by side. What the first read brought whole is
// hashed from memory then and there, so that a small text costs no second request. Of what
// is left the longest come first. Where there are fewer objects than lanes, an object is
// read ahead in ranges by as many readers as there are lanes for it, while one goroutine
// hashes: SHA-256 goes through an object from its start to its end, but one connection, or
// one core, need not bring all of it.
//
// Who is trusted: bytes that were read are held to the pin by the store's Open, and their
// digest is ours. A SHA-256 that the store holds for a whole object is its word, taken as
// such and named in Artifact.ContentBasis and ObjectReading.Stored. Sums of the parts of an
// upload are never put together to one of the whole: they are held against the bytes while
// these are read, and a difference is a fault of the store, [pipeline.ErrProtocol].

// hasher is the inspector's name under which the engine reports what could not be hashed.
const hasher = "hash"

const (
	// hashLanes is how many reads are under way at the same time while objects are hashed.
	hashLanes = 16
	// mostAhead is how many of them may work for one object.
	mostAhead = 8
	// hashBuffer is read and hashed at once where nothing is read ahead. It fits the cache
	// of one core.
	hashBuffer = 256 << 10
	// hashRange is what one reader brings of an object that is read ahead. All lanes
	// together hold 128 MiB.
	hashRange = 8 << 20
)

// hashJob is one object that is to be hashed.
type hashJob struct {
	at     int // in run.objects
	pieces []int64
}

// hashAll establishes the digest of every object. It returns an error only where an object
// changed or ctx ended; an object that cannot be read stays without a digest, and its
// inspection failed.
func (r *run) hashAll(ctx context.Context) error {
	jobs, bytes := r.hashJobs()
	told, _ := r.observer.(HashObserver)
	if told != nil {
		told.Hashing(len(jobs), bytes)
	}
	digester, _ := r.req.Store.(pipeline.Digester)
	var left atomic.Int64
	left.Store(int64(len(jobs)))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(min(hashLanes, r.limits.Concurrency))
	for _, job := range jobs {
		group.Go(func() error {
			defer left.Add(-1)
			h := &hashing{store: r.req.Store, digester: digester, told: told, object: r.snapshot.Objects[job.at]}
			h.lanes = int(min(mostAhead, max(1, int64(min(hashLanes, r.limits.Concurrency))/max(left.Load(), 1))))
			return r.hashObject(gctx, h, job)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if unknown := r.unhashed(); unknown > 0 {
		r.notes = append(r.notes, fmt.Sprintf("The content digest is not known: objects that could not be hashed: %d.", unknown))
	}
	return nil
}

// unhashed counts objects of the artifact that have no digest.
func (r *run) unhashed() (n int) {
	for i, o := range r.snapshot.Objects {
		if r.objects[i].reading.SHA256 == "" && !o.Apart() {
			n++
		}
	}
	return n
}

// hashJobs lists what is still to be hashed, the longest first, and how many bytes that is.
func (r *run) hashJobs() (jobs []hashJob, bytes int64) {
	for i, o := range r.snapshot.Objects {
		if o.Apart() {
			continue
		}
		pieces := r.pieces(o)
		if r.objects[i].reading.SHA256 == "" || len(pieces) > 0 {
			jobs = append(jobs, hashJob{i, pieces})
			bytes += o.Size
		}
	}
	slices.SortStableFunc(jobs, func(a, b hashJob) int {
		x, y := r.snapshot.Objects[a.at].Size, r.snapshot.Objects[b.at].Size
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return jobs, bytes
}

// pieces returns the sizes of the pieces that readers want digests of, without those that
// are the whole object.
func (r *run) pieces(o pipeline.Object) []int64 {
	var sizes []int64
	for _, s := range r.sessions {
		w, ok := s.ReaderRun.(pipeline.PieceWisher)
		if !ok {
			continue
		}
		if err := guarded(func() error { sizes = append(sizes, w.Pieces(o)...); return nil }); err != nil {
			r.fail(s.name, err)
		}
	}
	slices.Sort(sizes)
	return slices.DeleteFunc(slices.Compact(sizes), func(n int64) bool { return n < 1 || n >= o.Size })
}

func (r *run) hashObject(ctx context.Context, h *hashing, job hashJob) error {
	out := &r.objects[job.at]
	err := h.establish(ctx, job.pieces)
	switch {
	case err == nil:
		out.reading.SHA256, out.reading.Stored, out.reading.Pieces = h.sum, h.stored, h.pieces
		return nil
	case errors.Is(err, pipeline.ErrChanged):
		return changed(h.object, err)
	case ctx.Err() != nil:
		return fmt.Errorf("the run was stopped: %w", context.Cause(ctx))
	}
	out.reading.SHA256 = ""
	out.record(hasher, h.object, pipeline.InspectionFailed, reason(err))
	return nil
}

// hashing is one object at work.
type hashing struct {
	store    pipeline.Store
	digester pipeline.Digester
	told     HashObserver
	object   pipeline.Object
	lanes    int

	sum    pipeline.Digest
	stored bool
	pieces map[int64][]pipeline.Digest
}

// establish finds the digest: the store's where it holds one and no pieces are wanted, else
// that of the bytes.
func (h *hashing) establish(ctx context.Context, pieces []int64) error {
	var known pipeline.StoredDigest
	if h.digester != nil && h.object.Size > 0 {
		var err error
		known, err = h.digester.Digests(ctx, h.object)
		if errors.Is(err, pipeline.ErrChanged) || ctx.Err() != nil {
			return err
		}
		// Any other failure to tell is no reason not to read.
	}
	if known.Whole != "" && len(pieces) == 0 {
		h.sum, h.stored = known.Whole, true
		h.done(h.object.Size)
		return nil
	}
	sums := newSums(h.object.Size, pieces, known.Parts)
	if err := h.read(ctx, sums); err != nil {
		return err
	}
	h.sum = pipeline.DigestOf(sums.whole.Sum(nil))
	h.pieces = sums.pieces()
	if known.Whole != "" && known.Whole != h.sum || !sums.partsFit() {
		return &pipeline.Error{Code: pipeline.CodeProtocol,
			Message: "its bytes do not have the SHA-256 that the store holds for them",
			Hint:    "the object was damaged in the store; upload it again"}
	}
	return nil
}

func (h *hashing) done(n int64) {
	if h.told != nil && n > 0 {
		h.told.Hashed(n)
	}
}

// read puts all bytes of the object through the sums.
func (h *hashing) read(ctx context.Context, into *sums) error {
	switch {
	case h.object.Size == 0:
		return nil
	case h.lanes > 1 && h.object.Size > hashRange:
		return h.readAhead(ctx, into)
	}
	body, err := h.store.Open(ctx, h.object, 0, h.object.Size)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	buf := make([]byte, min(hashBuffer, h.object.Size))
	var since int64
	for left := h.object.Size; left > 0; {
		n, err := io.ReadFull(body, buf[:min(int64(len(buf)), left)])
		into.write(buf[:n])
		left -= int64(n)
		if since += int64(n); since >= hashRange || left == 0 {
			h.done(since)
			since = 0
		}
		if err != nil {
			return fmt.Errorf("read %q to its end: %w", h.object.Path, err)
		}
	}
	return nil
}

// fetched is one range of an object, on its way or there.
type fetched struct {
	buf  []byte
	err  error
	done chan struct{}
}

// readAhead reads ranges side by side and hashes them in order.
func (h *hashing) readAhead(ctx context.Context, into *sums) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan []byte, h.lanes)
	for range h.lanes {
		free <- nil // a buffer is made when it is first wanted
	}
	// As many as there are buffers, so that sending never waits.
	ranges := make(chan *fetched, h.lanes)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(ranges)
		for offset := int64(0); offset < h.object.Size; offset += hashRange {
			var buf []byte
			select {
			case buf = <-free:
			case <-gctx.Done():
				return gctx.Err()
			}
			if buf == nil {
				buf = make([]byte, hashRange)
			}
			f := &fetched{buf: buf[:min(hashRange, h.object.Size-offset)], done: make(chan struct{})}
			ranges <- f
			group.Go(func() error {
				defer close(f.done)
				f.err = h.fetch(gctx, offset, f.buf)
				return f.err
			})
		}
		return nil
	})
	for f := range ranges {
		<-f.done
		if f.err != nil {
			break
		}
		into.write(f.buf)
		h.done(int64(len(f.buf)))
		free <- f.buf[:cap(f.buf)]
	}
	return group.Wait()
}

func (h *hashing) fetch(ctx context.Context, offset int64, buf []byte) error {
	body, err := h.store.Open(ctx, h.object, offset, int64(len(buf)))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.ReadFull(body, buf); err != nil {
		return fmt.Errorf("read %d bytes of %q at %d: %w", len(buf), h.object.Path, offset, err)
	}
	return nil
}

// sums are the digests that are taken of one object in one pass.
type sums struct {
	whole hash.Hash
	cuts  []*cut
	sizes []int64 // of the pieces, one for each of the first cuts
	parts []pipeline.PartDigest
}

func newSums(size int64, pieces []int64, parts []pipeline.PartDigest) *sums {
	s := &sums{whole: sha256.New(), sizes: pieces}
	for _, n := range pieces {
		s.cuts = append(s.cuts, &cut{hash: sha256.New(), next: func(int) int64 { return n }, left: n})
	}
	if len(parts) > 0 && whole(parts) == size {
		s.parts = parts
		s.cuts = append(s.cuts, &cut{hash: sha256.New(), left: parts[0].Size, next: func(i int) int64 {
			if i < len(parts) {
				return parts[i].Size
			}
			return size
		}})
	}
	return s
}

// whole returns the size of all parts together, or -1 where they cannot be.
func whole(parts []pipeline.PartDigest) int64 {
	var sum int64
	for _, p := range parts {
		if p.Size < 1 || sum > 1<<62-p.Size {
			return -1
		}
		sum += p.Size
	}
	return sum
}

func (s *sums) write(p []byte) {
	s.whole.Write(p)
	for _, c := range s.cuts {
		c.write(p)
	}
}

func (s *sums) pieces() map[int64][]pipeline.Digest {
	if len(s.sizes) == 0 {
		return nil
	}
	out := map[int64][]pipeline.Digest{}
	for i, n := range s.sizes {
		out[n] = s.cuts[i].end()
	}
	return out
}

// partsFit tells whether the bytes have the sums of the store's parts, where it gave some.
func (s *sums) partsFit() bool {
	if len(s.parts) == 0 {
		return true
	}
	got := s.cuts[len(s.cuts)-1].end()
	return slices.EqualFunc(got, s.parts, func(d pipeline.Digest, p pipeline.PartDigest) bool { return d == p.SHA256 })
}

// cut hashes the pieces of a stream one by one.
type cut struct {
	hash hash.Hash
	next func(i int) int64
	left int64 // of the piece at hand
	some bool  // bytes of the piece at hand were written
	sums []pipeline.Digest
}

func (c *cut) write(p []byte) {
	for len(p) > 0 {
		n := min(int64(len(p)), c.left)
		c.hash.Write(p[:n])
		c.some = true
		p = p[n:]
		if c.left -= n; c.left == 0 {
			c.close()
		}
	}
}

func (c *cut) close() {
	c.sums = append(c.sums, pipeline.DigestOf(c.hash.Sum(nil)))
	c.hash.Reset()
	c.some = false
	c.left = c.next(len(c.sums))
}

// end returns the digests of all pieces, the last one too where it is shorter.
func (c *cut) end() []pipeline.Digest {
	if c.some {
		c.close()
	}
	return c.sums
}

// content sets the content digest, where every object has one, and how it became known.
func (r *run) content(a *pipeline.Artifact) {
	if !r.req.Hash {
		return
	}
	sums := map[string]string{}
	var read, stored bool
	for i := range r.objects {
		o := &r.objects[i].reading
		if o.SHA256 == "" || o.Apart() {
			continue
		}
		sums[o.Path] = string(o.SHA256[len("sha256:"):])
		if o.Stored {
			stored = true
		} else {
			read = true
		}
	}
	digest := r.snapshot.ContentDigest(sums)
	if digest == "" || len(sums) == 0 {
		return
	}
	a.ContentDigest = &digest
	switch {
	case stored && read:
		a.ContentBasis = "hashed+store"
	case stored:
		a.ContentBasis = "store"
	default:
		a.ContentBasis = "hashed"
	}
}
