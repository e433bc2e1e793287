// Package lineage walks from a model to those that it was made from, through what earlier
// cases put on record, and says what their licences ask of it.
//
// It has two assessors, with the one of package licence between them: [Assessor] finds the
// models behind the bases and fills in what the record knows of the bases; the licence
// assessor puts the licences of all of them side by side; [Obligations] says what their
// terms ask for.
//
// The walk goes breadth first and takes each model once. It ends after [MaxSteps] steps or
// [MaxModels] models, and a circle ends it too: then the facts hold what was found, with a
// sentence that says so, and the assessment fails, so that the verdict is not clear. Of
// several cases under one name the one counts that was decided on: see
// [pipeline.Inventory]. What undecided cases say of a licence is weaker than the table of
// well-known bases, because whoever submits a case chooses its words; what the artifact or
// the submission says of its own bases is never replaced.
//
// A model of the same structure counts as one that this one may come from where its case is
// older than the first case of this source: see [pipeline.Inventory].
//
// Everything that is filled in has the evidence [pipeline.EvidenceInventory] or
// [pipeline.EvidenceBaseLicences], and is forgotten by that before a new run.
package lineage
