package sqldbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// changed is a change of a case, of one event, as the state machine would write it.
func (b *bundle) changed(c pipeline.Case, kind pipeline.EventKind) pipeline.CaseChange {
	b.Helper()
	c.Version++
	c.UpdatedAt = b.now
	data, err := pipeline.CanonicalJSON(map[string]any{"state": c.State, "version": c.Version, "seal": c.Seal()})
	require.NoError(b, err)
	id := c.ID
	return pipeline.CaseChange{Case: c, Events: []pipeline.AuditEvent{{ID: uuid.Must(uuid.NewV7()), Time: b.now, Actor: Person("ada"), Kind: kind, Case: &id, Data: data}}}
}

// amend changes one case.
func (b *bundle) amend(id uuid.UUID, kind pipeline.EventKind, change func(*pipeline.Case), more ...func(*pipeline.CaseChange)) pipeline.Case {
	b.Helper()
	c, err := b.book.Amend(b.Context(), id, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
		change(&f.Case)
		out := b.changed(f.Case, kind)
		for _, m := range more {
			m(&out)
		}
		return out, nil
	})
	require.NoError(b, err)
	return c
}

// nothing changes no field of a case.
func nothing(*pipeline.Case) {}

// Exhibit is an evidence file of tests.
func (b *bundle) exhibit(id uuid.UUID, name, body string) pipeline.ExhibitFile {
	return pipeline.ExhibitFile{Exhibit: pipeline.Exhibit{ID: uuid.Must(uuid.NewV7()), Case: id, Name: name, MediaType: "text/plain", Size: int64(len(body)),
		Digest: pipeline.DigestBytes([]byte(body)), Actor: Person("sub"), At: b.now}, Body: []byte(body)}
}

// attach adds an evidence file.
func (b *bundle) attach(f pipeline.ExhibitFile) error {
	_, err := b.book.Amend(b.Context(), f.Case, func(c pipeline.CaseFile) (pipeline.CaseChange, error) {
		out := b.changed(c.Case, pipeline.EventAttached)
		e, data := &out.Events[0], map[string]any{"seal": out.Case.Seal(), "exhibit": f.ID, "name": f.Name, "media_type": f.MediaType, "size": f.Size, "digest": f.Digest}
		if f.CarriedFrom != nil {
			e.Kind, data = pipeline.EventCarriedOver, map[string]any{"seal": out.Case.Seal(), "exhibits": 1}
		}
		var err error
		e.Actor = f.Actor
		e.Data, err = pipeline.CanonicalJSON(data)
		out.Exhibits = []pipeline.ExhibitFile{f}
		return out, err
	})
	return err
}

