-- +goose Up

-- What a text is looked for in: source, family and submitter of each case, by every three
-- characters that follow each other. A case whose family changed has a row for each that it
-- had; whoever finds a case by one looks at the case itself.
CREATE VIRTUAL TABLE case_texts USING fts5 (case_id UNINDEXED, text, tokenize = 'trigram', columnsize = 0);

INSERT INTO case_texts (case_id, text)
SELECT id, source || char(10) || coalesce(family, '') || char(10) || submitter FROM cases ORDER BY id;

-- +goose StatementBegin
CREATE TRIGGER cases_text_of_new AFTER INSERT ON cases
BEGIN
    INSERT INTO case_texts (case_id, text) VALUES (new.id, new.source || char(10) || coalesce(new.family, '') || char(10) || new.submitter);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER cases_text_of_changed AFTER UPDATE OF source, family, submitter ON cases
WHEN new.source <> old.source OR new.family IS NOT old.family OR new.submitter <> old.submitter
BEGIN
    INSERT INTO case_texts (case_id, text) VALUES (new.id, new.source || char(10) || coalesce(new.family, '') || char(10) || new.submitter);
END;
-- +goose StatementEnd
