package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// CaseRecorder queues what a run yielded.
type CaseRecorder interface {
	// Record writes the weighing, the case with the structure of its model, and the
	// audit events in one transaction and returns the case. A key that is known is
	// judged again: its findings, structure and verdict are replaced, and a settled
	// case opens again where what was settled has changed. Undecided cases of the
	// same source with other pins become superseded.
	Record(ctx context.Context, w *Weighing, by Actor) (Case, error)
}

// CaseReader reads the queue. Each method returns an error that matches
// [ErrNotFound] where there is no such case.
type CaseReader interface {
	// Case returns one case.
	Case(ctx context.Context, id uuid.UUID) (Case, error)
	// Cases returns a page of cases, newest first.
	Cases(ctx context.Context, filter CaseFilter) (CasePage, error)
	// History returns a case with its decisions, comments and events.
	History(ctx context.Context, id uuid.UUID) (CaseHistory, error)
	// Report returns the report that the case stands on, as it was recorded, with
	// the case as it is now.
	Report(ctx context.Context, id uuid.UUID) (Report, error)
}

// CaseRejudger records that stored cases were judged again.
type CaseRejudger interface {
	// Rejudge takes up a judgement of a case's stored facts. A case whose verdict
	// changed opens again, or is cleared; one that was superseded or has expired stays
	// so. It returns an error that matches [ErrNotFound] where there is no such case.
	Rejudge(ctx context.Context, id uuid.UUID, w *Weighing, by Actor) (Case, error)
}

// KeptReader reads what was read for a case.
type KeptReader interface {
	// KeptObject returns what was read of one object for the case's current report. It
	// returns an error that matches [ErrNotFound] where nothing was kept of it.
	KeptObject(ctx context.Context, id uuid.UUID, path string) (Kept, error)
	// Kept calls each with what was read for the case's current report, in byte
	// order of path, until it returns an error.
	Kept(ctx context.Context, id uuid.UUID, each func(Kept) error) error
	// Submission returns what the submitter declared, nil where nothing was.
	Submission(ctx context.Context, id uuid.UUID) (*Submission, error)
}

// CaseDecider is what people do with a case. Every method returns the changed case,
// or an error that matches [ErrTransition] where the state does not allow it,
// [ErrForbidden] where this actor may not, [ErrConflict] where the case is no longer
// the version that the actor saw, [ErrUsage] where the request itself is wrong, and
// [ErrNotFound] where there is no such case.
type CaseDecider interface {
	Claim(ctx context.Context, claim Claim) (Case, error)
	Release(ctx context.Context, claim Claim) (Case, error)
	Comment(ctx context.Context, remark Remark) (Case, error)
	Decide(ctx context.Context, ballot Ballot) (Case, error)
}

// CaseAttester signs off what was settled, and takes it back. Errors are those of
// [CaseDecider].
type CaseAttester interface {
	// Attest keeps a signed approval. It returns an error that matches [ErrConflict]
	// where the case was settled again, or opened again, since it was signed.
	Attest(ctx context.Context, signed Attestation, by Actor) (Case, error)
	// Revoke takes back what was approved or cleared. Anybody may, the submitter too: it
	// only closes. Where a case is no longer settled, its earlier approvals are revoked
	// and its state stays. The ballot's kind is not read.
	Revoke(ctx context.Context, ballot Ballot) (Case, error)
}

// Attestation is a signed approval as the queue keeps it.
type Attestation struct {
	// Digest names the envelope as it is written, with its signatures.
	Digest Digest    `json:"digest"`
	Case   uuid.UUID `json:"case"`
	// Approval is the id that the approval has within, whoever signs it.
	Approval uuid.UUID `json:"approval"`
	// Settled is the head of the audit log at the event that settled the case.
	Settled AuditHead     `json:"settled"`
	Bound   ApprovalBound `json:"bound"`
	// KeyIDs are the keys that signed, SignedAt when.
	KeyIDs   []string  `json:"key_ids"`
	SignedAt time.Time `json:"signed_at"`
	// ExpiresAt is nil for an approval without a term.
	ExpiresAt *time.Time `json:"expires_at"`
	// Envelope is the signed statement itself.
	Envelope []byte `json:"-"`
}

