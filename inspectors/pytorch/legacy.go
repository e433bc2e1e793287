package pytorch

import (
	"context"
	"fmt"

	"weighbridge/pipeline"
)

// mostStacked is how many pickles behind each other are looked at for imports.
const mostStacked = 1000

// readLegacy reads a checkpoint of PyTorch before version 1.6: pickles of a magic number,
// a version, facts about the machine, the checkpoint and the keys of its storages;
// then each storage with its number of elements before it.
func (r *run) readLegacy(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: FormatLegacy, Role: pipeline.RoleWeights}
	r.count(&r.legacy, o.Path)
	leave, err := r.enter(ctx)
	if err != nil {
		return result, err
	}
	defer leave()
	body := &ranges{ctx: ctx, file: f}
	defer body.close()
	kept := f.Keep()
	in := newInput(body, MaxPickle, kept)
	var parts [5]*Pickle
	for i := range parts {
		p, err := interpret(in)
		r.note(o.Path, p)
		if err != nil {
			return result, err
		}
		parts[i] = p
	}
	if v, ok := parts[1].root.(int64); !ok || v != legacyVersion {
		return result, malformed("the checkpoint has the protocol %v; only %d is known", parts[1].root, legacyVersion)
	}
	checkpoint := parts[3]
	places, err := behind(checkpoint, parts[4].root, in.offset(), o.Size)
	if err != nil {
		return result, err
	}
	w, err := weigh(checkpoint, places.storages)
	if err != nil {
		return result, err
	}
	if err := in.flush(); err != nil {
		return result, err
	}
	if err := kept.Close(); err != nil {
		return result, fmt.Errorf("keep the pickles: %w", err)
	}
	w.table.Object, w.table.Format, w.table.HeaderEnd = o.Path, FormatLegacy, in.offset()
	spoken := &Pickle{Bytes: in.offset()}
	result.Explained = true
	result.Unexplained = int64(saturate(saturate(w.unexplained, uint64(places.rest)), verbose(spoken, len(checkpoint.keys))))
	result.Note = importsNote(checkpoint)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables[o.Path] = w.table
	r.tied += w.tied
	return result, nil
}

// laid is where the storages of an old checkpoint lie.
type laid struct {
	storages map[string]place
	// rest is how many bytes follow the last storage.
	rest int64
}

// behind lays the storages of an old checkpoint one behind the other from offset on, in
// the order of their keys.
func behind(p *Pickle, keys any, offset, size int64) (*laid, error) {
	list, ok := keys.(*sequence)
	if !ok {
		return nil, malformed("the checkpoint has no list of its storages")
	}
	out := &laid{storages: make(map[string]place, len(list.items))}
	at := uint64(offset)
	for _, item := range list.items {
		key, ok := keyText(item)
		s := p.storages[key]
		if !ok || s == nil {
			return nil, malformed("the checkpoint lists the storage %.40q, to which it does not refer", key)
		}
		if _, twice := out.storages[key]; twice {
			return nil, malformed("the checkpoint lists the storage %.40q twice", key)
		}
		if s.typ.bytes == 0 {
			return nil, overLimit("storage %.40q is of a type whose size is not known", key)
		}
		bytes := s.numel * s.typ.bytes
		out.storages[key] = place{offset: at + 8, bytes: bytes}
		if at, ok = sum(at, bytes+8); !ok || at > uint64(size) {
			return nil, malformed("the storages of the checkpoint reach beyond the end of the file")
		}
	}
	out.rest = size - int64(at)
	return out, nil
}

// readPickle names what a pickle imports. Its content, and what follows it, is left to the
// bound of its size.
func (r *run) readPickle(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: FormatPickle, Role: pipeline.RoleWeights}
	r.count(&r.plain, o.Path)
	leave, err := r.enter(ctx)
	if err != nil {
		return result, err
	}
	defer leave()
	body := &ranges{ctx: ctx, file: f}
	defer body.close()
	in := newInput(body, MaxPickle, nil)
	all := &Pickle{}
	for i := 0; i < mostStacked && in.offset() < o.Size; i++ {
		p, err := interpret(in)
		r.note(o.Path, p)
		all.Foreign += p.Foreign
		all.Imports = append(all.Imports, p.Imports...)
		if err != nil && i == 0 {
			return result, err
		}
		if err != nil {
			break // bytes follow the first pickle that are none
		}
	}
	result.Note = because("it is a pickle; it is counted at eight parameters a byte", importsNote(all))
	return result, nil
}
