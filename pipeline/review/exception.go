package review

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// exceptionMost is the longest term of an exception: two years.
const exceptionMost = 2 * 366 * 24 * time.Hour

// errNoExceptions says that the desk was given no book of them.
func errNoExceptions() error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "no exceptions are kept here"}
}

// Grant implements [pipeline.ExceptionKeeper]. Who grants holds the role legal or admin,
// or works on the database itself.
func (d *Desk) Grant(ctx context.Context, e pipeline.Exception, by pipeline.Actor) (pipeline.Exception, error) {
	if d.exceptions == nil {
		return e, errNoExceptions()
	}
	a := d.act(by)
	if err := mayKeepExceptions(by); err != nil {
		return e, err
	}
	e, err := checkException(a, e)
	if err != nil {
		return e, err
	}
	if e.ID, err = a.ids(); err != nil {
		return e, fmt.Errorf("make an id: %w", err)
	}
	e.By, e.At, e.EndedAt, e.EndedBy = pipeline.Actor{Name: by.Name, Known: by.Known}, a.at, nil, ""
	event, err := a.event(pipeline.EventExceptionGranted, details{"exception": e})
	if err != nil {
		return e, err
	}
	return e, d.exceptions.AddException(ctx, e, event)
}

func mayKeepExceptions(by pipeline.Actor) error {
	if err := by.Validate(); err != nil {
		return err
	}
	if by.Known == pipeline.KnownAsserted || by.Known != pipeline.KnownLink && by.HasAny(pipeline.RoleLegal, pipeline.RoleAdmin) {
		return nil
	}
	return forbidden(fmt.Sprintf("%s can neither grant nor end exceptions", by.Name), "ask somebody with the role legal or admin")
}

// checkException checks what was asked for and brings it into its form.
func checkException(a act, e pipeline.Exception) (pipeline.Exception, error) {
	owner := pipeline.Actor{Name: e.Owner, Known: pipeline.KnownAsserted}
	if err := owner.Validate(); err != nil {
		return e, usage("the exception's owner is no name of a person", "say who answers for it")
	}
	if e.Pack == "" || e.Rule == "" || strings.ContainsFunc(e.Pack+e.Rule, func(r rune) bool { return r <= ' ' || r == '/' }) {
		return e, usage("the exception names no rule", "give the pack and the rule, such as us-ear and US-WGT-01")
	}
	src, err := pipeline.ParseSource(e.Scope)
	if err != nil {
		return e, err
	}
	e.Scope, e.Until = src.String(), stamp(e.Until)
	switch {
	case !slices.Contains(pipeline.ReasonCodes(), e.Reason):
		return e, usage(fmt.Sprintf("%q is no reason code", e.Reason), "give one of: "+list(pipeline.ReasonCodes()))
	case !e.Until.After(a.at):
		return e, usage("the exception ends in the past", "")
	case e.Until.After(a.at.Add(exceptionMost)):
		return e, usage("the exception would last longer than two years", "renew it when the time comes")
	}
	e.Comment, err = plainText(e.Comment)
	return e, err
}

// EndEarly implements [pipeline.ExceptionKeeper].
func (d *Desk) EndEarly(ctx context.Context, id uuid.UUID, why string, by pipeline.Actor) (pipeline.Exception, int, error) {
	if d.exceptions == nil {
		return pipeline.Exception{}, 0, errNoExceptions()
	}
	if err := mayKeepExceptions(by); err != nil {
		return pipeline.Exception{}, 0, err
	}
	why, err := plainText(why)
	if err != nil {
		return pipeline.Exception{}, 0, err
	}
	a := d.act(by)
	e, err := d.exceptions.ExceptionByID(ctx, id)
	if err != nil {
		return e, 0, err
	}
	event, err := a.event(pipeline.EventExceptionEnded, details{"exception": e, "why": why})
	if err != nil {
		return e, 0, err
	}
	if e, err = d.exceptions.EndException(ctx, id, a.at, by.Name, event); err != nil {
		return e, 0, err
	}
	// A vote that comes now sees that the exception has ended; those before are found.
	cases, err := d.exceptions.RestingOn(ctx, id)
	if err != nil {
		return e, 0, err
	}
	cause := fmt.Sprintf("exception %s from %s/%s was ended", e.ID, e.Pack, e.Rule)
	opened := 0
	for _, c := range cases {
		changed := false
		_, err := d.book.Amend(ctx, c, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
			if changed = restsOn(f, id); !changed {
				return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeTransition, Message: "the case rests on the exception no more"}
			}
			again := newDraft(d.act(by), f.Case)
			if f.Case.State == pipeline.StateApproved {
				again.reopen("the exception that the approval rested on was ended", cause)
			} else {
				again.lapse("the exception that a vote rested on was ended", cause)
			}
			return again.change()
		})
		if err != nil && changed {
			return e, opened, err
		}
		if err == nil {
			opened++
		}
	}
	return e, opened, nil
}

