package pipeline

import (
	"context"
	"io"
)

// Store reads one source. It has no way to write: the model bucket is read-only by
// interface. Implementations and decorators are safe for use by many goroutines.
type Store interface {
	// List returns one page of the objects under the source. The first call has
	// an empty token, each later one the Next of the page before. Pages come in
	// byte order of path. Names that are no objects of the artifact (folder
	// markers, links that leave the source) are reported as skipped.
	//
	// It returns an error that matches [ErrNotFound] where the bucket or folder
	// does not exist, [ErrDenied] where the store refuses the credentials, and
	// [ErrUnavailable] where it did not answer. A source that holds nothing is
	// an empty page and no error.
	List(ctx context.Context, token string) (Page, error)

	// Open returns the bytes [offset, offset+length) of a pinned object, and
	// exactly those. offset must be at least 0, length at least 1, and their sum
	// at most o.Size; anything else is an error that matches [ErrUsage] and is
	// never sent.
	//
	// The bytes are those that were listed: where the object has another ETag
	// or version by now, or is gone, the error matches [ErrChanged], from Open
	// or from Read. An object that is not [Object.Pinned] is held to its size
	// and modification time instead. [ErrDenied] says that this object is
	// refused; [ErrProtocol] that the store's answer was not the asked range, or
	// ended early; [ErrUnavailable] that it did not answer. The caller closes
	// the reader.
	Open(ctx context.Context, o Object, offset, length int64) (io.ReadCloser, error)
}

// Page is one page of a listing.
type Page struct {
	Objects []Object
	Skipped []Skipped
	// Next is the token of the next page, "" after the last.
	Next string
}

// Cost is what a run asked of the store.
type Cost struct {
	// Requests counts listings and reads, each try of a repeated one too.
	Requests int64 `json:"requests"`
	// BytesRead counts the bytes of objects that arrived.
	BytesRead int64 `json:"bytes_read"`
	// Seconds is the wall time of the run.
	Seconds float64 `json:"seconds"`
}
