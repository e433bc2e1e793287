package sqldb

import (
	"context"
	"database/sql"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// WalkFrom has pages walk through an index from so many cases on.
func (db *DB) WalkFrom(few int) { db.few = few }

// Explain returns how the database reads a page, a line a step.
func (db *DB) Explain(ctx context.Context, f pipeline.CaseFilter) (steps []string, err error) {
	s, err := db.newSearch(f)
	if err != nil {
		return nil, err
	}
	err = db.read(ctx, "explain a page", func(_ *queries.Queries, t *sql.Tx) error {
		if err := s.choose(ctx, t); err != nil {
			return err
		}
		query, args := s.page(pageDefault)
		rows, err := t.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			steps = append(steps, step)
		}
		return rows.Err()
	})
	return steps, err
}
