package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"weighbridge/fixtures/hostile"
	"weighbridge/inspectors/safetensors"
	"weighbridge/pipeline"
)

// decode reads a header of JSON text, for a file that holds data bytes behind it.
func decode(text string, data int64) (*safetensors.Header, error) {
	n := int64(len(text))
	return safetensors.DecodeHeader(bytes.NewReader([]byte(text)), n, 8+n+data)
}

func TestDecodeHeader_Hostile(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			file := c.Reader()
			head := make([]byte, min(8, c.Size))
			_, err := io.ReadFull(file, head)
			require.NoError(t, err)
			n, err := safetensors.HeaderLength(head, c.Size)
			var h *safetensors.Header
			if err == nil {
				h, err = safetensors.DecodeHeader(io.NewSectionReader(c.Reader(), 8, n), n, c.Size)
			}
			switch c.Want {
			case hostile.Malformed, hostile.Pointer:
				require.ErrorIs(t, err, pipeline.ErrMalformed, c.Rule)
				require.Greater(t, len(err.Error()), 20, "a reason that a person understands")
				return
			}
			require.NoError(t, err, c.Rule)
			require.Equal(t, c.Tensors, h.Table.Len())
			var elements uint64
			for i := range h.Table.Len() {
				k, ok := h.Table.At(i).Elements()
				require.True(t, ok)
				elements += k
			}
			require.Equal(t, c.Elements, elements)
			flagged := map[string]int64{"names_empty": h.NamesEmpty, "names_alike": h.NamesAlike, "empty_huge": h.EmptyHuge}
			for flag, count := range flagged {
				if c.Flag == "headers."+flag {
					require.Positive(t, count, flag)
				} else {
					require.Zero(t, count, flag)
				}
			}
		})
	}
}

func TestDecodeHeader_OneByteAtATime(t *testing.T) {
	t.Parallel()
	const text = ` {"__metadata__":{"format":"pt","note":"a\u00e9\ud83d\ude00"},` +
		`"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]} , "b.é" : { "shape" : [ ] , "data_offsets":[24,26],"dtype":"BF16" }} `
	n := int64(len(text))
	h, err := safetensors.DecodeHeader(iotest.OneByteReader(bytes.NewReader([]byte(text))), n, 8+n+26)
	require.NoError(t, err)
	require.Equal(t, 2, h.Table.Len())
	require.Equal(t, map[string]string{"format": "pt", "note": "aé😀"}, h.Table.Metadata)
	require.Equal(t, pipeline.Tensor{Name: "a", DType: pipeline.F32, Shape: []uint64{2, 3}, Offset: uint64(8 + n)}, h.Table.At(0))
	b := h.Table.At(1)
	require.Equal(t, "b.é", b.Name)
	require.Empty(t, b.Shape)
	require.Equal(t, uint64(2), b.Bytes())
}

// An entry longer than any window is read in one piece, at every place where a window
// may end.
func TestDecodeHeader_LongEntries(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1 << 10, 60 << 10, safetensors.MaxName} {
		name := string(bytes.Repeat([]byte{'n'}, length))
		text := `{"__metadata__":{"` + name + `":"` + string(bytes.Repeat([]byte("v"), 400<<10)) + `"},"` + name + `":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`
		h, err := decode(text, 1)
		require.NoError(t, err)
		require.Equal(t, name, h.Table.At(0).Name)
	}
	_, err := decode(`{"`+string(bytes.Repeat([]byte{'n'}, safetensors.MaxName+1))+`":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)
	require.ErrorIs(t, err, pipeline.ErrMalformed)
}

func TestDecodeHeader_TwiceInManyOrders(t *testing.T) {
	t.Parallel()
	entry := func(name string, at byte) string {
		return `"` + name + `":{"dtype":"U8","shape":[1],"data_offsets":[` + string('0'+at) + `,` + string('0'+at+1) + `]}`
	}
	tests := map[string]string{
		"neighbours": `{` + entry("a", 0) + `,` + entry("a", 1) + `}`,
		"two runs":   `{` + entry("a", 0) + `,` + entry("b", 1) + `,` + entry("a", 2) + `}`,
		"end of run": `{` + entry("c", 0) + `,` + entry("a", 1) + `,` + entry("c", 2) + `}`,
		"many runs": `{` + entry("i", 0) + `,` + entry("h", 1) + `,` + entry("g", 2) + `,` + entry("f", 3) + `,` + entry("e", 4) + `,` +
			entry("d", 5) + `,` + entry("c", 6) + `,` + entry("b", 7) + `,` + entry("h", 8) + `}`,
		"an escape": `{` + entry("a", 0) + `,` + entry(`\u0061`, 1) + `}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(text, 9)
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			require.ErrorContains(t, err, "twice")
		})
	}
}

func TestDecodeHeader_ManyTensorsInAnyOrder(t *testing.T) {
	t.Parallel()
	text, size := wide(20_000)
	h, err := safetensors.DecodeHeader(bytes.NewReader(text[8:]), int64(len(text)-8), size)
	require.NoError(t, err)
	require.Equal(t, 20_000, h.Table.Len())
	require.Equal(t, "model.layers.78.mlp.experts.31.gate_proj.weight", h.Table.At(19_999).Name)
	for i := range h.Table.Len() {
		require.Equal(t, uint64(len(text))+uint64(i)*2*2048*7168, h.Table.At(i).Offset)
	}
}

func TestDecodeHeader_ReaderFails(t *testing.T) {
	t.Parallel()
	_, err := safetensors.DecodeHeader(iotest.ErrReader(pipeline.ErrChanged), 10, 20)
	require.ErrorIs(t, err, pipeline.ErrChanged)
	_, err = safetensors.DecodeHeader(bytes.NewReader([]byte(`{"a"`)), 10, 20)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestHeaderLength(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		n     uint64
		size  int64
		fails bool
	}{
		{"the limit", safetensors.MaxHeader, safetensors.MaxHeader + 8, false},
		{"one above the limit", safetensors.MaxHeader + 1, safetensors.MaxHeader + 9, true},
		{"all ones", math.MaxUint64, 1 << 40, true},
		{"longer than the file", 100, 107, true},
		{"all of the file", 100, 108, false},
		{"nothing", 0, 108, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := safetensors.HeaderLength(binary.LittleEndian.AppendUint64(nil, tt.n), tt.size)
			if tt.fails {
				require.ErrorIs(t, err, pipeline.ErrMalformed)
				return
			}
			require.NoError(t, err)
			require.Equal(t, int64(tt.n), n)
		})
	}
	_, err := safetensors.HeaderLength([]byte("short"), 5)
	require.ErrorIs(t, err, pipeline.ErrMalformed)
}
