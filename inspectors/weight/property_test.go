package weight_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
)

// anyModel draws a small decoder and how it is packed.
func anyModel(t *rapid.T) (model, layout) {
	all := append(layouts(), layout{name: "plain", write: asIs})
	l := rapid.SampledFrom(all).Draw(t, "layout")
	return l.of(), l
}

// anyConfig draws a configuration that says what it likes.
func anyConfig(t *rapid.T) pipeline.Config {
	bits := rapid.SampledFrom([]string{"0", "1", "2", "3", "4", "8", "16", "32", "64", "-4", "1e300", "\"4\"", "null"})
	methods := rapid.SampledFrom([]string{"gptq", "awq", "bitsandbytes", "fp8", "mxfp4", "compressed-tensors", "none", ""})
	c := config(t, fmt.Sprintf(`{"tie_word_embeddings": %v, "num_hidden_layers": %s, "total_parameters": %s, "bits": %s, "load_in_4bit": %v, "architectures": ["LlamaForCausalLM"],
		"num_experts_per_tok": %s, "modules_to_not_convert": ["model"], "expert_dtype": "fp4", "quantization": {"bits": %s, "group_size": 64},
		"quantization_config": {"quant_method": %q, "bits": %s, "modules_to_not_convert": ["lm_head", "model.layers"], "ignore": ["re:.*"], "load_in_8bit": %v,
			"config_groups": {"group_0": {"weights": {"num_bits": %s}}}}}`,
		rapid.Bool().Draw(t, "tie"), bits.Draw(t, "layers"), bits.Draw(t, "total"), bits.Draw(t, "top bits"), rapid.Bool().Draw(t, "four"), bits.Draw(t, "experts"),
		bits.Draw(t, "mlx"), methods.Draw(t, "method"), bits.Draw(t, "bits"), rapid.Bool().Draw(t, "eight"), bits.Draw(t, "group bits")))
	c.Adapter = rapid.IntRange(0, 5).Draw(t, "adapter") == 0
	return c
}

func requireAtLeast(t require.TestingT, least, got pipeline.Params) {
	at := func(name string, a, b *int64) {
		if b != nil { // unknown is more than any number
			require.NotNil(t, a, name)
			require.GreaterOrEqual(t, *b, *a, name)
		}
	}
	at("lower", least.Lower, got.Lower)
	at("estimate", least.Estimate, got.Estimate)
	at("upper", least.Upper, got.Upper)
	at("effective lower", least.EffectiveLower, got.EffectiveLower)
	at("effective estimate", least.EffectiveEstimate, got.EffectiveEstimate)
	at("effective upper", least.EffectiveUpper, got.EffectiveUpper)
}

// What an artifact says of itself raises an end or leaves it.
func TestProperty_DeclarationsNeverLower(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, l := anyModel(t)
		family := rapid.SampledFrom([]string{"llama", "falcon", "gpt2"}).Draw(t, "family")
		table := func() *pipeline.Table { return file("model.safetensors", m.pack(l.write)...) }
		bare := weigh(t, []*pipeline.Table{table()}, nil, architecture(family, 6))
		said := table()
		said.Metadata = map[string]string{"total_parameters": rapid.SampledFrom([]string{"0", "1", "-1", "150", "99999999999", "1e9", "x"}).Draw(t, "metadata"),
			"quantization_config": `{"bits": 8}`, "format": "pt"}
		var configs []pipeline.Config
		for range rapid.IntRange(0, 2).Draw(t, "configs") {
			configs = append(configs, anyConfig(t))
		}
		prepare := []func(*pipeline.FactSet){architecture(family, 6)}
		if rapid.Bool().Draw(t, "declared") {
			n := rapid.SampledFrom([]int64{0, 1, 150, 20_000_000_000}).Draw(t, "declared count")
			prepare = append(prepare, func(f *pipeline.FactSet) { f.Set("params.declared", n, pipeline.BasisDeclared) })
		}
		got := weigh(t, []*pipeline.Table{said}, configs, prepare...)
		require.NotNil(t, got.Params.Upper)
		requireAtLeast(t, bare.Params, got.Params)
	})
}

