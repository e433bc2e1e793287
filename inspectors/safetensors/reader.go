// Package safetensors reads the headers of safetensors files and their indexes, by
// ranges, without ever touching a weight.
//
// The header reader is Weighbridge's own. A general JSON decoder lets pass what
// hides a model (repeated names, keys in other case, invalid UTF-8), builds a value
// for each number, and needs the whole text; this one is strict, makes one pass over
// the bytes as they arrive, and keeps a tensor in a few tens of bytes.
//
// Sources: the format description and tensor.rs of the safetensors project; the
// acceptance profile and the list of hostile headers in the project's notes on
// counting, section 1.
package safetensors

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name, and Format its word for the format.
const (
	Name   = "safetensors"
	Format = "safetensors"
	// FormatIndex is the word for an index.
	FormatIndex = "safetensors-index"
)

const (
	extension      = ".safetensors"
	indexExtension = ".safetensors.index.json"

	// firstGuess is asked of a shard when nothing is known of its set: 97 of 100
	// real files have a shorter header (huggingface_hub, get_safetensors_metadata).
	firstGuess = 128 << 10
	// mostAhead bounds what is fetched on a guess; a longer header is streamed.
	mostAhead = 4 << 20
)

// Reader reads safetensors files and indexes.
type Reader struct{}

// Name returns "safetensors".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	return &run{objects: objects, headers: map[string]*Header{}}
}

type run struct {
	objects []pipeline.Object

	mu      sync.Mutex
	indexes []*Index
	headers map[string]*Header
	broken  int64
	longest int64 // the longest header so far
}

// isIndex reports whether an object is an index by its name. Variants carry their
// name in the middle: model.safetensors.index.fp16.json.
func isIndex(name string) bool {
	name = strings.ToLower(path.Base(name))
	return strings.HasSuffix(name, indexExtension) ||
		(strings.Contains(name, ".safetensors.index.") && strings.HasSuffix(name, ".json"))
}

func isShard(name string) bool { return strings.HasSuffix(strings.ToLower(name), extension) }

// First asks for whole indexes among the guides, and for the likely length of a header
// afterwards.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	switch {
	case stage == pipeline.StageGuides && isIndex(o.Path):
		return min(o.Size, MaxIndex), true
	case stage == pipeline.StageBodies && isShard(o.Path):
		return r.guess(o.Path), true
	}
	return 0, false
}

func (r *run) guess(object string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var guess int64
	for _, x := range r.indexes {
		if n, ok := x.HeaderBytes(object); ok {
			guess = max(guess, n)
		}
	}
	if guess == 0 {
		guess = firstGuess
		if r.longest > 0 {
			guess = r.longest + r.longest/8 + headerRoom
		}
	}
	return min(guess, mostAhead)
}

// Sniff claims indexes and safetensors files by name, and anything whose first bytes
// are a header's, whatever its name.
func (r *run) Sniff(o pipeline.Object, head []byte) bool {
	if isIndex(o.Path) || isShard(o.Path) {
		return true
	}
	n, err := HeaderLength(head, o.Size)
	if err != nil {
		return false
	}
	text := head[8:]
	if int64(len(text)) > n {
		text = text[:n]
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		// A header that begins with more white space than was fetched.
		return int64(len(head)-8) < n
	}
	if text[0] != '{' {
		return false
	}
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	return len(text) == 0 || text[0] == '"' || text[0] == '}'
}

// Read reads one header or index.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	if isIndex(f.Object().Path) {
		return r.readIndex(ctx, f)
	}
	return r.readHeader(ctx, f)
}

func (r *run) readHeader(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleWeights}
	h, err := r.decodeHeader(ctx, f)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.broken++
		return result, err
	}
	h.Table.Object = o.Path
	r.headers[o.Path] = h
	result.Explained = true
	return result, nil
}

func (r *run) decodeHeader(ctx context.Context, f pipeline.File) (*Header, error) {
	o := f.Object()
	n, err := HeaderLength(f.Head(), o.Size)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.longest = max(r.longest, n)
	r.mu.Unlock()
	body, err := f.Header(ctx, 8+n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var length [8]byte
	if _, err := io.ReadFull(body, length[:]); err != nil {
		return nil, fmt.Errorf("read the header's length: %w", err)
	}
	return DecodeHeader(body, n, o.Size)
}

func (r *run) readIndex(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: FormatIndex, Role: pipeline.RoleIndex}
	if o.Size > MaxIndex {
		return result, &pipeline.Error{Code: pipeline.CodeOverLimit,
			Message: fmt.Sprintf("the index has %d bytes; at most %d are read", o.Size, int64(MaxIndex))}
	}
	if o.Size == 0 {
		return result, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the index is empty"}
	}
	body, err := f.Header(ctx, o.Size)
	if err != nil {
		return result, err
	}
	defer func() { _ = body.Close() }()
	x, err := DecodeIndex(body, o.Size, o.Path)
	if err != nil {
		return result, err
	}
	// What stands behind the first document is read too, so that it is kept.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return result, fmt.Errorf("read the index: %w", err)
	}
	r.mu.Lock()
	r.indexes = append(r.indexes, x)
	r.mu.Unlock()
	result.Explained = true
	result.Inert = true
	return result, nil
}
