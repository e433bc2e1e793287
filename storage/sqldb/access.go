package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// SignIn implements [pipeline.AccountBook]. The name stays the one of the first sign-in, but
// for letter case: whoever could come back under another would be another person to the
// cases that they submitted and voted on.
func (db *DB) SignIn(ctx context.Context, a pipeline.Account) (pipeline.Account, error) {
	roles, err := rolesText(a.Roles)
	if err != nil {
		return pipeline.Account{}, err
	}
	key, seen := pipeline.Actor{Name: a.Name}.Key(), pipeline.AuditTime(a.SeenAt)
	var out pipeline.Account
	err = db.write(ctx, "sign in", func(t *tx) error {
		row, err := t.AccountBySubject(ctx, a.Issuer, a.Subject)
		known := err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := t.nameIsFree(ctx, a.Name, row.ID); err != nil {
			return err
		}
		if known {
			if key != row.NameKey {
				a.Name, key = row.Name, row.NameKey
			}
			err = t.UpdateAccount(ctx, queries.UpdateAccountParams{Name: a.Name, NameKey: key, Display: a.Display, Roles: roles, SeenAt: seen, ID: row.ID})
		} else {
			id, made := uuid.NewV7()
			if made != nil {
				return fmt.Errorf("make an id: %w", made)
			}
			row.ID = id.String()
			err = t.InsertAccount(ctx, queries.InsertAccountParams{ID: row.ID, Issuer: a.Issuer, Subject: a.Subject, Name: a.Name, NameKey: key,
				Display: a.Display, Roles: roles, CreatedAt: seen, SeenAt: seen})
		}
		if err != nil {
			return err
		}
		if row, err = t.AccountByID(ctx, row.ID); err != nil {
			return err
		}
		out, err = accountFrom(row)
		return err
	})
	return out, err
}

// nameIsFree refuses a name that an account other than own has, or a machine. The names
// of machines stay taken when their tokens have ended, for the audit log goes on naming
// them.
func (t *tx) nameIsFree(ctx context.Context, name, own string) error {
	key := pipeline.Actor{Name: name}.Key()
	holder, err := t.AccountNamed(ctx, key)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case holder.ID != own:
		return nameTaken(name)
	}
	machines, err := t.MachineNamed(ctx, key)
	if err != nil {
		return err
	}
	if machines > 0 {
		return nameTaken(name)
	}
	return nil
}

func nameTaken(name string) error {
	return &pipeline.Error{Code: pipeline.CodeConflict, Message: fmt.Sprintf("the name %q is taken", name),
		Hint: "every person and every machine at the desk has a name of its own, in any letter case"}
}

// AccountByID implements [pipeline.AccountBook].
func (db *DB) AccountByID(ctx context.Context, id uuid.UUID) (pipeline.Account, error) {
	var out pipeline.Account
	err := db.read(ctx, "read the account", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.AccountByID(ctx, id.String())
		if err != nil {
			return missing(err, "there is no account "+id.String())
		}
		out, err = accountFrom(row)
		return err
	})
	return out, err
}

// Accounts implements [pipeline.AccountBook].
func (db *DB) Accounts(ctx context.Context, limit int) ([]pipeline.Account, error) {
	var out []pipeline.Account
	err := db.read(ctx, "list the accounts", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.NewestAccounts(ctx, int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, accountFrom)
		return err
	})
	return out, err
}

func accountFrom(r queries.Account) (pipeline.Account, error) {
	var p parser
	a := pipeline.Account{ID: p.id(r.ID), Issuer: r.Issuer, Subject: r.Subject, Name: r.Name, Display: r.Display, Roles: p.roles(r.Roles),
		CreatedAt: p.time(r.CreatedAt), SeenAt: p.time(r.SeenAt)}
	return a, p.err
}

// rolesText is how roles are stored.
func rolesText(roles []pipeline.ActorRole) (string, error) {
	b, err := json.Marshal(roles)
	if err != nil {
		return "", fmt.Errorf("write the roles: %w", err)
	}
	return string(b), nil
}

func (p *parser) roles(text string) []pipeline.ActorRole {
	var out []pipeline.ActorRole
	p.fail(text, json.Unmarshal([]byte(text), &out))
	return out
}

