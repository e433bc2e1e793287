// Package accesstest runs a real identity provider for tests: OpenID Connect by
// zitadel/oidc on a loopback address, with a sign-in form that works in a browser, and six
// people. Tests can make it say what is wrong.
package accesstest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// What the desk is registered with, and everybody's password.
const (
	ClientID     = "weighbridge"
	ClientSecret = "a secret of tests only"
	Password     = "weighbridge"
)

// User is a person whom the provider knows.
type User struct {
	// Subject never changes. Username is what is typed into the form.
	Subject, Username string
	Name, Email       string
	// Verified is what is said of the email; nil says nothing.
	Verified *bool
	// Claims are said beside those; "roles" is one of them.
	Claims map[string]any
}

// Users are the people whom a provider knows at first: sam submits, rita and ravi review,
// lena is a lawyer, audrey audits, and ada is the admin. Their addresses end in
// @example.com.
func Users() []User {
	person := func(subject, name, surname string, roles ...string) User {
		username := strings.ToLower(name)
		yes := true
		return User{Subject: subject, Username: username, Name: name + " " + surname, Email: username + "@example.com", Verified: &yes, Claims: map[string]any{"roles": roles}}
	}
	return []User{
		person("u-1", "Sam", "Okafor", "submitter"),
		person("u-2", "Rita", "Lindqvist", "reviewer"),
		person("u-3", "Ravi", "Menon", "reviewer"),
		person("u-4", "Lena", "Fischer", "legal"),
		person("u-5", "Audrey", "Blanc", "auditor"),
		person("u-6", "Ada", "Kowalska", "admin"),
	}
}

// Provider is a running identity provider. Its methods may be called at any time.
type Provider struct {
	// Issuer is its address.
	Issuer string

	storage  *storage
	protocol *op.Provider
	key      *ecdsa.PrivateKey
	stranger *ecdsa.PrivateKey

	mu    sync.Mutex
	forge func(claims map[string]any)
	odd   bool
	down  bool
}

// Start starts a provider on a loopback address. It stops with the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.open(t, server.URL)
	return p
}

// Quiet returns a provider that is on no network: it is asked through [Provider.RoundTrip].
// Tests with a time of their own need that.
func Quiet(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{}
	p.open(t, "http://127.0.0.1:9")
	return p
}

func (p *Provider) open(t testing.TB, issuer string) {
	t.Helper()
	var err error
	p.Issuer = issuer
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p.stranger, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p.storage = newStorage(p.key)
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true}
	_, err = rand.Read(config.CryptoKey[:])
	require.NoError(t, err)
	p.protocol, err = op.NewProvider(config, p.storage, op.StaticIssuer(p.Issuer), op.WithAllowInsecure())
	require.NoError(t, err)
}

// RoundTrip implements [http.RoundTripper]: the provider answers whatever address is asked.
func (p *Provider) RoundTrip(r *http.Request) (*http.Response, error) {
	return Answer(http.HandlerFunc(p.serve), r)
}

// Answer asks a handler as a client asks a server, without a network between.
func Answer(h http.Handler, r *http.Request) (*http.Response, error) {
	asked := r.Clone(r.Context())
	asked.RequestURI, asked.RemoteAddr, asked.Host = r.URL.RequestURI(), "192.0.2.1:1234", r.URL.Host
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, asked)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Redirects names where the provider may send browsers back to: the desk's
// /sign-in/callback.
func (p *Provider) Redirects(urls ...string) {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	p.storage.redirects = urls
}

// SetUser adds a person, or changes the one with this subject.
func (p *Provider) SetUser(u User) {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	i := slices.IndexFunc(p.storage.users, func(o User) bool { return o.Subject == u.Subject })
	if i < 0 {
		p.storage.users = append(p.storage.users, u)
		return
	}
	p.storage.users[i] = u
}

// Terse lets id tokens hold nothing of the person, so that a client must ask for the user
// info.
func (p *Provider) Terse(terse bool) {
	p.storage.mu.Lock()
	defer p.storage.mu.Unlock()
	p.storage.terse = terse
}

// Forge changes the claims of every id token before it is signed, nil none.
func (p *Provider) Forge(change func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forge = change
}

