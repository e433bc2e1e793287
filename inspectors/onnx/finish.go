package onnx

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// mostNamed is how many missing objects a fact names.
const mostNamed = 20

// cover orders the tensors of one object and returns how many of its bytes they explain,
// and which of them count: tensors that are the same bytes, of one type, are one. Of
// tensors that overlap in any other way the first counts, and the bytes of the others are
// not explained.
func cover(refs []reference) (covered int64, counted []reference) {
	ordered := slices.Clone(refs)
	slices.SortFunc(ordered, func(a, b reference) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.model, b.model), strings.Compare(a.Name, b.Name))
	})
	var reach, doubtful int64
	var last *External
	for _, r := range ordered {
		switch {
		case r.Bytes == 0:
			counted = append(counted, r)
		case r.Offset >= reach:
			reach, last = r.Offset+r.Bytes, r.External
			covered += r.Bytes
			counted = append(counted, r)
		case r.Offset == last.Offset && r.Bytes == last.Bytes && r.DType == last.DType:
		default:
			reach = max(reach, r.Offset+r.Bytes)
			doubtful += min(r.Bytes, reach)
			doubtful = min(doubtful, reach)
		}
	}
	return max(0, covered-doubtful), counted
}

// Finish hands over the tables in order of path: one for each model, and one for each
// object that holds data of tensors.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	var evidence []pipeline.Evidence
	var unknown int64
	producer := ""
	for _, p := range slices.Sorted(maps.Keys(r.models)) {
		m := r.models[p]
		if m.Table.Len() > 0 {
			readings.Tables = append(readings.Tables, m.Table)
		}
		unknown += m.TypesUnknown
		producer = cmp.Or(producer, m.Producer)
		evidence = append(evidence, pipeline.Evidence{Object: p})
	}
	var external int64
	for _, object := range slices.Sorted(maps.Keys(r.external)) {
		refs := r.external[object]
		external += int64(len(refs))
		_, counted := cover(refs)
		table := &pipeline.Table{Object: object, Format: Format}
		for _, ref := range counted {
			table.Append([]byte(ref.Name), ref.DType, ref.Shape, uint64(ref.Offset))
		}
		readings.Tables = append(readings.Tables, table)
	}
	missing := slices.Sorted(maps.Keys(r.missing))
	set := func(name string, v any) { facts.Set("onnx."+name, v, pipeline.BasisMeasured, evidence...) }
	set("files", int64(len(r.models)))
	set("external", external)
	set("external_missing", int64(len(missing)))
	set("external_missing_names", append([]string{}, missing[:min(mostNamed, len(missing))]...))
	set("types_unknown", unknown)
	if producer != "" {
		facts.Set("onnx.producer", producer, pipeline.BasisDeclared, evidence...)
	}
}
