package review

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// record plans what a weighing changes.
func record(a act, w *pipeline.Weighing, rel pipeline.Relatives) (pipeline.Entry, error) {
	var (
		change pipeline.CaseChange
		err    error
	)
	if rel.Same == nil {
		change, err = enter(a, w, rel.Alike)
	} else {
		change, err = rejudge(a, w, *rel.Same, true)
	}
	if err != nil {
		return pipeline.Entry{}, err
	}
	entry := pipeline.Entry{Case: change}
	for _, old := range rel.Outdated {
		if !old.State.Undecided() {
			continue
		}
		superseded, err := supersede(a, old, change.Case.ID)
		if err != nil {
			return pipeline.Entry{}, err
		}
		entry.Outdated = append(entry.Outdated, superseded)
	}
	return entry, nil
}

// enter plans a new case.
func enter(a act, w *pipeline.Weighing, alike *pipeline.CaseFile) (pipeline.CaseChange, error) {
	id, err := a.ids()
	if err != nil {
		return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
	}
	art := w.Report.Artifact
	c := pipeline.Case{ID: id, Source: art.Source, PinDigest: art.PinDigest, SubmissionDigest: w.Report.Submission.Digest,
		State: pipeline.StateOpen, Round: 1, CreatedAt: a.at, Submitter: pipeline.Actor{Name: a.by.Name, Known: a.by.Known}}
	if err := judged(&c, w); err != nil {
		return pipeline.CaseChange{}, err
	}
	d := newDraft(a, c)
	if c.Verdict == pipeline.VerdictClear {
		d.settle(pipeline.StateCleared, pipeline.EventCleared, outcome(d.c, w))
	} else {
		d.due()
		d.event(pipeline.EventOpened, outcome(d.c, w))
	}
	if alike != nil {
		by := "headers"
		if alike.Case.HeaderDigest != c.HeaderDigest {
			by = "body"
		}
		if err := d.carryOver(*alike, pipeline.CaseFile{}, by); err != nil {
			return pipeline.CaseChange{}, err
		}
	}
	return d.change()
}

// carryOver brings comments, evidence files, the assignee, and the claim of a case that was
// undecided, to a new case: one with the same headers, one where only texts for readers
// differ, or one that answers it. Votes stay behind: they were given on other pins, or
// another submission. has is what the new case has already.
func (d *draft) carryOver(from, has pipeline.CaseFile, by string) error {
	if !carried(has.Comments, from.Case.ID, func(c pipeline.Comment) *uuid.UUID { return c.CarriedFrom }) {
		for _, text := range from.Comments {
			id, err := d.ids()
			if err != nil {
				return fmt.Errorf("make an id: %w", err)
			}
			if text.CarriedFrom == nil {
				text.CarriedFrom = &from.Case.ID
			}
			text.ID, text.Case = id, d.c.ID
			d.comments = append(d.comments, text)
		}
	}
	if !carried(has.Exhibits, from.Case.ID, func(e pipeline.Exhibit) *uuid.UUID { return e.CarriedFrom }) {
		for _, e := range from.Exhibits {
			id, err := d.ids()
			if err != nil {
				return fmt.Errorf("make an id: %w", err)
			}
			if e.CarriedFrom == nil {
				e.CarriedFrom = &from.Case.ID
			}
			e.ID, e.Case = id, d.c.ID
			d.exhibits = append(d.exhibits, pipeline.ExhibitFile{Exhibit: e})
		}
	}
	claimant := ""
	old := from.Case
	if old.State.Undecided() && old.Claimant != nil && d.c.State == pipeline.StateOpen && !old.Claimant.Same(d.c.Submitter) {
		d.c.State, d.c.Claimant, claimant = pipeline.StateClaimed, old.Claimant, old.Claimant.Name
	}
	if old.State.Undecided() && old.Assignee != nil && d.c.Assignee == nil && d.c.State.Undecided() && !d.c.Submitter.Same(pipeline.Actor{Name: *old.Assignee}) {
		d.c.Assignee = old.Assignee
	}
	d.event(pipeline.EventCarriedOver, details{"from": old.ID, "by": by, "comments": len(d.comments), "exhibits": len(d.exhibits), "claimant": claimant})
	return nil
}

// rejudge plans what a new judgement does to a known case. seen is true where the source
// was looked at again: then pins that had been left behind, and approvals that had ended,
// need a decision once more.
func rejudge(a act, w *pipeline.Weighing, f pipeline.CaseFile, seen bool) (pipeline.CaseChange, error) {
	was := f.Case
	d := newDraft(a, was)
	if err := judged(&d.c, w); err != nil {
		return pipeline.CaseChange{}, err
	}
	why := difference(was, d.c)
	if why == "" && was.ContentDigest == nil && d.c.ContentDigest != nil && w.Report.Artifact.Unpinned() && votable(was.State) {
		why = "the bytes were hashed only now, and the store names no version of them"
	}
	nowClear := d.c.Verdict == pipeline.VerdictClear && !refused(f)
	votesLapse := why != "" && (was.State == pipeline.StateOpen || was.State == pipeline.StateClaimed)
	if votesLapse {
		d.c.Round++
		d.sooner()
	}
	data := outcome(d.c, w)
	data["verdict_before"], data["changed"], data["votes_lapse"] = was.Verdict, why, votesLapse
	d.event(pipeline.EventRejudged, data)

	switch was.State {
	case pipeline.StateChangesRequested, pipeline.StateRejected, pipeline.StateRevoked, pipeline.StateCleared:
		if why != "" && (was.State != pipeline.StateCleared || !nowClear) {
			d.reopen(why, w.Cause)
		}
	case pipeline.StateApproved:
		if ended(was, d.at) {
			d.c.State = pipeline.StateExpired
			d.event(pipeline.EventExpired, nil)
			why = "the term of the approval has ended"
		} else if why == "" && strength(d.c.Quorum) > strength(was.Quorum) {
			why = "the rules ask for more reviewers now"
		} else if why == "" && len(lackingOffices(d.c, Approvals(f, settledAt(was)))) > 0 {
			why = "the rules ask for offices that have not signed"
		}
		if why != "" {
			d.reopen(why, w.Cause)
		}
	case pipeline.StateSuperseded:
		if seen {
			d.reopen("the source has these pins again", "")
		}
	case pipeline.StateExpired:
		if seen {
			d.reopen("the term of the approval has ended", "")
		}
	case pipeline.StateOpen, pipeline.StateClaimed:
	default:
		return pipeline.CaseChange{}, fmt.Errorf("case %s has the unknown state %q", was.ID, was.State)
	}
	if nowClear && (d.c.State == pipeline.StateOpen || d.c.State == pipeline.StateClaimed) {
		d.c.Claimant = nil
		d.settle(pipeline.StateCleared, pipeline.EventCleared, outcome(d.c, w))
	}
	return d.change()
}

