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
	declared, declaredBits := s.declaredPacking()
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
	var problems []string
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
			if declaredBits > 0 && declaredBits != b {
				problems = append(problems, fmt.Sprintf("the config declares %d bits; the shapes show %d", declaredBits, b))
			}
		}
	case plain && most > 0 && block > 1:
		set("quantization.scheme", "gguf-"+strings.ToLower(dtype.String()))
		set("quantization.bits", int64(dtype.Bits()))
	case plain && most > 0:
		set("quantization.scheme", "none")
		set("quantization.bits", int64(dtype.Bits()))
		if declared != "" && declared != "fp8" && dtype.Bits() >= 16 {
			problems = append(problems, fmt.Sprintf("the config declares the packing %s; the tensors are plain", declared))
		}
	}
	set("quantization.contradictions", append([]string{}, problems...))
}

// declaredPacking returns the packing and the bits that a config declares.
func (s *scale) declaredPacking() (method string, bits uint64) {
	for _, c := range s.readings.Configs {
		for _, path := range []string{"quantization_config", "text_config.quantization_config", "compression_config", "quantization"} {
			if v, _, ok := c.Text(path+".quant_method", path+".quantization_method", path+".mode"); ok {
				method = v
				s.facts.Set("quantization.declared", v, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
			}
			if n, _, ok := c.Int(path+".bits", path+".w_bit", path+".nbits"); ok && n > 0 && n <= 64 {
				bits = uint64(n)
			}
		}
	}
	return method, bits
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

// expertsIn returns how many routed experts share a group: by the number behind
// "experts", or by the first dimension of a stack. Shared experts are none.
func expertsIn(pattern string, t pipeline.Tensor) uint64 {
	switch {
	case strings.Contains(pattern, "experts.{}."):
		var numbers [4]int
		n := pipeline.Numbers(t.Name, numbers[:])
		at := strings.Count(pattern[:strings.Index(pattern, "experts.{}.")], "{}")
		if at < n {
			return uint64(numbers[at]) + 1
		}
	case strings.Contains(pattern, "shared"):
	case strings.Contains(pattern, ".experts.") && len(t.Shape) >= 2:
		return t.Shape[0]
	}
	return 0
}
