//go:build unix

package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/cli"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/release"
	"weighbridge/storage/sqldb"
)

// approved is a model that was checked with all its bytes, and settled, with the signed
// approval and the public key.
type approved struct {
	model, approval, key string
}

// approve checks a folder into a queue and signs what came of it.
func approve(t *testing.T, folder, model string) approved {
	t.Helper()
	db := filepath.Join(folder, "queue.db")
	got := exec.Command("weighbridge", "check", model, "--hash", "--db", db, "--actor", "sam", "--format", "json", "--quiet")
	text, err := got.Output()
	require.NoError(t, err)
	var checked pipeline.Report
	require.NoError(t, json.Unmarshal(text, &checked))
	require.Equal(t, pipeline.VerdictClear, checked.Verdict)

	queue, err := sqldb.Open(t.Context(), db)
	require.NoError(t, err)
	defer func() { require.NoError(t, queue.Close()) }()
	history, err := queue.History(t.Context(), checked.Case.ID)
	require.NoError(t, err)
	stored, err := queue.Report(t.Context(), checked.Case.ID)
	require.NoError(t, err)
	head, err := queue.AuditHead(t.Context())
	require.NoError(t, err)
	sums := map[string]string{}
	for _, o := range checked.Artifact.Objects {
		sums[o.Path] = strings.TrimPrefix(string(o.SHA256), "sha256:")
	}
	a, err := attest.From(history, &stored, head, time.Now(), attest.WithSums(sums))
	require.NoError(t, err)
	key, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)
	e, err := a.Sign(t.Context(), key)
	require.NoError(t, err)
	out := approved{model: model, approval: filepath.Join(folder, "approval.json"), key: filepath.Join(folder, "key.pem")}
	require.NoError(t, os.WriteFile(out.approval, e.JSON(), 0o600))
	public, err := key.Public().MarshalPEM()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(out.key, public, 0o600))
	return out
}

// manyFiles writes a small model with n further files.
func manyFiles(t *testing.T, model string, n int) {
	t.Helper()
	require.NoError(t, fixtures.Tiny().Write(model))
	for i := range n {
		text := strings.Repeat(fmt.Sprintf("page %d\n", i), 100+10*i)
		require.NoError(t, os.WriteFile(filepath.Join(model, fmt.Sprintf("doc-%03d.txt", i)), []byte(text), 0o600))
	}
}

// tree returns what a folder holds, by path.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		out[filepath.ToSlash(rel)] = string(text)
		return err
	})
	require.NoError(t, err)
	return out
}

// volatile returns a folder in memory where there is one: a release sees to it that each
// file is on the disk, which is not what is tested, and takes a disk minutes.
func volatile(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "weighbridge-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

// TestRelease_Killed ends releases without warning at fifty moments. Afterwards the place
// is whole with its marker, or has no marker; and running it again completes it.
func TestRelease_Killed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	model := filepath.Join(folder, "model")
	manyFiles(t, model, 157)
	a := approve(t, folder, model)
	want := tree(t, model)
	require.GreaterOrEqual(t, len(want), 159)
	text, err := os.ReadFile(a.approval)
	require.NoError(t, err)
	want[release.Marker] = string(text)
	args := func(place string) []string {
		return []string{"release", model, place, "--approval", a.approval, "--key", a.key, "--quiet"}
	}
	run := func(place string) *exec.Cmd { return exec.Command("weighbridge", args(place)...) }
	started := time.Now()
	first := filepath.Join(volatile(t), "first")
	require.NoError(t, run(first).Run())
	took := time.Since(started)
	require.Equal(t, want, tree(t, first))

	const rounds = 50
	random := rand.New(rand.NewPCG(20261125, 1))
	var killed, unfinished atomic.Int64
	t.Run("moments", func(t *testing.T) {
		for i := range rounds {
			moment := time.Duration((float64(i) + random.Float64()) / rounds * float64(took) * 1.1)
			t.Run(moment.String(), func(t *testing.T) {
				t.Parallel()
				place := filepath.Join(volatile(t), "place")
				cmd := run(place)
				require.NoError(t, cmd.Start())
				timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() })
				err := cmd.Wait()
				timer.Stop()
				var exit *exec.ExitError
				if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
					killed.Add(1)
				}
				there := tree(t, place)
				for path := range there {
					if strings.HasPrefix(path, ".cache/") {
						delete(there, path) // what was not whole has no name yet
					}
				}
				if _, marked := there[release.Marker]; marked {
					require.Equal(t, want, there)
				} else {
					unfinished.Add(1)
				}
				var stdout, stderr strings.Builder
				status := cli.Main(t.Context(), append([]string{"weighbridge"}, args(place)...), cli.Environment{Stdout: &stdout, Stderr: &stderr,
					Getenv: func(string) string { return "" }, Now: time.Now})
				require.Equal(t, 0, status, stderr.String())
				require.Equal(t, want, tree(t, place))
			})
		}
	})
	require.Positive(t, killed.Load(), "no run was killed")
	require.Positive(t, unfinished.Load(), "no run was killed before its end")
	t.Logf("killed: %d of %d, unfinished: %d", killed.Load(), rounds, unfinished.Load())
}

