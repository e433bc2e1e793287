package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures/repositories"
	"weighbridge/pipeline"
)

var update = flag.Bool("update", false, "write the golden files again")

// provenance lists the groups of facts that say where a model came from.
var provenance = []string{"adapter", "bases", "card", "contents", "data_records", "datasets", "license", "license_found", "licenses",
	"licensing", "lineage", "model", "params.estimate", "signature", "training"}

// TestRepositories holds what is told of artifacts in the shape of real repositories: the
// facts on where they came from, and the findings, with no submission and with one that
// offers the model to everybody for commercial use.
func TestRepositories(t *testing.T) {
	t.Parallel()
	sell := filepath.Join("testdata", "repositories", "sell.yaml")
	for _, repository := range repositories.All() {
		t.Run(repository.Name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, repository.Write(folder))
			var b strings.Builder
			fmt.Fprintf(&b, "%s\n", repository.About)
			for _, submission := range []string{"", sell} {
				a := &app.App{Logger: hclog.NewNullLogger(), Now: func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }}
				w, err := a.Weigh(t.Context(), app.Run{Source: folder, Submission: submission, AsOf: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)})
				require.NoError(t, err)
				if submission == "" {
					b.WriteString("\nFACTS\n")
					facts(t, &b, &w.Report, nil)
				} else {
					b.WriteString("\nFACTS THAT A SUBMISSION CHANGES\n")
					facts(t, &b, &w.Report, strings.Split(b.String(), "\n"))
				}
				fmt.Fprintf(&b, "\nFINDINGS (%s): %s\n", map[bool]string{true: "no submission", false: "offered to everybody, commercial"}[submission == ""], w.Report.Verdict)
				findings(&b, &w.Report)
			}
			golden := filepath.Join("testdata", "repositories", repository.Name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

// facts writes the facts of the groups, a line each, but those that were written already.
func facts(t *testing.T, b *strings.Builder, r *pipeline.Report, written []string) {
	t.Helper()
	set, err := pipeline.FactSetFrom(r.Facts, r.FactsIndex)
	require.NoError(t, err)
	for _, entry := range r.FactsIndex {
		if !slices.ContainsFunc(provenance, func(group string) bool {
			rest, below := strings.CutPrefix(entry.Name, group)
			return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
		}) {
			continue
		}
		value, _ := set.Value(entry.Name)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && slices.Contains([]string{"bases", "datasets", "licenses", "training.hardware"}, entry.Name) {
			text = strconv.AppendInt([]byte("elements: "), int64(v.Len()), 10) // each has lines of its own
		}
		var at []string
		for _, e := range entry.Evidence {
			at = append(at, strings.TrimSpace(e.Object+" "+e.Where))
		}
		line := fmt.Sprintf("  %s = %s (%s: %s)", entry.Name, text, entry.Basis, strings.Join(at, "; "))
		if !slices.Contains(written, line) {
			b.WriteString(line + "\n")
		}
	}
}

// judged lists the packs whose findings rest on provenance.
var judged = []string{"integrity", "licence", "privacy", "provenance", "seed-article"}

func findings(b *strings.Builder, r *pipeline.Report) {
	for _, f := range r.Findings {
		if !slices.Contains(judged, f.Pack) {
			continue
		}
		fmt.Fprintf(b, "  %s %s %s, %s (%s): %s\n", f.Pack, f.Rule, f.Effect, f.Outcome, f.Mode, f.Message)
		if len(f.Missing) > 0 {
			fmt.Fprintf(b, "    unknown: %s\n", strings.Join(f.Missing, ", "))
		}
	}
	for _, reason := range r.Reasons {
		fmt.Fprintf(b, "  because: %s\n", reason)
	}
}
