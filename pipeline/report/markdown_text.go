package report

import (
	"net/url"
	"regexp"
	"strings"
)

// Texts from elsewhere in Markdown. What is not plainly a word is shown as a code span: in
// one, GitHub's and GitLab's Markdown know no markup, HTML, links, mentions (@somebody),
// references (#1, !1, owner/name#1, commits) or emoji. Only its own delimiter could end it,
// so that is made longer than any run of backticks within.

// plainWord matches words that mean nothing in Markdown: letters and digits, parted by
// single marks, with the marks around them that prose has.
var plainWord = regexp.MustCompile(`^["'(]*[\p{L}\p{N}]+(?:[.,'/+=_()-][\p{L}\p{N}]+)*[%.,;:?)"']*$`)

// linkedWord matches what plainWord lets through and forges make links of: web addresses
// without a scheme, commits, numbered references.
var linkedWord = regexp.MustCompile(`(?i)www\.|\bGH-|[0-9a-f]{7}`)

// loneMark matches words that are a mark of prose.
var loneMark = regexp.MustCompile(`^[–—…&/=]$`)

// prose returns a text as Markdown that shows as that text, in one line.
func prose(s string) string {
	var out strings.Builder
	var odd []string
	flush := func() {
		if len(odd) > 0 {
			if out.Len() > 0 {
				out.WriteByte(' ')
			}
			out.WriteString(code(strings.Join(odd, " ")))
			odd = nil
		}
	}
	for word := range strings.FieldsSeq(Clean(s)) {
		if !harmless(word) {
			odd = append(odd, word)
			continue
		}
		flush()
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(strings.ReplaceAll(word, "&", "&amp;"))
	}
	flush()
	return out.String()
}

// harmless reports whether a word may stand as it is. Numbers may be as long as they
// like where commas part them.
func harmless(word string) bool {
	return loneMark.MatchString(word) || plainWord.MatchString(word) && !linkedWord.MatchString(word)
}

// code returns a text as a code span in one line. The bar, which ends a cell of a table
// even within a span, is shown as its code point.
func code(s string) string {
	s = strings.ReplaceAll(Clean(s), "|", `\x7c`)
	if strings.TrimSpace(s) == "" {
		s = "(empty)"
	}
	run, longest := 0, 0
	for _, r := range s {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	// A space at both ends is taken off again.
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// link returns a link to a web page, or the text alone where the address is no plain one.
func link(text, address string) string {
	u, ok := webAddress(address)
	if !ok {
		return prose(text)
	}
	return "[" + strings.NewReplacer("[", "", "]", "").Replace(prose(text)) + "](<" + u + ">)"
}

// webAddress returns an http or https address in a form that holds nothing but ASCII
// without spaces, angle brackets and quotes.
func webAddress(address string) (string, bool) {
	if len(address) > mostAddress {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return "", false
	}
	text := u.String()
	for _, b := range []byte(text) {
		if b <= ' ' || b >= 0x7f || strings.IndexByte("<>\"'`\\|", b) >= 0 {
			return "", false
		}
	}
	return text, true
}

// mostAddress bounds the address of a link, in bytes.
const mostAddress = 1000
