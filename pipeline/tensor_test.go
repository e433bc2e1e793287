package pipeline_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
)

func TestDType(t *testing.T) {
	t.Parallel()
	const float, integer, scale, complexNumber = pipeline.ClassFloat, pipeline.ClassInteger, pipeline.ClassScale, pipeline.ClassComplex
	tests := []struct {
		names string
		bits  uint64
		class pipeline.DTypeClass
	}{
		{"BOOL U8 I8", 8, integer},
		{"F8_E5M2 F8_E4M3 F8_E4M3FNUZ F8_E5M2FNUZ", 8, float},
		{"F8_E8M0", 8, scale},
		{"I16 U16", 16, integer},
		{"F16 BF16", 16, float},
		{"I32 U32", 32, integer},
		{"F32", 32, float},
		{"I64 U64", 64, integer},
		{"F64", 64, float},
		{"C64", 64, complexNumber},
		{"F4", 4, float},
		{"F6_E2M3 F6_E3M2", 6, float},
	}
	seen := 0
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.names) {
			seen++
			d, ok := pipeline.ParseDType(name)
			require.True(t, ok, name)
			require.Equal(t, name, d.String())
			require.Equal(t, tt.bits, d.Bits(), name)
			require.Equal(t, tt.class, d.Class(), name)
			of, ok := pipeline.DTypeOf([]byte(name))
			require.True(t, ok)
			require.Equal(t, d, of)
		}
	}
	require.Equal(t, 22, seen)
	for _, name := range []string{"", "bf16", "Bf16", "E8M0", "UE8", "FP4", "unknown", "F128", "BF16 "} {
		_, ok := pipeline.ParseDType(name)
		require.False(t, ok, name)
	}
	require.Zero(t, pipeline.DTypeUnknown.Bits())
	require.Equal(t, "unknown", pipeline.DType(200).String())
	require.Zero(t, pipeline.DType(200).Bits())
}

func TestProduct(t *testing.T) {
	t.Parallel()
	const big = 1 << 62
	tests := []struct {
		shape []uint64
		want  uint64
		ok    bool
	}{
		{nil, 1, true},
		{[]uint64{0}, 0, true},
		{[]uint64{2, 3, 4}, 24, true},
		{[]uint64{math.MaxInt64}, math.MaxInt64, true},
		{[]uint64{math.MaxInt64 + 1}, 0, false},
		{[]uint64{big, 2}, 0, false},
		{[]uint64{1 << 32, 1 << 32}, 0, false},
		{[]uint64{math.MaxUint64, math.MaxUint64, 0}, 0, true},
		{[]uint64{0, math.MaxUint64, math.MaxUint64}, 0, true},
	}
	for _, tt := range tests {
		got, ok := pipeline.Product(tt.shape)
		require.Equal(t, tt.ok, ok, tt.shape)
		require.Equal(t, tt.want, got, tt.shape)
	}
}

func TestProduct_AgreesWithExactArithmetic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 9), rapid.Uint64()), 0, 6).Draw(t, "shape")
		exact := big.NewInt(1)
		for _, d := range shape {
			exact.Mul(exact, new(big.Int).SetUint64(d))
		}
		n, ok := pipeline.Product(shape)
		require.Equal(t, exact.IsInt64(), ok)
		if ok {
			require.Equal(t, exact.Uint64(), n)
		}
	})
}

func TestTable(t *testing.T) {
	t.Parallel()
	var table pipeline.Table
	require.Zero(t, table.Len())
	require.Equal(t, pipeline.Evidence{}, table.Evidence())

	name, shape := []byte("a"), []uint64{2, 3}
	table.Append(name, pipeline.BF16, shape, 10)
	name[0], shape[0] = 'x', 99
	table.Append(nil, pipeline.F32, nil, 22)
	table.Append([]byte("层.0.weight"), pipeline.F4, []uint64{8}, 26)
	require.Equal(t, 3, table.Len())
	require.Equal(t, pipeline.Tensor{Name: "a", DType: pipeline.BF16, Shape: []uint64{2, 3}, Offset: 10}, table.At(0))
	require.Equal(t, pipeline.Tensor{Name: "", DType: pipeline.F32, Shape: []uint64{}, Offset: 22}, table.At(1))
	require.Equal(t, pipeline.Tensor{Name: "层.0.weight", DType: pipeline.F4, Shape: []uint64{8}, Offset: 26}, table.At(2))
	require.Equal(t, uint64(12), table.At(0).Bytes())
	require.Equal(t, uint64(4), table.At(1).Bytes())
	require.Equal(t, uint64(4), table.At(2).Bytes())
	n, ok := table.At(1).Elements()
	require.True(t, ok)
	require.Equal(t, uint64(1), n)

	// A shape handed out cannot grow into the next tensor's.
	first := table.At(0).Shape
	_ = append(first, 77)
	require.Equal(t, []uint64{8}, table.At(2).Shape)

	table.Object, table.HeaderEnd = "o", 100
	require.Equal(t, pipeline.Evidence{Object: "o", Where: "bytes=0-99"}, table.Evidence())
}

func TestPattern(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pattern string
		numbers       []int
	}{
		{"model.layers.12.self_attn.q_proj.weight", "model.layers.{}.self_attn.q_proj.weight", []int{12}},
		{"layers.3.experts.127.w1", "layers.{}.experts.{}.w1", []int{3, 127}},
		{"a.1.b.2.c.3", "a.{}.b.{}.c.{}", []int{1, 2}},
		{"0.weight", "{}.weight", []int{0}},
		{"weight.007", "weight.{}", []int{7}},
		{"weight1.2x.-3", "weight1.2x.-3", []int{}},
		{"", "", []int{}},
		{".", ".", []int{}},
		{"a..1.", "a..{}.", []int{1}},
		{"h.9999999999.w", "h.{}.w", []int{}},
		{"h.999999999.w", "h.{}.w", []int{999999999}},
		{"h.٣.w", "h.٣.w", []int{}},
	}
	for _, tt := range tests {
		require.Equal(t, ">"+tt.pattern, string(pipeline.AppendPattern([]byte(">"), tt.name)))
		var into [2]int
		n := pipeline.Numbers(tt.name, into[:])
		require.Equal(t, tt.numbers, into[:n], tt.name)
	}
	require.Zero(t, pipeline.Numbers("a.1.b.2", nil))
}
