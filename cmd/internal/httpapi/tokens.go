package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// me is who asks.
type me struct {
	Name    string               `json:"name"`
	Known   pipeline.Known       `json:"known" doc:"How it is known who asks."`
	Roles   []pipeline.ActorRole `json:"roles" nullable:"false"`
	Account *pipeline.Account    `json:"account" doc:"Set for a person who signed in, and for a token of a person."`
	Token   *pipeline.Token      `json:"token" doc:"Set where a token was shown."`
}

type tokenAsked struct {
	Label   string   `json:"label" minLength:"1" maxLength:"100" doc:"What it is for."`
	Machine string   `json:"machine,omitempty" maxLength:"200" doc:"The name of the machine that it is for; left out, it is one's own."`
	Roles   []string `json:"roles" minItems:"1" maxItems:"50" nullable:"false" doc:"The roles that it has: at most one's own, and submitter or auditor for a machine."`
	Days    int      `json:"days" minimum:"1" maximum:"366" doc:"How long it counts."`
}

type tokenMade struct {
	Token  pipeline.Token `json:"token"`
	Secret string         `json:"secret,omitempty" doc:"What to send as Bearer. It is kept nowhere and shown this once: a repeated answer lacks it."`
}

type tokenIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The token."`
}

func (a *api) tokens() {
	keys := a.o.Keys
	route(a, get("/me", "read-me", "Read who asks", ""), func(ctx context.Context, _ *struct{}) (*struct{ Body me }, error) {
		is := who(ctx)
		return &struct{ Body me }{me{Name: is.Actor.Name, Known: is.Actor.Known, Roles: orEmpty(is.Actor.Roles), Account: is.Account, Token: is.Token}}, nil
	})
	route(a, get("/tokens", "list-tokens", "List tokens", "Newest first: one's own, and for an admin all."), func(ctx context.Context, in *PageIn) (*pageOut[pipeline.Token], error) {
		return paged(keys.TokensOf(ctx, who(ctx), in.Cursor, in.Limit))
	})
	route(a, kind{secret: "secret"}.of(answering(post("/tokens", "make-token", "Make a token", "A token cannot make another. Only an admin makes one for a machine."), http.StatusCreated)),
		func(ctx context.Context, in *struct{ Body tokenAsked }) (*struct{ Body tokenMade }, error) {
			wanted := access.Wanted{Label: in.Body.Label, Machine: in.Body.Machine, Term: time.Duration(in.Body.Days) * 24 * time.Hour}
			for _, role := range in.Body.Roles {
				wanted.Roles = append(wanted.Roles, pipeline.ActorRole(role))
			}
			t, secret, err := keys.MakeToken(ctx, who(ctx), wanted)
			return &struct{ Body tokenMade }{tokenMade{t, secret}}, err
		})
	route(a, post("/tokens/{id}/revoke", "revoke-token", "End a token", "One's own, and for an admin any."), func(ctx context.Context, in *tokenIn) (*struct{}, error) {
		return &struct{}{}, keys.RevokeToken(ctx, who(ctx), in.ID)
	})
}
