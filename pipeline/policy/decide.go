package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"weighbridge/pipeline"
)

// truth is what an expression came to.
type truth int

const (
	undecided truth = iota
	yes
	no
)

// ruling is an expression held against the facts.
type ruling struct {
	truth truth
	// missing and reliedOn name facts, undecided only: those without which the
	// expression has no value, and those that are known on too weak a basis.
	missing, reliedOn []path
	// reason says why the evaluation failed, undecided only.
	reason string
}

// item is the element that "it" stands for, in one evaluation.
type item struct {
	list  path
	index int
}

func (it *item) path() path { return it.list.element(it.index) }

// hole is a fact that an evaluation must not see.
type hole struct {
	// seen is the path by which the expression reaches the fact.
	seen path
	// name is the path under which the fact is reported.
	name path
	// weak is true where the fact is known, on too weak a basis.
	weak bool
	// list is true for a list that holds facts.
	list bool
}

// maxTraced bounds for how many weak facts it is found out one by one whether a
// ruling rests on them.
const maxTraced = 32

// decide evaluates an expression with every unknown fact marked unknown. Where
// that gives false, it is evaluated again with the facts of a basis weaker than
// accept marked unknown as well: what was false only because of them is undecided.
// The error is not nil only where ctx ended.
func (x *expression) decide(ctx context.Context, v *view, it *item, accept pipeline.Basis) (ruling, error) {
	unknown, weak := x.holes(v, it, accept)
	got, err := x.evaluate(ctx, v, it, unknown)
	if err != nil || got.truth != no || len(weak) == 0 {
		return got, err
	}
	unknown = outside(unknown, weak)
	got, err = x.evaluate(ctx, v, it, slices.Concat(unknown, weak))
	if err != nil || len(got.reliedOn) < 2 || len(got.reliedOn) > maxTraced {
		return got, err
	}
	got.reliedOn, err = x.restingOn(ctx, v, it, got.reliedOn, unknown, weak)
	return got, err
}

// never tells whether the facts outside the list make the expression false for every
// element that the list could have. The error is not nil only where ctx ended.
func (x *expression) never(ctx context.Context, v *view, accept pipeline.Basis) (bool, error) {
	unknown, weak := x.holes(v, nil, accept)
	whole := hole{seen: path{{name: element}}, name: path{{name: element}}}
	got, err := x.evaluate(ctx, v, nil, append(slices.Concat(unknown, weak), whole))
	return got.truth == no, err
}

// restingOn keeps those of several weak facts that hold the ruling up by
// themselves: without one of them alone it is undecided. Where each could be spared
// because of the others, the ruling rests on all.
func (x *expression) restingOn(ctx context.Context, v *view, it *item, candidates []path, unknown, weak []hole) ([]path, error) {
	var alone []path
	for _, candidate := range candidates {
		holes := slices.Clone(unknown)
		for _, h := range weak {
			if comparePaths(h.name, candidate) == 0 {
				holes = append(holes, h)
			}
		}
		got, err := x.evaluate(ctx, v, it, holes)
		if err != nil {
			return nil, err
		}
		if got.truth != no {
			alone = append(alone, candidate)
		}
	}
	if len(alone) == 0 {
		return candidates, nil
	}
	return alone, nil
}

// holes lists the facts that the expression can read and that are unknown, and
// those that are known on a basis weaker than accept.
func (x *expression) holes(v *view, it *item, accept pipeline.Basis) (unknown, weak []hole) {
	add := func(l leaf, c concrete, seen path, weakToo bool) {
		basis, known := v.basis(c.entry)
		h := hole{seen: seen, name: asNamed(c.entry), weak: known, list: l.list}
		switch {
		case !known:
			unknown = append(unknown, h)
		case weakToo && weaker(basis, accept):
			weak = append(weak, h)
		}
	}
	// Nothing in a list that is itself a hole needs a mark of its own.
	var unknownLists, weakLists []path
	for _, l := range x.leaves {
		for _, c := range v.expand(concrete{l.path, l.entry}) {
			if inAny(unknownLists, c.path) {
				continue
			}
			add(l, c, c.path, !inAny(weakLists, c.path))
			if !l.list {
				continue
			}
			switch basis, known := v.basis(c.entry); {
			case !known:
				unknownLists = append(unknownLists, c.path)
			case weaker(basis, accept):
				weakLists = append(weakLists, c.path)
			}
		}
	}
	if it == nil {
		return unknown, weak
	}
	for _, l := range x.inElement {
		at := len(it.list)
		for _, c := range v.expand(concrete{l.path.at(at, it.index), l.entry.at(at, it.index)}) {
			seen := path{{name: element}}
			if len(c.path) > at {
				seen = append(seen, c.path[at+1:]...)
			}
			add(l, c, seen, true)
		}
	}
	return unknown, weak
}

