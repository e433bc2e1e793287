package sqldb

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// dialect is what differs between databases. A new one brings its own migrations and
// says how to connect; the queries are the same for all.
type dialect struct {
	// connect opens the connection that writes and those that read. A
	// transaction of the writer holds the write lock from its beginning.
	connect func(ctx context.Context, dsn string) (write, read *sql.DB, err error)
	// claim returns an error where the database belongs to another program.
	claim func(ctx context.Context, db *sql.DB) error
	// migrations makes the schema, in the tongue of goose.
	goose      goose.Dialect
	migrations fs.FS
	// steps are the migrations that SQL alone cannot make. Their numbers are among those
	// of the files.
	steps []*goose.Migration
	// byIndex is what follows the name of a table so that it is read by an index. Which
	// one is best depends on the values asked for, which a planner does not see.
	byIndex func(index string) string
	// holds is the condition that the text of a row of case_texts holds a phrase.
	holds func(phrase string) string
	// copyTo writes the database of a dsn, as it is at one moment, into an empty file.
	copyTo func(ctx context.Context, dsn, path string) error
	// whole returns an error where the database is damaged.
	whole func(ctx context.Context, db *sql.DB) error
	// schema returns tables, indexes, triggers and views with the text that made them.
	schema func(ctx context.Context, db *sql.DB) (map[schemaPart]string, error)
	// explain turns a driver's error into a [pipeline.Error].
	explain func(doing string, err error) error
}
