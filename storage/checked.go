package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"weighbridge/pipeline"
)

// Checked reads the bytes of an object that is to be written, and holds them against the
// size and the digest that were approved. Its last bytes are handed out only when all of
// them fit, so that a writer that needs every byte cannot finish with wrong ones.
type Checked struct {
	ctx  context.Context //nolint:containedctx // it lives for one call of a place
	path string
	left int64
	sum  pipeline.Digest
	from io.Reader
	hash hash.Hash
	err  error
}

// NewChecked returns a reader of size bytes of body that have the digest sum.
func NewChecked(ctx context.Context, path string, size int64, sum pipeline.Digest, body io.Reader) *Checked {
	return &Checked{ctx: ctx, path: path, left: size, sum: sum, from: body, hash: sha256.New()}
}

// Read reads on. An error that matches [pipeline.ErrChanged] says that length or digest
// are not those that were approved.
func (c *Checked) Read(p []byte) (int, error) {
	if c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		return 0, c.end()
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.from.Read(p)
	c.hash.Write(p[:n])
	c.left -= int64(n)
	switch {
	case c.left == 0:
		if err := c.end(); err != io.EOF { //nolint:errorlint // end returns io.EOF itself
			return 0, err
		}
		return n, nil
	case errors.Is(err, io.EOF):
		return n, c.fail("it is shorter than what was approved")
	case err != nil:
		c.err = err
	}
	return n, err
}

// end checks what was read once all of it was, and returns [io.EOF] where it fits.
func (c *Checked) end() error {
	var more [1]byte
	if n, _ := io.ReadFull(c.from, more[:]); n != 0 {
		return c.fail("it is longer than what was approved")
	}
	if pipeline.DigestOf(c.hash.Sum(nil)) != c.sum {
		return c.fail("its bytes do not have the digest that was approved")
	}
	return io.EOF
}

func (c *Checked) fail(how string) error {
	c.err = &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%q was not written: %s", c.path, how),
		Hint: "have the source checked again"}
	return c.err
}

// Err returns why reading failed, nil where it did not.
func (c *Checked) Err() error { return c.err }
