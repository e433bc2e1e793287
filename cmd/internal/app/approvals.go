package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// Approval makes the approval of a settled case as it would be signed now. The whole audit
// log is verified first, so that a database that was edited is not signed off. It is bound
// to the bytes where a run has hashed them. Errors are those of [attest.From] and of
// verifying the log.
func (q *Queue) Approval(ctx context.Context, id uuid.UUID, now time.Time) (attest.Approval, pipeline.CaseHistory, error) {
	none := func(err error) (attest.Approval, pipeline.CaseHistory, error) {
		return attest.Approval{}, pipeline.CaseHistory{}, err
	}
	head, err := q.DB.VerifyAudit(ctx, nil)
	if err != nil {
		return none(err)
	}
	history, err := q.DB.History(ctx, id)
	if err != nil {
		return none(err)
	}
	said, err := q.DB.Report(ctx, id)
	if err != nil {
		return none(err)
	}
	var options []attest.Option
	sums, err := q.DB.Sums(ctx, id)
	if err != nil {
		return none(err)
	}
	if sums != nil {
		options = append(options, attest.WithSums(sums))
	}
	approval, err := attest.From(history, &said, head, now, options...)
	return approval, history, err
}

// Sign signs the approval of a settled case and keeps it. Errors are those of
// [Queue.Approval], of the signer, and of [pipeline.CaseAttester].
func (q *Queue) Sign(ctx context.Context, id uuid.UUID, signer attest.Signer, by pipeline.Actor, now time.Time) (pipeline.Attestation, error) {
	approval, history, err := q.Approval(ctx, id, now)
	if err != nil {
		return pipeline.Attestation{}, err
	}
	key, err := signer.KeyID()
	if err != nil {
		return pipeline.Attestation{}, err
	}
	envelope, err := approval.Sign(ctx, signer)
	if err != nil {
		return pipeline.Attestation{}, err
	}
	signed := pipeline.Attestation{Digest: pipeline.DigestBytes(envelope.JSON()), Case: id, Approval: approval.ID, Settled: *history.Settled,
		Bound: approval.Binding, KeyIDs: []string{key}, SignedAt: approval.SignedAt, ExpiresAt: approval.Term.Expires, Envelope: envelope.JSON()}
	_, err = q.Attest(ctx, signed, by)
	return signed, err
}

// Kept returns the signed approvals of a case as it is settled now, none where it is not
// approved or cleared: those that are bound to the bytes before those that are bound to a
// store, and of each kind the newest first.
func (q *Queue) Kept(ctx context.Context, c pipeline.Case) ([]pipeline.Attestation, error) {
	if c.State != pipeline.StateApproved && c.State != pipeline.StateCleared {
		return nil, nil
	}
	history, err := q.DB.History(ctx, c.ID)
	if err != nil || history.Settled == nil {
		return nil, err
	}
	all, err := q.DB.AttestationsOf(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var bytes, store []pipeline.Attestation
	for _, a := range all {
		switch {
		case a.Settled != *history.Settled:
		case a.Bound == pipeline.BoundContent:
			bytes = append(bytes, a)
		default:
			store = append(store, a)
		}
	}
	return append(bytes, store...), nil
}

// Signed returns the first of [Queue.Kept], nil where none is kept.
func (q *Queue) Signed(ctx context.Context, c pipeline.Case) (*pipeline.Attestation, error) {
	kept, err := q.Kept(ctx, c)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	return &kept[0], nil
}

// SignWhereDue signs a case that is approved or cleared and has no signed approval that
// holds for as much as it could. It returns the one that counts then, nil where there is
// none because nothing is settled or no signer is given.
func (q *Queue) SignWhereDue(ctx context.Context, c pipeline.Case, signer attest.Signer, by pipeline.Actor, now time.Time) (*pipeline.Attestation, error) {
	if c.State != pipeline.StateApproved && c.State != pipeline.StateCleared {
		return nil, nil //nolint:nilnil // there is nothing to sign
	}
	kept, err := q.Signed(ctx, c)
	if err != nil || signer == nil || kept != nil && (kept.Bound == pipeline.BoundContent || c.ContentDigest == nil) {
		return kept, err
	}
	made, err := q.Sign(ctx, c.ID, signer, by, now)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.ErrorCode(err), Message: "case " + c.ID.String() + " is " + string(c.State) + ", and its approval could not be signed", Err: err,
			Hint: "once that is settled: weighbridge approval show " + c.ID.String()}
	}
	return &made, nil
}
