package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// errShort says that the window ends before the value does. It never leaves the
// package: more bytes are fetched and the value is scanned again from its start.
var errShort = errors.New("window ends")

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 64

// scanner reads JSON strictly from a window over a stream. Values are scanned in
// atoms (one entry of an object): an atom that does not fit the window is scanned
// again once the window is larger. The window doubles each time, so that a single
// huge atom costs linear time.
type scanner struct {
	src  io.Reader
	left int64  // bytes of the document that are not in the window yet
	buf  []byte // the window
	pos  int
	base int64 // offset of buf[0] from the start of the document

	scratch []byte // an unescaped string
}

const firstWindow = 128 << 10

// newScanner scans exactly n bytes of r.
func newScanner(r io.Reader, n int64) *scanner { return &scanner{src: r, left: n} }

// malformed returns an error that matches [pipeline.ErrMalformed], with the place.
func (s *scanner) malformed(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed,
		Message: fmt.Sprintf(format, args...) + fmt.Sprintf(" (at byte %d of the JSON text)", s.base+int64(s.pos))}
}

// atom calls scan until it has all the bytes it needs.
func (s *scanner) atom(scan func() error) error {
	mark := s.pos
	for {
		err := scan()
		if err != errShort { //nolint:errorlint // never wrapped, compared on the hot path
			return err
		}
		s.pos = mark
		if s.left == 0 {
			s.pos = len(s.buf)
			return s.malformed("the JSON text ends in the middle of a value")
		}
		if err := s.fill(); err != nil {
			return err
		}
		mark = s.pos
	}
}

// fill moves the rest of the window to its front and adds at least as many bytes
// again.
func (s *scanner) fill() error {
	rest := len(s.buf) - s.pos
	want := max(firstWindow, 2*rest)
	if int64(want-rest) > s.left {
		want = rest + int(s.left)
	}
	if want > cap(s.buf) {
		grown := make([]byte, rest, want)
		copy(grown, s.buf[s.pos:])
		s.buf = grown
	} else {
		s.buf = s.buf[:copy(s.buf[:cap(s.buf)], s.buf[s.pos:])]
	}
	s.base += int64(s.pos)
	s.pos = 0
	n, err := io.ReadFull(s.src, s.buf[rest:want])
	s.buf = s.buf[:rest+n]
	s.left -= int64(n)
	if err != nil {
		return fmt.Errorf("read the JSON text: %w", err)
	}
	return nil
}

// space skips white space. The pad that writers put behind the text can be long, so
// it is skipped by the window.
func (s *scanner) space() error {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return nil
		}
	}
	if s.left == 0 {
		return nil
	}
	return errShort
}

// outerSpace skips white space between atoms, where the window may move.
func (s *scanner) outerSpace() error {
	for {
		err := s.space()
		if err != errShort { //nolint:errorlint // never wrapped
			return err
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// peek returns the next byte after white space.
func (s *scanner) peek() (byte, error) {
	if err := s.space(); err != nil {
		return 0, err
	}
	if s.pos >= len(s.buf) {
		return 0, errShort
	}
	return s.buf[s.pos], nil
}

// expect consumes c after white space.
func (s *scanner) expect(c byte, where string) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return s.malformed("%q is expected %s, found %q", string(c), where, string(rune(got)))
	}
	s.pos++
	return nil
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainLength returns the number of bytes before the closing quote of a string whose
// opening quote is passed, or -1 where an escape, a control character, a byte above
// ASCII or the end of b comes first. It looks at eight bytes at a time.
func plainLength(b []byte) int {
	n, _ := plainName(b)
	return n
}

// plainName is [plainLength] and tells whether an upper-case letter was passed.
func plainName(b []byte) (n int, upper bool) {
	i := 0
	var letters uint64
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ lows*'"'
		slash := w ^ lows*'\\'
		// A byte of the sum has its high bit set where the byte was zero, below
		// 0x20, or not ASCII. A borrow can only flag bytes after a true one.
		stop := ((quote - lows) | (slash - lows) | (w - lows*0x20) | w) & highs
		if stop != 0 {
			before := uint64(1)<<(uint(bits.TrailingZeros64(stop))&^7) - 1
			letters |= upperLetters(w) & before
			i += bits.TrailingZeros64(stop) / 8
			break
		}
		letters |= upperLetters(w)
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i, letters&highs != 0
		case c == '\\', c < 0x20, c >= 0x80:
			return -1, false
		case 'A' <= c && c <= 'Z':
			letters = highs
		}
	}
	return -1, false
}

// upperLetters sets the high bit of each byte that is an upper-case letter, in a word
// of bytes below 0x80: adding 0x80-'A' sets it from 'A' on, and adding 0x80-('Z'+1)
// from behind 'Z' on.
func upperLetters(w uint64) uint64 {
	return (w + lows*(0x80-'A')) &^ (w + lows*(0x80-'Z'-1))
}

