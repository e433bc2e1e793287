package code_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/code"
	"weighbridge/inspectors/gguf"
	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/modelconfig"
	"weighbridge/inspectors/opaque"
	"weighbridge/inspectors/pytorch"
	"weighbridge/inspectors/safetensors"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

// others adds what readers of this test's own found.
type others struct {
	cards []pipeline.Card
}

func (others) Name() string { return "others" }

func (o others) Derive(_ context.Context, readings *pipeline.Readings, _ *pipeline.FactSet) error {
	readings.Cards = append(readings.Cards, o.cards...)
	return nil
}

func inspect(t testing.TB, files inspecttest.Files, cards ...pipeline.Card) pipeline.Report {
	t.Helper()
	return inspecttest.Run{
		Readers:  []pipeline.Reader{safetensors.Reader{}, pytorch.Reader{}, modelconfig.Reader{}, code.Reader{}, opaque.Reader{}},
		Derivers: []pipeline.Deriver{weight.New(), others{cards}, code.Deriver{}},
	}.Inspect(t, files)
}

// disclosed lists disclosures as "object side: what".
func disclosed(c pipeline.Contents) []string {
	out := []string{}
	for _, d := range c.Disclosures {
		out = append(out, d.Object+" "+d.Side+": "+d.What)
	}
	return out
}

