package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/client"
	"weighbridge/pipeline"
)

const token = "wb_a-token-that-must-not-show_00000000"

// asker returns a client of a server that answers as the handler does.
func asker(t *testing.T, h http.HandlerFunc) (*client.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Server: server.URL, Token: token, Agent: "weighbridge/test", Poll: time.Millisecond})
	require.NoError(t, err)
	return c, server
}

func answer(w http.ResponseWriter, status int, media, body string) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func problem(w http.ResponseWriter, status int, body string) {
	answer(w, status, "application/problem+json", body)
}

const emptyPage = `{"items":[],"next":""}`

func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, server, token, want string
	}{
		{"TLS", "https://desk.example.org", token, ""},
		{"Port", "https://desk.example.org:8443/", token, ""},
		{"NoToken", "https://desk.example.org", "", ""},
		{"Loopback", "http://127.0.0.1:8080", token, ""},
		{"LoopbackByName", "http://localhost:8080", token, ""},
		{"LoopbackV6", "http://[::1]:8080", token, ""},
		{"Unencrypted", "http://desk.example.org", token, "without encryption"},
		{"LooksLikeLoopback", "http://localhost.example.org", token, "without encryption"},
		{"LooksLikeAnAddress", "http://127.0.0.1.example.org", token, "without encryption"},
		{"OtherScheme", "ftp://desk.example.org", token, "neither https nor http"},
		{"NoScheme", "desk.example.org", token, "no URL"},
		{"NoHost", "https://", token, "no URL"},
		{"PortAlone", "https://:8080", token, "no URL"},
		{"Nothing", "", token, "no URL"},
		{"Control", "https://desk\x00.example.org", token, "no URL"},
		{"Password", "https://sam:hunter2@desk.example.org", token, "name or a password"},
		{"Path", "https://desk.example.org/weigh", token, "more than scheme"},
		{"Query", "https://desk.example.org?hunter2", token, "more than scheme"},
		{"Fragment", "https://desk.example.org#hunter2", token, "more than scheme"},
		{"TokenOfTwoLines", "https://desk.example.org", "hunter2\nX-Other: 1", "the token is none"},
		{"TokenOfTwoWords", "https://desk.example.org", "hunter2 hunter3", "the token is none"},
		{"TokenOfOtherCharacters", "https://desk.example.org", "hunter2é", "the token is none"},
		{"LongToken", "https://desk.example.org", strings.Repeat("hunter2", 100), "the token is none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.New(client.Options{Server: test.server, Token: test.token})
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, pipeline.ErrUsage)
			require.ErrorContains(t, err, test.want)
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			require.NotContains(t, err.Error()+own.Hint, "hunter2")
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	c, _ := asker(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token, r.Header.Get("User-Agent") != "weighbridge/test":
			problem(w, http.StatusTeapot, `{"detail":"other headers"}`)
		case r.Header.Get("Idempotency-Key") != "", r.ContentLength > 0:
			problem(w, http.StatusTeapot, `{"detail":"it reads"}`)
		case r.URL.RequestURI() != "/api/v1/cases?cursor=a%26b&limit=7&source=s3%3A%2F%2Fb%2Fp%2F&state=open&state=claimed&text=x+y&verdict=review":
			problem(w, http.StatusTeapot, `{"detail":"another URI: `+r.URL.RequestURI()+`"}`)
		default:
			answer(w, http.StatusOK, "application/json; charset=utf-8", `{"items":[{"source":"s3://b/p/","version":3,"unknown":1}],"next":"z"}`)
		}
	})
	page, err := c.Cases(t.Context(), pipeline.CaseFilter{States: []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed},
		Verdicts: []pipeline.Verdict{pipeline.VerdictReview}, Source: "s3://b/p/", Text: "x y", Cursor: "a&b", Limit: 7})
	require.NoError(t, err)
	require.Equal(t, "z", page.Next)
	require.Len(t, page.Items, 1)
	require.Equal(t, int64(3), page.Items[0].Version)
}

