// Package weight turns tensors into parameters: the scale of the weighbridge.
//
// The count is an interval. Lower is what the headers prove, estimate the most likely
// count, upper what the bytes could hold. Every tensor of every object adds to all
// three; what it adds depends on its type, its name, its shape and its neighbours, and
// a name or a declared number never lowers anything that a shape does not also
// explain. Whatever is not understood adds eight parameters a byte to upper, so that
// hiding weights makes a model heavier, not lighter.
//
// Packed weights are unpacked on paper: tensors that belong together form a module,
// and the list of packings explains it, each by a rule of its own. An auxiliary tensor
// (a scale, a zero point) is left out only beside the weight that it serves, and only
// where it is small against it.
//
// Sources: the project's notes on counting, sections 2 (packings), 3 (what counts) and
// 5 (evasions).
package weight

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

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
// facts of the group architecture where they are known.
func (*Deriver) Derive(ctx context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	s := newScale(readings, facts)
	if err := s.tensors(ctx); err != nil {
		return err
	}
	s.tiedHead()
	s.setAside()
	s.readPacking()
	s.fewerBits()
	s.smallParts()
	s.objects()
	s.declared()
	s.sets()
	s.report()
	return nil
}

// interval is what something adds to the three ends, in parameters.
type interval struct{ lower, estimate, upper uint64 }

// take takes off what was added before.
func (v *interval) take(n interval) {
	v.lower -= min(v.lower, n.lower)
	v.estimate -= min(v.estimate, n.estimate)
	v.upper -= min(v.upper, n.upper)
}

// group is all tensors that share a pattern, dtype and component.
type group struct {
	pattern   string
	dtype     pipeline.DType
	component string
	kind      string
	tensors   uint64
	elements  uint64
	adds      interval
	buffer    string // why it is no parameter, or ""
	held      []held // what each file holds of a buffer
	serves    string // the packing that it serves, or ""
	reason    string // why the ends differ, or ""
	biggest   []uint64
	experts   uint64 // routed experts that share the group, 0 for none
	// namedLike is the position in buffers of what the group is named like, or -1;
	// expertNumber tells which number of a name is that of the expert, see expertNumber.
	namedLike, expertNumber int
	// packedBits is the size of one parameter where the group is packed, else 0.
	packedBits uint64
}

// held is what one file holds of a group.
type held struct {
	table int32
	adds  interval
}

type groupKey struct {
	pattern string
	dtype   pipeline.DType
	// further is true in a layer that predicts further tokens; serves in one whose
	// tensors serve a packing.
	further, serves bool
}

// scheme sums what one packing explained.
type scheme struct {
	parameters uint64
	bits       uint64
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
	files    []tableWeight // as readings.Tables
	setOf    []int32       // the set of each table
	widths   *widths
	schemes  map[string]*scheme
	logical  map[uint64]uint64 // parameters of one matrix -> how many there are
	adapted  map[string]*adaptedMatrix
	full     uint64 // parameters of whole matrices
	sum      interval
	stored   uint64
	overflow bool
	widening []pipeline.Widening
	// claims is what the configs say of the packing, contradictions in what they and
	// the tensors differ.
	claims         declaredPacking
	contradictions []string
	unknown        uint64 // bytes that were not understood
	// spares sums the small floats of odd shapes, and what their bytes could hold.
	spares struct{ elements, capacity uint64 }

	buf []byte
}

func newScale(readings *pipeline.Readings, facts *pipeline.FactSet) *scale {
	s := &scale{readings: readings, facts: facts, groups: map[groupKey]*group{}, further: furtherLayers(readings.Tables),
		files: make([]tableWeight, len(readings.Tables)), schemes: map[string]*scheme{}, logical: map[uint64]uint64{},
		adapted: map[string]*adaptedMatrix{}, widths: newWidths(), setOf: setNumbers(readings.Tables)}
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

func (s *scale) addInterval(to *interval, n interval) {
	s.add(&to.lower, n.lower)
	s.add(&to.estimate, n.estimate)
	s.add(&to.upper, n.upper)
}

func (s *scale) times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 || lo > math.MaxInt64 {
		s.overflow = true
		return math.MaxInt64
	}
	return lo
}

