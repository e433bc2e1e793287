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

// TestRelease_FromTheQueue takes the signed approval from the queue: of a case, or of what
// lies at the source. It is verified as a file is.
func TestRelease_FromTheQueue(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		check, vote []string // of the check and of the vote
		do          func(d *desk, id string)
		later       time.Duration
		byCase      bool
		args        []string // in place of the trust file
		status      int
		says        string
	}{
		"of the source":             {check: []string{"--hash"}, status: 0},
		"of a case":                 {check: []string{"--hash"}, byCase: true, status: 0},
		"of a submission":           {check: []string{"--hash", "--submission", "sub.yaml"}, args: []string{"--trust", "trust.yaml", "--submission", "sub.yaml"}, status: 0},
		"of another submission":     {check: []string{"--hash"}, args: []string{"--trust", "trust.yaml", "--submission", "sub.yaml"}, status: 10, says: "approved for another submission"},
		"a case of another":         {check: []string{"--hash"}, byCase: true, args: []string{"--trust", "trust.yaml", "--submission", "sub.yaml"}, status: 10, says: "given for another submission"},
		"a case of this submission": {check: []string{"--hash", "--submission", "sub.yaml"}, byCase: true, args: []string{"--trust", "trust.yaml", "--submission", "sub.yaml"}, status: 0},
		"one public key":            {check: []string{"--hash"}, args: []string{"--key", "release.pem.pub"}, status: 0},
		"another key":               {check: []string{"--hash"}, args: []string{"--trust", "stranger.yaml"}, status: 20, says: "no trusted key"},
		"a case signed by another":  {check: []string{"--hash"}, byCase: true, args: []string{"--trust", "stranger.yaml"}, status: 20, says: "no trusted key"},
		"no key":                    {check: []string{"--hash"}, args: []string{"--quiet"}, status: 2, says: "name the trusted keys"},
		"store-bound":               {status: 10, says: "bound to one place"},
		"not signed":                {check: []string{"--hash"}, vote: []string{"--until", "2027-01-01"}, status: 10, says: "no signed approval of it is kept"},
		"a case that is not signed": {check: []string{"--hash"}, vote: []string{"--until", "2027-01-01"}, byCase: true, status: 10, says: "no signed approval of it is kept"},
		"the term has ended":        {check: []string{"--hash"}, vote: []string{"--key", "release.pem", "--until", "2026-11-24"}, later: 48 * time.Hour, status: 10, says: "the approval ended"},
		"the term of a case":        {check: []string{"--hash"}, vote: []string{"--key", "release.pem", "--until", "2026-11-24"}, later: 48 * time.Hour, byCase: true, status: 10, says: "the approval ended"},
		"other bytes":               {check: []string{"--hash"}, do: func(d *desk, _ string) { d.write("a/config.json", "{ }") }, status: 10, says: "other bytes were approved"},
		"other bytes than a case's": {check: []string{"--hash"}, do: func(d *desk, _ string) { d.write("a/config.json", "{ }") }, byCase: true, status: 10, says: `"config.json"`},
		"revoked":                   {check: []string{"--hash"}, do: (*desk).takeBack, status: 20, says: "was revoked"},
		"a case that was revoked":   {check: []string{"--hash"}, do: (*desk).takeBack, byCase: true, status: 20, says: "was revoked"},
		"a stronger verdict": {check: []string{"--hash"}, do: func(d *desk, _ string) {
			d.write("look.yaml", strings.Replace(lookPack, "effect: review", "effect: block", 1))
		}, status: 20, says: "the verdict is now block"},
		"a case that nobody decided": {check: []string{"--hash"}, vote: []string{"NONE"}, byCase: true, status: 10, says: "it is open"},
		"nobody decided":             {check: []string{"--hash"}, vote: []string{"NONE"}, status: 10, says: "no approval of these bytes"},
		"rejected":                   {check: []string{"--hash"}, vote: []string{"REJECT"}, status: 20, says: "a reviewer rejected"},
		"a case that was rejected":   {check: []string{"--hash"}, vote: []string{"REJECT"}, byCase: true, status: 20, says: "a reviewer rejected"},
		"no such queue":              {check: []string{"--hash"}, args: []string{"--trust", "trust.yaml", "--db", "none.db"}, status: 2, says: "there is no queue at"},
		"a file too":                 {check: []string{"--hash"}, byCase: true, args: []string{"--trust", "trust.yaml", "--approval", "trust.yaml"}, status: 2, says: "give one of them"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			if test.vote == nil {
				test.vote = []string{"--key", "release.pem"}
			}
			if test.args == nil {
				test.args = []string{"--trust", "trust.yaml"}
			}
			files := func(args []string) (out []string) {
				for _, a := range args {
					if strings.Contains(a, ".") {
						a = d.at(a)
					}
					out = append(out, a)
				}
				return out
			}
			var id string
			switch test.vote[0] {
			case "NONE", "REJECT":
				id = d.ask("a", files(test.check))
				if test.vote[0] == "REJECT" {
					d.want(0, "queue", "decide", id, "reject", "--reason", "rule_applies", "--comment", "no", "--actor", "rita", "--db", d.at("q.db"))
				}
			default:
				id = d.settle("a", files(test.check), files(test.vote))
			}
			if test.do != nil {
				test.do(d, id)
			}
			d.now = d.now.Add(test.later)
			args := append([]string{"release", d.at("a"), d.at("place"), "--db", d.at("q.db")}, files(test.args)...)
			if test.byCase {
				args = append(args, "--case", id)
			} else {
				args = append(args, "--pack", d.at("look.yaml"))
			}
			got := d.run(args...)
			require.Equal(t, test.status, got.status, "%s%s", got.stdout, got.stderr)
			if test.status != 0 {
				require.Contains(t, got.stderr, test.says)
				require.NotContains(t, tree(t, d.at("place")), release.Marker)
				return
			}
			d.want(0, "approval", "verify", d.at("place"), "--approval", d.at("place/"+release.Marker), "--trust", d.at("trust.yaml"))
			require.Contains(t, d.want(0, args...), "Released before")
		})
	}
	d := newDesk(t)
	require.Contains(t, d.run("release", d.at("a"), d.at("place"), "--trust", d.at("trust.yaml")).stderr, "--approval FILE, or with --db the queue")
	require.Contains(t, d.run("release", d.at("a"), d.at("place"), "--trust", d.at("trust.yaml"), "--case", "123456").stderr, "no queue is named")
	require.Contains(t, d.run("release", d.at("a"), d.at("place"), "--trust", d.at("trust.yaml"), "--case", "123456", "--hash").stderr, "leave --hash out")
}

