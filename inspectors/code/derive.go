package code

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostEvidence is how many objects a fact names as its evidence.
	mostEvidence = 20
	// mostRemote and mostDisclosed are how many classes and disclosures are listed.
	mostRemote    = 100
	mostDisclosed = 200
	// mostTensors is how many tensors of a file are looked at for a side.
	mostTensors = 1 << 20
)

// Deriver gathers what all readers found and sets the facts of the group "contents". It
// runs after the deriver of weights, whose sets it uses.
type Deriver struct{}

// Name returns "code".
func (Deriver) Name() string { return Name }

// Derive sets the facts. It returns no error.
func (Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	g := &gathering{readings: readings, facts: facts, objects: map[string]*disclosing{}}
	for _, r := range readings.Code {
		g.record(r)
	}
	g.names()
	g.tensors()
	g.cards()
	g.set()
	return nil
}

// disclosing is what one object says.
type disclosing struct {
	path string
	// what is what it is, by side; plain is what it is where no side is known.
	what         map[string]string
	plain        string
	code, pickle bool
	unseen       bool
}

// gathering is a derivation at work.
type gathering struct {
	readings *pipeline.Readings
	facts    *pipeline.FactSet
	objects  map[string]*disclosing
	classes  []class
}

// class is a class that a loader would run.
type class struct {
	at   pipeline.Evidence
	name string
}

func (g *gathering) at(object string) *disclosing {
	d := g.objects[object]
	if d == nil {
		d = &disclosing{path: object, what: map[string]string{}}
		g.objects[object] = d
	}
	return d
}

// discloses keeps the first that is said of a side.
func (d *disclosing) discloses(side, what string) {
	switch {
	case side == "" && d.plain == "":
		d.plain = what
	case side != "" && d.what[side] == "":
		d.what[side] = what
	}
}

func (g *gathering) record(r pipeline.CodeRecord) {
	d := g.at(r.At.Object)
	d.code = d.code || r.Code
	d.unseen = d.unseen || r.Unseen
	if r.Class != "" {
		g.classes = append(g.classes, class{r.At, r.Class})
	}
	if !r.Unseen {
		d.discloses(r.Side, r.What)
	}
}

// What the formats tell, in the words of their readers.
var (
	pickles = []string{"pytorch", "pytorch-legacy", "pytorch-tar", "torchscript", "pickle"}
	sealed  = map[string]bool{"zip": true, "7z": true, "xz": true, "zstd": true, "gzip": true, "bzip2": true, "lz4": true,
		"rar": true, "tar": true, "mar": true, "openssl": true, "age": true}
	graphs = map[string]string{
		"onnx": "a graph of operations (ONNX)", "torchscript": "a graph of operations and its program text (TorchScript)", "tflite": "a graph of operations (TensorFlow Lite)",
		"executorch": "a graph of operations (ExecuTorch)", "coreml": "a graph of operations (Core ML)", "tensorrt": "a compiled graph of operations (TensorRT)",
		"keras": "a graph of layers (Keras)", "mnn": "a graph of operations (MNN)", "rknn": "a compiled graph of operations (RKNN)", "mindspore": "a graph of operations (MindSpore)",
		"llamafile": "machine code (a program with a model inside)",
	}
)

// names tells by name and format, for every object, whether or not it could be read.
func (g *gathering) names() {
	for i := range g.readings.Objects {
		o := &g.readings.Objects[i]
		if o.Role == pipeline.RoleSubmission || o.Path == pipeline.SubmissionName {
			continue
		}
		name := normal(o.Path)
		for _, n := range byName(name) {
			g.at(o.Path).discloses(n.side, n.what)
		}
		if what, ok := codeByName(name); ok {
			g.at(o.Path).code = true
			g.at(o.Path).discloses("", what)
		}
		g.format(o, name)
	}
}

