package weight

import (
	"cmp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// adaptedMatrix is a matrix of the base that an adapter changes, by the sides that the
// adapter's own tensors show. A side that none shows is 0.
type adaptedMatrix struct {
	in, out uint64
	kind    string
}

// adapterParts lists the tensors of adapters by the end of their name, with where they
// show the sides of the base's matrix: the dimension that is its input, and its
// output, -1 for none (peft's layers; kohya and LyCORIS for lora_down and hada).
var adapterParts = []struct {
	end     string
	kind    string
	in, out int
}{
	{"lora_A", "lora", 1, -1}, {"lora_B", "lora", -1, 0},
	{"lora_embedding_A", "lora", 1, -1}, {"lora_embedding_B", "lora", -1, 0},
	{"lora_magnitude_vector", "dora", -1, 0}, {"dora_scale", "dora", -1, -1},
	{"lora_down", "lora", 1, -1}, {"lora_up", "lora", -1, 0}, {"lora_mid", "lora", -1, -1},
	{"lora.down", "lora", 1, -1}, {"lora.up", "lora", -1, 0},
	{"hada_w1_a", "loha", -1, 0}, {"hada_w1_b", "loha", 1, -1}, {"hada_w2_a", "loha", -1, 0}, {"hada_w2_b", "loha", 1, -1},
	{"lokr_w1", "lokr", -1, -1}, {"lokr_w2", "lokr", -1, -1}, {"lokr_w1_a", "lokr", -1, -1}, {"lokr_w1_b", "lokr", -1, -1},
	{"lokr_w2_a", "lokr", -1, -1}, {"lokr_w2_b", "lokr", -1, -1},
	{"ia3_l", "ia3", -1, -1},
	{"vera_lambda_b", "vera", -1, 0}, {"vera_lambda_d", "vera", -1, -1}, {"vera_A", "vera", 1, -1}, {"vera_B", "vera", -1, 0},
	{"oft_r", "oft", -1, -1}, {"boft_R", "boft", -1, -1}, {"boft_s", "boft", -1, -1},
	{"vblora_logits_A", "vblora", -1, -1}, {"vblora_logits_B", "vblora", -1, -1}, {"fourierft_spectrum", "fourierft", -1, -1},
	{"randlora_lambda", "randlora", -1, -1}, {"randlora_gamma", "randlora", -1, -1}, {"prompt_embeddings", "prompt", -1, -1},
}

// adapterRole splits an adapter's tensor into the base's matrix and its role.
func adapterRole(name string) (base string, role int, ok bool) {
	trimmed := strings.TrimSuffix(strings.TrimSuffix(name, ".weight"), ".default")
	for i, p := range adapterParts {
		if stem, found := strings.CutSuffix(trimmed, p.end); found && (stem == "" || strings.HasSuffix(stem, ".") || strings.HasSuffix(stem, "_")) {
			return strings.TrimRight(stem, "._"), i, true
		}
	}
	return "", 0, false
}

// adapt notes what a tensor of an adapter shows of its base.
func (s *scale) adapt(t pipeline.Tensor) {
	base, role, ok := adapterRole(t.Name)
	if !ok {
		return
	}
	p := adapterParts[role]
	m := s.adapted[base]
	if m == nil {
		m = &adaptedMatrix{kind: p.kind}
		s.adapted[base] = m
	}
	if p.kind != "lora" {
		m.kind = p.kind
	}
	if p.in >= 0 && p.in < len(t.Shape) {
		m.in = max(m.in, product(t.Shape[p.in:])) // a convolution's kernel is part of its input
	}
	if p.out >= 0 && p.out < len(t.Shape) {
		m.out = max(m.out, t.Shape[p.out])
	}
}

// isAdapter reports whether the artifact changes another model: its tensors say so, or
// an adapter's config does.
func (s *scale) isAdapter() bool {
	if len(s.adapted) > 0 {
		return true
	}
	for _, c := range s.readings.Configs {
		if c.Adapter {
			return true
		}
	}
	return false
}

// adapterFacts says what the adapter is and bounds its base. It reports whether the
// effective interval is the base's; it is the artifact's own where a whole model lies
// beside the adapter, of which every adapted matrix can be a part.
func (s *scale) adapterFacts() bool {
	kinds := map[string]int{}
	var base interval
	layers := map[string]bool{}
	for name, m := range s.adapted {
		kinds[m.kind]++
		s.add(&base.lower, s.times(m.in, m.out))
		layers[layerPrefix(name)] = true
	}
	base.estimate = max(base.lower, s.wholeBase(layers))
	for _, c := range s.readings.Configs {
		if !c.Adapter {
			continue
		}
		if kind, path, ok := c.Text("peft_type"); ok {
			s.facts.Set("adapter.kind", strings.ToLower(kind), pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
		}
		if name, path, ok := c.Text("base_model_name_or_path"); ok {
			s.facts.Set("adapter.base", name, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
		}
	}
	if len(kinds) > 0 {
		most := ""
		for k, n := range kinds {
			if most == "" || n > kinds[most] || (n == kinds[most] && k < most) {
				most = k
			}
		}
		s.facts.Set("adapter.kind", most, pipeline.BasisMeasured)
	}
	if s.facts.Facts.Adapter == nil || s.facts.Facts.Adapter.Kind == nil {
		s.facts.Set("adapter.kind", "unknown", pipeline.BasisMeasured)
	}
	s.facts.Set("adapter.modules", int64(len(s.adapted)), pipeline.BasisMeasured)
	s.facts.Set("adapter.full", int64(s.full), pipeline.BasisMeasured)
	if a := s.facts.Facts.Architecture; a.Family != nil && (a.Partial == nil || !*a.Partial) && base.lower <= s.full {
		return false
	}
	// The artifact's own count bounds what is exported with it, too.
	s.facts.Set("params.effective_lower", int64(max(base.lower, s.sum.lower)), pipeline.BasisMeasured)
	s.facts.Set("params.effective_estimate", int64(max(base.estimate, s.sum.estimate)), pipeline.BasisEstimated)
	return true
}

// projections are the matrices of one layer of the common decoder, by the end of
// their names in its different spellings.
var projections = map[string][]string{
	"q": {"q_proj", "wq", "query"}, "k": {"k_proj", "wk", "key"}, "v": {"v_proj", "wv", "value"}, "o": {"o_proj", "wo", "out_proj", "dense"},
	"gate": {"gate_proj", "w1"}, "up": {"up_proj", "w3"}, "down": {"down_proj", "w2"},
}

// wholeBase estimates the base from the matrices that are adapted, filling in those of
// the common decoder that are not: the output projection like the query's, keys and
// values like each other, and a feed-forward part three and a half times as wide as
// the stream.
func (s *scale) wholeBase(layers map[string]bool) uint64 {
	sides := map[string]adaptedMatrix{}
	var other uint64
	for name, m := range s.adapted {
		known := false
		for role, ends := range projections {
			if slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) }) {
				if had := sides[role]; had.in*had.out < m.in*m.out {
					sides[role] = *m
				}
				known = true
			}
		}
		if !known {
			s.add(&other, s.times(m.in, m.out))
		}
	}
	q := sides["q"]
	h := cmp.Or(q.in, sides["k"].in, sides["v"].in, sides["o"].out, sides["gate"].in, sides["up"].in, sides["down"].out)
	if h == 0 {
		return other
	}
	out := cmp.Or(q.out, sides["o"].in, h)
	kv := cmp.Or(sides["k"].out, sides["v"].out, max(out/8, 1))
	f := cmp.Or(sides["gate"].out, sides["up"].out, sides["down"].in, h*7/2)
	one := mul(2, out, h) + mul(2, kv, h) + mul(3, f, h)
	n := uint64(0)
	for prefix := range layers {
		if prefix != "" {
			n++
		}
	}
	return min(mul(one, max(n, 1))+other, 1<<62)
}
