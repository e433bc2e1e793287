package access

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/hashicorp/go-hclog"
	lru "github.com/hashicorp/golang-lru/v2"

	"weighbridge/pipeline"
)

// RequestIDHeader holds the request's id in every answer and log line.
const RequestIDHeader = "X-Request-Id"

// Refused is told the status and why a page was refused, and answers it.
type Refused func(w http.ResponseWriter, r *http.Request, status int, why error)

// Options say how callers are known.
type Options struct {
	Accounts pipeline.AccountBook
	Tokens   pipeline.TokenBook
	Sessions pipeline.SessionBook
	Links    pipeline.LinkBook
	// Logger is told what was refused, without secrets; nil for nobody.
	Logger hclog.Logger
	Now    func() time.Time
	// PublicURL is how browsers reach the desk: scheme, host and port. Cookies ask for
	// encryption unless it is plain HTTP to this machine.
	PublicURL *url.URL
	// Dev signs one person in, DevName, on this machine only: a request must have reached a
	// loopback address, as [http.Server] tells by [http.LocalAddrContextKey], and have
	// asked for a loopback name with that port.
	Dev     bool
	DevName string
	// Proxies are asked for the client's address.
	Proxies Proxies
	// Refused answers for pages, [PlainRefusal] where it is nil. Who asks is in the
	// request's context where that is known ([Of]).
	Refused Refused
	// FormTargets are the origins that a form may lead to beside this desk's own: the
	// identity provider's ([Provider.Origin]).
	FormTargets []string
}

// loopback reports whether browsers reach the desk without encryption, on this machine.
func (o Options) loopback() bool {
	return o.PublicURL != nil && o.PublicURL.Scheme == "http" && loopback(o.PublicURL.Hostname())
}

// Mux lets callers through to handlers. Register every route of [Table], then ask
// [Mux.Complete].
type Mux struct {
	o        Options
	mux      *http.ServeMux
	outer    http.Handler
	table    map[string]Route
	seen     map[string]bool
	sessions *scs.SessionManager
	csp      string

	starts     *limiter
	badSignIns *wrong
	badTokens  *wrong
	badLinks   *wrong
	forged     *seldom
	// good are digests of tokens and links that counted when they were last shown.
	good *lru.Cache[pipeline.Digest, struct{}]
}

// NewMux returns a mux without handlers.
func NewMux(o Options) *Mux {
	if o.Refused == nil {
		o.Refused = PlainRefusal
	}
	if o.DevName == "" {
		o.DevName = "developer"
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	m := &Mux{o: o, mux: http.NewServeMux(), table: map[string]Route{}, seen: map[string]bool{}, good: cache[pipeline.Digest, struct{}](mostSecrets),
		starts: newLimiter(o.Now, startLimits), badSignIns: newWrong(o, "sign-ins are refused"), badTokens: newWrong(o, "tokens are refused"),
		badLinks: newWrong(o, "links are refused"), forged: newSeldom(o, "requests from other sites are refused"),
		csp: strings.Join([]string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
			"form-action " + strings.Join(append([]string{"'self'"}, o.FormTargets...), " "), "frame-ancestors 'none'", "base-uri 'none'"}, "; ")}
	m.sessions = newSessions(o, func(w http.ResponseWriter, r *http.Request, err error) {
		o.Logger.Error("a session could not be read or kept", "id", w.Header().Get(RequestIDHeader), "error", err)
		m.refuse(w, r, http.StatusServiceUnavailable, &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "sessions cannot be read at the moment", Hint: "try again"})
	})
	for _, row := range Table() {
		m.table[row.Pattern] = row
	}
	m.mux.Handle("/", http.HandlerFunc(m.unknown))
	m.outer = m.protect(m.mux)
	return m
}

