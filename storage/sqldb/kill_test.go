package sqldb_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest"
)

// workerEnv names the database that a copy of the test binary works on until it is
// killed.
const workerEnv = "SQLDB_TEST_WORKER"

func TestMain(m *testing.M) {
	if path := os.Getenv(workerEnv); path != "" {
		if err := work(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // a worker ends by being killed only
	}
	os.Exit(m.Run())
}

// work records and decides for ever, and says each time that something was done.
func work(ctx context.Context, path string) error {
	_, _ = fmt.Fprintln(os.Stdout, "starts")
	db, err := sqldb.Open(ctx, path)
	if err != nil {
		return err
	}
	desk := review.New(db)
	for i := 0; ; i++ {
		name := fmt.Sprintf("%d-%d", os.Getpid(), i%7)
		c, err := desk.Record(ctx, sqldbtest.Weighing(name, fmt.Sprint(i/7), fmt.Sprint(i/14), pipeline.VerdictBlock), sqldbtest.Person("sub"))
		if err != nil {
			return err
		}
		for _, who := range []string{"ada", "bob"}[:i%3] {
			if _, err := desk.Decide(ctx, sqldbtest.Vote(c.ID, who, pipeline.DecisionApprove)); err != nil {
				return err
			}
		}
		head, err := db.AuditHead(ctx)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(os.Stdout, head.Count)
	}
}

// However a process dies, what it was told is done is there, and nothing by halves.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	self, err := os.Executable()
	require.NoError(t, err)
	var head pipeline.AuditHead
	worked := 0
	for round := range 30 {
		told := killed(t, self, path, round)
		db := open(t, path)
		var earlier *pipeline.AuditHead
		if round > 0 {
			earlier = &head
		}
		now, err := db.VerifyAudit(t.Context(), earlier)
		require.NoError(t, err, "round %d", round)
		require.GreaterOrEqual(t, now.Count, told, "round %d: what was reported as done is kept", round)
		if now.Count > head.Count {
			worked++
		}
		head = now
		require.NoError(t, db.Close())
		whole(t, path)
	}
	require.Greater(t, worked, 10, "the workers did something")
}

// killed runs a worker, kills it at a random moment, and returns the last count that
// it reported.
func killed(t *testing.T, self, path string, round int) (told int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), workerEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the worker starts")
	if round%3 != 0 { // every third one may die while it makes or opens the database
		lines.Scan()
		_, _ = fmt.Sscan(lines.Text(), &told)
	}
	time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
	for lines.Scan() {
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
			told = n
		}
	}
	require.ErrorContains(t, cmd.Wait(), "killed")
	return told
}

// whole checks that every case has all its parts.
func whole(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, check := range []string{
		"SELECT count(*) FROM cases WHERE NOT EXISTS (SELECT 1 FROM reports WHERE case_id = cases.id AND digest = cases.report)",
		"SELECT count(*) FROM cases WHERE submission_digest NOT IN (SELECT digest FROM submissions)",
		"SELECT count(*) FROM reports WHERE 1 <> (SELECT count(*) FROM findings WHERE case_id = reports.case_id AND report = reports.digest)",
		"SELECT count(*) FROM reports WHERE 2 <> (SELECT count(*) FROM kept JOIN blobs ON blobs.digest = kept.digest WHERE case_id = reports.case_id AND report = reports.digest)",
		"SELECT count(*) FROM pragma_foreign_key_check",
		"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
	} {
		var broken int
		require.NoError(t, db.QueryRow(check).Scan(&broken), check)
		require.Zero(t, broken, check)
	}
}
