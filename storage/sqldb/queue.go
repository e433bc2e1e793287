package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// Page sizes of the queue.
const (
	pageDefault = 50
	pageMax     = 200
)

// pageLimit is the size of a page that somebody asked for.
func pageLimit(asked int) int {
	if asked <= 0 {
		return pageDefault
	}
	return min(asked, pageMax)
}

// fewCases is how many cases are read and sorted rather than walked through in order.
const fewCases = 2000

// mostArms bounds how many indexed ranges one page is put together from.
const mostArms = 12

// caseColumns are the columns of a case in the order of scanCase.
const caseColumns = `cases.id, cases.source, cases.pin_digest, cases.header_digest, cases.content_digest, cases.submission_digest, cases.state, cases.verdict, cases.quorum,
	cases.params_lower, cases.params_estimate, cases.params_upper, cases.bytes, cases.family, cases.fingerprint, cases.submitter, cases.submitter_known, cases.claimant, cases.claimant_known,
	cases.assignee, cases.version, cases.round, cases.report, cases.created_at, cases.updated_at, cases.due_at, cases.settled_at, cases.expires_at, cases.superseded_by, cases.offices,
	cases.overdue_at, cases.body_digest, cases.cause`

func scanCase(rows *sql.Rows) (pipeline.Case, error) {
	var r queries.Case
	if err := rows.Scan(&r.ID, &r.Source, &r.PinDigest, &r.HeaderDigest, &r.ContentDigest, &r.SubmissionDigest, &r.State, &r.Verdict, &r.Quorum,
		&r.ParamsLower, &r.ParamsEstimate, &r.ParamsUpper, &r.Bytes, &r.Family, &r.Fingerprint, &r.Submitter, &r.SubmitterKnown,
		&r.Claimant, &r.ClaimantKnown, &r.Assignee, &r.Version, &r.Round, &r.Report, &r.CreatedAt, &r.UpdatedAt, &r.DueAt,
		&r.SettledAt, &r.ExpiresAt, &r.SupersededBy, &r.Offices,
		&r.OverdueAt, &r.BodyDigest, &r.Cause); err != nil {
		return pipeline.Case{}, err
	}
	return caseFrom(r)
}

// Cases implements [pipeline.CaseReader]. An error matches [pipeline.ErrUsage] where
// the cursor is none that a page of this order gave, or the order is unknown. Letter case
// of [pipeline.CaseFilter].Text is ignored in A to Z only.
func (db *DB) Cases(ctx context.Context, filter pipeline.CaseFilter) (pipeline.CasePage, error) {
	limit := pageLimit(filter.Limit)
	s, err := db.newSearch(filter)
	if err != nil {
		return pipeline.CasePage{}, err
	}
	page := pipeline.CasePage{Items: []pipeline.Case{}}
	err = db.read(ctx, "list the cases", func(_ *queries.Queries, t *sql.Tx) (err error) {
		if err := s.choose(ctx, t); err != nil {
			return err
		}
		query, args := s.page(limit + 1)
		rows, err := t.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			c, err := scanCase(rows)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, c)
		}
		return rows.Err()
	})
	if err == nil && len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = s.cursorAt(page.Items[limit-1])
	}
	return page, err
}

// CountCases implements [pipeline.QueueCounter]. The filter's order, cursor and limit are
// not read.
func (db *DB) CountCases(ctx context.Context, filter pipeline.CaseFilter, limit int) (int64, error) {
	filter.Cursor, filter.Order = "", pipeline.OrderNewest
	s, err := db.newSearch(filter)
	if err != nil {
		return 0, err
	}
	var count int64
	err = db.read(ctx, "count the cases", func(_ *queries.Queries, t *sql.Tx) error {
		if err := s.choose(ctx, t); err != nil {
			return err
		}
		query, args := s.count(limit)
		return t.QueryRowContext(ctx, query, args...).Scan(&count)
	})
	return count, err
}

