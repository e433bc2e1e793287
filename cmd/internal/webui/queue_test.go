package webui_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

// links are the cases that the rows of a queue lead to.
func (a answer) links() []string {
	var out []string
	for _, n := range a.all("a", "data-open", "") {
		out = append(out, attr(n, "href"))
	}
	return out
}

func hrefOf(c pipeline.Case) string { return "/cases/" + c.ID.String() }

// threeCases queues three models that a person must decide, of two submitters.
func threeCases(d *desk) (llama, qwen, mixtral pipeline.Case) {
	d.t.Helper()
	llama = d.weigh("llama-3-70b", "team-a/llama-3-70b", "sam", app.Run{})
	qwen = d.weigh("qwen2.5-14b", "team-a/qwen2.5-14b", "sue", app.Run{})
	mixtral = d.weigh("mixtral-8x7b", "team-b/mixtral-8x7b", "sam", app.Run{})
	for _, c := range []pipeline.Case{llama, qwen, mixtral} {
		require.Equal(d.t, pipeline.StateOpen, c.State)
	}
	return llama, qwen, mixtral
}

func TestQueueShowsWhatNeedsWhom(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, mixtral := threeCases(d)
	d.weigh("gpt2", "gpt2", "sam", app.Run{}) // clear: nobody's work
	rita, sam := d.person("rita", pipeline.RoleReviewer), d.person("sam", pipeline.RoleSubmitter)
	both := d.person("sue", pipeline.RoleReviewer, pipeline.RoleSubmitter)
	audra := d.person("audra", pipeline.RoleAuditor)

	page := d.get(rita, "/queue")
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, []string{hrefOf(llama), hrefOf(qwen), hrefOf(mixtral)}, page.links(), "what is due first comes first")
	require.Contains(t, page.main(), "3 cases need you")
	require.Contains(t, page.main(), "70,553,706,496")
	require.Len(t, page.all("form", "id", "bulk"), 1)
	stopped := page.all("small", "class", "stopped")
	require.Len(t, stopped, 3)
	for _, row := range stopped {
		require.Equal(t, "Matched: SEED-01 ; undecided: seed-article", text(row))
	}

	require.Equal(t, []string{hrefOf(llama), hrefOf(mixtral)}, d.get(both, "/queue").links(), "one's own submission never needs oneself")

	own := d.get(sam, "/queue")
	require.ElementsMatch(t, append([]string{hrefOf(llama), hrefOf(mixtral)}, own.links()[0]), own.links(), "a submitter sees their own")
	require.NotContains(t, own.body, qwen.ID.String())
	require.NotContains(t, own.body, "Claim</")
	require.Empty(t, own.all("form", "id", "bulk"))
	for _, path := range []string{"/queue?view=all", "/queue?view=undecided&submitter=sue", "/queue?submitter=sue", "/queue?view=needs", "/queue/count?submitter=sue"} {
		require.NotContains(t, d.get(sam, path).body, qwen.ID.String(), path)
	}

	looked := d.get(audra, "/queue")
	require.Len(t, looked.links(), 3)
	require.Empty(t, looked.all("form", "id", "bulk"), "who only looks decides nothing")
	require.NotContains(t, looked.body, "/claim")

	_, err := d.service.Queue.Claim(t.Context(), pipeline.Claim{Case: llama.ID, Actor: actor("rita", pipeline.RoleReviewer)})
	require.NoError(t, err)
	name := "rita"
	_, err = d.service.Queue.Assign(t.Context(), pipeline.Assignment{Case: mixtral.ID, Actor: actor("rita", pipeline.RoleReviewer), Assignee: &name})
	require.NoError(t, err)
	require.Equal(t, []string{hrefOf(llama), hrefOf(mixtral)}, d.get(rita, "/queue?view=mine").links(), "claimed or assigned")
	require.Equal(t, []string{hrefOf(qwen)}, d.get(d.person("ravi", pipeline.RoleReviewer), "/queue").links()[0:1], "what others work on does not need me")
}

func TestQueueFiltersAreInTheAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, mixtral := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	d.clock.Add(3 * 24 * time.Hour)
	young := d.weigh("bloom-176b", "team-b/bloom", "sue", app.Run{})
	place := strings.TrimSuffix(llama.Source, "llama-3-70b")

	for query, want := range map[string][]pipeline.Case{
		"q=MIXTRAL":                        {mixtral},
		"family=llama":                     {llama},
		"min=40B&max=60%20billion":         {mixtral},
		"min=100_000_000_000":              {young},
		"submitter=sue":                    {qwen, young},
		"source=" + url.QueryEscape(place): {llama, qwen},
		"newer=1":                          {young},
		"older=1":                          {llama, qwen, mixtral},
		"verdict=block":                    {},
		"verdict=block&verdict=review":     {llama, qwen, mixtral, young},
		"pack=seed-article&rule=SEED-01":   {llama, qwen, mixtral, young},
		"rule=NONE":                        {},
		"claimant=nobody":                  {},
		"assignee=nobody":                  {},
		"cause=nothing":                    {},
		"order=newest&submitter=sam":       {mixtral, llama},
		"state=claimed":                    {},
		"overdue=1":                        {},
	} {
		page := d.get(rita, "/queue?view=undecided&"+query)
		require.Equal(t, http.StatusOK, page.status, query)
		var hrefs []string
		for _, c := range want {
			hrefs = append(hrefs, hrefOf(c))
		}
		if strings.Contains(query, "order") {
			require.Equal(t, hrefs, page.links(), query)
		} else {
			require.ElementsMatch(t, hrefs, page.links(), query)
		}
		require.NotContains(t, page.main(), "left out", query)
		require.NotEmpty(t, page.all("li", "class", "chip"), "each filter that is on can be taken off: %s", query)
	}

	d.clock.Add(60 * 24 * time.Hour)
	late := d.get(rita, "/queue?view=undecided&overdue=1")
	require.Len(t, late.links(), 4)
	require.Contains(t, late.main(), "overdue")

	chips := d.get(rita, "/queue?view=undecided&verdict=review&verdict=block&family=llama")
	without := chips.all("a", "href", "/queue?family=llama&verdict=review&view=undecided")
	require.Len(t, without, 1, "a chip takes one value off and leaves the rest")
}

func TestQueueTellsWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	long := strings.Repeat("a", 500)
	for _, query := range []string{"view=sideways", "verdict=green", "state=lost", "view=undecided&state=approved", "min=many", "max=-", "newer=soon", "older=0",
		"newer=99999", "overdue=maybe", "order=random", "q=" + long, "view=mine&claimant=x"} {
		page := d.get(rita, "/queue?"+query)
		require.Equal(t, http.StatusOK, page.status, query)
		require.Contains(t, page.main(), "left out", query)
	}
	cursor := d.get(rita, "/queue?cursor=%27%20OR%201=1")
	require.Equal(t, http.StatusOK, cursor.status)
	require.Contains(t, cursor.main(), "This is the first one")
	require.Len(t, cursor.links(), 3)
}

func TestQueuePagesByCursor(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.weigh("qwen2.5-14b", "first", "sam", app.Run{})
	// The same model under other names, without weighing it each time.
	report, err := d.service.Queue.DB.Report(t.Context(), c.ID)
	require.NoError(t, err)
	for i := range 60 {
		again := report
		again.Case = nil
		again.Artifact.Source = "s3://bucket/model-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "/"
		_, err := d.service.Queue.Record(t.Context(), &pipeline.Weighing{Report: again}, actor("sam", pipeline.RoleSubmitter))
		require.NoError(t, err)
	}
	rita := d.person("rita", pipeline.RoleReviewer)
	seen := map[string]bool{}
	next, pages := "/queue?view=undecided", 0
	for next != "" {
		page := d.get(rita, next)
		require.Equal(t, http.StatusOK, page.status)
		require.Contains(t, page.main(), "61 cases")
		for _, link := range page.links() {
			require.False(t, seen[link], "twice: %s", link)
			seen[link] = true
		}
		if pages > 0 {
			require.Len(t, page.all("a", "rel", "first"), 1)
		}
		next = ""
		for _, n := range page.all("a", "rel", "next") {
			next = attr(n, "href")
		}
		pages++
	}
	require.Equal(t, 2, pages)
	require.Len(t, seen, 61)
}

