package bom

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// spdx2 reads a document of SPDX 2.3. It has no kind of package for models: one that the
// document is about counts where its package URL names a model of a hub.
func (b *builder) spdx2(root node) {
	byID := map[string]component{}
	for i, item := range listOf(root["packages"]) {
		if n := nodeOf(item); n != nil {
			byID[stringOf(n["SPDXID"])] = component{n, fmt.Sprintf("$.packages[%d]", i)}
		}
	}
	about := map[string]bool{}
	for _, id := range listOf(root["documentDescribes"]) {
		about[stringOf(id)] = true
	}
	relations := relationsOf2(root)
	licences := extracted2(root)
	for _, r := range relations {
		if r.kind == "DESCRIBES" && r.from == "SPDXRef-DOCUMENT" {
			about[r.to] = true
		}
	}
	id := ""
	for one := range about {
		id = one
	}
	m, ok := byID[id]
	if !ok || len(about) != 1 || !isModel2(m.node) {
		b.Note = "the bill of materials does not say that it is about a model"
		return
	}
	b.Model = Stated[string]{textOf(m.node["name"]), b.at(m.path + ".name")}
	for _, key := range []string{"licenseDeclared", "licenseConcluded"} {
		b.license(m.path+"."+key, licence2(licences, textOf(m.node[key])))
	}
	for _, r := range relations {
		other := ""
		switch {
		case r.kind == "DESCENDANT_OF" && r.from == id:
			other = r.to
		case r.kind == "ANCESTOR_OF" && r.to == id:
			other = r.from
		}
		if base, ok := byID[other]; ok && other != id && b.room(len(b.Bases)) {
			b.base(r.where, pipeline.Base{ID: pointer(name2(base.node)), License: pointer(licence2(licences, textOf(base.node["licenseDeclared"])).Declared), Digest: checksum2(base.node)},
				textOf(base.node["versionInfo"]))
		}
	}
}

// relation is one relationship.
type relation struct{ kind, from, to, where string }

func relationsOf2(root node) []relation {
	var out []relation
	for i, item := range listOf(root["relationships"]) {
		n := nodeOf(item)
		out = append(out, relation{stringOf(n["relationshipType"]), stringOf(n["spdxElementId"]), stringOf(n["relatedSpdxElement"]), fmt.Sprintf("$.relationships[%d]", i)})
	}
	return out
}

// purls2 lists the package URLs of a package.
func purls2(n node) []string {
	var out []string
	for _, item := range few(n["externalRefs"]) {
		if ref := nodeOf(item); stringOf(ref["referenceType"]) == "purl" {
			out = append(out, stringOf(ref["referenceLocator"]))
		}
	}
	return out
}

func isModel2(n node) bool {
	return slices.ContainsFunc(purls2(n), func(purl string) bool {
		_, data, ok := packageURL(purl)
		return ok && !data || strings.HasPrefix(purl, "pkg:mlflow/")
	})
}

func name2(n node) string {
	for _, purl := range purls2(n) {
		if id, data, ok := packageURL(purl); ok && !data {
			return id
		}
	}
	if id, ok := pipeline.ModelID(stringOf(n["downloadLocation"])); ok && strings.Contains(id, "/") {
		return id
	}
	return textOf(n["name"])
}

func checksum2(n node) *string {
	for _, item := range few(n["checksums"]) {
		sum := nodeOf(item)
		if d := sha256(stringOf(sum["algorithm"]), stringOf(sum["checksumValue"])); d != nil {
			return d
		}
	}
	return nil
}

// licence2 completes a licence by reference with its name. The words for nothing stated give
// an empty record.
func licence2(extracted map[string]node, declared string) pipeline.LicenseRecord {
	if declared == "NOASSERTION" || declared == "NONE" {
		return pipeline.LicenseRecord{}
	}
	r := pipeline.LicenseRecord{Declared: declared}
	if n := extracted[declared]; n != nil {
		r.Name = textOf(n["name"])
		if links := few(n["seeAlsos"]); len(links) > 0 {
			r.Link = textOf(links[0])
		}
	}
	return r
}

// extracted2 returns the licences that a document describes itself, by their ids.
func extracted2(root node) map[string]node {
	out := map[string]node{}
	for _, item := range listOf(root["hasExtractedLicensingInfos"]) {
		if n := nodeOf(item); n != nil {
			out[textOf(n["licenseId"])] = n
		}
	}
	return out
}

// element is an element of an SPDX 3 document with its place.
type element struct {
	component
	kind, id string
}

// graph3 is an SPDX 3 document.
type graph3 struct {
	elements []element
	byID     map[string]int
}

