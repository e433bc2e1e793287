package dataset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// croissants reads the sets of a JSON-LD document: the document itself, the elements of a
// list, or those of its @graph.
func croissants(root any, object string) []pipeline.DatasetRecord {
	var records []pipeline.DatasetRecord
	for _, found := range graph(root, "$") {
		if len(records) == mostSets {
			break
		}
		n := nodeOf(found.value)
		if isDataset(n) {
			records = append(records, croissant(n, pipeline.Evidence{Object: object, Where: found.path}))
		}
	}
	return records
}

type located struct {
	value any
	path  string
}

func graph(root any, path string) []located {
	switch v := root.(type) {
	case []any:
		var out []located
		for i, item := range v {
			out = append(out, located{item, fmt.Sprintf("%s[%d]", path, i)})
		}
		return out
	case map[string]any:
		if list, ok := v["@graph"].([]any); ok {
			return graph(list, path+".@graph")
		}
	}
	return []located{{root, path}}
}

func isDataset(n node) bool {
	for _, kind := range textsOf(n["@type"]) {
		if last, _ := lastPart(kind); last == "dataset" {
			return true
		}
	}
	return false
}

var conforms = regexp.MustCompile(`mlcommons\.org/croissant/(\d+\.\d+)$`)

func croissant(n node, at pipeline.Evidence) pipeline.DatasetRecord {
	r := pipeline.DatasetRecord{At: at, Kind: pipeline.RecordCroissant, Basis: pipeline.BasisParsed}
	r.Trained = !evaluates(textsOf(n["datausecases"]))
	version(&r, n)
	identify(&r, n)
	r.Dataset.License = licences(textsOf(n["license"]))
	if live, ok := flag(n["islivedataset"]); ok {
		r.Dataset.Live = &live
	}
	r.Dataset.Digest = onlyDigest(n)
	r.Dataset.Personal, r.Dataset.Sensitive = personalIn(textsOf(n["personalsensitiveinformation"]))
	r.Dataset.Collection = collection(howCollected(n))
	var codes []string
	for _, place := range append(textsOf(n["countryoforigin"]), textsOf(n["locationcreated"])...) {
		if code, ok := pipeline.CountryOfPlace(place); ok {
			codes = append(codes, code)
		} else {
			problem(&r, "the origin %q is no country that can be told", place)
		}
	}
	origins(&r, codes)
	r.DerivedFrom = textsOf(n["wasderivedfrom"])
	r.UseLimits = useLimits(n["usageinfo"])
	return r
}

// version notes a version of Croissant that this reader does not know.
func version(r *pipeline.DatasetRecord, n node) {
	for _, address := range textsOf(n["conformsto"]) {
		if m := conforms.FindStringSubmatch(address); m != nil {
			if !strings.HasPrefix(m[1], "1.") {
				problem(r, "the description follows Croissant %s; 1.0 and 1.1 are known", m[1])
			}
			return
		}
	}
	problem(r, "the description states no version of Croissant")
}

// identify takes the names of a set: on a model hub the name with its owner, else the
// address, else the identifier.
func identify(r *pipeline.DatasetRecord, n node) {
	r.Dataset.Name = pointer(text(n["name"]))
	addresses := append(textsOf(n["url"]), textsOf(n["sameas"])...)
	others := append(textsOf(n["identifier"]), textsOf(n["alternatename"])...)
	id := ""
	for _, address := range addresses {
		if name, ok := hubName(address); ok {
			id = name
			break
		}
	}
	for _, s := range append(slices.Clone(addresses), others...) {
		if id == "" {
			id = s
		}
		if s != id {
			r.Aliases = append(r.Aliases, s)
		}
	}
	r.Dataset.ID = pointer(id)
	if id == "" && r.Dataset.Name == nil {
		problem(r, "the description names no set")
	}
}

// onlyDigest returns the digest of the one file that a set consists of. Of several files,
// none is the set.
func onlyDigest(n node) *string {
	var files []node
	for _, item := range listOf(n["distribution"]) {
		f := nodeOf(item)
		for _, kind := range textsOf(f["@type"]) {
			if last, _ := lastPart(kind); last == "fileobject" || last == "datadownload" {
				files = append(files, f)
			} else if last == "fileset" && f["containedin"] == nil {
				return nil
			}
		}
	}
	if len(files) != 1 {
		return nil
	}
	return digest(text(files[0]["sha256"]))
}

// howCollected gathers the words for how a set came about: the recommended values of RAI,
// the activities of PROV, and, where there are none, the free text.
func howCollected(n node) []string {
	words := textsOf(n["datacollectiontype"])
	for _, item := range listOf(n["wasgeneratedby"]) {
		activity := nodeOf(item)
		for _, key := range []string{"label", "name", "@id", "description"} {
			if s := text(activity[key]); s != "" {
				words = append(words, s)
				break
			}
		}
	}
	for _, w := range append(textsOf(n["datacollection"]), textsOf(n["datacollectionrawdata"])...) {
		// Free text counts where it says that something was crawled; it says too much else.
		if methods[0].words.MatchString(w) && !negated.MatchString(w) {
			words = append(words, w)
		}
	}
	return words
}

// terms lists the terms of the Data Use Ontology (DUO) that are put into words.
var terms = map[string]string{
	"0000004": "no restriction", "0000006": "health, medical or biomedical use", "0000007": "research on one disease",
	"0000011": "research on populations or ancestry", "0000015": "no research on methods", "0000016": "genetic studies only",
	"0000018": "not for profit, non-commercial use only", "0000019": "publication required", "0000020": "collaboration required",
	"0000021": "ethics approval required", "0000022": "geographical restriction", "0000024": "publication moratorium",
	"0000025": "time limit on use", "0000026": "named users only", "0000027": "named projects only", "0000028": "named institutions only",
	"0000029": "return of results required", "0000042": "general research use", "0000045": "not-for-profit organisations only",
	"0000046": "non-commercial use only",
}

var duo = regexp.MustCompile(`(?i)duo[:_](\d{7})`)

// useLimits puts what usageInfo says into words: defined terms, offers of ODRL with their
// actions and constraints, addresses and texts.
func useLimits(v any) []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) && len(out) < mostItems {
			out = append(out, s)
		}
	}
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		if depth > maxDepth {
			return
		}
		for _, item := range listOf(v) {
			n := nodeOf(item)
			if n == nil {
				add(inWords(textOf(item), ""))
				continue
			}
			nested := false
			for _, key := range []string{"permission", "prohibition", "obligation", "duty", "action", "constraint"} {
				if n[key] == nil {
					continue
				}
				nested = true
				if key == "prohibition" {
					add("prohibited: " + strings.Join(useLimits(n[key]), ", "))
					continue
				}
				walk(n[key], depth+1)
			}
			if nested {
				continue
			}
			operand := text(n["rightoperand"])
			left := text(n["leftoperand"])
			if left != "" && operand != "" {
				add(inWords(left, "") + ": " + inWords(operand, ""))
				continue
			}
			code := strings.Join([]string{text(n["termcode"]), operand, text(n["@id"]), text(n["url"])}, " ")
			add(inWords(code, text(n["name"])))
		}
	}
	walk(v, 0)
	return out
}

// inWords says a term of DUO in words, with its number; else the name or the text itself.
func inWords(code, name string) string {
	if m := duo.FindStringSubmatch(code); m != nil {
		words := terms[m[1]]
		if words == "" {
			words = name
		}
		return strings.TrimSpace(words + " (DUO:" + m[1] + ")")
	}
	if name != "" {
		return name
	}
	return strings.Join(strings.Fields(code), " ")
}
