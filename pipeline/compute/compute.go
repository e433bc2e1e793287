package compute

import (
	"math"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

const (
	// perToken is the operations a parameter and token of one forward and one backward
	// pass.
	perToken = 6
	// recomputed adds a second forward pass.
	recomputed = 8
	// frozen leaves out the gradients of weights that do not change.
	frozen = 4
	// spread is by how much the count may be wrong, either way, where the model is no
	// dense decoder of a known family.
	spread = 2
)

// Utilisation of accelerators in training, as a share of their peak, where none is
// declared. Large training runs report 0.3 to 0.5; the range is from general knowledge
// and has no single source.
const (
	leastUsed   = 0.3
	mostUsed    = 0.5
	likelyUsed  = (leastUsed + mostUsed) / 2
	secondsHour = 3600
	tera        = 1e12
)

// thresholds lists the operations that rules know, with their power of ten: 10^23 and
// 10^25 in the Union, 10^26 in the United States and Korea.
var thresholds = []struct {
	operations float64
	exponent   int64
}{{1e23, 23}, {1e25, 25}, {1e26, 26}}

// dense lists the families whose every parameter serves every token once: decoders of
// text without experts. Another family has a wider interval, so that a family that is
// missing here is never counted as too small.
var dense = []string{
	"llama", "internlm2", "baichuan", "qwen", "qwen2", "qwen3", "phi", "phi3", "nemotron", "olmo", "olmo2", "stablelm",
	"starcoder2", "cohere", "glm4", "glm", "chatglm", "gemma", "gemma2", "gemma3",
	"gpt2", "gpt-bigcode", "gpt-neox", "gpt-j", "codegen", "bloom", "falcon", "mpt", "opt",
}

// Assessor estimates training.flops and finetune.flops, and sets the facts of the group
// compute. The zero value is ready to use.
type Assessor struct{}

// Name returns the assessor's name.
func (Assessor) Name() string { return "compute" }

// Assess sets the facts. It returns an error with [pipeline.CodeInvalid] where declared
// numbers multiply to more than a number can hold; training.flops and finetune.flops are
// then unknown.
func (Assessor) Assess(facts *pipeline.FactSet, _ time.Time) error {
	training := restore(facts, trainingFlops, "compute.declared")
	tuning := restore(facts, finetuneFlops, "compute.finetune_declared")
	for _, prefix := range []string{"compute", trainingFlops, finetuneFlops} {
		facts.ForgetAll(prefix)
	}
	training.write(facts, "compute.declared")
	tuning.write(facts, "compute.finetune_declared")

	n := activeOf(facts)
	setActive(facts, n)
	if err := estimate(facts, n, training, tuning); err != nil {
		facts.ForgetAll(trainingFlops)
		facts.ForgetAll(finetuneFlops)
		facts.ForgetAll("compute.method")
		return err
	}
	return nil
}

const (
	trainingFlops = "training.flops"
	finetuneFlops = "finetune.flops"
	byDeclaration = "declared"
)

// estimate sets finetune.flops, then training.flops, which may rest on it.
func estimate(facts *pipeline.FactSet, n active, training, tuning stated) error {
	byTokens, err := finetuneByTokens(facts, n)
	if err != nil {
		return err
	}
	combine(facts, finetuneFlops, []method{byTokens}, tuning)
	var methods []method
	for _, try := range []func(*pipeline.FactSet, active) (method, error){trainingByTokens, trainingByHardware, trainingByBases} {
		m, err := try(facts, n)
		if err != nil {
			return err
		}
		methods = append(methods, m)
	}
	if used := combine(facts, trainingFlops, methods, training); used != "" {
		basis := pipeline.BasisEstimated
		if used == byDeclaration {
			basis = pipeline.BasisDeclared
		}
		facts.Set("compute.method", used, basis)
	}
	return nil
}

// method is what one way of counting gave; an interval without ends where it says nothing.
type method struct {
	name     string
	interval pipeline.Interval
	evidence []pipeline.Evidence
}

func (m method) known() bool {
	return m.interval.Lower != nil || m.interval.Estimate != nil || m.interval.Upper != nil
}

// combine sets the interval that holds what all methods gave, and returns their names
// joined by "+", "" where there is none. An end that one of the methods leaves open stays
// unknown: what is stated never closes it. What is stated alone stays as it was stated.
func combine(facts *pipeline.FactSet, fact string, methods []method, stated stated) string {
	methods = slices.DeleteFunc(slices.Clone(methods), func(m method) bool { return !m.known() })
	if len(methods) == 0 {
		stated.write(facts, fact)
		if stated.known() {
			return byDeclaration
		}
		return ""
	}
	if stated.known() {
		methods = append(methods, method{byDeclaration, stated.hull(), stated.evidence()})
	}
	all := methods[0].interval
	var names []string
	var evidence []pipeline.Evidence
	for _, m := range methods {
		names = append(names, m.name)
		all.Lower = either(all.Lower, m.interval.Lower, math.Min)
		all.Upper = either(all.Upper, m.interval.Upper, math.Max)
		if all.Estimate == nil {
			all.Estimate = m.interval.Estimate
		}
		for _, e := range m.evidence {
			if !slices.Contains(evidence, e) {
				evidence = append(evidence, e)
			}
		}
	}
	write(facts, fact, all, pipeline.BasisEstimated, evidence)
	return strings.Join(names, "+")
}

// either returns what pick makes of two ends, nil where one of them is open.
func either(a, b *float64, pick func(a, b float64) float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	v := pick(*a, *b)
	return &v
}

// write sets the known ends of an interval.
func write(facts *pipeline.FactSet, fact string, i pipeline.Interval, basis pipeline.Basis, evidence []pipeline.Evidence) {
	for _, end := range ends(i) {
		if end.value != nil {
			facts.Set(fact+"."+end.name, *end.value, basis, evidence...)
		}
	}
}

type end struct {
	name  string
	value *float64
}

func ends(i pipeline.Interval) []end {
	return []end{{"lower", i.Lower}, {"estimate", i.Estimate}, {"upper", i.Upper}}
}

// times multiplies numbers from zero up. It returns an error where the product is no
// number that can be compared.
func times(factors ...float64) (float64, error) {
	product := 1.0
	for _, f := range factors {
		product *= f
	}
	return finite(product)
}

func finite(v float64) (float64, error) {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, &pipeline.Error{Code: pipeline.CodeInvalid,
			Message: "the declared training multiplies to more operations than can be counted",
			Hint:    "look at the numbers of tokens, epochs, accelerators and hours in the submission"}
	}
	return v, nil
}

// evidenceOf gathers the evidence of facts, each piece once.
func evidenceOf(facts *pipeline.FactSet, names ...string) []pipeline.Evidence {
	var all []pipeline.Evidence
	for _, name := range names {
		entry, _ := facts.Entry(name)
		for _, e := range entry.Evidence {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all
}
