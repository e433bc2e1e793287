package weight

import (
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
	_, leaf := split(name)
	return leaf == "weight" || leaf == "bias" || !packingLeaves[leaf]
}

// modules groups all tensors by stem, in the order of the tables. It is made only for
// artifacts in which some tensor is not plain.
func modules(tables []*pipeline.Table) []module {
	at := map[string]int32{}
	var out []module
	for ti, t := range tables {
		for i := range t.Len() {
			tensor := t.At(i)
			stem, leaf := split(tensor.Name)
			k, ok := at[stem]
			if !ok {
				k = int32(len(out))
				at[stem] = k
				out = append(out, module{stem: stem})
			}
			out[k].parts = append(out[k].parts, part{leaf, tensor, int32(ti)})
		}
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
