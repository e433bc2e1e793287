package attest

import (
	"fmt"

	"weighbridge/pipeline"
)

// The codes of refusals. Other programs match on them, so that none is ever renamed. What
// is no envelope, statement or predicate at all has [pipeline.CodeMalformed], and what is
// too large has [pipeline.CodeOverLimit].
const (
	// CodeUnknownKey: no signature is by a key of the trust file.
	CodeUnknownKey pipeline.Code = "unknown_key"
	// CodeStranger: beside a trusted signature there is one by an unknown key.
	CodeStranger pipeline.Code = "stranger_signature"
	// CodeSignature: a signature does not fit the payload, its type and the key.
	CodeSignature pipeline.Code = "signature_wrong"
	// CodeKeyNotYetValid: it was signed before the key's not_before.
	CodeKeyNotYetValid pipeline.Code = "key_not_yet_valid"
	// CodeKeyEnded: it was signed at or after the key's not_after.
	CodeKeyEnded pipeline.Code = "key_no_longer_valid"
	// CodeKeyRevoked: the key is revoked.
	CodeKeyRevoked pipeline.Code = "key_revoked"
	// CodeKeyUse: the key is trusted, but not for this kind of payload.
	CodeKeyUse pipeline.Code = "key_not_for_this"
	// CodePayloadType: the envelope holds another kind of payload.
	CodePayloadType pipeline.Code = "payload_type"
	// CodeStatementType: the payload is another kind or version of statement.
	CodeStatementType pipeline.Code = "statement_type"
	// CodePredicateType: the statement says something else than was asked for.
	CodePredicateType pipeline.Code = "predicate_type"
	// CodeSubject: the subjects of the statement are not those of its predicate.
	CodeSubject pipeline.Code = "subject_mismatch"
	// CodeClock: it claims to be signed after the present time.
	CodeClock pipeline.Code = "signed_in_the_future"
	// CodeNotBegun: the term of the approval has not begun.
	CodeNotBegun pipeline.Code = "term_not_begun"
	// CodeExpired: the term of the approval, or of a list of revocations, is over.
	CodeExpired pipeline.Code = "term_ended"
	// CodeRevoked: the approval is on the list of revocations.
	CodeRevoked pipeline.Code = "approval_revoked"
	// CodeOtherBytes: the approval is about other bytes.
	CodeOtherBytes pipeline.Code = "other_bytes"
	// CodeOtherSubmission: the approval was given for another submission.
	CodeOtherSubmission pipeline.Code = "other_submission"
	// CodeStrongerVerdict: the verdict is now stronger than the one that was approved.
	CodeStrongerVerdict pipeline.Code = "stronger_verdict"
	// CodeStoreBound: the approval holds no digests of bytes to compare with.
	CodeStoreBound pipeline.Code = "store_bound"
	// CodeNotApproved: the case is neither approved nor cleared.
	CodeNotApproved pipeline.Code = "not_approved"
	// CodePassphrase: the passphrase does not open the private key.
	CodePassphrase pipeline.Code = "wrong_passphrase"
)

// Sentinels for errors.Is. They carry a code only.
var (
	ErrUnknownKey      = &pipeline.Error{Code: CodeUnknownKey}
	ErrStranger        = &pipeline.Error{Code: CodeStranger}
	ErrSignature       = &pipeline.Error{Code: CodeSignature}
	ErrKeyNotYetValid  = &pipeline.Error{Code: CodeKeyNotYetValid}
	ErrKeyEnded        = &pipeline.Error{Code: CodeKeyEnded}
	ErrKeyRevoked      = &pipeline.Error{Code: CodeKeyRevoked}
	ErrKeyUse          = &pipeline.Error{Code: CodeKeyUse}
	ErrPayloadType     = &pipeline.Error{Code: CodePayloadType}
	ErrStatementType   = &pipeline.Error{Code: CodeStatementType}
	ErrPredicateType   = &pipeline.Error{Code: CodePredicateType}
	ErrSubject         = &pipeline.Error{Code: CodeSubject}
	ErrClock           = &pipeline.Error{Code: CodeClock}
	ErrNotBegun        = &pipeline.Error{Code: CodeNotBegun}
	ErrExpired         = &pipeline.Error{Code: CodeExpired}
	ErrRevoked         = &pipeline.Error{Code: CodeRevoked}
	ErrOtherBytes      = &pipeline.Error{Code: CodeOtherBytes}
	ErrOtherSubmission = &pipeline.Error{Code: CodeOtherSubmission}
	ErrStrongerVerdict = &pipeline.Error{Code: CodeStrongerVerdict}
	ErrStoreBound      = &pipeline.Error{Code: CodeStoreBound}
	ErrNotApproved     = &pipeline.Error{Code: CodeNotApproved}
	ErrPassphrase      = &pipeline.Error{Code: CodePassphrase}
)

func refuse(code pipeline.Code, hint, format string, args ...any) error {
	return &pipeline.Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// malformed says that bytes are not what they should be. err may be nil.
func malformed(err error, format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: fmt.Sprintf(format, args...), Err: err,
		Hint: "ask whoever issued it for the file again"}
}
