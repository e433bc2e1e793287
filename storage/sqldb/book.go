package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// Enter implements [pipeline.CaseBook].
func (db *DB) Enter(ctx context.Context, w *pipeline.Weighing, plan func(pipeline.Relatives) (pipeline.Entry, error)) (pipeline.Case, error) {
	papers, err := papersOf(w)
	if err != nil {
		return pipeline.Case{}, err
	}
	like := pipeline.BodyDigest(w)
	var out pipeline.Case
	err = db.write(ctx, "record the case", func(t *tx) error {
		rel, err := t.relatives(ctx, w, like)
		if err != nil {
			return err
		}
		entry, err := plan(rel)
		if err != nil {
			return err
		}
		if err := t.apply(ctx, entry.Case); err != nil {
			return err
		}
		if err := t.know(ctx, entry.Case.Case, pipeline.StructureOf(&w.Report.Facts)); err != nil {
			return err
		}
		if err := enlist(ctx, t.Queries, entry.Case.Case.ID.String(), pipeline.KnownModelOf(&w.Report)); err != nil {
			return err
		}
		if err := t.file(ctx, entry.Case.Case, papers); err != nil {
			return err
		}
		for _, change := range entry.Outdated {
			if err := t.apply(ctx, change); err != nil {
				return err
			}
		}
		out = entry.Case.Case
		return nil
	})
	return out, err
}

// Amend implements [pipeline.CaseBook].
func (db *DB) Amend(ctx context.Context, id uuid.UUID, plan func(pipeline.CaseFile) (pipeline.CaseChange, error)) (pipeline.Case, error) {
	var out pipeline.Case
	err := db.write(ctx, "change the case", func(t *tx) error {
		row, err := t.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		f, err := caseFile(ctx, t.Queries, row)
		if err != nil {
			return err
		}
		change, err := plan(f)
		if err != nil {
			return err
		}
		out = change.Case
		return t.apply(ctx, change)
	})
	return out, err
}

// Refile implements [pipeline.CaseBook].
func (db *DB) Refile(ctx context.Context, id uuid.UUID, w *pipeline.Weighing, plan func(pipeline.CaseFile) (pipeline.CaseChange, error)) (pipeline.Case, error) {
	papers, err := papersOf(w)
	if err != nil {
		return pipeline.Case{}, err
	}
	var out pipeline.Case
	err = db.write(ctx, "judge the case again", func(t *tx) error {
		row, err := t.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		f, err := caseFile(ctx, t.Queries, row)
		if err != nil {
			return err
		}
		change, err := plan(f)
		if err != nil {
			return err
		}
		out = change.Case
		if err := t.apply(ctx, change); err != nil {
			return err
		}
		if err := enlist(ctx, t.Queries, id.String(), pipeline.KnownModelOf(&w.Report)); err != nil {
			return err
		}
		added, err := t.fileReport(ctx, out, papers)
		if err != nil || !added {
			return err
		}
		return t.KeepOn(ctx, string(papers.digest), id.String(), row.Report)
	})
	return out, err
}

// Covering implements [pipeline.CaseBook].
func (db *DB) Covering(ctx context.Context, q pipeline.ApprovalQuery) ([]pipeline.CaseFile, error) {
	submission := ""
	if q.SubmissionDigest != nil {
		submission = string(*q.SubmissionDigest)
	}
	var out []pipeline.CaseFile
	err := db.read(ctx, "look for an approval", func(r *queries.Queries, _ *sql.Tx) error {
		var rows []queries.Case
		own, err := r.CaseByKey(ctx, q.Source, string(q.PinDigest), submission)
		found := err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		content := (*string)(q.ContentDigest)
		if content == nil && found {
			content = own.ContentDigest
		}
		if content != nil {
			if rows, err = r.CasesByContent(ctx, content, submission); err != nil {
				return err
			}
		}
		if found && (own.ContentDigest == nil || *own.ContentDigest != *content) {
			rows = append(rows, own)
		}
		for _, row := range rows {
			f, err := caseFile(ctx, r, row)
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return nil
	})
	return out, err
}

// Ended implements [pipeline.CaseBook].
func (db *DB) Ended(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	at := pipeline.AuditTime(by)
	var out []uuid.UUID
	err := db.read(ctx, "look for approvals that have ended", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.CasesEnded(ctx, &at, int64(limit))
		if err != nil {
			return err
		}
		var p parser
		for _, id := range rows {
			out = append(out, p.id(id))
		}
		return p.err
	})
	return out, err
}

