package access_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// wanted is the table of routes as it was agreed: who may use which. S is a submitter, R a
// reviewer, L somebody of legal, A an auditor, D an admin; "any" is everybody who is known,
// and "own" a submitter only for what they submitted.
const wanted = `
public   GET /healthz
public   GET /readyz
public   GET /metrics
public   GET /api/v1/openapi.json
public   GET /static/
public   GET /sign-in
public   GET /sign-in/start
public   GET /sign-in/callback
public   POST /language
link     GET /answer/{secret}
link     POST /answer/{secret}
any      GET /{$}
any      POST /sign-out
any      GET /api/v1/me
SRLADown GET /queue
SRLADown GET /queue/count
RL       POST /queue/decide
SRLADown GET /cases/{id}
SRLADown GET /cases/{id}/file
SRLADown GET /cases/{id}/object
SRLADown GET /cases/{id}/report
RL       POST /cases/{id}/claim
RL       POST /cases/{id}/release
RLD      POST /cases/{id}/assign
SRLown   POST /cases/{id}/comments
SRLown   POST /cases/{id}/exhibits
RL       POST /cases/{id}/decisions
SRLDown  POST /cases/{id}/revoke
Sown     POST /cases/{id}/answer
RLD      POST /cases/{id}/links
RLD      POST /cases/{id}/links/end
SRLADown GET /exhibits/{id}
SRL      GET /submit
SRL      POST /submit
SRLADown GET /checks
SRLADown GET /checks/{id}
SRLAD    GET /packs
SRLAD    GET /packs/{name}
RLD      POST /packs/preview
RLAD     GET /audit
AD       GET /audit/export
AD       POST /audit/verify
RLAD     GET /overview
RLAD     GET /exceptions
LD       POST /exceptions
LD       POST /exceptions/{id}/end
any      GET /tokens
any      POST /tokens
any      POST /tokens/{id}/revoke
AD       GET /notices
D        POST /notices/{id}/retry
SRL      POST /api/v1/checks
SRLADown GET /api/v1/checks
SRLADown GET /api/v1/checks/{id}
SRLADown GET /api/v1/cases
SRLADown GET /api/v1/cases.jsonl
SRLADown GET /api/v1/cases/{id}
SRLADown GET /api/v1/cases/{id}/report
SRLADown GET /api/v1/cases/{id}/approval
RL       POST /api/v1/cases/{id}/claim
RL       POST /api/v1/cases/{id}/release
RLD      POST /api/v1/cases/{id}/assign
SRLown   POST /api/v1/cases/{id}/comments
RL       POST /api/v1/cases/{id}/decisions
Sown     POST /api/v1/cases/{id}/answers
SRLown   POST /api/v1/cases/{id}/exhibits
SRLDown  POST /api/v1/cases/{id}/revoke
RLD      POST /api/v1/cases/{id}/links
RLD      POST /api/v1/cases/{id}/links/end
SRLADown GET /api/v1/exhibits/{id}
SRLAD    GET /api/v1/artifacts/{digest}/status
SRLAD    POST /api/v1/rulings
SRLAD    GET /api/v1/packs
RLAD     GET /api/v1/audit
RLAD     GET /api/v1/audit.jsonl
RLAD     GET /api/v1/audit/head
RLAD     GET /api/v1/counts
RLAD     GET /api/v1/exceptions
LD       POST /api/v1/exceptions
LD       POST /api/v1/exceptions/{id}/end
any      GET /api/v1/tokens
any      POST /api/v1/tokens
any      POST /api/v1/tokens/{id}/revoke
AD       GET /api/v1/deliveries
D        POST /api/v1/deliveries/{id}/retry
D        POST /api/v1/rejudge
`

var letters = map[pipeline.ActorRole]string{pipeline.RoleSubmitter: "S", pipeline.RoleReviewer: "R", pipeline.RoleLegal: "L", pipeline.RoleAuditor: "A", pipeline.RoleAdmin: "D"}

// agreed returns the wanted table by pattern.
func agreed(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(wanted)) {
		who, pattern, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, line)
		out[strings.TrimSpace(pattern)] = who
	}
	return out
}

func TestTable_IsAsAgreed(t *testing.T) {
	t.Parallel()

	got := map[string]string{}
	large := []string{}
	for _, row := range access.Table() {
		who := ""
		switch {
		case row.Public:
			who = "public"
		case row.Link:
			who = "link"
		case row.Any:
			who = "any"
		}
		for _, role := range pipeline.DeskRoles() {
			if slices.Contains(row.Roles, role) {
				who += letters[role]
			}
		}
		if row.Own {
			who += "own"
		}
		require.NotContains(t, got, row.Pattern)
		got[row.Pattern] = who
		if row.Body != 0 {
			require.Equal(t, int64(26<<20), row.Body)
			large = append(large, row.Pattern)
		}
	}
	require.Equal(t, agreed(t), got)
	require.ElementsMatch(t, []string{"POST /answer/{secret}", "POST /cases/{id}/answer", "POST /cases/{id}/exhibits",
		"POST /api/v1/cases/{id}/answers", "POST /api/v1/cases/{id}/exhibits"}, large)
}

// caller is somebody who asks, in one of the ways there are.
type caller struct {
	name    string
	letter  string // of the role, "" for none
	known   pipeline.Known
	header  map[string]string
	cookies []*http.Cookie
}

