package webui

import (
	"math"
	"strconv"

	"weighbridge/pipeline"
)

const (
	// mostLayerStacks and mostLayers bound what is drawn by layer: the stacks, and the
	// layers of each.
	mostLayerStacks = 12
	mostLayers      = 512
	// layersHeight is the height of the tallest layer, in pixels; layersWidth the width of
	// all, in units of the drawing.
	layersHeight = 90
	layersWidth  = 1000
)

// layersView is the weight of each layer, the heaviest stack first.
type layersView struct {
	Stacks []layerStack
	// More counts the stacks without room, Rest is what lies outside of all.
	More int
	Rest int64
}

// layerStack is the layers below one name.
type layerStack struct {
	// Set is the set of files that it lies in, "" where all lie in one.
	Name, Set string
	Layers    int64
	// Least and Most are the smallest and the largest layer.
	Least, Most int64
	Runs        []pipeline.LayerRun
	// Bars are nil where there is one layer, or more than a drawing has room for.
	Bars          []layerBar
	Height, Width int
}

type layerBar struct {
	Layer         int64
	Count         int64
	X, Y, W, High string
}

// layersOf draws the runs of layers of a report. It returns nil where they tell of none:
// older reports have no runs.
func layersOf(runs []pipeline.LayerRun) *layersView {
	v, sets := &layersView{}, false
	for _, r := range runs {
		if r.Stack == "" {
			v.Rest += r.Each
			continue
		}
		sets = sets || r.Set != runs[0].Set
		k := len(v.Stacks) - 1
		if k < 0 || v.Stacks[k].Name != r.Stack || v.Stacks[k].Set != r.Set {
			v.Stacks = append(v.Stacks, layerStack{Name: r.Stack, Set: r.Set, Least: math.MaxInt64, Height: layersHeight + 20, Width: layersWidth})
			k++
		}
		s := &v.Stacks[k]
		s.Runs = append(s.Runs, r)
		s.Layers += r.Last - r.First + 1
		s.Least, s.Most = min(s.Least, r.Each), max(s.Most, r.Each)
	}
	if len(v.Stacks) == 0 {
		return nil
	}
	v.More = max(0, len(v.Stacks)-mostLayerStacks)
	v.Stacks = v.Stacks[:len(v.Stacks)-v.More]
	for i := range v.Stacks {
		v.Stacks[i].draw()
		if !sets {
			v.Stacks[i].Set = ""
		}
	}
	return v
}

// draw draws the layers by their numbers: where some are missing there is a gap.
func (s *layerStack) draw() {
	first := s.Runs[0].First
	n := s.Runs[len(s.Runs)-1].Last - first + 1
	if n < 2 || n > mostLayers {
		return
	}
	step := float64(layersWidth) / float64(n)
	for _, r := range s.Runs {
		high := layersHeight * float64(r.Each) / float64(s.Most)
		for layer := r.First; layer <= r.Last; layer++ {
			s.Bars = append(s.Bars, layerBar{Layer: layer, Count: r.Each, X: place(step * float64(layer-first)), Y: place(layersHeight - high), W: place(max(step*0.82, 0.5)), High: place(high)})
		}
	}
}

// place writes a length for an attribute.
func place(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
