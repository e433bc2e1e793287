package conformance_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	parser "github.com/gpustack/gguf-parser-go"
	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/gguf"
)

// both reads a file with both readers and returns the other's answer.
func both(t *testing.T, f files.File) (*gguf.Header, *parser.GGUFFile) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	require.NoError(t, f.Write(path))
	theirs, err := parser.ParseGGUFFile(path)
	require.NoError(t, err)
	ours, err := gguf.Decode(bytes.NewReader(f.Header()), f.Size(), io.Discard)
	require.NoError(t, err)
	return ours, theirs
}

// agree holds the tensors of both readers against each other: names, dimensions, counts,
// bytes and places.
func agree(t *testing.T, ours *gguf.Header, theirs *parser.GGUFFile) {
	t.Helper()
	require.Zero(t, ours.Unexplained, ours.Why)
	require.Len(t, theirs.TensorInfos, ours.Table.Len())
	var elements, size uint64
	for i := range ours.Table.Len() {
		a, b := ours.Table.At(i), theirs.TensorInfos[i]
		require.Equal(t, b.Name, a.Name)
		require.Len(t, a.Shape, len(b.Dimensions))
		for k, d := range b.Dimensions {
			require.Equal(t, d, a.Shape[len(a.Shape)-1-k])
		}
		n, ok := a.Elements()
		require.True(t, ok)
		require.Equal(t, b.Elements(), n)
		require.Equal(t, b.Bytes(), a.Bytes())
		require.Equal(t, uint64(theirs.TensorDataStartOffset)+b.Offset, a.Offset)
		elements += n
		size += a.Bytes()
	}
	require.Equal(t, theirs.TensorInfos.Elements(), elements)
	require.Equal(t, theirs.TensorInfos.Bytes(), size)
	require.Equal(t, uint64(theirs.ModelParameters), elements)
}

func TestEveryTypeThatBothKnow(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, kind := range files.Types {
		trait, known := parser.GGMLType(kind.Number).Trait()
		require.True(t, known, "both know %s", kind.Name)
		require.Equal(t, kind.Block, trait.BlockSize, kind.Name)
		require.Equal(t, kind.Size, trait.TypeSize, kind.Name)
		for _, version := range []uint32{2, 3} {
			f := files.File{Version: version, Values: append([]files.Value{{Key: "general.architecture", Value: "llama"}}, files.Words(100)...),
				Tensors: []files.Tensor{{Name: "a.weight", Dims: []uint64{4 * kind.Block, 8}, Type: kind}, {Name: "b.weight", Dims: []uint64{kind.Block, 2, 3, 2}, Type: kind}}}
			ours, theirs := both(t, f)
			agree(t, ours, theirs)
			compared++
		}
	}
	require.Equal(t, 2*len(files.Types), compared)
}

func TestModels(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Q4_K", "Q8_0", "F16", "MXFP4", "IQ1_S"} {
		f := files.File{Values: append([]files.Value{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(32)}}, files.Words(1000)...),
			Tensors: files.Llama(32, 4096, 1024, 14336, 128256, files.TypeOf(kind))}
		ours, theirs := both(t, f)
		agree(t, ours, theirs)
		require.Equal(t, uint64(8_030_261_248), uint64(theirs.ModelParameters))
	}
}

func TestEverySplit(t *testing.T) {
	t.Parallel()
	all := files.Llama(4, 512, 128, 1024, 4096, files.TypeOf("Q6_K"))
	var sum uint64
	const parts = 4
	for i := range parts {
		f := files.File{Values: []files.Value{{Key: "general.architecture", Value: "llama"}, {Key: "split.no", Value: uint16(i)}, {Key: "split.count", Value: uint16(parts)}},
			Tensors: all[i*len(all)/parts : (i+1)*len(all)/parts]}
		ours, theirs := both(t, f)
		agree(t, ours, theirs)
		require.Equal(t, fmt.Sprint(i), ours.Table.Metadata["split.no"])
		sum += uint64(theirs.ModelParameters)
	}
	require.Equal(t, uint64(2*512*4096+512+4*(2*512+2*512*512+2*512*128+3*512*1024)), sum)
}

func TestBigEndian(t *testing.T) {
	t.Parallel()
	ours, theirs := both(t, files.File{Order: binary.BigEndian, Magic: "FUGG", Values: []files.Value{{Key: "general.architecture", Value: "llama"}},
		Tensors: []files.Tensor{{Name: "a.weight", Dims: []uint64{256, 8}, Type: files.TypeOf("Q4_K")}}})
	require.True(t, ours.BigEndian)
	agree(t, ours, theirs)
}
