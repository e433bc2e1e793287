package app_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
	"weighbridge/storage/object/s3"
)

// BenchmarkWeigh weighs DeepSeek-V3 (162 files, 91,991 tensors) over the S3 protocol
// on loopback, at once and with 30 ms before every answer. Three round trips cannot be
// avoided: the listing, the index, and one wave of shards.
func BenchmarkWeigh(b *testing.B) {
	folder := b.TempDir()
	m, err := fixtures.Load("deepseek-v3")
	require.NoError(b, err)
	require.NoError(b, m.Write(filepath.Join(folder, m.Name)))
	for _, delay := range []time.Duration{0, 30 * time.Millisecond} {
		b.Run(delay.String(), func(b *testing.B) {
			server, err := s3server.Start(b.Context(), s3server.Options{Folders: map[string]string{"staging": folder}, Delay: delay})
			require.NoError(b, err)
			defer func() { require.NoError(b, server.Close()) }()
			a := app.App{Logger: hclog.NewNullLogger(), Settings: config.Settings{S3: s3.Options{Endpoint: server.URL(), Region: server.Region(),
				AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey()}}}
			b.ReportAllocs()
			var requests int64
			for b.Loop() {
				w, err := a.Weigh(b.Context(), app.Run{Source: "s3://staging/deepseek-v3/", AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
				require.NoError(b, err)
				require.Equal(b, m.Parameters, *w.Report.Facts.Params.Estimate)
				requests = w.Report.Cost.Requests
			}
			b.ReportMetric(float64(requests)/162, "requests/shard")
		})
	}
}
