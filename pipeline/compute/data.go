package compute

import (
	"fmt"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// Data is the assessor that says of the training data as a whole what its datasets say
// one by one: data.personal, data.special_category and data.crawled. The zero value is
// ready to use.
type Data struct{}

// Name returns the assessor's name.
func (Data) Name() string { return "data" }

// datasetsPath begins the evidence of what follows from datasets. It tells an answer of
// the submission from one that was drawn from it.
const datasetsPath = "$.datasets"

// Assess sets each fact that the submission does not state: true where one dataset says
// so; false where the list is known, is not empty, and every dataset in it says that it is
// not so; else it stays unknown. It is not false either where a base was trained on data
// that the list does not hold. It returns no error.
func (Data) Assess(facts *pipeline.FactSet, _ time.Time) error {
	for _, q := range []struct {
		fact, field string
		answer      func(pipeline.Dataset) *bool
	}{
		{"data.personal", "personal", func(d pipeline.Dataset) *bool { return d.Personal }},
		{"data.special_category", "sensitive", func(d pipeline.Dataset) *bool { return d.Sensitive }},
		{"data.crawled", "collection", crawled},
	} {
		entry, known := facts.Entry(q.fact)
		if known && !drawn(entry) {
			continue
		}
		facts.ForgetAll(q.fact)
		set(facts, q.fact, q.field, q.answer)
	}
	return nil
}

func drawn(entry pipeline.FactEntry) bool {
	return len(entry.Evidence) > 0 && strings.HasPrefix(entry.Evidence[0].Where, datasetsPath)
}

func set(facts *pipeline.FactSet, fact, field string, answer func(pipeline.Dataset) *bool) {
	object := "submission"
	if entry, known := facts.Entry("datasets"); known && len(entry.Evidence) > 0 {
		object = entry.Evidence[0].Object
	}
	none := len(facts.Facts.Datasets) > 0
	for i, d := range facts.Facts.Datasets {
		switch said := answer(d); {
		case said == nil:
			none = false
		case *said:
			where := fmt.Sprintf("%s[%d].%s", datasetsPath, i, field)
			facts.Set(fact, true, pipeline.BasisDeclared, pipeline.Evidence{Object: object, Where: where})
			return
		}
	}
	for _, b := range facts.Facts.Bases {
		if b.DatasetsKnown == nil || !*b.DatasetsKnown {
			none = false
		}
	}
	if none {
		facts.Set(fact, false, pipeline.BasisDeclared, pipeline.Evidence{Object: object, Where: datasetsPath})
	}
}

// crawled says whether a dataset was collected by crawling. "other" says nothing of it.
func crawled(d pipeline.Dataset) *bool {
	if d.Collection == nil || *d.Collection == "other" {
		return nil
	}
	yes := *d.Collection == "crawl"
	return &yes
}
