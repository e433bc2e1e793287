package dataset

import (
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// provenances reads the records of a document: one, or a list of them.
func provenances(root any, object string) []pipeline.DatasetRecord {
	var records []pipeline.DatasetRecord
	for _, found := range graph(root, "$") {
		if len(records) == mostSets {
			break
		}
		n := nodeOf(found.value)
		source, from, use := nodeOf(n["source"]), nodeOf(n["provenance"]), nodeOf(n["use"])
		if from == nil && use == nil {
			continue
		}
		records = append(records, provenance(source, from, use, pipeline.Evidence{Object: object, Where: found.path}))
	}
	return records
}

func provenance(source, from, use node, at pipeline.Evidence) pipeline.DatasetRecord {
	r := pipeline.DatasetRecord{At: at, Kind: pipeline.RecordProvenance, Basis: pipeline.BasisParsed}
	var purposes []string
	for _, item := range listOf(use["intendedpurpose"]) {
		purposes = append(purposes, codeAndWords(item))
	}
	r.Trained = !evaluates(purposes)
	name(&r, source)
	var methods []string
	var codes []string
	known := generation(&r, from, &methods, &codes, 0)
	if known {
		origins(&r, codes)
	}
	r.Dataset.Collection = collection(methods)
	r.Dataset.License = licences(textsOf(use["license"]))
	r.Dataset.Consent = pointer(pipeline.PlainText(strings.Join(textsOf(use["consents"]), "; "), longestText))
	classification(&r, use["classification"])
	forbidden := use["storageforbidden"]
	if forbidden == nil {
		forbidden = use["storageprohibited"] // as the Alliance's own form writes it
	}
	r.Dataset.ProcessingIncluded = places(&r, use["processingincluded"], "processing-included")
	r.Dataset.ProcessingExcluded = places(&r, use["processingexcluded"], "processing-excluded")
	r.Dataset.StorageAllowed = places(&r, use["storageallowed"], "storage-allowed")
	r.Dataset.StorageForbidden = places(&r, forbidden, "storage-forbidden")
	r.DerivedFrom = textsOf(from["source"])
	return r
}

// name takes title, identifiers and addresses. The draft of OASIS has a group of
// identifiers in place of one.
func name(r *pipeline.DatasetRecord, source node) {
	title := text(source["title"])
	if title == "" {
		title = text(source["name"])
	}
	r.Dataset.Name = pointer(title)
	ids := textsOf(source["location"])
	if group := nodeOf(source["id"]); group != nil {
		ids = append(append(textsOf(group["uris"]), ids...), textsOf(group["uuids"])...)
		hashes := listOf(group["hashes"])
		if len(hashes) == 1 {
			trees := listOf(nodeOf(hashes[0])["treehashes"])
			for _, tree := range trees {
				if t := nodeOf(tree); compact(text(t["algorithm"])) == "sha256" {
					r.Dataset.Digest = digest(text(t["value"]))
				}
			}
		}
	} else {
		ids = append(textsOf(source["id"]), ids...)
	}
	for _, id := range ids {
		if hub, ok := hubName(id); ok && r.Dataset.ID == nil {
			r.Dataset.ID = &hub
			continue
		}
		r.Aliases = append(r.Aliases, id)
	}
	if r.Dataset.ID == nil && len(ids) > 0 {
		r.Dataset.ID = pointer(ids[0])
		r.Aliases = slices.DeleteFunc(r.Aliases, func(s string) bool { return s == ids[0] })
	}
	if title == "" && len(ids) == 0 {
		problem(r, "the record names no set")
	}
}

// generation gathers methods and countries, those of the parts that the set was made from
// included. It is false where a country cannot be told: the others would look like all.
func generation(r *pipeline.DatasetRecord, from node, methods, codes *[]string, depth int) bool {
	known := true
	for _, item := range listOf(from["generationmethod"]) {
		*methods = append(*methods, codeAndWords(item))
	}
	for _, item := range listOf(from["origingeography"]) {
		words := textOf(item)
		if n := nodeOf(item); n != nil {
			words = textOf(n["country"])
		}
		code, ok := pipeline.CountryCode(words)
		if !ok {
			problem(r, "origin-geography names %q, which is no country that is known; the origin was left out", words)
			known = false
			continue
		}
		*codes = append(*codes, code)
	}
	if depth > maxDepth {
		return false
	}
	for _, item := range listOf(from["subprovenance"]) {
		if n := nodeOf(item); n != nil && !generation(r, n, methods, codes, depth+1) {
			known = false
		}
	}
	return known
}

// codeAndWords joins what a coded value says: the code decides where it is one that is
// known, and the words complete "other".
func codeAndWords(item any) string {
	n := nodeOf(item)
	if n == nil {
		return textOf(item)
	}
	code := text(n["code"])
	if code != "" && compact(code) != "other" {
		return strings.NewReplacer("-", " ", "_", " ").Replace(code)
	}
	for _, key := range []string{"description", "longdescription"} {
		if words := text(n[key]); words != "" {
			return words
		}
	}
	return code
}

// classification reads for which kinds of confidential data a set was evaluated. "evaluated:
// true" is taken to say that the set holds such data; false says nothing, because it may
// mean that nobody looked.
func classification(r *pipeline.DatasetRecord, v any) {
	yes := true
	for _, item := range listOf(v) {
		n := nodeOf(item)
		if evaluated, ok := flag(n["evaluated"]); !ok || !evaluated {
			continue
		}
		words := codeAndWords(n["regulation"])
		if g := nodeOf(n["regulation"]); g != nil {
			words += " " + text(g["description"]) + " " + text(g["longdescription"])
		}
		if sensitive.MatchString(words) {
			r.Dataset.Personal, r.Dataset.Sensitive = &yes, &yes
		} else if personal.MatchString(words) {
			r.Dataset.Personal = &yes
		}
	}
}
