package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"weighbridge/pipeline"
)

// S3 keeps a checksum of an object where whoever uploaded it sent one ("Checking object
// integrity in Amazon S3", read 2026-11). For an upload in one request a SHA-256 is that of
// the whole object, and the answer to a HEAD with x-amz-checksum-mode says FULL_OBJECT. For
// an upload in parts S3 makes it from the parts' sums alone and says COMPOSITE, and the
// value ends in "-" and their number: it is a digest of digests, and never that of the
// object. The sums of the parts are asked for by GetObjectAttributes.

// fullObject is the type of a checksum that covers the whole object.
const fullObject = "FULL_OBJECT"

var _ pipeline.Digester = (*Store)(nil)

// Digests implements [pipeline.Digester]. It costs one request, and for an object that was
// uploaded in parts one for every thousand of them. A store that knows no checksums, or does
// not tell them to these credentials, knows nothing.
func (s *Store) Digests(ctx context.Context, o pipeline.Object) (pipeline.StoredDigest, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.StoredDigest{}, err
	}
	if err := s.signIn(ctx); err != nil {
		return pipeline.StoredDigest{}, err
	}
	t := target{bucket: s.src.Bucket, object: o.Path}
	opts := minio.StatObjectOptions{VersionID: o.VersionID, Checksum: true}
	if o.ETag != "" {
		if err := opts.SetMatchETag(o.ETag); err != nil {
			return pipeline.StoredDigest{}, &pipeline.Error{Code: pipeline.CodeInternal, Message: fmt.Sprintf("the ETag of %s cannot be asked for", t), Err: err}
		}
	}
	c := &call{ctx: ctx, target: t, check: func(resp *http.Response) error { return checkStat(resp, t, o) }}
	info, err := s.core.StatObject(context.WithValue(ctx, callKey{}, c), s.src.Bucket, s.src.Prefix+o.Path, opts)
	if err := c.result(err); err != nil {
		if errors.Is(err, pipeline.ErrProtocol) {
			return pipeline.StoredDigest{}, nil //nolint:nilerr // it does not answer such a question; the bytes will tell
		}
		return pipeline.StoredDigest{}, err
	}
	sum, count, composite := strings.Cut(info.ChecksumSHA256, "-")
	switch {
	case sum == "":
		return pipeline.StoredDigest{}, nil
	case composite:
		return s.partDigests(ctx, o, sum, count)
	case info.ChecksumMode == fullObject, info.ChecksumMode == "" && !strings.Contains(o.ETag, "-"):
		// Stores from before the header say no type; an object whose ETag is not that of an
		// upload in parts has a sum of the whole.
		return pipeline.StoredDigest{Whole: digestOf(sum)}, nil
	}
	return pipeline.StoredDigest{}, nil
}

// checkStat holds the head of an answer to the pin.
func checkStat(resp *http.Response, t target, o pipeline.Object) error {
	changed := func(how string) error {
		return &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%s changed under review: %s", t, how),
			Hint: "let the upload finish, then start again"}
	}
	if etag := strings.Trim(resp.Header.Get("ETag"), `"`); o.ETag != "" && etag != o.ETag {
		return changed("it has another ETag")
	}
	if id := resp.Header.Get("x-amz-version-id"); o.VersionID != "" && id != "" && id != o.VersionID {
		return changed("it has another version")
	}
	if resp.ContentLength >= 0 && resp.ContentLength != o.Size {
		return changed("it has another size")
	}
	if !o.Pinned() {
		modified, err := http.ParseTime(resp.Header.Get("Last-Modified"))
		if err != nil || !modified.Equal(o.ModTime.UTC().Truncate(time.Second)) {
			return changed("it was written to")
		}
	}
	return nil
}

// partDigests asks for the sums of the parts and returns them where they make up the
// composite sum and the size of the object; else nothing.
func (s *Store) partDigests(ctx context.Context, o pipeline.Object, composite, count string) (pipeline.StoredDigest, error) {
	var parts []pipeline.PartDigest
	all := sha256.New()
	var size int64
	for after := 0; ; {
		t := target{bucket: s.src.Bucket, object: o.Path}
		c := &call{ctx: ctx, target: t}
		c.check = func(resp *http.Response) error {
			resp.Body = &bounded{ReadCloser: resp.Body, left: maxListing, call: c}
			return nil
		}
		found, err := s.core.GetObjectAttributes(context.WithValue(ctx, callKey{}, c), s.src.Bucket, s.src.Prefix+o.Path,
			minio.ObjectAttributesOptions{VersionID: o.VersionID, PartNumberMarker: after})
		if err := c.result(err); err != nil {
			if refused(err) {
				return pipeline.StoredDigest{}, nil //nolint:nilerr // it does not tell; the bytes will
			}
			return pipeline.StoredDigest{}, err
		}
		if etag := strings.Trim(found.ETag, `"`); o.ETag != "" && etag != "" && etag != o.ETag {
			return pipeline.StoredDigest{}, &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%s changed under review: it has another ETag", t),
				Hint: "let the upload finish, then start again"}
		}
		for _, part := range found.ObjectParts.Parts {
			raw, ok := rawSum(part.ChecksumSHA256)
			if !ok || part.Size < 1 || int64(part.Size) > o.Size-size || part.PartNumber <= after || len(parts) == mostParts {
				return pipeline.StoredDigest{}, nil
			}
			after = part.PartNumber
			size += int64(part.Size)
			all.Write(raw)
			parts = append(parts, pipeline.PartDigest{Size: int64(part.Size), SHA256: pipeline.DigestOf(raw)})
		}
		if !found.ObjectParts.IsTruncated || len(found.ObjectParts.Parts) == 0 {
			break
		}
	}
	if size != o.Size || count != fmt.Sprint(len(parts)) || composite != base64.StdEncoding.EncodeToString(all.Sum(nil)) {
		return pipeline.StoredDigest{}, nil
	}
	return pipeline.StoredDigest{Parts: parts}, nil
}

// rawSum reads a SHA-256 in Base64.
func rawSum(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) == sha256.Size
}

// digestOf reads a SHA-256 in Base64; "" where it is none.
func digestOf(text string) pipeline.Digest {
	raw, ok := rawSum(text)
	if !ok {
		return ""
	}
	return pipeline.DigestOf(raw)
}
