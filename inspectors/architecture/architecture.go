// Package architecture says what a model is: from the names of its tensors, from their
// shapes alone, and held against what the artifact declares.
//
// What is declared never decides; it agrees, or it is a contradiction. Families are
// data: a layout lists its tensors with symbols for dimensions, and the same list
// tells the family by name, checks the shapes, yields the sizes, and finds the family
// of a model whose tensors were renamed. Where two layouts explain the shapes, the
// shapes tell nothing: an unknown family is a result, a wrong one is a fault.
//
// Shapes alone do not tell models that are packed, whose layers differ from one
// another, or that hold more than one network.
package architecture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "architecture"

// Deriver finds the architecture. Use [New].
type Deriver struct {
	families []family
}

// New returns a deriver that knows all families.
func New() *Deriver {
	d := &Deriver{families: families()}
	for i := range d.families {
		layouts := d.families[i].layouts
		for j := range layouts {
			layouts[j].parsed = parse(layouts[j].tensors)
		}
	}
	return d
}

// Name returns "architecture".
func (*Deriver) Name() string { return Name }

// Derive adds the facts of the group architecture. Without any tensor it adds none. An
// artifact of several components is what its largest component is; the others are
// held against their own configurations.
func (d *Deriver) Derive(ctx context.Context, readings *pipeline.Readings, facts *pipeline.FactSet) error {
	parts := components(readings)
	if len(parts) == 0 {
		return nil
	}
	structures := make([]*structure, len(parts))
	for i, p := range parts {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("identify %q: %w", p.dir, err)
		}
		structures[i] = fold(p.tables)
	}
	main := 0
	for i, s := range structures {
		if s.elements > structures[main].elements {
			main = i
		}
	}
	evidence := tableEvidence(parts[main].tables)
	measured := func(name string, v any) { facts.Set("architecture."+name, v, pipeline.BasisMeasured, evidence...) }
	measured("fingerprint", fingerprint(readings.Tables, structures))

	var v view
	var others []string
	for i, p := range parts {
		if i == main {
			v = d.look(structures[i], p.declared(facts))
		} else {
			other := d.look(structures[i], p.declared(nil))
			if other.family() != nil { // what is no model of its own contradicts nothing
				others = append(others, other.problems()...)
			}
		}
	}
	v.others = others
	v.report(measured, facts)
	return nil
}

// view is what was found of one component.
type view struct {
	names    *match
	shape    *solution
	declared []declaration
	// others are contradictions in other components.
	others []string
}

// look identifies a component in both ways.
func (d *Deriver) look(s *structure, declared []declaration) view {
	v := view{names: identify(s, d.families), shape: byShape(s, d.families), declared: declared}
	if v.names == nil && v.shape == nil {
		v.names = d.fragment(s, declared)
	}
	return v
}

// fragment finds a part of a model that holds no layers, such as its embedding alone:
// nothing but the configuration can say of which family it is, and what is there must
// fit that family.
func (d *Deriver) fragment(s *structure, declared []declaration) *match {
	for pattern := range s.groups {
		if numbersIn(pattern) > 0 {
			return nil
		}
	}
	for _, c := range declared {
		for i := range d.families {
			f := &d.families[i]
			if c.layers == nil || !f.declaredBy(c) {
				continue
			}
			for j := range f.layouts {
				if m := f.layouts[j].outside(s, f); m != nil {
					return m
				}
			}
		}
	}
	return nil
}

// outside matches what stands outside the layers, where that explains every tensor.
func (l *layout) outside(s *structure, f *family) *match {
	m := &match{family: f, layout: l}
	explained := 0
	for i := range l.lines {
		ln := &l.lines[i]
		if ln.stack || ln.never {
			continue
		}
		var g *group
		for pattern, candidate := range s.groups {
			if slices.ContainsFunc(ln.names, func(n string) bool { return pattern == n || strings.HasSuffix(pattern, "."+n) }) {
				g = candidate
			}
		}
		switch {
		case g != nil && m.bind(s, ln, g, ""):
			explained++
		case g == nil && !ln.optional:
			m.absent = append(m.absent, ln.names[0])
		}
	}
	if explained == 0 || explained < len(s.groups) {
		return nil
	}
	return m
}

// sizes are the numbers that either way of looking gives; 0 is unknown.
func (v *view) sizes() (layers, hidden, vocab, experts int64) {
	if m := v.names; m != nil {
		return m.count(), int64(m.symbols['h']), int64(m.symbols['V']), m.expertCount()
	}
	if s := v.shape; s != nil {
		return int64(s.layers), int64(s.symbols['h']), int64(s.symbols['V']), int64(s.experts)
	}
	return 0, 0, 0, 0
}

// family returns what was found, nil for nothing. Names come first: they are what a
// loader goes by.
func (v *view) family() *family {
	switch {
	case v.names != nil:
		return v.names.family
	case v.shape != nil:
		return v.shape.family
	}
	return nil
}

