// Package dataset reads what an artifact says of the data that its model was trained on, and
// makes one list of it.
//
// The reader takes two kinds of JSON documents, told by their content and whatever their
// names: descriptions in Croissant 1.0 and 1.1 with its RAI vocabulary 1.0
// (docs/croissant-spec-1.1.md and croissant-rai-spec.md of mlcommons/croissant, read on
// 2026-11-25), and records of the Data Provenance Standards 1.0.0 of the Data & Trust
// Alliance (its JSON schema of 2024, and the draft of OASIS prov-meta 1.0 that goes on from
// it, both in oasis-tcs/dps, read on 2026-11-25). The deriver adds what headers of GGUF files
// name, and gathers the records of all readers: cards, bills of materials, recipes.
//
// A document of either kind that lies with a model stands for data that the model was
// trained on, unless it says that the set is for evaluation. What a document leaves open
// stays unknown. Links are texts and are not followed; a context of JSON-LD is not fetched,
// so that terms are told by their last part.
package dataset

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// Name is the inspector's name.
const Name = "dataset"

const (
	// MaxDocument is the largest document that is read, in bytes.
	MaxDocument = 4 << 20
	// maxDepth bounds how deep lists and objects may lie in each other. Real documents
	// have less than twenty levels.
	maxDepth = 64
	// mostSets bounds the sets that one document describes.
	mostSets = 100
	// mostItems bounds what is taken of one list, longestText the characters of one text.
	mostItems   = 100
	longestText = 300
	// mostProblems bounds the sentences about one document.
	mostProblems = 20
)

// Reader reads Croissant and data provenance documents.
type Reader struct{}

// Name returns "dataset".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu      sync.Mutex
	records []pipeline.DatasetRecord
	// parsing lets one document be in memory as values at a time: they take many times the
	// room of the text.
	parsing sync.Mutex
}

// First asks for the whole of a document whose name promises one of the two kinds. Others
// are told by their first bytes, and fetched then.
func (*run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	name := strings.ToLower(path.Base(o.Path))
	promising := strings.HasSuffix(name, ".jsonld") || strings.HasSuffix(name, ".json") && (strings.Contains(name, "croissant") || strings.Contains(name, "provenance"))
	return o.Size, promising && o.Size <= MaxDocument && stage == pipeline.StageBodies
}

// kindOf tells a document by its first bytes.
func kindOf(head []byte) (pipeline.RecordKind, bool) {
	start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(start) == 0 || start[0] != '{' && start[0] != '[' {
		return "", false
	}
	if bytes.Contains(start, []byte("mlcommons.org/croissant")) {
		return pipeline.RecordCroissant, true
	}
	for _, key := range []string{`"origin-geography"`, `"origin_geography"`, `"originGeography"`, `"generation-method"`, `"generation_method"`} {
		if bytes.Contains(start, []byte(key)) {
			return pipeline.RecordProvenance, true
		}
	}
	return "", false
}

// Sniff tells the two kinds by what their documents must hold: the address of Croissant, or
// the key for the origin or the method of the data.
func (*run) Sniff(_ pipeline.Object, head []byte) bool {
	_, ok := kindOf(head)
	return ok
}

// Read parses one document. One that is too large or no JSON becomes a record that holds
// the problem alone. It returns an error only where the bytes cannot be had.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Role: pipeline.RoleText, Beside: true}
	kind, _ := kindOf(f.Head())
	result.Format = string(kind)
	if o.Size > MaxDocument {
		result.Note = fmt.Sprintf("the document has %s bytes; at most %s are read", pipeline.Separated(o.Size), pipeline.Separated(MaxDocument))
		r.add(problemRecord(o.Path, kind, result.Note))
		return result, nil
	}
	body, err := f.Header(ctx, o.Size)
	if err != nil {
		return result, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, MaxDocument))
	if err != nil {
		return result, fmt.Errorf("read the document: %w", err)
	}
	r.parsing.Lock()
	defer r.parsing.Unlock()
	records, err := Parse(kind, o.Path, text)
	if err != nil {
		result.Note = err.Error()
		var e *pipeline.Error
		if errors.As(err, &e) {
			result.Note = e.Message
		}
		records = []pipeline.DatasetRecord{problemRecord(o.Path, kind, result.Note)}
	}
	r.add(records...)
	return result, nil
}

func problemRecord(object string, kind pipeline.RecordKind, problem string) pipeline.DatasetRecord {
	return pipeline.DatasetRecord{At: pipeline.Evidence{Object: object}, Kind: kind, Basis: pipeline.BasisParsed, Problems: []string{problem}}
}

func (r *run) add(records ...pipeline.DatasetRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, records...)
}

// Finish hands over the records, in order of their object.
func (r *run) Finish(readings *pipeline.Readings, _ *pipeline.FactSet) {
	slices.SortStableFunc(r.records, func(a, b pipeline.DatasetRecord) int { return cmp.Compare(a.At.Object, b.At.Object) })
	readings.Datasets = append(readings.Datasets, r.records...)
}

// Parse reads the sets that a document describes. object is its path, for the evidence. The
// error matches [pipeline.ErrMalformed] for a text that is no JSON document or describes no
// set, and [pipeline.ErrOverLimit] for one that is nested too deep.
func Parse(kind pipeline.RecordKind, object string, text []byte) ([]pipeline.DatasetRecord, error) {
	root, err := decode(text)
	if err != nil {
		return nil, err
	}
	var records []pipeline.DatasetRecord
	if kind == pipeline.RecordCroissant {
		records = croissants(root, object)
	} else {
		records = provenances(root, object)
	}
	if len(records) == 0 {
		return nil, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the document describes no set of data"}
	}
	return records, nil
}

// decode reads one JSON value. A byte-order mark is passed over. Of a key that is given
// twice the last holds.
func decode(text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if tooDeep(text) {
		return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the document is nested deeper than %d levels", maxDepth)}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var root any
	err := d.Decode(&root)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("text follows the document")
		}
	}
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the document is no JSON", Err: err}
	}
	return root, nil
}

// tooDeep counts brackets outside of texts.
func tooDeep(text []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case inText && b == '\\':
			i++
		case b == '"':
			inText = !inText
		case inText:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}
