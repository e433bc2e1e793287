package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// AddCheck implements [pipeline.CheckBook]. It returns an error that matches
// [pipeline.ErrInvalid] where the check does not name the submission that comes along.
func (db *DB) AddCheck(ctx context.Context, c pipeline.Check, submission *pipeline.Submission) error {
	row, err := checkRow(c)
	if err != nil {
		return err
	}
	if pipeline.Digest(row.SubmissionDigest) != pipeline.SubmissionDigest(submission) {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the check does not name the submission that comes along with it"}
	}
	return db.write(ctx, "keep the check", func(t *tx) error {
		if submission != nil {
			if err := t.InsertSubmission(ctx, row.SubmissionDigest, string(pipeline.SubmissionBody(submission))); err != nil {
				return err
			}
		}
		return t.InsertCheck(ctx, row)
	})
}

// CheckByID implements [pipeline.CheckBook].
func (db *DB) CheckByID(ctx context.Context, id uuid.UUID) (pipeline.Check, error) {
	var c pipeline.Check
	err := db.read(ctx, "read the check", func(r *queries.Queries, _ *sql.Tx) (err error) {
		c, err = checkByID(ctx, r, id)
		return err
	})
	return c, err
}

func checkByID(ctx context.Context, r *queries.Queries, id uuid.UUID) (pipeline.Check, error) {
	row, err := r.CheckByID(ctx, id.String())
	if err != nil {
		return pipeline.Check{}, missing(err, "there is no check "+id.String())
	}
	return checkFrom(row)
}

// CheckSubmission implements [pipeline.CheckBook].
func (db *DB) CheckSubmission(ctx context.Context, id uuid.UUID) (*pipeline.Submission, error) {
	var out *pipeline.Submission
	err := db.read(ctx, "read the submission", func(r *queries.Queries, _ *sql.Tx) error {
		c, err := checkByID(ctx, r, id)
		if err != nil || c.SubmissionDigest == nil {
			return err
		}
		out, err = submissionByDigest(ctx, r, *c.SubmissionDigest)
		return err
	})
	return out, err
}

// Checks implements [pipeline.CheckBook].
func (db *DB) Checks(ctx context.Context, filter pipeline.CheckFilter) (pipeline.PageOf[pipeline.Check], error) {
	limit := pageLimit(filter.Limit)
	most := int64(limit) + 1
	by := pipeline.Actor{Name: filter.By}.Key()
	var page pipeline.PageOf[pipeline.Check]
	before, err := idBefore(filter.Cursor)
	if err != nil {
		return page, err
	}
	err = db.read(ctx, "list the checks", func(r *queries.Queries, _ *sql.Tx) error {
		var rows []queries.Check
		var err error
		switch {
		case filter.Link != nil:
			rows, err = r.NewestChecksThrough(ctx, textOf(filter.Link), before, most)
		case filter.Active && by != "":
			rows, err = r.ActiveChecksBy(ctx, by, before, most)
		case filter.Active:
			rows, err = r.ActiveChecks(ctx, before, most)
		case by != "":
			rows, err = r.NewestChecksBy(ctx, by, before, most)
		default:
			rows, err = r.NewestChecks(ctx, before, most)
		}
		if err != nil {
			return err
		}
		page, err = pageOf(rows, limit, checkFrom, func(c pipeline.Check) string { return c.ID.String() })
		return err
	})
	return page, err
}

// StartCheck implements [pipeline.CheckBook]. It returns an error that matches
// [pipeline.ErrNotFound] where there is no such check.
func (db *DB) StartCheck(ctx context.Context, id uuid.UUID, worker string, at, lease time.Time) (c pipeline.Check, ok bool, err error) {
	err = db.write(ctx, "start the check", func(t *tx) error {
		changed, err := t.StartCheck(ctx, queries.StartCheckParams{At: timeOf(&at), Worker: &worker, Lease: timeOf(&lease), ID: id.String()})
		if err != nil {
			return err
		}
		ok = changed > 0
		c, err = checkByID(ctx, t.Queries, id)
		return err
	})
	if err != nil {
		return pipeline.Check{}, false, err
	}
	return c, ok, nil
}

