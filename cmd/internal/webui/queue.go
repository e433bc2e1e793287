package webui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

const (
	// queuePage is how many cases a page has.
	queuePage = 50
	// mostCounted is how far cases are counted.
	mostCounted = 1000
	// mostStopped is how many rules a line names.
	mostStopped = 3
	// mostCauses is how many causes are shown above the queue.
	mostCauses = 5
)

func (s *Site) queueRoutes() []route {
	return []route{
		{"GET /queue", s.showQueue},
		{"GET /queue/count", s.countQueue},
		{"POST /queue/decide", s.decideMany},
	}
}

// queueView is the page of the queue.
type queueView struct {
	queueQuery
	Tabs     []tab
	Chips    []chip
	Rows     []queueRow
	Count    countView
	Causes   []causeView
	First    string
	Next     string
	States   []pipeline.State
	Verdicts []pipeline.Verdict
	Reasons  []pipeline.ReasonCode
	// Kinds are the decisions that can be made in bulk.
	Kinds []pipeline.DecisionKind
	// Decides is true for somebody who may decide cases; Bulk where a row can be chosen.
	Decides, Bulk bool
	// Mine is true for a pure submitter, who sees what they submitted.
	Mine    bool
	Problem *Problem
	Form    bulkForm
	// Back is the page's own address.
	Back string
}

// tab is one view of the queue.
type tab struct {
	Key, Href string
	Current   bool
}

// queueRow is one case.
type queueRow struct {
	pipeline.Case
	Title, Place string
	Overdue      bool
	// Wait names the message on what the case waits for, and WaitFor who or until when.
	Wait    string
	WaitFor string
	// Matched and Open name the rules that matched and those that could not be decided, at
	// most [mostStopped] together; More counts the rest.
	Matched, Open []string
	More          int64
	// Chosen is true where the row's box is ticked, Choosable where it has one.
	Chosen, Choosable bool
	// Claimable and Decidable say what who asks may do now.
	Claimable, Decidable bool
}

// Box is the value of the row's box: the case and the version that was seen.
func (r queueRow) Box() string { return r.ID.String() + "@" + strconv.FormatInt(r.Version, 10) }

// countView is how many cases the filter chooses.
type countView struct {
	N int64
	// More is true where there are more than were counted.
	More bool
	// Changed is true where the number is another than when the page was made.
	Changed bool
	// Key names the message; Poll is where the number is asked for again, Here the page.
	Key, Poll, Here string
}

// causeView is a change of rules, lists or facts that opened cases again.
type causeView struct {
	Cause string
	Count int64
	Href  string
}

// bulkForm is what was typed into the form for many cases.
type bulkForm struct {
	Kind, Reason, Comment, Until string
	Chosen                       []string
}

func (s *Site) showQueue(w http.ResponseWriter, r *http.Request) error {
	return s.renderQueue(w, r, http.StatusOK, r.URL.Query(), bulkForm{}, nil)
}

func (s *Site) renderQueue(w http.ResponseWriter, r *http.Request, status int, values url.Values, form bulkForm, problem *Problem) error {
	ctx, who, words := r.Context(), access.Of(r.Context()), s.words(r)
	q := s.readQueue(values, who, words)
	v := queueView{queueQuery: q, Chips: q.chips(words), States: q.states(), Verdicts: verdicts[:], Reasons: pipeline.ReasonCodes(),
		Kinds: pipeline.DecisionKinds(), Decides: who.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal), Mine: !who.Sees(),
		Problem: problem, Form: form, Back: q.href(keyCursor, q.Filter.Cursor)}
	for _, view := range viewsFor(who) {
		key := view
		if v.Mine {
			key = "own_" + view
		}
		v.Tabs = append(v.Tabs, tab{Key: "view." + key, Href: "/queue?view=" + view, Current: view == q.View})
	}
	page, err := s.cases(ctx, &q, who)
	if errors.Is(err, pipeline.ErrUsage) && q.Filter.Cursor != "" {
		// The cursor is none of ours: the first page is what is left of the address.
		v.Wrong = append(v.Wrong, words.T("queue.bad_cursor"))
		q.Filter.Cursor = ""
		page, err = s.cases(ctx, &q, who)
	}
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(page.Items))
	for i, c := range page.Items {
		ids[i] = c.ID
	}
	rules, err := s.service.Queue.DB.CaseRules(ctx, ids, mostStopped)
	if err != nil {
		return err
	}
	for _, c := range page.Items {
		row := s.row(c, who)
		row.stoppedBy(rules[c.ID])
		row.Chosen = slices.Contains(form.Chosen, row.Box())
		v.Bulk = v.Bulk || row.Choosable
		v.Rows = append(v.Rows, row)
	}
	if page.Next != "" {
		v.Next = q.href(keyCursor, page.Next)
	}
	if q.Filter.Cursor != "" {
		v.First = q.href()
	}
	if v.Count, err = s.count(ctx, q, who); err != nil {
		return err
	}
	if v.Causes, err = s.causes(ctx, q, who); err != nil {
		return err
	}
	return s.render(w, r, status, "queue", v)
}

