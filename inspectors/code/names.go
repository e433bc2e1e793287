package code

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// extensions lists what program text and machine code is called.
var extensions = map[string]string{
	".py": "program text (Python)", ".pyi": "program text (Python)", ".pyw": "program text (Python)", ".pyx": "program text (Cython)", ".pxd": "program text (Cython)",
	".pyc": "compiled code (Python)", ".pyo": "compiled code (Python)", ".pyd": "machine code (Python extension)",
	".ipynb": "a notebook",
	".sh":    "program text (shell)", ".bash": "program text (shell)", ".zsh": "program text (shell)", ".fish": "program text (shell)", ".ps1": "program text (PowerShell)",
	".bat": "program text (Windows commands)", ".cmd": "program text (Windows commands)", ".sbatch": "program text (job script)", ".slurm": "program text (job script)",
	".cu": "a kernel for graphics processors (CUDA)", ".cuh": "a kernel for graphics processors (CUDA)", ".ptx": "a kernel for graphics processors (PTX)",
	".cubin": "a kernel for graphics processors (CUDA binary)", ".fatbin": "a kernel for graphics processors (CUDA binary)", ".hip": "a kernel for graphics processors (HIP)",
	".hsaco": "a kernel for graphics processors (AMD binary)", ".metal": "a kernel for graphics processors (Metal)", ".metallib": "a kernel for graphics processors (Metal)",
	".cl": "a kernel for graphics processors (OpenCL)", ".triton": "a kernel for graphics processors (Triton)", ".ttir": "a kernel for graphics processors (Triton)",
	".ttgir": "a kernel for graphics processors (Triton)", ".spv": "a kernel for graphics processors (SPIR-V)", ".wgsl": "a kernel for graphics processors (WGSL)",
	".hlsl": "a kernel for graphics processors (HLSL)", ".glsl": "a kernel for graphics processors (GLSL)", ".comp": "a kernel for graphics processors (GLSL)",
	".c": "program text (C)", ".cc": "program text (C++)", ".cpp": "program text (C++)", ".cxx": "program text (C++)", ".h": "program text (C)", ".hpp": "program text (C++)",
	".mm": "program text (Objective-C)", ".go": "program text (Go)", ".rs": "program text (Rust)", ".java": "program text (Java)", ".kt": "program text (Kotlin)",
	".scala": "program text (Scala)", ".js": "program text (JavaScript)", ".mjs": "program text (JavaScript)", ".cjs": "program text (JavaScript)", ".tsx": "program text (TypeScript)",
	".lua": "program text (Lua)", ".rb": "program text (Ruby)", ".pl": "program text (Perl)", ".php": "program text (PHP)", ".r": "program text (R)", ".jl": "program text (Julia)",
	".swift": "program text (Swift)", ".cs": "program text (C#)", ".f90": "program text (Fortran)", ".asm": "program text (assembly)", ".nim": "program text (Nim)", ".zig": "program text (Zig)",
	".mojo": "program text (Mojo)", ".so": "machine code (shared library)", ".dll": "machine code (shared library)", ".dylib": "machine code (shared library)",
	".exe": "machine code (program)", ".node": "machine code (Node.js extension)", ".ko": "machine code (kernel module)", ".o": "machine code (object file)", ".a": "machine code (library)",
	".lib": "machine code (library)", ".wasm": "machine code (WebAssembly)", ".wat": "program text (WebAssembly)", ".bc": "compiled code (LLVM bitcode)", ".class": "compiled code (Java class)",
	".jar": "an archive of compiled code (Java); it was not unpacked", ".whl": "an archive of program text (Python package); it was not unpacked",
	".egg": "an archive of program text (Python package); it was not unpacked", ".pyz": "an archive of program text (Python); it was not unpacked",
	".apk": "an archive of compiled code (Android); it was not unpacked", ".deb": "an archive of programs (package); it was not unpacked", ".rpm": "an archive of programs (package); it was not unpacked",
	".mar": "an archive with a handler (TorchServe); it was not unpacked", ".crate": "an archive of program text (Rust); it was not unpacked",
}

// numberedLibrary matches a shared library with its version behind its name.
var numberedLibrary = regexp.MustCompile(`\.so(\.\d+)+$`)

