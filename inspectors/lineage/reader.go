package lineage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"weighbridge/pipeline"
)

// ReaderName is the name of [Reader].
const ReaderName = "recipe"

// recipes lists the names under which recipes lie with what they made.
var recipes = []string{"mergekit_config.yml", "mergekit_config.yaml", "mergekit_moe_config.yml", "mergekit_moe_config.yaml"}

// Reader reads the recipes of merges, in any folder, and states a base for each model that
// they name. A recipe that cannot be read leaves a sentence in lineage.problems.
type Reader struct{}

// Name returns "recipe".
func (Reader) Name() string { return ReaderName }

// Open begins a run.
func (Reader) Open([]pipeline.Object) pipeline.ReaderRun { return &run{} }

type run struct {
	mu       sync.Mutex
	bases    []pipeline.BaseRecord
	problems []problem
}

// problem is a sentence with its place.
type problem struct {
	sentence string
	at       pipeline.Evidence
}

func named(o pipeline.Object) bool {
	return slices.Contains(recipes, strings.ToLower(path.Base(o.Path)))
}

// First asks for a recipe whole, up to [MaxRecipe].
func (*run) First(o pipeline.Object, stage pipeline.Stage) (int64, bool) {
	return min(o.Size, MaxRecipe), stage == pipeline.StageBodies && named(o)
}

// Sniff goes by the name, because YAML has no mark.
func (*run) Sniff(o pipeline.Object, _ []byte) bool { return named(o) }

// Read reads one recipe. It returns no error: a recipe that cannot be read is a text all the
// same.
func (r *run) Read(_ context.Context, f pipeline.File) (pipeline.ReadResult, error) {
	o := f.Object()
	result := pipeline.ReadResult{Beside: true, Role: pipeline.RoleConfig}
	recipe, err := Recipe{}, over("it is longer than 1 MiB")
	if int64(len(f.Head())) == o.Size {
		recipe, err = ParseRecipe(f.Head())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		var e *pipeline.Error
		if errors.As(err, &e) {
			result.Note = e.Message
		}
		r.problems = append(r.problems, problem{fmt.Sprintf("What the merge in %s was made from is not known: %s.", quoted(o.Path), result.Note), pipeline.Evidence{Object: o.Path}})
		return result, nil
	}
	relation := relationMerge
	for _, m := range recipe.Models {
		r.bases = append(r.bases, pipeline.BaseRecord{At: pipeline.Evidence{Object: o.Path, Where: m.Where}, Kind: pipeline.RecordRecipe,
			Basis: pipeline.BasisParsed, Base: pipeline.Base{ID: &m.Name, Relation: &relation}, Revision: m.Revision})
	}
	return result, nil
}

// Finish hands over the bases, and says which recipes could not be read.
func (r *run) Finish(readings *pipeline.Readings, facts *pipeline.FactSet) {
	readings.Bases = append(readings.Bases, r.bases...)
	slices.SortFunc(r.problems, func(a, b problem) int { return strings.Compare(a.at.Object, b.at.Object) })
	if len(r.problems) > 0 {
		state(facts, r.problems)
	}
}

// state sets lineage.problems to what it was and the given sentences.
func state(facts *pipeline.FactSet, found []problem) {
	sentences, evidence := []string{}, []pipeline.Evidence{}
	if entry, known := facts.Entry("lineage.problems"); known {
		sentences, evidence = append(sentences, facts.Facts.Lineage.Problems...), append(evidence, entry.Evidence...)
	}
	for _, p := range found {
		if len(sentences) == mostProblems {
			break
		}
		if slices.Contains(sentences, p.sentence) {
			continue
		}
		sentences = append(sentences, p.sentence)
		if p.at.Object != "" && !slices.Contains(evidence, p.at) {
			evidence = append(evidence, p.at)
		}
	}
	facts.Set("lineage.problems", sentences, pipeline.BasisMeasured, evidence...)
}

// mostProblems bounds lineage.problems.
const mostProblems = 50
