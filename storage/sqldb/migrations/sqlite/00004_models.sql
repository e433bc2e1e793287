-- +goose Up

-- What is on record of the model of a case, as its last report states it. model_key is
-- its published id in lower case, NULL where nothing names it; stated is 0 where the id was
-- taken from the path of the source. bases is a JSON list, 'null' where nobody says which
-- they are. Cases from before this table are filled in by the next migration, which reads
-- their reports.
CREATE TABLE case_models (
    case_id   TEXT NOT NULL PRIMARY KEY REFERENCES cases (id),
    model_key TEXT,
    model_id  TEXT NOT NULL,
    stated    BIGINT NOT NULL,
    license   TEXT NOT NULL,
    bases     TEXT NOT NULL
);

CREATE INDEX case_models_key ON case_models (model_key, case_id);
