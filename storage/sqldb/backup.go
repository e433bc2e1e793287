package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"weighbridge/pipeline"
)

// Writer is the connection that writes, for a library that keeps tables of its own in the
// same file, such as a job queue. It is one connection: who holds a transaction of it stops
// every change, so transactions are short. Tables, indexes and triggers on other tables
// than ours are left alone by migrations, and are part of a backup.
func (db *DB) Writer() *sql.DB { return db.writer }

// Backup writes the database as it is at one moment into a new file, readable by its owner
// only, whatever is written meanwhile. The file appears under its name when it is whole.
// Errors match [pipeline.ErrUsage] where there is such a file already, and else those of
// [Open].
func (db *DB) Backup(ctx context.Context, path string) error {
	return db.explain("write the backup", place(path, func(part string) error { return db.dialect.copyTo(ctx, db.path, part) }))
}

// Restore makes a database of a backup. It refuses a file that is no whole database of
// Weighbridge, holds other triggers on our tables than ours, or has an audit log that does
// not verify; and it never writes over a file. A backup of an older version is brought up
// to date, the backup itself stays as it is. It returns the head of the audit log, to be
// held against one that was noted before.
//
// Errors match [pipeline.ErrUsage] where to exists, or from is a database in use,
// [pipeline.ErrNotFound] where from is not there, [pipeline.ErrInvalid] and
// [pipeline.ErrMalformed] where it is no database or damaged, and [pipeline.ErrTampered]
// where the log does not verify.
func Restore(ctx context.Context, from, to string) (pipeline.AuditHead, error) {
	d, err := sqliteDialect()
	if err != nil {
		return pipeline.AuditHead{}, err
	}
	var head pipeline.AuditHead
	err = place(to, func(part string) error {
		if err := copyFile(from, part); err != nil {
			return err
		}
		head, err = examine(ctx, part)
		return err
	})
	var domain *pipeline.Error
	if err != nil && !errors.As(err, &domain) {
		err = d.explain("restore the database", err)
	}
	return head, err
}

// examine opens a copy, brings it up to date, and checks that it is whole.
func examine(ctx context.Context, path string) (head pipeline.AuditHead, err error) {
	db, err := Open(ctx, path)
	if err != nil {
		return head, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.dialect.whole(ctx, db.writer); err != nil {
		return head, db.explain("check the backup", err)
	}
	if err := db.sameSchema(ctx, path+".schema"); err != nil {
		return head, err
	}
	return db.VerifyAudit(ctx, nil)
}

// sameSchema holds tables, indexes and triggers against those of a new database, which is
// made beside and deleted again.
func (db *DB) sameSchema(ctx context.Context, beside string) (err error) {
	fresh, err := Open(ctx, beside)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fresh.Close(), os.Remove(beside)) }()
	want, err := fresh.dialect.schema(ctx, fresh.writer)
	if err != nil {
		return fresh.explain("read the schema", err)
	}
	got, err := db.dialect.schema(ctx, db.writer)
	if err != nil {
		return db.explain("read the schema", err)
	}
	ours := map[string]bool{}
	for part, text := range want {
		ours[part.table] = true
		if got[part] != text {
			return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the %s %s of the backup is missing, or is not ours", part.kind, part.name),
				Hint: "restore another backup"}
		}
	}
	for part := range got {
		if _, known := want[part]; !known && ours[part.table] {
			return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the %s %s of the backup is not ours", part.kind, part.name),
				Hint: "restore another backup"}
		}
	}
	return nil
}

// schemaPart names a table, an index, a trigger or a view, and the table that it is on.
type schemaPart struct{ kind, name, table string }

// place lets write make a file under another name, and gives it its own when it is whole
// and on the disk. A file that is there already is refused.
func place(path string, write func(part string) error) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("resolve the path: %w", err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if _, err := os.Lstat(name); err == nil {
			return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the file %q exists already, and nothing is written over it", name), Hint: "name another file"}
		}
	}
	// The name is ours from here on: the empty file keeps others from taking it.
	held, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refusedFile(path, err)
	}
	part := path + ".part"
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(part, part+"-wal", part+"-shm", part+"-journal", path))
		}
	}()
	if err := held.Close(); err != nil {
		return refusedFile(path, err)
	}
	if err := removeAll(part); err != nil { // what a run that was cut short has left
		return refusedFile(part, err)
	}
	own, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refusedFile(part, err)
	}
	if err := own.Close(); err != nil {
		return refusedFile(part, err)
	}
	if err := write(part); err != nil {
		return err
	}
	if err := syncPath(part); err != nil {
		return refusedFile(part, err)
	}
	if err := os.Rename(part, path); err != nil {
		return refusedFile(path, err)
	}
	return syncPath(filepath.Dir(path))
}

func refusedFile(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("the folder of %q does not exist", path), Hint: "make the folder, or name another file"}
	}
	return &pipeline.Error{Code: pipeline.CodeDenied, Message: fmt.Sprintf("the file %q cannot be written", path), Hint: "check the rights on the folder, and the space on the disk", Err: err}
}

func removeAll(names ...string) error {
	var all error
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// syncPath flushes a file, or the names in a folder, to the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile copies a backup over an empty file of ours.
func copyFile(from, to string) (err error) {
	if info, err := os.Stat(from + "-wal"); err == nil && info.Size() > 0 {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is a database in use, not a backup", from), Hint: "make a backup of it first"}
	}
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("there is no backup %q", from)}
	}
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: "the backup cannot be read", Err: err}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%q is no file", from), Err: err}
	}
	if info.Size() == 0 {
		return notOurs(from, "is empty, and no backup")
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return refusedFile(to, err)
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(refusedFile(to, err), out.Close())
	}
	return out.Close()
}

// copySQLite writes a database as it is into an empty file, by a connection of its own so
// that nobody waits for it.
func copySQLite(ctx context.Context, path, to string) (err error) {
	db, err := openSQLite(ctx, path, 1, url.Values{"_pragma": {"busy_timeout(15000)", "trusted_schema(0)"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// wholeSQLite checks every page and every reference.
func wholeSQLite(ctx context.Context, db *sql.DB) error {
	var mark int64
	var fault sql.NullString
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&mark); err != nil {
		return err
	}
	if mark != sqliteMark {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the backup is a database of another program"}
	}
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&fault); err != nil {
		return err
	}
	if fault.String != "ok" {
		return &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the backup is damaged: " + fault.String, Hint: "restore another backup"}
	}
	err := db.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&fault)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = &pipeline.Error{Code: pipeline.CodeMalformed, Message: "a row of the table " + fault.String + " of the backup refers to nothing", Hint: "restore another backup"}
	}
	return err
}

// schemaSQLite returns what the schema is made of.
func schemaSQLite(ctx context.Context, db *sql.DB) (out map[schemaPart]string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE tbl_name <> 'goose_db_version' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out = map[schemaPart]string{}
	for rows.Next() {
		var part schemaPart
		var text string
		if err := rows.Scan(&part.kind, &part.name, &part.table, &text); err != nil {
			return nil, err
		}
		out[part] = text
	}
	return out, rows.Err()
}
