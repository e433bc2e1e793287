package weight

import "weighbridge/pipeline"

// hqq: HQQ (hqq/core/bitpack.py): W_q packs along the first dimension; its width is in
// tiny tensors whose values no header holds.
var hqq = packing{
	name: "hqq", keys: []string{"W_q"},
	aux: []string{"scale", "zero", "nbits", "shape", "group_size", "axis", "packing", "view_as_float", "unpack_view_dtype", "optimize", "round_zero", "channel_wise", "compute_dtype",
		"quant_scale", "quant_zero", "encoded_state_dict", "stores_quant_config", "offload_meta", "zero_scale"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("W_q")
		if q == nil {
			return nil
		}
		bytes := q.tensor.Bytes()
		return between(q, bytes, mul(bytes, 2), "the bits of a parameter are in a tensor's values, which are not read; one to eight are possible")
	},
}

// quantoPacked: optimum-quanto below eight bits: packed along the first dimension.
var quantoPacked = packing{
	name: "quanto", keys: []string{"weight._data._data"},
	aux: []string{"weight._scale", "weight._shift", "input_scale", "output_scale", "weight._data._scale"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("weight._data._data")
		if !q.is(pipeline.U8) {
			return nil
		}
		return between(q, mul(q.elements(), 2), mul(q.elements(), 2), "a byte holds two parameters of four bits or four of two, which nothing tells; it may hold eight")
	},
}

// quanto: optimum-quanto at eight bits: the weight as it is.
var quanto = packing{
	name: "quanto", keys: []string{"weight._data"},
	aux: []string{"weight._scale", "input_scale", "output_scale"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("weight._data")
		if m.get("weight._scale") == nil || (!q.is(pipeline.I8) && !q.is(fp8...)) {
			return nil
		}
		return wholeBytes(q)
	},
}

// torchao: torchao's flattened subclasses; the dtype tells how many share an element.
// Int4 tiles for tensor cores are [out/8, in/(16*k), 32, k/2] words.
var torchao = packing{
	name: "torchao", keys: []string{"_weight_qdata"},
	aux: []string{"_weight_scale", "_weight_zero_point", "_weight_scale_and_zero", "_weight_act_pre_scale", "_weight_per_tensor_scale"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("_weight_qdata")
		if m.prefixed("_weight_scale") == nil || q.rank() < 2 {
			return nil
		}
		switch {
		case q.is(pipeline.U8):
			return claim(q, mul(q.elements(), 2), 4, mul(q.dim(-1), 2), q.dim(-2))
		case q.is(pipeline.I32) && q.rank() == 4:
			return claim(q, mul(q.elements(), 8), 4, mul(q.dim(1), q.dim(3), 32), mul(q.dim(0), 8))
		case q.is(pipeline.I32):
			return claim(q, mul(q.elements(), 8), 4, mul(q.dim(-1), 8), q.dim(-2))
		case q.is(pipeline.I8), q.is(fp8...):
			return wholeBytes(q)
		case q.tensor.DType.Class() == pipeline.ClassFloat && q.tensor.DType.Bits() < 8: // a float of its own size
			return flat(q, q.elements(), q.tensor.DType.Bits())
		}
		return nil
	},
}

// nunchaku: SVDQuant: qweight I8 [out, in/2] or I32 [out/4, in/2], with low-rank parts
// that count as they are.
var nunchaku = packing{
	name: "svdquant", keys: []string{"wscales"},
	aux: []string{"wscales", "wcscales", "wtscale", "smooth_factor", "smooth_factor_orig", "smooth", "smooth_orig"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("qweight"), m.get("wscales")
		switch {
		case q.is(pipeline.I8) && q.rank() == 2 && (scales.dim(1) == q.dim(0) || scales.dim(0) == q.dim(0)):
			return claim(q, mul(q.elements(), 2), 4, mul(q.dim(1), 2), q.dim(0))
		case q.is(pipeline.I32) && q.rank() == 2:
			return claim(q, mul(q.elements(), 8), 4, mul(q.dim(1), 2), mul(q.dim(0), 4))
		}
		return nil
	},
}

// fpQuant: FP-Quant: qweight bytes of two parameters with scales for 32 or 16.
var fpQuant = packing{
	name: "fp-quant", keys: []string{"qweight"},
	aux: []string{"scales", "forward_hadamard_matrix", "backward_hadamard_matrix", "weight_global_scale", "act_global_scale"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("qweight"), m.get("scales")
		if got := grouped(q, scales, 32, pipeline.U8, pipeline.F8E8M0); got != nil {
			return got
		}
		return grouped(q, scales, 16, append([]pipeline.DType{pipeline.U8}, fp8...)...)
	},
}

// dfloat11: DFloat11: BF16 with its exponents coded: one byte of sign and mantissa for
// each parameter, and about three bits more for its exponent.
var dfloat11 = packing{
	name: "dfloat11", keys: []string{"sign_mantissa"},
	aux: []string{"luts", "gaps", "output_positions", "split_positions"},
	explain: func(m *module, _ *widths) *packed {
		q, exponent := m.get("sign_mantissa"), m.get("encoded_exponent")
		if !q.is(pipeline.U8) || !exponent.is(pipeline.U8) {
			return nil
		}
		n, coded := q.elements(), exponent.elements()
		if coded < n/4 || coded > n/2 || m.get("luts") == nil {
			return between(q, 0, n, "the coded exponents are not as long as those of so many parameters, so each byte may hold eight")
		}
		got := flat(q, n, 11)
		got.also = []*part{exponent}
		return got
	},
}

// matMulNBits: ONNX Runtime's MatMulNBits operator (onnxruntime ContribOperators.md):
// bytes [out, blocks, bytes of a block] with a scale for each block. The reader names
// the parts by the operator's bits.
var matMulNBits = packing{
	name: "matmul-nbits", keys: []string{"nbits2", "nbits4", "nbits8"},
	aux: []string{"nbits_scales", "nbits_zero_points"},
	explain: func(m *module, _ *widths) *packed {
		scales := m.get("nbits_scales")
		for leaf, bits := range map[string]uint64{"nbits2": 2, "nbits4": 4, "nbits8": 8} {
			q := m.get(leaf)
			if !q.is(pipeline.U8) || q.rank() != 3 || scales == nil || scales.elements() != mul(q.dim(0), q.dim(1)) {
				continue
			}
			side := mul(q.dim(1), q.dim(2), 8) / bits
			return claim(q, mul(q.dim(0), side), bits, side, q.dim(0))
		}
		return nil
	},
}