func TestCountIsKeptFresh(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	page := d.get(rita, "/queue")
	count := page.all("p", "id", "count")
	require.Len(t, count, 1)
	require.Equal(t, "polite", attr(count[0], "aria-live"))
	poll := attr(count[0], "hx-get")

	same := d.get(rita, poll, "HX-Request", "true")
	require.Contains(t, same.body, "<title>3 cases need you")
	require.NotContains(t, same.body, "It has changed")
	require.NotContains(t, same.body, "<header")

	d.weigh("bloom-176b", "bloom", "sue", app.Run{})
	more := d.get(rita, poll, "HX-Request", "true")
	require.Contains(t, more.body, "<title>4 cases need you")
	require.Contains(t, more.body, "It has changed")
	again := more.all("p", "id", "count")
	require.Equal(t, poll, attr(again[0], "hx-get"), "later answers are still compared with the page")
}

func bulk(kind, reason, comment string, cases ...pipeline.Case) url.Values {
	form := url.Values{"kind": {kind}, "reason": {reason}, "comment": {comment}, "back": {"/queue?view=undecided"}}
	for _, c := range cases {
		form.Add("case", c.ID.String()+"@"+itoa(c.Version))
	}
	return form
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestOneDecisionForManyCases(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, mixtral := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)

	// Somebody changed one of them meanwhile: the others are recorded all the same.
	_, err := d.service.Queue.Comment(t.Context(), pipeline.Remark{Case: mixtral.ID, Actor: actor("ravi", pipeline.RoleReviewer), Text: "Look at its card."})
	require.NoError(t, err)
	page := d.post(rita, "/queue/decide", bulk("changes", "evidence_missing", "Which data was it trained on?", llama, qwen, mixtral))
	require.Equal(t, http.StatusOK, page.status, page.main())
	require.Contains(t, page.main(), "recorded for 2 of 3 cases")
	require.Contains(t, page.main(), "Not recorded.")
	require.Len(t, page.all("a", "href", "/queue?view=undecided"), 1)
	for _, c := range []pipeline.Case{llama, qwen} {
		now, err := d.service.Queue.DB.Case(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, pipeline.StateChangesRequested, now.State)
	}
	now, err := d.service.Queue.DB.Case(t.Context(), mixtral.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, now.State)
}

func TestADecisionForManyThatIsWrongKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, _ := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	for name, form := range map[string]url.Values{
		"no kind":    bulk("", "other", "my words", llama),
		"no reason":  bulk("reject", "", "my words", llama),
		"no case":    bulk("reject", "other", "my words"),
		"no version": {"kind": {"reject"}, "reason": {"other"}, "comment": {"my words"}, "case": {llama.ID.String()}, "back": {"/queue?view=undecided"}},
		"no day": func() url.Values {
			v := bulk("approve", "other", "my words", llama, qwen)
			v.Set("until", "soon")
			return v
		}(),
	} {
		page := d.post(rita, "/queue/decide", form)
		require.Equal(t, http.StatusUnprocessableEntity, page.status, name)
		require.NotEmpty(t, page.all("div", "role", "alert"), name)
		require.Equal(t, "my words", text(page.all("textarea", "name", "comment")[0]), name)
		require.Len(t, page.links(), 3, name)
	}
	ticked := d.post(rita, "/queue/decide", bulk("reject", "", "my words", llama))
	checked := 0
	for _, n := range ticked.all("input", "name", "case") {
		for _, a := range n.Attr {
			if a.Key == "checked" {
				checked++
				require.True(t, strings.HasPrefix(attr(n, "value"), llama.ID.String()))
			}
		}
	}
	require.Equal(t, 1, checked)

	for _, token := range []string{d.person("sam", pipeline.RoleSubmitter), d.person("audra", pipeline.RoleAuditor), d.person("adam", pipeline.RoleAdmin), ""} {
		refused := d.post(token, "/queue/decide", bulk("reject", "other", "no", llama))
		require.Contains(t, []int{http.StatusForbidden, http.StatusUnauthorized}, refused.status)
	}
	now, err := d.service.Queue.DB.Case(t.Context(), llama.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.StateOpen, now.State)
}

