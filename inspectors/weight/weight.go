// Package weight turns tensors into parameters: the scale of the weighbridge.
//
// The count is an interval. Lower is what the headers prove, estimate the most likely
// count, upper what the bytes could hold. Every tensor of every object adds to all
// three; what it adds depends on its type, its name and its shape, and a name or a
// declared number never lowers anything that a shape does not also explain. Whatever
// is not understood adds eight parameters a byte to upper, so that hiding weights
// makes a model heavier, not lighter.
//
// A tensor is looked at by a list of rules, in order; the first that explains it
// decides. Rules for packed weights join the list, the rest of the scale stays.
package weight

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "weight"

// perByte is how many parameters one byte that is not understood may hold: one bit
// each.
const perByte = 8

// What an inert object may have in size, alone and together with all others, before
// it counts as not understood. Both in bytes.
const (
	mostInert    = 64 << 20
	mostInertSum = 256 << 20
)

// Deriver weighs an artifact.
type Deriver struct{}

// New returns the scale.
func New() *Deriver { return &Deriver{} }

// Name returns "weight".
func (*Deriver) Name() string { return Name }

// Derive adds the facts of the groups params, quantization and adapter. It uses the
// fact architecture.family where it is known.
func (*Deriver) Derive(ctx context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	s := newScale(readings, facts)
	for _, t := range readings.Tables {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("weigh %s: %w", t.Object, err)
		}
		for i := range t.Len() {
			s.weigh(t, t.At(i))
		}
	}
	s.tiedHead()
	s.setAside()
	s.objects()
	s.declared()
	s.report()
	return nil
}

// interval is what something adds to the three ends, in parameters.
type interval struct{ lower, estimate, upper uint64 }

// group is all tensors that share a pattern, dtype and component.
type group struct {
	pattern   string
	dtype     pipeline.DType
	component string
	tensors   uint64
	elements  uint64
	adds      interval
	buffer    string // why it is no parameter, or ""
	reason    string // why the ends differ, or ""
	biggest   []uint64
}

type groupKey struct {
	pattern string
	dtype   pipeline.DType
	// further is true in a layer that predicts further tokens.
	further bool
}

// scale is one weighing.
type scale struct {
	readings *pipeline.Readings
	facts    *pipeline.FactSet
	family   string
	// layers is the number of layers, 0 where it is not known.
	layers uint64
	// further holds the layers, by the name up to their number, that predict
	// further tokens.
	further map[string]bool

	groups   map[groupKey]*group
	sum      interval
	stored   uint64
	overflow bool
	widening []pipeline.Widening
	unknown  uint64 // bytes that were not understood
	adapter  bool

	buf []byte
}

func newScale(readings *pipeline.Readings, facts *pipeline.FactSet) *scale {
	s := &scale{readings: readings, facts: facts, groups: map[groupKey]*group{}, further: furtherLayers(readings.Tables)}
	if f := facts.Facts.Architecture.Family; f != nil {
		s.family = *f
	}
	if n := facts.Facts.Architecture.Layers; n != nil {
		s.layers = uint64(*n)
	}
	return s
}

// add adds with saturation; a saturated count is reported as unknown.
func (s *scale) add(to *uint64, n uint64) {
	sum, carry := bits.Add64(*to, n, 0)
	if carry != 0 || sum > math.MaxInt64 {
		s.overflow = true
		sum = math.MaxInt64
	}
	*to = sum
}

func (s *scale) times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 || lo > math.MaxInt64 {
		s.overflow = true
		return math.MaxInt64
	}
	return lo
}

// weigh puts one tensor on the scale.
func (s *scale) weigh(t *pipeline.Table, tensor pipeline.Tensor) {
	s.buf = pipeline.AppendPattern(s.buf[:0], tensor.Name)
	further := len(s.further) > 0 && s.further[layerPrefix(tensor.Name)]
	g := s.groups[groupKey{string(s.buf), tensor.DType, further}] // does not allocate
	if g == nil {
		g = &group{pattern: string(s.buf), dtype: tensor.DType, component: componentOf(s.buf, further)}
		s.groups[groupKey{g.pattern, g.dtype, further}] = g
	}
	elements, ok := tensor.Elements()
	s.overflow = s.overflow || !ok
	g.tensors++
	s.add(&g.elements, elements)
	s.add(&s.stored, elements)
	if len(g.biggest) == 0 || elements > product(g.biggest) {
		g.biggest = tensor.Shape
	}
	if g.component == adapterPart {
		s.adapter = true
	}
	if why := buffer(g.pattern, tensor); why != "" && g.buffer == "" && g.tensors == 1 {
		g.buffer = why
	} else if why == "" {
		g.buffer = ""
	}
	n := s.parameters(tensor, elements, g)
	s.add(&g.adds.lower, n.lower)
	s.add(&g.adds.estimate, n.estimate)
	s.add(&g.adds.upper, n.upper)
}