// votable reports whether votes for an approval may have been given in a state, and count.
func votable(s pipeline.State) bool {
	return s == pipeline.StateOpen || s == pipeline.StateClaimed || s == pipeline.StateApproved
}

// sooner brings the due date forward where the case has become graver.
func (d *draft) sooner() {
	was := d.c.DueAt
	d.due()
	if was != nil && (d.c.DueAt == nil || was.Before(*d.c.DueAt)) {
		d.c.DueAt = was
	}
}

// difference says in which way what people decide on has changed, "" where it has not.
func difference(was, is pipeline.Case) string {
	switch {
	case was.HeaderDigest != is.HeaderDigest:
		return "other headers were read under the same pins"
	case was.ContentDigest != nil && is.ContentDigest != nil && *was.ContentDigest != *is.ContentDigest:
		return "the bytes under the same pins are others"
	case was.Verdict != is.Verdict:
		return fmt.Sprintf("the verdict was %s and is %s", was.Verdict, is.Verdict)
	default:
		return ""
	}
}

// refused reports whether a person ever rejected the case, asked for changes or revoked it.
func refused(f pipeline.CaseFile) bool {
	return slices.ContainsFunc(f.Decisions, func(d pipeline.Decision) bool { return d.Kind != pipeline.DecisionApprove })
}

// judged brings a case up to date with a report.
func judged(c *pipeline.Case, w *pipeline.Weighing) error {
	r := &w.Report
	body, err := pipeline.ReportBody(r)
	if err != nil {
		return err
	}
	if r.Artifact.ContentDigest != nil || c.HeaderDigest != r.Artifact.HeaderDigest {
		c.ContentDigest = r.Artifact.ContentDigest
	}
	c.HeaderDigest = r.Artifact.HeaderDigest
	c.Verdict, c.Quorum, c.Offices = r.Verdict, QuorumNeeded(r.Verdict, r.Findings), OfficesNeeded(r.Findings)
	c.Params = pipeline.CaseParams{Lower: r.Facts.Params.Lower, Estimate: r.Facts.Params.Estimate, Upper: r.Facts.Params.Upper}
	c.Bytes = r.Artifact.Bytes
	c.Family, c.Fingerprint = r.Facts.Architecture.Family, r.Facts.Architecture.Fingerprint
	c.Report = pipeline.DigestBytes(body)
	if w.Kept != nil { // judging again reads nothing, and keeps nothing
		c.BodyDigest = pipeline.BodyDigest(w)
	}
	return nil
}

// outcome is what an event says of a judgement.
func outcome(c pipeline.Case, w *pipeline.Weighing) details {
	data := standsOn(c)
	data["packs"] = w.Report.Packs
	data["as_of"] = w.Report.AsOf
	data["tool"] = w.Report.Tool.Version
	return data
}

// supersede plans that a case gives way to the case of newer pins.
func supersede(a act, c pipeline.Case, by uuid.UUID) (pipeline.CaseChange, error) {
	d := newDraft(a, c)
	d.c.State, d.c.SupersededBy, d.c.DueAt, d.c.OverdueAt = pipeline.StateSuperseded, &by, nil, nil
	d.event(pipeline.EventSuperseded, details{"by": by})
	return d.change()
}

// validate checks what a case is keyed by, and that the report has a verdict.
func validate(w *pipeline.Weighing) error {
	invalid := func(what string) error {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the report cannot be queued: " + what}
	}
	r := &w.Report
	var sub pipeline.Digest
	if r.Submission.Digest != nil {
		sub = *r.Submission.Digest
	}
	switch {
	case r.Artifact.Source == "" || !utf8.ValidString(r.Artifact.Source) || strings.ContainsRune(r.Artifact.Source, 0):
		return invalid("its source has no name that can be stored")
	case !isDigest(r.Artifact.PinDigest) || !isDigest(r.Artifact.HeaderDigest):
		return invalid("its pins or headers have no digest")
	case r.Artifact.ContentDigest != nil && !isDigest(*r.Artifact.ContentDigest):
		return invalid("its content digest is no digest")
	case pipeline.SubmissionDigest(w.Submission) != sub:
		return invalid("its submission is another than the one that was weighed")
	case !slices.Contains([]pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}, r.Verdict):
		return invalid(fmt.Sprintf("%q is no verdict", r.Verdict))
	}
	return nil
}

func isDigest(d pipeline.Digest) bool {
	text, ok := strings.CutPrefix(string(d), "sha256:")
	sum, err := hex.DecodeString(text)
	return ok && err == nil && len(sum) == 32
}
