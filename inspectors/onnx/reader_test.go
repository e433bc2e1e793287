package onnx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/onnx"
	"weighbridge/pipeline"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// The files that ONNX's own library wrote; testdata/README.md says what is in each.
func TestRead_ONNXsOwnFiles(t *testing.T) {
	t.Parallel()
	var types []string
	for name, dtype := range map[string]string{
		"FLOAT": "F32", "UINT8": "U8", "INT8": "I8", "UINT16": "U16", "INT16": "I16", "INT32": "I32", "INT64": "I64", "BOOL": "BOOL", "FLOAT16": "F16",
		"DOUBLE": "F64", "UINT32": "U32", "UINT64": "U64", "COMPLEX64": "C64", "COMPLEX128": "F64", "BFLOAT16": "BF16", "FLOAT8E4M3FN": "F8_E4M3",
		"FLOAT8E4M3FNUZ": "F8_E4M3FNUZ", "FLOAT8E5M2": "F8_E5M2", "FLOAT8E5M2FNUZ": "F8_E5M2FNUZ", "FLOAT8E8M0": "F8_E8M0",
		"UINT4": "I4", "INT4": "I4", "FLOAT4E2M1": "F4", "UINT2": "I2", "INT2": "I2", "FLOAT6E2M3": "F6_E2M3", "FLOAT6E3M2": "F6_E3M2",
	} {
		shape := "[3 7]"
		if name == "COMPLEX128" {
			shape = "[3 7 2]"
		}
		types = append(types, "raw."+name+" "+dtype+" "+shape, "typed."+name+" "+dtype+" "+shape)
	}
	tests := []struct {
		file string
		want []string
	}{
		{"types.onnx", types},
		{"graphs.onnx", []string{
			"w F32 [3 4]", "c.value.cv F32 [6 7]", "cf.value_floats.floats F32 [33]", "z.then_branch.tw F32 [10 10]", "z.else_branch.ew F32 [10 11]",
			"sp F32 [20]", "sp.indices I64 [20]", "function.Fn.k.value F32 [5 5]"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			data := file(t, tt.file)
			for _, name := range []string{tt.file, "notes"} {
				for _, head := range []int{512, len(data)} {
					out := read(t, name, data, head, nil)
					require.True(t, out.claimed)
					require.NoError(t, out.err)
					require.Equal(t, pipeline.ReadResult{Format: onnx.Format, Role: pipeline.RoleWeights, Explained: true}, out.result)
					require.ElementsMatch(t, tt.want, out.listing())
					require.Equal(t, "test", *out.facts.ONNX.Producer)
					require.Zero(t, *out.facts.ONNX.TypesUnknown)
					require.True(t, out.file.kept.closed)
				}
			}
		})
	}
}

func TestRead_External(t *testing.T) {
	t.Parallel()
	data := file(t, "external.onnx")
	want := []string{"a F32 [30 40]", "b F32 [500]", "h F16 [9 9]"}
	out := read(t, "sub/external.onnx", data, 512, map[string]int{"sub/external.data": 6962, "external.data": 6962})
	require.NoError(t, out.err)
	require.Equal(t, want, out.listing())
	require.Equal(t, "sub/external.data", out.tables[0].Object)
	require.Equal(t, uint64(4800), out.tables[0].At(1).Offset)
	require.Equal(t, map[string]pipeline.ReadResult{"sub/external.data": {Format: onnx.FormatData, Role: pipeline.RoleWeights, Explained: true}}, out.beside)
	require.Equal(t, int64(3), *out.facts.ONNX.External)

	// What nothing refers to stays unexplained.
	out = read(t, "external.onnx", data, 512, map[string]int{"external.data": 10_000})
	require.Equal(t, int64(10_000-6962), out.beside["external.data"].Unexplained)

	// Without its data the model is not whole; what it declares is counted.
	out = read(t, "external.onnx", data, 512, nil)
	require.NoError(t, out.err)
	require.Equal(t, want, out.listing())
	require.Equal(t, int64(1), *out.facts.ONNX.ExternalMissing)
	require.Equal(t, []string{"external.data"}, out.facts.ONNX.ExternalMissingNames)

	out = read(t, "external.onnx", data, 512, map[string]int{"external.data": 6961})
	require.ErrorIs(t, out.err, pipeline.ErrMalformed)
	require.ErrorContains(t, out.err, "which has 6961")
}

