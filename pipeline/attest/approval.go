package attest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// ApprovalPredicate is the type of our predicate. It is a name and not the address of a
// page; approval.schema.json describes it.
const ApprovalPredicate = "https://weighbridge.dev/attestation/approval/v1"

// Bounds of an approval.
const (
	// MaxObjects is the largest number of objects.
	MaxObjects = 200_000
	// maxPath is the largest length of a path in bytes.
	maxPath = 4 << 10
	// maxItems bounds every other list, maxText every other text in bytes.
	maxItems = 100_000
	maxText  = 4 << 10
)

// Outcome is how a case was settled.
type Outcome string

// The outcomes. Other cases get no attestation.
const (
	// OutcomeApproved: the people whom the quorum asks for approved the case.
	OutcomeApproved Outcome = "approved"
	// OutcomeCleared: no enforced rule stopped the facts, and none was left undecided.
	OutcomeCleared Outcome = "cleared"
)

// Approval is what is attested of a settled case: the predicate of a statement. It never
// holds what was submitted, what people wrote, or a message of a rule, all of which may
// quote what is not for everybody. Times are UTC with microseconds.
type Approval struct {
	// ID names the settlement, not its signature: it is the same whenever and with
	// whatever key it is signed, so that revoking it ends every copy. See [ApprovalID].
	ID      uuid.UUID `json:"id"`
	Outcome Outcome   `json:"outcome"`
	// Binding says whether the approval holds for the bytes, wherever they lie, or for
	// the pins of one store.
	Binding pipeline.ApprovalBound `json:"binding"`
	Case    uuid.UUID              `json:"case"`
	// SignedAt is the time of signing, by the clock of the signer.
	SignedAt time.Time `json:"signed_at"`
	Term     Term      `json:"term"`
	Verdict  Verdict   `json:"verdict"`
	Artifact Artifact  `json:"artifact"`
	// Submission is the digest of what was submitted, nil where nothing was.
	Submission *pipeline.Digest `json:"submission_digest"`
	// Facts is SHA-256 over the canonical JSON of an object with the report's "facts" and
	// "facts_index", and Report the digest of the report itself.
	Facts    pipeline.Digest `json:"facts_digest"`
	Report   pipeline.Digest `json:"report_digest"`
	Packs    []Pack          `json:"packs"`
	Findings []Finding       `json:"findings"`
	Quorum   pipeline.Quorum `json:"quorum"`
	// Offices lists those that each signed the approval, beside the quorum.
	Offices []string `json:"offices"`
	// Decisions are the votes that made the quorum, in order of time. A cleared case has
	// none.
	Decisions []Decision    `json:"decisions"`
	Audit     Audit         `json:"audit"`
	Tool      pipeline.Tool `json:"tool"`
}

// Term is when an approval holds.
type Term struct {
	// NotBefore is when the case was settled.
	NotBefore time.Time `json:"not_before"`
	// Expires is the first time at which it holds no longer, nil for an approval without
	// an end.
	Expires *time.Time `json:"expires"`
}

// Verdict is what the rules came to.
type Verdict struct {
	Verdict pipeline.Verdict `json:"verdict"`
	// AsOf is the day the rules were applied for, as YYYY-MM-DD.
	AsOf string `json:"as_of"`
}

// Artifact is what was approved.
type Artifact struct {
	// Source is where it lay.
	Source       string          `json:"source"`
	PinDigest    pipeline.Digest `json:"pin_digest"`
	HeaderDigest pipeline.Digest `json:"header_digest"`
	// ContentDigest and SigningRoot are nil where the approval is store-bound.
	ContentDigest *pipeline.Digest `json:"content_digest"`
	SigningRoot   *pipeline.Digest `json:"signing_root"`
	// Bytes is the sum of the sizes of all objects.
	Bytes int64 `json:"bytes"`
	// Objects is everything under the source but what lies beside it, the files
	// weighbridge.yaml and weighbridge.approval.json at its root, in byte order of path.
	Objects []Object `json:"objects"`
}

