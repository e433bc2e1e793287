package attest

import "time"

// TermHolds shows a term without its approval.
func TermHolds(t Term, at time.Time) error { return t.holds(at) }
