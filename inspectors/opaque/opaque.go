// Package opaque names formats that hold weights and are not weighed by their headers.
//
// Naming is all it does: what it names is neither explained nor inert, so the scale
// counts it at eight parameters a byte, exactly as it counts what nobody knows. The name
// serves the person who reads the report: it says what the object is, why it is not
// weighed and what to do instead. So a name may be wrong without harm, and a name taken
// from a path is good enough where the bytes show none.
//
// A format that other readers weigh (safetensors, GGUF, PyTorch's archives, numpy's) is
// not in the list.
package opaque

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "opaque"

// Reader names objects.
type Reader struct{}

// Name returns "opaque".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects: some formats show in what lies beside an
// object.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	r := &run{present: make(map[string]bool, len(objects)), arrays: map[string]bool{}}
	for _, o := range objects {
		r.present[o.Path] = true
		switch dir, base := path.Split(o.Path); base {
		case ".zarray", ".zgroup", "zarr.json", ".zattrs":
			r.arrays[dir] = true
		}
	}
	return r
}

type run struct {
	present map[string]bool
	// arrays holds the folders of zarr's arrays and groups, with their slash.
	arrays map[string]bool
}

// First has no wish: what is read of any object is enough to name it.
func (*run) First(pipeline.Object, pipeline.Stage) (int64, bool) { return 0, false }

// Sniff claims what it can name.
func (r *run) Sniff(o pipeline.Object, head []byte) bool {
	_, ok := r.name(o, head)
	return ok
}

// Read reports the name. It reads nothing further.
func (r *run) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	k, ok := r.name(f.Object(), f.Head())
	if !ok { // Sniff has seen the same
		return pipeline.ReadResult{}, fmt.Errorf("%s is none of the formats that are named", f.Object().Path)
	}
	result := pipeline.ReadResult{Format: k.format, Role: pipeline.RoleWeights}
	switch k.sort {
	case archive:
		result.Role = pipeline.RoleUnknown
		result.Note = fmt.Sprintf("this is %s; archives are not unpacked, so it is counted at eight parameters a byte; unpack it and repack the weights as safetensors", k.title)
	case sealed:
		result.Role = pipeline.RoleUnknown
		result.Note = fmt.Sprintf("this is %s; nothing in it can be read, so it is counted at eight parameters a byte", k.title)
	case other:
		result.Role = pipeline.RoleUnknown
		result.Note = fmt.Sprintf("this is %s, which is not read; it is counted at eight parameters a byte", k.title)
	default:
		result.Note = fmt.Sprintf("this is %s, which is not weighed by its header; it is counted at eight parameters a byte; convert the weights to safetensors for an exact count", k.title)
	}
	return result, nil
}

// Finish has nothing to add.
func (*run) Finish(*pipeline.Readings, *pipeline.FactSet) {}

// sort says what kind of thing a format is, and so what the reader is told.
type sort int

const (
	weights sort = iota
	archive
	sealed
	other
)

// kind is a format that has a name.
type kind struct {
	format string
	// title names it in a sentence, with its article.
	title string
	sort  sort
}

// mark is a sequence of bytes at a place.
type mark struct {
	at    int
	bytes string
}