// CaseRules implements [pipeline.RuleLister]. A rule over a list that came to several
// findings is named once, and as matched where one of them matched.
func (db *DB) CaseRules(ctx context.Context, ids []uuid.UUID, most int) (map[uuid.UUID]pipeline.CaseRules, error) {
	out := map[uuid.UUID]pipeline.CaseRules{}
	switch {
	case len(ids) > pipeline.CaseRulesMax:
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the rules of %d cases are too many to read at once", len(ids)), Hint: fmt.Sprintf("name at most %d", pipeline.CaseRulesMax)}
	case len(ids) == 0:
		return out, nil
	}
	args := []any{most}
	places := make([]string, len(ids))
	for i, id := range ids {
		args = append(args, id.String())
		places[i] = "?" + strconv.Itoa(len(args))
	}
	//nolint:gosec // what is put together is placeholders and constants
	query := `SELECT case_id, pack, rule, outcome, total FROM (
  SELECT case_id, pack, rule, outcome, COUNT(*) OVER (PARTITION BY case_id) AS total,
    ROW_NUMBER() OVER (PARTITION BY case_id ORDER BY outcome, weight, rule, pack) AS place
  FROM (
    SELECT findings.case_id AS case_id, pack, rule, MIN(outcome) AS outcome, MIN(CASE effect WHEN 'block' THEN 0 ELSE 1 END) AS weight
    FROM findings JOIN cases ON cases.id = findings.case_id AND cases.report = findings.report
    WHERE cases.id IN (` + strings.Join(places, ", ") + `) AND mode = 'enforce' AND effect IN ('block', 'review') AND ` + counting + `
    GROUP BY findings.case_id, pack, rule) AS bearing) AS ranked
WHERE place <= ?1 ORDER BY case_id, place`
	err := db.read(ctx, "list the rules of cases", func(_ *queries.Queries, t *sql.Tx) (err error) {
		rows, err := t.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var id uuid.UUID
			var one pipeline.BearingRule
			var count int64
			if err := rows.Scan(&id, &one.Pack, &one.Rule, &one.Outcome, &count); err != nil {
				return err
			}
			out[id] = pipeline.CaseRules{First: append(out[id].First, one), Count: count}
		}
		return rows.Err()
	})
	return out, err
}

// search finds the cases that a filter chooses. Which index it walks through depends on
// how many cases each part of the filter chooses by itself: where one chooses few, those
// are read and sorted; else cases are read in the order of the page until it is full.
type search struct {
	dialect dialect
	// most is how many cases are few.
	most   int
	filter pipeline.CaseFilter
	// terms are the conditions, args their values, by number.
	terms []string
	args  []any
	// found are the conditions on findings.
	found []string
	// ranges are the parts of the filter that have an index.
	ranges []indexed
	// before is the placeholder of the id that the page comes after in the order of
	// newest cases, "" for the first page.
	before string
	// few is the part that chooses few cases, nil where none does. widest is the part in
	// order of id whose newest cases reach back the furthest, nil where none is in order.
	few, widest *indexed
}

// indexed is a part of a filter that an index answers.
type indexed struct {
	// index is the name of the index, "" where the table is one by itself.
	index string
	// term is the condition as the index needs it.
	term string
	// ordered tells whether the cases within come in order of id.
	ordered bool
	// table is where a case is found by its case_id, and may be found several times: ""
	// for the table of cases itself.
	table string
	// most is how many of them are few, 0 for as many as of others.
	most int
}

// Tables that lead to cases.
const (
	ofFindings = "findings"
	ofTexts    = "case_texts"
)

// from names the table and the column of the id.
func (in indexed) from(d dialect) (table, id string) {
	table, id = "cases", "id"
	if in.table != "" {
		table, id = in.table, "case_id"
	}
	if in.index != "" {
		table += d.byIndex(in.index)
	}
	return table, id
}

// States of cases, as partial indexes name them.
const (
	undecided = "state IN ('open', 'claimed', 'changes_requested')"
	waiting   = "state IN ('open', 'claimed')"
	// counts is which findings bear on a case.
	counting = "outcome IN ('matched', 'undetermined')"
)

func (db *DB) newSearch(f pipeline.CaseFilter) (*search, error) {
	s := &search{dialect: db.dialect, most: db.few, filter: f}
	switch f.Order {
	case pipeline.OrderNewest, pipeline.OrderUrgent, "":
	default:
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%.40q is no order of cases", string(f.Order)), Hint: "name newest or urgent"}
	}
	if len(f.States) > 0 {
		s.when("state IN (" + arguments(f.States, s.arg) + ")")
	}
	if len(f.Verdicts) > 0 {
		s.when("verdict IN (" + arguments(f.Verdicts, s.arg) + ")")
	}
	s.names(f)
	s.bounds(f)
	s.rules(f)
	s.reviewer(f.NeedsReviewer)
	return s, s.after(f.Cursor)
}

// arg adds a value and returns its placeholder.
func (s *search) arg(value any) string {
	s.args = append(s.args, value)
	return "?" + strconv.Itoa(len(s.args))
}

func (s *search) when(term string) { s.terms = append(s.terms, term) }

// by adds a condition that an index answers.
func (s *search) by(in indexed) {
	s.when(in.term)
	s.ranges = append(s.ranges, in)
}

