// Package npz reads the headers of numpy's arrays: single ones, .npy, and archives of
// them, .npz, by ranges, without ever touching a weight.
//
// An archive is read from its end; then the first few hundred bytes of each member give
// its type and shape. Members are stored as they are unless they were saved compressed;
// of those only as much is inflated as their header takes, and because nothing shows
// what the rest inflates to, their stated size is counted at eight parameters a byte.
//
// Sources: numpy's format description (numpy/lib/format.py) and the zip format's
// APPNOTE.TXT.
package npz

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name; the formats are its words for the two formats.
const (
	Name        = "npz"
	FormatArray = "npy"
	Format      = "npz"
)

const (
	arrayExtension = ".npy"
	extension      = ".npz"

	// tailLength covers the longest comment and all end records.
	tailLength = mostComment + endLength + locator64Length + end64Length
	// block is what is read at least at a member's place: its header and the array's,
	// and those of the members behind it where they are small.
	block = 4 << 10
)

// Reader reads .npy and .npz files.
type Reader struct{}

// Name returns "npz".
func (Reader) Name() string { return Name }

// Open begins a run. It needs none of the objects.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun {
	return &run{tables: map[string]*pipeline.Table{}}
}

type run struct {
	mu     sync.Mutex
	tables map[string]*pipeline.Table
}

func hasEnd(name, end string) bool { return strings.HasSuffix(strings.ToLower(name), end) }

// First has no wish: what is read of any object is enough for a start.
func (*run) First(pipeline.Object, pipeline.Stage) (int64, bool) { return 0, false }

// Sniff claims arrays by their first bytes, archives whose first member is an array,
// and both by name. An archive that begins with a pickle is not numpy's.
func (*run) Sniff(o pipeline.Object, head []byte) bool {
	if bytes.HasPrefix(head, []byte(magic)) || hasEnd(o.Path, arrayExtension) {
		return true
	}
	first, zipped := looksZipped(head)
	if !zipped {
		return hasEnd(o.Path, extension)
	}
	if hasEnd(first, ".pkl") {
		return false
	}
	return hasEnd(first, arrayExtension) || hasEnd(o.Path, extension)
}

// Read reads one array or archive.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: FormatArray, Role: pipeline.RoleWeights}
	read := readArray
	if _, zipped := looksZipped(f.Head()); zipped || hasEnd(o.Path, extension) {
		result.Format = Format
		read = readArchive
	}
	w := &weighed{table: &pipeline.Table{Object: o.Path, Format: result.Format}}
	if err := read(ctx, f, w); err != nil {
		return result, err
	}
	result.Explained, result.Unexplained = true, w.unexplained
	if w.unexplained > 0 {
		result.Note = fmt.Sprintf("%d bytes are counted at eight parameters each: %s", w.unexplained, strings.Join(w.why, "; "))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables[o.Path] = w.table
	return result, nil
}

// Finish hands over the tables in order of path.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	for _, p := range slices.Sorted(maps.Keys(r.tables)) {
		readings.Tables = append(readings.Tables, r.tables[p])
	}
}

// weighed is what one object came to.
type weighed struct {
	table       *pipeline.Table
	unexplained int64
	why         []string
}

const mostWhy = 5

func (w *weighed) unknown(n uint64, format string, args ...any) {
	if n == 0 {
		return
	}
	if sum := uint64(w.unexplained) + min(n, math.MaxInt64); sum <= math.MaxInt64 {
		w.unexplained = int64(sum)
	} else {
		w.unexplained = math.MaxInt64
	}
	if len(w.why) < mostWhy {
		w.why = append(w.why, fmt.Sprintf(format, args...))
	}
}