// marked lists formats that their bytes tell, in the order in which they are tried.
var marked = []struct {
	kind
	marks []mark
}{
	{kind{"hdf5", "an HDF5 file, as Keras writes", weights}, []mark{{0, "\x89HDF\r\n\x1a\n"}}},
	{kind{"hdf5", "an HDF5 file behind a block of its writer's own", weights}, []mark{{512, "\x89HDF\r\n\x1a\n"}}},
	{kind{"llamafile", "a llamafile, a program with a model inside", weights}, []mark{{0, "MZqFpD"}}},
	{kind{"ggml", "a GGML file, from before GGUF", weights}, []mark{{0, "lmgg"}}},
	{kind{"ggml", "a GGML file, from before GGUF", weights}, []mark{{0, "fmgg"}}},
	{kind{"ggml", "a GGML file, from before GGUF", weights}, []mark{{0, "tjgg"}}},
	{kind{"ggml", "a GGML adapter, from before GGUF", weights}, []mark{{0, "algg"}}},
	{kind{"tensorrt", "a TensorRT engine", weights}, []mark{{0, "ptrt"}}},
	{kind{"tensorrt", "a TensorRT engine", weights}, []mark{{0, "ftrt"}}},
	{kind{"tflite", "a TensorFlow Lite model", weights}, []mark{{4, "TFL3"}}},
	{kind{"executorch", "an ExecuTorch program", weights}, []mark{{4, "ET12"}}},
	{kind{"rknn", "an RKNN model", weights}, []mark{{0, "RKNN"}}},
	{kind{"tensorizer", "a Tensorizer file", weights}, []mark{{0, "|TZR|"}}},
	{kind{"7z", "a 7z archive", archive}, []mark{{0, "7z\xbc\xaf\x27\x1c"}}},
	{kind{"xz", "an xz archive", archive}, []mark{{0, "\xfd7zXZ\x00"}}},
	{kind{"zstd", "a Zstandard archive", archive}, []mark{{0, "\x28\xb5\x2f\xfd"}}},
	{kind{"gzip", "a gzip archive", archive}, []mark{{0, "\x1f\x8b\x08"}}},
	{kind{"bzip2", "a bzip2 archive", archive}, []mark{{0, "BZh"}, {4, "1AY&SY"}}},
	{kind{"lz4", "an LZ4 archive", archive}, []mark{{0, "\x04\x22\x4d\x18"}}},
	{kind{"rar", "a RAR archive", archive}, []mark{{0, "Rar!\x1a\x07"}}},
	{kind{"tar", "a tar archive", archive}, []mark{{257, "ustar"}}},
	{kind{"openssl", "a file that OpenSSL encrypted", sealed}, []mark{{0, "Salted__"}}},
	{kind{"age", "a file that age encrypted", sealed}, []mark{{0, "age-encryption.org/v1\n"}}},
	{kind{"parquet", "a Parquet table", other}, []mark{{0, "PAR1"}}},
	{kind{"arrow", "an Arrow table", other}, []mark{{0, "ARROW1\x00\x00"}}},
	{kind{"sqlite", "an SQLite database", other}, []mark{{0, "SQLite format 3\x00"}}},
	{kind{"executable", "a program", other}, []mark{{0, "\x7fELF"}}},
}

// ended lists formats that only the end of a name tells.
var ended = []struct {
	kind
	ends []string
}{
	{kind{"tensorrt", "a TensorRT engine", weights}, []string{".engine", ".plan", ".trt"}},
	{kind{"hdf5", "an HDF5 file, as Keras writes", weights}, []string{".h5", ".hdf5"}},
	{kind{"flax", "a Flax checkpoint in MessagePack", weights}, []string{".msgpack"}},
	{kind{"executorch", "an ExecuTorch program", weights}, []string{".pte", ".ptd"}},
	{kind{"rknn", "an RKNN model", weights}, []string{".rknn"}},
	{kind{"mnn", "an MNN model", weights}, []string{".mnn", ".mnn.weight"}},
	{kind{"coreml", "a Core ML model", weights}, []string{".mlmodel"}},
	{kind{"dcp", "a part of a distributed PyTorch checkpoint", weights}, []string{".distcp"}},
	{kind{"tensorizer", "a Tensorizer file", weights}, []string{".tensors"}},
	{kind{"flashpack", "a FlashPack file", weights}, []string{".flashpack"}},
	{kind{"paddle", "Paddle parameters", weights}, []string{".pdparams", ".pdiparams"}},
	{kind{"caffe", "a Caffe model", weights}, []string{".caffemodel"}},
	{kind{"darknet", "Darknet weights", weights}, []string{".weights"}},
	{kind{"mindspore", "a MindSpore model", weights}, []string{".mindir"}},
}

// The names of files that come in numbers.
var (
	bundle = regexp.MustCompile(`\.data-\d{5}-of-\d{5}$`)
	webbed = regexp.MustCompile(`shard-?\d+-?of-?\d+(\.bin)?$`)
)

// name tells what an object is, by its bytes or, where those show nothing and are no
// text, by its path and what lies beside it.
func (r *run) name(o pipeline.Object, head []byte) (kind, bool) {
	for _, m := range marked {
		if matches(head, m.marks) {
			return m.kind, true
		}
	}
	if k, ok := zipped(o, head); ok {
		return k, true
	}
	if spec(head) {
		return kind{"ctranslate2", "a CTranslate2 model", weights}, true
	}
	// Whatever is plain text says itself what it is.
	if bytes.IndexByte(head, 0) < 0 && utf8.Valid(head) {
		return kind{}, false
	}
	return r.placed(o, head)
}

func matches(head []byte, marks []mark) bool {
	for _, m := range marks {
		if len(head) < m.at+len(m.bytes) || string(head[m.at:m.at+len(m.bytes)]) != m.bytes {
			return false
		}
	}
	return true
}

