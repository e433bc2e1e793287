// Package forge puts a report into the one comment that a pull request of GitHub, or a merge
// request of GitLab, has for it, over their REST APIs (GitHub API version 2022-11-28, GitLab
// API version 4).
//
// A report in Markdown begins with a marker that names its source. The comment to update is
// the oldest one that begins with that marker and was written by whoever writes now: anybody
// can paste a marker, and nobody else's comment is ever touched. Where the forge does not
// tell who writes, there is no update but an error, never a guess. On GitHub the token of a
// workflow may not ask that; it is known to write as "github-actions[bot]".
//
// Requests go to the API address that the caller names, with the token in a header, and
// redirects are not followed, so that the token reaches nobody else. Answers are read up to
// a bound. Reading is tried three times where the forge is unwell; writing once, because a
// second try could leave two comments.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

// Kind says which forge it is.
type Kind string

// The forges.
const (
	GitHub Kind = "github"
	GitLab Kind = "gitlab"
)

// Bounds of what is sent and read.
const (
	perPage = 100
	// mostPages bounds how many comments are looked through; GitHub keeps 2,500 on a pull
	// request.
	mostPages = 100
	// mostAnswer bounds an answer in bytes: a hundred comments of a megabyte each.
	mostAnswer = 128 << 20
	// mostBody bounds what is posted, in bytes; GitHub takes 65,536 characters.
	mostBody = 65_000
	tries    = 3
)

// Request names one pull request or merge request, and who writes.
type Request struct {
	Kind Kind
	// API is the address of the API: https://api.github.com, or https://host/api/v4.
	API string
	// Project is "owner/name" on GitHub, the number or the path of the project on GitLab.
	Project string
	// Number is the number of the pull request, in GitLab the "iid" of the merge request.
	Number string
	Token  string
	// Author is the login of whoever writes, "" to ask the forge.
	Author string
}

// Outcome is what became of a comment.
type Outcome string

// What can become of a comment.
const (
	Created Outcome = "created"
	Updated Outcome = "updated"
)

// Client posts comments. Its zero value is not ready for use: see [New].
type Client struct {
	http *http.Client
	// pause is how long to wait before a read is tried again.
	pause time.Duration
}

