// Package report renders results: as JSON for programs, by the schema kept beside
// this package, and as a table for people. It decides nothing.
//
// What comes from an artifact (paths, tensor names, messages with either) can hold
// anything, terminal escapes too. The table passes every such text through [Clean];
// JSON escapes by itself.
package report
