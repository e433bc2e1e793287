// Package sqldbtest is the one suite that every database of the queue passes. What
// may be done with a case is the matter of the state machine, which the suite is
// handed; here it is whether the database keeps what it is told.
package sqldbtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// Book is a database of the queue.
type Book interface {
	pipeline.CaseBook
	pipeline.CaseReader
	pipeline.CaseWalker
	pipeline.KeptReader
	pipeline.ExhibitReader
	pipeline.StructureFinder
	pipeline.Inventory
	pipeline.AttestationReader
	pipeline.AuditLog
	pipeline.AccountBook
	pipeline.TokenBook
	pipeline.SessionBook
	pipeline.LinkBook
	pipeline.ReplyBook
	pipeline.CheckBook
	pipeline.ExceptionBook
	pipeline.NoticeBook
	pipeline.QueueCounter
	pipeline.RuleLister
	// Sums returns the digests of a case's objects from the newest report that has them.
	Sums(ctx context.Context, id uuid.UUID) (map[string]string, error)
	Close() error
}

// Desk is the state machine over a book.
type Desk interface {
	pipeline.CaseRecorder
	pipeline.CaseRejudger
	pipeline.CaseDecider
	pipeline.CaseAttester
	pipeline.ApprovalFinder
	Expire(ctx context.Context) (int, error)
}

// Suite says how to get at what is tested.
type Suite struct {
	// New returns a function that opens one new, empty database again and again.
	// The suite closes what it opened.
	New func(t *testing.T) func() Book
	// Desk returns the state machine over a book, with a clock.
	Desk func(book pipeline.CaseBook, now func() time.Time) Desk
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Run("Record", s.record)
	t.Run("RecordAgain", s.recordAgain)
	t.Run("Rejudge", s.rejudge)
	t.Run("Walk", s.walk)
	t.Run("Kept", s.kept)
	t.Run("KeptObject", s.keptObject)
	t.Run("Exhibits", s.exhibits)
	t.Run("PastDue", s.pastDue)
	t.Run("RestingDecision", s.restingDecision)
	t.Run("Join", s.join)
	t.Run("Alike", s.alike)
	t.Run("Bearing", s.bearing)
	t.Run("CarryOver", s.carryOver)
	t.Run("Decide", s.decide)
	t.Run("NothingByHalves", s.nothingByHalves)
	t.Run("StaleWrite", s.staleWrite)
	t.Run("Expire", s.expire)
	t.Run("Pages", s.pages)
	t.Run("Filters", s.filters)
	t.Run("SameStructure", s.sameStructure)
	t.Run("SameStructureOrder", s.sameStructureOrder)
	t.Run("SameStructureReplaced", s.sameStructureReplaced)
	t.Run("ModelsNamed", s.modelsNamed)
	t.Run("ModelsNamedOrder", s.modelsNamedOrder)
	t.Run("ModelsBuilt", s.modelsBuilt)
	t.Run("Attest", s.attest)
	t.Run("Revoke", s.revoke)
	t.Run("Sums", s.sums)
	t.Run("Accounts", s.accounts)
	t.Run("Tokens", s.tokens)
	t.Run("Sessions", s.sessions)
	t.Run("Links", s.links)
	t.Run("Replies", s.replies)
	t.Run("Checks", s.checks)
	t.Run("CheckLease", s.checkLease)
	t.Run("CheckPages", s.checkPages)
	t.Run("CheckOneWorker", s.checkOneWorker)
	t.Run("Exceptions", s.exceptions)
	t.Run("RestingOn", s.restingOn)
	t.Run("Notices", s.notices)
	t.Run("NoticesOnce", s.noticesOnce)
	t.Run("Waiting", s.waiting)
	t.Run("Urgent", s.urgent)
	t.Run("Counts", s.counts)
	t.Run("Causes", s.causes)
	t.Run("CaseRules", s.caseRules)
	t.Run("AuditHead", s.auditHead)
	t.Run("AtTheSameMoment", s.atTheSameMoment)
	t.Run("OpenAgain", s.openAgain)
}