// codeByName tells by a normal name that an object is program text or machine code.
func codeByName(name string) (what string, ok bool) {
	base := path.Base(name)
	switch {
	case base == "makefile", base == "gnumakefile", strings.HasSuffix(base, ".mk"):
		return "program text (make)", true
	case base == "dockerfile", base == "containerfile", strings.HasSuffix(base, ".dockerfile"), strings.HasPrefix(base, "dockerfile."):
		return "program text (container build)", true
	case base == "cmakelists.txt", base == "jenkinsfile", base == "justfile", base == "snakefile":
		return "program text (build)", true
	case strings.Contains(base, ".so.") && numberedLibrary.MatchString(base):
		return "machine code (shared library)", true
	}
	what, ok = extensions[path.Ext(base)]
	return what, ok
}

// needsOf tells a list of what has to be installed, and says what it is where it names
// what only a training needs.
func needsOf(name string) (what string, ok bool) {
	base := path.Base(name)
	switch {
	case strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt"),
		base == "pyproject.toml", base == "environment.yml", base == "environment.yaml", base == "conda.yaml", base == "pipfile":
		return "a list of packages that names tools of a training", true
	}
	return "", false
}

// naming is what names of a kind say. A name is held against the pattern only where it has
// one of the words.
type naming struct {
	words   []string
	pattern *regexp.Regexp
	side    string
	what    string
}

func named(side, what, words, pattern string) naming {
	return naming{strings.Fields(words), regexp.MustCompile(pattern), side, what}
}

func (n naming) matches(name string) bool {
	for _, word := range n.words {
		if strings.Contains(name, word) {
			return n.pattern.MatchString(name)
		}
	}
	return false
}

