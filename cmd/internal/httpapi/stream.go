package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weighbridge/pipeline"
)

// linesMedia is the media type of JSON Lines (jsonlines.org).
const linesMedia = "application/jsonl"

// streamPage is how many lines are read and sent at a time.
const streamPage = 200

// stream sends lines page by page. next returns the page after the one before, and none
// after the last. The first page is read before anything is sent, so that a fault of it is
// an ordinary problem; a later one cuts the connection. It stops when the client goes, or
// takes a page too slowly.
func (a *api) stream(ctx context.Context, name string, next func(context.Context) ([][]byte, error)) (*huma.StreamResponse, error) {
	page, err := next(ctx)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		control := http.NewResponseController(w)
		// A deadline for reading the request would end a long answer.
		_ = control.SetReadDeadline(time.Time{})
		w.Header().Set("Content-Type", linesMedia)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		w.WriteHeader(http.StatusOK)
		for len(page) > 0 {
			_ = control.SetWriteDeadline(time.Now().Add(a.o.PageTime))
			if _, err := w.Write(bytes.Join(page, nil)); err != nil {
				return
			}
			if err := control.Flush(); err != nil || ctx.Err() != nil {
				return
			}
			if page, err = next(ctx); err != nil {
				if ctx.Err() == nil {
					a.o.Logger.Error("a stream broke off", "id", requestID(ctx), "error", err)
				}
				panic(http.ErrAbortHandler)
			}
		}
	}}, nil
}

// lines writes each item on a line.
func lines[T any](list []T) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, item := range list {
		b, err := json.Marshal(item)
		if err != nil {
			return nil, err
		}
		out[i] = append(b, '\n')
	}
	return out, nil
}

func (a *api) exportCases(ctx context.Context, in *FilterIn) (*huma.StreamResponse, error) {
	f, ended, err := a.filter(ctx, *in)
	if err != nil {
		return nil, err
	}
	f.Limit = streamPage
	return a.stream(ctx, "cases.jsonl", func(ctx context.Context) ([][]byte, error) {
		if ended {
			return nil, nil
		}
		page, err := a.o.Service.Queue.DB.Cases(ctx, f)
		if err != nil {
			return nil, err
		}
		f.Cursor, ended = page.Next, page.Next == ""
		return lines(page.Items)
	})
}

type auditFrom struct {
	After int64 `query:"after" minimum:"0" default:"0" doc:"The number of the event after which to begin, 0 for all."`
}

// exportAudit sends the events up to the head at the time of asking.
func (a *api) exportAudit(ctx context.Context, in *auditFrom) (*huma.StreamResponse, error) {
	db := a.o.Service.Queue.DB
	head, err := db.AuditHead(ctx)
	if err != nil {
		return nil, err
	}
	after := in.After
	return a.stream(ctx, "audit.jsonl", func(ctx context.Context) ([][]byte, error) {
		if after >= head.Count {
			return nil, nil
		}
		events, err := db.AuditEvents(ctx, after, int(min(streamPage, head.Count-after)))
		if err != nil || len(events) == 0 {
			return nil, err
		}
		after = events[len(events)-1].Seq
		return lines[pipeline.AuditEvent](events)
	})
}
