package pytorch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/pytorch"
	"weighbridge/pipeline"
)

var everyType = []string{
	"embed.weight F32 [16 4]",
	"layers.0.weight F32 [8 4]",
	"layers.0.bias BF16 [8]",
	"layers.0.f8 F8_E4M3 [8 4]",
	"view F32 [20]",
	"transposed F32 [5 3]",
	"ids I64 [5]",
	"u16 U16 [3]",
	"c F64 [3 2]",
	"scalar F32 []",
	"expanded F32 [1 6]",
}

// The files that PyTorch itself wrote; testdata/README.md says what is in each.
func TestRead_PyTorchsOwnFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, format string
		want         []string
		unexplained  int64
		explained    bool
		tied         int64
		imports      []string
	}{
		{"state_dict.pt", pytorch.Format, everyType, 80 * 4, true, 1, nil},
		{"legacy.pt", pytorch.FormatLegacy, everyType, 80 * 4, true, 1, nil},
		{"training.ckpt", pytorch.Format, []string{
			"state_dict.weight F32 [4 4]", "state_dict.bias F32 [4]",
			"optimizer.state.0.step F32 []", "optimizer.state.0.exp_avg F32 [4 4]", "optimizer.state.0.exp_avg_sq F32 [4 4]",
			"optimizer.state.1.step F32 []", "optimizer.state.1.exp_avg F32 [4]", "optimizer.state.1.exp_avg_sq F32 [4]",
			"param F32 [2 2]"}, 0, true, 0, nil},
		// What the module's class does with its tensors is not known: all their bytes are
		// unexplained too.
		{"module.pt", pytorch.Format, []string{"_parameters.weight F32 [4 4]", "_parameters.bias F32 [4]"}, 80, true, 0, []string{"torch.nn.modules.linear.Linear"}},
		{"protocol4.pt", pytorch.Format, []string{"w F32 [4 4]"}, 0, true, 0, nil},
		// Indices (2 by 4 of 8 bytes), values (4 of 4 bytes), one byte each of 16.
		{"sparse.pt", pytorch.Format, []string{"s.0 I64 [2 4]", "s.1 F32 [4]", "q.0 I8 [16]"}, 64 + 16 + 16, true, 0, nil},
		{"script.pt", pytorch.FormatScript, nil, 0, false, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			require.NoError(t, err)
			for _, name := range []string{tt.file, "holiday.jpg"} {
				for _, head := range []int{512, len(data)} {
					out := read(t, name, data, head)
					require.True(t, out.claimed)
					require.NoError(t, out.err)
					require.Equal(t, tt.format, out.result.Format)
					require.Equal(t, pipeline.RoleWeights, out.result.Role)
					require.Equal(t, tt.explained, out.result.Explained)
					require.Equal(t, tt.unexplained, out.result.Unexplained)
					require.Equal(t, tt.tied, *out.facts.Pickle.Tied)
					var imports []string
					for _, i := range out.facts.Pickle.Imports {
						require.Equal(t, name, i.Object)
						imports = append(imports, i.Name)
					}
					require.Equal(t, tt.imports, imports)
					if tt.want == nil {
						require.Nil(t, out.table)
						require.Contains(t, out.result.Note, "eight parameters a byte")
						continue
					}
					require.ElementsMatch(t, tt.want, listing(out.table))
					require.True(t, out.file.kept.closed)
				}
			}
		})
	}
}

// The offsets in a table lead to the numbers themselves.
func TestRead_Offsets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"state_dict.pt", "legacy.pt"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		out := read(t, name, data, len(data))
		for i := range out.table.Len() {
			switch tensor := out.table.At(i); tensor.Name {
			case "scalar":
				require.Equal(t, "\x00\x00\xc0\x3f", string(data[tensor.Offset:][:4]), "1.5 in %s", name)
			case "view":
				require.Equal(t, "\x00\x00\x20\x41", string(data[tensor.Offset:][:4]), "10 in %s", name)
			case "ids":
				require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x00\x01", string(data[tensor.Offset:][:9]), name)
			}
		}
	}
}

func zeros(n int64) []byte { return make([]byte, n) }