// tokenEvent is what the log says of a token. It never names the secret or its digest.
type tokenEvent struct {
	Token     uuid.UUID            `json:"token"`
	Label     string               `json:"label"`
	Actor     string               `json:"actor"`
	Account   *uuid.UUID           `json:"account"`
	Roles     []pipeline.ActorRole `json:"roles"`
	ExpiresAt string               `json:"expires_at"`
}

// tell adds an event of the desk itself to the log. The data is any value that JSON can
// hold.
func (t *tx) tell(ctx context.Context, e pipeline.AuditEvent, verdict pipeline.Verdict, data any) (err error) {
	if e.Data, err = pipeline.CanonicalJSON(data); err != nil {
		return fmt.Errorf("write an audit event: %w", err)
	}
	if e.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	_, err = t.append(ctx, e, verdict)
	return err
}

// AddToken implements [pipeline.TokenBook].
func (db *DB) AddToken(ctx context.Context, token pipeline.Token, secret pipeline.Digest, by pipeline.Actor) error {
	roles, err := rolesText(token.Roles)
	if err != nil {
		return err
	}
	return db.write(ctx, "keep the token", func(t *tx) error {
		key := pipeline.Actor{Name: token.Actor}.Key()
		if token.Account != nil {
			if _, err := t.AccountByID(ctx, token.Account.String()); err != nil {
				return missing(err, "there is no account "+token.Account.String())
			}
		} else if _, err := t.AccountNamed(ctx, key); err == nil {
			return nameTaken(token.Actor)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := t.InsertToken(ctx, queries.InsertTokenParams{ID: token.ID.String(), Label: token.Label, Actor: token.Actor, ActorKey: key,
			AccountID: textOf(token.Account), Roles: roles, Secret: string(secret), CreatedBy: token.CreatedBy,
			CreatedAt: pipeline.AuditTime(token.CreatedAt), ExpiresAt: pipeline.AuditTime(token.ExpiresAt),
			UsedAt: timeOf(token.UsedAt), RevokedAt: timeOf(token.RevokedAt)}); err != nil {
			return err
		}
		return t.tell(ctx, pipeline.AuditEvent{Time: token.CreatedAt, Actor: by, Kind: pipeline.EventTokenMade}, "", tokenEvent{Token: token.ID, Label: token.Label, Actor: token.Actor,
			Account: token.Account, Roles: token.Roles, ExpiresAt: pipeline.AuditTime(token.ExpiresAt)})
	})
}

// TokenBySecret implements [pipeline.TokenBook]. A person's token acts under the name
// that its owner has now.
func (db *DB) TokenBySecret(ctx context.Context, secret pipeline.Digest) (pipeline.Token, error) {
	var out pipeline.Token
	err := db.read(ctx, "look for the token", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.TokenBySecret(ctx, string(secret))
		if err != nil {
			return missing(err, "there is no such token")
		}
		out, err = tokenFrom(queries.TokenByIDRow(row))
		return err
	})
	return out, err
}

// TouchToken implements [pipeline.TokenBook].
func (db *DB) TouchToken(ctx context.Context, id uuid.UUID, at time.Time) error {
	return db.write(ctx, "note that the token was used", func(t *tx) error { return t.TouchToken(ctx, timeOf(&at), id.String()) })
}

// Tokens implements [pipeline.TokenBook].
func (db *DB) Tokens(ctx context.Context, filter pipeline.TokenFilter) (pipeline.PageOf[pipeline.Token], error) {
	limit := pageLimit(filter.Limit)
	most := int64(limit) + 1
	var page pipeline.PageOf[pipeline.Token]
	before, err := idBefore(filter.Cursor)
	if err != nil {
		return page, err
	}
	cursor := func(t pipeline.Token) string { return t.ID.String() }
	err = db.read(ctx, "list the tokens", func(r *queries.Queries, _ *sql.Tx) error {
		if filter.Account == nil {
			rows, err := r.NewestTokens(ctx, before, most)
			if err != nil {
				return err
			}
			page, err = pageOf(rows, limit, func(row queries.NewestTokensRow) (pipeline.Token, error) { return tokenFrom(queries.TokenByIDRow(row)) }, cursor)
			return err
		}
		rows, err := r.NewestTokensOf(ctx, textOf(filter.Account), before, most)
		if err != nil {
			return err
		}
		page, err = pageOf(rows, limit, func(row queries.NewestTokensOfRow) (pipeline.Token, error) {
			return tokenFrom(queries.TokenByIDRow(row))
		}, cursor)
		return err
	})
	return page, err
}