func product(shape []uint64) uint64 {
	n, _ := pipeline.Product(shape)
	return n
}

// parameters says what one tensor adds, without a look at any other.
func (s *scale) parameters(tensor pipeline.Tensor, elements uint64, g *group) interval {
	switch tensor.DType.Class() {
	case pipeline.ClassFloat:
		return interval{elements, elements, elements}
	case pipeline.ClassComplex:
		n := s.times(elements, 2)
		return interval{n, n, n}
	}
	g.reason = fmt.Sprintf("%s may be a container for several parameters; no packing explains it, so each byte may hold eight", tensor.DType)
	return interval{0, 0, s.times(tensor.Bytes(), perByte)}
}

// total sums the groups, and what was found beside them, into the three ends.
func (s *scale) total() {
	for _, g := range s.groups {
		s.add(&s.sum.lower, g.adds.lower)
		s.add(&s.sum.estimate, g.adds.estimate)
		s.add(&s.sum.upper, g.adds.upper)
	}
	for _, w := range s.widening {
		s.add(&s.sum.upper, uint64(w.Upper))
	}
}

// objects adds what is not a table: eight parameters for each byte that nobody
// understood.
func (s *scale) objects() {
	var inert uint64
	for _, o := range s.readings.Objects {
		size := uint64(max(o.Size, o.PointerSize))
		why := "the object was not understood, so each byte may hold eight parameters"
		switch {
		case o.Explained && !o.Inert, size == 0:
			continue
		case o.Inert && o.Size <= mostInert && inert+size <= mostInertSum:
			inert += size
			continue
		case o.Inert:
			why = fmt.Sprintf("the object is %s and larger than such a file may be before it counts as weights", o.Format)
		case o.PointerSize > 0:
			why = "the object is a pointer; the file that it stands for may hold eight parameters in each byte"
		case o.Status == pipeline.InspectionMalformed || o.Status == pipeline.InspectionFailed:
			why = "the object could not be read, so each byte may hold eight parameters"
		}
		s.add(&s.unknown, size)
		s.widening = append(s.widening, pipeline.Widening{Name: o.Path, Upper: int64(s.times(size, perByte)), Reason: why})
	}
}

// declared finds the largest count that the artifact states of itself. It may raise
// the upper end and nothing else.
func (s *scale) declared() {
	var most int64
	var evidence pipeline.Evidence
	for _, t := range s.readings.Tables {
		if n, err := strconv.ParseInt(t.Metadata["total_parameters"], 10, 64); err == nil && n > most {
			most, evidence = n, t.Evidence()
		}
	}
	if most > 0 {
		s.facts.Set("params.declared", most, pipeline.BasisDeclared, evidence)
	}
}

// setAside takes buffers off the scale, up to a cap: what is beyond it stays in upper,
// because a large enough "buffer" is a place to hide weights. The cap is 2 % of the
// estimate or 200,000,000 elements, whichever is more (counting.md section 3).
func (s *scale) setAside() {
	var estimate uint64
	for _, g := range s.groups {
		s.add(&estimate, g.adds.estimate)
	}
	room := max(estimate/50, 200_000_000)
	aside := []pipeline.Aside{}
	for _, g := range s.sorted() {
		if g.buffer == "" || !s.plausible(g) {
			continue
		}
		kept := uint64(0)
		if g.elements > room {
			kept = g.elements - room
			g.reason = "it is named and shaped like a buffer, and too large for one"
		}
		room -= g.elements - kept
		g.adds = interval{0, 0, s.times(kept, max(1, g.dtype.Bits()))}
		aside = append(aside, pipeline.Aside{Name: g.pattern, Tensors: int64(g.tensors), Elements: int64(g.elements - kept), Reason: g.buffer})
	}
	s.facts.Set("params.set_aside", aside, pipeline.BasisMeasured)
}

// plausible reports whether there are no more buffers of a group than layers.
func (s *scale) plausible(g *group) bool { return s.layers == 0 || g.tensors <= s.layers }

// tiedHead lowers the lower end by one copy where a family that ties its head to the
// embedding stores both: headers cannot show whether the copies are equal. A config
// that says they are not raises it again; one that says they are changes nothing.
func (s *scale) tiedHead() {
	if !tied[s.family] {
		return
	}
	for _, c := range s.readings.Configs {
		if v, ok := c.Bool("tie_word_embeddings"); ok && !v {
			return
		}
	}
	var embedding, head *group
	for _, g := range s.sorted() {
		switch {
		case g.component == "embedding" && g.tensors == 1 && (embedding == nil || g.elements > embedding.elements):
			embedding = g
		case g.component == "head" && g.tensors == 1 && (head == nil || g.elements > head.elements):
			head = g
		}
	}
	if embedding == nil || head == nil || embedding.dtype != head.dtype || !slices.Equal(embedding.biggest, head.biggest) {
		return
	}
	head.adds.lower = 0
	head.reason = "the family ties its head to the embedding, and both are stored: they may be one"
}

