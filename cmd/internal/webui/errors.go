package webui

import (
	"errors"
	"net/http"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// fault is what an error page shows.
type fault struct {
	Status int
	// Key names the heading in the catalogue.
	Key           string
	Message, Hint string
	// Request is the id under which the log says more, "" where that helps nobody.
	Request string
}

// statusOf returns the status for an error.
func statusOf(err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	switch pipeline.ErrorCode(err) {
	case pipeline.CodeUsage, pipeline.CodeInvalid, pipeline.CodeMalformed:
		return http.StatusUnprocessableEntity
	case pipeline.CodeNotFound:
		return http.StatusNotFound
	case pipeline.CodeForbidden, pipeline.CodeDenied:
		return http.StatusForbidden
	case pipeline.CodeConflict, pipeline.CodeTransition, pipeline.CodeChanged:
		return http.StatusConflict
	case pipeline.CodeOverLimit:
		return http.StatusRequestEntityTooLarge
	case pipeline.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fail answers with an error page. The cause of an error that is not ours is logged and
// not shown.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if r.Context().Err() != nil {
		// The client is gone, or what it sent did not arrive in time: that ends the context
		// too. No answer at all would pass for a page that is empty.
		w.Header().Set("Connection", "close")
		s.Refused(w, r, http.StatusRequestTimeout, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the request did not arrive in time, or broke off", Hint: "send it again", Err: err})
		return
	}
	if status >= http.StatusInternalServerError {
		s.logger.Error("a page could not be made", "id", w.Header().Get(access.RequestIDHeader), "path", access.LogPath(r), "error", err)
	}
	s.Refused(w, r, status, err)
}

// Refused answers with an error page; it is an [access.Refused].
func (s *Site) Refused(w http.ResponseWriter, r *http.Request, status int, why error) {
	f := faultOf(status, why)
	f.Request = w.Header().Get(access.RequestIDHeader)
	name := "layout"
	if partial(r) {
		name = "fault"
	}
	if err := s.execute(w, r, status, "error", name, f); err != nil {
		s.logger.Error("an error page could not be made", "error", err)
		http.Error(w, http.StatusText(status), status)
	}
}

// faultOf says what an error means to a person.
func faultOf(status int, why error) fault {
	f := fault{Status: status, Key: faultKey(status)}
	var own *pipeline.Error
	if errors.As(why, &own) && status != http.StatusInternalServerError {
		f.Message, f.Hint = own.Message, own.Hint
	}
	return f
}

// faultKey names the heading for a status.
func faultKey(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "unknown"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusUnprocessableEntity:
		return "usage"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusTooManyRequests:
		return "too_many"
	case http.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal"
	}
}

// Problem is what a form shows of an error beside what was typed. It is nil where there is
// none. It is in English, the language of the program's errors, unless Own is true.
type Problem struct {
	Message, Hint string
	// Own is true where it is in the reader's language.
	Own bool
}

// problemOf returns what a form shows, ok false where the error is not the caller's to
// mend: then the page of the error is shown.
func problemOf(err error) (p *Problem, status int, ok bool) {
	var own *pipeline.Error
	status = statusOf(err)
	if !errors.As(err, &own) || status >= http.StatusInternalServerError || status == http.StatusNotFound {
		return nil, status, false
	}
	return &Problem{Message: own.Message, Hint: own.Hint}, status, true
}
