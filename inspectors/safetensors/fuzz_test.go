package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	nlp "github.com/nlpodyssey/safetensors"
	"github.com/stretchr/testify/require"

	"weighbridge/fixtures/hostile"
	"weighbridge/inspectors/safetensors"
	"weighbridge/pipeline"
)

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// seed adds every small hostile file to a fuzz test.
func seed(f *testing.F) {
	f.Helper()
	for _, c := range hostile.Cases() {
		if c.Size <= 1<<16 {
			f.Add(c.Bytes())
		}
	}
}

// read is our reader on a file in memory.
func read(file []byte) (*safetensors.Header, error) {
	n, err := safetensors.HeaderLength(file, int64(len(file)))
	if err != nil {
		return nil, err
	}
	return safetensors.DecodeHeader(bytes.NewReader(file[8:]), n, int64(len(file)))
}

// FuzzHeader: whatever the bytes are, the answer is a header whose tensors cover the
// file, or an error with a reason; and an independent reader over JSON tokens, written
// from the same profile, gives the same answer.
func FuzzHeader(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := read(file)
		want, wantErr := readTokens(file)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			require.Error(t, wantErr, "we refuse, the token reader does not: %v", err)
			return
		}
		require.NoError(t, wantErr)
		require.Equal(t, len(want), got.Table.Len())
		var sum uint64
		for i := range got.Table.Len() {
			tensor := got.Table.At(i)
			require.Equal(t, want[i].Name, tensor.Name)
			require.Equal(t, want[i].DType, tensor.DType)
			require.Len(t, tensor.Shape, len(want[i].Shape))
			for k := range tensor.Shape {
				require.Equal(t, want[i].Shape[k], tensor.Shape[k])
			}
			require.Equal(t, want[i].Offset, tensor.Offset)
			sum += tensor.Bytes()
		}
		require.Equal(t, got.Table.HeaderEnd+int64(sum), int64(len(file)))
	})
}

// FuzzAgainstNlpodyssey: what we accept, and only holds types that nlpodyssey's reader
// knows, it accepts too, with the same tensors.
func FuzzAgainstNlpodyssey(f *testing.F) {
	seed(f)
	known := map[pipeline.DType]bool{pipeline.BOOL: true, pipeline.U8: true, pipeline.I8: true, pipeline.I16: true, pipeline.U16: true,
		pipeline.F16: true, pipeline.BF16: true, pipeline.I32: true, pipeline.U32: true, pipeline.F32: true, pipeline.I64: true,
		pipeline.U64: true, pipeline.F64: true}
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := read(file)
		if err != nil {
			return
		}
		for i := range got.Table.Len() {
			tensor := got.Table.At(i)
			if !known[tensor.DType] || len(tensor.Shape) == 0 {
				return // nlpodyssey gives a scalar no elements
			}
		}
		theirs, err := nlp.Deserialize(file)
		require.NoError(t, err)
		require.Equal(t, got.Table.Len(), theirs.Len())
		for i := range got.Table.Len() {
			tensor := got.Table.At(i)
			view, ok := theirs.Tensor(tensor.Name)
			require.True(t, ok, "tensor %q", tensor.Name)
			require.Equal(t, tensor.DType.String(), view.DType().String())
			require.Len(t, view.Shape(), len(tensor.Shape))
			require.Len(t, view.Data(), int(tensor.Bytes()))
		}
	})
}

