package webui

import (
	"context"
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
)

const (
	// objectsPage is how many objects a page of the table has, objectsOpen how many are
	// shown without being asked for.
	objectsPage = 200
	objectsOpen = 12
	// mostEvents bounds the trail on the page; the case file has all of it.
	mostEvents = 500
)

// casePage is what the page of a case shows.
type casePage struct {
	app.CaseView
	// ID is the id, as addresses hold it; Name the last part of the source.
	ID, Name string
	// Why is what the verdict rests on.
	Why whyView
	// Short is who must still approve.
	Short     review.Shortfall
	Weight    weightView
	Findings  findingsView
	Lineage   lineageView
	Talk      []talkEntry
	Asked     []report.Question
	AskedRest []report.Question
	// Skeleton is a submission with just the asked keys.
	Skeleton string
	Arch     archView
	Objects  objectsView
	Settled  settledView
	// Others are the parts of the report that stand nowhere else on the page.
	Others []report.Part
	// Differs is how the case differs from the last approved bytes, nil where there are
	// none, or not for whoever asks.
	Differs *differsView
	Alike   []app.Relative
	Events  []trailRow
	// MoreEvents counts the earlier ones without room.
	MoreEvents int
	Overdue    bool
	Can        abilities
	// Cannot is the key of a message that says why whoever asks cannot decide, "" where
	// they can.
	Cannot string
	Form   caseForm
	// Reopened says why the case is open again.
	Reopened string
	Formats  []string
	// Request is what was asked of the submitter last.
	Request *pipeline.Decision
	// NeedsBound is true where an approval must name a number of parameters; Least is the
	// least that it can be.
	NeedsBound bool
	Least      *int64
	// Link is a link that was made just now, shown once.
	Link      string
	LinkUntil time.Time
	// Submitted is what was declared, as YAML; AnswerYaml the same with the keys that are
	// asked for.
	Submitted, AnswerYaml string
}

// abilities are what whoever asks can do with the case now.
type abilities struct {
	Claim, TakeOver, Release, Decide, Assign, Comment, Attach, Answer, Revoke, Link, EndLinks bool
}

// caseForm is what was typed into a form of the page, and what is wrong with it.
type caseForm struct {
	// Action is the form: "decisions", "comments", and so on; "" where nothing was sent.
	Action string
	// Problem is what is wrong, nil where nothing is. Stale is true where the case has
	// changed meanwhile.
	Problem *Problem
	Stale   bool
	Kind    pipeline.DecisionKind
	Reason  pipeline.ReasonCode
	Comment string
	Until   string
	Bound   string
	// Exception is the id of an exception.
	Exception string
	Assignee  string
	Due       string
	Text      string
	Yaml      string
	Again     bool
}

// archView is the architecture by what it is known.
type archView struct {
	Declared, ByName, Class, Variant, ByShape string
	Agrees                                    *bool
	Confidence                                string
	Contradictions                            []string
	Layers, Hidden, Vocabulary                *int64
	Experts, PerToken, Active                 *int64
	Partial                                   bool
	Fingerprint, Matrices                     string
}

func archOf(f pipeline.Facts) archView {
	a := f.Architecture
	v := archView{Declared: report.Shown(textOf(a.Declared), 200), ByName: textOf(a.Family), Class: textOf(a.Class), Variant: textOf(a.Variant), ByShape: textOf(a.Shape),
		Agrees: a.Agrees, Confidence: textOf(a.Confidence), Contradictions: a.Contradictions[:min(len(a.Contradictions), mostRows)],
		Layers: a.Layers, Hidden: a.HiddenSize, Vocabulary: a.VocabSize, PerToken: a.ExpertsPerToken, Active: f.Params.Active,
		Partial: a.Partial != nil && *a.Partial, Fingerprint: textOf(a.Fingerprint), Matrices: textOf(a.MatrixFingerprint)}
	if a.Experts != nil && *a.Experts > 0 {
		v.Experts = a.Experts
	}
	return v
}

// objectsView is a page of the table of objects.
type objectsView struct {
	Rows        []objectRow
	Total       int
	Page, Pages int
	// Fold is true where the table is folded away until it is asked for.
	Fold    bool
	Skipped []pipeline.Skipped
	// Unpinned counts the objects without ETag and version id.
	Unpinned int
}

type objectRow struct {
	pipeline.ArtifactObject
	Href string
}

