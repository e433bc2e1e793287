package weight

import (
	"cmp"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostStacks bounds the stacks of layers that are reported, mostRuns the runs of all.
	mostStacks = 64
	mostRuns   = 2048
	// mostStacksSeen and mostCells bound the stacks and the layers that are counted
	// before the heaviest are chosen: names are the publisher's.
	mostStacksSeen = 4096
	mostCells      = 1 << 17
	// mostStackName bounds the name of a stack, in bytes.
	mostStackName = 256
)

// layerWeights counts parameters by layer. A tensor lies in the layer that the first
// numbered block of its name tells, see layerOf. Stacks of different names, and those of
// different sets of files, are kept apart: encoder and decoder, tower and model, copies.
type layerWeights struct {
	stacks map[stackKey]int32
	at     map[cellKey]int32
	// keys and parameters are those of each cell. Cell 0 stands for no layer, and what
	// it holds means nothing: what lies in no layer is what the others leave.
	keys       []cellKey
	parameters []uint64

	// last is where the name before ended its layer: most names lie in the same.
	last struct {
		set    int32
		name   string
		prefix int
		cell   int32
	}
}

type stackKey struct {
	set  int32
	name string
}

type cellKey struct{ stack, layer int32 }

func newLayerWeights() layerWeights {
	return layerWeights{stacks: map[stackKey]int32{}, at: map[cellKey]int32{}, keys: []cellKey{{-1, -1}}, parameters: []uint64{0}}
}

// add counts parameters of a tensor and returns the cell that they are counted in.
func (l *layerWeights) add(set int32, name string, parameters uint64) (cell int32) {
	if parameters == 0 {
		return 0
	}
	p := &l.last
	if p.prefix == 0 || p.set != set || len(name) < p.prefix || name[:p.prefix] != p.name[:p.prefix] || len(name) > p.prefix && !parted(name[p.prefix]) {
		stack, layer, end := layerOf(name)
		if end == 0 {
			return 0
		}
		p.set, p.name, p.prefix, p.cell = set, name, end, l.cell(stackKey{set, name[:stack]}, layer)
	}
	l.parameters[p.cell] += parameters
	return p.cell
}

// take takes off what was counted before.
func (l *layerWeights) take(cell int32, parameters uint64) { l.parameters[cell] -= parameters }

// cell returns the cell of a layer, 0 where there is no room for it.
func (l *layerWeights) cell(stack stackKey, layer int32) int32 {
	n, ok := l.stacks[stack]
	if !ok {
		if len(l.stacks) == mostStacksSeen || len(stack.name) > mostStackName {
			return 0
		}
		n = int32(len(l.stacks))
		l.stacks[stack] = n
	}
	key := cellKey{n, layer}
	cell, ok := l.at[key]
	if !ok {
		if len(l.keys) == mostCells {
			return 0
		}
		cell = int32(len(l.keys))
		l.at[key] = cell
		l.keys, l.parameters = append(l.keys, key), append(l.parameters, 0)
	}
	return cell
}

// blockWords are what the last word before the number of a layer is, in the names of
// transformers, diffusion models and state-space models, and of those that follow them.
var blockWords = map[string]bool{"layer": true, "layers": true, "block": true, "blocks": true, "blk": true, "h": true, "encoderblock": true, "resblocks": true}

// layerOf finds the first numbered block of a name: "model.layers.3.mlp.up_proj.weight"
// lies in layer 3 of the stack "model.layers". stack is where the stack's name ends, end
// where the number does. end is 0 where there is none, or one that no model has.
//
// Words are parted by dots, slashes (TensorFlow, Flax) or underscores (Flax, and the
// adapters of kohya).
func layerOf(name string) (stack int, layer int32, end int) {
	word := 0 // where the word before begins
	for i := 0; i < len(name); {
		start := i
		for i < len(name) && !parted(name[i]) {
			i++
		}
		if start > 0 && start < i && name[start]-'0' <= 9 && blockWords[name[word:start-1]] {
			if n, ok := number(name[start:i]); ok {
				return start - 1, n, i
			} else if n < 0 {
				return 0, 0, 0
			}
		}
		word = start
		i++
	}
	return 0, 0, 0
}

// parted tells whether a byte parts the words of a name.
func parted(b byte) bool { return b == '.' || b == '/' || b == '_' }

// number reads the number of a layer. Where text is a number that no layer has it
// returns -1, where it is none 0; ok is false for both.
func number(text string) (n int32, ok bool) {
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return 0, false
		}
		if n = n*10 + int32(text[i]-'0'); n >= mostLayers {
			n = mostLayers
		}
	}
	if n >= mostLayers {
		return -1, false
	}
	return n, true
}

// stack is the layers below one name.
type stack struct {
	key        stackKey
	parameters uint64
	runs       []pipeline.LayerRun
}

// byLayer returns the parameters by layer; they sum to estimate.
func (s *scale) byLayer(estimate uint64) []pipeline.LayerRun {
	l := &s.layerWeights
	all := make([]stack, len(l.stacks))
	for key, i := range l.stacks {
		all[i].key = key
	}
	order := make([]int32, 0, len(l.keys))
	for cell := 1; cell < len(l.keys); cell++ {
		if l.parameters[cell] > 0 {
			order = append(order, int32(cell))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(l.keys[a].stack, l.keys[b].stack), cmp.Compare(l.keys[a].layer, l.keys[b].layer))
	})
	for _, cell := range order {
		one := &all[l.keys[cell].stack]
		n, each := int64(l.keys[cell].layer), int64(l.parameters[cell])
		one.parameters += l.parameters[cell]
		if k := len(one.runs) - 1; k >= 0 && one.runs[k].Last == n-1 && one.runs[k].Each == each {
			one.runs[k].Last = n
			continue
		}
		one.runs = append(one.runs, pipeline.LayerRun{First: n, Last: n, Each: each})
	}
	slices.SortFunc(all, func(a, b stack) int {
		return cmp.Or(cmp.Compare(b.parameters, a.parameters), cmp.Compare(a.key.set, b.key.set), strings.Compare(a.key.name, b.key.name))
	})
	out, rest, stacks := []pipeline.LayerRun{}, estimate, 0
	for _, one := range all {
		if len(one.runs) == 0 || stacks == mostStacks || len(out)+len(one.runs) > mostRuns {
			continue
		}
		stacks++
		rest -= one.parameters
		// The names of tensors live for the run, and a report lives longer.
		set, name := memberOf(s.readings.Tables[slices.Index(s.setOf, one.key.set)].Object).set, strings.Clone(one.key.name)
		for _, run := range one.runs {
			run.Set, run.Stack = set, name
			out = append(out, run)
		}
	}
	if rest > 0 {
		out = append(out, pipeline.LayerRun{Each: int64(rest)})
	}
	return out
}
