package pytorch_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/pytorch"
	"weighbridge/pipeline"
)

// program writes a pickle, instruction by instruction. Its methods return it.
type program struct{ b []byte }

func proto(version byte) *program { return &program{[]byte{0x80, version}} }

func (p *program) op(b ...byte) *program { p.b = append(p.b, b...); return p }

func (p *program) text(s string) *program {
	p.b = append(p.b, 'X')
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(len(s)))
	p.b = append(p.b, s...)
	return p
}

func (p *program) int(n int64) *program {
	if n >= 0 && n < 256 {
		return p.op('K', byte(n))
	}
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		p.b = append(p.b, 'J')
		p.b = binary.LittleEndian.AppendUint32(p.b, uint32(int32(n)))
		return p
	}
	p.b = append(p.b, 0x8a, 8)
	p.b = binary.LittleEndian.AppendUint64(p.b, uint64(n))
	return p
}

func (p *program) ints(ns ...int64) *program {
	p.op('(')
	for _, n := range ns {
		p.int(n)
	}
	return p.op('t')
}

func (p *program) global(module, name string) *program {
	p.b = append(p.b, 'c')
	p.b = append(p.b, module+"\n"+name+"\n"...)
	return p
}

// storage pushes the storage that a persistent id stands for.
func (p *program) storage(typ, key string, numel int64) *program {
	p.op('(').text("storage")
	if typ == "UntypedStorage" {
		p.global("torch.storage", typ)
	} else {
		p.global("torch", typ)
	}
	return p.text(key).text("cpu").int(numel).op('t', 'Q')
}

// view is a tensor of a storage as torch rebuilds it.
type view struct {
	name, typ, key string
	numel, offset  int64
	shape, strides []int64
}

// tensor pushes a tensor. Strides are those of a contiguous one where they are nil.
func (p *program) tensor(v view) *program {
	if v.strides == nil {
		v.strides = make([]int64, len(v.shape))
		step := int64(1)
		for i := len(v.shape) - 1; i >= 0; i-- {
			v.strides[i] = step
			step *= v.shape[i]
		}
	}
	p.global("torch._utils", "_rebuild_tensor_v2").op('(').storage(v.typ, v.key, v.numel).int(v.offset)
	p.ints(v.shape...).ints(v.strides...).op(0x89)
	return p.global("collections", "OrderedDict").op(')', 'R').op('t', 'R')
}

// dict pushes an OrderedDict of tensors.
func (p *program) dict(views ...view) *program {
	p.global("collections", "OrderedDict").op(')', 'R', '(')
	for _, v := range views {
		p.text(v.name).tensor(v)
	}
	return p.op('u')
}

func (p *program) stop() []byte { return append(bytes.Clone(p.b), '.') }

// entry is a member of an archive. data shorter than size is followed by zeros.
type entry struct {
	name          string
	data          []byte
	size          int64
	method, flags uint16
	inflated      int64 // the size that is stated, where it is another
	localName     string
	localSize     int64
	pad           int64 // before the local header
}

func member(name string, data []byte) entry {
	return entry{name: name, data: data, size: int64(len(data))}
}

func hole(name string, size int64) entry { return entry{name: name, size: size} }

// piece is a run of bytes at a place of a sparse file.
type piece struct {
	at    int64
	bytes []byte
}

// sparse is a file of pieces and zeros.
type sparse struct {
	pieces []piece
	size   int64
}

func (s *sparse) add(b []byte) {
	s.pieces = append(s.pieces, piece{s.size, bytes.Clone(b)})
	s.size += int64(len(b))
}

