package all_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// weigh writes a model and inspects the folder.
func weigh(t *testing.T, m fixtures.Model) pipeline.Report {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, m.Write(folder))
	return inspect(t, folder)
}

// A renamed model is still told, and what nothing tells is not clear. The config, which
// would still say what the model is, is left out.
func TestArchitecture_Renamed(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]string{"llama-3.1-8b": "llama", "qwen2.5-14b": "qwen2", "qwen3-30b-a3b": "qwen3-moe", "deepseek-v3": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(name)
			require.NoError(t, err)
			i := 0
			m = m.Rename(func(string) string { i++; return fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15) })
			m.Config = nil
			r := weigh(t, m)
			a := r.Facts.Architecture
			require.NotNil(t, a.Confidence)
			if family == "" {
				require.Nil(t, a.Family)
				require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
				require.Contains(t, strings.Join(r.Reasons, " "), "neither its names nor its shapes tell what it is")
				return
			}
			require.Equal(t, family, *a.Family)
			require.Equal(t, "shapes", *a.Confidence)
			require.Equal(t, m.Parameters, *r.Facts.Params.Estimate)
			require.Equal(t, m.Parameters, *r.Facts.Params.Upper)
		})
	}
}

// The second half of a model is found to be one, and weighed as the whole.
func TestArchitecture_LayersOfAModel(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("llama-3-70b")
	require.NoError(t, err)
	whole := m.Parameters
	m = m.Clone()
	m.Config = nil
	n := 0
	for i := range m.Files {
		m.Files[i].Tensors = slices.DeleteFunc(m.Files[i].Tensors, func(t pipeline.Tensor) bool {
			layer := [1]int{-1}
			pipeline.Numbers(t.Name, layer[:])
			return layer[0] < 40
		})
	}
	m.Files = slices.DeleteFunc(m.Files, func(f fixtures.File) bool { return len(f.Tensors) == 0 })
	for i := range m.Files { // an upload of its own, numbered from one
		n++
		m.Files[i].Name = fmt.Sprintf("model-%05d-of-%05d.safetensors", n, len(m.Files))
	}
	r := weigh(t, m)
	a := r.Facts.Architecture
	require.Equal(t, "llama", *a.Family)
	require.True(t, *a.Partial)
	require.Equal(t, int64(40), *a.Layers)
	require.Equal(t, int64(80), *a.LayerSpan)
	require.NotNil(t, r.Facts.Params.Whole)
	require.InEpsilon(t, float64(whole), float64(*r.Facts.Params.Whole), 0.05)
	require.GreaterOrEqual(t, *r.Facts.Params.Upper, *r.Facts.Params.Whole)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Contains(t, r.Reasons, "Only a part of a model is here: 40 of 80 layers.")
}

// Two uploads of one model, one of them packed, have one matrix fingerprint and two
// fingerprints.
func TestArchitecture_SameModelRequantised(t *testing.T) {
	t.Parallel()
	packed, err := fixtures.Load("llama-2-70b-gptq")
	require.NoError(t, err)
	plain := packed.Clone()
	plain.Config = nil
	for i := range plain.Files {
		var tensors []pipeline.Tensor
		for _, t := range plain.Files[i].Tensors {
			stem, isPacked := strings.CutSuffix(t.Name, ".qweight")
			switch {
			case isPacked: // eight values of four bits in each element, inputs first
				tensors = append(tensors, pipeline.Tensor{Name: stem + ".weight", DType: pipeline.F16, Shape: []uint64{t.Shape[1], t.Shape[0] * 8}})
			case t.DType == pipeline.F16 && !strings.HasSuffix(t.Name, ".scales"):
				tensors = append(tensors, t)
			}
		}
		plain.Files[i].Tensors = tensors
	}
	a, b := weigh(t, packed).Facts, weigh(t, plain).Facts
	require.Equal(t, packed.Parameters, *b.Params.Estimate)
	require.Equal(t, "llama", *a.Architecture.Family)
	require.Equal(t, "llama", *b.Architecture.Shape)
	require.Equal(t, *a.Architecture.MatrixFingerprint, *b.Architecture.MatrixFingerprint)
	require.NotEqual(t, *a.Architecture.Fingerprint, *b.Architecture.Fingerprint)
}
