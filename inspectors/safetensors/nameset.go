package safetensors

import (
	"hash/maphash"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// nameSet finds a name that was seen before. It keeps no names itself: name returns
// the i-th one. Slots hold half of the hash and the position, so that growing needs
// no name and a miss needs no look at one. The hash is seeded at random, so that a
// file cannot be made to collide.
type nameSet struct {
	seed  maphash.Seed
	slots []uint64 // hash<<32 | position+1
	used  int
}

func newNameSet(expect int) *nameSet {
	size := 64
	for size*3 < expect*4 {
		size *= 2
	}
	return &nameSet{seed: maphash.MakeSeed(), slots: make([]uint64, size)}
}

// insert adds the name at the given position and reports the position of an equal
// one that was there before, or -1.
func (s *nameSet) insert(text []byte, position int, name func(int) string) int {
	if s.used*4 >= len(s.slots)*3 {
		s.grow()
	}
	hash := uint32(maphash.Bytes(s.seed, text) >> 32)
	mask := uint32(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			s.slots[i] = uint64(hash)<<32 | uint64(uint32(position)+1)
			s.used++
			return -1
		}
		if uint32(slot>>32) == hash && name(int(uint32(slot))-1) == string(text) {
			return int(uint32(slot)) - 1
		}
	}
}

// find returns the position of the name, or -1.
func (s *nameSet) find(text string, name func(int) string) int {
	hash := uint32(maphash.String(s.seed, text) >> 32)
	mask := uint32(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return -1
		}
		if uint32(slot>>32) == hash && name(int(uint32(slot))-1) == text {
			return int(uint32(slot)) - 1
		}
	}
}

func (s *nameSet) grow() {
	old := s.slots
	s.slots = make([]uint64, 2*len(old))
	mask := uint32(len(s.slots) - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := uint32(slot>>32) & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = slot
	}
}

// uniqueNames finds a name that is listed twice in a table that grows.
//
// Writers sort names within a dtype, so a header is a few runs of ascending names.
// While it is, nothing is hashed: each name is compared with the one before it, and
// the runs are merged at the end. A header in another order goes to a [nameSet].
type uniqueNames struct {
	table  *pipeline.Table
	starts []int // where each ascending run begins
	set    *nameSet
	name   func(int) string
}

const mostRuns = 8

// add reports whether the name, which is to be appended to the table next, is equal
// to one that can be seen already.
func (u *uniqueNames) add(name []byte) (twice bool) {
	i := u.table.Len()
	if u.set != nil {
		return u.set.insert(name, i, u.name) >= 0
	}
	if i > 0 && string(name) > u.table.At(i-1).Name {
		return false
	}
	if len(u.starts) < mostRuns {
		u.starts = append(u.starts, i)
		return false
	}
	u.name = func(i int) string { return u.table.At(i).Name }
	u.set = newNameSet(2 * i)
	for k := range i {
		if u.set.insert([]byte(u.name(k)), k, u.name) >= 0 {
			return true
		}
	}
	return u.set.insert(name, i, u.name) >= 0
}

// finish returns a name that is listed twice and was not seen by add; ok is false
// where there is none.
func (u *uniqueNames) finish() (name string, ok bool) {
	if u.set != nil || len(u.starts) < 2 {
		return "", false
	}
	type run struct {
		at, end int
		name    string
	}
	runs := make([]run, 0, mostRuns)
	for k, start := range u.starts {
		end := u.table.Len()
		if k+1 < len(u.starts) {
			end = u.starts[k+1]
		}
		runs = append(runs, run{start, end, u.table.At(start).Name})
	}
	for len(runs) > 1 {
		least := 0
		for k := 1; k < len(runs); k++ {
			switch order := strings.Compare(runs[k].name, runs[least].name); {
			case order == 0:
				return runs[k].name, true
			case order < 0:
				least = k
			}
		}
		r := &runs[least]
		if r.at++; r.at == r.end {
			runs = slices.Delete(runs, least, least+1)
			continue
		}
		r.name = u.table.At(r.at).Name
	}
	return "", false
}
