package conformance_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weighbridge/pipeline"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/s3"
)

func missing(t *testing.T) error {
	t.Helper()
	_, err := server.open(t, "no-such-bucket", server.options()).List(t.Context(), "")
	return err
}

func TestFolder(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(t *testing.T) objecttest.Harness {
		bucket := server.bucket(t)
		return objecttest.Harness{
			Open:      func(t *testing.T) pipeline.Store { return server.open(t, bucket, server.options()) },
			Put:       func(t *testing.T, path string, data []byte) { server.put(t, bucket, "p/"+path, data) },
			PutBeside: func(t *testing.T, path string, data []byte) { server.put(t, bucket, "p-2/"+path, data) },
			Remove:    func(t *testing.T, path string) { server.remove(t, bucket, "p/"+path) },
			Missing:   missing,
			PutSummed: func(t *testing.T, path string, data []byte) { server.uploadSummed(t, bucket, "p/"+path, data) },
		}
	})
}

func TestVersionedBucket(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(t *testing.T) objecttest.Harness {
		bucket := server.bucket(t)
		require.NoError(t, server.writer.EnableVersioning(t.Context(), bucket))
		return objecttest.Harness{
			Open:      func(t *testing.T) pipeline.Store { return server.open(t, bucket, server.options()) },
			Put:       func(t *testing.T, path string, data []byte) { server.upload(t, bucket, "p/"+path, string(data)) },
			PutBeside: func(t *testing.T, path string, data []byte) { server.upload(t, bucket, "p-2/"+path, string(data)) },
			Remove: func(t *testing.T, path string) {
				require.NoError(t, server.writer.RemoveObject(t.Context(), bucket, "p/"+path, minio.RemoveObjectOptions{}))
			},
			Missing:       missing,
			PutSummed:     func(t *testing.T, path string, data []byte) { server.uploadSummed(t, bucket, "p/"+path, data) },
			KeepsVersions: true,
		}
	})
}

func TestDeletedVersionIsAChange(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	require.NoError(t, server.writer.EnableVersioning(t.Context(), bucket))
	server.upload(t, bucket, "p/a.bin", "one")
	s := server.open(t, bucket, server.options())
	o := objecttest.Pin(t, s, "a.bin")
	require.NotEmpty(t, o.VersionID)
	require.NoError(t, server.writer.RemoveObject(t.Context(), bucket, "p/a.bin", minio.RemoveObjectOptions{VersionID: o.VersionID}))
	_, err := objecttest.Read(t.Context(), s, o, 0, 3)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}

func TestOverwrittenThroughTheGateway(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	server.upload(t, bucket, "p/a.bin", "one")
	s := server.open(t, bucket, server.options())
	o := objecttest.Pin(t, s, "a.bin")
	require.NotEmpty(t, o.ETag)
	server.upload(t, bucket, "p/a.bin", "two")
	_, err := objecttest.Read(t.Context(), s, o, 0, 3)
	require.ErrorIs(t, err, pipeline.ErrChanged)
	require.ErrorContains(t, err, `"a.bin" changed under review`)
}

func TestFileWithoutTheAttributeIsUnpinned(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	server.put(t, bucket, "p/a.bin", []byte("bytes"))
	require.NoError(t, unix.Removexattr(filepath.Join(server.root, bucket, "p", "a.bin"), "user.etag"))
	s := server.open(t, bucket, server.options())
	o := objecttest.Pin(t, s, "a.bin")
	require.False(t, o.Pinned())
	data, err := objecttest.Read(t.Context(), s, o, 1, 3)
	require.NoError(t, err)
	require.Equal(t, "yte", string(data))
	path := filepath.Join(server.root, bucket, "p", "a.bin")
	require.NoError(t, os.Chtimes(path, o.ModTime.Add(5e9), o.ModTime.Add(5e9)))
	_, err = objecttest.Read(t.Context(), s, o, 1, 3)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}

func TestSparseFileOfRealSize(t *testing.T) {
	t.Parallel()
	const size = 141_000_000_000
	bucket := server.bucket(t)
	server.put(t, bucket, "p/model.safetensors", []byte("header"))
	path := filepath.Join(server.root, bucket, "p", "model.safetensors")
	require.NoError(t, os.Truncate(path, size))
	s := server.open(t, bucket, server.options())
	o := objecttest.Pin(t, s, "model.safetensors")
	require.EqualValues(t, size, o.Size)
	head, err := objecttest.Read(t.Context(), s, o, 0, 8)
	require.NoError(t, err)
	require.Equal(t, "header\x00\x00", string(head))
	tail, err := objecttest.Read(t.Context(), s, o, size-4, 4)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 4), tail)
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	for name, change := range map[string]func(*s3.Options){
		"unknown key":  func(o *s3.Options) { o.AccessKeyID = "nobody" },
		"wrong secret": func(o *s3.Options) { o.SecretAccessKey += "x" },
		"anonymous":    func(o *s3.Options) { o.AccessKeyID, o.SecretAccessKey, o.Anonymous = "", "", true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := server.options()
			change(&opts)
			_, err := server.open(t, bucket, opts).List(t.Context(), "")
			require.ErrorIs(t, err, pipeline.ErrDenied)
			require.NotContains(t, err.Error(), secretKey)
		})
	}
}

func TestMissingBucketHasAHint(t *testing.T) {
	t.Parallel()
	err := missing(t)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.Contains(t, told.Message, "no-such-bucket")
	require.NotEmpty(t, told.Hint)
}

// An upload in parts has a composite sum here, which is taken for nothing: this server does
// not tell the sums of the parts.
func TestDigestOfAnUploadInParts(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	data := objecttest.Data(1, 11<<20)
	server.uploadParts(t, bucket, "p/a.bin", data, 5<<20)
	s := server.open(t, bucket, server.options())
	o := objecttest.Pin(t, s, "a.bin")
	info, err := server.writer.StatObject(t.Context(), bucket, "p/a.bin", minio.StatObjectOptions{Checksum: true})
	require.NoError(t, err)
	require.Contains(t, info.ChecksumSHA256, "-3")
	got, err := s.Digests(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, got)
}