// rejudge: a judgement of stored facts takes the place of the one before. It keeps what
// was read, and leaves the other cases of the source alone.
func (s Suite) rejudge(t *testing.T) {
	b := s.setup(t)
	old := b.record(Weighing("s3://b/m/", "1", "1", pipeline.VerdictReview))
	newer := b.record(Weighing("s3://b/m/", "2", "2", pipeline.VerdictReview))
	_, err := b.desk.Rejudge(t.Context(), uuid.Must(uuid.NewV7()), Weighing("s3://b/m/", "2", "2", pipeline.VerdictBlock), Person("ops"))
	require.ErrorIs(t, err, pipeline.ErrNotFound)

	w := Weighing("s3://b/m/", "2", "2", pipeline.VerdictBlock)
	w.Kept = nil
	w.Report.AsOf = "2026-12-02"
	w.Report.Findings[0].Effect, w.Report.Findings[0].Offices = pipeline.EffectBlock, []string{"KR", "JP"}
	again, err := b.desk.Rejudge(t.Context(), newer.ID, w, Person("ops"))
	require.NoError(t, err)
	require.Equal(t, pipeline.VerdictBlock, again.Verdict)
	require.Equal(t, []string{"JP", "KR"}, again.Offices)
	stored, err := b.book.Case(t.Context(), newer.ID)
	require.NoError(t, err)
	require.Equal(t, again, stored)
	report, err := b.book.Report(t.Context(), newer.ID)
	require.NoError(t, err)
	require.Equal(t, "2026-12-02", report.AsOf)
	var kept []string
	require.NoError(t, b.book.Kept(t.Context(), newer.ID, func(k pipeline.Kept) error {
		kept = append(kept, k.Path)
		return nil
	}))
	require.Equal(t, []string{"a\xff.json", "config.json"}, kept, "what was read stays with the case")

	// The same judgement once more files no second report.
	_, err = b.desk.Rejudge(t.Context(), newer.ID, w, Person("ops"))
	require.NoError(t, err)

	w = Weighing("s3://b/m/", "1", "1", pipeline.VerdictBlock)
	still, err := b.desk.Rejudge(t.Context(), old.ID, w, Person("ops"))
	require.NoError(t, err)
	require.Equal(t, pipeline.StateSuperseded, still.State)
	stored, err = b.book.Case(t.Context(), newer.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, stored.State)
	_, err = b.book.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
}

// walk: every case comes once, oldest first.
func (s Suite) walk(t *testing.T) {
	b := s.setup(t)
	var want, got []uuid.UUID
	for i := range 5 {
		want = append(want, b.record(Weighing(fmt.Sprint("s3://b/", i, "/"), "1", "1", pipeline.VerdictReview)).ID)
	}
	var after uuid.UUID
	for {
		ids, err := b.book.CaseIDs(t.Context(), after, 2)
		require.NoError(t, err)
		require.LessOrEqual(t, len(ids), 2)
		if len(ids) == 0 {
			break
		}
		got = append(got, ids...)
		after = ids[len(ids)-1]
	}
	require.Equal(t, want, got)
}

// Person is an actor of tests.
func Person(name string) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
}

// Kept is a text as a run keeps it.
func Kept(path, text string) pipeline.Kept {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return pipeline.Kept{Path: path, Size: int64(len(text)), Digest: pipeline.DigestBytes([]byte(text)), Gzip: packed.Bytes()}
}

