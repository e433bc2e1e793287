package onnx

import (
	"context"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

const (
	// leastStep is the first range after data were left out, mostStep the longest. Each
	// range that follows directly is twice as long.
	leastStep = 16 << 10
	mostStep  = 4 << 20
	// nearby is how much may be left out without a range of its own being worth it.
	nearby = 64 << 10
	// mostText is the longest text that is looked at, in bytes.
	mostText = 64 << 10
)

func malformed(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

func overLimit(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf(format, args...)}
}

// Source gives bytes of an object.
type Source interface {
	// Head returns the object's first bytes, those that were read already.
	Head() []byte
	// Fill reads exactly len(b) bytes from offset.
	Fill(b []byte, offset int64) error
}

// source is a file in the hands of the reader.
type source struct {
	ctx  context.Context //nolint:containedctx // it lives for one call of Read
	file pipeline.File
}

// Head returns the bytes of the first read.
func (s *source) Head() []byte { return s.file.Head() }

// Fill reads a range.
func (s *source) Fill(b []byte, offset int64) error {
	body, err := s.file.Range(s.ctx, offset, int64(len(b)))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.ReadFull(body, b); err != nil {
		return fmt.Errorf("read %d bytes at %d: %w", len(b), offset, err)
	}
	return nil
}

// cursor moves over an object. What it leaves out is not fetched.
type cursor struct {
	source Source
	size   int64
	at     int64
	buf    []byte
	base   int64 // offset of buf[0]
	step   int64
	kept   io.Writer // nil where nothing is kept
	from   int64     // the first byte that is to be kept still
}

func newCursor(s Source, size int64, kept io.Writer) *cursor {
	return &cursor{source: s, size: size, buf: s.Head(), step: leastStep, kept: kept}
}

// need makes the next n bytes available, n <= mostText, and returns them.
func (c *cursor) need(n int64) ([]byte, error) {
	end := c.base + int64(len(c.buf))
	if c.at >= c.base && c.at+n <= end {
		return c.buf[c.at-c.base:][:n], nil
	}
	if n > c.size-c.at {
		return nil, malformed("the model ends at byte %d, in the middle of a field", c.size)
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	var rest []byte
	if c.at >= c.base && c.at < end {
		rest = c.buf[c.at-c.base:]
	}
	if c.at-end <= nearby && c.at >= c.base {
		c.step = min(2*c.step, mostStep)
	} else {
		c.step = leastStep
	}
	from := c.at + int64(len(rest))
	length := min(max(c.step, n-int64(len(rest))), c.size-from)
	next := make([]byte, int64(len(rest))+length)
	copy(next, rest)
	if err := c.source.Fill(next[len(rest):], from); err != nil {
		return nil, err
	}
	c.buf, c.base = next, c.at
	return c.buf[:n], nil
}

// flush keeps what was used since the last time.
func (c *cursor) flush() error {
	end := c.base + int64(len(c.buf))
	if from, to := max(c.from, c.base), min(c.at, end); c.kept != nil && from < to {
		if _, err := c.kept.Write(c.buf[from-c.base : to-c.base]); err != nil {
			return fmt.Errorf("keep the model: %w", err)
		}
	}
	c.from = c.at
	return nil
}

// leaveOut moves to an offset further on, without keeping what lies between.
func (c *cursor) leaveOut(to int64) error {
	if err := c.flush(); err != nil {
		return err
	}
	c.at, c.from = to, to
	return nil
}

// varint returns the next number in base 128 (encoding of Protocol Buffers).
func (c *cursor) varint(end int64) (uint64, error) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		if c.at >= end {
			return 0, malformed("a number is cut near byte %d", c.at)
		}
		b, err := c.need(1)
		if err != nil {
			return 0, err
		}
		c.at++
		if shift == 63 && b[0] > 1 {
			break
		}
		v |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return v, nil
		}
	}
	return 0, malformed("a number near byte %d has more than 64 bits", c.at)
}

// text returns n bytes, n <= mostText.
func (c *cursor) text(n int64) (string, error) {
	b, err := c.need(n)
	if err != nil {
		return "", err
	}
	c.at += n
	return string(b), nil
}

// The wire types of Protocol Buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// field is one field of a message.
type field struct {
	number, wire uint64
	// value is the number of a varint field; of the others, the field has the bytes from
	// the cursor's place to end.
	value uint64
	end   int64
}

func (f field) bytes(c *cursor) int64 { return f.end - c.at }

// each calls visit for every field of a message that ends at end. What visit leaves of a
// field is passed over, and kept where it is short.
func (c *cursor) each(end int64, visit func(f field) error) error {
	for c.at < end {
		tag, err := c.varint(end)
		if err != nil {
			return err
		}
		f := field{number: tag >> 3, wire: tag & 7}
		if f.number == 0 || f.number > 1<<29-1 {
			return malformed("there is no field %d, near byte %d", f.number, c.at)
		}
		f.end = c.at
		switch f.wire {
		case wireVarint:
			if f.value, err = c.varint(end); err != nil {
				return err
			}
			f.end = c.at
		case wire64:
			f.end += 8
		case wire32:
			f.end += 4
		case wireBytes:
			n, err := c.varint(end)
			if err != nil {
				return err
			}
			if n > uint64(end-c.at) {
				return malformed("a field near byte %d states %d bytes; %d are left", c.at, n, end-c.at)
			}
			f.end = c.at + int64(n)
		default:
			return malformed("a field near byte %d has the wire type %d", c.at, f.wire)
		}
		if f.end > end {
			return malformed("a field near byte %d is cut", c.at)
		}
		if err := visit(f); err != nil {
			return err
		}
		if err := c.pass(f.end); err != nil {
			return err
		}
	}
	return nil
}

// pass moves to an offset; what is short is kept.
func (c *cursor) pass(to int64) error {
	if to > c.at && to-c.at <= mostText {
		n := to - c.at
		if _, err := c.need(n); err != nil {
			return err
		}
		c.at += n
	}
	if to > c.at {
		return c.leaveOut(to)
	}
	return nil
}