// PastDue implements [pipeline.CaseBook].
func (db *DB) PastDue(ctx context.Context, by time.Time, limit int) ([]uuid.UUID, error) {
	at := pipeline.AuditTime(by)
	var out []uuid.UUID
	err := db.read(ctx, "look for cases that are overdue", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.CasesPastDue(ctx, &at, int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, uuid.Parse)
		return err
	})
	return out, err
}

// Join implements [pipeline.CaseBook].
func (db *DB) Join(ctx context.Context, old, by uuid.UUID, plan func(old, by pipeline.CaseFile) ([]pipeline.CaseChange, error)) error {
	return db.write(ctx, "change the cases", func(t *tx) error {
		var files [2]pipeline.CaseFile
		for i, id := range []uuid.UUID{old, by} {
			row, err := t.CaseByID(ctx, id.String())
			if err != nil {
				return noCase(err, id)
			}
			if files[i], err = caseFile(ctx, t.Queries, row); err != nil {
				return err
			}
		}
		changes, err := plan(files[0], files[1])
		if err != nil {
			return err
		}
		for _, change := range changes {
			if err := t.apply(ctx, change); err != nil {
				return err
			}
		}
		return nil
	})
}

// relatives looks up the cases that a weighing has to do with. like is its body digest.
func (t *tx) relatives(ctx context.Context, w *pipeline.Weighing, like pipeline.Digest) (pipeline.Relatives, error) {
	var rel pipeline.Relatives
	art := w.Report.Artifact
	submission := string(pipeline.SubmissionDigest(w.Submission))
	same, err := t.one(ctx)(t.CaseByKey(ctx, art.Source, string(art.PinDigest), submission))
	if err != nil {
		return rel, err
	}
	rel.Same = same
	if same == nil {
		if rel.Alike, err = t.one(ctx)(t.CaseAlike(ctx, queries.CaseAlikeParams{Source: art.Source, SubmissionDigest: submission,
			HeaderDigest: string(art.HeaderDigest), BodyDigest: string(like)})); err != nil {
			return rel, err
		}
	}
	rows, err := t.CasesOutdated(ctx, art.Source, string(art.PinDigest))
	if err != nil {
		return rel, err
	}
	rel.Outdated, err = all(rows, caseFrom)
	return rel, err
}

// one loads the file of a row that may be absent.
func (t *tx) one(ctx context.Context) func(queries.Case, error) (*pipeline.CaseFile, error) {
	return func(row queries.Case, err error) (*pipeline.CaseFile, error) {
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		f, err := caseFile(ctx, t.Queries, row)
		return &f, err
	}
}

// caseFile loads what people said of a case.
func caseFile(ctx context.Context, r *queries.Queries, row queries.Case) (pipeline.CaseFile, error) {
	var f pipeline.CaseFile
	var err error
	if f.Case, err = caseFrom(row); err != nil {
		return f, err
	}
	decisions, err := r.DecisionsOfCase(ctx, row.ID)
	if err != nil {
		return f, err
	}
	if f.Decisions, err = all(decisions, decisionFrom); err != nil {
		return f, err
	}
	comments, err := r.CommentsOfCase(ctx, row.ID)
	if err != nil {
		return f, err
	}
	if f.Comments, err = all(comments, commentFrom); err != nil {
		return f, err
	}
	exhibits, err := r.ExhibitsOfCase(ctx, row.ID)
	if err != nil {
		return f, err
	}
	if f.Exhibits, err = all(exhibits, exhibitFrom); err != nil {
		return f, err
	}
	if f.Rules, err = r.RulesOfCase(ctx, row.ID, row.Report); err != nil {
		return f, err
	}
	if row.SettledSeq != nil {
		hash, err := r.AuditEventHash(ctx, *row.SettledSeq)
		if err != nil {
			return f, err
		}
		f.Settled = &pipeline.AuditHead{Count: *row.SettledSeq, Hash: pipeline.Digest(hash)}
	}
	return f, nil
}

// append adds an event to the log, counts it for its day, and returns its seq. verdict is
// that of the case that it is about, "" for none.
func (t *tx) append(ctx context.Context, e pipeline.AuditEvent, verdict pipeline.Verdict) (int64, error) {
	next, head, err := t.head.Append(e)
	if err != nil {
		return 0, err
	}
	if err := t.InsertAuditEvent(ctx, queries.InsertAuditEventParams{Seq: next.Seq, ID: next.ID.String(), At: pipeline.AuditTime(next.Time),
		Actor: next.Actor.Name, ActorKnown: string(next.Actor.Known), Kind: string(next.Kind), CaseID: textOf(next.Case),
		Data: string(next.Data), Prev: string(next.Prev), Hash: string(next.Hash)}); err != nil {
		return 0, err
	}
	t.head = head
	return next.Seq, t.AddToDayCount(ctx, dayOf(next.Time), string(next.Kind), string(verdict))
}

