package pipeline

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Known says how it is known who an actor is.
type Known string

// The ways an actor is known.
const (
	// KnownAsserted: somebody said so, by flag, environment or operating-system
	// user. Nothing was proved.
	KnownAsserted Known = "asserted"
	// KnownSystem: Weighbridge itself.
	KnownSystem Known = "system"
	// KnownSignedIn: an identity provider vouched for the person.
	KnownSignedIn Known = "signed_in"
	// KnownToken: the program showed a token of the person, or of the machine.
	KnownToken Known = "token"
	// KnownLink: whoever answered showed the link to this one case.
	KnownLink Known = "link"
	// KnownDev: the one person of "serve --dev". Nothing was proved.
	KnownDev Known = "dev"
)

// ActorRole is an office that a quorum can ask for.
type ActorRole string

// RoleLegal is the office that [QuorumTwoAndLegal] asks for.
const RoleLegal ActorRole = "legal"

// Actor is who did something.
type Actor struct {
	Name  string `json:"name"`
	Known Known  `json:"known"`
	// Roles are the roles and offices the actor holds. An asserted actor holds none.
	Roles []ActorRole `json:"roles,omitempty"`
}

// SystemActor is the actor of changes that no person makes.
func SystemActor() Actor { return Actor{Name: "weighbridge", Known: KnownSystem} }

// actorNameMax is the largest length of an actor's name in bytes.
const actorNameMax = 200

// Validate returns an error that matches [ErrUsage] where the actor has no name, or
// one that could be mistaken for another: spaces around it, characters that do not
// print, more than 200 bytes.
func (a Actor) Validate() error {
	bad := func(what string) error {
		return &Error{Code: CodeUsage, Message: "the actor's name " + what,
			Hint: "name the actor with --actor or WEIGHBRIDGE_ACTOR"}
	}
	switch {
	case a.Name == "":
		return bad("is empty")
	case len(a.Name) > actorNameMax:
		return bad(fmt.Sprintf("is longer than %d bytes", actorNameMax))
	case !utf8.ValidString(a.Name):
		return bad("is not valid UTF-8")
	case strings.TrimSpace(a.Name) != a.Name:
		return bad("begins or ends with a space")
	}
	for _, r := range a.Name {
		if !unicode.IsPrint(r) {
			return bad(fmt.Sprintf("holds the character %U, which does not print", r))
		}
	}
	if a.Known == "" {
		return &Error{Code: CodeUsage, Message: "it is not said how the actor is known"}
	}
	return nil
}

// Key returns the name in a form that is equal for names that differ in letter case
// only. Two actors with the same key are one person.
func (a Actor) Key() string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, a.Name)
}

// Same reports whether two actors are one person.
func (a Actor) Same(b Actor) bool { return a.Key() == b.Key() }

// Has reports whether the actor holds an office.
func (a Actor) Has(role ActorRole) bool {
	for _, r := range a.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// ReasonCode is the coded reason of a decision.
type ReasonCode string

// The reason codes.
const (
	ReasonEvidenceSufficient ReasonCode = "evidence_sufficient"
	ReasonLicenceObtained    ReasonCode = "licence_obtained"
	ReasonRuleNotApplicable  ReasonCode = "rule_not_applicable"
	ReasonRiskAccepted       ReasonCode = "risk_accepted"
	ReasonEvidenceMissing    ReasonCode = "evidence_missing"
	ReasonRuleApplies        ReasonCode = "rule_applies"
	ReasonWrongArtifact      ReasonCode = "wrong_artifact"
	ReasonOther              ReasonCode = "other"
)

// ReasonCodes lists every reason code.
func ReasonCodes() []ReasonCode {
	return []ReasonCode{ReasonEvidenceSufficient, ReasonLicenceObtained, ReasonRuleNotApplicable, ReasonRiskAccepted,
		ReasonEvidenceMissing, ReasonRuleApplies, ReasonWrongArtifact, ReasonOther}
}

// DecisionKind is what a reviewer says of a case.
type DecisionKind string

// The kinds of decisions.
const (
	DecisionApprove DecisionKind = "approve"
	DecisionReject  DecisionKind = "reject"
	DecisionChanges DecisionKind = "changes"
	// DecisionRevoke takes an approval or a clearance back.
	DecisionRevoke DecisionKind = "revoke"
)

// DecisionKinds lists the decisions on a case that is not settled.
func DecisionKinds() []DecisionKind {
	return []DecisionKind{DecisionApprove, DecisionReject, DecisionChanges}
}

// CommentMax is the largest length of a comment in bytes.
const CommentMax = 8 << 10

// Decision is what a reviewer said of a case. It is an event: it is added, and never
// changed or taken back.
type Decision struct {
	ID   uuid.UUID `json:"id"`
	Case uuid.UUID `json:"case"`
	// Round is the round of the case that the decision counts in.
	Round   int64        `json:"round"`
	Actor   Actor        `json:"actor"`
	Kind    DecisionKind `json:"kind"`
	Reason  ReasonCode   `json:"reason"`
	Comment string       `json:"comment"`
	// Bound is the number of parameters that an approval of a block or an
	// inconclusive verdict accepts, as its comment names it; else nil.
	Bound *int64 `json:"bound"`
	// Until is the end of the term that an approval asks for, nil for none.
	Until *time.Time `json:"until"`
	// Exception is what an approval rests on, nil for none.
	Exception *uuid.UUID `json:"exception,omitempty"`
	At        time.Time  `json:"at"`
}

// Comment is what somebody wrote to a case.
type Comment struct {
	ID    uuid.UUID `json:"id"`
	Case  uuid.UUID `json:"case"`
	Actor Actor     `json:"actor"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
	// CarriedFrom is the earlier case that the comment was written to, nil where
	// it was written to this one.
	CarriedFrom *uuid.UUID `json:"carried_from"`
}

// Claim asks to work on a case, or to let it go.
type Claim struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	// TakeOver takes the case from whoever has claimed it.
	TakeOver bool
}

// Remark adds a comment to a case.
type Remark struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	// Text is valid UTF-8, not blank, and at most [CommentMax] bytes.
	Text string
}

// Ballot is a decision that a reviewer asks to record.
type Ballot struct {
	Case uuid.UUID
	// Version is the version of the case that the actor saw, 0 for any.
	Version int64
	Actor   Actor
	Kind    DecisionKind
	Reason  ReasonCode
	// Comment is valid UTF-8, not blank, and at most [CommentMax] bytes. To
	// approve a block or an inconclusive verdict it must name the bound that is
	// accepted, as a number of parameters such as 70,600,000,000, 70.6B or
	// "71 billion", not below what the headers prove.
	Comment string
	// Until is the end of the approval's term, nil for none.
	Until *time.Time
	// Exception is what the approval rests on, nil for none. It must be live, and cover
	// the source and one of the case's rules; the term then ends with it at the latest.
	Exception *uuid.UUID
}
