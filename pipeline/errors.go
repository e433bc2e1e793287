package pipeline

import "errors"

// Code is a stable, machine-readable name for a kind of failure. Other programs
// match on it, so a code is never renamed.
type Code string

// The codes of every failure that leaves the domain.
const (
	// CodeUsage: the caller asked for something that makes no sense.
	CodeUsage Code = "usage"
	// CodeNotFound: the bucket, folder, case or object does not exist.
	CodeNotFound Code = "not_found"
	// CodeDenied: the store refused the credentials or the object.
	CodeDenied Code = "denied"
	// CodeChanged: an object is no longer the one that was pinned.
	CodeChanged Code = "changed_under_review"
	// CodeUnavailable: the store did not answer in time, or asked to slow down.
	CodeUnavailable Code = "unavailable"
	// CodeProtocol: the store answered in a way that a range read forbids.
	CodeProtocol Code = "store_protocol"
	// CodeMalformed: bytes break the rules of the format they claim.
	CodeMalformed Code = "malformed"
	// CodeOverLimit: input is larger than Weighbridge agrees to read.
	CodeOverLimit Code = "over_limit"
	// CodeInvalid: a rule pack, submission or setting is wrong.
	CodeInvalid Code = "invalid"
	// CodeTransition: a case cannot go from its state to the asked one.
	CodeTransition Code = "illegal_transition"
	// CodeForbidden: this person may not do this.
	CodeForbidden Code = "forbidden"
	// CodeConflict: somebody else changed the case first.
	CodeConflict Code = "conflict"
	// CodeTampered: the audit chain does not verify.
	CodeTampered Code = "tampered"
	// CodeInternal: a fault of Weighbridge itself.
	CodeInternal Code = "internal"
)

// Error is a failure that an operator can act on.
type Error struct {
	Code Code
	// Message is one plain sentence that says what went wrong. It holds no
	// secret and no query string.
	Message string
	// Hint says what to do next. It may be empty.
	Hint string
	// Err is the cause. It may be nil.
	Err error
}

// Error returns the message, followed by the cause.
func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = string(e.Code)
	}
	if e.Err != nil {
		return msg + ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinels below by code, so that
// errors.Is(err, [ErrChanged]) holds for every error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Err == nil && t.Code == e.Code
}

// Sentinels for errors.Is. They carry a code only.
var (
	ErrUsage       = &Error{Code: CodeUsage}
	ErrNotFound    = &Error{Code: CodeNotFound}
	ErrDenied      = &Error{Code: CodeDenied}
	ErrChanged     = &Error{Code: CodeChanged}
	ErrUnavailable = &Error{Code: CodeUnavailable}
	ErrProtocol    = &Error{Code: CodeProtocol}
	ErrMalformed   = &Error{Code: CodeMalformed}
	ErrOverLimit   = &Error{Code: CodeOverLimit}
	ErrInvalid     = &Error{Code: CodeInvalid}
	ErrTransition  = &Error{Code: CodeTransition}
	ErrForbidden   = &Error{Code: CodeForbidden}
	ErrConflict    = &Error{Code: CodeConflict}
	ErrTampered    = &Error{Code: CodeTampered}
)

// ErrorCode returns the code of the outermost [Error] in err's chain, or
// [CodeInternal] where there is none. It returns "" for a nil error.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
