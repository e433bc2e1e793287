package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

func TestFaults_AReaderThatPanics(t *testing.T) {
	t.Parallel()
	boom := func() { panic("boom") }
	sound := fake{name: "sound", sniff: named("o"), read: whole}
	tests := []struct {
		name   string
		reader fake
		want   []string // of object o
		run    []string // of the artifact
	}{
		{"in Open", fake{open: boom}, []string{"sound ok"}, []string{"fake failed"}},
		{"in First", fake{first: func(pipeline.Object, pipeline.Stage) (int64, bool) { boom(); return 0, false }},
			[]string{"sound ok"}, []string{"fake failed"}},
		{"in Sniff", fake{sniff: func(pipeline.Object, []byte) bool { boom(); return false }},
			[]string{"fake failed", "sound ok"}, []string{}},
		{"in Read", fake{sniff: named("o"), read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) {
			boom()
			return pipeline.ReadResult{}, nil
		}}, []string{"fake failed", "sound ok"}, []string{}},
		{"in Finish", fake{finish: func(*pipeline.Readings, *pipeline.FactSet) { boom() }},
			[]string{"sound ok"}, []string{"fake failed"}},
		{"with a misspelt fact", fake{finish: func(_ *pipeline.Readings, facts *pipeline.FactSet) {
			facts.Set("params.lowre", int64(1), pipeline.BasisMeasured)
		}}, []string{"sound ok"}, []string{"fake failed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte("0123456789"))
			e := engine.Engine{Readers: []pipeline.Reader{tt.reader, sound}, Derivers: []pipeline.Deriver{weighs(1)}}
			r := run(t, e, s)
			require.Equal(t, tt.want, status(r, "o"))
			require.Equal(t, append(tt.run, "scale ok"), status(r, ""))
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			require.Len(t, r.Reasons, 1)
			require.Contains(t, r.Reasons[0], "a fault of its own")
		})
	}
}

func TestFaults_ADeriver(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		derive func() error
		reason string
	}{
		"that panics": {func() error { panic("boom") }, "a fault of its own (boom)"},
		"that fails":  {func() error { return errors.New("no such family") }, "no such family"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := store()
			bad := deriver{"bad", func(context.Context, *pipeline.Readings, *pipeline.FactSet) error { return tt.derive() }}
			r := run(t, engine.Engine{Derivers: []pipeline.Deriver{bad, weighs(1)}}, s)
			require.Equal(t, []string{"bad failed", "scale ok"}, status(r, ""), "the rest still runs")
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			require.Contains(t, r.Inspections[0].Reason, tt.reason)
		})
	}
}

func TestFaults_StatusOfAnObject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		err     error
		want    string
		verdict pipeline.Verdict
	}{
		{"malformed", &pipeline.Error{Code: pipeline.CodeMalformed, Message: "odd"}, "fake malformed", pipeline.VerdictInconclusive},
		{"wrapped", fmt.Errorf("header: %w", pipeline.ErrMalformed), "fake malformed", pipeline.VerdictInconclusive},
		{"over a limit", pipeline.ErrOverLimit, "fake failed", pipeline.VerdictInconclusive},
		{"denied", pipeline.ErrDenied, "fake failed", pipeline.VerdictInconclusive},
		{"unavailable", pipeline.ErrUnavailable, "fake failed", pipeline.VerdictInconclusive},
		{"anything", io.ErrUnexpectedEOF, "fake failed", pipeline.VerdictInconclusive},
		{"none", nil, "fake ok", pipeline.VerdictClear},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte("0123456789"))
			m.Put("other.txt", []byte("words"))
			reader := fake{sniff: named("o"), read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) {
				return pipeline.ReadResult{Format: "fake"}, tt.err
			}}
			r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}, Derivers: []pipeline.Deriver{weighs(1)}}, s)
			require.Equal(t, []string{tt.want}, status(r, "o"))
			require.Equal(t, []string{"sniff ok"}, status(r, "other.txt"))
			require.Equal(t, tt.verdict, r.Verdict)
		})
	}
}

func TestFaults_ARefusedObjectIsAResult(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("closed", []byte("0123456789"))
	m.Put("open.txt", []byte("words"))
	m.Deny("closed")
	r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, s)
	require.Equal(t, []string{"sniff failed"}, status(r, "closed"))
	require.Equal(t, []string{"sniff ok"}, status(r, "open.txt"))
	require.Equal(t, pipeline.RoleUnknown, object(t, r, "closed").Role)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Len(t, r.Reasons, 1)
	require.Contains(t, r.Reasons[0], "closed could not be read")
}

// hooked calls a function once the listing is done, before anything is read.
type hooked struct {
	pipeline.Store
	listed func()
}

