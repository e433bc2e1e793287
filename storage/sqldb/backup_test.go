package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest"
)

// A backup made while others write is the database of one moment.
func TestBackup(t *testing.T) {
	t.Parallel()
	path := filled(t)
	db := open(t, path)
	defer func() { require.NoError(t, db.Close()) }()
	before, err := db.AuditHead(t.Context())
	require.NoError(t, err)
	desk := review.New(db)
	stop, errs := make(chan struct{}), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := desk.Record(t.Context(), sqldbtest.Weighing(fmt.Sprint("more ", i), "1", fmt.Sprint(i), pipeline.VerdictReview), sqldbtest.Person("sub")); err != nil {
				errs <- err
				return
			}
		}
	})
	var backups []string
	for i := range 5 {
		name := filepath.Join(t.TempDir(), fmt.Sprintf("backup %d ?#.db", i))
		require.NoError(t, db.Backup(t.Context(), name))
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoFileExists(t, name+".part")
		backups = append(backups, name)
	}
	close(stop)
	wg.Wait()
	require.Empty(t, errs)

	for _, name := range backups {
		body, err := os.ReadFile(name)
		require.NoError(t, err)
		require.ErrorIs(t, db.Backup(t.Context(), name), pipeline.ErrUsage)
		to := filepath.Join(t.TempDir(), "restored.db")
		head, err := sqldb.Restore(t.Context(), name, to)
		require.NoError(t, err)
		require.GreaterOrEqual(t, head.Count, before.Count)
		same, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, body, same, "the backup stays as it is")
		info, err := os.Stat(to)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		entries, err := os.ReadDir(filepath.Dir(to))
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing else is left")

		restored := open(t, to)
		now, err := restored.VerifyAudit(t.Context(), &before)
		require.NoError(t, err)
		require.Equal(t, head, now)
		_, err = review.New(restored).Record(t.Context(), sqldbtest.Weighing("after", "1", "1", pipeline.VerdictReview), sqldbtest.Person("sub"))
		require.NoError(t, err)
		require.NoError(t, restored.Close())
	}
	require.ErrorIs(t, db.Backup(t.Context(), filepath.Join(t.TempDir(), "none", "b.db")), pipeline.ErrNotFound)
	require.ErrorIs(t, db.Backup(t.Context(), path), pipeline.ErrUsage, "nor over itself")
}

func TestRestore_Refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	backup := func(name string, statements ...string) string {
		db := open(t, filled(t))
		path := filepath.Join(dir, name+".db")
		require.NoError(t, db.Backup(t.Context(), path))
		require.NoError(t, db.Close())
		if len(statements) > 0 {
			raw(t, path, statements...)
		}
		return path
	}
	write := func(name string, body []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, body, 0o600))
		return path
	}
	good, err := os.ReadFile(backup("good"))
	require.NoError(t, err)
	foreign := filepath.Join(dir, "foreign.db")
	raw(t, foreign, "CREATE TABLE people (name TEXT)")
	used := write("used.db", good)
	write("used.db-wal", []byte("x"))

	tests := map[string]struct {
		from string
		err  error
		text string
	}{
		"Nothing":   {filepath.Join(dir, "none.db"), pipeline.ErrNotFound, "there is no backup"},
		"Folder":    {dir, pipeline.ErrUsage, "is no file"},
		"Empty":     {write("empty.db", nil), pipeline.ErrInvalid, "is empty"},
		"Text":      {write("text.db", []byte("not a database at all")), pipeline.ErrInvalid, "is no database"},
		"Foreign":   {foreign, pipeline.ErrInvalid, "another program"},
		"CutShort":  {write("short.db", good[:len(good)/2]), pipeline.ErrMalformed, ""},
		"Damaged":   {write("damaged.db", append(good[:len(good)-8192:len(good)-8192], make([]byte, 8192)...)), nil, ""},
		"Newer":     {backup("newer", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"), pipeline.ErrInvalid, "newer version"},
		"InUse":     {used, pipeline.ErrUsage, "in use"},
		"Rewritten": {backup("rewritten", "UPDATE cases SET state = 'approved' WHERE source = '2'"), pipeline.ErrTampered, "is not as event 9 left it"},
		"Unlocked":  {backup("unlocked", "DROP TRIGGER decisions_no_update"), pipeline.ErrInvalid, "the trigger decisions_no_update"},
		"Listening": {backup("listening", "CREATE TRIGGER x AFTER INSERT ON cases BEGIN DELETE FROM comments; END"), pipeline.ErrInvalid, "the trigger x"},
		"Orphaned":  {backup("orphaned", "DELETE FROM kept", "DELETE FROM findings", "DELETE FROM blobs", "UPDATE reports SET case_id = 'x'"), pipeline.ErrMalformed, "refers to nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := filepath.Join(t.TempDir(), "to.db")
			_, err := sqldb.Restore(t.Context(), test.from, to)
			if test.err == nil {
				require.Error(t, err)
			} else {
				require.ErrorIs(t, err, test.err)
			}
			require.ErrorContains(t, err, test.text)
			entries, err := os.ReadDir(filepath.Dir(to))
			require.NoError(t, err)
			require.Empty(t, entries, "what is refused leaves nothing")
		})
	}
	for _, beside := range []string{"", "-wal", "-journal"} {
		to := filepath.Join(t.TempDir(), "to.db")
		require.NoError(t, os.WriteFile(to+beside, []byte("mine"), 0o600))
		_, err := sqldb.Restore(t.Context(), filepath.Join(dir, "good.db"), to)
		require.ErrorIs(t, err, pipeline.ErrUsage)
		body, err := os.ReadFile(to + beside)
		require.NoError(t, err)
		require.Equal(t, "mine", string(body))
	}
}