// apply writes one change: its events, the case, the decision, the comments and the
// evidence files.
func (t *tx) apply(ctx context.Context, change pipeline.CaseChange) error {
	var settled, decided, attested *int64
	for _, e := range change.Events {
		seq, err := t.append(ctx, e, change.Case.Verdict)
		if err != nil {
			return err
		}
		switch e.Kind {
		case pipeline.EventApproved, pipeline.EventRejected, pipeline.EventCleared:
			settled = &seq
		case pipeline.EventRevoked:
			if change.Case.State == pipeline.StateRevoked {
				settled = &seq
			}
		case pipeline.EventDecided:
			decided = &seq
		case pipeline.EventAttested:
			attested = &seq
		}
	}
	if err := t.put(ctx, change.Case, settled); err != nil {
		return err
	}
	if d := change.Decision; d != nil {
		if err := t.vote(ctx, d, decided); err != nil {
			return err
		}
	}
	if change.Attestation != nil {
		if err := t.sign(ctx, change.Attestation, attested); err != nil {
			return err
		}
	}
	for _, c := range change.Comments {
		if err := t.InsertComment(ctx, queries.InsertCommentParams{ID: c.ID.String(), CaseID: c.Case.String(), Actor: c.Actor.Name,
			ActorKnown: string(c.Actor.Known), Text: c.Text, At: pipeline.AuditTime(c.At), CarriedFrom: textOf(c.CarriedFrom)}); err != nil {
			return err
		}
	}
	for i := range change.Exhibits {
		if err := t.attach(ctx, &change.Exhibits[i]); err != nil {
			return err
		}
	}
	return nil
}

// put writes a case, which must still be at the version before.
func (t *tx) put(ctx context.Context, c pipeline.Case, settled *int64) error {
	var claimant, known *string
	if c.Claimant != nil {
		claimant, known = &c.Claimant.Name, (*string)(&c.Claimant.Known)
	}
	offices, err := officesText(c.Offices)
	if err != nil {
		return fmt.Errorf("write the offices: %w", err)
	}
	by := sortedBy(c)
	if c.Version == 1 {
		if err := t.AddToCaseCount(ctx, string(c.State), string(c.Verdict), 1); err != nil {
			return err
		}
		return t.InsertCase(ctx, queries.InsertCaseParams{ID: c.ID.String(), Source: c.Source, PinDigest: string(c.PinDigest),
			HeaderDigest: string(c.HeaderDigest), ContentDigest: (*string)(c.ContentDigest), SubmissionDigest: string(c.Key().SubmissionDigest),
			State: string(c.State), Verdict: string(c.Verdict), Quorum: string(c.Quorum), ParamsLower: c.Params.Lower,
			ParamsEstimate: c.Params.Estimate, ParamsUpper: c.Params.Upper, Bytes: c.Bytes, Family: c.Family, Fingerprint: c.Fingerprint,
			Submitter: c.Submitter.Name, SubmitterKnown: string(c.Submitter.Known), Claimant: claimant, ClaimantKnown: known, Assignee: c.Assignee,
			Version: c.Version, Round: c.Round, Report: string(c.Report), AuditSeq: t.head.Count, SettledSeq: settled,
			CreatedAt: pipeline.AuditTime(c.CreatedAt), UpdatedAt: pipeline.AuditTime(c.UpdatedAt), DueAt: timeOf(c.DueAt),
			SettledAt: timeOf(c.SettledAt), ExpiresAt: timeOf(c.ExpiresAt), SupersededBy: textOf(c.SupersededBy), Offices: offices,
			OverdueAt: timeOf(c.OverdueAt), BodyDigest: string(c.BodyDigest), Cause: c.Cause,
			SubmitterKey: c.Submitter.Key(), ClaimantKey: by.claimant, AssigneeKey: by.assignee, WaitsFor: by.waitsFor, DueOrder: by.due})
	}
	if err := t.recount(ctx, c); err != nil {
		return err
	}
	changed, err := t.UpdateCase(ctx, queries.UpdateCaseParams{HeaderDigest: string(c.HeaderDigest), ContentDigest: (*string)(c.ContentDigest),
		State: string(c.State), Verdict: string(c.Verdict), Quorum: string(c.Quorum), ParamsLower: c.Params.Lower,
		ParamsEstimate: c.Params.Estimate, ParamsUpper: c.Params.Upper, Bytes: c.Bytes, Family: c.Family, Fingerprint: c.Fingerprint,
		Claimant: claimant, ClaimantKnown: known, Assignee: c.Assignee, Version: c.Version, Round: c.Round, Report: string(c.Report),
		AuditSeq: t.head.Count, SettledSeq: settled, UpdatedAt: pipeline.AuditTime(c.UpdatedAt), DueAt: timeOf(c.DueAt),
		SettledAt: timeOf(c.SettledAt), ExpiresAt: timeOf(c.ExpiresAt), SupersededBy: textOf(c.SupersededBy), Offices: offices,
		OverdueAt: timeOf(c.OverdueAt), BodyDigest: string(c.BodyDigest), Cause: c.Cause,
		ClaimantKey: by.claimant, AssigneeKey: by.assignee, WaitsFor: by.waitsFor, DueOrder: by.due, ID: c.ID.String()})
	if err != nil {
		return err
	}
	if changed != 1 {
		return &pipeline.Error{Code: pipeline.CodeConflict, Message: fmt.Sprintf("case %s is no longer at version %d", c.ID, c.Version-1), Hint: "read the case again"}
	}
	return nil
}

