package httpapi

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"weighbridge/pipeline"
)

// digestShape is what a digest looks like.
var digestShape = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

type statusIn struct {
	Digest     string `path:"digest" maxLength:"200" doc:"A pin digest or a content digest."`
	Submission string `query:"submission" maxLength:"200" doc:"The digest of the submission, or none for what was checked without one. Left out, all submissions are looked at."`
}

// artifactStatus is where bytes stand.
type artifactStatus struct {
	Digest pipeline.Digest `json:"digest"`
	State  pipeline.State  `json:"state" doc:"For one submission: what was settled last on these bytes; else, where they wait for a person, that; else expired or superseded. Over several submissions the strictest: rejected, revoked, changes_requested, open, claimed, expired, superseded, approved, cleared, in this order."`
	// Submissions counts those that were looked at.
	Submissions int `json:"submissions" doc:"How many submissions the state is the strictest of."`
}

// noSubmission names what was checked without a submission.
const noSubmission = "none"

// mostOfDigest bounds the cases of one digest that are looked at.
const mostOfDigest = 2000

// strictness lists the states, the strictest first: what a person refused, what waits for a
// person, what counted once, what counts.
func strictness() []pipeline.State {
	return []pipeline.State{pipeline.StateRejected, pipeline.StateRevoked, pipeline.StateChangesRequested, pipeline.StateOpen, pipeline.StateClaimed,
		pipeline.StateExpired, pipeline.StateSuperseded, pipeline.StateApproved, pipeline.StateCleared}
}

func strictest(a, b pipeline.State) pipeline.State {
	order := strictness()
	if slices.Index(order, a) <= slices.Index(order, b) {
		return a
	}
	return b
}

// stateNow is the state of a case at a time: a term ends when it ends, and not when that is
// written down.
func stateNow(c pipeline.Case, at time.Time) pipeline.State {
	if c.State == pipeline.StateApproved && c.ExpiresAt != nil && !c.ExpiresAt.After(at) {
		return pipeline.StateExpired
	}
	return c.State
}

// stateOf is the state of bytes for one submission. As for a gate, the latest settlement
// counts, whichever of the cases it belongs to; then what waits for a person; then what
// counted once.
func stateOf(cases []pipeline.Case, at time.Time) pipeline.State {
	var settled *pipeline.Case
	var waiting, gone pipeline.State
	for _, c := range cases {
		switch s := stateNow(c, at); {
		case s.Undecided():
			waiting = strictestOf(waiting, s)
		case s == pipeline.StateExpired, s == pipeline.StateSuperseded:
			gone = strictestOf(gone, s)
		case settled == nil || c.SettledAt != nil && settled.SettledAt != nil && c.SettledAt.After(*settled.SettledAt):
			settled = &c
		}
	}
	switch {
	case settled != nil:
		return settled.State
	case waiting != "":
		return waiting
	}
	return gone
}

// strictestOf is [strictest] where a may be "".
func strictestOf(a, b pipeline.State) pipeline.State {
	if a == "" {
		return b
	}
	return strictest(a, b)
}

