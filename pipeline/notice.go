package pipeline

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeReview    NoticeKind = "case.review"
	NoticeAssigned  NoticeKind = "case.assigned"
	NoticeDecided   NoticeKind = "case.decided"
	NoticeAnswered  NoticeKind = "case.answered"
	NoticeReopened  NoticeKind = "case.reopened"
	NoticeOverdue   NoticeKind = "case.overdue"
	NoticeExpired   NoticeKind = "approval.expired"
	NoticeRevoked   NoticeKind = "approval.revoked"
	NoticeException NoticeKind = "exception.lapsing"
)

// NoticeKinds lists every kind of notice.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeReview, NoticeAssigned, NoticeDecided, NoticeAnswered, NoticeReopened, NoticeOverdue, NoticeExpired, NoticeRevoked, NoticeException}
}

// DeliveryState is where a notice to one receiver stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryDead: the receiver failed too often; a person must look.
	DeliveryDead DeliveryState = "dead"
)

// Delivery is one notice to one receiver.
type Delivery struct {
	// ID is the message's id, the same at every try.
	ID uuid.UUID `json:"id"`
	// Hook names the receiver.
	Hook string `json:"hook"`
	// Seq is the audit event that the notice tells of.
	Seq  int64      `json:"seq"`
	Kind NoticeKind `json:"kind"`
	// Body is the JSON that is sent, the same at every try.
	Body  []byte        `json:"-"`
	State DeliveryState `json:"state"`
	// Attempts counts the tries so far.
	Attempts int        `json:"attempts"`
	NextAt   time.Time  `json:"next_at"`
	LastAt   *time.Time `json:"last_at"`
	// LastError says why the last try failed. It holds no secret.
	LastError string    `json:"last_error,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// DeliveryFilter chooses deliveries. A zero field chooses all.
type DeliveryFilter struct {
	State DeliveryState
	// Cursor is the Next of the page before.
	Cursor string
	// Limit is 50 where it is 0, and 200 at most.
	Limit int
}

// NoticeBook keeps what was told to whom.
type NoticeBook interface {
	// NoticeCursor returns the seq of the last event that was turned into notices for a
	// receiver; known is false where the receiver is new.
	NoticeCursor(ctx context.Context, hook string) (seq int64, known bool, err error)
	// AddDeliveries keeps deliveries and moves the cursor of their receiver from one seq
	// to another, together. It returns an error that matches [ErrConflict] where the
	// cursor stands elsewhere.
	AddDeliveries(ctx context.Context, hook string, from, to int64, new []Delivery) error
	// DueDeliveries returns at most limit waiting deliveries whose time has come, oldest
	// first.
	DueDeliveries(ctx context.Context, at time.Time, limit int) ([]Delivery, error)
	// NoteDelivery writes state, attempts, times and error of a delivery.
	NoteDelivery(ctx context.Context, d Delivery) error
	// Deliveries returns a page of deliveries, newest first. It returns an error that
	// matches [ErrUsage] where the cursor is none that a page gave.
	Deliveries(ctx context.Context, filter DeliveryFilter) (PageOf[Delivery], error)
	// DeliveryByID returns an error that matches [ErrNotFound] where there is none.
	DeliveryByID(ctx context.Context, id uuid.UUID) (Delivery, error)
}
