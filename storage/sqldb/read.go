package sqldb

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// Page sizes of the queue.
const (
	pageDefault = 50
	pageMax     = 200
)

// pageLimit is the size of a page that somebody asked for.
func pageLimit(asked int) int {
	if asked <= 0 {
		return pageDefault
	}
	return min(asked, pageMax)
}

// reportMax bounds the size of a stored report, in bytes of JSON.
const reportMax = 1 << 30

// Case implements [pipeline.CaseReader].
func (db *DB) Case(ctx context.Context, id uuid.UUID) (pipeline.Case, error) {
	var c pipeline.Case
	err := db.read(ctx, "read the case", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		c, err = caseFrom(row)
		return err
	})
	return c, err
}

// CaseIDs implements [pipeline.CaseWalker].
func (db *DB) CaseIDs(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := db.read(ctx, "list the cases", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.CaseIDsAfter(ctx, after.String(), int64(limit))
		if err != nil {
			return err
		}
		var p parser
		for _, id := range rows {
			out = append(out, p.id(id))
		}
		return p.err
	})
	return out, err
}

// History implements [pipeline.CaseReader].
func (db *DB) History(ctx context.Context, id uuid.UUID) (pipeline.CaseHistory, error) {
	var h pipeline.CaseHistory
	err := db.read(ctx, "read the case", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		if h.CaseFile, err = caseFile(ctx, r, row); err != nil {
			return err
		}
		events, err := r.AuditEventsOfCase(ctx, &row.ID)
		if err != nil {
			return err
		}
		h.Events, err = all(events, eventFrom)
		return err
	})
	return h, err
}

// Report implements [pipeline.CaseReader]. Values in the evidence of findings are
// [json.Number] where they are numbers. An error matches [pipeline.ErrTampered] where
// the stored report does not have its digest.
func (db *DB) Report(ctx context.Context, id uuid.UUID) (pipeline.Report, error) {
	var report pipeline.Report
	err := db.read(ctx, "read the report", func(r *queries.Queries, _ *sql.Tx) error {
		c, err := r.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		row, err := r.ReportOfCase(ctx, c.ID)
		if err != nil {
			return err
		}
		body, err := unpack(row.Body, reportMax, pipeline.Digest(c.Report))
		if err != nil {
			return err
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&report); err != nil {
			return fmt.Errorf("read the stored report: %w", err)
		}
		if err := json.Unmarshal([]byte(row.Cost), &report.Cost); err != nil {
			return fmt.Errorf("read the stored cost: %w", err)
		}
		report.Case = &pipeline.CaseRef{ID: id, State: pipeline.State(c.State)}
		return nil
	})
	return report, err
}

// Submission implements [pipeline.KeptReader].
func (db *DB) Submission(ctx context.Context, id uuid.UUID) (*pipeline.Submission, error) {
	var out *pipeline.Submission
	err := db.read(ctx, "read the submission", func(r *queries.Queries, _ *sql.Tx) error {
		c, err := r.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		if c.SubmissionDigest == "" {
			return nil
		}
		out, err = submissionByDigest(ctx, r, pipeline.Digest(c.SubmissionDigest))
		return err
	})
	return out, err
}

func submissionByDigest(ctx context.Context, r *queries.Queries, digest pipeline.Digest) (*pipeline.Submission, error) {
	body, err := r.SubmissionByDigest(ctx, string(digest))
	if err != nil {
		return nil, err
	}
	if pipeline.DigestBytes([]byte(body)) != digest {
		return nil, altered("the submission", digest)
	}
	out := new(pipeline.Submission)
	return out, json.Unmarshal([]byte(body), out)
}

// Kept implements [pipeline.KeptReader]. An error matches [pipeline.ErrTampered]
// where stored bytes do not have their digest.
func (db *DB) Kept(ctx context.Context, id uuid.UUID, each func(pipeline.Kept) error) error {
	return db.read(ctx, "read what was kept", func(r *queries.Queries, _ *sql.Tx) error {
		if _, err := r.CaseByID(ctx, id.String()); err != nil {
			return noCase(err, id)
		}
		rows, err := r.KeptOfCase(ctx, id.String())
		if err != nil {
			return err
		}
		for _, row := range rows {
			packed, err := r.BlobBytes(ctx, row.Digest)
			if err != nil {
				return err
			}
			if err := verifyBlob(packed, row.Size, pipeline.Digest(row.Digest)); err != nil {
				return err
			}
			if err := each(pipeline.Kept{Path: string(row.Path), Size: row.Size, Digest: pipeline.Digest(row.Digest), Gzip: packed}); err != nil {
				return err
			}
		}
		return nil
	})
}

// KeptObject implements [pipeline.KeptReader]. An error matches [pipeline.ErrTampered]
// where stored bytes do not have their digest.
func (db *DB) KeptObject(ctx context.Context, id uuid.UUID, path string) (pipeline.Kept, error) {
	var k pipeline.Kept
	err := db.read(ctx, "read what was kept", func(r *queries.Queries, _ *sql.Tx) error {
		if _, err := r.CaseByID(ctx, id.String()); err != nil {
			return noCase(err, id)
		}
		row, err := r.KeptObject(ctx, id.String(), []byte(path))
		if err != nil {
			return missing(err, fmt.Sprintf("nothing that was read of %.200q is kept", path))
		}
		if err := verifyBlob(row.Gzip, row.Size, pipeline.Digest(row.Digest)); err != nil {
			return err
		}
		k = pipeline.Kept{Path: path, Size: row.Size, Digest: pipeline.Digest(row.Digest), Gzip: row.Gzip}
		return nil
	})
	return k, err
}