// ofDigest returns every case of a pin digest or a content digest.
func (a *api) ofDigest(ctx context.Context, digest pipeline.Digest) ([]pipeline.Case, error) {
	var out []pipeline.Case
	for _, f := range []pipeline.CaseFilter{{Pins: digest, Limit: streamPage}, {Content: digest, Limit: streamPage}} {
		for {
			page, err := a.o.Service.Queue.DB.Cases(ctx, f)
			if err != nil {
				return nil, err
			}
			out = append(out, page.Items...)
			if len(out) > mostOfDigest {
				return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("there are more than %d cases of this digest", mostOfDigest), Hint: "ask for a ruling, which names source and submission"}
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
	}
	return out, nil
}

func (a *api) status(ctx context.Context, in *statusIn) (*struct{ Body artifactStatus }, error) {
	none := &pipeline.Error{Code: pipeline.CodeNotFound, Message: "nothing is known of this digest", Hint: "it is a pin digest or a content digest of a report: sha256: and 64 digits"}
	if !digestShape.MatchString(in.Digest) || in.Submission != "" && in.Submission != noSubmission && !digestShape.MatchString(in.Submission) {
		return nil, none
	}
	cases, err := a.ofDigest(ctx, pipeline.Digest(in.Digest))
	if err != nil {
		return nil, err
	}
	bySubmission := map[pipeline.Digest][]pipeline.Case{}
	for _, c := range cases {
		key := c.Key().SubmissionDigest
		if in.Submission == "" || string(key) == in.Submission || key == "" && in.Submission == noSubmission {
			bySubmission[key] = append(bySubmission[key], c)
		}
	}
	if len(bySubmission) == 0 {
		return nil, none
	}
	out := artifactStatus{Digest: pipeline.Digest(in.Digest), Submissions: len(bySubmission)}
	for _, of := range bySubmission {
		out.State = strictestOf(out.State, stateOf(of, a.o.Service.Now()))
	}
	return &struct{ Body artifactStatus }{out}, nil
}

type rulingAsked struct {
	Source           string  `json:"source" minLength:"1" maxLength:"4096" doc:"Where the bytes lie."`
	PinDigest        string  `json:"pin_digest" pattern:"^sha256:[0-9a-f]{64}$"`
	HeaderDigest     string  `json:"header_digest" pattern:"^sha256:[0-9a-f]{64}$"`
	ContentDigest    *string `json:"content_digest,omitempty" nullable:"true" pattern:"^sha256:[0-9a-f]{64}$" doc:"Left out where the bytes were not hashed."`
	Unpinned         bool    `json:"unpinned,omitempty" doc:"Whether the store gives some object neither an ETag nor a version id. Then only an approval of the content digest counts."`
	SubmissionDigest *string `json:"submission_digest,omitempty" nullable:"true" pattern:"^sha256:[0-9a-f]{64}$" doc:"Left out where there is no submission."`
	Verdict          string  `json:"verdict,omitempty" enum:"clear,review,inconclusive,block" doc:"The verdict in hand. An approval covers verdicts up to the strength of the one that it was given on. Left out, it counts as block."`
}

// rulingGiven is what was decided on bytes and a submission.
type rulingGiven struct {
	Ruling      pipeline.RulingKind   `json:"ruling"`
	Case        *pipeline.Case        `json:"case" doc:"The case that the ruling comes from, null for none. Of a case that who asks may not see, it says where it stands and nothing of people or places."`
	Approval    *pipeline.Approval    `json:"approval" doc:"Set where the ruling is approved. Of a case that who asks may not see, it names no decisions."`
	Attestation *pipeline.Attestation `json:"attestation" doc:"The signed approval, null where there is none."`
	Envelope    []byte                `json:"envelope,omitempty" doc:"The envelope of the signed approval, byte for byte, left out where there is none."`
}

func digestOf(text *string) *pipeline.Digest {
	if text == nil {
		return nil
	}
	d := pipeline.Digest(*text)
	return &d
}

func (a *api) ruling(ctx context.Context, in *struct{ Body rulingAsked }) (*struct{ Body rulingGiven }, error) {
	q := pipeline.ApprovalQuery{Source: in.Body.Source, PinDigest: pipeline.Digest(in.Body.PinDigest), HeaderDigest: pipeline.Digest(in.Body.HeaderDigest),
		ContentDigest: digestOf(in.Body.ContentDigest), Unpinned: in.Body.Unpinned, SubmissionDigest: digestOf(in.Body.SubmissionDigest), Verdict: pipeline.Verdict(in.Body.Verdict)}
	if strings.HasPrefix(q.Source, "s3://") {
		src, err := pipeline.ParseSource(q.Source)
		if err != nil {
			return nil, err
		}
		q.Source = src.String()
	}
	desk := a.o.Service.Queue
	r, err := desk.ApprovalFor(ctx, q)
	if err != nil {
		return nil, err
	}
	out := rulingGiven{Ruling: r.Kind, Case: r.Case, Approval: r.Approval}
	if r.Case == nil {
		return &struct{ Body rulingGiven }{out}, nil
	}
	if r.Kind == pipeline.RulingApproved || r.Kind == pipeline.RulingCleared {
		if out.Attestation, err = desk.Signed(ctx, *r.Case); err != nil {
			return nil, err
		}
		if out.Attestation != nil {
			out.Envelope = out.Attestation.Envelope
		}
	}
	if !a.sees(ctx, r.Case.ID) {
		out.Case = told(*r.Case, q.Source)
		if r.Approval != nil {
			bare := *r.Approval
			bare.Decisions = []pipeline.Decision{}
			out.Approval = &bare
		}
	}
	return &struct{ Body rulingGiven }{out}, nil
}

// told is what somebody hears of a case that they may not see, because they have its bytes:
// where it stands, and neither people nor a place that they did not name.
func told(c pipeline.Case, source string) *pipeline.Case {
	if c.Source != source {
		c.Source = ""
	}
	c.Submitter, c.Claimant, c.Assignee, c.Cause, c.SupersededBy = pipeline.Actor{}, nil, nil, "", nil
	return &c
}

func (a *api) artifacts() {
	route(a, get("/artifacts/{digest}/status", "read-status", "Read where bytes stand", "404 where the digest is known for nothing, or not for this submission."), a.status)
	route(a, kind{read: true}.of(post("/rulings", "ask-ruling", "Ask whether an approval covers bytes and a submission", "What a gate asks. It changes nothing, so that an idempotency key has no effect.")), a.ruling)
}
