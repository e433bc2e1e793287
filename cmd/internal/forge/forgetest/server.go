// Package forgetest is a small stand-in for the comment APIs of GitHub and GitLab, for tests
// of what posts comments. It keeps comments in memory and holds requests to what the two
// APIs ask for: method, path, token header and JSON.
package forgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
)

// What the stand-in knows: one project, one pull request, one token.
const (
	Project = "owner/model"
	// ProjectID is the number of the project in GitLab.
	ProjectID = "42"
	Number    = "7"
	Token     = "test-token_1"
)

// Comment is a comment as it stands.
type Comment struct {
	ID     int64
	By     string
	Body   string
	System bool
}

// Server serves both APIs. Its fields are set before the first request.
type Server struct {
	// Me is whom the token belongs to; "" for a token that may not ask, as a workflow's.
	Me string
	// Refuse is the status of every request that writes, 0 to serve them.
	Refuse int
	// Unwell is how many requests that read are answered with 503 first.
	Unwell int

	http *httptest.Server

	mu       sync.Mutex
	comments []Comment
	next     int64
	faults   []string
	reads    int
}

// Start starts serving; Close ends it.
func (s *Server) Start() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /user", s.user("Authorization", "Bearer "+Token, "login"))
	mux.HandleFunc("GET /repos/owner/model/issues/7/comments", s.github(s.list("user", "login")))
	mux.HandleFunc("POST /repos/owner/model/issues/7/comments", s.github(s.create))
	mux.HandleFunc("PATCH /repos/owner/model/issues/comments/{id}", s.github(s.update))
	mux.HandleFunc("GET /api/v4/user", s.user("PRIVATE-TOKEN", Token, "username"))
	mux.HandleFunc("GET /api/v4/projects/42/merge_requests/7/notes", s.gitlab(s.list("author", "username")))
	mux.HandleFunc("POST /api/v4/projects/42/merge_requests/7/notes", s.gitlab(s.create))
	mux.HandleFunc("PUT /api/v4/projects/42/merge_requests/7/notes/{id}", s.gitlab(s.update))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fault("%s %s is no request of either API", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	})
	s.http = httptest.NewServer(mux)
}

// Close ends the server.
func (s *Server) Close() { s.http.Close() }

// GitHub is the address of the API of GitHub, GitLab that of GitLab.
func (s *Server) GitHub() string { return s.http.URL }

// GitLab is the address of the API of GitLab.
func (s *Server) GitLab() string { return s.http.URL + "/api/v4" }

// Add puts a comment below those that are there and returns its id.
func (s *Server) Add(by, body string) int64 { return s.add(Comment{By: by, Body: body}) }

// AddSystem puts a comment that GitLab itself wrote.
func (s *Server) AddSystem(by, body string) int64 {
	return s.add(Comment{By: by, Body: body, System: true})
}

func (s *Server) add(c Comment) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	c.ID = s.next
	s.comments = append(s.comments, c)
	return c.ID
}

// Comments returns all comments, the oldest first.
func (s *Server) Comments() []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Comment{}, s.comments...)
}

// Faults lists the requests that neither API would have understood.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.faults...)
}

func (s *Server) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *Server) user(header, token, key string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(header) != token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.Me == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reply(w, http.StatusOK, map[string]any{"id": 1, key: s.Me})
	}
}

func (s *Server) github(next http.HandlerFunc) http.HandlerFunc {
	return s.guarded(next, "Authorization", "Bearer "+Token)
}

func (s *Server) gitlab(next http.HandlerFunc) http.HandlerFunc {
	return s.guarded(next, "PRIVATE-TOKEN", Token)
}

func (s *Server) guarded(next http.HandlerFunc, header, token string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(header) != token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodGet {
			if s.Refuse != 0 {
				w.WriteHeader(s.Refuse)
				return
			}
			if r.Header.Get("Content-Type") != "application/json" {
				s.fault("%s without JSON", r.Method)
			}
		}
		next(w, r)
	}
}

// list serves a page, twenty comments unless more are asked for, a hundred at most.
func (s *Server) list(author, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reads++
		if s.reads <= s.Unwell {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		page, size := number(r, "page", 1), min(number(r, "per_page", 20), 100)
		out := []map[string]any{}
		for i := (page - 1) * size; i < min(page*size, len(s.comments)); i++ {
			c := s.comments[i]
			out = append(out, map[string]any{"id": c.ID, "body": c.Body, "system": c.System, author: map[string]any{"id": 9, name: c.By}})
		}
		reply(w, http.StatusOK, out)
	}
}

func number(r *http.Request, key string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(key)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r)
	if !ok {
		return
	}
	by := s.Me
	if by == "" {
		by = "github-actions[bot]"
	}
	reply(w, http.StatusCreated, map[string]any{"id": s.Add(by, body)})
}

func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.comments {
		if strconv.FormatInt(s.comments[i].ID, 10) == r.PathValue("id") {
			s.comments[i].Body = body
			reply(w, http.StatusOK, map[string]any{"id": s.comments[i].ID})
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

func (s *Server) body(w http.ResponseWriter, r *http.Request) (string, bool) {
	var sent struct {
		Body string `json:"body"`
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || strings.TrimSpace(sent.Body) == "" {
		s.fault("%s without a body", r.Method)
		w.WriteHeader(http.StatusUnprocessableEntity)
		return "", false
	}
	return sent.Body, true
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