// Object is one object of an artifact.
type Object struct {
	// Path is relative to the source, parted by slashes.
	Path string `json:"path"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is in lower-case hexadecimal, "" where the object was not hashed.
	SHA256 string `json:"sha256,omitempty"`
	// ETag and VersionID are the object's pin, where the approval is store-bound.
	ETag      string `json:"etag,omitempty"`
	VersionID string `json:"version_id,omitempty"`
}

// Pack is a rule pack that took part.
type Pack struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Digest  pipeline.Digest `json:"digest"`
	Mode    pipeline.Mode   `json:"mode"`
}

// Finding is a rule that matched or could not be decided. Rule is "" where it is about
// the whole pack. A rule that found the same of several elements is there once.
type Finding struct {
	Pack    string           `json:"pack"`
	Rule    string           `json:"rule"`
	Outcome pipeline.Outcome `json:"outcome"`
	Effect  pipeline.Effect  `json:"effect"`
	Mode    pipeline.Mode    `json:"mode"`
}

// Decision is the vote of one person.
type Decision struct {
	// Actor is the id of the person, and Known how it is known who that is.
	Actor  string               `json:"actor"`
	Known  pipeline.Known       `json:"known"`
	Roles  []pipeline.ActorRole `json:"roles"`
	Reason pipeline.ReasonCode  `json:"reason"`
	At     time.Time            `json:"at"`
	// Bound is the number of parameters that the vote accepts, nil where it named none.
	Bound *int64 `json:"bound"`
}

// Audit ties an approval to the audit log it was made from.
type Audit struct {
	// Settled is the head of the log at the event that settled the case.
	Settled pipeline.AuditHead `json:"settled"`
	// Head is the head of the log at the time of signing.
	Head Checkpoint `json:"head"`
}

// ApprovalID returns the id of the approval of a case by the event that settled it: a
// UUID of version 8 (RFC 9562) over the case and the hash of the event. A case that is
// opened and settled again has another one.
func ApprovalID(id uuid.UUID, settled pipeline.AuditHead) uuid.UUID {
	return uuid.NewHash(sha256.New(), id, []byte("weighbridge.approval/1\n"+string(settled.Hash)), 8)
}

// SigningRoot returns the root digest of OpenSSF Model Signing 1.0, section 6.5.1, over
// objects in byte order of path. ok is false where one is not hashed.
func SigningRoot(objects []Object) (root pipeline.Digest, ok bool) {
	h := sha256.New()
	for _, o := range objects {
		sum, err := hex.DecodeString(o.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return "", false
		}
		h.Write(sum)
	}
	return pipeline.DigestOf(h.Sum(nil)), true
}

// snapshot returns the objects as the digests of the domain take them.
func snapshot(objects []Object) (s pipeline.Snapshot, sums map[string]string) {
	sums = make(map[string]string, len(objects))
	for _, o := range objects {
		s.Objects = append(s.Objects, pipeline.Object{Path: o.Path, Size: o.Size, ETag: o.ETag, VersionID: o.VersionID})
		if o.SHA256 != "" {
			sums[o.Path] = o.SHA256
		}
	}
	return s, sums
}

// Subjects returns what a statement of the approval is about.
func (a *Approval) Subjects() []Subject {
	if a.Binding == pipeline.BoundContent {
		return []Subject{subject(SubjectContent, *a.Artifact.ContentDigest), subject(SubjectSigningRoot, *a.Artifact.SigningRoot)}
	}
	return []Subject{subject(SubjectPins, a.Artifact.PinDigest)}
}

// Sign signs the approval as an in-toto statement. An error matches [pipeline.ErrInvalid]
// where the approval contradicts itself, or is the signer's own.
func (a *Approval) Sign(ctx context.Context, signers ...Signer) (*Envelope, error) {
	if err := a.validate(); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the approval cannot be signed as it is", Err: err}
	}
	payload, err := statementOf(ApprovalPredicate, a, a.Subjects())
	if err != nil {
		return nil, err
	}
	return sign(ctx, StatementPayload, payload, signers...)
}

// validate refuses an approval that contradicts itself or leaves out what others build on.
func (a *Approval) validate() error {
	for _, check := range []func() error{a.checkHead, a.checkTimes, a.checkObjects, a.checkBinding, a.checkLists} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (a *Approval) checkHead() error {
	known := []pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}
	switch {
	case a.ID == uuid.Nil || a.Case == uuid.Nil || a.ID != ApprovalID(a.Case, a.Audit.Settled):
		return malformed(nil, "the approval does not have the id of its case and settlement")
	case a.Outcome != OutcomeApproved && a.Outcome != OutcomeCleared:
		return malformed(nil, "the approval has the outcome %q", short(string(a.Outcome)))
	case !slices.Contains(known, a.Verdict.Verdict):
		return malformed(nil, "the approval has the verdict %q", short(string(a.Verdict.Verdict)))
	case a.Outcome == OutcomeCleared && (a.Verdict.Verdict != pipeline.VerdictClear || len(a.Decisions) > 0):
		return malformed(nil, "a cleared case has a verdict other than clear, or decisions")
	case a.Outcome == OutcomeApproved && len(a.Decisions) == 0:
		return malformed(nil, "nobody approved the case")
	case !isDigest(a.Facts) || !isDigest(a.Report) || a.Submission != nil && !isDigest(*a.Submission):
		return malformed(nil, "a digest of facts, report or submission is none")
	case a.Audit.Settled.Count < 1 || !isDigest(a.Audit.Settled.Hash) || a.Audit.Head.Count < a.Audit.Settled.Count || !isDigest(a.Audit.Head.Hash):
		return malformed(nil, "a head of the audit log is none, or lies before the settlement")
	case !plainText(a.Artifact.Source, maxPath):
		return malformed(nil, "the source is empty, or too long")
	}
	return nil
}

func (a *Approval) checkTimes() error {
	times := []time.Time{a.SignedAt, a.Term.NotBefore, a.Audit.Head.Time}
	if a.Term.Expires != nil {
		times = append(times, *a.Term.Expires)
	}
	for _, d := range a.Decisions {
		times = append(times, d.At)
	}
	if slices.ContainsFunc(times, func(at time.Time) bool { return !plainTime(at) }) {
		return malformed(nil, "a time of the approval is missing, or is in no year from 1 to 9999")
	}
	if a.SignedAt.Before(a.Term.NotBefore) || a.Term.Expires != nil && !a.Term.Expires.After(a.Term.NotBefore) {
		return malformed(nil, "the times of the approval are out of order")
	}
	return nil
}

func (a *Approval) checkObjects() error {
	if len(a.Artifact.Objects) > MaxObjects {
		return malformed(nil, "the approval has more than 200,000 objects")
	}
	var sum int64
	for i, o := range a.Artifact.Objects {
		switch {
		case !plainText(o.Path, maxPath) || beside(o.Path, o.Size):
			return malformed(nil, "object %d has no path, one that is longer than 4 KiB or not UTF-8, or lies beside the artifact", i+1)
		case i > 0 && a.Artifact.Objects[i-1].Path >= o.Path:
			return malformed(nil, "the objects are not in order of path, from object %d on", i+1)
		case o.Size < 0 || o.Size > math.MaxInt64-sum:
			return malformed(nil, "object %d has an impossible size", i+1)
		}
		sum += o.Size
	}
	if sum != a.Artifact.Bytes {
		return malformed(nil, "the sizes of the objects do not add up")
	}
	return nil
}

func (a *Approval) checkBinding() error {
	s, sums := snapshot(a.Artifact.Objects)
	if !isDigest(a.Artifact.PinDigest) || !isDigest(a.Artifact.HeaderDigest) {
		return malformed(nil, "a digest of pins or headers is none")
	}
	switch a.Binding {
	case pipeline.BoundContent:
		root, hashed := SigningRoot(a.Artifact.Objects)
		if !hashed || a.Artifact.ContentDigest == nil || *a.Artifact.ContentDigest != s.ContentDigest(sums) ||
			a.Artifact.SigningRoot == nil || *a.Artifact.SigningRoot != root {
			return malformed(nil, "the digests of the content are not those of its objects")
		}
	case pipeline.BoundStore:
		if a.Artifact.ContentDigest != nil || a.Artifact.SigningRoot != nil || len(sums) > 0 || a.Artifact.PinDigest != s.PinDigest() {
			return malformed(nil, "the digest of the pins is not that of the objects' pins")
		}
	default:
		return malformed(nil, "the approval is bound to %q", short(string(a.Binding)))
	}
	for i, o := range a.Artifact.Objects {
		if o.SHA256 != "" && !isHex(o.SHA256) {
			return malformed(nil, "object %d has no SHA-256 in lower-case hexadecimal", i+1)
		}
	}
	return nil
}

func (a *Approval) checkLists() error {
	if max(len(a.Packs), len(a.Findings), len(a.Offices), len(a.Decisions)) > maxItems {
		return malformed(nil, "a list of the approval is longer than %d", maxItems)
	}
	for _, p := range a.Packs {
		if !plainText(p.Name, maxText) || !isDigest(p.Digest) {
			return malformed(nil, "a rule pack has no name or no digest")
		}
	}
	for _, d := range a.Decisions {
		if !plainText(d.Actor, maxText) || d.Reason == "" {
			return malformed(nil, "a decision is by nobody, or has no reason")
		}
	}
	return nil
}

// plainText reports whether a text is UTF-8, not empty and not too long.
func plainText(s string, most int) bool { return s != "" && len(s) <= most && utf8.ValidString(s) }

// plainName reports whether a text can be the name of a key: it prints, and has no space
// around it.
func plainName(s string) bool {
	return plainText(s, maxKeyName) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
