package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// enlist puts the model of a case on record, in place of what was there before.
func enlist(ctx context.Context, q *queries.Queries, id string, m pipeline.KnownModel) error {
	bases, err := json.Marshal(m.Bases)
	if err != nil {
		return fmt.Errorf("write the bases: %w", err)
	}
	put := queries.PutModelParams{CaseID: id, ModelID: m.ID, License: m.License, Bases: string(bases)}
	if key := pipeline.ModelKey(m.ID); key != "" {
		put.ModelKey = &key
	}
	if m.Stated {
		put.Stated = 1
	}
	return q.PutModel(ctx, put)
}

// ModelsNamed implements [pipeline.Inventory].
func (db *DB) ModelsNamed(ctx context.Context, ids []string, apart string) (map[string]pipeline.KnownModel, error) {
	if len(ids) > pipeline.MostModelsAsked {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("%d models are asked for at once; at most %d are looked up", len(ids), pipeline.MostModelsAsked)}
	}
	out := map[string]pipeline.KnownModel{}
	err := db.read(ctx, "look for models on record", func(r *queries.Queries, _ *sql.Tx) error {
		for _, id := range ids {
			key := pipeline.ModelKey(id)
			if _, done := out[key]; done || key == "" {
				continue
			}
			row, err := r.ModelNamed(ctx, &key, apart)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if out[key], err = modelFrom(row); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// ModelsBuilt implements [pipeline.Inventory].
func (db *DB) ModelsBuilt(ctx context.Context, is pipeline.Structure, apart string) ([]pipeline.KnownModel, error) {
	out := []pipeline.KnownModel{}
	err := db.read(ctx, "look for models of the same structure", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.ModelsBuilt(ctx, queries.ModelsBuiltParams{Fingerprint: is.Fingerprint, MatrixFingerprint: is.MatrixFingerprint,
			Apart: apart, Most: pipeline.MostSameStructure})
		if err != nil {
			return err
		}
		for _, row := range rows {
			m, err := modelFrom(queries.ModelNamedRow{ID: row.ID, Source: row.Source, State: row.State, ModelID: row.ModelID,
				Stated: row.Stated, License: row.License, Bases: row.Bases})
			if err != nil {
				return err
			}
			m.Same = pipeline.LikeMatrices
			if is.Fingerprint != nil && row.Print != nil && *is.Fingerprint == *row.Print {
				m.Same = pipeline.LikeStructure
			}
			out = append(out, m)
		}
		return nil
	})
	return out, err
}

func modelFrom(r queries.ModelNamedRow) (pipeline.KnownModel, error) {
	var p parser
	m := pipeline.KnownModel{ID: r.ModelID, Stated: r.Stated != 0, Source: r.Source, Case: p.id(r.ID), State: pipeline.State(r.State), License: r.License}
	p.fail(r.Bases, json.Unmarshal([]byte(r.Bases), &m.Bases))
	return m, p.err
}

// enlistStored is the migration that puts the models of earlier cases on record. Their
// reports are compressed, where SQL cannot read them. A report that does not have its
// digest puts nothing on record: the audit tells of it.
func enlistStored(version int64) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, t *sql.Tx) error {
		q := queries.New(t)
		after := ""
		for {
			// One at a time: a report may be large.
			rows, err := q.StoredReports(ctx, after, 1)
			if err != nil || len(rows) == 0 {
				return err
			}
			after = rows[0].ID
			body, err := unpack(rows[0].Body, reportMax, pipeline.Digest(rows[0].Report))
			if err != nil {
				continue
			}
			var report pipeline.Report
			if err := json.Unmarshal(body, &report); err != nil {
				continue
			}
			if err := enlist(ctx, q, after, pipeline.KnownModelOf(&report)); err != nil {
				return err
			}
		}
	}}, nil)
}