func (t *tx) vote(ctx context.Context, d *pipeline.Decision, event *int64) error {
	if event == nil {
		return fmt.Errorf("a decision on case %s has no event", d.Case)
	}
	roles, err := rolesText(d.Actor.Roles)
	if err != nil {
		return err
	}
	return t.InsertDecision(ctx, queries.InsertDecisionParams{ID: d.ID.String(), CaseID: d.Case.String(), Round: d.Round, Actor: d.Actor.Name,
		ActorKnown: string(d.Actor.Known), ActorKey: d.Actor.Key(), Roles: roles, Kind: string(d.Kind), Reason: string(d.Reason),
		Comment: d.Comment, Bound: d.Bound, UntilAt: timeOf(d.Until), At: pipeline.AuditTime(d.At), AuditSeq: *event, ExceptionID: textOf(d.Exception)})
}

// papers is what a weighing leaves in the files of its case, ready to write.
type papers struct {
	w      *pipeline.Weighing
	digest pipeline.Digest
	body   []byte
	cost   []byte
	// submission is nil where there was none.
	submission []byte
}

func papersOf(w *pipeline.Weighing) (papers, error) {
	body, err := pipeline.ReportBody(&w.Report)
	if err != nil {
		return papers{}, err
	}
	p := papers{w: w, digest: pipeline.DigestBytes(body)}
	if p.body, err = pack(body); err != nil {
		return papers{}, fmt.Errorf("compress the report: %w", err)
	}
	if p.cost, err = json.Marshal(w.Report.Cost); err != nil {
		return papers{}, fmt.Errorf("write the cost: %w", err)
	}
	if w.Submission != nil {
		p.submission = pipeline.SubmissionBody(w.Submission)
	}
	return p, nil
}

// file adds the papers to a case. A report that says the same as one that is filed
// already is not filed again.
func (t *tx) file(ctx context.Context, c pipeline.Case, p papers) error {
	if p.submission != nil {
		if err := t.InsertSubmission(ctx, string(c.Key().SubmissionDigest), string(p.submission)); err != nil {
			return err
		}
	}
	added, err := t.fileReport(ctx, c, p)
	if err != nil || !added {
		return err
	}
	for _, k := range p.w.Kept {
		known, err := t.HasBlob(ctx, string(k.Digest))
		if err != nil {
			return err
		}
		if known == 0 {
			if err := t.InsertBlob(ctx, string(k.Digest), k.Size, k.Gzip); err != nil {
				return err
			}
		}
		if err := t.InsertKept(ctx, queries.InsertKeptParams{CaseID: c.ID.String(), Report: string(p.digest), Path: []byte(k.Path), Digest: string(k.Digest)}); err != nil {
			return err
		}
	}
	return nil
}

// fileReport adds a report with its findings to a case; added is false where it is
// filed already.
func (t *tx) fileReport(ctx context.Context, c pipeline.Case, p papers) (added bool, err error) {
	r := &p.w.Report
	rows, err := t.InsertReport(ctx, queries.InsertReportParams{CaseID: c.ID.String(), Digest: string(p.digest), At: pipeline.AuditTime(c.UpdatedAt),
		Tool: r.Tool.Version, AsOf: r.AsOf, Verdict: string(r.Verdict), Cost: string(p.cost), Body: p.body})
	if err != nil || rows == 0 {
		return false, err
	}
	for i, f := range r.Findings {
		if err := t.InsertFinding(ctx, queries.InsertFindingParams{CaseID: c.ID.String(), Report: string(p.digest), Position: int64(i), Finding: f.ID,
			Pack: f.Pack, Rule: f.Rule, Mode: string(f.Mode), Outcome: string(f.Outcome), Effect: string(f.Effect)}); err != nil {
			return false, err
		}
	}
	return true, nil
}
