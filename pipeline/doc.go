// Package pipeline is the domain of Weighbridge: the words that every other
// package uses, and the small interfaces that adapters implement.
//
// The road of one model is: list and pin a source, sniff and read its objects,
// derive weight and architecture from what was read, judge the facts with rule
// packs, queue the case, let people decide, and hold the decision to the bytes.
// A type here belongs to one of those steps:
//
//   - [Source], [Object], [Snapshot] and [Store]: where a model lies, and the
//     only way to read it. Nothing here can write to it.
//   - [Reader], [Deriver], [Table], [Readings]: what inspectors are, and what
//     passes between them.
//   - [Facts], [FactSet]: what was established, on what basis, from which bytes.
//   - [Submission]: what the submitter declares.
//   - [Finding], [Verdict], [Report]: what rules made of the facts.
//   - [Case], [Decision], [AuditEvent]: what people made of the report.
//
// The package imports the standard library and google/uuid only.
package pipeline
