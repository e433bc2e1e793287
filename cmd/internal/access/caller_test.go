package access_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
	"weighbridge/pipeline/review"
	"weighbridge/storage/sqldb/sqldbtest"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true})
	rita := d.person("rita", pipeline.RoleReviewer, pipeline.RoleSubmitter)
	token, secret := d.token(rita, pipeline.RoleReviewer, pipeline.RoleReviewer)
	require.Regexp(t, `^wb_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`, secret)
	require.Equal(t, []pipeline.ActorRole{pipeline.RoleReviewer}, token.Roles)
	kept, err := d.db.TokenBySecret(t.Context(), pipeline.DigestBytes([]byte(secret)))
	require.NoError(t, err)
	require.Equal(t, token, kept)

	me := asked{path: "/api/v1/me", header: bearer(secret)}
	require.Equal(t, said{Name: "rita", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleReviewer}, Account: "rita", Token: "ci"}, d.told(d.ask(me)))
	list, err := d.mux.TokensOf(t.Context(), rita, "", 0)
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.NotNil(t, list.Items[0].UsedAt, "its use is noted")
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/me", header: map[string]string{"Authorization": "bearer " + secret}}).Code)

	// A demotion counts at once, also for what was made before it. The name stays, whatever
	// the provider calls the person now: another could decide what this one submitted.
	_, err = d.db.SignIn(t.Context(), pipeline.Account{Issuer: "https://id.example", Subject: "rita", Name: "rita-2", Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}, SeenAt: d.clock.now()})
	require.NoError(t, err)
	require.Equal(t, said{Name: "rita", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{}, Account: "rita", Token: "ci"}, d.told(d.ask(me)))
	require.Equal(t, http.StatusForbidden, d.ask(asked{path: "/api/v1/cases", header: bearer(secret)}).Code)
	d.person("rita", pipeline.RoleReviewer)
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/cases", header: bearer(secret)}).Code)

	// It ends when its time is over, and when it is revoked.
	_, short := d.token(rita, pipeline.RoleReviewer)
	d.clock.forward(59 * time.Minute)
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/me", header: bearer(short)}).Code)
	d.clock.forward(2 * time.Minute)
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", header: bearer(short)}).Code)
	second, another := d.token(rita, pipeline.RoleReviewer)
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/me", header: bearer(another)}).Code)
	require.NoError(t, d.mux.RevokeToken(t.Context(), rita, second.ID))
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", header: bearer(another)}).Code)
	d.noSecrets(secret, short, another)
}

func TestTokens_ThatAreNone(t *testing.T) {
	t.Parallel()
	d := open(t, settings{options: behindProxy})
	ada := d.signIn("ada")
	rita := d.person("rita", pipeline.RoleReviewer)
	_, secret := d.token(rita, pipeline.RoleReviewer)
	flipped := []byte(secret)
	flipped[10] ^= 1
	wrong := map[string]string{
		"no_scheme": secret, "basic": "Basic YWRhOndlaWdoYnJpZGdl", "empty": "Bearer ", "blank": " ", "short": "Bearer wb_x", "mistyped": "Bearer " + string(flipped),
		"longer": "Bearer " + secret + "0", "two": "Bearer " + secret + " " + secret, "hostile": "Bearer wb_" + strings.Repeat("\u00fc", 26),
	}
	n := 0
	for name, value := range wrong {
		for _, path := range []string{"/api/v1/me", "/queue"} {
			n++
			// With the admin's cookie beside it: who shows a token has no rights of a cookie.
			w := d.ask(asked{path: path, cookies: ada, header: map[string]string{"Authorization": value, "X-Forwarded-For": fmt.Sprintf("203.0.113.%d", n)}})
			require.Equal(t, http.StatusUnauthorized, w.Code, name)
			require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
			require.Empty(t, w.Result().Cookies(), "the session is not touched")
		}
	}
	// A good token beside a cookie is the token's alone.
	require.Equal(t, "rita", d.told(d.ask(asked{path: "/api/v1/me", cookies: ada, header: bearer(secret)})).Name)
	require.Equal(t, http.StatusForbidden, d.ask(asked{path: "/notices", cookies: ada, header: bearer(secret)}).Code)
	require.Equal(t, http.StatusSeeOther, d.ask(asked{method: http.MethodPost, path: "/sign-out", cookies: ada, header: bearer(secret)}).Code)
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/me", cookies: ada}).Code, "a token signs nobody out")
	two := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/me", nil)
	two.Header["Authorization"] = []string{"Bearer " + secret, "Bearer " + secret}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, two)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	d.noSecrets(secret, string(flipped), "YWRh")
}