// TestProblems holds what a desk refuses to the errors that commands tell and exit by.
// Every part of a filter reaches the desk: one that was left out would show more cases
// than were asked for.
func TestCases_SendsTheWholeFilter(t *testing.T) {
	t.Parallel()
	var sent url.Values
	c, _ := asker(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.URL.Query()
		answer(w, http.StatusOK, "application/json", emptyPage)
	})
	fields := reflect.TypeFor[pipeline.CaseFilter]()
	for i := range fields.NumField() {
		var f pipeline.CaseFilter
		switch at := reflect.ValueOf(&f).Elem().Field(i); at.Interface().(type) {
		case []pipeline.State:
			f.States = []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed}
		case []pipeline.Verdict:
			f.Verdicts = []pipeline.Verdict{pipeline.VerdictClear}
		case *int64:
			at.Set(reflect.ValueOf(new(int64)))
		case time.Time:
			at.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)))
		case int:
			at.SetInt(7)
		default:
			at.SetString("x")
		}
		_, err := c.Cases(t.Context(), f)
		require.NoError(t, err)
		require.Len(t, sent, 1, fields.Field(i).Name)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		status  int
		media   string
		body    string
		code    pipeline.Code
		message string
		hint    string
	}{
		{"Whole", 409, "application/problem+json", `{"type":"about:blank","title":"Conflict","detail":"somebody was first","code":"conflict","hint":"look again","version":4}`, "conflict", "somebody was first", "look again"},
		{"Transition", 409, "application/problem+json; charset=utf-8", `{"detail":"it is rejected","code":"illegal_transition"}`, "illegal_transition", "it is rejected", ""},
		{"NoCode", 422, "application/problem+json", `{"title":"Unprocessable Entity"}`, "invalid", "Unprocessable Entity", ""},
		{"OddCode", 404, "application/problem+json", `{"detail":"gone","code":"\u001b[31m"}`, "not_found", "gone", ""},
		{"NoToken", 401, "application/problem+json", `{"detail":"it is not known who asks","code":"denied","hint":"sign in"}`, "denied", "it is not known who asks", "--token-file"},
		{"NotAProblem", 404, "text/html", "<h1>nginx</h1>", "not_found", "status 404", ""},
		{"NotJSON", 500, "application/problem+json", "oops", "internal", "status 500", ""},
		{"JSONOfAnotherShape", 403, "application/problem+json", `["detail"]`, "forbidden", "status 403", ""},
		{"TooLarge", 413, "application/problem+json", `{"detail":"too much"}`, "over_limit", "too much", ""},
		{"Gateway", 502, "text/plain", "bad gateway", "unavailable", "status 502", ""},
		{"Wrong", 400, "application/problem+json", `{"detail":"what?"}`, "usage", "what?", ""},
		{"Found", 304, "text/plain", "", "internal", "status 304", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			c, _ := asker(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				answer(w, test.status, test.media, test.body)
			})
			_, err := c.Cases(t.Context(), pipeline.CaseFilter{})
			var own *pipeline.Error
			require.ErrorAs(t, err, &own)
			require.Equal(t, test.code, own.Code)
			require.Contains(t, own.Message, test.message)
			require.Contains(t, own.Hint, test.hint)
			require.EqualValues(t, 1, asked.Load(), "what is refused is not asked again")
			require.NotContains(t, fmt.Sprintf("%+v %s", err, own.Hint), token)
		})
	}
}

func TestProblem_IsBounded(t *testing.T) {
	t.Parallel()
	c, _ := asker(t, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, `{"detail":"`+strings.Repeat("é", 1<<14)+`"}`)
	})
	_, err := c.Cases(t.Context(), pipeline.CaseFilter{})
	require.ErrorIs(t, err, pipeline.ErrForbidden)
	require.Less(t, len(err.Error()), 3000)
}

