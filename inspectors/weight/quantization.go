package weight

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// quantization says how the weights are packed, and in what the config differs.
func (s *scale) quantization(set func(string, any)) {
	most, dtype := uint64(0), pipeline.DTypeUnknown
	sums := map[pipeline.DType]uint64{}
	plain := true
	for _, g := range s.groups {
		sums[g.dtype] += g.adds.estimate
		plain = plain && (g.dtype.Class() == pipeline.ClassFloat || g.dtype.Class() == pipeline.ClassComplex || g.buffer != "")
	}
	for d, n := range sums {
		if n > most || (n == most && d < dtype) {
			most, dtype = n, d
		}
	}
	block, _ := dtype.Block()
	switch {
	case len(s.schemes) > 0:
		names := slices.Sorted(maps.Keys(s.schemes))
		set("quantization.scheme", strings.Join(names, "+"))
		main := names[0]
		for _, name := range names {
			if s.schemes[name].parameters > s.schemes[main].parameters {
				main = name
			}
		}
		if b := s.schemes[main].bits; b > 0 {
			set("quantization.bits", int64(b))
			if s.claims.most > b {
				s.contradict("%s declares %d bits; the shapes show %d", s.claims.mostBy, s.claims.most, b)
			}
		}
	case plain && most > 0 && block > 1:
		set("quantization.scheme", "gguf-"+strings.ToLower(dtype.String()))
		set("quantization.bits", int64(dtype.Bits()))
	case plain && most > 0:
		set("quantization.scheme", "none")
		set("quantization.bits", int64(dtype.Bits()))
		if s.claims.method != "" && dtype.Bits() >= 16 {
			s.contradict("the config declares the packing %s; the tensors are plain", s.claims.method)
		}
	}
	set("quantization.contradictions", append([]string{}, s.contradictions...))
}

func (s *scale) contradict(format string, args ...any) {
	s.contradictions = append(s.contradictions, fmt.Sprintf(format, args...))
}

// declaredPacking is what the configs say of the packing: the method that the last one names,
// and the fewest and the most bits that any states.
type declaredPacking struct {
	method           string
	fewest, most     uint64
	fewestBy, mostBy string
}

// Where configs keep the packing, and the bits below it.
var (
	packingPaths = []string{"quantization_config", "text_config.quantization_config", "compression_config", "quantization", "text_config.quantization", ""}
	bitsKeys     = []string{"bits", "w_bit", "nbits", "weight_bits", "num_bits", "wbits"}
)

// readPacking reads what the configs declare. It only ever raises: the fewest bits
// widen upper, and all else is said and nothing more.
func (s *scale) readPacking() {
	for _, c := range s.readings.Configs {
		for _, path := range packingPaths {
			prefix := path
			if path != "" {
				prefix += "."
			}
			if v, at, ok := c.Text(prefix+"quant_method", prefix+"quantization_method", prefix+"mode"); ok && path != "" {
				s.claims.method = v
				s.facts.Set("quantization.declared", v, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + at})
			}
			for _, key := range bitsKeys {
				if n, at, ok := c.Int(prefix + key); ok {
					s.claimBits(n, c.Object+" $."+at)
				}
			}
			for key, n := range map[string]int64{"load_in_4bit": 4, "load_in_8bit": 8} {
				if v, ok := c.Bool(prefix + key); ok && v {
					s.claimBits(n, c.Object+" $."+prefix+key)
				}
			}
			groups, _ := c.Lookup(prefix + "config_groups").(map[string]any)
			for name := range groups {
				if n, at, ok := c.Int(prefix + "config_groups." + name + ".weights.num_bits"); ok {
					s.claimBits(n, c.Object+" $."+at)
				}
			}
		}
	}
}

