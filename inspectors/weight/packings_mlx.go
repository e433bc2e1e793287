package weight

import "weighbridge/pipeline"

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
		row := mul(32, q.dim(-1))
		return w.choose("mlx-affine", q, []uint64{2, 3, 4, 5, 6, 8}, q.rows(), q.dim(-2), func(b uint64) uint64 {
			for _, g := range []uint64{32, 64, 128} {
				if mul(b, g, scales.dim(-1)) == row {
					return row / b
				}
			}
			return 0
		})
	},
}

// mlxFloat: MLX mxfp4, nvfp4 and mxfp8: scales of one byte, no biases; the ratio of
// words to scales tells which.
var mlxFloat = packing{
	name: "mlx-float", keys: []string{"scales"},
	aux: []string{"scales"},
	explain: func(m *module, _ *widths) *packed {
		q, scales := m.get("weight"), m.get("scales")
		if !q.is(pipeline.U32) || !scales.is(pipeline.U8, pipeline.F8E8M0) || q.rank() < 2 || m.get("biases") != nil || scales.rows() != q.rows() || scales.dim(-1) == 0 || q.dim(-1)%scales.dim(-1) != 0 {
			return nil
		}
		switch q.dim(-1) / scales.dim(-1) {
		case 4, 2: // mxfp4, nvfp4
			return claim(q, mul(q.elements(), 8), 4, mul(q.dim(-1), 8), q.dim(-2))
		case 8: // mxfp8
			return claim(q, mul(q.elements(), 4), 8, mul(q.dim(-1), 4), q.dim(-2))
		}
		return nil
	},
}
