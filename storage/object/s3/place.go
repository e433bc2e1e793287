package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/minio/minio-go/v7/pkg/tags"
	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

const (
	// mostAtOnce is the largest object that S3 takes, and copies, in one request.
	mostAtOnce = 5 << 30
	// mostParts is how many parts an upload may have, leastPart how small they may be.
	mostParts = 10_000
	leastPart = 5 << 20
	// copiedSideBySide is how many parts of one object are copied at the same time.
	copiedSideBySide = 8
)

// PlaceOptions says how objects are written to a place.
type PlaceOptions struct {
	// PartSize is how many bytes a part has of what is sent, or copied, in parts; at least
	// 5 MiB, and more where the object would have over 10,000 parts otherwise. Default
	// 256 MiB.
	PartSize int64
	// InParts is the size above which an object is sent, or copied, in parts: at most, and
	// by default, 5 GiB.
	InParts int64
	// Source are the options of the store that objects are copied from; nil where nothing
	// is copied within the store.
	Source *Options
}

// Place writes to one prefix of one bucket.
//
// An object of up to 5 GiB is sent in one request that is signed over its SHA-256, so that
// a store that checks signatures cannot take other bytes, and names it as checksum, so
// that a store that keeps checksums can tell it later. A longer one is sent in parts; what
// arrived is then to be read back, because a checksum over parts says nothing of the
// whole. Uploads that a killed run left unfinished are given up when the first object is
// written.
type Place struct {
	*Store
	opts  PlaceOptions
	sweep func(context.Context) error
}

var (
	_ pipeline.Place  = (*Place)(nil)
	_ pipeline.Copier = (*Place)(nil)
	_ pipeline.Tagger = (*Place)(nil)
)

// OpenPlace binds a place to a source. It sends nothing. Errors are those of [Open].
func OpenPlace(src pipeline.Source, opts Options, place PlaceOptions) (*Place, error) {
	s, err := Open(src, opts)
	if err != nil {
		return nil, err
	}
	if place.InParts <= 0 || place.InParts > mostAtOnce {
		place.InParts = mostAtOnce
	}
	if place.PartSize <= 0 {
		place.PartSize = 256 << 20
	}
	place.PartSize = min(max(place.PartSize, leastPart), mostAtOnce)
	p := &Place{Store: s, opts: place}
	var once sync.Mutex
	swept := false
	p.sweep = func(ctx context.Context) error {
		once.Lock()
		defer once.Unlock()
		if swept {
			return nil
		}
		err := p.giveUp(ctx)
		swept = err == nil
		return err
	}
	return p, nil
}

// writing returns the call of one request that writes, or prepares writing, an object.
func (p *Place) writing(ctx context.Context, path string) (context.Context, *call) {
	c := &call{ctx: ctx, target: target{bucket: p.src.Bucket, object: path, written: true}, check: func(*http.Response) error { return nil }}
	return context.WithValue(ctx, callKey{}, c), c
}

// ready signs in and gives up what an earlier run left.
func (p *Place) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.signIn(ctx); err != nil {
		return err
	}
	return p.sweep(ctx)
}

// giveUp ends unfinished uploads below the prefix. A store that does not list them, or
// not to these credentials, keeps them: they cost space and change nothing.
func (p *Place) giveUp(ctx context.Context) error {
	key, upload := "", ""
	for range mostParts {
		cctx, c := p.writing(ctx, "")
		found, err := p.core.ListMultipartUploads(cctx, p.src.Bucket, p.src.Prefix, key, upload, "", 1000)
		if err := c.result(err); err != nil {
			if refused(err) || errors.Is(err, pipeline.ErrNotFound) {
				return nil //nolint:nilerr // the first object that is written says what is wrong
			}
			return err
		}
		for _, u := range found.Uploads {
			if !strings.HasPrefix(u.Key, p.src.Prefix) {
				continue
			}
			actx, c := p.writing(ctx, strings.TrimPrefix(u.Key, p.src.Prefix))
			if err := c.result(p.core.AbortMultipartUpload(actx, p.src.Bucket, u.Key, u.UploadID)); err != nil && !refused(err) && !errors.Is(err, pipeline.ErrNotFound) {
				return err
			}
		}
		if !found.IsTruncated || found.NextKeyMarker == key && found.NextUploadIDMarker == upload {
			return nil
		}
		key, upload = found.NextKeyMarker, found.NextUploadIDMarker
	}
	return nil
}

