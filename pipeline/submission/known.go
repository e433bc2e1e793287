package submission

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// contextLength lists where configs keep the longest input, in tokens.
var contextLength = []string{"max_position_embeddings", "text_config.max_position_embeddings", "n_positions", "n_ctx",
	"max_sequence_length", "max_seq_len", "seq_length"}

// KnownOf returns the values of a submission that the artifact itself shows: every fact
// that an inspector found and a submission can state, and what follows from the weight,
// from the configs and from what files say of their base. Nothing is guessed. facts must
// hold no submission.
func KnownOf(facts *pipeline.FactSet, configs []pipeline.Config) []Known {
	k := &knowing{}
	for _, entry := range facts.Index() {
		group, _, _ := strings.Cut(strings.ReplaceAll(entry.Name, "[", "."), ".")
		if vocabulary.OriginOf(group) != vocabulary.Declared || pipeline.FilledIn(entry) {
			continue // what earlier cases and tables say is not shown by the artifact
		}
		value, _ := facts.Value(entry.Name)
		if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
			continue // its elements have entries of their own
		}
		k.add(entry.Name, value, From{How: FromFact, Basis: entry.Basis, Object: objectOf(entry.Evidence)})
	}
	k.weight(&facts.Facts.Params)
	k.context(configs)
	if name := facts.Facts.GGUF.Name; name != nil {
		k.add("model.name", *name, From{How: FromGGUF})
	}
	k.bases(&facts.Facts)
	return k.all
}

type knowing struct {
	all []Known
}

// add proposes a value unless there is one of a better source already.
func (k *knowing) add(fact string, value any, from From) {
	if !slices.ContainsFunc(k.all, func(one Known) bool { return one.Fact == fact }) {
		k.all = append(k.all, Known{fact, value, from})
	}
}

func (k *knowing) weight(p *pipeline.Params) {
	if p.Estimate == nil || *p.Estimate == 0 {
		return
	}
	from := From{How: FromWeight, Count: *p.Estimate}
	if p.Lower == nil || p.Upper == nil || *p.Lower != *p.Upper {
		from.How = FromEstimate
	}
	k.add("model.parameters", *p.Estimate, from)
}

// context takes the longest input from the config that lies highest.
func (k *knowing) context(configs []pipeline.Config) {
	var best *pipeline.Config
	for i, c := range configs {
		if _, _, ok := c.Int(contextLength...); ok && !c.Adapter && (best == nil || strings.Count(c.Object, "/") < strings.Count(best.Object, "/")) {
			best = &configs[i]
		}
	}
	if best != nil {
		n, path, _ := best.Int(contextLength...)
		k.add("model.context_length", n, From{How: FromConfig, Key: path, Object: best.Object})
	}
}

// bases takes the models from which this one says that it was made. A path on somebody's
// disk names no model.
func (k *knowing) bases(facts *pipeline.Facts) {
	if slices.ContainsFunc(k.all, func(one Known) bool { return strings.HasPrefix(one.Fact, "bases[") }) {
		return
	}
	var ids []string
	if a := facts.Adapter; a != nil {
		k.add("bases[0].relation", "adapter", From{How: FromAdapter})
		if a.Base != nil && isName(*a.Base) {
			ids = append(ids, *a.Base)
		}
	}
	for _, id := range facts.GGUF.BaseModels {
		if isName(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for i, id := range ids {
		k.add(fmt.Sprintf("bases[%d].id", i), id, From{How: FromFiles})
	}
}

func isName(id string) bool {
	return id != "" && !strings.HasPrefix(id, "/") && !strings.HasPrefix(id, ".") && !strings.HasPrefix(id, "~") && !strings.ContainsAny(id, `\:`)
}

// objectOf names where a fact was found, "" where nothing says so.
func objectOf(evidence []pipeline.Evidence) string {
	if len(evidence) == 0 {
		return ""
	}
	return evidence[0].Object
}
