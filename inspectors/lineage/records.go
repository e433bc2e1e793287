package lineage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// formatGGUF is the word of the reader of GGUF files for its format.
const formatGGUF = "gguf"

// mostHeaderBases bounds the bases that one header names.
const mostHeaderBases = 20

// record is a place that names a base, before it is looked at.
type record struct {
	pipeline.BaseRecord
	weak bool
}

// strength orders the kinds of places: what a loader acts on comes first.
var strength = []pipeline.RecordKind{pipeline.RecordConfig, pipeline.RecordRecipe, pipeline.RecordBOM, pipeline.RecordCard, pipeline.RecordHeader}

// records gathers the records of other readers and those in configurations and headers, the
// strongest first.
func (d *derivation) records() []record {
	var all []record
	for _, r := range d.readings.Bases {
		if r.Basis == "" {
			r.Basis = pipeline.BasisDeclared
		}
		all = append(all, record{BaseRecord: r})
	}
	all = append(append(all, d.configs()...), d.headers()...)
	rank := func(r record) int {
		n := slices.Index(strength, r.Kind)
		if n < 0 {
			n = len(strength)
		}
		if r.weak {
			n += 2 * len(strength)
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b record) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.At.Object, b.At.Object))
	})
	return all
}

// configs reads adapter_config.json in any folder, and the name that a loader left in
// config.json or model_index.json at the root: below it lie components with origins of their
// own.
func (d *derivation) configs() []record {
	var out []record
	for _, c := range d.readings.Configs {
		key, weak := "_name_or_path", true
		var relation *string
		switch {
		case c.Adapter:
			word := relationAdapter
			key, weak, relation = "base_model_name_or_path", false, &word
		case c.Object != "config.json" && c.Object != "model_index.json":
			continue
		}
		name, _ := c.Lookup(key).(string)
		revision, _ := c.Lookup("revision").(string)
		if !c.Adapter {
			revision = ""
		}
		out = append(out, record{pipeline.BaseRecord{At: pipeline.Evidence{Object: c.Object, Where: "$." + key}, Kind: pipeline.RecordConfig,
			Basis: pipeline.BasisParsed, Base: pipeline.Base{ID: &name, Relation: relation}, Revision: revision}, weak})
	}
	return out
}

// headers reads general.base_model.* of GGUF files: an address, or an organisation and a name
// that the converter has made out of the published one by putting spaces for dashes.
func (d *derivation) headers() []record {
	var out []record
	for _, t := range d.readings.Tables {
		if t.Format != formatGGUF {
			continue
		}
		n, err := strconv.ParseUint(t.Metadata["general.base_model.count"], 10, 64)
		if err != nil {
			continue
		}
		for i := range min(n, mostHeaderBases) {
			prefix := fmt.Sprintf("general.base_model.%d.", i)
			of := func(field string) string { return strings.TrimSpace(t.Metadata[prefix+field]) }
			name, where := of("repo_url"), "repo_url"
			if _, ok := pipeline.ModelID(name); !ok {
				name, where = strings.Trim(of("organization")+"/"+of("name"), "/"), "name"
				name = strings.Join(strings.Fields(name), "-")
			}
			if name == "" {
				continue
			}
			out = append(out, record{pipeline.BaseRecord{At: pipeline.Evidence{Object: t.Object, Where: prefix + where}, Kind: pipeline.RecordHeader,
				Basis: pipeline.BasisParsed, Base: pipeline.Base{ID: &name}, Revision: of("version")}, true})
		}
	}
	return out
}
