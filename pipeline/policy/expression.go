package policy

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline/policy/document"
)

// expression is a compiled "when" or "applies". It is safe for concurrent use.
type expression struct {
	text    string
	checked *ast.AST
	program cel.Program
	// envs are what the expression was compiled in.
	envs *environments
	reading
}

// compiler compiles the expressions of one pack.
type compiler struct {
	doc      *document.Document
	problems *document.Problems
	words    *vocabulary
	envs     *environments
}

func newCompiler(doc *document.Document, problems *document.Problems, envs *environments) compiler {
	return compiler{doc: doc, problems: problems, words: everything(), envs: envs}
}

// compile checks and compiles the expression in node. elem is the type of "it" and
// list the path of the list it comes from; both are nil outside "for:". It returns
// nil and records problems, with their place in the file, where the expression is
// wrong.
func (c *compiler) compile(node *yaml.Node, elem reflect.Type, list path) *expression {
	text := strings.TrimRight(node.Value, "\n")
	if strings.TrimSpace(text) == "" {
		c.problems.Add(node, "the expression is empty")
		return nil
	}
	env, err := c.envs.of(elem)
	if err != nil {
		c.problems.Add(node, "the facts cannot be offered to rules: %v", err)
		return nil
	}
	compiled, issues := env.Compile(text)
	if found := issues.Errors(); len(found) > 0 {
		for _, issue := range found {
			line, column := c.place(node, text, issue.Location.Line(), issue.Location.Column())
			c.problems.AddAt(line, column, "%s", inWords(issue.Message))
		}
		return nil
	}
	if out := compiled.OutputType(); out.Kind() != cel.BoolKind {
		c.problems.Add(node, "the expression gives %s; it must give true or false", cel.FormatCELType(out))
		return nil
	}
	x := &expression{text: text, checked: compiled.NativeRep(), envs: c.envs}
	before := c.problems.Len()
	x.reading = analyse(compiled.NativeRep(), c.words, c.envs.lists, list, func(id int64, format string, args ...any) {
		at := compiled.NativeRep().SourceInfo().GetStartLocation(id)
		line, column := c.place(node, text, at.Line(), at.Column())
		c.problems.AddAt(line, column, format, args...)
	})
	if c.problems.Len() > before {
		return nil
	}
	estimate, err := env.EstimateCost(compiled, sizes{})
	if err != nil {
		c.problems.Add(node, "the cost of the expression cannot be estimated: %v", err)
		return nil
	}
	if estimate.Max > maxCost {
		c.problems.Add(node, "the expression may cost %s steps on lists of %s elements, and at most %s are spent on one rule: use \"for:\" in place of loops in loops",
			thousands(estimate.Max), thousands(uint64(assumedSize)), thousands(uint64(maxCost)))
		return nil
	}
	x.program, err = env.Program(compiled,
		cel.EvalOptions(cel.OptOptimize, cel.OptPartialEval),
		cel.CostLimit(maxCost),
		cel.InterruptCheckFrequency(interruptEvery))
	if err != nil {
		c.problems.Add(node, "the expression cannot be planned: %v", err)
		return nil
	}
	return x
}

// place maps CEL's line (from 1) and column (from 0) within an expression to the
// file.
func (c *compiler) place(node *yaml.Node, text string, line, column int) (int, int) {
	if line < 1 || column < 0 {
		return node.Line, node.Column
	}
	offset := 0
	lines := strings.Split(text, "\n")
	if line > len(lines) {
		return node.Line, node.Column
	}
	for _, before := range lines[:line-1] {
		offset += len([]rune(before)) + 1
	}
	return c.doc.Locate(node, offset+column)
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'(.*)$`)
	undefined  = regexp.MustCompile(`^undefined field '(.*)'$`)
	noOverload = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
)

// inWords puts CEL's messages into words for people who write rules.
func inWords(message string) string {
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	if m := undeclared.FindStringSubmatch(message); m != nil {
		hint, _, _ := strings.Cut(m[2], " (in container")
		return fmt.Sprintf("there is no fact or function %q%s", m[1], hint)
	}
	if m := undefined.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("there is no fact %q in this group", m[1])
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("type error: %s cannot take %s", strings.ReplaceAll(m[1], "_", ""), m[2])
	}
	return message
}
