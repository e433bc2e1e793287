-- +goose Up

-- What pages of the queue are found by. Keys are names in a form that is equal for names
-- that differ in letter case only, '' for nobody. waits_for is whom an undecided case waits
-- for: '' for anybody, a key where it is claimed by, or assigned to, one person alone, and
-- NULL where it is claimed by one and assigned to another. due_order is due_at, or the last
-- moment of the year 9999. Cases from before these columns are filled in by the next
-- migration.
ALTER TABLE cases ADD COLUMN submitter_key TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN claimant_key TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN assignee_key TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN waits_for TEXT DEFAULT '';
ALTER TABLE cases ADD COLUMN due_order TEXT NOT NULL DEFAULT '9999-12-31T23:59:59.999999Z';

-- The columns after id are there so that most cases that a page leaves out are left out
-- without reading their row.
CREATE INDEX cases_newest ON cases (id, state, verdict, family, due_order, created_at, params_estimate);
CREATE INDEX cases_waiting_newest ON cases (waits_for, id, submitter_key, round, state, verdict, family) WHERE state IN ('open', 'claimed');
CREATE INDEX cases_waiting_urgent ON cases (waits_for, due_order, id, submitter_key, round, state, verdict, family) WHERE state IN ('open', 'claimed');
CREATE INDEX cases_undecided_urgent ON cases (due_order, id, state, verdict, family) WHERE state IN ('open', 'claimed', 'changes_requested');
CREATE INDEX cases_urgent ON cases (due_order, id, state, verdict, family);
CREATE INDEX cases_state_verdict ON cases (state, verdict, id, due_order, family);
CREATE INDEX cases_assignee ON cases (assignee_key, id) WHERE assignee_key <> '';
CREATE INDEX cases_claimant ON cases (claimant_key, id) WHERE claimant_key <> '';
CREATE INDEX cases_cause ON cases (cause, id) WHERE cause <> '';
CREATE INDEX cases_open_cause ON cases (cause) WHERE cause <> '' AND state IN ('open', 'claimed', 'changes_requested');
CREATE INDEX cases_params ON cases (params_estimate, id);
CREATE INDEX cases_created ON cases (created_at, id);
CREATE INDEX cases_pins ON cases (pin_digest, id);

DROP INDEX cases_state;
CREATE INDEX cases_state ON cases (state, id, due_order, verdict, family);
DROP INDEX cases_verdict;
CREATE INDEX cases_verdict ON cases (verdict, id, due_order, family);
DROP INDEX cases_family;
CREATE INDEX cases_family ON cases (family, id, due_order, state, verdict);
DROP INDEX findings_rule;
CREATE INDEX findings_rule ON findings (pack, rule, case_id, outcome);
CREATE INDEX findings_rule_alone ON findings (rule, case_id, outcome);

-- How many cases there are, and what happened on which day, kept up to date by every
-- change. verdict is '' for events about no case.
CREATE TABLE case_counts (
    state   TEXT NOT NULL,
    verdict TEXT NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (state, verdict)
);

CREATE TABLE day_counts (
    day     TEXT NOT NULL,
    kind    TEXT NOT NULL,
    verdict TEXT NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (day, kind, verdict)
);

INSERT INTO case_counts (state, verdict, count)
SELECT state, verdict, count(*) FROM cases GROUP BY state, verdict;

-- Of events from before this table, those that state no verdict count under the verdict
-- that their case has now.
INSERT INTO day_counts (day, kind, verdict, count)
SELECT substr(audit_events.at, 1, 10), audit_events.kind, coalesce(json_extract(audit_events.data, '$.verdict'), cases.verdict, ''), count(*)
FROM audit_events LEFT JOIN cases ON cases.id = audit_events.case_id
GROUP BY 1, 2, 3;
