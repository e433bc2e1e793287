package architecture_test

import (
	"fmt"
	"testing"

	"weighbridge/inspectors/architecture"
	"weighbridge/pipeline"
)

// BenchmarkDerive identifies the largest model of the fixtures, and headers of 1.3
// million tensors: an ordinary one, and one in which no two names or shapes are alike.
func BenchmarkDerive(b *testing.B) {
	deepseek := tables(load(b, "deepseek-v3"))
	cfg := config(b, "config.json", string(load(b, "deepseek-v3").Config))
	const many = 1_300_000
	alike, unlike := &pipeline.Table{Object: "a"}, &pipeline.Table{Object: "a"}
	for i := range many {
		alike.Append(fmt.Appendf(nil, "model.layers.%d.mlp.experts.%d.gate_proj.weight", i/512, i%512), pipeline.BF16, []uint64{8, 16}, 0)
		unlike.Append(fmt.Appendf(nil, "t%d.weight", i), pipeline.BF16, []uint64{uint64(i), 16}, 0)
	}
	run := func(name string, readings *pipeline.Readings) {
		b.Run(name, func(b *testing.B) {
			d := architecture.New()
			b.ReportAllocs()
			for b.Loop() {
				var facts pipeline.FactSet
				if err := d.Derive(b.Context(), readings, &facts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("deepseek-v3", &pipeline.Readings{Tables: deepseek, Configs: []pipeline.Config{cfg}})
	run("million-alike", &pipeline.Readings{Tables: []*pipeline.Table{alike}})
	run("million-unlike", &pipeline.Readings{Tables: []*pipeline.Table{unlike}})
}
