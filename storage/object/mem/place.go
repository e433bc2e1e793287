package mem

import (
	"context"
	"fmt"
	"io"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// Place writes to a store in memory.
type Place struct {
	*Store
	// Reached is the store that objects can be copied from, nil for none.
	Reached *Store
}

var (
	_ pipeline.Place  = Place{}
	_ pipeline.Copier = Place{}
)

// Put implements [pipeline.Place].
func (p Place) Put(ctx context.Context, path string, size int64, sum pipeline.Digest, body io.Reader) error {
	if path == "" {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "an object needs a path"}
	}
	data, err := io.ReadAll(storage.NewChecked(ctx, path, size, sum, body))
	if err != nil {
		return err
	}
	p.Store.Put(path, data)
	return nil
}

// Remove implements [pipeline.Place].
func (p Place) Remove(_ context.Context, path string) error {
	p.Store.Remove(path)
	return nil
}

// Copy implements [pipeline.Copier].
func (p Place) Copy(ctx context.Context, from pipeline.Source, o pipeline.Object, path string) (bool, error) {
	if p.Reached == nil || p.Reached.src.String() != from.String() {
		return false, nil
	}
	data := []byte{}
	if o.Size > 0 {
		body, err := p.Reached.Open(ctx, o, 0, o.Size)
		if err != nil {
			return false, err
		}
		if data, err = io.ReadAll(body); err != nil {
			return false, fmt.Errorf("copy %q: %w", path, err)
		}
	}
	p.Store.Put(path, data)
	return true, nil
}
