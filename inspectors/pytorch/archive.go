package pytorch

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"weighbridge/pipeline"
)

const (
	// mostSmall is the longest of the small members that belong to the format, in bytes:
	// version, byteorder and their kind.
	mostSmall = 1 << 10
	// mostListed is how many compressed members a note names.
	mostListed = 3
)

// small lists the members of an archive that belong to the format and hold no
// weights.
var small = map[string]bool{"version": true, "byteorder": true, ".format_version": true, ".storage_alignment": true, ".data/serialization_id": true}

// archive is a zip archive in the hands of the reader.
type archive struct {
	*Directory
	ctx  context.Context //nolint:containedctx // it lives for one call of Read
	file pipeline.File
	// root is the folder of the archive that holds the checkpoint, with its slash.
	root string
	// windows are what was read of the object.
	windows []fragment
}

type fragment struct {
	offset int64
	bytes  []byte
}

// at returns n bytes from an offset, from memory where they were read before.
func (a *archive) at(offset, n int64) ([]byte, error) {
	for _, w := range a.windows {
		if offset >= w.offset && offset+n <= w.offset+int64(len(w.bytes)) {
			return w.bytes[offset-w.offset:][:n], nil
		}
	}
	body, err := a.file.Range(a.ctx, offset, n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	b := make([]byte, n)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, offset, err)
	}
	a.windows = append(a.windows, fragment{offset, b})
	return b, nil
}

// index returns the place of a member of the checkpoint in the directory, -1 for none.
func (a *archive) index(name string) int {
	return slices.IndexFunc(a.Members, func(m Member) bool { return m.Name == a.root+name })
}

// open returns the bytes of a member as they become when they are inflated, and not more
// than the directory states. What is in memory is not read again.
func (a *archive) open(i int) (io.ReadCloser, error) {
	m := a.Members[i]
	b, err := a.at(m.Offset, localSize+int64(len(m.Name)))
	if err != nil {
		return nil, err
	}
	data, err := m.CheckLocal(b)
	if err != nil {
		return nil, err
	}
	if data+m.Compressed > a.next(i) {
		return nil, malformed("%.80q reaches into what follows it", m.Name)
	}
	known := a.known(data, m.Compressed)
	body := struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(known), io.NopCloser(bytes.NewReader(nil))}
	if rest := m.Compressed - int64(len(known)); rest > 0 {
		more, err := a.file.Range(a.ctx, data+int64(len(known)), rest)
		if err != nil {
			return nil, err
		}
		body.Reader, body.Closer = io.MultiReader(body.Reader, more), more
	}
	if m.Method == methodDeflate {
		body.Reader = io.LimitReader(flate.NewReader(body.Reader), m.Size)
	}
	return body, nil
}

// known returns what is in memory of n bytes from an offset, from their start on.
func (a *archive) known(offset, n int64) []byte {
	for _, w := range a.windows {
		if at := offset - w.offset; at >= 0 && at < int64(len(w.bytes)) {
			return w.bytes[at:min(at+n, int64(len(w.bytes)))]
		}
	}
	return nil
}

func (r *run) readArchive(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Format: Format, Role: pipeline.RoleWeights}
	a := &archive{ctx: ctx, file: f, windows: []fragment{{0, f.Head()}}}
	var err error
	if a.Directory, err = ReadDirectory(o.Size, a.at); err != nil {
		return result, err
	}
	top, _, nested := strings.Cut(a.First, "/")
	a.root = top + "/"
	// Loaders take the folder of the first member for the checkpoint's.
	pickled := a.index("data.pkl")
	if !nested || pickled < 0 {
		for _, m := range a.Members {
			if strings.HasSuffix(m.Name, "/data.pkl") || m.Name == "data.pkl" {
				return result, malformed("the archive holds %.80q, which is not in the folder of its first member %.80q", m.Name, a.First)
			}
		}
		return pipeline.ReadResult{Format: formatArchive, Role: pipeline.RoleUnknown,
			Note: "it is a zip archive without a checkpoint; it is counted at eight parameters a byte"}, nil
	}
	leave, err := r.enter(ctx)
	if err != nil {
		return result, err
	}
	defer leave()
	if a.index("constants.pkl") >= 0 {
		return r.readScript(a, pickled)
	}
	r.count(&r.files, o.Path)
	kept := f.Keep()
	p, err := a.interpret(pickled, kept)
	r.note(o.Path, p)
	if err != nil {
		return result, err
	}
	if err := a.checkByteOrder(); err != nil {
		return result, err
	}
	w, compressed, err := a.weigh(p, pickled)
	if err != nil {
		return result, err
	}
	if err := a.keep(kept); err != nil {
		return result, err
	}
	w.table.Object = o.Path
	result.Explained = true
	result.Unexplained = int64(w.unexplained)
	result.Note = because(importsNote(p), compressedNote(compressed))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables[o.Path] = w.table
	r.tied += w.tied
	r.compressed += int64(len(compressed))
	return result, nil
}

