// Package objecttest is the one suite that every object backend passes. What a
// backend cannot do is declared by its harness and tested as such: nothing is left
// out silently.
package objecttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// Harness lets a backend be filled and changed from outside. Paths are relative to
// the source.
type Harness struct {
	// Open returns a store bound to the source, which exists and is empty at first.
	Open func(t *testing.T) pipeline.Store
	// Put stores an object, or replaces it by another one.
	Put func(t *testing.T, path string, data []byte)
	// PutBeside stores an object in the neighbour whose name is the source's with
	// "-2" at the end.
	PutBeside func(t *testing.T, path string, data []byte)
	// Remove takes an object away.
	Remove func(t *testing.T, path string)
	// Missing opens and lists a source whose bucket or folder does not exist, and
	// returns the error.
	Missing func(t *testing.T) error

	// Deny makes an object listed and unreadable. Nil declares that the backend's
	// user may read everything, and then every object is expected to be readable.
	Deny func(t *testing.T, path string)
	// AsReader runs f with the rights that Deny takes away. Nil runs it as it is.
	AsReader func(t *testing.T, f func())

	// PutSummed stores an object in a way that makes the store hold the SHA-256 of its
	// bytes. Nil declares that the backend holds no digests of whole objects.
	PutSummed func(t *testing.T, path string, data []byte)
	// PutInParts stores an object in parts of a size, so that the store holds a SHA-256 of
	// each. Nil declares that it does not, or does not tell.
	PutInParts func(t *testing.T, path string, data []byte, size int)

	// FreeKeys declares that keys may hold "..", empty parts and line breaks, and
	// that a name may end in a slash.
	FreeKeys bool
	// KeepsVersions declares that a replaced or removed object can still be read
	// under its pin, with the bytes that were listed.
	KeepsVersions bool
	// Unpinned declares that the listing gives no ETags.
	Unpinned bool
}

// Run runs the suite. start is called for each test, with a fresh source each time.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"empty source", emptySource},
		{"missing source", missingSource},
		{"pages", pages},
		{"byte order", byteOrder},
		{"odd keys", oddKeys},
		{"free keys", freeKeys},
		{"folder markers", folderMarkers},
		{"neighbour", neighbour},
		{"pins", pins},
		{"ranges", ranges},
		{"bad arguments", badArguments},
		{"changed object", changedObject},
		{"changed size", changedSize},
		{"removed object", removedObject},
		{"denied object", deniedObject},
		{"cancelled", cancelled},
		{"digests", digests},
		{"digests of parts", digestsOfParts},
		{"concurrent reads", concurrentReads},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, start(t))
		})
	}
}

// List returns all pages of a source.
func List(t *testing.T, s pipeline.Store) (objects []pipeline.Object, skipped []pipeline.Skipped, pages int) {
	t.Helper()
	for token := ""; ; {
		page, err := s.List(t.Context(), token)
		require.NoError(t, err)
		pages++
		require.LessOrEqual(t, pages, 100, "the listing does not end")
		objects = append(objects, page.Objects...)
		skipped = append(skipped, page.Skipped...)
		if page.Next == "" {
			return objects, skipped, pages
		}
		require.NotEqual(t, token, page.Next, "the token does not move")
		token = page.Next
	}
}

// Pin returns the listed object with a path.
func Pin(t *testing.T, s pipeline.Store, path string) pipeline.Object {
	t.Helper()
	objects, _, _ := List(t, s)
	for _, o := range objects {
		if o.Path == path {
			return o
		}
	}
	require.Failf(t, "not listed", "%q is not in the listing", path)
	return pipeline.Object{}
}

// Read reads a range to its end.
func Read(ctx context.Context, s pipeline.Store, o pipeline.Object, offset, length int64) (data []byte, err error) {
	body, err := s.Open(ctx, o, offset, length)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := body.Close(); err == nil {
			err = cerr
		}
	}()
	return io.ReadAll(body)
}

// Data returns n bytes that differ from place to place and with the seed.
func Data(seed byte, n int) []byte {
	data := make([]byte, n)
	state := uint32(seed) + 1
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = byte(state >> 24)
	}
	return data
}

func paths(objects []pipeline.Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.Path)
	}
	return all
}

func emptySource(t *testing.T, h Harness) {
	page, err := h.Open(t).List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, page.Objects)
	require.Empty(t, page.Skipped)
	require.Empty(t, page.Next)
}

func missingSource(t *testing.T, h Harness) {
	err := h.Missing(t)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.NotEmpty(t, told.Message)
}

