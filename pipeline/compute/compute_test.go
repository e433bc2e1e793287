package compute_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/compute"
)

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// model is what inspectors found.
type model struct {
	family     string
	experts    int64 // -1 for unknown
	lower, up  int64 // effective, 0 for unknown
	active     int64
	whole      int64
	adapterFor string
}

func dense(n int64) model { return model{family: "llama", lower: n, up: n} }

func factsOf(m model, sub *pipeline.Submission) *pipeline.FactSet {
	var s pipeline.FactSet
	set := func(name string, v any) {
		s.Set(name, v, pipeline.BasisMeasured, pipeline.Evidence{Object: "model.safetensors"})
	}
	if m.family != "" {
		set("architecture.family", m.family)
	}
	if m.experts >= 0 {
		set("architecture.experts", m.experts)
	}
	if m.lower > 0 {
		set("params.effective_lower", m.lower)
		set("params.effective_estimate", m.lower)
	}
	if m.up > 0 {
		set("params.effective_upper", m.up)
	}
	if m.active > 0 {
		s.Set("params.active", m.active, pipeline.BasisDeclared)
	}
	if m.whole > 0 {
		set("params.whole", m.whole)
	}
	if m.adapterFor != "" {
		set("adapter.base", m.adapterFor)
	}
	s.Declare(sub, "sub.yaml")
	return &s
}

func training(t pipeline.Training) *pipeline.Submission { return &pipeline.Submission{Training: t} }

func tokens(n int64) *pipeline.Submission { return training(pipeline.Training{Tokens: ptr(n)}) }

func interval(lower, estimate, upper float64) pipeline.Interval {
	return pipeline.Interval{Lower: &lower, Estimate: &estimate, Upper: &upper}
}

// near holds an interval against another, end by end.
func near(t *testing.T, want, got pipeline.Interval) {
	t.Helper()
	for _, end := range [][2]*float64{{want.Lower, got.Lower}, {want.Estimate, got.Estimate}, {want.Upper, got.Upper}} {
		if end[0] == nil {
			require.Nil(t, end[1])
			continue
		}
		require.NotNil(t, end[1])
		if *end[0] == 0 {
			require.Zero(t, *end[1])
			continue
		}
		require.InEpsilon(t, *end[0], *end[1], 1e-9)
	}
}

// assess runs the assessor and holds that a second run, on the facts as they are stored,
// changes nothing.
func assess(t *testing.T, a pipeline.Assessor, s *pipeline.FactSet) {
	t.Helper()
	require.NoError(t, a.Assess(s, day))
	again := stored(t, s)
	require.NoError(t, a.Assess(again, day))
	require.Equal(t, s.Facts, again.Facts)
	require.Equal(t, s.Index(), again.Index())
}

func stored(t *testing.T, s *pipeline.FactSet) *pipeline.FactSet {
	t.Helper()
	text, err := json.Marshal(s.Facts)
	require.NoError(t, err)
	var facts pipeline.Facts
	require.NoError(t, json.Unmarshal(text, &facts))
	back, err := pipeline.FactSetFrom(facts, s.Index())
	require.NoError(t, err)
	return back
}

// The anchors of models whose size and tokens are public, held against the lines that
// rules draw.
func TestCompute_Anchors(t *testing.T) {
	t.Parallel()
	s := factsOf(dense(405e9), tokens(15_600_000_000_000))
	assess(t, compute.Assessor{}, s)
	f := s.Facts.Training.Flops
	near(t, interval(6*405e9*15.6e12, 6*405e9*15.6e12, 8*405e9*15.6e12), f)
	require.Greater(t, *f.Lower, 1e25)
	require.Less(t, *f.Upper, 1e26)
	require.Equal(t, "tokens", *s.Facts.Compute.Method)

	s = factsOf(model{family: "deepseek-v3", experts: 256, lower: 671e9, up: 671e9, active: 37e9}, tokens(14_800_000_000_000))
	assess(t, compute.Assessor{}, s)
	f = s.Facts.Training.Flops
	near(t, interval(3*37e9*14.8e12, 6*37e9*14.8e12, 12*37e9*14.8e12), f)
	require.InEpsilon(t, 3.3e24, *f.Estimate, 0.01)
	require.Less(t, *f.Upper, 1e25)
	near(t, interval(37e9, 37e9, 37e9), s.Facts.Compute.Active)
}

