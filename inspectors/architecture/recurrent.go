package architecture

// recurrent lists language models with state-space or linear attention layers, alone
// or mixed with attention.
func recurrent() []family {
	return []family{
		{
			name: "mamba", class: "MambaForCausalLM", types: []string{"mamba", "falcon_mamba"},
			layouts: []layout{{whole: true, tensors: `
				layers.{}.mixer.A_log                   i n
				layers.{}.mixer.D                       i
				layers.{}.mixer.conv1d.weight           i 1 c
				layers.{}.mixer.conv1d.bias             i
				layers.{}.mixer.x_proj.weight           x i
				layers.{}.mixer.dt_proj.weight          i r
				layers.{}.mixer.dt_proj.bias            i
				layers.{}.mixer.in_proj.weight          2i h
				layers.{}.mixer.out_proj.weight         h i
				layers.{}.norm.weight                   h
				embeddings.weight|embedding.weight      V h
				norm_f.weight                           h
				?t lm_head.weight                       V h`}},
		},
		{
			name: "mamba2", class: "Mamba2ForCausalLM", types: []string{"mamba2"},
			layouts: []layout{{whole: true, tensors: `
				layers.{}.mixer.A_log                   n
				layers.{}.mixer.D                       n
				layers.{}.mixer.dt_bias                 n
				layers.{}.mixer.conv1d.weight           c 1 w
				layers.{}.mixer.conv1d.bias             c
				layers.{}.mixer.in_proj.weight          p h
				layers.{}.mixer.norm.weight             i
				layers.{}.mixer.out_proj.weight         h i
				layers.{}.norm.weight                   h
				embeddings.weight|embedding.weight      V h
				norm_f.weight                           h
				?t lm_head.weight                       V h
				! layers.{}.mixer.q_proj.weight         q h
				! layers.{}.mixer.up_proj.weight        f h
				: i<c
				: c<p`}},
		},
		{
			name: "rwkv", class: "RwkvForCausalLM", types: []string{"rwkv", "rwkv5", "rwkv6", "rwkv4"},
			layouts: []layout{{tensors: `
				blocks.{}.attention.time_decay          *
				blocks.{}.attention.receptance.weight   _ h
				blocks.{}.attention.key.weight          _ h
				blocks.{}.attention.value.weight        _ h
				blocks.{}.attention.output.weight       h _
				blocks.{}.feed_forward.key.weight       f h
				blocks.{}.feed_forward.value.weight     h f
				blocks.{}.ln1.weight                    h
				blocks.{}.ln2.weight                    h
				embeddings.weight                       V h
				ln_out.weight                           h
				? head.weight                           V h`}},
		},
		{
			name: "rwkv7", class: "RWKV7ForCausalLM", types: []string{"rwkv7"},
			layouts: []layout{
				{tensors: `
					layers.{}.attn.r_k                      *
					layers.{}.attn.k_k                      *
					layers.{}.attn.w_lora.lora.{}.weight    *
					layers.{}.attn.r_proj.weight            h h
					layers.{}.attn.k_proj.weight            h h
					layers.{}.attn.v_proj.weight            h h
					layers.{}.attn.o_proj.weight            h h
					layers.{}.ffn.key.weight                f h
					layers.{}.ffn.value.weight              h f
					embeddings.weight                       V h
					norm.weight|ln_out.weight               h
					? lm_head.weight                        V h`},
				{variant: "native", tensors: `
					blocks.{}.att.r_k                       *
					blocks.{}.att.k_k                       *
					blocks.{}.att.receptance.weight         h h
					blocks.{}.att.key.weight                h h
					blocks.{}.att.value.weight              h h
					blocks.{}.att.output.weight             h h
					blocks.{}.ffn.key.weight                f h
					blocks.{}.ffn.value.weight              h f
					emb.weight                              V h
					ln_out.weight                           h
					? head.weight                           V h`},
			},
		},
		{
			name: "jamba", class: "JambaForCausalLM", types: []string{"jamba"},
			layouts: []layout{{tensors: `
				layers.{}.input_layernorm.weight                      h
				layers.{}.pre_ff_layernorm.weight                     h
				~ layers.{}.mamba.in_proj.weight                      2i h
				~ layers.{}.mamba.out_proj.weight                     h i
				~ layers.{}.mamba.dt_layernorm.weight                 r
				~ layers.{}.mamba.b_layernorm.weight                  n
				~ layers.{}.mamba.c_layernorm.weight                  n
				~ layers.{}.self_attn.q_proj.weight                   q h
				~ layers.{}.self_attn.o_proj.weight                   h q
				~? layers.{}.feed_forward.gate_proj.weight            f h
				~? layers.{}.feed_forward.router.weight               E h
				~? layers.{}.feed_forward.experts.{}.gate_proj.weight m h
				embed_tokens.weight                                   V h
				final_layernorm.weight                                h
				? lm_head.weight                                      V h`}},
		},
		{
			name: "granite-hybrid", class: "GraniteMoeHybridForCausalLM", types: []string{"granitemoehybrid", "granitehybrid"},
			layouts: []layout{{tensors: twoNorms + `
				~ layers.{}.mamba.in_proj.weight                      _ h
				~ layers.{}.mamba.A_log                               n
				~ layers.{}.mamba.out_proj.weight                     h i
				~ layers.{}.self_attn.q_proj.weight                   q h
				~ layers.{}.self_attn.o_proj.weight                   h q
				layers.{}.shared_mlp.input_linear.weight              2s h
				layers.{}.shared_mlp.output_linear.weight             h s
				? layers.{}.block_sparse_moe.router.layer.weight      E h
				? layers.{}.block_sparse_moe.input_linear.weight      E 2m h
				? layers.{}.block_sparse_moe.output_linear.weight     E h m
				embed_tokens.weight                                   V h
				norm.weight                                           h
				? lm_head.weight                                      V h`}},
		},
		{
			name: "falcon-h1", class: "FalconH1ForCausalLM", types: []string{"falcon_h1", "falcon-h1"},
			layouts: []layout{{tensors: attention + `
				layers.{}.mamba.in_proj.weight                        _ h
				layers.{}.mamba.A_log                                 n
				layers.{}.mamba.out_proj.weight                       h i
				layers.{}.feed_forward.gate_proj.weight               f h
				layers.{}.feed_forward.up_proj.weight                 f h
				layers.{}.feed_forward.down_proj.weight               h f
				layers.{}.input_layernorm.weight                      h
				layers.{}.pre_ff_layernorm.weight                     h
				embed_tokens.weight                                   V h
				final_layernorm.weight                                h
				? lm_head.weight                                      V h`}},
		},
		{
			name: "nemotron-h", class: "NemotronHForCausalLM", types: []string{"nemotron_h"},
			layouts: []layout{{tensors: `
				layers.{}.norm.weight                                 h
				~ layers.{}.mixer.in_proj.weight                      _ h
				~ layers.{}.mixer.A_log                               n
				~ layers.{}.mixer.dt_bias                             n
				~ layers.{}.mixer.out_proj.weight                     h i
				~ layers.{}.mixer.q_proj.weight                       q h
				~ layers.{}.mixer.k_proj.weight                       k h
				~ layers.{}.mixer.v_proj.weight                       k h
				~ layers.{}.mixer.o_proj.weight                       h q
				~? layers.{}.mixer.up_proj.weight                     f h
				~? layers.{}.mixer.down_proj.weight                   h f
				~? layers.{}.mixer.gate.weight                        E h
				embeddings.weight                                     V h
				norm_f.weight                                         h
				? lm_head.weight                                      V h`}},
		},
		{
			name: "qwen3-next", class: "Qwen3NextForCausalLM",
			types: []string{"qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text", "qwen3next", "qwen35"},
			layouts: []layout{
				{tensors: twoNorms + ends + `
					~ layers.{}.linear_attn.in_proj_qkvz.weight       _ h
					~ layers.{}.linear_attn.in_proj_ba.weight         _ h
					~ layers.{}.linear_attn.conv1d.weight             *
					~ layers.{}.linear_attn.A_log                     n
					~ layers.{}.linear_attn.dt_bias                   n
					~ layers.{}.linear_attn.out_proj.weight           h i
					~ layers.{}.self_attn.q_proj.weight               2q h
					~ layers.{}.self_attn.k_proj.weight               k h
					~ layers.{}.self_attn.v_proj.weight               k h
					~ layers.{}.self_attn.o_proj.weight               h q
					? layers.{}.mlp.gate.weight                       E h
					? layers.{}.mlp.experts.{}.gate_proj.weight       m h
					? layers.{}.mlp.experts.{}.up_proj.weight         m h
					? layers.{}.mlp.experts.{}.down_proj.weight       h m
					? layers.{}.mlp.shared_expert_gate.weight         1 h`},
				{variant: "3.5", tensors: twoNorms + ends + `
					~ layers.{}.linear_attn.in_proj_qkv.weight        _ h
					~ layers.{}.linear_attn.in_proj_z.weight          _ h
					~ layers.{}.linear_attn.in_proj_a.weight          _ h
					~ layers.{}.linear_attn.in_proj_b.weight          _ h
					~ layers.{}.linear_attn.A_log                     n
					~ layers.{}.linear_attn.out_proj.weight           h i
					~ layers.{}.self_attn.q_proj.weight               2q h
					~ layers.{}.self_attn.o_proj.weight               h q
					? layers.{}.mlp.gate.weight                       E h
					? layers.{}.mlp.experts.gate_up_proj              E _ _
					? layers.{}.mlp.experts.down_proj                 E _ _
					? layers.{}.mlp.gate_proj.weight                  f h
					? layers.{}.mlp.up_proj.weight                    f h
					? layers.{}.mlp.down_proj.weight                  h f
					? layers.{}.mlp.shared_expert_gate.weight         1 h`},
			},
		},
		{
			name: "kimi-linear", class: "KimiLinearForCausalLM", types: []string{"kimi_linear", "kimi-linear"},
			layouts: []layout{{tensors: twoNorms + `
				~ layers.{}.self_attn.f_a_proj.weight                 _ h
				~ layers.{}.self_attn.f_b_proj.weight                 *
				~ layers.{}.self_attn.b_proj.weight                   _ h
				~ layers.{}.self_attn.g_a_proj.weight                 _ h
				~ layers.{}.self_attn.g_b_proj.weight                 *
				~ layers.{}.self_attn.A_log                           *
				~ layers.{}.self_attn.dt_bias                         *
				~? layers.{}.self_attn.kv_a_proj_with_mqa.weight      c h
				layers.{}.self_attn.o_proj.weight                     h _
				~? layers.{}.block_sparse_moe.gate.weight             E h
				~? layers.{}.block_sparse_moe.experts.{}.w1.weight    m h
				~? layers.{}.block_sparse_moe.experts.{}.w2.weight    h m
				~? layers.{}.block_sparse_moe.experts.{}.w3.weight    m h
				embed_tokens.weight                                   V h
				norm.weight                                           h
				? lm_head.weight                                      V h`}},
		},
	}
}
