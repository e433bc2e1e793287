package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain builds the program once and puts it first on the path, for the tests that run
// it as a user does. They start it hundreds of times: it is built as it ships, because a
// binary that looks for data races takes five to ten times as long for each. The commands
// that tests run within their own process are what the race detector watches.
func TestMain(m *testing.M) {
	remove, err := install()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// install builds the program into a folder of its own, which remove takes away.
func install() (remove func() error, err error) {
	folder, err := os.MkdirTemp("", "weighbridge-cli-")
	if err != nil {
		return nil, err
	}
	remove = func() error { return os.RemoveAll(folder) }
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", folder+string(filepath.Separator), "weighbridge/cmd/weighbridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in the Makefile
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the program: %w\n%s", err, out), remove())
	}
	if err := os.Setenv("PATH", folder+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

// program returns where the program lies that TestMain built.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("weighbridge")
	require.NoError(t, err)
	return path
}
