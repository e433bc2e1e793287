package architecture

// moe lists language models whose feed-forward part is a choice of experts.
func moe() []family {
	const latent = `
		layers.{}.self_attn.kv_a_proj_with_mqa.weight    c h
		layers.{}.self_attn.kv_a_layernorm.weight        l
		layers.{}.self_attn.kv_b_proj.weight             e l
		layers.{}.self_attn.o_proj.weight                h q
		? layers.{}.self_attn.q_a_proj.weight            a h
		? layers.{}.self_attn.q_a_layernorm.weight       a
		? layers.{}.self_attn.q_b_proj.weight            b a
		? layers.{}.self_attn.q_proj.weight              b h`
	const shared = `
		~ layers.{}.mlp.shared_experts.gate_proj.weight  s h
		~ layers.{}.mlp.shared_experts.up_proj.weight    s h
		~ layers.{}.mlp.shared_experts.down_proj.weight  h s`
	const ggufLatent = `
		blk.{}.attn_norm.weight          h
		blk.{}.attn_kv_a_mqa.weight      c h
		blk.{}.attn_kv_a_norm.weight     l
		blk.{}.attn_output.weight        h q
		blk.{}.ffn_norm.weight           h
		? blk.{}.attn_kv_b.weight        _ l
		? blk.{}.attn_q_a.weight         a h
		? blk.{}.attn_q_b.weight         b a
		? blk.{}.attn_q.weight           b h
		~ blk.{}.ffn_gate_inp.weight     E h
		~ blk.{}.ffn_gate_exps.weight    E m h
		~ blk.{}.ffn_up_exps.weight      E m h
		~ blk.{}.ffn_down_exps.weight    E h m
		~ blk.{}.ffn_gate_shexp.weight   s h
		~? blk.{}.ffn_gate.weight        f h
		~? blk.{}.ffn_up.weight          f h
		~? blk.{}.ffn_down.weight        h f`
	return []family{
		{
			name: "mixtral", class: "MixtralForCausalLM", types: []string{"mixtral", "llama"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + ends + plainOnly + `
					layers.{}.block_sparse_moe.gate.weight            E h
					layers.{}.block_sparse_moe.experts.{}.w1.weight   f h
					layers.{}.block_sparse_moe.experts.{}.w2.weight   h f
					layers.{}.block_sparse_moe.experts.{}.w3.weight   f h
					! layers.{}.block_sparse_moe.e_score_correction_bias  E
					! layers.{}.self_attn.qkv_proj.weight             _ h`},
				{variant: "stacked", whole: true, tensors: twoNorms + attention + ends + plainOnly + `
					layers.{}.mlp.gate.weight                         E h
					layers.{}.mlp.experts.gate_up_proj                E 2f h
					layers.{}.mlp.experts.down_proj                   E h f
					! layers.{}.mlp.shared_expert.gate_proj.weight    s h
					! layers.{}.mlp.shared_experts.gate_proj.weight   s h`},
				{variant: "native", whole: true, tensors: `
					layers.{}.attention.wq.weight                     q h
					layers.{}.attention.wk.weight                     k h
					layers.{}.attention.wv.weight                     k h
					layers.{}.attention.wo.weight                     h q
					layers.{}.feed_forward.gate.weight                E h
					layers.{}.feed_forward.experts.{}.w1.weight       f h
					layers.{}.feed_forward.experts.{}.w2.weight       h f
					layers.{}.feed_forward.experts.{}.w3.weight       f h
					layers.{}.attention_norm.weight                   h
					layers.{}.ffn_norm.weight                         h
					tok_embeddings.weight                             V h
					norm.weight                                       h
					?t output.weight                                  V h`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufExperts + ggufEnds + ggufPlainOnly + `
					! blk.{}.ffn_gate_shexp.weight                    s h`},
				{variant: "gguf-split", whole: true, tensors: ggufAttention + ggufEnds + ggufPlainOnly + `
					blk.{}.ffn_norm.weight                            h
					blk.{}.ffn_gate_inp.weight                        E h
					blk.{}.ffn_gate.{}.weight                         f h
					blk.{}.ffn_up.{}.weight                           f h
					blk.{}.ffn_down.{}.weight                         h f`},
			},
		},
		{
			name: "minimax-m1", class: "MiniMaxM1ForCausalLM", types: []string{"minimax_m1", "minimax_text_01", "minimax"},
			layouts: []layout{{tensors: twoNorms + ends + `
				layers.{}.block_sparse_moe.gate.weight            E h
				layers.{}.block_sparse_moe.experts.{}.w1.weight   f h
				layers.{}.block_sparse_moe.experts.{}.w2.weight   h f
				layers.{}.block_sparse_moe.experts.{}.w3.weight   f h
				~ layers.{}.self_attn.qkv_proj.weight             _ h
				~ layers.{}.self_attn.output_gate.weight          _ h
				~ layers.{}.self_attn.out_proj.weight             h _
				~? layers.{}.self_attn.q_proj.weight              q h
				~? layers.{}.self_attn.k_proj.weight              k h
				~? layers.{}.self_attn.v_proj.weight              k h
				~? layers.{}.self_attn.o_proj.weight              h q`}},
		},
		{
			name: "minimax-m2", class: "MiniMaxM2ForCausalLM", types: []string{"minimax_m2"},
			layouts: []layout{{whole: true, tensors: twoNorms + attention + ends + `
				layers.{}.self_attn.q_norm.weight                 q
				layers.{}.self_attn.k_norm.weight                 k
				layers.{}.block_sparse_moe.gate.weight            E h
				layers.{}.block_sparse_moe.e_score_correction_bias  E
				layers.{}.block_sparse_moe.experts.{}.w1.weight   f h
				layers.{}.block_sparse_moe.experts.{}.w2.weight   h f
				layers.{}.block_sparse_moe.experts.{}.w3.weight   f h`}},
		},
		{
			name: "phimoe", class: "PhiMoEForCausalLM", types: []string{"phimoe"},
			layouts: []layout{{whole: true, tensors: twoBiasedNorms + attention + attentionBiases + `
				layers.{}.self_attn.o_proj.bias                   h
				layers.{}.block_sparse_moe.gate.weight            E h
				layers.{}.block_sparse_moe.experts.{}.w1.weight   f h
				layers.{}.block_sparse_moe.experts.{}.w2.weight   h f
				layers.{}.block_sparse_moe.experts.{}.w3.weight   f h
				embed_tokens.weight                               V h
				norm.weight                                       h
				norm.bias                                         h
				lm_head.weight                                    V h
				lm_head.bias                                      V`}},
		},
		{
			name: "qwen2-moe", class: "Qwen2MoeForCausalLM", types: []string{"qwen2_moe", "qwen2moe"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + attentionBiases + experts + ends + `
					layers.{}.mlp.shared_expert.gate_proj.weight  s h
					layers.{}.mlp.shared_expert.up_proj.weight    s h
					layers.{}.mlp.shared_expert.down_proj.weight  h s
					layers.{}.mlp.shared_expert_gate.weight       1 h
					! layers.{}.linear_attn.in_proj_qkvz.weight   _ h`},
				{variant: "gguf", tensors: ggufAttention + ggufBiases + ggufExperts + ggufEnds + `
					blk.{}.ffn_gate_shexp.weight                  s h
					blk.{}.ffn_gate_inp_shexp.weight              *`},
			},
		},
		{
			name: "qwen3-moe", class: "Qwen3MoeForCausalLM", types: []string{"qwen3_moe", "qwen3moe"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + headNorms + experts + ends + `
					! layers.{}.mlp.shared_expert.gate_proj.weight     s h
					! layers.{}.mlp.shared_experts.gate_proj.weight    s h
					! layers.{}.mlp.gate.e_score_correction_bias       E
					! layers.{}.self_attn.q_proj.bias                  q`},
				{variant: "stacked", tensors: twoNorms + attention + headNorms + ends + `
					layers.{}.mlp.gate.weight                          E h
					layers.{}.mlp.experts.gate_up_proj                 E _ _
					layers.{}.mlp.experts.down_proj                    E _ _
					! layers.{}.mlp.shared_expert.gate_proj.weight     s h
					! layers.{}.self_attn.q_proj.bias                  q`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufHeadNorms + ggufExperts + ggufEnds + `
					! blk.{}.ffn_gate_shexp.weight                     s h`},
			},
		},
		{
			name: "olmoe", class: "OlmoeForCausalLM", types: []string{"olmoe"},
			layouts: []layout{{whole: true, tensors: twoNorms + attention + experts + ends + `
				layers.{}.self_attn.q_norm.weight                 q
				layers.{}.self_attn.k_norm.weight                 k`}},
		},
		{
			name: "deepseek-moe", class: "DeepseekForCausalLM", types: []string{"deepseek", "deepseek_moe"},
			layouts: []layout{{tensors: twoNorms + attention + someExperts + shared + someGatedMLP + ends + `
				! layers.{}.mlp.gate.e_score_correction_bias      E
				! layers.{}.self_attn.q_proj.bias                 q`}},
		},
		{
			name: "deepseek-v2", class: "DeepseekV2ForCausalLM", types: []string{"deepseek_v2", "deepseek2", "deepseek_vl_v2"},
			layouts: []layout{
				{tensors: twoNorms + latent + someExperts + shared + someGatedMLP + ends + `
					! layers.{}.mlp.gate.e_score_correction_bias  E`},
				{variant: "gguf", tensors: ggufLatent + ggufEnds + `
					! blk.{}.exp_probs_b.bias                     E`},
			},
		},
		{
			name: "deepseek-v3", class: "DeepseekV3ForCausalLM",
			types: []string{"deepseek_v3", "deepseek_v32", "kimi_k2", "kimi_k25", "kimi_vl", "glm_moe_dsa", "deepseek2"},
			layouts: []layout{
				{tensors: twoNorms + latent + someExperts + shared + someGatedMLP + ends + `
					~ layers.{}.mlp.gate.e_score_correction_bias  E
					! layers.{}.self_attn.indexer.wk.weight       _ h`},
				{variant: "sparse-attention", tensors: twoNorms + latent + someExperts + shared + someGatedMLP + ends + `
					~ layers.{}.mlp.gate.e_score_correction_bias  E
					layers.{}.self_attn.indexer.wq_b.weight       _ a
					layers.{}.self_attn.indexer.wk.weight         _ h
					layers.{}.self_attn.indexer.weights_proj.weight  _ h`},
				{variant: "native", tensors: `
					layers.{}.attn.wkv_a.weight                   c h
					layers.{}.attn.kv_norm.weight                 l
					layers.{}.attn.wkv_b.weight                   e l
					layers.{}.attn.wo.weight                      h q
					layers.{}.attn_norm.weight                    h
					layers.{}.ffn_norm.weight                     h
					~ layers.{}.ffn.gate.weight                   E h
					~ layers.{}.ffn.experts.{}.w1.weight          m h
					~ layers.{}.ffn.experts.{}.w2.weight          h m
					~ layers.{}.ffn.experts.{}.w3.weight          m h
					~? layers.{}.ffn.shared_experts.w1.weight     s h
					embed.weight                                  V h
					norm.weight                                   h
					? head.weight                                 V h`},
				{variant: "gguf", tensors: ggufLatent + ggufEnds + `
					~ blk.{}.exp_probs_b.bias                     E`},
			},
		},
		{
			name: "longcat", class: "LongcatFlashForCausalLM", types: []string{"longcat_flash"},
			layouts: []layout{{tensors: `
				layers.{}.self_attn.{}.kv_a_proj_with_mqa.weight  c h
				layers.{}.self_attn.{}.kv_b_proj.weight           e l
				layers.{}.self_attn.{}.o_proj.weight              h q
				layers.{}.mlps.{}.gate_proj.weight                f h
				layers.{}.mlps.{}.up_proj.weight                  f h
				layers.{}.mlps.{}.down_proj.weight                h f
				layers.{}.mlp.router.classifier.weight            _ h
				layers.{}.mlp.experts.{}.gate_proj.weight         m h
				layers.{}.mlp.experts.{}.up_proj.weight           m h
				layers.{}.mlp.experts.{}.down_proj.weight         h m
				embed_tokens.weight                               V h
				norm.weight                                       h
				? lm_head.weight                                  V h`}},
		},
		{
			name: "gpt-oss", class: "GptOssForCausalLM", types: []string{"gpt_oss", "gpt-oss"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + attentionBiases + ends + `
					layers.{}.self_attn.o_proj.bias                   h
					layers.{}.self_attn.sinks                         n
					layers.{}.mlp.router.weight                       E h
					layers.{}.mlp.router.bias                         E
					layers.{}.mlp.experts.gate_up_proj_bias           E 2i
					layers.{}.mlp.experts.down_proj_bias              E h
					layers.{}.mlp.experts.gate_up_proj                E h 2i
					layers.{}.mlp.experts.down_proj                   E i h`},
				{variant: "native", tensors: `
					block.{}.attn.qkv.weight                          c h
					block.{}.attn.qkv.bias                            c
					block.{}.attn.out.weight                          h q
					block.{}.attn.sinks                               n
					block.{}.attn.norm.scale                          h
					block.{}.mlp.norm.scale                           h
					block.{}.mlp.gate.weight                          E h
					block.{}.mlp.mlp1_weight|block.{}.mlp.mlp1_weight.blocks   *
					block.{}.mlp.mlp2_weight|block.{}.mlp.mlp2_weight.blocks   *
					block.{}.mlp.mlp1_bias                            E g
					block.{}.mlp.mlp2_bias                            E h
					embedding.weight                                  V h
					norm.scale                                        h
					unembedding.weight                                V h`},
				{variant: "gguf", tensors: ggufAttention + ggufBiases + ggufEnds + `
					blk.{}.attn_sinks.weight                          n
					blk.{}.post_attention_norm.weight|blk.{}.attn_post_norm.weight  h
					blk.{}.ffn_gate_inp.weight                        E h
					blk.{}.ffn_gate_exps.weight                       E m h
					blk.{}.ffn_up_exps.weight                         E m h
					blk.{}.ffn_down_exps.weight                       E h m`},
			},
		},
		{
			name: "glm4-moe", class: "Glm4MoeForCausalLM", types: []string{"glm4_moe", "glm4moe"},
			layouts: []layout{{tensors: twoNorms + attention + attentionBiases + someExperts + shared + someGatedMLP + ends + `
				~ layers.{}.mlp.gate.e_score_correction_bias      E
				? layers.{}.self_attn.q_norm.weight               d
				? layers.{}.self_attn.k_norm.weight               d`}},
		},
		{
			name: "dbrx", class: "DbrxForCausalLM", types: []string{"dbrx"},
			layouts: []layout{{tensors: `
				blocks.{}.norm_attn_norm.attn.Wqkv.weight         c h
				blocks.{}.norm_attn_norm.attn.out_proj.weight     h q
				blocks.{}.norm_attn_norm.norm_1.weight            h
				blocks.{}.norm_attn_norm.norm_2.weight            h
				blocks.{}.ffn.router.layer.weight                 E h
				blocks.{}.ffn.experts.mlp.w1                      g h
				blocks.{}.ffn.experts.mlp.v1                      g h
				blocks.{}.ffn.experts.mlp.w2                      g h
				wte.weight                                        V h
				norm_f.weight                                     h
				? lm_head.weight                                  V h`}},
		},
		{
			name: "grok", class: "GrokForCausalLM", types: []string{"grok", "grok-1"},
			layouts: []layout{{tensors: `
				decoder_layer.{}.multi_head_attention.query.weight    q h
				decoder_layer.{}.multi_head_attention.key.weight      k h
				decoder_layer.{}.multi_head_attention.value.weight    k h
				decoder_layer.{}.multi_head_attention.linear.weight   h q
				decoder_layer.{}.router.weight                        E h
				decoder_layer.{}.moe.{}.linear.weight                 f h
				decoder_layer.{}.moe.{}.linear_v.weight               f h
				decoder_layer.{}.moe.{}.linear_1.weight               h f
				in_out_embed.weight                                   V h`}},
		},
		{
			name: "grok2", class: "Grok1ForCausalLM", types: []string{"grok2", "grok-2", "git"},
			layouts: []layout{{tensors: attention + `
				layers.{}.pre_attn_norm.weight                    h
				layers.{}.post_attn_norm.weight                   h
				layers.{}.pre_moe_norm.weight                     h
				layers.{}.post_moe_norm.weight                    h
				layers.{}.block_sparse_moe.gate.weight            E h
				layers.{}.block_sparse_moe.experts.{}.w1.weight   m h
				layers.{}.block_sparse_moe.experts.{}.w2.weight   h m
				layers.{}.block_sparse_moe.experts.{}.w3.weight   m h
				? layers.{}.mlp.gate_proj.weight                  f h
				? layers.{}.mlp.up_proj.weight                    f h
				? layers.{}.mlp.down_proj.weight                  h f
				embed_tokens.weight                               V h
				norm.weight                                       h
				? lm_head.weight                                  V h`}},
		},
		{
			name: "llama4", class: "Llama4ForConditionalGeneration", types: []string{"llama4", "llama4_text"},
			layouts: []layout{{tensors: twoNorms + attention + ends + `
				~ layers.{}.feed_forward.router.weight                     E h
				~ layers.{}.feed_forward.experts.gate_up_proj              E h 2m
				~ layers.{}.feed_forward.experts.down_proj                 E m h
				~ layers.{}.feed_forward.shared_expert.gate_proj.weight    s h
				~ layers.{}.feed_forward.shared_expert.up_proj.weight      s h
				~ layers.{}.feed_forward.shared_expert.down_proj.weight    h s
				~? layers.{}.feed_forward.gate_proj.weight                 f h
				~? layers.{}.feed_forward.up_proj.weight                   f h
				~? layers.{}.feed_forward.down_proj.weight                 h f`}},
		},
		{
			name: "granite-moe", class: "GraniteMoeForCausalLM", types: []string{"granitemoe", "granitemoeshared"},
			layouts: []layout{{whole: true, tensors: twoNorms + attention + ends + `
				layers.{}.block_sparse_moe.router.layer.weight    E h
				layers.{}.block_sparse_moe.input_linear.weight    E 2m h
				layers.{}.block_sparse_moe.output_linear.weight   E h m
				! layers.{}.mamba.in_proj.weight                  _ h`}},
		},
		{
			name: "hunyuan-moe", class: "HunYuanMoEV1ForCausalLM", types: []string{"hunyuan_v1_moe", "hunyuan_moe", "hunyuan"},
			layouts: []layout{{tensors: twoNorms + attention + ends + `
				layers.{}.self_attn.query_layernorm.weight        d
				layers.{}.self_attn.key_layernorm.weight          d
				layers.{}.mlp.gate.wg.weight                      E h
				layers.{}.mlp.shared_mlp.gate_proj.weight         s h
				layers.{}.mlp.shared_mlp.down_proj.weight         h s
				layers.{}.mlp.experts.{}.gate_proj.weight         m h
				layers.{}.mlp.experts.{}.up_proj.weight           m h
				layers.{}.mlp.experts.{}.down_proj.weight         h m`}},
		},
		{
			name: "bailing-moe", class: "BailingMoeForCausalLM", types: []string{"bailing_moe", "bailing_moe_v2", "bailingmoe", "bailingmoe2"},
			layouts: []layout{{tensors: twoNorms + `
				layers.{}.attention.query_key_value.weight        c h
				layers.{}.attention.dense.weight                  h q
				~ layers.{}.mlp.gate.weight                       E h
				~ layers.{}.mlp.experts.{}.gate_proj.weight       m h
				~ layers.{}.mlp.experts.{}.up_proj.weight         m h
				~ layers.{}.mlp.experts.{}.down_proj.weight       h m
				~? layers.{}.mlp.gate.expert_bias                 E
				word_embeddings.weight                            V h
				norm.weight                                       h
				? lm_head.weight                                  V h`}},
		},
		{
			name: "ernie-moe", class: "Ernie4_5_MoeForCausalLM", types: []string{"ernie4_5_moe", "ernie4_5-moe"},
			layouts: []layout{{tensors: twoNorms + attention + someExperts + someGatedMLP + ends + `
				~ layers.{}.mlp.moe_statics.e_score_correction_bias   1 E
				~? layers.{}.mlp.shared_experts.gate_proj.weight      s h
				~? layers.{}.mlp.shared_experts.up_proj.weight        s h
				~? layers.{}.mlp.shared_experts.down_proj.weight      h s`}},
		},
		{
			name: "step3.5", class: "Step3p5ForCausalLM", types: []string{"step3p5", "step35"},
			layouts: []layout{{tensors: twoNorms + `
				layers.{}.self_attn.q_proj.weight                 _ h
				layers.{}.self_attn.k_proj.weight                 _ h
				layers.{}.self_attn.v_proj.weight                 _ h
				layers.{}.self_attn.o_proj.weight                 h _
				~ layers.{}.moe.gate.weight                       E h
				~ layers.{}.moe.gate_proj.weight                  E m h
				~ layers.{}.moe.up_proj.weight                    E m h
				~ layers.{}.moe.down_proj.weight                  E h m
				~ layers.{}.share_expert.gate_proj.weight         s h
				embed_tokens.weight                               V h
				norm.weight                                       h
				? lm_head.weight                                  V h`}},
		},
		{
			name: "lfm2", class: "Lfm2ForCausalLM", types: []string{"lfm2"},
			layouts: []layout{{tensors: `
				layers.{}.operator_norm.weight                    h
				layers.{}.ffn_norm.weight                         h
				~ layers.{}.conv.in_proj.weight                   3h h
				~ layers.{}.conv.conv.weight                      *
				~ layers.{}.conv.out_proj.weight                  h h
				~ layers.{}.self_attn.q_proj.weight               q h
				~ layers.{}.self_attn.k_proj.weight               k h
				~ layers.{}.self_attn.v_proj.weight               k h
				~ layers.{}.self_attn.out_proj.weight             h q
				layers.{}.feed_forward.w1.weight                  f h
				layers.{}.feed_forward.w2.weight                  h f
				layers.{}.feed_forward.w3.weight                  f h
				embed_tokens.weight                               V h
				embedding_norm.weight                             h
				! layers.{}.feed_forward.gate.weight              E h`}},
		},
		{
			name: "lfm2-moe", class: "Lfm2MoeForCausalLM", types: []string{"lfm2_moe", "lfm2moe"},
			layouts: []layout{{tensors: `
				layers.{}.operator_norm.weight                    h
				layers.{}.ffn_norm.weight                         h
				~ layers.{}.conv.in_proj.weight                   3h h
				~ layers.{}.conv.out_proj.weight                  h h
				~ layers.{}.self_attn.q_proj.weight               q h
				~ layers.{}.self_attn.out_proj.weight             h q
				~ layers.{}.feed_forward.gate.weight              E h
				~ layers.{}.feed_forward.experts.{}.w1.weight     m h
				~ layers.{}.feed_forward.experts.{}.w2.weight     h m
				~ layers.{}.feed_forward.experts.{}.w3.weight     m h
				~? layers.{}.feed_forward.w1.weight               f h
				embed_tokens.weight                               V h
				embedding_norm.weight                             h`}},
		},
	}
}
