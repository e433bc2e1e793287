package sqldb_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb"
	"weighbridge/storage/sqldb/sqldbtest/fill"
)

// many is a queue of so many cases.
func many(t *testing.T, cases int) *sqldb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "q.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, fill.SQLite(t.Context(), path, cases))
	db := open(t, path)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// What measurements are made on is a whole queue.
func TestFill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, fill.SQLite(t.Context(), path, 500))
	db := open(t, path)
	_, err := db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	page, err := db.Cases(t.Context(), pipeline.CaseFilter{Limit: 200})
	require.NoError(t, err)
	require.Len(t, page.Items, 200)
	for _, c := range page.Items {
		_, err := db.Report(t.Context(), c.ID)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	old := version1(t, path)
	was := table(t, path, "SELECT id, submitter_key, claimant_key, assignee_key, waits_for FROM cases ORDER BY id")
	counts := "SELECT state, verdict, count FROM case_counts ORDER BY 1, 2"
	days := "SELECT day, kind, verdict, count FROM day_counts ORDER BY 1, 2, 3"
	db = open(t, old)
	require.NoError(t, db.Close())
	require.Equal(t, was, table(t, old, "SELECT id, submitter_key, claimant_key, assignee_key, waits_for FROM cases ORDER BY id"), "older databases are filled in")
	require.Equal(t, table(t, path, counts), table(t, old, counts))
	require.Equal(t, table(t, path, days), table(t, old, days))
	require.Equal(t, table(t, path, "SELECT id, due_order FROM cases ORDER BY id"), table(t, old, "SELECT id, due_order FROM cases ORDER BY id"))
}

// table reads rows as text.
func table(t *testing.T, path, query string) (out []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		require.NoError(t, rows.Scan(row...))
		line := ""
		for _, v := range row {
			line += fmt.Sprint(*v.(*any), "|")
		}
		out = append(out, line)
	}
	require.NoError(t, rows.Err())
	return out
}

// known is everything that a filter may look at, read without one.
type known struct {
	pipeline.Case
	rules []pipeline.Finding
	votes []pipeline.Decision
}

func everything(t *testing.T, db *sqldb.DB) (out []known) {
	t.Helper()
	for after := (uuid.UUID{}); ; {
		ids, err := db.CaseIDs(t.Context(), after, 500)
		require.NoError(t, err)
		if len(ids) == 0 {
			return out
		}
		for _, id := range ids {
			after = id
			h, err := db.History(t.Context(), id)
			require.NoError(t, err)
			out = append(out, known{Case: h.Case, votes: h.Decisions})
		}
	}
}

// chosen is what a filter means.
func chosen(k known, f pipeline.CaseFilter) bool {
	key := func(name string) string { return pipeline.Actor{Name: name}.Key() }
	claimant, assignee := "", ""
	if k.Claimant != nil {
		claimant = k.Claimant.Name
	}
	if k.Assignee != nil {
		assignee = *k.Assignee
	}
	in := func(n *int64) bool { return n != nil && *k.Params.Estimate < *n }
	over := func(n *int64) bool { return n != nil && *k.Params.Estimate > *n }
	text := strings.ToLower(k.Source + "\n" + *k.Family + "\n" + k.Submitter.Name)
	switch {
	case len(f.States) > 0 && !slices.Contains(f.States, k.State),
		len(f.Verdicts) > 0 && !slices.Contains(f.Verdicts, k.Verdict),
		f.Source != "" && f.Source != k.Source, f.Family != "" && f.Family != *k.Family,
		f.Submitter != "" && !k.Submitter.Same(pipeline.Actor{Name: f.Submitter}), f.Fingerprint != "" && f.Fingerprint != *k.Fingerprint,
		f.Text != "" && !strings.Contains(text, strings.ToLower(f.Text)),
		f.Content != "", f.Pins != "" && f.Pins != k.PinDigest, !strings.HasPrefix(k.Source, f.SourcePrefix),
		f.Assignee != "" && key(f.Assignee) != key(assignee), f.Claimant != "" && key(f.Claimant) != key(claimant),
		f.Cause != "" && f.Cause != k.Cause, in(f.MinParams), over(f.MaxParams),
		!f.CreatedFrom.IsZero() && k.CreatedAt.Before(f.CreatedFrom), !f.CreatedBefore.IsZero() && !k.CreatedAt.Before(f.CreatedBefore),
		!f.OverdueAt.IsZero() && (!k.State.Undecided() || k.DueAt == nil || !k.DueAt.Before(f.OverdueAt)):
		return false
	}
	if f.Pack != "" || f.Rule != "" {
		if !slices.ContainsFunc(k.rules, func(r pipeline.Finding) bool {
			return (f.Pack == "" || f.Pack == r.Pack) && (f.Rule == "" || f.Rule == r.Rule) && r.Outcome != pipeline.OutcomeNotMatched
		}) {
			return false
		}
	}
	if me := key(f.NeedsReviewer); me != "" {
		return (k.State == pipeline.StateOpen || k.State == pipeline.StateClaimed) && k.Submitter.Key() != me &&
			(claimant == "" || key(claimant) == me) && (assignee == "" || key(assignee) == me) &&
			!slices.ContainsFunc(k.votes, func(d pipeline.Decision) bool { return d.Round == k.Round && d.Actor.Key() == me })
	}
	return true
}

