package submission

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
	"weighbridge/pipeline/vocabulary"
)

// maxText is the length of the longest text, in characters.
const maxText = 10_000

// checker looks at the values of a submission that decoded.
type checker struct {
	problems *document.Problems
}

// texts refuses texts that are blank, too long or hold control characters other
// than line breaks and tabs, anywhere in the file.
func (c *checker) texts(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() != "!!null" {
		if fault := textFault(node.Value); fault != "" {
			c.problems.Add(node, "%s", fault)
		}
	}
	for _, child := range node.Content {
		c.texts(child)
	}
}

// textFault says what is wrong with any text, "" where nothing is.
func textFault(text string) string { return textFaults[faultOfText(text)] }

func isDirection(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

func isVisible(r rune) bool {
	const emptyBraille = '\u2800'
	return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && r != emptyBraille
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// group checks every key of a group. name is the key of the group itself.
func (c *checker) group(v reflect.Value, node *yaml.Node, name string) {
	for _, f := range vocabulary.Fields(v.Type()) {
		value := v.Field(f.Index)
		if at := document.Child(node, f.Key); at != nil && !value.IsZero() {
			c.field(f, value, at, name)
		}
	}
}

// field checks the value of one key, which is stated.
func (c *checker) field(f vocabulary.Field, v reflect.Value, at *yaml.Node, group string) {
	switch f.Kind {
	case vocabulary.Group:
		c.group(v, at, f.Key)
	case vocabulary.List:
		if c.filled(at) {
			for i, element := range at.Content {
				c.group(v.Index(i), element, f.Key)
			}
		}
	case vocabulary.Range:
		c.ends(f, v, at)
	case vocabulary.Texts:
		if c.filled(at) {
			for i, element := range at.Content {
				c.add(element, textOf(f, v.Index(i).String(), group))
			}
		}
	case vocabulary.Text:
		c.add(at, textOf(f, v.Elem().String(), group))
	case vocabulary.Whole:
		c.add(at, wholeOf(f, v.Elem().Int()))
	case vocabulary.Number:
		c.add(at, numberOf(f, v.Elem().Float()))
	}
}

// filled refuses elements of a list that are null. Decoding leaves them out, so that a
// list of nothing else would state that there is nothing.
func (c *checker) filled(list *yaml.Node) bool {
	whole := true
	for _, element := range list.Content {
		if element.ShortTag() == "!!null" {
			c.problems.Add(element, "this element of a list is empty: fill it in, or take it out")
			whole = false
		}
	}
	return whole
}

func (c *checker) add(at *yaml.Node, fault string) {
	if fault != "" {
		c.problems.Add(at, "%s", fault)
	}
}

// ends checks that the ends of a range are numbers that can be, in order.
func (c *checker) ends(f vocabulary.Field, v reflect.Value, node *yaml.Node) {
	before, beforeKey := 0.0, ""
	for _, end := range f.Ends() {
		at, value := document.Child(node, end.Key), v.Field(end.Index)
		if value.IsNil() {
			continue
		}
		n := value.Elem().Float()
		fault := numberOf(end, n)
		if fault == "" && beforeKey != "" && n < before {
			fault = end.Key + " is below " + beforeKey
		}
		c.add(at, fault)
		before, beforeKey = n, end.Key
	}
	if beforeKey != "" && beforeKey != "upper" {
		c.add(node, "upper is missing: rules look at the largest number that it can be")
	}
}

// textOf says what is wrong with a text of a field, "" where nothing is. group is the
// key of the group that the field is in.
func textOf(f vocabulary.Field, text, group string) string {
	switch {
	case f.Words != nil:
		return wordFault(f, text, group)
	case f.Is == vocabulary.FormCountry:
		return countryFault(text, "")
	case f.Is == vocabulary.FormPlace:
		if text == Worldwide {
			return ""
		}
		return countryFault(text, ", or \"worldwide\"")
	case f.Is == vocabulary.FormDate:
		return dateFault(text)
	case f.Is == vocabulary.FormURL:
		return urlFault(text)
	case f.Is == vocabulary.FormDigest:
		return digestFault(text)
	}
	return ""
}

func wordFault(f vocabulary.Field, text, group string) string {
	for _, word := range f.Words {
		if text == word {
			return ""
		}
	}
	noun := f.Key
	if noun == "kind" {
		noun = strings.TrimSuffix(group, "s") // kind of a transfer, of one of the documents
	}
	for _, word := range f.Words {
		if strings.EqualFold(strings.NewReplacer(" ", "_", "-", "_").Replace(strings.TrimSpace(text)), word) {
			return fmt.Sprintf("%q is no kind of %s: write %s", text, noun, word)
		}
	}
	return fmt.Sprintf("%q is no kind of %s: it is one of %s", text, noun, strings.Join(f.Words, ", "))
}

func countryFault(code, or string) string {
	if IsCountry(code) {
		return ""
	}
	if upper := strings.ToUpper(code); IsCountry(upper) {
		return fmt.Sprintf("%q is no country code: write %s", code, upper)
	}
	if or != "" && strings.EqualFold(code, Worldwide) {
		return fmt.Sprintf("%q is no country code: write %s", code, Worldwide)
	}
	return fmt.Sprintf("%q is no country code: use the two letters of ISO 3166-1, as in DE%s", code, or)
}

func dateFault(text string) string {
	if _, err := time.Parse(time.DateOnly, text); err != nil || text[0] == '0' {
		return fmt.Sprintf("%q is no day of the calendar: write year, month and day as in 2026-01-31", text)
	}
	return ""
}

func urlFault(text string) string {
	const how = "write it as in https://example.org/page, or none where there is none"
	if text == vocabulary.NoURL {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.ContainsFunc(text, unicode.IsSpace):
		return fmt.Sprintf("%q is no web address: %s", withoutSecrets(text), how)
	case u.User != nil:
		return "a web address names no user and no password: " + how
	}
	return ""
}

// withoutSecrets cuts what may hold a password or a signature off an address that is
// shown in a message.
func withoutSecrets(text string) string {
	text, _, _ = strings.Cut(text, "?")
	if at := strings.LastIndex(text, "@"); at >= 0 {
		text = "…" + text[at:]
	}
	return text
}

func digestFault(text string) string {
	digits, ok := strings.CutPrefix(text, "sha256:")
	if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != 32 || digits != strings.ToLower(digits) {
		return fmt.Sprintf("%q is no digest: it is sha256: and 64 digits from 0 to 9 and a to f", text)
	}
	return ""
}

func wholeOf(f vocabulary.Field, n int64) string {
	switch {
	case n < 0:
		return negative(f)
	case f.Bounded() && f.Max < math.MaxInt64 && n > int64(f.Max):
		return tooLarge(f)
	}
	return ""
}

func numberOf(f vocabulary.Field, n float64) string {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return f.Key + " is no number that can be compared"
	case n < 0:
		return negative(f)
	case f.Bounded() && n > f.Max:
		return tooLarge(f)
	}
	return ""
}

func negative(f vocabulary.Field) string {
	switch {
	case f.Unit == "":
		return "this number is not negative"
	case strings.HasSuffix(f.Unit, "s"): // counted: tokens, US dollars
		return "a number of " + f.Unit + " is not negative"
	}
	return "this number is not negative (" + f.Unit + ")"
}

func tooLarge(f vocabulary.Field) string {
	text := "this number is too large to be true: it is at most " + amount(f.Max)
	if f.Unit != "" {
		text += " (" + f.Unit + ")"
	}
	return text
}

// amount writes a number from zero for a person: up to 10^21 with commas, above that as
// a power of ten.
func amount(n float64) string {
	if n > 1e21 || n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// consistent refuses answers that take each other back: of two of them a rule would look
// at the one that raises nothing.
func (c *checker) consistent(sub *pipeline.Submission, root *yaml.Node) {
	transfer := document.Child(root, "transfer")
	if n := sub.Transfer.IntermediaryCount; n != nil && *n < int64(len(sub.Intermediaries)) {
		c.add(document.Child(transfer, "intermediary_count"), fmt.Sprintf("this is %d, and intermediaries names %d", *n, len(sub.Intermediaries)))
	}
	bulk := sub.Data.USBulk
	if bulk.Any == nil || *bulk.Any {
		return
	}
	at := document.Child(document.Child(document.Child(root, "data"), "us_bulk"), "any")
	v := reflect.ValueOf(bulk)
	for _, f := range vocabulary.Fields(v.Type()) {
		if n, ok := v.Field(f.Index).Interface().(*int64); ok && n != nil && *n > 0 {
			c.add(at, fmt.Sprintf("this is false, and %s is %d", f.Key, *n))
			return
		}
	}
}