// plain is a checkpoint of one float32 tensor of 8 by 4 in the storage "0".
func plain() []byte {
	return proto(2).dict(view{name: "w", typ: "FloatStorage", key: "0", numel: 32, shape: []int64{8, 4}}).stop()
}

func TestRead_Storages(t *testing.T) {
	t.Parallel()
	f32 := func(name string, offset int64, shape, strides []int64) view {
		return view{name, "FloatStorage", "0", 32, offset, shape, strides}
	}
	tests := []struct {
		name        string
		views       []view
		want        []string
		unexplained int64
		tied        int64
	}{
		{"one tensor", []view{f32("w", 0, []int64{8, 4}, nil)}, []string{"w F32 [8 4]"}, 0, 0},
		{"two names of one run", []view{f32("a", 0, []int64{8, 4}, nil), f32("b", 0, []int64{32}, nil)}, []string{"a F32 [8 4]"}, 0, 1},
		{"a view inside another", []view{f32("a", 4, []int64{4}, nil), f32("b", 0, []int64{8, 4}, nil)}, []string{"b F32 [8 4]"}, 0, 1},
		{"a view smaller than its storage", []view{f32("a", 4, []int64{4}, nil)}, []string{"a F32 [4]"}, 28 * 4, 0},
		{"views side by side", []view{f32("a", 0, []int64{16}, nil), f32("b", 16, []int64{16}, nil)}, []string{"a F32 [16]", "b F32 [16]"}, 0, 0},
		{"views that overlap in part", []view{f32("a", 0, []int64{20}, nil), f32("b", 10, []int64{20}, nil)}, []string{"a F32 [20]"}, (12 + 20) * 4, 0},
		{"every second column", []view{f32("a", 0, []int64{8, 2}, []int64{4, 2})}, []string{"a F32 [8 2]"}, 16 * 4, 0},
		{"repeated by a stride of nothing", []view{f32("a", 0, []int64{1 << 40, 32}, []int64{0, 1})}, []string{"a F32 [1 32]"}, 0, 0},
		{"windows that slide", []view{f32("a", 0, []int64{16, 17}, []int64{1, 1})}, []string{"a F32 [32]"}, 0, 0},
		{"no element", []view{f32("a", 0, []int64{1 << 62, 0}, nil)}, []string{"a F32 [4611686018427387904 0]"}, 128, 0},
		{"nothing refers to it", nil, nil, 128, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := archive(false, "", member("m/data.pkl", proto(2).dict(tt.views...).stop()), member("m/data/0", zeros(128)), member("m/version", []byte("3\n")))
			out := read(t, "m.pt", file.bytes(), 1<<20)
			require.NoError(t, out.err)
			require.Equal(t, tt.want, listing(out.table))
			require.Equal(t, tt.unexplained, out.result.Unexplained)
			require.Equal(t, tt.tied, *out.facts.Pickle.Tied)
		})
	}
}

// Two types over the same bytes are two readings of them; only one can be exact.
func TestRead_TypesOverOneStorage(t *testing.T) {
	t.Parallel()
	typed := func(p *program, name, dtype string, shape int64) {
		p.text(name).global("torch._utils", "_rebuild_tensor_v3").op('(').storage("UntypedStorage", "0", 128).int(0)
		p.ints(shape).ints(1).op(0x89, '}').global("torch", dtype).op('t', 'R')
	}
	p := proto(2).op('}', '(')
	typed(p, "wide", "float32", 32)
	typed(p, "narrow", "float8_e5m2", 128)
	typed(p, "packed", "float4_e2m1fn_x2", 128)
	file := archive(true, "", member("m/data.pkl", p.op('u').stop()), member("m/data/0", zeros(128)))
	out := read(t, "m.pt", file.bytes(), 1<<20)
	require.NoError(t, out.err)
	require.Equal(t, []string{"wide F32 [32]"}, listing(out.table))
	require.Equal(t, int64(128), out.result.Unexplained)
}

