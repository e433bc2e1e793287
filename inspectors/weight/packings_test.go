package weight_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// layout writes a matrix as a project stores it: names, dtypes and shapes by the
// layout's own definition (counting.md section 2).
type layout struct {
	name, scheme string
	write        func(linear) []tensor
	// open is true where headers do not settle the count.
	open bool
	// sizes are the model's, where the usual ones do not suit.
	sizes *sizes
	stack bool
}

const (
	u8, i8, i16, i32, i64, u32 = pipeline.U8, pipeline.I8, pipeline.I16, pipeline.I32, pipeline.I64, pipeline.U32
	f16, bf16, f32             = pipeline.F16, pipeline.BF16, pipeline.F32
	f8, e8                     = pipeline.F8E4M3, pipeline.F8E8M0
)

// bnb4 packs two weights a byte into any container.
func bnb4(container pipeline.DType, nested bool) func(linear) []tensor {
	return func(l linear) []tensor {
		n, w := l.parameters(), l.name+".weight"
		out := []tensor{tensorOf(w, container, n/2/(container.Bits()/8), 1), tensorOf(w+".quant_map", f32, 16), tensorOf(w+".quant_state.bitsandbytes__nf4", u8, 89)}
		if nested {
			return append(out, tensorOf(w+".absmax", u8, ceil(n, 64)), tensorOf(w+".nested_absmax", f32, ceil(ceil(n, 64), 256)), tensorOf(w+".nested_quant_map", f32, 256))
		}
		return append(out, tensorOf(w+".absmax", f32, ceil(n, 64)))
	}
}

func gptqWith(bits uint64, container pipeline.DType, group uint64, index, zeros bool) func(linear) []tensor {
	return func(l linear) []tensor {
		c := container.Bits()
		g := group
		if g == 0 {
			g = l.in
		}
		out := []tensor{tensorOf(l.name+".qweight", container, ceil(l.in*bits, c), l.out), tensorOf(l.name+".scales", f16, ceil(l.in, g), l.out)}
		if zeros {
			out = append(out, tensorOf(l.name+".qzeros", container, ceil(l.in, g), l.out*bits/c))
		}
		if index {
			out = append(out, tensorOf(l.name+".g_idx", i32, l.in))
		}
		return out
	}
}

func packed(bits, group uint64, index bool) func(linear) []tensor {
	return func(l linear) []tensor {
		groups := uint64(1)
		if group != 0 {
			groups = l.in / group
		}
		shape, scale := []uint64{l.out, ceil(l.in*bits, 32)}, []uint64{l.out, groups}
		if l.stack > 0 {
			shape, scale = append([]uint64{l.stack}, shape...), append([]uint64{l.stack}, scale...)
		}
		out := []tensor{tensorOf(l.name+".weight_packed", i32, shape...), tensorOf(l.name+".weight_scale", bf16, scale...), tensorOf(l.name+".weight_shape", i64, uint64(len(shape)))}
		if index {
			out = append(out, tensorOf(l.name+".weight_g_idx", i32, l.in))
		}
		return out
	}
}

func mlx(bits, group uint64) func(linear) []tensor {
	return func(l linear) []tensor {
		w, s := []uint64{l.out, l.in * bits / 32}, []uint64{l.out, l.in / group}
		if l.stack > 0 {
			w, s = append([]uint64{l.stack}, w...), append([]uint64{l.stack}, s...)
		}
		return []tensor{tensorOf(l.name+".weight", u32, w...), tensorOf(l.name+".scales", bf16, s...), tensorOf(l.name+".biases", bf16, s...)}
	}
}

func mlxFloat(bits, group uint64) func(linear) []tensor {
	return func(l linear) []tensor {
		return []tensor{tensorOf(l.name+".weight", u32, l.out, l.in*bits/32), tensorOf(l.name+".scales", u8, l.out, l.in/group)}
	}
}

// two makes a layout of one matrix of bytes with a scale for each group of a row.
func two(weight string, d pipeline.DType, scale string, s pipeline.DType, group uint64, more ...string) func(linear) []tensor {
	return func(l linear) []tensor {
		out := []tensor{tensorOf(l.name+weight, d, l.out, l.in/2), tensorOf(l.name+scale, s, l.out, l.in/group)}
		for _, name := range more {
			out = append(out, tensorOf(l.name+name, f32))
		}
		return out
	}
}

