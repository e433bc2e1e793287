package architecture_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/architecture"
	"weighbridge/pipeline"
)

// published is one small model of each layout, with the names that its publishers'
// files have. Sizes are made up: hidden size 64 unless the family fixes another.
var published = []struct {
	family, variant       string
	layers, hidden, vocab int64
	experts               int64
	tensors               string
}{
	{"llama", "", 4, 64, 500, 0, llamaLayers + outer},
	{"llama", "native", 4, 64, 500, 0, nativeLayers + nativeOuter},
	{"llama", "gguf", 4, 64, 500, 0, ggufHead + ggufDense + "rope_freqs.weight 8"},
	{"llama", "exaone", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.ln_f.weight 64
		lm_head.weight 500 64
		transformer.h.{0-3}.{ln_1,ln_2}.weight 64
		transformer.h.{0-3}.attn.attention.{q,out}_proj.weight 64 64
		transformer.h.{0-3}.attn.attention.{k,v}_proj.weight 16 64
		transformer.h.{0-3}.mlp.c_fc_{0,1}.weight 160 64
		transformer.h.{0-3}.mlp.c_proj.weight 64 160`},
	{"internlm2", "", 4, 64, 500, 0, `
		model.tok_embeddings.weight 500 64
		model.norm.weight 64
		output.weight 500 64
		model.layers.{0-3}.{attention_norm,ffn_norm}.weight 64
		model.layers.{0-3}.attention.wqkv.weight 96 64
		model.layers.{0-3}.attention.wo.weight 64 64
		model.layers.{0-3}.feed_forward.{w1,w3}.weight 160 64
		model.layers.{0-3}.feed_forward.w2.weight 64 160`},
	{"baichuan", "", 4, 64, 500, 0, twoNorms + gatedMLP + outer + `
		model.layers.{0-3}.self_attn.W_pack.weight 192 64
		model.layers.{0-3}.self_attn.o_proj.weight 64 64`},
	{"qwen", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.ln_f.weight 64
		lm_head.weight 500 64
		transformer.h.{0-3}.attn.c_attn.weight 192 64
		transformer.h.{0-3}.attn.c_attn.bias 192
		transformer.h.{0-3}.attn.c_proj.weight 64 64
		transformer.h.{0-3}.mlp.{w1,w2}.weight 88 64
		transformer.h.{0-3}.mlp.c_proj.weight 64 88
		transformer.h.{0-3}.{ln_1,ln_2}.weight 64`},
	{"qwen2", "", 4, 64, 500, 0, llamaLayers + qkvBiases + outer},
	{"qwen2", "gguf", 4, 64, 500, 0, ggufHead + ggufDense + ggufQKVBiases},
	{"qwen3", "", 4, 64, 500, 0, llamaLayers + qkNorms + outer},
	{"qwen3", "gguf", 4, 64, 500, 0, ggufHead + ggufDense + ggufQKNorms},
	{"qwen3-next", "", 4, 64, 500, 8, nextLayers + `
		model.layers.{0,1,2}.linear_attn.in_proj_qkvz.weight 192 64
		model.layers.{0,1,2}.linear_attn.in_proj_ba.weight 8 64
		model.layers.{0-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.experts.{0-7}.down_proj.weight 64 24
		model.layers.{0-3}.mlp.shared_expert.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.shared_expert.down_proj.weight 64 24`},
	{"qwen3-next", "3.5", 4, 64, 500, 8, nextLayers + `
		model.layers.{0,1,2}.linear_attn.in_proj_qkv.weight 128 64
		model.layers.{0,1,2}.linear_attn.in_proj_z.weight 64 64
		model.layers.{0,1,2}.linear_attn.in_proj_{a,b}.weight 4 64
		model.layers.{0-3}.mlp.experts.gate_up_proj 8 48 64
		model.layers.{0-3}.mlp.experts.down_proj 8 64 24`},
	{"gemma", "", 4, 64, 256000, 0, `
		model.embed_tokens.weight 256000 64
		model.norm.weight 64
		model.layers.{0-3}.{input_layernorm,post_attention_layernorm}.weight 64
		model.layers.{0-3}.self_attn.q_proj.weight 64 64
		model.layers.{0-3}.self_attn.{k,v}_proj.weight 32 64
		model.layers.{0-3}.self_attn.o_proj.weight 64 64
		model.layers.{0-3}.mlp.{gate,up}_proj.weight 512 64
		model.layers.{0-3}.mlp.down_proj.weight 64 512`},
	{"gemma", "gguf", 4, 64, 256000, 0, `
		token_embd.weight 256000 64
		output_norm.weight 64
		blk.{0-3}.{attn_norm,ffn_norm}.weight 64
		blk.{0-3}.attn_q.weight 64 64
		blk.{0-3}.attn_{k,v}.weight 32 64
		blk.{0-3}.attn_output.weight 64 64
		blk.{0-3}.ffn_{gate,up}.weight 512 64
		blk.{0-3}.ffn_down.weight 64 512`},
	{"gemma2", "", 4, 64, 500, 0, llamaLayers + feedforwardNorms + tiedOuter},
	{"gemma2", "gguf", 4, 64, 500, 0, ggufTied + ggufDense + ggufPostNorms},
	{"gemma3", "", 4, 64, 500, 0, llamaLayers + feedforwardNorms + qkNorms + tiedOuter},
	{"gemma3", "gguf", 4, 64, 500, 0, ggufTied + ggufDense + ggufPostNorms + ggufQKNorms},
	{"gemma3", "vision", 4, 64, 500, 0, wrapped(llamaLayers+feedforwardNorms+qkNorms+tiedOuter, "language_model.") + siglipTower("vision_tower.") + `
		multi_modal_projector.mm_input_projection_weight 48 64
		multi_modal_projector.mm_soft_emb_norm.weight 48`},
	{"gemma3n", "", 4, 64, 500, 0, wrapped(llamaLayers+feedforwardNorms+qkNorms+tiedOuter, "") + `
		model.embed_tokens_per_layer.weight 500 32
		model.layers.{0-3}.altup.correction_coefs.weight 4 4
		model.layers.{0-3}.altup.modality_router.weight 4 64
		model.layers.{0-3}.altup.router_norm.weight 64
		model.layers.{0-3}.laurel.linear_left.weight 8 64
		model.layers.{0-3}.laurel.linear_right.weight 64 8
		model.layers.{0-3}.laurel.post_laurel_norm.weight 64
		model.layers.{0-3}.per_layer_input_gate.weight 8 64
		model.layers.{0-3}.per_layer_projection.weight 64 8`},
	{"gemma4", "", 4, 64, 500, 8, llamaLayers + feedforwardNorms + qkNorms + tiedOuter + `
		model.layers.{0-3}.layer_scalar 1
		model.layers.{0-3}.router.proj.weight 8 64
		model.layers.{0-3}.router.scale 64
		model.layers.{0-3}.experts.gate_up_proj 8 48 64
		model.layers.{0-3}.experts.down_proj 8 64 24`},
	{"phi", "", 4, 64, 500, 0, `
		model.embed_tokens.weight 500 64
		model.final_layernorm.{weight,bias} 64
		lm_head.weight 500 64
		lm_head.bias 500
		model.layers.{0-3}.self_attn.{q,k,v}_proj.weight 64 64
		model.layers.{0-3}.self_attn.{q,k,v}_proj.bias 64
		model.layers.{0-3}.self_attn.dense.weight 64 64
		model.layers.{0-3}.self_attn.dense.bias 64
		model.layers.{0-3}.mlp.fc1.weight 256 64
		model.layers.{0-3}.mlp.fc1.bias 256
		model.layers.{0-3}.mlp.fc2.weight 64 256
		model.layers.{0-3}.mlp.fc2.bias 64
		model.layers.{0-3}.input_layernorm.{weight,bias} 64`},
	{"phi", "mixer", 4, 64, 500, 0, `
		transformer.embd.wte.weight 500 64
		transformer.h.{0-3}.ln.{weight,bias} 64
		transformer.h.{0-3}.mixer.Wqkv.weight 192 64
		transformer.h.{0-3}.mixer.Wqkv.bias 192
		transformer.h.{0-3}.mixer.out_proj.weight 64 64
		transformer.h.{0-3}.mlp.fc1.weight 256 64
		transformer.h.{0-3}.mlp.fc2.weight 64 256
		lm_head.ln.{weight,bias} 64
		lm_head.linear.weight 500 64
		lm_head.linear.bias 500`},
	{"phi", "mixer-sequential", 0, 64, 0, 0, `
		layers.0.wte.weight 500 64
		layers.{1-4}.ln.{weight,bias} 64
		layers.{1-4}.mixer.rotary_emb.inv_freq 8
		layers.{1-4}.mixer.Wqkv.weight 192 64
		layers.{1-4}.mixer.out_proj.weight 64 64
		layers.{1-4}.mlp.fc1.weight 256 64
		layers.{1-4}.mlp.fc2.weight 64 256
		layers.5.ln.{weight,bias} 64
		layers.5.linear.weight 500 64`},
	{"phi3", "", 4, 64, 500, 0, twoNorms + outer + `
		model.layers.{0-3}.self_attn.qkv_proj.weight 128 64
		model.layers.{0-3}.self_attn.o_proj.weight 64 64
		model.layers.{0-3}.mlp.gate_up_proj.weight 320 64
		model.layers.{0-3}.mlp.down_proj.weight 64 160`},
	{"phi3", "gguf", 4, 64, 500, 0, ggufHead + `
		rope_factors_{long,short}.weight 8
		blk.{0-3}.{attn_norm,ffn_norm}.weight 64
		blk.{0-3}.attn_qkv.weight 128 64
		blk.{0-3}.attn_output.weight 64 64
		blk.{0-3}.ffn_up.weight 320 64
		blk.{0-3}.ffn_down.weight 64 160`},
	{"nemotron", "", 4, 64, 500, 0, biasedNorms + attention + outer + `
		model.norm.bias 64
		model.layers.{0-3}.mlp.up_proj.weight 256 64
		model.layers.{0-3}.mlp.down_proj.weight 64 256`},
	{"nemotron-h", "", 6, 64, 500, 0, `
		backbone.embeddings.weight 500 64
		backbone.norm_f.weight 64
		lm_head.weight 500 64
		backbone.layers.{0-5}.norm.weight 64
		backbone.layers.{0,3}.mixer.in_proj.weight 300 64
		backbone.layers.{0,3}.mixer.conv1d.weight 160 1 4
		backbone.layers.{0,3}.mixer.{A_log,D,dt_bias} 4
		backbone.layers.{0,3}.mixer.norm.weight 128
		backbone.layers.{0,3}.mixer.out_proj.weight 64 128
		backbone.layers.{1,4}.mixer.{up}_proj.weight 256 64
		backbone.layers.{1,4}.mixer.down_proj.weight 64 256
		backbone.layers.{2,5}.mixer.q_proj.weight 64 64
		backbone.layers.{2,5}.mixer.{k,v}_proj.weight 16 64
		backbone.layers.{2,5}.mixer.o_proj.weight 64 64`},
	{"olmo", "", 4, 64, 500, 0, attention + gatedMLP + `
		model.embed_tokens.weight 500 64
		lm_head.weight 500 64`},
	{"olmo", "native", 4, 64, 500, 0, `
		model.transformer.wte.weight 500 64
		model.transformer.ff_out.weight 500 64
		model.transformer.blocks.{0-3}.att_proj.weight 192 64
		model.transformer.blocks.{0-3}.attn_out.weight 64 64
		model.transformer.blocks.{0-3}.ff_proj.weight 320 64
		model.transformer.blocks.{0-3}.ff_out.weight 64 160`},
	{"olmo2", "", 4, 64, 500, 0, attention + gatedMLP + outer + `
		model.layers.{0-3}.self_attn.q_norm.weight 64
		model.layers.{0-3}.self_attn.k_norm.weight 16
		model.layers.{0-3}.{post_attention,post_feedforward}_layernorm.weight 64`},
	{"olmoe", "", 4, 64, 500, 8, twoNorms + attention + experts8 + outer + `
		model.layers.{0-3}.self_attn.q_norm.weight 64
		model.layers.{0-3}.self_attn.k_norm.weight 16`},
	{"stablelm", "", 4, 64, 500, 0, biasedNorms + attention + gatedMLP + outer + "model.norm.bias 64"},
	{"stablelm", "parallel", 4, 64, 500, 0, attention + gatedMLP + outer + `
		model.norm.bias 64
		model.layers.{0-3}.input_layernorm.{weight,bias} 64
		model.layers.{0-3}.self_attn.q_layernorm.norms.{0-3}.weight 16
		model.layers.{0-3}.self_attn.k_layernorm.norms.{0-0}.weight 16`},
	{"starcoder2", "", 4, 64, 500, 0, biasedNorms + attention + qkvBiases + tiedOuter + `
		model.norm.bias 64
		model.layers.{0-3}.self_attn.o_proj.bias 64
		model.layers.{0-3}.mlp.c_fc.weight 256 64
		model.layers.{0-3}.mlp.c_fc.bias 256
		model.layers.{0-3}.mlp.c_proj.weight 64 256
		model.layers.{0-3}.mlp.c_proj.bias 64`},
	{"cohere", "", 4, 64, 500, 0, attention + gatedMLP + tiedOuter + `
		model.layers.{0-3}.input_layernorm.weight 64`},
	{"cohere", "", 4, 64, 500, 0, attention + gatedMLP + tiedOuter + `
		model.layers.{0-3}.input_layernorm.weight 64
		model.layers.{0-3}.self_attn.q_norm.weight 4 16
		model.layers.{0-3}.self_attn.k_norm.weight 1 16`},
	{"glm", "", 4, 64, 500, 0, twoNorms + attention + qkvBiases + outer + `
		model.layers.{0-3}.mlp.gate_up_proj.weight 320 64
		model.layers.{0-3}.mlp.down_proj.weight 64 160`},
	{"glm4", "", 4, 64, 500, 0, twoNorms + attention + outer + `
		model.layers.{0-3}.{post_self_attn,post_mlp}_layernorm.weight 64
		model.layers.{0-3}.mlp.gate_up_proj.weight 320 64
		model.layers.{0-3}.mlp.down_proj.weight 64 160`},
	{"glm4-moe", "", 4, 64, 500, 8, twoNorms + attention + qkvBiases + outer + latentExperts},
	{"chatglm", "", 4, 64, 500, 0, `
		transformer.embedding.word_embeddings.weight 500 64
		transformer.rotary_pos_emb.inv_freq 8
		transformer.output_layer.weight 500 64
		transformer.encoder.final_layernorm.weight 64
		transformer.encoder.layers.{0-3}.{input,post_attention}_layernorm.weight 64
		transformer.encoder.layers.{0-3}.self_attention.query_key_value.weight 96 64
		transformer.encoder.layers.{0-3}.self_attention.query_key_value.bias 96
		transformer.encoder.layers.{0-3}.self_attention.dense.weight 64 64
		transformer.encoder.layers.{0-3}.mlp.dense_h_to_4h.weight 320 64
		transformer.encoder.layers.{0-3}.mlp.dense_4h_to_h.weight 64 160`},
	{"gpt2", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.wpe.weight 128 64
		transformer.ln_f.{weight,bias} 64
		transformer.h.{0-3}.{ln_1,ln_2}.{weight,bias} 64
		transformer.h.{0-3}.attn.bias 1 1 128 128
		transformer.h.{0-3}.attn.masked_bias
		transformer.h.{0-3}.attn.c_attn.weight 64 192
		transformer.h.{0-3}.attn.c_attn.bias 192
		transformer.h.{0-3}.attn.c_proj.weight 64 64
		transformer.h.{0-3}.attn.c_proj.bias 64
		transformer.h.{0-3}.mlp.c_fc.weight 64 256
		transformer.h.{0-3}.mlp.c_fc.bias 256
		transformer.h.{0-3}.mlp.c_proj.weight 256 64
		transformer.h.{0-3}.mlp.c_proj.bias 64`},
	{"gpt2", "gguf", 4, 64, 500, 0, ggufBiased + `
		token_embd.weight 500 64
		position_embd.weight 128 64
		output_norm.{weight,bias} 64`},
	{"gpt-bigcode", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.wpe.weight 128 64
		transformer.ln_f.{weight,bias} 64
		transformer.h.{0-3}.{ln_1,ln_2}.{weight,bias} 64
		transformer.h.{0-3}.attn.c_attn.weight 96 64
		transformer.h.{0-3}.attn.c_attn.bias 96
		transformer.h.{0-3}.attn.c_proj.weight 64 64
		transformer.h.{0-3}.attn.c_proj.bias 64
		transformer.h.{0-3}.mlp.c_fc.weight 256 64
		transformer.h.{0-3}.mlp.c_fc.bias 256
		transformer.h.{0-3}.mlp.c_proj.weight 64 256
		transformer.h.{0-3}.mlp.c_proj.bias 64`},
	{"gpt-neox", "", 4, 64, 500, 0, `
		gpt_neox.embed_in.weight 500 64
		embed_out.weight 500 64
		gpt_neox.final_layer_norm.{weight,bias} 64
		gpt_neox.layers.{0-3}.{input,post_attention}_layernorm.{weight,bias} 64
		gpt_neox.layers.{0-3}.attention.bias 1 1 128 128
		gpt_neox.layers.{0-3}.attention.masked_bias
		gpt_neox.layers.{0-3}.attention.rotary_emb.inv_freq 8
		gpt_neox.layers.{0-3}.attention.query_key_value.weight 192 64
		gpt_neox.layers.{0-3}.attention.query_key_value.bias 192
		gpt_neox.layers.{0-3}.attention.dense.weight 64 64
		gpt_neox.layers.{0-3}.attention.dense.bias 64
		gpt_neox.layers.{0-3}.mlp.dense_h_to_4h.weight 256 64
		gpt_neox.layers.{0-3}.mlp.dense_h_to_4h.bias 256
		gpt_neox.layers.{0-3}.mlp.dense_4h_to_h.weight 64 256
		gpt_neox.layers.{0-3}.mlp.dense_4h_to_h.bias 64`},
	{"gpt-j", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.ln_f.{weight,bias} 64
		lm_head.weight 500 64
		lm_head.bias 500
		transformer.h.{0-3}.ln_1.{weight,bias} 64
		transformer.h.{0-3}.attn.{q,k,v,out}_proj.weight 64 64
		transformer.h.{0-3}.mlp.fc_in.weight 256 64
		transformer.h.{0-3}.mlp.fc_in.bias 256
		transformer.h.{0-3}.mlp.fc_out.weight 64 256
		transformer.h.{0-3}.mlp.fc_out.bias 64`},
	{"codegen", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.ln_f.{weight,bias} 64
		lm_head.weight 500 64
		lm_head.bias 500
		transformer.h.{0-3}.ln_1.{weight,bias} 64
		transformer.h.{0-3}.attn.causal_mask 1 1 128 128
		transformer.h.{0-3}.attn.qkv_proj.weight 192 64
		transformer.h.{0-3}.attn.out_proj.weight 64 64
		transformer.h.{0-3}.mlp.fc_in.weight 256 64
		transformer.h.{0-3}.mlp.fc_in.bias 256
		transformer.h.{0-3}.mlp.fc_out.weight 64 256
		transformer.h.{0-3}.mlp.fc_out.bias 64`},
	{"bloom", "", 4, 64, 500, 0, `
		transformer.word_embeddings.weight 500 64
		transformer.word_embeddings_layernorm.{weight,bias} 64
		transformer.ln_f.{weight,bias} 64
		transformer.h.{0-3}.{input,post_attention}_layernorm.{weight,bias} 64
		transformer.h.{0-3}.self_attention.query_key_value.weight 192 64
		transformer.h.{0-3}.self_attention.query_key_value.bias 192
		transformer.h.{0-3}.self_attention.dense.weight 64 64
		transformer.h.{0-3}.self_attention.dense.bias 64
		transformer.h.{0-3}.mlp.dense_h_to_4h.weight 256 64
		transformer.h.{0-3}.mlp.dense_h_to_4h.bias 256
		transformer.h.{0-3}.mlp.dense_4h_to_h.weight 64 256
		transformer.h.{0-3}.mlp.dense_4h_to_h.bias 64`},
	{"bloom", "gguf", 4, 64, 500, 0, ggufBiased + `
		token_embd.weight 500 64
		token_embd_norm.{weight,bias} 64
		output_norm.{weight,bias} 64
		output.weight 500 64`},
	{"falcon", "", 4, 64, 500, 0, `
		transformer.word_embeddings.weight 500 64
		transformer.ln_f.{weight,bias} 64
		lm_head.weight 500 64
		transformer.h.{0-3}.input_layernorm.{weight,bias} 64
		transformer.h.{0-3}.self_attention.query_key_value.weight 96 64
		transformer.h.{0-3}.self_attention.dense.weight 64 64
		transformer.h.{0-3}.mlp.dense_h_to_4h.weight 256 64
		transformer.h.{0-3}.mlp.dense_4h_to_h.weight 64 256`},
	{"falcon", "new-decoder", 4, 64, 500, 0, `
		transformer.word_embeddings.weight 500 64
		transformer.ln_f.{weight,bias} 64
		lm_head.weight 500 64
		transformer.h.{0-3}.{ln_attn,ln_mlp}.{weight,bias} 64
		transformer.h.{0-3}.self_attention.query_key_value.weight 96 64
		transformer.h.{0-3}.self_attention.dense.weight 64 64
		transformer.h.{0-3}.mlp.dense_h_to_4h.weight 256 64
		transformer.h.{0-3}.mlp.dense_4h_to_h.weight 64 256`},
	{"mpt", "", 4, 64, 500, 0, `
		transformer.wte.weight 500 64
		transformer.norm_f.weight 64
		transformer.blocks.{0-3}.{norm_1,norm_2}.weight 64
		transformer.blocks.{0-3}.attn.Wqkv.weight 192 64
		transformer.blocks.{0-3}.attn.out_proj.weight 64 64
		transformer.blocks.{0-3}.ffn.up_proj.weight 256 64
		transformer.blocks.{0-3}.ffn.down_proj.weight 64 256`},
	{"opt", "", 4, 64, 500, 0, `
		model.decoder.embed_tokens.weight 500 64
		model.decoder.embed_positions.weight 130 64
		model.decoder.final_layer_norm.{weight,bias} 64
		model.decoder.layers.{0-3}.self_attn.{q,k,v,out}_proj.weight 64 64
		model.decoder.layers.{0-3}.self_attn.{q,k,v,out}_proj.bias 64
		model.decoder.layers.{0-3}.{self_attn_layer_norm,final_layer_norm}.{weight,bias} 64
		model.decoder.layers.{0-3}.fc1.weight 256 64
		model.decoder.layers.{0-3}.fc1.bias 256
		model.decoder.layers.{0-3}.fc2.weight 64 256
		model.decoder.layers.{0-3}.fc2.bias 64`},
	{"mixtral", "", 4, 64, 500, 8, twoNorms + attention + outer + sparseMoe},
	{"mixtral", "stacked", 4, 64, 500, 8, twoNorms + attention + outer + `
		model.layers.{0-3}.mlp.gate.weight 8 64
		model.layers.{0-3}.mlp.experts.gate_up_proj 8 176 64
		model.layers.{0-3}.mlp.experts.down_proj 8 64 88`},
	{"mixtral", "native", 4, 64, 500, 8, nativeOuter + `
		layers.{0-3}.attention.wq.weight 64 64
		layers.{0-3}.attention.{wk,wv}.weight 16 64
		layers.{0-3}.attention.wo.weight 64 64
		layers.{0-3}.{attention_norm,ffn_norm}.weight 64
		layers.{0-3}.feed_forward.gate.weight 8 64
		layers.{0-3}.feed_forward.experts.{0-7}.{w1,w3}.weight 88 64
		layers.{0-3}.feed_forward.experts.{0-7}.w2.weight 64 88`},
	{"mixtral", "gguf", 4, 64, 500, 8, ggufHead + ggufAttn + ggufExps},
	{"mixtral", "gguf-split", 4, 64, 500, 8, ggufHead + ggufAttn + `
		blk.{0-3}.ffn_norm.weight 64
		blk.{0-3}.ffn_gate_inp.weight 8 64
		blk.{0-3}.ffn_{gate,up}.{0-7}.weight 88 64
		blk.{0-3}.ffn_down.{0-7}.weight 64 88`},
	{"minimax-m1", "", 4, 64, 500, 8, twoNorms + outer + sparseMoe + `
		model.layers.{0,1,2}.self_attn.qkv_proj.weight 192 64
		model.layers.{0,1,2}.self_attn.output_gate.weight 64 64
		model.layers.{0,1,2}.self_attn.out_proj.weight 64 64
		model.layers.{0,1,2}.self_attn.norm.weight 64
		model.layers.3.self_attn.q_proj.weight 64 64
		model.layers.3.self_attn.{k,v}_proj.weight 16 64
		model.layers.3.self_attn.o_proj.weight 64 64`},
	{"minimax-m2", "", 4, 64, 500, 8, twoNorms + attention + outer + sparseMoe + `
		model.layers.{0-3}.self_attn.q_norm.weight 64
		model.layers.{0-3}.self_attn.k_norm.weight 16
		model.layers.{0-3}.block_sparse_moe.e_score_correction_bias 8`},
	{"phimoe", "", 4, 64, 500, 8, biasedNorms + attention + qkvBiases + outer + sparseMoe + `
		model.layers.{0-3}.self_attn.o_proj.bias 64
		model.norm.bias 64
		lm_head.bias 500`},
	{"qwen2-moe", "", 4, 64, 500, 8, twoNorms + attention + qkvBiases + experts8 + outer + `
		model.layers.{0-3}.mlp.shared_expert.{gate,up}_proj.weight 40 64
		model.layers.{0-3}.mlp.shared_expert.down_proj.weight 64 40
		model.layers.{0-3}.mlp.shared_expert_gate.weight 1 64`},
	{"qwen2-moe", "gguf", 4, 64, 500, 8, ggufHead + ggufAttn + ggufQKVBiases + ggufExps + `
		blk.{0-3}.ffn_{gate,up}_shexp.weight 40 64
		blk.{0-3}.ffn_down_shexp.weight 64 40
		blk.{0-3}.ffn_gate_inp_shexp.weight 64`},
	{"qwen3-moe", "", 4, 64, 500, 8, twoNorms + attention + qkNorms + experts8 + outer},
	{"qwen3-moe", "stacked", 4, 64, 500, 8, twoNorms + attention + qkNorms + outer + `
		model.layers.{0-3}.mlp.gate.weight 8 64
		model.layers.{0-3}.mlp.experts.gate_up_proj 8 48 64
		model.layers.{0-3}.mlp.experts.down_proj 8 64 24`},
	{"qwen3-moe", "gguf", 4, 64, 500, 8, ggufHead + ggufAttn + ggufQKNorms + ggufExps},
	{"deepseek-moe", "", 4, 64, 500, 8, twoNorms + attention + outer + unbiasedExperts},
	{"deepseek-v2", "", 4, 64, 500, 8, twoNorms + latent + outer + unbiasedExperts + `
		model.layers.{0-3}.self_attn.q_proj.weight 96 64`},
	{"deepseek-v2", "gguf", 4, 64, 500, 8, ggufHead + ggufLatent + `
		blk.{0-3}.attn_q.weight 96 64`},
	{"deepseek-v3", "", 4, 64, 500, 8, twoNorms + latent + latentQuery + outer + latentExperts},
	{"deepseek-v3", "sparse-attention", 4, 64, 500, 8, twoNorms + latent + latentQuery + outer + latentExperts + `
		model.layers.{0-3}.self_attn.indexer.wq_b.weight 64 32
		model.layers.{0-3}.self_attn.indexer.wk.weight 16 64
		model.layers.{0-3}.self_attn.indexer.k_norm.{weight,bias} 16
		model.layers.{0-3}.self_attn.indexer.weights_proj.weight 4 64`},
	{"deepseek-v3", "native", 4, 64, 500, 8, `
		embed.weight 500 64
		norm.weight 64
		head.weight 500 64
		layers.{0-3}.{attn_norm,ffn_norm}.weight 64
		layers.{0-3}.attn.wq_a.weight 32 64
		layers.{0-3}.attn.q_norm.weight 32
		layers.{0-3}.attn.wq_b.weight 96 32
		layers.{0-3}.attn.wkv_a.weight 24 64
		layers.{0-3}.attn.kv_norm.weight 16
		layers.{0-3}.attn.wkv_b.weight 128 16
		layers.{0-3}.attn.wo.weight 64 64
		layers.0.ffn.{w1,w3}.weight 160 64
		layers.0.ffn.w2.weight 64 160
		layers.{1-3}.ffn.gate.weight 8 64
		layers.{1-3}.ffn.gate.bias 8
		layers.{1-3}.ffn.experts.{0-7}.{w1,w3}.weight 24 64
		layers.{1-3}.ffn.experts.{0-7}.w2.weight 64 24
		layers.{1-3}.ffn.shared_experts.{w1,w3}.weight 24 64
		layers.{1-3}.ffn.shared_experts.w2.weight 64 24`},
	{"deepseek-v3", "gguf", 4, 64, 500, 8, ggufHead + ggufLatent + `
		blk.{0-3}.attn_q_a.weight 32 64
		blk.{0-3}.attn_q_a_norm.weight 32
		blk.{0-3}.attn_q_b.weight 96 32
		blk.{1-3}.exp_probs_b.bias 8`},
	{"longcat", "", 4, 64, 500, 8, `
		model.embed_tokens.weight 500 64
		model.norm.weight 64
		lm_head.weight 500 64
		model.layers.{0-3}.{input_layernorm,post_attention_layernorm}.{0-1}.weight 64
		model.layers.{0-3}.self_attn.{0-1}.q_a_proj.weight 32 64
		model.layers.{0-3}.self_attn.{0-1}.q_a_layernorm.weight 32
		model.layers.{0-3}.self_attn.{0-1}.q_b_proj.weight 96 32
		model.layers.{0-3}.self_attn.{0-1}.kv_a_proj_with_mqa.weight 24 64
		model.layers.{0-3}.self_attn.{0-1}.kv_a_layernorm.weight 16
		model.layers.{0-3}.self_attn.{0-1}.kv_b_proj.weight 128 16
		model.layers.{0-3}.self_attn.{0-1}.o_proj.weight 64 64
		model.layers.{0-3}.mlps.{0-1}.{gate,up}_proj.weight 160 64
		model.layers.{0-3}.mlps.{0-1}.down_proj.weight 64 160
		model.layers.{0-3}.mlp.router.classifier.weight 12 64
		model.layers.{0-3}.mlp.router.e_score_correction_bias 12
		model.layers.{0-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.experts.{0-7}.down_proj.weight 64 24`},
	{"gpt-oss", "", 4, 64, 500, 8, twoNorms + attention + qkvBiases + outer + `
		model.layers.{0-3}.self_attn.o_proj.bias 64
		model.layers.{0-3}.self_attn.sinks 4
		model.layers.{0-3}.mlp.router.weight 8 64
		model.layers.{0-3}.mlp.router.bias 8
		model.layers.{0-3}.mlp.experts.gate_up_proj 8 64 96
		model.layers.{0-3}.mlp.experts.gate_up_proj_bias 8 96
		model.layers.{0-3}.mlp.experts.down_proj 8 48 64
		model.layers.{0-3}.mlp.experts.down_proj_bias 8 64`},
	{"gpt-oss", "native", 4, 64, 500, 8, `
		embedding.weight 500 64
		norm.scale 64
		unembedding.weight 500 64
		block.{0-3}.attn.norm.scale 64
		block.{0-3}.attn.qkv.weight 96 64
		block.{0-3}.attn.qkv.bias 96
		block.{0-3}.attn.out.weight 64 64
		block.{0-3}.attn.out.bias 64
		block.{0-3}.attn.sinks 4
		block.{0-3}.mlp.norm.scale 64
		block.{0-3}.mlp.gate.weight 8 64
		block.{0-3}.mlp.gate.bias 8
		block.{0-3}.mlp.mlp1_weight.blocks 8 96 2 16
		block.{0-3}.mlp.mlp1_weight.scales 8 96 2
		block.{0-3}.mlp.mlp1_bias 8 96
		block.{0-3}.mlp.mlp2_weight.blocks 8 64 2 16
		block.{0-3}.mlp.mlp2_weight.scales 8 64 2
		block.{0-3}.mlp.mlp2_bias 8 64`},
	{"gpt-oss", "gguf", 4, 64, 500, 8, ggufHead + ggufAttn + ggufQKVBiases + `
		blk.{0-3}.attn_output.bias 64
		blk.{0-3}.attn_sinks.weight 4
		blk.{0-3}.post_attention_norm.weight 64
		blk.{0-3}.ffn_gate_inp.weight 8 64
		blk.{0-3}.ffn_{gate,up}_exps.weight 8 48 64
		blk.{0-3}.ffn_down_exps.weight 8 64 48`},
	{"dbrx", "", 4, 64, 500, 8, `
		transformer.wte.weight 500 64
		transformer.norm_f.weight 64
		lm_head.weight 500 64
		transformer.blocks.{0-3}.norm_attn_norm.{norm_1,norm_2}.weight 64
		transformer.blocks.{0-3}.norm_attn_norm.attn.Wqkv.weight 96 64
		transformer.blocks.{0-3}.norm_attn_norm.attn.out_proj.weight 64 64
		transformer.blocks.{0-3}.ffn.router.layer.weight 8 64
		transformer.blocks.{0-3}.ffn.experts.mlp.{w1,v1,w2} 704 64`},
	{"grok", "", 4, 64, 500, 8, `
		transformer.in_out_embed.weight 500 64
		transformer.rms_norm.scale 64
		transformer.decoder_layer.{0-3}.{rms_norm,rms_norm_1,rms_norm_2,rms_norm_3}.scale 64
		transformer.decoder_layer.{0-3}.multi_head_attention.query.weight 64 64
		transformer.decoder_layer.{0-3}.multi_head_attention.{key,value}.weight 16 64
		transformer.decoder_layer.{0-3}.multi_head_attention.linear.weight 64 64
		transformer.decoder_layer.{0-3}.router.weight 8 64
		transformer.decoder_layer.{0-3}.moe.{0-7}.{linear,linear_v}.weight 88 64
		transformer.decoder_layer.{0-3}.moe.{0-7}.linear_1.weight 64 88`},
	{"grok2", "", 4, 64, 500, 8, attention + gatedMLP + outer + sparseMoe + `
		model.layers.{0-3}.{pre_attn,post_attn,pre_moe,post_moe}_norm.weight 64`},
	{"llama4", "", 4, 64, 500, 8, twoNorms + attention + outer + `
		model.layers.{0,2}.feed_forward.{gate,up}_proj.weight 160 64
		model.layers.{0,2}.feed_forward.down_proj.weight 64 160
		model.layers.{1,3}.feed_forward.router.weight 8 64
		model.layers.{1,3}.feed_forward.experts.gate_up_proj 8 64 96
		model.layers.{1,3}.feed_forward.experts.down_proj 8 48 64
		model.layers.{1,3}.feed_forward.shared_expert.{gate,up}_proj.weight 48 64
		model.layers.{1,3}.feed_forward.shared_expert.down_proj.weight 64 48`},
	{"granite-moe", "", 4, 64, 500, 8, twoNorms + attention + tiedOuter + `
		model.layers.{0-3}.block_sparse_moe.router.layer.weight 8 64
		model.layers.{0-3}.block_sparse_moe.input_linear.weight 8 48 64
		model.layers.{0-3}.block_sparse_moe.output_linear.weight 8 64 24`},
	{"hunyuan-moe", "", 4, 64, 500, 8, twoNorms + attention + tiedOuter + `
		model.layers.{0-3}.self_attn.{query,key}_layernorm.weight 16
		model.layers.{0-3}.mlp.gate.wg.weight 8 64
		model.layers.{0-3}.mlp.shared_mlp.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.shared_mlp.down_proj.weight 64 24
		model.layers.{0-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.experts.{0-7}.down_proj.weight 64 24`},
	{"bailing-moe", "", 4, 64, 500, 8, twoNorms + `
		model.word_embeddings.weight 500 64
		model.norm.weight 64
		lm_head.weight 500 64
		model.layers.{0-3}.attention.query_key_value.weight 96 64
		model.layers.{0-3}.attention.dense.weight 64 64
		model.layers.{0-3}.mlp.gate.weight 8 64
		model.layers.{0-3}.mlp.experts.{0-7}.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.experts.{0-7}.down_proj.weight 64 24
		model.layers.{0-3}.mlp.shared_experts.{gate,up}_proj.weight 24 64
		model.layers.{0-3}.mlp.shared_experts.down_proj.weight 64 24`},
	{"ernie-moe", "", 4, 64, 500, 8, twoNorms + attention + outer + unbiasedExperts + `
		model.layers.{1-3}.mlp.moe_statics.e_score_correction_bias 1 8`},
	{"step3.5", "", 4, 64, 500, 8, twoNorms + attention + outer + `
		model.layers.{0-3}.self_attn.{q,k}_norm.weight 16
		model.layers.{0-3}.self_attn.g_proj.weight 4 64
		model.layers.0.mlp.{gate,up}_proj.weight 160 64
		model.layers.0.mlp.down_proj.weight 64 160
		model.layers.{1-3}.moe.gate.weight 8 64
		model.layers.{1-3}.moe.router_bias 8
		model.layers.{1-3}.moe.{gate,up}_proj.weight 8 24 64
		model.layers.{1-3}.moe.down_proj.weight 8 64 24
		model.layers.{1-3}.share_expert.{gate,up}_proj.weight 24 64
		model.layers.{1-3}.share_expert.down_proj.weight 64 24`},
	{"lfm2", "", 4, 64, 500, 0, lfm2Layers + `
		model.layers.{0-3}.feed_forward.{w1,w3}.weight 160 64
		model.layers.{0-3}.feed_forward.w2.weight 64 160`},
	{"lfm2-moe", "", 4, 64, 500, 8, lfm2Layers + `
		model.layers.0.feed_forward.{w1,w3}.weight 160 64
		model.layers.0.feed_forward.w2.weight 64 160
		model.layers.{1-3}.feed_forward.gate.weight 8 64
		model.layers.{1-3}.feed_forward.expert_bias 8
		model.layers.{1-3}.feed_forward.experts.{0-7}.{w1,w3}.weight 24 64
		model.layers.{1-3}.feed_forward.experts.{0-7}.w2.weight 64 24`},
	{"mamba", "", 4, 64, 500, 0, `
		backbone.embeddings.weight 500 64
		backbone.norm_f.weight 64
		backbone.layers.{0-3}.norm.weight 64
		backbone.layers.{0-3}.mixer.A_log 128 16
		backbone.layers.{0-3}.mixer.D 128
		backbone.layers.{0-3}.mixer.conv1d.weight 128 1 4
		backbone.layers.{0-3}.mixer.conv1d.bias 128
		backbone.layers.{0-3}.mixer.x_proj.weight 36 128
		backbone.layers.{0-3}.mixer.dt_proj.weight 128 4
		backbone.layers.{0-3}.mixer.dt_proj.bias 128
		backbone.layers.{0-3}.mixer.in_proj.weight 256 64
		backbone.layers.{0-3}.mixer.out_proj.weight 64 128`},
	{"mamba2", "", 4, 64, 500, 0, `
		backbone.embeddings.weight 500 64
		backbone.norm_f.weight 64
		backbone.layers.{0-3}.norm.weight 64
		backbone.layers.{0-3}.mixer.{A_log,D,dt_bias} 4
		backbone.layers.{0-3}.mixer.conv1d.weight 160 1 4
		backbone.layers.{0-3}.mixer.conv1d.bias 160
		backbone.layers.{0-3}.mixer.norm.weight 128
		backbone.layers.{0-3}.mixer.in_proj.weight 292 64
		backbone.layers.{0-3}.mixer.out_proj.weight 64 128`},
	{"rwkv", "", 4, 64, 500, 0, `
		rwkv.embeddings.weight 500 64
		rwkv.ln_out.{weight,bias} 64
		head.weight 500 64
		rwkv.blocks.0.pre_ln.{weight,bias} 64
		rwkv.blocks.{0-3}.{ln1,ln2}.{weight,bias} 64
		rwkv.blocks.{0-3}.attention.{time_decay,time_first} 64
		rwkv.blocks.{0-3}.attention.time_mix_{key,value,receptance} 1 1 64
		rwkv.blocks.{0-3}.attention.{key,value,receptance,output}.weight 64 64
		rwkv.blocks.{0-3}.feed_forward.time_mix_{key,receptance} 1 1 64
		rwkv.blocks.{0-3}.feed_forward.key.weight 256 64
		rwkv.blocks.{0-3}.feed_forward.receptance.weight 64 64
		rwkv.blocks.{0-3}.feed_forward.value.weight 64 256`},
	{"rwkv7", "", 4, 64, 500, 0, `
		model.embeddings.weight 500 64
		model.norm.{weight,bias} 64
		lm_head.weight 500 64
		model.layers.0.pre_norm.{weight,bias} 64
		model.layers.{0-3}.{attn_norm,ffn_norm}.{weight,bias} 64
		model.layers.{0-3}.attn.{x_r,x_w,x_k,x_v,x_a,x_g} 1 1 64
		model.layers.{0-3}.attn.{k_k,k_a} 64
		model.layers.{0-3}.attn.r_k 4 16
		model.layers.{0-3}.attn.{r,k,v,o}_proj.weight 64 64
		model.layers.{0-3}.attn.w_lora.lora.0.weight 8 64
		model.layers.{0-3}.attn.w_lora.lora.2.weight 64 8
		model.layers.{0-3}.ffn.x_k 64
		model.layers.{0-3}.ffn.key.weight 256 64
		model.layers.{0-3}.ffn.value.weight 64 256`},
	{"rwkv7", "native", 4, 64, 500, 0, `
		emb.weight 500 64
		ln_out.{weight,bias} 64
		head.weight 500 64
		blocks.0.ln0.{weight,bias} 64
		blocks.{0-3}.{ln1,ln2}.{weight,bias} 64
		blocks.{0-3}.att.{x_r,x_w,x_k,x_v,x_a,x_g,k_k,k_a,w0,a0} 1 1 64
		blocks.{0-3}.att.r_k 4 16
		blocks.{0-3}.att.{receptance,key,value,output}.weight 64 64
		blocks.{0-3}.ffn.x_k 1 1 64
		blocks.{0-3}.ffn.key.weight 256 64
		blocks.{0-3}.ffn.value.weight 64 256`},
	{"jamba", "", 4, 64, 500, 8, `
		model.embed_tokens.weight 500 64
		model.final_layernorm.weight 64
		lm_head.weight 500 64
		model.layers.{0-3}.{input,pre_ff}_layernorm.weight 64
		model.layers.{0,1,2}.mamba.in_proj.weight 256 64
		model.layers.{0,1,2}.mamba.conv1d.weight 128 1 4
		model.layers.{0,1,2}.mamba.A_log 128 16
		model.layers.{0,1,2}.mamba.x_proj.weight 36 128
		model.layers.{0,1,2}.mamba.dt_layernorm.weight 4
		model.layers.{0,1,2}.mamba.{b,c}_layernorm.weight 16
		model.layers.{0,1,2}.mamba.out_proj.weight 64 128
		model.layers.3.self_attn.{q,o}_proj.weight 64 64
		model.layers.3.self_attn.{k,v}_proj.weight 16 64
		model.layers.{0,2}.feed_forward.{gate,up}_proj.weight 160 64
		model.layers.{0,2}.feed_forward.down_proj.weight 64 160
		model.layers.{1,3}.feed_forward.router.weight 8 64
		model.layers.{1,3}.feed_forward.experts.{0-7}.{gate,up}_proj.weight 160 64
		model.layers.{1,3}.feed_forward.experts.{0-7}.down_proj.weight 64 160`},
	{"granite-hybrid", "", 4, 64, 500, 8, twoNorms + tiedOuter + `
		model.layers.{0,1,2}.mamba.in_proj.weight 292 64
		model.layers.{0,1,2}.mamba.conv1d.weight 160 1 4
		model.layers.{0,1,2}.mamba.{A_log,D,dt_bias} 4
		model.layers.{0,1,2}.mamba.norm.weight 128
		model.layers.{0,1,2}.mamba.out_proj.weight 64 128
		model.layers.3.self_attn.{q,o}_proj.weight 64 64
		model.layers.3.self_attn.{k,v}_proj.weight 16 64
		model.layers.{0-3}.shared_mlp.input_linear.weight 80 64
		model.layers.{0-3}.shared_mlp.output_linear.weight 64 40
		model.layers.{0-3}.block_sparse_moe.router.layer.weight 8 64
		model.layers.{0-3}.block_sparse_moe.input_linear.weight 8 48 64
		model.layers.{0-3}.block_sparse_moe.output_linear.weight 8 64 24`},
	{"falcon-h1", "", 4, 64, 500, 0, attention + `
		model.embed_tokens.weight 500 64
		model.final_layernorm.weight 64
		lm_head.weight 500 64
		model.layers.{0-3}.{input,pre_ff}_layernorm.weight 64
		model.layers.{0-3}.mamba.in_proj.weight 292 64
		model.layers.{0-3}.mamba.conv1d.weight 160 1 4
		model.layers.{0-3}.mamba.{A_log,D,dt_bias} 4
		model.layers.{0-3}.mamba.out_proj.weight 64 128
		model.layers.{0-3}.feed_forward.{gate,up}_proj.weight 160 64
		model.layers.{0-3}.feed_forward.down_proj.weight 64 160`},
	{"kimi-linear", "", 4, 64, 500, 8, twoNorms + outer + `
		model.layers.{0,1,2}.self_attn.{q,k,v,o}_proj.weight 64 64
		model.layers.{0,1,2}.self_attn.{q,k,v}_conv1d.weight 64 1 4
		model.layers.{0,1,2}.self_attn.A_log 1 1 4 1
		model.layers.{0,1,2}.self_attn.dt_bias 64
		model.layers.{0,1,2}.self_attn.{f,g}_a_proj.weight 16 64
		model.layers.{0,1,2}.self_attn.{f,g}_b_proj.weight 64 16
		model.layers.{0,1,2}.self_attn.b_proj.weight 4 64
		model.layers.3.self_attn.q_proj.weight 96 64
		model.layers.3.self_attn.kv_a_proj_with_mqa.weight 24 64
		model.layers.3.self_attn.kv_b_proj.weight 128 16
		model.layers.3.self_attn.o_proj.weight 64 64
		model.layers.0.mlp.{gate,up}_proj.weight 160 64
		model.layers.0.mlp.down_proj.weight 64 160
		model.layers.{1-3}.block_sparse_moe.gate.weight 8 64
		model.layers.{1-3}.block_sparse_moe.gate.e_score_correction_bias 8
		model.layers.{1-3}.block_sparse_moe.experts.{0-7}.{w1,w3}.weight 24 64
		model.layers.{1-3}.block_sparse_moe.experts.{0-7}.w2.weight 64 24`},
	{"bert", "", 4, 64, 500, 0, bertLayers("bert.", "LayerNorm.weight") + `
		bert.embeddings.token_type_embeddings.weight 2 64
		bert.pooler.dense.weight 64 64`},
	{"bert", "", 4, 64, 500, 0, bertLayers("bert.", "LayerNorm.gamma") + `
		bert.embeddings.token_type_embeddings.weight 2 64
		cls.predictions.bias 500`},
	{"roberta", "", 4, 64, 500, 0, bertLayers("roberta.", "LayerNorm.weight") + `
		roberta.embeddings.token_type_embeddings.weight 1 64
		lm_head.dense.weight 64 64
		lm_head.layer_norm.weight 64`},
	{"distilbert", "", 4, 64, 500, 0, `
		distilbert.embeddings.word_embeddings.weight 500 64
		distilbert.embeddings.position_embeddings.weight 128 64
		distilbert.embeddings.LayerNorm.{weight,bias} 64
		distilbert.transformer.layer.{0-3}.attention.{q,k,v,out}_lin.weight 64 64
		distilbert.transformer.layer.{0-3}.attention.{q,k,v,out}_lin.bias 64
		distilbert.transformer.layer.{0-3}.{sa,output}_layer_norm.{weight,bias} 64
		distilbert.transformer.layer.{0-3}.ffn.lin1.weight 256 64
		distilbert.transformer.layer.{0-3}.ffn.lin2.weight 64 256`},
	{"modernbert", "", 4, 64, 500, 0, `
		model.embeddings.tok_embeddings.weight 500 64
		model.embeddings.norm.weight 64
		model.final_norm.weight 64
		head.dense.weight 64 64
		decoder.bias 500
		model.layers.{1-3}.attn_norm.weight 64
		model.layers.{0-3}.attn.Wqkv.weight 192 64
		model.layers.{0-3}.attn.Wo.weight 64 64
		model.layers.{0-3}.mlp_norm.weight 64
		model.layers.{0-3}.mlp.Wi.weight 176 64
		model.layers.{0-3}.mlp.Wo.weight 64 88`},
	{"t5", "", 4, 64, 500, 0, t5Encoder + `
		decoder.final_layer_norm.weight 64
		lm_head.weight 500 64
		decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32 4
		decoder.block.{0-3}.layer.0.SelfAttention.{q,k,v}.weight 48 64
		decoder.block.{0-3}.layer.0.SelfAttention.o.weight 64 48
		decoder.block.{0-3}.layer.1.EncDecAttention.{q,k,v}.weight 48 64
		decoder.block.{0-3}.layer.1.EncDecAttention.o.weight 64 48
		decoder.block.{0-3}.layer.{0-2}.layer_norm.weight 64
		decoder.block.{0-3}.layer.2.DenseReluDense.wi_{0,1}.weight 160 64
		decoder.block.{0-3}.layer.2.DenseReluDense.wo.weight 64 160`},
	{"t5", "encoder", 4, 64, 500, 0, t5Encoder},
	{"bart", "", 4, 64, 500, 0, bartLayers + `
		model.shared.weight 500 64
		model.{encoder,decoder}.embed_positions.weight 130 64
		model.{encoder,decoder}.layernorm_embedding.{weight,bias} 64
		model.{encoder,decoder}.layers.{0-3}.self_attn.k_proj.bias 64`},
	{"mbart", "", 4, 64, 500, 0, bartLayers + `
		model.shared.weight 500 64
		model.{encoder,decoder}.embed_positions.weight 130 64
		model.{encoder,decoder}.layernorm_embedding.{weight,bias} 64
		model.{encoder,decoder}.layer_norm.{weight,bias} 64
		model.{encoder,decoder}.layers.{0-3}.self_attn.k_proj.bias 64`},
	{"marian", "", 4, 64, 500, 0, bartLayers + `
		model.shared.weight 500 64
		model.{encoder,decoder}.embed_positions.weight 128 64
		final_logits_bias 1 500
		model.{encoder,decoder}.layers.{0-3}.self_attn.k_proj.bias 64`},
	{"whisper", "", 4, 64, 500, 0, bartLayers + `
		model.encoder.conv1.weight 64 80 3
		model.encoder.conv1.bias 64
		model.encoder.conv2.weight 64 64 3
		model.encoder.conv2.bias 64
		model.encoder.embed_positions.weight 150 64
		model.encoder.layer_norm.{weight,bias} 64
		model.decoder.embed_tokens.weight 500 64
		model.decoder.embed_positions.weight 128 64
		model.decoder.layer_norm.{weight,bias} 64`},
	{"wav2vec2", "", 4, 64, 0, 0, `
		wav2vec2.masked_spec_embed 64
		wav2vec2.feature_extractor.conv_layers.{0-6}.conv.weight 32 32 3
		wav2vec2.feature_extractor.conv_layers.0.layer_norm.{weight,bias} 32
		wav2vec2.feature_projection.layer_norm.{weight,bias} 32
		wav2vec2.feature_projection.projection.weight 64 32
		wav2vec2.encoder.pos_conv_embed.conv.weight_g 1 1 128
		wav2vec2.encoder.pos_conv_embed.conv.weight_v 64 4 128
		wav2vec2.encoder.layer_norm.{weight,bias} 64
		wav2vec2.encoder.layers.{0-3}.attention.{q,k,v,out}_proj.weight 64 64
		wav2vec2.encoder.layers.{0-3}.{layer_norm,final_layer_norm}.{weight,bias} 64
		wav2vec2.encoder.layers.{0-3}.feed_forward.intermediate_dense.weight 256 64
		wav2vec2.encoder.layers.{0-3}.feed_forward.output_dense.weight 64 256
		lm_head.weight 32 64`},
	{"clip", "", 4, 64, 500, 0, clipText + siglipTower("") + clipVision + `
		logit_scale
		text_projection.weight 40 64
		visual_projection.weight 40 48`},
	{"clip", "text", 4, 64, 500, 0, clipText},
	{"clip", "vision", 3, 0, 0, 0, siglipTower("") + clipVision},
	{"siglip", "", 4, 64, 500, 0, clipText + siglipTower("") + siglipHead + `
		logit_scale 1
		logit_bias 1
		text_model.head.weight 48 64
		text_model.head.bias 48`},
	{"siglip", "vision", 3, 0, 0, 0, siglipTower("") + siglipHead},
	{"vit", "", 4, 64, 0, 0, `
		vit.embeddings.cls_token 1 1 64
		vit.embeddings.position_embeddings 1 197 64
		vit.embeddings.patch_embeddings.projection.weight 64 3 16 16
		vit.layernorm.{weight,bias} 64
		classifier.weight 1000 64
		vit.encoder.layer.{0-3}.attention.attention.{query,key,value}.weight 64 64
		vit.encoder.layer.{0-3}.attention.output.dense.weight 64 64
		vit.encoder.layer.{0-3}.intermediate.dense.weight 256 64
		vit.encoder.layer.{0-3}.output.dense.weight 64 256
		vit.encoder.layer.{0-3}.layernorm_{before,after}.{weight,bias} 64`},
	{"dinov2", "", 4, 64, 0, 0, `
		embeddings.{cls_token} 1 1 64
		embeddings.mask_token 1 64
		embeddings.position_embeddings 1 1370 64
		embeddings.patch_embeddings.projection.weight 64 3 14 14
		layernorm.{weight,bias} 64
		encoder.layer.{0-3}.attention.attention.{query,key,value}.weight 64 64
		encoder.layer.{0-3}.attention.output.dense.weight 64 64
		encoder.layer.{0-3}.layer_scale1.lambda1 64
		encoder.layer.{0-3}.layer_scale2.lambda1 64
		encoder.layer.{0-3}.{norm1,norm2}.{weight,bias} 64
		encoder.layer.{0-3}.mlp.fc1.weight 256 64
		encoder.layer.{0-3}.mlp.fc2.weight 64 256`},
	{"dinov2", "native", 4, 64, 0, 0, `
		cls_token 1 1 64
		pos_embed 1 1370 64
		mask_token 1 64
		patch_embed.proj.weight 64 3 14 14
		norm.{weight,bias} 64
		blocks.{0-3}.{norm1,norm2}.{weight,bias} 64
		blocks.{0-3}.{ls1,ls2}.gamma 64
		blocks.{0-3}.attn.qkv.weight 192 64
		blocks.{0-3}.attn.proj.weight 64 64
		blocks.{0-3}.mlp.fc1.weight 256 64
		blocks.{0-3}.mlp.fc2.weight 64 256`},
	{"llava", "", 4, 64, 500, 0, wrapped(llamaLayers+outer, "language_model.") + siglipTower("vision_tower.") + projector},
	{"llava", "native", 4, 64, 500, 0, llamaLayers + outer + siglipTower("model.vision_tower.vision_tower.") + `
		model.mm_projector.0.weight 64 48
		model.mm_projector.2.weight 64 64`},
	{"pixtral", "", 4, 64, 500, 0, wrapped(llamaLayers+outer, "language_model.") + pixtralTower + projector},
	{"pixtral", "native", 4, 64, 500, 0, nativeLayers + nativeOuter + `
		vision_encoder.patch_conv.weight 48 3 16 16
		vision_encoder.ln_pre.weight 48
		vision_encoder.transformer.layers.{0-2}.attention.{wq,wk,wv,wo}.weight 48 48
		vision_encoder.transformer.layers.{0-2}.feed_forward.{w1,w3}.weight 128 48
		vision_encoder.transformer.layers.{0-2}.feed_forward.w2.weight 48 128
		vision_language_adapter.w_in.weight 64 48
		vision_language_adapter.w_out.weight 64 64`},
	{"mistral3", "", 4, 64, 500, 0, wrapped(llamaLayers+outer, "language_model.") + pixtralTower + projector + `
		multi_modal_projector.norm.weight 48
		multi_modal_projector.patch_merger.merging_layer.weight 48 192`},
	{"qwen2-vl", "", 4, 64, 500, 0, llamaLayers + qkvBiases + outer + qwenVisual + `
		visual.blocks.{0-2}.{norm1,norm2}.{weight,bias} 48
		visual.blocks.{0-2}.mlp.fc1.weight 192 48
		visual.blocks.{0-2}.mlp.fc2.weight 48 192
		visual.merger.ln_q.weight 48
		visual.merger.mlp.{0}.weight 192 192
		visual.merger.mlp.{2}.weight 64 192`},
	{"qwen2.5-vl", "", 4, 64, 500, 0, llamaLayers + qkvBiases + outer + qwenVisual + `
		visual.blocks.{0-2}.{norm1,norm2}.weight 48
		visual.blocks.{0-2}.mlp.{gate,up}_proj.weight 128 48
		visual.blocks.{0-2}.mlp.down_proj.weight 48 128
		visual.merger.ln_q.weight 48
		visual.merger.mlp.{0}.weight 192 192
		visual.merger.mlp.{2}.weight 64 192`},
	{"qwen3-vl", "", 4, 64, 500, 0, wrapped(llamaLayers+qkNorms+tiedOuter, "model.language_model.", "model.") + wrapped(qwenVisual, "model.visual.", "visual.") + `
		model.visual.pos_embed.weight 100 48
		model.visual.blocks.{0-2}.{norm1,norm2}.{weight,bias} 48
		model.visual.blocks.{0-2}.mlp.linear_fc1.weight 192 48
		model.visual.blocks.{0-2}.mlp.linear_fc2.weight 48 192
		model.visual.merger.norm.{weight,bias} 48
		model.visual.merger.linear_fc1.weight 192 192
		model.visual.merger.linear_fc2.weight 64 192
		model.visual.deepstack_merger_list.{0-2}.norm.weight 192
		model.visual.deepstack_merger_list.{0-2}.linear_fc1.weight 192 192
		model.visual.deepstack_merger_list.{0-2}.linear_fc2.weight 64 192`},
	{"mllama", "", 4, 64, 500, 0, wrapped(`
		model.embed_tokens.weight 508 64
		model.norm.weight 64
		lm_head.weight 508 64
		model.layers.{0-3}.{input_layernorm,post_attention_layernorm}.weight 64
		model.layers.{0-3}.mlp.{gate,up}_proj.weight 160 64
		model.layers.{0-3}.mlp.down_proj.weight 64 160
		model.layers.{0,1,2}.self_attn.{q,o}_proj.weight 64 64
		model.layers.{0,1,2}.self_attn.{k,v}_proj.weight 16 64
		model.layers.3.cross_attn.{q,o}_proj.weight 64 64
		model.layers.3.cross_attn.{k,v}_proj.weight 16 64
		model.layers.3.cross_attn.{q,k}_norm.weight 16
		model.layers.3.{cross_attn_attn_gate,cross_attn_mlp_gate} 1`, "language_model.") + `
		multi_modal_projector.weight 64 480
		vision_model.class_embedding 48
		vision_model.gated_positional_embedding.embedding 1025 48
		vision_model.{transformer,global_transformer}.layers.{0-2}.self_attn.{q,k,v,o}_proj.weight 48 48
		vision_model.{transformer,global_transformer}.layers.{0-2}.mlp.fc1.weight 192 48
		vision_model.{transformer,global_transformer}.layers.{0-2}.mlp.fc2.weight 48 192`},
	{"sd1", "", 0, 0, 0, 0, ldmUNet("4", "768")},
	{"sd1", "", 0, 0, 0, 0, ldmUNet("9", "768")},
	{"sd2", "", 0, 0, 0, 0, ldmUNet("4", "1024")},
	{"sdxl", "", 0, 0, 0, 0, ldmUNet("4", "2048") + `
		model.diffusion_model.label_emb.0.0.weight 1280 2816
		model.diffusion_model.label_emb.0.2.weight 1280 1280
		conditioner.embedders.1.model.transformer.resblocks.{0-9}.mlp.c_proj.bias 1280`},
	{"sdxl-refiner", "", 0, 0, 0, 0, `
		model.diffusion_model.time_embed.0.weight 1536 384
		model.diffusion_model.input_blocks.0.0.weight 384 4 3 3
		model.diffusion_model.input_blocks.{1,2}.0.in_layers.{0}.weight 384
		model.diffusion_model.input_blocks.4.1.transformer_blocks.{0-3}.attn1.to_q.weight 768 768
		model.diffusion_model.input_blocks.4.1.transformer_blocks.{0-3}.attn2.to_k.weight 768 1280
		model.diffusion_model.middle_block.0.in_layers.0.weight 1536
		model.diffusion_model.output_blocks.{0,1}.0.in_layers.0.weight 3072
		model.diffusion_model.label_emb.0.0.weight 1536 2560`},
	{"sd1", "diffusers", 0, 0, 0, 0, diffusersUNet("768")},
	{"sd2", "diffusers", 0, 0, 0, 0, diffusersUNet("1024")},
	{"sdxl", "diffusers", 0, 0, 0, 0, diffusersUNet("2048") + `
		add_embedding.linear_1.weight 1280 2816
		add_embedding.linear_2.weight 1280 1280`},
	{"sdxl-refiner", "diffusers", 0, 0, 0, 0, `
		conv_in.weight 384 4 3 3
		add_embedding.linear_1.weight 1536 2560
		time_embedding.linear_1.weight 1536 384
		down_blocks.1.attentions.0.transformer_blocks.{0-3}.attn1.to_q.weight 768 768
		down_blocks.1.attentions.0.transformer_blocks.{0-3}.attn2.to_k.weight 768 1280
		mid_block.resnets.{0-1}.conv1.weight 1536 1536 3 3`},
	{"sd3", "", 4, 64, 0, 0, `
		model.diffusion_model.pos_embed 1 36864 64
		model.diffusion_model.x_embedder.proj.weight 64 16 2 2
		model.diffusion_model.context_embedder.weight 64 4096
		model.diffusion_model.y_embedder.mlp.0.weight 64 2048
		model.diffusion_model.t_embedder.mlp.0.weight 64 256
		model.diffusion_model.final_layer.linear.weight 64 64
		model.diffusion_model.joint_blocks.{0-3}.{x_block,context_block}.attn.qkv.weight 192 64
		model.diffusion_model.joint_blocks.{0-2}.{x_block,context_block}.attn.proj.weight 64 64
		model.diffusion_model.joint_blocks.3.x_block.attn.proj.weight 64 64
		model.diffusion_model.joint_blocks.{0-3}.x_block.mlp.fc1.weight 256 64
		model.diffusion_model.joint_blocks.{0-3}.x_block.mlp.fc2.weight 64 256
		model.diffusion_model.joint_blocks.{0-2}.context_block.mlp.fc1.weight 256 64
		model.diffusion_model.joint_blocks.{0-3}.x_block.adaLN_modulation.1.weight 384 64
		model.diffusion_model.joint_blocks.{0-2}.context_block.adaLN_modulation.1.weight 384 64
		model.diffusion_model.joint_blocks.3.context_block.adaLN_modulation.1.weight 128 64`},
	{"sd3", "diffusers", 4, 64, 0, 0, `
		pos_embed.pos_embed 1 36864 64
		pos_embed.proj.weight 64 16 2 2
		context_embedder.weight 64 4096
		proj_out.weight 64 64
		transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		transformer_blocks.{0-3}.ff.net.0.proj.weight 256 64
		transformer_blocks.{0-3}.ff.net.2.weight 64 256
		transformer_blocks.{0-2}.ff_context.net.0.proj.weight 256 64
		transformer_blocks.{0-2}.ff_context.net.2.weight 64 256`},
	{"flux", "", 4, 64, 0, 0, fluxBlocks + `
		guidance_in.{in_layer}.weight 64 256
		vector_in.in_layer.weight 64 768
		time_in.in_layer.weight 64 256
		double_blocks.{0-3}.{img_mod,txt_mod}.lin.weight 384 64
		single_blocks.{0-5}.modulation.lin.weight 192 64`},
	{"flux", "diffusers", 4, 64, 0, 0, fluxDiffusers + `
		time_text_embed.timestep_embedder.linear_1.weight 64 256
		time_text_embed.guidance_embedder.linear_1.weight 64 256
		time_text_embed.text_embedder.linear_1.weight 64 768
		transformer_blocks.{0-3}.{norm1,norm1_context}.linear.weight 384 64
		single_transformer_blocks.{0-5}.norm.linear.weight 192 64`},
	{"flux2", "", 4, 64, 0, 0, fluxBlocks + `
		time_in.in_layer.weight 64 256
		single_stream_modulation.lin.weight 192 64
		double_stream_modulation_{img,txt}.lin.weight 384 64`},
	{"flux2", "diffusers", 4, 64, 0, 0, `
		x_embedder.weight 64 128
		context_embedder.weight 64 1536
		proj_out.weight 128 64
		single_stream_modulation.linear.weight 192 64
		double_stream_modulation_{img,txt}.linear.weight 384 64
		transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		transformer_blocks.{0-3}.{ff,ff_context}.linear_in.weight 384 64
		transformer_blocks.{0-3}.{ff,ff_context}.linear_out.weight 64 192
		single_transformer_blocks.{0-5}.attn.to_qkv_mlp_proj.weight 576 64
		single_transformer_blocks.{0-5}.attn.to_out.weight 64 256`},
	{"chroma", "", 4, 64, 0, 0, fluxBlocks + `
		distilled_guidance_layer.in_proj.{weight} 64 64
		distilled_guidance_layer.in_proj.bias 64
		distilled_guidance_layer.layers.{0-4}.in_layer.weight 64 64`},
	{"chroma", "diffusers", 4, 64, 0, 0, fluxDiffusers + `
		distilled_guidance_layer.in_proj.weight 64 64
		distilled_guidance_layer.layers.{0-4}.linear_1.weight 64 64`},
	{"hunyuan-video", "", 4, 64, 0, 0, `
		img_in.proj.weight 64 16 1 2 2
		txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1.weight 128 64
		txt_in.individual_token_refiner.blocks.{0-1}.adaLN_modulation.1.bias 128
		final_layer.linear.weight 64 64
		double_blocks.{0-3}.{img,txt}_attn_qkv.weight 192 64
		double_blocks.{0-3}.{img,txt}_attn_proj.weight 64 64
		double_blocks.{0-3}.{img,txt}_mlp.fc1.weight 256 64
		single_blocks.{0-5}.linear1.weight 448 64
		single_blocks.{0-5}.linear2.weight 64 320`},
	{"hunyuan-video", "diffusers", 4, 64, 0, 0, `
		x_embedder.proj.weight 64 16 1 2 2
		context_embedder.token_refiner.refiner_blocks.{0-1}.attn.to_q.weight 64 64
		context_embedder.time_text_embed.timestep_embedder.linear_1.weight 64 256
		proj_out.weight 64 64
		transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		transformer_blocks.{0-3}.ff.net.0.proj.weight 256 64
		single_transformer_blocks.{0-5}.attn.to_{q,k,v}.weight 64 64
		single_transformer_blocks.{0-5}.proj_mlp.weight 256 64`},
	{"wan", "", 4, 64, 0, 0, `
		patch_embedding.weight 64 16 1 2 2
		head.head.weight 64 64
		head.modulation 1 2 64
		text_embedding.0.weight 64 4096
		text_embedding.2.weight 64 64
		time_embedding.0.weight 64 256
		time_embedding.2.weight 64 64
		time_projection.1.weight 384 64
		blocks.{0-3}.modulation 1 6 64
		blocks.{0-3}.{self_attn,cross_attn}.{q,k,v,o}.weight 64 64
		blocks.{0-3}.{self_attn,cross_attn}.norm_{q,k}.weight 64
		blocks.{0-3}.ffn.0.weight 160 64
		blocks.{0-3}.ffn.2.weight 64 160`},
	{"wan", "diffusers", 4, 64, 0, 0, `
		patch_embedding.weight 64 16 1 2 2
		condition_embedder.text_embedder.linear_1.weight 64 4096
		condition_embedder.time_embedder.linear_1.weight 64 256
		scale_shift_table 1 2 64
		proj_out.weight 64 64
		blocks.{0-3}.scale_shift_table 1 6 64
		blocks.{0-3}.{attn1,attn2}.to_{q,k,v}.weight 64 64
		blocks.{0-3}.ffn.net.0.proj.weight 160 64
		blocks.{0-3}.ffn.net.2.weight 64 160`},
	{"ltx-video", "", 4, 64, 0, 0, `
		model.diffusion_model.patchify_proj.weight 64 128
		model.diffusion_model.adaln_single.linear.weight 384 64
		model.diffusion_model.caption_projection.linear_1.weight 64 4096
		model.diffusion_model.scale_shift_table 2 64
		model.diffusion_model.proj_out.weight 128 64
		model.diffusion_model.transformer_blocks.{0-3}.scale_shift_table 6 64
		model.diffusion_model.transformer_blocks.{0-3}.{attn1,attn2}.to_{q,k,v}.weight 64 64
		model.diffusion_model.transformer_blocks.{0-3}.ff.net.0.proj.weight 256 64
		model.diffusion_model.transformer_blocks.{0-3}.ff.net.2.weight 64 256`},
	{"mochi", "", 4, 64, 0, 0, `
		x_embedder.proj.weight 64 12 2 2
		t5_yproj.weight 32 4096
		final_layer.linear.weight 48 64
		blocks.{0-3}.mod_x.weight 256 64
		blocks.{0-3}.attn.qkv_x.weight 192 64
		blocks.{0-3}.attn.qkv_y.weight 192 32
		blocks.{0-3}.attn.proj_x.weight 64 64
		blocks.{0-3}.mlp_x.w1.weight 320 64
		blocks.{0-3}.mlp_x.w2.weight 64 160`},
	{"mochi", "diffusers", 4, 64, 0, 0, `
		patch_embed.proj.weight 64 12 2 2
		time_embed.pooler.to_kv.weight 8192 4096
		time_embed.caption_proj.weight 32 4096
		proj_out.weight 48 64
		transformer_blocks.{0-3}.norm1.linear.weight 256 64
		transformer_blocks.{0-3}.attn1.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn1.add_{q,k,v}_proj.weight 64 32
		transformer_blocks.{0-3}.ff.net.0.proj.weight 320 64
		transformer_blocks.{0-3}.ff.net.2.weight 64 160`},
	{"cosmos", "", 4, 64, 0, 0, `
		net.x_embedder.proj.1.weight 64 68
		net.blocks.{0-3}.{self_attn,cross_attn}.{q,k,v,output}_proj.weight 64 64
		net.blocks.{0-3}.mlp.layer1.weight 256 64
		net.blocks.{0-3}.mlp.layer2.weight 64 256`},
	{"cosmos", "1.0", 0, 64, 0, 0, `
		net.x_embedder.proj.1.weight 64 68
		net.blocks.block{0,1,2,3}.blocks.{0,1}.block.attn.to_{q,k,v}.0.weight 64 64
		net.blocks.block{0,1,2,3}.blocks.{0,1}.block.attn.to_{q,k}.1.weight 16
		net.blocks.block{0,1,2,3}.blocks.2.block.layer1.weight 256 64
		net.blocks.block{0,1,2,3}.blocks.{0-2}.adaLN_modulation.1.weight 16 64`},
	{"cosmos", "diffusers", 4, 64, 0, 0, `
		patch_embed.proj.weight 64 68
		time_embed.t_embedder.linear_1.weight 64 64
		proj_out.weight 64 64
		transformer_blocks.{0-3}.{attn1,attn2}.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.{norm1,norm2,norm3}.linear_1.weight 16 64
		transformer_blocks.{0-3}.{norm1,norm2,norm3}.linear_2.weight 192 16
		transformer_blocks.{0-3}.ff.net.0.proj.weight 256 64
		transformer_blocks.{0-3}.ff.net.2.weight 64 256`},
	{"qwen-image", "", 4, 64, 0, 0, `
		img_in.weight 64 64
		txt_in.weight 64 3584
		proj_out.weight 64 64
		transformer_blocks.{0-3}.{img_mod,txt_mod}.1.weight 384 64
		transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		transformer_blocks.{0-3}.{img_mlp,txt_mlp}.net.0.proj.weight 256 64
		transformer_blocks.{0-3}.{img_mlp,txt_mlp}.net.2.weight 64 256`},
	{"z-image", "", 4, 64, 0, 0, `
		cap_embedder.0.weight 2560
		cap_embedder.1.weight 64 2560
		all_x_embedder.2-1.weight 64 64
		layers.{0-3}.adaLN_modulation.0.weight 256 16
		layers.{0-3}.attention.to_{q,k,v}.weight 64 64
		layers.{0-3}.attention.to_out.0.weight 64 64
		layers.{0-3}.feed_forward.{w1,w3}.weight 160 64
		layers.{0-3}.feed_forward.w2.weight 64 160
		noise_refiner.{0-1}.attention.to_q.weight 64 64
		{noise,context}_refiner.{0-1}.feed_forward.{w1,w3}.weight 160 64
		{noise,context}_refiner.{0-1}.feed_forward.w2.weight 64 160`},
	{"sana", "", 4, 64, 0, 0, `
		x_embedder.proj.weight 64 32 1 1
		y_embedder.y_proj.fc1.weight 64 2304
		blocks.{0-3}.scale_shift_table 6 64
		blocks.{0-3}.attn.qkv.weight 192 64
		blocks.{0-3}.attn.proj.weight 64 64
		blocks.{0-3}.cross_attn.q_linear.weight 64 64
		blocks.{0-3}.cross_attn.kv_linear.weight 128 64
		blocks.{0-3}.mlp.inverted_conv.conv.weight 320 64 1 1
		blocks.{0-3}.mlp.point_conv.conv.weight 64 160 1 1`},
	{"sana", "diffusers", 4, 64, 0, 0, `
		patch_embed.proj.weight 64 32 1 1
		caption_projection.linear_1.weight 64 2304
		scale_shift_table 2 64
		proj_out.weight 32 64
		transformer_blocks.{0-3}.scale_shift_table 6 64
		transformer_blocks.{0-3}.{attn1,attn2}.to_{q,k,v}.weight 64 64
		transformer_blocks.{0-3}.ff.conv_inverted.weight 320 64 1 1
		transformer_blocks.{0-3}.ff.conv_point.weight 64 160 1 1`},
	{"hidream", "", 4, 64, 0, 0, `
		x_embedder.proj.weight 64 64
		final_layer.linear.weight 64 64
		double_stream_blocks.{0-3}.block.adaLN_modulation.1.weight 768 64
		double_stream_blocks.{0-3}.block.adaLN_modulation.1.bias 768
		double_stream_blocks.{0-3}.block.attn1.to_{q,k,v,q_t,k_t,v_t}.weight 64 64
		double_stream_blocks.{0-3}.block.ff_i.experts.{0-3}.w1.weight 160 64
		single_stream_blocks.{0-5}.block.adaLN_modulation.1.weight 384 64
		single_stream_blocks.{0-5}.block.attn1.to_{q,k,v}.weight 64 64`},
	{"auraflow", "", 4, 64, 0, 0, `
		positional_encoding 1 1024 64
		register_tokens 1 8 64
		cond_seq_linear.weight 64 2048
		init_x_linear.weight 64 16
		double_layers.{0-3}.attn.{w1q,w1k,w1v,w1o,w2q,w2k,w2v,w2o}.weight 64 64
		double_layers.{0-3}.{mlpX,mlpC}.c_fc1.weight 160 64
		single_layers.{0-5}.attn.{w1q,w1k,w1v,w1o}.weight 64 64
		single_layers.{0-5}.mlp.c_fc1.weight 160 64`},
	{"auraflow", "diffusers", 4, 64, 0, 0, `
		register_tokens 1 8 64
		pos_embed.proj.weight 64 16
		context_embedder.weight 64 2048
		proj_out.weight 16 64
		joint_transformer_blocks.{0-3}.attn.to_{q,k,v}.weight 64 64
		joint_transformer_blocks.{0-3}.attn.add_{q,k,v}_proj.weight 64 64
		joint_transformer_blocks.{0-3}.{ff,ff_context}.linear_1.weight 160 64
		single_transformer_blocks.{0-5}.attn.to_{q,k,v}.weight 64 64
		single_transformer_blocks.{0-5}.ff.linear_1.weight 160 64`},
}

