package submission

import (
	"reflect"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// Schema returns the JSON Schema (draft 2020-12) of a submission, for editors and other
// programs, made from the same fields and tags that [Load] checks. A copy is kept beside
// this package, and a test holds the two together. A key may be null, which states
// nothing; unknown keys are refused everywhere.
//
// It says less than Load does: the order of the ends of a range, what a web address may
// hold, and the days of a month are for Load alone.
func Schema() map[string]any {
	b := schemaBuilder{defs: map[string]any{
		"country": map[string]any{"enum": Countries(), "description": "A country: two letters of ISO 3166-1, in capitals."},
		"place": map[string]any{"anyOf": []any{ref("country"), map[string]any{"const": Worldwide}},
			"description": "A country: two letters of ISO 3166-1, in capitals; or worldwide."},
	}}
	root := b.object(reflect.TypeFor[pipeline.Submission]())
	root["type"] = "object"
	root["minProperties"] = 1
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Weighbridge submission, version 1"
	root["description"] = pipeline.FactDoc("Submission", "")
	root["$defs"] = b.defs
	return root
}

// schemaBuilder collects the schemas of structs, so that each is written once.
type schemaBuilder struct {
	defs map[string]any
}

func (b schemaBuilder) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for _, f := range vocabulary.Fields(t) {
		properties[f.Key] = b.field(f)
	}
	return map[string]any{"type": []any{"object", "null"}, "additionalProperties": false, "properties": properties}
}

// named returns a reference to the schema of a struct.
func (b schemaBuilder) named(t reflect.Type) map[string]any {
	if _, done := b.defs[t.Name()]; !done {
		b.defs[t.Name()] = nil // stands while its own fields are looked at
		object := b.object(t)
		if text := pipeline.FactDoc(t.Name(), ""); text != "" {
			object["description"] = text
		}
		b.defs[t.Name()] = object
	}
	return ref(t.Name())
}

func (b schemaBuilder) field(f vocabulary.Field) map[string]any {
	var s map[string]any
	switch f.Kind {
	case vocabulary.Group:
		s = b.named(f.Element)
	case vocabulary.List:
		items := b.named(f.Element)
		s = map[string]any{"type": []any{"array", "null"}, "items": map[string]any{"allOf": []any{items}, "type": "object"}}
	case vocabulary.Range:
		properties := map[string]any{}
		for _, end := range f.Ends() {
			properties[end.Key] = b.field(end)
		}
		s = map[string]any{"type": []any{"object", "null"}, "additionalProperties": false, "properties": properties}
	case vocabulary.Texts:
		s = map[string]any{"type": []any{"array", "null"}, "items": text(f)}
	case vocabulary.Text:
		s = orNull(text(f))
	case vocabulary.Flag:
		s = map[string]any{"type": []any{"boolean", "null"}}
	case vocabulary.Whole:
		s = number(f, "integer")
	case vocabulary.Number:
		s = number(f, "number")
	}
	s["description"] = explained(f)
	return s
}

// text returns the schema of a text that is stated.
func text(f vocabulary.Field) map[string]any {
	switch {
	case f.Words != nil:
		return map[string]any{"enum": f.Words}
	case f.Is == vocabulary.FormCountry || f.Is == vocabulary.FormPlace:
		return ref(string(f.Is))
	}
	s := map[string]any{"type": "string", "pattern": `\S`, "maxLength": maxText}
	switch f.Is {
	case vocabulary.FormDate:
		s["format"], s["pattern"] = "date", `^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$`
	case vocabulary.FormURL:
		s["pattern"] = `^(none|[Hh][Tt][Tt][Pp][Ss]?://[^\s/@].*)$`
	case vocabulary.FormDigest:
		s["pattern"] = `^sha256:[0-9a-f]{64}$`
	}
	return s
}

// orNull lets a text be null too.
func orNull(s map[string]any) map[string]any {
	if s["type"] == "string" {
		s["type"] = []any{"string", "null"}
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}

func number(f vocabulary.Field, kind string) map[string]any {
	s := map[string]any{"type": []any{kind, "null"}, "minimum": 0}
	if f.Bounded() {
		s["maximum"] = f.Max
	}
	return s
}

// explained is the description of a key with the unit of its numbers.
func explained(f vocabulary.Field) string {
	if f.Unit == "" {
		return f.Doc
	}
	return f.Doc + " Unit: " + f.Unit + "."
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }
