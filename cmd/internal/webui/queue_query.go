package webui

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

// The views of the queue: the tabs. Each is a filter that others are added to.
const (
	viewNeeds     = "needs"
	viewMine      = "mine"
	viewWaiting   = "waiting"
	viewUndecided = "undecided"
	viewSettled   = "settled"
	viewAll       = "all"
)

// queueViews lists the views in the order of the tabs.
var queueViews = [...]string{viewNeeds, viewMine, viewWaiting, viewUndecided, viewSettled, viewAll}

// viewsFor lists the views that mean something to somebody.
func viewsFor(who access.Identity) []string {
	switch {
	case who.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal):
		return queueViews[:]
	case who.Sees():
		return []string{viewUndecided, viewWaiting, viewSettled, viewAll}
	}
	return []string{viewAll, viewWaiting, viewUndecided, viewSettled}
}

// settledStates are those that nobody has to do anything about.
func settledStates() []pipeline.State {
	return slices.DeleteFunc(pipeline.States(), func(s pipeline.State) bool { return s.Undecided() })
}

func undecidedStates() []pipeline.State {
	return slices.DeleteFunc(pipeline.States(), func(s pipeline.State) bool { return !s.Undecided() })
}

// The keys of the queue's address.
const (
	keyView      = "view"
	keyText      = "q"
	keyState     = "state"
	keyVerdict   = "verdict"
	keyFamily    = "family"
	keyMin       = "min"
	keyMax       = "max"
	keySource    = "source"
	keySubmitter = "submitter"
	keyAssignee  = "assignee"
	keyClaimant  = "claimant"
	keyNewer     = "newer"
	keyOlder     = "older"
	keyPack      = "pack"
	keyRule      = "rule"
	keyOverdue   = "overdue"
	keyCause     = "cause"
	keyOrder     = "order"
	keyCursor    = "cursor"
)

// chipKeys are the filters that are shown as chips, in their order.
var chipKeys = [...]string{keyText, keyState, keyVerdict, keyFamily, keyMin, keyMax, keySource, keySubmitter, keyAssignee, keyClaimant,
	keyNewer, keyOlder, keyPack, keyRule, keyOverdue, keyCause}

// textMax bounds a filter's text in bytes, and filterMost how many values of one kind.
const (
	textMax    = 400
	filterMost = 10
)

// mostDays bounds the ages that can be asked for.
const mostDays = 3650

// queueQuery is what an address of the queue asks for.
type queueQuery struct {
	View   string
	Values url.Values
	Filter pipeline.CaseFilter
	// Wrong says which values were not understood, and left out.
	Wrong []string
}

// readQueue reads the address. A value that is not understood is named and left out, so
// that a link from elsewhere never fails.
func (s *Site) readQueue(values url.Values, who access.Identity, w *Words) queueQuery {
	q := queueQuery{Values: url.Values{}}
	q.readView(values.Get(keyView), who, w)
	for _, key := range chipKeys {
		for i, value := range values[key] {
			value = strings.TrimSpace(value)
			if value == "" || slices.Contains(q.Values[key], value) {
				continue
			}
			switch {
			case len(value) > textMax:
				q.Wrong = append(q.Wrong, w.T("queue.too_long", w.T("filter."+key)))
			case i >= filterMost:
			case !q.take(key, value, s.now()):
				q.Wrong = append(q.Wrong, w.T("queue.not_understood", w.T("filter."+key), value))
			default:
				q.Values.Add(key, value)
			}
		}
	}
	switch order := pipeline.CaseOrder(values.Get(keyOrder)); order {
	case "":
	case pipeline.OrderNewest, pipeline.OrderUrgent:
		q.Filter.Order = order
		q.Values.Set(keyOrder, string(order))
	default:
		q.Wrong = append(q.Wrong, w.T("queue.not_understood", w.T("filter.order"), string(order)))
	}
	if cursor := values.Get(keyCursor); len(cursor) <= textMax {
		q.Filter.Cursor = cursor
	}
	if !who.Sees() {
		q.Filter.Submitter = who.Actor.Name
	}
	return q
}

// readView reads the tab, the first one of who asks where there is none.
func (q *queueQuery) readView(view string, who access.Identity, w *Words) {
	views := viewsFor(who)
	if view != "" && !slices.Contains(views, view) {
		q.Wrong = append(q.Wrong, w.T("queue.not_understood", w.T("filter.view"), view))
		view = ""
	}
	if view == "" {
		view = views[0]
	} else {
		q.Values.Set(keyView, view)
	}
	q.View = view
	f := &q.Filter
	f.Order = pipeline.OrderUrgent
	switch view {
	case viewNeeds:
		f.NeedsReviewer = who.Actor.Name
	case viewSettled, viewAll:
		f.Order = pipeline.OrderNewest
	}
	if view != viewAll {
		f.States = q.states()
	}
}

