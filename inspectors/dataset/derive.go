package dataset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// DeriverName is the name of the deriver, which runs beside the reader of the package.
const DeriverName = "datasets"

const (
	// mostElements bounds the list of sets, those of the submission not counted.
	mostElements = 1000
	// mostListed bounds the other lists of the group, mostEvidence the places that a list
	// points to.
	mostListed   = 1000
	mostEvidence = 20
)

// Deriver makes one list of what readers and the submission say of the training data.
type Deriver struct{}

// New returns the deriver. It runs behind all readers, in no order with other derivers.
func New() *Deriver { return &Deriver{} }

// Name returns "datasets".
func (*Deriver) Name() string { return DeriverName }

// Derive sets the facts datasets and data_records. It returns no error.
//
// Records of one set, told by its names and addresses, fill one element. The sets that the
// submission declares keep their places; sets that the artifact names follow, and a set that
// comes from several countries is one element a country. A record that describes a set and
// does not say that the model was trained on it fills an element that is there and adds none.
//
// Of a field that several places state, the one with the strongest basis stands; among equal
// ones the submission, then the first in order of kind and object. Two kinds of fields go by
// what is stricter: what says that a set holds personal or sensitive data stands whoever says
// so, and the places where it may not be processed or stored add up. Where places contradict
// each other, data_records.problems says so.
func (*Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	records := slices.Concat(readings.Datasets, headers(readings.Tables))
	slices.SortStableFunc(records, func(a, b pipeline.DatasetRecord) int {
		return cmp.Or(cmp.Compare(strength(a.Basis), strength(b.Basis)), cmp.Compare(rank(a.Kind), rank(b.Kind)),
			cmp.Compare(a.At.Object, b.At.Object))
	})
	g := &gathering{facts: facts, index: newIndex()}
	g.declared()
	for _, trained := range []bool{true, false} {
		for i := range records {
			if r := &records[i]; r.Trained == trained && isSet(r) {
				g.take(r)
			}
		}
	}
	g.write()
	g.report(records)
	return nil
}

// strength orders bases, the strongest first.
func strength(b pipeline.Basis) int {
	order := []pipeline.Basis{pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisParsed, pipeline.BasisEstimated, pipeline.BasisDeclared}
	if i := slices.Index(order, b); i >= 0 {
		return i
	}
	return len(order)
}

// rank orders kinds of places of one basis by how near they are to the set.
func rank(k pipeline.RecordKind) int {
	order := []pipeline.RecordKind{pipeline.RecordProvenance, pipeline.RecordCroissant, pipeline.RecordBOM, pipeline.RecordCard, pipeline.RecordRecipe, pipeline.RecordHeader}
	if i := slices.Index(order, k); i >= 0 {
		return i
	}
	return len(order)
}

func isSet(r *pipeline.DatasetRecord) bool { return r.Dataset.ID != nil || r.Dataset.Name != nil }

// nameOf is what a set is called in sentences.
func nameOf(d *pipeline.Dataset) string {
	switch {
	case d.ID != nil:
		return *d.ID
	case d.Name != nil:
		return *d.Name
	}
	return ""
}

// value is what one place says of a field.
type value struct {
	v     any
	basis pipeline.Basis
	at    []pipeline.Evidence
	// by names the place in sentences.
	by string
}

// element is one set of the list.
type element struct {
	name   string
	fields map[string]value
	// origins lists the countries where there are several.
	origins   []string
	at        []pipeline.Evidence
	submitted bool
}

type gathering struct {
	facts    *pipeline.FactSet
	index    *index
	elements []*element
	// stated is true where the submission has a list, be it empty.
	stated   bool
	problems []string
	left     int
}

func (g *gathering) problem(format string, args ...any) {
	if sentence := fmt.Sprintf(format, args...); len(g.problems) < mostListed && !slices.Contains(g.problems, sentence) {
		g.problems = append(g.problems, sentence)
	}
}

const bySubmission = "the submission"

// declared begins the list with what the submission states.
func (g *gathering) declared() {
	_, g.stated = g.facts.Entry("datasets")
	for i := range g.facts.Facts.Datasets {
		d := &g.facts.Facts.Datasets[i]
		e := &element{name: nameOf(d), fields: map[string]value{}, submitted: true}
		for _, f := range fields {
			if entry, known := g.facts.Entry(fmt.Sprintf("datasets[%d].%s", i, f.name)); known {
				v, _ := f.of(d)
				e.fields[f.name] = value{v, entry.Basis, entry.Evidence, bySubmission}
			}
		}
		g.elements = append(g.elements, e)
		whole, short, owned := keysOfRecord(&pipeline.DatasetRecord{Dataset: *d})
		g.index.add(i, whole, short, owned)
	}
}

