package sqldbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
)

// ids are the cases of all pages of a filter.
func (b *bundle) ids(f pipeline.CaseFilter) []uuid.UUID {
	b.Helper()
	out := []uuid.UUID{}
	for {
		page, err := b.book.Cases(b.Context(), f)
		require.NoError(b, err)
		for _, c := range page.Items {
			out = append(out, c.ID)
		}
		if f.Cursor = page.Next; page.Next == "" {
			return out
		}
	}
}

// waiting: a case waits for those who can take it without taking it over, and who have
// not voted.
func (s Suite) waiting(t *testing.T) {
	b := s.setup(t)
	var c []uuid.UUID
	for i := range 9 {
		c = append(c, b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictInconclusive)).ID)
	}
	claim := func(who string) func(*pipeline.Case) {
		return func(c *pipeline.Case) {
			a := Person(who)
			c.State, c.Claimant = pipeline.StateClaimed, &a
		}
	}
	assign := func(who string) func(*pipeline.Case) { return func(c *pipeline.Case) { c.Assignee = &who } }
	b.amend(c[1], pipeline.EventClaimed, claim("Rita"))
	b.amend(c[2], pipeline.EventClaimed, claim("ravi"))
	b.amend(c[3], pipeline.EventAssigned, assign("rita"))
	b.amend(c[4], pipeline.EventAssigned, assign("ravi"))
	b.amend(c[5], pipeline.EventClaimed, claim("rita"))
	b.amend(c[5], pipeline.EventAssigned, assign("ravi"))
	b.amend(c[6], pipeline.EventAssigned, assign("")) // nobody
	b.amend(c[7], pipeline.EventChangesRequested, func(c *pipeline.Case) { c.State = pipeline.StateChangesRequested })
	_, err := b.desk.Decide(t.Context(), Vote(c[8], "rita", pipeline.DecisionApprove))
	require.NoError(t, err)
	b.amend(c[8], pipeline.EventReleased, func(c *pipeline.Case) { c.State, c.Claimant = pipeline.StateOpen, nil })

	mine := func(who string) []uuid.UUID { return b.ids(pipeline.CaseFilter{NeedsReviewer: who}) }
	require.Equal(t, []uuid.UUID{c[6], c[3], c[1], c[0]}, mine("rita"))
	require.Equal(t, []uuid.UUID{c[6], c[3], c[1], c[0]}, mine("RITA"))
	require.Equal(t, []uuid.UUID{c[8], c[6], c[4], c[2], c[0]}, mine("ravi"))
	require.Equal(t, []uuid.UUID{c[8], c[6], c[0]}, mine("lena"))
	require.Empty(t, mine("Sub"), "who submitted them")
	b.amend(c[8], pipeline.EventRejudged, func(c *pipeline.Case) { c.Round++ })
	require.Contains(t, mine("rita"), c[8], "in a new round they are asked again")
	require.Equal(t, []uuid.UUID{c[5], c[1]}, b.ids(pipeline.CaseFilter{Claimant: "rita"}))
	require.Equal(t, []uuid.UUID{c[5], c[4]}, b.ids(pipeline.CaseFilter{Assignee: "RAVI"}))
	n, err := b.book.CountCases(t.Context(), pipeline.CaseFilter{NeedsReviewer: "ravi", Limit: 1, Cursor: "not read"}, 4)
	require.NoError(t, err)
	require.Equal(t, int64(4), n)
	b.verify()
}

