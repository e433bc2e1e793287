package review

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// Desk is where cases are recorded and decided. It is safe for concurrent use.
type Desk struct {
	book       pipeline.CaseBook
	exceptions pipeline.ExceptionBook
	now        func() time.Time
	ids        func() (uuid.UUID, error)
	terms      map[pipeline.Verdict]time.Duration
}

var (
	_ pipeline.CaseRecorder    = (*Desk)(nil)
	_ pipeline.CaseRejudger    = (*Desk)(nil)
	_ pipeline.CaseDecider     = (*Desk)(nil)
	_ pipeline.CaseAttester    = (*Desk)(nil)
	_ pipeline.ApprovalFinder  = (*Desk)(nil)
	_ pipeline.CaseWorker      = (*Desk)(nil)
	_ pipeline.ExceptionKeeper = (*Desk)(nil)
)

// Option changes a desk.
type Option func(*Desk)

// WithClock sets the clock, the system's by default.
func WithClock(now func() time.Time) Option { return func(d *Desk) { d.now = now } }

// WithExceptions sets the book of exceptions. Without one there are none.
func WithExceptions(book pipeline.ExceptionBook) Option {
	return func(d *Desk) { d.exceptions = book }
}

// WithDue sets how soon cases should be decided, by verdict; what is not named keeps its
// term of [DueTerms].
func WithDue(terms map[pipeline.Verdict]time.Duration) Option {
	return func(d *Desk) { maps.Copy(d.terms, terms) }
}

// New returns a desk over the given book.
func New(book pipeline.CaseBook, options ...Option) *Desk {
	d := &Desk{book: book, now: time.Now, ids: uuid.NewV7, terms: DueTerms()}
	for _, o := range options {
		o(d)
	}
	return d
}

// act begins an act of the actor, now.
func (d *Desk) act(by pipeline.Actor) act {
	return act{by: by, at: stamp(d.now()), ids: d.ids, terms: d.terms}
}

// Record implements [pipeline.CaseRecorder]. An error matches [pipeline.ErrInvalid]
// where the report lacks what a case is keyed by.
func (d *Desk) Record(ctx context.Context, w *pipeline.Weighing, by pipeline.Actor) (pipeline.Case, error) {
	if err := by.Validate(); err != nil {
		return pipeline.Case{}, err
	}
	if err := validate(w); err != nil {
		return pipeline.Case{}, err
	}
	return d.book.Enter(ctx, w, func(rel pipeline.Relatives) (pipeline.Entry, error) {
		return record(d.act(by), w, rel)
	})
}

// Rejudge implements [pipeline.CaseRejudger]. The actor is who had the rules applied.
func (d *Desk) Rejudge(ctx context.Context, id uuid.UUID, w *pipeline.Weighing, by pipeline.Actor) (pipeline.Case, error) {
	if err := by.Validate(); err != nil {
		return pipeline.Case{}, err
	}
	if err := validate(w); err != nil {
		return pipeline.Case{}, err
	}
	return d.book.Refile(ctx, id, w, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return rejudge(d.act(by), w, f, false)
	})
}

// Claim implements [pipeline.CaseDecider].
func (d *Desk) Claim(ctx context.Context, req pipeline.Claim) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return claim(a, f, req)
	})
}

// Release implements [pipeline.CaseDecider]. Only the claimant can release a case.
func (d *Desk) Release(ctx context.Context, req pipeline.Claim) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return release(a, f, req)
	})
}

// Comment implements [pipeline.CaseDecider].
func (d *Desk) Comment(ctx context.Context, req pipeline.Remark) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return remark(a, f, req)
	})
}

// Decide implements [pipeline.CaseDecider].
func (d *Desk) Decide(ctx context.Context, req pipeline.Ballot) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		until, err := d.rest(ctx, a, f, req)
		if err != nil {
			return pipeline.CaseChange{}, err
		}
		return decide(a, f, req, until)
	})
}

// Attest implements [pipeline.CaseAttester].
func (d *Desk) Attest(ctx context.Context, signed pipeline.Attestation, by pipeline.Actor) (pipeline.Case, error) {
	return d.amend(ctx, signed.Case, by, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return attest(a, f, signed)
	})
}

// Revoke implements [pipeline.CaseAttester].
func (d *Desk) Revoke(ctx context.Context, req pipeline.Ballot) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return revoke(a, f, req)
	})
}

func (d *Desk) amend(ctx context.Context, id uuid.UUID, by pipeline.Actor, plan func(act, pipeline.CaseFile) (pipeline.CaseChange, error)) (pipeline.Case, error) {
	if err := by.Validate(); err != nil {
		return pipeline.Case{}, err
	}
	return d.book.Amend(ctx, id, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return plan(d.act(by), f)
	})
}

// expireBatch is how many ended approvals are looked up at a time.
const expireBatch = 100

// Expire moves every approval whose term has ended to expired, and returns how many
// there were. An ended approval lets nothing pass before that either.
func (d *Desk) Expire(ctx context.Context) (int, error) {
	done := 0
	for {
		ids, err := d.book.Ended(ctx, stamp(d.now()), expireBatch)
		if err != nil || len(ids) == 0 {
			return done, err
		}
		for _, id := range ids {
			expired := false
			_, err := d.book.Amend(ctx, id, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
				expired = ended(f.Case, d.now())
				return expire(d.act(pipeline.SystemActor()), f.Case)
			})
			if err != nil && expired {
				return done, err
			}
			if err == nil {
				done++
			}
		}
	}
}

