package sqldb

import (
	"context"
	"encoding/json"
	"fmt"

	"weighbridge/storage/sqldb/internal/queries"
)

// said holds what people wrote and attached against the events that record it. What was
// carried over is held against what it was carried from.
func (v *verifier) said(ctx context.Context, r *queries.Queries) error {
	if err := saidComments(ctx, r); err != nil {
		return err
	}
	if err := saidExhibits(ctx, r); err != nil {
		return err
	}
	comments, err := r.CountComments(ctx)
	if err != nil {
		return err
	}
	exhibits, err := r.CountExhibits(ctx)
	if err != nil {
		return err
	}
	if comments != v.comments || exhibits != v.exhibits {
		return tampered(fmt.Sprintf("the audit log records %d comments and %d evidence files, and the database holds %d and %d", v.comments, v.exhibits, comments, exhibits))
	}
	return nil
}

func saidComments(ctx context.Context, r *queries.Queries) error {
	for after := ""; ; {
		rows, err := r.CommentEvents(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c := row.Comment
			after = c.ID
			var is struct {
				Comment, Text string
			}
			if !recorded(row.EventData, &is) || is.Comment != c.ID || is.Text != c.Text ||
				!saidBy(row.EventActor, row.EventKnown, row.EventAt, c.Actor, c.ActorKnown, c.At) {
				return notAsSaid("a comment", c.CaseID)
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	return ofNobody(ctx, "a comment", r.CommentsOfNobody)
}

func saidExhibits(ctx context.Context, r *queries.Queries) error {
	for after := ""; ; {
		rows, err := r.ExhibitEvents(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			e := row.Exhibit
			after = e.ID
			var is struct {
				Exhibit, Name, Digest string
				MediaType             string `json:"media_type"`
				Size                  int64
			}
			if !recorded(row.EventData, &is) || is.Exhibit != e.ID || is.Name != e.Name || is.Digest != e.Digest || is.MediaType != e.MediaType || is.Size != e.Size ||
				!saidBy(row.EventActor, row.EventKnown, row.EventAt, e.Actor, e.ActorKnown, e.At) {
				return notAsSaid("an evidence file", e.CaseID)
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	return ofNobody(ctx, "an evidence file", r.ExhibitsOfNobody)
}

// recorded reads an event's data into out.
func recorded(data *string, out any) bool {
	return data != nil && json.Unmarshal([]byte(*data), out) == nil
}

// saidBy compares who said something, and when, with the event.
func saidBy(eventActor, eventKnown, eventAt *string, actor, known, at string) bool {
	return eventActor != nil && *eventActor == actor && eventKnown != nil && *eventKnown == known && eventAt != nil && *eventAt == at
}

// ofNobody finds what was carried over from where nobody said it.
func ofNobody(ctx context.Context, what string, find func(context.Context) ([]string, error)) error {
	cases, err := find(ctx)
	if err == nil && len(cases) > 0 {
		err = notAsSaid(what, cases[0])
	}
	return err
}

func notAsSaid(what, caseID string) error {
	return tampered(fmt.Sprintf("%s of case %s is not as the audit log records it", what, caseID))
}

// brought is what an event says was carried over.
type brought struct{ Comments, Exhibits int64 }

// readBrought reads it; what cannot be read says nothing.
func readBrought(text json.RawMessage) brought {
	var b brought
	if json.Unmarshal(text, &b) != nil {
		return brought{}
	}
	return b
}
