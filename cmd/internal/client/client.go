// Package client asks a desk over its API, so that a command does through it what it does
// on a database of its own. It speaks HTTP and JSON as the desk's OpenAPI document says,
// and nothing else: which bytes lie where is not its matter.
//
// It sends its token to the desk that it was made for and to nobody else: a redirect to
// another scheme, host or port is refused, and so is a desk that is reached without TLS,
// unless it is on this machine. Every request that changes something names an idempotency
// key (draft-ietf-httpapi-idempotency-key-header-07), so that one whose answer was lost is
// sent once more and counts once.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// The bounds of a request.
const (
	requestTime = 2 * time.Minute
	// answerMax bounds an answer, in bytes. Reports of models with many thousand objects
	// are the largest.
	answerMax = 64 << 20
	// problemMax bounds a problem document, in bytes.
	problemMax = 64 << 10
	// tries is how often a request is sent where the desk asks to come back, and
	// unanswered how often where there is no answer at all.
	tries      = 5
	unanswered = 3
	// firstWait is the wait before the second try where the desk names none; it doubles.
	firstWait = 500 * time.Millisecond
	// mostWait is the longest wait that is waited for, whatever the desk asks.
	mostWait     = time.Minute
	mostRedirect = 5
	// tokenMax bounds a token, in bytes.
	tokenMax = 512
	// base is where the API lies under the desk's URL.
	base = "/api/v1"
)

// Options says which desk is asked, and as whom.
type Options struct {
	// Server is the desk's URL, such as https://desk.example.org, without a path.
	Server string
	// Token is the caller's, "" for none: only a desk for one person takes that.
	Token string
	// Agent is sent as User-Agent.
	Agent string
	// Poll is how often a running check is looked at, a second where it is 0.
	Poll time.Duration
	// Transport is nil for one of the client's own.
	Transport http.RoundTripper
}

// Client asks one desk. It is safe for concurrent use.
type Client struct {
	server *url.URL
	token  string
	agent  string
	poll   time.Duration
	http   *http.Client
}

// New returns a client. An error matches [pipeline.ErrUsage] where the URL is none of a
// desk, would send the token unencrypted, or the token is none.
func New(o Options) (*Client, error) {
	u, err := parse(o.Server)
	if err != nil {
		return nil, err
	}
	if err := checkToken(o.Token); err != nil {
		return nil, err
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		own.MaxResponseHeaderBytes = 64 << 10
		o.Transport = own
	}
	c := &Client{server: u, token: o.Token, agent: o.Agent, poll: o.Poll}
	c.http = &http.Client{Transport: o.Transport, Timeout: requestTime, CheckRedirect: c.redirect}
	return c, nil
}

// parse reads the URL of a desk. What is refused may be a secret: it is not repeated.
func parse(server string) (*url.URL, error) {
	bad := func(message, hint string) error {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	const shape = "write it as https://desk.example.org, without a path"
	u, err := url.Parse(server)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, bad("the server is no URL of a desk", shape)
	case u.User != nil:
		return nil, bad("the URL of the server holds a name or a password", "a token says who asks: --token-file or WEIGHBRIDGE_TOKEN")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, bad("the URL of the server has more than scheme, host and port", shape)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, bad("the server would be asked without encryption", "use https; http is for a desk on this machine only")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, bad("the URL of the server begins with neither https nor http", shape)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkToken refuses what would not travel as a header as it stands.
func checkToken(token string) error {
	plain := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) > tokenMax || strings.ContainsFunc(token, plain) {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the token is none: it is one line of at most %d printable characters without a space", tokenMax),
			Hint: "the desk shows it once, when it is made"}
	}
	return nil
}

// errRedirect: the desk's answer leads away from it.
var errRedirect = errors.New("the answer leads to another place")

// redirect follows the desk to itself only, and never turns one request into another.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	if next.URL.Scheme != c.server.Scheme || next.URL.Host != c.server.Host || next.Method != via[0].Method || len(via) > mostRedirect {
		return errRedirect
	}
	return nil
}

// Server returns the desk's URL.
func (c *Client) Server() string { return c.server.String() }

// Local reports whether the desk is on this machine.
func (c *Client) Local() bool { return loopback(c.server.Hostname()) }

// call is one request to the API.
type call struct {
	method, path string
	query        url.Values
	// body is sent as JSON, nil for none.
	body any
	// read is true for a POST that changes nothing: it needs no key to be sent again.
	read bool
}

// do sends a request, and reads the answer as JSON into out, which may be nil.
func (c *Client) do(ctx context.Context, in call, out any) error {
	answer, err := c.send(ctx, in, "application/json")
	if err != nil || out == nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return c.odd("an answer that is not understood", err)
	}
	return nil
}

// odd is an error of a desk that answers as no desk does.
func (c *Client) odd(what string, err error) error {
	return &pipeline.Error{Code: pipeline.CodeUnavailable, Message: c.Server() + " gave " + what, Err: err,
		Hint: "is it the URL of a desk, of this version?"}
}

