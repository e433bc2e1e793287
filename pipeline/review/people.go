package review

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"weighbridge/pipeline"
)

// claim plans a claim, or a take-over.
func claim(a act, f pipeline.CaseFile, req pipeline.Claim) (pipeline.CaseChange, error) {
	c := f.Case
	if err := current(c, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	action := ActionClaim
	if req.TakeOver {
		action = ActionTakeOver
	}
	if err := require(c, action); err != nil {
		return pipeline.CaseChange{}, err
	}
	if a.by.Same(c.Submitter) {
		return pipeline.CaseChange{}, forbidden(fmt.Sprintf("%s submitted this case and cannot review it", a.by.Name), "ask another reviewer")
	}
	if err := reviews(a.by); err != nil {
		return pipeline.CaseChange{}, err
	}
	d := newDraft(a, c)
	if action == ActionClaim {
		d.claim()
		return d.change()
	}
	if c.Claimant != nil && a.by.Same(*c.Claimant) {
		return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeTransition,
			Message: fmt.Sprintf("%s has claimed this case already; legal now: release, approve, reject, request changes, comment", a.by.Name)}
	}
	from := ""
	if c.Claimant != nil {
		from = c.Claimant.Name
	}
	d.c.Claimant = &pipeline.Actor{Name: a.by.Name, Known: a.by.Known}
	d.event(pipeline.EventTakenOver, details{"from": from})
	return d.change()
}

