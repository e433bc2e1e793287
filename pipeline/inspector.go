package pipeline

import (
	"context"
	"io"
	"time"
)

// Reader is an inspector that reads objects of one family of formats. It never
// judges. A Reader has no state of its own; what belongs to one run lives in the
// [ReaderRun] that Open returns.
type Reader interface {
	// Name is a stable name, unique among all inspectors.
	Name() string
	// Open begins a run over the listed objects. It does no input or output.
	Open(objects []Object) ReaderRun
}

// Stage orders the first reads of a run: guides are read before anything else,
// because what they say makes the other reads cheaper.
type Stage int

// The stages of a run, in order.
const (
	StageGuides Stage = iota
	StageBodies
)

// ReaderRun is one reader at work on one snapshot. First and Sniff may be called
// while Read runs; all methods but Finish are safe for concurrent use.
type ReaderRun interface {
	// First says how many leading bytes of o the reader would like to see in the
	// first read, judged by name and size; ok is false where it has no wish at
	// this stage. It is called just before the read, so it may use what was
	// read until then. An object that a reader wishes for in StageGuides is
	// read then and not again.
	First(o Object, stage Stage) (bytes int64, ok bool)

	// Sniff reports whether head, the first bytes of o, looks like the reader's
	// format. head holds the whole object or at least 512 bytes. It is asked of
	// every object, whatever its name.
	Sniff(o Object, head []byte) bool

	// Read reads one sniffed object. An error that matches [ErrMalformed] marks
	// the object as malformed, [ErrChanged] ends the run, and any other error
	// marks the inspection as failed. What was read until then is discarded.
	Read(ctx context.Context, f File) (ReadResult, error)

	// Finish is called once, after the last Read, by one goroutine. It adds what
	// was read to the readings and the facts that the reader establishes.
	Finish(readings *Readings, facts *FactSet)
}

// PieceWisher is a [ReaderRun] that needs digests of pieces of objects, because something
// that it read states them. It is asked after the last Read of a run that hashes.
type PieceWisher interface {
	// Pieces returns the sizes in bytes, each at least 1, of the pieces that o is to be
	// cut into from its start; the last piece may be shorter. It returns nil for none.
	Pieces(o Object) []int64
}

// ReadResult says what an object turned out to be.
type ReadResult struct {
	// Format is the reader's word for the format.
	Format string
	// Role is what the object is to the artifact.
	Role Role
	// Explained is true where the header accounts for the object to its last byte.
	Explained bool
	// Inert is true where the object was understood and holds no parameters.
	Inert bool
	// Beside is true where the reader took what the object says and leaves to others what
	// it is: a text is told by its bytes all the same, so that nothing hides in a README.
	// Of the other fields only Role and Note count then, and Role only for a text. Such a
	// reader does not report a text that it does not understand as malformed: it leaves a
	// note, and establishes what that means.
	Beside bool
	// Unexplained is how many bytes of an explained object no tensor accounts for
	// and no rule of the format does; each may hold eight parameters.
	Unexplained int64
	// Note is one sentence about what was not understood. An object that is neither
	// explained nor inert and has a note is reported as skipped, for that reason: it
	// is counted by its size, and does not keep the run from a verdict. Beside an
	// explained object the note stands in the report and changes nothing.
	Note string
}

// File is one object in the hands of a reader.
type File interface {
	// Object returns the pinned object.
	Object() Object
	// Head returns the bytes of the first read, or its first 64 KiB where it is longer
	// than 4 MiB. They must not be changed.
	Head() []byte
	// Header returns a reader of the first n bytes of the object, 1 <= n <= size,
	// and records them as what was read of it: their digest and a compressed
	// copy are kept with the case once they were read to the end. What the first read
	// brought is not fetched again. It may be called once.
	Header(ctx context.Context, n int64) (io.ReadCloser, error)
	// Keep records what was read, in place of Header, where the length of a header is
	// known only once it was parsed, or what describes the object does not stand at its
	// start: the reader writes the bytes that it understood, in order, and Close
	// records them. What was not closed is not recorded. It may be called once.
	Keep() io.WriteCloser
	// Range returns any n bytes from offset, without keeping them.
	Range(ctx context.Context, offset, n int64) (io.ReadCloser, error)
}

