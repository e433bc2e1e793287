package lineage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/licence"
)

// Name is the name of [Assessor].
const Name = "ancestry"

// The bounds of a walk.
const (
	// MaxSteps is the longest chain that is followed, in steps from the model.
	MaxSteps = 100
	// MaxModels is the largest number of models behind one.
	MaxModels = 1000
)

const (
	thisModel       = "this model"
	relationUnknown = "unknown"
	// mostSentences bounds lineage.chain_problems.
	mostSentences = 50
)

// Assessor establishes lineage.known, lineage.undeclared, lineage.chain,
// lineage.chain_problems and lineage.complete, and fills bases[i].inventoried and
// bases[i].license in where nobody states them.
type Assessor struct {
	// Inventory is what is on record, nil for nothing that could be asked: then
	// lineage.known, lineage.undeclared where no base is named, and lineage.chain,
	// lineage.complete and bases[i].inventoried where one is, stay unknown.
	Inventory pipeline.Inventory
}

var _ pipeline.SourceAssessor = Assessor{}

// Name returns "ancestry".
func (Assessor) Name() string { return Name }

// Assess is [Assessor.AssessSource] for an artifact whose place is not known, so that all
// cases on record count as others.
func (a Assessor) Assess(facts *pipeline.FactSet, asOf time.Time) error {
	return a.AssessSource(context.Background(), "", facts, asOf) //nolint:forbidigo // the method takes no context; the engine calls the one that does
}

// AssessSource forgets what it established before and starts anew. The day makes no
// difference. An error matches [pipeline.ErrOverLimit] where the chain goes in a circle or
// beyond [MaxSteps] or [MaxModels], and else is one of the inventory's.
func (a Assessor) AssessSource(ctx context.Context, source string, facts *pipeline.FactSet, _ time.Time) error {
	forget(facts)
	w := &walk{inventory: a.Inventory, source: source, facts: facts, problems: []string{}}
	w.own, w.ownStated = pipeline.PublishedID(&facts.Facts, source)
	if err := w.structure(ctx); err != nil {
		return err
	}
	if err := w.up(ctx); err != nil {
		return err
	}
	w.bases()
	w.record()
	return w.failure
}

// forget takes back what an earlier run established. The list of bases may be shared with
// the report that it came from.
func forget(facts *pipeline.FactSet) {
	for _, name := range []string{"known", "undeclared", "chain", "chain_problems", "complete"} {
		facts.ForgetAll("lineage." + name)
	}
	facts.Facts.Bases = slices.Clone(facts.Facts.Bases)
	for i := range facts.Facts.Bases {
		for _, field := range []string{"license", "inventoried"} {
			name := pipeline.BaseFact(i, field)
			if entry, known := facts.Entry(name); known && pipeline.FilledIn(entry) {
				facts.Forget(name)
			}
		}
	}
}

// node is a model of the chain.
type node struct {
	pipeline.Ancestor
	key string
	// record is what is on record of it, nil for nothing.
	record *pipeline.KnownModel
	// stated is its licence as the model before it states it.
	stated string
}

// walk is one run of [Assessor].
type walk struct {
	inventory pipeline.Inventory
	source    string
	facts     *pipeline.FactSet
	own       string
	ownStated bool

	nodes []*node
	byKey map[string]*node
	// edges lists by model which ones it was made from, "" being this model.
	edges    map[string][]string
	problems []string
	failure  error
}

// problem adds a sentence, unless it is there.
func (w *walk) problem(format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	if len(w.problems) < mostSentences && !slices.Contains(w.problems, sentence) {
		w.problems = append(w.problems, sentence)
	}
}

