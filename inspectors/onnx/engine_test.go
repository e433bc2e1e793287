package onnx_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/inspectors/all"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/dir"
	"weighbridge/storage/object/meter"
)

// inspect weighs a folder with every inspector and no judge.
func inspect(t *testing.T, folder string) pipeline.Report {
	t.Helper()
	src, err := pipeline.ParseSource(folder)
	require.NoError(t, err)
	store, err := dir.Open(src)
	require.NoError(t, err)
	counted := meter.New(store, time.Now)
	e := engine.Engine{Readers: all.Readers(), Derivers: all.Derivers(all.Options{})}
	w, err := e.Run(t.Context(), engine.Request{Source: src, Store: counted, Cost: counted.Cost, AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	return w.Report
}

func hole(t *testing.T, folder, name string, size int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, name))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	require.NoError(t, f.Close())
}

// A model of seven billion parameters with its data beside it is weighed to the last
// parameter; what the data file holds beyond is not lost, and neither is a missing file.
func TestEngine_SevenBillion(t *testing.T) {
	t.Parallel()
	m, err := fixtures.Load("mistral-7b")
	require.NoError(t, err)
	g := msg().text(2, "g")
	var parameters, at int64
	for _, f := range m.Files {
		for _, x := range f.Tensors {
			dims := make([]uint64, len(x.Shape))
			n := int64(1)
			for i, d := range x.Shape {
				dims[i] = uint64(d)
				n *= int64(d)
			}
			g.sub(5, tensor(x.Name, 10, dims...).at("model.onnx.data", at, 2*n))
			parameters += n
			at += 2 * n
		}
	}
	require.Equal(t, int64(7_241_732_096), parameters)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "model.onnx"), model(g), 0o600))

	hole(t, folder, "model.onnx.data", at)
	r := inspect(t, folder)
	require.Equal(t, parameters, *r.Facts.Params.Lower)
	require.Equal(t, parameters, *r.Facts.Params.Estimate)
	require.Equal(t, parameters, *r.Facts.Params.Upper, r.Facts.Params.WidenedBy)
	require.Equal(t, []pipeline.LayerRun{{Set: "model.onnx.data", Stack: "model.layers", First: 0, Last: 31, Each: 218_112_000}, {Each: parameters - 32*218_112_000}}, r.Facts.Params.ByLayer)
	require.Equal(t, "llama", *r.Facts.Architecture.Family)
	require.Empty(t, r.Reasons)
	require.LessOrEqual(t, r.Cost.Requests, int64(3), "the listing, the model, the start of its data")
	for _, o := range r.Artifact.Objects {
		require.Equal(t, pipeline.RoleWeights, o.Role)
	}

	hole(t, folder, "model.onnx.data", at+1_000_000_000)
	r = inspect(t, folder)
	require.Equal(t, parameters, *r.Facts.Params.Lower)
	require.Equal(t, parameters+8_000_000_000, *r.Facts.Params.Upper)

	require.NoError(t, os.Remove(filepath.Join(folder, "model.onnx.data")))
	r = inspect(t, folder)
	require.Equal(t, parameters, *r.Facts.Params.Estimate)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Contains(t, r.Reasons, "1 file to which an ONNX model refers is missing.")
}

// Data to which no model refers, and models that cannot be read, are bounded by their size.
func TestEngine_Bounded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "model.onnx"), model(graph(tensor("w", 1, 10).raw(9, zeros(40)))), 0o600))
	hole(t, folder, "orphan.data", 2_000_000_000)
	r := inspect(t, folder)
	require.Equal(t, int64(10), *r.Facts.Params.Lower)
	require.Equal(t, int64(10+8*2_000_000_000), *r.Facts.Params.Upper)

	folder = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "model.onnx"), model(graph(tensor("w", 1, 10).at("../other/w.data", 0, 40))), 0o600))
	r = inspect(t, folder)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Contains(t, r.Reasons[0], "no file in the model's folder")
}
