package conformance_test

import (
	"bytes"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/s3"
)

// inParts is the size above which the tests send and copy in parts, and what a part has.
const inParts = 6 << 20

func (g *gateway) place(t *testing.T, bucket string) *s3.Place {
	t.Helper()
	o := g.options()
	src := pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: bucket, Prefix: "r/"}
	p, err := s3.OpenPlace(src, o, s3.PlaceOptions{PartSize: 5 << 20, InParts: inParts, Source: &o})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{false, true} {
		objecttest.RunPlace(t, func(t *testing.T) objecttest.PlaceHarness {
			bucket := server.bucket(t)
			if versions {
				require.NoError(t, server.writer.EnableVersioning(t.Context(), bucket))
			}
			return objecttest.PlaceHarness{
				Open: func(t *testing.T) (pipeline.Place, pipeline.Store) {
					p := server.place(t, bucket)
					return p, p.Store
				},
				Missing: func(t *testing.T) error {
					p := server.place(t, "no-such-bucket")
					return p.Put(t.Context(), "a", 1, pipeline.DigestBytes([]byte("x")), bytes.NewReader([]byte("x")))
				},
				Source: func(t *testing.T, objects map[string][]byte) (pipeline.Source, pipeline.Store) {
					for path, data := range objects {
						server.upload(t, bucket, "p/"+path, string(data))
					}
					return pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: bucket, Prefix: "p/"}, server.open(t, bucket, server.options())
				},
				InParts: inParts,
			}
		})
	}
}

func TestPlace_GivesUpWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	core := minio.Core{Client: server.writer}
	left := func(prefix string) int {
		found, err := core.ListMultipartUploads(t.Context(), bucket, prefix, "", "", "", 1000)
		require.NoError(t, err)
		return len(found.Uploads)
	}
	for _, key := range []string{"r/half.bin", "elsewhere/half.bin"} {
		_, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
		require.NoError(t, err)
	}
	require.Equal(t, 1, left("r/"))
	require.NoError(t, server.place(t, bucket).Put(t.Context(), "a", 1, pipeline.DigestBytes([]byte("x")), bytes.NewReader([]byte("x"))))
	require.Equal(t, 0, left("r/"))
	require.Equal(t, 1, left("elsewhere/"), "other uploads go on")
}

func TestPlace_TagsWhatWasPinned(t *testing.T) {
	t.Parallel()
	bucket := server.bucket(t)
	server.upload(t, bucket, "r/a.bin", "one")
	p := server.place(t, bucket)
	o := objecttest.Pin(t, p.Store, "a.bin")
	require.NoError(t, p.Tag(t.Context(), o, "weighbridge", "approved"))
	require.NoError(t, p.Tag(t.Context(), o, "other", "x"))
	got, err := server.writer.GetObjectTagging(t.Context(), bucket, "r/a.bin", minio.GetObjectTaggingOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"weighbridge": "approved", "other": "x"}, got.ToMap())
	server.upload(t, bucket, "r/a.bin", "two")
	require.ErrorIs(t, p.Tag(t.Context(), o, "weighbridge", "approved"), pipeline.ErrChanged)
}
