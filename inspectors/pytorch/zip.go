package pytorch

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// Limits of a zip archive's directory. A checkpoint of 100,000 tensors has one of 10 MB.
const (
	// MaxDirectory is the longest directory in bytes, MaxMembers the largest number of
	// members, MaxMemberName the longest name of one in bytes.
	MaxDirectory  = 64 << 20
	MaxMembers    = 1 << 20
	MaxMemberName = 4 << 10

	// tailLook is read of an archive's end: enough for the longest comment, the end of
	// the directory and, in most checkpoints, the directory itself.
	tailLook = 1<<16 + endSize + locatorSize + recordSize

	localSize   = 30
	entrySize   = 46
	endSize     = 22
	locatorSize = 20
	recordSize  = 56

	localMark   = "PK\x03\x04"
	entryMark   = "PK\x01\x02"
	endMark     = "PK\x05\x06"
	locatorMark = "PK\x06\x07"
	recordMark  = "PK\x06\x06"

	all16 = 1<<16 - 1
	all32 = 1<<32 - 1

	methodStored  = 0
	methodDeflate = 8
	flagEncrypted = 1
	flagTrailing  = 8 // sizes and CRC follow the data

	// mostInflation is more than deflate can make of one byte (zlib's technical notes
	// say 1032).
	mostInflation = 1040
)

// Member is one entry of an archive's directory.
type Member struct {
	Name string
	// Offset is where the local header begins, Compressed the bytes that are stored,
	// Size what they become.
	Offset, Compressed, Size int64
	Method, Flags            uint16
	CRC                      uint32
}

// Directory is an archive's directory that kept all the rules.
type Directory struct {
	// Members are in the order of their bytes in the file.
	Members []Member
	// First is the name of the member that the directory lists first.
	First string
	// Start is where the directory begins, Ending where what ends the archive does.
	Start, Ending int64
	// Spare counts bytes that neither a member nor the format's own structures
	// account for: comments, extra fields and gaps.
	Spare int64
}

// ReadDirectory reads the directory of an archive of size bytes. at returns n bytes from
// an offset; it is called at most three times, for at most MaxDirectory bytes at once,
// and always inside the archive.
//
// It is stricter than any loader, because two loaders that disagree see two archives:
// the archive must begin with its first member and end with its directory; members must
// neither overlap nor share a name, whatever the case of its letters; the two forms of the end of the
// directory must agree. Errors match [pipeline.ErrMalformed], [pipeline.ErrOverLimit],
// or are those of at.
func ReadDirectory(size int64, at func(offset, n int64) ([]byte, error)) (*Directory, error) {
	if size < localSize+entrySize+endSize {
		return nil, malformed("the archive has %d bytes, too few for one", size)
	}
	n := min(size, tailLook)
	tail, err := at(size-n, n)
	if err != nil {
		return nil, err
	}
	e, err := findEnd(tail, size)
	if err != nil {
		return nil, err
	}
	if e.total > MaxMembers || e.length > MaxDirectory {
		return nil, overLimit("the archive's directory states %d members in %d bytes; at most %d in %d bytes are read", e.total, e.length, MaxMembers, MaxDirectory)
	}
	if e.start < 0 || e.length < 0 || e.start+e.length != e.from {
		return nil, malformed("the archive's directory does not end where its end begins")
	}
	var raw []byte
	if base := size - n; e.start >= base {
		raw = tail[e.start-base : e.from-base]
	} else if raw, err = at(e.start, e.length); err != nil {
		return nil, err
	}
	d := &Directory{Start: e.start, Ending: e.from, Spare: e.comment}
	if err := d.entries(raw, e.total); err != nil {
		return nil, err
	}
	return d, d.order()
}

// ending is what the end of a directory says of it.
type ending struct {
	total         uint64
	start, length int64
	// from is where the end begins, comment the length of the archive's comment.
	from, comment int64
}

