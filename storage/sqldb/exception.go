package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// AddException implements [pipeline.ExceptionBook].
func (db *DB) AddException(ctx context.Context, e pipeline.Exception, event pipeline.AuditEvent) error {
	roles, err := rolesText(e.By.Roles)
	if err != nil {
		return err
	}
	return db.write(ctx, "keep the exception", func(t *tx) error {
		seq, err := t.apart(ctx, event)
		if err != nil {
			return err
		}
		return t.InsertException(ctx, queries.InsertExceptionParams{ID: e.ID.String(), Pack: e.Pack, Rule: e.Rule, Scope: e.Scope, Owner: e.Owner,
			Reason: string(e.Reason), Comment: e.Comment, UntilAt: pipeline.AuditTime(e.Until), ByName: e.By.Name, ByKnown: string(e.By.Known),
			ByRoles: roles, At: pipeline.AuditTime(e.At), AuditSeq: seq})
	})
}

// apart adds an event that is about no case.
func (t *tx) apart(ctx context.Context, event pipeline.AuditEvent) (int64, error) {
	if event.Case != nil {
		return 0, &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the event %q is about no case and names one", event.Kind)}
	}
	return t.append(ctx, event, "")
}

// EndException implements [pipeline.ExceptionBook].
func (db *DB) EndException(ctx context.Context, id uuid.UUID, at time.Time, by string, event pipeline.AuditEvent) (pipeline.Exception, error) {
	var out pipeline.Exception
	err := db.write(ctx, "end the exception", func(t *tx) error {
		was, err := exceptionByID(ctx, t.Queries, id)
		if err != nil {
			return err
		}
		if !was.Live(at) {
			return &pipeline.Error{Code: pipeline.CodeTransition, Message: fmt.Sprintf("exception %s has ended already", id)}
		}
		seq, err := t.apart(ctx, event)
		if err != nil {
			return err
		}
		if err := t.EndException(ctx, queries.EndExceptionParams{ID: id.String(), EndedAt: timeOf(&at), EndedBy: by, EndedSeq: &seq}); err != nil {
			return err
		}
		out, err = exceptionByID(ctx, t.Queries, id)
		return err
	})
	return out, err
}

// Note implements [pipeline.ExceptionBook].
func (db *DB) Note(ctx context.Context, mark string, event pipeline.AuditEvent) (noted bool, err error) {
	err = db.write(ctx, "note an event", func(t *tx) error {
		known, err := t.HasNote(ctx, mark)
		if err != nil || known > 0 {
			return err
		}
		seq, err := t.apart(ctx, event)
		if err != nil {
			return err
		}
		noted = true
		return t.InsertNote(ctx, mark, seq)
	})
	return noted && err == nil, err
}

// ExceptionByID implements [pipeline.ExceptionBook].
func (db *DB) ExceptionByID(ctx context.Context, id uuid.UUID) (pipeline.Exception, error) {
	var out pipeline.Exception
	err := db.read(ctx, "read the exception", func(r *queries.Queries, _ *sql.Tx) (err error) {
		out, err = exceptionByID(ctx, r, id)
		return err
	})
	return out, err
}

func exceptionByID(ctx context.Context, r *queries.Queries, id uuid.UUID) (pipeline.Exception, error) {
	row, err := r.ExceptionByID(ctx, id.String())
	if err != nil {
		return pipeline.Exception{}, missing(err, "there is no exception "+id.String())
	}
	return exceptionFrom(row)
}

