package app_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

func TestWeigh_TakesTheDigestsOfTheStore(t *testing.T) {
	t.Parallel()
	summed, plain := bytes.Repeat([]byte("weights"), 300_000), bytes.Repeat([]byte("others"), 300_000)
	bucket := s3server.NewBucket()
	bucket.PutSummed("m/a.bin", summed)
	bucket.PutInParts("m/b.bin", plain, 1<<20)
	server, err := s3server.Start(t.Context(), s3server.Options{Memory: map[string]*s3server.Bucket{"staging": bucket}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	a := app.App{Logger: hclog.NewNullLogger(), Settings: config.Settings{S3: s3.Options{Endpoint: server.URL(), Region: server.Region(),
		AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey()}}}
	w, err := a.Weigh(t.Context(), app.Run{Source: "s3://staging/m/", AsOf: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), NoRules: true, Hash: true})
	require.NoError(t, err)
	require.Equal(t, "hashed+store", w.Report.Artifact.ContentBasis)
	require.Equal(t, pipeline.DigestBytes(summed), w.Report.Artifact.Objects[0].SHA256)
	require.Equal(t, pipeline.DigestBytes(plain), w.Report.Artifact.Objects[1].SHA256)
	require.Less(t, w.Report.Cost.BytesRead, int64(len(plain)+1<<20), "the summed object is not read whole")
	require.Greater(t, w.Report.Cost.BytesRead, int64(len(plain)), "what was hashed is in the cost")
	require.Equal(t, server.RequestCount(), w.Report.Cost.Requests, "the questions for digests too")
}

func TestWeigh_SignersThatAreNone(t *testing.T) {
	t.Parallel()
	a := app.App{Logger: hclog.NewNullLogger(), Settings: config.Settings{Signers: []string{filepath.Join(t.TempDir(), "none.pem")}}}
	_, err := a.Weigh(t.Context(), app.Run{Source: t.TempDir(), NoRules: true})
	require.ErrorIs(t, err, pipeline.ErrUsage)
}
