package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/text/unicode/norm"

	"weighbridge/pipeline"
)

// ProviderOptions say which identity provider signs people in, and what its claims mean.
type ProviderOptions struct {
	Issuer, ClientID, ClientSecret string
	// RedirectURL is the desk's /sign-in/callback as browsers reach it.
	RedirectURL string
	// Scopes are asked for beside openid, profile and email.
	Scopes []string
	// NameClaim names the actor. Where it is "", that is the email, unless the provider says
	// that it is not verified, or where there is none the preferred_username.
	// RolesClaim holds roles, "roles" where it is "". In both, dots lead into objects, as in
	// realm_access.roles.
	NameClaim, RolesClaim string
	// Roles maps values of that claim to roles and offices. Where it is empty, values that
	// are roles of the desk mean themselves; where it is not, a provider's own "admin" is
	// none here unless it is named.
	Roles map[string][]pipeline.ActorRole
	// Client asks the provider; nil is one with a time limit. Answers are read up to 1 MiB.
	Client *http.Client
}

// answerMost bounds what is read of one answer of the provider, in bytes.
const answerMost = 1 << 20

// bounded cuts answers off.
type bounded struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, answerMost), answer.Body}
	return answer, nil
}

// Provider is an identity provider: OpenID Connect Core 1.0, code flow, with PKCE (RFC
// 7636, S256), state and nonce.
type Provider struct {
	o        ProviderOptions
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// Discover asks the provider for its configuration (OpenID Connect Discovery 1.0). An
// error matches [pipeline.ErrUnavailable] where it does not answer or names another issuer,
// and [pipeline.ErrUsage] where it would be asked without encryption over a network.
func Discover(ctx context.Context, o ProviderOptions) (*Provider, error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Scheme != "https" && (issuer.Scheme != "http" || !loopback(issuer.Hostname())) {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the issuer is no https address", Hint: "write it as the provider does, such as https://id.example.org"}
	}
	if o.RolesClaim == "" {
		o.RolesClaim = "roles"
	}
	client := http.Client{Timeout: 15 * time.Second}
	if o.Client != nil {
		client = *o.Client
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = bounded{client.Transport}
	o.Client = &client
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

// RegisterSignIn registers the routes of signing in and out. Why somebody could not be
// signed in is told to [Options.Refused], which answers. A desk of one person has no
// provider: nil sends to the queue.
func (m *Mux) RegisterSignIn(p *Provider) {
	m.HandleFunc("GET /sign-in/start", func(w http.ResponseWriter, r *http.Request) { m.start(w, r, p) })
	m.HandleFunc("GET /sign-in/callback", func(w http.ResponseWriter, r *http.Request) { m.callback(w, r, p) })
	m.HandleFunc("POST /sign-out", m.signOut)
}

// nextMost bounds where to go after signing in, in bytes.
const nextMost = 2 << 10

// LocalPath returns where to go after signing in: a path of this desk, "/" for anything
// else.
func LocalPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || len(next) > nextMost || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/sign-in") {
		return "/"
	}
	return next
}

// start sends the browser to the provider.
func (m *Mux) start(w http.ResponseWriter, r *http.Request, p *Provider) {
	next := LocalPath(r.URL.Query().Get("next"))
	if p == nil {
		http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // LocalPath leaves paths of this desk only
		return
	}
	if wait := m.starts.take(m.o.Proxies.Client(r)); wait > 0 {
		m.refuse(w, r, http.StatusTooManyRequests, limited{wait})
		return
	}
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
	account, next, err := m.signIn(r, p)
	if err == nil {
		// A new token, so that whoever planted the old one has nothing.
		err = m.sessions.RenewToken(r.Context())
	}
	if err != nil {
		m.refuseSignIn(w, r, err)
		return
	}
	m.sessions.Put(r.Context(), sessionAccount, account.ID.String())
	m.o.Logger.Info("signed in", "id", w.Header().Get(RequestIDHeader), "actor", account.Name, "roles", roleList(account.Roles))
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // LocalPath leaves paths of this desk only
}

// refuseSignIn answers somebody who is not signed in. What the browser did wrong is
// counted; that the provider or the database does not answer is nobody's guess.
func (m *Mux) refuseSignIn(w http.ResponseWriter, r *http.Request, err error) {
	var own *pipeline.Error
	if errors.As(err, &own) && own.Code == pipeline.CodeForbidden {
		// The message is ours, and the cause is scrubbed: neither holds a part of a token.
		pairs := []any{"id", w.Header().Get(RequestIDHeader), "reason", own.Message}
		if own.Err != nil {
			pairs = append(pairs, "cause", own.Err)
		}
		err = m.badSignIns.refuse(m.o.Proxies.Client(r), err, pairs...)
	} else {
		m.o.Logger.Error("nobody can sign in", "id", w.Header().Get(RequestIDHeader), "error", err)
	}
	m.refuse(w, r, statusOf(err), err)
}

func refusal(message string, err error) error {
	return &pipeline.Error{Code: pipeline.CodeForbidden, Message: message, Hint: "begin again at /sign-in", Err: err}
}

// signIn verifies what the provider says (OpenID Connect Core 1.0, 3.1.2.7 and 3.1.3.7)
// and keeps the account. What the browser began with counts once.
func (m *Mux) signIn(r *http.Request, p *Provider) (pipeline.Account, string, error) {
	ctx := r.Context()
	none := pipeline.Account{}
	state, nonce := m.sessions.PopString(ctx, sessionState), m.sessions.PopString(ctx, sessionNonce)
	verifier, next := m.sessions.PopString(ctx, sessionVerifier), m.sessions.PopString(ctx, sessionNext)
	q := r.URL.Query()
	switch {
	case state == "":
		return none, "", refusal("this browser did not begin to sign in here, or took too long", nil)
	case !same(q.Get("state"), state), q.Has("iss") && q.Get("iss") != p.o.Issuer: // RFC 9207
		return none, "", refusal("the identity provider answered another request than this browser's", nil)
	case q.Get("error") != "":
		return none, "", refusal("the identity provider refused", fmt.Errorf("it says %.40q", q.Get("error")))
	}
	ctx = oidc.ClientContext(ctx, p.o.Client)
	tokens, err := p.oauth.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return none, "", notTaken(err)
	}
	idToken, err := p.verify(ctx, tokens, nonce)
	if err != nil {
		return none, "", err
	}
	claims, err := p.claims(ctx, idToken, tokens)
	if err != nil {
		return none, "", err
	}
	account, err := p.account(idToken, claims, m.o.Now())
	if err != nil {
		return none, "", err
	}
	kept, err := m.o.Accounts.SignIn(r.Context(), account)
	if errors.Is(err, pipeline.ErrConflict) {
		return none, "", &pipeline.Error{Code: pipeline.CodeForbidden, Message: fmt.Sprintf("the name %s belongs to another account or machine", account.Name),
			Hint: "the operator of the desk must say which of the two keeps it"}
	}
	return kept, LocalPath(next), err
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// notTaken says why the provider gave no tokens for its code: because it would not, or
// because it did not answer.
func notTaken(err error) error {
	var said *oauth2.RetrieveError
	if errors.As(err, &said) && said.Response.StatusCode < http.StatusInternalServerError {
		return refusal("the identity provider did not take its own answer back", fmt.Errorf("it says %.40q", said.ErrorCode))
	}
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the identity provider does not answer", Hint: "try again in a while"}
}

// verify checks the id token: signature, issuer, audience, expiry, nonce, the party that it
// was made for, and that it belongs to the access token.
func (p *Provider) verify(ctx context.Context, tokens *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	const message = "what the identity provider says of who you are does not verify"
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refusal(message, scrubbed(err))
	}
	var party struct {
		AuthorizedParty *string `json:"azp"`
	}
	if err := idToken.Claims(&party); err != nil {
		return nil, refusal(message, errors.New("its authorised party is no text"))
	}
	switch {
	case nonce == "" || !same(idToken.Nonce, nonce):
		return nil, refusal("the identity provider answered another request than this browser's", errors.New("the nonce is another"))
	case party.AuthorizedParty != nil && *party.AuthorizedParty != p.o.ClientID, len(idToken.Audience) > 1 && party.AuthorizedParty == nil:
		return nil, refusal(message, errors.New("it was made for another client"))
	case idToken.AccessTokenHash != "" && idToken.VerifyAccessToken(tokens.AccessToken) != nil:
		return nil, refusal(message, errors.New("it belongs to another access token"))
	case idToken.Subject == "" || len(idToken.Subject) > 255: // OpenID Connect Core 1.0, 2
		return nil, refusal(message, errors.New("it has no subject of 1 to 255 characters"))
	}
	return idToken, nil
}

