// Package fill makes large queues for tests and measurements. It writes rows by SQL and
// not through the state machine, but rows that agree with each other: the audit log of a
// filled database verifies.
package fill

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver of the file

	"weighbridge/pipeline"
)

// Begin is when the first case was opened. Cases come once a minute.
func Begin() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// Reviewers is how many people decide. Their names are those of [Reviewer].
const Reviewers = 40

// Reviewer is the name of one of them.
func Reviewer(i int) string { return fmt.Sprintf("reviewer-%02d", i%Reviewers) }

// Family is the name of a family; those with small numbers are frequent.
func Family(i int) string { return fmt.Sprintf("family-%02d", i) }

// Rule names pack and rule of a finding; those with small numbers are frequent.
func Rule(i int) (pack, rule string) {
	return fmt.Sprintf("pack-%d", i%6), fmt.Sprintf("RULE-%02d", i)
}

// Model is the last part of the source of a case by its number. Four cases share it.
func Model(i int) string { return fmt.Sprintf("model-%d", i/4) }

// families and rules are how many of them there are.
const families, rules = 40, 60

// SQLite adds cases to an empty queue in a SQLite file that nobody has open. About one in
// seven is undecided. Cases come in the same way each time.
func SQLite(ctx context.Context, path string, cases int) (err error) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(memory)&_pragma=synchronous(0)&_pragma=cache_size(-400000)&_pragma=foreign_keys(0)")
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it has no effect
	// Indexes are faster made over what is there than kept up to date.
	put, err := takeAway(ctx, t)
	if err != nil {
		return err
	}
	f := &filler{ctx: ctx, t: t, random: rand.New(rand.NewPCG(1, 2)), head: pipeline.AuditGenesis()} //nolint:gosec // the same each time
	if err := f.prepare(); err != nil {
		return err
	}
	for i := range cases {
		if err := f.add(i); err != nil {
			return fmt.Errorf("case %d: %w", i, err)
		}
	}
	if err := errors.Join(f.close(), run(ctx, t, put...), derive(ctx, t)); err != nil {
		return err
	}
	return t.Commit()
}

// derive fills in the counters and the index of texts.
func derive(ctx context.Context, t *sql.Tx) error {
	return run(ctx, t, "DELETE FROM case_counts", "DELETE FROM day_counts", "DELETE FROM case_texts",
		"INSERT INTO case_texts (case_id, text) SELECT id, source || char(10) || coalesce(family, '') || char(10) || submitter FROM cases ORDER BY id",
		"INSERT INTO case_counts SELECT state, verdict, count(*) FROM cases GROUP BY 1, 2",
		`INSERT INTO day_counts SELECT substr(e.at, 1, 10), e.kind, c.verdict, count(*)
		FROM audit_events AS e JOIN cases AS c ON c.id = e.case_id GROUP BY 1, 2, 3`)
}

// takeAway drops indexes and triggers and returns what makes them again.
func takeAway(ctx context.Context, t *sql.Tx) (put []string, err error) {
	rows, err := t.QueryContext(ctx, "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type")
	if err != nil {
		return nil, fmt.Errorf("list the indexes: %w", err)
	}
	var drop []string
	for rows.Next() {
		var kind, name, text string
		if err := rows.Scan(&kind, &name, &text); err != nil {
			return nil, errors.Join(err, rows.Close()) //nolint:sqlclosecheck // there is nothing after it
		}
		drop, put = append(drop, "DROP "+kind+" "+name), append(put, text)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("list the indexes: %w", err)
	}
	return put, run(ctx, t, drop...)
}

