package architecture

// decoders lists dense language models with rotary or no position embeddings.
func decoders() []family {
	return []family{
		{
			name: "llama", class: "LlamaForCausalLM",
			types: []string{"llama", "mistral", "yi", "smollm", "smollm3", "deepseek", "ministral", "internlm", "internlm2", "minicpm", "exaone", "granite"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + gatedMLP + ends + plainOnly + noExperts},
				{variant: "native", whole: true, tensors: `
					layers.{}.attention.wq.weight       q h
					layers.{}.attention.wk.weight       k h
					layers.{}.attention.wv.weight       k h
					layers.{}.attention.wo.weight       h q
					layers.{}.feed_forward.w1.weight    f h
					layers.{}.feed_forward.w2.weight    h f
					layers.{}.feed_forward.w3.weight    f h
					layers.{}.attention_norm.weight     h
					layers.{}.ffn_norm.weight           h
					tok_embeddings.weight               V h
					norm.weight                         h
					?t output.weight                    V h
					?r rope.freqs                       r
					: r>7
					: r<k`},
				{variant: "exaone", whole: true, tensors: `
					h.{}.attn.attention.q_proj.weight    q h
					h.{}.attn.attention.k_proj.weight    k h
					h.{}.attn.attention.v_proj.weight    k h
					h.{}.attn.attention.out_proj.weight  h q
					h.{}.mlp.c_fc_0.weight               f h
					h.{}.mlp.c_fc_1.weight               f h
					h.{}.mlp.c_proj.weight               h f
					h.{}.ln_1.weight                     h
					h.{}.ln_2.weight                     h
					wte.weight                           V h
					ln_f.weight                          h
					?t lm_head.weight                    V h`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufMLP + ggufEnds + ggufPlainOnly},
			},
		},
		{
			name: "internlm2", class: "InternLM2ForCausalLM", types: []string{"internlm2", "internlm2_5", "internlm3"},
			layouts: []layout{{whole: true, tensors: `
				layers.{}.attention.wqkv.weight     c h
				layers.{}.attention.wo.weight       h q
				layers.{}.feed_forward.w1.weight    f h
				layers.{}.feed_forward.w2.weight    h f
				layers.{}.feed_forward.w3.weight    f h
				layers.{}.attention_norm.weight     h
				layers.{}.ffn_norm.weight           h
				tok_embeddings.weight               V h
				norm.weight                         h
				output.weight                       V h
				: q<c`}},
		},
		{
			name: "baichuan", class: "BaichuanForCausalLM", types: []string{"baichuan"},
			layouts: []layout{{whole: true, tensors: twoNorms + gatedMLP + ends + `
				layers.{}.self_attn.W_pack.weight   3h h
				layers.{}.self_attn.o_proj.weight   h h`}},
		},
		{
			name: "qwen", class: "QWenLMHeadModel", types: []string{"qwen"},
			layouts: []layout{{tensors: `
				h.{}.attn.c_attn.weight       3q h
				h.{}.attn.c_attn.bias         3q
				h.{}.attn.c_proj.weight       h q
				h.{}.mlp.w1.weight            f h
				h.{}.mlp.w2.weight            f h
				h.{}.mlp.c_proj.weight        h f
				h.{}.ln_1.weight              h
				h.{}.ln_2.weight              h
				wte.weight                    V h
				ln_f.weight                   h
				? lm_head.weight              V h
				! wpe.weight                  p h`}},
		},
		{
			name: "qwen2", class: "Qwen2ForCausalLM", types: []string{"qwen2"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + attentionBiases + gatedMLP + ends + noExperts + `
					! layers.{}.self_attn.o_proj.bias         h
					! layers.{}.input_layernorm.bias          h
					! layers.{}.self_attn.q_norm.weight       d`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufBiases + ggufMLP + ggufEnds + `
					! blk.{}.attn_norm.bias                   h
					! blk.{}.attn_output.bias                 h`},
			},
		},
		{
			name: "qwen3", class: "Qwen3ForCausalLM", types: []string{"qwen3"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + headNorms + gatedMLP + ends + noExperts + `
					! layers.{}.pre_feedforward_layernorm.weight  h
					! layers.{}.self_attn.q_proj.bias             q`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufHeadNorms + ggufMLP + ggufEnds + `
					! blk.{}.post_attention_norm.weight       h
					! blk.{}.post_ffw_norm.weight             h`},
			},
		},
		{
			name: "phi", class: "PhiForCausalLM", types: []string{"phi", "phi-msft", "mixformer-sequential", "phi2"},
			layouts: []layout{
				{whole: true, tensors: `
					layers.{}.self_attn.q_proj.weight      q h
					layers.{}.self_attn.q_proj.bias        q
					layers.{}.self_attn.k_proj.weight      k h
					layers.{}.self_attn.k_proj.bias        k
					layers.{}.self_attn.v_proj.weight      k h
					layers.{}.self_attn.v_proj.bias        k
					layers.{}.self_attn.dense.weight       h q
					layers.{}.self_attn.dense.bias         h
					layers.{}.mlp.fc1.weight               f h
					layers.{}.mlp.fc1.bias                 f
					layers.{}.mlp.fc2.weight               h f
					layers.{}.mlp.fc2.bias                 h
					layers.{}.input_layernorm.weight       h
					layers.{}.input_layernorm.bias         h
					embed_tokens.weight                    V h
					final_layernorm.weight                 h
					final_layernorm.bias                   h
					lm_head.weight                         V h
					lm_head.bias                           V`},
				{variant: "mixer", tensors: `
					h.{}.mixer.Wqkv.weight                 3h h
					h.{}.mixer.out_proj.weight             h h
					h.{}.mlp.fc1.weight                    f h
					h.{}.mlp.fc2.weight                    h f
					h.{}.ln.weight                         h
					embd.wte.weight                        V h
					lm_head.ln.weight                      h
					lm_head.linear.weight                  V h`},
				{variant: "mixer-sequential", uncounted: true, tensors: `
					layers.{}.mixer.Wqkv.weight            3h h
					layers.{}.mixer.out_proj.weight        h h
					layers.{}.mlp.fc1.weight               f h
					layers.{}.mlp.fc2.weight               h f
					layers.{}.ln.weight                    h`},
			},
		},
		{
			name: "phi3", class: "Phi3ForCausalLM", types: []string{"phi3", "phi4", "phi4mm", "phi3_v"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + ends + `
					layers.{}.self_attn.qkv_proj.weight    c h
					layers.{}.self_attn.o_proj.weight      h q
					layers.{}.mlp.gate_up_proj.weight      2f h
					layers.{}.mlp.down_proj.weight         h f
					! layers.{}.post_self_attn_layernorm.weight  h
					! layers.{}.self_attn.qkv_proj.bias    c
					: q<c`},
				{variant: "gguf", whole: true, tensors: ggufEnds + `
					blk.{}.attn_norm.weight        h
					blk.{}.attn_qkv.weight         c h
					blk.{}.attn_output.weight      h q
					blk.{}.ffn_norm.weight         h
					blk.{}.ffn_up.weight           2f h
					blk.{}.ffn_down.weight         h f
					?l rope_factors_long.weight    r
					?l rope_factors_short.weight   r
					! blk.{}.attn_norm.bias        h
					! blk.{}.ffn_gate.weight       f h
					! blk.{}.post_attention_norm.weight  h
					: q<c`},
			},
		},
		{
			name: "nemotron", class: "NemotronForCausalLM", types: []string{"nemotron"},
			layouts: []layout{{whole: true, tensors: twoBiasedNorms + attention + ends + `
				norm.bias                              h
				layers.{}.mlp.up_proj.weight           f h
				layers.{}.mlp.down_proj.weight         h f
				! layers.{}.mlp.gate_proj.weight       f h`}},
		},
		{
			name: "olmo", class: "OlmoForCausalLM", types: []string{"olmo", "hf_olmo"},
			layouts: []layout{
				{whole: true, tensors: attention + gatedMLP + `
					embed_tokens.weight                    V h
					?t lm_head.weight                      V h
					?r layers.{}.self_attn.rotary_emb.inv_freq   r
					: r>7
					: r<k
					! norm.weight                          h
					! layers.{}.input_layernorm.weight     h
					! layers.{}.post_attention_layernorm.weight  h
					! layers.{}.self_attn.q_norm.weight    d`},
				{variant: "native", tensors: `
					blocks.{}.att_proj.weight              c h
					blocks.{}.attn_out.weight              h q
					blocks.{}.ff_proj.weight               2f h
					blocks.{}.ff_out.weight                h f
					wte.weight                             V h`},
			},
		},
		{
			name: "olmo2", class: "Olmo2ForCausalLM", types: []string{"olmo2", "olmo3"},
			layouts: []layout{{whole: true, tensors: attention + gatedMLP + ends + `
				layers.{}.post_attention_layernorm.weight    h
				layers.{}.post_feedforward_layernorm.weight  h
				layers.{}.self_attn.q_norm.weight            q
				layers.{}.self_attn.k_norm.weight            k
				! layers.{}.input_layernorm.weight           h
				! layers.{}.pre_feedforward_layernorm.weight h`}},
		},
		{
			name: "stablelm", class: "StableLmForCausalLM", types: []string{"stablelm", "stablelm_epoch"},
			layouts: []layout{
				{whole: true, tensors: twoBiasedNorms + attention + gatedMLP + ends + `
					norm.bias                                    h
					?b layers.{}.self_attn.q_proj.bias           q
					?b layers.{}.self_attn.k_proj.bias           k
					?b layers.{}.self_attn.v_proj.bias           k
					! layers.{}.mlp.experts.{}.gate_proj.weight  m h`},
				{variant: "parallel", tensors: attention + gatedMLP + ends + `
					layers.{}.self_attn.q_layernorm.norms.{}.weight  d
					layers.{}.self_attn.k_layernorm.norms.{}.weight  d
					layers.{}.input_layernorm.weight             h
					layers.{}.input_layernorm.bias               h
					norm.bias                                    h
					! layers.{}.post_attention_layernorm.weight  h`},
			},
		},
		{
			name: "starcoder2", class: "Starcoder2ForCausalLM", types: []string{"starcoder2"},
			layouts: []layout{{whole: true, tensors: twoBiasedNorms + attention + attentionBiases + ends + `
				norm.bias                              h
				layers.{}.self_attn.o_proj.bias        h
				layers.{}.mlp.c_fc.weight              f h
				layers.{}.mlp.c_fc.bias                f
				layers.{}.mlp.c_proj.weight            h f
				layers.{}.mlp.c_proj.bias              h`}},
		},
		{
			name: "cohere", class: "CohereForCausalLM", types: []string{"cohere", "cohere2"},
			layouts: []layout{
				{whole: true, tensors: attention + gatedMLP + `
					layers.{}.input_layernorm.weight             h
					embed_tokens.weight                          V h
					norm.weight                                  h
					?n layers.{}.self_attn.q_norm.weight         n d
					?n layers.{}.self_attn.k_norm.weight         m d
					! lm_head.weight                             V h
					! norm.bias                                  h
					! layers.{}.input_layernorm.bias             h
					! layers.{}.post_attention_layernorm.weight  h
					! layers.{}.post_feedforward_layernorm.weight  h`},
			},
		},
		{
			name: "glm4", class: "Glm4ForCausalLM", types: []string{"glm4"},
			layouts: []layout{{whole: true, tensors: twoNorms + attention + ends + `
				layers.{}.post_self_attn_layernorm.weight    h
				layers.{}.post_mlp_layernorm.weight          h
				layers.{}.mlp.gate_up_proj.weight            2f h
				layers.{}.mlp.down_proj.weight               h f
				?b layers.{}.self_attn.q_proj.bias           q
				?b layers.{}.self_attn.k_proj.bias           k
				?b layers.{}.self_attn.v_proj.bias           k`}},
		},
		{
			name: "glm", class: "GlmForCausalLM", types: []string{"glm"},
			layouts: []layout{{tensors: twoNorms + attention + ends + `
				layers.{}.mlp.gate_up_proj.weight            2f h
				layers.{}.mlp.down_proj.weight               h f
				? layers.{}.self_attn.q_proj.bias            q
				! layers.{}.post_self_attn_layernorm.weight  h`}},
		},
		{
			name: "chatglm", class: "ChatGLMModel", types: []string{"chatglm", "chatglm2", "chatglm3", "glm4-9b"},
			layouts: []layout{{tensors: `
				encoder.layers.{}.self_attention.query_key_value.weight   c h
				encoder.layers.{}.self_attention.query_key_value.bias     c
				encoder.layers.{}.self_attention.dense.weight             h q
				encoder.layers.{}.mlp.dense_h_to_4h.weight                2f h
				encoder.layers.{}.mlp.dense_4h_to_h.weight                h f
				encoder.layers.{}.input_layernorm.weight                  h
				encoder.layers.{}.post_attention_layernorm.weight         h
				encoder.final_layernorm.weight                            h
				embedding.word_embeddings.weight                          V h
				output_layer.weight                                       V h`}},
		},
	}
}

