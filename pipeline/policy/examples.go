package policy

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// maxExamples bounds the examples of one kind that a rule has.
const maxExamples = 200

// examplesFile is the "examples" of a rule.
type examplesFile struct {
	Match        []yaml.Node `yaml:"match"`
	NoMatch      []yaml.Node `yaml:"no_match"`
	Undetermined []yaml.Node `yaml:"undetermined"`
}

// The keys of an example beside groups of facts.
const (
	keyDeclared      = "declared"
	keyExpectMissing = "expect_missing"
	keyOn            = "on"
)

// example is a partial set of facts with what a rule must make of it.
type example struct {
	line    int
	text    string // what stands in the file, cut where it is long
	on      string // the day it is judged for, "" for one on which nothing has ended
	want    pipeline.Outcome
	facts   *pipeline.FactSet
	missing []string // nil where the example does not say
}

// examples reads the examples of a rule. One of each outcome is needed at least.
func (l *loader) examples(node *yaml.Node, what string, file examplesFile, into *body) {
	at := document.Child(node, "examples")
	if at == nil {
		l.problems.Add(node, "%s has no %q", what, "examples")
		return
	}
	for _, kind := range []struct {
		key      string
		want     pipeline.Outcome
		examples []yaml.Node
		needed   bool
	}{
		{"match", pipeline.OutcomeMatched, file.Match, true},
		{"no_match", pipeline.OutcomeNotMatched, file.NoMatch, true},
		{"undetermined", pipeline.OutcomeUndetermined, file.Undetermined, false},
	} {
		if len(kind.examples) == 0 && kind.needed {
			l.problems.Add(at, "%s has no example under %q", what, kind.key)
		}
		if len(kind.examples) > maxExamples {
			l.problems.Add(at, "a rule has at most %d examples under %q", maxExamples, kind.key)
			continue
		}
		for i := range kind.examples {
			into.examples = append(into.examples, l.example(&kind.examples[i], kind.want))
		}
	}
}

// example decodes one example: facts by group, measured unless they stand under
// "declared".
func (l *loader) example(node *yaml.Node, want pipeline.Outcome) example {
	e := example{line: node.Line, text: exampleText(node), want: want, facts: &pipeline.FactSet{}}
	before := l.problems.Len()
	d := &factsDecoder{problems: l.problems, entries: map[string]pipeline.FactEntry{}}
	d.basis = pipeline.BasisMeasured
	target := reflect.ValueOf(&d.facts).Elem()
	for key, value := range d.pairs(node) {
		switch key.Value {
		case keyDeclared:
			d.basis = pipeline.BasisDeclared
			d.decode(value, target, nil)
			d.basis = pipeline.BasisMeasured
		case keyOn:
			document.Decode(value, &e.on, l.problems)
			e.on = l.date(node, keyOn, e.on)
		case keyExpectMissing:
			e.missing = l.expectMissing(key, value, want)
		default:
			d.member(key, value, target, nil)
		}
	}
	if l.problems.Len() > before {
		return e
	}
	set, err := pipeline.FactSetFrom(d.facts, d.index())
	if err != nil {
		l.problems.Add(node, "the example cannot be used: %v", err)
		return e
	}
	e.facts = set
	return e
}

// maxExampleText bounds what is kept of an example's text, in bytes.
const maxExampleText = 1000

// exampleText returns an example as it is written, for people. A copy is written: the
// encoder settles tags in the nodes that it is given, and null would no longer be null.
func exampleText(node *yaml.Node) string {
	b, err := yaml.Marshal(copied(node))
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(b))
	if len(text) > maxExampleText {
		text = strings.ToValidUTF8(text[:maxExampleText], "") + " …"
	}
	return text
}

// copied returns a node with all below it. Packs have no aliases, so that it ends.
func copied(node *yaml.Node) *yaml.Node {
	out := *node
	out.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		out.Content[i] = copied(child)
	}
	return &out
}

func (l *loader) expectMissing(key, value *yaml.Node, want pipeline.Outcome) []string {
	if want != pipeline.OutcomeUndetermined {
		l.problems.Add(key, "%q says what an undetermined rule lacks: it belongs to an example under \"undetermined\"", keyExpectMissing)
		return nil
	}
	missing := []string{}
	document.Decode(value, &missing, l.problems)
	slices.Sort(missing)
	return missing
}

// factsDecoder reads facts by their names. Every value it reads is a known fact.
type factsDecoder struct {
	problems *document.Problems
	facts    pipeline.Facts
	basis    pipeline.Basis
	entries  map[string]pipeline.FactEntry
}

func (d *factsDecoder) index() []pipeline.FactEntry {
	var out []pipeline.FactEntry
	for _, e := range d.entries {
		out = append(out, e)
	}
	return out
}

func (d *factsDecoder) know(p path) {
	name := p.String()
	d.entries[name] = pipeline.FactEntry{Name: name, Basis: d.basis, Evidence: []pipeline.Evidence{}}
}

// pairs yields the keys and values of a mapping, and reports what is none and keys
// given twice.
func (d *factsDecoder) pairs(node *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if node.Kind != yaml.MappingNode {
			d.problems.Add(node, "keys with values are needed here")
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if seen[key.Value] {
				d.problems.Add(key, "the key %q is given twice", key.Value)
				continue
			}
			seen[key.Value] = true
			if !yield(key, node.Content[i+1]) {
				return
			}
		}
	}
}

