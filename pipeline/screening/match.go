package screening

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/xrash/smetrics"
)

const (
	// DefaultThreshold is the similarity from which two names are a hit.
	DefaultThreshold = 0.92

	boostFrom  = 0.7 // the similarity above which a common prefix counts
	prefixSize = 4   // characters
	prefixGain = 0.1 // of what is missing to 1, for each character of the prefix

	bins = 32 // of characters, see signature
	// slack is more than the rounding of the bounds can come to.
	slack = 1e-9
)

// similarity is the Jaro-Winkler similarity of two texts by characters, from 0 to 1. The
// library compares bytes, so characters outside ASCII are given bytes of their own first.
func similarity(a, b string) float64 {
	if !ascii(a) || !ascii(b) {
		a, b = byteEach(a, b)
	}
	return smetrics.JaroWinkler(a, b, boostFrom, prefixSize)
}

// byteEach rewrites two texts with one byte for each character. Past 256 different
// characters some share a byte, so that the texts look more alike than they are, never
// less.
func byteEach(a, b string) (string, string) {
	codes := map[rune]byte{}
	write := func(s string) string {
		out := make([]byte, 0, len(s))
		for _, r := range s {
			code, known := codes[r]
			if !known {
				code = byte(len(codes))
				codes[r] = code
			}
			out = append(out, code)
		}
		return string(out)
	}
	return write(a), write(b)
}

// compared is a name made ready for comparison.
type compared struct {
	whole, sorted string
	signature
}

// signature is what a name is told apart by before it is compared: cheap to hold against
// another, and enough to bound how alike the two can be at most.
type signature struct {
	length                    int32 // characters
	counts                    [bins]uint8
	wholePrefix, sortedPrefix [prefixSize]rune
	ascii                     bool
}

func compare(normalised string) compared {
	c := compared{whole: normalised, sorted: sortedWords(normalised)}
	c.ascii = ascii(normalised)
	c.length = int32(utf8.RuneCountInString(normalised))
	for _, r := range normalised {
		if n := &c.counts[uint32(r)%bins]; *n < math.MaxUint8 {
			*n++
		}
	}
	c.wholePrefix, c.sortedPrefix = prefixOf(c.whole), prefixOf(c.sorted)
	return c
}

func prefixOf(s string) (p [prefixSize]rune) {
	i := 0
	for _, r := range s {
		if i == prefixSize {
			break
		}
		p[i] = r
		i++
	}
	for ; i < prefixSize; i++ {
		p[i] = -1
	}
	return p
}

// score is how alike two names are.
func score(a, b *compared) float64 {
	if a.whole == b.whole {
		return 1
	}
	return max(similarity(a.whole, b.whole), similarity(a.sorted, b.sorted))
}

// atMost bounds the score of two names from above.
//
// Jaro is (m/a + m/b + (m-t)/m) / 3 for texts of a and b characters of which m match, t
// of them out of order. m is no more than the characters that both have, counted with
// their number, and t is no less than 0. Both orders of the words hold the same
// characters, so that the count serves both; the common prefix does not.
func atMost(a, b *signature) float64 {
	la, lb := float64(a.length), float64(b.length)
	shared := min(la, lb)
	prefix := prefixSize
	// The bytes that many different characters share make texts more alike than the
	// count tells, and counts end at 255.
	if (a.ascii && b.ascii && a.length <= math.MaxUint8 && b.length <= math.MaxUint8) || a.length+b.length <= 1<<8 {
		n := 0
		for i := range a.counts {
			n += int(min(a.counts[i], b.counts[i]))
		}
		shared = min(shared, float64(n))
		prefix = max(commonPrefix(&a.wholePrefix, &b.wholePrefix), commonPrefix(&a.sortedPrefix, &b.sortedPrefix))
	}
	if shared == 0 {
		return 0
	}
	jaro := (shared/la + shared/lb + 1) / 3
	return jaro + prefixGain*float64(prefix)*(1-jaro)
}

func commonPrefix(a, b *[prefixSize]rune) int {
	for i := range a {
		if a[i] != b[i] || a[i] < 0 {
			return i
		}
	}
	return prefixSize
}

// leastRatio is the least ratio of the lengths of two names whose score reaches a
// threshold: all characters of the shorter match, and the prefix is common.
func leastRatio(threshold float64) float64 {
	const most = prefixGain * prefixSize
	jaro := (threshold - slack - most) / (1 - most)
	return 3*jaro - 2
}

// index holds the names of a list in order of length.
type index struct {
	names []indexed
	// from[n] is where the names of n characters begin; the last is their end.
	from []int
}

type indexed struct {
	compared
	entry, name int32 // name counts the names of the entry, the main one first
}

func newIndex(entries []Entry) *index {
	ix := &index{}
	for i := range entries {
		var seen []string
		for j, name := range entries[i].names() {
			normalised := Normalise(name)
			if normalised == "" || slices.Contains(seen, normalised) {
				continue
			}
			seen = append(seen, normalised)
			ix.names = append(ix.names, indexed{compare(normalised), int32(i), int32(j)})
		}
	}
	slices.SortFunc(ix.names, func(a, b indexed) int {
		return cmp.Or(cmp.Compare(a.length, b.length), cmp.Compare(a.entry, b.entry), cmp.Compare(a.name, b.name))
	})
	for i := range ix.names {
		for len(ix.from) <= int(ix.names[i].length) {
			ix.from = append(ix.from, i)
		}
	}
	ix.from = append(ix.from, len(ix.names))
	return ix
}

// match is a name of a list that is like a party's.
type match struct {
	entry, name int32
	score       float64
	exact       bool
}

// find returns the best match of each entry whose score reaches the threshold, in order of
// entry. It finds what a comparison with every name would find: what it passes over
// cannot reach the threshold.
func (ix *index) find(normalised string, threshold float64) []match {
	query := compare(normalised)
	shortest, longest := 1, len(ix.from)-2
	if ratio := leastRatio(threshold); ratio > 0 {
		shortest = max(shortest, int(math.Floor(ratio*float64(query.length))))
		longest = min(float64ToLength(math.Ceil(float64(query.length)/ratio)), longest)
	}
	best := map[int32]match{}
	if shortest <= longest {
		for i := ix.from[shortest]; i < ix.from[longest+1]; i++ {
			candidate := &ix.names[i]
			if atMost(&query.signature, &candidate.signature) < threshold-slack {
				continue
			}
			keep(best, candidate, score(&query, &candidate.compared), query.whole == candidate.whole, threshold)
		}
	}
	return inOrder(best)
}

func float64ToLength(v float64) int {
	if v > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(v)
}

// keep records a candidate where it is the best of its entry so far.
func keep(best map[int32]match, candidate *indexed, score float64, exact bool, threshold float64) {
	if score < threshold {
		return
	}
	m := match{candidate.entry, candidate.name, score, exact}
	before, known := best[m.entry]
	if !known || better(m, before) {
		best[m.entry] = m
	}
}

func better(a, b match) bool {
	if a.exact != b.exact {
		return a.exact
	}
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.name, b.name)) < 0
}

func inOrder(best map[int32]match) []match {
	out := make([]match, 0, len(best))
	for _, m := range best {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b match) int { return cmp.Compare(a.entry, b.entry) })
	return out
}
