package pytorch_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/pytorch"
	"weighbridge/pipeline"
)

func interpret(b []byte) (*pytorch.Pickle, error) {
	return pytorch.Interpret(bytes.NewReader(b), pytorch.MaxPickle)
}

// short writes a text of protocol 4.
func (p *program) short(s string) *program { return p.op(0x8c, byte(len(s))).op([]byte(s)...) }

func TestInterpret_NamesImports(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		b    []byte
		want []string
	}{
		{"a call", proto(2).global("os", "system").op('(').text("id").op('t', 'R').stop(), []string{"os.system"}},
		{"a name that is not called", proto(2).global("posix", "system").stop(), []string{"posix.system"}},
		{"by the stack", proto(4).short("builtins").short("eval").op(0x93).stop(), []string{"builtins.eval"}},
		{"by remembered words", proto(4).short("os").op(0x94).short("system").op(0x94, '0', '0', 'h', 0, 'h', 1, 0x93).stop(), []string{"os.system"}},
		{"a known module and a path out of it", proto(4).short("torch").short("serialization.os.system").op(0x93).stop(), []string{"torch.serialization.os.system"}},
		{"a name that is computed", proto(4).short("os").global("collections", "OrderedDict").op(')', 'R', 0x93).stop(), []string{"(a name.that is computed)"}},
		{"an object of old", []byte("(S'id'\nios\nsystem\n."), []string{"os.system"}},
		{"an object by its class", proto(2).op('(').global("subprocess", "Popen").op('o').stop(), []string{"subprocess.Popen"}},
		{"all in letters", []byte("cos\nsystem\n(S'id'\ntR."), []string{"os.system"}},
		{"a new object", proto(2).global("my.code", "Thing").op(')', 0x81, '}', 'b').stop(), []string{"my.code.Thing"}},
		{"with named arguments", proto(4).short("my").short("Thing").op(0x93, ')', '}', 0x92).stop(), []string{"my.Thing"}},
		{"named once", proto(2).global("a", "b").op('0').global("a", "b").op('0').global("a", "c").stop(), []string{"a.b", "a.c"}},
		{"of the list", proto(2).global("torch", "float8_e4m3fn").op('0').global("torch", "BFloat16Storage").op('0').global("torch", "Size").stop(), nil},
		{"no text", proto(2).global("a\xff", "b").stop(), []string{"a\ufffd.b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := interpret(tt.b)
			require.NoError(t, err)
			require.Equal(t, tt.want, p.Imports)
			require.Equal(t, int64(len(tt.want)), p.Foreign)
			require.Equal(t, int64(len(tt.b)), p.Bytes)
		})
	}
}

// What was imported before something broke is named all the same.
func TestInterpret_NamesImportsBeforeTheBreak(t *testing.T) {
	t.Parallel()
	p, err := interpret(proto(2).global("os", "system").op('R', 'R', 'R').stop())
	require.ErrorIs(t, err, pipeline.ErrMalformed)
	require.Equal(t, []string{"os.system"}, p.Imports)
}

