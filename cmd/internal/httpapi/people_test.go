package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/httpapi"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// upload attaches a file.
func (d *desk) upload(as string, c pipeline.Case, name string, body []byte, fields ...string) reply {
	d.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	require.NoError(d.t, err)
	_, err = part.Write(body)
	require.NoError(d.t, err)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(d.t, w.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(d.t, w.Close())
	return d.post(as, casePath(c, "/exhibits"), form.Bytes(), header("Content-Type", w.FormDataContentType()))
}

func TestExhibits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	type made struct {
		Case    pipeline.Case
		Exhibit pipeline.Exhibit
	}
	for name, test := range map[string]struct {
		body  string
		media string
	}{
		"licence.pdf": {"%PDF-1.7\n...", "application/pdf"}, "shot.png": {"\x89PNG\r\n\x1a\n...", "image/png"},
		"page.html": {"<script>alert(1)</script>", "text/plain; charset=utf-8"}, "../../etc/pass\"wd;x=.txt": {"räksmörgås", "text/plain; charset=utf-8"},
	} {
		r := d.upload("sam", c, name, []byte(test.body))
		out := must[made](r, http.StatusCreated)
		require.Equal(t, `"`+fmt.Sprint(out.Case.Version)+`"`, r.Header.Get("ETag"))
		require.NotContains(t, out.Exhibit.Name, "/")
		file := d.get("rita", strings.TrimPrefix(r.Header.Get("Location"), httpapi.Prefix))
		require.Equal(t, http.StatusOK, file.Status)
		require.Equal(t, test.body, string(file.Body))
		require.Equal(t, test.media, file.Header.Get("Content-Type"))
		require.True(t, strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment"), name)
		require.Equal(t, "nosniff", file.Header.Get("X-Content-Type-Options"))
		require.Contains(t, file.Header.Get("Content-Security-Policy"), "sandbox")
	}
	now := must[pipeline.CaseHistory](d.get("sam", casePath(c, "")), http.StatusOK)
	require.Len(t, now.Exhibits, 4)

	refused(d.upload("sam", c, "x.exe", []byte("MZ\x00\x01")), http.StatusBadRequest, pipeline.CodeUsage)
	refused(d.upload("sam", c, "x.txt", nil), http.StatusBadRequest, pipeline.CodeUsage)
	stale := refused(d.upload("sam", c, "x.txt", []byte("x"), "version", "1"), http.StatusConflict, pipeline.CodeConflict)
	require.Equal(t, now.Case.Version, stale.Version)
	require.Equal(t, now.Case.State, stale.State)
	refused(d.upload("sam", c, "x.txt", []byte("x"), "colour", "red"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.upload("sam", c, "x.txt", []byte("x"), "version", "many"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.upload("sam", c, "x.txt", []byte("x"), "version", "1", "version", "1"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.upload("sam", c, "x.txt", bytes.Repeat([]byte("x"), pipeline.ExhibitMax+1)), http.StatusRequestEntityTooLarge, pipeline.CodeOverLimit)
	refused(d.post("sam", casePath(c, "/exhibits"), object{"file": "x"}), http.StatusUnsupportedMediaType, pipeline.CodeUsage)
	for _, body := range []string{"nonsense", "--x\r\n\r\n", "--x--\r\n", "--x\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1\r\n--x--\r\n"} {
		refused(d.post("sam", casePath(c, "/exhibits"), body, header("Content-Type", "multipart/form-data; boundary=x")), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	}
	refused(d.post("sam", casePath(c, "/exhibits"), "x", header("Content-Type", "multipart/form-data")), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	require.Equal(t, http.StatusCreated, d.upload("sam", c, "large.txt", bytes.Repeat([]byte("x"), pipeline.ExhibitMax)).Status, "25 MB are taken")
	d.verified()
}

func TestVersions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	r := d.get("rita", casePath(c, ""))
	require.Equal(t, fmt.Sprintf(`"%d"`, c.Version), r.Header.Get("ETag"))
	claimed := must[pipeline.Case](d.post("rita", casePath(c, "/claim"), object{}, header("If-Match", r.Header.Get("ETag"))), http.StatusOK)
	for name, stale := range map[string]reply{
		"Body":    d.post("ravi", casePath(c, "/comments"), object{"version": c.Version, "text": "x"}),
		"IfMatch": d.post("ravi", casePath(c, "/comments"), object{"text": "x"}, header("If-Match", r.Header.Get("ETag"))),
	} {
		p := refused(stale, http.StatusConflict, pipeline.CodeConflict)
		require.Equal(t, pipeline.StateClaimed, p.State, name)
		require.Equal(t, claimed.Version, p.Version, name)
	}
	for _, wrong := range []string{"2", `W/"2"`, `"x"`, `"2", "3"`, `"0"`, `"-1"`, `"02"`} {
		refused(d.post("ravi", casePath(c, "/comments"), object{"text": "x"}, header("If-Match", wrong)), http.StatusBadRequest, pipeline.CodeUsage)
	}
	refused(d.post("ravi", casePath(c, "/comments"), object{"version": 1, "text": "x"}, header("If-Match", `"2"`)), http.StatusBadRequest, pipeline.CodeUsage)
	p := refused(d.post("ravi", casePath(c, "/claim"), object{}), http.StatusConflict, pipeline.CodeTransition)
	require.Equal(t, claimed.Version, p.Version)
	require.Equal(t, pipeline.StateOpen, must[pipeline.Case](d.post("rita", casePath(c, "/release"), object{"version": claimed.Version}, header("If-Match", "*")), http.StatusOK).State)

	due := noon.Add(48 * time.Hour)
	assigned := must[pipeline.Case](d.post("ada", casePath(c, "/assign"), object{"assignee": "ravi", "due_at": due}), http.StatusOK)
	require.Equal(t, "ravi", *assigned.Assignee)
	require.Equal(t, due, *assigned.DueAt)
	refused(d.post("ada", casePath(c, "/assign"), object{}), http.StatusBadRequest, pipeline.CodeUsage)
	refused(d.post("ada", casePath(c, "/assign"), object{"assignee": "sam"}), http.StatusForbidden, pipeline.CodeForbidden)
	require.Nil(t, must[pipeline.Case](d.post("lena", casePath(c, "/assign"), object{"assignee": ""}), http.StatusOK).Assignee)
	d.verified()
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	vote := object{"kind": "changes", "reason": "evidence_missing", "comment": "where to?"}
	refused(d.post("rita", casePath(c, "/decisions"), object{"kind": "revoke", "reason": "other", "comment": "x"}), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.post("rita", casePath(c, "/decisions"), object{"kind": "approve", "reason": "because", "comment": "x"}), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.post("rita", casePath(c, "/decisions"), object{"kind": "approve", "reason": "other", "comment": " "}), http.StatusBadRequest, pipeline.CodeUsage)
	refused(d.post("rita", "/cases/"+uuid.NewString()+"/decisions", vote), http.StatusNotFound, pipeline.CodeNotFound)
	refused(d.post("sam", casePath(c, "/answers"), object{"text": "here"}), http.StatusConflict, pipeline.CodeTransition)
	require.Equal(t, http.StatusOK, d.post("rita", casePath(c, "/decisions"), vote).Status)
	answered := must[pipeline.Case](d.post("sam", casePath(c, "/answers"), object{"text": "to DE"}), http.StatusOK)
	require.Equal(t, int64(2), answered.Round)
	refused(d.post("sam", casePath(c, "/revoke"), object{"reason": "other", "comment": "x"}), http.StatusConflict, pipeline.CodeTransition)

	// A case that rests on an exception opens again with its end.
	until := noon.Add(30 * 24 * time.Hour)
	refused(d.post("lena", "/exceptions", object{"pack": "seed-article", "rule": "SEED-01", "scope": c.Source, "owner": "lena", "reason": "licence_obtained", "comment": "licence 17", "until": noon.Add(-time.Hour)}), http.StatusBadRequest, pipeline.CodeUsage)
	granted := must[pipeline.Exception](d.post("lena", "/exceptions", object{"pack": "seed-article", "rule": "SEED-01", "scope": c.Source, "owner": "lena", "reason": "licence_obtained", "comment": "licence 17", "until": until}), http.StatusCreated)
	type list struct{ Items []pipeline.Exception }
	require.Equal(t, []pipeline.Exception{granted}, must[list](d.get("audrey", "/exceptions?live=true"), http.StatusOK).Items)
	require.Empty(t, must[list](d.get("audrey", "/exceptions?ends_before=2026-11-26T00:00:00Z"), http.StatusOK).Items)
	view := must[struct{ Exceptions []pipeline.Exception }](d.get("rita", casePath(c, "")), http.StatusOK)
	require.Len(t, view.Exceptions, 1)
	type decided struct{ Case pipeline.Case }
	approve := object{"kind": "approve", "reason": "licence_obtained", "comment": "licence 17", "exception": granted.ID}
	done := must[decided](d.post("rita", casePath(c, "/decisions"), approve), http.StatusOK)
	if done.Case.State == pipeline.StateClaimed {
		done = must[decided](d.post("ravi", casePath(c, "/decisions"), approve), http.StatusOK)
	}
	require.Equal(t, pipeline.StateApproved, done.Case.State)
	require.Equal(t, until, *done.Case.ExpiresAt)
	ended := must[struct {
		Exception pipeline.Exception
		Reopened  int
	}](d.post("ada", "/exceptions/"+granted.ID.String()+"/end", object{"comment": "withdrawn"}), http.StatusOK)
	require.Equal(t, 1, ended.Reopened)
	refused(d.post("ada", "/exceptions/"+granted.ID.String()+"/end", object{"comment": "again"}), http.StatusConflict, pipeline.CodeTransition)
	refused(d.post("ada", "/exceptions/"+uuid.NewString()+"/end", object{"comment": "x"}), http.StatusNotFound, pipeline.CodeNotFound)
	d.verified()
}

// A hundred who decide at the same moment: one outcome, and everybody else is told.
func TestDecisions_AtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	const many = 100
	replies := make([]*http.Response, many)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range many {
		as, kind := []string{"rita", "ravi"}[i%2], []string{"approve", "reject", "changes"}[i%3]
		r := d.request(as, http.MethodPost, casePath(c, "/decisions"), object{"version": c.Version, "kind": kind, "reason": "other", "comment": fmt.Sprintf("vote %d", i)})
		all.Go(func() {
			<-start
			if resp, err := http.DefaultClient.Do(r); err == nil {
				replies[i] = resp
			}
		})
	}
	close(start)
	all.Wait()
	won := 0
	for _, resp := range replies {
		require.NotNil(t, resp)
		if resp.StatusCode == http.StatusOK {
			won++
		} else {
			require.Equal(t, http.StatusConflict, resp.StatusCode)
			var p problem
			read(t, resp.Body, &p)
			require.Greater(t, p.Version, c.Version, "where it stands now is told")
			require.NotEmpty(t, p.State)
		}
		_ = resp.Body.Close()
	}
	require.Equal(t, 1, won)
	h, err := d.service.Queue.DB.History(t.Context(), c.ID)
	require.NoError(t, err)
	require.Len(t, h.Decisions, 1)
	d.verified()
}

// mute is a signer without its key.
type mute struct{ attest.Signer }

func (mute) Sign(context.Context, []byte) ([]byte, error) { return nil, errors.New("no key: hunter2") }

func TestDecisions_NotSigned(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.service.Signer = mute{d.service.Signer}
	c := d.seeded()
	type decided struct {
		Case        pipeline.Case
		Attestation any
		Warning     *struct{ Message string }
	}
	vote := object{"kind": "approve", "reason": "other", "comment": "seen"}
	r := d.post("rita", casePath(c, "/decisions"), vote)
	if must[decided](r, http.StatusOK).Case.State == pipeline.StateClaimed {
		r = d.post("ravi", casePath(c, "/decisions"), vote)
	}
	done := must[decided](r, http.StatusOK)
	require.Equal(t, pipeline.StateApproved, done.Case.State, "the vote stands")
	require.Nil(t, done.Attestation)
	require.NotNil(t, done.Warning)
	require.NotContains(t, string(r.Body), "hunter2")
	refused(d.get("rita", casePath(c, "/approval")), http.StatusNotFound, pipeline.CodeNotFound)
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	key := header(httpapi.KeyHeader, "8e03978e-40d5-43dd-bc93-6894a57f9324")
	say := object{"text": "once"}
	first := d.post("rita", casePath(c, "/comments"), say, key)
	require.Equal(t, http.StatusOK, first.Status)
	require.Empty(t, first.Header.Get(httpapi.ReplayedHeader))
	again := d.post("rita", casePath(c, "/comments"), say, key)
	require.Equal(t, first.Status, again.Status)
	require.Equal(t, first.Body, again.Body)
	require.Equal(t, first.Header.Get("ETag"), again.Header.Get("ETag"))
	require.Equal(t, "true", again.Header.Get(httpapi.ReplayedHeader))
	h := must[pipeline.CaseHistory](d.get("rita", casePath(c, "")), http.StatusOK)
	require.Len(t, h.Comments, 1)

	refused(d.post("rita", casePath(c, "/comments"), object{"text": "twice"}, key), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.post("rita", casePath(c, "/claim"), say, key), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.post("rita", casePath(c, "/comments"), say, key, header("If-Match", "*")), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	require.Equal(t, http.StatusOK, d.post("ravi", casePath(c, "/comments"), say, key).Status, "another's key is another key")
	for _, wrong := range []string{"", "two words", strings.Repeat("x", 201), "é"} {
		refused(d.post("rita", casePath(c, "/comments"), say, header(httpapi.KeyHeader, wrong)), http.StatusBadRequest, pipeline.CodeUsage)
	}
	refused(d.post("rita", casePath(c, "/comments"), say, func(r *http.Request) { r.Header[httpapi.KeyHeader] = []string{"a", "b"} }), http.StatusBadRequest, pipeline.CodeUsage)

	// A request that was none can be put right under its key.
	key = header(httpapi.KeyHeader, "put-right")
	refused(d.post("rita", casePath(c, "/comments"), object{"words": "x"}, key), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	require.Equal(t, http.StatusOK, d.post("rita", casePath(c, "/comments"), object{"text": "x"}, key).Status)

	// That somebody may not, or comes too late, is an answer too.
	stale := object{"version": 1, "text": "late"}
	d.post("rita", casePath(c, "/claim"), object{})
	key = header(httpapi.KeyHeader, "stale")
	refused(d.post("rita", casePath(c, "/comments"), stale, key), http.StatusConflict, pipeline.CodeConflict)
	r := d.post("rita", casePath(c, "/comments"), stale, key)
	refused(r, http.StatusConflict, pipeline.CodeConflict)
	require.Equal(t, "true", r.Header.Get(httpapi.ReplayedHeader))

	// A check that is asked for twice is one.
	key = header(httpapi.KeyHeader, "check")
	one := must[pipeline.Check](d.post("sam", "/checks", object{"source": d.model}, key), http.StatusAccepted)
	two := d.post("sam", "/checks", object{"source": d.model}, key)
	require.Equal(t, one.ID, must[pipeline.Check](two, http.StatusAccepted).ID)
	require.Equal(t, httpapi.Prefix+"/checks/"+one.ID.String(), two.Header.Get("Location"))
	d.verified()
}

// While the first request is at work, its key is in use.
func TestIdempotency_AtWork(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	d := newDesk(t, func(o *httpapi.Options) {
		o.Rejudge = func(context.Context, string) error {
			begun <- struct{}{}
			<-finish
			return nil
		}
	})
	key := header(httpapi.KeyHeader, "slow")
	why := object{"cause": "another list"}
	first := make(chan int, 1)
	r := d.request("ada", http.MethodPost, "/rejudge", why, key)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			first <- 0
			return
		}
		_ = resp.Body.Close()
		first <- resp.StatusCode
	}()
	<-begun
	busy := d.post("ada", "/rejudge", why, key)
	refused(busy, http.StatusConflict, pipeline.CodeConflict)
	require.NotEmpty(t, busy.Header.Get("Retry-After"))
	refused(d.post("ada", "/rejudge", object{"cause": "other"}, key), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	close(finish)
	require.Equal(t, http.StatusAccepted, <-first)
	require.Equal(t, "true", d.post("ada", "/rejudge", why, key).Header.Get(httpapi.ReplayedHeader))
}

// The secrets of tokens and links are told once and kept nowhere.
func TestSecrets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	key := header(httpapi.KeyHeader, "key")
	// A person's token makes no other; neither does a machine's.
	refused(d.post("ada", "/tokens", object{"label": "x", "machine": "bot", "roles": []string{"submitter"}, "days": 30}), http.StatusForbidden, pipeline.CodeForbidden)
	refused(d.post("ada", "/tokens", object{"label": "x", "roles": []string{}, "days": 30}), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	refused(d.post("ada", "/tokens", object{"label": "x", "roles": []string{"admin"}, "days": 4000}), http.StatusUnprocessableEntity, pipeline.CodeInvalid)

	type made struct {
		Link pipeline.Link
		URL  string
	}
	first := must[made](d.post("rita", casePath(c, "/links"), object{"days": 3}, key), http.StatusCreated)
	require.True(t, strings.HasPrefix(first.URL, d.url+"/answer/"))
	require.Equal(t, noon.Add(72*time.Hour), first.Link.ExpiresAt)
	again := d.post("rita", casePath(c, "/links"), object{"days": 3}, key)
	second := must[made](again, http.StatusCreated)
	require.Equal(t, first.Link, second.Link)
	require.Empty(t, second.URL)
	secret := strings.TrimPrefix(first.URL, d.url+"/answer/")
	kept, err := d.service.Queue.DB.ReplyTo(t.Context(), "rita", "key")
	require.NoError(t, err)
	require.NotContains(t, string(kept.Body), secret)
	require.Equal(t, noon.Add(24*time.Hour), must[made](d.post("ada", casePath(c, "/links"), nil), http.StatusCreated).Link.ExpiresAt)
	d.service.Links = false
	refused(d.post("rita", casePath(c, "/links"), object{}), http.StatusForbidden, pipeline.CodeForbidden)

	type over struct{ Ended int64 }
	require.Equal(t, int64(2), must[over](d.post("rita", casePath(c, "/links/end"), nil), http.StatusOK).Ended)
	require.Equal(t, int64(0), must[over](d.post("ada", casePath(c, "/links/end"), nil), http.StatusOK).Ended)
	refused(d.post("sam", casePath(c, "/links/end"), nil), http.StatusForbidden, pipeline.CodeForbidden)

	type tokens struct{ Items []pipeline.Token }
	own := must[tokens](d.get("sam", "/tokens"), http.StatusOK).Items
	require.Len(t, own, 1)
	require.Len(t, must[tokens](d.get("ada", "/tokens"), http.StatusOK).Items, len(people())+1)
	require.Empty(t, must[tokens](d.get("ci", "/tokens"), http.StatusOK).Items)
	refused(d.post("mallory", "/tokens/"+own[0].ID.String()+"/revoke", nil), http.StatusNotFound, pipeline.CodeNotFound)
	require.Equal(t, "sam", must[struct{ Name string }](d.get("sam", "/me"), http.StatusOK).Name)
	require.Equal(t, http.StatusNoContent, d.post("sam", "/tokens/"+own[0].ID.String()+"/revoke", nil).Status)
	refused(d.get("sam", "/me"), http.StatusUnauthorized, pipeline.CodeDenied)
}
