// Package lineage says from which models a model was made, as the artifact itself tells: its
// card, the configuration of an adapter, the header of a GGUF file, the recipe of a merge, a
// bill of materials, and the name that a loader left in config.json.
//
// [Reader] reads the recipes of merges. The deriver gathers what all readers found, writes
// the names in one way (see [pipeline.ModelID]), holds the places against each other and
// against the files, and adds to the bases of the submission those that it does not name: a
// base that was declared keeps its place in the list, and only what was not stated of it is
// filled in.
//
// Two places are weaker than the others. "_name_or_path" in config.json is where the weights
// were loaded from last, often a folder of somebody's disk or the model itself, and counts
// only where it names an owner. The header of a GGUF file is written by a converter that
// copies base_model from the card of the model that it converts (gguf-py, metadata.py): what
// it names may be the base of that model and not the model itself. Where other places name
// other bases, a base of these two is one further up, and how this model was made from it is
// unknown.
//
// How a model was made from its base is taken as stated. Where nobody states it the files
// tell: an adapter, a recipe, packed weights. That a model was fine-tuned shows in no file
// and has to be stated.
package lineage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Name is the name of the deriver.
const Name = "lineage"

// The words for how a model was made from another.
const (
	relationAdapter   = "adapter"
	relationMerge     = "merge"
	relationQuantized = "quantized"
	relationFinetune  = "finetune"
	relationUnknown   = "unknown"
)

// mostPlaces bounds the places in lineage.bases.
const mostPlaces = 1000

// Deriver establishes lineage.bases, lineage.problems and, where the artifact names a base,
// bases. It runs after the derivers of weight and architecture.
type Deriver struct{}

var _ pipeline.Deriver = Deriver{}

// New returns a deriver.
func New() Deriver { return Deriver{} }

// Name returns "lineage".
func (Deriver) Name() string { return Name }

// Derive implements [pipeline.Deriver]. It returns no error.
func (Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	d := &derivation{readings: readings, facts: facts, own: ownNames(facts)}
	d.files()
	for _, r := range d.records() {
		d.take(r)
	}
	d.tell()
	d.compare()
	d.merge()
	d.against()
	d.record()
	return nil
}

// place is one place that names a base.
type place struct {
	pipeline.BaseSource
	key   string
	basis pipeline.Basis
	base  pipeline.Base
	// stated is the relation as it is stated there, "" where it is not.
	stated string
	// weak is true for a place that may name a model further up.
	weak bool
}

func (p place) at() pipeline.Evidence { return pipeline.Evidence{Object: p.Object, Where: p.Where} }

// derivation is one run of [Deriver].
type derivation struct {
	readings *pipeline.Readings
	facts    *pipeline.FactSet
	own      []string

	adapter, recipe, packed, gguf bool
	places                        []place
	problems                      []problem
}

func (d *derivation) problem(at pipeline.Evidence, format string, args ...any) {
	if len(d.problems) < mostProblems {
		d.problems = append(d.problems, problem{fmt.Sprintf(format, args...), at})
	}
}

// ownNames lists the names by which the model itself goes, in lower case: the id that is
// stated, or the names that are where there is none.
func ownNames(facts *pipeline.FactSet) []string {
	if id := facts.Facts.Model.ID; id != nil && pipeline.ModelKey(*id) != "" {
		return []string{pipeline.ModelKey(*id)}
	}
	var out []string
	for _, text := range []*string{facts.Facts.Model.Name, facts.Facts.Card.Name} {
		if text != nil && *text != "" {
			out = append(out, strings.ToLower(*text))
		}
	}
	return out
}

// itself tells whether a place names the model itself. Where no id of the model is stated, a
// name without an owner is enough at a place that often names the model: but a copy of
// another owner's model, which has an id of its own, was made from that model.
func (d *derivation) itself(key string, weak bool) bool {
	_, last, owned := strings.Cut(key, "/")
	return slices.ContainsFunc(d.own, func(name string) bool {
		return pipeline.ModelKey(name) == key || weak && owned && name == last
	})
}

// files looks at what the files show of how the model was made.
func (d *derivation) files() {
	f := &d.facts.Facts
	d.adapter = f.Adapter != nil
	d.recipe = slices.ContainsFunc(d.readings.Bases, func(r pipeline.BaseRecord) bool {
		return r.Kind == pipeline.RecordRecipe && r.Base.Relation != nil && *r.Base.Relation == relationMerge
	})
	d.gguf = slices.ContainsFunc(d.readings.Tables, func(t *pipeline.Table) bool { return t.Format == formatGGUF })
	d.packed = d.gguf || f.Quantization.Scheme != nil && *f.Quantization.Scheme != "none"
	for _, c := range d.readings.Configs {
		if m, ok := c.Lookup("quantization_config").(map[string]any); ok && len(m) > 0 {
			d.packed = true
		}
	}
}

