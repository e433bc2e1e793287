package weight

import (
	"math/bits"

	"weighbridge/pipeline"
)

// packing is a rule that explains how one layout stores a weight (counting.md section
// 2; each rule names the project that defines the layout).
type packing struct {
	// name is the scheme, as reports show it.
	name string
	// keys are the leaves one of which must be there before explain is asked.
	keys []string
	// explain weighs a module, or returns nil where the module is not of this
	// layout. It goes by names, dtypes and shapes of the module alone, and by the
	// widths that the model's plain tensors show.
	explain func(m *module, w *widths) *packed
	// aux are the leaves that serve the weight. They are left out only beside it
	// and only where they are small against it.
	aux []string
}

// packed is a module explained.
type packed struct {
	scheme string
	// weight is the part that holds the weights, adds what it unpacks to.
	weight *part
	adds   interval
	// bits is the size of one parameter, 0 where it is not known.
	bits uint64
	// reason says why the three ends differ, or is "".
	reason string
	aux    []string
	// also is a second part of the same weight that adds nothing, or nil. It must
	// not be larger than the first.
	also *part
}

// exactly is a count that shapes settle.
func exactly(p *part, n, bitsEach uint64) *packed {
	if n == 0 {
		return nil
	}
	return &packed{weight: p, adds: interval{n, n, n}, bits: bitsEach}
}

// between is a count that shapes bound.
func between(p *part, lower, estimate, upper, bitsEach uint64, reason string) *packed {
	estimate = max(estimate, lower)
	return &packed{weight: p, adds: interval{lower, estimate, max(upper, estimate)}, bits: bitsEach, reason: reason}
}

// mul multiplies with saturation: what saturates is far above any real count and ends
// as unknown.
func mul(factors ...uint64) uint64 {
	n := uint64(1)
	for _, f := range factors {
		hi, lo := bits.Mul64(n, f)
		if hi != 0 || lo > 1<<62 {
			return 1 << 62
		}
		n = lo
	}
	return n
}

// capacity is what the bytes of a part hold at one bit for each parameter.
func capacity(p *part) uint64 { return mul(p.tensor.Bytes(), perByte) }

// packings lists every layout that is explained, the more specific before the more
// general.
var packings = []packing{
	bnb4bit, bnbInt8,
	mxfp4Blocks, mxfp4BlocksJoined,
	exl3, exl2, quipSharp, aqlm, vptq, spqr, dfloat11,
	sparseBitmask, sparse24, marlin24,
	nvfp4Pack, mxfp4Pack, packQuantized,
	nunchaku, fpQuant, gptq, awqGEMM, awqGEMV, marlin, rawBlocks,
	hqq, quantoPacked, quanto, torchao,
	mlxAffine, mlxFloat,
	deepseekFP4, modeloptNVFP4, modeloptINT4, bitnet,
	scaledFloat, scaledInt8,
}

// packingLeaves are all leaves that some packing knows.
var packingLeaves = func() map[string]bool {
	m := map[string]bool{}
	for _, p := range packings {
		for _, leaf := range p.keys {
			m[leaf] = true
		}
		for _, leaf := range p.aux {
			m[leaf] = true
		}
	}
	delete(m, "weight")
	delete(m, "bias")
	return m
}()

// explain finds the layout of a module, or returns nil.
func explain(m *module, w *widths) *packed {
	for i := range packings {
		p := &packings[i]
		if m.any(p.keys...) == nil {
			continue
		}
		if got := p.explain(m, w); got != nil {
			got.scheme, got.aux = p.name, p.aux
			return got
		}
	}
	return nil
}

// serves reports whether a part may be left out beside the weight it serves: its leaf
// is one of the layout's, and it has at most an eighth of the weight's elements. The
// finest real groups have sixteen elements to a scale (counting.md section 2).
func (g *packed) serves(p *part) bool {
	if p == g.also && p.elements() <= g.weight.elements() {
		return true
	}
	if p == g.weight || p.elements() > g.adds.lower/8 && p.elements() > smallAux {
		return false
	}
	for _, leaf := range g.aux {
		if p.leaf == leaf || (leaf[len(leaf)-1] == '*' && len(p.leaf) >= len(leaf) && p.leaf[:len(leaf)-1] == leaf[:len(leaf)-1]) {
			return true
		}
	}
	return false
}

// smallAux is the size up to which an auxiliary tensor is left out whatever the weight
// is: code tables and single scales beside tiny weights.
const smallAux = 256

// widths are the sizes that the plain one-dimensional tensors of a model show. Norms
// are as wide as the stream of activations between layers, so the most common width
// is the hidden size, and every matrix has one side that is one of them. They tell the
// bit width of a packing where nothing stores it.
type widths struct {
	hidden uint64
	known  map[uint64]bool
	// votes counts the bit widths that the hidden size told; decided is the one that
	// all agree on, for matrices that do not touch the hidden size.
	votes   map[uint64]int
	decided uint64
}

// leastWidth is the smallest width that says anything.
const leastWidth = 32

// measure collects the widths.
func measure(tables []*pipeline.Table) *widths {
	counts := map[uint64]int{}
	for _, t := range tables {
		for i := range t.Len() {
			tensor := t.At(i)
			if len(tensor.Shape) != 1 || tensor.Shape[0] < leastWidth || tensor.DType.Class() != pipeline.ClassFloat {
				continue
			}
			if _, leaf := split(tensor.Name); !packingLeaves[leaf] {
				counts[tensor.Shape[0]]++
			}
		}
	}
	w := &widths{known: map[uint64]bool{}, votes: map[uint64]int{}}
	most := 0
	for n, count := range counts {
		w.known[n] = true
		if count > most || (count == most && n > w.hidden) {
			w.hidden, most = n, count
		}
	}
	return w
}

// fits reports whether a side of a matrix is a known width.
func (w *widths) fits(sides ...uint64) bool {
	for _, n := range sides {
		if w.known[n] {
			return true
		}
	}
	return false
}
