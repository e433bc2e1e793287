package licence

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// Name is the name of the assessor.
const Name = "licence"

// What the artifact itself is called in the chain.
const (
	thisModel    = "this model"
	relationSelf = "self"
)

// Assessor fills the facts "licenses" and "licensing" from license.declared,
// license.name, the licences of bases, and those of the models behind them as
// lineage.chain has them. The zero value is ready to use.
type Assessor struct{}

var _ pipeline.Assessor = Assessor{}

// Name returns "licence".
func (Assessor) Name() string { return Name }

// Assess forgets what it established before and starts anew. The day makes no
// difference: the texts that the table names do not change. Where neither the model nor a
// base states a licence, everything stays unknown. Each fact has the basis of the fact
// that it came from. An error matches [pipeline.ErrOverLimit]: more than a thousand bases, or
// a longer chain.
func (Assessor) Assess(facts *pipeline.FactSet, _ time.Time) error {
	facts.ForgetAll("licenses")
	facts.ForgetAll("licensing")
	if len(facts.Facts.Bases) > maxBases {
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("%d bases are named; their licences are held against each other for at most 1,000", len(facts.Facts.Bases)),
			Hint: "Name the models from which this one was made, not those they were made from in turn."}
	}
	if n := len(facts.Facts.Lineage.Chain); n > maxBases+len(facts.Facts.Bases) {
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the chain has %d models; their licences are held against each other for at most 1,000", n)}
	}
	links := chain(facts)
	if !slices.ContainsFunc(links, func(l link) bool { return l.declared != "" }) {
		return nil
	}
	record(facts, links)
	return nil
}

// maxBases bounds the bases of which every pair is looked at.
const maxBases = 1000

// link is one model of the chain.
type link struct {
	of       string
	relation string // "" where it is unknown
	declared string // "" where it is unknown
	// relationEntry and entry are what the relation and the licence rest on.
	relationEntry, entry pipeline.FactEntry
	licence              Licence
	known                bool // the table has the licence
}

// chain lists this model, its bases, and the models behind them that are on record, each
// once. A base that an adapter's own config names is one of them, whether or not it was
// declared as such.
func chain(facts *pipeline.FactSet) []link {
	self := link{of: thisModel, relation: relationSelf}
	if entry, ok := facts.Entry("license.declared"); ok {
		self.declare(*facts.Facts.License.Declared, text(facts, "license.name"), entry)
	}
	links := []link{self}
	for i, base := range facts.Facts.Bases {
		at := fmt.Sprintf("bases[%d].", i)
		l := link{of: fmt.Sprintf("base %d", i+1)}
		if id := text(facts, at+"id"); id != "" {
			l.of = id
		}
		if entry, ok := facts.Entry(at + "relation"); ok {
			l.relation, l.relationEntry = *base.Relation, entry
		}
		if entry, ok := facts.Entry(at + "license"); ok {
			l.declare(*base.License, "", entry)
		}
		links = append(links, l)
	}
	base := text(facts, "adapter.base")
	if base != "" && !has(links, base) {
		entry, _ := facts.Entry("adapter.base")
		links = append(links, link{of: base, relation: "adapter", relationEntry: entry})
	}
	return ancestors(facts, links)
}

// has tells whether a model is one of the links, however its id is spelt.
func has(links []link, id string) bool {
	key := pipeline.ModelKey(id)
	return slices.ContainsFunc(links, func(l link) bool {
		return strings.EqualFold(l.of, id) || key != "" && pipeline.ModelKey(l.of) == key
	})
}

// ancestors adds the models of lineage.chain that are no link yet. How this model was made
// from one of them follows from all steps on the way: see [through].
func ancestors(facts *pipeline.FactSet, links []link) []link {
	entry, known := facts.Entry("lineage.chain")
	if !known {
		return links
	}
	there := map[string]bool{}
	for _, l := range links {
		there[strings.ToLower(l.of)], there[pipeline.ModelKey(l.of)] = true, true
	}
	ways := map[string]string{}
	for _, l := range links[1:] {
		ways[pipeline.ModelKey(l.of)] = l.relation
	}
	for _, a := range facts.Facts.Lineage.Chain {
		key := pipeline.ModelKey(a.ID)
		if there[key] {
			continue
		}
		there[key] = true
		way := a.Relation
		if a.Depth > 1 {
			way = through(ways[pipeline.ModelKey(a.Of)], a.Relation)
		}
		if way == relationUnknown {
			way = ""
		}
		ways[key] = way
		l := link{of: a.ID, relation: way}
		if way != "" {
			l.relationEntry = entry
		}
		if a.License != "" {
			l.declare(a.License, "", entry)
		}
		links = append(links, l)
	}
	return links
}

