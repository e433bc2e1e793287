package webui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/webui"
	"weighbridge/pipeline"
)

// signedIn answers as the pages do for somebody whom the browser's session names: a token
// cannot make another, so that these pages are asked without one.
func (d *desk) signedIn(name string, roles []pipeline.ActorRole, method, path string, form url.Values) answer {
	d.t.Helper()
	account, err := d.service.Queue.DB.SignIn(d.t.Context(), pipeline.Account{Issuer: "https://id.example.org", Subject: name, Name: name, Roles: roles,
		CreatedAt: d.clock.Now(), SeenAt: d.clock.Now()})
	require.NoError(d.t, err)
	mux := http.NewServeMux()
	d.site.Register(muxOf(mux.Handle), d.mux)
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r.WithContext(access.With(r.Context(), access.Identity{Account: &account,
		Actor: pipeline.Actor{Name: name, Known: pipeline.KnownSignedIn, Roles: roles}})))
	return parsed(d.t, rec)
}

type muxOf func(string, http.Handler)

func (m muxOf) Handle(pattern string, h http.Handler) { m(pattern, h) }

var _ webui.Mux = muxOf(nil)

func TestTheSecretOfATokenIsShownOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	rita := []pipeline.ActorRole{pipeline.RoleReviewer}
	form := url.Values{"label": {"my laptop <b>"}, "role": {"reviewer"}, "days": {"30"}}
	made := d.signedIn("rita", rita, http.MethodPost, "/tokens", form)
	require.Equal(t, http.StatusOK, made.status, made.body)
	require.Equal(t, "no-store", made.header.Get("Cache-Control"))
	secrets := made.all("input", "id", "secret")
	require.Len(t, secrets, 1)
	secret := attr(secrets[0], "value")
	require.True(t, strings.HasPrefix(secret, access.TokenPrefix))
	require.Equal(t, http.StatusOK, d.get(secret, "/queue").status, "the token counts")

	list := d.signedIn("rita", rita, http.MethodGet, "/tokens", nil)
	require.NotContains(t, list.body, secret)
	require.Contains(t, list.main(), "my laptop <b>")
	requireInert(t, list, "/tokens")
	require.Empty(t, list.all("input", "name", "machine"), "only an admin makes machines' tokens")

	other := d.signedIn("ravi", rita, http.MethodGet, "/tokens", nil)
	require.NotContains(t, other.body, "my laptop")
	ids := list.all("form", "method", "post")
	var revoke string
	for _, n := range ids {
		if strings.HasSuffix(attr(n, "action"), "/revoke") {
			revoke = attr(n, "action")
		}
	}
	require.NotEmpty(t, revoke)
	require.Equal(t, http.StatusNotFound, d.signedIn("ravi", rita, http.MethodPost, revoke, url.Values{}).status)
	require.Equal(t, http.StatusSeeOther, d.signedIn("rita", rita, http.MethodPost, revoke, url.Values{}).status)
	require.Equal(t, http.StatusUnauthorized, d.get(secret, "/queue").status)
}

func TestTokensThatCannotBeMade(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	rita, adam := []pipeline.ActorRole{pipeline.RoleReviewer}, []pipeline.ActorRole{pipeline.RoleAdmin}
	for name, c := range map[string]struct {
		roles  []pipeline.ActorRole
		form   url.Values
		status int
	}{
		"a role that one lacks":       {rita, url.Values{"label": {"x"}, "role": {"admin"}, "days": {"30"}}, http.StatusUnprocessableEntity},
		"no role":                     {rita, url.Values{"label": {"x"}, "days": {"30"}}, http.StatusUnprocessableEntity},
		"no label":                    {rita, url.Values{"label": {" "}, "role": {"reviewer"}, "days": {"30"}}, http.StatusUnprocessableEntity},
		"a term of one's own":         {rita, url.Values{"label": {"x"}, "role": {"reviewer"}, "days": {"9999"}}, http.StatusUnprocessableEntity},
		"a machine by a reviewer":     {rita, url.Values{"label": {"x"}, "machine": {"ci"}, "role": {"submitter"}, "days": {"30"}}, http.StatusForbidden},
		"a machine without a name":    {adam, url.Values{"label": {"x"}, "machine": {""}, "role": {"submitter"}, "days": {"30"}}, http.StatusUnprocessableEntity},
		"a machine that decides":      {adam, url.Values{"label": {"x"}, "machine": {"ci"}, "role": {"reviewer"}, "days": {"30"}}, http.StatusUnprocessableEntity},
		"a machine named as a person": {adam, url.Values{"label": {"x"}, "machine": {"PERSON"}, "role": {"submitter"}, "days": {"30"}}, http.StatusConflict},
	} {
		page := d.signedIn("person", c.roles, http.MethodPost, "/tokens", c.form)
		require.Equal(t, c.status, page.status, name)
		require.NotEmpty(t, page.all("div", "role", "alert"), name)
		require.NotContains(t, page.body, access.TokenPrefix, name)
	}
	machine := d.signedIn("person", adam, http.MethodPost, "/tokens", url.Values{"label": {"ci"}, "machine": {"ci-publish"}, "role": {"submitter"}, "days": {"90"}})
	require.Equal(t, http.StatusOK, machine.status)
	require.Contains(t, machine.main(), "ci-publish machine")
	require.Equal(t, http.StatusNotFound, d.signedIn("person", adam, http.MethodPost, "/tokens/"+uuid.NewString()+"/revoke", url.Values{}).status)
	require.Equal(t, http.StatusNotFound, d.signedIn("person", adam, http.MethodPost, "/tokens/x/revoke", url.Values{}).status)
	require.Equal(t, http.StatusForbidden, d.post(d.person("ravi", pipeline.RoleReviewer), "/tokens", url.Values{"label": {"x"}, "role": {"reviewer"}, "days": {"30"}}).status, "a token makes no other")
}
