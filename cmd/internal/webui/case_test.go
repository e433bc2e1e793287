package webui_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/webui"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// large is a model above the line of the scenario, with few files.
const large = "llama-3-70b-lora"

// casePath is the page of a case.
func casePath(c pipeline.Case) string { return "/cases/" + c.ID.String() }

// version is the version that the form with an action holds.
func (a answer) version(action string) string {
	a.t.Helper()
	forms := a.all("form", "action", action)
	require.NotEmpty(a.t, forms, "no form for "+action)
	var found []string
	each(forms[0], func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") == "version" {
			found = append(found, attr(n, "value"))
		}
	})
	require.Len(a.t, found, 1, "the form for %s holds no version", action)
	return found[0]
}

// send sends a form with files.
func (d *desk) send(token, path string, fields map[string]string, files map[string][]byte) answer {
	d.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		require.NoError(d.t, w.WriteField(name, value))
	}
	for name, body := range files {
		part, err := w.CreateFormFile("file", name)
		require.NoError(d.t, err)
		_, err = part.Write(body)
		require.NoError(d.t, err)
	}
	require.NoError(d.t, w.Close())
	req := httptest.NewRequestWithContext(d.t.Context(), http.MethodPost, path, &b)
	req.Header.Set("Content-Type", w.FormDataContentType())
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	d.mux.Handler().ServeHTTP(rec, req)
	out := answer{t: d.t, status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	var err error
	out.doc, err = html.Parse(strings.NewReader(out.body))
	require.NoError(d.t, err)
	return out
}

func TestCase_SaysWhatThereIsToDecideOn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh("llama-3-70b", "llama", "sue", app.Run{}, fixtures.WithText("README.md", "---\nlicense: llama3\nbase_model: meta-llama/Llama-3\ndatasets: [c4]\n---\n"))
	page := d.get(d.person("rita", pipeline.RoleReviewer), casePath(c))
	require.Equal(t, http.StatusOK, page.status)
	said := page.main()
	for _, want := range []string{
		"Review", "A person must decide: 70,553,706,496 parameters; SEED-01", "Model of more than ten billion parameters ) matched; seed-article", "cannot be decided without data.legal_basis", "and 10 more. Open", "and 5 more places", "Submitted by sue", "70,553,706,496", "all of it lies above the line of SEED-01 at 10,000,000,000",
		"The config agrees with the tensors.", "params.effective_lower", "measured", "model-00001-of-00030.safetensors", "meta-llama/Llama-3", "not on record", "c4",
		"By layer", "80 layers, 855,654,400 parameters each.", "2,101,354,496 parameters lie outside of these layers.", "embedding", "BF16", "the bytes were not hashed", "will be bound to the store", "one more reviewer", "Packs that only report",
	} {
		require.Contains(t, said, want)
	}
	require.NotContains(t, page.body, "[case.", "a message is missing")
	require.NotContains(t, page.body, " style=", "there is no inline style")
	require.NotContains(t, page.body, "ZgotmplZ", "nothing was refused by the template")
	require.Empty(t, page.all("style", "", ""))

	ids := map[string]bool{}
	each(page.doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" && n.Namespace == "" {
			require.False(t, ids[id], "the id %s is there twice", id)
			ids[id] = true
		}
	})
	for _, a := range page.all("a", "href", "") {
		if anchor, ok := strings.CutPrefix(attr(a, "href"), "#"); ok {
			require.True(t, ids[anchor], "nothing is at #%s", anchor)
		}
	}
	for _, label := range page.all("label", "for", "") {
		require.True(t, ids[attr(label, "for")], "a label of nothing: %s", attr(label, "for"))
	}

	linear := d.get(d.person("ruth", pipeline.RoleReviewer), casePath(c)+"?scale=linear")
	require.Contains(t, linear.main(), "Draw it on a logarithmic scale")
}