// tensors is a safetensors file with one tensor of one byte under each name.
func tensors(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%q:{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}`, name, i, i+1)
	}
	header := "{" + b.String() + "}"
	return string([]byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0}) + header + strings.Repeat("x", len(names))
}

// A plain model discloses nothing: everything is decided, and nothing is found.
func TestPlainModel(t *testing.T) {
	t.Parallel()
	r := inspect(t, inspecttest.Files{
		"model.safetensors":       tensors("model.embed_tokens.weight"),
		"config.json":             `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64}`,
		"generation_config.json":  `{"temperature": 0.6, "max_length": 4096}`,
		"tokenizer_config.json":   `{"tokenizer_class": "LlamaTokenizer", "chat_template": "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content }}{% endfor %}"}`,
		"tokenizer.json":          `{"model": {"type": "BPE", "vocab": {"import": 1}}}`,
		"merges.txt":              "#version: 0.2\ni m\nim port\nimport s\nimport ant\nimport ance\nimport er\n" + strings.Repeat("a b\n", 400),
		"vocab.txt":               "[PAD]\n[UNK]\nimport\nclass\ndef\n",
		"special_tokens_map.json": `{"eos_token": "</s>"}`,
		"README.md":               "---\nlicense: mit\n---\n# A model\n\n```python\nimport torch\nfrom transformers import AutoModel\nloss.backward()\n```\n\n    import torch\n\nTrained with `learning_rate: 1e-5`.\n",
		"LICENSE":                 "Apache License\n\nimport of this licence is described in class terms:\n",
		"USE_POLICY.md":           "# Policy\n\nBe safe.\n",
		"logo.png":                "\x89PNG\r\n\x1a\n0000",
		"weighbridge.yaml":        "training:\n  optimizer: adam\n",
	})
	c := r.Facts.Contents
	require.Empty(t, disclosed(c))
	for _, fact := range []string{"structure", "optimizer", "training_process", "generated_content"} {
		require.Equal(t, pipeline.BasisMeasured, inspecttest.Known(t, r, "contents."+fact).Basis)
	}
	require.False(t, *c.Structure)
	require.False(t, *c.Optimizer)
	require.False(t, *c.TrainingProcess)
	require.False(t, *c.GeneratedContent)
	require.Zero(t, *c.Pickles)
	require.Zero(t, *c.Code)
	require.Zero(t, *c.Unseen)
	require.Equal(t, []string{}, c.RemoteCode)
	require.Equal(t, pipeline.BasisParsed, inspecttest.Known(t, r, "contents.remote_code").Basis)
	require.Equal(t, []string{"sniff ok"}, inspecttest.Inspections(r, "README.md"))
}

// What each object discloses, alone in an artifact.
func TestObjects(t *testing.T) {
	t.Parallel()
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00\x3e\x00" + strings.Repeat("\x00", 600)
	portable := "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00PE\x00\x00" + strings.Repeat("\x00", 100)
	tests := []struct {
		path, content string
		want          []string // "side: what", or the beginning of it
		code          int64
		remote        []string
	}{
		// Names.
		{"modeling_own.py", "x = 1\n", []string{"structure: the model's own program text"}, 1, nil},
		{"notes.py", "\x00\x01\x02 no text at all", []string{"structure: program text (Python)"}, 1, nil},
		{"model\u200bing_x.p\u202ey", "x = 1\n", []string{"structure: the model's own program text"}, 1, nil},
		{"kernel.cu", "x", []string{"structure: a kernel"}, 1, nil},
		{"lib/libop.so.1.2", "x", []string{"structure: machine code (shared library)"}, 1, nil},
		{"tools.whl", "PK\x05\x06" + strings.Repeat("\x00", 18), []string{"structure: an archive of program text"}, 1, nil},
		{"Makefile", "all:\n\techo\n", []string{"structure: program text (make)"}, 1, nil},
		{"optimizer.pt", "x", []string{"optimizer: state of an optimizer"}, 0, nil},
		{"optimizer.bin", "x", []string{"optimizer: state of an optimizer"}, 0, nil},
		{"pytorch_optimizer-00001.bin", "x", []string{"optimizer: state of an optimizer"}, 0, nil},
		{"optimizer_0/__0_0.distcp", "x", []string{"optimizer: state of an optimizer"}, 0, nil},
		{"scheduler.pt", "x", []string{"optimizer: state of a scheduler"}, 0, nil},
		{"scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "_diffusers_version": "0.30.0"}`, nil, 0, nil},
		{"rng_state_3.pth", "x", []string{"optimizer: state of random numbers"}, 0, nil},
		{"global_step500/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", "x", []string{"optimizer: state of an optimizer (ZeRO"}, 0, nil},
		{"mp_rank_00_model_states.pt", "x", []string{"optimizer: a checkpoint of DeepSpeed"}, 0, nil},
		{"iter_0001000/mp_rank_00/distrib_optim.pt", "x", []string{"optimizer: state of an optimizer (Megatron)"}, 0, nil},
		{"iter_0001000/mp_rank_00/model_optim_rng.pt", "x", []string{"optimizer: state of an optimizer (Megatron)"}, 0, nil},
		{"__0_0.distcp", "x", []string{"optimizer: a checkpoint of torch.distributed"}, 0, nil},
		{".metadata", "x", []string{"optimizer: a checkpoint of torch.distributed"}, 0, nil},
		{".cache/huggingface/download/config.json.metadata", "abc\n", nil, 0, nil},
		{"zero_to_fp32.py", "x = 1\n", []string{"optimizer: the program that puts"}, 1, nil},
		{"training_args.bin", "x", []string{"training_process: arguments of a training"}, 0, nil},
		{"runs/a/events.out.tfevents.1700000000.host", "x", []string{"training_process: the log of a training (TensorBoard)"}, 0, nil},
		{"wandb/run-1/files/output.log", "x", []string{"training_process: the log of a training (Weights"}, 0, nil},
		{"train.py", "x = 1\n", []string{"training_process: program text of a training"}, 1, nil},
		{"scripts/finetune_lora.sh", "echo\n", []string{"training_process: program text of a training"}, 1, nil},
		{"prepare_dataset.py", "x = 1\n", []string{"training_process: program text that prepares data"}, 1, nil},
		{"eval_results.json", `{"a": 1}`, []string{"generated_content: results of an evaluation"}, 0, nil},
		{"reports/Safety-Evaluation.pdf", "%PDF-1.7\n", []string{"generated_content: a report on the safety"}, 0, nil},
		{"red_team_report.md", "# Report\n", []string{"generated_content: a report on the safety"}, 0, nil},
		{"safety_checker/config.json", `{}`, nil, 0, nil},
		{"harmony.json", `{}`, nil, 0, nil},
		{"test.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", nil, 0, nil},
		{"samples/cat.png", "\x89PNG\r\n\x1a\n0000", []string{"generated_content: samples of outputs"}, 0, nil},
		{"model.safetensors.index.json", `{"weight_map": {}}`, nil, 0, nil},
		{"generated_predictions.jsonl", "{}\n", []string{"generated_content: samples of outputs"}, 0, nil},

		// Bytes.
		{"weights.txt", elf, []string{"structure: machine code (ELF shared library or program)"}, 1, nil},
		{"kernel.bin", elf[:18] + "\xbe\x00" + elf[20:], []string{"structure: kernels for graphics processors (CUDA binary)"}, 1, nil},
		{"readme", portable, []string{"structure: machine code (Windows"}, 1, nil},
		{"a", "\xcf\xfa\xed\xfe" + elf, []string{"structure: machine code (Mach-O)"}, 1, nil},
		{"a", "\xca\xfe\xba\xbe\x00\x00\x00\x02" + elf, []string{"structure: machine code (Mach-O for"}, 1, nil},
		{"a", "\xca\xfe\xba\xbe\x00\x00\x00\x34" + elf, []string{"structure: compiled code (Java class)"}, 1, nil},
		{"a", "\x00asm\x01\x00\x00\x00", []string{"structure: machine code (WebAssembly)"}, 1, nil},
		{"a", "\xcb\x0d\x0d\x0a\x00\x00\x00\x00" + strings.Repeat("\x01", 16), []string{"structure: compiled code (Python)"}, 1, nil},

		// Program text under other names.
		{"notes.txt", "#!/usr/bin/env python3\nx = 1\n", []string{"structure: program text (Python) under a name"}, 1, nil},
		{"notes.txt", "# licence\n\nimport torch\n", []string{"structure: program text (Python) under a name"}, 1, nil},
		{"notes.md", "\"\"\"What this is.\n\nMore of it.\n\"\"\"\nfrom torch import nn\n", []string{"structure: program text (Python) under a name"}, 1, nil},
		{"data.bin", "\xef\xbb\xbfimport os\n# \xe9\n", []string{"structure: program text (Python) under a name"}, 1, nil},
		{"vocab.dat", "Hello.\nimport torch\nfrom torch import nn\nclass A(nn.Module):\n    pass\n", []string{"structure: program text that builds a model"}, 1, nil},
		{"notes", "// kernels\n#include <cuda.h>\n", []string{"structure: program text (C) under a name"}, 1, nil},
		{"p.txt", ".version 8.3\n.target sm_90\n", []string{"structure: program text (GPU kernel) under a name"}, 1, nil},
		{"notes.txt", "import torch\nloss.backward()\n", []string{"training_process: program text that runs a training"}, 1, nil},
		{"notes.txt", "[not json\nimport torch\nimport os\nimport sys\n", []string{"structure: program text (Python) under a name"}, 1, nil},
		{"page.html", "<script>\nrun()\n</script>\n", []string{"structure: program text (JavaScript) under a name"}, 1, nil},
		{"story.txt", "We import from many countries.\nclass matters.\nDefine a class: the working one.\n", nil, 0, nil},

		// What program text does.
		{"a.py", "class Own(nn.Module):\n    pass\n", []string{"structure: program text that builds a model"}, 1, nil},
		{"a.py", ">>> loss.backward()\nx = 1\n", []string{"structure: program text (Python)"}, 1, nil},
		{"a.py", "trainer = SFTTrainer(model)\n", []string{"training_process: program text that runs a training"}, 1, nil},
		{"a.py", "d = load_dataset('a')\nd.save_to_disk('b')\n", []string{"training_process: program text that prepares data"}, 1, nil},
		{"Dockerfile", "FROM base\nCMD torchrun main.py\n", []string{"training_process: program text that runs a training"}, 1, nil},
		{"requirements.txt", "torch\ndeepspeed==0.14\n", []string{"training_process: a list of packages"}, 0, nil},
		{"requirements.txt", "torch\ntransformers\n", nil, 0, nil},
		{"book.ipynb", `{"cells": [], "nbformat": 4}`, []string{"structure: a notebook"}, 1, nil},
		{"data.json", `{"cells": [{"source": ["trainer = Trainer(model)"]}], "nbformat": 4}`, []string{"training_process: program text that runs"}, 1, nil},

		// Configurations.
		{"config.json", `{"auto_map": {"AutoModel": "modeling_x.XModel", "AutoConfig": "configuration_x.XConfig"}}`,
			[]string{"structure: a class of its own"}, 0, []string{"config.json: configuration_x.XConfig", "config.json: modeling_x.XModel"}},
		{"config.json", `{"auto_map": {"AutoModel": "other/repo--modeling_x.XModel"}}`,
			[]string{"structure: a class that a loader takes from another repository"}, 0, []string{"config.json: other/repo--modeling_x.XModel"}},
		{"config.json", `{"auto\u005fmap": {"AutoModel": "m.X"}, "x": NaN}`, []string{"structure: a class of its own"}, 0, []string{"config.json: m.X"}},
		{"config.json", `{"text_config": {"auto_map": {"AutoModel": "m.X"}}}`, []string{"structure: a class of its own"}, 0, []string{"config.json: m.X"}},
		{"config.json", `{"auto_map": {"AutoModel": "m.X"}`, []string{"structure: a configuration that names classes to run, and is no valid JSON"}, 0,
			[]string{"config.json: auto_map, in a file that is no valid JSON"}},
		{"config.json", `{"custom_pipelines": {"t": {"impl": "pipe.P", "pt": ["AutoModel"]}}}`, []string{"structure: a class of its own"}, 0, []string{"config.json: pipe.P"}},
		{"config.json", `{"model_file": "own.py"}`, []string{"structure: a configuration that names a program file"}, 0, []string{"config.json: own.py"}},
		{"tokenizer_config.json", `{"auto_map": {"AutoTokenizer": ["tok.T", null]}}`, []string{"structure: a class of its own"}, 0, []string{"tokenizer_config.json: tok.T"}},
		{"preprocessor_config.json", `{"auto_map": {"AutoProcessor": "p.P\u202e"}}`, []string{"structure: a class of its own"}, 0, []string{`preprocessor_config.json: p.P\u202e`}},
		{"adapter_config.json", `{"auto_mapping": {"base_model_class": "X", "parent_library": "transformers_modules.x"}}`,
			[]string{"structure: an adapter that has a module"}, 0, []string{"adapter_config.json: transformers_modules.x"}},
		{"adapter_config.json", `{"auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.llama.modeling_llama"}}`, nil, 0, nil},
		{"model_index.json", `{"_class_name": "FluxPipeline", "_diffusers_version": "0.30", "vae": ["diffusers", "AutoencoderKL"], "safety_checker": [null, null], "f": ["stable_diffusion", "S"]}`, nil, 0, nil},
		{"model_index.json", `{"_class_name": ["own", "Pipe"], "unet": ["own_unet", "U"], "_diffusers_version": "0.30"}`,
			[]string{"structure: a pipeline of its own"}, 0, []string{"model_index.json: own.Pipe", "model_index.json: own_unet.U"}},
		{"modules.json", `[{"idx": 0, "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "type": "custom_st.T"}]`,
			[]string{"structure: a module of its own"}, 0, []string{"modules.json: custom_st.T"}},
		{"model.json", `{"config": {"layers": [{"class_name": "Lambda"}]}}`, []string{"structure: a Keras layer"}, 1, []string{"model.json: Lambda"}},
		{"model_config.yaml", "a:\n  _target_: os.system\n", []string{"structure: a configuration that names a function of the system"}, 0, []string{"model_config.yaml: os.system"}},
		{"model_config.yaml", "a:\n  _target_: torch.nn.Linear\n", nil, 0, nil},

		// Templates.
		{"tokenizer_config.json", `{"chat_template": "{{ ''.__class__.__mro__ }}"}`, []string{"execution: a template that names __class__"}, 0,
			[]string{"tokenizer_config.json: a template that names __class__"}},
		{"tokenizer_config.json", `{"chat_template": [{"name": "default", "template": "{% include 'x' %}"}]}`, []string{"execution: a template that loads another template"}, 0,
			[]string{"tokenizer_config.json: a template that loads another template ({% include)"}},
		{"chat_template.jinja", `{{ x|attr('a') }}`, []string{"execution: a template that takes an attribute"}, 0, []string{"chat_template.jinja: a template that takes an attribute by a computed name (|attr)"}},
		{"chat_template.jinja", `{{ ''['\x5f\x5fclass'] }}`, []string{"execution: a template that spells an underscore"}, 0, []string{`chat_template.jinja: a template that spells an underscore as \x5f`}},
		{"chat_template.jinja", "{% for m in messages %}{{ 'call_' ~ loop.index }}{% endfor %}", nil, 0, nil},

		// Recipes and results.
		{"ds.json", `{"zero_optimization": {"stage": 3}}`, []string{"training_process: a DeepSpeed configuration"}, 0, nil},
		{"state.json", `{"log_history": [], "global_step": 5}`, []string{"training_process: the state of a trainer"}, 0, nil},
		{"trainer_state.json", `{"log_history": [], "global_step": 5}`, []string{"training_process: the state of a trainer"}, 0, nil},
		{"m.yml", "slices: []\nmerge_method: slerp\n", []string{"training_process: a recipe of a merge"}, 0, nil},
		{"m.txt", "{models: [a], \"merge_method\": slerp}\n", []string{"training_process: a recipe of a merge"}, 0, nil},
		{"a.yaml", "base_model: a/b\nmicro_batch_size: 2\n", []string{"training_process: a recipe of Axolotl"}, 0, nil},
		{"a.yaml", "stage: sft\ndo_train: true\n", []string{"training_process: a recipe of LLaMA-Factory"}, 0, nil},
		{"a.yaml", "optimizer:\n  _component_: torch.optim.AdamW\n", []string{"training_process: a recipe of torchtune"}, 0, nil},
		{"a.yaml", "trainer: {}\nexp_manager: {}\n", []string{"training_process: a recipe of NeMo"}, 0, nil},
		{"a.yaml", "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\n", []string{"training_process: an Accelerate configuration"}, 0, nil},
		{"a.toml", "[x]\nmax_train_steps = 100\n", []string{"training_process: arguments of a training"}, 0, nil},
		{"a.yaml", "license: mit\nbase_model: a/b\n", nil, 0, nil},
		{"all_results.json", `{"train_loss": 1.5, "train_runtime": 3}`, []string{"training_process: results of a training"}, 0, nil},
		{"all_results.json", `{"eval_loss": 1.5, "train_loss": 3}`, []string{"training_process: results of a training", "generated_content: results of an evaluation"}, 0, nil},
		{"r.json", `{"results": {}, "versions": {}}`, []string{"generated_content: results of an evaluation"}, 0, nil},
		{"x.json", `{"eval_batch_size": 1, "eval_steps": 2}`, nil, 0, nil},
	}
	for _, tc := range tests {
		t.Run(fmt.Sprintf("%q %.20q", tc.path, tc.content), func(t *testing.T) {
			t.Parallel()
			c := inspect(t, inspecttest.Files{tc.path: tc.content}).Facts.Contents
			got := []string{}
			for _, d := range c.Disclosures {
				require.Equal(t, tc.path, d.Object)
				got = append(got, d.Side+": "+d.What)
			}
			require.Len(t, got, len(tc.want), got)
			for i, want := range tc.want {
				require.True(t, strings.HasPrefix(got[i], want), "%q, not %q", got[i], want)
			}
			if tc.code > 0 {
				require.NotNil(t, c.Code)
				require.Equal(t, tc.code, *c.Code)
			} else if c.Code != nil {
				require.Zero(t, *c.Code)
			}
			if tc.remote != nil {
				require.Equal(t, tc.remote, c.RemoteCode)
			} else {
				require.Empty(t, c.RemoteCode)
			}
		})
	}
}

