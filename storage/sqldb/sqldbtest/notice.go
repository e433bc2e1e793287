package sqldbtest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// apart is an event about no case.
func (b *bundle) apart(kind pipeline.EventKind, e *pipeline.Exception) pipeline.AuditEvent {
	b.Helper()
	data, err := pipeline.CanonicalJSON(map[string]any{"exception": e})
	require.NoError(b, err)
	return pipeline.AuditEvent{ID: uuid.Must(uuid.NewV7()), Time: b.now, Actor: Person("lena"), Kind: kind, Data: data}
}

func (b *bundle) except(scope string, until time.Time) pipeline.Exception {
	b.Helper()
	e := pipeline.Exception{ID: uuid.Must(uuid.NewV7()), Pack: "us-ear", Rule: "EAR-1", Scope: scope, Owner: "lena", Reason: pipeline.ReasonLicenceObtained, Comment: "licence 1",
		Until: until, By: pipeline.Actor{Name: "lena", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleLegal}}, At: b.now}
	require.NoError(b, b.book.AddException(b.Context(), e, b.apart(pipeline.EventExceptionGranted, &e)))
	return e
}

func (s Suite) exceptions(t *testing.T) {
	b := s.setup(t)
	day := 24 * time.Hour
	long := b.except("s3://b/team/", b.now.Add(9*day))
	short := b.except("s3://b/team/m/", b.now.Add(day))
	other := b.except("s3://b/te", b.now.Add(2*day)) // no folder: this source alone
	got, err := b.book.ExceptionByID(t.Context(), long.ID)
	require.NoError(t, err)
	require.Equal(t, long, got)
	idsOf := func(f pipeline.ExceptionFilter) []uuid.UUID {
		out, err := b.book.Exceptions(t.Context(), f)
		require.NoError(t, err)
		list := out.Items
		f.Limit = 1
		require.Equal(t, list, paged(t, 1, func(cursor string) (pipeline.PageOf[pipeline.Exception], error) {
			f.Cursor = cursor
			return b.book.Exceptions(t.Context(), f)
		}))
		ids := []uuid.UUID{}
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{other.ID, short.ID, long.ID}, idsOf(pipeline.ExceptionFilter{}), "newest first")
	require.Equal(t, []uuid.UUID{other.ID, long.ID}, idsOf(pipeline.ExceptionFilter{LiveAt: short.Until}))
	list := func(f pipeline.ExceptionFilter) []uuid.UUID {
		f.Order = pipeline.ExceptionsEnding
		return idsOf(f)
	}
	_, err = b.book.Exceptions(t.Context(), pipeline.ExceptionFilter{Order: "oldest"})
	require.ErrorIs(t, err, pipeline.ErrUsage)
	require.Equal(t, []uuid.UUID{short.ID, other.ID, long.ID}, list(pipeline.ExceptionFilter{}))
	require.Equal(t, []uuid.UUID{other.ID, long.ID}, list(pipeline.ExceptionFilter{LiveAt: short.Until}))
	require.Equal(t, []uuid.UUID{short.ID}, list(pipeline.ExceptionFilter{EndsBefore: other.Until}))
	require.Equal(t, []uuid.UUID{short.ID, long.ID}, list(pipeline.ExceptionFilter{Source: "s3://b/team/m/"}))
	require.Equal(t, []uuid.UUID{long.ID}, list(pipeline.ExceptionFilter{Source: "s3://b/team/n/", LiveAt: b.now}))
	require.Equal(t, []uuid.UUID{other.ID}, list(pipeline.ExceptionFilter{Source: "s3://b/te"}))
	require.Empty(t, list(pipeline.ExceptionFilter{Source: "s3://b/%"}))

	head := b.verify()
	end := b.now.Add(time.Hour)
	ended, err := b.book.EndException(t.Context(), long.ID, end, "ada", b.apart(pipeline.EventExceptionEnded, &long))
	require.NoError(t, err)
	long.EndedAt, long.EndedBy = &end, "ada"
	require.Equal(t, long, ended)
	require.Equal(t, []uuid.UUID{long.ID, short.ID, other.ID}, list(pipeline.ExceptionFilter{}), "what ended early ended first")
	require.Empty(t, list(pipeline.ExceptionFilter{Source: "s3://b/team/n/", LiveAt: b.now}))
	_, err = b.book.EndException(t.Context(), long.ID, end, "ada", b.apart(pipeline.EventExceptionEnded, &long))
	require.ErrorIs(t, err, pipeline.ErrTransition)
	_, err = b.book.EndException(t.Context(), short.ID, short.Until, "ada", b.apart(pipeline.EventExceptionEnded, &short))
	require.ErrorIs(t, err, pipeline.ErrTransition, "its time is over")
	_, err = b.book.EndException(t.Context(), uuid.UUID{1}, end, "ada", b.apart(pipeline.EventExceptionEnded, &long))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = b.book.ExceptionByID(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	require.Equal(t, head.Count+1, b.verify().Count)

	// The same mark is noted once.
	for _, want := range []bool{true, false} {
		noted, err := b.book.Note(t.Context(), "lapsing "+short.ID.String(), b.apart(pipeline.EventExceptionLapsing, &short))
		require.NoError(t, err)
		require.Equal(t, want, noted)
	}
	about := b.apart(pipeline.EventExceptionLapsing, &short)
	about.Case = &uuid.UUID{1}
	_, err = b.book.Note(t.Context(), "another", about)
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.Equal(t, head.Count+2, b.verify().Count)
}

// RestingOn names the cases that are approved, or go on towards it, by a vote that rests on
// the exception.
func (s Suite) restingOn(t *testing.T) {
	b := s.setup(t)
	e := b.except("s3://b/", b.now.Add(time.Hour))
	rest := func(source string, state pipeline.State) pipeline.Case {
		c := b.record(Weighing(source, "1", "1", pipeline.VerdictReview))
		d := pipeline.Decision{ID: uuid.Must(uuid.NewV7()), Case: c.ID, Round: 1, Actor: Person("ada"), Kind: pipeline.DecisionApprove,
			Reason: pipeline.ReasonLicenceObtained, Comment: "x", Exception: &e.ID, At: b.now}
		return b.amend(c.ID, pipeline.EventDecided, func(c *pipeline.Case) { c.State = state }, func(change *pipeline.CaseChange) {
			change.Decision = &d
			data, err := pipeline.CanonicalJSON(map[string]any{"decision": d, "seal": change.Case.Seal(), "version": change.Case.Version})
			require.NoError(t, err)
			change.Events[0].Data = data
		})
	}
	approved := rest("s3://b/1/", pipeline.StateApproved)
	claimed := rest("s3://b/2/", pipeline.StateClaimed)
	rest("s3://b/5/", pipeline.StateRejected)
	b.vote(b.record(Weighing("s3://b/3/", "1", "1", pipeline.VerdictReview)).ID, pipeline.DecisionApprove)
	again := rest("s3://b/4/", pipeline.StateApproved)
	b.amend(again.ID, pipeline.EventReopened, func(c *pipeline.Case) { c.Round++ })
	ids, err := b.book.RestingOn(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{approved.ID, claimed.ID}, ids)
	ids, err = b.book.RestingOn(t.Context(), uuid.UUID{1})
	require.NoError(t, err)
	require.Empty(t, ids)
	b.verify()
}

func (b *bundle) delivery(hook string, seq int64, kind pipeline.NoticeKind) pipeline.Delivery { //nolint:unparam // names stand together
	return pipeline.Delivery{ID: uuid.Must(uuid.NewV7()), Hook: hook, Seq: seq, Kind: kind, Body: []byte(fmt.Sprintf(`{"seq":%d}`, seq)),
		State: pipeline.DeliveryWaiting, NextAt: b.now.Add(time.Duration(seq) * time.Minute), CreatedAt: b.now}
}

func (s Suite) notices(t *testing.T) {
	b := s.setup(t)
	for i := range 4 {
		b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview))
	}
	seq, known, err := b.book.NoticeCursor(t.Context(), "chat")
	require.NoError(t, err)
	require.Equal(t, []any{int64(0), false}, []any{seq, known})
	add := func(from, to int64, d ...pipeline.Delivery) error {
		return b.book.AddDeliveries(t.Context(), "chat", from, to, d)
	}
	require.NoError(t, add(0, 1), "a receiver may begin with what comes")
	two, three := b.delivery("chat", 2, pipeline.NoticeReview), b.delivery("chat", 3, pipeline.NoticeReview)
	require.ErrorIs(t, add(0, 3, two, three), pipeline.ErrConflict)
	require.ErrorIs(t, add(1, 0), pipeline.ErrConflict)
	require.ErrorIs(t, add(1, 2, three), pipeline.ErrInvalid)
	require.ErrorIs(t, add(1, 2, b.delivery("mail", 2, pipeline.NoticeReview)), pipeline.ErrInvalid)
	require.NoError(t, add(1, 3, three, two))
	require.ErrorIs(t, add(1, 3, two, three), pipeline.ErrConflict, "nothing is told twice")
	seq, known, err = b.book.NoticeCursor(t.Context(), "chat")
	require.NoError(t, err)
	require.Equal(t, []any{int64(3), true}, []any{seq, known})
	_, known, err = b.book.NoticeCursor(t.Context(), "mail")
	require.NoError(t, err)
	require.False(t, known)

	due := func(at time.Time, limit int) []pipeline.Delivery {
		out, err := b.book.DueDeliveries(t.Context(), at, limit)
		require.NoError(t, err)
		return out
	}
	require.Empty(t, due(b.now, 9))
	require.Equal(t, []pipeline.Delivery{two}, due(two.NextAt, 9))
	require.Equal(t, []pipeline.Delivery{two, three}, due(three.NextAt, 9))
	require.Equal(t, []pipeline.Delivery{two}, due(three.NextAt, 1))

	tried := b.now.Add(time.Hour)
	two.State, two.Attempts, two.LastAt, two.LastError, two.NextAt = pipeline.DeliveryDead, 12, &tried, "it answered 500", tried
	require.NoError(t, b.book.NoteDelivery(t.Context(), two))
	got, err := b.book.DeliveryByID(t.Context(), two.ID)
	require.NoError(t, err)
	require.Equal(t, two, got)
	require.Equal(t, []pipeline.Delivery{three}, due(tried, 9))
	for state, want := range map[pipeline.DeliveryState][]pipeline.Delivery{"": {three, two}, pipeline.DeliveryDead: {two}, pipeline.DeliveryWaiting: {three}, pipeline.DeliveryDelivered: {}} {
		for _, limit := range []int{0, 1} {
			require.Equal(t, want, paged(t, limit, func(cursor string) (pipeline.PageOf[pipeline.Delivery], error) {
				return b.book.Deliveries(t.Context(), pipeline.DeliveryFilter{State: state, Cursor: cursor, Limit: limit})
			}), state)
		}
	}
	_, err = b.book.DeliveryByID(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	require.ErrorIs(t, b.book.NoteDelivery(t.Context(), b.delivery("chat", 2, pipeline.NoticeReview)), pipeline.ErrNotFound)
	require.True(t, json.Valid(got.Body))
}

// Several processes turn the same events into notices: each event is told once.
func (s Suite) noticesOnce(t *testing.T) {
	b := s.setup(t)
	for i := range 9 {
		b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview))
	}
	second := b.open()
	defer func() { require.NoError(t, second.Close()) }()
	books := []Book{b.book, second}
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			book := books[i%2]
			for {
				at, _, err := book.NoticeCursor(t.Context(), "chat")
				if err != nil || at == 9 {
					errs[i] = err
					return
				}
				err = book.AddDeliveries(t.Context(), "chat", at, at+1, []pipeline.Delivery{b.delivery("chat", at+1, pipeline.NoticeReview)})
				if err != nil && pipeline.ErrorCode(err) != pipeline.CodeConflict {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	list, err := b.book.Deliveries(t.Context(), pipeline.DeliveryFilter{})
	require.NoError(t, err)
	require.Len(t, list.Items, 9)
}
