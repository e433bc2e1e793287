-- name: CaseByID :one
SELECT * FROM cases WHERE id = ?1;

-- name: CaseByKey :one
SELECT * FROM cases WHERE source = ?1 AND pin_digest = ?2 AND submission_digest = ?3;

-- name: CaseAlike :one
SELECT * FROM cases
WHERE source = sqlc.arg(source) AND submission_digest = sqlc.arg(submission_digest)
    AND (header_digest = sqlc.arg(header_digest) OR body_digest = sqlc.arg(body_digest))
ORDER BY id DESC LIMIT 1;

-- name: CasesOutdated :many
SELECT * FROM cases
WHERE source = ?1 AND pin_digest <> ?2 AND state IN ('open', 'claimed', 'changes_requested')
ORDER BY id;

-- name: CasesByContent :many
SELECT * FROM cases WHERE content_digest = ?1 AND submission_digest = ?2 ORDER BY id;

-- name: CasesEnded :many
SELECT id FROM cases WHERE state = 'approved' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2;

-- name: CasesPastDue :many
SELECT id FROM cases
WHERE state IN ('open', 'claimed', 'changes_requested') AND due_at <> coalesce(overdue_at, '') AND due_at <= ?1
ORDER BY due_at, id LIMIT ?2;

-- name: CaseSeals :many
SELECT sqlc.embed(cases), audit_events.case_id AS event_case, audit_events.data AS event_data
FROM cases LEFT JOIN audit_events ON audit_events.seq = cases.audit_seq
WHERE cases.id > ?1 ORDER BY cases.id LIMIT ?2;

-- name: CountCases :one
SELECT count(*) FROM cases;

-- name: InsertCase :exec
INSERT INTO cases (
    id, source, pin_digest, header_digest, content_digest, submission_digest, state, verdict, quorum,
    params_lower, params_estimate, params_upper, bytes, family, fingerprint,
    submitter, submitter_known, claimant, claimant_known, assignee, version, round, report,
    audit_seq, settled_seq, created_at, updated_at, due_at, settled_at, expires_at, superseded_by, offices,
    overdue_at, body_digest, cause, submitter_key, claimant_key, assignee_key, waits_for, due_order
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32,
    ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40
);

-- name: UpdateCase :execrows
UPDATE cases SET
    header_digest = sqlc.arg(header_digest), content_digest = sqlc.arg(content_digest),
    state = sqlc.arg(state), verdict = sqlc.arg(verdict), quorum = sqlc.arg(quorum),
    params_lower = sqlc.arg(params_lower), params_estimate = sqlc.arg(params_estimate), params_upper = sqlc.arg(params_upper),
    bytes = sqlc.arg(bytes), family = sqlc.arg(family), fingerprint = sqlc.arg(fingerprint),
    claimant = sqlc.arg(claimant), claimant_known = sqlc.arg(claimant_known), assignee = sqlc.arg(assignee),
    version = sqlc.arg(version), round = sqlc.arg(round), report = sqlc.arg(report),
    audit_seq = sqlc.arg(audit_seq), settled_seq = coalesce(sqlc.arg(settled_seq), settled_seq),
    updated_at = sqlc.arg(updated_at), due_at = sqlc.arg(due_at), settled_at = sqlc.arg(settled_at),
    expires_at = sqlc.arg(expires_at), superseded_by = sqlc.arg(superseded_by), offices = sqlc.arg(offices),
    overdue_at = sqlc.arg(overdue_at), body_digest = sqlc.arg(body_digest), cause = sqlc.arg(cause),
    claimant_key = sqlc.arg(claimant_key), assignee_key = sqlc.arg(assignee_key), waits_for = sqlc.arg(waits_for), due_order = sqlc.arg(due_order)
WHERE id = sqlc.arg(id) AND version = sqlc.arg(version) - 1;

-- name: PutStructure :exec
INSERT INTO case_structures (case_id, fingerprint, matrix_fingerprint) VALUES (?1, ?2, ?3)
ON CONFLICT (case_id) DO UPDATE SET fingerprint = excluded.fingerprint, matrix_fingerprint = excluded.matrix_fingerprint;

-- name: SameStructure :many
SELECT cases.id, cases.source, cases.state, cases.verdict, own.fingerprint AS own_print, other.fingerprint AS other_print
FROM case_structures AS own
JOIN cases AS asked ON asked.id = own.case_id
JOIN case_structures AS other ON other.fingerprint = own.fingerprint OR other.matrix_fingerprint = own.matrix_fingerprint
JOIN cases ON cases.id = other.case_id
WHERE own.case_id = ?1 AND other.case_id <> ?1
ORDER BY CASE WHEN cases.source = asked.source AND cases.state = 'superseded' THEN 1 ELSE 0 END, cases.id DESC
LIMIT ?2;

-- name: InsertSubmission :exec
INSERT INTO submissions (digest, body) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING;