func TestCompute_Crossings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		parameters int64
		want       []pipeline.Crossing
	}{
		"10 B":    {10e9, []pipeline.Crossing{{Operations: 1e23, Tokens: 1_666_666_666_667}, {Operations: 1e25, Tokens: 166_666_666_666_667}, {Operations: 1e26, Tokens: 1_666_666_666_666_667}}},
		"405 B":   {405e9, []pipeline.Crossing{{Operations: 1e23, Tokens: 41_152_263_375}, {Operations: 1e25, Tokens: 4_115_226_337_449}, {Operations: 1e26, Tokens: 41_152_263_374_486}}},
		"exactly": {125_000_000, []pipeline.Crossing{{Operations: 1e23, Tokens: 133_333_333_333_334}, {Operations: 1e25, Tokens: 13_333_333_333_333_334}, {Operations: 1e26, Tokens: 133_333_333_333_333_334}}},
		// More tokens than can be counted reach the last line.
		"small": {1_000_000, []pipeline.Crossing{{Operations: 1e23, Tokens: 16_666_666_666_666_667}, {Operations: 1e25, Tokens: 1_666_666_666_666_666_667}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(dense(tt.parameters), nil)
			assess(t, compute.Assessor{}, s)
			require.Equal(t, tt.want, s.Facts.Compute.Crossings)
			require.Equal(t, pipeline.Interval{}, s.Facts.Training.Flops, "no number of tokens is assumed")
			require.Nil(t, s.Facts.Compute.Method)
			e, known := s.Entry("compute.crossings")
			require.True(t, known)
			require.Equal(t, pipeline.BasisEstimated, e.Basis)
		})
	}
}

