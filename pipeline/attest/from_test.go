package attest_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb"
)

// secret stands wherever a submission, a comment or a message could be quoted.
const secret = "to-a-partner-nobody-may-know"

// queue is a desk over a database, with a clock that the test moves.
type queue struct {
	*testing.T
	db   *sqldb.DB
	desk *review.Desk
	now  time.Time
}

func newQueue(t *testing.T) *queue {
	t.Helper()
	db, err := sqldb.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	q := &queue{T: t, db: db, now: settled}
	q.desk = review.New(db, review.WithClock(func() time.Time { return q.now }))
	return q
}

func person(name string) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
}

// weighing is a run over the objects of the samples and a weighbridge.yaml.
func weighing(verdict pipeline.Verdict, hashed bool) *pipeline.Weighing {
	w := &pipeline.Weighing{Submission: &pipeline.Submission{}}
	s := pipeline.Snapshot{}
	for _, o := range append(objects(), attest.Object{Path: pipeline.SubmissionName, Size: 44}, attest.Object{Path: pipeline.ApprovalName, Size: 4000}) {
		one := pipeline.Object{Path: o.Path, Size: o.Size, ETag: "etag-" + o.Path, VersionID: "v1"}
		s.Objects = append(s.Objects, one)
		w.Report.Artifact.Objects = append(w.Report.Artifact.Objects, pipeline.ArtifactObject{Object: one, Pinned: true})
	}
	r := &w.Report
	r.Schema, r.Tool, r.AsOf, r.Verdict = pipeline.ReportSchema, pipeline.Tool{Name: "weighbridge", Version: "0.1.0"}, "2026-11-23", verdict
	r.Artifact.Source, r.Artifact.PinDigest, r.Artifact.HeaderDigest, r.Artifact.Bytes = "s3://staging/llama/", s.PinDigest(), digest("headers"), s.Bytes()
	if hashed {
		content := s.ContentDigest(sums())
		r.Artifact.ContentDigest = &content
	}
	country := secret
	w.Submission.Destination.Country = &country
	r.Submission = pipeline.SubmissionRef{Present: true, Digest: ptr(pipeline.SubmissionDigest(w.Submission))}
	var facts pipeline.FactSet
	facts.Set("params.lower", int64(70_553_706_496), pipeline.BasisMeasured)
	facts.Set("params.upper", int64(70_553_706_496), pipeline.BasisMeasured)
	r.Facts, r.FactsIndex = facts.Facts, facts.Index()
	r.Packs = []pipeline.PackRef{{Name: "seed-article", Version: "1", Digest: digest("seed"), Mode: pipeline.ModeEnforce}}
	if verdict != pipeline.VerdictClear {
		one := pipeline.Finding{ID: "1", Pack: "seed-article", Rule: "SEED-01", Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched,
			Effect: pipeline.EffectReview, Quorum: pipeline.QuorumTwo, Message: secret,
			Evidence: []pipeline.FindingEvidence{{Fact: "destination.country", Value: secret}, {Fact: "params.lower", Value: int64(9_007_199_254_740_993)}}}
		two := one
		two.ID = "2"
		r.Findings = []pipeline.Finding{one, two}
	}
	return w
}

// sums are those of the samples.
func sums() map[string]string {
	out := map[string]string{}
	for _, o := range objects() {
		out[o.Path] = o.SHA256
	}
	return out
}

func (q *queue) record(w *pipeline.Weighing) pipeline.Case {
	q.Helper()
	c, err := q.desk.Record(q.Context(), w, person("sam"))
	require.NoError(q, err)
	return c
}

func (q *queue) vote(id uuid.UUID, who string, kind pipeline.DecisionKind, until *time.Time) {
	q.Helper()
	_, err := q.desk.Decide(q.Context(), pipeline.Ballot{Case: id, Actor: person(who), Kind: kind, Reason: pipeline.ReasonRiskAccepted,
		Comment: secret + ": we accept up to 80B parameters", Until: until})
	require.NoError(q, err)
}

