package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/pipeline"
)

// call is one request. What is "" is left out.
type call struct {
	method, path string
	token        string
	browser      *http.Client
	body         []byte
	media        string
	header       http.Header
	// endless hides how long the body is.
	endless bool
}

// said is what the desk answered.
type said struct {
	status int
	header http.Header
	body   string
}

// say sends a request to the desk over the network.
func (d *desk) say(c call) said {
	d.t.Helper()
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	if c.endless {
		body = io.MultiReader(body) // whose length the client does not know
	}
	r, err := http.NewRequestWithContext(d.t.Context(), c.method, d.URL+c.path, body)
	require.NoError(d.t, err)
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.media != "" {
		r.Header.Set("Content-Type", c.media)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	client := c.browser
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	answer, err := client.Do(r)
	require.NoError(d.t, err, "%s %s", c.method, c.path)
	text, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, answer.Body.Close())
	return said{answer.StatusCode, answer.Header, string(text)}
}

// signedIn is the browser of somebody who signed in.
func (d *desk) signedIn(name string) *http.Client {
	d.t.Helper()
	b := accesstest.Browser(d.t)
	answer := d.provider.SignIn(d.t, b, d.URL, name, "/queue")
	require.NoError(d.t, answer.Body.Close())
	require.Equal(d.t, "/queue", answer.Header.Get("Location"), name)
	return b
}

// inJSON is a value in JSON.
func inJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

// token makes a token in somebody's browser, for themself or for a machine.
func (d *desk) token(browser *http.Client, machine string, roles ...string) string {
	d.t.Helper()
	asked := map[string]any{"label": "tests", "roles": roles, "days": 1}
	if machine != "" {
		asked["machine"] = machine
	}
	out := d.say(call{method: http.MethodPost, path: "/api/v1/tokens", browser: browser, media: "application/json", header: http.Header{"Origin": {d.URL}}, body: inJSON(d.t, asked)})
	require.Equal(d.t, http.StatusCreated, out.status, out.body)
	var made struct{ Secret string }
	require.NoError(d.t, json.Unmarshal([]byte(out.body), &made))
	require.True(d.t, strings.HasPrefix(made.Secret, access.TokenPrefix))
	return made.Secret
}

// only returns the one case of the desk, with all that happened to it.
func (d *desk) only() pipeline.CaseHistory {
	d.t.Helper()
	page, err := d.Service.Queue.DB.Cases(d.t.Context(), pipeline.CaseFilter{})
	require.NoError(d.t, err)
	require.Len(d.t, page.Items, 1)
	h, err := d.Service.Queue.DB.History(d.t.Context(), page.Items[0].ID)
	require.NoError(d.t, err)
	return h
}

// cookie returns the value of a browser's session.
func (d *desk) cookie(browser *http.Client) string {
	d.t.Helper()
	at, err := url.Parse(d.URL)
	require.NoError(d.t, err)
	list := browser.Jar.Cookies(at)
	require.Len(d.t, list, 1)
	return list[0].Value
}

// silent fails where the log holds one of these secrets, or any of the provider's.
func (d *desk) silent(secrets ...string) {
	d.t.Helper()
	text := d.logs.String()
	for _, secret := range append(secrets, accesstest.ClientSecret, "eyJ", "code=", "state=") {
		require.NotEmpty(d.t, secret)
		require.NotContains(d.t, text, secret)
	}
}

// upload is a form with a file, and fields beside it.
func upload(t *testing.T, fields map[string]string) (body []byte, media string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "x.txt")
	require.NoError(t, err)
	_, err = io.WriteString(part, "x")
	require.NoError(t, err)
	for name, value := range fields {
		require.NoError(t, form.WriteField(name, value))
	}
	require.NoError(t, form.Close())
	return b.Bytes(), form.FormDataContentType()
}

