// Package meter counts what a run asks of a store: requests, and bytes of objects
// that arrived. Put it directly around the backend, below retry, so that each try
// counts.
package meter

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"weighbridge/pipeline"
)

// requester is a backend that may send more than one request for one call, as S3
// does to learn whether a bucket keeps versions. Its own count is the true one.
type requester interface{ Requests() int64 }

// Store is the decorator. The zero value is not usable.
type Store struct {
	next     pipeline.Store
	own      requester
	base     int64
	started  time.Time
	now      func() time.Time
	requests atomic.Int64
	bytes    atomic.Int64
}

var (
	_ pipeline.Store    = (*Store)(nil)
	_ pipeline.Digester = (*Store)(nil)
)

// New starts counting. The clock now may be nil for the system's.
func New(next pipeline.Store, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	s := &Store{next: next, now: now, started: now()}
	for below := next; below != nil; {
		if r, ok := below.(requester); ok {
			s.own, s.base = r, r.Requests()
			break
		}
		u, ok := below.(interface{ Unwrap() pipeline.Store })
		if !ok {
			break
		}
		below = u.Unwrap()
	}
	return s
}

// Unwrap returns the store below.
func (s *Store) Unwrap() pipeline.Store { return s.next }

// Cost returns what was asked so far. It may be called at any time.
func (s *Store) Cost() pipeline.Cost {
	requests := s.requests.Load()
	if s.own != nil {
		requests = s.own.Requests() - s.base
	}
	return pipeline.Cost{Requests: requests, BytesRead: s.bytes.Load(), Seconds: s.now().Sub(s.started).Seconds()}
}

// List implements [pipeline.Store].
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	s.requests.Add(1)
	return s.next.List(ctx, token)
}

// Open implements [pipeline.Store].
func (s *Store) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	s.requests.Add(1)
	body, err := s.next.Open(ctx, o, offset, length)
	if err != nil {
		return nil, err
	}
	return &counted{ReadCloser: body, bytes: &s.bytes}, nil
}

// Digests implements [pipeline.Digester]. It returns nothing, and counts nothing, where the
// store below is none.
func (s *Store) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	next, ok := s.next.(pipeline.Digester)
	if !ok {
		return pipeline.StoredDigest{}, nil
	}
	s.requests.Add(1)
	return next.Digests(ctx, o)
}

type counted struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
