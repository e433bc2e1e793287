package dir_test

import (
	"runtime"
	"syscall"
	"testing"
)

// unprivileged runs f on a thread that has no more rights to files than anyone has.
// The tests may run as root, who can read everything.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if syscall.Geteuid() == 0 {
			const nobody = 65534
			if err := syscall.Setfsuid(nobody); err != nil {
				t.Errorf("set the file system user: %v", err)
				return
			}
		}
		f()
	}()
	<-done
}