func TestTokens_WrongOnesAreSlowedDown(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true, options: behindProxy})
	rita := d.person("rita", pipeline.RoleReviewer)
	_, used := d.token(rita, pipeline.RoleReviewer)
	_, fresh := d.token(rita, pipeline.RoleReviewer)
	ask := func(secret, from string) *httptest.ResponseRecorder {
		return d.ask(asked{path: "/api/v1/me", header: with(bearer(secret), map[string]string{"X-Forwarded-For": from})})
	}
	require.Equal(t, http.StatusOK, ask(used, "203.0.113.1").Code)
	codes := map[int]int{}
	for range 1000 {
		codes[ask("wb_guess", "203.0.113.1").Code]++
	}
	require.Equal(t, 1000, codes[http.StatusUnauthorized]+codes[http.StatusTooManyRequests])
	require.LessOrEqual(t, codes[http.StatusUnauthorized], access.Burst()+10)
	require.Equal(t, 1, d.log.lines("tokens are refused"))
	require.Equal(t, http.StatusOK, ask(used, "203.0.113.1").Code, "a token that was right before is not held up by its neighbours")
	w := ask(fresh, "203.0.113.1")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "unavailable", d.problem(w)["code"])
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, http.StatusOK, ask(fresh, "203.0.113.2").Code)
	d.clock.forward(time.Minute)
	require.Equal(t, http.StatusUnauthorized, ask("wb_guess", "203.0.113.1").Code)
}