// callers are everybody in every way, for a desk with a provider.
func (d *desk) callers() []caller {
	d.Helper()
	nora := userOf("u-9", "nora", nil)
	d.provider.SetUser(nora)
	out := []caller{{name: "nobody"}}
	people := map[string]pipeline.ActorRole{"sam": pipeline.RoleSubmitter, "rita": pipeline.RoleReviewer, "lena": pipeline.RoleLegal,
		"audrey": pipeline.RoleAuditor, "ada": pipeline.RoleAdmin, "nora": ""}
	for username, role := range people {
		cookies := d.signIn(username)
		out = append(out, caller{name: username + " by session", letter: letters[role], known: pipeline.KnownSignedIn, cookies: cookies})
		if role == "" {
			continue
		}
		accounts, err := d.db.Accounts(d.Context(), 1)
		require.NoError(d, err)
		who := access.Identity{Account: &accounts[0], Actor: pipeline.Actor{Name: accounts[0].Name, Known: pipeline.KnownSignedIn, Roles: accounts[0].Roles}}
		_, secret := d.token(who, role)
		out = append(out, caller{name: username + " by token", letter: letters[role], known: pipeline.KnownToken, header: bearer(secret)})
	}
	admin := access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}}
	for _, role := range pipeline.MachineRoles() {
		_, secret, err := d.mux.MakeToken(d.Context(), admin, access.Wanted{Label: "ci", Machine: "bot-" + string(role), Roles: []pipeline.ActorRole{role}, Term: 1 << 40})
		require.NoError(d, err)
		out = append(out, caller{name: "machine " + string(role), letter: letters[role], known: pipeline.KnownToken, header: bearer(secret)})
	}
	return out
}

func TestMux_AllRoutesForEverybody(t *testing.T) {
	t.Parallel()
	d := open(t, settings{})
	callers := d.callers()
	require.Len(t, callers, 14)
	for pattern, who := range agreed(t) {
		method, path := filled(pattern)
		api := strings.HasPrefix(path, "/api/v1/")
		for _, c := range callers {
			what := pattern + " as " + c.name
			if pattern == "POST /sign-out" && c.cookies != nil {
				continue // it would end the session; TestSignIn does it
			}
			if strings.HasPrefix(path, "/sign-in/") {
				continue // they answer by themselves; TestSignIn does them
			}
			got := d.ask(asked{method: method, path: path, header: c.header, cookies: c.cookies})
			known := c.known != ""
			roles := strings.TrimSuffix(who, "own")
			switch {
			case who == "public":
				require.Equal(t, said{}, d.told(got), what)
			case who == "link":
				// The secret is wrong, and nothing else helps; at some time it is one too many.
				require.Contains(t, []int{http.StatusNotFound, http.StatusTooManyRequests}, got.Code, what)
			case known && (who == "any" || c.letter != "" && strings.Contains(roles, c.letter)):
				if pattern == "POST /sign-out" {
					require.Equal(t, http.StatusSeeOther, got.Code, what)
					continue
				}
				answer := d.told(got)
				require.Equal(t, c.known, answer.Known, what)
				require.NotEmpty(t, answer.Name, what)
				require.Equal(t, "no-store", got.Header().Values("Cache-Control")[0], what)
			case known:
				require.Equal(t, http.StatusForbidden, got.Code, what)
			case !api && method == http.MethodGet:
				require.Equal(t, http.StatusSeeOther, got.Code, what)
				require.Equal(t, "/sign-in?next="+url.QueryEscape(path), got.Header().Get("Location"), what)
			default:
				require.Equal(t, http.StatusUnauthorized, got.Code, what)
				require.Contains(t, got.Header().Get("WWW-Authenticate"), "Bearer", what)
			}
			if api && got.Code >= 400 {
				doc := d.problem(got)
				require.EqualValues(t, got.Code, doc["status"], what)
				for _, key := range []string{"type", "title", "detail", "code", "hint"} {
					require.NotEmpty(t, doc[key], what)
				}
			}
		}
	}
}

func TestMux_AllRoutesForTheDeveloper(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true, options: func(o *access.Options) { o.Dev, o.DevName = true, "dana" }})
	for pattern, who := range agreed(t) {
		method, path := filled(pattern)
		got := d.ask(asked{method: method, path: path})
		switch {
		case strings.HasPrefix(path, "/sign-in/"), pattern == "POST /sign-out":
			require.Equal(t, http.StatusSeeOther, got.Code, pattern)
		case who == "public":
			require.Equal(t, said{}, d.told(got), pattern)
		case who == "link":
			require.Equal(t, http.StatusNotFound, got.Code, pattern)
		default:
			require.Equal(t, said{Name: "dana", Known: pipeline.KnownDev, Roles: pipeline.DeskRoles(), Dev: true}, d.told(got), pattern)
		}
	}
}

func TestMux_TakesNoOtherRoute(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true})
	require.Panics(t, func() { d.mux.HandleFunc("GET /queue", d.echo) }, "registered twice")
	require.Panics(t, func() { d.mux.HandleFunc("GET /secret-door", d.echo) }, "not in the table")
	require.Panics(t, func() { d.mux.HandleFunc("PUT /queue", d.echo) }, "another method")

	some := access.NewMux(access.Options{Now: d.clock.now})
	some.RegisterSignIn(nil)
	some.HandleFunc("GET /queue", d.echo)
	err := some.Complete()
	require.ErrorContains(t, err, "GET /api/v1/cases/{id},")
	require.NotContains(t, err.Error(), "GET /queue,")
	require.NotContains(t, err.Error(), "GET /sign-in/start")

	for _, path := range []string{"/nowhere", "/api/v1/nowhere", "/cases", "/cases/" + uuid.UUID{1}.String() + "/nothing"} {
		require.Equal(t, http.StatusNotFound, d.ask(asked{path: path}).Code, path)
	}
	require.Equal(t, http.StatusNotFound, d.ask(asked{method: http.MethodDelete, path: "/queue"}).Code)
	require.Equal(t, "not_found", d.problem(d.ask(asked{path: "/api/v1/nowhere"}))["code"])
}
