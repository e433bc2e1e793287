package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

// sniffer is the inspector's name under which the engine reports its own look at an
// object.
const sniffer = "sniff"

const (
	// smallText is the size up to which an object that no reader asks for is read
	// whole, in bytes. It is what "a small text whole" means in the header digest.
	smallText = 256 << 10
	// firstLook is what is read of a larger one.
	firstLook = 64 << 10
	// mostHead is the longest first read that is held in memory. Of a longer one
	// firstLook is held, and the rest is read from the same answer by the reader that
	// wished for it.
	mostHead = 4 << 20
	// mostFirst is the longest first read, whatever readers wish for.
	mostFirst = 256 << 20
	// leastHead is the least that a sniffer sees, or the whole object.
	leastHead = 512
	// tailFrom is the size above which an object that no header explains has its
	// end looked at too, and tailLook how much of it.
	tailFrom = 1 << 20
	tailLook = 64 << 10
)

// wish returns the longest first read that a reader asks for at a stage. A reader that
// fails at it has no wish.
func (r *run) wish(o pipeline.Object, stage pipeline.Stage) (n int64, wished bool) {
	for _, s := range r.sessions {
		if r.wishless[s.name] {
			continue
		}
		var asked int64
		var ok bool
		if err := guarded(func() error { asked, ok = s.First(o, stage); return nil }); err != nil {
			r.wishless[s.name] = true
			r.fail(s.name, err)
			continue
		}
		if ok {
			n, wished = max(n, asked, leastHead), true
		}
	}
	return min(n, o.Size, mostFirst), wished
}

// inspect reads one object: first look, sniffing, readers, and the tail where no
// header explains the object.
func (r *run) inspect(ctx context.Context, o pipeline.Object, wish int64, wished bool, out *object) error {
	if !wished {
		wish = o.Size
		if o.Size > smallText {
			wish = firstLook
		}
	}
	f := &file{store: r.req.Store, object: o, zips: r.zips}
	defer f.leave()
	if err := f.begin(ctx, wish); err != nil {
		return err
	}
	if r.req.Hash && int64(len(f.head)) == o.Size && !o.Apart() {
		out.reading.SHA256 = pipeline.DigestBytes(f.head)
	}
	if size, ok := pointer(f.head, o.Size); ok {
		out.reading.ReadResult = pipeline.ReadResult{Format: formatPointer, Role: pipeline.RolePointer}
		out.reading.PointerSize = size
		if int64(len(f.head)) == o.Size {
			f.keep(f.head)
			out.kept = f.kept
		}
		out.record(sniffer, o, pipeline.InspectionMalformed,
			"it is a Git LFS or Xet pointer; the weights are not here, upload the file itself")
		return nil
	}
	for _, s := range r.sessions {
		claimed := false
		if err := guarded(func() error { claimed = s.Sniff(o, f.head); return nil }); err != nil {
			out.record(s.name, o, pipeline.InspectionFailed, reason(err))
			continue
		}
		if claimed {
			if err := r.read(ctx, s, f, out); err != nil {
				return err
			}
		}
	}
	out.kept = f.kept
	if !out.weighed {
		return r.look(ctx, f, out)
	}
	return nil
}

// read lets one reader read an object that it claims.
func (r *run) read(ctx context.Context, s session, f *file, out *object) error {
	var result pipeline.ReadResult
	err := guarded(func() error {
		var err error
		result, err = s.Read(ctx, f)
		return err
	})
	if err != nil && (errors.Is(err, pipeline.ErrChanged) || ctx.Err() != nil) {
		return err
	}
	if result.Beside {
		out.beside(s.name, f.object, result, err)
		return nil
	}
	out.weighed = true
	switch {
	case result.Explained && err == nil && out.reading.Explained:
		// Two formats explain the object. The first stays, and what either leaves
		// unexplained counts.
		out.twofold = true
		out.reading.Unexplained = max(out.reading.Unexplained, result.Unexplained)
	case out.reading.Format == "" || result.Explained:
		out.reading.ReadResult = result
	}
	switch {
	case err == nil && result.Note != "" && !result.Explained && !result.Inert:
		out.record(s.name, f.object, pipeline.InspectionSkipped, result.Note)
	case err == nil:
		out.record(s.name, f.object, pipeline.InspectionOK, result.Note)
	case errors.Is(err, pipeline.ErrMalformed):
		out.record(s.name, f.object, pipeline.InspectionMalformed, reason(err))
	default:
		out.record(s.name, f.object, pipeline.InspectionFailed, reason(err))
	}
	return nil
}