// Weighing is a run over a source with the given pins, headers and verdict, with
// something in every part of its report.
func Weighing(source, pins, headers string, verdict pipeline.Verdict) *pipeline.Weighing {
	lower, estimate, family, shape, country := int64(70_553_706_496), int64(1)<<62+1, "llama", "sha256:f1", "worldwide"
	sub := &pipeline.Submission{Destination: pipeline.Destination{Country: &country}}
	digest := pipeline.SubmissionDigest(sub)
	w := &pipeline.Weighing{Submission: sub, Kept: []pipeline.Kept{Kept("a\xff.json", `{"a":1}`), Kept("config.json", "headers "+headers)}}
	w.Report = pipeline.Report{
		Schema: pipeline.ReportSchema, Tool: pipeline.Tool{Name: "weighbridge", Version: "0.1.0"}, AsOf: "2026-11-23",
		Artifact: pipeline.Artifact{Source: source, PinDigest: pipeline.DigestBytes([]byte("pins " + pins)), HeaderDigest: pipeline.DigestBytes([]byte("headers " + headers)),
			ContentBasis: "none", Bytes: 141_107_555_060, Objects: []pipeline.ArtifactObject{{Object: pipeline.Object{Path: "model.safetensors", Size: 1 << 40, ETag: "e"}, Format: "safetensors", Role: pipeline.RoleWeights, Pinned: true}},
			Skipped: []pipeline.Skipped{{Path: ".git/", Reason: "not part of the artifact"}}},
		Submission:  pipeline.SubmissionRef{Present: true, Digest: &digest},
		FactsIndex:  []pipeline.FactEntry{{Name: "params.lower", Basis: pipeline.BasisMeasured, Evidence: []pipeline.Evidence{{Object: "model.safetensors", Where: "bytes=0-9143"}}}},
		Inspections: []pipeline.Inspection{{Inspector: "safetensors", Object: "model.safetensors", Status: pipeline.InspectionOK}},
		Findings: []pipeline.Finding{{ID: "f", Pack: "seed-article", Rule: "SEED-01", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview,
			Quorum: pipeline.QuorumOne, Message: "<b>70B & more</b>", Evidence: []pipeline.FindingEvidence{{Fact: "params.effective_upper", Value: json.Number("9007199254740993")}}}},
		Verdict: verdict, Reasons: []string{"a reason"}, Packs: []pipeline.PackRef{{Name: "seed-article", Version: "1", Digest: pipeline.DigestBytes(nil), Mode: pipeline.ModeEnforce}},
		Cost: pipeline.Cost{Requests: 33, BytesRead: 412345, Seconds: 0.41}, Disclaimer: pipeline.Disclaimer,
	}
	w.Report.Facts.Params.Lower, w.Report.Facts.Params.Estimate = &lower, &estimate
	w.Report.Facts.Architecture.Family, w.Report.Facts.Architecture.Fingerprint = &family, &shape
	return w
}

// Vote is a ballot that every verdict accepts.
func Vote(id uuid.UUID, who string, kind pipeline.DecisionKind) pipeline.Ballot {
	return pipeline.Ballot{Case: id, Actor: Person(who), Kind: kind, Reason: pipeline.ReasonRiskAccepted, Comment: "we accept up to 80.1B parameters"}
}

// bundle is one open book with its desk, and a clock that the test moves.
type bundle struct {
	*testing.T
	book Book
	desk Desk
	open func() Book
	now  time.Time
}

func (s Suite) setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	b := &bundle{T: t, open: s.New(t), now: time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC)}
	b.book = b.open()
	t.Cleanup(func() { require.NoError(t, b.book.Close()) })
	b.desk = s.Desk(b.book, func() time.Time { return b.now })
	return b
}

func (b *bundle) record(w *pipeline.Weighing) pipeline.Case {
	b.Helper()
	c, err := b.desk.Record(b.Context(), w, Person("sub"))
	require.NoError(b, err)
	return c
}

func (b *bundle) vote(id uuid.UUID, kind pipeline.DecisionKind) pipeline.Case {
	b.Helper()
	c, err := b.desk.Decide(b.Context(), Vote(id, "ada", kind))
	require.NoError(b, err)
	return c
}

func (b *bundle) verify() pipeline.AuditHead {
	b.Helper()
	head, err := b.book.VerifyAudit(b.Context(), nil)
	require.NoError(b, err)
	return head
}

func (s Suite) record(t *testing.T) {
	b := s.setup(t)
	w := Weighing("s3://staging/m/", "1", "1", pipeline.VerdictReview)
	c := b.record(w)

	got, err := b.book.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c, got, "the case that was returned is the case that is kept")
	require.Equal(t, uuid.Version(7), c.ID.Version())
	require.Equal(t, w.Report.Facts.Params.Estimate, got.Params.Estimate)

	report, err := b.book.Report(t.Context(), c.ID)
	require.NoError(t, err)
	want := w.Report
	want.Case = &pipeline.CaseRef{ID: c.ID, State: pipeline.StateOpen}
	require.Equal(t, want, report)

	sub, err := b.book.Submission(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, w.Submission, sub)

	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, h.Events, 1)
	require.Equal(t, pipeline.EventOpened, h.Events[0].Kind)
	require.Equal(t, Person("sub"), h.Events[0].Actor)
	require.Equal(t, b.now, h.Events[0].Time)
	b.verify()

	for _, missing := range []func() error{
		func() error { _, err := b.book.Case(t.Context(), uuid.UUID{1}); return err },
		func() error { _, err := b.book.History(t.Context(), uuid.UUID{1}); return err },
		func() error { _, err := b.book.Report(t.Context(), uuid.UUID{1}); return err },
		func() error { _, err := b.book.SameStructure(t.Context(), uuid.UUID{1}); return err },
		func() error { _, err := b.book.Submission(t.Context(), uuid.UUID{1}); return err },
		func() error {
			return b.book.Kept(t.Context(), uuid.UUID{1}, func(pipeline.Kept) error { return nil })
		},
		func() error {
			_, err := b.desk.Decide(t.Context(), Vote(uuid.UUID{1}, "ada", pipeline.DecisionReject))
			return err
		},
	} {
		require.ErrorIs(t, missing(), pipeline.ErrNotFound)
	}
}

