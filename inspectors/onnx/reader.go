// Package onnx reads ONNX models by ranges: the shapes and types of every tensor, without
// touching a weight.
//
// A model is one protobuf message. The reader walks its fields as they arrive and leaves
// out the data of tensors by their length, so that a model of two gigabytes costs a range
// for each large tensor, and one whose data lie beside it a single read. Counted are the
// initializers of the graph, those of graphs inside its nodes, tensors that nodes
// carry as attributes, and functions and training graphs with theirs.
//
// Where tensors keep their data in another object of the source, the bytes to which they
// refer explain that object; what nothing refers to, alignment too, stays unexplained.
// A tensor's dimensions count numbers also where several share a byte (INT4, FLOAT4E2M1),
// so they need no unpacking.
//
// MatMulNBits packs its matrix in bytes. The bits are an attribute of the node. Its
// tensors stand in the table below the matrix's name, as <name>.nbits<bits>,
// <name>.nbits_scales and <name>.nbits_zero_points, so that the scale sees that they
// belong together.
//
// Sources: onnx.proto and the page on external data of ONNX; the encoding of Protocol
// Buffers; the project's notes on counting, section 6.
package onnx

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "onnx"

// The inspector's words for the formats.
const (
	Format = "onnx"
	// FormatData is an object that holds the data of a model's tensors.
	FormatData = "onnx-data"
)

const (
	extension = ".onnx"
	// firstGuess is asked of a model: most with their data elsewhere fit it.
	firstGuess = 1 << 20
)

// Reader reads ONNX models and the objects to which they refer.
type Reader struct{}

// Name returns "onnx".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	r := &run{sizes: map[string]int64{}, models: map[string]*Model{}, external: map[string][]reference{}, claimed: map[string]bool{}}
	for _, o := range objects {
		r.sizes[o.Path] = o.Size
	}
	return r
}

type run struct {
	sizes map[string]int64 // by path

	mu     sync.Mutex
	models map[string]*Model
	// external are the tensors whose data lie in an object, by its path.
	external map[string][]reference
	// claimed are the objects that were read as the data of models.
	claimed map[string]bool
	missing map[string]bool
}

// reference is a tensor whose data lie in another object.
type reference struct {
	model string
	*External
}

func named(object string) bool { return strings.HasSuffix(strings.ToLower(object), extension) }

// First asks for models among the guides: what they say explains the objects to which
// they refer.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return firstGuess, stage == pipeline.StageGuides && named(o.Path)
}

// Sniff claims models by name, anything whose first fields are a model's, and the objects
// to which models refer that were read before.
func (r *run) Sniff(o pipeline.Object, head []byte) bool {
	return named(o.Path) || len(r.refers(o.Path)) > 0 || looks(head, o.Size)
}

func (r *run) refers(object string) []reference {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.external[object]
}

// Read reads one model, or sees how much of an object the models read so far explain.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	if refs := r.refers(o.Path); len(refs) > 0 && !named(o.Path) {
		covered, _ := cover(refs)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.claimed[o.Path] = true
		return pipeline.ReadResult{Format: FormatData, Role: pipeline.RoleWeights, Explained: true, Unexplained: max(0, o.Size-covered)}, nil
	}
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleWeights}
	kept := f.Keep()
	m, err := Decode(&source{ctx: ctx, file: f}, o.Size, kept)
	if err != nil {
		return result, err
	}
	refs, absent, err := r.resolve(o.Path, m)
	if err != nil {
		return result, err
	}
	if err := kept.Close(); err != nil {
		return result, fmt.Errorf("keep the model: %w", err)
	}
	m.Table.Object = o.Path
	r.mu.Lock()
	defer r.mu.Unlock()
	r.models[o.Path] = m
	for _, ref := range refs {
		full := ref.object
		r.external[full] = append(r.external[full], reference{o.Path, ref.External})
	}
	for _, name := range absent {
		if r.missing == nil {
			r.missing = map[string]bool{}
		}
		r.missing[name] = true
	}
	result.Explained, result.Unexplained = true, m.Unexplained
	return result, nil
}

type resolved struct {
	object string
	*External
}

// resolve finds the objects in which a model's tensors keep their data. A tensor whose
// object is not there stays in the model's own table: what is declared may raise a count.
func (r *run) resolve(object string, m *Model) (refs []resolved, absent []string, err error) {
	for i := range m.External {
		x := &m.External[i]
		full, err := place(object, x.Location)
		if err != nil {
			return nil, nil, err
		}
		size, there := r.sizes[full]
		if !there {
			absent = append(absent, full)
			m.Table.Append([]byte(x.Name), x.DType, x.Shape, 0)
			continue
		}
		if x.Offset > size || x.Bytes > size-x.Offset {
			return nil, nil, malformed("tensor %.80q refers to %d bytes at %d of %.80q, which has %d", x.Name, x.Bytes, x.Offset, full, size)
		}
		refs = append(refs, resolved{full, x})
	}
	return refs, absent, nil
}

// place returns the object that a location names. Locations are relative to the model's
// folder and must stay in it.
func place(object, location string) (string, error) {
	bad := location == "" || strings.ContainsAny(location, "\\\x00:*") || strings.HasPrefix(location, "/")
	for part := range strings.SplitSeq(location, "/") {
		bad = bad || part == ".."
	}
	clean := path.Clean(location)
	if bad || clean == "." {
		return "", malformed("a tensor's data are at %.80q, which is no file in the model's folder", location)
	}
	if dir := path.Dir(object); dir != "." {
		return dir + "/" + clean, nil
	}
	return clean, nil
}
