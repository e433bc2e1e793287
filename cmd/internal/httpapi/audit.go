package httpapi

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"weighbridge/pipeline"
)

type auditIn struct {
	Cursor string `query:"cursor" pattern:"^[0-9]{1,18}$" doc:"The next of the page before, or the number of the event after which to begin."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The largest number of events."`
}

func (a *api) events(ctx context.Context, in *auditIn) (*pageOut[pipeline.AuditEvent], error) {
	after := int64(0)
	if in.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil {
			return nil, pipeline.WrongCursor()
		}
	}
	events, err := a.o.Service.Queue.DB.AuditEvents(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := pipeline.PageOf[pipeline.AuditEvent]{Items: events}
	if len(events) > in.Limit {
		out.Items = events[:in.Limit]
		out.Next = strconv.FormatInt(out.Items[in.Limit-1].Seq, 10)
	}
	return paged(out, nil)
}

type countsIn struct {
	From string `query:"from" format:"date" doc:"The first day of which events are counted, as YYYY-MM-DD in UTC."`
	To   string `query:"to" format:"date" doc:"The last day, at most 366 days later."`
}

// counts is how much there is of what.
type counts struct {
	Cases     pipeline.CaseCounts   `json:"cases" doc:"The cases by state and verdict."`
	Undecided int64                 `json:"undecided"`
	Overdue   int64                 `json:"overdue" doc:"Undecided cases past their due date, up to 10,000."`
	NeedsMe   int64                 `json:"needs_me" doc:"Cases that wait for who asks, up to 10,000."`
	Causes    []pipeline.CauseCount `json:"causes" nullable:"false" doc:"Why undecided cases are open again, the most frequent first."`
	Days      []pipeline.DayCount   `json:"days" nullable:"false" doc:"Events by day, kind and verdict, where days are asked for."`
}

const (
	// mostCounted is how far is counted.
	mostCounted = 10_000
	mostCauses  = 50
	mostDays    = 366
)

func (a *api) count(ctx context.Context, in *countsIn) (*struct{ Body counts }, error) {
	db, me := a.o.Service.Queue.DB, who(ctx)
	out := counts{Days: []pipeline.DayCount{}}
	var err error
	if out.Cases, err = db.Counts(ctx); err != nil {
		return nil, err
	}
	if out.Cases == nil {
		out.Cases = pipeline.CaseCounts{}
	}
	for state, of := range out.Cases {
		for _, n := range of {
			if state.Undecided() {
				out.Undecided += n
			}
		}
	}
	if out.Overdue, err = db.CountCases(ctx, pipeline.CaseFilter{OverdueAt: a.o.Service.Now()}, mostCounted); err != nil {
		return nil, err
	}
	if me.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal) {
		if out.NeedsMe, err = db.CountCases(ctx, pipeline.CaseFilter{NeedsReviewer: me.Actor.Name}, mostCounted); err != nil {
			return nil, err
		}
	}
	causes, err := db.Causes(ctx, mostCauses)
	if err != nil {
		return nil, err
	}
	out.Causes = orEmpty(causes)
	if in.From != "" || in.To != "" {
		if err := daysBetween(in.From, in.To); err != nil {
			return nil, err
		}
		days, err := db.Days(ctx, in.From, in.To)
		if err != nil {
			return nil, err
		}
		out.Days = orEmpty(days)
	}
	return &struct{ Body counts }{out}, nil
}

// daysBetween checks two days.
func daysBetween(from, to string) error {
	first, err := time.Parse(time.DateOnly, from)
	last, other := time.Parse(time.DateOnly, to)
	if err != nil || other != nil || last.Before(first) || last.Sub(first) > mostDays*24*time.Hour {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("from and to are no days of which the second is at most %d days later", mostDays), Hint: "write them as 2026-11-01 and 2026-11-30"}
	}
	return nil
}

func (a *api) audit() {
	route(a, get("/audit", "list-audit", "List the audit log", "Oldest first. Each event holds the hash of the one before."), a.events)
	route(a, kind{stream: true}.of(answers(get("/audit.jsonl", "export-audit", "Export the audit log as JSON Lines", "All events up to the head at the time of asking; a stream that breaks off is not whole."), "An event on each line.", linesMedia)), a.exportAudit)
	route(a, get("/audit/head", "read-audit-head", "Read the head of the audit log", "How many events there are, and the hash of the last. Keep it: a log that is cut or rewritten later does not verify against it."),
		func(ctx context.Context, _ *struct{}) (*struct{ Body pipeline.AuditHead }, error) {
			head, err := a.o.Service.Queue.DB.AuditHead(ctx)
			return &struct{ Body pipeline.AuditHead }{head}, err
		})
	route(a, get("/counts", "read-counts", "Count cases and events", ""), a.count)
}
