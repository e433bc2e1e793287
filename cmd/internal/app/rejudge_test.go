package app_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

var cases = flag.Int("cases", 1000, "how many cases BenchmarkRejudge stores")

// BenchmarkRejudge stores cases of real models and judges all of them again: a preview
// under the same packs, a preview with every pack enforcing, and that applied, where
// nearly every verdict changes. Run it with -cases 100000 -benchtime 1x for a full queue.
func BenchmarkRejudge(b *testing.B) {
	dir := b.TempDir()
	a := &app.App{Settings: config.Settings{DB: filepath.Join(dir, "queue.db"), Actor: "ops"}, Logger: hclog.NewNullLogger()}
	queue, err := a.OpenQueue(b.Context())
	require.NoError(b, err)
	defer func() { require.NoError(b, queue.DB.Close()) }()
	submitter := pipeline.Actor{Name: "sub", Known: pipeline.KnownAsserted}
	for k, name := range []string{"mistral-7b", "llama-3-70b", "mixtral-8x7b", "gpt2"} {
		folder := filepath.Join(dir, name)
		m, err := fixtures.Load(name)
		require.NoError(b, err)
		require.NoError(b, m.Write(folder))
		w, err := a.Weigh(b.Context(), app.Run{Source: folder, AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
		require.NoError(b, err)
		for i := k; i < *cases; i += 4 {
			w.Report.Artifact.Source = fmt.Sprintf("s3://staging/%s-%d/", name, i)
			_, err := queue.Record(b.Context(), w, submitter)
			require.NoError(b, err)
		}
	}
	everything := map[string]pipeline.Mode{}
	packs, err := app.Packs(config.Rules{}, nil)
	require.NoError(b, err)
	for _, s := range packs {
		everything[s.Pack.Name] = pipeline.ModeEnforce
	}
	for _, how := range []struct {
		name  string
		modes map[string]pipeline.Mode
		apply bool
	}{{"preview-same", nil, false}, {"preview-all-enforce", everything, false}, {"apply-all-enforce", everything, true}} {
		b.Run(how.name, func(b *testing.B) {
			a.Settings.Rules.Modes = how.modes
			changed := 0
			for b.Loop() {
				changed = 0
				require.NoError(b, a.Rejudge(context.WithoutCancel(b.Context()), queue, app.Rejudging{AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Apply: how.apply,
					Each: func(r app.Rejudged) error {
						if r.Before != r.After {
							changed++
						}
						return nil
					}}))
			}
			b.ReportMetric(float64(*cases)*float64(b.N)/b.Elapsed().Seconds(), "cases/s")
			b.ReportMetric(float64(changed), "changed")
		})
	}
}