// relationOf returns a word of the vocabulary for what a place states, "" for none.
func relationOf(text *string) string {
	if text == nil {
		return ""
	}
	word := strings.ToLower(strings.TrimSpace(*text))
	if other, ok := spellings[word]; ok {
		return other
	}
	if slices.Contains([]string{relationAdapter, relationMerge, relationQuantized, relationFinetune, "distillation", "synthetic_data"}, word) {
		return word
	}
	return ""
}

// spellings lists other words for relations.
var spellings = map[string]string{
	"quantization": relationQuantized, "quantisation": relationQuantized, "quantised": relationQuantized, "quant": relationQuantized,
	"finetuned": relationFinetune, "fine-tune": relationFinetune, "fine-tuned": relationFinetune, "finetuning": relationFinetune,
	"lora": relationAdapter, "merged": relationMerge, "distilled": "distillation", "synthetic-data": "synthetic_data",
}

// take adds a place that a record stands for.
func (d *derivation) take(r record) {
	text := ""
	if r.Base.ID != nil {
		text = *r.Base.ID
	}
	id, ok := pipeline.ModelID(text)
	key := strings.ToLower(id)
	switch {
	case !ok && (r.weak || strings.TrimSpace(text) == ""):
		return // a folder of somebody's disk, or nothing
	case !ok:
		d.problem(r.At, "%s names %q as a base, which is no published model. Ask which one it is.", quoted(r.At.Object), short(text))
		return
	case d.itself(key, r.weak):
		if !r.weak {
			d.problem(r.At, "%s names the model itself, %q, as its base.", quoted(r.At.Object), short(text))
		}
		return
	case r.weak && r.Kind == pipeline.RecordConfig && !strings.Contains(id, "/"):
		return
	case len(d.places) == mostPlaces:
		d.problem(r.At, "More than 1,000 places name a base; the others were left out.")
		return
	}
	p := place{key: key, basis: r.Basis, base: r.Base, stated: relationOf(r.Base.Relation), weak: r.weak}
	p.Object, p.Where, p.Kind, p.ID, p.Relation, p.Revision = r.At.Object, r.At.Where, kindOf(r.Kind), id, p.stated, short(r.Revision)
	d.places = append(d.places, p)
}

// kindOf writes the kind of a place in the words of the fact.
func kindOf(kind pipeline.RecordKind) string {
	switch kind {
	case pipeline.RecordCard, pipeline.RecordHeader, pipeline.RecordConfig, pipeline.RecordRecipe, pipeline.RecordBOM:
		return string(kind)
	case pipeline.RecordManifest, pipeline.RecordText, pipeline.RecordCroissant, pipeline.RecordProvenance:
	}
	return string(pipeline.RecordConfig)
}

// tell finds out how the model was made from each base where the place does not state it.
func (d *derivation) tell() {
	strong := map[string]bool{}
	for _, p := range d.places {
		if !p.weak {
			strong[p.key] = true
		}
	}
	for i := range d.places {
		p := &d.places[i]
		switch {
		case p.Relation != "":
		case p.weak && len(strong) > 0 && !strong[p.key]:
			p.Relation = relationUnknown // it is further up
		case d.adapter:
			p.Relation = relationAdapter
		case d.recipe:
			p.Relation = relationMerge
		case d.packed:
			p.Relation = relationQuantized
		default:
			p.Relation = relationUnknown
		}
	}
}

// record sets the facts of the group.
func (d *derivation) record() {
	sources, evidence := make([]pipeline.BaseSource, 0, len(d.places)), []pipeline.Evidence{}
	basis := pipeline.BasisMeasured
	for _, p := range d.places {
		sources = append(sources, p.BaseSource)
		evidence = append(evidence, p.at())
		basis = weaker(basis, p.basis)
	}
	d.facts.Set("lineage.bases", sources, basis, evidence...)
	state(d.facts, d.problems)
}

// weaker returns the weaker of two bases.
func weaker(a, b pipeline.Basis) pipeline.Basis {
	order := []pipeline.Basis{pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisParsed, pipeline.BasisEstimated, pipeline.BasisDeclared}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// quoted writes the path of an object for a sentence. It is an artifact's, so it is quoted
// where it holds more than plain letters.
func quoted(object string) string {
	plain := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-/", r))
	}
	if object != "" && len(object) <= 200 && strings.IndexFunc(object, plain) < 0 {
		return object
	}
	return fmt.Sprintf("%+q", short(object))
}