// urgent: what is due first comes first, and what has no due date at the end.
func (s Suite) urgent(t *testing.T) {
	b := s.setup(t)
	var c []uuid.UUID
	for i, hours := range []int{5, 0, 3, 5, 0, 1} {
		c = append(c, b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview)).ID)
		due := b.now.Add(time.Duration(hours) * time.Hour)
		b.amend(c[i], pipeline.EventAssigned, func(c *pipeline.Case) {
			if c.DueAt = nil; hours > 0 {
				c.DueAt = &due
			}
		})
	}
	want := []uuid.UUID{c[5], c[2], c[0], c[3], c[1], c[4]}
	for limit := 1; limit < 8; limit++ {
		require.Equal(t, want, b.ids(pipeline.CaseFilter{Order: pipeline.OrderUrgent, Limit: limit}))
		require.Equal(t, want, b.ids(pipeline.CaseFilter{Order: pipeline.OrderUrgent, Limit: limit, NeedsReviewer: "rita"}))
		require.Equal(t, want, b.ids(pipeline.CaseFilter{Order: pipeline.OrderUrgent, Limit: limit, States: []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed}}))
	}
	require.Equal(t, []uuid.UUID{c[5], c[2]}, b.ids(pipeline.CaseFilter{Order: pipeline.OrderUrgent, OverdueAt: b.now.Add(5 * time.Hour)}))
	page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{Order: pipeline.OrderUrgent, Limit: 2})
	require.NoError(t, err)
	_, err = b.book.Cases(t.Context(), pipeline.CaseFilter{Cursor: page.Next})
	require.ErrorIs(t, err, pipeline.ErrUsage, "a cursor belongs to its order")
}

