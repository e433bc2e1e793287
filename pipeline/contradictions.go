package pipeline

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const (
	// statedWithin is how far a number that people state may lie from what was found,
	// as a share of it: they round.
	statedWithin = 0.02
	// mostContradictions bounds the sentences of one submission, and longestQuoted the
	// characters of a text in them.
	mostContradictions = 100
	longestQuoted      = 200
	// mostBases bounds the bases that one sentence names.
	mostBases = 5
)

// Contradict holds a submission against the facts that are known, and sets
// submission.contradictions: one sentence for each fact that the artifact shows to be
// another than was declared, none where sub is nil. The facts stay as they are. It may
// be called again once more facts are known, and gives the same for the same facts.
//
// Texts differ without regard to case, lists of texts without regard to order. Numbers
// that are not whole differ by more than 2 %. What is stated of an element of a list, such
// as a data set, differs where no stated element says what was found. model.parameters is
// held against the weight: it differs where it lies more than 2 % outside params.lower
// to params.upper and, for an adapter, outside the interval of its base too. An empty list
// of bases differs where the artifact names one anywhere.
func (s *FactSet) Contradict(sub *Submission, object string) {
	found := []contradiction{}
	if sub != nil {
		stated := leaves(reflect.ValueOf(*sub), "")
		for _, leaf := range stated {
			if c, differs := s.against(leaf, stated, object); differs {
				found = append(found, c)
			}
		}
		if c, differs := s.againstWeight(sub, object); differs {
			found = append(found, c)
		}
		if c, differs := s.againstBases(sub, object); differs {
			found = append(found, c)
		}
	}
	sentences, evidence := []string{}, []Evidence{}
	for i, c := range found {
		if i == mostContradictions {
			sentences = append(sentences, fmt.Sprintf("%d more facts differ.", len(found)-i))
			break
		}
		sentences = append(sentences, c.sentence)
		for _, e := range c.evidence {
			if !slices.Contains(evidence, e) {
				evidence = append(evidence, e)
			}
		}
	}
	s.Set("submission.contradictions", sentences, BasisMeasured, evidence...)
}

// contradiction is one fact that is not as it was declared.
type contradiction struct {
	sentence string
	evidence []Evidence
}

// against compares one stated value with the fact of the same name.
func (s *FactSet) against(stated leaf, all []leaf, object string) (contradiction, bool) {
	if v := reflect.ValueOf(stated.value); v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
		return contradiction{}, false // its elements are compared
	}
	found, known := s.Value(stated.name)
	if !known || same(stated.value, found) {
		return contradiction{}, false
	}
	if inList := withoutIndices(stated.name); inList != stated.name {
		for _, other := range all {
			if withoutIndices(other.name) == inList && same(other.value, found) {
				return contradiction{}, false
			}
		}
	}
	entry, _ := s.Entry(stated.name)
	return contradiction{
		sentence: fmt.Sprintf("%s: the submission states %s, and %s was found (%s).", stated.name, inWords(stated.value), inWords(found), entry.Basis),
		evidence: append([]Evidence{{Object: object, Where: "$." + stated.name}}, entry.Evidence...),
	}, true
}

// againstWeight compares the stated number of parameters with the weight.
func (s *FactSet) againstWeight(sub *Submission, object string) (contradiction, bool) {
	stated, p := sub.Model.Parameters, s.Facts.Params
	if stated == nil || p.Upper != nil && *p.Upper == 0 {
		return contradiction{}, false // nothing was stated, or nothing was weighed
	}
	if !outside(*stated, p.Lower, p.Upper) {
		return contradiction{}, false
	}
	if s.Facts.Adapter != nil && !outside(*stated, p.EffectiveLower, p.EffectiveUpper) {
		return contradiction{}, false
	}
	evidence := []Evidence{{Object: object, Where: "$.model.parameters"}}
	for _, name := range []string{"params.lower", "params.upper"} {
		entry, _ := s.Entry(name)
		evidence = append(evidence, entry.Evidence...)
	}
	return contradiction{
		sentence: fmt.Sprintf("model.parameters: the submission states %s parameters, and the headers show %s.", Separated(*stated), span(p.Lower, p.Upper)),
		evidence: evidence,
	}, true
}

// againstBases holds the statement that there are no bases against the places of the
// artifact that name some.
func (s *FactSet) againstBases(sub *Submission, object string) (contradiction, bool) {
	if sub.Bases == nil || len(sub.Bases) > 0 {
		return contradiction{}, false
	}
	who, fact, names := "artifact", "lineage.bases", []string{}
	for _, place := range s.Facts.Lineage.Bases {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, place.ID) }) {
			names = append(names, place.ID)
		}
	}
	if base, known := s.Value("adapter.base"); known && len(names) == 0 {
		who, fact = "adapter", "adapter.base"
		names = []string{fmt.Sprint(base)}
	}
	if len(names) == 0 {
		return contradiction{}, false
	}
	entry, _ := s.Entry(fact)
	quoted := []string{}
	for i, name := range names {
		if i == mostBases {
			quoted = append(quoted, fmt.Sprintf("%d more", len(names)-i))
			break
		}
		quoted = append(quoted, inWords(name))
	}
	return contradiction{
		sentence: fmt.Sprintf("bases: the submission states that there are none, and the %s names %s.", who, strings.Join(quoted, ", ")),
		evidence: append([]Evidence{{Object: object, Where: "$.bases"}}, entry.Evidence...),
	}, true
}

// outside tells whether n lies outside an interval by more than [statedWithin]. An end
// that is unknown bounds nothing.
func outside(n int64, lower, upper *int64) bool {
	return lower != nil && float64(n) < float64(*lower)*(1-statedWithin) ||
		upper != nil && float64(n) > float64(*upper)*(1+statedWithin)
}

func span(lower, upper *int64) string {
	switch {
	case lower == nil:
		return "at most " + Separated(*upper)
	case upper == nil:
		return "at least " + Separated(*lower)
	case *lower == *upper:
		return Separated(*lower)
	}
	return Separated(*lower) + " to " + Separated(*upper)
}

// same tells whether two values of one fact say the same.
func same(stated, found any) bool {
	switch stated := stated.(type) {
	case string:
		found, ok := found.(string)
		return ok && strings.EqualFold(strings.TrimSpace(stated), strings.TrimSpace(found))
	case float64:
		found, ok := found.(float64)
		return ok && math.Abs(stated-found) <= statedWithin*math.Abs(found)
	case []string:
		found, ok := found.([]string)
		return ok && slices.Equal(folded(stated), folded(found))
	}
	return reflect.DeepEqual(stated, found)
}

func folded(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, strings.ToLower(strings.TrimSpace(text)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// withoutIndices writes "datasets[3].id" as "datasets[].id".
func withoutIndices(name string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(name, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, name, _ = strings.Cut(after, "]")
		b.WriteString("[]")
	}
}

// inWords writes a value for a sentence. Texts come from files, so they are quoted and
// cut.
func inWords(value any) string {
	switch value := value.(type) {
	case string:
		if runes := []rune(value); len(runes) > longestQuoted {
			value = string(runes[:longestQuoted]) + "…"
		}
		return strconv.Quote(value)
	case []string:
		if len(value) == 0 {
			return "none"
		}
		return inWords(strings.Join(value, ", "))
	case bool:
		return strconv.FormatBool(value)
	case int64:
		return Separated(value)
	}
	return fmt.Sprint(value)
}
