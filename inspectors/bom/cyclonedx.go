package bom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// The types of components, and of data in them.
const (
	typeModel   = "machine-learning-model"
	typeData    = "data"
	typeDataset = "dataset"
)

// component is a component of a bill with its place.
type component struct {
	node
	path string
}

// components lists the components of a bill, those inside others too.
func components(root node) []component {
	var all []component
	var walk func(v any, path string)
	one := func(n node, path string) {
		all = append(all, component{n, path})
		walk(n["components"], path+".components")
	}
	walk = func(v any, path string) {
		for i, item := range listOf(v) {
			if n := nodeOf(item); n != nil {
				one(n, fmt.Sprintf("%s[%d]", path, i))
			}
		}
	}
	if about := nodeOf(nodeOf(root["metadata"])["component"]); about != nil {
		one(about, "$.metadata.component")
	}
	walk(root["components"], "$.components")
	return all
}

func (b *builder) cycloneDX(root node) {
	if v := stringOf(root["specVersion"]); !slices.Contains([]string{"1.4", "1.5", "1.6", "1.7"}, v) {
		b.Note = fmt.Sprintf("the bill of materials follows CycloneDX %s; 1.4 to 1.7 are known", pipeline.PlainText(v, 20))
	}
	all := components(root)
	model, ok := b.modelOf(all)
	if ok {
		b.model(model)
	}
	b.data(root, all, model)
}

// modelOf finds the component that is this model.
func (b *builder) modelOf(all []component) (component, bool) {
	var models []component
	for _, c := range all {
		if stringOf(c.node["type"]) != typeModel {
			continue
		}
		if c.path == "$.metadata.component" {
			return c, true
		}
		models = append(models, c)
	}
	if len(models) > 1 {
		b.severalModels(len(models))
	}
	if len(models) != 1 {
		return component{}, false
	}
	return models[0], true
}

// model takes what the bill says of the model itself.
func (b *builder) model(m component) {
	// A bill must name the model; one of Weighbridge says where the name is only that of a place.
	if property(m.node, own+"name.basis") != "place" {
		b.Model = Stated[string]{textOf(m.node["name"]), b.at(m.path + ".name")}
	}
	b.left += max(0, len(listOf(m.node["licenses"]))-mostRecords)
	for i, r := range licensesOf(m.node) {
		b.license(fmt.Sprintf("%s.licenses[%d]", m.path, i), r)
	}
	for i, item := range listOf(nodeOf(m.node["pedigree"])["ancestors"]) {
		if n := nodeOf(item); n != nil {
			b.ancestor(n, fmt.Sprintf("%s.pedigree.ancestors[%d]", m.path, i))
		}
	}
	card := nodeOf(m.node["modelCard"])
	for _, list := range []struct {
		v    any
		path string
	}{{m.node["properties"], m.path + ".properties"}, {card["properties"], m.path + ".modelCard.properties"}} {
		for i, item := range listOf(list.v) {
			p := nodeOf(item)
			b.count(fmt.Sprintf("%s[%d]", list.path, i), stringOf(p["name"]), stringOf(p["value"]))
		}
	}
	b.energy(card, m.path+".modelCard.considerations.environmentalConsiderations.energyConsumptions")
}

// ancestor takes a model that this one was made from. What stands behind it is its own.
func (b *builder) ancestor(n node, where string) {
	if kind := stringOf(n["type"]); kind != typeModel && kind != "" {
		return
	}
	base := pipeline.Base{ID: pointer(modelName(n)), Digest: digestOf(n), License: pointer(licenseText(n))}
	base.Relation = pointer(property(n, own+"base.relation", "base_model_relation", "baseModelRelation", "relation"))
	if access := property(n, own+"base.access"); slices.Contains([]string{"published", "gated", "partner", "closed"}, access) {
		base.Access = &access
	}
	b.base(where, base, textOf(n["version"]))
}

// energy adds up what training and fine-tuning took.
func (b *builder) energy(card node, where string) {
	environment := nodeOf(nodeOf(card["considerations"])["environmentalConsiderations"])
	sum := 0.0
	for _, item := range listOf(environment["energyConsumptions"]) {
		n := nodeOf(item)
		if activity := stringOf(n["activity"]); activity != "training" && activity != "fine-tuning" {
			continue
		}
		cost := nodeOf(n["activityEnergyCost"])
		value, ok := number(cost["value"])
		if !ok || stringOf(cost["unit"]) != "kWh" {
			return // a sum without a part of it would be too small
		}
		sum += value
	}
	b.EnergyKWh = Stated[float64]{sum, b.at(where)}
}

