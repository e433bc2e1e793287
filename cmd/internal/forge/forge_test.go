package forge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/forge"
	"weighbridge/cmd/internal/forge/forgetest"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

const bot = "github-actions[bot]"

// server starts a stand-in that ends with the test.
func server(t *testing.T, s *forgetest.Server) *forgetest.Server {
	t.Helper()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// request names the stand-in's pull request.
func request(s *forgetest.Server, kind forge.Kind) forge.Request {
	r := forge.Request{Kind: kind, API: s.GitHub(), Project: forgetest.Project, Number: forgetest.Number, Token: forgetest.Token}
	if kind == forge.GitLab {
		r.API, r.Project = s.GitLab(), forgetest.ProjectID
	}
	return r
}

func put(t *testing.T, r forge.Request, body string) (forge.Outcome, error) {
	t.Helper()
	return forge.New(http.DefaultTransport, time.Millisecond).Put(t.Context(), r, body)
}

func TestPut(t *testing.T) {
	t.Parallel()
	marker := report.Marker("s3://staging/model/")
	tests := map[string]struct {
		me string // "" for a token that may not ask who it is
		// before puts comments there and returns the id of the one to be updated, 0 for
		// none.
		before func(s *forgetest.Server, me string) int64
	}{
		"first": {"", func(*forgetest.Server, string) int64 { return 0 }},
		"first, other comments": {"", func(s *forgetest.Server, _ string) int64 {
			s.Add("ann", "Looks good")
			s.Add(bot, "Another bot's words")
			return 0
		}},
		"update in place": {"", func(s *forgetest.Server, me string) int64 {
			s.Add("ann", "Looks good")
			id := s.Add(me, marker+"\nold")
			s.Add("ann", "And now?")
			return id
		}},
		"update, line ends of another system": {"", func(s *forgetest.Server, me string) int64 { return s.Add(me, marker+"\r\nold\r\n") }},
		"update on a later page": {"", func(s *forgetest.Server, me string) int64 {
			for i := range 250 {
				s.Add("ann", fmt.Sprint("comment ", i))
			}
			return s.Add(me, marker+"\nold")
		}},
		"exactly one page": {"", func(s *forgetest.Server, _ string) int64 {
			for i := range 100 {
				s.Add("ann", fmt.Sprint("comment ", i))
			}
			return 0
		}},
		"the oldest of two": {"rita", func(s *forgetest.Server, me string) int64 {
			id := s.Add(me, marker+"\nold")
			s.Add(me, marker+"\nolder still")
			return id
		}},
		"somebody else's marker": {"", func(s *forgetest.Server, _ string) int64 {
			s.Add("mallory", marker+"\nall is well")
			return 0
		}},
		"somebody else's marker first": {"rita", func(s *forgetest.Server, me string) int64 {
			s.Add("mallory", marker+"\nall is well")
			return s.Add(me, marker+"\nold")
		}},
		"a marker that is not at the start": {"rita", func(s *forgetest.Server, me string) int64 {
			s.Add(me, "Look at this:\n"+marker+"\nold")
			s.Add(me, " "+marker)
			s.Add(me, marker+" and more")
			return 0
		}},
		"another source": {"rita", func(s *forgetest.Server, me string) int64 {
			s.Add(me, report.Marker("s3://staging/model-2/")+"\nold")
			s.Add(me, report.Marker("s3://staging/")+"\nold")
			return 0
		}},
		"a name in other case": {"Rita", func(s *forgetest.Server, _ string) int64 { return s.Add("rita", marker+"\nold") }},
		"written by the forge itself": {"rita", func(s *forgetest.Server, me string) int64 {
			s.AddSystem(me, marker+"\nchanged the title")
			return 0
		}},
		"the forge is unwell": {"rita", func(s *forgetest.Server, me string) int64 {
			s.Unwell = 2
			return s.Add(me, marker+"\nold")
		}},
	}
	for name, test := range tests {
		for _, kind := range []forge.Kind{forge.GitHub, forge.GitLab} {
			t.Run(name+", "+string(kind), func(t *testing.T) {
				t.Parallel()
				me := test.me
				if me == "" && kind == forge.GitLab {
					me = "project_42_bot" // GitLab always tells
				}
				s := server(t, &forgetest.Server{Me: me})
				if me == "" {
					me = bot
				}
				wanted := test.before(s, me)
				before := s.Comments()
				body := marker + "\n## New\n`\"quotes\"` \\ 模型\n"
				outcome, err := put(t, request(s, kind), body)
				require.NoError(t, err)
				require.Empty(t, s.Faults())
				after := s.Comments()
				if wanted == 0 {
					require.Equal(t, forge.Created, outcome)
					require.Len(t, after, len(before)+1)
					require.Equal(t, before, after[:len(before)], "nothing else is touched")
					require.Equal(t, body, after[len(before)].Body)
				} else {
					require.Equal(t, forge.Updated, outcome)
					require.Len(t, after, len(before))
					for i, c := range after {
						if c.ID == wanted {
							require.Equal(t, body, c.Body)
							continue
						}
						require.Equal(t, before[i], c, "nothing else is touched")
					}
				}
				// A second time there is nothing but an update.
				outcome, err = put(t, request(s, kind), body)
				require.NoError(t, err)
				require.Equal(t, forge.Updated, outcome)
				require.Len(t, s.Comments(), len(after))
			})
		}
	}
}

func TestPut_AuthorIsNamed(t *testing.T) {
	t.Parallel()
	marker := report.Marker("s3://b/m/")
	s := server(t, &forgetest.Server{})
	id := s.Add("release-app[bot]", marker+"\nold")
	r := request(s, forge.GitHub)
	r.Author = "release-app[bot]"
	outcome, err := put(t, r, marker+"\nnew")
	require.NoError(t, err)
	require.Equal(t, forge.Updated, outcome)
	require.Equal(t, []forgetest.Comment{{ID: id, By: r.Author, Body: marker + "\nnew"}}, s.Comments())
}

func TestPut_Refused(t *testing.T) {
	t.Parallel()
	body := report.Marker("s3://b/m/") + "\ntext"
	tests := map[string]struct {
		server *forgetest.Server
		change func(*forge.Request)
		body   string
		want   error
	}{
		"may not write":               {&forgetest.Server{Me: "rita", Refuse: 403}, nil, body, pipeline.ErrDenied},
		"wrong token":                 {&forgetest.Server{Me: "rita"}, func(r *forge.Request) { r.Token = "other" }, body, pipeline.ErrDenied},
		"no such pull request":        {&forgetest.Server{Me: "rita"}, func(r *forge.Request) { r.Number = "8" }, body, pipeline.ErrNotFound},
		"invalid for the forge":       {&forgetest.Server{Me: "rita", Refuse: 422}, nil, body, pipeline.ErrProtocol},
		"moved":                       {&forgetest.Server{Me: "rita", Refuse: 307}, nil, body, pipeline.ErrProtocol},
		"unwell for long":             {&forgetest.Server{Me: "rita", Unwell: 99}, nil, body, pipeline.ErrUnavailable},
		"writing is not tried twice":  {&forgetest.Server{Me: "rita", Refuse: 503}, nil, body, pipeline.ErrUnavailable},
		"no marker":                   {&forgetest.Server{Me: "rita"}, nil, "text", pipeline.ErrUsage},
		"too long":                    {&forgetest.Server{Me: "rita"}, nil, body + strings.Repeat("a", 65_000), pipeline.ErrUsage},
		"no token":                    {&forgetest.Server{}, func(r *forge.Request) { r.Token = "" }, body, pipeline.ErrUsage},
		"a token with a line feed":    {&forgetest.Server{}, func(r *forge.Request) { r.Token = "a\r\nX: y" }, body, pipeline.ErrUsage},
		"a project that leads away":   {&forgetest.Server{}, func(r *forge.Request) { r.Project = "owner/.." }, body, pipeline.ErrUsage},
		"a project with a query":      {&forgetest.Server{}, func(r *forge.Request) { r.Project = "owner/a?b" }, body, pipeline.ErrUsage},
		"a number that is none":       {&forgetest.Server{}, func(r *forge.Request) { r.Number = "7/../8" }, body, pipeline.ErrUsage},
		"an address that is none":     {&forgetest.Server{}, func(r *forge.Request) { r.API = "file:///etc" }, body, pipeline.ErrUsage},
		"an address with credentials": {&forgetest.Server{}, func(r *forge.Request) { r.API = "https://user:pass@127.0.0.1/" }, body, pipeline.ErrUsage},
		"another forge":               {&forgetest.Server{}, func(r *forge.Request) { r.Kind = "other" }, body, pipeline.ErrUsage},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, test.server)
			r := request(s, forge.GitHub)
			if test.change != nil {
				test.change(&r)
			}
			_, err := put(t, r, test.body)
			require.ErrorIs(t, err, test.want)
			require.NotContains(t, err.Error(), forgetest.Token)
			require.Empty(t, s.Comments())
		})
	}
}

