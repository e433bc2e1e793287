package code

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// isConfig reports whether loaders take classes, modules or templates from a file of this
// name.
func isConfig(name string) bool {
	base := path.Base(normal(name))
	switch base {
	case "model_index.json", "modular_model_index.json", "modules.json", "model.json", "chat_template.json":
		return true
	}
	return strings.HasSuffix(base, "config.json")
}

// told lists words of which a JSON document has one where it says anything here. What is
// escaped in a document is looked at too.
var told = [][]byte{
	[]byte(`auto_map`), []byte(`custom_pipelines`), []byte(`model_file`), []byte(`chat_template`), []byte(`parent_library`),
	[]byte(`_diffusers_version`), []byte(`sentence_transformers`), []byte(`"Lambda"`), []byte(`"type"`), []byte(`_target_`),
	[]byte(`\u00`), []byte(`nbformat`), []byte(`zero_optimization`), []byte(`train_micro_batch`), []byte(`log_history`),
	[]byte(`train_loss`), []byte(`train_runtime`), []byte(`eval_`), []byte(`predict_`), []byte(`test_`), []byte(`"results"`),
	[]byte(`train_batch_size`), []byte(`num_train_epochs`), []byte(`merge_method`), []byte(`finetuning_type`), []byte(`micro_batch_size`),
	[]byte(`gradient_accumulation_steps`), []byte(`max_train_`), []byte(`distributed_type`), []byte(`_wandb`), []byte(`exp_manager`),
}

// documents are the ends of names that no program text has.
var documents = map[string]bool{".json": true, ".jsonl": true}

// document looks at a JSON document, and reports whether the object is one, so that it
// need not be looked at as anything else. A long one that no loader takes for a
// configuration is looked at only as far as its name goes.
func (l *looker) document() bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(l.head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) == 0 || start[0] != '{' && start[0] != '[' {
		return false
	}
	if !l.whole || len(l.head) > MaxConfig {
		return documents[path.Ext(l.name)]
	}
	if !isConfig(l.object.Path) && !slices.ContainsFunc(told, func(word []byte) bool { return bytes.Contains(l.head, word) }) {
		return documents[path.Ext(l.name)]
	}
	v, ok := parse(l.head)
	if !ok {
		l.broken()
		// Program text may begin with a bracket; a JSON document is none.
		return documents[path.Ext(l.name)]
	}
	switch v := v.(type) {
	case map[string]any:
		l.walk(v, "$", 0)
		l.pipeline(v)
		l.notebook(v)
		l.results(v)
		l.keys(documentKeys(v))
	case []any:
		l.modules(v)
		l.walk(v, "$", 0)
	}
	return true
}

// notNumbers matches what Python's reader takes for a number and JSON does not know,
// where it stands as a value.
var notNumbers = regexp.MustCompile(`([:\[,]\s*)-?(?:NaN|Infinity)\b`)

// parse reads JSON as Python's reader does, which loaders use: NaN and Infinity are
// numbers there. A text that holds such a word behind a colon may be changed by it, and
// nothing here rests on that.
func parse(text []byte) (v any, ok bool) {
	if json.Unmarshal(text, &v) == nil {
		return v, true
	}
	v = nil
	return v, json.Unmarshal(notNumbers.ReplaceAll(text, []byte("${1}0")), &v) == nil && v != nil
}

// broken looks at a document that is no JSON: no loader that is known reads it, and what
// names a class to run is told all the same.
func (l *looker) broken() {
	if bytes.Contains(l.head, []byte(`auto_map`)) {
		l.remote("", "auto_map, in a file that is no valid JSON", "a configuration that names classes to run, and is no valid JSON")
	}
}

// remote records a class or module that a loader would run.
func (l *looker) remote(where, class, what string) {
	l.add(pipeline.CodeRecord{At: pipeline.Evidence{Where: where}, Side: structure, What: what, Class: shown(class)})
}

