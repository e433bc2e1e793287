package webui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/pipeline/review"
)

// caseRoutes are those of one case.
func (s *Site) caseRoutes() []route {
	return []route{
		{"GET /cases/{id}", s.showCase},
		{"GET /cases/{id}/object", s.showObject},
		{"GET /cases/{id}/report", s.showReport},
		{"GET /cases/{id}/file", s.showFile},
		{"GET /exhibits/{id}", s.showExhibit},
		{"POST /cases/{id}/claim", s.claimCase},
		{"POST /cases/{id}/release", s.releaseCase},
		{"POST /cases/{id}/assign", s.assignCase},
		{"POST /cases/{id}/comments", s.commentCase},
		{"POST /cases/{id}/exhibits", s.attachExhibit},
		{"POST /cases/{id}/decisions", s.decideCase},
		{"POST /cases/{id}/revoke", s.revokeCase},
		{"POST /cases/{id}/answer", s.answerCase},
		{"POST /cases/{id}/links", s.linkCase},
		{"POST /cases/{id}/links/end", s.endLinks},
	}
}

// visible returns the case that an address names, where whoever asks may see it.
func (s *Site) visible(r *http.Request) (pipeline.Case, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return pipeline.Case{}, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such case", Hint: "look for it in the queue"}
	}
	return s.service.Visible(r.Context(), id, access.Of(r.Context()).Actor)
}

// showCase is the page of a case.
func (s *Site) showCase(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	return s.renderCase(w, r, http.StatusOK, c.ID, func(*casePage) {})
}

// renderCase shows a case as it is now, with what change puts into it.
func (s *Site) renderCase(w http.ResponseWriter, r *http.Request, status int, id uuid.UUID, change func(*casePage)) error {
	v, err := s.service.View(r.Context(), id)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p, err := s.casePageOf(r.Context(), s.words(r), v, access.Of(r.Context()), q)
	if err != nil {
		return err
	}
	if q.Has("ask") && p.Can.Decide && len(p.Asked) > 0 {
		p.Form.Comment = requestText(s.words(r), v.Case.Source, p.Asked, p.Skeleton)
	}
	change(p)
	return s.render(w, r, status, "case", p)
}

// caseAct is a change of a case that a form asks for.
type caseAct struct {
	// name is the form's, done the key of what to say when it was taken, part the id of
	// what to show then.
	name, done, part string
	do               func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, f *caseForm) error
}

// act carries out what a form of the case's page asks for. Where it cannot be, the page is
// shown again with what was typed, and as the case is now.
func (s *Site) act(w http.ResponseWriter, r *http.Request, a caseAct) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	f := formOf(r, a.name)
	version, err := versionOf(r)
	if err == nil {
		err = a.do(r.Context(), c, version, access.Of(r.Context()).Actor, &f)
	}
	if err == nil {
		return s.done(w, r, onward(r, "/cases/"+c.ID.String()+a.part), a.done)
	}
	problem, status, ok := problemOf(err)
	if !ok || partial(r) {
		return err
	}
	f.Problem, f.Stale = problem, errors.Is(err, pipeline.ErrConflict)
	return s.renderCase(w, r, status, c.ID, func(p *casePage) { p.Form = f })
}

// onward is where a form leads: back to the page of the queue that it stands on, else to
// the case.
func onward(r *http.Request, otherwise string) string {
	next := access.LocalPath(r.PostFormValue("next"))
	if u, err := url.Parse(next); err == nil && u.Path == "/queue" {
		return next
	}
	return otherwise
}

// formOf keeps what was typed.
func formOf(r *http.Request, action string) caseForm {
	get := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n"))
	}
	return caseForm{Action: action, Kind: pipeline.DecisionKind(get("kind")), Reason: pipeline.ReasonCode(get("reason")), Comment: get("comment"), Until: get("until"),
		Bound: get("bound"), Exception: get("exception"), Assignee: get("assignee"), Due: get("due"), Text: get("text"), Yaml: get("submission"), Again: get("again") != ""}
}

// versionOf reads the version of the case that the form was shown for. Every form holds it.
func versionOf(r *http.Request) (int64, error) {
	n := atoi(r.PostFormValue("version"))
	if n < 1 {
		return 0, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the form does not say which version of the case it is about", Hint: "open the case again"}
	}
	return int64(n), nil
}

func (s *Site) claimCase(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, caseAct{name: "claim", done: "claimed", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, _ *caseForm) error {
		_, err := s.service.Queue.Claim(ctx, pipeline.Claim{Case: c.ID, Version: version, Actor: who, TakeOver: r.PostFormValue("take_over") != ""})
		return err
	}})
}

func (s *Site) releaseCase(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, caseAct{name: "release", done: "released", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, _ *caseForm) error {
		_, err := s.service.Queue.Release(ctx, pipeline.Claim{Case: c.ID, Version: version, Actor: who})
		return err
	}})
}