func product(shape []uint64) uint64 {
	n, _ := pipeline.Product(shape)
	return n
}

// tensors puts every tensor on the scale. Where all are plain, each stands for itself;
// else they are gathered into modules first.
func (s *scale) tensors(ctx context.Context) error {
	allPlain := true
	for ti, t := range s.readings.Tables {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("weigh %s: %w", t.Object, err)
		}
		for i := range t.Len() {
			tensor := t.At(i)
			s.files[ti].see(tensor)
			if tensor.DType.Class() == pipeline.ClassFloat && tensor.DType.Bits() >= 16 {
				s.widths.see(tensor)
			}
			allPlain = allPlain && plain(tensor.Name, tensor.DType)
		}
	}
	s.widths.rank()
	if allPlain {
		for ti, t := range s.readings.Tables {
			for i := range t.Len() {
				s.weighPlain(int32(ti), t.At(i))
			}
		}
		return nil
	}
	return s.packed(ctx)
}

// packed weighs an artifact in which some tensors are packed. What the modules show
// openly is gathered first, then the bits where siblings leave them open, then every
// claim is held against the rest.
func (s *scale) packed(ctx context.Context) error {
	w := s.widths
	all := modules(s.readings.Tables, s.setOf, s.weighPlain)
	found := make([]*packed, len(all))
	for i := range all {
		if found[i] = explain(&all[i], w); found[i] != nil {
			w.show(found[i])
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("weigh packed tensors: %w", err)
	}
	if w.open {
		w.voting = true
		for i := range all {
			explain(&all[i], w)
		}
		w.voting = false
		for i := range all {
			found[i] = explain(&all[i], w)
		}
	}
	for _, g := range found {
		if g != nil {
			w.note(g)
		}
	}
	for _, g := range found {
		if g != nil {
			w.vote(g)
		}
	}
	for i, g := range found {
		if g != nil {
			w.settle(g)
		}
		s.weighModule(&all[i], g)
	}
	return nil
}

// weighModule puts the tensors of a module on the scale.
func (s *scale) weighModule(m *module, g *packed) {
	if g == nil {
		for i := range m.parts {
			s.weighPlain(m.parts[i].table, m.parts[i].tensor)
		}
		return
	}
	known := s.schemes[g.scheme]
	if known == nil {
		known = &scheme{}
		s.schemes[g.scheme] = known
	}
	s.add(&known.parameters, g.adds.estimate)
	if g.bits != 0 && (known.bits == 0 || g.bits < known.bits) {
		known.bits = g.bits
	}
	serves := g.serving(m)
	for i := range m.parts {
		p := &m.parts[i]
		switch {
		case p == g.weight:
			gr := s.put(p.table, p.tensor, g.adds, "")
			gr.packedBits = max(gr.packedBits, g.bits)
			if g.reason != "" {
				gr.reason = g.reason
			}
			s.logical[g.adds.estimate]++
			s.add(&s.full, g.adds.estimate)
		case serves[i]:
			s.put(p.table, p.tensor, interval{}, g.scheme)
		default:
			s.weighPlain(p.table, p.tensor)
		}
	}
}

// weighPlain puts a tensor on the scale that stands for itself.
func (s *scale) weighPlain(table int32, tensor pipeline.Tensor) {
	elements, ok := tensor.Elements()
	s.overflow = s.overflow || !ok
	adds, reason := s.alone(tensor, elements)
	g := s.put(table, tensor, adds, "")
	if reason != "" {
		g.reason = reason
	}
	if why := g.bufferReason(tensor); why == "" {
		g.buffer, g.held = "", nil
		s.spare(tensor, elements, adds)
	} else if g.tensors == 1 || g.buffer != "" {
		g.buffer = why
		g.held = append(g.held, held{table, adds})
	}
	if g.component == adapterPart && s.adapt(tensor) {
		return
	}
	if len(tensor.Shape) >= 2 && g.buffer == "" {
		s.logical[adds.estimate]++
		s.add(&s.full, adds.estimate)
	}
}

// put adds a tensor to its group. serves names the packing that an auxiliary tensor
// serves, "" for any other.
func (s *scale) put(table int32, tensor pipeline.Tensor, adds interval, serves string) *group {
	s.buf = pipeline.AppendPattern(s.buf[:0], tensor.Name)
	further := len(s.further) > 0 && s.further[layerPrefix(tensor.Name)]
	g := s.groups[groupKey{string(s.buf), tensor.DType, further, serves != ""}] // does not allocate
	if g == nil {
		g = &group{pattern: string(s.buf), dtype: tensor.DType, component: componentOf(s.buf, further), kind: kindOf(s.buf), serves: serves}
		g.namedLike, g.expertNumber = bufferNamed(g.pattern), expertNumber(g.pattern)
		s.groups[groupKey{g.pattern, g.dtype, further, serves != ""}] = g
	}
	if g.component == expertsPart {
		g.experts = max(g.experts, g.expertsIn(tensor))
	}
	elements := product(tensor.Shape)
	g.tensors++
	s.add(&g.elements, elements)
	s.add(&s.stored, elements)
	if len(g.biggest) == 0 || elements > product(g.biggest) {
		g.biggest = tensor.Shape
	}
	s.addInterval(&g.adds, adds)
	f := &s.files[table]
	s.addInterval(&f.adds, adds)
	switch g.kind {
	case "optimizer":
		f.optimizer += elements
	case "ema":
		f.ema += elements
	}
	return g
}

// mostFlat is how many elements a tensor of floats may have whatever its shape is:
// above the longest vocabulary.
const mostFlat = 1 << 20

// alone says what a tensor adds that no packing explains.
//
// Floats of sixteen bits and more count as they are, with one exception for upper: a
// large tensor that looks like no matrix of the model may be a container (a long row;
// or no side that is a width of the model's norms or a multiple of its hidden size).
// Floats of eight bits must look like a matrix of the model whatever their size.
func (s *scale) alone(tensor pipeline.Tensor, elements uint64) (interval, string) {
	switch tensor.DType.Class() {
	case pipeline.ClassFloat:
		odd := ""
		switch eight := tensor.DType.Bits() <= 8; {
		case elements <= leastWidth, !eight && elements <= mostFlat && !s.widths.column(tensor.Shape, elements):
		case longRow(tensor.Shape, elements):
			odd = "a long row of floats may be a container for packed parameters, so each byte may hold eight"
		case eight && !s.widths.whole(tensor.Shape), !eight && !s.widths.fits(tensor.Shape):
			odd = "its sides are nowhere else in the model, so the floats may be a container and each byte may hold eight parameters"
		}
		if block, _ := tensor.DType.Block(); odd != "" && block == 1 {
			return interval{elements, elements, max(elements, s.times(tensor.Bytes(), perByte))}, odd
		}
		return interval{elements, elements, elements}, ""
	case pipeline.ClassComplex:
		n := s.times(elements, 2)
		return interval{n, n, n}, ""
	}
	return interval{0, 0, s.times(tensor.Bytes(), perByte)},
		fmt.Sprintf("%s may be a container for several parameters; no packing explains it, so each byte may hold eight", tensor.DType)
}

// What floats of odd shapes may have in elements before they are seen as containers, one
// that is too small to be noted and all others together: models have a few biases as
// long as the vocabulary.
const (
	leastSpare   = 4096
	mostSpareSum = 4 << 20
)

// spare notes floats that are too small to be suspect by themselves.
func (s *scale) spare(t pipeline.Tensor, elements uint64, adds interval) {
	if t.DType.Class() != pipeline.ClassFloat || t.DType.Bits() < 16 || elements <= leastSpare || adds.upper != elements {
		return
	}
	if (longRow(t.Shape, elements) && !s.widths.known[slices.Max(t.Shape)]) || !s.widths.fits(t.Shape) {
		s.add(&s.spares.elements, elements)
		s.add(&s.spares.capacity, s.times(t.Bytes(), perByte))
	}
}

// smallParts adds what small floats of odd shapes could hold where there are many.
func (s *scale) smallParts() {
	if s.spares.elements > mostSpareSum {
		s.widen("small tensors of odd shapes", interval{upper: s.spares.capacity - s.spares.elements},
			"their sides are nowhere else in the model and there are many, so they may be containers and each byte may hold eight parameters")
	}
}

// longRow reports whether nearly all of a shape lies in one dimension.
func longRow(shape []uint64, elements uint64) bool {
	if len(shape) == 0 {
		return false
	}
	longest := slices.Max(shape)
	return longest > 0 && elements/longest < 4
}

// objects adds what is not in a table: eight parameters for each byte that nobody
// understood.
func (s *scale) objects() {
	var inert uint64
	for _, o := range s.readings.Objects {
		size := uint64(max(o.Size, o.PointerSize))
		why := "the object was not understood, so each byte may hold eight parameters"
		switch {
		case o.Explained && o.Unexplained > 0:
			size = uint64(o.Unexplained)
			why = "the object holds bytes that no tensor accounts for, each of which may hold eight parameters"
		case o.Explained && !o.Inert, size == 0:
			continue
		case o.Inert && o.Size <= mostInert && inert+size <= mostInertSum:
			inert += size
			continue
		case o.Inert:
			why = fmt.Sprintf("the object is %s and larger than such files may be before they count as weights", o.Format)
		case o.PointerSize > 0:
			why = "the object is a pointer; the file that it stands for may hold eight parameters in each byte"
		case o.Status == pipeline.InspectionMalformed || o.Status == pipeline.InspectionFailed:
			why = "the object could not be read, so each byte may hold eight parameters"
		}
		s.add(&s.unknown, size)
		s.widen(o.Path, interval{upper: s.times(size, perByte)}, why)
	}
}

// widen adds to the interval something that is in no group.
func (s *scale) widen(name string, adds interval, reason string) {
	s.addInterval(&s.sum, adds)
	s.widening = append(s.widening, pipeline.Widening{Name: name, Lower: int64(adds.lower), Estimate: int64(adds.estimate), Upper: int64(adds.upper), Reason: reason})
}

// declared finds the largest count that the artifact states of itself. It may raise
// the upper end and nothing else.
func (s *scale) declared() {
	var most int64
	var evidence pipeline.Evidence
	if known := s.facts.Facts.Params.Declared; known != nil {
		most = *known
		if entry, ok := s.facts.Entry("params.declared"); ok && len(entry.Evidence) > 0 {
			evidence = entry.Evidence[0]
		}
	}
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
		if g.serves != "" {
			aside = append(aside, pipeline.Aside{Name: g.pattern, Tensors: int64(g.tensors), Elements: int64(g.elements), Reason: "serves a weight packed as " + g.serves})
			continue
		}
		if g.buffer == "" || !s.plausible(g) {
			continue
		}
		kept := uint64(0)
		if g.elements > room {
			kept = g.elements - room
			g.reason = "it is named and shaped like a buffer, and too large for one"
		} else {
			for _, h := range g.held {
				s.files[h.table].adds.take(h.adds)
			}
		}
		room -= g.elements - kept
		g.adds = interval{0, 0, s.times(kept, max(1, g.dtype.Bits()))}
		aside = append(aside, pipeline.Aside{Name: g.pattern, Tensors: int64(g.tensors), Elements: int64(g.elements - kept), Reason: g.buffer})
	}
	slices.SortStableFunc(aside, func(a, b pipeline.Aside) int { return cmp.Compare(b.Elements, a.Elements) })
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
		case g.component == embeddingPart && g.tensors == 1 && (embedding == nil || g.elements > embedding.elements):
			embedding = g
		case g.component == headPart && g.tensors == 1 && (head == nil || g.elements > head.elements):
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
	return slices.SortedFunc(maps.Values(s.groups), func(a, b *group) int {
		return cmp.Or(strings.Compare(a.pattern, b.pattern), cmp.Compare(a.dtype, b.dtype), strings.Compare(a.component, b.component), strings.Compare(a.serves, b.serves))
	})
}

