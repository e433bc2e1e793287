package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/httpapi"
	"weighbridge/pipeline"
)

// Everybody of whom the table of routes does not speak is turned away, with a problem
// document, before anything is read.
func TestRoles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, row := range access.Table() {
		method, path, _ := strings.Cut(row.Pattern, " ")
		below, is := strings.CutPrefix(path, httpapi.Prefix)
		if !is || row.Public {
			continue
		}
		below = strings.NewReplacer("{id}", uuid.NewString(), "{digest}", "sha256:"+strings.Repeat("0", 64)).Replace(below)
		refused(d.send(d.request("", method, below, nil)), http.StatusUnauthorized, pipeline.CodeDenied)
		for _, p := range people() {
			r := d.send(d.request(p.name, method, below, nil))
			if !row.Admits(access.Identity{Actor: pipeline.Actor{Name: p.name, Roles: p.roles}}) {
				refused(r, http.StatusForbidden, pipeline.CodeForbidden)
				continue
			}
			require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError}, r.Status, row.Pattern)
		}
	}
}

// Cases, checks and files of others are for a pure submitter as if they were not.
func TestOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.seeded()
	checks := must[struct{ Items []pipeline.Check }](d.get("sam", "/checks"), http.StatusOK).Items
	require.Len(t, checks, 1)
	attached := must[struct{ Exhibit pipeline.Exhibit }](d.upload("sam", c, "note.txt", []byte("a note")), http.StatusCreated)
	version := must[pipeline.CaseHistory](d.get("sam", casePath(c, "")), http.StatusOK).Case.Version

	none := uuid.NewString()
	for _, path := range []string{"/cases/%s", "/cases/%s/report", "/cases/%s/approval"} {
		theirs, nobodys := d.get("mallory", fmt.Sprintf(path, c.ID)), d.get("mallory", fmt.Sprintf(path, none))
		a, b := refused(theirs, http.StatusNotFound, pipeline.CodeNotFound), refused(nobodys, http.StatusNotFound, pipeline.CodeNotFound)
		require.Equal(t, strings.ReplaceAll(a.Detail, c.ID.String(), "ID"), strings.ReplaceAll(b.Detail, none, "ID"), "nobody can tell the two apart")
		require.Equal(t, a.Hint, b.Hint)
	}
	a, b := d.get("mallory", "/checks/"+checks[0].ID.String()), d.get("mallory", "/checks/"+none)
	require.Equal(t, strings.ReplaceAll(refused(a, 404, pipeline.CodeNotFound).Detail, checks[0].ID.String(), "ID"), strings.ReplaceAll(refused(b, 404, pipeline.CodeNotFound).Detail, none, "ID"))
	e := attached.Exhibit.ID.String()
	a, b = d.get("mallory", "/exhibits/"+e), d.get("mallory", "/exhibits/"+none)
	require.Equal(t, strings.ReplaceAll(refused(a, 404, pipeline.CodeNotFound).Detail, e, "ID"), strings.ReplaceAll(refused(b, 404, pipeline.CodeNotFound).Detail, none, "ID"))

	say := object{"version": version, "text": "mine"}
	refused(d.post("mallory", casePath(c, "/comments"), say), http.StatusNotFound, pipeline.CodeNotFound)
	refused(d.post("mallory", casePath(c, "/answers"), say), http.StatusNotFound, pipeline.CodeNotFound)
	refused(d.upload("mallory", c, "note.txt", []byte("another")), http.StatusNotFound, pipeline.CodeNotFound)
	stale := refused(d.post("mallory", casePath(c, "/revoke"), object{"version": 99, "reason": "other", "comment": "no"}), http.StatusNotFound, pipeline.CodeNotFound)
	require.Empty(t, stale.State, "not where it stands")
	refused(d.post("mallory", "/checks", object{"source": d.model, "replaces": c.ID}), http.StatusNotFound, pipeline.CodeNotFound)

	for _, query := range []string{"", "?submitter=sam", "?source=" + url.QueryEscape(c.Source), "?submitter=SAM"} {
		require.Empty(t, must[pipeline.CasePage](d.get("mallory", "/cases"+query), http.StatusOK).Items)
		r := d.get("mallory", "/cases.jsonl"+query)
		require.Equal(t, http.StatusOK, r.Status)
		require.Empty(t, r.Body)
	}
	for _, query := range []string{"", "?by=sam", "?active=true"} {
		require.Empty(t, must[struct{ Items []pipeline.Check }](d.get("mallory", "/checks"+query), http.StatusOK).Items)
	}
	after, err := d.service.Queue.DB.Case(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, version, after.Version)

	// Another who checks the same bytes hears of the first one's case nothing but where it
	// stands.
	own := d.checked("mallory", object{"source": folder(t, "llama-3-70b"), "packs": []string{"seed-article"}})
	view := must[struct {
		SameStructure []any `json:"same_structure"`
		Approved      any   `json:"approved_before"`
	}](d.get("mallory", casePath(own, "")), http.StatusOK)
	require.Empty(t, view.SameStructure)
	require.Len(t, must[struct {
		SameStructure []any `json:"same_structure"`
	}](d.get("rita", casePath(own, "")), http.StatusOK).SameStructure, 1)
	for _, below := range []string{"", "/report"} {
		require.NotContains(t, string(d.get("mallory", casePath(own, below)).Body), c.ID.String())
	}
	ruled := must[struct {
		Ruling pipeline.RulingKind
		Case   pipeline.Case
	}](d.post("mallory", "/rulings", object{"source": c.Source, "pin_digest": c.PinDigest, "header_digest": c.HeaderDigest, "verdict": "review"}), http.StatusOK)
	require.Equal(t, pipeline.RulingWaiting, ruled.Ruling)
	require.Equal(t, c.ID, ruled.Case.ID)
	require.Empty(t, ruled.Case.Submitter.Name)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, test := range map[string]struct {
		body   string
		media  string
		status int
		code   pipeline.Code
		names  string
	}{
		"NotJSON":        {`{"source"`, "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"TwoValues":      {`{"source": "s3://b/"} {}`, "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"TwoNames":       {`{"source": "s3://b/", "source": "s3://c/"}`, "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"NotUTF8":        {"{\"source\": \"s3://b/\xff\"}", "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"Deep":           {strings.Repeat(`{"submission":`, 20_000) + "1" + strings.Repeat("}", 20_000), "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"NoBody":         {"", "application/json", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"NoMember":       {`{}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, "source"},
		"UnknownMember":  {`{"source": "s3://b/", "sauce": 1}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, "body.sauce"},
		"OtherCase":      {`{"source": "s3://b/", "HASH": true}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, "HASH"},
		"WrongType":      {`{"source": 7}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, "body.source"},
		"Null":           {`null`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, ""},
		"List":           {`[]`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, ""},
		"BadUUID":        {`{"source": "s3://b/", "replaces": "x"}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, "body.replaces"},
		"Form":           {`source=s3://b/`, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType, pipeline.CodeUsage, ""},
		"Text":           {`{"source": "s3://b/"}`, "text/plain", http.StatusUnsupportedMediaType, pipeline.CodeUsage, ""},
		"NearlyJSON":     {`{"source": "s3://b/"}`, "application/json+x", http.StatusUnsupportedMediaType, pipeline.CodeUsage, ""},
		"Charset":        {`{"source": "s3://b/"}`, "application/json; charset=latin1", http.StatusUnsupportedMediaType, pipeline.CodeUsage, ""},
		"NoMedia":        {`{"source": "s3://b/"}`, "none", http.StatusUnsupportedMediaType, pipeline.CodeUsage, ""},
		"NoSuchPack":     {`{"source": "s3://b/", "packs": ["none"]}`, "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"NoSource":       {`{"source": "ftp://b/"}`, "", http.StatusBadRequest, pipeline.CodeUsage, ""},
		"BadSubmission":  {`{"source": "s3://b/", "submission": {"destination": {"land": "DE"}}}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, ""},
		"BadYAML":        {`{"source": "s3://b/", "submission": "destination:\n  country: Nowhere\n"}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, ""},
		"NumberDeclared": {`{"source": "s3://b/", "submission": 7}`, "", http.StatusUnprocessableEntity, pipeline.CodeInvalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			media := header("Content-Type", "application/json")
			if test.media != "" {
				media = header("Content-Type", test.media)
			}
			if test.media == "none" {
				media = func(r *http.Request) { r.Header.Del("Content-Type") }
			}
			r := d.post("sam", "/checks", test.body, media)
			p := refused(r, test.status, test.code)
			require.Contains(t, p.Detail, test.names)
			require.Less(t, len(r.Body), 4096, "what was sent is not repeated")
		})
	}
	yaml := refused(d.post("sam", "/checks", object{"source": "s3://b/", "submission": "destination:\n  country: Nowhere\n"}), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	require.Contains(t, yaml.Detail, "2:", "line and column are told")

	for _, query := range []string{"limit=0", "limit=201", "limit=x", "sate=open", "state=opened", "order=size", "created_from=yesterday", "content=abc", "min_params=1.5", "cursor=nonsense"} {
		r := d.get("rita", "/cases?"+query)
		require.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusBadRequest}, r.Status, query)
		require.NotEmpty(t, r.problem().Detail, query)
	}
	refused(d.get("rita", "/cases/nonsense"), http.StatusUnprocessableEntity, pipeline.CodeInvalid)
	require.Empty(t, must[struct{ Items []pipeline.Check }](d.get("ada", "/checks"), http.StatusOK).Items, "nothing was taken up")
}

