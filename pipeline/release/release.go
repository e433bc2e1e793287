// Package release brings exactly the approved bytes to the place they are released to.
//
// What is released becomes visible as such by its marker, which is written last: a place
// without it holds nothing that was released, whatever else lies there. So a release that
// was killed, or that met a changed object, has released nothing, and running it again
// goes on where it ended: what lies at the place already with the approved digest is kept.
//
// Nothing is believed that was not hashed. The bytes that pass through here are held
// against the approved digests while they are written; and whatever way an object came,
// it is looked at once more where it lies now, by the SHA-256 that the store keeps of the
// whole object or else by reading it back. A copy inside the store names the pinned ETag
// and version, so that a replaced object is not copied.
package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
)

// Marker is the name under which the approval lies beside what it approves.
const Marker = pipeline.ApprovalName

// Object is an approved object.
type Object struct {
	Path   string
	Size   int64
	SHA256 pipeline.Digest
}

// Request says what to release, from where and to where.
type Request struct {
	// From is the source that Source reads.
	From   pipeline.Source
	Source pipeline.Store
	// Place writes, and Held reads what lies at the same place.
	Place pipeline.Place
	Held  pipeline.Store
	// Objects are all that was approved. A submission or an earlier marker at the root of
	// the source is neither expected nor copied.
	Objects []Object
	// Approval is the marker's content, Same tells whether a marker that lies there
	// already is for the same bytes.
	Approval []byte
	Same     func(marker []byte) bool
	// Replace takes away a release of other bytes first.
	Replace bool
	// Concurrency is how many objects are under way at the same time; default 8.
	Concurrency int
	// Observer is told how it goes, nil for nobody.
	Observer Observer
}

// Observer is told how a release goes. Its method is called by many goroutines.
type Observer interface {
	// Released is called when an object lies at the place and was verified there.
	Released(path string, bytes int64)
}

// Result says what a release did.
type Result struct {
	// Kept counts objects that lay at the place already, Copied those that the store
	// copied itself, Sent those whose bytes passed through here.
	Kept   int `json:"kept"`
	Copied int `json:"copied"`
	Sent   int `json:"sent"`
	// Bytes is the size of all objects.
	Bytes int64 `json:"bytes"`
	// Already is true where the same bytes had been released before.
	Already bool `json:"already"`
}

const (
	defaultConcurrency = 8
	// mostTries is how often an object is tried while the store cannot answer.
	mostTries = 4
	// mostNamed is how many objects a message names.
	mostNamed = 5
	// mostMarker is the longest marker that is read, in bytes.
	mostMarker = 256 << 20
)

// Run releases. An error matches [pipeline.ErrChanged] where the source, or what came of
// it at the place, is not what was approved, and [pipeline.ErrConflict] where the place
// holds something else; then there is no marker, or the one that was there before. Other
// errors are those of the stores.
func Run(ctx context.Context, req Request) (Result, error) {
	r := &run{Request: req, verified: map[string]pipeline.Object{}}
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	slices.SortFunc(r.Objects, func(a, b Object) int { return compare(a.Path, b.Path) })
	for _, o := range r.Objects {
		r.result.Bytes += o.Size
	}
	if err := r.pin(ctx); err != nil {
		return r.result, err
	}
	if err := r.prepare(ctx); err != nil {
		return r.result, err
	}
	if err := r.each(ctx, r.bring); err != nil {
		return r.result, err
	}
	if err := r.settle(ctx); err != nil {
		return r.result, err
	}
	if r.result.Already {
		return r.result, nil
	}
	if err := r.outlive(ctx); err != nil {
		return r.result, err
	}
	if err := again(ctx, func() error {
		return r.Place.Put(ctx, Marker, int64(len(r.Approval)), pipeline.DigestBytes(r.Approval), bytes.NewReader(r.Approval))
	}); err != nil {
		return r.result, err
	}
	return r.result, r.outlive(ctx)
}

// outlive sees that what was put is not lost with the machine: the objects before the
// marker says that they are there, and then the marker.
func (r *run) outlive(ctx context.Context) error {
	if s, ok := r.Place.(pipeline.Settler); ok {
		return s.Settle(ctx)
	}
	return nil
}

// again tries while the store cannot answer.
func again(ctx context.Context, do func() error) (err error) {
	for range mostTries {
		if err = do(); !errors.Is(err, pipeline.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// Tag marks the approved objects where they lie, for policies of a bucket that let only
// those be read. Every object is hashed with its pin first, and none is marked before all
// are; a bucket that keeps versions has the very version marked. Of the request it uses
// From, Source, Objects, Concurrency and Observer. Errors are those of [Run].
func Tag(ctx context.Context, req Request, tagger pipeline.Tagger, key, value string) (Result, error) {
	r := &run{Request: req}
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	slices.SortFunc(r.Objects, func(a, b Object) int { return compare(a.Path, b.Path) })
	for _, o := range r.Objects {
		r.result.Bytes += o.Size
	}
	if err := r.pin(ctx); err != nil {
		return r.result, err
	}
	if err := r.each(ctx, func(ctx context.Context, o Object) error {
		sum, err := Sum(ctx, r.Source, r.pins[o.Path])
		if err == nil && sum != o.SHA256 {
			err = &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%q is not what was approved; nothing was tagged", o.Path),
				Hint: "have the source checked and approved again"}
		}
		return err
	}); err != nil {
		return r.result, err
	}
	return r.result, r.each(ctx, func(ctx context.Context, o Object) error {
		err := again(ctx, func() error { return tagger.Tag(ctx, r.pins[o.Path], key, value) })
		if err == nil {
			r.note(func() { r.result.Kept++ })
			if r.Observer != nil {
				r.Observer.Released(o.Path, o.Size)
			}
		}
		return err
	})
}

type run struct {
	Request
	pins map[string]pipeline.Object // of the source
	held map[string]pipeline.Object // of the place, before anything is written

	mu       sync.Mutex
	result   Result
	verified map[string]pipeline.Object // objects of the place that have the approved digest
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// list returns what a store lists, by path, without what is no part of a release.
func list(ctx context.Context, s pipeline.Store) (objects map[string]pipeline.Object, marker *pipeline.Object, err error) {
	objects = map[string]pipeline.Object{}
	for token := ""; ; {
		page, err := s.List(ctx, token)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range page.Objects {
			switch {
			case o.Path == Marker:
				marker = &o
			case o.Apart():
			default:
				objects[o.Path] = o
			}
		}
		if page.Next == "" || page.Next == token {
			return objects, marker, nil
		}
		token = page.Next
	}
}

// pin lists the source and holds it against what was approved.
func (r *run) pin(ctx context.Context) (err error) {
	if r.pins, _, err = list(ctx, r.Source); err != nil {
		return err
	}
	var wrong []string
	for _, o := range r.Objects {
		pinned, there := r.pins[o.Path]
		switch {
		case !there:
			wrong = append(wrong, fmt.Sprintf("%q is gone", o.Path))
		case pinned.Size != o.Size:
			wrong = append(wrong, fmt.Sprintf("%q has another size", o.Path))
		}
	}
	for path := range r.pins {
		if _, approved := slices.BinarySearchFunc(r.Objects, path, func(o Object, p string) int { return compare(o.Path, p) }); !approved {
			wrong = append(wrong, fmt.Sprintf("%q was added", path))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeChanged, Message: "the source is not what was approved: " + named(wrong) + "; nothing was released",
		Hint: "have it checked and approved again"}
}

// named joins the first of some sentences in order.
func named(all []string) string {
	slices.Sort(all)
	text := ""
	for i, one := range all {
		if i == mostNamed {
			return fmt.Sprintf("%s, and %d more", text, len(all)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += one
	}
	return text
}

// prepare looks at the place, and takes away what a release of other bytes left there
// where that is asked for.
func (r *run) prepare(ctx context.Context) error {
	held, marker, err := list(ctx, r.Held)
	if errors.Is(err, pipeline.ErrNotFound) {
		held, err = map[string]pipeline.Object{}, nil
	}
	if err != nil {
		return err
	}
	r.held = held
	if marker != nil {
		same, err := r.same(ctx, *marker)
		if err != nil {
			return err
		}
		r.result.Already = same && !r.Replace
		if !r.result.Already {
			if !r.Replace {
				return &pipeline.Error{Code: pipeline.CodeConflict, Message: "other bytes were released to this place before",
					Hint: "name another place, or replace them with --replace"}
			}
			if err := r.Place.Remove(ctx, Marker); err != nil {
				return err
			}
		}
	}
	return r.clear(ctx)
}

// same reads the marker that lies there.
func (r *run) same(ctx context.Context, o pipeline.Object) (bool, error) {
	if o.Size == 0 || o.Size > mostMarker {
		return false, nil
	}
	body, err := r.Held.Open(ctx, o, 0, o.Size)
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }() // read only
	text, err := io.ReadAll(body)
	if err != nil {
		return false, err
	}
	return bytes.Equal(text, r.Approval) || r.Same != nil && r.Same(text), nil
}

// clear refuses, or removes, objects that nobody approved.
func (r *run) clear(ctx context.Context) error {
	var extra []string
	for path := range r.held {
		if _, approved := r.pins[path]; !approved {
			extra = append(extra, path)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	slices.Sort(extra)
	if !r.Replace {
		quoted := make([]string, len(extra))
		for i, path := range extra {
			quoted[i] = fmt.Sprintf("%q", path)
		}
		return &pipeline.Error{Code: pipeline.CodeConflict, Message: "the place holds objects that were not approved: " + named(quoted),
			Hint: "name a place of its own for each model, or take them away with --replace"}
	}
	for _, path := range extra {
		if err := r.Place.Remove(ctx, path); err != nil {
			return err
		}
		delete(r.held, path)
	}
	return nil
}

// each does something with every object, several side by side.
func (r *run) each(ctx context.Context, do func(context.Context, Object) error) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Concurrency)
	for _, o := range r.Objects {
		group.Go(func() error { return do(gctx, o) })
	}
	return group.Wait()
}

// bring sees that an object lies at the place.
func (r *run) bring(ctx context.Context, o Object) error {
	if held, there := r.held[o.Path]; there && held.Size == o.Size {
		sum, err := Sum(ctx, r.Held, held)
		if err != nil {
			return err
		}
		if sum == o.SHA256 {
			r.note(func() { r.verified[o.Path] = held; r.result.Kept++ })
			return nil
		}
	}
	if r.result.Already {
		return &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%q at the place is not what was released there", o.Path),
			Hint: "find out who changed it; --replace brings the approved bytes again"}
	}
	return again(ctx, func() error { return r.write(ctx, o) })
}

// write copies an object inside the store, or sends it.
func (r *run) write(ctx context.Context, o Object) error {
	pin := r.pins[o.Path]
	if c, ok := r.Place.(pipeline.Copier); ok {
		done, err := c.Copy(ctx, r.From, pin, o.Path)
		if err != nil {
			return err
		}
		if done {
			r.note(func() { r.result.Copied++ })
			return nil
		}
	}
	body := io.NopCloser(io.Reader(bytes.NewReader(nil)))
	if o.Size > 0 {
		var err error
		if body, err = r.Source.Open(ctx, pin, 0, o.Size); err != nil {
			return err
		}
	}
	defer func() { _ = body.Close() }() // read only
	if err := r.Place.Put(ctx, o.Path, o.Size, o.SHA256, body); err != nil {
		return err
	}
	r.note(func() { r.result.Sent++ })
	return nil
}

// note changes what the objects share.
func (r *run) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// settle verifies where it lies now what was not verified yet, and that nothing else does.
func (r *run) settle(ctx context.Context) error {
	now, _, err := list(ctx, r.Held)
	if err != nil {
		return err
	}
	r.held = now
	if extra := len(now) - len(r.Objects); extra > 0 {
		return &pipeline.Error{Code: pipeline.CodeConflict, Message: "somebody else wrote to the place; nothing was released", Hint: "run the release again"}
	}
	return r.each(ctx, r.verify)
}

func (r *run) verify(ctx context.Context, o Object) error {
	held, there := r.held[o.Path]
	r.mu.Lock()
	known, was := r.verified[o.Path]
	r.mu.Unlock()
	switch {
	case !there || held.Size != o.Size:
		return wrong(o)
	case was && known.ETag == held.ETag && known.VersionID == held.VersionID && held.Pinned():
		// It was hashed before anything was written, and is still that object.
	default:
		sum, err := Sum(ctx, r.Held, held)
		if err != nil {
			return err
		}
		if sum != o.SHA256 {
			_ = r.Place.Remove(ctx, o.Path) // the next run finds it wrong as well
			return wrong(o)
		}
	}
	if r.Observer != nil {
		r.Observer.Released(o.Path, o.Size)
	}
	return nil
}

func wrong(o Object) error {
	return &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%q at the place is not what was approved; nothing was released", o.Path),
		Hint: "have the source checked again, then run the release again"}
}
