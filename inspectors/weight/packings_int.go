package weight

import "weighbridge/pipeline"

// bnb4bit: bitsandbytes, four bits (bitsandbytes functional.py and _ops.py). The
// weight lies flat in any container as [n,1]; absmax has one value for each block.
var bnb4bit = packing{
	name: "bitsandbytes-4bit", keys: []string{"weight.absmax"},
	aux: []string{"weight.absmax", "weight.quant_map", "weight.nested_absmax", "weight.nested_quant_map", "weight.quant_state.*"},
	explain: func(m *module, _ *widths) *packed {
		w, absmax := m.get("weight"), m.get("weight.absmax")
		if w == nil || absmax == nil {
			return nil
		}
		n := mul(w.tensor.Bytes(), 2)
		for block := uint64(32); block <= 4096; block *= 2 {
			if blocks := absmax.elements(); blocks > 0 && n <= mul(blocks, block) && n > mul(blocks-1, block) {
				return exactly(w, n, 4)
			}
		}
		return between(w, w.elements(), n, capacity(w), 4, "absmax does not fit four bits at any block size, so each byte may hold eight parameters")
	},
}

// bnbInt8: bitsandbytes, eight bits: the weight as it is, one scale a row.
var bnbInt8 = packing{
	name: "bitsandbytes-8bit", keys: []string{"SCB"},
	aux: []string{"SCB", "weight_format"},
	explain: func(m *module, w *widths) *packed {
		weight, scb := m.get("weight"), m.get("SCB")
		if !weight.is(pipeline.I8) || scb.elements() != weight.dim(0) {
			return nil
		}
		return wholeBytes(weight, w)
	},
}

// wholeBytes weighs a weight of one byte each. Where neither side is a width of the
// model, two halves may share a byte.
func wholeBytes(weight *part, w *widths) *packed {
	n := weight.elements()
	if w.fits(weight.dim(-1), weight.dim(-2)) {
		return exactly(weight, n, 8)
	}
	return between(weight, n, n, capacity(weight), 8, "neither side is a width that the model's norms show, so a byte may hold more than one parameter")
}

// containerBits returns the size of a packing's integer container, 0 for others.
func containerBits(p *part) uint64 {
	if p == nil || p.tensor.DType.Class() != pipeline.ClassInteger {
		return 0
	}
	return p.tensor.DType.Bits()
}

// gptq: GPTQ in its versions (GPTQModel, qlinear): rows pack the inputs, so
// qweight is [in*b/32, out] and scales [in/g, out]. g_idx has the true input width;
// without it the zero points tell the bits.
var gptq = packing{
	name: "gptq", keys: []string{"qweight"},
	aux: []string{"qzeros", "scales", "g_idx"},
	explain: func(m *module, w *widths) *packed {
		q, scales, zeros, idx := m.get("qweight"), m.get("scales"), m.get("qzeros"), m.get("g_idx")
		c := containerBits(q)
		if c == 0 || q.rank() != 2 || scales.rank() != 2 || scales.dim(1) != q.dim(1) {
			return nil
		}
		out, rows := q.dim(1), q.dim(0)
		if idx.rank() == 1 && idx.dim(0) > 0 {
			in := idx.dim(0)
			if b := mul(c, rows) / in; b >= 1 && b <= 8 && mul(b, in) <= mul(c, rows) {
				return exactly(q, mul(in, out), b)
			}
		}
		if zeros.rank() == 2 && out > 0 {
			// qzeros is [in/g, out*b/32].
			if b := mul(containerBits(zeros), zeros.dim(1)) / out; b >= 1 && b <= 8 {
				return exactly(q, mul(mul(c, rows)/b, out), b)
			}
		}
		return w.resolve(q, []uint64{2, 3, 4, 8}, mul(c, rows), out)
	},
}

// awqGEMM: AutoAWQ GEMM: columns pack the outputs, so qweight is [in, out/8].
var awqGEMM = packing{
	name: "awq", keys: []string{"qweight"},
	aux: []string{"qzeros", "scales"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("qweight"), m.get("scales")
		c := containerBits(q)
		if c == 0 || q.rank() != 2 || scales.rank() != 2 || q.dim(1) == 0 {
			return nil
		}
		b := mul(c, q.dim(1)) / max(scales.dim(1), 1)
		if b < 2 || b > 8 || mul(b, scales.dim(1)) != mul(c, q.dim(1)) || scales.dim(0) > q.dim(0) {
			return nil
		}
		return exactly(q, mul(q.dim(0), scales.dim(1)), b)
	},
}

// awqGEMV: AutoAWQ GEMV, [out, in/8] in 32 bits, and GEMV fast, [out/4, in] in 16.
var awqGEMV = packing{
	name: "awq-gemv", keys: []string{"qweight"},
	aux: []string{"qzeros", "scales"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("qweight"), m.get("scales")
		switch {
		case q.is(pipeline.I32) && q.rank() == 2 && scales.rank() == 2 && scales.dim(0) == q.dim(0):
			return exactly(q, mul(q.elements(), 8), 4)
		case q.is(pipeline.I16) && q.rank() == 2 && scales.rank() == 2 && scales.dim(1) == mul(q.dim(0), 4):
			return exactly(q, mul(q.elements(), 4), 4)
		}
		return nil
	},
}

