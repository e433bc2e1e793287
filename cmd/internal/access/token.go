package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// TokenPrefix begins every token, so that scanners for lost secrets recognise one: it is
// followed by 32 random bytes and the CRC-32 of that text, in hexadecimal.
const TokenPrefix = "wb_"

// TokenMost is the longest term of a token.
const TokenMost = 366 * 24 * time.Hour

// newSecret returns a secret of 256 bits in text.
func newSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

func newToken() string {
	text := TokenPrefix + newSecret()
	return text + fmt.Sprintf("_%08x", crc32.ChecksumIEEE([]byte(text)))
}

// tokenDigest checks the form of a token, so that a mistyped one costs no look-up, and
// returns the digest that it is kept under. The secret has 256 random bits: a fast digest
// is enough.
func tokenDigest(token string) (pipeline.Digest, bool) {
	i := strings.LastIndexByte(token, '_')
	if i < 0 || len(token) > 200 || !strings.HasPrefix(token, TokenPrefix) || token[i+1:] != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(token[:i]))) {
		return "", false
	}
	return pipeline.DigestBytes([]byte(token)), true
}

// Wanted is a token that somebody asks for.
type Wanted struct {
	Label string
	// Machine is the name that a machine acts under, "" for a token of one's own.
	Machine string
	Roles   []pipeline.ActorRole
	Term    time.Duration
}

// labelMax bounds what a token is said to be for, in bytes.
const labelMax = 100

// MakeToken makes a token for who asks, or for a machine, and returns its secret, which is
// kept nowhere. Errors match [pipeline.ErrUsage], [pipeline.ErrForbidden] and
// [pipeline.ErrConflict].
func (m *Mux) MakeToken(ctx context.Context, who Identity, wanted Wanted) (pipeline.Token, string, error) {
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	t := pipeline.Token{Label: strings.TrimSpace(wanted.Label), Actor: who.Actor.Name, CreatedBy: who.Actor.Name, CreatedAt: now,
		ExpiresAt: now.Add(wanted.Term).Truncate(time.Microsecond), Roles: wanted.Roles}
	bad := func(message, hint string) (pipeline.Token, string, error) {
		return t, "", &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	may := who.Actor.Roles
	switch {
	case who.Token != nil:
		return t, "", &pipeline.Error{Code: pipeline.CodeForbidden, Message: "a token cannot make another", Hint: "sign in and make it there"}
	case wanted.Machine != "" && !who.Actor.Has(pipeline.RoleAdmin):
		return t, "", &pipeline.Error{Code: pipeline.CodeForbidden, Message: "only an admin makes tokens for machines"}
	case wanted.Machine != "":
		may, t.Actor = pipeline.MachineRoles(), wanted.Machine
	case who.Account == nil:
		return bad("a token of one's own needs an account", "with --dev make one for a machine")
	default:
		t.Account = &who.Account.ID
	}
	if t.Label == "" || len(t.Label) > labelMax {
		return bad(fmt.Sprintf("say in at most %d bytes what the token is for", labelMax), "")
	}
	if err := (pipeline.Actor{Name: t.Actor, Known: pipeline.KnownToken}).Validate(); err != nil {
		return t, "", err
	}
	if wanted.Term <= 0 || wanted.Term > TokenMost {
		return bad("a token lasts between a moment and a year", "")
	}
	for _, role := range t.Roles {
		if !slices.Contains(may, role) {
			return bad(fmt.Sprintf("the token cannot have the role %s", role), "it can have: "+roleList(may))
		}
	}
	if len(t.Roles) == 0 {
		return bad("the token would have no role", "it can have: "+roleList(may))
	}
	var err error
	if t.ID, err = uuid.NewV7(); err != nil {
		return t, "", fmt.Errorf("make an id: %w", err)
	}
	secret := newToken()
	return t, secret, m.o.Tokens.AddToken(ctx, t, pipeline.DigestBytes([]byte(secret)), who.Actor)
}

// TokensOf returns the tokens that somebody may see: an admin all, others their own.
func (m *Mux) TokensOf(ctx context.Context, who Identity) ([]pipeline.Token, error) {
	const most = 500
	switch {
	case who.Actor.Has(pipeline.RoleAdmin):
		return m.o.Tokens.Tokens(ctx, nil, most)
	case who.Account != nil:
		return m.o.Tokens.Tokens(ctx, &who.Account.ID, most)
	}
	return nil, nil
}

// RevokeToken ends a token that somebody may see. The error matches
// [pipeline.ErrNotFound] for any other.
func (m *Mux) RevokeToken(ctx context.Context, who Identity, id uuid.UUID) error {
	list, err := m.TokensOf(ctx, who)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t pipeline.Token) bool { return t.ID == id }) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such token"}
	}
	return m.o.Tokens.RevokeToken(ctx, id, who.Actor, m.o.Now())
}

// errBadToken says that a token does not count, and not why: whoever shows a wrong one
// learns nothing.
func errBadToken() error {
	return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the token does not count", Hint: "it may have expired or been revoked; make a new one at the desk"}
}

// byToken returns who a token speaks for. Wrong ones are counted by address.
func (m *Mux) byToken(r *http.Request) (Identity, error) {
	from := m.o.Proxies.Client(r)
	if wait := m.failures.blocked(from); wait > 0 {
		return Identity{}, limited{wait}
	}
	who, err := m.token(r)
	if errors.Is(err, pipeline.ErrDenied) {
		m.failures.take(from)
		m.o.Logger.Info("a token was refused", "address", from, "path", LogPath(r))
	}
	return who, err
}

// touchEvery is how exact the time of a token's last use is.
const touchEvery = time.Minute

func (m *Mux) token(r *http.Request) (Identity, error) {
	ctx := r.Context()
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	digest, formed := tokenDigest(text)
	if !ok || !formed {
		return Identity{}, errBadToken()
	}
	t, err := m.o.Tokens.TokenBySecret(ctx, digest)
	if errors.Is(err, pipeline.ErrNotFound) {
		return Identity{}, errBadToken()
	}
	if err != nil {
		return Identity{}, err
	}
	now := m.o.Now()
	if !t.Valid(now) {
		return Identity{}, errBadToken()
	}
	who := Identity{Token: &t, Actor: pipeline.Actor{Name: t.Actor, Known: pipeline.KnownToken, Roles: t.Roles}}
	may := pipeline.MachineRoles()
	if t.Account != nil {
		account, err := m.o.Accounts.AccountByID(ctx, *t.Account)
		if errors.Is(err, pipeline.ErrNotFound) {
			return Identity{}, errBadToken()
		}
		if err != nil {
			return Identity{}, err
		}
		// The name and the roles are those of the owner now.
		who.Account, who.Actor.Name, may = &account, account.Name, account.Roles
	}
	who.Actor.Roles = slices.DeleteFunc(slices.Clone(t.Roles), func(role pipeline.ActorRole) bool { return !slices.Contains(may, role) })
	if t.UsedAt == nil || now.Sub(*t.UsedAt) > touchEvery {
		if err := m.o.Tokens.TouchToken(ctx, t.ID, now); err != nil {
			m.o.Logger.Warn("the use of a token could not be noted", "error", err)
		}
	}
	return who, nil
}