func (s Suite) recordAgain(t *testing.T) {
	b := s.setup(t)
	first := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	again := Weighing("s", "1", "1", pipeline.VerdictReview)
	again.Report.Cost.Requests = 99 // another cost is no other report
	second := b.record(again)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Report, second.Report)
	require.Equal(t, int64(2), second.Version)

	b.vote(first.ID, pipeline.DecisionApprove)
	worse := Weighing("s", "1", "1", pipeline.VerdictBlock)
	worse.Report.Findings[0].Effect = pipeline.EffectBlock
	third := b.record(worse)
	require.Equal(t, first.ID, third.ID)
	require.Equal(t, pipeline.StateOpen, third.State)
	report, err := b.book.Report(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.VerdictBlock, report.Verdict)
	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
	require.Equal(t, []pipeline.Case{third}, page.Items)
	b.verify()
}

func (s Suite) kept(t *testing.T) {
	b := s.setup(t)
	w := Weighing("s", "1", "1", pipeline.VerdictReview)
	c := b.record(w)
	other := b.record(Weighing("t", "1", "2", pipeline.VerdictReview)) // shares one of its texts
	read := func(id uuid.UUID) (out []pipeline.Kept) {
		require.NoError(t, b.book.Kept(t.Context(), id, func(k pipeline.Kept) error {
			out = append(out, k)
			return nil
		}))
		return out
	}
	require.Equal(t, w.Kept, read(c.ID))
	require.Equal(t, w.Kept[0].Digest, read(other.ID)[0].Digest)
	require.NotEqual(t, w.Kept[1].Digest, read(other.ID)[1].Digest)
	stop := fmt.Errorf("stop")
	require.ErrorIs(t, b.book.Kept(t.Context(), c.ID, func(pipeline.Kept) error { return stop }), stop)

	wrong := Weighing("u", "1", "3", pipeline.VerdictReview)
	wrong.Kept[1].Gzip = wrong.Kept[0].Gzip
	c = b.record(wrong)
	err := b.book.Kept(t.Context(), c.ID, func(pipeline.Kept) error { return nil })
	require.ErrorIs(t, err, pipeline.ErrTampered)
}

func (s Suite) carryOver(t *testing.T) {
	b := s.setup(t)
	first := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	_, err := b.desk.Claim(t.Context(), pipeline.Claim{Case: first.ID, Actor: Person("ada")})
	require.NoError(t, err)
	_, err = b.desk.Comment(t.Context(), pipeline.Remark{Case: first.ID, Actor: Person("sub"), Text: "attached: the licence"})
	require.NoError(t, err)

	second := b.record(Weighing("s", "2", "1", pipeline.VerdictReview))
	require.Equal(t, pipeline.StateClaimed, second.State)
	h, err := b.book.History(t.Context(), second.ID)
	require.NoError(t, err)
	require.Len(t, h.Comments, 1)
	require.Equal(t, first.ID, *h.Comments[0].CarriedFrom)
	old, err := b.book.Case(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateSuperseded, old.State)
	require.Equal(t, second.ID, *old.SupersededBy)

	// The old bytes come back: the old case opens, and the newer one gives way.
	again := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, pipeline.StateOpen, again.State)
	newer, err := b.book.Case(t.Context(), second.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateSuperseded, newer.State)
	b.verify()
}

