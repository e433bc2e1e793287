package sqldb_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb/sqldbtest"
)

// version1 makes a database by the first migration alone, and fills its tables with
// what another database holds in them.
func version1(t *testing.T, from string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1) // what is attached belongs to one connection
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	require.NoError(t, err)
	_, err = db.Exec("ATTACH ? AS newer", from)
	require.NoError(t, err)
	for _, table := range []string{"audit_events", "submissions", "cases", "reports", "findings", "blobs", "kept", "decisions", "comments"} {
		// Columns that came later are at the end.
		var columns string
		require.NoError(t, db.QueryRow("SELECT group_concat(name, ', ') FROM pragma_table_info(?)", table).Scan(&columns))
		_, err := db.Exec("INSERT INTO main." + table + " (" + columns + ") SELECT " + columns + " FROM newer." + table)
		require.NoError(t, err, table)
	}
	var version, tables int64
	require.NoError(t, db.QueryRow("SELECT max(version_id), (SELECT count(*) FROM main.sqlite_master WHERE name = 'case_structures') FROM goose_db_version").Scan(&version, &tables))
	require.Equal(t, []int64{1, 0}, []int64{version, tables})
	require.NoError(t, db.Close())
	return path
}

// A database of the first version keeps all that it holds. Its cases are found by the
// fingerprint that they had, and by that of their matrices once they are judged again.
func TestOpen_FirstVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	db := open(t, path)
	desk := review.New(db)
	record := func(w *pipeline.Weighing) pipeline.Case {
		c, err := desk.Record(t.Context(), w, sqldbtest.Person("sub"))
		require.NoError(t, err)
		return c
	}
	first := record(sqldbtest.Built("first", "1", "f1", "m1", pipeline.LeastStructure))
	first, err := desk.Decide(t.Context(), sqldbtest.Vote(first.ID, "ada", pipeline.DecisionApprove))
	require.NoError(t, err)
	copied := record(sqldbtest.Built("copied", "1", "f1", "m1", 1<<40))
	packed := record(sqldbtest.Built("packed", "1", "f2", "m1", 1<<40))
	record(sqldbtest.Built("small", "1", "f1", "m1", pipeline.LeastStructure-1))
	published := record(sqldbtest.Published("s3://b/x/", "1", "Acme/Model", "mit", []pipeline.Base{sqldbtest.BaseOf("acme/base", "finetune")}))
	head, err := db.AuditHead(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Close())

	db = open(t, version1(t, path))
	defer func() { require.NoError(t, db.Close()) }()
	now, err := db.VerifyAudit(t.Context(), &head)
	require.NoError(t, err)
	require.Equal(t, head, now)
	found, err := db.Cases(t.Context(), pipeline.CaseFilter{Text: "COPIED"})
	require.NoError(t, err)
	require.Len(t, found.Items, 1, "texts of cases from before their index are in it")
	require.Equal(t, copied.ID, found.Items[0].ID)
	kept, err := db.Case(t.Context(), first.ID)
	require.NoError(t, err)
	first.BodyDigest, copied.BodyDigest = "", "" // which that version did not know
	require.Equal(t, first, kept)

	// What is on record of their models was read from their reports.
	models, err := db.ModelsNamed(t.Context(), []string{"acme/model", "first", "nobody/nothing"}, "")
	require.NoError(t, err)
	require.Equal(t, map[string]pipeline.KnownModel{
		"acme/model": {ID: "Acme/Model", Stated: true, Source: published.Source, Case: published.ID, State: published.State, License: "mit",
			Bases: []pipeline.KnownBase{{ID: "acme/base", Relation: "finetune"}}},
		"first": {ID: "first", Source: "first", Case: first.ID, State: pipeline.StateApproved},
	}, models)

	names := func() map[string]pipeline.Likeness {
		found, err := db.SameStructure(t.Context(), first.ID)
		require.NoError(t, err)
		out := map[string]pipeline.Likeness{}
		for _, m := range found {
			out[m.Source] = m.Same
		}
		return out
	}
	require.Equal(t, map[string]pipeline.Likeness{"copied": pipeline.LikeStructure}, names())

	desk = review.New(db)
	require.Equal(t, first.ID, record(sqldbtest.Built("first", "1", "f1", "m1", pipeline.LeastStructure)).ID)
	require.Equal(t, packed.ID, record(sqldbtest.Built("packed", "1", "f2", "m1", 1<<40)).ID)
	require.Equal(t, map[string]pipeline.Likeness{"copied": pipeline.LikeStructure, "packed": pipeline.LikeMatrices}, names())
	again, err := db.Case(t.Context(), copied.ID)
	require.NoError(t, err)
	require.Equal(t, copied, again, "what others are judged to be leaves it alone")
	_, err = db.VerifyAudit(t.Context(), &head)
	require.NoError(t, err)
}
