package retry_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/meter"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/retry"
)

// plain hides that a store knows digests.
type plain struct{ pipeline.Store }

// busyFirst cannot answer the first time.
type busyFirst struct {
	*mem.Store
	asked int
}

func (b *busyFirst) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	if b.asked++; b.asked == 1 {
		return pipeline.StoredDigest{}, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "busy"}
	}
	return b.Store.Digests(ctx, o)
}

func TestDigests_PassThroughTheDecorators(t *testing.T) {
	t.Parallel()
	store := mem.New(pipeline.Source{})
	store.Put("a.bin", []byte("bytes"))
	want := pipeline.StoredDigest{Whole: pipeline.DigestBytes([]byte("bytes"))}
	store.SetDigests("a.bin", want)
	o := objecttest.Pin(t, store, "a.bin")

	counted := meter.New(&busyFirst{Store: store}, nil)
	p := retry.Default()
	p.Rand = func() float64 { return 0 }
	got, err := retry.New(limit.New(counted, 1), p).Digests(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 2, counted.Cost().Requests, "each try counts")
	require.Zero(t, counted.Cost().BytesRead)

	counted = meter.New(plain{store}, nil)
	got, err = retry.New(limit.New(counted, 1), p).Digests(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, got)
	require.Zero(t, counted.Cost().Requests)

	store.Put("a.bin", []byte("other"))
	_, err = retry.New(limit.New(meter.New(store, nil), 1), p).Digests(t.Context(), o)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}
