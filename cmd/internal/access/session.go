package access

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"weighbridge/pipeline"
)

// How long a session lasts: an hour without a request, half a day in all.
const (
	sessionIdle = time.Hour
	sessionLife = 12 * time.Hour
)

// What a session holds: whose it is, or what a sign-in began with.
const (
	sessionAccount  = "account"
	sessionState    = "state"
	sessionNonce    = "nonce"
	sessionVerifier = "verifier"
	sessionNext     = "next"
)

// newSessions returns the manager of sessions. failed answers where one cannot be read or
// kept.
func newSessions(o Options, failed func(http.ResponseWriter, *http.Request, error)) *scs.SessionManager {
	cookie := scs.SessionCookie{Name: "__Host-weighbridge", Secure: true, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if o.loopback() {
		// The prefix binds the cookie to this host and to encryption (RFC 6265bis, 4.1.3.2),
		// which there is none of on one's own machine.
		cookie.Name, cookie.Secure = "weighbridge", false
	}
	// Not by scs.New, which starts a store in memory with a goroutine of its own.
	return &scs.SessionManager{IdleTimeout: sessionIdle, Lifetime: sessionLife, Cookie: cookie, Codec: scs.GobCodec{}, ErrorFunc: failed,
		Store: &sessionStore{book: o.Sessions, now: o.Now, told: cache[pipeline.Digest, told](mostSessions), ended: cache[pipeline.Digest, struct{}](mostSessions)}}
}

// bySession returns who signed in with this browser. Roles are those of the account now.
func (m *Mux) bySession(ctx context.Context) (Identity, error) {
	text := m.sessions.GetString(ctx, sessionAccount)
	if text == "" {
		return Identity{}, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return Identity{}, nil //nolint:nilerr // no session of ours
	}
	account, err := m.o.Accounts.AccountByID(ctx, id)
	if errors.Is(err, pipeline.ErrNotFound) {
		return Identity{}, nil
	}
	if err != nil {
		return Identity{}, err
	}
	return Identity{Account: &account, Actor: pipeline.Actor{Name: account.Name, Known: pipeline.KnownSignedIn, Roles: account.Roles}}, nil
}

type quietKey struct{}

// quietly returns a context in which a request does not make its session last longer:
// nobody need sit before a page that asks by itself.
func quietly(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// sessionStore keeps sessions in the book under a digest of their token.
type sessionStore struct {
	book pipeline.SessionBook
	now  func() time.Time
	// told is what the book was told last, so that a request that only makes a session
	// last longer need not write each time.
	told *lru.Cache[pipeline.Digest, told]

	mu sync.Mutex // held while the book is written
	// ended are sessions that were ended lately. A request that began before that must not
	// bring one back when it is done.
	ended *lru.Cache[pipeline.Digest, struct{}]
}

type told struct {
	data  pipeline.Digest
	until time.Time
}

// enough is how much longer a session must last before that is written.
const enough = 5 * time.Minute

var _ scs.CtxStore = (*sessionStore)(nil)

func keyOf(token string) pipeline.Digest { return pipeline.DigestBytes([]byte(token)) }

// FindCtx implements [scs.CtxStore].
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.book.Session(ctx, keyOf(token), s.now())
}

// CommitCtx implements [scs.CtxStore].
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, until time.Time) error {
	if quiet, _ := ctx.Value(quietKey{}).(bool); quiet {
		return nil
	}
	key := keyOf(token)
	is := told{data: pipeline.DigestBytes(data), until: until}
	if was, known := s.told.Get(key); known && was.data == is.data && until.Sub(was.until) < enough {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Contains(key) {
		return nil
	}
	if err := s.book.PutSession(ctx, key, data, until); err != nil {
		return err
	}
	s.told.Add(key, is)
	return nil
}

// DeleteCtx implements [scs.CtxStore].
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	key := keyOf(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.Remove(key)
	s.ended.Add(key, struct{}{})
	return s.book.EndSession(ctx, key)
}

// Find implements [scs.Store].
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return nil, false, errNoContext(token)
}

// Commit implements [scs.Store].
func (s *sessionStore) Commit(token string, _ []byte, _ time.Time) error { return errNoContext(token) }

// Delete implements [scs.Store].
func (s *sessionStore) Delete(token string) error { return errNoContext(token) }

// errNoContext says that only the methods with a context are there; the manager of
// sessions prefers them.
func errNoContext(string) error {
	return &pipeline.Error{Code: pipeline.CodeInternal, Message: "sessions are read and kept with a context only"}
}
