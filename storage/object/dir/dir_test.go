package dir_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/storage/object/dir"
	"weighbridge/storage/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func source(path string) pipeline.Source {
	return pipeline.Source{Scheme: pipeline.SchemeDir, Dir: path}
}

func open(t *testing.T, path string) *dir.Store {
	t.Helper()
	s, err := dir.Open(source(path))
	require.NoError(t, err)
	return s
}

// write replaces a file and sets its time one second later than before: rewritten
// twice within one tick of the kernel's clock it would keep its time.
func write(t *testing.T, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	then := time.Now()
	if info, err := os.Stat(path); err == nil {
		then = info.ModTime().Add(time.Second)
	}
	require.NoError(t, os.WriteFile(path, data, 0o644))
	require.NoError(t, os.Chtimes(path, then, then))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(t *testing.T) objecttest.Harness {
		base := t.TempDir()
		root := filepath.Join(base, "model")
		require.NoError(t, os.Mkdir(root, 0o755))
		return objecttest.Harness{
			Open:      func(t *testing.T) pipeline.Store { return open(t, root) },
			Put:       func(t *testing.T, path string, data []byte) { write(t, filepath.Join(root, path), data) },
			PutBeside: func(t *testing.T, path string, data []byte) { write(t, filepath.Join(root+"-2", path), data) },
			Remove:    func(t *testing.T, path string) { require.NoError(t, os.Remove(filepath.Join(root, path))) },
			Deny: func(t *testing.T, path string) {
				for at := base; at != filepath.Dir(at) && at != os.TempDir(); at = filepath.Dir(at) {
					require.NoError(t, os.Chmod(at, 0o755))
				}
				require.NoError(t, os.Chmod(filepath.Join(root, path), 0o200))
			},
			AsReader: unprivileged,
			Missing: func(*testing.T) error {
				_, err := dir.Open(source(filepath.Join(base, "nothing")))
				return err
			},
		}
	})
}

func TestSourceThatIsAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	write(t, path, []byte("x"))
	_, err := dir.Open(source(path))
	require.ErrorIs(t, err, pipeline.ErrUsage)
	var told *pipeline.Error
	require.ErrorAs(t, err, &told)
	require.NotEmpty(t, told.Hint)
	_, err = dir.Open(pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "b"})
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

func TestFolderThatVanishes(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.Mkdir(root, 0o755))
	s := open(t, root)
	require.NoError(t, os.Remove(root))
	_, err := s.List(t.Context(), "")
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

func TestUnreadableFolderFailsTheListing(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	write(t, filepath.Join(base, "shut", "a.bin"), []byte("x"))
	for at := base; at != filepath.Dir(at) && at != os.TempDir(); at = filepath.Dir(at) {
		require.NoError(t, os.Chmod(at, 0o755))
	}
	require.NoError(t, os.Chmod(filepath.Join(base, "shut"), 0o300))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(base, "shut"), 0o755) })
	s := open(t, base)
	unprivileged(t, func() {
		_, err := s.List(t.Context(), "")
		require.ErrorIs(t, err, pipeline.ErrDenied)
		require.ErrorContains(t, err, "shut")
	})
}

func TestWhatIsSkippedAndWhy(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root := filepath.Join(base, "model")
	write(t, filepath.Join(root, "config.json"), []byte("{}"))
	write(t, filepath.Join(root, "sub", "weights.bin"), []byte("weights"))
	write(t, filepath.Join(root, ".git", "HEAD"), []byte("ref"))
	write(t, filepath.Join(root, "sub", ".cache", "x"), []byte("x"))
	write(t, filepath.Join(base, "secret"), []byte("secret"))
	for name, target := range map[string]string{
		"inside.bin": "sub/weights.bin", "chain.bin": "inside.bin", "outside.bin": "../secret", "absolute.bin": filepath.Join(base, "secret"),
		"dangling.bin": "nowhere", "folder": "sub", "up": "..", "loop": "loop", "device": "/dev/null",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, name)))
	}
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "socket"))
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()

	s := open(t, root)
	objects, skipped, _ := objecttest.List(t, s)
	var listed []string
	for _, o := range objects {
		listed = append(listed, o.Path)
		data, err := objecttest.Read(t.Context(), s, o, 0, o.Size)
		require.NoError(t, err)
		if o.Path != "config.json" {
			require.Equal(t, "weights", string(data))
		}
	}
	require.Equal(t, []string{"chain.bin", "config.json", "inside.bin", "sub/weights.bin"}, listed)
	require.Equal(t, []pipeline.Skipped{
		{Path: ".git/", Reason: "folder of the version control system"},
		{Path: "absolute.bin", Reason: "link that leaves the source", Unread: true},
		{Path: "dangling.bin", Reason: "link that leads to nothing that can be read", Unread: true},
		{Path: "device", Reason: "link that leaves the source", Unread: true},
		{Path: "folder", Reason: "link to a folder", Unread: true},
		{Path: "loop", Reason: "link that leads to nothing that can be read", Unread: true},
		{Path: "outside.bin", Reason: "link that leaves the source", Unread: true},
		{Path: "pipe", Reason: "named pipe, not a file", Unread: true},
		{Path: "socket", Reason: "socket, not a file", Unread: true},
		{Path: "sub/.cache/", Reason: "folder of download caches"},
		{Path: "up", Reason: "link that leaves the source", Unread: true},
	}, skipped)
}

