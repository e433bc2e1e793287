package weight

import "weighbridge/pipeline"

// mxfp4Blocks: gpt-oss as first published: mlp1_weight.blocks [.., n, 16] bytes, each
// two parameters, beside scales [.., n].
var mxfp4Blocks = packing{
	name: "mxfp4", keys: []string{"blocks"}, aux: []string{"scales"},
	explain: func(m *module, _ *widths) *packed { return blocks(m.get("blocks"), m.get("scales")) },
}

// mxfp4BlocksJoined: gpt-oss in transformers: gate_up_proj_blocks, gate_up_proj_scales.
var mxfp4BlocksJoined = packing{
	name: "mxfp4", keys: []string{"_blocks"}, aux: []string{"_scales"},
	explain: func(m *module, _ *widths) *packed { return blocks(m.get("_blocks"), m.get("_scales")) },
}

func blocks(values, scales *part) *packed {
	if !values.is(pipeline.U8) || !scales.is(pipeline.U8, pipeline.F8E8M0) || values.rank() < 2 || scales.rank() != values.rank()-1 {
		return nil
	}
	for i := range scales.rank() {
		if scales.dim(i) != values.dim(i) {
			return nil
		}
	}
	return exactly(values, mul(values.elements(), 2), 4)
}

// fp8 are the types of eight-bit weights.
var fp8 = []pipeline.DType{pipeline.F8E4M3, pipeline.F8E5M2, pipeline.F8E4M3FNUZ, pipeline.F8E5M2FNUZ}

// scaledFloat: eight-bit floats with scales for a tensor, a row or a block (DeepSeek-V3,
// compressed-tensors float-quantized, modelopt, fbgemm): the weight as it is.
var scaledFloat = packing{
	name: "fp8", keys: []string{"weight"},
	aux: []string{"weight_scale_inv", "weight_scale", "scale", "input_scale", "activation_scale", "k_scale", "v_scale", "weight_scale_2", "output_scale"},
	explain: func(m *module, w *widths) *packed {
		q := m.get("weight")
		if !q.is(fp8...) {
			return nil
		}
		if q.rank() < 2 {
			return exactly(q, q.elements(), 8)
		}
		return wholeBytes(q, w)
	},
}

// scaledInt8: eight-bit integers with scales (compressed-tensors int-quantized and
// naive-quantized, SmoothQuant): the weight as it is.
var scaledInt8 = packing{
	name: "int8", keys: []string{"weight"},
	aux: []string{"weight_scale", "weight_zero_point", "input_scale", "input_zero_point"},
	explain: func(m *module, w *widths) *packed {
		q, scale := m.get("weight"), m.get("weight_scale")
		if !q.is(pipeline.I8) || scale == nil {
			return nil
		}
		return wholeBytes(q, w)
	},
}

// deepseekFP4: DeepSeek's four-bit experts: I8 [out, in/2] beside F8_E8M0 scales
// [out, in/32]; nothing but the scales tells it from eight bits.
var deepseekFP4 = packing{
	name: "fp4", keys: []string{"weight"}, aux: []string{"scale"},
	explain: func(m *module, w *widths) *packed {
		q, scale := m.get("weight"), m.get("scale")
		if !q.is(pipeline.I8, pipeline.U8) || !scale.is(pipeline.F8E8M0) || scale.rows() != q.rows() || scale.dim(-1) == 0 {
			return nil
		}
		switch group := mul(q.dim(-1), 2) / scale.dim(-1); group {
		case 32, 16:
			return exactly(q, mul(q.elements(), 2), 4)
		case 64:
			return between(q, q.elements(), mul(q.elements(), 2), mul(q.elements(), 2), 0, "the scales fit eight bits in groups of 32 and four in groups of 64")
		}
		return nil
	},
}

// nvfp4Pack: compressed-tensors nvfp4-pack-quantized.
var nvfp4Pack = packing{
	name: "nvfp4", keys: []string{"weight_packed", "_weight_packed"},
	aux: []string{"weight_scale", "weight_global_scale", "input_global_scale", "_weight_scale"},
	explain: func(m *module, _ *widths) *packed {
		return grouped(m.any("weight_packed", "_weight_packed"), m.any("weight_scale", "_weight_scale"), 16, fp8...)
	},
}