const (
	mostEvidence = 8
	mostWidening = 100
)

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
	for _, g := range s.groups {
		s.addInterval(&s.sum, g.adds)
	}
	s.raise()
	set("objects.unknown_bytes", int64(min(s.unknown, math.MaxInt64)))
	set("params.stored_elements", int64(min(s.stored, math.MaxInt64)))
	if s.overflow {
		return // a count that does not fit is no count: the ends stay unknown
	}
	byDType, byComponent := map[string]int64{}, map[string]int64{}
	var inGroups uint64
	for _, g := range s.sorted() {
		if n := int64(g.adds.estimate); n > 0 {
			byDType[g.dtype.String()] += n
			byComponent[g.component] += n
			inGroups += g.adds.estimate
		}
		if g.adds.lower != g.adds.estimate || g.adds.estimate != g.adds.upper {
			s.widening = append(s.widening, pipeline.Widening{Name: g.pattern, Lower: int64(g.adds.lower),
				Estimate: int64(g.adds.estimate), Upper: int64(g.adds.upper), Reason: g.reason})
		}
	}
	if rest := int64(s.sum.estimate - inGroups); rest > 0 { // what is extrapolated has no dtype
		byDType["unknown"] += rest
		byComponent[otherPart] += rest
	}
	set("params.by_dtype", byDType)
	set("params.by_component", byComponent)
	set("params.lower", int64(s.sum.lower))
	set("params.estimate", int64(s.sum.estimate))
	set("params.upper", int64(s.sum.upper))
	slices.SortStableFunc(s.widening, func(a, b pipeline.Widening) int { return cmp.Compare(b.Upper-b.Lower, a.Upper-a.Lower) })
	if len(s.widening) > mostWidening {
		s.widening = s.widening[:mostWidening]
	}
	set("params.widened_by", append([]pipeline.Widening{}, s.widening...))
	s.active()
	s.quantization(set)
	if len(s.logical) > 0 {
		set("architecture.matrix_fingerprint", s.matrixFingerprint())
	}
	if s.isAdapter() && s.adapterFacts() {
		return
	}
	set("params.effective_lower", int64(s.sum.lower))
	set("params.effective_estimate", int64(s.sum.estimate))
	set("params.effective_upper", int64(s.sum.upper))
}

