package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// declaration is what the submitter declares: an object whose members are those of a
// submission, or the text of a file of it in YAML.
type declaration json.RawMessage

// UnmarshalJSON implements [json.Unmarshaler].
func (d *declaration) UnmarshalJSON(b []byte) error {
	*d = bytes.Clone(b)
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (d declaration) MarshalJSON() ([]byte, error) { return json.RawMessage(d).MarshalJSON() }

// Schema implements [huma.SchemaProvider].
func (declaration) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "What the submitter declares: an object with the members of a submission, as \"weighbridge rules schema\" prints its schema, or the text of its YAML file.",
		// The framework takes anything for null, so that with oneOf nothing would fit.
		AnyOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: huma.TypeString}, {Type: "null"}}}
}

// read returns the submission, nil where nothing is declared.
func (d declaration) read() (*pipeline.Submission, error) {
	text := string(d)
	if bytes.HasPrefix(d, []byte(`"`)) {
		if err := json.Unmarshal(d, &text); err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the submission is no text"}
		}
	}
	if text == "null" {
		return nil, nil //nolint:nilnil // nothing is declared
	}
	return app.ParseSubmission(text)
}

type checkAsked struct {
	Source     string      `json:"source" minLength:"1" maxLength:"4096" doc:"Where the model lies, such as s3://bucket/prefix/."`
	Submission declaration `json:"submission,omitempty"`
	Packs      []string    `json:"packs,omitempty" maxItems:"100" nullable:"false" doc:"Names of packs to enforce, beside those that the desk enforces and in place of those that only report."`
	Hash       bool        `json:"hash,omitempty" doc:"Whether every byte is read, for the content digest."`
	Replaces   *uuid.UUID  `json:"replaces,omitempty" format:"uuid" doc:"The undecided case that this check answers: it gives way to the new one."`
}

type checkOut struct {
	Location string `header:"Location"`
	Body     pipeline.Check
}

type checkIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The check."`
}

type checksIn struct {
	Active bool   `query:"active" doc:"Whether only those that have not ended are listed."`
	By     string `query:"by" maxLength:"200" doc:"Who asked, in any letter case."`
	PageIn
}

// PageIn asks for a page of a list.
type PageIn struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The largest number of items."`
}

type pageOut[T any] struct {
	Body page[T]
}

// page is one page of a list.
type page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next" doc:"The cursor of the next page, empty after the last."`
}

// paged answers with a page, or with what went wrong.
func paged[T any](p pipeline.PageOf[T], err error) (*pageOut[T], error) {
	if err != nil {
		return nil, err
	}
	return &pageOut[T]{page[T]{Items: orEmpty(p.Items), Next: p.Next}}, nil
}

func (a *api) checks() {
	route(a, answering(post("/checks", "ask-check", "Have a source checked",
		"The check runs in the background; Location names it. It ends with a case, or with a failure. Folders are checked only by a desk for one person."), http.StatusAccepted),
		func(ctx context.Context, in *struct{ Body checkAsked }) (*checkOut, error) {
			declared, err := in.Body.Submission.read()
			if err != nil {
				return nil, err
			}
			c, err := a.o.Service.Ask(ctx, app.Asked{Source: in.Body.Source, Submission: declared, Packs: in.Body.Packs, Hash: in.Body.Hash, Replaces: in.Body.Replaces}, who(ctx).Actor)
			return &checkOut{Location: Prefix + "/checks/" + c.ID.String(), Body: c}, err
		})
	route(a, get("/checks", "list-checks", "List checks", "Newest first. A pure submitter sees their own."),
		func(ctx context.Context, in *checksIn) (*pageOut[pipeline.Check], error) {
			filter := pipeline.CheckFilter{By: in.By, Active: in.Active, Cursor: in.Cursor, Limit: in.Limit}
			if me := who(ctx); !me.Sees() {
				if in.By != "" && !me.Actor.Same(pipeline.Actor{Name: in.By}) {
					return paged(pipeline.PageOf[pipeline.Check]{}, nil)
				}
				filter.By = me.Actor.Name
			}
			return paged(a.o.Service.Queue.DB.Checks(ctx, filter))
		})
	route(a, get("/checks/{id}", "read-check", "Read a check", "Ask again until it is done or has failed; once a second is often enough."),
		func(ctx context.Context, in *checkIn) (*struct{ Body pipeline.Check }, error) {
			c, err := a.o.Service.Queue.DB.CheckByID(ctx, in.ID)
			if me := who(ctx); err == nil && !me.Sees() && !me.Actor.Same(c.By) {
				err = &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no check " + in.ID.String()}
			}
			if err != nil {
				return nil, err
			}
			return &struct{ Body pipeline.Check }{c}, nil
		})
}