func (s *Site) assignCase(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, caseAct{name: "assign", done: "assigned", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, f *caseForm) error {
		req := pipeline.Assignment{Case: c.ID, Version: version, Actor: who}
		if f.Assignee != textOf(c.Assignee) {
			req.Assignee = &f.Assignee
		}
		due, err := s.endOfDay(f.Due)
		if err != nil {
			return err
		}
		if due != nil && (c.DueAt == nil || f.Due != c.DueAt.In(s.location).Format(time.DateOnly)) {
			req.DueAt = due
		}
		_, err = s.service.Queue.Assign(ctx, req)
		return err
	}})
}

// endOfDay reads a day as a form gives it: its last second, where the desk is. It is nil
// for none.
func (s *Site) endOfDay(day string) (*time.Time, error) {
	if day == "" {
		return nil, nil //nolint:nilnil // no day was given
	}
	t, err := time.ParseInLocation(time.DateOnly, day, s.location)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the date is no day", Hint: "write it as in 2026-01-31"}
	}
	end := t.AddDate(0, 0, 1).Add(-time.Second)
	return &end, nil
}

func (s *Site) commentCase(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, caseAct{name: "comments", done: "commented", part: "#conversation", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, f *caseForm) error {
		_, err := s.service.Queue.Comment(ctx, pipeline.Remark{Case: c.ID, Version: version, Actor: who, Text: f.Text})
		return err
	}})
}

// decideCase records a vote.
func (s *Site) decideCase(w http.ResponseWriter, r *http.Request) error {
	var unsigned error
	var id uuid.UUID
	err := s.act(w, r, caseAct{name: "decisions", done: "decided", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, f *caseForm) error {
		ballot := pipeline.Ballot{Case: c.ID, Version: version, Actor: who, Kind: f.Kind, Reason: f.Reason}
		var err error
		if ballot.Comment, err = f.withBound(); err != nil {
			return err
		}
		if f.Kind == pipeline.DecisionApprove {
			if ballot.Until, err = s.endOfDay(f.Until); err != nil {
				return err
			}
			if ballot.Exception, err = exceptionID(f.Exception); err != nil {
				return err
			}
		}
		after, _, err := s.service.Decide(ctx, ballot)
		if err != nil && after.Version > version {
			// The vote stands, and signing failed: that is for whoever runs the desk.
			unsigned, id, err = err, c.ID, nil
		}
		return err
	}})
	if unsigned != nil {
		s.logger.Error("an approval could not be signed", "case", id, "error", unsigned)
	}
	return err
}

// withBound puts the number of parameters that an approval accepts into its comment, where
// the field for it holds one.
func (f *caseForm) withBound() (string, error) {
	if f.Kind != pipeline.DecisionApprove || f.Bound == "" {
		return f.Comment, nil
	}
	n, ok := review.NamedBound(f.Bound)
	if !ok {
		return "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "the number of parameters that you accept is no number", Hint: "write it as 71,000,000,000 or 71B"}
	}
	if f.Comment == "" {
		return "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "the comment is empty", Hint: "say in a sentence why"}
	}
	return f.Comment + "\n\nAccepted: up to " + report.Count(n) + " parameters.", nil
}

func exceptionID(text string) (*uuid.UUID, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // it rests on none
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the exception to rest on is none", Hint: "choose one of the list"}
	}
	return &id, nil
}

func (s *Site) revokeCase(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, caseAct{name: "revoke", done: "revoked", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, f *caseForm) error {
		_, err := s.service.Queue.Revoke(ctx, pipeline.Ballot{Case: c.ID, Version: version, Actor: who, Kind: pipeline.DecisionRevoke, Reason: f.Reason, Comment: f.Comment})
		return err
	}})
}

// linkCase makes a link through which somebody without an account answers. Its secret is in
// this one answer and nowhere else.
func (s *Site) linkCase(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	if !s.service.Links {
		return &pipeline.Error{Code: pipeline.CodeForbidden, Message: "this desk makes no links", Hint: "the operator can allow them"}
	}
	if c.State != pipeline.StateChangesRequested {
		return &pipeline.Error{Code: pipeline.CodeTransition, Message: "the case waits for no answer", Hint: "request changes first"}
	}
	link, path, err := s.keys.MakeLink(r.Context(), access.Of(r.Context()), c.ID, s.service.LinkTerm)
	if err != nil {
		return err
	}
	return s.renderCase(w, r, http.StatusOK, c.ID, func(p *casePage) { p.Link, p.LinkUntil = s.publicURL+path, link.ExpiresAt })
}