// sorted is the order of a page.
func sorted(cases []known, order pipeline.CaseOrder) (ids []uuid.UUID) {
	due := func(k known) string {
		if k.DueAt == nil {
			return "none"
		}
		return pipeline.AuditTime(*k.DueAt)
	}
	slices.SortFunc(cases, func(a, b known) int {
		if order == pipeline.OrderUrgent {
			return cmp.Or(cmp.Compare(due(a), due(b)), cmp.Compare(a.ID.String(), b.ID.String()))
		}
		return cmp.Compare(b.ID.String(), a.ID.String())
	})
	for _, k := range cases {
		ids = append(ids, k.ID)
	}
	return ids
}

// drawn is a filter of some parts, most of which choose something.
func drawn(r *rand.Rand, cases []known) pipeline.CaseFilter {
	like := cases[r.IntN(len(cases))]
	claimant, assignee := fill.Reviewer(r.IntN(fill.Reviewers)), fill.Reviewer(r.IntN(fill.Reviewers))
	bound := *like.Params.Estimate
	pack, rule := fill.Rule(r.IntN(12))
	f := pipeline.CaseFilter{Order: []pipeline.CaseOrder{"", pipeline.OrderNewest, pipeline.OrderUrgent}[r.IntN(3)], Limit: []int{17, 60, 200}[r.IntN(3)]}
	parts := []func(){
		func() { f.States = []pipeline.State{like.State, pipeline.StateOpen, pipeline.StateOpen}[:1+r.IntN(3)] },
		func() {
			f.States = []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateChangesRequested}
		},
		func() { f.States = pipeline.States() },
		func() { f.Verdicts = []pipeline.Verdict{like.Verdict, pipeline.VerdictBlock}[:1+r.IntN(2)] },
		func() { f.Source = like.Source }, func() { f.Family = *like.Family }, func() { f.Submitter = strings.ToUpper(like.Submitter.Name) },
		func() { f.Fingerprint = *like.Fingerprint }, func() { f.Pins = like.PinDigest }, func() { f.Content = like.PinDigest },
		func() { f.Text = strings.ToUpper(like.Source[10:20]) }, func() { f.Text = like.Submitter.Name[:2] + like.Submitter.Name[2:][:r.IntN(3)] }, func() { f.SourcePrefix = like.Source[:19] },
		func() { f.Assignee = strings.ToUpper(assignee) }, func() { f.Claimant = claimant },
		func() { f.Cause = "rules changed: pack-2 version 1 -> 2" },
		func() { f.Pack, f.Rule = pack, rule }, func() { f.Pack = pack }, func() { f.Rule = rule },
		func() { f.MinParams = &bound }, func() { f.MaxParams = &bound },
		func() { f.CreatedFrom = like.CreatedAt }, func() { f.CreatedBefore = like.CreatedAt },
		func() { f.OverdueAt = like.CreatedAt.Add(48 * time.Hour) },
		func() { f.NeedsReviewer = strings.ToUpper(claimant) },
	}
	for range r.IntN(4) {
		parts[r.IntN(len(parts))]()
	}
	return f
}

