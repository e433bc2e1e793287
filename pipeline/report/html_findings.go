package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// htmlFinding is what one rule came to.
type htmlFinding struct {
	// Kind names it to the style: block, review, open or info.
	Kind string
	// Rule is its id, Title what it is called, Pack where it belongs, Outcome what became
	// of it.
	Rule, Title, Pack, Outcome string
	Blocks                     []block
}

func (f *htmlFinding) cost() int {
	n := 300 + 6*(len(f.Rule)+len(f.Title)+len(f.Pack)+len(f.Outcome))
	for _, b := range f.Blocks {
		n += b.cost()
	}
	return n
}

const (
	// mostSame is how many findings of one rule are spelled out, mostTold how many facts,
	// names and sources with one.
	mostSame = 10
	mostTold = 12
	// mostFindings is how many rules are spelled out, for each mode.
	mostFindings = 1000
)

// kindOf names a finding to the style, in whatever mode its pack is.
func kindOf(f *pipeline.Finding) string {
	switch {
	case f.Outcome == pipeline.OutcomeUndetermined:
		return "open"
	case f.Outcome == pipeline.OutcomeMatched && (f.Effect == pipeline.EffectBlock || f.Effect == pipeline.EffectReview):
		return string(f.Effect)
	}
	return "info"
}

func findingBlocks(r *pipeline.Report) []block {
	if len(r.Packs)+len(r.Findings) == 0 {
		return nil
	}
	places := evidenceOf(r.FactsIndex)
	var enforced, reported []ruled
	for _, one := range byRule(r.Findings) {
		if one.lead().Mode == pipeline.ModeEnforce {
			enforced = append(enforced, one)
		} else {
			reported = append(reported, one)
		}
	}
	out := enforcedBlocks(enforced, places)
	return join(out, reportedBlocks(reported, places))
}

func enforcedBlocks(rules []ruled, places factPlaces) []block {
	if len(rules) == 0 {
		return paragraph(said("No enforced rule matched, and none was left undecided."))
	}
	slices.SortStableFunc(rules, func(a, b ruled) int {
		return cmp.Or(cmp.Compare(groupOf(a.lead()), groupOf(b.lead())), weightier(a.lead(), b.lead()))
	})
	shownOnes, left := fill(len(rules), mostFindings, mostPageFindings, func(i int) block { return findingBlock(rules[i], places) }, block.cost)
	var out []block
	for i, b := range shownOnes {
		if g := groupOf(rules[i].lead()); i == 0 || g != groupOf(rules[i-1].lead()) {
			out = append(out, block{Heading: groups[g]})
		}
		out = append(out, b)
	}
	if left > 0 {
		out = append(out, block{Text: said(more(left, "rule"))})
	}
	return out
}

// reportedBlocks folds away what packs found that change no verdict, a fold for each pack.
func reportedBlocks(rules []ruled, places factPlaces) []block {
	if len(rules) == 0 {
		return nil
	}
	slices.SortStableFunc(rules, func(a, b ruled) int {
		return cmp.Or(cmp.Compare(a.lead().Pack, b.lead().Pack), weightier(a.lead(), b.lead()))
	})
	made, left := fill(len(rules), mostFindings, mostPageFindings, func(i int) block { return findingBlock(rules[i], places) }, block.cost)
	out := []block{{Heading: "What packs that only report would have done"}, {Text: said("It changes no verdict.")}}
	for i := 0; i < len(made); {
		pack := rules[i].lead().Pack
		from, matched, open := i, 0, 0
		for ; i < len(rules) && rules[i].lead().Pack == pack; i++ {
			switch rules[i].lead().Outcome {
			case pipeline.OutcomeMatched:
				matched++
			case pipeline.OutcomeUndetermined:
				open++
			}
		}
		// A pack of which not all has room still counts all of it.
		one := &fold{Summary: fmt.Sprintf("%s: %s matched, %s cannot be decided", shown(pack, mostCell), Count(int64(matched)), Count(int64(open))),
			Blocks: made[from:min(i, len(made))]}
		out = append(out, block{Fold: one})
	}
	if left > 0 {
		out = append(out, block{Text: said(more(left, "rule"))})
	}
	return out
}

