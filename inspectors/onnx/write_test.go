package onnx_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/onnx"
	"weighbridge/pipeline"
)

// message writes a protobuf message, field by field. Its methods return it.
type message struct{ b []byte }

func (m *message) tag(number, wire uint64) *message {
	m.b = binary.AppendUvarint(m.b, number<<3|wire)
	return m
}

func (m *message) num(number, v uint64) *message {
	m.tag(number, 0)
	m.b = binary.AppendUvarint(m.b, v)
	return m
}

func (m *message) raw(number uint64, b []byte) *message {
	m.tag(number, 2)
	m.b = binary.AppendUvarint(m.b, uint64(len(b)))
	m.b = append(m.b, b...)
	return m
}

func (m *message) text(number uint64, s string) *message { return m.raw(number, []byte(s)) }

func (m *message) sub(number uint64, s *message) *message { return m.raw(number, s.b) }

func msg() *message { return &message{} }

// tensor begins a TensorProto.
func tensor(name string, typ uint64, dims ...uint64) *message {
	m := msg()
	for _, d := range dims {
		m.num(1, d)
	}
	return m.num(2, typ).text(8, name)
}

// at says where the data of a tensor are.
func (m *message) at(location string, offset, length int64) *message {
	entry := func(k, v string) { m.sub(13, msg().text(1, k).text(2, v)) }
	entry("location", location)
	if offset > 0 {
		entry("offset", strconv.FormatInt(offset, 10))
	}
	if length >= 0 {
		entry("length", strconv.FormatInt(length, 10))
	}
	return m.num(14, 1)
}

func graph(initializers ...*message) *message {
	g := msg().text(2, "g")
	for _, t := range initializers {
		g.sub(5, t)
	}
	return g
}

func model(g *message) []byte { return msg().num(1, 8).text(2, "test").sub(7, g).b }

func zeros(n int) []byte { return make([]byte, n) }

// inMemory is a file in the hands of a reader. It counts what is asked of it.
type inMemory struct {
	object pipeline.Object
	data   []byte
	head   int
	ranges int
	read   int64
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

func (f *inMemory) Header(context.Context, int64) (io.ReadCloser, error) {
	return nil, fmt.Errorf("not asked for")
}

func (f *inMemory) Range(_ context.Context, offset, n int64) (io.ReadCloser, error) {
	if offset < 0 || n < 1 || offset+n > int64(len(f.data)) {
		return nil, fmt.Errorf("range %d+%d is outside %d bytes", offset, n, len(f.data))
	}
	f.ranges++
	f.read += n
	return io.NopCloser(bytes.NewReader(f.data[offset : offset+n])), nil
}

// outcome is what reading a model, and what lies beside it, came to.
type outcome struct {
	claimed bool
	result  pipeline.ReadResult
	err     error
	tables  []*pipeline.Table
	facts   pipeline.Facts
	file    *inMemory
	beside  map[string]pipeline.ReadResult
}

// read runs the reader over a model of which head bytes were read first, then over the
// objects beside it.
func read(t testing.TB, name string, data []byte, head int, beside map[string]int) outcome {
	t.Helper()
	objects := []pipeline.Object{{Path: name, Size: int64(len(data))}}
	for p, n := range beside {
		objects = append(objects, pipeline.Object{Path: p, Size: int64(n)})
	}
	f := &inMemory{object: objects[0], data: data, head: min(head, len(data))}
	run := onnx.Reader{}.Open(objects)
	out := outcome{file: f, claimed: run.Sniff(f.object, f.Head()), beside: map[string]pipeline.ReadResult{}}
	if out.claimed {
		out.result, out.err = run.Read(t.Context(), f)
	}
	for _, o := range objects[1:] {
		other := &inMemory{object: o, data: zeros(int(o.Size)), head: int(min(512, o.Size))}
		if run.Sniff(o, other.Head()) {
			result, err := run.Read(t.Context(), other)
			require.NoError(t, err)
			out.beside[o.Path] = result
		}
	}
	var readings pipeline.Readings
	var facts pipeline.FactSet
	run.Finish(&readings, &facts)
	out.tables, out.facts = readings.Tables, facts.Facts
	return out
}

// listing is the tables as text: name, type, shape.
func (o outcome) listing() []string {
	out := []string{}
	for _, table := range o.tables {
		for i := range table.Len() {
			t := table.At(i)
			out = append(out, fmt.Sprintf("%s %s %v", t.Name, t.DType, t.Shape))
		}
	}
	return out
}
