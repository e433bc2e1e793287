package serve_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access/accesstest"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/storage/object/s3"
)

var update = flag.Bool("update", false, "write the screenshots of the documentation again")

// axe is axe-core 4.14.1, under the Mozilla Public License 2.0 (testdata/LICENSE-axe).
//
//go:embed testdata/axe.min.js
var axe string

// pageTime is how long a page may take, on a machine with much else to do.
const pageTime = 3 * time.Minute

// desk is a desk that is served, with a bucket and an identity provider.
type desk struct {
	*serve.Desk
	t        *testing.T
	models   string
	provider *accesstest.Provider
	key      *attest.PrivateKey
	logs     *syncBuffer
}

// twoPack asks for two people, so that one is not enough.
const twoPack = `pack: two-people
version: "1"
title: A model of more than ten billion parameters asks for two people
rules:
  - id: TWO-01
    title: Two people decide
    jurisdiction: organisation
    status: organisation
    effective: {from: 2025-01-01}
    when: params.effective_upper > 10000000000
    effect: review
    quorum: two
    accept: measured
    message: "{{params.effective_estimate}} parameters: two people decide"
    cite: [{title: "House rule 1", url: "https://example.com/rules", accessed: 2026-11-23}]
    review_by: 2030-01-01
    examples:
      match: [{params: {effective_lower: 10000000001, effective_estimate: 10000000001, effective_upper: 10000000001}}]
      no_match: [{params: {effective_lower: 1, effective_estimate: 1, effective_upper: 1}}]
`

// openDesk serves a desk on loopback, over a bucket with these models.
func openDesk(t *testing.T, models ...string) *desk {
	t.Helper()
	return openDeskAt(t, time.Now, models...)
}

// openDeskAt serves a desk with a clock. It takes the word of this machine on the client's
// address.
func openDeskAt(t *testing.T, now func() time.Time, models ...string) *desk {
	t.Helper()
	return openDeskWith(t, func(o *serve.Options) { o.Now = now }, models...)
}

// openDeskWith serves a desk with other options, on connections with small buffers.
func openDeskWith(t *testing.T, change func(*serve.Options), models ...string) *desk {
	t.Helper()
	d := &desk{t: t, models: t.TempDir(), provider: accesstest.Start(t), logs: &syncBuffer{}}
	for _, name := range models {
		m, err := fixtures.Load(name)
		require.NoError(t, err)
		require.NoError(t, m.Write(filepath.Join(d.models, name)))
	}
	bucket, err := s3server.Start(t.Context(), s3server.Options{Folders: map[string]string{"staging": d.models}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	folder := t.TempDir()
	pack := filepath.Join(folder, "two.yaml")
	require.NoError(t, os.WriteFile(pack, []byte(twoPack), 0o600))
	d.key, err = attest.GenerateKey(attest.Ed25519)
	require.NoError(t, err)

	listener, err := serve.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String()
	d.provider.Redirects(url + "/sign-in/callback")
	settings := config.Settings{DB: filepath.Join(folder, "queue.db"), Rules: config.Rules{Files: []string{pack}},
		S3: s3.Options{Endpoint: bucket.URL(), Region: bucket.Region(), AccessKeyID: bucket.AccessKeyID(), SecretAccessKey: bucket.SecretAccessKey()},
		Serve: config.Serve{Listen: listener.Addr().String(), PublicURL: url, Workers: 2, Links: true, LinkTerm: time.Hour, Sources: []string{"s3://staging/"},
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			SignIn:         config.SignIn{Issuer: d.provider.Issuer, ClientID: accesstest.ClientID, ClientSecret: accesstest.ClientSecret}}}
	options := serve.Options{Settings: settings, Now: time.Now, Signer: d.key, Logger: hclog.New(&hclog.LoggerOptions{Output: d.logs, Level: hclog.Debug})}
	change(&options)
	d.Desk, err = serve.Open(t.Context(), options, listener.Addr())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Server.Run(ctx, narrow{listener}) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, d.Close())
	})
	return d
}

// narrow is a listener whose connections hold little that was not taken yet.
type narrow struct{ net.Listener }

