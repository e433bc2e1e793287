package architecture_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// renamed returns the model with every tensor's name turned to noise, and no config.
func renamed(m fixtures.Model) fixtures.Model {
	i := 0
	return m.Rename(func(string) string { i++; return noise(i) })
}

func TestShape_RenamedToNoise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, family                   string // "" for unknown
		layers, hidden, vocab, experts int64
	}{
		{"llama-3.1-8b", "llama", 32, 4096, 128256, 0},
		{"llama-3-70b", "llama", 80, 8192, 128256, 0},
		{"mistral-7b", "llama", 32, 4096, 32000, 0},
		{"qwen2.5-0.5b", "qwen2", 24, 896, 151936, 0},
		{"qwen2.5-14b", "qwen2", 48, 5120, 152064, 0},
		{"phi-3-mini", "phi3", 32, 3072, 32064, 0},
		{"gemma-2-9b", "gemma2", 42, 3584, 256000, 0},
		{"mixtral-8x7b", "mixtral", 32, 4096, 32000, 8},
		{"qwen3-30b-a3b", "qwen3-moe", 48, 2048, 151936, 128},
		{"gpt2", "gpt2", 12, 768, 50257, 0},
		{"bloom-176b", "bloom", 70, 14336, 250880, 0},
		{"gpt-oss-20b", "", 0, 0, 0, 0},
		{"llama-2-70b-gptq", "", 0, 0, 0, 0},
		{"deepseek-v3", "", 0, 0, 0, 0},
		{"llama-3-70b-lora", "", 0, 0, 0, 0},
	}
	require.Len(t, tests, len(fixtures.Models()))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := derive(t, tables(renamed(load(t, tt.name))))
			if tt.family == "" {
				require.Nil(t, a.Family)
				require.Nil(t, a.Shape)
				require.Equal(t, "none", *a.Confidence)
				return
			}
			require.NotNil(t, a.Family)
			require.Equal(t, tt.family, *a.Family)
			require.Equal(t, tt.family, *a.Shape)
			require.Equal(t, "shapes", *a.Confidence)
			require.Equal(t, tt.layers, *a.Layers)
			require.Equal(t, tt.hidden, *a.HiddenSize)
			require.Equal(t, tt.vocab, *a.VocabSize)
			require.Equal(t, tt.experts, *a.Experts)
		})
	}
}

func TestShape_AgreesWithConfig(t *testing.T) {
	t.Parallel()
	m := renamed(load(t, "mistral-7b"))
	a := derive(t, tables(m), config(t, "config.json", string(m.Config)))
	require.Equal(t, "shapes+config", *a.Confidence)
	require.True(t, *a.Agrees)

	a = derive(t, tables(m), config(t, "config.json", strings.ReplaceAll(string(m.Config), "mistral", "qwen2")))
	require.Equal(t, "shapes", *a.Confidence)
	require.False(t, *a.Agrees)
	require.Contains(t, strings.Join(a.Contradictions, "; "), "laid out as llama")
}

// One tensor that the layout does not account for, and the shapes tell nothing.
func TestShape_EveryTensorCounts(t *testing.T) {
	t.Parallel()
	m := renamed(fixtures.OneOver10B())
	require.Nil(t, derive(t, tables(m)).Shape)
	require.Equal(t, "llama", *derive(t, tables(renamed(fixtures.Exactly10B()))).Shape)
}

// Names of one layout over shapes of another.
func TestShape_AgainstNames(t *testing.T) {
	t.Parallel()
	a := derive(t, []*pipeline.Table{build(llamaLayers + outer + `
		model.layers.{0-3}.extra_{a,b}.bias 16
		model.layers.{0-3}.extra_c.bias 64`).table("model.safetensors")})
	require.Equal(t, "llama", *a.Family)
	require.Equal(t, "qwen2", *a.Shape)
	require.Equal(t, "names", *a.Confidence)
	require.Equal(t, []string{"the names tell llama; the shapes fit only qwen2"}, a.Contradictions)
}

// Shapes that two layouts explain tell neither: with as many key heads as query heads,
// the norms of Gemma 2 and those of OLMo 2 are alike.
func TestShape_Ambiguous(t *testing.T) {
	t.Parallel()
	ts := build(`
		embed 500 64
		final 64
		{0-3}.{n1,n2,n3,n4} 64
		{0-3}.{q,k,v,o} 64 64
		{0-3}.{gate,up} 160 64
		{0-3}.down 64 160`)
	a := derive(t, []*pipeline.Table{ts.table("a.safetensors")})
	if a.Shape != nil {
		require.Equal(t, "olmo2", *a.Shape, "Gemma 2 never has as many key heads")
	}
}

// A search without an end in sight ends.
func TestShape_ManyAlike(t *testing.T) {
	t.Parallel()
	var ts tensors
	for i := range 400 {
		side := uint64(8 + i%39)
		ts = append(ts, pipeline.Tensor{Name: noise(i), DType: pipeline.BF16, Shape: []uint64{side, 8 + uint64(i)%7}})
	}
	require.Nil(t, derive(t, []*pipeline.Table{ts.table("a.safetensors")}).Family)
}
