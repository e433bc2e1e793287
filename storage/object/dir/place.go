package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// waiting is the folder for files that are not whole yet. [Store] passes over it, and
// what a killed run leaves there is removed by the next.
const waiting = ".cache/weighbridge-release"

// Place writes to one folder. A file gets its name only when all of it was written, and
// is on the disk once the place was settled. All names go through [os.Root], so that none
// leads out of the folder.
type Place struct {
	root *os.Root

	mu sync.Mutex
	// loose are the files and folders that may not be on the disk yet.
	loose map[string]bool
}

var (
	_ pipeline.Place   = (*Place)(nil)
	_ pipeline.Settler = (*Place)(nil)
)

// OpenPlace binds a place to a folder, makes it where there is none, and removes what an
// earlier run did not finish. It returns an error that matches [pipeline.ErrUsage] for a
// source that is no folder, and [pipeline.ErrDenied] where it may not be written to.
func OpenPlace(src pipeline.Source) (*Place, error) {
	if src.Scheme != pipeline.SchemeDir || src.Dir == "" {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is not a folder", src.String())}
	}
	if err := os.MkdirAll(src.Dir, 0o755); err != nil {
		return nil, placeError(src.Dir, err)
	}
	root, err := os.OpenRoot(src.Dir)
	if err != nil {
		return nil, placeError(src.Dir, err)
	}
	p := &Place{root: root, loose: map[string]bool{}}
	if err := p.sweep(); err != nil {
		_ = root.Close() // nothing was written through it
		return nil, placeError(src.Dir, err)
	}
	return p, nil
}

// Close removes the folder for unfinished files and gives the place up.
func (p *Place) Close() error {
	err := p.sweep()
	return errors.Join(err, p.root.Close())
}

// sweep removes unfinished files, and the cache's folder where nothing else is in it.
func (p *Place) sweep() error {
	if err := p.root.RemoveAll(waiting); err != nil {
		return err
	}
	_ = p.root.Remove(path.Dir(waiting)) // it may hold what others left there
	return nil
}

// Put implements [pipeline.Place].
func (p *Place) Put(ctx context.Context, name string, size int64, sum pipeline.Digest, body io.Reader) (err error) {
	if err := local(name); err != nil {
		return err
	}
	if err := p.root.MkdirAll(waiting, 0o755); err != nil {
		return placeError(name, err)
	}
	temporary := path.Join(waiting, rand.Text())
	f, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return placeError(name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()                // it is not wanted any more
			_ = p.root.Remove(temporary) // the next run sweeps it away
		}
	}()
	checked := storage.NewChecked(ctx, name, size, sum, body)
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, checked, make([]byte, 1<<20)); err != nil {
		if checked.Err() != nil {
			return checked.Err()
		}
		return placeError(name, err)
	}
	if err := f.Close(); err != nil {
		return placeError(name, err)
	}
	if folder := path.Dir(name); folder != "." {
		if err := p.root.MkdirAll(folder, 0o755); err != nil {
			return placeError(name, err)
		}
	}
	if err := p.root.Rename(temporary, name); err != nil {
		return placeError(name, err)
	}
	p.loosen(name)
	return nil
}

// loosen remembers what the disk may not hold yet: a file, and the folders on its way.
func (p *Place) loosen(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loose[name] = true
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		p.loose[folder] = true
		if folder == "." {
			return
		}
	}
}

// Settle implements [pipeline.Settler]: the files first, then the folders, so that a name
// that outlives the machine has its bytes.
func (p *Place) Settle(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := slices.Collect(maps.Keys(p.loose))
	slices.SortFunc(names, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.sync(name); err != nil {
			return err
		}
		delete(p.loose, name)
	}
	return nil
}

func (p *Place) sync(name string) error {
	f, err := p.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed since
	}
	if err != nil {
		return placeError(name, err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return placeError(name, err)
	}
	return nil
}

// Remove implements [pipeline.Place].
func (p *Place) Remove(_ context.Context, name string) error {
	if err := local(name); err != nil {
		return err
	}
	if err := p.root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return placeError(name, err)
	}
	p.loosen(name)
	return nil
}

// local refuses a path that no listing of a folder would show.
func local(name string) error {
	if name == "" || name == "." || path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\x00\\") {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q cannot be the name of a file in a folder", name),
			Hint: "release it to a bucket, or give the object another name"}
	}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if skippedFolders[part] != "" {
			return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q lies in a folder that is passed over when a folder is read", name),
				Hint: "release it to a bucket, or give the object another name"}
		}
	}
	return nil
}

func placeError(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: fmt.Sprintf("%q may not be written", name),
			Hint: "give the user who runs Weighbridge the right to write to the release place", Err: err}
	}
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: fmt.Sprintf("%q could not be written", name),
		Hint: "check the disk of the release place", Err: err}
}
