package gguf_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/gguf"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/mem"
)

// counted is a store that notes what is asked of it.
type counted struct {
	*mem.Store
	asked []string
}

func (c *counted) Open(ctx context.Context, o pipeline.Object, offset, n int64) (io.ReadCloser, error) {
	c.asked = append(c.asked, fmt.Sprintf("%s %d+%d", o.Path, offset, n))
	return c.Store.Open(ctx, o, offset, n)
}

// watch keeps the readings of a run.
type watch struct{ readings pipeline.Readings }

func (*watch) Name() string { return "watch" }

func (w *watch) Derive(_ context.Context, r *pipeline.Readings, _ *pipeline.FactSet) error {
	w.readings = *r
	return nil
}

func run(t *testing.T, objects map[string][]byte) (*pipeline.Weighing, pipeline.Readings, []string) {
	t.Helper()
	src, err := pipeline.ParseSource("s3://b/m/")
	require.NoError(t, err)
	store := &counted{Store: mem.New(src)}
	for name, content := range objects {
		store.Put(name, content)
	}
	w := &watch{}
	e := engine.Engine{Readers: []pipeline.Reader{gguf.Reader{}}, Derivers: []pipeline.Deriver{w}, Limits: engine.Limits{Concurrency: 1}}
	out, err := e.Run(t.Context(), engine.Request{Source: src, Store: store, AsOf: time.Unix(0, 0), Keep: true})
	require.NoError(t, err)
	return out, w.readings, store.asked
}