func TestCase_ADecisionIsRecordedAndWhatIsWrongIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer)
	page := d.get(rita, casePath(c)+"?choice=approve")
	require.Len(t, checked(page, "kind"), 1)
	action := casePath(c) + "/decisions"
	version := page.version(action)

	wrong := d.post(rita, action, url.Values{"version": {version}, "kind": {"approve"}, "reason": {"evidence_sufficient"}, "comment": {"  "}})
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, wrong.main(), "the comment is empty")
	require.Equal(t, []string{"approve"}, checked(wrong, "kind"))

	late := d.post(rita, action, url.Values{"version": {version}, "kind": {"approve"}, "reason": {"risk_accepted"}, "comment": {"fine"}, "until": {"2020-01-01"}})
	require.Equal(t, http.StatusUnprocessableEntity, late.status)
	require.Contains(t, late.body, `value="2020-01-01"`)
	require.Contains(t, late.body, ">fine</textarea>")

	_, err := d.service.Queue.Comment(t.Context(), pipeline.Remark{Case: c.ID, Actor: actor("ruth", pipeline.RoleReviewer), Text: "wait"})
	require.NoError(t, err)
	form := url.Values{"version": {version}, "kind": {"approve"}, "reason": {"evidence_sufficient"}, "comment": {"It is what it says."}, "until": {"2027-01-31"}}
	stale := d.post(rita, action, form)
	require.Equal(t, http.StatusConflict, stale.status)
	require.Contains(t, stale.main(), "This case has changed while you had the page open. It is now Open")
	require.Contains(t, stale.body, ">It is what it says.</textarea>")
	require.NotEqual(t, version, stale.version(action), "the form is about the case as it is now")

	none := url.Values{"kind": {"approve"}, "reason": {"evidence_sufficient"}, "comment": {"x"}}
	require.Equal(t, http.StatusUnprocessableEntity, d.post(rita, action, none).status, "a form without a version is refused")

	form.Set("version", stale.version(action))
	done := d.post(rita, action, form)
	require.Equal(t, http.StatusSeeOther, done.status, done.body)
	after := d.get(rita, done.header.Get("Location"))
	for _, want := range []string{"Your decision is recorded.", "Approved", "It ends when the objects change", "No signed approval is kept.", "31 Jan 2027", "It is what it says.", "There is nothing to decide in this state."} {
		require.Contains(t, after.main(), want)
	}
	got, err := d.service.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateApproved, got.State)

	revoke := casePath(c) + "/revoke"
	back := d.post(rita, revoke, url.Values{"version": {after.version(revoke)}, "reason": {"wrong_artifact"}, "comment": {"It was another one."}})
	require.Equal(t, http.StatusSeeOther, back.status)
	require.Contains(t, d.get(rita, casePath(c)).main(), "Revoked since")
}

// checked returns the values of the chosen boxes of a name.
func checked(a answer, name string) []string {
	var out []string
	for _, n := range a.all("input", "name", name) {
		if slices.ContainsFunc(n.Attr, func(at html.Attribute) bool { return at.Key == "checked" }) {
			out = append(out, attr(n, "value"))
		}
	}
	return out
}

func TestCase_ABoundIsNamedWhereTheVerdictAsksForIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh("tiny", "m", "sue", app.Run{}, fixtures.WithText("other.safetensors", "no header at all"))
	require.Equal(t, pipeline.VerdictInconclusive, c.Verdict)
	rita := d.person("rita", pipeline.RoleReviewer)
	page := d.get(rita, casePath(c))
	require.Contains(t, page.main(), "must name the number of parameters that it accepts")
	action := casePath(c) + "/decisions"
	form := url.Values{"version": {page.version(action)}, "kind": {"approve"}, "reason": {"risk_accepted"}, "comment": {"We know this file."}}
	require.Contains(t, d.post(rita, action, form).main(), "the comment must name the bound that you accept")
	form.Set("bound", "lots")
	require.Contains(t, d.post(rita, action, form).main(), "is no number")
	form.Set("bound", "2 million")
	require.Equal(t, http.StatusSeeOther, d.post(rita, action, form).status)
	h, err := d.service.Queue.DB.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2_000_000, *h.Decisions[0].Bound)
	require.Contains(t, h.Decisions[0].Comment, "Accepted: up to 2,000,000 parameters.")
	require.Contains(t, d.get(rita, casePath(c)).main(), "You have voted in this round.")
	require.Contains(t, d.get(d.person("ruth", pipeline.RoleReviewer), casePath(c)).main(), "one more reviewer")
}