func TestFamilies_ByName(t *testing.T) {
	t.Parallel()
	for _, tt := range published {
		t.Run(tt.family+"/"+tt.variant, func(t *testing.T) {
			t.Parallel()
			a := derive(t, []*pipeline.Table{build(tt.tensors).table("model.safetensors")})
			require.NotNil(t, a.Family)
			require.Equal(t, tt.family, *a.Family)
			require.Equal(t, tt.variant, *a.Variant)
			require.Equal(t, tt.layers, value(a.Layers))
			require.Equal(t, tt.hidden, value(a.HiddenSize))
			if tt.family != "mllama" { // its embedding has rows that its head has not
				require.Equal(t, tt.vocab, value(a.VocabSize))
			}
			require.Equal(t, tt.experts, *a.Experts)
			require.Empty(t, a.Contradictions)
			require.False(t, *a.Partial)
			require.Contains(t, *a.Confidence, "names")
		})
	}
}

// Every layout that is known has its model above.
func TestFamilies_Complete(t *testing.T) {
	t.Parallel()
	var have []string
	for _, tt := range published {
		have = append(have, tt.family+"/"+tt.variant)
	}
	for _, l := range architecture.Layouts() {
		require.Contains(t, have, l)
	}
	require.Empty(t, architecture.Faults())
}

// Whatever its names are, a model is never told to be of another family by its shapes.
func TestFamilies_ByShapeNeverAnother(t *testing.T) {
	t.Parallel()
	known := 0
	for _, tt := range published {
		ts := build(tt.tensors)
		for i := range ts {
			ts[i].Name = noise(i)
		}
		a := derive(t, []*pipeline.Table{ts.table("model.safetensors")})
		if a.Family == nil {
			require.Equal(t, "none", *a.Confidence)
			continue
		}
		require.Equal(t, tt.family, *a.Family, tt.variant)
		require.Equal(t, tt.family, *a.Shape)
		require.Equal(t, "shapes", *a.Confidence)
		require.Contains(t, []int64{0, tt.layers}, value(a.Layers), tt.family)
		require.Contains(t, []int64{0, tt.hidden}, value(a.HiddenSize), tt.family)
		require.Contains(t, []int64{0, tt.experts}, *a.Experts, tt.family)
		known++
	}
	require.Greater(t, known, 30)
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
