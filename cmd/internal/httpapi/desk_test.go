package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/httpapi"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// desk is a desk over a database of its own, with people who show tokens.
type desk struct {
	t       testing.TB
	service *app.Service
	mux     *access.Mux
	url     string
	clock   *clock
	valid   validator.Validator
	// model is the folder of a model of 70 billion parameters.
	model  string
	tokens map[string]string
	// causes are what the queue was to be judged again for.
	causes []string
	// retried are the notices that were to be tried again.
	retried []uuid.UUID
}

// idle enqueues nothing: tests run checks themselves.
type idle struct{}

func (idle) Enqueue(context.Context, uuid.UUID) error { return nil }

type person struct {
	name  string
	roles []pipeline.ActorRole
}

func people() []person {
	return []person{
		{"sam", []pipeline.ActorRole{pipeline.RoleSubmitter}}, {"mallory", []pipeline.ActorRole{pipeline.RoleSubmitter}},
		{"rita", []pipeline.ActorRole{pipeline.RoleReviewer}}, {"ravi", []pipeline.ActorRole{pipeline.RoleReviewer}},
		{"lena", []pipeline.ActorRole{pipeline.RoleLegal}}, {"audrey", []pipeline.ActorRole{pipeline.RoleAuditor}}, {"ada", []pipeline.ActorRole{pipeline.RoleAdmin}},
	}
}

// described is the document as it is without a desk behind it, and its validator. Both are
// the same for every desk.
type described struct {
	text  []byte
	valid validator.Validator
	err   error
}

var document = sync.OnceValue(func() described {
	text, err := httpapi.Register(http.NewServeMux(), httpapi.Options{Service: &app.Service{}})
	if err != nil {
		return described{err: err}
	}
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		return described{err: err}
	}
	v, errs := validator.NewValidator(doc)
	return described{text: text, valid: v, err: errors.Join(errs...)}
})

func newDesk(t testing.TB, change ...func(*httpapi.Options)) *desk {
	t.Helper()
	d := &desk{t: t, clock: &clock{at: noon}, tokens: map[string]string{}}
	a := &app.App{Logger: hclog.NewNullLogger(), Now: d.clock.now, Settings: config.Settings{DB: filepath.Join(t.TempDir(), "q.db")}}
	queue, err := a.OpenQueue(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.DB.Close()) })
	signer, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)
	d.service = &app.Service{App: a, Queue: queue, Jobs: idle{}, Folders: true, Links: true, LinkTerm: 24 * time.Hour, Signer: signer}

	server := httptest.NewUnstartedServer(nil)
	public, err := url.Parse("http://" + server.Listener.Addr().String())
	require.NoError(t, err)
	d.mux = access.NewMux(access.Options{Accounts: queue.DB, Tokens: queue.DB, Sessions: queue.DB, Links: queue.DB, Logger: a.Logger, Now: d.clock.now, PublicURL: public})
	o := httpapi.Options{Service: d.service, Keys: d.mux, Replies: queue.DB, Logger: a.Logger, PublicURL: public.String(),
		Rejudge: func(_ context.Context, cause string) error { d.causes = append(d.causes, cause); return nil },
		Retry: func(_ context.Context, id uuid.UUID) (pipeline.Delivery, error) {
			d.retried = append(d.retried, id)
			return pipeline.Delivery{ID: id, Hook: "chat", Kind: pipeline.NoticeReview, State: pipeline.DeliveryWaiting, NextAt: noon, CreatedAt: noon}, nil
		}}
	for _, c := range change {
		c(&o)
	}
	text, err := httpapi.Register(d.mux, o)
	require.NoError(t, err)
	is := document()
	require.NoError(t, is.err)
	require.JSONEq(t, string(is.text), string(text), "the document is the same for every desk")
	d.valid = is.valid
	server.Config.Handler = d.mux.Handler()
	server.Start()
	t.Cleanup(server.Close)
	d.url = public.String()
	for _, p := range people() {
		account, err := queue.DB.SignIn(t.Context(), pipeline.Account{Issuer: "https://id.example.org", Subject: p.name, Name: p.name, Roles: p.roles, CreatedAt: noon, SeenAt: noon})
		require.NoError(t, err)
		d.tokens[p.name] = d.token(access.Identity{Account: &account, Actor: pipeline.Actor{Name: p.name, Known: pipeline.KnownSignedIn, Roles: p.roles}},
			access.Wanted{Label: "tests", Roles: p.roles, Term: 300 * 24 * time.Hour})
	}
	d.tokens["ci"] = d.token(access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}},
		access.Wanted{Label: "pipeline", Machine: "ci", Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}, Term: 300 * 24 * time.Hour})
	d.model = folder(t, "llama-3-70b")
	return d
}

func (d *desk) token(by access.Identity, wanted access.Wanted) string {
	d.t.Helper()
	_, secret, err := d.mux.MakeToken(d.t.Context(), by, wanted)
	require.NoError(d.t, err)
	return secret
}

// folder writes a model of the fixtures to a folder of its own.
func folder(t testing.TB, name string) string {
	t.Helper()
	m, err := fixtures.Load(name)
	require.NoError(t, err)
	return written(t, m)
}

func written(t testing.TB, m fixtures.Model, options ...fixtures.WriteOption) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), m.Name)
	require.NoError(t, m.Write(out, options...))
	return out
}

// reply is an answer, read.
type reply struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// into reads the body as JSON.
func (r reply) into(out any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.Body, out), string(r.Body))
}

// problem is a problem document.
type problem struct {
	Type, Title, Detail, Hint string
	Status                    int
	Code                      pipeline.Code
	State                     pipeline.State
	Version                   int64
	Errors                    []struct{ Location, Message string }
}

