package pipeline_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// sum is the digest of a text.
func sum(text string) pipeline.Digest {
	return pipeline.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
}

func TestSnapshot_Digests(t *testing.T) {
	t.Parallel()
	// Out of order on purpose: the digests are over byte order of path.
	s := pipeline.Snapshot{Objects: []pipeline.Object{
		{Path: "b", Size: 20, ETag: "e2", VersionID: "v2"},
		{Path: "weighbridge.yaml", Size: 99, ETag: "left out"},
		{Path: "weighbridge.approval.json", Size: 1000, ETag: "left out too"},
		{Path: "a/c", Size: 10, ETag: "e1"},
		{Path: "B", Size: 0},
	}}
	require.Equal(t, sum("B\x000\x00\x00\na/c\x0010\x00e1\x00\nb\x0020\x00e2\x00v2\n"), s.PinDigest())
	require.Equal(t, sum("B\x000\x00\na/c\x0010\x0011\nb\x0020\x00\n"), s.HeaderDigest(map[string]string{"a/c": "11", "weighbridge.yaml": "22"}))
	require.Equal(t, int64(1129), s.Bytes())
	require.Equal(t, "b", s.Objects[0].Path, "the snapshot stays in its order")

	sums := map[string]string{"a/c": "11", "b": "22"}
	require.Empty(t, s.ContentDigest(sums), "one sum is missing")
	sums["B"] = "00"
	require.Equal(t, sum("B\x000\x0000\na/c\x0010\x0011\nb\x0020\x0022\n"), s.ContentDigest(sums))
	require.Equal(t, sum(""), pipeline.Snapshot{}.PinDigest())
	require.Equal(t, sum("abc"), pipeline.DigestBytes([]byte("abc")))
}

// What is too large to be a submission or an approval is an object like any other.
func TestObject_Apart(t *testing.T) {
	t.Parallel()
	tests := map[pipeline.Object]bool{
		{Path: "weighbridge.yaml", Size: pipeline.SubmissionMax}:            true,
		{Path: "weighbridge.yaml", Size: pipeline.SubmissionMax + 1}:        false,
		{Path: "weighbridge.approval.json", Size: pipeline.ApprovalMax}:     true,
		{Path: "weighbridge.approval.json", Size: pipeline.ApprovalMax + 1}: false,
		{Path: "sub/weighbridge.yaml"}:                                      false,
		{Path: "sub/weighbridge.approval.json"}:                             false,
		{Path: "model.safetensors"}:                                         false,
	}
	for o, want := range tests {
		require.Equal(t, want, o.Apart(), o.Path)
	}
}

func TestObject_Pinned(t *testing.T) {
	t.Parallel()
	require.True(t, pipeline.Object{ETag: "e"}.Pinned())
	require.True(t, pipeline.Object{VersionID: "v"}.Pinned())
	require.False(t, pipeline.Object{Path: "p", Size: 5}.Pinned())
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ bucket, prefix, text string }{
		"s3://bucket":              {"bucket", "", "s3://bucket/"},
		"s3://bucket/":             {"bucket", "", "s3://bucket/"},
		"s3://bucket/p":            {"bucket", "p/", "s3://bucket/p/"},
		"s3://bucket/p/":           {"bucket", "p/", "s3://bucket/p/"},
		"s3://bucket/a/b c+d%20/é": {"bucket", "a/b c+d%20/é/", "s3://bucket/a/b c+d%20/é/"},
		"s3://bucket/../x":         {"bucket", "../x/", "s3://bucket/../x/"},
		"s3://bucket/p?x#y":        {"bucket", "p?x#y/", "s3://bucket/p?x#y/"},
	}
	for text, want := range tests {
		got, err := pipeline.ParseSource(text)
		require.NoError(t, err, text)
		require.Equal(t, pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: want.bucket, Prefix: want.prefix}, got)
		require.Equal(t, want.text, got.String())
		again, err := pipeline.ParseSource(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again, "the canonical text names the same source")
	}
	for _, text := range []string{"", "s3://", "s3:///p", "s3://buck et/p", "s3://user@bucket/p", "s3://bucket?x", "https://host/p", "gs://bucket/p"} {
		_, err := pipeline.ParseSource(text)
		require.ErrorIs(t, err, pipeline.ErrUsage, text)
	}
}

func TestParseSource_Folders(t *testing.T) {
	t.Parallel()
	abs, err := pipeline.ParseSource("/models/../models/x/")
	require.NoError(t, err)
	require.Equal(t, pipeline.Source{Scheme: pipeline.SchemeDir, Dir: "/models/x"}, abs)
	require.Equal(t, "/models/x", abs.String())
	rel, err := pipeline.ParseSource("x")
	require.NoError(t, err)
	require.Equal(t, pipeline.SchemeDir, rel.Scheme)
	require.Regexp(t, "^/.*/x$", rel.Dir)
}
