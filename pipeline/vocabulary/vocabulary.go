// Package vocabulary tells what facts there are and what each may be: type, unit,
// words, form and bounds. It reads the fields of [pipeline.Facts] and
// [pipeline.Submission] and their tags, so that the check of submissions, their schema
// and the page of facts say the same.
package vocabulary

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// Form is what a text has to look like beyond being a text.
type Form string

// The forms, as the tag "is" names them.
const (
	// FormCountry is an ISO 3166-1 alpha-2 code in capitals.
	FormCountry Form = "country"
	// FormPlace is a country, or "worldwide".
	FormPlace Form = "place"
	// FormDate is a day as YYYY-MM-DD.
	FormDate Form = "date"
	// FormURL is a web address with http or https, or [NoURL].
	FormURL Form = "url"
	// FormDigest is "sha256:" and 64 hexadecimal digits in small letters.
	FormDigest Form = "digest"
)

var forms = []Form{FormCountry, FormPlace, FormDate, FormURL, FormDigest}

// NoURL states that there is no such page.
const NoURL = "none"

// Kind says what sort of value a fact has.
type Kind int

// The kinds of values.
const (
	Text Kind = iota
	Flag
	Whole  // a whole number
	Number // any number
	Texts  // a list of texts
	List   // a list of groups
	Range  // a quantity between two ends: [pipeline.Interval]
	Group  // facts below one key
	Counts // whole numbers by name
)

// Field is one key of a group of facts.
type Field struct {
	// Key is its name in files, Index its number in the struct.
	Key   string
	Index int
	Kind  Kind
	// Type is the Go type without its pointer; Element that of a list's elements, or of
	// a group or range itself, nil for plain values.
	Type, Element reflect.Type
	// Doc says what it is, in sentences on one line.
	Doc string
	// Unit is the unit of a number, "" where it has none or its Doc says it.
	Unit string
	// Words are the texts that it may be, nil where it may be any.
	Words []string
	Is    Form
	// Max is its largest value, 0 where there is none.
	Max float64
}

// Bounded tells whether the field has a largest value.
func (f Field) Bounded() bool { return f.Max != 0 }

// Fields lists the keys of a struct of facts in their order. The ends of a range take
// their unit and bound from inside, which [Field.Ends] gives.
//
// A type or a tag that means nothing is a fault of the program: Fields panics, and a
// test walks over all there are.
func Fields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		one := Field{Key: key, Index: i, Type: f.Type, Unit: f.Tag.Get("unit"), Is: Form(f.Tag.Get("is"))}
		if one.Type.Kind() == reflect.Pointer {
			one.Type = one.Type.Elem()
		}
		one.Kind, one.Element = kindOf(one.Type)
		if words := f.Tag.Get("values"); words != "" {
			one.Words = strings.Split(words, ",")
		}
		if largest := f.Tag.Get("max"); largest != "" {
			n, err := strconv.ParseFloat(largest, 64)
			if err != nil || n <= 0 {
				panic(fmt.Sprintf("%s.%s: the tag max:%q is no number above zero", t.Name(), f.Name, largest))
			}
			one.Max = n
		}
		if one.Is != "" && !slices.Contains(forms, one.Is) {
			panic(fmt.Sprintf("%s.%s: the tag is:%q names no form", t.Name(), f.Name, one.Is))
		}
		one.Doc = doc(t, one)
		out = append(out, one)
	}
	return out
}

// Ends lists the ends of a range with its unit and bound.
func (f Field) Ends() []Field {
	ends := Fields(f.Element)
	for i := range ends {
		ends[i].Unit, ends[i].Max = f.Unit, f.Max
	}
	return ends
}

func kindOf(t reflect.Type) (kind Kind, element reflect.Type) {
	switch {
	case t == reflect.TypeFor[pipeline.Interval]():
		return Range, t
	case t.Kind() == reflect.Struct:
		return Group, t
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return List, t.Elem()
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return Texts, nil
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Int64:
		return Counts, nil
	case t.Kind() == reflect.String:
		return Text, nil
	case t.Kind() == reflect.Bool:
		return Flag, nil
	case t.Kind() == reflect.Int64:
		return Whole, nil
	case t.Kind() == reflect.Float64:
		return Number, nil
	}
	panic(fmt.Sprintf("no fact is a %s", t))
}