func graphOf3(root node) graph3 {
	g := graph3{byID: map[string]int{}}
	items, path := listOf(root["@graph"]), "$.@graph[%d]"
	if root["@graph"] == nil {
		items, path = []any{root}, "$" // a document of one element
	}
	for i, item := range items {
		n := nodeOf(item)
		if n == nil {
			continue
		}
		where := path
		if strings.Contains(path, "%d") {
			where = fmt.Sprintf(path, i)
		}
		e := element{component{n, where}, kindOf3(n), idOf3(n)}
		if _, taken := g.byID[e.id]; !taken && e.id != "" {
			g.byID[e.id] = len(g.elements)
		}
		g.elements = append(g.elements, e)
	}
	return g
}

// kindOf3 returns the class of an element without its profile: "ai_AIPackage" is an AIPackage.
func kindOf3(n node) string {
	kind := stringOf(n["type"])
	if kind == "" {
		kind = stringOf(n["@type"])
	}
	return kind[strings.LastIndexAny(kind, "_/#")+1:]
}

// idOf3 returns the id of an element, or the text that refers to one.
func idOf3(v any) string {
	n := nodeOf(v)
	if n == nil {
		return stringOf(v)
	}
	if id := stringOf(n["spdxId"]); id != "" {
		return id
	}
	return stringOf(n["@id"])
}

// of3 returns a property with the prefix of its profile or without.
func of3(n node, name string) any {
	for _, prefix := range []string{"", "ai_", "dataset_", "software_", "simplelicensing_", "expandedlicensing_"} {
		if v, ok := n[prefix+name]; ok {
			return v
		}
	}
	return nil
}

// get returns the element that a value is or refers to.
func (g *graph3) get(v any) (element, bool) {
	if i, ok := g.byID[idOf3(v)]; ok {
		return g.elements[i], true
	}
	if n := nodeOf(v); n != nil {
		return element{component{n, ""}, kindOf3(n), idOf3(n)}, true
	}
	return element{}, false
}

// spdx3 reads a document of SPDX 3.0 with its profiles for AI and data sets.
func (b *builder) spdx3(root node) {
	g := graphOf3(root)
	m, ok := b.modelOf3(&g)
	trained := map[string]bool{}
	licences := map[string]string{}
	for _, e := range g.elements {
		if e.kind != "Relationship" {
			continue
		}
		from, kind := idOf3(e.node["from"]), stringOf(e.node["relationshipType"])
		for _, to := range listOf(e.node["to"]) {
			switch {
			case kind == "hasDeclaredLicense" || kind == "hasConcludedLicense":
				words := g.licence(to)
				if ok && from == m.id {
					b.license(e.path, pipeline.LicenseRecord{Declared: words})
				}
				if licences[from] == "" {
					licences[from] = words
				}
			case ok && kind == "trainedOn" && from == m.id:
				trained[idOf3(to)] = true
			}
		}
	}
	if ok {
		b.model3(&g, m, licences)
	}
	sets := slices.DeleteFunc(slices.Clone(g.elements), func(e element) bool { return e.kind != "DatasetPackage" })
	b.sets(len(sets), func(i int) bool { return trained[sets[i].id] }, func(i int) (set, bool) {
		return set{where: sets[i].path, record: dataset3(sets[i], licences[sets[i].id])}, true
	})
}

// modelOf3 finds the element that is this model: the only AIPackage, or the only one of the
// root elements of the document and its bills.
func (b *builder) modelOf3(g *graph3) (element, bool) {
	roots := map[string]bool{}
	var models []element
	for _, e := range g.elements {
		switch e.kind {
		case "AIPackage":
			models = append(models, e)
		case "SpdxDocument", "Bom", "Sbom":
			for _, root := range listOf(e.node["rootElement"]) {
				roots[idOf3(root)] = true
			}
		}
	}
	if len(models) == 1 {
		return models[0], true
	}
	all := len(models)
	models = slices.DeleteFunc(models, func(e element) bool { return !roots[e.id] })
	switch {
	case len(models) == 1:
		return models[0], true
	case all > 1:
		b.severalModels(all)
	}
	return element{}, false
}

func (b *builder) model3(g *graph3, m element, licences map[string]string) {
	b.Model = Stated[string]{textOf(m.node["name"]), b.at(m.path + ".name")}
	for i, item := range listOf(of3(m.node, "hyperparameter")) {
		if e, ok := g.get(item); ok {
			b.count(fmt.Sprintf("%s.ai_hyperparameter[%d]", m.path, i), stringOf(e.node["key"]), stringOf(e.node["value"]))
		}
	}
	b.energy3(g, m)
	for _, e := range g.elements {
		if e.kind != "Relationship" {
			continue
		}
		from, kind := idOf3(e.node["from"]), stringOf(e.node["relationshipType"])
		for _, to := range listOf(e.node["to"]) {
			base := any(nil)
			switch {
			case kind == "descendantOf" && from == m.id:
				base = to
			case kind == "ancestorOf" && idOf3(to) == m.id:
				base = e.node["from"]
			}
			if found, ok := g.get(base); ok && found.id != m.id && b.room(len(b.Bases)) {
				b.base(e.path, pipeline.Base{ID: pointer(name3(found.node)), License: pointer(licences[found.id]), Digest: hash3(g, found.node)}, textOf(of3(found.node, "packageVersion")))
			}
		}
	}
}

