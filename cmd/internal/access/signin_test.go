package access_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/pipeline"
)

// userOf is a person of the provider; roles are whatever the claim says, nil for no claim.
func userOf(subject, username string, roles any) accesstest.User {
	yes := true
	u := accesstest.User{Subject: subject, Username: username, Name: "N " + username, Email: username + "@example.com", Verified: &yes, Claims: map[string]any{}}
	if roles != nil {
		u.Claims["roles"] = roles
	}
	return u
}

// open gets a page in a browser over the network.
func (d *desk) visit(browser *http.Client, at string) (status int, location, body string) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, at, nil)
	require.NoError(d, err)
	answer, err := browser.Do(r)
	require.NoError(d, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(d, err)
	require.NoError(d, answer.Body.Close())
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	d := open(t, settings{})
	browser := accesstest.Browser(t)

	// A page leads to the sign-in, and back.
	status, to, _ := d.visit(browser, d.server.URL+"/cases/1?tab=facts")
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "/sign-in?next=%2Fcases%2F1%3Ftab%3Dfacts", to)
	answer := d.provider.SignIn(t, browser, d.server.URL, "rita", "/cases/1?tab=facts")
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	require.Equal(t, "/cases/1?tab=facts", answer.Header.Get("Location"))
	require.Equal(t, "no-store", answer.Header.Values("Cache-Control")[0])

	// The cookie is the browser's alone.
	var set *http.Cookie
	for _, c := range answer.Cookies() {
		set = c
	}
	require.NotNil(t, set)
	require.Equal(t, "weighbridge", set.Name)
	require.True(t, set.HttpOnly)
	require.False(t, set.Secure, "this machine has no encryption")
	require.Equal(t, http.SameSiteLaxMode, set.SameSite)
	require.Equal(t, "/", set.Path)
	require.Empty(t, set.Domain)
	require.Zero(t, set.MaxAge)

	_, _, body := d.visit(browser, d.server.URL+"/api/v1/me")
	require.JSONEq(t, `{"name":"rita@example.com","known":"signed_in","roles":["reviewer"],"dev":false,"account":"u-2","token":"","case":"","bytes":0}`, body)
	accounts, err := d.db.Accounts(t.Context(), 9)
	require.NoError(t, err)
	require.Len(t, accounts, 1)
	require.Equal(t, d.provider.Issuer, accounts[0].Issuer)
	require.Equal(t, "Rita Lindqvist", accounts[0].Display)

	// Signing out ends the session, not only the cookie.
	old := d.cookies(browser)
	require.Len(t, old, 1)
	out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL+"/sign-out", nil)
	require.NoError(t, err)
	out.Header.Set("Origin", d.server.URL)
	answer, err = browser.Do(out)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	require.Equal(t, "/sign-in", answer.Header.Get("Location"))
	require.Empty(t, d.cookies(browser))
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", cookies: old}).Code)

	require.Contains(t, d.log.String(), "signed in")
	d.noSecrets(old[0].Value)
}

// noSecrets fails where the log holds one of these, or what looks like a part of a token.
func (d *desk) noSecrets(secrets ...string) {
	d.Helper()
	text := d.log.String()
	for _, secret := range append(secrets, "eyJ", accesstest.ClientSecret) {
		require.NotEmpty(d, secret)
		require.NotContains(d, text, secret)
	}
}

