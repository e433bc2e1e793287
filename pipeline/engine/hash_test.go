package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

// noise returns n bytes that differ from place to place.
func noise(seed uint32, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = byte(seed >> 24)
	}
	return out
}

// knowing is a watched store that passes on what the store below knows of digests.
type knowing struct {
	*watched
	asked atomic.Int64
}

func (k *knowing) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	k.asked.Add(1)
	return k.Store.(pipeline.Digester).Digests(ctx, o) //nolint:forcetypeassert // the store in memory is one
}

func hashed(t *testing.T, e engine.Engine, s pipeline.Store) (pipeline.Report, error) {
	t.Helper()
	w, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day, Hash: true})
	if err != nil {
		return pipeline.Report{}, err
	}
	return w.Report, nil
}

// contentOf is the content digest as the design writes it down.
func contentOf(files map[string][]byte, paths ...string) pipeline.Digest {
	h := sha256.New()
	for _, p := range paths {
		_, _ = fmt.Fprintf(h, "%s\x00%d\x00%x\n", p, len(files[p]), sha256.Sum256(files[p]))
	}
	return pipeline.DigestOf(h.Sum(nil))
}

func TestHash_EveryObject(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"a.bin": noise(1, 41<<20+7), // more ranges than lanes for it
		"b.bin": noise(2, 300<<10), "c.txt": []byte("text"), "d/empty": {}, "weighbridge.yaml": []byte("{}"),
		"e.bin": noise(3, 256<<10+1), "f.bin": noise(4, 8<<20),
	}
	for name, lanes := range map[string]int{"many lanes": 0, "one lane": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			for path, data := range files {
				m.Put(path, data)
			}
			r, err := hashed(t, engine.Engine{Limits: engine.Limits{Concurrency: lanes}}, s)
			require.NoError(t, err)
			require.Equal(t, "hashed", r.Artifact.ContentBasis)
			require.NotNil(t, r.Artifact.ContentDigest)
			require.Equal(t, contentOf(files, "a.bin", "b.bin", "c.txt", "d/empty", "e.bin", "f.bin"), *r.Artifact.ContentDigest)
			for _, o := range r.Artifact.Objects {
				want := pipeline.DigestBytes(files[o.Path])
				if o.Path == pipeline.SubmissionName {
					want = ""
				}
				require.Equal(t, want, o.SHA256, o.Path)
			}
			require.Len(t, s.reads("c.txt"), 1, "what the first read brought is not read again")
			require.Len(t, s.reads("weighbridge.yaml"), 1)
		})
	}
}

func TestHash_OnlyWhenAsked(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("c.txt", []byte("text"))
	r := run(t, engine.Engine{}, s)
	require.Nil(t, r.Artifact.ContentDigest)
	require.Empty(t, r.Artifact.Objects[0].SHA256)
}

