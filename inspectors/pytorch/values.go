package pytorch

// A pickle builds values from numbers, texts, lists and calls. The machine keeps them in
// these types and in nil, bool, int64, float64 and string. Nothing is ever called: a call
// of a known name becomes what that name is known to build, any other call becomes an
// opaque value that keeps its arguments.

// long is a whole number that does not fit 64 bits, as little-endian two's complement.
type long string

// blob is a text or a run of bytes whose content is of no interest.
type blob struct{ bytes int64 }

// sequence is a list, a tuple or a set.
type sequence struct {
	items []any
	tuple bool
}

// mapping is a dictionary. state is what the object carries beside its entries.
type mapping struct {
	keys, values []any
	state        any
}

// symbol is an imported name.
type symbol struct {
	name string
	role role
	typ  element // of roleStorage and roleDType
}

// opaque is the result of a call that the machine does not know.
type opaque struct {
	callee any
	args   []any
}

// storage is a persistent id: a run of elements that lies outside the pickle. numel is
// the number of elements of typ in it.
type storage struct {
	key   string
	typ   element
	numel uint64
}

// tensor is a view of a storage. Offset and strides are in elements of typ.
type tensor struct {
	storage        *storage
	typ            element
	offset         uint64
	shape, strides []uint64
	// state is what the object carries beside its elements.
	state any
}