func TestComponentBesideIt(t *testing.T) {
	t.Parallel()
	c := inspect(t, inspecttest.Files{
		"model_index.json": `{"_class_name": "P", "_diffusers_version": "0.30", "unet": ["diffusers", "U"], "vae": ["flux", "V"]}`,
		"vae/flux.py":      "x = 1\n",
	}).Facts.Contents
	require.Equal(t, []string{"model_index.json: flux.V"}, c.RemoteCode, "a file beside it comes before the library's module")
	require.Equal(t, int64(1), *c.Code)
}

func TestOptimizerTensors(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]inspecttest.Files{
		"by their names":     {"a.safetensors": tensors("model.embed.weight.exp_avg", "model.embed.weight.exp_avg_sq")},
		"by a prefix":        {"a.safetensors": tensors("optimizer.state.0.step")},
		"momentum":           {"a.safetensors": tensors("w.momentum_buffer")},
		"by the set's name":  {"x-optim-00001-of-00002.safetensors": tensors("a"), "x-optim-00002-of-00002.safetensors": tensors("b")},
		"by the file's name": {"optimizer.safetensors": tensors("a")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, files)
			require.True(t, *r.Facts.Contents.Optimizer)
			require.Len(t, inspecttest.Known(t, r, "contents.optimizer").Evidence, len(files))
		})
	}
	require.False(t, *inspect(t, inspecttest.Files{"a.safetensors": tensors("momentum_encoder.weight", "exp_average")}).Facts.Contents.Optimizer)
}

