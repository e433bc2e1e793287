package npz

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// A zip archive is read from its end: the end record leads to the central directory,
// and that to each member, whose own header must say the same (APPNOTE.TXT sections
// 4.3 and 4.5). An archive that tells two readers two things is refused, not guessed at.

// Limits of an archive.
const (
	// MaxMembers is the largest number of members.
	MaxMembers = 100_000
	// MaxDirectory is the longest central directory in bytes.
	MaxDirectory = 32 << 20
)

// The records of an archive by their first four bytes, and the lengths of their fixed
// parts.
const (
	sigMember    = "PK\x03\x04"
	sigEntry     = "PK\x01\x02"
	sigEnd       = "PK\x05\x06"
	sigEnd64     = "PK\x06\x06"
	sigLocator64 = "PK\x06\x07"

	memberLength    = 30
	entryLength     = 46
	endLength       = 22
	end64Length     = 56
	locator64Length = 20
	mostComment     = 1<<16 - 1
)

// The methods of compression that are known.
const (
	stored   = 0
	deflated = 8
)

const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	// flagMasked says that the member's own header hides its sizes.
	flagMasked = 1 << 13
)

// Member is one member of an archive, as the central directory lists it.
type Member struct {
	Name       string
	Method     uint16
	Flags      uint16
	CRC        uint32
	Compressed int64
	Size       int64
	// Offset is where the member's own header begins.
	Offset int64
}

// End is what the end of an archive says of its directory.
type End struct {
	// Directory and Length are where the central directory lies, in bytes.
	Directory, Length int64
	// Members counts its entries.
	Members int64
	// Begin is where the first of the end records begins, Comment the length of what
	// follows the last.
	Begin   int64
	Comment int64
}

func tooLarge(members, length uint64) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit,
		Message: fmt.Sprintf("the archive lists %d members in %d bytes; at most %d in %d are read", members, length, MaxMembers, MaxDirectory)}
}

// DecodeEnd finds the end of the archive in tail, the last bytes of a file of size
// bytes: all of the file, or at least 65,633 bytes (the longest comment and all end
// records).
//
// The error matches [pipeline.ErrMalformed], or [pipeline.ErrOverLimit].
func DecodeEnd(tail []byte, size int64) (*End, error) {
	at := -1
	for i := len(tail) - endLength; i >= 0 && i >= len(tail)-endLength-mostComment; i-- {
		// Only a record whose comment ends with the file is the end.
		if string(tail[i:i+4]) == sigEnd && i+endLength+int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail) {
			at = i
			break
		}
	}
	if at < 0 {
		return nil, malformed("the archive has no end record: it is cut, or no zip archive")
	}
	b := tail[at:]
	le := binary.LittleEndian
	e := &End{
		Members:   int64(le.Uint16(b[10:])),
		Length:    int64(le.Uint32(b[12:])),
		Directory: int64(le.Uint32(b[16:])),
		Begin:     size - int64(len(tail)-at),
		Comment:   int64(le.Uint16(b[20:])),
	}
	disk, first, here := le.Uint16(b[4:]), le.Uint16(b[6:]), int64(le.Uint16(b[8:]))
	large := e.Members == math.MaxUint16 || e.Length == math.MaxUint32 || e.Directory == math.MaxUint32
	if !large && (disk != 0 || first != 0 || here != e.Members) {
		return nil, malformed("the archive is split over several files")
	}
	located := at >= locator64Length && string(tail[at-locator64Length:at-locator64Length+4]) == sigLocator64
	switch {
	case located:
		if err := e.large(tail, at, size); err != nil {
			return nil, err
		}
	case large && e.Members != math.MaxUint16:
		return nil, malformed("the archive states sizes of 64 bits and has no record of them")
	}
	if e.Length > MaxDirectory || e.Members > MaxMembers {
		return nil, tooLarge(uint64(e.Members), uint64(e.Length))
	}
	if e.Members*entryLength > e.Length {
		return nil, malformed("%d members are stated; the directory has room for %d", e.Members, e.Length/entryLength)
	}
	if e.Directory < 0 || e.Directory > e.Begin || e.Begin-e.Directory != e.Length {
		return nil, malformed("the directory does not end where the end record begins")
	}
	return e, nil
}