func TestCompute_Methods(t *testing.T) {
	t.Parallel()
	h100 := pipeline.Hardware{Count: ptr(int64(1000)), Hours: ptr(100.0), PeakTFLOPS: ptr(1000.0)}
	full := 1000.0 * 100 * 3600 * 1000 * 1e12 // 3.6e23
	used := h100
	used.Utilisation = ptr(0.4)
	odd := h100
	odd.Utilisation = ptr(0.0)
	partial := h100
	partial.Hours = nil
	flops := func(lower, estimate, upper float64) pipeline.Training {
		return pipeline.Training{Flops: interval(lower, estimate, upper)}
	}
	base := pipeline.Base{Relation: ptr("finetune"), Flops: interval(2e24, 3e24, 4e24)}
	tests := map[string]struct {
		model  model
		sub    *pipeline.Submission
		want   pipeline.Interval
		method string
		basis  pipeline.Basis
	}{
		"nothing":           {dense(1e9), nil, pipeline.Interval{}, "", ""},
		"tokens":            {dense(1e9), tokens(1e12), interval(6e21, 6e21, 8e21), "tokens", pipeline.BasisEstimated},
		"no tokens":         {dense(1e9), tokens(0), pipeline.Interval{}, "", ""},
		"epochs":            {dense(1e9), training(pipeline.Training{Tokens: ptr(int64(1e12)), Epochs: ptr(2.5)}), interval(1.5e22, 1.5e22, 2e22), "tokens", pipeline.BasisEstimated},
		"no epochs":         {dense(1e9), training(pipeline.Training{Tokens: ptr(int64(1e12)), Epochs: ptr(0.0)}), pipeline.Interval{}, "", ""},
		"an interval":       {model{family: "llama", lower: 1e9, up: 2e9}, tokens(1e12), interval(6e21, 6e21, 1.6e22), "tokens", pipeline.BasisEstimated},
		"unbounded above":   {model{family: "llama", lower: 1e9}, tokens(1e12), pipeline.Interval{Lower: ptr(6e21), Estimate: ptr(6e21)}, "tokens", pipeline.BasisEstimated},
		"a part of a model": {model{family: "llama", lower: 1e9, up: 1e9, whole: 4e9}, tokens(1e12), interval(6e21, 2.4e22, 3.2e22), "tokens", pipeline.BasisEstimated},
		"experts, active":   {model{family: "mixtral", experts: 8, lower: 9e9, up: 9e9, active: 1e9}, tokens(1e12), interval(3e21, 6e21, 1.2e22), "tokens", pipeline.BasisEstimated},
		"experts":           {model{family: "mixtral", experts: 8, lower: 9e9, up: 9e9}, tokens(1e12), pipeline.Interval{Upper: ptr(1.08e23)}, "tokens", pipeline.BasisEstimated},
		"unknown family":    {model{experts: -1, lower: 9e9, up: 9e9}, tokens(1e12), pipeline.Interval{Upper: ptr(1.08e23)}, "tokens", pipeline.BasisEstimated},
		"no decoder":        {model{family: "sdxl", lower: 1e9, up: 1e9}, tokens(1e12), interval(3e21, 6e21, 1.2e22), "tokens", pipeline.BasisEstimated},
		"nothing to weigh":  {model{experts: -1}, tokens(1e12), pipeline.Interval{}, "", ""},
		"adapter":           {model{family: "llama", lower: 1e9, up: 1e9, adapterFor: "base"}, tokens(1e12), interval(4e21, 6e21, 8e21), "tokens", pipeline.BasisEstimated},
		"hardware":          {dense(1e9), training(pipeline.Training{Hardware: []pipeline.Hardware{h100}}), interval(0.3*full, 0.4*full, 0.5*full), "hardware", pipeline.BasisEstimated},
		"hardware, used":    {dense(1e9), training(pipeline.Training{Hardware: []pipeline.Hardware{used, h100}}), interval(0.7*full, 0.8*full, 0.9*full), "hardware", pipeline.BasisEstimated},
		"hardware, unused":  {dense(1e9), training(pipeline.Training{Hardware: []pipeline.Hardware{odd}}), interval(0.3*full, 0.4*full, 0.5*full), "hardware", pipeline.BasisEstimated},
		"hardware, partial": {dense(1e9), training(pipeline.Training{Hardware: []pipeline.Hardware{h100, partial}}), pipeline.Interval{}, "", ""},
		"declared":          {dense(1e9), training(flops(1e22, 2e22, 3e22)), interval(1e22, 2e22, 3e22), "declared", pipeline.BasisDeclared},
		"declared, one end": {dense(1e9), training(pipeline.Training{Flops: pipeline.Interval{Upper: ptr(3e22)}}), pipeline.Interval{Upper: ptr(3e22)}, "declared", pipeline.BasisDeclared},
		"tokens and hardware": {dense(1e9), training(pipeline.Training{Tokens: ptr(int64(1e12)), Hardware: []pipeline.Hardware{h100}}),
			interval(6e21, 6e21, 0.5*full), "tokens+hardware", pipeline.BasisEstimated},
		"declared raises": {dense(1e9), training(pipeline.Training{Tokens: ptr(int64(1e12)), Flops: pipeline.Interval{Estimate: ptr(1e25)}}),
			interval(6e21, 6e21, 1e25), "tokens+declared", pipeline.BasisEstimated},
		"declared does not lower the upper end": {dense(405e9), training(pipeline.Training{Tokens: ptr(int64(15.6e12)), Flops: interval(1, 2, 3)}),
			interval(1, 6*405e9*15.6e12, 8*405e9*15.6e12), "tokens+declared", pipeline.BasisEstimated},
		"declared does not close an open end": {model{family: "llama", lower: 1e9}, training(pipeline.Training{Tokens: ptr(int64(1e12)), Flops: interval(1, 2, 3)}),
			pipeline.Interval{Lower: ptr(1.0), Estimate: ptr(6e21)}, "tokens+declared", pipeline.BasisEstimated},
		"a base": {dense(1e9), &pipeline.Submission{Bases: []pipeline.Base{base}, Finetune: pipeline.Finetune{Tokens: ptr(int64(1e12))}},
			interval(2e24+6e21, 3e24+6e21, 4e24+8e21), "bases", pipeline.BasisEstimated},
		"a base, fine-tuning unknown": {dense(1e9), &pipeline.Submission{Bases: []pipeline.Base{base}}, pipeline.Interval{}, "", ""},
		"a base, quantised": {dense(1e9), &pipeline.Submission{Bases: []pipeline.Base{{Relation: ptr("quantized"), Flops: interval(2e24, 3e24, 4e24)}}},
			interval(2e24, 3e24, 4e24), "bases", pipeline.BasisEstimated},
		"a teacher": {dense(1e9), &pipeline.Submission{Bases: []pipeline.Base{{Relation: ptr("distillation"), Flops: interval(2e24, 3e24, 4e24)}}},
			pipeline.Interval{}, "", ""},
		"a base raises what tokens give": {dense(1e9), &pipeline.Submission{Training: pipeline.Training{Tokens: ptr(int64(1e12))}, Bases: []pipeline.Base{base},
			Finetune: pipeline.Finetune{Tokens: ptr(int64(0))}}, interval(6e21, 6e21, 4e24), "tokens+bases", pipeline.BasisEstimated},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(tt.model, tt.sub)
			assess(t, compute.Assessor{}, s)
			near(t, tt.want, s.Facts.Training.Flops)
			if tt.method == "" {
				require.Nil(t, s.Facts.Compute.Method)
				return
			}
			require.Equal(t, tt.method, *s.Facts.Compute.Method)
			for _, end := range []string{"lower", "estimate", "upper"} {
				if e, known := s.Entry("training.flops." + end); known {
					require.Equal(t, tt.basis, e.Basis)
					require.NotEmpty(t, e.Evidence)
				}
			}
			if tt.sub != nil && tt.basis == pipeline.BasisEstimated {
				near(t, tt.sub.Training.Flops, s.Facts.Compute.Declared)
			}
		})
	}
}

