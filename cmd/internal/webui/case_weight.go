package webui

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// The drawing of the weight: places are in per cent of the width, so that text keeps its
// size on a narrow screen; heights are in pixels.
const (
	// weightMargin keeps the labels of the axis inside, in per cent.
	weightMargin = 4.0
	// textStep is the height of one line of text, lineGap what is between the labels of two
	// lines of rules, rowStep the height of one interval.
	textStep = 16
	lineGap  = 4
	rowStep  = 52
	// labelWide is how many signs fit into a line of a label at the narrowest width.
	labelWide = 26
	// mostWeightLines bounds the lines that are drawn.
	mostWeightLines = 6
	// linearFloor is where a linear axis begins.
	linearFloor = 0
)

// weightView is the weight of a case, drawn and in numbers.
type weightView struct {
	// Known is false where there is no interval to draw.
	Known bool
	// Linear is true for an axis from zero; else it is logarithmic.
	Linear bool
	Height int
	AxisY  int
	Ticks  []weightTick
	Lines  []weightLine
	Rows   []weightRow
	// Places lists in words where each interval lies, seen from each line.
	Places []weightPlace
	// Components and DTypes are shares of the estimate, the largest first.
	Components, DTypes []shareRow
	Sets               []setRow
	// MoreSets counts the sets without room.
	MoreSets int
	Widened  []pipeline.Widening
	Aside    []pipeline.Aside
	// Contradictions are what the artifact states of its weight, its packing and its files
	// and does not show.
	Contradictions []string
	Params         pipeline.Params
	Scheme         string
	Bits           *int64
	// Adapter is true where the weight is that of an adapter; Base names its base.
	Adapter     bool
	AdapterKind string
	Base        string
	Layers      *layersView
}

type weightTick struct{ X, Label string }

// weightLine is a line that rules draw, from Y down to the axis.
type weightLine struct {
	X, Anchor, TextX string
	Y                int
	Label            []labelLine
}

// labelLine is one line of text of a label.
type labelLine struct {
	Y    int
	Text string
}

// labelOf names a line of rules on at most two lines of text.
func labelOf(l app.WeightLine) []string {
	out := []string{rounded(l.At) + " ·"}
	for i, rule := range l.Rules {
		if name := []rune(report.Shown(rule, 200)); len(name) > labelWide-8 {
			rule = string(name[:labelWide-9]) + "…"
		}
		rest := len(l.Rules) - i
		if i < len(l.Rules)-1 {
			rule += ","
		}
		last := &out[len(out)-1]
		wide := utf8.RuneCountInString(*last) + 1 + utf8.RuneCountInString(rule)
		switch {
		case len(out) == 1 && wide > labelWide:
			out = append(out, rule)
		case len(out) == 2 && (wide > labelWide || rest > 1 && wide+len(" +99") > labelWide):
			*last += " +" + strconv.Itoa(rest)
			return out
		default:
			*last += " " + rule
		}
	}
	return out
}

// weightRow is one interval.
type weightRow struct {
	// Whose is "own", "adapter" or "base".
	Whose                     string
	Y, LabelY                 int
	From, To, Width, Estimate string
	Lower, Most, Upper        *int64
}

// weightPlace says on which side of a line an interval lies: "above", "below" or "across".
type weightPlace struct {
	Whose, Side string
	At          int64
	Rules       string
}

// shareRow is a part of a whole.
type shareRow struct {
	Name  string
	Count int64
	Share string
	// Bar is the share in per cent, for an attribute.
	Bar string
}

type setRow struct {
	pipeline.WeightSet
	Bar string
}

// mostSets and mostRows bound what the page lists of the weight.
const (
	mostSets = 12
	mostRows = 40
)

// weightOf draws the weight of a report against the lines of its rules.
func weightOf(r *pipeline.Report, lines []app.WeightLine, linear bool) weightView {
	f := r.Facts
	v := weightView{Linear: linear, Params: f.Params, Bits: f.Quantization.Bits, Adapter: f.Adapter != nil}
	v.Scheme = textOf(f.Quantization.Scheme)
	if f.Adapter != nil {
		v.AdapterKind, v.Base = textOf(f.Adapter.Kind), textOf(f.Adapter.Base)
	}
	v.Components, v.DTypes, v.Layers = sharesOf(f.Params.ByComponent), sharesOf(f.Params.ByDType), layersOf(f.Params.ByLayer)
	var largest int64
	for _, s := range f.Params.Sets {
		largest = max(largest, s.Estimate)
	}
	for _, s := range f.Params.Sets[:min(len(f.Params.Sets), mostSets)] {
		v.Sets = append(v.Sets, setRow{s, per(float64(s.Estimate), float64(largest))})
	}
	v.MoreSets = max(0, len(f.Params.Sets)-mostSets)
	v.Widened = f.Params.WidenedBy[:min(len(f.Params.WidenedBy), mostRows)]
	v.Aside = f.Params.SetAside[:min(len(f.Params.SetAside), mostRows)]
	v.Contradictions = slices.Concat(f.Params.Contradictions, f.Quantization.Contradictions, f.Index.Problems)
	v.Contradictions = v.Contradictions[:min(len(v.Contradictions), mostRows)]
	v.draw(spansOf(f), lines)
	return v
}

// weightSpan is an interval that is known.
type weightSpan struct {
	whose                  string
	lower, estimate, upper *int64
}

func spansOf(f pipeline.Facts) []weightSpan {
	p := f.Params
	all := []weightSpan{{"own", p.Lower, p.Estimate, p.Upper}}
	if f.Adapter != nil {
		all[0].whose = "adapter"
		all = append(all, weightSpan{"base", p.EffectiveLower, p.EffectiveEstimate, p.EffectiveUpper})
	}
	return slices.DeleteFunc(all, func(s weightSpan) bool { return s.lower == nil || s.estimate == nil || *s.lower < 0 || *s.estimate < 0 })
}

