package s3_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/objecttest"
)

func TestDigests_OfAnUploadInManyParts(t *testing.T) {
	t.Parallel()
	bucket := s3server.NewBucket()
	server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}, PageSize: 4})
	data := objecttest.Data(1, 1003)
	bucket.PutInParts("p/a.bin", data, 100)
	s := open(t, "s3://models/p/", options(server))
	got, err := s.Digests(t.Context(), objecttest.Pin(t, s, "a.bin"))
	require.NoError(t, err)
	require.Empty(t, got.Whole)
	require.Len(t, got.Parts, 11)
	require.Equal(t, pipeline.DigestBytes(data[1000:]), got.Parts[10].SHA256)
}

func TestDigests_WhatIsNoneIsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault s3server.Fault
		parts bool
	}{
		"no Base64":         {fault: s3server.Fault{Checksum: "!"}},
		"too short":         {fault: s3server.Fault{Checksum: "AAAA"}},
		"a composite alone": {fault: s3server.Fault{Checksum: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-3"}},
		"whole of an upload in parts": {parts: true,
			fault: s3server.Fault{Checksum: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
		"parts that make another sum": {parts: true,
			fault: s3server.Fault{Checksum: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-11"}},
		"attributes not told":   {parts: true, fault: s3server.Fault{Operation: s3server.OpAttributes, Status: 403, Code: "AccessDenied"}},
		"attributes not known":  {parts: true, fault: s3server.Fault{Operation: s3server.OpAttributes, Status: 501, Code: "NotImplemented"}},
		"attributes not XML":    {parts: true, fault: s3server.Fault{Operation: s3server.OpAttributes, Body: "hello"}},
		"HEAD is not supported": {fault: s3server.Fault{Status: 400, Code: "InvalidRequest"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucket := s3server.NewBucket()
			server := serve(t, s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}})
			data := objecttest.Data(1, 1003)
			if bucket.PutSummed("p/a.bin", data); c.parts {
				bucket.PutInParts("p/a.bin", data, 100)
			}
			s := open(t, "s3://models/p/", options(server))
			o := objecttest.Pin(t, s, "a.bin")
			server.Inject(c.fault)
			got, err := s.Digests(t.Context(), o)
			require.NoError(t, err)
			require.Zero(t, got)
		})
	}
}

func TestDigests_Failures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault s3server.Fault
		want  error
	}{
		"busy":         {s3server.Fault{Status: 503, Code: "SlowDown"}, pipeline.ErrUnavailable},
		"refused":      {s3server.Fault{Status: 403, Code: "AccessDenied"}, pipeline.ErrDenied},
		"gone":         {s3server.Fault{Status: 404, Code: "NoSuchKey"}, pipeline.ErrChanged},
		"another ETag": {s3server.Fault{ETag: `"other"`}, pipeline.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, _, s, o := one(t)
			server.Inject(c.fault)
			_, err := s.Digests(t.Context(), o)
			require.ErrorIs(t, err, c.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}
