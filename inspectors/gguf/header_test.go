package gguf_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/gguf"
	"weighbridge/pipeline"
)

func decode(b []byte) (*gguf.Header, error) {
	return gguf.Decode(bytes.NewReader(b), int64(len(b)), io.Discard)
}

func tensor(name, dtype string, dims ...uint64) files.Tensor {
	return files.Tensor{Name: name, Dims: dims, Type: files.TypeOf(dtype)}
}

// Every type: the count is the product of the dimensions, and the blocks fill the file
// to its last byte.
func TestDecode_EveryType(t *testing.T) {
	t.Parallel()
	for _, kind := range files.Types {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := files.File{Tensors: []files.Tensor{
				{Name: "a", Dims: []uint64{2 * kind.Block, 3, 5}, Type: kind}, tensor("b", "F32", 7), {Name: "c", Dims: []uint64{kind.Block}, Type: kind}}}
			h, err := decode(f.Bytes())
			require.NoError(t, err)
			require.Zero(t, h.Unexplained, h.Why)
			require.Equal(t, 3, h.Table.Len())
			a := h.Table.At(0)
			require.Equal(t, []uint64{5, 3, 2 * kind.Block}, a.Shape, "outermost first")
			require.Equal(t, kind.Name, a.DType.String())
			require.Equal(t, 30*kind.Size, a.Bytes())
			n, ok := a.Elements()
			require.True(t, ok)
			require.Equal(t, 30*kind.Block, n)
			block, bits := a.DType.Block()
			require.Equal(t, kind.Block, block)
			require.Equal(t, 8*kind.Size, bits)
			require.Zero(t, a.Offset%32)
			require.Equal(t, int64(len(f.Header())), h.Table.HeaderEnd)
			if kind.Block > 1 {
				_, named := pipeline.ParseDType(kind.Name)
				require.False(t, named, "safetensors knows no such type")
				require.Equal(t, pipeline.ClassFloat, a.DType.Class())
			}
		})
	}
}

func TestDecode_VersionsAndOrders(t *testing.T) {
	t.Parallel()
	values := []files.Value{
		{Key: "general.architecture", Value: "llama"}, {Key: "u8", Value: uint8(200)}, {Key: "i8", Value: int8(-3)}, {Key: "u16", Value: uint16(65535)},
		{Key: "i16", Value: int16(-300)}, {Key: "u32", Value: uint32(1 << 31)}, {Key: "i32", Value: int32(-1 << 31)}, {Key: "f32", Value: float32(0.5)},
		{Key: "bool", Value: true}, {Key: "u64", Value: uint64(math.MaxUint64)}, {Key: "i64", Value: int64(math.MinInt64)}, {Key: "f64", Value: 1e300},
		{Key: "words", Value: []string{"a", "", "ccc"}}, {Key: "scores", Value: []float32{1, 2}}, {Key: "bytes", Value: []uint8{1, 2, 3}},
		{Key: "nested", Value: [][]int32{{1, 2}, {}, {3}}}, {Key: "long", Value: strings.Repeat("x", 100_000)},
	}
	want := map[string]string{
		"general.architecture": "llama", "u8": "200", "i8": "-3", "u16": "65535", "i16": "-300", "u32": "2147483648", "i32": "-2147483648", "f32": "0.5",
		"bool": "true", "u64": "18446744073709551615", "i64": "-9223372036854775808", "f64": "1e+300",
	}
	tests := []struct {
		name    string
		version uint32
		order   binary.ByteOrder
		magic   string
	}{
		{"1", 1, binary.LittleEndian, "GGUF"}, {"2", 2, binary.LittleEndian, "GGUF"}, {"3", 3, binary.LittleEndian, "GGUF"},
		{"3 big-endian", 3, binary.BigEndian, "GGUF"}, {"2 big-endian", 2, binary.BigEndian, "GGUF"}, {"3 big-endian, magic too", 3, binary.BigEndian, "FUGG"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := files.File{Version: tt.version, Order: tt.order, Magic: tt.magic, Values: values,
				Tensors: []files.Tensor{tensor("a", "Q4_K", 256, 2), tensor("b", "F16", 3)}}
			var kept bytes.Buffer
			b := f.Bytes()
			h, err := gguf.Decode(iotest(b), int64(len(b)), &kept)
			require.NoError(t, err)
			require.Equal(t, int(tt.version), h.Version)
			require.Equal(t, tt.order == binary.BigEndian, h.BigEndian)
			require.Equal(t, want, h.Table.Metadata)
			require.Equal(t, uint64(512), product(t, h.Table.At(0)))
			require.Equal(t, uint64(3), product(t, h.Table.At(1)))
			require.Zero(t, h.Unexplained)
			require.Equal(t, f.Header(), kept.Bytes(), "what was taken is the header and nothing else")
		})
	}
}