// A config that declares fewer bits than the shapes show raises the upper end, and that is said.
func TestDeclaredBits(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	tests := []struct {
		name, config string
		write        func(linear) []tensor
		raised       bool
	}{
		{"eight shown, four declared", `{"quantization_config": {"quant_method": "gptq", "bits": 4}}`, gptqWith(8, i32, 128, true, true), true},
		{"four shown, four declared", `{"quantization_config": {"quant_method": "gptq", "bits": 4}}`, gptqWith(4, i32, 128, true, true), false},
		{"four shown, eight declared", `{"quantization_config": {"quant_method": "gptq", "bits": 8}}`, gptqWith(4, i32, 128, true, true), false},
		{"fp8 shown, three declared by a group", `{"quantization_config": {"config_groups": {"a": {"weights": {"num_bits": 3}}}}}`, func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".weight_scale", f32)}
		}, true},
		{"plain, four declared", `{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}}`, asIs, true},
		{"plain, nothing declared", `{}`, asIs, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(tt.write)...)}, []pipeline.Config{config(t, tt.config)})
			require.Equal(t, m.parameters(), *f.Params.Estimate)
			require.Equal(t, tt.raised, *f.Params.Upper > m.parameters())
			require.Equal(t, tt.raised, len(f.Params.WidenedBy) > 0)
			if tt.raised || strings.Contains(tt.name, "eight declared") {
				require.NotEmpty(t, f.Quantization.Contradictions)
			} else {
				require.Empty(t, f.Quantization.Contradictions)
			}
		})
	}
}

// permuted returns the tensors in another order, under other names, cut into other files.
func permuted(t *rapid.T, tensors []tensor, rename bool) []*pipeline.Table {
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 1))
	out := slices.Clone(tensors)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	files := rapid.IntRange(1, 4).Draw(t, "files")
	shards := make([][]tensor, files)
	for i, x := range out {
		if rename {
			x.Name = fmt.Sprintf("t%x", r.Uint64())
		}
		shards[i%files] = append(shards[i%files], x)
	}
	var tables []*pipeline.Table
	for i, s := range shards {
		tables = append(tables, file(fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, files), s...))
	}
	return tables
}

// A plain model weighs the same whatever its tensors are called, in whatever order and
// files they lie.
func TestProperty_PlainNamesOrderFiles(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	rapid.Check(t, func(t *rapid.T) {
		requireExact(t, m.parameters(), weigh(t, permuted(t, m.pack(asIs), true), nil))
	})
}

// Nor do other shapes change what is proven or likely. Upper may rise, where a large
// tensor no longer looks like a matrix of the model: a long row, or sides that are no
// width of its norms.
func TestProperty_PlainShapes(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	rapid.Check(t, func(t *rapid.T) {
		tensors := m.pack(asIs)
		rowsOnly := rapid.Bool().Draw(t, "rows only")
		for i, x := range tensors {
			n, _ := x.Elements()
			switch how := rapid.IntRange(0, 4).Draw(t, "how"); {
			case len(x.Shape) == 1 && rowsOnly, how == 0:
			case rowsOnly && how == 1:
				tensors[i].Shape = []uint64{n / usual.hidden / 2, 2, usual.hidden}
				if n/usual.hidden%2 != 0 {
					tensors[i].Shape = []uint64{1, n / usual.hidden, usual.hidden}
				}
			case rowsOnly:
				tensors[i].Shape = []uint64{usual.hidden, 1, n / usual.hidden, 1}
			case how == 1:
				tensors[i].Shape = []uint64{n}
			case how == 2:
				tensors[i].Shape = []uint64{1, n, 1}
			default:
				d := rapid.SampledFrom([]uint64{2, 4, 8, 16, 32, 64}).Draw(t, "by")
				if n%d == 0 {
					tensors[i].Shape = []uint64{d, n / d}
				}
			}
		}
		f := weigh(t, permuted(t, tensors, true), nil)
		require.Equal(t, m.parameters(), *f.Params.Lower)
		require.Equal(t, m.parameters(), *f.Params.Estimate)
		require.GreaterOrEqual(t, *f.Params.Upper, m.parameters())
		if rowsOnly {
			require.Equal(t, m.parameters(), *f.Params.Upper, f.Params.WidenedBy)
		}
		require.GreaterOrEqual(t, *f.Params.Estimate*2, stored(tensors)) // never below half the bytes of bf16
	})
}

