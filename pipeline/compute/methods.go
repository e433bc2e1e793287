package compute

import (
	"fmt"
	"math"

	"weighbridge/pipeline"
)

// trainingByTokens counts 6·N·D. No tokens, or a number of epochs that is no number above
// zero, say nothing.
func trainingByTokens(facts *pipeline.FactSet, n active) (method, error) {
	t := facts.Facts.Training
	m := method{name: "tokens"}
	if t.Tokens == nil || *t.Tokens <= 0 {
		return m, nil
	}
	epochs := 1.0
	if t.Epochs != nil {
		epochs = *t.Epochs
	}
	if math.IsNaN(epochs) || epochs <= 0 {
		return m, nil
	}
	seen, err := times(float64(*t.Tokens), epochs)
	if err != nil {
		return m, err
	}
	if m.interval, err = n.operations(seen); err != nil {
		return m, err
	}
	m.evidence = evidenceOf(facts, append([]string{"training.tokens", "training.epochs"}, n.from...)...)
	return m, nil
}

// finetuneByTokens counts the fine-tuning in the same way. No tokens at all is an answer
// here: nothing was added.
func finetuneByTokens(facts *pipeline.FactSet, n active) (method, error) {
	m := method{name: "tokens"}
	tokens := facts.Facts.Finetune.Tokens
	if tokens == nil || *tokens < 0 {
		return m, nil
	}
	var err error
	if m.interval, err = n.operations(float64(*tokens)); err != nil {
		return m, err
	}
	m.evidence = evidenceOf(facts, append([]string{"finetune.tokens"}, n.from...)...)
	return m, nil
}

// trainingByHardware adds up what the accelerators did. It says nothing where one of them
// lacks a number: a part of the sum would look like all of it.
func trainingByHardware(facts *pipeline.FactSet, _ active) (method, error) {
	m := method{name: "hardware"}
	var sum [3]float64
	hardware := facts.Facts.Training.Hardware
	for i, h := range hardware {
		if h.Count == nil || *h.Count <= 0 || !positive(h.Hours) || !positive(h.PeakTFLOPS) {
			return method{name: m.name}, nil
		}
		shares := [3]float64{leastUsed, likelyUsed, mostUsed}
		if u := h.Utilisation; positive(u) && *u <= 1 {
			shares = [3]float64{*u, *u, *u}
		}
		for j, share := range shares {
			one, err := times(float64(*h.Count), *h.Hours, secondsHour, *h.PeakTFLOPS, tera, share)
			if err != nil {
				return m, err
			}
			if sum[j], err = finite(sum[j] + one); err != nil {
				return m, err
			}
		}
		at := fmt.Sprintf("training.hardware[%d].", i)
		m.evidence = append(m.evidence, evidenceOf(facts, at+"count", at+"hours", at+"peak_tflops", at+"utilisation")...)
	}
	if len(hardware) > 0 {
		m.interval = pipeline.Interval{Lower: &sum[0], Estimate: &sum[1], Upper: &sum[2]}
	}
	return m, nil
}

func positive(v *float64) bool { return v != nil && *v > 0 && !math.IsInf(*v, 0) }

// trainingByBases adds the operations of the fine-tuning to those of the bases whose
// weights this model began from. It says nothing where the ends of one of them are not
// known. A base that only made training data is not part of the training; quantising and
// merging need none.
func trainingByBases(facts *pipeline.FactSet, _ active) (method, error) {
	m := method{name: "bases"}
	var parts []pipeline.Interval
	trained := false
	for i, b := range facts.Facts.Bases {
		relation := ""
		if b.Relation != nil {
			relation = *b.Relation
		}
		switch relation {
		case "distillation", "synthetic_data":
			continue
		case "quantized", "merge":
		default:
			trained = true
		}
		parts = append(parts, b.Flops)
		at := fmt.Sprintf("bases[%d].flops.", i)
		m.evidence = append(m.evidence, evidenceOf(facts, at+"lower", at+"upper")...)
	}
	if len(parts) == 0 {
		return m, nil
	}
	if added := facts.Facts.Finetune.Flops; trained || added.Lower != nil || added.Upper != nil {
		parts = append(parts, added)
		m.evidence = append(m.evidence, evidenceOf(facts, "finetune.flops.lower", "finetune.flops.upper")...)
	}
	var lower, upper, likely float64
	for _, p := range parts {
		if p.Lower == nil || p.Upper == nil {
			return method{name: m.name}, nil
		}
		middle := (*p.Lower + *p.Upper) / 2
		if p.Estimate != nil {
			middle = *p.Estimate
		}
		lower, upper, likely = lower+*p.Lower, upper+*p.Upper, likely+middle
	}
	for _, v := range []float64{lower, upper, likely} {
		if _, err := finite(v); err != nil {
			return m, err
		}
	}
	m.interval = pipeline.Interval{Lower: &lower, Estimate: &likely, Upper: &upper}
	return m, nil
}
