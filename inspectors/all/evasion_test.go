package all_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/inspectors/all"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/policy"
	"weighbridge/storage/object/dir"
)

// evasion hides more than ten billion parameters from a counter that sums shapes, or
// from one that believes names, configs or an index. Its number is that of the list of evasions
// in the README.
type evasion struct {
	// id is the number, name says the trick.
	id, name string
	// write lays the artifact out.
	write func(t *testing.T, dir string)
	// sum is what a counter that sums the shapes of all files sees, where that is less
	// than ten billion.
	sum bool
	// why checks the reason for which the verdict is not clear.
	why func(t *testing.T, r pipeline.Report)
}

// line is where the pack seed-article asks for a review.
const line = 10_000_000_000

// judge weighs a folder with every inspector and judges it by the pack seed-article.
func judge(t *testing.T, folder string) pipeline.Report {
	t.Helper()
	src, err := pipeline.ParseSource(folder)
	require.NoError(t, err)
	store, err := dir.Open(src)
	require.NoError(t, err)
	pack, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	rules, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: pipeline.ModeEnforce}})
	require.NoError(t, err)
	e := engine.Engine{Readers: all.Readers(), Derivers: all.Derivers(all.Options{}), Judge: rules}
	w, err := e.Run(t.Context(), engine.Request{Source: src, Store: store, AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	return w.Report
}

func TestEvasions(t *testing.T) {
	t.Parallel()
	for _, e := range slices.Concat(evasions(), fileEvasions()) {
		t.Run(e.id+" "+e.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			e.write(t, folder)
			r := judge(t, folder)
			require.NotEqual(t, pipeline.VerdictClear, r.Verdict)
			if e.sum {
				require.Less(t, *r.Facts.Params.StoredElements, int64(line))
			}
			e.why(t, r)
		})
	}
}

// matched: the rule on more than ten billion parameters asks for a review.
func matched(t *testing.T, r pipeline.Report) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Rule == "SEED-01" {
			require.Equal(t, pipeline.OutcomeMatched, f.Outcome)
			return
		}
	}
	require.Fail(t, "the rule did not run")
}

// proven: the headers prove more than ten billion.
func proven(t *testing.T, r pipeline.Report) {
	t.Helper()
	matched(t, r)
	require.Greater(t, *r.Facts.Params.Lower, int64(line))
}

// likely: the estimate is above ten billion.
func likely(t *testing.T, r pipeline.Report) {
	t.Helper()
	matched(t, r)
	require.Greater(t, *r.Facts.Params.Estimate, int64(line))
}

// possible: the bytes could hold more than ten billion, and the report says which.
func possible(t *testing.T, r pipeline.Report) {
	t.Helper()
	matched(t, r)
	require.Greater(t, *r.Facts.Params.Upper, int64(line))
	require.NotEmpty(t, r.Facts.Params.WidenedBy)
	require.NotEmpty(t, r.Facts.Params.WidenedBy[0].Reason)
}

// malformed: an object breaks the rules of its format.
func malformed(t *testing.T, r pipeline.Report) {
	t.Helper()
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Positive(t, *r.Facts.Headers.Malformed)
	require.NotEmpty(t, r.Reasons)
}

// thirteen is a model of 13,015,864,320 parameters, as pairs of a name and a shape.
func thirteen() []pipeline.Tensor {
	const hidden, layers, inner, vocabulary = 5120, 40, 13824, 32000
	var out []pipeline.Tensor
	add := func(name string, shape ...uint64) {
		out = append(out, pipeline.Tensor{Name: name + ".weight", DType: pipeline.BF16, Shape: shape})
	}
	add("model.embed_tokens", vocabulary, hidden)
	for i := range layers {
		l := fmt.Sprintf("model.layers.%d.", i)
		for _, n := range []string{"q_proj", "k_proj", "v_proj", "o_proj"} {
			add(l+"self_attn."+n, hidden, hidden)
		}
		add(l+"mlp.gate_proj", inner, hidden)
		add(l+"mlp.up_proj", inner, hidden)
		add(l+"mlp.down_proj", hidden, inner)
		add(l+"input_layernorm", hidden)
		add(l+"post_attention_layernorm", hidden)
	}
	add("model.norm", hidden)
	add("lm_head", vocabulary, hidden)
	return out
}

// each puts every matrix in a layer through f and keeps the rest.
func each(tensors []pipeline.Tensor, f func(stem string, out, in uint64) []pipeline.Tensor) []pipeline.Tensor {
	var packed []pipeline.Tensor
	for _, x := range tensors {
		if len(x.Shape) != 2 || !strings.Contains(x.Name, ".layers.") {
			packed = append(packed, x)
			continue
		}
		packed = append(packed, f(strings.TrimSuffix(x.Name, ".weight"), x.Shape[0], x.Shape[1])...)
	}
	return packed
}