// New returns a client. Each request may take a minute; pause is the time to wait before a
// read is tried again.
func New(transport http.RoundTripper, pause time.Duration) *Client {
	return &Client{pause: pause, http: &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Put creates the comment, or updates the one that is there. body is a report in Markdown
// and begins with a marker.
//
// The error matches [pipeline.ErrUsage] for a request that names no place or a body without
// a marker, [pipeline.ErrDenied] where the forge refuses the token, [pipeline.ErrNotFound]
// where it knows no such place, [pipeline.ErrUnavailable] where it does not answer, and
// [pipeline.ErrProtocol] where the answer makes no sense.
func (c *Client) Put(ctx context.Context, r Request, body string) (Outcome, error) {
	marker, _, ok := report.CutMarker(body)
	if !ok {
		return "", usage("the text to post does not begin with the marker of a report", "post what check --format markdown writes")
	}
	if len(body) > mostBody {
		return "", usage("the text to post is longer than a comment may be", "post what check --format markdown writes")
	}
	api, err := r.api()
	if err != nil {
		return "", err
	}
	me, err := c.whoami(ctx, r, api)
	if err != nil {
		return "", err
	}
	id, err := c.find(ctx, r, api, marker, me)
	if err != nil {
		return "", err
	}
	sent := map[string]string{"body": body}
	if id == 0 {
		return Created, c.call(ctx, r, http.MethodPost, api.JoinPath(r.comments()...), sent, nil)
	}
	return Updated, c.call(ctx, r, r.updateMethod(), api.JoinPath(r.comment(id)...), sent, nil)
}

// api returns the address of the API, once everything that goes into addresses and headers
// was checked.
func (r Request) api() (*url.URL, error) {
	api, err := url.Parse(r.API)
	if err != nil || (api.Scheme != "https" && api.Scheme != "http") || api.Host == "" || api.User != nil || api.RawQuery != "" {
		return nil, usage("the address of the forge's API is none", "give it as https://host/path")
	}
	switch {
	case r.Kind != GitHub && r.Kind != GitLab:
		return nil, usage("there is no forge "+string(r.Kind), "use github or gitlab")
	case r.Kind == GitHub && !twoParts(r.Project), r.Project == "", strings.ContainsAny(r.Project, "?#\\% \t\r\n"):
		return nil, usage("the project has no name", "run this in a pipeline of the forge, which sets it")
	case r.Number == "" || strings.Trim(r.Number, "0123456789") != "" || len(r.Number) > 18:
		return nil, usage("the number of the pull request is none", "run this for pull requests only")
	case r.Token == "" || strings.ContainsFunc(r.Token, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return nil, usage("there is no token, or it holds characters that no token has", "give a token that may write comments")
	}
	return api, nil
}

func twoParts(project string) bool {
	owner, name, ok := strings.Cut(project, "/")
	plain := func(s string) bool { return s != "" && s != "." && s != ".." && !strings.Contains(s, "/") }
	return ok && plain(owner) && plain(name)
}

// comments is where the comments of the request are.
func (r Request) comments() []string {
	if r.Kind == GitHub {
		owner, name, _ := strings.Cut(r.Project, "/")
		return []string{"repos", owner, name, "issues", r.Number, "comments"}
	}
	return []string{"projects", url.PathEscape(r.Project), "merge_requests", r.Number, "notes"}
}

// comment is where one comment is.
func (r Request) comment(id int64) []string {
	number := fmt.Sprint(id)
	if r.Kind == GitHub {
		owner, name, _ := strings.Cut(r.Project, "/")
		return []string{"repos", owner, name, "issues", "comments", number}
	}
	return append(r.comments(), number)
}

func (r Request) updateMethod() string {
	if r.Kind == GitHub {
		return http.MethodPatch
	}
	return http.MethodPut
}

// account is who wrote something. GitHub calls the name login, GitLab username.
type account struct {
	Login    string `json:"login"`
	Username string `json:"username"`
}

func (a account) name() string {
	if a.Login != "" {
		return a.Login
	}
	return a.Username
}

// workflowAuthor is who writes with the token of a GitHub workflow.
const workflowAuthor = "github-actions[bot]"

// whoami returns the name of whoever the token belongs to.
func (c *Client) whoami(ctx context.Context, r Request, api *url.URL) (string, error) {
	if r.Author != "" {
		return r.Author, nil
	}
	var me account
	err := c.call(ctx, r, http.MethodGet, api.JoinPath("user"), nil, &me)
	if r.Kind == GitHub && (errors.Is(err, pipeline.ErrDenied) || errors.Is(err, pipeline.ErrNotFound)) {
		// Whether the token is good shows when the comments are read.
		return workflowAuthor, nil
	}
	if err == nil && me.name() == "" {
		err = &pipeline.Error{Code: pipeline.CodeProtocol, Message: "the forge does not tell whose token this is"}
	}
	return me.name(), err
}

// comment is what is read of a comment.
type comment struct {
	ID     int64   `json:"id"`
	Body   string  `json:"body"`
	System bool    `json:"system"`
	User   account `json:"user"`
	Author account `json:"author"`
}

func (c comment) by() string {
	if name := c.User.name(); name != "" {
		return name
	}
	return c.Author.name()
}

// find returns the id of the oldest comment with the marker that me wrote, 0 where there is
// none.
func (c *Client) find(ctx context.Context, r Request, api *url.URL, marker, me string) (int64, error) {
	for page := 1; page <= mostPages; page++ {
		at := api.JoinPath(r.comments()...)
		query := url.Values{"per_page": {fmt.Sprint(perPage)}, "page": {fmt.Sprint(page)}}
		if r.Kind == GitLab {
			query.Set("sort", "asc")
			query.Set("order_by", "created_at")
		}
		at.RawQuery = query.Encode()
		var found []comment
		if err := c.call(ctx, r, http.MethodGet, at, nil, &found); err != nil {
			return 0, err
		}
		for _, one := range found {
			at, _, ok := report.CutMarker(one.Body)
			if ok && at == marker && one.ID > 0 && !one.System && strings.EqualFold(one.by(), me) {
				return one.ID, nil
			}
		}
		if len(found) < perPage {
			return 0, nil
		}
	}
	return 0, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("there are more than %s comments, and the report's is not among the first", report.Count(perPage*mostPages))}
}

// call sends one request and reads the answer into out, where it is not nil.
func (c *Client) call(ctx context.Context, r Request, method string, at *url.URL, sent, out any) error {
	var body []byte
	if sent != nil {
		var err error
		if body, err = json.Marshal(sent); err != nil {
			return &pipeline.Error{Code: pipeline.CodeInternal, Message: "the comment cannot be written as JSON", Err: err}
		}
	}
	for try := 1; ; try++ {
		err := c.once(ctx, r, method, at, body, out)
		if method != http.MethodGet || try == tries || !errors.Is(err, pipeline.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(c.pause):
		}
	}
}

func (c *Client) once(ctx context.Context, r Request, method string, at *url.URL, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return usage("the address of the comments is none", "")
	}
	if r.Kind == GitHub {
		req.Header.Set("Authorization", "Bearer "+r.Token)
		req.Header.Set("Accept", "application/vnd.github+json")
		req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	} else {
		req.Header.Set("PRIVATE-TOKEN", r.Token)
	}
	req.Header.Set("User-Agent", "weighbridge")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		// The cause names the address only, never a header.
		return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the forge cannot be reached", Hint: "try again later", Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	if err := refusal(answer.StatusCode, method); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	bounded := &io.LimitedReader{R: answer.Body, N: mostAnswer}
	if err := json.NewDecoder(bounded).Decode(out); err != nil {
		if bounded.N == 0 {
			return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the forge's answer is longer than " + report.Size(mostAnswer)}
		}
		return &pipeline.Error{Code: pipeline.CodeProtocol, Message: "the forge's answer is not the JSON that its API describes", Err: err}
	}
	return nil
}

// refusal turns a status that is no success into an error.
func refusal(status int, method string) error {
	doing := "read the comments"
	if method != http.MethodGet {
		doing = "write the comment"
	}
	said := fmt.Sprintf("the forge answered %d when asked to %s", status, doing)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &pipeline.Error{Code: pipeline.CodeDenied, Message: said,
			Hint: "the token must be one that may write comments: \"pull-requests: write\" on GitHub, which pull requests from forks do not get; the scope \"api\" on GitLab"}
	case status == http.StatusNotFound:
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: said, Hint: "the place does not exist, or the token may not see it"}
	case status == http.StatusTooManyRequests, status >= 500:
		return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: said, Hint: "try again later"}
	}
	return &pipeline.Error{Code: pipeline.CodeProtocol, Message: said}
}

func usage(message, hint string) error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
}