// fail adds a sentence and makes the run fail with it.
func (w *walk) fail(hint, format string, args ...any) {
	w.problem(format, args...)
	if w.failure == nil {
		w.failure = &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
}

// structure looks for models on record that are built like this one.
func (w *walk) structure(ctx context.Context) error {
	is := pipeline.StructureOf(&w.facts.Facts)
	named := len(w.facts.Facts.Bases) > 0
	if named {
		entry, _ := w.facts.Entry("bases")
		w.facts.Set("lineage.undeclared", false, cmp.Or(entry.Basis, pipeline.BasisDeclared), entry.Evidence...)
	}
	if w.inventory == nil || is.Fingerprint == nil && is.MatrixFingerprint == nil {
		return nil
	}
	found, err := w.inventory.ModelsBuilt(ctx, is, w.source)
	if err != nil {
		return fmt.Errorf("look for models of the same structure: %w", err)
	}
	known, evidence := []pipeline.KnownStructure{}, []pipeline.Evidence{}
	undeclared := false
	for _, m := range found {
		k := pipeline.KnownStructure{ID: cmp.Or(m.ID, m.Source), Case: m.Case.String(), State: string(m.State), Same: string(m.Same)}
		if slices.ContainsFunc(known, func(o pipeline.KnownStructure) bool { return strings.EqualFold(o.ID, k.ID) && o.Same == k.Same }) {
			continue
		}
		known = append(known, k)
		evidence = append(evidence, pipeline.Evidence{Object: pipeline.EvidenceInventory, Where: "case " + k.Case})
		undeclared = undeclared || !named && !w.sameName(m)
	}
	w.facts.Set("lineage.known", known, pipeline.BasisMeasured, evidence...)
	if !named {
		w.facts.Set("lineage.undeclared", undeclared, pipeline.BasisMeasured, evidence...)
	}
	return nil
}

// sameName tells whether a model on record goes by the name of this one. A name that was
// taken from a path has an owner by chance only.
func (w *walk) sameName(m pipeline.KnownModel) bool {
	if m.ID == "" || w.own == "" {
		return false
	}
	if strings.EqualFold(m.ID, w.own) {
		return true
	}
	last := func(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
	return (!m.Stated || !w.ownStated) && strings.EqualFold(last(m.ID), last(w.own))
}

// up walks the chain, one step of all models at a time.
func (w *walk) up(ctx context.Context) error {
	w.byKey, w.edges = map[string]*node{}, map[string][]string{}
	level := w.first()
	for depth := int64(1); len(level) > 0; depth++ {
		if w.inventory != nil {
			ids := make([]string, len(level))
			for i, n := range level {
				ids[i] = n.ID
			}
			found, err := w.inventory.ModelsNamed(ctx, ids, w.source)
			if err != nil {
				return fmt.Errorf("look for the models behind the bases: %w", err)
			}
			for _, n := range level {
				if m, ok := found[n.key]; ok {
					n.record, n.Case, n.State = &m, m.Case.String(), string(m.State)
				}
			}
		}
		if level = w.next(level, depth+1); w.failure != nil {
			break
		}
	}
	if round := w.circle(); len(round) > 0 {
		w.fail("Correct the base that is named wrongly in one of these cases.", "The chain of bases goes in a circle: %s.", strings.Join(round, ", "))
	}
	return nil
}

// first lists the bases of this model.
func (w *walk) first() []*node {
	var level []*node
	for i, b := range w.facts.Facts.Bases {
		id, ok := pipeline.ModelID(value(b.ID))
		if !ok {
			continue
		}
		stated := value(b.License)
		if n := w.add(&level, "", pipeline.KnownBase{ID: id, Relation: value(b.Relation), License: stated}, 1); n == nil && w.failure != nil {
			w.problem("Of %s bases the first %s are looked up.", count(len(w.facts.Facts.Bases)), count(i))
			break
		}
	}
	return level
}

// next lists the models behind those of a level that are not in the chain yet.
func (w *walk) next(level []*node, depth int64) []*node {
	var next []*node
	for _, n := range level {
		if n.record == nil {
			continue
		}
		for _, b := range n.record.Bases {
			if b.ID == "" {
				continue
			}
			w.add(&next, n.key, b, depth)
			if w.failure != nil {
				return nil
			}
		}
	}
	return next
}

// add notes that a model was made from another one, and takes that one into the chain and
// the level where it is new. It returns nil where it is not.
func (w *walk) add(level *[]*node, of string, b pipeline.KnownBase, depth int64) *node {
	key := pipeline.ModelKey(b.ID)
	if !slices.Contains(w.edges[of], key) {
		w.edges[of] = append(w.edges[of], key)
	}
	if w.byKey[key] != nil || key == w.ownKey() {
		return nil
	}
	switch {
	case len(w.nodes) == MaxModels:
		w.fail("Name the models from which this one was made, not all that those were made from.",
			"More than %s models are behind this one; the chain is not followed further.", count(MaxModels))
		return nil
	case depth > MaxSteps:
		w.fail("Look at the bases of the last case in the chain.", "The chain of bases is longer than %s steps; it is not followed further.", count(MaxSteps))
		return nil
	}
	n := &node{key: key, stated: b.License}
	n.ID, n.Of, n.Depth, n.Relation = b.ID, thisModel, depth, cmp.Or(b.Relation, relationUnknown)
	if from := w.byKey[of]; from != nil {
		n.Of = from.ID
	}
	w.byKey[key] = n
	w.nodes = append(w.nodes, n)
	*level = append(*level, n)
	return n
}

// ownKey returns the stated name of this model. One that was taken from its place is no
// statement: a copy of a model often lies under the name of what it was made from.
func (w *walk) ownKey() string {
	if !w.ownStated {
		return "." // no id
	}
	return pipeline.ModelKey(w.own)
}

// circle returns the names of models of which each was made from the next and the last from
// the first, nil where there are none.
func (w *walk) circle() []string {
	own := w.ownKey()
	done := map[string]bool{}
	type step struct {
		key  string
		next int
	}
	path := []step{{key: ""}}
	on := map[string]bool{"": true}
	for len(path) > 0 {
		top := &path[len(path)-1]
		if top.next == len(w.edges[top.key]) {
			done[top.key], on[top.key] = true, false
			path = path[:len(path)-1]
			continue
		}
		key := w.edges[top.key][top.next]
		top.next++
		if key == own {
			key = ""
		}
		if on[key] {
			var round []string
			for i := slices.IndexFunc(path, func(s step) bool { return s.key == key }); i < len(path); i++ {
				round = append(round, w.nameOf(path[i].key))
			}
			if len(round) > 10 {
				round = append(round[:10], fmt.Sprintf("%d more", len(round)-10))
			}
			return append(round, w.nameOf(key))
		}
		if !done[key] {
			path, on[key] = append(path, step{key: key}), true
		}
	}
	return nil
}

func (w *walk) nameOf(key string) string {
	if n := w.byKey[key]; n != nil {
		return n.ID
	}
	return thisModel
}

// settled tells whether somebody decided on a case, so that its words were looked at.
func settled(m *pipeline.KnownModel) bool {
	return m != nil && (m.State == pipeline.StateApproved || m.State == pipeline.StateCleared)
}

// licenceOf returns the licence of a model of the chain, with what says so: what the case
// says that was decided on, then the table of well-known bases, then what an undecided case
// or the model before it says.
func (w *walk) licenceOf(n *node) (string, pipeline.Evidence) {
	table, known := licence.OfBase(n.ID)
	recorded := pipeline.Evidence{Object: pipeline.EvidenceInventory, Where: "case " + n.Case}
	switch {
	case settled(n.record) && n.record.License != "":
		return n.record.License, recorded
	case known:
		return table.License, pipeline.Evidence{Object: pipeline.EvidenceBaseLicences, Where: table.Pattern}
	case n.record != nil && n.record.License != "":
		return n.record.License, recorded
	}
	return n.stated, pipeline.Evidence{Object: pipeline.EvidenceInventory}
}

// bases fills in what the record and the table know of the bases.
func (w *walk) bases() {
	for i, b := range w.facts.Facts.Bases {
		n := w.byKey[pipeline.ModelKey(value(b.ID))]
		if n == nil {
			continue
		}
		if _, known := w.facts.Entry(pipeline.BaseFact(i, "inventoried")); !known && w.inventory != nil {
			at := pipeline.Evidence{Object: pipeline.EvidenceInventory}
			if n.record != nil {
				at.Where = "case " + n.Case
			}
			w.facts.Set(pipeline.BaseFact(i, "inventoried"), n.record != nil, pipeline.BasisMeasured, at)
		}
		name := pipeline.BaseFact(i, "license")
		if _, known := w.facts.Entry(name); known {
			continue
		}
		if text, at := w.licenceOf(n); text != "" {
			w.facts.Set(name, text, pipeline.BasisDeclared, at)
		}
	}
}

// record sets the facts of the chain.
func (w *walk) record() {
	named := len(w.facts.Facts.Bases) > 0
	entry, basesKnown := w.facts.Entry("bases")
	chain, evidence := make([]pipeline.Ancestor, 0, len(w.nodes)), slices.Clone(entry.Evidence)
	complete := w.failure == nil
	for _, b := range w.facts.Facts.Bases {
		complete = complete && pipeline.ModelKey(value(b.ID)) != ""
	}
	for _, n := range w.nodes {
		n.License = n.stated
		if n.Depth > 1 || n.License == "" {
			n.License, _ = w.licenceOf(n)
		}
		w.judge(n)
		complete = complete && n.record != nil && n.record.Bases != nil &&
			!slices.ContainsFunc(n.record.Bases, func(b pipeline.KnownBase) bool { return b.ID == "" })
		if n.record != nil {
			evidence = append(evidence, pipeline.Evidence{Object: pipeline.EvidenceInventory, Where: "case " + n.Case})
		}
		chain = append(chain, n.Ancestor)
	}
	if w.inventory != nil || !named {
		w.facts.Set("lineage.chain", chain, pipeline.BasisDeclared, evidence...)
	}
	if basesKnown && (w.inventory != nil || !named) {
		w.facts.Set("lineage.complete", complete, pipeline.BasisDeclared, evidence...)
	}
	w.facts.Set("lineage.chain_problems", w.problems, pipeline.BasisMeasured, evidence...)
}

// judge notes what is wrong with a model of the chain.
func (w *walk) judge(n *node) {
	if n.record != nil && (n.record.State == pipeline.StateRejected || n.record.State == pipeline.StateRevoked) {
		w.problem("%s is in the chain, and was %s in case %s.", n.ID, n.record.State, n.Case)
	}
	table, known := licence.OfBase(n.ID)
	if !known || table.Mark == markMemory {
		return
	}
	for _, said := range []struct{ text, where string }{{n.stated, "is named with"}, {recordedLicence(n), "is on record in case " + n.Case + " with"}} {
		if differ(said.text, table.License) {
			w.problem("%s %s the licence %q; it is known to be published under %s (%s, %s).", n.ID, said.where, short(said.text), table.License, table.URL, table.AsOf)
		}
	}
}

const markMemory = "memory"

func recordedLicence(n *node) string {
	if n.record == nil {
		return ""
	}
	return n.record.License
}

// differ tells whether two texts name two different licences, both of which are known.
func differ(a, b string) bool {
	x, one := licence.Lookup(a, "")
	y, two := licence.Lookup(b, "")
	return one && two && x.ID != y.ID && x.ID != "NOASSERTION"
}

// short cuts a text that a file holds for a sentence.
func short(text string) string {
	if runes := []rune(text); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return text
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// count writes a number with a comma between every three digits.
func count(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", count(n/1000), n%1000)
}