func (s Suite) decide(t *testing.T) {
	b := s.setup(t)
	w := Weighing("s", "1", "1", pipeline.VerdictInconclusive)
	c := b.record(w)
	lea := Vote(c.ID, "lea", pipeline.DecisionApprove)
	lea.Actor.Roles = []pipeline.ActorRole{pipeline.RoleLegal}
	until := b.now.Add(time.Hour)
	lea.Until = &until
	c, err := b.desk.Decide(t.Context(), lea)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateClaimed, c.State)
	_, err = b.desk.Decide(t.Context(), Vote(c.ID, "Lea", pipeline.DecisionApprove))
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	_, err = b.desk.Decide(t.Context(), Vote(c.ID, "sub", pipeline.DecisionApprove))
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	c = b.vote(c.ID, pipeline.DecisionApprove)
	require.Equal(t, pipeline.StateApproved, c.State)

	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c, h.Case)
	require.Len(t, h.Decisions, 2)
	require.Equal(t, lea.Actor, h.Decisions[0].Actor)
	require.Equal(t, int64(80_100_000_000), *h.Decisions[0].Bound)
	require.Equal(t, until, *h.Decisions[0].Until)
	require.Equal(t, until, *c.ExpiresAt)

	ruling, err := b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&w.Report))
	require.NoError(t, err)
	require.Equal(t, pipeline.RulingApproved, ruling.Kind)
	require.Equal(t, h.Decisions, ruling.Approval.Decisions)
	require.Equal(t, b.verify(), ruling.Approval.Head)

	changed := w.Report
	changed.Artifact.PinDigest = pipeline.DigestBytes([]byte("another"))
	ruling, err = b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&changed))
	require.NoError(t, err)
	require.Equal(t, pipeline.RulingNone, ruling.Kind)

	content := pipeline.DigestBytes([]byte("content"))
	w.Report.Artifact.ContentDigest = &content
	b.record(w) // hashing makes the approval hold for the bytes
	changed.Artifact.ContentDigest = &content
	changed.Artifact.Source = "elsewhere"
	ruling, err = b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&changed))
	require.NoError(t, err)
	require.Equal(t, pipeline.RulingApproved, ruling.Kind)
	require.Equal(t, pipeline.BoundContent, ruling.Approval.Bound)

	// A copy that is rejected later stops these bytes here too, hashed or not.
	copied := Weighing("copy", "9", "9", pipeline.VerdictReview)
	copied.Report.Artifact.ContentDigest = &content
	b.now = b.now.Add(time.Minute)
	b.vote(b.record(copied).ID, pipeline.DecisionReject)
	for _, digest := range []*pipeline.Digest{&content, nil} {
		w.Report.Artifact.ContentDigest = digest
		ruling, err = b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&w.Report))
		require.NoError(t, err)
		require.Equal(t, pipeline.RulingRejected, ruling.Kind)
	}
}

// A plan that fails, in part or as a whole, leaves nothing.
func (s Suite) nothingByHalves(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	head := b.verify()

	broken := Weighing("t", "1", "1", pipeline.VerdictReview)
	broken.Kept = append(broken.Kept, broken.Kept[0]) // the same path twice: the last thing written fails
	_, err := b.desk.Record(t.Context(), broken, Person("sub"))
	require.Error(t, err)
	refused := fmt.Errorf("refused")
	_, err = b.book.Amend(t.Context(), c.ID, func(pipeline.CaseFile) (pipeline.CaseChange, error) { return pipeline.CaseChange{}, refused })
	require.ErrorIs(t, err, refused)
	_, err = b.book.Enter(t.Context(), broken, func(pipeline.Relatives) (pipeline.Entry, error) { return pipeline.Entry{}, refused })
	require.ErrorIs(t, err, refused)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = b.book.Amend(ctx, c.ID, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
		cancel()
		f.Case.Version++
		return pipeline.CaseChange{Case: f.Case}, nil
	})
	require.ErrorIs(t, err, context.Canceled)

	require.Equal(t, head, b.verify())
	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
	require.Equal(t, []pipeline.Case{c}, page.Items)
}

func (s Suite) staleWrite(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	_, err := b.book.Amend(t.Context(), c.ID, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
		f.Case.Version += 2 // as if another change had come between
		id := f.Case.ID
		return pipeline.CaseChange{Case: f.Case, Events: []pipeline.AuditEvent{{ID: uuid.UUID{1}, Time: b.now, Actor: Person("ada"),
			Kind: pipeline.EventCommented, Case: &id, Data: json.RawMessage(`{}`)}}}, nil
	})
	require.ErrorIs(t, err, pipeline.ErrConflict)
	vote := Vote(c.ID, "ada", pipeline.DecisionApprove)
	vote.Version = 5
	_, err = b.desk.Decide(t.Context(), vote)
	require.ErrorIs(t, err, pipeline.ErrConflict)
	require.ErrorContains(t, err, "it is now open at version 1")
	require.Equal(t, int64(1), b.verify().Count)
}

