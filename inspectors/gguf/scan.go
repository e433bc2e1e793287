package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"weighbridge/pipeline"
)

// window is how much of a header is in memory at a time. No single item that is looked
// at is longer; longer ones are passed over in pieces.
const window = 64 << 10

// scanner yields the items of a header as its bytes arrive, and hands on what was
// taken. It knows the size of the file, so that no length is believed that the file
// cannot hold.
type scanner struct {
	r     io.Reader
	taken io.Writer
	size  int64 // of the file
	at    int64 // bytes taken
	order binary.ByteOrder
	// short is true for version 1, which counts in 32 bits.
	short bool

	// buf[handed:start] was taken and not handed on yet, buf[start:end] follows.
	buf                []byte
	handed, start, end int
}

func newScanner(r io.Reader, size int64, taken io.Writer) *scanner {
	return &scanner{r: r, taken: taken, size: size, order: binary.LittleEndian, buf: make([]byte, window)}
}

// malformed returns an error that says where the header breaks a rule.
func (s *scanner) malformed(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...) + fmt.Sprintf(" (at byte %d of the header)", s.at)}
}

// limit returns an error for a header that is larger than is read.
func limit(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf(format, args...)}
}

// rest returns how many bytes of the file follow.
func (s *scanner) rest() int64 { return s.size - s.at }

// take returns the next n bytes, n <= window. They are valid until the next call.
func (s *scanner) take(n int) ([]byte, error) {
	if int64(n) > s.rest() {
		return nil, s.malformed("the file is cut within its header")
	}
	if s.at+int64(n) > MaxHeader {
		return nil, limit("the header is longer than %d bytes", int64(MaxHeader))
	}
	if s.end-s.start < n {
		if err := s.hand(); err != nil {
			return nil, err
		}
		copy(s.buf, s.buf[s.start:s.end])
		s.handed, s.start, s.end = 0, 0, s.end-s.start
		for s.end < n {
			k, err := s.r.Read(s.buf[s.end:])
			s.end += k
			if err == nil || s.end >= n {
				continue
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read the header at byte %d: %w", s.at+int64(s.end), err)
		}
	}
	b := s.buf[s.start : s.start+n]
	s.start += n
	s.at += int64(n)
	return b, nil
}

// hand hands on what was taken since the last time.
func (s *scanner) hand() error {
	if _, err := s.taken.Write(s.buf[s.handed:s.start]); err != nil {
		return fmt.Errorf("keep the header: %w", err)
	}
	s.handed = s.start
	return nil
}

// skip passes over n bytes.
func (s *scanner) skip(n uint64) error {
	if n > uint64(s.rest()) {
		return s.malformed("a value of %d bytes is stated and only %d follow", n, s.rest())
	}
	for n > 0 {
		k := min(n, window)
		if _, err := s.take(int(k)); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func (s *scanner) u32() (uint32, error) {
	b, err := s.take(4)
	if err != nil {
		return 0, err
	}
	return s.order.Uint32(b), nil
}

func (s *scanner) u64() (uint64, error) {
	b, err := s.take(8)
	if err != nil {
		return 0, err
	}
	return s.order.Uint64(b), nil
}

// count reads a length, a number of items or a dimension: 32 bits in version 1.
func (s *scanner) count() (uint64, error) {
	if s.short {
		n, err := s.u32()
		return uint64(n), err
	}
	return s.u64()
}

// text reads a text of at most most bytes, most <= window.
func (s *scanner) text(what string, most int) ([]byte, error) {
	n, err := s.count()
	if err != nil {
		return nil, err
	}
	if n > uint64(s.rest()) {
		return nil, s.malformed("%s of %d bytes is stated and only %d follow", what, n, s.rest())
	}
	if n > uint64(most) {
		return nil, s.malformed("%s has %d bytes; at most %d are allowed", what, n, most)
	}
	return s.take(int(n))
}