func TestCompute_Finetune(t *testing.T) {
	t.Parallel()
	sub := &pipeline.Submission{Finetune: pipeline.Finetune{Tokens: ptr(int64(1e9)), Flops: interval(1e10, 2e10, 3e19)}}
	s := factsOf(dense(1e9), sub)
	assess(t, compute.Assessor{}, s)
	near(t, interval(1e10, 6e18, 3e19), s.Facts.Finetune.Flops)
	near(t, sub.Finetune.Flops, s.Facts.Compute.FinetuneDeclared)
	require.Nil(t, s.Facts.Compute.Method)

	s = factsOf(dense(1e9), &pipeline.Submission{Finetune: pipeline.Finetune{Tokens: ptr(int64(0))}})
	assess(t, compute.Assessor{}, s)
	near(t, interval(0, 0, 0), s.Facts.Finetune.Flops)
}

func TestCompute_NeverOverflowsSilently(t *testing.T) {
	t.Parallel()
	huge := int64(math.MaxInt64)
	tests := map[string]*pipeline.Submission{
		"epochs":   training(pipeline.Training{Tokens: &huge, Epochs: ptr(1e300), Flops: interval(1, 2, 3)}),
		"infinite": training(pipeline.Training{Tokens: &huge, Epochs: ptr(math.Inf(1))}),
		"hardware": training(pipeline.Training{Hardware: []pipeline.Hardware{{Count: &huge, Hours: ptr(1e200), PeakTFLOPS: ptr(1e100)}}}),
		"sum": training(pipeline.Training{Hardware: []pipeline.Hardware{
			{Count: ptr(int64(1)), Hours: ptr(1.0), PeakTFLOPS: ptr(9e292), Utilisation: ptr(0.5)},
			{Count: ptr(int64(1)), Hours: ptr(1.0), PeakTFLOPS: ptr(9e292), Utilisation: ptr(0.5)}}}),
		"bases": {Bases: []pipeline.Base{{Relation: ptr("merge"), Flops: interval(1e308, 1e308, 1e308)}, {Relation: ptr("merge"), Flops: interval(1e308, 1e308, 1e308)}}},
	}
	for name, sub := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(dense(huge), sub)
			for range 2 {
				require.ErrorIs(t, compute.Assessor{}.Assess(s, day), pipeline.ErrInvalid)
				require.Equal(t, pipeline.Interval{}, s.Facts.Training.Flops)
				require.Nil(t, s.Facts.Compute.Method)
			}
		})
	}
	s := factsOf(dense(huge), tokens(huge))
	assess(t, compute.Assessor{}, s)
	require.InEpsilon(t, 8*9.223372036854775807e18*9.223372036854775807e18, *s.Facts.Training.Flops.Upper, 1e-9)

	s = factsOf(dense(1e9), training(pipeline.Training{Flops: interval(math.NaN(), -1, math.Inf(1))}))
	require.NoError(t, compute.Assessor{}.Assess(s, day))
	require.Equal(t, pipeline.Interval{}, s.Facts.Training.Flops, "what is no number is not stated")
}

