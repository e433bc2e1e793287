package architecture

// vision lists encoders of images, and language models that see.
func vision() []family {
	// A transformer of images as CLIP and SigLIP name it.
	const tower = `
		vision_model.encoder.layers.{}.self_attn.q_proj.weight     v v
		vision_model.encoder.layers.{}.self_attn.out_proj.weight   v v
		vision_model.encoder.layers.{}.mlp.fc1.weight              w v
		vision_model.encoder.layers.{}.mlp.fc2.weight              v w
		vision_model.encoder.layers.{}.layer_norm1.weight          v
		vision_model.encoder.layers.{}.layer_norm2.weight          v
		vision_model.embeddings.patch_embedding.weight             *
		vision_model.embeddings.position_embedding.weight          _ v
		vision_model.post_layernorm.weight                         v`
	const textTower = `
		text_model.encoder.layers.{}.self_attn.q_proj.weight       h h
		text_model.encoder.layers.{}.self_attn.k_proj.weight       h h
		text_model.encoder.layers.{}.self_attn.v_proj.weight       h h
		text_model.encoder.layers.{}.self_attn.out_proj.weight     h h
		text_model.encoder.layers.{}.mlp.fc1.weight                f h
		text_model.encoder.layers.{}.mlp.fc2.weight                h f
		text_model.encoder.layers.{}.layer_norm1.weight            h
		text_model.encoder.layers.{}.layer_norm2.weight            h
		text_model.embeddings.token_embedding.weight               V h
		text_model.embeddings.position_embedding.weight            p h
		text_model.final_layer_norm.weight                         h`
	const language = twoNorms + attention + gatedMLP + ends
	const projector = `
		multi_modal_projector.linear_1.weight                      _ _
		multi_modal_projector.linear_2.weight                      _ _`
	const qwenSees = `
		visual.blocks.{}.attn.qkv.weight                           3v v
		visual.blocks.{}.attn.proj.weight                          v v
		visual.patch_embed.proj.weight                             *`
	return []family{
		{
			name: "clip", class: "CLIPModel", types: []string{"clip", "clip_text_model", "clip_vision_model"},
			layouts: []layout{
				{tensors: textTower + tower + `
					vision_model.embeddings.class_embedding                v
					vision_model.pre_layrnorm.weight                       v
					text_projection.weight                                 _ h
					visual_projection.weight                               _ v`},
				{variant: "text", tensors: textTower + `
					! vision_model.embeddings.patch_embedding.weight       *
					! text_model.head.weight                               _ h`},
				{variant: "vision", tensors: tower + `
					vision_model.embeddings.class_embedding                v
					vision_model.pre_layrnorm.weight                       v
					! text_model.final_layer_norm.weight                   h`},
			},
		},
		{
			name: "siglip", class: "SiglipModel", types: []string{"siglip", "siglip2", "siglip_text_model", "siglip_vision_model"},
			layouts: []layout{
				{tensors: textTower + tower + `
					text_model.head.weight                                 _ h
					vision_model.head.probe                                *
					vision_model.head.attention.in_proj_weight             3v v
					? logit_bias                                           *
					! vision_model.embeddings.class_embedding              v`},
				{variant: "vision", tensors: tower + `
					? vision_model.head.probe                              *
					? vision_model.head.attention.in_proj_weight           3v v
					! vision_model.embeddings.class_embedding              v
					! text_model.final_layer_norm.weight                   h`},
			},
		},
		{
			name: "vit", class: "ViTModel", types: []string{"vit", "deit"},
			layouts: []layout{{tensors: `
				encoder.layer.{}.attention.attention.query.weight          h h
				encoder.layer.{}.attention.attention.key.weight            h h
				encoder.layer.{}.attention.attention.value.weight          h h
				encoder.layer.{}.attention.output.dense.weight             h h
				encoder.layer.{}.intermediate.dense.weight                 f h
				encoder.layer.{}.output.dense.weight                       h f
				encoder.layer.{}.layernorm_before.weight                   h
				encoder.layer.{}.layernorm_after.weight                    h
				embeddings.cls_token                                       1 1 h
				embeddings.position_embeddings                             1 p h
				embeddings.patch_embeddings.projection.weight              h _ _ _
				layernorm.weight                                           h`}},
		},
		{
			name: "dinov2", class: "Dinov2Model", types: []string{"dinov2", "dinov2_with_registers"},
			layouts: []layout{
				{tensors: `
					encoder.layer.{}.attention.attention.query.weight      h h
					encoder.layer.{}.attention.output.dense.weight         h h
					encoder.layer.{}.layer_scale1.lambda1                  h
					encoder.layer.{}.layer_scale2.lambda1                  h
					encoder.layer.{}.norm1.weight                          h
					encoder.layer.{}.norm2.weight                          h
					encoder.layer.{}.mlp.fc1.weight|encoder.layer.{}.mlp.weights_in.weight   f h
					encoder.layer.{}.mlp.fc2.weight|encoder.layer.{}.mlp.weights_out.weight  h _
					embeddings.cls_token                                   1 1 h
					embeddings.patch_embeddings.projection.weight          h _ _ _
					layernorm.weight                                       h`},
				{variant: "native", tensors: `
					blocks.{}.attn.qkv.weight                              3h h
					blocks.{}.attn.proj.weight                             h h
					blocks.{}.ls1.gamma                                    h
					blocks.{}.ls2.gamma                                    h
					blocks.{}.norm1.weight                                 h
					blocks.{}.norm2.weight                                 h
					cls_token                                              1 1 h
					pos_embed                                              1 p h
					patch_embed.proj.weight                                h _ _ _
					norm.weight                                            h`},
			},
		},
		{
			name: "llava", class: "LlavaForConditionalGeneration", types: []string{"llava", "llava_next", "llava_llama", "vipllava"},
			layouts: []layout{
				{tensors: language + projector + `
					vision_tower.vision_model.encoder.layers.{}.self_attn.q_proj.weight   v v
					vision_tower.vision_model.encoder.layers.{}.mlp.fc1.weight            w v
					! multi_modal_projector.patch_merger.merging_layer.weight             _ _`},
				{variant: "native", tensors: language + `
					mm_projector.{}.weight                                 _ _
					? vision_tower.vision_tower.vision_model.encoder.layers.{}.mlp.fc1.weight  w v`},
			},
		},
		{
			name: "pixtral", class: "LlavaForConditionalGeneration", types: []string{"llava", "pixtral"},
			layouts: []layout{
				{tensors: language + projector + `
					vision_tower.transformer.layers.{}.attention.q_proj.weight   v v
					vision_tower.transformer.layers.{}.feed_forward.gate_proj.weight  w v
					vision_tower.patch_conv.weight                         *
					! multi_modal_projector.patch_merger.merging_layer.weight    _ _`},
				{variant: "native", tensors: `
					layers.{}.attention.wq.weight                          q h
					layers.{}.attention.wk.weight                          k h
					layers.{}.attention.wv.weight                          k h
					layers.{}.attention.wo.weight                          h q
					layers.{}.feed_forward.w1.weight                       f h
					layers.{}.feed_forward.w2.weight                       h f
					layers.{}.feed_forward.w3.weight                       f h
					layers.{}.attention_norm.weight                        h
					layers.{}.ffn_norm.weight                              h
					tok_embeddings.weight                                  V h
					norm.weight                                            h
					? output.weight                                        V h
					vision_encoder.transformer.layers.{}.attention.wq.weight   v v
					vision_language_adapter.w_in.weight                    _ v`},
			},
		},
		{
			name: "mistral3", class: "Mistral3ForConditionalGeneration", types: []string{"mistral3"},
			layouts: []layout{{tensors: language + projector + `
				vision_tower.transformer.layers.{}.attention.q_proj.weight       v v
				vision_tower.transformer.layers.{}.feed_forward.gate_proj.weight w v
				vision_tower.patch_conv.weight                             *
				multi_modal_projector.norm.weight                          v
				multi_modal_projector.patch_merger.merging_layer.weight    _ _`}},
		},
		{
			name: "qwen2-vl", class: "Qwen2VLForConditionalGeneration", types: []string{"qwen2_vl", "qwen2vl"},
			layouts: []layout{{tensors: language + attentionBiases + qwenSees + `
				visual.blocks.{}.mlp.fc1.weight                            w v
				visual.blocks.{}.mlp.fc2.weight                            v w
				visual.merger.ln_q.weight                                  v
				visual.merger.mlp.{}.weight                                _ _
				! visual.blocks.{}.mlp.gate_proj.weight                    w v`}},
		},
		{
			name: "qwen2.5-vl", class: "Qwen2_5_VLForConditionalGeneration", types: []string{"qwen2_5_vl"},
			layouts: []layout{{tensors: language + attentionBiases + qwenSees + `
				visual.blocks.{}.mlp.gate_proj.weight                      w v
				visual.blocks.{}.mlp.up_proj.weight                        w v
				visual.blocks.{}.mlp.down_proj.weight                      v w
				visual.merger.ln_q.weight                                  v
				visual.merger.mlp.{}.weight                                _ _`}},
		},
		{
			name: "qwen3-vl", class: "Qwen3VLForConditionalGeneration", types: []string{"qwen3_vl", "qwen3_vl_moe"},
			layouts: []layout{{tensors: twoNorms + attention + headNorms + ends + qwenSees + `
				? layers.{}.mlp.gate_proj.weight                           f h
				? layers.{}.mlp.up_proj.weight                             f h
				? layers.{}.mlp.down_proj.weight                           h f
				? layers.{}.mlp.gate.weight                                E h
				? layers.{}.mlp.experts.gate_up_proj                       E _ _
				? layers.{}.mlp.experts.down_proj                          E _ _
				visual.blocks.{}.mlp.linear_fc1.weight                     w v
				visual.blocks.{}.mlp.linear_fc2.weight                     v w
				visual.pos_embed.weight                                    _ v
				visual.merger.norm.weight                                  v
				visual.deepstack_merger_list.{}.linear_fc1.weight          _ _`}},
		},
		{
			name: "mllama", class: "MllamaForConditionalGeneration", types: []string{"mllama"},
			layouts: []layout{{tensors: twoNorms + gatedMLP + ends + `
				~ layers.{}.self_attn.q_proj.weight                        q h
				~ layers.{}.self_attn.k_proj.weight                        k h
				~ layers.{}.self_attn.v_proj.weight                        k h
				~ layers.{}.self_attn.o_proj.weight                        h q
				~ layers.{}.cross_attn.q_proj.weight                       q h
				~ layers.{}.cross_attn.k_proj.weight                       k h
				~ layers.{}.cross_attn.v_proj.weight                       k h
				~ layers.{}.cross_attn.o_proj.weight                       h q
				~ layers.{}.cross_attn_attn_gate                           1
				~ layers.{}.cross_attn_mlp_gate                            1
				vision_model.global_transformer.layers.{}.self_attn.q_proj.weight  v v
				vision_model.transformer.layers.{}.self_attn.q_proj.weight         v v
				vision_model.gated_positional_embedding.embedding          _ v`}},
		},
	}
}