func pages(t *testing.T, h Harness) {
	const n = 2*storage.PageSize + 7
	var want []string
	for i := range n {
		path := fmt.Sprintf("shard-%05d.bin", i)
		if i%3 == 0 {
			path = fmt.Sprintf("part-%02d/shard-%05d.bin", i%40, i)
		}
		h.Put(t, path, []byte(path))
		want = append(want, path)
	}
	sort.Strings(want)
	s := h.Open(t)
	objects, _, count := List(t, s)
	require.Equal(t, want, paths(objects))
	require.GreaterOrEqual(t, count, 3)
	for _, i := range []int{0, storage.PageSize - 1, storage.PageSize, n - 1} {
		data, err := Read(t.Context(), s, objects[i], 0, objects[i].Size)
		require.NoError(t, err)
		require.Equal(t, objects[i].Path, string(data))
	}
}

func byteOrder(t *testing.T, h Harness) {
	want := []string{"B.bin", "a-b", "a.b", "a/-", "a/b/c", "a/b.c", "a0", "b", "ä", "模"}
	sort.Strings(want)
	for i := len(want) - 1; i >= 0; i-- {
		h.Put(t, want[i], []byte(want[i]))
	}
	objects, _, _ := List(t, h.Open(t))
	require.Equal(t, want, paths(objects))
}

func roundTrip(t *testing.T, h Harness, keys []string) {
	t.Helper()
	for i, key := range keys {
		h.Put(t, key, Data(byte(i), 40+i))
	}
	s := h.Open(t)
	objects, skipped, _ := List(t, s)
	require.Empty(t, skipped)
	require.ElementsMatch(t, keys, paths(objects))
	for i, key := range keys {
		o := Pin(t, s, key)
		data, err := Read(t.Context(), s, o, 0, o.Size)
		require.NoErrorf(t, err, "%q", key)
		require.Equalf(t, Data(byte(i), 40+i), data, "%q", key)
	}
}

func oddKeys(t *testing.T, h Harness) {
	roundTrip(t, h, []string{
		"with space.bin", "two  spaces.bin", "plus+sign.bin", "100%.bin", "%41.bin", "%2F.bin", "模型/权重 1.safetensors",
		".leading/.dot.json", "...", "a&b=c?d#e.bin", "semi;colon,comma.bin", "quote'\".bin", "<angle>.bin", "back\\slash.bin",
		"tilde~star*.bin", "[brackets]{braces}.bin", "@at:colon!$.bin", "é.bin",
	})
}

func freeKeys(t *testing.T, h Harness) {
	if !h.FreeKeys {
		h.Put(t, "plain.bin", []byte("plain"))
		_, err := h.Open(t).Open(t.Context(), pipeline.Object{Path: "../plain.bin", Size: 5, ETag: "x"}, 0, 5)
		require.Error(t, err, "a path that leaves the source is never read")
		return
	}
	roundTrip(t, h, []string{"../up.bin", "a/../b.bin", "a//b.bin", "./dot.bin", "line\nbreak.bin", "tab\t.bin", "/slash.bin", "x/.."})
}

func folderMarkers(t *testing.T, h Harness) {
	h.Put(t, "empty.bin", nil)
	h.Put(t, "folder/file.bin", []byte("x"))
	wantSkipped := 0
	if h.FreeKeys {
		h.Put(t, "folder/", nil)
		wantSkipped = 1
	}
	objects, skipped, _ := List(t, h.Open(t))
	require.Equal(t, []string{"empty.bin", "folder/file.bin"}, paths(objects))
	require.Zero(t, objects[0].Size)
	require.Len(t, skipped, wantSkipped)
	for _, s := range skipped {
		require.Equal(t, pipeline.Skipped{Path: "folder/", Reason: storage.FolderMarker}, s)
	}
}

func neighbour(t *testing.T, h Harness) {
	h.Put(t, "mine.bin", []byte("mine"))
	h.PutBeside(t, "other.bin", []byte("other"))
	objects, skipped, _ := List(t, h.Open(t))
	require.Equal(t, []string{"mine.bin"}, paths(objects))
	require.Empty(t, skipped)
}

