package document

import (
	"bytes"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// Locate returns the line and column in the source of the character at offset, in
// characters, of a scalar's value. Folding, indentation and quotes are undone by
// walking value and source side by side over everything that is not space; where
// they part (an escape written as a code), it returns the place of the scalar.
func (d *Document) Locate(node *yaml.Node, offset int) (line, column int) {
	value := []rune(node.Value)
	text, ok := d.from(node)
	if !ok || offset < 0 || offset > len(value) {
		return node.Line, node.Column
	}
	pos := &cursor{text: text, line: node.Line, column: node.Column}
	pos.skipIndicator(node.Style)
	for i := 0; ; i++ {
		if i == offset && (i == len(value) || unicode.IsSpace(value[i])) {
			return pos.line, pos.column
		}
		if unicode.IsSpace(value[i]) {
			continue
		}
		for pos.more() && unicode.IsSpace(pos.rune()) {
			pos.advance()
		}
		pos.skipEscape(node.Style)
		if !pos.more() || pos.rune() != value[i] {
			return node.Line, node.Column
		}
		if i == offset {
			return pos.line, pos.column
		}
		pos.advance()
	}
}

// from returns the source from the start of node.
func (d *Document) from(node *yaml.Node) ([]rune, bool) {
	rest := d.Source
	for range node.Line - 1 {
		_, after, found := bytes.Cut(rest, []byte{'\n'})
		if !found {
			return nil, false
		}
		rest = after
	}
	text := []rune(string(rest))
	if node.Column < 1 || node.Column-1 > len(text) {
		return nil, false
	}
	return text[node.Column-1:], true
}

// cursor is a place in the source.
type cursor struct {
	text         []rune
	line, column int
}

func (c *cursor) more() bool { return len(c.text) > 0 }
func (c *cursor) rune() rune { return c.text[0] }

func (c *cursor) advance() {
	if c.text[0] == '\n' {
		c.line++
		c.column = 0
	}
	c.column++
	c.text = c.text[1:]
}

// skipIndicator steps over what introduces a scalar: a quote, or the line of a
// literal or folded block.
func (c *cursor) skipIndicator(style yaml.Style) {
	switch {
	case style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if c.more() {
			c.advance()
		}
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for c.more() && c.rune() != '\n' {
			c.advance()
		}
	}
}

// skipEscape steps over the first half of an escaped quote or backslash.
func (c *cursor) skipEscape(style yaml.Style) {
	if len(c.text) < 2 {
		return
	}
	double := style&yaml.DoubleQuotedStyle != 0 && c.text[0] == '\\'
	single := style&yaml.SingleQuotedStyle != 0 && c.text[0] == '\'' && c.text[1] == '\''
	if double || single {
		c.advance()
	}
}
