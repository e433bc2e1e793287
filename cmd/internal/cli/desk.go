package cli

import (
	"context"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// desk is the queue as commands see it: a database of one's own, or a desk that is asked
// over its API. Both answer alike, so that a command's output does not tell which it was.
type desk interface {
	caseReader
	caseChanger
	gatekeeper
}

// caseReader reads the queue. Errors are those of [pipeline.CaseReader]; a desk also has
// no case that the caller may not see.
type caseReader interface {
	caseLister
	History(ctx context.Context, id uuid.UUID) (pipeline.CaseHistory, error)
	// me is the name of who asks.
	me(ctx context.Context) (string, error)
	// report returns the report that a case stands on, with a reference to the case.
	report(ctx context.Context, id uuid.UUID) (pipeline.Report, error)
	// refer names a case, and the cases of the same structure as they are now.
	refer(ctx context.Context, to pipeline.Case) (*pipeline.CaseRef, error)
}

// caseLister lists cases.
type caseLister interface {
	Cases(ctx context.Context, filter pipeline.CaseFilter) (pipeline.CasePage, error)
}

// caseChanger changes cases as the caller. Errors are those of [pipeline.CaseDecider].
type caseChanger interface {
	claim(ctx context.Context, id uuid.UUID, takeOver bool) (pipeline.Case, error)
	release(ctx context.Context, id uuid.UUID) (pipeline.Case, error)
	assign(ctx context.Context, req pipeline.Assignment) (pipeline.Case, error)
	comment(ctx context.Context, id uuid.UUID, text string) (pipeline.Case, error)
	decide(ctx context.Context, ballot pipeline.Ballot) (decided, error)
}

// gatekeeper answers whether bytes may pass.
type gatekeeper interface {
	ruling(ctx context.Context, q pipeline.ApprovalQuery) (pipeline.Ruling, error)
	// envelopes returns the signed approvals of a case that a ruling comes from, as it is
	// settled now, the one to try first at the front: one that is bound to the bytes goes
	// before one that is bound to a store. A desk gives that one alone.
	envelopes(ctx context.Context, of pipeline.Case) ([][]byte, error)
}

// ownQueue is a database of one's own.
type ownQueue struct {
	*cli
	app   *app.App
	queue *app.Queue
	sign  *signing
}

var _ desk = (*ownQueue)(nil)

// Cases implements [caseLister].
func (q *ownQueue) Cases(ctx context.Context, filter pipeline.CaseFilter) (pipeline.CasePage, error) {
	return q.queue.DB.Cases(ctx, filter)
}

// History implements [caseReader].
func (q *ownQueue) History(ctx context.Context, id uuid.UUID) (pipeline.CaseHistory, error) {
	return q.queue.DB.History(ctx, id)
}

func (q *ownQueue) me(context.Context) (string, error) { return q.app.Settings.Who().Name, nil }

func (q *ownQueue) report(ctx context.Context, id uuid.UUID) (pipeline.Report, error) {
	r, err := q.queue.DB.Report(ctx, id)
	if err != nil {
		return r, err
	}
	of, err := q.queue.DB.Case(ctx, id)
	if err != nil {
		return r, err
	}
	r.Case, err = q.refer(ctx, of)
	return r, err
}

func (q *ownQueue) refer(ctx context.Context, to pipeline.Case) (*pipeline.CaseRef, error) {
	return refer(ctx, q.queue, to)
}

func (q *ownQueue) claim(ctx context.Context, id uuid.UUID, takeOver bool) (pipeline.Case, error) {
	return q.kept(ctx)(q.queue.Claim(ctx, pipeline.Claim{Case: id, Actor: q.app.Settings.Who(), TakeOver: takeOver}))
}

func (q *ownQueue) release(ctx context.Context, id uuid.UUID) (pipeline.Case, error) {
	return q.kept(ctx)(q.queue.Release(ctx, pipeline.Claim{Case: id, Actor: q.app.Settings.Who()}))
}

func (q *ownQueue) assign(ctx context.Context, req pipeline.Assignment) (pipeline.Case, error) {
	req.Actor = q.app.Settings.Who()
	return q.kept(ctx)(q.queue.Assign(ctx, req))
}

func (q *ownQueue) comment(ctx context.Context, id uuid.UUID, text string) (pipeline.Case, error) {
	return q.kept(ctx)(q.queue.Comment(ctx, pipeline.Remark{Case: id, Actor: q.app.Settings.Who(), Text: text}))
}

// kept keeps a checkpoint of the audit log after a change, where one is due.
func (q *ownQueue) kept(ctx context.Context) func(pipeline.Case, error) (pipeline.Case, error) {
	return func(changed pipeline.Case, err error) (pipeline.Case, error) {
		if err == nil {
			err = q.keepCheckpoint(ctx, q.app, q.queue, q.sign, nil)
		}
		return changed, err
	}
}

func (q *ownQueue) decide(ctx context.Context, ballot pipeline.Ballot) (decided, error) {
	ballot.Actor = q.app.Settings.Who()
	return q.cli.decide(ctx, q.app, q.queue, ballot, q.sign)
}

func (q *ownQueue) ruling(ctx context.Context, query pipeline.ApprovalQuery) (pipeline.Ruling, error) {
	return q.queue.ApprovalFor(ctx, query)
}

func (q *ownQueue) envelopes(ctx context.Context, of pipeline.Case) ([][]byte, error) {
	kept, err := q.queue.Kept(ctx, of)
	out := make([][]byte, 0, len(kept))
	for _, one := range kept {
		out = append(out, one.Envelope)
	}
	return out, err
}
