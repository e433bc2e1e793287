package licence

import (
	"slices"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"

	"weighbridge/pipeline"
)

// An expression is bounded in its nesting; its length is bounded by [maxDeclared].
const maxNesting = 20

// parser reads an SPDX licence expression (SPDX 2.3, annex D): WITH binds closer than
// AND, AND closer than OR. Operators are written all in capitals or all in small letters.
type parser struct {
	table  *table
	tokens []string
	depth  int
	// listed is true where an id of the SPDX list, or a LicenseRef, is enough: the table
	// need not have it, and its terms are then not known.
	listed bool
}

// parse reads an expression of licences that the table has.
func (t *table) parse(text string) (Licence, bool) {
	p := &parser{table: t, tokens: tokens(text)}
	if len(p.tokens) < 3 { // what is a single name was looked up already
		return Licence{}, false
	}
	l, ok := p.either()
	if !ok || len(p.tokens) > 0 {
		return Licence{}, false
	}
	l.Key = l.ID
	return l, true
}

func tokens(text string) []string {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	return strings.Fields(text)
}

// take drops the next token where it is an operator.
func (p *parser) take(operator string) bool {
	if len(p.tokens) == 0 || (p.tokens[0] != operator && p.tokens[0] != strings.ToLower(operator)) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

// either reads terms joined by OR.
func (p *parser) either() (Licence, bool) {
	if p.depth++; p.depth > maxNesting {
		return Licence{}, false
	}
	defer func() { p.depth-- }()
	l, ok := p.both()
	for ok && p.take("OR") {
		var right Licence
		if right, ok = p.both(); ok {
			l = Licence{ID: l.ID + " OR " + right.ID, Title: l.Title + ", or " + right.Title, Terms: join(l.Terms, right.Terms, freer), alternatives: true}
		}
	}
	return l, ok
}

// both reads terms joined by AND.
func (p *parser) both() (Licence, bool) {
	l, ok := p.one()
	for ok && p.take("AND") {
		var right Licence
		if right, ok = p.one(); ok {
			l = Licence{ID: l.grouped() + " AND " + right.grouped(), Title: l.Title + ", and " + right.Title, Terms: join(l.Terms, right.Terms, stricter)}
		}
	}
	return l, ok
}

// grouped returns the id as it may stand beside AND.
func (l Licence) grouped() string {
	if l.alternatives {
		return "(" + l.ID + ")"
	}
	return l.ID
}

// one reads a licence, with an exception or without, or an expression in parentheses.
func (p *parser) one() (Licence, bool) {
	if len(p.tokens) == 0 {
		return Licence{}, false
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	if word == "(" {
		l, ok := p.either()
		if !ok || len(p.tokens) == 0 || p.tokens[0] != ")" {
			return Licence{}, false
		}
		p.tokens = p.tokens[1:]
		return l, true
	}
	l, ok := p.table.byName[fold(word)]
	if !ok && p.listed {
		l.ID, ok = listed(word)
	}
	if !ok || l.ID == noAssertion {
		return Licence{}, false
	}
	if !p.take("WITH") {
		return l, true
	}
	if len(p.tokens) == 0 {
		return Licence{}, false
	}
	exception, ok := p.table.exceptions[fold(p.tokens[0])]
	if !ok && p.listed {
		ok, exception = spdxlicenses.IsException(p.tokens[0])
	}
	p.tokens = p.tokens[1:]
	l.ID += " WITH " + exception
	return l, ok
}

// noAssertion is SPDX's word where nobody says what the licence is.
const noAssertion = "NOASSERTION"

// side says which of two terms holds.
type side bool

const (
	freer    side = true
	stricter side = false
)

// join combines the terms of two licences, each term for itself.
func join(a, b pipeline.Terms, s side) pipeline.Terms {
	return pipeline.Terms{
		Redistribution:     s.right(a.Redistribution, b.Redistribution),
		Commercial:         s.right(a.Commercial, b.Commercial),
		Derivatives:        s.right(a.Derivatives, b.Derivatives),
		FOSS:               s.right(a.FOSS, b.FOSS),
		ResearchOnly:       s.duty(a.ResearchOnly, b.ResearchOnly),
		Notice:             s.duty(a.Notice, b.Notice),
		FlowDown:           s.duty(a.FlowDown, b.FlowDown),
		OutputsBan:         s.duty(a.OutputsBan, b.OutputsBan),
		MilitaryBan:        s.duty(a.MilitaryBan, b.MilitaryBan),
		TradeCompliance:    s.duty(a.TradeCompliance, b.TradeCompliance),
		ShareAlike:         s.duty(a.ShareAlike, b.ShareAlike),
		MonthlyUsersCap:    s.limit(a.MonthlyUsersCap, b.MonthlyUsersCap),
		RevenueCapUSD:      s.limit(a.RevenueCapUSD, b.RevenueCapUSD),
		ExcludedCountries:  s.places(a.ExcludedCountries, b.ExcludedCountries),
		MultimodalExcluded: s.places(a.MultimodalExcluded, b.MultimodalExcluded),
		NamePrefix:         s.words(a.NamePrefix, b.NamePrefix),
		Attribution:        s.words(a.Attribution, b.Attribution),
	}
}

// right combines what is given: free is true.
func (s side) right(a, b *bool) *bool { return s.flag(a, b, true) }

// duty combines what is asked: free is false.
func (s side) duty(a, b *bool) *bool { return s.flag(a, b, false) }

// flag combines two flags of which one value is free. The stricter of two is settled by
// one that is strict; the freer needs both.
func (s side) flag(a, b *bool, free bool) *bool {
	if s == stricter {
		for _, one := range []*bool{a, b} {
			if one != nil && *one != free {
				return one
			}
		}
	}
	if a == nil || b == nil {
		return nil
	}
	if s == freer && (*a == free || *b == free) {
		return &free
	}
	return a
}

// limit combines two caps, of which 0 is none.
func (s side) limit(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	none := *a == 0 || *b == 0
	switch {
	case s == freer && none:
		return new(int64)
	case s == freer:
		return larger(a, b)
	case none:
		return larger(a, b) // the one that is a cap, if any
	case *a < *b:
		return a
	}
	return b
}

func larger(a, b *int64) *int64 {
	if *a > *b {
		return a
	}
	return b
}

// places combines two lists of countries in which a licence does not hold.
func (s side) places(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	out := []string{}
	for _, country := range slices.Concat(a, b) {
		in := slices.Contains(a, country) && slices.Contains(b, country)
		if (in || s == stricter) && !slices.Contains(out, country) {
			out = append(out, country)
		}
	}
	return out
}

// words combines two texts that must be shown or begin a name, of which "" asks
// nothing. Two that differ and do not contain each other stay unknown: one text cannot
// say both.
func (s side) words(a, b *string) *string {
	if a == nil || b == nil {
		return nil
	}
	if s == freer && (*a == "" || *b == "") {
		return new(string)
	}
	switch {
	case strings.HasPrefix(*a, *b) && s == stricter, *a == *b:
		return a
	case strings.HasPrefix(*b, *a) && s == stricter:
		return b
	case s == freer && strings.HasPrefix(*a, *b):
		return b
	case s == freer && strings.HasPrefix(*b, *a):
		return a
	}
	return nil
}