// approved records a case and has it approved by two people.
func (q *queue) approved(w *pipeline.Weighing, until *time.Time) pipeline.Case {
	q.Helper()
	c := q.record(w)
	q.now = q.now.Add(time.Minute)
	q.vote(c.ID, "rita", pipeline.DecisionApprove, nil)
	q.now = q.now.Add(time.Minute)
	q.vote(c.ID, "tom", pipeline.DecisionApprove, until)
	return c
}

// grounds reads what an approval is made from.
func (q *queue) grounds(id uuid.UUID) (pipeline.CaseHistory, *pipeline.Report, pipeline.AuditHead) {
	q.Helper()
	history, err := q.db.History(q.Context(), id)
	require.NoError(q, err)
	report, err := q.db.Report(q.Context(), id)
	require.NoError(q, err)
	head, err := q.db.VerifyAudit(q.Context(), nil)
	require.NoError(q, err)
	return history, &report, head
}

func TestFrom_ApprovedAndHashed(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	until := settled.Add(100 * time.Hour)
	c := q.approved(weighing(pipeline.VerdictReview, true), &until)
	_, err := q.desk.Comment(t.Context(), pipeline.Remark{Case: c.ID, Actor: person("sam"), Text: "thank you"})
	require.NoError(t, err)
	history, report, head := q.grounds(c.ID)
	a, err := attest.From(history, report, head, signed, attest.WithSums(sums()))
	require.NoError(t, err)

	require.Equal(t, attest.ApprovalID(c.ID, *history.Settled), a.ID)
	require.EqualValues(t, 8, a.ID.Version())
	require.Equal(t, attest.OutcomeApproved, a.Outcome)
	require.Equal(t, pipeline.BoundContent, a.Binding)
	require.Equal(t, *report.Artifact.ContentDigest, *a.Artifact.ContentDigest)
	require.Equal(t, objects(), a.Artifact.Objects)
	require.Equal(t, attest.Term{NotBefore: settled.Add(2 * time.Minute), Expires: &until}, a.Term)
	require.Equal(t, []attest.Finding{{Pack: "seed-article", Rule: "SEED-01", Outcome: "matched", Effect: "review", Mode: "enforce"}}, a.Findings)
	require.Equal(t, []string{"rita", "tom"}, []string{a.Decisions[0].Actor, a.Decisions[1].Actor})
	require.Equal(t, pipeline.ReasonRiskAccepted, a.Decisions[1].Reason)
	require.Equal(t, head.Hash, a.Audit.Head.Hash)
	require.Less(t, a.Audit.Settled.Count, a.Audit.Head.Count)
	require.Equal(t, *report.Submission.Digest, *a.Submission)

	e := signedBy(t, a, fixed(t))
	require.NotContains(t, string(payload(t, e)), secret)
	require.NoError(t, compiled(t).Validate(predicate(t, a)))
	got, err := trusting(t, named("k", fixed(t))).VerifyApproval(t.Context(), e, later.Add(-5*24*time.Hour), nil)
	require.NoError(t, err)
	bound, err := got.Covers(pipeline.QueryFor(report))
	require.NoError(t, err)
	require.Equal(t, pipeline.BoundContent, bound)

	// Signing again later is the same approval.
	again, err := attest.From(history, report, head, signed.Add(time.Hour), attest.WithSums(sums()))
	require.NoError(t, err)
	require.Equal(t, a.ID, again.ID)
}

