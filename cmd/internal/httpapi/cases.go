package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
)

// CaseIn is an input that is about one case.
type CaseIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The case."`
}

func (in CaseIn) caseID() uuid.UUID { return in.ID }

// FilterIn chooses cases by every field of [pipeline.CaseFilter].
type FilterIn struct {
	State         []string  `query:"state,explode" enum:"open,claimed,changes_requested,approved,rejected,cleared,superseded,expired,revoked" maxItems:"9" doc:"Repeat it for several states."`
	Verdict       []string  `query:"verdict,explode" enum:"clear,review,inconclusive,block" maxItems:"4" doc:"Repeat it for several verdicts."`
	Source        string    `query:"source" maxLength:"4096" doc:"The whole source."`
	SourcePrefix  string    `query:"source_prefix" maxLength:"4096" doc:"How the source begins."`
	Family        string    `query:"family" maxLength:"200" doc:"The family of the architecture."`
	Fingerprint   string    `query:"fingerprint" maxLength:"100" doc:"The fingerprint of the structure."`
	Submitter     string    `query:"submitter" maxLength:"200" doc:"Who had it checked first, in any letter case."`
	Assignee      string    `query:"assignee" maxLength:"200" doc:"Who was asked to work on it, in any letter case."`
	Claimant      string    `query:"claimant" maxLength:"200" doc:"Who works on it, in any letter case."`
	Text          string    `query:"text" maxLength:"200" doc:"Occurs in source, family or submitter."`
	Content       string    `query:"content" pattern:"^sha256:[0-9a-f]{64}$" doc:"The content digest."`
	Pins          string    `query:"pins" pattern:"^sha256:[0-9a-f]{64}$" doc:"The pin digest."`
	Cause         string    `query:"cause" maxLength:"2000" doc:"Why it is open again."`
	Pack          string    `query:"pack" maxLength:"200" doc:"A finding that is matched or undecided comes from this pack."`
	Rule          string    `query:"rule" maxLength:"200" doc:"A finding that is matched or undecided comes from this rule."`
	MinParams     int64     `query:"min_params" minimum:"-1" default:"-1" doc:"The least estimated number of parameters; -1 for any, and for those of unknown weight."`
	MaxParams     int64     `query:"max_params" minimum:"-1" default:"-1" doc:"The largest estimated number of parameters; -1 for any, and for those of unknown weight."`
	CreatedFrom   time.Time `query:"created_from" doc:"The earliest time of creation."`
	CreatedBefore time.Time `query:"created_before" doc:"The time before which it was created."`
	Overdue       bool      `query:"overdue" doc:"Whether only undecided cases are chosen that are past their due date."`
	DueBefore     time.Time `query:"due_before" doc:"Undecided, and due before this time."`
	NeedsMe       bool      `query:"needs_me" doc:"Whether only cases are chosen that wait for who asks."`
	NeedsReviewer string    `query:"needs_reviewer" maxLength:"200" doc:"Waits for this reviewer: undecided, submitted by somebody else, nobody else's, and not voted on by them in this round."`
	Order         string    `query:"order" enum:"newest,urgent" default:"newest" doc:"Newest first, or what is due first first."`
}

// filter returns the filter, held to what who asks may see; none is true where that is
// nothing.
func (a *api) filter(ctx context.Context, in FilterIn) (f pipeline.CaseFilter, none bool, err error) {
	f = pipeline.CaseFilter{Source: in.Source, SourcePrefix: in.SourcePrefix, Family: in.Family, Fingerprint: in.Fingerprint, Submitter: in.Submitter,
		Assignee: in.Assignee, Claimant: in.Claimant, Text: in.Text, Content: pipeline.Digest(in.Content), Pins: pipeline.Digest(in.Pins), Cause: in.Cause,
		Pack: in.Pack, Rule: in.Rule, CreatedFrom: in.CreatedFrom, CreatedBefore: in.CreatedBefore, OverdueAt: in.DueBefore,
		NeedsReviewer: in.NeedsReviewer, Order: pipeline.CaseOrder(in.Order)}
	for _, s := range in.State {
		f.States = append(f.States, pipeline.State(s))
	}
	for _, v := range in.Verdict {
		f.Verdicts = append(f.Verdicts, pipeline.Verdict(v))
	}
	if in.MinParams >= 0 {
		f.MinParams = &in.MinParams
	}
	if in.MaxParams >= 0 {
		f.MaxParams = &in.MaxParams
	}
	me := who(ctx)
	if in.NeedsMe {
		if in.NeedsReviewer != "" && !me.Actor.Same(pipeline.Actor{Name: in.NeedsReviewer}) {
			return f, false, &pipeline.Error{Code: pipeline.CodeUsage, Message: "needs_me and needs_reviewer name two people", Hint: "give one of them"}
		}
		f.NeedsReviewer = me.Actor.Name
	}
	if in.Overdue {
		if !in.DueBefore.IsZero() {
			return f, false, &pipeline.Error{Code: pipeline.CodeUsage, Message: "overdue and due_before name two times", Hint: "give one of them"}
		}
		f.OverdueAt = a.o.Service.Now()
	}
	if !me.Sees() {
		none = in.Submitter != "" && !me.Actor.Same(pipeline.Actor{Name: in.Submitter})
		f.Submitter = me.Actor.Name
	}
	return f, none, nil
}