// report writes the facts.
func (v *view) report(measured func(string, any), facts *pipeline.FactSet) {
	f := v.family()
	if f != nil {
		layers, hidden, vocab, experts := v.sizes()
		measured("family", f.name)
		measured("class", f.class)
		measured("experts", experts)
		if v.names != nil {
			measured("variant", v.names.layout.variant)
		}
		if layers > 0 || (v.names != nil && !v.names.layout.uncounted) {
			measured("layers", layers)
		}
		if hidden > 0 {
			measured("hidden_size", hidden)
		}
		if vocab > 0 {
			measured("vocab_size", vocab)
		}
	}
	if v.shape != nil {
		measured("shape", v.shape.family.name)
	}
	if span, partial := v.part(); f != nil {
		measured("partial", partial)
		if span > 0 {
			measured("layer_span", span)
		}
	}
	problems := append(v.problems(), v.others...)
	var evidence []pipeline.Evidence
	for _, c := range v.declared {
		evidence = append(evidence, c.evidence)
		facts.Set("architecture.declared", c.word(), pipeline.BasisDeclared, c.evidence)
		if c.active != nil {
			facts.Set("architecture.experts_per_token", c.active.value, pipeline.BasisDeclared, pipeline.Evidence{Object: c.evidence.Object, Where: c.active.where})
		}
	}
	if len(v.declared) > 0 {
		facts.Set("architecture.agrees", len(problems) == 0, pipeline.BasisMeasured, evidence...)
	}
	facts.Set("architecture.contradictions", append([]string{}, problems...), pipeline.BasisMeasured, evidence...)
	measured("confidence", v.confidence(len(problems) == 0))
}

// confidence says which of names, shapes and config tell the same family.
//
// Shapes count where they tell the family alone, or where they satisfy the equations
// of the layout that the names tell.
func (v *view) confidence(agrees bool) string {
	var parts []string
	if v.names != nil {
		parts = append(parts, "names")
	}
	alone := v.shape != nil && (v.names == nil || v.shape.family == v.names.family)
	named := v.names != nil && v.shape == nil && len(v.names.conflicts) == 0 && (v.names.symbols != symbols{} || v.names.layout.firm > 0)
	if alone || named {
		parts = append(parts, "shapes")
	}
	if len(parts) > 0 && len(v.declared) > 0 && agrees {
		parts = append(parts, "config")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "+")
}

// part reports whether the tensors are a part of a model, and how many layers the
// whole has as far as is known.
func (v *view) part() (span int64, partial bool) {
	layers, _, _, _ := v.sizes()
	span = layers
	if v.names != nil {
		partial = len(v.names.gaps()) > 0
		if !v.names.layout.uncounted {
			span = max(span, int64(v.names.span))
		}
	}
	for _, c := range v.declared {
		f := v.family()
		if c.layers == nil || f == nil || !f.declaredBy(c) || (v.names != nil && v.names.layout.uncounted) {
			continue
		}
		further := int64(0)
		if v.names != nil {
			further = int64(v.names.further)
		}
		if c.layers.value > layers+further {
			span, partial = max(span, c.layers.value), true
		}
	}
	return span, partial
}

// problems lists in words where names, shapes and declarations differ, and why the
// tensors cannot be a whole model.
func (v *view) problems() []string {
	var out []string
	f := v.family()
	for _, c := range v.declared {
		switch {
		case f == nil:
			out = append(out, fmt.Sprintf("%s declares %s; the tensors fit no layout that is known", c.object, c.word()))
			continue
		case !f.declaredBy(c):
			out = append(out, fmt.Sprintf("%s declares %s; the tensors are laid out as %s", c.object, c.word(), f.name))
		}
		out = append(out, v.against(c)...)
	}
	if v.names == nil {
		return out
	}
	for _, pattern := range v.names.conflicts {
		out = append(out, fmt.Sprintf("the shapes of %s do not fit the layout %s", pattern, f.name))
	}
	if s := v.shape; s != nil && s.family != f {
		out = append(out, fmt.Sprintf("the names tell %s; the shapes fit only %s", f.name, s.family.name))
	} else if s != nil && s.layers > 0 && !v.names.layout.uncounted && int64(s.layers) != v.names.count()+int64(v.names.further) {
		out = append(out, fmt.Sprintf("the names tell %d layers; the shapes %d", v.names.count(), s.layers))
	}
	for _, reason := range v.names.gaps() {
		out = append(out, "this is a part of a model: "+reason)
	}
	return out
}

// tableEvidence points at the headers that facts about the whole model rest on.
func tableEvidence(tables []*pipeline.Table) []pipeline.Evidence {
	const most = 8
	var out []pipeline.Evidence
	for _, t := range tables[:min(len(tables), most)] {
		out = append(out, t.Evidence())
	}
	return out
}
