// Package bom reads bills of materials that lie with a model: what they say of its licence,
// of the models and the data that it was made from, and of its size. All of it is declared.
//
// It takes CycloneDX 1.4 to 1.7 in JSON (ECMA-424 and the schemas of the CycloneDX project,
// read on 2026-11-25), SPDX 3.0 in JSON-LD with its profiles for AI and data sets (SPDX
// 3.0.1, 2024-12-17), and, as far as it goes, SPDX 2.3 in JSON, which knows no models.
//
// A bill may hold a whole application. Only what it says of this model is taken: of the
// component of type machine-learning-model that the bill is about (metadata.component), or
// of the only one in it; of the AIPackage that is the only one, or the only one at the root;
// in SPDX 2.3, of the only package that the document describes, where its package URL says
// that it is a model. Sets of data that the bill describes and does not connect with the
// model are described and not said to have trained it.
//
// References lead to other places of the same bill and are followed once, never from there
// on. Links are texts. Keys that are not known are passed over.
package bom

import (
	"bytes"
	"cmp"
	"context"
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
const Name = "bom"

const (
	// MaxDocument is the largest bill that is read, in bytes.
	MaxDocument = 4 << 20
	// maxDepth bounds how deep lists and objects may lie in each other, mostValues how many
	// values a bill may hold: each takes many times the room of its text.
	maxDepth   = 64
	mostValues = 400_000
	// mostRecords bounds what is taken of one kind from one bill; a bill that states more is
	// a problem of its own. longestText bounds the characters of one text.
	mostRecords = 1000
	longestText = 300
)

// Reader reads bills of materials.
type Reader struct{}

// Name returns "bom".
func (Reader) Name() string { return Name }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu    sync.Mutex
	bills []Bill
	// parsing lets one bill be in memory as values at a time.
	parsing sync.Mutex
}

// Bill is what a bill of materials says of this model.
type Bill struct {
	// Object is its path.
	Object   string
	Licenses []pipeline.LicenseRecord
	Bases    []pipeline.BaseRecord
	Datasets []pipeline.DatasetRecord
	Counts   []pipeline.CountRecord
	// Model is the name of the model, "" where the bill does not say which it is, and
	// EnergyKWh what its training took, in kilowatt-hours, 0 where it is not stated.
	Model     Stated[string]
	EnergyKWh Stated[float64]
	// Note says in a sentence what was not understood, "" where all was.
	Note string
}

// Stated is a value with its place.
type Stated[T any] struct {
	Value T
	At    pipeline.Evidence
}

// named tells a bill by its name.
func named(o pipeline.Object) bool {
	name := strings.ToLower(path.Base(o.Path))
	if !strings.HasSuffix(name, ".json") {
		return false
	}
	return name == "bom.json" || strings.HasPrefix(name, "sbom") || strings.HasSuffix(name, ".cdx.json") || strings.HasSuffix(name, ".bom.json") || strings.HasSuffix(name, ".spdx.json")
}

// First asks for the whole of what is named like a bill.
func (*run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxDocument), stage == pipeline.StageBodies && o.Size <= MaxDocument && named(o)
}

// Sniff tells a bill by its name, or by the mark of its format.
func (*run) Sniff(o pipeline.Object, head []byte) bool {
	return looksLike(head) && (named(o) || formatOf(head) != "")
}

// looksLike tells whether a text begins as a JSON object does.
func looksLike(head []byte) bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	return len(start) > 0 && start[0] == '{'
}

// The formats of bills.
const (
	formatCycloneDX = "cyclonedx"
	formatSPDX2     = "spdx-2"
	formatSPDX3     = "spdx-3"
)

// formatOf tells a format by the mark that its documents must hold, "" for none.
func formatOf(head []byte) string {
	switch {
	case bytes.Contains(head, []byte(`"bomFormat"`)) && bytes.Contains(head, []byte(`"CycloneDX"`)):
		return formatCycloneDX
	case bytes.Contains(head, []byte(`"spdxVersion"`)) && bytes.Contains(head, []byte(`"SPDX-2.`)):
		return formatSPDX2
	case bytes.Contains(head, []byte(`"@context"`)) && bytes.Contains(head, []byte(`spdx.org/rdf/3`)):
		return formatSPDX3
	}
	return ""
}

