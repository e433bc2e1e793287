// Package notice turns the audit log into notices for other systems: which event tells
// what, to whom, and when it is tried again. The log is read by cursor, one for each
// receiver, and the cursor moves in the same transaction that keeps the notices: nothing
// is forgotten, and nothing is turned into a notice twice. What is kept is then sent at
// least once; a receiver tells repetitions by the message's id.
//
// Messages and signatures are those of Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
// A notice says which case and what happened, never what was submitted.
package notice

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// Hook is a receiver.
type Hook struct {
	// Name is its name in the configuration, by which its cursor is kept.
	Name string
	// Kinds are what it is told of; none means everything.
	Kinds []pipeline.NoticeKind
}

func (h Hook) wants(kind pipeline.NoticeKind) bool {
	return len(h.Kinds) == 0 || slices.Contains(h.Kinds, kind)
}

// Log is what notices are made from.
type Log interface {
	AuditHead(ctx context.Context) (pipeline.AuditHead, error)
	AuditEvents(ctx context.Context, after int64, limit int) ([]pipeline.AuditEvent, error)
	Case(ctx context.Context, id uuid.UUID) (pipeline.Case, error)
}

// Sender sends one notice to its receiver. An error that matches [ErrGone] ends the
// notice; after any other it is tried again.
type Sender interface {
	Send(ctx context.Context, d pipeline.Delivery) error
}

// ErrGone says that the receiver wants nothing any more (410), or is not configured any
// more.
var ErrGone = errors.New("the receiver is gone")

// Teller makes notices and sends them.
type Teller struct {
	Log    Log
	Book   pipeline.NoticeBook
	Sender Sender
	Hooks  []Hook
	// URL is how browsers reach the desk, without a slash at the end; "" leaves links out.
	URL string
	Now func() time.Time
}

// batch is how many events, or deliveries, are taken at a time.
const batch = 200

// kinds says which event is told as what.
var kinds = map[pipeline.EventKind]pipeline.NoticeKind{
	pipeline.EventOpened:           pipeline.NoticeReview,
	pipeline.EventReopened:         pipeline.NoticeReopened,
	pipeline.EventAssigned:         pipeline.NoticeAssigned,
	pipeline.EventAnswered:         pipeline.NoticeAnswered,
	pipeline.EventApproved:         pipeline.NoticeDecided,
	pipeline.EventRejected:         pipeline.NoticeDecided,
	pipeline.EventChangesRequested: pipeline.NoticeDecided,
	pipeline.EventOverdue:          pipeline.NoticeOverdue,
	pipeline.EventExpired:          pipeline.NoticeExpired,
	pipeline.EventRevoked:          pipeline.NoticeRevoked,
	pipeline.EventExceptionLapsing: pipeline.NoticeException,
}

// Collect turns new events into deliveries for every receiver, and returns how many
// deliveries there are. A receiver that is new begins at the end of the log.
func (t *Teller) Collect(ctx context.Context) (int, error) {
	made := 0
	for _, hook := range t.Hooks {
		n, err := t.collect(ctx, hook)
		made += n
		if err != nil && !errors.Is(err, pipeline.ErrConflict) { // another process did it
			return made, fmt.Errorf("make notices for %s: %w", hook.Name, err)
		}
	}
	return made, nil
}

func (t *Teller) collect(ctx context.Context, hook Hook) (made int, err error) {
	from, known, err := t.Book.NoticeCursor(ctx, hook.Name)
	if err != nil {
		return 0, err
	}
	if !known {
		head, err := t.Log.AuditHead(ctx)
		if err != nil {
			return 0, err
		}
		return 0, t.Book.AddDeliveries(ctx, hook.Name, 0, head.Count, nil)
	}
	for {
		events, err := t.Log.AuditEvents(ctx, from, batch)
		if err != nil || len(events) == 0 {
			return made, err
		}
		var list []pipeline.Delivery
		for _, e := range events {
			kind, told := kinds[e.Kind]
			if !told || !hook.wants(kind) {
				continue
			}
			d, err := t.delivery(ctx, hook, kind, e)
			if err != nil {
				return made, err
			}
			list = append(list, d)
		}
		to := events[len(events)-1].Seq
		if err := t.Book.AddDeliveries(ctx, hook.Name, from, to, list); err != nil {
			return made, err
		}
		made, from = made+len(list), to
	}
}

// Message is the body of a notice.
type Message struct {
	Type      pipeline.NoticeKind `json:"type"`
	Timestamp time.Time           `json:"timestamp"`
	Data      Data                `json:"data"`
}

// Data says what happened to what.
type Data struct {
	// Seq is the audit event.
	Seq   int64              `json:"seq"`
	Event pipeline.EventKind `json:"event"`
	Actor string             `json:"actor"`
	// Case and what follows is left out where the event is about no case. State is the one
	// right after the event; the rest is as it was when the notice was made.
	Case     *uuid.UUID           `json:"case,omitempty"`
	Source   string               `json:"source,omitempty"`
	State    pipeline.State       `json:"state,omitempty"`
	Verdict  pipeline.Verdict     `json:"verdict,omitempty"`
	Params   *pipeline.CaseParams `json:"params,omitempty"`
	Assignee string               `json:"assignee,omitempty"`
	DueAt    *time.Time           `json:"due_at,omitempty"`
	// Exception is set for a notice about one.
	Exception *pipeline.Exception `json:"exception,omitempty"`
	URL       string              `json:"url,omitempty"`
}