// Renaming or dropping what serves a packed weight makes a model heavier, not lighter.
func TestProperty_PackedSiblings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, l := anyModel(t)
		tensors := m.pack(func(x linear) []tensor {
			var left []tensor
			written := l.write(x)
			for _, part := range written {
				main := isWeight(part, written)
				if !main && rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
					continue
				}
				if main && part.DType.Bits() >= 16 && part.DType.Class() == pipeline.ClassFloat {
					left = append(left, part) // a container of floats is told by its name where it is small
					continue
				}
				switch rapid.IntRange(0, 5).Draw(t, "rename") {
				case 0:
					part.Name = "other." + part.Name
				case 1:
					part.Name += "_"
				case 2:
					if !main {
						part.Name = part.Name[:strings.LastIndexByte(part.Name, '.')+1] + "weight_scale"
					}
				}
				left = append(left, part)
			}
			return left
		})
		f := weigh(t, permuted(t, distinct(tensors), false), nil)
		require.NotNil(t, f.Params.Upper)
		require.GreaterOrEqual(t, *f.Params.Upper, m.parameters(), l.name)
		require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
	})
}

// isWeight tells the tensors of a packed matrix that hold its weights: the largest, and the
// mask of a sparse one.
func isWeight(x tensor, all []tensor) bool {
	for _, other := range all {
		if bytes(other) > bytes(x) {
			return strings.Contains(x.Name, "bitmask")
		}
	}
	return true
}

func bytes(x tensor) uint64 {
	n, _ := x.Elements()
	return n * x.DType.Bits()
}

func distinct(tensors []tensor) []tensor {
	seen := map[string]bool{}
	var out []tensor
	for _, x := range tensors {
		for seen[x.Name] {
			x.Name += "x"
		}
		seen[x.Name] = true
		out = append(out, x)
	}
	return out
}

// Queries, keys and values in one matrix, or cut into pieces, weigh the same.
func TestProperty_SplitProjections(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := decoder(usual)
		l := rapid.SampledFrom([]layout{{write: asIs}, {write: mlx(4, 64)}, {write: gptqWith(4, i32, 128, true, true)}, {write: bnb4(u8, true)}, {write: packed(4, 128, false)},
			{write: two(".weight_packed", u8, ".weight_scale", f8, 16)}}).Draw(t, "layout")
		var cut []linear
		for i, x := range m.linears {
			pieces := rapid.SampledFrom([]uint64{1, 2, 4}).Draw(t, "pieces")
			for k := range pieces {
				cut = append(cut, linear{fmt.Sprintf("model.layers.%d.m%d.p%d", i/7, i, k), x.out / pieces, x.in, 0})
			}
		}
		want := m.parameters()
		m.linears = cut
		f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(l.write)...)}, nil)
		require.GreaterOrEqual(t, *f.Params.Upper, want)
		require.LessOrEqual(t, *f.Params.Lower, want)
	})
}

// Buffers under other names count. Weights under the names of buffers must have their
// shapes too.
func TestProperty_Buffers(t *testing.T) {
	t.Parallel()
	all, want := neox(u8)
	rapid.Check(t, func(t *rapid.T) {
		tensors := slices.Clone(all)
		lost := int64(0)
		for i, x := range tensors {
			if rapid.IntRange(0, 20).Draw(t, "rename") > 0 {
				continue
			}
			as := rapid.SampledFrom([]string{".attention.bias", "x", ".position_ids", ".masked_bias", ".running_mean"}).Draw(t, "as")
			tensors[i].Name += as
			if as == ".running_mean" && len(x.Shape) == 1 {
				lost += int64(x.Shape[0])
			}
		}
		f := weigh(t, []*pipeline.Table{file("model.safetensors", tensors...)}, nil, architecture("gpt-neox", 44))
		require.GreaterOrEqual(t, *f.Params.Upper, want-lost)
		require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
	})
}