// large takes the sizes of 64 bits in place of those of the end record at tail[at:].
func (e *End) large(tail []byte, at int, size int64) error {
	le := binary.LittleEndian
	locator := tail[at-locator64Length:]
	where := le.Uint64(locator[8:])
	begin := uint64(size - int64(len(tail)))
	i := int64(where) - int64(begin)
	if le.Uint32(locator[4:]) != 0 || le.Uint32(locator[16:]) > 1 {
		return malformed("the archive is split over several files")
	}
	if where > math.MaxInt64 || i < 0 || i > int64(at-locator64Length-end64Length) || string(tail[i:i+4]) != sigEnd64 {
		return malformed("the record of 64-bit sizes is not where the archive says")
	}
	b := tail[i:]
	if length := le.Uint64(b[4:]); length != uint64(int64(at-locator64Length)-i-12) {
		return malformed("the record of 64-bit sizes does not end where the next begins")
	}
	members, length, directory := le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
	if le.Uint32(b[16:]) != 0 || le.Uint32(b[20:]) != 0 || le.Uint64(b[24:]) != members {
		return malformed("the archive is split over several files")
	}
	if members > MaxMembers || length > MaxDirectory {
		return tooLarge(members, length)
	}
	if directory > uint64(size) {
		return malformed("the directory begins behind the end of the file")
	}
	// Where both records state a number, they must agree.
	for _, pair := range [][3]int64{{e.Members, int64(members), math.MaxUint16}, {e.Length, int64(length), math.MaxUint32}, {e.Directory, int64(directory), math.MaxUint32}} {
		if pair[0] != pair[2] && pair[0] != pair[1] {
			return malformed("the two end records of the archive disagree")
		}
	}
	e.Members, e.Length, e.Directory = int64(members), int64(length), int64(directory)
	e.Begin = size - int64(len(tail)) + i
	return nil
}

// DecodeDirectory parses a central directory. size is that of the file.
//
// It refuses what would let a member be read as two things: names that stand twice or
// are no valid text, encryption, sizes or places that do not fit the file, sizes of 64
// bits where those of 32 are given.
//
// The error matches [pipeline.ErrMalformed].
func DecodeDirectory(b []byte, e *End, size int64) ([]Member, error) {
	le := binary.LittleEndian
	out := make([]Member, 0, min(e.Members, int64(len(b)/entryLength)))
	seen := map[string]bool{}
	for range e.Members {
		if len(b) < entryLength || string(b[:4]) != sigEntry {
			return nil, malformed("the directory ends after %d of %d members", len(out), e.Members)
		}
		name, extra, comment := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
		if len(b) < entryLength+name+extra+comment {
			return nil, malformed("the directory ends after %d of %d members", len(out), e.Members)
		}
		m := Member{
			Name: string(b[entryLength : entryLength+name]), Flags: le.Uint16(b[8:]), Method: le.Uint16(b[10:]), CRC: le.Uint32(b[16:]),
			Compressed: int64(le.Uint32(b[20:])), Size: int64(le.Uint32(b[24:])), Offset: int64(le.Uint32(b[42:])),
		}
		if err := m.large(b[entryLength+name : entryLength+name+extra]); err != nil {
			return nil, err
		}
		b = b[entryLength+name+extra+comment:]
		switch {
		case !utf8.ValidString(m.Name) || strings.ContainsRune(m.Name, 0):
			return nil, malformed("the name %.100q of a member is no valid text", m.Name)
		case seen[m.Name]:
			return nil, malformed("the member %.100q is listed twice", m.Name)
		case m.Flags&(flagEncrypted|flagMasked) != 0:
			return nil, malformed("the member %.100q is encrypted", m.Name)
		case m.Method != stored && m.Method != deflated:
			return nil, malformed("the member %.100q is compressed by method %d, which is not known", m.Name, m.Method)
		case m.Method == stored && m.Compressed != m.Size:
			return nil, malformed("the member %.100q is stored as it is in %d bytes and states %d", m.Name, m.Compressed, m.Size)
		case m.Offset < 0 || m.Compressed < 0 || m.Size < 0 || m.Offset > e.Directory || m.Compressed > e.Directory-m.Offset:
			return nil, malformed("the member %.100q lies outside the archive", m.Name)
		}
		seen[m.Name] = true
		out = append(out, m)
	}
	if len(b) > 0 {
		return nil, malformed("%d bytes follow the last member of the directory", len(b))
	}
	return out, nil
}

