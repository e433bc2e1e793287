// Package code finds what an artifact discloses beside its weights, and what would run
// where the model is loaded: the algorithm side of an export review. Nothing is executed,
// imported or unpacked, and no request is made that is not made anyway, but for a few
// configuration files above 256 KiB.
//
// The reader takes what only bytes tell: machine code, program text under any name, the
// classes that configurations have a loader run (auto_map of transformers, components of
// diffusers, modules of sentence-transformers, model_file of mlx-lm, auto_mapping of
// PEFT, Lambda layers of Keras), the keys of training recipes, templates, and the names
// of an archive's members. The deriver adds what names, formats, tensors and cards tell
// and sets the facts of the group "contents".
//
// Four sides of an algorithm are told apart:
//
//   - structure: program text and machine code, classes that an artifact brings along, and
//     files that hold a graph of operations (ONNX, TorchScript and their like). The names
//     and shapes of tensors, and a config that names a class of a library, do not count:
//     every model has them.
//   - optimizer: state of optimizer, scheduler and random numbers, and the checkpoints that
//     DeepSpeed, Megatron and torch.distributed write, which hold it as a rule.
//   - training process: the state, arguments and logs of a training, the recipes and
//     programs that run one, a merge, or the preparation of its data.
//   - generated content: results of evaluations, reports on safety and red teaming, samples
//     of outputs, and results in the front matter of a card (model-index). It says that
//     there is something to look at, never that it is good. all_results.json holds the
//     numbers of a training, an evaluation or both; its keys decide.
//
// Prose is not judged: a README that describes a training, or quotes code between fences,
// discloses nothing here. Program text that nobody calls so is told by its first line, or
// by a tenth of its lines. Text that is encoded, or lies behind the first mebibyte of a
// long text, is not found, and nor is a template of more than 64 KiB in a header. Names are
// compared in lower case and without control and format characters.
package code

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"weighbridge/pipeline"
)

// Name is the name of the reader and of the deriver.
const Name = "code"

// MaxConfig is the longest configuration file that is looked into, in bytes. A longer one
// counts as not seen.
const MaxConfig = 4 << 20

// The sides of an algorithm, in the words of [pipeline.Disclosure].
const (
	structure = "structure"
	optimizer = "optimizer"
	training  = "training_process"
	generated = "generated_content"
	execution = "execution"
)

// Reader looks at the first bytes of every object.
type Reader struct{}

// Name returns "code".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	present := make(map[string]bool, len(objects))
	for _, o := range objects {
		present[o.Path] = true
	}
	return &run{present: present}
}

type run struct {
	present map[string]bool

	mu      sync.Mutex
	records []pipeline.CodeRecord
}

// First asks for a configuration file whole, so that nothing stands behind what is read.
func (*run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxConfig), stage == pipeline.StageBodies && isConfig(o.Path)
}

// Sniff claims an object that says something.
func (r *run) Sniff(o pipeline.Object, head []byte) bool {
	return len(r.look(o, head)) > 0
}

// Read keeps what the object says, and leaves to others what it is.
func (r *run) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	found := r.look(f.Object(), f.Head())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, found...)
	result := pipeline.ReadResult{Beside: true}
	for _, record := range found {
		if record.Unseen {
			result.Note = record.What
		}
	}
	return result, nil
}

func (r *run) look(o pipeline.Object, head []byte) []pipeline.CodeRecord {
	return Look(o, head, func(path string) bool { return r.present[path] })
}

// Finish hands over what was found, in order of path.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	slices.SortStableFunc(r.records, func(a, b pipeline.CodeRecord) int { return cmp.Compare(a.At.Object, b.At.Object) })
	readings.Code = append(readings.Code, r.records...)
}

// Look says what an object discloses, by its first bytes and its name. head holds the
// whole object, or its beginning; present tells which paths the artifact holds. The
// submission is no part of the artifact and discloses nothing.
func Look(o pipeline.Object, head []byte, present func(path string) bool) []pipeline.CodeRecord {
	if o.Path == pipeline.SubmissionName {
		return nil
	}
	l := &looker{object: o, name: normal(o.Path), head: head, whole: int64(len(head)) == o.Size, present: present}
	l.all()
	return l.found
}

// looker is one object under the eye.
type looker struct {
	object pipeline.Object
	// name is the path as it is compared.
	name    string
	head    []byte
	whole   bool
	present func(string) bool
	found   []pipeline.CodeRecord
}

// mostFound is how much is kept of what one object says.
const mostFound = 1000

func (l *looker) add(r pipeline.CodeRecord) {
	if len(l.found) >= mostFound {
		return
	}
	r.At.Object = l.object.Path
	l.found = append(l.found, r)
}

func (l *looker) all() {
	if what, ok := machine(l.head); ok {
		l.add(pipeline.CodeRecord{What: what, Code: true, Side: structure})
		return
	}
	if l.archive() {
		return
	}
	if !isText(l.head) {
		return
	}
	if isConfig(l.object.Path) && !l.whole {
		l.add(pipeline.CodeRecord{What: "a configuration file of more than 4 MiB, which was not looked into", Unseen: true})
	}
	if l.document() {
		return
	}
	l.template()
	l.program()
	l.recipe()
}
