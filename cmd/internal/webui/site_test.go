package webui_test

import (
	"context"
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
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/webui"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// start is when the clock of a desk in a test begins.
var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// jobs remembers which checks were to be run.
type jobs struct {
	mu  sync.Mutex
	ids []uuid.UUID
}

func (j *jobs) Enqueue(_ context.Context, id uuid.UUID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ids = append(j.ids, id)
	return nil
}

// desk is a whole desk over a database of its own.
type desk struct {
	t       *testing.T
	clock   *clock
	service *app.Service
	site    *webui.Site
	mux     *access.Mux
	jobs    *jobs
	folder  string
}

func newDesk(t *testing.T, change ...func(*webui.Options)) *desk {
	t.Helper()
	d := &desk{t: t, clock: &clock{now: start}, jobs: &jobs{}, folder: t.TempDir()}
	a := &app.App{Settings: config.Settings{DB: filepath.Join(d.folder, "queue.db"), Actor: "ops"}, Logger: hclog.NewNullLogger(), Now: d.clock.Now}
	queue, err := a.OpenQueue(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.DB.Close()) })
	d.service = &app.Service{App: a, Queue: queue, Jobs: d.jobs, Folders: true, Links: true, LinkTerm: 24 * time.Hour}
	o := webui.Options{Service: d.service, Logger: hclog.NewNullLogger(), PublicURL: "https://desk.example.org"}
	for _, f := range change {
		f(&o)
	}
	d.site, err = webui.New(o)
	require.NoError(t, err)
	d.mux = access.NewMux(access.Options{Accounts: queue.DB, Tokens: queue.DB, Sessions: queue.DB, Links: queue.DB, Logger: hclog.NewNullLogger(),
		Now: d.clock.Now, Refused: d.site.Refused})
	d.site.Register(d.mux, d.mux)
	return d
}

// person signs somebody in and returns the token that requests show.
func (d *desk) person(name string, roles ...pipeline.ActorRole) string {
	d.t.Helper()
	account, err := d.service.Queue.DB.SignIn(d.t.Context(), pipeline.Account{Issuer: "https://id.example.org", Subject: name, Name: name,
		Roles: roles, CreatedAt: d.clock.Now().UTC().Truncate(time.Microsecond), SeenAt: d.clock.Now().UTC().Truncate(time.Microsecond)})
	require.NoError(d.t, err)
	who := access.Identity{Account: &account, Actor: pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}}
	_, secret, err := d.mux.MakeToken(d.t.Context(), who, access.Wanted{Label: "test", Roles: roles, Term: 90 * 24 * time.Hour})
	require.NoError(d.t, err)
	return secret
}

// actor is who a person is to the state machine.
func actor(name string, roles ...pipeline.ActorRole) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}
}

// weigh lays a model out and queues it in the name of a submitter.
func (d *desk) weigh(model, place, submitter string, run app.Run, opts ...fixtures.WriteOption) pipeline.Case {
	d.t.Helper()
	m := fixtures.Tiny()
	if model != "tiny" {
		var err error
		m, err = fixtures.Load(model)
		require.NoError(d.t, err)
	}
	folder := filepath.Join(d.folder, place)
	require.NoError(d.t, m.Write(folder, opts...))
	run.Source, run.AsOf, run.Keep = folder, d.clock.Now(), true
	w, err := d.service.App.Weigh(d.t.Context(), run)
	require.NoError(d.t, err)
	c, err := d.service.Queue.Record(d.t.Context(), w, actor(submitter, pipeline.RoleSubmitter))
	require.NoError(d.t, err)
	return c
}

// answer is what a request came to.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	doc    *html.Node
}