// Whatever index a page is read by, its pages together are what the filter means, in
// order and each once.
func TestCases_AnyFilter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, fill.SQLite(t.Context(), path, 600))
	// Findings that a case has twice, and those of a report that it stands on no longer.
	raw(t, path, "INSERT INTO findings SELECT case_id, report, position + 10, finding, pack, rule, mode, 'matched', effect FROM findings WHERE position < 2 AND rule < 'RULE-05'",
		"INSERT INTO reports SELECT case_id, 'earlier', at, tool, as_of, verdict, cost, body FROM reports",
		"INSERT INTO findings SELECT case_id, 'earlier', 0, 'f', 'pack-0', 'RULE-06', 'enforce', 'matched', 'block' FROM reports WHERE digest = 'earlier'",
		"UPDATE cases SET due_at = NULL, due_order = '9999-12-31T23:59:59.999999Z' WHERE pin_digest < 'sha256:4'",
		"UPDATE cases SET round = 2 WHERE pin_digest > 'sha256:c'")
	db := open(t, path)
	defer func() { require.NoError(t, db.Close()) }()
	cases := everything(t, db)
	require.Len(t, cases, 600)
	rules := map[string][]pipeline.Finding{}
	for _, line := range table(t, path, "SELECT f.case_id, f.pack, f.rule, f.outcome FROM findings AS f JOIN cases AS c ON c.id = f.case_id AND c.report = f.report") {
		part := strings.Split(line, "|")
		rules[part[0]] = append(rules[part[0]], pipeline.Finding{Pack: part[1], Rule: part[2], Outcome: pipeline.Outcome(part[3])})
	}
	for i := range cases {
		cases[i].rules = rules[cases[i].ID.String()]
	}
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for i := range 600 {
		f := drawn(random, cases)
		db.WalkFrom([]int{0, 3, 2000}[i%3])
		want := sorted(slices.DeleteFunc(slices.Clone(cases), func(k known) bool { return !chosen(k, f) }), f.Order)
		n, err := db.CountCases(t.Context(), f, 1000)
		require.NoError(t, err, "%+v", f)
		require.Equal(t, int64(len(want)), n, "%+v", f)
		n, err = db.CountCases(t.Context(), f, 7)
		require.NoError(t, err)
		require.Equal(t, int64(min(len(want), 7)), n, "%+v", f)
		var got []uuid.UUID
		asked := f
		for {
			page, err := db.Cases(t.Context(), asked)
			require.NoError(t, err, "%+v", f)
			require.LessOrEqual(t, len(page.Items), f.Limit)
			for _, c := range page.Items {
				got = append(got, c.ID)
			}
			if asked.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		require.Equal(t, want, got, "%+v", f)
		found += min(len(want), 1)
	}
	require.Greater(t, found, 300, "most filters choose something")
}