// Exceptions implements [pipeline.ExceptionBook].
func (db *DB) Exceptions(ctx context.Context, filter pipeline.ExceptionFilter) (pipeline.PageOf[pipeline.Exception], error) {
	var find func(r *queries.Queries, most int64) ([]queries.Exception, error)
	var cursor func(e pipeline.Exception) string
	live, before := filterTime(filter.LiveAt), filterTime(filter.EndsBefore)
	switch filter.Order {
	case pipeline.ExceptionsNewest, "":
		id, err := idBefore(filter.Cursor)
		if err != nil {
			return pipeline.PageOf[pipeline.Exception]{}, err
		}
		cursor = func(e pipeline.Exception) string { return e.ID.String() }
		find = func(r *queries.Queries, most int64) ([]queries.Exception, error) {
			return r.NewestExceptions(ctx, queries.NewestExceptionsParams{Before: id, LiveAt: live, EndsBefore: before, Source: filter.Source, Most: most})
		}
	case pipeline.ExceptionsEnding:
		end, id, err := afterEnd(filter.Cursor)
		if err != nil {
			return pipeline.PageOf[pipeline.Exception]{}, err
		}
		cursor = func(e pipeline.Exception) string {
			if e.EndedAt != nil {
				return pipeline.AuditTime(*e.EndedAt) + "," + e.ID.String()
			}
			return pipeline.AuditTime(e.Until) + "," + e.ID.String()
		}
		find = func(r *queries.Queries, most int64) ([]queries.Exception, error) {
			return r.EndingExceptions(ctx, queries.EndingExceptionsParams{AfterEnd: &end, After: id, LiveAt: live, EndsBefore: before, Source: filter.Source, Most: most})
		}
	default:
		return pipeline.PageOf[pipeline.Exception]{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%.40q is no order of exceptions", string(filter.Order)), Hint: "name newest or ending"}
	}
	limit := pageLimit(filter.Limit)
	var page pipeline.PageOf[pipeline.Exception]
	err := db.read(ctx, "list the exceptions", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := find(r, int64(limit)+1)
		if err != nil {
			return err
		}
		page, err = pageOf(rows, limit, exceptionFrom, cursor)
		return err
	})
	return page, err
}

// afterEnd is where the page before ended in the order of ends: "END,ID".
func afterEnd(cursor string) (end, id string, err error) {
	if cursor == "" {
		return "", "", nil
	}
	end, id, _ = strings.Cut(cursor, ",")
	at, err := time.Parse(time.RFC3339Nano, end)
	if err != nil {
		return "", "", pipeline.WrongCursor()
	}
	is, err := uuid.Parse(id)
	if err != nil {
		return "", "", pipeline.WrongCursor()
	}
	return pipeline.AuditTime(at), is.String(), nil
}

// filterTime is how a query names a time, "" for none.
func filterTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return pipeline.AuditTime(t)
}

// RestingOn implements [pipeline.ExceptionBook]. Only votes of the present round count.
func (db *DB) RestingOn(ctx context.Context, id uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := db.read(ctx, "look for cases that rest on the exception", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.RestingOn(ctx, textOf(&id))
		if err != nil {
			return err
		}
		out, err = all(rows, uuid.Parse)
		return err
	})
	return out, err
}

// exceptions holds every exception against the events that grant and end it.
func (v *verifier) exceptions(ctx context.Context, r *queries.Queries) error {
	after, count, ended := "", int64(0), int64(0)
	for {
		rows, err := r.ExceptionEvents(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.Exception.ID
			e, err := exceptionFrom(row.Exception)
			over := e.EndedAt != nil
			e.EndedAt, e.EndedBy = nil, ""
			if err != nil || !grants(row.GrantedData, e) || over && !grants(row.EndedData, e) {
				return tampered(fmt.Sprintf("the exception %s is not as the audit log records it", row.Exception.ID))
			}
			count++
			if over {
				ended++
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	if count != v.granted || ended != v.ended {
		return tampered(fmt.Sprintf("the audit log grants %d exceptions and ends %d of them, and the database holds %d and %d", v.granted, v.ended, count, ended))
	}
	return nil
}

// grants reports whether an event names an exception as it is.
func grants(data *string, e pipeline.Exception) bool {
	is, err := pipeline.CanonicalJSON(e)
	return err == nil && data != nil && string(is) == string(readData([]byte(*data)).Exception)
}

func exceptionFrom(r queries.Exception) (pipeline.Exception, error) {
	var p parser
	e := pipeline.Exception{ID: p.id(r.ID), Pack: r.Pack, Rule: r.Rule, Scope: r.Scope, Owner: r.Owner, Reason: pipeline.ReasonCode(r.Reason),
		Comment: r.Comment, Until: p.time(r.UntilAt), By: pipeline.Actor{Name: r.ByName, Known: pipeline.Known(r.ByKnown), Roles: p.roles(r.ByRoles)},
		At: p.time(r.At), EndedAt: p.optionalTime(r.EndedAt), EndedBy: r.EndedBy}
	return e, p.err
}
