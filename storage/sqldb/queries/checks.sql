-- name: InsertCheck :exec
INSERT INTO checks (
    id, source, submission_digest, packs, hash, replaces, by_name, by_key, by_known, by_roles, state, attempt,
    objects, inspected, bytes, hashed, case_id, verdict, failure, created_at, started_at, ended_at, worker, lease_until, link_id
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25
);

-- name: CheckByID :one
SELECT * FROM checks WHERE id = ?1;

-- name: NewestChecks :many
SELECT * FROM checks WHERE id < ?1 ORDER BY id DESC LIMIT ?2;

-- name: NewestChecksBy :many
SELECT * FROM checks WHERE by_key = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3;

-- name: ActiveChecks :many
SELECT * FROM checks WHERE state IN ('queued', 'running') AND id < ?1 ORDER BY id DESC LIMIT ?2;

-- name: ActiveChecksBy :many
SELECT * FROM checks WHERE state IN ('queued', 'running') AND by_key = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3;

-- name: NewestChecksThrough :many
SELECT * FROM checks WHERE link_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3;

-- name: StartCheck :execrows
UPDATE checks SET state = 'running', attempt = attempt + 1, objects = 0, inspected = 0, bytes = 0, hashed = 0,
    started_at = sqlc.arg(at), worker = sqlc.arg(worker), lease_until = sqlc.arg(lease)
WHERE id = sqlc.arg(id) AND (state = 'queued' OR (state = 'running' AND (worker = sqlc.arg(worker) OR lease_until <= sqlc.arg(at))));

-- name: MoveCheck :execrows
UPDATE checks SET objects = sqlc.arg(objects), inspected = sqlc.arg(inspected), bytes = sqlc.arg(bytes), hashed = sqlc.arg(hashed),
    lease_until = sqlc.arg(lease)
WHERE id = sqlc.arg(id) AND state = 'running' AND worker = sqlc.arg(worker);

-- name: EndCheck :execrows
UPDATE checks SET state = sqlc.arg(state), case_id = sqlc.arg(case_id), verdict = sqlc.arg(verdict), failure = sqlc.arg(failure),
    ended_at = sqlc.arg(at), worker = NULL, lease_until = NULL
WHERE id = sqlc.arg(id) AND state IN ('queued', 'running');

-- name: StaleChecks :many
SELECT id FROM checks WHERE state IN ('queued', 'running') AND (state = 'queued' OR lease_until <= ?1) ORDER BY id LIMIT ?2;
