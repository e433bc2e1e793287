package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
)

// CaseView is a case with all that a reviewer needs to decide it.
type CaseView struct {
	pipeline.CaseHistory
	// Report is what the case stands on.
	Report pipeline.Report
	// Submission is nil where nothing was declared.
	Submission *pipeline.Submission
	// Questions are what is missing, asked in plain words.
	Questions []report.Question
	// Lacking says who must still approve, "" where nobody must.
	Lacking string
	// Actions are what is legal now, for whoever may.
	Actions []review.Action
	// Attestation is the signed approval of the present settlement, nil where there is none.
	Attestation *pipeline.Attestation
	// Relatives are the cases of the same structure with what was decided on them.
	Relatives []Relative
	// Approved is the last approved case of the same source with other pins, and how this
	// one differs from it; nil where there is none.
	Approved *Compared
	// Exceptions are the live ones that cover the source and a rule of the case.
	Exceptions []pipeline.Exception
}

// Relative is another case of the same structure.
type Relative struct {
	pipeline.StructureMatch
	Decisions []pipeline.Decision
}

// Compared is how a case differs from an earlier one.
type Compared struct {
	Case pipeline.Case
	review.Difference
}

// mostRelatives bounds the cases of the same structure that are looked into.
const mostRelatives = 20

// View gathers what there is to say of a case.
func (s *Service) View(ctx context.Context, id uuid.UUID) (CaseView, error) {
	var v CaseView
	var err error
	db := s.Queue.DB
	if v.CaseHistory, err = db.History(ctx, id); err != nil {
		return v, err
	}
	if v.Report, err = db.Report(ctx, id); err != nil {
		return v, err
	}
	if v.Submission, err = db.Submission(ctx, id); err != nil {
		return v, err
	}
	v.Questions = report.Questions(&v.Report)
	v.Lacking = review.Lacking(v.CaseFile, s.Now())
	v.Actions = review.Legal(v.Case.State)
	if v.Attestation, err = s.Queue.Signed(ctx, v.Case); err != nil {
		return v, err
	}
	if v.Relatives, err = s.relatives(ctx, id); err != nil {
		return v, err
	}
	if v.Approved, err = s.approvedBefore(ctx, v.Case, &v.Report); err != nil {
		return v, err
	}
	v.Exceptions, err = s.covering(ctx, v.Case, &v.Report)
	return v, err
}

func (s *Service) relatives(ctx context.Context, id uuid.UUID) ([]Relative, error) {
	same, err := s.Queue.DB.SameStructure(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []Relative
	for _, m := range same[:min(len(same), mostRelatives)] {
		h, err := s.Queue.DB.History(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, Relative{StructureMatch: m, Decisions: h.Decisions})
	}
	return out, nil
}

// approvedBefore compares a case with the newest other case of its source that was
// approved or cleared.
func (s *Service) approvedBefore(ctx context.Context, c pipeline.Case, is *pipeline.Report) (*Compared, error) {
	page, err := s.Queue.DB.Cases(ctx, pipeline.CaseFilter{Source: c.Source, Limit: 2,
		States: []pipeline.State{pipeline.StateApproved, pipeline.StateCleared, pipeline.StateExpired}})
	if err != nil {
		return nil, err
	}
	for _, other := range page.Items {
		if other.ID == c.ID {
			continue
		}
		was, err := s.Queue.DB.Report(ctx, other.ID)
		if err != nil {
			return nil, err
		}
		return &Compared{Case: other, Difference: review.Differ(&was, is)}, nil
	}
	return nil, nil //nolint:nilnil // there is none
}

// covering returns the live exceptions that cover the case's source and one of the rules
// that stop it.
func (s *Service) covering(ctx context.Context, c pipeline.Case, r *pipeline.Report) ([]pipeline.Exception, error) {
	if !c.State.Undecided() {
		return nil, nil
	}
	var out []pipeline.Exception
	now := s.Now()
	err := pipeline.WalkPages(func(cursor string) (pipeline.PageOf[pipeline.Exception], error) {
		return s.Queue.DB.Exceptions(ctx, pipeline.ExceptionFilter{LiveAt: now, Source: c.Source, Order: pipeline.ExceptionsEnding, Cursor: cursor, Limit: 200})
	}, func(e pipeline.Exception) error {
		for _, f := range r.Findings {
			if f.Pack == e.Pack && f.Rule == e.Rule && f.Mode == pipeline.ModeEnforce && f.Outcome != pipeline.OutcomeNotMatched {
				out = append(out, e)
				break
			}
		}
		return nil
	})
	return out, err
}

// Visible returns the case where this actor may see it: who only submits sees what they
// submitted. Otherwise the error matches [pipeline.ErrNotFound], as for a case that does
// not exist.
func (s *Service) Visible(ctx context.Context, id uuid.UUID, by pipeline.Actor) (pipeline.Case, error) {
	c, err := s.Queue.DB.Case(ctx, id)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		return pipeline.Case{}, noCase(id)
	case err != nil:
		return c, err
	case by.SeesAll() || by.Same(c.Submitter):
		return c, nil
	}
	return pipeline.Case{}, noCase(id)
}

// noCase is the error of a case that does not exist, and of one that somebody may not see:
// nothing tells the two apart.
func noCase(id uuid.UUID) error {
	return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no case " + id.String(), Hint: "list the cases with: weighbridge queue list"}
}

// WithoutOthers takes out of a report what it says of other cases, for somebody who only
// submits: which models on record are built alike, and in which cases they and the models
// behind this one stand. What rules concluded from that stays.
func WithoutOthers(r *pipeline.Report) {
	if r.Case != nil {
		ref := *r.Case
		ref.SameStructure = nil
		r.Case = &ref
	}
	l := &r.Facts.Lineage
	l.Known = nil
	l.Chain = slices.Clone(l.Chain)
	for i := range l.Chain {
		l.Chain[i].Case = ""
	}
	r.FactsIndex = slices.Clone(r.FactsIndex)
	for i, entry := range r.FactsIndex {
		if !slices.ContainsFunc(entry.Evidence, ofInventory) {
			continue
		}
		entry.Evidence = slices.Clone(entry.Evidence)
		for k := range entry.Evidence {
			if ofInventory(entry.Evidence[k]) {
				entry.Evidence[k].Where = ""
			}
		}
		r.FactsIndex[i] = entry
	}
	r.FactsIndex = slices.DeleteFunc(r.FactsIndex, func(e pipeline.FactEntry) bool { return strings.HasPrefix(e.Name, knownFact) })
	r.Findings = slices.Clone(r.Findings)
	for i, f := range r.Findings {
		if slices.ContainsFunc(f.Evidence, ofOthers) {
			r.Findings[i].Evidence = slices.DeleteFunc(slices.Clone(f.Evidence), ofOthers)
		}
	}
}

// knownFact begins the facts on models of the same structure.
const knownFact = "lineage.known"

func ofInventory(e pipeline.Evidence) bool { return e.Object == pipeline.EvidenceInventory }

// ofOthers tells facts whose values name other cases.
func ofOthers(e pipeline.FindingEvidence) bool {
	return strings.HasPrefix(e.Fact, knownFact) || e.Fact == "lineage.chain" || strings.HasPrefix(e.Fact, "lineage.chain[") && strings.HasSuffix(e.Fact, ".case")
}
