package weight

import "weighbridge/pipeline"

// mostBits is how many bits a parameter of a packing has at most. A claim of more
// leaves bytes unexplained.
const mostBits = 8

// within returns the claim where it explains all bytes of the weight at one to eight
// bits a parameter, and else what the bytes bound.
func (g *packed) within() *packed {
	if g == nil {
		return nil
	}
	all, n := g.capacity(), g.adds.estimate
	g.bits = (all + n - 1) / n
	if g.bits <= mostBits {
		return g
	}
	loose := between(g.weight, 0, n, "the sides that its siblings claim leave bytes over, each of which may hold eight parameters")
	loose.also = g.also
	loose.adds.upper = max(loose.adds.upper, all)
	return loose
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
			// Its bits differ between rows, so the other matrices settle nothing.
			got := claim(q, mul(perm.dim(0), q.dim(1)), 0, perm.dim(0), q.dim(1)).within()
			got.bits = 0
			return got
		}
		return between(q, mul(q.elements(), 4), mul(q.elements(), 8), "nothing tells the input width, so each byte may hold eight parameters")
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
			return between(q, 0, max(n, mul(in.dim(0), out.dim(0))), "the tiles and the sign vectors disagree, so each byte may hold eight parameters")
		}
		return claim(q, n, 0, mul(16, q.dim(0)), mul(16, q.dim(1))).within()
	},
}

// quipSharp: QuIP#: sign vectors have the true sides.
var quipSharp = packing{
	name: "quip-sharp", keys: []string{"Qidxs", "Qidxs_0"},
	aux: []string{"SU", "SV", "Wscale", "codebook_id", "scaleWH", "ocs_*"},
	explain: func(m *module, _ *widths) *packed {
		q, in, out := m.any("Qidxs", "Qidxs_0"), m.get("SU"), m.get("SV")
		if in.rank() != 1 || out.rank() != 1 {
			return between(q, 0, mul(q.tensor.Bytes(), 4), "the sign vectors are missing, so each byte may hold eight parameters")
		}
		got := claim(q, mul(in.dim(0), out.dim(0)), 0, in.dim(0), out.dim(0))
		if got == nil {
			return nil
		}
		for _, leaf := range []string{"Qidxs_1", "Qidxs_2"} {
			if p := m.get(leaf); p != nil && p != q {
				got.also = append(got.also, p)
			}
		}
		return got.within()
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
		in, out := mul(codes.dim(1), books.dim(3)), mul(codes.dim(0), books.dim(2))
		return claim(codes, mul(in, out), 0, in, out).within()
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
		return between(q, 0, mul(q.tensor.Bytes(), 4), "the true shape is not in the header, so each byte may hold eight parameters")
	},
}

// spqr: SpQR: only the input width is in the header.
var spqr = packing{
	name: "spqr", keys: []string{"dense_weights"},
	aux: []string{"row_offsets", "col_vals", "in_perm"},
	explain: func(m *module, _ *widths) *packed {
		q := m.get("dense_weights")
		return between(q, 0, mul(q.tensor.Bytes(), 2), "the true shape is not in the header, so each byte may hold eight parameters")
	},
}
