package sqldb_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	sqldbtest.Run(t, sqldbtest.Suite{
		New: func(t *testing.T) func() sqldbtest.Book {
			path := filepath.Join(t.TempDir(), "a folder with ?, # and %41", "queue.db")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			return func() sqldbtest.Book { return open(t, path) }
		},
		Desk: func(book pipeline.CaseBook, now func() time.Time) sqldbtest.Desk {
			return review.New(book, review.WithClock(now))
		},
	})
}

func open(t *testing.T, path string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), path)
	require.NoError(t, err)
	return db
}

func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	foreign := filepath.Join(dir, "foreign.db")
	raw(t, foreign, "CREATE TABLE people (name TEXT)")
	newer := filepath.Join(dir, "newer.db")
	require.NoError(t, open(t, newer).Close())
	raw(t, newer, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")

	tests := []struct {
		name, dsn string
		err       error
		text      string
	}{
		{"Nothing", "", pipeline.ErrUsage, "has no name"},
		{"PostgreSQL", "postgres://u:secret@h/db", pipeline.ErrUsage, "PostgreSQL is not supported by this version"},
		{"PostgreSQLLong", "postgresql://u:secret@h/db", pipeline.ErrUsage, "PostgreSQL is not supported by this version"},
		{"OtherURL", "mysql://u:secret@h/db", pipeline.ErrUsage, "path of a file"},
		{"Memory", ":memory:", pipeline.ErrUsage, "path of a file"},
		{"FileURL", "file:x.db?mode=ro", pipeline.ErrUsage, "path of a file"},
		{"NoFolder", filepath.Join(dir, "none", "q.db"), pipeline.ErrNotFound, "does not exist"},
		{"FolderIsAFile", filepath.Join(write("flat", "x"), "q.db"), pipeline.ErrNotFound, "does not exist"},
		{"IsAFolder", dir, pipeline.ErrUsage, "is no file"},
		{"Text", write("text.db", "not a database at all, but a text of some length"), pipeline.ErrInvalid, "is no database"},
		{"ShortText", write("short.db", "x"), pipeline.ErrInvalid, "is no database"},
		{"BrokenHeader", write("header.db", "SQLite format 3\x00"+strings.Repeat("x", 4096)), pipeline.ErrInvalid, ""},
		{"Foreign", foreign, pipeline.ErrInvalid, "another program"},
		{"Newer", newer, pipeline.ErrInvalid, "schema is number 999, this version knows 16"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := sqldb.Open(t.Context(), test.dsn)
			require.ErrorIs(t, err, test.err)
			require.ErrorContains(t, err, test.text)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestOpen_FileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	db := open(t, path)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NoError(t, db.Close())
	require.NoFileExists(t, path+"-wal")
}

func TestOpen_EmptyFileBecomesADatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, open(t, path).Close())
}

func TestOpen_AtTheSameMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			db, err := sqldb.Open(t.Context(), path)
			if err == nil {
				err = db.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// raw runs statements beside the package, as somebody with the file could.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
	require.NoError(t, db.Close())
}

// filled is a database with an approved case, a rejected one and an open one.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "q.db")
	db := open(t, path)
	desk := review.New(db)
	for i, kind := range []pipeline.DecisionKind{pipeline.DecisionApprove, pipeline.DecisionReject, ""} {
		c, err := desk.Record(t.Context(), sqldbtest.Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview), sqldbtest.Person("sub"))
		require.NoError(t, err)
		if kind != "" {
			_, err = desk.Decide(t.Context(), sqldbtest.Vote(c.ID, "ada", kind))
			require.NoError(t, err)
		}
	}
	require.NoError(t, db.Close())
	return path
}

