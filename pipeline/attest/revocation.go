package attest

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// RevocationsSchema names the form of a list of revocations.
const RevocationsSchema = "weighbridge.revocations/1"

// Revocations lists the approvals that hold no longer. An approval on the list is revoked,
// whatever time stands beside it: that time is for people. A nil list revokes nothing.
type Revocations struct {
	Schema string `json:"schema"`
	// Number counts the lists of one issuer from 1. A verifier that has seen a higher one
	// holds an old list in its hand.
	Number int64 `json:"number"`
	// IssuedAt is the time of signing.
	IssuedAt time.Time `json:"issued_at"`
	// Expires is when the list is too old to rely on, nil for never. Whoever withholds
	// newer lists can keep a revocation from being seen until then.
	Expires *time.Time   `json:"expires"`
	Revoked []Revocation `json:"revoked"`
}

// Revocation is one approval that holds no longer.
type Revocation struct {
	// Approval is the id of the approval: see [ApprovalID].
	Approval uuid.UUID `json:"approval"`
	// At is when it was revoked.
	At time.Time `json:"at"`
	// Reason says why, in one of the coded reasons or a few words that may be public.
	Reason string `json:"reason"`
}

// Sign signs the list. An error matches [pipeline.ErrInvalid] where the list contradicts
// itself, or is the signer's own.
func (r *Revocations) Sign(ctx context.Context, signers ...Signer) (*Envelope, error) {
	if err := r.validate(); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the list of revocations cannot be signed as it is", Err: err}
	}
	payload, err := marshal(r)
	if err != nil {
		return nil, err
	}
	return sign(ctx, RevocationsPayload, payload, signers...)
}

// VerifyRevocations verifies a list of revocations at a time.
func (t *Trust) VerifyRevocations(ctx context.Context, e *Envelope, at time.Time) (*Revocations, error) {
	keys, err := t.open(ctx, e, RevocationsPayload)
	if err != nil {
		return nil, err
	}
	r := &Revocations{}
	if err := json.Unmarshal(e.payload, r); err != nil {
		return nil, malformed(err, "the payload is no list of revocations")
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	if err := timely(keys, UseRevocation, r.IssuedAt, at); err != nil {
		return nil, err
	}
	if r.Expires != nil && !at.Before(*r.Expires) {
		return nil, refuse(CodeExpired, "fetch the newest list", "the list of revocations is to be used until %s, and here it is %s", stamp(*r.Expires), stamp(at))
	}
	return r, nil
}

func (r *Revocations) validate() error {
	switch {
	case r.Schema != RevocationsSchema:
		return malformed(nil, "the list of revocations has the form %q, where %q is needed", short(r.Schema), RevocationsSchema)
	case r.Number < 1:
		return malformed(nil, "the list of revocations has no number above zero")
	case !plainTime(r.IssuedAt) || r.Expires != nil && (!plainTime(*r.Expires) || !r.Expires.After(r.IssuedAt)):
		return malformed(nil, "the times of the list of revocations are missing or out of order")
	case len(r.Revoked) > maxItems:
		return malformed(nil, "the list of revocations is longer than %d", maxItems)
	}
	for i, one := range r.Revoked {
		if one.Approval == uuid.Nil || !plainTime(one.At) || !plainText(one.Reason, maxText) {
			return malformed(nil, "revocation %d lacks an approval, a time or a reason", i+1)
		}
	}
	return nil
}

// Of returns the revocation of an approval. It may be called on a nil list.
func (r *Revocations) Of(id uuid.UUID) (one Revocation, revoked bool) {
	if r == nil {
		return Revocation{}, false
	}
	i := slices.IndexFunc(r.Revoked, func(one Revocation) bool { return one.Approval == id })
	if i < 0 {
		return Revocation{}, false
	}
	return r.Revoked[i], true
}

func (r *Revocations) refuse(id uuid.UUID) error {
	one, revoked := r.Of(id)
	if !revoked {
		return nil
	}
	return refuse(CodeRevoked, "have the case decided again", "the approval was revoked at %s: %s", stamp(one.At), short(one.Reason))
}
