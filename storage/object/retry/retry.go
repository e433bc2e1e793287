// Package retry repeats reads that a store could not answer just then: it was busy,
// asked to slow down, dropped the connection, or ended a body early. The wait grows
// with each try and is drawn at random from nothing to its full length ("full
// jitter"), so that many readers told to slow down do not come back together.
//
// What is retried is told by the error: [pipeline.ErrUnavailable], and a body that
// ended early ([pipeline.ErrProtocol] around [io.ErrUnexpectedEOF]). A refusal, a
// missing or changed object and a wrong answer are final: repeating them costs
// requests and hides a fault. A body that breaks is resumed behind the bytes already
// delivered; the pin makes sure that the rest belongs to the same object.
package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"weighbridge/pipeline"
)

// progress is how many bytes a try must bring to start the count of tries anew, so
// that a long body may break now and then. A store that sends a few bytes and
// breaks each time still runs out of tries.
const progress = 1 << 20

// Policy bounds the retries. A zero field takes the value of [Default].
type Policy struct {
	// Tries is the number of requests in all, the first one included.
	Tries int
	// Base is the longest wait before the second try; it doubles for each later one.
	Base time.Duration
	// Cap is the longest wait before any try.
	Cap time.Duration
	// Total is the time from the first failure after which no other try is begun.
	Total time.Duration

	// Sleep waits, or returns the context's error. Now is the clock and Rand gives
	// numbers in [0, 1). Tests set them; nil takes the real ones.
	Sleep func(ctx context.Context, d time.Duration) error
	Now   func() time.Time
	Rand  func() float64
}

// Default is the policy for a store in the same region or across an ocean: five
// tries within a minute.
func Default() Policy {
	return Policy{Tries: 5, Base: 250 * time.Millisecond, Cap: 8 * time.Second, Total: time.Minute,
		Sleep: sleep, Now: time.Now, Rand: rand.Float64}
}

// Store is the decorator.
type Store struct {
	next   pipeline.Store
	policy Policy
}

var (
	_ pipeline.Store    = (*Store)(nil)
	_ pipeline.Digester = (*Store)(nil)
)

// New repeats failed requests to next as the policy says.
func New(next pipeline.Store, p Policy) *Store {
	d := Default()
	if p.Tries <= 0 {
		p.Tries = d.Tries
	}
	if p.Base <= 0 {
		p.Base = d.Base
	}
	if p.Cap <= 0 {
		p.Cap = d.Cap
	}
	if p.Total <= 0 {
		p.Total = d.Total
	}
	if p.Sleep == nil {
		p.Sleep = d.Sleep
	}
	if p.Now == nil {
		p.Now = d.Now
	}
	if p.Rand == nil {
		p.Rand = d.Rand
	}
	return &Store{next: next, policy: p}
}

// Unwrap returns the store below.
func (s *Store) Unwrap() pipeline.Store { return s.next }

// List implements [pipeline.Store].
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	b := budget{policy: s.policy}
	for {
		page, err := s.next.List(ctx, token)
		if err == nil {
			return page, nil
		}
		if err := b.wait(ctx, err); err != nil {
			return pipeline.Page{}, err
		}
	}
}

// Open implements [pipeline.Store]. Reads of the body are retried too.
func (s *Store) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, next: s.next, object: o, offset: offset, left: length, budget: budget{policy: s.policy}}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// Digests implements [pipeline.Digester]. It returns nothing where the store below is none.
func (s *Store) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	next, ok := s.next.(pipeline.Digester)
	if !ok {
		return pipeline.StoredDigest{}, nil
	}
	b := budget{policy: s.policy}
	for {
		known, err := next.Digests(ctx, o)
		if err == nil {
			return known, nil
		}
		if err := b.wait(ctx, err); err != nil {
			return pipeline.StoredDigest{}, err
		}
	}
}

// Retryable reports whether another try may help.
func Retryable(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, pipeline.ErrChanged) || errors.Is(err, pipeline.ErrDenied) {
		return false
	}
	return errors.Is(err, pipeline.ErrUnavailable) ||
		errors.Is(err, pipeline.ErrProtocol) && errors.Is(err, io.ErrUnexpectedEOF)
}

// budget is what is left of the policy for one call.
type budget struct {
	policy Policy
	failed int
	since  time.Time
}

// wait returns nil when the caller is to try again, and the error to give up with
// otherwise.
func (b *budget) wait(ctx context.Context, cause error) error {
	if ctx.Err() != nil || !Retryable(cause) {
		return cause
	}
	now := b.policy.Now()
	if b.failed == 0 {
		b.since = now
	}
	b.failed++
	if b.failed >= b.policy.Tries {
		return gaveUp(cause, fmt.Sprintf("gave up after %d tries", b.failed))
	}
	pause := b.policy.Cap
	if shift := b.failed - 1; shift < 32 && b.policy.Base<<shift > 0 {
		pause = min(pause, b.policy.Base<<shift)
	}
	pause = time.Duration(b.policy.Rand() * float64(pause))
	if now.Add(pause).Sub(b.since) > b.policy.Total {
		return gaveUp(cause, fmt.Sprintf("gave up after %d tries in %s", b.failed, b.policy.Total))
	}
	return b.policy.Sleep(ctx, pause)
}

func (b *budget) reset() { b.failed = 0 }

// gaveUp keeps the code and the hint of the last failure.
func gaveUp(cause error, message string) error {
	e := &pipeline.Error{Code: pipeline.ErrorCode(cause), Message: message, Err: cause}
	var last *pipeline.Error
	if errors.As(cause, &last) {
		e.Hint = last.Hint
	}
	return e
}

type reader struct {
	ctx    context.Context
	next   pipeline.Store
	object pipeline.Object
	offset int64
	left   int64
	body   io.ReadCloser
	got    int64 // bytes of this try
	budget budget
	err    error
}

func (r *reader) open() error {
	for {
		body, err := r.next.Open(r.ctx, r.object, r.offset, r.left)
		if err == nil {
			r.body, r.got = body, 0
			return nil
		}
		if err := r.budget.wait(r.ctx, err); err != nil {
			return err
		}
	}
}

// Read delivers each byte once, whatever happens below.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		r.err = io.EOF
		return 0, io.EOF
	}
	for {
		n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
		r.offset += int64(n)
		r.left -= int64(n)
		r.got += int64(n)
		if r.got >= progress {
			r.budget.reset()
			r.got = 0
		}
		if err == io.EOF && r.left > 0 {
			err = &pipeline.Error{Code: pipeline.CodeProtocol, Message: fmt.Sprintf(
				"the body of %q ended %d bytes early", r.object.Path, r.left), Err: io.ErrUnexpectedEOF}
		}
		if err == io.EOF || err == nil {
			return n, err
		}
		if r.left == 0 && Retryable(err) {
			return n, nil // all bytes are here; how the connection ended is of no interest
		}
		if err := r.resume(err); err != nil {
			r.err = err
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (r *reader) resume(cause error) error {
	if !Retryable(cause) {
		return cause
	}
	_ = r.body.Close() // already broken
	r.body = nil
	if err := r.budget.wait(r.ctx, cause); err != nil {
		return err
	}
	return r.open()
}

// Close closes the body that is open, if there is one.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("read of a closed body")
	}
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
