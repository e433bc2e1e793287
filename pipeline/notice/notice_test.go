package notice_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"net/http"
	"strconv"

	"weighbridge/pipeline"
	"weighbridge/pipeline/notice"
)

// log is an audit log and its cases, in memory.
type log struct {
	mu     sync.Mutex
	events []pipeline.AuditEvent
	cases  map[uuid.UUID]pipeline.Case
}

func (l *log) add(kind pipeline.EventKind, id *uuid.UUID, data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, pipeline.AuditEvent{Seq: int64(len(l.events) + 1), Kind: kind, Case: id, Data: json.RawMessage(data),
		Actor: pipeline.Actor{Name: "rita"}, Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)})
}

func (l *log) AuditHead(context.Context) (pipeline.AuditHead, error) {
	return pipeline.AuditHead{Count: int64(len(l.events))}, nil
}

func (l *log) AuditEvents(_ context.Context, after int64, limit int) ([]pipeline.AuditEvent, error) {
	rest := l.events[min(int(after), len(l.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (l *log) Case(_ context.Context, id uuid.UUID) (pipeline.Case, error) {
	c, ok := l.cases[id]
	if !ok {
		return c, pipeline.ErrNotFound
	}
	return c, nil
}

// book is a book of notices in memory.
type book struct {
	mu      sync.Mutex
	cursors map[string]int64
	list    []pipeline.Delivery
}

func (b *book) NoticeCursor(_ context.Context, hook string) (int64, bool, error) {
	seq, known := b.cursors[hook]
	return seq, known, nil
}

func (b *book) AddDeliveries(_ context.Context, hook string, from, to int64, list []pipeline.Delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cursors[hook] != from {
		return pipeline.ErrConflict
	}
	b.cursors[hook] = to
	b.list = append(b.list, list...)
	return nil
}

func (b *book) DueDeliveries(_ context.Context, at time.Time, limit int) ([]pipeline.Delivery, error) {
	var out []pipeline.Delivery
	for _, d := range b.list {
		if d.State == pipeline.DeliveryWaiting && !d.NextAt.After(at) && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

func (b *book) NoteDelivery(_ context.Context, d pipeline.Delivery) error {
	i := slices.IndexFunc(b.list, func(o pipeline.Delivery) bool { return o.ID == d.ID })
	if i < 0 {
		return pipeline.ErrNotFound
	}
	b.list[i] = d
	return nil
}

func (b *book) Deliveries(context.Context, pipeline.DeliveryFilter) (pipeline.PageOf[pipeline.Delivery], error) {
	return pipeline.PageOf[pipeline.Delivery]{Items: b.list}, nil
}

func (b *book) DeliveryByID(_ context.Context, id uuid.UUID) (pipeline.Delivery, error) {
	i := slices.IndexFunc(b.list, func(o pipeline.Delivery) bool { return o.ID == id })
	if i < 0 {
		return pipeline.Delivery{}, pipeline.ErrNotFound
	}
	return b.list[i], nil
}

type sender func(pipeline.Delivery) error

func (s sender) Send(_ context.Context, d pipeline.Delivery) error { return s(d) }

func newTeller(hooks ...notice.Hook) (*notice.Teller, *log, *book, *time.Time) {
	l := &log{cases: map[uuid.UUID]pipeline.Case{}}
	b := &book{cursors: map[string]int64{}}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	return &notice.Teller{Log: l, Book: b, Hooks: hooks, URL: "https://desk.example.org", Now: func() time.Time { return now }}, l, b, &now
}

// Every event that somebody should hear of is told once to each receiver that asked for
// it, and nothing from before the receiver was there.
func TestCollect(t *testing.T) {
	t.Parallel()
	teller, l, b, _ := newTeller(notice.Hook{Name: "all"}, notice.Hook{Name: "few", Kinds: []pipeline.NoticeKind{pipeline.NoticeDecided}})
	id, lower, who := uuid.Must(uuid.NewV7()), int64(11), "ravi"
	l.cases[id] = pipeline.Case{ID: id, Source: "s3://b/m/", Verdict: pipeline.VerdictReview, Assignee: &who, Params: pipeline.CaseParams{Lower: &lower}}
	l.add(pipeline.EventOpened, &id, `{"state":"open"}`)
	made, err := teller.Collect(t.Context())
	require.NoError(t, err)
	require.Zero(t, made, "it happened before anybody was there to be told")

	for range 3 {
		l.add(pipeline.EventCommented, &id, `{"state":"open","text":"a secret of the submitter"}`)
	}
	l.add(pipeline.EventAssigned, &id, `{"state":"open"}`)
	l.add(pipeline.EventRejected, &id, `{"state":"rejected"}`)
	l.add(pipeline.EventExceptionLapsing, nil, `{"exception":{"owner":"lena"}}`)
	for range 500 { // more than one batch
		l.add(pipeline.EventTokenMade, nil, `{}`)
	}
	l.add(pipeline.EventReopened, &id, `{"state":"open"}`)
	made, err = teller.Collect(t.Context())
	require.NoError(t, err)
	require.Equal(t, 5, made)
	again, err := teller.Collect(t.Context())
	require.NoError(t, err)
	require.Zero(t, again)

	var told []string
	for _, d := range b.list {
		told = append(told, d.Hook+" "+string(d.Kind))
		require.NotContains(t, string(d.Body), "a secret")
	}
	require.Equal(t, []string{"all case.assigned", "all case.decided", "all exception.lapsing", "all case.reopened", "few case.decided"}, told)
	var m notice.Message
	require.NoError(t, json.Unmarshal(b.list[1].Body, &m))
	require.Equal(t, pipeline.NoticeDecided, m.Type)
	require.Equal(t, notice.Data{Seq: 6, Event: pipeline.EventRejected, Actor: "rita", Case: &id, Source: "s3://b/m/", State: pipeline.StateRejected,
		Verdict: pipeline.VerdictReview, Params: &pipeline.CaseParams{Lower: &lower}, Assignee: "ravi", URL: "https://desk.example.org/cases/" + id.String()}, m.Data)
	require.NoError(t, json.Unmarshal(b.list[2].Body, &m))
	require.Equal(t, "lena", m.Data.Exception.Owner)
	require.Equal(t, "https://desk.example.org/exceptions", m.Data.URL)
}

// A process that collects at the same time makes no second notice.
func TestCollect_AtTheSameMoment(t *testing.T) {
	t.Parallel()
	teller, l, b, _ := newTeller(notice.Hook{Name: "all"})
	_, err := teller.Collect(t.Context())
	require.NoError(t, err)
	l.add(pipeline.EventExceptionLapsing, nil, `{}`)
	b.cursors["all"] = 1 // the other was faster
	made, err := teller.Collect(t.Context())
	require.NoError(t, err)
	require.Zero(t, made)
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	teller, l, b, now := newTeller(notice.Hook{Name: "all"})
	_, err := teller.Collect(t.Context())
	require.NoError(t, err)
	l.add(pipeline.EventExceptionLapsing, nil, `{}`)
	_, err = teller.Collect(t.Context())
	require.NoError(t, err)

	var ids []uuid.UUID
	fault := errors.New("it answered 500")
	teller.Sender = sender(func(d pipeline.Delivery) error { ids = append(ids, d.ID); return fault })
	for range notice.Waits() {
		taken, err := teller.Deliver(t.Context())
		require.NoError(t, err)
		require.Zero(t, taken)
		d := b.list[0]
		require.Equal(t, pipeline.DeliveryWaiting, d.State)
		require.Equal(t, "it answered 500", d.LastError)
		wait := notice.Waits()[d.Attempts-1]
		require.False(t, d.NextAt.Before(now.Add(wait)))
		require.False(t, d.NextAt.After(now.Add(wait+wait/10)))
		*now = d.NextAt
	}
	_, err = teller.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, pipeline.DeliveryDead, b.list[0].State)
	require.Equal(t, len(notice.Waits())+1, b.list[0].Attempts)
	require.Len(t, slices.Compact(ids), 1, "the id is the same at every try")

	fault = nil
	_, err = teller.Retry(t.Context(), ids[0])
	require.NoError(t, err)
	taken, err := teller.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, taken)
	require.Equal(t, pipeline.DeliveryDelivered, b.list[0].State)
	_, err = teller.Retry(t.Context(), ids[0])
	require.ErrorIs(t, err, pipeline.ErrTransition)

	l.add(pipeline.EventExceptionLapsing, nil, `{}`)
	_, err = teller.Collect(t.Context())
	require.NoError(t, err)
	fault = notice.ErrGone
	_, err = teller.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, pipeline.DeliveryDead, b.list[1].State, "who is gone is not asked again")
}

// The library of the specification accepts the signatures.
func TestSign(t *testing.T) {
	t.Parallel()
	const old, fresh = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	var secrets [][]byte
	for _, text := range []string{fresh, old} {
		secret, err := notice.ParseSecret(text + "\n")
		require.NoError(t, err)
		secrets = append(secrets, secret)
	}
	body, at := []byte(`{"test": 2432232314}`), time.Now()
	headers := http.Header{}
	headers.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	headers.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	headers.Set("webhook-signature", notice.Sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body))
	for _, text := range []string{fresh, old} {
		verifier, err := standardwebhooks.NewWebhook(text)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(body, headers))
		require.Error(t, verifier.Verify([]byte(`{}`), headers))
	}
	// The specification's own example.
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		notice.Sign(secrets[1:], "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body))

	for _, text := range []string{"", "whsec_", "whsec_!!!", "whsec_AAAA", "whsec_" + string(make([]byte, 200))} {
		_, err := notice.ParseSecret(text)
		require.ErrorIs(t, err, pipeline.ErrInvalid)
	}
}