// mxfp4Pack: compressed-tensors mxfp4-pack-quantized.
var mxfp4Pack = packing{
	name: "mxfp4", keys: []string{"weight_packed", "_weight_packed"},
	aux: []string{"weight_scale", "_weight_scale"},
	explain: func(m *module, _ *widths) *packed {
		return grouped(m.any("weight_packed", "_weight_packed"), m.any("weight_scale", "_weight_scale"), 32, pipeline.U8, pipeline.F8E8M0)
	},
}

// modeloptNVFP4: NVIDIA modelopt: the weight keeps its name, as bytes.
var modeloptNVFP4 = packing{
	name: "nvfp4", keys: []string{"weight"},
	aux:     []string{"weight_scale", "weight_scale_2", "input_scale", "pre_quant_scale"},
	explain: func(m *module, _ *widths) *packed { return grouped(m.get("weight"), m.get("weight_scale"), 16, fp8...) },
}

// grouped weighs bytes of two parameters with a scale for each group of a row.
func grouped(q, scale *part, group uint64, scaleTypes ...pipeline.DType) *packed {
	if !q.is(pipeline.U8) || !scale.is(scaleTypes...) || q.rank() < 2 || scale.rows() != q.rows() || mul(scale.dim(-1), group) != mul(q.dim(-1), 2) {
		return nil
	}
	return exactly(q, mul(q.elements(), 2), 4)
}

// modeloptINT4: NVIDIA modelopt INT4_AWQ and W4A8: two rows share a byte, so the
// scales have twice the rows.
var modeloptINT4 = packing{
	name: "int4-awq", keys: []string{"weight"},
	aux: []string{"weight_scale", "weight_scale_2", "input_scale", "pre_quant_scale"},
	explain: func(m *module, _ *widths) *packed {
		q, scale := m.get("weight"), m.get("weight_scale")
		if !q.is(pipeline.U8) || q.rank() != 2 || scale.rank() != 2 || scale.dim(0) != mul(q.dim(0), 2) {
			return nil
		}
		return exactly(q, mul(q.elements(), 2), 4)
	},
}

