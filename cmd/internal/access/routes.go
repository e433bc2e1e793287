package access

import (
	"slices"
	"strings"

	"weighbridge/pipeline"
)

// Route is one row of the table.
type Route struct {
	// Pattern is as [http.ServeMux] takes it: method, space, path.
	Pattern string
	// Roles may use it; one is enough.
	Roles []pipeline.ActorRole
	// Any lets everybody in who is known, with any role or none.
	Any bool
	// Public asks nobody who they are.
	Public bool
	// Link asks for a link to one case, and for nothing else.
	Link bool
	// Own tells that a submitter sees only what they submitted. The handler holds it.
	Own bool
	// Quiet routes are asked by pages, not by people: they do not make a session last
	// longer.
	Quiet bool
	// Body is the largest body in bytes, 1 MiB where it is 0.
	Body int64
}

// API reports whether programs are answered, with problem documents.
func (r Route) API() bool { return strings.Contains(r.Pattern, " "+apiPrefix) }

// apiPrefix begins the paths of the API.
const apiPrefix = "/api/v1/"

// The sizes of bodies.
const (
	bodyDefault = 1 << 20
	// bodyFiles leaves room for the largest evidence file and the words around it, or for
	// several smaller ones: 26 MiB.
	bodyFiles = pipeline.ExhibitMax + 1<<20
)

// Table returns every route of the desk with who may use it.
func Table() []Route {
	const (
		s = pipeline.RoleSubmitter
		r = pipeline.RoleReviewer
		l = pipeline.RoleLegal
		a = pipeline.RoleAuditor
		d = pipeline.RoleAdmin
	)
	type roles = []pipeline.ActorRole
	all := pipeline.DeskRoles()
	deciders := roles{r, l}
	var table []Route
	add := func(row Route, patterns ...string) {
		for _, p := range patterns {
			row.Pattern = p
			table = append(table, row)
		}
	}
	api := func(method, path string) string { return method + " " + apiPrefix + path }

	add(Route{Public: true}, "GET /healthz", "GET /readyz", "GET /metrics", api("GET", "openapi.json"), "GET /static/",
		"GET /sign-in", "GET /sign-in/start", "GET /sign-in/callback", "POST /language")
	add(Route{Link: true}, "GET /answer/{secret}")
	add(Route{Link: true, Body: bodyFiles}, "POST /answer/{secret}")
	add(Route{Any: true}, "GET /{$}", "POST /sign-out", api("GET", "me"))

	// Pages.
	add(Route{Roles: all, Own: true}, "GET /queue", "GET /cases/{id}", "GET /cases/{id}/file", "GET /cases/{id}/object",
		"GET /cases/{id}/report", "GET /exhibits/{id}", "GET /checks", "GET /checks/{id}")
	add(Route{Roles: all, Own: true, Quiet: true}, "GET /queue/count")
	add(Route{Roles: deciders}, "POST /queue/decide", "POST /cases/{id}/claim", "POST /cases/{id}/release", "POST /cases/{id}/decisions")
	add(Route{Roles: roles{r, l, d}}, "POST /cases/{id}/assign", "POST /cases/{id}/links", "POST /cases/{id}/links/end", "POST /packs/preview")
	add(Route{Roles: roles{s, r, l}, Own: true}, "POST /cases/{id}/comments")
	add(Route{Roles: roles{s, r, l}, Own: true, Body: bodyFiles}, "POST /cases/{id}/exhibits")
	add(Route{Roles: roles{s, r, l, d}, Own: true}, "POST /cases/{id}/revoke")
	add(Route{Roles: roles{s}, Own: true, Body: bodyFiles}, "POST /cases/{id}/answer")
	add(Route{Roles: roles{s, r, l}}, "GET /submit", "POST /submit")
	add(Route{Roles: all}, "GET /packs", "GET /packs/{name}")
	add(Route{Roles: roles{r, l, a, d}}, "GET /audit", "GET /overview", "GET /exceptions")
	add(Route{Roles: roles{a, d}}, "GET /audit/export", "POST /audit/verify", "GET /notices")
	add(Route{Roles: roles{l, d}}, "POST /exceptions", "POST /exceptions/{id}/end")
	add(Route{Roles: roles{d}}, "POST /notices/{id}/retry")
	add(Route{Any: true}, "GET /tokens", "POST /tokens", "POST /tokens/{id}/revoke")

	// API.
	add(Route{Roles: all, Own: true}, api("GET", "checks"), api("GET", "checks/{id}"), api("GET", "cases"), api("GET", "cases.jsonl"),
		api("GET", "cases/{id}"), api("GET", "cases/{id}/report"), api("GET", "cases/{id}/approval"), api("GET", "exhibits/{id}"))
	add(Route{Roles: roles{s, r, l}}, api("POST", "checks"))
	add(Route{Roles: deciders}, api("POST", "cases/{id}/claim"), api("POST", "cases/{id}/release"), api("POST", "cases/{id}/decisions"))
	add(Route{Roles: roles{r, l, d}}, api("POST", "cases/{id}/assign"), api("POST", "cases/{id}/links"), api("POST", "cases/{id}/links/end"))
	add(Route{Roles: roles{s, r, l}, Own: true}, api("POST", "cases/{id}/comments"))
	add(Route{Roles: roles{s, r, l}, Own: true, Body: bodyFiles}, api("POST", "cases/{id}/exhibits"))
	add(Route{Roles: roles{s, r, l, d}, Own: true}, api("POST", "cases/{id}/revoke"))
	add(Route{Roles: roles{s}, Own: true, Body: bodyFiles}, api("POST", "cases/{id}/answers"))
	add(Route{Roles: all}, api("GET", "artifacts/{digest}/status"), api("POST", "rulings"), api("GET", "packs"))
	add(Route{Roles: roles{r, l, a, d}}, api("GET", "audit"), api("GET", "audit.jsonl"), api("GET", "audit/head"), api("GET", "counts"), api("GET", "exceptions"))
	add(Route{Roles: roles{l, d}}, api("POST", "exceptions"), api("POST", "exceptions/{id}/end"))
	add(Route{Any: true}, api("GET", "tokens"), api("POST", "tokens"), api("POST", "tokens/{id}/revoke"))
	add(Route{Roles: roles{a, d}}, api("GET", "deliveries"))
	add(Route{Roles: roles{d}}, api("POST", "deliveries/{id}/retry"), api("POST", "rejudge"))
	slices.SortStableFunc(table, func(x, y Route) int { return strings.Compare(x.path(), y.path()) })
	return table
}

// path is the pattern without its method.
func (r Route) path() string {
	_, p, _ := strings.Cut(r.Pattern, " ")
	return p
}

// signsIn reports whether the route is a step of signing in: nobody is known yet, and the
// browser's session holds what it began with.
func (r Route) signsIn() bool { return r.Public && strings.HasPrefix(r.path(), "/sign-in/") }

// bound is the largest body in bytes.
func (r Route) bound() int64 {
	if r.Body == 0 {
		return bodyDefault
	}
	return r.Body
}

// Admits reports whether somebody may use the route, as far as roles decide it.
func (r Route) Admits(who Identity) bool {
	switch {
	case r.Public:
		return true
	case r.Link:
		return who.Link != nil
	case r.Any:
		return who.Known() && who.Link == nil
	}
	return who.Known() && who.Link == nil && who.Actor.HasAny(r.Roles...)
}
