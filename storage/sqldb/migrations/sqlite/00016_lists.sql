-- +goose Up

-- Cases are found by their submitter in any letter case.
DROP INDEX cases_submitter;
CREATE INDEX cases_submitter ON cases (submitter_key, id);

-- The link through which a check was asked for, NULL for none.
ALTER TABLE checks ADD COLUMN link_id TEXT REFERENCES links (id);
CREATE INDEX checks_link ON checks (link_id, id) WHERE link_id IS NOT NULL;
