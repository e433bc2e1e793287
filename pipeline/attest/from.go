package attest

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
)

// Option adds to what an approval is made from.
type Option func(*grounds)

// WithSums gives the SHA-256 of every object by path, in lower-case hexadecimal, and makes
// the approval content-bound. They must be of the very objects that the report pins: the
// caller read them with those pins.
func WithSums(sums map[string]string) Option { return func(g *grounds) { g.sums = sums } }

// grounds is what an approval is made from.
type grounds struct {
	history pipeline.CaseHistory
	report  *pipeline.Report
	head    pipeline.AuditHead
	now     time.Time
	sums    map[string]string
}

// From makes the approval of a settled case. history and report are the case's own as they
// are stored, head is that of the audit log, read at now, which becomes the time of
// signing. Nothing of the case is taken on trust: its seal, its events and its votes are
// held against each other first, so that an edited database is not signed.
//
// An error matches [ErrNotApproved] where the case is neither approved nor cleared,
// [ErrExpired] where the approval's term is over, [pipeline.ErrTampered] where case,
// report, votes and events do not belong together, [ErrOtherBytes] where the sums are not
// those of the report's content digest, and [pipeline.ErrInvalid] where an object cannot
// be named in a statement. Whoever signs should have verified the whole log before.
func From(history pipeline.CaseHistory, report *pipeline.Report, head pipeline.AuditHead, now time.Time, options ...Option) (Approval, error) {
	g := &grounds{history: history, report: report, head: head, now: moment(now)}
	for _, o := range options {
		o(g)
	}
	for _, check := range []func() error{g.settled, g.sealed, g.reported, g.voted} {
		if err := check(); err != nil {
			return Approval{}, err
		}
	}
	return g.approval()
}

// moment is a time as approvals keep it: UTC, in microseconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// settled refuses a case that is neither approved nor cleared, or is so no longer.
func (g *grounds) settled() error {
	c := g.history.Case
	switch {
	case c.State != pipeline.StateApproved && c.State != pipeline.StateCleared:
		return refuse(CodeNotApproved, "only a case that is approved or cleared can be attested", "the case %s is in the state %s", c.ID, c.State)
	case c.ExpiresAt != nil && !c.ExpiresAt.After(g.now):
		return refuse(CodeExpired, "check the source again, and have it approved again", "the approval of case %s ended at %s", c.ID, stamp(*c.ExpiresAt))
	case c.SettledAt == nil || g.history.Settled == nil:
		return tampered("the case %s is settled, and no event settled it", c)
	case c.SettledAt.After(g.now):
		return refuse(CodeClock, "compare the clock of this machine with that of the queue",
			"the case %s was settled at %s, and here it is %s", c.ID, stamp(*c.SettledAt), stamp(g.now))
	}
	return nil
}

func tampered(format string, c pipeline.Case) error {
	return refuse(pipeline.CodeTampered, "run: weighbridge audit verify", format, c.ID)
}

// sealed holds the case against its events.
func (g *grounds) sealed() error {
	c, settled := g.history.Case, *g.history.Settled
	kind := map[pipeline.State]pipeline.EventKind{pipeline.StateApproved: pipeline.EventApproved, pipeline.StateCleared: pipeline.EventCleared}[c.State]
	found := false
	var seal struct {
		Seal pipeline.Digest `json:"seal"`
	}
	for _, e := range g.history.Events {
		sum, err := e.Sum()
		if err != nil || sum != e.Hash || e.Case == nil || *e.Case != c.ID || e.Seq > g.head.Count {
			return tampered("an event of the case %s does not have its hash, or lies outside of the log", c)
		}
		found = found || e.Kind == kind && e.Seq == settled.Count && e.Hash == settled.Hash
		seal.Seal = ""
		if err := json.Unmarshal(e.Data, &seal); err != nil {
			return tampered("an event of the case %s cannot be read", c)
		}
	}
	if !found || seal.Seal != c.Seal() {
		return tampered("the case %s is not the one that its events leave behind", c)
	}
	return nil
}

// reported holds the report against the case.
func (g *grounds) reported() error {
	c, r := g.history.Case, g.report
	body, err := pipeline.ReportBody(r)
	if err != nil {
		return err
	}
	if pipeline.DigestBytes(body) != c.Report || r.Verdict != c.Verdict || r.Artifact.Source != c.Source ||
		r.Artifact.PinDigest != c.PinDigest || r.Artifact.HeaderDigest != c.HeaderDigest || r.Artifact.Bytes != c.Bytes ||
		text(r.Submission.Digest) != text(c.SubmissionDigest) || r.Artifact.ContentDigest != nil && *r.Artifact.ContentDigest != text(c.ContentDigest) {
		return tampered("the report is not the one that the case %s stands on", c)
	}
	return nil
}

func text(d *pipeline.Digest) pipeline.Digest {
	if d == nil {
		return ""
	}
	return *d
}

