package licence

import (
	"fmt"
	"slices"
	"strings"
)

// conflicts says, one sentence each, which licences of the chain cannot be kept
// together. It never returns nil.
func conflicts(links []link) []string {
	out := []string{}
	for i, a := range links {
		for _, b := range links[i+1:] {
			if !a.known || !b.known {
				continue
			}
			out = append(out, between(a, b)...)
			if i == 0 {
				out = append(out, granted(a, b)...)
			}
		}
		if i > 0 && a.known {
			out = append(out, changed(a)...)
		}
	}
	return out[:min(len(out), maxConflicts)]
}

// maxConflicts bounds the sentences.
const maxConflicts = 50

func (l link) String() string { return fmt.Sprintf("%s of %s", l.licence.ID, l.of) }

// between looks at two licences that one work would have to keep.
func between(a, b link) []string {
	var out []string
	x, y := a.licence, b.licence
	if is(x.Terms.ShareAlike) && is(y.Terms.ShareAlike) && !passesUnder(x, y) && !passesUnder(y, x) {
		out = append(out, fmt.Sprintf("%s and %s each ask that changed versions carry that same licence; one work cannot carry both.", a, b))
	}
	for _, pair := range [][2]link{{a, b}, {b, a}} {
		from, to := pair[0].licence.Terms, pair[1].licence.Terms
		if is(from.FlowDown) && is(to.ShareAlike) && pair[0].licence.ID != pair[1].licence.ID {
			out = append(out, fmt.Sprintf("%s asks that its restrictions of use be passed on; %s lets nobody add terms.", pair[0], pair[1]))
		}
	}
	if p, q := value(x.Terms.NamePrefix), value(y.Terms.NamePrefix); p != "" && q != "" && !strings.HasPrefix(p, q) && !strings.HasPrefix(q, p) {
		out = append(out, fmt.Sprintf("%s asks for a name that begins with %q, %s for one that begins with %q.", a, p, b, q))
	}
	return out
}

// passesUnder tells whether work under x may be passed on under y.
func passesUnder(x, y Licence) bool {
	return slices.Contains(strings.Fields(y.ID), x.ID) || slices.Contains(x.KeptUnder, y.ID)
}

// weightsCarried lists the relations in which a model carries weights of its base, or
// stands or falls with them.
var weightsCarried = []string{"adapter", "merge", "quantized", "finetune"}

// granted looks for what the model's own licence gives and its base's does not.
func granted(self, base link) []string {
	own, theirs := self.licence.Terms, base.licence.Terms
	if !slices.Contains(weightsCarried, base.relation) || !is(own.Commercial) {
		return nil
	}
	switch {
	case theirs.Commercial != nil && !*theirs.Commercial:
		return []string{fmt.Sprintf("%s bars commercial use; %s gives it.", base, self)}
	case is(theirs.ResearchOnly):
		return []string{fmt.Sprintf("%s covers research only; %s gives commercial use.", base, self)}
	}
	return nil
}

// changed looks for a base whose changed versions may not be passed on.
func changed(base link) []string {
	if base.licence.Terms.Derivatives == nil || *base.licence.Terms.Derivatives || (base.relation != "merge" && base.relation != "finetune") {
		return nil
	}
	return []string{fmt.Sprintf("%s lets no changed version be passed on; this model was made from it by %s.", base, base.relation)}
}

func is(flag *bool) bool { return flag != nil && *flag }

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
