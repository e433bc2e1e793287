package review_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

var (
	start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	sub   = person("sub")
	ada   = person("ada")
	bob   = person("bob")
	cem   = person("cem")
	lea   = pipeline.Actor{Name: "lea", Known: pipeline.KnownAsserted, Roles: []pipeline.ActorRole{pipeline.RoleLegal}}
)

func person(name string) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
}

// bundle is a desk over an empty book, with a clock that the test moves.
type bundle struct {
	*testing.T
	book *book
	desk *review.Desk
	now  time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{T: t, book: newBook(), now: start}
	b.desk = review.New(b.book, review.WithClock(func() time.Time { return b.now }))
	return b
}

func digest(text string) pipeline.Digest { return pipeline.DigestBytes([]byte(text)) }

// weighing is a run over source "s" whose pins, headers and verdict are given.
func weighing(pins, headers string, verdict pipeline.Verdict) *pipeline.Weighing {
	lower, upper := int64(70_553_706_496), int64(80_000_000_000)
	w := &pipeline.Weighing{}
	w.Report.Artifact = pipeline.Artifact{Source: "s3://staging/m/", PinDigest: digest("pins " + pins), HeaderDigest: digest("headers " + headers)}
	w.Report.Verdict = verdict
	w.Report.Facts.Params.Lower, w.Report.Facts.Params.Upper = &lower, &upper
	w.Report.Packs = []pipeline.PackRef{{Name: "seed", Version: "1", Digest: digest("pack"), Mode: pipeline.ModeEnforce}}
	return w
}

func (b *bundle) record(w *pipeline.Weighing) pipeline.Case {
	b.Helper()
	c, err := b.desk.Record(b.Context(), w, sub)
	require.NoError(b, err)
	return c
}

func ballot(id uuid.UUID, who pipeline.Actor, kind pipeline.DecisionKind) pipeline.Ballot {
	return pipeline.Ballot{Case: id, Actor: who, Kind: kind, Reason: pipeline.ReasonRiskAccepted, Comment: "we accept up to 80.1B parameters"}
}

func (b *bundle) decide(id uuid.UUID, who pipeline.Actor, kind pipeline.DecisionKind) (pipeline.Case, error) {
	return b.desk.Decide(b.Context(), ballot(id, who, kind))
}

func (b *bundle) must(c pipeline.Case, err error) pipeline.Case {
	b.Helper()
	require.NoError(b, err)
	return c
}

func (b *bundle) kinds(id uuid.UUID) string {
	var out []string
	for _, e := range b.book.events {
		if *e.Case == id {
			out = append(out, string(e.Kind))
		}
	}
	return strings.Join(out, " ")
}

// place brings a new case into a state.
func (b *bundle) place(state pipeline.State) pipeline.Case {
	b.Helper()
	if state == pipeline.StateCleared {
		return b.record(weighing("1", "1", pipeline.VerdictClear))
	}
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	switch state {
	case pipeline.StateClaimed:
		c = b.must(b.desk.Claim(b.Context(), pipeline.Claim{Case: c.ID, Actor: ada}))
	case pipeline.StateApproved:
		c = b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
	case pipeline.StateRejected:
		c = b.must(b.decide(c.ID, ada, pipeline.DecisionReject))
	case pipeline.StateChangesRequested:
		c = b.must(b.decide(c.ID, ada, pipeline.DecisionChanges))
	case pipeline.StateRevoked:
		b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
		c = b.must(b.desk.Revoke(b.Context(), ballot(c.ID, ada, "")))
	case pipeline.StateSuperseded:
		b.record(weighing("2", "2", pipeline.VerdictReview))
		c = b.book.cases[c.ID]
	case pipeline.StateExpired:
		until := b.now.Add(time.Hour)
		vote := ballot(c.ID, ada, pipeline.DecisionApprove)
		vote.Until = &until
		b.must(b.desk.Decide(b.Context(), vote))
		b.now = until
		n, err := b.desk.Expire(b.Context())
		require.NoError(b, err)
		require.Equal(b, 1, n)
		c = b.book.cases[c.ID]
	}
	require.Equal(b, state, c.State)
	return c
}

