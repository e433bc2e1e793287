package weight

import (
	"math/bits"
	"strings"

	"weighbridge/pipeline"
)

// widths are the sizes that the open shapes of a model show. They tell the bit width
// of a packing where nothing stores it, and whether the sizes that siblings claim fit
// the rest of the model.
//
// Norms and biases are as wide as the streams between layers, so the most common
// width of a one-dimensional tensor is the hidden size, and nearly every matrix has it
// on one side. The other side is shown openly by the matrix that produces or consumes
// it: the outputs of a gate are the inputs of the projection behind it.
type widths struct {
	// hidden is the most common width, 0 where there are no one-dimensional tensors.
	hidden uint64
	// strong is true where the hidden size rests on more than a few tensors.
	strong bool
	known  map[uint64]bool
	// shown counts the matrices that show a side openly; claimed those whose
	// siblings claim that their packed side has this length.
	shown, claimed map[uint64]int
	// least is, for each scheme, the fewest bits of those matrices whose claim the rest
	// of the model proves.
	least map[string]uint64

	// open is true once a matrix left its bits open; voting while votes are taken.
	open, voting bool
	votes        map[string]*ballots

	ones map[uint64]int
}

// leastWidth is the smallest width that says anything.
const leastWidth = 32

func newWidths() *widths {
	return &widths{known: map[uint64]bool{}, shown: map[uint64]int{}, claimed: map[uint64]int{},
		least: map[string]uint64{}, votes: map[string]*ballots{}, ones: map[uint64]int{}}
}

// see notes what a tensor of wide floats shows openly. Tensors that may serve a packing
// show nothing: their shapes are claims.
func (w *widths) see(t pipeline.Tensor) {
	if len(t.Shape) == 0 || len(t.Shape) > 2 || t.Shape[0] < leastWidth {
		return
	}
	if strings.HasSuffix(t.Name, ".weight") || !serving(t.Name) {
		if len(t.Shape) == 1 {
			w.ones[t.Shape[0]]++
			return
		}
		w.shown[t.Shape[0]]++
		w.shown[t.Shape[1]]++
	}
}

// serving reports whether a name is one that a packing's auxiliary tensors have.
func serving(name string) bool {
	_, leaf := split(name)
	return packingLeaves[leaf]
}

// rank finds the hidden size and the other widths that are common enough to be believed: a
// width counts where it occurs an eighth as often as the hidden size, so that a few decoys
// prove nothing.
func (w *widths) rank() {
	most := 0
	for n, count := range w.ones {
		if count > most || (count == most && n > w.hidden) {
			w.hidden, most = n, count
		}
	}
	for n, count := range w.ones {
		if count*8 >= most {
			w.known[n] = true
		}
	}
	w.strong = most >= 4
}

// proves reports whether the rest of the model shows a side: as a width of its norms, or
// openly on other matrices, which must not be few against those that claim it.
func (w *widths) proves(side uint64) bool {
	return w.known[side] || (w.shown[side] > 0 && w.shown[side]*2 >= w.claimed[side])
}

// contradicts reports whether a claimed side looks cut short: the model openly shows
// a multiple of it, or norms of such a width, that no matrix takes up. One open side twice as long for each claim is a
// gate and its value in one matrix, which is how many models store them.
func (w *widths) contradicts(side uint64) bool {
	for _, m := range []uint64{2, 3, 4, 8} {
		s := mul(side, m)
		if w.claimed[s] == 0 && (w.known[s] || (w.shown[s] > 0 && (m != 2 || w.shown[s] > w.claimed[side]))) {
			return true
		}
	}
	return false
}

// show takes in the side of a packed matrix that lies open.
func (w *widths) show(g *packed) {
	if g.other > 0 {
		w.shown[g.other]++
	}
}

// note takes in the side that a matrix's siblings claim.
func (w *widths) note(g *packed) {
	if g.side > 0 {
		w.claimed[g.side]++
	}
}

// vote lets a module whose claim is proven settle the bits of its scheme.
func (w *widths) vote(g *packed) {
	if g.side == 0 || g.bits == 0 || g.loose || !w.proves(g.side) {
		return
	}
	if b := w.least[g.scheme]; b == 0 || g.bits < b {
		w.least[g.scheme] = g.bits
	}
}

// settle holds the claim of a module against the rest of the model. A claim that
// nothing proves stands where the matrices that are proven have as few bits; else they, or
// the bytes, bound it from above.
func (w *widths) settle(g *packed) {
	if g.loose || g.side == 0 || w.proves(g.side) {
		return
	}
	least := w.least[g.scheme]
	switch {
	case w.contradicts(g.side) || least == 0 || g.bits == 0:
		g.adds.upper = max(g.adds.upper, g.capacity())
		g.reason = "the sides that its siblings claim are nowhere else in the model, so each byte may hold eight parameters"
	case g.bits > least:
		g.adds.upper = max(g.adds.upper, mul(g.adds.estimate, g.bits)/least)
		g.reason = "the sides that its siblings claim are nowhere else in the model, and other matrices have fewer bits"
	}
}

