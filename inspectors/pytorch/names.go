package pytorch

import "strings"

// role is what an imported name stands for.
type role uint8

const (
	// roleForeign: the name is beyond the list of known ones.
	roleForeign role = iota
	// roleInert: a type or a constant; a call of it builds a plain value.
	roleInert
	roleDict
	// roleSequence: a call of it returns its argument.
	roleSequence
	roleBytes
	roleStorage
	roleDType
	roleTensor      // _rebuild_tensor and _rebuild_tensor_v2
	roleTensorTyped // _rebuild_tensor_v3
	roleParameter   // its first argument is the tensor
	roleFromType    // _rebuild_from_type_v2: calls its first argument with its third
	// roleUnweighed: known, and what it builds is more than its parts show.
	roleUnweighed
)

// known is the list of names that a checkpoint may import without being named for it: what
// torch's own loader of weights allows (_weights_only_unpickler.py) and the plain types
// of Python.
var known = func() map[string]symbol {
	m := map[string]symbol{}
	add := func(r role, names ...string) {
		for _, n := range names {
			m[n] = symbol{name: n, role: r}
		}
	}
	add(roleDict, "collections.OrderedDict", "collections.defaultdict", "collections.Counter")
	for _, module := range []string{"builtins.", "__builtin__."} {
		add(roleDict, module+"dict")
		add(roleSequence, module+"list", module+"tuple", module+"set", module+"frozenset")
		add(roleBytes, module+"bytes", module+"bytearray", module+"str")
		add(roleInert, module+"int", module+"float", module+"bool", module+"complex")
	}
	add(roleBytes, "_codecs.encode")
	add(roleSequence, "torch.Size")
	add(roleInert, "torch.device", "torch.serialization._get_layout", "torch.Tensor",
		"torch.per_tensor_affine", "torch.per_tensor_symmetric", "torch.per_channel_affine", "torch.per_channel_symmetric", "torch.per_channel_affine_float_qparams")
	add(roleTensor, "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
	add(roleTensorTyped, "torch._utils._rebuild_tensor_v3")
	add(roleParameter, "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
		"torch.nn.parameter.Parameter", "torch.nn.Parameter", "torch._utils._rebuild_device_tensor_from_cpu_tensor")
	add(roleFromType, "torch._tensor._rebuild_from_type_v2")
	add(roleUnweighed, "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor", "torch._utils._rebuild_qtensor",
		"torch._utils._rebuild_meta_tensor_no_storage", "torch._utils._rebuild_wrapper_subclass", "torch._utils._rebuild_nested_tensor",
		"torch._utils._rebuild_device_tensor_from_numpy")
	for name, typ := range dtypes {
		m["torch."+name] = symbol{name: "torch." + name, role: roleDType, typ: typ}
	}
	for name, typ := range storages {
		for _, module := range []string{"torch.", "torch.cuda."} {
			full := module + name + "Storage"
			m[full] = symbol{name: full, role: roleStorage, typ: dtypes[typ]}
		}
	}
	// A storage without a type is counted in bytes.
	for _, full := range []string{"torch.storage.UntypedStorage", "torch.storage._UntypedStorage", "torch.UntypedStorage",
		"torch.storage.TypedStorage", "torch.storage._TypedStorage"} {
		m[full] = symbol{name: full, role: roleStorage, typ: dtypes["uint8"]}
	}
	return m
}()

// lookup returns the symbol of an imported name. A dot inside module or name leads to the
// same place as one between them, so the joined name decides.
func lookup(module, name string) symbol {
	full := module + "." + name
	if s, ok := known[full]; ok {
		return s
	}
	return symbol{name: full, role: roleForeign}
}

// scripted reports whether a name belongs to what TorchScript writes about its own
// modules, which are data of the same archive.
func scripted(name string) bool {
	return strings.HasPrefix(name, "__torch__.") || strings.HasPrefix(name, "torch.jit._pickle.")
}