// gemmas lists the Gemma line, which ties its head and grows norms.
func gemmas() []family {
	const fourNorms = twoNorms + `
		layers.{}.pre_feedforward_layernorm.weight     h
		layers.{}.post_feedforward_layernorm.weight    h`
	const ggufFourNorms = `
		blk.{}.post_attention_norm.weight              h
		blk.{}.post_ffw_norm.weight                    h`
	return []family{
		{
			name: "gemma", class: "GemmaForCausalLM", narrowed: "llama", types: []string{"gemma"},
			layouts: []layout{
				{whole: true, tensors: twoNorms + attention + plainOnly + noExperts + `
					embed_tokens.weight               V h
					: V=256000
					norm.weight                       h
					layers.{}.mlp.gate_proj.weight    8h h
					layers.{}.mlp.up_proj.weight      8h h
					layers.{}.mlp.down_proj.weight    h 8h
					! lm_head.weight                  V h`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufPlainOnly + `
					token_embd.weight                 V h
					: V=256000
					output_norm.weight                h
					blk.{}.ffn_norm.weight            h
					blk.{}.ffn_gate.weight            8h h
					blk.{}.ffn_up.weight              8h h
					blk.{}.ffn_down.weight            h 8h
					! output.weight                   V h`},
			},
		},
		{
			name: "gemma2", class: "Gemma2ForCausalLM", types: []string{"gemma2"},
			layouts: []layout{
				{whole: true, tensors: fourNorms + attention + gatedMLP + ends + `
					! layers.{}.self_attn.q_norm.weight   d
					! layers.{}.layer_scalar              *
					: k<q`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufMLP + ggufEnds + ggufFourNorms + `
					! blk.{}.attn_q_norm.weight           d
					! blk.{}.attn_norm.bias               h
					: k<q`},
			},
		},
		{
			name: "gemma3", class: "Gemma3ForCausalLM", types: []string{"gemma3", "gemma3_text", "embeddinggemma", "gemma-embedding"},
			layouts: []layout{
				{whole: true, tensors: fourNorms + attention + headNorms + gatedMLP + ends + `
					! embed_tokens_per_layer.weight       _ _
					! layers.{}.layer_scalar              *`},
				{variant: "vision", tensors: fourNorms + attention + headNorms + gatedMLP + ends + `
					multi_modal_projector.mm_input_projection_weight   v h
					multi_modal_projector.mm_soft_emb_norm.weight      v
					vision_tower.vision_model.encoder.layers.{}.self_attn.q_proj.weight   v v
					vision_tower.vision_model.encoder.layers.{}.mlp.fc1.weight            w v`},
				{variant: "gguf", whole: true, tensors: ggufAttention + ggufHeadNorms + ggufMLP + ggufEnds + ggufFourNorms},
			},
		},
		{
			name: "gemma3n", class: "Gemma3nForConditionalGeneration", types: []string{"gemma3n", "gemma3n_text"},
			layouts: []layout{{tensors: fourNorms + attention + `
				layers.{}.altup.modality_router.weight               _ h
				layers.{}.laurel.linear_left.weight                  _ h
				layers.{}.laurel.linear_right.weight                 h _
				layers.{}.per_layer_input_gate.weight                _ h
				layers.{}.mlp.gate_proj.weight                       f h
				layers.{}.mlp.up_proj.weight                         f h
				layers.{}.mlp.down_proj.weight                       h f
				embed_tokens.weight                                  V h
				embed_tokens_per_layer.weight                        _ _
				norm.weight                                          h`}},
		},
		{
			name: "gemma4", class: "Gemma4ForConditionalGeneration", types: []string{"gemma4", "gemma4_text"},
			layouts: []layout{{tensors: fourNorms + `
				layers.{}.self_attn.q_proj.weight                    _ h
				layers.{}.self_attn.k_proj.weight                    _ h
				~? layers.{}.self_attn.v_proj.weight                 _ h
				layers.{}.self_attn.o_proj.weight                    h _
				layers.{}.layer_scalar                               *
				? layers.{}.router.proj.weight                       E h
				? layers.{}.experts.gate_up_proj                     E _ h
				? layers.{}.experts.down_proj                        E h _
				layers.{}.mlp.gate_proj.weight                       _ h
				layers.{}.mlp.up_proj.weight                         _ h
				layers.{}.mlp.down_proj.weight                       h _
				embed_tokens.weight                                  V h
				norm.weight                                          h`}},
		},
	}
}