func TestAppendOnly(t *testing.T) {
	t.Parallel()
	path := discussed(t)
	except(t, path)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, s := range []string{
		"UPDATE audit_events SET actor = 'bob' WHERE seq = 1",
		"DELETE FROM audit_events WHERE seq = 9",
		"DELETE FROM audit_events",
		"INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events WHERE seq = 2",
		"INSERT INTO audit_events SELECT 99, 'x', at, actor, actor_known, kind, case_id, data, prev, hash FROM audit_events WHERE seq = 2",
		"INSERT OR REPLACE INTO audit_events SELECT 10, id, at, actor, actor_known, kind, case_id, data, prev, hash FROM audit_events WHERE seq = 2",
		"UPDATE decisions SET kind = 'approve'",
		"DELETE FROM decisions",
		"INSERT OR REPLACE INTO decisions SELECT * FROM decisions",
		"UPDATE comments SET text = ''",
		"DELETE FROM comments",
		"INSERT OR REPLACE INTO comments SELECT * FROM comments",
		"UPDATE exceptions SET until_at = 'later'",
		"UPDATE exceptions SET scope = '', ended_at = 'now'",
		"DELETE FROM exceptions",
		"INSERT OR REPLACE INTO exceptions SELECT * FROM exceptions",
		"UPDATE exhibits SET name = ''",
		"DELETE FROM exhibits",
		"INSERT OR REPLACE INTO exhibits SELECT * FROM exhibits",
	} {
		_, err := db.Exec(s)
		require.Error(t, err, s)
	}
	again := open(t, path)
	defer func() { require.NoError(t, again.Close()) }()
	head, err := again.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(21), head.Count)
}

// except grants an exception, which is one event.
func except(t *testing.T, path string) {
	t.Helper()
	db := open(t, path)
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := pipeline.Exception{ID: uuid.Must(uuid.NewV7()), Pack: "p", Rule: "r", Scope: "s3://b/", Owner: "lena", Reason: pipeline.ReasonOther, Comment: "c",
		Until: now.Add(time.Hour), By: sqldbtest.Person("lena"), At: now}
	data, err := pipeline.CanonicalJSON(map[string]any{"exception": e})
	require.NoError(t, err)
	require.NoError(t, db.AddException(t.Context(), e, pipeline.AuditEvent{ID: uuid.Must(uuid.NewV7()), Time: now, Actor: e.By, Kind: pipeline.EventExceptionGranted, Data: data}))
	require.NoError(t, db.Close())
}

// An exception that was prolonged, ended, taken away or added beside the log shows.
func TestVerifyAudit_FindsTamperingWithExceptions(t *testing.T) {
	t.Parallel()
	unlock := []string{"DROP TRIGGER exceptions_end_once", "DROP TRIGGER exceptions_no_delete"}
	tests := []struct{ name, statement, text string }{
		{"Prolonged", "UPDATE exceptions SET until_at = '2999-01-01T00:00:00.000000Z'", "is not as the audit log records it"},
		{"Widened", "UPDATE exceptions SET scope = 's3://'", "is not as the audit log records it"},
		{"Ended", "UPDATE exceptions SET ended_at = at, ended_by = 'x'", "is not as the audit log records it"},
		{"EndedByAnotherEvent", "UPDATE exceptions SET ended_at = at, ended_by = 'x', ended_seq = audit_seq", "ends 0 of them, and the database holds 1 and 1"},
		{"Gone", "DELETE FROM exceptions", "the database holds 0 and 0"},
		{"Added", "INSERT INTO exceptions SELECT 'x', pack, rule, scope, owner, reason, comment, until_at, by_name, by_known, by_roles, at, 1, ended_at, ended_by, ended_seq FROM exceptions", "is not as the audit log records it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filled(t)
			except(t, path)
			raw(t, path, append(slices.Clone(unlock), test.statement)...)
			db := open(t, path)
			defer func() { require.NoError(t, db.Close()) }()
			_, err := db.VerifyAudit(t.Context(), nil)
			require.ErrorIs(t, err, pipeline.ErrTampered)
			require.ErrorContains(t, err, test.text)
		})
	}
}

