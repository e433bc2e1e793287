package gguf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// Limits of a header. The number of dimensions is ggml's (GGML_MAX_DIMS); the others
// are Weighbridge's own and far above any real file.
const (
	// MaxHeader is the largest header in bytes: the values, most of it the words of a
	// tokenizer, and the list of tensors.
	MaxHeader = 256 << 20
	// MaxKeys is the largest number of values, MaxKey the longest name of one in bytes.
	MaxKeys = 1 << 16
	MaxKey  = 1 << 10
	// MaxTensors is the largest number of tensors in one file.
	MaxTensors = 1_000_000
	// MaxName is the longest name of a tensor in bytes; ggml itself stops at 63.
	MaxName = 4 << 10
	// MaxRank is the largest number of dimensions.
	MaxRank = 4
	// MaxDepth is how deep lists may lie in each other; ggml knows no list of lists.
	MaxDepth = 4
	// MaxVersion is the newest version that is known.
	MaxVersion = 3

	defaultAlignment = 32
	// mostAlignment is the largest alignment that is believed: above any page.
	mostAlignment = 1 << 20
	// mostValue is how long a text may be to be kept as metadata, and mostMetadata
	// how many bytes are kept in all.
	mostValue    = 4 << 10
	mostMetadata = 1 << 20
	// mostTemplate is how long a chat template may be to be kept: it is a program, and is
	// looked at.
	mostTemplate = window
	// mostValues is how many bytes of values a header may hold before they count as
	// not accounted for: no tokenizer comes near.
	mostValues = 64 << 20
	// mostPadding is how many bytes of padding a file may have before all of it counts
	// as not accounted for.
	mostPadding = 1 << 20
)

const (
	alignmentKey = "general.alignment"
	// datasetsKey is the one list that is kept: the sets that the model was trained on
	// (gguf.md of ggml). It becomes lines of text.
	datasetsKey = "general.datasets"
	// mostKept is how many texts of a list are kept.
	mostKept = 100
)

// templateKey begins the keys of chat templates.
const templateKey = "tokenizer.chat_template"

// Header is a header that kept all the rules.
type Header struct {
	// Table lists the tensors in the order of the file, with their dimensions
	// outermost first, so in the reverse of the file's order. Its metadata holds the
	// numbers, short texts and truth values of the header by their key, and the list
	// general.datasets as lines.
	//
	// A tensor of a type that is not known is in the table with
	// [pipeline.DTypeUnknown] and its shape.
	Table *pipeline.Table
	// Version is 1, 2 or 3.
	Version int
	// BigEndian is true for files of machines that store the highest byte first.
	BigEndian bool
	// Alignment is what data begins on a multiple of, in bytes.
	Alignment int64
	// Unexplained is how many bytes no tensor of a known type and no rule of the format
	// accounts for: of unknown types, in holes, behind the last tensor, and of values
	// and padding beyond what any real file has. A tensor of an unknown type adds at
	// least one byte for eight of its elements, whatever room it has.
	Unexplained int64
	// Unknown counts the tensors of unknown types, and UnknownTypes lists the numbers
	// of the first few of these types.
	Unknown      int64
	UnknownTypes []uint32
	// Why says in words what Unexplained is made of.
	Why []string
}

// versionError is returned for a version that is newer than this reader.
type versionError struct{ version uint32 }

func (e versionError) Error() string {
	return fmt.Sprintf("this is GGUF version %d; versions up to %d are known", e.version, MaxVersion)
}

// starts reports whether head begins like a GGUF file of some version, in either
// order of bytes. Text that begins with the same four letters does not.
func starts(head []byte) bool {
	if len(head) < 8 || (string(head[:4]) != "GGUF" && string(head[:4]) != "FUGG") {
		return false
	}
	const most = 1 << 12
	little, big := binary.LittleEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[4:])
	return little > 0 && little < most || big > 0 && big < most
}