func TestHostileTextsAreInertInTheQueue(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	evil := "<script>alert(1)</script>{{.}}\u202etxt.exe<img src=x onerror=alert(1)>"
	c := d.weigh("qwen2.5-14b", "first", "sam", app.Run{})
	report, err := d.service.Queue.DB.Report(t.Context(), c.ID)
	require.NoError(t, err)
	report.Case = nil
	report.Artifact.Source = "s3://bucket/" + evil + "/"
	report.Facts.Architecture.Family = &evil
	_, err = d.service.Queue.Record(t.Context(), &pipeline.Weighing{Report: report}, actor("<b>sam</b>", pipeline.RoleSubmitter))
	require.NoError(t, err)
	rita := d.person("rita", pipeline.RoleReviewer)
	hostile := url.QueryEscape(evil)
	for _, path := range []string{"/queue", "/queue?view=all&q=" + hostile, "/queue?view=" + hostile, "/queue?cause=" + hostile + "&verdict=" + hostile, "/audit", "/audit?actor=" + hostile, "/audit?case=" + hostile, "/exceptions", "/nowhere/" + hostile, "/queue/count?q=" + hostile} {
		page := d.get(rita, path)
		requireInert(t, page, path)
	}
	page := d.get(rita, "/queue")
	require.Contains(t, page.main(), `<script>alert(1)</script>{{.}}\u202etxt.exe`, "it is shown as text, and the mark is visible")
}

// requireInert holds a page to its own scripts and styles, and to no handler or address
// that comes from elsewhere.
func requireInert(t *testing.T, page answer, what string) {
	t.Helper()
	// Fields keep what was typed as it was.
	require.NotContains(t, text(page.doc), "\u202e", what)
	each(page.doc, func(n *html.Node) {
		for _, a := range n.Attr {
			if a.Key != "value" {
				require.NotContains(t, a.Val, "\u202e", what)
			}
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s: <%s %s>", what, n.Data, a.Key)
			require.NotEqual(t, "style", a.Key, what)
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				require.False(t, strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:"), what)
			}
		}
		switch n.Data {
		case "script":
			require.True(t, strings.HasPrefix(attr(n, "src"), "/static/"), what)
			require.Nil(t, n.FirstChild, what)
		case "style", "iframe", "object", "embed", "base":
			require.Fail(t, "no such element", "%s: %s", what, n.Data)
		case "img":
			require.Fail(t, "no image", what)
		}
	})
}

func TestClaimingInTheQueueStaysThere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, _ := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	forms := d.get(rita, "/queue?view=undecided&verdict=review").all("form", "action", hrefOf(llama)+"/claim")
	require.Len(t, forms, 1)
	form := url.Values{}
	each(forms[0], func(n *html.Node) {
		if n.Data == "input" {
			form.Set(attr(n, "name"), attr(n, "value"))
		}
	})
	require.Equal(t, itoa(llama.Version), form.Get("version"))
	claimed := d.post(rita, attr(forms[0], "action"), form)
	require.Equal(t, http.StatusSeeOther, claimed.status)
	require.Equal(t, "/queue?done=claimed&verdict=review&view=undecided", claimed.header.Get("Location"))
	page := d.get(rita, claimed.header.Get("Location"))
	require.Contains(t, page.main(), "You work on this case now.")
	require.Empty(t, page.all("form", "action", hrefOf(llama)+"/claim"))

	for _, next := range []string{"/overview", "//evil.example/queue", "https://evil.example/queue", ""} {
		now, err := d.service.Queue.DB.Case(t.Context(), qwen.ID)
		require.NoError(t, err)
		led := d.post(rita, hrefOf(qwen)+"/claim", url.Values{"version": {itoa(now.Version)}, "next": {next}})
		require.Equal(t, http.StatusSeeOther, led.status)
		require.Equal(t, hrefOf(qwen)+"?done=claimed", led.header.Get("Location"), next)
		_, err = d.service.Queue.Release(t.Context(), pipeline.Claim{Case: qwen.ID, Actor: actor("rita", pipeline.RoleReviewer)})
		require.NoError(t, err)
	}

	stale := d.post(rita, hrefOf(qwen)+"/claim", url.Values{"version": {"1"}, "next": {"/queue"}}, "HX-Request", "true")
	require.Equal(t, http.StatusConflict, stale.status)
	require.Contains(t, stale.body, `role="alert"`)
}
