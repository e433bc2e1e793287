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
			if blocks := absmax.elements(); blocks > 0 && n <= mul(blocks, block) && n > mul(blocks-1, block) && w.isFlat() {
				return flat(w, n, 4)
			}
		}
		return between(w, w.elements(), n, "absmax does not fit four bits at any block size, so each byte may hold eight parameters")
	},
}

// bnbInt8: bitsandbytes, eight bits: the weight as it is, one scale a row.
var bnbInt8 = packing{
	name: "bitsandbytes-8bit", keys: []string{"SCB"},
	aux: []string{"SCB", "weight_format"},
	explain: func(m *module, _ *widths) *packed {
		weight, scb := m.get("weight"), m.get("SCB")
		if !weight.is(pipeline.I8) || scb.elements() != weight.dim(0) {
			return nil
		}
		return wholeBytes(weight)
	},
}

// wholeBytes weighs a weight of one byte each, which holds if its inputs are as wide
// as they are elsewhere in the model: else two halves may share a byte.
func wholeBytes(weight *part) *packed {
	in, out := weight.dim(-1), weight.dim(-2)
	if weight.rank() > 3 { // a convolution: [out, in, kernel...]
		in, out = weight.dim(1), weight.dim(0)
	}
	if weight.rank() < 2 {
		in = weight.elements()
	}
	return claim(weight, weight.elements(), 8, in, out)
}
