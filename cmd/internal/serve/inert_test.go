package serve_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/fixtures"
	"weighbridge/pipeline"
)

// evil is what somebody may write wherever the desk takes a text: it ends an attribute,
// opens elements, and is a template.
const evil = `"'><xevil onload=alert(1)><script>evil(){{.Who}}`

// hostileModel writes a model whose every text is evil.
func hostileModel(t *testing.T, folder string) {
	t.Helper()
	m, err := fixtures.Load("llama-3-70b")
	require.NoError(t, err)
	said := map[string]any{}
	require.NoError(t, json.Unmarshal(m.Config, &said))
	said["architectures"], said["model_type"], said["_name_or_path"], said["torch_dtype"], said["transformers_version"] = []string{evil}, evil, evil, evil, evil
	m.Config = inJSON(t, said)
	m.Files[0].Tensors[0].Name = evil + ".weight"
	card := fmt.Sprintf("---\nlicense: %[1]q\nlicense_name: %[1]q\nbase_model: [%[1]q]\ndatasets: [%[1]q]\nlanguage: [%[1]q]\nlibrary_name: %[1]q\ntags: [%[1]q]\nmodel_name: %[1]q\n---\n# %[1]s\n[%[1]s](javascript:alert(1))\n", evil)
	require.NoError(t, m.Write(folder, fixtures.WithHeader(fixtures.WithMetadata(map[string]string{"format": evil, evil: evil})),
		fixtures.WithText("README.md", card), fixtures.WithText(evil+".txt", evil), fixtures.WithText("LICENSE", evil),
		fixtures.WithText(evil+".py", "import os # "+evil), fixtures.WithText("generation_config.json", string(inJSON(t, map[string]string{evil: evil}))),
		fixtures.WithText("tokenizer_config.json", string(inJSON(t, map[string]string{"tokenizer_class": evil, "chat_template": evil})))))
}

// inert fails where an answer would do in a browser what the text in it says, or comes
// without the headers that hold it back. It returns whether the evil text is in it.
func inert(t *testing.T, name string, out said) bool {
	t.Helper()
	require.NotEmpty(t, out.header.Get("Content-Security-Policy"), name)
	require.Equal(t, "nosniff", out.header.Get("X-Content-Type-Options"), name)
	require.NotContains(t, out.header.Get("Content-Security-Policy"), "script-src 'unsafe", name)
	media, _, err := mime.ParseMediaType(out.header.Get("Content-Type"))
	require.True(t, err == nil || out.body == "", "%s: %q", name, out.header.Get("Content-Type"))
	disposition, params, _ := mime.ParseMediaType(out.header.Get("Content-Disposition"))
	require.NotContains(t, params["filename"], "/", name)
	kept := disposition == "attachment" // a file that browsers save and do not show
	switch {
	case media == "text/html":
		require.NotContains(t, out.body, "<xevil", name)
		require.NotContains(t, out.body, "<script>", name)
		page, err := html.Parse(strings.NewReader(out.body))
		require.NoError(t, err, name)
		for n := range page.Descendants() {
			require.False(t, n.Type == html.ElementNode && slices.Contains([]string{"xevil", "iframe", "object", "embed", "base"}, n.Data), "%s: <%s>", name, n.Data)
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s: %s", name, a.Key)
				scheme := strings.ToLower(strings.TrimSpace(a.Val))
				require.False(t, (a.Key == "href" || a.Key == "src" || a.Key == "action") && (strings.HasPrefix(scheme, "javascript:") || strings.HasPrefix(scheme, "data:")), "%s: %s", name, a.Val)
				require.False(t, n.Data == "script" && a.Key == "src" && !strings.HasPrefix(a.Val, "/static/"), "%s: %s", name, a.Val)
			}
		}
	case media == "application/json", media == "application/problem+json":
		require.True(t, json.Valid([]byte(out.body)), name)
		if !kept {
			require.NotContains(t, out.body, "<xevil", name)
		}
	default:
		require.True(t, kept || !strings.Contains(out.body, "<xevil"), "%s: %s is neither a page nor a file to save", name, media)
	}
	return strings.Contains(out.body, "xevil")
}