func (h hooked) List(ctx context.Context, token string) (pipeline.Page, error) {
	page, err := h.Store.List(ctx, token)
	h.listed()
	return page, err
}

func TestFaults_AChangedObjectEndsTheRun(t *testing.T) {
	t.Parallel()
	changes := map[string]func(put func([]byte), remove func()){
		"replaced": func(put func([]byte), _ func()) { put([]byte("9876543210")) },
		"grown":    func(put func([]byte), _ func()) { put([]byte("0123456789+")) },
		"removed":  func(_ func([]byte), remove func()) { remove() },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := store()
			m.Put("o", []byte("0123456789"))
			m.Put("p.txt", []byte("words"))
			s := hooked{m, func() { change(func(b []byte) { m.Put("o", b) }, func() { m.Remove("o") }) }}
			e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}
			w, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day})
			require.Nil(t, w)
			require.ErrorIs(t, err, pipeline.ErrChanged)
			require.ErrorContains(t, err, `"o" changed under review`)
		})
	}
}

func TestFaults_AChangeThatAReaderMeetsEndsTheRun(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("o", []byte(strings.Repeat("0123456789", 100)))
	reader := fake{
		first: func(_ pipeline.Object, stage pipeline.Stage) (int64, bool) { return 512, stage == pipeline.StageBodies },
		sniff: func(pipeline.Object, []byte) bool { m.Put("o", []byte("other")); return true },
		read:  whole,
	}
	e := engine.Engine{Readers: []pipeline.Reader{reader}}
	w, err := e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day})
	require.Nil(t, w)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}

// stuck never answers a read of one object.
type stuck struct {
	pipeline.Store
	path string
}

func (s stuck) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if o.Path == s.path {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Open(ctx, o, offset, length)
}

func TestFaults_AnObjectThatTakesTooLong(t *testing.T) {
	t.Parallel()
	m, _ := store()
	m.Put("slow", []byte("0123456789"))
	m.Put("quick.txt", []byte("words"))
	e := engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}, Limits: engine.Limits{Object: 20 * time.Millisecond}}
	r := run(t, e, stuck{m, "slow"})
	require.Equal(t, []string{"sniff failed"}, status(r, "slow"))
	require.Equal(t, []string{"sniff ok"}, status(r, "quick.txt"))
	require.Contains(t, r.Reasons[0], "took longer than 20ms")
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
}

func TestFaults_AReaderThatTakesTooLong(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("o", []byte("0123456789"))
	reader := fake{sniff: named("o"), read: func(ctx context.Context, _ pipeline.File) (pipeline.ReadResult, error) {
		<-ctx.Done()
		return pipeline.ReadResult{}, ctx.Err()
	}}
	e := engine.Engine{Readers: []pipeline.Reader{reader}, Derivers: []pipeline.Deriver{weighs(1)}, Limits: engine.Limits{Object: 20 * time.Millisecond}}
	r := run(t, e, s)
	require.Contains(t, r.Reasons[0], "took longer than 20ms")
}

func TestFaults_TheRunIsStopped(t *testing.T) {
	t.Parallel()
	m, _ := store()
	m.Put("slow", []byte("0123456789"))
	s := stuck{m, "slow"}

	ctx, cancel := context.WithCancel(t.Context())
	e := engine.Engine{}
	w, err := e.Run(ctx, engine.Request{Source: source, Store: hooked{s, cancel}, AsOf: day})
	require.Nil(t, w)
	require.ErrorIs(t, err, context.Canceled)

	e.Limits.Run = 20 * time.Millisecond
	w, err = e.Run(t.Context(), engine.Request{Source: source, Store: s, AsOf: day})
	require.Nil(t, w)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// Derivers do not turn the end of a run into a report either.
	ctx, cancel = context.WithCancel(t.Context())
	stops := deriver{"stops", func(context.Context, *pipeline.Readings, *pipeline.FactSet) error { cancel(); return nil }}
	_, empty := store()
	e = engine.Engine{Derivers: []pipeline.Deriver{stops}}
	w, err = e.Run(ctx, engine.Request{Source: source, Store: empty, AsOf: day})
	require.Nil(t, w)
	require.ErrorIs(t, err, context.Canceled)
}

// pages is a store whose listing is a function.
type pages func(token string) (pipeline.Page, error)

func (p pages) List(_ context.Context, token string) (pipeline.Page, error) { return p(token) }

func (p pages) Open(context.Context, pipeline.Object, int64, int64) (io.ReadCloser, error) {
	return nil, pipeline.ErrDenied
}