// ask sends a request in the name of the holder of a token, "" for nobody.
func (d *desk) ask(token, method, path string, form url.Values, headers ...string) answer {
	d.t.Helper()
	var req *http.Request
	if form != nil {
		req = httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req = httptest.NewRequestWithContext(d.t.Context(), method, path, nil)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	d.mux.Handler().ServeHTTP(rec, req)
	return parsed(d.t, rec)
}

func parsed(t *testing.T, rec *httptest.ResponseRecorder) answer {
	t.Helper()
	out := answer{t: t, status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		var err error
		out.doc, err = html.Parse(strings.NewReader(out.body))
		require.NoError(t, err)
	}
	return out
}

func (d *desk) get(token, path string, headers ...string) answer {
	d.t.Helper()
	return d.ask(token, http.MethodGet, path, nil, headers...)
}

func (d *desk) post(token, path string, form url.Values, headers ...string) answer {
	d.t.Helper()
	return d.ask(token, http.MethodPost, path, form, headers...)
}

// each calls f for every element below a node.
func each(n *html.Node, f func(*html.Node)) {
	if n == nil {
		return
	}
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// all returns the elements with a tag that have an attribute; value "" is any, and name ""
// asks for none.
func (a answer) all(tag, name, value string) []*html.Node {
	var out []*html.Node
	each(a.doc, func(n *html.Node) {
		if n.Data != tag {
			return
		}
		if name == "" {
			out = append(out, n)
			return
		}
		for _, at := range n.Attr {
			if at.Key == name && (value == "" || at.Val == value) {
				out = append(out, n)
				return
			}
		}
	})
	return out
}

// text returns the text within an element, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		b.WriteString(" ")
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// main returns the text of the page without what is around it.
func (a answer) main() string {
	a.t.Helper()
	found := a.all("main", "", "")
	require.Len(a.t, found, 1, a.body)
	return text(found[0])
}

func TestPagesOfTheSiteStandByThemselves(t *testing.T) {
	t.Parallel()
	d := newDesk(t)

	page := d.get("", "/sign-in?next=/cases/1")
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "en", attr(page.all("html", "", "")[0], "lang"))
	require.Len(t, page.all("a", "href", "/sign-in/start?next=%2fcases%2f1"), 1)
	require.Equal(t, "no-store", page.header.Get("Cache-Control"))

	for _, tag := range []struct{ name, attr string }{{"script", "src"}, {"link", "href"}} {
		for _, n := range page.all(tag.name, tag.attr, "") {
			file := d.get("", attr(n, tag.attr))
			require.Equal(t, http.StatusOK, file.status, attr(n, tag.attr))
			require.Contains(t, file.header.Get("Cache-Control"), "immutable")
			require.NotEmpty(t, file.body)
		}
	}
	require.Equal(t, http.StatusNotFound, d.get("", "/static/app.css").status)
}

func TestAnUnsafePlaceToGoOnIsTheBeginning(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, next := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"} {
		page := d.get("", "/sign-in?next="+url.QueryEscape(next))
		require.Len(t, page.all("a", "href", "/sign-in/start?next=%2f"), 1, next)
		back := d.post("", "/language", url.Values{"language": {"en"}, "next": {next}})
		require.Equal(t, http.StatusSeeOther, back.status)
		require.Equal(t, "/", back.header.Get("Location"), next)
	}
}

func TestErrorPagesSayWhatToDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	reader := d.person("rita", pipeline.RoleReviewer)

	missing := d.get(reader, "/nowhere")
	require.Equal(t, http.StatusNotFound, missing.status)
	require.Contains(t, missing.main(), "There is nothing here")
	require.Contains(t, missing.main(), "begin at the queue")

	part := d.get(reader, "/nowhere", "HX-Request", "true")
	require.Equal(t, http.StatusNotFound, part.status)
	require.NotContains(t, part.body, "<header", "script is given the part that it shows")
	require.Contains(t, part.body, `role="alert"`)

	language := d.post("", "/language", url.Values{"language": {"tlh"}, "next": {"/"}})
	require.Equal(t, http.StatusUnprocessableEntity, language.status)
}
