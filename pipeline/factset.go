package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// FactSet holds facts with the basis and the evidence of each. Facts and index
// cannot drift apart, because [FactSet.Set] writes both. The zero value is ready to
// use. It is not safe for concurrent writing.
type FactSet struct {
	Facts   Facts
	entries map[string]FactEntry
}

// Set records a fact by its name, such as "params.lower" or "datasets[0].license".
// value must have the type of the field without its pointer (int64, float64, string,
// bool, a slice or a map). A list grows by one element where its length is named as
// the index. Evidence is kept in the given order.
//
// A name that is no fact, or a value of another type, is a fault of the program:
// Set panics, and the engine turns that into a failed inspection.
func (s *FactSet) Set(name string, value any, basis Basis, evidence ...Evidence) {
	field, err := locate(reflect.ValueOf(&s.Facts).Elem(), name, true)
	if err != nil {
		panic(fmt.Sprintf("fact %q: %v", name, err))
	}
	v := reflect.ValueOf(value)
	switch {
	case field.Kind() == reflect.Pointer && v.Type() == field.Type().Elem():
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		field.Set(p)
	case field.Kind() != reflect.Pointer && v.Type() == field.Type():
		field.Set(v)
	default:
		panic(fmt.Sprintf("fact %q: a %s is given for a %s", name, v.Type(), field.Type()))
	}
	if evidence == nil {
		evidence = []Evidence{}
	}
	if s.entries == nil {
		s.entries = map[string]FactEntry{}
	}
	s.entries[name] = FactEntry{Name: name, Basis: basis, Evidence: evidence}
}

// Forget makes a fact unknown again.
func (s *FactSet) Forget(name string) {
	field, err := locate(reflect.ValueOf(&s.Facts).Elem(), name, false)
	if err != nil {
		panic(fmt.Sprintf("fact %q: %v", name, err))
	}
	field.SetZero()
	delete(s.entries, name)
}

// ForgetAll makes every known fact at or below a name unknown again: of a group such as
// "screening", of an interval such as "training.flops", or of a list with its elements,
// such as "datasets". A name that is no fact or group is a fault of the program, and
// ForgetAll panics; where nothing below it is known it changes nothing.
func (s *FactSet) ForgetAll(prefix string) {
	if _, err := locate(reflect.ValueOf(new(Facts)).Elem(), prefix, true); err != nil {
		panic(fmt.Sprintf("fact %q: %v", prefix, err))
	}
	for name := range s.entries {
		if rest, below := strings.CutPrefix(name, prefix); below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			delete(s.entries, name)
		}
	}
	// The group or list is replaced and not emptied: copies of the facts may share it.
	if field, err := locate(reflect.ValueOf(&s.Facts).Elem(), prefix, false); err == nil {
		field.SetZero()
	}
}

// Entry returns the entry of a fact; ok is false where the fact is unknown.
func (s *FactSet) Entry(name string) (entry FactEntry, ok bool) {
	entry, ok = s.entries[name]
	return entry, ok
}

// Index returns the entries of all known facts in order of name.
func (s *FactSet) Index() []FactEntry {
	out := make([]FactEntry, 0, len(s.entries))
	for _, e := range s.entries {
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Value returns the value of a known fact without its pointer; ok is false where it
// is unknown.
func (s *FactSet) Value(name string) (value any, ok bool) {
	if _, known := s.entries[name]; !known {
		return nil, false
	}
	field, err := locate(reflect.ValueOf(&s.Facts).Elem(), name, false)
	if err != nil {
		return nil, false
	}
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return nil, false
		}
		field = field.Elem()
	}
	return field.Interface(), true
}

// FactSetFrom rebuilds a fact set from a stored report. It returns an error with
// [CodeInvalid] where the index names a fact that the facts do not hold.
func FactSetFrom(facts Facts, index []FactEntry) (*FactSet, error) {
	s := &FactSet{Facts: facts, entries: map[string]FactEntry{}}
	for _, e := range index {
		s.entries[e.Name] = e
		if _, ok := s.Value(e.Name); !ok {
			return nil, &Error{Code: CodeInvalid, Message: fmt.Sprintf("the facts index names %q, which the facts do not hold", e.Name)}
		}
	}
	return s, nil
}

// Declare records everything that a submission states, with the basis declared. A
// fact that is known already is left as it is: what is declared never overrides what
// was measured. It also records submission.present and, as [FactSet.Contradict] does,
// submission.contradictions. sub may be nil, and is not written to.
func (s *FactSet) Declare(sub *Submission, object string) {
	s.Set("submission.present", sub != nil, BasisMeasured)
	if sub != nil {
		for _, leaf := range leaves(reflect.ValueOf(*sub), "") {
			if _, known := s.Entry(leaf.name); known || s.beyond(leaf.name) {
				continue
			}
			restore := s.below(leaf.name)
			s.Set(leaf.name, leaf.copied(), BasisDeclared, Evidence{Object: object, Where: "$." + leaf.name})
			restore()
		}
	}
	s.Contradict(sub, object)
}

