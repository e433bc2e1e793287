package weight_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

// layerSum is what runs of layers come to.
func layerSum(runs []pipeline.LayerRun) (n int64) {
	for _, r := range runs {
		n += (r.Last - r.First + 1) * r.Each
	}
	return n
}

// run makes runs of layers in model.safetensors; each takes their numbers and weight.
func run(stack string, first, last, each int64) pipeline.LayerRun {
	set := "model.safetensors"
	if stack == "" {
		set = ""
	}
	return pipeline.LayerRun{Set: set, Stack: stack, First: first, Last: last, Each: each}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	matrix := func(name string) tensor { return tensorOf(name, bf16, 32, 32) }
	const one = 32 * 32
	moe := []tensor{matrix("embed.weight"), matrix("layers.0.mlp.up.weight")}
	for e := range 4 {
		moe = append(moe, matrix(fmt.Sprintf("layers.1.mlp.experts.%d.up.weight", e)), matrix(fmt.Sprintf("layers.2.mlp.experts.%d.up.weight", e)))
	}
	tests := []struct {
		name    string
		tensors []tensor
		want    []pipeline.LayerRun
	}{
		{"experts lie in their layer", moe, []pipeline.LayerRun{run("layers", 0, 0, one), run("layers", 1, 2, 4*one), run("", 0, 0, one)}},
		{"two stacks, as in T5", []tensor{
			matrix("shared.weight"), matrix("encoder.block.0.layer.0.SelfAttention.q.weight"), matrix("encoder.block.0.layer.1.DenseReluDense.wi.weight"),
			matrix("encoder.block.1.layer.0.SelfAttention.q.weight"), matrix("encoder.block.1.layer.1.DenseReluDense.wi.weight"),
			matrix("decoder.block.0.layer.0.SelfAttention.q.weight"), matrix("decoder.block.0.layer.1.EncDecAttention.q.weight"), matrix("decoder.block.0.layer.2.DenseReluDense.wi.weight"),
			matrix("decoder.block.1.layer.0.SelfAttention.q.weight"), matrix("decoder.block.1.layer.1.EncDecAttention.q.weight"), matrix("decoder.block.1.layer.2.DenseReluDense.wi.weight"),
		}, []pipeline.LayerRun{run("decoder.block", 0, 1, 3*one), run("encoder.block", 0, 1, 2*one), run("", 0, 0, one)}},
		{"diffusion", []tensor{
			matrix("time_embedding.linear_1.weight"), matrix("down_blocks.0.resnets.0.conv1.weight"), matrix("down_blocks.0.attentions.1.transformer_blocks.3.attn1.to_q.weight"),
			matrix("down_blocks.1.resnets.0.conv1.weight"), matrix("mid_block.attentions.0.proj_in.weight"), matrix("up_blocks.0.resnets.0.conv1.weight"),
			matrix("single_transformer_blocks.7.attn.to_q.weight"),
		}, []pipeline.LayerRun{run("down_blocks", 0, 0, 2*one), run("down_blocks", 1, 1, one), run("single_transformer_blocks", 7, 7, one), run("up_blocks", 0, 0, one), run("", 0, 0, 2*one)}},
		{"stacks within stages", []tensor{matrix("stages.0.blocks.0.w.weight"), matrix("stages.0.blocks.1.w.weight"), matrix("stages.1.blocks.0.w.weight")},
			[]pipeline.LayerRun{run("stages.0.blocks", 0, 1, one), run("stages.1.blocks", 0, 0, one)}},
		{"names of llama.cpp, GPT-2, Flax and kohya", []tensor{matrix("blk.0.ffn_up.weight"), matrix("transformer.h.11.mlp.c_fc.weight"), matrix("params/encoder/layers_2/mlp/wi/kernel"),
			matrix("Transformer/encoderblock_3/MlpBlock_3/Dense_0/kernel"), matrix("lora_unet_up_blocks_1_attentions_0_proj.lora_down.weight"), matrix("layer_4")},
			[]pipeline.LayerRun{run("Transformer/encoderblock", 3, 3, one), run("blk", 0, 0, one), run("layer", 4, 4, one), run("lora_unet_up_blocks", 1, 1, one),
				run("params/encoder/layers", 2, 2, one), run("transformer.h", 11, 11, one)}},
		{"layers are missing between", []tensor{matrix("layers.40.w.weight"), matrix("layers.41.w.weight"), matrix("layers.43.w.weight")},
			[]pipeline.LayerRun{run("layers", 40, 41, one), run("layers", 43, 43, one)}},
		{"no number, and numbers of no layer", []tensor{matrix("a.weight"), matrix("experts.0.w.weight"), matrix("mlp1.0.weight"), matrix("layers.x.0.weight"), matrix("layers.0x.weight"), matrix("layers..0"), matrix("players.0.weight"), matrix("layers.")},
			[]pipeline.LayerRun{run("", 0, 0, 8*one)}},
		{"numbers that no layer has", []tensor{matrix("layers.99999999999999999999.weight"), matrix("layers.16384.w.layers.1"), matrix("layers.16383.weight")},
			[]pipeline.LayerRun{run("layers", 16383, 16383, one), run("", 0, 0, 2*one)}},
		{"a name that is too long", []tensor{matrix(strings.Repeat("x", 300) + ".layers.0.weight")}, []pipeline.LayerRun{run("", 0, 0, one)}},
		{"buffers are none", []tensor{matrix("layers.0.w.weight"), tensorOf("layers.0.self_attn.rotary_emb.inv_freq", f32, 64), tensorOf("layers.1.self_attn.rotary_emb.inv_freq", f32, 64)},
			[]pipeline.LayerRun{run("layers", 0, 0, one)}},
		{"nothing", nil, []pipeline.LayerRun{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := weigh(t, []*pipeline.Table{file("model.safetensors", tt.tensors...)}, nil)
			require.Equal(t, tt.want, f.Params.ByLayer)
			require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
		})
	}
}