// Every action in every state.
func TestDesk_Transitions(t *testing.T) {
	t.Parallel()
	const (
		open, claimed      = pipeline.StateOpen, pipeline.StateClaimed
		changes, approved  = pipeline.StateChangesRequested, pipeline.StateApproved
		rejected, cleared  = pipeline.StateRejected, pipeline.StateCleared
		superseded, expire = pipeline.StateSuperseded, pipeline.StateExpired
		revoked            = pipeline.StateRevoked
	)
	actions := []struct {
		name string
		do   func(b *bundle, id uuid.UUID) (pipeline.Case, error)
		to   map[pipeline.State]pipeline.State
	}{
		{"Claim", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Claim(b.Context(), pipeline.Claim{Case: id, Actor: bob})
		}, map[pipeline.State]pipeline.State{open: claimed, changes: claimed}},
		{"Release", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Release(b.Context(), pipeline.Claim{Case: id, Actor: ada})
		}, map[pipeline.State]pipeline.State{claimed: open}},
		{"TakeOver", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Claim(b.Context(), pipeline.Claim{Case: id, Actor: bob, TakeOver: true})
		}, map[pipeline.State]pipeline.State{claimed: claimed}},
		{"Approve", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.decide(id, bob, pipeline.DecisionApprove)
		}, map[pipeline.State]pipeline.State{open: approved, claimed: approved, changes: approved}},
		{"Reject", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.decide(id, bob, pipeline.DecisionReject)
		}, map[pipeline.State]pipeline.State{open: rejected, claimed: rejected, changes: rejected}},
		{"Changes", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.decide(id, bob, pipeline.DecisionChanges)
		}, map[pipeline.State]pipeline.State{open: changes, claimed: changes, changes: changes}},
		{"Comment", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Comment(b.Context(), pipeline.Remark{Case: id, Actor: sub, Text: "please look"})
		}, map[pipeline.State]pipeline.State{open: open, claimed: claimed, changes: changes, approved: approved,
			rejected: rejected, cleared: cleared, superseded: superseded, expire: expire, revoked: revoked}},
		{"Attest", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Attest(b.Context(), pipeline.Attestation{Case: id, Settled: b.book.settled[id], Bound: pipeline.BoundStore}, bob)
		}, map[pipeline.State]pipeline.State{approved: approved, cleared: cleared}},
		{"Revoke", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Revoke(b.Context(), ballot(id, sub, ""))
		}, map[pipeline.State]pipeline.State{approved: revoked, cleared: revoked, rejected: rejected, expire: expire}},
		{"JudgedTheSame", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Record(b.Context(), weighing("1", "1", b.book.cases[id].Verdict), ada)
		}, map[pipeline.State]pipeline.State{open: open, claimed: claimed, changes: changes, approved: approved,
			rejected: rejected, cleared: cleared, superseded: open, expire: open, revoked: revoked}},
		{"JudgedBlock", func(b *bundle, _ uuid.UUID) (pipeline.Case, error) {
			return b.desk.Record(b.Context(), weighing("1", "1", pipeline.VerdictBlock), ada)
		}, map[pipeline.State]pipeline.State{open: open, claimed: claimed, changes: open, approved: open,
			rejected: open, cleared: open, superseded: open, expire: open, revoked: open}},
		{"JudgedClear", func(b *bundle, _ uuid.UUID) (pipeline.Case, error) {
			return b.desk.Record(b.Context(), weighing("1", "1", pipeline.VerdictClear), ada)
		}, map[pipeline.State]pipeline.State{open: cleared, claimed: cleared, changes: open, approved: cleared,
			rejected: open, cleared: cleared, superseded: cleared, expire: cleared, revoked: open}},
		{"OtherHeadersUnderTheSamePins", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			return b.desk.Record(b.Context(), weighing("1", "other", b.book.cases[id].Verdict), ada)
		}, map[pipeline.State]pipeline.State{open: open, claimed: claimed, changes: open, approved: open,
			rejected: open, cleared: cleared, superseded: open, expire: open, revoked: open}},
		{"NewerPins", func(b *bundle, id uuid.UUID) (pipeline.Case, error) {
			_, err := b.desk.Record(b.Context(), weighing("3", "3", pipeline.VerdictReview), ada)
			return b.book.cases[id], err
		}, map[pipeline.State]pipeline.State{open: superseded, claimed: superseded, changes: superseded, approved: approved,
			rejected: rejected, cleared: cleared, superseded: superseded, expire: expire, revoked: revoked}},
	}
	for _, action := range actions {
		for _, from := range pipeline.States() {
			t.Run(fmt.Sprintf("%s/%s", from, action.name), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				before := b.place(from)
				events := len(b.book.events)
				after, err := action.do(b, before.ID)
				want, legal := action.to[from]
				if !legal && action.name == "Attest" {
					require.ErrorIs(t, err, pipeline.ErrConflict)
					require.Len(t, b.book.events, events)
					return
				}
				if !legal {
					require.ErrorIs(t, err, pipeline.ErrTransition)
					require.ErrorContains(t, err, "legal now: ")
					for _, a := range review.Legal(from) {
						require.ErrorContains(t, err, string(a))
					}
					require.Equal(t, before, b.book.cases[before.ID])
					require.Len(t, b.book.events, events)
					return
				}
				require.NoError(t, err)
				require.Equal(t, want, after.State)
				require.Equal(t, before.ID, after.ID)
				if after.Version != before.Version { // newer pins leave settled cases alone
					require.Equal(t, before.Version+1, after.Version)
					require.Greater(t, len(b.book.events), events)
				}
			})
		}
	}
}

