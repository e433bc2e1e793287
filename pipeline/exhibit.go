package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ExhibitMax is the largest size of one evidence file, in bytes.
const ExhibitMax = 25 << 20

// Exhibit is an evidence file that somebody attached to a case, as other than the evidence
// of a finding, which points into the artifact. It is never executed, and shown
// only as what its bytes say it is.
type Exhibit struct {
	ID   uuid.UUID `json:"id"`
	Case uuid.UUID `json:"case"`
	// Name is the file's name without folders, at most 200 bytes, printable.
	Name string `json:"name"`
	// MediaType is told by the bytes, not by the name: application/pdf, image/png,
	// image/jpeg or text/plain.
	MediaType string `json:"media_type"`
	// Size is in bytes.
	Size   int64     `json:"size"`
	Digest Digest    `json:"digest"`
	Actor  Actor     `json:"actor"`
	At     time.Time `json:"at"`
	// CarriedFrom is the earlier case that it was attached to.
	CarriedFrom *uuid.UUID `json:"carried_from"`
}

// Attachment asks to attach a file to a case.
type Attachment struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	Name    string
	// Body is at most [ExhibitMax] bytes of PDF, PNG, JPEG or UTF-8 text.
	Body []byte
}

// ExhibitReader reads what was attached to cases.
type ExhibitReader interface {
	// Exhibits returns what was attached to a case, in order of time.
	Exhibits(ctx context.Context, id uuid.UUID) ([]Exhibit, error)
	// ExhibitBody returns one file with its bytes. An error matches [ErrNotFound] where
	// there is none, and [ErrTampered] where it does not have its digest.
	ExhibitBody(ctx context.Context, id uuid.UUID) (Exhibit, []byte, error)
}

// Assignment asks somebody to work on a case, or sets when it is due.
type Assignment struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	// Assignee is nil to leave it as it is, "" for nobody.
	Assignee *string
	// DueAt is nil to leave it as it is.
	DueAt *time.Time
}

// Answer is what the submitter says to a request for changes.
type Answer struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	// Text is as that of a [Remark].
	Text string
	// Files come along with it.
	Files []Attachment
}

// CaseWorker is what people do with a case beside deciding it. Errors are those of
// [CaseDecider].
type CaseWorker interface {
	// Assign asks somebody to work on an undecided case, or sets its due date.
	Assign(ctx context.Context, a Assignment) (Case, error)
	// Attach adds an evidence file. It returns an error that matches [ErrOverLimit] where
	// the file is too large and [ErrUsage] where it is of no kind that is taken.
	Attach(ctx context.Context, a Attachment) (Case, error)
	// Answer answers a request for changes: the case goes back to its claimant, or to
	// open, in a new round. Who submitted it may answer, and who holds a link.
	Answer(ctx context.Context, a Answer) (Case, error)
	// Replace lets an undecided case give way to another case of the same source, with
	// its claim, assignee, comments and evidence: the submitter answered with another submission.
	Replace(ctx context.Context, old, by uuid.UUID, who Actor) (Case, error)
	// Overdue leaves an event on undecided cases that have become overdue, once for each
	// due date, and returns how many there were.
	Overdue(ctx context.Context) (int, error)
}
