-- +goose Up

-- What the structure of a case's model is known by, as its last report has it. NULL is
-- unknown, or the model is too small for its structure to tell it from others.
CREATE TABLE case_structures (
    case_id            TEXT NOT NULL PRIMARY KEY REFERENCES cases (id),
    fingerprint        TEXT,
    matrix_fingerprint TEXT
);

CREATE INDEX case_structures_fingerprint ON case_structures (fingerprint, case_id);
CREATE INDEX case_structures_matrix ON case_structures (matrix_fingerprint, case_id);

-- Cases from before this table. Their fingerprint of matrices lies in the compressed
-- report, where SQL cannot read it; it comes when the case is judged again. So does the
-- other one where it is computed in another way by now: until then it equals no new one.
INSERT INTO case_structures (case_id, fingerprint)
SELECT id, fingerprint FROM cases WHERE fingerprint IS NOT NULL AND params_estimate >= 1000000;