// GitLab tells every token whom it belongs to; where it does not, nothing is guessed.
func TestPut_GitLabThatDoesNotTellWhoWrites(t *testing.T) {
	t.Parallel()
	s := server(t, &forgetest.Server{})
	_, err := put(t, request(s, forge.GitLab), report.Marker("s3://b/m/")+"\ntext")
	require.ErrorIs(t, err, pipeline.ErrDenied)
	require.Empty(t, s.Comments())
}

// TestPut_OddAnswers serves what no forge should.
func TestPut_OddAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer string
		want   error
	}{
		"no JSON":         {"<html>", pipeline.ErrProtocol},
		"an object":       {`{"message":"hello"}`, pipeline.ErrProtocol},
		"cut":             {`[{"id":1,`, pipeline.ErrProtocol},
		"endless comment": {"", pipeline.ErrOverLimit}, // more pages than are read
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full := "[" + strings.TrimSuffix(strings.Repeat(`{"id":1,"body":"a","user":{"login":"a"}},`, 100), ",") + "]"
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/user":
					_, _ = w.Write([]byte(`{"login":"rita"}`))
				case test.answer == "":
					_, _ = w.Write([]byte(full))
				default:
					_, _ = w.Write([]byte(test.answer))
				}
			}))
			t.Cleanup(h.Close)
			r := forge.Request{Kind: forge.GitHub, API: h.URL, Project: "o/n", Number: "1", Token: "t"}
			_, err := put(t, r, report.Marker("s3://b/m/")+"\ntext")
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestPut_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := server(t, &forgetest.Server{Me: "rita", Unwell: 99})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := forge.New(http.DefaultTransport, time.Hour).Put(ctx, request(s, forge.GitHub), report.Marker("s3://b/m/")+"\ntext")
	require.ErrorIs(t, err, context.Canceled)
}
