package npz_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/npz"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

// entry is one member of an archive that the tests write, with what a hostile writer
// changes.
type entry struct {
	name    string
	content []byte
	method  uint16
	flags   uint16
	large   bool // the member's own header states its sizes in 64 bits, as numpy's do
	before  []byte
	extra   []byte
	own     func(header []byte) // changes the member's own header
	listed  func(header []byte) // changes the entry of the directory
}

// archive writes an archive. change may alter the end record.
func archive(entries []entry, large bool, comment string, change func(end []byte)) []byte {
	le := binary.LittleEndian
	var out, directory []byte
	for _, e := range entries {
		out = append(out, e.before...)
		packed := e.content
		if e.method == 8 {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, flate.BestCompression)
			_, _ = w.Write(e.content)
			_ = w.Close()
			packed = b.Bytes()
		}
		sum := crc32.ChecksumIEEE(e.content)
		own := make([]byte, 30)
		copy(own, "PK\x03\x04")
		le.PutUint16(own[6:], e.flags)
		le.PutUint16(own[8:], e.method)
		le.PutUint32(own[14:], sum)
		le.PutUint32(own[18:], uint32(len(packed)))
		le.PutUint32(own[22:], uint32(len(e.content)))
		extra := e.extra
		if e.large {
			le.PutUint32(own[18:], math.MaxUint32)
			le.PutUint32(own[22:], math.MaxUint32)
			extra = le.AppendUint16(nil, 1)
			extra = le.AppendUint16(extra, 16)
			extra = le.AppendUint64(extra, uint64(len(e.content)))
			extra = le.AppendUint64(extra, uint64(len(packed)))
		}
		le.PutUint16(own[26:], uint16(len(e.name)))
		le.PutUint16(own[28:], uint16(len(extra)))
		listed := make([]byte, 46)
		copy(listed, "PK\x01\x02")
		le.PutUint16(listed[8:], e.flags)
		le.PutUint16(listed[10:], e.method)
		le.PutUint32(listed[16:], sum)
		le.PutUint32(listed[20:], uint32(len(packed)))
		le.PutUint32(listed[24:], uint32(len(e.content)))
		le.PutUint16(listed[28:], uint16(len(e.name)))
		le.PutUint32(listed[42:], uint32(len(out)))
		if e.own != nil {
			e.own(own)
		}
		if e.listed != nil {
			e.listed(listed)
		}
		out = append(append(append(append(out, own...), e.name...), extra...), packed...)
		directory = append(append(directory, listed...), e.name...)
	}
	begin := len(out)
	out = append(out, directory...)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	le.PutUint16(end[8:], uint16(len(entries)))
	le.PutUint16(end[10:], uint16(len(entries)))
	le.PutUint32(end[12:], uint32(len(directory)))
	le.PutUint32(end[16:], uint32(begin))
	le.PutUint16(end[20:], uint16(len(comment)))
	if large {
		at := len(out)
		record := make([]byte, 56)
		copy(record, "PK\x06\x06")
		le.PutUint64(record[4:], 44)
		le.PutUint64(record[24:], uint64(len(entries)))
		le.PutUint64(record[32:], uint64(len(entries)))
		le.PutUint64(record[40:], uint64(len(directory)))
		le.PutUint64(record[48:], uint64(begin))
		locator := make([]byte, 20)
		copy(locator, "PK\x06\x07")
		le.PutUint64(locator[8:], uint64(at))
		le.PutUint32(locator[16:], 1)
		out = append(append(out, record...), locator...)
		le.PutUint32(end[16:], math.MaxUint32)
	}
	if change != nil {
		change(end)
	}
	return append(append(out, end...), comment...)
}

type watch struct{ readings pipeline.Readings }

func (*watch) Name() string { return "watch" }

func (w *watch) Derive(_ context.Context, r *pipeline.Readings, _ *pipeline.FactSet) error {
	w.readings = *r
	return nil
}

