package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weighbridge/pipeline"
)

// serve stands around every handler: the time and the size that a request may take, the
// media type of its body, idempotency keys, and faults of the program.
func (a *api) serve(op *huma.Operation, h http.HandlerFunc) http.HandlerFunc {
	k := kindOf(op)
	return func(w http.ResponseWriter, r *http.Request) {
		out := &answer{ResponseWriter: w}
		ctx := withRequestID(r.Context(), w)
		defer a.recovered(ctx, out)
		if r.Method != http.MethodPost {
			if !k.stream {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, workTime)
				defer cancel()
			}
			h(out, r.WithContext(ctx))
			return
		}
		body, p := a.body(out, r, op, k)
		if p != nil {
			write(out, p)
			return
		}
		ctx, cancel := context.WithTimeout(ctx, workTime)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.once.do(out, r, k, body, h)
	}
}

// body reads the body of a request within its bounds.
func (a *api) body(w http.ResponseWriter, r *http.Request, op *huma.Operation, k kind) ([]byte, *problem) {
	limit, within := int64(bodyMax), a.o.BodyTime
	if k.files {
		limit, within = fileMax, a.o.FileTime
	}
	control := http.NewResponseController(w)
	// Connections that know no deadlines are those of tests: the size still bounds them.
	_ = control.SetReadDeadline(time.Now().Add(within))
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	var large *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &large), err == nil && int64(len(body)) > limit:
		w.Header().Set("Connection", "close")
		return nil, newProblem(http.StatusRequestEntityTooLarge, pipeline.CodeOverLimit, fmt.Sprintf("the request is larger than the %d MiB that are taken here", limit>>20), "send less")
	case errors.As(err, &timeout) && timeout.Timeout():
		w.Header().Set("Connection", "close")
		return nil, newProblem(http.StatusRequestTimeout, pipeline.CodeUnavailable, "the request did not arrive in time", "send it again, faster")
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, newProblem(http.StatusBadRequest, pipeline.CodeUsage, "the request broke off", "send it again")
	}
	// A deadline that passes while the request is worked on would end the work.
	_ = control.SetReadDeadline(time.Time{})
	if len(body) == 0 && (op.RequestBody == nil || !op.RequestBody.Required) {
		return body, nil
	}
	return body, mediaFault(r, k)
}

// mediaFault refuses bodies of another kind than the route takes: a form of a page never
// passes for JSON.
func mediaFault(r *http.Request, k kind) *problem {
	want := "application/json"
	if k.files {
		want = "multipart/form-data"
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err == nil && media == want && (charset == "" || charset == "utf-8") && len(r.Header.Values("Content-Type")) == 1 && r.Header.Get("Content-Encoding") == "" {
		return nil
	}
	return newProblem(http.StatusUnsupportedMediaType, pipeline.CodeUsage, "the body is not "+want, "send it as "+want+", in UTF-8 and without compression")
}

// recovered answers where a handler fell over, and cuts the connection where it had begun
// to answer, so that half an answer never passes for a whole one.
func (a *api) recovered(ctx context.Context, w *answer) {
	fell := recover()
	if fell == nil {
		return
	}
	if fell == http.ErrAbortHandler || ctx.Err() != nil { //nolint:errorlint // the value itself is what aborts
		panic(http.ErrAbortHandler)
	}
	a.o.Logger.Error("a request failed", "id", requestID(ctx), "error", fell, "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	write(w, newProblem(http.StatusInternalServerError, pipeline.CodeInternal, "something went wrong", "the log says what, under request "+requestID(ctx)))
}

// write writes a problem document.
func write(w http.ResponseWriter, p *problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemMedia)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// answer knows whether anything was answered.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *answer) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *answer) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach what is beneath.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
