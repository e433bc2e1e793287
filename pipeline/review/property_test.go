package review_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

// Any sequence of runs, claims, votes, comments and waiting leaves a book in which
// the promises of the state machine hold.
func TestDesk_AnySequence(t *testing.T) {
	t.Parallel()
	for i := range 5 { // five times the usual hundred sequences
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			rapid.Check(t, func(t *rapid.T) { anySequence(ctx, t) })
		})
	}
}

func anySequence(ctx context.Context, t *rapid.T) {
	b := newBook()
	now := start
	desk := review.New(b, review.WithClock(func() time.Time { return now }))
	people := rapid.SampledFrom([]pipeline.Actor{sub, ada, bob, cem, lea, person("SUB"), person("Ada")})
	verdicts := rapid.SampledFrom([]pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock})
	quorums := rapid.SampledFrom([]pipeline.Quorum{"", pipeline.QuorumOne, pipeline.QuorumTwo, pipeline.QuorumTwoAndLegal})
	few := rapid.SampledFrom([]string{"1", "2", "3"})

	pick := func() pipeline.Case {
		cases := b.sorted()
		if len(cases) == 0 {
			return pipeline.Case{}
		}
		return rapid.SampledFrom(cases).Draw(t, "case")
	}
	version := func(c pipeline.Case) int64 { return rapid.SampledFrom([]int64{0, c.Version, 1}).Draw(t, "version") }

	before, events := b.sorted(), 0
	grounds := map[uuid.UUID]ground{}
	actions := map[string]func(*rapid.T){
		"record": func(t *rapid.T) {
			w := weighing(few.Draw(t, "pins"), few.Draw(t, "headers"), verdicts.Draw(t, "verdict"))
			w.Report.Findings = []pipeline.Finding{{Mode: pipeline.ModeEnforce, Effect: pipeline.EffectReview, Quorum: quorums.Draw(t, "quorum")}}
			if rapid.Bool().Draw(t, "hashed") {
				d := digest(few.Draw(t, "content"))
				w.Report.Artifact.ContentDigest = &d
			}
			_, err := desk.Record(ctx, w, people.Draw(t, "who"))
			require.NoError(t, err)
		},
		"claim": func(t *rapid.T) {
			c := pick()
			_, _ = desk.Claim(ctx, pipeline.Claim{Case: c.ID, Version: version(c), Actor: people.Draw(t, "who"), TakeOver: rapid.Bool().Draw(t, "over")})
		},
		"release": func(t *rapid.T) {
			c := pick()
			_, _ = desk.Release(ctx, pipeline.Claim{Case: c.ID, Version: version(c), Actor: people.Draw(t, "who")})
		},
		"comment": func(t *rapid.T) {
			c := pick()
			_, _ = desk.Comment(ctx, pipeline.Remark{Case: c.ID, Actor: people.Draw(t, "who"), Text: "x"})
		},
		"decide": func(t *rapid.T) {
			c := pick()
			vote := ballot(c.ID, people.Draw(t, "who"), rapid.SampledFrom(pipeline.DecisionKinds()).Draw(t, "kind"))
			vote.Version = version(c)
			if rapid.Bool().Draw(t, "term") {
				until := now.Add(time.Hour)
				vote.Until = &until
			}
			_, _ = desk.Decide(ctx, vote)
		},
		"revoke": func(t *rapid.T) {
			c := pick()
			_, _ = desk.Revoke(ctx, ballot(c.ID, people.Draw(t, "who"), ""))
		},
		"attest": func(t *rapid.T) {
			c := pick()
			_, _ = desk.Attest(ctx, pipeline.Attestation{Case: c.ID, Settled: b.settled[c.ID]}, people.Draw(t, "who"))
		},
		"wait": func(t *rapid.T) {
			now = now.Add(40 * time.Minute)
			_, err := desk.Expire(ctx)
			require.NoError(t, err)
		},
		"": func(t *rapid.T) {
			hold(t, b, before, b.events[events:], now)
			stand(t, b, grounds)
			before, events = b.sorted(), len(b.events)
		},
	}
	t.Repeat(actions)
}

