package access_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/pipeline"
)

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	d := open(t, settings{})
	ada := d.signIn("ada")
	rita := d.person("rita", pipeline.RoleReviewer)
	_, secret := d.token(rita, pipeline.RoleReviewer)
	own := d.server.URL

	for name, tc := range map[string]struct {
		header map[string]string
		want   int
	}{
		"own_page":           {map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": own}, 200},
		"typed":              {map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"own_origin_only":    {map[string]string{"Origin": own}, 200},
		"other_site":         {map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		"other_site_no_name": {map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"sibling":            {map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://blog.example.org"}, 403},
		"other_origin_only":  {map[string]string{"Origin": "https://evil.example"}, 403},
		"other_port":         {map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		"null":               {map[string]string{"Origin": "null"}, 403},
		"nonsense":           {map[string]string{"Origin": "::"}, 403},
	} {
		for _, path := range []string{"/exceptions", "/tokens", "/api/v1/exceptions", "/api/v1/deliveries/" + uuid.UUID{1}.String() + "/retry", "/language"} {
			w := d.ask(asked{method: http.MethodPost, path: path, cookies: ada, header: tc.header})
			require.Equal(t, tc.want, w.Code, name+" "+path)
			if tc.want == 403 && strings.HasPrefix(path, "/api/") {
				require.Equal(t, "forbidden", d.problem(w)["code"])
			}
		}
	}
	out := d.ask(asked{method: http.MethodPost, path: "/sign-out", cookies: ada, header: map[string]string{"Sec-Fetch-Site": "cross-site"}})
	require.Equal(t, 403, out.Code)
	require.Equal(t, "ada@example.com", d.told(d.ask(asked{path: "/api/v1/me", cookies: ada})).Name, "nobody signs others out")
	// Reading is no change; a program has neither origin nor cookies.
	require.Equal(t, 200, d.ask(asked{path: "/queue", cookies: ada, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}).Code)
	require.Equal(t, 200, d.ask(asked{method: http.MethodPost, path: "/api/v1/cases/" + uuid.UUID{1}.String() + "/claim", header: bearer(secret)}).Code)
	require.Equal(t, 1, d.log.lines("requests from other sites are refused"))
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true, options: func(o *access.Options) {
		o.PublicURL = &url.URL{Scheme: "https", Host: "desk.example.org"}
		o.FormTargets = []string{"https://id.example"}
	}})
	seen := map[string]bool{}
	for _, path := range []string{"/queue", "/sign-in", "/nowhere", "/api/v1/me", "/healthz", "/static/app.css", "/answer/x"} {
		for _, id := range []string{"", "mine", "a\"b"} {
			h := d.ask(asked{path: path, header: map[string]string{access.RequestIDHeader: id}}).Header()
			require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self' https://id.example; frame-ancestors 'none'; base-uri 'none'",
				h.Get("Content-Security-Policy"), path)
			require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
			require.Equal(t, "max-age=31536000", h.Get("Strict-Transport-Security"))
			got := h.Get(access.RequestIDHeader)
			require.Len(t, got, 26)
			require.False(t, seen[got], "an id is one request's")
			seen[got] = true
		}
	}
	require.Empty(t, open(t, settings{plain: true}).ask(asked{path: "/queue"}).Header().Get("Strict-Transport-Security"))
}

func TestCookie_IsBoundToHostAndEncryption(t *testing.T) {
	t.Parallel()
	for public, secure := range map[string]bool{"https://desk.example.org": true, "http://desk.example.org": true, "": true, "http://127.0.0.1:8080": false, "http://localhost:8080": false, "https://localhost": true} {
		d := open(t, settings{options: func(o *access.Options) {
			at, err := url.Parse(public)
			require.NoError(t, err)
			o.PublicURL = at
			if public == "" {
				o.PublicURL = nil
			}
		}})
		cookies := d.ask(asked{path: "/sign-in/start"}).Result().Cookies()
		require.Len(t, cookies, 1)
		require.Equal(t, secure, cookies[0].Secure, public)
		require.Equal(t, secure, strings.HasPrefix(cookies[0].Name, "__Host-"), public)
		require.Equal(t, "/", cookies[0].Path)
		require.Empty(t, cookies[0].Domain)
		require.True(t, cookies[0].HttpOnly)
	}
}

func TestBodies_AreBounded(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true})
	sam := d.person("sam", pipeline.RoleSubmitter)
	_, secret := d.token(sam, pipeline.RoleSubmitter)
	id := uuid.UUID{1}.String()
	for _, tc := range []struct {
		path string
		size int
		want int
	}{
		{"/api/v1/checks", 1 << 20, 200}, {"/api/v1/checks", 1<<20 + 1, 413}, {"/api/v1/checks", 10 << 20, 413}, {"/submit", 1<<20 + 1, 413},
		{"/api/v1/cases/" + id + "/exhibits", 26 << 20, 200}, {"/api/v1/cases/" + id + "/exhibits", 26<<20 + 1, 413}, {"/cases/" + id + "/answer", 26<<20 + 1, 413},
	} {
		body := strings.Repeat("x", tc.size)
		w := d.ask(asked{method: http.MethodPost, path: tc.path, header: bearer(secret), body: body})
		require.Equal(t, tc.want, w.Code, tc)
		if tc.want == 413 && strings.HasPrefix(tc.path, "/api/") {
			require.Equal(t, "over_limit", d.problem(w)["code"])
		}
		// A size that is not said is found out while it is read.
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tc.path, io.MultiReader(strings.NewReader(body)))
		require.EqualValues(t, -1, r.ContentLength)
		r.Header.Set("Authorization", "Bearer "+secret)
		unsaid := httptest.NewRecorder()
		d.mux.ServeHTTP(unsaid, r)
		require.Equal(t, tc.want, unsaid.Code, tc)
	}
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{method: http.MethodPost, path: "/api/v1/checks", body: strings.Repeat("x", 2<<20)}).Code, "who asks is found out first")
}

