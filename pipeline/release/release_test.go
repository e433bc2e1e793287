package release_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/release"
	"weighbridge/storage/object/mem"
)

var (
	staging = pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "staging", Prefix: "m/"}
	place   = pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "place", Prefix: "m/"}
)

// scene is a model in staging, approved, and a place for it.
type scene struct {
	source, place *mem.Store
	req           release.Request
}

func newScene(files map[string]string) *scene {
	s := &scene{source: mem.New(staging), place: mem.New(place)}
	for path, text := range files {
		s.source.Put(path, []byte(text))
		s.req.Objects = append(s.req.Objects, release.Object{Path: path, Size: int64(len(text)), SHA256: pipeline.DigestBytes([]byte(text))})
	}
	s.req.From, s.req.Source = staging, s.source
	s.req.Place, s.req.Held = mem.Place{Store: s.place}, s.place
	s.req.Approval = []byte(`{"approval":1}`)
	return s
}

var model = map[string]string{"config.json": "{}", "model.safetensors": "weights", "deep/empty": ""}

// holds returns what the place holds.
func (s *scene) holds(t *testing.T) map[string]string {
	t.Helper()
	page, err := s.place.List(t.Context(), "")
	require.NoError(t, err)
	out := map[string]string{}
	for _, o := range page.Objects {
		out[o.Path] = ""
		if o.Size > 0 {
			body, err := s.place.Open(t.Context(), o, 0, o.Size)
			require.NoError(t, err)
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			out[o.Path] = string(text)
		}
	}
	return out
}

func whole(files map[string]string, approval []byte) map[string]string {
	out := map[string]string{release.Marker: string(approval)}
	for path, text := range files {
		out[path] = text
	}
	return out
}

func TestRun_ReleasesAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		reached bool
		before  func(*scene)
		want    release.Result
	}{
		{"sent", false, func(*scene) {}, release.Result{Sent: 3, Bytes: 9}},
		{"copied", true, func(*scene) {}, release.Result{Copied: 3, Bytes: 9}},
		{"a submission stays behind", false, func(s *scene) { s.source.Put(pipeline.SubmissionName, []byte("x")) }, release.Result{Sent: 3, Bytes: 9}},
		{"what is there is kept", false, func(s *scene) { s.place.Put("config.json", []byte("{}")) }, release.Result{Kept: 1, Sent: 2, Bytes: 9}},
		{"wrong bytes of the right size are replaced", false, func(s *scene) { s.place.Put("config.json", []byte("[]")) }, release.Result{Sent: 3, Bytes: 9}},
		{"half an object is replaced", false, func(s *scene) { s.place.Put("model.safetensors", []byte("wei")) }, release.Result{Sent: 3, Bytes: 9}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(model)
			if tt.reached {
				s.req.Place = mem.Place{Store: s.place, Reached: s.source}
			}
			tt.before(s)
			got, err := release.Run(t.Context(), s.req)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Equal(t, whole(model, s.req.Approval), s.holds(t))

			again, err := release.Run(t.Context(), s.req)
			require.NoError(t, err)
			require.Equal(t, release.Result{Kept: 3, Bytes: 9, Already: true}, again)
		})
	}
}

func TestRun_ReleasesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before func(*scene)
		err    error
		says   string
	}{
		{"an object was replaced, of the same size", func(s *scene) { s.source.Put("model.safetensors", []byte("Weights")) }, pipeline.ErrChanged, `"model.safetensors"`},
		{"an object was replaced", func(s *scene) { s.source.Put("model.safetensors", []byte("more weights")) }, pipeline.ErrChanged, `"model.safetensors" has another size`},
		{"an object was added", func(s *scene) { s.source.Put("new.bin", []byte("x")) }, pipeline.ErrChanged, `"new.bin" was added`},
		{"an object was removed", func(s *scene) { s.source.Remove("config.json") }, pipeline.ErrChanged, `"config.json" is gone`},
		{"an object was renamed", func(s *scene) { s.source.Remove("config.json"); s.source.Put("config.jsn", []byte("{}")) }, pipeline.ErrChanged, `"config.jsn" was added, "config.json" is gone`},
		{"the place holds something else", func(s *scene) { s.place.Put("other.bin", []byte("x")) }, pipeline.ErrConflict, `"other.bin"`},
		{"other bytes were released there", func(s *scene) { s.place.Put(release.Marker, []byte(`{"approval":2}`)) }, pipeline.ErrConflict, "other bytes were released"},
		{"an object is refused", func(s *scene) { s.source.Deny("config.json") }, pipeline.ErrDenied, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(model)
			tt.before(s)
			marker, had := s.holds(t)[release.Marker]
			_, err := release.Run(t.Context(), s.req)
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, tt.says)
			now, has := s.holds(t)[release.Marker]
			require.Equal(t, had, has)
			require.Equal(t, marker, now)
		})
	}
}

