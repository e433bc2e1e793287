package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weighbridge/inspectors/safetensors"
)

// wide is a header of n tensors in the form that writers make, with its length in
// front, and the size of the file it describes.
func wide(n int) (file []byte, size int64) {
	var b strings.Builder
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	offset := 0
	for i := range n {
		fmt.Fprintf(&b, `,"model.layers.%d.mlp.experts.%d.gate_proj.weight":{"dtype":"BF16","shape":[2048,7168],"data_offsets":[%d,%d]}`,
			i/256, i%256, offset, offset+2*2048*7168)
		offset += 2 * 2048 * 7168
	}
	b.WriteString("}")
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	file = binary.LittleEndian.AppendUint64(nil, uint64(b.Len()))
	file = append(file, b.String()...)
	return file, int64(len(file) + offset)
}

func BenchmarkDecodeHeader(b *testing.B) {
	file, size := wide(100_000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := safetensors.DecodeHeader(bytes.NewReader(file[8:]), int64(len(file)-8), size); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkJSON(b *testing.B) {
	file, _ := wide(100_000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]struct {
			DType   string    `json:"dtype"`
			Shape   []uint64  `json:"shape"`
			Offsets [2]uint64 `json:"data_offsets"`
		}
		if err := json.Unmarshal(file[8:], &m); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkClone(b *testing.B) {
	file, _ := wide(100_000)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		_ = bytes.Clone(file)
	}
}
