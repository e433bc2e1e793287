package app_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// multiply copies a stored case with its report and findings, behind the back of the audit
// log: recording each would take longer than what is measured.
func multiply(b *testing.B, file, id string, series, copies int) {
	b.Helper()
	db, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(10000)")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	key := fmt.Sprintf("printf('01a21218-%04x-7000-8000-%%012x', i)", series)
	for table, change := range map[string]map[string]string{
		"cases":    {"id": key, "source": "source || i || '/'"},
		"reports":  {"case_id": key},
		"findings": {"case_id": key},
	} {
		var into, from []string
		for _, column := range columnsOf(b, db, table) {
			into = append(into, column)
			value := column
			if other, ok := change[column]; ok {
				value = other
			}
			from = append(from, value)
		}
		which := "case_id"
		if table == "cases" {
			which = "id"
		}
		_, err := db.Exec(fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s (%s) SELECT %s FROM %s, n WHERE %s = ?",
			copies, table, strings.Join(into, ", "), strings.Join(from, ", "), table, which), id)
		require.NoError(b, err)
	}
}

func columnsOf(b *testing.B, db *sql.DB, table string) []string {
	b.Helper()
	var names string
	require.NoError(b, db.QueryRow("SELECT group_concat(name, ' ') FROM pragma_table_info(?)", table).Scan(&names))
	return strings.Fields(names)
}

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
		c, err := queue.Record(b.Context(), w, submitter)
		require.NoError(b, err)
		multiply(b, a.Settings.DB, c.ID.String(), k, *cases/4-1)
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
