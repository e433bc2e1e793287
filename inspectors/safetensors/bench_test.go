package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	nlp "github.com/nlpodyssey/safetensors"

	"weighbridge/inspectors/safetensors"
)

// wide is a header of n tensors in the form that writers make, with its length in
// front, and the size of the file that it describes.
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

// BenchmarkHeaderOfAMillion reads a header of 1.3 million tensors, just under the limit
// of 100 MB.
func BenchmarkHeaderOfAMillion(b *testing.B) {
	var text strings.Builder
	text.WriteString("{")
	const n = 1_300_000
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `"l.%d.w":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}`, i, i, i+1)
	}
	text.WriteString("}")
	header := []byte(text.String())
	if len(header) > safetensors.MaxHeader {
		b.Fatalf("the header has %d bytes", len(header))
	}
	b.SetBytes(int64(len(header)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := safetensors.DecodeHeader(bytes.NewReader(header), int64(len(header)), int64(8+len(header)+n)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHeader reads one header of 100,000 tensors in five ways, in one run: ours,
// encoding/json into a typed map, a pass over the tokens of jsontext, nlpodyssey's
// metadata, and a copy of the bytes as the floor.
func BenchmarkHeader(b *testing.B) {
	file, size := wide(100_000)
	text := file[8:]
	run := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("weighbridge", func() error {
		_, err := safetensors.DecodeHeader(bytes.NewReader(text), int64(len(text)), size)
		return err
	})
	run("encoding-json", func() error {
		var m map[string]struct {
			DType   string    `json:"dtype"`
			Shape   []uint64  `json:"shape"`
			Offsets [2]uint64 `json:"data_offsets"`
		}
		return json.Unmarshal(text, &m)
	})
	run("jsontext-tokens", func() error {
		d := jsontext.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.ReadToken(); err != nil {
				return ignoreEOF(err)
			}
		}
	})
	run("nlpodyssey", func() error {
		var m nlp.Metadata
		return m.UnmarshalJSON(text)
	})
	run("bytes-Clone", func() error {
		_ = bytes.Clone(text)
		return nil
	})
}
