package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// problem is a problem document (RFC 9457, July 2023).
type problem struct {
	Type   string        `json:"type" doc:"about:blank: the status and the code say what it is."`
	Title  string        `json:"title" doc:"The status in words."`
	Status int           `json:"status" doc:"The status of the answer."`
	Detail string        `json:"detail,omitempty" doc:"What went wrong, in one sentence for a person."`
	Code   pipeline.Code `json:"code,omitempty" doc:"The kind of failure, for programs. No code is ever renamed."`
	Hint   string        `json:"hint,omitempty" doc:"What to do next."`
	Errors []fault       `json:"errors,omitempty" doc:"Each place of the request that is wrong."`
	// State and Version are those of the case that was not changed.
	State   pipeline.State `json:"state,omitempty" doc:"The present state of the case, where a change of it was refused."`
	Version int64          `json:"version,omitempty" doc:"The present version of the case, where a change of it was refused."`
}

// fault is what is wrong at one place of a request. What stands there is not repeated: it
// may be long, or a secret.
type fault struct {
	Location string `json:"location,omitempty" doc:"Where it is, such as body.version or query.limit."`
	Message  string `json:"message" doc:"What is wrong."`
}

var (
	_ huma.StatusError       = (*problem)(nil)
	_ huma.HeadersError      = (*problem)(nil)
	_ huma.ContentTypeFilter = (*problem)(nil)

	problemType = reflect.TypeFor[problem]()
)

const problemMedia = "application/problem+json"

// Error implements [error].
func (p *problem) Error() string { return p.Detail }

// GetStatus implements [huma.StatusError].
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements [huma.ContentTypeFilter].
func (p *problem) ContentType(string) string { return problemMedia }

// GetHeaders implements [huma.HeadersError].
func (p *problem) GetHeaders() http.Header {
	if p.Status == http.StatusServiceUnavailable {
		return http.Header{"Retry-After": {retryAfter}}
	}
	return nil
}

// retryAfter is when to come back, in seconds.
const retryAfter = "1"

// statuses says which status a code has.
func statuses() map[pipeline.Code]int {
	return map[pipeline.Code]int{
		pipeline.CodeUsage:       http.StatusBadRequest,
		pipeline.CodeInvalid:     http.StatusUnprocessableEntity,
		pipeline.CodeMalformed:   http.StatusUnprocessableEntity,
		pipeline.CodeNotFound:    http.StatusNotFound,
		pipeline.CodeDenied:      http.StatusForbidden,
		pipeline.CodeForbidden:   http.StatusForbidden,
		pipeline.CodeConflict:    http.StatusConflict,
		pipeline.CodeTransition:  http.StatusConflict,
		pipeline.CodeChanged:     http.StatusConflict,
		pipeline.CodeOverLimit:   http.StatusRequestEntityTooLarge,
		pipeline.CodeProtocol:    http.StatusBadGateway,
		pipeline.CodeUnavailable: http.StatusServiceUnavailable,
		pipeline.CodeTampered:    http.StatusInternalServerError,
		pipeline.CodeInternal:    http.StatusInternalServerError,
	}
}

// codeOf is the code of a status that no [pipeline.Error] stands behind.
func codeOf(status int) pipeline.Code {
	switch status {
	case http.StatusNotFound:
		return pipeline.CodeNotFound
	case http.StatusUnprocessableEntity:
		return pipeline.CodeInvalid
	case http.StatusConflict:
		return pipeline.CodeConflict
	case http.StatusRequestEntityTooLarge:
		return pipeline.CodeOverLimit
	case http.StatusRequestTimeout, http.StatusServiceUnavailable:
		return pipeline.CodeUnavailable
	}
	if status >= http.StatusInternalServerError {
		return pipeline.CodeInternal
	}
	return pipeline.CodeUsage
}

func newProblem(status int, code pipeline.Code, detail, hint string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Hint: hint}
}

// problemOf describes an error. What is no [pipeline.Error] is not shown.
func problemOf(err error) *problem {
	var own *pipeline.Error
	if errors.As(err, &own) {
		if status, ok := statuses()[own.Code]; ok && own.Code != pipeline.CodeInternal {
			return newProblem(status, own.Code, sentence(own), own.Hint)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return newProblem(http.StatusServiceUnavailable, pipeline.CodeUnavailable, "the request took too long and was given up", "try again, or ask for less")
	}
	return newProblem(http.StatusInternalServerError, pipeline.CodeInternal, "something went wrong", "")
}

// sentence is what an error says to a person. Documents name every fault in the cause.
func sentence(e *pipeline.Error) string {
	said := []string{e.Message}
	var cause *pipeline.Error
	if errors.As(e.Err, &cause) && cause.Message != "" {
		said = append(said, cause.Message)
	}
	return strings.TrimPrefix(strings.Join(said, ": "), ": ")
}

// refusal turns an error of a handler into a problem document. Of a case whose change was
// refused it says the present state and version: who gets here may see it.
func (a *api) refusal(ctx context.Context, err error, id *uuid.UUID) error {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		a.o.Logger.Error("a request failed", "id", requestID(ctx), "error", err)
	}
	if p.Status == http.StatusInternalServerError && p.Hint == "" {
		p.Hint = "the log says what, under request " + requestID(ctx)
	}
	if p.Status == http.StatusConflict && id != nil {
		if c, err := a.o.Service.Visible(ctx, *id, who(ctx).Actor); err == nil {
			p.State, p.Version = c.State, c.Version
		}
	}
	return p
}

type requestIDKey struct{}

// requestID is the id under which the request is logged.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func withRequestID(ctx context.Context, w http.ResponseWriter) context.Context {
	return context.WithValue(ctx, requestIDKey{}, w.Header().Get(access.RequestIDHeader))
}

// ours turns the framework's errors into problem documents of ours.
func (a *api) ours(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if e.Status == http.StatusInternalServerError {
		a.o.Logger.Error("a request failed", "id", requestID(ctx.Context()), "error", e.Detail)
		return newProblem(e.Status, pipeline.CodeInternal, "something went wrong", "the log says what, under request "+requestID(ctx.Context())), nil
	}
	p := newProblem(e.Status, codeOf(e.Status), e.Detail, "the document at "+Prefix+"/openapi.json says what a request holds")
	for _, d := range e.Errors {
		if d != nil && len(p.Errors) < mostFaults {
			p.Errors = append(p.Errors, fault{Location: d.Location, Message: d.Message})
		}
	}
	if len(p.Errors) > 0 {
		first := p.Errors[0]
		p.Detail = strings.TrimPrefix(fmt.Sprintf("%s: %s", first.Location, first.Message), ": ")
		if n := len(e.Errors) - 1; n > 0 {
			p.Detail += ", and " + strconv.Itoa(n) + " more"
		}
	}
	return p, nil
}

// mostFaults bounds the places that a problem document names.
const mostFaults = 50
