package sqldb

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// parser reads stored text and remembers the first that could not be read.
type parser struct{ err error }

func (p *parser) id(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	p.fail(text, err)
	return id
}

func (p *parser) optionalID(text *string) *uuid.UUID {
	if text == nil {
		return nil
	}
	id := p.id(*text)
	return &id
}

func (p *parser) time(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	p.fail(text, err)
	return t.UTC()
}

func (p *parser) optionalTime(text *string) *time.Time {
	if text == nil {
		return nil
	}
	t := p.time(*text)
	return &t
}

func (p *parser) fail(text string, err error) {
	if err != nil && p.err == nil {
		p.err = &pipeline.Error{Code: pipeline.CodeTampered, Message: fmt.Sprintf("the database holds %.64q where an id or a time belongs", text),
			Hint: "run: weighbridge audit verify", Err: err}
	}
}

func caseFrom(r queries.Case) (pipeline.Case, error) {
	var p parser
	c := pipeline.Case{
		ID: p.id(r.ID), Source: r.Source, PinDigest: pipeline.Digest(r.PinDigest), HeaderDigest: pipeline.Digest(r.HeaderDigest),
		ContentDigest: (*pipeline.Digest)(r.ContentDigest), State: pipeline.State(r.State), Verdict: pipeline.Verdict(r.Verdict),
		Quorum: pipeline.Quorum(r.Quorum), Params: pipeline.CaseParams{Lower: r.ParamsLower, Estimate: r.ParamsEstimate, Upper: r.ParamsUpper},
		Bytes: r.Bytes, Family: r.Family, Fingerprint: r.Fingerprint,
		Submitter: pipeline.Actor{Name: r.Submitter, Known: pipeline.Known(r.SubmitterKnown)},
		Assignee:  r.Assignee, Version: r.Version, Round: r.Round, Report: pipeline.Digest(r.Report),
		CreatedAt: p.time(r.CreatedAt), UpdatedAt: p.time(r.UpdatedAt), DueAt: p.optionalTime(r.DueAt),
		SettledAt: p.optionalTime(r.SettledAt), ExpiresAt: p.optionalTime(r.ExpiresAt), SupersededBy: p.optionalID(r.SupersededBy),
		OverdueAt: p.optionalTime(r.OverdueAt), BodyDigest: pipeline.Digest(r.BodyDigest), Cause: r.Cause,
	}
	if r.SubmissionDigest != "" {
		c.SubmissionDigest = (*pipeline.Digest)(&r.SubmissionDigest)
	}
	if r.Offices != "" {
		p.fail(r.Offices, json.Unmarshal([]byte(r.Offices), &c.Offices))
	}
	if r.Claimant != nil {
		c.Claimant = &pipeline.Actor{Name: *r.Claimant}
		if r.ClaimantKnown != nil {
			c.Claimant.Known = pipeline.Known(*r.ClaimantKnown)
		}
	}
	return c, p.err
}

func decisionFrom(r queries.Decision) (pipeline.Decision, error) {
	var p parser
	d := pipeline.Decision{ID: p.id(r.ID), Case: p.id(r.CaseID), Round: r.Round,
		Actor: pipeline.Actor{Name: r.Actor, Known: pipeline.Known(r.ActorKnown), Roles: p.roles(r.Roles)}, Kind: pipeline.DecisionKind(r.Kind),
		Reason: pipeline.ReasonCode(r.Reason), Comment: r.Comment, Bound: r.Bound, Until: p.optionalTime(r.UntilAt), At: p.time(r.At),
		Exception: p.optionalID(r.ExceptionID)}
	return d, p.err
}

func commentFrom(r queries.Comment) (pipeline.Comment, error) {
	var p parser
	c := pipeline.Comment{ID: p.id(r.ID), Case: p.id(r.CaseID), Actor: pipeline.Actor{Name: r.Actor, Known: pipeline.Known(r.ActorKnown)},
		Text: r.Text, At: p.time(r.At), CarriedFrom: p.optionalID(r.CarriedFrom)}
	return c, p.err
}

func eventFrom(r queries.AuditEvent) (pipeline.AuditEvent, error) {
	var p parser
	e := pipeline.AuditEvent{Seq: r.Seq, ID: p.id(r.ID), Time: p.time(r.At), Actor: pipeline.Actor{Name: r.Actor, Known: pipeline.Known(r.ActorKnown)},
		Kind: pipeline.EventKind(r.Kind), Case: p.optionalID(r.CaseID), Data: json.RawMessage(r.Data),
		Prev: pipeline.Digest(r.Prev), Hash: pipeline.Digest(r.Hash)}
	return e, p.err
}

// all converts rows.
func all[R, T any](rows []R, from func(R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		v, err := from(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func textOf(id *uuid.UUID) *string {
	if id == nil {
		return nil
	}
	s := id.String()
	return &s
}

func timeOf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := pipeline.AuditTime(*t)
	return &s
}

// officesText is how the offices of a case are stored.
func officesText(offices []string) (string, error) {
	if len(offices) == 0 {
		return "", nil
	}
	b, err := json.Marshal(offices)
	return string(b), err
}
