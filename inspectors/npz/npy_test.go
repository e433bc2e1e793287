package npz_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/npz"
	"weighbridge/pipeline"
)

// header writes the header of an array the way numpy does: padded to 64 bytes.
func header(major byte, dictionary string) []byte {
	b := append([]byte("\x93NUMPY"), major, 0)
	counted := 2
	if major > 1 {
		counted = 4
	}
	for (len(b)+counted+len(dictionary)+1)%64 != 0 {
		dictionary += " "
	}
	dictionary += "\n"
	if major == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dictionary)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(dictionary)))
	}
	return append(b, dictionary...)
}

func describe(descr, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': %s, }", descr, shape)
}

// array writes a whole array of zeros.
func array(descr, shape string, size int) []byte {
	return append(header(1, describe(descr, shape)), make([]byte, size)...)
}

func TestDecodeArray(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, dictionary string
		dtype            pipeline.DType
		item             uint64
		shape            []uint64
		fortran          bool
	}{
		{"float32", describe("'<f4'", "(3, 5)"), pipeline.F32, 4, []uint64{3, 5}, false},
		{"big-endian", describe("'>f8'", "(3,)"), pipeline.F64, 8, []uint64{3}, false},
		{"float16", describe("'=f2'", "(3,)"), pipeline.F16, 2, []uint64{3}, false},
		{"bool", describe("'|b1'", "(3,)"), pipeline.BOOL, 1, []uint64{3}, false},
		{"uint8", describe("'|u1'", "(2, 0)"), pipeline.U8, 1, []uint64{2, 0}, false},
		{"complex", describe("'<c8'", "(2,)"), pipeline.C64, 8, []uint64{2}, false},
		{"wide complex", describe("'<c16'", "(2,)"), pipeline.DTypeUnknown, 16, []uint64{2}, false},
		{"bfloat16 of ml_dtypes", describe("'|V2'", "(2,)"), pipeline.DTypeUnknown, 2, []uint64{2}, false},
		{"text", describe("'<U10'", "(2,)"), pipeline.DTypeUnknown, 40, []uint64{2}, false},
		{"dates", describe("'<M8[ns]'", "(2,)"), pipeline.DTypeUnknown, 0, []uint64{2}, false},
		{"structure", describe("[('a', '<f4'), ('b', '<i4', (2, 2))]", "(2,)"), pipeline.DTypeUnknown, 0, []uint64{2}, false},
		{"scalar", describe("'<f4'", "()"), pipeline.F32, 4, nil, false},
		{"Python 2", "{'descr': '<f4', 'fortran_order': True, 'shape': (3L, 5L)}", pipeline.F32, 4, []uint64{3, 5}, true},
		{"double quotes, another order", `{"shape":(7,),"fortran_order":True,"descr":"<f4"}`, pipeline.F32, 4, []uint64{7}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, major := range []byte{1, 2, 3} {
				h := header(major, tt.dictionary)
				n, err := npz.HeaderLength(h[:12], 1<<20)
				require.NoError(t, err)
				require.Equal(t, int64(len(h)), n)
				a, err := npz.DecodeArray(h, 1<<20)
				require.NoError(t, err)
				require.Equal(t, tt.dtype, a.DType)
				require.Equal(t, tt.item, a.Item)
				require.Equal(t, tt.shape, a.Shape)
				require.Equal(t, tt.fortran, a.Fortran)
			}
		})
	}
}

