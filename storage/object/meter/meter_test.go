package meter_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/meter"
	"weighbridge/storage/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCountsRequestsAndBytes(t *testing.T) {
	t.Parallel()
	m := mem.New(pipeline.Source{})
	m.Put("a", objecttest.Data(1, 100))
	clock := time.Unix(0, 0)
	s := meter.New(m, func() time.Time { return clock })
	require.Equal(t, pipeline.Cost{}, s.Cost())
	require.Same(t, m, s.Unwrap())
	o := objecttest.Pin(t, s, "a")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { _, _ = objecttest.Read(t.Context(), s, o, 0, 100) })
	}
	group.Wait()
	body, err := s.Open(t.Context(), o, 0, 100)
	require.NoError(t, err)
	_, err = io.ReadFull(body, make([]byte, 7))
	require.NoError(t, err)
	require.NoError(t, body.Close())
	m.Deny("a")
	_, err = s.Open(t.Context(), o, 0, 100)
	require.ErrorIs(t, err, pipeline.ErrDenied)
	clock = clock.Add(1500 * time.Millisecond)
	require.Equal(t, pipeline.Cost{Requests: 1 + 20 + 1 + 1, BytesRead: 20*100 + 7, Seconds: 1.5}, s.Cost())
}

// chatty sends more requests than it is asked for.
type chatty struct {
	*mem.Store
	sent int64
}

func (c *chatty) Requests() int64 { return c.sent }

func TestBackendsOwnCountHolds(t *testing.T) {
	t.Parallel()
	c := &chatty{Store: mem.New(pipeline.Source{}), sent: 10}
	s := meter.New(limit.New(c, 4), nil)
	c.sent += 2
	objecttest.List(t, s)
	require.EqualValues(t, 2, s.Cost().Requests)
}
