package report_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
	"weighbridge/inspectors/all"
	"weighbridge/pipeline"
	"weighbridge/pipeline/compute"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/submission"
	"weighbridge/storage/object/dir"
)

var update = flag.Bool("update", false, "write golden files and the schema again")

// golden holds got against a file under testdata, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), string(got), "run the test with -update where this is wanted")
}

// samples lays out one folder of each sort that a report has to render.
func samples() map[string]func(t *testing.T, folder string) {
	model := func(name string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			m, err := fixtures.Load(name)
			require.NoError(t, err)
			require.NoError(t, m.Write(folder))
		}
	}
	file := func(name string, content []byte) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o644))
		}
	}
	header := []byte(`{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,12]}}`)
	malformed := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	return map[string]func(*testing.T, string){
		"llama-3-70b":      model("llama-3-70b"),
		"gpt2":             model("gpt2"),
		"gpt-oss-20b":      model("gpt-oss-20b"),
		"llama-3-70b-lora": model("llama-3-70b-lora"),
		"malformed":        file("model.safetensors", append(malformed, make([]byte, 12)...)),
		"unknown-bytes":    file("weights.bin", bytes.Repeat([]byte{0x80, 1, 2, 3}, 500)),
		"empty":            func(*testing.T, string) {},
		"trained": func(t *testing.T, folder string) {
			t.Helper()
			m, err := fixtures.Load("llama-3-70b")
			require.NoError(t, err)
			require.NoError(t, m.Write(folder, fixtures.WithText("weighbridge.yaml", "training: {tokens: 15000000000000}\n")))
		},
		"missing-shards": func(t *testing.T, folder string) {
			t.Helper()
			m, err := fixtures.Load("mistral-7b")
			require.NoError(t, err)
			require.NoError(t, m.Write(folder, fixtures.Without(m.Files[1].Name), fixtures.WithText("weighbridge.yaml", "destination: {country: JP}\n")))
		},
	}
}

// weigh makes a report of a folder with the rules that ship. What differs from run to
// run is set to fixed values.
func weigh(t *testing.T, name string) *pipeline.Report {
	t.Helper()
	folder := t.TempDir()
	samples()[name](t, folder)
	src, err := pipeline.ParseSource(folder)
	require.NoError(t, err)
	store, err := dir.Open(src)
	require.NoError(t, err)
	// One pack, so that a new rule elsewhere changes no report here.
	pack, err := policy.Embedded("seed-article")
	require.NoError(t, err)
	judge, err := policy.NewJudge([]policy.Selected{{Pack: pack, Mode: policy.DefaultMode(pack.Name)}})
	require.NoError(t, err)
	e := engine.Engine{Readers: all.Readers(), Derivers: all.Derivers(all.Options{}), Assessors: []pipeline.Assessor{compute.Assessor{}, compute.Data{}}, Judge: judge, Tool: pipeline.Tool{Name: "weighbridge", Version: "0.0.0"}}
	req := engine.Request{Source: src, Store: store, AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		ParseSubmission: func(text []byte) (*pipeline.Submission, error) {
			return submission.Load(bytes.NewReader(text), pipeline.SubmissionName)
		}}
	w, err := e.Run(t.Context(), req)
	require.NoError(t, err)
	w.Report.Artifact.Source = "s3://staging/" + name + "/"
	w.Report.Cost = pipeline.Cost{Requests: 3, BytesRead: 65_536, Seconds: 0.25}
	return &w.Report
}

func TestTables(t *testing.T) {
	t.Parallel()
	for name := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weigh(t, name)
			var table, facts bytes.Buffer
			require.NoError(t, report.Table(&table, r))
			golden(t, filepath.Join("testdata", name+".txt"), table.Bytes())
			require.NoError(t, report.InspectionTable(&facts, r))
			golden(t, filepath.Join("testdata", name+".inspect.txt"), facts.Bytes())
		})
	}
}

// failing refuses every byte.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestTables_TellThatTheyCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	r := weigh(t, "empty")
	require.ErrorIs(t, report.Table(failing{}, r), os.ErrClosed)
	require.ErrorIs(t, report.InspectionTable(failing{}, r), os.ErrClosed)
	require.ErrorIs(t, report.JSON(failing{}, r), os.ErrClosed)
	require.ErrorIs(t, report.Row(failing{}, "Gate", "open"), os.ErrClosed)
}