func TestCards(t *testing.T) {
	t.Parallel()
	index := map[string]any{"model-index": []any{map[string]any{"name": "m", "results": []any{map[string]any{"task": map[string]any{}}}}}}
	for name, tc := range map[string]struct {
		card pipeline.Card
		want bool
	}{
		"results":       {pipeline.Card{Object: "README.md", Values: index}, true},
		"of a data set": {pipeline.Card{Object: "README.md", Values: index, Dataset: true}, false},
		"no results":    {pipeline.Card{Object: "README.md", Values: map[string]any{"model-index": []any{map[string]any{"results": []any{}}}}}, false},
		"another kind":  {pipeline.Card{Object: "README.md", Values: map[string]any{"model-index": "x"}}, false},
		"nothing":       {pipeline.Card{Object: "README.md"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, inspecttest.Files{"README.md": "text"}, tc.card)
			require.Equal(t, tc.want, *r.Facts.Contents.GeneratedContent)
		})
	}
}

func TestPickles(t *testing.T) {
	t.Parallel()
	pickle := "\x80\x04\x8c\x02os\x8c\x06system\x93."
	c := inspect(t, inspecttest.Files{"a.pkl": pickle, "b.dat": pickle, "c.joblib": "\x00\x01", "d.txt": "text"}).Facts.Contents
	require.Equal(t, int64(3), *c.Pickles)
}