func TestCase_EachRoleIsOfferedWhatItMayDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	other := d.weigh(large, "n", "sam", app.Run{})
	for name, who := range map[string]struct {
		token   string
		offered []string
		cannot  string
	}{
		"reviewer":  {d.person("rita", pipeline.RoleReviewer), []string{"assign", "claim", "comments", "decisions", "exhibits"}, ""},
		"legal":     {d.person("lea", pipeline.RoleLegal), []string{"assign", "claim", "comments", "decisions", "exhibits"}, ""},
		"auditor":   {d.person("ada", pipeline.RoleAuditor), nil, "Deciding asks for the role reviewer or legal."},
		"admin":     {d.person("dan", pipeline.RoleAdmin), []string{"assign"}, "Deciding asks for the role reviewer or legal."},
		"submitter": {d.person("sue", pipeline.RoleSubmitter), []string{"comments", "exhibits"}, "You submitted this case, and cannot decide it."},
	} {
		page := d.get(who.token, casePath(c))
		require.Equal(t, http.StatusOK, page.status, name)
		var offered []string
		for _, f := range page.all("form", "method", "post") {
			if rest, ok := strings.CutPrefix(attr(f, "action"), casePath(c)+"/"); ok {
				offered = append(offered, rest)
				require.NotEmpty(t, page.version(attr(f, "action")), name)
			}
		}
		slices.Sort(offered)
		require.Equal(t, who.offered, offered, name)
		if who.cannot != "" {
			require.Contains(t, page.main(), who.cannot, name)
		}
	}
	sid := d.person("Sid", pipeline.RoleSubmitter, pipeline.RoleReviewer)
	mine := d.weigh(large, "o", "sid", app.Run{})
	page := d.get(sid, casePath(mine))
	require.Contains(t, page.main(), "You submitted this case, and cannot decide it.", "a name is the same in any letter case")
	require.Empty(t, page.all("form", "action", casePath(mine)+"/claim"))

	sam := d.person("sam", pipeline.RoleSubmitter)
	own := d.get(sam, casePath(other))
	require.Equal(t, http.StatusOK, own.status)
	require.NotContains(t, own.body, c.ID.String(), "a submitter sees nothing of the cases of others")
	require.Contains(t, d.get(d.person("ruth", pipeline.RoleReviewer), casePath(other)).body, c.ID.String(), "a reviewer sees the one that is built alike")
	for _, part := range []string{"", "/file", "/object?path=adapter_config.json", "/report?format=json"} {
		require.Equal(t, http.StatusNotFound, d.get(sam, casePath(c)+part).status, part)
	}
	require.NotContains(t, d.get(sam, casePath(other)+"/report?format=json").body, c.ID.String())
	require.NotContains(t, d.get(sam, casePath(other)+"/file").body, c.ID.String())
}

func TestCase_WorkIsTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	rita, ruth := d.person("rita", pipeline.RoleReviewer), d.person("ruth", pipeline.RoleReviewer)
	claim, release, assign := casePath(c)+"/claim", casePath(c)+"/release", casePath(c)+"/assign"
	require.Equal(t, http.StatusSeeOther, d.post(rita, claim, url.Values{"version": {d.get(rita, casePath(c)).version(claim)}}).status)
	require.Contains(t, d.get(ruth, casePath(c)).main(), "Claimed by rita")
	taken := d.get(ruth, casePath(c)).version(claim)
	require.Equal(t, http.StatusConflict, d.post(ruth, claim, url.Values{"version": {taken}}).status, "a claim is not a take-over")
	require.Equal(t, http.StatusSeeOther, d.post(ruth, claim, url.Values{"version": {taken}, "take_over": {"1"}}).status)
	require.Equal(t, http.StatusSeeOther, d.post(ruth, release, url.Values{"version": {d.get(ruth, casePath(c)).version(release)}}).status)

	page := d.get(ruth, casePath(c))
	require.Equal(t, http.StatusSeeOther, d.post(ruth, assign, url.Values{"version": {page.version(assign)}, "assignee": {"rita"}, "due": {"2026-12-24"}}).status)
	got, err := d.service.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, "rita", *got.Assignee)
	require.Equal(t, "2026-12-24 23:59:59", got.DueAt.Format(time.DateTime))
	past := d.post(ruth, assign, url.Values{"version": {strconv.FormatInt(got.Version, 10)}, "assignee": {"rita"}, "due": {"2020-01-01"}})
	require.Equal(t, http.StatusUnprocessableEntity, past.status)
	require.Contains(t, past.body, `value="2020-01-01"`)
	d.clock.Add(60 * 24 * time.Hour)
	require.Contains(t, d.get(rita, casePath(c)).main(), "Overdue since 24 Dec 2026")
}