// counts follow every change, and agree with what is there.
func (s Suite) counts(t *testing.T) {
	b := s.setup(t)
	agrees := func() pipeline.CaseCounts {
		counts, err := b.book.Counts(t.Context())
		require.NoError(t, err)
		want := pipeline.CaseCounts{}
		page, err := b.book.Cases(t.Context(), pipeline.CaseFilter{Limit: 200})
		require.NoError(t, err)
		for _, c := range page.Items {
			if want[c.State] == nil {
				want[c.State] = map[pipeline.Verdict]int64{}
			}
			want[c.State][c.Verdict]++
		}
		require.Equal(t, want, counts)
		return counts
	}
	require.Empty(t, agrees())
	first := b.record(Weighing("1", "1", "1", pipeline.VerdictReview))
	b.record(Weighing("2", "1", "1", pipeline.VerdictReview))
	b.record(Weighing("3", "1", "1", pipeline.VerdictClear))
	require.Equal(t, int64(2), agrees()[pipeline.StateOpen][pipeline.VerdictReview])
	b.now = b.now.Add(24 * time.Hour)
	b.vote(first.ID, pipeline.DecisionApprove)
	agrees()
	worse := Weighing("1", "1", "1", pipeline.VerdictBlock)
	worse.Report.Findings[0].Effect = pipeline.EffectBlock
	b.record(worse) // opens again, under another verdict
	b.record(Weighing("2", "2", "1", pipeline.VerdictReview))
	agrees()
	require.Error(t, b.attach(pipeline.ExhibitFile{Exhibit: pipeline.Exhibit{Case: first.ID, Digest: "x"}}))
	agrees()

	days, err := b.book.Days(t.Context(), "2026-11-23", "2026-11-24")
	require.NoError(t, err)
	got := map[string]int64{}
	for _, d := range days {
		got[fmt.Sprint(d.Day, " ", d.Kind, " ", d.Verdict)] = d.Count
	}
	require.Equal(t, int64(2), got["2026-11-23 opened review"])
	require.Equal(t, int64(1), got["2026-11-23 cleared clear"])
	require.Equal(t, int64(1), got["2026-11-24 approved review"], "the verdict is that of the time")
	require.Equal(t, int64(1), got["2026-11-24 reopened block"])
	sum := int64(0)
	for _, d := range days {
		sum += d.Count
	}
	require.Equal(t, b.verify().Count, sum)
	none, err := b.book.Days(t.Context(), "2026-11-25", "2027-01-01")
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = b.book.Days(t.Context(), "2026-11-23", "tomorrow")
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// causes counts undecided cases only.
func (s Suite) causes(t *testing.T) {
	b := s.setup(t)
	for i, cause := range []string{"a", "b", "b", "", "b", "a", "b"} {
		c := b.record(Weighing(fmt.Sprint(i), "1", "1", pipeline.VerdictReview))
		b.amend(c.ID, pipeline.EventReopened, func(c *pipeline.Case) { c.Cause = cause })
		if i == 1 {
			b.vote(c.ID, pipeline.DecisionReject)
			b.amend(c.ID, pipeline.EventCommented, func(c *pipeline.Case) { c.Cause = cause }) // a settled case
		}
	}
	got, err := b.book.Causes(t.Context(), 9)
	require.NoError(t, err)
	require.Equal(t, []pipeline.CauseCount{{Cause: "b", Count: 3}, {Cause: "a", Count: 2}}, got)
	got, err = b.book.Causes(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, b.ids(pipeline.CaseFilter{Cause: "b"}), 4)
}

// caseRules: the weightiest rules of the current reports, each once.
func (s Suite) caseRules(t *testing.T) {
	b := s.setup(t)
	finding := func(pack, rule string, mode pipeline.Mode, outcome pipeline.Outcome, effect pipeline.Effect) pipeline.Finding {
		return pipeline.Finding{ID: pack + rule + string(outcome), Pack: pack, Rule: rule, Mode: mode, Outcome: outcome, Effect: effect, Quorum: pipeline.QuorumOne}
	}
	const matched, open, not = pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched
	many := Weighing("many", "1", "1", pipeline.VerdictBlock)
	many.Report.Findings = []pipeline.Finding{
		finding("a", "A-1", pipeline.ModeEnforce, open, pipeline.EffectReview),
		finding("a", "A-2", pipeline.ModeEnforce, open, pipeline.EffectBlock),
		finding("a", "A-3", pipeline.ModeEnforce, matched, pipeline.EffectReview),
		finding("a", "A-3", pipeline.ModeEnforce, matched, pipeline.EffectReview), // on another element
		finding("a", "A-1", pipeline.ModeEnforce, matched, pipeline.EffectReview), // and this one is sure
		finding("b", "A-1", pipeline.ModeEnforce, matched, pipeline.EffectReview),
		finding("b", "B-1", pipeline.ModeEnforce, matched, pipeline.EffectBlock),
		finding("b", "B-2", pipeline.ModeEnforce, matched, pipeline.EffectWarn),
		finding("b", "B-3", pipeline.ModeEnforce, not, pipeline.EffectBlock),
		finding("c", "C-1", pipeline.ModeReport, matched, pipeline.EffectBlock),
		finding("d", "", pipeline.ModeEnforce, open, pipeline.EffectReview),
	}
	again := Weighing("again", "1", "1", pipeline.VerdictReview)
	first, second := b.record(many), b.record(again)
	again.Report.Findings[0].Rule = "SEED-02"
	again.Report.AsOf = "2026-11-24"
	b.record(again)
	none := Weighing("none", "1", "1", pipeline.VerdictClear)
	none.Report.Findings = nil
	clear := b.record(none)
	ids := []uuid.UUID{first.ID, second.ID, clear.ID, uuid.New()}

	all := []pipeline.BearingRule{{Pack: "b", Rule: "B-1", Outcome: matched}, {Pack: "a", Rule: "A-1", Outcome: matched}, {Pack: "b", Rule: "A-1", Outcome: matched},
		{Pack: "a", Rule: "A-3", Outcome: matched}, {Pack: "a", Rule: "A-2", Outcome: open}, {Pack: "d", Outcome: open}}
	for _, most := range []int{1, 3, 6, 100} {
		got, err := b.book.CaseRules(t.Context(), ids, most)
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]pipeline.CaseRules{
			first.ID:  {First: all[:min(most, len(all))], Count: int64(len(all))},
			second.ID: {First: []pipeline.BearingRule{{Pack: "seed-article", Rule: "SEED-02", Outcome: matched}}, Count: 1},
		}, got)
	}
	got, err := b.book.CaseRules(t.Context(), nil, 3)
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = b.book.CaseRules(t.Context(), make([]uuid.UUID, pipeline.CaseRulesMax), 3)
	require.NoError(t, err)
	_, err = b.book.CaseRules(t.Context(), make([]uuid.UUID, pipeline.CaseRulesMax+1), 3)
	require.ErrorIs(t, err, pipeline.ErrUsage)
}
