package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pressly/goose/v3"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// neverDue is how a case without a due date is ordered: after all that have one.
const neverDue = "9999-12-31T23:59:59.999999Z"

// sorting is what a case is found and ordered by in pages of the queue.
type sorting struct {
	claimant, assignee, due string
	// waitsFor is "" for anybody, nil where nobody can take the case without taking it
	// over.
	waitsFor *string
}

func sortedBy(c pipeline.Case) sorting {
	by := sorting{due: neverDue}
	if c.Claimant != nil {
		by.claimant = c.Claimant.Key()
	}
	if c.Assignee != nil {
		by.assignee = pipeline.Actor{Name: *c.Assignee}.Key()
	}
	if c.DueAt != nil {
		by.due = pipeline.AuditTime(*c.DueAt)
	}
	switch {
	case by.claimant == "":
		by.waitsFor = &by.assignee
	case by.assignee == "" || by.assignee == by.claimant:
		by.waitsFor = &by.claimant
	}
	return by
}

// dayOf is the day that an event counts for.
func dayOf(t time.Time) string { return pipeline.AuditTime(t)[:len(time.DateOnly)] }

// recount moves a case from the count that it is in to the one that it belongs to.
func (t *tx) recount(ctx context.Context, c pipeline.Case) error {
	was, err := t.CaseStanding(ctx, c.ID.String())
	if errors.Is(err, sql.ErrNoRows) || (err == nil && was.State == string(c.State) && was.Verdict == string(c.Verdict)) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.AddToCaseCount(ctx, was.State, was.Verdict, -1); err != nil {
		return err
	}
	return t.AddToCaseCount(ctx, string(c.State), string(c.Verdict), 1)
}

// Counts implements [pipeline.QueueCounter]. States and verdicts without a case are left
// out.
func (db *DB) Counts(ctx context.Context) (pipeline.CaseCounts, error) {
	out := pipeline.CaseCounts{}
	err := db.read(ctx, "count the cases", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.CaseCounts(ctx)
		for _, row := range rows {
			state := pipeline.State(row.State)
			if out[state] == nil {
				out[state] = map[pipeline.Verdict]int64{}
			}
			out[state][pipeline.Verdict(row.Verdict)] = row.Count
		}
		return err
	})
	return out, err
}

// Days implements [pipeline.QueueCounter], in order of day, kind and verdict. It returns
// an error that matches [pipeline.ErrUsage] where one of the days is none.
func (db *DB) Days(ctx context.Context, from, to string) ([]pipeline.DayCount, error) {
	for _, day := range []string{from, to} {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "a day is written as YYYY-MM-DD"}
		}
	}
	out := []pipeline.DayCount{}
	err := db.read(ctx, "count the days", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.DayCounts(ctx, from, to)
		for _, row := range rows {
			out = append(out, pipeline.DayCount{Day: row.Day, Kind: pipeline.EventKind(row.Kind), Verdict: pipeline.Verdict(row.Verdict), Count: row.Count})
		}
		return err
	})
	return out, err
}

// Causes implements [pipeline.QueueCounter].
func (db *DB) Causes(ctx context.Context, limit int) ([]pipeline.CauseCount, error) {
	out := []pipeline.CauseCount{}
	err := db.read(ctx, "count the causes", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.CauseCounts(ctx, int64(limit))
		for _, row := range rows {
			out = append(out, pipeline.CauseCount{Cause: row.Cause, Count: row.Count})
		}
		return err
	})
	return out, err
}

// sortStored is the migration that fills in what earlier cases are found and ordered by.
// Names are folded as [pipeline.Actor.Key] folds them, which SQL cannot.
func sortStored(version int64) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, t *sql.Tx) error {
		for after := ""; ; {
			cases, err := storedNames(ctx, t, after)
			if err != nil || len(cases) == 0 {
				return err
			}
			for _, c := range cases {
				after = c.id
				if _, err := t.ExecContext(ctx, `UPDATE cases SET submitter_key = ?2, claimant_key = ?3, assignee_key = ?4, waits_for = ?5, due_order = ?6
					WHERE id = ?1`, c.id, c.submitter, c.by.claimant, c.by.assignee, c.by.waitsFor, c.by.due); err != nil {
					return err
				}
			}
		}
	}}, nil)
}

// named is a stored case with what it is to be found by.
type named struct {
	id, submitter string
	by            sorting
}

// storedNames reads the next cases after an id.
func storedNames(ctx context.Context, t *sql.Tx, after string) (out []named, err error) {
	rows, err := t.QueryContext(ctx, "SELECT id, submitter, claimant, assignee, due_at FROM cases WHERE id > ?1 ORDER BY id LIMIT 1000", after)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, submitter string
		var claimant, assignee, due *string
		if err := rows.Scan(&id, &submitter, &claimant, &assignee, &due); err != nil {
			return nil, err
		}
		c := pipeline.Case{Assignee: assignee}
		if claimant != nil {
			c.Claimant = &pipeline.Actor{Name: *claimant}
		}
		n := named{id: id, submitter: pipeline.Actor{Name: submitter}.Key(), by: sortedBy(c)}
		if due != nil {
			n.by.due = *due
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