// mostMine is how many cases of each kind "mine" looks up: those that one claimed, and
// those that one was asked to work on.
const mostMine = 200

// cases returns a page. "Mine" is two questions, and has one page only.
func (s *Site) cases(ctx context.Context, q *queueQuery, who access.Identity) (pipeline.CasePage, error) {
	filter := q.Filter
	if q.View != viewMine {
		filter.Limit = queuePage
		return s.service.Queue.DB.Cases(ctx, filter)
	}
	filter.Limit, filter.Cursor = mostMine, ""
	filter.Claimant = who.Actor.Name
	page, err := s.service.Queue.DB.Cases(ctx, filter)
	if err != nil {
		return page, err
	}
	filter.Claimant, filter.Assignee = "", who.Actor.Name
	asked, err := s.service.Queue.DB.Cases(ctx, filter)
	if err != nil {
		return page, err
	}
	for _, c := range asked.Items {
		if !slices.ContainsFunc(page.Items, func(has pipeline.Case) bool { return has.ID == c.ID }) {
			page.Items = append(page.Items, c)
		}
	}
	slices.SortStableFunc(page.Items, func(a, b pipeline.Case) int {
		if q.Filter.Order == pipeline.OrderNewest {
			return strings.Compare(b.ID.String(), a.ID.String())
		}
		return cmp.Or(compareDue(a.DueAt, b.DueAt), strings.Compare(a.ID.String(), b.ID.String()))
	})
	page.Next = ""
	return page, nil
}

// compareDue orders due dates, those without one last.
func compareDue(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}

// row is what a line of the queue shows of a case.
func (s *Site) row(c pipeline.Case, who access.Identity) queueRow {
	row := queueRow{Case: c, Overdue: c.DueAt != nil && c.State.Undecided() && c.DueAt.Before(s.now())}
	row.Title, row.Place = sourceParts(c.Source)
	row.Wait, row.WaitFor = waits(c)
	votes := who.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal) && !who.Actor.Same(c.Submitter)
	row.Decidable = votes && c.State.Undecided()
	row.Choosable = row.Decidable
	row.Claimable = votes && (c.State == pipeline.StateOpen || c.State == pipeline.StateChangesRequested)
	return row
}

// stoppedBy takes up the rules that bear on the case.
func (r *queueRow) stoppedBy(rules pipeline.CaseRules) {
	for _, rule := range rules.First {
		name := cmp.Or(rule.Rule, rule.Pack)
		if rule.Outcome == pipeline.OutcomeMatched {
			r.Matched = append(r.Matched, name)
		} else {
			r.Open = append(r.Open, name)
		}
	}
	r.More = rules.Count - int64(len(rules.First))
}

// sourceParts parts a source into its last folder, by which people know a model, and what
// is before it.
func sourceParts(source string) (title, place string) {
	trimmed := strings.TrimSuffix(source, "/")
	i := strings.LastIndexByte(trimmed, '/')
	if i < 0 || strings.HasSuffix(trimmed[:i], "/") {
		return source, ""
	}
	return trimmed[i+1:], trimmed[:i+1]
}

// waits says what a case waits for.
func waits(c pipeline.Case) (key, whom string) {
	switch c.State {
	case pipeline.StateOpen:
		if c.Assignee != nil {
			return "assigned", *c.Assignee
		}
		return "open", ""
	case pipeline.StateClaimed:
		if c.Claimant != nil {
			return "claimed", c.Claimant.Name
		}
		return "open", ""
	case pipeline.StateChangesRequested:
		return "changes", c.Submitter.Name
	case pipeline.StateSuperseded:
		return "superseded", ""
	}
	return "nothing", ""
}

// count counts the cases of an address.
func (s *Site) count(ctx context.Context, q queueQuery, who access.Identity) (countView, error) {
	var n int64
	var err error
	if q.View == viewMine {
		var page pipeline.CasePage
		page, err = s.cases(ctx, &q, who)
		n = int64(len(page.Items))
	} else {
		n, err = s.service.Queue.DB.CountCases(ctx, q.Filter, mostCounted)
	}
	c := countView{N: n, More: n >= mostCounted, Key: "queue.count", Here: q.href()}
	switch {
	case c.More:
		c.Key = "queue.count_more"
	case q.View == viewNeeds && !q.filtered():
		c.Key = "queue.count_needs"
	}
	values := url.Values{}
	for key, v := range q.Values {
		values[key] = v
	}
	values.Set("was", strconv.FormatInt(n, 10))
	c.Poll = "/queue/count?" + values.Encode()
	return c, err
}

// countQueue answers script that keeps the number of cases, and the title, fresh.
func (s *Site) countQueue(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	who := access.Of(r.Context())
	q := s.readQueue(values, who, s.words(r))
	c, err := s.count(r.Context(), q, who)
	if err != nil {
		return err
	}
	if was, err := strconv.ParseInt(values.Get("was"), 10, 64); err == nil {
		c.Changed = was != c.N
		// What is asked for next is compared with the page, and not with this answer.
		u := url.Values{}
		for key, v := range q.Values {
			u[key] = v
		}
		u.Set("was", strconv.FormatInt(was, 10))
		c.Poll = "/queue/count?" + u.Encode()
	}
	return s.fragment(w, r, "queue", "counted", c)
}