// marlin: the Marlin kernels' tiles (GPTQModel, AutoAWQ, QQQ): [in/16, out*16*b/32].
var marlin = packing{
	name: "marlin", keys: []string{"qweight", "B"},
	aux: []string{"scales", "s", "s_group", "s_channel", "workspace", "qzeros", "g_idx", "g_idx_sort_indices", "B_meta"},
	explain: func(m *module, w *widths) *packed {
		q, scales := m.any("qweight", "B"), m.any("scales", "s", "s_group", "s_channel")
		if !q.is(pipeline.I32) || q.rank() != 2 || scales.rank() != 2 || scales.dim(1) == 0 {
			return nil
		}
		out := scales.dim(1)
		b := mul(q.dim(1), 2) / out
		if b < 1 || b > 8 || mul(b, out) != mul(q.dim(1), 2) {
			return nil
		}
		return exactly(q, mul(q.dim(0), 16, out), b)
	},
}

// rawBlocks: blocks of another format in a byte tensor (GPTQModel gguf, sdnq): only
// the bytes bound it.
var rawBlocks = packing{
	name: "raw-blocks", keys: []string{"qweight"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("qweight")
		if !q.is(pipeline.U8, pipeline.I8) || len(m.parts) > 2 {
			return nil
		}
		return between(q, 0, q.elements(), capacity(q), 0, "the blocks are of a layout that nothing here tells, so each byte may hold eight parameters")
	},
}

// packQuantized: compressed-tensors pack-quantized: weight_packed I32
// [.., out, ceil(in*b/32)], dense across words, beside scales [.., out, groups].
var packQuantized = packing{
	name: "pack-quantized", keys: []string{"weight_packed", "_weight_packed"},
	aux: []string{"weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_global_scale", "_weight_scale", "_weight_shape", "weight_global_scale", "input_scale"},
	explain: func(m *module, w *widths) *packed {
		q, scale := m.any("weight_packed", "_weight_packed"), m.any("weight_scale", "_weight_scale")
		if !q.is(pipeline.I32) || q.rank() < 2 || scale == nil {
			return nil
		}
		if idx := m.get("weight_g_idx"); idx.rank() == 1 && idx.dim(0) > 0 {
			if b := mul(32, q.dim(-1)) / idx.dim(0); b >= 1 && b <= 8 {
				return exactly(q, mul(q.rows(), idx.dim(0)), b)
			}
		}
		groups := scale.dim(-1)
		var fit []uint64
		for _, b := range []uint64{2, 3, 4, 8} {
			in := mul(32, q.dim(-1)) / b
			if groups > 0 && in%groups == 0 && isGroup(in/groups, groups) {
				fit = append(fit, b)
			}
		}
		if len(fit) == 0 {
			fit = []uint64{1, 8}
		}
		return w.resolve(q, fit, mul(32, q.dim(-1)), q.rows())
	},
}

// isGroup reports whether a group size is one that packers use; one group is the whole
// row.
func isGroup(size, groups uint64) bool {
	return groups == 1 || (size >= 16 && size <= 1024 && size&(size-1) == 0)
}

// resolve weighs a matrix of rows that hold rowBits bits each, at one of the candidate
// bit widths, smallest first. The hidden size decides where it fits one only.
func (w *widths) resolve(q *part, candidates []uint64, rowBits, rows uint64) *packed {
	if len(candidates) == 1 {
		return exactly(q, mul(rows, rowBits/candidates[0]), candidates[0])
	}
	var matched []uint64
	for _, b := range candidates {
		if w.hidden > 0 && rowBits/b == w.hidden {
			matched = append(matched, b)
		}
	}
	if len(matched) == 0 && w.decided != 0 {
		for _, b := range candidates {
			if b == w.decided {
				matched = append(matched, b)
			}
		}
	}
	if len(matched) == 1 {
		w.votes[matched[0]]++
		return exactly(q, mul(rows, rowBits/matched[0]), matched[0])
	}
	smallest, largest := candidates[0], candidates[len(candidates)-1]
	return between(q, mul(rows, rowBits/largest), mul(rows, rowBits/smallest), mul(rows, rowBits/smallest), 0,
		"nothing tells how many bits a parameter has, so the fewest are taken")
}

// marlin24: compressed-tensors marlin-24: 2:4 sparse, so half of the weights are
// stored.
var marlin24 = packing{
	name: "marlin-24", keys: []string{"meta"},
	aux: []string{"scale_packed", "meta", "weight_shape"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("weight_packed")
		if !q.is(pipeline.I32) || m.get("scale_packed") == nil {
			return nil
		}
		return between(q, mul(q.elements(), 8), mul(q.elements(), 16), mul(q.elements(), 32), 4, "nothing tells how many bits a parameter has")
	},
}

