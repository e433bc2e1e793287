package license

import (
	"bytes"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a text, in small letters, and where it stands in bytes.
type word struct {
	text       string
	start, end int
	// credit is true of the first words of a line that says whose copyright it is: names
	// and years differ from one copy of a licence to the next.
	credit bool
}

// mostCredit is how many words of such a line may differ. A longer line says more.
const mostCredit = 12

// split takes a text apart into words. Case, spaces, punctuation, the marks of Markdown,
// HTML tags and entities, and characters that are not seen make no difference. Characters
// of scripts that put no spaces between words are a word each. What is no UTF-8 parts
// words.
func split(text []byte) []word {
	var (
		words  []word
		b      strings.Builder
		start  int
		credit int    // how many words more are a credit
		line   = true // at the start of a line
	)
	end := func(at int) {
		if b.Len() == 0 {
			return
		}
		w := word{text: b.String(), start: start, end: at}
		if line && w.text == "copyright" {
			credit = mostCredit
		}
		if line = false; credit > 0 {
			w.credit = true
			credit--
		}
		words = append(words, w)
		b.Reset()
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == '<' && tag(text[i:]) > 0:
			end(i)
			size = tag(text[i:])
		case r == '&' && entity(text[i:]) > 0:
			end(i)
			size = entity(text[i:])
		case r == '\n' || r == '\r':
			end(i)
			line, credit = true, 0
		case r == '©':
			if end(i); line {
				credit = mostCredit
			}
		case wide(r):
			end(i)
			start = i
			b.WriteRune(r)
			end(i + size)
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if b.Len() == 0 {
				start = i
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
			// It is not seen, or sits on the letter before it.
		default:
			end(i)
		}
		i += size
	}
	end(len(text))
	return words
}

// wide tells whether a script puts no spaces around what the rune stands for.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

const (
	longestTag    = 300
	longestEntity = 10
)

// tags are the HTML tags that licences are set in. Other text in angle brackets, and
// comments, are words: a reader of the file sees them.
var tags = map[string]bool{
	"a": true, "b": true, "blockquote": true, "body": true, "br": true, "center": true, "code": true, "div": true,
	"em": true, "font": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "head": true,
	"hr": true, "html": true, "i": true, "img": true, "li": true, "link": true, "meta": true, "ol": true, "p": true,
	"pre": true, "section": true, "small": true, "span": true, "strong": true, "sub": true, "sup": true, "table": true,
	"tbody": true, "td": true, "th": true, "thead": true, "title": true, "tr": true, "u": true, "ul": true,
}

// tag returns the length of the HTML tag that text begins with, else 0.
func tag(text []byte) int {
	at := bytes.IndexByte(text[:min(len(text), longestTag)], '>')
	if at < 0 {
		return 0
	}
	inside := strings.ToLower(strings.Trim(string(text[1:at]), "/ "))
	name, attributes, _ := strings.Cut(inside, " ")
	if !tags[name] || attributes != "" && !strings.Contains(attributes, "=") {
		return 0
	}
	return at + 1
}

// entity returns the length of the HTML entity that text begins with, else 0.
func entity(text []byte) int {
	for i := 1; i < min(len(text), longestEntity); i++ {
		switch c := text[i]; {
		case c == ';' && i > 1:
			return i + 1
		case asciiLetter(c) || c >= '0' && c <= '9' || c == '#' && i == 1:
		default:
			return 0
		}
	}
	return 0
}

func asciiLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// shingle is how many words a shingle has.
const shingle = 6

// shingles returns the hash of every run of [shingle] words, the i-th of those that begin
// with word i; nil for a text of fewer words.
func shingles(words []word) []uint32 {
	if len(words) < shingle {
		return nil
	}
	single := make([]uint64, len(words))
	for i, w := range words {
		h := fnv.New64a()
		_, _ = h.Write([]byte(w.text)) // a hash takes everything
		single[i] = h.Sum64()
	}
	out := make([]uint32, len(words)-shingle+1)
	for i := range out {
		var h uint64 = 14695981039346656037
		for _, s := range single[i : i+shingle] {
			h = (h ^ s) * 1099511628211
			h ^= h >> 29
		}
		out[i] = uint32(h >> 16)
	}
	return out
}