func TestHash_DigestsOfTheStore(t *testing.T) {
	t.Parallel()
	a, b := noise(1, 1<<20), noise(2, 1<<20)
	fill := func() (*mem.Store, *knowing) {
		m, s := store()
		m.Put("a.bin", a)
		m.Put("b.bin", b)
		return m, &knowing{watched: s}
	}
	files := map[string][]byte{"a.bin": a, "b.bin": b}
	parts := func(data []byte) pipeline.StoredDigest {
		return pipeline.StoredDigest{Parts: []pipeline.PartDigest{
			{Size: 700_000, SHA256: pipeline.DigestBytes(data[:700_000])}, {Size: 1<<20 - 700_000, SHA256: pipeline.DigestBytes(data[700_000:])}}}
	}
	t.Run("all of them", func(t *testing.T) {
		t.Parallel()
		m, s := fill()
		m.SetDigests("a.bin", pipeline.StoredDigest{Whole: pipeline.DigestBytes(a)})
		m.SetDigests("b.bin", pipeline.StoredDigest{Whole: pipeline.DigestBytes(b)})
		var seen []pipeline.ObjectReading
		r, err := hashed(t, engine.Engine{Derivers: []pipeline.Deriver{looking(func(readings *pipeline.Readings) { seen = readings.Objects })}}, s)
		require.NoError(t, err)
		require.Equal(t, "store", r.Artifact.ContentBasis)
		require.Equal(t, contentOf(files, "a.bin", "b.bin"), *r.Artifact.ContentDigest)
		require.True(t, seen[0].Stored)
		require.Equal(t, pipeline.DigestBytes(a), seen[0].SHA256)
		for _, c := range s.calls {
			require.Less(t, c.length, int64(1<<20), "the object is not read whole")
		}
	})
	t.Run("some of them", func(t *testing.T) {
		t.Parallel()
		m, s := fill()
		m.SetDigests("a.bin", pipeline.StoredDigest{Whole: pipeline.DigestBytes(a)})
		m.SetDigests("b.bin", parts(b))
		r, err := hashed(t, engine.Engine{}, s)
		require.NoError(t, err)
		require.Equal(t, "hashed+store", r.Artifact.ContentBasis)
		require.Equal(t, contentOf(files, "a.bin", "b.bin"), *r.Artifact.ContentDigest)
	})
	t.Run("parts that do not fit", func(t *testing.T) {
		t.Parallel()
		m, s := fill()
		m.SetDigests("b.bin", parts(a))
		r, err := hashed(t, engine.Engine{}, s)
		require.NoError(t, err)
		require.Nil(t, r.Artifact.ContentDigest)
		require.Equal(t, "none", r.Artifact.ContentBasis)
		require.Contains(t, r.Inspections, pipeline.Inspection{Inspector: "hash", Object: "b.bin", Status: pipeline.InspectionFailed,
			Reason: "its bytes do not have the SHA-256 that the store holds for them"})
		require.Equal(t, []string{"The content digest is not known: objects that could not be hashed: 1."}, r.Notes)
	})
	t.Run("parts of another size are of no use", func(t *testing.T) {
		t.Parallel()
		for _, size := range []int64{0, -1, 5, 1 << 62} {
			m, s := fill()
			m.SetDigests("b.bin", pipeline.StoredDigest{Parts: []pipeline.PartDigest{{Size: size}, {Size: 1 << 62}}})
			r, err := hashed(t, engine.Engine{}, s)
			require.NoError(t, err)
			require.Equal(t, contentOf(files, "a.bin", "b.bin"), *r.Artifact.ContentDigest)
		}
	})
}

// looking is a deriver that only looks.
type looking func(*pipeline.Readings)

func (looking) Name() string { return "looks" }

func (d looking) Derive(_ context.Context, r *pipeline.Readings, _ *pipeline.FactSet) error {
	d(r)
	return nil
}

// wisher is a reader that wants digests of pieces.
type wisher struct {
	fake
	sizes []int64
}

type wisherRun struct {
	pipeline.ReaderRun
	sizes []int64
}

func (w wisher) Open(o []pipeline.Object) pipeline.ReaderRun {
	return wisherRun{w.fake.Open(o), w.sizes}
}

func (w wisherRun) Pieces(o pipeline.Object) []int64 {
	if o.Path == "refuses" {
		panic("no")
	}
	return w.sizes
}

