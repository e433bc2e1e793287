package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"weighbridge/pipeline"
)

// KeyHeader names the idempotency key of a request.
const KeyHeader = "Idempotency-Key"

// ReplayedHeader is "true" in an answer that was given before.
const ReplayedHeader = "Idempotency-Replayed"

// keyMax bounds an idempotency key, in bytes.
const keyMax = 200

// replayKey is a key of one person.
type replayKey struct{ actor, key string }

// replays answers a repeated request as before.
type replays struct {
	book   pipeline.ReplyBook
	logger hclog.Logger
	now    func() time.Time

	mu sync.Mutex
	// atWork holds the requests that this process works on.
	atWork map[replayKey]pipeline.Digest
}

// begin takes a key for a request. It returns the request that has it, "" where it was
// free.
func (s *replays) begin(k replayKey, request pipeline.Digest) pipeline.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	has := s.atWork[k]
	if has == "" {
		s.atWork[k] = request
	}
	return has
}

func (s *replays) end(k replayKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.atWork, k)
}

// do has a request done once.
func (s *replays) do(w http.ResponseWriter, r *http.Request, k kind, body []byte, h http.HandlerFunc) {
	named := r.Header.Values(KeyHeader)
	if len(named) == 0 {
		h(w, r)
		return
	}
	key := named[0]
	if len(named) > 1 || key == "" || len(key) > keyMax || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		write(w, newProblem(http.StatusBadRequest, pipeline.CodeUsage, "the idempotency key is none: it is one text of at most 200 printable characters without a space", "a UUID is a good one"))
		return
	}
	if k.read {
		h(w, r)
		return
	}
	actor := who(r.Context()).Actor
	at := replayKey{actor.Key(), key}
	request := requestDigest(r, body)
	switch has := s.begin(at, request); has {
	case "":
		defer s.end(at)
	case request:
		w.Header().Set("Retry-After", retryAfter)
		write(w, newProblem(http.StatusConflict, pipeline.CodeConflict, "the first request with this idempotency key is still being worked on", "ask again in a moment"))
		return
	default:
		write(w, otherRequest())
		return
	}
	before, err := s.book.ReplyTo(r.Context(), actor.Name, key)
	switch {
	case err != nil:
		s.logger.Error("an earlier answer could not be looked up", "id", requestID(r.Context()), "error", err)
		write(w, problemOf(err))
		return
	case before != nil && before.Request != request:
		write(w, otherRequest())
		return
	case before != nil:
		s.again(w, r, before)
		return
	}
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	h(rec, r)
	if lasting(rec.status) {
		s.keep(r.Context(), rec, k, pipeline.Reply{Actor: actor.Name, Key: key, Request: request, Status: rec.status, At: s.now().UTC().Truncate(time.Microsecond)})
	}
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
}

func otherRequest() *problem {
	return newProblem(http.StatusUnprocessableEntity, pipeline.CodeInvalid, "the idempotency key was used for another request", "use a new key for a new request")
}

// lasting reports whether an answer is kept: that it was done, or that it cannot be. A
// request that was none can be put right under its key, and faults that may pass are tried
// again.
func lasting(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusConflict:
		return true
	}
	return status < http.StatusMultipleChoices
}

// keptHeaders are the headers that are given again.
func keptHeaders() []string { return []string{"Content-Type", "Location", "Etag"} }

// keep keeps an answer. That the client has gone meanwhile is no reason not to.
func (s *replays) keep(ctx context.Context, rec *recorder, k kind, reply pipeline.Reply) {
	header := map[string]string{}
	for _, name := range keptHeaders() {
		if v := rec.header.Get(name); v != "" {
			header[name] = v
		}
	}
	var err error
	if reply.Body, err = without(rec.body.Bytes(), k.secret); err == nil {
		if reply.Header, err = json.Marshal(header); err == nil {
			err = s.book.KeepReply(context.WithoutCancel(ctx), reply)
		}
	}
	if err != nil && !errors.Is(err, pipeline.ErrConflict) {
		s.logger.Error("an answer could not be kept: the same request would be done again", "id", requestID(ctx), "error", err)
	}
}

// without leaves a member out of a JSON object.
func without(body []byte, member string) ([]byte, error) {
	if member == "" || len(body) == 0 {
		return body, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, err
	}
	delete(object, member)
	return json.Marshal(object)
}

// again gives an answer once more.
func (s *replays) again(w http.ResponseWriter, r *http.Request, reply *pipeline.Reply) {
	var header map[string]string
	if err := json.Unmarshal(reply.Header, &header); err != nil {
		s.logger.Error("a kept answer cannot be read", "id", requestID(r.Context()), "error", err)
		write(w, problemOf(err))
		return
	}
	for _, name := range keptHeaders() {
		if v := header[name]; v != "" {
			w.Header().Set(name, v)
		}
	}
	w.Header().Set(ReplayedHeader, "true")
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body)
}

// requestDigest names a request: what it asks for, and nothing of how it came.
func requestDigest(r *http.Request, body []byte) pipeline.Digest {
	b, err := json.Marshal([]string{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("If-Match"), r.Header.Get("Content-Type"), string(pipeline.DigestBytes(body))})
	if err != nil { // plain texts always encode
		panic(err)
	}
	return pipeline.DigestBytes(b)
}

// recorder holds an answer until it is kept.
type recorder struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if !r.begun {
		r.status, r.begun = status, true
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(b []byte) (int, error) {
	r.begun = true
	return r.body.Write(b)
}
