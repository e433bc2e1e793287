package webui_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// lay writes a model and returns its folder.
func (d *desk) lay(model, place string, opts ...fixtures.WriteOption) string {
	d.t.Helper()
	m, err := fixtures.Load(model)
	require.NoError(d.t, err)
	folder := filepath.Join(d.folder, place)
	require.NoError(d.t, m.Write(folder, opts...))
	return folder
}

// checkID is the check that an answer sends the browser to.
func checkID(t *testing.T, a answer) uuid.UUID {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	path, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Location"), "/checks/"), "?")
	id, err := uuid.Parse(path)
	require.NoError(t, err, a.header.Get("Location"))
	return id
}

func TestSubmit_AsksWhatTheModelDoesNotShow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	source := d.lay(large, "m")
	require.Equal(t, http.StatusOK, d.get(sue, "/submit").status)

	form := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"draft"}})
	require.Equal(t, http.StatusOK, form.status, form.body)
	for _, want := range []string{"What it shows of itself", "828,375,040", "What the rules ask", "Asked by", "Everything else that can be declared"} {
		require.Contains(t, form.main(), want)
	}
	require.NotContains(t, form.body, "[submit.")
	require.Len(t, form.all("select", "name", "f.weights.access"), 1)
	require.Len(t, form.all("input", "name", "f.training.flops.upper"), 1)
	names := map[string]bool{}
	each(form.doc, func(n *html.Node) {
		if name := attr(n, "name"); strings.HasPrefix(name, "f.") && attr(n, "type") != "checkbox" {
			require.False(t, names[name], "%s is asked for twice", name)
			names[name] = true
		}
	})
	require.Greater(t, len(names), 150)

	more := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"more:bases"}, "f.destination.country": {"DE"}, "n.bases": {"1"}})
	require.Len(t, more.all("input", "name", "f.bases[1].id"), 1)
	require.Equal(t, "DE", attr(more.all("input", "name", "f.destination.country")[0], "value"))

	written := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"yaml"}, "f.destination.country": {"DE"}})
	require.Contains(t, written.all("textarea", "name", "submission")[0].FirstChild.Data, `country: "DE"`)

	wrong := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}, "drafted": {"1"}, "f.destination.country": {"Germany"}, "f.recipient.country": {"Gaul"},
		"asked": {"destination.country"}})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.main(), "things are wrong with what was declared")
	require.Equal(t, "true", attr(wrong.all("input", "name", "f.destination.country")[0], "aria-invalid"))
	require.Equal(t, "Germany", attr(wrong.all("input", "name", "f.destination.country")[0], "value"))
	words := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}, "drafted": {"1"}, "f.model.parameters": {"many"}})
	require.Contains(t, words.main(), "1 thing is wrong")
	require.Equal(t, "many", attr(words.all("input", "name", "f.model.parameters")[0], "value"))

	id := checkID(t, d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}, "drafted": {"1"}, "f.destination.country": {"DE"}, "f.weights.access": {"partner"}}))
	declared, err := d.service.Queue.DB.CheckSubmission(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "DE", *declared.Destination.Country)
}

func TestSubmit_AFileTakesThePlaceOfTheForm(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	source := d.lay(large, "m")
	fields := map[string]string{"source": source, "step": "ask"}
	id := checkID(t, d.send(sue, "/submit", fields, map[string][]byte{"submission.yaml": []byte("destination: {country: FR}\n")}))
	declared, err := d.service.Queue.DB.CheckSubmission(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "FR", *declared.Destination.Country)

	wrong := d.send(sue, "/submit", fields, map[string][]byte{"submission.yaml": []byte("destination: {country: FR}\nfoo: 1\n")})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.main(), "Line 2, column 1:")
	require.Contains(t, wrong.all("textarea", "name", "submission")[0].FirstChild.Data, "foo: 1", "what was sent is kept")
	require.Equal(t, http.StatusUnprocessableEntity, d.post(sue, "/submit", url.Values{"source": {"nowhere://x"}, "step": {"ask"}}).status)
	gone := d.post(sue, "/submit", url.Values{"source": {filepath.Join(d.folder, "gone")}, "step": {"draft"}})
	require.Equal(t, http.StatusUnprocessableEntity, gone.status)
	require.NotEmpty(t, gone.all("div", "role", "alert"))

	d.service.Folders = false
	require.Contains(t, d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}}).main(), "checks buckets only")
}