// names adds what must be equal.
func (s *search) names(f pipeline.CaseFilter) {
	equal := func(column, value, index string) {
		if value != "" {
			s.by(indexed{index: index, term: column + " = " + s.arg(value), ordered: true})
		}
	}
	person := func(column, name, index string) {
		if name != "" {
			s.by(indexed{index: index, term: column + " <> '' AND " + column + " = " + s.arg(pipeline.Actor{Name: name}.Key()), ordered: true})
		}
	}
	equal("source", f.Source, "cases_source")
	equal("pin_digest", string(f.Pins), "cases_pins")
	equal("fingerprint", f.Fingerprint, "cases_fingerprint")
	equal("submitter_key", pipeline.Actor{Name: f.Submitter}.Key(), "cases_submitter")
	equal("family", f.Family, "cases_family")
	person("assignee_key", f.Assignee, "cases_assignee")
	person("claimant_key", f.Claimant, "cases_claimant")
	if f.Content != "" {
		s.by(indexed{index: "cases_content", term: "content_digest = " + s.arg(string(f.Content))})
	}
	if f.Cause != "" {
		s.by(indexed{index: "cases_cause", term: "cause <> '' AND cause = " + s.arg(f.Cause), ordered: true})
	}
}

// bounds adds ranges and the text.
func (s *search) bounds(f pipeline.CaseFilter) {
	between := func(index, column string, terms ...string) {
		if len(terms) > 0 {
			s.by(indexed{index: index, term: column + " " + strings.Join(terms, " AND "+column+" ")})
		}
	}
	if f.SourcePrefix != "" {
		// The last character that a text can hold sorts after all that go on otherwise.
		between("cases_source", "source", ">= "+s.arg(f.SourcePrefix), "< "+s.arg(f.SourcePrefix+"\U0010ffff"))
	}
	var params, created []string
	if f.MinParams != nil {
		params = append(params, ">= "+s.arg(*f.MinParams))
	}
	if f.MaxParams != nil {
		params = append(params, "<= "+s.arg(*f.MaxParams))
	}
	between("cases_params", "params_estimate", params...)
	if !f.CreatedFrom.IsZero() {
		created = append(created, ">= "+s.arg(pipeline.AuditTime(f.CreatedFrom)))
	}
	if !f.CreatedBefore.IsZero() {
		created = append(created, "< "+s.arg(pipeline.AuditTime(f.CreatedBefore)))
	}
	between("cases_created", "created_at", created...)
	if !f.OverdueAt.IsZero() {
		s.by(indexed{index: "cases_undecided_urgent", term: undecided + " AND due_order < " + s.arg(pipeline.AuditTime(f.OverdueAt))})
	}
	if f.Text != "" {
		pattern := s.arg("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(lowerASCII(f.Text)) + "%")
		s.when(fmt.Sprintf(`(lower(source) LIKE %[1]s ESCAPE '\' OR lower(family) LIKE %[1]s ESCAPE '\' OR lower(submitter) LIKE %[1]s ESCAPE '\')`, pattern))
		s.text(f.Text)
	}
}

// leastIndexed is how many characters a text has that an index finds.
const leastIndexed = 3

// fewTexts is how many times as many cases are few where a text chooses them: to walk
// through others costs a comparison of texts each.
const fewTexts = 4

// text adds the index of texts. It may find more cases than hold the text, never fewer:
// it takes capitals of all scripts for small letters.
func (s *search) text(text string) {
	if utf8.RuneCountInString(text) < leastIndexed || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return
	}
	phrase := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	s.ranges = append(s.ranges, indexed{table: ofTexts, term: s.dialect.holds(s.arg(phrase)), most: fewTexts * s.most})
}

// rules adds what findings of the current report must be from.
func (s *search) rules(f pipeline.CaseFilter) {
	var terms []string
	if f.Pack != "" {
		terms = append(terms, "pack = "+s.arg(f.Pack))
	}
	if f.Rule != "" {
		terms = append(terms, "rule = "+s.arg(f.Rule))
	}
	if len(terms) == 0 {
		return
	}
	term := strings.Join(terms, " AND ")
	in := indexed{index: "findings_rule", term: term, table: ofFindings, ordered: f.Rule != ""}
	if f.Pack == "" {
		in.index = "findings_rule_alone"
	}
	if f.Rule != "" {
		// An index answers this one, for any report of the case: most other cases are left
		// out by it without reading their row.
		s.found = append(s.found, "EXISTS (SELECT 1 FROM findings"+s.dialect.byIndex(in.index)+" WHERE "+term+" AND findings.case_id = cases.id AND "+counting+")")
	}
	s.found = append(s.found, "EXISTS (SELECT 1 FROM findings WHERE findings.case_id = cases.id AND findings.report = cases.report AND "+term+" AND "+counting+")")
	s.ranges = append(s.ranges, in)
}

