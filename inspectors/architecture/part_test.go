package architecture_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// keep returns the model with only the tensors that keep is true of.
func keep(m fixtures.Model, keep func(name string, layer int) bool) fixtures.Model {
	m = m.Clone()
	for i := range m.Files {
		var kept []pipeline.Tensor
		for _, t := range m.Files[i].Tensors {
			layer := [1]int{-1}
			pipeline.Numbers(t.Name, layer[:])
			if keep(t.Name, layer[0]) {
				kept = append(kept, t)
			}
		}
		m.Files[i].Tensors = kept
	}
	return m
}

func TestPart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keep         func(name string, layer int) bool
		layers, span int64
		says         string
	}{
		"the second half": {func(_ string, layer int) bool { return layer >= 40 }, 40, 80, "the layers begin at number 40; 40 of at least 80"},
		"the first half with the embedding": {func(name string, layer int) bool {
			return layer < 40 && !strings.HasPrefix(name, "lm_head")
		}, 40, 40, ""},
		"every other layer":   {func(_ string, layer int) bool { return layer%2 == 0 || layer < 0 }, 40, 79, "gaps"},
		"no embedding":        {func(name string, _ int) bool { return !strings.Contains(name, "embed_tokens") }, 80, 80, "embed_tokens.weight, which is not here"},
		"a layer cut in half": {func(name string, layer int) bool { return layer != 79 || !strings.Contains(name, "mlp") }, 80, 80, "and 2 more tensors of a layer are missing from up to 1 of the 80 layers"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := keep(load(t, "llama-3-70b"), tt.keep)
			a := derive(t, tables(m))
			require.Equal(t, "llama", *a.Family)
			require.Equal(t, tt.layers, *a.Layers)
			require.Equal(t, tt.span, *a.LayerSpan)
			require.Equal(t, tt.says != "", *a.Partial)
			require.Contains(t, strings.Join(a.Contradictions, "; "), tt.says)

			a = derive(t, tables(m), config(t, "config.json", string(m.Config)))
			require.True(t, *a.Partial, "the config declares 80 layers")
			require.Equal(t, int64(80), *a.LayerSpan)
			require.False(t, *a.Agrees)
			require.NotEmpty(t, a.Contradictions)
		})
	}
}

// The layer that predicts further tokens stands behind the others: what is missing
// before it shows.
func TestPart_BeforeFurtherTokens(t *testing.T) {
	t.Parallel()
	m := keep(load(t, "deepseek-v3"), func(_ string, layer int) bool { return layer != 60 })
	a := derive(t, tables(m), config(t, "config.json", string(m.Config)))
	require.True(t, *a.Partial)
	require.Equal(t, int64(60), *a.Layers)
	require.Equal(t, int64(61), *a.LayerSpan)
}

func TestPart_EmbeddingAlone(t *testing.T) {
	t.Parallel()
	m := keep(load(t, "llama-3-70b"), func(name string, _ int) bool { return strings.Contains(name, "embed_tokens") })
	require.Nil(t, derive(t, tables(m)).Family, "nothing tells of what model it is")
	a := derive(t, tables(m), config(t, "config.json", string(m.Config)))
	require.Equal(t, "llama", *a.Family)
	require.True(t, *a.Partial)
	require.Equal(t, int64(80), *a.LayerSpan)
	require.Zero(t, *a.Layers)
	require.Equal(t, "names+shapes", *a.Confidence)
}

func TestPart_WholeModelsAreNone(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Models() {
		m := load(t, name)
		if m.Config == nil {
			continue
		}
		a := derive(t, tables(m), config(t, "config.json", string(m.Config)))
		require.False(t, *a.Partial, name)
		require.Equal(t, *a.Layers, *a.LayerSpan, name)
		require.Equal(t, "names+shapes+config", *a.Confidence, name)
		require.True(t, *a.Agrees, name)
	}
}