// sparse24: compressed-tensors sparse-24-bitmask: the mask has one bit for each
// weight of the dense shape.
var sparse24 = packing{
	name: "sparse-24-bitmask", keys: []string{"compressed"},
	aux:     []string{"bitmask", "shape", "row_offsets", "weight_scale"},
	explain: func(m *module, _ *widths) *packed { return masked(m.get("compressed"), m.get("bitmask")) },
}

// sparseBitmask: compressed-tensors sparse-bitmask, below the weight's name.
var sparseBitmask = packing{
	name: "sparse-bitmask", keys: []string{"weight.compressed"},
	aux:     []string{"weight.bitmask", "weight.shape", "weight.row_offsets"},
	explain: func(m *module, _ *widths) *packed { return masked(m.get("weight.compressed"), m.get("weight.bitmask")) },
}

func masked(values, mask *part) *packed {
	if values == nil || !mask.is(pipeline.U8) || mask.elements() == 0 {
		return nil
	}
	n := mul(mask.elements(), 8)
	if n < values.elements() {
		return nil // a mask shorter than what it masks explains nothing
	}
	return exactly(values, n, values.tensor.DType.Bits())
}

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
		return between(q, bytes, mul(bytes, 2), capacity(q), 0, "the bits of a parameter are in a tensor's values, which are not read; one to eight are possible")
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
		return between(q, mul(q.elements(), 2), mul(q.elements(), 2), mul(q.elements(), 4), 4, "a byte holds two parameters of four bits or four of two")
	},
}

// quanto: optimum-quanto at eight bits: the weight as it is.
var quanto = packing{
	name: "quanto", keys: []string{"weight._data"},
	aux: []string{"weight._scale", "input_scale", "output_scale"},
	explain: func(m *module, w *widths) *packed {
		q := m.get("weight._data")
		if m.get("weight._scale") == nil {
			return nil
		}
		if q.is(pipeline.F8E4M3, pipeline.F8E5M2, pipeline.F8E4M3FNUZ, pipeline.F8E5M2FNUZ) {
			return exactly(q, q.elements(), 8)
		}
		if q.is(pipeline.I8) {
			return wholeBytes(q, w)
		}
		return nil
	},
}

// torchao: torchao's flattened subclasses; the dtype tells how many share an element.
var torchao = packing{
	name: "torchao", keys: []string{"_weight_qdata"},
	aux: []string{"_weight_scale", "_weight_zero_point", "_weight_act_pre_scale", "_weight_per_tensor_scale"},
	explain: func(m *module, w *widths) *packed {
		q := m.get("_weight_qdata")
		switch {
		case m.prefixed("_weight_scale") == nil:
			return nil
		case q.is(pipeline.U8):
			return between(q, mul(q.elements(), 2), mul(q.elements(), 2), mul(q.elements(), 2), 4, "")
		case q.is(pipeline.I32):
			return exactly(q, mul(q.elements(), 8), 4)
		case q.is(pipeline.I8):
			return wholeBytes(q, w)
		case q.tensor.DType.Class() == pipeline.ClassFloat:
			return exactly(q, q.elements(), q.tensor.DType.Bits())
		}
		return nil
	},
}

// mlxAffine: MLX affine quantisation (mlx ops.cpp): weight U32 [.., out, in*b/32] with
// scales and biases [.., out, in/g]. Bits times group size is known, bits alone not.
var mlxAffine = packing{
	name: "mlx-affine", keys: []string{"scales"},
	aux: []string{"scales", "biases"},
	explain: func(m *module, w *widths) *packed {
		q, scales, biases := m.get("weight"), m.get("scales"), m.get("biases")
		if !q.is(pipeline.U32) || q.rank() < 2 || scales == nil || biases == nil || scales.rows() != q.rows() || scales.dim(-1) == 0 {
			return nil
		}
		both := mul(32, q.dim(-1)) / scales.dim(-1) // bits times group size
		var fit []uint64
		for _, b := range []uint64{2, 3, 4, 5, 6, 8} {
			for _, g := range []uint64{32, 64, 128} {
				if b*g == both {
					fit = append(fit, b)
				}
			}
		}
		if len(fit) == 0 {
			return nil
		}
		return w.resolve(q, fit, mul(32, q.dim(-1)), q.rows())
	},
}

// mlxFloat: MLX mxfp4, nvfp4 and mxfp8: scales of one byte, no biases; the ratio of
// words to scales tells which.
var mlxFloat = packing{
	name: "mlx-float", keys: []string{"scales"},
	aux: []string{"scales"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("weight"), m.get("scales")
		if !q.is(pipeline.U32) || !scales.is(pipeline.U8) || m.get("biases") != nil || scales.rows() != q.rows() || scales.dim(-1) == 0 || q.dim(-1)%scales.dim(-1) != 0 {
			return nil
		}
		switch q.dim(-1) / scales.dim(-1) {
		case 4, 2: // mxfp4, nvfp4
			return exactly(q, mul(q.elements(), 8), 4)
		case 8: // mxfp8
			return exactly(q, mul(q.elements(), 4), 8)
		}
		return nil
	},
}
