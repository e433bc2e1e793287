//go:build unix

package cli_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/cli"
	"weighbridge/fixtures"
)

// TestKill ends the program without warning at moments spread over its run, again and
// again over one queue. Whatever it was doing, the queue opens afterwards and its log
// verifies.
func TestKill(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := filepath.Join(folder, "queue.db")
	var models []string
	for i := range 4 {
		at := filepath.Join(folder, fmt.Sprint("model-", i))
		m := fixtures.Tiny()
		if i%2 == 1 {
			m = fixtures.OneOver10B()
		}
		require.NoError(t, m.Write(at))
		models = append(models, at)
	}
	check := func(i int) *exec.Cmd {
		// Another submitter and another day make each run write something.
		cmd := exec.Command("weighbridge", "check", models[i%len(models)], "--db", db, "--actor", fmt.Sprint("sam-", i), "--quiet",
			"--as-of", time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		return cmd
	}
	started := time.Now()
	require.NoError(t, check(0).Run())
	whole := time.Since(started)

	const rounds = 20
	random := rand.New(rand.NewPCG(20261123, 1))
	killed := 0
	for i := range rounds {
		cmd := check(i + 1)
		require.NoError(t, cmd.Start())
		// A moment in each part of the run, and some beyond its end.
		moment := time.Duration((float64(i) + random.Float64()) / rounds * float64(whole) * 1.1)
		timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			killed++
		}
		got := call(t, cli.Environment{}, "audit", "verify", "--db", db)
		require.Equal(t, 0, got.status, "after a kill at %s: %s", moment, got.stderr)
		got = call(t, cli.Environment{}, "queue", "list", "--state", "all", "--db", db)
		require.Equal(t, 0, got.status, got.stderr)
	}
	require.Positive(t, killed, "no run was killed")
	require.Contains(t, call(t, cli.Environment{}, "audit", "verify", "--db", db).stdout, "verifies")
	require.Equal(t, 10, call(t, cli.Environment{}, "check", models[1], "--db", db, "--actor", "sam").status, "the queue goes on")
}