// iotest yields a few bytes at a time.
func iotest(b []byte) io.Reader { return &trickle{b: b} }

type trickle struct {
	b []byte
	n int
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	r.n = r.n%7 + 1
	n := copy(p[:min(len(p), r.n)], r.b)
	r.b = r.b[n:]
	return n, nil
}

func product(t *testing.T, tensor pipeline.Tensor) uint64 {
	t.Helper()
	n, ok := tensor.Elements()
	require.True(t, ok)
	return n
}

func TestDecode_Alignment(t *testing.T) {
	t.Parallel()
	for _, alignment := range []uint64{1, 8, 32, 64, 4096} {
		f := files.File{Alignment: alignment, Values: []files.Value{{Key: "general.alignment", Value: uint32(alignment)}},
			Tensors: []files.Tensor{tensor("a", "F16", 3), tensor("b", "F16", 5), tensor("empty", "F32", 0, 8), tensor("scalar", "F32")}}
		b := f.Bytes()
		h, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, int64(alignment), h.Alignment)
		require.Zero(t, h.Unexplained)
		require.Equal(t, 4, h.Table.Len())
		require.Zero(t, h.Table.At(1).Offset%alignment)
	}
}

func TestDecode_LastPaddingMayBeMissing(t *testing.T) {
	t.Parallel()
	b := files.File{Tensors: []files.Tensor{tensor("a", "F16", 3)}}.Bytes()
	h, err := decode(b[:len(b)-26])
	require.NoError(t, err)
	require.Zero(t, h.Unexplained)
}

func TestDecode_WordsAreNotKept(t *testing.T) {
	t.Parallel()
	f := files.File{Values: files.Words(50_000), Tensors: []files.Tensor{tensor("a", "F16", 3)}}
	b := f.Bytes()
	require.Greater(t, len(b), 1<<20)
	h, err := decode(b)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"tokenizer.ggml.model": "llama"}, h.Table.Metadata)
}

func TestDecode_Unexplained(t *testing.T) {
	t.Parallel()
	unknown := files.Type{Name: "future", Number: 99, Block: 32, Size: 20}
	tests := []struct {
		name string
		file func() []byte
		want int64
		why  string
		n    int64
	}{
		{"bytes behind the last tensor", func() []byte {
			return append(files.File{Tensors: []files.Tensor{tensor("a", "F32", 8)}}.Bytes(), make([]byte, 1000)...)
		}, 1000, "1000 bytes follow the last tensor", 0},
		{"bytes behind a file without tensors", func() []byte {
			return append(files.File{}.Bytes(), make([]byte, 5000)...)
		}, 5000, "5000 bytes follow", 0},
		{"a hole", func() []byte {
			b := tensor("b", "F32", 8)
			b.At = 1024
			return files.File{Tensors: []files.Tensor{tensor("a", "F32", 8), b}}.Bytes()
		}, 1024 - 32, "a hole of 992 bytes lies before tensor \"b\"", 0},
		{"an unknown type between others", func() []byte {
			return files.File{Tensors: []files.Tensor{tensor("a", "F32", 8), {Name: "x", Dims: []uint64{64, 3}, Type: unknown}, tensor("b", "F32", 8)}}.Bytes()
		}, 128, "tensor \"x\" is of a type that is not known", 1},
		{"an unknown type at the end", func() []byte {
			return append(files.File{Tensors: []files.Tensor{{Name: "x", Dims: []uint64{64, 3}, Type: unknown}}}.Bytes(), make([]byte, 872)...)
		}, 1000, "\"x\"", 1},
		{"an unknown type whose shape says more than its room", func() []byte {
			return files.File{Tensors: []files.Tensor{{Name: "x", Dims: []uint64{1 << 20, 1 << 20}, Type: files.Type{Number: 4, Block: 1 << 40, Size: 32}}}}.Bytes()
		}, 1 << 37, "\"x\"", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := decode(tt.file())
			require.NoError(t, err)
			require.Equal(t, tt.want, h.Unexplained)
			require.Contains(t, strings.Join(h.Why, "; "), tt.why)
			require.Equal(t, tt.n, h.Unknown)
			if tt.n > 0 {
				for i := range h.Table.Len() {
					if x := h.Table.At(i); x.Name == "x" {
						require.Equal(t, pipeline.DTypeUnknown, x.DType)
						require.Len(t, x.Shape, 2)
					}
				}
			}
		})
	}
}