// Accept implements [net.Listener].
func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return conn, err
}

// tab is one person's browser: what it knows is its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	desk string
}

// browser starts Chromium. It ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-GB"), chromedp.WSURLReadTimeout(pageTime)}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx), "Chromium must be installed: make chromium")
	return ctx
}

// newTab opens a browser of its own for one person.
func newTab(t *testing.T, browser context.Context, desk string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx)) // a tab lives as long as the context that it was opened with
	p := &tab{t: t, ctx: ctx, desk: desk}
	p.do(chromedp.EmulateViewport(1280, 900)) //nolint:contextcheck // a tab lives as long as its test
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, steps...))
}

// eval returns the value of an expression in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return out
}

// until waits until an expression is true, whatever page that comes with.
func (p *tab) until(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(pageTime)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, pageTime)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("it did not come true: %s\nthe page is %s\n%s", expression, eval[string](p, "location.href"), eval[string](p, "document.body.innerText.slice(0, 3000)"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// open goes to a path of the desk.
func (p *tab) open(path string) {
	p.t.Helper()
	p.leave("location.href = " + quoted(p.desk+path))
}

// leave does something that leads to another page, and waits for it.
func (p *tab) leave(how string) {
	p.t.Helper()
	eval[any](p, "window.before = true; "+how+"; null")
	p.until("!window.before && document.readyState === 'complete'")
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// send presses the button of the form that holds an element.
func (p *tab) send(selector string) {
	p.t.Helper()
	p.leave("document.querySelector(" + quoted(selector) + ").click()")
}

// fill types into a field.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf("(() => { const e = document.querySelector(%s); if (e.type === 'radio' || e.type === 'checkbox') { e.checked = true } else { e.value = %s } })(); null", quoted(selector), quoted(text)))
}

// sees waits until the page shows a text.
func (p *tab) sees(text string) {
	p.t.Helper()
	p.until("document.body.innerText.includes(" + quoted(text) + ")")
}

// signIn signs a person in through the provider's own form.
func (p *tab) signIn(name string) {
	p.t.Helper()
	p.open("/queue")
	p.until("location.pathname === '/sign-in'")
	p.send("a.button")
	p.until("!!document.querySelector('input[name=password]')")
	p.fill("input[name=username]", name)
	p.fill("input[name=password]", accesstest.Password)
	p.send("#log-in")
	p.until("location.pathname === '/queue'")
}

// decide fills the decision form of the case on the page and sends it.
func (p *tab) decide(kind pipeline.DecisionKind, reason pipeline.ReasonCode, comment string) {
	p.t.Helper()
	p.fill("#decide input[value="+string(kind)+"]", "")
	p.fill("#decide select[name=reason]", string(reason))
	p.fill("#decide textarea[name=comment]", comment)
	p.send("#decide form button")
}

// sound runs axe on the page: nothing serious may be wrong with it.
func (p *tab) sound(page string, rules ...string) {
	p.t.Helper()
	only := `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}`
	if len(rules) > 0 {
		only = `{type: "rule", values: ["` + strings.Join(rules, `", "`) + `"]}`
	}
	eval[any](p, axe+"; null")
	found := eval[string](p, `axe.run(document, {resultTypes: ["violations"], runOnly: `+only+`}).then(r => JSON.stringify(r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160) + " | " + n.failureSummary.slice(0, 200)).slice(0, 3).join(" ;; "))))`)
	require.Equal(p.t, "[]", found, "%s", page)
}

// The form of a check grows where it stands: nothing is loaded again, and what was typed stays.
func TestBrowser_SubmitGrows(t *testing.T) {
	t.Parallel()
	d := openDesk(t, "gpt2")
	p := newTab(t, browser(t), d.URL)
	p.signIn("sam")
	p.open("/submit")
	p.fill("#source", "s3://staging/gpt2/")
	p.send("button[value=draft]")
	field := func(i int) string { return fmt.Sprintf("[name='f.training.hardware[%d].location']", i) }
	p.fill(field(0), "DE")
	p.fill("#source", "s3://staging/elsewhere/")
	press := func(step string) {
		eval[any](p, "window.before = true; document.querySelector("+quoted("button[value='"+step+"']")+").click(); null")
	}
	press("more:training.hardware")
	p.until("!!document.querySelector(" + quoted(field(1)) + ")")
	require.True(t, eval[bool](p, "window.before"), "the page was not loaded again")
	p.until("document.activeElement.name.startsWith('f.training.hardware[1].')")
	p.fill(field(1), "FR")
	for _, width := range []int64{1280, 360} {
		p.do(chromedp.EmulateViewport(width, 900))
		require.LessOrEqual(t, eval[int64](p, "document.documentElement.scrollWidth"), width)
		p.sound("submit")
	}
	press("drop:training.hardware[0]")
	p.until("!document.querySelector(" + quoted(field(1)) + ")")
	require.Equal(t, "FR", eval[string](p, "document.querySelector("+quoted(field(0))+").value"))
	require.Equal(t, "s3://staging/elsewhere/", eval[string](p, "document.querySelector('#source').value"))
	p.until("document.activeElement.value === 'more:training.hardware'")
}

// A person submits, two people decide, an auditor looks on: the whole road in a browser.
func TestBrowser_WholeRoad(t *testing.T) {
	t.Parallel()
	d := openDesk(t, "llama-3-70b")
	chrome := browser(t)

	sam := newTab(t, chrome, d.URL)
	sam.signIn("sam")
	sam.open("/submit")
	sam.sound("submit")
	sam.fill("#source", "s3://staging/llama-3-70b/")
	sam.send("button[value=ask]")
	sam.until("location.pathname.startsWith('/checks/')")
	sam.until("!!document.querySelector('#progress a.button[href^=\"/cases/\"]')") // the page moves on by itself
	sam.send("#progress a.button")
	sam.sees("70,553,706,496")
	first := eval[string](sam, "location.pathname")

	rita := newTab(t, chrome, d.URL)
	rita.signIn("rita")
	rita.sees("llama-3-70b")
	rita.send("a[data-open]")
	require.Equal(t, first, eval[string](rita, "location.pathname"))
	rita.sees("TWO-01")
	rita.sees("Two people decide")
	rita.sound("case")
	rita.decide(pipeline.DecisionChanges, pipeline.ReasonEvidenceMissing, "Where do the weights go? Please declare the destination.")
	rita.sees("Please declare the destination")

	// The submitter answers with a submission: another case takes the first one's place.
	sam.open(first)
	sam.sees("Please declare the destination")
	sam.fill("#answer-text", "To everybody, from our own site.")
	sam.fill("#answer-yaml", "destination: {country: worldwide}\nrecipient: {name: public}\n")
	sam.fill("#answer input[name=again]", "")
	sam.send("#answer form button:not([type=button])")
	sam.until("location.pathname.startsWith('/checks/')")
	sam.until("!!document.querySelector('#progress a.button[href^=\"/cases/\"]')")
	sam.send("#progress a.button")
	second := eval[string](sam, "location.pathname")
	require.NotEqual(t, first, second)

	// Two people approve; the first vote is not enough.
	rita.open(second)
	rita.sees("Please declare the destination") // what was said came along
	rita.decide(pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Declared, and published by its maker.")
	rita.sees("one more reviewer")
	ravi := newTab(t, chrome, d.URL)
	ravi.signIn("ravi")
	ravi.open(second)
	ravi.decide(pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Seen as well.")
	ravi.sees("Approved")

	// The auditor sees it all, and that the log verifies.
	audrey := newTab(t, chrome, d.URL)
	audrey.signIn("audrey")
	audrey.open("/audit")
	audrey.sound("audit")
	audrey.until("document.body.textContent.includes('Declared, and published by its maker.')")
	audrey.send("form[action^='/audit/verify'] button")
	head, err := d.Service.Queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	audrey.until(fmt.Sprintf("document.body.innerText.includes(%s)", quoted(string(head.Hash)[7:19])))

	// What the pages say is what the database holds, and the approval is signed.
	page, err := d.Service.Queue.DB.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
	states := map[string]pipeline.State{}
	for _, c := range page.Items {
		states["/cases/"+c.ID.String()] = c.State
	}
	require.Equal(t, map[string]pipeline.State{first: pipeline.StateSuperseded, second: pipeline.StateApproved}, states)
	signed, err := d.Service.Queue.DB.Attestations(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, signed, 1, "%s", d.logs.String())
	for _, secret := range []string{accesstest.ClientSecret, "password=", "code="} {
		require.NotContains(t, d.logs.String(), secret)
	}
}

// The queue by keyboard only.
func TestBrowser_Keyboard(t *testing.T) {
	t.Parallel()
	d := openDesk(t, "llama-3-70b", "qwen2.5-14b", "gpt-oss-20b")
	sam := pipeline.Actor{Name: "sam@example.com", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}}
	d.check(t, sam, "llama-3-70b", "qwen2.5-14b", "gpt-oss-20b")
	p := newTab(t, browser(t), d.URL)
	p.signIn("rita")
	press := func(key string) { p.do(chromedp.KeyEvent(key)) }
	here := func() string {
		return eval[string](p, "(document.querySelector('[data-row].here [data-open]') || {innerText: ''}).innerText")
	}
	press("j")
	first := here()
	require.NotEmpty(t, first)
	press("j")
	require.NotEqual(t, first, here())
	press("k")
	require.Equal(t, first, here())
	press("?")
	p.until("!!document.querySelector('dialog[open]')")
	press("\x1b")
	p.until("!document.querySelector('dialog[open]')")
	press("c") // claims the case, and stays
	p.until("(document.querySelector('[data-row].here .state') || {innerText: ''}).innerText === 'Claimed'")
	require.Equal(t, first, here())
	press("j")
	press("\r")
	p.until("location.pathname.startsWith('/cases/') && document.readyState === 'complete'")
	press("r")
	p.until("document.querySelector('#decide input[value=reject]').checked")
	for range 40 { // on by tab, as one goes through a form
		press("\t")
		if eval[string](p, "document.activeElement.id") == "reason" {
			break
		}
	}
	require.Equal(t, "reason", eval[string](p, "document.activeElement.id"))
	press(kb.ArrowDown)
	press("\t")
	require.Equal(t, "decide-comment", eval[string](p, "document.activeElement.id"))
	p.do(chromedp.KeyEvent("By keyboard alone."))
	for range 10 {
		press("\t")
		if eval[string](p, "document.activeElement.tagName") == "BUTTON" {
			break
		}
	}
	require.Equal(t, "reject By keyboard alone.", eval[string](p, "document.activeElement.form.kind.value + ' ' + document.activeElement.form.comment.value"))
	require.NotEmpty(t, eval[string](p, "document.activeElement.form.reason.value"))
	eval[any](p, "window.before = true; null")
	press("\r")
	p.until("!window.before && document.readyState === 'complete'")
	p.until("document.body.innerText.includes('Rejected')")
	p.sees("By keyboard alone.")
	counts, err := d.Service.Queue.DB.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), counts[pipeline.StateRejected][pipeline.VerdictReview])
	require.Equal(t, int64(1), counts[pipeline.StateClaimed][pipeline.VerdictReview])
	require.Equal(t, int64(1), counts[pipeline.StateOpen][pipeline.VerdictReview])
}

// check has models checked and waits until each has a case.
func (d *desk) check(t *testing.T, by pipeline.Actor, models ...string) {
	t.Helper()
	for _, name := range models {
		d.ask(t, by, "s3://staging/"+name+"/")
	}
	require.Eventually(t, func() bool {
		active, err := d.Service.Queue.DB.Checks(t.Context(), pipeline.CheckFilter{Active: true})
		return err == nil && len(active.Items) == 0
	}, pageTime, 50*time.Millisecond)
}

// Every page, in every language, wide and narrow, light and dark: nothing serious is wrong
// with it, and nothing sticks out to the side. With -update the pictures of the
// documentation are taken.
func TestBrowser_EveryPage(t *testing.T) {
	t.Parallel()
	d, id, hostile := lived(t)
	d.provider.SetUser(accesstest.User{Subject: "u-9", Username: "olga", Name: "Olga Petrenko", Email: "olga@example.com",
		Claims: map[string]any{"roles": []string{"submitter", "reviewer", "legal", "auditor", "admin"}}})
	p := newTab(t, browser(t), d.URL)
	p.open("/sign-in")
	p.sound("sign-in")
	p.signIn("olga")
	pages := map[string]string{"queue": "/queue?view=all", "case": "/cases/" + id, "object": "/cases/" + id + "/object?path=config.json", "case-file": "/cases/" + id + "/file",
		"submit": "/submit?case=" + id, "checks": "/checks", "packs": "/packs", "pack": "/packs/seed-article", "audit": "/audit", "overview": "/overview",
		"exceptions": "/exceptions", "tokens": "/tokens", "notices": "/notices", "missing": "/cases/nothing"}
	for _, language := range []string{"en", "zh-Hans"} {
		p.open("/queue")
		p.leave("(() => { const f = document.createElement('form'); f.method = 'post'; f.action = '/language'; const i = document.createElement('input'); i.name = 'language'; i.value = " + quoted(language) + "; f.append(i); document.body.append(f); f.submit() })()")
		for _, name := range sorted(pages) {
			for _, width := range []int64{1280, 360} {
				p.do(chromedp.EmulateViewport(width, 900))
				p.open(pages[name])
				if name == "submit" { // with what the model shows of itself, and the questions
					p.send("button[value=draft]")
				}
				require.Equal(t, language, eval[string](p, "document.documentElement.lang"), name)
				if width == 1280 && language == "en" {
					if name == "case-file" {
						p.unboxed(pages[name])
					}
					p.sound(name)
					if name == "case-file" {
						p.open(pages[name])
					}
				}
				out := eval[int64](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth")
				require.LessOrEqual(t, out, int64(1), "%s sticks out at a width of %d", name, width)
				if *update {
					p.picture(fmt.Sprintf("%s-%s-%d", name, language, width))
				}
			}
		}
	}
	p.open("/cases/" + hostile)
	p.sound("hostile")
	require.LessOrEqual(t, eval[int64](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"), int64(1))
	p.do(chromedp.EmulateViewport(1280, 900))
	p.dark()
	for _, name := range sorted(pages) {
		if name != "case-file" { // it is made for paper
			p.open(pages[name])
			p.sound(name+" dark", "color-contrast")
		}
	}
}

// unboxed shows a page that is served in a sandbox, where no script runs, within another
// page, so that it can be looked at by one.
func (p *tab) unboxed(path string) {
	p.t.Helper()
	p.open("/checks")
	eval[any](p, "fetch("+quoted(path)+").then(r => r.text()).then(text => { const d = new DOMParser().parseFromString(text, 'text/html'); document.title = d.title; document.documentElement.lang = d.documentElement.lang; document.body.replaceWith(document.adoptNode(d.body)) })")
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// ask has one source checked.
func (d *desk) ask(t *testing.T, by pipeline.Actor, source string) {
	t.Helper()
	_, err := d.Service.Ask(t.Context(), app.Asked{Source: source}, by)
	require.NoError(t, err)
}

// dark asks for dark pages.
func (p *tab) dark() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	}))
}

// pictureHeight is how much of a page is shown, in pixels from its beginning.
const pictureHeight = 1800

// pictures is where the screenshots of the documentation lie.
const pictures = "../webui/screenshots"

// picture keeps what the page looks like.
func (p *tab) picture(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTime)
	defer cancel()
	b, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
	require.NoError(p.t, err)
	whole, err := jpeg.Decode(bytes.NewReader(b))
	require.NoError(p.t, err)
	shown := image.NewRGBA(image.Rect(0, 0, whole.Bounds().Dx(), min(pictureHeight, whole.Bounds().Dy())))
	draw.Draw(shown, shown.Bounds(), whole, image.Point{}, draw.Src)
	var small bytes.Buffer
	require.NoError(p.t, jpeg.Encode(&small, shown, &jpeg.Options{Quality: 50}))
	require.NoError(p.t, os.MkdirAll(pictures, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(pictures, name+".jpg"), small.Bytes(), 0o644))
}

// syncBuffer collects logs.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String returns what was written.
func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
