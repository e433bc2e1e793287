package engine_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

func TestReading_GuidesComeBeforeBodies(t *testing.T) {
	t.Parallel()
	m, s := store()
	for i := range 20 {
		m.Put(fmt.Sprintf("body-%02d", i), bytes.Repeat([]byte{1}, 3000))
	}
	m.Put("guide", bytes.Repeat([]byte{2}, 3000))
	var guided atomic.Bool
	reader := fake{
		first: func(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
			switch {
			case o.Path == "guide":
				return 2000, stage == pipeline.StageGuides
			case stage == pipeline.StageGuides:
				return 0, false
			case guided.Load():
				return 1000, true
			}
			return 2500, true
		},
		sniff: func(pipeline.Object, []byte) bool { return true },
		read: func(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
			if f.Object().Path == "guide" {
				guided.Store(true)
			}
			return pipeline.ReadResult{Format: "fake", Explained: true}, nil
		},
	}
	run(t, engine.Engine{Readers: []pipeline.Reader{reader}}, s)
	require.Equal(t, call{"guide", 0, 2000}, s.calls[0])
	require.Len(t, s.calls, 21, "each object is read once, the guide too")
	for i := range 20 {
		require.Equal(t, []call{{fmt.Sprintf("body-%02d", i), 0, 1000}}, s.reads(fmt.Sprintf("body-%02d", i)))
	}
}

func TestReading_FirstRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		size   int64
		wishes []int64
		want   int64 // bytes of the read
		head   int64 // how many are held, 0 for all
	}{
		{"what is wished for", 100_000, []int64{4000}, 4000, 0},
		{"the longest wish", 100_000, []int64{4000, 9000}, 9000, 0},
		{"at least what a sniffer sees", 100_000, []int64{8}, 512, 0},
		{"no more than the object has", 600, []int64{4000}, 600, 0},
		{"the most that is held whole", 100 << 20, []int64{4 << 20}, 4 << 20, 0},
		{"the start of a long one is held", 100 << 20, []int64{4<<20 + 1}, 4<<20 + 1, 64 << 10},
		{"no more than a first read may take", 1 << 40, []int64{1 << 40}, 256 << 20, 64 << 10},
		{"a negative wish", 100_000, []int64{-1}, 512, 0},
		{"nobody wishes, small", 256 << 10, nil, 256 << 10, 0},
		{"nobody wishes, larger", 256<<10 + 1, nil, 64 << 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.PutReaderAt("o", strings.NewReader("x"), tt.size)
			var readers []pipeline.Reader
			for i, n := range tt.wishes {
				readers = append(readers, fake{
					name:  fmt.Sprint("r", i),
					first: func(_ pipeline.Object, stage pipeline.Stage) (int64, bool) { return n, stage == pipeline.StageBodies },
				})
			}
			readers = append(readers, fake{name: "claims", sniff: named("o"), read: func(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
				require.Len(t, f.Head(), int(cmp.Or(tt.head, tt.want)))
				return pipeline.ReadResult{}, nil
			}})
			run(t, engine.Engine{Readers: readers}, s)
			require.Equal(t, []call{{"o", 0, tt.want}}, s.calls)
		})
	}
}

func TestReading_HeaderFetchesOnlyWhatTheFirstReadLacks(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789"), 1000)
	for _, n := range []int64{1, 999, 1000, 1001, 10_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", content)
			reader := fake{
				first: func(_ pipeline.Object, stage pipeline.Stage) (int64, bool) {
					return 1000, stage == pipeline.StageBodies
				},
				sniff: named("o"),
				read: func(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
					body, err := f.Header(ctx, n)
					require.NoError(t, err)
					got, err := io.ReadAll(body)
					require.NoError(t, err)
					require.Equal(t, content[:n], got)
					require.NoError(t, body.Close())
					return pipeline.ReadResult{Explained: true}, nil
				},
			}
			w := weigh(t, engine.Engine{Readers: []pipeline.Reader{reader}}, engine.Request{Store: s, Keep: true})
			want := []call{{"o", 0, 1000}}
			if n > 1000 {
				want = append(want, call{"o", 1000, n - 1000})
			}
			require.Equal(t, want, s.calls)
			require.Len(t, w.Kept, 1)
			require.Equal(t, n, w.Kept[0].Size)
			require.Equal(t, pipeline.DigestBytes(content[:n]), w.Kept[0].Digest)
			unpacked, err := gzip.NewReader(bytes.NewReader(w.Kept[0].Gzip))
			require.NoError(t, err)
			kept, err := io.ReadAll(unpacked)
			require.NoError(t, err)
			require.Equal(t, content[:n], kept)
		})
	}
}

