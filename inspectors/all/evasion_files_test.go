package all_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/fixtures/gguf"
	"weighbridge/pipeline"
)

// small is a model of a hundred million parameters, to lie beside what is hidden.
func small() []pipeline.Tensor {
	return []pipeline.Tensor{of("model.embed_tokens.weight", pipeline.BF16, 32000, 3072), of("model.norm.weight", pipeline.BF16, 3072)}
}

// blob writes a sparse file that begins with head and is size bytes long.
func blob(t *testing.T, dir, name, head string, size int64) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	require.NoError(t, fixtures.WriteSparse(filepath.Join(dir, name), []byte(head), size))
}

func missing(t *testing.T, r pipeline.Report) {
	t.Helper()
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.NotEmpty(t, r.Reasons)
}

// fileEvasions hide weights in files: beside the set, under other names, in other
// formats, or from the reader's limits.
func fileEvasions() []evasion {
	return []evasion{
		{id: "E6", name: "a shard that the index omits", sum: false, why: func(t *testing.T, r pipeline.Report) {
			t.Helper()
			proven(t, r)
			require.Equal(t, int64(1), *r.Facts.Index.ShardsUnlisted)
		}, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small(), fixtures.WithIndex(func(*fixtures.Index) {}))
			add(t, dir, "extra.safetensors", thirteen())
		}},
		{id: "E7", name: "an index that points outside", why: func(t *testing.T, r pipeline.Report) {
			t.Helper()
			missing(t, r)
			require.Equal(t, int64(1), *r.Facts.Index.PathsEscaping)
		}, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small(), fixtures.WithIndex(func(x *fixtures.Index) { x.WeightMap["lm_head.weight"] = "../elsewhere/model.safetensors" }))
		}},
		{id: "E8", name: "tensors in other shards than listed", why: func(t *testing.T, r pipeline.Report) {
			t.Helper()
			proven(t, r)
			require.Positive(t, *r.Facts.Index.TensorsAbsent)
			require.Positive(t, *r.Facts.Index.TensorsUnlisted)
		}, write: func(t *testing.T, dir string) {
			lay(t, dir, "", thirteen(), fixtures.WithIndex(func(x *fixtures.Index) {
				x.WeightMap = map[string]string{"nothing": "model.safetensors"}
			}))
		}},
		{id: "E14", name: "the upper half of a model", sum: true, why: func(t *testing.T, r pipeline.Report) {
			t.Helper()
			require.True(t, *r.Facts.Architecture.Partial)
			require.Greater(t, *r.Facts.Params.Upper, int64(line))
		}, write: func(t *testing.T, dir string) {
			var half []pipeline.Tensor
			for _, x := range thirteen() {
				var n int
				if _, err := fmt.Sscanf(x.Name, "model.layers.%d.", &n); err == nil && n >= 20 {
					half = append(half, x)
				}
			}
			lay(t, dir, "", half)
		}},
		{id: "E21", name: "weights in GGUF beside a small safetensors file", why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			f := gguf.File{Tensors: []gguf.Tensor{{Name: "token_embd.weight", Dims: []uint64{5120, 2_500_000}, Type: gguf.TypeOf("Q4_K")}}}
			require.NoError(t, f.Write(filepath.Join(dir, "model.gguf")))
		}},
		{id: "E21", name: "weights in HDF5", why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			blob(t, dir, "tf_model.h5", "\x89HDF\r\n\x1a\n", 26<<30)
		}},
		{id: "E21", name: "weights in an archive", why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			blob(t, dir, "weights.7z", "7z\xbc\xaf\x27\x1c", 7<<30)
		}},
		{id: "E22", name: "weights under the name of a tokenizer", why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			add(t, dir, "tokenizer.model", thirteen())
		}},
		{id: "E22", name: "weights behind the start of a text", why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			blob(t, dir, "notes.txt", strings.Repeat("These are notes.\n", 8<<10), 7<<30)
		}},
		{id: "E22", name: "weights behind the start of an image", why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", small())
			blob(t, dir, "logo.png", "\x89PNG\r\n\x1a\n", 7<<30)
		}},
		{id: "E23", name: "an archive behind the last tensor", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 7<<30)
		}},
		{id: "E24", name: "a header padded to the limit", why: proven, write: func(t *testing.T, dir string) {
			head, total, err := fixtures.Safetensors(thirteen())
			require.NoError(t, err)
			n := int64(len(head)) - 8
			pad := 100_000_000 - n
			padded := append(binary.LittleEndian.AppendUint64(nil, 100_000_000), head[8:]...)
			padded = append(padded, strings.Repeat(" ", int(pad))...)
			require.NoError(t, fixtures.WriteSparse(filepath.Join(dir, "model.safetensors"), padded, total+pad))
		}},
		{id: "E24", name: "a header one byte over the limit", why: malformed, write: func(t *testing.T, dir string) {
			blob(t, dir, "model.safetensors", string(binary.LittleEndian.AppendUint64(nil, 100_000_001))+"{", 26<<30)
		}},
		{id: "E36", name: "dimensions written as floats", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"a":{"dtype":"BF16","shape":[130000.0,1e5],"data_offsets":[0,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E37", name: "a link that leaves the source", why: func(t *testing.T, r pipeline.Report) {
			t.Helper()
			missing(t, r)
			require.Len(t, r.Artifact.Skipped, 1)
			require.Contains(t, r.Artifact.Skipped[0].Reason, "link")
		}, write: func(t *testing.T, dir string) {
			elsewhere := t.TempDir()
			lay(t, elsewhere, "", thirteen())
			require.NoError(t, os.Symlink(filepath.Join(elsewhere, "model.safetensors"), filepath.Join(dir, "model.safetensors")))
		}},
		{id: "E38", name: "offsets beyond 2^63", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"a":{"dtype":"U8","shape":[13000000000],"data_offsets":[9223372036854775807,9223372049854775807]}}`, 26<<30)
		}},
	}
}
