-- name: Remembered :one
SELECT value FROM remembered WHERE name = ?1;

-- name: Remember :exec
INSERT INTO remembered (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
