package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

func (s *Site) auditRoutes() []route {
	return []route{
		{"GET /audit", s.showAudit},
		{"GET /audit/export", s.exportAudit},
		{"POST /audit/verify", s.verifyAudit},
	}
}

const (
	// auditPage is how many events a page shows.
	auditPage = 100
	// auditBatch is how many are read at a time, mostScanned how many one page looks
	// through for those that a filter chooses.
	auditBatch  = 1000
	mostScanned = 20_000
	// mostEventData bounds the data of one event that is shown, in bytes.
	mostEventData = 8 << 10
	// exportTime is how long one batch of an export may take to be sent.
	exportTime = time.Minute
)

// eventKinds lists the kinds of events, for the filter and the catalogue.
var eventKinds = [...]pipeline.EventKind{
	pipeline.EventOpened, pipeline.EventCleared, pipeline.EventCarriedOver, pipeline.EventRejudged, pipeline.EventReopened,
	pipeline.EventSuperseded, pipeline.EventClaimed, pipeline.EventReleased, pipeline.EventTakenOver, pipeline.EventCommented,
	pipeline.EventDecided, pipeline.EventApproved, pipeline.EventRejected, pipeline.EventChangesRequested, pipeline.EventExpired,
	pipeline.EventAttested, pipeline.EventRevoked, pipeline.EventAssigned, pipeline.EventAttached, pipeline.EventAnswered,
	pipeline.EventOverdue, pipeline.EventLinked, pipeline.EventLinksEnded, pipeline.EventExceptionGranted, pipeline.EventExceptionEnded,
	pipeline.EventExceptionLapsing, pipeline.EventTokenMade, pipeline.EventTokenRevoked,
}

// auditQuery is what an address of the log asks for.
type auditQuery struct {
	Kind, Actor, Case string
	// Oldest is true where the oldest event comes first.
	Oldest bool
	// At is the seq that the page begins beyond, 0 for the first page.
	At int64

	id *uuid.UUID
}

// auditView is the page of the log.
type auditView struct {
	auditQuery
	Head   pipeline.AuditHead
	Events []auditRow
	Kinds  []pipeline.EventKind
	// Scanned counts the events that were looked through where a filter is on, and Cut is
	// true where there are more of them.
	Scanned     int
	Cut         bool
	First, Next string
	// Other is the address in the other order.
	Other   string
	Problem *Problem
	// Verified is what a verification found, nil where none was asked for.
	Verified *verifiedView
}

// auditRow is one event.
type auditRow struct {
	pipeline.AuditEvent
	// Told is the event's data with a line for each part.
	Told string
}

// verifiedView is what a verification found.
type verifiedView struct {
	Head pipeline.AuditHead
	// Problem says where the log does not fit, nil where it does.
	Problem *Problem
	// Checkpoint is what the log was held against, nil where there is none.
	Checkpoint *attest.Checkpoint
	Took       time.Duration
}

