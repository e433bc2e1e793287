package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// ChangeIn is an input that changes one case.
type ChangeIn struct {
	CaseIn
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the case that the change is based on, in place of version in the body."`
}

// version is the version that the change is based on, 0 for any. What body and header say
// must agree.
func (in ChangeIn) version(body int64) (int64, error) {
	text := strings.TrimSpace(in.IfMatch)
	if text == "" || text == "*" {
		return body, nil
	}
	inner, opened := strings.CutPrefix(text, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	v, err := strconv.ParseInt(inner, 10, 64)
	if !opened || !closed || err != nil || v < 1 || tag(v) != text {
		return 0, &pipeline.Error{Code: pipeline.CodeUsage, Message: "If-Match is no ETag of a case", Hint: "give the one that GET /cases/{id} gave"}
	}
	if body != 0 && body != v {
		return 0, &pipeline.Error{Code: pipeline.CodeUsage, Message: "If-Match and version name two versions", Hint: "give one of them"}
	}
	return v, nil
}

// Versioned is a body that may name a version.
type Versioned struct {
	Version int64 `json:"version,omitempty" minimum:"0" doc:"The version of the case that the change is based on, 0 for any."`
}

type claimAsked struct {
	Versioned
	TakeOver bool `json:"take_over,omitempty" doc:"Whether to take it from whoever has claimed it."`
}

type assignAsked struct {
	Versioned
	Assignee *string    `json:"assignee,omitempty" maxLength:"200" doc:"Who is asked to work on it, empty for nobody; left out, it stays as it is."`
	DueAt    *time.Time `json:"due_at,omitempty" doc:"When it is due; left out, it stays as it is."`
}

type commentAsked struct {
	Versioned
	Text string `json:"text" minLength:"1" maxLength:"8192" doc:"At most 8,192 bytes."`
}

type decisionAsked struct {
	Versioned
	Kind      string     `json:"kind" enum:"approve,reject,changes" doc:"What is decided."`
	Reason    string     `json:"reason" enum:"evidence_sufficient,licence_obtained,rule_not_applicable,risk_accepted,evidence_missing,rule_applies,wrong_artifact,other" doc:"The coded reason."`
	Comment   string     `json:"comment" minLength:"1" maxLength:"8192" doc:"At most 8,192 bytes. To approve a block or an inconclusive verdict it names the number of parameters that is accepted."`
	Until     *time.Time `json:"until,omitempty" doc:"When an approval ends."`
	Exception *uuid.UUID `json:"exception,omitempty" format:"uuid" doc:"The exception that an approval rests on."`
}

type revocationAsked struct {
	Versioned
	Reason  string `json:"reason" enum:"evidence_sufficient,licence_obtained,rule_not_applicable,risk_accepted,evidence_missing,rule_applies,wrong_artifact,other" doc:"The coded reason."`
	Comment string `json:"comment" minLength:"1" maxLength:"8192" doc:"At most 8,192 bytes."`
}

type linkAsked struct {
	Days int `json:"days,omitempty" minimum:"1" maximum:"90" doc:"How long it counts; the desk's own term where it is left out."`
}

// changed is a case as a change left it.
type changed struct {
	ETag string `header:"ETag" doc:"The version of the case, for If-Match."`
	Body pipeline.Case
}

func changedTo(c pipeline.Case, err error) (*changed, error) {
	if err != nil {
		return nil, err
	}
	return &changed{ETag: tag(c.Version), Body: c}, nil
}

// vote is a case after a vote.
type vote struct {
	Case        pipeline.Case         `json:"case"`
	Attestation *pipeline.Attestation `json:"attestation" doc:"The signed approval that the vote led to, null where there is none."`
	Warning     *warning              `json:"warning" doc:"Why the approval that stands could not be signed, null where nothing is wrong."`
}

type warning struct {
	Code    pipeline.Code `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

type decided struct {
	ETag string `header:"ETag" doc:"The version of the case, for If-Match."`
	Body vote
}

type linkMade struct {
	Link pipeline.Link `json:"link"`
	URL  string        `json:"url,omitempty" doc:"What to send. It holds a secret and is shown this once: a repeated answer lacks it."`
}

// ready looks whether who asks may see the case, and which version the change is based on.
func (a *api) ready(ctx context.Context, in ChangeIn, version int64) (pipeline.Actor, int64, error) {
	by := who(ctx).Actor
	if _, err := a.o.Service.Visible(ctx, in.ID, by); err != nil {
		return by, 0, err
	}
	v, err := in.version(version)
	return by, v, err
}

type claimIn struct {
	ChangeIn
	Body claimAsked
}

type assignIn struct {
	ChangeIn
	Body assignAsked
}

type commentIn struct {
	ChangeIn
	Body commentAsked
}

type decideIn struct {
	ChangeIn
	Body decisionAsked
}

type revokeIn struct {
	ChangeIn
	Body revocationAsked
}

type linkIn struct {
	CaseIn
	Body *linkAsked
}

func (a *api) changes() {
	desk := a.o.Service.Queue
	route(a, post("/cases/{id}/claim", "claim-case", "Work on a case", ""), func(ctx context.Context, in *claimIn) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Claim(ctx, pipeline.Claim{Case: in.ID, Version: v, Actor: by, TakeOver: in.Body.TakeOver}))
	})
	route(a, post("/cases/{id}/release", "release-case", "Let a case go", "Only its claimant can."), func(ctx context.Context, in *struct {
		ChangeIn
		Body Versioned
	}) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Release(ctx, pipeline.Claim{Case: in.ID, Version: v, Actor: by}))
	})
	route(a, post("/cases/{id}/assign", "assign-case", "Ask somebody to work on a case, or set when it is due", ""), func(ctx context.Context, in *assignIn) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Assign(ctx, pipeline.Assignment{Case: in.ID, Version: v, Actor: by, Assignee: in.Body.Assignee, DueAt: in.Body.DueAt}))
	})
	route(a, post("/cases/{id}/comments", "comment-case", "Write to a case", ""), func(ctx context.Context, in *commentIn) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Comment(ctx, pipeline.Remark{Case: in.ID, Version: v, Actor: by, Text: in.Body.Text}))
	})
	route(a, post("/cases/{id}/answers", "answer-case", "Answer a request for changes", "Only the submitter can. Files are attached to the case before it."), func(ctx context.Context, in *commentIn) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Answer(ctx, pipeline.Answer{Case: in.ID, Version: v, Actor: by, Text: in.Body.Text}))
	})
	route(a, post("/cases/{id}/decisions", "decide-case", "Approve, reject, or ask for changes", "A vote is final. Who submitted the case has none, and nobody votes twice in a round."), a.decide)
	route(a, post("/cases/{id}/revoke", "revoke-case", "Take an approval or a clearance back", "The submitter can too: it only closes."), func(ctx context.Context, in *revokeIn) (*changed, error) {
		by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
		if err != nil {
			return nil, err
		}
		return changedTo(desk.Revoke(ctx, pipeline.Ballot{Case: in.ID, Version: v, Actor: by, Kind: pipeline.DecisionRevoke,
			Reason: pipeline.ReasonCode(in.Body.Reason), Comment: in.Body.Comment}))
	})
	route(a, kind{secret: "url"}.of(answering(post("/cases/{id}/links", "make-link", "Make a link through which the submitter answers without an account", "Where the desk makes links."), http.StatusCreated)), a.makeLink)
	route(a, post("/cases/{id}/links/end", "end-links", "End the links of a case that still count", "Also where the desk makes no links any more."), func(ctx context.Context, in *CaseIn) (*linksOver, error) {
		me := who(ctx)
		if _, err := a.o.Service.Visible(ctx, in.ID, me.Actor); err != nil {
			return nil, err
		}
		out := &linksOver{}
		var err error
		out.Body.Ended, err = a.o.Keys.EndLinks(ctx, me, in.ID)
		return out, err
	})
}

func (a *api) decide(ctx context.Context, in *decideIn) (*decided, error) {
	by, v, err := a.ready(ctx, in.ChangeIn, in.Body.Version)
	if err != nil {
		return nil, err
	}
	b := pipeline.Ballot{Case: in.ID, Version: v, Actor: by, Kind: pipeline.DecisionKind(in.Body.Kind), Reason: pipeline.ReasonCode(in.Body.Reason),
		Comment: in.Body.Comment, Until: in.Body.Until, Exception: in.Body.Exception}
	c, signed, err := a.o.Service.Decide(ctx, b)
	if err != nil && c.ID == uuid.Nil {
		return nil, err
	}
	out := &decided{ETag: tag(c.Version), Body: vote{Case: c, Attestation: signed}}
	if err != nil {
		a.o.Logger.Error("an approval could not be signed", "id", requestID(ctx), "case", c.ID, "error", err)
		p := problemOf(err)
		out.Body.Warning = &warning{Code: p.Code, Message: "the vote is recorded, and the approval could not be signed", Hint: p.Hint}
	}
	return out, nil
}

type linked struct{ Body linkMade }

type linksOver struct {
	Body struct {
		Ended int64 `json:"ended" doc:"How many links counted until now."`
	}
}

func (a *api) makeLink(ctx context.Context, in *linkIn) (*linked, error) {
	me := who(ctx)
	if !a.o.Service.Links {
		return nil, &pipeline.Error{Code: pipeline.CodeForbidden, Message: "this desk makes no links", Hint: "an operator turns them on with serve.links"}
	}
	if _, err := a.o.Service.Visible(ctx, in.ID, me.Actor); err != nil {
		return nil, err
	}
	term := a.o.Service.LinkTerm
	if in.Body != nil && in.Body.Days > 0 {
		term = time.Duration(in.Body.Days) * 24 * time.Hour
	}
	link, path, err := a.o.Keys.MakeLink(ctx, me, in.ID, term)
	if err != nil {
		return nil, err
	}
	return &linked{linkMade{Link: link, URL: a.o.PublicURL + path}}, nil
}