// Put implements [pipeline.Place].
func (p *Place) Put(ctx context.Context, path string, size int64, sum pipeline.Digest, body io.Reader) error {
	raw, err := hex.DecodeString(strings.TrimPrefix(string(sum), "sha256:"))
	if path == "" || size < 0 || err != nil || len(raw) != 32 {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q cannot be written without its size and digest", path)}
	}
	if err := p.ready(ctx); err != nil {
		return err
	}
	checked := storage.NewChecked(ctx, path, size, sum, body)
	if size > p.opts.InParts {
		return p.putParts(ctx, path, size, checked)
	}
	cctx, c := p.writing(ctx, path)
	_, err = p.core.PutObject(cctx, p.src.Bucket, p.src.Prefix+path, checked, size, "", hex.EncodeToString(raw), minio.PutObjectOptions{
		ContentType: "application/octet-stream", DisableContentSha256: true, DisableMultipart: true,
		UserMetadata: map[string]string{"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(raw)},
	})
	if checked.Err() != nil {
		return checked.Err()
	}
	return c.result(err)
}

// putParts sends an object in parts, one after the other.
func (p *Place) putParts(ctx context.Context, path string, size int64, body *storage.Checked) error {
	return p.inParts(ctx, path, size, func(upload string, each int64, count int) ([]minio.CompletePart, error) {
		parts := make([]minio.CompletePart, count)
		for i := range parts {
			n := min(each, size-int64(i)*each)
			cctx, c := p.writing(ctx, path)
			part, err := p.core.PutObjectPart(cctx, p.src.Bucket, p.src.Prefix+path, upload, i+1, io.LimitReader(body, n), n,
				minio.PutObjectPartOptions{})
			if body.Err() != nil {
				return nil, body.Err()
			}
			if err := c.result(err); err != nil {
				return nil, err
			}
			parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: part.ETag}
		}
		return parts, nil
	})
}

// inParts begins an upload in parts, has it filled, and completes it, or gives it up.
func (p *Place) inParts(ctx context.Context, path string, size int64, fill func(upload string, each int64, count int) ([]minio.CompletePart, error)) (err error) {
	each := max(p.opts.PartSize, (size+mostParts-1)/mostParts)
	count := int((size + each - 1) / each)
	key := p.src.Prefix + path
	cctx, c := p.writing(ctx, path)
	upload, err := p.core.NewMultipartUpload(cctx, p.src.Bucket, key, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if err := c.result(err); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			actx, _ := p.writing(context.WithoutCancel(ctx), path)
			_ = p.core.AbortMultipartUpload(actx, p.src.Bucket, key, upload) // the next run gives it up as well
		}
	}()
	parts, err := fill(upload, each, count)
	if err != nil {
		return err
	}
	cctx, c = p.writing(ctx, path)
	_, err = p.core.CompleteMultipartUpload(cctx, p.src.Bucket, key, upload, parts, minio.PutObjectOptions{})
	return c.result(err)
}

// Copy implements [pipeline.Copier]. Every request names the pinned ETag, and the version
// where there is one, so that no other bytes are copied.
func (p *Place) Copy(ctx context.Context, from pipeline.Source, o pipeline.Object, path string) (done bool, err error) {
	if !p.reaches(from) || o.ETag == "" || path == "" {
		return false, nil
	}
	if err := p.ready(ctx); err != nil {
		return false, err
	}
	key := from.Prefix
	if key != "" && !strings.HasSuffix(key, "/") {
		key += "/"
	}
	key += o.Path
	if o.Size > p.opts.InParts {
		err = p.copyParts(ctx, from.Bucket, key, o, path)
	} else {
		cctx, c := p.writing(ctx, path)
		c.target.copied = true
		var info minio.ObjectInfo
		info, err = p.core.CopyObject(cctx, from.Bucket, key, p.src.Bucket, p.src.Prefix+path,
			map[string]string{"X-Amz-Copy-Source-If-Match": o.ETag, "X-Amz-Checksum-Algorithm": "SHA256",
				"X-Amz-Metadata-Directive": "REPLACE", "Content-Type": "application/octet-stream"},
			minio.CopySrcOptions{VersionID: o.VersionID}, minio.PutObjectOptions{})
		if err = c.result(err); err == nil && info.ETag == "" {
			err = unfinished(path)
		}
	}
	if err != nil && !errors.Is(err, pipeline.ErrChanged) && refused(err) {
		return false, nil //nolint:nilerr // the place's credentials may not read the source, or the store cannot copy
	}
	return err == nil, err
}