// A signed approval that was changed, taken away or added beside the log shows.
func TestVerifyAudit_FindsTamperingWithApprovals(t *testing.T) {
	t.Parallel()
	unlock := []string{"DROP TRIGGER attestations_no_update", "DROP TRIGGER attestations_no_delete", "DROP TRIGGER attestations_no_replace"}
	tests := []struct{ name, statement, text string }{
		{"Bound", "UPDATE attestations SET bound = 'content'", "is not as event 10 recorded it"},
		{"Term", "UPDATE attestations SET expires_at = '2999-01-01T00:00:00.000000Z'", "is not as event 10 recorded it"},
		{"Time", "UPDATE attestations SET signed_at = 'x'", "is not as event 10 recorded it"},
		{"Keys", "UPDATE attestations SET key_ids = '[]'", "is not as event 10 recorded it"},
		{"Gone", "DELETE FROM attestations", "records 1 signed approvals and the database holds 0"},
		{"Added", "INSERT INTO attestations SELECT 'x', case_id, approval, settled_seq, settled_hash, bound, key_ids, signed_at, expires_at, 9, body FROM attestations", "is not as event 9 recorded it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, _ := attested(t)
			if test.name != "Added" {
				locked, err := sql.Open("sqlite", path)
				require.NoError(t, err)
				_, err = locked.Exec(test.statement)
				require.Error(t, err, "signed approvals only grow")
				require.NoError(t, locked.Close())
			}
			raw(t, path, append(slices.Clone(unlock), test.statement)...)
			db := open(t, path)
			defer func() { require.NoError(t, db.Close()) }()
			_, err := db.VerifyAudit(t.Context(), nil)
			require.ErrorIs(t, err, pipeline.ErrTampered)
			require.ErrorContains(t, err, test.text)
		})
	}
	path, id := attested(t)
	raw(t, path, append(slices.Clone(unlock), "UPDATE attestations SET body = x'00'")...)
	db := open(t, path)
	defer func() { require.NoError(t, db.Close()) }()
	_, err := db.AttestationsOf(t.Context(), id)
	require.ErrorIs(t, err, pipeline.ErrTampered)
	require.ErrorContains(t, err, "a signed approval in the database")
}

// attested is a filled database with a signed approval of its approved case, as event 10.
func attested(t *testing.T) (path string, id uuid.UUID) {
	t.Helper()
	path = filled(t)
	db := open(t, path)
	page, err := db.Cases(t.Context(), pipeline.CaseFilter{States: []pipeline.State{pipeline.StateApproved}})
	require.NoError(t, err)
	id = page.Items[0].ID
	h, err := db.History(t.Context(), id)
	require.NoError(t, err)
	text := []byte("envelope")
	_, err = review.New(db).Attest(t.Context(), pipeline.Attestation{Digest: pipeline.DigestBytes(text), Case: id, Approval: uuid.Must(uuid.NewV7()), Settled: *h.Settled,
		Bound: pipeline.BoundStore, KeyIDs: []string{"k"}, SignedAt: time.Now(), Envelope: text}, sqldbtest.Person("ada"))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return path, id
}

