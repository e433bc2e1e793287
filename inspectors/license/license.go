// Package license finds out under which licence the artifact says it is, from all places
// that say it: the files with a licence's text, notices and policies of use, package
// manifests, and, from other readers, the card and the headers of the weights.
//
// # Texts
//
// Ordinary licences are told by github.com/google/licensecheck, the library behind the
// licence pages of Go's package site. It matches whole licences word by word, says which
// bytes it matched, has nothing to load and no dependency; it was last released in 2020,
// so that licences of after that have a fingerprint of our own. Against
// github.com/google/licenseclassifier/v2 (2022): that one scores by likeness, which is what
// a text with a sentence added must not be told by, and takes its own corpus of files.
//
// The licences of models are told by fingerprints of their texts (fingerprints.tsv): a
// choice of the hashes of all runs of six words, by winnowing. They hold whatever the line
// breaks, case, punctuation and markup are. A text is a licence where it holds nearly all
// of it, so that versions of a licence, which share nineteen twentieths of their words, are
// not taken for each other; and what goes on beyond a licence is counted and told.
//
// # Names
//
// The words of model hubs and the ids of licences come from the table in pipeline/licence,
// and from nowhere else: what is found here is looked up there once the facts are judged,
// and two tables would drift apart. That is why this inspector may import that package,
// which is words and no bytes.
//
// Nothing is followed that a text or a manifest links to.
package license

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the name of the reader, and of the deriver.
const Name = "license"

// MaxText is how much is read of a licence, a notice, a policy or a manifest, in bytes.
const MaxText = 256 << 10

// What a record covers, see [pipeline.LicenseRecord].
const (
	coversModel  = "model"
	coversPart   = "part"
	coversCode   = "code"
	coversUse    = "use"
	coversNotice = "notice"
	coversData   = "data"
)

// Reader reads licences, notices, policies of use and package manifests, by their names.
type Reader struct{}

// Name returns "license".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu      sync.Mutex
	records []pipeline.LicenseRecord
}

// First asks for up to [MaxText] of a file whose name says that it is one of ours.
func (r *run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxText), stage == pipeline.StageBodies && r.Sniff(o, nil)
}

// Sniff goes by the name, as people do who look for a licence.
func (r *run) Sniff(o pipeline.Object, _ []byte) bool {
	_, text := Covers(o.Path)
	return text || manifestOf(o.Path) != nil
}

// Read identifies one text, or reads the licence out of one manifest. What it does not
// understand it leaves as a record that says so; it returns no error.
func (r *run) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	head := f.Head()
	head = head[:min(len(head), MaxText)]
	result := pipeline.ReadResult{Beside: true, Role: pipeline.RoleText}
	var found []pipeline.LicenseRecord
	if covers, ok := Covers(o.Path); ok {
		found = []pipeline.LicenseRecord{textRecord(o, head, covers)}
	} else if parse := manifestOf(o.Path); parse != nil {
		found = manifestRecords(o.Path, parse(head))
	}
	if int64(len(head)) < o.Size {
		result.Note = fmt.Sprintf("only the first %d KiB were read", MaxText>>10)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, found...)
	return result, nil
}

// Finish hands over the records, in order of their places.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	slices.SortStableFunc(r.records, func(a, b pipeline.LicenseRecord) int { return strings.Compare(a.At.Object, b.At.Object) })
	readings.Licenses = append(readings.Licenses, r.records...)
}

// textRecord identifies a text. A policy of use and a notice may say what they like.
func textRecord(o pipeline.Object, text []byte, covers string) pipeline.LicenseRecord {
	id := Identify(text)
	record := pipeline.LicenseRecord{At: pipeline.Evidence{Object: o.Path}, Kind: pipeline.RecordText,
		Expression: id.Expression, Share: id.Share, Covers: covers}
	if id.Words == 0 || covers != coversUse && covers != coversNotice {
		record.Problem = id.sentence(shown(o.Path))
	}
	return record
}

// texts are the endings of the names of texts, and others those of files that may begin
// like one and are something else.
var (
	texts  = []string{"", ".txt", ".md", ".markdown", ".rst", ".html", ".htm", ".pdf", ".rtf"}
	others = []string{".py", ".pyi", ".js", ".mjs", ".ts", ".tsx", ".go", ".rs", ".c", ".cc", ".cpp", ".h", ".hpp", ".java", ".rb", ".sh", ".ipynb",
		".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml", ".csv", ".css", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp",
		".safetensors", ".gguf", ".bin", ".pt", ".pth", ".onnx", ".zip", ".gz", ".npz", ".npy"}
)

// Covers tells by the path whether an object is a licence, a notice or a policy of use,
// and what it covers: "use" for a policy, "notice" for a notice, "code" or "data" where
// the name says so, and a licence else covers the model where it lies at the root, or its
// name speaks of the model or the weights, and a part of it where it lies in a folder.
func Covers(objectPath string) (covers string, ok bool) {
	name := strings.ToLower(path.Base(objectPath))
	ext := path.Ext(name)
	stem := name
	switch {
	case slices.Contains(texts, ext):
		stem = strings.TrimSuffix(name, ext)
	case slices.Contains(others, ext):
		return "", false
	}
	words := strings.FieldsFunc(stem, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(w string) bool { return slices.Contains(words, w) })
	}
	third := has("third", "3rd", "thirdparty", "dependencies")
	switch {
	case has("policy", "aup") && has("use", "usage", "aup"), has("acceptable") && has("use", "usage"):
		return coversUse, true
	case has("notice", "notices") && !third:
		return coversNotice, true
	case !has("license", "licence", "licenses", "licences", "copying", "unlicense", "eula") && !(third && has("notice", "notices")):
		return "", false
	case third:
		return coversPart, true
	case has("code", "software", "source"):
		return coversCode, true
	case has("data", "dataset", "datasets"):
		return coversData, true
	case has("model", "models", "weights"), !strings.Contains(objectPath, "/"):
		return coversModel, true
	}
	return coversPart, true
}
