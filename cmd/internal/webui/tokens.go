package webui

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

func (s *Site) tokenRoutes() []route {
	return []route{
		{"GET /tokens", s.showTokens},
		{"POST /tokens", s.makeToken},
		{"POST /tokens/{id}/revoke", s.revokeToken},
	}
}

// tokenTerms are the terms that the form offers, in days.
var tokenTerms = [...]int{7, 30, 90, 365}

// tokensView is the page of tokens.
type tokensView struct {
	Rows []tokenRow
	// Own is true for somebody who can have tokens of their own, Admin for somebody who
	// makes machines' tokens and sees all.
	Own, Admin bool
	// OwnRoles and MachineRoles are what a token can hold.
	OwnRoles, MachineRoles []pipeline.ActorRole
	Terms                  []int
	Form                   tokenForm
	Problem                *Problem
	// Made is a token that was made just now, nil where none was, Secret its secret.
	Made   *pipeline.Token
	Secret string
	// First and Next lead to the first and the next page, "" where there is none.
	First, Next string
}

const tokensPerPage = 100

// tokenRow is one token.
type tokenRow struct {
	pipeline.Token
	Valid, Machine bool
}

// tokenForm is what was typed.
type tokenForm struct {
	Label, Machine, Days string
	Roles                []string
	// ForMachine is true for the form of machines.
	ForMachine bool
}

// Has reports whether a role was ticked.
func (f tokenForm) Has(role pipeline.ActorRole) bool { return slices.Contains(f.Roles, string(role)) }

func (s *Site) showTokens(w http.ResponseWriter, r *http.Request) error {
	return s.renderTokens(w, r, http.StatusOK, tokensView{})
}

func (s *Site) renderTokens(w http.ResponseWriter, r *http.Request, status int, v tokensView) error {
	who := access.Of(r.Context())
	cursor := ""
	if r.Method == http.MethodGet {
		cursor = r.URL.Query().Get(keyCursor)
	}
	found, err := s.keys.TokensOf(r.Context(), who, cursor, tokensPerPage)
	if err != nil {
		return err
	}
	v.First, v.Next = pagerOf(r, "/tokens", found.Next)
	for _, t := range found.Items {
		v.Rows = append(v.Rows, tokenRow{Token: t, Valid: t.Valid(s.now()), Machine: t.Account == nil})
	}
	v.Own, v.Admin = who.Account != nil && len(who.Actor.Roles) > 0, who.Actor.Has(pipeline.RoleAdmin)
	v.OwnRoles, v.MachineRoles, v.Terms = who.Actor.Roles, pipeline.MachineRoles(), tokenTerms[:]
	if v.Form.Days == "" {
		v.Form.Days = strconv.Itoa(tokenTerms[1])
	}
	return s.render(w, r, status, "tokens", v)
}

// makeToken makes a token and shows its secret, on this one page and never again.
func (s *Site) makeToken(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	f := tokenForm{Label: strings.TrimSpace(r.PostForm.Get("label")), Machine: strings.TrimSpace(r.PostForm.Get("machine")), Days: r.PostForm.Get("days"),
		Roles: r.PostForm["role"], ForMachine: r.PostForm.Has("machine")}
	made, secret, err := s.newToken(r, f)
	if err != nil {
		problem, status, ok := problemOf(err)
		if !ok {
			return err
		}
		return s.renderTokens(w, r, status, tokensView{Form: f, Problem: problem})
	}
	return s.renderTokens(w, r, http.StatusOK, tokensView{Made: &made, Secret: secret})
}

func (s *Site) newToken(r *http.Request, f tokenForm) (pipeline.Token, string, error) {
	days, err := strconv.Atoi(f.Days)
	if err != nil || !slices.Contains(tokenTerms[:], days) {
		return pipeline.Token{}, "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "it is not said how long the token counts", Hint: "choose a term of the list"}
	}
	if f.ForMachine && f.Machine == "" {
		return pipeline.Token{}, "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "the machine has no name", Hint: "name it, such as ci-publish"}
	}
	wanted := access.Wanted{Label: f.Label, Machine: f.Machine, Term: time.Duration(days) * 24 * time.Hour}
	for _, role := range f.Roles {
		wanted.Roles = append(wanted.Roles, pipeline.ActorRole(role))
	}
	return s.keys.MakeToken(r.Context(), access.Of(r.Context()), wanted)
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such token"}
	}
	if err := s.keys.RevokeToken(r.Context(), access.Of(r.Context()), id); err != nil {
		return err
	}
	return s.done(w, r, "/tokens", "token_revoked")
}
