package pipeline

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Inventory knows the models of earlier cases: what a lineage is walked through, and what a
// model of no stated origin is held against. Both methods leave out the cases of the source
// apart, so that a model never is its own ancestor; "" leaves out none. They ask nothing of
// the model's store, and their errors are those of the database.
type Inventory interface {
	// ModelsNamed returns what is on record under each of the ids, by [ModelKey], one
	// record an id: one of a case that was approved or cleared before one that was
	// rejected or revoked, then undecided ones, and last those that have expired or were superseded;
	// among equals one whose id was stated before one that was named after its place, then
	// the newest. Ids without a record are absent. At most [MostModelsAsked] ids are asked
	// for at once; more are an error that matches [ErrOverLimit].
	ModelsNamed(ctx context.Context, ids []string, apart string) (map[string]KnownModel, error)
	// ModelsBuilt returns the cases whose model has the given structure, newest first, and
	// last those that were superseded. Cases that came after the first one of the source
	// apart are left out: what was made from a model later is not where it came from.
	// There are [MostSameStructure] at most, and none where both fingerprints are unknown.
	ModelsBuilt(ctx context.Context, is Structure, apart string) ([]KnownModel, error)
}

// MostModelsAsked is how many ids an [Inventory] looks up at once.
const MostModelsAsked = 2000

// mostKnownBases bounds the bases that a record of a model keeps.
const mostKnownBases = 1000

// KnownModel is a model that is on record.
type KnownModel struct {
	// ID is the name by which it is published. Stated is true where the submission or the
	// artifact states it, and false where it was taken from the path of the source. ID is
	// "" where neither names one.
	ID     string
	Stated bool
	// Source, Case and State are those of the case.
	Source string
	Case   uuid.UUID
	State  State
	// License is its licence as stated, "" where nobody states it.
	License string
	// Bases are the models that it was made from: nil where nobody says, empty where it is
	// stated that there are none.
	Bases []KnownBase
	// Same says in what it is the same as the asked structure, "" where none was asked.
	Same Likeness
}

// KnownBase is a base of a model on record.
type KnownBase struct {
	ID string `json:"id"`
	// Relation is how the model was made from it, License its licence as stated; "" is
	// unknown.
	Relation string `json:"relation"`
	License  string `json:"license"`
}

// What an inventory, and the table of well-known bases, are called in evidence.
const (
	// EvidenceInventory is the object in the evidence of what comes from earlier cases.
	EvidenceInventory = "inventory"
	// EvidenceBaseLicences is the object in the evidence of what comes from the table of
	// the licences of well-known bases.
	EvidenceBaseLicences = "base_licences.yaml"
)

// PublishedID returns the name by which an artifact is published, as a [ModelID]:
// model.id of its facts; else model.name, where it names an owner; both are stated. Else it
// is taken from the path of the source, without its bucket: the last two parts of it, or
// the last where there is one only or the two make no id. It is "" where nothing of that is
// an id.
func PublishedID(f *Facts, source string) (id string, stated bool) {
	for _, text := range []*string{f.Model.ID, f.Model.Name} {
		if text == nil {
			continue
		}
		if id, ok := ModelID(*text); ok && (text == f.Model.ID || strings.Contains(id, "/")) {
			return id, true
		}
	}
	path := filepath.ToSlash(source)
	if rest, is := strings.CutPrefix(path, "s3://"); is {
		_, path, _ = strings.Cut(rest, "/")
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for n := min(2, len(parts)); n > 0; n-- {
		if id, ok := ModelID(strings.Join(parts[len(parts)-n:], "/")); ok {
			return id, false
		}
	}
	return "", false
}

// KnownModelOf returns what a report puts on record of its model: name, licence and bases
// as the submission and the artifact state them. What an inventory or the table of
// well-known bases filled in is left out, so that records do not confirm each other. Case,
// State and Same are not set. At most 1,000 bases are kept.
func KnownModelOf(r *Report) KnownModel {
	m := KnownModel{Source: r.Artifact.Source}
	m.ID, m.Stated = PublishedID(&r.Facts, r.Artifact.Source)
	l := r.Facts.License
	m.License = valueOf(l.Declared)
	if name := valueOf(l.Name); strings.EqualFold(m.License, "other") && name != "" {
		m.License = name
	}
	if r.Facts.Bases == nil {
		return m
	}
	filled := map[string]bool{}
	for _, e := range r.FactsIndex {
		filled[e.Name] = FilledIn(e)
	}
	m.Bases = []KnownBase{}
	for i, b := range r.Facts.Bases[:min(len(r.Facts.Bases), mostKnownBases)] {
		id, ok := ModelID(valueOf(b.ID))
		if !ok {
			m.Bases = append(m.Bases, KnownBase{Relation: valueOf(b.Relation)})
			continue
		}
		known := KnownBase{ID: id, Relation: valueOf(b.Relation)}
		if !filled[BaseFact(i, "license")] {
			known.License = valueOf(b.License)
		}
		m.Bases = append(m.Bases, known)
	}
	return m
}

// FilledIn tells whether a fact was filled in from an inventory or the table of well-known
// bases, and not stated by anybody.
func FilledIn(e FactEntry) bool {
	return slices.ContainsFunc(e.Evidence, func(at Evidence) bool {
		return at.Object == EvidenceInventory || at.Object == EvidenceBaseLicences
	})
}

// BaseFact returns the name of a fact of the base at an index, such as
// "bases[0].license".
func BaseFact(i int, field string) string { return "bases[" + strconv.Itoa(i) + "]." + field }

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
