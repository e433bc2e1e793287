package sqldb

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// attach keeps an evidence file with its bytes. Bytes that are there already are not
// written again.
func (t *tx) attach(ctx context.Context, e *pipeline.ExhibitFile) error {
	if err := t.holdExhibit(ctx, e); err != nil {
		return err
	}
	return t.InsertExhibit(ctx, queries.InsertExhibitParams{ID: e.ID.String(), CaseID: e.Case.String(), Name: e.Name, MediaType: e.MediaType,
		Size: e.Size, Digest: string(e.Digest), Actor: e.Actor.Name, ActorKnown: string(e.Actor.Known), At: pipeline.AuditTime(e.At),
		CarriedFrom: textOf(e.CarriedFrom)})
}

// holdExhibit makes sure that the bytes of an evidence file are there.
func (t *tx) holdExhibit(ctx context.Context, e *pipeline.ExhibitFile) error {
	size, err := t.BlobSize(ctx, string(e.Digest))
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	switch {
	case e.Size > pipeline.ExhibitMax:
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("an evidence file may have %d bytes at most", int64(pipeline.ExhibitMax))}
	case known && size == e.Size:
		return nil
	case e.Body == nil && !known:
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the bytes of the evidence file %s are not there", e.Digest)}
	case int64(len(e.Body)) != e.Size || pipeline.DigestBytes(e.Body) != e.Digest:
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the evidence file does not have its size and digest"}
	}
	packed, err := pack(e.Body)
	if err != nil {
		return fmt.Errorf("compress the evidence file: %w", err)
	}
	return t.InsertBlob(ctx, string(e.Digest), e.Size, packed)
}

// pack compresses bytes.
func pack(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(body)
	err = errors.Join(err, z.Close())
	return packed.Bytes(), err
}

// Exhibits implements [pipeline.ExhibitReader].
func (db *DB) Exhibits(ctx context.Context, id uuid.UUID) ([]pipeline.Exhibit, error) {
	var out []pipeline.Exhibit
	err := db.read(ctx, "list the evidence files", func(r *queries.Queries, _ *sql.Tx) error {
		if _, err := r.CaseByID(ctx, id.String()); err != nil {
			return noCase(err, id)
		}
		rows, err := r.ExhibitsOfCase(ctx, id.String())
		if err != nil {
			return err
		}
		out, err = all(rows, exhibitFrom)
		return err
	})
	return out, err
}

// ExhibitBody implements [pipeline.ExhibitReader].
func (db *DB) ExhibitBody(ctx context.Context, id uuid.UUID) (pipeline.Exhibit, []byte, error) {
	var e pipeline.Exhibit
	var body []byte
	err := db.read(ctx, "read the evidence file", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.ExhibitByID(ctx, id.String())
		if err != nil {
			return missing(err, "there is no evidence file "+id.String())
		}
		if e, err = exhibitFrom(row); err != nil {
			return err
		}
		packed, err := r.BlobBytes(ctx, row.Digest)
		if err != nil {
			return err
		}
		if body, err = unpack(packed, pipeline.ExhibitMax+1, e.Digest); err != nil {
			return altered("an evidence file", e.Digest)
		}
		return nil
	})
	if err != nil {
		return pipeline.Exhibit{}, nil, err
	}
	return e, body, nil
}

func exhibitFrom(r queries.Exhibit) (pipeline.Exhibit, error) {
	var p parser
	e := pipeline.Exhibit{ID: p.id(r.ID), Case: p.id(r.CaseID), Name: r.Name, MediaType: r.MediaType, Size: r.Size, Digest: pipeline.Digest(r.Digest),
		Actor: pipeline.Actor{Name: r.Actor, Known: pipeline.Known(r.ActorKnown)}, At: p.time(r.At), CarriedFrom: p.optionalID(r.CarriedFrom)}
	return e, p.err
}
