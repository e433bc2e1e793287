package limit_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gauge counts what is under way below the limit.
type gauge struct {
	pipeline.Store
	now, most atomic.Int64
}

func (g *gauge) enter() {
	now := g.now.Add(1)
	for {
		most := g.most.Load()
		if now <= most || g.most.CompareAndSwap(most, now) {
			return
		}
	}
}

func (g *gauge) List(ctx context.Context, token string) (pipeline.Page, error) {
	g.enter()
	defer g.now.Add(-1)
	return g.Store.List(ctx, token)
}

func (g *gauge) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	g.enter()
	body, err := g.Store.Open(ctx, o, offset, length)
	if err != nil {
		g.now.Add(-1)
		return nil, err
	}
	return leaving{body, g}, nil
}

type leaving struct {
	io.ReadCloser
	g *gauge
}

func (l leaving) Close() error {
	l.g.now.Add(-1)
	return l.ReadCloser.Close()
}

func filled() *mem.Store {
	m := mem.New(pipeline.Source{})
	m.Put("a", objecttest.Data(1, 100))
	return m
}

func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	g := &gauge{Store: filled()}
	s := limit.New(g, 3)
	require.Same(t, g, s.Unwrap())
	o := objecttest.Pin(t, s, "a")
	var group sync.WaitGroup
	var failed atomic.Int64
	for range 50 {
		group.Go(func() {
			if _, err := objecttest.Read(t.Context(), s, o, 0, 100); err != nil {
				failed.Add(1)
			}
			if _, err := s.List(t.Context(), ""); err != nil {
				failed.Add(1)
			}
		})
	}
	group.Wait()
	require.Zero(t, failed.Load())
	require.LessOrEqual(t, g.most.Load(), int64(3))
	require.Zero(t, g.now.Load())
}

func TestSlotIsHeldUntilTheBodyIsClosed(t *testing.T) {
	t.Parallel()
	s := limit.New(filled(), 0) // counts as one
	o := objecttest.Pin(t, s, "a")
	body, err := s.Open(t.Context(), o, 0, 10)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, body)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := s.Open(ctx, o, 0, 10)
		waiting <- err
	}()
	cancel()
	require.ErrorIs(t, <-waiting, context.Canceled)

	require.NoError(t, body.Close())
	require.NoError(t, body.Close(), "closed twice gives one slot back")
	_, err = objecttest.Read(t.Context(), s, o, 0, 10)
	require.NoError(t, err)
}

func TestFailedRequestsGiveTheSlotBack(t *testing.T) {
	t.Parallel()
	m := filled()
	s := limit.New(m, 1)
	o := objecttest.Pin(t, s, "a")
	m.Deny("a")
	for range 3 {
		_, err := s.Open(t.Context(), o, 0, 10)
		require.ErrorIs(t, err, pipeline.ErrDenied)
	}
}