// reviewer adds what waits for one reviewer. Whom else a case could wait for is a matter
// of the arms.
func (s *search) reviewer(name string) {
	if name == "" {
		return
	}
	key := s.arg(pipeline.Actor{Name: name}.Key())
	s.when(waiting)
	s.when("submitter_key <> " + key)
	s.when("waits_for IN ('', " + key + ")")
	s.when("NOT EXISTS (SELECT 1 FROM decisions WHERE decisions.case_id = cases.id AND decisions.round = cases.round AND decisions.actor_key = " + key + ")")
}

// urgent reports whether the page is in the order of due dates.
func (s *search) urgent() bool { return s.filter.Order == pipeline.OrderUrgent }

// after adds where the page before ended: "ID", and "DUE,ID" in the order of due dates,
// with an empty DUE where there is none.
func (s *search) after(cursor string) error {
	if cursor == "" {
		return nil
	}
	due, text, found := strings.Cut(cursor, ",")
	if !found {
		due, text = "", cursor
	}
	id, err := uuid.Parse(text)
	at := neverDue
	if err == nil && due != "" {
		var t time.Time
		t, err = time.Parse(time.RFC3339Nano, due)
		at = pipeline.AuditTime(t)
	}
	if err != nil || found != s.urgent() {
		return pipeline.WrongCursor()
	}
	if s.urgent() {
		s.when("(due_order, cases.id) > (" + s.arg(at) + ", " + s.arg(id.String()) + ")")
	} else {
		s.before = s.arg(id.String())
		s.when("cases.id < " + s.before)
	}
	return nil
}

// cursorAt is the cursor of the page after a case.
func (s *search) cursorAt(c pipeline.Case) string {
	switch {
	case !s.urgent():
		return c.ID.String()
	case c.DueAt == nil:
		return "," + c.ID.String()
	default:
		return pipeline.AuditTime(*c.DueAt) + "," + c.ID.String()
	}
}

// choose looks whether one part of the filter chooses few cases by itself, and else which
// part that comes in order of id is spread the widest. It reads index entries only, and
// not many of each part.
func (s *search) choose(ctx context.Context, t *sql.Tx) error {
	least, oldest := math.MaxInt, ""
	for i, in := range s.ranges {
		table, id := in.from(s.dialect)
		most := max(in.most, s.most)
		if !in.ordered {
			id = "''" // how many there are is all that is asked
		}
		query := "SELECT " + id + " AS id FROM " + table + " WHERE " + in.term
		if in.ordered && s.before != "" {
			query += " AND " + id + " < " + s.before
		}
		if in.ordered {
			query += " ORDER BY " + id + " DESC"
		}
		query = "SELECT count(*), coalesce(min(id), '') FROM (" + query + " LIMIT " + strconv.Itoa(most+1) + ")"
		var n int
		var first string
		if err := t.QueryRowContext(ctx, query, s.args...).Scan(&n, &first); err != nil {
			return err
		}
		if n <= most && n < least {
			least, s.few = n, &s.ranges[i]
		}
		// A finding costs more than a case: it leads to one.
		if in.ordered && (s.widest == nil || s.widest.table != "" || (in.table == "" && first < oldest)) {
			oldest, s.widest = first, &s.ranges[i]
		}
	}
	return nil
}

// arm is one range of an index, read in the order of the page.
type arm struct {
	from  string
	terms []string
	// newest is what the id is called that the newest case is found by.
	newest string
	// found tells whether the range is of findings, so that those are not asked for again.
	found bool
}

// arms returns what a page is put together from.
func (s *search) arms() []arm {
	on := func(index string, terms ...string) arm {
		return arm{from: "cases" + s.dialect.byIndex(index), terms: terms, newest: "cases.id"}
	}
	switch {
	case s.few != nil && s.few.table != "":
		table, id := s.few.from(s.dialect)
		return []arm{{from: "(SELECT DISTINCT " + id + " FROM " + table + " WHERE " + s.few.term + ") AS hit CROSS JOIN cases" + s.dialect.byIndex("cases_newest"),
			terms: []string{"cases.id = hit.case_id"}, newest: "cases.id"}}
	case s.few != nil:
		return []arm{on(s.few.index)}
	case s.filter.NeedsReviewer != "":
		index := "cases_waiting_newest"
		if s.urgent() {
			index = "cases_waiting_urgent"
		}
		key := s.arg(pipeline.Actor{Name: s.filter.NeedsReviewer}.Key())
		return []arm{on(index, "waits_for = ''"), on(index, "waits_for = "+key)}
	case s.urgent() && s.undecided():
		return []arm{on("cases_undecided_urgent", undecided)}
	case s.urgent():
		return []arm{on("cases_urgent")}
	case s.widest != nil && s.widest.table == ofFindings:
		return []arm{s.findings(*s.widest)}
	case s.widest != nil:
		return []arm{on(s.widest.index)}
	}
	return s.standing(on)
}