// TestAnswers_ThatAreNone: what answers is no desk, or breaks off.
func TestAnswers_ThatAreNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		h    http.HandlerFunc
		is   error
	}{
		{"Page", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/html", "<p>Sign in") }, pipeline.ErrUnavailable},
		{"NoMedia", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "", emptyPage) }, pipeline.ErrUnavailable},
		{"NotJSON", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "{") }, pipeline.ErrUnavailable},
		{"OtherShape", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", `{"items":7}`) }, pipeline.ErrUnavailable},
		{"Nothing", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "") }, pipeline.ErrUnavailable},
		{"TooLongAsItSays", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000000")
			answer(w, 200, "application/json", "{")
		}, pipeline.ErrOverLimit},
		{"TooLong", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for range 70 << 4 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, pipeline.ErrOverLimit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := asker(t, test.h)
			_, err := c.Cases(t.Context(), pipeline.CaseFilter{})
			require.ErrorIs(t, err, test.is)
			require.NotContains(t, err.Error(), token)
		})
	}
}

// TestRetries: a desk that is busy is asked again, with the same key, as long as it says
// that that helps.
func TestRetries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		after  string
		// busy is how many answers are refusals.
		busy int64
		want int64
		code pipeline.Code
	}{
		{"Unavailable", 503, "0", 4, 5, ""},
		{"TooMany", 429, "0", 1, 2, ""},
		{"InThePast", 503, "Mon, 02 Jan 2006 15:04:05 GMT", 2, 3, ""},
		{"NotSaidWhen", 503, "", 1, 2, ""},
		{"Nonsense", 503, "soon", 1, 2, ""},
		{"ForGood", 503, "0", 99, 5, "unavailable"},
		{"TooLong", 503, "3600", 99, 1, "unavailable"},
		{"FarTooLong", 503, "99999999999999", 1, 2, ""},
		{"InFlight", 409, "0", 1, 2, ""},
		{"Conflict", 409, "", 99, 1, "conflict"},
		{"Fault", 500, "0", 99, 1, "internal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			var mu sync.Mutex
			keys, bodies := map[string]bool{}, map[string]bool{}
			c, _ := asker(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				keys[r.Header.Get("Idempotency-Key")], bodies[string(body)] = true, true
				mu.Unlock()
				if asked.Add(1) <= test.busy {
					if test.after != "" {
						w.Header().Set("Retry-After", test.after)
					}
					problem(w, test.status, `{"detail":"later"}`)
					return
				}
				answer(w, 202, "application/json", `{"id":"`+uuid.NewString()+`"}`)
			})
			_, err := c.Ask(t.Context(), client.Asked{Source: "s3://b/p/"})
			require.Equal(t, test.code, pipeline.ErrorCode(err))
			require.Equal(t, test.want, asked.Load())
			require.Len(t, keys, 1)
			require.NotContains(t, keys, "")
			require.Equal(t, map[string]bool{`{"source":"s3://b/p/"}`: true}, bodies)
		})
	}
}

// TestRetries_AfterTheAnswerWasLost: the desk did what it was asked, and the line broke.
func TestRetries_AfterTheAnswerWasLost(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	id := uuid.New()
	c, server := asker(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		answer(w, 202, "application/json", `{"id":"`+id.String()+`"}`)
	})
	check, err := c.Ask(t.Context(), client.Asked{Source: "s3://b/p/"})
	require.NoError(t, err)
	require.Equal(t, id, check.ID)

	server.Close()
	_, err = c.Cases(t.Context(), pipeline.CaseFilter{Text: "hunter2"})
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	require.ErrorContains(t, err, "does not answer")
	require.NotContains(t, err.Error(), "hunter2", "a URL of a request is not repeated")
}

func TestRetries_StopWithTheCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	c, _ := asker(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel(why)
		w.Header().Set("Retry-After", "30")
		problem(w, 503, `{}`)
	})
	_, err := c.Cases(ctx, pipeline.CaseFilter{})
	require.ErrorIs(t, err, why)
}

