package weight_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

func benchmark(b *testing.B, tables []*pipeline.Table, want int64) {
	b.Helper()
	n := 0
	for _, t := range tables {
		n += t.Len()
	}
	b.ReportAllocs()
	for b.Loop() {
		var facts pipeline.FactSet
		require.NoError(b, weight.New().Derive(b.Context(), &pipeline.Readings{Tables: tables}, &facts))
		require.Equal(b, want, *facts.Facts.Params.Estimate)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/tensor")
}

// BenchmarkDeepSeek weighs the 91,991 tensors of DeepSeek-V3, most of them packed.
func BenchmarkDeepSeek(b *testing.B) {
	m, err := fixtures.Load("deepseek-v3")
	require.NoError(b, err)
	var tables []*pipeline.Table
	for _, f := range m.Files {
		tables = append(tables, file(f.Name, f.Tensors...))
	}
	benchmark(b, tables, m.Parameters)
}

// BenchmarkMillions weighs 1.3 million plain tensors of one file.
func BenchmarkMillions(b *testing.B) {
	const layers, experts = 100, 4333
	t := &pipeline.Table{Object: "model.safetensors"}
	var want int64
	for l := range layers {
		for e := range experts {
			for _, name := range []string{"gate_proj", "up_proj", "down_proj"} {
				t.Append(fmt.Appendf(nil, "model.layers.%d.mlp.experts.%d.%s.weight", l, e, name), pipeline.BF16, []uint64{256, 64}, 0)
				want += 256 * 64
			}
		}
	}
	benchmark(b, []*pipeline.Table{t}, want)
}
