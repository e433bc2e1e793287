-- +goose Up

-- Exceptions. Only their early end is ever written to.
CREATE TABLE exceptions (
    id        TEXT NOT NULL PRIMARY KEY,
    pack      TEXT NOT NULL,
    rule      TEXT NOT NULL,
    scope     TEXT NOT NULL,
    owner     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    comment   TEXT NOT NULL,
    until_at  TEXT NOT NULL,
    by_name   TEXT NOT NULL,
    by_known  TEXT NOT NULL,
    by_roles  TEXT NOT NULL,
    at        TEXT NOT NULL,
    audit_seq BIGINT NOT NULL REFERENCES audit_events (seq),
    ended_at  TEXT,
    ended_by  TEXT NOT NULL DEFAULT '',
    ended_seq BIGINT REFERENCES audit_events (seq)
);

CREATE INDEX exceptions_until ON exceptions (until_at, id);

-- +goose StatementBegin
CREATE TRIGGER exceptions_end_once BEFORE UPDATE ON exceptions
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
  OR OLD.id <> NEW.id OR OLD.pack <> NEW.pack OR OLD.rule <> NEW.rule OR OLD.scope <> NEW.scope OR OLD.owner <> NEW.owner
  OR OLD.reason <> NEW.reason OR OLD.comment <> NEW.comment OR OLD.until_at <> NEW.until_at OR OLD.by_name <> NEW.by_name
  OR OLD.by_known <> NEW.by_known OR OLD.by_roles <> NEW.by_roles OR OLD.at <> NEW.at OR OLD.audit_seq <> NEW.audit_seq
BEGIN SELECT RAISE(ABORT, 'exceptions end once, and never change'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exceptions_no_delete BEFORE DELETE ON exceptions
BEGIN SELECT RAISE(ABORT, 'exceptions are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exceptions_no_replace BEFORE INSERT ON exceptions
WHEN EXISTS (SELECT 1 FROM exceptions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'exceptions are never replaced'); END;
-- +goose StatementEnd

-- Marks of events that are left once.
CREATE TABLE notes (
    mark      TEXT NOT NULL PRIMARY KEY,
    audit_seq BIGINT NOT NULL REFERENCES audit_events (seq)
);

-- The last event that was turned into notices, by receiver.
CREATE TABLE notice_cursors (
    hook TEXT NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL
);

-- Notices to receivers. An event is told once of each kind.
CREATE TABLE deliveries (
    id         TEXT NOT NULL PRIMARY KEY,
    hook       TEXT NOT NULL REFERENCES notice_cursors (hook),
    seq        BIGINT NOT NULL REFERENCES audit_events (seq),
    kind       TEXT NOT NULL,
    body       BLOB NOT NULL,
    state      TEXT NOT NULL,
    attempts   BIGINT NOT NULL,
    next_at    TEXT NOT NULL,
    last_at    TEXT,
    last_error TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (hook, seq, kind)
);

CREATE INDEX deliveries_due ON deliveries (state, next_at, id);
CREATE INDEX deliveries_state ON deliveries (state, id);