// unpack returns compressed bytes that have the digest and are at most limit long.
func unpack(packed []byte, limit int64, digest pipeline.Digest) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, altered("a report", digest)
	}
	body, err := io.ReadAll(io.LimitReader(z, limit))
	if err != nil || pipeline.DigestBytes(body) != digest {
		return nil, altered("a report", digest)
	}
	return body, nil
}

// verifyBlob checks compressed bytes without keeping them.
func verifyBlob(packed []byte, size int64, digest pipeline.Digest) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return altered("a text that was read", digest)
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(z, size+1))
	if err != nil || n != size || pipeline.DigestOf(h.Sum(nil)) != digest {
		return altered("a text that was read", digest)
	}
	return nil
}

func altered(what string, digest pipeline.Digest) error {
	return &pipeline.Error{Code: pipeline.CodeTampered, Message: fmt.Sprintf("%s in the database does not have its digest %s", what, digest),
		Hint: "compare the database with a backup"}
}

// caseColumns are the columns of a case in the order of scanCase.
const caseColumns = `id, source, pin_digest, header_digest, content_digest, submission_digest, state, verdict, quorum,
	params_lower, params_estimate, params_upper, bytes, family, fingerprint, submitter, submitter_known, claimant, claimant_known,
	assignee, version, round, report, created_at, updated_at, due_at, settled_at, expires_at, superseded_by, offices,
	overdue_at, body_digest, cause`

func scanCase(rows *sql.Rows) (pipeline.Case, error) {
	var r queries.Case
	if err := rows.Scan(&r.ID, &r.Source, &r.PinDigest, &r.HeaderDigest, &r.ContentDigest, &r.SubmissionDigest, &r.State, &r.Verdict, &r.Quorum,
		&r.ParamsLower, &r.ParamsEstimate, &r.ParamsUpper, &r.Bytes, &r.Family, &r.Fingerprint, &r.Submitter, &r.SubmitterKnown,
		&r.Claimant, &r.ClaimantKnown, &r.Assignee, &r.Version, &r.Round, &r.Report, &r.CreatedAt, &r.UpdatedAt, &r.DueAt,
		&r.SettledAt, &r.ExpiresAt, &r.SupersededBy, &r.Offices,
		&r.OverdueAt, &r.BodyDigest, &r.Cause); err != nil {
		return pipeline.Case{}, err
	}
	return caseFrom(r)
}

// Cases implements [pipeline.CaseReader]. An error matches [pipeline.ErrUsage] where
// the cursor is none that a page gave. Letter case is ignored in A to Z only.
func (db *DB) Cases(ctx context.Context, filter pipeline.CaseFilter) (pipeline.CasePage, error) {
	limit := pageLimit(filter.Limit)
	where, args, err := conditions(filter)
	if err != nil {
		return pipeline.CasePage{}, err
	}
	query := "SELECT " + caseColumns + " FROM cases" + where + " ORDER BY id DESC LIMIT " + strconv.Itoa(limit+1) //nolint:gosec // fixed texts with placeholders, and a number
	page := pipeline.CasePage{Items: []pipeline.Case{}}
	err = db.read(ctx, "list the cases", func(_ *queries.Queries, t *sql.Tx) (err error) {
		rows, err := t.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			c, err := scanCase(rows)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, c)
		}
		return rows.Err()
	})
	if err == nil && len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = page.Items[limit-1].ID.String()
	}
	return page, err
}

// conditions writes the filter as SQL. Every value is an argument.
func conditions(f pipeline.CaseFilter) (where string, args []any, err error) {
	var terms []string
	arg := func(value any) string {
		args = append(args, value)
		return "?" + strconv.Itoa(len(args))
	}
	equal := func(column, value string) {
		if value != "" {
			terms = append(terms, column+" = "+arg(value))
		}
	}
	if len(f.States) > 0 {
		terms = append(terms, "state IN ("+arguments(f.States, arg)+")")
	}
	if len(f.Verdicts) > 0 {
		terms = append(terms, "verdict IN ("+arguments(f.Verdicts, arg)+")")
	}
	equal("source", f.Source)
	equal("family", f.Family)
	equal("submitter", f.Submitter)
	equal("fingerprint", f.Fingerprint)
	equal("content_digest", string(f.Content))
	if f.Text != "" {
		pattern := arg("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(lowerASCII(f.Text)) + "%")
		terms = append(terms, fmt.Sprintf(`(lower(source) LIKE %[1]s ESCAPE '\' OR lower(family) LIKE %[1]s ESCAPE '\' OR lower(submitter) LIKE %[1]s ESCAPE '\')`, pattern))
	}
	if f.Cursor != "" {
		id, err := uuid.Parse(f.Cursor)
		if err != nil {
			return "", nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the cursor is none that a page gave", Hint: "start again from the first page"}
		}
		terms = append(terms, "id < "+arg(id.String()))
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

func arguments[T ~string](values []T, arg func(any) string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = arg(string(v))
	}
	return strings.Join(out, ", ")
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
