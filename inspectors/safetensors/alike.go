package safetensors

import (
	"encoding/binary"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"weighbridge/pipeline"
)

// namesAlike counts the names that equal an earlier one after Unicode normalisation
// (NFC) and case folding. Such twins are legal, and to a person one tensor.
func namesAlike(t *pipeline.Table) int64 {
	fold := cases.Fold()
	var folded pipeline.Table
	at := func(i int) string { return folded.At(i).Name }
	seen := newNameSet(t.Len())
	var alike int64
	var buf []byte
	for i := range t.Len() {
		name := t.At(i).Name
		if foldable(name) {
			buf = append(buf[:0], norm.NFC.String(fold.String(norm.NFC.String(name)))...)
		} else {
			buf = append(buf[:0], name...)
		}
		if seen.insert(buf, folded.Len(), at) >= 0 {
			alike++
			continue
		}
		folded.Append(buf, pipeline.DTypeUnknown, nil, 0)
	}
	return alike
}

// foldable reports whether a name holds an upper-case letter or a byte above ASCII,
// looking at eight bytes at a time.
func foldable(name string) bool {
	var word [8]byte
	for len(name) > 0 {
		n := copy(word[:], name)
		clear(word[n:])
		name = name[n:]
		w := binary.LittleEndian.Uint64(word[:])
		if w&highs != 0 {
			return true
		}
		if upperLetters(w)&highs != 0 {
			return true
		}
	}
	return false
}
