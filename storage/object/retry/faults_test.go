package retry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/limit"
	"weighbridge/storage/object/meter"
	"weighbridge/storage/object/objecttest"
	"weighbridge/storage/object/retry"
	"weighbridge/storage/object/s3"
)

// TestFaultsOfARealServer stacks the decorators as a run does and lets a server fail
// over the network: what may pass is retried and read, what is final is tried once.
func TestFaultsOfARealServer(t *testing.T) {
	t.Parallel()
	const tries = 4
	for _, c := range []struct {
		name  string
		fault s3server.Fault
		// passing: the read succeeds when the fault happens twice, and ends with
		// want when it always happens. Otherwise want comes at once.
		passing bool
		want    error
	}{
		{"500", s3server.Fault{Status: 500}, true, pipeline.ErrUnavailable},
		{"502", s3server.Fault{Status: 502, Code: "BadGateway"}, true, pipeline.ErrUnavailable},
		{"503 SlowDown", s3server.Fault{Status: 503, Code: "SlowDown"}, true, pipeline.ErrUnavailable},
		{"429", s3server.Fault{Status: 429, Code: "TooManyRequests"}, true, pipeline.ErrUnavailable},
		{"reset in the body", s3server.Fault{ResetAt: 3000}, true, nil},
		{"short body", s3server.Fault{TruncateAt: 3000}, true, nil},
		{"short body without a byte", s3server.Fault{TruncateAt: s3server.NoBytes}, true, pipeline.ErrProtocol},
		{"stall in the body", s3server.Fault{StallAt: 3000}, true, nil},
		{"stall before the body", s3server.Fault{StallAt: s3server.NoBytes}, true, pipeline.ErrUnavailable},
		{"late answer", s3server.Fault{Delay: time.Minute}, true, pipeline.ErrUnavailable},
		{"403", s3server.Fault{Status: 403, Code: "AccessDenied"}, false, pipeline.ErrDenied},
		{"404", s3server.Fault{Status: 404, Code: "NoSuchKey"}, false, pipeline.ErrChanged},
		{"412", s3server.Fault{Status: 412, Code: "PreconditionFailed"}, false, pipeline.ErrChanged},
		{"other ETag", s3server.Fault{ETag: "other"}, false, pipeline.ErrChanged},
		{"status 200", s3server.Fault{IgnoreRange: true}, false, pipeline.ErrProtocol},
		{"wrong range", s3server.Fault{ContentRange: "bytes 0-9/10"}, false, pipeline.ErrProtocol},
		{"gzip", s3server.Fault{Gzip: true}, false, pipeline.ErrProtocol},
		{"extra bytes", s3server.Fault{ExtraBytes: 1}, false, pipeline.ErrProtocol},
		{"redirect", s3server.Fault{Status: 307}, false, pipeline.ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := objecttest.Data(1, 20_000)
			patience := time.Minute // a busy machine is no fault
			if c.fault.StallAt != 0 || c.fault.Delay != 0 {
				patience = 2 * time.Second
			}
			bucket := s3server.NewBucket()
			bucket.Put("p/a.bin", data)
			server, err := s3server.Start(t.Context(), s3server.Options{Memory: map[string]*s3server.Bucket{"models": bucket}})
			require.NoError(t, err)
			defer func() { require.NoError(t, server.Close()) }()
			backend, err := s3.Open(pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "models", Prefix: "p/"}, s3.Options{
				Endpoint: server.URL(), AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey(),
				IgnoreVersions: true, AnswerTimeout: patience})
			require.NoError(t, err)
			defer func() { require.NoError(t, backend.Close()) }()
			metered := meter.New(backend, nil)
			s := retry.New(limit.New(metered, 1), new(clock).policy(tries))
			o := objecttest.Pin(t, s, "a.bin")

			if c.passing {
				passing := c.fault
				passing.Times = 2
				server.Inject(passing)
				got, err := objecttest.Read(t.Context(), s, o, 0, o.Size)
				require.NoError(t, err)
				require.Equal(t, data, got)
				require.EqualValues(t, 1+3, metered.Cost().Requests)
				server.Heal()
			}
			before := metered.Cost().Requests
			server.Inject(c.fault)
			got, err := objecttest.Read(t.Context(), s, o, 0, o.Size)
			asked := metered.Cost().Requests - before
			switch {
			case !c.passing:
				require.ErrorIs(t, err, c.want)
				require.EqualValues(t, 1, asked)
			case c.want != nil:
				require.ErrorIs(t, err, c.want)
				require.ErrorContains(t, err, "gave up after 4 tries")
				require.EqualValues(t, tries, asked)
			default:
				// Each try brings 3,000 bytes at most, so the tries run out.
				require.Error(t, err)
				require.True(t, retry.Retryable(err))
				require.Equal(t, data[:len(got)], got)
				require.EqualValues(t, tries, asked)
			}
		})
	}
}
