package webui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// answerRoutes are those of answering without an account.
func (s *Site) answerRoutes() []route {
	return []route{{"GET /answer/{secret}", s.showAnswer}, {"POST /answer/{secret}", s.sendAnswer}}
}

// answerPage is what somebody sees who holds a link to one case: what was asked, and
// nothing of other cases or of who reviews.
type answerPage struct {
	Source  string
	Version int64
	State   pipeline.State
	// Waits is true while an answer is waited for.
	Waits bool
	// Asked is the request's own text.
	Asked     string
	AskedAt   time.Time
	Questions []report.Question
	Skeleton  string
	// Until is the end of the link.
	Until time.Time
	// Path is where the form is sent.
	Path string
	Form caseForm
	// Taken is true after an answer was taken.
	Taken bool
	// Checks are those that answers through this link asked for, the newest first; Poll is
	// where the part that tells of them is asked for, "" when all have ended.
	Checks []checkPage
	Poll   string
	seen   string
}

// mostAnswerChecks bounds the checks that are told of.
const mostAnswerChecks = 20

// checksThrough returns the checks that answers through a link asked for, and a text that
// is another one where something moved.
func (s *Site) checksThrough(r *http.Request, link *pipeline.Link) (list []checkPage, seen string, err error) {
	page, err := s.service.Queue.DB.Checks(r.Context(), pipeline.CheckFilter{Link: &link.ID, Limit: mostAnswerChecks})
	if err != nil {
		return nil, "", err
	}
	var said []string
	for _, c := range page.Items {
		p := checkOf(c)
		list, said = append(list, p), append(said, p.seen())
	}
	return list, strings.Join(said, "."), nil
}

func (s *Site) showAnswer(w http.ResponseWriter, r *http.Request) error {
	p, _, err := s.answerPageOf(r)
	if err != nil {
		return err
	}
	if q := r.URL.Query(); partial(r) && q.Has("seen") && q.Get("seen") == p.seen {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if partial(r) {
		return s.fragment(w, r, "answer", "answerchecks", p)
	}
	return s.render(w, r, http.StatusOK, "answer", p)
}

// answerPageOf gathers what a link shows.
func (s *Site) answerPageOf(r *http.Request) (*answerPage, pipeline.Case, error) {
	link := access.Of(r.Context()).Link
	if link == nil {
		return nil, pipeline.Case{}, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "this link does not count any more", Hint: "ask who sent it for a new one"}
	}
	h, err := s.service.Queue.DB.History(r.Context(), link.Case)
	if err != nil {
		return nil, pipeline.Case{}, err
	}
	c := h.Case
	p := &answerPage{Source: c.Source, Version: c.Version, State: c.State, Waits: c.State == pipeline.StateChangesRequested, Until: link.ExpiresAt,
		Path: r.URL.Path, Taken: r.URL.Query().Get("done") == "answered"}
	if p.Checks, p.seen, err = s.checksThrough(r, link); err != nil {
		return nil, c, err
	}
	if slices.ContainsFunc(p.Checks, func(c checkPage) bool { return !c.Ended() }) {
		p.Poll = p.Path + "?" + url.Values{"seen": {p.seen}}.Encode()
	}
	if asked := requestOf(h); asked != nil {
		p.Asked, p.AskedAt = asked.Comment, asked.At
		said, err := s.service.Queue.DB.Report(r.Context(), c.ID)
		if err != nil {
			return nil, c, err
		}
		for _, q := range report.Questions(&said) {
			if q.Enforced {
				p.Questions = append(p.Questions, q)
			}
		}
		declared, err := s.service.Queue.DB.Submission(r.Context(), c.ID)
		if err != nil {
			return nil, c, err
		}
		p.Skeleton = answerYAML(s.words(r), declared, &said)
	}
	return p, c, nil
}

// sendAnswer takes an answer that came through a link. The check that it may ask for is
// the submitter's, so that the new case has the same submitter as the old.
func (s *Site) sendAnswer(w http.ResponseWriter, r *http.Request) error {
	p, c, err := s.answerPageOf(r)
	if err != nil {
		return err
	}
	sent, err := files(r, mostAnswered)
	f := formOf(r, "answer")
	if err == nil {
		who := access.Of(r.Context()).Actor
		_, err = s.takeAnswer(r, c, who, pipeline.Actor{Name: c.Submitter.Name, Known: pipeline.KnownLink}, f, sent)
	}
	if err == nil {
		return s.done(w, r, p.Path, "answered")
	}
	problem, status, ok := problemOf(err)
	if !ok {
		return err
	}
	f.Problem, f.Stale = problem, errors.Is(err, pipeline.ErrConflict)
	p.Form = f
	return s.render(w, r, status, "answer", p)
}

// answerYAML is a submission to go on with: what is declared, and the keys that enforced
// rules ask for, without an answer.
func answerYAML(words *Words, declared *pipeline.Submission, said *pipeline.Report) string {
	var asked []string
	for _, q := range report.Questions(said) {
		if q.Enforced {
			asked = append(asked, q.Fact)
		}
	}
	text := submissionText(words, declared, asked)
	return text
}
