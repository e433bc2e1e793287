package weight

import (
	"strings"

	"weighbridge/pipeline"
)

// isAdapter reports whether the artifact changes another model: its tensors say so, or
// an adapter's config does. The weight of the base is then not in these bytes, and the
// effective interval stays unknown.
func (s *scale) isAdapter() bool {
	if s.adapter {
		return true
	}
	for _, c := range s.readings.Configs {
		if c.Adapter {
			return true
		}
	}
	return false
}

// adapterFacts says what kind of adapter it is and what base it names.
func (s *scale) adapterFacts() {
	for _, c := range s.readings.Configs {
		if !c.Adapter {
			continue
		}
		if kind, path, ok := c.Text("peft_type"); ok {
			s.facts.Set("adapter.kind", strings.ToLower(kind), pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
		}
		if base, path, ok := c.Text("base_model_name_or_path"); ok {
			s.facts.Set("adapter.base", base, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
		}
	}
	for _, g := range s.sorted() {
		if g.component == adapterPart && strings.Contains(g.pattern, "lora_") {
			s.facts.Set("adapter.kind", "lora", pipeline.BasisMeasured)
			return
		}
	}
	if s.facts.Facts.Adapter == nil {
		s.facts.Set("adapter.kind", "unknown", pipeline.BasisMeasured)
	}
}
