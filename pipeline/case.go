package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// State is where a case stands.
type State string

// The states of a case.
const (
	StateOpen             State = "open"
	StateClaimed          State = "claimed"
	StateApproved         State = "approved"
	StateRejected         State = "rejected"
	StateChangesRequested State = "changes_requested"
	StateCleared          State = "cleared"
	StateSuperseded       State = "superseded"
	StateExpired          State = "expired"
	// StateRevoked: an approval or a clearance was taken back.
	StateRevoked State = "revoked"
)

// States lists every state of a case.
func States() []State {
	return []State{StateOpen, StateClaimed, StateChangesRequested, StateApproved,
		StateRejected, StateCleared, StateSuperseded, StateExpired, StateRevoked}
}

// Undecided reports whether people still have to settle a case in this state.
func (s State) Undecided() bool {
	return s == StateOpen || s == StateClaimed || s == StateChangesRequested
}

// CaseKey is what makes a case the same case: recording the same key again judges
// it again and never makes a second one.
type CaseKey struct {
	Source    string
	PinDigest Digest
	// SubmissionDigest is "" where there was no submission.
	SubmissionDigest Digest
}

// CaseParams is the weight of a case's artifact in parameters. Nil is unknown.
type CaseParams struct {
	Lower    *int64 `json:"lower"`
	Estimate *int64 `json:"estimate"`
	Upper    *int64 `json:"upper"`
}

