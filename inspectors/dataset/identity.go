package dataset

import (
	"path"
	"strings"

	"weighbridge/pipeline"
)

// hubName returns the name of a set with its owner from its address on a model hub.
func hubName(address string) (string, bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	for _, host := range []string{"huggingface.co/datasets/", "www.huggingface.co/datasets/", "hf.co/datasets/", "hf://datasets/", "huggingface.co/api/datasets/"} {
		if below, ok := strings.CutPrefix(rest, host); ok && below != "" {
			parts := strings.Split(strings.Trim(below, "/"), "/")
			return strings.Join(parts[:min(len(parts), 2)], "/"), true
		}
	}
	return "", false
}

// keysOf returns what a set is found by: whole names, and, for a name that has no owner or
// is one in words, the short name. A set of one owner is never that of another.
func keysOf(ids ...string) (whole []string, short string, owned bool) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		if hub, ok := hubName(id); ok {
			id = hub
		}
		id = strings.ToLower(strings.TrimSpace(id))
		for _, scheme := range []string{"https://", "http://"} {
			id = strings.TrimPrefix(id, scheme)
		}
		id = strings.TrimSuffix(strings.TrimPrefix(id, "www."), "/")
		whole = append(whole, id)
		if !owned && strings.Count(id, "/") == 1 && !strings.Contains(path.Dir(id), ".") {
			short, owned = compact(path.Base(id)), true
		}
		if short == "" && !strings.Contains(id, "/") {
			short = compact(id)
		}
	}
	return whole, short, owned
}

// keysOfRecord returns the keys of a record.
func keysOfRecord(r *pipeline.DatasetRecord) (whole []string, short string, owned bool) {
	var ids []string
	if r.Dataset.ID != nil {
		ids = append(ids, *r.Dataset.ID)
	}
	ids = append(ids, r.Aliases...)
	if r.Dataset.Name != nil {
		ids = append(ids, *r.Dataset.Name)
	}
	return keysOf(ids...)
}

// index finds elements of the list by what they are called.
type index struct {
	whole map[string]int
	// short holds the elements with a short name, and owned whether one has an owner.
	short map[string][]int
	owned map[int]bool
}

func newIndex() *index { return &index{map[string]int{}, map[string][]int{}, map[int]bool{}} }

// add makes an element known by more names.
func (x *index) add(element int, whole []string, short string, owned bool) {
	for _, key := range whole {
		if _, known := x.whole[key]; !known {
			x.whole[key] = element
		}
	}
	if short != "" {
		for _, known := range x.short[short] {
			if known == element {
				x.owned[element] = x.owned[element] || owned
				return
			}
		}
		x.short[short] = append(x.short[short], element)
	}
	x.owned[element] = x.owned[element] || owned
}

// find returns the element of a set, or -1: one of a whole name, or the only one of its
// short name where not both names have an owner.
func (x *index) find(whole []string, short string, owned bool) int {
	for _, key := range whole {
		if element, ok := x.whole[key]; ok {
			return element
		}
	}
	if candidates := x.short[short]; short != "" && len(candidates) == 1 && (!owned || !x.owned[candidates[0]]) {
		return candidates[0]
	}
	return -1
}