// TestRelease_Refused holds that nothing but the approved bytes is released.
func TestRelease_Refused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(t *testing.T, a *approved)
		args   []string
		status int
		says   string
	}{
		"a byte of a tensor was changed": {func(t *testing.T, a *approved) {
			at := filepath.Join(a.model, "model.safetensors")
			text, err := os.ReadFile(at)
			require.NoError(t, err)
			text[len(text)-1] ^= 1
			require.NoError(t, os.WriteFile(at, text, 0o600))
		}, nil, 10, `"model.safetensors"`},
		"a file was added": {func(t *testing.T, a *approved) {
			require.NoError(t, os.WriteFile(filepath.Join(a.model, "new.txt"), nil, 0o600))
		}, nil, 10, `"new.txt" was added`},
		"a file was removed": {func(t *testing.T, a *approved) { require.NoError(t, os.Remove(filepath.Join(a.model, "doc-000.txt"))) }, nil, 10, `"doc-000.txt" is gone`},
		"a file was renamed": {func(t *testing.T, a *approved) {
			require.NoError(t, os.Rename(filepath.Join(a.model, "doc-000.txt"), filepath.Join(a.model, "doc-999.txt")))
		}, nil, 10, `"doc-000.txt" is gone, "doc-999.txt" was added`},
		"another key": {func(t *testing.T, a *approved) {
			key, err := attest.GenerateKey(attest.Ed25519)
			require.NoError(t, err)
			public, err := key.Public().MarshalPEM()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(a.key, public, 0o600))
		}, nil, 20, "key"},
		"no approval":       {func(t *testing.T, a *approved) { require.NoError(t, os.Remove(a.approval)) }, nil, 2, "cannot be opened"},
		"within the source": {func(*testing.T, *approved) {}, []string{"INSIDE"}, 2, "lie within each other"},
		"a tag on a folder": {func(*testing.T, *approved) {}, []string{"--tag", "weighbridge=approved"}, 2, "only objects in a bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			model := filepath.Join(folder, "model")
			manyFiles(t, model, 2)
			a := approve(t, folder, model)
			tt.change(t, &a)
			place := filepath.Join(folder, "place")
			args := []string{"release", model}
			switch {
			case tt.args == nil:
				args = append(args, place)
			case tt.args[0] == "INSIDE":
				args = append(args, filepath.Join(model, "public"))
			default:
				args = append(args, tt.args...)
			}
			args = append(args, "--approval", a.approval, "--key", a.key)
			cmd := exec.Command("weighbridge", args...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, stderr.String())
			require.Equal(t, tt.status, exit.ExitCode(), stderr.String())
			require.Contains(t, stderr.String(), tt.says)
			require.NotContains(t, tree(t, place), release.Marker)
		})
	}
}
