// Package dir reads a model from a local folder.
//
// A folder has no ETags, so an object is pinned by its modification time in
// nanoseconds and its size. They are compared when a file is opened and again before
// the last bytes of each read are handed out: a reader that asks for exactly the
// bytes it wants would never see an error that came behind them.
//
// Links are followed to files only, and only to files inside the source or inside
// the blobs of the same model-hub cache, where every file of a snapshot is a link.
// A link that leaves could publish what nobody meant to publish, and a link to a
// folder could run in circles; both are listed as skipped, with the reason. Devices,
// sockets and pipes are never opened. Opening goes through [os.Root], so that a name
// swapped for a link between the check and the opening cannot lead outside either.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"weighbridge/pipeline"
	"weighbridge/storage"
)

// skippedFolders hold the working data of tools and no part of a model.
var skippedFolders = map[string]string{
	".git":   "folder of the version control system",
	".cache": "folder of download caches",
}

// Store reads one folder. It holds no open files between calls.
type Store struct {
	// root is the folder with all links resolved.
	root string
	// blobs is the blob folder of the model-hub cache around root, or "".
	blobs string
}

var _ pipeline.Store = (*Store)(nil)

// Open binds a store to a folder.
//
// It returns an error that matches [pipeline.ErrNotFound] where the folder does not
// exist, [pipeline.ErrUsage] where the source is a file or no folder source at all,
// and [pipeline.ErrDenied] where it may not be entered.
func Open(src pipeline.Source) (*Store, error) {
	if src.Scheme != pipeline.SchemeDir || src.Dir == "" {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is not a folder", src.String())}
	}
	root, err := filepath.EvalSymlinks(src.Dir)
	if err != nil {
		return nil, folderError(src.Dir, err)
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, folderError(src.Dir, err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, folderError(src.Dir, err)
	}
	if !info.IsDir() {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the source %q is a file", src.Dir),
			Hint: "name the folder that holds the model; a model is always read together with the files beside it"}
	}
	return &Store{root: root, blobs: hubBlobs(root)}, nil
}

// hubBlobs returns the blob folder that belongs to a snapshot of a model-hub cache,
// laid out as <kind>s--<owner>--<name>/{blobs,snapshots/<revision>}.
func hubBlobs(root string) string {
	for at := root; ; {
		parent := filepath.Dir(at)
		if parent == at {
			return ""
		}
		if filepath.Base(parent) == "snapshots" {
			repo := filepath.Dir(parent)
			for _, kind := range []string{"models--", "datasets--", "spaces--"} {
				if strings.HasPrefix(filepath.Base(repo), kind) {
					return filepath.Join(repo, "blobs")
				}
			}
		}
		at = parent
	}
}

// List implements [pipeline.Store]. The token is the last path of the page before;
// folders that lie wholly before it are not read again.
func (s *Store) List(ctx context.Context, token string) (pipeline.Page, error) {
	w := &walk{ctx: ctx, store: s, after: token}
	err := w.folder("")
	if err != nil && !errors.Is(err, errPageFull) {
		return pipeline.Page{}, err
	}
	return w.page, nil
}

var errPageFull = errors.New("page full")

type walk struct {
	ctx   context.Context
	store *Store
	after string
	last  string
	names int
	page  pipeline.Page
}

// folder walks one folder. Sorting each folder's names with a slash behind those of
// folders gives the byte order of whole paths: "a-b" comes before "a/b".
func (w *walk) folder(rel string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(w.store.root, filepath.FromSlash(rel)))
	if rel != "" && errors.Is(err, fs.ErrNotExist) {
		return nil // removed while the folder was read
	}
	if err != nil {
		return folderError(filepath.Join(w.store.root, filepath.FromSlash(rel)), err)
	}
	names := make(map[string]fs.DirEntry, len(entries))
	order := make([]string, 0, len(entries))
	for _, entry := range entries {
		name := rel + entry.Name()
		if entry.IsDir() {
			name += "/"
		}
		names[name] = entry
		order = append(order, name)
	}
	sort.Strings(order)
	for _, name := range order {
		entry := names[name]
		if entry.IsDir() && skippedFolders[entry.Name()] == "" {
			if w.after != "" && name < w.after && !strings.HasPrefix(w.after, name) {
				continue
			}
			if err := w.folder(name); err != nil {
				return err
			}
			continue
		}
		if name <= w.after {
			continue
		}
		if w.names == storage.PageSize {
			w.page.Next = w.last
			return errPageFull
		}
		w.names++
		w.last = name
		if err := w.entry(name, entry); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(name string, entry fs.DirEntry) error {
	if entry.IsDir() {
		w.skip(name, skippedFolders[entry.Name()])
		return nil
	}
	place, reason := w.store.resolve(name)
	if reason != "" {
		w.skipUnread(name, reason)
		return nil
	}
	info, err := os.Lstat(place.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // removed while the folder was read: not there any more
	case err != nil:
		return folderError(filepath.Join(w.store.root, filepath.FromSlash(name)), err)
	case !info.Mode().IsRegular():
		w.skipUnread(name, describe(info.Mode()))
		return nil
	}
	w.page.Objects = append(w.page.Objects, pipeline.Object{
		Path: name, Size: info.Size(), ETag: etag(info), ModTime: info.ModTime(),
	})
	return nil
}

func (w *walk) skip(name, reason string) {
	w.page.Skipped = append(w.page.Skipped, pipeline.Skipped{Path: name, Reason: reason})
}

// skipUnread is skip for what could be published with the source all the same.
func (w *walk) skipUnread(name, reason string) {
	w.page.Skipped = append(w.page.Skipped, pipeline.Skipped{Path: name, Reason: reason, Unread: true})
}

// place is a file named from a folder that it may not leave.
type place struct{ root, rel string }

func (p place) path() string { return filepath.Join(p.root, p.rel) }

// resolve follows the links of a path and returns where its file lies, or the
// reason why it is not read.
func (s *Store) resolve(name string) (place, string) {
	full := filepath.Join(s.root, filepath.FromSlash(name))
	end, err := filepath.EvalSymlinks(full)
	if err != nil {
		info, lerr := os.Lstat(full)
		if lerr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return place{}, "link that leads to nothing that can be read"
		}
		// No link: a name that was removed, or a path that cannot be followed. The
		// caller's own look at it says which.
		return place{root: s.root, rel: filepath.FromSlash(name)}, ""
	}
	var found place
	for _, root := range []string{s.root, s.blobs} {
		if root == "" {
			continue
		}
		if rel, err := filepath.Rel(root, end); err == nil && filepath.IsLocal(rel) {
			found = place{root: root, rel: rel}
			break
		}
	}
	if found.root == "" {
		return place{}, "link that leaves the source"
	}
	if info, err := os.Lstat(end); err == nil && info.IsDir() {
		return place{}, "link to a folder"
	}
	return found, ""
}