// at writes a number into a copy of a file, at the first place where mark ends.
func at(b []byte, mark string, skip int, n uint64, size int) []byte {
	i := bytes.Index(b, []byte(mark)) + len(mark) + skip
	b = bytes.Clone(b)
	if size == 4 {
		binary.LittleEndian.PutUint32(b[i:], uint32(n))
	} else {
		binary.LittleEndian.PutUint64(b[i:], n)
	}
	return b
}

func TestDecode_Malformed(t *testing.T) {
	t.Parallel()
	plain := files.File{Values: []files.Value{{Key: "text", Value: "word"}, {Key: "list", Value: []int32{1, 2}}, {Key: "words", Value: []string{"one"}}, {Key: "lists", Value: [][]int32{{1}}}},
		Tensors: []files.Tensor{tensor("tensor-a", "F32", 8, 2), tensor("tensor-b", "F32", 8, 2)}}.Bytes()
	one := func(t files.Tensor) []byte { return files.File{Tensors: []files.Tensor{t}}.Bytes() }
	aligned := func(n any) []byte {
		return files.File{Values: []files.Value{{Key: "general.alignment", Value: n}}, Tensors: []files.Tensor{tensor("a", "F32", 8)}}.Bytes()
	}
	const rank = 4 // bytes of the number of dimensions behind a name
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "cut"},
		{"another magic", []byte("GGML\x03\x00\x00\x00aaaaaaaaaaaaaaaa"), "begin with GGUF"},
		{"version 0", append([]byte("GGUF"), make([]byte, 20)...), "version 0"},
		{"cut before the counts", plain[:10], "cut"},
		{"cut within a value", files.File{Values: []files.Value{{Key: "text", Value: "words and words"}}}.Bytes()[:45], "cut"},
		{"cut within the tensors", plain[:bytes.Index(plain, []byte("tensor-b"))+10], "cut"},
		{"cut within the data", plain[:len(plain)-1], "the file is cut: tensor \"tensor-b\""},
		{"cut before the data", files.File{Tensors: []files.Tensor{tensor("empty", "F32", 0)}}.Header(), "before the data of its tensors begins"},
		{"2^60 tensors", at(plain, "GGUF", 4, 1<<60, 8), "1152921504606846976 tensors are stated"},
		{"2^60 values", at(plain, "GGUF", 12, 1<<60, 8), "1152921504606846976 values are stated"},
		{"more tensors than there are", at(plain, "GGUF", 4, 3, 8), ""},
		{"a key of 2^60 bytes", at(plain, "GGUF", 20, 1<<60, 8), "a key of 1152921504606846976 bytes"},
		{"a text of 2^60 bytes", at(plain, "text", 4, 1<<60, 8), "a value of 1152921504606846976 bytes"},
		{"a text of 2^64-1 bytes", at(plain, "text", 4, math.MaxUint64, 8), "a value of"},
		{"a list of 2^60 numbers", at(plain, "list", 8, 1<<60, 8), "a list of 1152921504606846976 items"},
		{"a list of 2^62 numbers, which wrap", at(plain, "list", 8, 1<<62, 8), "a list of"},
		{"a list of 2^60 texts", at(plain, "words", 8, 1<<60, 8), "a list of"},
		{"a text of 2^60 bytes in a list", at(plain, "words", 16, 1<<60, 8), "a value of"},
		{"2^60 lists in a list", at(plain, "lists", 8, 1<<60, 8), "a list of"},
		{"a value of an unknown type", at(plain, "text", 0, 13, 4), "the type 13"},
		{"a list of an unknown type", at(plain, "list", 4, 77, 4), "the type 77"},
		{"lists that go on", append(append(append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 8)...), "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00k"...),
			bytes.Repeat([]byte("\x09\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"), 20)...), ""},
		{"a key twice", files.File{Values: []files.Value{{Key: "k", Value: true}, {Key: "k", Value: true}}}.Bytes(), "the key \"k\" is listed twice"},
		{"an empty key", files.File{Values: []files.Value{{Key: "", Value: true}}}.Bytes(), "a key is empty"},
		{"a long key", files.File{Values: []files.Value{{Key: strings.Repeat("k", 1025), Value: true}}}.Bytes(), "at most 1024"},
		{"a key of broken text", files.File{Values: []files.Value{{Key: "\xff", Value: true}}}.Bytes(), "no valid text"},
		{"a tensor twice", files.File{Tensors: []files.Tensor{tensor("a", "F32", 8), tensor("b", "F32", 8), tensor("a", "F32", 8)}}.Bytes(), "tensor \"a\" is listed twice"},
		{"a tensor with NUL in its name", one(tensor("a\x00b", "F32", 8)), "NUL"},
		{"a tensor of broken text", one(tensor("\xc3", "F32", 8)), "no valid text"},
		{"a tensor with a long name", one(tensor(strings.Repeat("n", 4097), "F32", 8)), "at most 4096"},
		{"a tensor name of 2^60 bytes", at(plain, "lists", 32, 1<<60, 8), "a tensor's name of 1152921504606846976 bytes"},
		{"five dimensions", one(tensor("a", "F32", 1, 1, 1, 1, 1)), "5 dimensions"},
		{"2^32-1 dimensions", at(plain, "tensor-a", 0, math.MaxUint32, 4), "4294967295 dimensions"},
		{"a dimension of 2^63", at(plain, "tensor-a", rank, 1<<63, 8), "a dimension of 9223372036854775808"},
		{"dimensions that overflow", at(at(plain, "tensor-a", rank, 1<<40, 8), "tensor-a", rank+8, 1<<40, 8), "multiply to more than"},
		{"dimensions that overflow beside a zero", one(files.Tensor{Name: "a", Dims: []uint64{0, 1 << 40, 1 << 40}, Type: files.TypeOf("F32")}), "multiply to more than"},
		{"bytes that overflow", at(plain, "tensor-a", rank, 1<<61, 8), "more than 2^63-1 bytes"},
		{"a row that fills no block", one(files.Tensor{Name: "a", Dims: []uint64{128, 2}, Type: files.TypeOf("Q4_K")}), "blocks of 256"},
		{"a place that is not aligned", at(plain, "tensor-b", rank+16+4, 65, 8), "no multiple of 32"},
		{"a place behind the end", at(plain, "tensor-b", rank+16+4, 1<<40, 8), "behind the end of the file"},
		{"a place of 2^64-32", at(plain, "tensor-b", rank+16+4, math.MaxUint64-31, 8), "behind the end of the file"},
		{"two tensors in one place", at(plain, "tensor-b", rank+16+4, 0, 8), "shares 64 bytes"},
		{"tensors that overlap", at(plain, "tensor-b", rank+16+4, 32, 8), "shares 32 bytes"},
		{"an alignment of 0", aligned(uint32(0)), "power of two"},
		{"an alignment of 24", aligned(uint32(24)), "power of two"},
		{"an alignment of 2^31", aligned(uint32(1 << 31)), "at most 1048576"},
		{"an alignment in words", aligned("32"), "must be of type 4"},
		{"an alignment of another type", aligned(uint64(32)), "must be of type 4"},
		{"an alignment as a list", aligned([]int32{32}), "must be of type 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(tt.file)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// A header that goes on without end is given up at its limit, whatever the file's size.
func TestDecode_EndlessHeader(t *testing.T) {
	t.Parallel()
	start := append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 8)...)
	start = append(start, "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00k\x08\x00\x00\x00"...)
	start = binary.LittleEndian.AppendUint64(start, 1<<40)
	_, err := gguf.Decode(io.MultiReader(bytes.NewReader(start), zeros{}), 1<<41, io.Discard)
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	for _, n := range []struct {
		at   int
		want string
	}{{8, "tensors; at most"}, {16, "values; at most"}} {
		b := append([]byte("GGUF\x03\x00\x00\x00"), make([]byte, 16)...)
		binary.LittleEndian.PutUint64(b[n.at:], 1<<30)
		_, err := gguf.Decode(io.MultiReader(bytes.NewReader(b), zeros{}), 1<<41, io.Discard)
		require.ErrorIs(t, err, pipeline.ErrOverLimit)
		require.ErrorContains(t, err, n.want)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Weights that are hidden among the values, or between the tensors, are counted.
func TestDecode_ValuesAndPaddingAreNoPlaceToHide(t *testing.T) {
	t.Parallel()
	h, err := decode(files.File{Values: []files.Value{{Key: "k", Value: make([]uint8, 70<<20)}}}.Bytes())
	require.NoError(t, err)
	require.InDelta(t, 6<<20, h.Unexplained, 100)

	f := files.File{Alignment: 1 << 20, Values: []files.Value{{Key: "general.alignment", Value: uint32(1 << 20)}}}
	for _, name := range []string{"a", "b", "c"} {
		f.Tensors = append(f.Tensors, tensor(name, "F32", 1))
	}
	h, err = decode(f.Bytes())
	require.NoError(t, err)
	require.Greater(t, h.Unexplained, int64(3<<20))
	require.Contains(t, h.Why[0], "to align them")
}

func TestTypeOf_Unknown(t *testing.T) {
	t.Parallel()
	for _, n := range []uint32{4, 5, 43, 1000, math.MaxUint32} {
		_, ok := gguf.TypeOf(n)
		require.False(t, ok)
	}
}