const relationUnknown = "unknown"

// strongest orders relations by what they do to a model on the way: where one step only
// made training data, no weights came through; where one is unknown, so is the whole; and a
// model that was changed once is changed.
var strongest = []string{"distillation", "synthetic_data", "", relationUnknown, "merge", "finetune", "adapter", "quantized"}

// through returns how a model was made from another by two steps.
func through(first, second string) string {
	for _, relation := range strongest {
		if first == relation || second == relation {
			return relation
		}
	}
	return ""
}

func text(facts *pipeline.FactSet, name string) string {
	value, _ := facts.Value(name)
	s, _ := value.(string)
	return s
}

func (l *link) declare(declared, name string, entry pipeline.FactEntry) {
	l.declared, l.entry = declared, entry
	l.licence, l.known = Lookup(declared, name)
}

// record writes the chain and what it comes to.
func record(facts *pipeline.FactSet, links []link) {
	list := make([]pipeline.Licensed, len(links))
	whole := pipeline.FactEntry{Basis: pipeline.BasisMeasured}
	for i, l := range links {
		list[i].Of = l.of
		for _, entry := range []pipeline.FactEntry{l.entry, l.relationEntry} {
			if entry.Name == "" {
				continue
			}
			whole.Basis = weaker(whole.Basis, entry.Basis)
			whole.Evidence = append(whole.Evidence, entry.Evidence...)
		}
	}
	if entry, ok := facts.Entry("bases"); ok {
		whole.Basis = weaker(whole.Basis, entry.Basis)
	}
	facts.Set("licenses", list, whole.Basis, whole.Evidence...)
	for i, l := range links {
		at := fmt.Sprintf("licenses[%d].", i)
		if l.relation != "" {
			basis := whole.Basis
			if l.relationEntry.Name != "" {
				basis = l.relationEntry.Basis
			}
			facts.Set(at+"relation", l.relation, basis, l.relationEntry.Evidence...)
		}
		if l.declared == "" {
			continue
		}
		facts.Set(at+"declared", l.declared, l.entry.Basis, l.entry.Evidence...)
		if l.known {
			facts.Set(at+"id", l.licence.ID, l.entry.Basis, l.entry.Evidence...)
			recordTerms(facts, at+"terms.", l)
		}
	}
	if self := links[0]; self.known {
		facts.Set("licensing.id", self.licence.ID, self.entry.Basis, self.entry.Evidence...)
		recordTerms(facts, "licensing.own.", self)
	}
	// That there is no conflict is known only where all licences are.
	conflicts := conflicts(links)
	if len(conflicts) > 0 || !slices.ContainsFunc(links, func(l link) bool { return !l.settled() }) {
		facts.Set("licensing.conflicts", conflicts, whole.Basis, whole.Evidence...)
	}
}

// settled tells whether all that conflicts are looked for in is known of a link.
func (l link) settled() bool {
	t := l.licence.Terms
	return l.known && l.relation != "" && t.ShareAlike != nil && t.FlowDown != nil && t.Commercial != nil &&
		t.Derivatives != nil && t.ResearchOnly != nil && t.NamePrefix != nil
}

// recordTerms writes the known terms of a link's licence under a name that ends in a dot.
func recordTerms(facts *pipeline.FactSet, at string, l link) {
	terms := reflect.ValueOf(l.licence.Terms)
	for i := range terms.NumField() {
		field := terms.Field(i)
		if field.IsNil() {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		name, _, _ := strings.Cut(terms.Type().Field(i).Tag.Get("json"), ",")
		facts.Set(at+name, field.Interface(), l.entry.Basis, l.entry.Evidence...)
	}
}

// weaker returns the weaker of two bases.
func weaker(a, b pipeline.Basis) pipeline.Basis {
	order := []pipeline.Basis{pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisParsed, pipeline.BasisEstimated, pipeline.BasisDeclared}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