func TestRefusals_OfPages(t *testing.T) {
	t.Parallel()
	var heard []string
	var who access.Identity
	d := open(t, settings{options: func(o *access.Options) {
		o.Refused = func(w http.ResponseWriter, r *http.Request, status int, why error) {
			heard = append(heard, why.Error())
			who = access.Of(r.Context())
			w.WriteHeader(status)
		}
	}})
	sam := d.signIn("sam")
	require.Equal(t, 403, d.ask(asked{path: "/notices", cookies: sam}).Code)
	require.Equal(t, []string{"sam@example.com may not do this"}, heard)
	require.Equal(t, "sam@example.com", who.Actor.Name, "the page can say who is signed in")
	require.Equal(t, 401, d.ask(asked{method: http.MethodPost, path: "/submit"}).Code)
	require.Equal(t, http.StatusSeeOther, d.ask(asked{method: http.MethodHead, path: "/queue"}).Code)

	// A part of a page leads the whole page to the sign-in.
	w := d.ask(asked{path: "/queue/count", header: map[string]string{"HX-Request": "true", "HX-Current-URL": d.server.URL + "/queue?state=open"}})
	require.Equal(t, 401, w.Code)
	require.Equal(t, "/sign-in?next=%2Fqueue%3Fstate%3Dopen", w.Header().Get("HX-Redirect"))
	w = d.ask(asked{path: "/queue/count", header: map[string]string{"HX-Request": "true", "HX-Current-URL": "https://evil.example//evil.example"}})
	require.Equal(t, "/sign-in?next=%2F", w.Header().Get("HX-Redirect"))

	plain := httptest.NewRecorder()
	access.PlainRefusal(plain, nil, 404, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "gone", Hint: "look elsewhere", Err: errors.New("secret")})
	require.Equal(t, "gone\nlook elsewhere\n", plain.Body.String())
	plain = httptest.NewRecorder()
	access.Problem(plain, 500, errors.New("secret"))
	require.JSONEq(t, `{"type":"about:blank","title":"Internal Server Error","status":500}`, plain.Body.String())
}

// failing is a book that does not answer.
type failing struct {
	pipeline.SessionBook
	pipeline.TokenBook
	pipeline.LinkBook
}

var errAway = errors.New("secret text of a database")

