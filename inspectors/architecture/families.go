package architecture

import "slices"

// family is a kind of model that is told by the names and shapes of its tensors.
// Models of different names that share their tensors are one family.
type family struct {
	// name is the family's name, class the loader class that fits it.
	name, class string
	// types are the words that declare the family in a configuration: values of
	// model_type, of GGUF's general.architecture, or class names in lower case.
	types []string
	// narrowed is the family that this one is a special case of by its shapes alone,
	// with numbers of its own; "" for none.
	narrowed string
	// layouts are the ways in which files of the family name their tensors, the
	// usual one first.
	layouts []layout
}

// layout is one way to name the tensors of a family.
type layout struct {
	// variant names the way, "" for the usual one.
	variant string
	// uncounted is true where the numbers in the names are no layers.
	uncounted bool
	// whole is true where the text lists every tensor with its dimensions. Only
	// such layouts can be told by shapes alone.
	whole bool
	// tensors is the layout as text, see parse.
	tensors string

	parsed
}

// families lists everything that is known (counting.md section 4), one list a kind.
//
// A layout is a line for each tensor: its pattern without the prefix that wrappers
// add, then its dimensions, outermost first. A letter stands for the same number on
// all lines: h is the hidden size, V the vocabulary, E the number of experts. "3h" is
// three times h, a plain number is itself and must be so, "_" is any number, "." is a
// scalar's empty shape, and "*" leaves the shape alone. "a|b" are names of which one
// stands for the tensor.
//
// Marks in front: "?" a tensor that may be absent, and a letter behind it ties lines
// that come and go together; "!" one that must be absent; "~" one that only some
// layers have. Lines such as ": d<q", ": d|q" and ": r>7" are relations that must hold
// for the shapes alone; ": V=256000" must always hold. The first line with a layer's number that is needed is the anchor: it tells
// the prefix, and the stack whose layers are counted.
func families() []family {
	return slices.Concat(decoders(), gemmas(), gpts(), moe(), recurrent(), encoders(), vision(), diffusion())
}

// Pieces that many layouts share.
const (
	ends = `
		embed_tokens.weight                              V h
		norm.weight                                      h
		?t lm_head.weight                                V h
		?r layers.{}.self_attn.rotary_emb.inv_freq       r
		: r>7
		: r<h
		: r<k`
	twoNorms = `
		layers.{}.input_layernorm.weight                 h
		layers.{}.post_attention_layernorm.weight        h`
	twoBiasedNorms = twoNorms + `
		layers.{}.input_layernorm.bias                   h
		layers.{}.post_attention_layernorm.bias          h`
	attention = `
		layers.{}.self_attn.q_proj.weight                q h
		layers.{}.self_attn.k_proj.weight                k h
		layers.{}.self_attn.v_proj.weight                k h
		layers.{}.self_attn.o_proj.weight                h q`
	attentionBiases = `
		layers.{}.self_attn.q_proj.bias                  q
		layers.{}.self_attn.k_proj.bias                  k
		layers.{}.self_attn.v_proj.bias                  k`
	headNorms = `
		layers.{}.self_attn.q_norm.weight                d
		layers.{}.self_attn.k_norm.weight                d
		: d<q
		: d|q
		: r<d`
	gatedMLP = `
		layers.{}.mlp.gate_proj.weight                   f h
		layers.{}.mlp.up_proj.weight                     f h
		layers.{}.mlp.down_proj.weight                   h f`
	someGatedMLP = `
		~? layers.{}.mlp.gate_proj.weight                f h
		~? layers.{}.mlp.up_proj.weight                  f h
		~? layers.{}.mlp.down_proj.weight                h f`
	experts = `
		layers.{}.mlp.gate.weight                        E h
		layers.{}.mlp.experts.{}.gate_proj.weight        m h
		layers.{}.mlp.experts.{}.up_proj.weight          m h
		layers.{}.mlp.experts.{}.down_proj.weight        h m`
	someExperts = `
		~ layers.{}.mlp.gate.weight                      E h
		~ layers.{}.mlp.experts.{}.gate_proj.weight      m h
		~ layers.{}.mlp.experts.{}.up_proj.weight        m h
		~ layers.{}.mlp.experts.{}.down_proj.weight      h m`
	plainOnly = `
		! layers.{}.self_attn.q_norm.weight              d
		! layers.{}.self_attn.q_proj.bias                q
		! layers.{}.input_layernorm.bias                 h
		! layers.{}.pre_feedforward_layernorm.weight     h
		! layers.{}.post_feedforward_layernorm.weight    h
		! layers.{}.self_attn.sinks                      n
		! layers.{}.linear_attn.in_proj_qkvz.weight      _ h
		! layers.{}.mamba.in_proj.weight                 _ h
		! layers.{}.self_attn.kv_a_proj_with_mqa.weight  c h`
	noExperts = `
		! layers.{}.mlp.experts.{}.gate_proj.weight      m h
		! layers.{}.mlp.experts.gate_up_proj             *
		! layers.{}.mlp.gate.weight                      E h
		! layers.{}.block_sparse_moe.gate.weight         E h`
)

// Pieces of GGUF layouts, which name the tensors of all families alike (tensor_mapping
// of the project ggml-org/llama.cpp).
const (
	ggufEnds = `
		token_embd.weight              V h
		output_norm.weight             h
		?t output.weight               V h
		?r rope_freqs.weight           r
		: r>7
		: r<h
		: r<k`
	ggufAttention = `
		blk.{}.attn_norm.weight        h
		blk.{}.attn_q.weight           q h
		blk.{}.attn_k.weight           k h
		blk.{}.attn_v.weight           k h
		blk.{}.attn_output.weight      h q`
	ggufBiases = `
		blk.{}.attn_q.bias             q
		blk.{}.attn_k.bias             k
		blk.{}.attn_v.bias             k`
	ggufHeadNorms = `
		blk.{}.attn_q_norm.weight      d
		blk.{}.attn_k_norm.weight      d
		: d<q
		: d|q
		: r<d`
	ggufMLP = `
		blk.{}.ffn_norm.weight         h
		blk.{}.ffn_gate.weight         f h
		blk.{}.ffn_up.weight           f h
		blk.{}.ffn_down.weight         h f`
	ggufExperts = `
		blk.{}.ffn_norm.weight         h
		blk.{}.ffn_gate_inp.weight     E h
		blk.{}.ffn_gate_exps.weight    E m h
		blk.{}.ffn_up_exps.weight      E m h
		blk.{}.ffn_down_exps.weight    E h m`
	ggufPlainOnly = `
		! blk.{}.attn_norm.bias              h
		! blk.{}.attn_q.bias                 q
		! blk.{}.attn_q_norm.weight          d
		! blk.{}.post_attention_norm.weight  h
		! blk.{}.attn_post_norm.weight       h
		! blk.{}.ssm_in.weight               _ h
		! blk.{}.attn_kv_a_mqa.weight        c h`
)
