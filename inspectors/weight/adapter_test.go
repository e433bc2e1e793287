package weight_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// large is the base that the adapters below are for: more than ten billion.
var large = sizes{layers: 40, hidden: 5120, query: 5120, keyValue: 1024, inner: 17408, vocabulary: 151936}

// adapterTo writes an adapter to every matrix of a model.
func adapterTo(m model, write func(l linear) []tensor) []tensor {
	var out []tensor
	for _, l := range m.linears {
		out = append(out, write(l)...)
	}
	return out
}

func matrices(m model) (n int64) {
	for _, l := range m.linears {
		n += int64(l.parameters())
	}
	return n
}

func TestAdapters(t *testing.T) {
	t.Parallel()
	base := decoder(large)
	const r = 16
	peft := func(l linear) string { return "base_model.model." + l.name }
	tests := []struct {
		name, kind string
		write      func(l linear) []tensor
		// bounded is true where every matrix's two sides can be seen.
		bounded bool
	}{
		{"LoRA", "lora", func(l linear) []tensor {
			return []tensor{tensorOf(peft(l)+".lora_A.weight", f32, r, l.in), tensorOf(peft(l)+".lora_B.weight", f32, l.out, r)}
		}, true},
		{"LoRA of a named adapter", "lora", func(l linear) []tensor {
			return []tensor{tensorOf(peft(l)+".lora_A.mine.weight", f32, r, l.in), tensorOf(peft(l)+".lora_B.mine.weight", f32, l.out, r)}
		}, true},
		{"DoRA", "dora", func(l linear) []tensor {
			return []tensor{tensorOf(peft(l)+".lora_A.weight", f32, r, l.in), tensorOf(peft(l)+".lora_B.weight", f32, l.out, r), tensorOf(peft(l)+".lora_magnitude_vector", f32, l.out)}
		}, true},
		{"kohya", "lora", func(l linear) []tensor {
			n := "lora_te_" + flatName(l.name)
			return []tensor{tensorOf(n+".lora_down.weight", f16, r, l.in), tensorOf(n+".lora_up.weight", f16, l.out, r), tensorOf(n+".alpha", f16)}
		}, true},
		{"LoHa", "loha", func(l linear) []tensor {
			n := peft(l)
			return []tensor{tensorOf(n+".hada_w1_a", f32, l.out, r), tensorOf(n+".hada_w1_b", f32, r, l.in), tensorOf(n+".hada_w2_a", f32, l.out, r), tensorOf(n+".hada_w2_b", f32, r, l.in)}
		}, true},
		{"LoKr", "lokr", func(l linear) []tensor {
			return []tensor{tensorOf(peft(l)+".lokr_w1", f32, 16, 16), tensorOf(peft(l)+".lokr_w2", f32, l.out/16, l.in/16)}
		}, true},
		{"LoKr in factors", "lokr", func(l linear) []tensor {
			n := peft(l)
			return []tensor{tensorOf(n+".lokr_w1", f32, 16, 16), tensorOf(n+".lokr_w2_a", f32, l.out/16, r), tensorOf(n+".lokr_w2_b", f32, r, l.in/16)}
		}, true},
		{"IA3", "ia3", func(l linear) []tensor { return []tensor{tensorOf(peft(l)+".ia3_l", f32, l.out, 1)} }, false},
		{"VeRA", "vera", func(l linear) []tensor {
			return []tensor{tensorOf(peft(l)+".vera_lambda_b", f32, l.out), tensorOf(peft(l)+".vera_lambda_d", f32, 256)}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tensors := adapterTo(base, tt.write)
			if tt.kind == "vera" {
				tensors = append(tensors, tensorOf("base_model.vera_A", f32, 256, large.inner), tensorOf("base_model.vera_B", f32, large.inner, 256))
			}
			f := weigh(t, []*pipeline.Table{file("adapter_model.safetensors", tensors...)}, nil)
			require.Equal(t, stored(tensors), *f.Params.Lower)
			require.Equal(t, stored(tensors), *f.Params.Estimate)
			require.Equal(t, tt.kind, *f.Adapter.Kind)
			require.Equal(t, stored(tensors), f.Params.ByComponent["adapter"])
			require.Nil(t, f.Params.EffectiveUpper)
			require.Zero(t, *f.Adapter.Full)
			require.LessOrEqual(t, *f.Params.EffectiveLower, base.parameters())
			if tt.bounded {
				require.Equal(t, matrices(base), *f.Params.EffectiveLower)
				require.Equal(t, int64(len(base.linears)), *f.Adapter.Modules)
			}
			if tt.kind != "vera" && tt.name != "kohya" {
				require.Greater(t, *f.Params.EffectiveEstimate, int64(10_000_000_000))
			}
		})
	}
}