func TestSignIn_NamesAndRoles(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		user  func(u *accesstest.User)
		from  func(o *access.ProviderOptions)
		terse bool
		want  string // name and roles
	}{
		"as_it_comes":       {want: "tess@example.com [reviewer]"},
		"from_user_info":    {terse: true, want: "tess@example.com [reviewer]"},
		"several":           {user: func(u *accesstest.User) { u.Claims["roles"] = []string{"legal", "reviewer", "legal", "staff"} }, want: "tess@example.com [legal reviewer]"},
		"a_text":            {user: func(u *accesstest.User) { u.Claims["roles"] = "auditor, submitter" }, want: "tess@example.com [auditor submitter]"},
		"none":              {user: func(u *accesstest.User) { delete(u.Claims, "roles") }, want: "tess@example.com []"},
		"none_that_counts":  {user: func(u *accesstest.User) { u.Claims["roles"] = []any{"root", 7, nil, []string{"admin"}} }, want: "tess@example.com []"},
		"not_said_verified": {user: func(u *accesstest.User) { u.Verified = nil }, want: "tess@example.com [reviewer]"},
		"no_address":        {user: func(u *accesstest.User) { u.Email, u.Verified = "", nil }, want: "tess [reviewer]"},
		"other_form":        {user: func(u *accesstest.User) { u.Email = "te\u0301ss@example.com" }, want: "t\u00e9ss@example.com [reviewer]"},
		"other_name":        {from: func(o *access.ProviderOptions) { o.NameClaim = "preferred_username" }, want: "tess [reviewer]"},
		"deep": {user: func(u *accesstest.User) {
			u.Claims["realm_access"] = map[string]any{"roles": []string{"auditor"}}
			u.Claims["who"] = map[string]any{"id": "t-7"}
		}, from: func(o *access.ProviderOptions) { o.RolesClaim, o.NameClaim = "realm_access.roles", "who.id" }, want: "t-7 [auditor]"},
		"mapped": {user: func(u *accesstest.User) { u.Claims["groups"] = []string{"wb-lawyers", "seoul", "admin"} }, from: func(o *access.ProviderOptions) {
			o.RolesClaim = "groups"
			o.Roles = map[string][]pipeline.ActorRole{"wb-lawyers": {pipeline.RoleLegal, pipeline.RoleReviewer}, "seoul": {"KR"}}
		}, want: "tess@example.com [KR legal reviewer]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, settings{provider: tc.from})
			u := userOf("t-1", "tess", []string{"reviewer"})
			if tc.user != nil {
				tc.user(&u)
			}
			d.provider.SetUser(u)
			d.provider.Terse(tc.terse)
			who := d.told(d.ask(asked{path: "/api/v1/me", cookies: d.signIn("tess")}))
			require.Equal(t, tc.want, fmt.Sprint(who.Name, " ", who.Roles))
		})
	}
}

