// Package directives holds an artifact and its submission against the instructions that
// the operator has received: letters that name a model, its developer or a recipient, and
// that no published list holds.
//
// The file is YAML of at most 1 MiB:
//
//	directives:
//	  - id: letter-2026-17            # the operator's name for it
//	    model: "example-labs/frontier-*"
//	    digest: sha256:…              # of the structure, as reports show it
//	    developer: "Example Labs*"
//	    recipient: "* of Atlantis"
//	    expires: 2027-06-30           # its last day; without it, it does not end
//	    note: safe 3, folder 12       # where it is kept
//
// Each of model, digest, developer and recipient stands for itself: one that fits is
// enough. A model is held against the id and the name in the submission, the ids of its
// bases, and the base that an adapter's config names; a digest against the fingerprints of
// the structure and the digests of the bases; a recipient against recipient and end user.
//
// In a pattern * is any number of characters and ? is one; all others are themselves,
// whatever their case and width. A pattern must fit the whole name.
package directives

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// Bounds of a file.
const (
	maxDirectives = 10_000
	maxPattern    = 200   // characters
	maxNote       = 1_000 // characters
)

// List is the directives of a file. It does not change and is safe for concurrent use.
type List struct {
	// Name is the file's name, for evidence.
	Name       string
	Directives []Directive
}

// Directive is one instruction. A pattern that is "" asks for nothing.
type Directive struct {
	ID        string `yaml:"id"`
	Model     string `yaml:"model"`
	Digest    string `yaml:"digest"`
	Developer string `yaml:"developer"`
	Recipient string `yaml:"recipient"`
	// Expires is the last day on which it holds, "" for none.
	Expires string `yaml:"expires"`
	Note    string `yaml:"note"`
}

type file struct {
	Directives []yaml.Node `yaml:"directives"`
}

const hint = "Correct the file at the places named. A directive has an id, at least one of model, digest, developer and recipient, and may have expires and note."

