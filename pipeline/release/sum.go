package release

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

// sumBuffer is how much is read at a time.
const sumBuffer = 1 << 20

// Sum returns the SHA-256 of a pinned object, by reading it.
func Sum(ctx context.Context, s pipeline.Store, o pipeline.Object) (pipeline.Digest, error) {
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
