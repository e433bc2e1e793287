package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
	"weighbridge/pipeline/report"
)

const (
	// DefaultLease is how long a check belongs to a worker that says nothing. Progress is
	// told at least three times in that time.
	DefaultLease = 90 * time.Second
	// checkTries is how often a check is begun before a fault that may pass ends it.
	checkTries = 5
	// checkBegins is how often a check is begun in all, also after the process was stopped
	// or killed: one that kills it each time must not keep the desk from starting.
	checkBegins = 10
	// progressEvery is the least time between two notes of progress.
	progressEvery = 500 * time.Millisecond
)

// RunCheck runs a check that was asked for: it weighs, judges and queues the source as
// who asked, and notes how far it is. Where again is not 0 it is to be tried again after
// that time. A check that has ended, or that another worker has, is left alone. Recording
// a source twice makes no second case, so a check that was cut off between the case and
// its own end is just run again.
func (s *Service) RunCheck(ctx context.Context, id uuid.UUID, worker string) (again time.Duration, err error) {
	db := s.Queue.DB
	now := s.Now()
	check, ok, err := db.StartCheck(ctx, id, worker, now, now.Add(s.lease()))
	if err != nil || !ok {
		return 0, err
	}
	if check.Attempt > checkBegins {
		s.App.Logger.Error("a check was begun again and again and never ended", "check", id, "times", checkBegins)
		return 0, db.EndCheck(ctx, id, pipeline.CheckOutcome{At: now, Failure: &pipeline.CheckFailure{Code: pipeline.CodeInternal,
			Message: fmt.Sprintf("the check was begun %d times and never ended: each time the desk stopped", checkBegins),
			Hint:    "check the source by hand, where that stops nobody else: weighbridge check SOURCE"}})
	}
	beat := &heartbeat{service: s, check: check.ID, worker: worker, told: now}
	outcome, err := beat.during(ctx, func(ctx context.Context) (pipeline.CheckOutcome, error) { return s.runCheck(ctx, check, beat) })
	switch {
	case errors.Is(err, errLeaseLost):
		return 0, nil
	case ctx.Err() != nil:
		// The process stops: the check is handed back, for whoever works next.
		_, err := db.MoveCheck(context.WithoutCancel(ctx), id, worker, beat.seen(), s.Now())
		return 0, err
	case err != nil && passing(err) && check.Attempt < checkTries:
		wait := time.Duration(1<<check.Attempt) * 5 * time.Second
		_, moved := db.MoveCheck(ctx, id, worker, beat.seen(), s.Now())
		return wait, moved
	case err != nil:
		failure := report.FailureOf(err)
		outcome = pipeline.CheckOutcome{Failure: &pipeline.CheckFailure{Code: failure.Code, Message: failure.Message, Hint: failure.Hint}}
		s.App.Logger.Warn("a check failed", "check", id, "code", failure.Code)
	}
	outcome.At = s.Now()
	return 0, db.EndCheck(ctx, id, outcome)
}

func (s *Service) lease() time.Duration {
	if s.Lease > 0 {
		return s.Lease
	}
	return DefaultLease
}

// passing reports whether a fault may pass by itself.
func passing(err error) bool {
	return errors.Is(err, pipeline.ErrUnavailable) || errors.Is(err, pipeline.ErrChanged)
}

