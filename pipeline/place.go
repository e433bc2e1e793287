package pipeline

import (
	"context"
	"io"
)

// Place is where approved bytes are released to. It is the only interface through which
// objects are written, and nothing but a release has one; the bucket that is weighed is
// seen through [Store] alone. What lies at a place is read through a Store of the same
// source. Implementations are safe for use by many goroutines.
type Place interface {
	// Put writes the object at path, size bytes of body, in the place of what was there.
	// sum is their SHA-256. The object is visible whole or not at all. It returns an error
	// that matches [ErrUsage] for a path that leaves the place, [ErrChanged] where body is
	// shorter or longer than size or has another digest, [ErrDenied] where the place may
	// not be written to, [ErrNotFound] where it does not exist, and [ErrUnavailable].
	Put(ctx context.Context, path string, size int64, sum Digest, body io.Reader) error
	// Remove removes the object at path. That there is none is no error.
	Remove(ctx context.Context, path string) error
}

// Settler is a [Place] that writes behind: what it was given may be lost with the machine.
type Settler interface {
	// Settle returns once everything that was put lies where it outlives the machine.
	Settle(ctx context.Context) error
}

// Copier is a [Place] that can copy within one store, so that the bytes pass nobody.
type Copier interface {
	// Copy writes the pinned object o of a source as the object at path. done is false,
	// and nothing was written, where this place cannot reach the source: then its bytes
	// are to be read and put. An error matches [ErrChanged] where the object is no longer
	// the pinned one.
	Copy(ctx context.Context, from Source, o Object, path string) (done bool, err error)
}

// Tagger marks objects where they lie.
type Tagger interface {
	// Tag sets one tag on the pinned object at o.Path, beside those that it has. An error
	// matches [ErrChanged] where the object is no longer the pinned one, as far as the
	// store can tell.
	Tag(ctx context.Context, o Object, key, value string) error
}
