package architecture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"weighbridge/pipeline"
)

// shapeKey appends dtype and shape such that keys order as the numbers in them do.
func shapeKey(dst []byte, t pipeline.Tensor) []byte {
	dst = append(dst, byte(t.DType), byte(len(t.Shape)>>8), byte(len(t.Shape)))
	for _, d := range t.Shape {
		dst = binary.BigEndian.AppendUint64(dst, d)
	}
	return dst
}

// keyDims returns the shape of a key, as text that two keys share whose shapes are
// equal whatever their dtypes are.
func keyDims(key string) string { return key[3:] }

// fingerprint names the structure of a model: SHA-256 over every different pair of
// dtype and shape with the number of tensors that have it, in order. Names, files and
// the order of tensors take no part, so it survives renaming, resharding and
// reordering.
func fingerprint(tables []*pipeline.Table, parts []*structure) string {
	counts := map[string]uint64{}
	for _, s := range parts {
		if s.scattered {
			return scatteredFingerprint(tables)
		}
		for k, n := range s.shapes {
			counts[k] += *n
		}
	}
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		writeShape(h, []byte(k), counts[k])
	}
	return string(pipeline.DigestOf(h.Sum(nil)))
}

// writeShape hashes a key and its count. It returns the space of the key, grown.
func writeShape(h hash.Hash, key []byte, n uint64) []byte {
	key = binary.LittleEndian.AppendUint64(key, n)
	h.Write(key)
	return key
}

// scatteredFingerprint computes the same where there are more shapes than are worth a
// map: it puts the tensors in order instead, at eight bytes each.
func scatteredFingerprint(tables []*pipeline.Table) string {
	type place struct{ table, tensor uint32 }
	n := 0
	for _, t := range tables {
		n += t.Len()
	}
	all := make([]place, 0, n)
	for ti, t := range tables {
		for i := range t.Len() {
			all = append(all, place{uint32(ti), uint32(i)})
		}
	}
	var a, b []byte
	slices.SortFunc(all, func(x, y place) int {
		a = shapeKey(a[:0], tables[x.table].At(int(x.tensor)))
		b = shapeKey(b[:0], tables[y.table].At(int(y.tensor)))
		return bytes.Compare(a, b)
	})
	h := sha256.New()
	count := uint64(0)
	for _, p := range all {
		a = shapeKey(a[:0], tables[p.table].At(int(p.tensor)))
		if count > 0 && !bytes.Equal(a, b) {
			b = writeShape(h, b, count)
			count = 0
		}
		b = append(b[:0], a...)
		count++
	}
	writeShape(h, b, count)
	return string(pipeline.DigestOf(h.Sum(nil)))
}