// Handle registers a handler. It panics where the pattern is not in the table, or is there
// twice: that is a fault of the program, found when it starts.
func (m *Mux) Handle(pattern string, h http.Handler) {
	row, ok := m.table[pattern]
	if !ok || m.seen[pattern] {
		panic(fmt.Sprintf("the route %q is not in the table of routes, or registered twice", pattern))
	}
	m.seen[pattern] = true
	m.mux.Handle(pattern, m.guard(row, h))
}

// HandleFunc registers a function.
func (m *Mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// Complete returns an error that names the routes of the table without a handler.
func (m *Mux) Complete() error {
	var missing []string
	for pattern := range m.table {
		if !m.seen[pattern] {
			missing = append(missing, pattern)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return errors.New("routes without a handler: " + strings.Join(missing, ", "))
}

// Handler returns the desk's handler, which is the mux itself.
func (m *Mux) Handler() http.Handler { return m }

// ServeHTTP implements [http.Handler]: request ids and security headers, then protection
// against forged requests from other sites, then the routes.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.outer.ServeHTTP(w, r) }

func (m *Mux) protect(next http.Handler) http.Handler {
	forged := http.NewCrossOriginProtection()
	if m.o.PublicURL != nil {
		// A proxy may ask for another host than the browser did.
		if err := forged.AddTrustedOrigin(m.o.PublicURL.Scheme + "://" + m.o.PublicURL.Host); err != nil {
			m.o.Logger.Warn("the public URL is no origin", "error", err)
		}
	}
	forged.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.forged.say("id", w.Header().Get(RequestIDHeader), "path", LogPath(r))
		m.refuse(w, r, http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden, Message: "the request came from another site", Hint: "open the desk's own page and try again"})
	}))
	inner := forged.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(RequestIDHeader, rand.Text())
		h.Set("Content-Security-Policy", m.csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if m.o.PublicURL != nil && m.o.PublicURL.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if m.o.Dev && !fromHere(r) {
			m.forged.say("id", h.Get(RequestIDHeader), "host", r.Host)
			m.refuse(w, r, http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden, Message: "with --dev the desk answers to this machine's own name only", Hint: "open it as http://127.0.0.1 or http://localhost with its port"})
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func (m *Mux) unknown(w http.ResponseWriter, r *http.Request) {
	m.refuse(w, r, http.StatusNotFound, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such page", Hint: "begin at the queue"})
}

// guard lets those through whom a route names.
func (m *Mux) guard(row Route, h http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := m.identify(r, row)
		if err != nil {
			m.refuse(w, r, statusOf(err), err)
			return
		}
		if !row.Admits(who) {
			m.turnAway(w, r, row, who)
			return
		}
		if !row.Public || row.signsIn() {
			w.Header().Set("Cache-Control", "no-store")
		}
		r = r.WithContext(With(r.Context(), who))
		if r.ContentLength > row.bound() {
			m.refuse(w, r, http.StatusRequestEntityTooLarge, &pipeline.Error{Code: pipeline.CodeOverLimit,
				Message: fmt.Sprintf("the request is larger than the %d MiB that are taken here", row.bound()>>20), Hint: "send less"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, row.bound())
		h.ServeHTTP(w, r)
	})
	loaded := m.sessions.LoadAndSave(inner)
	switch {
	case row.signsIn():
		return loaded
	case row.Link, row.Public:
		return inner
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bears(r) {
			inner.ServeHTTP(w, r) // who shows a token has no rights of a cookie
			return
		}
		if row.Quiet {
			r = r.WithContext(quietly(r.Context()))
		}
		loaded.ServeHTTP(w, r)
	})
}

// bears reports whether a request says by itself who asks, in whatever way.
func bears(r *http.Request) bool { return len(r.Header.Values("Authorization")) > 0 }

// identify finds out who asks.
func (m *Mux) identify(r *http.Request, row Route) (Identity, error) {
	switch {
	case row.Public:
		return Identity{}, nil
	case row.Link:
		return m.byLink(r)
	case bears(r):
		return m.byToken(r)
	case m.o.Dev:
		return Identity{Dev: true, Actor: pipeline.Actor{Name: m.o.DevName, Known: pipeline.KnownDev, Roles: pipeline.DeskRoles()}}, nil
	}
	return m.bySession(r.Context())
}

// turnAway answers somebody who may not, or who is not known.
func (m *Mux) turnAway(w http.ResponseWriter, r *http.Request, row Route, who Identity) {
	if who.Known() {
		m.o.Logger.Info("a request was refused", "id", w.Header().Get(RequestIDHeader), "actor", who.Actor.Name, "route", row.Pattern)
		m.refuse(w, r.WithContext(With(r.Context(), who)), http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden,
			Message: fmt.Sprintf("%s may not do this", who.Actor.Name), Hint: "it asks for one of the roles: " + roleList(row.Roles)})
		return
	}
	if !row.API() {
		if r.Header.Get("HX-Request") == "true" {
			// A part of a page is asked for: the whole page must go to the sign-in.
			w.Header().Set("HX-Redirect", signInPath(pageOf(r)))
		} else if r.Method == http.MethodGet || r.Method == http.MethodHead {
			http.Redirect(w, r, signInPath(r.URL.RequestURI()), http.StatusSeeOther) //nolint:gosec // the path is the desk's own, and the query is escaped
			return
		}
	}
	m.refuse(w, r, http.StatusUnauthorized, &pipeline.Error{Code: pipeline.CodeDenied, Message: "it is not known who asks", Hint: "sign in, or show a token"})
}