func TestData(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sub                         *pipeline.Submission
		personal, sensitive, crawls *bool
	}{
		"no submission": {},
		"no datasets":   {sub: &pipeline.Submission{}},
		"empty list":    {sub: &pipeline.Submission{Datasets: []pipeline.Dataset{}}},
		"all say no": {sub: &pipeline.Submission{Datasets: []pipeline.Dataset{
			{Personal: ptr(false), Sensitive: ptr(false), Collection: ptr("licensed")}, {Personal: ptr(false), Sensitive: ptr(false), Collection: ptr("public")}}},
			personal: ptr(false), sensitive: ptr(false), crawls: ptr(false)},
		"one says yes": {sub: &pipeline.Submission{Datasets: []pipeline.Dataset{
			{Personal: ptr(false)}, {Personal: ptr(true), Sensitive: ptr(true), Collection: ptr("crawl")}, {}}},
			personal: ptr(true), sensitive: ptr(true), crawls: ptr(true)},
		"one is silent": {sub: &pipeline.Submission{Datasets: []pipeline.Dataset{
			{Personal: ptr(false), Sensitive: ptr(false), Collection: ptr("licensed")}, {Collection: ptr("other")}}}},
		"stated": {sub: &pipeline.Submission{Data: pipeline.Data{Personal: ptr(false)},
			Datasets: []pipeline.Dataset{{Personal: ptr(true), Sensitive: ptr(true)}}}, personal: ptr(false), sensitive: ptr(true)},
		"a base of unknown data": {sub: &pipeline.Submission{Bases: []pipeline.Base{{ID: ptr("invented/base")}},
			Datasets: []pipeline.Dataset{{Personal: ptr(false), Sensitive: ptr(true), Collection: ptr("user")}}}, sensitive: ptr(true)},
		"a base of known data": {sub: &pipeline.Submission{Bases: []pipeline.Base{{DatasetsKnown: ptr(true)}},
			Datasets: []pipeline.Dataset{{Personal: ptr(false)}}}, personal: ptr(false)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := factsOf(model{experts: -1}, tt.sub)
			assess(t, compute.Data{}, s)
			d := s.Facts.Data
			require.Equal(t, tt.personal, d.Personal)
			require.Equal(t, tt.sensitive, d.SpecialCategory)
			require.Equal(t, tt.crawls, d.Crawled)
			if d.SpecialCategory != nil {
				e, _ := s.Entry("data.special_category")
				require.Equal(t, pipeline.BasisDeclared, e.Basis)
				require.Equal(t, "sub.yaml", e.Evidence[0].Object)
			}
		})
	}
}

// A second run on other answers forgets what followed from the first.
func TestData_ForgetsWhatItDrew(t *testing.T) {
	t.Parallel()
	s := factsOf(model{experts: -1}, &pipeline.Submission{Datasets: []pipeline.Dataset{{Personal: ptr(true)}}})
	require.NoError(t, compute.Data{}.Assess(s, day))
	require.True(t, *s.Facts.Data.Personal)
	s.ForgetAll("datasets")
	require.NoError(t, compute.Data{}.Assess(s, day))
	require.Nil(t, s.Facts.Data.Personal)
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "compute", compute.Assessor{}.Name())
	require.Equal(t, "data", compute.Data{}.Name())
}