// keep records the directory, which is in memory, behind the pickle.
func (a *archive) keep(kept io.WriteCloser) error {
	for _, part := range [][2]int64{{a.Start, a.Ending}, {a.Ending, a.file.Object().Size}} {
		b, err := a.at(part[0], part[1]-part[0])
		if err != nil {
			return err
		}
		if _, err := kept.Write(b); err != nil {
			return fmt.Errorf("keep the directory: %w", err)
		}
	}
	if err := kept.Close(); err != nil {
		return fmt.Errorf("keep the directory: %w", err)
	}
	return nil
}

func compressedNote(names []string) string {
	if len(names) == 0 {
		return ""
	}
	note := "storages are compressed, which PyTorch does not write, and are counted at eight parameters for each byte that they state: " + strings.Join(names[:min(mostListed, len(names))], ", ")
	if more := len(names) - mostListed; more > 0 {
		note += fmt.Sprintf(" and %d more", more)
	}
	return note
}

// interpret runs the pickle of the archive. What was used of it goes to kept.
func (a *archive) interpret(i int, kept io.Writer) (*Pickle, error) {
	m := a.Members[i]
	if m.Size > MaxPickle {
		return nil, overLimit("the pickle has %d bytes; at most %d are read", m.Size, int64(MaxPickle))
	}
	body, err := a.open(i)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	in := newInput(body, MaxPickle, kept)
	p, err := interpret(in)
	var broken flate.CorruptInputError
	switch {
	case errors.As(err, &broken):
		return p, malformedBy(err, "the compressed pickle is broken")
	case err != nil:
		return p, err
	case in.offset() != m.Size:
		return p, malformed("%d bytes follow the end of the pickle", m.Size-in.offset())
	}
	return p, in.flush()
}

// checkByteOrder reads the member that says in which order the bytes of a number stand.
// It changes no count, but a value that PyTorch does not know is a broken file.
func (a *archive) checkByteOrder() error {
	i := a.index("byteorder")
	if i < 0 {
		return nil
	}
	if a.Members[i].Size > mostSmall {
		return malformed("the member byteorder has %d bytes", a.Members[i].Size)
	}
	body, err := a.open(i)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, mostSmall))
	if err != nil {
		return fmt.Errorf("read the order of bytes: %w", err)
	}
	if s := string(text); s != "little" && s != "big" {
		return malformed("the archive states %.20q as its order of bytes", s)
	}
	return nil
}

// weigh holds the pickle's storages against the members that hold them. It returns the
// names of those that are compressed.
func (a *archive) weigh(p *Pickle, pickled int) (*weighed, []string, error) {
	places := make(map[string]place, len(p.keys))
	spare := uint64(a.Spare)
	var compressed []string
	for i, m := range a.Members {
		name := strings.TrimPrefix(m.Name, a.root)
		key, data := strings.CutPrefix(name, "data/")
		s := p.storages[key]
		switch {
		case i == pickled, name != m.Name && small[name] && m.Size <= mostSmall:
			continue
		case name == m.Name || !data || s == nil:
			spare = saturate(spare, uint64(max(m.Size, m.Compressed)))
			continue
		case s.typ.bytes > 0 && s.numel*s.typ.bytes != uint64(m.Size):
			return nil, nil, malformed("storage %.40q has %d bytes in the archive, and %d elements of %d bytes in the pickle", key, m.Size, s.numel, s.typ.bytes)
		}
		where := place{offset: uint64(a.dataStart(i)), bytes: uint64(m.Size), bounded: m.Method != methodStored}
		if where.bounded {
			compressed = append(compressed, m.Name)
		}
		places[key] = where
	}
	w, err := weigh(p, places)
	if err != nil {
		return nil, nil, err
	}
	w.unexplained = saturate(saturate(w.unexplained, spare), verbose(p, len(p.keys)))
	return w, compressed, nil
}

// readScript looks at the imports of a TorchScript archive and leaves the rest to the
// bound of its size: its tensors belong to code of its own.
func (r *run) readScript(a *archive, pickled int) (pipeline.ReadResult, error) {
	o := a.file.Object()
	r.count(&r.scripted, o.Path)
	p, err := a.interpret(pickled, nil)
	if p != nil {
		own := p.Imports
		p.Imports = nil
		for _, name := range own {
			if !scripted(name) {
				p.Imports = append(p.Imports, name)
			}
		}
		p.Foreign = int64(len(p.Imports))
		r.note(o.Path, p)
	}
	result := pipeline.ReadResult{Format: FormatScript, Role: pipeline.RoleWeights}
	if err != nil {
		return result, err
	}
	result.Note = because("it is a TorchScript archive, a model with code of its own; it is counted at eight parameters a byte", importsNote(p))
	return result, nil
}