// FuzzIndex: an index is read or refused with a reason, and what is read is consistent
// in itself.
func FuzzIndex(f *testing.F) {
	for _, text := range []string{
		`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`,
		`{"metadata":{"total_size":8.0},"weight_map":{"a":"../x"}} {"more":1}`,
		`{"weight_map":{}}`, `{"metadata":null,"weight_map":{"\u0061":"x","a":"x"}}`, `{`, `[]`, `{"weight_map":null}`,
		`{"metadata":{"total_size":18446744073709551616},"weight_map":{"":""}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := safetensors.DecodeIndex(bytes.NewReader(text), int64(len(text)), "dir/model.safetensors.index.json")
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrMalformed)
			return
		}
		for i := range x.Len() {
			name, shard := x.At(i)
			require.Equal(t, i, x.Find(name))
			require.Less(t, shard, len(x.Shards))
			_, ok := x.HeaderBytes(x.Dir + x.Shards[shard])
			require.True(t, ok)
		}
	})
}

// readTokens is the acceptance profile once more, in the plainest way: over the tokens
// of a library that refuses repeated names and invalid UTF-8 by itself.
func readTokens(file []byte) ([]pipeline.Tensor, error) {
	if len(file) < 8 {
		return nil, errors.New("short")
	}
	n := binary.LittleEndian.Uint64(file)
	if n == 0 || n > safetensors.MaxHeader || n > uint64(len(file)-8) {
		return nil, errors.New("length")
	}
	text := file[8 : 8+n]
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if err := token(d, '{'); err != nil {
		return nil, err
	}
	var tensors []pipeline.Tensor
	var spans []span
	for d.PeekKind() != '}' {
		name, err := str(d)
		if err != nil {
			return nil, err
		}
		if name == "__metadata__" {
			if err := tokenMetadata(d); err != nil {
				return nil, err
			}
			continue
		}
		if len(name) > safetensors.MaxName || strings.ContainsRune(name, 0) {
			return nil, errors.New("name")
		}
		tensor, s, err := tokenTensor(d)
		if err != nil {
			return nil, err
		}
		tensor.Name = name
		tensor.Offset = 8 + n + s.begin
		tensors = append(tensors, tensor)
		spans = append(spans, s)
	}
	if err := token(d, '}'); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("trailing")
	}
	return tensors, cover(spans, uint64(len(file))-8-n)
}

type span struct{ begin, end uint64 }

// cover requires that the spans cover [0, size) without hole or overlap, by taking
// away from an unordered set whatever fits next.
func cover(spans []span, size uint64) error {
	at := uint64(0)
	for len(spans) > 0 {
		next, best := -1, uint64(math.MaxUint64)
		for i, s := range spans {
			if s.begin == at && s.end-s.begin < best {
				next, best = i, s.end-s.begin
			}
		}
		if next < 0 {
			return errors.New("hole or overlap")
		}
		at = spans[next].end
		spans = append(spans[:next], spans[next+1:]...)
	}
	if at != size {
		return errors.New("size")
	}
	return nil
}

func token(d *jsontext.Decoder, kind jsontext.Kind) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != kind {
		return errors.New("kind")
	}
	return nil
}

func str(d *jsontext.Decoder) (string, error) {
	t, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	if t.Kind() != '"' || !utf8.ValidString(t.String()) {
		return "", errors.New("no text")
	}
	return t.String(), nil
}

func tokenMetadata(d *jsontext.Decoder) error {
	if d.PeekKind() == 'n' {
		return token(d, 'n')
	}
	if err := token(d, '{'); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		for range 2 {
			if _, err := str(d); err != nil {
				return err
			}
		}
	}
	return token(d, '}')
}

func tokenTensor(d *jsontext.Decoder) (tensor pipeline.Tensor, s span, err error) {
	if err := token(d, '{'); err != nil {
		return tensor, s, err
	}
	seen := map[string]bool{}
	for d.PeekKind() != '}' {
		key, err := str(d)
		if err != nil {
			return tensor, s, err
		}
		seen[key] = true
		switch key {
		case "dtype":
			name, err := str(d)
			if err != nil {
				return tensor, s, err
			}
			var ok bool
			if tensor.DType, ok = pipeline.ParseDType(name); !ok {
				return tensor, s, errors.New("dtype")
			}
		case "shape":
			if tensor.Shape, err = numbers(d); err != nil {
				return tensor, s, err
			}
		case "data_offsets":
			offsets, err := numbers(d)
			if err != nil || len(offsets) != 2 {
				return tensor, s, errors.New("offsets")
			}
			s = span{offsets[0], offsets[1]}
		default:
			return tensor, s, errors.New("key")
		}
	}
	if err := token(d, '}'); err != nil || len(seen) != 3 || len(tensor.Shape) > safetensors.MaxRank {
		return tensor, s, errors.New("keys")
	}
	elements := uint64(1)
	for _, dim := range tensor.Shape {
		if dim != 0 && elements > math.MaxInt64/dim {
			return tensor, s, errors.New("overflow")
		}
		elements *= dim
	}
	size := tensor.DType.Bits()
	if elements > math.MaxUint64/size || elements*size%8 != 0 || s.end < s.begin || s.end-s.begin != elements*size/8 {
		return tensor, s, errors.New("span")
	}
	return tensor, s, nil
}

func numbers(d *jsontext.Decoder) ([]uint64, error) {
	if err := token(d, '['); err != nil {
		return nil, err
	}
	var out []uint64
	for d.PeekKind() != ']' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if t.Kind() != '0' {
			return nil, errors.New("no number")
		}
		v, err := strconv.ParseInt(t.String(), 10, 64)
		if err != nil || v < 0 || strings.HasPrefix(t.String(), "-") {
			return nil, errors.New("no plain number")
		}
		out = append(out, uint64(v))
	}
	return out, token(d, ']')
}
