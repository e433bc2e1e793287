package all_test

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/pipeline"
)

// llama8B is Llama 3.1 8B as llama.cpp writes it, with a tokenizer of its size.
func llama8B(matrices string) files.File {
	return files.File{
		Values: append([]files.Value{{Key: "general.architecture", Value: "llama"}, {Key: "general.type", Value: "model"},
			{Key: "llama.block_count", Value: uint32(32)}, {Key: "llama.embedding_length", Value: uint32(4096)}}, files.Words(128_256)...),
		Tensors: files.Llama(32, 4096, 1024, 14336, 128_256, files.TypeOf(matrices)),
	}
}

// statuses lists how the inspections of one object ended.
func statuses(r pipeline.Report, object string) (out []string) {
	for _, i := range r.Inspections {
		if i.Object == object {
			out = append(out, i.Inspector+" "+string(i.Status))
		}
	}
	return out
}

func write(t *testing.T, folder, name string, content []byte, size int64) {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Truncate(path, max(size, int64(len(content)))))
}

func TestFormats_GGUFOfEightBillion(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Q4_K", "Q8_0", "IQ1_S", "MXFP4", "BF16"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			f := llama8B(kind)
			require.NoError(t, f.Write(filepath.Join(folder, "model.gguf")))
			r := inspect(t, folder)
			p := r.Facts.Params
			require.Equal(t, int64(8_030_261_248), *p.Lower)
			require.Equal(t, int64(8_030_261_248), *p.Estimate)
			require.Equal(t, int64(8_030_261_248), *p.Upper, p.WidenedBy)
			require.Equal(t, int64(8_030_261_248), *p.StoredElements)
			require.Equal(t, int64(8_030_261_248-65*4096), p.ByDType[kind])
			require.Equal(t, []string{"gguf ok"}, statuses(r, "model.gguf"))
			require.Equal(t, []pipeline.LayerRun{{Set: "model.gguf", Stack: "blk", First: 0, Last: 31, Each: 218_112_000}, {Each: 8_030_261_248 - 32*218_112_000}}, p.ByLayer)
			require.Equal(t, "gguf", r.Artifact.Objects[0].Format)
			require.Equal(t, pipeline.RoleWeights, r.Artifact.Objects[0].Role)
			require.Equal(t, "llama", *r.Facts.GGUF.Architecture)
			require.Equal(t, int64(32), *r.Facts.GGUF.Layers)
		})
	}
}

// Arrays of NumPy tell their layers by the names of the members.
func TestFormats_NumPyByLayer(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f, err := os.Create(filepath.Join(folder, "weights.npz"))
	require.NoError(t, err)
	z := zip.NewWriter(f)
	for _, name := range []string{"tok_embeddings.weight", "layers.0.attention.wq.weight", "layers.1.attention.wq.weight"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		require.NoError(t, err)
		header := fmt.Sprintf("%-117s\n", "{'descr': '<f2', 'fortran_order': False, 'shape': (64, 64), }")
		_, err = fmt.Fprintf(w, "\x93NUMPY\x01\x00%c\x00%s%s", len(header), header, make([]byte, 2*64*64))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	require.Equal(t, []pipeline.LayerRun{{Set: "weights.npz", Stack: "layers", First: 0, Last: 1, Each: 4096}, {Each: 4096}}, inspect(t, folder).Facts.Params.ByLayer)
}

func TestFormats_GGUFSplit(t *testing.T) {
	t.Parallel()
	whole := llama8B("Q4_K")
	const parts = 3
	for _, missing := range []int{0, 2} {
		t.Run(fmt.Sprint("missing ", missing), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for i := range parts {
				if i+1 == missing {
					continue
				}
				f := files.File{Values: []files.Value{{Key: "split.no", Value: uint16(i)}, {Key: "split.count", Value: uint16(parts)},
					{Key: "split.tensors.count", Value: int32(len(whole.Tensors))}},
					Tensors: whole.Tensors[i*len(whole.Tensors)/parts : (i+1)*len(whole.Tensors)/parts]}
				if i == 0 {
					f.Values = append(f.Values, whole.Values...)
				}
				require.NoError(t, f.Write(filepath.Join(folder, fmt.Sprintf("m-%05d-of-%05d.gguf", i+1, parts))))
			}
			r := inspect(t, folder)
			if missing == 0 {
				require.Equal(t, int64(8_030_261_248), *r.Facts.Params.Lower)
				require.Equal(t, int64(8_030_261_248), *r.Facts.Params.Upper)
				require.Zero(t, *r.Facts.GGUF.SplitsMissing)
				require.NotContains(t, strings.Join(r.Reasons, " "), "missing")
				return
			}
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			require.Contains(t, strings.Join(r.Reasons, " "), "1 file of a split GGUF model is missing.")
			require.Equal(t, []string{"m-00002-of-00003.gguf"}, r.Facts.GGUF.SplitsMissingNames)
			require.Less(t, *r.Facts.Params.Lower, *r.Facts.Params.Estimate, "what is missing is estimated")
		})
	}
}

