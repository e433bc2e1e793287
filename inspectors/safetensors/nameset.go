package safetensors

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"

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
// Writers list names in an order: by their bytes, or by their bytes with numbers taken
// as numbers, and for each dtype anew. So a header is a few runs of names that ascend
// in one of the two. While it is, nothing is hashed: each name is held against the one
// before it, and the runs are merged at the end. A header in no order goes to a
// [nameSet].
type uniqueNames struct {
	table *pipeline.Table
	runs  [2][]int // where each ascending run begins, in each order
	set   *nameSet
}

const mostRuns = 8

// plainBefore returns the name that was appended last where it stands in a header as it
// is, and else nothing.
func (u *uniqueNames) plainBefore() []byte {
	if i := u.table.Len(); i > 0 && isPlain(u.table.Name(i-1)) {
		return []byte(u.table.Name(i - 1))
	}
	return nil
}

// isPlain tells whether a name stands in a header as it is.
func isPlain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// addAt is add where the name before and the bytes that both begin with are known. An
// empty name before stands for one that is not known.
func (u *uniqueNames) addAt(before, name []byte, common int) (twice bool) {
	if u.set != nil || u.table.Len() == 0 || len(before) == 0 {
		return u.add(name)
	}
	bytewise, numeric := orderFrom(before, name, common)
	return u.rank(name, bytewise, numeric)
}

// add reports whether the name, which is to be appended to the table next, is equal
// to one that can be seen already.
func (u *uniqueNames) add(name []byte) (twice bool) {
	i := u.table.Len()
	if u.set != nil {
		return u.set.insert(name, i, u.table.Name) >= 0
	}
	if i == 0 {
		u.runs[0], u.runs[1] = []int{0}, []int{0}
		return false
	}
	bytewise, numeric := order(u.table.Name(i-1), name)
	return u.rank(name, bytewise, numeric)
}

// rank takes up how a name stands to the one before it.
func (u *uniqueNames) rank(name []byte, bytewise, numeric int) (twice bool) {
	if bytewise < 0 && numeric < 0 {
		return false
	}
	if bytewise == 0 {
		return true
	}
	i := u.table.Len()
	open := 0
	for k, result := range [2]int{bytewise, numeric} {
		if result > 0 && len(u.runs[k]) <= mostRuns {
			u.runs[k] = append(u.runs[k], i)
		}
		if len(u.runs[k]) <= mostRuns {
			open++
		}
	}
	if open > 0 {
		return false
	}
	u.set = newNameSet(2 * i)
	for k := range i {
		if u.set.insert([]byte(u.table.Name(k)), k, u.table.Name) >= 0 {
			return true
		}
	}
	return u.set.insert(name, i, u.table.Name) >= 0
}

// finish returns a name that is listed twice and was not seen by add; ok is false
// where there is none.
func (u *uniqueNames) finish() (name string, ok bool) {
	if u.set != nil || u.table.Len() == 0 {
		return "", false
	}
	kind := 0
	if len(u.runs[1]) < len(u.runs[0]) {
		kind = 1
	}
	starts := u.runs[kind]
	if len(starts) == 1 {
		return "", false
	}
	type run struct{ at, end int }
	runs := make([]run, 0, mostRuns)
	for k, start := range starts {
		end := u.table.Len()
		if k+1 < len(starts) {
			end = starts[k+1]
		}
		runs = append(runs, run{start, end})
	}
	for len(runs) > 1 {
		least := 0
		for k := 1; k < len(runs); k++ {
			a := u.table.Name(runs[least].at)
			b := u.table.Name(runs[k].at)
			bytewise, numeric := order(a, b)
			switch result := [2]int{bytewise, numeric}[kind]; {
			case result == 0:
				return a, true
			case result > 0:
				least = k
			}
		}
		r := &runs[least]
		if r.at++; r.at == r.end {
			runs = slices.Delete(runs, least, least+1)
		}
	}
	return "", false
}

// order compares two names in two total orders at once: by their bytes, and by their
// bytes with runs of digits compared as numbers. Each result is -1, 0 or 1; both are 0
// for equal names only.
func order[B string | []byte](a string, b B) (bytewise, numeric int) {
	n := min(len(a), len(b))
	i := 0
	for i+8 <= n && word(a, i) == word(b, i) {
		i += 8
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return orderFrom(a, b, i)
}

// shared counts the bytes with which both begin.
func shared(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// orderFrom is order for names that share i bytes.
func orderFrom[A, B string | []byte](a A, b B, i int) (bytewise, numeric int) {
	i = min(i, len(b))
	switch {
	case i == len(a) && i == len(b):
		return 0, 0
	case i == len(a):
		bytewise = -1
	case i == len(b):
		bytewise = 1
	case a[i] < b[i]:
		bytewise = -1
	default:
		bytewise = 1
	}
	start := i
	for start > 0 && isDigit(a[start-1]) {
		start--
	}
	endA, endB := i, i
	for endA < len(a) && isDigit(a[endA]) {
		endA++
	}
	for endB < len(b) && isDigit(b[endB]) {
		endB++
	}
	// A number that begins with a zero has no place among the others, so such names
	// stay in the order of bytes; so do those that do not differ inside a number.
	if endA == start || endB == start || a[start] == '0' && endA-start > 1 || b[start] == '0' && endB-start > 1 || endA == endB {
		return bytewise, bytewise
	}
	if endA < endB {
		return bytewise, -1
	}
	return bytewise, 1
}

// word returns the eight bytes from i, which the compiler turns into one load.
func word[B string | []byte](b B, i int) uint64 {
	_ = b[i+7]
	return uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24 |
		uint64(b[i+4])<<32 | uint64(b[i+5])<<40 | uint64(b[i+6])<<48 | uint64(b[i+7])<<56
}

func isDigit(c byte) bool { return c-'0' <= 9 }
