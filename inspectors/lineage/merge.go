package lineage

import (
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// mostNamed bounds the models that one sentence names.
const mostNamed = 5

// names writes the ids of models for a sentence.
func names(ids []string) string {
	out := []string{}
	for i, id := range ids {
		if i == mostNamed {
			return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(ids)-i)
		}
		out = append(out, id)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " and " + out[n-1]
	}
	return strings.Join(out, "")
}

// namer is an object that names bases.
type namer struct {
	object    string
	ids, keys []string
}

// lacks lists the ids that an object names and others do not.
func (n namer) lacks(keys []string) []string {
	var out []string
	for i, key := range n.keys {
		if !slices.Contains(keys, key) {
			out = append(out, n.ids[i])
		}
	}
	return out
}

// compare notes where places name different bases: the card and the files, two files where
// there is no card, and, for weights that are not packed, the name that a loader left. A card
// of several adapters names the bases of all.
func (d *derivation) compare() {
	var cards, files []namer
	var inCards, inFiles []string
	for _, p := range d.places {
		if p.weak {
			continue
		}
		list, keys := &files, &inFiles
		if p.Kind == string(pipeline.RecordCard) {
			list, keys = &cards, &inCards
		}
		i := slices.IndexFunc(*list, func(n namer) bool { return n.object == p.Object })
		if i < 0 {
			i, *list = len(*list), append(*list, namer{object: p.Object})
		}
		if n := &(*list)[i]; !slices.Contains(n.keys, p.key) {
			n.ids, n.keys = append(n.ids, p.ID), append(n.keys, p.key)
		}
		*keys = append(*keys, p.key)
	}
	switch {
	case len(cards) > 0 && len(files) > 0:
		told := false
		for _, f := range files {
			if more := f.lacks(inCards); len(more) > 0 {
				told = true
				d.problem(pipeline.Evidence{Object: f.object}, "%s names %s as a base, and %s names %s.", quoted(f.object), names(more), quoted(cards[0].object), names(cards[0].ids))
			}
		}
		for _, c := range cards {
			if more := c.lacks(inFiles); len(more) > 0 && !told {
				d.problem(pipeline.Evidence{Object: c.object}, "%s names %s as a base, which %s does not.", quoted(c.object), names(more), quoted(files[0].object))
			}
		}
	case len(files) > 1:
		for _, f := range files[1:] {
			if len(f.lacks(files[0].keys)) > 0 || len(files[0].lacks(f.keys)) > 0 {
				d.problem(pipeline.Evidence{Object: f.object}, "%s names %s as a base, and %s names %s.", quoted(files[0].object), names(files[0].ids), quoted(f.object), names(f.ids))
			}
		}
	}
	strong := append(slices.Clone(cards), files...)
	for _, p := range d.places {
		if p.weak && p.Kind == string(pipeline.RecordConfig) && !d.packed && len(strong) > 0 && !slices.Contains(inCards, p.key) && !slices.Contains(inFiles, p.key) {
			d.problem(p.at(), "%s says that the weights were loaded from %s, and %s names %s as the base.", quoted(p.Object), p.ID, quoted(strong[0].object), names(strong[0].ids))
		}
	}
}

// merge adds what the artifact names to the bases of the submission: a base that is there
// keeps its place and what is stated of it.
func (d *derivation) merge() {
	if len(d.places) == 0 {
		return
	}
	entry, known := d.facts.Entry("bases")
	basis, evidence := pipeline.BasisMeasured, []pipeline.Evidence{}
	if known {
		basis, evidence = entry.Basis, append(evidence, entry.Evidence...)
	}
	list := slices.Clone(d.facts.Facts.Bases)
	at := map[string]int{}
	for i, b := range list {
		if b.ID == nil {
			continue
		}
		if key := pipeline.ModelKey(*b.ID); key != "" {
			if _, taken := at[key]; !taken {
				at[key] = i
			}
		}
	}
	for _, p := range d.places {
		if _, there := at[p.key]; !there {
			at[p.key] = len(list)
			list = append(list, pipeline.Base{})
		}
		basis = weaker(basis, p.basis)
		evidence = append(evidence, p.at())
	}
	d.facts.Set("bases", list, basis, evidence...)
	done := map[string]bool{}
	for _, p := range d.places {
		if done[p.key] {
			continue
		}
		done[p.key] = true
		d.base(at[p.key], slices.DeleteFunc(slices.Clone(d.places), func(o place) bool { return o.key != p.key }))
	}
}