func pins(t *testing.T, h Harness) {
	h.Put(t, "a.bin", []byte("one"))
	s := h.Open(t)
	first, again := Pin(t, s, "a.bin"), Pin(t, s, "a.bin")
	require.Equal(t, first, again, "a pin is stable")
	require.Equal(t, !h.Unpinned, first.Pinned())
	require.NotContains(t, first.ETag, `"`)
	require.False(t, first.ModTime.IsZero())
	require.EqualValues(t, 3, first.Size)
	h.Put(t, "a.bin", []byte("two"))
	changed := Pin(t, h.Open(t), "a.bin")
	if !h.Unpinned {
		require.NotEqual(t, [2]string{first.ETag, first.VersionID}, [2]string{changed.ETag, changed.VersionID})
	}
}

func ranges(t *testing.T, h Harness) {
	data := Data(1, 300_000)
	h.Put(t, "a.bin", data)
	s := h.Open(t)
	o := Pin(t, s, "a.bin")
	n := int64(len(data))
	for _, r := range [][2]int64{{0, 1}, {0, 8}, {0, n}, {1, 1}, {1, n - 1}, {n - 1, 1}, {n / 2, 1000}, {n - 8, 8}, {0, n - 1}} {
		got, err := Read(t.Context(), s, o, r[0], r[1])
		require.NoErrorf(t, err, "range %v", r)
		require.Truef(t, bytes.Equal(data[r[0]:r[0]+r[1]], got), "range %v", r)
	}
}

func badArguments(t *testing.T, h Harness) {
	h.Put(t, "a.bin", Data(1, 10))
	s := h.Open(t)
	o := Pin(t, s, "a.bin")
	const maxInt64 = 1<<63 - 1
	for _, r := range [][2]int64{{-1, 1}, {0, 0}, {0, -1}, {0, 11}, {10, 1}, {11, 1}, {5, maxInt64}, {maxInt64, maxInt64}, {maxInt64, 1}} {
		_, err := s.Open(t.Context(), o, r[0], r[1])
		require.ErrorIsf(t, err, pipeline.ErrUsage, "range %v", r)
	}
}

// replaced reads an object that was replaced or removed after it was pinned.
func replaced(t *testing.T, h Harness, s pipeline.Store, o pipeline.Object, listed []byte) {
	t.Helper()
	data, err := Read(t.Context(), s, o, 0, o.Size)
	if h.KeepsVersions {
		require.NoError(t, err)
		require.Equal(t, listed, data, "the pinned version's bytes")
		return
	}
	require.ErrorIs(t, err, pipeline.ErrChanged)
	require.ErrorContains(t, err, "changed under review")
	require.ErrorContains(t, err, o.Path)
}

func changedObject(t *testing.T, h Harness) {
	h.Put(t, "a.bin", Data(1, 5000))
	s := h.Open(t)
	o := Pin(t, s, "a.bin")
	h.Put(t, "a.bin", Data(2, 5000))
	replaced(t, h, s, o, Data(1, 5000))
	fresh := Pin(t, s, "a.bin")
	data, err := Read(t.Context(), s, fresh, 0, fresh.Size)
	require.NoError(t, err)
	require.Equal(t, Data(2, 5000), data)
}

func changedSize(t *testing.T, h Harness) {
	h.Put(t, "shrinks.bin", Data(1, 5000))
	h.Put(t, "grows.bin", Data(2, 5000))
	s := h.Open(t)
	shrinks, grows := Pin(t, s, "shrinks.bin"), Pin(t, s, "grows.bin")
	h.Put(t, "shrinks.bin", Data(1, 10))
	h.Put(t, "grows.bin", Data(2, 6000))
	replaced(t, h, s, shrinks, Data(1, 5000))
	replaced(t, h, s, grows, Data(2, 5000))
}

func removedObject(t *testing.T, h Harness) {
	h.Put(t, "a.bin", Data(1, 50))
	s := h.Open(t)
	o := Pin(t, s, "a.bin")
	h.Remove(t, "a.bin")
	replaced(t, h, s, o, Data(1, 50))
	objects, _, _ := List(t, s)
	require.Empty(t, objects)
}

func deniedObject(t *testing.T, h Harness) {
	h.Put(t, "open.bin", []byte("open"))
	h.Put(t, "shut.bin", []byte("shut"))
	asReader := h.AsReader
	if asReader == nil {
		asReader = func(_ *testing.T, f func()) { f() }
	}
	if h.Deny != nil {
		h.Deny(t, "shut.bin")
	}
	s := h.Open(t)
	asReader(t, func() {
		objects, _, _ := List(t, s)
		require.Equal(t, []string{"open.bin", "shut.bin"}, paths(objects))
		data, err := Read(t.Context(), s, objects[0], 0, 4)
		require.NoError(t, err)
		require.Equal(t, "open", string(data))
		data, err = Read(t.Context(), s, objects[1], 0, 4)
		if h.Deny == nil {
			require.NoError(t, err)
			require.Equal(t, "shut", string(data))
			return
		}
		require.ErrorIs(t, err, pipeline.ErrDenied)
		require.ErrorContains(t, err, "shut.bin")
	})
}

