-- +goose Up

-- Signed approvals. digest is over the envelope, gzip-compressed in body; approval is the
-- id within, the same for every signature of one settlement. key_ids is a JSON list.
CREATE TABLE attestations (
    digest       TEXT NOT NULL PRIMARY KEY,
    case_id      TEXT NOT NULL REFERENCES cases (id),
    approval     TEXT NOT NULL,
    settled_seq  BIGINT NOT NULL REFERENCES audit_events (seq),
    settled_hash TEXT NOT NULL,
    bound        TEXT NOT NULL,
    key_ids      TEXT NOT NULL,
    signed_at    TEXT NOT NULL,
    expires_at   TEXT,
    audit_seq    BIGINT NOT NULL REFERENCES audit_events (seq),
    body         BLOB NOT NULL
);

CREATE INDEX attestations_case ON attestations (case_id, audit_seq);
CREATE UNIQUE INDEX attestations_event ON attestations (audit_seq);

-- +goose StatementBegin
CREATE TRIGGER attestations_no_update BEFORE UPDATE ON attestations
BEGIN SELECT RAISE(ABORT, 'signed approvals are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER attestations_no_delete BEFORE DELETE ON attestations
BEGIN SELECT RAISE(ABORT, 'signed approvals are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER attestations_no_replace BEFORE INSERT ON attestations
WHEN EXISTS (SELECT 1 FROM attestations WHERE digest = NEW.digest OR audit_seq = NEW.audit_seq)
BEGIN SELECT RAISE(ABORT, 'signed approvals are never replaced'); END;
-- +goose StatementEnd
