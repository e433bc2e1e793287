package modelcard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostBases bounds the bases that are taken of one card, mostLicenses its licences.
	mostBases    = 100
	mostLicenses = 50
)

// writer turns cards into records and facts.
type writer struct {
	readings *pipeline.Readings
	facts    *pipeline.FactSet
	// named holds the names under which model cards list their data sets, by [compact], and
	// the name as it was written.
	named map[string]string
}

func at(c *pipeline.Card, key string) pipeline.Evidence {
	return pipeline.Evidence{Object: c.Object, Where: "$." + key}
}

// atItem points at one of the texts of a key, which may be a list or a single value.
func atItem(c *pipeline.Card, key string, i int) pipeline.Evidence {
	if _, list := c.Values[key].([]any); list {
		return at(c, fmt.Sprintf("%s[%d]", key, i))
	}
	return at(c, key)
}

func addProblem(c *pipeline.Card, format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	if len(c.Problems) < mostProblems && !slices.Contains(c.Problems, sentence) {
		c.Problems = append(c.Problems, sentence)
	}
}

func (w *writer) modelRecords(c *pipeline.Card) {
	w.licenses(c, "model")
	w.bases(c)
	for i, id := range texts(c.Values["datasets"]) {
		if w.named == nil {
			w.named = map[string]string{}
		}
		for _, key := range namesOf(id) {
			w.named[key] = id
		}
		w.readings.Datasets = append(w.readings.Datasets, pipeline.DatasetRecord{At: atItem(c, "datasets", i), Kind: pipeline.RecordCard,
			Basis: pipeline.BasisDeclared, Trained: true, Dataset: pipeline.Dataset{ID: &id}})
	}
	if !strings.Contains(c.Object, "/") {
		w.readings.Counts = append(w.readings.Counts, Counts(c)...)
	}
}

// licenses records each licence of the card. The name and the link belong to the licence
// that is called "other", or to the only one.
func (w *writer) licenses(c *pipeline.Card, covers string) {
	declared := texts(c.Values["license"])
	if c.Values["license"] != nil && len(declared) == 0 {
		addProblem(c, "license is neither a text nor a list of texts")
	}
	name, link := text(c.Values["license_name"]), text(c.Values["license_link"])
	if len(declared) > mostLicenses {
		addProblem(c, "%s licences are listed; the first %d were read", pipeline.Separated(int64(len(declared))), mostLicenses)
		declared = declared[:mostLicenses]
	}
	named := slices.IndexFunc(declared, func(s string) bool { return strings.EqualFold(s, "other") })
	if named < 0 && len(declared) > 0 {
		named = 0
	}
	for i, word := range declared {
		r := pipeline.LicenseRecord{At: atItem(c, "license", i), Kind: pipeline.RecordCard, Declared: word, Covers: covers}
		if i == named {
			r.Name, r.Link = name, link
		}
		w.readings.Licenses = append(w.readings.Licenses, r)
	}
	if len(declared) == 0 && (name != "" || link != "") {
		key := "license_name"
		if name == "" {
			key = "license_link"
		}
		w.readings.Licenses = append(w.readings.Licenses, pipeline.LicenseRecord{At: at(c, key), Kind: pipeline.RecordCard,
			Name: name, Link: link, Covers: covers})
	}
}

// relations lists what base_model_relation may be.
var relations = []string{"adapter", "merge", "quantized", "finetune"}

func (w *writer) bases(c *pipeline.Card) {
	var relation *string
	if word := strings.ToLower(text(c.Values["base_model_relation"])); word != "" {
		if slices.Contains(relations, word) {
			relation = &word
		} else {
			addProblem(c, "base_model_relation is %q, which is none of: %s", word, strings.Join(relations, ", "))
		}
	}
	ids := texts(c.Values["base_model"])
	if c.Values["base_model"] != nil && len(ids) == 0 {
		addProblem(c, "base_model is neither a text nor a list of texts")
	}
	if len(ids) > mostBases {
		addProblem(c, "%s bases are listed; the first %d were read", pipeline.Separated(int64(len(ids))), mostBases)
		ids = ids[:mostBases]
	}
	for i, id := range ids {
		if isPath(id) {
			addProblem(c, "base_model names a path on somebody's disk, which is no model")
			continue
		}
		name := hubName(id, "")
		w.readings.Bases = append(w.readings.Bases, pipeline.BaseRecord{At: atItem(c, "base_model", i), Kind: pipeline.RecordCard,
			Basis: pipeline.BasisDeclared, Base: pipeline.Base{ID: &name, Relation: relation}})
	}
}