// member reads one key of a group.
func (d *factsDecoder) member(key, value *yaml.Node, group reflect.Value, at path) {
	field, ok := fieldByJSON(group.Type(), key.Value)
	if !ok {
		what := "there is no group of facts"
		if len(at) > 0 {
			what = at.String() + " has no fact"
		}
		d.problems.Add(key, "%s %q: it is one of %s", what, key.Value, strings.Join(fieldNames(group.Type()), ", "))
		return
	}
	d.decode(value, group.FieldByIndex(field.Index), at.field(key.Value))
}

// decode reads the value at a path. null leaves a fact unknown.
func (d *factsDecoder) decode(node *yaml.Node, into reflect.Value, at path) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return
	}
	if into.Kind() == reflect.Pointer && into.Type().Elem().Kind() == reflect.Struct {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		into = into.Elem()
	}
	if into.Kind() == reflect.Struct {
		for key, value := range d.pairs(node) {
			d.member(key, value, into, at)
		}
		return
	}
	if _, isList := elementStruct(into.Type()); isList {
		d.list(node, into, at)
		return
	}
	before := d.problems.Len()
	document.Decode(node, into.Addr().Interface(), d.problems)
	if d.problems.Len() == before && !isPlainElement(into, at) {
		d.know(at)
	}
}

// isPlainElement tells whether a value is known with the list around it and has no
// entry of its own.
func isPlainElement(into reflect.Value, at path) bool {
	return isPlain(into.Type()) && len(entryOf(at)) < len(at)
}

func (d *factsDecoder) list(node *yaml.Node, into reflect.Value, at path) {
	if node.Kind != yaml.SequenceNode {
		d.problems.Add(node, "a list is needed here")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	d.know(at)
	for i, item := range node.Content {
		d.decode(item, into.Index(i), at.element(i))
	}
}

// TestReport is what a pack's own examples came to.
type TestReport struct {
	Pack     string `json:"pack"`
	Rules    int    `json:"rules"`
	Examples int    `json:"examples"`
	// Failures lists the examples that came out otherwise than they say.
	Failures []TestFailure `json:"failures"`
}

// TestFailure is one example that came out otherwise than it says.
type TestFailure struct {
	Rule string `json:"rule"`
	// Line is where the example starts in the pack's file.
	Line    int              `json:"line"`
	Want    pipeline.Outcome `json:"want"`
	Got     pipeline.Outcome `json:"got"`
	Message string           `json:"message"`
}

// TestPack evaluates every example of a pack. An example looks at its rule alone:
// neither "applies" nor dates take part. The error is not nil only where ctx ends.
func TestPack(ctx context.Context, pack *Pack) (TestReport, error) {
	report := TestReport{Pack: pack.Name, Rules: len(pack.Rules), Failures: []TestFailure{}}
	err := eachExample(ctx, pack, func(rule *Rule, e example, got judgment) {
		report.Examples++
		if failure, failed := e.check(rule, got); failed {
			report.Failures = append(report.Failures, failure)
		}
	})
	return report, err
}

// Tested is one example of a rule with what it came to.
type Tested struct {
	Rule string `json:"rule"`
	// Line is where the example starts in the pack's file, Text what stands there, cut
	// after 1,000 bytes.
	Line int              `json:"line"`
	Text string           `json:"text"`
	Want pipeline.Outcome `json:"want"`
	Got  pipeline.Outcome `json:"got"`
	// Message says what is wrong, "" where it came out as it says.
	Message string `json:"message"`
}

// Examples evaluates the examples as [TestPack] does, and returns each in the order of the
// pack.
func Examples(ctx context.Context, pack *Pack) ([]Tested, error) {
	var out []Tested
	err := eachExample(ctx, pack, func(rule *Rule, e example, got judgment) {
		failure, _ := e.check(rule, got)
		out = append(out, Tested{Rule: rule.ID, Line: e.line, Text: e.text, Want: e.want, Got: got.outcome(), Message: failure.Message})
	})
	return out, err
}

func eachExample(ctx context.Context, pack *Pack, each func(*Rule, example, judgment)) error {
	for i := range pack.Rules {
		rule := &pack.Rules[i]
		for _, e := range rule.body().examples {
			got, err := e.judge(ctx, rule)
			if err != nil {
				return err
			}
			each(rule, e, got)
		}
	}
	return nil
}

// judge evaluates the example's rule. With a day, the rule's dates take part: it does
// not match on a day on which it is not in effect.
func (e example) judge(ctx context.Context, rule *Rule) (judgment, error) {
	on := e.on
	if on == "" {
		on = exampleDay
	} else if !rule.activeOn(on) {
		return judgment{ruling: ruling{truth: no}}, nil
	}
	return rule.judge(ctx, newView(e.facts, on))
}

// exampleDay is the day for which an example without one looks into lists.
const exampleDay = "2026-11-23"

// check compares what came out with what an example says.
func (e example) check(rule *Rule, got judgment) (TestFailure, bool) {
	failure := TestFailure{Rule: rule.ID, Line: e.line, Want: e.want, Got: got.outcome()}
	missing := names(got.missing)
	slices.Sort(missing)
	switch {
	case failure.Got != e.want && failure.Got == pipeline.OutcomeUndetermined:
		failure.Message = fmt.Sprintf("expected %s, but the rule cannot be decided: %s", plainOutcome(e.want), got.because(rule.Accept))
	case failure.Got != e.want:
		failure.Message = fmt.Sprintf("expected %s, but it came out as %s", plainOutcome(e.want), plainOutcome(failure.Got))
	case e.missing != nil && !slices.Equal(missing, e.missing):
		failure.Message = fmt.Sprintf("expected to lack [%s], but it lacks [%s]", strings.Join(e.missing, ", "), strings.Join(missing, ", "))
	default:
		return TestFailure{}, false
	}
	return failure, true
}

func plainOutcome(o pipeline.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") }
