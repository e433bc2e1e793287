package attest

import (
	"context"
	"time"

	"weighbridge/pipeline"
)

// Verified is an approval whose signatures, keys and term hold.
type Verified struct {
	Approval
	// Keys are the trusted keys that signed it.
	Keys []TrustedKey
}

// VerifyApproval verifies the envelope of an approval at a time. revoked is the list of
// revocations, nil where there is none. What it is checked for, in this order: the
// signatures, the types of payload, statement and predicate, that the approval does not
// contradict itself and has the subjects of the statement, when and for what the keys
// count, the term, and the revocations. Whether it is about the bytes in hand is for
// [Approval.Covers] and [Compare] to say.
func (t *Trust) VerifyApproval(ctx context.Context, e *Envelope, at time.Time, revoked *Revocations) (Verified, error) {
	keys, err := t.open(ctx, e, StatementPayload)
	if err != nil {
		return Verified{}, err
	}
	a, err := parseApproval(e.payload)
	if err != nil {
		return Verified{}, err
	}
	if err := timely(keys, UseApproval, a.SignedAt, at); err != nil {
		return Verified{}, err
	}
	if err := a.Term.holds(at); err != nil {
		return Verified{}, err
	}
	if err := revoked.refuse(a.ID); err != nil {
		return Verified{}, err
	}
	return Verified{Approval: a, Keys: keys}, nil
}

// parseApproval reads the statement of an approval.
func parseApproval(payload []byte) (Approval, error) {
	var a Approval
	subjects, err := predicateOf(payload, ApprovalPredicate, &a)
	if err != nil {
		return Approval{}, err
	}
	if err := a.validate(); err != nil {
		return Approval{}, err
	}
	return a, sameSubjects(subjects, a.Subjects())
}

// holds refuses a time that lies outside of the term.
func (t Term) holds(at time.Time) error {
	if t.NotBefore.After(at.Add(clockGrace)) {
		return refuse(CodeNotBegun, "compare the clock of this machine with that of the queue",
			"the approval begins at %s, and here it is %s", stamp(t.NotBefore), stamp(at))
	}
	if t.Expires != nil && !at.Before(*t.Expires) {
		return refuse(CodeExpired, "check the source again, and have it approved again",
			"the approval ended at %s, and here it is %s", stamp(*t.Expires), stamp(at))
	}
	return nil
}

// Covers says what the approval is bound to where it is about the asked bytes and
// submission, by the same rule as the queue: the submission must be the same, and either
// the content digest, or source, pins and headers where no content digest contradicts
// them and the pins name the bytes. The verdict in hand may not be stronger than the one
// that was approved; no verdict counts as block.
//
// An error matches [ErrOtherSubmission], [ErrOtherBytes] or [ErrStrongerVerdict].
func (a *Approval) Covers(q pipeline.ApprovalQuery) (pipeline.ApprovalBound, error) {
	if err := a.GivenFor(q.SubmissionDigest); err != nil {
		return "", err
	}
	of := a.Artifact
	hashed := q.ContentDigest != nil && of.ContentDigest != nil
	content := hashed && *q.ContentDigest == *of.ContentDigest
	pins := q.Source == of.Source && q.PinDigest == of.PinDigest && q.HeaderDigest == of.HeaderDigest && (!hashed || content)
	switch {
	case !content && !pins && a.Binding == pipeline.BoundStore:
		return "", refuse(CodeOtherBytes, "an approval of bytes that were not hashed ends when an object is written again",
			"the approval is for the pins of %q as they were", short(of.Source))
	case !content && q.Unpinned:
		return "", refuse(CodeOtherBytes, "hash the source, and have the bytes approved",
			"the store gives objects neither an ETag nor a version id, so that other bytes may have the same pins")
	case !content && !pins:
		return "", refuse(CodeOtherBytes, "hash the source to compare it object by object", "the approval is for other bytes")
	}
	verdict := q.Verdict
	if verdict == "" {
		verdict = pipeline.VerdictBlock
	}
	if a.Verdict.Verdict.Stronger(verdict) != a.Verdict.Verdict {
		return "", refuse(CodeStrongerVerdict, "have the case decided again",
			"the verdict is now %s, and the approval was given on %s", verdict, a.Verdict.Verdict)
	}
	if content {
		return pipeline.BoundContent, nil
	}
	return pipeline.BoundStore, nil
}

// GivenFor compares the submission that the approval was given for, nil for none. An error
// matches [ErrOtherSubmission].
func (a *Approval) GivenFor(submission *pipeline.Digest) error {
	if text(a.Submission) == text(submission) {
		return nil
	}
	return refuse(CodeOtherSubmission, "another destination, recipient or use is another case",
		"the approval was given for another submission")
}
