package onnx

import (
	"io"
	"strconv"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// Limits of a model.
const (
	// MaxTensors is the largest number of tensors in one model, MaxRank the largest number
	// of dimensions, MaxDepth how deep graphs may lie in each other.
	MaxTensors = 5_000_000
	MaxRank    = 64
	MaxDepth   = 32

	// mostNames is how many bytes the names of all tensors may have together.
	mostNames = 256 << 20
	// mostGraph is how many bytes of a model may be graph, not data of tensors. What is
	// beyond is a place for weights, and counts as unexplained.
	mostGraph = 64 << 20
	// fewNumbers is how many floats an attribute may have that are no tensor to anybody;
	// fewIntegers how many integers, in mostIntegers bytes over the whole model: the shapes
	// and axes with which a graph counts.
	fewNumbers   = 16
	fewIntegers  = 16
	mostIntegers = 64 << 10
)

// Model is what a model says of its tensors.
type Model struct {
	// Table lists the tensors whose data are in the model itself.
	Table *pipeline.Table
	// External lists those whose data are elsewhere.
	External []External
	// Unexplained is how many bytes no tensor accounts for and no rule of the format.
	Unexplained int64
	// TypesUnknown counts tensors of a type that is not known.
	TypesUnknown int64
	// Producer is the tool that wrote the model, as it says.
	Producer string
}

// External is a tensor whose data are in another file: Bytes of them at Offset.
type External struct {
	Name          string
	DType         pipeline.DType
	Shape         []uint64
	Location      string
	Offset, Bytes int64
}

// Decode walks a model of size bytes. What it used, but the data of tensors, goes to kept,
// which may be nil.
//
// Errors match [pipeline.ErrMalformed], [pipeline.ErrOverLimit], or are those of s.
func Decode(s Source, size int64, kept io.Writer) (*Model, error) {
	d := &decoder{cursor: newCursor(s, size, kept), model: &Model{Table: &pipeline.Table{Format: Format}}, nbits: map[string]string{}}
	graphs := 0
	err := d.each(size, func(f field) error {
		switch {
		case f.number == 7 && f.wire == wireBytes:
			graphs++
			return d.graph(f.end, "", 0)
		case f.number == 20 && f.wire == wireBytes:
			return d.each(f.end, func(g field) error {
				if (g.number == 1 || g.number == 2) && g.wire == wireBytes {
					return d.graph(g.end, "training", 1)
				}
				return d.other(g, 3, 4)
			})
		case f.number == 25 && f.wire == wireBytes:
			return d.function(f.end)
		case f.number == 2 && f.wire == wireBytes && f.bytes(d.cursor) <= 256:
			var err error
			d.model.Producer, err = d.text(f.bytes(d.cursor))
			return err
		}
		return d.other(f, 2, 3, 4, 6, 8, 14, 26)
	})
	if err != nil {
		return nil, err
	}
	if graphs != 1 {
		return nil, malformed("the model has %d graphs", graphs)
	}
	if err := d.flush(); err != nil {
		return nil, err
	}
	if graph := size - d.data - d.model.Unexplained; graph > mostGraph {
		d.model.Unexplained += graph - mostGraph
	}
	return d.model, nil
}

// decoder is one model being read.
type decoder struct {
	*cursor
	model *Model
	// data counts the bytes of tensors.
	data int64
	// integers counts the bytes of small integer tensors that were left out.
	integers int64
	names    int
	tensors  int
	// nbits holds the names that stand in a table for those of packed matrices.
	nbits map[string]string
}

// other is a field that holds no tensor. Known ones, short enough, belong to the graph; any
// other may hold anything.
func (d *decoder) other(f field, known ...uint64) error {
	if f.wire != wireBytes {
		return nil
	}
	n := f.bytes(d.cursor)
	for _, k := range known {
		if f.number == k && n <= mostText {
			return nil
		}
	}
	d.model.Unexplained += n
	return nil
}

func (d *decoder) graph(end int64, path string, depth int) error {
	if depth > MaxDepth {
		return overLimit("graphs lie in each other deeper than %d levels", MaxDepth)
	}
	seen := map[string]bool{}
	nodes := 0
	return d.each(end, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		switch f.number {
		case 1:
			nodes++
			return d.node(f.end, path, nodes, depth)
		case 5:
			t, err := d.tensor(f.end)
			if err != nil {
				return err
			}
			return d.initializer(t, path, seen)
		case 15:
			return d.sparse(f.end, path, "sparse", seen)
		}
		return d.other(f, 2, 10, 11, 12, 13, 14, 16)
	})
}

