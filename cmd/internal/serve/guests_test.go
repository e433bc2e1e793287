package serve_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/serve"
	"weighbridge/pipeline"
)

// machine makes a token of a machine, without the pages.
func (d *desk) machine(name string, roles ...pipeline.ActorRole) string {
	d.t.Helper()
	_, secret, err := d.Mux.MakeToken(d.t.Context(), access.Identity{Actor: pipeline.Actor{Name: "ada", Known: pipeline.KnownSignedIn, Roles: []pipeline.ActorRole{pipeline.RoleAdmin}}},
		access.Wanted{Label: "tests", Machine: name, Roles: roles, Term: time.Hour})
	require.NoError(d.t, err)
	return secret
}

// dial connects to the desk and sends a text. What the server sends is waited for only so
// long as any page may take.
func (d *desk) dial(text string) *net.TCPConn {
	d.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.URL, "http://"))
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	require.NoError(d.t, tcp.SetReadBuffer(4<<10))
	require.NoError(d.t, tcp.SetDeadline(time.Now().Add(pageTime)))
	_, err = io.WriteString(tcp, text)
	require.NoError(d.t, err)
	return tcp
}

// rest reads to the end of a connection, which the server must make.
func (d *desk) rest(conn net.Conn, name string) []byte {
	d.t.Helper()
	var out bytes.Buffer
	_, err := io.Copy(&out, conn) // a reset is an end too
	var slow net.Error
	if netErr, ok := err.(net.Error); ok { //nolint:errorlint // it is of the connection itself
		slow = netErr
	}
	require.False(d.t, slow != nil && slow.Timeout(), "%s: the server must end it", name)
	return out.Bytes()
}

