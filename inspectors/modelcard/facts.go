package modelcard

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostResults bounds the results that are taken of model-index.
	mostResults = 500
	// mostGrams is more carbon dioxide than anything sets free: 10^15 g are a thousand
	// million tonnes.
	mostGrams = 1e15
)

// noCard states what follows from there being no card.
func (w *writer) noCard() {
	set := func(name string, v any) { w.facts.Set(name, v, pipeline.BasisMeasured) }
	set("card.present", false)
	set("card.problems", []string{})
	set("card.languages", []string{})
	set("card.tags", []string{})
	set("card.results", []pipeline.CardResult{})
	set("card.gated", false)
	set("card.eu_disallowed", false)
}

// rootFacts states what the model's card says.
func (w *writer) rootFacts(c *pipeline.Card) {
	if c.Values == nil {
		w.noCard()
		w.facts.Set("card.present", false, pipeline.BasisMeasured, pipeline.Evidence{Object: c.Object})
		w.training(c)
		w.facts.Set("card.problems", listed(c.Problems), pipeline.BasisMeasured, pipeline.Evidence{Object: c.Object})
		return
	}
	w.facts.Set("card.present", true, pipeline.BasisMeasured, pipeline.Evidence{Object: c.Object})
	w.words(c)
	w.gates(c)
	w.list(c, "card.languages", "language")
	w.list(c, "card.tags", "tags")
	w.results(c)
	w.model(c)
	w.emissions(c)
	w.training(c)
	w.facts.Set("card.problems", listed(c.Problems), pipeline.BasisMeasured, pipeline.Evidence{Object: c.Object})
}

func listed(sentences []string) []string { return append([]string{}, sentences...) }

// words states what single words of the card say.
func (w *writer) words(c *pipeline.Card) {
	for _, field := range []struct{ fact, key string }{
		{"card.library", "library_name"}, {"card.pipeline", "pipeline_tag"}, {"card.new_version", "new_version"},
	} {
		if word := text(c.Values[field.key]); word != "" {
			w.facts.Set(field.fact, word, pipeline.BasisDeclared, at(c, field.key))
		}
	}
}

// list states a list of the card; that it is empty is known where the card has none.
func (w *writer) list(c *pipeline.Card, fact, key string) {
	words := texts(c.Values[key])
	basis := pipeline.BasisDeclared
	if len(words) == 0 {
		basis = pipeline.BasisParsed
	}
	w.facts.Set(fact, words, basis, at(c, key))
}

const (
	gateKey   = "extra_gated_"
	euGateKey = "extra_gated_eu_disallowed"
)