func TestRead_ExternalOverlaps(t *testing.T) {
	t.Parallel()
	at := func(name string, typ, n uint64, offset, length int64) *message {
		return tensor(name, typ, n).at("w.data", offset, length)
	}
	tests := []struct {
		name        string
		tensors     []*message
		want        []string
		unexplained int64
	}{
		{"side by side", []*message{at("a", 1, 10, 0, 40), at("b", 1, 15, 40, 60)}, []string{"a F32 [10]", "b F32 [15]"}, 0},
		{"the same bytes", []*message{at("a", 1, 25, 0, 100), at("b", 1, 25, 0, -1)}, []string{"a F32 [25]"}, 0},
		{"the same bytes as another type", []*message{at("a", 1, 25, 0, 100), at("b", 16, 50, 0, 100)}, []string{"a F32 [25]"}, 100},
		{"in part", []*message{at("a", 1, 20, 0, 80), at("b", 1, 20, 20, 80)}, []string{"a F32 [20]"}, 100},
		{"a gap", []*message{at("a", 1, 10, 0, 40), at("b", 1, 10, 60, 40)}, []string{"a F32 [10]", "b F32 [10]"}, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := read(t, "m.onnx", model(graph(tt.tensors...)), 512, map[string]int{"w.data": 100})
			require.NoError(t, out.err)
			require.Equal(t, tt.want, out.listing())
			require.Equal(t, tt.unexplained, out.beside["w.data"].Unexplained)
		})
	}
}

func TestRead_Locations(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"", "../w.data", "a/../../w.data", "/w.data", "https://example.com/w.data", "s3://b/w.data", `a\w.data`, "C:w.data", ".", "a\x00b",
		"*/_ORT_MEM_ADDR_/*"} {
		m := model(graph(tensor("a", 1, 10).at(location, 0, 40)))
		out := read(t, "m.onnx", m, 512, map[string]int{"w.data": 100, "a/w.data": 100})
		require.ErrorIs(t, out.err, pipeline.ErrMalformed, location)
		require.ErrorContains(t, out.err, "no file in the model's folder", location)
		require.Empty(t, out.beside)
	}
	out := read(t, "x/m.onnx", model(graph(tensor("a", 1, 10).at("./a/w.data", 0, 40))), 512, map[string]int{"x/a/w.data": 40})
	require.NoError(t, out.err)
	require.Len(t, out.beside, 1)
}

// A matrix in nibbles, its scales and zero points stand together by name.
func TestRead_MatMulNBits(t *testing.T) {
	t.Parallel()
	node := func(attributes ...*message) *message {
		n := msg()
		for _, in := range []string{"x", "w_q4", "w_scales", "w_zp"} {
			n.text(1, in)
		}
		n.text(2, "y").text(4, "MatMulNBits").text(7, "com.microsoft")
		for _, a := range attributes {
			n.sub(5, a)
		}
		return n
	}
	for bits, leaf := range map[uint64]string{0: "nbits4", 4: "nbits4", 8: "nbits8", 2: "nbits2"} {
		n := node()
		if bits > 0 {
			n = node(msg().text(1, "K").num(3, 64).num(20, 2), msg().text(1, "bits").num(3, bits).num(20, 2))
		}
		g := msg().sub(1, n).sub(5, tensor("w_q4", 2, 8, 2, 16).raw(9, zeros(256))).sub(5, tensor("w_scales", 10, 16).raw(9, zeros(32))).
			sub(5, tensor("w_zp", 2, 32).raw(9, zeros(32)))
		out := read(t, "m.onnx", model(g), 512, nil)
		require.NoError(t, out.err)
		require.Equal(t, []string{"w_q4." + leaf + " U8 [8 2 16]", "w_q4.nbits_scales F16 [16]", "w_q4.nbits_zero_points U8 [32]"}, out.listing())
	}
}

