package webui

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"weighbridge/pipeline"
)

func (s *Site) overviewRoutes() []route {
	return []route{{"GET /overview", s.showOverview}}
}

// overviewDays are the spans that can be looked at, in days.
var overviewDays = [...]int{7, 30, 90}

// mostAged is how far the cases of an age are counted.
const mostAged = 100_000

// overviewView is the page of what comes in and what is decided.
type overviewView struct {
	Days  int
	Spans []spanLink
	// Undecided, Overdue and Waiting count cases now; Opened and Decided those of the span.
	Undecided, Overdue, Waiting, Opened, Decided int64
	Flow                                         flowChart
	Ages                                         []bar
	Verdicts                                     []bar
	States                                       []stateLine
	ShownVerdicts                                []pipeline.Verdict
}

type spanLink struct {
	Days    int
	Current bool
}

// stateLine is one state with its cases by verdict, in the order of [verdicts].
type stateLine struct {
	State  pipeline.State
	Counts []int64
	Sum    int64
}

// bar is one line of a chart: Width is in per cent of the longest.
type bar struct {
	// Key names the label's message, Kind the style.
	Key, Kind string
	N         int64
	Width     string
	// Href leads to the cases.
	Href string
}

// settling are the events by which a case is decided.
var settling = [...]pipeline.EventKind{pipeline.EventApproved, pipeline.EventRejected, pipeline.EventChangesRequested}

// opening are the events by which a case comes to people.
var opening = [...]pipeline.EventKind{pipeline.EventOpened, pipeline.EventReopened}

func (s *Site) showOverview(w http.ResponseWriter, r *http.Request) error {
	v := overviewView{Days: overviewDays[1], ShownVerdicts: verdicts[:]}
	if days, err := strconv.Atoi(r.URL.Query().Get("days")); err == nil {
		for _, one := range overviewDays {
			if one == days {
				v.Days = days
			}
		}
	}
	for _, days := range overviewDays {
		v.Spans = append(v.Spans, spanLink{Days: days, Current: days == v.Days})
	}
	ctx := r.Context()
	if err := s.countNow(ctx, &v); err != nil {
		return err
	}
	if err := s.countAges(ctx, &v); err != nil {
		return err
	}
	if err := s.countDays(ctx, &v); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "overview", v)
}

// countNow counts cases by state and verdict.
func (s *Site) countNow(ctx context.Context, v *overviewView) error {
	counts, err := s.service.Queue.DB.Counts(ctx)
	if err != nil {
		return err
	}
	undecided := map[pipeline.Verdict]int64{}
	for _, state := range pipeline.States() {
		line := stateLine{State: state}
		for _, verdict := range verdicts {
			n := counts[state][verdict]
			line.Counts = append(line.Counts, n)
			line.Sum += n
			if state.Undecided() {
				undecided[verdict] += n
				v.Undecided += n
			}
		}
		if state == pipeline.StateChangesRequested {
			v.Waiting = line.Sum
		}
		v.States = append(v.States, line)
	}
	for _, verdict := range verdicts {
		if verdict == pipeline.VerdictClear {
			continue
		}
		v.Verdicts = append(v.Verdicts, bar{Key: "verdict." + string(verdict), Kind: "v-" + string(verdict), N: undecided[verdict],
			Href: "/queue?view=undecided&verdict=" + string(verdict)})
	}
	scaleBars(v.Verdicts)
	v.Overdue, err = s.service.Queue.DB.CountCases(ctx, pipeline.CaseFilter{OverdueAt: s.now()}, mostAged)
	return err
}

// countAges counts undecided cases by age.
func (s *Site) countAges(ctx context.Context, v *overviewView) error {
	const day = 24 * time.Hour
	for _, age := range []struct {
		key        string
		from, upTo int // days; 0 is no bound
	}{{"age.day", 0, 1}, {"age.week", 1, 7}, {"age.month", 7, 30}, {"age.older", 30, 0}} {
		f := pipeline.CaseFilter{States: undecidedStates()}
		href := "/queue?view=undecided"
		if age.from > 0 {
			f.CreatedBefore = s.now().Add(-time.Duration(age.from) * day)
			href += "&older=" + strconv.Itoa(age.from)
		}
		if age.upTo > 0 {
			f.CreatedFrom = s.now().Add(-time.Duration(age.upTo) * day)
			href += "&newer=" + strconv.Itoa(age.upTo)
		}
		n, err := s.service.Queue.DB.CountCases(ctx, f, mostAged)
		if err != nil {
			return err
		}
		v.Ages = append(v.Ages, bar{Key: age.key, Kind: "first", N: n, Href: href})
	}
	scaleBars(v.Ages)
	return nil
}