func (r reply) problem() problem {
	r.t.Helper()
	require.Equal(r.t, "application/problem+json", r.Header.Get("Content-Type"))
	var p problem
	r.into(&p)
	require.Equal(r.t, r.Status, p.Status)
	return p
}

// option changes a request before it is sent.
type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// request makes one. body is sent as it is where it is text or bytes, else as JSON.
func (d *desk) request(as, method, path string, body any, options ...option) *http.Request {
	d.t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	case []byte:
		text = b
	default:
		var err error
		text, err = json.Marshal(body)
		require.NoError(d.t, err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+httpapi.Prefix+path, bytes.NewReader(text))
	require.NoError(d.t, err)
	if text != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if as != "" {
		require.NotEmpty(d.t, d.tokens[as], as)
		r.Header.Set("Authorization", "Bearer "+d.tokens[as])
	}
	for _, o := range options {
		o(r)
	}
	return r
}

// send sends a request, and holds the answer against the document; where it was done, the
// request too.
func (d *desk) send(r *http.Request) reply {
	d.t.Helper()
	var body []byte
	if r.GetBody != nil {
		b, err := r.GetBody()
		require.NoError(d.t, err)
		body, err = io.ReadAll(b)
		require.NoError(d.t, err)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	out := reply{t: d.t, Status: resp.StatusCode, Header: resp.Header, Body: text}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	resp.Body = io.NopCloser(bytes.NewReader(text))
	if resp.StatusCode < 300 && !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		ok, faults := d.valid.ValidateHttpRequest(again)
		require.True(d.t, ok, "request %s %s: %s", r.Method, r.URL.Path, faultsOf(faults))
		again.Body = io.NopCloser(bytes.NewReader(body))
	}
	// The validator takes lines of JSON for one value; tests read each.
	if resp.StatusCode != http.StatusNoContent && resp.Header.Get("Content-Type") != "application/jsonl" {
		ok, faults := d.valid.ValidateHttpResponse(again, resp)
		require.True(d.t, ok, "answer to %s %s, %d: %s\n%.2000s", r.Method, r.URL.Path, resp.StatusCode, faultsOf(faults), text)
	}
	return out
}

func faultsOf[T any](list []*T) string {
	var out []string
	for _, f := range list {
		b, _ := json.Marshal(f)
		out = append(out, fmt.Sprintf("%.1500s", b))
	}
	return strings.Join(out, "\n")
}

func (d *desk) get(as, path string, options ...option) reply {
	d.t.Helper()
	return d.send(d.request(as, http.MethodGet, path, nil, options...))
}

func (d *desk) post(as, path string, body any, options ...option) reply {
	d.t.Helper()
	return d.send(d.request(as, http.MethodPost, path, body, options...))
}

// must is an answer of a status, read as JSON.
func must[T any](r reply, status int) T {
	r.t.Helper()
	require.Equal(r.t, status, r.Status, string(r.Body))
	var out T
	r.into(&out)
	return out
}

// refused is a problem of a status and a code.
func refused(r reply, status int, code pipeline.Code) problem {
	r.t.Helper()
	require.Equal(r.t, status, r.Status, string(r.Body))
	p := r.problem()
	require.Equal(r.t, code, p.Code, string(r.Body))
	require.NotEmpty(r.t, p.Detail)
	return p
}

type object = map[string]any

// checked has a source checked through the API, runs the check, and returns its case.
func (d *desk) checked(as string, asked object) pipeline.Case {
	d.t.Helper()
	r := d.post(as, "/checks", asked)
	c := must[pipeline.Check](r, http.StatusAccepted)
	require.Equal(d.t, httpapi.Prefix+"/checks/"+c.ID.String(), r.Header.Get("Location"))
	_, err := d.service.RunCheck(d.t.Context(), c.ID, "worker")
	require.NoError(d.t, err)
	c = must[pipeline.Check](d.get(as, "/checks/"+c.ID.String()), http.StatusOK)
	require.Equal(d.t, pipeline.CheckDone, c.State, "%+v", c.Failure)
	require.NotNil(d.t, c.Case)
	out, err := d.service.Queue.DB.Case(d.t.Context(), *c.Case)
	require.NoError(d.t, err)
	return out
}

// seeded is the model checked by sam under the seed article.
func (d *desk) seeded() pipeline.Case {
	d.t.Helper()
	return d.checked("sam", object{"source": d.model, "packs": []string{"seed-article"}})
}

func casePath(c pipeline.Case, below string) string { return "/cases/" + c.ID.String() + below }

// verified verifies the audit log.
func (d *desk) verified() {
	d.t.Helper()
	_, err := d.service.Queue.DB.VerifyAudit(d.t.Context(), nil)
	require.NoError(d.t, err)
}

// read reads JSON.
func read(t testing.TB, r io.Reader, out any) {
	t.Helper()
	require.NoError(t, json.NewDecoder(r).Decode(out))
}

// raw sends a request as it is written, whatever becomes of its body, and reads the answer.
func (d *desk) raw(as, path, headers string, body io.Reader) (int, problem) {
	d.t.Helper()
	at, err := url.Parse(d.url)
	require.NoError(d.t, err)
	conn, err := (&net.Dialer{}).DialContext(d.t.Context(), "tcp", at.Host)
	require.NoError(d.t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n", httpapi.Prefix, path, at.Host, d.tokens[as], headers)
	require.NoError(d.t, err)
	go func() { _, _ = io.Copy(conn, body) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(d.t, err)
	defer func() { _ = resp.Body.Close() }()
	var p problem
	read(d.t, resp.Body, &p)
	return resp.StatusCode, p
}
