package architecture

import (
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// declaration is what one object states of the architecture.
type declaration struct {
	object   string
	evidence pipeline.Evidence
	// class is a loader class, kind a model type. One of them is there.
	class, kind string
	// The sizes, nil where they are not stated.
	layers, hidden, vocab, experts, active *stated
}

// stated is a declared number and the path at which it stands.
type stated struct {
	value int64
	where string
}

// word is how messages name the declaration.
func (d declaration) word() string {
	if d.class != "" {
		return d.class
	}
	return d.kind
}

// Where configurations keep the sizes. Models that see or hear nest those of their
// language part.
var (
	layerKeys  = []string{"num_hidden_layers", "n_layer", "num_layers", "n_layers", "text_config.num_hidden_layers"}
	hiddenKeys = []string{"hidden_size", "n_embd", "d_model", "dim", "text_config.hidden_size"}
	vocabKeys  = []string{"vocab_size", "text_config.vocab_size"}
	expertKeys = []string{"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "ffn_config.moe_num_experts",
		"text_config.num_local_experts", "text_config.num_experts", "text_config.n_routed_experts"}
	activeKeys = []string{"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "ffn_config.moe_top_k",
		"text_config.num_experts_per_tok"}
)

// read takes the declaration out of a configuration; ok is false where it names no
// architecture, as that of an adapter does not.
func read(c pipeline.Config) (d declaration, ok bool) {
	if c.Adapter {
		return declaration{}, false
	}
	class, classPath, hasClass := c.Text("architectures", "_class_name")
	kind, kindPath, hasKind := c.Text("model_type")
	if !hasClass && !hasKind {
		return declaration{}, false
	}
	d = declaration{object: c.Object, class: class, kind: kind, evidence: pipeline.Evidence{Object: c.Object, Where: "$." + kindPath}}
	if hasClass {
		d.evidence.Where = "$." + classPath
	}
	number := func(keys []string) *stated {
		if v, path, ok := c.Int(keys...); ok {
			return &stated{v, "$." + path}
		}
		return nil
	}
	d.layers, d.hidden, d.vocab = number(layerKeys), number(hiddenKeys), number(vocabKeys)
	d.experts, d.active = number(expertKeys), number(activeKeys)
	return d, true
}

// declared returns what configurations of the component declare and, where facts are
// given, what GGUF files say of themselves.
func (p component) declared(facts *pipeline.FactSet) []declaration {
	var out []declaration
	for _, c := range p.configs {
		if d, ok := read(c); ok {
			out = append(out, d)
		}
	}
	if facts == nil || facts.Facts.GGUF.Architecture == nil {
		return out
	}
	g := facts.Facts.GGUF
	d := declaration{object: "the GGUF header", kind: *g.Architecture}
	if entry, ok := facts.Entry("gguf.architecture"); ok && len(entry.Evidence) > 0 {
		d.evidence = entry.Evidence[0]
		d.object = d.evidence.Object
	}
	number := func(v *int64, key string) *stated {
		if v == nil {
			return nil
		}
		return &stated{*v, d.kind + "." + key}
	}
	d.layers, d.hidden = number(g.Layers, "block_count"), number(g.HiddenSize, "embedding_length")
	d.experts, d.active = number(g.Experts, "expert_count"), number(g.ExpertsUsed, "expert_used_count")
	return append(out, d)
}

// declaredBy reports whether a declaration names the family.
func (f *family) declaredBy(d declaration) bool {
	if d.kind != "" {
		return slices.Contains(f.types, strings.ToLower(d.kind))
	}
	class := strings.ToLower(d.class)
	if d.class == f.class || slices.Contains(f.types, class) {
		return true
	}
	return slices.ContainsFunc(f.types, func(t string) bool {
		return strings.HasPrefix(class, strings.ReplaceAll(t, "_", "")+"for")
	})
}

// padding is how many rows an embedding may have beyond the declared vocabulary:
// publishers round it up to multiples that suit their hardware.
const padding = 1024

// against lists the sizes in which a declaration contradicts the tensors.
func (v *view) against(d declaration) []string {
	var problems []string
	check := func(what string, found int64, s *stated, slack int64) {
		if s == nil || found == 0 || (found >= s.value && found <= s.value+slack) {
			return
		}
		problems = append(problems, fmt.Sprintf("%s declares %s = %d; the tensors have %d %s",
			d.object, strings.TrimPrefix(s.where, "$."), s.value, found, what))
	}
	layers, hidden, vocab, experts := v.sizes()
	if m := v.names; m != nil && !m.layout.uncounted && m.layers.len() == 0 && d.layers != nil {
		problems = append(problems, fmt.Sprintf("%s declares %s = %d; the tensors hold no layer",
			d.object, strings.TrimPrefix(d.layers.where, "$."), d.layers.value))
	}
	// Some count the layers for further tokens among the layers.
	if m := v.names; m == nil || d.layers == nil || d.layers.value != layers+int64(m.further) {
		check("layers", layers, d.layers, 0)
	}
	check("as hidden size", hidden, d.hidden, 0)
	check("rows in the embedding", vocab, d.vocab, padding)
	check("experts", experts, d.experts, 0)
	return problems
}
