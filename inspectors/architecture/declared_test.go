package architecture_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

func TestDeclared_AnotherLayout(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Models() {
		m := load(t, name)
		if m.Config == nil {
			continue
		}
		for _, kind := range []string{"llama", "qwen2", "gemma2", "deepseek_v3", "bert", "no_such_layout"} {
			c := config(t, "config.json", string(m.Config))
			c.Values["model_type"] = kind
			a := derive(t, tables(m), c)
			own := derive(t, tables(m))
			same := kind == *own.Family || kind == "deepseek_v3" && *own.Family == "deepseek-v3" || kind == "llama" && *own.Family == "mixtral"
			require.Equal(t, same, *a.Agrees, "%s as %s", name, kind)
			require.Equal(t, same, len(a.Contradictions) == 0, "%s as %s", name, kind)
			require.Equal(t, same, strings.HasSuffix(*a.Confidence, "+config"), "%s as %s", name, kind)
			require.Equal(t, *own.Family, *a.Family, "what is declared never decides")
		}
	}
}

func TestDeclared_Sizes(t *testing.T) {
	t.Parallel()
	m := load(t, "mixtral-8x7b")
	for key, value := range map[string]string{"num_hidden_layers": "24", "hidden_size": "2048", "vocab_size": "64000", "num_local_experts": "4"} {
		c := config(t, "config.json", string(m.Config))
		c.Values[key] = config(t, "", `{"v":`+value+`}`).Values["v"]
		a := derive(t, tables(m), c)
		require.False(t, *a.Agrees)
		require.Len(t, a.Contradictions, 1)
		require.Contains(t, a.Contradictions[0], "config.json declares "+key+" = "+value)
	}
}

func TestDeclared_ClassAlone(t *testing.T) {
	t.Parallel()
	m := load(t, "mistral-7b")
	for class, want := range map[string]bool{"LlamaForCausalLM": true, "MistralForCausalLM": true, "Qwen2ForCausalLM": false, "MixtralForCausalLM": false} {
		a := derive(t, tables(m), config(t, "config.json", `{"architectures":["`+class+`"]}`))
		require.Equal(t, want, *a.Agrees, class)
		require.Equal(t, class, *a.Declared)
	}
}

func TestDeclared_ByGGUF(t *testing.T) {
	t.Parallel()
	table := build(ggufHead + ggufDense).table("model.gguf")
	for kind, want := range map[string]bool{"llama": true, "qwen2": false} {
		var facts pipeline.FactSet
		e := pipeline.Evidence{Object: "model.gguf", Where: "bytes=0-99"}
		facts.Set("gguf.architecture", kind, pipeline.BasisParsed, e)
		facts.Set("gguf.layers", int64(4), pipeline.BasisParsed, e)
		facts.Set("gguf.hidden_size", int64(64), pipeline.BasisParsed, e)
		require.NoError(t, deriver.Derive(t.Context(), &pipeline.Readings{Tables: []*pipeline.Table{table}}, &facts))
		a := facts.Facts.Architecture
		require.Equal(t, want, *a.Agrees, a.Contradictions)
		require.Equal(t, want, *a.Confidence == "names+shapes+config")
		require.Equal(t, kind, *a.Declared)
	}
}

// A pipeline of several folders is what its largest folder is; each folder is held
// against its own configuration.
func TestDeclared_Components(t *testing.T) {
	t.Parallel()
	parts := []*pipeline.Table{
		build(clipText).table("text_encoder/model.safetensors"),
		build(fluxDiffusers + `
			time_text_embed.timestep_embedder.linear_1.weight 64 256
			transformer_blocks.{0-3}.{norm1,norm1_context}.linear.weight 384 64
			single_transformer_blocks.{0-5}.norm.linear.weight 192 64`).table("transformer/diffusion_pytorch_model.safetensors"),
		build("encoder.conv_in.weight 128 3 3 3").table("vae/diffusion_pytorch_model.safetensors"),
	}
	configs := []pipeline.Config{
		config(t, "text_encoder/config.json", `{"architectures":["CLIPTextModel"],"model_type":"clip_text_model","num_hidden_layers":4}`),
		config(t, "transformer/config.json", `{"_class_name":"FluxTransformer2DModel","num_layers":4}`),
		config(t, "vae/config.json", `{"_class_name":"AutoencoderKL"}`),
	}
	a := derive(t, parts, configs...)
	require.Equal(t, "flux", *a.Family)
	require.Equal(t, "diffusers", *a.Variant)
	require.Empty(t, a.Contradictions)
	require.True(t, *a.Agrees)
	require.Equal(t, "FluxTransformer2DModel", *a.Declared)

	configs[0] = config(t, "text_encoder/config.json", `{"architectures":["T5EncoderModel"],"model_type":"t5"}`)
	a = derive(t, parts, configs...)
	require.Equal(t, []string{"text_encoder/config.json declares T5EncoderModel; the tensors are laid out as clip"}, a.Contradictions)
	require.False(t, *a.Agrees)
}

func TestNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, pipeline.Architecture{}, derive(t, nil))
	require.Equal(t, pipeline.Architecture{}, derive(t, []*pipeline.Table{{Object: "empty.safetensors"}}))
	a := derive(t, []*pipeline.Table{build("x 3 4").table("a.safetensors")}, config(t, "config.json", `{"model_type":"llama"}`))
	require.Nil(t, a.Family)
	require.Equal(t, "none", *a.Confidence)
	require.False(t, *a.Agrees)
}
