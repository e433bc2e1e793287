package sqldb

import "context"

// Ping returns an error where the database does not answer.
func (db *DB) Ping(ctx context.Context) error {
	return db.explain("ask the database", db.reader.PingContext(ctx))
}