func TestFaults_Listing(t *testing.T) {
	t.Parallel()
	n := 0
	tests := []struct {
		name    string
		list    pages
		want    error
		message string
	}{
		{"the same token for ever", func(string) (pipeline.Page, error) {
			return pipeline.Page{Next: "again"}, nil
		}, pipeline.ErrProtocol, "does not come to an end"},
		{"a new token for ever", func(string) (pipeline.Page, error) {
			n++
			return pipeline.Page{Next: fmt.Sprint(n)}, nil
		}, pipeline.ErrProtocol, "does not come to an end"},
		{"two tokens in turn, with names", func(token string) (pipeline.Page, error) {
			return pipeline.Page{Objects: []pipeline.Object{{Path: token, ETag: "e"}}, Next: map[bool]string{true: "b", false: "a"}[token == "a"]}, nil
		}, pipeline.ErrOverLimit, "more than 50 objects"},
		{"a name twice", func(string) (pipeline.Page, error) {
			return pipeline.Page{Objects: []pipeline.Object{{Path: "a", ETag: "1"}, {Path: "b", ETag: "2"}, {Path: "a", ETag: "3"}}}, nil
		}, pipeline.ErrProtocol, `lists "a" twice`},
		{"more objects than the limit", func(string) (pipeline.Page, error) {
			page := pipeline.Page{}
			for i := range 51 {
				page.Objects = append(page.Objects, pipeline.Object{Path: fmt.Sprint(i), ETag: "e"})
			}
			return page, nil
		}, pipeline.ErrOverLimit, "more than 50 objects"},
		{"more skipped names than the limit", func(string) (pipeline.Page, error) {
			return pipeline.Page{Skipped: make([]pipeline.Skipped, 51)}, nil
		}, pipeline.ErrOverLimit, "more than 50 objects"},
		{"not there", func(string) (pipeline.Page, error) { return pipeline.Page{}, pipeline.ErrNotFound }, pipeline.ErrNotFound, "list s3://staging/model/"},
		{"refused", func(string) (pipeline.Page, error) { return pipeline.Page{}, pipeline.ErrDenied }, pipeline.ErrDenied, ""},
		{"refused at the second page", func(token string) (pipeline.Page, error) {
			if token == "" {
				return pipeline.Page{Next: "2"}, nil
			}
			return pipeline.Page{}, pipeline.ErrDenied
		}, pipeline.ErrDenied, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := engine.Engine{Limits: engine.Limits{Objects: 50}}
			w, err := e.Run(t.Context(), engine.Request{Source: source, Store: tt.list, AsOf: day})
			require.Nil(t, w)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.message)
		})
	}
}

func TestFaults_AsManyObjectsAsTheLimitAndEmptyPagesAreFine(t *testing.T) {
	t.Parallel()
	list := pages(func(token string) (pipeline.Page, error) {
		switch len(token) {
		case 0:
			return pipeline.Page{Next: "1"}, nil
		case 1:
			return pipeline.Page{Objects: []pipeline.Object{{Path: "b", ETag: "e"}}, Next: "22"}, nil
		}
		return pipeline.Page{Objects: []pipeline.Object{{Path: "a", ETag: "e"}}}, nil
	})
	r := run(t, engine.Engine{Limits: engine.Limits{Objects: 2}}, list)
	require.Equal(t, "a", r.Artifact.Objects[0].Path)
	require.Equal(t, "b", r.Artifact.Objects[1].Path)
}

// short sends fewer bytes than were asked for.
type short struct{ pipeline.Store }

func (s short) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	return s.Store.Open(ctx, o, offset, max(1, length-1))
}

func TestFaults_AStoreThatEndsEarly(t *testing.T) {
	t.Parallel()
	m, _ := store()
	m.Put("o", []byte(strings.Repeat("0123456789", 100)))
	r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, short{m})
	require.Equal(t, []string{"sniff failed"}, status(r, "o"))

	first := true
	flaky := fake{
		first: func(_ pipeline.Object, stage pipeline.Stage) (int64, bool) { return 512, stage == pipeline.StageBodies },
		sniff: named("o"), read: whole,
	}
	late := openFunc{m, func(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
		if first {
			first = false
			return m.Open(ctx, o, offset, length)
		}
		return m.Open(ctx, o, offset, length-1)
	}}
	w := weigh(t, engine.Engine{Readers: []pipeline.Reader{flaky}, Derivers: []pipeline.Deriver{weighs(1)}}, engine.Request{Store: late, Keep: true})
	require.Equal(t, []string{"fake failed"}, status(w.Report, "o"))
	require.Empty(t, w.Kept, "what was not read to its end is not kept")
}

type openFunc struct {
	pipeline.Store
	open func(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error)
}

func (f openFunc) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	return f.open(ctx, o, offset, length)
}
