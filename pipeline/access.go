package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The roles of people and machines at the desk. Each may be held alone; none includes
// another. A quorum's offices, such as KR, are roles too.
const (
	// RoleSubmitter has artifacts checked, and sees the cases of its own.
	RoleSubmitter ActorRole = "submitter"
	// RoleReviewer sees and decides cases.
	RoleReviewer ActorRole = "reviewer"
	// RoleAuditor sees cases and the audit log, and changes nothing.
	RoleAuditor ActorRole = "auditor"
	// RoleAdmin sees everything, and runs tokens, exceptions and notices. It decides no
	// case.
	RoleAdmin ActorRole = "admin"
)

// DeskRoles lists the roles that routes ask for.
func DeskRoles() []ActorRole {
	return []ActorRole{RoleSubmitter, RoleReviewer, RoleLegal, RoleAuditor, RoleAdmin}
}

// Account is a person who has signed in.
type Account struct {
	ID uuid.UUID `json:"id"`
	// Issuer and Subject are what the identity provider calls the person. They and Name
	// never change; everything else may at the next sign-in.
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Name is the actor's name, which no two accounts share in any letter case. It is that
	// of the first sign-in, so that who is renamed stays the person who submitted and voted.
	Name string `json:"name"`
	// Display is what pages show beside it.
	Display   string      `json:"display"`
	Roles     []ActorRole `json:"roles"`
	CreatedAt time.Time   `json:"created_at"`
	SeenAt    time.Time   `json:"seen_at"`
}

// AccountBook keeps who has signed in.
type AccountBook interface {
	// SignIn keeps the account under its issuer and subject, with display, roles and time
	// as they are now and the name of the first sign-in, and returns it with its id. It
	// returns an error that matches [ErrConflict] where another account, or a machine's
	// token, has the name that is given.
	SignIn(ctx context.Context, a Account) (Account, error)
	// AccountByID returns an error that matches [ErrNotFound] where there is none.
	AccountByID(ctx context.Context, id uuid.UUID) (Account, error)
	// Accounts returns at most limit accounts, last seen first.
	Accounts(ctx context.Context, limit int) ([]Account, error)
}

// Token lets a program ask in the name of a person, or of a machine.
type Token struct {
	ID uuid.UUID `json:"id"`
	// Label says what it is for.
	Label string `json:"label"`
	// Actor is the name that it acts under: the owner's, or the machine's own.
	Actor string `json:"actor"`
	// Account is the owner, nil for a machine. A person's token never holds a role that
	// its owner lacks, and ends with the owner's roles; a machine's is a submitter or an
	// auditor at most, because only people decide.
	Account   *uuid.UUID  `json:"account"`
	Roles     []ActorRole `json:"roles"`
	CreatedBy string      `json:"created_by"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	UsedAt    *time.Time  `json:"used_at"`
	RevokedAt *time.Time  `json:"revoked_at"`
}

// MachineRoles are the roles that a machine's token can hold.
func MachineRoles() []ActorRole { return []ActorRole{RoleSubmitter, RoleAuditor} }

// Valid reports whether the token counts at a time.
func (t Token) Valid(at time.Time) bool { return t.RevokedAt == nil && at.Before(t.ExpiresAt) }

// TokenFilter chooses tokens. A zero field chooses all.
type TokenFilter struct {
	// Account is the owner.
	Account *uuid.UUID
	// Cursor is the Next of the page before.
	Cursor string
	// Limit is 50 where it is 0, and 200 at most.
	Limit int
}

// TokenBook keeps tokens, by the digest of their secret. Making and revoking one are
// audit events.
type TokenBook interface {
	// AddToken returns an error that matches [ErrConflict] where a machine is named as an
	// account is.
	AddToken(ctx context.Context, t Token, secret Digest, by Actor) error
	// TokenBySecret returns an error that matches [ErrNotFound] where there is none.
	TokenBySecret(ctx context.Context, secret Digest) (Token, error)
	// TouchToken notes that a token was used. It may be told late, or not at all.
	TouchToken(ctx context.Context, id uuid.UUID, at time.Time) error
	// TokenByID returns an error that matches [ErrNotFound] where there is none.
	TokenByID(ctx context.Context, id uuid.UUID) (Token, error)
	// Tokens returns a page of tokens, newest first. It returns an error that matches
	// [ErrUsage] where the cursor is none that a page gave.
	Tokens(ctx context.Context, filter TokenFilter) (PageOf[Token], error)
	// RevokeToken returns an error that matches [ErrNotFound] where there is none.
	RevokeToken(ctx context.Context, id uuid.UUID, by Actor, at time.Time) error
}

// SessionBook keeps the sessions of browsers by a digest of their key, so that a copy of
// the database opens none.
type SessionBook interface {
	// Session returns the data of a session that has not ended at a time; ok is false
	// where there is none.
	Session(ctx context.Context, key Digest, at time.Time) (data []byte, ok bool, err error)
	PutSession(ctx context.Context, key Digest, data []byte, until time.Time) error
	EndSession(ctx context.Context, key Digest) error
	// PruneSessions deletes those that ended before a time.
	PruneSessions(ctx context.Context, before time.Time) error
}

// Link lets somebody without an account answer for one case.
type Link struct {
	ID        uuid.UUID  `json:"id"`
	Case      uuid.UUID  `json:"case"`
	CreatedBy string     `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// Valid reports whether the link counts at a time.
func (l Link) Valid(at time.Time) bool { return l.RevokedAt == nil && at.Before(l.ExpiresAt) }

// LinkBook keeps links, by the digest of their secret. Making one, and ending them, is an
// audit event of their case.
type LinkBook interface {
	AddLink(ctx context.Context, l Link, secret Digest, by Actor) error
	// LinkBySecret returns an error that matches [ErrNotFound] where there is none.
	LinkBySecret(ctx context.Context, secret Digest) (Link, error)
	LinksOf(ctx context.Context, id uuid.UUID) ([]Link, error)
	// RevokeLinks ends the links of a case that still count, and returns how many they
	// were. The error matches [ErrNotFound] where there is no case.
	RevokeLinks(ctx context.Context, id uuid.UUID, by Actor, at time.Time) (int64, error)
}

// Reply is the answer to a request that named an idempotency key.
type Reply struct {
	// Actor, Key: one person's keys are no other's.
	Actor string
	Key   string
	// Request is a digest over route and body: the same key with another request is
	// refused.
	Request Digest
	Status  int
	// Header and Body are what was answered. Header is a JSON object.
	Header, Body []byte
	At           time.Time
}

// ReplyBook keeps replies for a while.
type ReplyBook interface {
	// ReplyTo returns nil where the key is new.
	ReplyTo(ctx context.Context, actor, key string) (*Reply, error)
	// KeepReply returns an error that matches [ErrConflict] where the key is there
	// already.
	KeepReply(ctx context.Context, r Reply) error
	PruneReplies(ctx context.Context, before time.Time) error
}

// SeesAll reports whether the actor may see every case, and not only those that they
// submitted.
func (a Actor) SeesAll() bool { return a.HasAny(RoleReviewer, RoleLegal, RoleAuditor, RoleAdmin) }

// HasAny reports whether the actor holds one of the roles.
func (a Actor) HasAny(roles ...ActorRole) bool {
	return slices.ContainsFunc(roles, a.Has)
}
