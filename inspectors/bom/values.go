package bom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// node is an object of a document.
type node = map[string]any

// decode reads one JSON object. Numbers stay as they are written, a byte-order mark is passed
// over, and of a key that is given twice the last holds.
func decode(text []byte) (node, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	depth, values := measure(text)
	if depth > maxDepth {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the bill of materials is nested deeper than %d levels", maxDepth)}
	}
	if values > mostValues {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the bill of materials holds more than %s values", pipeline.Separated(mostValues))}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var root node
	err := d.Decode(&root)
	if err == nil && root == nil {
		err = errors.New("it is null")
	}
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("text follows the object")
		}
	}
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the bill of materials is no JSON object", Err: err}
	}
	return root, nil
}

// measure counts brackets and commas outside of texts: how deep a document is nested, and how
// many values it holds at most.
func measure(text []byte) (deepest, values int) {
	depth, inText := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case inText && b == '\\':
			i++
		case b == '"':
			inText = !inText
		case inText:
		case b == '{' || b == '[':
			depth++
			values++
			deepest = max(deepest, depth)
		case b == '}' || b == ']':
			depth--
		case b == ',':
			values++
		}
	}
	return deepest, values
}

func nodeOf(v any) node {
	n, _ := v.(node)
	return n
}

// listOf returns a list; what is none is one of itself, and nothing is an empty one.
func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// few returns the first of a list that is read again for each place that refers to it.
func few(v any) []any {
	list := listOf(v)
	return list[:min(len(list), 100)]
}

// stringOf returns a text or a number as it is written.
func stringOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// textOf returns a text as it may be stored and shown.
func textOf(v any) string { return pipeline.PlainText(stringOf(v), longestText) }

func pointer(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// texts returns the texts of a list that are no blanks, each once.
func texts(v any) []string {
	var out []string
	for _, item := range listOf(v) {
		if s := textOf(item); s != "" && len(out) < mostRecords && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// sha256 returns a digest of 64 hexadecimal digits, nil for what is none.
func sha256(algorithm, value string) *string {
	name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(algorithm))
	value = strings.ToLower(strings.TrimSpace(value))
	if name != "sha256" || len(value) != 64 || strings.Trim(value, "0123456789abcdef") != "" {
		return nil
	}
	value = "sha256:" + value
	return &value
}

// packageURL reads a package URL of Hugging Face (purl-spec, type "huggingface"): owner and
// name, and whether it is one of a set of data, as some programs write them.
func packageURL(purl string) (id string, data, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(purl), "pkg:")
	if !ok || len(rest) > 8*longestText {
		return "", false, false
	}
	rest = strings.TrimLeft(rest, "/")
	kind, rest, ok := strings.Cut(rest, "/")
	if !ok || !strings.EqualFold(kind, "huggingface") {
		return "", false, false
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		rest = rest[:i]
	}
	id, err := url.PathUnescape(strings.Trim(rest, "/"))
	if err != nil || id == "" {
		return "", false, false
	}
	id, data = strings.CutPrefix(id, "datasets/")
	return pipeline.PlainText(id, longestText), data, true
}

// dataHub returns the name of a set with its owner from its address on a hub.
func dataHub(address string) (string, bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	for _, host := range []string{"huggingface.co/datasets/", "www.huggingface.co/datasets/", "hf.co/datasets/", "hf://datasets/"} {
		if below, ok := strings.CutPrefix(rest, host); ok && below != "" {
			parts := strings.Split(strings.Trim(below, "/"), "/")
			return strings.Join(parts[:min(len(parts), 2)], "/"), true
		}
	}
	return "", false
}

// owned joins owner and name where both together name something on a hub.
func owned(group, name string) string {
	if group == "" {
		return name
	}
	if id, ok := pipeline.ModelID(group + "/" + name); ok && strings.Contains(id, "/") {
		return id
	}
	return name
}

// countNames lists the last parts of names under which programs put a number of parameters,
// in small letters without marks; activeNames those of the parameters that a token passes
// through. Neither format has a field for it.
var (
	countNames = []string{"parameters", "parametercount", "parameterscount", "numparameters", "numberofparameters", "nparameters", "totalparameters",
		"modelparameters", "params", "paramcount", "paramscount", "numparams", "nparams", "totalparams", "parametersize"}
	activeNames = []string{"activeparameters", "activatedparameters", "numactiveparameters", "activeparametercount", "activeparams"}
)

// own is the namespace of the properties that Weighbridge writes.
const own = "weighbridge:"

// countName tells whether a property states a number of parameters.
func countName(name string) (active, ok bool) {
	if rest, is := strings.CutPrefix(name, own); is {
		// The two ends of the interval are no statement of their own.
		return rest == "params.active", rest == "params.active" || rest == "params.estimate"
	}
	last := name[strings.LastIndexAny(name, ":./#")+1:]
	last = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(last))
	return slices.Contains(activeNames, last), slices.Contains(countNames, last) || slices.Contains(activeNames, last)
}

