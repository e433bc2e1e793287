// Package conformance holds the GGUF reader against another public one,
// gguf-parser-go, on files of every type that both know. It is a module of its own: the
// other reader brings much that only this test needs.
package conformance
