package architecture_test

import (
	"fmt"
	"strings"
)

// noise is a name that says nothing.
func noise(i int) string { return fmt.Sprintf("%016x", uint64(i+1)*0x9e3779b97f4a7c15) }

// wrapped puts a prefix before every name; where an old prefix is given, in its place.
func wrapped(text, prefix string, old ...string) string {
	var out strings.Builder
	for row := range strings.Lines(text) {
		name := strings.TrimSpace(row)
		for _, o := range old {
			name = strings.TrimPrefix(name, o)
		}
		if name != "" {
			out.WriteString(prefix + name + "\n")
		}
	}
	return out.String()
}

// Pieces of published models that several share.
const (
	outer = `
		model.embed_tokens.weight 500 64
		model.norm.weight 64
		lm_head.weight 500 64
`
	tiedOuter = `
		model.embed_tokens.weight 500 64
		model.norm.weight 64
`
	twoNorms = `
		model.layers.{0-3}.{input_layernorm,post_attention_layernorm}.weight 64
`
	biasedNorms = `
		model.layers.{0-3}.{input_layernorm,post_attention_layernorm}.{weight,bias} 64
`
	attention = `
		model.layers.{0-3}.self_attn.q_proj.weight 64 64
		model.layers.{0-3}.self_attn.{k,v}_proj.weight 16 64
		model.layers.{0-3}.self_attn.o_proj.weight 64 64
`
	gatedMLP = `
		model.layers.{0-3}.mlp.{gate,up}_proj.weight 160 64
		model.layers.{0-3}.mlp.down_proj.weight 64 160
`
	llamaLayers = twoNorms + attention + gatedMLP
	qkvBiases   = `
		model.layers.{0-3}.self_attn.q_proj.bias 64
		model.layers.{0-3}.self_attn.{k,v}_proj.bias 16
`
	qkNorms = `
		model.layers.{0-3}.self_attn.{q,k}_norm.weight 8
`
	feedforwardNorms = `
		model.layers.{0-3}.{pre,post}_feedforward_layernorm.weight 64
`
	experts8 = `
		model.layers.{0-3}.mlp.gate.weight 8 64
		model.layers.{0-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.experts.{0-7}.down_proj.weight 64 24
`
	sparseMoe = `
		model.layers.{0-3}.block_sparse_moe.gate.weight 8 64
		model.layers.{0-3}.block_sparse_moe.experts.{0-7}.{w1,w3}.weight 88 64
		model.layers.{0-3}.block_sparse_moe.experts.{0-7}.w2.weight 64 88
`
	unbiasedExperts = `
		model.layers.0.mlp.{gate,up}_proj.weight 160 64
		model.layers.0.mlp.down_proj.weight 64 160
		model.layers.{1-3}.mlp.gate.weight 8 64
		model.layers.{1-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{1-3}.mlp.experts.{0-7}.down_proj.weight 64 24
		model.layers.{1-3}.mlp.shared_experts.{gate,up}_proj.weight 48 64
		model.layers.{1-3}.mlp.shared_experts.down_proj.weight 64 48
`
	latentExperts = unbiasedExperts + `
		model.layers.{1-3}.mlp.gate.e_score_correction_bias 8
`
	latent = `
		model.layers.{0-3}.self_attn.kv_a_proj_with_mqa.weight 24 64
		model.layers.{0-3}.self_attn.kv_a_layernorm.weight 16
		model.layers.{0-3}.self_attn.kv_b_proj.weight 128 16
		model.layers.{0-3}.self_attn.o_proj.weight 64 64
`
	latentQuery = `
		model.layers.{0-3}.self_attn.q_a_proj.weight 32 64
		model.layers.{0-3}.self_attn.q_a_layernorm.weight 32
		model.layers.{0-3}.self_attn.q_b_proj.weight 96 32
`
	nextLayers = twoNorms + outer + `
		model.layers.{0,1,2}.linear_attn.conv1d.weight 128 1 4
		model.layers.{0,1,2}.linear_attn.{A_log,dt_bias} 4
		model.layers.{0,1,2}.linear_attn.norm.weight 16
		model.layers.{0,1,2}.linear_attn.out_proj.weight 64 64
		model.layers.3.self_attn.q_proj.weight 128 64
		model.layers.3.self_attn.{k,v}_proj.weight 16 64
		model.layers.3.self_attn.o_proj.weight 64 64
		model.layers.3.self_attn.{q,k}_norm.weight 16
		model.layers.{0-3}.mlp.gate.weight 8 64
		model.layers.{0-3}.mlp.shared_expert_gate.weight 1 64
`
	lfm2Layers = `
		model.embed_tokens.weight 500 64
		model.embedding_norm.weight 64
		model.layers.{0-3}.{operator_norm,ffn_norm}.weight 64
		model.layers.{0,1,2}.conv.in_proj.weight 192 64
		model.layers.{0,1,2}.conv.conv.weight 64 1 3
		model.layers.{0,1,2}.conv.out_proj.weight 64 64
		model.layers.3.self_attn.q_proj.weight 64 64
		model.layers.3.self_attn.{k,v}_proj.weight 16 64
		model.layers.3.self_attn.out_proj.weight 64 64
		model.layers.3.self_attn.{q,k}_layernorm.weight 16
`
	nativeLayers = `
		layers.{0-3}.attention.wq.weight 64 64
		layers.{0-3}.attention.{wk,wv}.weight 16 64
		layers.{0-3}.attention.wo.weight 64 64
		layers.{0-3}.feed_forward.{w1,w3}.weight 160 64
		layers.{0-3}.feed_forward.w2.weight 64 160
		layers.{0-3}.{attention_norm,ffn_norm}.weight 64
`
	nativeOuter = `
		tok_embeddings.weight 500 64
		norm.weight 64
		output.weight 500 64
`
	ggufTied = `
		token_embd.weight 500 64
		output_norm.weight 64
`
	ggufHead = ggufTied + `
		output.weight 500 64
`
	ggufAttn = `
		blk.{0-3}.attn_norm.weight 64
		blk.{0-3}.attn_q.weight 64 64
		blk.{0-3}.attn_{k,v}.weight 16 64
		blk.{0-3}.attn_output.weight 64 64
`
	ggufDense = ggufAttn + `
		blk.{0-3}.ffn_norm.weight 64
		blk.{0-3}.ffn_{gate,up}.weight 160 64
		blk.{0-3}.ffn_down.weight 64 160
`
	ggufExps = `
		blk.{0-3}.ffn_norm.weight 64
		blk.{0-3}.ffn_gate_inp.weight 8 64
		blk.{0-3}.ffn_{gate,up}_exps.weight 8 88 64
		blk.{0-3}.ffn_down_exps.weight 8 64 88
`
	ggufQKVBiases = `
		blk.{0-3}.attn_q.bias 64
		blk.{0-3}.attn_{k,v}.bias 16
`
	ggufQKNorms = `
		blk.{0-3}.attn_{q,k}_norm.weight 8
`
	ggufPostNorms = `
		blk.{0-3}.{post_attention_norm,post_ffw_norm}.weight 64
`
	ggufBiased = `
		blk.{0-3}.{attn_norm,ffn_norm}.{weight,bias} 64
		blk.{0-3}.attn_qkv.weight 192 64
		blk.{0-3}.attn_qkv.bias 192
		blk.{0-3}.attn_output.weight 64 64
		blk.{0-3}.attn_output.bias 64
		blk.{0-3}.ffn_up.weight 256 64
		blk.{0-3}.ffn_up.bias 256
		blk.{0-3}.ffn_down.weight 64 256
		blk.{0-3}.ffn_down.bias 64
`
	ggufLatent = `
		blk.{0-3}.{attn_norm,ffn_norm}.weight 64
		blk.{0-3}.attn_kv_a_mqa.weight 24 64
		blk.{0-3}.attn_kv_a_norm.weight 16
		blk.{0-3}.attn_kv_b.weight 128 16
		blk.{0-3}.attn_output.weight 64 64
		blk.0.ffn_{gate,up}.weight 160 64
		blk.0.ffn_down.weight 64 160
		blk.{1-3}.ffn_gate_inp.weight 8 64
		blk.{1-3}.ffn_{gate,up}_exps.weight 8 24 64
		blk.{1-3}.ffn_down_exps.weight 8 64 24
		blk.{1-3}.ffn_{gate,up}_shexp.weight 24 64
		blk.{1-3}.ffn_down_shexp.weight 64 24
`
	t5Encoder = `
		shared.weight 500 64
		encoder.final_layer_norm.weight 64
		encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32 4
		encoder.block.{0-3}.layer.0.SelfAttention.{q,k,v}.weight 48 64
		encoder.block.{0-3}.layer.0.SelfAttention.o.weight 64 48
		encoder.block.{0-3}.layer.{0-1}.layer_norm.weight 64
		encoder.block.{0-3}.layer.1.DenseReluDense.wi_{0,1}.weight 160 64
		encoder.block.{0-3}.layer.1.DenseReluDense.wo.weight 64 160
`
	bartLayers = `
		model.{encoder,decoder}.layers.{0-3}.self_attn.{q,k,v,out}_proj.weight 64 64
		model.{encoder,decoder}.layers.{0-3}.self_attn.{q,v,out}_proj.bias 64
		model.{encoder,decoder}.layers.{0-3}.{self_attn_layer_norm,final_layer_norm}.{weight,bias} 64
		model.{encoder,decoder}.layers.{0-3}.fc1.weight 256 64
		model.{encoder,decoder}.layers.{0-3}.fc2.weight 64 256
		model.decoder.layers.{0-3}.encoder_attn.{q,k,v,out}_proj.weight 64 64
		model.decoder.layers.{0-3}.encoder_attn_layer_norm.{weight,bias} 64
`
	clipText = `
		text_model.embeddings.token_embedding.weight 500 64
		text_model.embeddings.position_embedding.weight 77 64
		text_model.final_layer_norm.{weight,bias} 64
		text_model.encoder.layers.{0-3}.self_attn.{q,k,v,out}_proj.weight 64 64
		text_model.encoder.layers.{0-3}.self_attn.{q,k,v,out}_proj.bias 64
		text_model.encoder.layers.{0-3}.{layer_norm1,layer_norm2}.{weight,bias} 64
		text_model.encoder.layers.{0-3}.mlp.fc1.weight 256 64
		text_model.encoder.layers.{0-3}.mlp.fc2.weight 64 256
`
	clipVision = `
		vision_model.embeddings.class_embedding 48
		vision_model.pre_layrnorm.{weight,bias} 48
`
	siglipHead = `
		vision_model.head.probe 1 1 48
		vision_model.head.attention.in_proj_weight 144 48
		vision_model.head.mlp.fc1.weight 192 48
`
	projector = `
		multi_modal_projector.linear_1.weight 64 48
		multi_modal_projector.linear_2.weight 64 64
`
	pixtralTower = `
		vision_tower.patch_conv.weight 48 3 16 16
		vision_tower.ln_pre.weight 48
		vision_tower.transformer.layers.{0-2}.{attention_norm,ffn_norm}.weight 48
		vision_tower.transformer.layers.{0-2}.attention.{q,k,v,o}_proj.weight 48 48
		vision_tower.transformer.layers.{0-2}.feed_forward.{gate,up}_proj.weight 128 48
		vision_tower.transformer.layers.{0-2}.feed_forward.down_proj.weight 48 128
`
	qwenVisual = `
		visual.patch_embed.proj.weight 48 3 2 14 14
		visual.blocks.{0-2}.attn.qkv.weight 144 48
		visual.blocks.{0-2}.attn.qkv.bias 144
		visual.blocks.{0-2}.attn.proj.weight 48 48
`
	fluxBlocks = `
		img_in.weight 64 128
		txt_in.weight 64 4096
		final_layer.linear.weight 128 64
		double_blocks.{0-3}.{img,txt}_attn.qkv.weight 192 64
		double_blocks.{0-3}.{img,txt}_attn.proj.weight 64 64
		double_blocks.{0-3}.{img,txt}_attn.norm.{key,query}_norm.scale 16
		double_blocks.{0-3}.{img,txt}_mlp.0.weight 256 64
		double_blocks.{0-3}.{img,txt}_mlp.2.weight 64 256
		single_blocks.{0-5}.linear1.weight 448 64
		single_blocks.{0-5}.linear2.weight 64 320
		single_blocks.{0-5}.norm.{key,query}_norm.scale 16
`
	fluxDiffusers = `
		x_embedder.weight 64 128
		context_embedder.weight 64 4096
		proj_out.weight 128 64
		transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		transformer_blocks.{0-3}.{ff,ff_context}.net.0.proj.weight 256 64
		transformer_blocks.{0-3}.{ff,ff_context}.net.2.weight 64 256
		single_transformer_blocks.{0-5}.attn.to_{q,k,v}.weight 64 64
		single_transformer_blocks.{0-5}.proj_mlp.weight 256 64
		single_transformer_blocks.{0-5}.proj_out.weight 64 320
`
)