// endLinks ends the links through which somebody without an account could answer.
func (s *Site) endLinks(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	if _, err := s.keys.EndLinks(r.Context(), access.Of(r.Context()), c.ID); err != nil {
		return err
	}
	return s.done(w, r, "/cases/"+c.ID.String()+"#work", "links_ended")
}

// mostFormMemory is how much of a form with files is held in memory, in bytes; the rest
// waits in files.
const mostFormMemory = 8 << 20

// files reads the files of a form, at most so many. They are removed with the request.
func files(r *http.Request, most int) ([]pipeline.Attachment, error) {
	if err := r.ParseMultipartForm(mostFormMemory); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // the route bounds the body
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "what was sent is too large", Hint: "a file may have 25 MB", Err: err}
		}
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the form could not be read", Err: err, Hint: "send it again"}
	}
	if r.MultipartForm == nil {
		return nil, nil
	}
	var out []pipeline.Attachment
	for _, h := range r.MultipartForm.File["file"] {
		if h.Size == 0 && h.Filename == "" {
			continue
		}
		if len(out) == most {
			return nil, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("at most %d files can be sent at once", most)}
		}
		body, err := readPart(h)
		if err != nil {
			return nil, err
		}
		out = append(out, pipeline.Attachment{Name: h.Filename, Body: body})
	}
	return out, nil
}

func readPart(h *multipart.FileHeader) ([]byte, error) {
	f, err := h.Open()
	if err != nil {
		return nil, fmt.Errorf("open a file that was sent: %w", err)
	}
	defer func() { _ = f.Close() }()
	// One byte more than is taken, so that the desk sees that it is too large.
	body, err := io.ReadAll(io.LimitReader(f, pipeline.ExhibitMax+1))
	if err != nil {
		return nil, fmt.Errorf("read a file that was sent: %w", err)
	}
	return body, nil
}

// attachExhibit adds an evidence file.
func (s *Site) attachExhibit(w http.ResponseWriter, r *http.Request) error {
	sent, err := files(r, 1)
	if err == nil && len(sent) == 0 {
		err = &pipeline.Error{Code: pipeline.CodeUsage, Message: "no file was chosen", Hint: "choose a PDF, PNG, JPEG or text file of at most 25 MB"}
	}
	return s.act(w, r, caseAct{name: "exhibits", done: "attached", part: "#conversation", do: func(ctx context.Context, c pipeline.Case, version int64, who pipeline.Actor, _ *caseForm) error {
		if err != nil {
			return err
		}
		file := sent[0]
		file.Case, file.Version, file.Actor = c.ID, version, who
		_, err := s.service.Queue.Attach(ctx, file)
		return err
	}})
}

// showExhibit hands out an evidence file. It came from somebody: a picture is shown, and
// everything else is only saved.
func (s *Site) showExhibit(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such file"}
	}
	e, body, err := s.service.Queue.DB.ExhibitBody(r.Context(), id)
	if err != nil {
		return err
	}
	if _, err := s.service.Visible(r.Context(), e.Case, access.Of(r.Context()).Actor); err != nil {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such file"}
	}
	how := "attachment"
	if e.MediaType == "image/png" || e.MediaType == "image/jpeg" {
		how = "inline"
	}
	h := w.Header()
	h.Set("Content-Type", e.MediaType)
	if e.MediaType == "text/plain" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": e.Name}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", e.At, bytes.NewReader(body))
	return nil
}

// showReport hands the report out in a format.
func (s *Site) showReport(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	format, ok := report.FormatNamed(r.URL.Query().Get("format"))
	if !ok {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "there is no such format of a report", Hint: "there are: " + strings.Join(report.FormatNames(), ", ")}
	}
	said, err := s.service.Queue.DB.Report(r.Context(), c.ID)
	if err != nil {
		return err
	}
	if !access.Of(r.Context()).Sees() {
		app.WithoutOthers(&said)
	}
	var b bytes.Buffer
	if err := format.Write(&b, &said); err != nil {
		return err
	}
	kind, ending := reportKind(format.Name)
	h := w.Header()
	h.Set("Content-Type", kind)
	if format.Name == "html" {
		// The page brings its style along and names its digest; it has no script.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	} else {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "weighbridge-" + c.ID.String() + ending}))
	}
	_, _ = w.Write(b.Bytes()) // the client may be gone
	return nil
}

// reportKind is the media type of a format, and how its files end.
func reportKind(format string) (kind, ending string) {
	switch format {
	case "json":
		return "application/json", ".json"
	case "markdown":
		return "text/markdown; charset=utf-8", ".md"
	case "html":
		return "text/html; charset=utf-8", ".html"
	case "sarif":
		return "application/sarif+json", ".sarif"
	case "junit":
		return "application/xml", ".xml"
	case "cyclonedx":
		return "application/vnd.cyclonedx+json", ".cdx.json"
	}
	return "text/plain; charset=utf-8", ".txt"
}

