package attest

import (
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"weighbridge/pipeline"
)

// StatementType is the type of an in-toto Statement v1 (in-toto/attestation 1.2.0,
// spec/v1/statement.md).
const StatementType = "https://in-toto.io/Statement/v1"

// The names of subjects.
const (
	SubjectContent     = "content"
	SubjectSigningRoot = "model-signing-root"
	SubjectPins        = "pins"
)

// Subject is what a statement is about. Statements of ours use SHA-256 only.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

func subject(name string, d pipeline.Digest) Subject {
	return Subject{Name: name, Digest: map[string]string{"sha256": strings.TrimPrefix(string(d), "sha256:")}}
}

func (s Subject) same(other Subject) bool {
	return s.Name == other.Name && len(s.Digest) == 1 && s.Digest["sha256"] == other.Digest["sha256"]
}

// statement is an in-toto Statement v1. in-toto's own type holds its predicate as a
// protobuf structure, which turns every number into a float64 and has no fixed order;
// tests hold this one against it.
type statement struct {
	Type          string         `json:"_type"`
	Subject       []Subject      `json:"subject"`
	PredicateType string         `json:"predicateType"`
	Predicate     jsontext.Value `json:"predicate"`
}

// statementOf writes a statement.
func statementOf(predicateType string, predicate any, subjects []Subject) ([]byte, error) {
	body, err := marshal(predicate)
	if err != nil {
		return nil, err
	}
	return marshal(statement{Type: StatementType, Subject: subjects, PredicateType: predicateType, Predicate: body})
}

// marshal writes a value as JSON in one way only: fields in the order of their type, keys
// of maps in byte order, no white space.
func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "what is to be signed cannot be written as JSON", Err: err}
	}
	return b, nil
}

// maxSubjects bounds the subjects of a statement that is read. Ours have two.
const maxSubjects = 100

// predicateOf reads a statement with a type of predicate into out, and returns its
// subjects.
func predicateOf(payload []byte, predicateType string, out any) ([]Subject, error) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, malformed(err, "the payload is no in-toto statement")
	}
	switch {
	case s.Type != StatementType:
		return nil, refuse(CodeStatementType, "", "the payload is a statement of the type %q, where %q is needed", short(s.Type), StatementType)
	case s.PredicateType != predicateType:
		return nil, refuse(CodePredicateType, "", "the statement has a predicate of the type %q, where %q is needed", short(s.PredicateType), predicateType)
	case len(s.Subject) == 0 || len(s.Subject) > maxSubjects:
		return nil, malformed(nil, "the statement has no subject, or more than %d", maxSubjects)
	case len(s.Predicate) == 0:
		return nil, malformed(nil, "the statement has no predicate")
	}
	if err := json.Unmarshal(s.Predicate, out); err != nil {
		return nil, malformed(err, "the predicate of the statement cannot be read")
	}
	return s.Subject, nil
}

// sameSubjects refuses subjects that are not exactly those wanted.
func sameSubjects(got, want []Subject) error {
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = got[i].same(want[i])
	}
	if !same {
		return refuse(CodeSubject, "", "the subjects of the statement are not those that its predicate describes")
	}
	return nil
}

// isHex reports whether a text is a SHA-256 in lower-case hexadecimal.
func isHex(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

func isDigest(d pipeline.Digest) bool {
	sum, ok := strings.CutPrefix(string(d), "sha256:")
	return ok && isHex(sum)
}
