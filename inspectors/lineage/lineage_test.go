package lineage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/architecture"
	"weighbridge/inspectors/gguf"
	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/lineage"
	"weighbridge/inspectors/modelconfig"
	"weighbridge/inspectors/safetensors"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

var update = flag.Bool("update", false, "write the golden files again")

// card is a reader that states what a README would: each line of the object is
// "relation id", with "-" for a relation that is not stated.
type card struct{}

func (card) Name() string                              { return "card" }
func (card) Open([]pipeline.Object) pipeline.ReaderRun { return &cardRun{} }

type cardRun struct{ bases []pipeline.BaseRecord }

func (*cardRun) First(pipeline.Object, pipeline.Stage) (int64, bool) { return 0, false }
func (*cardRun) Sniff(o pipeline.Object, _ []byte) bool {
	return o.Path == "README.md" || o.Path == "bom.json"
}

func (r *cardRun) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	kind := pipeline.RecordCard
	if f.Object().Path == "bom.json" {
		kind = pipeline.RecordBOM
	}
	for line := range strings.Lines(string(f.Head())) {
		relation, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		b := pipeline.BaseRecord{At: pipeline.Evidence{Object: f.Object().Path, Where: "$.base_model"}, Kind: kind, Basis: pipeline.BasisDeclared, Base: pipeline.Base{ID: &id}}
		if relation != "-" {
			b.Base.Relation = &relation
		}
		if kind == pipeline.RecordBOM {
			license, digest := "mit", "sha256:"+strings.Repeat("0", 64)
			b.Base.License, b.Base.Digest = &license, &digest
		}
		r.bases = append(r.bases, b)
	}
	return pipeline.ReadResult{Beside: true, Role: pipeline.RoleCard}, nil
}

func (r *cardRun) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	readings.Bases = append(readings.Bases, r.bases...)
}

// tensors is a safetensors file with zeros in tensors of the given dtype and sides.
func tensors(dtype string, size int, names ...string) string {
	header := map[string]any{}
	at := 0
	for _, name := range names {
		header[name] = map[string]any{"dtype": dtype, "shape": []int{8, 8}, "data_offsets": []int{at, at + 64*size}}
		at += 64 * size
	}
	text, _ := json.Marshal(header)
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, uint64(len(text)))
	b.Write(text)
	b.Write(make([]byte, at))
	return b.String()
}

var (
	plain = tensors("BF16", 2, "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight")
	lora  = tensors("F32", 4, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight")
)

func quantized(values ...files.Value) string {
	f := files.File{Values: append([]files.Value{{Key: "general.architecture", Value: "llama"}}, values...),
		Tensors: []files.Tensor{{Name: "token_embd.weight", Dims: []uint64{32, 32}, Type: files.TypeOf("Q8_0")}}}
	return string(f.Bytes())
}

// inspect runs the deriver on files, behind those of the weight.
func inspect(t *testing.T, sub *pipeline.Submission, objects inspecttest.Files) pipeline.Report {
	t.Helper()
	return inspecttest.Run{Readers: []pipeline.Reader{safetensors.Reader{}, gguf.Reader{}, modelconfig.Reader{}, card{}, lineage.Reader{}},
		Derivers: []pipeline.Deriver{architecture.New(), weight.New(), lineage.New()}, Submission: sub}.Inspect(t, objects)
}

func bases(stated ...pipeline.Base) *pipeline.Submission {
	return &pipeline.Submission{Bases: append([]pipeline.Base{}, stated...)}
}

func base(id, relation string) pipeline.Base {
	b := pipeline.Base{ID: &id}
	if relation != "" {
		b.Relation = &relation
	}
	return b
}

func ptr(text string) *string { return &text }

// golden is what is held in files: the facts that a reviewer sees, with what they rest on.
type golden struct {
	Lineage        pipeline.Lineage     `json:"lineage"`
	Bases          []pipeline.Base      `json:"bases"`
	Contradictions []string             `json:"contradictions"`
	Index          []pipeline.FactEntry `json:"index"`
	Inspections    []string             `json:"inspections"`
}

func TestLineage_Golden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sub   *pipeline.Submission
		files inspecttest.Files
	}{
		"nothing": {nil, inspecttest.Files{"model.safetensors": plain, "config.json": `{"_name_or_path": "/data/ckpt"}`}},
		"finetune": {nil, inspecttest.Files{"model.safetensors": plain, "README.md": "finetune meta-llama/Llama-3.1-8B",
			"config.json": `{"_name_or_path": "https://huggingface.co/Meta-Llama/llama-3.1-8b/"}`}},
		"lora": {bases(base("x/other", "merge"), base("META-LLAMA/llama-3.1-8b", "")), inspecttest.Files{"adapter_model.safetensors": lora,
			"adapter_config.json": `{"peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B", "revision": "main", "task_type": "CAUSAL_LM"}`,
			"README.md":           "- meta-llama/Llama-3.1-8B"}},
		"merge": {nil, inspecttest.Files{"model.safetensors": plain, "README.md": "- a/one\n- a/two",
			"mergekit_config.yml": "merge_method: ties\nbase_model: a/base\nmodels: [{model: a/one@r1}, {model: a/two}, {model: ./local}]"}},
		"gguf": {nil, inspecttest.Files{"model-q8_0.gguf": quantized(files.Value{Key: "general.base_model.count", Value: uint32(2)},
			files.Value{Key: "general.base_model.0.name", Value: "Llama 3.1 8B"}, files.Value{Key: "general.base_model.0.organization", Value: "Meta Llama"},
			files.Value{Key: "general.base_model.0.repo_url", Value: "https://huggingface.co/meta-llama/Llama-3.1-8B"}, files.Value{Key: "general.base_model.0.version", Value: "3.1"},
			files.Value{Key: "general.base_model.1.name", Value: "Own 8B"}, files.Value{Key: "general.base_model.1.organization", Value: "Acme"})}},
		"gguf of a finetune": {nil, inspecttest.Files{"README.md": "quantized acme/tuned-8b", "model.gguf": quantized(files.Value{Key: "general.base_model.count", Value: uint32(1)},
			files.Value{Key: "general.base_model.0.repo_url", Value: "https://huggingface.co/meta-llama/Llama-3.1-8B"})}},
		"undeclared": {bases(), inspecttest.Files{"model.safetensors": plain, "config.json": `{"_name_or_path": "meta-llama/Llama-3.1-8B", "quantization_config": {"bits": 4}}`}},
		"unreadable": {nil, inspecttest.Files{"model.safetensors": plain, "a/mergekit_config.yaml": "models: ["}},
		"bom":        {nil, inspecttest.Files{"model.safetensors": plain, "bom.json": "- a/one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, tc.sub, tc.files)
			_, err := pipeline.FactSetFrom(r.Facts, r.FactsIndex)
			require.NoError(t, err)
			got := golden{Lineage: r.Facts.Lineage, Bases: r.Facts.Bases, Contradictions: r.Facts.Submission.Contradictions}
			for _, e := range r.FactsIndex {
				if strings.HasPrefix(e.Name, "bases") || strings.HasPrefix(e.Name, "lineage") {
					got.Index = append(got.Index, e)
				}
			}
			for path := range tc.files {
				if strings.Contains(path, "mergekit") {
					got.Inspections = inspecttest.Inspections(r, path)
				}
			}
			text, err := json.MarshalIndent(got, "", "  ")
			require.NoError(t, err)
			file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".json")
			if *update {
				require.NoError(t, os.WriteFile(file, append(text, '\n'), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), string(text)+"\n")
		})
	}
}