// findings walks through the findings of a rule, and takes each case at the first finding
// of its current report.
func (s *search) findings(in indexed) arm {
	term := func(of string) string {
		return strings.NewReplacer("pack =", of+".pack =", "rule =", of+".rule =", "outcome IN", of+".outcome IN").Replace(in.term + " AND " + counting)
	}
	return arm{from: "findings AS hit" + s.dialect.byIndex(in.index) + " CROSS JOIN cases" + s.dialect.byIndex("cases_newest"), newest: "hit.case_id", found: true, terms: []string{term("hit"),
		"cases.id = hit.case_id", "cases.report = hit.report",
		"NOT EXISTS (SELECT 1 FROM findings AS earlier WHERE earlier.case_id = hit.case_id AND earlier.report = hit.report AND earlier.position < hit.position AND " + term("earlier") + ")"}}
}

// standing walks through the cases of each asked state and verdict, or through all.
func (s *search) standing(on func(string, ...string) arm) []arm {
	states, verdicts := slices.Compact(slices.Sorted(slices.Values(s.filter.States))), slices.Compact(slices.Sorted(slices.Values(s.filter.Verdicts)))
	var out []arm
	switch n := len(states) * len(verdicts); {
	case n > 0 && n <= mostArms:
		for _, state := range states {
			for _, verdict := range verdicts {
				out = append(out, on("cases_state_verdict", "state = "+s.arg(string(state)), "verdict = "+s.arg(string(verdict))))
			}
		}
	case len(states) > 0 && len(states) <= mostArms:
		for _, state := range states {
			out = append(out, on("cases_state", "state = "+s.arg(string(state))))
		}
	case len(verdicts) > 0 && len(verdicts) <= mostArms:
		for _, verdict := range verdicts {
			out = append(out, on("cases_verdict", "verdict = "+s.arg(string(verdict))))
		}
	default:
		out = append(out, on("cases_newest"))
	}
	return out
}

// undecided reports whether the filter chooses undecided cases only.
func (s *search) undecided() bool {
	if s.filter.NeedsReviewer != "" || !s.filter.OverdueAt.IsZero() {
		return true
	}
	for _, state := range s.filter.States {
		if !state.Undecided() {
			return false
		}
	}
	return len(s.filter.States) > 0
}

// page writes the query of a page of at most limit cases. What it finds are ids, in the
// order of the page; their rows are read at the end.
func (s *search) page(limit int) (query string, args []any) {
	order := func(due, id string) string {
		if s.urgent() {
			return " ORDER BY " + due + ", " + id
		}
		return " ORDER BY " + id + " DESC"
	}
	most := " LIMIT " + strconv.Itoa(limit)
	found := "SELECT cases.id AS id"
	if s.urgent() {
		found += ", cases.due_order AS due_order"
	}
	arms := s.arms()
	for i, a := range arms {
		if i > 0 {
			query += " UNION ALL "
		}
		one := found + " FROM " + a.from + s.where(a) + order("cases.due_order", a.newest) + most
		if len(arms) > 1 {
			one = "SELECT * FROM (" + one + ")"
		}
		query += one
	}
	if len(arms) > 1 {
		query += order("due_order", "id") + most
	}
	return "SELECT " + caseColumns + " FROM (" + query + ") AS page CROSS JOIN cases WHERE cases.id = page.id" + order("page.due_order", "page.id"), s.args
}

// count writes the query that counts up to a limit.
func (s *search) count(limit int) (query string, args []any) {
	most := " LIMIT " + strconv.Itoa(max(limit, 0))
	for i, a := range s.arms() {
		if i > 0 {
			query += " UNION ALL "
		}
		query += "SELECT * FROM (SELECT 1 FROM " + a.from + s.where(a) + most + ")"
	}
	return "SELECT count(*) FROM (" + query + most + ")", s.args
}

func (s *search) where(a arm) string {
	terms := slices.Concat(a.terms, s.terms)
	if !a.found {
		terms = append(terms, s.found...)
	}
	if len(terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(terms, " AND ")
}

func arguments[T ~string](values []T, arg func(any) string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = arg(string(v))
	}
	return strings.Join(out, ", ")
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
