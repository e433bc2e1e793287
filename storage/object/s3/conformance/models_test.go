package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures"
)

// program is the command line, built once from the repository that this module is a
// part of.
var program = sync.OnceValues(func() (string, error) {
	root := repository()
	out := filepath.Join(filepath.Dir(server.root), "weighbridge")
	build := exec.Command("go", "build", "-o", out, "./cmd/weighbridge")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(text)))
	}
	return out, nil
})

// repository is the folder of the repository. The gateway changes the working directory.
func repository() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "..")
}

// weighbridge runs the program against the gateway and returns what it printed on
// standard output, and its exit status.
func weighbridge(t *testing.T, args ...string) (stdout []byte, status int) {
	t.Helper()
	binary, err := program()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_S3=http://"+server.address, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "WEIGHBRIDGE_DB=", "WEIGHBRIDGE_ACTOR=submitter")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err, errs.String())
	}
	require.NotContains(t, out.String()+errs.String(), secretKey)
	return out.Bytes(), cmd.ProcessState.ExitCode()
}

// answer is what the tests look at in a report.
type answer struct {
	Verdict string `json:"verdict"`
	Facts   struct {
		Params struct {
			Lower, Estimate, Upper *int64
			SetAside               []struct {
				Name     string
				Elements int64
			} `json:"set_aside"`
		}
	}
	Cost struct {
		Requests  int64 `json:"requests"`
		BytesRead int64 `json:"bytes_read"`
	}
	Case *struct{ ID, State string }
}

func check(t *testing.T, args ...string) (answer, int) {
	t.Helper()
	out, status := weighbridge(t, append(args, "--format", "json")...)
	var a answer
	require.NoError(t, json.Unmarshal(out, &a), string(out))
	return a, status
}

// layOut writes a model into a new bucket and returns its source and folder.
func layOut(t *testing.T, m fixtures.Model) (source, folder string) {
	t.Helper()
	bucket := server.bucket(t)
	folder = filepath.Join(server.root, bucket, m.Name)
	require.NoError(t, m.Write(folder, fixtures.WithXattrETag()))
	return "s3://" + bucket + "/" + m.Name + "/", folder
}

// Every published model, served by a real S3 server, weighed by the real program.
func TestModels(t *testing.T) {
	verdicts := map[string]int{"gpt2": 0, "qwen2.5-0.5b": 0, "phi-3-mini": 0, "mistral-7b": 0, "llama-3.1-8b": 0, "gemma-2-9b": 0}
	for _, name := range fixtures.Models() {
		t.Run(name, func(t *testing.T) {
			m, err := fixtures.Load(name)
			require.NoError(t, err)
			source, _ := layOut(t, m)
			a, status := check(t, "check", source, "--pack", "seed-article")
			want, clear := verdicts[name]
			if !clear {
				want = 10
			}
			require.Equal(t, want, status)
			p := a.Facts.Params
			require.Equal(t, m.Parameters, *p.Lower)
			require.Equal(t, m.Parameters, *p.Estimate)
			require.Equal(t, m.Parameters, *p.Upper)
			if name == "llama-3-70b" {
				require.LessOrEqual(t, a.Cost.Requests, int64(36))
				require.Less(t, a.Cost.BytesRead, int64(1<<20))
			}
			if name == "gpt2" {
				require.Len(t, p.SetAside, 1)
				require.Equal(t, "h.{}.attn.bias", p.SetAside[0].Name)
				require.Equal(t, int64(12_582_912), p.SetAside[0].Elements)
			}
			require.Nil(t, a.Case)
		})
	}
}

func TestModels_TheLine(t *testing.T) {
	for status, m := range map[int]fixtures.Model{0: fixtures.Exactly10B(), 10: fixtures.OneOver10B()} {
		source, _ := layOut(t, m)
		_, got := check(t, "check", source, "--pack", "seed-article")
		require.Equal(t, status, got)
	}
}

// A decision holds for the bytes that it was given for.
func TestGate(t *testing.T) {
	m, err := fixtures.Load("llama-3-70b")
	require.NoError(t, err)
	source, folder := layOut(t, m)
	db := filepath.Join(t.TempDir(), "queue.db")
	a, status := check(t, "gate", source, "--db", db)
	require.Equal(t, 10, status)
	require.Equal(t, "open", a.Case.State)

	_, status = weighbridge(t, "queue", "decide", a.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "mine", "--db", db)
	require.Equal(t, 1, status, "nobody approves what they submitted")
	_, status = weighbridge(t, "queue", "decide", a.Case.ID, "approve", "--reason", "evidence_sufficient", "--comment", "seen", "--db", db, "--actor", "rita")
	require.Zero(t, status)
	a, status = check(t, "gate", source, "--db", db)
	require.Zero(t, status)
	require.Equal(t, "approved", a.Case.State)

	// One byte of one header: a letter of a tensor's name.
	shard := filepath.Join(folder, "model-00007-of-00030.safetensors")
	file, err := os.OpenFile(shard, os.O_RDWR, 0)
	require.NoError(t, err)
	head := make([]byte, 4096)
	_, err = file.ReadAt(head, 0)
	require.NoError(t, err)
	at := bytes.Index(head, []byte("input_layernorm"))
	require.Positive(t, at)
	_, err = file.WriteAt([]byte("j"), int64(at))
	require.NoError(t, errors.Join(err, file.Close()))
	require.NoError(t, fixtures.TagETags(folder))
	_, status = weighbridge(t, "gate", source, "--db", db)
	require.Equal(t, 10, status)
	_, status = weighbridge(t, "audit", "verify", "--db", db)
	require.Zero(t, status)
}

func TestRefusals(t *testing.T) {
	bucket := server.bucket(t)
	require.NoError(t, os.MkdirAll(filepath.Join(server.root, bucket, "texts"), 0o755))
	server.put(t, bucket, "texts/notes.txt", []byte("no weights here\n"))
	tests := []struct {
		name   string
		args   []string
		status int
	}{
		{"a bucket that does not exist", []string{"check", "s3://no-such-bucket/model/"}, 1},
		{"wrong credentials", []string{"check", "s3://" + bucket + "/texts/", "--access-key-id", accessKey, "--secret-access-key", "wrong"}, 1},
		{"an empty prefix", []string{"check", "s3://" + bucket + "/nothing/"}, 30},
		{"no weights", []string{"check", "s3://" + bucket + "/texts/"}, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, status := weighbridge(t, append(tt.args, "--format", "json")...)
			require.Equal(t, tt.status, status, string(out))
			require.True(t, json.Valid(out))
		})
	}
}