func TestLineage_Problems(t *testing.T) {
	t.Parallel()
	named := &pipeline.Submission{Model: pipeline.Model{ID: ptr("acme/own")}}
	adapter := `{"base_model_name_or_path": "a/one"}`
	for name, tc := range map[string]struct {
		sub   *pipeline.Submission
		files inspecttest.Files
		want  []string
	}{
		"all agree":                {nil, inspecttest.Files{"m.safetensors": lora, "adapter_config.json": adapter, "README.md": "adapter A/One"}, nil},
		"card and adapter":         {nil, inspecttest.Files{"m.safetensors": lora, "adapter_config.json": adapter, "README.md": "- a/two"}, []string{"adapter_config.json names a/one as a base, and README.md names a/two."}},
		"card of several adapters": {nil, inspecttest.Files{"x/m.safetensors": lora, "x/adapter_config.json": adapter, "y/m.safetensors": lora, "y/adapter_config.json": `{"base_model_name_or_path": "a/two"}`, "README.md": "- a/one\n- a/two"}, nil},
		"two adapters":             {nil, inspecttest.Files{"x/m.safetensors": lora, "x/adapter_config.json": adapter, "y/m.safetensors": lora, "y/adapter_config.json": `{"base_model_name_or_path": "a/two"}`}, []string{"x/adapter_config.json names a/one as a base, and y/adapter_config.json names a/two."}},
		"card names more":          {nil, inspecttest.Files{"m.safetensors": lora, "adapter_config.json": adapter, "README.md": "- a/one\n- a/two"}, []string{"README.md names a/two as a base, which adapter_config.json does not."}},
		"adapter of a folder":      {nil, inspecttest.Files{"m.safetensors": lora, "adapter_config.json": `{"base_model_name_or_path": "/data/<b>x</b>\u202e"}`}, []string{`adapter_config.json names "/data/<b>x</b>\u202e" as a base, which is no published model. Ask which one it is.`}},
		"loaded from another":      {nil, inspecttest.Files{"m.safetensors": plain, "config.json": `{"_name_or_path": "meta-llama/Llama-2-7b"}`, "README.md": "finetune mistralai/Mistral-7B-v0.1"}, []string{"config.json says that the weights were loaded from meta-llama/Llama-2-7b, and README.md names mistralai/Mistral-7B-v0.1 as the base."}},
		"names itself":             {named, inspecttest.Files{"m.safetensors": plain, "README.md": "finetune https://hf.co/Acme/Own"}, []string{`README.md names the model itself, "https://hf.co/Acme/Own", as its base.`}},
		"no adapter":               {nil, inspecttest.Files{"m.safetensors": plain, "README.md": "adapter a/one"}, []string{"The model is stated to be an adapter of a/one, and no file holds the weights of an adapter."}},
		"an adapter":               {nil, inspecttest.Files{"m.safetensors": lora, "README.md": "finetune a/one"}, []string{"The model is stated to be made from a/one by finetune, and the files hold an adapter."}},
		"not packed":               {nil, inspecttest.Files{"m.safetensors": plain, "README.md": "quantized a/one"}, []string{"The model is stated to be a quantized form of a/one, and its weights are not packed."}},
		"not packed, as submitted": {bases(base("a/one", "quantized")), inspecttest.Files{"m.safetensors": plain}, []string{"The model is stated to be a quantized form of a/one, and its weights are not packed."}},
		"a merge of one":           {nil, inspecttest.Files{"m.safetensors": plain, "README.md": "merge a/one"}, []string{"The model is stated to be a merge, and one model only is named that it was made from."}},
		"two relations":            {nil, inspecttest.Files{"m.safetensors": plain, "README.md": "finetune a/one", "mergekit_config.yml": "models: [{model: a/one}]"}, []string{"mergekit_config.yml states merge of a/one, and README.md states finetune."}},
		"no weights":               {nil, inspecttest.Files{"README.md": "adapter a/one"}, nil},
		"an odd word":              {nil, inspecttest.Files{"m.safetensors": plain, "README.md": "borrowed a/one"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, tc.sub, tc.files)
			require.Equal(t, append([]string{}, tc.want...), r.Facts.Lineage.Problems)
		})
	}
}