-- name: SubmissionByDigest :one
SELECT body FROM submissions WHERE digest = ?1;

-- name: InsertReport :execrows
INSERT INTO reports (case_id, digest, at, tool, as_of, verdict, cost, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (case_id, digest) DO NOTHING;

-- name: ReportOfCase :one
SELECT reports.digest, reports.cost, reports.body FROM reports
JOIN cases ON cases.id = reports.case_id AND cases.report = reports.digest
WHERE cases.id = ?1;

-- name: InsertFinding :exec
INSERT INTO findings (case_id, report, position, finding, pack, rule, mode, outcome, effect)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: HasBlob :one
SELECT count(*) FROM blobs WHERE digest = ?1;

-- name: BlobSize :one
SELECT size FROM blobs WHERE digest = ?1;

-- name: InsertBlob :exec
INSERT INTO blobs (digest, size, gzip) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING;

-- name: InsertKept :exec
INSERT INTO kept (case_id, report, path, digest) VALUES (?1, ?2, ?3, ?4);

-- name: KeepOn :exec
INSERT INTO kept (case_id, report, path, digest)
SELECT was.case_id, sqlc.arg(new_report), was.path, was.digest FROM kept AS was
WHERE was.case_id = sqlc.arg(case_id) AND was.report = sqlc.arg(old_report);

-- name: CaseIDsAfter :many
SELECT id FROM cases WHERE id > ?1 ORDER BY id LIMIT ?2;

-- name: KeptOfCase :many
SELECT kept.path, kept.digest, blobs.size FROM kept
JOIN cases ON cases.id = kept.case_id AND cases.report = kept.report
JOIN blobs ON blobs.digest = kept.digest
WHERE cases.id = ?1 ORDER BY kept.path;

-- name: KeptObject :one
SELECT kept.digest, blobs.size, blobs.gzip FROM kept
JOIN cases ON cases.id = kept.case_id AND cases.report = kept.report
JOIN blobs ON blobs.digest = kept.digest
WHERE cases.id = ?1 AND kept.path = ?2;

-- name: BlobBytes :one
SELECT gzip FROM blobs WHERE digest = ?1;

-- name: InsertDecision :exec
INSERT INTO decisions (id, case_id, round, actor, actor_known, actor_key, roles, kind, reason, comment, bound, until_at, at, audit_seq, exception_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);

-- name: DecisionsOfCase :many
SELECT * FROM decisions WHERE case_id = ?1 ORDER BY audit_seq;

-- name: DecisionEvents :many
SELECT sqlc.embed(decisions), audit_events.kind AS event_kind, audit_events.data AS event_data
FROM decisions LEFT JOIN audit_events ON audit_events.seq = decisions.audit_seq
WHERE decisions.audit_seq > ?1 ORDER BY decisions.audit_seq LIMIT ?2;

-- name: CountDecisions :one
SELECT count(*) FROM decisions;

-- name: InsertComment :exec
INSERT INTO comments (id, case_id, actor, actor_known, text, at, carried_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: CommentsOfCase :many
SELECT * FROM comments WHERE case_id = ?1 ORDER BY at, id;

-- name: CommentEvents :many
SELECT sqlc.embed(comments), audit_events.actor AS event_actor, audit_events.actor_known AS event_known,
    audit_events.at AS event_at, audit_events.data AS event_data
FROM comments LEFT JOIN audit_events ON audit_events.case_id = comments.case_id AND audit_events.kind IN ('commented', 'answered')
    AND audit_events.data LIKE '%"comment":"' || comments.id || '"%'
WHERE comments.carried_from IS NULL AND comments.id > ?1 ORDER BY comments.id LIMIT ?2;

-- name: CommentsOfNobody :many
SELECT comments.case_id FROM comments
WHERE comments.carried_from IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM comments AS said
    WHERE said.case_id = comments.carried_from AND said.carried_from IS NULL AND said.actor = comments.actor
        AND said.actor_known = comments.actor_known AND said.at = comments.at AND said.text = comments.text)
LIMIT 1;

-- name: CountComments :one
SELECT count(*) FROM comments;

-- name: InsertExhibit :exec
INSERT INTO exhibits (id, case_id, name, media_type, size, digest, actor, actor_known, at, carried_from)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: ExhibitsOfCase :many
SELECT * FROM exhibits WHERE case_id = ?1 ORDER BY at, id;

-- name: ExhibitEvents :many
SELECT sqlc.embed(exhibits), audit_events.actor AS event_actor, audit_events.actor_known AS event_known,
    audit_events.at AS event_at, audit_events.data AS event_data
FROM exhibits LEFT JOIN audit_events ON audit_events.case_id = exhibits.case_id AND audit_events.kind = 'attached'
    AND audit_events.data LIKE '%"exhibit":"' || exhibits.id || '"%'
WHERE exhibits.carried_from IS NULL AND exhibits.id > ?1 ORDER BY exhibits.id LIMIT ?2;

-- name: ExhibitsOfNobody :many
SELECT exhibits.case_id FROM exhibits
WHERE exhibits.carried_from IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM exhibits AS shown
    WHERE shown.case_id = exhibits.carried_from AND shown.carried_from IS NULL AND shown.actor = exhibits.actor
        AND shown.actor_known = exhibits.actor_known AND shown.at = exhibits.at AND shown.name = exhibits.name
        AND shown.media_type = exhibits.media_type AND shown.size = exhibits.size AND shown.digest = exhibits.digest)
