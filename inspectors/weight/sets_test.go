package weight_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// cut parts tensors into files that are named by their number.
func cut(tensors []tensor, files int, name func(i int) string) []*pipeline.Table {
	shards := make([][]tensor, files)
	for i, x := range tensors {
		shards[i%files] = append(shards[i%files], x)
	}
	var tables []*pipeline.Table
	for i, s := range shards {
		tables = append(tables, file(name(i), s...))
	}
	return tables
}

func ofTotal(stem, sep string, total int) func(int) string {
	return func(i int) string { return fmt.Sprintf("%s%s%05d-of-%05d.safetensors", stem, sep, i+1, total) }
}

// Copies and variants: the largest set and the sum are both shown. What is proven is one
// of them, because headers do not show whether they are equal.
func TestSets_Duplicates(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	tensors := m.pack(asIs)
	wide := func(in []tensor) []tensor {
		out := make([]tensor, len(in))
		for i, x := range in {
			x.DType = f32
			out[i] = x
		}
		return out
	}
	tests := map[string][]*pipeline.Table{
		"variants":       {file("model.fp16.safetensors", tensors...), file("model.safetensors", wide(tensors)...)},
		"folders":        {file("fp16/model.safetensors", tensors...), file("model.safetensors", tensors...)},
		"consolidated":   append(cut(tensors, 3, ofTotal("model", "-", 3)), file("consolidated.safetensors", tensors...)),
		"two cuts":       append(cut(tensors, 2, ofTotal("model", "-", 2)), cut(tensors, 4, ofTotal("model", "-", 4))...),
		"ema":            {file("unet/model.safetensors", tensors...), file("unet_ema/model.safetensors", tensors...)},
		"of a mixed cut": append(cut(tensors, 2, ofTotal("model", "_", 2)), file("checkpoint-500/model.safetensors", tensors...)),
	}
	for name, tables := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := weigh(t, tables, nil)
			require.Equal(t, 2*m.parameters(), *f.Params.Estimate)
			require.Equal(t, 2*m.parameters(), *f.Params.Upper)
			require.Equal(t, m.parameters(), *f.Params.Lower)
			require.Equal(t, m.parameters(), *f.Params.LargestSet)
			require.Len(t, f.Params.Sets, 2)
			require.Empty(t, f.Params.Sets[0].SameAs)
			require.Equal(t, f.Params.Sets[0].Name, f.Params.Sets[1].SameAs)
			require.Zero(t, *f.Shards.Missing)
		})
	}
}

// Copies that training keeps are shown apart and counted.
func TestSets_TrainingCopies(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	var moments []tensor
	for _, x := range m.pack(asIs) {
		for _, moment := range []string{"exp_avg", "exp_avg_sq"} {
			moments = append(moments, tensorOf("optimizer."+x.Name+"."+moment, f32, x.Shape...))
		}
	}
	var averages []tensor
	for _, x := range m.pack(asIs) {
		averages = append(averages, tensorOf("model_ema."+x.Name, f32, x.Shape...))
	}
	f := weigh(t, []*pipeline.Table{file("a.safetensors", m.pack(asIs)...), file("b.safetensors", moments...), file("schema.safetensors", averages...)}, nil)
	kinds := map[string]int64{}
	for _, s := range f.Params.Sets {
		kinds[s.Kind] += s.Estimate
	}
	require.Equal(t, map[string]int64{"model": m.parameters(), "optimizer": 2 * m.parameters(), "ema": m.parameters()}, kinds)
	require.Equal(t, 4*m.parameters(), *f.Params.Estimate)
}

// Slices of a model repeat its names in every file of a set, and count together; packed
// ones too.
func TestSets_TensorParallel(t *testing.T) {
	t.Parallel()
	whole := decoder(usual)
	slice := model{plain: whole.plain}
	for _, l := range whole.linears {
		if strings.HasSuffix(l.name, "o_proj") || strings.HasSuffix(l.name, "down_proj") {
			l.in /= 4
		} else {
			l.out /= 4
		}
		slice.linears = append(slice.linears, l)
	}
	for name, of := range map[string]func(int) string{
		"mp":           func(i int) string { return fmt.Sprintf("model%d-mp4.safetensors", i) },
		"ranks":        func(i int) string { return fmt.Sprintf("model-rank-%d-part-0.safetensors", i) },
		"consolidated": func(i int) string { return fmt.Sprintf("consolidated.%02d.safetensors", i) },
	} {
		for layout, write := range map[string]func(linear) []tensor{"plain": asIs, "bnb": bnb4(u8, true), "fp8": func(l linear) []tensor {
			return []tensor{tensorOf(l.name+".weight", f8, l.out, l.in), tensorOf(l.name+".weight_scale_inv", f32, ceil(l.out, 128), ceil(l.in, 128))}
		}} {
			t.Run(name+" "+layout, func(t *testing.T) {
				t.Parallel()
				var tables []*pipeline.Table
				for i := range 4 {
					tables = append(tables, file(of(i), slice.pack(write)...))
				}
				f := weigh(t, tables, nil)
				require.Equal(t, 4*slice.parameters(), *f.Params.Estimate)
				require.GreaterOrEqual(t, *f.Params.Lower, whole.parameters())
				require.Len(t, f.Params.Sets, 1)
			})
		}
	}
}

