package pipeline_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// The names of safetensors are its own: none of the types of other formats has one
// there, though each prints one.
func TestParseDType_KnowsTypesOfSafetensorsOnly(t *testing.T) {
	t.Parallel()
	named, blocks := 0, 0
	for d := pipeline.DType(1); d.String() != "unknown"; d++ {
		parsed, ok := pipeline.ParseDType(d.String())
		elements, bits := d.Block()
		require.NotZero(t, bits)
		if d <= pipeline.F6E3M2 {
			named++
			require.True(t, ok)
			require.Equal(t, d, parsed)
			continue
		}
		require.False(t, ok, "%s", d)
		if elements == 1 {
			continue
		}
		blocks++
		_, ok = pipeline.DTypeOf([]byte(d.String()))
		require.False(t, ok, "%s", d)
		require.Equal(t, pipeline.ClassFloat, d.Class())
		require.Zero(t, bits%8)
		require.Equal(t, (bits+elements-1)/elements, d.Bits())
	}
	require.Equal(t, 22, named)
	require.Equal(t, 33, blocks)
}

func TestDType_SizeOfBlocks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dtype pipeline.DType
		n     uint64
		size  uint64
		ok    bool
	}{
		{pipeline.Q4_K, 256, 144, true},
		{pipeline.Q4_K, 1 << 33, 1 << 33 / 256 * 144, true},
		{pipeline.Q4_K, 255, 0, false},
		{pipeline.Q4_K, 0, 0, true},
		{pipeline.MXFP4, 64, 34, true},
		{pipeline.NVFP4, 64, 36, true},
		{pipeline.Q1_0, 128, 18, true},
		{pipeline.Q2_0, 64, 18, true},
		{pipeline.TQ1_0, 256, 54, true},
		{pipeline.Q8_K, math.MaxUint64 - 255, 0, false},
		{pipeline.DTypeUnknown, 5, 0, true},
	}
	for _, tt := range tests {
		size, ok := tt.dtype.Size(tt.n)
		require.Equal(t, tt.ok, ok, "%s %d", tt.dtype, tt.n)
		require.Equal(t, tt.size, size, "%s %d", tt.dtype, tt.n)
	}
}

func TestTable_Shift(t *testing.T) {
	t.Parallel()
	var table pipeline.Table
	table.Append([]byte("a"), pipeline.F32, []uint64{2}, 0)
	table.Append([]byte("b"), pipeline.Q8_0, []uint64{32}, 8)
	table.Shift(100)
	require.Equal(t, uint64(100), table.At(0).Offset)
	require.Equal(t, uint64(108), table.At(1).Offset)
	require.Equal(t, uint64(34), table.At(1).Bytes())
}

func TestConclude_WhatIsMissingFromASplitModel(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*pipeline.Facts){
		"2 files of a split GGUF model are missing": func(f *pipeline.Facts) { f.GGUF.SplitsMissing = ptr(int64(2)) },
		"3 tensors that a split GGUF model":         func(f *pipeline.Facts) { f.GGUF.TensorsMissing = ptr(int64(3)) },
	} {
		facts := weighed()
		change(&facts)
		verdict, reasons := pipeline.Conclude(nil, nil, &facts)
		require.Equal(t, pipeline.VerdictInconclusive, verdict)
		require.Len(t, reasons, 1)
		require.Contains(t, reasons[0], want)
	}
	require.True(t, pipeline.Measurable("gguf.splits_missing"))
}
