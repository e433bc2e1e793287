package sqldbtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

func (b *bundle) ask(source, by string) pipeline.Check {
	b.Helper()
	c := pipeline.Check{ID: uuid.Must(uuid.NewV7()), Source: source, By: pipeline.Actor{Name: by, Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}},
		State: pipeline.CheckQueued, CreatedAt: b.now}
	require.NoError(b, b.book.AddCheck(b.Context(), c, nil))
	return c
}

func (s Suite) checks(t *testing.T) {
	b := s.setup(t)
	was := b.record(Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview))
	country := "KR"
	sub := &pipeline.Submission{Destination: pipeline.Destination{Country: &country}}
	digest := pipeline.SubmissionDigest(sub)
	full := pipeline.Check{ID: uuid.Must(uuid.NewV7()), Source: "s3://b/m/", SubmissionDigest: &digest, Packs: []string{"kr", "cn"}, Hash: true, Replaces: &was.ID,
		By: pipeline.Actor{Name: "Sam", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}}, State: pipeline.CheckQueued, CreatedAt: b.now}
	require.ErrorIs(t, b.book.AddCheck(t.Context(), full, nil), pipeline.ErrInvalid)
	require.NoError(t, b.book.AddCheck(t.Context(), full, sub))
	got, err := b.book.CheckByID(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, full, got)
	said, err := b.book.CheckSubmission(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, sub, said)

	plain := b.ask("s3://b/n/", "rita")
	said, err = b.book.CheckSubmission(t.Context(), plain.ID)
	require.NoError(t, err)
	require.Nil(t, said)
	failed := b.ask("s3://b/o/", "sam")
	failure := &pipeline.CheckFailure{Code: pipeline.CodeDenied, Message: "the bucket refused", Hint: "ask for it"}
	end := b.now.Add(time.Minute)
	require.ErrorIs(t, b.book.EndCheck(t.Context(), failed.ID, pipeline.CheckOutcome{At: end}), pipeline.ErrInvalid)
	require.ErrorIs(t, b.book.EndCheck(t.Context(), failed.ID, pipeline.CheckOutcome{Case: &was.ID, Failure: failure, At: end}), pipeline.ErrInvalid)
	require.NoError(t, b.book.EndCheck(t.Context(), failed.ID, pipeline.CheckOutcome{Failure: failure, At: end}))
	failed.State, failed.Failure, failed.EndedAt = pipeline.CheckFailed, failure, &end

	list := func(f pipeline.CheckFilter) []pipeline.Check {
		page, err := b.book.Checks(t.Context(), f)
		require.NoError(t, err)
		f.Limit = 1
		if walked := paged(t, 1, func(cursor string) (pipeline.PageOf[pipeline.Check], error) {
			f.Cursor = cursor
			return b.book.Checks(t.Context(), f)
		}); page.Next == "" {
			require.Equal(t, page.Items, walked)
		}
		return page.Items
	}
	require.Equal(t, []pipeline.Check{failed, plain, full}, list(pipeline.CheckFilter{}))
	require.Equal(t, []pipeline.Check{failed}, list(pipeline.CheckFilter{Limit: 1}))
	require.Equal(t, []pipeline.Check{failed, full}, list(pipeline.CheckFilter{By: "SAM"}))
	require.Equal(t, []pipeline.Check{plain, full}, list(pipeline.CheckFilter{Active: true}))
	require.Equal(t, []pipeline.Check{full}, list(pipeline.CheckFilter{Active: true, By: "sam"}))
	require.Empty(t, list(pipeline.CheckFilter{By: "nobody"}))

	// A check that was asked for through a link is found by that link alone.
	one, two := b.link(was.ID), b.link(was.ID)
	through := pipeline.Check{ID: uuid.Must(uuid.NewV7()), Source: "s3://b/m/", By: full.By, Link: &one.ID, State: pipeline.CheckQueued, CreatedAt: b.now}
	require.NoError(t, b.book.AddCheck(t.Context(), through, nil))
	require.Equal(t, []pipeline.Check{through}, list(pipeline.CheckFilter{Link: &one.ID}))
	require.Empty(t, list(pipeline.CheckFilter{Link: &two.ID}))

	for _, missing := range []func(uuid.UUID) error{
		func(id uuid.UUID) error { _, err := b.book.CheckByID(t.Context(), id); return err },
		func(id uuid.UUID) error { _, err := b.book.CheckSubmission(t.Context(), id); return err },
		func(id uuid.UUID) error {
			_, _, err := b.book.StartCheck(t.Context(), id, "w", b.now, b.now.Add(time.Minute))
			return err
		},
		func(id uuid.UUID) error {
			return b.book.EndCheck(t.Context(), id, pipeline.CheckOutcome{Failure: failure, At: end})
		},
	} {
		require.ErrorIs(t, missing(uuid.UUID{1}), pipeline.ErrNotFound)
	}
}

