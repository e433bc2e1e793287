package modelcard

import (
	"math"
	"regexp"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostCounts bounds the counts of one card.
	mostCounts = 50
	// leastCount is the smallest number of parameters that is believed to be one of a model:
	// "2 parameters" speaks of a function.
	leastCount = 10_000
	// vagueWithin is how far a number that is called approximate may lie from the true one,
	// as a share of it.
	vagueWithin = 0.1
)

// countKeys lists the keys of front matter that state a number of parameters. The
// specification has none; these are in use.
var countKeys = []string{"num_parameters", "number_of_parameters", "n_parameters", "parameter_count", "model_parameters", "parameters", "model_size"}

var (
	// before is "7B parameters", after "Parameters: 7B", activated "37B activated".
	countBefore    = regexp.MustCompile(`(?i)` + figure + `[\s-]*((?:[a-z]+[\s-]){0,2})\bparam(?:eter)?s?\b`)
	countAfter     = regexp.MustCompile(`(?i)((?:\w+[\s-]){0,3})(?:#\s*)?\bparam(?:eter)?s?(?:\s+count)?(\s*\([^)|]{0,40}\))?\s*(?:[:=|]\s*)+` + figure + `(?:[^\w.,-]|[.,]\s|[.,]?$)`)
	countActivated = regexp.MustCompile(`(?i)` + figure + `\s+(?:are\s+|is\s+)?(?:activated|active)\b`)
	wholeCell      = regexp.MustCompile(`(?i)^\s*(?:~|≈)?\s*` + figure + `\s*(?:param(?:eter)?s?)?\s*$`)

	// others tells a statement that compares models, or speaks of several or of another.
	others = regexp.MustCompile(`(?i)\b(?:than|vs\.?|versus|compar\w*|outperform\w*|surpass\w*|rival\w*|teachers?|distill?ed|distillation|drafts?|base model|` +
		`famil(?:y|ies)|sizes|rang(?:e|es|ing)|between|variants?|collections?|series|smaller|larger|bigger|respectively|other models?|each|` +
		`loras?|adapters?|reward|per|like|similar|unlike)\b`)
	moreThan = regexp.MustCompile(`(?i)\bmore than\b`)
	perToken = regexp.MustCompile(`(?i)\b(?:for\s+each|per|each)[\s-]+token\b`)
	// parts tells words beside a number that make it one of a part of the model.
	parts = regexp.MustCompile(`(?i)\b(?:non|trainable|embeddings?|vision|audio|speech|text|image|encoders?|decoders?|backbone|head|experts?|shared|lora|adapters?|draft|reward|added|new|extra|additional|frozen|hyper|sampling|generation)\b`)
	// active tells words beside a number that make it one of the parameters in use.
	active = regexp.MustCompile(`(?i)\bactiv(?:e|ated|ations?)\b`)
)

// Counts finds the numbers of parameters that a card states of its model: in a key of the
// front matter, in prose such as "7B parameters" or "37B activated parameters", in the rows
// of tables that have one value, and in tables that have one row. A statement that compares
// models, gives a range, or names several numbers is passed over: a count that is another
// model's would make the card wrong. There are at most 50.
func Counts(c *pipeline.Card) []pipeline.CountRecord {
	f := counting{card: c}
	for _, key := range countKeys {
		if m := wholeCell.FindStringSubmatch(text(c.Values[key])); m != nil {
			if a, ok := amountOf(m[1], m[2]); ok {
				f.add(a, false, at(c, key))
			}
		}
	}
	all := statements(c.Body)
	for i, s := range all {
		switch {
		case !strings.Contains(s, "|"):
			f.sentence(s)
		default:
			f.row(s)
			if i+2 < len(all) && isRule(all[i+1]) && (i+3 >= len(all) || !strings.Contains(all[i+3], "|")) && !strings.HasPrefix(all[i+2], "#") {
				f.column(s, all[i+2])
			}
		}
	}
	return f.records
}

type counting struct {
	card    *pipeline.Card
	records []pipeline.CountRecord
}

