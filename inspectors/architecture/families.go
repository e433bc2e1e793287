package architecture

import "strings"

// family is one layout: the tensors that make it up, with their dimensions as
// symbols. Models of different names that share a layout are one family.
type family struct {
	// name is the layout's name, class the loader class that fits it.
	name, class string
	// types are the config's model_type values that declare this layout.
	types []string
	// tensors is the layout, see parse.
	tensors string

	lines []line
}

// line is one tensor of a layout.
type line struct {
	// names are the patterns that may stand for the tensor, the usual one first.
	names []string
	// dims are the symbols of its dimensions; nil where they are not looked at.
	dims     []string
	optional bool
	never    bool
}

// families lists the layouts that are told by names (counting.md section 4).
//
// A layout is a line for each tensor: its pattern without the prefix that wrappers
// add, then a symbol for each dimension. A symbol stands for the same number on all
// lines. "a|b" are two names for one tensor, "?" marks a tensor that may be absent,
// "!" one that must be, and "*" leaves the dimensions alone. h is the hidden size, V
// the vocabulary, E the number of experts. The first line that holds a layer's number
// tells the number of layers.
var families = []family{
	{
		name: "llama", class: "LlamaForCausalLM",
		types: []string{"llama", "mistral", "yi", "smollm", "deepseek", "ministral"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.mlp.gate_proj.weight                     f h
			layers.{}.mlp.up_proj.weight                       f h
			layers.{}.mlp.down_proj.weight                     h f
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.self_attn.q_proj.bias                  q
			! layers.{}.self_attn.q_norm.weight                d
			! layers.{}.pre_feedforward_layernorm.weight       h
			! layers.{}.mlp.experts.{}.gate_proj.weight        m h
			! layers.{}.self_attn.kv_a_proj_with_mqa.weight    c h`,
	},
	{
		name: "qwen2", class: "Qwen2ForCausalLM", types: []string{"qwen2"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.q_proj.bias                    q
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.k_proj.bias                    k
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.v_proj.bias                    k
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.mlp.gate_proj.weight                     f h
			layers.{}.mlp.up_proj.weight                       f h
			layers.{}.mlp.down_proj.weight                     h f
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.self_attn.o_proj.bias                  h
			! layers.{}.mlp.experts.{}.gate_proj.weight        m h`,
	},
	{
		name: "qwen3-moe", class: "Qwen3MoeForCausalLM", types: []string{"qwen3_moe"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.self_attn.q_norm.weight                  d
			layers.{}.self_attn.k_norm.weight                  d
			layers.{}.mlp.gate.weight                          E h
			layers.{}.mlp.experts.{}.gate_proj.weight          m h
			layers.{}.mlp.experts.{}.up_proj.weight            m h
			layers.{}.mlp.experts.{}.down_proj.weight          h m
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.mlp.shared_expert.gate_proj.weight     s h
			! layers.{}.self_attn.q_proj.bias                  q`,
	},
	{
		name: "phi3", class: "Phi3ForCausalLM", types: []string{"phi3"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.qkv_proj.weight                c h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.mlp.gate_up_proj.weight                  g h
			layers.{}.mlp.down_proj.weight                     h f
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.post_self_attn_layernorm.weight        h`,
	},
	{
		name: "gemma2", class: "Gemma2ForCausalLM", types: []string{"gemma2"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.pre_feedforward_layernorm.weight         h
			layers.{}.post_feedforward_layernorm.weight        h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.mlp.gate_proj.weight                     f h
			layers.{}.mlp.up_proj.weight                       f h
			layers.{}.mlp.down_proj.weight                     h f
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.self_attn.q_norm.weight                d`,
	},
	{
		name: "mixtral", class: "MixtralForCausalLM", types: []string{"mixtral"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.block_sparse_moe.gate.weight             E h
			layers.{}.block_sparse_moe.experts.{}.w1.weight    f h
			layers.{}.block_sparse_moe.experts.{}.w2.weight    h f
			layers.{}.block_sparse_moe.experts.{}.w3.weight    f h
			norm.weight                                        h
			? lm_head.weight                                   V h
			! layers.{}.self_attn.q_proj.bias                  q
			! layers.{}.self_attn.q_norm.weight                d`,
	},
	{
		name: "gpt-oss", class: "GptOssForCausalLM", types: []string{"gpt_oss"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_proj.weight                  q h
			layers.{}.self_attn.k_proj.weight                  k h
			layers.{}.self_attn.v_proj.weight                  k h
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.self_attn.sinks                          n
			layers.{}.mlp.router.weight                        E h
			layers.{}.mlp.router.bias                          E
			layers.{}.mlp.experts.gate_up_proj_bias            E g
			layers.{}.mlp.experts.down_proj_bias               E h
			layers.{}.mlp.experts.gate_up_proj_blocks|layers.{}.mlp.experts.gate_up_proj  *
			layers.{}.mlp.experts.down_proj_blocks|layers.{}.mlp.experts.down_proj        *
			norm.weight                                        h
			? lm_head.weight                                   V h`,
	},
	{
		name: "deepseek-v3", class: "DeepseekV3ForCausalLM", types: []string{"deepseek_v3", "kimi_k2"},
		tensors: `
			embed_tokens.weight                                V h
			layers.{}.input_layernorm.weight                   h
			layers.{}.post_attention_layernorm.weight          h
			layers.{}.self_attn.q_a_proj.weight                a h
			layers.{}.self_attn.q_a_layernorm.weight           a
			layers.{}.self_attn.q_b_proj.weight                b a
			layers.{}.self_attn.kv_a_proj_with_mqa.weight      c h
			layers.{}.self_attn.kv_a_layernorm.weight          d
			layers.{}.self_attn.kv_b_proj.weight               e d
			layers.{}.self_attn.o_proj.weight                  h q
			layers.{}.mlp.gate.weight                          E h
			layers.{}.mlp.gate.e_score_correction_bias         E
			layers.{}.mlp.experts.{}.gate_proj.weight          m h
			layers.{}.mlp.experts.{}.up_proj.weight            m h
			layers.{}.mlp.experts.{}.down_proj.weight          h m
			layers.{}.mlp.shared_experts.gate_proj.weight      s h
			norm.weight                                        h
			? lm_head.weight                                   V h`,
	},
	{
		name: "gpt2", class: "GPT2LMHeadModel", types: []string{"gpt2"},
		tensors: `
			wte.weight                                         V h
			wpe.weight                                         p h
			h.{}.ln_1.weight                                   h
			h.{}.ln_1.bias                                     h
			h.{}.ln_2.weight                                   h
			h.{}.attn.c_attn.weight                            h t
			h.{}.attn.c_attn.bias                              t
			h.{}.attn.c_proj.weight                            h h
			h.{}.mlp.c_fc.weight                               h f
			h.{}.mlp.c_proj.weight                             f h
			ln_f.weight                                        h
			? lm_head.weight                                   V h`,
	},
	{
		name: "bloom", class: "BloomForCausalLM", types: []string{"bloom"},
		tensors: `
			word_embeddings.weight                             V h
			word_embeddings_layernorm.weight                   h
			h.{}.input_layernorm.weight                        h
			h.{}.input_layernorm.bias                          h
			h.{}.post_attention_layernorm.weight               h
			h.{}.self_attention.query_key_value.weight         t h
			h.{}.self_attention.query_key_value.bias           t
			h.{}.self_attention.dense.weight                   h h
			h.{}.mlp.dense_h_to_4h.weight                      f h
			h.{}.mlp.dense_4h_to_h.weight                      h f
			ln_f.weight                                        h
			? lm_head.weight                                   V h`,
	},
}

// parse turns the layout's text into lines.
func parse(text string) []line {
	var lines []line
	for row := range strings.Lines(text) {
		fields := strings.Fields(row)
		if len(fields) == 0 {
			continue
		}
		var l line
		switch fields[0] {
		case "?":
			l.optional, fields = true, fields[1:]
		case "!":
			l.never, fields = true, fields[1:]
		}
		l.names = strings.Split(fields[0], "|")
		if dims := fields[1:]; dims[0] != "*" {
			l.dims = dims
		}
		lines = append(lines, l)
	}
	return lines
}