func TestSignIn_Refuses(t *testing.T) {
	t.Parallel()

	set := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = value }
	}
	no := false
	for name, tc := range map[string]struct {
		forge    func(claims map[string]any)
		stranger bool
		user     func(u *accesstest.User)
		from     func(o *access.ProviderOptions)
		want     string
	}{
		"wrong_nonce":           {forge: set("nonce", "another"), want: "answered another request"},
		"no_nonce":              {forge: func(c map[string]any) { delete(c, "nonce") }, want: "answered another request"},
		"expired":               {forge: set("exp", time.Now().Add(-time.Minute).Unix()), want: "does not verify"},
		"no_expiry":             {forge: func(c map[string]any) { delete(c, "exp") }, want: "does not verify"},
		"not_yet":               {forge: set("nbf", time.Now().Add(time.Hour).Unix()), want: "does not verify"},
		"other_issuer":          {forge: set("iss", "https://id.example"), want: "does not verify"},
		"other_audience":        {forge: set("aud", []string{"another"}), want: "does not verify"},
		"other_party":           {forge: set("azp", "another"), want: "does not verify"},
		"party_no_text":         {forge: set("azp", 7), want: "does not verify"},
		"audiences_no_party":    {forge: func(c map[string]any) { c["aud"] = []string{accesstest.ClientID, "another"}; delete(c, "azp") }, want: "does not verify"},
		"other_access_token":    {forge: set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), want: "does not verify"},
		"no_subject":            {forge: set("sub", ""), want: "does not verify"},
		"long_subject":          {forge: set("sub", strings.Repeat("s", 256)), want: "does not verify"},
		"stranger's_key":        {stranger: true, want: "does not verify"},
		"unverified":            {user: func(u *accesstest.User) { u.Verified = &no }, want: "has not verified your address"},
		"unverified_as_text":    {forge: set("email_verified", "false"), want: "has not verified your address"},
		"unverified_configured": {user: func(u *accesstest.User) { u.Verified = &no }, from: func(o *access.ProviderOptions) { o.NameClaim = "email" }, want: "has not verified your address"},
		"no_name":               {user: func(u *accesstest.User) { u.Email, u.Verified = "", nil }, from: func(o *access.ProviderOptions) { o.NameClaim = "email" }, want: "does not say your email"},
		"no_name_at_all":        {forge: func(c map[string]any) { c["email"] = ""; c["preferred_username"] = "" }, want: "does not say your preferred_username"},
		"name_like_an_address":  {user: func(u *accesstest.User) { u.Username = "rita@example.com"; u.Email, u.Verified = "", nil }, want: "a name like an address"},
		"name_no_text":          {forge: set("email", 7), from: func(o *access.ProviderOptions) { o.NameClaim = "email" }, want: "does not say your email"},
		"name_that_hides":       {forge: set("email", "rita\u202e@example.com"), want: "cannot be used here"},
		"name_of_weighbridge":   {forge: set("email", "WeighBridge"), want: "cannot be used here"},
		"name_of_a_link":        {forge: set("email", "Link-0123456789ab"), want: "cannot be used here"},
		"long_name":             {forge: set("email", strings.Repeat("e", 201)), want: "cannot be used here"},
		"name_taken":            {forge: set("email", "RITA@example.com"), want: "belongs to another account or machine"},
		"name_of_a_machine":     {forge: set("email", "Build-Bot"), want: "belongs to another account or machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, settings{provider: tc.from})
			d.person("rita@example.com", pipeline.RoleReviewer)
			admin := access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}}
			_, _, err := d.mux.MakeToken(t.Context(), admin, access.Wanted{Label: "ci", Machine: "build-bot", Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}, Term: time.Hour})
			require.NoError(t, err)
			u := userOf("t-1", "tess", []string{"reviewer"})
			if tc.user != nil {
				tc.user(&u)
			}
			d.provider.SetUser(u)
			var exp any
			d.provider.Forge(func(claims map[string]any) {
				exp = claims["at_hash"]
				if tc.forge != nil {
					tc.forge(claims)
				}
			})
			d.provider.Stranger(tc.stranger)
			browser := accesstest.Browser(t)
			at := d.provider.Begin(t, browser, d.server.URL, u.Username, "/")
			status, _, body := d.visit(browser, at.String())
			require.Equal(t, http.StatusForbidden, status, body)
			require.Contains(t, body, tc.want)
			require.NotEmpty(t, exp, "the provider was asked")
			require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", cookies: d.cookies(browser)}).Code)
			require.Equal(t, 1, d.log.lines("sign-ins are refused"))
			d.noSecrets(at.Query().Get("code"), at.Query().Get("state"))
		})
	}
}

