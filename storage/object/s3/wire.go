package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"weighbridge/pipeline"
)

// maxListing bounds one page of a listing: 1,000 keys of 1,024 bytes, each escaped
// threefold, with what belongs to them, fit many times.
const maxListing = 8 << 20

// call is one request that a method of the store makes, and how it ended.
type call struct {
	ctx    context.Context
	target target
	// check looks at the head of a successful answer.
	check func(*http.Response) error
	// err is why the call failed, or nil.
	err error
}

type callKey struct{}

// wire is the HTTP transport. Everything that the client library hides or repeats is
// seen here: status, headers and the way a body ends.
//
// It never gives the library an error. The library sleeps after a failed try even
// when it is told to make no other, and it rewrites some errors; so a failed call is
// handed over as a plain 400, which it gives up on at once, while the real reason is
// kept in the call. (net/http itself repeats a request when a kept connection turns out
// to be dead before any answer; that counts as one request here.)
type wire struct {
	base    *http.Transport
	timeout time.Duration
	// writes and patience are base and timeout for requests that write.
	writes   *http.Transport
	patience time.Duration
	requests atomic.Int64
}

func newWire(o Options, secure bool) (*wire, error) {
	base, err := minio.DefaultTransport(secure) // proxy settings, TLS 1.2, SSL_CERT_FILE
	if err != nil {
		return nil, err
	}
	base.MaxIdleConns = o.Concurrency
	base.MaxIdleConnsPerHost = o.Concurrency
	base.MaxConnsPerHost = o.Concurrency
	base.ResponseHeaderTimeout = o.AnswerTimeout
	base.DisableCompression = true
	base.MaxResponseHeaderBytes = 256 << 10
	writes := base.Clone()
	writes.ResponseHeaderTimeout = o.WriteTimeout
	return &wire{base: base, timeout: o.AnswerTimeout, writes: writes, patience: o.WriteTimeout}, nil
}

// close gives up the idle connections.
func (w *wire) close() {
	w.base.CloseIdleConnections()
	w.writes.CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	c, ok := req.Context().Value(callKey{}).(*call)
	if !ok {
		return nil, fmt.Errorf("unexpected request %s %s", req.Method, req.URL.Path)
	}
	w.requests.Add(1)
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.WithContext(ctx)
	req.Header.Set("Accept-Encoding", "identity")
	base, timeout := w.base, w.timeout
	if c.target.written {
		base, timeout = w.writes, w.patience
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		cancel(nil)
		return c.fail(req, broken(c.ctx, err, c.target)), nil //nolint:contextcheck // the caller's context, which the request's is made from
	}
	resp.Body = &body{call: c, from: resp.Body, cancel: cancel, ctx: ctx, timeout: timeout}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent && (!c.target.written || resp.StatusCode != http.StatusNoContent) {
		err = refusal(resp, c.target)
		if c.ctx.Err() != nil {
			err = broken(c.ctx, err, c.target) //nolint:contextcheck // as above
		}
	} else {
		// The library refuses an answer whose Expires it cannot read, and proxies
		// send "0". Nothing here uses it.
		resp.Header.Del("Expires")
		err = c.check(resp)
	}
	if err != nil {
		_ = resp.Body.Close() // the answer is of no use
		return c.fail(req, err), nil
	}
	return resp, nil
}

// fail keeps the reason and makes the answer that the library gives up on.
func (c *call) fail(req *http.Request, err error) *http.Response {
	c.err = err
	return &http.Response{Status: "400 Bad Request", StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req}
}

// result returns why a call failed. libraryErr is what the library made of it; it
// counts where the answer was fine and the library could not read it.
func (c *call) result(libraryErr error) error {
	switch {
	case c.err != nil:
		return c.err
	case libraryErr == nil:
		return nil
	case c.ctx.Err() != nil:
		return fmt.Errorf("%s %s was stopped: %w", c.target.doing(), c.target, c.ctx.Err())
	}
	// The library's text is left out: it may quote the answer.
	return &pipeline.Error{Code: pipeline.CodeProtocol, Message: fmt.Sprintf("the answer for %s is not what S3 sends", c.target),
		Hint: "check that the endpoint speaks S3"}
}

// bound carries a call to the wire for methods of the library that take no context.
type bound struct {
	wire *wire
	call *call
}

func (b bound) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.wire.RoundTrip(req.WithContext(context.WithValue(b.call.ctx, callKey{}, b.call)))
}

// body watches an answer's body: silence ends it, and a failure gets its meaning.
type body struct {
	call    *call
	from    io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.call.ctx.Err(); err != nil {
		return 0, broken(b.call.ctx, err, b.call.target) // what is buffered is not handed out any more
	}
	watch := time.AfterFunc(b.timeout, func() { b.cancel(errSilent) })
	n, err := b.from.Read(p)
	watch.Stop()
	if err == nil || err == io.EOF { //nolint:errorlint // a reader returns io.EOF itself
		return n, err
	}
	if cause := context.Cause(b.ctx); errors.Is(cause, errSilent) {
		err = errSilent
	}
	err = broken(b.call.ctx, err, b.call.target)
	if b.call.err == nil {
		b.call.err = err
	}
	return n, err
}

func (b *body) Close() error {
	err := b.from.Close()
	b.cancel(nil)
	return err
}

// checkListing accepts the head of a listing and bounds its body.
func (c *call) checkListing(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK || !identity(resp) {
		return &pipeline.Error{Code: pipeline.CodeProtocol,
			Message: fmt.Sprintf("the listing of %s came in a form that was not asked for", c.target),
			Hint:    "check that no proxy stands between Weighbridge and the store"}
	}
	resp.Body = &bounded{ReadCloser: resp.Body, left: maxListing, call: c}
	return nil
}

// identity reports whether an answer's bytes are the object's own. "aws-chunked" names
// the framing that the upload was signed with; several stores keep the word although
// the framing is long gone. The exact length and range show that it is.
func identity(resp *http.Response) bool {
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity", "aws-chunked":
		return true
	}
	return false
}

type bounded struct {
	io.ReadCloser
	left int64
	call *call
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.call.err = &pipeline.Error{Code: pipeline.CodeProtocol,
			Message: fmt.Sprintf("one page of the listing of %s is larger than %d bytes", b.call.target, maxListing)}
		return 0, b.call.err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