// outside returns the unknown facts that do not lie in a list that is itself weak:
// beside the list they say nothing more.
func outside(unknown, weak []hole) []hole {
	var lists []path
	for _, h := range weak {
		if h.list {
			lists = append(lists, h.seen)
		}
	}
	if lists == nil {
		return unknown
	}
	return slices.DeleteFunc(slices.Clone(unknown), func(h hole) bool { return inAny(lists, h.seen) })
}

// inAny tells whether p lies below one of several lists.
func inAny(lists []path, p path) bool {
	for _, list := range lists {
		if len(p) > len(list) && p.startsWith(list) {
			return true
		}
	}
	return false
}

// evaluate runs the program once with the holes marked unknown.
func (x *expression) evaluate(ctx context.Context, v *view, it *item, holes []hole) (ruling, error) {
	if err := ctx.Err(); err != nil {
		return ruling{}, err
	}
	vars := v.vars
	if it != nil {
		vars = maps.Clone(v.vars)
		vars[element] = v.element(it)
	}
	patterns := make([]*cel.AttributePatternType, len(holes))
	for i, h := range holes {
		patterns[i] = h.pattern()
	}
	partial, err := cel.PartialVars(vars, patterns...)
	if err != nil {
		return ruling{reason: err.Error()}, nil
	}
	out, _, err := x.program.ContextEval(ctx, partial)
	if errors.Is(err, interpreter.InterruptError{}) {
		return ruling{}, err
	}
	if err != nil {
		return ruling{reason: failure(err)}, nil
	}
	switch out := out.(type) {
	case types.Bool:
		if out {
			return ruling{truth: yes}, nil
		}
		return ruling{truth: no}, nil
	case *types.Unknown:
		return lacking(out, holes), nil
	}
	return ruling{reason: fmt.Sprintf("the expression gave a %s", out.Type().TypeName())}, nil
}

// pattern is the hole as CEL knows it.
func (h hole) pattern() *cel.AttributePatternType {
	p := cel.AttributePattern(h.seen[0].name)
	for _, s := range h.seen[1:] {
		if s.name == "" {
			p = p.QualInt(int64(s.index))
		} else {
			p = p.QualString(s.name)
		}
	}
	return p
}

// lacking names the facts because of which an expression is unknown.
func lacking(unknown *types.Unknown, holes []hole) ruling {
	var out ruling
	for _, id := range unknown.IDs() {
		trails, _ := unknown.GetAttributeTrails(id)
		for _, trail := range trails {
			seen := trailPath(trail)
			for _, h := range holes {
				switch {
				case !h.seen.overlaps(seen):
				case h.weak:
					out.reliedOn = append(out.reliedOn, h.name)
				default:
					out.missing = append(out.missing, h.name)
				}
			}
		}
	}
	out.missing, out.reliedOn = sortPaths(out.missing), sortPaths(out.reliedOn)
	return out
}

func trailPath(trail *types.AttributeTrail) path {
	out := path{{name: trail.Variable()}}
	for _, q := range trail.QualifierPath() {
		switch q := q.(type) {
		case string:
			out = append(out, step{name: q})
		case int64:
			out = append(out, step{index: int(q)})
		default: // an index that is itself not known
			out = append(out, step{index: anyElement})
		}
	}
	return out
}

// failure puts an evaluation error into words.
func failure(err error) string {
	message, _, _ := strings.Cut(err.Error(), "\n")
	if strings.Contains(message, "cost limit exceeded") {
		return fmt.Sprintf("it costs more than %s steps on these facts", thousands(uint64(maxCost)))
	}
	return message
}
