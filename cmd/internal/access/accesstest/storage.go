package accesstest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const keyID = "key-1"

// storage is what the provider remembers. It implements [op.Storage] as far as the code
// flow asks for it.
type storage struct {
	key *ecdsa.PrivateKey

	mu        sync.Mutex
	users     []User
	redirects []string
	terse     bool
	requests  map[string]*request
	codes     map[string]string // code to request
	tokens    map[string]string // access token to subject
}

func newStorage(key *ecdsa.PrivateKey) *storage {
	return &storage{key: key, users: Users(), requests: map[string]*request{}, codes: map[string]string{}, tokens: map[string]string{}}
}

var (
	errUnknown     = errors.New("there is no such thing")
	errUnsupported = errors.New("the provider of tests does not do this")
)

// request is an authorization request.
type request struct {
	*oidc.AuthRequest
	id, subject string
	at          time.Time
}

func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return "" }
func (r *request) GetAMR() []string       { return []string{"pwd"} }
func (r *request) GetAudience() []string  { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.at }
func (r *request) GetClientID() string    { return r.ClientID }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}
func (r *request) GetNonce() string                   { return r.Nonce }
func (r *request) GetRedirectURI() string             { return r.RedirectURI }
func (r *request) GetResponseType() oidc.ResponseType { return r.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.ResponseMode }
func (r *request) GetScopes() []string                { return r.Scopes }
func (r *request) GetState() string                   { return r.State }
func (r *request) GetSubject() string                 { return r.subject }
func (r *request) Done() bool                         { return r.subject != "" }

// logIn notes who answered a request; it is false where there is no such person or
// request.
func (s *storage) logIn(id, username string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	i := slices.IndexFunc(s.users, func(u User) bool { return u.Username == username })
	if !ok || i < 0 {
		return false
	}
	r.subject, r.at = s.users[i].Subject, time.Now()
	return true
}

// CreateAuthRequest implements [op.Storage]. A request without PKCE is refused.
func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if asked.CodeChallenge == "" || asked.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("a code challenge by S256 is asked for")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{AuthRequest: asked, id: uuid.NewString()}
	s.requests[r.id] = r
	return r, nil
}

// AuthRequestByID implements [op.Storage].
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.requests[id]; ok {
		return r, nil
	}
	return nil, errUnknown
}

// AuthRequestByCode implements [op.Storage].
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.requests[s.codes[code]]; ok {
		return r, nil
	}
	return nil, errUnknown
}

// SaveAuthCode implements [op.Storage].
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

// DeleteAuthRequest implements [op.Storage]: a code counts once.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	maps.DeleteFunc(s.codes, func(_, of string) bool { return of == id })
	return nil
}

// CreateAccessToken implements [op.Storage].
func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uuid.NewString()
	s.tokens[id] = r.GetSubject()
	return id, time.Now().Add(5 * time.Minute), nil
}

// SigningKey implements [op.Storage].
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signingKey{s.key}, nil }

// SignatureAlgorithms implements [op.Storage].
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet implements [op.Storage].
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{s.key}}, nil }

type signingKey struct{ key *ecdsa.PrivateKey }

func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                  { return k.key }
func (signingKey) ID() string                                  { return keyID }

type publicKey struct{ key *ecdsa.PrivateKey }

func (publicKey) ID() string                         { return keyID }
func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return k.key.Public() }

// GetClientByClientID implements [op.Storage].
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return client{redirects: slices.Clone(s.redirects), terse: s.terse}, nil
}

// AuthorizeClientIDSecret implements [op.Storage].
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || secret != ClientSecret {
		return errUnknown
	}
	return nil
}

// SetUserinfoFromScopes implements [op.Storage]; [storage.SetUserinfoFromRequest] has
// taken its place.
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

var _ op.CanSetUserinfoFromRequest = (*storage)(nil)

// SetUserinfoFromRequest implements [op.CanSetUserinfoFromRequest].
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terse {
		info.Subject = r.GetSubject()
		return nil
	}
	return s.describe(info, r.GetSubject())
}

// SetUserinfoFromToken implements [op.Storage].
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, token, _, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, ok := s.tokens[token]
	if !ok {
		return errUnknown
	}
	return s.describe(info, subject)
}

func (s *storage) describe(info *oidc.UserInfo, subject string) error {
	i := slices.IndexFunc(s.users, func(u User) bool { return u.Subject == subject })
	if i < 0 {
		return errUnknown
	}
	u := s.users[i]
	info.Subject, info.PreferredUsername, info.Name, info.Email = u.Subject, u.Username, u.Name, u.Email
	// The type of the library cannot leave it out, so that it is said as another claim.
	if u.Verified != nil {
		info.AppendClaims("email_verified", *u.Verified)
	}
	for name, value := range u.Claims {
		info.AppendClaims(name, value)
	}
	return nil
}

// GetPrivateClaimsFromScopes implements [op.Storage].
func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return map[string]any{}, nil
}

// Health implements [op.Storage].
func (s *storage) Health(context.Context) error { return nil }

// TerminateSession implements [op.Storage].
func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

// What the code flow does not ask for.

// CreateAccessAndRefreshTokens implements [op.Storage].
func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnsupported
}

// TokenRequestByRefreshToken implements [op.Storage].
func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnsupported
}

// RevokeToken implements [op.Storage].
func (s *storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest()
}

// GetRefreshTokenInfo implements [op.Storage].
func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

// SetIntrospectionFromToken implements [op.Storage].
func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnsupported
}

// GetKeyByIDAndClientID implements [op.Storage].
func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnsupported
}

// ValidateJWTProfileScopes implements [op.Storage].
func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnsupported
}

// client is the desk, as the provider knows it.
type client struct {
	redirects []string
	terse     bool
}

func (client) GetID() string                       { return ClientID }
func (c client) RedirectURIs() []string            { return c.redirects }
func (client) PostLogoutRedirectURIs() []string    { return nil }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) GrantTypes() []oidc.GrantType        { return []oidc.GrantType{oidc.GrantTypeCode} }
func (client) LoginURL(id string) string           { return "/login?id=" + id }
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (client) IDTokenLifetime() time.Duration      { return 5 * time.Minute }
func (client) DevMode() bool                       { return false }
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (client) IsScopeAllowed(string) bool             { return true }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return !c.terse }
func (client) ClockSkew() time.Duration               { return 0 }
