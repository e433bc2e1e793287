-- name: AccountBySubject :one
SELECT * FROM accounts WHERE issuer = ?1 AND subject = ?2;

-- name: AccountByID :one
SELECT * FROM accounts WHERE id = ?1;

-- name: AccountNamed :one
SELECT * FROM accounts WHERE name_key = ?1;

-- name: MachineNamed :one
SELECT count(*) FROM tokens WHERE actor_key = ?1 AND account_id IS NULL;

-- name: InsertAccount :exec
INSERT INTO accounts (id, issuer, subject, name, name_key, display, roles, created_at, seen_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: UpdateAccount :exec
UPDATE accounts SET name = sqlc.arg(name), name_key = sqlc.arg(name_key), display = sqlc.arg(display),
    roles = sqlc.arg(roles), seen_at = sqlc.arg(seen_at)
WHERE id = sqlc.arg(id);

-- name: NewestAccounts :many
SELECT * FROM accounts ORDER BY seen_at DESC, id DESC LIMIT ?1;

-- name: InsertToken :exec
INSERT INTO tokens (id, label, actor, actor_key, account_id, roles, secret, created_by, created_at, expires_at, used_at, revoked_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);

-- name: TokenBySecret :one
SELECT sqlc.embed(tokens), accounts.name AS owner FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id
WHERE tokens.secret = ?1;

-- name: TokenByID :one
SELECT sqlc.embed(tokens), accounts.name AS owner FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id
WHERE tokens.id = ?1;

-- name: TouchToken :exec
UPDATE tokens SET used_at = sqlc.arg(at) WHERE id = sqlc.arg(id) AND coalesce(used_at, '') < sqlc.arg(at);

-- name: RevokeToken :exec
UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL;

-- name: NewestTokens :many
SELECT sqlc.embed(tokens), accounts.name AS owner FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id
WHERE tokens.id < ?1 ORDER BY tokens.id DESC LIMIT ?2;

-- name: NewestTokensOf :many
SELECT sqlc.embed(tokens), accounts.name AS owner FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id
WHERE tokens.account_id = ?1 AND tokens.id < ?2 ORDER BY tokens.id DESC LIMIT ?3;

-- name: SessionData :one
SELECT data FROM sessions WHERE key = ?1 AND until_at > ?2;

-- name: PutSession :exec
INSERT INTO sessions (key, data, until_at) VALUES (?1, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET data = excluded.data, until_at = excluded.until_at;

-- name: EndSession :exec
DELETE FROM sessions WHERE key = ?1;

-- name: PruneSessions :exec
DELETE FROM sessions WHERE until_at < ?1;

-- name: InsertLink :exec
INSERT INTO links (id, case_id, secret, created_by, created_at, expires_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: LinkBySecret :one
SELECT * FROM links WHERE secret = ?1;

-- name: LinksOfCase :many
SELECT * FROM links WHERE case_id = ?1 ORDER BY id DESC;

-- name: RevokeLinks :execrows
UPDATE links SET revoked_at = ?2 WHERE case_id = ?1 AND revoked_at IS NULL AND expires_at > ?2;

-- name: ReplyTo :one
SELECT * FROM replies WHERE actor_key = ?1 AND key = ?2;

-- name: InsertReply :execrows
INSERT INTO replies (actor_key, key, actor, request, status, header, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (actor_key, key) DO NOTHING;

-- name: PruneReplies :exec
DELETE FROM replies WHERE at < ?1;