func TestDesk_Events(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.place(pipeline.StateApproved)
	require.Equal(t, "opened claimed decided approved", b.kinds(c.ID))
	var said struct {
		State   pipeline.State
		Version int64
		Seal    pipeline.Digest
		Pin     pipeline.Digest `json:"pin_digest"`
		Who     []string        `json:"deciders"`
	}
	require.NoError(t, json.Unmarshal(b.book.events[3].Data, &said))
	require.Equal(t, pipeline.StateApproved, said.State)
	require.Equal(t, c.Version, said.Version)
	require.Equal(t, c.Seal(), said.Seal)
	require.Equal(t, c.PinDigest, said.Pin)
	require.Equal(t, []string{"ada"}, said.Who)

	b.record(weighing("1", "1", pipeline.VerdictClear))
	require.Equal(t, "opened claimed decided approved rejudged reopened cleared", b.kinds(c.ID))
	last := b.book.events[len(b.book.events)-1]
	require.Contains(t, string(last.Data), `"packs":[{"digest":"`+string(digest("pack"))+`","mode":"enforce","name":"seed","version":"1"}]`)
}

func TestDesk_Quorum(t *testing.T) {
	t.Parallel()
	type step struct {
		who  pipeline.Actor
		want pipeline.State
		err  error
	}
	tests := []struct {
		name    string
		verdict pipeline.Verdict
		quorum  pipeline.Quorum
		steps   []step
	}{
		{"One", pipeline.VerdictReview, pipeline.QuorumOne, []step{{ada, pipeline.StateApproved, nil}}},
		{"Two", pipeline.VerdictReview, pipeline.QuorumTwo, []step{{ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateApproved, nil}}},
		{"BlockNeedsTwo", pipeline.VerdictBlock, pipeline.QuorumOne, []step{{ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateApproved, nil}}},
		{"InconclusiveNeedsTwo", pipeline.VerdictInconclusive, pipeline.QuorumOne, []step{{ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateApproved, nil}}},
		{"NobodyTwice", pipeline.VerdictBlock, pipeline.QuorumTwo, []step{{ada, pipeline.StateClaimed, nil}, {ada, "", pipeline.ErrForbidden}, {person("ADA"), "", pipeline.ErrForbidden}, {bob, pipeline.StateApproved, nil}}},
		{"NotTheSubmitter", pipeline.VerdictReview, pipeline.QuorumOne, []step{{sub, "", pipeline.ErrForbidden}, {person("Sub"), "", pipeline.ErrForbidden}, {ada, pipeline.StateApproved, nil}}},
		{"LegalFirst", pipeline.VerdictReview, pipeline.QuorumTwoAndLegal, []step{{lea, pipeline.StateClaimed, nil}, {ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateApproved, nil}}},
		{"LegalLast", pipeline.VerdictReview, pipeline.QuorumTwoAndLegal, []step{{ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateClaimed, nil}, {cem, pipeline.StateClaimed, nil}, {lea, pipeline.StateApproved, nil}}},
		{"UnknownQuorumIsTheStrongest", pipeline.VerdictReview, "everybody", []step{{ada, pipeline.StateClaimed, nil}, {bob, pipeline.StateClaimed, nil}, {lea, pipeline.StateApproved, nil}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := weighing("1", "1", test.verdict)
			w.Report.Findings = []pipeline.Finding{{Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Quorum: test.quorum},
				{Mode: pipeline.ModeReport, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectBlock, Quorum: pipeline.QuorumTwoAndLegal}}
			c := b.record(w)
			for _, s := range test.steps {
				after, err := b.decide(c.ID, s.who, pipeline.DecisionApprove)
				if s.err != nil {
					require.ErrorIs(t, err, s.err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, s.want, after.State, "after %s", s.who.Name)
			}
		})
	}
}

func TestDesk_Ballot(t *testing.T) {
	t.Parallel()
	past := start.Add(-time.Hour)
	future := start.Add(time.Hour)
	tests := []struct {
		name   string
		change func(b *pipeline.Ballot)
		err    error
		text   string
	}{
		{"NoReason", func(b *pipeline.Ballot) { b.Reason = "" }, pipeline.ErrUsage, "is no reason code"},
		{"UnknownReason", func(b *pipeline.Ballot) { b.Reason = "because" }, pipeline.ErrUsage, `"because" is no reason code`},
		{"UnknownKind", func(b *pipeline.Ballot) { b.Kind = "maybe" }, pipeline.ErrUsage, `"maybe" is no decision`},
		{"NoComment", func(b *pipeline.Ballot) { b.Comment = "" }, pipeline.ErrUsage, "the comment is empty"},
		{"BlankComment", func(b *pipeline.Ballot) { b.Comment = " \n\t" }, pipeline.ErrUsage, "the comment is empty"},
		{"LongComment", func(b *pipeline.Ballot) { b.Comment = strings.Repeat("a", pipeline.CommentMax+1) }, pipeline.ErrUsage, "longer than 8192 bytes"},
		{"BrokenComment", func(b *pipeline.Ballot) { b.Comment = "80B \xff" }, pipeline.ErrUsage, "not valid UTF-8"},
		{"ControlCharacter", func(b *pipeline.Ballot) { b.Comment = "80B \x1b[31m" }, pipeline.ErrUsage, "U+001B"},
		{"NoBound", func(b *pipeline.Ballot) { b.Comment = "we accept it" }, pipeline.ErrUsage, "must name the bound"},
		{"LowBound", func(b *pipeline.Ballot) { b.Comment = "we accept 7B" }, pipeline.ErrUsage, "the headers prove at least 70553706496"},
		{"PastTerm", func(b *pipeline.Ballot) { b.Until = &past }, pipeline.ErrUsage, "term"},
		{"TermOfARejection", func(b *pipeline.Ballot) { b.Kind, b.Until = pipeline.DecisionReject, &future }, pipeline.ErrUsage, "term"},
		{"NoActor", func(b *pipeline.Ballot) { b.Actor = pipeline.Actor{} }, pipeline.ErrUsage, "name is empty"},
		{"TheSystem", func(b *pipeline.Ballot) { b.Actor = pipeline.SystemActor() }, pipeline.ErrForbidden, "only people decide"},
		{"StaleVersion", func(b *pipeline.Ballot) { b.Version = 7 }, pipeline.ErrConflict, "you saw version 7, it is now open at version 1"},
		{"NoCase", func(b *pipeline.Ballot) { b.Case = uuid.UUID{} }, pipeline.ErrNotFound, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c := b.record(weighing("1", "1", pipeline.VerdictBlock))
			vote := ballot(c.ID, ada, pipeline.DecisionApprove)
			test.change(&vote)
			_, err := b.desk.Decide(t.Context(), vote)
			require.ErrorIs(t, err, test.err)
			require.ErrorContains(t, err, test.text)
			require.Equal(t, c, b.book.cases[c.ID])
			require.Len(t, b.book.events, 1)
		})
	}
}

func TestDesk_RejectingABlockNeedsNoBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictBlock))
	vote := ballot(c.ID, ada, pipeline.DecisionReject)
	vote.Comment = "no"
	after := b.must(b.desk.Decide(t.Context(), vote))
	require.Equal(t, pipeline.StateRejected, after.State)
	require.Nil(t, b.book.decisions[c.ID][0].Bound)
}

func TestDesk_ClaimsBelongToPeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictReview))
	_, err := b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: sub})
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	c = b.must(b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: ada, Version: 1}))
	_, err = b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: bob})
	require.ErrorContains(t, err, "claimed by ada; legal now: release, take over, approve")
	_, err = b.desk.Release(t.Context(), pipeline.Claim{Case: c.ID, Actor: bob})
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	_, err = b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: ada, TakeOver: true})
	require.ErrorIs(t, err, pipeline.ErrTransition)
	c = b.must(b.desk.Claim(t.Context(), pipeline.Claim{Case: c.ID, Actor: bob, TakeOver: true}))
	require.Equal(t, "bob", c.Claimant.Name)
	require.Equal(t, "opened claimed taken_over", b.kinds(c.ID))
}

// Votes count only for what they were given on.
func TestDesk_VotesLapse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := func(verdict pipeline.Verdict) *pipeline.Weighing { return weighing("1", "1", verdict) }
	c := b.record(w(pipeline.VerdictInconclusive))
	b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
	b.record(w(pipeline.VerdictInconclusive))
	b.record(w(pipeline.VerdictBlock))
	after := b.must(b.decide(c.ID, bob, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateClaimed, after.State, "the first vote was given on another verdict")
	after = b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateApproved, after.State)
}

