package access

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// How long a session lasts: an hour without a request, half a day in all.
const (
	sessionIdle = time.Hour
	sessionLife = 12 * time.Hour
)

// What a session holds.
const (
	sessionAccount  = "account"
	sessionState    = "state"
	sessionNonce    = "nonce"
	sessionVerifier = "verifier"
	sessionNext     = "next"
)

type sessions struct{ *scs.SessionManager }

func newSessions(o Options) *sessions {
	s := scs.New()
	if unused, ok := s.Store.(*memstore.MemStore); ok {
		unused.StopCleanup()
	}
	s.Store = &sessionStore{book: o.Sessions, now: o.Now, told: map[pipeline.Digest]told{}}
	s.IdleTimeout, s.Lifetime = sessionIdle, sessionLife
	s.Cookie.Name, s.Cookie.Persist = "weighbridge", false
	if o.PublicURL != nil && o.PublicURL.Scheme == "https" {
		// The prefix binds the cookie to this host and to encryption (RFC 6265bis, 4.1.3).
		s.Cookie.Name, s.Cookie.Secure = "__Host-weighbridge", true
	}
	s.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		o.Logger.Error("a session could not be read or kept", "id", w.Header().Get(RequestIDHeader), "error", err)
		refused := o.Refused
		if refused == nil {
			refused = PlainRefusal
		}
		refused(w, r, http.StatusServiceUnavailable, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "sessions cannot be read at the moment", Hint: "try again"})
	}
	return &sessions{s}
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

// sessionStore keeps sessions in the book under a digest of their token.
type sessionStore struct {
	book pipeline.SessionBook
	now  func() time.Time

	mu sync.Mutex
	// told is what the book was told last, so that a request that only makes a session
	// last longer need not write each time.
	told map[pipeline.Digest]told
}

type told struct {
	data  pipeline.Digest
	until time.Time
}

const (
	// enough is how much longer a session must last before that is written.
	enough = 5 * time.Minute
	// mostTold bounds what is remembered.
	mostTold = 10_000
)

var _ scs.CtxStore = (*sessionStore)(nil)

func keyOf(token string) pipeline.Digest { return pipeline.DigestBytes([]byte(token)) }

// FindCtx implements [scs.CtxStore].
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.book.Session(ctx, keyOf(token), s.now())
}

// CommitCtx implements [scs.CtxStore].
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, until time.Time) error {
	key := keyOf(token)
	is := told{data: pipeline.DigestBytes(data), until: until}
	s.mu.Lock()
	was, known := s.told[key]
	s.mu.Unlock()
	if known && was.data == is.data && until.Sub(was.until) < enough {
		return nil
	}
	if err := s.book.PutSession(ctx, key, data, until); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) >= mostTold {
		clear(s.told)
	}
	s.told[key] = is
	return nil
}

// DeleteCtx implements [scs.CtxStore].
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	key := keyOf(token)
	s.mu.Lock()
	delete(s.told, key)
	s.mu.Unlock()
	return s.book.EndSession(ctx, key)
}

// Find implements [scs.Store].
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements [scs.Store].
func (s *sessionStore) Commit(token string, data []byte, until time.Time) error {
	return s.CommitCtx(context.Background(), token, data, until)
}

// Delete implements [scs.Store].
func (s *sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
