package weight_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// Siblings that claim more bits a weight than it has, so that it looks smaller. The
// bytes are those of four bits; upper must not fall below the truth unless the rest
// of the model bears the claim out.
func TestCheats_SiblingsThatClaimLess(t *testing.T) {
	t.Parallel()
	half := func(x tensor, dim int) tensor {
		x.Shape = append([]uint64{}, x.Shape...)
		x.Shape[dim] /= 2
		return x
	}
	double := func(x tensor, dim int) tensor {
		x.Shape = append([]uint64{}, x.Shape...)
		x.Shape[dim] *= 2
		return x
	}
	tests := []struct {
		name  string
		write func(linear) []tensor
		cheat func(x tensor) tensor
	}{
		{"GPTQ, g_idx of half the inputs", gptqWith(4, i32, 128, true, false), func(x tensor) tensor {
			if strings.HasSuffix(x.Name, "g_idx") {
				return half(x, 0)
			}
			return x
		}},
		{"GPTQ, g_idx of half and zeros of double", gptqWith(4, i32, 128, true, true), func(x tensor) tensor {
			switch {
			case strings.HasSuffix(x.Name, "g_idx"):
				return half(x, 0)
			case strings.HasSuffix(x.Name, "qzeros"):
				return double(x, 1)
			}
			return x
		}},
		{"GPTQ, zeros of double", gptqWith(4, i32, 128, false, true), func(x tensor) tensor {
			if strings.HasSuffix(x.Name, "qzeros") {
				return double(x, 1)
			}
			return x
		}},
		{"AWQ, scales of half the outputs", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i32, l.in, l.out/8), tensorOf(l.name+".scales", f16, l.in/128, l.out/2)}
		}, nil},
		{"EXL2, permutation of half", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".q_weight", i32, l.in/8, l.out), tensorOf(l.name+".q_invperm", i32, l.in/2)}
		}, nil},
		{"EXL3, half the tiles with double the bits", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".trellis", i16, l.in/32, l.out/16, 128), tensorOf(l.name+".suh", f16, l.in/2), tensorOf(l.name+".svh", f16, l.out)}
		}, nil},
		{"EXL3, tiles of hundreds of bits", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".trellis", i16, 1, l.out/16, l.in*4), tensorOf(l.name+".suh", f16, 16), tensorOf(l.name+".svh", f16, l.out)}
		}, nil},
		{"QuIP#, short sign vectors", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".Qidxs", i64, l.parameters()/32), tensorOf(l.name+".SU", f16, 64), tensorOf(l.name+".SV", f16, 64)}
		}, nil},
		{"AQLM, codebooks of single values", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".codes", i16, l.out, l.in/8, 2), tensorOf(l.name+".codebooks", f16, 2, 256, 1, 1)}
		}, nil},
		{"bnb, absmax too short", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", u8, l.parameters()/2, 1), tensorOf(l.name+".weight.absmax", f32, 16)}
		}, nil},
		{"bnb8 with halves in a byte", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", i8, l.out, l.in/2), tensorOf(l.name+".SCB", f32, l.out)}
		}, nil},
		{"fp8 with halves in a byte", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in/2), tensorOf(l.name+".weight_scale", f32)}
		}, nil},
		{"fp8 by another name", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".w", f8, l.out*4, l.in/8)}
		}, nil},
		{"int8 with halves in a byte", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", i8, l.out, l.in/2), tensorOf(l.name+".weight_scale", f32)}
		}, nil},
		{"quanto with halves in a byte", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight._data", i8, l.out, l.in/2), tensorOf(l.name+".weight._scale", f32)}
		}, nil},
		{"NVFP4 with a quarter in a byte", two(".weight_packed", u8, ".weight_scale", f8, 16), func(x tensor) tensor { return half(x, 1) }},
		{"MLX mxfp8 with halves", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", u32, l.out, l.in/8), tensorOf(l.name+".scales", u8, l.out, l.in/64)}
		}, nil},
		{"gpt-oss blocks with a quarter in a byte", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"_blocks", u8, l.out, l.in/64, 16), tensorOf(l.name+"_scales", u8, l.out, l.in/64)}
		}, nil},
		{"DFloat11 without exponents", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".sign_mantissa", u8, l.parameters()/2), tensorOf(l.name+".encoded_exponent", u8, 16), tensorOf(l.name+".luts", u8, 1)}
		}, nil},
		{"a mask of bytes that share", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".compressed", u8, l.out, l.in/2), tensorOf(l.name+".bitmask", u8, l.out, l.in/16)}
		}, nil},
		{"weights in a stack of scales", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, 64, 64), tensorOf(l.name+".weight_scale", f8, l.out, l.in/2)}
		}, nil},
		{"weights of one bit beside BitNet's scale", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", u8, l.out/8, l.in), tensorOf(l.name+".weight_scale", bf16, 1)}
		}, nil},
		{"floats that share", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", bf16, l.parameters()/4, 1)}
		}, nil},
		{"floats that share, as a matrix that fits nothing", func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", bf16, l.parameters()/4/1000, 1000)}
		}, nil},
	}
	// No half of a side is another side.
	big := sizes{layers: 6, hidden: 4096, query: 6144, keyValue: 1536, inner: 13312, vocabulary: 5003}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := decoder(big)
			tensors := m.pack(tt.write)
			if tt.cheat != nil {
				for i := range tensors {
					if strings.Contains(tensors[i].Name, "_proj") {
						tensors[i] = tt.cheat(tensors[i])
					}
				}
			}
			f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
			require.GreaterOrEqual(t, *f.Params.Upper, m.parameters(), f.Params.WidenedBy)
			require.NotEmpty(t, f.Params.WidenedBy)
		})
	}
}