// beside records the work of a reader that leaves to others what the object is. A text
// that it does not understand holds no weights for that, so the inspection was skipped.
func (out *object) beside(inspector string, o pipeline.Object, result pipeline.ReadResult, err error) {
	if result.Role != "" && out.role == "" {
		out.role = result.Role
	}
	switch {
	case err == nil:
		out.record(inspector, o, pipeline.InspectionOK, result.Note)
	case errors.Is(err, pipeline.ErrMalformed), errors.Is(err, pipeline.ErrOverLimit):
		out.record(inspector, o, pipeline.InspectionSkipped, reason(err))
	default:
		out.record(inspector, o, pipeline.InspectionFailed, reason(err))
	}
}

// look tells by its bytes what an object is that no reader explains.
func (r *run) look(ctx context.Context, f *file, out *object) error {
	o := f.object
	var tail []byte
	if o.Size > tailFrom {
		var err error
		if tail, err = f.fetch(ctx, o.Size-tailLook, tailLook); err != nil {
			return err
		}
	}
	kind := tell(f.head, tail, o.Size)
	out.reading.ReadResult = pipeline.ReadResult{Format: kind.format, Role: kind.role(o.Path), Inert: kind.inert}
	if kind.text && out.role != "" {
		out.reading.Role = out.role
	}
	if kind.text && o.Size > 0 && int64(len(f.head)) == o.Size {
		f.keep(f.head)
		out.kept = f.kept
	}
	if o.Path == pipeline.SubmissionName {
		out.reading.ReadResult = pipeline.ReadResult{Format: kind.format, Role: pipeline.RoleSubmission, Inert: kind.inert}
		if int64(len(f.head)) == o.Size {
			out.submission = append([]byte{}, f.head...)
		}
	}
	if kind.inert {
		if len(out.inspections) == 0 {
			out.record(sniffer, o, pipeline.InspectionOK, "")
		}
		return nil
	}
	out.record(sniffer, o, pipeline.InspectionSkipped, "the format is not understood; it is counted at eight parameters a byte")
	return nil
}

// begin makes the first read, of n bytes.
func (f *file) begin(ctx context.Context, n int64) (err error) {
	if n <= mostHead {
		f.head, err = f.fetch(ctx, 0, n)
		return err
	}
	if f.rest, err = f.store.Open(ctx, f.object, 0, n); err != nil {
		return err
	}
	f.restEnd = n
	f.head = make([]byte, firstLook)
	if _, err := io.ReadFull(f.rest, f.head); err != nil {
		return fmt.Errorf("read %d bytes at the start: %w", firstLook, err)
	}
	return nil
}

// leave gives up what is left of the first read.
func (f *file) leave() {
	if f.rest != nil {
		_ = f.rest.Close() // what it holds is not wanted
		f.rest = nil
	}
}

// fetch reads n bytes from offset into memory. n is at most what a reader may wish
// for; the store ensures that exactly n arrive.
func (f *file) fetch(ctx context.Context, offset, n int64) ([]byte, error) {
	if n == 0 {
		return []byte{}, nil
	}
	body, err := f.store.Open(ctx, f.object, offset, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	buf := make([]byte, n)
	if _, err := io.ReadFull(body, buf); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, offset, err)
	}
	return buf, nil
}
