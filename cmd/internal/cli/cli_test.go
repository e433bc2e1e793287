package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/cli"
	"weighbridge/fixtures"
	"weighbridge/fixtures/hostile"
	"weighbridge/pipeline"
)

// outcome is what one command line gave.
type outcome struct {
	status         int
	stdout, stderr string
}

// call runs one command line within the test's process, in an empty environment.
func call(t *testing.T, env cli.Environment, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env.Stdout, env.Stderr = &stdout, &stderr
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Now == nil {
		env.Now = func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	}
	status := cli.Main(t.Context(), append([]string{"weighbridge"}, args...), env)
	return outcome{status, stdout.String(), stderr.String()}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Cases() {
		if c.Large() {
			continue // the reader's own tests make those up while they read
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, c.Write(filepath.Join(folder, "model.safetensors")))
			got := call(t, cli.Environment{}, "check", folder, "--pack", "seed-article", "--format", "json")
			var r pipeline.Report
			require.NoError(t, json.Unmarshal([]byte(got.stdout), &r), got.stdout)
			require.Empty(t, got.stderr)
			require.NotEmpty(t, r.Inspections)
			first := r.Inspections[0]
			require.Equal(t, "model.safetensors", first.Object)
			switch c.Want {
			case hostile.Malformed, hostile.Pointer:
				require.Equal(t, pipeline.InspectionMalformed, first.Status, c.Rule)
				require.NotEmpty(t, first.Reason)
				require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
				require.Equal(t, 30, got.status)
			case hostile.NoWeights:
				require.Equal(t, pipeline.InspectionOK, first.Status, first.Reason)
				require.Equal(t, 30, got.status)
			default:
				require.Equal(t, pipeline.InspectionOK, first.Status, first.Reason)
				if c.Elements > 0 {
					require.Equal(t, int64(c.Elements), *r.Facts.Params.StoredElements)
				}
			}
			table := call(t, cli.Environment{}, "check", folder, "--pack", "seed-article")
			require.Equal(t, got.status, table.status)
			require.NotContains(t, table.stdout, "\x1b")
		})
	}
}

func TestHelp_EveryCommandTellsItsExitStatus(t *testing.T) {
	t.Parallel()
	commands := []string{"", "check", "gate", "inspect", "queue", "queue list", "queue show", "queue claim", "queue comment", "queue decide",
		"rules", "rules list", "rules show", "rules test", "rules facts", "rules schema", "submission", "submission init", "submission check", "audit", "audit verify", "audit checkpoint", "audit export", "approval", "approval show", "approval list", "approval verify", "approval revoke", "release", "demo", "comment", "version"}
	for _, name := range commands {
		t.Run("weighbridge "+name, func(t *testing.T) {
			t.Parallel()
			got := call(t, cli.Environment{}, append(strings.Fields(name), "--help")...)
			require.Equal(t, 0, got.status)
			require.Empty(t, got.stderr)
			require.Contains(t, got.stdout, "EXIT STATUS")
			require.Contains(t, got.stdout, "Usage:")
			require.NotContains(t, strings.ToLower(got.stdout), "permitted")
			for line := range strings.Lines(got.stdout) {
				// Lines of flags and examples may be longer.
				if !strings.HasPrefix(line, " ") {
					require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 110, line)
				}
			}
		})
	}
}

func TestProgress_IsForTerminalsOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, fixtures.Tiny().Write(folder))
	quiet := call(t, cli.Environment{}, "check", folder)
	require.Empty(t, quiet.stderr)
	shown := call(t, cli.Environment{Terminal: true}, "check", folder)
	require.NotContains(t, shown.stdout, "reading headers")
	require.Empty(t, call(t, cli.Environment{Terminal: true}, "check", folder, "--quiet").stderr)
}

func TestSecrets_NeverShow(t *testing.T) {
	t.Parallel()
	const key, token = "a-secret-key-9d1e", "a-session-token-77aa"
	env := cli.Environment{Getenv: func(name string) string {
		return map[string]string{"AWS_ACCESS_KEY_ID": "known", "AWS_SECRET_ACCESS_KEY": key, "AWS_SESSION_TOKEN": token,
			"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"}[name]
	}}
	folder := t.TempDir()
	file := filepath.Join(folder, "odd.yaml")
	require.NoError(t, os.WriteFile(file, []byte("a: [\n"), 0o644))
	lines := [][]string{
		{"check", folder, "--log-level", "trace"},
		{"check", folder, "--secret-access-key", key, "--access-key-id", "other", "--session-token", token},
		{"check", folder, "--secret-access-key"},
		{"check", "s3://bucket/x?X-Amz-Signature=" + token + "/", "--format", "json", "--submission", file},
		{"check", "s3://bucket/x/", "--endpoint-url", "http://user:" + key + "@127.0.0.1:1/"},
		{"check", "s3://bucket/x/", "--endpoint-url", "http://127.0.0.1:1/?token=" + token},
		{"check", "--help"},
	}
	for _, args := range lines {
		got := call(t, env, args...)
		require.NotContains(t, got.stdout+got.stderr, key, args)
		if !strings.Contains(args[1], token) { // the source is what the user wrote
			require.NotContains(t, got.stdout+got.stderr, token, args)
		}
	}
}