// A body that does not arrive is given up.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *httpapi.Options) { o.BodyTime, o.FileTime = 50*time.Millisecond, 50*time.Millisecond })
	c := d.recorded()
	for path, media := range map[string]string{"/checks": "application/json", casePath(c, "/exhibits"): "multipart/form-data; boundary=x"} {
		status, p := d.raw("sam", path, "Content-Type: "+media+"\r\nContent-Length: 100\r\n", strings.NewReader("{"))
		require.Equal(t, http.StatusRequestTimeout, status)
		require.Equal(t, pipeline.CodeUnavailable, p.Code)
	}
}

// A body that is too large is refused, whether it says so or goes on for ever.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := d.recorded()
	for path, length := range map[string]int{"/checks": 10 << 20, casePath(c, "/comments"): 10 << 20, casePath(c, "/exhibits"): pipeline.ExhibitMax + 2<<20} {
		for _, headers := range []string{fmt.Sprintf("Content-Length: %d\r\n", length), "Transfer-Encoding: chunked\r\n"} {
			status, p := d.raw("sam", path, "Content-Type: application/json\r\n"+headers, &endless{chunked: strings.HasPrefix(headers, "T")})
			require.Equal(t, http.StatusRequestEntityTooLarge, status, path)
			require.Equal(t, pipeline.CodeOverLimit, p.Code, path)
		}
	}
}

