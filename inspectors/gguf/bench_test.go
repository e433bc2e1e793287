package gguf_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	files "weighbridge/fixtures/gguf"
	"weighbridge/inspectors/gguf"
)

// BenchmarkDecode reads the header of a model with a tokenizer of 128,256 words and 291
// tensors, alone and with the digest of what was read.
func BenchmarkDecode(b *testing.B) {
	f := files.File{Values: files.Words(128_256), Tensors: files.Llama(32, 4096, 1024, 14336, 128_256, files.TypeOf("Q4_K"))}
	header, size := f.Header(), f.Size()
	for name, taken := range map[string]io.Writer{"parse": io.Discard, "parse-and-digest": sha256.New()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(header)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := gguf.Decode(bytes.NewReader(header), size, taken)
				require.NoError(b, err)
			}
		})
	}
}
