package review_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// book is a queue in memory, with nothing but what the interface asks for.
type book struct {
	cases     map[uuid.UUID]pipeline.Case
	decisions map[uuid.UUID][]pipeline.Decision
	comments  map[uuid.UUID][]pipeline.Comment
	exhibits  map[uuid.UUID][]pipeline.Exhibit
	// rules are those that bear on every case's verdict.
	rules      []string
	exceptions []pipeline.Exception
	marks      map[string]bool
	// mu keeps plans from running at the same time.
	mu      sync.Mutex
	settled map[uuid.UUID]pipeline.AuditHead
	events  []pipeline.AuditEvent
	head    pipeline.AuditHead
}

func newBook() *book {
	return &book{cases: map[uuid.UUID]pipeline.Case{}, decisions: map[uuid.UUID][]pipeline.Decision{},
		comments: map[uuid.UUID][]pipeline.Comment{}, exhibits: map[uuid.UUID][]pipeline.Exhibit{}, marks: map[string]bool{}, settled: map[uuid.UUID]pipeline.AuditHead{}, head: pipeline.AuditGenesis()}
}

func (b *book) file(c pipeline.Case) pipeline.CaseFile {
	f := pipeline.CaseFile{Case: c, Decisions: slices.Clone(b.decisions[c.ID]), Comments: slices.Clone(b.comments[c.ID]),
		Exhibits: slices.Clone(b.exhibits[c.ID]), Rules: b.rules}
	if head, ok := b.settled[c.ID]; ok {
		f.Settled = &head
	}
	return f
}

func (b *book) sorted() []pipeline.Case {
	var out []pipeline.Case
	for _, c := range b.cases {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y pipeline.Case) int { return slices.Compare(x.ID[:], y.ID[:]) })
	return out
}

func (b *book) Enter(_ context.Context, w *pipeline.Weighing, plan func(pipeline.Relatives) (pipeline.Entry, error)) (pipeline.Case, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rel pipeline.Relatives
	key := pipeline.CaseKey{Source: w.Report.Artifact.Source, PinDigest: w.Report.Artifact.PinDigest, SubmissionDigest: pipeline.SubmissionDigest(w.Submission)}
	for _, c := range b.sorted() {
		f := b.file(c)
		switch k := c.Key(); {
		case k == key:
			rel.Same = &f
		case c.Source == key.Source && k.SubmissionDigest == key.SubmissionDigest &&
			(c.HeaderDigest == w.Report.Artifact.HeaderDigest || w.Kept != nil && c.BodyDigest == pipeline.BodyDigest(w)):
			rel.Alike = &f
		}
		if c.Source == key.Source && c.PinDigest != key.PinDigest && c.State.Undecided() {
			rel.Outdated = append(rel.Outdated, c)
		}
	}
	if rel.Same != nil {
		rel.Alike = nil
	}
	entry, err := plan(rel)
	if err != nil {
		return pipeline.Case{}, err
	}
	for _, change := range append([]pipeline.CaseChange{entry.Case}, entry.Outdated...) {
		if err := b.apply(change); err != nil {
			return pipeline.Case{}, err
		}
	}
	return entry.Case.Case, nil
}

func (b *book) Amend(_ context.Context, id uuid.UUID, plan func(pipeline.CaseFile) (pipeline.CaseChange, error)) (pipeline.Case, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.cases[id]
	if !ok {
		return pipeline.Case{}, pipeline.ErrNotFound
	}
	change, err := plan(b.file(c))
	if err != nil {
		return pipeline.Case{}, err
	}
	return change.Case, b.apply(change)
}

func (b *book) Refile(ctx context.Context, id uuid.UUID, _ *pipeline.Weighing, plan func(pipeline.CaseFile) (pipeline.CaseChange, error)) (pipeline.Case, error) {
	return b.Amend(ctx, id, plan)
}