func isPath(id string) bool {
	drive := len(id) > 2 && id[1] == ':' && (id[2] == '\\' || id[2] == '/')
	return drive || strings.HasPrefix(id, "/") || strings.HasPrefix(id, "./") || strings.HasPrefix(id, "../") || strings.HasPrefix(id, "~") || strings.Contains(id, `\`)
}

// hubName takes the address of a model hub off a name, and the folder behind it.
func hubName(id, folder string) string {
	rest := id
	for _, scheme := range []string{"https://", "http://"} {
		rest = strings.TrimPrefix(rest, scheme)
	}
	for _, host := range []string{"huggingface.co/", "www.huggingface.co/", "hf.co/"} {
		if below, ok := strings.CutPrefix(rest, host); ok && strings.HasPrefix(below, folder) {
			return strings.TrimSuffix(strings.TrimPrefix(below, folder), "/")
		}
	}
	return id
}

// namesOf lists the ways in which a data set's name may be written: whole, and without its
// owner.
func namesOf(id string) []string {
	name := hubName(id, "datasets/")
	return []string{compact(name), compact(path.Base(name))}
}

// compact writes a name in small letters and digits only.
func compact(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r > 127:
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// datasetRecord describes the set of data of a card in a folder. That the model was trained
// on it is known where a model's card names the folder or the set.
func (w *writer) datasetRecord(c *pipeline.Card) {
	w.licenses(c, "data")
	r := pipeline.DatasetRecord{At: pipeline.Evidence{Object: c.Object}, Kind: pipeline.RecordCard, Basis: pipeline.BasisDeclared}
	folder := path.Base(path.Dir(c.Object))
	pretty := text(c.Values["pretty_name"])
	if pretty != "" {
		r.Dataset.Name = &pretty
	}
	if !slices.Contains(dataFolders, strings.ToLower(folder)) {
		r.Dataset.ID = &folder
	}
	for _, name := range []string{folder, path.Base(path.Dir(path.Dir(c.Object))) + "/" + folder, pretty, text(c.Values["paperswithcode_id"])} {
		if id, ok := w.named[compact(name)]; ok && compact(name) != "" {
			r.Dataset.ID, r.Trained = &id, true
			break
		}
	}
	if words := texts(c.Values["license"]); len(words) > 0 {
		all := strings.Join(words, " AND ")
		if name := text(c.Values["license_name"]); len(words) == 1 && strings.EqualFold(all, "other") && name != "" {
			all = name
		}
		r.Dataset.License = &all
	}
	r.Dataset.Collection = collection(c)
	r.Dataset.Modality = modality(c)
	r.Dataset.Records = examples(c)
	for _, from := range texts(c.Values["source_datasets"]) {
		if from != "original" && len(r.DerivedFrom) < mostItems {
			r.DerivedFrom = append(r.DerivedFrom, strings.TrimPrefix(from, "extended|"))
		}
	}
	w.readings.Datasets = append(w.readings.Datasets, r)
}

// collection takes from language_creators who wrote the texts; what was found says nothing
// of how.
func collection(c *pipeline.Card) *string {
	words := texts(c.Values["language_creators"])
	if len(words) != 1 {
		return nil
	}
	how := map[string]string{"machine-generated": "synthetic", "crowdsourced": "user"}[strings.ToLower(words[0])]
	if how == "" {
		return nil
	}
	return &how
}

// modality takes the one modality of the tags.
func modality(c *pipeline.Card) *string {
	var found []string
	for _, tag := range texts(c.Values["tags"]) {
		if word, ok := strings.CutPrefix(strings.ToLower(tag), "modality:"); ok {
			found = append(found, word)
		}
	}
	if len(found) != 1 || !slices.Contains([]string{"text", "image", "audio", "video", "tabular"}, found[0]) {
		return nil
	}
	return &found[0]
}

// examples adds up the examples of all splits, nil where one split does not state them or
// there are several configurations, which may be views of the same records.
func examples(c *pipeline.Card) *int64 {
	infos := listOf(c.Values["dataset_info"])
	if len(infos) != 1 {
		return nil
	}
	splits := listOf(mapOf(infos[0])["splits"])
	var sum int64
	for _, split := range splits {
		n, ok := number(mapOf(split)["num_examples"])
		if !ok || n != float64(int64(n)) || n > 1e15 || sum > 1e15 {
			return nil
		}
		sum += int64(n)
	}
	if len(splits) == 0 {
		return nil
	}
	return &sum
}