func TestCheck_ShowsHowFarItIsAndWhatCameOfIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue, sam, rita := d.person("sue", pipeline.RoleSubmitter), d.person("sam", pipeline.RoleSubmitter), d.person("rita", pipeline.RoleReviewer)
	source := d.lay(large, "m")
	id := checkID(t, d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}}))
	path := "/checks/" + id.String()
	page := d.get(sue, path)
	require.Contains(t, page.main(), "Waits for a free worker")
	poll := attr(page.all("div", "id", "progress")[0], "hx-get")
	require.Equal(t, http.StatusNoContent, d.get(sue, poll, "HX-Request", "true").status, "nothing has changed")
	require.Len(t, page.all("progress", "", ""), 1)
	require.Equal(t, http.StatusNotFound, d.get(sam, path).status, "a check of somebody else")
	require.Equal(t, http.StatusOK, d.get(rita, path).status)

	d.run(t.Context())
	part := d.get(sue, poll, "HX-Request", "true")
	require.Equal(t, http.StatusOK, part.status)
	require.NotContains(t, part.body, "<main")
	require.NotContains(t, part.body, "hx-get", "what has ended is not asked for again")
	check, err := d.service.Queue.DB.CheckByID(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, part.all("a", "href", "/cases/"+check.Case.String()), 1)
	require.Equal(t, http.StatusOK, d.get(sue, "/cases/"+check.Case.String()).status)

	lost, err := d.service.Ask(t.Context(), app.Asked{Source: filepath.Join(d.folder, "gone")}, actor("sue", pipeline.RoleSubmitter))
	require.NoError(t, err)
	d.run(t.Context())
	failed := d.get(sue, "/checks/"+lost.ID.String())
	require.Contains(t, failed.main(), "It failed")
	require.NotEmpty(t, failed.all("div", "role", "alert"))
	again := failed.all("a", "href", "/submit?from="+lost.ID.String())
	require.Len(t, again, 1)
	require.Contains(t, attr(d.get(sue, attr(again[0], "href")).all("input", "name", "source")[0], "value"), "gone")
	require.Equal(t, http.StatusNotFound, d.get(sam, attr(again[0], "href")).status)

	require.Contains(t, d.get(sue, "/checks").main(), "gone")
	require.NotContains(t, d.get(sam, "/checks").main(), "gone")
	require.Contains(t, d.get(rita, "/checks").main(), "gone")
	require.NotContains(t, d.get(rita, "/checks?by=me").main(), "gone")
}

// asked lays out a case that waits for an answer.
func asked(t *testing.T, d *desk) pipeline.Case {
	t.Helper()
	c := d.weigh(large, "m", "sue", app.Run{})
	c, err := d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: c.ID, Actor: actor("rita", pipeline.RoleReviewer), Kind: pipeline.DecisionChanges, Reason: pipeline.ReasonEvidenceMissing, Comment: "Where does it go?"})
	require.NoError(t, err)
	return c
}