func (s *scale) claimBits(n int64, by string) {
	if n <= 0 || n > 64 {
		return
	}
	b := uint64(n)
	if s.claims.fewest == 0 || b < s.claims.fewest || (b == s.claims.fewest && by < s.claims.fewestBy) {
		s.claims.fewest, s.claims.fewestBy = b, by
	}
	if b > s.claims.most || (b == s.claims.most && by < s.claims.mostBy) {
		s.claims.most, s.claims.mostBy = b, by
	}
}

// fewerBits lets a config that declares fewer bits than any shape shows raise the upper
// end of the weights: of those that are packed, or of all where none is.
func (s *scale) fewerBits() {
	declared := s.claims.fewest
	if declared == 0 {
		return
	}
	shown := uint64(0)
	for _, k := range s.schemes {
		if k.bits != 0 && (shown == 0 || k.bits < shown) {
			shown = k.bits
		}
	}
	packed := shown != 0
	raised := false
	for _, g := range s.groups {
		bits := g.packedBits
		if !packed {
			bits = g.dtype.Bits()
		}
		if (packed && declared >= shown) || bits <= declared || g.adds.estimate == 0 {
			continue
		}
		if upper := mul(g.adds.estimate, bits) / declared; upper > g.adds.upper {
			g.adds.upper = upper
			g.reason = fmt.Sprintf("%s declares %d bits a parameter; the shapes show %d", s.claims.fewestBy, declared, bits)
			raised = true
		}
	}
	if raised {
		s.contradict("%s declares %d bits, which are fewer than the shapes show", s.claims.fewestBy, declared)
	}
}

// matrixFingerprint names the structure by the number of parameters of each matrix. It
// survives renaming, resharding and reordering, and requantising too, because a packed
// matrix counts by what it unpacks to.
func (s *scale) matrixFingerprint() string {
	h := sha256.New()
	var buf [16]byte
	for _, n := range slices.Sorted(maps.Keys(s.logical)) {
		binary.LittleEndian.PutUint64(buf[:8], n)
		binary.LittleEndian.PutUint64(buf[8:], s.logical[n])
		h.Write(buf[:])
	}
	return string(pipeline.DigestOf(h.Sum(nil)))
}

// active counts the parameters that one token passes through: all but the routed
// experts that it does not choose, and the layers that predict further tokens. How
// many it chooses is in no shape (counting.md section 3).
func (s *scale) active() {
	k := s.facts.Facts.Architecture.ExpertsPerToken
	if k == nil || *k <= 0 {
		return
	}
	active := s.sum.estimate
	routed := false
	for _, g := range s.groups {
		switch {
		case g.component == furtherPart:
			active -= g.adds.estimate
		case g.experts > uint64(*k):
			routed = true
			active -= g.adds.estimate / g.experts * (g.experts - uint64(*k))
		}
	}
	if routed {
		entry, _ := s.facts.Entry("architecture.experts_per_token")
		s.facts.Set("params.active", int64(active), pipeline.BasisDeclared, entry.Evidence...)
	}
}

// What expertNumber returns for patterns without the number of an expert.
const (
	noExperts    = -1
	stackExperts = -2
)

// expertNumber tells which number of a name is that of a routed expert: the one behind
// "experts". It returns stackExperts where the first dimension counts the experts, and
// noExperts for shared experts and all else.
func expertNumber(pattern string) int {
	if at := strings.Index(pattern, "experts.{}."); at >= 0 {
		return strings.Count(pattern[:at], "{}")
	}
	if strings.Contains(pattern, ".experts.") && !strings.Contains(pattern, "shared") {
		return stackExperts
	}
	return noExperts
}

// expertsIn returns how many routed experts there are by a tensor of the group.
func (g *group) expertsIn(t pipeline.Tensor) uint64 {
	switch {
	case g.expertNumber == stackExperts && len(t.Shape) >= 2:
		return t.Shape[0]
	case g.expertNumber >= 0:
		var numbers [4]int
		if n := pipeline.Numbers(t.Name, numbers[:]); g.expertNumber < n {
			return uint64(numbers[g.expertNumber]) + 1
		}
	}
	return 0
}