func run(ctx context.Context, t *sql.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := t.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

type filler struct {
	ctx    context.Context // of one call
	t      *sql.Tx
	random *rand.Rand
	head   pipeline.AuditHead
	insert map[string]*sql.Stmt
	// report is the body of all reports, and its digest.
	report []byte
	digest pipeline.Digest
	// submission is the digest of what was declared for all of them.
	submission pipeline.Digest
	at         time.Time
}

// prepare prepares the statements and what all cases share.
func (f *filler) prepare() error {
	f.insert = map[string]*sql.Stmt{}
	for table, columns := range map[string]string{
		"audit_events": "seq, id, at, actor, actor_known, kind, case_id, data, prev, hash",
		"reports":      "case_id, digest, at, tool, as_of, verdict, cost, body",
		"findings":     "case_id, report, position, finding, pack, rule, mode, outcome, effect",
		"decisions":    "id, case_id, round, actor, actor_known, actor_key, roles, kind, reason, comment, at, audit_seq",
		"comments":     "id, case_id, actor, actor_known, text, at",
		"cases": `id, source, pin_digest, header_digest, submission_digest, state, verdict, quorum, params_lower, params_estimate, params_upper,
			bytes, family, fingerprint, submitter, submitter_known, claimant, claimant_known, assignee, version, round, report, audit_seq, settled_seq,
			created_at, updated_at, due_at, settled_at, cause, submitter_key, claimant_key, assignee_key, waits_for, due_order`,
	} {
		stmt, err := f.t.PrepareContext(f.ctx, "INSERT INTO "+table+" ("+columns+") VALUES ("+places(columns)+")") //nolint:gosec,sqlclosecheck // fixed texts; closed with the transaction
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		f.insert[table] = stmt
	}
	if err := f.write(); err != nil {
		return err
	}
	country := "worldwide"
	sub := &pipeline.Submission{Destination: pipeline.Destination{Country: &country}}
	f.submission = pipeline.SubmissionDigest(sub)
	if _, err := f.t.ExecContext(f.ctx, "INSERT INTO submissions VALUES (?, ?)", string(f.submission), string(pipeline.SubmissionBody(sub))); err != nil {
		return fmt.Errorf("keep the submission: %w", err)
	}
	return nil
}

// write writes the report that all cases have: thirty shards, and ten findings.
func (f *filler) write() error {
	r := pipeline.Report{Schema: pipeline.ReportSchema, Tool: pipeline.Tool{Name: "weighbridge", Version: "0.1.0"}, AsOf: "2026-11-23", Verdict: pipeline.VerdictReview,
		Disclaimer: pipeline.Disclaimer}
	for i := range 30 {
		path := fmt.Sprintf("model-%05d-of-00030.safetensors", i+1)
		r.Artifact.Objects = append(r.Artifact.Objects, pipeline.ArtifactObject{Object: pipeline.Object{Path: path, Size: 4_584_408_808, ETag: fmt.Sprintf("%032x", f.random.Uint64())},
			Format: "safetensors", Role: pipeline.RoleWeights, Pinned: true})
		r.Inspections = append(r.Inspections, pipeline.Inspection{Inspector: "safetensors", Object: path, Status: pipeline.InspectionOK})
	}
	for i := range 10 {
		pack, rule := Rule(i)
		r.Findings = append(r.Findings, pipeline.Finding{ID: fmt.Sprintf("%016x", f.random.Uint64()), Pack: pack, Rule: rule, Mode: pipeline.ModeEnforce,
			Outcome: pipeline.OutcomeMatched, Effect: pipeline.EffectReview, Message: "the rule asks for a person to look at the weight of the model",
			Evidence: []pipeline.FindingEvidence{{Fact: "params.effective_upper", Value: f.random.Int64()}},
			Cite:     []pipeline.Citation{{Title: "a rule", URL: "https://law.example/" + rule}}})
	}
	body, err := pipeline.ReportBody(&r)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(body)
	if err := errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("compress the report: %w", err)
	}
	f.report, f.digest = packed.Bytes(), pipeline.DigestBytes(body)
	return nil
}

// person is an actor whose name nobody proved.
func person(name string) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
}

func places(columns string) string {
	out := "?"
	for _, c := range columns {
		if c == ',' {
			out += ", ?"
		}
	}
	return out
}

func (f *filler) close() error {
	var err error
	for _, s := range f.insert {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (f *filler) exec(table string, args ...any) error {
	_, err := f.insert[table].ExecContext(f.ctx, args...)
	return err
}

// id is a UUID of version 7 of the present moment, the nth of it.
func (f *filler) id() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(f.at.UnixMilli())<<16|0x7000|f.random.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], 1<<63|f.random.Uint64N(1<<62))
	return id
}

// skewed is a number below n; small ones are frequent.
func (f *filler) skewed(n int) int {
	return int(float64(n) * f.random.Float64() * f.random.Float64() * f.random.Float64())
}

// of chooses by weight.
func of[T any](f *filler, weights []int, values []T) T {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := f.random.IntN(sum)
	for i, w := range weights {
		if n < w {
			return values[i]
		}
		n -= w
	}
	return values[len(values)-1]
}

