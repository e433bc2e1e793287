package policy

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// reading is what an expression may look at.
type reading struct {
	// leaves are all facts that evaluation can reach through the groups, decided
	// by type: a field of a struct can only be read where the checked expression
	// selects it. They are what is marked unknown.
	leaves []leaf
	// inElement are the facts that evaluation can reach through "it": those of
	// the element, or the list itself where its elements are plain values.
	inElement []leaf
	// refs are the facts as the expression names them: what a finding shows as
	// evidence. The path of a fact of "it" starts with the list it comes from.
	refs []concrete
	// usesElement is true where the expression names "it".
	usesElement bool
	// lists are those that the expression looks into, in order of name.
	lists []*List
}

// analyse finds what a checked expression reads. It reports what would read facts
// past the type checker, so that no fact can be read that is not in leaves.
func analyse(checked *ast.AST, words *vocabulary, lists map[string]*List, list path, report func(id int64, format string, args ...any)) reading {
	a := &analysis{checked: checked, report: report, lists: lists, used: map[string]*List{}, selected: map[string]bool{}, roots: map[string]bool{}}
	a.scope = map[string]path{}
	for _, group := range groups() {
		a.scope[jsonName(group)] = path{{name: jsonName(group)}}
	}
	if list != nil {
		a.scope[element] = list.element(anyElement)
	}
	a.visit(checked.Expr())

	out := reading{usesElement: a.roots[element]}
	for _, name := range slices.Sorted(maps.Keys(a.used)) {
		out.lists = append(out.lists, a.used[name])
	}
	for _, l := range words.leaves {
		selected := a.selected[celName(l.owner)+"."+l.field]
		if a.roots[l.path[0].name] && (selected || len(l.path) == 1) {
			out.leaves = append(out.leaves, l)
		}
		if list == nil || !a.roots[element] || !l.path.startsWith(list) {
			continue
		}
		if len(l.path) > len(list) && selected || len(l.path) == len(list) && !l.list {
			out.inElement = append(out.inElement, l)
		}
	}
	for _, ref := range sortPaths(a.refs) {
		// A list is evidence by what was looked at in its elements.
		longer := func(p path) bool { return len(p) > len(ref) && p.startsWith(ref) }
		if !slices.ContainsFunc(a.refs, longer) {
			ref = settled(ref)
			out.refs = append(out.refs, concrete{ref, entryOf(ref)})
		}
	}
	return out
}

type analysis struct {
	checked  *ast.AST
	report   func(id int64, format string, args ...any)
	selected map[string]bool // "type.field" of every selection
	roots    map[string]bool // variables that are named
	lists    map[string]*List
	used     map[string]*List // those that are named
	scope    map[string]path  // what variables stand for; nil path: no fact
	refs     []path
}

