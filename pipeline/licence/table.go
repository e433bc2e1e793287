package licence

import (
	"bytes"
	_ "embed" // the table is part of the binary
	"fmt"
	"slices"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

//go:embed licences.yaml
var source []byte

// Licence is one licence of the table, or several that an expression joins.
type Licence struct {
	// Key is the table's own name, or the expression in canonical case.
	Key   string
	Title string
	// ID is the SPDX id in canonical case, a LicenseRef where SPDX has none, an
	// expression of them, or NOASSERTION for the word "unknown".
	ID string
	// Terms are what it says; a nil term is not known.
	Terms pipeline.Terms
	// URL is where the text or its publisher is, Mark how well the text is known, AsOf
	// the day of the entry as YYYY-MM-DD. All three are "" for an expression.
	URL  string
	Mark pipeline.Mark
	AsOf string
	// KeptUnder lists the ids of licences under which work under this one may be passed
	// on as well, for licences that ask for the same licence.
	KeptUnder []string

	// alternatives is true where an expression's outermost operator is OR.
	alternatives bool
}

// file, entry and termsOf are the format of the table.
type file struct {
	Open       yaml.Node `yaml:"open"`
	Licences   []entry   `yaml:"licences"`
	Exceptions []string  `yaml:"exceptions"`
}

type entry struct {
	Key       string   `yaml:"key"`
	Title     string   `yaml:"title"`
	Names     []string `yaml:"names"`
	ID        string   `yaml:"id"`
	URL       string   `yaml:"url"`
	Mark      string   `yaml:"mark"`
	AsOf      string   `yaml:"as_of"`
	KeptUnder []string `yaml:"kept_under"`
	// Open is true where the terms start from those of the table's "open".
	Open  bool      `yaml:"open"`
	Terms yaml.Node `yaml:"terms"`
}

// termsOf has the fields of [pipeline.Terms], so that it converts to it.
type termsOf struct {
	Redistribution     *bool    `yaml:"redistribution"`
	Commercial         *bool    `yaml:"commercial"`
	Derivatives        *bool    `yaml:"derivatives"`
	ResearchOnly       *bool    `yaml:"research_only"`
	FOSS               *bool    `yaml:"foss"`
	MonthlyUsersCap    *int64   `yaml:"monthly_users_cap"`
	RevenueCapUSD      *int64   `yaml:"revenue_cap_usd"`
	ExcludedCountries  []string `yaml:"excluded_countries"`
	MultimodalExcluded []string `yaml:"multimodal_excluded"`
	NamePrefix         *string  `yaml:"name_prefix"`
	Attribution        *string  `yaml:"attribution"`
	Notice             *bool    `yaml:"notice"`
	FlowDown           *bool    `yaml:"flow_down"`
	OutputsBan         *bool    `yaml:"outputs_ban"`
	MilitaryBan        *bool    `yaml:"military_ban"`
	TradeCompliance    *bool    `yaml:"trade_compliance"`
	ShareAlike         *bool    `yaml:"share_alike"`
}

// table is the licences by their names, folded.
type table struct {
	all        []Licence
	byName     map[string]Licence
	exceptions map[string]string
}

// shipped reads the embedded table once. A table that does not load is a fault of the
// program, like one that does not compile.
var shipped = sync.OnceValue(func() *table {
	t, err := load(source)
	if err != nil {
		panic(err)
	}
	return t
})

// load reads a table. An error matches [pipeline.ErrInvalid].
func load(text []byte) (*table, error) {
	const name, hint = "licences.yaml", "Correct the table of licences."
	doc, err := document.Read(bytes.NewReader(text), name, hint)
	if err != nil {
		return nil, fmt.Errorf("read the table of licences: %w", err)
	}
	problems := &document.Problems{Name: name, Hint: hint}
	var f file
	document.Decode(doc.Root, &f, problems)
	t := &table{byName: map[string]Licence{}, exceptions: map[string]string{}}
	for _, e := range f.Licences {
		var terms termsOf
		if e.Open {
			document.Decode(&f.Open, &terms, problems)
		}
		if !e.Terms.IsZero() {
			document.Decode(&e.Terms, &terms, problems)
		}
		l := Licence{Key: e.Key, Title: e.Title, ID: e.ID, URL: e.URL, Mark: pipeline.Mark(e.Mark), AsOf: e.AsOf,
			KeptUnder: e.KeptUnder, Terms: pipeline.Terms(terms)}
		t.all = append(t.all, l)
		words := append([]string{e.ID}, e.Names...)
		for i, word := range words {
			folded := fold(word)
			if slices.ContainsFunc(words[:i], func(w string) bool { return fold(w) == folded }) {
				continue
			}
			if other, taken := t.byName[folded]; taken {
				problems.Add(document.Child(doc.Root, "licences"), "%q names both %s and %s", word, other.Key, e.Key)
			}
			t.byName[folded] = l
		}
	}
	for _, id := range f.Exceptions {
		t.exceptions[fold(id)] = id
	}
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("read the table of licences: %w", err)
	}
	return t, nil
}

// Table returns all licences that are known, in the order of the table.
func Table() []Licence { return slices.Clone(shipped().all) }

// fold writes a name so that case, and what parts its words, make no difference.
func fold(name string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '\t' || r == '_' || r == '-' }), "-"))
}

// maxDeclared bounds a licence as it was declared, in bytes.
const maxDeclared = 2000

// other is the word of model hubs for a licence that a second field names.
const other = "other"

// Lookup finds what a model's licence is. declared is what a card or submission states:
// a model hub's word, an SPDX id or LicenseRef, or an expression of those with AND, OR,
// WITH and parentheses. name completes the word "other". ok is false where the table
// does not have it: words for a whole family ("gpl", "cc", "openrail") identify nothing.
//
// Of an expression with OR the terms are the freer of both sides, each for itself; of
// one with AND they are the stricter; WITH changes nothing. A term that either side
// leaves unknown stays unknown, unless the other side settles it.
func Lookup(declared, name string) (Licence, bool) {
	t := shipped()
	if fold(declared) == other {
		declared = name
	}
	if len(declared) > maxDeclared {
		return Licence{}, false
	}
	if l, ok := t.byName[fold(declared)]; ok {
		return l, true
	}
	return t.parse(declared)
}
