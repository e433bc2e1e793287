package report

import (
	"math"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// scale draws intervals of parameters over a logarithmic axis. Places are in per cent of
// the width, so that text keeps its size on a narrow screen; heights are in pixels.
type scale struct {
	// Title and Told say in words what the drawing shows.
	Title, Told string
	Height      int
	AxisY       int
	LabelY      int
	Ticks       []tick
	// Threshold is the place of the line, and LineAnchor which end of its label is there.
	Threshold, LineAnchor, LineLabel string
	Rows                             []scaleRow
}

type tick struct{ X, Label string }

type scaleRow struct {
	Label  string
	LabelY int
	Y      int
	// From and Width are the interval, Estimate the most likely count; all are "" where
	// they are not known.
	From, To, Width, Estimate string
}

// weightLine is the count at which the scenario of the pack seed-article draws its line.
const weightLine = 10_000_000_000

const (
	scaleTop  = 34
	scaleStep = 46
	// The axis keeps a margin on both sides, for labels; in per cent.
	scaleMargin = 5.0
)

// span is an interval with its name.
type span struct {
	label                  string
	lower, estimate, upper *int64
}

// scaleOf draws the weight of the artifact and, for an adapter, the one with its base. It
// is nil where nothing is known that could be drawn.
func scaleOf(f pipeline.Facts) *scale {
	p := f.Params
	spans := []span{{"", p.Lower, p.Estimate, p.Upper}}
	if f.Adapter != nil {
		spans[0].label = "in these bytes"
		spans = append(spans, span{"with its base", p.EffectiveLower, p.EffectiveEstimate, p.EffectiveUpper})
	}
	low, high := 9.0, 11.0
	var drawn []span
	for _, s := range spans {
		if s.lower == nil || s.estimate == nil || max(*s.lower, *s.estimate) < 0 {
			continue
		}
		drawn = append(drawn, s)
		for _, n := range []*int64{s.lower, s.estimate, s.upper} {
			if n != nil && *n > 0 {
				low = min(low, math.Floor(math.Log10(float64(*n))))
				high = max(high, math.Ceil(math.Log10(float64(*n))))
			}
		}
	}
	if len(drawn) == 0 {
		return nil
	}
	at := func(n int64) float64 {
		if n < 1 {
			return scaleMargin
		}
		return scaleMargin + (100-2*scaleMargin)*(math.Log10(float64(n))-low)/(high-low)
	}
	s := &scale{Title: "The weight over a logarithmic scale", Threshold: percent(at(weightLine)), LineAnchor: "start", LineLabel: "10 billion"}
	if at(weightLine) > 70 {
		s.LineAnchor = "end"
	}
	var told []string
	for i, one := range drawn {
		y := scaleTop + i*scaleStep + 22
		row := scaleRow{Label: one.label, LabelY: y - 14, Y: y, From: percent(at(*one.lower)), Estimate: percent(at(*one.estimate))}
		to := 100.0
		if one.upper != nil {
			to = at(*one.upper)
			row.To = percent(to)
		}
		row.Width = percent(max(to-at(*one.lower), 0))
		s.Rows = append(s.Rows, row)
		told = append(told, strings.TrimSpace(one.label+" "+against(one)))
	}
	s.Told = capital(strings.Join(told, "; ")) + "."
	s.AxisY = scaleTop + len(drawn)*scaleStep
	s.LabelY = s.AxisY + 20
	s.Height = s.AxisY + 30
	step := max(1, int(math.Ceil((high-low)/6)))
	for d := int(low); d <= int(high); d += step {
		s.Ticks = append(s.Ticks, tick{percent(at(int64(math.Pow10(min(d, 18))))), decade(d)})
	}
	return s
}

// against says where an interval lies, seen from the line.
func against(s span) string {
	text := weight(pipeline.Params{Lower: s.lower, Estimate: s.estimate, Upper: s.upper})
	switch {
	case *s.lower > weightLine:
		return text + ", all of it above ten billion"
	case s.upper == nil || *s.upper > weightLine:
		return text + "; the line at ten billion lies within"
	}
	return text + ", none of it above ten billion"
}

// decade is a short label for a power of ten.
func decade(d int) string {
	names := []string{"", "k", "M", "B", "T"}
	group := min(d/3, len(names)-1)
	n := d - 3*group
	if n > 3 {
		return "1e" + strconv.Itoa(d)
	}
	return strconv.Itoa(int(math.Pow10(n))) + names[group]
}

// rounded is a count in the words that people use for it.
func rounded(n int64) string {
	for _, unit := range []struct {
		from int64
		name string
	}{{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}} {
		if n >= unit.from {
			return strconv.FormatFloat(float64(n)/float64(unit.from), 'f', 1, 64) + " " + unit.name
		}
	}
	return Count(n)
}

// percent writes a place for an attribute.
func percent(v float64) string {
	return strconv.FormatFloat(min(max(v, 0), 100), 'f', 2, 64) + "%"
}

// bar is the width of a part of a whole.
func bar(part, whole int64) string {
	if part <= 0 || whole <= 0 {
		return percent(0)
	}
	return percent(100 * float64(part) / float64(whole))
}

// tree draws from what a model was made: below each model those behind it, set in.
// Lengths are in pixels.
type tree struct {
	Title, Told string
	Height      int
	Nodes       []treeNode
	Left        string
}

type treeNode struct {
	// X and Y are the middle of the mark, TextX where the text begins, TextY and NoteY its
	// two lines.
	X, Y, TextX, TextY, NoteY int
	// Path joins the node to the one above it, "" for the first.
	Path string
	// Data is true for a set of data, which has another mark.
	Data bool
	// Name is cut where it is long: the tables have it whole.
	Name, Note string
}

// origin is something that a model was made from.
type origin struct {
	name, note string
	data       bool
}

const (
	treeStep   = 46
	treeIndent = 26
	treeLeft   = 14
	// mostNodes, mostDepth and mostNodeName bound a drawing; the last is in characters.
	mostNodes    = 40
	mostDepth    = 6
	mostNodeName = 40
)

// treeOf draws a model and what is behind it. behind holds that by the name of the model
// which was made from it; a name that comes up again is drawn once.
func treeOf(root string, behind map[string][]origin) *tree {
	if len(behind[root]) == 0 {
		return nil
	}
	t := &tree{Title: "From what this model was made", Told: "Circles are models, squares are sets of data; what a model was made from stands below it, set in. The tables say the same."}
	seen := map[string]bool{root: true}
	left := false
	var add func(o origin, depth, parent int)
	add = func(o origin, depth, parent int) {
		if len(t.Nodes) == mostNodes {
			left = true
			return
		}
		x, y := treeLeft+treeIndent*min(depth, mostDepth), 20+len(t.Nodes)*treeStep
		n := treeNode{X: x, Y: y, TextX: x + 16, TextY: y + 1, NoteY: y + 18, Data: o.data, Name: clip(o.name), Note: clip(o.note)}
		if n.Note == "" {
			n.TextY += 4
		}
		if parent >= 0 {
			above := t.Nodes[parent]
			n.Path = "M" + strconv.Itoa(above.X) + " " + strconv.Itoa(above.Y+9) + "V" + strconv.Itoa(y) + "H" + strconv.Itoa(max(x-9, above.X))
		}
		me := len(t.Nodes)
		t.Nodes = append(t.Nodes, n)
		if o.data {
			return
		}
		for _, next := range behind[o.name] {
			if !next.data && seen[next.name] {
				continue
			}
			seen[next.name] = seen[next.name] || !next.data
			add(next, depth+1, me)
		}
	}
	add(origin{name: root}, 0, -1)
	t.Height = len(t.Nodes)*treeStep + 8
	if left {
		t.Left = "There is more than a drawing has room for: see the tables."
	}
	return t
}

// clip cuts a text to what a drawing has room for.
func clip(s string) string {
	text := []rune(shown(s, mostPageName))
	if len(text) <= mostNodeName {
		return string(text)
	}
	return string(text[:mostNodeName-1]) + "…"
}
