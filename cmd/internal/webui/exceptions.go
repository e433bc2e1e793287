package webui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

func (s *Site) exceptionRoutes() []route {
	return []route{
		{"GET /exceptions", s.showExceptions},
		{"POST /exceptions", s.grantException},
		{"POST /exceptions/{id}/end", s.endException},
	}
}

const (
	// lapsesSoon is how near an end is marked.
	lapsesSoon        = 14 * 24 * time.Hour
	exceptionsPerPage = 200
)

// exceptionsView is the page of exceptions.
type exceptionsView struct {
	Rows []exceptionRow
	// All is true where those that have ended are shown too.
	All   bool
	Keeps bool
	// First and Next lead to the first and the next page, "" where there is none.
	First, Next string
	Rules       []ruleChoice
	Reasons     []pipeline.ReasonCode
	Form        grantForm
	Problem     *Problem
	// Ending is the exception whose form has the problem, the zero id for the grant's.
	Ending uuid.UUID
	Why    string
}

// exceptionRow is one exception.
type exceptionRow struct {
	pipeline.Exception
	Live, Soon bool
	// Resting counts the cases that rest on it, approved or on the way there.
	Resting int
}

// ruleChoice is a rule that an exception can be from.
type ruleChoice struct{ Name, Title string }

// grantForm is what was typed.
type grantForm struct{ Rule, Scope, Owner, Reason, Comment, Until string }

func (s *Site) showExceptions(w http.ResponseWriter, r *http.Request) error {
	return s.renderExceptions(w, r, http.StatusOK, exceptionsView{})
}

func (s *Site) renderExceptions(w http.ResponseWriter, r *http.Request, status int, v exceptionsView) error {
	ctx := r.Context()
	v.All = r.Method == http.MethodGet && r.URL.Query().Get("all") == "1"
	v.Keeps = access.Of(ctx).Actor.HasAny(pipeline.RoleLegal, pipeline.RoleAdmin)
	v.Reasons = pipeline.ReasonCodes()
	filter := pipeline.ExceptionFilter{Order: pipeline.ExceptionsEnding, Limit: exceptionsPerPage}
	if r.Method == http.MethodGet {
		filter.Cursor = r.URL.Query().Get(keyCursor)
	}
	if !v.All {
		filter.LiveAt = s.now()
	}
	found, err := s.service.Queue.DB.Exceptions(ctx, filter)
	if err != nil {
		return err
	}
	v.First, v.Next = pagerOf(r, "/exceptions", found.Next)
	for _, e := range found.Items {
		row := exceptionRow{Exception: e, Live: e.Live(s.now())}
		row.Soon = row.Live && e.Until.Sub(s.now()) < lapsesSoon
		if row.Live {
			resting, err := s.service.Queue.DB.RestingOn(ctx, e.ID)
			if err != nil {
				return err
			}
			row.Resting = len(resting)
		}
		v.Rows = append(v.Rows, row)
	}
	if v.Keeps {
		if v.Rules, err = s.ruleChoices(); err != nil {
			return err
		}
	}
	return s.render(w, r, status, "exceptions", v)
}

// ruleChoices lists the rules that can stop a model.
func (s *Site) ruleChoices() ([]ruleChoice, error) {
	packs, err := s.configured()
	if err != nil {
		return nil, err
	}
	var out []ruleChoice
	for _, p := range packs {
		for _, rule := range p.Pack.Rules {
			if p.Mode == pipeline.ModeEnforce && (rule.Effect == pipeline.EffectBlock || rule.Effect == pipeline.EffectReview) {
				out = append(out, ruleChoice{Name: p.Pack.Name + "/" + rule.ID, Title: rule.Title})
			}
		}
	}
	slices.SortFunc(out, func(a, b ruleChoice) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (s *Site) grantException(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	f := grantForm{Rule: r.PostForm.Get("rule"), Scope: strings.TrimSpace(r.PostForm.Get("scope")), Owner: strings.TrimSpace(r.PostForm.Get("owner")),
		Reason: r.PostForm.Get("reason"), Comment: r.PostForm.Get("comment"), Until: r.PostForm.Get("until")}
	_, err := s.grant(r, f)
	if err != nil {
		problem, status, ok := problemOf(err)
		if !ok {
			return err
		}
		return s.renderExceptions(w, r, status, exceptionsView{Form: f, Problem: problem})
	}
	return s.done(w, r, "/exceptions", "granted")
}

func (s *Site) grant(r *http.Request, f grantForm) (pipeline.Exception, error) {
	until, err := s.lastMoment(f.Until)
	if err != nil {
		return pipeline.Exception{}, err
	}
	if until == nil {
		return pipeline.Exception{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: "an exception needs an end", Hint: "give its last day"}
	}
	pack, rule, _ := strings.Cut(f.Rule, "/")
	return s.service.Queue.Grant(r.Context(), pipeline.Exception{Pack: pack, Rule: rule, Scope: f.Scope, Owner: f.Owner,
		Reason: pipeline.ReasonCode(f.Reason), Comment: f.Comment, Until: *until}, access.Of(r.Context()).Actor)
}

func (s *Site) endException(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such exception"}
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	why := r.PostForm.Get("why")
	if _, _, err := s.service.Queue.EndEarly(r.Context(), id, why, access.Of(r.Context()).Actor); err != nil {
		problem, status, ok := problemOf(err)
		if !ok {
			return err
		}
		return s.renderExceptions(w, r, status, exceptionsView{Problem: problem, Ending: id, Why: why})
	}
	return s.done(w, r, "/exceptions", "ended")
}
