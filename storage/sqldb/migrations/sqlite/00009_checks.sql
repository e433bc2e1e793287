-- +goose Up

-- Checks that were asked for. packs, by_roles and failure are JSON, failure '' where there
-- is none. submission_digest is '' where no submission came along. worker and lease_until
-- are set while the check runs.
CREATE TABLE checks (
    id                TEXT NOT NULL PRIMARY KEY,
    source            TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    packs             TEXT NOT NULL,
    hash              BIGINT NOT NULL,
    replaces          TEXT REFERENCES cases (id),
    by_name           TEXT NOT NULL,
    by_key            TEXT NOT NULL,
    by_known          TEXT NOT NULL,
    by_roles          TEXT NOT NULL,
    state             TEXT NOT NULL,
    attempt           BIGINT NOT NULL,
    objects           BIGINT NOT NULL,
    inspected         BIGINT NOT NULL,
    bytes             BIGINT NOT NULL,
    hashed            BIGINT NOT NULL,
    case_id           TEXT REFERENCES cases (id),
    verdict           TEXT NOT NULL,
    failure           TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    started_at        TEXT,
    ended_at          TEXT,
    worker            TEXT,
    lease_until       TEXT
);

CREATE INDEX checks_by ON checks (by_key, id);
CREATE INDEX checks_active ON checks (id) WHERE state IN ('queued', 'running');
