package pipeline

import (
	"encoding/json"
	"math"
	"strings"
)

// Lookup returns the value at a dot-parted path of a configuration, or nil.
func (c Config) Lookup(path string) any {
	var v any = c.Values
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// Int returns the first of the paths that holds a whole number from 0 to 2^53, and
// which one it was. Numbers written as floats are taken where they are whole.
func (c Config) Int(paths ...string) (v int64, path string, ok bool) {
	for _, path := range paths {
		n, isNumber := c.Lookup(path).(json.Number)
		if !isNumber {
			continue
		}
		f, err := n.Float64()
		if err == nil && f >= 0 && f <= 1<<53 && f == math.Trunc(f) {
			return int64(f), path, true
		}
	}
	return 0, "", false
}

// Text returns the first of the paths that holds a text, and which one it was. A list
// of texts counts by its first.
func (c Config) Text(paths ...string) (v, path string, ok bool) {
	for _, path := range paths {
		switch v := c.Lookup(path).(type) {
		case string:
			return v, path, true
		case []any:
			if len(v) > 0 {
				if s, isText := v[0].(string); isText {
					return s, path, true
				}
			}
		}
	}
	return "", "", false
}

// Bool returns the value at path; ok is false where it is no truth value.
func (c Config) Bool(path string) (v, ok bool) {
	v, ok = c.Lookup(path).(bool)
	return v, ok
}
