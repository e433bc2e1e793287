package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// element is the name by which a rule with a "for:" sees one element of its list.
const element = "it"

var (
	factsType    = reflect.TypeFor[pipeline.Facts]()
	intervalType = reflect.TypeFor[pipeline.Interval]()
)

// leaf is one fact of the vocabulary: a value that is known or unknown by itself.
type leaf struct {
	path path
	// owner and field are the struct type that holds the fact and its name there.
	owner reflect.Type
	field string
	// entry is the path of the index entry that vouches for the fact: its own,
	// or that of the list where the fact is a plain value in a list's element.
	entry path
	// list is true for a list whose elements hold facts.
	list bool
}

// vocabulary is everything that a rule can name. It is derived from
// [pipeline.Facts], so that a new group of facts needs no change here.
type vocabulary struct {
	leaves []leaf
}

// everything is the vocabulary, made once: it follows from the types.
var everything = sync.OnceValue(newVocabulary)

func newVocabulary() *vocabulary {
	v := &vocabulary{}
	v.add(factsType, nil, nil)
	return v
}

// add lists the facts of a struct. list is the innermost list around it.
func (v *vocabulary) add(t reflect.Type, at, list path) {
	for i := range t.NumField() {
		name := jsonName(t.Field(i))
		if name == "" {
			continue
		}
		here := at.with(step{name: name, index: i})
		ft := t.Field(i).Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			v.add(ft, here, list)
			continue
		}
		entry := here
		if list != nil && isPlain(t.Field(i).Type) {
			entry = list
		}
		elem, isList := elementStruct(ft)
		v.leaves = append(v.leaves, leaf{path: here, owner: t, field: name, entry: entry, list: isList})
		if isList {
			v.add(elem, here.element(anyElement), here)
		}
	}
}

// isPlain tells whether a field always has a value, so that it cannot be unknown
// where the list around it is known.
func isPlain(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Slice && t.Kind() != reflect.Map
}

// entryOf returns the path of the index entry that vouches for the fact at p.
func entryOf(p path) path {
	_, list, plain := walk(p)
	if list != nil && plain {
		return list
	}
	return p
}

// settled returns p with the numbers of its fields filled in.
func settled(p path) path {
	out, _, _ := walk(p)
	return out
}

// walk follows a path through the types of the facts. It returns the path with the
// numbers of its fields, the innermost list on the way, and whether what the path
// ends at always has a value.
func walk(p path) (out, list path, plain bool) {
	t := factsType
	out = slices.Clone(p)
	for i, s := range p {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case s.name == "" && t.Kind() == reflect.Slice:
			list, t = out[:i], t.Elem()
		case s.name != "" && t.Kind() == reflect.Struct:
			field, ok := fieldByJSON(t, s.name)
			if !ok {
				return out, nil, false
			}
			out[i].index = field.Index[0]
			t = field.Type
		default:
			return out, nil, false
		}
	}
	return out, list, isPlain(t)
}

// elementStruct returns the struct type of a list's elements.
func elementStruct(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return nil, false
	}
	return t.Elem(), true
}

// groups lists the names below [pipeline.Facts] with their types.
func groups() []reflect.StructField {
	var out []reflect.StructField
	for i := range factsType.NumField() {
		if f := factsType.Field(i); jsonName(f) != "" {
			out = append(out, f)
		}
	}
	return out
}

func isGroup(name string) bool {
	return slices.ContainsFunc(groups(), func(f reflect.StructField) bool { return jsonName(f) == name })
}

// resolve finds the type of what a name such as "training.flops" stands for.
// elem is the type of "it", nil outside a "for:". The type is without pointer.
func resolve(name string, elem reflect.Type) (path, reflect.Type, error) {
	t := factsType
	parts := strings.Split(name, ".")
	var at path
	if parts[0] == element {
		if elem == nil {
			return nil, nil, fmt.Errorf("%q is the element of a list, and this rule names no list with \"for:\"", element)
		}
		at, t, parts = path{{name: element}}, elem, parts[1:]
	}
	for _, part := range parts {
		if t.Kind() != reflect.Struct {
			return nil, nil, fmt.Errorf("there is no fact %q: %s is a single value or a list", name, at)
		}
		field, ok := fieldByJSON(t, part)
		if !ok {
			return nil, nil, fmt.Errorf("there is no fact %q: %q is none of %s", name, part, strings.Join(fieldNames(t), ", "))
		}
		at, t = at.with(step{name: part, index: field.Index[0]}), field.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return at, t, nil
}

// resolveFact is [resolve] for a place where only a fact will do: a value, a list,
// a map or an interval, not a whole group.
func resolveFact(name string, elem reflect.Type) (path, reflect.Type, error) {
	at, t, err := resolve(name, elem)
	if err != nil {
		return nil, nil, err
	}
	if t.Kind() == reflect.Struct && t != intervalType {
		return nil, nil, fmt.Errorf("%q is a group of facts: name one of %s", name, strings.Join(fieldNames(t), ", "))
	}
	return at, t, nil
}

func fieldByJSON(t reflect.Type, name string) (reflect.StructField, bool) {
	known, ok := fieldTables.Load(t)
	if !ok {
		byName := map[string]reflect.StructField{}
		for i := range t.NumField() {
			if name := jsonName(t.Field(i)); name != "" {
				byName[name] = t.Field(i)
			}
		}
		known, _ = fieldTables.LoadOrStore(t, byName)
	}
	field, ok := known.(map[string]reflect.StructField)[name]
	return field, ok
}

// fieldTables holds the fields of each struct of facts by name: they follow from the
// type, and reflection is slow.
var fieldTables sync.Map

func fieldNames(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if name := jsonName(t.Field(i)); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// jsonName returns the name of a field as facts are named, "" for one that is no
// fact.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// asNamed returns the path under which a missing fact is reported: an interval is
// one fact, whichever of its ends a rule looks at.
func asNamed(p path) path {
	t := factsType
	for i, s := range p {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == intervalType {
			return p[:i]
		}
		if s.name == "" {
			t = t.Elem()
		} else {
			t = t.Field(s.index).Type
		}
	}
	return p
}
