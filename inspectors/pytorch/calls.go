package pytorch

import (
	"math"
	"math/bits"
)

// mostRank is the largest number of dimensions: torch itself has 64 at most.
const mostRank = 64

func (m *machine) stepObject(op byte) error {
	switch op {
	case opGlobal:
		module, err := m.line()
		if err != nil {
			return err
		}
		first := string(module)
		name, err := m.line()
		if err != nil {
			return err
		}
		err = m.load(first, string(name))
		return err
	case opStackGlobal:
		name, err := m.pop()
		if err != nil {
			return err
		}
		module, err := m.pop()
		if err != nil {
			return err
		}
		first, ok := module.(string)
		second, also := name.(string)
		if !ok || !also {
			first, second = "(a name", "that is computed)"
		}
		err = m.load(first, second)
		return err
	case opInst:
		return m.inst()
	case opObj:
		items, err := m.marked()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return m.broken("an object has no class")
		}
		return m.pushCall(items[0], items[1:])
	case opBinPersID:
		id, err := m.pop()
		if err != nil {
			return err
		}
		return m.persistent(id)
	case opBuild:
		state, err := m.pop()
		if err != nil {
			return err
		}
		target, err := m.top()
		if err != nil {
			return err
		}
		return m.setState(target, state)
	}
	return m.reduce(op)
}

// reduce runs the calls: callee, arguments and, for one of them, named arguments.
func (m *machine) reduce(op byte) error {
	var named any
	var err error
	if op == opNewObjEx {
		if named, err = m.pop(); err != nil {
			return err
		}
	}
	args, err := m.pop()
	if err != nil {
		return err
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	if named != nil {
		return m.push(&opaque{callee: callee, args: []any{args, named}})
	}
	list, ok := args.(*sequence)
	if !ok {
		return m.push(&opaque{callee: callee, args: []any{args}})
	}
	return m.pushCall(callee, list.items)
}

// inst is a call of an old kind: its class is written out, its arguments stand above the
// mark.
func (m *machine) inst() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	first := string(module)
	name, err := m.line()
	if err != nil {
		return err
	}
	s := lookup(first, string(name))
	if s.role == roleForeign {
		m.foreign(s.name)
	}
	items, err := m.marked()
	if err != nil {
		return err
	}
	return m.pushCall(s, items)
}

func (m *machine) pushCall(callee any, args []any) error {
	if err := m.build(len(args)); err != nil {
		return err
	}
	v, err := m.call(callee, args)
	if err != nil {
		return err
	}
	return m.push(v)
}

// call returns what a call of a known name builds, and an opaque value for every other.
func (m *machine) call(callee any, args []any) (any, error) {
	unknown := &opaque{callee: callee, args: args}
	s, ok := callee.(symbol)
	if !ok {
		return unknown, nil
	}
	switch s.role {
	case roleDict:
		d := &mapping{}
		for _, a := range args {
			switch a := a.(type) {
			case *mapping:
				return d, m.put(d, interleave(a))
			case *sequence: // pairs
				for _, pair := range a.items {
					p, ok := pair.(*sequence)
					if !ok || len(p.items) != 2 {
						return unknown, nil
					}
					if err := m.put(d, p.items); err != nil {
						return nil, err
					}
				}
				return d, nil
			}
		}
		return d, nil
	case roleSequence:
		if len(args) == 1 {
			if a, ok := args[0].(*sequence); ok {
				return &sequence{items: append([]any(nil), a.items...), tuple: s.name == "torch.Size"}, m.build(len(a.items))
			}
			return unknown, nil
		}
		return &sequence{}, nil
	case roleBytes:
		var n int64
		for _, a := range args {
			switch a := a.(type) {
			case string:
				n += int64(len(a))
			case *blob:
				n += a.bytes
			}
		}
		return &blob{n}, nil
	case roleInert:
		return nil, nil //nolint:nilnil // the pickle's own None
	case roleTensor, roleTensorTyped:
		return m.rebuild(s, args)
	case roleParameter:
		if len(args) > 0 {
			if t, ok := args[0].(*tensor); ok {
				if len(args) > 3 {
					t.state = args[3]
				}
				return t, nil
			}
		}
		return unknown, nil
	case roleFromType:
		return m.fromType(unknown)
	}
	return unknown, nil
}