// Who may do what, asked of a whole desk.
func TestDesk_Refusals(t *testing.T) {
	t.Parallel()
	d := openDesk(t, "llama-3-70b")
	yes := true
	d.provider.SetUser(accesstest.User{Subject: "u-7", Username: "sue", Name: "Sue", Email: "sue@example.com", Verified: &yes, Claims: map[string]any{"roles": []string{"submitter"}}})
	browsers := map[string]*http.Client{}
	for _, name := range []string{"sam", "sue", "rita", "ada"} {
		browsers[name] = d.signedIn(name)
	}
	sam, sue := d.token(browsers["sam"], "", "submitter"), d.token(browsers["sue"], "", "submitter")
	rita, machine := d.token(browsers["rita"], "", "reviewer"), d.token(browsers["ada"], "ci", "submitter", "auditor")

	asked := d.say(call{method: http.MethodPost, path: "/api/v1/checks", token: sam, media: "application/json", body: []byte(`{"source": "s3://staging/llama-3-70b/"}`)})
	require.Equal(t, http.StatusAccepted, asked.status, asked.body)
	var check pipeline.Check
	require.NoError(t, json.Unmarshal([]byte(asked.body), &check))
	d.check(t, pipeline.Actor{})
	c := d.only().Case
	require.Equal(t, "sam@example.com", c.Submitter.Name)
	_, err := d.Service.Queue.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: c.Submitter, Name: "licence.txt", Body: []byte("text")})
	require.NoError(t, err)
	h := d.only()
	exhibit := h.Exhibits[0].ID.String()

	// A form of the pages has words beside the file; the API takes no part that it does not know.
	file, typed := upload(t, map[string]string{"text": "x"})
	alone, typedAlone := upload(t, nil)
	const inForm, inBody = "application/x-www-form-urlencoded", "application/json"
	get, post := http.MethodGet, http.MethodPost
	id, api := "/cases/"+c.ID.String(), "/api/v1/cases/"+c.ID.String()
	revoke, remark := []byte(`{"reason": "other", "comment": "x"}`), []byte(`{"text": "x"}`)
	vote := []byte(`{"kind": "approve", "reason": "other", "comment": "x"}`)
	voted := []byte(fmt.Sprintf("version=%d&kind=approve&reason=other&comment=x&case=%s", h.Case.Version, c.ID))

	// What is another submitter's is not there.
	for _, one := range []call{
		{method: get, path: id}, {method: get, path: id + "/file"}, {method: get, path: id + "/object?path=config.json"}, {method: get, path: id + "/report?format=json"},
		{method: get, path: "/exhibits/" + exhibit}, {method: get, path: "/checks/" + check.ID.String()},
		{method: post, path: id + "/comments", media: inForm, body: []byte("text=x")}, {method: post, path: id + "/revoke", media: inForm, body: []byte("reason=other&comment=x")},
		{method: post, path: id + "/exhibits", media: typed, body: file}, {method: post, path: id + "/answer", media: typed, body: file},
		{method: get, path: api}, {method: get, path: api + "/report"}, {method: get, path: api + "/approval"},
		{method: get, path: "/api/v1/exhibits/" + exhibit}, {method: get, path: "/api/v1/checks/" + check.ID.String()},
		{method: post, path: api + "/comments", media: inBody, body: remark}, {method: post, path: api + "/answers", media: inBody, body: remark},
		{method: post, path: api + "/revoke", media: inBody, body: revoke}, {method: post, path: api + "/exhibits", media: typedAlone, body: alone},
		{method: post, path: "/api/v1/checks", media: inBody, body: []byte(`{"source": "s3://staging/llama-3-70b/", "replaces": "` + c.ID.String() + `"}`)},
	} {
		one.token = sue
		name := one.method + " " + one.path
		out := d.say(one)
		require.Equal(t, http.StatusNotFound, out.status, "%s: %s", name, out.body)
		require.NotContains(t, out.body, "llama-3-70b", name)
		require.NotContains(t, out.body, "sam@example.com", name)
		if strings.Contains(one.path, "/api/v1/cases/") { // nothing tells it from one that does not exist
			nobodys := uuid.NewString()
			one.path = strings.Replace(one.path, c.ID.String(), nobodys, 1)
			require.Equal(t, strings.ReplaceAll(out.body, c.ID.String(), "ID"), strings.ReplaceAll(d.say(one).body, nobodys, "ID"), name)
		}
		if one.method == get && !strings.HasSuffix(one.path, "/approval") {
			one.path, one.token = strings.TrimPrefix(name, get+" "), sam
			require.Equal(t, http.StatusOK, d.say(one).status, "%s is there for whoever asked for it", name)
		}
	}
	for _, path := range []string{"/queue?view=all", "/checks", "/api/v1/cases", "/api/v1/cases.jsonl", "/api/v1/checks"} {
		out := d.say(call{method: get, path: path, token: sue})
		require.Equal(t, http.StatusOK, out.status, path)
		require.NotContains(t, out.body, "llama-3-70b", path)
	}

	// A machine decides nothing, whoever made its token.
	for _, one := range []call{
		{method: post, path: api + "/decisions", media: inBody, body: vote}, {method: post, path: api + "/claim", media: inBody, body: []byte("{}")},
		{method: post, path: api + "/release", media: inBody, body: []byte("{}")}, {method: post, path: api + "/assign", media: inBody, body: []byte(`{"assignee": "ci"}`)},
		{method: post, path: api + "/links", media: inBody, body: []byte("{}")}, {method: post, path: "/api/v1/rejudge", media: inBody, body: []byte("{}")},
		{method: post, path: id + "/decisions", media: inForm, body: voted}, {method: post, path: id + "/claim", media: inForm, body: voted},
		{method: post, path: "/queue/decide", media: inForm, body: voted},
	} {
		one.token = machine
		out := d.say(one)
		require.Equal(t, http.StatusForbidden, out.status, "%s: %s", one.path, out.body)
	}

	// Another site's page cannot act with the cookie of whoever looks at it.
	for name, header := range map[string]http.Header{
		"origin":        {"Origin": {"https://evil.example"}},
		"origin_null":   {"Origin": {"null"}},
		"other_port":    {"Origin": {"http://127.0.0.1:1"}},
		"fetch":         {"Sec-Fetch-Site": {"cross-site"}},
		"fetch_sibling": {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://other.example"}},
	} {
		for _, one := range []call{
			{method: post, path: id + "/decisions", media: inForm, body: voted}, {method: post, path: "/queue/decide", media: inForm, body: voted},
			{method: post, path: id + "/claim", media: inForm, body: voted}, {method: post, path: api + "/decisions", media: inBody, body: vote},
			{method: post, path: api + "/decisions", media: "text/plain", body: vote}, {method: post, path: "/tokens", media: inForm, body: []byte("label=x&role=reviewer&days=1")},
			{method: post, path: "/sign-out", media: inForm, body: []byte("x=y")},
		} {
			one.browser, one.header = browsers["rita"], header
			out := d.say(one)
			require.Equal(t, http.StatusForbidden, out.status, "%s %s", name, one.path)
			require.Contains(t, out.body, "another site", "%s %s", name, one.path)
		}
	}

	// Ten megabytes are no JSON that is taken here, whether their number is told or not.
	large := append(append([]byte(`{"text": "`), bytes.Repeat([]byte("a"), 10<<20)...), `"}`...)
	for _, path := range []string{api + "/comments", api + "/decisions", "/api/v1/checks", "/api/v1/rulings", "/api/v1/tokens"} {
		for _, endless := range []bool{false, true} {
			out := d.say(call{method: post, path: path, token: rita, media: inBody, body: large, endless: endless})
			require.Equal(t, http.StatusRequestEntityTooLarge, out.status, "%s %t", path, endless)
			require.Equal(t, "application/problem+json", out.header.Get("Content-Type"), path)
			require.Contains(t, out.body, `"over_limit"`, path)
		}
	}
	require.Equal(t, h, d.only(), "nothing of all this changed anything")

	// What was refused is done by whoever may, from the desk's own page.
	out := d.say(call{method: post, path: id + "/claim", media: inForm, body: voted, browser: browsers["rita"], header: http.Header{"Origin": {d.URL}, "Sec-Fetch-Site": {"same-origin"}}})
	require.Equal(t, http.StatusSeeOther, out.status, out.body)
	require.Equal(t, pipeline.StateClaimed, d.only().Case.State)
	_, err = d.Service.Queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	d.silent(sam, sue, rita, machine, d.cookie(browsers["rita"]), d.cookie(browsers["ada"]))
}

