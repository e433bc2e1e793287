package webui

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"weighbridge/pipeline"
)

// talkEntry is one thing of the conversation, in order of time. Kind is "comment",
// "answer", "exhibit", "decision" or "event".
type talkEntry struct {
	Kind     string
	At       time.Time
	Actor    pipeline.Actor
	Text     string
	Carried  bool
	Decision *pipeline.Decision
	// Old is true for a vote of an earlier round, which counts no longer.
	Old     bool
	Exhibit *pipeline.Exhibit
	Event   *pipeline.AuditEvent
	// Cause says why a case opened again.
	Cause string
}

// talkEvents are the events that the conversation shows beside what people wrote.
var talkEvents = []pipeline.EventKind{pipeline.EventOpened, pipeline.EventCleared, pipeline.EventReopened, pipeline.EventSuperseded, pipeline.EventExpired,
	pipeline.EventApproved, pipeline.EventRejected, pipeline.EventAttested, pipeline.EventRevoked, pipeline.EventRejudged, pipeline.EventOverdue, pipeline.EventAssigned,
	pipeline.EventClaimed, pipeline.EventReleased, pipeline.EventTakenOver, pipeline.EventLinked, pipeline.EventLinksEnded, pipeline.EventCarriedOver}

// talkOf puts comments, evidence files, decisions and what they came to into one line of
// time.
func talkOf(h pipeline.CaseHistory) []talkEntry {
	answers := answerComments(h.Events)
	var out []talkEntry
	for i := range h.Comments {
		c := &h.Comments[i]
		kind := "comment"
		if answers[c.ID.String()] {
			kind = "answer"
		}
		out = append(out, talkEntry{Kind: kind, At: c.At, Actor: c.Actor, Text: c.Text, Carried: c.CarriedFrom != nil})
	}
	for i := range h.Exhibits {
		e := &h.Exhibits[i]
		out = append(out, talkEntry{Kind: "exhibit", At: e.At, Actor: e.Actor, Exhibit: e, Carried: e.CarriedFrom != nil})
	}
	for i := range h.Decisions {
		d := &h.Decisions[i]
		out = append(out, talkEntry{Kind: "decision", At: d.At, Actor: d.Actor, Text: d.Comment, Decision: d, Old: d.Round < h.Case.Round})
	}
	for i := range h.Events {
		e := &h.Events[i]
		if slices.Contains(talkEvents, e.Kind) {
			out = append(out, talkEntry{Kind: "event", At: e.Time, Actor: e.Actor, Event: e, Cause: eventText(*e, "cause", "why")})
		}
	}
	slices.SortStableFunc(out, func(a, b talkEntry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)))
	})
	return out
}

// kindOrder puts what was said before what it came to.
func kindOrder(kind string) int {
	if kind == "event" {
		return 1
	}
	return 0
}

// answerComments are the comments that were answers to a request for changes.
func answerComments(events []pipeline.AuditEvent) map[string]bool {
	out := map[string]bool{}
	for _, e := range events {
		if e.Kind == pipeline.EventAnswered {
			out[eventText(e, "comment")] = true
		}
	}
	return out
}

// eventText returns the first of the named texts in an event's data.
func eventText(e pipeline.AuditEvent, keys ...string) string {
	var data map[string]any
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return ""
	}
	for _, key := range keys {
		if text, ok := data[key].(string); ok && text != "" {
			return text
		}
	}
	return ""
}

// requestOf returns what was asked for last, nil where nothing waits for an answer.
func requestOf(h pipeline.CaseHistory) *pipeline.Decision {
	if h.Case.State != pipeline.StateChangesRequested {
		return nil
	}
	for i := len(h.Decisions) - 1; i >= 0; i-- {
		if h.Decisions[i].Kind == pipeline.DecisionChanges {
			return &h.Decisions[i]
		}
	}
	return nil
}