func (g *gathering) format(o *pipeline.ObjectReading, name string) {
	if what := graphs[o.Format]; what != "" {
		g.at(o.Path).discloses(structure, what)
	}
	switch base := path.Base(name); {
	case o.Format == "tensorflow" && base == "saved_model.pb":
		g.at(o.Path).discloses(structure, "a graph of operations (TensorFlow)")
	case o.Format == "torchscript", o.Format == "llamafile":
		g.at(o.Path).code = true
	}
	if slices.Contains(pickles, o.Format) || pickled[path.Ext(name)] {
		g.at(o.Path).pickle = true
	}
	if sealed[o.Format] || o.Status == pipeline.InspectionFailed || o.Role == pipeline.RolePointer {
		g.at(o.Path).unseen = true
	}
}

// moments matches the tensors in which optimizers keep their moments.
var moments = regexp.MustCompile(`(?:^|[./_])(?:exp_avg(?:_sq)?|momentum_buffer|max_exp_avg_sq)(?:$|[./_\d])|^optimizer[./_]|^(?:opt_state|optimizer_state(?:_dict)?)[./]|/Adam(?:_\d+)?$|/Momentum$`)

// tensors tells optimizer state by the names of tensors and the kinds of sets, and looks
// at the templates in the metadata of headers.
func (g *gathering) tensors() {
	sets := g.optimizerSets()
	for _, t := range g.readings.Tables {
		if slices.ContainsFunc(sets, func(set *regexp.Regexp) bool { return set.MatchString(t.Object) }) {
			g.at(t.Object).discloses(optimizer, "weights that are the state of an optimizer")
		}
		for i := range min(t.Len(), mostTensors) {
			if name := t.Name(i); keepsMoments(name) {
				g.at(t.Object).discloses(optimizer, "tensors that are the state of an optimizer, such as "+shown(name))
				break
			}
		}
		for _, key := range slices.Sorted(keysOf(t.Metadata)) {
			if !strings.HasPrefix(key, "tokenizer.chat_template") {
				continue
			}
			if what, ok := suspicious(t.Metadata[key]); ok {
				g.record(pipeline.CodeRecord{At: pipeline.Evidence{Object: t.Object, Where: "$." + shown(key)}, Side: execution, What: what, Class: what})
			}
		}
	}
}

// keepsMoments reports whether a tensor is the state of an optimizer by its name. Most
// names have none of the words, which is found faster than that a pattern does not match.
func keepsMoments(name string) bool {
	for _, word := range []string{"exp_avg", "momentum_buffer", "opt", "/Adam", "/Momentum"} {
		if strings.Contains(name, word) {
			return moments.MatchString(name)
		}
	}
	return false
}

func keysOf(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// optimizerSets returns patterns of the files of sets that the scale takes for optimizer
// state. The name of a set has {} for its numbers.
func (g *gathering) optimizerSets() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, set := range g.facts.Facts.Params.Sets {
		if set.Kind == optimizer {
			out = append(out, regexp.MustCompile("^"+strings.ReplaceAll(regexp.QuoteMeta(set.Name), `\{\}`, `\d+`)+"$"))
		}
	}
	return out
}

// cards tells results that a card claims.
func (g *gathering) cards() {
	for _, card := range g.readings.Cards {
		models, _ := card.Values["model-index"].([]any)
		for _, m := range models {
			model, _ := m.(map[string]any)
			if results, _ := model["results"].([]any); len(results) > 0 && !card.Dataset {
				g.at(card.Object).discloses(generated, "results of evaluations that the card claims")
			}
		}
	}
}