// findEnd reads the end of the directory in the last bytes of an archive.
func findEnd(tail []byte, size int64) (ending, error) {
	i := bytes.LastIndex(tail, []byte(endMark))
	if i < 0 || len(tail)-i < endSize {
		return ending{}, malformed("the archive has no directory at its end")
	}
	b := tail[i:]
	comment := int(binary.LittleEndian.Uint16(b[20:]))
	if endSize+comment != len(b) {
		return ending{}, malformed("%d bytes follow the end of the archive", len(b)-endSize-comment)
	}
	disk, firstDisk := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	here, total := uint64(binary.LittleEndian.Uint16(b[8:])), uint64(binary.LittleEndian.Uint16(b[10:]))
	length, start := uint64(binary.LittleEndian.Uint32(b[12:])), uint64(binary.LittleEndian.Uint32(b[16:]))
	e := ending{from: size - int64(len(b)), comment: int64(comment)}
	long := i >= locatorSize && string(tail[i-locatorSize:i-locatorSize+4]) == locatorMark
	if !long {
		if disk != 0 || firstDisk != 0 || here != total {
			return e, malformed("the archive is one of several parts")
		}
		if total == all16 || length == all32 || start == all32 {
			return e, malformed("the end of the archive's directory refers to a longer form, which is not there")
		}
		e.total, e.length, e.start = total, int64(length), int64(start)
		return e, nil
	}
	locator := tail[i-locatorSize : i]
	at := binary.LittleEndian.Uint64(locator[8:])
	if i < locatorSize+recordSize || at != uint64(e.from-locatorSize-recordSize) {
		return e, malformed("the longer end of the archive's directory is not where it should be")
	}
	r := tail[i-locatorSize-recordSize : i-locatorSize]
	if string(r[:4]) != recordMark || binary.LittleEndian.Uint64(r[4:]) != recordSize-12 {
		return e, malformed("the longer end of the archive's directory has another form")
	}
	if binary.LittleEndian.Uint32(r[16:]) != 0 || binary.LittleEndian.Uint32(r[20:]) != 0 || binary.LittleEndian.Uint32(locator[4:]) != 0 {
		return e, malformed("the archive is one of several parts")
	}
	hereLong, totalLong := binary.LittleEndian.Uint64(r[24:]), binary.LittleEndian.Uint64(r[32:])
	lengthLong, startLong := binary.LittleEndian.Uint64(r[40:]), binary.LittleEndian.Uint64(r[48:])
	if hereLong != totalLong || (total != all16 && total != totalLong) || (here != all16 && here != hereLong) ||
		(length != all32 && length != lengthLong) || (start != all32 && start != startLong) {
		return e, malformed("the two ends of the archive's directory disagree")
	}
	if lengthLong > uint64(size) || startLong > uint64(size) {
		return e, malformed("the archive's directory is placed outside the archive")
	}
	e.total, e.length, e.start = totalLong, int64(lengthLong), int64(startLong)
	e.from -= locatorSize + recordSize
	return e, nil
}

// entries reads all members.
func (d *Directory) entries(raw []byte, total uint64) error {
	names := make(map[string]struct{}, min(total, uint64(len(raw)/entrySize)))
	for len(raw) > 0 {
		if len(raw) < entrySize || string(raw[:4]) != entryMark {
			return malformed("entry %d of the archive's directory is broken", len(d.Members)+1)
		}
		nameLen, extraLen, commentLen := int(binary.LittleEndian.Uint16(raw[28:])), int(binary.LittleEndian.Uint16(raw[30:])), int(binary.LittleEndian.Uint16(raw[32:]))
		whole := entrySize + nameLen + extraLen + commentLen
		if whole > len(raw) {
			return malformed("entry %d of the archive's directory is cut", len(d.Members)+1)
		}
		if nameLen == 0 || nameLen > MaxMemberName {
			return malformed("a member of the archive has a name of %d bytes", nameLen)
		}
		m := Member{
			Name:       string(raw[entrySize : entrySize+nameLen]),
			Flags:      binary.LittleEndian.Uint16(raw[8:]),
			Method:     binary.LittleEndian.Uint16(raw[10:]),
			CRC:        binary.LittleEndian.Uint32(raw[16:]),
			Compressed: int64(binary.LittleEndian.Uint32(raw[20:])),
			Size:       int64(binary.LittleEndian.Uint32(raw[24:])),
			Offset:     int64(binary.LittleEndian.Uint32(raw[42:])),
		}
		used, err := m.lengthen(raw[entrySize+nameLen : entrySize+nameLen+extraLen])
		if err != nil {
			return err
		}
		if err := m.check(binary.LittleEndian.Uint16(raw[34:])); err != nil {
			return err
		}
		folded := strings.ToLower(m.Name)
		if _, twice := names[folded]; twice {
			return malformed("the archive holds %.80q twice", m.Name)
		}
		names[folded] = struct{}{}
		d.Spare += int64(extraLen - used + commentLen)
		d.Members = append(d.Members, m)
		raw = raw[whole:]
	}
	if uint64(len(d.Members)) != total || total == 0 {
		return malformed("the archive states %d members and lists %d", total, len(d.Members))
	}
	d.First = d.Members[0].Name
	return nil
}

// lengthen takes sizes and offset that do not fit 32 bits from an entry's extra field,
// and returns how many bytes of it were used.
func (m *Member) lengthen(extra []byte) (used int, err error) {
	for rest := extra; len(rest) > 0; {
		if len(rest) < 4 || len(rest) < 4+int(binary.LittleEndian.Uint16(rest[2:])) {
			return 0, malformed("the extra field of %.80q is broken", m.Name)
		}
		size := int(binary.LittleEndian.Uint16(rest[2:]))
		if binary.LittleEndian.Uint16(rest) != 1 {
			rest = rest[4+size:]
			continue
		}
		if used > 0 {
			return 0, malformed("%.80q has two sizes", m.Name)
		}
		field := rest[4 : 4+size]
		used = 4 + size
		for _, v := range []*int64{&m.Size, &m.Compressed, &m.Offset} {
			if *v != all32 {
				continue
			}
			if len(field) < 8 || field[7] > 0x7f {
				return 0, malformed("the sizes of %.80q are broken", m.Name)
			}
			*v = int64(binary.LittleEndian.Uint64(field))
			field = field[8:]
		}
		rest = rest[4+size:]
	}
	return used, nil
}

