package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

type exceptionsIn struct {
	Live       bool      `query:"live" doc:"Whether only those are listed that stand now."`
	EndsBefore time.Time `query:"ends_before" doc:"The time before which they end."`
	Source     string    `query:"source" maxLength:"4096" doc:"A source that they cover."`
	Order      string    `query:"order" enum:"newest,ending" default:"newest" doc:"Newest first, or what ends first first."`
	PageIn
}

type exceptionAsked struct {
	Pack    string    `json:"pack" minLength:"1" maxLength:"200" doc:"The pack of the rule."`
	Rule    string    `json:"rule" minLength:"1" maxLength:"200" doc:"The rule that need not stop the models."`
	Scope   string    `json:"scope" minLength:"1" maxLength:"4096" doc:"A source, or the beginning of sources up to a slash."`
	Owner   string    `json:"owner" minLength:"1" maxLength:"200" doc:"Who answers for it."`
	Reason  string    `json:"reason" enum:"evidence_sufficient,licence_obtained,rule_not_applicable,risk_accepted,evidence_missing,rule_applies,wrong_artifact,other" doc:"The coded reason."`
	Comment string    `json:"comment" minLength:"1" maxLength:"8192" doc:"At most 8,192 bytes."`
	Until   time.Time `json:"until" doc:"Its end."`
}

type endAsked struct {
	Comment string `json:"comment" minLength:"1" maxLength:"8192" doc:"Why it ends, in at most 8,192 bytes."`
}

type exceptionIn struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"The exception."`
	Body endAsked
}

// ended is an exception that was ended, with what opened again.
type ended struct {
	Exception pipeline.Exception `json:"exception"`
	Reopened  int                `json:"reopened" doc:"How many cases rested on it, and opened again or lost the votes so far."`
}

func (a *api) exceptions() {
	desk := a.o.Service.Queue
	route(a, get("/exceptions", "list-exceptions", "List exceptions", ""), func(ctx context.Context, in *exceptionsIn) (*pageOut[pipeline.Exception], error) {
		f := pipeline.ExceptionFilter{EndsBefore: in.EndsBefore, Source: in.Source, Order: pipeline.ExceptionOrder(in.Order), Cursor: in.Cursor, Limit: in.Limit}
		if in.Live {
			f.LiveAt = a.o.Service.Now()
		}
		return paged(desk.DB.Exceptions(ctx, f))
	})
	route(a, answering(post("/exceptions", "grant-exception", "Grant an exception", "It decides nothing by itself: a reviewer may rest an approval on it, which then ends with it."), http.StatusCreated),
		func(ctx context.Context, in *struct{ Body exceptionAsked }) (*struct{ Body pipeline.Exception }, error) {
			b := in.Body
			e, err := desk.Grant(ctx, pipeline.Exception{Pack: b.Pack, Rule: b.Rule, Scope: b.Scope, Owner: b.Owner, Reason: pipeline.ReasonCode(b.Reason), Comment: b.Comment, Until: b.Until}, who(ctx).Actor)
			return &struct{ Body pipeline.Exception }{e}, err
		})
	route(a, post("/exceptions/{id}/end", "end-exception", "End an exception early", "Approved cases that rest on it open again."), func(ctx context.Context, in *exceptionIn) (*struct{ Body ended }, error) {
		e, reopened, err := desk.EndEarly(ctx, in.ID, in.Body.Comment, who(ctx).Actor)
		return &struct{ Body ended }{ended{e, reopened}}, err
	})
}