// mostNested is how deep a document is looked into.
const mostNested = 12

// walk looks at every object and list of a document for what a loader runs.
func (l *looker) walk(v any, where string, depth int) {
	if depth > mostNested {
		return
	}
	switch v := v.(type) {
	case []any:
		for i, inner := range v {
			if holds(inner) {
				l.walk(inner, fmt.Sprintf("%s[%d]", where, i), depth+1)
			}
		}
	case map[string]any:
		l.one(v, where)
		for _, key := range sorted(v) {
			if holds(v[key]) {
				l.walk(v[key], where+"."+shown(key), depth+1)
			}
		}
	}
}

// holds reports whether a value holds others.
func holds(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// one looks at one object of a document.
func (l *looker) one(v map[string]any, where string) {
	for _, class := range texts(v["auto_map"], 0) {
		l.mapped(class, where+".auto_map")
	}
	if tasks, ok := v["custom_pipelines"].(map[string]any); ok {
		for _, task := range sorted(tasks) {
			if p, ok := tasks[task].(map[string]any); ok {
				for _, class := range texts(p["impl"], 0) {
					l.mapped(class, where+".custom_pipelines")
				}
			}
		}
	}
	if m, ok := v["auto_mapping"].(map[string]any); ok {
		if library, ok := m["parent_library"].(string); ok && !fromLibrary(library, "transformers", "peft", "diffusers", "torch", "timm", "sentence_transformers") {
			l.remote(where+".auto_mapping", library, "an adapter that has a module of no known library imported")
		}
	}
	if file, ok := v["model_file"].(string); ok && path.Base(l.name) == "config.json" {
		l.remote(where+".model_file", file, "a configuration that names a program file to run as the model")
	}
	if v["class_name"] == "Lambda" {
		l.add(pipeline.CodeRecord{At: pipeline.Evidence{Where: where}, Code: true, Side: structure, What: "a Keras layer that holds compiled code", Class: "Lambda"})
	}
	if target, ok := v["_target_"].(string); ok && runs.MatchString(target) {
		l.remote(where+"._target_", target, "a configuration that names a function of the system to call")
	}
	l.templates(v["chat_template"], where+".chat_template")
}

// runs matches functions that configurations of Hydra, which NeMo uses, have no reason to
// name.
var runs = regexp.MustCompile(`^(?:builtins|os|posix|nt|sys|subprocess|shutil|importlib|runpy|pty|commands|socket|ctypes|pickle|code)\.|(?:^|\.)(?:exec|eval|system|popen|Popen)$`)

// mapped records a class of auto_map, as "module.Class" or "repository--module.Class".
func (l *looker) mapped(class, where string) {
	what := "a class of its own that a loader takes from the artifact and runs"
	if strings.Contains(class, "--") {
		what = "a class that a loader takes from another repository and runs"
	}
	l.remote(where, class, what)
}

// templates looks at the templates of a tokenizer: one text, or a list of named ones.
func (l *looker) templates(v any, where string) {
	switch v := v.(type) {
	case string:
		l.reaches(v, where)
	case []any:
		for _, inner := range v {
			if named, ok := inner.(map[string]any); ok {
				l.templates(named["template"], where)
			}
		}
	case map[string]any:
		for _, name := range sorted(v) {
			l.templates(v[name], where)
		}
	}
}

// The modules that diffusers loads components from without running code of the artifact:
// libraries, and the folders of its own pipelines that published models name.
var diffused = []string{
	"diffusers", "transformers", "onnxruntime", "optimum", "flax", "peft", "k_diffusion",
	"stable_diffusion", "stable_diffusion_safe", "stable_diffusion_xl", "stable_diffusion_3", "stable_cascade", "alt_diffusion",
	"altdiffusion", "deepfloyd_if", "kandinsky", "kandinsky2_2", "latent_diffusion", "paint_by_example", "unidiffuser", "unclip",
	"versatile_diffusion", "wuerstchen", "audioldm2", "shap_e", "spectrogram_diffusion", "blip_diffusion", "flux", "flux2", "ltx",
	"hidream_image", "cosmos", "hunyuan_image", "hunyuan_video", "qwenimage", "wan", "bria", "musicldm", "marigold", "visualcloze",
}

// pipeline looks at the components of a pipeline of diffusers: a list of a module and a
// class each. A module whose file lies in the component's folder is run from there; one
// that neither lies there nor is known is told as well.
func (l *looker) pipeline(v map[string]any) {
	if _, ok := v["_diffusers_version"]; !ok && !strings.HasSuffix(path.Base(l.name), "model_index.json") {
		return
	}
	dir := path.Dir(l.object.Path)
	for _, component := range sorted(v) {
		pair, ok := v[component].([]any)
		if !ok || len(pair) < 2 {
			continue
		}
		module, _ := pair[0].(string)
		class, ok := pair[1].(string)
		if module == "" || !ok {
			continue
		}
		file := path.Join(dir, component, module+".py")
		switch {
		case component == "_class_name":
			l.remote("$._class_name", module+"."+class, "a pipeline of its own that a loader takes from the artifact and runs")
		case l.present(file), !fromLibrary(module, diffused...):
			l.remote("$."+shown(component), module+"."+class, "a component whose module is no library's")
		}
	}
}

// fromLibrary reports whether a module is a library, or lies in one.
func fromLibrary(module string, libraries ...string) bool {
	top, _, _ := strings.Cut(module, ".")
	return slices.Contains(libraries, top)
}

// modules looks at the modules.json of sentence-transformers: a list of objects that name
// the class of each module.
func (l *looker) modules(v []any) {
	if path.Base(l.name) != "modules.json" {
		return
	}
	for i, inner := range v {
		m, _ := inner.(map[string]any)
		if class, ok := m["type"].(string); ok && !fromLibrary(class, "sentence_transformers", "pylate") {
			l.remote(fmt.Sprintf("$[%d].type", i), class, "a module of its own that a loader takes from the artifact and runs")
		}
	}
}

// notebook tells a notebook by its keys, whatever its name, and looks at what it does.
func (l *looker) notebook(v map[string]any) {
	_, cells := v["cells"].([]any)
	if _, ok := v["nbformat"]; !ok || !cells {
		return
	}
	l.add(pipeline.CodeRecord{Code: true, What: "a notebook"})
	l.does(l.text())
}

// results looks at what a trainer or a harness says of a run: numbers named after what
// was measured.
func (l *looker) results(v map[string]any) {
	measured := func(split string) bool {
		return v[split+"_loss"] != nil || v[split+"_runtime"] != nil || v[split+"_samples_per_second"] != nil || v[split+"_accuracy"] != nil
	}
	if measured("train") {
		l.add(pipeline.CodeRecord{Side: training, What: "results of a training"})
	}
	_, harness := v["results"].(map[string]any)
	if measured("eval") || measured("predict") || measured("test") ||
		harness && (v["versions"] != nil || v["configs"] != nil || v["config_general"] != nil || v["n-shot"] != nil) {
		l.add(pipeline.CodeRecord{Side: generated, What: "results of an evaluation"})
	}
}

// texts lists the texts of a value: itself, or those of its lists and objects.
func texts(v any, depth int) []string {
	if depth > mostNested {
		return nil
	}
	var out []string
	switch v := v.(type) {
	case string:
		if v != "" {
			out = append(out, v)
		}
	case []any:
		for _, inner := range v {
			out = append(out, texts(inner, depth+1)...)
		}
	case map[string]any:
		for _, key := range sorted(v) {
			out = append(out, texts(v[key], depth+1)...)
		}
	}
	return out
}

func sorted(v map[string]any) []string {
	keys := make([]string, 0, len(v))
	for key := range v {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
