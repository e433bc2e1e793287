package objecttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// PlaceHarness lets a place be looked at from outside.
type PlaceHarness struct {
	// Open returns the place, which exists and is empty, and a store of the same source.
	Open func(t *testing.T) (pipeline.Place, pipeline.Store)
	// Missing writes to a place that does not exist and returns the error; nil where a
	// place is made when it is opened.
	Missing func(t *testing.T) error
	// Source returns a store that objects can be copied from, filled with the given
	// objects; nil where nothing can be copied.
	Source func(t *testing.T, objects map[string][]byte) (pipeline.Source, pipeline.Store)
	// Working is a folder that is listed as skipped while the place is open, "" for none.
	Working string
	// InParts is the size above which objects are sent in parts; 0 where none are.
	InParts int
}

// RunPlace runs the suite of places. start is called for each test, with a fresh place
// each time.
func RunPlace(t *testing.T, start func(t *testing.T) PlaceHarness) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, h PlaceHarness)
	}{
		{"put and read", putAndRead},
		{"replaced", putAgain},
		{"wrong bytes", wrongBytes},
		{"broken body", brokenBody},
		{"removed", removed},
		{"missing place", missingPlace},
		{"cancelled", putCancelled},
		{"copied", copied},
		{"copied after a change", copiedAfterAChange},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, start(t))
		})
	}
}

// clean holds that nothing is left beside what was put.
func (h PlaceHarness) clean(t *testing.T, skipped []pipeline.Skipped) {
	t.Helper()
	for _, s := range skipped {
		require.Equal(t, h.Working, s.Path)
	}
}

func put(t *testing.T, p pipeline.Place, path string, data []byte) {
	t.Helper()
	require.NoError(t, p.Put(t.Context(), path, int64(len(data)), pipeline.DigestBytes(data), bytes.NewReader(data)))
}

func holds(t *testing.T, s pipeline.Store, path string, data []byte) {
	t.Helper()
	o := Pin(t, s, path)
	require.Equal(t, int64(len(data)), o.Size)
	if o.Size == 0 {
		return
	}
	got, err := Read(t.Context(), s, o, 0, o.Size)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), path)
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>16 ^ i>>8 ^ i*7)
	}
	return b
}

func putAndRead(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	objects := map[string][]byte{
		"config.json": []byte("{}"), "empty.txt": {}, "deep/er/model-00001-of-00002.safetensors": pattern(3 << 20),
		"name with space & ünï.txt": []byte("x"),
	}
	if h.InParts > 0 {
		objects["parts.bin"] = pattern(h.InParts + 12345)
		objects["at-the-bound.bin"] = pattern(h.InParts)
	}
	for path, data := range objects {
		put(t, p, path, data)
	}
	listed, skipped, _ := List(t, s)
	h.clean(t, skipped)
	require.Len(t, listed, len(objects))
	for path, data := range objects {
		holds(t, s, path, data)
	}
}

func putAgain(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	put(t, p, "a.bin", []byte("one"))
	put(t, p, "a.bin", []byte("another"))
	holds(t, s, "a.bin", []byte("another"))
}

func wrongBytes(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	put(t, p, "a.bin", []byte("before"))
	sizes := []int{6}
	if h.InParts > 0 {
		sizes = append(sizes, h.InParts+100)
	}
	for _, n := range sizes {
		data := pattern(n)
		sum := pipeline.DigestBytes(data)
		other := bytes.Clone(data)
		other[n-1] ^= 1
		for name, body := range map[string][]byte{"other": other, "shorter": data[:n-1], "longer": append(bytes.Clone(data), 0), "nothing": nil} {
			err := p.Put(t.Context(), "a.bin", int64(n), sum, bytes.NewReader(body))
			require.ErrorIs(t, err, pipeline.ErrChanged, name)
			require.ErrorContains(t, err, `"a.bin" was not written`)
			holds(t, s, "a.bin", []byte("before"))
		}
	}
	listed, skipped, _ := List(t, s)
	require.Len(t, listed, 1)
	h.clean(t, skipped)
	for _, path := range []string{""} {
		require.ErrorIs(t, p.Put(t.Context(), path, 0, pipeline.DigestBytes(nil), strings.NewReader("")), pipeline.ErrUsage)
	}
}

type failing struct{}

var errFailing = errors.New("the source is gone")

func (failing) Read([]byte) (int, error) { return 0, errFailing }

func brokenBody(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	data := pattern(100)
	body := io.MultiReader(bytes.NewReader(data[:50]), failing{})
	require.ErrorIs(t, p.Put(t.Context(), "a.bin", 100, pipeline.DigestBytes(data), body), errFailing)
	listed, _, _ := List(t, s)
	require.Empty(t, listed)
}

func removed(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	put(t, p, "deep/a.bin", []byte("one"))
	put(t, p, "b.bin", []byte("two"))
	require.NoError(t, p.Remove(t.Context(), "deep/a.bin"))
	require.NoError(t, p.Remove(t.Context(), "deep/a.bin"), "that there is none is no error")
	listed, _, _ := List(t, s)
	require.Len(t, listed, 1)
}

func missingPlace(t *testing.T, h PlaceHarness) {
	if h.Missing == nil {
		p, s := h.Open(t)
		put(t, p, "a.bin", []byte("one"))
		holds(t, s, "a.bin", []byte("one"))
		return
	}
	require.ErrorIs(t, h.Missing(t), pipeline.ErrNotFound)
}

func putCancelled(t *testing.T, h PlaceHarness) {
	p, _ := h.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Put(ctx, "a.bin", 3, pipeline.DigestBytes([]byte("one")), strings.NewReader("one")), context.Canceled)
}

func copied(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	elsewhere, err := pipeline.ParseSource("s3://elsewhere/m/")
	require.NoError(t, err)
	if h.Source == nil {
		if c, ok := p.(pipeline.Copier); ok {
			done, err := c.Copy(t.Context(), elsewhere, pipeline.Object{Path: "a", Size: 1, ETag: "e"}, "a")
			require.NoError(t, err)
			require.False(t, done)
		}
		return
	}
	objects := map[string][]byte{"a b/ü+%.bin": pattern(1 << 20), "empty": {}}
	if h.InParts > 0 {
		objects["parts.bin"] = pattern(h.InParts*2 + 777)
	}
	from, source := h.Source(t, objects)
	for path, data := range objects {
		done, err := p.(pipeline.Copier).Copy(t.Context(), from, Pin(t, source, path), path)
		require.NoError(t, err, path)
		require.True(t, done)
		holds(t, s, path, data)
	}
}

func copiedAfterAChange(t *testing.T, h PlaceHarness) {
	p, s := h.Open(t)
	if h.Source == nil {
		return
	}
	objects := map[string][]byte{"a.bin": pattern(1 << 20)}
	if h.InParts > 0 {
		objects["parts.bin"] = pattern(h.InParts + 777)
	}
	from, source := h.Source(t, objects)
	for path := range objects {
		o := Pin(t, source, path)
		o.ETag = "0123456789abcdef0123456789abcdef"
		_, err := p.(pipeline.Copier).Copy(t.Context(), from, o, path)
		require.ErrorIs(t, err, pipeline.ErrChanged, path)
		o.Path = "gone.bin"
		_, err = p.(pipeline.Copier).Copy(t.Context(), from, o, path)
		require.ErrorIs(t, err, pipeline.ErrChanged, path)
	}
	listed, _, _ := List(t, s)
	require.Empty(t, listed)
}
