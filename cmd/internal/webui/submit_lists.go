package webui

import (
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline/vocabulary"
)

// formList is a list of groups, such as the datasets: the form has some elements of it, and
// buttons that add one and take one away.
type formList struct {
	// Fact names the list, such as training.hardware; ID is an id for the page, "" where
	// the list stands above already.
	Fact, ID string
	Elements []formElement
	// Rules are those that ask for the list as a whole.
	Rules string
	// Full is true where the form has room for no more.
	Full bool
	// Focus is true where an element was taken away.
	Focus bool
}

// formElement is the fields of one element.
type formElement struct {
	// Fact names the element, such as datasets[1]; ID is as that of a list.
	Fact, ID string
	Fields   []formField
	// Only is true where there is no other.
	Only bool
}

// formLists names the lists of groups that a submission holds.
func formLists() []string {
	var out []string
	var walk func(fields []vocabulary.Field, above string)
	walk = func(fields []vocabulary.Field, above string) {
		for _, f := range fields {
			switch f.Kind {
			case vocabulary.Group:
				walk(vocabulary.Fields(f.Element), above+f.Key+".")
			case vocabulary.List:
				out = append(out, above+f.Key)
			}
		}
	}
	walk(vocabulary.Submission(), "")
	return out
}

// elementOf splits the name of a fact within a list: datasets[1].license is the element 1
// of datasets, and rest is .license.
func elementOf(fact string) (list string, i int, rest string, ok bool) {
	list, after, found := strings.Cut(fact, "[")
	number, rest, closed := strings.Cut(after, "]")
	i, err := strconv.Atoi(number)
	return list, i, rest, found && closed && err == nil && i >= 0
}

// element names an element of a list.
func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// elements returns how many elements of each list the form has: as many as it says and as
// were typed into, one at least.
func elements(typed map[string][]string, said func(list string) int) map[string]int {
	out := map[string]int{}
	for _, list := range formLists() {
		out[list] = max(1, said(list))
	}
	for fact := range typed {
		if list, i, _, ok := elementOf(fact); ok && out[list] > 0 {
			out[list] = max(out[list], i+1)
		}
	}
	for list, n := range out {
		out[list] = min(n, mostListElements)
	}
	return out
}

// grow adds an element to a list, or takes one away, as the step of a button says: more:
// and a list, or drop: and an element. It returns what was typed into the others, and the
// name of what has the focus next; ok is false where the step is another.
func grow(step string, typed map[string][]string, counts map[string]int) (left map[string][]string, focus string, ok bool) {
	if list, is := strings.CutPrefix(step, "more:"); is && counts[list] > 0 {
		counts[list] = min(counts[list]+1, mostListElements)
		return typed, element(list, counts[list]-1), true
	}
	gone, is := strings.CutPrefix(step, "drop:")
	list, at, _, named := elementOf(gone)
	if !is || !named || at >= counts[list] {
		return typed, "", false
	}
	left = map[string][]string{}
	for fact, values := range typed {
		l, i, rest, within := elementOf(fact)
		switch {
		case !within || l != list || i < at:
			left[fact] = values
		case i > at:
			left[element(list, i-1)+rest] = values
		}
	}
	counts[list] = max(1, counts[list]-1)
	return left, list, true
}

// list returns a list of a group, with as many elements as the form has. It is laid out
// where the first of its fields is.
func (b *formBuilder) list(g *formGroup, fact string) *formList {
	if i := slices.IndexFunc(g.Lists, func(l *formList) bool { return l.Fact == fact }); i >= 0 {
		return g.Lists[i]
	}
	n := b.counts[fact]
	l := &formList{Fact: fact, Full: n >= mostListElements}
	if !b.placed[fact] {
		b.placed[fact] = true
		l.ID, l.Focus = "f-"+anchorOf(fact), b.focus == fact
	}
	for i := range n {
		one := formElement{Fact: element(fact, i), Only: n == 1}
		if l.ID != "" {
			one.ID = "f-" + anchorOf(one.Fact)
		}
		l.Elements = append(l.Elements, one)
	}
	g.Lists = append(g.Lists, l)
	return l
}

// listed adds a field to every element of a list, or all of its fields where path is "".
func (b *formBuilder) listed(g *formGroup, list, path string, f vocabulary.Field, rules string) {
	if path == "" {
		for _, field := range vocabulary.Fields(f.Element) {
			b.listed(g, list, field.Key, field, rules)
		}
		return
	}
	if f.Kind == vocabulary.Group {
		for _, field := range vocabulary.Fields(f.Element) {
			b.listed(g, list, path+"."+field.Key, field, rules)
		}
		return
	}
	if f.Kind == vocabulary.Counts || f.Kind == vocabulary.List || b.done[element(list, 0)+"."+path] {
		return
	}
	l := b.list(g, list)
	for i := range l.Elements {
		one := b.field(f, l.Elements[i].Fact+"."+path)
		one.Rules = rules
		l.Elements[i].Fields = append(l.Elements[i].Fields, one)
	}
}
