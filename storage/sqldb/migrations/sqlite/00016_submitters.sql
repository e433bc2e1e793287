-- +goose Up

-- Cases are found by their submitter in any letter case.
DROP INDEX cases_submitter;
CREATE INDEX cases_submitter ON cases (submitter_key, id);
