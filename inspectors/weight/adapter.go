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
	// factors are the sides of the two factors of a Kronecker product, whose
	// products are the sides of the matrix (LyCORIS, LoKr).
	factors [2]struct{ in, out uint64 }
	kind    string
}

// sides returns the sides of the base's matrix, 0 for one that is not shown.
func (m *adaptedMatrix) sides() (in, out uint64) {
	in = max(m.in, mul(m.factors[0].in, m.factors[1].in))
	out = max(m.out, mul(m.factors[0].out, m.factors[1].out))
	return in, out
}

// What a dimension of an adapter's tensor is.
const (
	nothing = iota
	input   // the dimension and all behind it: a convolution's kernel is part of its input
	output
	inputOfFirst
	outputOfFirst
	inputOfSecond
	outputOfSecond
	onlySide // the one dimension that is not 1: first the output, last the input
)

// adapterParts lists the tensors of adapters by the end of their name, with what each
// dimension is (peft's layers; kohya and LyCORIS for lora_down, hada and lokr).
var adapterParts = []struct {
	end  string
	kind string
	dims [2]int
}{
	{"lora_a", "lora", [2]int{nothing, input}}, {"lora_b", "lora", [2]int{output}}, // llama.cpp
	{"lora_A", "lora", [2]int{nothing, input}}, {"lora_B", "lora", [2]int{output}},
	{"lora_embedding_A", "lora", [2]int{nothing, input}}, {"lora_embedding_B", "lora", [2]int{output}},
	{"lora_magnitude_vector", "dora", [2]int{output}}, {"dora_scale", "dora", [2]int{}},
	{"lora_down", "lora", [2]int{nothing, input}}, {"lora_up", "lora", [2]int{output}}, {"lora_mid", "lora", [2]int{}},
	{"lora.down", "lora", [2]int{nothing, input}}, {"lora.up", "lora", [2]int{output}},
	{"hada_w1_a", "loha", [2]int{output}}, {"hada_w1_b", "loha", [2]int{nothing, input}},
	{"hada_w2_a", "loha", [2]int{output}}, {"hada_w2_b", "loha", [2]int{nothing, input}},
	{"hada_t1", "loha", [2]int{}}, {"hada_t2", "loha", [2]int{}},
	{"lokr_w1", "lokr", [2]int{outputOfFirst, inputOfFirst}}, {"lokr_w1_a", "lokr", [2]int{outputOfFirst}}, {"lokr_w1_b", "lokr", [2]int{nothing, inputOfFirst}},
	{"lokr_w2", "lokr", [2]int{outputOfSecond, inputOfSecond}}, {"lokr_w2_a", "lokr", [2]int{outputOfSecond}}, {"lokr_w2_b", "lokr", [2]int{nothing, inputOfSecond}},
	{"lokr_t2", "lokr", [2]int{}},
	{"ia3_l", "ia3", [2]int{onlySide, onlySide}},
	// The matrices that VeRA shares are as wide as the widest module, so they show
	// the sides of none.
	{"vera_lambda_b", "vera", [2]int{output}}, {"vera_lambda_d", "vera", [2]int{}}, {"vera_A", "vera", [2]int{}}, {"vera_B", "vera", [2]int{}},
	{"oft_r", "oft", [2]int{}}, {"boft_R", "boft", [2]int{}}, {"boft_s", "boft", [2]int{output}},
	{"vblora_logits_A", "vblora", [2]int{}}, {"vblora_logits_B", "vblora", [2]int{}}, {"vblora_vector_bank", "vblora", [2]int{}},
	{"fourierft_spectrum", "fourierft", [2]int{}},
	{"randlora_lambda", "randlora", [2]int{}}, {"randlora_gamma", "randlora", [2]int{}}, {"prompt_embeddings", "prompt", [2]int{}},
}

// adapterRole splits an adapter's tensor into the base's matrix and its role.
func adapterRole(name string) (base string, role int, ok bool) {
	trimmed := strings.TrimSuffix(name, ".weight")
	for _, i := range []int{0, 1} { // once as it is, once without the adapter's own name
		for role, p := range adapterParts {
			if stem, found := strings.CutSuffix(trimmed, p.end); found && (stem == "" || strings.HasSuffix(stem, ".") || strings.HasSuffix(stem, "_")) {
				return strings.TrimRight(stem, "._"), role, true
			}
		}
		at := strings.LastIndexByte(trimmed, '.')
		if i > 0 || at < 0 {
			break
		}
		trimmed = trimmed[:at]
	}
	return "", 0, false
}

