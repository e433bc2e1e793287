-- +goose Up

-- overdue_at is the due date that was told of as past. body_digest is '' for cases from
-- before this column. cause is '' for a case that was never opened again.
ALTER TABLE cases ADD COLUMN overdue_at TEXT;
ALTER TABLE cases ADD COLUMN body_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN cause TEXT NOT NULL DEFAULT '';

-- Undecided cases with a due date that was not told of yet.
CREATE INDEX cases_past_due ON cases (due_at)
WHERE state IN ('open', 'claimed', 'changes_requested') AND due_at <> coalesce(overdue_at, '');

-- What an approval rests on, NULL for none.
ALTER TABLE decisions ADD COLUMN exception_id TEXT;

CREATE INDEX decisions_exception ON decisions (exception_id, case_id) WHERE exception_id IS NOT NULL;

-- Evidence files. Their bytes are among the blobs, by digest.
CREATE TABLE exhibits (
    id           TEXT NOT NULL PRIMARY KEY,
    case_id      TEXT NOT NULL REFERENCES cases (id),
    name         TEXT NOT NULL,
    media_type   TEXT NOT NULL,
    size         BIGINT NOT NULL,
    digest       TEXT NOT NULL REFERENCES blobs (digest),
    actor        TEXT NOT NULL,
    actor_known  TEXT NOT NULL,
    at           TEXT NOT NULL,
    carried_from TEXT REFERENCES cases (id)
);

CREATE INDEX exhibits_case ON exhibits (case_id, at, id);

-- +goose StatementBegin
CREATE TRIGGER exhibits_no_update BEFORE UPDATE ON exhibits
BEGIN SELECT RAISE(ABORT, 'evidence files are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exhibits_no_delete BEFORE DELETE ON exhibits
BEGIN SELECT RAISE(ABORT, 'evidence files are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exhibits_no_replace BEFORE INSERT ON exhibits
WHEN EXISTS (SELECT 1 FROM exhibits WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'evidence files are never replaced'); END;
-- +goose StatementEnd