// energy3 adds up what training and fine-tuning took, in kilowatt-hours; a megajoule is 1/3.6
// of one.
func (b *builder) energy3(g *graph3, m element) {
	e, ok := g.get(of3(m.node, "energyConsumption"))
	if !ok {
		return
	}
	sum := 0.0
	for _, key := range []string{"trainingEnergyConsumption", "finetuningEnergyConsumption"} {
		for _, item := range listOf(of3(e.node, key)) {
			part, _ := g.get(item)
			value, ok := number(of3(part.node, "energyQuantity"))
			switch unit := stringOf(of3(part.node, "energyUnit")); {
			case ok && unit == "kilowattHour":
				sum += value
			case ok && unit == "megajoule":
				sum += value / 3.6
			default:
				return
			}
		}
	}
	b.EnergyKWh = Stated[float64]{sum, b.at(m.path + ".ai_energyConsumption")}
}

// purls3 lists the package URLs of a package.
func purls3(n node) []string {
	out := []string{stringOf(of3(n, "packageUrl"))}
	for _, item := range few(n["externalIdentifier"]) {
		if id := nodeOf(item); strings.EqualFold(stringOf(id["externalIdentifierType"]), "packageUrl") {
			out = append(out, stringOf(id["identifier"]))
		}
	}
	return out
}

func name3(n node) string {
	for _, purl := range purls3(n) {
		if id, data, ok := packageURL(purl); ok && !data {
			return id
		}
	}
	if id, ok := pipeline.ModelID(stringOf(of3(n, "downloadLocation"))); ok && strings.Contains(id, "/") {
		return id
	}
	return textOf(n["name"])
}

func hash3(g *graph3, n node) *string {
	for _, item := range few(n["verifiedUsing"]) {
		if e, ok := g.get(item); ok {
			if d := sha256(stringOf(e.node["algorithm"]), stringOf(e.node["hashValue"])); d != nil {
				return d
			}
		}
	}
	return nil
}

// licence returns the words of a licence that a relationship leads to, "" for none.
func (g *graph3) licence(to any) string {
	e, ok := g.get(to)
	id := idOf3(to)
	if ok {
		for _, name := range []string{"licenseExpression", "name"} {
			if words := textOf(of3(e.node, name)); words != "" && !nothing3(words) {
				return words
			}
		}
		id = e.id
	}
	// A listed licence goes by its address.
	if rest, is := strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(id, "https://"), "http://"), "spdx.org/licenses/"); is && !strings.Contains(rest, "/") {
		return pipeline.PlainText(rest, longestText)
	}
	// Some documents, examples of the SPDX project of 2024 among them, write the expression
	// itself where the id of its element belongs.
	if words := pipeline.PlainText(id, longestText); !ok && plainExpression.MatchString(words) && !nothing3(words) && !strings.HasPrefix(words, "SPDXRef-") {
		return words
	}
	return ""
}

// plainExpression is a licence expression in its form, which no id of an element has: that is
// an address, or begins with "_:".
var plainExpression = regexp.MustCompile(`^[A-Za-z0-9(][A-Za-z0-9.+() -]*$`)

// nothing3 tells the words for a licence that nobody stated.
func nothing3(words string) bool {
	return slices.Contains([]string{"NOASSERTION", "NONE", "NoAssertion", "None"}, words)
}

// modalities lists the types of data of SPDX 3 that are one kind of the fact.
var modalities = map[string]string{"audio": "audio", "image": "image", "text": "text", "video": "video", "structured": "tabular"}

func dataset3(e element, licence string) pipeline.DatasetRecord {
	var r pipeline.DatasetRecord
	id := ""
	for _, purl := range purls3(e.node) {
		if name, _, ok := packageURL(purl); ok && id == "" {
			id = name
		}
	}
	aliases(&r, texts(of3(e.node, "downloadLocation"))...)
	if id == "" {
		id = textOf(e.node["name"])
	}
	aliases(&r, textOf(e.node["name"]))
	identify(&r, id)
	r.Dataset.License = pointer(licence)
	yes, no := true, false
	switch stringOf(of3(e.node, "hasSensitivePersonalInformation")) {
	case "yes":
		r.Dataset.Personal, r.Dataset.Sensitive = &yes, &yes
	case "no":
		r.Dataset.Sensitive = &no
	}
	if kinds := texts(of3(e.node, "datasetType")); len(kinds) == 1 {
		r.Dataset.Modality = pointer(modalities[kinds[0]])
	}
	return r
}
