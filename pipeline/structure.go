package pipeline

import (
	"context"

	"github.com/google/uuid"
)

// LeastStructure is the number of parameters from which on a structure tells models
// apart. Below it, and where the number is unknown, fingerprints are not compared:
// test models, heads and single layers have the same few shapes in thousands of
// uploads that have nothing to do with each other.
const LeastStructure = 1_000_000

// MostSameStructure is how many cases [StructureFinder] names at most.
const MostSameStructure = 20

// StructureFinder finds the cases of models that are built like the model of a case:
// copies under other names, repacked ones, and others that were trained on the same
// plan. It says nothing of the values of the weights.
type StructureFinder interface {
	// SameStructure returns the other cases whose model has the same structure,
	// newest first, and last those that newer pins of the same source have
	// superseded. There are [MostSameStructure] at most, and none where the
	// structure is unknown or smaller than [LeastStructure]. The error matches
	// [ErrNotFound] where there is no such case.
	SameStructure(ctx context.Context, id uuid.UUID) ([]StructureMatch, error)
}

// StructureMatch is a case whose model has the structure of another case's model.
type StructureMatch struct {
	ID      uuid.UUID `json:"id"`
	Source  string    `json:"source"`
	State   State     `json:"state"`
	Verdict Verdict   `json:"verdict"`
	// Same says in what the two are the same.
	Same Likeness `json:"same"`
}

// Likeness says in what two models are the same.
type Likeness string

// What two models can have in common.
const (
	// LikeStructure: as many tensors of each dtype and shape.
	LikeStructure Likeness = "structure"
	// LikeMatrices: as many matrices of each number of parameters, packed otherwise.
	LikeMatrices Likeness = "matrices"
)

// Structure is what the structure of a model is known by. A nil fingerprint is
// unknown and equals none.
type Structure struct {
	// Fingerprint and MatrixFingerprint are those of [Architecture].
	Fingerprint       *string
	MatrixFingerprint *string
}

// StructureOf returns the fingerprints by which a report's model is found again. Both
// are nil where the estimated number of parameters is unknown or below
// [LeastStructure].
func StructureOf(f *Facts) Structure {
	if n := f.Params.Estimate; n == nil || *n < LeastStructure {
		return Structure{}
	}
	return Structure{Fingerprint: f.Architecture.Fingerprint, MatrixFingerprint: f.Architecture.MatrixFingerprint}
}
