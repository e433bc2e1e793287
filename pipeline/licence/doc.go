// Package licence knows what the licences of models say, as far as a rule can test it,
// and holds the licences of a model and of its bases against each other.
//
// The table is data: licences.yaml, with the source of each entry, how well it is known,
// and the day it was drawn up. It summarises; the text that lies with a model holds. A
// licence that is not in the table has unknown terms. Nothing here is legal advice.
//
// [Assessor] fills the facts "licenses" and "licensing" from what was declared of the
// model's own licence and of its bases. What it does not know it leaves unknown.
package licence
