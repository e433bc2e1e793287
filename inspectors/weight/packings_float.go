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
	if !values.is(pipeline.U8) || !scales.is(pipeline.U8, pipeline.F8E8M0) || values.rank() < 2 || scales.rank() != values.rank()-1 || values.dim(-1) != 16 {
		return nil
	}
	for i := range scales.rank() {
		if scales.dim(i) != values.dim(i) {
			return nil
		}
	}
	return claim(values, mul(values.elements(), 2), 4, mul(values.dim(-2), 32), values.dim(-3))
}

// fp8 are the types of eight-bit weights.
var fp8 = []pipeline.DType{pipeline.F8E4M3, pipeline.F8E5M2, pipeline.F8E4M3FNUZ, pipeline.F8E5M2FNUZ}

// scaledFloat: eight-bit floats with scales for a tensor, a row or a block (DeepSeek-V3,
// compressed-tensors float-quantized and mxfp8, modelopt, fbgemm): the weight as it is.
var scaledFloat = packing{
	name: "fp8", keys: []string{"weight"},
	aux: []string{"weight_scale_inv", "weight_scale", "scale", "input_scale", "activation_scale", "k_scale", "v_scale", "weight_scale_2", "output_scale"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("weight")
		if !q.is(fp8...) {
			return nil
		}
		return wholeBytes(q)
	},
}

// scaledInt8: eight-bit integers with scales (compressed-tensors int-quantized and
// naive-quantized, SmoothQuant): the weight as it is.
var scaledInt8 = packing{
	name: "int8", keys: []string{"weight"},
	aux: []string{"weight_scale", "weight_zero_point", "input_scale", "input_zero_point"},
	explain: func(m *module, _ *widths) *packed {
		q, scale := m.get("weight"), m.get("weight_scale")
		if !q.is(pipeline.I8) || scale == nil {
			return nil
		}
		return wholeBytes(q)
	},
}

// deepseekFP4: DeepSeek's four-bit experts: I8 [out, in/2] beside F8_E8M0 scales
// [out, in/32]; nothing but the scales tells it from eight bits.
var deepseekFP4 = packing{
	name: "fp4", keys: []string{"weight"}, aux: []string{"scale"},
	explain: func(m *module, _ *widths) *packed {
		return grouped(m.get("weight"), m.get("scale"), 32, pipeline.F8E8M0)
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
	if !q.is(pipeline.U8, pipeline.I8) || !scale.is(scaleTypes...) || q.rank() < 2 || scale.rows() != q.rows() || mul(scale.dim(-1), group) != mul(q.dim(-1), 2) {
		return nil
	}
	return claim(q, mul(q.elements(), 2), 4, mul(q.dim(-1), 2), q.dim(-2))
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
		return claim(q, mul(q.elements(), 2), 4, scale.dim(0), q.dim(1))
	},
}

// bitnet: BitNet in transformers: four rows share a byte, with one scale.
var bitnet = packing{
	name: "bitnet", keys: []string{"weight"}, aux: []string{"weight_scale"},
	explain: func(m *module, _ *widths) *packed {
		q, scale := m.get("weight"), m.get("weight_scale")
		if !q.is(pipeline.U8) || q.rank() != 2 || scale.elements() != 1 {
			return nil
		}
		return claim(q, mul(q.elements(), 4), 2, mul(q.dim(0), 4), q.dim(1))
	},
}