func TestTokens_OfMachinesAndLimits(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true})
	ada, rita := d.person("ada", pipeline.RoleAdmin), d.person("rita", pipeline.RoleReviewer)
	developer := access.Identity{Dev: true, Actor: pipeline.Actor{Name: "dana", Known: pipeline.KnownDev, Roles: pipeline.DeskRoles()}}
	one, secret := d.token(rita, pipeline.RoleReviewer)
	byToken := access.Identity{Account: rita.Account, Token: &one, Actor: pipeline.Actor{Name: "rita", Known: pipeline.KnownToken, Roles: one.Roles}}
	submits := []pipeline.ActorRole{pipeline.RoleSubmitter}

	for name, tc := range map[string]struct {
		who    access.Identity
		wanted access.Wanted
		want   error
		text   string
	}{
		"machine":           {who: ada, wanted: access.Wanted{Label: "ci", Machine: "bot", Roles: pipeline.MachineRoles(), Term: access.TokenMost}},
		"machine_by_dev":    {who: developer, wanted: access.Wanted{Label: "ci", Machine: "dev-bot", Roles: submits, Term: time.Hour}},
		"machine_decides":   {who: ada, wanted: access.Wanted{Label: "ci", Machine: "bot-2", Roles: []pipeline.ActorRole{pipeline.RoleReviewer}, Term: time.Hour}, want: pipeline.ErrUsage, text: `cannot have the role "reviewer"`},
		"machine_by_others": {who: rita, wanted: access.Wanted{Label: "ci", Machine: "bot-3", Roles: submits, Term: time.Hour}, want: pipeline.ErrForbidden, text: "only an admin"},
		"machine_as_person": {who: ada, wanted: access.Wanted{Label: "ci", Machine: "RITA", Roles: submits, Term: time.Hour}, want: pipeline.ErrConflict},
		"machine_as_system": {who: ada, wanted: access.Wanted{Label: "ci", Machine: "Weighbridge", Roles: submits, Term: time.Hour}, want: pipeline.ErrUsage, text: "nobody can be named"},
		"machine_as_link":   {who: ada, wanted: access.Wanted{Label: "ci", Machine: "link-1", Roles: submits, Term: time.Hour}, want: pipeline.ErrUsage, text: "nobody can be named"},
		"machine_hides":     {who: ada, wanted: access.Wanted{Label: "ci", Machine: "bot\n", Roles: submits, Term: time.Hour}, want: pipeline.ErrUsage},
		"by_a_token":        {who: byToken, wanted: access.Wanted{Label: "ci", Roles: one.Roles, Term: time.Hour}, want: pipeline.ErrForbidden, text: "a token cannot make another"},
		"no_account":        {who: developer, wanted: access.Wanted{Label: "ci", Roles: submits, Term: time.Hour}, want: pipeline.ErrForbidden, text: "needs an account"},
		"role_not_held":     {who: rita, wanted: access.Wanted{Label: "ci", Roles: []pipeline.ActorRole{pipeline.RoleAdmin}, Term: time.Hour}, want: pipeline.ErrUsage, text: "it can have"},
		"no_role":           {who: rita, wanted: access.Wanted{Label: "ci", Term: time.Hour}, want: pipeline.ErrUsage, text: "no role"},
		"no_label":          {who: rita, wanted: access.Wanted{Label: "  ", Roles: one.Roles, Term: time.Hour}, want: pipeline.ErrUsage, text: "what the token is for"},
		"long_label":        {who: rita, wanted: access.Wanted{Label: strings.Repeat("l", 101), Roles: one.Roles, Term: time.Hour}, want: pipeline.ErrUsage},
		"label_that_hides":  {who: rita, wanted: access.Wanted{Label: "a\u202eb", Roles: one.Roles, Term: time.Hour}, want: pipeline.ErrUsage},
		"no_term":           {who: rita, wanted: access.Wanted{Label: "ci", Roles: one.Roles}, want: pipeline.ErrUsage, text: "a year"},
		"past_term":         {who: rita, wanted: access.Wanted{Label: "ci", Roles: one.Roles, Term: -time.Hour}, want: pipeline.ErrUsage},
		"long_term":         {who: rita, wanted: access.Wanted{Label: "ci", Roles: one.Roles, Term: access.TokenMost + 1}, want: pipeline.ErrUsage},
	} {
		token, secret, err := d.mux.MakeToken(t.Context(), tc.who, tc.wanted)
		if tc.want == nil {
			require.NoError(t, err, name)
			require.Equal(t, tc.wanted.Machine, token.Actor, name)
			require.Nil(t, token.Account, name)
			require.NotEmpty(t, secret, name)
			continue
		}
		require.ErrorIs(t, err, tc.want, name)
		var own *pipeline.Error
		require.ErrorAs(t, err, &own, name)
		require.Contains(t, own.Message+"; "+own.Hint, tc.text, name)
		require.Empty(t, secret, name)
		require.Zero(t, token, name)
	}

	// Each sees and ends their own, an admin all, and a token itself.
	page, err := d.mux.TokensOf(t.Context(), ada, "", 2)
	require.NoError(t, err)
	rest, err := d.mux.TokensOf(t.Context(), ada, page.Next, 2)
	require.NoError(t, err)
	all := append(page.Items, rest.Items...)
	require.Len(t, all, 3)
	require.Empty(t, rest.Next)
	for _, token := range all {
		if token.Account == nil {
			require.ErrorIs(t, d.mux.RevokeToken(t.Context(), rita, token.ID), pipeline.ErrNotFound)
		}
	}
	require.ErrorIs(t, d.mux.RevokeToken(t.Context(), ada, uuid.UUID{9}), pipeline.ErrNotFound)
	none, err := d.mux.TokensOf(t.Context(), access.Identity{Actor: pipeline.Actor{Name: "bot"}}, "", 0)
	require.NoError(t, err)
	require.Empty(t, none.Items)
	require.Equal(t, http.StatusOK, d.ask(asked{path: "/api/v1/me", header: bearer(secret)}).Code)
	// A token ends itself, and none of its owner's others, which may do more than it.
	other, _ := d.token(rita, pipeline.RoleReviewer)
	require.ErrorIs(t, d.mux.RevokeToken(t.Context(), byToken, other.ID), pipeline.ErrNotFound)
	require.NoError(t, d.mux.RevokeToken(t.Context(), rita, other.ID))
	require.NoError(t, d.mux.RevokeToken(t.Context(), byToken, one.ID))
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", header: bearer(secret)}).Code)
	require.NoError(t, d.mux.RevokeToken(t.Context(), ada, all[0].ID))

	for range access.TokensMost {
		d.token(rita, pipeline.RoleReviewer)
	}
	_, _, err = d.mux.MakeToken(t.Context(), rita, access.Wanted{Label: "one more", Roles: one.Roles, Term: time.Hour})
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	d.clock.forward(2 * time.Hour)
	d.token(rita, pipeline.RoleReviewer)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	d := open(t, settings{options: behindProxy})
	kept, err := review.New(d.db).Record(t.Context(), sqldbtest.Weighing("s3://staging/m/", "1", "1", pipeline.VerdictReview), sqldbtest.Person("sam"))
	require.NoError(t, err)
	c := kept.ID
	rita := d.person("rita", pipeline.RoleReviewer)
	link, path, err := d.mux.MakeLink(t.Context(), rita, c, time.Hour)
	require.NoError(t, err)
	require.Regexp(t, `^/answer/[A-Za-z0-9_-]{43}$`, path)
	want := said{Name: "link-" + link.ID.String()[24:], Known: pipeline.KnownLink, Case: c.String()}
	// Whoever is signed in beside it answers as the link's holder all the same.
	ada := d.signIn("ada")
	for _, a := range []asked{{path: path}, {path: path, method: http.MethodPost}, {path: path, cookies: ada}} {
		w := d.ask(a)
		require.Equal(t, want, d.told(w))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	}

	from := func(n int) map[string]string {
		return map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", n)}
	}
	for i, wrong := range []string{"/answer/x", "/answer/" + strings.Repeat("A", 43), "/answer/" + strings.Repeat("A", 9000), strings.ToLower(path), path + "x"} {
		require.Equal(t, http.StatusNotFound, d.ask(asked{path: wrong, header: from(i)}).Code, wrong)
	}
	codes := map[int]int{}
	for range 200 {
		codes[d.ask(asked{path: "/answer/" + strings.Repeat("B", 43), header: from(99)}).Code]++
	}
	require.Equal(t, 200, codes[http.StatusNotFound]+codes[http.StatusTooManyRequests])
	require.LessOrEqual(t, codes[http.StatusNotFound], access.Burst()+5)
	require.Equal(t, want, d.told(d.ask(asked{path: path, header: from(99)})), "it was right before")
	require.Equal(t, 1, d.log.lines("links are refused"))

	d.clock.forward(time.Hour + time.Minute)
	require.Equal(t, http.StatusNotFound, d.ask(asked{path: path}).Code, "its time is over")
	_, second, err := d.mux.MakeLink(t.Context(), rita, c, time.Hour)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, d.ask(asked{path: second}).Code)
	ended, err := d.mux.EndLinks(t.Context(), rita, c)
	require.NoError(t, err)
	require.Equal(t, int64(1), ended, "the first is over by itself")
	require.Equal(t, http.StatusNotFound, d.ask(asked{path: second}).Code)
	for _, term := range []time.Duration{0, -1, access.LinkMost + 1} {
		_, made, err := d.mux.MakeLink(t.Context(), rita, c, term)
		require.ErrorIs(t, err, pipeline.ErrUsage)
		require.Empty(t, made)
	}
	_, made, err := d.mux.MakeLink(t.Context(), rita, uuid.UUID{1}, time.Hour)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	require.Empty(t, made)
	d.noSecrets(strings.TrimPrefix(path, "/answer/"), strings.TrimPrefix(second, "/answer/"))
}