// AttestationReader reads signed approvals. An error matches [ErrTampered] where one is
// not as it was kept.
type AttestationReader interface {
	// AttestationsOf returns those of a case, newest first.
	AttestationsOf(ctx context.Context, id uuid.UUID) ([]Attestation, error)
	// Attestations returns at most limit of all, newest first, without their envelopes.
	Attestations(ctx context.Context, limit int) ([]Attestation, error)
}

// CaseWalker goes through the whole queue.
type CaseWalker interface {
	// CaseIDs returns the ids of at most limit cases that follow one, in order of age;
	// the zero id for the first.
	CaseIDs(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)
}

// ApprovalFinder answers whether bytes may pass.
type ApprovalFinder interface {
	// ApprovalFor returns what was decided on these bytes and this submission.
	ApprovalFor(ctx context.Context, q ApprovalQuery) (Ruling, error)
}

// ApprovalQuery names bytes and a submission.
type ApprovalQuery struct {
	Source    string
	PinDigest Digest
	// HeaderDigest must equal that of a case found by source and pins, because
	// the pins of an unpinned object do not show a changed header.
	HeaderDigest Digest
	// ContentDigest is nil where the bytes were not hashed.
	ContentDigest *Digest
	// Unpinned says that other bytes may have the same pins, see [Artifact.Unpinned]: then
	// only an approval of the content digest covers them.
	Unpinned bool
	// SubmissionDigest is nil where there is no submission.
	SubmissionDigest *Digest
	// Verdict is the verdict in hand. An approval covers verdicts up to the
	// strength of the one that it was given on. "" counts as block.
	Verdict Verdict
}

// QueryFor returns the question whether the artifact of a report may pass.
func QueryFor(r *Report) ApprovalQuery {
	return ApprovalQuery{Source: r.Artifact.Source, PinDigest: r.Artifact.PinDigest, HeaderDigest: r.Artifact.HeaderDigest,
		ContentDigest: r.Artifact.ContentDigest, Unpinned: r.Artifact.Unpinned(), SubmissionDigest: r.Submission.Digest, Verdict: r.Verdict}
}

// RulingKind is what was decided on bytes and a submission.
type RulingKind string

// The kinds of rulings.
const (
	// RulingApproved: an approval covers them.
	RulingApproved RulingKind = "approved"
	// RulingCleared: the case is cleared, with this verdict.
	RulingCleared RulingKind = "cleared"
	// RulingRejected: a reviewer rejected them, and nobody approved them since.
	RulingRejected RulingKind = "rejected"
	// RulingRevoked: an approval or a clearance was taken back, and nobody approved since.
	RulingRevoked RulingKind = "revoked"
	// RulingWaiting: a case waits for a person.
	RulingWaiting RulingKind = "waiting"
	// RulingNone: there is no case for them.
	RulingNone RulingKind = "none"
)

// Ruling is what was decided on bytes and a submission.
type Ruling struct {
	Kind RulingKind
	// Case is the case that the ruling comes from, nil for none.
	Case *Case
	// Approval is set where Kind is approved.
	Approval *Approval
}

// ApprovalBound says what an approval is bound to.
type ApprovalBound string

// What an approval can be bound to.
const (
	// BoundContent: to the digest of all bytes, wherever they lie.
	BoundContent ApprovalBound = "content"
	// BoundStore: to the pins of one store. It ends when they do.
	BoundStore ApprovalBound = "store"
)

// Approval is the decisions that settled a case.
type Approval struct {
	Case  uuid.UUID     `json:"case"`
	Bound ApprovalBound `json:"bound"`
	// Decisions are the votes that made the quorum.
	Decisions  []Decision `json:"decisions"`
	ApprovedAt time.Time  `json:"approved_at"`
	// ExpiresAt is nil for an approval without a term.
	ExpiresAt *time.Time `json:"expires_at"`
	// Head is the head of the audit log at the approval.
	Head AuditHead `json:"head"`
}