// TestToken_IsForTheDeskAlone: wherever the desk sends its callers, the token stays.
func TestToken_IsForTheDeskAlone(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		answer(w, 200, "application/json", emptyPage)
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			c, _ := asker(t, func(w http.ResponseWriter, r *http.Request) {
				to := other.URL + "/api/v1/cases"
				switch r.URL.Query().Get("text") {
				case "here":
					to = "/api/v1/elsewhere"
				case "scheme":
					to = "https://" + r.Host + "/api/v1/cases"
				case "round":
					to = r.URL.RequestURI()
				}
				if r.URL.Path == "/api/v1/elsewhere" {
					answer(w, 200, "application/json", emptyPage)
					return
				}
				http.Redirect(w, r, to, status)
			})
			_, err := c.Cases(t.Context(), pipeline.CaseFilter{Text: "here"})
			require.NoError(t, err, "the desk may move within itself")
			for _, text := range []string{"away", "scheme", "round"} {
				_, err = c.Cases(t.Context(), pipeline.CaseFilter{Text: text})
				require.ErrorIs(t, err, pipeline.ErrUnavailable, text)
				require.ErrorContains(t, err, "elsewhere", text)
			}
			_, err = c.Ask(t.Context(), client.Asked{Source: "s3://b/p/"})
			require.ErrorContains(t, err, "elsewhere", "nor is a request turned into another")
		})
	}
	t.Cleanup(func() { require.Zero(t, reached.Load()) })
}

func TestTLS_IsVerified(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		answer(w, 200, "application/json", emptyPage)
	}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Server: server.URL, Token: token})
	require.NoError(t, err)
	_, err = c.Cases(t.Context(), pipeline.CaseFilter{})
	require.ErrorIs(t, err, pipeline.ErrUnavailable)
	require.ErrorContains(t, err, "certificate")
	require.Zero(t, asked.Load())

	known, err := client.New(client.Options{Server: server.URL, Token: token, Transport: server.Client().Transport})
	require.NoError(t, err)
	_, err = known.Cases(t.Context(), pipeline.CaseFilter{})
	require.NoError(t, err)
}

func TestFollow(t *testing.T) {
	t.Parallel()
	of := uuid.New()
	tests := []struct {
		name   string
		states []string
		code   pipeline.Code
		want   string
	}{
		{"Done", []string{`{"state":"queued"}`, `{"state":"running","objects":4,"inspected":1}`, `{"state":"done","case":"` + of.String() + `"}`}, "", ""},
		{"Failed", []string{`{"state":"failed","failure":{"code":"not_found","message":"there is nothing","hint":"look"}}`}, "not_found", "there is nothing"},
		{"FailedWithoutWhy", []string{`{"state":"failed"}`}, "unavailable", "without a case"},
		{"DoneWithoutCase", []string{`{"state":"done"}`}, "unavailable", "without a case"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			c, _ := asker(t, func(w http.ResponseWriter, _ *http.Request) {
				answer(w, 200, "application/json", test.states[asked.Add(1)-1])
			})
			var seen []pipeline.CheckState
			done, err := c.Follow(t.Context(), uuid.New(), func(now pipeline.Check) { seen = append(seen, now.State) })
			require.Len(t, seen, len(test.states))
			require.Equal(t, test.code, pipeline.ErrorCode(err))
			if test.code != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.Equal(t, of, *done.Case)
		})
	}
}