// Case is the queue's entry for one source, its pins and one submission. All times
// are UTC with microseconds.
type Case struct {
	// ID is a UUID of version 7: later cases have larger ids.
	ID           uuid.UUID `json:"id"`
	Source       string    `json:"source"`
	PinDigest    Digest    `json:"pin_digest"`
	HeaderDigest Digest    `json:"header_digest"`
	// ContentDigest is nil until every byte was hashed.
	ContentDigest *Digest `json:"content_digest"`
	// SubmissionDigest is nil where there was no submission.
	SubmissionDigest *Digest `json:"submission_digest"`
	State            State   `json:"state"`
	Verdict          Verdict `json:"verdict"`
	// Quorum is who must agree before the case is approved. A block or an
	// inconclusive verdict has at least [QuorumTwo].
	Quorum Quorum `json:"quorum"`
	// Offices lists those that must each sign an approval, beside the quorum.
	Offices []string   `json:"offices,omitempty"`
	Params  CaseParams `json:"params"`
	// Bytes is the sum of the sizes of all objects.
	Bytes int64 `json:"bytes"`
	// Family and Fingerprint are nil where the structure is unknown. Cases with
	// the same fingerprint have the same structure.
	Family      *string `json:"family"`
	Fingerprint *string `json:"fingerprint"`
	// Submitter is who had the artifact checked first, and never votes.
	Submitter Actor `json:"submitter"`
	// Claimant is who works on the case, nil where nobody does.
	Claimant *Actor `json:"claimant"`
	// Assignee is who was asked to work on it, nil where nobody was.
	Assignee *string `json:"assignee"`
	// Version counts the changes of the case from 1. A change that names another
	// version than the current one is refused with [ErrConflict].
	Version int64 `json:"version"`
	// Round counts from 1. Votes count in the round they were given in; a new
	// round begins when what was voted on has changed.
	Round int64 `json:"round"`
	// Report names the report that the case stands on: the digest of its
	// [ReportBody].
	Report    Digest    `json:"report"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// DueAt is when the case should be settled, nil where no date was set.
	DueAt *time.Time `json:"due_at"`
	// OverdueAt is the due date that was told of as past, nil where none was.
	OverdueAt *time.Time `json:"overdue_at,omitempty"`
	// BodyDigest is as [BodyDigest] says, "" for cases from before there was one.
	BodyDigest Digest `json:"body_digest,omitempty"`
	// Cause says why an undecided case is open again, "" where it never was settled.
	// Cases that one change opened again have the same cause.
	Cause string `json:"cause,omitempty"`
	// SettledAt is when the case was approved, rejected, cleared or revoked; nil while
	// it is undecided.
	SettledAt *time.Time `json:"settled_at"`
	// ExpiresAt is when the approval's term ends; nil for an approval without a
	// term and for every other state but expired.
	ExpiresAt *time.Time `json:"expires_at"`
	// SupersededBy is the case of the newer pins.
	SupersededBy *uuid.UUID `json:"superseded_by"`
}

// Key returns what makes the case the same case.
func (c Case) Key() CaseKey {
	return CaseKey{Source: c.Source, PinDigest: c.PinDigest, SubmissionDigest: deref(c.SubmissionDigest)}
}

// Seal is a digest over every field that decides what a case allows. Each change
// writes it into the audit log, so that a case edited behind the log's back shows.
// The fields and their order are fixed: a new field needs a new kind of seal. Cases that
// no office must sign have the first kind, those with offices the second.
func (c Case) Seal() Digest {
	fields := c.sealed()
	if len(c.Offices) > 0 {
		fields[0] = "weighbridge.case/2"
		fields = append(fields, c.Offices)
	}
	b, err := json.Marshal(fields)
	if err != nil { // plain values always encode
		panic(err)
	}
	return DigestBytes(b)
}

func (c Case) sealed() []any {
	return []any{"weighbridge.case/1", c.ID, c.Source, c.PinDigest, c.HeaderDigest,
		deref(c.ContentDigest), deref(c.SubmissionDigest), c.State, c.Verdict, c.Quorum,
		c.Params.Lower, c.Params.Estimate, c.Params.Upper, c.Bytes, c.Family, c.Fingerprint,
		c.Submitter.Name, c.Submitter.Known, claimantName(c.Claimant), c.Version, c.Round, c.Report,
		AuditTime(c.CreatedAt), timeText(c.SettledAt), timeText(c.ExpiresAt), c.SupersededBy}
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func claimantName(a *Actor) string {
	if a == nil {
		return ""
	}
	return a.Name
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return AuditTime(*t)
}

// CaseFilter chooses cases of the queue. A zero field chooses all.
type CaseFilter struct {
	States   []State
	Verdicts []Verdict
	// Source, Family and Fingerprint must be equal.
	Source      string
	Family      string
	Fingerprint string
	// Text must occur in source, family or submitter, in any letter case.
	Text string
	// Content is a content digest that must be equal.
	Content Digest
	// Pins is a pin digest that must be equal.
	Pins Digest
	// SourcePrefix is how the source must begin.
	SourcePrefix string
	// Submitter, Assignee and Claimant must be equal, in any letter case.
	Submitter string
	Assignee  string
	Claimant  string
	// Cause must be equal.
	Cause string
	// Pack and Rule: a finding of the case's current report must come from them, and be
	// matched or undecided.
	Pack string
	Rule string
	// MinParams and MaxParams bound the estimated number of parameters, both included. A
	// case of unknown weight is never chosen by them.
	MinParams *int64
	MaxParams *int64
	// CreatedFrom and CreatedBefore bound the age.
	CreatedFrom   time.Time
	CreatedBefore time.Time
	// OverdueAt chooses undecided cases that are due before a time.
	OverdueAt time.Time
	// NeedsReviewer chooses the cases that wait for this reviewer: open or claimed, not
	// submitted by them, claimed or assigned by nobody else, and not voted on by them in
	// the present round.
	NeedsReviewer string
	// Order is the order of the page, [OrderNewest] where it is "".
	Order CaseOrder
	// Cursor is the Next of the page before, "" for the first page.
	Cursor string
	// Limit is the largest number of cases to return, 50 where it is 0 and 200 at
	// most.
	Limit int
}

// CaseOrder is the order of a page.
type CaseOrder string

// The orders of a page.
const (
	// OrderNewest: the newest case first.
	OrderNewest CaseOrder = "newest"
	// OrderUrgent: what is due first first, and what has no due date at the end. Due
	// dates come from severity, so the graver case comes first where both are as old.
	OrderUrgent CaseOrder = "urgent"
)

// CaseCounts is how many cases there are, by state and verdict.
type CaseCounts map[State]map[Verdict]int64

// DayCount is what happened on one day.
type DayCount struct {
	// Day is YYYY-MM-DD in UTC.
	Day  string    `json:"day"`
	Kind EventKind `json:"kind"`
	// Verdict is that of the case at the time, "" for an event about no case.
	Verdict Verdict `json:"verdict"`
	Count   int64   `json:"count"`
}

// CauseCount is how many undecided cases one cause opened again.
type CauseCount struct {
	Cause string `json:"cause"`
	Count int64  `json:"count"`
}

// QueueCounter counts cases without reading them.
type QueueCounter interface {
	// Counts returns the cases by state and verdict.
	Counts(ctx context.Context) (CaseCounts, error)
	// CountCases counts the cases that a filter chooses, up to a limit: where there are
	// more it returns the limit.
	CountCases(ctx context.Context, filter CaseFilter, limit int) (int64, error)
	// Days returns the events of the days from one to another, both included.
	Days(ctx context.Context, from, to string) ([]DayCount, error)
	// Causes returns the causes of undecided cases, the most frequent first.
	Causes(ctx context.Context, limit int) ([]CauseCount, error)
}

// CaseRules are the enforced rules of effect block or review that bear on a case.
type CaseRules struct {
	// First are the weightiest: what matched before what could not be decided, and what
	// blocks before what asks for review.
	First []BearingRule `json:"first"`
	// Count is how many there are.
	Count int64 `json:"count"`
}

// BearingRule is a rule that matched on a case, or could not be decided.
type BearingRule struct {
	Pack string `json:"pack"`
	// Rule is "" for a pack of which it cannot be decided whether it applies.
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
}

// CaseRulesMax is of how many cases the rules are read at once.
const CaseRulesMax = 1000

// RuleLister tells why cases are in the queue without reading their reports.
type RuleLister interface {
	// CaseRules returns the rules of the current reports of these cases, at most a number
	// of each. Cases without a rule are left out, and so are ids that are no case. It
	// returns an error that matches [ErrUsage] where more than [CaseRulesMax] are named.
	CaseRules(ctx context.Context, ids []uuid.UUID, most int) (map[uuid.UUID]CaseRules, error)
}

// CasePage is one page of the queue.
type CasePage = PageOf[Case]

// CaseFile is a case with what people said of it.
type CaseFile struct {
	Case Case `json:"case"`
	// Decisions are in order of time, those of earlier rounds too.
	Decisions []Decision `json:"decisions"`
	// Comments are in order of time.
	Comments []Comment `json:"comments"`
	// Exhibits are in order of time.
	Exhibits []Exhibit `json:"exhibits"`
	// Settled is the head of the audit log at the event that settled the case
	// last, nil where it was never settled.
	Settled *AuditHead `json:"settled"`
	// Rules are the rules that bear on the verdict in the current report, as pack/rule, in
	// byte order: enforced, matched or undecided, of effect block or review.
	Rules []string `json:"rules"`
}

// CaseHistory is a case with everything that happened to it.
type CaseHistory struct {
	CaseFile
	// Events are in order of seq.
	Events []AuditEvent `json:"events"`
}