func TestRead_ArchiveParts(t *testing.T) {
	t.Parallel()
	pkl, data := member("m/data.pkl", plain()), member("m/data/0", zeros(128))
	deflated := data
	deflated.method, deflated.size, deflated.data, deflated.inflated = 8, 20, zeros(20), 128
	moved := data
	moved.pad = 5000
	second := member("m/data/1", zeros(100))
	tests := []struct {
		name        string
		file        *sparse
		unexplained int64
		note        string
	}{
		{"a member that nothing refers to", archive(false, "", pkl, data, second), 100, ""},
		{"a member beside the checkpoint", archive(false, "", pkl, data, member("notes.txt", zeros(77))), 77, ""},
		{"a small member of the format that is large", archive(false, "", pkl, data, member("m/version", zeros(5000))), 5000, ""},
		{"a comment", archive(false, strings.Repeat("x", 9), pkl, data), 9, ""},
		{"a gap", archive(false, "", pkl, moved), 5000 + 24 + 4 - (4096 + 128), ""},
		{"a longer pickle", archive(false, "", member("m/data.pkl", proto(2).text(strings.Repeat("x", 70_000)).op('0').op(plain()[2:]...).b), data), 0, ""},
		{"compressed storages", archive(false, "", pkl, deflated), 128, "m/data/0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := read(t, "m.pt", tt.file.bytes(), 1<<20)
			require.NoError(t, out.err)
			require.True(t, out.result.Explained)
			switch tt.name {
			case "a gap":
				require.Greater(t, out.result.Unexplained, int64(800))
				require.Less(t, out.result.Unexplained, int64(1000))
			case "a longer pickle":
				require.Greater(t, out.result.Unexplained, int64(3000))
			default:
				require.Equal(t, tt.unexplained, out.result.Unexplained)
			}
			require.Contains(t, out.result.Note, tt.note)
		})
	}
}

func TestRead_HostileArchives(t *testing.T) {
	t.Parallel()
	pkl, data := member("m/data.pkl", plain()), member("m/data/0", zeros(128))
	sound := archive(false, "", pkl, data).bytes()
	other := func(change func(e *entry)) []byte {
		e := pkl
		change(&e)
		return archive(false, "", e, data).bytes()
	}
	big := func(size int64) []byte {
		e := data
		e.method, e.inflated = 8, size
		return archive(true, "", pkl, e).bytes()
	}
	patched := func(at int, b ...byte) []byte {
		out := append([]byte(nil), sound...)
		copy(out[len(out)+at:], b)
		return out
	}
	tests := []struct {
		name string
		file []byte
		want error
		says string
	}{
		{"cut in the middle", sound[:len(sound)/2], pipeline.ErrMalformed, "no directory"},
		{"bytes behind the end", append(append([]byte(nil), sound...), 0, 0), pipeline.ErrMalformed, "follow the end"},
		{"another name in the member", other(func(e *entry) { e.localName = "m/DATA.pkl" }), pipeline.ErrMalformed, "another name"},
		{"another size in the member", other(func(e *entry) { e.localSize = 7 }), pipeline.ErrMalformed, "disagree"},
		{"encrypted", other(func(e *entry) { e.flags = 1 }), pipeline.ErrOverLimit, "encrypted"},
		{"an unknown compression", other(func(e *entry) { e.method = 93 }), pipeline.ErrOverLimit, "method 93"},
		{"a pickle that is no deflate", other(func(e *entry) { e.method, e.inflated = 8, 4000 }), pipeline.ErrMalformed, "broken"},
		{"bytes before the first member", func() []byte {
			e := pkl
			e.pad = 10
			return append([]byte("PK\x03\x04"), archive(false, "", e, data).bytes()[4:]...)
		}(), pipeline.ErrMalformed, "before the first member"},
		{"the same name twice", archive(false, "", pkl, data, member("m/data/0", zeros(128))).bytes(), pipeline.ErrMalformed, "twice"},
		{"the same name in other case", archive(false, "", pkl, data, member("M/Data.PKL", plain())).bytes(), pipeline.ErrMalformed, "twice"},
		{"a name with a backslash", archive(false, "", pkl, data, member(`m\x`, nil)).bytes(), pipeline.ErrMalformed, "has the name"},
		{"a checkpoint in a second folder", archive(false, "", member("a/version", nil), pkl, data).bytes(), pipeline.ErrMalformed, "first member"},
		{"a storage that is not there", archive(false, "", pkl).bytes(), pipeline.ErrMalformed, "not there"},
		{"a storage of another size", archive(false, "", pkl, member("m/data/0", zeros(64))).bytes(), pipeline.ErrMalformed, "64 bytes in the archive"},
		{"a bomb of 2^60 bytes", big(1 << 60), pipeline.ErrMalformed, "more than its compression can hold"},
		{"a bomb of 2^63 bytes", big(-1 << 63), pipeline.ErrMalformed, "broken"},
		{"an odd order of bytes", archive(false, "", pkl, member("m/byteorder", []byte("middle")), data).bytes(), pipeline.ErrMalformed, "order of bytes"},
		{"a directory of another place", patched(-6, 1), pipeline.ErrMalformed, "does not end"},
		{"more members than listed", patched(-14, 3, 0, 3, 0), pipeline.ErrMalformed, "states 3 members"},
		{"a part of several", patched(-18, 1), pipeline.ErrMalformed, "several parts"},
		{"a longer end that is not there", patched(-14, 255, 255, 255, 255), pipeline.ErrMalformed, "longer form"},
		{"two ends that disagree", func() []byte {
			b := archive(true, "", pkl, data).bytes()
			copy(b[len(b)-14:], []byte{1, 0, 1, 0})
			return b
		}(), pipeline.ErrMalformed, "disagree"},
		{"bytes behind the pickle", archive(false, "", member("m/data.pkl", append(plain(), "PK"...)), data).bytes(), pipeline.ErrMalformed, "2 bytes follow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := read(t, "m.pt", tt.file, 512)
			require.True(t, out.claimed)
			require.ErrorIs(t, out.err, tt.want)
			require.ErrorContains(t, out.err, tt.says)
			require.False(t, out.result.Explained)
			require.Nil(t, out.table)
		})
	}
}