// odd has sides that fill no whole words.
var odd = &sizes{layers: 6, hidden: 1000, query: 1100, keyValue: 300, inner: 2710, vocabulary: 5003}

func layouts() []layout {
	all := []layout{
		{name: "fp8 blocks of DeepSeek", scheme: "fp8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".weight_scale_inv", f32, ceil(l.out, 128), ceil(l.in, 128))}
		}},
		{name: "fp8 blocks converted, E8M0", scheme: "fp8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".scale", e8, ceil(l.out, 128), ceil(l.in, 128))}
		}},
		{name: "fp8 of one scale", scheme: "fp8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".weight_scale", f32), tensorOf(l.name+".input_scale", f32), tensorOf(l.name+".k_scale", f32)}
		}},
		{name: "fp8 of a scale a row", scheme: "fp8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", pipeline.F8E5M2, l.out, l.in), tensorOf(l.name+".weight_scale", bf16, l.out, 1)}
		}},
		{name: "mxfp8", scheme: "fp8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".weight_scale", u8, l.out, l.in/32)}
		}},
		{name: "bnb4 U8 nested", scheme: "bitsandbytes-4bit", write: bnb4(u8, true)},
		{name: "bnb4 U8", scheme: "bitsandbytes-4bit", write: bnb4(u8, false)},
		{name: "bnb4 BF16", scheme: "bitsandbytes-4bit", write: bnb4(bf16, true)},
		{name: "bnb4 F16", scheme: "bitsandbytes-4bit", write: bnb4(f16, false)},
		{name: "bnb4 F32", scheme: "bitsandbytes-4bit", write: bnb4(f32, true)},
		{name: "bnb8", scheme: "bitsandbytes-8bit", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", i8, l.out, l.in), tensorOf(l.name+".SCB", f32, l.out), tensorOf(l.name+".weight_format", u8)}
		}},
		{name: "AWQ GEMM", scheme: "awq", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i32, l.in, l.out/8), tensorOf(l.name+".qzeros", i32, l.in/128, l.out/8), tensorOf(l.name+".scales", f16, l.in/128, l.out)}
		}},
		{name: "AWQ GEMV", scheme: "awq-gemv", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i32, l.out, l.in/8), tensorOf(l.name+".qzeros", i32, l.out, ceil(l.in/128, 8)), tensorOf(l.name+".scales", f16, l.out, ceil(l.in/128, 8)*8)}
		}},
		{name: "AWQ GEMV fast", scheme: "awq-gemv", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i16, l.out/4, l.in), tensorOf(l.name+".qzeros", f16, l.in/128, l.out), tensorOf(l.name+".scales", f16, l.in/128, l.out)}
		}},
		{name: "Marlin", scheme: "marlin", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i32, l.in/16, l.out*2), tensorOf(l.name+".scales", f16, l.in/128, l.out), tensorOf(l.name+".workspace", i32, l.out/128*16)}
		}},
		{name: "Marlin of eight bits", scheme: "marlin", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", i32, l.in/16, l.out*4), tensorOf(l.name+".scales", f16, 1, l.out)}
		}},
		{name: "QQQ", scheme: "marlin", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".B", i32, l.in/16, l.out*2), tensorOf(l.name+".s_channel", f32, 1, l.out), tensorOf(l.name+".s_group", f16, l.in/128, l.out), tensorOf(l.name+".workspace", i32, l.out/128*16)}
		}},
		{name: "nvfp4-pack", scheme: "nvfp4", write: two(".weight_packed", u8, ".weight_scale", f8, 16, ".weight_global_scale", ".input_global_scale")},
		{name: "mxfp4-pack", scheme: "mxfp4", write: two(".weight_packed", u8, ".weight_scale", u8, 32)},
		{name: "modelopt NVFP4", scheme: "nvfp4", write: two(".weight", u8, ".weight_scale", f8, 16, ".weight_scale_2", ".input_scale")},
		{name: "torchao NVFP4", scheme: "torchao", write: two("._weight_qdata", u8, "._weight_scale", f8, 16, "._weight_per_tensor_scale")},
		{name: "DeepSeek-V4 experts", scheme: "fp4", write: two(".weight", i8, ".scale", e8, 32)},
		{name: "modelopt INT4", scheme: "int4-awq", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", u8, l.out/2, l.in), tensorOf(l.name+".weight_scale", f32, l.out, l.in/128), tensorOf(l.name+".pre_quant_scale", f16, l.in)}
		}},
		{name: "CT int-quantized", scheme: "int8", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", i8, l.out, l.in), tensorOf(l.name+".weight_scale", bf16, l.out, 1)}
		}},
		{name: "CT sparse-24-bitmask", scheme: "sparse-24-bitmask", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".compressed", bf16, l.out, l.in/2), tensorOf(l.name+".bitmask", u8, l.out, l.in/8), tensorOf(l.name+".shape", i64, 2)}
		}},
		{name: "CT sparse-24-bitmask of fp8", scheme: "sparse-24-bitmask", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".compressed", f8, l.out, l.in/2), tensorOf(l.name+".bitmask", u8, l.out, l.in/8), tensorOf(l.name+".shape", i64, 2), tensorOf(l.name+".weight_scale", f32, l.out, 1)}
		}},
		{name: "CT sparse-bitmask", scheme: "sparse-bitmask", write: func(l linear) []tensor {
			w := l.name + ".weight."
			return []tensor{tensorOf(w+"compressed", bf16, l.parameters()*3/7), tensorOf(w+"bitmask", u8, l.out, l.in/8), tensorOf(w+"shape", i64, 2), tensorOf(w+"row_offsets", i64, l.out)}
		}},
		{name: "CT marlin-24", scheme: "marlin-24", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight_packed", i32, l.in/32, l.out*2), tensorOf(l.name+".scale_packed", f16, l.in/128, l.out), tensorOf(l.name+".meta", i16, l.in/32, l.out*2)}
		}},
		{name: "gpt-oss original", scheme: "mxfp4", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"_weight.blocks", u8, l.out, l.in/32, 16), tensorOf(l.name+"_weight.scales", u8, l.out, l.in/32)}
		}},
		{name: "gpt-oss in transformers", scheme: "mxfp4", stack: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"_blocks", u8, l.stack, l.out, l.in/32, 16), tensorOf(l.name+"_scales", u8, l.stack, l.out, l.in/32)}
		}},
		{name: "MLX mxfp4", scheme: "mlx-float", write: mlxFloat(4, 32)},
		{name: "MLX nvfp4", scheme: "mlx-float", write: mlxFloat(4, 16)},
		{name: "MLX mxfp8", scheme: "mlx-float", write: mlxFloat(8, 32)},
		{name: "HQQ 3 bits", scheme: "hqq", open: true, write: func(l linear) []tensor {
			n := l.parameters()
			return append([]tensor{tensorOf(l.name+".W_q", i32, ceil(n/64, 10), 64)}, hqqAside(l)...)
		}},
		{name: "quanto int8", scheme: "quanto", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight._data", i8, l.out, l.in), tensorOf(l.name+".weight._scale", bf16, l.out, 1), tensorOf(l.name+".input_scale", bf16), tensorOf(l.name+".output_scale", bf16)}
		}},
		{name: "quanto fp8", scheme: "quanto", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight._data", f8, l.out, l.in), tensorOf(l.name+".weight._scale", bf16, l.out, 1)}
		}},
		{name: "torchao Int4", scheme: "torchao", write: two("._weight_qdata", u8, "._weight_scale", bf16, 128, "._weight_zero_point")},
		{name: "torchao Int4 tiles", scheme: "torchao", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"._weight_qdata", i32, l.out/8, l.in/128, 32, 4), tensorOf(l.name+"._weight_scale_and_zero", bf16, l.in/128, l.out, 2)}
		}},
		{name: "torchao Int8", scheme: "torchao", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"._weight_qdata", i8, l.out, l.in), tensorOf(l.name+"._weight_scale", f32, l.out, 1)}
		}},
		{name: "torchao Float8", scheme: "torchao", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+"._weight_qdata", f8, l.out, l.in), tensorOf(l.name+"._weight_scale", f32, l.out, 1)}
		}},
		{name: "EXL2", scheme: "exl2", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".q_weight", i32, l.in*5/64, l.out), tensorOf(l.name+".q_invperm", i32, l.in), tensorOf(l.name+".q_scale", i32, l.in/128, l.out/8),
				tensorOf(l.name+".q_scale_max", f16, l.in/128), tensorOf(l.name+".q_groups", i16, l.in/64)}
		}},
		{name: "EXL2 without permutation", scheme: "exl2", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".q_weight", i32, l.in*5/64, l.out), tensorOf(l.name+".q_scale", i32, l.in/128, l.out/8), tensorOf(l.name+".q_scale_max", f16, l.in/128), tensorOf(l.name+".q_groups", i16, l.in/64)}
		}},
		{name: "QuIP#", scheme: "quip-sharp", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".Qidxs", i64, l.out/16, l.in/64, 8, 4), tensorOf(l.name+".SU", f16, l.in), tensorOf(l.name+".SV", f16, l.out), tensorOf(l.name+".Wscale", f32), tensorOf(l.name+".codebook_id", i64)}
		}},
		{name: "AQLM 2x8", scheme: "aqlm", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".codes", i8, l.out, l.in/8, 2), tensorOf(l.name+".codebooks", f16, 2, 256, 1, 8), tensorOf(l.name+".scales", f16, l.out, 1, 1, 1)}
		}},
		{name: "AQLM 1x12", scheme: "aqlm", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".codes", i16, l.out, l.in/8, 1), tensorOf(l.name+".codebooks", f16, 1, 4096, 1, 8), tensorOf(l.name+".scales", f16, l.out, 1, 1, 1)}
		}},
		{name: "VPTQ", scheme: "vptq", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".indices", i32, 1, l.out/8, l.in/2), tensorOf(l.name+".centroids.weight", bf16, 1, 4096*8), tensorOf(l.name+".weight_scale", bf16, l.in), tensorOf(l.name+".perm", i16, l.in)}
		}},
		{name: "VPTQ as floats", scheme: "vptq", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".indices", bf16, 1, l.out/8, l.in), tensorOf(l.name+".centroids.weight", bf16, 1, 4096*8)}
		}},
		{name: "SpQR", scheme: "spqr", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".dense_weights", i64, l.parameters()/16), tensorOf(l.name+".row_offsets", i32, l.out+1), tensorOf(l.name+".col_vals", i32, l.parameters()/100), tensorOf(l.name+".in_perm", i16, l.in)}
		}},
		{name: "BitNet", scheme: "bitnet", write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", u8, l.out/4, l.in), tensorOf(l.name+".weight_scale", bf16, 1)}
		}},
		{name: "FP-Quant MXFP4", scheme: "fp-quant", write: two(".qweight", u8, ".scales", u8, 32, ".weight_global_scale", ".act_global_scale")},
		{name: "FP-Quant NVFP4", scheme: "fp-quant", write: two(".qweight", u8, ".scales", u8, 16, ".weight_global_scale", ".act_global_scale")},
		{name: "DFloat11", scheme: "dfloat11", write: func(l linear) []tensor {
			n := l.parameters()
			return []tensor{tensorOf(l.name+".sign_mantissa", u8, n), tensorOf(l.name+".encoded_exponent", u8, n/3), tensorOf(l.name+".luts", u8, 6, 256), tensorOf(l.name+".gaps", u8, n/3/8*5/64), tensorOf(l.name+".output_positions", u32, n/4096), tensorOf(l.name+".split_positions", i64, 3)}
		}},
		{name: "raw GGUF blocks", scheme: "raw-blocks", open: true, write: func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".qweight", u8, l.out, l.in/32*18)}
		}},
		{name: "pack-quantized 3-D", scheme: "pack-quantized", stack: true, write: packed(4, 32, false)},
		{name: "MLX 3-D", scheme: "mlx-affine", stack: true, write: mlx(4, 64)},
		{name: "pack-quantized, odd sides, 3 bits", scheme: "pack-quantized", sizes: odd, write: packed(3, 0, false)},
		{name: "pack-quantized, odd sides, 6 bits, index", scheme: "pack-quantized", sizes: odd, write: packed(6, 0, true)},
		{name: "GPTQ, odd sides, 4 bits, index", scheme: "gptq", sizes: odd, write: gptqWith(4, i32, 0, true, false)},
	}
	for _, bits := range []uint64{2, 3, 4, 8} {
		for container, name := range map[pipeline.DType]string{i8: "I8", i16: "I16", i32: "I32", i64: "I64"} {
			if bits == 3 && container != i32 {
				continue
			}
			all = append(all, layout{name: fmt.Sprintf("GPTQ %d bits in %s", bits, name), scheme: "gptq", write: gptqWith(bits, container, 128, true, true)})
		}
		all = append(all,
			layout{name: fmt.Sprintf("GPTQ %d bits without index", bits), scheme: "gptq", write: gptqWith(bits, i32, 64, false, true)},
			layout{name: fmt.Sprintf("GPTQ %d bits without index and zeros", bits), scheme: "gptq", write: gptqWith(bits, i32, 128, false, false)},
			layout{name: fmt.Sprintf("GPTQ %d bits, one group", bits), scheme: "gptq", write: gptqWith(bits, i32, 0, true, true)})
	}
	for _, bits := range []uint64{1, 2, 3, 4, 5, 6, 7, 8} {
		all = append(all,
			layout{name: fmt.Sprintf("pack-quantized %d bits", bits), scheme: "pack-quantized", write: packed(bits, 128, false)},
			layout{name: fmt.Sprintf("pack-quantized %d bits, a scale a row", bits), scheme: "pack-quantized", write: packed(bits, 0, false)},
			layout{name: fmt.Sprintf("pack-quantized %d bits, index", bits), scheme: "pack-quantized", write: packed(bits, 32, true)})
		if bits >= 2 {
			all = append(all, layout{name: fmt.Sprintf("EXL3 %d bits", bits), scheme: "exl3", write: func(l linear) []tensor {
				return []tensor{tensorOf(l.name+".trellis", i16, l.in/16, l.out/16, 16*bits), tensorOf(l.name+".suh", f16, l.in), tensorOf(l.name+".svh", f16, l.out), tensorOf(l.name+".mcg", i32)}
			}})
		}
	}
	for _, bits := range []uint64{2, 3, 4, 5, 6, 8} {
		for _, group := range []uint64{32, 64, 128} {
			all = append(all, layout{name: fmt.Sprintf("MLX %d bits in groups of %d", bits, group), scheme: "mlx-affine", write: mlx(bits, group)})
		}
	}
	for _, bits := range []uint64{1, 2, 4, 8} {
		all = append(all,
			layout{name: fmt.Sprintf("HQQ %d bits", bits), scheme: "hqq", open: true, write: func(l linear) []tensor {
				return append([]tensor{tensorOf(l.name+".W_q", u8, l.parameters()/64*bits/8, 64)}, hqqAside(l)...)
			}},
			layout{name: fmt.Sprintf("HQQ %d bits as floats", bits), scheme: "hqq", open: true, write: func(l linear) []tensor {
				return append([]tensor{tensorOf(l.name+".W_q", bf16, l.parameters()/64*bits/16, 64)}, hqqAside(l)...)
			}})
	}
	for _, bits := range []uint64{2, 4} {
		all = append(all, layout{name: fmt.Sprintf("quanto %d bits", bits), scheme: "quanto", open: true, write: func(l linear) []tensor {
			w := l.name + ".weight."
			return []tensor{tensorOf(w+"_data._data", u8, 128*bits/8, l.parameters()/128), tensorOf(w+"_scale", bf16, 1, l.parameters()/128), tensorOf(w+"_shift", bf16, 1, l.parameters()/128)}
		}})
	}
	return all
}