// read runs the reader on one object.
func read(t require.TestingT, ctx context.Context, name string, content []byte) (*pipeline.Weighing, pipeline.Readings) {
	src, err := pipeline.ParseSource("s3://b/m/")
	require.NoError(t, err)
	store := mem.New(src)
	store.Put(name, content)
	w := &watch{}
	e := engine.Engine{Readers: []pipeline.Reader{npz.Reader{}}, Derivers: []pipeline.Deriver{w}}
	out, err := e.Run(ctx, engine.Request{Source: src, Store: store, AsOf: time.Unix(0, 0), Keep: true})
	require.NoError(t, err)
	return out, w.readings
}

func two() []entry {
	return []entry{{name: "a.npy", content: array("'<f4'", "(100, 50)", 20_000)}, {name: "deep/b.npy", content: array("'<f2'", "(7,)", 14)}}
}

func with(change func(*entry)) []entry {
	e := two()
	change(&e[0])
	return e
}

func TestArchive_Exact(t *testing.T) {
	t.Parallel()
	numpys := two()
	numpys[0].large, numpys[1].large = true, true
	var wide []entry
	for i := range 400 { // larger than the first read, and the members far apart
		wide = append(wide, entry{name: fmt.Sprintf("w%d.npy", i), content: array("'<f4'", "(50, 50)", 10_000)})
	}
	folder := append([]entry{{name: "deep/"}}, two()...)
	// archive/zip states sizes and sum behind each member.
	var streamed bytes.Buffer
	w := zip.NewWriter(&streamed)
	for _, e := range two() {
		m, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Store})
		require.NoError(t, err)
		_, err = m.Write(e.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	tests := []struct {
		name    string
		content []byte
		tensors int
		want    uint64
	}{
		{"plain", archive(two(), false, "", nil), 2, 5007},
		{"as numpy writes", archive(numpys, false, "", nil), 2, 5007},
		{"with 64-bit end records", archive(two(), true, "", nil), 2, 5007},
		{"with folders", archive(folder, false, "", nil), 2, 5007},
		{"streamed", streamed.Bytes(), 2, 5007},
		{"many", archive(wide, false, "", nil), 400, 1_000_000},
		{"empty", archive(nil, false, "", nil), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, readings := read(t, t.Context(), "w.npz", tt.content)
			require.Equal(t, pipeline.InspectionOK, out.Report.Inspections[0].Status, out.Report.Inspections[0].Reason)
			require.Empty(t, out.Report.Inspections[0].Reason)
			require.True(t, readings.Objects[0].Explained)
			require.Zero(t, readings.Objects[0].Unexplained)
			require.Equal(t, "npz", readings.Objects[0].Format)
			require.Len(t, readings.Tables, 1)
			require.Equal(t, tt.tensors, readings.Tables[0].Len())
			var sum uint64
			for i := range readings.Tables[0].Len() {
				tensor := readings.Tables[0].At(i)
				n, _ := tensor.Elements()
				sum += n
				require.NotContains(t, tensor.Name, ".npy")
				require.Equal(t, make([]byte, tensor.Bytes()), tt.content[tensor.Offset:tensor.Offset+tensor.Bytes()])
			}
			require.Equal(t, tt.want, sum)
			require.Len(t, out.Kept, 1)
			require.Less(t, out.Kept[0].Size, int64(len(tt.content))+1)
		})
	}
}

func TestArray_Exact(t *testing.T) {
	t.Parallel()
	out, readings := read(t, t.Context(), "folder/embedding.npy", array("'<f4'", "(100, 50)", 20_000))
	require.Equal(t, pipeline.InspectionOK, out.Report.Inspections[0].Status)
	require.Equal(t, "npy", readings.Objects[0].Format)
	tensor := readings.Tables[0].At(0)
	require.Equal(t, "embedding", tensor.Name)
	require.Equal(t, []uint64{100, 50}, tensor.Shape)
	require.Equal(t, pipeline.F32, tensor.DType)
	require.Equal(t, int64(128), out.Kept[0].Size)
}

func TestUnexplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, object string
		content      []byte
		want         int64
		why          string
		tensors      int
	}{
		{"bytes behind an array", "a.npy", append(array("'<f4'", "(5,)", 20), make([]byte, 77)...), 77, "77 bytes follow", 1},
		{"two arrays in one file", "a", append(array("'<f4'", "(5,)", 20), array("'<f4'", "(5,)", 20)...), 148, "148 bytes follow", 1},
		{"an array of texts", "a.npy", array("'<U10'", "(5,)", 200), 200, "<U10", 1},
		{"an array of dates", "a.npy", array("'<M8[ns]'", "(5,)", 40), 40, "<M8[ns]", 1},
		{"an array without width", "a.npy", array("'|V0'", "(1000000,)", 0), 125_000, "|V0", 1},
		{"a compressed member", "a.npz", archive(with(func(e *entry) { e.method = 8 }), false, "", nil), 20_128, "is compressed", 2},
		{"a member that is no array", "a.npz", archive(with(func(e *entry) { e.name = "weights.bin" }), false, "", nil), 20_128, "no array", 1},
		{"bytes before the first member", "a.npz", archive(with(func(e *entry) { e.before = make([]byte, 1000) }), false, "", nil), 1000, "belong to no member", 2},
		{"bytes between members", "a.npz", archive([]entry{two()[0], {name: "b.npy", content: array("'<f4'", "(5,)", 20), before: make([]byte, 999)}}, false, "", nil), 999, "belong to no member", 2},
		{"a comment", "a.npz", archive(two(), false, strings.Repeat("x", 500), nil), 500, "a comment of 500", 2},
		{"a long extra field", "a.npz", archive(with(func(e *entry) { e.extra = append([]byte{0x99, 0x99, 0xe8, 0x03}, make([]byte, 1000)...) }), false, "", nil), 940, "belong to no member", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, readings := read(t, t.Context(), tt.object, tt.content)
			require.Equal(t, pipeline.InspectionOK, out.Report.Inspections[0].Status, out.Report.Inspections[0].Reason)
			require.Contains(t, out.Report.Inspections[0].Reason, tt.why)
			require.Equal(t, tt.want, readings.Objects[0].Unexplained)
			require.Equal(t, tt.tensors, readings.Tables[0].Len())
		})
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	put16 := func(at int, n uint16) func([]byte) { return func(b []byte) { le.PutUint16(b[at:], n) } }
	put32 := func(at int, n uint32) func([]byte) { return func(b []byte) { le.PutUint32(b[at:], n) } }
	own := func(f func([]byte)) []byte { return archive(with(func(e *entry) { e.own = f }), false, "", nil) }
	listed := func(f func([]byte)) []byte { return archive(with(func(e *entry) { e.listed = f }), false, "", nil) }
	end := func(f func([]byte)) []byte { return archive(two(), false, "", f) }
	plain := archive(two(), false, "", nil)
	tests := []struct {
		name, object string
		content      []byte
		want         string
	}{
		{"an empty file", "a.npz", nil, "no end record"},
		{"an empty array", "a.npy", nil, "does not begin"},
		{"a text", "a.npz", []byte("words"), "no end record"},
		{"cut", "a.npz", plain[:len(plain)-1], "no end record"},
		{"bytes behind", "a.npz", append(bytes.Clone(plain), 0), "no end record"},
		{"an array that is cut", "a.npy", array("'<f4'", "(5,)", 19), "is cut"},
		{"an array of objects", "a.npy", array("'|O'", "(5,)", 100), "pickle inside"},
		{"an array of objects in an archive", "a.npz", archive(with(func(e *entry) { e.content = array("'|O'", "(5,)", 100) }), false, "", nil), "member \"a.npy\": the array holds Python objects"},
		{"a pickle in an archive", "a.npz", archive([]entry{two()[0], {name: "x.pkl", content: []byte("\x80\x04.")}}, false, "", nil), "is a pickle"},
		{"a member that is cut", "a.npz", archive(with(func(e *entry) { e.content = array("'<f4'", "(5,)", 19) }), false, "", nil), "is cut"},
		{"a member that is no array", "a.npz", archive(with(func(e *entry) { e.content = []byte("words") }), false, "", nil), "begin like"},
		{"an empty member", "a.npz", archive(with(func(e *entry) { e.content = nil }), false, "", nil), "begin like"},
		{"another name in its own header", "a.npz", func() []byte { b := bytes.Clone(plain); b[30] = 'x'; return b }(), "says something else"},
		{"another size in its own header", "a.npz", own(put32(22, 5)), "says something else"},
		{"another packed size in its own header", "a.npz", own(put32(18, 5)), "says something else"},
		{"another sum in its own header", "a.npz", own(put32(14, 5)), "says something else"},
		{"another method in its own header", "a.npz", own(put16(8, 8)), "says something else"},
		{"other flags in its own header", "a.npz", own(put16(6, 8)), "says something else"},
		{"another place", "a.npz", listed(put32(42, 1)), "no member begins"},
		{"a place behind the directory", "a.npz", listed(put32(42, 1<<30)), "outside the archive"},
		{"another size in the directory", "a.npz", listed(put32(24, 5)), "is stored as it is"},
		{"sizes that reach beyond", "a.npz", listed(func(b []byte) { put32(24, 1<<30)(b); put32(20, 1<<30)(b) }), "outside the archive"},
		{"64-bit sizes that are not there", "a.npz", listed(put32(24, math.MaxUint32)), "64-bit sizes and has none"},
		{"encrypted", "a.npz", archive(with(func(e *entry) { e.flags = 1 }), false, "", nil), "encrypted"},
		{"masked", "a.npz", archive(with(func(e *entry) { e.flags = 1 << 13 }), false, "", nil), "encrypted"},
		{"an unknown method", "a.npz", archive(with(func(e *entry) { e.method = 93 }), false, "", nil), "method 93"},
		{"a name twice", "a.npz", archive([]entry{two()[0], two()[0]}, false, "", nil), "listed twice"},
		{"a broken name", "a.npz", archive(with(func(e *entry) { e.name = "\xff.npy" }), false, "", nil), "no valid text"},
		{"a name with NUL", "a.npz", archive(with(func(e *entry) { e.name = "a\x00.npy" }), false, "", nil), "no valid text"},
		{"members that overlap", "a.npz", func() []byte {
			inner := array("'<f4'", "(5,)", 20)
			return archive([]entry{{name: "a.npy", content: inner}, {name: "a.np2", content: inner, listed: func(b []byte) { put32(42, 0)(b) }}}, false, "", nil)
		}(), "says something else"},
		{"a disk", "a.npz", end(put16(4, 1)), "several files"},
		{"fewer members than stated", "a.npz", end(func(b []byte) { put16(8, 3)(b); put16(10, 3)(b) }), "room for 2"},
		{"more members than stated", "a.npz", end(func(b []byte) { put16(8, 1)(b); put16(10, 1)(b) }), "follow the last member"},
		{"65534 members", "a.npz", end(func(b []byte) { put16(8, 65534)(b); put16(10, 65534)(b) }), "room for 2"},
		{"a directory elsewhere", "a.npz", end(put32(16, 5)), "does not end where"},
		{"a directory behind the end", "a.npz", end(put32(16, 1<<30)), "does not end where"},
		{"a longer directory", "a.npz", end(put32(12, 1000)), "does not end where"},
		{"64-bit sizes without their record", "a.npz", end(put32(16, math.MaxUint32)), "no record of them"},
		{"64-bit record that disagrees", "a.npz", archive(two(), true, "", put32(12, 5)), "disagree"},
		{"64-bit record elsewhere", "a.npz", func() []byte {
			b := archive(two(), true, "", nil)
			le.PutUint64(b[len(b)-22-20+8:], 5)
			return b
		}(), "not where the archive says"},
		{"64-bit record of another length", "a.npz", func() []byte {
			b := archive(two(), true, "", nil)
			le.PutUint64(b[len(b)-22-20-56+4:], 1<<60)
			return b
		}(), "does not end where the next begins"},
		{"a compressed member of nothing", "a.npz", archive(with(func(e *entry) {
			e.method = 8
			e.content = nil
		}), false, "", nil), "cannot be inflated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, readings := read(t, t.Context(), tt.object, tt.content)
			require.Equal(t, pipeline.InspectionMalformed, out.Report.Inspections[0].Status, out.Report.Inspections[0].Reason)
			require.Contains(t, out.Report.Inspections[0].Reason, tt.want)
			require.Empty(t, readings.Tables)
			require.Equal(t, pipeline.VerdictInconclusive, out.Report.Verdict)
		})
	}
}

