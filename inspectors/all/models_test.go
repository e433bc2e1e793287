package all_test

import (
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/fixtures/repositories"
	"weighbridge/inspectors/all"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/dir"
)

// inspect weighs a folder with every inspector and no judge.
func inspect(t *testing.T, folder string) pipeline.Report {
	t.Helper()
	src, err := pipeline.ParseSource(folder)
	require.NoError(t, err)
	store, err := dir.Open(src)
	require.NoError(t, err)
	e := engine.Engine{Readers: all.Readers(), Derivers: all.Derivers(all.Options{})}
	w, err := e.Run(t.Context(), engine.Request{Source: src, Store: store, AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	return w.Report
}

func TestModels_Plain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, family           string
		layers, hidden, vocab  int64
		experts, params, aside int64
		components             map[string]int64
	}{
		{"gpt2", "gpt2", 12, 768, 50257, 0, 124_439_808, 12_582_912, nil},
		{"qwen2.5-0.5b", "qwen2", 24, 896, 151936, 0, 494_032_768, 0, nil},
		{"phi-3-mini", "phi3", 32, 3072, 32064, 0, 3_821_079_552, 0, nil},
		{"mistral-7b", "llama", 32, 4096, 32000, 0, 7_241_732_096, 0, nil},
		{"llama-3.1-8b", "llama", 32, 4096, 128256, 0, 8_030_261_248, 0, nil},
		{"gemma-2-9b", "gemma2", 42, 3584, 256000, 0, 9_241_705_984, 0, nil},
		{"qwen2.5-14b", "qwen2", 48, 5120, 152064, 0, 14_770_033_664, 0, nil},
		{"qwen3-30b-a3b", "qwen3-moe", 48, 2048, 151936, 128, 30_532_122_624, 0, nil},
		{"mixtral-8x7b", "mixtral", 32, 4096, 32000, 8, 46_702_792_704, 0, nil},
		{"llama-3-70b", "llama", 80, 8192, 128256, 0, 70_553_706_496, 0, map[string]int64{
			"embedding": 1050673152, "attention": 12079595520, "mlp": 56371445760, "norm": 1318912, "head": 1050673152}},
		{"bloom-176b", "bloom", 70, 14336, 250880, 0, 176_247_271_424, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(tt.name)
			require.NoError(t, err)
			folder := t.TempDir()
			require.NoError(t, m.Write(folder))
			r := inspect(t, folder)
			f := r.Facts
			require.Equal(t, tt.params, *f.Params.Lower)
			require.Equal(t, tt.params, *f.Params.Estimate)
			require.Equal(t, tt.params, *f.Params.Upper)
			require.Equal(t, tt.params, *f.Params.EffectiveUpper)
			require.Equal(t, tt.params+tt.aside, *f.Params.StoredElements)
			require.Equal(t, tt.family, *f.Architecture.Family)
			require.Equal(t, tt.layers, *f.Architecture.Layers)
			require.Equal(t, tt.hidden, *f.Architecture.HiddenSize)
			require.Equal(t, tt.vocab, *f.Architecture.VocabSize)
			require.Equal(t, tt.experts, *f.Architecture.Experts)
			require.Empty(t, f.Architecture.Contradictions)
			require.True(t, *f.Architecture.Agrees)
			require.Equal(t, "names+shapes+config", *f.Architecture.Confidence)
			require.Empty(t, f.Params.WidenedBy)
			require.Empty(t, f.Index.Problems)
			require.Equal(t, tt.params, sum(f.Params.ByComponent))
			require.Equal(t, tt.params, sum(f.Params.ByDType))
			require.Equal(t, tt.params, sumOfLayers(f.Params.ByLayer))
			require.NotContains(t, f.Params.ByComponent, "other")
			if tt.components != nil {
				require.Equal(t, tt.components, f.Params.ByComponent)
			}
			var aside int64
			for _, a := range f.Params.SetAside {
				aside += a.Elements
			}
			require.Equal(t, tt.aside, aside)
			require.Empty(t, r.Reasons)
		})
	}
}

func TestModels_Packed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scheme string
		bits, stored int64
	}{
		{"gpt-oss-20b", "mxfp4", 4, 11_956_805_184},
		{"llama-2-70b-gptq", "gptq", 4, 9_689_833_472},
		{"deepseek-v3", "fp8", 8, 684_531_386_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(tt.name)
			require.NoError(t, err)
			folder := t.TempDir()
			require.NoError(t, m.Write(folder))
			f := inspect(t, folder).Facts
			require.Equal(t, m.Parameters, *f.Params.Lower, f.Params.WidenedBy)
			require.Equal(t, m.Parameters, *f.Params.Estimate)
			require.Equal(t, m.Parameters, *f.Params.Upper, f.Params.WidenedBy)
			require.Equal(t, m.Parameters, *f.Params.EffectiveUpper)
			require.Equal(t, tt.stored, *f.Params.StoredElements)
			require.Equal(t, m.Parameters, sum(f.Params.ByComponent))
			require.Equal(t, m.Parameters, sum(f.Params.ByDType))
			require.Equal(t, tt.scheme, *f.Quantization.Scheme)
			require.Equal(t, tt.bits, *f.Quantization.Bits)
			require.True(t, *f.Architecture.Agrees, f.Architecture.Contradictions)
		})
	}
}

