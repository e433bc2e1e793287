package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// EventKind is what an audit event records.
type EventKind string

// The kinds of audit events.
const (
	// EventOpened: a case was queued, to be decided by people.
	EventOpened EventKind = "opened"
	// EventCleared: no enforced rule stopped the facts, and none was undecided.
	EventCleared EventKind = "cleared"
	// EventCarriedOver: claim and comments of an earlier case came along.
	EventCarriedOver EventKind = "carried_over"
	// EventRejudged: a known case was judged again.
	EventRejudged EventKind = "rejudged"
	// EventReopened: a settled case is open again.
	EventReopened EventKind = "reopened"
	// EventSuperseded: the source has newer pins.
	EventSuperseded EventKind = "superseded"
	// EventClaimed: somebody works on the case.
	EventClaimed EventKind = "claimed"
	// EventReleased: nobody works on it any more.
	EventReleased EventKind = "released"
	// EventTakenOver: somebody else works on it now.
	EventTakenOver EventKind = "taken_over"
	// EventCommented: somebody wrote to the case.
	EventCommented EventKind = "commented"
	// EventDecided: a reviewer decided; what that came to is the next event.
	EventDecided EventKind = "decided"
	// EventApproved, EventRejected and EventChangesRequested: the case was
	// settled, or sent back.
	EventApproved         EventKind = "approved"
	EventRejected         EventKind = "rejected"
	EventChangesRequested EventKind = "changes_requested"
	// EventExpired: the term of the approval ended.
	EventExpired EventKind = "expired"
	// EventAttested: the approval was signed.
	EventAttested EventKind = "attested"
	// EventRevoked: what was approved or cleared was taken back.
	EventRevoked EventKind = "revoked"
	// EventAssigned: somebody was asked to work on the case, or it has another due date.
	EventAssigned EventKind = "assigned"
	// EventAttached: an evidence file was added.
	EventAttached EventKind = "attached"
	// EventAnswered: the submitter answered a request for changes.
	EventAnswered EventKind = "answered"
	// EventOverdue: the case is undecided past its due date.
	EventOverdue EventKind = "overdue"
	// EventLinked: a link was made through which somebody without an account can answer.
	EventLinked EventKind = "linked"
	// EventLinksEnded: the links of a case were ended before their time.
	EventLinksEnded EventKind = "links_ended"
	// EventExceptionGranted, EventExceptionEnded, EventExceptionLapsing: an exception was
	// granted, was ended early, or ends soon. They are about no case.
	EventExceptionGranted EventKind = "exception_granted"
	EventExceptionEnded   EventKind = "exception_ended"
	EventExceptionLapsing EventKind = "exception_lapsing"
	// EventTokenMade and EventTokenRevoked are about no case.
	EventTokenMade    EventKind = "token_made"
	EventTokenRevoked EventKind = "token_revoked"
)

// AuditEvent is one entry of the audit log. Events are added and never changed. Each
// holds the hash of the one before, so that a change to any of them shows in all
// that follow.
type AuditEvent struct {
	// Seq counts from 1 without gaps.
	Seq int64     `json:"seq"`
	ID  uuid.UUID `json:"id"`
	// Time is UTC with microseconds.
	Time  time.Time `json:"time"`
	Actor Actor     `json:"actor"`
	Kind  EventKind `json:"kind"`
	// Case is nil for an event that is about no case.
	Case *uuid.UUID `json:"case"`
	// Data is a JSON object in the form of [CanonicalJSON]. Every
	// event about a case holds the case's state and version after the event; the
	// last event of a change holds its seal.
	Data json.RawMessage `json:"data"`
	Prev Digest          `json:"prev"`
	Hash Digest          `json:"hash"`
}

// AuditHead names the end of the log: how many events there are, and the hash of the
// last. It goes into approvals and exports, so that a log cut or rewritten later
// shows.
type AuditHead struct {
	Count int64  `json:"count"`
	Hash  Digest `json:"hash"`
}