// Every answer has an id that the log has too, no log holds a secret, and no metric names
// a model or a person.
func TestDesk_Watched(t *testing.T) {
	t.Parallel()
	d := openDesk(t, "llama-3-70b")
	rita := d.signedIn("rita")
	token := d.token(rita, "", "reviewer")
	d.check(t, pipeline.Actor{Name: "sam@example.com", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}}, "llama-3-70b")
	c := d.only().Case
	out := d.say(call{method: http.MethodPost, path: "/api/v1/cases/" + c.ID.String() + "/links", token: token, media: "application/json", body: []byte("{}")})
	require.Equal(t, http.StatusCreated, out.status, out.body)
	var link struct{ URL string }
	require.NoError(t, json.Unmarshal([]byte(out.body), &link))
	secret := strings.TrimPrefix(link.URL, d.URL+"/answer/")
	require.Len(t, secret, 43)
	seen := map[string]bool{}
	for _, test := range []struct {
		call
		want int
	}{
		{call{method: http.MethodGet, path: "/healthz"}, http.StatusOK},
		{call{method: http.MethodGet, path: "/readyz"}, http.StatusOK},
		{call{method: http.MethodGet, path: "/nowhere/llama-3-70b"}, http.StatusNotFound},
		{call{method: http.MethodGet, path: "/answer/" + secret}, http.StatusOK},
		{call{method: http.MethodGet, path: "/Answer/" + secret}, http.StatusNotFound},
		{call{method: http.MethodGet, path: "/answer/" + secret + "/more"}, http.StatusNotFound},
		{call{method: http.MethodPost, path: "/answer/" + secret, media: "application/x-www-form-urlencoded", body: []byte("text=" + secret)}, http.StatusUnprocessableEntity},
		{call{method: http.MethodGet, path: "/" + token}, http.StatusNotFound},
		{call{method: http.MethodGet, path: "/queue?token=" + token, browser: rita}, http.StatusOK},
		{call{method: http.MethodGet, path: "/api/v1/me", token: token}, http.StatusOK},
		{call{method: http.MethodGet, path: "/api/v1/me", token: token + "0"}, http.StatusUnauthorized},
		{call{method: http.MethodGet, path: "/cases/" + c.ID.String(), token: token}, http.StatusOK},
		{call{method: http.MethodGet, path: "/cases/llama-3-70b", token: token}, http.StatusNotFound},
		{call{method: http.MethodGet, path: "/sign-in/callback?code=" + secret + "&state=" + token}, http.StatusForbidden},
		{call{method: "LLAMA-3-70B", path: "/queue"}, http.StatusNotFound},
	} {
		out := d.say(test.call)
		name := test.method + " " + test.path
		require.Equal(t, test.want, out.status, "%s: %s", name, out.body)
		id := out.header.Get(access.RequestIDHeader)
		require.Len(t, id, 26, name)
		require.False(t, seen[id], "each has its own")
		seen[id] = true
		require.Eventually(t, func() bool {
			return strings.Contains(d.logs.String(), "request: id="+id) || strings.Contains(d.logs.String(), "request: id=\""+id)
		}, pageTime, time.Millisecond, "%s is in the log as %s", name, id)
	}
	d.silent(secret, token, token[3:46], d.cookie(rita))

	metrics := d.say(call{method: http.MethodGet, path: "/metrics"})
	require.Equal(t, http.StatusOK, metrics.status)
	found := samples(t, strings.NewReader(metrics.body))
	names := map[string]bool{}
	for sample := range found {
		names[sample[:strings.Index(sample, "{")]] = true
		for _, private := range []string{"llama", "staging", "safetensors", "example.com", "rita", "sam@", c.ID.String(), secret, token} {
			require.NotContains(t, strings.ToLower(sample), strings.ToLower(private))
		}
	}
	for _, name := range []string{"weighbridge_http_requests_total", "weighbridge_http_request_seconds", "weighbridge_build_info", "weighbridge_cases", "weighbridge_cases_overdue",
		"weighbridge_checks_active", "weighbridge_deliveries", "weighbridge_audit_events_total", "go_goroutines"} {
		require.True(t, names[name], "%s is missing", name)
	}
	require.InDelta(t, 1, found[`weighbridge_cases{state="open",verdict="review"}`], 0)
	require.InDelta(t, 1, found[`weighbridge_http_requests_total{method="other",route="/",status="404"}`], 0)
	require.InDelta(t, 1, found[`weighbridge_http_requests_total{method="GET",route="GET /healthz",status="200"}`], 0)
	head, err := d.Service.Queue.DB.AuditHead(t.Context())
	require.NoError(t, err)
	require.InDelta(t, head.Count, found["weighbridge_audit_events_total{}"], 0)
}

