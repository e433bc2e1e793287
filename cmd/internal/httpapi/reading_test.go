package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// weighed weighs a folder without queueing it.
func (d *desk) weighed(source string, hash bool, submission *pipeline.Submission) *pipeline.Weighing {
	d.t.Helper()
	w, err := d.service.App.Weigh(d.t.Context(), app.Run{Source: source, Packs: []string{"seed-article"}, AsOf: noon, Keep: true, Hash: hash, Declared: submission})
	require.NoError(d.t, err)
	return w
}

// recorded is a small case of sam's, recorded without the API.
func (d *desk) recorded() pipeline.Case {
	d.t.Helper()
	c, err := d.service.Queue.Record(d.t.Context(), d.weighed(written(d.t, fixtures.Tiny()), false, nil), pipeline.Actor{Name: "sam", Known: pipeline.KnownToken})
	require.NoError(d.t, err)
	return c
}

// many records copies of a weighing as cases of other sources.
func (d *desk) many(n int) {
	d.t.Helper()
	w := d.weighed(d.model, false, nil)
	for i := range n {
		w.Report.Artifact.Source = fmt.Sprintf("s3://staging/model-%04d/", i)
		w.Report.Artifact.PinDigest = pipeline.DigestBytes(fmt.Append(nil, i))
		_, err := d.service.Queue.Record(d.t.Context(), w, pipeline.Actor{Name: "sam", Known: pipeline.KnownToken})
		require.NoError(d.t, err)
	}
}