func objectsOf(id string, a pipeline.Artifact, page string) objectsView {
	v := objectsView{Total: len(a.Objects), Skipped: a.Skipped[:min(len(a.Skipped), mostRows)]}
	v.Pages = max(1, (v.Total+objectsPage-1)/objectsPage)
	v.Page = min(max(1, atoi(page)), v.Pages)
	v.Fold = v.Total > objectsOpen && page == ""
	for _, o := range a.Objects {
		if !o.Pinned {
			v.Unpinned++
		}
	}
	from := (v.Page - 1) * objectsPage
	for _, o := range a.Objects[from:min(from+objectsPage, v.Total)] {
		v.Rows = append(v.Rows, objectRow{o, objectHref(id, o.Path, "")})
	}
	return v
}

// atoi reads a number from an address, 0 where it is none.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// settledView says how a settled case was settled.
type settledView struct {
	// Bound says what an approval, or a clearance, holds for; "" where there is none.
	Bound  pipeline.ApprovalBound
	Signed *pipeline.Attestation
	// Votes are those that settled it, or the one that did.
	Votes []pipeline.Decision
	At    *time.Time
	// Event is the last one that changed the state, nil where it is undecided.
	Event *pipeline.AuditEvent
}

func settledOf(v app.CaseView, now time.Time) settledView {
	out := settledView{Signed: v.Attestation, At: v.Case.SettledAt}
	c := v.Case
	switch c.State {
	case pipeline.StateApproved, pipeline.StateCleared:
		out.Bound = pipeline.BoundStore
		if c.ContentDigest != nil {
			out.Bound = pipeline.BoundContent
		}
		out.Votes = review.Approvals(v.CaseFile, now)
	case pipeline.StateExpired:
		for _, d := range v.Decisions {
			if d.Round == c.Round && d.Kind == pipeline.DecisionApprove {
				out.Votes = append(out.Votes, d)
			}
		}
	case pipeline.StateRejected, pipeline.StateRevoked:
		for i := len(v.Decisions) - 1; i >= 0; i-- {
			if k := v.Decisions[i].Kind; k == pipeline.DecisionReject || k == pipeline.DecisionRevoke {
				out.Votes = append(out.Votes, v.Decisions[i])
				break
			}
		}
	}
	if c.State.Undecided() {
		return out
	}
	kind := pipeline.EventKind(c.State)
	for i := len(v.Events) - 1; i >= 0; i-- {
		if v.Events[i].Kind == kind {
			out.Event = &v.Events[i]
			break
		}
	}
	return out
}

// differsView is how the case differs from the bytes that were approved last.
type differsView struct {
	app.Compared
	// TextsOnly is true where at most texts for readers differ.
	TextsOnly bool
	// Rows are at most mostRows of each kind; More counts the rest.
	Rows []differsRow
	More int
}

// differsRow is an object: Kind is added, removed, changed or renamed.
type differsRow struct{ Kind, Path, From string }

func differsOf(c pipeline.Case, compared *app.Compared) *differsView {
	if compared == nil {
		return nil
	}
	v := &differsView{Compared: *compared, TextsOnly: c.BodyDigest != "" && c.BodyDigest == compared.Case.BodyDigest}
	add := func(row differsRow) {
		if len(v.Rows) >= 3*mostRows {
			v.More++
			return
		}
		v.Rows = append(v.Rows, row)
	}
	for _, p := range compared.Changed {
		add(differsRow{"changed", p, ""})
	}
	for _, p := range compared.Added {
		add(differsRow{"added", p, ""})
	}
	for _, p := range compared.Removed {
		add(differsRow{"removed", p, ""})
	}
	for _, p := range compared.Renamed {
		add(differsRow{"renamed", p.To, p.From})
	}
	return v
}

// trailRow is one event of the trail.
type trailRow struct {
	pipeline.AuditEvent
	// Said is its data as JSON, for people to read.
	Said string
}

func eventsOf(all []pipeline.AuditEvent) (rows []trailRow, more int) {
	if more = len(all) - mostEvents; more > 0 {
		all = all[more:]
	}
	for _, e := range all {
		rows = append(rows, trailRow{e, readableJSON(e.Data)})
	}
	return rows, max(0, more)
}