func TestRun_Replaces(t *testing.T) {
	t.Parallel()
	s := newScene(model)
	s.place.Put(release.Marker, []byte(`{"approval":2}`))
	s.place.Put("old.bin", []byte("x"))
	s.req.Replace = true
	_, err := release.Run(t.Context(), s.req)
	require.NoError(t, err)
	require.Equal(t, whole(model, s.req.Approval), s.holds(t))
}

func TestRun_FindsWhatWasChangedAtThePlace(t *testing.T) {
	t.Parallel()
	s := newScene(model)
	_, err := release.Run(t.Context(), s.req)
	require.NoError(t, err)
	s.place.Put("model.safetensors", []byte("wEights"))
	_, err = release.Run(t.Context(), s.req)
	require.ErrorIs(t, err, pipeline.ErrChanged)
	require.ErrorContains(t, err, `"model.safetensors" at the place is not what was released there`)
	s.req.Replace = true
	_, err = release.Run(t.Context(), s.req)
	require.NoError(t, err)
	require.Equal(t, whole(model, s.req.Approval), s.holds(t))
}

func TestRun_AnotherApprovalOfTheSameBytes(t *testing.T) {
	t.Parallel()
	s := newScene(model)
	s.place.Put(release.Marker, []byte(`{"approval":2}`))
	for path, text := range model {
		s.place.Put(path, []byte(text))
	}
	s.req.Same = func(marker []byte) bool { return string(marker) == `{"approval":2}` }
	got, err := release.Run(t.Context(), s.req)
	require.NoError(t, err)
	require.True(t, got.Already)
}

// failing is a place that cannot be reached now and then.
type failing struct {
	mem.Place
	every int64
	calls *atomic.Int64
}

func (f failing) Put(ctx context.Context, path string, size int64, sum pipeline.Digest, body io.Reader) error {
	if f.calls.Add(1)%f.every != 0 {
		return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the store could not answer"}
	}
	return f.Place.Put(ctx, path, size, sum, body)
}

func TestRun_TriesAgain(t *testing.T) {
	t.Parallel()
	s := newScene(map[string]string{"a": "x"})
	s.req.Place = failing{mem.Place{Store: s.place}, 2, new(atomic.Int64)}
	_, err := release.Run(t.Context(), s.req)
	require.NoError(t, err)
	require.Equal(t, whole(map[string]string{"a": "x"}, s.req.Approval), s.holds(t))

	s = newScene(map[string]string{"a": "x"})
	s.req.Place = failing{mem.Place{Store: s.place}, 1000, new(atomic.Int64)}
	_, err = release.Run(t.Context(), s.req)
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	require.Empty(t, s.holds(t))
}

// killed ends after some writes.
type killed struct {
	mem.Place
	left *atomic.Int64
}

var errKilled = errors.New("killed")

func (k killed) Put(ctx context.Context, path string, size int64, sum pipeline.Digest, body io.Reader) error {
	if k.left.Add(-1) < 0 {
		return errKilled
	}
	return k.Place.Put(ctx, path, size, sum, body)
}

func TestRun_KilledAnywhereHasNoMarkerAndGoesOn(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("shard-%02d", i)] = strings.Repeat("x", i)
	}
	for writes := range int64(21) {
		s := newScene(files)
		left := new(atomic.Int64)
		left.Store(writes)
		s.req.Place = killed{mem.Place{Store: s.place}, left}
		_, err := release.Run(t.Context(), s.req)
		require.ErrorIs(t, err, errKilled)
		require.NotContains(t, s.holds(t), release.Marker)
		s.req.Place = mem.Place{Store: s.place}
		got, err := release.Run(t.Context(), s.req)
		require.NoError(t, err)
		require.LessOrEqual(t, got.Kept, int(writes))
		require.Equal(t, len(files), got.Kept+got.Sent)
		require.Equal(t, whole(files, s.req.Approval), s.holds(t))
	}
}

// lying is a place that stores other bytes than it was given.
type lying struct{ mem.Place }

func (l lying) Copy(_ context.Context, _ pipeline.Source, o pipeline.Object, path string) (bool, error) {
	l.Store.Put(path, []byte(strings.Repeat("?", int(o.Size))))
	return true, nil
}

func TestRun_BelievesNoStore(t *testing.T) {
	t.Parallel()
	s := newScene(model)
	s.req.Place = lying{mem.Place{Store: s.place}}
	_, err := release.Run(t.Context(), s.req)
	require.ErrorIs(t, err, pipeline.ErrChanged)
	require.NotContains(t, s.holds(t), release.Marker)
}
