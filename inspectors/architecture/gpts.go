package architecture

// gpts lists the dense language models that descend from GPT-2: fused projections,
// layer norms with biases, learned positions or ALiBi.
func gpts() []family {
	return []family{
		{
			name: "gpt2", class: "GPT2LMHeadModel", types: []string{"gpt2"},
			layouts: []layout{
				{whole: true, tensors: `
					h.{}.ln_1.weight               h
					h.{}.ln_1.bias                 h
					h.{}.ln_2.weight               h
					h.{}.ln_2.bias                 h
					h.{}.attn.c_attn.weight        h 3h
					h.{}.attn.c_attn.bias          3h
					h.{}.attn.c_proj.weight        h h
					h.{}.attn.c_proj.bias          h
					h.{}.mlp.c_fc.weight           h f
					h.{}.mlp.c_fc.bias             f
					h.{}.mlp.c_proj.weight         f h
					h.{}.mlp.c_proj.bias           h
					wte.weight                     V h
					wpe.weight                     p h
					ln_f.weight                    h
					ln_f.bias                      h
					?t lm_head.weight              V h
					?m h.{}.attn.bias              1 1 p p
					?k h.{}.attn.masked_bias       .`},
				{variant: "gguf", whole: true, tensors: `
					blk.{}.attn_norm.weight        h
					blk.{}.attn_norm.bias          h
					blk.{}.attn_qkv.weight         3h h
					blk.{}.attn_qkv.bias           3h
					blk.{}.attn_output.weight      h h
					blk.{}.attn_output.bias        h
					blk.{}.ffn_norm.weight         h
					blk.{}.ffn_norm.bias           h
					blk.{}.ffn_up.weight           f h
					blk.{}.ffn_up.bias             f
					blk.{}.ffn_down.weight         h f
					blk.{}.ffn_down.bias           h
					token_embd.weight              V h
					position_embd.weight           p h
					output_norm.weight             h
					output_norm.bias               h
					?t output.weight               V h`},
			},
		},
		{
			name: "gpt-bigcode", class: "GPTBigCodeForCausalLM", types: []string{"gpt_bigcode", "starcoder"},
			layouts: []layout{{whole: true, tensors: `
				h.{}.ln_1.weight               h
				h.{}.ln_1.bias                 h
				h.{}.ln_2.weight               h
				h.{}.ln_2.bias                 h
				h.{}.attn.c_attn.weight        c h
				h.{}.attn.c_attn.bias          c
				h.{}.attn.c_proj.weight        h h
				h.{}.attn.c_proj.bias          h
				h.{}.mlp.c_fc.weight           f h
				h.{}.mlp.c_fc.bias             f
				h.{}.mlp.c_proj.weight         h f
				h.{}.mlp.c_proj.bias           h
				wte.weight                     V h
				wpe.weight                     p h
				ln_f.weight                    h
				ln_f.bias                      h
				?t lm_head.weight              V h
				: h<c
				: h<f`}},
		},
		{
			name: "gpt-neox", class: "GPTNeoXForCausalLM", types: []string{"gpt_neox", "gptneox"},
			layouts: []layout{{whole: true, tensors: twoBiasedNorms + `
				layers.{}.attention.query_key_value.weight     3h h
				layers.{}.attention.query_key_value.bias       3h
				layers.{}.attention.dense.weight               h h
				layers.{}.attention.dense.bias                 h
				layers.{}.mlp.dense_h_to_4h.weight             f h
				layers.{}.mlp.dense_h_to_4h.bias               f
				layers.{}.mlp.dense_4h_to_h.weight             h f
				layers.{}.mlp.dense_4h_to_h.bias               h
				embed_in.weight                                V h
				final_layer_norm.weight                        h
				final_layer_norm.bias                          h
				embed_out.weight                               V h
				?m layers.{}.attention.bias                    1 1 p p
				?k layers.{}.attention.masked_bias             .
				?r layers.{}.attention.rotary_emb.inv_freq     r
				: r>7
				: r<h`}},
		},
		{
			name: "gpt-j", class: "GPTJForCausalLM", types: []string{"gptj"},
			layouts: []layout{{whole: true, tensors: `
				h.{}.ln_1.weight               h
				h.{}.ln_1.bias                 h
				h.{}.attn.q_proj.weight        h h
				h.{}.attn.k_proj.weight        h h
				h.{}.attn.v_proj.weight        h h
				h.{}.attn.out_proj.weight      h h
				h.{}.mlp.fc_in.weight          f h
				h.{}.mlp.fc_in.bias            f
				h.{}.mlp.fc_out.weight         h f
				h.{}.mlp.fc_out.bias           h
				wte.weight                     V h
				ln_f.weight                    h
				ln_f.bias                      h
				lm_head.weight                 V h
				lm_head.bias                   V
				?m h.{}.attn.bias              1 1 p p
				?k h.{}.attn.masked_bias       .`}},
		},
		{
			name: "codegen", class: "CodeGenForCausalLM", types: []string{"codegen"},
			layouts: []layout{{whole: true, tensors: `
				h.{}.ln_1.weight               h
				h.{}.ln_1.bias                 h
				h.{}.attn.qkv_proj.weight      3h h
				h.{}.attn.out_proj.weight      h h
				h.{}.mlp.fc_in.weight          f h
				h.{}.mlp.fc_in.bias            f
				h.{}.mlp.fc_out.weight         h f
				h.{}.mlp.fc_out.bias           h
				wte.weight                     V h
				ln_f.weight                    h
				ln_f.bias                      h
				lm_head.weight                 V h
				lm_head.bias                   V
				?m h.{}.attn.causal_mask       1 1 p p`}},
		},
		{
			name: "bloom", class: "BloomForCausalLM", types: []string{"bloom"},
			layouts: []layout{
				{whole: true, tensors: `
					h.{}.input_layernorm.weight                  h
					h.{}.input_layernorm.bias                    h
					h.{}.post_attention_layernorm.weight         h
					h.{}.post_attention_layernorm.bias           h
					h.{}.self_attention.query_key_value.weight   3h h
					h.{}.self_attention.query_key_value.bias     3h
					h.{}.self_attention.dense.weight             h h
					h.{}.self_attention.dense.bias               h
					h.{}.mlp.dense_h_to_4h.weight                4h h
					h.{}.mlp.dense_h_to_4h.bias                  4h
					h.{}.mlp.dense_4h_to_h.weight                h 4h
					h.{}.mlp.dense_4h_to_h.bias                  h
					word_embeddings.weight                       V h
					word_embeddings_layernorm.weight             h
					word_embeddings_layernorm.bias               h
					ln_f.weight                                  h
					ln_f.bias                                    h
					?t lm_head.weight                            V h`},
				{variant: "gguf", whole: true, tensors: `
					blk.{}.attn_norm.weight        h
					blk.{}.attn_norm.bias          h
					blk.{}.attn_qkv.weight         3h h
					blk.{}.attn_qkv.bias           3h
					blk.{}.attn_output.weight      h h
					blk.{}.attn_output.bias        h
					blk.{}.ffn_norm.weight         h
					blk.{}.ffn_norm.bias           h
					blk.{}.ffn_up.weight           4h h
					blk.{}.ffn_up.bias             4h
					blk.{}.ffn_down.weight         h 4h
					blk.{}.ffn_down.bias           h
					token_embd.weight              V h
					token_embd_norm.weight         h
					token_embd_norm.bias           h
					output_norm.weight             h
					output_norm.bias               h
					?t output.weight               V h`},
			},
		},
		{
			name: "falcon", class: "FalconForCausalLM", types: []string{"falcon", "refinedweb", "refinedwebmodel"},
			layouts: []layout{
				{whole: true, tensors: `
					h.{}.input_layernorm.weight                  h
					h.{}.input_layernorm.bias                    h
					h.{}.self_attention.query_key_value.weight   c h
					h.{}.self_attention.dense.weight             h h
					h.{}.mlp.dense_h_to_4h.weight                4h h
					h.{}.mlp.dense_4h_to_h.weight                h 4h
					word_embeddings.weight                       V h
					ln_f.weight                                  h
					ln_f.bias                                    h
					?t lm_head.weight                            V h
					! word_embeddings_layernorm.weight           h
					! h.{}.self_attention.query_key_value.bias   c
					: h<c`},
				{variant: "new-decoder", whole: true, tensors: `
					h.{}.ln_attn.weight                          h
					h.{}.ln_attn.bias                            h
					h.{}.ln_mlp.weight                           h
					h.{}.ln_mlp.bias                             h
					h.{}.self_attention.query_key_value.weight   c h
					h.{}.self_attention.dense.weight             h h
					h.{}.mlp.dense_h_to_4h.weight                4h h
					h.{}.mlp.dense_4h_to_h.weight                h 4h
					word_embeddings.weight                       V h
					ln_f.weight                                  h
					ln_f.bias                                    h
					?t lm_head.weight                            V h
					: h<c`},
			},
		},
		{
			name: "mpt", class: "MPTForCausalLM", types: []string{"mpt", "mptforcausallm"},
			layouts: []layout{{whole: true, tensors: `
				blocks.{}.attn.Wqkv.weight           3h h
				blocks.{}.attn.out_proj.weight       h h
				blocks.{}.ffn.up_proj.weight         f h
				blocks.{}.ffn.down_proj.weight       h f
				blocks.{}.norm_1.weight              h
				blocks.{}.norm_2.weight              h
				wte.weight                           V h
				norm_f.weight                        h
				! blocks.{}.ffn.router.layer.weight  E h`}},
		},
		{
			name: "opt", class: "OPTForCausalLM", types: []string{"opt"},
			layouts: []layout{{whole: true, tensors: `
				decoder.layers.{}.self_attn.q_proj.weight        h h
				decoder.layers.{}.self_attn.q_proj.bias          h
				decoder.layers.{}.self_attn.k_proj.weight        h h
				decoder.layers.{}.self_attn.k_proj.bias          h
				decoder.layers.{}.self_attn.v_proj.weight        h h
				decoder.layers.{}.self_attn.v_proj.bias          h
				decoder.layers.{}.self_attn.out_proj.weight      h h
				decoder.layers.{}.self_attn.out_proj.bias        h
				decoder.layers.{}.self_attn_layer_norm.weight    h
				decoder.layers.{}.self_attn_layer_norm.bias      h
				decoder.layers.{}.fc1.weight                     f h
				decoder.layers.{}.fc1.bias                       f
				decoder.layers.{}.fc2.weight                     h f
				decoder.layers.{}.fc2.bias                       h
				decoder.layers.{}.final_layer_norm.weight        h
				decoder.layers.{}.final_layer_norm.bias          h
				decoder.embed_tokens.weight                      V e
				decoder.embed_positions.weight                   p h
				?n decoder.final_layer_norm.weight               h
				?n decoder.final_layer_norm.bias                 h
				?t lm_head.weight                                V e
				! decoder.layers.{}.encoder_attn.q_proj.weight   h h
				! encoder.layers.{}.fc1.weight                   f h`}},
		},
	}
}