// send sends a request until it is answered, and returns the body of an answer that says
// that it was done, of the media type that was asked for.
func (c *Client) send(ctx context.Context, in call, accept string) ([]byte, error) {
	var body []byte
	if in.body != nil {
		var err error
		if body, err = json.Marshal(in.body); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	key := ""
	if in.method != http.MethodGet && !in.read {
		id, err := uuid.NewRandom()
		if err != nil {
			return nil, fmt.Errorf("make an idempotency key: %w", err)
		}
		key = id.String()
	}
	wait := firstWait
	for try := 1; ; try++ {
		answer, again, err := c.once(ctx, in, body, key, accept)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("the request was stopped: %w", context.Cause(ctx))
		case again == never, try == tries, again == soon && try == unanswered:
			return nil, err
		}
		pause := wait
		if again >= 0 {
			pause = again
		}
		if pause > mostWait {
			return nil, err
		}
		wait *= 2
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// When a request is sent once more, where no time is named.
const (
	never = -time.Duration(iota) - 1
	// soon: there was no answer.
	soon
	// later: the desk said so, and not when.
	later
)

// once sends a request once. again says when to send it once more.
func (c *Client) once(ctx context.Context, in call, body []byte, key, accept string) (answer []byte, again time.Duration, err error) {
	at := *c.server
	at.Path, at.RawQuery = base+in.path, in.query.Encode()
	req, err := http.NewRequestWithContext(ctx, in.method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, never, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", accept+", application/problem+json")
	req.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, retryable(err), c.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, problemMax)) // half a problem is none, and the status stands
		return nil, retryAfter(resp, time.Now()), c.problem(resp, text)
	}
	if resp.ContentLength > answerMax {
		return nil, never, c.tooLong()
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerMax+1))
	switch {
	case err != nil:
		return nil, soon, c.unreached(err)
	case len(text) > answerMax:
		return nil, never, c.tooLong()
	}
	if media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); len(text) > 0 && (err != nil || media != accept) {
		return nil, never, c.odd("something that is not "+accept, nil)
	}
	return text, never, nil
}

func (c *Client) tooLong() error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: fmt.Sprintf("%s gave an answer of more than %d MiB", c.Server(), answerMax>>20)}
}

// retryable says when a request that was not answered is sent once more.
func retryable(err error) time.Duration {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.Is(err, errRedirect), errors.As(err, &certificate), errors.As(err, &name) && name.IsNotFound:
		return never
	}
	return soon
}

// unreached describes a request that was not answered, without its URL.
func (c *Client) unreached(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	e := &pipeline.Error{Code: pipeline.CodeUnavailable, Message: "the desk at " + c.Server() + " does not answer", Err: err,
		Hint: "check the URL: --server or WEIGHBRIDGE_SERVER"}
	if errors.Is(err, errRedirect) {
		e.Message, e.Err = c.Server()+" sends its callers elsewhere, and the token is for it alone", nil
		e.Hint = "name the desk by the URL that browsers end at"
	}
	return e
}

// retryAfter says when a refused request is sent once more: where the desk has no room for
// it now, or is still busy with the one that came before.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	text := resp.Header.Get("Retry-After")
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
	case http.StatusConflict:
		if text == "" {
			return never
		}
	default:
		return never
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return later
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("the wait was stopped: %w", context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// Problem is a problem document (RFC 9457, July 2023) with what a desk adds to it.
type Problem struct {
	Title  string        `json:"title"`
	Detail string        `json:"detail"`
	Code   pipeline.Code `json:"code"`
	Hint   string        `json:"hint"`
}

// codeShape is what a code looks like. One that looks otherwise is not taken over.
var codeShape = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// textMax bounds a text of a problem that is shown, in bytes.
const textMax = 2000

// problem turns an answer that refuses into an error. Its code is the desk's, or that of
// the status where the desk names none.
func (c *Client) problem(resp *http.Response, text []byte) error {
	var p Problem
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media != "application/problem+json" || json.Unmarshal(text, &p) != nil {
		p = Problem{}
	}
	e := &pipeline.Error{Code: p.Code, Message: cut(p.Detail), Hint: cut(p.Hint)}
	if !codeShape.MatchString(string(e.Code)) {
		e.Code = codeOf(resp.StatusCode)
	}
	if e.Message == "" {
		e.Message = cut(p.Title)
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("%s answered with the status %d", c.Server(), resp.StatusCode)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		e.Hint = "name a token that counts with --token-file FILE or WEIGHBRIDGE_TOKEN; the desk makes them on its page of tokens"
	}
	return e
}

func cut(text string) string { return strings.ToValidUTF8(text[:min(len(text), textMax)], "") }

// codeOf is the code of a status, for answers that name none.
func codeOf(status int) pipeline.Code {
	switch status {
	case http.StatusBadRequest:
		return pipeline.CodeUsage
	case http.StatusUnprocessableEntity:
		return pipeline.CodeInvalid
	case http.StatusUnauthorized:
		return pipeline.CodeDenied
	case http.StatusForbidden:
		return pipeline.CodeForbidden
	case http.StatusNotFound:
		return pipeline.CodeNotFound
	case http.StatusConflict:
		return pipeline.CodeConflict
	case http.StatusRequestEntityTooLarge:
		return pipeline.CodeOverLimit
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return pipeline.CodeUnavailable
	}
	return pipeline.CodeInternal
}
