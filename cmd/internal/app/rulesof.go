package app

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

// RuleKey names a rule of a pack.
type RuleKey struct{ Pack, Rule string }

// RulesOf returns the rules that a report's findings come from. A finding does not hold
// all that its rule says, and the rule is taken from the packs as they are loaded now: a
// pack that has changed since the report was made is left out.
func (s *Service) RulesOf(r *pipeline.Report) (map[RuleKey]policy.Rule, error) {
	selected, err := Packs(s.App.Settings.Rules, nil)
	if err != nil {
		return nil, err
	}
	out := map[RuleKey]policy.Rule{}
	for _, used := range r.Packs {
		i := slices.IndexFunc(selected, func(p policy.Selected) bool { return p.Pack.Name == used.Name && p.Pack.Digest == used.Digest })
		if i < 0 {
			continue
		}
		for _, rule := range selected[i].Pack.Rules {
			out[RuleKey{used.Name, rule.ID}] = rule
		}
	}
	return out, nil
}

// WeightLine is a number of parameters at which a rule draws a line.
type WeightLine struct {
	At int64
	// Rules are the ids of the rules that draw it.
	Rules []string
}

// weightComparison finds a comparison of the model's weight with a number in a rule's
// expression.
var weightComparison = regexp.MustCompile(`\bparams\.(?:effective_)?(?:lower|estimate|upper)\s*(?:<=|>=|<|>)\s*(\d{1,18})\b`)

// WeightLines returns the lines that the enforced rules of a report draw, of those that
// matched or could not be decided, in order of size.
func WeightLines(r *pipeline.Report, rules map[RuleKey]policy.Rule) []WeightLine {
	at := map[int64][]string{}
	for _, f := range r.Findings {
		if f.Mode != pipeline.ModeEnforce || f.Outcome == pipeline.OutcomeNotMatched {
			continue
		}
		for _, m := range weightComparison.FindAllStringSubmatch(rules[RuleKey{f.Pack, f.Rule}].When, -1) {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err == nil && n > 0 && !slices.Contains(at[n], f.Rule) {
				at[n] = append(at[n], f.Rule)
			}
		}
	}
	var out []WeightLine
	for n, ids := range at {
		slices.SortFunc(ids, strings.Compare)
		out = append(out, WeightLine{At: n, Rules: ids})
	}
	slices.SortFunc(out, func(a, b WeightLine) int { return cmp.Compare(a.At, b.At) })
	return out
}