// AuditGenesis is the head of an empty log: no events, and a hash of 64 zeros.
func AuditGenesis() AuditHead {
	return AuditHead{Hash: Digest("sha256:" + strings.Repeat("0", 64))}
}

// AuditTime writes a time as the log does: UTC, RFC 3339, six digits of fraction.
func AuditTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// CanonicalJSON writes a value as JSON in one way only: without white space, the keys
// of every object in byte order, numbers as they are, and <, > and & escaped.
func CanonicalJSON(value any) (json.RawMessage, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}

// Sum returns the hash of the event: SHA-256 over "weighbridge.audit/1" and LF, the
// 32 bytes of Prev, and then seq, id, time, the actor's name, how the actor is known,
// kind, case (empty where nil) and data, each as its length in decimal, a colon and
// the bytes. It returns an error that matches [ErrTampered] where Prev is no digest.
func (e AuditEvent) Sum() (Digest, error) {
	text, ok := strings.CutPrefix(string(e.Prev), "sha256:")
	prev, err := hex.DecodeString(text)
	if !ok || err != nil || len(prev) != sha256.Size {
		return "", broken(e.Seq, "the hash of the event before is no digest")
	}
	h := sha256.New()
	_, _ = io.WriteString(h, "weighbridge.audit/1\n")
	h.Write(prev)
	id := ""
	if e.Case != nil {
		id = e.Case.String()
	}
	for _, field := range []string{strconv.FormatInt(e.Seq, 10), e.ID.String(), AuditTime(e.Time),
		e.Actor.Name, string(e.Actor.Known), string(e.Kind), id, string(e.Data)} {
		_, _ = io.WriteString(h, strconv.Itoa(len(field))+":"+field)
	}
	return DigestOf(h.Sum(nil)), nil
}

// Append returns the event as the next one after the head, and the new head.
func (head AuditHead) Append(e AuditEvent) (AuditEvent, AuditHead, error) {
	e.Seq, e.Prev = head.Count+1, head.Hash
	sum, err := e.Sum()
	if err != nil {
		return AuditEvent{}, AuditHead{}, err
	}
	e.Hash = sum
	return e, AuditHead{Count: e.Seq, Hash: e.Hash}, nil
}

// Check verifies that the event is the next one after the head and returns the new
// head. An error matches [ErrTampered] and names the seq of the first event that
// does not fit.
func (head AuditHead) Check(e AuditEvent) (AuditHead, error) {
	want := head.Count + 1
	switch {
	case e.Seq > want:
		return head, broken(want, fmt.Sprintf("it is missing: the log goes on with event %d", e.Seq))
	case e.Seq < want:
		return head, broken(e.Seq, "it is there twice or out of order")
	case e.Prev != head.Hash:
		return head, broken(e.Seq, "it does not hold the hash of the event before")
	}
	sum, err := e.Sum()
	if err != nil {
		return head, err
	}
	if sum != e.Hash {
		return head, broken(e.Seq, "its content does not have its hash")
	}
	return AuditHead{Count: e.Seq, Hash: e.Hash}, nil
}

func broken(seq int64, what string) error {
	return &Error{Code: CodeTampered, Message: fmt.Sprintf("the audit log is broken at event %d: %s", seq, what),
		Hint: "keep the database as it is, and compare it with a backup"}
}

// AuditLog reads and verifies the audit log.
type AuditLog interface {
	// AuditHead returns the head of the log as it is stored.
	AuditHead(ctx context.Context) (AuditHead, error)
	// AuditEvents returns at most limit events after the given seq, in order.
	AuditEvents(ctx context.Context, after int64, limit int) ([]AuditEvent, error)
	// VerifyAudit reads the whole log, and holds every case, decision, comment and
	// evidence file (what names its bytes, not the bytes: reading finds those) against
	// it. earlier is a head that was noted before, nil for none: a log that was
	// cut or rewritten since then does not verify. An error that matches
	// [ErrTampered] names the first event that does not fit.
	VerifyAudit(ctx context.Context, earlier *AuditHead) (AuditHead, error)
}
