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

	"github.com/hashicorp/go-hclog"

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
	Logger   hclog.Logger
	Now      func() time.Time
	// PublicURL is how browsers reach the desk: scheme, host and port.
	PublicURL *url.URL
	// Dev signs one person in, DevName, on this machine only.
	Dev     bool
	DevName string
	// Proxies are asked for the client's address.
	Proxies Proxies
	// Refused answers for pages, [PlainRefusal] where it is nil.
	Refused Refused
	// Local are further sources of forms that a browser may be sent to: the identity
	// provider's, as scheme and host.
	FormTargets []string
}

// Mux lets callers through to handlers. Register every route of [Table], then ask
// [Mux.Complete].
type Mux struct {
	o        Options
	mux      *http.ServeMux
	table    map[string]Route
	seen     map[string]bool
	sessions *sessions
	failures *limiter
	starts   *limiter
	csp      string
}

// NewMux returns a mux without handlers.
func NewMux(o Options) *Mux {
	if o.Refused == nil {
		o.Refused = PlainRefusal
	}
	m := &Mux{o: o, mux: http.NewServeMux(), table: map[string]Route{}, seen: map[string]bool{}, sessions: newSessions(o),
		failures: newLimiter(o.Now, failureRate, failureBurst, failureTotal), starts: newLimiter(o.Now, startRate, startBurst, startTotal),
		csp: strings.Join([]string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
			"form-action " + strings.Join(append([]string{"'self'"}, o.FormTargets...), " "), "frame-ancestors 'none'", "base-uri 'none'"}, "; ")}
	for _, row := range Table() {
		m.table[row.Pattern] = row
	}
	m.mux.Handle("/", http.HandlerFunc(m.unknown))
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

// ServeHTTP serves without what [Mux.Handler] puts around; adapters of routers ask for it.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handler returns the desk's handler: request ids and security headers, then protection
// against forged requests from other sites, then the routes.
func (m *Mux) Handler() http.Handler {
	forged := http.NewCrossOriginProtection()
	if m.o.PublicURL != nil {
		// A proxy may ask for another host than the browser did.
		if err := forged.AddTrustedOrigin(m.o.PublicURL.Scheme + "://" + m.o.PublicURL.Host); err != nil {
			m.o.Logger.Warn("the public URL is no origin", "error", err)
		}
	}
	forged.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.o.Logger.Info("a request from another site was refused", "id", w.Header().Get(RequestIDHeader), "path", LogPath(r))
		m.refuse(w, r, http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden, Message: "the request came from another site", Hint: "open the desk's own page and try again"})
	}))
	next := forged.Handler(m.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(RequestIDHeader, rand.Text())
		h.Set("Content-Security-Policy", m.csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if m.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if m.o.Dev && !localHost(r) {
			m.refuse(w, r, http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden, Message: "with --dev the desk answers to this machine's own name only", Hint: "open it as http://127.0.0.1 or http://localhost with its port"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (m *Mux) secure() bool { return m.o.PublicURL != nil && m.o.PublicURL.Scheme == "https" }

func (m *Mux) unknown(w http.ResponseWriter, r *http.Request) {
	m.refuse(w, r, http.StatusNotFound, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such page", Hint: "begin at the queue"})
}

// guard lets those through whom a route names.
func (m *Mux) guard(row Route, h http.Handler) http.Handler {
	limit := row.Body
	if limit == 0 {
		limit = bodyDefault
	}
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
		if !row.Public {
			w.Header().Set("Cache-Control", "no-store")
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		h.ServeHTTP(w, r.WithContext(With(r.Context(), who)))
	})
	if row.Link || row.Public && !strings.HasPrefix(path(row.Pattern), "/sign-in/") {
		return inner
	}
	loaded := m.sessions.LoadAndSave(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			inner.ServeHTTP(w, r) // who shows a token has no rights of a cookie
			return
		}
		loaded.ServeHTTP(w, r)
	})
}

// identify finds out who asks.
func (m *Mux) identify(r *http.Request, row Route) (Identity, error) {
	switch {
	case row.Public:
		return Identity{}, nil
	case row.Link:
		return m.byLink(r)
	case r.Header.Get("Authorization") != "":
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
		m.refuse(w, r, http.StatusForbidden, &pipeline.Error{Code: pipeline.CodeForbidden,
			Message: fmt.Sprintf("%s may not do this", who.Actor.Name), Hint: "it asks for one of the roles: " + roleList(row.Roles)})
		return
	}
	if !row.API() && r.Method == http.MethodGet {
		http.Redirect(w, r, "/sign-in?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="weighbridge"`)
	m.refuse(w, r, http.StatusUnauthorized, &pipeline.Error{Code: pipeline.CodeDenied, Message: "it is not known who asks", Hint: "sign in, or show a token"})
}

func roleList(roles []pipeline.ActorRole) string {
	var out []string
	for _, r := range roles {
		out = append(out, string(r))
	}
	return strings.Join(out, ", ")
}

// limited is a refusal for having asked too often.
type limited struct{ after time.Duration }

// Error says what happened.
func (limited) Error() string { return "too many requests" }

func statusOf(err error) int {
	var slow limited
	switch {
	case errors.As(err, &slow):
		return http.StatusTooManyRequests
	case errors.Is(err, pipeline.ErrDenied):
		return http.StatusUnauthorized
	case errors.Is(err, pipeline.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, pipeline.ErrForbidden), errors.Is(err, pipeline.ErrConflict):
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
		w.Header().Set("Retry-After", fmt.Sprint(int(slow.after.Seconds())+1))
		why = &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "too many wrong tries from this address", Hint: "wait a little, then try again"}
	}
	if status == http.StatusInternalServerError {
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

// LogPath returns the path of a request for a log, without what is secret in it.
func LogPath(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, answerPrefix) {
		return answerPrefix + "…"
	}
	return r.URL.Path
}

const answerPrefix = "/answer/"