// large takes the sizes of 64 bits from the extra field of an entry: those, in order,
// whose field of 32 bits is full.
func (m *Member) large(extra []byte) error {
	le := binary.LittleEndian
	need := []*int64{}
	for _, field := range []*int64{&m.Size, &m.Compressed, &m.Offset} {
		if *field == math.MaxUint32 {
			need = append(need, field)
		}
	}
	found := false
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if len(extra) < 4+n {
			return malformed("an extra field of the member %.100q is cut", m.Name)
		}
		if id == 1 {
			if found {
				return malformed("the member %.100q states its 64-bit sizes twice", m.Name)
			}
			found = true
			body := extra[4 : 4+n]
			for _, field := range need {
				if len(body) < 8 {
					return malformed("the 64-bit sizes of the member %.100q are cut", m.Name)
				}
				*field = int64(le.Uint64(body))
				body = body[8:]
			}
		}
		extra = extra[4+n:]
	}
	if len(need) > 0 && !found {
		return malformed("the member %.100q states 64-bit sizes and has none", m.Name)
	}
	return nil
}

// decodeMember holds a member's own header against the directory and returns where its
// data begins, relative to the header, and how many bytes of extra fields it has.
func (m *Member) decodeMember(b []byte) (data, extra int, err error) {
	le := binary.LittleEndian
	if len(b) < memberLength || string(b[:4]) != sigMember {
		return 0, 0, malformed("no member begins where the directory places %.100q", m.Name)
	}
	name, extra := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	data = memberLength + name + extra
	if len(b) < data {
		return 0, 0, malformed("the header of the member %.100q is cut", m.Name)
	}
	own := Member{Name: string(b[memberLength : memberLength+name]), Flags: le.Uint16(b[6:]), Method: le.Uint16(b[8:]), CRC: le.Uint32(b[14:]),
		Compressed: int64(le.Uint32(b[18:])), Size: int64(le.Uint32(b[22:]))}
	if err := own.large(b[memberLength+name : data]); err != nil {
		return 0, 0, err
	}
	differs := own.Name != m.Name || own.Method != m.Method || own.Flags != m.Flags
	if m.Flags&flagDescriptor == 0 || own.Size != 0 || own.Compressed != 0 {
		differs = differs || own.Size != m.Size || own.Compressed != m.Compressed
	}
	if m.Flags&flagDescriptor == 0 || own.CRC != 0 {
		differs = differs || own.CRC != m.CRC
	}
	if differs {
		return 0, 0, malformed("the member %.100q says something else in its own header than in the directory", m.Name)
	}
	return data, extra, nil
}

// span is the place of a member: its header, its data, and what may follow.
type span struct {
	name                string
	begin, data, end    int64
	descriptor, surplus int64
}

// gaps returns the bytes between the members that belong to none, and refuses members
// that overlap. directory is where the central directory begins.
func gaps(spans []span, directory int64) (int64, error) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	var at, unexplained, room int64
	for _, s := range append(spans, span{begin: directory, end: directory, name: "the directory"}) {
		if s.begin < at {
			return 0, malformed("%.100q shares %d bytes with another member", s.name, at-s.begin)
		}
		gap := s.begin - at
		unexplained += gap - min(gap, room) + s.surplus
		at, room = s.end, s.descriptor
	}
	return unexplained, nil
}

// looksZipped reports whether head begins with a member, or is the end of an archive
// without any, and returns the first member's name as far as it is there.
func looksZipped(head []byte) (name string, ok bool) {
	if bytes.HasPrefix(head, []byte(sigEnd)) {
		return "", true
	}
	if len(head) < memberLength || string(head[:4]) != sigMember {
		return "", false
	}
	n := int(binary.LittleEndian.Uint16(head[26:]))
	return string(head[memberLength:min(memberLength+n, len(head))]), true
}

func (m Member) String() string { return fmt.Sprintf("%.100q", m.Name) }
