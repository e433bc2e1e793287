package weight

import "weighbridge/pipeline"

// packQuantized: compressed-tensors pack-quantized: weight_packed I32
// [.., out, ceil(in*b/32)], dense across words, beside scales [.., out, groups]. The
// last word of a row may be padded, so the width that the model shows elsewhere is
// taken before the one that the words could hold.
var packQuantized = packing{
	name: "pack-quantized", keys: []string{"weight_packed", "_weight_packed"},
	aux: []string{"weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_global_scale", "_weight_scale", "_weight_shape", "weight_global_scale", "input_scale"},
	explain: func(m *module, w *widths) *packed {
		q, scale := m.any("weight_packed", "_weight_packed"), m.any("weight_scale", "_weight_scale")
		if !q.is(pipeline.I32) || q.rank() < 2 || scale == nil || q.elements() == 0 {
			return nil
		}
		words, rows := q.dim(-1), q.rows()
		if idx := m.get("weight_g_idx"); idx.rank() == 1 && idx.dim(0) > 0 {
			in := idx.dim(0)
			if b := mul(32, words) / in; b >= 1 && b <= 8 && wordsFor(in, b) == words {
				return claim(q, mul(rows, in), b, in, q.dim(-2))
			}
		}
		groups := uint64(1)
		if scale.rows() == rows {
			groups = scale.dim(-1)
		}
		return w.choose("pack-quantized", q, []uint64{1, 2, 3, 4, 5, 6, 7, 8}, rows, q.dim(-2), func(b uint64) uint64 {
			return w.rowLength(words, b, groups)
		})
	},
}

// wordsFor returns how many words of 32 bits n values of b bits take.
func wordsFor(n, b uint64) uint64 { return (mul(n, b) + 31) / 32 }

// rowLength returns how long a row is that takes so many words at b bits and has so
// many groups: a width of the model where one fits, else the longest that does; 0
// where the groups have no size that packers use.
func (w *widths) rowLength(words, b, groups uint64) uint64 {
	longest := mul(32, words) / b
	shortest := mul(32, words-1)/b + 1
	fits := func(n uint64) bool {
		return n >= shortest && n <= longest && (groups <= 1 || (n%groups == 0 && isGroup(n/groups)))
	}
	if fits(w.hidden) {
		return w.hidden
	}
	// One word holds at most 32 values, so the lengths to try are few.
	for n := longest; n >= shortest && n > 0; n-- {
		if fits(n) && (w.known[n] || w.shown[n] > 0) {
			return n
		}
	}
	for n := longest; n >= shortest && n > 0; n-- {
		if fits(n) {
			return n
		}
	}
	return 0
}

// isGroup reports whether a group size is one that packers use.
func isGroup(size uint64) bool { return size >= 16 && size <= 1024 && size&(size-1) == 0 }

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
		return between(q, mul(q.elements(), 8), mul(q.elements(), 16), "nothing tells how many bits a parameter has, so each byte may hold eight")
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

// masked weighs what a mask marks, if the mask is as wide as the model.
func masked(values, mask *part) *packed {
	if values == nil || !mask.is(pipeline.U8) || mask.rank() < 2 || mask.elements() == 0 {
		return nil
	}
	n, b := mul(mask.elements(), 8), values.tensor.DType.Bits()
	if n < values.elements() { // a mask shorter than what it masks explains nothing
		return nil
	}
	if values.tensor.DType.Class() != pipeline.ClassFloat && !values.is(pipeline.I8) {
		return between(values, n, n, "the values behind the mask may share their bytes, so each byte may hold eight parameters")
	}
	got := claim(values, n, b, mul(mask.dim(-1), 8), mask.dim(-2))
	got.also = []*part{mask}
	return got
}
