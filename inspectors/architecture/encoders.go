package architecture

// encoders lists encoders of text and speech, and encoders with decoders.
func encoders() []family {
	const bert = `
		encoder.layer.{}.attention.self.query.weight            h h
		encoder.layer.{}.attention.self.key.weight              h h
		encoder.layer.{}.attention.self.value.weight            h h
		encoder.layer.{}.attention.output.dense.weight          h h
		encoder.layer.{}.intermediate.dense.weight              f h
		encoder.layer.{}.output.dense.weight                    h f
		encoder.layer.{}.attention.output.LayerNorm.weight|encoder.layer.{}.attention.output.LayerNorm.gamma   h
		encoder.layer.{}.output.LayerNorm.weight|encoder.layer.{}.output.LayerNorm.gamma                       h
		embeddings.word_embeddings.weight                       V h
		embeddings.position_embeddings.weight                   p h`
	// Both halves of the layouts that descend from BART.
	const bart = `
		encoder.layers.{}.self_attn.q_proj.weight               h h
		encoder.layers.{}.self_attn.k_proj.weight               h h
		encoder.layers.{}.self_attn.v_proj.weight               h h
		encoder.layers.{}.self_attn.out_proj.weight             h h
		encoder.layers.{}.fc1.weight                            f h
		encoder.layers.{}.fc2.weight                            h f
		encoder.layers.{}.self_attn_layer_norm.weight           h
		encoder.layers.{}.final_layer_norm.weight               h
		decoder.layers.{}.self_attn.q_proj.weight               h h
		decoder.layers.{}.encoder_attn.q_proj.weight            h h
		decoder.layers.{}.encoder_attn.out_proj.weight          h h
		decoder.layers.{}.fc1.weight                            g h
		decoder.layers.{}.fc2.weight                            h g`
	return []family{
		{
			name: "bert", class: "BertModel", types: []string{"bert"},
			layouts: []layout{{tensors: bert + `
				embeddings.token_type_embeddings.weight                 2 h
				! encoder.layer.{}.attention.attention.query.weight     h h`}},
		},
		{
			name: "roberta", class: "RobertaModel", types: []string{"roberta", "xlm-roberta", "camembert"},
			layouts: []layout{{tensors: bert + `
				embeddings.token_type_embeddings.weight                 1 h`}},
		},
		{
			name: "distilbert", class: "DistilBertModel", types: []string{"distilbert"},
			layouts: []layout{{tensors: `
				transformer.layer.{}.attention.q_lin.weight             h h
				transformer.layer.{}.attention.k_lin.weight             h h
				transformer.layer.{}.attention.v_lin.weight             h h
				transformer.layer.{}.attention.out_lin.weight           h h
				transformer.layer.{}.ffn.lin1.weight                    f h
				transformer.layer.{}.ffn.lin2.weight                    h f
				transformer.layer.{}.sa_layer_norm.weight               h
				transformer.layer.{}.output_layer_norm.weight           h
				embeddings.word_embeddings.weight                       V h
				embeddings.position_embeddings.weight                   p h`}},
		},
		{
			name: "modernbert", class: "ModernBertForMaskedLM", types: []string{"modernbert"},
			layouts: []layout{{tensors: `
				layers.{}.attn.Wqkv.weight                              3h h
				layers.{}.attn.Wo.weight                                h h
				layers.{}.mlp.Wi.weight                                 2f h
				layers.{}.mlp.Wo.weight                                 h f
				layers.{}.mlp_norm.weight                               h
				~? layers.{}.attn_norm.weight                           h
				embeddings.tok_embeddings.weight                        V h
				embeddings.norm.weight                                  h
				final_norm.weight                                       h`}},
		},
		{
			name: "t5", class: "T5ForConditionalGeneration", types: []string{"t5", "mt5", "umt5", "longt5", "t5encoder"},
			layouts: []layout{
				{tensors: `
					encoder.block.{}.layer.{}.SelfAttention.q.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.k.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.v.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.o.weight        h q
					encoder.block.{}.layer.{}.DenseReluDense.wi_0.weight|encoder.block.{}.layer.{}.DenseReluDense.wi.weight  f h
					encoder.block.{}.layer.{}.DenseReluDense.wo.weight      h f
					encoder.block.{}.layer.{}.layer_norm.weight             h
					~ encoder.block.{}.layer.{}.SelfAttention.relative_attention_bias.weight  r n
					decoder.block.{}.layer.{}.EncDecAttention.q.weight      q h
					decoder.block.{}.layer.{}.DenseReluDense.wo.weight      h f
					encoder.final_layer_norm.weight                         h
					shared.weight                                           V h
					? lm_head.weight                                        V h`},
				{variant: "encoder", tensors: `
					encoder.block.{}.layer.{}.SelfAttention.q.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.k.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.v.weight        q h
					encoder.block.{}.layer.{}.SelfAttention.o.weight        h q
					encoder.block.{}.layer.{}.DenseReluDense.wi_0.weight|encoder.block.{}.layer.{}.DenseReluDense.wi.weight  f h
					encoder.block.{}.layer.{}.DenseReluDense.wo.weight      h f
					encoder.block.{}.layer.{}.layer_norm.weight             h
					encoder.final_layer_norm.weight                         h
					shared.weight|encoder.embed_tokens.weight               V h
					! decoder.block.{}.layer.{}.EncDecAttention.q.weight    q h`},
			},
		},
		{
			name: "bart", class: "BartForConditionalGeneration", types: []string{"bart"},
			layouts: []layout{{tensors: bart + `
				encoder.layernorm_embedding.weight                      h
				decoder.layernorm_embedding.weight                      h
				shared.weight|encoder.embed_tokens.weight               V h
				encoder.embed_positions.weight                          p h
				! encoder.layer_norm.weight                             h`}},
		},
		{
			name: "mbart", class: "MBartForConditionalGeneration", types: []string{"mbart"},
			layouts: []layout{{tensors: bart + `
				encoder.layernorm_embedding.weight                      h
				encoder.layer_norm.weight                               h
				decoder.layer_norm.weight                               h
				shared.weight|encoder.embed_tokens.weight               V h
				encoder.embed_positions.weight                          p h`}},
		},
		{
			name: "marian", class: "MarianMTModel", types: []string{"marian"},
			layouts: []layout{{tensors: bart + `
				shared.weight|encoder.embed_tokens.weight               V h
				encoder.embed_positions.weight                          p h
				! encoder.layernorm_embedding.weight                    h
				! encoder.layer_norm.weight                             h`}},
		},
		{
			name: "whisper", class: "WhisperForConditionalGeneration", types: []string{"whisper"},
			layouts: []layout{{tensors: bart + `
				encoder.conv1.weight                                    h _ 3
				encoder.conv2.weight                                    h h 3
				encoder.embed_positions.weight                          _ h
				encoder.layer_norm.weight                               h
				decoder.embed_tokens.weight                             V h
				decoder.embed_positions.weight                          p h
				decoder.layer_norm.weight                               h
				! encoder.layers.{}.self_attn.k_proj.bias               h`}},
		},
		{
			name: "wav2vec2", class: "Wav2Vec2Model", types: []string{"wav2vec2", "hubert", "wavlm", "data2vec-audio"},
			layouts: []layout{{tensors: `
				encoder.layers.{}.attention.q_proj.weight               h h
				encoder.layers.{}.attention.k_proj.weight               h h
				encoder.layers.{}.attention.v_proj.weight               h h
				encoder.layers.{}.attention.out_proj.weight             h h
				encoder.layers.{}.feed_forward.intermediate_dense.weight  f h
				encoder.layers.{}.feed_forward.output_dense.weight      h f
				encoder.layers.{}.layer_norm.weight                     h
				encoder.layers.{}.final_layer_norm.weight               h
				encoder.pos_conv_embed.conv.weight_g|encoder.pos_conv_embed.conv.parametrizations.weight.original0  *
				encoder.pos_conv_embed.conv.weight_v|encoder.pos_conv_embed.conv.parametrizations.weight.original1  *
				feature_extractor.conv_layers.{}.conv.weight            *
				feature_projection.projection.weight                    h _
				encoder.layer_norm.weight                               h
				? masked_spec_embed                                     h`}},
		},
	}
}