// TokenByID implements [pipeline.TokenBook]. A person's token acts under the name that its
// owner has now.
func (db *DB) TokenByID(ctx context.Context, id uuid.UUID) (pipeline.Token, error) {
	var out pipeline.Token
	err := db.read(ctx, "read the token", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.TokenByID(ctx, id.String())
		if err != nil {
			return missing(err, "there is no token "+id.String())
		}
		out, err = tokenFrom(row)
		return err
	})
	return out, err
}

// RevokeToken implements [pipeline.TokenBook]. A token that is revoked already stays so,
// and leaves no second event.
func (db *DB) RevokeToken(ctx context.Context, id uuid.UUID, by pipeline.Actor, at time.Time) error {
	return db.write(ctx, "revoke the token", func(t *tx) error {
		row, err := t.TokenByID(ctx, id.String())
		if err != nil {
			return missing(err, "there is no token "+id.String())
		}
		token, err := tokenFrom(row)
		if err != nil || token.RevokedAt != nil {
			return err
		}
		if err := t.RevokeToken(ctx, id.String(), timeOf(&at)); err != nil {
			return err
		}
		return t.tell(ctx, pipeline.AuditEvent{Time: at, Actor: by, Kind: pipeline.EventTokenRevoked}, "", tokenEvent{Token: token.ID, Label: token.Label, Actor: token.Actor,
			Account: token.Account, Roles: token.Roles, ExpiresAt: pipeline.AuditTime(token.ExpiresAt)})
	})
}

func tokenFrom(row queries.TokenByIDRow) (pipeline.Token, error) {
	var p parser
	r := row.Token
	out := pipeline.Token{ID: p.id(r.ID), Label: r.Label, Actor: r.Actor, Account: p.optionalID(r.AccountID), Roles: p.roles(r.Roles),
		CreatedBy: r.CreatedBy, CreatedAt: p.time(r.CreatedAt), ExpiresAt: p.time(r.ExpiresAt), UsedAt: p.optionalTime(r.UsedAt),
		RevokedAt: p.optionalTime(r.RevokedAt)}
	if row.Owner != nil {
		out.Actor = *row.Owner
	}
	return out, p.err
}

// Session implements [pipeline.SessionBook].
func (db *DB) Session(ctx context.Context, key pipeline.Digest, at time.Time) (data []byte, ok bool, err error) {
	err = db.read(ctx, "read the session", func(r *queries.Queries, _ *sql.Tx) error {
		data, err = r.SessionData(ctx, string(key), pipeline.AuditTime(at))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return data, ok, err
}

// PutSession implements [pipeline.SessionBook].
func (db *DB) PutSession(ctx context.Context, key pipeline.Digest, data []byte, until time.Time) error {
	return db.write(ctx, "keep the session", func(t *tx) error {
		return t.PutSession(ctx, string(key), bytesOf(data), pipeline.AuditTime(until))
	})
}

// EndSession implements [pipeline.SessionBook].
func (db *DB) EndSession(ctx context.Context, key pipeline.Digest) error {
	return db.write(ctx, "end the session", func(t *tx) error { return t.EndSession(ctx, string(key)) })
}

// PruneSessions implements [pipeline.SessionBook].
func (db *DB) PruneSessions(ctx context.Context, before time.Time) error {
	return db.write(ctx, "delete old sessions", func(t *tx) error { return t.PruneSessions(ctx, pipeline.AuditTime(before)) })
}

// bytesOf is what is stored for bytes, which are never NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// AddLink implements [pipeline.LinkBook]. It returns an error that matches
// [pipeline.ErrNotFound] where there is no such case. The case stays at its version: a
// link changes nothing of it.
func (db *DB) AddLink(ctx context.Context, l pipeline.Link, secret pipeline.Digest, by pipeline.Actor) error {
	return db.write(ctx, "keep the link", func(t *tx) error {
		c, err := t.CaseByID(ctx, l.Case.String())
		if err != nil {
			return noCase(err, l.Case)
		}
		if err := t.InsertLink(ctx, queries.InsertLinkParams{ID: l.ID.String(), CaseID: c.ID, Secret: string(secret), CreatedBy: l.CreatedBy,
			CreatedAt: pipeline.AuditTime(l.CreatedAt), ExpiresAt: pipeline.AuditTime(l.ExpiresAt), RevokedAt: timeOf(l.RevokedAt)}); err != nil {
			return err
		}
		return t.tell(ctx, pipeline.AuditEvent{Time: l.CreatedAt, Actor: by, Kind: pipeline.EventLinked, Case: &l.Case}, pipeline.Verdict(c.Verdict),
			map[string]any{"link": l.ID, "expires_at": pipeline.AuditTime(l.ExpiresAt), "state": c.State, "version": c.Version})
	})
}

// LinkBySecret implements [pipeline.LinkBook].
func (db *DB) LinkBySecret(ctx context.Context, secret pipeline.Digest) (pipeline.Link, error) {
	var out pipeline.Link
	err := db.read(ctx, "look for the link", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.LinkBySecret(ctx, string(secret))
		if err != nil {
			return missing(err, "there is no such link")
		}
		out, err = linkFrom(row)
		return err
	})
	return out, err
}

// LinksOf implements [pipeline.LinkBook]. The newest comes first.
func (db *DB) LinksOf(ctx context.Context, id uuid.UUID) ([]pipeline.Link, error) {
	var out []pipeline.Link
	err := db.read(ctx, "list the links", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.LinksOfCase(ctx, id.String())
		if err != nil {
			return err
		}
		out, err = all(rows, linkFrom)
		return err
	})
	return out, err
}