func TestInterpret_Hostile(t *testing.T) {
	t.Parallel()
	le32 := func(op byte, n uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{op}, n) }
	le64 := func(op byte, n uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{op}, n) }
	tensor := func(v view) []byte { return proto(2).tensor(v).stop() }
	tests := []struct {
		name string
		b    []byte
		want error
		says string
	}{
		{"nothing", nil, pipeline.ErrMalformed, "ends after 0 bytes"},
		{"no end", proto(2).op('N').b, pipeline.ErrMalformed, "ends after 3 bytes"},
		{"nothing on the stack", proto(2).stop(), pipeline.ErrMalformed, "empty stack"},
		{"two values at the end", proto(2).op('N', 'N').stop(), pipeline.ErrMalformed, "left on the stack"},
		{"a mark at the end", proto(2).op('(', 'N').stop(), pipeline.ErrMalformed, "left on the stack"},
		{"no mark", proto(2).op('t').stop(), pipeline.ErrMalformed, "no mark"},
		{"below the mark", proto(2).op('N', '(', 'R').stop(), pipeline.ErrMalformed, "empty stack"},
		{"an extension", proto(2).op(0x82, 1).stop(), pipeline.ErrOverLimit, "beyond the fixed machine"},
		{"a buffer outside", proto(5).op(0x97).stop(), pipeline.ErrOverLimit, "beyond the fixed machine"},
		{"no instruction", proto(2).op(0xff).stop(), pipeline.ErrOverLimit, "beyond the fixed machine"},
		{"protocol 9", proto(9).op('N').stop(), pipeline.ErrOverLimit, "protocol 9"},
		{"a text of 2^60 bytes", proto(4).op(le64(0x8d, 1<<60)...).stop(), pipeline.ErrOverLimit, "states a text"},
		{"bytes of 2^64-1", proto(4).op(le64(0x8e, 1<<64-1)...).stop(), pipeline.ErrOverLimit, "states a text"},
		{"a text of 4 GB", proto(2).op(le32('X', 1<<32-1)...).stop(), pipeline.ErrOverLimit, "states a text"},
		{"a text that is cut", proto(2).op(le32('X', 100)...).stop(), pipeline.ErrMalformed, "ends after"},
		{"a long text that is cut", proto(2).op(le32('X', 1<<20)...).op(make([]byte, 1<<19)...).b, pipeline.ErrMalformed, "ends after"},
		{"a frame of 2^60 bytes", proto(4).op(le64(0x95, 1<<60)...).stop(), pipeline.ErrOverLimit, "frame"},
		{"a number of negative length", proto(2).op(le32(0x8b, 1<<31)...).stop(), pipeline.ErrMalformed, "negative length"},
		{"a number in letters", []byte("Ihello\n."), pipeline.ErrMalformed, "no whole number"},
		{"a line without end", append([]byte("S"), bytes.Repeat([]byte("x"), 70_000)...), pipeline.ErrOverLimit, "line of more"},
		{"marks within marks", append(proto(2).b, bytes.Repeat([]byte{'('}, pytorch.MaxStack+1)...), pipeline.ErrOverLimit, "marks"},
		{"a high stack", append(proto(2).b, bytes.Repeat([]byte{'N'}, pytorch.MaxStack+1)...), pipeline.ErrOverLimit, "on its stack"},
		{"never remembered", proto(2).op('h', 7).stop(), pipeline.ErrMalformed, "never remembered"},
		{"never remembered, in letters", []byte("g99999999999999999999\n."), pipeline.ErrMalformed, "no number"},
		{"a value in a number", proto(2).op('K', 1, 'K', 2, 'a').stop(), pipeline.ErrMalformed, "no list"},
		{"an entry in a list", proto(2).op(']', 'N', 'N', 's').stop(), pipeline.ErrMalformed, "no dictionary"},
		{"a key without a value", proto(2).op('}', '(', 'N', 'u').stop(), pipeline.ErrMalformed, "no value"},
		{"a state on a number", proto(2).op('K', 1, 'N', 'b').stop(), pipeline.ErrMalformed, "state"},
		{"a tuple of too few", proto(2).op('N', 0x87).stop(), pipeline.ErrMalformed, "more values than there are"},
		{"a storage of negative length", tensor(view{"w", "FloatStorage", "0", -1, 0, nil, nil}), pipeline.ErrMalformed, "number of elements"},
		{"a storage of 2^63 bytes", tensor(view{"w", "FloatStorage", "0", 1 << 61, 0, nil, nil}), pipeline.ErrMalformed, "2^63 bytes"},
		{"a storage without a key", tensor(view{"w", "FloatStorage", "", 1, 0, nil, nil}), pipeline.ErrMalformed, "key"},
		{"a storage described twice", proto(2).op('(').storage("FloatStorage", "0", 8).storage("HalfStorage", "0", 16).op('t').stop(), pipeline.ErrMalformed, "differently"},
		{"a negative size", tensor(view{"w", "FloatStorage", "0", 1, 0, []int64{-1}, []int64{1}}), pipeline.ErrMalformed, "size"},
		{"a negative stride", tensor(view{"w", "FloatStorage", "0", 1, 0, []int64{1}, []int64{-1}}), pipeline.ErrMalformed, "stride"},
		{"a negative offset", tensor(view{"w", "FloatStorage", "0", 1, -1, []int64{1}, []int64{1}}), pipeline.ErrMalformed, "offset"},
		{"sizes without strides", tensor(view{"w", "FloatStorage", "0", 1, 0, []int64{1, 1}, []int64{1}}), pipeline.ErrMalformed, "2 dimensions"},
		{"too many dimensions", tensor(view{"w", "FloatStorage", "0", 1, 0, make([]int64, 65), make([]int64, 65)}), pipeline.ErrMalformed, "size"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := interpret(tt.b)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

// A memo bomb: each list holds the one before it a hundred times. The values are shared,
// so nothing grows, and the walk sees each once.
func TestRead_MemoBomb(t *testing.T) {
	t.Parallel()
	p := proto(2).op('}').text("w").tensor(view{name: "w", typ: "FloatStorage", key: "0", numel: 32, shape: []int64{8, 4}}).op('s')
	p.text("bomb").op(']', 'q', 0)
	for i := byte(0); i < 100; i++ {
		p.op(']', '(')
		for range 100 {
			p.op('h', i)
		}
		p.op('e', 'q', i+1)
	}
	// The last list is the value; those before it are taken off the stack.
	p.op('q', 200, '0')
	for range 100 {
		p.op('0')
	}
	file := archive(false, "", member("m/data.pkl", p.op('h', 200, 's').stop()), member("m/data/0", zeros(128)))
	out := read(t, "m.pt", file.bytes(), 512)
	require.NoError(t, out.err)
	require.Equal(t, []string{"w F32 [8 4]"}, listing(out.table))

	// Copies, where a call makes some, are counted.
	p = proto(2).op(']', '(')
	for range 1000 {
		p.op('N')
	}
	p.op('e', 'q', 0, '0')
	for range 20_000 {
		p.global("builtins", "set").op('h', 0, 0x85, 'R', '0')
	}
	_, err := interpret(p.op('N').stop())
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
}

func TestRead_DeepAndLoops(t *testing.T) {
	t.Parallel()
	deep := func(open ...byte) []byte {
		p := proto(2)
		for range 500 {
			p.op(open...)
		}
		for range 499 {
			p.op('a')
		}
		return p.stop()
	}
	out := read(t, "m.pt", archive(false, "", member("m/data.pkl", deep(']'))).bytes(), 512)
	require.ErrorIs(t, out.err, pipeline.ErrOverLimit)
	require.ErrorContains(t, out.err, "nested deeper")

	// A list that holds itself.
	out = read(t, "m.pt", archive(false, "", member("m/data.pkl", proto(2).op(']', 'q', 0, 'h', 0, 'a').stop())).bytes(), 512)
	require.NoError(t, out.err)
	require.Zero(t, out.table.Len())
}

// What an unknown call is given is counted, and not trusted.
func TestRead_UnknownCall(t *testing.T) {
	t.Parallel()
	exact := view{name: "exact", typ: "HalfStorage", key: "0", numel: 64, shape: []int64{64}}
	given := view{name: "given", typ: "ByteStorage", key: "1", numel: 100, shape: []int64{100}}
	p := proto(2).op('}').text("exact").tensor(exact).op('s')
	p.text("evil").global("evil.code", "unpack").op('(').tensor(given).op('t', 'R', 's')
	file := archive(false, "", member("m/data.pkl", p.stop()), member("m/data/0", zeros(128)), member("m/data/1", zeros(100)), member("m/data/2", zeros(50)))
	out := read(t, "m.pt", file.bytes(), 512)
	require.NoError(t, out.err)
	require.Equal(t, []string{"exact F16 [64]", "evil.0 U8 [100]"}, listing(out.table))
	require.Equal(t, int64(150), out.result.Unexplained)
	require.Equal(t, []pipeline.PickleImport{{Object: "m.pt", Name: "evil.code.unpack"}}, out.facts.Pickle.Imports)
	require.Contains(t, out.result.Note, "evil.code.unpack")
}

// A plain pickle is named whatever it is called, and its imports with it.
func TestRead_PlainPickle(t *testing.T) {
	t.Parallel()
	evil := proto(4).short("os").short("system").op(0x93).short("id").op(0x85, 'R').stop()
	for name, data := range map[string][]byte{
		"model.pkl":    evil,
		"tokenizer":    append(bytes.Clone(evil), zeros(5000)...),
		"behind.pkl":   append(proto(2).op('N').stop(), evil...),
		"readme.txt":   evil,
		"long.weights": proto(2).op(bytes.Repeat([]byte{'N', '0'}, 5000)...).op(evil[2:]...).b,
	} {
		out := read(t, name, data, 512)
		require.True(t, out.claimed, name)
		require.NoError(t, out.err, name)
		require.Equal(t, pytorch.FormatPickle, out.result.Format)
		require.False(t, out.result.Explained)
		require.Contains(t, out.result.Note, "os.system", name)
		require.Equal(t, []pipeline.PickleImport{{Object: name, Name: "os.system"}}, out.facts.Pickle.Imports)
		require.Equal(t, int64(1), *out.facts.Pickle.Plain)
	}
	out := read(t, "broken.pkl", append(evil[:len(evil)-1], 0xff), 512)
	require.ErrorIs(t, out.err, pipeline.ErrOverLimit)
	require.Len(t, out.facts.Pickle.Imports, 1)
}

func TestRead_LegacyHostile(t *testing.T) {
	t.Parallel()
	sound, err := os.ReadFile(filepath.Join("testdata", "legacy.pt"))
	require.NoError(t, err)
	out := read(t, "m.bin", append(bytes.Clone(sound), zeros(77)...), 512)
	require.NoError(t, out.err)
	require.Equal(t, int64(320+77), out.result.Unexplained)

	out = read(t, "m.bin", sound[:len(sound)-1], 512)
	require.ErrorIs(t, out.err, pipeline.ErrMalformed)
	require.ErrorContains(t, out.err, "beyond the end of the file")

	out = read(t, "m.bin", bytes.Replace(sound, []byte("M\xe9\x03"), []byte("M\xea\x03"), 1), 512)
	require.ErrorIs(t, out.err, pipeline.ErrMalformed)
	require.ErrorContains(t, out.err, "1002")

	out = read(t, "m.bin", sound[:300], 300)
	require.True(t, out.claimed)
	require.ErrorIs(t, out.err, pipeline.ErrMalformed)
}

func TestRead_Index(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		names []string
		want  error
	}{
		{`{"metadata":{"total_size":3},"weight_map":{"a":"x.bin","b":"y.bin","a":"z.bin","c":"x.bin"}}`, []string{"x.bin", "y.bin", "z.bin"}, nil},
		{`{"weight_map":{"a":"x.bin"},"weight_map":{"a":"y.bin"}}`, []string{"x.bin", "y.bin"}, nil},
		{`{"weight_map":{}}`, []string{}, nil},
		{`{"weight_map":{"a":1}}`, nil, pipeline.ErrMalformed},
		{`{"weight_map":[]}`, nil, pipeline.ErrMalformed},
		{`{}`, nil, pipeline.ErrMalformed},
		{`[`, nil, pipeline.ErrMalformed},
		{`{"weight_map":{"a":"x`, nil, pipeline.ErrMalformed},
		{``, nil, pipeline.ErrMalformed},
	}
	for _, tt := range tests {
		names, err := pytorch.DecodeIndex(strings.NewReader(tt.text))
		require.ErrorIs(t, err, tt.want, tt.text)
		require.Equal(t, tt.names, names, tt.text)
	}
}