// namings lists what normal paths tell, in the order in which they are tried; each side
// is told once. The names are those that transformers, Accelerate, DeepSpeed, Megatron,
// PyTorch and the harnesses give their files.
var namings = []naming{
	named(structure, "the model's own program text", ".py", `(^|/)(modeling|modelling|configuration|tokenization|processing|image_processing|feature_extraction|model|models|pipeline)(_[^/]*)?\.pyx?$`),

	named(optimizer, "state of an optimizer (ZeRO partition)", "_states.pt", `(^|/)(bf16_|fp16_)?zero_pp_rank_\d+[^/]*_states\.pt$|_optim_states\.pt$`),
	named(optimizer, "state of an optimizer (DeepSpeed universal checkpoint)", "exp_avg", `(^|/)(exp_avg|exp_avg_sq)\.pt$`),
	named(optimizer, "state of an optimizer (Megatron)", "optim", `(^|/)(distrib_optim|model_optim_rng|optim|fp32_optim|optim_rng)\.(pt|pth)$`),
	named(optimizer, "state of an optimizer", "opt", `(^|/)([^/]*[^a-z/])?(optimizer|optim|opt_state)([._-]?\d+)*([._-](state|states|world_size)[^/]*)?\.(pt|pth|bin|pkl|pickle|ckpt|npz|npy|msgpack|safetensors|h5|ot|t7)(\.\d+)?$|(^|/)(optimizer|optimizer_\d+|optim|opt_state)/`),
	named(optimizer, "state of a scheduler", "scheduler", `(^|/)(lr_)?scheduler([._-]?\d+)?\.(pt|pth|bin|pkl)$`),
	named(optimizer, "state of a gradient scaler", "scaler", `(^|/)(grad_)?scaler([._-]?\d+)?\.(pt|pth|bin|pkl)$`),
	named(optimizer, "state of random numbers of a training", "rng_state random_state", `(^|/)(rng_state|random_states?)[^/]*\.(pt|pth|pkl|bin)$`),
	named(optimizer, "a checkpoint of DeepSpeed, which holds the state of a training", "_model_states.pt global_step", `(^|/)mp_rank_\d+(_\d+)?_model_states\.pt$|(^|/)layer_\d+-model_\d+-model_states\.pt$|(^|/)global_step\d+/`),
	named(optimizer, "a checkpoint of torch.distributed, which may hold the state of an optimizer", ".distcp .metadata", `\.distcp$|(^|/)\.metadata$`),
	named(optimizer, "the program that puts DeepSpeed's partitions together", "zero_to_fp32", `(^|/)zero_to_fp32\.py$`),

	named(training, "the state of a trainer", "train", `(^|/)(trainer_state|trainer_log|trainer_config|training_state|training_log)\.(json|jsonl|bin|pt|yaml|yml)$`),
	named(training, "arguments of a training", "args arguments config hparams hyperparam", `(^|/)(training_args|train_args|training_config|train_config|training_arguments|finetune_config|hparams|hyperparameters|all_args)\.(bin|json|ya?ml|toml|pt|txt)$`),
	named(training, "the log of a training (TensorBoard)", "tfevents", `(^|/)events\.out\.tfevents\.`),
	named(training, "the log of a training (Weights & Biases, MLflow)", "wandb mlruns lightning_logs", `(^|/)(wandb|mlruns|lightning_logs)/|\.wandb$|(^|/)wandb-(metadata|summary)\.json$`),
	named(training, "results of a training", "train", `(^|/)train_results\.json$|(^|/)training_(loss|eval)[^/]*\.(png|json|csv)$`),
	named(training, "a DeepSpeed configuration", ".json", `(^|/)(ds_config|deepspeed|zero[123])[^/]*\.json$`),
	named(training, "an Accelerate configuration", "config", `(^|/)(accelerate|fsdp)[^/]*config[^/]*\.(ya?ml|json)$`),
	named(training, "a recipe of a merge (mergekit)", "merge", `(^|/)merge(kit)?[^/]*\.ya?ml$`),
	named(training, "a recipe of a training", ".yaml .yml .toml", `(^|/)(axolotl|llama_?factory|torchtune|train|training|finetune|fine_tune|sft|dpo|grpo|pretrain|lora|qlora)[^/]*\.(ya?ml|toml)$`),
	named(training, "program text of a training", ".py .sh .ipynb .bash .sbatch .slurm .jl .cu .cpp", `(^|/)((run_)?(pre)?train(ing|er)?|(run_)?fine_?-?tun(e|ing)|(run_)?(q?lora|sft|dpo|ppo|grpo|orpo|kto|rlhf|distill)|run_(clm|mlm|seq2seq|glue|squad|summarization|translation))([_.-][^/]*)?\.(py|sh|ipynb|bash|sbatch|slurm|jl|cu|cpp)$`),
	named(training, "program text that prepares data", ".py .sh .ipynb", `(^|/)(prepare|preprocess|pre_process|make|build|process|tokenize|clean|dedup|filter|download|convert|create|collect|scrape|crawl)[_-][^/]*(data|dataset|datasets|corpus|corpora)[^/]*\.(py|sh|ipynb)$|(^|/)(prepare|preprocess_data|dataset|dataloader|data_loader|data_prep|data_preparation|tokenize)\.(py|sh|ipynb)$`),

	named(generated, "a report on the safety of outputs", "safety red team jail toxic harm bias", `(^|/)([^/]*[^a-z/])?(safety|red[_-]?team(ing)?|jailbreaks?|toxicity|harm|harmful|harmfulness|harmbench|bias[_-](eval|report))([^a-z/][^/]*)?\.(json|jsonl|md|pdf|txt|html|csv|ya?ml|docx|parquet)$`),
	named(generated, "results of an evaluation", "eval test predict bench leaderboard results", `(^|/)([^/]*[_-])?(eval|evals|evaluation|test|predict|prediction|benchmark|lm_eval|leaderboard)[_-](results?|report|metrics|scores?)([_-][^/]*)?\.(json|jsonl|txt|csv|md|pdf|html)$|(^|/)(evaluations?|evals|benchmarks?)\.(json|txt|csv|md|pdf|html)$|(^|/)\.?eval(uation)?[_-]?results?/|(^|/)results_\d{4}-\d\d-\d\d[^/]*\.json$`),
	named(generated, "samples of outputs", "generat predict sample output", `(^|/)(generated|generations|generated_predictions|predictions|samples?|sample_outputs?|outputs|model_outputs?)([_-][^/]*)?\.(json|jsonl|txt|csv|png|jpe?g|webp|gif|mp4|wav|mp3|flac|md|parquet)$|(^|/)(samples|sample_outputs?|generations|generated(_samples)?|outputs)/[^/]+\.(json|jsonl|txt|png|jpe?g|webp|gif|mp4|wav|mp3|flac)$`),
}

// benign matches names that sound like reports and are parts of a model.
var benign = regexp.MustCompile(`(^|/)(safety_?checker|[^/]*safety[^/]*(checker|classifier|config|filter|model)[^/]*)(/|\.)|config\.json$|\.index\.json$`)

// byName lists what a normal name tells, one for each side.
func byName(name string) []naming {
	var out []naming
	for _, n := range namings {
		told := slices.ContainsFunc(out, func(other naming) bool { return other.side == n.side })
		if !told && n.matches(name) && (n.side != generated || !benign.MatchString(name)) {
			out = append(out, n)
		}
	}
	return out
}

// pickled are the ends of names that loaders of pickles look for.
var pickled = map[string]bool{".pkl": true, ".pickle": true, ".joblib": true, ".dill": true, ".cloudpickle": true}