func of(name string, d pipeline.DType, shape ...uint64) pipeline.Tensor {
	return pipeline.Tensor{Name: name, DType: d, Shape: shape}
}

const llamaConfig = `{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 40, "hidden_size": 5120, "vocab_size": 32000%s}`

// lay writes one file of tensors and a config.
func lay(t *testing.T, dir, more string, tensors []pipeline.Tensor, opts ...fixtures.WriteOption) {
	t.Helper()
	m := fixtures.Model{Name: "evasion", Config: fmt.Appendf(nil, llamaConfig, more), Files: []fixtures.File{{Name: "model.safetensors", Tensors: tensors}}}
	require.NoError(t, m.Write(dir, opts...))
}

// add writes one more weight file.
func add(t *testing.T, dir, name string, tensors []pipeline.Tensor) {
	t.Helper()
	head, total, err := fixtures.Safetensors(tensors)
	require.NoError(t, err)
	require.NoError(t, fixtures.WriteSparse(filepath.Join(dir, name), head, total))
}

// raw writes a file with a header that no library would write, over so many bytes of data.
func raw(t *testing.T, dir, header string, data int64) {
	t.Helper()
	head := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	require.NoError(t, fixtures.WriteSparse(filepath.Join(dir, "model.safetensors"), head, int64(len(head))+data))
}

func gptq4(stem string, out, in uint64) []pipeline.Tensor {
	return []pipeline.Tensor{of(stem+".qweight", pipeline.I32, in/8, out), of(stem+".qzeros", pipeline.I32, in/128, out/8), of(stem+".scales", pipeline.F16, in/128, out), of(stem+".g_idx", pipeline.I32, in)}
}

func nf4(stem string, out, in uint64) []pipeline.Tensor {
	n, w := out*in, stem+".weight"
	return []pipeline.Tensor{of(w, pipeline.U8, n/2, 1), of(w+".absmax", pipeline.F32, n/64), of(w+".quant_map", pipeline.F32, 16), of(w+".quant_state.bitsandbytes__nf4", pipeline.U8, 90)}
}

// first keeps only the weight of what a packing writes.
func first(pack func(string, uint64, uint64) []pipeline.Tensor) func(string, uint64, uint64) []pipeline.Tensor {
	return func(stem string, out, in uint64) []pipeline.Tensor { return pack(stem, out, in)[:1] }
}