// raise lets a declared count, and the whole of which this is a part, raise the upper
// end.
func (s *scale) raise() {
	if n := s.facts.Facts.Params.Declared; n != nil && uint64(*n) > s.sum.upper {
		s.widen("total_parameters", interval{upper: uint64(*n) - s.sum.upper}, "the artifact declares more parameters than its tensors show")
	}
	a := s.facts.Facts.Architecture
	if a.Layers == nil || *a.Layers <= 0 {
		return
	}
	each := s.sum.estimate / uint64(*a.Layers)
	if a.Partial != nil && *a.Partial && a.LayerSpan != nil {
		whole := s.times(each, uint64(max(*a.LayerSpan, *a.Layers)))
		s.facts.Set("params.whole", int64(whole), pipeline.BasisEstimated)
		if whole > s.sum.upper {
			s.widen("the rest of the model", interval{upper: whole - s.sum.upper}, "the tensors are a part of a model; the whole is estimated from its layers")
		}
	}
	if declared := s.declaredLayers(); declared > *a.Layers {
		if whole := s.times(each, uint64(declared)); whole > s.sum.upper {
			s.widen("the declared layers", interval{upper: whole - s.sum.upper},
				fmt.Sprintf("the config declares %d layers; the tensors make %d, so layers are missing or run several times", declared, *a.Layers))
		}
	}
}

// declaredLayers returns the most layers that a config declares for the model, or for
// the base of an adapter that repeats them.
func (s *scale) declaredLayers() (most int64) {
	for _, c := range s.readings.Configs {
		for _, key := range []string{"num_hidden_layers", "n_layer", "num_layers", "n_layers", "text_config.num_hidden_layers"} {
			if n, _, ok := c.Int(key); ok && n <= mostLayers {
				most = max(most, n)
			}
		}
	}
	return most
}

// mostLayers is the largest number of layers that a declaration is believed for.
const mostLayers = 1 << 14
