package report

import (
	"cmp"
	"slices"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// Question is a fact that a reviewer will ask for, because rules could not be decided
// without it or because a rule that matched asks for it.
type Question struct {
	// Fact is its name, which is also where it stands in a submission.
	Fact string `json:"fact"`
	// Why says what it is, Takes what it may be.
	Why   string `json:"why"`
	Takes string `json:"takes"`
	// Rules lists the rules that ask, a pack by its name where it cannot be decided
	// whether it applies.
	Rules []string `json:"rules"`
	// Enforced is true where one of them belongs to a pack that enforces.
	Enforced bool `json:"enforced"`
}

// Questions lists what a reviewer will ask for, each fact once: what enforced rules need
// first, and among those what most rules wait for. Facts that only the bytes can tell are
// left out.
func Questions(r *pipeline.Report) []Question {
	var out []Question
	const noQuestion = -1
	at := map[string]int{}
	type asking struct{ fact, rule string }
	told := map[asking]bool{}
	for _, f := range r.Findings {
		var wanted []string
		switch f.Outcome {
		case pipeline.OutcomeMatched:
			wanted = f.Ask
		case pipeline.OutcomeUndetermined:
			wanted = slices.Concat(f.Missing, f.ReliedOn)
		}
		for _, name := range wanted {
			i, known := at[name]
			if !known {
				i = noQuestion
				if field, _, ok := vocabulary.Find(name); ok && !pipeline.Measurable(name) {
					i = len(out)
					out = append(out, Question{Fact: name, Why: vocabulary.FirstSentence(field.Doc), Takes: field.Takes()})
				}
				at[name] = i
			}
			if i == noQuestion {
				continue
			}
			rule := cmp.Or(f.Rule, f.Pack)
			if !told[asking{name, rule}] {
				told[asking{name, rule}] = true
				out[i].Rules = append(out[i].Rules, rule)
			}
			out[i].Enforced = out[i].Enforced || f.Mode == pipeline.ModeEnforce
		}
	}
	slices.SortStableFunc(out, func(a, b Question) int {
		if a.Enforced != b.Enforced {
			if a.Enforced {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(b.Rules), len(a.Rules))
	})
	return out
}

// mostQuestions is how many questions a table spells out, mostAsking how many rules it
// names with each.
const (
	mostQuestions = 15
	mostAsking    = 4
)

// questions lists what a reviewer will ask, with the reason and the place to answer.
func (t *table) questions(r *pipeline.Report) {
	all := Questions(r)
	enforced := slices.IndexFunc(all, func(q Question) bool { return !q.Enforced })
	if enforced < 0 {
		enforced = len(all)
	}
	if enforced > 0 {
		t.row("To answer", "What a reviewer will ask. Write the answers into a file, as \"weighbridge submission init\" makes it, and give it by --submission.")
	}
	for i, q := range all[:enforced] {
		if i == mostQuestions {
			t.row("", "and %s", plural(int64(enforced-i), "more question"))
			break
		}
		asking := q.Rules
		if len(asking) > mostAsking {
			asking = append(slices.Clone(asking[:mostAsking]), plural(int64(len(q.Rules)-mostAsking), "more rule"))
		}
		t.hang("", "  ", Clean(q.Fact)+" ("+Clean(strings.Join(asking, ", "))+"): "+Clean(q.Takes))
		if q.Why != "" {
			t.hang("", "    ", Clean(q.Why))
		}
	}
	if rest := all[enforced:]; len(rest) > 0 {
		var names []string
		for _, q := range rest {
			names = append(names, Clean(q.Fact))
		}
		label := ""
		if enforced == 0 {
			label = "To answer"
		}
		if len(names) > mostQuestions {
			names = append(names[:mostQuestions:mostQuestions], Count(int64(len(rest)-mostQuestions))+" more")
		}
		t.row(label, "Packs that only report would ask for: %s.", strings.Join(names, ", "))
	}
}