func TestAnswer_ThroughALinkWithoutAnAccount(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := asked(t, d)
	other := d.weigh(large, "n", "sam", app.Run{})
	_, path, err := d.mux.MakeLink(t.Context(), access.Identity{Actor: actor("rita", pipeline.RoleReviewer)}, c.ID, time.Hour)
	require.NoError(t, err)
	page := d.get("", path)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.main(), "Where does it go?")
	require.NotContains(t, page.body, "rita", "who reviews is not told")
	require.NotContains(t, page.body, other.ID.String())
	require.NotContains(t, page.body, "[answer.")
	require.Empty(t, page.all("nav", "class", "pages"))
	version := page.version(path)

	empty := d.send("", path, map[string]string{"version": version, "text": " "}, nil)
	require.Equal(t, http.StatusUnprocessableEntity, empty.status)
	wrong := d.send("", path, map[string]string{"version": version, "text": "To Germany.", "again": "1", "submission": "destination: {country: Germany}"}, nil)
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.body, ">To Germany.</textarea>")
	got, err := d.service.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateChangesRequested, got.State, "nothing was recorded")

	taken := d.send("", path, map[string]string{"version": version, "text": "To Germany.", "again": "1", "submission": "destination: {country: DE}"}, map[string][]byte{"contract.txt": []byte("signed")})
	require.Equal(t, http.StatusSeeOther, taken.status, taken.body)
	after := d.get("", taken.header.Get("Location"))
	require.Contains(t, after.main(), "Your answer has reached those who review it.")
	require.Contains(t, after.main(), "Waits for a free worker")
	_, another, err := d.mux.MakeLink(t.Context(), access.Identity{Actor: actor("rita", pipeline.RoleReviewer)}, c.ID, time.Hour)
	require.NoError(t, err)
	poll := attr(after.all("div", "id", "checks")[0], "hx-get")
	require.True(t, strings.HasPrefix(poll, path+"?"), poll)
	require.Equal(t, http.StatusNoContent, d.get("", poll, "HX-Request", "true").status, "nothing has moved")
	// Checks of the same submitter that others asked for are none of this link's.
	_, err = d.service.Ask(t.Context(), app.Asked{Source: other.Source}, actor("sue", pipeline.RoleSubmitter))
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, d.get("", poll, "HX-Request", "true").status)
	for _, page := range []answer{d.get("", another), d.get("", another, "HX-Request", "true")} {
		require.Equal(t, http.StatusOK, page.status)
		require.NotContains(t, page.body, "Waits for a free worker", "what another link started")
		require.NotContains(t, page.body, "hx-get")
	}
	started, err := d.service.Queue.DB.Checks(t.Context(), pipeline.CheckFilter{By: "sue"})
	require.NoError(t, err)
	for _, check := range started.Items {
		require.NotEqual(t, http.StatusOK, d.get("", "/checks/"+check.ID.String()).status)
		require.NotContains(t, after.body, check.ID.String())
	}
	h, err := d.service.Queue.DB.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.True(t, h.Case.State.Undecided() && h.Case.State != pipeline.StateChangesRequested, h.Case.State)
	require.Len(t, h.Exhibits, 1)
	require.Equal(t, pipeline.KnownLink, h.Comments[0].Actor.Known)

	d.run(t.Context())
	moved := d.get("", poll, "HX-Request", "true")
	require.Equal(t, http.StatusOK, moved.status)
	require.Contains(t, moved.body, "Those who review see the result.")
	require.NotContains(t, moved.body, "hx-get", "there is nothing to wait for any more")
	require.NotContains(t, moved.body, "/cases/")
	old, err := d.service.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateSuperseded, old.State)
	fresh, err := d.service.Queue.DB.History(t.Context(), *old.SupersededBy)
	require.NoError(t, err)
	require.Equal(t, "sue", fresh.Case.Submitter.Name, "the submitter stays the submitter")
	require.Len(t, fresh.Exhibits, 1)
	require.Contains(t, d.get(d.person("ruth", pipeline.RoleReviewer), casePath(fresh.Case)).main(), "To Germany.")
	require.Equal(t, http.StatusUnprocessableEntity, d.send("", path, map[string]string{"text": "again"}, nil).status)
	require.Equal(t, http.StatusConflict, d.send("", path, map[string]string{"version": version, "text": "again"}, nil).status)

	d.clock.Add(2 * time.Hour)
	require.Equal(t, http.StatusNotFound, d.get("", path).status, "the link has ended")
	require.Equal(t, http.StatusNotFound, d.get("", poll, "HX-Request", "true").status)
	require.Equal(t, http.StatusNotFound, d.get("", path[:len(path)-1]+"x").status)
}

func TestAnswer_OfTheSubmitterOnTheirOwnCase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := asked(t, d)
	sue, sam := d.person("sue", pipeline.RoleSubmitter), d.person("sam", pipeline.RoleSubmitter)
	action := casePath(c) + "/answer"
	page := d.get(sue, casePath(c))
	require.Contains(t, page.main(), "Where does it go?")
	version := page.version(action)
	require.Equal(t, http.StatusNotFound, d.send(sam, action, map[string]string{"version": version, "text": "hi"}, nil).status)
	require.Empty(t, d.get(d.person("ruth", pipeline.RoleReviewer), casePath(c)).all("form", "action", action))

	// The submission as it was shown says that nothing else is declared: the same case is judged again.
	shown := page.all("textarea", "name", "submission")[0].FirstChild.Data
	sent := d.send(sue, action, map[string]string{"version": version, "text": "New bytes are there.", "again": "1", "submission": shown}, nil)
	id := checkID(t, sent)
	d.run(t.Context())
	check, err := d.service.Queue.DB.CheckByID(t.Context(), id)
	require.NoError(t, err)
	require.Nil(t, check.Replaces)
	require.Equal(t, c.ID, *check.Case)
	require.Contains(t, d.get(sue, casePath(c)).main(), "New bytes are there.")
}