// Large data are left out, by a range for each tensor; a model of small ones is read in
// few.
func TestRead_LeavesDataOut(t *testing.T) {
	t.Parallel()
	var large, little []*message
	for i := range 20 {
		name := strings.Repeat("n", i+1)
		large = append(large, tensor(name, 1, 1<<18).raw(9, zeros(1<<20)))
		little = append(little, tensor(name, 1, 1<<8).raw(9, zeros(1<<10)))
	}
	out := read(t, "m.onnx", model(graph(large...)), 512, nil)
	require.NoError(t, out.err)
	require.Len(t, out.listing(), 20)
	require.LessOrEqual(t, out.file.ranges, 21)
	require.Less(t, out.file.read, int64(1<<20))
	require.Less(t, out.file.kept.Len(), 2000)

	out = read(t, "m.onnx", model(graph(little...)), 512, nil)
	require.NoError(t, out.err)
	require.LessOrEqual(t, out.file.ranges, 2)
}

func TestRead_Unexplained(t *testing.T) {
	t.Parallel()
	sound := tensor("w", 1, 10).raw(9, zeros(40))
	var many []*message
	for i := range 600 { // integers by which a graph counts are few and small
		many = append(many, tensor(strings.Repeat("i", i+1), 7, 16).raw(9, zeros(128)))
	}
	long := []byte{}
	for range 2_000_000 {
		long = append(long, 0x81, 0x01)
	}
	tests := []struct {
		name        string
		model       []byte
		unexplained int64
		tensors     int
	}{
		{"a type that is not known", model(graph(sound, tensor("x", 99, 10).raw(9, zeros(5000)))), 5000, 1},
		{"a field that is not known", msg().num(1, 8).sub(7, graph(sound)).raw(99, zeros(5000)).b, 5000, 1},
		{"a field of the graph that is not known", model(graph(sound).raw(77, zeros(5000))), 5000, 1},
		{"a long text", msg().num(1, 8).sub(7, graph(sound)).raw(6, zeros(70_000)).b, 70_000, 1},
		{"texts as a tensor", model(graph(sound, tensor("s", 8, 1).raw(6, zeros(70_000)))), 70_000, 1},
		{"short texts as a tensor", model(graph(sound, tensor("s", 8, 1).text(6, "hello"))), 0, 1},
		{"many small integers", model(graph(many...)), 0, 600 - 512},
		{"a node's bytes", model(graph(sound).sub(1, msg().sub(5, msg().text(1, "blob").raw(4, zeros(100_000))))), 100_000, 1},
		{"a node's integers", model(graph(sound).sub(1, msg().sub(5, msg().text(1, "ints").raw(8, zeros(100_000))))), 100_000, 1},
		{"numbers of varying length", model(graph(sound, tensor("f16", 10, 2_000_000).raw(5, long))), 2_000_000, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := read(t, "m.onnx", tt.model, 512, nil)
			require.NoError(t, out.err)
			require.Equal(t, tt.unexplained, out.result.Unexplained)
			require.Len(t, out.listing(), tt.tensors)
		})
	}
}

