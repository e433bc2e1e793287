package pipeline

import (
	"slices"

	"github.com/google/uuid"
)

// ReportSchema names the version of the report's JSON form.
const ReportSchema = "weighbridge.report/1"

// Disclaimer is part of every report.
const Disclaimer = "Weighbridge is not a lawyer. Clear means that no enforced rule in these packs stopped these facts and none was left undecided. It does not decide whether an export may take place."

// Report is the result of one run. It holds all that is needed to judge again
// without the bytes.
type Report struct {
	Schema string `json:"schema"`
	Tool   Tool   `json:"tool"`
	// AsOf is the day the rules were applied for, as YYYY-MM-DD.
	AsOf        string        `json:"as_of"`
	Artifact    Artifact      `json:"artifact"`
	Submission  SubmissionRef `json:"submission"`
	Facts       Facts         `json:"facts"`
	FactsIndex  []FactEntry   `json:"facts_index"`
	Inspections []Inspection  `json:"inspections"`
	Findings    []Finding     `json:"findings"`
	Verdict     Verdict       `json:"verdict"`
	// Reasons says in sentences what the verdict rests on beside the findings.
	Reasons []string `json:"reasons"`
	// Notes says what a reader should know and what changes nothing.
	Notes      []string  `json:"notes"`
	Packs      []PackRef `json:"packs"`
	Case       *CaseRef  `json:"case"`
	Cost       Cost      `json:"cost"`
	Disclaimer string    `json:"disclaimer"`
}

// Tool names the program that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Artifact is everything under one source that is published together.
type Artifact struct {
	Source       string `json:"source"`
	PinDigest    Digest `json:"pin_digest"`
	HeaderDigest Digest `json:"header_digest"`
	// ContentDigest is nil unless every byte was hashed.
	ContentDigest *Digest `json:"content_digest"`
	// ContentBasis says how the digest became known: "hashed" where every byte was read,
	// "store" where the store holds the SHA-256 of every object and its word was taken,
	// "hashed+store" where some of each; "none" where it is not known.
	ContentBasis string           `json:"content_basis"`
	Bytes        int64            `json:"bytes"`
	Objects      []ArtifactObject `json:"objects"`
	Skipped      []Skipped        `json:"skipped"`
}

// Unpinned reports whether the store names no version of some object, so that equal pins
// do not mean equal bytes.
func (a *Artifact) Unpinned() bool {
	return slices.ContainsFunc(a.Objects, func(o ArtifactObject) bool { return !o.Object.Pinned() && !o.Apart() })
}

// ArtifactObject is an object with what it turned out to be.
type ArtifactObject struct {
	Object
	Format string `json:"format"`
	Role   Role   `json:"role"`
	// Pinned is false where only size and time could be watched.
	Pinned bool `json:"pinned"`
	// SHA256 is the digest of the object's bytes, left out where it is not known.
	SHA256 Digest `json:"sha256,omitempty"`
}

// SubmissionRef says whether there was a submission, and which.
type SubmissionRef struct {
	Present bool `json:"present"`
	// Digest is nil where there was none.
	Digest *Digest `json:"digest"`
}

// CaseRef names the case that a report was queued as.
type CaseRef struct {
	ID    uuid.UUID `json:"id"`
	State State     `json:"state"`
	// Bound says what the approval or the clearance holds for: the bytes, or the pins of
	// one store. It is left out where the case is neither approved nor cleared.
	Bound ApprovalBound `json:"bound,omitempty"`
	// Signed tells whether a signed approval of it is kept, left out where Bound is.
	Signed *bool `json:"signed,omitempty"`
	// SameStructure lists other cases of the same structure, in the order of
	// [StructureFinder]. It is nil where nobody looked for them.
	SameStructure []StructureMatch `json:"same_structure"`
}

// Weighing is what one run yields: the report, and what was read for it.
type Weighing struct {
	Report Report
	// Submission is nil where there was none.
	Submission *Submission
	// Kept is in byte order of path.
	Kept []Kept
	// Cause says why stored cases are judged again, "" for a run. Cases that it opens
	// again are told it.
	Cause string
}