// data takes the sets of data: those that the model's card names or the model depends on, and
// those that the bill describes.
func (b *builder) data(root node, all []component, model component) {
	byRef := map[string]int{}
	refer := func(v any, i int) {
		if ref := stringOf(v); ref != "" {
			if _, taken := byRef[ref]; !taken {
				byRef[ref] = i
			}
		}
	}
	for i, c := range all {
		refer(c.node["bom-ref"], i)
	}
	for i, c := range all {
		for _, item := range listOf(c.node["data"]) {
			refer(nodeOf(item)["bom-ref"], i)
		}
	}
	trained := map[int]bool{}
	// References that lead nowhere come last: many of them must not leave out what is there.
	var missing []set
	parameters := nodeOf(nodeOf(model.node["modelCard"])["modelParameters"])
	for i, item := range listOf(parameters["datasets"]) {
		n, where := nodeOf(item), fmt.Sprintf("%s.modelCard.modelParameters.datasets[%d]", model.path, i)
		ref := stringOf(n["ref"])
		if ref == "" {
			if kind := stringOf(n["type"]); n != nil && (kind == typeDataset || kind == "") {
				b.dataset(where, inline(n))
			}
			continue
		}
		at, ok := byRef[ref]
		if !ok || stringOf(all[at].node["type"]) != typeData {
			missing = append(missing, set{where: where, record: pipeline.DatasetRecord{Problems: []string{fmt.Sprintf("the model's card refers to the data set %q, which the bill of materials does not hold", textOf(ref))}}})
			continue
		}
		trained[at] = true
	}
	if ref := stringOf(model.node["bom-ref"]); ref != "" {
		for _, item := range listOf(root["dependencies"]) {
			n := nodeOf(item)
			if stringOf(n["ref"]) != ref {
				continue
			}
			for _, on := range listOf(n["dependsOn"]) {
				if at, ok := byRef[stringOf(on)]; ok {
					trained[at] = true
				}
			}
		}
	}
	sets := make([]int, 0, len(all))
	for i, c := range all {
		if stringOf(c.node["type"]) == typeData {
			sets = append(sets, i)
		}
	}
	b.sets(len(sets), func(i int) bool { return trained[sets[i]] }, func(i int) (set, bool) {
		c := all[sets[i]]
		r, ok := described(c.node)
		return set{where: c.path, record: r}, ok
	})
	for _, one := range missing {
		b.dataset(one.where, one.record)
	}
}

// described reads a component of type "data"; ok is false where it is no set of data but a
// configuration or program text.
func described(n node) (r pipeline.DatasetRecord, ok bool) {
	parts := listOf(n["data"])
	sets := 0
	var words []string
	for _, item := range parts {
		part := nodeOf(item)
		if kind := stringOf(part["type"]); kind != typeDataset && kind != "" {
			continue
		}
		sets++
		words = append(words, statements(part)...)
		aliases(&r, texts(nodeOf(part["contents"])["url"])...)
		if name := textOf(part["name"]); sets == 1 && name != textOf(n["name"]) {
			r.Dataset.Name = pointer(name)
		}
	}
	if len(parts) > 0 && sets == 0 {
		return r, false
	}
	id := property(n, own+"dataset.id")
	for _, purl := range texts(n["purl"]) {
		if name, _, ok := packageURL(purl); ok && id == "" {
			id = name
		}
	}
	for _, item := range few(n["externalReferences"]) {
		aliases(&r, texts(nodeOf(item)["url"])...)
	}
	if id == "" {
		id = owned(textOf(n["group"]), textOf(n["name"]))
	}
	aliases(&r, textOf(n["name"]))
	identify(&r, id)
	if r.Dataset.Name != nil && *r.Dataset.Name == id {
		r.Dataset.Name = nil // it says nothing more
	}
	r.Dataset.License, r.Dataset.Digest = pointer(licenseText(n)), digestOf(n)
	r.Dataset.Personal, r.Dataset.Sensitive = persons(words)
	ownFields(&r.Dataset, n)
	return r, true
}

// inline reads a set that stands in the model's card itself.
func inline(n node) pipeline.DatasetRecord {
	r := pipeline.DatasetRecord{Trained: true}
	aliases(&r, texts(nodeOf(n["contents"])["url"])...)
	identify(&r, textOf(n["name"]))
	r.Dataset.Personal, r.Dataset.Sensitive = persons(statements(n))
	return r
}

// statements lists what a set is said to hold: its classification, and what is sensitive.
func statements(n node) []string {
	return append(texts(n["classification"]), texts(n["sensitiveData"])...)
}

// aliases adds other names of a set.
func aliases(r *pipeline.DatasetRecord, names ...string) {
	for _, name := range names {
		if name != "" && len(r.Aliases) < 100 && !slices.Contains(r.Aliases, name) {
			r.Aliases = append(r.Aliases, name)
		}
	}
}

