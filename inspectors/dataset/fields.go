package dataset

import (
	"reflect"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// field is one field of a set that records fill.
type field struct {
	// name is its fact, words what it is called in sentences.
	name, words string
	of          func(d *pipeline.Dataset) (v any, stated bool)
	// strict is true for a truth that stands whoever says so; adds is true for a list to
	// which every place adds.
	strict, adds bool
}

// isName tells the two fields that are names and not statements about the set.
func (f field) isName() bool { return f.name == "id" || f.name == "name" }

// fields lists all that can be said of a set.
var fields = []field{
	{name: "id", words: "the id", of: one(func(d *pipeline.Dataset) *string { return d.ID })},
	{name: "name", words: "the name", of: one(func(d *pipeline.Dataset) *string { return d.Name })},
	{name: "license", words: "the licence", of: one(func(d *pipeline.Dataset) *string { return d.License })},
	{name: "origin_country", words: "the country of origin", of: one(func(d *pipeline.Dataset) *string { return d.OriginCountry })},
	{name: "collection", words: "the way of collection", of: one(func(d *pipeline.Dataset) *string { return d.Collection })},
	{name: "modality", words: "the modality", of: one(func(d *pipeline.Dataset) *string { return d.Modality })},
	{name: "records", words: "the number of records", of: one(func(d *pipeline.Dataset) *int64 { return d.Records })},
	{name: "personal", words: "whether it holds personal data", strict: true, of: one(func(d *pipeline.Dataset) *bool { return d.Personal })},
	{name: "sensitive", words: "whether it holds sensitive data", strict: true, of: one(func(d *pipeline.Dataset) *bool { return d.Sensitive })},
	{name: "categories", words: "the categories", of: many(func(d *pipeline.Dataset) []string { return d.Categories })},
	{name: "consent", words: "the record of consent", of: one(func(d *pipeline.Dataset) *string { return d.Consent })},
	{name: "live", words: "whether it still grows", strict: true, of: one(func(d *pipeline.Dataset) *bool { return d.Live })},
	{name: "processing_included", words: "the places of processing", of: many(func(d *pipeline.Dataset) []string { return d.ProcessingIncluded })},
	{name: "processing_excluded", words: "the places without processing", adds: true, of: many(func(d *pipeline.Dataset) []string { return d.ProcessingExcluded })},
	{name: "storage_allowed", words: "the places of storage", of: many(func(d *pipeline.Dataset) []string { return d.StorageAllowed })},
	{name: "storage_forbidden", words: "the places without storage", adds: true, of: many(func(d *pipeline.Dataset) []string { return d.StorageForbidden })},
	{name: "digest", words: "the digest", of: one(func(d *pipeline.Dataset) *string { return d.Digest })},
}

func one[T any](get func(*pipeline.Dataset) *T) func(*pipeline.Dataset) (any, bool) {
	return func(d *pipeline.Dataset) (any, bool) {
		if p := get(d); p != nil {
			return *p, true
		}
		return nil, false
	}
}

func many(get func(*pipeline.Dataset) []string) func(*pipeline.Dataset) (any, bool) {
	return func(d *pipeline.Dataset) (any, bool) {
		list := get(d)
		return slices.Clone(list), list != nil
	}
}

// same tells whether two places say the same of a field: texts without regard to case,
// licences by their ids, lists without regard to order.
func (f field) same(a, b any) bool {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		if f.name == "license" {
			a, b = licence(a), licence(b)
		}
		return ok && strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
	case []string:
		b, ok := b.([]string)
		return ok && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	return reflect.DeepEqual(a, b)
}
