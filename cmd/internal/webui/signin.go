package webui

import (
	"net/http"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// languageCookie keeps the language that a reader chose.
const languageCookie = "weighbridge-language"

// signInView is the page that leads to the identity provider.
type signInView struct{ Next string }

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "signin", signInView{Next: access.LocalPath(r.URL.Query().Get("next"))})
}

// chooseLanguage keeps a language, and goes back to where the reader was.
func (s *Site) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	for _, one := range s.languages {
		if one.Tag == r.PostForm.Get("language") {
			http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: one.Tag, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, //nolint:gosec // it holds the name of a language
				Secure: r.TLS != nil || len(s.publicURL) > 5 && s.publicURL[:5] == "https", SameSite: http.SameSiteLaxMode})
			return s.done(w, r, r.PostForm.Get("next"), "")
		}
	}
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the desk does not speak this language"}
}

// badForm is the error of a form that cannot be read. One that is too long stays what it is.
func badForm(err error) error {
	if statusOf(err) == http.StatusRequestEntityTooLarge {
		return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "what was sent is too long", Hint: "shorten it, or attach it as a file"}
	}
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the form cannot be read", Hint: "go back, and send it again", Err: err}
}