// Whatever an artifact or a person says comes back as text, on every page and from every
// route of the API, to everybody.
func TestGuests_TextsAreInert(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_bm90IGEgc2VjcmV0LCBidXQgMzIgYnl0ZXMgbG9uZyE=\n"), 0o600))
	d := openDeskWith(t, func(o *serve.Options) {
		o.Settings.Serve.Notices = []config.Notice{{Name: evil, URL: "http://127.0.0.1:1/hook", AllowPrivate: true, SecretFiles: []string{secret}}}
	})
	// A new receiver is told of what happens from then on.
	require.Eventually(t, func() bool {
		_, known, err := d.Service.Queue.DB.NoticeCursor(t.Context(), evil)
		return err == nil && known
	}, pageTime, 50*time.Millisecond)
	hostileModel(t, filepath.Join(d.models, "m "+evil))
	users := accesstest.Users()
	for _, u := range users {
		u.Name = u.Username + evil
		d.provider.SetUser(u)
	}
	browsers := map[string]*http.Client{}
	for _, u := range users {
		browsers[u.Username] = d.signedIn(u.Username)
	}
	ask := func(name, method, path string, body any) said {
		c := call{method: method, path: path, browser: browsers[name], header: http.Header{"Origin": {d.URL}}}
		switch b := body.(type) {
		case url.Values:
			c.body, c.media = []byte(b.Encode()), "application/x-www-form-urlencoded"
		case map[string]any:
			c.body, c.media = inJSON(t, b), "application/json"
		}
		return d.say(c)
	}
	type object = map[string]any
	done := func(name, path string, body object, out any) {
		t.Helper()
		got := ask(name, http.MethodPost, "/api/v1"+path, body)
		require.Less(t, got.status, 300, "%s: %s", path, got.body)
		inert(t, path, got)
		if out != nil {
			require.NoError(t, json.Unmarshal([]byte(got.body), out), path)
		}
	}

	var check pipeline.Check
	source := "s3://staging/m " + evil + "/"
	party := object{"name": evil}
	done("sam", "/checks", object{"source": source, "submission": object{"model": object{"id": evil, "name": evil, "version": evil}, "recipient": party, "end_user": party,
		"intermediaries": []any{party}, "developer": party, "end_use": object{"text": evil}, "datasets": []any{object{"name": evil}}}}, &check)
	d.check(t, pipeline.Actor{})
	is, err := d.Service.Queue.DB.CheckByID(t.Context(), check.ID)
	require.NoError(t, err)
	require.Equal(t, pipeline.CheckDone, is.State, "%+v", is.Failure)
	c := d.only().Case
	failing := pipeline.Check{ID: uuid.New(), Source: source, Packs: []string{evil}, By: c.Submitter, CreatedAt: time.Now()}
	require.NoError(t, d.Service.Queue.DB.AddCheck(t.Context(), failing, nil))
	require.NoError(t, d.Service.Queue.DB.EndCheck(t.Context(), failing.ID, pipeline.CheckOutcome{Failure: &pipeline.CheckFailure{Code: pipeline.CodeDenied, Message: evil, Hint: evil}, At: time.Now()}))
	of := "/cases/" + c.ID.String()
	done("sam", of+"/comments", object{"text": evil}, nil)
	_, err = d.Service.Queue.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: c.Submitter, Name: evil + ".txt", Body: []byte(evil)})
	require.NoError(t, err)
	exhibit := d.only().Exhibits[0].ID.String()
	done("rita", of+"/assign", object{"assignee": "x" + evil}, nil)
	done("rita", of+"/assign", object{"assignee": ""}, nil)
	done("rita", of+"/decisions", object{"kind": "changes", "reason": "other", "comment": evil}, nil)
	var link struct{ URL string }
	done("rita", of+"/links", object{}, &link)
	done("lena", "/exceptions", object{"pack": "seed-article", "rule": "SEED-01", "scope": source, "owner": evil, "reason": "other", "comment": evil, "until": time.Now().Add(time.Hour)}, nil)
	for _, u := range users {
		done(u.Username, "/tokens", object{"label": evil, "roles": u.Claims["roles"], "days": 1}, nil)
	}
	done("ada", "/tokens", object{"label": evil, "machine": "bot" + evil, "roles": []string{"submitter"}, "days": 1}, nil)
	done("ada", "/rejudge", object{"cause": evil}, nil)
	require.Eventually(t, func() bool {
		page, err := d.Service.Queue.DB.Deliveries(t.Context(), pipeline.DeliveryFilter{})
		return err == nil && len(page.Items) > 0
	}, pageTime, 50*time.Millisecond, "somebody is told")

	query := func(path string, pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Add(pairs[i], pairs[i+1])
		}
		return path + "?" + q.Encode()
	}
	known := map[string][]string{"/cases/{id}": {c.ID.String(), evil}, "/exhibits/{id}": {exhibit, evil}, "/checks/{id}": {check.ID.String(), failing.ID.String(), uuid.NewString()},
		"/packs/{name}": {"seed-article", "two-people", evil}, "/artifacts/{digest}": {string(c.PinDigest), evil}, "/answer/{secret}": {link.URL[strings.LastIndex(link.URL, "/")+1:], evil}}
	var paths []string
	for _, row := range access.Table() {
		pattern, is := strings.CutPrefix(row.Pattern, http.MethodGet+" ")
		if !is || strings.HasPrefix(pattern, "/static/") || strings.HasPrefix(pattern, "/sign-in/") {
			continue
		}
		pattern = strings.TrimSuffix(pattern, "{$}")
		before, rest, holds := strings.Cut(pattern, "{")
		if !holds {
			paths = append(paths, pattern)
			continue
		}
		name, after, _ := strings.Cut(rest, "}")
		kind := before[strings.LastIndex(strings.TrimSuffix(before, "/"), "/"):] + "{" + name + "}"
		require.NotEmpty(t, known[kind], "%s: what stands for %s?", pattern, kind)
		for _, value := range known[kind] {
			paths = append(paths, before+url.PathEscape(value)+after)
		}
	}
	for _, format := range []string{"table", "json", "markdown", "html", "sarif", "junit", "cyclonedx", evil} {
		paths = append(paths, query(of+"/report", "format", format), query("/api/v1"+of+"/report", "format", format))
	}
	for _, object := range []string{"README.md", "config.json", "LICENSE", evil + ".txt", evil + ".py", "model-00001-of-00030.safetensors", evil} {
		paths = append(paths, query(of+"/object", "path", object, "find", evil, "at", evil))
	}
	paths = append(paths, query("/queue", "view", "all", "text", evil), query("/queue", "view", evil, "source", evil, "family", evil, "submitter", evil, "order", evil), query("/queue", "view", "all"), query("/audit", "kind", evil, "actor", evil, "case", evil, "from", evil),
		query("/exceptions", "all", "1"), query("/checks", "by", evil, "cursor", evil), query("/notices", "state", evil), query("/overview", "from", evil), query("/submit", "from", failing.ID.String()), query("/submit", "source", evil),
		query("/sign-in", "next", "/"+evil), query("/"+url.PathEscape(evil)), query("/api/v1/"+url.PathEscape(evil)), query("/api/v1/cases", "text", evil), query("/api/v1/cases", evil, evil),
		query("/api/v1/cases", "state", evil), query("/api/v1/checks", "cursor", evil), query("/api/v1/checks", "by", evil))

	held := map[string]bool{}
	for name := range browsers {
		for _, path := range paths {
			out := ask(name, http.MethodGet, path, nil)
			require.Less(t, out.status, 500, "%s as %s: %s", path, name, out.body)
			if inert(t, name+" "+path, out) && out.status == http.StatusOK {
				held[path] = true
			}
		}
		// What was typed and refused comes back in its form.
		form := url.Values{}
		for _, field := range []string{"version", "kind", "reason", "comment", "until", "bound", "text", "source", "step", "drafted", "asked", "f.end_use.text", "submission", "pack", "rule", "scope", "owner",
			"label", "machine", "days", "role", "assignee", "due", "why", "next", "case", "mode.seed-article", "exception"} {
			form.Set(field, evil)
		}
		for _, row := range access.Table() {
			pattern, is := strings.CutPrefix(row.Pattern, http.MethodPost+" ")
			if !is || row.API() || pattern == "/sign-out" || row.Link {
				continue
			}
			path := strings.NewReplacer("/cases/{id}", of, "{id}", uuid.NewString()).Replace(pattern)
			out := ask(name, http.MethodPost, path, form)
			require.Less(t, out.status, 500, "%s as %s: %s", path, name, out.body)
			inert(t, name+" POST "+path, out)
		}
	}
	answered := d.say(call{method: http.MethodPost, path: strings.TrimPrefix(link.URL, d.URL), media: "application/x-www-form-urlencoded", body: []byte(url.Values{"version": {evil}, "text": {evil}, "submission": {evil}}.Encode())})
	inert(t, "answer", answered)

	// That all this was there to be shown.
	for _, path := range []string{of, of + "/file", "/queue", "/checks", "/checks/" + failing.ID.String(), "/exceptions", "/tokens", "/notices", "/audit", strings.TrimPrefix(link.URL, d.URL),
		query(of+"/object", "path", "README.md", "find", evil, "at", evil), query(of+"/object", "path", evil+".txt", "find", evil, "at", evil), query(of+"/report", "format", "html"),
		"/api/v1/cases", "/api/v1" + of, "/api/v1/checks", "/api/v1/exceptions", "/api/v1/tokens", "/api/v1/deliveries", "/api/v1/audit", "/api/v1/me", "/api/v1/cases.jsonl", "/api/v1/audit.jsonl"} {
		require.True(t, held[path], path)
	}
}
