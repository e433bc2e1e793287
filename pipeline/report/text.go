package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Clean makes a text from an artifact safe to show on a terminal or in a line of
// text: control characters, and marks that change the direction of writing, are shown
// as escapes. It changes nothing else.
func Clean(s string) string {
	clean := true
	for _, r := range s {
		if hidden(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u200b' || r == '\ufeff' || r == '\u2028' || r == '\u2029'
}

// Count writes a whole number with separators: 70,553,706,496.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Size writes a number of bytes with a decimal unit: 141.1 GB.
func Size(n int64) string {
	if n < 1000 {
		return plural(n, "byte")
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	v := float64(n)
	unit := ""
	for _, u := range units {
		if v < 999.95 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
}

// power writes a large number with one digit behind the point: 3.8e25.
func power(v float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 1, 64), "e")
	exponent = strings.TrimLeft(strings.TrimPrefix(exponent, "+"), "0")
	if exponent == "" {
		return strings.TrimSuffix(mantissa, ".0")
	}
	return strings.TrimSuffix(mantissa, ".0") + "e" + exponent
}

// plural writes a count with its noun: 1 file, 30 files.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// share writes a part of a whole in per cent, as one word.
func share(part, whole int64) string {
	if whole == 0 {
		return "0%"
	}
	p := 100 * float64(part) / float64(whole)
	if p > 0 && p < 0.05 {
		return "<0.1%"
	}
	return fmt.Sprintf("%.1f%%", p)
}
