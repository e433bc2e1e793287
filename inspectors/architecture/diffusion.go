package architecture

// diffusion lists models that make images and video. Where the key names of the
// publisher and those of the library diffusers differ, both are layouts. The telling
// names are those that the loaders of diffusers and stable-diffusion.cpp go by.
func diffusion() []family {
	const ldm = `
		input_blocks.{}.{}.weight                          320 _ 3 3
		time_embed.{}.weight                               1280 _
		input_blocks.{}.{}.in_layers.{}.weight             *
		middle_block.{}.in_layers.{}.weight                *
		output_blocks.{}.{}.in_layers.{}.weight            *
		out.{}.weight                                      *
		input_blocks.{}.{}.transformer_blocks.{}.attn1.to_q.weight  _ _`
	const unet = `
		down_blocks.{}.attentions.{}.transformer_blocks.{}.attn1.to_q.weight  _ _
		down_blocks.{}.resnets.{}.conv1.weight             *
		mid_block.resnets.{}.conv1.weight                  *
		up_blocks.{}.resnets.{}.conv1.weight               *
		conv_in.weight                                     320 _ 3 3
		conv_out.weight                                    _ 320 3 3
		time_embedding.linear_1.weight                     1280 320
		! controlnet_cond_embedding.conv_in.weight         *`
	const flux = `
		double_blocks.{}.img_attn.qkv.weight               3h h
		double_blocks.{}.txt_attn.qkv.weight               3h h
		double_blocks.{}.img_attn.proj.weight              h h
		double_blocks.{}.img_attn.norm.key_norm.scale      d
		single_blocks.{}.linear1.weight                    _ h
		single_blocks.{}.linear2.weight                    h _
		img_in.weight                                      h _
		txt_in.weight                                      h _
		final_layer.linear.weight                          _ h`
	const fluxDiffusers = `
		transformer_blocks.{}.attn.to_q.weight             h h
		transformer_blocks.{}.attn.add_q_proj.weight       h h
		single_transformer_blocks.{}.attn.to_q.weight      h h
		x_embedder.weight                                  h _
		context_embedder.weight                            h _
		proj_out.weight                                    _ h`
	return []family{
		{
			name: "sd1", class: "StableDiffusionPipeline", types: []string{"unet2dconditionmodel"},
			layouts: []layout{
				{uncounted: true, tensors: ldm + `
					input_blocks.{}.{}.transformer_blocks.{}.attn2.to_k.weight  _ 768
					! label_emb.{}.{}.weight                       *`},
				{variant: "diffusers", uncounted: true, tensors: unet + `
					down_blocks.{}.attentions.{}.transformer_blocks.{}.attn2.to_k.weight  _ 768
					! add_embedding.linear_1.weight                *`},
			},
		},
		{
			name: "sd2", class: "StableDiffusionPipeline", types: []string{"unet2dconditionmodel"},
			layouts: []layout{
				{uncounted: true, tensors: ldm + `
					input_blocks.{}.{}.transformer_blocks.{}.attn2.to_k.weight  _ 1024
					! label_emb.{}.{}.weight                       *`},
				{variant: "diffusers", uncounted: true, tensors: unet + `
					down_blocks.{}.attentions.{}.transformer_blocks.{}.attn2.to_k.weight  _ 1024
					! add_embedding.linear_1.weight                *`},
			},
		},
		{
			name: "sdxl", class: "StableDiffusionXLPipeline", types: []string{"unet2dconditionmodel"},
			layouts: []layout{
				{uncounted: true, tensors: ldm + `
					input_blocks.{}.{}.transformer_blocks.{}.attn2.to_k.weight  _ 2048
					label_emb.{}.{}.weight                         *`},
				{variant: "diffusers", uncounted: true, tensors: unet + `
					down_blocks.{}.attentions.{}.transformer_blocks.{}.attn2.to_k.weight  _ 2048
					add_embedding.linear_1.weight                  1280 _`},
			},
		},
		{
			name: "sdxl-refiner", class: "StableDiffusionXLImg2ImgPipeline", types: []string{"unet2dconditionmodel"},
			layouts: []layout{
				{uncounted: true, tensors: `
					input_blocks.{}.{}.transformer_blocks.{}.attn2.to_k.weight  _ 1280
					input_blocks.{}.{}.weight                      384 _ 3 3
					label_emb.{}.{}.weight                         *
					middle_block.{}.in_layers.{}.weight            *
					output_blocks.{}.{}.in_layers.{}.weight        *`},
				{variant: "diffusers", uncounted: true, tensors: `
					down_blocks.{}.attentions.{}.transformer_blocks.{}.attn2.to_k.weight  _ 1280
					conv_in.weight                                 384 _ 3 3
					mid_block.resnets.{}.conv1.weight              *
					add_embedding.linear_1.weight                  1536 _`},
			},
		},
		{
			name: "sd3", class: "SD3Transformer2DModel", types: []string{"sd3transformer2dmodel"},
			layouts: []layout{
				{tensors: `
					joint_blocks.{}.x_block.attn.qkv.weight        3h h
					joint_blocks.{}.context_block.attn.qkv.weight  3h h
					joint_blocks.{}.x_block.mlp.fc1.weight         4h h
					joint_blocks.{}.x_block.mlp.fc2.weight         h 4h
					joint_blocks.{}.context_block.adaLN_modulation.{}.weight  _ h
					pos_embed                                      1 _ h
					x_embedder.proj.weight                         h _ _ _
					context_embedder.weight                        h _
					final_layer.linear.weight                      _ h`},
				{variant: "diffusers", tensors: `
					transformer_blocks.{}.attn.to_q.weight         h h
					transformer_blocks.{}.attn.add_q_proj.weight   h h
					transformer_blocks.{}.ff.net.{}.proj.weight    4h h
					~ transformer_blocks.{}.ff_context.net.{}.proj.weight  4h h
					pos_embed.proj.weight                          h _ _ _
					pos_embed.pos_embed                            1 _ h
					context_embedder.weight                        h _
					proj_out.weight                                _ h
					! single_transformer_blocks.{}.attn.to_q.weight  h h`},
			},
		},
		{
			name: "flux", class: "FluxTransformer2DModel", types: []string{"fluxtransformer2dmodel", "flux"},
			layouts: []layout{
				{tensors: flux + `
					time_in.in_layer.weight                        h 256
					vector_in.in_layer.weight                      h _
					double_blocks.{}.img_mod.lin.weight            6h h
					single_blocks.{}.modulation.lin.weight         3h h
					? guidance_in.in_layer.weight                  h 256
					! txt_in.individual_token_refiner.blocks.{}.adaLN_modulation.{}.bias  *`},
				{variant: "diffusers", tensors: fluxDiffusers + `
					single_transformer_blocks.{}.proj_mlp.weight   4h h
					single_transformer_blocks.{}.proj_out.weight   h 5h
					time_text_embed.timestep_embedder.linear_1.weight  h 256
					transformer_blocks.{}.norm1.linear.weight      6h h
					? time_text_embed.guidance_embedder.linear_1.weight  h 256
					! distilled_guidance_layer.in_proj.weight      *`},
			},
		},
		{
			name: "flux2", class: "Flux2Transformer2DModel", types: []string{"flux2transformer2dmodel"},
			layouts: []layout{
				{tensors: flux + `
					single_stream_modulation.lin.weight            3h h
					double_stream_modulation_img.lin.weight        6h h`},
				{variant: "diffusers", tensors: fluxFused + `
					single_stream_modulation.linear.weight         3h h
					double_stream_modulation_img.linear.weight     6h h`},
			},
		},
		{
			name: "chroma", class: "ChromaTransformer2DModel", types: []string{"chromatransformer2dmodel"},
			layouts: []layout{
				{tensors: flux + `
					distilled_guidance_layer.in_proj.weight        *
					distilled_guidance_layer.layers.{}.in_layer.weight  *`},
				{variant: "diffusers", tensors: fluxDiffusers + `
					distilled_guidance_layer.in_proj.weight        *`},
			},
		},
		{
			name: "hunyuan-video", class: "HunyuanVideoTransformer3DModel", types: []string{"hunyuanvideotransformer3dmodel"},
			layouts: []layout{
				{tensors: `
					double_blocks.{}.img_attn_qkv.weight           3h h
					double_blocks.{}.txt_attn_qkv.weight           3h h
					double_blocks.{}.img_attn_proj.weight          h h
					single_blocks.{}.linear1.weight                _ h
					single_blocks.{}.linear2.weight                h _
					txt_in.individual_token_refiner.blocks.{}.adaLN_modulation.{}.bias  *
					img_in.proj.weight                             *
					final_layer.linear.weight                      _ h`},
				{variant: "diffusers", tensors: `
					transformer_blocks.{}.attn.to_q.weight         h h
					transformer_blocks.{}.attn.add_q_proj.weight   h h
					single_transformer_blocks.{}.attn.to_q.weight  h h
					context_embedder.token_refiner.refiner_blocks.{}.attn.to_q.weight  h h
					x_embedder.proj.weight                         *
					proj_out.weight                                _ h`},
			},
		},
		{
			name: "wan", class: "WanTransformer3DModel", types: []string{"wantransformer3dmodel", "wanmodel", "t2v", "i2v"},
			layouts: []layout{
				{tensors: `
					blocks.{}.self_attn.q.weight                   h h
					blocks.{}.self_attn.k.weight                   h h
					blocks.{}.self_attn.v.weight                   h h
					blocks.{}.self_attn.o.weight                   h h
					blocks.{}.cross_attn.q.weight                  h h
					blocks.{}.cross_attn.o.weight                  h h
					blocks.{}.ffn.{}.weight                        _ _
					blocks.{}.modulation                           1 6 h
					patch_embedding.weight                         h _ _ _ _
					head.modulation                                1 2 h
					text_embedding.{}.weight                       h _
					time_embedding.{}.weight                       h _`},
				{variant: "diffusers", tensors: `
					blocks.{}.attn1.to_q.weight                    h h
					blocks.{}.attn1.to_k.weight                    h h
					blocks.{}.attn2.to_q.weight                    h h
					blocks.{}.ffn.net.{}.proj.weight               f h
					blocks.{}.scale_shift_table                    1 6 h
					patch_embedding.weight                         h _ _ _ _
					condition_embedder.text_embedder.linear_1.weight  h _
					scale_shift_table                              1 2 h`},
			},
		},
		{
			name: "ltx-video", class: "LTXVideoTransformer3DModel", types: []string{"ltxvideotransformer3dmodel"},
			layouts: []layout{{tensors: `
				transformer_blocks.{}.attn1.to_q.weight            h h
				transformer_blocks.{}.attn2.to_q.weight            h h
				transformer_blocks.{}.ff.net.{}.proj.weight        4h h
				transformer_blocks.{}.scale_shift_table            6 h
				patchify_proj.weight|proj_in.weight                h _
				scale_shift_table                                  2 h
				proj_out.weight                                    _ h`}},
		},
		{
			name: "mochi", class: "MochiTransformer3DModel", types: []string{"mochitransformer3dmodel"},
			layouts: []layout{
				{tensors: `
					blocks.{}.attn.qkv_x.weight                    3h h
					blocks.{}.attn.qkv_y.weight                    _ _
					blocks.{}.attn.proj_x.weight                   h h
					blocks.{}.mod_x.weight                         4h h
					blocks.{}.mlp_x.w1.weight                      _ h
					blocks.{}.mlp_x.w2.weight                      h _
					x_embedder.proj.weight                         h _ _ _
					t5_yproj.weight                                _ _`},
				{variant: "diffusers", tensors: `
					transformer_blocks.{}.attn1.to_q.weight        h h
					transformer_blocks.{}.attn1.add_q_proj.weight  _ _
					transformer_blocks.{}.norm1.linear.weight      4h h
					transformer_blocks.{}.ff.net.{}.proj.weight    _ h
					patch_embed.proj.weight                        h _ _ _
					time_embed.pooler.to_kv.weight                 *
					proj_out.weight                                _ h`},
			},
		},
		{
			name: "cosmos", class: "CosmosTransformer3DModel", types: []string{"cosmostransformer3dmodel"},
			layouts: []layout{
				{tensors: `
					blocks.{}.self_attn.q_proj.weight              h h
					blocks.{}.self_attn.output_proj.weight         h h
					blocks.{}.cross_attn.q_proj.weight             h h
					blocks.{}.mlp.layer1.weight                    f h
					blocks.{}.mlp.layer2.weight                    h f
					x_embedder.proj.{}.weight                      h _`},
				{variant: "1.0", uncounted: true, tensors: `
					blocks.block1.blocks.{}.block.attn.to_q.{}.weight   *
					blocks.block1.blocks.{}.block.attn.to_k.{}.weight   *
					blocks.block1.blocks.{}.adaLN_modulation.{}.weight  *
					x_embedder.proj.{}.weight                      h _`},
				{variant: "diffusers", tensors: `
					transformer_blocks.{}.attn1.to_q.weight        h h
					transformer_blocks.{}.attn2.to_q.weight        h h
					transformer_blocks.{}.norm1.linear_1.weight    _ h
					transformer_blocks.{}.ff.net.{}.proj.weight    _ h
					patch_embed.proj.weight                        h _
					time_embed.t_embedder.linear_1.weight          h h
					proj_out.weight                                _ h`},
			},
		},
		{
			name: "qwen-image", class: "QwenImageTransformer2DModel", types: []string{"qwenimagetransformer2dmodel"},
			layouts: []layout{{tensors: `
				transformer_blocks.{}.img_mod.{}.weight            6h h
				transformer_blocks.{}.txt_mod.{}.weight            6h h
				transformer_blocks.{}.attn.to_q.weight             h h
				transformer_blocks.{}.attn.add_q_proj.weight       h h
				transformer_blocks.{}.img_mlp.net.{}.proj.weight   4h h
				img_in.weight                                      h _
				txt_in.weight                                      h _
				proj_out.weight                                    _ h`}},
		},
		{
			name: "z-image", class: "ZImageTransformer2DModel", types: []string{"zimagetransformer2dmodel"},
			layouts: []layout{{tensors: `
				layers.{}.adaLN_modulation.{}.weight               4h _
				layers.{}.attention.to_q.weight|layers.{}.attention.qkv.weight         _ h
				layers.{}.attention.to_out.{}.weight|layers.{}.attention.out.weight    h h
				layers.{}.feed_forward.w1.weight                   f h
				layers.{}.feed_forward.w2.weight                   h f
				layers.{}.feed_forward.w3.weight                   f h
				noise_refiner.{}.feed_forward.w1.weight            f h
				context_refiner.{}.feed_forward.w1.weight          f h
				cap_embedder.{}.weight                             *`}},
		},
		{
			name: "sana", class: "SanaTransformer2DModel", types: []string{"sanatransformer2dmodel"},
			layouts: []layout{
				{tensors: `
					blocks.{}.attn.qkv.weight                      3h h
					blocks.{}.cross_attn.q_linear.weight           h h
					blocks.{}.cross_attn.kv_linear.weight          2h h
					blocks.{}.mlp.inverted_conv.conv.weight        *
					blocks.{}.scale_shift_table                    6 h
					x_embedder.proj.weight                         *
					y_embedder.y_proj.fc1.weight                   h _`},
				{variant: "diffusers", tensors: `
					transformer_blocks.{}.attn1.to_q.weight        h h
					transformer_blocks.{}.attn2.to_q.weight        h h
					transformer_blocks.{}.ff.conv_inverted.weight  *
					transformer_blocks.{}.ff.conv_point.weight     *
					transformer_blocks.{}.scale_shift_table        6 h
					caption_projection.linear_1.weight             h _
					proj_out.weight                                _ h`},
			},
		},
		{
			name: "hidream", class: "HiDreamImageTransformer2DModel", types: []string{"hidreamimagetransformer2dmodel"},
			layouts: []layout{{tensors: `
				double_stream_blocks.{}.block.adaLN_modulation.{}.weight    12h h
				double_stream_blocks.{}.block.attn1.to_q.weight             h h
				double_stream_blocks.{}.block.attn1.to_q_t.weight           h h
				single_stream_blocks.{}.block.adaLN_modulation.{}.weight    6h h
				single_stream_blocks.{}.block.attn1.to_q.weight             h h
				x_embedder.proj.weight                                      h _
				final_layer.linear.weight                                   _ h`}},
		},
		{
			name: "auraflow", class: "AuraFlowTransformer2DModel", types: []string{"auraflowtransformer2dmodel"},
			layouts: []layout{
				{tensors: `
					double_layers.{}.attn.w1q.weight               h h
					double_layers.{}.attn.w2q.weight               h h
					double_layers.{}.mlpX.c_fc1.weight             f h
					single_layers.{}.attn.w1q.weight               h h
					cond_seq_linear.weight                         h _
					positional_encoding                            1 _ h
					register_tokens                                1 _ h`},
				{variant: "diffusers", tensors: `
					joint_transformer_blocks.{}.attn.to_q.weight       h h
					joint_transformer_blocks.{}.attn.add_q_proj.weight h h
					joint_transformer_blocks.{}.ff.linear_1.weight     f h
					single_transformer_blocks.{}.attn.to_q.weight      h h
					context_embedder.weight                            h _
					register_tokens                                    1 _ h
					proj_out.weight                                    _ h`},
			},
		},
	}
}

// fluxFused is the second generation of Flux as the library diffusers names it.
const fluxFused = `
		transformer_blocks.{}.attn.to_q.weight             h h
		transformer_blocks.{}.attn.add_q_proj.weight       h h
		transformer_blocks.{}.ff.linear_in.weight          _ h
		single_transformer_blocks.{}.attn.to_qkv_mlp_proj.weight  _ h
		x_embedder.weight                                  h _
		context_embedder.weight                            h _
		proj_out.weight                                    _ h`
