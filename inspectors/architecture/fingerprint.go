package architecture

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"weighbridge/pipeline"
)

// fingerprint names the structure of a model: SHA-256 over every different pair of
// dtype and shape with the number of tensors that have it, in order. Names, files and
// order take no part, so it survives renaming, resharding and reordering.
func fingerprint(tables []*pipeline.Table) string {
	counts := map[string]uint64{}
	var buf []byte
	for _, t := range tables {
		for i := range t.Len() {
			tensor := t.At(i)
			buf = append(buf[:0], byte(tensor.DType), byte(len(tensor.Shape)))
			for _, d := range tensor.Shape {
				buf = binary.LittleEndian.AppendUint64(buf, d)
			}
			counts[string(buf)]++
		}
	}
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, k := range keys {
		buf = append(buf[:0], k...)
		h.Write(binary.LittleEndian.AppendUint64(buf, counts[k]))
	}
	return string(pipeline.DigestOf(h.Sum(nil)))
}