// Somebody with the file, who takes the triggers away first.
func TestVerifyAudit_FindsTampering(t *testing.T) {
	t.Parallel()
	unlock := []string{
		"DROP TRIGGER audit_events_no_update", "DROP TRIGGER audit_events_no_delete", "DROP TRIGGER audit_events_in_order",
		"DROP TRIGGER decisions_no_update", "DROP TRIGGER decisions_no_delete", "DROP TRIGGER decisions_no_replace",
	}
	tests := []struct{ name, statement, text string }{
		{"Actor", "UPDATE audit_events SET actor = 'bob' WHERE seq = 3", "broken at event 3: its content"},
		{"Time", "UPDATE audit_events SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 5", "broken at event 5: its content"},
		{"TimeInAnotherForm", "UPDATE audit_events SET at = replace(at, 'Z', '+00:00') WHERE seq = 5", "broken at event 5: its id or time"},
		{"NoTime", "UPDATE audit_events SET at = 'x' WHERE seq = 5", "broken at event 5: its id, time or case"},
		{"Data", "UPDATE audit_events SET data = '{}' WHERE seq = 4", "broken at event 4: its content"},
		{"Hash", "UPDATE audit_events SET hash = prev WHERE seq = 4", "broken at event 4: its content"},
		{"Prev", "UPDATE audit_events SET prev = 'x' WHERE seq = 4", "broken at event 4: it does not hold the hash"},
		{"Middle", "DELETE FROM audit_events WHERE seq = 4", "broken at event 4: it is missing"},
		{"First", "DELETE FROM audit_events WHERE seq = 1", "broken at event 1: it is missing"},
		{"Early", "INSERT INTO audit_events SELECT -5, 'x', at, actor, actor_known, kind, case_id, data, prev, hash FROM audit_events WHERE seq = 2", "broken at event -5"},
		{"Tail", "DELETE FROM audit_events WHERE seq = 9", "was cut: event 9"},
		{"All", "DELETE FROM audit_events", "was cut"},
		{"CaseState", "UPDATE cases SET state = 'approved' WHERE source = '2'", "is not as event 9 left it"},
		{"CaseBytes", "UPDATE cases SET content_digest = 'sha256:00' WHERE source = '0'", "is not as event 4 left it"},
		{"CaseTerm", "UPDATE cases SET expires_at = '2999-01-01T00:00:00.000000Z' WHERE source = '0'", "is not as event 4 left it"},
		{"CaseEvent", "UPDATE cases SET audit_seq = 1, state = 'open' WHERE source = '1'", "is not as event 1 left it"},
		{"CaseGone", "DELETE FROM cases WHERE source = '1'", "opens 3 cases and the database holds 2"},
		{"Decision", "UPDATE decisions SET kind = 'approve' WHERE kind = 'reject'", "is not as event 7 recorded it"},
		{"DecisionActor", "UPDATE decisions SET actor_key = 'BOB' WHERE kind = 'reject'", "is not as event 7 recorded it"},
		{"DecisionGone", "DELETE FROM decisions WHERE kind = 'reject'", "records 2 decisions and the database holds 1"},
		{"DecisionAdded", "INSERT INTO decisions SELECT 'x', case_id, 9, actor, actor_known, actor_key, roles, kind, reason, comment, bound, until_at, at, audit_seq, exception_id FROM decisions LIMIT 1", "is not as event"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filled(t)
			raw(t, path, append(unlock, test.statement)...)
			db := open(t, path)
			defer func() { require.NoError(t, db.Close()) }()
			_, err := db.VerifyAudit(t.Context(), nil)
			require.ErrorIs(t, err, pipeline.ErrTampered)
			require.ErrorContains(t, err, test.text)
		})
	}
}

// What people wrote and attached is held against the log too: a reviewer decides by it.
func TestVerifyAudit_FindsTamperingWithWhatPeopleSaid(t *testing.T) {
	t.Parallel()
	unlock := []string{"DROP TRIGGER comments_no_update", "DROP TRIGGER comments_no_delete", "DROP TRIGGER exhibits_no_update", "DROP TRIGGER exhibits_no_delete"}
	tests := []struct{ name, statement, text string }{
		{"Text", "UPDATE comments SET text = 'it is fine' WHERE carried_from IS NULL", "is not as the audit log records it"},
		{"Author", "UPDATE comments SET actor = 'ada' WHERE carried_from IS NULL", "is not as the audit log records it"},
		{"Known", "UPDATE comments SET actor_known = 'signed_in' WHERE carried_from IS NULL", "is not as the audit log records it"},
		{"Time", "UPDATE comments SET at = '2020-01-01T00:00:00.000000Z' WHERE carried_from IS NULL", "is not as the audit log records it"},
		{"Case", "UPDATE comments SET case_id = (SELECT id FROM cases WHERE source = '0') WHERE carried_from IS NULL", "is not as the audit log records it"},
		{"Carried", "UPDATE comments SET text = 'it is fine' WHERE carried_from IS NOT NULL", "is not as the audit log records it"},
		{"Gone", "DELETE FROM comments WHERE carried_from IS NULL AND text = 'answer'", "is not as the audit log records it"},
		{"CarriedGone", "DELETE FROM comments WHERE carried_from IS NOT NULL AND text = 'answer'", "records 4 comments and 4 evidence files, and the database holds 3 and 4"},
		{"Added", "INSERT INTO comments SELECT 'x', case_id, actor, actor_known, 'fine', at, NULL FROM comments LIMIT 1", "is not as the audit log records it"},
		{"File", "UPDATE exhibits SET digest = (SELECT digest FROM exhibits WHERE name = 'b.txt') WHERE name = 'a.txt'", "is not as the audit log records it"},
		{"FileName", "UPDATE exhibits SET name = 'c.txt' WHERE name = 'a.txt' AND carried_from IS NULL", "is not as the audit log records it"},
		{"FileOfAnother", "UPDATE exhibits SET actor = 'ada' WHERE name = 'a.txt' AND carried_from IS NULL", "is not as the audit log records it"},
		{"FileCarried", "UPDATE exhibits SET actor = 'ada' WHERE carried_from IS NOT NULL", "is not as the audit log records it"},
		{"FileGone", "DELETE FROM exhibits WHERE name = 'b.txt' AND carried_from IS NOT NULL", "records 4 comments and 4 evidence files, and the database holds 4 and 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := discussed(t)
			raw(t, path, append(slices.Clone(unlock), test.statement)...)
			db := open(t, path)
			defer func() { require.NoError(t, db.Close()) }()
			_, err := db.VerifyAudit(t.Context(), nil)
			require.ErrorIs(t, err, pipeline.ErrTampered)
			require.ErrorContains(t, err, test.text)
		})
	}
}