// A template in the header of a GGUF file is looked at too, up to 64 KiB.
func TestTemplateInHeader(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		template string
		want     []string
	}{
		"plain":    {"{% for m in messages %}{{ m.content }}{% endfor %}", []string{}},
		"reaching": {strings.Repeat("{# filler #}", 4000) + "{{ x.__globals__ }}", []string{"a.gguf: a template that names __globals__"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := files.File{Values: []files.Value{{Key: "general.architecture", Value: "llama"}, {Key: "tokenizer.chat_template", Value: tc.template}},
				Tensors: files.Llama(1, 32, 32, 32, 32, files.TypeOf("F32"))}
			r := inspecttest.Run{Readers: []pipeline.Reader{gguf.Reader{}, code.Reader{}}, Derivers: []pipeline.Deriver{code.Deriver{}}}.
				Inspect(t, inspecttest.Files{"a.gguf": string(f.Bytes())})
			require.Equal(t, tc.want, r.Facts.Contents.RemoteCode)
			require.Equal(t, []string{"gguf ok"}, inspecttest.Inspections(r, "a.gguf"))
		})
	}
}

// Where an object could not be looked into, what was not found is unknown, and what was
// found stands.
func TestUnseen(t *testing.T) {
	t.Parallel()
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 5\n"
	long := `{"x": "` + strings.Repeat(" ", code.MaxConfig) + `", "auto_map": {"AutoModel": "m.X"}}`
	for name, files := range map[string]inspecttest.Files{
		"an archive":      {"a.bin": "\x1f\x8b\x08" + strings.Repeat("\x00", 600)},
		"an encryption":   {"a.bin": "Salted__12345678" + strings.Repeat("\x00", 600)},
		"a pointer":       {"a.bin": pointer},
		"a long config":   {"tokenizer_config.json": long},
		"a packed folder": {"a.zip": "PK\x03\x04" + strings.Repeat("\x00", 22) + "\x05\x00\x00\x00a.bin" + "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, files)
			require.Equal(t, int64(1), *r.Facts.Contents.Unseen)
			for _, fact := range []string{"structure", "optimizer", "training_process", "generated_content", "pickles", "code", "remote_code", "disclosures"} {
				inspecttest.Unknown(t, r, "contents."+fact)
			}
			files["train.py"] = "x"
			r = inspect(t, files)
			require.True(t, *r.Facts.Contents.TrainingProcess)
			require.Equal(t, int64(1), *r.Facts.Contents.Code)
			inspecttest.Unknown(t, r, "contents.optimizer")
		})
	}
	r := inspect(t, inspecttest.Files{"optimizer.pt": pointer})
	require.True(t, *r.Facts.Contents.Optimizer, "a name tells what lies behind a pointer")
	r = inspect(t, inspecttest.Files{"tokenizer_config.json": long})
	require.Contains(t, inspecttest.Inspections(r, "tokenizer_config.json"), "code ok: a configuration file of more than 4 MiB, which was not looked into")
}

