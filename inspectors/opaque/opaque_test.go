package opaque_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/opaque"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

type one struct{}

func (one) Name() string { return "one" }

func (one) Derive(_ context.Context, _ *pipeline.Readings, facts *pipeline.FactSet) error {
	facts.Set("params.stored_elements", int64(1), pipeline.BasisMeasured)
	return nil
}

func run(t require.TestingT, ctx context.Context, objects map[string]string) pipeline.Report {
	src, err := pipeline.ParseSource("s3://b/m/")
	require.NoError(t, err)
	store := mem.New(src)
	for name, content := range objects {
		store.Put(name, []byte(content))
	}
	e := engine.Engine{Readers: []pipeline.Reader{opaque.Reader{}}, Derivers: []pipeline.Deriver{weight.New(), one{}}}
	out, err := e.Run(ctx, engine.Request{Source: src, Store: store, AsOf: time.Unix(0, 0)})
	require.NoError(t, err)
	return out.Report
}

// member begins a zip archive with a member of this name.
func member(name string) string {
	return "PK\x03\x04" + strings.Repeat("\x00", 22) + string(rune(len(name))) + "\x00\x00\x00" + name + "content"
}

func TestNames(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 600)
	tests := []struct {
		name, object, content, format string
		beside                        string
		role                          pipeline.Role
		says                          string
	}{
		{"HDF5", "x", "\x89HDF\r\n\x1a\n" + zeros, "hdf5", "", pipeline.RoleWeights, "convert the weights to safetensors"},
		{"HDF5 with a user block", "x", zeros[:512] + "\x89HDF\r\n\x1a\n" + zeros, "hdf5", "", pipeline.RoleWeights, ""},
		{"Keras by its name", "model.keras", member("config.json"), "keras", "", pipeline.RoleWeights, ""},
		{"Keras by its member", "model", member("metadata.json"), "keras", "", pipeline.RoleWeights, ""},
		{"zip", "a.zip", member("weights.bin"), "zip", "", pipeline.RoleUnknown, "repack the weights as safetensors"},
		{"TorchServe", "a.mar", member("MAR-INF/MANIFEST.json"), "mar", "", pipeline.RoleUnknown, ""},
		{"7z", "a.png", "7z\xbc\xaf\x27\x1c\x00\x04" + zeros, "7z", "", pipeline.RoleUnknown, "this is a 7z archive"},
		{"xz", "a", "\xfd7zXZ\x00" + zeros, "xz", "", pipeline.RoleUnknown, ""},
		{"zstd", "a", "\x28\xb5\x2f\xfd" + zeros, "zstd", "", pipeline.RoleUnknown, ""},
		{"gzip", "a", "\x1f\x8b\x08" + zeros, "gzip", "", pipeline.RoleUnknown, ""},
		{"bzip2", "a", "BZh91AY&SY" + zeros, "bzip2", "", pipeline.RoleUnknown, ""},
		{"lz4", "a", "\x04\x22\x4d\x18" + zeros, "lz4", "", pipeline.RoleUnknown, ""},
		{"rar", "a", "Rar!\x1a\x07" + zeros, "rar", "", pipeline.RoleUnknown, ""},
		{"tar", "model.nemo", zeros[:257] + "ustar" + zeros, "tar", "", pipeline.RoleUnknown, ""},
		{"OpenSSL", "a", "Salted__12345678" + zeros, "openssl", "", pipeline.RoleUnknown, "nothing in it can be read"},
		{"age", "a", "age-encryption.org/v1\n-> X25519 abc\n", "age", "", pipeline.RoleUnknown, ""},
		{"llamafile", "a", "MZqFpD='\n" + zeros, "llamafile", "", pipeline.RoleWeights, ""},
		{"GGJT", "a", "tjgg\x03\x00\x00\x00" + zeros, "ggml", "", pipeline.RoleWeights, ""},
		{"TensorRT", "a", "ptrt" + zeros, "tensorrt", "", pipeline.RoleWeights, ""},
		{"TensorRT by its name", "A.ENGINE", zeros, "tensorrt", "", pipeline.RoleWeights, ""},
		{"TensorFlow Lite", "a", "\x1c\x00\x00\x00TFL3" + zeros, "tflite", "", pipeline.RoleWeights, ""},
		{"ExecuTorch", "a", "\x1c\x00\x00\x00ET12" + zeros, "executorch", "", pipeline.RoleWeights, ""},
		{"RKNN", "a", "RKNN" + zeros, "rknn", "", pipeline.RoleWeights, ""},
		{"MNN", "a.mnn", zeros, "mnn", "", pipeline.RoleWeights, ""},
		{"Core ML package", "m.mlpackage/Data/com.apple.CoreML/weights/weight.bin", zeros, "coreml", "", pipeline.RoleWeights, ""},
		{"SavedModel", "variables/variables.data-00000-of-00002", zeros, "tensorflow", "", pipeline.RoleWeights, ""},
		{"SavedModel's graph", "saved_model.pb", zeros, "tensorflow", "", pipeline.RoleWeights, ""},
		{"tfjs", "group1-shard1of4.bin", zeros, "tfjs", "", pipeline.RoleWeights, ""},
		{"OpenVINO", "m/openvino_model.bin", zeros, "openvino", "m/openvino_model.xml", pipeline.RoleWeights, ""},
		{"ncnn", "m.bin", zeros, "ncnn", "m.param", pipeline.RoleWeights, ""},
		{"CTranslate2", "model.bin", "\x06\x00\x00\x00\x10\x00TransformerSpec\x00" + zeros, "ctranslate2", "", pipeline.RoleWeights, ""},
		{"zarr", "w.zarr/layer/0.0", zeros, "zarr", "w.zarr/layer/.zarray", pipeline.RoleWeights, ""},
		{"zarr 3", "w/c/0/0", zeros, "zarr", "w/zarr.json", pipeline.RoleWeights, ""},
		{"zarr at the root", "c/0", zeros, "zarr", ".zgroup", pipeline.RoleWeights, ""},
		{"DCP", "__0_0.distcp", zeros, "dcp", "", pipeline.RoleWeights, ""},
		{"Tensorizer", "a", "|TZR|" + zeros, "tensorizer", "", pipeline.RoleWeights, ""},
		{"Flax by its name", "flax_model.msgpack", zeros, "flax", "", pipeline.RoleWeights, ""},
		{"MessagePack", "x", "\x81\xa6params\x82\xa5layer\x00" + zeros, "msgpack", "", pipeline.RoleWeights, ""},
		{"Parquet", "data.parquet", "PAR1" + zeros, "parquet", "", pipeline.RoleUnknown, "which is not read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			objects := map[string]string{tt.object: tt.content}
			if tt.beside != "" {
				objects[tt.beside] = "{}"
			}
			r := run(t, t.Context(), objects)
			for _, i := range r.Inspections {
				if i.Object != tt.object {
					continue
				}
				require.Equal(t, "opaque", i.Inspector)
				require.Equal(t, pipeline.InspectionSkipped, i.Status)
				require.Contains(t, i.Reason, "eight parameters a byte")
				require.Contains(t, i.Reason, tt.says)
			}
			for _, o := range r.Artifact.Objects {
				if o.Path == tt.object {
					require.Equal(t, tt.format, o.Format)
					require.Equal(t, tt.role, o.Role)
				}
			}
			require.Equal(t, int64(8*len(tt.content)), *r.Facts.Params.Upper, "the size is the bound")
			require.Zero(t, *r.Facts.Params.Lower)
			require.Empty(t, r.Reasons, "a format that is not read does not by itself keep a run from a verdict")
		})
	}
}