// restsOn reports whether a case is approved, or goes on towards it, by a vote that rests
// on an exception. Once changes were requested, the votes before count no longer anyway.
func restsOn(f pipeline.CaseFile, id uuid.UUID) bool {
	switch f.Case.State {
	case pipeline.StateApproved, pipeline.StateOpen, pipeline.StateClaimed:
		return slices.ContainsFunc(f.Decisions, func(v pipeline.Decision) bool {
			return v.Round == f.Case.Round && v.Kind == pipeline.DecisionApprove && v.Exception != nil && *v.Exception == id
		})
	default:
		return false
	}
}

// lapsingPage is how many exceptions are looked at at a time.
const lapsingPage = 200

// Lapsing implements [pipeline.ExceptionKeeper].
func (d *Desk) Lapsing(ctx context.Context, within time.Duration) (int, error) {
	if d.exceptions == nil {
		return 0, nil
	}
	a := d.act(pipeline.SystemActor())
	told := 0
	err := pipeline.WalkPages(func(cursor string) (pipeline.PageOf[pipeline.Exception], error) {
		return d.exceptions.Exceptions(ctx, pipeline.ExceptionFilter{LiveAt: a.at, EndsBefore: a.at.Add(within), Cursor: cursor, Limit: lapsingPage})
	}, func(e pipeline.Exception) error {
		event, err := a.event(pipeline.EventExceptionLapsing, details{"exception": e})
		if err != nil {
			return err
		}
		noted, err := d.exceptions.Note(ctx, "exception_lapsing "+e.ID.String(), event)
		if noted {
			told++
		}
		return err
	})
	return told, err
}

// event is an audit event about no case.
func (a act) event(kind pipeline.EventKind, data details) (pipeline.AuditEvent, error) {
	text, err := pipeline.CanonicalJSON(data)
	if err != nil {
		return pipeline.AuditEvent{}, fmt.Errorf("write an audit event: %w", err)
	}
	id, err := a.ids()
	if err != nil {
		return pipeline.AuditEvent{}, fmt.Errorf("make an id: %w", err)
	}
	return pipeline.AuditEvent{ID: id, Time: a.at, Kind: kind, Data: text, Actor: pipeline.Actor{Name: a.by.Name, Known: a.by.Known}}, nil
}

// rest checks the exception that an approval rests on and returns its end. It is asked
// while the case is held, so that one which ends at this moment is seen as ended, or its
// cases are found.
func (d *Desk) rest(ctx context.Context, a act, f pipeline.CaseFile, b pipeline.Ballot) (*time.Time, error) {
	if b.Exception == nil {
		return nil, nil //nolint:nilnil // it rests on none
	}
	if b.Kind != pipeline.DecisionApprove {
		return nil, usage("only an approval rests on an exception", "")
	}
	if d.exceptions == nil {
		return nil, errNoExceptions()
	}
	e, err := d.exceptions.ExceptionByID(ctx, *b.Exception)
	if err != nil {
		return nil, err
	}
	switch {
	case !e.Live(a.at):
		return nil, usage("the exception has ended", "decide without it, or ask for a new one")
	case !e.Covers(f.Case.Source):
		return nil, usage("the exception does not cover "+f.Case.Source, "it covers "+e.Scope)
	case !slices.Contains(f.Rules, e.Pack+"/"+e.Rule):
		return nil, usage(fmt.Sprintf("the exception is from %s/%s, which does not stop this case", e.Pack, e.Rule), "")
	}
	return &e.Until, nil
}
