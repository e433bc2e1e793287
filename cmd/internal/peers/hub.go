package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// hub answers as a model hub does to a reader of headers: it resolves a path of a
// model to a file and serves ranges of it. Every model lies in the same folder, at
// any revision and under any owner.
type hub struct {
	root  *os.Root
	delay time.Duration
	http  *http.Server
	url   string
	done  chan struct{}

	requests atomic.Int64
	bytes    atomic.Int64
}

// commit stands for the revision that a hub tells with each file.
const commit = "0000000000000000000000000000000000000000"

// startHub serves the models of a folder on a free port of the loopback interface
// until close. delay is waited before each answer.
func startHub(ctx context.Context, folder string, delay time.Duration) (*hub, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder of models: %w", err)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		_ = root.Close() // read only
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	h := &hub{root: root, delay: delay, url: "http://" + listener.Addr().String(), done: make(chan struct{})}
	h.http = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(h.done)
		_ = h.http.Serve(listener) // ends with ErrServerClosed
	}()
	return h, nil
}

func (h *hub) close() error {
	err := h.http.Close()
	<-h.done
	return errors.Join(err, h.root.Close())
}

// counts returns the requests and the bytes of bodies so far, and begins anew.
func (h *hub) counts() (requests, bytes int64) { return h.requests.Swap(0), h.bytes.Swap(0) }

// ServeHTTP implements [http.Handler].
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	time.Sleep(h.delay)
	name, ok := resolve(r.URL.Path)
	if !ok {
		notFound(w)
		return
	}
	f, err := h.root.Open(name)
	if err != nil {
		notFound(w)
		return
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		notFound(w)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	head.Set("X-Repo-Commit", commit)
	http.ServeContent(&counted{ResponseWriter: w, bytes: &h.bytes}, r, "", info.ModTime(), f)
}

// resolve returns the path under the folder of models that a hub's URL means:
// /owner/model/resolve/revision/path is model/path.
func resolve(url string) (name string, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(url, "/"), "/", 5)
	if len(parts) != 5 || parts[2] != "resolve" && parts[2] != "raw" {
		return "", false
	}
	return parts[1] + "/" + parts[4], true
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("X-Error-Code", "EntryNotFound")
	http.Error(w, "there is no such file", http.StatusNotFound)
}

// counted counts the bytes of a body.
type counted struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

// Write implements [io.Writer].
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// ReadFrom lets the system copy files straight to the connection.
func (c *counted) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.bytes.Add(n)
	return n, err
}