// Missing members are extrapolated; the number of missing ones is a fact, so that the
// verdict is not clear.
func TestSets_Missing(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	tensors := m.pack(asIs)
	for name, tables := range map[string][]*pipeline.Table{
		"three of eight":             cut(tensors, 3, ofTotal("model", "-", 8)),
		"underscores, as bloom has":  cut(tensors, 3, ofTotal("model", "_", 8)),
		"slices":                     cut(tensors, 3, func(i int) string { return fmt.Sprintf("model%d-mp8.safetensors", i) }),
		"one number under two names": {file("model-00001-of-00004.safetensors", tensors...), file("model_00001-of-00004.safetensors", tensors[:0]...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := weigh(t, tables, nil)
			missing := int64(5)
			if strings.HasPrefix(name, "one") {
				missing = 3
			}
			require.Equal(t, missing, *f.Shards.Missing)
			require.Equal(t, m.parameters(), *f.Params.Lower)
			require.GreaterOrEqual(t, *f.Params.Estimate, m.parameters()*8/3)
			require.GreaterOrEqual(t, *f.Params.Upper, m.parameters()*8/3)
			require.NotEmpty(t, f.Params.WidenedBy)
		})
	}
}

// Components of a pipeline lie in folders and count together.
func TestSets_Components(t *testing.T) {
	t.Parallel()
	small := usual
	small.layers = 2
	a, b, c := decoder(usual), decoder(small), decoder(sizes{layers: 3, hidden: 768, query: 768, keyValue: 768, inner: 3072, vocabulary: 1000})
	f := weigh(t, []*pipeline.Table{file("text_encoder/model.safetensors", b.pack(asIs)...), file("transformer/diffusion_pytorch_model.safetensors", a.pack(asIs)...),
		file("vae/diffusion_pytorch_model.safetensors", c.pack(asIs)...)}, nil)
	requireExact(t, a.parameters()+b.parameters()+c.parameters(), f)
	require.Equal(t, a.parameters(), *f.Params.LargestSet)
	require.Len(t, f.Params.Sets, 3)
}

// A variant that is packed and one that is not are two weights of one name.
func TestSets_PackedBesidePlain(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	for name, paths := range map[string][2]string{"folders": {"int4/model.safetensors", "model.safetensors"}, "variants": {"model.int4.safetensors", "model.safetensors"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := weigh(t, []*pipeline.Table{file(paths[0], m.pack(two(".weight", u8, ".weight_scale", f8, 16))...), file(paths[1], m.pack(asIs)...)}, nil)
			requireExact(t, 2*m.parameters(), f)
		})
	}
}

// A config that declares more layers than there are raises the upper end, as does a part
// of a model.
func TestDepth(t *testing.T) {
	t.Parallel()
	m := decoder(usual)
	tables := []*pipeline.Table{file("model.safetensors", m.pack(asIs)...)}
	f := weigh(t, tables, []pipeline.Config{config(t, `{"num_hidden_layers": 60}`)}, architecture("llama", 6))
	require.Equal(t, m.parameters(), *f.Params.Estimate)
	require.GreaterOrEqual(t, *f.Params.Upper, m.parameters()/6*60)
	f = weigh(t, tables, []pipeline.Config{config(t, `{"num_hidden_layers": 1}`)}, architecture("llama", 6))
	requireExact(t, m.parameters(), f)
	f = weigh(t, tables, nil, architecture("llama", 6), func(s *pipeline.FactSet) {
		s.Set("architecture.partial", true, pipeline.BasisMeasured)
		s.Set("architecture.layer_span", int64(80), pipeline.BasisMeasured)
	})
	require.Equal(t, m.parameters()/6*80, *f.Params.Whole)
	require.Equal(t, *f.Params.Whole, *f.Params.Upper)
	require.Equal(t, m.parameters(), *f.Params.Lower)
}

// Shared experts are passed by every token, routed ones by some.
func TestActive(t *testing.T) {
	t.Parallel()
	d := deepseekLike{layers: 61, dense: 3, hidden: 7168, vocabulary: 129280, heads: 128, queryRank: 1536, keyRank: 512, experts: 256, expert: 2048, inner: 18432}
	m := d.model()
	require.Equal(t, int64(671_026_419_200), m.parameters())
	f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(packed(4, 32, false))...)}, nil, func(s *pipeline.FactSet) {
		s.Set("architecture.experts_per_token", int64(8), pipeline.BasisDeclared)
	})
	require.Equal(t, m.parameters()-58*(256-8)*3*7168*2048, *f.Params.Active)
	require.Equal(t, int64(37_552_297_472), *f.Params.Active)
}
