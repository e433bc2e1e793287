-- name: InsertException :exec
INSERT INTO exceptions (id, pack, rule, scope, owner, reason, comment, until_at, by_name, by_known, by_roles, at, audit_seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- name: ExceptionByID :one
SELECT * FROM exceptions WHERE id = ?1;

-- name: EndException :exec
UPDATE exceptions SET ended_at = ?2, ended_by = ?3, ended_seq = ?4 WHERE id = ?1;

-- name: NewestExceptions :many
SELECT * FROM exceptions
WHERE exceptions.id < sqlc.arg(before)
    AND (sqlc.arg(live_at) = '' OR (ended_at IS NULL AND until_at > sqlc.arg(live_at)))
    AND (sqlc.arg(ends_before) = '' OR coalesce(ended_at, until_at) < sqlc.arg(ends_before))
    AND (sqlc.arg(source) = '' OR scope = sqlc.arg(source)
        OR (substr(scope, length(scope), 1) = '/' AND substr(sqlc.arg(source), 1, length(scope)) = scope))
ORDER BY exceptions.id DESC LIMIT sqlc.arg(most);

-- name: EndingExceptions :many
SELECT * FROM exceptions
WHERE (sqlc.arg(live_at) = '' OR (ended_at IS NULL AND until_at > sqlc.arg(live_at)))
    AND (sqlc.arg(ends_before) = '' OR coalesce(ended_at, until_at) < sqlc.arg(ends_before))
    AND (sqlc.arg(source) = '' OR scope = sqlc.arg(source)
        OR (substr(scope, length(scope), 1) = '/' AND substr(sqlc.arg(source), 1, length(scope)) = scope))
    AND (coalesce(ended_at, until_at) > sqlc.arg(after_end) OR (coalesce(ended_at, until_at) = sqlc.arg(after_end) AND exceptions.id > sqlc.arg(after)))
ORDER BY coalesce(ended_at, until_at), exceptions.id LIMIT sqlc.arg(most);

-- name: ExceptionEvents :many
SELECT sqlc.embed(exceptions), granted.data AS granted_data, ended.data AS ended_data
FROM exceptions
LEFT JOIN audit_events AS granted ON granted.seq = exceptions.audit_seq
LEFT JOIN audit_events AS ended ON ended.seq = exceptions.ended_seq
WHERE exceptions.id > ?1 ORDER BY exceptions.id LIMIT ?2;

-- name: RestingOn :many
SELECT DISTINCT cases.id FROM decisions JOIN cases ON cases.id = decisions.case_id
WHERE decisions.exception_id = ?1 AND decisions.round = cases.round AND decisions.kind = 'approve' AND cases.state IN ('approved', 'open', 'claimed')
ORDER BY cases.id;

-- name: HasNote :one
SELECT count(*) FROM notes WHERE mark = ?1;

-- name: InsertNote :exec
INSERT INTO notes (mark, audit_seq) VALUES (?1, ?2);

-- name: NoticeCursor :one
SELECT seq FROM notice_cursors WHERE hook = ?1;

-- name: PutNoticeCursor :exec
INSERT INTO notice_cursors (hook, seq) VALUES (?1, ?2) ON CONFLICT (hook) DO UPDATE SET seq = excluded.seq;

-- name: InsertDelivery :exec
INSERT INTO deliveries (id, hook, seq, kind, body, state, attempts, next_at, last_at, last_error, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: DueDeliveries :many
SELECT * FROM deliveries WHERE state = 'waiting' AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2;

-- name: NoteDelivery :execrows
UPDATE deliveries SET state = sqlc.arg(state), attempts = sqlc.arg(attempts), next_at = sqlc.arg(next_at), last_at = sqlc.arg(last_at),
    last_error = sqlc.arg(last_error)
WHERE id = sqlc.arg(id);

-- name: NewestDeliveries :many
SELECT * FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?2;

-- name: NewestDeliveriesIn :many
SELECT * FROM deliveries WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3;

-- name: DeliveryByID :one
SELECT * FROM deliveries WHERE id = ?1;