// add records a count, once.
func (f *counting) add(a amount, active bool, at pipeline.Evidence) {
	count := int64(math.Round(a.value))
	if count < leastCount || len(f.records) >= mostCounts {
		return
	}
	within := a.within
	if a.vague || a.open {
		within = max(2*within, vagueWithin)
	}
	for _, r := range f.records {
		if r.Count == count && r.Active == active {
			return
		}
	}
	f.records = append(f.records, pipeline.CountRecord{At: at, Kind: pipeline.RecordCard, Count: count, Within: within, Active: active})
}

func (f *counting) prose() pipeline.Evidence { return pipeline.Evidence{Object: f.card.Object} }

// found is one number of a statement.
type found struct {
	amount
	active bool
}

// sentence takes the number of a sentence, and the active one beside it.
func (f *counting) sentence(s string) {
	s = moreThan.ReplaceAllString(perToken.ReplaceAllString(s, ""), "over")
	if others.MatchString(s) {
		return
	}
	var all []found
	for _, m := range countBefore.FindAllStringSubmatchIndex(s, -1) {
		all = appendFound(all, s, m[0], s[m[2]:m[3]], part(s, m, 2), part(s, m, 3))
	}
	for _, m := range countAfter.FindAllStringSubmatchIndex(s, -1) {
		all = appendFound(all, s, m[6], s[m[6]:m[7]], part(s, m, 4), part(s, m, 1)+" "+part(s, m, 2))
	}
	if len(all) > 0 {
		for _, m := range countActivated.FindAllStringSubmatchIndex(s, -1) {
			all = appendFound(all, s, m[0], s[m[2]:m[3]], part(s, m, 2), "active")
		}
	}
	for _, isActive := range []bool{false, true} {
		if a, ok := single(all, isActive); ok {
			f.add(a, isActive, f.prose())
		}
	}
}

func part(s string, m []int, group int) string {
	if m[2*group] < 0 {
		return ""
	}
	return s[m[2*group]:m[2*group+1]]
}

// appendFound adds the number that begins at a place of a statement, unless it is one of a
// part of the model, or a part of another number.
func appendFound(all []found, s string, from int, digits, scale, beside string) []found {
	a, ok := amountOf(digits, scale)
	if !ok || a.value < leastCount || parts.MatchString(beside) || !a.surround(s[:from]) {
		return all
	}
	return append(all, found{a, active.MatchString(beside)})
}

// single returns the one number that a statement gives; ok is false where it gives none or
// several.
func single(all []found, isActive bool) (one amount, ok bool) {
	for _, n := range all {
		if n.active != isActive {
			continue
		}
		if ok && n.value != one.value {
			return amount{}, false
		}
		one, ok = n.amount, true
	}
	return one, ok
}

var nameCell = regexp.MustCompile(`(?i)^[#\s]*((?:\w+[\s-]){0,3})(?:#\s*)?(?:param(?:eter)?s?(?:\s+count)?|model size)\s*(\([^)]{0,40}\))?\s*:?$`)

func cells(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(row), "|"), "|")
	out := strings.Split(row, "|")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func isRule(s string) bool { return strings.Contains(s, "-") && strings.Trim(s, "|-: \t") == "" }

// row takes the number of a row with a name and one value.
func (f *counting) row(s string) {
	if both := cells(s); len(both) == 2 {
		f.cell(both[0], both[1])
	}
}

// column takes the numbers of a table with one row of values.
func (f *counting) column(head, values string) {
	names, row := cells(head), cells(values)
	if len(names) != len(row) || len(names) < 2 {
		return
	}
	for i := range names {
		f.cell(names[i], row[i])
	}
}

func (f *counting) cell(name, value string) {
	n := nameCell.FindStringSubmatch(name)
	v := wholeCell.FindStringSubmatch(value)
	if n == nil || v == nil || parts.MatchString(n[1]+" "+n[2]) {
		return
	}
	a, ok := amountOf(v[1], v[2])
	if !ok {
		return
	}
	a.vague = strings.ContainsAny(value, "~≈")
	f.add(a, active.MatchString(n[1]+" "+n[2]), f.prose())
}