// findingBlock spells out what one rule came to: the message, what it rests on, what is
// missing, and where the rule comes from.
func findingBlock(one ruled, places factPlaces) block {
	f := one.lead()
	out := &htmlFinding{Kind: kindOf(f), Rule: shown(cmp.Or(f.Rule, f.Pack), mostCell), Title: shown(f.Title, mostPageName),
		Pack: shown(f.Pack, mostCell), Outcome: outcomeWords(f)}
	switch f.Outcome {
	case pipeline.OutcomeMatched:
		out.Outcome += "; effect: " + shown(string(f.Effect), mostCell)
	case pipeline.OutcomeUndetermined:
		out.Outcome += "; effect where it matches: " + shown(string(f.Effect), mostCell)
	}
	out.Blocks = paragraph(said(f.Message))
	others := one.findings[1:]
	if len(others) > 0 {
		list := items("The same rule, on other elements", len(others), "finding", func(i int) line { return said(others[i].Message) })
		if len(list.Items) > mostSame {
			list.Items, list.Left = list.Items[:mostSame], more(len(others)-mostSame, "finding")
		}
		out.Blocks = append(out.Blocks, block{List: list})
	}
	out.Blocks = join(out.Blocks,
		evidenceTable(f.Evidence, places),
		plainFacts("Unknown, so that it cannot be decided", f.Missing),
		plainFacts("Known on weaker grounds than the rule accepts", f.ReliedOn),
		approval(f), citations(f.Cite))
	return block{Finding: out}
}

func evidenceTable(all []pipeline.FindingEvidence, places factPlaces) []block {
	return sized("Facts that the rule looked at", columns("Fact", "Value", "Found in"), len(all), mostTold, mostPageTable/2, "fact", func(i int) []cell {
		from := said("no place on record")
		if found := places.of(all[i].Fact); len(found) > 0 {
			from = placed(found[0].Object, found[0].Where)
			if n := len(found); n > 1 {
				from = append(from, say(" and "+Count(int64(n-1))+" more"))
			}
		}
		return []cell{textCell(quoted(all[i].Fact)), textCell(line{valueWord(all[i].Value)}), textCell(from)}
	})
}

// valueWord shows the value of a fact: a count with separators, anything else as it is.
func valueWord(v any) word {
	text, plain := valueText(v)
	if plain {
		return say(text)
	}
	if _, isText := v.(string); !isText {
		text = withoutUnknown(text)
	}
	return quote(text)
}

// mostValue is how long a value may be, in bytes of JSON, for what is unknown to be taken
// out of it; a longer one is cut far before its end anyway.
const mostValue = 64 << 10

// withoutUnknown takes what is null out of a value in JSON: lists of facts name every key.
func withoutUnknown(text string) string {
	if len(text) > mostValue {
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return text
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(known(value)); err != nil {
		return text
	}
	return b.String()
}

// known is a value without the keys that are null, and those below which all is.
func known(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			below = known(below)
			if inner, group := below.(map[string]any); below == nil || group && len(inner) == 0 {
				delete(v, key)
				continue
			}
			v[key] = below
		}
	case []any:
		for i := range v {
			v[i] = known(v[i])
		}
	}
	return v
}

// plainFacts lists facts by what they are.
func plainFacts(label string, names []string) []block {
	if len(names) == 0 {
		return nil
	}
	list := items(label, min(len(names), mostTold), "fact", func(i int) line {
		l := quoted(names[i])
		if field, _, ok := vocabulary.Find(names[i]); ok {
			if told := vocabulary.FirstSentence(field.Doc); told != "" {
				l = append(l, say(": "+told))
			}
		}
		return l
	})
	if len(names) > mostTold {
		list.Left = more(len(names)-len(list.Items), "fact")
	}
	return []block{{List: list}}
}

