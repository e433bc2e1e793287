package modelcard

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
)

const (
	// mostProblems bounds the sentences about one card, and longestShown the characters of
	// a text in one.
	mostProblems = 20
	longestShown = 120
	// longestKey and longestText bound what is taken of a key and of a value, in
	// characters; longestID what is taken of a name.
	longestKey  = 200
	longestText = 10_000
	longestID   = 200
	// mostItems bounds what is taken of one list.
	mostItems = 1000
)

// fill takes the values of a mapping.
func (d *Document) fill(root *yaml.Node) {
	if root == nil {
		d.Values = map[string]any{}
		return
	}
	c := converter{document: d}
	values, _ := c.mapping(root, 0).(map[string]any)
	if c.values > maxValues {
		d.problem("the front matter has more than %s values, aliases counted; the rest was not read", "20,000")
	}
	if c.odd {
		d.problem("the front matter holds characters that cannot be seen, or that turn the direction of writing")
	}
	d.Values = values
}

// converter turns nodes into values. Aliases are followed as long as the values are not
// too many, which ends a document that refers to itself too.
type converter struct {
	document *Document
	values   int
	odd      bool
}

func (c *converter) value(n *yaml.Node, depth int) any {
	if c.values++; c.values > maxValues {
		return nil
	}
	if depth > maxDepth {
		c.document.problem("the front matter is nested deeper than %d levels; what lies deeper was not read", maxDepth)
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		if n.Alias == nil {
			return nil
		}
		return c.value(n.Alias, depth+1)
	case yaml.MappingNode:
		return c.mapping(n, depth)
	case yaml.SequenceNode:
		list := []any{}
		for _, child := range n.Content {
			if c.values > maxValues {
				break
			}
			list = append(list, c.value(child, depth+1))
		}
		return list
	case yaml.ScalarNode:
		return c.scalar(n)
	}
	return nil
}

// mapping converts keys and values. What is given under one key more than once is kept, as
// a list: programs differ in which of them counts.
func (c *converter) mapping(n *yaml.Node, depth int) any {
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content) && c.values <= maxValues; i += 2 {
		if n.Content[i].Kind != yaml.ScalarNode {
			continue
		}
		key := pipeline.PlainText(n.Content[i].Value, longestKey)
		value := c.value(n.Content[i+1], depth+1)
		before, twice := out[key]
		if twice {
			if !same(before, value) {
				c.document.problem("the key %q is given twice, with different values", key)
				value = append(slices.Clone(listOf(before)), listOf(value)...)
			}
		}
		out[key] = value
	}
	return out
}

func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func (c *converter) scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if number, ok := numberOf(n.Value); ok {
			return number
		}
	}
	return c.text(n.Value)
}

// text keeps the lines of a text and replaces what cannot be seen.
func (c *converter) text(text string) string {
	if runes := []rune(text); len(runes) > longestText {
		text = string(runes[:longestText]) + "…"
		c.document.problem("a value of the front matter is longer than %s characters; the rest was not read", "10,000")
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return r
		}
		c.odd = true
		return unicode.ReplacementChar
	}, text)
}

// numberOf writes a YAML number as JSON; ok is false where JSON has no such number.
func numberOf(text string) (json.Number, bool) {
	if json.Valid([]byte(text)) {
		return json.Number(text), true
	}
	plain := strings.ReplaceAll(text, "_", "")
	if n, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return json.Number(strconv.FormatInt(n, 10)), true
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), true
}

// texts returns the texts of a value that may be one or a list: numbers as they are
// written, nothing of what is neither.
func texts(v any) []string {
	out := []string{}
	for _, item := range listOf(v) {
		if len(out) == mostItems {
			break
		}
		if s := textOf(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// text returns the first text of a value, "" for none.
func text(v any) string {
	for _, item := range listOf(v) {
		if s := textOf(item); s != "" {
			return s
		}
	}
	return ""
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return pipeline.PlainText(v, longestID)
	case json.Number:
		return v.String()
	}
	return ""
}

// number returns a finite number from zero up.
func number(v any) (float64, bool) {
	s := textOf(v)
	f, err := strconv.ParseFloat(s, 64)
	if s == "" || err != nil || math.IsInf(f, 0) || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return f, true
}

// flag reads a truth value, written as one or in words.
func flag(v any) (yes, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on":
			return true, true
		case "false", "no", "off":
			return false, true
		}
	case []any:
		for _, item := range v { // given twice: the stricter counts
			one, known := flag(item)
			yes, ok = yes || one, ok || known
		}
	}
	return yes, ok
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