// TestFollow_AcrossARestart: the desk goes away while it checks, and comes back.
func TestFollow_AcrossARestart(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c, _ := asker(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n := asked.Add(1); {
		case n == 1:
			answer(w, 200, "application/json", `{"state":"running"}`)
		case n < 6:
			panic(http.ErrAbortHandler)
		default:
			answer(w, 200, "application/json", `{"state":"done","case":"`+uuid.NewString()+`"}`)
		}
	})
	_, err := c.Follow(t.Context(), uuid.New(), func(pipeline.Check) {})
	require.NoError(t, err)

	never, server := asker(t, func(http.ResponseWriter, *http.Request) {})
	server.Close()
	_, err = never.Follow(t.Context(), uuid.New(), func(pipeline.Check) {})
	require.ErrorIs(t, err, pipeline.ErrUnavailable, "one that never answered is not waited for")
}

// TestRuling: an answer that says less than it must opens nothing.
func TestRuling(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       pipeline.RulingKind
	}{
		{"None", `{"ruling":"none","case":null}`, pipeline.RulingNone},
		{"Waiting", `{"ruling":"waiting","case":{}}`, pipeline.RulingWaiting},
		{"Approved", `{"ruling":"approved","case":{},"approval":{"bound":"content"}}`, pipeline.RulingApproved},
		{"ApprovedByNobody", `{"ruling":"approved","case":{}}`, ""},
		{"ApprovedWithoutACase", `{"ruling":"approved","approval":{}}`, ""},
		{"ClearedWithoutACase", `{"ruling":"cleared"}`, ""},
		{"Unknown", `{"ruling":"open","case":{}}`, ""},
		{"Empty", `{}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := asker(t, func(w http.ResponseWriter, r *http.Request) {
				var q map[string]any
				require.NoError(t, json.NewDecoder(r.Body).Decode(&q))                                                                                 //nolint:testifylint // a fault ends the request, which the client tells
				require.Equal(t, map[string]any{"source": "s3://b/p/", "pin_digest": "sha256:1", "header_digest": "sha256:2", "verdict": "review"}, q) //nolint:testifylint // a fault ends the request, which the client tells
				require.Empty(t, r.Header.Get("Idempotency-Key"), "nothing is kept of a question")                                                     //nolint:testifylint // a fault ends the request, which the client tells
				answer(w, 200, "application/json", test.body)
			})
			got, err := c.Ruling(t.Context(), pipeline.ApprovalQuery{Source: "s3://b/p/", PinDigest: "sha256:1", HeaderDigest: "sha256:2", Verdict: pipeline.VerdictReview})
			require.Equal(t, test.want, got.Kind)
			if test.want == "" {
				require.ErrorIs(t, err, pipeline.ErrUnavailable)
				return
			}
			require.NoError(t, err)
		})
	}
}

// FuzzAnswers: whatever answers, there is a result or an error, and the token does not
// show.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "application/json", `{"ruling":"approved","case":{},"approval":{"bound":"content"},"envelope":{}}`)
	f.Add(409, "application/problem+json", `{"detail":"x","code":"conflict"}`)
	f.Add(401, "application/problem+json", `{"detail":7}`)
	f.Add(200, "application/json", `{"items":[{"id":"x"}]}`)
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		status = 200 + max(0, status%400)
		if status == 429 || status == 503 {
			status = 200
		}
		c, err := client.New(client.Options{Server: "https://desk.example.org", Token: token, Transport: canned{status, media, body}})
		require.NoError(t, err)
		got, err := c.Ruling(t.Context(), pipeline.ApprovalQuery{})
		if err == nil && got.Kind == pipeline.RulingApproved {
			require.NotNil(t, got.Approval)
			require.NotNil(t, got.Case)
		}
		if err != nil {
			require.NotEmpty(t, pipeline.ErrorCode(err))
			require.NotContains(t, err.Error(), token)
		}
		_, _ = c.Cases(t.Context(), pipeline.CaseFilter{})
		_, _ = c.Report(t.Context(), uuid.New())
		_, _ = c.Case(t.Context(), uuid.New())
	})
}

// canned answers every request alike.
type canned struct {
	status      int
	media, body string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {c.media}}, Body: io.NopCloser(strings.NewReader(c.body)),
		ContentLength: int64(len(c.body)), Request: r}, nil
}