// Read parses one bill. One that is too large or no JSON becomes a record that holds the
// problem alone. It returns an error only where the bytes cannot be had.
func (r *run) Read(ctx context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Role: pipeline.RoleText, Beside: true}
	if o.Size > MaxDocument {
		result.Note = fmt.Sprintf("the bill of materials has %s bytes; at most %s are read", pipeline.Separated(o.Size), pipeline.Separated(MaxDocument))
		r.add(unread(o.Path, result.Note))
		return result, nil
	}
	text := f.Head()
	if int64(len(text)) != o.Size {
		body, err := f.Header(ctx, o.Size)
		if err != nil {
			return result, err
		}
		defer func() { _ = body.Close() }()
		if text, err = io.ReadAll(io.LimitReader(body, MaxDocument)); err != nil {
			return result, fmt.Errorf("read the bill of materials: %w", err)
		}
	}
	r.parsing.Lock()
	defer r.parsing.Unlock()
	bill, err := Parse(o.Path, text)
	if err != nil {
		result.Note = err.Error()
		var e *pipeline.Error
		if errors.As(err, &e) {
			result.Note = e.Message
		}
		if !errors.Is(err, errNoBill) {
			r.add(unread(o.Path, result.Note))
		}
		return result, nil
	}
	result.Note = bill.Note
	r.add(bill)
	return result, nil
}

// unread is a bill of which only is known that it could not be read.
func unread(object, problem string) Bill {
	return Bill{Object: object, Datasets: []pipeline.DatasetRecord{{At: pipeline.Evidence{Object: object}, Kind: pipeline.RecordBOM,
		Basis: pipeline.BasisDeclared, Problems: []string{problem}}}}
}

func (r *run) add(b Bill) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bills = append(r.bills, b)
}

// Finish hands over the records in order of their object, and states the model's name and the
// energy of its training where nobody else did and the bills do not contradict each other.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	slices.SortFunc(r.bills, func(a, b Bill) int { return cmp.Compare(a.Object, b.Object) })
	var models []Stated[string]
	var energy []Stated[float64]
	for _, b := range r.bills {
		readings.Licenses = append(readings.Licenses, b.Licenses...)
		readings.Bases = append(readings.Bases, b.Bases...)
		readings.Datasets = append(readings.Datasets, b.Datasets...)
		readings.Counts = append(readings.Counts, b.Counts...)
		models, energy = append(models, b.Model), append(energy, b.EnergyKWh)
	}
	declare(facts, "model.name", models)
	declare(facts, "training.energy_kwh", energy)
}

// declare states a fact that is not known yet, where all who state it agree.
func declare[T comparable](facts *pipeline.FactSet, name string, all []Stated[T]) {
	var none, value T
	var at []pipeline.Evidence
	for _, s := range all {
		switch {
		case s.Value == none:
		case value != none && value != s.Value:
			return
		default:
			value, at = s.Value, append(at, s.At)
		}
	}
	if _, known := facts.Entry(name); !known && value != none {
		facts.Set(name, value, pipeline.BasisDeclared, at...)
	}
}

// errNoBill: a file is named like a bill and is none.
var errNoBill = &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the file is named like a bill of materials and is none that is known"}

// Parse reads what a bill says of this model. object is its path, for the evidence. The error
// matches [pipeline.ErrMalformed] for a text that is no JSON object or no bill, and
// [pipeline.ErrOverLimit] for one that is nested too deep or holds too many values.
func Parse(object string, text []byte) (Bill, error) {
	root, err := decode(text)
	if err != nil {
		return Bill{}, err
	}
	b := builder{Bill: Bill{Object: object}}
	switch {
	case stringOf(root["bomFormat"]) == "CycloneDX":
		b.cycloneDX(root)
	case strings.HasPrefix(stringOf(root["spdxVersion"]), "SPDX-2."):
		b.spdx2(root)
	case strings.Contains(contextOf(root["@context"]), "spdx.org/rdf/3"):
		b.spdx3(root)
	default:
		return Bill{}, errNoBill
	}
	b.tellLeft()
	return b.Bill, nil
}