func (failing) Session(context.Context, pipeline.Digest, time.Time) ([]byte, bool, error) {
	return nil, false, errAway
}
func (failing) TokenBySecret(context.Context, pipeline.Digest) (pipeline.Token, error) {
	return pipeline.Token{}, errAway
}
func (failing) LinkBySecret(context.Context, pipeline.Digest) (pipeline.Link, error) {
	return pipeline.Link{}, errAway
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true, options: func(o *access.Options) { o.Sessions, o.Tokens, o.Links = failing{}, failing{}, failing{} }})
	_, secret, err := open(t, settings{plain: true}).mux.MakeToken(t.Context(),
		access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}},
		access.Wanted{Label: "ci", Machine: "bot", Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}, Term: time.Hour})
	require.NoError(t, err)
	cookie := []*http.Cookie{{Name: "weighbridge", Value: "x"}}
	for _, a := range []asked{{path: "/queue", cookies: cookie}, {path: "/api/v1/me", cookies: cookie}, {path: "/api/v1/me", header: bearer(secret)}, {path: "/answer/" + strings.Repeat("x", 43)}} {
		w := d.ask(a)
		require.GreaterOrEqual(t, w.Code, 500, a.path)
		require.NotContains(t, w.Body.String(), "secret")
		if strings.HasPrefix(a.path, "/api/") {
			d.problem(w)
		}
	}
	require.Contains(t, d.log.String(), "secret text of a database", "the log says what it was")
}

// books keep accounts and sessions in memory, and tell what was written.
type books struct {
	pipeline.AccountBook
	account pipeline.Account

	mu   sync.Mutex
	kept map[pipeline.Digest]session
	puts int
	// beforePut is called before a session is kept.
	beforePut func()
}

type session struct {
	data  []byte
	until time.Time
}

func (b *books) SignIn(_ context.Context, a pipeline.Account) (pipeline.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.ID = uuid.UUID{7}
	b.account = a
	return a, nil
}

func (b *books) AccountByID(context.Context, uuid.UUID) (pipeline.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.account, nil
}

func (b *books) Session(_ context.Context, key pipeline.Digest, at time.Time) ([]byte, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.kept[key]
	if !ok || !at.Before(s.until) {
		return nil, false, nil
	}
	return s.data, true, nil
}

func (b *books) PutSession(_ context.Context, key pipeline.Digest, data []byte, until time.Time) error {
	if b.beforePut != nil {
		b.beforePut()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	b.kept[key] = session{data, until}
	return nil
}

func (b *books) EndSession(_ context.Context, key pipeline.Digest) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.kept, key)
	return nil
}

func (b *books) PruneSessions(context.Context, time.Time) error { return nil }

func (b *books) written() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.puts
}

// signedIn is a desk over books in memory with one person signed in.
func signedIn(t *testing.T) (*desk, *books, []*http.Cookie) {
	t.Helper()
	b := &books{kept: map[pipeline.Digest]session{}}
	d := open(t, settings{options: func(o *access.Options) { o.Sessions, o.Accounts = b, b }})
	return d, b, d.signIn("rita")
}

func TestSessions_AreKeptByDigest(t *testing.T) {
	t.Parallel()
	_, b, cookies := signedIn(t)
	require.Len(t, b.kept, 1)
	for key, s := range b.kept {
		require.Equal(t, pipeline.DigestBytes([]byte(cookies[0].Value)), key)
		require.NotContains(t, string(s.data), cookies[0].Value)
		for _, gone := range []string{"state", "nonce", "verifier"} {
			require.NotContains(t, string(s.data), gone, "what the sign-in began with is used up")
		}
	}
}

func TestSessions_RolesAreThoseOfNow(t *testing.T) {
	t.Parallel()
	d, b, cookies := signedIn(t)
	require.Equal(t, 200, d.ask(asked{path: "/audit", cookies: cookies}).Code)
	b.mu.Lock()
	b.account.Roles = []pipeline.ActorRole{pipeline.RoleSubmitter}
	b.mu.Unlock()
	require.Equal(t, 403, d.ask(asked{path: "/audit", cookies: cookies}).Code)
	require.Equal(t, []pipeline.ActorRole{pipeline.RoleSubmitter}, d.told(d.ask(asked{path: "/api/v1/me", cookies: cookies})).Roles)
}

func TestSessions_EndedOnesStayEnded(t *testing.T) {
	t.Parallel()
	d, b, cookies := signedIn(t)
	// A request that has begun before the sign-out ends after it, and wants to make the
	// session last longer.
	began, goOn := make(chan struct{}), make(chan struct{})
	d.before = func(r *http.Request) {
		if r.URL.Path == "/overview" {
			close(began)
			<-goOn
		}
	}
	done := make(chan int)
	go func() { done <- d.ask(asked{path: "/overview", cookies: cookies}).Code }()
	<-began
	require.Equal(t, http.StatusSeeOther, d.ask(asked{method: http.MethodPost, path: "/sign-out", cookies: cookies}).Code)
	close(goOn)
	require.Equal(t, 200, <-done)
	b.mu.Lock()
	require.Empty(t, b.kept)
	b.mu.Unlock()
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", cookies: cookies}).Code)
}