// leastColumn is how many elements a column may have whatever its length is.
const leastColumn = 1 << 16

// column reports whether a shape is a long [n,1] or [1,n] of no width that the model has:
// the shape of packed containers.
func (w *widths) column(shape []uint64, elements uint64) bool {
	if len(shape) < 2 || elements <= leastColumn || w.known[elements] {
		return false
	}
	for _, n := range shape {
		if n == elements {
			return true
		}
	}
	return false
}

// whole reports whether a matrix of eight-bit floats that no packing explains is what
// it seems: one parameter a byte. Its inputs must be shown elsewhere, or nothing may speak
// against them where all that is explained has eight bits.
func (w *widths) whole(shape []uint64) bool {
	if len(shape) < 2 {
		return false
	}
	in := shape[len(shape)-1]
	return w.proves(in) || (w.least[scaledFloat.name] == 8 && !w.contradicts(in))
}

// choose weighs a matrix of rows, where siblings leave several bit widths possible.
// length returns the packed side at a bit width, 0 where it does not fit. Sides that
// the model shows decide; where it shows several of them, or only their double (a gate and
// its value in one matrix), the bits that the scheme has elsewhere do.
func (w *widths) choose(scheme string, q *part, candidates []uint64, rows, other uint64, length func(b uint64) uint64) *packed {
	w.open = true
	var fit, direct, double bitsSet
	hidden := uint64(0)
	for _, b := range candidates {
		n := length(b)
		if n == 0 {
			continue
		}
		fit.add(b)
		if n == w.hidden {
			hidden = b
		}
		switch {
		case w.known[n] || w.shown[n] > 0:
			direct.add(b)
		case w.shown[mul(n, 2)] > 0:
			double.add(b)
		}
	}
	if fit == 0 {
		return nil
	}
	w.cast(scheme, hidden, direct)
	elected := w.elected(scheme)
	for _, set := range []bitsSet{direct & elected, (direct | double) & elected, fit & elected, direct} {
		if b, only := set.only(); only {
			return claim(q, mul(rows, length(b)), b, length(b), other)
		}
	}
	if hidden != 0 && elected&direct == 0 {
		return claim(q, mul(rows, w.hidden), hidden, w.hidden, other)
	}
	likely := fit
	if direct != 0 {
		likely = direct
	}
	got := between(q, mul(rows, length(fit.most())), mul(rows, length(likely.fewest())), "nothing tells how many bits a parameter has, so each byte may hold eight")
	got.other = other
	return got
}

// bitsSet is a set of bit widths up to 8.
type bitsSet uint16

func (s *bitsSet) add(b uint64) { *s |= 1 << b }

// only returns the one member of a set that has one.
func (s bitsSet) only() (uint64, bool) { return s.fewest(), bits.OnesCount16(uint16(s)) == 1 }

func (s bitsSet) fewest() uint64 { return uint64(bits.TrailingZeros16(uint16(s))) }

func (s bitsSet) most() uint64 { return uint64(bits.Len16(uint16(s))) - 1 }

// ballots are the bit widths that the matrices of a scheme voted for, the surest
// first: those that fit the hidden size and nothing else, those that fit it, and those that
// fit one side of the model.
type ballots [3]bitsSet

// cast records the vote of one matrix.
func (w *widths) cast(scheme string, hidden uint64, direct bitsSet) {
	if !w.voting {
		return
	}
	v := w.votes[scheme]
	if v == nil {
		v = &ballots{}
		w.votes[scheme] = v
	}
	b, only := direct.only()
	switch {
	case hidden != 0 && only:
		v[0].add(hidden)
	case hidden != 0:
		v[1].add(hidden)
	case only:
		v[2].add(b)
	}
}

// elected returns the bit widths that a scheme has, by the surest votes.
func (w *widths) elected(scheme string) bitsSet {
	if v := w.votes[scheme]; v != nil {
		for _, set := range v {
			if set != 0 {
				return set
			}
		}
	}
	return 0
}

// fits reports whether a matrix of floats looks like one of this model: one side is
// one of its widths, or a multiple of its hidden size. Without a hidden size that
// rests on several tensors, everything fits.
func (w *widths) fits(shape []uint64) bool {
	if !w.strong {
		return true
	}
	for _, n := range shape {
		if n > 0 && (w.known[n] || n%w.hidden == 0) {
			return true
		}
	}
	return false
}
