package webui

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

// checkRoutes are those of checks that were asked for.
func (s *Site) checkRoutes() []route {
	return []route{{"GET /checks", s.listChecks}, {"GET /checks/{id}", s.showCheck}}
}

// checksPage lists checks, the newest first.
type checksPage struct {
	Checks []pipeline.Check
	// All is true where those of everybody are shown; Active where only those that have
	// not ended.
	All, Active bool
	// First and Next lead to the first and the next page, "" where there is none.
	First, Next string
}

const checksPerPage = 100

func (s *Site) listChecks(w http.ResponseWriter, r *http.Request) error {
	who, q := access.Of(r.Context()), r.URL.Query()
	p := checksPage{All: who.Sees() && q.Get("by") != "me", Active: q.Get("active") != ""}
	filter := pipeline.CheckFilter{Active: p.Active, Cursor: q.Get(keyCursor), Limit: checksPerPage}
	if !p.All {
		filter.By = who.Actor.Name
	}
	page, err := s.service.Queue.DB.Checks(r.Context(), filter)
	if err != nil {
		return err
	}
	p.Checks = page.Items
	p.First, p.Next = pagerOf(r, "/checks", page.Next)
	return s.render(w, r, http.StatusOK, "checks", p)
}

// pagerOf returns the links to the first and the next page of the list at a path, "" where
// there is none. After a form was sent, the list is at its first page.
func pagerOf(r *http.Request, path, next string) (first, following string) {
	q := url.Values{}
	if r.Method == http.MethodGet {
		q = r.URL.Query()
	}
	at := func(cursor string) string {
		q.Del(keyCursor)
		if cursor != "" {
			q.Set(keyCursor, cursor)
		}
		return (&url.URL{Path: path, RawQuery: q.Encode()}).String()
	}
	if q.Get(keyCursor) != "" {
		first = at("")
	}
	if next != "" {
		following = at(next)
	}
	return first, following
}

// checkPage is one check.
type checkPage struct {
	pipeline.Check
	// Percent is how far it is, from 0 to 100; -1 where that is not known yet.
	Percent int
	Again   string
	// Path is the page, Poll where the part that changes is asked for.
	Path, Poll string
}

// seen names what a page shows of a check, so that what has not changed is not sent again:
// a reader of screens is told every twentieth part, and not every second.
func (p checkPage) seen() string { return fmt.Sprintf("%s-%d-%d", p.State, p.Attempt, p.Percent/5) }

func (s *Site) showCheck(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return noCheck()
	}
	c, err := s.service.Queue.DB.CheckByID(r.Context(), id)
	if err != nil {
		return err
	}
	if who := access.Of(r.Context()); !who.Sees() && !who.Actor.Same(c.By) {
		return noCheck()
	}
	p := checkOf(c)
	p.Path = "/checks/" + id.String()
	p.Poll = p.Path + "?seen=" + p.seen()
	if partial(r) && r.URL.Query().Get("seen") == p.seen() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if partial(r) {
		return s.fragment(w, r, "check", "progress", p)
	}
	return s.render(w, r, http.StatusOK, "check", p)
}

func noCheck() error {
	return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such check", Hint: "look for it among your checks"}
}

// checkOf tells how far a check is. Where it hashes, bytes tell; else objects that were
// inspected.
func checkOf(c pipeline.Check) checkPage {
	p := checkPage{Check: c, Percent: -1, Again: "/submit?from=" + c.ID.String()}
	switch {
	case c.State == pipeline.CheckDone:
		p.Percent = 100
	case c.Bytes > 0:
		p.Percent = percentOf(c.Hashed, c.Bytes)
	case c.Objects > 0:
		p.Percent = percentOf(c.Inspected, c.Objects)
	}
	return p
}

// percentOf is a part of a whole in whole per cent, below a hundred until it is done.
func percentOf(part, whole int64) int {
	if part <= 0 || whole <= 0 {
		return 0
	}
	return int(min(99*(float64(part)/float64(whole)), 99))
}
