package code_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/fixtures/repositories"
	"weighbridge/inspectors/architecture"
	"weighbridge/inspectors/code"
	"weighbridge/inspectors/gguf"
	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/modelconfig"
	"weighbridge/inspectors/opaque"
	"weighbridge/inspectors/pytorch"
	"weighbridge/inspectors/safetensors"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/storage/object/dir"
)

var update = flag.Bool("update", false, "write the golden files again")

// look runs the readers that this package builds on over a folder.
func look(t *testing.T, folder string) pipeline.Report {
	t.Helper()
	source, err := pipeline.ParseSource(folder)
	require.NoError(t, err)
	store, err := dir.Open(source)
	require.NoError(t, err)
	e := engine.Engine{
		Readers:  []pipeline.Reader{safetensors.Reader{}, pytorch.Reader{}, gguf.Reader{}, modelconfig.Reader{}, code.Reader{}, opaque.Reader{}},
		Derivers: []pipeline.Deriver{architecture.New(), weight.New(), code.Deriver{}},
	}
	w, err := e.Run(t.Context(), engine.Request{Source: source, Store: store, AsOf: inspecttest.Day})
	require.NoError(t, err)
	return w.Report
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	for _, r := range repositories.All() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, r.Write(folder))
			report := look(t, folder)
			for _, i := range report.Inspections {
				require.Equal(t, pipeline.InspectionOK, i.Status, "%+v", i)
			}
			got, err := json.MarshalIndent(report.Facts.Contents, "", "  ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", "repositories", r.Name+".json")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got)+"\n")
		})
	}
}

// Models without anything beside their weights but card and config disclose nothing.
func TestPublishedModels(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Models() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := fixtures.Load(name)
			require.NoError(t, err)
			folder := t.TempDir()
			require.NoError(t, m.Write(folder))
			c := look(t, folder).Facts.Contents
			require.Empty(t, c.Disclosures)
			require.Empty(t, c.RemoteCode)
			require.False(t, *c.Structure || *c.Optimizer || *c.TrainingProcess || *c.GeneratedContent)
			require.Zero(t, *c.Code+*c.Pickles+*c.Unseen)
		})
	}
}
