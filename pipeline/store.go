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

// Digester is a [Store] that may know SHA-256 sums of the objects it holds. It answers
// without reading an object's bytes, so that what it says is the store's word: who relies
// on it trusts the store to have taken the sums of what it hands out. An ETag is never one
// of them.
type Digester interface {
	// Digests returns what the store knows of a pinned object; the zero value where it
	// knows nothing. It returns an error that matches [ErrChanged] where the object is no
	// longer the pinned one, and else those of [Store].Open.
	Digests(ctx context.Context, o Object) (StoredDigest, error)
}

// StoredDigest is what a store holds of the bytes of one object.
type StoredDigest struct {
	// Whole is the SHA-256 of all bytes, "" where the store does not hold it.
	Whole Digest
	// Parts are the sums of the parts that the object was uploaded in, in order and
	// without gaps. They say nothing of the whole and can only be held against the bytes.
	Parts []PartDigest
}

// PartDigest is the SHA-256 of one part of an object.
type PartDigest struct {
	// Size is in bytes, at least 1.
	Size   int64
	SHA256 Digest
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
