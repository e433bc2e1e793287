package review

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// DueTerms are how soon a case should be decided, by verdict, where the operator says
// nothing else. They are our own choice: no rule prescribes them.
func DueTerms() map[pipeline.Verdict]time.Duration {
	const day = 24 * time.Hour
	return map[pipeline.Verdict]time.Duration{pipeline.VerdictBlock: 2 * day, pipeline.VerdictInconclusive: 3 * day, pipeline.VerdictReview: 5 * day}
}

// Assign implements [pipeline.CaseWorker].
func (d *Desk) Assign(ctx context.Context, req pipeline.Assignment) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return assign(a, f, req)
	})
}

// Attach implements [pipeline.CaseWorker].
func (d *Desk) Attach(ctx context.Context, req pipeline.Attachment) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return attach(a, f, req)
	})
}

// Answer implements [pipeline.CaseWorker].
func (d *Desk) Answer(ctx context.Context, req pipeline.Answer) (pipeline.Case, error) {
	return d.amend(ctx, req.Case, req.Actor, func(a act, f pipeline.CaseFile) (pipeline.CaseChange, error) {
		return answer(a, f, req)
	})
}

// Replace implements [pipeline.CaseWorker].
func (d *Desk) Replace(ctx context.Context, old, by uuid.UUID, who pipeline.Actor) (pipeline.Case, error) {
	if err := who.Validate(); err != nil {
		return pipeline.Case{}, err
	}
	if old == by {
		return pipeline.Case{}, usage("a case cannot give way to itself", "")
	}
	var out pipeline.Case
	err := d.book.Join(ctx, old, by, func(was, is pipeline.CaseFile) ([]pipeline.CaseChange, error) {
		changes, err := replace(d.act(who), was, is)
		if err == nil {
			out = changes[1].Case
		}
		return changes, err
	})
	return out, err
}

// overdueBatch is how many overdue cases are looked up at a time.
const overdueBatch = 100

// Overdue implements [pipeline.CaseWorker].
func (d *Desk) Overdue(ctx context.Context) (int, error) {
	done := 0
	for {
		ids, err := d.book.PastDue(ctx, stamp(d.now()), overdueBatch)
		if err != nil || len(ids) == 0 {
			return done, err
		}
		for _, id := range ids {
			late := false
			_, err := d.book.Amend(ctx, id, func(f pipeline.CaseFile) (pipeline.CaseChange, error) {
				late = pastDue(f.Case, d.now())
				return overdue(d.act(pipeline.SystemActor()), f.Case)
			})
			if err != nil && late {
				return done, err
			}
			if err == nil {
				done++
			}
		}
	}
}

// pastDue reports whether a case is undecided past a due date that was not told of yet.
func pastDue(c pipeline.Case, at time.Time) bool {
	return c.State.Undecided() && c.DueAt != nil && !c.DueAt.After(at) && (c.OverdueAt == nil || !c.OverdueAt.Equal(*c.DueAt))
}

func overdue(a act, c pipeline.Case) (pipeline.CaseChange, error) {
	if !pastDue(c, a.at) {
		return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeTransition, Message: "case " + c.ID.String() + " is not overdue"}
	}
	d := newDraft(a, c)
	d.c.OverdueAt = c.DueAt
	d.event(pipeline.EventOverdue, details{"due_at": c.DueAt})
	return d.change()
}

// assign plans that somebody is asked to work on a case, or when it is due.
func assign(a act, f pipeline.CaseFile, req pipeline.Assignment) (pipeline.CaseChange, error) {
	c := f.Case
	if err := current(c, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := require(c, ActionAssign); err != nil {
		return pipeline.CaseChange{}, err
	}
	if req.Assignee == nil && req.DueAt == nil {
		return pipeline.CaseChange{}, usage("it is said neither who should work on the case nor when it is due", "")
	}
	d := newDraft(a, c)
	data := details{}
	if req.Assignee != nil {
		name, err := assignee(c, *req.Assignee)
		if err != nil {
			return pipeline.CaseChange{}, err
		}
		d.c.Assignee, data["assignee"] = name, name
	}
	if req.DueAt != nil {
		due := stamp(*req.DueAt)
		if !due.After(a.at) {
			return pipeline.CaseChange{}, usage("the due date is not in the future", "")
		}
		d.c.DueAt, d.c.OverdueAt, data["due_at"] = &due, nil, due
	}
	d.event(pipeline.EventAssigned, data)
	return d.change()
}

// assignee checks who is asked, nil for nobody.
func assignee(c pipeline.Case, name string) (*string, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nobody is asked
	}
	who := pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
	if err := who.Validate(); err != nil {
		return nil, err
	}
	if who.Same(c.Submitter) {
		return nil, forbidden(fmt.Sprintf("%s submitted this case and cannot review it", name), "ask another reviewer")
	}
	return &name, nil
}

// mostExhibits bounds the evidence files of one case.
const mostExhibits = 200

