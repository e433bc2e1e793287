package weight

import (
	"math/bits"
	"slices"
	"strings"

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
	// widths that the rest of the model shows.
	explain func(m *module, w *widths) *packed
	// aux are the leaves that serve the weight; "*" at the end stands for anything.
	aux []string
}

// packed is a module explained.
type packed struct {
	scheme string
	// weight is the part that holds the weights, adds what it unpacks to.
	weight *part
	adds   interval
	// bits is the size of one parameter, rounded up, or 0 where it is not known.
	bits uint64
	// side is the length that the explanation gives the packed side of the matrix,
	// 0 where the layout lies flat. Siblings claim it, so it is held against the rest
	// of the model, see widths.settle. other is the side that lies open.
	side, other uint64
	// loose is true where the shapes contradict each other: then the bytes bound it.
	loose bool
	// reason says why the three ends differ, or is "".
	reason string
	aux    []string
	// also are further parts of the same weight, which add nothing of their own.
	also []*part
}

// claim is a count that the siblings' shapes give, if side is true.
func claim(p *part, n, bitsEach, side, other uint64) *packed {
	if n == 0 {
		return nil
	}
	return &packed{weight: p, adds: interval{n, n, n}, bits: bitsEach, side: side, other: other}
}

// flat is a count that needs no side: the layout stores its weights in one row.
func flat(p *part, n, bitsEach uint64) *packed { return claim(p, n, bitsEach, 0, 0) }

// between is a count that shapes only bound; the bytes bound it from above.
func between(p *part, lower, estimate uint64, reason string) *packed {
	estimate = max(estimate, lower)
	return &packed{weight: p, adds: interval{lower, estimate, max(estimate, capacity(p))}, loose: true, reason: reason}
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

// capacity is what all bytes of the weight hold at one bit for each parameter.
func (g *packed) capacity() uint64 {
	n := capacity(g.weight)
	for _, p := range g.also {
		n = min(n+capacity(p), 1<<62)
	}
	return n
}

// packings lists every layout that is explained, the more specific before the more
// general.
var packings = []packing{
	bnb4bit, bnbInt8,
	mxfp4Blocks, mxfp4BlocksJoined,
	exl3, exl2, quipSharp, aqlm, vptq, spqr, dfloat11,
	sparseBitmask, sparse24, marlin24,
	nvfp4Pack, mxfp4Pack, packQuantized,
	nunchaku, fpQuant, gptq, awqGEMM, awqGEMV, marlin, rawBlocks,
	hqq, quantoPacked, quanto, torchao, matMulNBits,
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

// explainer finds the layouts of modules. It keeps which packings come into question
// for the leaves of the last module: nearly all modules of a model have the same.
type explainer struct {
	leaves []string
	likely []*packing
}

// explain finds the layout of a module, or returns nil.
func (e *explainer) explain(m *module, w *widths) *packed {
	if !e.sameLeaves(m) {
		e.look(m)
	}
	for _, p := range e.likely {
		if got := p.explain(m, w); got != nil {
			got.scheme, got.aux = p.name, p.aux
			return got
		}
	}
	return nil
}

func (e *explainer) sameLeaves(m *module) bool {
	return slices.EqualFunc(e.leaves, m.parts, func(leaf string, p part) bool { return leaf == p.leaf })
}

// look finds the packings one of whose keys is a leaf of the module.
func (e *explainer) look(m *module) {
	e.leaves, e.likely = e.leaves[:0], e.likely[:0]
	for i := range m.parts {
		e.leaves = append(e.leaves, m.parts[i].leaf)
	}
	for i := range packings {
		if m.any(packings[i].keys...) != nil {
			e.likely = append(e.likely, &packings[i])
		}
	}
}

// smallAux is the size up to which an auxiliary tensor is left out whatever the weight
// is: code tables and single scales beside tiny weights.
const smallAux = 256

// serving picks the parts that may be left out beside the weight they serve: the leaf
// is one of the layout's, it has at most an eighth of the weight's parameters, and
// all of them together at most a quarter. The finest real groups have sixteen
// elements to a scale (counting.md section 2), and a scale may have a zero point.
func (g *packed) serving(m *module) (serves [maxParts]bool) {
	room := g.adds.lower / 4
	for i := range m.parts {
		p := &m.parts[i]
		if i >= maxParts || p == g.weight || !g.lists(p.leaf) {
			continue
		}
		n := p.elements()
		switch {
		case n <= smallAux:
			serves[i] = true
		case n <= g.adds.lower/8 && n <= room:
			room -= n
			serves[i] = true
		}
	}
	for _, also := range g.also {
		for i := range m.parts {
			if i < maxParts && &m.parts[i] == also {
				serves[i] = true
			}
		}
	}
	return serves
}

// maxParts is how many parts a module may have; further ones count by themselves. Real
// layouts have less than twenty, times the slices of a model.
const maxParts = 256

func (g *packed) lists(leaf string) bool {
	for _, aux := range g.aux {
		if leaf == aux {
			return true
		}
		if prefix, ok := strings.CutSuffix(aux, "*"); ok && strings.HasPrefix(leaf, prefix) {
			return true
		}
	}
	return false
}

// containerBits returns the size of a packing's integer container, 0 for others.
func containerBits(p *part) uint64 {
	if p == nil || p.tensor.DType.Class() != pipeline.ClassInteger {
		return 0
	}
	return p.tensor.DType.Bits()
}