// beyond tells whether a name is of an element that its list, which is known already,
// does not have.
func (s *FactSet) beyond(name string) bool {
	_, err := locate(reflect.ValueOf(&s.Facts).Elem(), name, false)
	return err != nil && strings.Contains(name, "[")
}

// below returns a function that puts the facts below a list back, once the list was set
// as a whole: elements that were found hold, and those behind the new end stay.
func (s *FactSet) below(name string) (restore func()) {
	field, err := locate(reflect.ValueOf(&s.Facts).Elem(), name, false)
	if err != nil || field.Kind() != reflect.Slice || field.Len() == 0 {
		return func() {}
	}
	old := reflect.MakeSlice(field.Type(), field.Len(), field.Len())
	reflect.Copy(old, field)
	values := map[string]any{}
	for known := range s.entries {
		if strings.HasPrefix(known, name+"[") {
			values[known], _ = s.Value(known)
		}
	}
	return func() {
		if n := field.Len(); n < old.Len() {
			field.Set(reflect.AppendSlice(field, old.Slice(n, old.Len())))
		}
		for known, value := range values {
			entry := s.entries[known]
			s.Set(known, value, entry.Basis, entry.Evidence...)
		}
	}
}

// SubmissionDigest names the content of a submission: SHA-256 of its
// [SubmissionBody]. It returns "" for nil.
func SubmissionDigest(sub *Submission) Digest {
	if sub == nil {
		return ""
	}
	return DigestBytes(SubmissionBody(sub))
}

// SubmissionBody writes what a submission states as JSON in one way only: keys in byte
// order, without those that were not stated, so that a key that later versions know
// changes nothing for submissions that do not use it. An empty list is a statement.
func SubmissionBody(sub *Submission) []byte {
	b, err := json.Marshal(sub)
	if err == nil {
		var plain any
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if err = dec.Decode(&plain); err == nil {
			b, err = json.Marshal(stated(plain))
		}
	}
	if err != nil { // a struct of plain values always encodes
		panic(err)
	}
	return b
}

// stated drops the keys of a document that have no value, and the groups that hold none.
func stated(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			value = stated(value)
			if group, ok := value.(map[string]any); value == nil || ok && len(group) == 0 {
				delete(v, key)
				continue
			}
			v[key] = value
		}
	case []any:
		for i := range v {
			v[i] = stated(v[i])
		}
	}
	return v
}

type leaf struct {
	name  string
	value any
}

// copied returns the value, a list as one of its own: facts that are set later must not
// write into what was submitted.
func (l leaf) copied() any {
	v := reflect.ValueOf(l.value)
	if v.Kind() != reflect.Slice {
		return l.value
	}
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(out, v)
	return out.Interface()
}

// leaves lists the non-nil values below v with their fact names. A list yields its
// elements' leaves, and itself where it is not nil, so that "an empty list" differs
// from "not stated".
func leaves(v reflect.Value, prefix string) []leaf {
	var out []leaf
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := jsonName(v.Type().Field(i))
			if prefix != "" {
				name = prefix + "." + name
			}
			out = append(out, leaves(v.Field(i), name)...)
		}
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() != reflect.Struct {
			return []leaf{{prefix, v.Interface()}}
		}
		out = append(out, leaf{prefix, v.Interface()})
		for i := range v.Len() {
			out = append(out, leaves(v.Index(i), prefix+"["+strconv.Itoa(i)+"]")...)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out = append(out, leaf{prefix, v.Elem().Interface()})
		}
	default:
		out = append(out, leaf{prefix, v.Interface()})
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// errGroupUnknown: a group on the way to a fact has no value, so that nothing below it
// is known.
var errGroupUnknown = errors.New("the group is unknown")

// locate walks from the facts struct to the field that a name names. With grow, nil
// group pointers on the way are allocated and lists grow by one.
func locate(v reflect.Value, name string, grow bool) (reflect.Value, error) {
	for part := range strings.SplitSeq(name, ".") {
		part, index, indexed := strings.Cut(part, "[")
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !grow {
					return v, errGroupUnknown
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return v, fmt.Errorf("%q is below a value", part)
		}
		field, ok := fieldByJSON(v, part)
		if !ok {
			return v, fmt.Errorf("%q is no fact", part)
		}
		v = field
		if !indexed {
			continue
		}
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || v.Kind() != reflect.Slice || i < 0 || i > v.Len() || (i == v.Len() && !grow) {
			return v, fmt.Errorf("the index [%s does not fit", index)
		}
		if i == v.Len() {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		v = v.Index(i)
	}
	return v, nil
}

func fieldByJSON(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if jsonName(v.Type().Field(i)) == name {
			return v.Field(i), true
		}
	}
	return v, false
}
