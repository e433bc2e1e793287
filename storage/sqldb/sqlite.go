package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"weighbridge/pipeline"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// sqliteMark is the application id in the header of our files: "WBDG".
const sqliteMark = 0x57424447

// sqliteReaders is the number of connections that read: more than there are cores, so that
// a search that takes long does not hold up pages that do not.
const sqliteReaders = 8

func sqliteDialect() (dialect, error) {
	migrations, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return dialect{}, fmt.Errorf("find the migrations: %w", err)
	}
	return dialect{connect: connectSQLite, claim: claimSQLite, goose: goose.DialectSQLite3,
		migrations: migrations, steps: []*goose.Migration{enlistStored(5), sortStored(12)}, explain: explainSQLite,
		copyTo: copySQLite, whole: wholeSQLite, schema: schemaSQLite,
		byIndex: func(index string) string { return " INDEXED BY " + index },
		holds:   func(phrase string) string { return "case_texts MATCH " + phrase }}, nil
}

// connectSQLite opens a file, and makes an empty one where there is none.
func connectSQLite(ctx context.Context, path string) (write, read *sql.DB, err error) {
	if err := prepareFile(path); err != nil {
		return nil, nil, err
	}
	write, err = openSQLite(ctx, path, 1, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "recursive_triggers(1)", "trusted_schema(0)"}})
	if err != nil {
		return nil, nil, err
	}
	read, err = openSQLite(ctx, path, sqliteReaders, url.Values{"_txlock": {"deferred"}, "_pragma": {
		"busy_timeout(15000)", "query_only(1)", "trusted_schema(0)"}})
	if err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	return write, read, nil
}

func openSQLite(ctx context.Context, path string, connections int, options url.Values) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, explainSQLite("open the database", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := ping(ctx, db); err != nil {
		return nil, errors.Join(explainSQLite("open the database "+path, err), db.Close())
	}
	return db, nil
}

// pingTries and pingPause bound how long a connection waits where another process is
// changing a new file to write-ahead mode: SQLite does not wait for that by itself.
const (
	pingTries = 100
	pingPause = 50 * time.Millisecond
)

// ping makes the first connection.
func ping(ctx context.Context, db *sql.DB) error {
	for try := 1; ; try++ {
		err := db.PingContext(ctx)
		var e *sqlite.Error
		if err == nil || try == pingTries || !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pingPause):
		}
	}
}

// prepareFile makes the file, readable by its owner only, or checks that it is a
// database.
func prepareFile(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) || (err == nil && !info.IsDir()) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("the folder %q of the database does not exist", folder),
			Hint: "make the folder, or name another file with --db"}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the database cannot be created", Hint: "check the rights on the folder", Err: err}
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is no file", path), Hint: "name a file with --db"}
	}
	f, err = os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the database cannot be opened for writing", Hint: "check the rights on the file", Err: err}
	}
	head, err := io.ReadAll(io.LimitReader(f, 16))
	if err := errors.Join(err, f.Close()); err != nil {
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the database cannot be read", Err: err}
	}
	if len(head) > 0 && string(head) != "SQLite format 3\x00" {
		return notOurs(path, "is no database")
	}
	return nil
}

func notOurs(path, what string) error {
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("%q %s", path, what),
		Hint: "name another file with --db; a new one is made where there is none"}
}

// claimSQLite refuses a database that holds tables and not our mark.
func claimSQLite(ctx context.Context, db *sql.DB) error {
	var mark, tables int64
	var path string
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&mark); err != nil {
		return explainSQLite("read the database", err)
	}
	// A first start that was cut short has made the table of migrations only.
	err := db.QueryRowContext(ctx, `SELECT count(*), (SELECT file FROM pragma_database_list WHERE name = 'main')
		FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' AND tbl_name <> 'goose_db_version'`).Scan(&tables, &path)
	if err != nil {
		return explainSQLite("read the database", err)
	}
	if mark == sqliteMark || (mark == 0 && tables == 0) {
		return nil
	}
	return notOurs(path, "is a database of another program")
}

// explainSQLite says what an error of the driver means to an operator.
func explainSQLite(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	out := &pipeline.Error{Code: pipeline.CodeInternal, Message: "could not " + doing, Err: err}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return out
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		out.Code, out.Hint = pipeline.CodeUnavailable, "another process is writing to the database; try again"
	case sqlite3.SQLITE_FULL:
		out.Code, out.Hint = pipeline.CodeUnavailable, "the disk is full; nothing was written"
	case sqlite3.SQLITE_IOERR:
		out.Code, out.Hint = pipeline.CodeUnavailable, "the disk does not answer; the database must lie on a local disk"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		out.Code, out.Hint = pipeline.CodeDenied, "check the rights on the database and its folder"
	case sqlite3.SQLITE_NOTADB:
		out.Code, out.Hint = pipeline.CodeInvalid, "the file is no database; name another with --db"
	case sqlite3.SQLITE_CORRUPT:
		out.Code, out.Hint = pipeline.CodeMalformed, "the database is damaged; restore it from a backup"
	case sqlite3.SQLITE_TOOBIG:
		out.Code, out.Hint = pipeline.CodeOverLimit, "one value is larger than the database can hold"
	}
	return out
}
