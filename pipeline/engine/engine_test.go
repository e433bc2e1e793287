package engine_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	source = pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "staging", Prefix: "model/"}
	day    = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
)

// call is one read that the store was asked for.
type call struct {
	path           string
	offset, length int64
}

// watched is a store that notes what it was asked for.
type watched struct {
	pipeline.Store
	mu    sync.Mutex
	lists int
	calls []call
}

func (w *watched) List(ctx context.Context, token string) (pipeline.Page, error) {
	w.mu.Lock()
	w.lists++
	w.mu.Unlock()
	return w.Store.List(ctx, token)
}

func (w *watched) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	w.mu.Lock()
	w.calls = append(w.calls, call{o.Path, offset, length})
	w.mu.Unlock()
	return w.Store.Open(ctx, o, offset, length)
}

// reads returns what was read of one object, in order.
func (w *watched) reads(path string) []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []call
	for _, c := range w.calls {
		if c.path == path {
			out = append(out, c)
		}
	}
	return out
}

// fake is a reader made of functions. A nil one does nothing.
type fake struct {
	name   string
	open   func()
	first  func(o pipeline.Object, stage pipeline.Stage) (int64, bool)
	sniff  func(o pipeline.Object, head []byte) bool
	read   func(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error)
	finish func(readings *pipeline.Readings, facts *pipeline.FactSet)
}

func (f fake) Name() string {
	if f.name == "" {
		return "fake"
	}
	return f.name
}

func (f fake) Open([]pipeline.Object) pipeline.ReaderRun {
	if f.open != nil {
		f.open()
	}
	return fakeRun{f}
}

type fakeRun struct{ fake fake }

func (r fakeRun) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	if r.fake.first == nil {
		return 0, false
	}
	return r.fake.first(o, stage)
}

func (r fakeRun) Sniff(o pipeline.Object, head []byte) bool {
	return r.fake.sniff != nil && r.fake.sniff(o, head)
}

func (r fakeRun) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	return r.fake.read(ctx, f)
}

func (r fakeRun) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	if r.fake.finish != nil {
		r.fake.finish(readings, facts)
	}
}

// deriver is a deriver made of a function.
type deriver struct {
	name   string
	derive func(ctx context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error
}

func (d deriver) Name() string { return d.name }

func (d deriver) Derive(ctx context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	return d.derive(ctx, readings, facts)
}

// weighs stands for the scale: without a weight every run is inconclusive.
func weighs(n int64) deriver {
	return deriver{"scale", func(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
		facts.Set("params.stored_elements", n, pipeline.BasisMeasured)
		return nil
	}}
}

// whole reads an object to its end and understands it.
func whole(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	body, err := f.Header(ctx, f.Object().Size)
	if err != nil {
		return pipeline.ReadResult{}, err
	}
	defer func() { _ = body.Close() }()
	_, err = io.Copy(io.Discard, body)
	return pipeline.ReadResult{Format: "fake", Role: pipeline.RoleWeights, Explained: true}, err
}

func named(name string) func(pipeline.Object, []byte) bool {
	return func(o pipeline.Object, _ []byte) bool { return o.Path == name }
}

// store returns an empty source in memory, and the same watched.
func store() (*mem.Store, *watched) {
	m := mem.New(source)
	return m, &watched{Store: m}
}

func run(t *testing.T, e engine.Engine, s pipeline.Store) pipeline.Report {
	t.Helper()
	return weigh(t, e, engine.Request{Store: s}).Report
}

func weigh(t *testing.T, e engine.Engine, req engine.Request) *pipeline.Weighing {
	t.Helper()
	req.Source, req.AsOf = source, day
	w, err := e.Run(t.Context(), req)
	require.NoError(t, err)
	return w
}

// status returns the inspections of an object as "inspector status".
func status(r pipeline.Report, object string) []string {
	out := []string{}
	for _, i := range r.Inspections {
		if i.Object == object {
			out = append(out, i.Inspector+" "+string(i.Status))
		}
	}
	return out
}

func object(t *testing.T, r pipeline.Report, path string) pipeline.ArtifactObject {
	t.Helper()
	for _, o := range r.Artifact.Objects {
		if o.Path == path {
			return o
		}
	}
	require.Fail(t, "no object "+path)
	return pipeline.ArtifactObject{}
}

func TestRun_ReportsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("README.md", []byte("# Card\n"))
	m.Put("empty.bin", nil)
	m.Put("folder/", nil)
	e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Tool: pipeline.Tool{Name: "weighbridge", Version: "9"}}
	w := weigh(t, e, engine.Request{Store: s, Keep: true, Cost: func() pipeline.Cost { return pipeline.Cost{Requests: 7, BytesRead: 8} }})
	r := w.Report
	require.Equal(t, pipeline.ReportSchema, r.Schema)
	require.Equal(t, pipeline.Tool{Name: "weighbridge", Version: "9"}, r.Tool)
	require.Equal(t, "2026-11-23", r.AsOf)
	require.Equal(t, "s3://staging/model/", r.Artifact.Source)
	require.Equal(t, int64(7), r.Artifact.Bytes)
	require.Nil(t, r.Artifact.ContentDigest)
	require.Equal(t, "none", r.Artifact.ContentBasis)
	require.Equal(t, int64(7), r.Cost.Requests)
	require.Equal(t, int64(8), r.Cost.BytesRead)
	require.Equal(t, pipeline.Disclaimer, r.Disclaimer)
	require.Equal(t, pipeline.RoleCard, object(t, r, "README.md").Role)
	require.Equal(t, "empty", object(t, r, "empty.bin").Format)
	require.Len(t, r.Artifact.Skipped, 1)
	require.Equal(t, int64(1), *r.Facts.Objects.Skipped)
	require.Equal(t, pipeline.VerdictClear, r.Verdict)
	require.Empty(t, r.Reasons)
	require.NotNil(t, r.Findings)
	require.NotNil(t, r.Packs)
	require.False(t, r.Submission.Present)
	require.Nil(t, r.Submission.Digest)
	require.Nil(t, w.Submission)
	require.Len(t, w.Kept, 1, "an empty object has nothing to keep")
	require.Equal(t, "README.md", w.Kept[0].Path)
	require.Equal(t, pipeline.DigestBytes([]byte("# Card\n")), w.Kept[0].Digest)
	require.NotEmpty(t, w.Kept[0].Gzip)
}

