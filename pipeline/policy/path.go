package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// anyElement stands for the index of every element of a list.
const anyElement = -1

// step is one part of a fact's path. Where name is "", it is the index of an element
// of a list. Else it is the field of that name, and index is the field's number in
// its struct, once the path is [settled].
type step struct {
	name  string
	index int
}

// path names a fact, such as params.lower or datasets[1].license. The path of a
// fact in every element of a list has the index [anyElement].
type path []step

// String writes a path as in the facts index; every element's index is "[]".
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.name == "" && s.index == anyElement:
			b.WriteString("[]")
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// with returns a new path one step longer.
func (p path) with(s step) path {
	return append(slices.Clip(slices.Clone(p)), s)
}

// field returns the path of a field below p. It is not settled.
func (p path) field(name string) path { return p.with(step{name: name}) }

// element returns the path of an element of the list at p.
func (p path) element(i int) path { return p.with(step{index: i}) }

// overlaps tells whether one of two paths is the start of the other, or equal.
func (p path) overlaps(q path) bool {
	for i := range min(len(p), len(q)) {
		a, b := p[i], q[i]
		if a.name != b.name {
			return false
		}
		if a.name == "" && a.index != b.index && a.index != anyElement && b.index != anyElement {
			return false
		}
	}
	return true
}

// startsWith tells whether prefix is the start of p, or all of it.
func (p path) startsWith(prefix path) bool {
	return len(p) >= len(prefix) && p.overlaps(prefix)
}

// comparePaths orders paths by name, and elements of a list by number.
func comparePaths(p, q path) int {
	return slices.CompareFunc(p, q, func(a, b step) int {
		if a.name != "" {
			return cmp.Compare(a.name, b.name)
		}
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.index, b.index))
	})
}

// sortPaths orders paths and drops repeats.
func sortPaths(paths []path) []path {
	paths = slices.Clone(paths)
	slices.SortFunc(paths, comparePaths)
	return slices.CompactFunc(paths, func(a, b path) bool { return comparePaths(a, b) == 0 })
}

// names writes paths in order. It never returns nil.
func names(paths []path) []string {
	out := make([]string, 0, len(paths))
	for _, p := range sortPaths(paths) {
		out = append(out, p.String())
	}
	return out
}
