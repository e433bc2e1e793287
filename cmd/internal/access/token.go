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
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"weighbridge/pipeline"
)

// TokenPrefix begins every token, so that scanners for lost secrets recognise one: it is
// followed by 32 random bytes in base64url, an underscore, and the CRC-32 (IEEE) of all
// that stands before it in hexadecimal: wb_[A-Za-z0-9_-]{43}_[0-9a-f]{8}.
const TokenPrefix = "wb_"

// TokenMost is the longest term of a token.
const TokenMost = 366 * 24 * time.Hour

// TokensMost is how many tokens of one's own may count at a time.
const TokensMost = 100

const (
	secretBytes = 32
	// secretLength is that of a secret in text.
	secretLength = 43
	// tokenLength adds the prefix, an underscore and the checksum.
	tokenLength = len(TokenPrefix) + secretLength + 1 + 8
)

// newSecret returns a secret of 256 bits in text.
func newSecret() string {
	random := make([]byte, secretBytes)
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
	const body = len(TokenPrefix) + secretLength
	if len(token) != tokenLength || !strings.HasPrefix(token, TokenPrefix) || token[body:] != fmt.Sprintf("_%08x", crc32.ChecksumIEEE([]byte(token[:body]))) {
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
// kept nowhere. Errors match [pipeline.ErrUsage], [pipeline.ErrForbidden],
// [pipeline.ErrOverLimit] where one has [TokensMost] already, and [pipeline.ErrConflict]
// where a machine is named as somebody is.
func (m *Mux) MakeToken(ctx context.Context, who Identity, wanted Wanted) (pipeline.Token, string, error) {
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	t := pipeline.Token{Label: strings.TrimSpace(wanted.Label), CreatedBy: who.Actor.Name, CreatedAt: now,
		ExpiresAt: now.Add(wanted.Term).Truncate(time.Microsecond), Roles: slices.Compact(slices.Sorted(slices.Values(wanted.Roles)))}
	may, err := m.bearer(ctx, &t, who, wanted.Machine)
	if err != nil {
		return pipeline.Token{}, "", err
	}
	if err := checkToken(t, wanted.Term, may); err != nil {
		return pipeline.Token{}, "", err
	}
	if t.ID, err = uuid.NewV7(); err != nil {
		return pipeline.Token{}, "", fmt.Errorf("make an id: %w", err)
	}
	secret := newToken()
	if err := m.o.Tokens.AddToken(ctx, t, pipeline.DigestBytes([]byte(secret)), who.Actor); err != nil {
		return pipeline.Token{}, "", err
	}
	return t, secret, nil
}

// bearer names whom the token speaks for, and returns the roles that it may have.
func (m *Mux) bearer(ctx context.Context, t *pipeline.Token, who Identity, machine string) ([]pipeline.ActorRole, error) {
	forbidden := func(message, hint string) ([]pipeline.ActorRole, error) {
		return nil, &pipeline.Error{Code: pipeline.CodeForbidden, Message: message, Hint: hint}
	}
	switch {
	case who.Token != nil:
		return forbidden("a token cannot make another", "sign in and make it there")
	case machine != "":
		if !who.Actor.Has(pipeline.RoleAdmin) {
			return forbidden("only an admin makes tokens for machines", "ask for one")
		}
		t.Actor = norm.NFC.String(machine)
		return pipeline.MachineRoles(), checkName(pipeline.Actor{Name: t.Actor, Known: pipeline.KnownToken})
	case who.Account == nil:
		return forbidden("a token of one's own needs an account", "with --dev make one for a machine")
	}
	t.Actor, t.Account = who.Actor.Name, &who.Account.ID
	live := 0
	err := pipeline.WalkPages(func(cursor string) (pipeline.PageOf[pipeline.Token], error) {
		return m.o.Tokens.Tokens(ctx, pipeline.TokenFilter{Account: t.Account, Cursor: cursor, Limit: 200})
	}, func(other pipeline.Token) error {
		if other.Valid(t.CreatedAt) {
			live++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if live >= TokensMost {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("you have %d tokens that count", live), Hint: "revoke one that is not used any more"}
	}
	return who.Actor.Roles, nil
}

// checkToken returns an error that matches [pipeline.ErrUsage] where the token asks for
// more than it may have.
func checkToken(t pipeline.Token, term time.Duration, may []pipeline.ActorRole) error {
	bad := func(message, hint string) error {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	has := "it can have: " + roleList(may)
	switch {
	case t.Label == "" || len(t.Label) > labelMax || !printable(t.Label):
		return bad(fmt.Sprintf("say in at most %d bytes what the token is for", labelMax), "letters, digits and punctuation in one line")
	case term <= 0 || term > TokenMost:
		return bad("a token lasts between a moment and a year", "")
	case len(t.Roles) == 0:
		return bad("the token would have no role", has)
	}
	for _, role := range t.Roles {
		if !slices.Contains(may, role) {
			return bad(fmt.Sprintf("the token cannot have the role %q", role), has)
		}
	}
	return nil
}

// checkName returns an error that matches [pipeline.ErrUsage] where a person or a machine
// cannot be named so: see [pipeline.Actor.Validate]. The names of Weighbridge itself and of
// those who hold links are theirs.
func checkName(a pipeline.Actor) error {
	if err := a.Validate(); err != nil {
		return err
	}
	link := pipeline.Actor{Name: linkName}.Key()
	if a.Same(pipeline.SystemActor()) || strings.HasPrefix(a.Key(), link) {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("nobody can be named %q: the audit log means somebody else by it", a.Name)}
	}
	return nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// TokensOf returns a page of the tokens that somebody may see, newest first: an admin sees
// all, others their own. Cursor and limit are those of [pipeline.TokenFilter].
func (m *Mux) TokensOf(ctx context.Context, who Identity, cursor string, limit int) (pipeline.PageOf[pipeline.Token], error) {
	filter := pipeline.TokenFilter{Cursor: cursor, Limit: limit}
	switch {
	case who.Actor.Has(pipeline.RoleAdmin):
	case who.Account != nil:
		filter.Account = &who.Account.ID
	default:
		return pipeline.PageOf[pipeline.Token]{}, nil
	}
	return m.o.Tokens.Tokens(ctx, filter)
}

// RevokeToken ends a token: an admin ends any, others their own, and a token only itself: it
// may hold fewer roles than its owner's others.
// The error matches [pipeline.ErrNotFound] for any other.
func (m *Mux) RevokeToken(ctx context.Context, who Identity, id uuid.UUID) error {
	if !who.Actor.Has(pipeline.RoleAdmin) && (who.Token == nil || who.Token.ID != id) {
		t, err := m.o.Tokens.TokenByID(ctx, id)
		if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
			return err
		}
		if err != nil || t.Account == nil || who.Account == nil || who.Token != nil || *t.Account != who.Account.ID {
			return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such token"}
		}
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
	digest, formed := shown(r)
	if !formed {
		return Identity{}, m.badTokens.refuse(from, errBadToken(), "path", LogPath(r))
	}
	if wait := m.badTokens.wait(from); wait > 0 && !m.good.Contains(digest) {
		return Identity{}, limited{wait}
	}
	who, err := m.token(r, digest)
	switch {
	case errors.Is(err, pipeline.ErrDenied):
		m.good.Remove(digest)
		return Identity{}, m.badTokens.refuse(from, err, "path", LogPath(r))
	case err != nil:
		return Identity{}, err
	}
	m.good.Add(digest, struct{}{})
	return who, nil
}

// shown returns the digest of the token that a request shows (RFC 6750, 2.1). It is false
// where that is none of ours, or not the only one.
func shown(r *http.Request) (pipeline.Digest, bool) {
	said := r.Header.Values("Authorization")
	if len(said) != 1 {
		return "", false
	}
	scheme, text, _ := strings.Cut(said[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return tokenDigest(strings.TrimSpace(text))
}

// touchEvery is how exact the time of a token's last use is.
const touchEvery = time.Minute

func (m *Mux) token(r *http.Request, digest pipeline.Digest) (Identity, error) {
	ctx := r.Context()
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
		// The roles are those of the owner now.
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