// runCheck weighs and records.
func (s *Service) runCheck(ctx context.Context, check pipeline.Check, beat *heartbeat) (pipeline.CheckOutcome, error) {
	none := pipeline.CheckOutcome{}
	declared, err := s.Queue.DB.CheckSubmission(ctx, check.ID)
	if err != nil {
		return none, err
	}
	selected, err := s.PacksNamed(check.Packs)
	if err != nil {
		return none, err
	}
	a := *s.App
	a.Observer = beat
	w, err := a.Weigh(ctx, Run{Source: check.Source, Declared: declared, Selected: selected, AsOf: s.Now(), Keep: true, Hash: check.Hash,
		NoSubmission: declared != nil})
	if err != nil {
		return none, err
	}
	// What is recorded is recorded by who holds the check, and by nobody else.
	if err := beat.note(ctx, true); err != nil {
		return none, err
	}
	c, err := s.Queue.Record(ctx, w, check.By)
	if err != nil {
		return none, err
	}
	if err := s.giveWay(ctx, check, c); err != nil {
		return none, err
	}
	if _, err := s.Queue.SignWhereDue(ctx, c, s.Signer, check.By, s.Now()); err != nil {
		s.App.Logger.Error("an approval could not be signed", "case", c.ID, "error", err)
	}
	return pipeline.CheckOutcome{Case: &c.ID, Verdict: w.Report.Verdict}, nil
}

// giveWay lets the case that was answered give way to the new one. That it has been
// settled meanwhile, or gave way already, is no fault.
func (s *Service) giveWay(ctx context.Context, check pipeline.Check, c pipeline.Case) error {
	if check.Replaces == nil || *check.Replaces == c.ID {
		return nil
	}
	_, err := s.Queue.Replace(ctx, *check.Replaces, c.ID, check.By)
	if errors.Is(err, pipeline.ErrTransition) {
		return nil
	}
	return err
}

// errLeaseLost: the check belongs to another worker.
var errLeaseLost = errors.New("the check belongs to another worker")

// heartbeat notes progress while a check runs, and keeps its lease.
type heartbeat struct {
	engine.Silent
	service *Service
	check   uuid.UUID
	worker  string

	mu sync.Mutex
	// progress is how far the check is, noted what the database was told, at told.
	progress, noted pipeline.CheckProgress
	told            time.Time
}

var _ engine.HashObserver = (*heartbeat)(nil)

// Listed implements [engine.Observer].
func (b *heartbeat) Listed(objects int, _ int64) {
	b.change(func(p *pipeline.CheckProgress) { p.Objects = int64(objects) })
}

// Inspected implements [engine.Observer].
func (b *heartbeat) Inspected(string) { b.change(func(p *pipeline.CheckProgress) { p.Inspected++ }) }

// Hashing implements [engine.HashObserver].
func (b *heartbeat) Hashing(_ int, bytes int64) {
	b.change(func(p *pipeline.CheckProgress) { p.Bytes = bytes })
}

// Hashed implements [engine.HashObserver].
func (b *heartbeat) Hashed(bytes int64) {
	b.change(func(p *pipeline.CheckProgress) { p.Hashed += bytes })
}

func (b *heartbeat) change(how func(*pipeline.CheckProgress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how(&b.progress)
}

func (b *heartbeat) seen() pipeline.CheckProgress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.progress
}

// note writes progress where something changed or the lease needs it.
func (b *heartbeat) note(ctx context.Context, must bool) error {
	now, p := b.service.Now(), b.seen()
	if last, told := b.last(); !must && p == last && now.Sub(told) < b.service.lease()/3 {
		return nil
	}
	ok, err := b.service.Queue.DB.MoveCheck(ctx, b.check, b.worker, p, now.Add(b.service.lease()))
	if err != nil {
		return err
	}
	if !ok {
		return errLeaseLost
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told, b.noted = now, p
	return nil
}

// last returns what was noted last, and when.
func (b *heartbeat) last() (pipeline.CheckProgress, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noted, b.told
}

// during runs work and notes progress meanwhile. Where the lease is lost, the work is
// cancelled.
func (b *heartbeat) during(ctx context.Context, work func(context.Context) (pipeline.CheckOutcome, error)) (pipeline.CheckOutcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(min(progressEvery, b.service.lease()/4))
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				// A database that does not answer now may answer before the lease ends.
				if err := b.note(ctx, false); errors.Is(err, errLeaseLost) {
					cancel(err)
					return
				}
			}
		}
	})
	out, err := work(ctx)
	close(done)
	beating.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, errLeaseLost) {
		return out, errLeaseLost
	}
	return out, err
}
