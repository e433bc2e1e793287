// Package serve runs the desk: the API, the pages and the workers in one process. It
// wires what other packages are, and owns what belongs to a server alone: the listener and
// its limits, request logs, metrics, health, and the order of starting and stopping.
package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// The limits of one connection. A client that sends or reads more slowly is cut off.
const (
	headerTime = 10 * time.Second
	readTime   = 2 * time.Minute
	// writeTime bounds an answer. An export sets its own, page by page.
	writeTime   = 2 * time.Minute
	idleTime    = 2 * time.Minute
	headerBytes = 32 << 10
	// stopTime is how long requests in flight may take when the desk stops.
	stopTime = 20 * time.Second
)

// Limits are how long a client may take. What is 0 is as the desk has it by default.
type Limits struct {
	// Header and Read bound how long the header of a request, and the whole of it, may take
	// to arrive, Write how long its answer may take to be made and taken, and Idle the time
	// between two requests.
	Header, Read, Write, Idle time.Duration
	// Body and File bound bodies of the API, in place of Read, and Page each part of an
	// export, in place of Write.
	Body, File, Page time.Duration
}

// Worker is work in the background.
type Worker interface {
	// Start begins. Work goes on until Stop.
	Start(ctx context.Context) error
	// Stop takes no new work and waits for what runs, until the context ends; then it is
	// cut short, and left in a state from which it is taken up again.
	Stop(ctx context.Context) error
}

// Server serves one desk.
type Server struct {
	Handler http.Handler
	Workers []Worker
	Logger  hclog.Logger
	// TLS is nil for plain HTTP.
	TLS    *tls.Config
	Limits Limits
	// Listening is told the address once requests are taken; it may be nil.
	Listening func(net.Addr)
}

// Run serves on a listener until the context ends, and then stops: no new requests, those
// in flight are answered, workers end what they do. It closes the listener.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	if s.TLS != nil {
		listener = tls.NewListener(listener, s.TLS)
	}
	// Workers outlive the signal: they are stopped, not cut.
	for i, w := range s.Workers {
		if err := w.Start(context.WithoutCancel(ctx)); err != nil {
			_ = listener.Close()
			return errors.Join(fmt.Errorf("start the workers: %w", err), s.stop(context.WithoutCancel(ctx), s.Workers[:i]))
		}
	}
	strays := &garbled{logger: s.Logger.Named("http")}
	server := &http.Server{Handler: strays.pass(s.Handler), ReadHeaderTimeout: cmp.Or(s.Limits.Header, headerTime), ReadTimeout: cmp.Or(s.Limits.Read, readTime),
		WriteTimeout: cmp.Or(s.Limits.Write, writeTime), IdleTimeout: cmp.Or(s.Limits.Idle, idleTime), MaxHeaderBytes: headerBytes,
		DisableGeneralOptionsHandler: true, ConnContext: strays.conn, ConnState: strays.state,
		ErrorLog: s.Logger.Named("http").StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug})}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if s.Listening != nil {
		s.Listening(listener.Addr())
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, s.shutdown(context.WithoutCancel(ctx), server))
}

// garbled logs connections that end in the middle of something that no handler was asked,
// because it was no request, or did not arrive in time: the server answers those by itself.
// What was sent is not repeated.
type garbled struct {
	logger hclog.Logger
	// pending tells, by connection, whether something was sent and no handler was asked.
	pending sync.Map
}

type pendingKey struct{}

func (g *garbled) conn(ctx context.Context, c net.Conn) context.Context {
	pending := &atomic.Bool{}
	g.pending.Store(c, pending)
	return context.WithValue(ctx, pendingKey{}, pending)
}

