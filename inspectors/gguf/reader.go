// Package gguf reads the headers of GGUF files, by ranges, without ever touching a
// weight.
//
// A GGUF header is a few numbers, the tokenizer with its words, and the list of tensors,
// which comes last and is what weighs. The words are several megabytes, so the header is
// streamed through a small window and never built; only the list of tensors is kept.
// Types are packed in blocks, and a tensor's dimensions are those of the model, so a
// count needs no unpacking: it is exact for every known type, and for an unknown one the
// tensor's bytes are counted at eight parameters each.
//
// Unlike ggml's own reader, this one knows version 1, both orders of bytes, and block
// types that ggml has dropped again: such files exist, and weigh.
//
// Sources: the format description gguf.md and gguf.cpp, ggml.h and ggml-common.h of
// ggml.
package gguf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name, and Format its word for the format.
const (
	Name   = "gguf"
	Format = "gguf"
)

const (
	extension = ".gguf"

	// firstGuess is asked of a file that may hold a tokenizer, laterGuess of the later
	// parts of a split model, which hold none. A tokenizer of 32,000 words fits the
	// first; one of 150,000 takes one more range of firstStep.
	firstGuess = 1 << 20
	laterGuess = 128 << 10
	// firstStep is the first range behind the first read. Each further one is four
	// times as long. A range is streamed and left where the header ends.
	firstStep = 8 << 20
	mostStep  = 128 << 20
)

// Reader reads GGUF files.
type Reader struct{}

// Name returns "gguf".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	return &run{objects: objects, headers: map[string]*Header{}}
}

type run struct {
	objects []pipeline.Object

	mu      sync.Mutex
	headers map[string]*Header
}

func named(path string) bool { return strings.HasSuffix(strings.ToLower(path), extension) }

// First asks for the likely length of a header.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	if stage != pipeline.StageBodies || !named(o.Path) {
		return 0, false
	}
	if p, ok := partOf(o.Path); ok && p.number > 1 {
		return laterGuess, true
	}
	return firstGuess, true
}

// Sniff claims GGUF files by name, and anything whose first bytes are a header's,
// whatever its name.
func (r *run) Sniff(o pipeline.Object, head []byte) bool { return named(o.Path) || starts(head) }

// Read reads one header.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleWeights}
	h, err := decode(ctx, f)
	var newer versionError
	if errors.As(err, &newer) {
		result.Note = newer.Error() + "; the file is counted at eight parameters a byte"
		return result, nil
	}
	if err != nil {
		return result, err
	}
	h.Table.Object = f.Object().Path
	result.Explained = true
	result.Unexplained = h.Unexplained
	if h.Unexplained > 0 {
		result.Note = fmt.Sprintf("%d bytes are counted at eight parameters each: %s", h.Unexplained, strings.Join(h.Why, "; "))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers[f.Object().Path] = h
	return result, nil
}

// decode reads the header of an object and records it.
func decode(ctx context.Context, f pipeline.File) (*Header, error) {
	body := &ranges{ctx: ctx, file: f, step: firstStep}
	defer body.close()
	kept := f.Keep()
	h, err := Decode(io.MultiReader(bytes.NewReader(f.Head()), body), f.Object().Size, kept)
	if err != nil {
		return nil, err
	}
	if err := kept.Close(); err != nil {
		return nil, fmt.Errorf("keep the header: %w", err)
	}
	return h, nil
}

// ranges yields what follows the head of an object, by ranges of growing length, each
// begun only when it is reached.
type ranges struct {
	ctx  context.Context //nolint:containedctx // it lives for one call of Read
	file pipeline.File
	at   int64 // where the next range begins
	step int64
	body io.ReadCloser
	left int64 // bytes of the range that are still to come
}

// Read reads on.
func (r *ranges) Read(p []byte) (int, error) {
	for {
		if r.body == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		r.left -= int64(n)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if r.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		r.close()
		if n > 0 {
			return n, nil
		}
	}
}

func (r *ranges) next() error {
	size := r.file.Object().Size
	r.at = max(r.at, int64(len(r.file.Head())))
	if r.at >= size {
		return io.EOF
	}
	n := min(r.step, size-r.at)
	body, err := r.file.Range(r.ctx, r.at, n)
	if err != nil {
		return err
	}
	r.body, r.left = body, n
	r.at += n
	r.step = min(4*r.step, mostStep)
	return nil
}

func (r *ranges) close() {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
}