func TestSignIn_CallbacksOfOthers(t *testing.T) {
	t.Parallel()
	d := open(t, settings{options: behindProxy})
	wrong := 0
	refused := func(browser *http.Client, at *url.URL, want string) {
		t.Helper()
		wrong++
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), nil)
		require.NoError(t, err)
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", wrong))
		answer, err := browser.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusForbidden, answer.StatusCode, string(body))
		require.Contains(t, string(body), want)
	}
	change := func(at *url.URL, name, value string) *url.URL {
		q := at.Query()
		q.Set(name, value)
		out := *at
		out.RawQuery = q.Encode()
		return &out
	}

	sam, rita := accesstest.Browser(t), accesstest.Browser(t)
	at := d.provider.Begin(t, sam, d.server.URL, "sam", "/")
	refused(rita, at, "did not begin to sign in here")
	refused(sam, change(at, "state", "another"), "answered another request")
	refused(sam, at, "did not begin to sign in here") // what it began with counts once

	// Whoever plants their own answer into another browser that has begun too signs nobody in.
	attacker := d.provider.Begin(t, sam, d.server.URL, "sam", "/")
	d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, attacker, "answered another request")
	own := d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, change(own, "code", attacker.Query().Get("code")), "did not take its own answer back") // PKCE
	own = d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, change(own, "code", "guessed"), "did not take its own answer back")
	own = d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, change(own, "iss", "https://id.example"), "answered another request")
	own = d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, change(own, "error", "access_denied"), "the identity provider refused")

	// A code counts once, also for who has the right state.
	used := d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	status, to, _ := d.visit(rita, used.String())
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "/", to)
	refused(rita, used, "did not begin to sign in here")
	require.Equal(t, "rita@example.com", d.told(d.ask(asked{path: "/api/v1/me", cookies: d.cookies(rita)})).Name, "who is signed in stays so")
	again := d.provider.Begin(t, rita, d.server.URL, "rita", "/")
	refused(rita, change(again, "code", used.Query().Get("code")), "did not take its own answer back")
	d.noSecrets(at.Query().Get("code"), at.Query().Get("state"), used.Query().Get("code"), used.Query().Get("state"))
}

func TestSignIn_GivesTheSessionANewKey(t *testing.T) {
	t.Parallel()
	d := open(t, settings{})
	browser := accesstest.Browser(t)
	at := d.provider.Begin(t, browser, d.server.URL, "ada", "/")
	planted := d.cookies(browser)
	require.Len(t, planted, 1, "the browser's session before it is signed in")
	status, _, _ := d.visit(browser, at.String())
	require.Equal(t, http.StatusSeeOther, status)
	fresh := d.cookies(browser)
	require.NotEqual(t, planted[0].Value, fresh[0].Value)
	require.Equal(t, http.StatusUnauthorized, d.ask(asked{path: "/api/v1/me", cookies: planted}).Code)
	require.Equal(t, "ada@example.com", d.told(d.ask(asked{path: "/api/v1/me", cookies: fresh})).Name)

	// A key that the desk never gave out does not become one.
	made := []*http.Cookie{{Name: "weighbridge", Value: strings.Repeat("A", 43)}}
	w := d.ask(asked{path: "/sign-in/start", cookies: made})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Len(t, w.Result().Cookies(), 1)
	require.NotEqual(t, made[0].Value, w.Result().Cookies()[0].Value)
}

func TestSignIn_ProviderAndDatabaseAway(t *testing.T) {
	t.Parallel()
	d := open(t, settings{})
	for range access.Burst() + 1 {
		browser := accesstest.Browser(t)
		at := d.provider.Begin(t, browser, d.server.URL, "sam", "/")
		d.provider.Down(true)
		status, _, body := d.visit(browser, at.String())
		require.Equal(t, http.StatusServiceUnavailable, status, "nobody's guess, so that it is not counted")
		require.Contains(t, body, "does not answer")
		d.provider.Down(false)
	}
	d.signIn("sam")

	_, err := access.Discover(t.Context(), access.ProviderOptions{Issuer: "http://id.example", ClientID: "x"})
	require.ErrorIs(t, err, pipeline.ErrUsage)
	_, err = access.Discover(t.Context(), access.ProviderOptions{Issuer: d.provider.Issuer + "/other", ClientID: "x"})
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
}