// voted holds the votes of an approved case against its quorum.
func (g *grounds) voted() error {
	c := g.history.Case
	if c.State == pipeline.StateApproved && review.Lacking(g.history.CaseFile, *c.SettledAt) != "" {
		return tampered("the case %s is approved, and its votes do not make the quorum", c)
	}
	return nil
}

func (g *grounds) approval() (Approval, error) {
	c, r := g.history.Case, g.report
	facts, err := factsDigest(r)
	if err != nil {
		return Approval{}, err
	}
	a := Approval{
		ID: ApprovalID(c.ID, *g.history.Settled), Outcome: OutcomeCleared, Binding: pipeline.BoundStore, Case: c.ID, SignedAt: g.now,
		Term: Term{NotBefore: moment(*c.SettledAt)}, Verdict: Verdict{Verdict: c.Verdict, AsOf: r.AsOf},
		Submission: c.SubmissionDigest, Facts: facts, Report: c.Report, Quorum: c.Quorum, Offices: slices.Clone(c.Offices),
		Packs: packs(r.Packs), Findings: findings(r.Findings), Tool: r.Tool,
		Audit: Audit{Settled: *g.history.Settled, Head: Checkpoint{Count: g.head.Count, Hash: g.head.Hash, Time: g.now}},
	}
	if c.State == pipeline.StateApproved {
		a.Outcome = OutcomeApproved
		a.Decisions = decisions(review.Approvals(g.history.CaseFile, *c.SettledAt))
		if c.ExpiresAt != nil {
			until := moment(*c.ExpiresAt)
			a.Term.Expires = &until
		}
	}
	if err := g.bind(&a); err != nil {
		return Approval{}, err
	}
	if err := a.validate(); err != nil {
		return Approval{}, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "case " + c.ID.String() + " cannot be attested", Err: err}
	}
	return a, nil
}

// bind writes what the approval holds for: the bytes where their sums are known, else the
// pins.
func (g *grounds) bind(a *Approval) error {
	from := g.report.Artifact
	a.Artifact = Artifact{Source: from.Source, PinDigest: from.PinDigest, HeaderDigest: from.HeaderDigest, Objects: []Object{}}
	for _, o := range from.Objects {
		if o.Apart() {
			continue
		}
		one := Object{Path: o.Path, Size: o.Size}
		if g.sums == nil {
			one.ETag, one.VersionID = o.ETag, o.VersionID
		} else if one.SHA256 = g.sums[o.Path]; !isHex(one.SHA256) {
			return refuse(pipeline.CodeUsage, "hash every object of the source", "there is no SHA-256 of %q", short(o.Path))
		}
		a.Artifact.Objects = append(a.Artifact.Objects, one)
		a.Artifact.Bytes += one.Size
	}
	slices.SortFunc(a.Artifact.Objects, func(a, b Object) int { return cmp.Compare(a.Path, b.Path) })
	if g.sums == nil {
		if from.ContentDigest != nil {
			return refuse(pipeline.CodeUsage, "give the sums that the content digest was made of", "the source was hashed, and the digests of its objects are missing")
		}
		return nil
	}
	s, sums := snapshot(a.Artifact.Objects)
	content := s.ContentDigest(sums)
	root, _ := SigningRoot(a.Artifact.Objects)
	// A run that hashed nothing leaves the digest of an earlier run on the case.
	if approved := g.history.Case.ContentDigest; approved != nil && *approved != content {
		return refuse(CodeOtherBytes, "check the source again", "the objects do not have the content digest that was approved")
	}
	a.Binding, a.Artifact.ContentDigest, a.Artifact.SigningRoot = pipeline.BoundContent, &content, &root
	return nil
}

// factsDigest names the facts that were judged.
func factsDigest(r *pipeline.Report) (pipeline.Digest, error) {
	b, err := pipeline.CanonicalJSON(map[string]any{"facts": r.Facts, "facts_index": r.FactsIndex})
	if err != nil {
		return "", &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the facts cannot be written as JSON", Err: err}
	}
	return pipeline.DigestBytes(b), nil
}

func packs(refs []pipeline.PackRef) []Pack {
	out := make([]Pack, len(refs))
	for i, p := range refs {
		out[i] = Pack(p)
	}
	return out
}

// findings takes from findings what quotes nothing, each once.
func findings(all []pipeline.Finding) []Finding {
	out := make([]Finding, len(all))
	for i, f := range all {
		out[i] = Finding{Pack: f.Pack, Rule: f.Rule, Outcome: f.Outcome, Effect: f.Effect, Mode: f.Mode}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Outcome, b.Outcome),
			cmp.Compare(a.Effect, b.Effect), cmp.Compare(a.Mode, b.Mode))
	})
	return slices.Compact(out)
}

func decisions(votes []pipeline.Decision) []Decision {
	out := make([]Decision, len(votes))
	for i, v := range votes {
		out[i] = Decision{Actor: v.Actor.Name, Known: v.Actor.Known, Roles: v.Actor.Roles, Reason: v.Reason, At: moment(v.At), Bound: v.Bound}
	}
	return out
}