// Decode reads the header of a file of size bytes, in one pass, as it arrives from r,
// which begins at the file's first byte. What belongs to the header is written to
// taken. Memory follows the list of tensors, never the values: a tokenizer's words are
// passed over.
//
// It holds the file to the rules of ggml's reader (gguf.cpp) where they matter for what
// is loaded: known value types, each key and each tensor once, at most four dimensions,
// whole blocks in each row, checked products, offsets that are aligned, inside the file
// and on no other tensor's data.
//
// Errors match [pipeline.ErrMalformed], or [pipeline.ErrOverLimit] where a limit above
// is exceeded, or are those of r.
func Decode(r io.Reader, size int64, taken io.Writer) (*Header, error) {
	d := &decoder{scanner: newScanner(r, size, taken), keys: map[string]struct{}{}}
	d.header.Table = &pipeline.Table{Format: Format, Metadata: map[string]string{}}
	d.header.Alignment = defaultAlignment
	if err := d.start(); err != nil {
		return nil, err
	}
	for range d.values {
		if err := d.value(); err != nil {
			return nil, err
		}
	}
	valuesEnd := d.at
	if err := d.align(); err != nil {
		return nil, err
	}
	for range d.tensors {
		if err := d.tensor(); err != nil {
			return nil, err
		}
	}
	d.header.Table.HeaderEnd = d.at
	if err := d.hand(); err != nil {
		return nil, err
	}
	if err := d.unique(); err != nil {
		return nil, err
	}
	if err := d.data(); err != nil {
		return nil, err
	}
	if valuesEnd > mostValues {
		d.unexplained(uint64(valuesEnd-mostValues), "the values of the header have %d bytes, more than any tokenizer", valuesEnd)
	}
	return &d.header, nil
}

type decoder struct {
	*scanner
	header  Header
	values  uint64
	tensors uint64
	keys    map[string]struct{}
	kept    int // bytes of metadata

	offsets []uint64 // of the tensors' data, from the start of the data
}

// start reads the magic, the version and the two counts.
func (d *decoder) start() error {
	b, err := d.take(8)
	if err != nil {
		return err
	}
	magic := string(b[:4])
	if magic != "GGUF" && magic != "FUGG" {
		return d.malformed("the file does not begin with GGUF")
	}
	version := binary.LittleEndian.Uint32(b[4:])
	// A version of which only the upper half is set is one read in the wrong order.
	if magic == "FUGG" || (version != 0 && version&0xffff == 0) {
		d.order, d.header.BigEndian = binary.BigEndian, true
		version = binary.BigEndian.Uint32(b[4:])
	}
	switch {
	case version == 0:
		return d.malformed("the file states version 0")
	case version > MaxVersion:
		return versionError{version}
	}
	d.header.Version = int(version)
	d.short = version == 1
	if d.tensors, err = d.count(); err != nil {
		return err
	}
	if d.values, err = d.count(); err != nil {
		return err
	}
	// A tensor takes 24 bytes at least in version 2 and later, a value 13.
	least := int64(24)
	if d.short {
		least = 20
	}
	if d.tensors > uint64(d.rest()/least) {
		return d.malformed("%d tensors are stated; the file has room for %d", d.tensors, d.rest()/least)
	}
	if d.values > uint64(d.rest()/9) {
		return d.malformed("%d values are stated; the file has room for %d", d.values, d.rest()/9)
	}
	if d.tensors > MaxTensors {
		return limit("the header states %d tensors; at most %d are read", d.tensors, MaxTensors)
	}
	if d.values > MaxKeys {
		return limit("the header states %d values; at most %d are read", d.values, MaxKeys)
	}
	return nil
}

// The types of values (gguf.h, gguf_type).
const (
	typeU8 uint32 = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeText
	typeList
	typeU64
	typeI64
	typeF64
)

// width returns the size of a value of a fixed size in bytes, else 0.
func width(kind uint32) uint64 {
	switch kind {
	case typeU8, typeI8, typeBool:
		return 1
	case typeU16, typeI16:
		return 2
	case typeU32, typeI32, typeF32:
		return 4
	case typeU64, typeI64, typeF64:
		return 8
	}
	return 0
}

// value reads one key with its value.
func (d *decoder) value() error {
	name, err := d.text("a key", MaxKey)
	if err != nil {
		return err
	}
	if len(name) == 0 {
		return d.malformed("a key is empty")
	}
	key := string(name)
	if !utf8.ValidString(key) {
		return d.malformed("the key %s is no valid text", quote(name))
	}
	if _, twice := d.keys[key]; twice {
		return d.malformed("the key %s is listed twice", quote(name))
	}
	d.keys[key] = struct{}{}
	kind, err := d.u32()
	if err != nil {
		return err
	}
	if key == alignmentKey && kind != typeU32 {
		return d.malformed("%s is of type %d and must be of type %d", alignmentKey, kind, typeU32)
	}
	switch {
	case kind == typeText:
		return d.textValue(key)
	case kind == typeList:
		return d.list(key, 1)
	case width(kind) == 0:
		return d.malformed("the value of %s has the type %d, which is not known", quote([]byte(key)), kind)
	}
	b, err := d.take(int(width(kind)))
	if err != nil {
		return err
	}
	d.keep(key, d.number(kind, b))
	return nil
}