// Only the projection behind the gate claims half of its inputs; the gate shows them
// openly.
func TestCheats_OneMatrixOfEachLayer(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	for _, suffix := range []string{"down_proj", "o_proj"} {
		tensors := m.pack(func(l linear) []tensor {
			honest := gptqWith(4, i32, 128, true, false)(l)
			if strings.HasSuffix(l.name, suffix) {
				honest[2].Shape = []uint64{l.in / 2}
			}
			return honest
		})
		f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
		require.GreaterOrEqual(t, *f.Params.Upper, m.parameters(), suffix)
	}
	// Two bits each, said to be four. (For o_proj the shapes bear this out: there are models
	// whose queries are twice as wide, with a gate in them.)
	tensors := m.pack(func(l linear) []tensor {
		if strings.HasSuffix(l.name, "down_proj") {
			l.in /= 2
		}
		return two(".weight_packed", u8, ".weight_scale", f8, 16)(l)
	})
	require.GreaterOrEqual(t, *weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil).Params.Upper, m.parameters())
}

// A decoy norm or matrix of the false width proves nothing.
func TestCheats_Decoys(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	tensors := m.pack(func(l linear) []tensor {
		honest := gptqWith(4, i32, 128, true, false)(l)
		honest[2].Shape = []uint64{l.in / 2}
		return honest
	})
	tensors = append(tensors, tensorOf("decoy.norm.weight", bf16, usual.hidden/2), tensorOf("decoy.a.weight", bf16, 1, usual.inner/2), tensorOf("decoy.b.weight", bf16, 1, usual.query/2))
	require.GreaterOrEqual(t, *weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil).Params.Upper, m.parameters())
}

// Whatever is named like a scale counts where it serves nothing, or is too large to.
func TestCheats_NamesOfAuxiliaries(t *testing.T) {
	t.Parallel()
	const n = 64 << 20
	for _, name := range []string{"weight_scale", "weight.absmax", "qzeros", "scales", "g_idx", "lora_A.weight", "optimizer.exp_avg", "ema.weight", "bias", "weight_scale_inv", "biases", "zero", "codebooks", "suh"} {
		for _, d := range []pipeline.DType{f32, bf16} {
			tensors := []tensor{tensorOf("model.layers.0.mlp.up_proj."+name, d, 8192, n/8192)}
			f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
			require.Equal(t, int64(n), *f.Params.Lower, name)
			// Beside a small weight it still counts.
			tensors = append(tensors, tensorOf("model.layers.0.mlp.up_proj.weight", f8, 4096, 4096), tensorOf("model.layers.0.mlp.up_proj.qweight", i32, 512, 4096))
			f = weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
			require.GreaterOrEqual(t, *f.Params.Lower, int64(n), name)
		}
		f := weigh(t, []*pipeline.Table{file("model.safetensors", tensorOf("model.layers.0.mlp.up_proj."+name, e8, 8192, n/8192))}, nil)
		require.Equal(t, int64(8*n), *f.Params.Upper, name)
	}
}

// Many small auxiliaries of one weight are not small together.
func TestCheats_ManyAuxiliaries(t *testing.T) {
	t.Parallel()
	tensors := []tensor{tensorOf("x.weight", u8, 1<<20, 1), tensorOf("x.weight.absmax", f32, 1<<15)}
	var hidden int64
	for i := range 300 {
		tensors = append(tensors, tensorOf("x.weight.quant_state."+strings.Repeat("a", i+1), f32, 1<<17))
		hidden += 1 << 17
	}
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
	require.GreaterOrEqual(t, *f.Params.Lower, hidden)
}