func (g *garbled) pass(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pending, ok := r.Context().Value(pendingKey{}).(*atomic.Bool); ok {
			pending.Store(false)
		}
		if len(r.TransferEncoding) > 0 {
			// Where a proxy saw another end of a body in chunks, what follows is nobody's
			// request.
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (g *garbled) state(c net.Conn, state http.ConnState) {
	value, ok := g.pending.Load(c)
	if !ok {
		return
	}
	pending := value.(*atomic.Bool)
	switch state {
	case http.StateActive:
		pending.Store(true)
	case http.StateClosed, http.StateHijacked:
		g.pending.Delete(c)
		if pending.Load() {
			g.logger.Debug("a connection ended in what was no request, or not a whole one", "from", c.RemoteAddr())
		}
	}
}

func (s *Server) shutdown(ctx context.Context, server *http.Server) error {
	s.Logger.Info("stopping")
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.Logger.Warn("requests were cut off", "after", stopTime)
		err = server.Close()
	}
	return errors.Join(err, s.stop(ctx, s.Workers))
}

// stop stops workers, the last one first.
func (s *Server) stop(ctx context.Context, workers []Worker) error {
	var err error
	for i := len(workers) - 1; i >= 0; i-- {
		err = errors.Join(err, workers[i].Stop(ctx))
	}
	return err
}

// Listen opens the address that the desk is served on. An error matches
// [pipeline.ErrUsage] where the address is taken or none of this machine's.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the desk cannot listen on " + address, Err: err,
			Hint: "another program may use the port; name another address with --listen"}
	}
	return listener, nil
}

// Certificate reads the certificate that the desk shows, nil where neither it nor a key is
// named. One without the other is an error that matches [pipeline.ErrUsage]: a desk that is
// meant to be encrypted never falls back to plain HTTP.
func Certificate(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil //nolint:nilnil // plain HTTP
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the certificate and its key cannot be used", Err: err, Hint: "both are PEM files: serve.tls.cert and serve.tls.key"}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Watch logs and counts every request. It stands outside of everything else. Where a
// handler falls over that is logged, and answered with status 500; where it had begun to
// answer, the connection is cut, so that half an answer never passes for a whole one.
func Watch(next http.Handler, logger hclog.Logger, metrics *Metrics, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := now()
		told := &teller{ResponseWriter: w}
		defer func() {
			fell := recover()
			id := told.Header().Get(access.RequestIDHeader)
			cut := fell != nil && (fell == http.ErrAbortHandler || told.status != 0) //nolint:errorlint // the value itself is what aborts
			if fell != nil && fell != http.ErrAbortHandler {                         //nolint:errorlint // as above
				logger.Error("a request failed", "id", id, "error", fell, "stack", string(debug.Stack()))
			}
			if fell != nil && !cut {
				say(told, http.StatusInternalServerError, "something went wrong: the log says what, under request "+id)
			}
			took := now().Sub(began)
			metrics.Observe(r.Pattern, r.Method, told.code(), took)
			level := hclog.Debug
			if told.code() >= http.StatusInternalServerError {
				level = hclog.Error
			}
			logger.Log(level, "request", "id", id, "method", r.Method, "path", access.LogPath(r),
				"route", r.Pattern, "status", told.code(), "bytes", told.bytes, "cut", cut, "milliseconds", took.Milliseconds())
			if cut {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(told, r)
	})
}

// teller remembers what was answered.
type teller struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (t *teller) code() int {
	if t.status == 0 {
		return http.StatusOK
	}
	return t.status
}

// WriteHeader implements [http.ResponseWriter].
func (t *teller) WriteHeader(status int) {
	if t.status == 0 && status >= http.StatusOK {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (t *teller) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	n, err := t.ResponseWriter.Write(b)
	t.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach what is beneath.
func (t *teller) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Health answers whether the process runs.
func Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
}

// Ready answers whether requests can be served: the database answers within two seconds.
func Ready(ping func(context.Context) error, logger hclog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ping(ctx); err != nil {
			logger.Warn("not ready", "error", err)
			say(w, http.StatusServiceUnavailable, "the database does not answer")
			return
		}
		say(w, http.StatusOK, "ok")
	})
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
