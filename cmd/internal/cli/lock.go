package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"weighbridge/pipeline"
)

// lock keeps other commands of this program from changing a file until release is called:
// who reads it, adds to it and puts the result in its place loses nothing then. What is
// locked is an empty file of the same name with ".lock" after it, which stays: the file
// itself is another one after each change. The lock of a command that was killed is gone
// with it. It waits until ctx ends.
func lock(ctx context.Context, path string) (release func(), err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // as replace does
	}
	type answer struct {
		release func()
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		release, err := lockedfile.MutexAt(path + ".lock").Lock()
		answers <- answer{release, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the folder of " + path + " cannot be used", Err: a.err,
				Hint: "name a file in a folder that can be written"}
		}
		return a.release, nil
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.err == nil {
				a.release()
			}
		}()
		return nil, fmt.Errorf("wait for another command that changes %s: %w", path, context.Cause(ctx))
	}
}