// discussed is a filled database with a case that has a comment, an answer and two files,
// all of which were carried over to a case of newer pins.
func discussed(t *testing.T) string {
	t.Helper()
	path := filled(t)
	db := open(t, path)
	desk := review.New(db)
	sub := sqldbtest.Person("sub")
	c, err := desk.Record(t.Context(), sqldbtest.Weighing("talk", "1", "1", pipeline.VerdictReview), sub)
	require.NoError(t, err)
	_, err = desk.Comment(t.Context(), pipeline.Remark{Case: c.ID, Actor: sub, Text: `it says "comment":"x"`})
	require.NoError(t, err)
	_, err = desk.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: sub, Name: "a.txt", Body: []byte("a")})
	require.NoError(t, err)
	_, err = desk.Decide(t.Context(), sqldbtest.Vote(c.ID, "ada", pipeline.DecisionChanges))
	require.NoError(t, err)
	_, err = desk.Answer(t.Context(), pipeline.Answer{Case: c.ID, Actor: sub, Text: "answer", Files: []pipeline.Attachment{{Name: "b.txt", Body: []byte("b")}}})
	require.NoError(t, err)
	_, err = desk.Record(t.Context(), sqldbtest.Weighing("talk", "2", "1", pipeline.VerdictReview), sub)
	require.NoError(t, err)
	_, err = db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return path
}

// Whoever cuts the log and everything that it is about leaves a log that verifies by
// itself, and not against a head that was noted before.
func TestVerifyAudit_EarlierHead(t *testing.T) {
	t.Parallel()
	path := filled(t)
	db := open(t, path)
	earlier, err := db.AuditHead(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	raw(t, path, "DROP TRIGGER audit_events_no_delete", "DELETE FROM cases WHERE source = '2'", "DELETE FROM audit_events WHERE seq = 9")

	db = open(t, path)
	_, err = db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	_, err = db.VerifyAudit(t.Context(), &earlier)
	require.ErrorIs(t, err, pipeline.ErrTampered)
	require.ErrorContains(t, err, "it had 9 events and ends now at event 8")

	_, err = review.New(db).Record(t.Context(), sqldbtest.Weighing("forged", "1", "1", pipeline.VerdictReview), sqldbtest.Person("sub"))
	require.NoError(t, err)
	_, err = db.VerifyAudit(t.Context(), &earlier)
	require.ErrorContains(t, err, "was rewritten: event 9")
	require.NoError(t, db.Close())
}

func TestReport_FindsTampering(t *testing.T) {
	t.Parallel()
	path := filled(t)
	raw(t, path, "UPDATE reports SET body = x'1f8b'", "UPDATE submissions SET body = '{}'")
	db := open(t, path)
	defer func() { require.NoError(t, db.Close()) }()
	page, err := db.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
	_, err = db.Report(t.Context(), page.Items[0].ID)
	require.ErrorIs(t, err, pipeline.ErrTampered)
	_, err = db.Submission(t.Context(), page.Items[0].ID)
	require.ErrorIs(t, err, pipeline.ErrTampered)
}
