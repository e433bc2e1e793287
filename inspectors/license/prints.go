package license

import (
	"bufio"
	"bytes"
	_ "embed" // the fingerprints are part of the binary
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weighbridge/pipeline"
)

//go:embed fingerprints.tsv
var printsFile []byte

// window is how many neighbouring shingles one is chosen of: where two texts share
// shingle+window-1 words in a row, they share a shingle of the fingerprint. The choice is
// that of winnowing (Schleimer, Wilkerson, Aiken: "Winnowing: local algorithms for
// document fingerprinting", SIGMOD 2003): the smallest hash of each window.
const window = 4

// Print is the fingerprint of the text of a licence: a choice of the hashes of its runs
// of six words. The text cannot be put together from it.
type Print struct {
	// ID is the SPDX id of the licence, or a LicenseRef. Several prints may have one. It
	// begins with "frame:" where the text is no licence and stands around some.
	ID string
	// Words is how many words the text has.
	Words int
	// Source says where the text was read, AsOf the day, as YYYY-MM-DD.
	Source, AsOf string
	// Hashes are in order, each once.
	Hashes []uint32
}

// NewPrint makes the fingerprint of a text. An error matches [pipeline.ErrInvalid]: the
// text has fewer than thirty words, or what says where it is from is missing.
func NewPrint(id string, text []byte, source, asOf string) (Print, error) {
	words := split(text)
	if _, err := time.Parse(time.DateOnly, asOf); err != nil || id == "" || source == "" || strings.ContainsAny(id+source, "\t\n") {
		return Print{}, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "a fingerprint needs the id of the licence, the source of its text and the day as YYYY-MM-DD"}
	}
	if len(words) < leastWords {
		return Print{}, &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("the text has %d words; a fingerprint needs %d", len(words), leastWords)}
	}
	return Print{ID: id, Words: len(words), Source: source, AsOf: asOf, Hashes: winnow(shingles(words))}, nil
}

// leastWords is the least that a text needs to have a fingerprint.
const leastWords = 30

// winnow chooses the smallest hash of each window.
func winnow(hashes []uint32) []uint32 {
	var out []uint32
	for i := 0; i < len(hashes); i++ {
		out = append(out, slices.Min(hashes[i:min(i+window, len(hashes))]))
		if i+window >= len(hashes) {
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Line writes a print as one line of fingerprints.tsv.
func (p Print) Line() string {
	var b []byte
	for _, h := range p.Hashes {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	return strings.Join([]string{p.ID, strconv.Itoa(p.Words), p.Source, p.AsOf, base64.StdEncoding.EncodeToString(b)}, "\t")
}

// ParsePrints reads lines as [Print.Line] writes them. Empty lines, and those that begin
// with "#", are passed over. An error matches [pipeline.ErrInvalid].
func ParsePrints(text []byte) ([]Print, error) {
	var out []Print
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := parsePrint(line)
		if err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: fmt.Sprintf("line %d of the fingerprints cannot be read", n), Err: err}
		}
		out = append(out, p)
	}
	if err := lines.Err(); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the fingerprints cannot be read", Err: err}
	}
	return out, nil
}

func parsePrint(line string) (Print, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 5 {
		return Print{}, fmt.Errorf("it has %d fields, not five", len(fields))
	}
	words, err := strconv.Atoi(fields[1])
	if err != nil || words < leastWords {
		return Print{}, fmt.Errorf("%q is no number of words", fields[1])
	}
	b, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(b) == 0 || len(b)%4 != 0 {
		return Print{}, fmt.Errorf("the hashes of %s cannot be read", fields[0])
	}
	p := Print{ID: fields[0], Words: words, Source: fields[2], AsOf: fields[3], Hashes: make([]uint32, len(b)/4)}
	for i := range p.Hashes {
		p.Hashes[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	if !slices.IsSorted(p.Hashes) {
		return Print{}, fmt.Errorf("the hashes of %s are out of order", p.ID)
	}
	return p, nil
}

// Prints returns the fingerprints that the program has, in the order of the file.
func Prints() []Print { return slices.Clone(shipped().prints) }

// Index finds the licences whose fingerprints a text shares. It is not changed once made,
// and safe for concurrent use.
type Index struct {
	prints []Print
	byHash map[uint32][]uint16
}

// NewIndex makes an index of at most 65,535 fingerprints.
func NewIndex(prints []Print) *Index {
	x := &Index{prints: prints, byHash: map[uint32][]uint16{}}
	for i, p := range prints {
		for _, h := range p.Hashes {
			x.byHash[h] = append(x.byHash[h], uint16(i))
		}
	}
	return x
}

// shipped reads the embedded fingerprints once. A file that does not load is a fault of
// the program, like one that does not compile.
var shipped = sync.OnceValue(func() *Index {
	prints, err := ParsePrints(printsFile)
	if err != nil {
		panic(err)
	}
	return NewIndex(prints)
})
