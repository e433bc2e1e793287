package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weighbridge/pipeline"
)

// ProviderOptions say which identity provider signs people in, and what its claims mean.
type ProviderOptions struct {
	Issuer, ClientID, ClientSecret string
	// RedirectURL is the desk's /sign-in/callback as browsers reach it.
	RedirectURL string
	// Scopes are asked for beside openid, profile and email.
	Scopes []string
	// NameClaim names the actor, "email" where it is "". RolesClaim holds roles, "roles"
	// where it is ""; dots lead into objects, as in realm_access.roles.
	NameClaim, RolesClaim string
	// Roles maps values of that claim to roles and offices. Where it is empty, values that
	// are roles of the desk mean themselves.
	Roles map[string][]pipeline.ActorRole
	// Client asks the provider; nil is one with a time limit.
	Client *http.Client
}

// Provider is an identity provider: OpenID Connect Core 1.0, code flow, with PKCE (RFC
// 7636, S256), state and nonce.
type Provider struct {
	o        ProviderOptions
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// Discover asks the provider for its configuration. An error matches
// [pipeline.ErrUnavailable].
func Discover(ctx context.Context, o ProviderOptions) (*Provider, error) {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 15 * time.Second}
	}
	if o.NameClaim == "" {
		o.NameClaim = "email"
	}
	if o.RolesClaim == "" {
		o.RolesClaim = "roles"
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, o.Client), o.Issuer)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the identity provider does not tell its configuration", Err: err,
			Hint: "open " + strings.TrimSuffix(o.Issuer, "/") + "/.well-known/openid-configuration; its issuer must be exactly what is configured"}
	}
	return &Provider{o: o, provider: found, verifier: found.Verifier(&oidc.Config{ClientID: o.ClientID}),
		oauth: oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: o.RedirectURL,
			Scopes: append([]string{oidc.ScopeOpenID, "profile", "email"}, o.Scopes...)}}, nil
}

// Origin is where the provider's pages are, as scheme and host.
func (p *Provider) Origin() string {
	u, err := url.Parse(p.oauth.Endpoint.AuthURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// RegisterSignIn registers the routes of signing in and out. Failed is told why somebody
// could not be signed in, and answers. A desk of one person has no provider: nil sends to
// the queue.
func (m *Mux) RegisterSignIn(p *Provider) {
	m.HandleFunc("GET /sign-in/start", func(w http.ResponseWriter, r *http.Request) { m.start(w, r, p) })
	m.HandleFunc("GET /sign-in/callback", func(w http.ResponseWriter, r *http.Request) { m.callback(w, r, p) })
	m.HandleFunc("POST /sign-out", m.signOut)
}

// LocalPath returns where to go after signing in: a path of this desk, "/" for anything
// else.
func LocalPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/sign-in") {
		return "/"
	}
	return next
}