// Stranger lets id tokens be signed with a key that the provider does not publish.
func (p *Provider) Stranger(odd bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.odd = odd
}

// Down lets the provider answer every request with 503.
func (p *Provider) Down(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	down := p.down
	p.mu.Unlock()
	switch {
	case down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/login" && r.Method == http.MethodPost:
		p.login(w, r)
	case r.URL.Path == "/login":
		form(w, r.URL.Query().Get("id"), "")
	case r.URL.Path == p.protocol.TokenEndpoint().Relative():
		p.token(w, r)
	default:
		p.protocol.ServeHTTP(w, r)
	}
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Identity provider</title>
<h1>Identity provider</h1>
{{with .Wrong}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="/login"><input type="hidden" name="id" value="{{.ID}}">
<p><label>User name <input name="username" autocomplete="username" required autofocus></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button id="log-in">Log in</button></p></form></html>
`))

func form(w http.ResponseWriter, id, wrong string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if wrong != "" {
		w.WriteHeader(http.StatusForbidden)
	}
	_ = page.Execute(w, struct{ ID, Wrong string }{id, wrong})
}

func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	id := r.PostFormValue("id")
	if r.PostFormValue("password") != Password || !p.storage.logIn(id, r.PostFormValue("username")) {
		form(w, id, "Name or password is wrong.")
		return
	}
	http.Redirect(w, r, p.protocol.AuthorizationEndpoint().Relative()+"/callback?id="+url.QueryEscape(id), http.StatusSeeOther)
}

// token answers at the token endpoint, and signs what was forged.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	forge, odd := p.forge, p.odd
	p.mu.Unlock()
	if forge == nil && !odd {
		p.protocol.ServeHTTP(w, r)
		return
	}
	told := httptest.NewRecorder()
	p.protocol.ServeHTTP(told, r)
	body := told.Body.Bytes()
	if told.Code == http.StatusOK {
		key := p.key
		if odd {
			key = p.stranger
		}
		var err error
		if body, err = forged(body, forge, key); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", told.Header().Get("Content-Type"))
	w.WriteHeader(told.Code)
	_, _ = w.Write(body)
}

// forged returns an answer of the token endpoint with another id token.
func forged(body []byte, forge func(map[string]any), key *ecdsa.PrivateKey) ([]byte, error) {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	raw, _ := answer["id_token"].(string)
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(signed.UnsafePayloadWithoutVerification()))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return nil, err
	}
	if forge != nil {
		forge(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		return nil, err
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return nil, err
	}
	if answer["id_token"], err = object.CompactSerialize(); err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// Browser returns a client that keeps cookies and follows no redirect by itself.
func Browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Begin starts to sign in at a desk as a person, and returns where the provider sends the
// browser back to, which was not opened yet. The path to go on at is next.
func (p *Provider) Begin(t testing.TB, browser *http.Client, desk, username, next string) *url.URL {
	t.Helper()
	at := redirect(t, get(t, browser, desk+"/sign-in/start?next="+url.QueryEscape(next))) //nolint:bodyclose // get closes it
	require.True(t, strings.HasPrefix(at.String(), p.Issuer+"/"), "the desk sends to its provider")
	at = redirect(t, get(t, browser, at.String()))                                                                                               //nolint:bodyclose // get closes it
	answer, err := browser.PostForm(p.Issuer+"/login", url.Values{"id": {at.Query().Get("id")}, "username": {username}, "password": {Password}}) //nolint:noctx // it ends with the test
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return redirect(t, get(t, browser, redirect(t, answer).String())) //nolint:bodyclose // get closes it
}

// SignIn signs a person in at a desk, and returns what the desk answers. The caller closes
// its body.
func (p *Provider) SignIn(t testing.TB, browser *http.Client, desk, username, next string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Begin(t, browser, desk, username, next).String(), nil)
	require.NoError(t, err)
	answer, err := browser.Do(request)
	require.NoError(t, err)
	return answer
}

func get(t testing.TB, browser *http.Client, at string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	require.NoError(t, err)
	answer, err := browser.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer
}

func redirect(t testing.TB, answer *http.Response) *url.URL {
	t.Helper()
	to, err := answer.Location()
	require.NoError(t, err, answer.Status)
	return to
}
