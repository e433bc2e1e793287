package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxShown bounds how many characters of one fact go into a message.
	maxShown   = 200
	shownItems = 5
)

// template is a message with facts in it.
type template struct {
	parts []part
}

// part is either text or a fact.
type part struct {
	text string
	fact *factName
}

// factName is a fact that a rule names outside its expression: in "ask" or in the
// message.
type factName struct {
	path     path
	interval bool
}

// parseTemplate splits a message at its {{facts}}. A problem is reported with its
// offset in characters.
func parseTemplate(text string, elem reflect.Type, report func(offset int, message string)) template {
	var t template
	rest := text
	offset := func() int { return len([]rune(text)) - len([]rune(rest)) }
	for {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			return t
		}
		rest = after
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			report(offset(), "a \"{{\" has no \"}}\"")
			return t
		}
		at, typ, err := resolveFact(strings.TrimSpace(name), elem)
		if err != nil {
			report(offset(), err.Error())
		}
		t.parts = append(t.parts, part{fact: &factName{path: at, interval: typ == intervalType}})
		rest = after
	}
}

// render fills in the facts. An unknown fact reads "unknown".
func (t template) render(v *view, it *item) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.fact == nil {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(p.fact.show(v, it))
	}
	return b.String()
}

func (f factName) show(v *view, it *item) string {
	if !f.interval {
		return showFact(v, f.in(it))
	}
	lower, upper := showFact(v, settled(f.in(it).field("lower"))), showFact(v, settled(f.in(it).field("upper")))
	if lower == upper {
		return lower
	}
	return lower + " to " + upper
}

func showFact(v *view, p path) string {
	value, known := v.value(p, entryOf(p))
	if !known {
		return "unknown"
	}
	return show(reflect.ValueOf(value))
}

// in returns the path of the fact for one element.
func (f factName) in(it *item) path {
	if f.path[0].name != element || it == nil {
		return f.path
	}
	return append(it.path(), f.path[1:]...)
}

// known tells whether the fact is known; an interval is where both ends are.
func (f factName) known(v *view, it *item) bool {
	p := f.in(it)
	if f.interval {
		return !v.unknownEnds(p)
	}
	_, known := v.value(p, entryOf(p))
	return known
}

// show writes a value for a person. Control characters, which a declared text may
// hold, become spaces.
func show(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Int64:
		if n := value.Int(); n < 0 {
			return "-" + thousands(uint64(-n))
		}
		return thousands(uint64(value.Int()))
	case reflect.Float64:
		return strconv.FormatFloat(value.Float(), 'g', -1, 64)
	case reflect.Bool:
		return strconv.FormatBool(value.Bool())
	case reflect.String:
		return clean(value.String())
	case reflect.Slice:
		var items []string
		for i := range min(value.Len(), shownItems) {
			items = append(items, show(value.Index(i)))
		}
		return more(items, value.Len())
	case reflect.Map:
		var items []string
		for _, key := range value.MapKeys() {
			items = append(items, show(key)+" "+show(value.MapIndex(key)))
		}
		slices.Sort(items)
		return more(items[:min(len(items), shownItems)], value.Len())
	}
	return clean(fmt.Sprint(value.Interface()))
}

func more(items []string, total int) string {
	if total > len(items) {
		items = append(items, fmt.Sprintf("and %d more", total-len(items)))
	}
	if total == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}

func clean(s string) string {
	runes := []rune(s)
	if len(runes) > maxShown {
		runes = append(runes[:maxShown], '…')
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, string(runes))
}

// thousands writes a number with a comma between every three digits.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
