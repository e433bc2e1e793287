package weight_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// Published models, built by arithmetic from their hyper-parameters (counting.md
// sections 0, 3 and 7.4).

func stored(tensors []tensor) (n int64) {
	for _, t := range tensors {
		e, _ := t.Elements()
		n += int64(e)
	}
	return n
}

// Llama-2-13B in bitsandbytes nf4: a sum of shapes sees little more than half of it.
func TestPublished_BitsAndBytes13B(t *testing.T) {
	t.Parallel()
	m := decoder(sizes{layers: 40, hidden: 5120, query: 5120, keyValue: 5120, inner: 13824, vocabulary: 32000})
	tensors := m.pack(func(l linear) []tensor {
		n, w := l.parameters(), l.name+".weight"
		// The quant state is a JSON text of about 170 bytes, whose length depends on the digits in it.
		state := uint64(171)
		return []tensor{tensorOf(w, u8, n/2, 1), tensorOf(w+".absmax", u8, n/64), tensorOf(w+".nested_absmax", f32, ceil(n/64, 256)),
			tensorOf(w+".nested_quant_map", f32, 256), tensorOf(w+".quant_map", f32, 16), tensorOf(w+".quant_state.bitsandbytes__nf4", u8, state)}
	})
	require.Len(t, tensors, 1763)
	require.InDelta(t, 6_871_124_523, stored(tensors), 280*10)
	requireExact(t, 13_015_864_320, weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil))
}

// Qwen3-14B in MLX's four bits: embedding and head are packed too.
func TestPublished_MLX14B(t *testing.T) {
	t.Parallel()
	d := decoder(sizes{layers: 40, hidden: 5120, query: 5120, keyValue: 1024, inner: 17408, vocabulary: 151936})
	m := model{linears: append(d.linears, linear{"model.embed_tokens", 151936, 5120, 0}, linear{"lm_head", 151936, 5120, 0})}
	for _, x := range d.plain {
		if len(x.Shape) == 1 {
			m.plain = append(m.plain, x)
		}
	}
	for i := range 40 {
		m.plain = append(m.plain, tensorOf(fmt.Sprintf("model.layers.%d.self_attn.q_norm.weight", i), bf16, 128), tensorOf(fmt.Sprintf("model.layers.%d.self_attn.k_norm.weight", i), bf16, 128))
	}
	tensors := m.pack(mlx(4, 64))
	require.Len(t, tensors, 1007)
	require.Equal(t, int64(14_768_307_200), m.parameters())
	require.Less(t, stored(tensors), int64(3_000_000_000))
	requireExact(t, m.parameters(), weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil))
}

// deepseekLike is a decoder with latent attention and routed experts.
type deepseekLike struct{ layers, dense, hidden, vocabulary, heads, queryRank, keyRank, experts, expert, inner uint64 }

func (d deepseekLike) model() model {
	var m model
	plain := func(name string, shape ...uint64) {
		m.plain = append(m.plain, tensorOf("model."+name, bf16, shape...))
	}
	plain("embed_tokens.weight", d.vocabulary, d.hidden)
	for i := range d.layers {
		l := fmt.Sprintf("layers.%d.", i)
		a := l + "self_attn."
		plain(a+"q_a_proj.weight", d.queryRank, d.hidden)
		plain(a+"q_a_layernorm.weight", d.queryRank)
		plain(a+"q_b_proj.weight", d.heads*192, d.queryRank)
		plain(a+"kv_a_proj_with_mqa.weight", d.keyRank+64, d.hidden)
		plain(a+"kv_a_layernorm.weight", d.keyRank)
		plain(a+"kv_b_proj.weight", d.heads*256, d.keyRank)
		plain(a+"o_proj.weight", d.hidden, d.heads*128)
		plain(l+"input_layernorm.weight", d.hidden)
		plain(l+"post_attention_layernorm.weight", d.hidden)
		if i < d.dense {
			plain(l+"mlp.gate_proj.weight", d.inner, d.hidden)
			plain(l+"mlp.up_proj.weight", d.inner, d.hidden)
			plain(l+"mlp.down_proj.weight", d.hidden, d.inner)
			continue
		}
		plain(l+"mlp.gate.weight", d.experts, d.hidden)
		plain(l+"mlp.gate.e_score_correction_bias", d.experts)
		plain(l+"mlp.shared_experts.gate_proj.weight", d.expert, d.hidden)
		plain(l+"mlp.shared_experts.up_proj.weight", d.expert, d.hidden)
		plain(l+"mlp.shared_experts.down_proj.weight", d.hidden, d.expert)
		for e := range d.experts {
			x := fmt.Sprintf("model.%smlp.experts.%d.", l, e)
			m.linears = append(m.linears, linear{x + "gate_proj", d.expert, d.hidden, 0}, linear{x + "up_proj", d.expert, d.hidden, 0}, linear{x + "down_proj", d.hidden, d.expert, 0})
		}
	}
	plain("norm.weight", d.hidden)
	m.plain = append(m.plain, tensorOf("lm_head.weight", bf16, d.vocabulary, d.hidden))
	return m
}