// tied lists the families whose head is the embedding.
var tied = map[string]bool{
	"gpt2": true, "bloom": true, "gemma": true, "gemma2": true, "gemma3": true, "falcon": true, "mpt": true, "opt": true, "t5": true, "cohere": true,
}

// sorted returns the groups in order of pattern.
func (s *scale) sorted() []*group {
	out := slices.Collect(maps.Values(s.groups))
	slices.SortFunc(out, func(a, b *group) int {
		if a.pattern != b.pattern {
			if a.pattern < b.pattern {
				return -1
			}
			return 1
		}
		if a.dtype != b.dtype {
			return int(a.dtype) - int(b.dtype)
		}
		if a.component < b.component {
			return -1
		}
		return 1
	})
	return out
}

// report writes the facts.
func (s *scale) report() {
	evidence := []pipeline.Evidence{}
	for i, t := range s.readings.Tables {
		if i == mostEvidence {
			break
		}
		evidence = append(evidence, t.Evidence())
	}
	set := func(name string, v any) { s.facts.Set(name, v, pipeline.BasisMeasured, evidence...) }
	s.total()
	s.raise()
	set("objects.unknown_bytes", int64(min(s.unknown, math.MaxInt64)))
	if s.overflow {
		// A count that does not fit is no count: the ends stay unknown.
		set("params.stored_elements", int64(min(s.stored, math.MaxInt64)))
		return
	}
	set("params.stored_elements", int64(s.stored))
	set("params.lower", int64(s.sum.lower))
	set("params.estimate", int64(s.sum.estimate))
	set("params.upper", int64(s.sum.upper))
	byDType, byComponent := map[string]int64{}, map[string]int64{}
	for _, g := range s.sorted() {
		if n := int64(g.adds.estimate); n > 0 {
			byDType[g.dtype.String()] += n
			byComponent[g.component] += n
		}
		if g.adds.lower != g.adds.estimate || g.adds.estimate != g.adds.upper {
			s.widening = append(s.widening, pipeline.Widening{Name: g.pattern, Lower: int64(g.adds.lower),
				Estimate: int64(g.adds.estimate), Upper: int64(g.adds.upper), Reason: g.reason})
		}
	}
	set("params.by_dtype", byDType)
	set("params.by_component", byComponent)
	slices.SortStableFunc(s.widening, func(a, b pipeline.Widening) int {
		return int(min(1, max(-1, (b.Upper-b.Lower)-(a.Upper-a.Lower))))
	})
	if len(s.widening) > mostWidening {
		s.widening = s.widening[:mostWidening]
	}
	set("params.widened_by", append([]pipeline.Widening{}, s.widening...))
	s.quantization(set)
	if s.isAdapter() {
		s.adapterFacts()
		return
	}
	set("params.effective_lower", int64(s.sum.lower))
	set("params.effective_estimate", int64(s.sum.estimate))
	set("params.effective_upper", int64(s.sum.upper))
}

const (
	mostEvidence = 8
	mostWidening = 100
)

// raise lets a declared count raise the upper end.
func (s *scale) raise() {
	if n := s.facts.Facts.Params.Declared; n != nil && uint64(*n) > s.sum.upper {
		s.widening = append(s.widening, pipeline.Widening{Name: "total_parameters", Upper: *n - int64(s.sum.upper),
			Reason: "the artifact declares more parameters than its tensors show"})
		s.sum.upper = uint64(*n)
	}
}

// quantization says how plain weights are stored. What packed ones are is not decided
// here.
func (s *scale) quantization(set func(string, any)) {
	plain := true
	most, dtype := uint64(0), pipeline.DTypeUnknown
	sums := map[pipeline.DType]uint64{}
	for _, g := range s.groups {
		plain = plain && (g.adds.upper == g.adds.estimate || g.buffer != "")
		sums[g.dtype] += g.adds.estimate
	}
	for d, n := range sums {
		if n > most || (n == most && d < dtype) {
			most, dtype = n, d
		}
	}
	for _, c := range s.readings.Configs {
		for _, path := range []string{"quantization_config", "text_config.quantization_config", "compression_config"} {
			if method, _, ok := c.Text(path+".quant_method", path+".quantization_method"); ok {
				s.facts.Set("quantization.declared", method, pipeline.BasisDeclared, pipeline.Evidence{Object: c.Object, Where: "$." + path})
				plain = false
			}
		}
	}
	if plain && most > 0 && dtype.Bits() >= 16 {
		set("quantization.scheme", "none")
		set("quantization.bits", int64(dtype.Bits()))
	}
}
