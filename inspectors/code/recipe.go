package code

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// recipes lists what a training, or a merge, is run from, by keys that stand in no other
// file: all of the first list, and one of the second where it is not empty. The keys are
// those of the tools' own documentation.
var recipes = []struct {
	what     string
	all, any []string
}{
	{"a DeepSpeed configuration", nil, []string{"zero_optimization", "train_micro_batch_size_per_gpu"}},
	{"the state of a trainer", []string{"log_history", "global_step"}, nil},
	{"a recipe of a merge (mergekit)", []string{"merge_method"}, nil},
	{"an Accelerate configuration", []string{"compute_environment", "distributed_type"}, nil},
	{"a recipe of LLaMA-Factory", []string{"finetuning_type"}, nil},
	{"a recipe of LLaMA-Factory", []string{"stage", "do_train"}, nil},
	{"a recipe of Axolotl", []string{"base_model"}, []string{"micro_batch_size", "sequence_len", "val_set_size", "sample_packing"}},
	{"a recipe of torchtune", []string{"_component_"}, []string{"optimizer", "loss", "epochs", "batch_size"}},
	{"a recipe of NeMo", []string{"exp_manager"}, nil},
	{"a recipe of NeMo", []string{"trainer", "model", "optim"}, nil},
	{"arguments of a training", nil, []string{"per_device_train_batch_size", "num_train_epochs", "max_train_steps", "max_train_epochs"}},
	{"arguments of a training", []string{"learning_rate"}, []string{"gradient_accumulation_steps", "train_batch_size", "micro_batch_size", "global_batch_size", "lr_scheduler", "lr_scheduler_type"}},
	{"the log of a training (Weights & Biases)", nil, []string{"_wandb", "wandb_version"}},
}

// keyed matches a key of YAML, TOML or a file of settings, where a line or a flow mapping
// begins. Nothing is parsed: aliases, depth and length of such a file cannot do harm, and a
// key that is spelt with escapes is not found.
var keyed = regexp.MustCompile(`(?m)(?:^|[{,])[ \t]*(?:-[ \t]+)*["']?([A-Za-z_][\w.-]{0,63})["']?[ \t]*[:=]`)

// mostKeys is how many different keys of a text are looked at.
const mostKeys = 10_000

// recipe looks for a recipe in a text that may be one by its name.
func (l *looker) recipe() {
	base := path.Base(l.name)
	switch path.Ext(base) {
	case ".yaml", ".yml", ".toml", ".cfg", ".conf", ".ini", ".args", ".hparams", ".gin":
	case ".txt", "":
		if strings.HasPrefix(base, "licen") || strings.HasPrefix(base, "readme") || strings.HasPrefix(base, "notice") {
			return
		}
	default:
		return
	}
	keys := map[string]bool{}
	for _, m := range keyed.FindAllSubmatch(l.text(), -1) {
		if keys[string(m[1])] = true; len(keys) >= mostKeys {
			break
		}
	}
	l.keys(keys)
	for _, m := range targets.FindAllSubmatch(l.text(), mostKeys) {
		if target := string(m[1]); runs.MatchString(target) {
			l.remote("", target, "a configuration that names a function of the system to call")
		}
	}
}

// targets matches what Hydra's configurations have called.
var targets = regexp.MustCompile(`(?m)_target_["']?[ \t]*[:=][ \t]*["']?([\w.]{1,200})`)

// keys records a recipe that the keys of a file tell.
func (l *looker) keys(keys map[string]bool) {
	has := func(key string) bool { return keys[key] }
	for _, r := range recipes {
		if !slices.ContainsFunc(r.all, func(key string) bool { return !keys[key] }) && (len(r.any) == 0 || slices.ContainsFunc(r.any, has)) {
			l.add(pipeline.CodeRecord{Side: training, What: r.what})
			return
		}
	}
}

// documentKeys lists the keys of a JSON document and of the objects in it, three deep.
func documentKeys(v map[string]any) map[string]bool {
	keys := map[string]bool{}
	var gather func(v map[string]any, depth int)
	gather = func(v map[string]any, depth int) {
		for key, inner := range v {
			if len(keys) >= mostKeys {
				return
			}
			keys[key] = true
			if m, ok := inner.(map[string]any); ok && depth < 3 {
				gather(m, depth+1)
			}
		}
	}
	gather(v, 1)
	return keys
}