func readAudit(values url.Values) (auditQuery, error) {
	q := auditQuery{Kind: values.Get("kind"), Actor: strings.TrimSpace(values.Get("actor")), Case: strings.TrimSpace(values.Get("case")), Oldest: values.Get("order") == "oldest"}
	bad := func(message, hint string) (auditQuery, error) {
		return q, &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	if q.Kind != "" && !slices.Contains(eventKinds[:], pipeline.EventKind(q.Kind)) {
		q.Kind = ""
		return bad("there is no such kind of event", "choose one of the list")
	}
	if len(q.Actor) > textMax {
		q.Actor = ""
		return bad("the name is too long", "")
	}
	if q.Case != "" {
		id, err := uuid.Parse(q.Case)
		if err != nil {
			q.Case = ""
			return bad("this is no number of a case", "copy it from the page of the case")
		}
		q.id = &id
	}
	if at := values.Get("at"); at != "" {
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil || n < 0 {
			return bad("this link leads to no page of the log", "this is the first one")
		}
		q.At = n
	}
	return q, nil
}

// href returns the address beyond an event; 0 is the first page.
func (q auditQuery) href(at int64, oldest bool) string {
	values := url.Values{}
	for key, value := range map[string]string{"kind": q.Kind, "actor": q.Actor, "case": q.Case} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if oldest {
		values.Set("order", "oldest")
	}
	if at > 0 {
		values.Set("at", strconv.FormatInt(at, 10))
	}
	if len(values) == 0 {
		return "/audit"
	}
	return "/audit?" + values.Encode()
}

func (q auditQuery) filtered() bool { return q.Kind != "" || q.Actor != "" || q.id != nil }

// takes reports whether the filter chooses an event.
func (q auditQuery) takes(e pipeline.AuditEvent) bool {
	return (q.Kind == "" || string(e.Kind) == q.Kind) && (q.Actor == "" || e.Actor.Same(pipeline.Actor{Name: q.Actor})) &&
		(q.id == nil || e.Case != nil && *e.Case == *q.id)
}

func (s *Site) showAudit(w http.ResponseWriter, r *http.Request) error {
	return s.renderAudit(w, r, http.StatusOK, nil)
}

func (s *Site) renderAudit(w http.ResponseWriter, r *http.Request, status int, verified *verifiedView) error {
	ctx := r.Context()
	q, wrong := readAudit(r.URL.Query())
	v := auditView{auditQuery: q, Kinds: eventKinds[:], Verified: verified}
	if wrong != nil {
		v.Problem, status, _ = problemOf(wrong)
	}
	var err error
	if v.Head, err = s.service.Queue.DB.AuditHead(ctx); err != nil {
		return err
	}
	if err := s.findEvents(ctx, &v); err != nil {
		return err
	}
	v.Other = q.href(0, !q.Oldest)
	if q.At > 0 {
		v.First = q.href(0, q.Oldest)
	}
	return s.render(w, r, status, "audit", v)
}

// findEvents fills a page with the events that the filter chooses, in its order. It looks
// through a bounded number of them and says so where it stopped.
func (s *Site) findEvents(ctx context.Context, v *auditView) error {
	if v.id != nil {
		return s.findOfCase(ctx, v)
	}
	size := int64(auditBatch)
	if !v.filtered() {
		size = auditPage
	}
	for at, more := v.At, true; more; {
		batch, err := s.batch(ctx, v, at, size)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, e := range batch {
			at = e.Seq
			v.Scanned++
			if v.takes(e) {
				v.Events = append(v.Events, eventRow(e))
			}
			if full := len(v.Events) == auditPage; full || v.Scanned == mostScanned {
				if last := v.Oldest && e.Seq == v.Head.Count || !v.Oldest && e.Seq == 1; !last {
					v.Next, v.Cut = v.href(e.Seq, v.Oldest), !full
				}
				return nil
			}
		}
		more = int64(len(batch)) == size
	}
	return nil
}

// batch reads events beyond one, in the order of the page. There are no gaps in the log,
// so that the newest are found by their numbers.
func (s *Site) batch(ctx context.Context, v *auditView, at, size int64) ([]pipeline.AuditEvent, error) {
	if v.Oldest {
		return s.service.Queue.DB.AuditEvents(ctx, at, int(size))
	}
	if at == 0 || at > v.Head.Count {
		at = v.Head.Count + 1
	}
	after := max(0, at-1-size)
	events, err := s.service.Queue.DB.AuditEvents(ctx, after, int(at-1-after))
	slices.Reverse(events)
	return events, err
}

// findOfCase takes the events of one case, which are found without a search.
func (s *Site) findOfCase(ctx context.Context, v *auditView) error {
	h, err := s.service.Queue.DB.History(ctx, *v.id)
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil // the page says that there is none
	}
	if err != nil {
		return err
	}
	if !v.Oldest {
		slices.Reverse(h.Events)
	}
	for _, e := range h.Events {
		if v.At > 0 && (v.Oldest && e.Seq <= v.At || !v.Oldest && e.Seq >= v.At) || !v.takes(e) {
			continue
		}
		if len(v.Events) == auditPage {
			v.Next = v.href(v.Events[auditPage-1].Seq, v.Oldest)
			return nil
		}
		v.Events = append(v.Events, eventRow(e))
	}
	return nil
}

func eventRow(e pipeline.AuditEvent) auditRow {
	row := auditRow{AuditEvent: e}
	var b bytes.Buffer
	if len(e.Data) > mostEventData || json.Indent(&b, e.Data, "", "  ") != nil {
		row.Told = strings.ToValidUTF8(string(e.Data[:min(len(e.Data), mostEventData)]), "") + " …"
		return row
	}
	row.Told = b.String()
	return row
}

// verifyAudit verifies the whole log on demand.
func (s *Site) verifyAudit(w http.ResponseWriter, r *http.Request) error {
	ctx, began := r.Context(), s.now()
	v := verifiedView{}
	var earlier *pipeline.AuditHead
	if s.checkpoint != nil {
		found, err := s.checkpoint(ctx)
		if err != nil {
			return err
		}
		if found != nil {
			head := found.Head()
			v.Checkpoint, earlier = found, &head
		}
	}
	head, err := s.service.Queue.DB.VerifyAudit(ctx, earlier)
	if errors.Is(err, pipeline.ErrTampered) {
		s.logger.Error("the audit log does not verify", "actor", access.Of(ctx).Actor.Name, "error", err)
		v.Problem = &Problem{Message: err.Error()}
		var own *pipeline.Error
		if errors.As(err, &own) {
			v.Problem = &Problem{Message: own.Message, Hint: own.Hint}
		}
	} else if err != nil {
		return err
	}
	v.Head, v.Took = head, s.now().Sub(began)
	return s.renderAudit(w, r, http.StatusOK, &v)
}

// exportAudit sends the log as JSON Lines: the events in order, and a last line with count
// and hash, as "weighbridge audit export" writes them.
func (s *Site) exportAudit(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	head, err := s.service.Queue.DB.AuditHead(ctx)
	if err != nil {
		return err
	}
	last, err := attest.EndOf(attest.CheckpointOf(head, s.now()), nil)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/jsonl; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="weighbridge-audit.jsonl"`)
	control, lines := http.NewResponseController(w), json.NewEncoder(w)
	for after := int64(0); after < head.Count; {
		events, err := s.service.Queue.DB.AuditEvents(ctx, after, int(min(auditBatch, head.Count-after)))
		if err != nil || len(events) == 0 {
			// The status is sent. Without its last line the export shows that it was cut.
			s.logger.Error("an export of the audit log was cut", "after", after, "error", err)
			return nil
		}
		_ = control.SetWriteDeadline(time.Now().Add(exportTime)) // where the server has none, nothing is lost
		for _, e := range events {
			if err := lines.Encode(e); err != nil {
				return nil //nolint:nilerr // the client is gone
			}
			after = e.Seq
		}
		_ = control.Flush()
	}
	_ = lines.Encode(last)
	return nil
}