func TestRead_Hostile(t *testing.T) {
	t.Parallel()
	nested := tensor("deep", 1, 1).raw(9, zeros(4))
	g := graph(nested)
	for range onnx.MaxDepth + 2 {
		g = msg().sub(1, msg().sub(5, msg().text(1, "body").sub(6, g)))
	}
	tests := []struct {
		name  string
		model []byte
		want  error
		says  string
	}{
		{"empty", nil, pipeline.ErrMalformed, "0 graphs"},
		{"no graph", msg().num(1, 8).b, pipeline.ErrMalformed, "0 graphs"},
		{"two graphs", msg().num(1, 8).sub(7, graph()).sub(7, graph()).b, pipeline.ErrMalformed, "2 graphs"},
		{"cut in a tensor", func() []byte {
			b := model(graph(tensor("w", 1, 10).raw(9, zeros(40))))
			return b[:len(b)-10]
		}(), pipeline.ErrMalformed, "states"},
		{"a length of 2^60", append(msg().num(1, 8).tag(7, 2).b, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10), pipeline.ErrMalformed, "are left"},
		{"a length of 2^64-1", append(msg().num(1, 8).tag(7, 2).b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), pipeline.ErrMalformed, "are left"},
		{"a number of eleven bytes", append(msg().tag(1, 0).b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), pipeline.ErrMalformed, "64 bits"},
		{"a group", msg().num(1, 8).tag(9, 3).b, pipeline.ErrMalformed, "wire type 3"},
		{"field zero", msg().num(1, 8).tag(0, 0).b, pipeline.ErrMalformed, "no field 0"},
		{"a negative dimension", model(graph(tensor("w", 1, 1<<64-1).raw(9, zeros(4)))), pipeline.ErrMalformed, "dimension -1"},
		{"2^66 elements", model(graph(tensor("w", 1, 1<<33, 1<<33).raw(9, zeros(4)))), pipeline.ErrMalformed, "2^63 elements"},
		{"2^63 bits", model(graph(tensor("w", 1, 1<<60).raw(9, zeros(4)))), pipeline.ErrMalformed, "2^63 bits"},
		{"too many dimensions", model(graph(tensor("w", 1, make([]uint64, 65)...))), pipeline.ErrOverLimit, "dimensions"},
		{"fewer bytes than the shape", model(graph(tensor("w", 1, 10).raw(9, zeros(36)))), pipeline.ErrMalformed, "call for 40"},
		{"more bytes than the shape", model(graph(tensor("w", 1, 10).raw(9, zeros(44)))), pipeline.ErrMalformed, "call for 40"},
		{"no data", model(graph(tensor("w", 1, 10))), pipeline.ErrMalformed, "no data"},
		{"data twice", model(graph(tensor("w", 1, 10).raw(9, zeros(40)).raw(4, zeros(40)))), pipeline.ErrMalformed, "twice"},
		{"raw data twice", model(graph(tensor("w", 1, 10).raw(9, zeros(40)).raw(9, zeros(40)))), pipeline.ErrMalformed, "twice"},
		{"data in another field", model(graph(tensor("w", 1, 10).raw(10, zeros(80)))), pipeline.ErrMalformed, "another type"},
		{"too few numbers", model(graph(tensor("w", 10, 10).raw(5, zeros(9)))), pipeline.ErrMalformed, "9 numbers"},
		{"half a float", model(graph(tensor("w", 1, 1).raw(4, zeros(5)))), pipeline.ErrMalformed, "another form"},
		{"data here and elsewhere", model(graph(tensor("w", 1, 10).raw(9, zeros(40)).at("x", 0, 40))), pipeline.ErrMalformed, "elsewhere"},
		{"a length elsewhere that lies", model(graph(tensor("w", 1, 10).at("x", 0, 39))), pipeline.ErrMalformed, "refers to 39"},
		{"a negative offset", model(graph(tensor("w", 1, 10).at("x", 0, 40).sub(13, msg().text(1, "offset").text(2, "-1")))), pipeline.ErrMalformed, "offset"},
		{"two locations", model(graph(tensor("w", 1, 10).at("x", 0, 40).sub(13, msg().text(1, "location").text(2, "y")))), pipeline.ErrMalformed, "twice"},
		{"the same name twice", model(graph(tensor("w", 1, 1).raw(9, zeros(4)), tensor("w", 1, 1).raw(9, zeros(4)))), pipeline.ErrMalformed, "twice"},
		{"graphs within graphs", model(g), pipeline.ErrOverLimit, "deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := read(t, "m.onnx", tt.model, 512, nil)
			require.True(t, out.claimed)
			require.ErrorIs(t, out.err, tt.want)
			require.ErrorContains(t, out.err, tt.says)
			require.False(t, out.result.Explained)
			require.Empty(t, out.tables)
		})
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	sound := model(graph(tensor("w", 1, 10).raw(9, zeros(40))))
	for name, tt := range map[string]struct {
		data []byte
		want bool
	}{
		"a model":                   {sound, true},
		"nothing":                   {nil, false},
		"text":                      {[]byte("hello, world"), false},
		"a SavedModel":              {msg().num(1, 1).raw(2, []byte("\x0a\xff\xfe")).b, false},
		"a graph that does not fit": {append(msg().num(1, 8).tag(7, 2).b, 0xff, 0xff, 0x03, 0x0a), false},
		"no version":                {msg().num(5, 8).sub(7, graph()).b, false},
		"a version of the future":   {msg().num(1, 99_999).sub(7, graph()).b, false},
		"another message":           {msg().num(1, 8).num(9, 3).sub(7, graph()).b, false},
	} {
		require.Equal(t, tt.want, read(t, "object", tt.data, 512, nil).claimed, name)
	}
}
