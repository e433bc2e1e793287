package modelcard

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

const (
	// mostLines bounds the lines of prose that are looked at, longestLine the bytes of one.
	mostLines   = 10_000
	longestLine = 4 << 10
)

// statements parts the prose into what is looked at on its own: sentences, the items of
// lists, and the rows of tables with their cells parted by "|". Code, comments and quotes of
// others are left out.
func statements(body string) []string {
	var out []string
	code, comment := "", false
	n := 0
	for line := range strings.Lines(body) {
		if n++; n > mostLines {
			break
		}
		line = strings.TrimSpace(line[:min(len(line), longestLine)])
		switch {
		case code != "":
			if strings.HasPrefix(line, code) {
				code = ""
			}
			continue
		case strings.HasPrefix(line, "```"), strings.HasPrefix(line, "~~~"):
			code = line[:3]
			continue
		case strings.HasPrefix(line, ">"):
			continue
		}
		line, comment = withoutComments(line, comment)
		if line == "" {
			continue
		}
		line = markup.Replace(line)
		if strings.Contains(line, "|") {
			out = append(out, line)
			continue
		}
		out = append(out, sentences(line)...)
	}
	return out
}

// markup takes off what only changes how words look.
var markup = strings.NewReplacer("**", "", "__", "", "`", "", "\u00a0", " ", "\u202f", " ", "<br>", " ", "<br/>", " ")

func withoutComments(line string, inside bool) (rest string, still bool) {
	var b strings.Builder
	for line != "" {
		mark := "<!--"
		if inside {
			mark = "-->"
		}
		before, after, found := strings.Cut(line, mark)
		if !inside {
			b.WriteString(before)
		}
		if !found {
			break
		}
		inside, line = !inside, after
	}
	return b.String(), inside
}

// sentences parts a line behind each ". ", "; ", "! " and "? ".
func sentences(line string) []string {
	var out []string
	from := 0
	for i := 0; i+1 < len(line); i++ {
		if strings.IndexByte(".;!?", line[i]) >= 0 && line[i+1] == ' ' {
			out = append(out, line[from:i+1])
			from = i + 1
		}
	}
	return append(out, line[from:])
}

// amount is a number as prose has it.
type amount struct {
	value float64
	// within is how far the true number may lie from value because it was rounded, as a
	// share of value.
	within float64
	// open is true where the words say that it is more.
	open bool
	// vague is true where the words say that it is about that.
	vague bool
}

// scales lists the words and letters for powers of ten.
var scales = map[string]float64{
	"": 1, "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mil": 1e6, "million": 1e6, "millions": 1e6,
	"b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12, "trillions": 1e12,
}

const (
	// figure is a number with its scale: two groups.
	figure = `(\d[\d,]*(?:\.\d+)?)\s?-?(k|thousand|mn|mil|millions?|m|bn|billions?|b|tn|trillions?|t)?`
	// mostAmount bounds what is believed: 10^18, as in the submission.
	mostAmount = 1e18
)

var grouped = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d+)?$|^\d+(\.\d+)?$`)

// amountOf reads a number and its scale; ok is false for what is none.
func amountOf(digits, scale string) (amount, bool) {
	digits = strings.TrimRight(digits, ",")
	if !grouped.MatchString(digits) {
		return amount{}, false
	}
	digits = strings.ReplaceAll(digits, ",", "")
	mantissa, err := strconv.ParseFloat(digits, 64)
	if err != nil || mantissa <= 0 {
		return amount{}, false
	}
	times := scales[strings.ToLower(scale)]
	a := amount{value: mantissa * times}
	if a.value > mostAmount || math.IsInf(a.value, 0) {
		return amount{}, false
	}
	// The last digit is rounded; of a number written out, the last that is not zero.
	unit := 1.0
	if _, decimals, found := strings.Cut(digits, "."); found {
		unit = math.Pow(10, -float64(len(decimals)))
	} else if times == 1 {
		for rest := digits; strings.HasSuffix(rest, "0"); rest = rest[:len(rest)-1] {
			unit *= 10
		}
	}
	a.within = unit / 2 / mantissa
	if times == 1 && unit == 1 {
		a.within = 0
	}
	return a, true
}

var (
	openBefore  = regexp.MustCompile(`(?i)(?:\bover|\bmore than|\bat least|\babove|>=?|≥|\bexceed(?:s|ing))\s*$`)
	vagueBefore = regexp.MustCompile(`(?i)(?:\babout|\baround|\bapproximately|\bapprox\.?|\bnearly|\balmost|\broughly|\bcirca|\bca\.?|~|≈|∼)\s*$`)
	// partBefore tells a number that is the end of another, of a range or of a name.
	partBefore = regexp.MustCompile(`(?i)(?:[\w.,/–—-]|\d\s?(?:k|m|b|t)?\s?(?:-|–|—|to|and|or)\s*|\bup to\s*|\bunder\s*|\bbelow\s*|\bless than\s*|<=?\s*|≤\s*|x|×)$`)
)

// surround tells what the words before a number make of it; ok is false where it is the
// part of something else.
func (a *amount) surround(before string) (ok bool) {
	if partBefore.MatchString(before) {
		return false
	}
	a.open = openBefore.MatchString(before)
	a.vague = vagueBefore.MatchString(before)
	return true
}