func (s Suite) expire(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	vote := Vote(c.ID, "ada", pipeline.DecisionApprove)
	until := b.now.Add(time.Hour)
	vote.Until = &until
	_, err := b.desk.Decide(t.Context(), vote)
	require.NoError(t, err)
	for _, want := range []struct {
		wait time.Duration
		n    int
	}{{time.Hour - time.Microsecond, 0}, {time.Microsecond, 1}, {time.Hour, 0}} {
		b.now = b.now.Add(want.wait)
		n, err := b.desk.Expire(t.Context())
		require.NoError(t, err)
		require.Equal(t, want.n, n)
	}
	got, err := b.book.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateExpired, got.State)
	b.verify()
}

func (s Suite) pages(t *testing.T) {
	b := s.setup(t)
	var want []uuid.UUID
	for i := range 25 {
		want = append([]uuid.UUID{b.record(Weighing(fmt.Sprintf("s%02d", i), "1", "1", pipeline.VerdictReview)).ID}, want...)
	}
	var got []uuid.UUID
	filter := pipeline.CaseFilter{Limit: 10}
	for pages := 1; ; pages++ {
		page, err := b.book.Cases(t.Context(), filter)
		require.NoError(t, err)
		for _, c := range page.Items {
			got = append(got, c.ID)
		}
		if filter.Cursor = page.Next; page.Next == "" {
			require.Equal(t, 3, pages)
			break
		}
		if pages == 1 { // what comes meanwhile moves nothing
			b.record(Weighing("new", "1", "1", pipeline.VerdictReview))
		}
	}
	require.Equal(t, want, got)

	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{Limit: 26})
	require.NoError(t, err)
	require.Len(t, page.Items, 26)
	require.Empty(t, page.Next)
	_, err = b.book.Cases(t.Context(), pipeline.CaseFilter{Cursor: "x' OR 1=1"})
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// changedFamily finds a case by the family that it has now, and not by one that it had.
func (b *bundle) changedFamily() {
	b.record(Weighing("s3://staging/renamed/", "1", "1", pipeline.VerdictReview))
	again, family := Weighing("s3://staging/renamed/", "1", "1", pipeline.VerdictReview), "falcon"
	again.Report.Facts.Architecture.Family = &family
	now := b.record(again)
	for text, want := range map[string][]pipeline.Case{"FALCON": {now}, "renamed": {now}, "llama\nolga": {}} {
		page, err := b.book.Cases(b.Context(), pipeline.CaseFilter{Text: text})
		require.NoError(b, err)
		require.ElementsMatch(b, want, page.Items, text)
	}
	page, err := b.book.Cases(b.Context(), pipeline.CaseFilter{Text: "llama", Source: "s3://staging/renamed/"})
	require.NoError(b, err)
	require.Empty(b, page.Items)
}

