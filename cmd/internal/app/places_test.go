package app_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures/repositories"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/storage/object/s3"
)

// TestPlaces holds that a bucket and a folder with the same objects give the same facts and
// findings, and that reading them costs what the README says: one request an object, a
// second one for what has a long header, and the listing.
func TestPlaces_TellTheSameAndReadWhatTheyNeed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, repository := range repositories.All() {
		require.NoError(t, repository.Write(filepath.Join(root, "models", repository.Name)))
	}
	server, err := s3server.Start(context.Background(), s3server.Options{Folders: map[string]string{"models": filepath.Join(root, "models")}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	a := &app.App{Logger: hclog.NewNullLogger(), Now: func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) },
		Settings: config.Settings{S3: s3.Options{Endpoint: server.URL(), Region: server.Region(),
			AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey()}}}
	for _, repository := range repositories.All() {
		t.Run(repository.Name, func(t *testing.T) {
			t.Parallel()
			day := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
			folder, err := a.Weigh(t.Context(), app.Run{Source: filepath.Join(root, "models", repository.Name), AsOf: day})
			require.NoError(t, err)
			stored, err := a.Weigh(t.Context(), app.Run{Source: "s3://models/" + repository.Name + "/", AsOf: day})
			require.NoError(t, err)
			for name, part := range map[string]func(*pipeline.Report) any{
				"facts":       func(r *pipeline.Report) any { return r.Facts },
				"index":       func(r *pipeline.Report) any { return r.FactsIndex },
				"findings":    func(r *pipeline.Report) any { return r.Findings },
				"inspections": func(r *pipeline.Report) any { return r.Inspections },
				"verdict":     func(r *pipeline.Report) any { return r.Verdict },
			} {
				require.Equal(t, text(t, part(&folder.Report)), text(t, part(&stored.Report)), name)
			}
			objects, cost := int64(len(stored.Report.Artifact.Objects)), stored.Report.Cost
			require.LessOrEqual(t, cost.Requests, objects+4, "requests for %d objects", objects)
			var texts int64
			for _, o := range stored.Report.Artifact.Objects {
				texts += min(o.Size, 256<<10)
				if o.Format == "gguf" {
					texts += 8 << 20 // its header holds the vocabulary
				}
			}
			require.LessOrEqual(t, cost.BytesRead, texts+objects<<16)
			require.Less(t, cost.BytesRead, stored.Report.Artifact.Bytes/10+texts)
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	return string(b)
}