// states lists the states that the view can hold.
func (q *queueQuery) states() []pipeline.State {
	switch q.View {
	case viewNeeds:
		return []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed}
	case viewWaiting:
		return []pipeline.State{pipeline.StateChangesRequested}
	case viewMine, viewUndecided:
		return undecidedStates()
	case viewSettled:
		return settledStates()
	}
	return pipeline.States()
}

// take puts one value into the filter, and reports whether it was understood.
func (q *queueQuery) take(key, value string, now time.Time) bool {
	f := &q.Filter
	switch key {
	case keyText:
		f.Text = value
	case keyState:
		return q.takeState(pipeline.State(value))
	case keyVerdict:
		v := pipeline.Verdict(value)
		if !slices.Contains(verdicts[:], v) {
			return false
		}
		f.Verdicts = append(f.Verdicts, v)
	case keyFamily:
		f.Family = value
	case keySource:
		f.SourcePrefix = value
	case keySubmitter:
		f.Submitter = value
	case keyAssignee, keyClaimant:
		return q.takePerson(key, value)
	case keyPack:
		f.Pack = value
	case keyRule:
		f.Rule = value
	case keyCause:
		f.Cause = value
	case keyOverdue:
		f.OverdueAt = now
		return value == "1"
	case keyMin, keyMax:
		return q.takeSize(key, value)
	case keyNewer, keyOlder:
		return q.takeAge(key, value, now)
	}
	return true
}

// takePerson reads who works on a case, where the view does not say that already.
func (q *queueQuery) takePerson(key, value string) bool {
	if q.View == viewMine {
		return false
	}
	if key == keyAssignee {
		q.Filter.Assignee = value
	} else {
		q.Filter.Claimant = value
	}
	return true
}

// takeState narrows the states of the view.
func (q *queueQuery) takeState(state pipeline.State) bool {
	if !slices.Contains(q.states(), state) {
		return false
	}
	f := &q.Filter
	if len(q.Values[keyState]) > 0 {
		f.States = append(f.States, state)
		return true
	}
	f.States = []pipeline.State{state}
	return true
}

// takeSize reads a number of parameters, as in 7B or 10,000,000,000.
func (q *queueQuery) takeSize(key, value string) bool {
	n, ok := review.NamedBound(value)
	if !ok {
		return false
	}
	if key == keyMin {
		q.Filter.MinParams = &n
	} else {
		q.Filter.MaxParams = &n
	}
	return true
}

// takeAge reads a number of days.
func (q *queueQuery) takeAge(key, value string, now time.Time) bool {
	days, err := strconv.Atoi(value)
	if err != nil || days < 1 || days > mostDays {
		return false
	}
	at := now.Add(-time.Duration(days) * 24 * time.Hour)
	if key == keyNewer {
		q.Filter.CreatedFrom = at
	} else {
		q.Filter.CreatedBefore = at
	}
	return true
}

// verdicts are the verdicts, the gravest first.
var verdicts = [...]pipeline.Verdict{pipeline.VerdictBlock, pipeline.VerdictInconclusive, pipeline.VerdictReview, pipeline.VerdictClear}

// href returns the address with some values changed: pairs of a key and a value, "" to
// leave the key out. It always begins at the first page, unless a cursor is among them.
func (q queueQuery) href(pairs ...string) string {
	values := url.Values{}
	for key, v := range q.Values {
		values[key] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		} else {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return "/queue"
	}
	return "/queue?" + values.Encode()
}

// without returns the address without one value of a key.
func (q queueQuery) without(key, value string) string {
	values := url.Values{}
	for k, v := range q.Values {
		for _, one := range v {
			if k != key || one != value {
				values.Add(k, one)
			}
		}
	}
	if len(values) == 0 {
		return "/queue"
	}
	return "/queue?" + values.Encode()
}

// chip is one filter that is on.
type chip struct{ Label, Value, Without string }

// chips lists the filters that are on.
func (q queueQuery) chips(w *Words) []chip {
	var out []chip
	for _, key := range chipKeys {
		for _, value := range q.Values[key] {
			c := chip{Label: w.T("filter." + key), Value: value, Without: q.without(key, value)}
			switch key {
			case keyState, keyVerdict:
				c.Value = w.Word(key, value)
			case keyOverdue:
				c.Label, c.Value = w.T("filter.overdue"), w.T("filter.yes")
			case keyMin, keyMax:
				if n, ok := review.NamedBound(value); ok {
					c.Value = w.write(n)
				}
			case keyNewer, keyOlder:
				if days, err := strconv.Atoi(value); err == nil {
					c.Value = w.T("time.days", days)
				}
			}
			out = append(out, c)
		}
	}
	return out
}

// filtered reports whether a filter beside the view is on.
func (q queueQuery) filtered() bool {
	return slices.ContainsFunc(chipKeys[:], func(key string) bool { return q.Values.Has(key) })
}

// One returns the first value of a key, for a field of the form.
func (q queueQuery) One(key string) string { return q.Values.Get(key) }

// On reports whether a value of a key is on.
func (q queueQuery) On(key string, value any) bool {
	return slices.Contains(q.Values[key], fmt.Sprint(value))
}
