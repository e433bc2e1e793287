package code

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"weighbridge/pipeline"
)

// mostMembers is how many members of an archive are looked at.
const mostMembers = 10_000

// archive tells program text inside a zip or tar archive by the names of those members
// whose headers were read. Nothing is unpacked. It reports whether the object is one.
func (l *looker) archive() bool {
	var members []string
	var kind string
	switch {
	case bytes.HasPrefix(l.head, []byte("PK\x03\x04")):
		kind, members = "zip", zipMembers(l.head)
	case len(l.head) >= 262 && string(l.head[257:262]) == "ustar":
		kind, members = "tar", tarMembers(l.head)
	default:
		return false
	}
	for _, member := range members {
		if _, ok := codeByName(normal(member)); ok {
			l.add(pipeline.CodeRecord{Code: true, Side: structure,
				What: fmt.Sprintf("a %s archive with program text, such as %s; it was not unpacked", kind, shown(member))})
			break
		}
	}
	return true
}

// zipMembers walks the local headers from the start, as far as they state where the next
// one is (APPNOTE.TXT 6.3.10, section 4.3.7), and from there looks for the marks of
// headers and of directory entries, which lie in head where the archive is short.
func zipMembers(head []byte) []string {
	var names []string
	for at := 0; at >= 0 && len(names) < mostMembers; {
		b := head[at:]
		var nameAt, lengthAt int
		switch {
		case bytes.HasPrefix(b, []byte("PK\x03\x04")):
			nameAt, lengthAt = 30, 26
		case bytes.HasPrefix(b, []byte("PK\x01\x02")):
			nameAt, lengthAt = 46, 28
		}
		next := 2
		if nameAt > 0 && len(b) >= nameAt {
			n := int(binary.LittleEndian.Uint16(b[lengthAt:]))
			if name := b[nameAt:min(nameAt+n, len(b))]; len(name) == n {
				names = append(names, string(name))
				next = nameAt + n
			}
		}
		i := bytes.Index(b[min(next, len(b)):], []byte("PK"))
		if i < 0 {
			break
		}
		at += next + i
	}
	return names
}

const tarBlock = 512

// tarMembers walks the headers of a tar archive (POSIX.1-1988 ustar) as far as head goes.
func tarMembers(head []byte) []string {
	var names []string
	for at := uint64(0); at+tarBlock <= uint64(len(head)) && len(names) < mostMembers; {
		b := head[at : at+tarBlock]
		if string(b[257:262]) != "ustar" {
			break
		}
		name, _, _ := strings.Cut(string(b[:100]), "\x00")
		names = append(names, name)
		digits := strings.Trim(string(b[124:136]), " \x00")
		size, err := strconv.ParseUint(digits, 8, 40)
		if err != nil {
			break
		}
		at += tarBlock + (size+tarBlock-1)/tarBlock*tarBlock
	}
	return names
}