// identify gives a set its id: the name on a hub where an address shows one, else the given
// one. A name of data is no model's, but has the same form.
func identify(r *pipeline.DatasetRecord, id string) {
	for _, name := range append([]string{id}, r.Aliases...) {
		if hub, ok := dataHub(name); ok {
			id = hub
			break
		}
	}
	r.Dataset.ID = pointer(id)
	r.Aliases = slices.DeleteFunc(r.Aliases, func(s string) bool { return s == id })
}

// ownFields reads the properties in which Weighbridge writes what it knows of a set.
func ownFields(d *pipeline.Dataset, n node) {
	of := func(name string) string { return property(n, own+"dataset."+name) }
	word := func(name string, into **string, words ...string) {
		if v := of(name); slices.Contains(words, v) {
			*into = &v
		}
	}
	flag := func(name string, into **bool) {
		if v, err := strconv.ParseBool(of(name)); err == nil {
			*into = &v
		}
	}
	places := func(name string, into *[]string) {
		v := of(name)
		if v == "none" {
			*into = []string{}
		}
		var list []string
		for part := range strings.SplitSeq(v, ", ") {
			codes, ok := pipeline.PlaceCodes(part)
			if !ok {
				return
			}
			list = append(list, codes...)
		}
		*into = list
	}
	if code, ok := pipeline.CountryCode(of("origin_country")); ok {
		d.OriginCountry = &code
	}
	word("collection", &d.Collection, "crawl", "licensed", "user", "synthetic", "public", "other")
	word("modality", &d.Modality, "text", "image", "audio", "video", "code", "tabular", "other")
	if count, err := strconv.ParseInt(of("records"), 10, 64); err == nil && count >= 0 {
		d.Records = &count
	}
	flag("personal", &d.Personal)
	flag("sensitive", &d.Sensitive)
	flag("live", &d.Live)
	switch kinds := of("categories"); kinds {
	case "":
	case "none":
		d.Categories = []string{}
	default:
		d.Categories = strings.Split(kinds, ", ")
	}
	d.Consent = pointer(of("consent"))
	places("processing_included", &d.ProcessingIncluded)
	places("processing_excluded", &d.ProcessingExcluded)
	places("storage_allowed", &d.StorageAllowed)
	places("storage_forbidden", &d.StorageForbidden)
}

// property returns the value of the first property of one of the names.
func property(n node, names ...string) string {
	for _, name := range names {
		for _, item := range listOf(n["properties"]) {
			p := nodeOf(item)
			if stringOf(p["name"]) == name {
				if v := textOf(p["value"]); v != "" {
					return v
				}
			}
		}
	}
	return ""
}

// modelName returns the name by which a model is published, as far as a component shows it.
func modelName(n node) string {
	if id := property(n, own+"base.id"); id != "" {
		return id
	}
	if id, data, ok := packageURL(stringOf(n["purl"])); ok && !data {
		return id
	}
	name := owned(textOf(n["group"]), textOf(n["name"]))
	if strings.Contains(name, "/") {
		return name
	}
	for _, item := range few(n["externalReferences"]) {
		address := stringOf(nodeOf(item)["url"])
		if id, ok := pipeline.ModelID(address); ok && strings.Contains(address, "://") && strings.Contains(id, "/") {
			return id
		}
	}
	return name
}

// digestOf returns the SHA-256 of a component.
func digestOf(n node) *string {
	for _, item := range few(n["hashes"]) {
		h := nodeOf(item)
		if d := sha256(stringOf(h["alg"]), stringOf(h["content"])); d != nil {
			return d
		}
	}
	return nil
}

// licensesOf returns what a component states of its licence, an empty record for what states
// nothing, so that places keep their numbers.
func licensesOf(n node) []pipeline.LicenseRecord {
	var out []pipeline.LicenseRecord
	for _, item := range listOf(n["licenses"]) {
		if len(out) == mostRecords {
			break
		}
		choice := nodeOf(item)
		l := nodeOf(choice["license"])
		r := pipeline.LicenseRecord{Declared: textOf(choice["expression"])}
		for _, key := range []string{"id", "name"} {
			if r.Declared == "" {
				r.Declared = textOf(l[key])
			}
		}
		r.Link = textOf(l["url"])
		out = append(out, r)
	}
	return out
}

// licenseText joins the licences of a component: what is under all of them asks for all.
func licenseText(n node) string {
	var all []string
	for _, r := range licensesOf(n) {
		if r.Declared != "" && !slices.Contains(all, r.Declared) {
			all = append(all, r.Declared)
		}
	}
	return pipeline.PlainText(strings.Join(all, " AND "), longestText)
}
