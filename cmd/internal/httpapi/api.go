// Package httpapi is the desk's API for programs: everything that the pages can do, as
// JSON over HTTP below /api/v1, described by the OpenAPI 3.1 document that it serves. It
// decides nothing: it reads requests, asks [app.Service], and writes answers. Who may use
// a route is the matter of package access, whose mux the routes are registered with; that a
// pure submitter meets only their own cases is held here.
//
// What holds for every route:
//
//   - Errors are problem documents (RFC 9457, July 2023) with the code and hint of
//     [pipeline.Error], and for a change of a case that was refused its present state and
//     version. Statuses follow from codes by one table. What is no [pipeline.Error] is
//     logged and not shown.
//   - Members of bodies and parameters of queries that the document does not name are
//     refused, as are names in another letter case, names given twice, and text that is
//     not UTF-8.
//   - A change of a case may name the version that it is based on, as "version" in its
//     body or as the ETag of the case in If-Match. Where that is stale the answer is 409.
//   - A POST may name an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07,
//     October 2025). The same request under the same key is answered as before and done
//     once; another one is 422; one whose first is still at work is 409 with Retry-After.
//     Requests are the same where path, query, If-Match, media type and body are, byte for
//     byte. Kept for two days is what was done, and 403, 404 and 409; a request that was
//     none can be put right under its key, and one that failed can be sent again. What is
//     at work is known to one process only. Secrets are not kept: a repeated request for a
//     token or a link is answered without it.
//   - Lists come in pages of at most 200. "next" is the cursor of the next page, and ""
//     after the last.
//   - Bodies are bounded in size and in the time that they may take, and so are answers.
package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// Prefix begins the paths of the API.
const Prefix = "/api/v1"

// Mux takes handlers by method and path; [access.Mux] is one.
type Mux interface {
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// Keys makes and ends what opens the desk; [access.Mux] does.
type Keys interface {
	MakeToken(ctx context.Context, who access.Identity, wanted access.Wanted) (pipeline.Token, string, error)
	TokensOf(ctx context.Context, who access.Identity, cursor string, limit int) (pipeline.PageOf[pipeline.Token], error)
	RevokeToken(ctx context.Context, who access.Identity, id uuid.UUID) error
	MakeLink(ctx context.Context, who access.Identity, id uuid.UUID, term time.Duration) (link pipeline.Link, path string, err error)
	EndLinks(ctx context.Context, who access.Identity, id uuid.UUID) (int64, error)
}

// Options say what an API is made of.
type Options struct {
	Service *app.Service
	Keys    Keys
	// Replies keeps what was answered to requests with an idempotency key.
	Replies pipeline.ReplyBook
	// Rejudge has the whole queue judged again soon.
	Rejudge func(ctx context.Context, cause string) error
	// Retry has a notice tried again, nil where nobody is told anything.
	Retry  func(ctx context.Context, id uuid.UUID) (pipeline.Delivery, error)
	Logger hclog.Logger
	// PublicURL is how browsers reach the desk, without a slash at the end.
	PublicURL string
	// BodyTime is how long the body of a request may take, FileTime one with a file; half
	// a minute and two minutes where they are 0.
	BodyTime, FileTime time.Duration
	// PageTime is how long one page of a stream may take to be taken by the client, half a
	// minute where it is 0.
	PageTime time.Duration
}

// The bounds of a request.
const (
	bodyTime = 30 * time.Second
	fileTime = 2 * time.Minute
	// workTime is how long a request may be worked on, after its body was read.
	workTime = time.Minute
	pageTime = 30 * time.Second
	// bodyMax bounds a body of JSON, in bytes; fileMax one with an evidence file, with
	// room for the words around it.
	bodyMax = 1 << 20
	fileMax = pipeline.ExhibitMax + 1<<20
)

// api answers.
type api struct {
	o      Options
	mux    Mux
	huma   huma.API
	once   *replays
	errors *huma.Schema
}

// Register registers every route of the API with a mux, and returns the OpenAPI document.
// It panics where a route is registered already, or is none that the mux takes: that is a
// fault of the program.
func Register(mux Mux, o Options) ([]byte, error) {
	if o.BodyTime == 0 {
		o.BodyTime = bodyTime
	}
	if o.FileTime == 0 {
		o.FileTime = fileTime
	}
	if o.PageTime == 0 {
		o.PageTime = pageTime
	}
	a := &api{o: o, mux: mux, once: &replays{book: o.Replies, logger: o.Logger, now: o.Service.Now, atWork: map[replayKey]pipeline.Digest{}}}
	a.huma = huma.NewAPI(a.config(), adapter{a})
	a.errors = a.huma.OpenAPI().Components.Schemas.Schema(problemType, true, "")
	a.checks()
	a.cases()
	a.changes()
	a.exhibits()
	a.artifacts()
	a.audit()
	a.exceptions()
	a.tokens()
	a.deliveries()
	a.rules()
	return a.document()
}

// adapter registers huma's operations with the mux.
type adapter struct{ *api }

// Handle implements [huma.Adapter].
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.mux.HandleFunc(strings.ToUpper(op.Method)+" "+Prefix+op.Path, a.serve(op, func(w http.ResponseWriter, r *http.Request) {
		handler(humago.NewContext(op, r, w))
	}))
}

// ServeHTTP implements [huma.Adapter]. Requests come through the mux.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// kind says what is special about a route.
type kind struct {
	// files is true where the body is a form with a file.
	files bool
	// stream is true where the answer is as long as it takes.
	stream bool
	// read is true for a POST that changes nothing: an answer from before would be wrong.
	read bool
	// secret is the member of the answer that is not kept, "" for none.
	secret string
}

const kindKey = "kind"

func kindOf(op *huma.Operation) kind {
	k, _ := op.Metadata[kindKey].(kind)
	return k
}

// of marks an operation.
func (k kind) of(op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{kindKey: k}
	return op
}

// about is an input that is about one case.
type about interface{ caseID() uuid.UUID }

// route registers a handler, whose errors become problem documents.
func route[I, O any](a *api, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.BodyReadTimeout = -1 // the body was read when the handler runs
	op.MaxBodyBytes = bodyMax + 1
	if kindOf(&op).files {
		op.MaxBodyBytes = fileMax + 1
	}
	a.describe(&op)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err == nil {
			return out, nil
		}
		var of *uuid.UUID
		if asked, ok := any(in).(about); ok {
			id := asked.caseID()
			of = &id
		}
		return nil, a.refusal(ctx, err, of)
	})
}

// get, post and with are operations. id names one for clients.
func get(path, id, summary, description string) huma.Operation {
	return huma.Operation{Method: http.MethodGet, Path: path, OperationID: id, Summary: summary, Description: description}
}

func post(path, id, summary, description string) huma.Operation {
	op := get(path, id, summary, description)
	op.Method = http.MethodPost
	return op
}

func answering(op huma.Operation, status int) huma.Operation {
	op.DefaultStatus = status
	return op
}

// who asks.
func who(ctx context.Context) access.Identity { return access.Of(ctx) }
