package pipeline

// State is where a case stands.
type State string

// The states of a case.
const (
	StateOpen             State = "open"
	StateClaimed          State = "claimed"
	StateApproved         State = "approved"
	StateRejected         State = "rejected"
	StateChangesRequested State = "changes_requested"
	StateCleared          State = "cleared"
	StateSuperseded       State = "superseded"
	StateExpired          State = "expired"
)
