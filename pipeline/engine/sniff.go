package engine

import (
	"bytes"
	"encoding/binary"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// The formats that the engine tells by itself. Everything here holds no parameters; a
// format that does belongs to a reader.
const (
	formatEmpty   = "empty"
	formatText    = "text"
	formatJSON    = "json"
	formatPointer = "pointer"
	formatUnknown = "unknown"
)

// kind is what the bytes of an object say that it is.
type kind struct {
	format string
	// inert is true where such an object holds no parameters.
	inert bool
	text  bool
}

// role returns what an object is to the artifact.
func (k kind) role(name string) pipeline.Role {
	switch {
	case k.text && strings.EqualFold(path.Base(name), "README.md"):
		return pipeline.RoleCard
	case k.text:
		return pipeline.RoleText
	case k.inert:
		return pipeline.RoleMedia
	}
	return pipeline.RoleUnknown
}

// mark is a sequence of bytes at a place that tells a format.
type mark struct {
	at    int
	bytes string
}

// media lists formats that hold no parameters, by their marks.
var media = []struct {
	format string
	marks  []mark
}{
	{"png", []mark{{0, "\x89PNG\r\n\x1a\n"}}},
	{"jpeg", []mark{{0, "\xff\xd8\xff"}}},
	{"gif", []mark{{0, "GIF8"}}},
	{"webp", []mark{{0, "RIFF"}, {8, "WEBP"}}},
	{"wav", []mark{{0, "RIFF"}, {8, "WAVE"}}},
	{"avi", []mark{{0, "RIFF"}, {8, "AVI "}}},
	{"mp3", []mark{{0, "ID3"}}},
	{"flac", []mark{{0, "fLaC"}}},
	{"ogg", []mark{{0, "OggS"}}},
	{"mp4", []mark{{4, "ftyp"}}},
	{"webm", []mark{{0, "\x1a\x45\xdf\xa3"}}},
	{"pdf", []mark{{0, "%PDF-"}}},
}

// endOfZip is the signature of a zip archive's directory end. An archive behind an
// image is still an archive.
const endOfZip = "PK\x05\x06"

// tell says what an object is, by its first bytes and, of a large one, its last.
func tell(head, tail []byte, size int64) kind {
	if size == 0 {
		return kind{format: formatEmpty, inert: true}
	}
	if bytes.Contains(tail, []byte(endOfZip)) || (tail == nil && bytes.Contains(last(head, tailLook), []byte(endOfZip))) {
		return kind{format: formatUnknown}
	}
	for _, m := range media {
		if matches(head, m.marks) {
			return kind{format: m.format, inert: true}
		}
	}
	if sentencePieces(head) {
		return kind{format: "sentencepiece", inert: true}
	}
	if isText(head, int64(len(head)) == size, true) && isText(tail, true, false) {
		k := kind{format: formatText, inert: true, text: true}
		if start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
			k.format = formatJSON
		}
		return k
	}
	return kind{format: formatUnknown}
}

func last(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func matches(head []byte, marks []mark) bool {
	for _, m := range marks {
		if len(head) < m.at+len(m.bytes) || string(head[m.at:m.at+len(m.bytes)]) != m.bytes {
			return false
		}
	}
	return true
}

// isText reports whether b is UTF-8 without control characters other than white space
// and escape. Where b is a piece of a longer text, a rune may be cut at its end, or,
// for a tail, at its start.
func isText(b []byte, endsHere, startsHere bool) bool {
	if !startsHere {
		for i := 0; i < utf8.UTFMax-1 && len(b) > 0 && !utf8.RuneStart(b[0]); i++ {
			b = b[1:]
		}
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n <= 1:
			return !endsHere && !utf8.FullRune(b)
		case r < 0x20 && !strings.ContainsRune("\t\n\v\f\r\x1b", r), r == 0x7f:
			return false
		}
		b = b[n:]
	}
	return true
}

// sentencePieces reports whether b begins like a SentencePiece model: a protobuf of
// pieces, each a text, a float score and perhaps a kind (sentencepiece_model.proto).
// The first four pieces must parse; no model has fewer.
func sentencePieces(b []byte) bool {
	for n := 0; n < 4; n++ {
		if len(b) < 2 || b[0] != 0x0a {
			return false
		}
		size, k := binary.Uvarint(b[1:])
		if k <= 0 || size > uint64(len(b)-1-k) {
			return false
		}
		piece := b[1+k : 1+k+int(size)]
		b = b[1+k+int(size):]
		if len(piece) < 2 || piece[0] != 0x0a || int(piece[1]) > len(piece)-2 {
			return false
		}
		text, score := piece[2:2+piece[1]], piece[2+piece[1]:]
		if !utf8.Valid(text) || len(score) < 5 || score[0] != 0x15 {
			return false
		}
	}
	return true
}

const (
	lfsStart = "version https://git-lfs.github.com/spec/"
	xetStart = "# xet version "
	// mostPointer is larger than any pointer file.
	mostPointer = 4 << 10
)

// pointer reports whether an object is the text that Git LFS or Xet keeps in place of
// a file, and which size that text declares for it.
func pointer(head []byte, size int64) (declared int64, ok bool) {
	if size > mostPointer || (!bytes.HasPrefix(head, []byte(lfsStart)) && !bytes.HasPrefix(head, []byte(xetStart))) {
		return 0, false
	}
	for line := range strings.Lines(string(head)) {
		line = strings.TrimSpace(line)
		for _, key := range []string{"size ", "filesize = "} {
			if text, found := strings.CutPrefix(line, key); found {
				if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n >= 0 {
					declared = n
				}
			}
		}
	}
	return declared, true
}
