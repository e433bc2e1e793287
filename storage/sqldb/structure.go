package sqldb

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// know keeps what the structure of a case's model is known by, in place of what was
// kept before.
func (t *tx) know(ctx context.Context, c pipeline.Case, is pipeline.Structure) error {
	return t.PutStructure(ctx, c.ID.String(), is.Fingerprint, is.MatrixFingerprint)
}

// SameStructure implements [pipeline.StructureFinder].
func (db *DB) SameStructure(ctx context.Context, id uuid.UUID) ([]pipeline.StructureMatch, error) {
	var out []pipeline.StructureMatch
	err := db.read(ctx, "look for cases of the same structure", func(r *queries.Queries, _ *sql.Tx) error {
		if _, err := r.CaseByID(ctx, id.String()); err != nil {
			return noCase(err, id)
		}
		rows, err := r.SameStructure(ctx, id.String(), pipeline.MostSameStructure)
		if err != nil {
			return err
		}
		out, err = all(rows, matchFrom)
		return err
	})
	return out, err
}

func matchFrom(r queries.SameStructureRow) (pipeline.StructureMatch, error) {
	var p parser
	m := pipeline.StructureMatch{ID: p.id(r.ID), Source: r.Source, State: pipeline.State(r.State), Verdict: pipeline.Verdict(r.Verdict),
		Same: pipeline.LikeMatrices}
	if r.OwnPrint != nil && r.OtherPrint != nil && *r.OwnPrint == *r.OtherPrint {
		m.Same = pipeline.LikeStructure
	}
	return m, p.err
}
