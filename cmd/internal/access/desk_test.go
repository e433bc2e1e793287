package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/pipeline"
	"weighbridge/storage/sqldb"
)

// desk is a desk whose handlers say who asks, over a real database and, unless it is of
// one person, a real identity provider.
type desk struct {
	*testing.T
	mux      *access.Mux
	server   *httptest.Server
	provider *accesstest.Provider
	db       *sqldb.DB
	log      *log
	clock    *clock
	// before, where it is set, is called by every handler before it answers.
	before func(r *http.Request)
}

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines counts the lines that hold a text.
func (l *log) lines(text string) int { return strings.Count(l.String(), text) }

// clock goes with the machine's, and can be put forward.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

// settings change how a desk is opened.
type settings struct {
	options  func(o *access.Options)
	provider func(o *access.ProviderOptions)
	// plain leaves the provider away.
	plain bool
}

func open(t *testing.T, s settings) *desk {
	t.Helper()
	d := &desk{T: t, log: &log{}, clock: &clock{}}
	var err error
	d.db, err = sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.db.Close()) })
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }))
	public := &url.URL{Scheme: "http", Host: d.server.Listener.Addr().String()}
	o := access.Options{Accounts: d.db, Tokens: d.db, Sessions: d.db, Links: d.db, Now: d.clock.now, PublicURL: public,
		Logger: hclog.New(&hclog.LoggerOptions{Output: d.log, Level: hclog.Trace})}
	if s.options != nil {
		s.options(&o)
	}
	d.mux = access.NewMux(o)
	var known *access.Provider
	if !s.plain {
		d.provider = accesstest.Start(t)
		d.provider.Redirects(public.String() + "/sign-in/callback")
		from := access.ProviderOptions{Issuer: d.provider.Issuer, ClientID: accesstest.ClientID, ClientSecret: accesstest.ClientSecret,
			RedirectURL: public.String() + "/sign-in/callback"}
		if s.provider != nil {
			s.provider(&from)
		}
		known, err = access.Discover(t.Context(), from)
		require.NoError(t, err)
		require.Equal(t, d.provider.Issuer, known.Origin())
	}
	d.mux.RegisterSignIn(known)
	for _, row := range access.Table() {
		if !strings.HasPrefix(row.Pattern, "GET /sign-in/") && row.Pattern != "POST /sign-out" {
			d.mux.HandleFunc(row.Pattern, d.echo)
		}
	}
	require.NoError(t, d.mux.Complete())
	d.server.Start()
	t.Cleanup(d.server.Close)
	return d
}

// said is what a handler was told.
type said struct {
	Name    string               `json:"name"`
	Known   pipeline.Known       `json:"known"`
	Roles   []pipeline.ActorRole `json:"roles"`
	Dev     bool                 `json:"dev"`
	Account string               `json:"account"`
	Token   string               `json:"token"`
	Case    string               `json:"case"`
	Bytes   int                  `json:"bytes"`
}

func (d *desk) echo(w http.ResponseWriter, r *http.Request) {
	if d.before != nil {
		d.before(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	who := access.Of(r.Context())
	out := said{Name: who.Actor.Name, Known: who.Actor.Known, Roles: who.Actor.Roles, Dev: who.Dev, Bytes: len(body)}
	if who.Account != nil {
		out.Account = who.Account.Subject
	}
	if who.Token != nil {
		out.Token = who.Token.Label
	}
	if who.Link != nil {
		out.Case = who.Link.Case.String()
	}
	_ = json.NewEncoder(w).Encode(out)
}

// asked is a request of a program or a browser, as far as it matters here.
type asked struct {
	method, path string
	header       map[string]string
	cookies      []*http.Cookie
	body         string
	// from is the peer's address, 192.0.2.1:1234 where it is "".
	from string
}

// ask asks the handler, without a network between.
func (d *desk) ask(a asked) *httptest.ResponseRecorder {
	d.Helper()
	if a.method == "" {
		a.method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(d.Context(), a.method, a.path, strings.NewReader(a.body))
	r.Host = d.server.Listener.Addr().String()
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, d.server.Listener.Addr()))
	if a.from != "" {
		r.RemoteAddr = a.from
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	for _, c := range a.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w
}

// told reads what the echo answered.
func (d *desk) told(w *httptest.ResponseRecorder) said {
	d.Helper()
	require.Equal(d, http.StatusOK, w.Code, w.Body.String())
	var out said
	require.NoError(d, json.Unmarshal(w.Body.Bytes(), &out), w.Body.String())
	return out
}

// signIn signs a person in over the network, and returns the browser's cookies.
func (d *desk) signIn(username string) []*http.Cookie {
	d.Helper()
	browser := accesstest.Browser(d)
	answer := d.provider.SignIn(d, browser, d.server.URL, username, "/queue")
	body, err := io.ReadAll(answer.Body)
	require.NoError(d, err)
	require.NoError(d, answer.Body.Close())
	require.Equal(d, http.StatusSeeOther, answer.StatusCode, string(body))
	require.Equal(d, "/queue", answer.Header.Get("Location"))
	return d.cookies(browser)
}

func (d *desk) cookies(browser *http.Client) []*http.Cookie {
	d.Helper()
	at, err := url.Parse(d.server.URL)
	require.NoError(d, err)
	return browser.Jar.Cookies(at)
}

// person keeps an account without a provider, and returns it as somebody who signed in.
func (d *desk) person(name string, roles ...pipeline.ActorRole) access.Identity {
	d.Helper()
	account, err := d.db.SignIn(d.Context(), pipeline.Account{Issuer: "https://id.example", Subject: name, Name: name, Roles: roles, SeenAt: d.clock.now()})
	require.NoError(d, err)
	return access.Identity{Account: &account, Actor: pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}}
}

// token makes a token of one's own.
func (d *desk) token(who access.Identity, roles ...pipeline.ActorRole) (pipeline.Token, string) {
	d.Helper()
	t, secret, err := d.mux.MakeToken(d.Context(), who, access.Wanted{Label: "ci", Roles: roles, Term: time.Hour})
	require.NoError(d, err)
	return t, secret
}

func bearer(secret string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + secret}
}

func with(header map[string]string, more map[string]string) map[string]string {
	out := maps.Clone(header)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, more)
	return out
}

// filled returns the path of a pattern with something in its places.
func filled(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, strings.NewReplacer("{$}", "", "{id}", uuid.UUID{1}.String(), "{digest}", string(pipeline.DigestBytes(nil)), "{name}", "seed-article", "{secret}", strings.Repeat("x", 43)).Replace(path)
}

func behindProxy(o *access.Options) {
	o.Proxies = access.Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}
}

// problem reads a problem document.
func (d *desk) problem(w *httptest.ResponseRecorder) map[string]any {
	d.Helper()
	require.Equal(d, "application/problem+json", w.Header().Get("Content-Type"))
	out := map[string]any{}
	require.NoError(d, json.Unmarshal(w.Body.Bytes(), &out), w.Body.String())
	return out
}