// ended reports whether the case is approved for a term that is over.
func ended(c pipeline.Case, at time.Time) bool {
	return c.State == pipeline.StateApproved && c.ExpiresAt != nil && !c.ExpiresAt.After(at)
}

// expire plans the end of an approval's term.
func expire(a act, c pipeline.Case) (pipeline.CaseChange, error) {
	if !ended(c, a.at) {
		return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeTransition,
			Message: "case " + c.ID.String() + " is " + words(c.State) + " and has no term that has ended; legal now: " + list(Legal(c.State))}
	}
	d := newDraft(a, c)
	d.c.State, d.c.DueAt = pipeline.StateExpired, nil
	d.event(pipeline.EventExpired, nil)
	return d.change()
}

// ApprovalFor implements [pipeline.ApprovalFinder]. Cases with the asked content
// digest, wherever they lie, and the case with the asked source and pins are looked
// at together; the latest settlement among them counts. Where no content digest is asked
// and that case has one, a later refusal of the same bytes elsewhere counts too.
func (d *Desk) ApprovalFor(ctx context.Context, q pipeline.ApprovalQuery) (pipeline.Ruling, error) {
	files, err := d.book.Covering(ctx, q)
	if err != nil {
		return pipeline.Ruling{}, err
	}
	return rule(q, files, d.now()), nil
}

// rule chooses the ruling among the cases that have to do with the question.
func rule(q pipeline.ApprovalQuery, files []pipeline.CaseFile, now time.Time) pipeline.Ruling {
	slices.SortFunc(files, func(a, b pipeline.CaseFile) int {
		return settledAt(b.Case).Compare(settledAt(a.Case))
	})
	own := pipeline.Ruling{Kind: pipeline.RulingNone}
	known := knownContent(q, files)
	for _, f := range files {
		content, pins := covers(q, f.Case)
		if !content && !pins && known != nil && refuses(f.Case, q, *known) {
			content = true
		}
		if f.Case.Source == q.Source && f.Case.PinDigest == q.PinDigest {
			own = pipeline.Ruling{Kind: pipeline.RulingWaiting, Case: &f.Case}
		}
		if !content && !pins {
			continue
		}
		switch c := f.Case; {
		case c.State == pipeline.StateRejected:
			return pipeline.Ruling{Kind: pipeline.RulingRejected, Case: &c}
		case c.State == pipeline.StateRevoked:
			return pipeline.Ruling{Kind: pipeline.RulingRevoked, Case: &c}
		case c.State == pipeline.StateCleared && pins && q.Verdict == pipeline.VerdictClear:
			return pipeline.Ruling{Kind: pipeline.RulingCleared, Case: &c}
		case c.State == pipeline.StateApproved && (content || !q.Unpinned) && !ended(c, now) && f.Settled != nil && c.Verdict.Stronger(q.Verdict) == c.Verdict:
			bound := pipeline.BoundStore
			if content {
				bound = pipeline.BoundContent
			}
			return pipeline.Ruling{Kind: pipeline.RulingApproved, Case: &c, Approval: &pipeline.Approval{Case: c.ID, Bound: bound,
				Decisions: Approvals(f, settledAt(c)), ApprovedAt: settledAt(c), ExpiresAt: c.ExpiresAt, Head: *f.Settled}}
		}
	}
	return own
}

// knownContent returns the content digest that the asked pins are known to have, nil where
// nobody hashed them.
func knownContent(q pipeline.ApprovalQuery, files []pipeline.CaseFile) *pipeline.Digest {
	if q.ContentDigest != nil {
		return nil // it is asked for by itself
	}
	for _, f := range files {
		if _, pins := covers(q, f.Case); pins {
			return f.Case.ContentDigest
		}
	}
	return nil
}

// refuses reports whether a case refuses bytes wherever they lie. Who asks without hashing
// must hash to be let through by a case elsewhere, and is stopped by one all the same.
func refuses(c pipeline.Case, q pipeline.ApprovalQuery, content pipeline.Digest) bool {
	return (c.State == pipeline.StateRejected || c.State == pipeline.StateRevoked) && c.Key().SubmissionDigest == submission(q) &&
		c.ContentDigest != nil && *c.ContentDigest == content
}

// covers reports whether a case is about the asked bytes: by their content digest,
// and by source and pins with the same headers.
func covers(q pipeline.ApprovalQuery, c pipeline.Case) (content, pins bool) {
	if c.Key().SubmissionDigest != submission(q) {
		return false, false
	}
	hashed := q.ContentDigest != nil && c.ContentDigest != nil
	content = hashed && *q.ContentDigest == *c.ContentDigest
	pins = c.Source == q.Source && c.PinDigest == q.PinDigest && c.HeaderDigest == q.HeaderDigest && (!hashed || content)
	return content, pins
}

func submission(q pipeline.ApprovalQuery) pipeline.Digest {
	if q.SubmissionDigest == nil {
		return ""
	}
	return *q.SubmissionDigest
}

func settledAt(c pipeline.Case) time.Time {
	if c.SettledAt == nil {
		return time.Time{}
	}
	return *c.SettledAt
}