// add puts an array on the table whose header and data have size bytes together.
func (w *weighed) add(name string, a *Array, offset, size int64) error {
	data := uint64(size - a.Header)
	need, known := a.bytes()
	if !known {
		need = data
	}
	if need > data {
		return malformed("the array %.100q is cut: its data has %d bytes and needs %d", name, data, need)
	}
	w.table.Append([]byte(name), a.DType, a.Shape, uint64(offset+a.Header))
	if a.DType == pipeline.DTypeUnknown {
		elements, _ := pipeline.Product(a.Shape)
		w.unknown(max(need, elements/8+min(elements%8, 1)), "the array %.100q is of the type %.100q, which no model's weights have", name, a.Descr)
	}
	w.unknown(data-need, "%d bytes follow the array %.100q", data-need, name)
	return nil
}

// readArray reads a single array.
func readArray(ctx context.Context, f pipeline.File, w *weighed) error {
	o := f.Object()
	n, err := HeaderLength(f.Head(), o.Size)
	if err != nil {
		return err
	}
	body, err := f.Header(ctx, n)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	head := make([]byte, n)
	if _, err := io.ReadFull(body, head); err != nil {
		return fmt.Errorf("read the header: %w", err)
	}
	a, err := DecodeArray(head, o.Size)
	if err != nil {
		return err
	}
	w.table.HeaderEnd = n
	name := path.Base(o.Path)
	if hasEnd(name, arrayExtension) {
		name = name[:len(name)-len(arrayExtension)]
	}
	return w.add(name, a, 0, o.Size)
}

// readArchive reads an archive: its end, its directory, and the start of each member.
// What is recorded is the directory with the end, and behind it the header of each
// array, in the order of the members' places.
func readArchive(ctx context.Context, f pipeline.File, w *weighed) error {
	size := f.Object().Size
	p := &places{file: f}
	tail, err := p.get(ctx, max(0, size-tailLength), min(size, tailLength), 0)
	if err != nil {
		return err
	}
	end, err := DecodeEnd(tail, size)
	if err != nil {
		return err
	}
	kept := f.Keep()
	directory, err := p.get(ctx, end.Directory, size-end.Directory, 0)
	if err != nil {
		return err
	}
	members, err := DecodeDirectory(directory[:end.Length], end, size)
	if err != nil {
		return err
	}
	if _, err := kept.Write(directory); err != nil {
		return fmt.Errorf("keep the directory: %w", err)
	}
	w.unknown(uint64(end.Comment), "the archive has a comment of %d bytes", end.Comment)
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Offset, b.Offset) })
	spans := make([]span, 0, len(members))
	for i := range members {
		s, err := w.member(ctx, p, &members[i], end.Directory, kept)
		if err != nil {
			return err
		}
		spans = append(spans, s)
	}
	loose, err := gaps(spans, end.Directory)
	if err != nil {
		return err
	}
	w.unknown(uint64(loose), "%d bytes belong to no member", loose)
	if err := kept.Close(); err != nil {
		return fmt.Errorf("keep the headers: %w", err)
	}
	return nil
}

// mostExtra is how many bytes of extra fields a member may have before they count as
// not accounted for; archives pad with some.
const mostExtra = 64

