package review

import (
	"fmt"
	"slices"

	"weighbridge/pipeline"
)

// attest plans that a signed approval is kept. It must be of the settlement that holds.
func attest(a act, f pipeline.CaseFile, signed pipeline.Attestation) (pipeline.CaseChange, error) {
	c := f.Case
	if c.State != pipeline.StateApproved && c.State != pipeline.StateCleared || f.Settled == nil || *f.Settled != signed.Settled {
		return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeConflict,
			Message: fmt.Sprintf("case %s has changed: it is %s, and not settled as it was when its approval was signed", c.ID, words(c.State)),
			Hint:    "read the case again, then sign"}
	}
	signed.SignedAt = stamp(signed.SignedAt)
	if signed.ExpiresAt != nil {
		until := stamp(*signed.ExpiresAt)
		signed.ExpiresAt = &until
	}
	d := newDraft(a, c)
	d.attestation = &signed
	d.event(pipeline.EventAttested, details{"attestation": signed})
	return d.change()
}

// revoke plans that a settlement is taken back.
func revoke(a act, f pipeline.CaseFile, b pipeline.Ballot) (pipeline.CaseChange, error) {
	c := f.Case
	b.Kind, b.Until = pipeline.DecisionRevoke, nil
	if !a.by.Same(c.Submitter) && !a.by.Has(pipeline.RoleAdmin) || a.by.Known == pipeline.KnownLink || a.by.Known == pipeline.KnownSystem {
		if err := reviews(a.by); err != nil {
			return pipeline.CaseChange{}, err
		}
	}
	if !slices.Contains(pipeline.ReasonCodes(), b.Reason) {
		return pipeline.CaseChange{}, usage(fmt.Sprintf("%q is no reason code", b.Reason), "give one of: "+list(pipeline.ReasonCodes()))
	}
	text, err := plainText(b.Comment)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := current(c, b.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	if f.Settled == nil || c.State == pipeline.StateRevoked {
		return pipeline.CaseChange{}, require(c, ActionRevoke)
	}
	data := standsOn(c)
	data["reason"], data["comment"], data["settled"] = b.Reason, text, f.Settled
	d := newDraft(a, c)
	if c.State != pipeline.StateApproved && c.State != pipeline.StateCleared {
		d.event(pipeline.EventRevoked, data)
		return d.change()
	}
	id, err := a.ids()
	if err != nil {
		return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
	}
	d.c.Round++
	d.c.ExpiresAt, d.c.Claimant = nil, nil
	d.decision = &pipeline.Decision{ID: id, Case: c.ID, Round: d.c.Round, Actor: a.by, Kind: b.Kind, Reason: b.Reason, Comment: text, At: a.at}
	d.event(pipeline.EventDecided, details{"decision": *d.decision})
	d.settle(pipeline.StateRevoked, pipeline.EventRevoked, data)
	return d.change()
}