// The pages that people open most are read through an index, in its order: no step reads
// a table from end to end, and none sorts more than a page of each range.
func TestCases_UseIndexes(t *testing.T) {
	t.Parallel()
	db := many(t, 400)
	undecided := []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateChangesRequested}
	pack, rule := fill.Rule(1)
	deep := func(f pipeline.CaseFilter) pipeline.CaseFilter {
		f.Limit = 10
		page, err := db.Cases(t.Context(), f)
		require.NoError(t, err)
		require.NotEmpty(t, page.Next)
		f.Cursor = page.Next
		return f
	}
	db.WalkFrom(0)
	tests := map[string]struct {
		filter pipeline.CaseFilter
		uses   []string
	}{
		"Newest":       {pipeline.CaseFilter{}, []string{"cases_newest"}},
		"Urgent":       {pipeline.CaseFilter{Order: pipeline.OrderUrgent}, []string{"cases_urgent"}},
		"Undecided":    {pipeline.CaseFilter{Order: pipeline.OrderUrgent, States: undecided}, []string{"cases_undecided_urgent"}},
		"States":       {pipeline.CaseFilter{States: undecided}, []string{"cases_state (state=?"}},
		"Verdict":      {pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictBlock}}, []string{"cases_verdict (verdict=?"}},
		"StateVerdict": {pipeline.CaseFilter{States: undecided, Verdicts: []pipeline.Verdict{pipeline.VerdictBlock}}, []string{"cases_state_verdict (state=? AND verdict=?"}},
		"Mine":         {pipeline.CaseFilter{NeedsReviewer: "rita"}, []string{"COVERING INDEX cases_waiting_newest (waits_for=?", "decisions"}},
		"MineUrgent":   {pipeline.CaseFilter{NeedsReviewer: "rita", Order: pipeline.OrderUrgent}, []string{"COVERING INDEX cases_waiting_urgent (waits_for=?", "sqlite_autoindex_decisions_2 (case_id=? AND round=? AND actor_key=?"}},
		"Family":       {pipeline.CaseFilter{Family: fill.Family(0)}, []string{"cases_family (family=?"}},
		"Rule":         {pipeline.CaseFilter{Pack: pack, Rule: rule}, []string{"findings_rule (pack=? AND rule=?"}},
		"RuleAlone":    {pipeline.CaseFilter{Rule: rule}, []string{"findings_rule_alone (rule=?"}},
		"Filtered":     {pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictReview}, Family: fill.Family(0), Pack: pack, Rule: rule}, []string{"cases_family (family=?", "findings_rule (pack=? AND rule=? AND case_id=? AND outcome=?"}},
		"Overdue":      {pipeline.CaseFilter{OverdueAt: fill.Begin().Add(1e6 * time.Hour), Order: pipeline.OrderUrgent}, []string{"cases_undecided_urgent (due_order<?"}},
		"Deep":         {deep(pipeline.CaseFilter{}), []string{"cases_newest (id<?"}},
		"DeepUrgent":   {deep(pipeline.CaseFilter{Order: pipeline.OrderUrgent, States: undecided}), []string{"cases_undecided_urgent ((due_order,id)>(?,?)"}},
		"DeepMine":     {deep(pipeline.CaseFilter{NeedsReviewer: "rita", Order: pipeline.OrderUrgent}), []string{"cases_waiting_urgent (waits_for=? AND (due_order,id)>(?,?)"}},
	}
	for name, test := range tests {
		steps, err := db.Explain(t.Context(), test.filter)
		require.NoError(t, err, name)
		text := strings.Join(steps, "\n")
		for _, use := range test.uses {
			require.Contains(t, text, use, name)
		}
		for i, step := range steps {
			require.False(t, strings.HasPrefix(step, "SCAN cases") && !strings.Contains(step, " INDEX "), "%s: %s", name, text)
			require.False(t, strings.HasPrefix(step, "SCAN findings") || strings.HasPrefix(step, "SCAN decisions"), "%s: %s", name, text)
			if strings.Contains(step, "USE TEMP B-TREE") {
				if i < len(steps)-1 { // at the end, the rows of the page are put in order
					require.Contains(t, steps[i-1], "SCAN (subquery-", "%s sorts more than a page: %s", name, text)
				}
			}
		}
	}
	// Where one part chooses few cases, those are read whatever else is asked.
	db.WalkFrom(2000)
	steps, err := db.Explain(t.Context(), pipeline.CaseFilter{Verdicts: []pipeline.Verdict{pipeline.VerdictReview}, Family: fill.Family(30), Pack: pack, Order: pipeline.OrderUrgent})
	require.NoError(t, err)
	require.Contains(t, steps[1], "cases_family (family=?")
	// A text is found through the index of texts, though it stands nowhere else.
	steps, err = db.Explain(t.Context(), pipeline.CaseFilter{Text: "no such text", Verdicts: []pipeline.Verdict{pipeline.VerdictReview}})
	require.NoError(t, err)
	require.Contains(t, strings.Join(steps, "\n"), "case_texts VIRTUAL TABLE")
}

func TestCases_RefusesCursors(t *testing.T) {
	t.Parallel()
	db := many(t, 10)
	id := uuid.Must(uuid.NewV7()).String()
	for _, f := range []pipeline.CaseFilter{
		{Cursor: "x"}, {Cursor: "," + id}, {Cursor: "2026-01-01T00:00:00Z," + id}, {Order: pipeline.OrderUrgent, Cursor: id},
		{Order: pipeline.OrderUrgent, Cursor: "x," + id}, {Order: pipeline.OrderUrgent, Cursor: ","}, {Order: "oldest"},
	} {
		_, err := db.Cases(t.Context(), f)
		require.ErrorIs(t, err, pipeline.ErrUsage, "%+v", f)
	}
}