func TestHash_Pieces(t *testing.T) {
	t.Parallel()
	data := noise(7, 20<<20+5)
	m, s := store()
	m.Put("a.bin", data)
	m.Put("small.txt", data[:100])
	m.SetDigests("a.bin", pipeline.StoredDigest{Whole: pipeline.DigestBytes(data)})
	var seen []pipeline.ObjectReading
	w := wisher{sizes: []int64{50, 9_000_001, 50, 0, -4, 1 << 40}}
	_, err := hashed(t, engine.Engine{Readers: []pipeline.Reader{w}, Derivers: []pipeline.Deriver{looking(func(r *pipeline.Readings) { seen = r.Objects })}}, &knowing{watched: s})
	require.NoError(t, err)
	require.Len(t, seen[0].Pieces, 2)
	require.Len(t, seen[0].Pieces[50], (len(data)+49)/50)
	require.Equal(t, []pipeline.Digest{pipeline.DigestBytes(data[:9_000_001]), pipeline.DigestBytes(data[9_000_001:18_000_002]),
		pipeline.DigestBytes(data[18_000_002:])}, seen[0].Pieces[9_000_001])
	require.False(t, seen[0].Stored, "the bytes were read")
	require.Equal(t, map[int64][]pipeline.Digest{50: {pipeline.DigestBytes(data[:50]), pipeline.DigestBytes(data[50:100])}}, seen[1].Pieces)
}

// broken is a store whose reads fail in one way once they are long or far in.
type broken struct {
	pipeline.Store
	err error
}

func (b broken) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if length > 70_000 {
		return failing{b.err}, nil
	}
	return b.Store.Open(ctx, o, offset, length)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
func (failing) Close() error               { return nil }

func TestHash_Failures(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 20, 60 << 20} {
		m, s := store()
		m.PutReaderAt("a.bin", bytes.NewReader(nil), int64(size))
		_, err := hashed(t, engine.Engine{}, broken{s, &pipeline.Error{Code: pipeline.CodeChanged, Message: "changed"}})
		require.ErrorIs(t, err, pipeline.ErrChanged)
		require.ErrorContains(t, err, `"a.bin" changed under review`)

		r, err := hashed(t, engine.Engine{}, broken{s, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the store went away"}})
		require.NoError(t, err)
		require.Nil(t, r.Artifact.ContentDigest)
		require.Contains(t, r.Inspections, pipeline.Inspection{Inspector: "hash", Object: "a.bin", Status: pipeline.InspectionFailed, Reason: "the store went away"})

		r, err = hashed(t, engine.Engine{}, broken{s, io.EOF})
		require.NoError(t, err)
		require.Nil(t, r.Artifact.ContentDigest, "an answer that ends early is no object")
	}
}

func TestHash_Stopped(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.PutReaderAt("a.bin", bytes.NewReader(nil), 200<<20)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	_, err := (&engine.Engine{Observer: stops{stop: func() { cancel(cause) }}}).Run(ctx, engine.Request{Source: source, Store: s, AsOf: day, Hash: true})
	require.ErrorIs(t, err, cause)
}

// stops ends a run as soon as bytes were hashed.
type stops struct {
	engine.Silent
	stop func()
}

func (stops) Hashing(int, int64)   {}
func (s stops) Hashed(bytes int64) { s.stop() }

// progress counts what it is told of hashing.
type progress struct {
	engine.Silent
	objects     atomic.Int64
	bytes, done atomic.Int64
}

func (p *progress) Hashing(objects int, bytes int64) {
	p.objects.Store(int64(objects))
	p.bytes.Store(bytes)
}
func (p *progress) Hashed(bytes int64) { p.done.Add(bytes) }

func TestHash_TellsTheObserver(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.PutReaderAt("a.bin", bytes.NewReader(nil), 33<<20)
	m.PutReaderAt("b.bin", bytes.NewReader(nil), 9<<20+1)
	m.PutReaderAt("c.bin", bytes.NewReader(nil), 5<<20)
	m.Put("d.txt", []byte("read before"))
	m.SetDigests("c.bin", pipeline.StoredDigest{Whole: pipeline.DigestBytes(nil)})
	p := &progress{}
	_, err := hashed(t, engine.Engine{Observer: p}, &knowing{watched: s})
	require.NoError(t, err)
	require.EqualValues(t, 3, p.objects.Load())
	require.EqualValues(t, 47<<20+1, p.bytes.Load())
	require.EqualValues(t, 47<<20+1, p.done.Load())
}