// siglipTower is an encoder of images in the layout that CLIP and SigLIP share.
func siglipTower(prefix string) string {
	return wrapped(`
		vision_model.embeddings.patch_embedding.weight 48 3 14 14
		vision_model.embeddings.position_embedding.weight 257 48
		vision_model.post_layernorm.{weight,bias} 48
		vision_model.encoder.layers.{0-2}.self_attn.{q,k,v,out}_proj.weight 48 48
		vision_model.encoder.layers.{0-2}.self_attn.{q,k,v,out}_proj.bias 48
		vision_model.encoder.layers.{0-2}.{layer_norm1,layer_norm2}.{weight,bias} 48
		vision_model.encoder.layers.{0-2}.mlp.fc1.weight 192 48
		vision_model.encoder.layers.{0-2}.mlp.fc2.weight 48 192`, prefix)
}

// bertLayers is BERT's encoder with one of the two names of its norms.
func bertLayers(prefix, norm string) string {
	return wrapped(`
		embeddings.word_embeddings.weight 500 64
		embeddings.position_embeddings.weight 512 64
		embeddings.`+norm+` 64
		encoder.layer.{0-3}.attention.self.{query,key,value}.weight 64 64
		encoder.layer.{0-3}.attention.self.{query,key,value}.bias 64
		encoder.layer.{0-3}.attention.output.dense.weight 64 64
		encoder.layer.{0-3}.attention.output.`+norm+` 64
		encoder.layer.{0-3}.intermediate.dense.weight 256 64
		encoder.layer.{0-3}.output.dense.weight 64 256
		encoder.layer.{0-3}.output.`+norm+` 64`, prefix)
}