func TestModelHubCache(t *testing.T) {
	t.Parallel()
	hub := t.TempDir()
	repo := filepath.Join(hub, "models--org--name")
	snapshot := filepath.Join(repo, "snapshots", "abc123")
	write(t, filepath.Join(repo, "blobs", "d1gest"), []byte("weights"))
	write(t, filepath.Join(hub, "models--org--other", "blobs", "0ther"), []byte("other"))
	write(t, filepath.Join(repo, "refs", "main"), []byte("abc123"))
	require.NoError(t, os.MkdirAll(filepath.Join(snapshot, "sub"), 0o755))
	for name, target := range map[string]string{
		"model.safetensors":     "../../blobs/d1gest",
		"sub/model.safetensors": "../../../blobs/d1gest",
		"stolen.bin":            "../../../models--org--other/blobs/0ther",
		"ref":                   "../../refs/main",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(snapshot, name)))
	}
	s := open(t, snapshot)
	objects, skipped, _ := objecttest.List(t, s)
	require.Len(t, objects, 2)
	for _, o := range objects {
		data, err := objecttest.Read(t.Context(), s, o, 0, o.Size)
		require.NoError(t, err)
		require.Equal(t, "weights", string(data))
	}
	require.Equal(t, []pipeline.Skipped{
		{Path: "ref", Reason: "link that leaves the source", Unread: true},
		{Path: "stolen.bin", Reason: "link that leaves the source", Unread: true},
	}, skipped)

	sub := open(t, filepath.Join(snapshot, "sub"))
	objects, skipped, _ = objecttest.List(t, sub)
	require.Len(t, objects, 1)
	require.Empty(t, skipped)
}

func TestSwappedBetweenListingAndReading(t *testing.T) {
	t.Parallel()
	for name, swap := range map[string]func(t *testing.T, path string){
		"link outside": func(t *testing.T, path string) { require.NoError(t, os.Symlink("/etc/hostname", path)) },
		"pipe":         func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o644)) },
		"folder":       func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) },
		"dangling":     func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) },
		"other file":   func(t *testing.T, path string) { write(t, path, []byte("other")) },
		"socket": func(t *testing.T, path string) {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = listener.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "a.bin")
			write(t, path, []byte("bytes"))
			past := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(path, past, past))
			s := open(t, root)
			o := objecttest.Pin(t, s, "a.bin")
			require.NoError(t, os.Remove(path))
			swap(t, path)
			_, err := objecttest.Read(t.Context(), s, o, 0, o.Size)
			require.ErrorIs(t, err, pipeline.ErrChanged)
		})
	}
}

func TestChangedWhileBeingRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"rewritten": func(t *testing.T, path string) { write(t, path, objecttest.Data(2, 100_000)) },
		"cut":       func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 10)) },
		"grown":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 200_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "a.bin")
			write(t, path, objecttest.Data(1, 100_000))
			s := open(t, root)
			o := objecttest.Pin(t, s, "a.bin")
			body, err := s.Open(t.Context(), o, 0, o.Size)
			require.NoError(t, err)
			buf := make([]byte, o.Size)
			_, err = io.ReadFull(body, buf[:1000])
			require.NoError(t, err)
			change(t, path)
			// A caller that asks for exactly the rest must learn of it too.
			_, err = io.ReadFull(body, buf[1000:])
			require.ErrorIs(t, err, pipeline.ErrChanged)
			require.NoError(t, body.Close())
		})
	}
}

func TestPathsThatLeaveAreNeverRead(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, path := range []string{"../x", "/etc/hostname", "a/../../x", ""} {
		_, err := s.Open(t.Context(), pipeline.Object{Path: path, Size: 5, ETag: "x"}, 0, 5)
		require.ErrorIsf(t, err, pipeline.ErrUsage, "%q", path)
	}
}
