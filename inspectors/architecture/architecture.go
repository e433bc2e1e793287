// Package architecture says what a model is: from the names of its tensors, with the
// sizes that their shapes give, held against what the config declares.
//
// What the config says never decides; it agrees, or it is a contradiction. Families
// are data: a layout lists its tensors with symbols for dimensions, and the same list
// tells the family by name, checks the shapes and yields the sizes.
package architecture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "architecture"

// Deriver finds the architecture. Use [New].
type Deriver struct {
	families []family
}

// New returns a deriver that knows all families.
func New() *Deriver {
	d := &Deriver{families: slices.Clone(families)}
	for i := range d.families {
		d.families[i].lines = parse(d.families[i].tensors)
	}
	return d
}

// Name returns "architecture".
func (*Deriver) Name() string { return Name }

// Derive adds the facts of the group architecture. Without any tensor it adds none.
func (d *Deriver) Derive(_ context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	structure := fold(readings.Tables)
	if structure.tensors == 0 {
		return nil
	}
	evidence := tableEvidence(readings)
	measured := func(name string, v any) { facts.Set("architecture."+name, v, pipeline.BasisMeasured, evidence...) }
	measured("fingerprint", fingerprint(readings.Tables))
	found := identify(structure, d.families)
	if found != nil {
		measured("family", found.family.name)
		measured("class", found.family.class)
		measured("layers", int64(found.layers))
		measured("experts", int64(found.expertCount()))
		if h, ok := found.symbols["h"]; ok {
			measured("hidden_size", int64(h))
		}
		if v, ok := found.symbols["V"]; ok {
			measured("vocab_size", int64(v))
		}
	}
	agrees, declared := d.hold(found, readings.Configs, facts)
	measured("confidence", confidence(found, declared && agrees))
	return nil
}

// expertCount is the number of experts in a layer: by the router's rows, or by names.
func (m *match) expertCount() int {
	if e, ok := m.symbols["E"]; ok {
		return int(e)
	}
	return m.experts
}

func confidence(m *match, agrees bool) string {
	var parts []string
	if m != nil {
		parts = append(parts, "names")
		if len(m.conflicts) == 0 && len(m.symbols) > 0 {
			parts = append(parts, "shapes")
		}
		if agrees {
			parts = append(parts, "config")
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "+")
}

// Where configs keep the sizes. Models that see or hear nest those of their language
// part.
var (
	layerKeys  = []string{"num_hidden_layers", "n_layer", "num_layers", "n_layers", "text_config.num_hidden_layers"}
	hiddenKeys = []string{"hidden_size", "n_embd", "d_model", "dim", "text_config.hidden_size"}
	vocabKeys  = []string{"vocab_size", "text_config.vocab_size"}
	expertKeys = []string{"num_local_experts", "num_experts", "n_routed_experts", "text_config.num_local_experts", "text_config.num_experts"}
	activeKeys = []string{"num_experts_per_tok", "num_experts_per_token", "text_config.num_experts_per_tok"}
)

// hold compares what was found with what the configs declare. declared is false where
// none of them names an architecture.
func (d *Deriver) hold(found *match, configs []pipeline.Config, facts *pipeline.FactSet) (agrees, declared bool) {
	var problems []string
	var evidence []pipeline.Evidence
	for _, c := range configs {
		if c.Adapter {
			continue
		}
		class, classPath, hasClass := c.Text("architectures")
		modelType, typePath, hasType := c.Text("model_type")
		if !hasClass && !hasType {
			continue
		}
		declared = true
		where := pipeline.Evidence{Object: c.Object, Where: "$." + typePath}
		if hasClass {
			where.Where = "$." + classPath
			facts.Set("architecture.declared", class, pipeline.BasisDeclared, where)
		} else {
			facts.Set("architecture.declared", modelType, pipeline.BasisDeclared, where)
		}
		evidence = append(evidence, where)
		if v, path, ok := c.Int(activeKeys...); ok {
			facts.Set("architecture.experts_per_token", v, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
		}
		if found == nil {
			problems = append(problems, fmt.Sprintf("%s declares %s; the tensors fit no layout that is known", c.Object, orType(class, modelType)))
			continue
		}
		if !found.family.declaredBy(class, modelType) {
			problems = append(problems, fmt.Sprintf("%s declares %s; the tensors are laid out as %s", c.Object, orType(class, modelType), found.family.name))
		}
		problems = append(problems, found.sizes(c)...)
	}
	if found != nil {
		for _, pattern := range found.conflicts {
			problems = append(problems, fmt.Sprintf("the shapes of %s do not fit the layout %s", pattern, found.family.name))
		}
	}
	if declared {
		agrees = len(problems) == 0
		facts.Set("architecture.agrees", agrees, pipeline.BasisMeasured, evidence...)
	}
	facts.Set("architecture.contradictions", append([]string{}, problems...), pipeline.BasisMeasured, evidence...)
	return agrees, declared
}

func orType(class, modelType string) string {
	if class != "" {
		return class
	}
	return modelType
}

// declaredBy reports whether a config with this class and type declares the layout.
// Either may be empty.
func (f *family) declaredBy(class, modelType string) bool {
	if modelType != "" {
		return slices.Contains(f.types, strings.ToLower(modelType))
	}
	if class == f.class {
		return true
	}
	for _, t := range f.types {
		if strings.HasPrefix(strings.ToLower(class), strings.ReplaceAll(t, "_", "")+"for") {
			return true
		}
	}
	return false
}

// padding is how many rows an embedding may have beyond the declared vocabulary:
// publishers round it up to multiples that suit their hardware.
const padding = 1024

// sizes lists the sizes in which a config contradicts the tensors.
func (m *match) sizes(c pipeline.Config) []string {
	var problems []string
	check := func(what string, found uint64, known bool, slack uint64, keys []string) {
		v, path, ok := c.Int(keys...)
		if !ok || !known {
			return
		}
		declared := uint64(v)
		if found < declared || found > declared+slack {
			problems = append(problems, fmt.Sprintf("%s declares %s = %d; the tensors have %d %s", c.Object, path, declared, found, what))
		}
	}
	check("layers", uint64(m.layers), m.layers > 0, 0, layerKeys)
	h, okH := m.symbols["h"]
	check("as hidden size", h, okH, 0, hiddenKeys)
	v, okV := m.symbols["V"]
	check("rows in the embedding", v, okV, padding, vocabKeys)
	e := m.expertCount()
	check("experts", uint64(e), e > 0, 0, expertKeys)
	return problems
}

// tableEvidence points at the headers that facts about the whole model rest on.
func tableEvidence(readings *pipeline.Readings) []pipeline.Evidence {
	const most = 8
	var out []pipeline.Evidence
	for _, t := range readings.Tables {
		if len(out) == most {
			break
		}
		out = append(out, t.Evidence())
	}
	return out
}