// bitnet: BitNet in transformers: four rows share a byte, with one scale.
var bitnet = packing{
	name: "bitnet", keys: []string{"weight"}, aux: []string{"weight_scale"},
	explain: func(m *module, w *widths) *packed {
		q, scale := m.get("weight"), m.get("weight_scale")
		if !q.is(pipeline.U8) || q.rank() != 2 || scale.elements() != 1 {
			return nil
		}
		n := mul(q.elements(), 4)
		if w.fits(q.dim(1), mul(q.dim(0), 4)) {
			return exactly(q, n, 2)
		}
		return between(q, q.elements(), n, capacity(q), 2, "no side is a width that the model's norms show, so each byte may hold eight parameters")
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

// nunchaku: SVDQuant: qweight I8 [out, in/2] or I32 [out/4, in/2], with low-rank parts
// that count as they are.
var nunchaku = packing{
	name: "svdquant", keys: []string{"wscales"},
	aux: []string{"wscales", "wcscales", "wtscale", "smooth_factor", "smooth_factor_orig", "smooth", "smooth_orig"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("qweight"), m.get("wscales")
		switch {
		case q.is(pipeline.I8) && q.rank() == 2 && (scales.dim(1) == q.dim(0) || scales.dim(0) == q.dim(0)):
			return exactly(q, mul(q.elements(), 2), 4)
		case q.is(pipeline.I32) && q.rank() == 2:
			return exactly(q, mul(q.elements(), 8), 4)
		}
		return nil
	},
}

// exl2: ExLlamaV2: the inverse permutation has the true input width.
var exl2 = packing{
	name: "exl2", keys: []string{"q_weight"},
	aux: []string{"q_invperm", "q_perm", "q_scale", "q_scale_max", "q_groups", "q_group_map"},
	explain: func(m *module, _ *widths) *packed {
		q, perm := m.get("q_weight"), m.any("q_invperm", "q_perm")
		if !q.is(pipeline.I32) || q.rank() != 2 {
			return nil
		}
		if perm.rank() == 1 && perm.dim(0) > 0 {
			return exactly(q, mul(perm.dim(0), q.dim(1)), 0)
		}
		return between(q, mul(q.elements(), 4), mul(q.elements(), 8), mul(q.elements(), 16), 0, "nothing tells the input width; two to eight bits a parameter are possible")
	},
}

// exl3: ExLlamaV3: tiles of 16 by 16, [in/16, out/16, 16*K] words of 16 bits.
var exl3 = packing{
	name: "exl3", keys: []string{"trellis"},
	aux: []string{"suh", "svh", "su", "sv", "mcg", "mul1", "mcg_multiplier", "mul1_multiplier"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("trellis")
		if !q.is(pipeline.I16, pipeline.U16) || q.rank() != 3 {
			return nil
		}
		n := mul(256, q.dim(0), q.dim(1))
		if in, out := m.get("suh"), m.get("svh"); in.rank() == 1 && out.rank() == 1 && mul(in.dim(0), out.dim(0)) != n {
			return between(q, 0, max(n, mul(in.dim(0), out.dim(0))), capacity(q), 0, "the tiles and the sign vectors disagree")
		}
		return exactly(q, n, q.dim(2)/16)
	},
}

// quipSharp: QuIP#: sign vectors have the true sides.
var quipSharp = packing{
	name: "quip-sharp", keys: []string{"Qidxs", "Qidxs_0"},
	aux: []string{"SU", "SV", "Wscale", "codebook_id", "scaleWH", "ocs_*", "Qidxs_1", "Qidxs_2"},
	explain: func(m *module, _ *widths) *packed {
		q, in, out := m.any("Qidxs", "Qidxs_0"), m.get("SU"), m.get("SV")
		if in.rank() != 1 || out.rank() != 1 {
			return between(q, 0, mul(q.tensor.Bytes(), 4), capacity(q), 0, "the sign vectors are missing")
		}
		return exactly(q, mul(in.dim(0), out.dim(0)), 0)
	},
}

// aqlm: AQLM: codes [out/o, in/i, K] into codebooks [K, 2^b, o, i].
var aqlm = packing{
	name: "aqlm", keys: []string{"codes"}, aux: []string{"codebooks", "scales"},
	explain: func(m *module, _ *widths) *packed {
		codes, books := m.get("codes"), m.get("codebooks")
		if codes.rank() != 3 || books.rank() != 4 {
			return nil
		}
		return exactly(codes, mul(codes.dim(0), codes.dim(1), books.dim(2), books.dim(3)), 0)
	},
}

// vptq: VPTQ: the true shape is in the config only, so the bytes bound it.
var vptq = packing{
	name: "vptq", keys: []string{"indices"},
	aux: []string{"centroids.weight", "res_centroids.weight", "perm", "weight_scale", "weight_bias", "outlier_*"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("indices")
		if m.get("centroids.weight") == nil {
			return nil
		}
		return between(q, 0, mul(q.tensor.Bytes(), 4), capacity(q), 0, "the true shape is not in the header, so each byte may hold eight parameters")
	},
}

// spqr: SpQR: only the input width is in the header.
var spqr = packing{
	name: "spqr", keys: []string{"dense_weights"},
	aux: []string{"row_offsets", "col_vals", "in_perm"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("dense_weights")
		return between(q, 0, mul(q.tensor.Bytes(), 2), capacity(q), 0, "the true shape is not in the header, so each byte may hold eight parameters")
	},
}

// dfloat11: DFloat11: BF16 with its exponents coded: one byte of sign and mantissa for
// each parameter.
var dfloat11 = packing{
	name: "dfloat11", keys: []string{"sign_mantissa"},
	aux: []string{"luts", "gaps", "output_positions", "split_positions"},
	explain: func(m *module, _ *widths) *packed {
		q, exponent := m.get("sign_mantissa"), m.get("encoded_exponent")
		if !q.is(pipeline.U8) || !exponent.is(pipeline.U8) {
			return nil
		}
		got := exactly(q, q.elements(), 11)
		if got != nil {
			got.also = exponent
		}
		return got
	},
}
