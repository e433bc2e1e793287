package pytorch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/pytorch"
	"weighbridge/pipeline"
)

func samples(f *testing.F) [][]byte {
	f.Helper()
	var out [][]byte
	paths, err := filepath.Glob("testdata/*.*t")
	require.NoError(f, err)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		require.NoError(f, err)
		out = append(out, b)
	}
	require.NotEmpty(f, out)
	return out
}

// refused reports whether an error is one of those that the reader gives for bytes.
func refused(t *testing.T, err error) {
	t.Helper()
	code := pipeline.ErrorCode(err)
	require.True(t, code == pipeline.CodeMalformed || code == pipeline.CodeOverLimit, "%v", err)
}

// FuzzDirectory: whatever the bytes are, the answer is a directory whose members lie
// inside the archive, apart from each other, or an error with a reason.
func FuzzDirectory(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Add(archive(true, "comment", member("m/data.pkl", plain()), member("m/data/0", zeros(128))).bytes())
	f.Add(archive(false, "", member("a/b", nil)).bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := pytorch.ReadDirectory(int64(len(b)), func(offset, n int64) ([]byte, error) {
			require.True(t, offset >= 0 && n >= 0 && offset+n <= int64(len(b)))
			return b[offset : offset+n], nil
		})
		if err != nil {
			refused(t, err)
			return
		}
		var at int64
		names := map[string]bool{}
		for _, m := range d.Members {
			require.GreaterOrEqual(t, m.Offset, at)
			require.GreaterOrEqual(t, m.Compressed, int64(0))
			at = m.Offset + 30 + int64(len(m.Name)) + m.Compressed
			require.LessOrEqual(t, at, d.Start)
			require.False(t, names[strings.ToLower(m.Name)])
			names[strings.ToLower(m.Name)] = true
			if data, err := m.CheckLocal(b[m.Offset:]); err == nil {
				require.Greater(t, data, m.Offset)
			}
		}
		require.LessOrEqual(t, d.Start, d.Ending)
		require.GreaterOrEqual(t, d.Spare, int64(0))
	})
}

// FuzzPickle: whatever the bytes are, the machine ends with a value or a reason, and used
// no more than there is.
func FuzzPickle(f *testing.F) {
	f.Add(plain())
	f.Add([]byte("(S'id'\nios\nsystem\n."))
	f.Add(proto(4).short("os").short("system").op(0x93, 0x94, ')', 'R').stop())
	for _, b := range samples(f) {
		if i := bytes.Index(b, []byte{0x80, 2}); i >= 0 {
			f.Add(b[i:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := interpret(b)
		require.NotNil(t, p)
		require.LessOrEqual(t, p.Bytes, int64(len(b)))
		require.LessOrEqual(t, int64(len(p.Imports)), p.Foreign)
		if err != nil {
			refused(t, err)
		}
		// The same program as the heart of a checkpoint.
		out := read(t, "m.pt", archive(false, "", member("m/data.pkl", b), member("m/data/0", zeros(128)), member("m/data/1", zeros(64))).bytes(), 512)
		weighs(t, out)
	})
}

// weighs holds a reading to what must be true of any: the table and what is unexplained
// never claim more than the file can hold, and together never less than its storages.
func weighs(t *testing.T, out outcome) {
	t.Helper()
	if out.err != nil {
		refused(t, out.err)
		require.Nil(t, out.table)
		return
	}
	if out.table == nil {
		return
	}
	var bytes uint64
	for i := range out.table.Len() {
		bytes += out.table.At(i).Bytes()
	}
	require.LessOrEqual(t, bytes, uint64(out.file.object.Size), "no tensor without its bytes")
	require.GreaterOrEqual(t, out.result.Unexplained, int64(0))
}

// FuzzFile: any bytes as a file, through sniffing and reading.
func FuzzFile(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Add(plain())
	f.Fuzz(func(t *testing.T, b []byte) { weighs(t, read(t, "m.pt", b, 512)) })
}

// FuzzIndex: an index is read or refused with a reason.
func FuzzIndex(f *testing.F) {
	f.Add(`{"metadata":{},"weight_map":{"a":"x.bin","a":"y.bin"}} {`)
	f.Add(`{"weight_map":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		names, err := pytorch.DecodeIndex(strings.NewReader(text))
		if err != nil {
			refused(t, err)
			return
		}
		seen := map[string]bool{}
		for _, n := range names {
			require.False(t, seen[n])
			seen[n] = true
		}
	})
}