func TestCase_MissingAnswersAreAskedForInOneClick(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	declared, err := app.ParseSubmission("weights: {access: partner}\n")
	require.NoError(t, err)
	c := d.weigh(large, "m", "sue", app.Run{Declared: declared})
	rita := d.person("rita", pipeline.RoleReviewer)
	page := d.get(rita, casePath(c))
	require.Contains(t, page.main(), "What is missing")
	require.Len(t, page.all("a", "href", casePath(c)+"?ask=1#decide"), 1)
	filled := d.get(rita, casePath(c)+"?ask=1")
	require.Equal(t, []string{"changes"}, checked(filled, "kind"))
	comment := text(filled.all("textarea", "name", "comment")[0])
	require.Contains(t, comment, "we need to know: 1. ")
	require.Contains(t, comment, "transfer: intermediary_count: # whole number")
	skeleton := filled.all("pre", "id", "skeleton")[0].FirstChild.Data
	_, err = app.ParseSubmission(strings.ReplaceAll(skeleton, "country:  #", "country: DE  #"))
	require.NoError(t, err, skeleton)
	require.Less(t, len(filled.all("textarea", "name", "comment")[0].FirstChild.Data), pipeline.CommentMax)
}

// hostile is what somebody may write where the desk shows it.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)> {{.Who}} ` + "\u202egpj.exe javascript:alert(1)"

func TestCase_HostileTextsAreInert(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	text := strings.ReplaceAll(strings.ReplaceAll(hostile, "\u202e", ""), `"`, `'`)
	declared, err := app.ParseSubmission(fmt.Sprintf("end_use: {text: %q}\nrecipient: {name: %q}\nmodel: {id: %q}\n", text, text, text))
	require.NoError(t, err)
	c := d.weigh(large, "m", "sue", app.Run{Declared: declared},
		fixtures.WithText("README.md", fmt.Sprintf("---\nlicense: %q\nbase_model: %q\ndatasets: [%q]\n---\n%s", hostile, hostile, hostile, hostile)),
		fixtures.WithText("a<script>alert(1)</script>\u202e.txt", hostile))
	rita := d.person("rita", pipeline.RoleReviewer)
	by := actor("rita<b>", pipeline.RoleReviewer)
	_, err = d.service.Queue.Comment(t.Context(), pipeline.Remark{Case: c.ID, Actor: by, Text: hostile})
	require.NoError(t, err)
	after, err := d.service.Queue.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: by, Name: hostile + ".txt", Body: []byte(hostile)})
	require.NoError(t, err)
	_, err = d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: c.ID, Version: after.Version, Actor: by, Kind: pipeline.DecisionChanges, Reason: pipeline.ReasonOther, Comment: hostile})
	require.NoError(t, err)
	_, path, err := d.mux.MakeLink(t.Context(), access.Identity{Actor: actor("rita", pipeline.RoleReviewer)}, c.ID, time.Hour)
	require.NoError(t, err)
	stale := url.Values{"version": {"1"}, "kind": {"approve"}, "reason": {hostile}, "comment": {hostile}, "until": {hostile}, "bound": {hostile}}

	for name, page := range map[string]answer{
		"case":    d.get(rita, casePath(c)),
		"object":  d.get(rita, casePath(c)+"/object?"+url.Values{"path": {"README.md"}, "at": {hostile}, "find": {hostile}}.Encode()),
		"unnamed": d.get(rita, casePath(c)+"/object?"+url.Values{"path": {"a<script>alert(1)</script>\u202e.txt"}}.Encode()),
		"file":    d.get(rita, casePath(c)+"/file"),
		"stale":   d.post(rita, casePath(c)+"/decisions", stale),
		"link":    d.get("", path),
		"submit":  d.post(rita, "/submit", url.Values{"source": {hostile}, "step": {"ask"}, "drafted": {"1"}, "f.end_use.text": {hostile}, "f.model.parameters": {hostile}, "shown": {`{"About":[` + strconv.Quote(hostile) + `],"Known":[{"Fact":` + strconv.Quote(hostile) + `,"Value":"x","From":"x"}],"Questions":[{"Fact":` + strconv.Quote(hostile) + `}]}`}}),
	} {
		require.NotEmpty(t, page.body, name)
		each(page.doc, func(n *html.Node) {
			require.False(t, n.Data == "script" && attr(n, "src") == "", "%s: a script from outside", name)
			require.NotEqual(t, "img", n.Data, name)
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s: %s", name, a.Key)
				if a.Key == "href" || a.Key == "action" || a.Key == "src" {
					require.False(t, strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript"), "%s: %s", name, a.Val)
				}
			}
		})
		shown := page.body
		for _, tag := range []string{"input", "textarea"} { // fields hold what was typed
			for _, n := range page.all(tag, "", "") {
				shown = strings.ReplaceAll(shown, html.EscapeString(attr(n, "value")), "")
				if n.FirstChild != nil {
					shown = strings.ReplaceAll(shown, html.EscapeString(n.FirstChild.Data), "")
				}
			}
		}
		if name == "case" || name == "file" || name == "unnamed" {
			require.NotContains(t, shown, "\u202e", "%s: a mark that turns the direction of writing", name)
		}
		require.NotContains(t, page.body, "{1 ", name)
	}
}