// A vote whose term ends before the quorum is reached does not make one.
func TestDesk_VoteWithATermThatIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.record(weighing("1", "1", pipeline.VerdictBlock))
	until := b.now.Add(time.Hour)
	vote := ballot(c.ID, ada, pipeline.DecisionApprove)
	vote.Until = &until
	b.must(b.desk.Decide(t.Context(), vote))
	b.now = until
	c = b.must(b.decide(c.ID, bob, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateClaimed, c.State)
	c = b.must(b.decide(c.ID, cem, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateApproved, c.State)
	require.Nil(t, c.ExpiresAt)
}

func TestDesk_StrongerQuorumReopensAnApproval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.place(pipeline.StateApproved)
	w := weighing("1", "1", pipeline.VerdictReview)
	w.Report.Findings = []pipeline.Finding{{Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeUndetermined, Effect: pipeline.EffectReview, Quorum: pipeline.QuorumTwo}}
	after := b.record(w)
	require.Equal(t, c.ID, after.ID)
	require.Equal(t, pipeline.StateOpen, after.State)
	require.Nil(t, after.SettledAt)
}

func TestDesk_CarriesOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.place(pipeline.StateClaimed)
	b.must(b.desk.Comment(t.Context(), pipeline.Remark{Case: first.ID, Actor: sub, Text: "the licence is attached"}))
	second := b.record(weighing("2", "1", pipeline.VerdictReview))
	require.Equal(t, pipeline.StateClaimed, second.State)
	require.Equal(t, "ada", second.Claimant.Name)
	require.Equal(t, "opened carried_over", b.kinds(second.ID))
	require.Equal(t, pipeline.StateSuperseded, b.book.cases[first.ID].State)
	require.Equal(t, second.ID, *b.book.cases[first.ID].SupersededBy)

	third := b.record(weighing("3", "1", pipeline.VerdictReview))
	comments := b.book.comments[third.ID]
	require.Len(t, comments, 1)
	require.Equal(t, "the licence is attached", comments[0].Text)
	require.Equal(t, "sub", comments[0].Actor.Name)
	require.Equal(t, first.ID, *comments[0].CarriedFrom)

	fourth := b.record(weighing("4", "other", pipeline.VerdictReview))
	require.Equal(t, pipeline.StateOpen, fourth.State)
	require.Empty(t, b.book.comments[fourth.ID])
}

func TestDesk_ClaimOfTheSubmitterIsNotCarried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.place(pipeline.StateClaimed)
	c, err := b.desk.Record(t.Context(), weighing("2", "1", pipeline.VerdictReview), ada)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, c.State)
}

// Who submits the new snapshot cannot be asked to review it: nobody else would be.
func TestDesk_AssignmentToTheSubmitterIsNotCarried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	name := ada.Name
	b.must(b.desk.Assign(t.Context(), pipeline.Assignment{Case: b.place(pipeline.StateOpen).ID, Actor: bob, Assignee: &name}))
	c, err := b.desk.Record(t.Context(), weighing("2", "1", pipeline.VerdictReview), ada)
	require.NoError(t, err)
	require.Nil(t, c.Assignee)
	c, err = b.desk.Record(t.Context(), weighing("3", "1", pipeline.VerdictReview), bob)
	require.NoError(t, err)
	require.Nil(t, c.Assignee)
}

func TestDesk_SubmissionsAreCasesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.place(pipeline.StateApproved)
	country := "CN"
	w := weighing("1", "1", pipeline.VerdictReview)
	w.Submission = &pipeline.Submission{Destination: pipeline.Destination{Country: &country}}
	d := pipeline.SubmissionDigest(w.Submission)
	w.Report.Submission = pipeline.SubmissionRef{Present: true, Digest: &d}
	second := b.record(w)
	require.NotEqual(t, first.ID, second.ID)
	require.Equal(t, pipeline.StateOpen, second.State)
	ruling, err := b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&w.Report))
	require.NoError(t, err)
	require.Equal(t, pipeline.RulingWaiting, ruling.Kind)
}

