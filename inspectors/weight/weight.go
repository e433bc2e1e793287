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
// where it is small against it. What siblings claim of a weight's size is held against
// the rest of the model: against the widths of its norms and the sides that other
// matrices show openly. A claim that nothing bears out leaves upper at what the bytes
// could hold.
//
// Plain floats count the same under any name, in any order, file or shape. Upper alone
// may rise with the shape, where a large tensor looks like no matrix of the model and
// may be a container. What no header shows is not seen: a disguise in which all shapes
// of a model agree with each other.
//
// The same estimate is told by layer too: the first numbered block in a tensor's name says
// in which it lies. Names decide there where parameters are, never how many.
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
	// cell is where it is counted by layer.
	cell int32
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

	groups map[groupKey]*group
	files  []tableWeight // as readings.Tables
	setOf  []int32       // the set of each table
	// layerWeights counts by layer, cell is where the last tensor was counted.
	layerWeights layerWeights
	cell         int32
	widths       *widths
	schemes      map[string]*scheme
	logical      map[uint64]uint64 // parameters of one matrix -> how many there are
	adapted      map[string]*adaptedMatrix
	full         uint64 // parameters of whole matrices
	sum          interval
	stored       uint64
	overflow     bool
	widening     []pipeline.Widening
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
		adapted: map[string]*adaptedMatrix{}, widths: newWidths(), layerWeights: newLayerWeights(), setOf: setNumbers(readings.Tables)}
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
	notPlain := 0
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
			if !plain(tensor.Name, tensor.DType) {
				notPlain++
			}
		}
	}
	s.widths.rank()
	if notPlain == 0 {
		for ti, t := range s.readings.Tables {
			for i := range t.Len() {
				s.weighPlain(int32(ti), t.At(i))
			}
		}
		return nil
	}
	return s.packed(ctx, notPlain)
}

// packed weighs an artifact in which some tensors are packed. What the modules show
// openly is gathered first, then the bits where siblings leave them open, then every
// claim is held against the rest. tensors is how many are not plain: a weight and its
// scale are the least that a packing has.
func (s *scale) packed(ctx context.Context, tensors int) error {
	w := s.widths
	all := modules(s.readings.Tables, s.setOf, tensors/2+1, s.weighPlain)
	found := make([]*packed, len(all))
	var e explainer
	for i := range all {
		if found[i] = e.explain(&all[i], w); found[i] != nil {
			w.show(found[i])
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("weigh packed tensors: %w", err)
	}
	if w.open {
		w.voting = true
		for i := range all {
			e.explain(&all[i], w)
		}
		w.voting = false
		for i := range all {
			found[i] = e.explain(&all[i], w)
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
		g.held = append(g.held, held{table, adds, s.cell})
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
	s.cell = s.layerWeights.add(s.setOf[table], tensor.Name, adds.estimate)
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

// sorted returns the groups in order of pattern.
func (s *scale) sorted() []*group {
	return slices.SortedFunc(maps.Values(s.groups), func(a, b *group) int {
		return cmp.Or(strings.Compare(a.pattern, b.pattern), cmp.Compare(a.dtype, b.dtype), strings.Compare(a.component, b.component), strings.Compare(a.serves, b.serves))
	})
}