func (v *weightView) draw(spans []weightSpan, lines []app.WeightLine) {
	if v.Known = len(spans) > 0; !v.Known {
		return
	}
	lines = lines[:min(len(lines), mostWeightLines)]
	at := v.axis(spans, lines)
	top := 0
	for _, l := range lines {
		// The label stands above the beginning of its line, on the side where there is room.
		x := at(l.At)
		one := weightLine{X: perCent(x), Anchor: "middle", TextX: "0"}
		switch {
		case x < 100.0/3:
			one.Anchor, one.TextX = "start", "-4"
		case x > 200.0/3:
			one.Anchor, one.TextX = "end", "4"
		}
		for _, text := range labelOf(l) {
			top += textStep
			one.Label = append(one.Label, labelLine{top - 4, text})
		}
		one.Y = top
		top += lineGap
		v.Lines = append(v.Lines, one)
	}
	top += 8
	for i, s := range spans {
		y := top + i*rowStep + 34
		row := weightRow{Whose: s.whose, Y: y, LabelY: y - 16, From: perCent(at(*s.lower)), Estimate: perCent(at(*s.estimate)), Lower: s.lower, Most: s.estimate, Upper: s.upper}
		to := 100.0
		if s.upper != nil {
			to = at(*s.upper)
			row.To = perCent(to)
		}
		row.Width = perCent(max(to-at(*s.lower), 0))
		v.Rows = append(v.Rows, row)
		for _, l := range lines {
			v.Places = append(v.Places, weightPlace{Whose: s.whose, Side: sideOf(s, l.At), At: l.At, Rules: strings.Join(l.Rules, ", ")})
		}
	}
	v.AxisY = top + len(spans)*rowStep + 6
	v.Height = v.AxisY + 28
}

// sideOf tells where an interval lies, seen from a line.
func sideOf(s weightSpan, line int64) string {
	switch {
	case *s.lower > line:
		return "above"
	case s.upper != nil && *s.upper <= line:
		return "below"
	}
	return "across"
}

// axis chooses the ends of the axis, writes its ticks and returns where a count stands on
// it, in per cent.
func (v *weightView) axis(spans []weightSpan, lines []app.WeightLine) func(int64) float64 {
	least, most := int64(math.MaxInt64), int64(1)
	take := func(n *int64) {
		if n != nil && *n > 0 {
			least, most = min(least, *n), max(most, *n)
		}
	}
	for _, s := range spans {
		take(s.lower)
		take(s.estimate)
		take(s.upper)
	}
	for _, l := range lines {
		take(&l.At)
	}
	least = min(least, most)
	span := 100 - 2*weightMargin
	if v.Linear {
		top := niceTop(float64(most))
		at := func(n int64) float64 { return weightMargin + span*(float64(n)-linearFloor)/(top-linearFloor) }
		for i := range 5 {
			n := int64(top / 4 * float64(i))
			v.Ticks = append(v.Ticks, weightTick{perCent(at(n)), short(n)})
		}
		return at
	}
	// Nothing stands at the very end, where there is no room for its label.
	low, high := math.Floor(math.Log10(0.6*float64(least))), math.Ceil(math.Log10(1.2*float64(most)))
	low = max(low, 0)
	if high-low < 1 {
		high = low + 1
	}
	at := func(n int64) float64 {
		if n < 1 {
			return weightMargin
		}
		return weightMargin + span*(math.Log10(float64(n))-low)/(high-low)
	}
	step := max(1, int(math.Ceil((high-low)/6)))
	for d := int(low); d <= int(high) && d <= 18; d += step {
		n := int64(math.Pow10(d))
		v.Ticks = append(v.Ticks, weightTick{perCent(at(n)), short(n)})
	}
	return at
}

// niceTop is the end of a linear axis: the next of 1, 2, 2.5, 4, 5, 8 and 10 times a power
// of ten.
func niceTop(most float64) float64 {
	unit := math.Pow10(int(math.Floor(math.Log10(most))))
	for _, k := range []float64{1, 2, 2.5, 4, 5, 8} {
		if k*unit >= most*1.04 {
			return k * unit
		}
	}
	return 10 * unit * math.Ceil(most*1.04/(10*unit))
}

// short writes a count for an axis: 10B.
func short(n int64) string {
	for _, unit := range []struct {
		from float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if float64(n) >= unit.from {
			return strconv.FormatFloat(float64(n)/unit.from, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// rounded writes the count of a line of rules for its label: 10B.
func rounded(n int64) string {
	digits := max(0, len(strconv.FormatInt(n, 10))-4)
	unit := math.Pow10(digits)
	return short(int64(math.Round(float64(n)/unit) * unit))
}

func sharesOf(parts map[string]int64) []shareRow {
	var whole int64
	for _, n := range parts {
		whole += n
	}
	var out []shareRow
	for name, n := range parts {
		out = append(out, shareRow{Name: name, Count: n, Share: report.Share(n, whole), Bar: per(float64(n), float64(whole))})
	}
	slices.SortFunc(out, func(a, b shareRow) int { return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name)) })
	return out[:min(len(out), mostRows)]
}

// perCent writes a place for an attribute.
func perCent(v float64) string {
	return strconv.FormatFloat(min(max(v, 0), 100), 'f', 2, 64) + "%"
}

// per writes a part of a whole for an attribute.
func per(part, whole float64) string {
	if part <= 0 || whole <= 0 {
		return "0%"
	}
	return perCent(100 * part / whole)
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
