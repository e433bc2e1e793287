//go:build !linux

package dir_test

import "testing"

// unprivileged runs f as it is: only Linux lets one thread give up its rights.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	f()
}