type casesIn struct {
	FilterIn
	PageIn
}

// caseView is a case with what there is to say of it.
type caseView struct {
	pipeline.CaseHistory
	Submission *declared         `json:"submission" doc:"What was declared, null where nothing was."`
	Questions  []report.Question `json:"questions" nullable:"false" doc:"What is missing, in plain words."`
	Lacking    string            `json:"lacking" doc:"Who must still approve, empty where nobody must."`
	Actions    []review.Action   `json:"actions" nullable:"false" doc:"What is possible now, for whoever may."`
	// Attestation is that of the present settlement.
	Attestation   *pipeline.Attestation `json:"attestation" doc:"The signed approval, null where there is none."`
	SameStructure []relative            `json:"same_structure" nullable:"false" doc:"Cases of the same structure that who asks may see."`
	Approved      *compared             `json:"approved_before" doc:"How it differs from what was approved at the same source last, null where nothing was."`
	Exceptions    []pipeline.Exception  `json:"exceptions" nullable:"false" doc:"Live exceptions that cover it."`
}

// declared is a submission in an answer.
type declared struct{ pipeline.Submission }

// Schema implements [huma.SchemaProvider].
func (declared) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}}}
}

type relative struct {
	pipeline.StructureMatch
	Decisions []pipeline.Decision `json:"decisions" nullable:"false"`
}

// compared is how a case differs from an earlier one.
type compared struct {
	Case          uuid.UUID        `json:"case" format:"uuid"`
	State         pipeline.State   `json:"state"`
	Nothing       bool             `json:"nothing" doc:"Whether the two say the same of the same objects."`
	Added         []string         `json:"added"`
	Removed       []string         `json:"removed"`
	Changed       []string         `json:"changed"`
	Renamed       []renamed        `json:"renamed"`
	Same          int              `json:"same"`
	ParamsBefore  *int64           `json:"params_before"`
	ParamsAfter   *int64           `json:"params_after"`
	VerdictBefore pipeline.Verdict `json:"verdict_before"`
	VerdictAfter  pipeline.Verdict `json:"verdict_after"`
	NewFindings   []string         `json:"new_findings" doc:"Each as pack/rule."`
	GoneFindings  []string         `json:"gone_findings" doc:"Each as pack/rule."`
}