func TestDesk_Record_Refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *pipeline.Weighing){
		"NoSource":        func(w *pipeline.Weighing) { w.Report.Artifact.Source = "" },
		"SourceWithNUL":   func(w *pipeline.Weighing) { w.Report.Artifact.Source = "a\x00" },
		"NoPins":          func(w *pipeline.Weighing) { w.Report.Artifact.PinDigest = "" },
		"NoHeaders":       func(w *pipeline.Weighing) { w.Report.Artifact.HeaderDigest = "sha256:12" },
		"BrokenContent":   func(w *pipeline.Weighing) { d := pipeline.Digest("x"); w.Report.Artifact.ContentDigest = &d },
		"NoVerdict":       func(w *pipeline.Weighing) { w.Report.Verdict = "" },
		"OtherSubmission": func(w *pipeline.Weighing) { w.Submission = &pipeline.Submission{} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := weighing("1", "1", pipeline.VerdictReview)
			change(w)
			_, err := b.desk.Record(t.Context(), w, sub)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
			require.Empty(t, b.book.events)
		})
	}
}

func TestDesk_ApprovalFor(t *testing.T) {
	t.Parallel()
	content := digest("content")
	hashed := func(w *pipeline.Weighing) *pipeline.Weighing {
		w.Report.Artifact.ContentDigest = &content
		return w
	}
	unpinned := func(w *pipeline.Weighing) *pipeline.Weighing {
		w.Report.Artifact.Objects = []pipeline.ArtifactObject{{Object: pipeline.Object{Path: "model.safetensors", Size: 8}}}
		return w
	}
	elsewhere := func(w *pipeline.Weighing) *pipeline.Weighing {
		w.Report.Artifact.Source = "s3://mirror/m/"
		return w
	}
	review1 := func() *pipeline.Weighing { return weighing("1", "1", pipeline.VerdictReview) }
	tests := []struct {
		name string
		do   func(b *bundle)
		ask  *pipeline.Weighing
		want pipeline.RulingKind
	}{
		{"Nothing", func(*bundle) {}, review1(), pipeline.RulingNone},
		{"Open", func(b *bundle) { b.place(pipeline.StateOpen) }, review1(), pipeline.RulingWaiting},
		{"Approved", func(b *bundle) { b.place(pipeline.StateApproved) }, review1(), pipeline.RulingApproved},
		{"Rejected", func(b *bundle) { b.place(pipeline.StateRejected) }, review1(), pipeline.RulingRejected},
		{"Revoked", func(b *bundle) { b.place(pipeline.StateRevoked) }, review1(), pipeline.RulingRevoked},
		{"RevokedAndClearNow", func(b *bundle) { b.place(pipeline.StateRevoked) }, weighing("1", "1", pipeline.VerdictClear), pipeline.RulingRevoked},
		{"RevokedElsewhereSince", func(b *bundle) {
			c := b.record(hashed(review1()))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.now = b.now.Add(time.Hour)
			c = b.record(elsewhere(hashed(weighing("9", "9", pipeline.VerdictReview))))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.must(b.desk.Revoke(b.Context(), ballot(c.ID, bob, "")))
		}, hashed(review1()), pipeline.RulingRevoked},
		{"Cleared", func(b *bundle) { b.place(pipeline.StateCleared) }, weighing("1", "1", pipeline.VerdictClear), pipeline.RulingCleared},
		{"ClearedOnceButNotNow", func(b *bundle) { b.place(pipeline.StateCleared) }, review1(), pipeline.RulingWaiting},
		{"OtherPins", func(b *bundle) { b.place(pipeline.StateApproved) }, weighing("2", "1", pipeline.VerdictReview), pipeline.RulingNone},
		{"OtherHeaders", func(b *bundle) { b.place(pipeline.StateApproved) }, weighing("1", "2", pipeline.VerdictReview), pipeline.RulingWaiting},
		{"OtherSource", func(b *bundle) { b.place(pipeline.StateApproved) }, elsewhere(review1()), pipeline.RulingNone},
		{"StrongerVerdict", func(b *bundle) { b.place(pipeline.StateApproved) }, weighing("1", "1", pipeline.VerdictBlock), pipeline.RulingWaiting},
		{"NoVerdictCountsAsBlock", func(b *bundle) { b.place(pipeline.StateApproved) }, weighing("1", "1", ""), pipeline.RulingWaiting},
		{"SameContentElsewhere", func(b *bundle) {
			c := b.record(elsewhere(hashed(weighing("9", "9", pipeline.VerdictReview))))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
		}, hashed(review1()), pipeline.RulingApproved},
		{"RejectedElsewhereSince", func(b *bundle) {
			c := b.record(hashed(review1()))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.now = b.now.Add(time.Minute)
			c = b.record(elsewhere(hashed(weighing("9", "9", pipeline.VerdictReview))))
			b.must(b.decide(c.ID, ada, pipeline.DecisionReject))
		}, hashed(review1()), pipeline.RulingRejected},
		{"RevokedElsewhereSinceAndNotHashedNow", func(b *bundle) {
			c := b.record(hashed(review1()))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.now = b.now.Add(time.Hour)
			c = b.record(elsewhere(hashed(weighing("9", "9", pipeline.VerdictReview))))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.must(b.desk.Revoke(b.Context(), ballot(c.ID, bob, "")))
		}, review1(), pipeline.RulingRevoked},
		{"ApprovedElsewhereAndNotHashedNow", func(b *bundle) {
			b.record(hashed(review1()))
			c := b.record(elsewhere(hashed(weighing("9", "9", pipeline.VerdictReview))))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
		}, review1(), pipeline.RulingWaiting},
		{"OtherContentUnderTheSamePins", func(b *bundle) {
			w := review1()
			other := digest("other")
			w.Report.Artifact.ContentDigest = &other
			c := b.record(w)
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
		}, hashed(review1()), pipeline.RulingWaiting},
		{"OtherBytesMayHaveThesePins", func(b *bundle) { b.place(pipeline.StateApproved) }, unpinned(review1()), pipeline.RulingWaiting},
		{"RejectedWithPinsThatNameNoBytes", func(b *bundle) { b.place(pipeline.StateRejected) }, unpinned(review1()), pipeline.RulingRejected},
		{"HashedWithPinsThatNameNoBytes", func(b *bundle) {
			c := b.record(hashed(unpinned(review1())))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
		}, hashed(unpinned(review1())), pipeline.RulingApproved},
		{"HashedAfterTheDecision", func(b *bundle) {
			c := b.record(unpinned(review1()))
			b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
			b.record(hashed(unpinned(review1())))
		}, hashed(unpinned(review1())), pipeline.RulingWaiting},
		{"TermOver", func(b *bundle) {
			c := b.place(pipeline.StateOpen)
			until := b.now.Add(time.Hour)
			vote := ballot(c.ID, ada, pipeline.DecisionApprove)
			vote.Until = &until
			b.must(b.desk.Decide(b.Context(), vote))
			b.now = until
		}, review1(), pipeline.RulingWaiting},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			test.do(b)
			ruling, err := b.desk.ApprovalFor(t.Context(), pipeline.QueryFor(&test.ask.Report))
			require.NoError(t, err)
			require.Equal(t, test.want, ruling.Kind)
			require.Equal(t, test.want == pipeline.RulingNone, ruling.Case == nil)
			if test.want != pipeline.RulingApproved {
				require.Nil(t, ruling.Approval)
				return
			}
			bound := pipeline.BoundStore
			if test.ask.Report.Artifact.ContentDigest != nil {
				bound = pipeline.BoundContent
			}
			require.Equal(t, bound, ruling.Approval.Bound)
			require.Len(t, ruling.Approval.Decisions, 1)
			require.Equal(t, b.book.head, ruling.Approval.Head)
		})
	}
}

