package webui_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/webui"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

func TestPacksAreShownInPlainWords(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sam := d.person("sam", pipeline.RoleSubmitter)
	packs := d.get(sam, "/packs")
	require.Equal(t, http.StatusOK, packs.status)
	require.Len(t, packs.all("a", "href", "/packs/seed-article"), 1)
	require.Empty(t, packs.all("form", "id", "try"), "a submitter tries no modes")
	require.Contains(t, packs.main(), "not verified")

	pack := d.get(sam, "/packs/seed-article")
	require.Equal(t, http.StatusOK, pack.status)
	main := pack.main()
	for _, want := range []string{"SEED-01", "params.effective_lower > 10000000000", "scenario, not law", "enforced", "come out as they say", "sha256:"} {
		require.Contains(t, main, want)
	}
	require.NotContains(t, main, "come out otherwise")
	require.NotContains(t, main, "{{", "facts that are filled in are shown by name")
	for _, n := range pack.all("a", "target", "_blank") {
		require.Contains(t, attr(n, "rel"), "noopener")
		require.Contains(t, attr(n, "rel"), "noreferrer")
	}
	require.Equal(t, http.StatusNotFound, d.get(sam, "/packs/nothing").status)

	d.clock.Add(3 * 365 * 24 * time.Hour)
	d2 := d.get(d.person("sue", pipeline.RoleSubmitter), "/packs/seed-article")
	require.Contains(t, d2.main(), "past its review")
}