func TestCase_EvidenceFilesAreHandedOutForSavingOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	other := d.weigh(large, "n", "sam", app.Run{})
	rita, sam := d.person("rita", pipeline.RoleReviewer), d.person("sam", pipeline.RoleSubmitter)
	action := casePath(c) + "/exhibits"
	for _, file := range []struct{ name, kind, how, body string }{
		{"a.pdf", "application/pdf", "attachment", "%PDF-1.7 x"},
		{"page.html", "text/plain; charset=utf-8", "attachment", "<script>alert(1)</script>"},
		{"b.png", "image/png", "inline", "\x89PNG\r\n\x1a\nxxxx"},
	} {
		sent := d.send(rita, action, map[string]string{"version": d.get(rita, casePath(c)).version(action)}, map[string][]byte{file.name: []byte(file.body)})
		require.Equal(t, http.StatusSeeOther, sent.status, sent.body)
		h, err := d.service.Queue.DB.History(t.Context(), c.ID)
		require.NoError(t, err)
		path := "/exhibits/" + h.Exhibits[len(h.Exhibits)-1].ID.String()
		require.Len(t, d.get(rita, casePath(c)).all("a", "href", path), 1)
		got := d.get(rita, path)
		require.Equal(t, file.body, got.body)
		require.Equal(t, file.kind, got.header.Get("Content-Type"))
		require.True(t, strings.HasPrefix(got.header.Get("Content-Disposition"), file.how), got.header.Get("Content-Disposition"))
		require.Contains(t, got.header.Get("Content-Security-Policy"), "sandbox")
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.Equal(t, http.StatusNotFound, d.get(sam, path).status, "a file of somebody else's case")
	}
	version := map[string]string{"version": d.get(rita, casePath(c)).version(action)}
	for name, body := range map[string][]byte{"x.exe": {'M', 'Z', 0, 1}, "empty.txt": nil, "big.txt": bytes.Repeat([]byte("a"), pipeline.ExhibitMax+1)} {
		refused := d.send(rita, action, version, map[string][]byte{name: body})
		require.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge}, refused.status, name)
		require.NotEmpty(t, refused.all("div", "role", "alert"), name)
	}
	require.Equal(t, http.StatusUnprocessableEntity, d.send(rita, action, version, nil).status, "no file at all")
	require.Equal(t, http.StatusNotFound, d.send(sam, action, version, map[string][]byte{"a.txt": []byte("a")}).status)
	require.Equal(t, http.StatusOK, d.get(sam, casePath(other)).status)
}