func TestRead_HeaderIsStreamedAndKept(t *testing.T) {
	t.Parallel()
	small := files.File{Tensors: []files.Tensor{tensor("a", "Q8_0", 32)}}
	large := files.File{Values: append(files.Words(1000), files.Value{Key: "long", Value: strings.Repeat("many words ", 1<<20)}), Tensors: []files.Tensor{tensor("a", "Q8_0", 32, 1<<20)}}
	out, readings, asked := run(t, map[string][]byte{"small.gguf": small.Bytes(), "large": large.Bytes(), "tail.gguf": large.Bytes()})
	require.Len(t, readings.Tables, 3)
	size := large.Size()
	require.Equal(t, []string{
		"large 0+65536", fmt.Sprintf("large 65536+%d", 8<<20), fmt.Sprintf("large %d+%d", 65536+8<<20, min(32<<20, size-65536-8<<20)),
		fmt.Sprintf("small.gguf 0+%d", small.Size()),
		"tail.gguf 0+1048576", fmt.Sprintf("tail.gguf 1048576+%d", 8<<20), fmt.Sprintf("tail.gguf %d+%d", 9<<20, min(32<<20, size-9<<20)),
	}, asked)
	require.Len(t, out.Kept, 3)
	for _, k := range out.Kept {
		want := large.Header()
		if k.Path == "small.gguf" {
			want = small.Header()
		}
		require.Equal(t, int64(len(want)), k.Size)
		require.Equal(t, pipeline.DigestBytes(want), k.Digest)
	}
	for _, i := range out.Report.Inspections[:3] {
		require.Equal(t, pipeline.InspectionOK, i.Status)
		require.Empty(t, i.Reason)
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	r := gguf.Reader{}.Open(nil)
	big := files.File{Order: binary.BigEndian}.Bytes()
	tests := []struct {
		name, head string
		want       bool
	}{
		{"model.gguf", "anything", true},
		{"MODEL.GGUF", "", true},
		{"weights.bin", "GGUF\x03\x00\x00\x00", true},
		{"weights.bin", "GGUF\x01\x00\x00\x00", true},
		{"weights.bin", "GGUF\x09\x00\x00\x00", true},
		{"weights.bin", string(big), true},
		{"weights.bin", "FUGG\x00\x00\x00\x03", true},
		{"notes.md", "GGUF is a format", false},
		{"notes.md", "GGUF", false},
		{"weights.bin", "GGUF\x00\x00\x00\x00", false},
		{"weights.bin", "GGML\x03\x00\x00\x00", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, r.Sniff(pipeline.Object{Path: tt.name}, []byte(tt.head)), "%s %q", tt.name, tt.head)
	}
}

func TestRead_NewerVersionIsCountedByItsSize(t *testing.T) {
	t.Parallel()
	out, readings, _ := run(t, map[string][]byte{"m": files.File{Version: 4}.Bytes()})
	require.Equal(t, pipeline.InspectionSkipped, out.Report.Inspections[0].Status)
	require.Contains(t, out.Report.Inspections[0].Reason, "GGUF version 4")
	require.False(t, readings.Objects[0].Explained)
	require.False(t, readings.Objects[0].Inert)
	require.Empty(t, out.Kept)
}

func TestRead_UnknownTypeIsNoted(t *testing.T) {
	t.Parallel()
	f := files.File{Tensors: []files.Tensor{{Name: "x", Dims: []uint64{64}, Type: files.Type{Number: 77, Block: 1, Size: 1}}}}
	out, readings, _ := run(t, map[string][]byte{"m.gguf": f.Bytes()})
	i := out.Report.Inspections[0]
	require.Equal(t, pipeline.InspectionOK, i.Status)
	require.Contains(t, i.Reason, "\"x\" is of a type that is not known")
	require.True(t, readings.Objects[0].Explained)
	require.Equal(t, int64(64), readings.Objects[0].Unexplained)
	require.Equal(t, int64(1), *out.Report.Facts.GGUF.TypesUnknown)
}

func TestRead_Malformed(t *testing.T) {
	t.Parallel()
	out, readings, _ := run(t, map[string][]byte{"m.gguf": []byte("\x00 no such file")})
	require.Equal(t, pipeline.InspectionMalformed, out.Report.Inspections[0].Status)
	require.Empty(t, readings.Tables)
	require.Equal(t, pipeline.VerdictInconclusive, out.Report.Verdict)
}

// splits writes a split model of the given number of parts with one tensor each.
func splits(total int, stated int32) map[string][]byte {
	out := map[string][]byte{}
	for i := range total {
		f := files.File{Values: []files.Value{{Key: "split.no", Value: uint16(i)}, {Key: "split.count", Value: uint16(total)}, {Key: "split.tensors.count", Value: stated}},
			Tensors: []files.Tensor{tensor(fmt.Sprintf("t%d", i), "F32", 8)}}
		out[fmt.Sprintf("big/m-%05d-of-%05d.gguf", i+1, total)] = f.Bytes()
	}
	return out
}

func TestFinish_Splits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(map[string][]byte)
		stated  int32
		splits  int64
		missing int64
		names   []string
		tensors int64
		problem string
	}{
		{"complete", func(map[string][]byte) {}, 3, 3, 0, nil, 0, ""},
		{"one missing", func(m map[string][]byte) { delete(m, "big/m-00002-of-00003.gguf") }, 3, 3, 1, []string{"big/m-00002-of-00003.gguf"}, 0, ""},
		{"only the last", func(m map[string][]byte) {
			delete(m, "big/m-00001-of-00003.gguf")
			delete(m, "big/m-00002-of-00003.gguf")
		}, 3, 3, 2, []string{"big/m-00001-of-00003.gguf", "big/m-00002-of-00003.gguf"}, 0, ""},
		{"renamed to look complete", func(m map[string][]byte) {
			m["big/m-00001-of-00001.gguf"] = m["big/m-00001-of-00003.gguf"]
			for i := 1; i <= 3; i++ {
				delete(m, fmt.Sprintf("big/m-%05d-of-00003.gguf", i))
			}
		}, 3, 3, 2, []string{"big/m-00002-of-00003.gguf", "big/m-00003-of-00003.gguf"}, 0, "part 1 of 3; its name says 1 of 1"},
		{"renamed to look like no part", func(m map[string][]byte) {
			m["big/model.gguf"] = m["big/m-00001-of-00003.gguf"]
			for i := 1; i <= 3; i++ {
				delete(m, fmt.Sprintf("big/m-%05d-of-00003.gguf", i))
			}
		}, 3, 3, 2, nil, 0, ""},
		{"all renamed", func(m map[string][]byte) {
			for i := 1; i <= 3; i++ {
				name := fmt.Sprintf("big/m-%05d-of-00003.gguf", i)
				m[strings.Repeat("x", i)], m[name] = m[name], nil
				delete(m, name)
			}
		}, 3, 3, 0, nil, 0, ""},
		{"two in each other's place", func(m map[string][]byte) {
			a, b := "big/m-00001-of-00003.gguf", "big/m-00002-of-00003.gguf"
			m[a], m[b] = m[b], m[a]
		}, 3, 3, 0, nil, 0, "part 2 of 3; its name says 1 of 3"},
		{"fewer tensors than declared", func(map[string][]byte) {}, 5, 3, 0, nil, 2, "declare 5 tensors together and hold 3"},
		{"more tensors than declared", func(map[string][]byte) {}, 2, 3, 0, nil, 0, "declare 2 tensors together and hold 3"},
		{"no split model", func(m map[string][]byte) {
			clear(m)
			m["m.gguf"] = files.File{Tensors: []files.Tensor{tensor("a", "F32", 8)}}.Bytes()
		}, 0, 0, 0, nil, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			objects := splits(3, tt.stated)
			tt.change(objects)
			out, _, _ := run(t, objects)
			g := out.Report.Facts.GGUF
			require.Equal(t, tt.splits, *g.Splits)
			require.Equal(t, tt.missing, *g.SplitsMissing)
			require.Len(t, g.SplitsMissingNames, len(tt.names))
			for i, name := range tt.names {
				require.Equal(t, name, g.SplitsMissingNames[i])
			}
			require.Equal(t, tt.tensors, *g.TensorsMissing)
			if tt.problem == "" {
				require.Empty(t, g.Problems)
			} else {
				require.Contains(t, strings.Join(g.Problems, "; "), tt.problem)
			}
			found := strings.Contains(strings.Join(out.Report.Reasons, " "), "split GGUF model")
			require.Equal(t, tt.missing > 0 || tt.tensors > 0, found)
		})
	}
}