// unfinished is the error of a copy that the store began to confirm and then failed: it
// answers with success at once, and with what became of it later.
func unfinished(path string) error {
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: fmt.Sprintf("the store could not finish copying %q", path), Hint: "try again later"}
}

// reaches tells whether a source lies in the same store as the place.
func (p *Place) reaches(from pipeline.Source) bool {
	if p.opts.Source == nil || from.Scheme != pipeline.SchemeS3 {
		return false
	}
	theirs := p.opts.Source.withDefaults()
	return theirs.Endpoint == p.Store.opts.Endpoint && (theirs.Endpoint != "" || theirs.Region == p.Store.opts.Region)
}

func (p *Place) copyParts(ctx context.Context, bucket, key string, o pipeline.Object, path string) error {
	// The library sets the source without a version; the header is set once more with it.
	headers := map[string]string{"X-Amz-Copy-Source-If-Match": o.ETag}
	if o.VersionID != "" {
		headers["X-Amz-Copy-Source"] = s3utils.EncodePath(bucket+"/"+key) + "?versionId=" + o.VersionID
	}
	return p.inParts(ctx, path, o.Size, func(upload string, each int64, count int) ([]minio.CompletePart, error) {
		parts := make([]minio.CompletePart, count)
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(copiedSideBySide)
		for i := range parts {
			at := int64(i) * each
			group.Go(func() error {
				cctx, c := p.writing(gctx, path)
				c.target.copied = true
				part, err := p.core.CopyObjectPart(cctx, bucket, key, p.src.Bucket, p.src.Prefix+path, upload, i+1, at, min(each, o.Size-at), headers)
				parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: part.ETag}
				if err = c.result(err); err == nil && part.ETag == "" {
					err = unfinished(path)
				}
				return err
			})
		}
		return parts, group.Wait()
	})
}

// Remove implements [pipeline.Place].
func (p *Place) Remove(ctx context.Context, path string) error {
	if err := p.ready(ctx); err != nil {
		return err
	}
	cctx, c := p.writing(ctx, path)
	err := c.result(p.core.RemoveObject(cctx, p.src.Bucket, p.src.Prefix+path, minio.RemoveObjectOptions{}))
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil
	}
	return err
}

// Tag implements [pipeline.Tagger]. S3 has no condition for tags, so an object without a
// version is looked at before and after.
func (p *Place) Tag(ctx context.Context, o pipeline.Object, key, value string) error {
	if err := p.ready(ctx); err != nil {
		return err
	}
	if err := p.same(ctx, o); err != nil {
		return err
	}
	cctx, c := p.writing(ctx, o.Path)
	has, err := p.core.GetObjectTagging(cctx, p.src.Bucket, p.src.Prefix+o.Path, minio.GetObjectTaggingOptions{VersionID: o.VersionID})
	err = c.result(err)
	var answer minio.ErrorResponse
	if err != nil && (!errors.As(err, &answer) || answer.Code != "NoSuchTagSet") {
		return err
	}
	all := map[string]string{}
	if err == nil {
		all = has.ToMap()
	}
	all[key] = value
	set, err := tags.NewTags(all, true)
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q cannot be set as a tag of %q", key+"="+value, o.Path), Err: err,
			Hint: "a key has up to 128 characters, a value up to 256, and an object up to ten tags"}
	}
	cctx, c = p.writing(ctx, o.Path)
	if err := c.result(p.core.PutObjectTagging(cctx, p.src.Bucket, p.src.Prefix+o.Path, set, minio.PutObjectTaggingOptions{VersionID: o.VersionID})); err != nil {
		return err
	}
	if o.VersionID == "" {
		return p.same(ctx, o)
	}
	return nil
}

// same reports an object that is no longer the pinned one.
func (p *Place) same(ctx context.Context, o pipeline.Object) error {
	cctx, c := p.writing(ctx, o.Path)
	info, err := p.core.StatObject(cctx, p.src.Bucket, p.src.Prefix+o.Path, minio.StatObjectOptions{VersionID: o.VersionID})
	if err := c.result(err); err != nil {
		return err
	}
	if info.Size != o.Size || o.ETag != "" && strings.Trim(info.ETag, `"`) != o.ETag {
		return &pipeline.Error{Code: pipeline.CodeChanged, Message: fmt.Sprintf("%q is no longer the object that was approved", o.Path),
			Hint: "have the source checked again"}
	}
	return nil
}