// adapt notes what a tensor of an adapter shows of its base. It reports whether the
// tensor is a part of an adapter, and not a matrix that only lies in one.
func (s *scale) adapt(t pipeline.Tensor) bool {
	base, role, ok := adapterRole(t.Name)
	if !ok {
		return false
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
	for i, what := range p.dims {
		if i >= len(t.Shape) {
			break
		}
		n := t.Shape[i]
		switch what {
		case input:
			m.in = max(m.in, product(t.Shape[i:]))
		case output:
			m.out = max(m.out, n)
		case inputOfFirst:
			m.factors[0].in = max(m.factors[0].in, n)
		case outputOfFirst:
			m.factors[0].out = max(m.factors[0].out, n)
		case inputOfSecond:
			m.factors[1].in = max(m.factors[1].in, product(t.Shape[i:]))
		case outputOfSecond:
			m.factors[1].out = max(m.factors[1].out, n)
		case onlySide:
			if n > 1 && i == 0 {
				m.out = max(m.out, n)
			} else if n > 1 {
				m.in = max(m.in, n)
			}
		}
	}
	return true
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
// effective interval is the base's; it is the artifact's own where the model that it
// changes lies beside it.
func (s *scale) adapterFacts() bool {
	kinds := map[string]int{}
	var base interval
	for _, m := range s.adapted {
		kinds[m.kind]++
		in, out := m.sides()
		s.add(&base.lower, s.times(in, out))
	}
	base.estimate = max(base.lower, s.wholeBase())
	s.adapterConfig()
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
	if s.besideItsBase(base.lower) {
		return false
	}
	// The artifact's own count bounds what is exported with it, too.
	s.facts.Set("params.effective_lower", int64(max(base.lower, s.sum.lower)), pipeline.BasisMeasured)
	s.facts.Set("params.effective_estimate", int64(max(base.estimate, s.sum.estimate)), pipeline.BasisEstimated)
	return true
}

func (s *scale) adapterConfig() {
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
}

// besideItsBase reports whether a whole model lies beside the adapter of which every
// adapted matrix can be a part: there is a matrix with the sides that the adapter
// shows, or with the one that it shows. A model of other sizes is a decoy.
func (s *scale) besideItsBase(least uint64) bool {
	a := s.facts.Facts.Architecture
	if a.Family == nil || (a.Partial != nil && *a.Partial) || least > s.full {
		return false
	}
	if len(s.adapted) == 0 {
		return true
	}
	matrices, sides := map[[2]uint64]bool{}, map[uint64]bool{}
	for _, t := range s.readings.Tables {
		for i := range t.Len() {
			tensor := t.At(i)
			if _, _, isPart := adapterRole(tensor.Name); isPart || len(tensor.Shape) < 2 {
				continue
			}
			out, in := tensor.Shape[0], product(tensor.Shape[1:])
			matrices[[2]uint64{in, out}] = true
			sides[in], sides[out] = true, true
		}
	}
	for _, m := range s.adapted {
		in, out := m.sides()
		switch {
		case in > 0 && out > 0 && !matrices[[2]uint64{in, out}] && !matrices[[2]uint64{out, in}]: // GPT-2 stores its matrices turned
			return false
		case in > 0 && !sides[in], out > 0 && !sides[out], in == 0 && out == 0:
			return false
		}
	}
	return true
}

// projections are the matrices of one layer of the common decoder, by the end of
// their names in its different spellings.
var projections = map[string][]string{
	"q": {"q_proj", "wq", "query"}, "k": {"k_proj", "wk", "key"}, "v": {"v_proj", "wv", "value"}, "o": {"o_proj", "wo", "out_proj", "dense"},
	"gate": {"gate_proj", "w1"}, "up": {"up_proj", "w3"}, "down": {"down_proj", "w2"},
}

// roleOf returns which matrix of a layer a name stands for, or "".
func roleOf(name string) string {
	for role, ends := range projections {
		if slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) }) {
			return role
		}
	}
	return ""
}

// wholeBase estimates the base from the matrices that are adapted, filling in those of
// the common decoder that are not: the output projection like the query's, keys and
// values like each other, and a feed-forward part three and a half times as wide as
// the stream. There are as many layers as the largest number says.
func (s *scale) wholeBase() uint64 {
	type role struct {
		name   string
		expert bool
	}
	roles := map[role]struct{ in, out uint64 }{}
	var other, layers, experts uint64
	for name, m := range s.adapted {
		in, out := m.sides()
		var numbers [2]int
		n := pipeline.Numbers(name, numbers[:])
		if n > 0 {
			layers = max(layers, uint64(numbers[0])+1)
		}
		r := role{roleOf(name), n > 1 && strings.Contains(name, "experts.")}
		if r.expert {
			experts = max(experts, uint64(numbers[1])+1)
		}
		if r.name == "" {
			s.add(&other, s.times(in, out))
			continue
		}
		had := roles[r]
		roles[r] = struct{ in, out uint64 }{max(had.in, in), max(had.out, out)}
	}
	is := func(name string) struct{ in, out uint64 } { return roles[role{name, false}] }
	of := func(name string) struct{ in, out uint64 } { return roles[role{name, true}] }
	h := cmp.Or(is("q").in, is("k").in, is("v").in, is("o").out, is("gate").in, is("up").in, is("down").out, of("gate").in, of("up").in, of("down").out, is("q").out)
	if h == 0 {
		return other
	}
	q := cmp.Or(is("q").out, is("o").in, h)
	kv := cmp.Or(is("k").out, is("v").out, max(q/8, 1))
	one := mul(2, q, h) + mul(2, kv, h)
	if experts > 0 {
		f := cmp.Or(of("gate").out, of("up").out, of("down").in, h*7/2)
		one += mul(3, f, h, experts)
	} else {
		f := cmp.Or(is("gate").out, is("up").out, is("down").in, h*7/2)
		one += mul(3, f, h)
	}
	return min(mul(one, min(max(layers, 1), mostLayers))+other, 1<<62)
}