func hqqAside(l linear) []tensor {
	n := l.parameters() / 64
	out := []tensor{tensorOf(l.name+".scale", f16, n, 1), tensorOf(l.name+".zero", f16, n, 1), tensorOf(l.name+".shape", i64, 2)}
	for _, name := range []string{"nbits", "group_size", "axis", "packing", "view_as_float", "channel_wise"} {
		out = append(out, tensorOf(l.name+"."+name, i32, 1))
	}
	return out
}

// of builds the model that a layout is tried on.
func (l layout) of() model {
	if l.stack {
		return mixture(usual, 8)
	}
	if l.sizes != nil {
		return decoder(*l.sizes)
	}
	return decoder(usual)
}

// mixture has stacked experts in place of the feed-forward part; attention stays as it is.
func mixture(s sizes, experts uint64) model {
	d := decoder(s)
	m := model{plain: d.plain}
	for _, l := range d.linears {
		m.plain = append(m.plain, asIs(l)...)
	}
	for i := range s.layers {
		l := fmt.Sprintf("model.layers.%d.mlp.experts.", i)
		m.linears = append(m.linears, linear{l + "gate_up_proj", 2 * s.inner, s.hidden, experts}, linear{l + "down_proj", s.hidden, s.inner, experts})
	}
	return m
}