// release plans that nobody works on the case any more. Votes that were given stay.
func release(a act, f pipeline.CaseFile, req pipeline.Claim) (pipeline.CaseChange, error) {
	c := f.Case
	if err := current(c, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := require(c, ActionRelease); err != nil {
		return pipeline.CaseChange{}, err
	}
	if c.Claimant != nil && !a.by.Same(*c.Claimant) {
		return pipeline.CaseChange{}, forbidden(fmt.Sprintf("this case is claimed by %s, who alone can release it", c.Claimant.Name),
			"vote on it as it is, or take it over")
	}
	d := newDraft(a, c)
	d.c.State, d.c.Claimant = pipeline.StateOpen, nil
	d.event(pipeline.EventReleased, nil)
	return d.change()
}

// remark plans a comment.
func remark(a act, f pipeline.CaseFile, req pipeline.Remark) (pipeline.CaseChange, error) {
	if err := current(f.Case, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	text, err := plainText(req.Text)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	id, err := a.ids()
	if err != nil {
		return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
	}
	d := newDraft(a, f.Case)
	d.comments = []pipeline.Comment{{ID: id, Case: f.Case.ID, Actor: a.by, Text: text, At: a.at}}
	d.event(pipeline.EventCommented, details{"comment": id, "text": text})
	return d.change()
}

// decide plans a vote and what it comes to.
// rests is the end of the exception that it rests on, nil for none.
func decide(a act, f pipeline.CaseFile, b pipeline.Ballot, rests *time.Time) (pipeline.CaseChange, error) {
	c := f.Case
	action, err := ballotAction(a, b)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	text, err := plainText(b.Comment)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := current(c, b.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := require(c, action); err != nil {
		return pipeline.CaseChange{}, err
	}
	if a.by.Same(c.Submitter) {
		return pipeline.CaseChange{}, forbidden(fmt.Sprintf("%s submitted this case and cannot decide it", a.by.Name), "ask another reviewer")
	}

	d := newDraft(a, c)
	if c.State != pipeline.StateClaimed {
		d.claim()
	}
	for _, v := range f.Decisions {
		if v.Round == d.c.Round && v.Actor.Same(a.by) {
			return pipeline.CaseChange{}, forbidden(fmt.Sprintf("%s has voted on this case already", a.by.Name),
				"the next vote must come from another reviewer: "+Lacking(f, a.at))
		}
	}
	bound, err := acceptedBound(c, b.Kind, text)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	id, err := a.ids()
	if err != nil {
		return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
	}
	vote := pipeline.Decision{ID: id, Case: c.ID, Round: d.c.Round, Actor: a.by, Kind: b.Kind, Reason: b.Reason,
		Comment: text, Bound: bound, Exception: b.Exception, At: a.at}
	for _, end := range []*time.Time{b.Until, rests} {
		if end != nil && (vote.Until == nil || end.Before(*vote.Until)) {
			until := stamp(*end)
			vote.Until = &until
		}
	}
	d.decision = &vote
	d.event(pipeline.EventDecided, details{"decision": vote})

	f.Case, f.Decisions = d.c, append(slices.Clone(f.Decisions), vote)
	switch b.Kind {
	case pipeline.DecisionReject:
		d.settle(pipeline.StateRejected, pipeline.EventRejected, standsOn(d.c))
	case pipeline.DecisionChanges:
		// It waits for the submitter now, and is nobody's fault.
		d.c.State, d.c.DueAt, d.c.OverdueAt = pipeline.StateChangesRequested, nil, nil
		d.event(pipeline.EventChangesRequested, nil)
	default:
		if Lacking(f, a.at) == "" {
			d.approve(Approvals(f, a.at))
		}
	}
	return d.change()
}

// approve settles the case with the votes that made the quorum.
func (d *draft) approve(votes []pipeline.Decision) {
	deciders := make([]string, len(votes))
	for i, v := range votes {
		deciders[i] = v.Actor.Name
		if v.Until != nil && (d.c.ExpiresAt == nil || v.Until.Before(*d.c.ExpiresAt)) {
			d.c.ExpiresAt = v.Until
		}
	}
	data := standsOn(d.c)
	data["deciders"] = deciders
	data["expires_at"] = d.c.ExpiresAt
	d.settle(pipeline.StateApproved, pipeline.EventApproved, data)
}

// standsOn names what a settlement holds for.
func standsOn(c pipeline.Case) details {
	return details{"source": c.Source, "pin_digest": c.PinDigest, "header_digest": c.HeaderDigest,
		"content_digest": c.ContentDigest, "submission_digest": c.SubmissionDigest,
		"verdict": c.Verdict, "quorum": c.Quorum, "report": c.Report, "round": c.Round}
}

// reviews returns an error that matches [pipeline.ErrForbidden] where somebody is no
// reviewer. Who works on the database itself asserts who they are, and no role is known of
// them; who came through the desk is asked for one.
func reviews(by pipeline.Actor) error {
	switch by.Known {
	case pipeline.KnownAsserted:
		return nil
	case pipeline.KnownSignedIn, pipeline.KnownToken, pipeline.KnownDev:
		if by.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal) {
			return nil
		}
		return forbidden(by.Name+" is no reviewer", "reviewing asks for the role reviewer or legal")
	default:
		return forbidden("only people decide", "")
	}
}

func ballotAction(a act, b pipeline.Ballot) (Action, error) {
	if err := reviews(a.by); err != nil {
		return "", err
	}
	if !slices.Contains(pipeline.ReasonCodes(), b.Reason) {
		return "", usage(fmt.Sprintf("%q is no reason code", b.Reason), "give one of: "+list(pipeline.ReasonCodes()))
	}
	if b.Until != nil && (b.Kind != pipeline.DecisionApprove || !b.Until.After(a.at)) {
		return "", usage("the term of an approval must end in the future, and only an approval has one", "")
	}
	switch b.Kind {
	case pipeline.DecisionApprove:
		return ActionApprove, nil
	case pipeline.DecisionReject:
		return ActionReject, nil
	case pipeline.DecisionChanges:
		return ActionChanges, nil
	default:
		return "", usage(fmt.Sprintf("%q is no decision", b.Kind), "give one of: "+list(pipeline.DecisionKinds()))
	}
}

// acceptedBound returns the bound that an approval must name, nil where it need not.
func acceptedBound(c pipeline.Case, kind pipeline.DecisionKind, comment string) (*int64, error) {
	if kind != pipeline.DecisionApprove || !twoAtLeast(c.Verdict) {
		return nil, nil
	}
	hint := `write, for example, "we accept up to 71B parameters"`
	bound, ok := NamedBound(comment)
	if !ok {
		return nil, usage(fmt.Sprintf("the verdict is %s: the comment must name the bound that you accept, as a number of parameters", c.Verdict), hint)
	}
	if c.Params.Lower != nil && bound < *c.Params.Lower {
		return nil, usage(fmt.Sprintf("the verdict is %s and the comment accepts at most %d parameters, but the headers prove at least %d",
			c.Verdict, bound, *c.Params.Lower), hint)
	}
	return &bound, nil
}

// plainText checks a comment and takes away the blank space around it.
func plainText(text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text):
		return "", usage("the comment is not valid UTF-8", "")
	case trimmed == "":
		return "", usage("the comment is empty", "say in a sentence why")
	case len(trimmed) > pipeline.CommentMax:
		return "", usage(fmt.Sprintf("the comment is longer than %d bytes", pipeline.CommentMax), "put the long text into a file and name it")
	}
	for _, r := range trimmed {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return "", usage(fmt.Sprintf("the comment holds the control character %U", r), "")
		}
	}
	return trimmed, nil
}

// stamp is a time as cases keep it: UTC, in microseconds.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func list[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}