func (s Suite) filters(t *testing.T) {
	b := s.setup(t)
	llama := b.record(Weighing("s3://staging/Llama_70b%/", "1", "1", pipeline.VerdictReview))
	block := b.record(Weighing("s3://staging/other/", "1", "1", pipeline.VerdictBlock))
	plain := Weighing("/models/plain", "1", "1", pipeline.VerdictClear)
	plain.Report.Facts.Architecture.Family, plain.Report.Facts.Architecture.Fingerprint = nil, nil
	clear, err := b.desk.Record(t.Context(), plain, Person("Olga"))
	require.NoError(t, err)
	llama = b.vote(llama.ID, pipeline.DecisionApprove)

	tests := map[string]struct {
		filter pipeline.CaseFilter
		want   []pipeline.Case
	}{
		"All":           {pipeline.CaseFilter{}, []pipeline.Case{clear, block, llama}},
		"State":         {pipeline.CaseFilter{States: []pipeline.State{pipeline.StateApproved, pipeline.StateCleared}}, []pipeline.Case{clear, llama}},
		"Verdict":       {pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictBlock}}, []pipeline.Case{block}},
		"StateVerdict":  {pipeline.CaseFilter{States: []pipeline.State{pipeline.StateOpen}, Verdicts: []pipeline.Verdict{pipeline.VerdictReview}}, nil},
		"Source":        {pipeline.CaseFilter{Source: "s3://staging/other/"}, []pipeline.Case{block}},
		"Family":        {pipeline.CaseFilter{Family: "llama"}, []pipeline.Case{block, llama}},
		"Submitter":     {pipeline.CaseFilter{Submitter: "oLGA"}, []pipeline.Case{clear}},
		"SameStructure": {pipeline.CaseFilter{Fingerprint: *llama.Fingerprint}, []pipeline.Case{block, llama}},
		"Text":          {pipeline.CaseFilter{Text: "LLAMA_70B%"}, []pipeline.Case{llama}},
		"TextSubmitter": {pipeline.CaseFilter{Text: "olg"}, []pipeline.Case{clear}},
		"TextShort":     {pipeline.CaseFilter{Text: "lg"}, []pipeline.Case{clear}},
		"TextNul":       {pipeline.CaseFilter{Text: "olg\x00"}, nil},
		"TextNotUTF8":   {pipeline.CaseFilter{Text: "olg\xff"}, nil},
		"TextTwoWords":  {pipeline.CaseFilter{Text: `"olg" OR "olg"`}, nil},
		"TextNoPattern": {pipeline.CaseFilter{Text: "%_%"}, nil},
		"TextQuote":     {pipeline.CaseFilter{Text: `' OR '1'='1`}, nil},
		"TextBackslash": {pipeline.CaseFilter{Text: `\`}, nil},
	}
	for name, test := range tests {
		page, err := b.book.Cases(t.Context(), test.filter)
		require.NoError(t, err, name)
		require.Equal(t, append([]pipeline.Case{}, test.want...), page.Items, name)
	}
	b.changedFamily()
}

func (s Suite) auditHead(t *testing.T) {
	b := s.setup(t)
	empty, err := b.book.AuditHead(t.Context())
	require.NoError(t, err)
	require.Equal(t, pipeline.AuditGenesis(), empty)
	require.Equal(t, empty, b.verify())

	heads := []pipeline.AuditHead{empty}
	for i := range 3 {
		b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview))
		head, err := b.book.AuditHead(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(i+1), head.Count)
		heads = append(heads, head)
	}
	for _, earlier := range heads {
		head, err := b.book.VerifyAudit(t.Context(), &earlier)
		require.NoError(t, err)
		require.Equal(t, heads[3], head)
		forged := pipeline.AuditHead{Count: earlier.Count, Hash: pipeline.DigestBytes([]byte("forged"))}
		_, err = b.book.VerifyAudit(t.Context(), &forged)
		require.ErrorIs(t, err, pipeline.ErrTampered)
		require.ErrorContains(t, err, "was rewritten")
	}
	later := pipeline.AuditHead{Count: 9, Hash: heads[3].Hash}
	_, err = b.book.VerifyAudit(t.Context(), &later)
	require.ErrorIs(t, err, pipeline.ErrTampered)
	require.ErrorContains(t, err, "it had 9 events and ends now at event 3")

	events, err := b.book.AuditEvents(t.Context(), 1, 1)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, heads[2].Hash, events[0].Hash)
}

// Twenty people decide one case at the same moment: one of them settles it, and the
// others are told.
func (s Suite) atTheSameMoment(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	second := b.open() // as another process would have it
	defer func() { require.NoError(t, second.Close()) }()
	desks := []Desk{b.desk, s.Desk(second, func() time.Time { return b.now })}
	errs := make([]error, 20)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			vote := Vote(c.ID, fmt.Sprintf("reviewer %d", i), []pipeline.DecisionKind{pipeline.DecisionApprove, pipeline.DecisionReject}[i%2])
			if i%4 < 2 {
				vote.Version = c.Version
			}
			_, errs[i] = desks[i%3%2].Decide(t.Context(), vote)
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case i%4 < 2:
			require.ErrorIs(t, err, pipeline.ErrConflict)
		default:
			require.ErrorIs(t, err, pipeline.ErrTransition)
		}
	}
	require.Equal(t, 1, won)
	h, err := b.book.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, h.Decisions, 1)
	require.Len(t, h.Events, 4, "opened, claimed, decided, and what it came to")
	require.Equal(t, int64(2), h.Case.Version)
	require.Equal(t, int64(4), b.verify().Count)
}

func (s Suite) openAgain(t *testing.T) {
	b := s.setup(t)
	c := b.record(Weighing("s", "1", "1", pipeline.VerdictReview))
	head := b.verify()
	again := b.open()
	defer func() { require.NoError(t, again.Close()) }()
	got, err := again.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, c, got)
	same, err := again.VerifyAudit(t.Context(), &head)
	require.NoError(t, err)
	require.Equal(t, head, same)
}
