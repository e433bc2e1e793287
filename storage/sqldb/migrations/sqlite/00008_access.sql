-- +goose Up

-- Who has signed in. Issuer and subject never change. name_key is the name in a form that
-- is equal for names that differ in letter case only. roles is a JSON list.
CREATE TABLE accounts (
    id         TEXT NOT NULL PRIMARY KEY,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    display    TEXT NOT NULL,
    roles      TEXT NOT NULL,
    created_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL,
    UNIQUE (issuer, subject)
);

CREATE INDEX accounts_seen ON accounts (seen_at, id);

-- Tokens of programs. secret is the digest of the secret. account_id is NULL for a
-- machine; then actor is its own name, else the owner's when it was made.
CREATE TABLE tokens (
    id         TEXT NOT NULL PRIMARY KEY,
    label      TEXT NOT NULL,
    actor      TEXT NOT NULL,
    actor_key  TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id),
    roles      TEXT NOT NULL,
    secret     TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT,
    revoked_at TEXT
);

CREATE INDEX tokens_account ON tokens (account_id, id);
CREATE INDEX tokens_machine ON tokens (actor_key) WHERE account_id IS NULL;

-- Sessions of browsers, by the digest of their key.
CREATE TABLE sessions (
    key      TEXT NOT NULL PRIMARY KEY,
    data     BLOB NOT NULL,
    until_at TEXT NOT NULL
);

CREATE INDEX sessions_until ON sessions (until_at);

-- Links through which somebody without an account answers for one case. secret is the
-- digest of the secret.
CREATE TABLE links (
    id         TEXT NOT NULL PRIMARY KEY,
    case_id    TEXT NOT NULL REFERENCES cases (id),
    secret     TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT
);

CREATE INDEX links_case ON links (case_id, id);

-- Answers to requests that named an idempotency key.
CREATE TABLE replies (
    actor_key TEXT NOT NULL,
    key       TEXT NOT NULL,
    actor     TEXT NOT NULL,
    request   TEXT NOT NULL,
    status    BIGINT NOT NULL,
    header    BLOB NOT NULL,
    body      BLOB NOT NULL,
    at        TEXT NOT NULL,
    PRIMARY KEY (actor_key, key)
);

CREATE INDEX replies_at ON replies (at);