// take puts a record into its element, or makes one.
func (g *gathering) take(r *pipeline.DatasetRecord) {
	whole, short, owned := keysOfRecord(r)
	i := g.index.find(whole, short, owned)
	if i < 0 {
		if !r.Trained {
			return
		}
		if len(g.elements) >= mostElements {
			g.left++
			return
		}
		i = len(g.elements)
		g.elements = append(g.elements, &element{name: nameOf(&r.Dataset), fields: map[string]value{}})
		if g.stated {
			g.problem("%s names the data set %q, which the submission does not list.", r.At.Object, nameOf(&r.Dataset))
		}
	}
	g.index.add(i, whole, short, owned)
	e := g.elements[i]
	if len(e.at) < mostEvidence && !slices.Contains(e.at, r.At) {
		e.at = append(e.at, r.At)
	}
	for _, f := range fields {
		if v, stated := f.of(&r.Dataset); stated {
			g.fill(e, f, value{v, r.Basis, []pipeline.Evidence{r.At}, r.At.Object})
		}
	}
	g.origin(e, r)
}

// fill puts what a place says of a field beside what is known of it.
func (g *gathering) fill(e *element, f field, found value) {
	known, ok := e.fields[f.name]
	if !ok {
		if f.name == "origin_country" && len(e.origins) > 0 {
			if code, _ := found.v.(string); !slices.Contains(e.origins, code) {
				g.problem("data set %q: records name %s as countries of origin, and %s names %s; all count.", e.name, strings.Join(e.origins, ", "), found.by, code)
				e.origins = append(e.origins, code)
			}
			return
		}
		e.fields[f.name] = found
		return
	}
	if f.same(known.v, found.v) {
		if strength(found.basis) < strength(known.basis) {
			known.basis, known.at = found.basis, found.at
			e.fields[f.name] = known
		}
		return
	}
	if f.adds {
		e.fields[f.name] = both(known, found)
		return
	}
	if f.isName() {
		return // what a set is called is no statement about it; the first name stays
	}
	g.differ(e, f, known, found)
	stronger := strength(found.basis) < strength(known.basis)
	if yes, isFlag := found.v.(bool); isFlag && f.strict {
		stronger = yes
	}
	if stronger {
		e.fields[f.name] = found
	}
}

// differ notes that two places contradict each other.
func (g *gathering) differ(e *element, f field, known, found value) {
	g.problem("data set %q, %s: %s says %s, and %s says %s.", e.name, f.words, known.by, shown(known.v), found.by, shown(found.v))
}

func shown(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(pipeline.PlainText(v, longestText))
	case []string:
		return strconv.Quote(pipeline.PlainText(strings.Join(v, ", "), longestText))
	case int64:
		return pipeline.Separated(v)
	}
	return fmt.Sprint(v)
}

// both joins two lists, on the weaker of their grounds.
func both(a, b value) value {
	list, _ := a.v.([]string)
	more, _ := b.v.([]string)
	out := slices.Clone(list)
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	basis := a.basis
	if strength(b.basis) > strength(basis) {
		basis = b.basis
	}
	return value{out, basis, slices.Concat(a.at, b.at), a.by}
}

// origin notes the countries of a set that has several.
func (g *gathering) origin(e *element, r *pipeline.DatasetRecord) {
	if len(r.Origins) == 0 {
		return
	}
	all := strings.Join(r.Origins, ", ")
	known, ok := e.fields["origin_country"]
	if !ok {
		if len(e.origins) > 0 && !slices.Equal(e.origins, r.Origins) {
			g.problem("data set %q: records name different countries of origin, %s and %s; all count.", e.name, strings.Join(e.origins, ", "), all)
		}
	} else {
		g.problem("data set %q: the origin is %s of %s, and %s names %s; all count.", e.name, shown(known.v), known.by, r.At.Object, all)
	}
	for _, code := range r.Origins {
		if !slices.Contains(e.origins, code) {
			e.origins = append(e.origins, code)
		}
	}
}

// write sets the facts of the list.
func (g *gathering) write() {
	if len(g.elements) == 0 {
		return // nobody names a set, or the submission says that there is none
	}
	list := slices.Clone(g.facts.Facts.Datasets)
	var evidence []pipeline.Evidence
	basis := pipeline.BasisDeclared
	entry, _ := g.facts.Entry("datasets")
	evidence = append(evidence, entry.Evidence...)
	if !g.stated {
		basis = g.basis()
	}
	g.split()
	for _, e := range g.elements[len(list):] {
		list = append(list, pipeline.Dataset{})
		for _, at := range e.at {
			if len(evidence) < mostEvidence && !slices.Contains(evidence, at) {
				evidence = append(evidence, at)
			}
		}
	}
	g.facts.Set("datasets", list, basis, evidence...)
	for i, e := range g.elements {
		for _, f := range fields {
			if v, ok := e.fields[f.name]; ok {
				g.facts.Set(fmt.Sprintf("datasets[%d].%s", i, f.name), v.v, v.basis, v.at...)
			}
		}
	}
}

// basis returns the weakest basis on which a set is named.
func (g *gathering) basis() pipeline.Basis {
	weakest := pipeline.BasisMeasured
	for _, e := range g.elements {
		for _, name := range []string{"id", "name"} {
			if v, ok := e.fields[name]; ok && strength(v.basis) > strength(weakest) {
				weakest = v.basis
			}
		}
	}
	return weakest
}

