package pytorch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// llama is a published model as views of storages, one each, in float16.
func llama(t *testing.T, name string) (views []view, entries []entry, parameters int64) {
	t.Helper()
	m, err := fixtures.Load(name)
	require.NoError(t, err)
	for _, f := range m.Files {
		for _, tensor := range f.Tensors {
			v := view{name: tensor.Name, typ: "HalfStorage", key: fmt.Sprint(len(views)), numel: 1}
			for _, d := range tensor.Shape {
				v.shape = append(v.shape, int64(d))
				v.numel *= int64(d)
			}
			views = append(views, v)
			entries = append(entries, hole("pytorch_model/data/"+v.key, 2*v.numel))
			parameters += v.numel
		}
	}
	return views, entries, parameters
}

func TestEngine_SevenBillion(t *testing.T) {
	t.Parallel()
	views, entries, parameters := llama(t, "mistral-7b")
	require.Equal(t, int64(7_241_732_096), parameters)
	pkl := member("pytorch_model/data.pkl", proto(2).dict(views...).stop())
	folder := t.TempDir()
	all := append([]entry{pkl, member("pytorch_model/byteorder", []byte("little"))}, entries...)
	all = append(all, member("pytorch_model/version", []byte("3\n")), member("pytorch_model/.data/serialization_id", []byte(strings.Repeat("1", 40))))
	archive(true, "", all...).write(t, folder, "pytorch_model.bin")
	r := inspect(t, folder)
	require.Equal(t, parameters, *r.Facts.Params.Lower)
	require.Equal(t, parameters, *r.Facts.Params.Estimate)
	require.Equal(t, parameters, *r.Facts.Params.Upper, r.Facts.Params.WidenedBy)
	require.Equal(t, []pipeline.LayerRun{{Set: "pytorch_model.bin", Stack: "model.layers", First: 0, Last: 31, Each: 218_112_000}, {Each: parameters - 32*218_112_000}}, r.Facts.Params.ByLayer)
	require.Equal(t, "llama", *r.Facts.Architecture.Family)
	require.Empty(t, r.Reasons)
	require.Equal(t, int64(1), *r.Facts.Pickle.Files)
	require.Empty(t, r.Facts.Pickle.Imports)
	require.LessOrEqual(t, r.Cost.Requests, int64(3), "the listing, the first read and the end")
	require.Less(t, r.Cost.BytesRead, int64(512<<10))
	require.NotEqual(t, pipeline.DigestBytes(nil), r.Artifact.HeaderDigest)
}

// A checkpoint in shards with its index, whole and with a shard missing.
func TestEngine_Shards(t *testing.T) {
	t.Parallel()
	views, entries, parameters := llama(t, "qwen2.5-0.5b")
	half := len(views) / 2
	folder := t.TempDir()
	shard := func(i int, views []view, entries []entry) {
		archive(true, "", append([]entry{member("pytorch_model/data.pkl", proto(2).dict(views...).stop())}, entries...)...).
			write(t, folder, fmt.Sprintf("pytorch_model-%05d-of-00002.bin", i))
	}
	shard(1, views[:half], entries[:half])
	shard(2, views[half:], entries[half:])
	index, err := json.Marshal(map[string]any{"weight_map": map[string]string{
		views[0].name: "pytorch_model-00001-of-00002.bin", views[half].name: "pytorch_model-00002-of-00002.bin"}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pytorch_model.bin.index.json"), index, 0o600))
	r := inspect(t, folder)
	require.Equal(t, parameters, *r.Facts.Params.Lower)
	require.Equal(t, parameters, *r.Facts.Params.Upper)
	require.Empty(t, r.Reasons)
	require.Zero(t, *r.Facts.Pickle.ShardsMissing)

	require.NoError(t, os.Remove(filepath.Join(folder, "pytorch_model-00002-of-00002.bin")))
	r = inspect(t, folder)
	require.Equal(t, int64(1), *r.Facts.Pickle.ShardsMissing)
	require.Equal(t, []string{"pytorch_model-00002-of-00002.bin"}, r.Facts.Pickle.ShardsMissingNames)
	require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
	require.Less(t, *r.Facts.Params.Lower, *r.Facts.Params.Estimate)
}

// A model of more than ten billion parameters behind a malicious pickle: each of its
// forms is named with its import where it has one, and none is below the line.
func TestEngine_Malicious(t *testing.T) {
	t.Parallel()
	const line = 10_000_000_000
	const size = 22_000_000_000
	evil := proto(4).short("os").short("system").op(0x93).short("id").op(0x85, 'R')
	hidden := proto(2).op('}').text("model").global("loader", "unpack").op('(').
		tensor(view{name: "w", typ: "ByteStorage", key: "0", numel: size, shape: []int64{size}}).op('t', 'R', 's')
	tests := []struct {
		name    string
		file    *sparse
		imports []string
	}{
		{"no tensor at all", archive(true, "", member("m/data.pkl", evil.stop()), hole("m/data/0", size)), []string{"os.system"}},
		{"a call that unpacks", archive(true, "", member("m/data.pkl", hidden.stop()), hole("m/data/0", size)), []string{"loader.unpack"}},
		{"behind a plain pickle", &sparse{[]piece{{0, evil.stop()}}, size}, []string{"os.system"}},
		{"a broken pickle", archive(true, "", member("m/data.pkl", append(evil.b, 0xff)), hole("m/data/0", size)), []string{"os.system"}},
		{"a small view of a large storage", archive(true, "", member("m/data.pkl", proto(2).dict(
			view{name: "w", typ: "HalfStorage", key: "0", numel: size / 2, shape: []int64{4}}).stop()), hole("m/data/0", size)), nil},
		{"a member that nothing refers to", archive(true, "", member("m/data.pkl", proto(2).dict(
			view{name: "w", typ: "HalfStorage", key: "0", numel: 4, shape: []int64{4}}).stop()), hole("m/data/0", 8), hole("m/data/1", size)), nil},
		{"a gap between members", archive(true, "", member("m/data.pkl", proto(2).dict().stop()), entry{name: "m/version", pad: size}), nil},
		{"TorchScript", archive(true, "", member("m/data.pkl", evil.stop()), member("m/constants.pkl", nil), hole("m/data/0", size)), []string{"os.system"}},
		{"compressed", archive(true, "", member("m/data.pkl", proto(2).dict(
			view{name: "w", typ: "HalfStorage", key: "0", numel: size / 2, shape: []int64{size / 2}}).stop()),
			entry{name: "m/data/0", size: size / 1000, inflated: size, method: 8}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			tt.file.write(t, folder, "weights.bin")
			r := inspect(t, folder)
			require.Greater(t, *r.Facts.Params.Upper, int64(line))
			require.Greater(t, *r.Facts.Params.EffectiveUpper, int64(line))
			var imports []string
			for _, i := range r.Facts.Pickle.Imports {
				imports = append(imports, i.Name)
			}
			require.Equal(t, tt.imports, imports)
		})
	}
}
