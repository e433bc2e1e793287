-- name: CaseStanding :one
SELECT state, verdict FROM cases WHERE id = ?1;

-- name: AddToCaseCount :exec
INSERT INTO case_counts (state, verdict, count) VALUES (?1, ?2, ?3)
ON CONFLICT (state, verdict) DO UPDATE SET count = case_counts.count + excluded.count;

-- name: CaseCounts :many
SELECT state, verdict, count FROM case_counts WHERE count <> 0 ORDER BY state, verdict;

-- name: AddToDayCount :exec
INSERT INTO day_counts (day, kind, verdict, count) VALUES (?1, ?2, ?3, 1)
ON CONFLICT (day, kind, verdict) DO UPDATE SET count = day_counts.count + 1;

-- name: DayCounts :many
SELECT day, kind, verdict, count FROM day_counts WHERE day >= ?1 AND day <= ?2 ORDER BY day, kind, verdict;

-- name: CauseCounts :many
SELECT cause, count(*) AS count FROM cases
WHERE cause <> '' AND state IN ('open', 'claimed', 'changes_requested')
GROUP BY cause ORDER BY count(*) DESC, cause LIMIT ?1;
