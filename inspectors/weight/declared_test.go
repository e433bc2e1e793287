package weight_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// A declared count may be off by two in a hundred; then it is a contradiction, above as
// below. It may be what a counter that knows no packing would say.
func TestDeclaredCount(t *testing.T) {
	t.Parallel()
	plain := func() []tensor { return []tensor{tensorOf("a.weight", f32, 1000, 1000)} }
	m := decoder(usual)
	packed := func() []tensor { return m.pack(gptqWith(4, i32, 128, true, true)) }
	stored := int64(0)
	for _, x := range packed() {
		n := int64(1)
		for _, d := range x.Shape {
			n *= int64(d)
		}
		stored += n
	}
	for name, tc := range map[string]struct {
		tensors  []tensor
		declared int64 // 0 for none
		want     string
	}{
		"none":                       {plain(), 0, ""},
		"equal":                      {plain(), 1_000_000, ""},
		"two in a hundred above":     {plain(), 1_020_000, ""},
		"one more":                   {plain(), 1_020_001, "the artifact declares 1,020,001 parameters; its tensors hold 1,000,000 at most"},
		"less than two below":        {plain(), 980_393, ""},
		"more than two below":        {plain(), 980_391, "the artifact declares 980,391 parameters; its tensors hold 1,000,000 at least"},
		"packed, what it unpacks to": {packed(), m.parameters(), ""},
		"packed, what is stored":     {packed(), stored, ""},
		"packed, far below":          {packed(), stored / 2, "at least"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := file("model.safetensors", tc.tensors...)
			if tc.declared > 0 {
				said.Metadata = map[string]string{"total_parameters": strconv.FormatInt(tc.declared, 10)}
			}
			f := weigh(t, []*pipeline.Table{said}, nil)
			require.NotNil(t, f.Params.Contradictions, "that there is none is known")
			if tc.want == "" {
				require.Empty(t, f.Params.Contradictions)
				return
			}
			require.Len(t, f.Params.Contradictions, 1)
			require.Contains(t, f.Params.Contradictions[0], tc.want)
		})
	}
}