func TestLogPath(t *testing.T) {
	t.Parallel()

	for at, want := range map[string]string{
		"/queue?token=x":               "/queue",
		"/answer/secret":               "/answer/…",
		"//answer/secret":              "/answer/…",
		"/./answer//secret/more":       "/answer/…",
		"/Answer/secret":               "/Answer/…",
		"/%61nswer/secret":             "/answer/…",
		"/x/answer/secret":             "/x/answer/…",
		"/cases/1/answer":              "/cases/1/answer",
		"/tokens/wb_secret/revoke":     "/tokens/…/revoke",
		"/":                            "/",
		"/" + strings.Repeat("ü", 400): "/" + strings.Repeat("ü", 249) + "…",
	} {
		u, err := url.Parse(at)
		if strings.HasPrefix(at, "//") {
			u, err = &url.URL{Path: at}, nil
		}
		require.NoError(t, err)
		require.Equal(t, want, access.LogPath(&http.Request{URL: u}), at)
	}
}

func FuzzLogPath(f *testing.F) {
	for _, path := range []string{"/answer/", "//answer//", "/../answer/", "/ANSWER/x/", "/answer/%2e%2e/"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, before string) {
		const secret = "qZ7-secret-qZ7"
		got := access.LogPath(&http.Request{URL: &url.URL{Path: before + "/answer/" + secret}})
		require.NotContains(t, got, secret)
		require.LessOrEqual(t, len(got), 600)
	})
}