// attach plans an evidence file.
func attach(a act, f pipeline.CaseFile, req pipeline.Attachment) (pipeline.CaseChange, error) {
	if err := current(f.Case, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	d := newDraft(a, f.Case)
	if err := d.attach(f, req); err != nil {
		return pipeline.CaseChange{}, err
	}
	return d.change()
}

// attach adds an evidence file to the change, with its event.
func (d *draft) attach(f pipeline.CaseFile, req pipeline.Attachment) error {
	if len(f.Exhibits)+len(d.exhibits) >= mostExhibits {
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("the case has %d evidence files already, and takes no more", mostExhibits)}
	}
	kind, err := exhibitKind(req.Body)
	if err != nil {
		return err
	}
	id, err := d.ids()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	e := pipeline.Exhibit{ID: id, Case: d.c.ID, Name: exhibitName(req.Name), MediaType: kind, Size: int64(len(req.Body)),
		Digest: pipeline.DigestBytes(req.Body), Actor: pipeline.Actor{Name: d.by.Name, Known: d.by.Known}, At: d.at}
	d.exhibits = append(d.exhibits, pipeline.ExhibitFile{Exhibit: e, Body: req.Body})
	d.event(pipeline.EventAttached, details{"exhibit": id, "name": e.Name, "media_type": kind, "size": e.Size, "digest": e.Digest})
	return nil
}

// exhibitKind tells by its bytes what an evidence file is.
func exhibitKind(body []byte) (string, error) {
	switch {
	case len(body) == 0:
		return "", usage("the evidence file is empty", "")
	case len(body) > pipeline.ExhibitMax:
		return "", &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the evidence file is larger than 25 MB", Hint: "attach the pages that matter, or name where the whole file lies"}
	case bytes.HasPrefix(body, []byte("%PDF-")):
		return "application/pdf", nil
	case bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png", nil
	case bytes.HasPrefix(body, []byte("\xff\xd8\xff")):
		return "image/jpeg", nil
	case plainBytes(body):
		return "text/plain", nil
	}
	return "", usage("the evidence file is neither PDF, PNG, JPEG nor plain text", "its bytes say what it is, not its name; print it to PDF, or copy the text")
}

// plainBytes tells UTF-8 text without characters that command a terminal.
func plainBytes(body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	return bytes.IndexFunc(body, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }) < 0
}

// exhibitNameMax is the largest length of a file's name, in bytes.
const exhibitNameMax = 200

// exhibitName cleans a name: no folders, nothing that does not print.
func exhibitName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name))
	for len(name) > exhibitNameMax {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if strings.Trim(name, "./") == "" {
		return "file"
	}
	return name
}

// mostAnswerFiles bounds the files of one answer.
const mostAnswerFiles = 10

// answer plans what a submitter says to a request for changes.
func answer(a act, f pipeline.CaseFile, req pipeline.Answer) (pipeline.CaseChange, error) {
	c := f.Case
	if err := current(c, req.Version); err != nil {
		return pipeline.CaseChange{}, err
	}
	if err := require(c, ActionAnswer); err != nil {
		return pipeline.CaseChange{}, err
	}
	if a.by.Known != pipeline.KnownLink && !a.by.Same(c.Submitter) {
		return pipeline.CaseChange{}, forbidden("only who submitted this case, or holds a link to it, can answer", "write a comment instead")
	}
	if len(req.Files) > mostAnswerFiles {
		return pipeline.CaseChange{}, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("an answer takes %d files at most", mostAnswerFiles)}
	}
	text, err := plainText(req.Text)
	if err != nil {
		return pipeline.CaseChange{}, err
	}
	id, err := a.ids()
	if err != nil {
		return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
	}
	d := newDraft(a, c)
	d.comments = []pipeline.Comment{{ID: id, Case: c.ID, Actor: pipeline.Actor{Name: a.by.Name, Known: a.by.Known}, Text: text, At: a.at}}
	for _, file := range req.Files {
		if err := d.attach(f, file); err != nil {
			return pipeline.CaseChange{}, err
		}
	}
	d.c.State = pipeline.StateOpen
	if c.Claimant != nil {
		d.c.State = pipeline.StateClaimed
	}
	d.c.Round++
	d.due()
	d.event(pipeline.EventAnswered, details{"comment": id, "text": text, "exhibits": len(d.exhibits), "round": d.c.Round})
	return d.change()
}

// replace plans that an undecided case gives way to another of its source.
func replace(a act, was, is pipeline.CaseFile) ([]pipeline.CaseChange, error) {
	switch {
	case was.Case.Source != is.Case.Source:
		return nil, usage("the two cases are of different sources", "")
	case !was.Case.State.Undecided():
		return nil, &pipeline.Error{Code: pipeline.CodeTransition, Message: fmt.Sprintf("case %s is %s, and gives way to no other", was.Case.ID, words(was.Case.State))}
	}
	old := newDraft(a, was.Case)
	old.c.State, old.c.SupersededBy, old.c.DueAt = pipeline.StateSuperseded, &is.Case.ID, nil
	old.event(pipeline.EventSuperseded, details{"by": is.Case.ID, "why": "the submitter answered with another submission"})
	gone, err := old.change()
	if err != nil {
		return nil, err
	}
	d := newDraft(a, is.Case)
	if err := d.carryOver(was, is, "answer"); err != nil {
		return nil, err
	}
	kept, err := d.change()
	return []pipeline.CaseChange{gone, kept}, err
}

// carried reports whether something of an earlier case has come along already.
func carried[T any](list []T, from uuid.UUID, of func(T) *uuid.UUID) bool {
	return slices.ContainsFunc(list, func(x T) bool { id := of(x); return id != nil && *id == from })
}
