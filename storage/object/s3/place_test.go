package s3_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

// A store answers a copy when it has copied, and sends nothing before: the patience for
// such an answer is another one than for reading.
func TestPlace_WaitsLongerForAWrite(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPut:
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("X-Amz-Copy-Source") != "":
			w.Header().Set("Content-Type", "application/xml")
			_, _ = w.Write([]byte(`<CopyObjectResult><ETag>"b"</ETag><LastModified>2026-11-25T00:00:00Z</LastModified></CopyObjectResult>`))
		default:
			w.Header().Set("ETag", `"a"`)
		}
	}))
	t.Cleanup(server.Close)
	opts := s3.Options{Endpoint: server.URL, AccessKeyID: "known", SecretAccessKey: "secret", NoInstanceRole: true, IgnoreVersions: true,
		AnswerTimeout: time.Nanosecond, WriteTimeout: time.Hour} // no answer comes within the first
	source := pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "models", Prefix: "p/"}
	place, err := s3.OpenPlace(pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "models", Prefix: "r/"}, opts, s3.PlaceOptions{Source: &opts})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, place.Close()) })

	_, err = place.List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	require.NoError(t, place.Put(t.Context(), "a", 1, pipeline.DigestBytes([]byte("x")), bytes.NewReader([]byte("x"))))
	done, err := place.Copy(t.Context(), source, pipeline.Object{Path: "a", Size: 1, ETag: "a"}, "b")
	require.NoError(t, err)
	require.True(t, done)
}
