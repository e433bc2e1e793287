package weight

import (
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// part is one tensor of a module.
type part struct {
	leaf   string
	tensor pipeline.Tensor
	table  int32
}

// module is the tensors that belong to one weight: they share a stem.
type module struct {
	stem  string
	parts []part
	// repeated is true where two parts have the same leaf.
	repeated bool
}

// get returns the part with this leaf, or nil.
func (m *module) get(leaf string) *part {
	for i := range m.parts {
		if m.parts[i].leaf == leaf {
			return &m.parts[i]
		}
	}
	return nil
}

// any returns the first part that has one of the leaves, or nil.
func (m *module) any(leaves ...string) *part {
	for _, leaf := range leaves {
		if p := m.get(leaf); p != nil {
			return p
		}
	}
	return nil
}

// prefixed returns the first part whose leaf begins so, or nil.
func (m *module) prefixed(prefix string) *part {
	for i := range m.parts {
		if strings.HasPrefix(m.parts[i].leaf, prefix) {
			return &m.parts[i]
		}
	}
	return nil
}

// joined are the leaves that writers join to the stem without a dot.
var joined = []string{"_blocks", "_scales", "_weight_scale_inv", "_weight_scale", "_weight_shape", "_weight_packed", "_scale_inv", "_input_scale"}

// split parts a name into stem and leaf. What follows ".weight." belongs to the leaf,
// because packings hang their tensors below the weight's own name.
func split(name string) (stem, leaf string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && packingLeaves[name[i+1:]] && !strings.Contains(name, ".weight.") {
		return name[:i], name[i+1:]
	}
	for _, end := range joined {
		if rest, ok := strings.CutSuffix(name, end); ok && rest != "" && !strings.HasSuffix(rest, ".") && strings.LastIndexByte(name, '.') < len(rest) {
			return rest, end
		}
	}
	if i := strings.LastIndex(name, ".weight."); i >= 0 {
		return name[:i], name[i+1:]
	}
	if rest, ok := strings.CutSuffix(name, ".centroids.weight"); ok {
		return rest, "centroids.weight"
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// plain reports whether a tensor needs no look at its neighbours: wide floats whose
// leaf no packing uses.
func plain(name string, dtype pipeline.DType) bool {
	switch dtype {
	case pipeline.F16, pipeline.BF16, pipeline.F32, pipeline.F64, pipeline.C64:
	default:
		return false
	}
	if strings.HasSuffix(name, ".bias") || (strings.HasSuffix(name, ".weight") && !strings.HasSuffix(name, ".centroids.weight")) {
		return true
	}
	_, leaf := split(name)
	return !packingLeaves[leaf]
}

// modules groups the tensors of one set of files by stem, in the order of the tables.
// Tensors that are plain join a module only where another tensor began it, and the
// rest is handed to alone.
//
// Slices of one model repeat its names in several files of a set; there every file
// makes modules of its own. likely is about how many modules there are.
func modules(tables []*pipeline.Table, sets []int32, likely int, alone func(table int32, t pipeline.Tensor)) []module {
	at := make([]map[string]int32, 1+slices.Max(sets)) // the position in out, by set and stem
	for set := range at {
		at[set] = make(map[string]int32, likely/len(at))
	}
	out := make([]module, 0, likely)
	var room partRoom
	for _, begins := range []bool{true, false} {
		for ti, t := range tables {
			stems := at[sets[ti]]
			for i := range t.Len() {
				tensor := t.At(i)
				if plain(tensor.Name, tensor.DType) == begins {
					continue
				}
				stem, leaf := split(tensor.Name)
				k, ok := stems[stem]
				if !ok && !begins {
					alone(int32(ti), tensor)
					continue
				}
				if !ok {
					k = int32(len(out))
					stems[stem] = k
					out = append(out, module{stem: stem, parts: room.pair()})
				}
				m := &out[k]
				if len(m.parts) == maxParts {
					alone(int32(ti), tensor)
					continue
				}
				m.repeated = m.repeated || m.get(leaf) != nil
				m.parts = append(m.parts, part{leaf, tensor, int32(ti)})
			}
		}
	}
	for i := range out {
		if out[i].repeated {
			out = append(out, out[i].slices()...)
			out[i].parts = nil
		}
	}
	return out
}

// partRoom lends room for the parts of modules, most of which have two, without going
// to the heap for each.
type partRoom struct{ free []part }

// pair returns an empty slice with room for two parts.
func (r *partRoom) pair() []part {
	if len(r.free) == 0 {
		r.free = make([]part, 512)
	}
	pair := r.free[:0:2]
	r.free = r.free[2:]
	return pair
}

// slices parts a module whose leaves are repeated into one for each file.
func (m *module) slices() []module {
	var out []module
	at := map[int32]int{}
	for _, p := range m.parts {
		k, ok := at[p.table]
		if !ok {
			k = len(out)
			at[p.table] = k
			out = append(out, module{stem: m.stem})
		}
		out[k].parts = append(out[k].parts, p)
	}
	return out
}

// elements returns the number of elements of a part, 0 for nil.
func (p *part) elements() uint64 {
	if p == nil {
		return 0
	}
	return product(p.tensor.Shape)
}

// dim returns dimension i, counted from the end where i is negative; 0 where there is
// none.
func (p *part) dim(i int) uint64 {
	if p == nil {
		return 0
	}
	if i < 0 {
		i += len(p.tensor.Shape)
	}
	if i < 0 || i >= len(p.tensor.Shape) {
		return 0
	}
	return p.tensor.Shape[i]
}

// is reports whether a part is there and has one of the dtypes.
func (p *part) is(dtypes ...pipeline.DType) bool {
	if p == nil {
		return false
	}
	for _, d := range dtypes {
		if p.tensor.DType == d {
			return true
		}
	}
	return false
}

// rank returns the number of dimensions, -1 for nil.
func (p *part) rank() int {
	if p == nil {
		return -1
	}
	return len(p.tensor.Shape)
}

// rows is the product of all dimensions but the last.
func (p *part) rows() uint64 {
	if p.rank() < 1 {
		return 0
	}
	return product(p.tensor.Shape[:p.rank()-1])
}

// isFlat reports whether a part lies in one row: all of it in one dimension.
func (p *part) isFlat() bool {
	n := p.elements()
	for _, d := range p.tensor.Shape {
		if d != 1 && d != n {
			return false
		}
	}
	return true
}
