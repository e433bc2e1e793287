package pipeline

import (
	"path/filepath"
	"strings"
)

// Scheme says which kind of store a source names.
type Scheme string

// The schemes that a source can have.
const (
	SchemeS3  Scheme = "s3"
	SchemeDir Scheme = "dir"
)

// Source is where a model lies: a prefix of a bucket, or a local folder.
type Source struct {
	Scheme Scheme
	// Bucket is set for S3 only.
	Bucket string
	// Prefix is the key prefix for S3. It is empty or ends in a slash, so that
	// s3://b/p never includes the neighbour s3://b/p-2/.
	Prefix string
	// Dir is the absolute path of a local folder.
	Dir string
}

// ParseSource reads s3://bucket/prefix/ or the path of a folder. A missing slash
// at the end of a prefix is added. A relative path is made absolute.
//
// It returns an error with [CodeUsage] for an empty text, a bucket without a
// name, or a scheme that Weighbridge does not read.
func ParseSource(text string) (Source, error) {
	if text == "" {
		return Source{}, &Error{Code: CodeUsage, Message: "the source is empty",
			Hint: "name a bucket prefix such as s3://bucket/model/, or a folder"}
	}
	if rest, ok := strings.CutPrefix(text, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		if bucket == "" || strings.ContainsAny(bucket, "?#@ ") {
			return Source{}, &Error{Code: CodeUsage, Message: "the source names no bucket",
				Hint: "write s3://bucket/prefix/"}
		}
		if prefix != "" && !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		return Source{Scheme: SchemeS3, Bucket: bucket, Prefix: prefix}, nil
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok {
		return Source{}, &Error{Code: CodeUsage, Message: "sources of the kind " + scheme + ":// are not read",
			Hint: "use s3://bucket/prefix/ or a folder; for other stores copy the model to a folder first"}
	}
	abs, err := filepath.Abs(text)
	if err != nil {
		return Source{}, &Error{Code: CodeUsage, Message: "the folder path cannot be resolved", Err: err}
	}
	return Source{Scheme: SchemeDir, Dir: abs}, nil
}

// String returns the canonical text of the source; cases are keyed by it.
func (s Source) String() string {
	if s.Scheme == SchemeS3 {
		return "s3://" + s.Bucket + "/" + s.Prefix
	}
	return s.Dir
}
