package pipeline

import (
	"strings"
	"unicode"
)

// PlainText returns a text of an artifact as it may be stored and shown: one line of at most
// most characters. What cannot be seen, and what turns the direction of writing, becomes
// U+FFFD, so that no name looks like another one; a longer text ends in "…".
func PlainText(text string, most int) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if unicode.IsSpace(r) && r != '\u2028' && r != '\u2029' {
			gap = n > 0
			continue
		}
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			r = unicode.ReplacementChar
		}
		if gap {
			b.WriteByte(' ')
			n++
			gap = false
		}
		if n >= most {
			return strings.TrimSpace(b.String()) + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