func (b *book) apply(change pipeline.CaseChange) error {
	id := change.Case.ID
	for _, e := range change.Events {
		next, head, err := b.head.Append(e)
		if err != nil {
			return err
		}
		b.events, b.head = append(b.events, next), head
		switch e.Kind {
		case pipeline.EventApproved, pipeline.EventRejected, pipeline.EventCleared:
			b.settled[id] = head
		case pipeline.EventRevoked:
			if change.Case.State == pipeline.StateRevoked {
				b.settled[id] = head
			}
		}
	}
	b.cases[id] = change.Case
	if change.Decision != nil {
		b.decisions[id] = append(b.decisions[id], *change.Decision)
	}
	b.comments[id] = append(b.comments[id], change.Comments...)
	for _, e := range change.Exhibits {
		b.exhibits[id] = append(b.exhibits[id], e.Exhibit)
	}
	return nil
}

func (b *book) Covering(_ context.Context, q pipeline.ApprovalQuery) ([]pipeline.CaseFile, error) {
	var out []pipeline.CaseFile
	for _, c := range b.sorted() {
		out = append(out, b.file(c)) // more than is asked for: the desk chooses
	}
	return out, nil
}

func (b *book) Ended(_ context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	var out []uuid.UUID
	for _, c := range b.sorted() {
		if c.State == pipeline.StateApproved && c.ExpiresAt != nil && !c.ExpiresAt.After(by) && len(out) < limit {
			out = append(out, c.ID)
		}
	}
	return out, nil
}

func (b *book) PastDue(_ context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	var out []uuid.UUID
	for _, c := range b.sorted() {
		if c.State.Undecided() && c.DueAt != nil && !c.DueAt.After(by) && (c.OverdueAt == nil || !c.OverdueAt.Equal(*c.DueAt)) && len(out) < limit {
			out = append(out, c.ID)
		}
	}
	return out, nil
}

func (b *book) Join(_ context.Context, old, by uuid.UUID, plan func(old, by pipeline.CaseFile) ([]pipeline.CaseChange, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.cases[old]
	is, also := b.cases[by]
	if !ok || !also {
		return pipeline.ErrNotFound
	}
	changes, err := plan(b.file(was), b.file(is))
	for _, change := range changes {
		if err := b.apply(change); err != nil {
			return err
		}
	}
	return err
}

func (b *book) append(event pipeline.AuditEvent) error {
	next, head, err := b.head.Append(event)
	if err == nil {
		b.events, b.head = append(b.events, next), head
	}
	return err
}

func (b *book) AddException(_ context.Context, e pipeline.Exception, event pipeline.AuditEvent) error {
	b.exceptions = append(b.exceptions, e)
	return b.append(event)
}

func (b *book) EndException(_ context.Context, id uuid.UUID, at time.Time, by string, event pipeline.AuditEvent) (pipeline.Exception, error) {
	for i, e := range b.exceptions {
		switch {
		case e.ID == id && e.EndedAt != nil:
			return e, pipeline.ErrTransition
		case e.ID == id:
			b.exceptions[i].EndedAt, b.exceptions[i].EndedBy = &at, by
			return b.exceptions[i], b.append(event)
		}
	}
	return pipeline.Exception{}, pipeline.ErrNotFound
}

func (b *book) Note(_ context.Context, mark string, event pipeline.AuditEvent) (bool, error) {
	if b.marks[mark] {
		return false, nil
	}
	b.marks[mark] = true
	return true, b.append(event)
}

func (b *book) ExceptionByID(_ context.Context, id uuid.UUID) (pipeline.Exception, error) {
	for _, e := range b.exceptions {
		if e.ID == id {
			return e, nil
		}
	}
	return pipeline.Exception{}, pipeline.ErrNotFound
}

func (b *book) Exceptions(_ context.Context, f pipeline.ExceptionFilter) (pipeline.PageOf[pipeline.Exception], error) {
	var out pipeline.PageOf[pipeline.Exception]
	for _, e := range b.exceptions {
		if (f.LiveAt.IsZero() || e.Live(f.LiveAt)) && (f.EndsBefore.IsZero() || e.Until.Before(f.EndsBefore)) && (f.Source == "" || e.Covers(f.Source)) {
			out.Items = append(out.Items, e)
		}
	}
	return out, nil
}

func (b *book) RestingOn(_ context.Context, id uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	for _, c := range b.sorted() {
		for _, d := range b.decisions[c.ID] {
			if (c.State == pipeline.StateApproved || c.State == pipeline.StateOpen || c.State == pipeline.StateClaimed) && d.Round == c.Round && d.Exception != nil && *d.Exception == id {
				out = append(out, c.ID)
				break
			}
		}
	}
	return out, nil
}
