package dataset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// node is one object of a document, with its values by the last part of their terms in
// small letters and digits: "dct:conformsTo", "conforms_to" and "conforms-to" are one.
type node map[string]any

// nodeOf returns an object; nil for what is none. A term without a prefix counts before one
// with, so that a foreign vocabulary does not hide the plain one.
func nodeOf(v any) node {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	n := node{}
	prefixed := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		last, plain := lastPart(key)
		into := prefixed
		if plain {
			into = n
		}
		if _, known := into[last]; !known {
			into[last] = m[key]
		}
	}
	for key, value := range prefixed {
		if _, known := n[key]; !known {
			n[key] = value
		}
	}
	return n
}

// lastPart returns the last part of a term, and whether that is all of it.
func lastPart(term string) (last string, plain bool) {
	i := strings.LastIndexAny(term, ":/#")
	return compact(term[i+1:]), i < 0
}

// compact writes a text in small letters and digits only. "@" stays, which JSON-LD begins
// its own words with.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '@', r > 127:
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// textOf returns a text as it may be shown. Of an object that stands for one it takes the
// value, the name, the address or the identifier.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return pipeline.PlainText(v, longestText)
	case json.Number:
		return pipeline.PlainText(v.String(), longestText)
	case map[string]any:
		n := nodeOf(v)
		for _, key := range []string{"@value", "url", "@id", "name", "label", "value", "code"} {
			switch n[key].(type) {
			case string, json.Number:
				return textOf(n[key])
			}
		}
	}
	return ""
}

// text returns the first text of a value, textsOf all of them.
func text(v any) string {
	for _, item := range listOf(v) {
		if s := textOf(item); s != "" {
			return s
		}
	}
	return ""
}

func textsOf(v any) []string {
	var out []string
	for _, item := range listOf(v) {
		if len(out) == mostItems {
			break
		}
		if s := textOf(item); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// flag reads a truth value, written as one or in words.
func flag(v any) (yes, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes":
			return true, true
		case "false", "no":
			return false, true
		}
	case map[string]any:
		return flag(nodeOf(v)["@value"])
	}
	return false, false
}

func pointer(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func problem(r *pipeline.DatasetRecord, format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	if len(r.Problems) < mostProblems && !slices.Contains(r.Problems, sentence) {
		r.Problems = append(r.Problems, sentence)
	}
}
