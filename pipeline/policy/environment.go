package policy

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// Limits on expressions. The cost is CEL's: about one for each fact looked at or
// compared.
const (
	maxExpression     = 4096 // characters
	maxExpressionNode = 2000
	maxNesting        = 50
	maxCost           = 1_000_000
	// assumedSize is the number of elements of a list, or characters of a text,
	// for which the cost of an expression is estimated when it loads.
	assumedSize = 1000
	// interruptEvery is how many turns of a loop pass between two looks at
	// whether the caller has given up.
	interruptEvery = 100
)

// environments makes the environment for each type of "it" once. It is safe for
// concurrent use.
type environments struct {
	lists map[string]*List

	mu   sync.Mutex
	made map[reflect.Type]*cel.Env
}

func newEnvironments(lists map[string]*List) *environments {
	return &environments{lists: lists, made: map[reflect.Type]*cel.Env{}}
}

// of returns the environment for a type of "it", nil outside "for:".
func (e *environments) of(elem reflect.Type) (*cel.Env, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if env, ok := e.made[elem]; ok {
		return env, nil
	}
	env, err := newEnvironment(elem, e.lists)
	if err == nil {
		e.made[elem] = env
	}
	return env, err
}

// newEnvironment returns the CEL environment of rules: one variable a group of
// facts, typed by the Go structs. elem is the type of "it", nil outside "for:".
// Nothing in it reads a clock, a file or the network.
func newEnvironment(elem reflect.Type, lists map[string]*List) (*cel.Env, error) {
	options := []cel.EnvOption{
		ext.NativeTypes(factsType, ext.ParseStructTag("json")),
		strictFields,
		cel.Variable(dayVariable, cel.StringType),
		cel.Macros(listedMacro),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(), // an explanation writes parts out as the rule does
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ExpressionNodeLimit(maxExpressionNode),
		cel.ParserRecursionLimit(maxNesting),
		cel.RegexProgramSizeLimit(maxExpressionNode),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(),
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(),
		),
	}
	options = append(options, withLists(lists))
	for _, group := range groups() {
		t, err := celType(group.Type)
		if err != nil {
			return nil, fmt.Errorf("facts %s: %w", jsonName(group), err)
		}
		options = append(options, cel.Variable(jsonName(group), t))
	}
	if elem != nil {
		t, err := celType(elem)
		if err != nil {
			return nil, err
		}
		options = append(options, cel.Variable(element, t))
	}
	return cel.NewEnv(options...)
}

// listed(text, "name of a list") tells whether a text is on a list on the day for which
// the rules are applied. It is a macro, because the day is no fact that a rule could
// name.
const (
	listedName   = "listed"
	listedCall   = "@listed"
	dayVariable  = "@day"
	listedParams = 3
)

var listedMacro = cel.GlobalMacro(listedName, 2, func(factory cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if args[1].Kind() != ast.LiteralKind || args[1].AsLiteral().Type() != types.StringType {
		return nil, factory.NewError(args[1].ID(), "the second argument of listed() is the name of a list, in quotes")
	}
	return factory.NewCall(listedCall, args[0], args[1], factory.NewIdent(dayVariable)), nil
})

// withLists binds listed() to lists.
func withLists(lists map[string]*List) cel.EnvOption {
	return cel.Function(listedCall,
		cel.Overload("listed_text_name_day", []*cel.Type{cel.StringType, cel.StringType, cel.StringType}, cel.BoolType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				if len(args) != listedParams {
					return types.NewErr("listed() takes a text and the name of a list")
				}
				text, _ := args[0].(types.String)
				name, _ := args[1].(types.String)
				on, _ := args[2].(types.String)
				list, ok := lists[string(name)]
				if !ok {
					return types.NewErr("there is no list %q", string(name))
				}
				return types.Bool(list.Holds(string(text), string(on)))
			})))
}

// celType maps a Go type of the facts to its CEL type, as the native types do.
func celType(t reflect.Type) (*cel.Type, error) {
	switch t.Kind() {
	case reflect.Pointer:
		return celType(t.Elem())
	case reflect.Struct:
		return cel.ObjectType(celName(t)), nil
	case reflect.Bool:
		return cel.BoolType, nil
	case reflect.Int64:
		return cel.IntType, nil
	case reflect.Float64:
		return cel.DoubleType, nil
	case reflect.String:
		return cel.StringType, nil
	case reflect.Slice:
		elem, err := celType(t.Elem())
		if err != nil {
			return nil, err
		}
		return cel.ListType(elem), nil
	case reflect.Map:
		key, err := celType(t.Key())
		if err != nil {
			return nil, err
		}
		elem, err := celType(t.Elem())
		if err != nil {
			return nil, err
		}
		return cel.MapType(key, elem), nil
	}
	return nil, fmt.Errorf("rules cannot read a %s", t)
}

// errUnmarked is what reading a fact without a value gives, should it ever come to
// that: every unknown fact is marked before evaluation, and CEL would read a nil
// pointer as zero.
var errUnmarked = errors.New("a fact without a value was read")

// strictFields makes the access to fields of the environment fail where there is no
// value, in place of making one up.
func strictFields(env *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(strictProvider{env.CELTypeProvider()})(env)
}

type strictProvider struct{ types.Provider }

func (p strictProvider) FindStructFieldType(structType, fieldName string) (*types.FieldType, bool) {
	found, ok := p.Provider.FindStructFieldType(structType, fieldName)
	if !ok {
		return nil, false
	}
	strict := *found
	strict.GetFrom = func(obj any) (any, error) {
		// An index that is unknown gives an unknown element. CEL would look for
		// the field in its own type and find nothing.
		if unknown, is := obj.(*types.Unknown); is {
			return unknown, nil
		}
		if !hasValue(obj, structType, fieldName) {
			return nil, errUnmarked
		}
		return found.GetFrom(obj)
	}
	return &strict, true
}

// hasValue tells whether obj is a group of the given type that has a value in a
// field.
func hasValue(obj any, structType, field string) bool {
	group := reflect.ValueOf(obj)
	if group.Kind() == reflect.Pointer {
		group = group.Elem()
	}
	if group.Kind() != reflect.Struct || celName(group.Type()) != structType {
		return false
	}
	f, ok := fieldByJSON(group.Type(), field)
	if !ok {
		return false
	}
	value := group.FieldByIndex(f.Index)
	return value.Kind() != reflect.Pointer || !value.IsNil()
}

// celName is the name of a struct of the facts in CEL.
func celName(t reflect.Type) string { return "pipeline." + t.Name() }

// sizes estimates the cost of an expression before there are facts.
type sizes struct{}

func (sizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}

func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() != nil {
		return nil
	}
	switch node.Type().Kind() {
	case types.ListKind, types.MapKind, types.StringKind, types.BytesKind:
		return &cost.SizeEstimate{Min: 0, Max: assumedSize}
	}
	return nil
}