func TestRun_EmptySourceIsInconclusive(t *testing.T) {
	t.Parallel()
	_, s := store()
	r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(0)}}, s)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Equal(t, []string{"No weights were found under this source."}, r.Reasons)
	require.Empty(t, s.calls)
	require.Equal(t, 1, s.lists)
	require.NotNil(t, r.Artifact.Objects)
}

func TestRun_NotesObjectsThatAreUnpinned(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("a.txt", []byte("one"))
	m.Put("b.txt", []byte("two"))
	m.DropETag("b.txt")
	r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, s)
	require.Equal(t, int64(1), *r.Facts.Objects.Unpinned)
	require.True(t, object(t, r, "a.txt").Pinned)
	require.False(t, object(t, r, "b.txt").Pinned)
	require.Len(t, r.Notes, 1)
	require.Contains(t, r.Notes[0], "unpinned")
	require.Equal(t, pipeline.VerdictClear, r.Verdict, "it is noted, and no failure")
}

// judge gives fixed findings.
type judge struct {
	findings []pipeline.Finding
	err      error
}

func (judge) Packs() []pipeline.PackRef {
	return []pipeline.PackRef{{Name: "p", Version: "1", Mode: pipeline.ModeEnforce}}
}

func (j judge) Judge(context.Context, *pipeline.FactSet, time.Time) ([]pipeline.Finding, error) {
	return j.findings, j.err
}

func TestRun_Judges(t *testing.T) {
	t.Parallel()
	_, s := store()
	found := pipeline.Finding{Pack: "p", Rule: "R", Mode: pipeline.ModeEnforce, Effect: pipeline.EffectReview, Outcome: pipeline.OutcomeMatched}
	e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Judge: judge{findings: []pipeline.Finding{found}}}
	r := run(t, e, s)
	require.Equal(t, pipeline.VerdictReview, r.Verdict)
	require.Equal(t, []pipeline.Finding{found}, r.Findings)
	require.Len(t, r.Packs, 1)

	e.Judge = judge{err: context.Canceled}
	_, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day})
	require.ErrorIs(t, err, context.Canceled)
}

// counter counts what an observer is told.
type counter struct {
	mu        sync.Mutex
	objects   int
	bytes     int64
	inspected map[string]int
}

func (c *counter) Listed(objects int, bytes int64) { c.objects, c.bytes = objects, bytes }

func (c *counter) Inspected(object string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inspected[object]++
}

func TestRun_TellsTheObserver(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("a.txt", []byte("one"))
	m.Put("b.txt", []byte("four"))
	c := &counter{inspected: map[string]int{}}
	run(t, engine.Engine{Observer: c, Derivers: []pipeline.Deriver{weighs(1)}}, s)
	require.Equal(t, 2, c.objects)
	require.Equal(t, int64(7), c.bytes)
	require.Equal(t, map[string]int{"a.txt": 1, "b.txt": 1}, c.inspected)
}
