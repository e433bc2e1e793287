// Package pytorch reads the checkpoints of PyTorch by ranges: shapes and types of every
// tensor, without touching a weight, and without running anything.
//
// A checkpoint is a pickle, a program for a small machine, and the storages that it
// refers to. torch.save writes both into a zip archive since version 1.6 and one behind
// the other before that. The pickle runs here in a machine of the project's own that
// builds plain values: it imports no name and calls nothing. A call of a name that is
// known (how torch rebuilds a tensor) becomes what that name builds; any other import
// is named with its object, and what was handed to it is not counted as exact.
//
// What the archive's directory lists and no tensor explains stays unexplained, byte by
// byte: a view smaller than its storage, a member that nothing refers to, a comment. The
// headers that stand before the storages are not read, one request each; that members
// fit between each other without room is seen from the directory.
//
// Named and left to the bound of their size: TorchScript archives, whose tensors belong
// to code; tar files of versions before 0.2; pickles without storages.
//
// Sources: serialization.py, _utils.py and _weights_only_unpickler.py of PyTorch,
// inline_container.cc, which writes the archive; pickletools.py of Python; APPNOTE.TXT of
// PKWARE; the project's notes on counting, section 6.
package pytorch

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "pytorch"

// The inspector's words for the formats.
const (
	Format        = "pytorch"
	FormatLegacy  = "pytorch-legacy"
	FormatTar     = "pytorch-tar"
	FormatScript  = "torchscript"
	FormatPickle  = "pickle"
	FormatIndex   = "pytorch-index"
	formatArchive = "zip"
)

// MaxIndex is the longest index, in bytes.
const MaxIndex = 64 << 20

const (
	// firstGuess is asked of a file that is a checkpoint by its name: most pickles fit
	// it.
	firstGuess = 256 << 10

	// sideBySide is how many pickles are run at once: the values of a hostile one may take
	// half a gigabyte.
	sideBySide = 3
)

// Reader reads PyTorch checkpoints and their indexes.
type Reader struct{}

// Name returns "pytorch".
func (Reader) Name() string { return Name }

// Open begins a run over the listed objects.
func (Reader) Open(objects []pipeline.Object) pipeline.ReaderRun {
	return &run{objects: objects, tables: map[string]*pipeline.Table{}, imports: map[string][]string{}, indexes: map[string][]string{},
		slots: make(chan struct{}, sideBySide)}
}

type run struct {
	objects []pipeline.Object

	mu      sync.Mutex
	tables  map[string]*pipeline.Table
	imports map[string][]string
	// indexes are the file names that each index names.
	indexes map[string][]string

	// slots bounds how many pickles are in memory.
	slots chan struct{}

	files, legacy, scripted, plain, foreign, compressed, tied int64
	evidence                                                  []pipeline.Evidence
}

var extensions = map[string]bool{".bin": true, ".pt": true, ".pth": true, ".ckpt": true, ".pkl": true, ".pickle": true, ".th": true}

func named(object string) bool { return extensions[strings.ToLower(path.Ext(object))] }

// isIndex reports whether an object lists the shards of a checkpoint, by its name:
// pytorch_model.bin.index.json, and variants with a word before ".json".
func isIndex(object string) bool {
	name := strings.ToLower(path.Base(object))
	if !strings.HasSuffix(name, ".json") {
		return false
	}
	for _, ext := range []string{".bin", ".pt", ".pth", ".ckpt"} {
		if strings.Contains(name, ext+".index.") {
			return true
		}
	}
	return false
}

// First asks for the likely length of a pickle.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return firstGuess, stage == pipeline.StageBodies && named(o.Path)
}

// Sniff claims indexes by name, and everything else by its first bytes.
func (r *run) Sniff(o pipeline.Object, head []byte) bool {
	return isIndex(o.Path) || kindOf(head, o) != kindNone
}

// Read reads one checkpoint or index.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	if isIndex(o.Path) {
		return r.readIndex(ctx, f)
	}
	switch kindOf(f.Head(), o) {
	case kindArchive:
		return r.readArchive(ctx, f)
	case kindLegacy:
		return r.readLegacy(ctx, f)
	case kindTar:
		r.count(&r.legacy, o.Path)
		return pipeline.ReadResult{Format: FormatTar, Role: pipeline.RoleWeights,
			Note: "it is a checkpoint in the tar form of old PyTorch; it is counted at eight parameters a byte"}, nil
	}
	return r.readPickle(ctx, f)
}

// enter waits until a pickle may be run, and returns what ends that.
func (r *run) enter(ctx context.Context) (leave func(), err error) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other pickles: %w", context.Cause(ctx))
	}
}

// count adds one to a counter and keeps the object as evidence.
func (r *run) count(to *int64, object string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to++
	r.evidence = append(r.evidence, pipeline.Evidence{Object: object})
}

// note keeps what a pickle imports beyond the list.
func (r *run) note(object string, p *Pickle) {
	if p == nil || p.Foreign == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign += p.Foreign
	r.imports[object] = append(r.imports[object], p.Imports...)
}

// importsNote says which imports a pickle has beyond the list, "" for none.
func importsNote(p *Pickle) string {
	if p.Foreign == 0 {
		return ""
	}
	const shown = 5
	names := p.Imports[:min(shown, len(p.Imports))]
	note := "it imports " + strings.Join(names, ", ")
	if more := p.Foreign - int64(len(names)); more > 0 {
		note += fmt.Sprintf(" and %d more", more)
	}
	return note + ", which loading it would run"
}

// because joins the parts of a note.
func because(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, "; ")
}