func TestFrom_Bindings(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	c := q.approved(weighing(pipeline.VerdictReview, false), nil)
	history, report, head := q.grounds(c.ID)

	a, err := attest.From(history, report, head, signed)
	require.NoError(t, err)
	require.Equal(t, pipeline.BoundStore, a.Binding)
	require.Nil(t, a.Artifact.ContentDigest)
	require.Nil(t, a.Term.Expires)
	require.Len(t, a.Artifact.Objects, 5, "the submission is no part of the artifact")
	require.Equal(t, "etag-config.json", a.Artifact.Objects[0].ETag)
	require.Empty(t, a.Artifact.Objects[0].SHA256)
	require.Equal(t, []attest.Subject{{Name: "pins", Digest: map[string]string{"sha256": string(c.PinDigest)[len("sha256:"):]}}}, a.Subjects())

	// Whoever hashed the pinned objects afterwards binds the approval to its content.
	a, err = attest.From(history, report, head, signed, attest.WithSums(sums()))
	require.NoError(t, err)
	require.Equal(t, pipeline.BoundContent, a.Binding)
	require.NotNil(t, a.Artifact.ContentDigest)

	some := sums()
	delete(some, "config.json")
	_, err = attest.From(history, report, head, signed, attest.WithSums(some))
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

func TestFrom_Cleared(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	c := q.record(weighing(pipeline.VerdictClear, false))
	history, report, head := q.grounds(c.ID)
	a, err := attest.From(history, report, head, signed)
	require.NoError(t, err)
	require.Equal(t, attest.OutcomeCleared, a.Outcome)
	require.Empty(t, a.Decisions)
	require.NoError(t, compiled(t).Validate(predicate(t, a)))
}

func TestFrom_RefusesWhatIsNotSettled(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	until := settled.Add(time.Hour)
	for name, tc := range map[string]struct {
		state pipeline.State
		reach func(q *queue) uuid.UUID
		want  error
	}{
		"open": {pipeline.StateOpen, func(q *queue) uuid.UUID { return q.record(weighing(pipeline.VerdictReview, false)).ID }, attest.ErrNotApproved},
		"claimed": {pipeline.StateClaimed, func(q *queue) uuid.UUID {
			c := q.record(weighing(pipeline.VerdictReview, false))
			q.vote(c.ID, "rita", pipeline.DecisionApprove, nil)
			return c.ID
		}, attest.ErrNotApproved},
		"rejected": {pipeline.StateRejected, func(q *queue) uuid.UUID {
			c := q.record(weighing(pipeline.VerdictReview, false))
			q.vote(c.ID, "rita", pipeline.DecisionReject, nil)
			return c.ID
		}, attest.ErrNotApproved},
		"changes": {pipeline.StateChangesRequested, func(q *queue) uuid.UUID {
			c := q.record(weighing(pipeline.VerdictReview, false))
			q.vote(c.ID, "rita", pipeline.DecisionChanges, nil)
			return c.ID
		}, attest.ErrNotApproved},
		"ended": {pipeline.StateApproved, func(q *queue) uuid.UUID { return q.approved(weighing(pipeline.VerdictReview, false), &until).ID }, attest.ErrExpired},
		"expired": {pipeline.StateExpired, func(q *queue) uuid.UUID {
			c := q.approved(weighing(pipeline.VerdictReview, false), &until)
			q.now = until
			n, err := q.desk.Expire(q.Context())
			require.NoError(q, err)
			require.Equal(q, 1, n)
			return c.ID
		}, attest.ErrNotApproved},
		"reopened": {pipeline.StateOpen, func(q *queue) uuid.UUID {
			c := q.approved(weighing(pipeline.VerdictReview, false), nil)
			q.record(weighing(pipeline.VerdictBlock, false))
			return c.ID
		}, attest.ErrNotApproved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t)
			id := tc.reach(q)
			history, report, head := q.grounds(id)
			require.Equal(t, tc.state, history.Case.State)
			_, err := attest.From(history, report, head, later)
			require.ErrorIs(t, err, tc.want)
		})
	}
	c := q.approved(weighing(pipeline.VerdictReview, true), nil)
	history, report, head := q.grounds(c.ID)
	_, err := attest.From(history, report, head, settled.Add(-time.Hour), attest.WithSums(sums()))
	require.ErrorIs(t, err, attest.ErrClock)
	_, err = attest.From(history, report, head, signed)
	require.ErrorIs(t, err, pipeline.ErrUsage, "the report was hashed, and the sums are missing")
	other := sums()
	other["config.json"] = sum("another")
	_, err = attest.From(history, report, head, signed, attest.WithSums(other))
	require.ErrorIs(t, err, attest.ErrOtherBytes)
}