func (a *analysis) visit(e ast.Expr) {
	if p, ok := a.pathOf(e); ok && p != nil && !a.isGroup(e) {
		a.refs = append(a.refs, p)
	}
	switch e.Kind() {
	case ast.IdentKind:
		a.roots[e.AsIdent()] = true
	case ast.SelectKind:
		a.visitSelect(e)
	case ast.CallKind:
		a.visitCall(e)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			a.visit(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			a.visit(entry.AsMapEntry().Key())
			a.visit(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		a.report(e.ID(), "a rule reads facts and cannot make up its own")
	case ast.ComprehensionKind:
		a.visitComprehension(e.AsComprehension(), e.ID())
	}
}

func (a *analysis) visitSelect(e ast.Expr) {
	s := e.AsSelect()
	operand := a.checked.GetType(s.Operand().ID())
	switch operand.Kind() {
	case types.StructKind:
		if s.IsTestOnly() {
			a.report(e.ID(), "has() is not for facts: name the fact itself, and the rule cannot be decided while it is unknown")
		}
		a.selected[operand.TypeName()+"."+s.FieldName()] = true
	case types.MapKind:
	default:
		a.report(e.ID(), "the type of what is before .%s is not known here", s.FieldName())
	}
	a.visit(s.Operand())
}

// passing lists the functions that hand a value on, or measure a list, without
// looking into it.
var passing = []string{
	operators.Index, operators.Conditional, operators.Add, operators.NotStrictlyFalse,
	operators.LogicalAnd, operators.LogicalOr, overloads.Size,
}

func (a *analysis) visitCall(e ast.Expr) {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch call.FunctionName() {
	case listedCall:
		name, _ := args[1].AsLiteral().(types.String)
		if list, ok := a.lists[string(name)]; ok {
			a.used[string(name)] = list
		} else {
			a.report(args[1].ID(), "there is no list %q: it is one of %s", string(name), strings.Join(slices.Sorted(maps.Keys(a.lists)), ", "))
		}
	case overloads.TypeConvertDyn, overloads.TypeConvertType:
		a.report(e.ID(), "%s() is not used in rules: it hides the types of facts", call.FunctionName())
	}
	for _, arg := range args {
		if holdsGroup(a.checked.GetType(arg.ID())) && !slices.Contains(passing, call.FunctionName()) {
			a.report(arg.ID(), "this is a whole group of facts: name the one fact that is meant")
		}
		a.visit(arg)
	}
}

func (a *analysis) visitComprehension(c ast.ComprehensionExpr, id int64) {
	a.visit(c.IterRange())
	from, isFact := a.pathOf(c.IterRange())
	local := map[string]path{c.AccuVar(): nil, c.IterVar(): nil}
	if isFact && from != nil && a.holdsFacts(c.IterRange()) && !c.HasIterVar2() {
		local[c.IterVar()] = from.element(anyElement)
	}
	if c.HasIterVar2() {
		local[c.IterVar2()] = nil
	}
	for _, name := range []string{c.IterVar(), c.IterVar2()} {
		if isGroup(name) || name == element {
			a.report(id, "%q names facts: give the loop another variable", name)
		}
	}
	saved := map[string]path{}
	for name, p := range local {
		if old, ok := a.scope[name]; ok {
			saved[name] = old
		}
		a.scope[name] = p
	}
	for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		a.visit(part)
	}
	for name := range local {
		delete(a.scope, name)
		if old, ok := saved[name]; ok {
			a.scope[name] = old
		}
	}
}

// pathOf returns the fact that a chain of selections and indices names; ok is
// false where the expression is no such chain. The path is nil where the chain
// starts at a variable that is no fact.
func (a *analysis) pathOf(e ast.Expr) (path, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		p, ok := a.scope[e.AsIdent()]
		return p, ok
	case ast.SelectKind:
		s := e.AsSelect()
		p, ok := a.pathOf(s.Operand())
		if !ok || p == nil || a.checked.GetType(s.Operand().ID()).Kind() != types.StructKind {
			return p, ok
		}
		return p.field(s.FieldName()), true
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index {
			return nil, false
		}
		p, ok := a.pathOf(call.Args()[0])
		if !ok || p == nil || !a.holdsFacts(call.Args()[0]) {
			return p, ok
		}
		if i, isInt := call.Args()[1].AsLiteral().(types.Int); isInt && i >= 0 {
			return p.element(int(i)), true
		}
		return p.element(anyElement), true
	}
	return nil, false
}

// isGroup tells whether an expression is a group of facts or an element of a list
// of groups, which is evidence of nothing by itself.
func (a *analysis) isGroup(e ast.Expr) bool {
	return a.checked.GetType(e.ID()).Kind() == types.StructKind
}

// holdsFacts tells whether an expression is a list whose elements are groups of
// facts. The elements of other lists are no facts of their own.
func (a *analysis) holdsFacts(e ast.Expr) bool {
	t := a.checked.GetType(e.ID())
	return t.Kind() == types.ListKind && t.Parameters()[0].Kind() == types.StructKind
}

func holdsGroup(t *types.Type) bool {
	if t.Kind() == types.StructKind {
		return true
	}
	return slices.ContainsFunc(t.Parameters(), holdsGroup)
}
