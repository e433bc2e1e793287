// Package engine runs one source from end to end: it lists and pins, reads side by
// side, lets inspectors derive facts, and assessors draw from them and the submission
// what follows, asks the judge, and concludes.
//
// It is handed inspectors, a store and a judge; it imports none of them. What it adds
// is what no inspector may be trusted with: budgets, recovery from panics, the
// record of what was read, and the rule that a failure is a result. Nothing that goes
// wrong inside an inspection makes a report better than it would have been.
//
// The order of reads. Guides (indexes) come first, because they tell how long the
// other headers are; then every other object in one wave. Each object gets one first
// read, as long as a reader wishes, whole if it is small. A reader that needs more
// asks for it. So a model of thirty shards costs a listing, one read for each object,
// and nothing else, and three round trips in all.
package engine