// RevokeLinks implements [pipeline.LinkBook].
func (db *DB) RevokeLinks(ctx context.Context, id uuid.UUID, by pipeline.Actor, at time.Time) (ended int64, err error) {
	err = db.write(ctx, "end the links", func(t *tx) error {
		c, err := t.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		if ended, err = t.RevokeLinks(ctx, id.String(), timeOf(&at)); err != nil || ended == 0 {
			return err
		}
		return t.tell(ctx, pipeline.AuditEvent{Time: at, Actor: by, Kind: pipeline.EventLinksEnded, Case: &id}, pipeline.Verdict(c.Verdict),
			map[string]any{"links": ended, "state": c.State, "version": c.Version})
	})
	return ended, err
}

func linkFrom(r queries.Link) (pipeline.Link, error) {
	var p parser
	l := pipeline.Link{ID: p.id(r.ID), Case: p.id(r.CaseID), CreatedBy: r.CreatedBy, CreatedAt: p.time(r.CreatedAt), ExpiresAt: p.time(r.ExpiresAt),
		RevokedAt: p.optionalTime(r.RevokedAt)}
	return l, p.err
}

// ReplyTo implements [pipeline.ReplyBook].
func (db *DB) ReplyTo(ctx context.Context, actor, key string) (*pipeline.Reply, error) {
	var out *pipeline.Reply
	err := db.read(ctx, "look for the answer", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.ReplyTo(ctx, pipeline.Actor{Name: actor}.Key(), key)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var p parser
		out = &pipeline.Reply{Actor: row.Actor, Key: row.Key, Request: pipeline.Digest(row.Request), Status: int(row.Status), Header: row.Header,
			Body: row.Body, At: p.time(row.At)}
		return p.err
	})
	return out, err
}

// KeepReply implements [pipeline.ReplyBook].
func (db *DB) KeepReply(ctx context.Context, r pipeline.Reply) error {
	return db.write(ctx, "keep the answer", func(t *tx) error {
		added, err := t.InsertReply(ctx, queries.InsertReplyParams{ActorKey: pipeline.Actor{Name: r.Actor}.Key(), Key: r.Key, Actor: r.Actor,
			Request: string(r.Request), Status: int64(r.Status), Header: bytesOf(r.Header), Body: bytesOf(r.Body), At: pipeline.AuditTime(r.At)})
		if err != nil {
			return err
		}
		if added == 0 {
			return &pipeline.Error{Code: pipeline.CodeConflict, Message: "a request with this idempotency key was answered already"}
		}
		return nil
	})
}

// PruneReplies implements [pipeline.ReplyBook].
func (db *DB) PruneReplies(ctx context.Context, before time.Time) error {
	return db.write(ctx, "delete old answers", func(t *tx) error { return t.PruneReplies(ctx, pipeline.AuditTime(before)) })
}
