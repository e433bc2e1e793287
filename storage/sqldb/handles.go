package sqldb

import (
	"context"
	"database/sql"
)

// Writer is the connection that writes, for the job queue, whose tables lie in the same
// file. There is one only, so that its users wait for each other. It is not closed by who
// asks for it.
func (db *DB) Writer() *sql.DB { return db.writer }

// Ping returns an error where the database does not answer.
func (db *DB) Ping(ctx context.Context) error {
	return db.explain("ask the database", db.reader.PingContext(ctx))
}