// textValue reads a text, and keeps it where it is short.
func (d *decoder) textValue(key string) error {
	n, err := d.count()
	if err != nil {
		return err
	}
	most := uint64(mostValue)
	if strings.HasPrefix(key, templateKey) {
		most = mostTemplate
	}
	if n > most {
		return d.skip(n)
	}
	b, err := d.take(int(min(n, most)))
	if err != nil {
		return err
	}
	if utf8.Valid(b) {
		d.keep(key, string(b))
	}
	return nil
}

// number writes a value of a fixed size the way people do.
func (d *decoder) number(kind uint32, b []byte) string {
	switch kind {
	case typeU8:
		return strconv.FormatUint(uint64(b[0]), 10)
	case typeI8:
		return strconv.FormatInt(int64(int8(b[0])), 10)
	case typeBool:
		return strconv.FormatBool(b[0] != 0)
	case typeU16:
		return strconv.FormatUint(uint64(d.order.Uint16(b)), 10)
	case typeI16:
		return strconv.FormatInt(int64(int16(d.order.Uint16(b))), 10)
	case typeU32:
		return strconv.FormatUint(uint64(d.order.Uint32(b)), 10)
	case typeI32:
		return strconv.FormatInt(int64(int32(d.order.Uint32(b))), 10)
	case typeF32:
		return strconv.FormatFloat(float64(math.Float32frombits(d.order.Uint32(b))), 'g', -1, 32)
	case typeU64:
		return strconv.FormatUint(d.order.Uint64(b), 10)
	case typeI64:
		return strconv.FormatInt(int64(d.order.Uint64(b)), 10)
	default:
		return strconv.FormatFloat(math.Float64frombits(d.order.Uint64(b)), 'g', -1, 64)
	}
}

func (d *decoder) keep(key, value string) {
	if d.kept += len(key) + len(value); d.kept <= mostMetadata {
		d.header.Table.Metadata[key] = value
	}
}