// scrubbed says why an id token does not verify, without the library's text, which may
// hold parts of it.
func scrubbed(err error) error {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return errors.New("it has expired")
	}
	return errors.New("its signature, issuer or audience is wrong")
}

// claims returns those of the id token, and where name or roles are not among them those
// of the provider's user info as well.
func (p *Provider) claims(ctx context.Context, idToken *oidc.IDToken, tokens *oauth2.Token) (map[string]any, error) {
	const message = "what the identity provider says of who you are cannot be read"
	var claims map[string]any
	if err := idToken.Claims(&claims); err != nil {
		return nil, refusal(message, nil)
	}
	name := cmp.Or(p.o.NameClaim, "email")
	complete := lookUp(claims, p.o.RolesClaim) != nil && lookUp(claims, name) != nil && (name != "email" || claims["email_verified"] != nil)
	if complete || p.provider.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the identity provider does not say who you are", Hint: "try again in a while"}
	}
	var more map[string]any
	if info.Subject != idToken.Subject || info.Claims(&more) != nil {
		return nil, refusal(message, errors.New("the user info is about another subject"))
	}
	maps.Copy(more, claims)
	return more, nil
}

// displayMost bounds the name that pages show, in bytes.
const displayMost = 200

// account is who the claims speak of.
func (p *Provider) account(idToken *oidc.IDToken, claims map[string]any, now time.Time) (pipeline.Account, error) {
	now = now.UTC().Truncate(time.Microsecond)
	name, err := p.name(claims)
	if err != nil {
		return pipeline.Account{}, err
	}
	// One person is one name, however it is encoded: votes and submissions are told apart by it.
	name = norm.NFC.String(name)
	if err := checkName(pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn}); err != nil {
		return pipeline.Account{}, refusal("the name that the identity provider gives you cannot be used here", err)
	}
	a := pipeline.Account{Issuer: idToken.Issuer, Subject: idToken.Subject, Name: name, Roles: p.roles(lookUp(claims, p.o.RolesClaim)), CreatedAt: now, SeenAt: now}
	if display, _ := claims["name"].(string); len(display) <= displayMost && printable(display) {
		a.Display = display
	}
	return a, nil
}

// name is the actor's name.
func (p *Provider) name(claims map[string]any) (string, error) {
	claim := cmp.Or(p.o.NameClaim, "email")
	name, _ := lookUp(claims, claim).(string)
	if name != "" && claim == "email" {
		if verified, said := claims["email_verified"]; said && verified != true && verified != "true" {
			return "", refusal("the identity provider has not verified your address", nil)
		}
	}
	if name == "" && p.o.NameClaim == "" {
		claim = "preferred_username"
		name, _ = claims[claim].(string)
		// People choose it themselves, so that it must not pass for a verified address.
		if strings.Contains(name, "@") {
			return "", refusal("the identity provider gives you a name like an address, and says of no address that it is yours", nil)
		}
	}
	if name == "" {
		return "", refusal("the identity provider does not say your "+claim, nil)
	}
	return name, nil
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
	return at
}

// signOut ends the session.
func (m *Mux) signOut(w http.ResponseWriter, r *http.Request) {
	if !bears(r) {
		if err := m.sessions.Destroy(r.Context()); err != nil {
			m.refuse(w, r, http.StatusInternalServerError, err)
			return
		}
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