// A case that was edited behind the log's back is not signed.
func TestFrom_RefusesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	c := q.approved(weighing(pipeline.VerdictReview, true), nil)
	open := q.record(weighing(pipeline.VerdictBlock, true)) // opens the case again
	require.Equal(t, c.ID, open.ID)
	openHistory, openReport, openHead := q.grounds(c.ID)

	for name, change := range map[string]func(h *pipeline.CaseHistory, r *pipeline.Report, head *pipeline.AuditHead){
		"state": func(h *pipeline.CaseHistory, r *pipeline.Report, head *pipeline.AuditHead) {
			*h, *r, *head = openHistory, *openReport, openHead
			h.Case.State, h.Case.SettledAt = pipeline.StateApproved, ptr(settled)
		},
		"source": func(h *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) {
			h.Case.Source, r.Artifact.Source = "s3://x/", "s3://x/"
		},
		"term": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Case.ExpiresAt = ptr(later.Add(time.Hour))
		},
		"not_settled": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) { h.Settled = nil },
		"other_event": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Settled = &pipeline.AuditHead{Count: 1, Hash: h.Events[0].Hash}
		},
		"no_events": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) { h.Events = nil },
		"event_cut": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Events = h.Events[:len(h.Events)-1]
		},
		"event_changed": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Events[0].Actor.Name = "eve"
		},
		"event_of_another": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Events[0].Case = ptr(uuid.New())
		},
		"head_behind": func(_ *pipeline.CaseHistory, _ *pipeline.Report, head *pipeline.AuditHead) { head.Count = 1 },
		"vote_lost": func(h *pipeline.CaseHistory, _ *pipeline.Report, _ *pipeline.AuditHead) {
			h.Decisions = h.Decisions[1:]
		},
		"report":   func(_ *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) { r.Artifact.Objects[0].Size++ },
		"findings": func(_ *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) { r.Findings = nil },
		"facts": func(_ *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) {
			r.Facts.Params.Lower = ptr(int64(1))
		},
		"other_packs": func(_ *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) {
			r.Packs[0].Digest = digest("x")
		},
		"other_content": func(_ *pipeline.CaseHistory, r *pipeline.Report, _ *pipeline.AuditHead) {
			r.Artifact.ContentDigest = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t)
			c := q.approved(weighing(pipeline.VerdictReview, true), nil)
			history, report, head := q.grounds(c.ID)
			_, err := attest.From(history, report, head, signed, attest.WithSums(sums()))
			require.NoError(t, err)
			change(&history, report, &head)
			_, err = attest.From(history, report, head, signed, attest.WithSums(sums()))
			require.ErrorIs(t, err, pipeline.ErrTampered)
		})
	}
}

func TestFrom_RefusesWhatCannotBeNamed(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	w := weighing(pipeline.VerdictReview, false)
	w.Report.Artifact.Objects[0].Path = "a\xffb"
	c := q.approved(w, nil)
	history, report, head := q.grounds(c.ID)
	_, err := attest.From(history, report, head, signed)
	require.Error(t, err)
	require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
}

// The largest approval is read again.
func TestApproval_OfManyObjects(t *testing.T) {
	t.Parallel()
	a := sample()
	a.Artifact.Objects = nil
	for i := range attest.MaxObjects {
		name := []byte("a/folder/with/a/name/of/some/length/model-00000000.safetensors")
		for j, n := len(name)-13, i; n > 0; j, n = j-1, n/10 {
			name[j] = byte('0' + n%10)
		}
		a.Artifact.Objects = append(a.Artifact.Objects, attest.Object{Path: string(name), Size: int64(i), SHA256: sum("x")})
	}
	bind(&a)
	e, err := attest.ReadEnvelope(bytes.NewReader(signedBy(t, a, fixed(t)).JSON()))
	require.NoError(t, err)
	got, err := trusting(t, named("k", fixed(t))).VerifyApproval(t.Context(), e, later, nil)
	require.NoError(t, err)
	require.Len(t, got.Artifact.Objects, attest.MaxObjects)

	a.Artifact.Objects = append(a.Artifact.Objects, attest.Object{Path: "z", SHA256: sum("z")})
	bind(&a)
	_, err = a.Sign(t.Context(), fixed(t))
	require.ErrorIs(t, err, pipeline.ErrInvalid)
}