// Kimi-K2: experts packed four bits at a time into I32, everything else as it is.
func TestPublished_Kimi(t *testing.T) {
	t.Parallel()
	m := deepseekLike{layers: 61, dense: 1, hidden: 7168, vocabulary: 163840, heads: 64, queryRank: 1536, keyRank: 512, experts: 384, expert: 2048, inner: 18432}.model()
	require.Equal(t, int64(1_026_408_232_448), m.parameters())
	f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(packed(4, 32, false))...)}, nil)
	requireExact(t, m.parameters(), f)
	require.Equal(t, int64(4), *f.Quantization.Bits)
}

// Kimi-K2 in FP8: the inputs of the output projection are nowhere else in the model, and
// still it is exact, because no shape contradicts it.
func TestPublished_LatentAttentionInFP8(t *testing.T) {
	t.Parallel()
	m := deepseekLike{layers: 12, dense: 1, hidden: 7168, vocabulary: 163840, heads: 64, queryRank: 1536, keyRank: 512, experts: 16, expert: 2048, inner: 18432}.model()
	var tensors []tensor
	for _, x := range m.pack(asIs) {
		if len(x.Shape) == 2 && x.Name != "model.embed_tokens.weight" && x.Name != "lm_head.weight" {
			tensors = append(tensors, tensorOf(x.Name+"_scale_inv", f32, ceil(x.Shape[0], 128), ceil(x.Shape[1], 128)))
			x.DType = f8
		}
		tensors = append(tensors, x)
	}
	requireExact(t, m.parameters(), weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil))
}

// A pruned mixture keeps some of its experts under their old numbers.
func TestPublished_PrunedExperts(t *testing.T) {
	t.Parallel()
	d := deepseekLike{layers: 4, dense: 1, hidden: 2048, vocabulary: 32000, heads: 16, queryRank: 768, keyRank: 512, experts: 64, expert: 768, inner: 6144}
	m := d.model()
	var kept []linear
	for i, l := range m.linears {
		if i/3%64%3 != 0 {
			kept = append(kept, l)
		}
	}
	m.linears = kept
	requireExact(t, m.parameters(), weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(asIs)...)}, nil))
	requireExact(t, m.parameters(), weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(packed(4, 32, false))...)}, nil))
}