func TestModels_FurtherTokensApart(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("deepseek-v3")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, m.Write(folder))
	f := inspect(t, folder).Facts
	require.Equal(t, int64(13_463_426_304), f.Params.ByComponent["mtp"])
	require.Equal(t, int64(671_026_419_200), *f.Params.Estimate-f.Params.ByComponent["mtp"])
	require.Equal(t, int64(61), *f.Architecture.Layers)
}

func TestModels_Active(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{"mixtral-8x7b": 12_879_925_248, "qwen3-30b-a3b": 3_353_032_704} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(name)
			require.NoError(t, err)
			folder := t.TempDir()
			require.NoError(t, m.Write(folder))
			require.Equal(t, want, *inspect(t, folder).Facts.Params.Active)
		})
	}
}

func TestModels_Adapter(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("llama-3-70b-lora")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, m.Write(folder))
	f := inspect(t, folder).Facts
	require.Equal(t, int64(828_375_040), *f.Params.Lower)
	require.Equal(t, int64(828_375_040), *f.Params.Upper)
	// Every projection of 80 layers: two of 8192 by 8192, two of 1024, three of 28672.
	require.Equal(t, int64(80*8192*(2*8192+2*1024+3*28672)), *f.Params.EffectiveLower)
	require.GreaterOrEqual(t, *f.Params.EffectiveEstimate, *f.Params.EffectiveLower)
	require.Nil(t, f.Params.EffectiveUpper)
	require.Equal(t, "lora", *f.Adapter.Kind)
	require.Equal(t, int64(560), *f.Adapter.Modules)
	require.Zero(t, *f.Adapter.Full)
	require.NotEmpty(t, *f.Adapter.Base)
}

func TestModels_TheLine(t *testing.T) {
	t.Parallel()
	for want, m := range map[int64]fixtures.Model{10_000_000_000: fixtures.Exactly10B(), 10_000_000_001: fixtures.OneOver10B()} {
		folder := t.TempDir()
		require.NoError(t, m.Write(folder))
		r := inspect(t, folder)
		require.Equal(t, want, *r.Facts.Params.Lower)
		require.Equal(t, want, *r.Facts.Params.Upper)
	}
}

func TestModels_Layers(t *testing.T) {
	t.Parallel()
	type run struct {
		stack             string
		first, last, each int64
	}
	tests := []struct {
		name string
		want []run
	}{
		{"gpt2", []run{{"h", 0, 11, 7_087_872}, {"", 0, 0, 39_385_344}}},
		{"llama-3-70b", []run{{"model.layers", 0, 79, 855_654_400}, {"", 0, 0, 2_101_354_496}}},
		{"mixtral-8x7b", []run{{"model.layers", 0, 31, 1_451_270_144}, {"", 0, 0, 262_148_096}}},
		{"gpt-oss-20b", []run{{"model.layers", 0, 23, 823_186_976}, {"", 0, 0, 1_158_269_760}}},
		{"llama-2-70b-gptq", []run{{"model.layers", 0, 79, 855_654_400}, {"", 0, 0, 524_296_192}}},
		{"deepseek-v3", []run{{"model.layers", 0, 2, 583_483_392}, {"model.layers", 3, 60, 11_507_286_272}, {"model.layers", 61, 61, 13_463_426_304}, {"", 0, 0, 1_853_365_248}}},
		{"llama-3-70b-lora", []run{{"base_model.model.model.layers", 0, 79, 10_354_688}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(tt.name)
			require.NoError(t, err)
			folder := t.TempDir()
			require.NoError(t, m.Write(folder))
			p := inspect(t, folder).Facts.Params
			var got []run
			for _, r := range p.ByLayer {
				got = append(got, run{r.Stack, r.First, r.Last, r.Each})
				require.Equal(t, r.Stack != "", r.Set == p.Sets[0].Name)
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, *p.Estimate, sumOfLayers(p.ByLayer))
		})
	}
}

// The parts of a diffusion model lie in folders of their own: their layers are not mixed.
func TestModels_LayersOfAnImageModel(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	image, err := repositories.Named("image-noncommercial")
	require.NoError(t, err)
	require.NoError(t, image.Write(folder))
	p := inspect(t, folder).Facts.Params
	stacks := map[string]int64{}
	for _, r := range p.ByLayer {
		if r.Stack != "" {
			stacks[path.Dir(r.Set)+" "+r.Stack] += r.Last - r.First + 1
		}
	}
	require.Equal(t, map[string]int64{"text_encoder text_model.encoder.layers": 12, "transformer single_transformer_blocks": 38, "transformer transformer_blocks": 19,
		"vae decoder.up_blocks": 4, "vae encoder.down_blocks": 4}, stacks)
	require.Equal(t, *p.Estimate, sumOfLayers(p.ByLayer))
}

// sumOfLayers is what runs of layers come to.
func sumOfLayers(runs []pipeline.LayerRun) (n int64) {
	for _, r := range runs {
		n += (r.Last - r.First + 1) * r.Each
	}
	return n
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}
