package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"

	words "weighbridge/pipeline/vocabulary"
)

// FactGroup is one group of the facts that rules can name, for people who write rules
// and submissions.
type FactGroup struct {
	Name   string       `json:"name"`
	Doc    string       `json:"doc"`
	Origin words.Origin `json:"origin"`
	Facts  []Fact       `json:"facts"`
}

// Fact describes one fact. A fact in every element of a list has "[]" in its name; a
// range, which has the ends lower, estimate and upper, is one fact.
type Fact struct {
	Name string `json:"name"`
	// Type says what it may be, in words.
	Type string `json:"type"`
	Doc  string `json:"doc"`
	// Unit is the unit of a number, "" where it has none or Doc says it.
	Unit string `json:"unit"`
	// Values are the words that it may be, nil where it may be any text.
	Values []string `json:"values"`
	// Rules are the ids of the rules whose expression reads it, AppliesTo the names of the
	// packs that apply by it, Asked the ids of the rules that ask for it. All are in order
	// of the packs.
	Rules     []string `json:"rules"`
	AppliesTo []string `json:"applies_to"`
	Asked     []string `json:"asked"`
}

// FactGroups describes all facts, with what the given packs do with each.
func FactGroups(packs []*Pack) []FactGroup {
	used := usesOf(packs)
	var out []FactGroup
	for _, f := range words.Facts() {
		g := FactGroup{Name: f.Key, Doc: f.Doc, Origin: words.OriginOf(f.Key)}
		g.add(f, f.Key, used)
		out = append(out, g)
	}
	return out
}

// add appends a field, or what lies below it.
func (g *FactGroup) add(f words.Field, name string, used uses) {
	if f.Kind != words.Group {
		one := Fact{Name: name, Type: f.Takes(), Doc: f.Doc, Unit: f.Unit, Values: f.Words,
			Rules: used.find(used.rules, name, f), AppliesTo: used.find(used.packs, name, f), Asked: used.find(used.asked, name, f)}
		g.Facts = append(g.Facts, one)
	}
	switch f.Kind {
	case words.Group:
		for _, below := range words.Fields(f.Element) {
			g.add(below, name+"."+below.Key, used)
		}
	case words.List:
		for _, below := range words.Fields(f.Element) {
			g.add(below, name+"[]."+below.Key, used)
		}
	}
}

// use is one place at which a pack names a fact.
type use struct{ fact, by string }

type uses struct{ rules, packs, asked []use }

// find lists who names a fact, once each.
func (uses) find(all []use, name string, f words.Field) []string {
	out := []string{}
	for _, u := range all {
		// Who looks at the texts of a list names the list.
		if u.fact == name || u.fact == name+"[]" || f.Kind == words.Range && strings.HasPrefix(u.fact, name+".") {
			if !slices.Contains(out, u.by) {
				out = append(out, u.by)
			}
		}
	}
	return out
}

func usesOf(packs []*Pack) uses {
	var u uses
	for _, pack := range packs {
		if pack.applies != nil {
			for _, ref := range pack.applies.refs {
				u.packs = append(u.packs, use{ref.path.String(), pack.Name})
			}
		}
		for _, rule := range pack.Rules {
			for _, fact := range rule.Reads() {
				u.rules = append(u.rules, use{fact, rule.ID})
			}
			for _, fact := range rule.Ask {
				if below, ok := strings.CutPrefix(fact, element+"."); ok {
					fact = rule.For + "[]." + below
				}
				u.asked = append(u.asked, use{fact, rule.ID})
			}
		}
	}
	return u
}

// WriteFacts writes groups of facts as a page of Markdown.
func WriteFacts(w io.Writer, groups []FactGroup) error {
	var b strings.Builder
	b.WriteString(factsHead)
	for _, origin := range []struct {
		words.Origin
		title, text string
	}{
		{words.Measured, "Found in the artifact", "Inspectors establish these from the tensors, the listing and the files beside the weights."},
		{words.Declared, "Stated by the submitter", "The keys of a submission. Where an inspector finds one of them too, what it found holds."},
		{words.Assessed, "Computed from other facts", "These follow from the facts above and from lists that the operator keeps."},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", origin.title, origin.text)
		for _, g := range groups {
			if g.Origin == origin.Origin {
				g.write(&b)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const factsHead = `# The facts

<!-- Written by "go generate ./pipeline/..." from the fields and their comments. Do not edit. -->

Everything that a rule can name. What nobody established is unknown, never zero or false. ` + "`[]`" + ` stands
for every element of a list. "Rules" lists the rules of the packs that ship whose expression reads the
fact, the packs that apply by it, and the rules that ask for it. ` + "`weighbridge rules facts`" + ` prints this
page, and ` + "`weighbridge rules show RULE`" + ` shows a rule.
`

func (g FactGroup) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| Fact | What it is | Type | Rules |\n|---|---|---|---|\n", g.Name, cell(g.Doc))
	for _, f := range g.Facts {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, cell(f.Doc), cell(f.Type), cell(f.usedBy()))
	}
}

func (f Fact) usedBy() string {
	var parts []string
	for _, p := range []struct {
		before string
		names  []string
	}{{"", f.Rules}, {"applies: ", f.AppliesTo}, {"asked: ", f.Asked}} {
		if len(p.names) > 0 {
			parts = append(parts, p.before+strings.Join(p.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// cell makes a text safe for one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}

// ShippedFacts describes all facts with what the packs that ship do with each.
func ShippedFacts() ([]FactGroup, error) {
	selected, err := Defaults()
	if err != nil {
		return nil, err
	}
	var packs []*Pack
	for _, s := range selected {
		packs = append(packs, s.Pack)
	}
	return FactGroups(packs), nil
}
