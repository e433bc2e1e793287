package policy

import (
	"context"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// Explanation is how a rule came out on the facts of a case: what each part of its
// expression is, and where every fact that it looks at came from.
type Explanation struct {
	Pack string `json:"pack"`
	Rule Rule   `json:"rule"`
	// InEffect is false where the rule's dates leave the day out; the rest then says
	// how it would come out.
	InEffect bool `json:"in_effect"`
	// Applies explains the pack's condition, nil where it has none.
	Applies *Explained `json:"applies"`
	// Outcome is what the rule comes to as a whole, Because why it cannot be decided.
	Outcome pipeline.Outcome `json:"outcome"`
	Because string           `json:"because"`
	// Elements has one entry for each element that the rule looks at, or the one of a
	// rule without "for".
	Elements []Explained `json:"elements"`
}

// Explained is an expression held against the facts.
type Explained struct {
	// Element is the path of "it", such as "datasets[0]", or "".
	Element string           `json:"element"`
	When    string           `json:"when"`
	Outcome pipeline.Outcome `json:"outcome"`
	// Because says why it cannot be decided, "" where it can.
	Because  string   `json:"because"`
	Missing  []string `json:"missing"`
	ReliedOn []string `json:"relied_on"`
	Parts    []Part   `json:"parts"`
	Facts    []Known  `json:"facts"`
}

// Part is a part of an expression that is true or false by itself.
type Part struct {
	Text string `json:"text"`
	// Depth is how deep it lies within the others, 0 for the whole.
	Depth int `json:"depth"`
	// Value is "true", "false" or "cannot be decided".
	Value string `json:"value"`
}

// Known is a fact with what it rests on.
type Known struct {
	Name string `json:"name"`
	// Value is nil where the fact is unknown.
	Value    any                 `json:"value"`
	Basis    pipeline.Basis      `json:"basis"`
	Evidence []pipeline.Evidence `json:"evidence"`
}

// Explain holds one rule of a pack against facts, as on a day, and says how it comes
// out. It returns an error that matches [pipeline.ErrNotFound] where the pack has no
// such rule, or that of ctx.
func (p *Pack) Explain(ctx context.Context, id string, facts *pipeline.FactSet, asOf time.Time) (*Explanation, error) {
	rule := p.rule(id)
	if rule == nil {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "the pack " + p.Name + " has no rule " + id, Hint: "see: weighbridge rules show " + p.Name}
	}
	v := newView(facts, asOf.Format(day))
	out := &Explanation{Pack: p.Name, Rule: *rule, InEffect: rule.activeOn(asOf.Format(day)), Elements: []Explained{}}
	if p.applies != nil {
		e, err := p.applies.explain(ctx, v, nil, nil, rule.Accept)
		if err != nil {
			return nil, err
		}
		out.Applies = &e
	}
	whole, err := rule.judge(ctx, v)
	if err != nil {
		return nil, err
	}
	out.Outcome = whole.outcome()
	if whole.truth == undecided {
		out.Because = whole.because(rule.Accept)
	}
	made := rule.body()
	if made.list == nil {
		e, err := made.when.explain(ctx, v, nil, nil, rule.Accept)
		if err != nil {
			return nil, err
		}
		out.Elements = append(out.Elements, e)
		return out, nil
	}
	for i := range min(v.length(made.list), maxElements) {
		e, err := made.when.explain(ctx, v, &item{list: made.list, index: i}, made.elem, rule.Accept)
		if err != nil {
			return nil, err
		}
		out.Elements = append(out.Elements, e)
	}
	return out, nil
}

// explain evaluates an expression and each of its parts.
func (x *expression) explain(ctx context.Context, v *view, it *item, elem reflect.Type, accept pipeline.Basis) (Explained, error) {
	got, err := x.decide(ctx, v, it, accept)
	if err != nil {
		return Explained{}, err
	}
	j := judgment{ruling: got}
	out := Explained{When: x.text, Outcome: j.outcome(), Missing: names(got.missing), ReliedOn: names(got.reliedOn), Parts: []Part{}, Facts: x.known(v, it)}
	if it != nil {
		out.Element = it.path().String()
	}
	if got.truth == undecided {
		out.Because = j.because(accept)
	}
	parts := x.parts()
	for _, part := range parts {
		value := "cannot be decided"
		if sub := x.part(part.text, elem, it); sub != nil {
			one, err := sub.decide(ctx, v, it, pipeline.BasisDeclared)
			if err != nil {
				return out, err
			}
			switch one.truth {
			case yes:
				value = "true"
			case no:
				value = "false"
			}
		}
		out.Parts = append(out.Parts, Part{Text: part.text, Depth: part.depth, Value: value})
	}
	return out, nil
}

type subexpression struct {
	text  string
	depth int
}

// parts lists the parts of an expression that are joined by logic, each before those
// within it. A part that cannot be written out is left out with what lies in it.
func (x *expression) parts() []subexpression {
	var out []subexpression
	info := x.checked.SourceInfo()
	var visit func(e ast.Expr, depth int)
	visit = func(e ast.Expr, depth int) {
		text, err := parser.Unparse(e, info)
		if err != nil {
			return
		}
		// Long texts come on several lines; line breaks of the rule's own are escaped.
		out = append(out, subexpression{strings.ReplaceAll(text, "\n", " "), depth})
		if e.Kind() != ast.CallKind {
			return
		}
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional:
			for _, arg := range joined(e) {
				visit(arg, depth+1)
			}
		}
	}
	visit(x.checked.Expr(), 0)
	return out
}

// joined lists what an operator joins; a chain of the same operator is one list.
func joined(e ast.Expr) []ast.Expr {
	call := e.AsCall()
	var out []ast.Expr
	for _, arg := range call.Args() {
		same := arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == call.FunctionName()
		if same && call.FunctionName() != operators.Conditional && call.FunctionName() != operators.LogicalNot {
			out = append(out, joined(arg)...)
			continue
		}
		out = append(out, arg)
	}
	return out
}

// part compiles a part of the expression by itself, or returns nil.
func (x *expression) part(text string, elem reflect.Type, it *item) *expression {
	var list path
	if it != nil {
		list = it.list
	}
	c := newCompiler(&document.Document{}, &document.Problems{}, x.envs)
	return c.compile(&yaml.Node{Kind: yaml.ScalarNode, Value: text}, elem, list)
}

// known lists the facts that the expression names, with what each rests on.
func (x *expression) known(v *view, it *item) []Known {
	out := []Known{}
	for _, place := range x.places(v, it) {
		k := Known{Name: place.path.String(), Evidence: []pipeline.Evidence{}}
		if value, ok := v.value(place.path, place.entry); ok {
			entry, _ := v.set.Entry(place.entry.String())
			k.Value, k.Basis, k.Evidence = value, entry.Basis, append(k.Evidence, entry.Evidence...)
		}
		out = append(out, k)
	}
	return out
}