func TestNamedBound(t *testing.T) {
	t.Parallel()
	tests := map[string]int64{
		"up to 70,553,706,496 parameters": 70_553_706_496,
		"70_553_706_496":                  70_553_706_496,
		"70.6B":                           70_600_000_000,
		"70.6 b":                          70_600_000_000,
		"about 71 billion":                71_000_000_000,
		"1.5T, agreed on 2026-11-23":      1_500_000_000_000,
		"7.06e10 params":                  70_600_000_000,
		"500k":                            500_000,
		"8bn":                             8_000_000_000,
		"7 benefits":                      7,
		"no number":                       0,
		"zero is 0":                       0,
		"99999999999999999999999":         0,
		"9e99":                            0,
		"9223372036854775807":             9223372036854775807,
		strings.Repeat("9", 4000) + " 12": 12,
	}
	for comment, want := range tests {
		got, ok := review.NamedBound(comment)
		require.Equal(t, want, got, "%.60s", comment)
		require.Equal(t, want > 0, ok)
	}
}

func FuzzNamedBound(f *testing.F) {
	for _, seed := range []string{"70.6B", "70,553,706,496", "7e10", "1_000_000 t", "9e99", "0.0000001k", "１２"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, comment string) {
		bound, ok := review.NamedBound(comment)
		require.Equal(t, ok, bound > 0)
		require.GreaterOrEqual(t, bound, int64(0))
		if ok { // what was read is read the same when it is written plainly
			again, _ := review.NamedBound(fmt.Sprint(bound))
			require.Equal(t, bound, again)
		}
	})
}