// set sets the facts.
func (g *gathering) set() {
	objects := make([]*disclosing, 0, len(g.objects))
	onnx := g.hasONNX()
	for _, d := range g.objects {
		d.settle(onnx)
		objects = append(objects, d)
	}
	slices.SortFunc(objects, func(a, b *disclosing) int { return cmp.Compare(a.path, b.path) })

	unread := int64(0)
	if n := g.facts.Facts.Objects.Unread; n != nil {
		unread = *n
	}
	unseen, where := count(objects, func(d *disclosing) bool { return d.unseen })
	unseen += unread
	g.facts.Set("contents.unseen", unseen, pipeline.BasisMeasured, where...)

	sides := []struct{ fact, side string }{
		{"structure", structure}, {"optimizer", optimizer}, {"training_process", training}, {"generated_content", generated},
	}
	for _, s := range sides {
		n, where := count(objects, func(d *disclosing) bool { return d.what[s.side] != "" })
		if n > 0 || unseen == 0 {
			g.facts.Set("contents."+s.fact, n > 0, pipeline.BasisMeasured, where...)
		}
	}
	counts := []struct {
		fact string
		has  func(*disclosing) bool
	}{
		{"pickles", func(d *disclosing) bool { return d.pickle }},
		{"code", func(d *disclosing) bool { return d.code }},
	}
	for _, c := range counts {
		if n, where := count(objects, c.has); n > 0 || unseen == 0 {
			g.facts.Set("contents."+c.fact, n, pipeline.BasisMeasured, where...)
		}
	}
	g.remote(unseen)
	g.disclosures(objects, unseen)
}

// settle decides what an object of program text discloses where nothing tells: structure.
func (d *disclosing) settle(onnx bool) {
	if d.code && len(d.what) == 0 {
		d.what[structure] = d.plain
	}
	if what := d.what[structure]; onnx && strings.HasPrefix(what, "machine code") && strings.Contains(what, "shared library") {
		d.what[structure] = what + ", as ONNX models have for operators of their own"
	}
}

func (g *gathering) hasONNX() bool {
	return slices.ContainsFunc(g.readings.Tables, func(t *pipeline.Table) bool { return t.Format == "onnx" })
}

// count counts objects, and names the first of them as evidence.
func count(objects []*disclosing, has func(*disclosing) bool) (n int64, where []pipeline.Evidence) {
	for _, d := range objects {
		if !has(d) {
			continue
		}
		if n++; n <= mostEvidence {
			where = append(where, pipeline.Evidence{Object: d.path})
		}
	}
	return n, where
}

// remote lists the classes that a loader would run, each of an object once.
func (g *gathering) remote(unseen int64) {
	slices.SortFunc(g.classes, func(a, b class) int {
		return cmp.Or(cmp.Compare(a.at.Object, b.at.Object), cmp.Compare(a.name, b.name), cmp.Compare(a.at.Where, b.at.Where))
	})
	g.classes = slices.CompactFunc(g.classes, func(a, b class) bool { return a.at.Object == b.at.Object && a.name == b.name })
	total := int64(len(g.classes))
	if total == 0 && unseen > 0 {
		return
	}
	listed := []string{}
	var where []pipeline.Evidence
	for i, c := range g.classes[:min(total, mostRemote)] {
		listed = append(listed, fmt.Sprintf("%s: %s", shown(c.at.Object), c.name))
		if i < mostEvidence {
			where = append(where, c.at)
		}
	}
	g.facts.Set("contents.remote_code", listed, pipeline.BasisParsed, where...)
	g.facts.Set("contents.remote_code_total", total, pipeline.BasisParsed, where...)
}

// disclosures lists what was found, each object once for each side.
func (g *gathering) disclosures(objects []*disclosing, unseen int64) {
	listed := []pipeline.Disclosure{}
	var where []pipeline.Evidence
	var total int64
	for _, d := range objects {
		for _, side := range []string{structure, optimizer, training, generated, execution} {
			if d.what[side] == "" {
				continue
			}
			if total++; total <= mostDisclosed {
				listed = append(listed, pipeline.Disclosure{Object: d.path, Side: side, What: d.what[side]})
			}
		}
		if len(d.what) > 0 && len(where) < mostEvidence {
			where = append(where, pipeline.Evidence{Object: d.path})
		}
	}
	if total == 0 && unseen > 0 {
		return
	}
	g.facts.Set("contents.disclosures", listed, pipeline.BasisMeasured, where...)
	g.facts.Set("contents.disclosures_total", total, pipeline.BasisMeasured, where...)
}