// hold checks what one action changed, and the whole book.
func hold(t *rapid.T, b *book, before []pipeline.Case, events []pipeline.AuditEvent, now time.Time) {
	was := map[pipeline.CaseKey]pipeline.Case{}
	for _, c := range before {
		was[c.Key()] = c
	}
	require.Len(t, b.cases, len(caseKeys(b)), "one case a key")
	for id, c := range b.cases {
		old, known := was[c.Key()]
		var own []pipeline.AuditEvent
		kinds := map[pipeline.EventKind]bool{}
		for _, e := range events {
			if *e.Case == id {
				own = append(own, e)
				kinds[e.Kind] = true
			}
		}
		if known && old.Version == c.Version {
			require.Equal(t, old, c, "no change without a version")
			require.Empty(t, own)
		} else {
			require.Equal(t, old.Version+1, c.Version)
			require.NotEmpty(t, own, "every change has an event")
			var last struct {
				State pipeline.State
				Seal  pipeline.Digest
			}
			require.NoError(t, json.Unmarshal(own[len(own)-1].Data, &last))
			require.Equal(t, c.State, last.State)
			require.Equal(t, c.Seal(), last.Seal)
		}
		if known && !old.State.Undecided() && c.State != old.State {
			require.True(t, kinds[pipeline.EventReopened] || kinds[pipeline.EventExpired] || kinds[pipeline.EventRevoked], "%s became %s by %v", old.State, c.State, kinds)
		}
		checkCase(t, b, c, now)
	}
	head := pipeline.AuditGenesis()
	for _, e := range b.events {
		var err error
		head, err = head.Check(e)
		require.NoError(t, err)
	}
}

// ground is what somebody saw who voted.
type ground struct {
	verdict pipeline.Verdict
	headers pipeline.Digest
}

// stand checks that an approval rests on votes that were given on what it approves.
func stand(t *rapid.T, b *book, grounds map[uuid.UUID]ground) {
	for id, c := range b.cases {
		now := ground{c.Verdict, c.HeaderDigest}
		for _, d := range b.decisions[id] {
			if _, known := grounds[d.ID]; !known {
				grounds[d.ID] = now
			}
			if c.State == pipeline.StateApproved && d.Round == c.Round && d.Kind == pipeline.DecisionApprove {
				require.Equal(t, now, grounds[d.ID], "the vote was given on something else")
			}
		}
	}
}

func checkCase(t *rapid.T, b *book, c pipeline.Case, now time.Time) {
	type ballotKey struct {
		round int64
		who   string
	}
	voted := map[ballotKey]bool{}
	people, legal, refused := 0, false, false
	for _, d := range b.decisions[c.ID] {
		require.False(t, d.Actor.Same(c.Submitter) && d.Kind != pipeline.DecisionRevoke, "the submitter never votes")
		key := ballotKey{d.Round, d.Actor.Key()}
		require.False(t, voted[key], "nobody votes twice")
		voted[key] = true
		refused = refused || d.Kind != pipeline.DecisionApprove
		stands := d.Until == nil || c.SettledAt == nil || d.Until.After(*c.SettledAt)
		if d.Round == c.Round && d.Kind == pipeline.DecisionApprove && stands {
			people++
			legal = legal || d.Actor.Has(pipeline.RoleLegal)
		}
	}
	switch c.State {
	case pipeline.StateApproved:
		need := map[pipeline.Quorum]int{pipeline.QuorumOne: 1, pipeline.QuorumTwo: 2, pipeline.QuorumTwoAndLegal: 3}[c.Quorum]
		if c.Verdict == pipeline.VerdictBlock || c.Verdict == pipeline.VerdictInconclusive {
			require.GreaterOrEqual(t, need, 2)
		}
		require.GreaterOrEqual(t, people, need)
		require.True(t, legal || need < 3)
		require.True(t, c.ExpiresAt == nil || c.ExpiresAt.After(now))
	case pipeline.StateCleared:
		require.Equal(t, pipeline.VerdictClear, c.Verdict)
		require.False(t, refused, "what a person refused is not cleared by judging again")
	case pipeline.StateClaimed:
		require.NotNil(t, c.Claimant)
		require.False(t, c.Claimant.Same(c.Submitter))
	case pipeline.StateOpen:
		require.Nil(t, c.Claimant)
	case pipeline.StateSuperseded:
		require.Contains(t, b.cases, *c.SupersededBy)
	}
	require.Equal(t, c.State.Undecided() || c.State == pipeline.StateSuperseded, c.SettledAt == nil, "%s", c.State)
}

func caseKeys(b *book) map[pipeline.CaseKey]bool {
	out := map[pipeline.CaseKey]bool{}
	for _, c := range b.cases {
		out[c.Key()] = true
	}
	return out
}