func TestArchives(t *testing.T) {
	t.Parallel()
	member := func(name string) string {
		return "PK\x03\x04" + strings.Repeat("\x00", 22) + string(rune(len(name))) + "\x00\x00\x00" + name + "content"
	}
	header := func(name string) string {
		b := make([]byte, 1024)
		copy(b, name)
		copy(b[124:], "00000000001\x00")
		copy(b[257:], "ustar\x0000")
		return string(b)
	}
	for path, tc := range map[string]struct{ content, what string }{
		"a.zip":  {member("weights.bin") + member("deep/modeling_x.py"), "a zip archive with program text, such as deep/modeling_x.py; it was not unpacked"},
		"a.nemo": {header("./weights.ckpt") + header("./run.sh"), "a tar archive with program text, such as ./run.sh; it was not unpacked"},
	} {
		r := inspect(t, inspecttest.Files{path: tc.content})
		require.Equal(t, []string{path + " structure: " + tc.what}, disclosed(r.Facts.Contents))
		require.Equal(t, int64(1), *r.Facts.Contents.Code)
		require.Equal(t, int64(1), *r.Facts.Contents.Unseen)
	}
}

// Lists and evidence are bounded; the counts are not.
func TestMany(t *testing.T) {
	t.Parallel()
	files := inspecttest.Files{}
	for i := range 250 {
		files[fmt.Sprintf("m/modeling_%03d.py", i)] = "x = 1\n"
		files[fmt.Sprintf("m/%03d/config.json", i)] = fmt.Sprintf(`{"auto_map": {"AutoModel": "m.X%d"}}`, i)
	}
	r := inspect(t, files)
	c := r.Facts.Contents
	require.Equal(t, int64(250), *c.Code)
	require.Len(t, c.Disclosures, 200)
	require.Equal(t, int64(500), *c.DisclosuresTotal)
	require.Len(t, c.RemoteCode, 100)
	require.Equal(t, int64(250), *c.RemoteCodeTotal)
	require.Len(t, inspecttest.Known(t, r, "contents.code").Evidence, 20)
	require.Len(t, inspecttest.Known(t, r, "contents.remote_code").Evidence, 20)
}

