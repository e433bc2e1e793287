// Package report renders results: as JSON for programs, by the schema kept beside
// this package; as a table for people at a terminal; as Markdown for a comment on a pull
// request; as one HTML page to look at, print and pass on; as SARIF 2.1.0 and JUnit XML for
// the servers that read those; as a bill of materials in CycloneDX 1.6. [Formats] lists
// them. It decides nothing.
//
// What comes from an artifact (paths, tensor names, messages with either) can hold
// anything, terminal escapes too. All forms but JSON, which escapes by itself, pass every
// such text through [Clean]. Markdown shows what is not plainly a word as code, so that it
// holds no markup, link, mention or HTML; SARIF breaks links and placeholders in messages;
// HTML escapes all, has no script and loads nothing.
//
// A report can be of any length. Markdown, HTML, SARIF, JUnit and CycloneDX are bounded, and
// say how much they left out; JSON has all of it.
package report