// MoveCheck implements [pipeline.CheckBook].
func (db *DB) MoveCheck(ctx context.Context, id uuid.UUID, worker string, p pipeline.CheckProgress, lease time.Time) (ok bool, err error) {
	err = db.write(ctx, "note the progress of the check", func(t *tx) error {
		changed, err := t.MoveCheck(ctx, queries.MoveCheckParams{Objects: p.Objects, Inspected: p.Inspected, Bytes: p.Bytes, Hashed: p.Hashed,
			Lease: timeOf(&lease), ID: id.String(), Worker: &worker})
		ok = changed > 0
		return err
	})
	return ok && err == nil, err
}

// EndCheck implements [pipeline.CheckBook]. It returns an error that matches
// [pipeline.ErrNotFound] where there is no such check, and [pipeline.ErrInvalid] where the
// outcome is not one of a case and a failure.
func (db *DB) EndCheck(ctx context.Context, id uuid.UUID, outcome pipeline.CheckOutcome) error {
	if (outcome.Case == nil) == (outcome.Failure == nil) {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "a check ends with a case, or with a failure"}
	}
	end := queries.EndCheckParams{State: string(pipeline.CheckDone), CaseID: textOf(outcome.Case), Verdict: string(outcome.Verdict), At: timeOf(&outcome.At), ID: id.String()}
	if outcome.Failure != nil {
		text, err := json.Marshal(outcome.Failure)
		if err != nil {
			return fmt.Errorf("write the failure: %w", err)
		}
		end.State, end.Failure = string(pipeline.CheckFailed), string(text)
	}
	return db.write(ctx, "end the check", func(t *tx) error {
		if _, err := checkByID(ctx, t.Queries, id); err != nil {
			return err
		}
		_, err := t.EndCheck(ctx, end)
		return err
	})
}

// StaleChecks implements [pipeline.CheckBook]. The oldest comes first.
func (db *DB) StaleChecks(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := db.read(ctx, "look for checks that nobody works on", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.StaleChecks(ctx, timeOf(&at), int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, uuid.Parse)
		return err
	})
	return out, err
}

func checkRow(c pipeline.Check) (queries.InsertCheckParams, error) {
	packs, err := json.Marshal(c.Packs)
	if err != nil {
		return queries.InsertCheckParams{}, fmt.Errorf("write the packs: %w", err)
	}
	roles, err := rolesText(c.By.Roles)
	if err != nil {
		return queries.InsertCheckParams{}, err
	}
	row := queries.InsertCheckParams{ID: c.ID.String(), Source: c.Source, Packs: string(packs), Replaces: textOf(c.Replaces), LinkID: textOf(c.Link),
		ByName: c.By.Name, ByKey: c.By.Key(), ByKnown: string(c.By.Known), ByRoles: roles, State: string(pipeline.CheckQueued),
		CreatedAt: pipeline.AuditTime(c.CreatedAt)}
	if c.SubmissionDigest != nil {
		row.SubmissionDigest = string(*c.SubmissionDigest)
	}
	if c.Hash {
		row.Hash = 1
	}
	return row, nil
}

func checkFrom(r queries.Check) (pipeline.Check, error) {
	var p parser
	c := pipeline.Check{ID: p.id(r.ID), Source: r.Source, Hash: r.Hash != 0, Replaces: p.optionalID(r.Replaces), Link: p.optionalID(r.LinkID),
		By:    pipeline.Actor{Name: r.ByName, Known: pipeline.Known(r.ByKnown), Roles: p.roles(r.ByRoles)},
		State: pipeline.CheckState(r.State), Attempt: int(r.Attempt), Objects: r.Objects, Inspected: r.Inspected, Bytes: r.Bytes, Hashed: r.Hashed,
		Case: p.optionalID(r.CaseID), Verdict: pipeline.Verdict(r.Verdict), CreatedAt: p.time(r.CreatedAt), StartedAt: p.optionalTime(r.StartedAt),
		EndedAt: p.optionalTime(r.EndedAt), LeaseUntil: p.optionalTime(r.LeaseUntil)}
	p.fail(r.Packs, json.Unmarshal([]byte(r.Packs), &c.Packs))
	if r.SubmissionDigest != "" {
		c.SubmissionDigest = (*pipeline.Digest)(&r.SubmissionDigest)
	}
	if r.Failure != "" {
		p.fail(r.Failure, json.Unmarshal([]byte(r.Failure), &c.Failure))
	}
	return c, p.err
}
