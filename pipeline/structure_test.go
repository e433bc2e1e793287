package pipeline_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func TestStructureOf(t *testing.T) {
	t.Parallel()
	digest, matrices := "sha256:f", "sha256:m"
	whole := pipeline.Structure{Fingerprint: &digest, MatrixFingerprint: &matrices}
	number := func(n int64) *int64 { return &n }
	tests := map[string]struct {
		estimate *int64
		has      pipeline.Structure
		want     pipeline.Structure
	}{
		"Least":      {number(1_000_000), whole, whole},
		"Huge":       {number(math.MaxInt64), whole, whole},
		"TooSmall":   {number(999_999), whole, pipeline.Structure{}},
		"Nothing":    {number(0), whole, pipeline.Structure{}},
		"Unweighed":  {nil, whole, pipeline.Structure{}},
		"NoMatrices": {number(1 << 40), pipeline.Structure{Fingerprint: &digest}, pipeline.Structure{Fingerprint: &digest}},
		"Unknown":    {number(1 << 40), pipeline.Structure{}, pipeline.Structure{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := pipeline.Facts{Params: pipeline.Params{Estimate: test.estimate},
				Architecture: pipeline.Architecture{Fingerprint: test.has.Fingerprint, MatrixFingerprint: test.has.MatrixFingerprint}}
			require.Equal(t, test.want, pipeline.StructureOf(&f))
		})
	}
}