// A backup of an older version is brought up to date.
func TestRestore_Older(t *testing.T) {
	t.Parallel()
	old := version1(t, filled(t))
	body, err := os.ReadFile(old)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "to.db")
	head, err := sqldb.Restore(t.Context(), old, to)
	require.NoError(t, err)
	require.Equal(t, int64(9), head.Count)
	same, err := os.ReadFile(old)
	require.NoError(t, err)
	require.Equal(t, body, same)
}

type jobArgs struct {
	Check string `json:"check"`
}

func (jobArgs) Kind() string { return "check" }

// The job queue keeps its tables in the same file, by the connection that writes: both
// work beside each other, and a backup holds both.
func TestWriter_JobQueue(t *testing.T) {
	t.Parallel()
	path := filled(t)
	db := open(t, path)
	driver := riversqlite.New(db.Writer())
	migrator, err := rivermigrate.New(driver, nil)
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)

	done := make(chan string, 20)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[jobArgs]) error {
		done <- job.Args.Check
		return nil
	}))
	client, err := river.NewClient(driver, &river.Config{Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}, Workers: workers, TestOnly: true})
	require.NoError(t, err)
	require.NoError(t, client.Start(t.Context()))
	desk := review.New(db)
	want := map[string]bool{}
	for i := range 10 {
		c, err := desk.Record(t.Context(), sqldbtest.Weighing(fmt.Sprint("job ", i), "1", "1", pipeline.VerdictReview), sqldbtest.Person("sub"))
		require.NoError(t, err)
		_, err = client.Insert(t.Context(), jobArgs{Check: c.ID.String()}, nil)
		require.NoError(t, err)
		want[c.ID.String()] = true
	}
	for range 10 {
		delete(want, <-done)
	}
	require.Empty(t, want)
	require.NoError(t, client.Stop(t.Context()))
	head, err := db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	backup := filepath.Join(t.TempDir(), "b.db")
	require.NoError(t, db.Backup(t.Context(), backup))
	require.NoError(t, db.Close())

	db = open(t, path) // its tables do not make it another program's
	require.NoError(t, db.Close())
	to := filepath.Join(t.TempDir(), "to.db")
	restored, err := sqldb.Restore(t.Context(), backup, to)
	require.NoError(t, err)
	require.Equal(t, head, restored)
	both, err := sql.Open("sqlite", to)
	require.NoError(t, err)
	var jobs int
	require.NoError(t, both.QueryRow("SELECT count(*) FROM river_job").Scan(&jobs))
	require.Equal(t, 10, jobs)
	require.NoError(t, both.Close())
}
