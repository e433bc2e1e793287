package weight

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// tableWeight is what one file adds, and its structure.
type tableWeight struct {
	adds  interval
	kinds map[string]uint64
	// shapes sums a hash over every shape with the class of its type: equal for the
	// same tensors in any order.
	shapes, tensors uint64
	elements        uint64
}

func (t *tableWeight) see(tensor pipeline.Tensor) {
	if t.kinds == nil {
		t.kinds = map[string]uint64{}
	}
	h := fnv.New64a()
	var b [8]byte
	h.Write([]byte{byte(tensor.DType.Class())})
	for _, d := range tensor.Shape {
		binary.LittleEndian.PutUint64(b[:], d)
		h.Write(b[:])
	}
	t.shapes += h.Sum64()
	t.tensors++
	t.elements += product(tensor.Shape)
}

// The names of shards and slices: i-of-n, tensor-parallel ranks, and parts. What they
// leave is the name of the set (counting.md section 1.4).
var (
	ofTotal = regexp.MustCompile(`[_-](\d{5,6})-of-(\d{5,6})`)
	slicing = regexp.MustCompile(`(model|consolidated|rank|part|mp|tp|shard|checkpoint|worker|core)([._-]?)(\d+)`)
)

// setName returns the name of the set that a file belongs to, and the size of the set
// where the name states it.
func setName(object string) (name string, total int) {
	dir, base := path.Split(object)
	if m := ofTotal.FindStringSubmatch(base); m != nil {
		total, _ = strconv.Atoi(m[2])
		base = strings.Replace(base, m[0], "-{}-of-"+m[2], 1)
		return dir + base, total
	}
	return dir + slicing.ReplaceAllString(base, "${1}${2}{}"), 0
}

// weightSet is the files of one set.
type weightSet struct {
	pipeline.WeightSet
	adds     interval
	shapes   uint64
	tensors  uint64
	kinds    map[string]uint64
	elements uint64
	total    int
}

// sets groups the files, adds what missing members would hold, and takes all but one
// of equal sets off the lower end: headers do not show whether they are copies of one
// model or slices of a larger one.
func (s *scale) sets() {
	byName := map[string]*weightSet{}
	var order []*weightSet
	for i, t := range s.readings.Tables {
		name, total := setName(t.Object)
		set := byName[name]
		if set == nil {
			set = &weightSet{WeightSet: pipeline.WeightSet{Name: name}, kinds: map[string]uint64{}, total: total}
			byName[name] = set
			order = append(order, set)
		}
		f := s.files[i]
		set.Files++
		s.addInterval(&set.adds, f.adds)
		set.shapes += f.shapes
		set.tensors += f.tensors
		s.add(&set.elements, f.elements)
		for k, n := range f.kinds {
			set.kinds[k] += n
		}
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
	if set.total == 0 || int64(set.total) <= set.Files {
		return
	}
	set.Missing = int64(set.total) - set.Files
	each := set.adds.estimate / uint64(set.Files)
	most := set.adds.upper / uint64(set.Files)
	s.widen(set.Name, interval{0, s.times(each, uint64(set.Missing)), s.times(most, uint64(set.Missing))},
		fmt.Sprintf("%d of %d files of the set are missing; they are taken to be like the others", set.Missing, set.total))
}

// kindOfSet tells copies that training keeps from the model, by path or by most of
// the names. They count all the same.
func (s *scale) kindOfSet(set *weightSet) string {
	lower := strings.ToLower(set.Name)
	switch {
	case strings.Contains(lower, "optim") || set.kinds["optimizer"] > set.elements/2:
		return "optimizer"
	case strings.Contains(lower, "ema") && (strings.Contains(lower, "_ema") || strings.Contains(lower, "ema_") || strings.Contains(lower, "ema.")) || set.kinds["ema"] > set.elements/2:
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
