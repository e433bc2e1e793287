package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sort"
	"strconv"
	"time"
)

// SubmissionName is the file at a source's root that holds the submission. It is
// left out of every digest, because it is never part of the artifact.
const SubmissionName = "weighbridge.yaml"

// ApprovalName is the file at the root of a released model that holds its signed approval.
// It is left out of every digest, so that a released copy has the digest of what was
// approved.
const ApprovalName = "weighbridge.approval.json"

// The largest sizes in bytes that a file of these names can have. A larger one is an
// object like any other, so that no weights hide under the name.
const (
	SubmissionMax = 1 << 20
	ApprovalMax   = 128 << 20
)

// Object is one file under a source, as the listing showed it.
type Object struct {
	// Path is relative to the source, parted by slashes, exactly as the store
	// names it. It may hold any characters, ".." too: it is never joined to a
	// local path except by the folder backend, which made it.
	Path string `json:"path"`
	// Size is in bytes and never negative.
	Size int64 `json:"size"`
	// ETag is without its quotes; "" where the store gives none. It proves
	// sameness to one store and is never a digest.
	ETag string `json:"etag"`
	// VersionID is "" in a bucket without versions.
	VersionID string `json:"version_id"`
	// ModTime is the store's Last-Modified; zero where it gives none.
	ModTime time.Time `json:"-"`
}

// Pinned reports whether the store gave something that names these bytes: an ETag
// or a version id. An object without either can only be watched by size and time.
func (o Object) Pinned() bool { return o.ETag != "" || o.VersionID != "" }

// Apart reports whether the object only lies with the artifact and is no part of it: the
// submission or the approval at its root.
func (o Object) Apart() bool {
	switch o.Path {
	case SubmissionName:
		return o.Size <= SubmissionMax
	case ApprovalName:
		return o.Size <= ApprovalMax
	}
	return false
}

// Skipped is a name in the listing that is not an object of the artifact.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	// Unread is true where something lies there that a program which publishes the
	// source could take along: a link, a device.
	Unread bool `json:"unread,omitempty"`
}

// Snapshot is a source listed and pinned: what one run reads and nothing else.
type Snapshot struct {
	Source Source
	// Objects are in byte order of path, without duplicates.
	Objects []Object
	// Skipped is what the listing held and the artifact does not, in byte order.
	Skipped []Skipped
}

// Bytes returns the sum of the sizes of all objects.
func (s Snapshot) Bytes() int64 {
	var sum int64
	for _, o := range s.Objects {
		sum += o.Size
	}
	return sum
}

// Digest is "sha256:" and 64 hexadecimal digits, or "".
type Digest string

// DigestOf returns the digest of a SHA-256 sum.
func DigestOf(sum []byte) Digest { return Digest("sha256:" + hex.EncodeToString(sum)) }

// DigestBytes returns the digest of b.
func DigestBytes(b []byte) Digest {
	sum := sha256.Sum256(b)
	return DigestOf(sum[:])
}

// PinDigest names the pins of one run: SHA-256 over a line for each object in byte
// order of path, "path NUL size NUL etag NUL version_id LF". It locks a run to one
// store and is never an identity of the bytes.
func (s Snapshot) PinDigest() Digest {
	return digestLines(s.Objects, func(o Object) []string { return []string{o.ETag, o.VersionID} })
}

// HeaderDigest names what was read: a line for each object, "path NUL size NUL
// sha256 LF", with the sum of the bytes that were kept of it (a weight file's
// header, a small text whole) or nothing. Equal header digests mean likely copies
// and say nothing about the weights. The sums in kept are lower-case hexadecimal.
func (s Snapshot) HeaderDigest(kept map[string]string) Digest {
	return digestLines(s.Objects, func(o Object) []string { return []string{kept[o.Path]} })
}

// ContentDigest names the bytes themselves: a line for each object, "path NUL size
// NUL sha256 LF". It is equal wherever the same bytes lie. It returns "" unless
// sums holds a sum for every object.
func (s Snapshot) ContentDigest(sums map[string]string) Digest {
	for _, o := range s.Objects {
		if !o.Apart() && sums[o.Path] == "" {
			return ""
		}
	}
	return digestLines(s.Objects, func(o Object) []string { return []string{sums[o.Path]} })
}

func digestLines(objects []Object, fields func(Object) []string) Digest {
	sorted := append([]Object(nil), objects...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Path < sorted[j].Path })
	h := sha256.New()
	for _, o := range sorted {
		if o.Apart() {
			continue
		}
		writeLine(h, append([]string{o.Path, strconv.FormatInt(o.Size, 10)}, fields(o)...))
	}
	return DigestOf(h.Sum(nil))
}

func writeLine(h hash.Hash, fields []string) {
	for i, f := range fields {
		if i > 0 {
			h.Write([]byte{0})
		}
		_, _ = io.WriteString(h, f)
	}
	h.Write([]byte{'\n'})
}
