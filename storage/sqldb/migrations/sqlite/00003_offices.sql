-- +goose Up

-- The offices that must each sign an approval of the case, as a JSON list of names, ''
-- for none.
ALTER TABLE cases ADD COLUMN offices TEXT NOT NULL DEFAULT '';