// torchs matches the first member of PyTorch's archives, which are another reader's.
var torchs = regexp.MustCompile(`^[^/]+/(data\.pkl|data/|code/|extra/|version$|byteorder$|constants|\.)`)

// zipped names zip archives by their first member.
func zipped(o pipeline.Object, head []byte) (kind, bool) {
	if !bytes.HasPrefix(head, []byte("PK\x03\x04")) || len(head) < 30 {
		return kind{}, false
	}
	n := int(binary.LittleEndian.Uint16(head[26:]))
	first := string(head[30:min(30+n, len(head))])
	lower := strings.ToLower(o.Path)
	switch {
	case torchs.MatchString(first), strings.HasSuffix(strings.ToLower(first), ".npy"), strings.HasSuffix(lower, ".npz"):
		return kind{}, false
	case strings.HasSuffix(lower, ".keras"), first == "metadata.json", first == "model.weights.h5":
		return kind{"keras", "a Keras archive", weights}, true
	case strings.HasPrefix(first, "MAR-INF/"), strings.HasSuffix(lower, ".mar"):
		return kind{"mar", "a TorchServe archive", archive}, true
	}
	return kind{"zip", "a zip archive", archive}, true
}

// spec reports whether head begins like a CTranslate2 model: a version, and the name of
// a specification with its length.
func spec(head []byte) bool {
	if len(head) < 8 || binary.LittleEndian.Uint32(head) > 64 {
		return false
	}
	n := int(binary.LittleEndian.Uint16(head[4:]))
	return n > len("Spec") && n < 128 && len(head) >= 6+n && strings.HasSuffix(string(head[6:6+n]), "Spec\x00")
}

// placed names an object that is no text by its path.
func (r *run) placed(o pipeline.Object, head []byte) (kind, bool) {
	lower := strings.ToLower(o.Path)
	base := path.Base(lower)
	for _, e := range ended {
		for _, end := range e.ends {
			if strings.HasSuffix(base, end) {
				return e.kind, true
			}
		}
	}
	switch {
	case strings.Contains(lower, ".mlpackage/"), strings.Contains(lower, ".mlmodelc/"):
		return kind{"coreml", "a Core ML model", weights}, true
	case base == "saved_model.pb", bundle.MatchString(base), base == "variables.index", strings.Contains(base, ".ckpt") && strings.HasSuffix(base, ".index"):
		return kind{"tensorflow", "a part of a TensorFlow model", weights}, true
	case webbed.MatchString(base):
		return kind{"tfjs", "a part of a TensorFlow.js model", weights}, true
	case base == "manifest.ocdbt", strings.Contains(lower, "/ocdbt.process_"):
		return kind{"orbax", "a part of an Orbax checkpoint", weights}, true
	case r.inArray(o.Path):
		return kind{"zarr", "a part of a zarr array", weights}, true
	case strings.HasSuffix(base, ".bin") && r.present[o.Path[:len(o.Path)-len(".bin")]+".xml"]:
		return kind{"openvino", "the weights of an OpenVINO model", weights}, true
	case strings.HasSuffix(base, ".bin") && r.present[o.Path[:len(o.Path)-len(".bin")]+".param"]:
		return kind{"ncnn", "the weights of an ncnn model", weights}, true
	case packed(head):
		return kind{"msgpack", "a file in MessagePack, as Flax writes", weights}, true
	}
	return kind{}, false
}

// inArray reports whether a folder above the object is one of zarr's.
func (r *run) inArray(object string) bool {
	for dir := object; ; {
		i := strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')
		if r.arrays[dir[:i+1]] {
			return true
		}
		if i < 0 {
			return false
		}
		dir = dir[:i+1]
	}
}

// packed reports whether head begins like a map in MessagePack whose first key is a
// short name.
func packed(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	at := 0
	switch c := head[0]; {
	case c > 0x80 && c <= 0x8f:
		at = 1
	case c == 0xde:
		at = 3
	case c == 0xdf:
		at = 5
	default:
		return false
	}
	n := 0
	switch c := head[at]; {
	case c > 0xa0 && c <= 0xbf:
		n = int(c & 0x1f)
		at++
	case c == 0xd9:
		n = int(head[at+1])
		at += 2
	}
	if n == 0 || at+n >= len(head) {
		return false
	}
	for _, c := range head[at : at+n] {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	// A map or a value of a checkpoint follows, never a key.
	next := head[at+n]
	return next >= 0x80 && next <= 0x8f || next == 0xde || next == 0xdf || next >= 0xc4 && next <= 0xc9 || next <= 0x7f
}
