package attest

import (
	"context"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// ResultPredicate is the type of a Simple Verification Result (in-toto/attestation,
// spec/predicates/svr.md). Of version 0.1 the text was read; that 0.2 adds the required
// list verifier.policies of resource descriptors is known from those who implement it.
const ResultPredicate = "https://in-toto.io/attestation/svr/v0.2"

// Verifier is the id of the verifier in our results: a name and not an address. Its
// version rises with the meaning of a property.
const Verifier = "https://weighbridge.dev/verifier/v1"

// The properties of results. A result lists what holds and nothing else.
const (
	// PropertyApproved: the people whom the quorum asks for approved the artifact, without
	// an end. With a term the property is PropertyApproved, "_UNTIL_" and the end as
	// YYYYMMDDThhmmssZ, because a reader of results knows no terms, and what he does not
	// know must not let more through.
	PropertyApproved = "WEIGHBRIDGE_EXPORT_REVIEW_APPROVED"
	// PropertyClear: no enforced rule stopped the facts, and none was left undecided.
	PropertyClear = "WEIGHBRIDGE_CLEAR"
	// PropertyPack, the name of a rule pack, "_" and the SHA-256 of the pack: the pack was
	// enforced, and none of its rules that review or block matched or was left undecided.
	PropertyPack = "WEIGHBRIDGE_PACK_"
)

// Result is a Simple Verification Result: what other tools read of an approval. Only who
// asks by the same digest finds it: one of a store-bound approval is about its pins. It
// names no approval, so that a revocation does not show in it: whoever must know of those
// verifies the approval itself.
type Result struct {
	Verifier ResultVerifier `json:"verifier"`
	// TimeCreated is the time of signing of the approval.
	TimeCreated time.Time `json:"timeCreated"`
	Properties  []string  `json:"properties"`
}

// ResultVerifier says who verified, and by what.
type ResultVerifier struct {
	ID string `json:"id"`
	// Policies are the rule packs that took part, those that only report too.
	Policies []Subject `json:"policies"`
}

// Result returns the result of the approval.
func (a *Approval) Result() Result {
	r := Result{Verifier: ResultVerifier{ID: Verifier, Policies: []Subject{}}, TimeCreated: a.SignedAt}
	switch {
	case a.Outcome == OutcomeCleared:
		r.Properties = append(r.Properties, PropertyClear)
	case a.Term.Expires == nil:
		r.Properties = append(r.Properties, PropertyApproved)
	default:
		r.Properties = append(r.Properties, PropertyApproved+"_UNTIL_"+a.Term.Expires.UTC().Format("20060102T150405Z"))
	}
	for _, p := range a.Packs {
		policy := subject(p.Name, p.Digest)
		r.Verifier.Policies = append(r.Verifier.Policies, policy)
		if p.Mode == pipeline.ModeEnforce && !a.stoppedBy(p.Name) {
			r.Properties = append(r.Properties, PropertyPack+strings.ReplaceAll(p.Name, " ", "-")+"_"+policy.Digest["sha256"])
		}
	}
	return r
}

// stoppedBy reports whether an enforced rule of a pack asks for a review or a block, or
// could not be decided.
func (a *Approval) stoppedBy(pack string) bool {
	for _, f := range a.Findings {
		bears := f.Mode == pipeline.ModeEnforce && (f.Effect == pipeline.EffectReview || f.Effect == pipeline.EffectBlock)
		if f.Pack == pack && bears && f.Outcome != pipeline.OutcomeNotMatched {
			return true
		}
	}
	return false
}

// SignResult signs the result of the approval as an in-toto statement with the approval's
// subjects.
func (a *Approval) SignResult(ctx context.Context, signers ...Signer) (*Envelope, error) {
	if err := a.validate(); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the result cannot be signed as it is", Err: err}
	}
	payload, err := statementOf(ResultPredicate, a.Result(), a.Subjects())
	if err != nil {
		return nil, err
	}
	return sign(ctx, StatementPayload, payload, signers...)
}

// VerifyResult verifies a result at a time, and returns it with its subjects. An end of an
// approval in a property is for the caller to read.
func (t *Trust) VerifyResult(ctx context.Context, e *Envelope, at time.Time) (Result, []Subject, error) {
	keys, err := t.open(ctx, e, StatementPayload)
	if err != nil {
		return Result{}, nil, err
	}
	var r Result
	subjects, err := predicateOf(e.payload, ResultPredicate, &r)
	if err != nil {
		return Result{}, nil, err
	}
	if r.Verifier.ID != Verifier || !plainTime(r.TimeCreated) || len(r.Properties) > maxItems || len(r.Verifier.Policies) > maxItems {
		return Result{}, nil, malformed(nil, "the result is not by this kind of verifier, or lacks a time")
	}
	if err := timely(keys, UseApproval, r.TimeCreated, at); err != nil {
		return Result{}, nil, err
	}
	return r, subjects, nil
}
