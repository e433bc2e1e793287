package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"weighbridge/storage/sqldb/internal/queries"
)

// Remembered returns what was remembered under a name, "" for nothing.
func (db *DB) Remembered(ctx context.Context, name string) (string, error) {
	value := ""
	err := db.read(ctx, "read what was remembered", func(r *queries.Queries, _ *sql.Tx) (err error) {
		value, err = r.Remembered(ctx, name)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	return value, err
}

// Remember keeps a value under a name from one start to the next.
func (db *DB) Remember(ctx context.Context, name, value string) error {
	return db.write(ctx, "remember", func(t *tx) error { return t.Remember(ctx, name, value) })
}