func TestPackings(t *testing.T) {
	t.Parallel()
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			m := l.of()
			f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(l.write)...)}, nil)
			require.Equal(t, l.scheme, *f.Quantization.Scheme)
			if l.open {
				requireWithin(t, m.parameters(), f)
				require.NotEmpty(t, f.Params.WidenedBy)
			} else {
				requireExact(t, m.parameters(), f)
				require.Empty(t, f.Params.WidenedBy)
			}
			requireParts(t, f)
		})
	}
}

// The siblings of a weight lie in any shard of its set.
func TestPackings_AcrossShards(t *testing.T) {
	t.Parallel()
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			m := l.of()
			shards := make([][]tensor, 3)
			for i, x := range m.pack(l.write) {
				shards[i%3] = append(shards[i%3], x)
			}
			f := weigh(t, []*pipeline.Table{file("model-00001-of-00003.safetensors", shards[0]...), file("model-00002-of-00003.safetensors", shards[1]...),
				file("model-00003-of-00003.safetensors", shards[2]...)}, nil)
			if l.open {
				requireWithin(t, m.parameters(), f)
			} else {
				requireExact(t, m.parameters(), f)
			}
		})
	}
}

// Low-rank parts that stay beside packed weights count as they are.
func TestPackings_LowRankPartsCount(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	rank := uint64(32)
	var extra int64
	tensors := m.pack(func(l linear) []tensor {
		extra += int64(rank * (l.in + l.out))
		return []tensor{tensorOf(l.name+".qweight", i8, l.out, l.in/2), tensorOf(l.name+".wscales", bf16, l.in/64, l.out), tensorOf(l.name+".smooth_factor", bf16, l.in),
			tensorOf(l.name+".smooth_factor_orig", bf16, l.in), tensorOf(l.name+".proj_down", bf16, l.in, rank), tensorOf(l.name+".proj_up", bf16, l.out, rank)}
	})
	f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil)
	require.Equal(t, "svdquant", *f.Quantization.Scheme)
	requireExact(t, m.parameters()+extra, f)

	tensors = m.pack(func(l linear) []tensor {
		return []tensor{tensorOf(l.name+".qweight", i32, l.out/4, l.in/2), tensorOf(l.name+".wscales", bf16, l.in/64, l.out),
			tensorOf(l.name+".proj_down", bf16, l.in, rank), tensorOf(l.name+".proj_up", bf16, l.out, rank)}
	})
	requireExact(t, m.parameters()+extra, weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil))

	tensors = m.pack(func(l linear) []tensor {
		return []tensor{tensorOf(l.name+".Qidxs", i16, l.out, l.in/8), tensorOf(l.name+".SU", f16, l.in), tensorOf(l.name+".SV", f16, l.out), tensorOf(l.name+".Wscale", f32),
			tensorOf(l.name+".A", bf16, l.out, rank), tensorOf(l.name+".B", bf16, rank, l.in)}
	})
	requireExact(t, m.parameters()+extra, weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil))
}
