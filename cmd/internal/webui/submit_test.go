package webui_test

import (
	"fmt"
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

	written := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"yaml"}, "f.destination.country": {"DE"}})
	require.Contains(t, written.all("textarea", "name", "submission")[0].FirstChild.Data, `country: "DE"`)

	wrong := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"ask"}, "drafted": {"1"}, "f.destination.country": {"Germany"}, "f.recipient.country": {"Gaul"},
		"shown": {`{"Questions":[{"Fact":"destination.country","Rules":["R-1"],"Enforced":true}]}`}})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.main(), "things are wrong with what was declared")
	require.Contains(t, wrong.main(), "Asked by R-1.", "what the source showed is still there")
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

// fill returns what a browser would send of a form, with some fields typed into.
func fill(a answer, step string, typed url.Values) url.Values {
	out := url.Values{"step": {step}}
	for _, element := range []string{"input", "select", "textarea"} {
		for _, n := range a.all(element, "", "") {
			if name := attr(n, "name"); name != "" && element == "input" && attr(n, "type") != "checkbox" {
				out.Set(name, attr(n, "value"))
			} else if name != "" && element == "textarea" && n.FirstChild != nil {
				out.Set(name, n.FirstChild.Data)
			}
		}
	}
	for name, values := range typed {
		out[name] = values
	}
	return out
}

func TestSubmit_AddsAndRemovesElementsOfLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	source := d.lay(large, "m")
	value := func(a answer, fact string) string {
		t.Helper()
		found := a.all("input", "name", "f."+fact)
		require.Len(t, found, 1, fact)
		return attr(found[0], "value")
	}
	buttons := func(a answer, step string) int { return len(a.all("button", "value", step)) }
	first := d.post(sue, "/submit", url.Values{"source": {source}, "step": {"draft"}})
	for _, list := range []string{"datasets", "bases", "intermediaries", "documents", "training.hardware"} {
		require.NotZero(t, buttons(first, "more:"+list), list)
		require.Zero(t, buttons(first, "drop:"+list+"[0]"), "%s: there is no other", list)
	}

	// The source is not looked at again: it may be gone, and what it showed stands.
	typed := url.Values{"source": {filepath.Join(d.folder, "gone")}, "f.training.hardware[0].location": {"DE"}, "f.destination.country": {"FR"}, "f.datasets[0].license": {"mit"}}
	two := d.post(sue, "/submit", fill(first, "more:training.hardware", typed))
	require.Equal(t, http.StatusOK, two.status, two.body)
	require.Contains(t, two.main(), "828,375,040")
	require.Contains(t, two.main(), "What the rules ask")
	require.Equal(t, "DE", value(two, "training.hardware[0].location"))
	require.Equal(t, "FR", value(two, "destination.country"))
	require.Equal(t, "mit", value(two, "datasets[0].license"))
	require.Empty(t, value(two, "training.hardware[1].location"))
	focus := two.all("input", "autofocus", "")
	require.Len(t, focus, 1)
	require.Contains(t, attr(focus[0], "name"), "f.training.hardware[1].")
	ids := map[string]bool{}
	each(two.doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			require.False(t, ids[id], "the id %s is there twice", id)
			ids[id] = true
		}
	})

	three := d.post(sue, "/submit", fill(two, "more:training.hardware", url.Values{"f.training.hardware[1].location": {"FR"}}))
	three = d.post(sue, "/submit", fill(three, "more:datasets", url.Values{"f.training.hardware[2].location": {"IT"}}))
	require.Equal(t, "IT", value(three, "training.hardware[2].location"))
	require.Empty(t, value(three, "datasets[1].license"))

	less := d.post(sue, "/submit", fill(three, "drop:training.hardware[1]", url.Values{"f.datasets[1].license": {"apache-2.0"}}))
	require.Equal(t, "DE", value(less, "training.hardware[0].location"))
	require.Equal(t, "IT", value(less, "training.hardware[1].location"), "what stood behind moves up")
	require.Empty(t, less.all("input", "name", "f.training.hardware[2].location"))
	require.Equal(t, "apache-2.0", value(less, "datasets[1].license"))
	require.Len(t, less.all("button", "autofocus", ""), 1)

	// What is wrong shows at its element.
	wrong := d.post(sue, "/submit", fill(less, "ask", url.Values{"f.training.hardware[1].location": {"Italy"}}))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Equal(t, "true", attr(wrong.all("input", "name", "f.training.hardware[1].location")[0], "aria-invalid"))
	require.Empty(t, attr(wrong.all("input", "name", "f.training.hardware[0].location")[0], "aria-invalid"))
	require.Len(t, wrong.all("a", "href", "#f-training-hardware-1--location"), 1)
	require.Len(t, wrong.all("input", "id", "f-training-hardware-1--location"), 1)

	id := checkID(t, d.post(sue, "/submit", fill(less, "ask", url.Values{"source": {source}})))
	declared, err := d.service.Queue.DB.CheckSubmission(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, declared.Training.Hardware, 2)
	require.Equal(t, "IT", *declared.Training.Hardware[1].Location)
	require.Len(t, declared.Datasets, 2)
	require.Equal(t, "apache-2.0", *declared.Datasets[1].License)
}

func TestSubmit_ListsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sue := d.person("sue", pipeline.RoleSubmitter)
	hardware := func(a answer) (n int) {
		for i := range 60 {
			n += len(a.all("input", "name", fmt.Sprintf("f.training.hardware[%d].location", i)))
		}
		return n
	}
	tests := []struct {
		name, step string
		typed      url.Values
		want       int
	}{
		{"the last that has room", "more:training.hardware", url.Values{"n.training.hardware": {"49"}}, 50},
		{"one too many", "more:training.hardware", url.Values{"n.training.hardware": {"50"}}, 50},
		{"a number without end", "more:training.hardware", url.Values{"n.training.hardware": {"999999999"}}, 50},
		{"a field without end", "more:training.hardware", url.Values{"f.training.hardware[999999999].location": {"DE"}}, 50},
		{"a number that is none", "more:datasets", url.Values{"n.training.hardware": {"-4"}}, 1},
		{"the only one is emptied", "drop:training.hardware[0]", url.Values{"f.training.hardware[0].location": {"DE"}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.typed.Set("step", tt.step)
			tt.typed.Set("drafted", "1")
			a := d.post(sue, "/submit", tt.typed)
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, tt.want, hardware(a))
			require.Equal(t, tt.want == 50, len(a.all("button", "value", "more:training.hardware")) == 0)
			require.Equal(t, tt.want == 50, strings.Contains(a.main(), "The form has room for 50 of these"))
			require.NotContains(t, a.body, `value="DE"`)
		})
	}
	// Names that no button has look at the source like any other step.
	for _, step := range []string{"more:nothing", "more:training", "drop:datasets", "drop:datasets[1]", "drop:datasets[-1]", "drop:datasets[x]", "drop:nothing[0]"} {
		a := d.post(sue, "/submit", url.Values{"step": {step}, "drafted": {"1"}, "source": {"nowhere://x"}, "f.destination.country": {"FR"}})
		require.Equal(t, http.StatusUnprocessableEntity, a.status, step)
		require.Equal(t, "FR", attr(a.all("input", "name", "f.destination.country")[0], "value"), "nothing is lost where the source cannot be looked at")
	}
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