var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Load reads directives from r. name is the file's name, without its folder, for messages.
// An error matches [pipeline.ErrInvalid], and names every fault as "name:line:column: what
// is wrong", or [pipeline.ErrOverLimit] where the file is larger than 1 MiB. A list without
// directives is written as [].
func Load(r io.Reader, name string) (*List, error) {
	doc, err := document.Read(r, name, hint)
	if err != nil {
		return nil, err
	}
	l := &loader{problems: &document.Problems{Name: name, Hint: hint}, seen: map[string]bool{}}
	list := &List{Name: name, Directives: l.file(doc.Root)}
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

type loader struct {
	problems *document.Problems
	seen     map[string]bool
}

func (l *loader) file(root *yaml.Node) []Directive {
	var f file
	document.Decode(root, &f, l.problems)
	at := document.Child(root, "directives")
	switch {
	case at == nil:
		l.problems.Add(root, "the file has no %q", "directives")
	case at.Kind != yaml.SequenceNode:
		l.problems.Add(at, "a list is needed here; write [] where there is none")
	case len(f.Directives) > maxDirectives:
		l.problems.Add(at, "a file holds at most 10,000 directives")
		return nil
	}
	directives := make([]Directive, 0, len(f.Directives))
	for i := range f.Directives {
		directives = append(directives, l.directive(&f.Directives[i]))
	}
	return directives
}

func (l *loader) directive(node *yaml.Node) Directive {
	var d Directive
	document.Decode(node, &d, l.problems)
	if node.Kind != yaml.MappingNode {
		return d
	}
	for _, text := range []struct {
		key   string
		value *string
		most  int
	}{{"id", &d.ID, maxPattern}, {"model", &d.Model, maxPattern}, {"digest", &d.Digest, maxPattern}, {"developer", &d.Developer, maxPattern},
		{"recipient", &d.Recipient, maxPattern}, {"expires", &d.Expires, maxPattern}, {"note", &d.Note, maxNote}} {
		at := document.Child(node, text.key)
		if at == nil {
			continue
		}
		*text.value = strings.TrimSpace(*text.value)
		switch {
		case *text.value == "":
			l.problems.Add(at, "%s is empty: leave it out where the directive does not name it", text.key)
		case utf8.RuneCountInString(*text.value) > text.most:
			l.problems.Add(at, "%s is longer than %d characters", text.key, text.most)
		}
	}
	switch {
	case document.Child(node, "id") == nil:
		l.problems.Add(node, "the directive has no %q", "id")
	case l.seen[d.ID]:
		l.problems.Add(document.Child(node, "id"), "there is another directive %q", d.ID)
	}
	l.seen[d.ID] = true
	named := false
	for _, key := range []string{"model", "digest", "developer", "recipient"} {
		named = named || document.Child(node, key) != nil
	}
	if !named {
		l.problems.Add(node, "the directive names no model, digest, developer or recipient")
	}
	if at := document.Child(node, "digest"); at != nil && !digest.MatchString(d.Digest) {
		l.problems.Add(at, "a digest is \"sha256:\" and 64 hexadecimal digits in lower case")
	}
	if at := document.Child(node, "expires"); at != nil {
		if _, err := time.Parse(time.DateOnly, d.Expires); err != nil {
			l.problems.Add(at, "a day is needed here, as in 2027-06-30")
		}
	}
	return d
}

// Assessor sets directives.matches. Its field is set once and then only read.
type Assessor struct {
	// List is nil where the operator gave no directives.
	List *List
}

// Name returns the assessor's name.
func (*Assessor) Name() string { return "directives" }

// Assess sets directives.matches to the directives that name the artifact and have not
// expired by the as-of day, one for each pattern that fits; where there is no list, what
// was found before stands. The basis is measured; it is estimated where nothing matched and a directive
// in force names something that is unknown of this artifact, such as its model id. It
// returns no error.
func (a *Assessor) Assess(facts *pipeline.FactSet, asOf time.Time) error {
	if a.List == nil {
		return nil
	}
	facts.ForgetAll("directives")
	day := asOf.Format(time.DateOnly)
	fields := fieldsOf(facts)
	matches := []pipeline.Directive{}
	evidence := []pipeline.Evidence{{Object: a.List.Name}}
	unanswered := false
	for _, d := range a.List.Directives {
		if d.Expires != "" && d.Expires < day {
			continue
		}
		for _, f := range fields {
			pattern := f.pattern(d)
			if pattern == "" {
				continue
			}
			unanswered = unanswered || len(f.values) == 0
			if value, fits := f.fit(pattern); fits {
				matches = append(matches, pipeline.Directive{ID: d.ID, Field: f.name, Pattern: pattern, Expires: d.Expires, Note: d.Note})
				evidence = append(evidence, value.evidence...)
			}
		}
	}
	basis := pipeline.BasisMeasured
	if unanswered && len(matches) == 0 {
		basis = pipeline.BasisEstimated
	}
	facts.Set("directives.matches", matches, basis, evidence...)
	return nil
}

// field is what one key of a directive is held against.
type field struct {
	name    string
	pattern func(Directive) string
	values  []value
}

type value struct {
	text     string // folded
	evidence []pipeline.Evidence
}

func (f field) fit(pattern string) (value, bool) {
	folded := []rune(fold(pattern))
	for _, v := range f.values {
		if fits(folded, []rune(v.text)) {
			return v, true
		}
	}
	return value{}, false
}

func fieldsOf(facts *pipeline.FactSet) []field {
	model := field{name: "model", pattern: func(d Directive) string { return d.Model }}
	structure := field{name: "digest", pattern: func(d Directive) string { return d.Digest }}
	developer := field{name: "developer", pattern: func(d Directive) string { return d.Developer }}
	recipient := field{name: "recipient", pattern: func(d Directive) string { return d.Recipient }}
	model.add(facts, "model.id", "model.name", "adapter.base")
	structure.add(facts, "architecture.fingerprint", "architecture.matrix_fingerprint")
	for i := range facts.Facts.Bases {
		model.add(facts, fmt.Sprintf("bases[%d].id", i))
		structure.add(facts, fmt.Sprintf("bases[%d].digest", i))
	}
	developer.add(facts, "developer.name")
	recipient.add(facts, "recipient.name", "end_user.name")
	return []field{model, structure, developer, recipient}
}

// add adds the facts that are known.
func (f *field) add(facts *pipeline.FactSet, names ...string) {
	for _, name := range names {
		known, _ := facts.Value(name)
		text, isText := known.(string)
		if folded := fold(text); isText && folded != "" {
			entry, _ := facts.Entry(name)
			f.values = append(f.values, value{folded, entry.Evidence})
		}
	}
}

// fold takes from a name its case, its width and the space around it.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // characters that nobody sees
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))))
}

// fits tells whether a pattern fits the whole of a name. It looks at no character of the
// name more often than the pattern has characters.
func fits(pattern, name []rune) bool {
	p, n := 0, 0
	star, from := -1, 0 // the last * and where the name goes on behind it
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