func TestCase_ReportsFileAndObjects(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer)
	for _, format := range []string{"table", "json", "markdown", "sarif", "junit", "cyclonedx"} {
		got := d.get(rita, casePath(c)+"/report?format="+format)
		require.Equal(t, http.StatusOK, got.status, format)
		require.Contains(t, got.header.Get("Content-Disposition"), "attachment", format)
		require.Contains(t, got.body, "weighbridge", format)
	}
	page := d.get(rita, casePath(c)+"/report?format=html")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "sandbox")
	require.NotContains(t, page.header.Get("Content-Security-Policy"), "script-src 'self'")
	require.Equal(t, http.StatusUnprocessableEntity, d.get(rita, casePath(c)+"/report?format=doc").status)

	file := d.get(rita, casePath(c)+"/file")
	require.Equal(t, http.StatusOK, file.status)
	require.Empty(t, file.all("script", "", ""))
	require.Empty(t, file.all("link", "", ""))
	require.Len(t, file.all("style", "", ""), 1)
	h, err := d.service.Queue.DB.History(t.Context(), c.ID)
	require.NoError(t, err)
	for _, e := range h.Events {
		require.Contains(t, file.body, string(e.Hash))
		require.Contains(t, file.body, string(e.Prev))
	}
	for _, want := range []string{string(c.PinDigest), string(c.HeaderDigest), string(c.Report), "adapter_config.json", "base_model_name_or_path"} {
		require.Contains(t, file.body, want)
	}

	object := d.get(rita, casePath(c)+"/object?"+url.Values{"path": {"adapter_config.json"}, "at": {"$.base_model_name_or_path"}}.Encode())
	require.Equal(t, http.StatusOK, object.status)
	marked := object.all("mark", "", "")
	require.Len(t, marked, 1)
	require.Contains(t, text(marked[0]), "base_model_name_or_path")
	require.Len(t, object.all("tr", "id", "mark"), 1)
	require.Equal(t, http.StatusNotFound, d.get(rita, casePath(c)+"/object?path=../../etc/passwd").status)
	require.Equal(t, http.StatusNotFound, d.get(rita, "/cases/1").status)

	rest := d.get(rita, casePath(c))
	for _, a := range rest.all("a", "href", "") {
		if href, _, _ := strings.Cut(attr(a, "href"), "#"); strings.HasPrefix(href, casePath(c)+"/object?") {
			require.Equal(t, http.StatusOK, d.get(rita, href).status, href)
		}
	}
}

func TestCase_ScriptIsGivenTheSamePage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer)
	action := casePath(c) + "/comments"
	page := d.get(rita, casePath(c))
	empty := d.post(rita, action, url.Values{"version": {page.version(action)}, "text": {""}}, "HX-Request", "true")
	require.Equal(t, http.StatusUnprocessableEntity, empty.status)
	require.NotContains(t, empty.body, "<main", "script shows the message alone")
	done := d.post(rita, action, url.Values{"version": {page.version(action)}, "text": {"Looked at."}}, "HX-Request", "true")
	require.Equal(t, http.StatusSeeOther, done.status)
	again := d.get(rita, done.header.Get("Location"), "HX-Request", "true")
	require.Len(t, again.all("section", "id", "conversation"), 1)
	for _, selector := range strings.Split(attr(page.all("form", "id", "comment")[0], "hx-select-oob"), ",") {
		id := strings.TrimPrefix(selector, "#")
		if slices.Contains([]string{"v-claim", "v-assign", "v-decide", "messages", "trail"}, id) {
			found := 0
			each(again.doc, func(n *html.Node) {
				if attr(n, "id") == id {
					found++
				}
			})
			require.Equal(t, 1, found, id)
		}
	}
}

// run runs the checks that were asked for.
func (d *desk) run(ctx context.Context) {
	d.t.Helper()
	d.jobs.mu.Lock()
	ids := slices.Clone(d.jobs.ids)
	d.jobs.ids = nil
	d.jobs.mu.Unlock()
	for _, id := range ids {
		_, err := d.service.RunCheck(ctx, id, "worker")
		require.NoError(d.t, err)
	}
}

func TestCase_TellsWhatDiffersFromTheLastApproval(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.weigh(large, "m", "sue", app.Run{}, fixtures.WithText("README.md", "# one\n"))
	_, err := d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: first.ID, Actor: actor("rita", pipeline.RoleReviewer), Kind: pipeline.DecisionApprove, Reason: pipeline.ReasonRiskAccepted, Comment: "fine"})
	require.NoError(t, err)
	rita := d.person("rita", pipeline.RoleReviewer)
	d.clock.Add(time.Hour)
	second := d.weigh(large, "m", "sue", app.Run{}, fixtures.WithText("README.md", "# two, longer\n"))
	require.NotEqual(t, first.ID, second.ID)
	page := d.get(rita, casePath(second))
	require.Contains(t, page.main(), "Since the last approval")
	require.Contains(t, page.main(), "changed README.md")
	require.Len(t, page.all("section", "id", "difference"), 1)
}