// endless is a body of spaces, in chunks of one kilobyte where it is chunked.
type endless struct {
	chunked bool
	left    []byte
}

// Read implements [io.Reader].
func (e *endless) Read(b []byte) (int, error) {
	if len(e.left) == 0 {
		e.left = bytes.Repeat([]byte(" "), 1<<10)
		if e.chunked {
			e.left = fmt.Appendf(nil, "400\r\n%s\r\n", e.left)
		}
	}
	n := copy(b, e.left)
	e.left = e.left[n:]
	return n, nil
}

// What is nobody's fault but the program's is not shown, and a handler that falls over
// takes nothing else along.
func TestFaults(t *testing.T) {
	t.Parallel()
	fault := func() error { return errors.New("/var/lib/secret: hunter2") }
	d := newDesk(t, func(o *httpapi.Options) {
		o.Rejudge = func(context.Context, string) error { return fault() }
	})
	why := object{"cause": "another list"}
	for range 2 {
		r := d.post("ada", "/rejudge", why)
		p := refused(r, http.StatusInternalServerError, pipeline.CodeInternal)
		require.NotContains(t, string(r.Body), "hunter2")
		require.Contains(t, p.Hint, r.Header.Get(access.RequestIDHeader))
		fault = func() error { panic("hunter2") }
	}
	fault = func() error { return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the database is busy"} }
	r := d.post("ada", "/rejudge", why, header(httpapi.KeyHeader, "one"))
	refused(r, http.StatusServiceUnavailable, pipeline.CodeUnavailable)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	fault = func() error { return nil }
	r = d.post("ada", "/rejudge", why, header(httpapi.KeyHeader, "one"))
	require.Equal(t, http.StatusAccepted, r.Status, "a fault that passes is tried again under the same key")
	require.Empty(t, r.Header.Get(httpapi.ReplayedHeader))
}