// CaseBook keeps cases. It knows how to write them and not which change is legal:
// the plan it is handed says what to write. What a plan sees and what is written
// belong to one transaction, and no two plans run at the same time. A plan that
// returns an error writes nothing.
type CaseBook interface {
	// Enter writes a weighing as the plan says.
	Enter(ctx context.Context, w *Weighing, plan func(Relatives) (Entry, error)) (Case, error)
	// Amend changes one case. It returns an error that matches [ErrNotFound]
	// where there is no such case.
	Amend(ctx context.Context, id uuid.UUID, plan func(CaseFile) (CaseChange, error)) (Case, error)
	// Refile changes one case and files another report of it, with what was read for
	// the report before. It returns an error that matches [ErrNotFound] where there is
	// no such case.
	Refile(ctx context.Context, id uuid.UUID, w *Weighing, plan func(CaseFile) (CaseChange, error)) (Case, error)
	// Covering returns the cases for the asked submission that have the asked source and
	// pins, or the asked content digest; where none is asked, that of the case with the
	// asked source and pins.
	Covering(ctx context.Context, q ApprovalQuery) ([]CaseFile, error)
	// Ended returns approved cases whose term ended by the given time, at most
	// limit of them.
	Ended(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error)
	// PastDue returns undecided cases whose due date has passed by the given time and
	// was not told of yet, at most limit of them.
	PastDue(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error)
	// Join changes two cases together: one that gives way, and the one it gives way to.
	// It returns an error that matches [ErrNotFound] where one of them is missing.
	Join(ctx context.Context, old, by uuid.UUID, plan func(old, by CaseFile) ([]CaseChange, error)) error
}

// Relatives are the cases that a weighing has to do with.
type Relatives struct {
	// Same has the weighing's key. It is nil where the key is new.
	Same *CaseFile
	// Alike is the newest other case with the same source and submission, and the same
	// header digest or the same [BodyDigest]: then at most texts for readers differ. It
	// is nil where there is none.
	Alike *CaseFile
	// Outdated are the undecided cases of the source with other pins.
	Outdated []Case
}

// Entry is what a weighing changes.
type Entry struct {
	// Case is the case that the weighing belongs to.
	Case CaseChange
	// Outdated are the changes to other cases.
	Outdated []CaseChange
}

// CaseChange is one change of one case: what is written together.
type CaseChange struct {
	// Case is the case after the change. Its version is one more than before,
	// and 1 for a new case.
	Case Case
	// Events are at least one, without seq, prev and hash. The last one holds the
	// case's seal.
	Events []AuditEvent
	// Decision is set where somebody voted.
	Decision *Decision
	// Comments are those to add.
	Comments []Comment
	// Attestation is set where an approval was signed.
	Attestation *Attestation
	// Exhibits are the evidence files to add.
	Exhibits []ExhibitFile
}

// ExhibitFile is an exhibit with its bytes. Body is nil where the book holds the bytes of
// this digest already.
type ExhibitFile struct {
	Exhibit
	Body []byte
}

// ReportBody returns what a report says, as JSON: the report without its cost and its
// case, which differ between runs that found the same. A report that was read from its body
// has the same body.
func ReportBody(r *Report) ([]byte, error) {
	said := *r
	said.Cost, said.Case = Cost{}, nil
	err := plainEvidence(&said)
	var b []byte
	if err == nil {
		b, err = json.Marshal(said)
	}
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "the report cannot be written as JSON", Err: err}
	}
	return b, nil
}

// plainEvidence puts values that are structs in evidence into the form in which they are
// read again: objects, whose keys JSON writes in byte order.
func plainEvidence(r *Report) error {
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Evidence = slices.Clone(f.Evidence)
		for j, e := range f.Evidence {
			switch e.Value.(type) {
			case nil, bool, string, int, int64, float64, json.Number:
				continue
			}
			b, err := json.Marshal(e.Value)
			if err != nil {
				return err
			}
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			f.Evidence[j].Value = nil
			if err := d.Decode(&f.Evidence[j].Value); err != nil {
				return err
			}
		}
	}
	return nil
}