func TestFinish_Declared(t *testing.T) {
	t.Parallel()
	f := files.File{Values: []files.Value{
		{Key: "general.architecture", Value: "llama"}, {Key: "general.name", Value: "A Model"}, {Key: "general.type", Value: "adapter"},
		{Key: "general.parameter_count", Value: uint64(8_030_261_248)}, {Key: "llama.block_count", Value: uint32(32)}, {Key: "llama.embedding_length", Value: uint32(4096)},
		{Key: "llama.expert_count", Value: uint32(8)}, {Key: "llama.expert_used_count", Value: uint32(2)}, {Key: "other.block_count", Value: uint32(99)},
		{Key: "general.base_model.count", Value: uint32(3)}, {Key: "general.base_model.0.repo_url", Value: "https://huggingface.co/org/base"},
		{Key: "general.base_model.1.organization", Value: "Org"}, {Key: "general.base_model.1.name", Value: "Base"},
	}}
	huge := files.File{Values: []files.Value{{Key: "general.parameter_count", Value: uint64(1 << 63)}, {Key: "general.base_model.count", Value: uint32(1 << 31)}}}
	out, _, _ := run(t, map[string][]byte{"a.gguf": f.Bytes()})
	g := out.Report.Facts.GGUF
	require.Equal(t, "llama", *g.Architecture)
	require.Equal(t, "A Model", *g.Name)
	require.Equal(t, "adapter", *g.Type)
	require.True(t, *g.Adapter)
	require.Equal(t, int64(8_030_261_248), *g.ParameterCount)
	require.Equal(t, int64(8_030_261_248), *out.Report.Facts.Params.Declared)
	require.Equal(t, int64(32), *g.Layers)
	require.Equal(t, int64(4096), *g.HiddenSize)
	require.Equal(t, int64(8), *g.Experts)
	require.Equal(t, int64(2), *g.ExpertsUsed)
	require.Equal(t, []string{"https://huggingface.co/org/base", "Org/Base"}, g.BaseModels)
	require.Equal(t, int64(3), *g.Version)
	for _, entry := range out.Report.FactsIndex {
		if entry.Name == "params.declared" || entry.Name == "gguf.parameter_count" {
			require.Equal(t, pipeline.BasisDeclared, entry.Basis)
		}
	}
	out, _, _ = run(t, map[string][]byte{"a.gguf": f.Bytes(), "b.gguf": huge.Bytes()})
	require.Equal(t, int64(1<<63-1), *out.Report.Facts.Params.Declared)
}

func TestFinish_NoGGUF(t *testing.T) {
	t.Parallel()
	out, _, _ := run(t, map[string][]byte{"readme.txt": []byte("words")})
	none := int64(0)
	require.Equal(t, pipeline.GGUF{Files: &none, Splits: &none, SplitsMissing: &none, SplitsMissingNames: []string{}, TensorsMissing: &none,
		TypesUnknown: &none, Problems: []string{}}, out.Report.Facts.GGUF, "that there is none is known")
}

// FuzzHeader: whatever the bytes are, the answer is a header whose tensors lie in the
// file and beside each other, or an error with a reason.
func FuzzHeader(f *testing.F) {
	for _, version := range []uint32{1, 2, 3} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			f.Add(files.File{Version: version, Order: order, Values: append(files.Words(3), files.Value{Key: "general.alignment", Value: uint32(64)}, files.Value{Key: "n", Value: [][]int32{{1}}}),
				Tensors: []files.Tensor{tensor("a", "Q4_K", 256, 2), tensor("b", "F16", 3), {Name: "x", Dims: []uint64{4}, Type: files.Type{Number: 99, Block: 1, Size: 1}}}}.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var kept bytes.Buffer
		h, err := gguf.Decode(bytes.NewReader(b), int64(len(b)), &kept)
		require.True(t, bytes.HasPrefix(b, kept.Bytes()))
		if err != nil {
			if h == nil && bytes.Contains([]byte(err.Error()), []byte("are known")) {
				return
			}
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			return
		}
		require.Equal(t, int64(kept.Len()), h.Table.HeaderEnd)
		require.GreaterOrEqual(t, h.Unexplained, int64(0))
		var sum uint64
		names := map[string]bool{}
		for i := range h.Table.Len() {
			tensor := h.Table.At(i)
			n, ok := tensor.Elements()
			require.True(t, ok)
			size, ok := tensor.DType.Size(n)
			require.True(t, ok)
			sum += size
			require.LessOrEqual(t, tensor.Offset+size, uint64(len(b)))
			require.LessOrEqual(t, len(tensor.Shape), gguf.MaxRank)
			require.False(t, names[tensor.Name])
			names[tensor.Name] = true
		}
		// Every byte is the header's, a tensor's, padding, or unexplained.
		padding := uint64(h.Table.Len()+2) * uint64(h.Alignment)
		require.GreaterOrEqual(t, uint64(h.Table.HeaderEnd)+sum+uint64(h.Unexplained)+padding, uint64(len(b)))
	})
}