func evasions() []evasion {
	return []evasion{
		{id: "E1", name: "four bits in I32, nothing says so", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), first(gptq4)))
		}},
		{id: "E2", name: "four bits in columns of BF16", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".weight", pipeline.BF16, out*in/4, 1)}
			}))
		}},
		{id: "E2", name: "four bits in matrices of BF16 that fit nothing", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".weight", pipeline.BF16, out*in/4/1000, 1000)}
			}))
		}},
		{id: "E3", name: "a config that says eight bits", sum: true, why: func(t *testing.T, r pipeline.Report) {
			proven(t, r)
			require.NotEmpty(t, r.Facts.Quantization.Contradictions)
		}, write: func(t *testing.T, dir string) {
			lay(t, dir, `, "quantization_config": {"quant_method": "gptq", "bits": 8}`, each(thirteen(), gptq4))
		}},
		{id: "E4", name: "modules_to_not_convert names everything", sum: true, why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, `, "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true, "modules_to_not_convert": ["model", "lm_head"], "ignore": ["re:.*"]}`, each(thirteen(), nf4))
		}},
		{id: "E5", name: "an index and a header that state less", why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, `, "num_parameters": 150`, thirteen(), fixtures.WithIndex(func(x *fixtures.Index) { x.Metadata = map[string]any{"total_size": 300, "total_parameters": 150} }),
				fixtures.WithHeader(fixtures.WithMetadata(map[string]string{"format": "pt", "total_parameters": "150"})))
		}},
		{id: "E9", name: "weights named like scales", why: proven, write: func(t *testing.T, dir string) {
			names := []string{"weight_scale", "weight.absmax", "qzeros", "lora", "optimizer", "ema", "bias", "weight_scale_inv"}
			i := 0
			lay(t, dir, `, "quantization_config": {"quant_method": "fp8"}`, each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				i++
				return []pipeline.Tensor{of(stem+"."+names[i%len(names)], pipeline.BF16, out, in)}
			}))
		}},
		{id: "E10", name: "weights typed as scales", why: possible, write: func(t *testing.T, dir string) {
			i := 0
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				i++
				return []pipeline.Tensor{of(stem+".weight", []pipeline.DType{pipeline.F8E8M0, pipeline.BOOL}[i%2], out, in)}
			}))
		}},
		{id: "E11", name: "one long row", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", []pipeline.Tensor{of("weights", pipeline.BF16, 13_000_000_000/4)})
		}},
		{id: "E11", name: "one tensor of five dimensions", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", []pipeline.Tensor{of("weights", pipeline.U8, 1, 50, 2, 13_000, 5000)})
		}},
		{id: "E12", name: "another format inside a byte tensor", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", []pipeline.Tensor{of("blob", pipeline.U8, 7_000_000_000)})
		}},
		{id: "E13", name: "every tensor renamed and cut into rows", why: proven, write: func(t *testing.T, dir string) {
			r := rand.New(rand.NewPCG(1, 2))
			var out []pipeline.Tensor
			for _, x := range thirteen() {
				if len(x.Shape) == 2 {
					half := x.Shape[0] / 2
					out = append(out, of(fmt.Sprintf("%x", r.Uint64()), x.DType, half, x.Shape[1]))
					x.Shape = []uint64{x.Shape[0] - half, x.Shape[1]}
				}
				x.Name = fmt.Sprintf("%x", r.Uint64())
				out = append(out, x)
			}
			r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
			lay(t, dir, "", out)
		}},
		{id: "E15", name: "slices that repeat the names", why: likely, write: func(t *testing.T, dir string) {
			var slice []pipeline.Tensor
			for _, x := range thirteen() {
				if len(x.Shape) == 2 {
					x.Shape = []uint64{x.Shape[0] / 2, x.Shape[1]}
				}
				slice = append(slice, x)
			}
			add(t, dir, "model0-mp2.safetensors", slice)
			add(t, dir, "model1-mp2.safetensors", slice)
		}},
		{id: "E16", name: "one of eight shards", sum: true, why: func(t *testing.T, r pipeline.Report) {
			likely(t, r)
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			require.Equal(t, int64(7), *r.Facts.Shards.Missing)
		}, write: func(t *testing.T, dir string) {
			add(t, dir, "model-00001-of-00008.safetensors", thirteen()[:60])
		}},
		{id: "E17", name: "a large variant in a folder of a small one", why: proven, write: func(t *testing.T, dir string) {
			require.NoError(t, fixtures.Tiny().Write(dir))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "checkpoint-500"), 0o755))
			add(t, filepath.Join(dir, "checkpoint-500"), "model.safetensors", thirteen())
		}},
		{id: "E18", name: "a whole model in an adapter", why: proven, write: func(t *testing.T, dir string) {
			var out []pipeline.Tensor
			for _, x := range thirteen() {
				x.Name = "base_model.model." + strings.TrimSuffix(x.Name, ".weight") + ".base_layer.weight"
				out = append(out, x)
			}
			add(t, dir, "adapter_model.safetensors", append(out, of("base_model.model.lm_head.lora_A.weight", pipeline.F32, 8, 5120), of("base_model.model.lm_head.lora_B.weight", pipeline.F32, 32000, 8)))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type": "LORA"}`), 0o600))
		}},
		{id: "E18", name: "an adapter to a large base beside a small decoy", sum: true, why: func(t *testing.T, r pipeline.Report) {
			require.Nil(t, r.Facts.Params.EffectiveUpper)
			require.Greater(t, *r.Facts.Params.EffectiveLower, int64(line))
		}, write: func(t *testing.T, dir string) {
			require.NoError(t, fixtures.Tiny().Write(dir))
			var lora []pipeline.Tensor
			each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				lora = append(lora, of("base_model.model."+stem+".lora_A.weight", pipeline.F32, 8, in), of("base_model.model."+stem+".lora_B.weight", pipeline.F32, out, 8))
				return nil
			})
			add(t, dir, "adapter_model.safetensors", lora)
		}},
		{id: "E19", name: "a model in low-rank pairs", sum: true, why: func(t *testing.T, r pipeline.Report) {
			require.Greater(t, *r.Facts.Params.EffectiveLower, int64(line))
		}, write: func(t *testing.T, dir string) {
			add(t, dir, "model.safetensors", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".lora_A", pipeline.BF16, 512, in), of(stem+".lora_B", pipeline.BF16, out, 512)}
			}))
		}},
		{id: "E19", name: "differences to a base", why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".diff", pipeline.BF16, out, in)}
			}))
		}},
		{id: "E20", name: "half of the weights behind a mask", sum: true, why: proven, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".compressed", pipeline.BF16, out, in/2), of(stem+".bitmask", pipeline.U8, out, in/8), of(stem+".shape", pipeline.I64, 2)}
			}))
		}},
		{id: "E20", name: "coded bytes of no known packing", sum: true, why: possible, write: func(t *testing.T, dir string) {
			lay(t, dir, "", each(thirteen(), func(stem string, out, in uint64) []pipeline.Tensor {
				return []pipeline.Tensor{of(stem+".entropy_coded", pipeline.U8, out*in/3)}
			}))
		}},
		{id: "E25", name: "a key in another case", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"w":{"dtype":"U8","shape":[26000000000],"Shape":[4],"data_offsets":[0,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E25", name: "a key twice", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"w":{"dtype":"U8","dtype":"F64","shape":[26000000000],"data_offsets":[0,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E25", name: "a header that is a list", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"w":["U8",[26000000000],[0,26000000000]]}`, 26_000_000_000)
		}},
		{id: "E26", name: "a tensor twice", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"w":{"dtype":"U8","shape":[26000000000],"data_offsets":[0,26000000000]},"w":{"dtype":"U8","shape":[0],"data_offsets":[26000000000,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E27", name: "tensors that share their bytes", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"a":{"dtype":"BF16","shape":[3000000000],"data_offsets":[0,6000000000]},"b":{"dtype":"BF16","shape":[3000000000],"data_offsets":[0,6000000000]}}`, 6_000_000_000)
		}},
		{id: "E27", name: "a hole between tensors", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[25999999998,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E28", name: "a shape whose product overflows", why: malformed, write: func(t *testing.T, dir string) {
			raw(t, dir, `{"w":{"dtype":"U8","shape":[4294967296,4294967296,3],"data_offsets":[0,26000000000]}}`, 26_000_000_000)
		}},
		{id: "E29", name: "empty tensors of huge sides", why: func(t *testing.T, r pipeline.Report) {
			proven(t, r)
			require.Positive(t, *r.Facts.Headers.EmptyHuge)
		}, write: func(t *testing.T, dir string) {
			tensors := thirteen()
			for i := range 50 {
				tensors = append(tensors, of(fmt.Sprintf("model.empty.%d.weight", i), pipeline.BF16, 0, 1<<40))
			}
			lay(t, dir, "", tensors)
		}},
		{id: "E31", name: "a pointer in place of the weights", why: func(t *testing.T, r pipeline.Report) {
			require.Greater(t, *r.Facts.Params.Upper, int64(line))
			require.Positive(t, *r.Facts.Headers.Pointers)
		}, write: func(t *testing.T, dir string) {
			require.NoError(t, fixtures.Tiny().Write(dir))
			text := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 26031728640\n"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "large.safetensors"), []byte(text), 0o600))
		}},
		{id: "E33", name: "many models under one prefix", why: func(t *testing.T, r pipeline.Report) {
			require.Less(t, *r.Facts.Params.LargestSet, int64(line))
			require.Len(t, r.Facts.Params.Sets, 3)
			likely(t, r)
		}, write: func(t *testing.T, dir string) {
			for _, name := range []string{"mistral-7b", "llama-3.1-8b", "gemma-2-9b"} {
				m, err := fixtures.Load(name)
				require.NoError(t, err)
				require.NoError(t, m.Write(filepath.Join(dir, name)))
			}
		}},
		{id: "E34", name: "just under the line, and a tower beside it", why: func(t *testing.T, r pipeline.Report) {
			proven(t, r)
			require.Positive(t, r.Facts.Params.ByComponent["vision"])
		}, write: func(t *testing.T, dir string) {
			m := fixtures.Exactly10B()
			last := &m.Files[len(m.Files)-1]
			for i := range 24 {
				last.Tensors = append(last.Tensors, of(fmt.Sprintf("vision_tower.vision_model.encoder.layers.%d.mlp.fc1.weight", i), pipeline.BF16, 4304, 1152))
			}
			require.NoError(t, m.Write(dir))
		}},
		{id: "E35", name: "few layers that run many times", sum: true, why: possible, write: func(t *testing.T, dir string) {
			var shallow []pipeline.Tensor
			for _, x := range thirteen() {
				var n int
				if _, err := fmt.Sscanf(x.Name, "model.layers.%d.", &n); err != nil || n < 10 {
					shallow = append(shallow, x)
				}
			}
			lay(t, dir, "", shallow)
		}},
	}
}