func TestSignIn_AThousandWrongOnes(t *testing.T) {
	t.Parallel()
	d := open(t, settings{options: behindProxy})
	from := map[string]string{"X-Forwarded-For": "203.0.113.9"}
	counts := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 250 {
				path := fmt.Sprintf("/sign-in/callback?code=guess-%d-%d&state=guess-%d-%d", worker, i, worker, i)
				w := d.ask(asked{path: path, header: from})
				mu.Lock()
				counts[w.Code]++
				mu.Unlock()
				if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, 1000, counts[http.StatusForbidden]+counts[http.StatusTooManyRequests], counts)
	// One more comes free every six seconds of the machine's clock.
	require.LessOrEqual(t, counts[http.StatusForbidden], access.Burst()+20)
	require.LessOrEqual(t, d.log.lines("sign-ins are refused"), 3)
	d.noSecrets("guess-")

	// Meanwhile people sign in, from elsewhere and from the same address.
	d.signIn("sam")
	browser := accesstest.Browser(t)
	at := d.provider.Begin(t, browser, d.server.URL, "rita", "/")
	right := d.ask(asked{path: at.RequestURI(), header: from, cookies: d.cookies(browser)})
	require.Equal(t, http.StatusSeeOther, right.Code, right.Body.String())

	d.clock.forward(time.Minute)
	require.Equal(t, http.StatusForbidden, d.ask(asked{path: "/sign-in/callback?state=x", header: from}).Code)
	require.Contains(t, d.log.String(), "times=")
}

func TestSignIn_BeginsAreLimited(t *testing.T) {
	t.Parallel()
	d := open(t, settings{options: behindProxy})
	start := func(from string) int {
		return d.ask(asked{path: "/sign-in/start", header: map[string]string{"X-Forwarded-For": from}}).Code
	}
	var got []int
	for range 10 * access.StartBurst() {
		got = append(got, start("203.0.113.9"))
	}
	require.NotContains(t, got[:access.StartBurst()], http.StatusTooManyRequests)
	require.Contains(t, got, http.StatusTooManyRequests)
	require.Equal(t, http.StatusSeeOther, start("203.0.113.10"), "another address")
	// Networks of 64 bits count as one.
	for i := range access.StartBurst() {
		start(fmt.Sprintf("2001:db8:0:1::%x", i+1))
	}
	require.Contains(t, []int{start("2001:db8:0:1:ffff::1"), start("2001:db8:0:1:ffff::2"), start("2001:db8:0:1:ffff::3")}, http.StatusTooManyRequests)
	require.Equal(t, http.StatusSeeOther, start("2001:db8:0:2::1"))
	// A token in the request changes nothing here.
	require.Equal(t, http.StatusSeeOther, d.ask(asked{path: "/sign-in/start", header: bearer("x")}).Code)
}

func TestLocalPath(t *testing.T) {
	t.Parallel()

	for next, want := range map[string]string{
		"/queue":                        "/queue",
		"/cases/1?tab=facts":            "/cases/1?tab=facts",
		"/queue?q=//x":                  "/queue?q=//x",
		"":                              "/",
		"queue":                         "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		`/\evil.example`:                "/",
		`\\evil.example`:                "/",
		"https://evil.example":          "/",
		"javascript:alert(1)":           "/",
		"/\t/evil.example":              "/",
		"/\n/evil.example":              "/",
		" /queue":                       "/",
		"/sign-in/start":                "/",
		"/%zz":                          "/",
		"/" + strings.Repeat("x", 3000): "/",
	} {
		require.Equal(t, want, access.LocalPath(next), next)
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/queue", "//evil.example", `/\evil.example`, "/a?b#c", "/..//evil.example", "https:/x", "/\u00a0/x"} {
		f.Add(next)
	}
	base := &url.URL{Scheme: "https", Host: "desk.example.org", Path: "/sign-in/callback"}
	f.Fuzz(func(t *testing.T, next string) {
		got := access.LocalPath(next)
		to, err := base.Parse(got)
		require.NoError(t, err)
		require.Equal(t, "desk.example.org", to.Host)
		require.Equal(t, "https", to.Scheme)
		require.False(t, strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t"), got)
		require.True(t, slices.Contains([]string{"/", next}, got))
	})
}