var figure = regexp.MustCompile(`(?i)^\s*(?:~|≈)?\s*(\d{1,3}(?:[,_ ]\d{3})+|\d+)(\.\d+)?(e\d{1,2})?\s*(k|thousand|m|million|b|bn|billion|t|trillion)?\s*(?:param(?:eter)?s?)?\s*$`)

var scales = map[string]float64{"": 1, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9, "t": 1e12, "trillion": 1e12}

const (
	// leastCount is the smallest number that is believed to be one of a model's parameters,
	// mostCount the largest: 10^18, as in a submission.
	leastCount = 10_000
	mostCount  = 1e18
)

// amount reads a number of parameters such as "8,030,261,248", "8.03B" or "7 billion". within
// is half of the last digit of a number that was rounded, as a share of it, and 0 for one that
// is written out to its units; see [pipeline.CountRecord].
func amount(text string) (count int64, within float64, ok bool) {
	if len(text) > longestText {
		return 0, 0, false
	}
	m := figure.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	digits := strings.NewReplacer(",", "", "_", "", " ", "").Replace(m[1])
	mantissa, err := strconv.ParseFloat(digits+m[2], 64)
	if err != nil || mantissa <= 0 {
		return 0, 0, false
	}
	times := scales[strings.ToLower(m[4])]
	if m[3] != "" {
		power, _ := strconv.Atoi(m[3][1:]) // two digits
		times *= math.Pow10(power)
	}
	value := mantissa * times
	if !(value >= leastCount && value <= mostCount) {
		return 0, 0, false
	}
	unit := 1.0
	switch {
	case m[2] != "":
		unit = math.Pow10(1 - len(m[2]))
	case times == 1:
		if exact, err := strconv.ParseInt(digits, 10, 64); err == nil {
			for rest := digits; strings.HasSuffix(rest, "0"); rest = rest[:len(rest)-1] {
				unit *= 10
			}
			if unit == 1 {
				return exact, 0, true
			}
		}
	}
	return int64(math.Round(value)), unit / 2 / mantissa, true
}

// number reads a number that is not negative and not absurd.
func number(v any) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(stringOf(v)), 64)
	return n, err == nil && n >= 0 && n <= 1e15
}

var (
	noPersons = regexp.MustCompile(`(?i)^\W*(?:none|no|n/?a|no (?:personal|sensitive)(?: (?:or|and) (?:personal|sensitive))?(?: (?:data|information))?)\W*$`)
	negated   = regexp.MustCompile(`(?i)\b(?:no|not|none|without|n/?a|unknown|removed|anonymi[sz]ed|pseudonymi[sz]ed)\b`)
	sensitive = regexp.MustCompile(`(?i)\b(?:health|medical|patients?|clinical|phi|spi|biometric\w*|genetic\w*|genom\w*|ethnic\w*|racial|religio\w*|political|sexual\w*|criminal|special categor\w*|sensitive personal)\b`)
	personal  = regexp.MustCompile(`(?i)\b(?:pii?|personal\w*|gdpr|ccpa|hipaa)\b`)
)

// persons reads what a set is said to hold of persons, in a few words each. What says that it
// holds none counts only where it says nothing else; what is for a person to read stays out.
func persons(statements []string) (isPersonal, isSensitive *bool) {
	yes, no := true, false
	none := len(statements) > 0
	for _, s := range statements {
		none = none && noPersons.MatchString(s)
		switch {
		case negated.MatchString(s):
		case sensitive.MatchString(s):
			isPersonal, isSensitive = &yes, &yes
		case personal.MatchString(s):
			isPersonal = &yes
		}
	}
	if none {
		return &no, &no
	}
	return isPersonal, isSensitive
}