func TestDev(t *testing.T) {
	t.Parallel()

	for listen, ok := range map[string]bool{"127.0.0.1:8080": true, "127.9.9.9:1": true, "[::1]:8080": true, "localhost:8080": true, "[::ffff:127.0.0.1]:80": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.0.0.1:8080": false, "desk.example.org:8080": false, "localhost.example.org:80": false, "127.0.0.1": false, "": false} {
		err := access.CheckDev(listen)
		if ok {
			require.NoError(t, err, listen)
			continue
		}
		require.ErrorIs(t, err, pipeline.ErrUsage, listen)
	}

	d := open(t, settings{plain: true, options: func(o *access.Options) { o.Dev, o.DevName = true, "dana" }})
	ask := func(host string, local net.Addr) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/me", nil)
		r.Host = host
		if local != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		}
		w := httptest.NewRecorder()
		d.mux.ServeHTTP(w, r)
		return w.Code
	}
	here := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for host, want := range map[string]int{"127.0.0.1:8080": 200, "localhost:8080": 200, "LOCALHOST:8080": 200, "[::1]:8080": 200,
		"127.0.0.1:8081": 403, "127.0.0.1": 403, "evil.example:8080": 403, "127.0.0.1.evil.example:8080": 403, "localhost.evil.example:8080": 403,
		"10.0.0.1:8080": 403, "0.0.0.0:8080": 403, "": 403, "desk": 403, "[::1]": 403} {
		require.Equal(t, want, ask(host, here), host)
	}
	require.Equal(t, 200, ask("localhost", &net.TCPAddr{IP: net.IPv6loopback, Port: 80}))
	require.Equal(t, 403, ask("localhost:8080", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 8080}), "the address that was reached is others' too")
	require.Equal(t, 403, ask("localhost:8080", nil), "it is not known what was reached")

	// Over the network, with the names that a page from elsewhere would come with.
	for host, want := range map[string]int{"": 200, "evil.example": 403, "evil.example:" + strings.TrimPrefix(d.server.URL, "http://127.0.0.1:"): 403} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+"/api/v1/me", nil)
		require.NoError(t, err)
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, host)
	}
	require.Equal(t, 1, d.log.lines("requests from other sites are refused"))
}

func TestProxies(t *testing.T) {
	t.Parallel()

	p := access.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tc := range []struct{ peer, forwarded, want string }{
		{"203.0.113.1:5", "", "203.0.113.1"},
		{"203.0.113.1:5", "198.51.100.1", "203.0.113.1"}, // nobody's word
		{"10.0.0.1:5", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:5", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:5", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"10.0.0.1:5", "198.51.100.1:7070", "198.51.100.1"},
		{"10.0.0.1:5", "[2001:db8:1:2:3::4]:7070", "2001:db8:1:2::"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "unknown", "10.0.0.1"},
		{"10.0.0.1:5", "198.51.100.1, _hidden", "10.0.0.1"},
		{"10.0.0.1:5", "10.0.0.3", "10.0.0.3"},
		{"[::ffff:10.0.0.1]:5", "::ffff:198.51.100.1", "198.51.100.1"},
		{"[2001:db8:1:2:3::4]:5", "", "2001:db8:1:2::"},
		{"[fd00::1]:5", "2001:db8:9:9:9::9", "2001:db8:9:9::"},
		{"[fe80::1%eth0]:5", "", "fe80::"},
		{"@", "", "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tc.peer, Header: http.Header{}}
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		require.Equal(t, tc.want, p.Client(r).String(), tc)
	}
}

func FuzzProxies(f *testing.F) {
	f.Add("10.0.0.1:5", "198.51.100.1, 10.0.0.2")
	f.Add("[fe80::1%eth0]:5", "[::1]:2,,")
	p := access.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		addr := p.Client(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}})
		if addr.Is6() {
			require.Equal(t, netip.PrefixFrom(addr, 64).Masked().Addr(), addr)
		}
		require.Empty(t, addr.Zone())
	})
}

func TestLimiter_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	d := open(t, settings{plain: true, options: behindProxy})
	rita := d.person("rita", pipeline.RoleReviewer)
	_, secret := d.token(rita, pipeline.RoleReviewer)
	_, most := d.mux.Remembered()
	for i := range most + 5000 {
		from := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		d.ask(asked{path: "/api/v1/me", header: map[string]string{"Authorization": "x", "X-Forwarded-For": from}})
	}
	got, _ := d.mux.Remembered()
	require.Equal(t, most, got)
	d.clock.forward(30 * time.Minute)
	for i := range 100 {
		w := d.ask(asked{path: "/api/v1/me", header: with(bearer(secret), map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", i)})})
		require.Equal(t, http.StatusOK, w.Code)
	}
	require.LessOrEqual(t, d.log.lines("tokens are refused"), 3)

	few := open(t, settings{plain: true})
	for range 100 {
		require.Equal(t, http.StatusUnauthorized, few.ask(asked{path: "/api/v1/me"}).Code)
	}
	got, _ = few.mux.Remembered()
	require.Zero(t, got, "who shows nothing is not counted")
}