// check holds one member to the rules.
func (m *Member) check(disk uint16) error {
	switch {
	case strings.ContainsAny(m.Name, "\x00\\"):
		return malformed("a member of the archive has the name %.80q", m.Name)
	case disk != 0:
		return malformed("%.80q lies in another part of the archive", m.Name)
	case m.Flags&flagEncrypted != 0:
		return overLimit("%.80q is encrypted", m.Name)
	case m.Method != methodStored && m.Method != methodDeflate:
		return overLimit("%.80q is compressed by method %d, which is not read", m.Name, m.Method)
	case m.Method == methodStored && m.Size != m.Compressed:
		return malformed("%.80q is stored as it is and states two sizes, %d and %d", m.Name, m.Compressed, m.Size)
	case m.Method == methodDeflate && m.Size/mostInflation > m.Compressed:
		return malformed("%.80q states %d bytes in %d, more than its compression can hold", m.Name, m.Size, m.Compressed)
	}
	return nil
}

// The room between two members that a writer may leave: padding up to an alignment of
// 4,096 bytes, and what follows the data of a member. Over the whole archive it is
// at most mostPadding bytes; what is beyond counts as spare.
const (
	mostGap     = 4096 + 128
	mostPadding = 1 << 20
)

// order sorts the members by place and holds them against each other.
func (d *Directory) order() error {
	slices.SortFunc(d.Members, func(a, b Member) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	if d.Members[0].Offset != 0 {
		return malformed("%d bytes stand before the first member of the archive", d.Members[0].Offset)
	}
	var padding int64
	for i := range d.Members {
		m := &d.Members[i]
		next := d.next(i)
		gap := next - m.Offset - localSize - int64(len(m.Name))
		if m.Compressed > gap || gap < 0 {
			return malformed("%.80q reaches into what follows it", m.Name)
		}
		gap -= m.Compressed
		d.Spare += max(0, gap-mostGap)
		padding += min(gap, mostGap)
	}
	d.Spare += max(0, padding-mostPadding)
	return nil
}

// next is where what follows member i begins.
func (d *Directory) next(i int) int64 {
	if i+1 < len(d.Members) {
		return d.Members[i+1].Offset
	}
	return d.Start
}

// CheckLocal holds the header that stands before member m against the directory. b are
// the bytes from m.Offset on, at least the header and the name. It returns where the
// member's data begins.
func (m Member) CheckLocal(b []byte) (data int64, err error) {
	if len(b) < localSize+len(m.Name) || string(b[:4]) != localMark {
		return 0, malformed("%.80q is not where the archive's directory places it", m.Name)
	}
	flags, method, crc := binary.LittleEndian.Uint16(b[6:]), binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint32(b[14:])
	compressed, size := binary.LittleEndian.Uint32(b[18:]), binary.LittleEndian.Uint32(b[22:])
	nameLen, extraLen := int(binary.LittleEndian.Uint16(b[26:])), int64(binary.LittleEndian.Uint16(b[28:]))
	if nameLen != len(m.Name) || string(b[localSize:localSize+nameLen]) != m.Name {
		return 0, malformed("the archive's directory calls a member %.80q, and the member itself has another name", m.Name)
	}
	// What follows the data may hold the sizes; then they are zero here.
	later := flags&flagTrailing != 0
	same := func(stated uint32, listed int64) bool {
		return stated == all32 || int64(stated) == listed || (later && stated == 0)
	}
	if method != m.Method || flags&flagEncrypted != m.Flags&flagEncrypted || !same(compressed, m.Compressed) || !same(size, m.Size) || (crc != m.CRC && (!later || crc != 0)) {
		return 0, malformed("%.80q and the archive's directory disagree about its size, compression or checksum", m.Name)
	}
	return m.Offset + localSize + int64(nameLen) + extraLen, nil
}

// alignment is where PyTorch's writer lets the data of a member begin: at a multiple of it.
const alignment = 64

// dataStart is where the data of member i most likely begins, without a look at its
// header: after padding to the alignment, where that leaves room for the data.
func (d *Directory) dataStart(i int) int64 {
	m := d.Members[i]
	least := m.Offset + localSize + int64(len(m.Name))
	if at := (least + 4 + alignment - 1) / alignment * alignment; at+m.Compressed <= d.next(i) {
		return at
	}
	return least
}