func TestDecodeArray_Malformed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, dictionary, want string }{
		{"objects", describe("'|O'", "(3,)"), "pickle inside"},
		{"objects in a structure", describe("[('O', '<f4'), ('b', [('c', '|O')])]", "(3,)"), "pickle inside"},
		{"objects behind a title", describe("[(('a', 'b'), 'O8')]", "(3,)"), "pickle inside"},
		{"no type", "{'fortran_order': False, 'shape': (3,)}", "must state"},
		{"no shape", "{'fortran_order': False, 'descr': '<f4'}", "must state"},
		{"something else", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", "must state"},
		{"a shape twice", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'shape': (4,)}", "stands twice"},
		{"a shape in brackets", describe("'<f4'", "[3]"), "must state"},
		{"a shape that is a number", describe("'<f4'", "(3)"), "must state"},
		{"a text as dimension", describe("'<f4'", "('3',)"), "no whole number"},
		{"a negative dimension", describe("'<f4'", "(-3,)"), "a value is expected"},
		{"a broken dimension", describe("'<f4'", "(3.0,)"), "not whole"},
		{"a dimension in hexadecimal", describe("'<f4'", "(0x3,)"), "not whole"},
		{"a dimension of 2^63", describe("'<f4'", "(9223372036854775808,)"), "larger than 2^63-1"},
		{"dimensions that overflow", describe("'<f4'", "(4611686018427387904, 4)"), "multiply"},
		{"bytes that overflow", describe("'<f8'", "(4611686018427387904,)"), "more than 2^63-1 bytes"},
		{"65 dimensions", describe("'<f4'", "("+strings.Repeat("1, ", 65)+")"), "at most 64"},
		{"an order in words", "{'descr': '<f4', 'fortran_order': 'False', 'shape': (3,)}", "must state"},
		{"a call", describe("'<f4'", "(__import__('os').system('true'),)"), "a value is expected"},
		{"an escape", describe(`'<\x664'`, "(3,)"), "an escape"},
		{"an open text", "{'descr", "does not end"},
		{"an open dictionary", "{'descr': '<f4'", "a comma is expected"},
		{"no comma", "{'descr': '<f4' 'shape': (3,)}", "a comma is expected"},
		{"no colon", "{'descr' '<f4'}", "a colon is expected"},
		{"more behind", describe("'<f4'", "(3,)") + "{}", "more follows"},
		{"deep", describe(strings.Repeat("(", 1000), "(3,)"), "deep"},
		{"no dictionary", "None", "a brace is expected"},
		{"no type of numpy's", describe("'<<f4'", "(3,)"), "not one of numpy's"},
		{"an empty type", describe("''", "(3,)"), "not one of numpy's"},
		{"NUL", describe("'<f4\x00'", "(3,)"), "no valid text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := npz.DecodeArray(header(1, tt.dictionary), 1<<20)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestHeaderLength_Malformed(t *testing.T) {
	t.Parallel()
	for want, head := range map[string]string{
		"does not begin":          "\x93NUMPX\x01\x00\x00\x00\x00\x00",
		"begin like an .npy":      "\x93NUM",
		"version 4.0":             "\x93NUMPY\x04\x00\x00\x00\x00\x00",
		"version 1.1":             "\x93NUMPY\x01\x01\x00\x00\x00\x00",
		"at most 65536 are":       "\x93NUMPY\x02\x00\xff\xff\xff\xff",
		"and the file has 100":    "\x93NUMPY\x01\x00\xf6\x00\x00\x00",
		"states 101 bytes and th": "\x93NUMPY\x01\x00\x5b\x00\x00\x00",
	} {
		_, err := npz.HeaderLength([]byte(head), 100)
		require.ErrorIs(t, err, pipeline.ErrMalformed)
		require.ErrorContains(t, err, want)
	}
}

// FuzzDecodeArray: whatever the bytes are, the answer is an array whose size is known to
// fit, or an error with a reason.
func FuzzDecodeArray(f *testing.F) {
	for _, d := range []string{describe("'<f4'", "(3, 5)"), describe("[('a', '<f4'), ('b', '<i4', (2, 2))]", "(2L,)"), describe("'|O'", "()"), `{"shape":(7,),"fortran_order":True,"descr":"<U7"}`} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d string) {
		if len(d) > 60_000 {
			return
		}
		a, err := npz.DecodeArray(header(2, d), 1<<20)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			return
		}
		n, ok := pipeline.Product(a.Shape)
		require.True(t, ok)
		require.True(t, n == 0 || a.Item <= (1<<63-1)/n)
		require.NotContains(t, a.Descr, "O")
	})
}