// Offices that a matched rule names must each sign, beside the quorum.
func TestDesk_Offices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := weighing("1", "1", pipeline.VerdictReview)
	w.Report.Findings = []pipeline.Finding{{Mode: pipeline.ModeEnforce, Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview,
		Quorum: pipeline.QuorumOne, Offices: []string{"KR", "JP"}}}
	c := b.record(w)
	require.Equal(t, []string{"JP", "KR"}, c.Offices)

	c = b.must(b.decide(c.ID, ada, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateClaimed, c.State)
	require.Equal(t, "somebody for each of the offices JP, KR", review.Lacking(b.book.file(c), b.now))

	both := pipeline.Actor{Name: "kim", Known: pipeline.KnownAsserted, Roles: []pipeline.ActorRole{"KR"}}
	c = b.must(b.decide(c.ID, both, pipeline.DecisionApprove))
	require.Equal(t, "somebody for the office JP", review.Lacking(b.book.file(c), b.now))
	third := pipeline.Actor{Name: "jun", Known: pipeline.KnownAsserted, Roles: []pipeline.ActorRole{"JP"}}
	c = b.must(b.decide(c.ID, third, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateApproved, c.State)

	// A rule that comes to name one more office opens the case again.
	w.Report.Findings[0].Offices = []string{"KR", "JP", "US"}
	c, err := b.desk.Rejudge(t.Context(), c.ID, w, ada)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, c.State)
}

// A revocation is a decision in a round of its own, and the case is not cleared by judging
// it again.
func TestDesk_Revoke(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.place(pipeline.StateApproved)
	settled := b.book.settled[c.ID]
	for name, change := range map[string]func(*pipeline.Ballot){
		"NoReason":     func(v *pipeline.Ballot) { v.Reason = "" },
		"NoComment":    func(v *pipeline.Ballot) { v.Comment = " " },
		"StaleVersion": func(v *pipeline.Ballot) { v.Version = 1 },
		"TheSystem":    func(v *pipeline.Ballot) { v.Actor = pipeline.SystemActor() },
		"NoCase":       func(v *pipeline.Ballot) { v.Case = uuid.UUID{} },
	} {
		vote := ballot(c.ID, ada, "")
		change(&vote)
		_, err := b.desk.Revoke(t.Context(), vote)
		require.Error(t, err, name)
	}
	c = b.must(b.desk.Revoke(t.Context(), ballot(c.ID, ada, "")))
	require.Equal(t, "opened claimed decided approved decided revoked", b.kinds(c.ID))
	require.EqualValues(t, 2, c.Round)
	require.Equal(t, pipeline.DecisionRevoke, b.book.decisions[c.ID][1].Kind)
	var said struct{ Settled pipeline.AuditHead }
	require.NoError(t, json.Unmarshal(b.book.events[len(b.book.events)-1].Data, &said))
	require.Equal(t, settled, said.Settled, "the event names the settlement that was taken back")

	b.record(weighing("1", "1", pipeline.VerdictClear))
	require.Equal(t, pipeline.StateOpen, b.book.cases[c.ID].State)
	c = b.must(b.decide(c.ID, bob, pipeline.DecisionApprove))
	require.Equal(t, pipeline.StateApproved, c.State)
}

// What was signed for an earlier settlement is no signature of the present one.
func TestDesk_AttestsTheSettlementThatHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.place(pipeline.StateApproved)
	signed := pipeline.Attestation{Case: c.ID, Settled: b.book.settled[c.ID], Digest: digest("envelope"), Bound: pipeline.BoundContent, KeyIDs: []string{"k"}}
	b.must(b.desk.Attest(t.Context(), signed, ada))
	require.Equal(t, "opened claimed decided approved attested", b.kinds(c.ID))
	require.Contains(t, string(b.book.events[4].Data), string(signed.Digest))
	b.record(weighing("1", "1", pipeline.VerdictBlock))
	b.record(weighing("1", "1", pipeline.VerdictReview))
	b.must(b.decide(c.ID, bob, pipeline.DecisionApprove))
	_, err := b.desk.Attest(t.Context(), signed, ada)
	require.ErrorIs(t, err, pipeline.ErrConflict)
}