func scaleBars(bars []bar) {
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.N)
	}
	for i, b := range bars {
		bars[i].Width = share(100 * float64(b.N) / float64(most))
	}
}

// countDays counts what came and what was decided on each day, in UTC as the log has it.
func (s *Site) countDays(ctx context.Context, v *overviewView) error {
	last := s.now().UTC()
	first := last.AddDate(0, 0, 1-v.Days)
	events, err := s.service.Queue.DB.Days(ctx, first.Format(time.DateOnly), last.Format(time.DateOnly))
	if err != nil {
		return err
	}
	days := make([]flowDay, v.Days)
	at := map[string]int{}
	for i := range days {
		days[i].Day = first.AddDate(0, 0, i)
		at[days[i].Day.Format(time.DateOnly)] = i
	}
	for _, e := range events {
		i, ok := at[e.Day]
		if !ok {
			continue
		}
		for _, kind := range opening {
			if e.Kind == kind {
				days[i].Opened += e.Count
				v.Opened += e.Count
			}
		}
		for _, kind := range settling {
			if e.Kind == kind {
				days[i].Decided += e.Count
				v.Decided += e.Count
			}
		}
	}
	v.Flow = drawFlow(days)
	return nil
}

// flowDay is what came and what was decided on one day.
type flowDay struct {
	Day             time.Time
	Opened, Decided int64
}

// flowChart draws days as pairs of bars. Places and widths from left to right are in per
// cent, so that texts keep their size on a narrow screen; heights are in pixels.
type flowChart struct {
	Height int
	Days   []flowBars
	Lines  []flowLine
	// Left is where the bars begin, LabelY where the labels of days stand.
	Left   string
	LabelY int
}

// flowBars are the two bars of a day.
type flowBars struct {
	flowDay
	OpenedX, DecidedX, BarW string
	OpenedY, OpenedH        float64
	DecidedY, DecidedH      float64
	// LabelX is where the day's label stands, "" where it has none, and Anchor which part
	// of it.
	LabelX, Anchor string
}

// flowLine is a line of the scale.
type flowLine struct {
	Y float64
	N int64
}

// The parts of the chart.
const (
	flowHeight = 220
	flowLeft   = 7.0
	flowTop    = 12
	flowBase   = 190
	flowLabels = 4
)

func drawFlow(days []flowDay) flowChart {
	c := flowChart{Height: flowHeight, Left: share(flowLeft), LabelY: flowBase + 20}
	most := int64(1)
	for _, d := range days {
		most = max(most, d.Opened, d.Decided)
	}
	step := niceStep(most)
	top := (most + step - 1) / step * step
	height := func(n int64) float64 { return math.Round(100*float64(n)/float64(top)*(flowBase-flowTop)) / 100 }
	for n := int64(0); n <= top; n += step {
		c.Lines = append(c.Lines, flowLine{Y: flowBase - height(n), N: n})
	}
	slot := (100 - flowLeft) / float64(len(days))
	width := min(slot*.38, 3)
	every := (len(days) + flowLabels - 1) / flowLabels
	for i, d := range days {
		middle := flowLeft + (float64(i)+.5)*slot
		one := flowBars{flowDay: d, BarW: share(width), OpenedX: share(middle - width), DecidedX: share(middle),
			OpenedH: height(d.Opened), OpenedY: flowBase - height(d.Opened), DecidedH: height(d.Decided), DecidedY: flowBase - height(d.Decided)}
		if last := len(days) - 1; (last-i)%every == 0 {
			one.LabelX, one.Anchor = share(middle), "middle"
			if i == last {
				one.LabelX, one.Anchor = "100%", "end"
			}
		}
		c.Days = append(c.Days, one)
	}
	return c
}

// share writes a place in per cent.
func share(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

// niceStep is the distance between lines: 1, 2 or 5 times a power of ten, four lines or so.
func niceStep(most int64) int64 {
	step := int64(1)
	for _, factor := range []int64{2, 5, 10} {
		if most <= 4*step {
			return step
		}
		step = factor
	}
	for scale := int64(10); ; scale *= 10 {
		for _, factor := range []int64{1, 2, 5} {
			if most <= 4*factor*scale || scale > math.MaxInt64/100 {
				return factor * scale
			}
		}
	}
}