// approval says who must agree where a rule keeps a verdict from being clear.
func approval(f *pipeline.Finding) []block {
	if !stops(f) {
		return nil
	}
	quorums := map[pipeline.Quorum]string{pipeline.QuorumTwo: "two people", pipeline.QuorumTwoAndLegal: "two people, one of them of the legal office"}
	who := quorums[f.Quorum]
	if len(f.Offices) > 0 {
		who = strings.Trim(who+"; signed by the offices "+quotedList(f.Offices), "; ")
	}
	if who == "" {
		return nil
	}
	return facts(worded("An approval needs", who))
}

func citations(all []pipeline.Citation) []block {
	list := items("Where the rule comes from", min(len(all), mostTold), "source", func(i int) line {
		c := all[i]
		w := say(c.Title)
		if u, ok := webAddress(c.URL); ok {
			w.Href = u
			if w.Text == "" {
				w.Text = shown(u, mostPageName)
			}
		}
		text := mark(c.Mark)
		if c.Accessed != "" {
			text += ", read on " + shown(c.Accessed, mostCell)
		}
		return line{w, say(text)}
	})
	if list == nil {
		return nil
	}
	if len(all) > mostTold {
		list.Left = more(len(all)-len(list.Items), "source")
	}
	return []block{{List: list}}
}

// mostPageQuestions is how many questions are spelled out, enforced and reported each.
const mostPageQuestions = 60

func questionBlocks(r *pipeline.Report) []block {
	var enforced, rest []Question
	for _, q := range Questions(r) {
		if q.Enforced {
			enforced = append(enforced, q)
		} else {
			rest = append(rest, q)
		}
	}
	out := asking(r, enforced)
	if len(rest) > 0 {
		out = append(out, block{Fold: &fold{Summary: "What packs that only report would ask: " + plural(int64(len(rest)), "question"), Blocks: asking(r, rest)}})
	}
	return out
}

// asking is a table of questions, and the same as a message to send.
func asking(r *pipeline.Report, all []Question) []block {
	if len(all) == 0 {
		return nil
	}
	table := sized("Facts that are asked for", columns("Fact", "What it is", "What it may be", "Asked by"), len(all), mostPageQuestions, mostPageTable, "question", func(i int) []cell {
		q := all[i]
		return []cell{textCell(quoted(q.Fact)), textCell(said(q.Why)), textCell(said(q.Takes)), textCell(said(listedAs(q.Rules, mostAsking, func(s string) string { return s })))}
	})
	return append(table, block{Heading: "The same as a message to send", Message: letter(r, all)})
}

// letter puts questions into a text that can be sent as it is.
func letter(r *pipeline.Report, all []Question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "About %s, by the rules as of %s: %s (%s).\nTo go on with it, we need to know:\n\n", shown(r.Artifact.Source, mostMessage), shown(r.AsOf, mostCell),
		strings.ToUpper(shown(string(r.Verdict), mostCell)), cmp.Or(verdicts[r.Verdict], "no verdict"))
	asked, left := fill(len(all), mostPageQuestions, mostPageTable, func(i int) string {
		q := all[i]
		text := fmt.Sprintf("%d. %s", i+1, shown(q.Fact, mostCell))
		if q.Why != "" {
			text += ": " + shown(q.Why, mostMessage)
		}
		return text + "\n   Answer: " + shown(q.Takes, mostMessage) + ". Asked by " + listedAs(q.Rules, mostAsking, func(s string) string { return s }) + ".\n"
	}, func(s string) int { return 6 * len(s) })
	b.WriteString(strings.Join(asked, ""))
	if left > 0 {
		b.WriteString(capital(more(left, "question")) + ".\n")
	}
	b.WriteString("\nPlease write the answers into a file, as \"weighbridge submission init\" makes it, and check again with it by --submission.\n")
	return b.String()
}