// list passes over a list.
func (d *decoder) list(key string, depth int) error {
	if depth > MaxDepth {
		return d.malformed("the value of %s holds lists in lists, more than %d deep", quote([]byte(key)), MaxDepth)
	}
	kind, err := d.u32()
	if err != nil {
		return err
	}
	n, err := d.count()
	if err != nil {
		return err
	}
	each := width(kind)
	least := each
	switch kind {
	case typeText: // a length
		least = d.counted()
	case typeList: // a type and a length
		least = 4 + d.counted()
	}
	if least == 0 {
		return d.malformed("the value of %s is a list of the type %d, which is not known", quote([]byte(key)), kind)
	}
	if n > uint64(d.rest())/least {
		return d.malformed("the value of %s is a list of %d items; the file has room for %d", quote([]byte(key)), n, uint64(d.rest())/least)
	}
	if each > 0 {
		return d.skip(n * each)
	}
	if key == datasetsKey && kind == typeText && depth == 1 {
		return d.texts(key, n)
	}
	for range n {
		if kind == typeList {
			err = d.list(key, depth+1)
		} else {
			err = d.skipText()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// texts keeps the first short texts of a list, one a line.
func (d *decoder) texts(key string, n uint64) error {
	var lines []string
	for range n {
		size, err := d.count()
		if err != nil {
			return err
		}
		if size > mostValue || len(lines) == mostKept {
			if err := d.skip(size); err != nil {
				return err
			}
			continue
		}
		b, err := d.take(int(size))
		if err != nil {
			return err
		}
		if line := string(b); utf8.ValidString(line) && !strings.Contains(line, "\n") {
			lines = append(lines, line)
		}
	}
	d.keep(key, strings.Join(lines, "\n"))
	return nil
}

// counted returns the size of a count in bytes.
func (d *decoder) counted() uint64 {
	if d.short {
		return 4
	}
	return 8
}

func (d *decoder) skipText() error {
	n, err := d.count()
	if err != nil {
		return err
	}
	return d.skip(n)
}

// align takes the alignment from the values.
func (d *decoder) align() error {
	if _, stated := d.keys[alignmentKey]; !stated {
		return nil
	}
	n, err := strconv.ParseUint(d.header.Table.Metadata[alignmentKey], 10, 32)
	if err != nil || n == 0 || n&(n-1) != 0 {
		return d.malformed("%s is %s and must be a power of two", alignmentKey, d.header.Table.Metadata[alignmentKey])
	}
	if n > mostAlignment {
		return d.malformed("%s is %d; at most %d is allowed", alignmentKey, n, mostAlignment)
	}
	d.header.Alignment = int64(n)
	return nil
}

// tensor reads one entry of the list of tensors.
func (d *decoder) tensor() error {
	text, err := d.text("a tensor's name", MaxName)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return d.malformed("the tensor name %s is no valid text", quote(text))
	}
	if slices.Contains(text, 0) {
		return d.malformed("the tensor name %s holds a NUL, where loaders end it", quote(text))
	}
	name := slices.Clone(text)
	rank, err := d.u32()
	if err != nil {
		return err
	}
	if rank > MaxRank {
		return d.malformed("tensor %s has %d dimensions; at most %d are allowed", quote(name), rank, MaxRank)
	}
	var shape [MaxRank]uint64
	for i := range rank {
		n, err := d.count()
		if err != nil {
			return err
		}
		if n > math.MaxInt64 {
			return d.malformed("tensor %s has a dimension of %d", quote(name), n)
		}
		shape[rank-1-i] = n
	}
	number, err := d.u32()
	if err != nil {
		return err
	}
	offset, err := d.u64()
	if err != nil {
		return err
	}
	return d.add(name, shape[:rank], number, offset)
}

// add checks a tensor and takes it into the table.
func (d *decoder) add(name []byte, shape []uint64, number uint32, offset uint64) error {
	elements, ok := product(shape)
	if !ok {
		return d.malformed("the dimensions of tensor %s multiply to more than 2^63-1", quote(name))
	}
	dtype, known := TypeOf(number)
	if known {
		block, _ := dtype.Block()
		if row := innermost(shape); row%block != 0 {
			return d.malformed("tensor %s has rows of %d elements, which do not fill blocks of %d as %s has them", quote(name), row, block, dtype)
		}
		if _, ok := dtype.Size(elements); !ok {
			return d.malformed("tensor %s has more than 2^63-1 bytes", quote(name))
		}
	} else {
		dtype = pipeline.DTypeUnknown
		d.header.Unknown++
		if len(d.header.UnknownTypes) < 8 && !slices.Contains(d.header.UnknownTypes, number) {
			d.header.UnknownTypes = append(d.header.UnknownTypes, number)
		}
	}
	if offset%uint64(d.header.Alignment) != 0 {
		return d.malformed("the data of tensor %s begins at %d, which is no multiple of %d", quote(name), offset, d.header.Alignment)
	}
	if offset > uint64(d.size) {
		return d.malformed("the data of tensor %s begins at %d, behind the end of the file", quote(name), offset)
	}
	d.offsets = append(d.offsets, offset)
	d.header.Table.Append(name, dtype, shape, offset)
	return nil
}

// product multiplies all dimensions, refusing one that overflows even where another is
// zero.
func product(shape []uint64) (uint64, bool) {
	n := uint64(1)
	for _, dim := range shape {
		if dim == 0 {
			continue
		}
		hi, lo := bits.Mul64(n, dim)
		if hi != 0 || lo > math.MaxInt64 {
			return 0, false
		}
		n = lo
	}
	if slices.Contains(shape, 0) {
		return 0, true
	}
	return n, true
}

func innermost(shape []uint64) uint64 {
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// unique refuses a name that is listed twice.
func (d *decoder) unique() error {
	t := d.header.Table
	order := make([]int32, t.Len())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(t.At(int(a)).Name, t.At(int(b)).Name) })
	for i := 1; i < len(order); i++ {
		if name := t.At(int(order[i])).Name; name == t.At(int(order[i-1])).Name {
			return d.malformed("tensor %s is listed twice", quote([]byte(name)))
		}
	}
	return nil
}

// quote shows a name from a file in a message: quoted, cut to a readable length.
func quote(name []byte) string {
	const most = 120
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