// An archive of 24 GB: one array whose sizes and place need 64 bits. Only its ends are
// real.
func TestArchive_SixtyFourBits(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	head := header(1, describe("'<f4'", "(1000000, 3000)"))
	size := uint64(len(head)) + 4*3_000_000_000
	member := func(name string, at uint64) (own, listed []byte) {
		own = make([]byte, 30)
		copy(own, "PK\x03\x04")
		listed = make([]byte, 46)
		copy(listed, "PK\x01\x02")
		for _, i := range []int{18, 22} {
			le.PutUint32(own[i:], math.MaxUint32)
			le.PutUint32(listed[i+2:], math.MaxUint32)
		}
		le.PutUint32(listed[42:], math.MaxUint32)
		le.PutUint16(own[26:], uint16(len(name)))
		le.PutUint16(listed[28:], uint16(len(name)))
		le.PutUint16(own[28:], 20)
		le.PutUint16(listed[30:], 28)
		sizes := le.AppendUint64(le.AppendUint64(nil, size), size)
		own = append(append(append(own, name...), 1, 0, 16, 0), sizes...)
		listed = append(append(append(listed, name...), 1, 0, 24, 0), le.AppendUint64(sizes, at)...)
		return own, listed
	}
	ownA, listedA := member("a.npy", 0)
	second := uint64(len(ownA)) + size
	ownB, listedB := member("b.npy", second)
	directory := second + uint64(len(ownB)) + size
	end := archive(nil, true, "", nil) // the three end records
	le.PutUint64(end[24:], 2)
	le.PutUint64(end[32:], 2)
	le.PutUint64(end[40:], uint64(len(listedA)+len(listedB)))
	le.PutUint64(end[48:], directory)
	le.PutUint64(end[56+8:], directory+uint64(len(listedA)+len(listedB)))
	for i := 8; i < 20; i++ {
		end[56+20+i] = 0xff
	}
	s := &sparse{pieces: map[int64][]byte{0: append(ownA, head...), int64(second): append(ownB, head...), int64(directory): append(append(listedA, listedB...), end...)}}
	src, err := pipeline.ParseSource("s3://b/m/")
	require.NoError(t, err)
	store := mem.New(src)
	store.PutReaderAt("w.npz", s, int64(directory)+int64(len(listedA)+len(listedB)+len(end)))
	w := &watch{}
	e := engine.Engine{Readers: []pipeline.Reader{npz.Reader{}}, Derivers: []pipeline.Deriver{w}}
	out, err := e.Run(t.Context(), engine.Request{Source: src, Store: store, AsOf: time.Unix(0, 0)})
	require.NoError(t, err)
	require.Equal(t, pipeline.InspectionOK, out.Report.Inspections[0].Status, out.Report.Inspections[0].Reason)
	require.Zero(t, w.readings.Objects[0].Unexplained)
	require.Equal(t, 2, w.readings.Tables[0].Len())
	require.Equal(t, second+uint64(len(ownB)+len(head)), w.readings.Tables[0].At(1).Offset)
	n, _ := w.readings.Tables[0].At(1).Elements()
	require.Equal(t, uint64(3_000_000_000), n)
}