// signInPath is where to sign in, to go on at next.
func signInPath(next string) string { return "/sign-in?next=" + url.QueryEscape(LocalPath(next)) }

// pageOf is the page that asks for a part of itself.
func pageOf(r *http.Request) string {
	page, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil {
		return "/"
	}
	return page.RequestURI()
}

func roleList(roles []pipeline.ActorRole) string {
	var out []string
	for _, r := range roles {
		out = append(out, string(r))
	}
	return strings.Join(out, ", ")
}

func statusOf(err error) int {
	var slow limited
	switch {
	case errors.As(err, &slow):
		return http.StatusTooManyRequests
	case errors.Is(err, pipeline.ErrDenied):
		return http.StatusUnauthorized
	case errors.Is(err, pipeline.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, pipeline.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, pipeline.ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// refuse answers with a problem document, or a page.
func (m *Mux) refuse(w http.ResponseWriter, r *http.Request, status int, why error) {
	var slow limited
	if errors.As(why, &slow) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", slow.header())
		why = &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "too many wrong tries from this address", Hint: "wait a little, then try again"}
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="weighbridge"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusInternalServerError:
		m.o.Logger.Error("a caller could not be known", "id", w.Header().Get(RequestIDHeader), "error", why)
		why = &pipeline.Error{Code: pipeline.CodeInternal, Message: "something went wrong", Hint: "the log says what, under request " + w.Header().Get(RequestIDHeader)}
	}
	if strings.HasPrefix(r.URL.Path, apiPrefix) {
		Problem(w, status, why)
		return
	}
	m.o.Refused(w, r, status, why)
}

// Problem answers with a problem document (RFC 9457) that has the code and hint of the
// error. What is no [pipeline.Error] is not shown.
func Problem(w http.ResponseWriter, status int, why error) {
	doc := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status}
	var own *pipeline.Error
	if errors.As(why, &own) {
		doc["detail"], doc["code"] = own.Message, own.Code
		if own.Hint != "" {
			doc["hint"] = own.Hint
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// PlainRefusal answers in plain text.
func PlainRefusal(w http.ResponseWriter, _ *http.Request, status int, why error) {
	text := http.StatusText(status)
	var own *pipeline.Error
	if errors.As(why, &own) {
		text = own.Message + "\n" + own.Hint
	}
	http.Error(w, text, status)
}
