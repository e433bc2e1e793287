package access

// Remembered is how many addresses the mux remembers for bad tokens, and how many at most.
func (m *Mux) Remembered() (addresses, most int) { return m.badTokens.known.Len(), mostAddresses }

// Burst is how many wrong ones an address may show in a row, and StartBurst how often it
// may begin to sign in.
func Burst() int { return wrongLimits.burst }

// StartBurst is how often an address may begin to sign in at once.
func StartBurst() int { return startLimits.burst }