// ldmUNet is a UNet in the names of its first publishers, with some of its blocks.
func ldmUNet(channels, context string) string {
	return wrapped(`
		time_embed.0.weight 1280 320
		time_embed.2.weight 1280 1280
		input_blocks.0.0.weight 320 `+channels+` 3 3
		input_blocks.{1,2}.0.in_layers.0.weight 320
		input_blocks.{1,2}.0.in_layers.2.weight 320 320 3 3
		input_blocks.3.0.op.weight 320 320 3 3
		input_blocks.2.1.transformer_blocks.0.attn1.to_{q,k,v}.weight 320 320
		input_blocks.2.1.transformer_blocks.0.attn2.to_{k,v}.weight 320 `+context+`
		input_blocks.5.1.transformer_blocks.0.attn1.to_{q,k,v}.weight 640 640
		input_blocks.5.1.transformer_blocks.0.attn2.to_{k,v}.weight 640 `+context+`
		middle_block.0.in_layers.0.weight 1280
		output_blocks.{0,1}.0.in_layers.0.weight 2560
		output_blocks.11.0.skip_connection.weight 320 640 1 1
		out.0.weight 320
		out.2.weight 4 320 3 3`, "model.diffusion_model.") + `
		first_stage_model.encoder.conv_in.weight 128 3 3 3
`
}

// diffusersUNet is the same as the library diffusers names it.
func diffusersUNet(context string) string {
	return `
		conv_in.weight 320 4 3 3
		conv_out.weight 4 320 3 3
		conv_norm_out.weight 320
		time_embedding.linear_1.weight 1280 320
		time_embedding.linear_2.weight 1280 1280
		down_blocks.{0,1}.resnets.{0,1}.conv1.weight 320 320 3 3
		down_blocks.0.attentions.{0,1}.transformer_blocks.0.attn1.to_{q,k,v}.weight 320 320
		down_blocks.0.attentions.{0,1}.transformer_blocks.0.attn2.to_{k,v}.weight 320 ` + context + `
		down_blocks.1.attentions.{0,1}.transformer_blocks.0.attn1.to_{q,k,v}.weight 640 640
		down_blocks.1.attentions.{0,1}.transformer_blocks.0.attn2.to_{k,v}.weight 640 ` + context + `
		mid_block.resnets.{0,1}.conv1.weight 1280 1280 3 3
		up_blocks.{0,1}.resnets.{0,1}.conv1.weight 1280 2560 3 3
`
}