func TestSessions_EndWhileTheyAreKept(t *testing.T) {
	t.Parallel()
	d, b, cookies := signedIn(t)
	for range 50 {
		var both sync.WaitGroup
		both.Go(func() { d.ask(asked{path: "/sign-in/start", cookies: cookies}) }) // it writes
		both.Go(func() { d.ask(asked{method: http.MethodPost, path: "/sign-out", cookies: cookies}) })
		both.Wait()
		b.mu.Lock()
		_, back := b.kept[pipeline.DigestBytes([]byte(cookies[0].Value))]
		b.mu.Unlock()
		require.False(t, back, "whichever came first, it is ended")
		d.clock.forward(time.Minute)
		cookies = d.signIn("rita")
	}
}

func TestSessions_AreWrittenSeldom(t *testing.T) {
	t.Parallel()
	d, b, cookies := signedIn(t)
	before := b.written()
	for range 100 {
		require.Equal(t, 200, d.ask(asked{path: "/queue", cookies: cookies}).Code)
	}
	require.Equal(t, before, b.written())
	require.Equal(t, 401, d.ask(asked{path: "/api/v1/me"}).Code)
	require.Equal(t, before, b.written(), "who is not known has no session")
}

// pair is what a browser reaches: a desk, and a provider.
type pair struct {
	desk     http.Handler
	provider *accesstest.Provider
}

// RoundTrip implements [http.RoundTripper].
func (p pair) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), p.provider.Issuer+"/") {
		return p.provider.RoundTrip(r)
	}
	return accesstest.Answer(p.desk, r)
}

func TestSessions_LastAnHourAndHalfADay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path  string
		every time.Duration
		lasts time.Duration
	}{
		"in_use":       {path: "/queue", every: 50 * time.Minute, lasts: 12 * time.Hour},
		"used_often":   {path: "/queue", every: time.Minute, lasts: 12 * time.Hour},
		"left_alone":   {path: "/queue", every: 61 * time.Minute, lasts: 0},
		"page_is_open": {path: "/queue/count", every: time.Minute, lasts: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Time is the test's own: to sleep costs none.
			synctest.Test(t, func(t *testing.T) {
				const desk = "http://127.0.0.1:8080"
				b := &books{kept: map[pipeline.Digest]session{}}
				at, err := url.Parse(desk)
				require.NoError(t, err)
				mux := access.NewMux(access.Options{Accounts: b, Sessions: b, Now: time.Now, PublicURL: at})
				both := pair{desk: mux, provider: accesstest.Quiet(t)}
				both.provider.Redirects(desk + "/sign-in/callback")
				known, err := access.Discover(t.Context(), access.ProviderOptions{Issuer: both.provider.Issuer, ClientID: accesstest.ClientID,
					ClientSecret: accesstest.ClientSecret, RedirectURL: desk + "/sign-in/callback", Client: &http.Client{Transport: both}})
				require.NoError(t, err)
				mux.RegisterSignIn(known)
				ok := func(http.ResponseWriter, *http.Request) {}
				mux.HandleFunc("GET /queue", ok)
				mux.HandleFunc("GET /queue/count", ok)
				browser := accesstest.Browser(t)
				browser.Transport = both
				require.Equal(t, http.StatusSeeOther, both.provider.SignIn(t, browser, desk, "rita", "/queue").StatusCode)

				began, lasted := time.Now(), time.Duration(0)
				for time.Since(began) < 24*time.Hour {
					time.Sleep(tc.every)
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, desk+tc.path, nil)
					require.NoError(t, err)
					answer, err := browser.Do(r)
					require.NoError(t, err)
					require.NoError(t, answer.Body.Close())
					if answer.StatusCode != http.StatusOK {
						break
					}
					lasted = time.Since(began)
				}
				require.LessOrEqual(t, lasted, tc.lasts)
				require.Greater(t, lasted+tc.every, tc.lasts-time.Second, "it lasts no shorter either")
			})
		})
	}
}
