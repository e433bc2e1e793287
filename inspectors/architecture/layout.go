package architecture

import (
	"fmt"
	"strconv"
	"strings"
)

// parsed is a layout read.
type parsed struct {
	lines  []line
	bounds []bound
	// anchor is the first needed tensor that stands in a layer; stack is its pattern
	// up to the layer's number.
	anchor, stack string
	// firm counts the numbers and multiples in the dimensions: of two layouts that
	// explain as much, the one that asks for more is meant.
	firm int
	// inStack counts the needed lines of the stack.
	inStack int
}

// line is one tensor of a layout.
type line struct {
	// names are the patterns that may stand for the tensor, the usual one first.
	names []string
	// dims are its dimensions; unseen is true where they are not looked at.
	dims   []dim
	unseen bool
	// optional lines may be absent, those with the same tag only together; never
	// lines must be absent; some lines need not be in every layer.
	optional, never, some bool
	tag                   byte
	// stack is true for a tensor in the layers that are counted.
	stack bool
}

// dim is one dimension: factor times a symbol, or a number where symbol is 0.
type dim struct {
	symbol byte
	factor uint64
}

// anyNumber is the symbol of a dimension that is not looked at.
const anyNumber = '_'

// bound is a relation that must hold: between two symbols, a below b or a divisor of
// b, or of a symbol to a number.
type bound struct {
	a, b byte
	kind byte // < or |, and = or > for a number
	n    uint64
}

// holds reports whether the relation is true of the symbols' numbers; it says nothing
// of symbols that are unknown.
func (b bound) holds(symbols *symbols) bool {
	x, y := symbols[b.a], symbols[b.b]
	switch {
	case x == 0:
		return true
	case b.kind == '=':
		return x == b.n
	case b.kind == '>':
		return x > b.n
	case y == 0:
		return true
	case b.kind == '|':
		return y%x == 0
	}
	return x < y
}

// symbols are the numbers that the letters stand for, 0 for unknown.
type symbols [128]uint64

// parse reads the text of a layout. Its form is described at [families]; a text that
// does not fit it is a fault of the program.
func parse(text string) parsed {
	var p parsed
	for row := range strings.Lines(text) {
		fields := strings.Fields(row)
		if len(fields) == 0 {
			continue
		}
		if fields[0] == ":" {
			p.bounds = append(p.bounds, parseBound(fields[1]))
			continue
		}
		var l line
		if strings.ContainsAny(fields[0][:1], "?!~") {
			for _, mark := range []byte(fields[0]) {
				switch mark {
				case '?':
					l.optional = true
				case '!':
					l.never = true
				case '~':
					l.some = true
				default:
					l.tag = mark
				}
			}
			fields = fields[1:]
		}
		l.names = strings.Split(fields[0], "|")
		l.dims, l.unseen = parseDims(fields[1:])
		p.lines = append(p.lines, l)
	}
	for i := range p.lines {
		if l := &p.lines[i]; !l.optional && !l.never && strings.Contains(l.names[0], "{}") {
			p.anchor = l.names[0]
			p.stack = p.anchor[:strings.Index(p.anchor, "{}")+2]
			break
		}
	}
	for _, b := range p.bounds {
		if b.kind == '=' {
			p.firm++
		}
	}
	for i := range p.lines {
		l := &p.lines[i]
		l.stack = p.stack != "" && strings.HasPrefix(l.names[0], p.stack)
		if l.never || l.optional {
			continue
		}
		if l.stack {
			p.inStack++
		}
		for _, d := range l.dims {
			if d.symbol == 0 || d.factor > 1 {
				p.firm++
			}
		}
	}
	return p
}

func parseBound(text string) bound {
	fault := fmt.Sprintf("the relation %q has another form than a<b, a|b, a=1 or a>1", text)
	if len(text) < 3 || !strings.ContainsAny(text[1:2], "<|=>") {
		panic(fault)
	}
	r := bound{a: text[0], kind: text[1], b: text[2]}
	if r.kind == '=' || r.kind == '>' {
		n, err := strconv.ParseUint(text[2:], 10, 63)
		if err != nil {
			panic(fault)
		}
		return bound{a: r.a, kind: r.kind, n: n}
	}
	return r
}

func parseDims(fields []string) (dims []dim, unseen bool) {
	if len(fields) == 1 && fields[0] == "*" {
		return nil, true
	}
	if len(fields) == 1 && fields[0] == "." {
		return []dim{}, false
	}
	for _, field := range fields {
		digits := strings.TrimRight(field, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
		d := dim{factor: 1}
		if digits != "" {
			n, err := strconv.ParseUint(digits, 10, 63)
			if err != nil || n == 0 {
				panic(fmt.Sprintf("the dimension %q is no number", field))
			}
			d.factor = n
		}
		switch rest := field[len(digits):]; len(rest) {
		case 0:
		case 1:
			d.symbol = rest[0]
		default:
			panic(fmt.Sprintf("the dimension %q has more than one letter", field))
		}
		dims = append(dims, d)
	}
	return dims, false
}
