package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

// sumBuffer is how much is read at a time.
const sumBuffer = 1 << 20

// Sum returns the SHA-256 of a pinned object: the one that the store holds of the whole
// object, which is the store's word, or else by reading it.
func Sum(ctx context.Context, s pipeline.Store, o pipeline.Object) (pipeline.Digest, error) {
	if d, ok := s.(pipeline.Digester); ok {
		stored, err := d.Digests(ctx, o)
		if err == nil && stored.Whole != "" || errors.Is(err, pipeline.ErrChanged) {
			return stored.Whole, err
		}
	}
	hash := sha256.New()
	if o.Size > 0 {
		body, err := s.Open(ctx, o, 0, o.Size)
		if err != nil {
			return "", err
		}
		defer func() { _ = body.Close() }() // read only
		n, err := io.CopyBuffer(hash, struct{ io.Reader }{body}, make([]byte, sumBuffer))
		if err != nil {
			return "", fmt.Errorf("hash %q: %w", o.Path, err)
		}
		if n != o.Size {
			return "", &pipeline.Error{Code: pipeline.CodeProtocol, Message: fmt.Sprintf("%q ended early", o.Path)}
		}
	}
	return pipeline.DigestOf(hash.Sum(nil)), nil
}
