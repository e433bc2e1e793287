package weight

import "weighbridge/pipeline"

// gptq: GPTQ in its versions (GPTQModel, qlinear): rows pack the inputs, so
// qweight is [in*b/32, out] and scales [in/g, out]. g_idx has the true input width;
// the zero points tell the bits, too.
var gptq = packing{
	name: "gptq", keys: []string{"qweight"},
	aux: []string{"qzeros", "scales", "g_idx"},
	explain: func(m *module, w *widths) *packed {
		q, scales, zeros, idx := m.get("qweight"), m.get("scales"), m.get("qzeros"), m.get("g_idx")
		c := containerBits(q)
		if c == 0 || q.rank() != 2 || scales.rank() != 2 || scales.dim(1) != q.dim(1) || q.elements() == 0 {
			return nil
		}
		out, column := q.dim(1), mul(c, q.dim(0)) // bits of a column
		byIndex, byZeros := uint64(0), uint64(0)
		if idx.rank() == 1 && idx.dim(0) > 0 {
			byIndex = column / idx.dim(0)
		}
		if zeros.rank() == 2 {
			byZeros = mul(containerBits(zeros), zeros.dim(1)) / out // qzeros is [in/g, out*b/32]
		}
		switch {
		case byIndex >= 1 && byIndex <= 8 && (byZeros == 0 || byZeros == byIndex) && column-mul(byIndex, idx.dim(0)) < c:
			return claim(q, mul(idx.dim(0), out), byIndex, idx.dim(0), out)
		case idx == nil && byZeros >= 1 && byZeros <= 8:
			return claim(q, mul(column/byZeros, out), byZeros, column/byZeros, out)
		case byIndex != 0 || byZeros != 0:
			return between(q, mul(column/8, out), mul(column/4, out), "g_idx, the zero points and the packed rows disagree on the bits, so each byte may hold eight parameters")
		}
		return w.choose("gptq", q, []uint64{2, 3, 4, 8}, out, out, func(b uint64) uint64 { return column / b })
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
		out := scales.dim(1)
		b := mul(c, q.dim(1)) / max(out, 1)
		if b < 2 || b > 8 || mul(b, out) != mul(c, q.dim(1)) || scales.dim(0) > q.dim(0) {
			return nil
		}
		return claim(q, mul(q.dim(0), out), b, out, q.dim(0))
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
			return claim(q, mul(q.elements(), 8), 4, mul(q.dim(1), 8), q.dim(0))
		case q.is(pipeline.I16) && q.rank() == 2 && scales.rank() == 2 && scales.dim(1) == mul(q.dim(0), 4):
			return claim(q, mul(q.elements(), 4), 4, scales.dim(1), q.dim(1))
		}
		return nil
	},
}

// marlin: the Marlin kernels' tiles (GPTQModel, AutoAWQ, QQQ): [in/16, out*16*b/32].
var marlin = packing{
	name: "marlin", keys: []string{"qweight", "B"},
	aux: []string{"scales", "s", "s_group", "s_channel", "workspace", "qzeros", "g_idx", "g_idx_sort_indices", "B_meta"},
	explain: func(m *module, _ *widths) *packed {
		q := m.any("qweight", "B")
		if !q.is(pipeline.I32) || q.rank() != 2 {
			return nil
		}
		for _, leaf := range []string{"scales", "s", "s_channel", "s_group"} {
			scales := m.get(leaf)
			if scales.rank() != 2 || scales.dim(1) == 0 {
				continue
			}
			out := scales.dim(1)
			if b := mul(q.dim(1), 2) / out; b >= 2 && b <= 8 && mul(b, out) == mul(q.dim(1), 2) {
				return claim(q, mul(q.dim(0), 16, out), b, out, mul(q.dim(0), 16))
			}
		}
		return nil
	},
}

// rawBlocks: blocks of another format in a byte tensor (GPTQModel gguf, sdnq): only
// the bytes bound it.
var rawBlocks = packing{
	name: "raw-blocks", keys: []string{"qweight"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("qweight")
		if !q.is(pipeline.U8, pipeline.I8) {
			return nil
		}
		return between(q, 0, q.elements(), "the blocks are of a layout that nothing here tells, so each byte may hold eight parameters")
	},
}
