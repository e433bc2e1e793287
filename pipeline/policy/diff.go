package policy

import (
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Change is one difference between two states of the rules.
type Change struct {
	Pack string `json:"pack"`
	// Rule is "" where the pack as a whole, or a list, has changed.
	Rule string `json:"rule"`
	// What is what has changed: "rule", or a key of the pack or the rule.
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Diff lists what differs between two packs, in the order of the first, with the rules
// that only the second has at the end. Rules are the same where their ids are.
func Diff(before, after *Pack) []Change {
	changes := []Change{}
	add := func(rule, what, was, is string) {
		if was != is {
			changes = append(changes, Change{Pack: after.Name, Rule: rule, What: what, Before: was, After: is})
		}
	}
	add("", "pack", before.Name, after.Name)
	add("", "version", before.Version, after.Version)
	add("", "title", before.Title, after.Title)
	add("", "applies", before.Applies, after.Applies)
	for i := range before.Rules {
		was := &before.Rules[i]
		is := after.rule(was.ID)
		if is == nil {
			add(was.ID, "rule", was.Title, "")
			continue
		}
		fields := is.fields()
		for k, field := range was.fields() {
			add(was.ID, field[0], field[1], fields[k][1])
		}
	}
	for i := range after.Rules {
		if is := &after.Rules[i]; before.rule(is.ID) == nil {
			add(is.ID, "rule", "", is.Title)
		}
	}
	return changes
}

// rule returns the rule with an id, or nil.
func (p *Pack) rule(id string) *Rule {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &p.Rules[i]
}

// fields lists what a rule says, each under its key.
func (r *Rule) fields() [][2]string {
	var cites, lists []string
	for _, c := range r.Cite {
		cites = append(cites, strings.Join([]string{c.Title, c.URL, c.Accessed, string(c.Mark)}, " "))
	}
	for _, l := range r.Lists {
		lists = append(lists, l.Name+" of "+l.AsOf+" "+string(l.Digest))
	}
	return [][2]string{
		{"title", r.Title}, {"jurisdiction", r.Jurisdiction}, {"status", string(r.Status)},
		{"from", r.From}, {"to", r.To}, {"for", r.For}, {"when", r.When},
		{"effect", string(r.Effect)}, {"quorum", string(r.Quorum)}, {"offices", strings.Join(r.Offices, ", ")},
		{"accept", string(r.Accept)}, {"message", r.Message}, {"ask", strings.Join(r.Ask, ", ")},
		{"cite", strings.Join(cites, "; ")}, {"review_by", r.ReviewBy}, {"lists", strings.Join(lists, "; ")},
	}
}

// DiffDays lists what the passing of time alone changes in a pack between two days:
// rules that come into effect or end, members of lists that come or go, and what is past
// its review. Days are written YYYY-MM-DD.
func DiffDays(p *Pack, before, after string) []Change {
	changes := []Change{}
	add := func(rule, what, was, is string) {
		if was != is {
			changes = append(changes, Change{Pack: p.Name, Rule: rule, What: what, Before: was, After: is})
		}
	}
	var lists []*List
	for i := range p.Rules {
		r := &p.Rules[i]
		add(r.ID, "in effect", r.standing(before), r.standing(after))
		add(r.ID, "review", freshness(r.StaleOn(before)), freshness(r.StaleOn(after)))
		for _, list := range r.Lists {
			if !slices.Contains(lists, list) {
				lists = append(lists, list)
			}
		}
	}
	for _, list := range lists {
		var was, is []string
		for _, m := range list.Members {
			if list.Holds(m.ID, before) && !list.Holds(m.ID, after) {
				was = append(was, m.ID)
			}
			if !list.Holds(m.ID, before) && list.Holds(m.ID, after) {
				is = append(is, m.ID)
			}
		}
		add("", "list "+list.Name, strings.Join(was, ", "), strings.Join(is, ", "))
	}
	return changes
}

// standing says whether a rule is in effect on a day, and as what.
func (r *Rule) standing(day string) string {
	if !r.activeOn(day) {
		return "no"
	}
	return fmt.Sprintf("%s, as %s", r.Effect, strings.ReplaceAll(string(r.Status), "_", " "))
}

func freshness(stale bool) string {
	if stale {
		return "overdue"
	}
	return "in time"
}

// DiffFindings lists the rules whose outcome differs between two judgements of the same
// facts, in order of pack and rule.
func DiffFindings(before, after []pipeline.Finding) []Change {
	outcome := func(all []pipeline.Finding) map[[2]string]string {
		out := map[[2]string]string{}
		for _, f := range all {
			key := [2]string{f.Pack, f.Rule}
			text := strings.ReplaceAll(string(f.Outcome), "_", " ") + ", " + string(f.Effect)
			if f.Mode == pipeline.ModeReport {
				text += ", report only"
			}
			out[key] = text
		}
		return out
	}
	was, is := outcome(before), outcome(after)
	var keys [][2]string
	for _, f := range append(slices.Clone(before), after...) {
		keys = append(keys, [2]string{f.Pack, f.Rule})
	}
	slices.SortFunc(keys, func(a, b [2]string) int {
		return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1])
	})
	changes := []Change{}
	for _, key := range slices.Compact(keys) {
		if was[key] != is[key] {
			changes = append(changes, Change{Pack: key[0], Rule: key[1], What: "outcome", Before: was[key], After: is[key]})
		}
	}
	return changes
}
