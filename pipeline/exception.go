package pipeline

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Exception is a standing reason why a rule need not stop some models for a time: a
// licence obtained, a ruling of counsel. It decides nothing by itself. A reviewer who
// approves may rest the approval on it; then the approval ends with it at the latest, and
// the case opens again where the exception is ended early. So it never weakens a quorum,
// and it cannot outlive its owner's promise unseen.
type Exception struct {
	ID uuid.UUID `json:"id"`
	// Pack and Rule name the rule.
	Pack string `json:"pack"`
	Rule string `json:"rule"`
	// Scope is a source, or the beginning of sources up to a slash: s3://bucket/team/.
	Scope string `json:"scope"`
	// Owner answers for it.
	Owner   string     `json:"owner"`
	Reason  ReasonCode `json:"reason"`
	Comment string     `json:"comment"`
	// Until is its end.
	Until time.Time `json:"until"`
	By    Actor     `json:"by"`
	At    time.Time `json:"at"`
	// EndedAt and EndedBy are set where it was ended early.
	EndedAt *time.Time `json:"ended_at"`
	EndedBy string     `json:"ended_by,omitempty"`
}

// Live reports whether the exception stands at a time.
func (e Exception) Live(at time.Time) bool { return e.EndedAt == nil && at.Before(e.Until) }

// Covers reports whether a source is in the exception's scope.
func (e Exception) Covers(source string) bool {
	return source == e.Scope || strings.HasSuffix(e.Scope, "/") && strings.HasPrefix(source, e.Scope)
}

// ExceptionFilter chooses exceptions. A zero field chooses all.
type ExceptionFilter struct {
	// LiveAt chooses those that stand at a time.
	LiveAt time.Time
	// EndsBefore chooses those whose end is before a time.
	EndsBefore time.Time
	// Source chooses those that cover a source.
	Source string
	// Order is [ExceptionsNewest] where it is "".
	Order ExceptionOrder
	// Cursor is the Next of the page before, in the same order.
	Cursor string
	// Limit is 50 where it is 0, and 200 at most.
	Limit int
}

// ExceptionOrder is the order of a list of exceptions.
type ExceptionOrder string

// The orders of exceptions.
const (
	ExceptionsNewest ExceptionOrder = "newest"
	// ExceptionsEnding: what ends, or ended, first comes first. One that is ended early
	// while somebody goes from page to page may be missed there.
	ExceptionsEnding ExceptionOrder = "ending"
)

// ExceptionBook keeps exceptions. Each change is an audit event about no case, with the
// exception in its data.
type ExceptionBook interface {
	AddException(ctx context.Context, e Exception, event AuditEvent) error
	// EndException returns an error that matches [ErrNotFound] where there is none, and
	// [ErrTransition] where it has ended already.
	EndException(ctx context.Context, id uuid.UUID, at time.Time, by string, event AuditEvent) (Exception, error)
	// Note leaves an event, where mark is new: the same mark is noted once.
	Note(ctx context.Context, mark string, event AuditEvent) (noted bool, err error)
	// ExceptionByID returns an error that matches [ErrNotFound] where there is none.
	ExceptionByID(ctx context.Context, id uuid.UUID) (Exception, error)
	// Exceptions returns a page of exceptions. It returns an error that matches [ErrUsage]
	// where the order is unknown, or the cursor is none that a page of this order gave.
	Exceptions(ctx context.Context, filter ExceptionFilter) (PageOf[Exception], error)
	// RestingOn returns the cases that are approved, open or claimed with an approving vote
	// of the present round that rests on an exception.
	RestingOn(ctx context.Context, id uuid.UUID) ([]uuid.UUID, error)
}

// ExceptionKeeper grants and ends exceptions.
type ExceptionKeeper interface {
	// Grant checks and keeps an exception, and returns it with id and time. Errors match
	// [ErrUsage] and [ErrForbidden].
	Grant(ctx context.Context, e Exception, by Actor) (Exception, error)
	// EndEarly ends an exception and opens the approved cases again that rest on it. In
	// cases that are not settled yet, the votes so far lapse. It returns how many cases
	// those were.
	EndEarly(ctx context.Context, id uuid.UUID, why string, by Actor) (Exception, int, error)
	// Lapsing leaves an event for each live exception that ends within a time, once.
	Lapsing(ctx context.Context, within time.Duration) (int, error)
}
