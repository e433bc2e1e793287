package policy

import (
	"reflect"
	"slices"

	"weighbridge/pipeline"
)

// bases orders what facts rest on, strongest first.
var bases = map[pipeline.Basis]int{
	pipeline.BasisMeasured:  0,
	pipeline.BasisAttested:  1,
	pipeline.BasisParsed:    2,
	pipeline.BasisEstimated: 3,
	pipeline.BasisDeclared:  4,
}

// weaker tells whether a basis is weaker than the weakest that is accepted. A basis
// that nobody knows is weaker than all.
func weaker(basis, accept pipeline.Basis) bool {
	rank, known := bases[basis]
	return !known || rank > bases[accept]
}

// view is the facts of one case, looked at by path.
type view struct {
	set *pipeline.FactSet
	// vars holds the groups of facts as the expressions see them.
	vars map[string]any
}

func newView(set *pipeline.FactSet, day string) *view {
	v := &view{set: set, vars: map[string]any{dayVariable: day}}
	facts := reflect.ValueOf(&set.Facts).Elem()
	for i := range facts.NumField() {
		name := jsonName(factsType.Field(i))
		if name == "" {
			continue
		}
		field := facts.Field(i)
		if field.Kind() == reflect.Struct {
			field = field.Addr()
		}
		v.vars[name] = field.Interface()
	}
	return v
}

// basis returns what the fact at p rests on; ok is false where it is unknown.
func (v *view) basis(p path) (basis pipeline.Basis, ok bool) {
	entry, ok := v.set.Entry(p.String())
	return entry.Basis, ok
}

// at returns the value at a settled path without its pointer. It is not valid where
// there is nothing at the path.
func (v *view) at(p path) reflect.Value {
	value := reflect.ValueOf(&v.set.Facts).Elem()
	for _, s := range p {
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				return reflect.Value{}
			}
			value = value.Elem()
		}
		switch {
		case s.name == "" && value.Kind() == reflect.Slice && s.index >= 0 && s.index < value.Len():
			value = value.Index(s.index)
		case s.name != "" && value.Kind() == reflect.Struct:
			value = value.Field(s.index)
		default:
			return reflect.Value{}
		}
	}
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return reflect.Value{}
		}
		value = value.Elem()
	}
	return value
}

// value returns the value of a known fact.
func (v *view) value(p, entry path) (any, bool) {
	if _, known := v.basis(entry); !known {
		return nil, false
	}
	value := v.at(p)
	if !value.IsValid() {
		return nil, false
	}
	return value.Interface(), true
}

// length returns the number of elements of the list at p, 0 where there is none.
func (v *view) length(p path) int {
	list := v.at(p)
	if !list.IsValid() || list.Kind() != reflect.Slice {
		return 0
	}
	return list.Len()
}

// concrete is a leaf in one place: the indices of its path are numbers.
type concrete struct{ path, entry path }

// expand lists the places of a leaf. A leaf in a list has one in every element.
func (v *view) expand(c concrete) []concrete {
	i := slices.IndexFunc(c.path, func(s step) bool { return s.name == "" && s.index == anyElement })
	if i < 0 {
		return []concrete{c}
	}
	var out []concrete
	for n := range v.length(c.path[:i]) {
		out = append(out, v.expand(concrete{c.path.at(i, n), c.entry.at(i, n)})...)
	}
	return out
}

// at returns the path with the index at position i set to n, where the path
// reaches that far.
func (p path) at(i, n int) path {
	if i >= len(p) {
		return p
	}
	out := append(path(nil), p...)
	out[i].index = n
	return out
}

// unknownEnds tells whether the lower or upper end of an interval is unknown.
func (v *view) unknownEnds(p path) bool {
	for _, end := range []string{"lower", "upper"} {
		if _, known := v.basis(p.field(end)); !known {
			return true
		}
	}
	return false
}

// element returns what "it" stands for.
func (v *view) element(it *item) any {
	value := v.at(it.list).Index(it.index)
	if value.Kind() == reflect.Struct {
		return value.Addr().Interface()
	}
	return value.Interface()
}