func FuzzParseEnvelope(f *testing.F) {
	k, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(f, err)
	trust, err := attest.TrustKeys(named("k", k))
	require.NoError(f, err)
	for _, a := range []attest.Approval{sample(), storeBound(), cleared()} {
		e, err := a.Sign(f.Context(), k)
		require.NoError(f, err)
		f.Add(e.JSON())
	}
	f.Add([]byte(`{"payloadType":"a","payload":"YQ==","signatures":[{"keyid":"","sig":"YQ=="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := attest.ParseEnvelope(text)
		if err != nil {
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
			return
		}
		require.Equal(t, text, e.JSON())
		if _, err := trust.VerifyApproval(t.Context(), e, later, nil); err != nil {
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
		}
	})
}

// Whatever a trusted key signs is read or refused.
func FuzzStatement(f *testing.F) {
	k, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(f, err)
	trust, err := attest.TrustKeys(named("k", k))
	require.NoError(f, err)
	for _, a := range []attest.Approval{sample(), storeBound(), cleared()} {
		e, err := a.Sign(f.Context(), k)
		require.NoError(f, err)
		f.Add(payload(f, e))
	}
	for _, seed := range []string{"null", "{}", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + attest.ApprovalPredicate + `","subject":[{"digest":{"sha256":"a"}}],"predicate":{"artifact":{"objects":[{}]}}}`,
		`{"schema":"weighbridge.revocations/1","number":1,"issued_at":"2026-11-23T10:00:00Z","revoked":[{}]}`, `{"schema":"weighbridge.checkpoint/1","count":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []string{attest.StatementPayload, attest.RevocationsPayload, attest.CheckpointPayload} {
			if len(body) == 0 {
				return
			}
			e := raw(t, kind, body, k)
			a, err := trust.VerifyApproval(t.Context(), e, later, nil)
			if err == nil {
				// What is read can be signed again, and then says the same.
				again, err := a.Sign(t.Context(), k)
				require.NoError(t, err)
				b, err := trust.VerifyApproval(t.Context(), again, later, nil)
				require.NoError(t, err)
				one, err := json.Marshal(a.Approval)
				require.NoError(t, err)
				two, err := json.Marshal(b.Approval)
				require.NoError(t, err)
				require.JSONEq(t, string(one), string(two))
			}
			_, _, errResult := trust.VerifyResult(t.Context(), e, later)
			_, errList := trust.VerifyRevocations(t.Context(), e, later)
			_, errHead := trust.VerifyCheckpoint(t.Context(), e, later)
			for _, err := range []error{err, errResult, errList, errHead} {
				if err != nil {
					require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
				}
			}
		}
	})
}

func FuzzLoadTrust(f *testing.F) {
	f.Add([]byte("keys:\n  - name: a\n    public_key: |\n      -----BEGIN PUBLIC KEY-----\n      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n      -----END PUBLIC KEY-----\n"))
	f.Add([]byte("keys: [{name: a, not_before: 2026-01-01T00:00:00Z}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		trust, err := attest.LoadTrust(bytes.NewReader(text), "trust.yaml")
		if err != nil {
			require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
			return
		}
		for _, k := range trust.Keys() {
			changed, err := attest.EndTrusted(text, "trust.yaml", k.Name, later)
			if err != nil {
				require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
				continue
			}
			_, err = attest.LoadTrust(bytes.NewReader(changed), "trust.yaml")
			require.NoError(t, err)
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		// No passphrase: what follows after the checks costs time, and is the library's.
		_, err := attest.ParsePrivateKey(text, nil)
		require.Error(t, err)
		require.NotEqual(t, pipeline.CodeInternal, pipeline.ErrorCode(err))
		_, _ = attest.ParsePublicKey(text)
	})
}