// causes lists what opened cases again, on the pages where somebody would look at them.
func (s *Site) causes(ctx context.Context, q queueQuery, who access.Identity) ([]causeView, error) {
	if !who.Sees() || q.Filter.Cause != "" || q.View != viewNeeds && q.View != viewUndecided || q.Filter.Cursor != "" {
		return nil, nil
	}
	found, err := s.service.Queue.DB.Causes(ctx, mostCauses)
	var out []causeView
	for _, c := range found {
		out = append(out, causeView{Cause: c.Cause, Count: c.Count, Href: "/queue?" + url.Values{keyView: {viewUndecided}, keyCause: {c.Cause}}.Encode()})
	}
	return out, err
}

// votedView is what one decision on many cases came to.
type votedView struct {
	Kind string
	Rows []votedRow
	// Taken counts the cases where the vote was recorded.
	Taken int
	Back  string
}

type votedRow struct {
	ID      uuid.UUID
	Title   string
	State   pipeline.State
	Problem *Problem
}

// decideMany takes one decision for many cases.
func (s *Site) decideMany(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	form := bulkForm{Kind: r.PostForm.Get("kind"), Reason: r.PostForm.Get("reason"), Comment: r.PostForm.Get("comment"),
		Until: r.PostForm.Get("until"), Chosen: r.PostForm["case"]}
	back := access.LocalPath(r.PostForm.Get("back"))
	votes, titles, err := s.voteMany(r.Context(), form, access.Of(r.Context()).Actor)
	if err != nil {
		problem, status, ok := problemOf(err)
		if !ok {
			return err
		}
		values := url.Values{}
		if u, err := url.Parse(back); err == nil && u.Path == "/queue" {
			values = u.Query()
		}
		return s.renderQueue(w, r, status, values, form, problem)
	}
	v := votedView{Kind: form.Kind, Back: back}
	for i, vote := range votes {
		row := votedRow{ID: titles[i].ID, State: vote.Case.State}
		row.Title, _ = sourceParts(titles[i].Source)
		if vote.Err != nil {
			problem, _, ok := problemOf(vote.Err)
			if !ok {
				s.logger.Error("a vote of many was not recorded", "case", row.ID, "error", vote.Err)
				problem = &Problem{Message: s.words(r).Word("fault", "internal"), Hint: s.words(r).Word("fault_hint", "unavailable"), Own: true}
			}
			row.Problem = problem
		} else {
			v.Taken++
		}
		v.Rows = append(v.Rows, row)
	}
	return s.render(w, r, http.StatusOK, "voted", v)
}

// voteMany records the votes and returns the cases as they were before, in the same order.
func (s *Site) voteMany(ctx context.Context, form bulkForm, by pipeline.Actor) ([]app.Voted, []pipeline.Case, error) {
	bad := func(message, hint string) ([]app.Voted, []pipeline.Case, error) {
		return nil, nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	kind, reason := pipeline.DecisionKind(form.Kind), pipeline.ReasonCode(form.Reason)
	if !slices.Contains(pipeline.DecisionKinds(), kind) {
		return bad("it is not said what you decide", "choose to approve, to reject, or to ask for changes")
	}
	if !slices.Contains(pipeline.ReasonCodes(), reason) {
		return bad("a decision needs a reason", "choose one of the list")
	}
	until, err := s.lastMoment(form.Until)
	if err != nil {
		return nil, nil, err
	}
	var bulk app.Bulk
	var cases []pipeline.Case
	seen := map[uuid.UUID]bool{}
	for _, text := range form.Chosen {
		idText, versionText, _ := strings.Cut(text, "@")
		id, err := uuid.Parse(idText)
		version, wrong := strconv.ParseInt(versionText, 10, 64)
		if err != nil || wrong != nil || version < 1 {
			return bad("one of the chosen cases cannot be read", "open the queue again and choose anew")
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		c, err := s.service.Visible(ctx, id, by)
		if err != nil {
			return nil, nil, err
		}
		cases = append(cases, c)
		bulk.Ballots = append(bulk.Ballots, pipeline.Ballot{Case: id, Version: version, Actor: by, Kind: kind, Reason: reason, Comment: form.Comment, Until: until})
	}
	votes, err := s.service.DecideAll(ctx, bulk)
	if err != nil {
		return nil, nil, err
	}
	return votes, cases, nil
}

// lastMoment reads a day of a form, and returns its end where the desk is. nil is no day.
func (s *Site) lastMoment(day string) (*time.Time, error) {
	if day == "" {
		return nil, nil //nolint:nilnil // no term
	}
	at, err := time.ParseInLocation(time.DateOnly, day, s.location)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "this is no day: " + day, Hint: "write it as 2026-12-31"}
	}
	end := at.AddDate(0, 0, 1).UTC()
	return &end, nil
}