// event adds an event with its data, and returns its seq.
func (f *filler) event(id uuid.UUID, kind pipeline.EventKind, actor string, data map[string]any) (int64, error) {
	text, err := json.Marshal(data) // the keys of maps come in order
	if err != nil {
		return 0, err
	}
	e, head, err := f.head.Append(pipeline.AuditEvent{ID: f.id(), Time: f.at, Actor: person(actor), Kind: kind, Case: &id, Data: text})
	if err != nil {
		return 0, err
	}
	f.head = head
	return e.Seq, f.exec("audit_events", e.Seq, e.ID.String(), pipeline.AuditTime(e.Time), actor, string(e.Actor.Known), string(kind), id.String(), string(text),
		string(e.Prev), string(e.Hash))
}

// due is how long a case may take, 0 for as long as it likes.
func due(v pipeline.Verdict) time.Duration {
	switch v {
	case pipeline.VerdictBlock:
		return 48 * time.Hour
	case pipeline.VerdictInconclusive:
		return 72 * time.Hour
	case pipeline.VerdictReview:
		return 120 * time.Hour
	default:
		return 0
	}
}

// draw chooses what a case is.
func (f *filler) draw(i int) pipeline.Case {
	c := pipeline.Case{ID: f.id(), Source: fmt.Sprintf("s3://staging/team-%02d/%s/", f.skewed(50), Model(i)), PinDigest: pipeline.DigestBytes([]byte(fmt.Sprint("pins ", i))),
		HeaderDigest: pipeline.DigestBytes([]byte(fmt.Sprint("headers ", i/2))), SubmissionDigest: &f.submission, Version: 1, Round: 1, Report: f.digest,
		Quorum: pipeline.QuorumOne, Bytes: 1 << 30, Submitter: person(fmt.Sprintf("submitter-%03d", f.skewed(500))), CreatedAt: f.at, UpdatedAt: f.at}
	c.State = of(f, []int{9, 4, 2, 45, 7, 25, 5, 2, 1}, []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateChangesRequested, pipeline.StateApproved,
		pipeline.StateRejected, pipeline.StateCleared, pipeline.StateSuperseded, pipeline.StateExpired, pipeline.StateRevoked})
	c.Verdict = of(f, []int{60, 15, 25}, []pipeline.Verdict{pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock})
	if c.State == pipeline.StateCleared {
		c.Verdict = pipeline.VerdictClear
	}
	lower := int64(1e9 * (1 + 400*f.random.Float64()*f.random.Float64()))
	c.Params = pipeline.CaseParams{Lower: &lower, Estimate: &lower, Upper: &lower}
	family, shape := Family(f.skewed(families)), string(pipeline.DigestBytes([]byte(fmt.Sprint("shape ", i/8))))
	c.Family, c.Fingerprint = &family, &shape
	if wait := due(c.Verdict); wait > 0 {
		at := f.at.Add(wait)
		c.DueAt = &at
	}
	if c.State == pipeline.StateClaimed {
		who := person(Reviewer(f.random.IntN(Reviewers)))
		c.Claimant = &who
	}
	if c.State.Undecided() && f.random.IntN(5) == 0 {
		who := Reviewer(f.random.IntN(Reviewers))
		c.Assignee = &who
	}
	if c.State == pipeline.StateOpen && f.random.IntN(4) == 0 {
		c.Cause = fmt.Sprintf("rules changed: pack-%d version 1 -> 2", f.random.IntN(6))
	}
	if !c.State.Undecided() {
		c.SettledAt = &f.at
	}
	return c
}

// add adds one case.
func (f *filler) add(i int) error {
	f.at = Begin().Add(time.Duration(i) * time.Minute)
	c := f.draw(i)
	opened := map[string]any{"state": c.State, "version": 1, "verdict": c.Verdict, "seal": c.Seal(), "packs": []string{"pack-1", "pack-2"}, "source": c.Source}
	last, err := f.event(c.ID, pipeline.EventOpened, c.Submitter.Name, opened)
	if err != nil {
		return err
	}
	var settled *int64
	if c.State != pipeline.StateCleared && (!c.State.Undecided() || f.random.IntN(8) == 0) {
		if last, err = f.decide(c); err != nil {
			return err
		}
		if c.SettledAt != nil {
			settled = &last
		}
	}
	if err := f.papers(c); err != nil {
		return err
	}
	return f.put(c, last, settled)
}