func TestAPackOfTheOperatorShowsExamplesThatFail(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := filepath.Join(d.folder, "ours.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`pack: ours
version: "1"
title: Ours <script>alert(1)</script>
rules:
  - id: OUR-01
    title: More than five parameters
    status: organisation
    when: params.lower > 5
    effect: review
    message: "It has {{params.lower}} parameters"
    cite: [{title: Our handbook, url: "https://example.org/handbook"}]
    examples:
      match: [{params: {lower: 6}}, {params: {lower: 4}}]
      no_match: [{params: {lower: 5}}]
`), 0o600))
	d.service.App.Settings.Rules.Files = []string{file}
	page := d.get(d.person("sam", pipeline.RoleSubmitter), "/packs/ours")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.main(), "1 comes out otherwise")
	require.Contains(t, page.main(), "2 come out as they say")
	require.Contains(t, page.main(), "expected matched, but it came out as not matched")
	requireInert(t, page, "/packs/ours")
}

func TestPreviewChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, _, _ := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer)
	form := url.Values{"mode.seed-article": {"report"}}
	page := d.post(rita, "/packs/preview", form)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.main(), "3 cases would have another verdict.")
	require.Contains(t, page.main(), "All 3 cases were judged.")
	require.Len(t, page.all("a", "href", hrefOf(llama)), 1)
	require.Contains(t, page.main(), "SEED-01")
	now, err := d.service.Queue.DB.Case(t.Context(), llama.ID)
	require.NoError(t, err)
	require.Equal(t, llama, now)
	chosen := 0
	for _, n := range page.all("select", "name", "mode.seed-article") {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			for _, a := range c.Attr {
				if a.Key == "selected" {
					chosen++
					require.Equal(t, "report", attr(c, "value"), "what was chosen stays chosen")
				}
			}
		}
	}
	require.Equal(t, 1, chosen)

	same := d.post(rita, "/packs/preview", url.Values{})
	require.Contains(t, same.main(), "0 cases would have another verdict.")
	for _, wrong := range []url.Values{{"mode.nothing": {"enforce"}}, {"mode.seed-article": {"sideways"}}} {
		refused := d.post(rita, "/packs/preview", wrong)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status)
		require.NotEmpty(t, refused.all("div", "role", "alert"))
	}
	require.Equal(t, http.StatusForbidden, d.post(d.person("sam", pipeline.RoleSubmitter), "/packs/preview", form).status)
}

func TestPreviewSaysWhereItWasCut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	threeCases(d)
	for _, most := range []int{1, 2} {
		got, err := d.service.Preview(t.Context(), map[string]pipeline.Mode{"seed-article": pipeline.ModeReport}, most, time.Minute)
		require.NoError(t, err)
		require.Equal(t, most, got.Judged)
		require.Equal(t, most, got.Verdicts())
		require.False(t, got.Whole)
	}
	got, err := d.service.Preview(t.Context(), nil, 3, time.Minute)
	require.NoError(t, err)
	require.True(t, got.Whole)
	got, err = d.service.Preview(t.Context(), nil, 3, -time.Second)
	require.NoError(t, err)
	require.Zero(t, got.Judged, "time was over before it began")
	require.False(t, got.Whole)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.service.Preview(gone, nil, 3, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
}

// seqs are the numbers of the events that a page of the log shows.
func (a answer) seqs() []string {
	var out []string
	for _, n := range a.all("tr", "id", "") {
		out = append(out, strings.TrimPrefix(attr(n, "id"), "e"))
	}
	return out
}

func TestAuditLogIsReadInBothOrders(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, _, _ := threeCases(d)
	rita := d.person("rita", pipeline.RoleReviewer) // making a token is an event too
	for i := range 110 {
		_, err := d.service.Queue.Comment(t.Context(), pipeline.Remark{Case: llama.ID, Actor: actor("rita", pipeline.RoleReviewer), Text: strings.Repeat("x", i+1)})
		require.NoError(t, err)
	}
	head, err := d.service.Queue.DB.AuditHead(t.Context())
	require.NoError(t, err)
	for _, order := range []string{"", "?order=oldest"} {
		var all []string
		next := "/audit" + order
		for next != "" {
			page := d.get(rita, next)
			require.Equal(t, http.StatusOK, page.status)
			all = append(all, page.seqs()...)
			next = ""
			for _, n := range page.all("a", "rel", "next") {
				next = attr(n, "href")
			}
		}
		require.Len(t, all, int(head.Count))
		first, last := all[0], all[len(all)-1]
		if order == "" {
			first, last = last, first
		}
		require.Equal(t, "1", first)
		require.Equal(t, formatCount(head.Count), last)
	}

	only := d.get(rita, "/audit?kind=opened")
	require.Len(t, only.seqs(), 3)
	require.Len(t, d.get(rita, "/audit?actor=SUE").seqs(), 1, "names are those of people, in any letter case")
	require.Len(t, d.get(rita, "/audit?case="+llama.ID.String()).seqs(), 100)
	require.Len(t, d.get(rita, "/audit?case="+llama.ID.String()+"&kind=opened&order=oldest").seqs(), 1)
	require.Empty(t, d.get(rita, "/audit?case="+uuid.NewString()).seqs())
	for _, query := range []string{"kind=x", "case=1", "at=-1", "at=x", "actor=" + strings.Repeat("a", 500)} {
		wrong := d.get(rita, "/audit?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, wrong.status, query)
		require.NotEmpty(t, wrong.all("div", "role", "alert"), query)
		require.NotEmpty(t, wrong.seqs(), "the log is shown all the same: %s", query)
	}
	require.Equal(t, http.StatusForbidden, d.get(d.person("sam", pipeline.RoleSubmitter), "/audit").status)
}

func formatCount(n int64) string { return itoa(n) }

func TestAuditLogIsVerifiedAndExported(t *testing.T) {
	t.Parallel()
	var checkpoint *attest.Checkpoint
	d := newDesk(t, func(o *webui.Options) {
		o.Checkpoint = func(context.Context) (*attest.Checkpoint, error) { return checkpoint, nil }
	})
	threeCases(d)
	audra, rita := d.person("audra", pipeline.RoleAuditor), d.person("rita", pipeline.RoleReviewer)

	good := d.post(audra, "/audit/verify", url.Values{})
	require.Contains(t, good.main(), "The log verifies")
	require.Contains(t, good.main(), "There is no checkpoint")
	head, err := d.service.Queue.DB.AuditHead(t.Context())
	require.NoError(t, err)
	noted := attest.CheckpointOf(head, d.clock.Now())
	checkpoint = &noted
	require.Contains(t, d.post(audra, "/audit/verify", url.Values{}).main(), "held against the newest checkpoint")
	longer := attest.CheckpointOf(pipeline.AuditHead{Count: head.Count + 5, Hash: head.Hash}, d.clock.Now())
	checkpoint = &longer
	bad := d.post(audra, "/audit/verify", url.Values{})
	require.Contains(t, bad.main(), "The log does not verify", "a log that was cut shows")
	require.Equal(t, http.StatusForbidden, d.post(rita, "/audit/verify", url.Values{}).status)
	require.Empty(t, d.get(rita, "/audit").all("form", "action", "/audit/verify#verified"), "who may not is not asked to")

	export := d.get(audra, "/audit/export")
	require.Equal(t, http.StatusOK, export.status)
	require.Contains(t, export.header.Get("Content-Disposition"), "attachment")
	at := pipeline.AuditGenesis()
	lines := bufio.NewScanner(strings.NewReader(export.body))
	var last string
	for lines.Scan() {
		last = lines.Text()
		if strings.HasPrefix(last, `{"checkpoint"`) {
			continue
		}
		var e pipeline.AuditEvent
		require.NoError(t, json.Unmarshal([]byte(last), &e))
		at, err = at.Check(e)
		require.NoError(t, err)
	}
	require.Contains(t, last, string(at.Hash), "the last line holds the head")
	require.Equal(t, http.StatusForbidden, d.get(rita, "/audit/export").status)
}

func TestOverviewCountsWhatHappened(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, qwen, _ := threeCases(d)
	d.clock.Add(3 * 24 * time.Hour)
	_, err := d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: llama.ID, Actor: actor("rita", pipeline.RoleReviewer), Kind: pipeline.DecisionReject, Reason: pipeline.ReasonRuleApplies, Comment: "No."})
	require.NoError(t, err)
	_, err = d.service.Queue.Decide(t.Context(), pipeline.Ballot{Case: qwen.ID, Actor: actor("rita", pipeline.RoleReviewer), Kind: pipeline.DecisionChanges, Reason: pipeline.ReasonEvidenceMissing, Comment: "Which data?"})
	require.NoError(t, err)
	rita := d.person("rita", pipeline.RoleReviewer)
	page := d.get(rita, "/overview?days=7")
	require.Equal(t, http.StatusOK, page.status)
	main := page.main()
	for _, want := range []string{"Undecided now 2", "Waiting for submitters 1", "Opened in 7 days 3", "Decided in 7 days 2", "One day to a week 2", "Rejected 0 0 1 0 1"} {
		require.Contains(t, main, want)
	}
	require.Len(t, page.all("svg", "role", "img"), 1)
	require.Len(t, page.all("rect", "class", "first"), 6, "one day's bar, the four bars of ages and the legend's")
	bars := page.all("a", "href", "/queue?view=undecided&older=1&newer=7")
	require.Len(t, bars, 1)
	require.Len(t, d.get(rita, attr(bars[0], "href")).links(), 2, "the link leads to the cases that were counted")
	require.Contains(t, d.get(rita, "/overview?days=12345").main(), "30 days")

	none := newDesk(t)
	empty := none.get(none.person("rita", pipeline.RoleReviewer), "/overview?days=90")
	require.Equal(t, http.StatusOK, empty.status)
	require.Contains(t, empty.main(), "Undecided now 0")
}

func grantForm() url.Values {
	return url.Values{"rule": {"seed-article/SEED-01"}, "scope": {"s3://staging/team-a/"}, "owner": {"lena"}, "reason": {"licence_obtained"},
		"comment": {"Licence 12 <script>alert(1)</script>"}, "until": {"2026-12-01"}}
}

func TestExceptionsAreGrantedAndEnded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	lena, rita := d.person("lena", pipeline.RoleLegal), d.person("rita", pipeline.RoleReviewer)
	require.Empty(t, d.get(rita, "/exceptions").all("form", "action", "/exceptions"))
	require.Equal(t, http.StatusForbidden, d.post(rita, "/exceptions", grantForm()).status)

	done := d.post(lena, "/exceptions", grantForm())
	require.Equal(t, http.StatusSeeOther, done.status, done.body)
	require.Equal(t, "/exceptions?done=granted", done.header.Get("Location"))
	later := grantForm()
	later.Set("until", "2027-06-01")
	later.Set("scope", "s3://staging/team-b/")
	require.Equal(t, http.StatusSeeOther, d.post(lena, "/exceptions", later).status)

	page := d.get(lena, "/exceptions?done=granted")
	require.Contains(t, page.main(), "The exception is granted.")
	require.Less(t, strings.Index(page.main(), "team-a"), strings.Index(page.main(), "team-b"), "what ends first comes first")
	require.Contains(t, page.main(), "ends in 8 days")
	requireInert(t, page, "/exceptions")

	for key, value := range map[string]string{"until": "", "rule": "nothing", "owner": "", "scope": "ftp://x", "reason": "", "comment": " ", "until ": ""} {
		form := grantForm()
		form.Set(key, value)
		if key == "until " {
			form.Set("until", "2020-01-01")
		}
		wrong := d.post(lena, "/exceptions", form)
		require.Equal(t, http.StatusUnprocessableEntity, wrong.status, key)
		require.NotEmpty(t, wrong.all("div", "role", "alert"), key)
		if key != "owner" {
			require.Equal(t, "lena", attr(wrong.all("input", "name", "owner")[0], "value"), "what was typed is kept")
		}
	}

	live, err := d.service.Queue.DB.Exceptions(t.Context(), pipeline.ExceptionFilter{Order: pipeline.ExceptionsEnding})
	require.NoError(t, err)
	require.Len(t, live.Items, 2)
	end := "/exceptions/" + live.Items[0].ID.String() + "/end"
	blank := d.post(lena, end, url.Values{"why": {" "}})
	require.Equal(t, http.StatusUnprocessableEntity, blank.status)
	require.Equal(t, http.StatusSeeOther, d.post(lena, end, url.Values{"why": {"The licence was withdrawn."}}).status)
	require.Equal(t, http.StatusConflict, d.post(lena, end, url.Values{"why": {"Again."}}).status)
	require.NotContains(t, d.get(rita, "/exceptions").main(), "team-a")
	require.Contains(t, d.get(rita, "/exceptions?all=1").main(), "ended early")
	for _, id := range []string{"x", uuid.NewString()} {
		require.Equal(t, http.StatusNotFound, d.post(lena, "/exceptions/"+id+"/end", url.Values{"why": {"x"}}).status)
	}
}

// Lists that grow come page by page, each item once and the filter kept.
func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	db, at := d.service.Queue.DB, d.clock.Now().UTC().Truncate(time.Microsecond)
	adam := d.person("adam", pipeline.RoleAdmin, pipeline.RoleLegal) // an event of the log
	const more = 205
	for i := range more {
		id, err := uuid.NewV7()
		require.NoError(t, err)
		require.NoError(t, db.AddCheck(t.Context(), pipeline.Check{ID: id, Source: fmt.Sprintf("s3://b/item-%03d/", i), By: pipeline.Actor{Name: "adam"}, State: pipeline.CheckQueued, CreatedAt: at}, nil))
		name := fmt.Sprintf("item-%03d", i)
		require.NoError(t, db.AddDeliveries(t.Context(), name, 0, 1, []pipeline.Delivery{{ID: id, Hook: name, Seq: 1, Kind: pipeline.NoticeReview, State: pipeline.DeliveryWaiting, NextAt: at, CreatedAt: at}}))
		require.NoError(t, db.AddToken(t.Context(), pipeline.Token{ID: id, Label: name, Actor: "bot", CreatedBy: "adam", CreatedAt: at, ExpiresAt: at.Add(time.Hour)}, pipeline.DigestBytes([]byte(name)), pipeline.Actor{Name: "adam"}))
		_, err = d.service.Queue.Grant(t.Context(), pipeline.Exception{Pack: "seed-article", Rule: "SEED-01", Scope: "s3://b/" + name + "/", Owner: "lena", Reason: pipeline.ReasonOther,
			Comment: "x", Until: at.Add(time.Duration(i+1) * time.Hour)}, pipeline.Actor{Name: "lena", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleLegal}})
		require.NoError(t, err)
	}
	for path, filter := range map[string]string{"/checks": "active=1", "/notices": "state=waiting", "/exceptions": "all=1", "/tokens": ""} {
		seen, pages := map[string]int{}, 0
		for at := path + "?" + filter; at != ""; pages++ {
			page := d.get(adam, at)
			require.Equal(t, http.StatusOK, page.status, at)
			for _, n := range page.all("tr", "", "") {
				if name := regexp.MustCompile(`item-\d{3}`).FindString(text(n)); name != "" {
					seen[name]++
				}
			}
			require.Equal(t, pages > 0, len(page.all("a", "rel", "first")) == 1, at)
			at = ""
			for _, n := range page.all("a", "rel", "next") {
				at = attr(n, "href")
				require.Contains(t, at, filter)
			}
		}
		require.Greater(t, pages, 1, path)
		require.Len(t, seen, more, path)
		for name, times := range seen {
			require.Equal(t, 1, times, "%s %s", path, name)
		}
		require.Equal(t, http.StatusUnprocessableEntity, d.get(adam, path+"?cursor=x").status, path)
	}
}

func TestNoticesAreSentAgain(t *testing.T) {
	t.Parallel()
	var again []uuid.UUID
	d := newDesk(t, func(o *webui.Options) {
		o.Hooks = []string{"chat"}
		o.Retry = func(_ context.Context, id uuid.UUID) (pipeline.Delivery, error) {
			again = append(again, id)
			return pipeline.Delivery{}, nil
		}
	})
	at := d.clock.Now().UTC().Truncate(time.Microsecond)
	dead := pipeline.Delivery{ID: uuid.New(), Hook: "chat", Seq: 1, Kind: pipeline.NoticeReview, Body: []byte("{}"), State: pipeline.DeliveryWaiting, NextAt: at, CreatedAt: at}
	waiting := dead
	waiting.ID, waiting.Seq, waiting.Kind = uuid.New(), 2, pipeline.NoticeOverdue
	adam, audra := d.person("adam", pipeline.RoleAdmin), d.person("audra", pipeline.RoleAuditor) // two events of the log
	require.NoError(t, d.service.Queue.DB.AddDeliveries(t.Context(), "chat", 0, 2, []pipeline.Delivery{dead, waiting}))
	dead.State, dead.Attempts, dead.LastAt, dead.LastError = pipeline.DeliveryDead, 9, &at, "it answered <script>alert(1)</script>"
	require.NoError(t, d.service.Queue.DB.NoteDelivery(t.Context(), dead))

	page := d.get(adam, "/notices")
	require.Equal(t, http.StatusOK, page.status)
	requireInert(t, page, "/notices")
	retry := "/notices/" + dead.ID.String() + "/retry"
	require.Len(t, page.all("form", "action", retry), 1)
	require.Empty(t, page.all("form", "action", "/notices/"+waiting.ID.String()+"/retry"), "what is waiting is sent anyway")
	require.Empty(t, d.get(audra, "/notices").all("form", "action", retry))
	require.NotContains(t, d.get(adam, "/notices?state=dead").main(), "A case is overdue")
	require.Equal(t, http.StatusForbidden, d.post(audra, retry, url.Values{}).status)
	require.Equal(t, "/notices?done=retried", d.post(adam, retry, url.Values{}).header.Get("Location"))
	require.Equal(t, []uuid.UUID{dead.ID}, again)
	require.Equal(t, http.StatusNotFound, d.post(adam, "/notices/x/retry", url.Values{}).status)

	none := newDesk(t)
	require.Contains(t, none.get(none.person("adam", pipeline.RoleAdmin), "/notices").main(), "There are no receivers")
	require.Equal(t, http.StatusUnprocessableEntity, none.post(none.person("adam2", pipeline.RoleAdmin), retry, url.Values{}).status)
}