// initializer adds a tensor that has a name of its own in its graph.
func (d *decoder) initializer(t *tensor, path string, seen map[string]bool) error {
	if seen[t.name] {
		return malformed("the graph holds the tensor %.80q twice", t.name)
	}
	seen[t.name] = true
	name := t.name
	if packed := d.nbits[join(path, name)]; packed != "" {
		name = packed
	} else {
		name = join(path, name)
	}
	return d.add(t, name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sparse adds the values and the indices of a sparse tensor, whose name is that of its
// values.
func (d *decoder) sparse(end int64, path, fallback string, seen map[string]bool) error {
	name := ""
	return d.each(end, func(f field) error {
		if f.wire != wireBytes || (f.number != 1 && f.number != 2) {
			return d.other(f, 3)
		}
		t, err := d.tensor(f.end)
		if err != nil {
			return err
		}
		if f.number == 1 {
			if name = t.name; name == "" {
				name = fallback
			}
			t.name = name
		} else {
			t.name = name + ".indices"
		}
		if seen == nil {
			return d.add(t, join(path, t.name))
		}
		return d.initializer(t, path, seen)
	})
}

// function reads the nodes of a function, and what its attributes are where a caller names
// none.
func (d *decoder) function(end int64) error {
	nodes := 0
	path := "function"
	return d.each(end, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		switch f.number {
		case 1:
			if n := f.bytes(d.cursor); n <= 1<<10 {
				name, err := d.text(n)
				path = join("function", name)
				return err
			}
		case 7:
			nodes++
			return d.node(f.end, path, nodes, 1)
		case 11:
			_, err := d.attribute(f.end, path, 1)
			return err
		}
		return d.other(f, 1, 4, 5, 6, 8, 9, 10, 12, 13, 14)
	})
}

// mostInputs is how many inputs of a node are remembered: MatMulNBits has at most six.
const mostInputs = 6

// node reads the attributes of a node for tensors and graphs.
func (d *decoder) node(end int64, path string, number, depth int) error {
	var inputs []string
	name, operator := "", ""
	bits := int64(4) // the operator's default
	err := d.each(end, func(f field) error {
		if f.wire != wireBytes {
			return nil
		}
		n := f.bytes(d.cursor)
		switch {
		case f.number == 5:
			label := name
			if label == "" {
				label = "node" + strconv.Itoa(number)
			}
			a, err := d.attribute(f.end, join(path, label), depth)
			if err == nil && a.name == "bits" {
				bits = a.value
			}
			return err
		case f.number > 4 || n > 4<<10:
			return d.other(f, 1, 2, 3, 4, 6, 7, 8, 9, 10)
		}
		text, err := d.text(n)
		switch {
		case err != nil:
			return err
		case f.number == 1 && len(inputs) < mostInputs:
			inputs = append(inputs, text)
		case f.number == 2 && name == "":
			name = text
		case f.number == 4:
			operator = text
		}
		return nil
	})
	if err == nil && operator == "MatMulNBits" && len(inputs) >= 3 && bits >= 1 && bits <= 8 {
		stem := join(path, inputs[1])
		d.nbits[stem] = stem + ".nbits" + strconv.FormatInt(bits, 10)
		d.nbits[join(path, inputs[2])] = stem + ".nbits_scales"
		if len(inputs) > 3 && inputs[3] != "" {
			d.nbits[join(path, inputs[3])] = stem + ".nbits_zero_points"
		}
	}
	return err
}

// attributeValue is what a node's reader wants to know of an attribute.
type attributeValue struct {
	name  string
	value int64
}

// attribute adds the tensors and graphs of an attribute, and a long list of floats as a
// tensor.
func (d *decoder) attribute(end int64, path string, depth int) (attributeValue, error) {
	var out attributeValue
	var floats int64
	tensors := 0
	child := path
	named := func(t *tensor) string {
		tensors++
		name := child
		if t.name != "" {
			name = join(child, t.name)
		}
		if tensors > 1 {
			name += "." + strconv.Itoa(tensors-1)
		}
		return name
	}
	err := d.each(end, func(f field) error {
		n := f.bytes(d.cursor)
		switch {
		case f.number == 3 && f.wire == wireVarint:
			out.value = int64(f.value)
			return nil
		case f.number == 7 && (f.wire == wireBytes || f.wire == wire32):
			if n%4 != 0 {
				return malformed("a list of floats has %d bytes", n)
			}
			floats += n / 4
			if n > mostText {
				return d.leaveOut(f.end)
			}
			return nil
		case f.wire != wireBytes:
			return nil
		case f.number == 1 && n <= 1<<10:
			text, err := d.text(n)
			out.name, child = text, join(path, text)
			return err
		case f.number == 5, f.number == 10:
			t, err := d.tensor(f.end)
			if err != nil {
				return err
			}
			return d.add(t, named(t))
		case f.number == 6, f.number == 11:
			return d.graph(f.end, child, depth+1)
		case f.number == 22, f.number == 23:
			return d.sparse(f.end, child, "sparse", nil)
		}
		return d.other(f, 1, 4, 8, 9, 13, 14, 15, 21)
	})
	if err == nil && floats > fewNumbers {
		d.data += 4 * floats
		err = d.append(join(child, "floats"), pipeline.F32, []uint64{uint64(floats)}, 0)
	}
	return out, err
}

// append puts a tensor into the table, within the limits.
func (d *decoder) append(name string, dtype pipeline.DType, shape []uint64, offset int64) error {
	if err := d.room(name); err != nil {
		return err
	}
	d.model.Table.Append([]byte(name), dtype, shape, uint64(offset))
	return nil
}

func (d *decoder) room(name string) error {
	d.tensors++
	if d.names += len(name); d.tensors > MaxTensors || d.names > mostNames {
		return overLimit("the model holds more than %d tensors, or names of more than %d bytes", MaxTensors, mostNames)
	}
	if len(name) > mostText {
		return overLimit("a tensor has a name of %d bytes", len(name))
	}
	return nil
}

// looks reports whether an object begins like a model: the version of the format first,
// as every writer puts it, then fields that a model has, up to a graph that fits.
func looks(head []byte, size int64) bool {
	if len(head) < 4 || head[0] != 1<<3|wireVarint {
		return false
	}
	c := newCursor(memory(head), int64(len(head)), nil)
	for fields := 0; fields < 64; fields++ {
		tag, err := c.varint(c.size)
		if err != nil {
			return false
		}
		value, err := c.varint(c.size)
		if err != nil {
			return false
		}
		switch tag {
		case 1<<3 | wireVarint:
			if value == 0 || value > 1000 {
				return false
			}
		case 5<<3 | wireVarint:
		case 7<<3 | wireBytes:
			return value > 0 && value <= uint64(size-c.at) && opensGraph(c)
		case 2<<3 | wireBytes, 3<<3 | wireBytes, 4<<3 | wireBytes, 6<<3 | wireBytes:
			if value > mostText || int64(value) > c.size-c.at {
				return false
			}
			if text, err := c.text(int64(value)); err != nil || !utf8.ValidString(text) {
				return false
			}
		case 8<<3 | wireBytes, 14<<3 | wireBytes, 20<<3 | wireBytes, 25<<3 | wireBytes, 26<<3 | wireBytes:
			if value > uint64(c.size-c.at) {
				return false
			}
			c.at += int64(value)
		default:
			return false
		}
	}
	return false
}

// opensGraph reports whether a graph may begin here, as far as it is in memory.
func opensGraph(c *cursor) bool {
	if c.at == c.size {
		return true
	}
	tag, err := c.varint(c.size)
	if err != nil || tag&7 != wireBytes {
		return false
	}
	switch tag >> 3 {
	case 1, 2, 5, 10, 11, 12, 13, 14, 15, 16:
		return true
	}
	return false
}

// memory is a source that is all there.
type memory []byte

// Head returns all of it.
func (m memory) Head() []byte { return m }

// Fill is never needed.
func (m memory) Fill([]byte, int64) error { return io.ErrUnexpectedEOF }