// Who guesses is slowed down after the first tries, the log holds nothing of it, and whoever
// comes from elsewhere is let in.
func TestDesk_Guessing(t *testing.T) {
	t.Parallel()
	const guesses, few = 1000, 10
	at := time.Now()
	d := openDeskAt(t, func() time.Time { return at }, "llama-3-70b")
	rita := d.signedIn("rita")
	token := d.token(rita, "", "reviewer")
	require.Equal(t, http.StatusOK, d.say(call{method: http.MethodGet, path: "/api/v1/me", token: token}).status)
	from := func(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }
	guess := func(i int) string { return fmt.Sprintf("guess%038d", i) }
	for i, test := range []struct {
		name  string
		one   func(i int) call
		wrong int
	}{
		{"sign_in", func(i int) call {
			return call{path: "/sign-in/callback?code=" + guess(i) + "&state=" + guess(i)}
		}, http.StatusForbidden},
		{"token", func(i int) call { return call{path: "/api/v1/me", token: access.TokenPrefix + guess(i) + "_00000000"} }, http.StatusUnauthorized},
		{"link", func(i int) call { return call{path: "/answer/" + guess(i)} }, http.StatusNotFound},
	} {
		address := fmt.Sprintf("192.0.2.%d", i+1)
		statuses := []int{}
		for n := range guesses {
			c := test.one(n)
			c.method, c.header = http.MethodGet, from(address)
			out := d.say(c)
			statuses = append(statuses, out.status)
			if out.status == http.StatusTooManyRequests {
				require.NotEmpty(t, out.header.Get("Retry-After"), test.name)
			}
		}
		want := append(slices.Repeat([]int{test.wrong}, few), slices.Repeat([]int{http.StatusTooManyRequests}, guesses-few)...)
		require.Equal(t, want, statuses, test.name)
	}

	ravi := d.signedIn("ravi") // from another address
	require.Equal(t, http.StatusOK, d.say(call{method: http.MethodGet, path: "/queue", browser: ravi}).status)
	for _, address := range []string{"192.0.2.2", "198.51.100.7"} { // a token that counted before counts from the guesser's address too
		require.Equal(t, http.StatusOK, d.say(call{method: http.MethodGet, path: "/api/v1/me", token: token, header: from(address)}).status, address)
	}
	d.silent("guess0", token, d.cookie(rita), d.cookie(ravi))
	require.Contains(t, d.logs.String(), "sign-ins are refused")
	require.Less(t, strings.Count(d.logs.String(), "are refused"), 10, "guesses do not fill the log with warnings")
}