// Whoever sends or reads slowly is cut off at the server's limits, and others are served
// meanwhile.
func TestGuests_Slow(t *testing.T) {
	t.Parallel()
	second := time.Second
	d := openDeskWith(t, func(o *serve.Options) {
		o.Limits = serve.Limits{Header: second, Read: 3 * second, Write: 4 * second, Idle: 3 * second, Body: second, File: second, Page: second}
	}, "mistral-7b")
	ci := d.machine("ci", pipeline.RoleSubmitter, pipeline.RoleAuditor)
	by := pipeline.Actor{Name: "ci", Known: pipeline.KnownToken, Roles: []pipeline.ActorRole{pipeline.RoleSubmitter}}
	d.check(t, by, "mistral-7b")
	c := d.only().Case
	_, err := d.Service.Queue.Attach(t.Context(), pipeline.Attachment{Case: c.ID, Actor: by, Name: "long.txt", Body: bytes.Repeat([]byte("long\n"), 1<<20)})
	require.NoError(t, err)
	exhibit := d.only().Exhibits[0]
	for range 400 { // a log that does not fit into the buffers of a connection
		_, err := d.Service.Queue.Comment(t.Context(), pipeline.Remark{Case: c.ID, Actor: by, Text: "x"})
		require.NoError(t, err)
	}
	served := func(name string) {
		out := d.say(call{method: http.MethodGet, path: "/healthz"})
		require.Equal(t, http.StatusOK, out.status, name)
	}
	as := "Host: desk\r\nAuthorization: Bearer " + ci + "\r\n"
	form := "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\nsource="
	for name, test := range map[string]struct{ sent, want string }{
		"header":        {"GET /healthz HTTP/1.1\r\nHost: desk\r\nX-Slow: ", ""},
		"request_line":  {"GET /", "HTTP/1.1 400 "},
		"api_body":      {"POST /api/v1/rulings HTTP/1.1\r\n" + as + "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{", "HTTP/1.1 408 "},
		"api_chunks":    {"POST /api/v1/rulings HTTP/1.1\r\n" + as + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", "HTTP/1.1 408 "},
		"api_file":      {"POST /api/v1/cases/" + c.ID.String() + "/exhibits HTTP/1.1\r\n" + as + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 408 "},
		"form":          {"POST /submit HTTP/1.1\r\n" + as + form, "HTTP/1.1 4"},
		"file":          {"POST /cases/" + c.ID.String() + "/exhibits HTTP/1.1\r\n" + as + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\n", "HTTP/1.1 4"},
		"nobody_s_body": {"POST /api/v1/rulings HTTP/1.1\r\nHost: desk\r\n" + form, "HTTP/1.1 401 "},
	} {
		conn := d.dial(test.sent)
		ended, dripped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(dripped)
			for {
				select {
				case <-ended:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if _, err := io.WriteString(conn, "a"); err != nil {
					return
				}
			}
		}()
		served(name)
		got := string(d.rest(conn, name))
		close(ended)
		<-dripped
		require.True(t, strings.HasPrefix(got, test.want) && (test.want != "" || got == ""), "%s: %q", name, got)
		require.NotContains(t, got, "HTTP/1.1 5", name)
	}

	// Who asks and does not read gets no more than what is under way, and no whole answer.
	for path, lastWords := range map[string]string{"/api/v1/exhibits/" + exhibit.ID.String(): "", "/api/v1/audit.jsonl": "\r\n0\r\n\r\n"} {
		conn := d.dial("GET " + path + " HTTP/1.1\r\n" + as + "\r\n")
		served(path)
		require.Eventually(t, func() bool { return strings.Contains(d.logs.String(), "path="+path) }, pageTime, 10*time.Millisecond, "%s: the answer is given up", path)
		got := d.rest(conn, path)
		require.Less(t, int64(len(got)), exhibit.Size, path)
		require.True(t, lastWords == "" || !bytes.HasSuffix(got, []byte(lastWords)), "%s: what was cut must not pass for whole", path)
	}

	// A hundred connections that ask nothing, or nothing more, are no burden, and end.
	var idle []net.Conn
	for i := range 100 {
		text := ""
		if i%2 == 0 {
			text = "GET /healthz HTTP/1.1\r\nHost: desk\r\n\r\n"
		}
		idle = append(idle, d.dial(text))
	}
	served("idle")
	out := d.say(call{method: http.MethodGet, path: "/api/v1/cases", token: ci})
	require.Equal(t, http.StatusOK, out.status, out.body)
	for i, conn := range idle {
		got := string(d.rest(conn, "idle"))
		require.Equal(t, i%2 == 0, strings.HasPrefix(got, "HTTP/1.1 200 "), got)
	}
	_, err = d.Service.Queue.DB.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	d.silent(ci)
}

// What is no request, or looks like two, is refused, and the log tells of it without
// repeating it.
func TestGuests_Garbled(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	ci := d.machine("ci", pipeline.RoleSubmitter)
	const end = "Connection: close\r\n\r\n"
	as := "Host: desk\r\nAuthorization: Bearer " + ci + "\r\n"
	body := as + "Content-Type: application/json\r\n"
	const next = "GET /smuggled HTTP/1.1\r\nHost: desk\r\n\r\n"
	for name, test := range map[string]struct {
		sent string
		// want are the statuses that the one answer may have.
		want []int
	}{
		"two_lengths":        {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + next, []int{400}},
		"lengths_in_one":     {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: 2, 40\r\n\r\n{}" + next, []int{400}},
		"signed_length":      {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: +2\r\n\r\n{}" + next, []int{400}},
		"negative_length":    {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: -1\r\n\r\n" + next, []int{400}},
		"huge_length":        {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: 99999999999999999999\r\n\r\n" + next, []int{400}},
		"length_and_chunks":  {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + next, []int{400, 422}},
		"chunks_and_length":  {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Transfer-Encoding: chunked\r\nContent-Length: 400\r\n\r\n0\r\n\r\n" + next, []int{400, 415, 422}},
		"folded_chunks":      {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 400\r\n\r\n0\r\n\r\n" + next, []int{400, 415, 422}},
		"unknown_coding":     {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + next, []int{501}},
		"two_codings":        {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + next, []int{400, 501}},
		"broken_chunk":       {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" + next, []int{400}},
		"space_before_colon": {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Content-Length : 2\r\n\r\n{}" + next, []int{400}},
		"header_with_nul":    {"GET /healthz HTTP/1.1\r\nHost: desk\r\nX-A: a\x00b\r\n\r\n" + next, []int{400}},
		"no_host":            {"GET /healthz HTTP/1.1\r\nAuthorization: Bearer " + ci + "\r\n\r\n" + next, []int{400}},
		"two_hosts":          {"GET /healthz HTTP/1.1\r\nHost: desk\r\nHost: evil.example\r\n\r\n" + next, []int{400}},
		"no_version":         {"GET /healthz\r\n" + as + "\r\n" + next, []int{400}},
		"odd_version":        {"GET /healthz HTTP/9.9\r\n" + as + "\r\n" + next, []int{400, 505}},
		"no_http_at_all":     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + ci + "\r\n\r\n", []int{400}},
		"header_of_a_mebi":   {"GET /healthz HTTP/1.1\r\n" + as + "X-Large: " + strings.Repeat("a", 1<<20), []int{431}},
		"many_headers":       {"GET /healthz HTTP/1.1\r\n" + as + strings.Repeat("X-A: "+ci+"\r\n", 20_000), []int{431}},
		"long_url":           {"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n" + as + end, []int{431}},
		"longish_url":        {"GET /" + strings.Repeat("a", 30_000) + " HTTP/1.1\r\n" + as + end, []int{404}},
		"long_query":         {"GET /api/v1/cases?text=" + strings.Repeat("a", 30_000) + " HTTP/1.1\r\n" + as + end, []int{422}},
		"unknown_method":     {"STEAL /queue HTTP/1.1\r\n" + as + end, []int{404, 405}},
		"trace":              {"TRACE /queue HTTP/1.1\r\n" + as + end, []int{404, 405}},
		"connect":            {"CONNECT evil.example:443 HTTP/1.1\r\n" + as + end, []int{400, 404, 405}},
		"options_of_all":     {"OPTIONS * HTTP/1.1\r\n" + as + end, []int{400, 404, 405}},
		"another_s_url":      {"GET http://evil.example/nowhere HTTP/1.1\r\n" + as + end, []int{404}},
		"nul":                {"GET /cases/%00 HTTP/1.1\r\n" + as + end, []int{404}},
		"nul_in_static":      {"GET /static/app.css%00.js HTTP/1.1\r\n" + as + end, []int{404}},
		"nul_in_pack":        {"GET /packs/%00%ff HTTP/1.1\r\n" + as + end, []int{404}},
		"dots_in_static":     {"GET /static/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + as + end, []int{301, 307, 308, 404}},
		"dots":               {"GET /static/../../etc/passwd HTTP/1.1\r\n" + as + end, []int{301, 307, 308, 404}},
		"dots_in_pack":       {"GET /packs/..%2f..%2fetc%2fpasswd HTTP/1.1\r\n" + as + end, []int{404}},
		"slashes":            {"GET //evil.example/%2e%2e HTTP/1.1\r\n" + as + end, []int{301, 307, 308, 404}},
		"backslash":          {"GET /\\evil.example HTTP/1.1\r\n" + as + end, []int{404}},
		"bad_escape":         {"GET /cases/%zz HTTP/1.1\r\n" + as + end, []int{400}},
		"secret_in_path":     {"GET /answer/" + ci + "/../" + ci + " HTTP/1.1\r\n" + as + end, []int{301, 307, 308, 404}},
		"odd_expectation":    {"POST /api/v1/rulings HTTP/1.1\r\n" + body + "Expect: nothing\r\nContent-Length: 2\r\n" + end + "{}", []int{417}},
	} {
		lines := func() int {
			text := d.logs.String()
			return strings.Count(text, "request: id=") + strings.Count(text, "a connection ended in what was no request")
		}
		before := lines()
		conn := d.dial("")
		_, _ = io.WriteString(conn, test.sent) // the server may have had enough
		answers := bufio.NewReader(conn)
		answer, err := http.ReadResponse(answers, nil)
		require.NoError(t, err, name)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err, name)
		require.NoError(t, answer.Body.Close())
		require.Contains(t, test.want, answer.StatusCode, "%s: %s", name, text)
		to := answer.Header.Get("Location")
		require.True(t, to != "" || !strings.Contains(string(text), ci), name)
		if to != "" { // to a path that was asked for itself
			require.Regexp(t, `^/([^/\\]|$)`, to, name)
			require.NotContains(t, to, "..", name)
		}
		if answer.Header.Get(access.RequestIDHeader) != "" { // what no handler was asked is plain text of the server
			require.NotEmpty(t, answer.Header.Get("Content-Security-Policy"), name)
		}
		after, err := http.ReadResponse(answers, nil)
		if err == nil {
			require.NoError(t, after.Body.Close())
		}
		require.Error(t, err, "%s: one request has one answer", name)
		require.NoError(t, conn.Close())
		require.Eventually(t, func() bool { return lines() > before }, pageTime, time.Millisecond, "%s is in the log", name)
	}
	require.Equal(t, http.StatusOK, d.say(call{method: http.MethodGet, path: "/api/v1/me", token: ci}).status)
	d.silent(ci, ci[3:46], "smuggled", "evil.example:443\n")
	require.Less(t, len(d.logs.String()), 1<<20, "what is long does not fill the log")
}
