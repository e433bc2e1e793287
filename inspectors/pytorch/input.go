package pytorch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

const (
	// window is how much of a pickle is held at a time, mostText the longest text of
	// which the content is kept. Both in bytes.
	window   = 128 << 10
	mostText = 64 << 10
)

func malformed(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...)}
}

// malformedBy is malformed with a cause.
func malformedBy(cause error, format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...), Err: cause}
}

func overLimit(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf(format, args...)}
}

// input is a pickle as it arrives. It knows how many bytes were used, which a buffered
// reader does not tell, and hands what was used to kept.
type input struct {
	r        io.Reader
	kept     io.Writer
	buf      []byte
	pos, end int
	used     int64 // before buf[0]
	limit    int64
}

// newInput reads at most limit bytes of r. kept may be nil.
func newInput(r io.Reader, limit int64, kept io.Writer) *input {
	return &input{r: r, kept: kept, buf: make([]byte, window), limit: limit}
}

// offset is how many bytes were used.
func (in *input) offset() int64 { return in.used + int64(in.pos) }

// need makes n bytes available, n <= mostText.
func (in *input) need(n int) error {
	if in.end-in.pos >= n {
		return nil
	}
	if err := in.flush(); err != nil {
		return err
	}
	for in.end < n {
		room := min(int64(len(in.buf)), in.limit-in.used)
		if int64(n) > room {
			return overLimit("the pickle is longer than the %d bytes that are read of one", in.limit)
		}
		k, err := in.r.Read(in.buf[in.end:room])
		in.end += k
		switch {
		case err == nil || in.end >= n:
		case errors.Is(err, io.EOF):
			return malformedBy(io.ErrUnexpectedEOF, "the pickle ends after %d bytes, before its end is said", in.used+int64(in.end))
		default:
			return fmt.Errorf("read the pickle: %w", err)
		}
	}
	return nil
}

// flush hands on what was used and moves the rest to the front.
func (in *input) flush() error {
	if in.kept != nil && in.pos > 0 {
		if _, err := in.kept.Write(in.buf[:in.pos]); err != nil {
			return fmt.Errorf("keep the pickle: %w", err)
		}
	}
	in.used += int64(in.pos)
	in.end = copy(in.buf, in.buf[in.pos:in.end])
	in.pos = 0
	return nil
}

func (in *input) byte() (byte, error) {
	if in.pos == in.end {
		if err := in.need(1); err != nil {
			return 0, err
		}
	}
	in.pos++
	return in.buf[in.pos-1], nil
}

// take returns the next n bytes, n <= mostText. They are valid until the next call.
func (in *input) take(n int) ([]byte, error) {
	if err := in.need(n); err != nil {
		return nil, err
	}
	in.pos += n
	return in.buf[in.pos-n : in.pos], nil
}

// number returns the next n bytes as a little-endian number, n <= 8.
func (in *input) number(n int) (uint64, error) {
	b, err := in.take(n)
	if err != nil {
		return 0, err
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, nil
}

// skip uses n bytes without looking at them.
func (in *input) skip(n uint64) error {
	if n > uint64(in.limit) {
		return overLimit("the pickle states a text of %d bytes; at most %d bytes are read of a pickle", n, in.limit)
	}
	for n > 0 {
		step := int(min(n, mostText))
		if _, err := in.take(step); err != nil {
			return err
		}
		n -= uint64(step)
	}
	return nil
}

// line returns the bytes up to the next line feed, without it.
func (in *input) line() ([]byte, error) {
	for n := 1; ; {
		if err := in.need(n); err != nil {
			return nil, err
		}
		if i := bytes.IndexByte(in.buf[in.pos:in.end], '\n'); i >= 0 && i <= mostText {
			in.pos += i + 1
			return in.buf[in.pos-i-1 : in.pos-1], nil
		}
		n = in.end - in.pos + 1
		if n > mostText {
			return nil, overLimit("the pickle holds a line of more than %d bytes", mostText)
		}
	}
}

// The first range behind the first read, and the longest. Each further one is four times
// as long. A range is streamed, and left where the reader stops.
const (
	firstStep = 1 << 20
	mostStep  = 32 << 20
)

// ranges yields the bytes of an object from at on, by ranges of growing length, each
// begun only when it is reached. What the first read brought comes from memory.
type ranges struct {
	ctx  context.Context //nolint:containedctx // it lives for one call of Read
	file pipeline.File
	at   int64
	step int64
	body io.ReadCloser
	left int64
}

// Read reads on.
func (r *ranges) Read(p []byte) (int, error) {
	if head := r.file.Head(); r.body == nil && r.at < int64(len(head)) {
		n := copy(p, head[r.at:])
		r.at += int64(n)
		return n, nil
	}
	for {
		if r.body == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		r.left -= int64(n)
		r.at += int64(n)
		switch {
		case r.left == 0:
			r.close()
			return n, nil
		case errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		case n > 0 || err != nil:
			return n, err
		}
	}
}

func (r *ranges) next() error {
	size := r.file.Object().Size
	if r.at >= size {
		return io.EOF
	}
	r.step = max(r.step, firstStep)
	n := min(r.step, size-r.at)
	body, err := r.file.Range(r.ctx, r.at, n)
	if err != nil {
		return err
	}
	r.body, r.left = body, n
	r.step = min(4*r.step, mostStep)
	return nil
}

func (r *ranges) close() {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
}
