package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replace puts a file in the place of what was there, in one step, or makes it. A link
// stays one, and what is no regular file, such as a pipe, is written to.
func replace(path string, content []byte) error {
	mode := fs.FileMode(0o644) // others read it
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if there, err := os.Stat(path); err == nil {
		if !there.Mode().IsRegular() {
			return os.WriteFile(path, content, mode)
		}
		mode = there.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".weighbridge-*")
	if err != nil {
		return notWritten(path, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone
		return notWritten(path, err)
	}
	return nil
}