func (t *Teller) delivery(ctx context.Context, hook Hook, kind pipeline.NoticeKind, e pipeline.AuditEvent) (pipeline.Delivery, error) {
	m := Message{Type: kind, Timestamp: e.Time, Data: Data{Seq: e.Seq, Event: e.Kind, Actor: e.Actor.Name, Case: e.Case}}
	var said struct {
		State     pipeline.State      `json:"state"`
		Exception *pipeline.Exception `json:"exception"`
	}
	if err := json.Unmarshal(e.Data, &said); err != nil {
		return pipeline.Delivery{}, fmt.Errorf("read event %d: %w", e.Seq, err)
	}
	m.Data.State, m.Data.Exception = said.State, said.Exception
	if e.Case != nil {
		c, err := t.Log.Case(ctx, *e.Case)
		if err != nil {
			return pipeline.Delivery{}, err
		}
		m.Data.Source, m.Data.Verdict, m.Data.Params, m.Data.DueAt = c.Source, c.Verdict, &c.Params, c.DueAt
		if c.Assignee != nil {
			m.Data.Assignee = *c.Assignee
		}
		if t.URL != "" {
			m.Data.URL = t.URL + "/cases/" + c.ID.String()
		}
	} else if t.URL != "" {
		m.Data.URL = t.URL + "/exceptions"
	}
	body, err := json.Marshal(m)
	if err != nil {
		return pipeline.Delivery{}, fmt.Errorf("write a notice: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return pipeline.Delivery{}, fmt.Errorf("make an id: %w", err)
	}
	now := t.Now().UTC().Truncate(time.Microsecond)
	return pipeline.Delivery{ID: id, Hook: hook.Name, Seq: e.Seq, Kind: kind, Body: body, State: pipeline.DeliveryWaiting, NextAt: now, CreatedAt: now}, nil
}

// Waits are the times between tries, as the specification proposes them. After the last
// the notice is dead.
func Waits() []time.Duration {
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
}

// errorMax bounds what is kept of an error, in bytes.
const errorMax = 300

// Deliver sends what is due, one receiver's notices in their order, and returns how many
// were taken. A receiver that fails keeps nobody else waiting, and its later notices wait
// for their own time.
func (t *Teller) Deliver(ctx context.Context) (int, error) {
	taken := 0
	for {
		due, err := t.Book.DueDeliveries(ctx, t.Now(), batch)
		if err != nil || len(due) == 0 {
			return taken, err
		}
		for _, d := range due {
			if err := ctx.Err(); err != nil {
				return taken, err
			}
			err := t.Sender.Send(ctx, d)
			if ctx.Err() != nil {
				return taken, ctx.Err() // the process stops; this was no try
			}
			if err == nil {
				taken++
			}
			if err := t.Book.NoteDelivery(ctx, t.noted(d, err)); err != nil {
				return taken, err
			}
		}
	}
}

// noted is a delivery after one more try.
func (t *Teller) noted(d pipeline.Delivery, err error) pipeline.Delivery {
	now := t.Now().UTC().Truncate(time.Microsecond)
	waits := Waits()
	d.Attempts++
	d.LastAt, d.LastError = &now, ""
	if err == nil {
		d.State = pipeline.DeliveryDelivered
		return d
	}
	d.LastError = strings.ToValidUTF8(err.Error(), "?")
	if len(d.LastError) > errorMax {
		d.LastError = strings.ToValidUTF8(d.LastError[:errorMax], "")
	}
	if errors.Is(err, ErrGone) || d.Attempts > len(waits) {
		d.State = pipeline.DeliveryDead
		return d
	}
	wait := waits[d.Attempts-1]
	wait += time.Duration(rand.Int64N(int64(wait)/10 + 1)) //nolint:gosec // spreads load, guards nothing
	d.NextAt = now.Add(wait).Truncate(time.Microsecond)
	return d
}

// Retry has a dead or waiting notice tried again now.
func (t *Teller) Retry(ctx context.Context, id uuid.UUID) (pipeline.Delivery, error) {
	d, err := t.Book.DeliveryByID(ctx, id)
	if err != nil {
		return d, err
	}
	if d.State == pipeline.DeliveryDelivered {
		return d, &pipeline.Error{Code: pipeline.CodeTransition, Message: "the notice was delivered", Hint: "the receiver has answered that it took it"}
	}
	d.State, d.Attempts, d.NextAt = pipeline.DeliveryWaiting, 0, t.Now().UTC().Truncate(time.Microsecond)
	return d, t.Book.NoteDelivery(ctx, d)
}

// SecretPrefix begins a secret in its written form.
const SecretPrefix = "whsec_"

// ParseSecret reads a secret: "whsec_" and 24 to 64 bytes in base64. An error matches
// [pipeline.ErrInvalid] and holds nothing of the secret.
func ParseSecret(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), SecretPrefix))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the secret of a receiver is not whsec_ and 24 to 64 bytes in base64",
			Hint: "make one with: echo whsec_$(openssl rand -base64 32)"}
	}
	return key, nil
}

// Sign returns the signature of a message: "v1," and the base64 of HMAC-SHA256 over id,
// the time in seconds, and the body, joined by dots. With several secrets, which there
// are while one is replaced, it returns one signature for each, with spaces between.
func Sign(secrets [][]byte, id string, at time.Time, body []byte) string {
	var out []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, " ")
}