// The same files in any order of reading give the same facts.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	files := inspecttest.Files{}
	for i := range 40 {
		files[fmt.Sprintf("a%02d.txt", i)] = "import torch\nclass A(nn.Module):\n    pass\nloss.backward()\n"
		files[fmt.Sprintf("c%02d/config.json", i)] = `{"auto_map": {"A": "a.A", "B": "b.B"}, "model_file": "x.py"}`
	}
	first := inspect(t, files).Facts.Contents
	for range 3 {
		require.Equal(t, first, inspect(t, files).Facts.Contents)
	}
}

func FuzzLook(f *testing.F) {
	for _, seed := range []struct{ path, content string }{
		{"config.json", `{"auto_map": {"AutoModel": "m.X"}, "x": NaN}`},
		{"modules.json", `[{"type": "x.Y"}]`},
		{"model_index.json", `{"unet": ["a", "B"], "_class_name": ["c", "D"]}`},
		{"a.txt", "#!/bin/sh\nimport torch\n"},
		{"a.zip", "PK\x03\x04" + strings.Repeat("\x00", 22) + "\x04\x00\x00\x00a.pyPK\x01\x02"},
		{"a.tar", string(make([]byte, 257)) + "ustar\x0000" + string(make([]byte, 300))},
		{"a.yaml", "merge_method: x\n_target_: os.system\n"},
		{"chat_template.jinja", "{{ ''.__class__ }}"},
		{"a.exe", "MZ" + strings.Repeat("\xff", 62)},
		{"a", "\x7fELF\x02\x02"},
		{"a.json", strings.Repeat("[", 5000)},
		{"a.json", strings.Repeat(`{"a":`, 3000)},
	} {
		f.Add(seed.path, []byte(seed.content), int64(len(seed.content)))
	}
	f.Fuzz(func(t *testing.T, path string, content []byte, size int64) {
		size = max(size, int64(len(content)))
		found := code.Look(pipeline.Object{Path: path, Size: size}, content, func(string) bool { return false })
		for _, r := range found {
			require.Equal(t, path, r.At.Object)
			require.NotEmpty(t, r.What)
			for _, text := range []string{r.What, r.Class, r.At.Where} {
				require.NotContains(t, text, "\u202e")
				require.NotContains(t, text, "\x00")
				require.LessOrEqual(t, len(text), 20<<10)
			}
		}
	})
}