func TestFormats_GGUFUnknownType(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f := llama8B("Q4_K")
	f.Tensors = append(f.Tensors, files.Tensor{Name: "hidden.weight", Dims: []uint64{1 << 20, 1 << 10}, Type: files.Type{Number: 200, Block: 1, Size: 1}})
	require.NoError(t, f.Write(filepath.Join(folder, "model.gguf")))
	r := inspect(t, folder)
	require.Equal(t, int64(8_030_261_248), *r.Facts.Params.Lower)
	require.Equal(t, int64(8_030_261_248+8*1<<30), *r.Facts.Params.Upper)
	require.Equal(t, []string{"gguf ok"}, statuses(r, "model.gguf"))
}

func TestFormats_GGUFDeclaredCountOnlyRaises(t *testing.T) {
	t.Parallel()
	for _, declared := range []uint64{7, 20_000_000_000} {
		folder := t.TempDir()
		f := llama8B("Q4_K")
		f.Values = append(f.Values, files.Value{Key: "general.parameter_count", Value: declared})
		require.NoError(t, f.Write(filepath.Join(folder, "model.gguf")))
		p := inspect(t, folder).Facts.Params
		require.Equal(t, int64(8_030_261_248), *p.Lower)
		require.Equal(t, int64(8_030_261_248), *p.Estimate)
		require.Equal(t, max(int64(declared), 8_030_261_248), *p.Upper)
		require.Equal(t, int64(declared), *p.Declared)
	}
}

// A program that appends an archive to a model hides nothing: what follows the last
// tensor is counted.
func TestFormats_GGUFWithSomethingBehind(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f := llama8B("Q4_K")
	write(t, folder, "model.bin", f.Header(), f.Size()+2<<30)
	r := inspect(t, folder)
	require.Equal(t, int64(8_030_261_248), *r.Facts.Params.Lower)
	require.Equal(t, int64(8_030_261_248+16<<30), *r.Facts.Params.Upper)
	require.Contains(t, r.Inspections[0].Reason, "follow the last tensor")
}

func TestFormats_ArrayOfTwelveBillion(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	dictionary := "{'descr': '<f2', 'fortran_order': False, 'shape': (3000000, 4000), }"
	head := append([]byte("\x93NUMPY\x01\x00"), binary.LittleEndian.AppendUint16(nil, uint16(len(dictionary)))...)
	head = append(head, dictionary...)
	write(t, folder, "w.npy", head, int64(len(head))+24_000_000_000)
	r := inspect(t, folder)
	require.Equal(t, int64(12_000_000_000), *r.Facts.Params.Lower)
	require.Equal(t, int64(12_000_000_000), *r.Facts.Params.Upper)
}

// An archive beside a model is named, bounded by its size, and no failure.
func TestFormats_Archive(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f := llama8B("Q4_K")
	require.NoError(t, f.Write(filepath.Join(folder, "model.gguf")))
	write(t, folder, "more.7z", []byte("7z\xbc\xaf\x27\x1c\x00\x04"), 2<<30)
	r := inspect(t, folder)
	require.Equal(t, []string{"opaque skipped"}, statuses(r, "more.7z"))
	require.Equal(t, int64(8_030_261_248), *r.Facts.Params.Lower)
	require.Equal(t, int64(8_030_261_248+16<<30), *r.Facts.Params.Upper)
	require.NotContains(t, strings.Join(r.Reasons, " "), "7z")
}

// The block types of ggml are no types of safetensors.
func TestFormats_SafetensorsKnowsNoBlockTypes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	header := `{"a":{"dtype":"Q4_K","shape":[256],"data_offsets":[0,144]}}`
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	write(t, folder, "model.safetensors", append(b, header...), int64(8+len(header)+144))
	r := inspect(t, folder)
	require.Equal(t, []string{"safetensors malformed"}, statuses(r, "model.safetensors"))
}