// split makes one element a country of sets that come from several: rules look at one
// country at a time, and the strictest answer counts. The first country stays where the set
// stands, the others follow behind the list.
func (g *gathering) split() {
	for _, e := range g.elements[:len(g.elements):len(g.elements)] {
		if len(e.origins) == 0 {
			continue
		}
		codes := slices.Clone(e.origins)
		if known, ok := e.fields["origin_country"]; ok {
			codes = slices.DeleteFunc(codes, func(code string) bool { return code == known.v })
		} else {
			e.fields["origin_country"] = value{codes[0], pipeline.BasisParsed, e.at, ""}
			codes = codes[1:]
		}
		for _, code := range codes {
			if len(g.elements) >= 2*mostElements {
				g.left++
				continue
			}
			copied := &element{name: e.name, fields: map[string]value{}, at: e.at}
			for name, v := range e.fields {
				copied.fields[name] = v
			}
			copied.fields["origin_country"] = value{code, pipeline.BasisParsed, e.at, ""}
			g.elements = append(g.elements, copied)
		}
	}
}

// report sets the group data_records.
func (g *gathering) report(records []pipeline.DatasetRecord) {
	sources := []pipeline.DatasetSource{}
	limits, from := []string{}, []string{}
	var at []pipeline.Evidence
	for i := range records {
		r := &records[i]
		for _, p := range r.Problems {
			g.problem("%s: %s.", r.At.Object, strings.TrimSuffix(p, "."))
		}
		if len(at) < mostEvidence && !slices.Contains(at, r.At) {
			at = append(at, r.At)
		}
		if len(sources) < mostListed {
			sources = append(sources, pipeline.DatasetSource{Object: r.At.Object, Where: r.At.Where, Kind: string(r.Kind), ID: nameOf(&r.Dataset), Trained: r.Trained && isSet(r)})
		}
		limits = lines(limits, nameOf(&r.Dataset), r.UseLimits)
		from = lines(from, nameOf(&r.Dataset), r.DerivedFrom)
	}
	if g.left > 0 {
		g.problem("%s more data sets are named and were not listed.", pipeline.Separated(int64(g.left)))
	}
	basis := pipeline.BasisParsed
	if len(records) == 0 {
		basis = pipeline.BasisMeasured
	}
	set := func(name string, v any) { g.facts.Set(name, v, basis, at...) }
	set("data_records.sources", sources)
	set("data_records.use_limits", limits)
	set("data_records.derived_from", from)
	g.facts.Set("data_records.problems", append([]string{}, g.problems...), pipeline.BasisMeasured, at...)
	named := len(g.elements) > 0
	if !named {
		g.facts.Set("data_records.named", false, pipeline.BasisMeasured)
		return
	}
	entry, _ := g.facts.Entry("datasets")
	g.facts.Set("data_records.named", true, entry.Basis, entry.Evidence...)
}

func lines(to []string, name string, words []string) []string {
	for _, w := range words {
		line := pipeline.PlainText(name+": "+w, longestText)
		if len(to) < mostListed && !slices.Contains(to, line) {
			to = append(to, line)
		}
	}
	return to
}

// mostOfHeader bounds the sets that one header names.
const mostOfHeader = 100

// headers reads what headers of GGUF files name (gguf.md of ggml, "general.dataset" and
// "general.datasets").
func headers(tables []*pipeline.Table) []pipeline.DatasetRecord {
	var records []pipeline.DatasetRecord
	add := func(t *pipeline.Table, id, name, address string) {
		r := pipeline.DatasetRecord{At: t.Evidence(), Kind: pipeline.RecordHeader, Basis: pipeline.BasisDeclared, Trained: true}
		if hub, ok := hubName(address); ok {
			id = hub
		} else if id == "" && address != "" {
			id = address
		}
		r.Dataset.ID, r.Dataset.Name = pointer(pipeline.PlainText(id, longestText)), pointer(pipeline.PlainText(name, longestText))
		if isSet(&r) {
			records = append(records, r)
		}
	}
	for _, t := range tables {
		for i, id := range strings.Split(t.Metadata["general.datasets"], "\n") {
			if i < mostOfHeader {
				add(t, strings.TrimSpace(id), "", "")
			}
		}
		n, err := strconv.ParseInt(t.Metadata["general.dataset.count"], 10, 64)
		if err != nil {
			continue
		}
		for i := range min(max(n, 0), mostOfHeader) {
			part := func(key string) string { return t.Metadata[fmt.Sprintf("general.dataset.%d.%s", i, key)] }
			address := part("repo_url")
			if address == "" {
				address = part("url")
			}
			id := part("doi")
			if name, org := part("name"), part("organization"); id == "" && org != "" && name != "" && address == "" {
				id = org + "/" + strings.ReplaceAll(name, " ", "-")
			}
			add(t, id, part("name"), address)
		}
	}
	return records
}