// objectPage is what was read of one object.
type objectPage struct {
	Case pipeline.Case
	// Path is whole; Where the place of the evidence, Find the text that is looked for.
	Path, Where, Find string
	Object            *pipeline.ArtifactObject
	Kept              *pipeline.Kept
	View              keptView
	// Href is this page without its number.
	Href string
}

// showObject shows what was read of an object: the lines in which a fact was found.
func (s *Site) showObject(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p := objectPage{Case: c, Path: q.Get("path"), Where: q.Get("at"), Find: q.Get("find")}
	said, err := s.service.Queue.DB.Report(r.Context(), c.ID)
	if err != nil {
		return err
	}
	for i := range said.Artifact.Objects {
		if said.Artifact.Objects[i].Path == p.Path {
			p.Object = &said.Artifact.Objects[i]
		}
	}
	kept, err := s.service.Queue.DB.KeptObject(r.Context(), c.ID, p.Path)
	switch {
	case errors.Is(err, pipeline.ErrNotFound) && p.Object != nil:
		// It belongs to the artifact, and nothing of it had to be read.
	case err != nil:
		return err
	default:
		raw, cut, err := unpack(kept)
		if err != nil {
			return err
		}
		p.Kept, p.View = &kept, viewKept(raw, cut, p.Where, p.Find, atoi(q.Get("page")))
	}
	q.Del("page")
	p.Href = "/cases/" + c.ID.String() + "/object?" + q.Encode()
	return s.render(w, r, http.StatusOK, "object", p)
}

// answerCase is the submitter's answer to a request for changes.
func (s *Site) answerCase(w http.ResponseWriter, r *http.Request) error {
	c, err := s.visible(r)
	if err != nil {
		return err
	}
	who := access.Of(r.Context()).Actor
	sent, err := files(r, mostAnswered)
	f := formOf(r, "answer")
	var check *pipeline.Check
	if err == nil {
		check, err = s.takeAnswer(r, c, who, who, f, sent)
	}
	if err == nil {
		if check != nil {
			return s.done(w, r, "/checks/"+check.ID.String(), "answered")
		}
		return s.done(w, r, "/cases/"+c.ID.String()+"#conversation", "answered")
	}
	problem, status, ok := problemOf(err)
	if !ok {
		return err
	}
	f.Problem, f.Stale = problem, errors.Is(err, pipeline.ErrConflict)
	return s.renderCase(w, r, status, c.ID, func(p *casePage) { p.Form = f })
}

// mostAnswered bounds the files of one answer.
const mostAnswered = 10

// takeAnswer records an answer, and has the source checked again where that was asked for.
// by answers; asks is who the check is asked for by, the submitter, so that the new case
// has the same submitter as the old.
func (s *Site) takeAnswer(r *http.Request, c pipeline.Case, by, asks pipeline.Actor, f caseForm, sent []pipeline.Attachment) (*pipeline.Check, error) {
	version, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	var asked app.Asked
	if f.Again {
		// What would be refused is found out before the answer is recorded.
		if asked, err = s.askedAgain(r.Context(), c, f); err != nil {
			return nil, err
		}
		if link := access.Of(r.Context()).Link; link != nil {
			asked.Link = &link.ID
		}
	}
	if _, err := s.service.Queue.Answer(r.Context(), pipeline.Answer{Case: c.ID, Version: version, Actor: by, Text: f.Text, Files: sent}); err != nil {
		return nil, err
	}
	if !f.Again {
		return nil, nil //nolint:nilnil // no check was asked for
	}
	check, err := s.service.Ask(r.Context(), asked, asks)
	return &check, err
}

// askedAgain is the check of a case's source with what is declared now. Where another
// submission is declared, the new case takes the place of the old one.
func (s *Site) askedAgain(ctx context.Context, c pipeline.Case, f caseForm) (app.Asked, error) {
	declared, err := s.service.Queue.DB.Submission(ctx, c.ID)
	if err != nil {
		return app.Asked{}, err
	}
	asked := app.Asked{Source: c.Source, Submission: declared, Hash: c.ContentDigest != nil}
	said, err := s.service.Queue.DB.Report(ctx, c.ID)
	if err != nil {
		return app.Asked{}, err
	}
	asIs := func(words *Words) bool { return f.Yaml == strings.TrimSpace(answerYAML(words, declared, &said)) }
	if f.Yaml == "" || slices.ContainsFunc(s.languages, asIs) {
		return asked, nil // nothing was filled in
	}
	if asked.Submission, err = app.ParseSubmission(f.Yaml); err != nil {
		return app.Asked{}, err
	}
	if pipeline.SubmissionDigest(asked.Submission) != pipeline.SubmissionDigest(declared) {
		asked.Replaces = &c.ID
	}
	return asked, nil
}