// start sends the browser to the provider.
func (m *Mux) start(w http.ResponseWriter, r *http.Request, p *Provider) {
	next := LocalPath(r.URL.Query().Get("next"))
	if p == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	from := m.o.Proxies.Client(r)
	if wait := m.starts.blocked(from); wait > 0 {
		m.refuse(w, r, http.StatusTooManyRequests, limited{wait})
		return
	}
	m.starts.take(from)
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	ctx := r.Context()
	for key, value := range map[string]string{sessionState: state, sessionNonce: nonce, sessionVerifier: verifier, sessionNext: next} {
		m.sessions.Put(ctx, key, value)
	}
	http.Redirect(w, r, p.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
}

// callback is where the provider sends the browser back.
func (m *Mux) callback(w http.ResponseWriter, r *http.Request, p *Provider) {
	if p == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	from := m.o.Proxies.Client(r)
	if wait := m.failures.blocked(from); wait > 0 {
		m.refuse(w, r, http.StatusTooManyRequests, limited{wait})
		return
	}
	account, next, err := m.signIn(r, p)
	if err != nil {
		m.failures.take(from)
		m.o.Logger.Info("a sign-in was refused", "id", w.Header().Get(RequestIDHeader), "address", from, "reason", reason(err))
		m.refuse(w, r, http.StatusForbidden, err)
		return
	}
	// A new token, so that whoever planted the old one has nothing.
	if err := m.sessions.RenewToken(r.Context()); err != nil {
		m.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	m.sessions.Put(r.Context(), sessionAccount, account.ID.String())
	m.o.Logger.Info("signed in", "actor", account.Name, "roles", roleList(account.Roles))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// reason is what a log says of a refused sign-in: our own words, nothing of the tokens.
func reason(err error) string {
	var own *pipeline.Error
	if errors.As(err, &own) {
		return own.Message
	}
	return "a fault"
}

func refusal(message string, err error) error {
	return &pipeline.Error{Code: pipeline.CodeForbidden, Message: message, Hint: "begin again at /sign-in", Err: err}
}

// signIn verifies what the provider says and keeps the account.
func (m *Mux) signIn(r *http.Request, p *Provider) (pipeline.Account, string, error) {
	ctx := r.Context()
	none := pipeline.Account{}
	state, nonce := m.sessions.PopString(ctx, sessionState), m.sessions.PopString(ctx, sessionNonce)
	verifier, next := m.sessions.PopString(ctx, sessionVerifier), m.sessions.PopString(ctx, sessionNext)
	q := r.URL.Query()
	switch {
	case state == "":
		return none, "", refusal("this browser did not begin to sign in here, or took too long", nil)
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
		return none, "", refusal("the identity provider answered another request than this browser's", nil)
	case q.Get("error") != "":
		return none, "", refusal("the identity provider refused", nil)
	}
	ctx = oidc.ClientContext(ctx, p.o.Client)
	tokens, err := p.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return none, "", refusal("the identity provider did not take its own answer back", scrubbed(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return none, "", refusal("what the identity provider says of who you are does not verify", scrubbed(err))
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(nonce)) != 1 {
		return none, "", refusal("the identity provider answered another request than this browser's", nil)
	}
	claims, err := p.claims(ctx, idToken, tokens)
	if err != nil {
		return none, "", refusal("what the identity provider says of who you are cannot be read", scrubbed(err))
	}
	account, err := p.account(idToken, claims, m.o.Now())
	if err != nil {
		return none, "", err
	}
	account, err = m.o.Accounts.SignIn(r.Context(), account)
	if errors.Is(err, pipeline.ErrConflict) {
		return none, "", &pipeline.Error{Code: pipeline.CodeForbidden, Message: fmt.Sprintf("the name %s belongs to another account or machine", account.Name),
			Hint: "the operator of the desk must say which of the two keeps it", Err: err}
	}
	return account, LocalPath(next), err
}

// scrubbed drops the cause's text, which may hold parts of tokens.
func scrubbed(err error) error {
	var retrieve *oauth2.RetrieveError
	if errors.As(err, &retrieve) {
		return fmt.Errorf("it answered %q", retrieve.ErrorCode)
	}
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return errors.New("it has expired")
	}
	return nil
}

// claims returns those of the id token, and where the roles are not among them those of
// the provider's user info as well.
func (p *Provider) claims(ctx context.Context, idToken *oidc.IDToken, tokens *oauth2.Token) (map[string]any, error) {
	var claims map[string]any
	if err := idToken.Claims(&claims); err != nil {
		return nil, err
	}
	if lookUp(claims, p.o.RolesClaim) != nil && claims[p.o.NameClaim] != nil || p.provider.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return claims, nil //nolint:nilerr // what the id token says is enough, or it will be missing
	}
	if info.Subject != idToken.Subject {
		return nil, errors.New("the user info is about another subject")
	}
	var more map[string]any
	if err := info.Claims(&more); err != nil {
		return nil, err
	}
	for name, value := range claims {
		more[name] = value
	}
	return more, nil
}

// account is who the claims speak of.
func (p *Provider) account(idToken *oidc.IDToken, claims map[string]any, now time.Time) (pipeline.Account, error) {
	now = now.UTC().Truncate(time.Microsecond)
	a := pipeline.Account{Issuer: idToken.Issuer, Subject: idToken.Subject, Roles: p.roles(lookUp(claims, p.o.RolesClaim)), CreatedAt: now, SeenAt: now}
	a.Name, _ = lookUp(claims, p.o.NameClaim).(string)
	if p.o.NameClaim == "email" {
		if verified, said := claims["email_verified"]; said && verified != true && verified != "true" {
			return a, refusal("the identity provider has not verified your address", nil)
		}
	}
	if a.Name == "" {
		return a, refusal(fmt.Sprintf("the identity provider does not say your %s", p.o.NameClaim), nil)
	}
	if err := (pipeline.Actor{Name: a.Name, Known: pipeline.KnownSignedIn}).Validate(); err != nil {
		return a, refusal("the name that the identity provider gives you cannot be used here", err)
	}
	a.Display, _ = claims["name"].(string)
	if len(a.Display) > 200 {
		a.Display = ""
	}
	return a, nil
}

// roles reads the claim of roles: a text, or a list of texts.
func (p *Provider) roles(claim any) []pipeline.ActorRole {
	var values []string
	switch claim := claim.(type) {
	case string:
		values = strings.FieldsFunc(claim, func(r rune) bool { return r == ' ' || r == ',' })
	case []any:
		for _, v := range claim {
			if text, ok := v.(string); ok {
				values = append(values, text)
			}
		}
	}
	out := []pipeline.ActorRole{}
	for _, v := range values {
		if len(p.o.Roles) > 0 {
			out = append(out, p.o.Roles[v]...)
		} else if role := pipeline.ActorRole(v); slices.Contains(pipeline.DeskRoles(), role) {
			out = append(out, role)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lookUp finds a claim by its name, or by a path with dots.
func lookUp(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	var at any = claims
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	if n, ok := at.(json.Number); ok {
		return n.String()
	}
	return at
}

// signOut ends the session.
func (m *Mux) signOut(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		if err := m.sessions.Destroy(r.Context()); err != nil {
			m.refuse(w, r, http.StatusInternalServerError, err)
			return
		}
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