// Every list comes in pages, newest first, and takes no cursor that it did not give.
func TestLists_Pages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	db := d.service.Queue.DB
	d.many(1) // an event of the log
	const more = 7
	want := map[string][]string{}
	add := func(list, id string) { want[list] = append([]string{id}, want[list]...) }
	for i := range more {
		by := []string{"sam", "mallory"}[i%2]
		id, err := uuid.NewV7()
		require.NoError(t, err)
		require.NoError(t, db.AddCheck(t.Context(), pipeline.Check{ID: id, Source: "s3://b/m/", By: pipeline.Actor{Name: by}, CreatedAt: noon}, nil))
		add("/checks?", id.String())
		add("/checks?active=true&", id.String())
		add("/checks?by="+strings.ToUpper(by)+"&", id.String())
		add(by, id.String())
		hook := fmt.Sprint(i)
		require.NoError(t, db.AddDeliveries(t.Context(), hook, 0, 1, []pipeline.Delivery{{ID: id, Hook: hook, Seq: 1, Kind: pipeline.NoticeReview, State: pipeline.DeliveryWaiting, NextAt: noon, CreatedAt: noon}}))
		add("/deliveries?", id.String())
		add("/deliveries?state=waiting&", id.String())
		e := must[pipeline.Exception](d.post("lena", "/exceptions", object{"pack": "seed-article", "rule": "SEED-01", "scope": "s3://b/", "owner": "lena", "reason": "other", "comment": "x",
			"until": noon.Add(time.Duration(more-i) * time.Hour)}), http.StatusCreated)
		add("/exceptions?", e.ID.String())
		add("/exceptions?live=true&", e.ID.String())
		add("/exceptions?order=ending&", e.ID.String())
	}
	tokens := must[struct{ Items []pipeline.Token }](d.get("ada", "/tokens?limit=200"), http.StatusOK)
	for _, token := range tokens.Items {
		want["/tokens?"] = append(want["/tokens?"], token.ID.String())
	}
	own := map[string]string{"sam": "/checks?", "mallory": "/checks?"}
	type list struct {
		Items []struct{ ID string }
		Next  string
	}
	for name, ids := range want {
		as, path := "ada", name
		if own[name] != "" {
			as, path = name, own[name]
		}
		var seen []string
		cursor := ""
		for {
			page := must[list](d.get(as, path+"limit=2&cursor="+url.QueryEscape(cursor)), http.StatusOK)
			require.LessOrEqual(t, len(page.Items), 2)
			for _, item := range page.Items {
				seen = append(seen, item.ID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		require.Equal(t, ids, seen, name)
		for _, wrong := range []string{"x", "1", "%27", uuid.NewString() + "0"} {
			refused(d.get(as, path+"cursor="+wrong), http.StatusBadRequest, pipeline.CodeUsage)
		}
		for _, wrong := range []string{"0", "201", "-1", "x"} {
			refused(d.get(as, path+"limit="+wrong), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
		}
	}

	// The packs of the configuration come in its order.
	type packs struct {
		Items []struct{ Name string }
		Next  string
	}
	all := must[packs](d.get("ci", "/packs?limit=200"), http.StatusOK)
	require.Empty(t, all.Next)
	var seen []struct{ Name string }
	for cursor := ""; ; {
		page := must[packs](d.get("ci", "/packs?limit=1&cursor="+cursor), http.StatusOK)
		require.Len(t, page.Items, 1)
		seen = append(seen, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Equal(t, all.Items, seen)
	refused(d.get("ci", "/packs?cursor=none"), http.StatusBadRequest, pipeline.CodeUsage)
}

func TestCases_Pages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const n = 430
	d.many(n)
	seen := map[uuid.UUID]bool{}
	cursor := ""
	for {
		page := must[pipeline.CasePage](d.get("rita", "/cases?limit=150&order=urgent&cursor="+url.QueryEscape(cursor)), http.StatusOK)
		for _, c := range page.Items {
			require.False(t, seen[c.ID])
			seen[c.ID] = true
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Len(t, seen, n)

	r := d.get("audrey", "/cases.jsonl")
	require.Equal(t, http.StatusOK, r.Status)
	require.Equal(t, "application/jsonl", r.Header.Get("Content-Type"))
	lines := bytes.Split(bytes.TrimSpace(r.Body), []byte("\n"))
	require.Len(t, lines, n)
	for _, line := range lines {
		var c pipeline.Case
		require.NoError(t, json.Unmarshal(line, &c))
		require.True(t, seen[c.ID])
	}
	require.Len(t, bytes.Split(bytes.TrimSpace(d.get("sam", "/cases.jsonl?text=model-000").Body), []byte("\n")), 10)
	require.Empty(t, d.get("audrey", "/cases.jsonl?verdict=clear").Body)
	refused(d.get("audrey", "/cases.jsonl?limit=7"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)

	// Nothing more is read for a client that has gone.
	gone := &broken{header: http.Header{}}
	asked := d.request("audrey", http.MethodGet, "/cases.jsonl", nil)
	asked.RemoteAddr = "192.0.2.1:1"
	d.mux.Handler().ServeHTTP(gone, asked)
	require.Equal(t, 1, gone.writes)

	head := must[pipeline.AuditHead](d.get("ada", "/audit/head"), http.StatusOK)
	r = d.get("ada", "/audit.jsonl")
	at := pipeline.AuditGenesis()
	for _, line := range bytes.Split(bytes.TrimSpace(r.Body), []byte("\n")) {
		var e pipeline.AuditEvent
		require.NoError(t, json.Unmarshal(line, &e))
		var err error
		at, err = at.Check(e)
		require.NoError(t, err)
	}
	require.Equal(t, head, at)
	require.Len(t, bytes.Split(bytes.TrimSpace(d.get("ada", fmt.Sprintf("/audit.jsonl?after=%d", head.Count-3)).Body), []byte("\n")), 3)
	require.Empty(t, d.get("ada", fmt.Sprintf("/audit.jsonl?after=%d", head.Count)).Body)
	type events struct {
		Items []pipeline.AuditEvent
		Next  string
	}
	page := must[events](d.get("rita", "/audit?limit=3"), http.StatusOK)
	require.Len(t, page.Items, 3)
	require.Equal(t, int64(4), must[events](d.get("rita", "/audit?limit=3&cursor="+page.Next), http.StatusOK).Items[0].Seq)
	require.Empty(t, must[events](d.get("rita", fmt.Sprintf("/audit?cursor=%d", head.Count)), http.StatusOK).Items)
	refused(d.get("rita", "/audit?cursor=-1"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
}

// broken is a connection that takes nothing.
type broken struct {
	header http.Header
	writes int
}

// Header implements [http.ResponseWriter].
func (b *broken) Header() http.Header { return b.header }

// WriteHeader implements [http.ResponseWriter].
func (b *broken) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("broken pipe")
}

func TestCases_Filters(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	small := d.checked("mallory", object{"source": folder(t, "llama-3.1-8b"), "packs": []string{"seed-article"}})
	must[pipeline.Case](d.post("rita", casePath(c, "/claim"), object{}), http.StatusOK)
	must[pipeline.Case](d.post("rita", casePath(c, "/assign"), object{"assignee": "rita"}), http.StatusOK)
	for query, want := range map[string][]uuid.UUID{
		"":              {small.ID, c.ID},
		"state=claimed": {c.ID},
		"state=claimed&state=" + string(small.State): {small.ID, c.ID},
		"verdict=review":                      {c.ID},
		"verdict=block":                       nil,
		"source=" + url.QueryEscape(c.Source): {c.ID},
		"source_prefix=" + url.QueryEscape(c.Source[:len(c.Source)-3]): {c.ID},
		"family=llama": {small.ID, c.ID},
		"family=bert":  nil,
		"fingerprint=" + url.QueryEscape(*c.Fingerprint): {c.ID},
		"submitter=mallory":                             {small.ID},
		"assignee=RITA":                                 {c.ID},
		"claimant=rita":                                 {c.ID},
		"text=LLAMA-3-70B":                              {c.ID},
		"pins=" + string(c.PinDigest):                   {c.ID},
		"content=sha256:" + strings.Repeat("0", 64):     nil,
		"cause=none":                                    nil,
		"pack=seed-article&rule=SEED-01&state=claimed":  {c.ID},
		"rule=NO-SUCH":                                  nil,
		"min_params=50000000000":                        {c.ID},
		"max_params=50000000000":                        {small.ID},
		"min_params=0":                                  {small.ID, c.ID},
		"created_from=2026-11-25T12:00:00Z":             {small.ID, c.ID},
		"created_before=2026-11-25T12:00:00Z":           nil,
		"overdue=true":                                  nil,
		"due_before=2030-01-01T00:00:00Z&state=claimed": {c.ID},
		"needs_me=true&text=70b":                        {c.ID},
		"needs_reviewer=ravi&text=70b":                  nil,
	} {
		var got []uuid.UUID
		for _, item := range must[pipeline.CasePage](d.get("rita", "/cases?"+query), http.StatusOK).Items {
			got = append(got, item.ID)
		}
		require.ElementsMatch(t, want, got, query)
	}
	refused(d.get("rita", "/cases?needs_me=true&needs_reviewer=ravi"), http.StatusBadRequest, pipeline.CodeUsage)
	refused(d.get("rita", "/cases?overdue=true&due_before=2030-01-01T00:00:00Z"), http.StatusBadRequest, pipeline.CodeUsage)

	d.clock.add(200 * 24 * time.Hour)
	require.Len(t, must[pipeline.CasePage](d.get("rita", "/cases?overdue=true&text=70b"), http.StatusOK).Items, 1)
	counts := must[struct {
		Cases     pipeline.CaseCounts
		Undecided int64
		Overdue   int64
		NeedsMe   int64 `json:"needs_me"`
		Days      []pipeline.DayCount
	}](d.get("rita", "/counts?from=2026-11-25&to=2026-11-25"), http.StatusOK)
	require.Equal(t, int64(1), counts.Cases[pipeline.StateClaimed][pipeline.VerdictReview])
	require.Positive(t, counts.Overdue)
	require.Positive(t, counts.NeedsMe)
	require.NotEmpty(t, counts.Days)
	refused(d.get("rita", "/counts?from=2026-11-25"), http.StatusBadRequest, pipeline.CodeUsage)
	refused(d.get("rita", "/counts?from=2020-01-01&to=2026-01-01"), http.StatusBadRequest, pipeline.CodeUsage)
}

func TestReport(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	for _, name := range report.FormatNames() {
		r := d.get("sam", casePath(c, "/report?format="+name))
		require.Equal(t, http.StatusOK, r.Status, name)
		require.NotEmpty(t, r.Body, name)
		require.Contains(t, r.Header.Get("Content-Disposition"), "attachment", name)
		require.Contains(t, r.Header.Get("Content-Security-Policy"), "sandbox", name)
	}
	r := must[pipeline.Report](d.get("audrey", casePath(c, "/report")), http.StatusOK)
	require.Equal(t, pipeline.ReportSchema, r.Schema)
	require.Equal(t, c.ID, r.Case.ID)
	refused(d.get("audrey", casePath(c, "/report?format=pdf")), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.get("audrey", "/cases/"+uuid.NewString()+"/report"), http.StatusNotFound, pipeline.CodeNotFound)
	refused(d.get("audrey", casePath(c, "/approval")), http.StatusNotFound, pipeline.CodeNotFound)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	declared, err := app.ParseSubmission("destination: {country: DE}\n")
	require.NoError(t, err)
	sam := pipeline.Actor{Name: "sam", Known: pipeline.KnownToken}
	small := written(t, fixtures.Tiny(), fixtures.WithData())
	record := func(w *pipeline.Weighing) pipeline.Case {
		w.Report.Verdict = pipeline.VerdictReview
		c, err := d.service.Queue.Record(t.Context(), w, sam)
		require.NoError(t, err)
		return c
	}
	bare, to := record(d.weighed(small, true, nil)), record(d.weighed(small, true, declared))
	require.NotNil(t, bare.ContentDigest)
	require.Equal(t, bare.PinDigest, to.PinDigest)
	status := func(digest pipeline.Digest, submission string) pipeline.State {
		query := ""
		if submission != "" {
			query = "?submission=" + url.QueryEscape(submission)
		}
		return must[struct{ State pipeline.State }](d.get("ci", "/artifacts/"+string(digest)+"/status"+query), http.StatusOK).State
	}
	none, de := "none", string(*to.SubmissionDigest)
	for _, digest := range []pipeline.Digest{bare.PinDigest, *bare.ContentDigest} {
		for _, submission := range []string{"", none, de} {
			require.Equal(t, pipeline.StateOpen, status(digest, submission))
		}
	}
	vote := func(c pipeline.Case, kind string, until *time.Time) {
		for _, as := range []string{"rita", "ravi"} {
			body := object{"kind": kind, "reason": "other", "comment": "seen", "until": until}
			if until == nil {
				delete(body, "until")
			}
			if s := must[struct{ Case pipeline.Case }](d.post(as, casePath(c, "/decisions"), body), http.StatusOK).Case.State; !s.Undecided() || s == pipeline.StateChangesRequested {
				return
			}
		}
		require.Fail(t, "not decided")
	}
	vote(to, "approve", nil)
	require.Equal(t, pipeline.StateApproved, status(*bare.ContentDigest, de))
	require.Equal(t, pipeline.StateOpen, status(*bare.ContentDigest, none))
	require.Equal(t, pipeline.StateOpen, status(*bare.ContentDigest, ""), "the strictest of both")
	hour := noon.Add(time.Hour)
	vote(bare, "approve", &hour)
	require.Equal(t, pipeline.StateApproved, status(bare.PinDigest, ""))
	// The same bytes elsewhere: what was settled last on them counts.
	w := d.weighed(small, true, nil)
	w.Report.Artifact.Source, w.Report.Artifact.PinDigest = "s3://copy/toy/", pipeline.DigestBytes([]byte("copy"))
	copied := record(w)
	require.Equal(t, pipeline.StateApproved, status(*bare.ContentDigest, none))
	require.Equal(t, pipeline.StateOpen, status(copied.PinDigest, none))
	d.clock.add(2 * time.Hour)
	require.Equal(t, pipeline.StateExpired, status(bare.PinDigest, none), "a term that is over is over, whoever notes it when")
	require.Equal(t, pipeline.StateOpen, status(*bare.ContentDigest, none))
	require.Equal(t, pipeline.StateExpired, status(bare.PinDigest, ""))
	vote(copied, "reject", nil)
	require.Equal(t, pipeline.StateRejected, status(*bare.ContentDigest, ""))

	for _, path := range []string{"sha256:" + strings.Repeat("0", 64), "sha256:0", "nonsense", string(*bare.ContentDigest) + "?submission=sha256:" + strings.Repeat("0", 64), string(bare.PinDigest) + "?submission=nonsense", string(bare.HeaderDigest)} {
		path, query, _ := strings.Cut(path, "?")
		refused(d.get("ci", "/artifacts/"+path+"/status?"+query), http.StatusNotFound, pipeline.CodeNotFound)
	}

	// Who has the bytes hears the ruling, and of others' cases nothing else.
	type ruled struct {
		Ruling   pipeline.RulingKind
		Case     *pipeline.Case
		Approval *pipeline.Approval
		Envelope []byte
	}
	ask := object{"source": "/elsewhere", "pin_digest": copied.PinDigest, "header_digest": to.HeaderDigest, "content_digest": *to.ContentDigest, "submission_digest": de, "verdict": "review"}
	r := must[ruled](d.post("ci", "/rulings", ask), http.StatusOK)
	require.Equal(t, pipeline.RulingApproved, r.Ruling)
	require.Equal(t, pipeline.BoundContent, r.Approval.Bound)
	require.Empty(t, r.Case.Source)
	require.Empty(t, r.Case.Submitter.Name)
	require.Empty(t, r.Approval.Decisions)
	require.NotEmpty(t, r.Envelope)
	seen := must[ruled](d.post("rita", "/rulings", ask), http.StatusOK)
	require.NotEmpty(t, seen.Approval.Decisions)
	require.Equal(t, to.Source, seen.Case.Source)
	delete(ask, "content_digest")
	require.Equal(t, pipeline.RulingNone, must[ruled](d.post("ci", "/rulings", ask), http.StatusOK).Ruling)
	ask["pin_digest"] = "nonsense"
	refused(d.post("ci", "/rulings", ask), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	ask["pin_digest"], ask["verdict"] = copied.PinDigest, "fine"
	refused(d.post("ci", "/rulings", ask), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
}

func TestRules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	packs := must[struct {
		Items []struct {
			Name  string
			Mode  pipeline.Mode
			Rules []struct{ ID string }
		}
	}](d.get("ci", "/packs"), http.StatusOK).Items
	require.NotEmpty(t, packs)
	for _, p := range packs {
		require.NotEmpty(t, p.Rules, p.Name)
	}
	require.Equal(t, http.StatusAccepted, d.post("ada", "/rejudge", object{"cause": "a newer list"}).Status)
	require.Equal(t, []string{"a newer list"}, d.causes)
	refused(d.post("ada", "/rejudge", object{"cause": "  "}), http.StatusBadRequest, pipeline.CodeUsage)

	id, err := uuid.NewV7()
	require.NoError(t, err)
	require.NoError(t, d.service.Queue.DB.AddDeliveries(t.Context(), "chat", 0, 1, []pipeline.Delivery{{ID: id, Hook: "chat", Seq: 1, Kind: pipeline.NoticeReview, Body: []byte("{}"),
		State: pipeline.DeliveryWaiting, NextAt: noon, CreatedAt: noon}}))
	type list struct{ Items []pipeline.Delivery }
	require.Len(t, must[list](d.get("audrey", "/deliveries?state=waiting"), http.StatusOK).Items, 1)
	require.Empty(t, must[list](d.get("ada", "/deliveries?state=dead"), http.StatusOK).Items)
	require.Equal(t, id, must[pipeline.Delivery](d.post("ada", "/deliveries/"+id.String()+"/retry", nil), http.StatusOK).ID)
	require.Equal(t, []uuid.UUID{id}, d.retried)
}