// readableJSON puts JSON on lines.
func readableJSON(data json.RawMessage) string {
	var b strings.Builder
	if err := writeJSON(data, func(l rawLine) bool {
		b.WriteString(indented(l.text) + "\n")
		return b.Len() < mostEventText
	}); err != nil {
		return report.Shown(string(data), mostEventText)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// mostEventText bounds what is shown of the data of one event, in bytes.
const mostEventText = 16 << 10

// casePageOf gathers what a page shows of a case.
func (s *Site) casePageOf(ctx context.Context, words *Words, v app.CaseView, who access.Identity, q url.Values) (*casePage, error) {
	c, r := v.Case, &v.Report
	if !who.Sees() {
		app.WithoutOthers(r)
	}
	rules, err := s.service.RulesOf(r)
	if err != nil {
		return nil, err
	}
	id := c.ID.String()
	p := &casePage{CaseView: v, ID: id, Name: lastPart(c.Source), Why: whyOf(r), Short: review.ShortfallOf(v.CaseFile, s.now()),
		Weight: weightOf(r, app.WeightLines(r, rules), q.Get("scale") == "linear"), Findings: findingsOf(r, rules, placesOf(id, r)),
		Lineage: lineageOf(c, r), Talk: talkOf(v.CaseHistory), Arch: archOf(r.Facts), Objects: objectsOf(id, r.Artifact, q.Get("objects")),
		Settled: settledOf(v, s.now()), Differs: differsOf(c, v.Approved), Alike: v.Relatives, Request: requestOf(v.CaseHistory), Formats: report.FormatNames()}
	if p.Others, err = report.Parts(r, "licence", "data", "card", "contents", "unread", "run"); err != nil {
		return nil, err
	}
	p.Events, p.MoreEvents = eventsOf(v.Events)
	p.Overdue = c.State.Undecided() && c.DueAt != nil && !c.DueAt.After(s.now())
	if c.State.Undecided() {
		p.Reopened = c.Cause
	}
	if !who.Sees() {
		p.ofSubmitter(ctx, s, who)
	}
	for _, one := range v.Questions {
		if one.Enforced {
			p.Asked = append(p.Asked, one)
		} else {
			p.AskedRest = append(p.AskedRest, one)
		}
	}
	p.Skeleton = submissionText(words, nil, factsOf(p.Asked))
	p.Submitted = submissionText(nil, v.Submission, nil)
	p.AnswerYaml = answerYAML(words, v.Submission, r)
	p.NeedsBound = r.Verdict == pipeline.VerdictBlock || r.Verdict == pipeline.VerdictInconclusive
	p.Least = c.Params.Lower
	p.may(who, s.service.Links)
	if who.Actor.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal, pipeline.RoleAdmin) {
		links, err := s.service.Queue.DB.LinksOf(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		p.Can.EndLinks = slices.ContainsFunc(links, func(l pipeline.Link) bool { return l.Valid(s.now()) })
	}
	p.choose(q)
	return p, nil
}

// ofSubmitter takes away what is not for somebody who only submits: cases of others.
func (p *casePage) ofSubmitter(ctx context.Context, s *Site, who access.Identity) {
	p.Alike, p.Exceptions = nil, nil
	if p.Differs != nil {
		if _, err := s.service.Visible(ctx, p.Differs.Case.ID, who.Actor); err != nil {
			p.Differs = nil
		}
	}
}

func factsOf(questions []report.Question) []string {
	var out []string
	for _, q := range questions {
		out = append(out, q.Fact)
	}
	return out
}

// may works out what whoever asks can do now. It tells what to offer; the desk decides
// again what it takes.
func (p *casePage) may(who access.Identity, links bool) {
	c, a := p.Case, who.Actor
	legal := func(x review.Action) bool { return slices.Contains(p.Actions, x) }
	own, reviews := a.Same(c.Submitter), a.HasAny(pipeline.RoleReviewer, pipeline.RoleLegal)
	mine := c.Claimant != nil && a.Same(*c.Claimant)
	voted := slices.ContainsFunc(p.Decisions, func(d pipeline.Decision) bool { return d.Round == c.Round && d.Actor.Same(a) && c.State.Undecided() })
	p.Can = abilities{
		Claim:    legal(review.ActionClaim) && reviews && !own,
		TakeOver: legal(review.ActionTakeOver) && reviews && !own && !mine,
		Release:  legal(review.ActionRelease) && reviews && mine,
		Assign:   legal(review.ActionAssign) && (reviews || a.Has(pipeline.RoleAdmin)),
		Comment:  legal(review.ActionComment) && (reviews || own && a.Has(pipeline.RoleSubmitter)),
		Answer:   legal(review.ActionAnswer) && own && a.Has(pipeline.RoleSubmitter),
		Revoke:   legal(review.ActionRevoke) && (reviews || a.Has(pipeline.RoleAdmin) || own && a.Has(pipeline.RoleSubmitter)),
		Link:     links && legal(review.ActionAnswer) && (reviews || a.Has(pipeline.RoleAdmin)),
	}
	p.Can.Attach = p.Can.Comment
	switch {
	case !legal(review.ActionApprove):
		p.Cannot = "case.cannot.state"
	case own:
		p.Cannot = "case.cannot.submitter"
	case !reviews:
		p.Cannot = "case.cannot.role"
	case voted:
		p.Cannot = "case.cannot.voted"
	}
	p.Can.Decide = p.Cannot == ""
}

// choose fills the decision form as an address asks for: the choice made, or the request
// for what is missing.
func (p *casePage) choose(q url.Values) {
	kind := pipeline.DecisionKind(q.Get("choice"))
	if slices.Contains(pipeline.DecisionKinds(), kind) {
		p.Form.Kind = kind
	}
	if q.Has("ask") && len(p.Asked) > 0 {
		p.Form.Kind, p.Form.Reason = pipeline.DecisionChanges, pipeline.ReasonEvidenceMissing
	}
}

// requestText is a request for what is missing, ready to be sent: it is at most a comment
// long, and says where questions had no room.
func requestText(w *Words, source string, asked []report.Question, skeleton string) string {
	var b strings.Builder
	b.WriteString(w.T("case.request.intro", source) + "\n\n")
	end := w.T("case.request.end")
	for i, q := range asked {
		text := w.T("case.request.question", i+1, q.Fact, w.described(q.Fact).Text)
		text += "\n   " + w.T("case.request.takes", w.takes(q.Fact)) + "\n"
		if b.Len()+len(text)+len(end) > pipeline.CommentMax-400 {
			b.WriteString(w.T("case.request.more", len(asked)-i) + "\n")
			skeleton = ""
			break
		}
		b.WriteString(text)
	}
	b.WriteString("\n" + end)
	if rest := "\n\n" + skeleton; skeleton != "" && b.Len()+len(rest) < pipeline.CommentMax {
		b.WriteString(rest)
	}
	return strings.TrimSpace(b.String())
}

// caseFunctions are what the templates of these pages can call beside the others.
func (s *Site) caseFunctions() template.FuncMap {
	return template.FuncMap{
		"join":    strings.Join,
		"yes":     func(b *bool) bool { return b != nil && *b },
		"clip":    clipNode,
		"anchor":  anchorOf,
		"value":   report.Value,
		"reasons": pipeline.ReasonCodes,
		"some":    some,
		"inc":     func(n int) int { return n + 1 },
		"dec":     func(n int) int { return n - 1 },
		"inputday": func(t *time.Time) string {
			if t == nil {
				return ""
			}
			return t.In(s.location).Format(time.DateOnly)
		},
		"paragraphs": func(text string) []string {
			var out []string
			for line := range strings.SplitSeq(text, "\n") {
				if strings.TrimSpace(line) != "" {
					out = append(out, report.Clean(strings.TrimRight(line, "\r")))
				}
			}
			return out
		},
	}
}

// mostAskers is how many rules are named with a question.
const mostAskers = 5

// some names the first of a list.
func some(names []string) string {
	if len(names) <= mostAskers {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:mostAskers], ", ") + ", +" + report.Count(int64(len(names)-mostAskers))
}

// lastPart is the last part of a source: the model's own name.
func lastPart(source string) string {
	source = strings.TrimRight(source, "/")
	return source[strings.LastIndexByte(source, '/')+1:]
}

// ExceptionLabel names an exception in a list to choose from.
func (p *casePage) ExceptionLabel(e pipeline.Exception) string {
	return report.Shown(e.Pack+"/"+e.Rule+", "+e.Owner, 160)
}

// ReportHref is the report in a format.
func (p *casePage) ReportHref(format string) template.URL {
	return template.URL("/cases/" + p.ID + "/report?format=" + url.QueryEscape(format)) //nolint:gosec // our own words
}
