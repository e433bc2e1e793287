package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// CheckState is where a check that was asked for stands.
type CheckState string

// The states of a check.
const (
	CheckQueued  CheckState = "queued"
	CheckRunning CheckState = "running"
	// CheckDone: there is a case.
	CheckDone CheckState = "done"
	// CheckFailed: no report could be made.
	CheckFailed CheckState = "failed"
)

// Check is a check that was asked for, to be run in the background. It is the truth of
// what is to do: jobs carry its id only, may be lost, and may run twice.
type Check struct {
	ID     uuid.UUID `json:"id"`
	Source string    `json:"source"`
	// SubmissionDigest is nil where no submission came along.
	SubmissionDigest *Digest `json:"submission_digest"`
	// Packs are packs to use in place of the configured ones, by name.
	Packs []string `json:"packs,omitempty"`
	// Hash asks for the SHA-256 of every object.
	Hash bool `json:"hash,omitempty"`
	// Replaces is the case that this one answers: it gives way to the new case.
	Replaces *uuid.UUID `json:"replaces,omitempty"`
	// Link is the link through which it was asked for, nil for none.
	Link  *uuid.UUID `json:"-"`
	By    Actor      `json:"by"`
	State CheckState `json:"state"`
	// Attempt counts the times it was begun.
	Attempt int `json:"attempt"`
	// Objects and Inspected tell how far a running check is; Bytes and Hashed, in bytes,
	// where it hashes.
	Objects   int64 `json:"objects"`
	Inspected int64 `json:"inspected"`
	Bytes     int64 `json:"bytes,omitempty"`
	Hashed    int64 `json:"hashed,omitempty"`
	// Case and Verdict are set when it is done.
	Case    *uuid.UUID `json:"case"`
	Verdict Verdict    `json:"verdict,omitempty"`
	// Failure is set when it has failed.
	Failure   *CheckFailure `json:"failure,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	StartedAt *time.Time    `json:"started_at"`
	EndedAt   *time.Time    `json:"ended_at"`
	// LeaseUntil is how long a running check belongs to its worker. A check whose lease
	// has ended may be begun again.
	LeaseUntil *time.Time `json:"-"`
}

// Ended reports whether nothing more will happen to the check.
func (c Check) Ended() bool { return c.State == CheckDone || c.State == CheckFailed }

// CheckFailure says why no report could be made.
type CheckFailure struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// CheckProgress is how far a running check is.
type CheckProgress struct{ Objects, Inspected, Bytes, Hashed int64 }

// CheckOutcome is how a check ended: with a case, or with a failure.
type CheckOutcome struct {
	Case    *uuid.UUID
	Verdict Verdict
	Failure *CheckFailure
	At      time.Time
}

// CheckFilter chooses checks. A zero field chooses all.
type CheckFilter struct {
	// By is the name of who asked.
	By string
	// Link chooses those that were asked for through a link. By and Active are not read
	// then.
	Link *uuid.UUID
	// Active chooses those that have not ended.
	Active bool
	// Cursor is the Next of the page before.
	Cursor string
	// Limit is 50 where it is 0, and 200 at most.
	Limit int
}

// CheckBook keeps the checks that were asked for.
type CheckBook interface {
	// AddCheck keeps a new check with what was declared for it, nil where nothing was.
	AddCheck(ctx context.Context, c Check, submission *Submission) error
	// CheckByID returns an error that matches [ErrNotFound] where there is none.
	CheckByID(ctx context.Context, id uuid.UUID) (Check, error)
	// CheckSubmission returns what was declared for a check, nil where nothing was.
	CheckSubmission(ctx context.Context, id uuid.UUID) (*Submission, error)
	// Checks returns a page of checks, newest first. It returns an error that matches
	// [ErrUsage] where the cursor is none that a page gave.
	Checks(ctx context.Context, filter CheckFilter) (PageOf[Check], error)
	// StartCheck takes a check for a worker until the lease ends. ok is false where it
	// has ended, or belongs to another worker whose lease holds at the time.
	StartCheck(ctx context.Context, id uuid.UUID, worker string, at, lease time.Time) (c Check, ok bool, err error)
	// MoveCheck notes progress and lengthens the lease. ok is false where the check
	// belongs to this worker no longer: what it does must not be recorded.
	MoveCheck(ctx context.Context, id uuid.UUID, worker string, p CheckProgress, lease time.Time) (ok bool, err error)
	// EndCheck ends a check. One that has ended stays as it is.
	EndCheck(ctx context.Context, id uuid.UUID, outcome CheckOutcome) error
	// StaleChecks returns the ids of at most limit checks that nobody works on at a time:
	// queued ones, and running ones whose lease has ended.
	StaleChecks(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error)
}