// sparse is zeros with some pieces in it.
type sparse struct{ pieces map[int64][]byte }

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for at, b := range s.pieces {
		from, to := max(off, at), min(off+int64(len(p)), at+int64(len(b)))
		if from < to {
			copy(p[from-off:to-off], b[from-at:to-at])
		}
	}
	return len(p), nil
}

func TestArchive_OverLimit(t *testing.T) {
	t.Parallel()
	b := archive(two(), true, "", nil)
	record := len(b) - 22 - 20 - 56
	binary.LittleEndian.PutUint64(b[record+24:], 1<<40)
	binary.LittleEndian.PutUint64(b[record+32:], 1<<40)
	_, err := npz.DecodeEnd(b, int64(len(b)))
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
}

func TestSniff(t *testing.T) {
	t.Parallel()
	r := npz.Reader{}.Open(nil)
	zipped := func(name string) string {
		return string(archive([]entry{{name: name, content: []byte("x")}}, false, "", nil))
	}
	tests := []struct {
		name, head string
		want       bool
	}{
		{"x", "\x93NUMPY\x01\x00", true},
		{"x.npy", "words", true},
		{"x.NPZ", "words", true},
		{"x", zipped("a.npy"), true},
		{"x.npz", zipped("a.bin"), true},
		{"x.bin", zipped("a.bin"), false},
		{"x.npz", zipped("archive/data.pkl"), false},
		{"x.pt", zipped("archive/data.pkl"), false},
		{"x", "\x93NUMP", false},
		{"x", "PK\x03\x04", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, r.Sniff(pipeline.Object{Path: tt.name}, []byte(tt.head)), "%s %q", tt.name, tt.head)
	}
}