func cancelled(t *testing.T, h Harness) {
	h.Put(t, "a.bin", Data(1, 4<<20))
	s := h.Open(t)
	o := Pin(t, s, "a.bin")
	ctx, cancel := context.WithCancel(t.Context())
	body, err := s.Open(ctx, o, 0, o.Size)
	require.NoError(t, err)
	_, err = io.ReadFull(body, make([]byte, 10))
	require.NoError(t, err)
	cancel()
	_, err = io.Copy(io.Discard, body)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, body.Close())
	_, err = s.List(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Open(ctx, o, 0, 1)
	require.ErrorIs(t, err, context.Canceled)
}

// known asks a store for its digests, the zero value where it has no way to tell any.
func known(t *testing.T, s pipeline.Store, o pipeline.Object) (pipeline.StoredDigest, error) {
	t.Helper()
	d, ok := s.(pipeline.Digester)
	if !ok {
		return pipeline.StoredDigest{}, nil
	}
	return d.Digests(t.Context(), o)
}

func digests(t *testing.T, h Harness) {
	data := Data(3, 70_000)
	h.Put(t, "plain.bin", data)
	if h.PutSummed != nil {
		h.PutSummed(t, "summed.bin", data)
	}
	s := h.Open(t)
	got, err := known(t, s, Pin(t, s, "plain.bin"))
	require.NoError(t, err)
	require.Empty(t, got.Parts)
	if got.Whole != "" { // a store may take sums of its own accord, and then true ones
		require.Equal(t, pipeline.DigestBytes(data), got.Whole)
	}
	if h.PutSummed == nil {
		require.Zero(t, got, "an ETag is no digest")
		return
	}
	o := Pin(t, s, "summed.bin")
	got, err = known(t, s, o)
	require.NoError(t, err)
	require.Equal(t, pipeline.StoredDigest{Whole: pipeline.DigestBytes(data)}, got)

	h.PutSummed(t, "summed.bin", Data(4, 70_000))
	got, err = known(t, s, o)
	if h.KeepsVersions {
		require.NoError(t, err)
		require.Equal(t, pipeline.DigestBytes(data), got.Whole, "the pinned version's digest")
	} else {
		require.ErrorIs(t, err, pipeline.ErrChanged)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.(pipeline.Digester).Digests(ctx, o) //nolint:forcetypeassert // it was asked above
	require.ErrorIs(t, err, context.Canceled)
}

func digestsOfParts(t *testing.T, h Harness) {
	const size = 5 << 20
	data := Data(5, 2*size+10)
	if h.PutInParts == nil {
		return
	}
	h.PutInParts(t, "parts.bin", data, size)
	s := h.Open(t)
	got, err := known(t, s, Pin(t, s, "parts.bin"))
	require.NoError(t, err)
	require.Empty(t, got.Whole, "a sum of the parts' sums is none of the object")
	require.Equal(t, []pipeline.PartDigest{
		{Size: size, SHA256: pipeline.DigestBytes(data[:size])},
		{Size: size, SHA256: pipeline.DigestBytes(data[size : 2*size])},
		{Size: 10, SHA256: pipeline.DigestBytes(data[2*size:])},
	}, got.Parts)
}

func concurrentReads(t *testing.T, h Harness) {
	const readers = 32
	want := map[string][]byte{}
	for i := range 8 {
		path := fmt.Sprintf("shard-%d.bin", i)
		want[path] = Data(byte(i), 20_000)
		h.Put(t, path, want[path])
	}
	s := h.Open(t)
	objects, _, _ := List(t, s)
	require.Len(t, objects, 8)
	failures := make([]string, readers)
	var group sync.WaitGroup
	for i := range readers {
		group.Go(func() {
			o := objects[i%len(objects)]
			offset := int64(i * 100)
			got, err := Read(t.Context(), s, o, offset, 5000)
			if err != nil || !bytes.Equal(got, want[o.Path][offset:offset+5000]) {
				failures[i] = fmt.Sprintf("reader %d: %v", i, err)
			}
		})
	}
	group.Wait()
	require.Empty(t, strings.Join(failures, ""))
}