// contextOf joins the addresses of a JSON-LD context, none of which is fetched.
func contextOf(v any) string {
	var all []string
	for _, item := range listOf(v) {
		all = append(all, stringOf(item))
	}
	return strings.Join(all, " ")
}

// builder gathers what a bill says.
type builder struct {
	Bill
	// left counts the statements that were not taken because there were too many of a kind.
	left int
}

func (b *builder) at(where string) pipeline.Evidence {
	return pipeline.Evidence{Object: b.Object, Where: where}
}

func (b *builder) license(where string, r pipeline.LicenseRecord) {
	if (r.Declared != "" || r.Name != "" || r.Link != "") && b.room(len(b.Licenses)) {
		r.At, r.Kind, r.Covers = b.at(where), pipeline.RecordBOM, "model"
		b.Licenses = append(b.Licenses, r)
	}
}

func (b *builder) base(where string, base pipeline.Base, revision string) {
	if base.ID != nil && b.room(len(b.Bases)) {
		b.Bases = append(b.Bases, pipeline.BaseRecord{At: b.at(where), Kind: pipeline.RecordBOM, Basis: pipeline.BasisDeclared, Base: base, Revision: revision})
	}
}

func (b *builder) dataset(where string, r pipeline.DatasetRecord) {
	if (r.Dataset.ID != nil || r.Dataset.Name != nil || len(r.Problems) > 0) && b.room(len(b.Datasets)) {
		r.At, r.Kind, r.Basis = b.at(where), pipeline.RecordBOM, pipeline.BasisDeclared
		b.Datasets = append(b.Datasets, r)
	}
}

// count takes a property where its name is one for a number of parameters.
func (b *builder) count(where, name, value string) {
	active, ok := countName(name)
	if !ok {
		return
	}
	if count, within, ok := amount(value); ok && b.room(len(b.Counts)) {
		b.Counts = append(b.Counts, pipeline.CountRecord{At: b.at(where), Kind: pipeline.RecordBOM, Count: count, Within: within, Active: active})
	}
}

// room tells whether one more of a kind is taken, of which there are n, and counts it where not.
func (b *builder) room(n int) bool {
	if n < mostRecords {
		return true
	}
	b.left++
	return false
}

// tellLeft says that not all was taken: a long list must not hide what stands behind it.
func (b *builder) tellLeft() {
	if b.left == 0 {
		return
	}
	problem := fmt.Sprintf("the bill of materials makes more than %s statements of one kind; %s were not taken", pipeline.Separated(mostRecords), pipeline.Separated(int64(b.left)))
	b.Datasets = append(b.Datasets, unread(b.Object, problem).Datasets...)
	if b.Note == "" {
		b.Note = problem
	}
}

// set is a set of data with the order in which its bill holds it.
type set struct {
	order  int
	where  string
	record pipeline.DatasetRecord
}

// sets takes sets of data in the order of their bill. Those that the model was trained on
// come first where there is not room for all.
func (b *builder) sets(n int, trained func(i int) bool, read func(i int) (set, bool)) {
	var taken []set
	for _, first := range []bool{true, false} {
		for i := range n {
			if trained(i) != first {
				continue
			}
			if len(b.Datasets)+len(taken) >= mostRecords {
				b.left++
				continue
			}
			if s, ok := read(i); ok {
				s.order, s.record.Trained = i, first
				taken = append(taken, s)
			}
		}
	}
	slices.SortFunc(taken, func(x, y set) int { return cmp.Compare(x.order, y.order) })
	for _, s := range taken {
		b.dataset(s.where, s.record)
	}
}

// severalModels notes that a bill does not say which of its models is this one.
func (b *builder) severalModels(n int) {
	b.Note = fmt.Sprintf("the bill of materials holds %s models and does not say which of them this one is", pipeline.Separated(int64(n)))
}
