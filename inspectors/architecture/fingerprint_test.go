package architecture_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
)

func TestFingerprint_SurvivesRenamingReshardingReordering(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ts := drawTensors(rt)
		whole := derive(t, []*pipeline.Table{ts.table("a.safetensors")})
		shuffled := tensors(rapid.Permutation(ts).Draw(rt, "order"))
		for i := range shuffled {
			shuffled[i].Name = noise(i)
		}
		cut := rapid.IntRange(0, len(shuffled)).Draw(rt, "cut")
		sharded := derive(t, []*pipeline.Table{shuffled[:cut].table("1.safetensors"), shuffled[cut:].table("2.safetensors")})
		require.Equal(t, *whole.Fingerprint, *sharded.Fingerprint)
	})
}

func TestFingerprint_ChangesWithTypesAndShapes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ts := drawTensors(rt)
		before := *derive(t, []*pipeline.Table{ts.table("a.safetensors")}).Fingerprint
		i := rapid.IntRange(0, len(ts)-1).Draw(rt, "which")
		changed := slices.Clone(ts)
		switch rapid.SampledFrom([]string{"dtype", "dim", "rank", "gone", "scalar"}).Draw(rt, "how") {
		case "dtype":
			changed[i].DType = pipeline.F8E4M3
		case "dim":
			changed[i].Shape = append(slices.Clone(changed[i].Shape), 3)
		case "rank":
			changed[i].Shape = append([]uint64{1}, changed[i].Shape...)
		case "gone":
			changed = append(changed, changed[i])
		case "scalar":
			changed = append(changed, pipeline.Tensor{Name: "scalar", DType: pipeline.F32})
		}
		require.NotEqual(t, before, *derive(t, []*pipeline.Table{changed.table("a.safetensors")}).Fingerprint)
	})
}

// Above so many shapes the fingerprint is computed in another way, to the same rules.
func TestFingerprint_ManyShapes(t *testing.T) {
	t.Parallel()
	const n = 70_000
	ts := make(tensors, n)
	for i := range ts {
		ts[i] = pipeline.Tensor{Name: fmt.Sprintf("t.%d", i), DType: pipeline.BF16, Shape: []uint64{uint64(i) + 1}}
	}
	before := *derive(t, []*pipeline.Table{ts.table("a.safetensors")}).Fingerprint
	slices.Reverse(ts)
	require.Equal(t, before, *derive(t, []*pipeline.Table{ts[:9].table("1"), ts[9:].table("2")}).Fingerprint)
	ts[0].DType = pipeline.F16
	require.NotEqual(t, before, *derive(t, []*pipeline.Table{ts.table("a.safetensors")}).Fingerprint)
}

func drawTensors(t *rapid.T) tensors {
	dtype := rapid.SampledFrom([]pipeline.DType{pipeline.BF16, pipeline.F16, pipeline.F32})
	shape := rapid.SliceOfN(rapid.SampledFrom([]uint64{1, 2, 8, 64, 1 << 40}), 0, 3)
	ts := tensors(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pipeline.Tensor {
		return pipeline.Tensor{DType: dtype.Draw(t, "dtype"), Shape: shape.Draw(t, "shape")}
	}), 1, 20).Draw(t, "tensors"))
	for i := range ts {
		ts[i].Name = fmt.Sprintf("model.layers.%d.weight", i)
	}
	return ts
}
