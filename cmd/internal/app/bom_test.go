package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures/repositories"
	"weighbridge/inspectors/bom"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// TestRepositories_AsBOM holds the bill of materials of every repository to the published
// schema, and what is read back from it to the facts.
func TestRepositories_AsBOM(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "..", "pipeline", "report")
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, path := range map[string]string{"bom-1.6": "testdata/cyclonedx/bom-1.6.schema.json", "jsf-0.82": "testdata/cyclonedx/jsf-0.82.schema.json", "spdx": "spdx.schema.json"} {
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, c.AddResource("http://cyclonedx.org/schema/"+name+".schema.json", doc))
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	require.NoError(t, err)

	for _, repository := range repositories.All() {
		t.Run(repository.Name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, repository.Write(folder))
			a := &app.App{Logger: hclog.NewNullLogger(), Now: func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }}
			w, err := a.Weigh(t.Context(), app.Run{Source: folder, Submission: filepath.Join("testdata", "repositories", "sell.yaml"), AsOf: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, report.CycloneDX(&b, &w.Report))
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(doc))
			bill, err := bom.Parse("bom.json", b.Bytes())
			require.NoError(t, err)
			var bases []string
			for _, one := range w.Report.Facts.Bases {
				bases = append(bases, *one.ID)
			}
			var read []string
			for _, one := range bill.Bases {
				read = append(read, *one.Base.ID)
			}
			require.Equal(t, bases, read)
			var sets []pipeline.Dataset
			for _, one := range bill.Datasets {
				sets = append(sets, one.Dataset)
			}
			require.Equal(t, w.Report.Facts.Datasets, sets)
			if estimate := w.Report.Facts.Params.Estimate; estimate != nil && *estimate > 0 {
				require.Equal(t, *estimate, bill.Counts[0].Count)
			}
		})
	}
}
