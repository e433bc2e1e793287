package pipeline

import (
	"fmt"
	"strings"
)

// Conclude combines what rules found with what could not be read into the verdict,
// and says in sentences what, beside the findings, it rests on. It needs nothing but
// a report's own parts, so a stored report can be concluded again years later.
//
// The verdict is the strongest of: block, from a matched enforced block rule;
// inconclusive, where something could not be read, was malformed, or where a
// measured fact is not bounded well enough to decide an enforced rule; review, from
// a matched enforced review rule or an undecided enforced rule that would review or
// block; else clear.
func Conclude(findings []Finding, inspections []Inspection, facts *Facts) (Verdict, []string) {
	verdict := VerdictOf(findings)
	reasons := unread(inspections)
	reasons = append(reasons, incomplete(facts)...)
	for _, f := range findings {
		if f.verdict() == VerdictInconclusive {
			what := "Rule " + f.Rule
			if f.Rule == "" {
				what = "Whether the pack " + f.Pack + " applies"
			}
			reasons = append(reasons, fmt.Sprintf("%s cannot be decided: %s could not be bounded.", what, strings.Join(f.Missing, ", ")))
		}
	}
	if len(reasons) > 0 {
		verdict = verdict.Stronger(VerdictInconclusive)
	}
	return verdict, reasons
}

// VerdictOf returns what findings come to by themselves. Only those of packs that
// enforce count; warn and info findings never change a verdict.
func VerdictOf(findings []Finding) Verdict {
	verdict := VerdictClear
	for _, f := range findings {
		verdict = verdict.Stronger(f.verdict())
	}
	return verdict
}

// verdict returns what one finding asks for.
func (f Finding) verdict() Verdict {
	if f.Mode != ModeEnforce || (f.Effect != EffectBlock && f.Effect != EffectReview) {
		return VerdictClear
	}
	switch f.Outcome {
	case OutcomeMatched:
		if f.Effect == EffectBlock {
			return VerdictBlock
		}
		return VerdictReview
	case OutcomeUndetermined:
		for _, name := range f.Missing {
			if Measurable(name) {
				return VerdictInconclusive
			}
		}
		return VerdictReview
	}
	return VerdictClear
}

// Measurable reports whether a fact is one that the bytes, not people, answer.
func Measurable(fact string) bool {
	group, _, _ := strings.Cut(fact, ".")
	switch group {
	case "params", "architecture", "quantization", "adapter", "index", "shards", "headers", "gguf", "pickle", "onnx", "objects":
		return true
	}
	return false
}

const mostReasons = 5

// unread turns inspections that did not succeed into sentences.
func unread(inspections []Inspection) []string {
	var reasons []string
	more := 0
	for _, i := range inspections {
		if i.Status != InspectionFailed && i.Status != InspectionMalformed {
			continue
		}
		if len(reasons) == mostReasons {
			more++
			continue
		}
		what := i.Object
		if what == "" {
			what = "the inspection " + i.Inspector
		}
		verb := "could not be read"
		if i.Status == InspectionMalformed {
			verb = "is malformed"
		}
		reasons = append(reasons, fmt.Sprintf("%s %s: %s.", what, verb, strings.TrimSuffix(i.Reason, ".")))
	}
	if more > 0 {
		reasons = append(reasons, fmt.Sprintf("%d more could not be read.", more))
	}
	return reasons
}

// incomplete says what is known to be missing from the artifact. A tensor that the
// index lists and no shard holds is no such thing: all that is there was weighed, and
// published models with such an index exist. It stays a fact that rules can use.
func incomplete(facts *Facts) []string {
	var reasons []string
	say := func(n *int64, one, many string) {
		switch {
		case n == nil || *n == 0:
		case *n == 1:
			reasons = append(reasons, "1 "+one+".")
		default:
			reasons = append(reasons, fmt.Sprintf("%d %s.", *n, many))
		}
	}
	if facts.Params.StoredElements == nil || *facts.Params.StoredElements == 0 {
		reasons = append(reasons, "No weights were found under this source.")
	}
	say(facts.Shards.Missing, "shard of a numbered set is missing", "shards of a numbered set are missing")
	say(facts.GGUF.SplitsMissing, "file of a split GGUF model is missing", "files of a split GGUF model are missing")
	say(facts.GGUF.TensorsMissing, "tensor that a split GGUF model declares is in none of its files", "tensors that a split GGUF model declares are in none of its files")
	say(facts.Pickle.ShardsMissing, "file of a PyTorch checkpoint is missing", "files of a PyTorch checkpoint are missing")
	say(facts.ONNX.ExternalMissing, "file to which an ONNX model refers is missing", "files to which an ONNX model refers are missing")
	say(facts.Index.ShardsAbsent, "shard that the index names is missing", "shards that the index names are missing")
	say(facts.Index.PathsEscaping, "shard that the index names lies outside its folder", "shards that the index names lie outside its folder")
	say(facts.Objects.Twofold, "object is two formats at once", "objects are two formats at once")
	return append(reasons, unidentified(facts)...)
}

// mostUnidentified is how many parameters a model may have of which nobody can say
// what it is.
const mostUnidentified = 1_000_000_000

// unidentified says what keeps the tensors from being one whole model that is known.
// An adapter is no model; it is judged by the base that its matrices show.
func unidentified(facts *Facts) []string {
	if facts.Adapter != nil {
		return nil
	}
	var reasons []string
	a, n := facts.Architecture, facts.Params.Estimate
	if a.Confidence != nil && *a.Confidence == "none" && (n == nil || *n > mostUnidentified) {
		reasons = append(reasons, "The model has more than a billion parameters, and neither its names nor its shapes tell what it is.")
	}
	switch {
	case a.Partial == nil || !*a.Partial:
	case a.Layers != nil && a.LayerSpan != nil && *a.Layers < *a.LayerSpan:
		reasons = append(reasons, fmt.Sprintf("Only a part of a model is here: %d of %d layers.", *a.Layers, *a.LayerSpan))
	case facts.Params.ByComponent["embedding"] == 0:
		// A tensor of one layer that is missing, or has another name, is a
		// contradiction; without an embedding no model runs.
		reasons = append(reasons, "Only a part of a model is here: it has no embedding.")
	}
	return reasons
}