type renamed struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func (a *api) view(ctx context.Context, id uuid.UUID) (*caseView, error) {
	s, me := a.o.Service, who(ctx)
	if _, err := s.Visible(ctx, id, me.Actor); err != nil {
		return nil, err
	}
	v, err := s.View(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &caseView{CaseHistory: v.CaseHistory, Questions: orEmpty(v.Questions), Lacking: v.Lacking, Actions: orEmpty(v.Actions), Attestation: v.Attestation,
		SameStructure: []relative{}, Exceptions: []pipeline.Exception{}}
	if v.Submission != nil {
		out.Submission = &declared{*v.Submission}
	}
	for _, r := range v.Relatives {
		if a.sees(ctx, r.ID) {
			out.SameStructure = append(out.SameStructure, relative{r.StructureMatch, orEmpty(r.Decisions)})
		}
	}
	if v.Approved != nil && a.sees(ctx, v.Approved.Case.ID) {
		out.Approved = comparedOf(v.Approved)
	}
	if me.Sees() {
		out.Exceptions = orEmpty(v.Exceptions)
	}
	return out, nil
}

// sees reports whether who asks may see a case.
func (a *api) sees(ctx context.Context, id uuid.UUID) bool {
	me := who(ctx)
	if me.Sees() {
		return true
	}
	_, err := a.o.Service.Visible(ctx, id, me.Actor)
	return err == nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func comparedOf(c *app.Compared) *compared {
	out := &compared{Case: c.Case.ID, State: c.Case.State, Nothing: c.Nothing(), Added: orEmpty(c.Added), Removed: orEmpty(c.Removed), Changed: orEmpty(c.Changed), Renamed: []renamed{},
		Same: c.Same, ParamsBefore: c.ParamsBefore, ParamsAfter: c.ParamsAfter, VerdictBefore: c.VerdictBefore, VerdictAfter: c.VerdictAfter,
		NewFindings: rulesOf(c.NewFindings), GoneFindings: rulesOf(c.GoneFindings)}
	for _, r := range c.Renamed {
		out.Renamed = append(out.Renamed, renamed(r))
	}
	return out
}

func rulesOf(findings []pipeline.Finding) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, f.Pack+"/"+f.Rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// tag is the entity tag of a version.
func tag(version int64) string { return fmt.Sprintf("%q", fmt.Sprint(version)) }

// reportMedia says what a report in a format is.
func reportMedia(format string) (media, extension string) {
	switch format {
	case "json":
		return "application/json", "json"
	case "sarif":
		return "application/sarif+json", "sarif"
	case "cyclonedx":
		return "application/vnd.cyclonedx+json", "cdx.json"
	case "junit":
		return "application/xml", "xml"
	case "html":
		return "text/html; charset=utf-8", "html"
	case "markdown":
		return "text/markdown; charset=utf-8", "md"
	}
	return "text/plain; charset=utf-8", "txt"
}

type reportIn struct {
	CaseIn
	Format string `query:"format" enum:"table,json,markdown,html,sarif,junit,cyclonedx" default:"json" doc:"The form of the report."`
}

// fileOut is an answer that is a file.
type fileOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Policy      string `header:"Content-Security-Policy"`
	Sniff       string `header:"X-Content-Type-Options"`
	Body        []byte
}

// sandbox lets a file that is opened in a browser do nothing.
const sandbox = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

func file(media, disposition string, body []byte) *fileOut {
	return &fileOut{ContentType: media, Disposition: disposition, Policy: sandbox, Sniff: "nosniff", Body: body}
}

func (a *api) report(ctx context.Context, in *reportIn) (*fileOut, error) {
	c, err := a.o.Service.Visible(ctx, in.ID, who(ctx).Actor)
	if err != nil {
		return nil, err
	}
	r, err := a.o.Service.Queue.DB.Report(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if !who(ctx).Sees() {
		app.WithoutOthers(&r)
	}
	format, ok := report.FormatNamed(in.Format)
	if !ok {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "there is no such format"}
	}
	var b bytes.Buffer
	if err := format.Write(&b, &r); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	media, extension := reportMedia(in.Format)
	return file(media, fmt.Sprintf(`attachment; filename="weighbridge-%s.%s"`, c.ID, extension), b.Bytes()), nil
}

// approvalMedia is the media type of an envelope of the Dead Simple Signing Envelope,
// version 1.
const approvalMedia = "application/vnd.dsse.envelope.v1+json"

func (a *api) approval(ctx context.Context, in *CaseIn) (*fileOut, error) {
	c, err := a.o.Service.Visible(ctx, in.ID, who(ctx).Actor)
	if err != nil {
		return nil, err
	}
	signed, err := a.o.Service.Queue.Signed(ctx, c)
	if err != nil {
		return nil, err
	}
	if signed == nil {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "the case has no signed approval", Hint: "it is signed when it is approved or cleared, where the desk has a key"}
	}
	return file(approvalMedia, `attachment; filename="`+pipeline.ApprovalName+`"`, signed.Envelope), nil
}

type viewOut struct {
	ETag string `header:"ETag" doc:"The version of the case, for If-Match."`
	Body *caseView
}

func (a *api) cases() {
	route(a, get("/cases", "list-cases", "List cases", "A pure submitter sees their own. Every filter that is given must hold."),
		func(ctx context.Context, in *casesIn) (*pageOut[pipeline.Case], error) {
			f, none, err := a.filter(ctx, in.FilterIn)
			if err != nil {
				return nil, err
			}
			if none {
				return paged(pipeline.CasePage{}, nil)
			}
			f.Cursor, f.Limit = in.Cursor, in.Limit
			return paged(a.o.Service.Queue.DB.Cases(ctx, f))
		})
	route(a, kind{stream: true}.of(answers(get("/cases.jsonl", "export-cases", "Export cases as JSON Lines", "Each line is a case, as in a list. All that the filters choose are sent; a stream that breaks off is not whole."),
		"A case on each line.", linesMedia)), a.exportCases)
	route(a, get("/cases/{id}", "read-case", "Read a case with everything that happened to it", ""),
		func(ctx context.Context, in *CaseIn) (*viewOut, error) {
			v, err := a.view(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &viewOut{ETag: tag(v.Case.Version), Body: v}, nil
		})
	media := []string{}
	for _, name := range report.FormatNames() {
		m, _ := reportMedia(name)
		media = append(media, m)
	}
	route(a, answers(get("/cases/{id}/report", "read-report", "Read the report that a case stands on", "As JSON it is weighbridge.report/1."), "The report.", media...), a.report)
	route(a, answers(get("/cases/{id}/approval", "read-approval", "Read the signed approval of a case", "The envelope is as it was signed, byte for byte. 404 where the case is not settled, or was not signed."), "The envelope.", approvalMedia), a.approval)
}