func TestLink_IsShownOnceAndOnlyWhereLinksAreMade(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh(large, "m", "sue", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer)
	links := casePath(c) + "/links"
	require.Equal(t, http.StatusConflict, d.post(rita, links, url.Values{}).status, "nothing was asked for yet")
	_, err := d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: c.ID, Actor: actor("ruth", pipeline.RoleReviewer), Kind: pipeline.DecisionChanges, Reason: pipeline.ReasonEvidenceMissing, Comment: "Where does it go?"})
	require.NoError(t, err)
	made := d.post(rita, links, url.Values{})
	require.Equal(t, http.StatusOK, made.status)
	link := attr(made.all("input", "id", "link")[0], "value")
	require.True(t, strings.HasPrefix(link, "https://desk.example.org/answer/"), link)
	require.NotContains(t, d.get(rita, casePath(c)).body, link)

	d.service.Links = false
	require.Equal(t, http.StatusForbidden, d.post(rita, links, url.Values{}).status)
	require.NotContains(t, d.get(rita, casePath(c)).body, `action="`+links+`"`)

	// What was made before can still be ended.
	require.Contains(t, d.get(rita, casePath(c)).body, `action="`+links+`/end"`)
	require.NotContains(t, d.get(d.person("sue", pipeline.RoleSubmitter), casePath(c)).body, `action="`+links)
	require.Equal(t, http.StatusSeeOther, d.post(rita, links+"/end", url.Values{}).status)
	require.NotContains(t, d.get(rita, casePath(c)).body, `action="`+links)
	require.Contains(t, d.get(rita, casePath(c)).body, "ended the links for an answer")
	require.Equal(t, http.StatusNotFound, d.get(rita, strings.TrimPrefix(link, "https://desk.example.org")).status)
}

func TestCase_ASignedApprovalIsShownAndGoesIntoTheFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	key, err := attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)
	d.service.Signer = key
	c := d.weigh(large, "m", "sue", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer)
	action := casePath(c) + "/decisions"
	form := url.Values{"version": {d.get(rita, casePath(c)).version(action)}, "kind": {"approve"}, "reason": {"evidence_sufficient"}, "comment": {"It is what it says."}}
	require.Equal(t, http.StatusSeeOther, d.post(rita, action, form).status)
	id, err := key.KeyID()
	require.NoError(t, err)
	page := d.get(rita, casePath(c))
	require.Contains(t, page.main(), "Signed by key "+id)
	require.Contains(t, page.main(), "It ends when the objects change")
	file := d.get(rita, casePath(c)+"/file")
	kept, err := d.service.Queue.DB.AttestationsOf(t.Context(), c.ID)
	require.NoError(t, err)
	require.Contains(t, file.body, string(kept[0].Digest))
	require.Contains(t, file.body, "payloadType")
}

// A label of the drawing has room at the narrowest width, however many rules share a line.
func TestWeight_TheLabelOfALine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at    int64
		rules []string
		want  []string
	}{
		"One":      {10_000_000_000, []string{"SEED-01"}, []string{"10B · SEED-01"}},
		"Two":      {10_000_000_000, []string{"SEED-01", "TWO-01"}, []string{"10B · SEED-01, TWO-01"}},
		"TwoLines": {10_000_000_000, []string{"SEED-01", "TWO-01", "HOUSE-04"}, []string{"10B · SEED-01, TWO-01,", "HOUSE-04"}},
		"Many":     {9_999_999_999, []string{"SEED-01", "TWO-01", "HOUSE-04", "EAR-4E091", "EU-GPAI", "KR-1"}, []string{"10B · SEED-01, TWO-01,", "HOUSE-04, EAR-4E091, +2"}},
		"LongName": {6_750_000_000, []string{"A-RULE-WITH-A-VERY-LONG-NAME", "B"}, []string{"6.75B ·", "A-RULE-WITH-A-VER…, B"}},
		"Small":    {500, []string{"S"}, []string{"500 · S"}},
	} {
		got := webui.LineLabel(test.at, test.rules...)
		require.Equal(t, test.want, got, name)
		for _, line := range got {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 26, name)
		}
	}
}