// A member whose data another member's directory entry covers as well is refused: such
// archives unpack to far more than they hold.
func TestReadDirectory_Overlap(t *testing.T) {
	t.Parallel()
	b := archive(false, "", member("m/data.pkl", plain()), member("m/data/0", zeros(128)), member("m/data/1", zeros(128))).bytes()
	at := strings.LastIndex(string(b), "PK\x01\x02")
	first := strings.Index(string(b), "m/data/0") - 30
	b[at+42], b[at+43] = byte(first), byte(first>>8)
	_, err := pytorch.ReadDirectory(int64(len(b)), func(offset, n int64) ([]byte, error) { return b[offset : offset+n], nil })
	require.ErrorIs(t, err, pipeline.ErrMalformed)
}

func TestRead_NotClaimed(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"empty":                {},
		"text":                 []byte("hello"),
		"two lucky bytes":      append([]byte{0x80, 2}, []byte(strings.Repeat("\xff\x13", 400))...),
		"a lucky short pickle": append([]byte{0x80, 4, 'N', '.'}, zeros(1000)...),
		"an archive of arrays": archive(false, "", member("a.npy", zeros(9))).bytes(),
		"an ordinary archive":  archive(false, "", member("readme.txt", zeros(9))).bytes(),
	} {
		require.False(t, read(t, "x", data, 512).claimed, name)
	}
}

func TestRead_TarAndArchives(t *testing.T) {
	t.Parallel()
	tar := make([]byte, 2048)
	copy(tar, "storages")
	copy(tar[257:], "ustar\x0000")
	out := read(t, "old.pt", tar, 512)
	require.NoError(t, out.err)
	require.Equal(t, pytorch.FormatTar, out.result.Format)
	require.False(t, out.result.Explained)

	out = read(t, "other.bin", archive(false, "", member("readme.txt", zeros(9))).bytes(), 512)
	require.NoError(t, out.err)
	require.Equal(t, "zip", out.result.Format)
	require.False(t, out.result.Explained)
	require.Equal(t, pipeline.RoleUnknown, out.result.Role)
}