func (s Suite) exhibits(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	other := b.record(Weighing("t", "1", "1", pipeline.VerdictReview))
	first := b.exhibit(c.ID, "licence.txt", "the licence")
	require.NoError(t, b.attach(first))
	b.now = b.now.Add(time.Minute)
	second := b.exhibit(c.ID, "letter.txt", "the letter")
	require.NoError(t, b.attach(second))
	again := first
	again.ID, again.Case, again.CarriedFrom, again.Body = uuid.Must(uuid.NewV7()), other.ID, &c.ID, nil // the bytes are there
	require.NoError(t, b.attach(again))

	list, err := b.book.Exhibits(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Exhibit{first.Exhibit, second.Exhibit}, list)
	h, err := b.book.History(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Exhibit{again.Exhibit}, h.Exhibits)
	got, body, err := b.book.ExhibitBody(t.Context(), again.ID)
	require.NoError(t, err)
	require.Equal(t, again.Exhibit, got)
	require.Equal(t, "the licence", string(body))

	head := b.verify()
	unknown := b.exhibit(c.ID, "x", "never seen")
	unknown.Body = nil
	wrong := b.exhibit(c.ID, "x", "another text")
	wrong.Body = []byte("another TEXT")
	long := b.exhibit(c.ID, "x", "long")
	long.Size = pipeline.ExhibitMax + 1
	twice := b.exhibit(c.ID, "x", "twice")
	twice.ID = first.ID
	require.ErrorIs(t, b.attach(unknown), pipeline.ErrInvalid)
	require.ErrorIs(t, b.attach(wrong), pipeline.ErrInvalid)
	require.ErrorIs(t, b.attach(long), pipeline.ErrOverLimit)
	require.Error(t, b.attach(twice))
	require.Equal(t, head, b.verify(), "what is refused leaves nothing")

	_, err = b.book.Exhibits(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, _, err = b.book.ExhibitBody(t.Context(), uuid.UUID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

func (s Suite) keptObject(t *testing.T) {
	b := s.setup(t)
	w := Weighing("s", "1", "1", pipeline.VerdictReview)
	c := b.record(w)
	for _, want := range w.Kept {
		got, err := b.book.KeptObject(t.Context(), c.ID, want.Path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := b.book.KeptObject(t.Context(), c.ID, "none")
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = b.book.KeptObject(t.Context(), uuid.UUID{1}, w.Kept[0].Path)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

// New columns of a case are kept, and told again once for each due date.
func (s Suite) pastDue(t *testing.T) {
	b := s.setup(t)
	due := b.now.Add(time.Hour)
	late := b.now.Add(2 * time.Hour)
	set := func(at *time.Time) func(*pipeline.Case) { return func(c *pipeline.Case) { c.DueAt = at } }
	var ids []uuid.UUID
	for i, at := range []*time.Time{&late, &due, nil, &due} {
		ids = append(ids, b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview)).ID)
		b.amend(ids[i], pipeline.EventAssigned, set(at))
	}
	b.vote(ids[3], pipeline.DecisionReject)
	past := func(at time.Time, limit int) []uuid.UUID {
		got, err := b.book.PastDue(t.Context(), at, limit)
		require.NoError(t, err)
		return got
	}
	require.Empty(t, past(due.Add(-time.Microsecond), 9))
	require.Equal(t, []uuid.UUID{ids[1]}, past(due, 9))
	require.Equal(t, []uuid.UUID{ids[1], ids[0]}, past(late, 9))
	require.Equal(t, []uuid.UUID{ids[1]}, past(late, 1))

	told := b.amend(ids[1], pipeline.EventOverdue, func(c *pipeline.Case) {
		c.OverdueAt, c.Cause, c.BodyDigest = &due, "rules changed", pipeline.DigestBytes([]byte("body"))
	})
	got, err := b.book.Case(t.Context(), ids[1])
	require.NoError(t, err)
	require.Equal(t, told, got)
	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{Source: "1"})
	require.NoError(t, err)
	require.Equal(t, []pipeline.Case{told}, page.Items)
	require.Equal(t, []uuid.UUID{ids[0]}, past(late, 9))
	b.amend(ids[1], pipeline.EventAssigned, set(&late))
	require.Equal(t, []uuid.UUID{ids[0], ids[1]}, past(late, 9), "another due date is told of again")
	b.verify()
}

// A decision keeps what it rests on.
func (s Suite) restingDecision(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	on := uuid.Must(uuid.NewV7())
	d := pipeline.Decision{ID: uuid.Must(uuid.NewV7()), Case: c.ID, Round: 1, Actor: Person("ada"), Kind: pipeline.DecisionApprove,
		Reason: pipeline.ReasonLicenceObtained, Comment: "x", Exception: &on, At: b.now}
	b.amend(c.ID, pipeline.EventDecided, nothing, func(change *pipeline.CaseChange) {
		change.Decision = &d
		data, err := pipeline.CanonicalJSON(map[string]any{"decision": d, "seal": change.Case.Seal(), "version": change.Case.Version})
		require.NoError(t, err)
		change.Events[0].Data = data
	})
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []pipeline.Decision{d}, h.Decisions)
	b.verify()
}

// Two cases change together, or neither does.
func (s Suite) join(t *testing.T) {
	b := s.setup(t)
	old := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	by := b.record(Weighing("t", "1", "1", pipeline.VerdictReview))
	plan := func(o, n pipeline.CaseFile) ([]pipeline.CaseChange, error) { //nolint:unparam // as the book wants it
		require.Equal(t, []uuid.UUID{old.ID, by.ID}, []uuid.UUID{o.Case.ID, n.Case.ID})
		o.Case.State, o.Case.SupersededBy = pipeline.StateSuperseded, &by.ID
		who := Person("rita")
		n.Case.State, n.Case.Claimant = pipeline.StateClaimed, &who
		return []pipeline.CaseChange{b.changed(o.Case, pipeline.EventSuperseded), b.changed(n.Case, pipeline.EventCarriedOver)}, nil
	}
	head := b.verify()
	for _, ids := range [][2]uuid.UUID{{{1}, by.ID}, {old.ID, {1}}} {
		require.ErrorIs(t, b.book.Join(t.Context(), ids[0], ids[1], plan), pipeline.ErrNotFound)
	}
	require.ErrorIs(t, b.book.Join(t.Context(), old.ID, by.ID, func(o, n pipeline.CaseFile) ([]pipeline.CaseChange, error) {
		changes, err := plan(o, n)
		changes[1].Case.Version++ // as if another change had come between
		return changes, err
	}), pipeline.ErrConflict)
	require.Equal(t, head, b.verify())

	require.NoError(t, b.book.Join(t.Context(), old.ID, by.ID, plan))
	got, err := b.book.Case(t.Context(), old.ID)
	require.NoError(t, err)
	require.Equal(t, by.ID, *got.SupersededBy)
	got, err = b.book.Case(t.Context(), by.ID)
	require.NoError(t, err)
	require.Equal(t, "rita", got.Claimant.Name)
	require.Equal(t, head.Count+2, b.verify().Count)
}

// alike: a weighing is told of the newest case of its source with the same headers, or
// the same body.
func (s Suite) alike(t *testing.T) {
	b := s.setup(t)
	readme := func(pins, text string) *pipeline.Weighing {
		w := Weighing("s", pins, text, pipeline.VerdictReview)
		w.Kept = []pipeline.Kept{Kept("README.md", text)}
		w.Report.Artifact.Objects = append(w.Report.Artifact.Objects,
			pipeline.ArtifactObject{Object: pipeline.Object{Path: "README.md", Size: int64(len(text)), ETag: text}, Role: pipeline.RoleText})
		return w
	}
	first := readme("1", "one")
	old := b.record(first)
	b.amend(old.ID, pipeline.EventAssigned, func(c *pipeline.Case) { c.BodyDigest = pipeline.BodyDigest(first) })
	stop := &pipeline.Error{Code: pipeline.CodeUsage, Message: "stop"}
	look := func(w *pipeline.Weighing) (rel pipeline.Relatives) {
		_, err := b.book.Enter(t.Context(), w, func(r pipeline.Relatives) (pipeline.Entry, error) {
			rel = r
			return pipeline.Entry{}, stop
		})
		require.ErrorIs(t, err, stop)
		return rel
	}
	require.Equal(t, old.ID, look(readme("2", "another")).Alike.Case.ID, "only the README differs")
	other := readme("3", "another")
	other.Report.Artifact.Objects[0].Size++
	require.Nil(t, look(other).Alike)
	other.Report.Artifact.HeaderDigest = old.HeaderDigest
	require.Equal(t, old.ID, look(other).Alike.Case.ID, "the headers are the same")
	require.Nil(t, look(first).Alike, "the case itself")
}

// bearing: a case's file names the rules that stop it now.
func (s Suite) bearing(t *testing.T) {
	b := s.setup(t)
	w := Weighing("s", "1", "1", pipeline.VerdictBlock)
	finding := func(pack, rule string, mode pipeline.Mode, outcome pipeline.Outcome, effect pipeline.Effect) { //nolint:unparam // names stand together
		w.Report.Findings = append(w.Report.Findings, pipeline.Finding{Pack: pack, Rule: rule, Mode: mode, Outcome: outcome, Effect: effect})
	}
	finding("us-ear", "B", pipeline.ModeEnforce, pipeline.OutcomeUndetermined, pipeline.EffectBlock)
	finding("us-ear", "A", pipeline.ModeEnforce, pipeline.OutcomeMatched, pipeline.EffectBlock)
	finding("us-ear", "A", pipeline.ModeEnforce, pipeline.OutcomeMatched, pipeline.EffectBlock) // of another element
	finding("us-ear", "C", pipeline.ModeReport, pipeline.OutcomeMatched, pipeline.EffectBlock)
	finding("us-ear", "D", pipeline.ModeEnforce, pipeline.OutcomeNotMatched, pipeline.EffectBlock)
	finding("us-ear", "E", pipeline.ModeEnforce, pipeline.OutcomeMatched, pipeline.EffectWarn)
	c := b.record(w)
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"seed-article/SEED-01", "us-ear/A", "us-ear/B"}, h.Rules)
	b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	b.amend(c.ID, pipeline.EventCommented, func(*pipeline.Case) {}, func(change *pipeline.CaseChange) {
		h, err := b.book.History(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"seed-article/SEED-01"}, h.Rules, "of the report that it stands on")
	})
}
