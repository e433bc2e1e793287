package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// DB is a queue in a database. It is safe for concurrent use.
type DB struct {
	dialect dialect
	// path is the absolute path of the file.
	path   string
	writer *sql.DB
	reader *sql.DB
	// few is how many cases are read and sorted rather than walked through in order.
	few int
}

var (
	_ pipeline.CaseBook          = (*DB)(nil)
	_ pipeline.CaseReader        = (*DB)(nil)
	_ pipeline.KeptReader        = (*DB)(nil)
	_ pipeline.ExhibitReader     = (*DB)(nil)
	_ pipeline.StructureFinder   = (*DB)(nil)
	_ pipeline.Inventory         = (*DB)(nil)
	_ pipeline.AttestationReader = (*DB)(nil)
	_ pipeline.AuditLog          = (*DB)(nil)
	_ pipeline.AccountBook       = (*DB)(nil)
	_ pipeline.TokenBook         = (*DB)(nil)
	_ pipeline.SessionBook       = (*DB)(nil)
	_ pipeline.LinkBook          = (*DB)(nil)
	_ pipeline.ReplyBook         = (*DB)(nil)
	_ pipeline.CheckBook         = (*DB)(nil)
	_ pipeline.QueueCounter      = (*DB)(nil)
	_ pipeline.RuleLister        = (*DB)(nil)
	_ pipeline.ExceptionBook     = (*DB)(nil)
	_ pipeline.NoticeBook        = (*DB)(nil)
)

// Open opens the database that dsn names and brings its schema up to date. dsn is
// the path of a SQLite file; a file that does not exist is made, readable by its
// owner only. The caller closes the database.
//
// An error matches [pipeline.ErrUsage] where dsn names no file, [pipeline.ErrNotFound]
// where its folder does not exist, [pipeline.ErrDenied] where it may not be written,
// and [pipeline.ErrInvalid] where it is no database, another program's, or one that a
// newer version of Weighbridge has made.
func Open(ctx context.Context, dsn string) (*DB, error) {
	if err := checkDSN(dsn); err != nil {
		return nil, err
	}
	d, err := sqliteDialect()
	if err != nil {
		return nil, err
	}
	db := &DB{dialect: d, few: fewCases}
	if db.path, err = filepath.Abs(dsn); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the path of the database cannot be resolved", Err: err}
	}
	if db.writer, db.reader, err = d.connect(ctx, db.path); err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkDSN refuses what is no path. It never repeats a URL, which may hold a password.
func checkDSN(dsn string) error {
	scheme, _, url := strings.Cut(dsn, "://")
	switch {
	case dsn == "":
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the database has no name", Hint: "name a file with --db or WEIGHBRIDGE_DB"}
	case url && (scheme == "postgres" || scheme == "postgresql"):
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "PostgreSQL is not supported by this version", Hint: "name a SQLite file, such as weighbridge.db"}
	case url, strings.HasPrefix(dsn, "file:"), strings.HasPrefix(dsn, ":memory:"), strings.ContainsRune(dsn, 0):
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the database must be named by the path of a file", Hint: "name a SQLite file, such as weighbridge.db"}
	}
	return nil
}

// Close closes the database.
func (db *DB) Close() error { return errors.Join(db.reader.Close(), db.writer.Close()) }

// migrateTries bounds how often a migration is tried, for processes that open a new
// file at the same moment: all but one of them find the work done.
const migrateTries = 5

// migrate makes the schema.
func (db *DB) migrate(ctx context.Context) error {
	if err := db.dialect.claim(ctx, db.writer); err != nil {
		return err
	}
	provider, err := goose.NewProvider(db.dialect.goose, db.writer, db.dialect.migrations,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithGoMigrations(db.dialect.steps...))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	for try := 1; ; try++ {
		err := up(ctx, provider)
		if err == nil || try == migrateTries || errors.Is(err, pipeline.ErrInvalid) || ctx.Err() != nil {
			return db.explain("prepare the database", err)
		}
	}
}

func up(ctx context.Context, provider *goose.Provider) error {
	current, target, err := provider.GetVersions(ctx)
	if err != nil || current == target {
		return err
	}
	if current > target {
		return &pipeline.Error{Code: pipeline.CodeInvalid,
			Message: fmt.Sprintf("the database was made by a newer version of Weighbridge: its schema is number %d, this version knows %d", current, target),
			Hint:    "use the newer version, or name another file with --db"}
	}
	_, err = provider.Up(ctx)
	return err
}

// explain passes errors of the domain and explains those of the driver.
func (db *DB) explain(doing string, err error) error {
	var domain *pipeline.Error
	if err == nil || errors.As(err, &domain) {
		return err
	}
	return db.dialect.explain(doing, err)
}

// tx is a write transaction with the head of the audit log as it is now.
type tx struct {
	*queries.Queries
	head pipeline.AuditHead
}

// write runs fn under the write lock and commits what it wrote, or nothing.
func (db *DB) write(ctx context.Context, doing string, fn func(*tx) error) error {
	t, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return db.explain(doing, err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it has no effect
	w := &tx{Queries: queries.New(t)}
	if w.head, err = headOf(ctx, w.Queries); err != nil {
		return db.explain(doing, err)
	}
	if err := fn(w); err != nil {
		return db.explain(doing, err)
	}
	return db.explain(doing, t.Commit())
}

// read runs fn on one state of the database, whatever is written meanwhile.
func (db *DB) read(ctx context.Context, doing string, fn func(*queries.Queries, *sql.Tx) error) error {
	t, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.explain(doing, err)
	}
	defer func() { _ = t.Rollback() }()
	return db.explain(doing, fn(queries.New(t), t))
}

// missing turns the absence of a row into an error that matches [pipeline.ErrNotFound].
func missing(err error, message string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: message}
	}
	return err
}

// noCase turns the absence of a row into an error that matches [pipeline.ErrNotFound].
func noCase(err error, id fmt.Stringer) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no case " + id.String(), Hint: "list the cases with: weighbridge queue list"}
	}
	return err
}
