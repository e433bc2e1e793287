package weight_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

type tensor = pipeline.Tensor

func tensorOf(name string, d pipeline.DType, shape ...uint64) tensor {
	return tensor{Name: name, DType: d, Shape: shape}
}

// linear is a matrix of a model before it is packed. stack is the number of experts
// that share one tensor, 0 for none.
type linear struct {
	name           string
	out, in, stack uint64
}

func (l linear) parameters() uint64 { return max(l.stack, 1) * l.out * l.in }

// model is a model before it is packed: what is packed, and what stays as it is.
type model struct {
	linears []linear
	plain   []tensor
}

// sizes of a decoder with unequal sides everywhere.
type sizes struct{ layers, hidden, query, keyValue, inner, vocabulary uint64 }

var usual = sizes{layers: 6, hidden: 1536, query: 2048, keyValue: 512, inner: 4352, vocabulary: 5003}

// decoder is a small language model in the usual layout.
func decoder(s sizes) model {
	var m model
	m.plain = append(m.plain, tensorOf("model.embed_tokens.weight", pipeline.BF16, s.vocabulary, s.hidden))
	for i := range s.layers {
		l := fmt.Sprintf("model.layers.%d.", i)
		m.linears = append(m.linears,
			linear{l + "self_attn.q_proj", s.query, s.hidden, 0}, linear{l + "self_attn.k_proj", s.keyValue, s.hidden, 0},
			linear{l + "self_attn.v_proj", s.keyValue, s.hidden, 0}, linear{l + "self_attn.o_proj", s.hidden, s.query, 0},
			linear{l + "mlp.gate_proj", s.inner, s.hidden, 0}, linear{l + "mlp.up_proj", s.inner, s.hidden, 0},
			linear{l + "mlp.down_proj", s.hidden, s.inner, 0})
		m.plain = append(m.plain, tensorOf(l+"input_layernorm.weight", pipeline.BF16, s.hidden), tensorOf(l+"post_attention_layernorm.weight", pipeline.BF16, s.hidden))
	}
	m.plain = append(m.plain, tensorOf("model.norm.weight", pipeline.BF16, s.hidden), tensorOf("lm_head.weight", pipeline.BF16, s.vocabulary, s.hidden))
	return m
}

// parameters is the true count, from the unpacked model alone.
func (m model) parameters() int64 {
	var n uint64
	for _, l := range m.linears {
		n += l.parameters()
	}
	for _, t := range m.plain {
		size := uint64(1)
		for _, d := range t.Shape {
			size *= d
		}
		n += size
	}
	return int64(n)
}

// pack writes every matrix by its layout.
func (m model) pack(layout func(linear) []tensor) []tensor {
	all := slices.Clone(m.plain)
	for _, l := range m.linears {
		all = append(all, layout(l)...)
	}
	return all
}

// asIs writes a matrix as plain floats.
func asIs(l linear) []tensor {
	return []tensor{tensorOf(l.name+".weight", pipeline.BF16, l.out, l.in)}
}

// file makes a table of tensors.
func file(object string, tensors ...tensor) *pipeline.Table {
	t := &pipeline.Table{Object: object, Format: "safetensors", HeaderEnd: 8}
	for _, x := range tensors {
		t.Append([]byte(x.Name), x.DType, x.Shape, 0)
	}
	return t
}

// config makes a configuration of a JSON text.
func config(t require.TestingT, text string) pipeline.Config {
	c := pipeline.Config{Object: "config.json"}
	require.NoError(t, json.Unmarshal([]byte(text), &c.Values))
	numbers(c.Values)
	return c
}

// numbers turns floats into the numbers that the reader of configs keeps.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = numbers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = numbers(x)
		}
	case float64:
		return json.Number(fmt.Sprint(v))
	}
	return v
}

// testingT is a test, or one check of a property.
type testingT interface {
	require.TestingT
	Context() context.Context
}

// weigh puts tables on the scale. prepare may set facts that other inspectors find.
func weigh(t testingT, tables []*pipeline.Table, configs []pipeline.Config, prepare ...func(*pipeline.FactSet)) pipeline.Facts {
	r := &pipeline.Readings{Tables: tables, Configs: configs}
	for _, table := range tables {
		r.Objects = append(r.Objects, pipeline.ObjectReading{Object: pipeline.Object{Path: table.Object, Size: 1},
			ReadResult: pipeline.ReadResult{Explained: true, Role: pipeline.RoleWeights}, Status: pipeline.InspectionOK})
	}
	var facts pipeline.FactSet
	for _, p := range prepare {
		p(&facts)
	}
	require.NoError(t, weight.New().Derive(t.Context(), r, &facts))
	return facts.Facts
}

// architecture sets what the inspector of architectures would find.
func architecture(family string, layers int64) func(*pipeline.FactSet) {
	return func(f *pipeline.FactSet) {
		f.Set("architecture.family", family, pipeline.BasisMeasured)
		f.Set("architecture.layers", layers, pipeline.BasisMeasured)
	}
}

func requireExact(t require.TestingT, want int64, f pipeline.Facts) {
	require.Equal(t, want, *f.Params.Lower, f.Params.WidenedBy)
	require.Equal(t, want, *f.Params.Estimate, f.Params.WidenedBy)
	require.Equal(t, want, *f.Params.Upper, f.Params.WidenedBy)
}

func requireWithin(t require.TestingT, truth int64, f pipeline.Facts) {
	require.LessOrEqual(t, *f.Params.Lower, truth, f.Params.WidenedBy)
	require.LessOrEqual(t, *f.Params.Lower, *f.Params.Estimate)
	require.LessOrEqual(t, *f.Params.Estimate, *f.Params.Upper)
	require.GreaterOrEqual(t, *f.Params.Upper, truth, f.Params.WidenedBy)
}

// requireParts checks that the parts sum to the estimate.
func requireParts(t *testing.T, f pipeline.Facts) {
	t.Helper()
	for _, m := range []map[string]int64{f.Params.ByDType, f.Params.ByComponent} {
		var n int64
		for v := range maps.Values(m) {
			n += v
		}
		require.Equal(t, *f.Params.Estimate, n)
	}
	require.Equal(t, *f.Params.Estimate, layerSum(f.Params.ByLayer))
}

func ceil(a, b uint64) uint64 { return (a + b - 1) / b }