// text scans a string and returns its value. The value is valid until the next call
// of text or fill. Escapes are resolved; invalid UTF-8, a lone surrogate and a raw
// control character are malformed.
func (s *scanner) text(what string) ([]byte, error) {
	c, err := s.peek()
	if err != nil {
		return nil, err
	}
	if c != '"' {
		return nil, s.malformed("%s must be a text in quotes, found %q", what, string(rune(c)))
	}
	s.pos++
	start := s.pos
	if n := plainLength(s.buf[start:]); n >= 0 {
		s.pos = start + n + 1
		return s.buf[start : start+n], nil
	}
	return s.slowText(start, what)
}

func (s *scanner) slowText(start int, what string) ([]byte, error) {
	s.scratch = s.scratch[:0]
	for i := start; i < len(s.buf); {
		c := s.buf[i]
		switch {
		case c == '"':
			s.pos = i + 1
			return s.scratch, nil
		case c < 0x20:
			s.pos = i
			return nil, s.malformed("%s holds a raw control character", what)
		case c == '\\':
			r, n, err := s.escape(i, what)
			if err != nil {
				return nil, err
			}
			s.scratch = utf8.AppendRune(s.scratch, r)
			i += n
		case c < utf8.RuneSelf:
			s.scratch = append(s.scratch, c)
			i++
		default:
			r, n := utf8.DecodeRune(s.buf[i:])
			if r == utf8.RuneError && n == 1 {
				if !utf8.FullRune(s.buf[i:]) && s.left > 0 {
					return nil, errShort
				}
				s.pos = i
				return nil, s.malformed("%s is not valid UTF-8", what)
			}
			s.scratch = append(s.scratch, s.buf[i:i+n]...)
			i += n
		}
	}
	return nil, errShort
}

// escape resolves the escape at buf[i] and returns its rune and length.
func (s *scanner) escape(i int, what string) (rune, int, error) {
	if i+2 > len(s.buf) {
		return 0, 0, errShort
	}
	switch s.buf[i+1] {
	case '"', '\\', '/':
		return rune(s.buf[i+1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
	default:
		s.pos = i
		return 0, 0, s.malformed("%s holds an escape that JSON does not know", what)
	}
	r, err := s.hex4(i+2, what)
	if err != nil {
		return 0, 0, err
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	if i+8 > len(s.buf) {
		return 0, 0, errShort
	}
	if s.buf[i+6] == '\\' && s.buf[i+7] == 'u' {
		low, err := s.hex4(i+8, what)
		if err != nil {
			return 0, 0, err
		}
		if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
			return full, 12, nil
		}
	}
	s.pos = i
	return 0, 0, s.malformed("%s holds half of a surrogate pair", what)
}

func (s *scanner) hex4(i int, what string) (rune, error) {
	if i+4 > len(s.buf) {
		return 0, errShort
	}
	var r rune
	for _, c := range s.buf[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			s.pos = i
			return 0, s.malformed("%s holds an escape that is not four hexadecimal digits", what)
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}

// maxNumber is the largest dimension or offset: 2^63-1 (counting.md section 1.6).
const maxNumber = 1<<63 - 1

// number scans a plain whole number: 0, or digits without a leading zero, at most
// 2^63-1. A sign, a point, an exponent and a quoted number are malformed.
func (s *scanner) number(what string) (uint64, error) {
	c, err := s.peek()
	if err != nil {
		return 0, err
	}
	if c < '0' || c > '9' {
		return 0, s.malformed("%s must be a plain whole number, found %q", what, string(rune(c)))
	}
	start := s.pos
	var v uint64
	i := start
	for ; i < len(s.buf); i++ {
		d := s.buf[i] - '0'
		if d > 9 {
			break
		}
		if v > (maxNumber-uint64(d))/10 {
			return 0, s.malformed("%s is larger than 2^63-1", what)
		}
		v = v*10 + uint64(d)
	}
	if i == len(s.buf) {
		return 0, errShort
	}
	if s.buf[start] == '0' && i > start+1 {
		return 0, s.malformed("%s has a leading zero", what)
	}
	switch s.buf[i] {
	case '.', 'e', 'E':
		return 0, s.malformed("%s must be a plain whole number without point or exponent", what)
	}
	s.pos = i
	return v, nil
}

// skip passes over any one value. It checks strings and nesting, not the grammar of
// numbers, and is used only where nothing inside is relied on.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.malformed("values are nested deeper than %d", maxDepth)
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		_, err := s.text("a value")
		return err
	case '{', '[':
		return s.skipNested(c, depth)
	}
	start := s.pos
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', c == 'E', c == '+', c == '-', c == '.':
			s.pos++
			continue
		}
		if s.pos == start {
			return s.malformed("a value is expected")
		}
		return nil
	}
	return errShort
}

func (s *scanner) skipNested(open byte, depth int) error {
	closing := byte('}')
	if open == '[' {
		closing = ']'
	}
	s.pos++
	for first := true; ; first = false {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c == closing {
			s.pos++
			return nil
		}
		if !first {
			if err := s.expect(',', "between values"); err != nil {
				return err
			}
		}
		if open == '{' {
			if _, err := s.text("a key"); err != nil {
				return err
			}
			if err := s.expect(':', "after a key"); err != nil {
				return err
			}
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}

// end requires that nothing but white space follows.
func (s *scanner) end() error {
	if err := s.outerSpace(); err != nil {
		return err
	}
	if s.pos < len(s.buf) {
		return s.malformed("text follows the closing brace")
	}
	return nil
}