func flatName(name string) string {
	b := []byte(name)
	for i := range b {
		if b[i] == '.' {
			b[i] = '_'
		}
	}
	return string(b)
}

// Two adapted matrices of the last layer are enough for an estimate of the whole.
func TestAdapters_EstimateFromFewMatrices(t *testing.T) {
	t.Parallel()
	var tensors []tensor
	for _, n := range []string{"q_proj", "v_proj"} {
		l := fmt.Sprintf("base_model.model.model.layers.%d.self_attn.%s", large.layers-1, n)
		out := map[string]uint64{"q_proj": large.query, "v_proj": large.keyValue}[n]
		tensors = append(tensors, tensorOf(l+".lora_A.weight", f32, 8, large.hidden), tensorOf(l+".lora_B.weight", f32, out, 8))
	}
	f := weigh(t, []*pipeline.Table{file("adapter_model.safetensors", tensors...)}, nil)
	require.Equal(t, int64(large.hidden*(large.query+large.keyValue)), *f.Params.EffectiveLower)
	require.Greater(t, *f.Params.EffectiveEstimate, int64(10_000_000_000))
}

// Whole matrices in an adapter count as what they are.
func TestAdapters_WholeMatricesInside(t *testing.T) {
	t.Parallel()
	base := decoder(large)
	var tensors []tensor
	var full int64
	for _, l := range base.linears {
		n := "base_model.model." + l.name
		tensors = append(tensors, tensorOf(n+".lora_A.weight", f32, 8, l.in), tensorOf(n+".lora_B.weight", f32, l.out, 8), tensorOf(n+".base_layer.weight", bf16, l.out, l.in))
		full += int64(l.out * l.in)
	}
	tensors = append(tensors, tensorOf("base_model.model.lm_head.modules_to_save.weight", bf16, large.vocabulary, large.hidden))
	full += int64(large.vocabulary * large.hidden)
	f := weigh(t, []*pipeline.Table{file("adapter_model.safetensors", tensors...)}, nil)
	require.Equal(t, full, *f.Adapter.Full)
	require.Equal(t, stored(tensors), *f.Params.Lower)
	require.GreaterOrEqual(t, *f.Params.EffectiveLower, full)
}

// An adapter beside the model that it changes weighs what lies there; beside a decoy it
// is an adapter to something else.
func TestAdapters_BesideAModel(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	lora := func(l linear) []tensor {
		return []tensor{tensorOf("base_model.model."+l.name+".lora_A.weight", f32, 8, l.in), tensorOf("base_model.model."+l.name+".lora_B.weight", f32, l.out, 8)}
	}
	own := adapterTo(m, lora)
	tables := func(a []tensor) []*pipeline.Table {
		return []*pipeline.Table{file("adapter_model.safetensors", a...), file("model.safetensors", m.pack(asIs)...)}
	}
	f := weigh(t, tables(own), nil, architecture("llama", 6))
	require.Equal(t, m.parameters()+stored(own), *f.Params.EffectiveUpper)
	for name, foreign := range map[string][]tensor{
		"LoRA of another": adapterTo(decoder(large), lora)[:4],
		"VeRA of another": {tensorOf("base_model.model.model.layers.0.mlp.up_proj.vera_lambda_b", f32, 28672), tensorOf("base_model.model.model.layers.0.mlp.up_proj.vera_lambda_d", f32, 256)},
		"of no sides":     {tensorOf("base_model.model.model.layers.0.mlp.up_proj.fourierft_spectrum", f32, 1000)},
	} {
		f := weigh(t, tables(foreign), nil, architecture("llama", 6))
		require.Nil(t, f.Params.EffectiveUpper, name)
	}
}

// A config alone makes an adapter, whose base nothing bounds.
func TestAdapters_ByConfig(t *testing.T) {
	t.Parallel()
	c := config(t, `{"peft_type": "LORA", "base_model_name_or_path": "someone/large", "layer_replication": [[0, 40], [20, 60]]}`)
	c.Object, c.Adapter = "adapter_config.json", true
	f := weigh(t, []*pipeline.Table{file("adapter_model.safetensors", tensorOf("x.weight", f32, 8, 8))}, []pipeline.Config{c})
	require.Equal(t, "lora", *f.Adapter.Kind)
	require.Equal(t, "someone/large", *f.Adapter.Base)
	require.Nil(t, f.Params.EffectiveUpper)
	require.Equal(t, int64(64), *f.Params.Lower)
}
