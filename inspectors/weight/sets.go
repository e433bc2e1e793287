package weight

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// tableWeight is what one file adds, and its structure.
type tableWeight struct {
	adds interval
	// optimizer and ema are the elements of copies that training keeps.
	optimizer, ema uint64
	// shapes sums a hash over every shape with the class of its type: equal for the
	// same tensors in any order.
	shapes, tensors uint64
	elements        uint64
}

func (t *tableWeight) see(tensor pipeline.Tensor) {
	h := mix(uint64(tensor.DType.Class()))
	for _, d := range tensor.Shape {
		h = mix(h ^ d)
	}
	t.shapes += h
	t.tensors++
	t.elements += product(tensor.Shape)
}

// mix spreads the bits of x (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// The names of shards and slices: i-of-n, tensor-parallel ranks, and parts. What they
// leave is the name of the set (counting.md section 1.4).
var (
	ofTotal  = regexp.MustCompile(`[_-](\d{5,6})-of-(\d{5,6})`)
	parallel = regexp.MustCompile(`model(\d+)-mp(\d+)`)
	slicing  = regexp.MustCompile(`(model|consolidated|rank|part|mp|tp|shard|checkpoint|worker|core)([._-]?)(\d+)`)
)

// member is a file's place in a set: its number, -1 where its name has none, and the
// size of the set, 0 where the name does not state it.
type member struct {
	set           string
	number, total int
}

// memberOf tells by a file's name where it belongs.
func memberOf(object string) member {
	dir, base := path.Split(object)
	if m := ofTotal.FindStringSubmatch(base); m != nil {
		number, _ := strconv.Atoi(m[1])
		total, _ := strconv.Atoi(m[2])
		return member{dir + strings.Replace(base, m[0], "-{}-of-"+m[2], 1), number, total}
	}
	if m := parallel.FindStringSubmatch(base); m != nil {
		number, errNumber := strconv.Atoi(m[1])
		total, errTotal := strconv.Atoi(m[2])
		if errNumber == nil && errTotal == nil && total <= mostSlices {
			return member{dir + strings.Replace(base, m[0], "model{}-mp"+m[2], 1), number, total}
		}
	}
	return member{dir + slicing.ReplaceAllString(base, "${1}${2}{}"), -1, 0}
}

// mostSlices is the largest degree of tensor parallelism that a name may state.
const mostSlices = 4096

// setNumbers numbers the sets that the tables belong to.
func setNumbers(tables []*pipeline.Table) []int32 {
	numbers := map[string]int32{}
	out := make([]int32, len(tables))
	for i, t := range tables {
		name := memberOf(t.Object).set
		n, ok := numbers[name]
		if !ok {
			n = int32(len(numbers))
			numbers[name] = n
		}
		out[i] = n
	}
	return out
}

// weightSet is the files of one set.
type weightSet struct {
	pipeline.WeightSet
	adds     interval
	shapes   uint64
	tensors  uint64
	elements uint64

	optimizer, ema uint64

	total   int
	numbers map[int]bool
}

// sets groups the files, adds what missing members would hold, and takes all but one
// of equal sets off the lower end: headers do not show whether they are copies of one
// model or slices of a larger one.
func (s *scale) sets() {
	byName := map[string]*weightSet{}
	var order []*weightSet
	for i, t := range s.readings.Tables {
		m := memberOf(t.Object)
		set := byName[m.set]
		if set == nil {
			set = &weightSet{WeightSet: pipeline.WeightSet{Name: m.set}, total: m.total, numbers: map[int]bool{}}
			byName[m.set] = set
			order = append(order, set)
		}
		f := &s.files[i]
		set.Files++
		if m.total > 0 {
			set.numbers[m.number] = true
		}
		s.addInterval(&set.adds, f.adds)
		set.shapes += f.shapes
		set.tensors += f.tensors
		s.add(&set.elements, f.elements)
		set.optimizer += f.optimizer
		set.ema += f.ema
	}
	slices.SortStableFunc(order, func(a, b *weightSet) int {
		return cmp.Or(cmp.Compare(b.adds.estimate, a.adds.estimate), strings.Compare(a.Name, b.Name))
	})
	seen := map[[2]uint64]*weightSet{}
	out := []pipeline.WeightSet{}
	for _, set := range order {
		set.Kind = s.kindOfSet(set)
		set.Estimate = int64(set.adds.estimate)
		if first := seen[[2]uint64{set.shapes, set.tensors}]; first != nil && set.tensors > 1 {
			set.SameAs = first.Name
			s.onlyOnce(set)
		} else {
			seen[[2]uint64{set.shapes, set.tensors}] = set
		}
		s.extrapolate(set)
		out = append(out, set.WeightSet)
	}
	s.facts.Set("params.sets", out, pipeline.BasisMeasured)
	s.missing(out)
	if len(order) > 0 {
		s.facts.Set("params.largest_set", order[0].Estimate, pipeline.BasisMeasured)
	}
}

// onlyOnce takes a set that equals an earlier one off the lower end.
func (s *scale) onlyOnce(set *weightSet) {
	rest := set.adds.lower
	for _, g := range s.sorted() {
		take := min(rest, g.adds.lower/2)
		g.adds.lower -= take
		rest -= take
		if take > 0 && g.reason == "" {
			g.reason = "the sets " + set.Name + " and " + set.SameAs + " have the same structure: they may be copies of one model"
		}
	}
}

// extrapolate adds what the missing members of a set would hold, if they are like
// those that are there. The lower end stays.
func (s *scale) extrapolate(set *weightSet) {
	present := int64(len(set.numbers))
	if set.total == 0 || int64(set.total) <= present {
		return
	}
	set.Missing = int64(set.total) - present
	each := (set.adds.estimate + uint64(present) - 1) / uint64(present)
	most := (set.adds.upper + uint64(present) - 1) / uint64(present)
	s.widen(set.Name, interval{0, s.times(each, uint64(set.Missing)), s.times(most, uint64(set.Missing))},
		fmt.Sprintf("%d of %d files of the set are missing; they are taken to be like the others", set.Missing, set.total))
}

// missing raises the number of shards that are missing, which the reader of a format
// counts by the names of its own, to what the sets show.
func (s *scale) missing(sets []pipeline.WeightSet) {
	var n int64
	for _, set := range sets {
		n += set.Missing
	}
	if known := s.facts.Facts.Shards.Missing; known == nil || *known < n {
		s.facts.Set("shards.missing", n, pipeline.BasisMeasured)
	}
}

var averaged = regexp.MustCompile(`(^|[/._-])ema([/._-]|$)`)

// kindOfSet tells copies that training keeps from the model, by path or by most of
// the names. They count all the same.
func (s *scale) kindOfSet(set *weightSet) string {
	lower := strings.ToLower(set.Name)
	switch {
	case strings.Contains(lower, "optim") || set.optimizer > set.elements/2:
		return "optimizer"
	case averaged.MatchString(lower) || set.ema > set.elements/2:
		return "ema"
	}
	return "model"
}

// kindOf tells by a pattern which copies of the weights a tensor belongs to: "" for
// the model's own.
func kindOf(pattern []byte) string {
	p := string(pattern)
	switch {
	case strings.HasPrefix(p, "optimizer") || strings.Contains(p, "exp_avg") || strings.Contains(p, "momentum_buffer"):
		return "optimizer"
	case strings.HasPrefix(p, "ema.") || strings.HasPrefix(p, "model_ema.") || strings.Contains(p, ".ema."):
		return "ema"
	}
	return ""
}