// decide adds a vote, and what it came to.
func (f *filler) decide(c pipeline.Case) (int64, error) {
	d := pipeline.Decision{ID: f.id(), Case: c.ID, Round: 1, Actor: person(Reviewer(f.random.IntN(Reviewers))), Kind: pipeline.DecisionApprove,
		Reason: pipeline.ReasonEvidenceSufficient, Comment: "card and licence seen", At: f.at}
	said, err := pipeline.CanonicalJSON(d)
	if err != nil {
		return 0, err
	}
	seq, err := f.event(c.ID, pipeline.EventDecided, d.Actor.Name, map[string]any{"decision": said, "state": c.State, "version": 1})
	if err != nil {
		return 0, err
	}
	if err := f.exec("decisions", d.ID.String(), c.ID.String(), 1, d.Actor.Name, string(d.Actor.Known), d.Actor.Key(), "null", string(d.Kind), string(d.Reason),
		d.Comment, pipeline.AuditTime(d.At), seq); err != nil {
		return 0, err
	}
	kind := pipeline.EventApproved
	if c.State.Undecided() {
		kind = pipeline.EventClaimed
	}
	return f.event(c.ID, kind, d.Actor.Name, map[string]any{"state": c.State, "version": 1, "seal": c.Seal()})
}

// papers adds report, findings and a comment.
func (f *filler) papers(c pipeline.Case) error {
	if err := f.exec("reports", c.ID.String(), string(f.digest), pipeline.AuditTime(f.at), "0.1.0", "2026-11-23", string(c.Verdict), `{"requests":33}`, f.report); err != nil {
		return err
	}
	seen := map[int]bool{}
	for position := range 4 {
		n := f.skewed(rules)
		if seen[n] {
			continue
		}
		seen[n] = true
		pack, rule := Rule(n)
		outcome := of(f, []int{8, 2, 1}, []pipeline.Outcome{pipeline.OutcomeMatched, pipeline.OutcomeUndetermined, pipeline.OutcomeNotMatched})
		if err := f.exec("findings", c.ID.String(), string(f.digest), position, "f", pack, rule, "enforce", string(outcome), "review"); err != nil {
			return err
		}
	}
	if f.random.IntN(4) > 0 {
		return nil
	}
	id, text := f.id().String(), "see the card"
	if _, err := f.event(c.ID, pipeline.EventCommented, c.Submitter.Name, map[string]any{"comment": id, "text": text, "state": c.State, "version": 1}); err != nil {
		return err
	}
	return f.exec("comments", id, c.ID.String(), c.Submitter.Name, string(c.Submitter.Known), text, pipeline.AuditTime(f.at))
}

// put adds the case itself.
func (f *filler) put(c pipeline.Case, last int64, settled *int64) error {
	var claimant, known, due, ended *string
	claimantKey, assigneeKey, order := "", "", "9999-12-31T23:59:59.999999Z"
	if c.Claimant != nil {
		claimant, known, claimantKey = &c.Claimant.Name, (*string)(&c.Claimant.Known), c.Claimant.Key()
	}
	if c.Assignee != nil {
		assigneeKey = pipeline.Actor{Name: *c.Assignee}.Key()
	}
	waits := &claimantKey
	switch {
	case claimantKey == "":
		waits = &assigneeKey
	case assigneeKey != "" && assigneeKey != claimantKey:
		waits = nil
	}
	at := pipeline.AuditTime(f.at)
	if c.DueAt != nil {
		order = pipeline.AuditTime(*c.DueAt)
		due = &order
	}
	if c.SettledAt != nil {
		ended = &at
	}
	return f.exec("cases", c.ID.String(), c.Source, string(c.PinDigest), string(c.HeaderDigest), string(*c.SubmissionDigest), string(c.State), string(c.Verdict), string(c.Quorum),
		c.Params.Lower, c.Params.Estimate, c.Params.Upper, c.Bytes, c.Family, c.Fingerprint, c.Submitter.Name, string(c.Submitter.Known), claimant, known, c.Assignee,
		1, 1, string(c.Report), last, settled, at, at, due, ended, c.Cause, c.Submitter.Key(), claimantKey, assigneeKey, waits, order)
}
