// Package limit bounds how many requests a store has under way at one time. A
// request lasts until its body is closed, because that is how long it holds a
// connection; a caller that forgets to close one starves, which a test then shows.
package limit

import (
	"context"
	"io"
	"sync"

	"weighbridge/pipeline"
)

// Store is the decorator.
type Store struct {
	next  pipeline.Store
	slots chan struct{}
}

var (
	_ pipeline.Store    = (*Store)(nil)
	_ pipeline.Digester = (*Store)(nil)
)

// New lets at most n requests to next be under way. An n below 1 counts as 1.
// Put it below the retry decorator, so that a wait between tries holds no slot.
func New(next pipeline.Store, n int) *Store {
	return &Store{next: next, slots: make(chan struct{}, max(n, 1))}
}

// Unwrap returns the store below.
func (s *Store) Unwrap() pipeline.Store { return s.next }

// List implements [pipeline.Store]. It returns the context's error where that ends
// before a slot is free.
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	if err := s.acquire(ctx); err != nil {
		return pipeline.Page{}, err
	}
	defer s.release()
	return s.next.List(ctx, token)
}

// Open implements [pipeline.Store]. The slot is given back when the body is closed.
func (s *Store) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	body, err := s.next.Open(ctx, o, offset, length)
	if err != nil {
		s.release()
		return nil, err
	}
	return &held{ReadCloser: body, release: sync.OnceFunc(s.release)}, nil
}

// Digests implements [pipeline.Digester]. It returns nothing where the store below is none.
func (s *Store) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	next, ok := s.next.(pipeline.Digester)
	if !ok {
		return pipeline.StoredDigest{}, nil
	}
	if err := s.acquire(ctx); err != nil {
		return pipeline.StoredDigest{}, err
	}
	defer s.release()
	return next.Digests(ctx, o)
}

func (s *Store) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) release() { <-s.slots }

type held struct {
	io.ReadCloser
	release func()
}

func (h *held) Close() error {
	defer h.release()
	return h.ReadCloser.Close()
}