// TestRevoke_SideBySide revokes with a process for each case. The list holds them all.
func TestRevoke_SideBySide(t *testing.T) {
	t.Parallel()
	const cases = 6
	d := newDeskAt(t, time.Now()) // by which the processes go
	d.write("pass", "correct horse battery\n")
	var revokes []*exec.Cmd
	for i := range cases {
		model := fmt.Sprintf("model-%d", i)
		d.model(model)
		id := d.settle(model, nil, []string{"--key", d.at("release.pem")})
		cmd := exec.Command("weighbridge", "approval", "revoke", id, "--reason", "other", "--comment", "no", "--actor", "sam", "--db", d.at("q.db"),
			"--key", d.at("release.pem"), "--passphrase-file", d.at("pass"), "--revocations", d.at("list.json"))
		cmd.Stdout, cmd.Stderr = new(strings.Builder), new(strings.Builder)
		revokes = append(revokes, cmd)
	}
	for _, cmd := range revokes {
		require.NoError(t, cmd.Start())
	}
	for _, cmd := range revokes {
		require.NoError(t, cmd.Wait(), cmd.Stderr)
	}
	f, err := os.Open(d.at("list.json"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	e, err := attest.ReadEnvelope(f)
	require.NoError(t, err)
	trust, err := attest.LoadTrust(strings.NewReader(d.read("trust.yaml")), "trust.yaml")
	require.NoError(t, err)
	list, err := trust.VerifyRevocations(t.Context(), e, time.Now())
	require.NoError(t, err)
	require.Len(t, list.Revoked, cases)
	require.Equal(t, int64(cases), list.Number)
}

// TestKeyNew_SideBySide makes keys with a process for each. The trust file holds them all.
func TestKeyNew_SideBySide(t *testing.T) {
	t.Parallel()
	const keys = 6
	d := newDeskAt(t, time.Now())
	d.write("pass", "correct horse battery\n")
	var makers []*exec.Cmd
	for i := range keys {
		cmd := exec.Command("weighbridge", "key", "new", d.at(fmt.Sprintf("key-%d.pem", i)), "--trust", d.at("many.yaml"), "--passphrase-file", d.at("pass"))
		cmd.Stdout, cmd.Stderr = new(strings.Builder), new(strings.Builder)
		makers = append(makers, cmd)
	}
	for _, cmd := range makers {
		require.NoError(t, cmd.Start())
	}
	for _, cmd := range makers {
		require.NoError(t, cmd.Wait(), cmd.Stderr)
	}
	trust, err := attest.LoadTrust(strings.NewReader(d.read("many.yaml")), "many.yaml")
	require.NoError(t, err)
	require.Len(t, trust.Keys(), keys)
}
