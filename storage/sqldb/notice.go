package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// NoticeCursor implements [pipeline.NoticeBook].
func (db *DB) NoticeCursor(ctx context.Context, hook string) (seq int64, known bool, err error) {
	err = db.read(ctx, "read how far notices are", func(r *queries.Queries, _ *sql.Tx) error {
		seq, known, err = cursorOf(ctx, r, hook)
		return err
	})
	return seq, known, err
}

func cursorOf(ctx context.Context, r *queries.Queries, hook string) (seq int64, known bool, err error) {
	seq, err = r.NoticeCursor(ctx, hook)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, err
}

// AddDeliveries implements [pipeline.NoticeBook]. The cursor of a new receiver stands at 0.
func (db *DB) AddDeliveries(ctx context.Context, hook string, from, to int64, new []pipeline.Delivery) error {
	return db.write(ctx, "keep the notices", func(t *tx) error {
		at, _, err := cursorOf(ctx, t.Queries, hook)
		if err != nil {
			return err
		}
		if at != from || to < from {
			return &pipeline.Error{Code: pipeline.CodeConflict, Message: fmt.Sprintf("notices to %q stand at event %d, not at %d", hook, at, from)}
		}
		if err := t.PutNoticeCursor(ctx, hook, to); err != nil {
			return err
		}
		for _, d := range new {
			if d.Hook != hook || d.Seq <= from || d.Seq > to {
				return &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("a notice to %q of event %d is not among those from %d to %d", d.Hook, d.Seq, from, to)}
			}
			if err := t.InsertDelivery(ctx, queries.InsertDeliveryParams{ID: d.ID.String(), Hook: d.Hook, Seq: d.Seq, Kind: string(d.Kind),
				Body: bytesOf(d.Body), State: string(d.State), Attempts: int64(d.Attempts), NextAt: pipeline.AuditTime(d.NextAt),
				LastAt: timeOf(d.LastAt), LastError: d.LastError, CreatedAt: pipeline.AuditTime(d.CreatedAt)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// DueDeliveries implements [pipeline.NoticeBook].
func (db *DB) DueDeliveries(ctx context.Context, at time.Time, limit int) ([]pipeline.Delivery, error) {
	var out []pipeline.Delivery
	err := db.read(ctx, "look for notices that are due", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.DueDeliveries(ctx, pipeline.AuditTime(at), int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, deliveryFrom)
		return err
	})
	return out, err
}

// Deliveries implements [pipeline.NoticeBook].
func (db *DB) Deliveries(ctx context.Context, filter pipeline.DeliveryFilter) (pipeline.PageOf[pipeline.Delivery], error) {
	limit := pageLimit(filter.Limit)
	most := int64(limit) + 1
	var page pipeline.PageOf[pipeline.Delivery]
	before, err := idBefore(filter.Cursor)
	if err != nil {
		return page, err
	}
	err = db.read(ctx, "list the notices", func(r *queries.Queries, _ *sql.Tx) error {
		var rows []queries.Delivery
		var err error
		if filter.State == "" {
			rows, err = r.NewestDeliveries(ctx, before, most)
		} else {
			rows, err = r.NewestDeliveriesIn(ctx, string(filter.State), before, most)
		}
		if err != nil {
			return err
		}
		page, err = pageOf(rows, limit, deliveryFrom, func(d pipeline.Delivery) string { return d.ID.String() })
		return err
	})
	return page, err
}

// DeliveryByID implements [pipeline.NoticeBook].
func (db *DB) DeliveryByID(ctx context.Context, id uuid.UUID) (pipeline.Delivery, error) {
	var out pipeline.Delivery
	err := db.read(ctx, "read the notice", func(r *queries.Queries, _ *sql.Tx) error {
		row, err := r.DeliveryByID(ctx, id.String())
		if err != nil {
			return noNotice(err, id)
		}
		out, err = deliveryFrom(row)
		return err
	})
	return out, err
}

// NoteDelivery implements [pipeline.NoticeBook]. It returns an error that matches
// [pipeline.ErrNotFound] where there is no such delivery.
func (db *DB) NoteDelivery(ctx context.Context, d pipeline.Delivery) error {
	return db.write(ctx, "note the delivery", func(t *tx) error {
		changed, err := t.NoteDelivery(ctx, queries.NoteDeliveryParams{State: string(d.State), Attempts: int64(d.Attempts),
			NextAt: pipeline.AuditTime(d.NextAt), LastAt: timeOf(d.LastAt), LastError: d.LastError, ID: d.ID.String()})
		if err == nil && changed == 0 {
			return noNotice(sql.ErrNoRows, d.ID)
		}
		return err
	})
}

func noNotice(err error, id uuid.UUID) error { return missing(err, "there is no notice "+id.String()) }

func deliveryFrom(r queries.Delivery) (pipeline.Delivery, error) {
	var p parser
	d := pipeline.Delivery{ID: p.id(r.ID), Hook: r.Hook, Seq: r.Seq, Kind: pipeline.NoticeKind(r.Kind), Body: r.Body, State: pipeline.DeliveryState(r.State),
		Attempts: int(r.Attempts), NextAt: p.time(r.NextAt), LastAt: p.optionalTime(r.LastAt), LastError: r.LastError, CreatedAt: p.time(r.CreatedAt)}
	return d, p.err
}