// Role is what an object is to the artifact.
type Role string

// The roles of objects.
const (
	RoleWeights    Role = "weights"
	RoleIndex      Role = "index"
	RoleConfig     Role = "config"
	RoleCard       Role = "card"
	RoleText       Role = "text"
	RoleMedia      Role = "media"
	RolePointer    Role = "pointer"
	RoleSubmission Role = "submission"
	RoleUnknown    Role = "unknown"
)

// ObjectReading is what was found out about one object.
type ObjectReading struct {
	Object
	ReadResult
	// Status is the worst status of all inspections of the object.
	Status InspectionStatus
	// PointerSize is the size that a Git LFS pointer declares, else 0.
	PointerSize int64
	// SHA256 is the digest of the object's bytes, "" where they were not hashed.
	SHA256 Digest
	// Stored is true where SHA256 is the store's word and nobody read the bytes for it.
	Stored bool
	// Pieces are the digests that a [PieceWisher] asked for, by the size of the pieces, in
	// order; nil where nobody did or the bytes were not hashed.
	Pieces map[int64][]Digest
}

// Readings is everything the readers of one run returned: what derivers work on.
type Readings struct {
	// Objects are in byte order of path, one for each object of the snapshot.
	Objects []ObjectReading
	// Tables are in byte order of their object's path.
	Tables []*Table
	// Configs are the configuration files that were found, in byte order of path.
	Configs []Config
	// Cards are the READMEs that were found, in byte order of path.
	Cards []Card
	// The records are what the artifact states of itself, in no order: see [RecordKind].
	Licenses    []LicenseRecord
	Bases       []BaseRecord
	Datasets    []DatasetRecord
	Counts      []CountRecord
	Code        []CodeRecord
	DigestLists []DigestList
}

// Config is a JSON configuration file of a model, parsed.
type Config struct {
	// Object is its path.
	Object string
	// Adapter is true for an adapter_config.json.
	Adapter bool
	// Values is the document. Numbers are json.Number.
	Values map[string]any
}

// Deriver is an inspector that computes facts from what readers returned. It has no
// way to the store, so it can run again years later on what was kept.
type Deriver interface {
	// Name is a stable name, unique among all inspectors.
	Name() string
	// Derive adds facts. Derivers run one after another in their listed order and
	// may use the facts of those before them.
	Derive(ctx context.Context, readings *Readings, facts *FactSet) error
}

// Assessor computes facts from facts: what follows from the submission and from lists
// that the operator keeps, once the artifact was read. It sees no bytes, so that it runs
// again on a stored case. What it establishes it forgets first, so that a second run on
// the same facts gives what the first gave.
type Assessor interface {
	// Name is a stable name, unique among all inspectors.
	Name() string
	// Assess adds facts as on the given day. An error leaves the facts unknown and the
	// inspection failed.
	Assess(facts *FactSet, asOf time.Time) error
}

// SourceAssessor is an [Assessor] that holds the artifact against others, and so must know
// which one it is.
type SourceAssessor interface {
	Assessor
	// AssessSource does what Assess does, for the artifact under a source as
	// [Source.String] writes it. It is called in place of Assess, and asks others no
	// longer than ctx lasts.
	AssessSource(ctx context.Context, source string, facts *FactSet, asOf time.Time) error
}

// InspectionStatus says how an inspection ended.
type InspectionStatus string

// The ends of an inspection.
const (
	InspectionOK        InspectionStatus = "ok"
	InspectionSkipped   InspectionStatus = "skipped"
	InspectionFailed    InspectionStatus = "failed"
	InspectionMalformed InspectionStatus = "malformed"
)

// Inspection is one inspector's work on one object, or on the whole artifact where
// Object is empty. A failure is a result and stays in the report.
type Inspection struct {
	Inspector string           `json:"inspector"`
	Object    string           `json:"object"`
	Status    InspectionStatus `json:"status"`
	// Reason is one sentence, empty for ok unless the reader left a note.
	Reason string `json:"reason"`
}

// Kept is what was read of one object and stays with the case: a weight file's
// header, or a small text whole.
type Kept struct {
	Path string
	// Size is the number of bytes before compression.
	Size int64
	// Digest is over the bytes before compression.
	Digest Digest
	// Gzip holds the bytes, compressed.
	Gzip []byte
}
