package onnx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// FuzzModel: whatever the bytes are, the answer is a table whose tensors have their bytes
// in the model or in what lies beside it, or an error with a reason; and how much of the
// model is read at once makes no difference.
func FuzzModel(f *testing.F) {
	for _, name := range []string{"types.onnx", "graphs.onnx", "external.onnx"} {
		f.Add(file(f, name))
	}
	f.Add(model(graph(tensor("w", 1, 10).raw(9, zeros(40)), tensor("x", 10, 4).raw(5, zeros(4)))))
	f.Add(model(graph(tensor("w", 1, 10).at("w.data", 8, 40))))
	f.Fuzz(func(t *testing.T, b []byte) {
		beside := map[string]int{"external.data": 6962, "w.data": 100}
		out := read(t, "m.onnx", b, 512, beside)
		other := read(t, "m.onnx", b, 1<<20, beside)
		require.Equal(t, out.err == nil, other.err == nil)
		require.Equal(t, out.listing(), other.listing())
		require.Equal(t, out.result, other.result)
		if out.err != nil {
			code := pipeline.ErrorCode(out.err)
			require.True(t, code == pipeline.CodeMalformed || code == pipeline.CodeOverLimit, "%v", out.err)
			return
		}
		require.Equal(t, out.file.kept.Bytes(), other.file.kept.Bytes())
		require.LessOrEqual(t, out.result.Unexplained, int64(len(b)))
		for _, table := range out.tables {
			var bytes uint64
			for i := range table.Len() {
				tensor := table.At(i)
				n, ok := tensor.Elements()
				require.True(t, ok)
				if size, ok := tensor.DType.Size(n); ok {
					bytes += size
				}
			}
			if n, ok := beside[table.Object]; ok {
				require.LessOrEqual(t, bytes, uint64(n))
			} else if *out.facts.ONNX.ExternalMissing == 0 {
				require.LessOrEqual(t, bytes, 10*uint64(len(b)), "numbers of varying length may have fewer bytes than their type")
			}
		}
	})
}
