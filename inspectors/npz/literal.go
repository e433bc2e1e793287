package npz

import (
	"fmt"
	"math"
	"strings"
)

// The header of an .npy file is the text of a Python dictionary. This is a parser for
// what such a text may hold and nothing more: texts without escapes, whole numbers, True
// and False, tuples and lists. Nothing is evaluated.

// literal is a parsed value: string, uint64, bool, tuple or list.
type (
	tuple []any
	list  []any
)

// mostDepth is how deep tuples and lists may lie in each other, as the types of
// structured arrays do.
const mostDepth = 8

type literals struct {
	text string
	at   int
}

func (p *literals) fail(format string, args ...any) error {
	return malformed("the header's dictionary is broken at byte %d: %s", p.at, fmt.Sprintf(format, args...))
}

func (p *literals) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// next passes over white space and returns the next byte, 0 at the end.
func (p *literals) next() byte {
	p.space()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *literals) accept(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

// dictionary parses the whole text as one dictionary with keys that are texts. Each key
// may stand once.
func dictionary(text string) (map[string]any, error) {
	p := &literals{text: text}
	if !p.accept('{') {
		return nil, p.fail("a brace is expected")
	}
	out := map[string]any{}
	for first := true; ; first = false {
		if p.accept('}') {
			break
		}
		if !first {
			if !p.accept(',') {
				return nil, p.fail("a comma is expected")
			}
			if p.accept('}') {
				break
			}
		}
		key, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice {
			return nil, p.fail("the key %q stands twice", key)
		}
		if !p.accept(':') {
			return nil, p.fail("a colon is expected")
		}
		if out[key], err = p.value(0); err != nil {
			return nil, err
		}
	}
	if p.next() != 0 || p.at != len(p.text) {
		return nil, p.fail("more follows the dictionary")
	}
	return out, nil
}

func (p *literals) value(depth int) (any, error) {
	switch c := p.next(); {
	case depth > mostDepth:
		return nil, p.fail("values lie more than %d deep", mostDepth)
	case c == '\'' || c == '"':
		return p.quoted()
	case c >= '0' && c <= '9':
		return p.number()
	case c == '(':
		items, comma, err := p.items(')', depth)
		if err == nil && len(items) == 1 && !comma {
			return items[0], nil // a value in parentheses
		}
		return tuple(items), err
	case c == '[':
		items, _, err := p.items(']', depth)
		return list(items), err
	}
	for word, v := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.text[p.at:], word) {
			p.at += len(word)
			return v, nil
		}
	}
	return nil, p.fail("a value is expected")
}

// items parses what stands in parentheses or brackets. comma says whether a comma
// follows the last item.
func (p *literals) items(end byte, depth int) (items []any, comma bool, err error) {
	p.at++
	for {
		if p.accept(end) {
			return items, comma, nil
		}
		if len(items) > 0 && !comma {
			return nil, false, p.fail("a comma is expected")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, false, err
		}
		items = append(items, v)
		comma = p.accept(',')
	}
}

func (p *literals) quoted() (string, error) {
	c := p.next()
	if c != '\'' && c != '"' {
		return "", p.fail("a text is expected")
	}
	rest := p.text[p.at+1:]
	n := strings.IndexByte(rest, c)
	if n < 0 {
		return "", p.fail("a text does not end")
	}
	if i := strings.IndexAny(rest[:n], "\\\n\x00"); i >= 0 {
		return "", p.fail("a text holds an escape or a control character")
	}
	p.at += n + 2
	return rest[:n], nil
}

// number parses a whole number that fits 63 bits. Python 2 wrote an L behind long ones.
func (p *literals) number() (uint64, error) {
	start := p.at
	var v uint64
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		d := uint64(p.text[p.at] - '0')
		if v > (math.MaxInt64-d)/10 {
			return 0, p.fail("a number is larger than 2^63-1")
		}
		v = v*10 + d
		p.at++
	}
	if p.text[start] == '0' && p.at > start+1 {
		return 0, p.fail("a number begins with 0")
	}
	if p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == 'L':
			p.at++
		case c == '.' || c == 'e' || c == 'x' || c == '_':
			return 0, p.fail("a number is not whole")
		}
	}
	return v, nil
}
