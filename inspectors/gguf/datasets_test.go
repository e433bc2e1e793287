package gguf_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
)

func TestDecode_KeepsTheListOfDatasets(t *testing.T) {
	t.Parallel()
	many := make([]string, 150)
	for i := range many {
		many[i] = "a/b"
	}
	for name, tc := range map[string]struct {
		value any
		want  string
		kept  bool
	}{
		"two":             {[]string{"a/b", "c/d"}, "a/b\nc/d", true},
		"none":            {[]string{}, "", true},
		"many":            {many, strings.TrimSuffix(strings.Repeat("a/b\n", 100), "\n"), true},
		"a long one":      {[]string{strings.Repeat("x", 5000), "c/d"}, "c/d", true},
		"no text":         {[]string{"\xff", "c/d"}, "c/d", true},
		"two lines":       {[]string{"a\nb", "c/d"}, "c/d", true},
		"numbers":         {[]uint64{1, 2}, "", false},
		"one text, alone": {"a/b", "a/b", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := files.File{Values: []files.Value{{Key: "general.datasets", Value: tc.value}, {Key: "general.tags", Value: []string{"x"}}},
				Tensors: []files.Tensor{tensor("a", "F32", 4)}}
			h, err := decode(f.Bytes())
			require.NoError(t, err)
			require.Zero(t, h.Unexplained, h.Why)
			got, kept := h.Table.Metadata["general.datasets"]
			require.Equal(t, tc.kept, kept)
			require.Equal(t, tc.want, got)
			require.NotContains(t, h.Table.Metadata, "general.tags")
		})
	}
}
