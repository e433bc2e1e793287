package license

import (
	"fmt"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Bounds of identification. They were chosen on the texts that the fingerprints were made
// of.
const (
	// leastPresent is how much of a licence a text must hold to be that licence. Of one
	// version of a licence the next holds up to 0.95, which is not enough: a version that
	// has no fingerprint is not taken for another. fewMissing hashes may be missing of a
	// short one, so that a name and a year may differ.
	leastPresent = 0.96
	fewMissing   = 12
	// leastNear is how much of it a text must hold to be called a part of it.
	leastNear = 0.25
	// leastNew is how many words a further licence in one file must explain.
	leastNew = 20
	// longGap is how many words in a row may belong to no licence: a title, a year, a
	// name. More is a statement of its own.
	longGap = 15
	// shortText is how many words a text may have that only refers to a licence.
	shortText = 200
	// leastMention is how much of such a text must be the licence's own words.
	leastMention = 0.5
)

// Match is a licence that a text shares words with.
type Match struct {
	// ID is the SPDX id of the licence, or a LicenseRef.
	ID string
	// Words is how many words of the text are those of the licence.
	Words int
	// Present is how much of the licence the text holds, from 0 to 1.
	Present float64

	whole   bool   // it is the whole of the licence
	covered []bool // by word of the text
	hashes  map[uint32]bool
}

// Identification is what a text was found to be.
type Identification struct {
	// Expression joins with AND the licences whose text it is, "" where none is.
	Expression string
	// Share is how much of the text their words explain, from 0 to 1.
	Share float64
	// Words is how many words the text has, Beyond how many of them stand in runs of more
	// than fifteen that belong to no licence.
	Words, Beyond int
	// Refers is true where the text is not the licence and refers to it.
	Refers bool
	// Either lists licences that the text cannot be told apart by.
	Either []string
	// Near is the licence that the text holds the most of, "" where it holds little of
	// any, and Present how much.
	Near    string
	Present float64
}

// Matches returns the licences that share words with a text, the most words first.
func (x *Index) Matches(text []byte) []Match { return x.matches(split(text)) }

func (x *Index) matches(words []word) []Match {
	at := map[uint16][]int{}
	hashes := shingles(words)
	for i, h := range hashes {
		for _, p := range x.byHash[h] {
			at[p] = append(at[p], i)
		}
	}
	out := make([]Match, 0, len(at))
	for p, positions := range at {
		m := Match{ID: x.prints[p].ID, covered: make([]bool, len(words)), hashes: map[uint32]bool{}}
		last := -window - 1
		for _, i := range positions {
			m.hashes[hashes[i]] = true
			from := i
			if i-last <= window { // no shingle between them was chosen, so all is shared
				from = last
			}
			for j := from; j < i+shingle; j++ {
				m.covered[j] = true
			}
			last = i
		}
		m.Words = count(m.covered)
		all := len(x.prints[p].Hashes)
		m.Present = float64(len(m.hashes)) / float64(all)
		m.whole = m.Present >= leastPresent || all-len(m.hashes) <= min(fewMissing, all/5)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Match) int {
		if a.Words != b.Words {
			return b.Words - a.Words
		}
		if a.Present > b.Present {
			return -1
		}
		if a.Present < b.Present {
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func count(flags []bool) int {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

// Identify tells which licences a text is. It first asks the library for the licences of
// free software and Creative Commons, then the fingerprints for those of models.
func Identify(text []byte) Identification { return shipped().Identify(text) }

// Identify is [Identify] with fingerprints of one's own.
func (x *Index) Identify(text []byte) Identification {
	words := split(text)
	out := Identification{Words: len(words)}
	if len(words) == 0 {
		return out
	}
	ours := x.matches(words)
	explained := make([]bool, len(words))
	ours, frames := apart(ours)
	ids := x.whole(words, ours, library(text, words), explained, &out)
	if len(ids) == 0 && len(out.Either) == 0 {
		if id := mention(text, words, ours, explained); id != "" {
			ids, out.Refers = []string{id}, true
		}
	}
	if len(ids) > 0 {
		for _, f := range frames {
			mark(explained, f.covered)
		}
	}
	out.Expression = strings.Join(ids, " AND ")
	out.Share = float64(count(explained)) / float64(len(words))
	if len(ids) > 0 {
		out.Beyond = beyond(words, explained)
	}
	for _, m := range ours {
		if m.Present >= leastNear && m.Present > out.Present {
			out.Near, out.Present = m.ID, m.Present
		}
	}
	return out
}

// frame begins the id of a fingerprint that is of no licence: of what publishers put
// around one, and of policies of use. It explains words beside a licence and names none.
const frame = "frame:"

// apart parts the licences from the frames.
func apart(matches []Match) (licences, frames []Match) {
	for _, m := range matches {
		if strings.HasPrefix(m.ID, frame) {
			frames = append(frames, m)
		} else {
			licences = append(licences, m)
		}
	}
	return licences, frames
}

func mark(explained, covered []bool) {
	for i, c := range covered {
		explained[i] = explained[i] || c
	}
}

// whole takes the licences whose text is there, that which explains the most first, and
// marks the words that they explain.
func (x *Index) whole(words []word, ours, others []Match, explained []bool, out *Identification) []string {
	var ids []string
	candidates := slices.Concat(ours, others)
	for range candidates {
		best, most := -1, 0
		for i, m := range candidates {
			if fresh := newWords(m.covered, explained); m.whole && fresh > most {
				best, most = i, fresh
			}
		}
		if best < 0 || most < leastNew && 2*most < len(words) {
			break
		}
		chosen := candidates[best]
		if len(ids) > 0 && 2*most < chosen.Words && chosen.hashes != nil {
			// What is left of a kindred text is not that text.
			candidates = slices.Delete(candidates, best, best+1)
			continue
		}
		if either := twins(chosen, candidates, explained); len(ids) == 0 && len(either) > 1 {
			out.Either = either
			mark(explained, chosen.covered)
			return nil
		}
		mark(explained, chosen.covered)
		if !slices.Contains(ids, chosen.ID) {
			ids = append(ids, chosen.ID)
		}
		candidates = slices.Delete(candidates, best, best+1)
	}
	return ids
}

// twins lists the licences that explain as much of a text as the chosen one and of which
// it holds nothing that is not the chosen one's too, and nothing of that alone.
func twins(chosen Match, candidates []Match, explained []bool) []string {
	either := []string{chosen.ID}
	for _, m := range candidates {
		if m.ID == chosen.ID || m.hashes == nil || chosen.hashes == nil || !m.whole || newWords(m.covered, explained) < newWords(chosen.covered, explained) {
			continue
		}
		if len(m.hashes) == len(chosen.hashes) && !slices.Contains(either, m.ID) {
			either = append(either, m.ID)
		}
	}
	slices.Sort(either)
	return either
}

func newWords(covered, explained []bool) int {
	n := 0
	for i, c := range covered {
		if c && !explained[i] {
			n++
		}
	}
	return n
}

// mention finds the licence that a short text refers to: by a sentence of its own, as
// licences ask for in a notice, or by the address of a text.
func mention(text []byte, words []word, ours []Match, explained []bool) string {
	if len(words) > shortText {
		return ""
	}
	if len(ours) > 0 && float64(ours[0].Words) >= leastMention*float64(len(words)) {
		best := ours[0]
		for _, m := range ours[1:] {
			if m.ID != best.ID && len(m.hashes) >= len(best.hashes) {
				return ""
			}
		}
		mark(explained, best.covered)
		return best.ID
	}
	id, covered := address(text, words)
	mark(explained, covered)
	return id
}

// beyond counts the words in long runs that no licence explains. Lines that say whose
// copyright it is are passed over.
func beyond(words []word, explained []bool) int {
	total, run := 0, 0
	for i, w := range words {
		switch {
		case explained[i]:
			total += long(run)
			run = 0
		case !w.credit:
			run++
		}
	}
	return total + long(run)
}

func long(run int) int {
	if run > longGap {
		return run
	}
	return 0
}

// sentence says what is odd about an identified text, "" for nothing. name is that of its
// object.
func (id Identification) sentence(name string) string {
	switch {
	case id.Words == 0:
		return fmt.Sprintf("%s holds no words.", name)
	case len(id.Either) > 0:
		return fmt.Sprintf("%s is a licence whose versions cannot be told apart by it: %s.", name, strings.Join(id.Either, " or "))
	case id.Expression == "" && id.Near != "":
		return fmt.Sprintf("%s is no licence text that is known; it holds %.0f %% of the text of %s.", name, 100*id.Present, id.Near)
	case id.Expression == "":
		return fmt.Sprintf("%s is no licence text that is known.", name)
	case id.Beyond > 0:
		return fmt.Sprintf("%s goes on beyond the licence %s: %s of its %s words belong to no licence that is known.", name, id.Expression, pipeline.Separated(int64(id.Beyond)), pipeline.Separated(int64(id.Words)))
	}
	return ""
}