func TestReading_ALongFirstReadIsReadOn(t *testing.T) {
	t.Parallel()
	const size, wish = 6 << 20, 5 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	header := func(t *testing.T, f pipeline.File, n int64) {
		body, err := f.Header(t.Context(), n)
		require.NoError(t, err)
		got, err := io.ReadAll(body)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content[:n], got))
		require.NoError(t, body.Close())
	}
	for _, tt := range []struct {
		name string
		read func(t *testing.T, f pipeline.File)
		more []call
	}{
		{"to its end", func(t *testing.T, f pipeline.File) { header(t, f, wish) }, nil},
		{"not to its end", func(t *testing.T, f pipeline.File) { header(t, f, 1<<20) }, nil},
		{"not at all", func(*testing.T, pipeline.File) {}, nil},
		{"beyond its end", func(t *testing.T, f pipeline.File) { header(t, f, wish+1) }, []call{{"o", 64 << 10, wish + 1 - 64<<10}}},
		{"after a read elsewhere", func(t *testing.T, f pipeline.File) {
			body, err := f.Range(t.Context(), size-1, 1)
			require.NoError(t, err)
			require.NoError(t, body.Close())
			header(t, f, wish)
		}, []call{{"o", size - 1, 1}, {"o", 64 << 10, wish - 64<<10}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", content)
			reader := fake{
				first: func(_ pipeline.Object, stage pipeline.Stage) (int64, bool) {
					return wish, stage == pipeline.StageBodies
				},
				sniff: named("o"),
				read: func(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
					tt.read(t, f)
					return pipeline.ReadResult{Explained: true}, nil
				},
			}
			run(t, engine.Engine{Readers: []pipeline.Reader{reader}}, s)
			require.Equal(t, append([]call{{"o", 0, wish}}, tt.more...), s.calls)
		})
	}
}

func TestReading_HeaderAndRangeStayInsideTheObject(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("o", []byte("0123456789"))
	reader := fake{sniff: named("o"), read: func(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
		for _, n := range []int64{-1, 0, 11, 1 << 62} {
			_, err := f.Header(ctx, n)
			require.ErrorIs(t, err, pipeline.ErrUsage)
		}
		_, err := f.Range(ctx, 5, 6)
		require.ErrorIs(t, err, pipeline.ErrUsage)
		body, err := f.Range(ctx, 5, 5)
		require.NoError(t, err)
		got, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, "56789", string(got))
		return pipeline.ReadResult{}, body.Close()
	}}
	r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}}, s)
	require.Equal(t, []string{"fake ok"}, status(r, "o"))
}

func TestReading_AHeaderThatIsNotReadToItsEndIsNotKept(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("o", []byte("0123456789"))
	reader := fake{sniff: named("o"), read: func(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
		body, err := f.Header(ctx, 10)
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, body, 9)
		require.NoError(t, err)
		return pipeline.ReadResult{}, body.Close()
	}}
	w := weigh(t, engine.Engine{Readers: []pipeline.Reader{reader}}, engine.Request{Store: s, Keep: true})
	require.Empty(t, w.Kept)
	require.Equal(t, headerDigest(part{"o", 10, ""}), string(w.Report.Artifact.HeaderDigest))
}

// part is a line of a header digest; kept is what was read of the object, "" for
// nothing.
type part struct {
	path string
	size int
	kept string
}

// headerDigest computes the digest from its definition: SHA-256 over lines in byte
// order of path, "path NUL size NUL sha256 LF".
func headerDigest(parts ...part) string {
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.path, b.path) })
	var text strings.Builder
	for _, p := range parts {
		sum := ""
		if p.kept != "" {
			sum = fmt.Sprintf("%x", sha256.Sum256([]byte(p.kept)))
		}
		fmt.Fprintf(&text, "%s\x00%d\x00%s\n", p.path, p.size, sum)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text.String())))
}

