package sqldb

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

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