// base fills in what is not known of a base from the places that name it, the strongest
// first.
func (d *derivation) base(i int, places []place) {
	fill := func(field, value string, p place, evidence ...pipeline.Evidence) {
		name := pipeline.BaseFact(i, field)
		if _, known := d.facts.Entry(name); !known && value != "" {
			d.facts.Set(name, value, p.basis, evidence...)
		}
	}
	all := []pipeline.Evidence{}
	for _, p := range places {
		all = append(all, p.at())
	}
	fill("id", places[0].ID, places[0], all...)
	for _, told := range []bool{false, true} { // what is stated before what the files tell
		for _, p := range places {
			switch {
			case !told:
				fill("relation", p.stated, p, p.at())
			case p.Relation != relationUnknown:
				p.basis = pipeline.BasisEstimated
				fill("relation", p.Relation, p, p.at())
			}
		}
	}
	for _, p := range places {
		if p.base.License != nil {
			fill("license", *p.base.License, p, p.at())
		}
		if digest := p.base.Digest; digest != nil && isDigest(*digest) {
			fill("digest", *digest, p, p.at())
		}
	}
	first := slices.IndexFunc(places, func(p place) bool { return p.stated != "" })
	for _, p := range places {
		if first >= 0 && p.stated != "" && p.stated != places[first].stated {
			d.problem(p.at(), "%s states %s of %s, and %s states %s.", quoted(places[first].Object), places[first].stated, p.ID, quoted(p.Object), p.stated)
		}
	}
}

// isDigest tells whether a text is a SHA-256 as facts write it.
func isDigest(text string) bool {
	digits, ok := strings.CutPrefix(text, "sha256:")
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// against holds the relations of all bases, those of the submission too, against the files.
func (d *derivation) against() {
	f := &d.facts.Facts
	stored := f.Params.StoredElements
	if stored == nil || *stored == 0 {
		return // there are no weights to hold anything against
	}
	alone := f.Adapter != nil && (f.Architecture.Family == nil || f.Architecture.Partial != nil && *f.Architecture.Partial)
	merges := 0
	for i, b := range f.Bases {
		entry, known := d.facts.Entry(pipeline.BaseFact(i, "relation"))
		if !known || b.Relation == nil || entry.Basis == pipeline.BasisEstimated {
			continue
		}
		at := pipeline.Evidence{}
		if len(entry.Evidence) > 0 {
			at = entry.Evidence[0]
		}
		who := "a base"
		if b.ID != nil {
			who = short(*b.ID)
		}
		switch relation := *b.Relation; {
		case relation == relationAdapter && f.Adapter == nil:
			d.problem(at, "The model is stated to be an adapter of %s, and no file holds the weights of an adapter.", who)
		case alone && slices.Contains([]string{relationMerge, relationQuantized, relationFinetune}, relation):
			d.problem(at, "The model is stated to be made from %s by %s, and the files hold an adapter.", who, relation)
		case relation == relationQuantized && !d.packed && f.Quantization.Scheme != nil:
			d.problem(at, "The model is stated to be a quantized form of %s, and its weights are not packed.", who)
		case relation == relationMerge:
			merges++
		}
	}
	if merges == 1 && len(f.Bases) == 1 && !d.recipe {
		entry, _ := d.facts.Entry(pipeline.BaseFact(0, "relation"))
		d.problem(append(entry.Evidence, pipeline.Evidence{})[0], "The model is stated to be a merge, and one model only is named that it was made from.")
	}
}