// doc returns what is written down of a field: its own comment, for a group or list
// without one that of its struct, else its key in words.
func doc(owner reflect.Type, f Field) string {
	if text := pipeline.FactDoc(owner.Name(), f.Key); text != "" {
		return text
	}
	if text := pipeline.FactDoc("Submission", f.Key); text != "" && owner == reflect.TypeFor[pipeline.Facts]() {
		return text
	}
	if f.Element != nil && f.Kind != Range {
		if text := pipeline.FactDoc(f.Element.Name(), ""); text != "" {
			return text
		}
	}
	text := strings.ReplaceAll(f.Key, "_", " ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// Submission lists the groups that a submission holds.
func Submission() []Field { return Fields(reflect.TypeFor[pipeline.Submission]()) }

// Facts lists the groups of all facts.
func Facts() []Field { return Fields(reflect.TypeFor[pipeline.Facts]()) }

// Find returns the field of a fact that a submission can state, such as
// "datasets[0].license", and the key of its group; ok is false where there is none.
func Find(fact string) (f Field, group string, ok bool) { return find(Submission(), fact) }

// FindFact returns the field of any fact, such as "licenses[0].terms.notice".
func FindFact(fact string) (f Field, ok bool) {
	f, _, ok = find(Facts(), fact)
	return f, ok
}

func find(fields []Field, fact string) (f Field, group string, ok bool) {
	for part := range strings.SplitSeq(fact, ".") {
		key, _, _ := strings.Cut(part, "[")
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == key })
		if i < 0 {
			return f, "", false
		}
		group, f, fields = f.Key, fields[i], nil
		switch f.Kind {
		case Group, List:
			fields = Fields(f.Element)
		case Range:
			fields = f.Ends()
		}
	}
	return f, group, true
}

// FirstSentence cuts a description after its first sentence.
func FirstSentence(doc string) string {
	for at := 0; ; {
		i := strings.Index(doc[at:], ". ")
		if i < 0 {
			return doc
		}
		if at += i + 1; at < len(doc)-1 && isUpper(doc[at+1]) {
			return doc[:at]
		}
	}
}

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// Takes says in a few words what the field may be, with the unit of a number.
func (f Field) Takes() string {
	switch f.Kind {
	case Group:
		return "keys"
	case List:
		return "list"
	case Counts:
		return "whole numbers by name" + f.measure()
	case Range:
		return "lower, estimate and upper" + f.measure()
	case Flag:
		return "true or false"
	case Whole:
		return "whole number" + f.measure()
	case Number:
		return "number" + f.measure()
	}
	one, many := "text", "list of texts"
	switch {
	case f.Words != nil:
		one = "one of: " + strings.Join(f.Words, ", ")
		many = "list of: " + strings.Join(f.Words, ", ")
	case f.Is == FormCountry:
		one, many = "country, as in DE", "list of countries, as in [DE, FR]"
	case f.Is == FormPlace:
		one, many = "country, as in DE, or worldwide", "list of countries, as in [DE, FR], or [worldwide]"
	case f.Is == FormDate:
		one = "day, as in 2026-01-31"
	case f.Is == FormURL:
		one = "web address, or none"
	case f.Is == FormDigest:
		one = "digest, as in sha256: and 64 digits"
	}
	if f.Kind == Texts {
		return many
	}
	return one
}

// measure is the unit of a number and its largest value.
func (f Field) measure() string {
	text := ""
	if f.Unit != "" {
		text = "; unit: " + f.Unit
	}
	if f.Bounded() && f.Max <= 100 {
		text += "; at most " + strconv.FormatFloat(f.Max, 'f', -1, 64)
	}
	return text
}

// Origin says who establishes the facts of a group.
type Origin string

// The origins of facts.
const (
	// Measured facts are found in the artifact: in its tensors, its listing and the
	// files beside them.
	Measured Origin = "measured"
	// Declared facts are stated by the submitter. An inspector may find some of them
	// too; what it finds then holds.
	Declared Origin = "declared"
	// Assessed facts are computed from other facts and from the operator's lists.
	Assessed Origin = "assessed"
)

// assessed lists the groups that an [pipeline.Assessor] establishes.
var assessed = []string{"compute", "licenses", "licensing", "screening", "directives"}

// OriginOf returns who establishes the facts of a group of [pipeline.Facts].
func OriginOf(group string) Origin {
	switch {
	case slices.ContainsFunc(Submission(), func(f Field) bool { return f.Key == group }):
		return Declared
	case slices.Contains(assessed, group):
		return Assessed
	}
	return Measured
}