LIMIT 1;

-- name: CountExhibits :one
SELECT count(*) FROM exhibits;

-- name: ExhibitByID :one
SELECT * FROM exhibits WHERE id = ?1;

-- name: InsertAuditEvent :exec
INSERT INTO audit_events (seq, id, at, actor, actor_known, kind, case_id, data, prev, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: LastAuditEvent :one
SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1;

-- name: AuditEventHash :one
SELECT hash FROM audit_events WHERE seq = ?1;

-- name: AuditEventsAfter :many
SELECT * FROM audit_events WHERE seq > ?1 ORDER BY seq LIMIT ?2;

-- name: AuditEventsOfCase :many
SELECT * FROM audit_events WHERE case_id = ?1 ORDER BY seq;

-- name: PutModel :exec
INSERT INTO case_models (case_id, model_key, model_id, stated, license, bases) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (case_id) DO UPDATE SET model_key = excluded.model_key, model_id = excluded.model_id,
    stated = excluded.stated, license = excluded.license, bases = excluded.bases;

-- name: ModelNamed :one
SELECT cases.id, cases.source, cases.state, m.model_id, m.stated, m.license, m.bases
FROM case_models AS m JOIN cases ON cases.id = m.case_id
WHERE m.model_key = ?1 AND cases.source <> ?2
ORDER BY CASE cases.state WHEN 'approved' THEN 0 WHEN 'cleared' THEN 0 WHEN 'rejected' THEN 1 WHEN 'revoked' THEN 1
    WHEN 'expired' THEN 3 WHEN 'superseded' THEN 4 ELSE 2 END, m.stated DESC, cases.id DESC
LIMIT 1;

-- name: ModelsBuilt :many
SELECT cases.id, cases.source, cases.state, m.model_id, m.stated, m.license, m.bases,
    s.fingerprint AS print, s.matrix_fingerprint AS matrix_print
FROM case_structures AS s
JOIN cases ON cases.id = s.case_id
JOIN case_models AS m ON m.case_id = s.case_id
WHERE (s.fingerprint = sqlc.arg(fingerprint) OR s.matrix_fingerprint = sqlc.arg(matrix_fingerprint)) AND cases.source <> sqlc.arg(apart)
    AND cases.id < coalesce((SELECT min(own.id) FROM cases AS own WHERE own.source = sqlc.arg(apart)), 'z')
ORDER BY CASE WHEN cases.state = 'superseded' THEN 1 ELSE 0 END, cases.id DESC
LIMIT sqlc.arg(most);

-- name: StoredReports :many
SELECT cases.id, cases.report, reports.body FROM cases
JOIN reports ON reports.case_id = cases.id AND reports.digest = cases.report
WHERE cases.id > ?1 ORDER BY cases.id LIMIT ?2;

-- name: InsertAttestation :exec
INSERT INTO attestations (digest, case_id, approval, settled_seq, settled_hash, bound, key_ids, signed_at, expires_at, audit_seq, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: AttestationsOfCase :many
SELECT * FROM attestations WHERE case_id = ?1 ORDER BY audit_seq DESC;

-- name: NewestAttestations :many
SELECT digest, case_id, approval, settled_seq, settled_hash, bound, key_ids, signed_at, expires_at
FROM attestations ORDER BY audit_seq DESC LIMIT ?1;

-- name: AttestationEvents :many
SELECT attestations.digest, attestations.case_id, attestations.approval, attestations.settled_seq, attestations.settled_hash,
    attestations.bound, attestations.key_ids, attestations.signed_at, attestations.expires_at, attestations.audit_seq,
    audit_events.data AS event_data
FROM attestations LEFT JOIN audit_events ON audit_events.seq = attestations.audit_seq
WHERE attestations.audit_seq > ?1 ORDER BY attestations.audit_seq LIMIT ?2;

-- name: CountAttestations :one
SELECT count(*) FROM attestations;

-- name: ReportsOfCase :many
SELECT digest, body FROM reports WHERE case_id = ?1 ORDER BY at DESC, digest;

-- name: RulesOfCase :many
SELECT DISTINCT CAST(findings.pack || '/' || findings.rule AS TEXT) AS name FROM findings
WHERE findings.case_id = ?1 AND findings.report = ?2 AND findings.mode = 'enforce'
  AND findings.outcome <> 'not_matched' AND findings.effect IN ('block', 'review') ORDER BY name;
