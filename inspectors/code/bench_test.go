package code_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/code"
	"weighbridge/pipeline"
)

// BenchmarkNames derives from the names of ten thousand objects that disclose nothing.
func BenchmarkNames(b *testing.B) {
	readings := &pipeline.Readings{}
	for i := range 10_000 {
		o := pipeline.Object{Path: fmt.Sprintf("checkpoints/model-%05d-of-10000.safetensors", i)}
		readings.Objects = append(readings.Objects, pipeline.ObjectReading{Object: o})
	}
	for b.Loop() {
		require.NoError(b, code.Deriver{}.Derive(b.Context(), readings, &pipeline.FactSet{}))
	}
}
