-- +goose Up

-- "WBDG": the mark of a Weighbridge database in the file's header.
PRAGMA application_id = 1463960647;

CREATE TABLE audit_events (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    at          TEXT NOT NULL,
    actor       TEXT NOT NULL,
    actor_known TEXT NOT NULL,
    kind        TEXT NOT NULL,
    case_id     TEXT,
    data        TEXT NOT NULL,
    prev        TEXT NOT NULL,
    hash        TEXT NOT NULL
);

CREATE INDEX audit_events_case ON audit_events (case_id, seq);

CREATE TABLE submissions (
    digest TEXT NOT NULL PRIMARY KEY,
    body   TEXT NOT NULL
);

-- submission_digest is '' where there was no submission, so that the key is unique.
-- audit_seq is the last event of the case, settled_seq the one that settled it last.
CREATE TABLE cases (
    id                TEXT NOT NULL PRIMARY KEY,
    source            TEXT NOT NULL,
    pin_digest        TEXT NOT NULL,
    header_digest     TEXT NOT NULL,
    content_digest    TEXT,
    submission_digest TEXT NOT NULL,
    state             TEXT NOT NULL,
    verdict           TEXT NOT NULL,
    quorum            TEXT NOT NULL,
    params_lower      BIGINT,
    params_estimate   BIGINT,
    params_upper      BIGINT,
    bytes             BIGINT NOT NULL,
    family            TEXT,
    fingerprint       TEXT,
    submitter         TEXT NOT NULL,
    submitter_known   TEXT NOT NULL,
    claimant          TEXT,
    claimant_known    TEXT,
    assignee          TEXT,
    version           BIGINT NOT NULL,
    round             BIGINT NOT NULL,
    report            TEXT NOT NULL,
    audit_seq         BIGINT NOT NULL REFERENCES audit_events (seq),
    settled_seq       BIGINT REFERENCES audit_events (seq),
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    due_at            TEXT,
    settled_at        TEXT,
    expires_at        TEXT,
    superseded_by     TEXT REFERENCES cases (id),
    UNIQUE (source, pin_digest, submission_digest)
);

CREATE INDEX cases_state ON cases (state, id);
CREATE INDEX cases_verdict ON cases (verdict, id);
CREATE INDEX cases_source ON cases (source, id);
CREATE INDEX cases_family ON cases (family, id);
CREATE INDEX cases_submitter ON cases (submitter, id);
CREATE INDEX cases_fingerprint ON cases (fingerprint, id);
CREATE INDEX cases_content ON cases (content_digest, submission_digest);
CREATE INDEX cases_expiry ON cases (state, expires_at);

-- Every report of a case. digest is over what body holds, gzip-compressed: the report
-- as JSON without its cost and its case.
CREATE TABLE reports (
    case_id TEXT NOT NULL REFERENCES cases (id),
    digest  TEXT NOT NULL,
    at      TEXT NOT NULL,
    tool    TEXT NOT NULL,
    as_of   TEXT NOT NULL,
    verdict TEXT NOT NULL,
    cost    TEXT NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (case_id, digest)
);

CREATE TABLE findings (
    case_id  TEXT NOT NULL,
    report   TEXT NOT NULL,
    position BIGINT NOT NULL,
    finding  TEXT NOT NULL,
    pack     TEXT NOT NULL,
    rule     TEXT NOT NULL,
    mode     TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    effect   TEXT NOT NULL,
    PRIMARY KEY (case_id, report, position),
    FOREIGN KEY (case_id, report) REFERENCES reports (case_id, digest)
);

CREATE INDEX findings_rule ON findings (pack, rule, case_id);

-- What was read, by the digest of its bytes before compression.
CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size   BIGINT NOT NULL,
    gzip   BLOB NOT NULL
);

CREATE TABLE kept (
    case_id TEXT NOT NULL,
    report  TEXT NOT NULL,
    path    BLOB NOT NULL,
    digest  TEXT NOT NULL REFERENCES blobs (digest),
    PRIMARY KEY (case_id, report, path),
    FOREIGN KEY (case_id, report) REFERENCES reports (case_id, digest)
);

CREATE TABLE decisions (
    id          TEXT NOT NULL PRIMARY KEY,
    case_id     TEXT NOT NULL REFERENCES cases (id),
    round       BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    actor_known TEXT NOT NULL,
    actor_key   TEXT NOT NULL,
    roles       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    comment     TEXT NOT NULL,
    bound       BIGINT,
    until_at    TEXT,
    at          TEXT NOT NULL,
    audit_seq   BIGINT NOT NULL REFERENCES audit_events (seq),
    UNIQUE (case_id, round, actor_key)
);

CREATE TABLE comments (
    id           TEXT NOT NULL PRIMARY KEY,
    case_id      TEXT NOT NULL REFERENCES cases (id),
    actor        TEXT NOT NULL,
    actor_known  TEXT NOT NULL,
    text         TEXT NOT NULL,
    at           TEXT NOT NULL,
    carried_from TEXT REFERENCES cases (id)
);

CREATE INDEX comments_case ON comments (case_id, id);

-- The log, the decisions and the comments only grow. INSERT OR REPLACE would delete
-- without asking the triggers on DELETE, so what exists is refused before that.

-- +goose StatementBegin
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_in_order BEFORE INSERT ON audit_events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit_events)
  OR EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'audit events are added at the end only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER decisions_no_replace BEFORE INSERT ON decisions
WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id
  OR (case_id = NEW.case_id AND round = NEW.round AND actor_key = NEW.actor_key))
BEGIN SELECT RAISE(ABORT, 'decisions are never replaced'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER comments_no_update BEFORE UPDATE ON comments
BEGIN SELECT RAISE(ABORT, 'comments are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER comments_no_delete BEFORE DELETE ON comments
BEGIN SELECT RAISE(ABORT, 'comments are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER comments_no_replace BEFORE INSERT ON comments
WHEN EXISTS (SELECT 1 FROM comments WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'comments are never replaced'); END;
-- +goose StatementEnd