// What a loader left in a config names no base where it is a folder, the model itself, or a
// component.
func TestLineage_WeakNames(t *testing.T) {
	t.Parallel()
	named := &pipeline.Submission{Model: pipeline.Model{ID: ptr("acme/own-7b")}}
	for name, objects := range map[string]inspecttest.Files{
		"folder":         {"config.json": `{"_name_or_path": "/data/ckpt"}`},
		"outputs":        {"config.json": `{"_name_or_path": "outputs/run-1"}`},
		"step":           {"config.json": `{"_name_or_path": "acme/checkpoint-500"}`},
		"no owner":       {"config.json": `{"_name_or_path": "merged_model"}`},
		"itself":         {"config.json": `{"_name_or_path": "Acme/own-7B"}`},
		"empty":          {"config.json": `{"_name_or_path": ""}`},
		"no text":        {"config.json": `{"_name_or_path": {"a": "b/c"}}`},
		"component":      {"text_encoder/config.json": `{"_name_or_path": "openai/clip-vit-large-patch14"}`},
		"empty headers":  {"m.gguf": quantized(files.Value{Key: "general.base_model.count", Value: uint32(1)})},
		"huge count":     {"m.gguf": quantized(files.Value{Key: "general.base_model.count", Value: uint64(1) << 63})},
		"itself, header": {"m.gguf": quantized(files.Value{Key: "general.base_model.count", Value: uint32(1)}, files.Value{Key: "general.base_model.0.name", Value: "Own 7B"}, files.Value{Key: "general.base_model.0.organization", Value: "Acme"})},
	} {
		r := inspect(t, named, objects)
		require.Equal(t, []pipeline.BaseSource{}, r.Facts.Lineage.Bases, name)
		require.Equal(t, []string{}, r.Facts.Lineage.Problems, name)
		require.Nil(t, r.Facts.Bases, name)
		require.Equal(t, pipeline.BasisMeasured, inspecttest.Known(t, r, "lineage.bases").Basis, name)
	}
}

// A copy of another owner's model was made from that model.
func TestLineage_CopyOfAnotherOwner(t *testing.T) {
	t.Parallel()
	config := inspecttest.Files{"config.json": `{"_name_or_path": "meta-llama/Llama-3.1-8B"}`}
	r := inspect(t, &pipeline.Submission{Model: pipeline.Model{ID: ptr("acme/Llama-3.1-8B")}}, config)
	require.Len(t, r.Facts.Lineage.Bases, 1)
	r = inspect(t, &pipeline.Submission{Model: pipeline.Model{Name: ptr("Llama-3.1-8B")}}, config)
	require.Empty(t, r.Facts.Lineage.Bases)
}

// A file that is larger than what is read whole is a text all the same.
func TestReader_Large(t *testing.T) {
	t.Parallel()
	r := inspect(t, nil, inspecttest.Files{"mergekit_config.yml": "models: [{model: a/b}]\n" + strings.Repeat("# a remark\n", 1<<17)})
	require.Len(t, r.Facts.Lineage.Problems, 1)
	require.Contains(t, r.Facts.Lineage.Problems[0], "longer than 1 MiB")
	require.Equal(t, []string{"recipe ok: the merge recipe cannot be read: it is longer than 1 MiB"}, inspecttest.Inspections(r, "mergekit_config.yml"))
	require.Equal(t, pipeline.RoleConfig, r.Artifact.Objects[0].Role)
}