// Open implements [pipeline.Store].
func (s *Store) Open(ctx context.Context, o pipeline.Object, offset, length int64) (io.ReadCloser, error) {
	if err := storage.CheckRange(o, offset, length); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !filepath.IsLocal(filepath.FromSlash(o.Path)) {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage,
			Message: fmt.Sprintf("%q is not a path inside the folder", o.Path)}
	}
	where, reason := s.resolve(o.Path)
	if reason != "" {
		return nil, changed(o, "it is now a "+reason)
	}
	f, err := openFile(where)
	if err != nil {
		return nil, fileError(o, err)
	}
	r := &reader{ctx: ctx, file: f, object: o, left: length}
	if err := r.check(); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		_ = f.Close() // nothing was written
		return nil, fileError(o, err)
	}
	return r, nil
}

// openFile opens without waiting, so that a pipe put in the place of a file cannot
// hold the run; the check of the opened file then refuses it.
func openFile(p place) (*os.File, error) {
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	return root.OpenFile(p.rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

type reader struct {
	ctx    context.Context
	file   *os.File
	object pipeline.Object
	left   int64
}

// check compares the open file with the pin.
func (r *reader) check() error {
	info, err := r.file.Stat()
	switch {
	case err != nil:
		return fileError(r.object, err)
	case !info.Mode().IsRegular():
		return changed(r.object, "it is now a "+describe(info.Mode()))
	case info.Size() != r.object.Size:
		return changed(r.object, fmt.Sprintf("it has %d bytes and had %d", info.Size(), r.object.Size))
	case r.object.ETag != "" && etag(info) != r.object.ETag,
		r.object.ETag == "" && !info.ModTime().Equal(r.object.ModTime):
		return changed(r.object, "it was written to")
	}
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
	if err != nil {
		if cerr := r.check(); cerr != nil {
			return 0, cerr
		}
		if errors.Is(err, io.EOF) {
			return 0, changed(r.object, "it ended early")
		}
		return 0, fileError(r.object, err)
	}
	if int64(n) == r.left {
		if err := r.check(); err != nil {
			return 0, err
		}
	}
	r.left -= int64(n)
	return n, nil
}

func (r *reader) Close() error { return r.file.Close() }

func etag(info fs.FileInfo) string {
	return fmt.Sprintf("%d-%d", info.ModTime().UnixNano(), info.Size())
}

func describe(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeSymlink != 0:
		return "link"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe, not a file"
	case mode&fs.ModeSocket != 0:
		return "socket, not a file"
	case mode&fs.ModeDevice != 0:
		return "device, not a file"
	}
	return "special file, not a plain one"
}

func changed(o pipeline.Object, how string) error {
	return &pipeline.Error{Code: pipeline.CodeChanged,
		Message: fmt.Sprintf("%q changed under review: %s", o.Path, how),
		Hint:    "let the writer finish, then start again"}
}

func fileError(o pipeline.Object, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: fmt.Sprintf("%q may not be read", o.Path),
			Hint: "give the user who runs Weighbridge the right to read it", Err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ELOOP),
		errors.Is(err, syscall.ENOTDIR):
		return changed(o, "it is gone, or another kind of file")
	}
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: fmt.Sprintf("%q cannot be read", o.Path), Err: err}
}

func folderError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("the folder %q does not exist", path),
			Hint: "check the path; for a bucket write s3://bucket/prefix/", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: fmt.Sprintf("the folder %q may not be read", path),
			Hint: "give the user who runs Weighbridge the right to list it; a model is only weighed when all of it is seen", Err: err}
	}
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: fmt.Sprintf("the folder %q cannot be read", path), Err: err}
}