// Every packing counts in its layer what it unpacks to.
func TestLayers_Packed(t *testing.T) {
	t.Parallel()
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			m := l.of()
			f := weigh(t, []*pipeline.Table{file("model.safetensors", m.pack(l.write)...)}, nil)
			require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
			first := f.Params.ByLayer[0]
			require.Equal(t, "model.layers", first.Stack)
			if *f.Params.Estimate == m.parameters() {
				var want, last int64
				for _, x := range m.linears {
					if strings.HasPrefix(x.name, "model.layers.0.") {
						want += int64(x.parameters())
					}
					_, err := fmt.Sscanf(x.name, "model.layers.%d.", &last)
					require.NoError(t, err)
				}
				for _, x := range m.plain {
					if n, _ := x.Elements(); strings.HasPrefix(x.Name, "model.layers.0.") {
						want += int64(n)
					}
				}
				require.Equal(t, run("model.layers", 0, last, want), first)
			}
		})
	}
}

// Sets of files are kept apart, their shards are not; what missing shards would hold lies
// in no layer.
func TestLayers_Sets(t *testing.T) {
	t.Parallel()
	w := func(layer int) tensor {
		return tensorOf(fmt.Sprintf("text_model.encoder.layers.%d.w.weight", layer), bf16, 32, 32)
	}
	tables := []*pipeline.Table{file("a/m-00001-of-00003.safetensors", w(0), w(1)), file("a/m-00002-of-00003.safetensors", w(1), w(2)), file("b/m.safetensors", w(0))}
	f := weigh(t, tables, nil)
	const stack = "text_model.encoder.layers"
	a := "a/m-{}-of-00003.safetensors"
	require.Equal(t, []pipeline.LayerRun{{Set: a, Stack: stack, First: 0, Last: 0, Each: 1024}, {Set: a, Stack: stack, First: 1, Last: 1, Each: 2048}, {Set: a, Stack: stack, First: 2, Last: 2, Each: 1024},
		{Set: "b/m.safetensors", Stack: stack, First: 0, Last: 0, Each: 1024}, {Each: 2048}}, f.Params.ByLayer)
	require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
}

// The names of a hostile model make neither the report nor the memory grow.
func TestLayers_Hostile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		of     func(i int) tensor
		stacks int
		runs   int
	}{
		{"numbers without end", func(i int) tensor { return tensorOf(fmt.Sprintf("layers.%d.w.weight", i), bf16, 2) }, 1, 2},
		{"huge numbers", func(i int) tensor { return tensorOf(fmt.Sprintf("layers.9999999999999%07d.w.weight", i), bf16, 2) }, 0, 1},
		{"layers that all differ", func(i int) tensor {
			return tensorOf(fmt.Sprintf("layers.%d.w.weight", i%16000), bf16, uint64(i%16000)+1)
		}, 0, 1},
		{"stacks without end", func(i int) tensor { return tensorOf(fmt.Sprintf("x%d.layers.1.w.weight", i), bf16, 2) }, 64, 65},
		{"stacks and layers", func(i int) tensor {
			return tensorOf(fmt.Sprintf("x%d.layers.%d.w.weight", i%99, i/99), bf16, uint64(i%2)+1)
		}, 2, 2023},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := &pipeline.Table{Object: "model.safetensors"}
			for i := range 100_000 {
				x := tt.of(i)
				table.Append([]byte(x.Name), x.DType, x.Shape, 0)
			}
			f := weigh(t, []*pipeline.Table{table}, nil)
			require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
			stacks := map[string]bool{}
			for _, r := range f.Params.ByLayer {
				if r.Stack != "" {
					stacks[r.Stack] = true
				}
			}
			require.Len(t, stacks, tt.stacks)
			require.Len(t, f.Params.ByLayer, tt.runs)
		})
	}
}

// A count that does not fit has no parts.
func TestLayers_Overflow(t *testing.T) {
	t.Parallel()
	var facts pipeline.FactSet
	table := file("model.safetensors", tensorOf("layers.0.weight", u8, 1<<62), tensorOf("layers.1.weight", u8, 1<<62))
	require.NoError(t, weight.New().Derive(t.Context(), &pipeline.Readings{Tables: []*pipeline.Table{table}}, &facts))
	require.Nil(t, facts.Facts.Params.ByLayer)
	_, known := facts.Entry("params.by_layer")
	require.False(t, known)
}