func TestReading_Digests(t *testing.T) {
	t.Parallel()
	most, over := strings.Repeat("a", 256<<10), strings.Repeat("b", 256<<10+1)
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
	parts := []part{
		{"README.md", 7, "# Card\n"},
		{"Z", 1, "z"}, // upper case comes before lower case, bytes before letters
		{"a/most.txt", len(most), most},
		{"a/over.txt", len(over), ""},
		{"binary", 4, ""},
		{"empty", 0, ""},
		{"pointer", len(pointer), pointer},
		{"weights", 100, strings.Repeat("w", 40)},
		{"模型.txt", 3, "abc"},
	}
	m, s := store()
	for _, p := range parts {
		m.Put(p.path, []byte(p.kept))
	}
	m.Put("a/over.txt", []byte(over))
	m.Put("binary", []byte{0, 1, 2, 3})
	m.Put("weights", bytes.Repeat([]byte("w"), 100))
	m.SetVersion("Z", "v1")
	m.DropETag("empty")
	m.Put(pipeline.SubmissionName, []byte("left: out"))
	reader := fake{sniff: named("weights"), read: func(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
		body, err := f.Header(ctx, 40)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, body)
		return pipeline.ReadResult{Explained: true}, err
	}}
	e := engine.Engine{Readers: []pipeline.Reader{reader}}
	w := weigh(t, e, engine.Request{Store: s, Keep: true})
	require.Equal(t, headerDigest(parts...), string(w.Report.Artifact.HeaderDigest))

	var pins strings.Builder
	page, err := m.List(t.Context(), "")
	require.NoError(t, err)
	for _, o := range page.Objects {
		if o.Path != pipeline.SubmissionName {
			fmt.Fprintf(&pins, "%s\x00%d\x00%s\x00%s\n", o.Path, o.Size, o.ETag, o.VersionID)
		}
	}
	require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(pins.String()))), string(w.Report.Artifact.PinDigest))
	for _, k := range w.Kept {
		require.NotEqual(t, pipeline.SubmissionName, k.Path)
	}

	// The digest says what was read, whether copies are asked for or not.
	again := weigh(t, e, engine.Request{Store: s})
	require.Equal(t, w.Report.Artifact.HeaderDigest, again.Report.Artifact.HeaderDigest)
	require.Empty(t, again.Kept)
}

func TestReading_Tail(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("text ", 1<<18) // 1.25 MiB
	tests := []struct {
		name      string
		content   string
		explained bool
		want      []call
	}{
		{"at the limit", text[:1<<20], false, []call{{"o", 0, 64 << 10}}},
		{"above it", text[:1<<20+1], false, []call{{"o", 0, 64 << 10}, {"o", 1<<20 + 1 - 64<<10, 64 << 10}}},
		{"explained by a reader", text[:1<<20+1], true, []call{{"o", 0, 64 << 10}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte(tt.content))
			var readers []pipeline.Reader
			if tt.explained {
				readers = append(readers, fake{sniff: named("o"), read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) {
					return pipeline.ReadResult{Format: "fake", Explained: true}, nil
				}})
			}
			run(t, engine.Engine{Readers: readers}, s)
			require.Equal(t, tt.want, s.calls)
		})
	}
}

func TestReading_TheReaderThatExplainsAnObjectNamesIt(t *testing.T) {
	t.Parallel()
	m, s := store()
	m.Put("o", []byte("0123456789"))
	looks := func(name string, explained bool) fake {
		return fake{name: name, sniff: named("o"), read: func(context.Context, pipeline.File) (pipeline.ReadResult, error) {
			return pipeline.ReadResult{Format: name, Role: pipeline.RoleWeights, Explained: explained}, nil
		}}
	}
	r := run(t, engine.Engine{Readers: []pipeline.Reader{looks("vague", false), looks("exact", true), looks("late", false)}}, s)
	require.Equal(t, "exact", object(t, r, "o").Format)
	require.Equal(t, []string{"vague ok", "exact ok", "late ok"}, status(r, "o"))
}

func TestReading_DeriversSeeEverythingInOrder(t *testing.T) {
	t.Parallel()
	m, s := store()
	for _, p := range []string{"c", "a", "b"} {
		m.Put(p, []byte("text"))
	}
	reader := fake{finish: func(readings *pipeline.Readings, facts *pipeline.FactSet) {
		readings.Tables = append(readings.Tables, &pipeline.Table{Object: "b"}, &pipeline.Table{Object: "a"})
		readings.Configs = append(readings.Configs, pipeline.Config{Object: "z"}, pipeline.Config{Object: "c"})
		facts.Set("index.present", true, pipeline.BasisMeasured)
	}}
	var seen []string
	first := deriver{"first", func(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
		for _, o := range readings.Objects {
			seen = append(seen, "object "+o.Path+" "+o.Format+" "+string(o.Status))
		}
		for _, table := range readings.Tables {
			seen = append(seen, "table "+table.Object)
		}
		for _, c := range readings.Configs {
			seen = append(seen, "config "+c.Object)
		}
		facts.Set("params.stored_elements", int64(3), pipeline.BasisMeasured)
		return nil
	}}
	second := deriver{"second", func(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
		n, known := facts.Value("params.stored_elements")
		require.True(t, known)
		require.Equal(t, int64(3), n)
		return nil
	}}
	r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}, Derivers: []pipeline.Deriver{first, second}}, s)
	require.Equal(t, []string{"object a text ok", "object b text ok", "object c text ok", "table a", "table b", "config c", "config z"}, seen)
	require.Equal(t, []string{"first ok", "second ok"}, status(r, ""))
	require.True(t, *r.Facts.Index.Present)
}