// gates states what the card asks for before the weights are given out.
func (w *writer) gates(c *pipeline.Card) {
	gated, basis, where := false, pipeline.BasisParsed, pipeline.Evidence{Object: c.Object}
	for _, key := range sortedKeys(c.Values) {
		if strings.HasPrefix(key, gateKey) && key != euGateKey && c.Values[key] != nil {
			gated, basis, where = true, pipeline.BasisDeclared, at(c, key)
			break
		}
	}
	refused, stated := flag(c.Values[euGateKey])
	if refused {
		gated = true
		if basis == pipeline.BasisParsed {
			basis, where = pipeline.BasisDeclared, at(c, euGateKey)
		}
	}
	w.facts.Set("card.gated", gated, basis, where)
	switch {
	case stated:
		w.facts.Set("card.eu_disallowed", refused, pipeline.BasisDeclared, at(c, euGateKey))
	case c.Values[euGateKey] == nil:
		w.facts.Set("card.eu_disallowed", false, pipeline.BasisParsed, pipeline.Evidence{Object: c.Object})
	default:
		addProblem(c, "%s is neither true nor false", euGateKey)
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// results states the claims of model-index.
func (w *writer) results(c *pipeline.Card) {
	results := []pipeline.CardResult{}
	left := 0
	for _, model := range listOf(c.Values["model-index"]) {
		for _, result := range listOf(mapOf(model)["results"]) {
			r := mapOf(result)
			task, dataset := mapOf(r["task"]), mapOf(r["dataset"])
			for _, metric := range listOf(r["metrics"]) {
				m := mapOf(metric)
				if len(m) == 0 {
					continue
				}
				if len(results) == mostResults {
					left++
					continue
				}
				verified, _ := flag(m["verified"])
				results = append(results, pipeline.CardResult{Task: either(task, "type", "name"), Dataset: either(dataset, "name", "type"),
					Metric: either(m, "name", "type"), Value: text(m["value"]), Verified: verified})
			}
		}
	}
	if left > 0 {
		addProblem(c, "model-index has %s results more than the %d that were read", pipeline.Separated(int64(left)), mostResults)
	}
	basis := pipeline.BasisDeclared
	if len(results) == 0 {
		basis = pipeline.BasisParsed
	}
	w.facts.Set("card.results", results, basis, at(c, "model-index"))
}

func either(m map[string]any, first, second string) string {
	if s := text(m[first]); s != "" {
		return s
	}
	return text(m[second])
}

// hubID is the shape of a name with its owner.
var hubID = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// model states the name of the model, where the card has one.
func (w *writer) model(c *pipeline.Card) {
	name, where := "", ""
	if models := listOf(c.Values["model-index"]); len(models) == 1 {
		name, where = text(mapOf(models[0])["name"]), "model-index[0].name"
	}
	if stated := text(c.Values["model_name"]); stated != "" {
		name, where = stated, "model_name"
	}
	if name != "" {
		w.facts.Set("card.name", name, pipeline.BasisDeclared, at(c, where))
		w.declare("model.name", name, at(c, where))
	}
	for _, key := range []string{"model_id", "repo_id"} {
		if id := hubName(text(c.Values[key]), ""); hubID.MatchString(id) {
			w.declare("model.id", id, at(c, key))
			break
		}
	}
}

// declare states a fact that a submission can state too. What the artifact says takes the
// place of what the submission declares, and of nothing stronger.
func (w *writer) declare(fact string, value any, where pipeline.Evidence) {
	if entry, known := w.facts.Entry(fact); known && entry.Basis != pipeline.BasisDeclared {
		return
	}
	w.facts.Set(fact, value, pipeline.BasisDeclared, where)
}

const emissionsKey = "co2_eq_emissions"

// emissions states co2_eq_emissions, a number of grams or a mapping with more.
func (w *writer) emissions(c *pipeline.Card) {
	v := c.Values[emissionsKey]
	if v == nil {
		return
	}
	where := at(c, emissionsKey)
	m := mapOf(v)
	if m != nil {
		v, where = m["emissions"], at(c, emissionsKey+".emissions")
	}
	if grams, ok := number(v); ok && grams <= mostGrams {
		w.facts.Set("card.emissions_grams", grams, pipeline.BasisDeclared, where)
	} else if v != nil {
		addProblem(c, "%s is no number of grams", emissionsKey)
	}
	w.places(c, m)
	w.hardware(c, text(m["hardware_used"]))
}

// places states the countries of the training, where all of them can be told.
func (w *writer) places(c *pipeline.Card, emissions map[string]any) {
	var codes []string
	for _, place := range texts(emissions["geographical_location"]) {
		code, ok := pipeline.CountryOfPlace(place)
		if !ok {
			return
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if len(codes) > 0 {
		slices.Sort(codes)
		w.declare("training.countries", codes, at(c, emissionsKey+".geographical_location"))
	}
}

var counted = regexp.MustCompile(`^(\d{1,6})\s*[xX×*]\s*(\S.*)$`)

// hardware states what the training ran on. An element of the submission that names the
// same model stays; else the card's is one more, of which nothing else is known.
func (w *writer) hardware(c *pipeline.Card, used string) {
	if used == "" {
		return
	}
	model, count := used, int64(0)
	if m := counted.FindStringSubmatch(used); m != nil {
		count, _ = strconv.ParseInt(m[1], 10, 64)
		model = m[2]
	}
	if _, stated := w.facts.Entry("training.hardware"); stated {
		for _, h := range w.facts.Facts.Training.Hardware {
			if h.Model != nil && alike(*h.Model, model) {
				return
			}
		}
		addProblem(c, "%s names %q, which the submission does not list as hardware", emissionsKey, model)
	}
	where := at(c, emissionsKey+".hardware_used")
	list := slices.Clone(w.facts.Facts.Training.Hardware)
	list = append(list, pipeline.Hardware{Model: &model})
	entry, _ := w.facts.Entry("training.hardware")
	w.facts.Set("training.hardware", list, pipeline.BasisDeclared, append(slices.Clone(entry.Evidence), where)...)
	name := "training.hardware[" + strconv.Itoa(len(list)-1) + "]."
	w.facts.Set(name+"model", model, pipeline.BasisDeclared, where)
	if count > 0 {
		w.facts.Set(name+"count", count, pipeline.BasisDeclared, where)
	}
}

// alike tells whether two names of hardware share a word that has letters and digits, such
// as H100 or 910B, or are the same.
func alike(a, b string) bool {
	words := func(s string) []string {
		return slices.DeleteFunc(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) }),
			func(w string) bool {
				return !strings.ContainsAny(w, "0123456789") || !strings.ContainsAny(w, "abcdefghijklmnopqrstuvwxyz") || strings.HasSuffix(w, "gb")
			})
	}
	if strings.EqualFold(a, b) {
		return true
	}
	other := words(b)
	return slices.ContainsFunc(words(a), func(w string) bool { return slices.Contains(other, w) })
}
