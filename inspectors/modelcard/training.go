package modelcard

import (
	"math"
	"regexp"
	"strings"
	"time"

	"weighbridge/pipeline"
)

var (
	tokensOf  = regexp.MustCompile(`(?i)` + figure + `(\+?)[\s-]+(?:[a-z]+\s+){0,2}tokens?\b`)
	trainedOn = regexp.MustCompile(`(?i)\b(?:pre-?)?train(?:ed|ing)?\b`)
	// notTraining tells a statement about tokens that says nothing of the size of the
	// training, or of a part of it.
	notTraining = regexp.MustCompile(`(?i)\b(?:context|windows?|sequences?|length|vocab\w*|per|batch(?:es)?|fine-?tun\w*|instruct\w*|post-?train\w*|sft|rlhf|dpo|distil\w*|anneal\w*|stages?|phases?|continu\w*|additional\w*|further|up to|of which|than|compar\w*|max(?:imum)?|throughput|speed|evaluat\w*|test\w*)\b`)

	day      = `(\d{4}-\d{2}-\d{2})`
	dayRange = regexp.MustCompile(`(?i)\btrain(?:ed|ing)\b[^.|]{0,60}?\b(?:between|from)\s+` + day + `\s+(?:and|to|until|through|till)\s+` + day + `\b`)
	dayStart = regexp.MustCompile(`(?i)\btraining\s+(?:start(?:ed)?|began|start date)(?:\s+on)?\s*[:|]*\s*` + day + `\b`)
	dayEnd   = regexp.MustCompile(`(?i)\btraining\s+(?:end(?:ed)?|finished|completed|end date)(?:\s+on)?\s*[:|]*\s*` + day + `\b`)
)

// leastTokens is the smallest number of tokens that is believed to be that of a training.
const leastTokens = 1_000_000

// training states what the prose says of the training, as far as it says one thing only.
func (w *writer) training(c *pipeline.Card) {
	var tokens, starts, ends []string
	var size float64
	unclear := false
	for _, s := range statements(c.Body) {
		s = moreThan.ReplaceAllString(s, "over")
		for _, m := range dayRange.FindAllStringSubmatch(s, -1) {
			starts, ends = appendNew(starts, m[1]), appendNew(ends, m[2])
		}
		for _, m := range dayStart.FindAllStringSubmatch(s, -1) {
			starts = appendNew(starts, m[1])
		}
		for _, m := range dayEnd.FindAllStringSubmatch(s, -1) {
			ends = appendNew(ends, m[1])
		}
		if !trainedOn.MatchString(s) || notTraining.MatchString(s) {
			continue
		}
		for _, m := range tokensOf.FindAllStringSubmatchIndex(s, -1) {
			a, ok := amountOf(s[m[2]:m[3]], part(s, m, 2))
			if !ok || a.value < leastTokens {
				continue
			}
			if !a.surround(s[:m[0]]) || a.open || part(s, m, 3) != "" {
				unclear = true // "over 15T" has no upper end
				continue
			}
			size = a.value
			tokens = appendNew(tokens, pipeline.Separated(int64(math.Round(a.value))))
		}
	}
	// The card of a model that was made from another one often tells of the other's training.
	if len(tokens) == 1 && !unclear && c.Values["base_model"] == nil {
		w.declare("training.tokens", int64(math.Round(size)), pipeline.Evidence{Object: c.Object})
	}
	w.days(c, starts, ends)
}

func appendNew(list []string, s string) []string {
	for _, known := range list {
		if known == s {
			return list
		}
	}
	return append(list, s)
}

// days states the first and the last day of the training, where there is one of each kind
// and they are days of the calendar in order.
func (w *writer) days(c *pipeline.Card, starts, ends []string) {
	valid := func(days []string) string {
		if len(days) != 1 {
			return ""
		}
		if _, err := time.Parse(time.DateOnly, days[0]); err != nil || strings.HasPrefix(days[0], "0") {
			return ""
		}
		return days[0]
	}
	start, end := valid(starts), valid(ends)
	if start != "" && end != "" && end < start {
		addProblem(c, "the training is said to end on %s, before it began on %s", end, start)
		return
	}
	for _, one := range []struct{ fact, day string }{{"training.start", start}, {"training.end", end}} {
		if one.day != "" {
			w.declare(one.fact, one.day, pipeline.Evidence{Object: c.Object})
		}
	}
}