// A check goes from worker to worker only when the lease of the one before has ended, and
// what a worker that lost it does is refused.
func (s Suite) checkLease(t *testing.T) {
	b := s.setup(t)
	c := b.ask("s3://b/m/", "sam")
	stale := func(at time.Time) []uuid.UUID {
		ids, err := b.book.StaleChecks(t.Context(), at, 9)
		require.NoError(t, err)
		return ids
	}
	start := func(worker string, at time.Time) (pipeline.Check, bool) {
		got, ok, err := b.book.StartCheck(t.Context(), c.ID, worker, at, at.Add(time.Minute))
		require.NoError(t, err)
		return got, ok
	}
	move := func(worker string, lease time.Time) bool {
		ok, err := b.book.MoveCheck(t.Context(), c.ID, worker, pipeline.CheckProgress{Objects: 9, Inspected: 5, Bytes: 7, Hashed: 3}, lease)
		require.NoError(t, err)
		return ok
	}
	require.Equal(t, []uuid.UUID{c.ID}, stale(b.now))
	require.False(t, move("one", b.now), "nobody has it")
	first, ok := start("one", b.now)
	require.True(t, ok)
	lease := b.now.Add(time.Minute)
	require.Equal(t, []any{pipeline.CheckRunning, 1, b.now, lease}, []any{first.State, first.Attempt, *first.StartedAt, *first.LeaseUntil})
	require.Empty(t, stale(lease.Add(-time.Microsecond)))
	held, ok := start("two", lease.Add(-time.Microsecond))
	require.False(t, ok)
	require.Equal(t, first, held)

	require.True(t, move("one", lease.Add(time.Minute)))
	require.Empty(t, stale(lease))
	got, err := b.book.CheckByID(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []int64{9, 5, 7, 3}, []int64{got.Objects, got.Inspected, got.Bytes, got.Hashed})
	lease = lease.Add(time.Minute)
	require.Equal(t, []uuid.UUID{c.ID}, stale(lease))

	second, ok := start("two", lease)
	require.True(t, ok)
	require.Equal(t, 2, second.Attempt)
	require.Zero(t, second.Objects, "progress begins again")
	require.False(t, move("one", lease.Add(time.Hour)), "it belongs to another")
	_, ok = start("one", lease.Add(time.Second))
	require.False(t, ok)
	require.True(t, move("two", lease.Add(time.Hour)))

	kept := b.record(Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview))
	end := lease.Add(time.Hour)
	require.NoError(t, b.book.EndCheck(t.Context(), c.ID, pipeline.CheckOutcome{Case: &kept.ID, Verdict: kept.Verdict, At: end}))
	require.NoError(t, b.book.EndCheck(t.Context(), c.ID, pipeline.CheckOutcome{Failure: &pipeline.CheckFailure{Code: pipeline.CodeInternal}, At: end}), "one that has ended stays as it is")
	got, ok = start("three", end.Add(time.Hour))
	require.False(t, ok)
	require.Equal(t, []any{pipeline.CheckDone, kept.ID, kept.Verdict, end, true}, []any{got.State, *got.Case, got.Verdict, *got.EndedAt, got.Failure == nil && got.LeaseUntil == nil})
	require.False(t, move("two", end))
	require.Empty(t, stale(end.Add(time.Hour)))
}

// Many workers of two processes reach for the same checks: each is begun once.
func (s Suite) checkOneWorker(t *testing.T) {
	b := s.setup(t)
	second := b.open()
	defer func() { require.NoError(t, second.Close()) }()
	books := []Book{b.book, second}
	var ids []uuid.UUID
	for i := range 5 {
		ids = append(ids, b.ask(fmt.Sprint("s3://b/", i, "/"), "sam").ID)
	}
	var mu sync.Mutex
	won := map[uuid.UUID]int{}
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() {
			for _, id := range ids {
				_, ok, err := books[i%2].StartCheck(t.Context(), id, fmt.Sprint("worker ", i), b.now, b.now.Add(time.Minute))
				if err != nil {
					errs[i] = err
					return
				}
				if ok {
					mu.Lock()
					won[id]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, id := range ids {
		require.Equal(t, 1, won[id])
		c, err := b.book.CheckByID(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, 1, c.Attempt)
	}
}