func TestSniff_LeavesOthersAlone(t *testing.T) {
	t.Parallel()
	r := opaque.Reader{}.Open([]pipeline.Object{{Path: "x.xml"}, {Path: "a.bin"}})
	zeros := strings.Repeat("\x00", 600)
	for _, tt := range []struct{ name, head string }{
		{"config.json", "{}"},
		{"notes.plan", "words"},
		{"model.h5", "version https://git-lfs"},
		{"model.pt", member("archive/data.pkl")},
		{"model.pt", member("model/code/__torch__.py")},
		{"w.npz", member("a.bin")},
		{"w", member("a.npy")},
		{"a.bin", zeros},
		{"x.safetensors", "\x20\x00\x00\x00\x00\x00\x00\x00{\"a\":"},
		{"x.gguf", "GGUF\x03\x00\x00\x00" + zeros},
		{"x", "\x81\xa6para"},
		{"x", ""},
		{"x", "PK\x03\x04"},
		{"x", "\x06\x00\x00\x00\xff\xffSpec"},
	} {
		require.False(t, r.Sniff(pipeline.Object{Path: tt.name}, []byte(tt.head)), "%s %q", tt.name, tt.head)
	}
}

// FuzzNames: whatever the bytes and the path are, an object is looked at once, and
// weighs eight parameters a byte unless the engine itself understands it.
func FuzzNames(f *testing.F) {
	f.Add("a", "PK\x03\x04"+strings.Repeat("\x00", 40))
	f.Add("w.zarr/0", "\x81\xa6params\x82\xa5layer\x00")
	f.Add("model.bin", "\x06\x00\x00\x00\x10\x00TransformerSpec\x00")
	f.Add("//", "\x00")
	f.Fuzz(func(t *testing.T, name, content string) {
		if name == "" || name == pipeline.SubmissionName || name == ".zarray" {
			return
		}
		r := run(t, t.Context(), map[string]string{name: content, ".zarray": "{}"})
		seen := 0
		for _, i := range r.Inspections {
			if i.Object != name {
				continue
			}
			seen++
			if i.Inspector == "opaque" {
				require.Equal(t, pipeline.InspectionSkipped, i.Status)
			}
			if i.Status == pipeline.InspectionSkipped {
				require.Equal(t, int64(8*len(content)), *r.Facts.Params.Upper)
			}
		}
		require.LessOrEqual(t, seen, 1)
	})
}