func interleave(d *mapping) []any {
	pairs := make([]any, 0, 2*len(d.keys))
	for i := range d.keys {
		pairs = append(pairs, d.keys[i], d.values[i])
	}
	return pairs
}

// fromType calls its first argument with its third, and makes the result a class of its
// own, which the second names. What a class beyond the list makes of it is not known.
func (m *machine) fromType(c *opaque) (any, error) {
	if len(c.args) < 3 {
		return c, nil
	}
	class, ok := c.args[1].(symbol)
	list, also := c.args[2].(*sequence)
	build, callable := c.args[0].(symbol)
	if !ok || !also || !callable || build.role == roleFromType || (class.name != "torch.Tensor" && class.role != roleParameter) {
		return c, nil
	}
	v, err := m.call(build, list.items)
	if t, ok := v.(*tensor); ok && len(c.args) > 3 {
		t.state = c.args[3]
	}
	return v, err
}

// persistent turns a persistent id into the storage that it stands for.
func (m *machine) persistent(id any) error {
	list, ok := id.(*sequence)
	if !ok || len(list.items) == 0 {
		return m.push(&opaque{args: []any{id}})
	}
	what, _ := list.items[0].(string)
	if what != "storage" {
		// ("module", class, source file, source) in old files.
		return m.push(&opaque{args: append([]any(nil), list.items...)})
	}
	if len(list.items) < 5 {
		return m.broken("a storage is not fully described")
	}
	typ, ok := list.items[1].(symbol)
	if !ok || typ.role != roleStorage {
		return m.push(&opaque{args: append([]any(nil), list.items...)})
	}
	key, ok := keyText(list.items[2])
	numel, whole := list.items[4].(int64)
	if !ok || key == "" || !whole || numel < 0 {
		return m.broken("a storage has no proper key or number of elements")
	}
	if len(list.items) > 5 && list.items[5] != nil {
		// A view of another storage: files before version 0.4.
		return m.push(&opaque{args: append([]any(nil), list.items...)})
	}
	if hi, lo := bits.Mul64(uint64(numel), max(typ.typ.bytes, 1)); hi != 0 || lo > math.MaxInt64 {
		return m.broken("storage %.40q has more than 2^63 bytes", key)
	}
	s := &storage{key: key, typ: typ.typ, numel: uint64(numel)}
	known := m.pickle.storages[key]
	if known == nil {
		m.pickle.storages[key] = s
		m.pickle.keys = append(m.pickle.keys, key)
		return m.push(s)
	}
	if *known != *s {
		return m.broken("storage %.40q is described twice, and differently", key)
	}
	return m.push(known)
}

// rebuild makes a tensor of a storage: offset, size and stride count in its elements.
func (m *machine) rebuild(s symbol, args []any) (any, error) {
	unknown := &opaque{callee: s, args: args}
	if len(args) < 4 {
		return unknown, nil
	}
	source, ok := args[0].(*storage)
	if !ok {
		return unknown, nil
	}
	t := &tensor{storage: source, typ: source.typ}
	if s.role == roleTensorTyped {
		if len(args) < 7 {
			return unknown, nil
		}
		typ, ok := args[6].(symbol)
		if !ok || typ.role != roleDType {
			return unknown, nil
		}
		t.typ = typ.typ
	}
	offset, ok := args[1].(int64)
	if !ok || offset < 0 {
		return nil, m.broken("a tensor has no proper offset")
	}
	t.offset = uint64(offset)
	var err error
	if t.shape, err = m.numbers(args[2], "size"); err != nil {
		return nil, err
	}
	if t.strides, err = m.numbers(args[3], "stride"); err != nil {
		return nil, err
	}
	if len(t.shape) != len(t.strides) {
		return nil, m.broken("a tensor has %d dimensions and %d strides", len(t.shape), len(t.strides))
	}
	return t, m.build(2 * len(t.shape))
}

func (m *machine) numbers(v any, what string) ([]uint64, error) {
	list, ok := v.(*sequence)
	if !ok || len(list.items) > mostRank {
		return nil, m.broken("a tensor has no proper %s", what)
	}
	out := make([]uint64, len(list.items))
	for i, item := range list.items {
		n, ok := item.(int64)
		if !ok || n < 0 {
			return nil, m.broken("a tensor has no proper %s", what)
		}
		out[i] = uint64(n)
	}
	return out, nil
}