// Falcon-40B stores its head although it is tied to the embedding.
func TestPublished_TiedHeadStored(t *testing.T) {
	t.Parallel()
	const vocabulary, hidden, layers, kv = 65024, 8192, 60, 8
	tensors := []tensor{tensorOf("transformer.word_embeddings.weight", bf16, vocabulary, hidden), tensorOf("lm_head.weight", bf16, vocabulary, hidden),
		tensorOf("transformer.ln_f.weight", bf16, hidden), tensorOf("transformer.ln_f.bias", bf16, hidden)}
	for i := range layers {
		l := fmt.Sprintf("transformer.h.%d.", i)
		tensors = append(tensors, tensorOf(l+"self_attention.query_key_value.weight", bf16, hidden+2*kv*64, hidden), tensorOf(l+"self_attention.dense.weight", bf16, hidden, hidden),
			tensorOf(l+"mlp.dense_h_to_4h.weight", bf16, 4*hidden, hidden), tensorOf(l+"mlp.dense_4h_to_h.weight", bf16, hidden, 4*hidden))
		for _, n := range []string{"ln_attn.weight", "ln_attn.bias", "ln_mlp.weight", "ln_mlp.bias"} {
			tensors = append(tensors, tensorOf(l+n, bf16, hidden))
		}
	}
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil, architecture("falcon", layers))
	require.Equal(t, int64(532_676_608), *f.Params.Estimate-*f.Params.Lower)
	require.Equal(t, *f.Params.Estimate, *f.Params.Upper)
	require.Equal(t, int64(vocabulary*hidden), *f.Params.Upper-*f.Params.Lower)
	// A config that says they are not tied raises the lower end; one that says they are changes nothing.
	g := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, []pipeline.Config{config(t, `{"tie_word_embeddings": false}`)}, architecture("falcon", layers))
	require.Equal(t, *f.Params.Upper, *g.Params.Lower)
	g = weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, []pipeline.Config{config(t, `{"tie_word_embeddings": true}`)}, architecture("falcon", layers))
	require.Equal(t, f.Params.Lower, g.Params.Lower)
}

// neox is GPT-NeoX-20B with its causal masks.
func neox(mask pipeline.DType) (tensors []tensor, parameters int64) {
	const hidden, layers, vocabulary = 6144, 44, 50432
	add := func(name string, shape ...uint64) {
		x := tensorOf("gpt_neox."+name, f16, shape...)
		n, _ := x.Elements()
		parameters += int64(n)
		tensors = append(tensors, x)
	}
	add("embed_in.weight", vocabulary, hidden)
	add("embed_out.weight", vocabulary, hidden)
	add("final_layer_norm.weight", hidden)
	add("final_layer_norm.bias", hidden)
	for i := range layers {
		l := fmt.Sprintf("layers.%d.", i)
		for name, shape := range map[string][2]uint64{"attention.query_key_value": {3 * hidden, hidden}, "attention.dense": {hidden, hidden}, "mlp.dense_h_to_4h": {4 * hidden, hidden}, "mlp.dense_4h_to_h": {hidden, 4 * hidden}} {
			add(l+name+".weight", shape[0], shape[1])
			add(l+name+".bias", shape[0])
		}
		for _, n := range []string{"input_layernorm", "post_attention_layernorm"} {
			add(l+n+".weight", hidden)
			add(l+n+".bias", hidden)
		}
		tensors = append(tensors, tensorOf("gpt_neox."+l+"attention.bias", mask, 1, 1, 2048, 2048), tensorOf("gpt_neox."+l+"attention.masked_bias", f16),
			tensorOf("gpt_neox."+l+"attention.rotary_emb.inv_freq", f16, 12))
	}
	return tensors, parameters
}

func TestPublished_Masks(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]pipeline.DType{"U8": u8, "BOOL": pipeline.BOOL, "F16": f16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tensors, want := neox(d)
			require.Equal(t, int64(20_554_567_680), want)
			f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil, architecture("gpt-neox", 44))
			requireExact(t, want, f)
			var aside int64
			for _, a := range f.Params.SetAside {
				aside += a.Elements
			}
			require.Equal(t, int64(184_549_376+44+44*12), aside)
			require.Equal(t, want, f.Params.Sets[0].Estimate)
		})
	}
}

// More masks than layers are no masks, and what is above the cap stays in upper.
func TestPublished_MasksAreCapped(t *testing.T) {
	t.Parallel()
	tensors, want := neox(u8)
	for i := range 44 {
		tensors = append(tensors, tensorOf(fmt.Sprintf("gpt_neox.layers.%d.other.attention.bias", i), u8, 1, 1, 4096, 4096))
	}
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil, architecture("gpt-neox", 44))
	require.Equal(t, want, *f.Params.Estimate)
	require.GreaterOrEqual(t, *f.Params.Upper, want+8*(44*(4096*4096)-411_000_000))
	tensors, want = neox(u8)
	tensors = append(tensors, tensorOf("gpt_neox.layers.99.attention.bias", u8, 1, 1, 2048, 2048))
	f = weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil, architecture("gpt-neox", 44))
	require.GreaterOrEqual(t, *f.Params.Upper, want+8*45*2048*2048)
}