// FuzzArchive: whatever the bytes are, the run ends with a status, and what is read is
// inside the file; archive/zip, which is laxer, reads what is read here too.
func FuzzArchive(f *testing.F) {
	numpys := two()
	numpys[0].large, numpys[1].method = true, 8
	f.Add(archive(two(), false, "", nil))
	f.Add(archive(two(), true, "comment", nil))
	f.Add(archive(numpys, false, "", nil))
	f.Add(archive(nil, false, "", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, readings := read(t, t.Context(), "a.npz", b)
		switch i := out.Report.Inspections[0]; i.Status {
		case pipeline.InspectionMalformed:
			require.NotEmpty(t, i.Reason)
			require.Empty(t, readings.Tables)
		case pipeline.InspectionOK:
			z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if errors.Is(err, zip.ErrFormat) && noDisks(b) {
				return // Python, which loads these files, takes such a locator for one disk
			}
			if err != nil {
				require.ErrorIs(t, err, zip.ErrInsecurePath)
			}
			arrays := 0
			for _, m := range z.File {
				if strings.HasSuffix(strings.ToLower(m.Name), ".npy") {
					arrays++
				}
			}
			require.Equal(t, arrays, readings.Tables[0].Len())
			for i := range readings.Tables[0].Len() {
				tensor := readings.Tables[0].At(i)
				_, ok := tensor.Elements()
				require.True(t, ok)
			}
		case pipeline.InspectionFailed:
			require.Contains(t, i.Reason, "at most")
		default:
			require.Fail(t, string(i.Status))
		}
	})
}

// noDisks tells whether the locator of a ZIP64 directory states no disks in place of one.
func noDisks(b []byte) bool {
	at := bytes.LastIndex(b, []byte("PK\x06\x07"))
	return at >= 0 && len(b) >= at+20 && binary.LittleEndian.Uint32(b[at+16:]) == 0
}