// archive lays an archive out as PyTorch's writer does: data at multiples of 64 bytes,
// sizes behind the data, and with long both forms of the end.
func archive(long bool, comment string, entries ...entry) *sparse {
	s := &sparse{}
	type listed struct {
		entry
		offset int64
	}
	var all []listed
	le := binary.LittleEndian
	for _, e := range entries {
		s.size += e.pad
		offset := s.size
		name := e.name
		if e.localName != "" {
			name = e.localName
		}
		if e.inflated == 0 {
			e.inflated = e.size
		}
		h := []byte("PK\x03\x04\x00\x00")
		h = le.AppendUint16(h, 0x808|e.flags)
		h = le.AppendUint16(h, e.method)
		h = append(h, make([]byte, 8)...)
		h = le.AppendUint32(h, uint32(e.localSize))
		h = le.AppendUint32(h, uint32(e.localSize))
		h = le.AppendUint16(h, uint16(len(name)))
		extra := 4 + (64-(offset+30+int64(len(name))+4)%64)%64
		h = le.AppendUint16(h, uint16(extra))
		h = append(h, name...)
		h = append(h, 'F', 'B')
		h = le.AppendUint16(h, uint16(extra-4))
		h = append(h, bytes.Repeat([]byte{'Z'}, int(extra-4))...)
		s.add(h)
		s.add(e.data)
		s.size += e.size - int64(len(e.data))
		s.add(append([]byte("PK\x07\x08"), make([]byte, 20)...))
		all = append(all, listed{e, offset})
	}
	start := s.size
	for _, e := range all {
		h := []byte("PK\x01\x02\x00\x00\x00\x00")
		h = le.AppendUint16(h, 0x808|e.flags)
		h = le.AppendUint16(h, e.method)
		h = append(h, make([]byte, 8)...)
		var extra []byte
		short := func(v int64) {
			if long || v >= math.MaxUint32 {
				h = le.AppendUint32(h, math.MaxUint32)
				extra = le.AppendUint64(extra, uint64(v))
				return
			}
			h = le.AppendUint32(h, uint32(v))
		}
		// The extra field has the size before the compressed size, the entry after it.
		if long || e.size >= math.MaxUint32 || e.inflated >= math.MaxUint32 {
			h = le.AppendUint32(h, math.MaxUint32)
			h = le.AppendUint32(h, math.MaxUint32)
			extra = le.AppendUint64(extra, uint64(e.inflated))
			extra = le.AppendUint64(extra, uint64(e.size))
		} else {
			h = le.AppendUint32(h, uint32(e.size))
			h = le.AppendUint32(h, uint32(e.inflated))
		}
		rest := h
		h = nil
		short(e.offset)
		place := h
		if len(extra) > 0 {
			extra = append(le.AppendUint16(le.AppendUint16(nil, 1), uint16(len(extra))), extra...)
		}
		h = rest
		h = le.AppendUint16(h, uint16(len(e.name)))
		h = le.AppendUint16(h, uint16(len(extra)))
		h = append(h, make([]byte, 10)...)
		h = append(h, place...)
		h = append(h, e.name...)
		s.add(append(h, extra...))
	}
	length := s.size - start
	count := uint16(len(all))
	length32, start32 := uint32(length), uint32(start)
	if long {
		at := s.size
		r := le.AppendUint64([]byte("PK\x06\x06"), 44)
		r = append(r, make([]byte, 12)...)
		for _, v := range []int64{int64(len(all)), int64(len(all)), length, start} {
			r = le.AppendUint64(r, uint64(v))
		}
		r = append(r, "PK\x06\x07\x00\x00\x00\x00"...)
		r = le.AppendUint64(r, uint64(at))
		s.add(le.AppendUint32(r, 1))
		count, length32, start32 = math.MaxUint16, math.MaxUint32, math.MaxUint32
	}
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = le.AppendUint16(le.AppendUint16(end, count), count)
	end = le.AppendUint32(le.AppendUint32(end, length32), start32)
	end = le.AppendUint16(end, uint16(len(comment)))
	s.add(append(end, comment...))
	return s
}

// bytes is the file in memory.
func (s *sparse) bytes() []byte {
	b := make([]byte, s.size)
	for _, p := range s.pieces {
		copy(b[p.at:], p.bytes)
	}
	return b
}

// write makes a file with holes.
func (s *sparse) write(t *testing.T, folder, name string) {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, name))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(s.size))
	for _, p := range s.pieces {
		_, err := f.WriteAt(p.bytes, p.at)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
}

// inMemory is a file in the hands of a reader. It counts what is asked of it.
type inMemory struct {
	object pipeline.Object
	data   []byte
	head   int
	ranges int
	kept   *keeper
}

type keeper struct {
	bytes.Buffer
	closed bool
}

func (k *keeper) Close() error { k.closed = true; return nil }

func (f *inMemory) Object() pipeline.Object { return f.object }
func (f *inMemory) Head() []byte            { return f.data[:f.head] }
func (f *inMemory) Keep() io.WriteCloser    { f.kept = &keeper{}; return f.kept }

func (f *inMemory) Header(_ context.Context, n int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.data[:n])), nil
}

func (f *inMemory) Range(_ context.Context, offset, n int64) (io.ReadCloser, error) {
	if offset < 0 || n < 1 || offset+n > int64(len(f.data)) {
		return nil, fmt.Errorf("range %d+%d is outside %d bytes", offset, n, len(f.data))
	}
	f.ranges++
	return io.NopCloser(bytes.NewReader(f.data[offset : offset+n])), nil
}

// outcome is what reading one object came to.
type outcome struct {
	claimed bool
	result  pipeline.ReadResult
	err     error
	table   *pipeline.Table
	facts   pipeline.Facts
	file    *inMemory
}

// read runs the reader over one object of which head bytes were read first.
func read(t testing.TB, name string, data []byte, head int) outcome {
	t.Helper()
	o := pipeline.Object{Path: name, Size: int64(len(data))}
	f := &inMemory{object: o, data: data, head: min(head, len(data))}
	run := pytorch.Reader{}.Open([]pipeline.Object{o})
	out := outcome{file: f, claimed: run.Sniff(o, f.Head())}
	if out.claimed {
		out.result, out.err = run.Read(t.Context(), f)
	}
	var readings pipeline.Readings
	var facts pipeline.FactSet
	run.Finish(&readings, &facts)
	require.LessOrEqual(t, len(readings.Tables), 1)
	if len(readings.Tables) == 1 {
		out.table = readings.Tables[0]
	}
	out.facts = facts.Facts
	return out
}

// listing is a table as text: name, type, shape.
func listing(table *pipeline.Table) []string {
	var out []string
	for i := range table.Len() {
		t := table.At(i)
		out = append(out, fmt.Sprintf("%s %s %v", t.Name, t.DType, t.Shape))
	}
	return out
}