// MiMo-7B predicts one further token; ERNIE, GLM and DeepSeek store such layers by other names.
func TestPublished_FurtherTokens(t *testing.T) {
	t.Parallel()
	const h, q, kv, inner = 4096, 4096, 1024, 11008
	var layer []tensor
	l := "model.mtp_layers.0."
	for _, n := range []string{"input_layernorm.weight", "post_attention_layernorm.weight", "token_layernorm.weight", "hidden_layernorm.weight", "final_layernorm.weight"} {
		layer = append(layer, tensorOf(l+n, bf16, h))
	}
	layer = append(layer, tensorOf(l+"self_attn.q_proj.weight", bf16, q, h), tensorOf(l+"self_attn.q_proj.bias", bf16, q), tensorOf(l+"self_attn.k_proj.weight", bf16, kv, h), tensorOf(l+"self_attn.k_proj.bias", bf16, kv),
		tensorOf(l+"self_attn.v_proj.weight", bf16, kv, h), tensorOf(l+"self_attn.v_proj.bias", bf16, kv), tensorOf(l+"self_attn.o_proj.weight", bf16, h, q),
		tensorOf(l+"mlp.gate_proj.weight", bf16, inner, h), tensorOf(l+"mlp.up_proj.weight", bf16, inner, h), tensorOf(l+"mlp.down_proj.weight", bf16, h, inner), tensorOf(l+"input_proj.weight", bf16, h, 2*h))
	require.Equal(t, int64(210_790_400), stored(layer))
	rest := decoder(sizes{layers: 36, hidden: h, query: q, keyValue: kv, inner: inner, vocabulary: 151680})
	for _, name := range []string{"model.mtp_layers.0.", "ernie.mtp_block.0.", "model.mtp.0."} {
		tensors := rest.pack(asIs)
		for _, x := range layer {
			x.Name = name + x.Name[len(l):]
			tensors = append(tensors, x)
		}
		f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
		require.Equal(t, int64(210_790_400), f.Params.ByComponent["mtp"], name)
		requireExact(t, rest.parameters()+210_790_400, f)
	}
	// GLM numbers its layer on from the model's own, and tells it by its projection.
	tensors := rest.pack(asIs)
	for _, x := range layer {
		x.Name = "model.layers.36." + x.Name[len(l):]
		tensors = append(tensors, x)
	}
	tensors = append(tensors, tensorOf("model.layers.36.eh_proj.weight", bf16, h, 2*h))
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
	require.Equal(t, int64(210_790_400+2*h*h), f.Params.ByComponent["mtp"])
}

// medgemma: a tower that sees counts, under its own component.
func TestPublished_Towers(t *testing.T) {
	t.Parallel()
	text := decoder(usual)
	tensors := text.pack(asIs)
	var seen, heard int64
	for i := range 5 {
		for _, tower := range []string{"vision_tower.vision_model.encoder.layers.%d.mlp.fc1.weight", "model.audio_tower.layers.%d.fc1.weight"} {
			tensors = append(tensors, tensorOf(fmt.Sprintf(tower, i), bf16, 4304, 1152), tensorOf(fmt.Sprintf(tower[:len(tower)-6]+"norm", i), bf16, 1152))
		}
		seen, heard = seen+4304*1152+1152, heard+4304*1152+1152
	}
	tensors = append(tensors, tensorOf("multi_modal_projector.linear_1.weight", bf16, 1536, 1152))
	seen += 1536 * 1152
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
	requireExact(t, text.parameters()+seen+heard, f)
	require.Equal(t, seen, f.Params.ByComponent["vision"])
	require.Equal(t, heard, f.Params.ByComponent["audio"])
}