// member reads the start of one member and weighs it.
func (w *weighed) member(ctx context.Context, p *places, m *Member, directory int64, kept io.Writer) (span, error) {
	fixed, err := p.get(ctx, m.Offset, min(memberLength, directory-m.Offset), min(block, directory-m.Offset))
	if err != nil {
		return span{}, err
	}
	if len(fixed) < memberLength {
		return span{}, malformed("the member %s is cut", m)
	}
	length := int64(memberLength) + int64(fixed[26]) + int64(fixed[27])<<8 + int64(fixed[28]) + int64(fixed[29])<<8
	head, err := p.get(ctx, m.Offset, min(length, directory-m.Offset), min(block, directory-m.Offset))
	if err != nil {
		return span{}, err
	}
	start, extra, err := m.decodeMember(head)
	if err != nil {
		return span{}, err
	}
	s := span{name: m.Name, begin: m.Offset, data: m.Offset + int64(start), surplus: int64(max(0, extra-mostExtra))}
	s.end = s.data + m.Compressed
	if s.end > directory {
		return span{}, malformed("the member %s reaches into the directory", m)
	}
	if m.Flags&flagDescriptor != 0 {
		s.descriptor = 24
	}
	switch {
	case strings.HasSuffix(m.Name, "/") && m.Size == 0 && m.Compressed == 0:
		return s, nil // a folder
	case hasEnd(m.Name, ".pkl"):
		return span{}, malformed("the member %s is a pickle, which is not read", m)
	case !hasEnd(m.Name, arrayExtension):
		w.unknown(uint64(max(m.Size, m.Compressed)), "the member %s is no array", m)
		return s, nil
	}
	header, err := p.header(ctx, m, s.data)
	if err != nil {
		return span{}, fmt.Errorf("the member %s: %w", m, err)
	}
	a, err := DecodeArray(header, m.Size)
	if err != nil {
		return span{}, inMember(m, err)
	}
	if _, err := kept.Write(header); err != nil {
		return span{}, fmt.Errorf("keep the headers: %w", err)
	}
	if m.Method == deflated {
		w.unknown(uint64(max(m.Size, m.Compressed)), "the array %s is compressed, so nothing shows what it holds", m)
	}
	return s, w.add(m.Name[:len(m.Name)-len(arrayExtension)], a, s.data, m.Size)
}

// inMember says of which member an error is.
func inMember(m *Member, err error) error {
	var e *pipeline.Error
	if errors.As(err, &e) {
		return &pipeline.Error{Code: e.Code, Message: fmt.Sprintf("the member %s: %s", m, e.Message)}
	}
	return err
}

// header returns the header of the array in a member, whose data begins at data.
func (p *places) header(ctx context.Context, m *Member, data int64) ([]byte, error) {
	first := min(int64(least), m.Size)
	if m.Method == stored {
		head, err := p.get(ctx, data, first, min(block, m.Compressed))
		if err != nil {
			return nil, err
		}
		n, err := HeaderLength(head, m.Size)
		if err != nil {
			return nil, inMember(m, err)
		}
		return p.get(ctx, data, n, 0)
	}
	// A header of 64 KiB inflates from at most a little more than it has bytes; real ones
	// from less than two hundred.
	packed, err := p.get(ctx, data, min(block, m.Compressed), 0)
	if err != nil {
		return nil, err
	}
	head := make([]byte, least)
	if k, _ := io.ReadFull(flate.NewReader(bytes.NewReader(packed)), head); k < len(head) {
		return nil, malformed("the member %s cannot be inflated", m)
	}
	n, err := HeaderLength(head, m.Size)
	if err != nil {
		return nil, inMember(m, err)
	}
	if packed, err = p.get(ctx, data, min(n+block, m.Compressed), 0); err != nil {
		return nil, err
	}
	out := make([]byte, n)
	if k, _ := io.ReadFull(flate.NewReader(bytes.NewReader(packed)), out); int64(k) < n {
		return nil, malformed("the member %s cannot be inflated", m)
	}
	return out, nil
}

// places yields bytes of an object from what was read already, or reads more.
type places struct {
	file pipeline.File
	// last is what was read last, from the offset at.
	last []byte
	at   int64
}

// get returns n bytes from offset. Where they must be read, ahead bytes are, if that is
// more. All n bytes must lie inside the object.
func (p *places) get(ctx context.Context, offset, n, ahead int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if head := p.file.Head(); offset+n <= int64(len(head)) {
		return head[offset : offset+n], nil
	}
	if p.at <= offset && offset+n <= p.at+int64(len(p.last)) {
		return p.last[offset-p.at : offset-p.at+n], nil
	}
	n, want := max(n, ahead), n
	body, err := p.file.Range(ctx, offset, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	b := make([]byte, n)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, offset, err)
	}
	p.last, p.at = b, offset
	return b[:want], nil
}
