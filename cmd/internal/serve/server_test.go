package serve_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/serve"
	"weighbridge/pipeline"
)

// order collects what happened, one after the other.
type order struct {
	mu   sync.Mutex
	said []string
}

func (o *order) say(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, text)
}

func (o *order) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.said...)
}

// worker tells when it starts and stops.
type worker struct {
	name string
	told *order
	err  error
}

func (w worker) Start(context.Context) error {
	w.told.say("start " + w.name)
	return w.err
}

func (w worker) Stop(ctx context.Context) error {
	w.told.say("stop " + w.name)
	return ctx.Err()
}

// running is a server that runs.
type running struct {
	address string
	stop    func()
	done    chan error
}

// run runs a server on loopback until it is stopped, at the latest with the test.
func run(t *testing.T, s *serve.Server) running {
	t.Helper()
	listener, err := serve.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	listening := make(chan net.Addr, 1)
	s.Listening = func(at net.Addr) { listening <- at }
	if s.Logger == nil {
		s.Logger = hclog.NewNullLogger()
	}
	r := running{stop: stop, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx, listener) }()
	t.Cleanup(stop)
	select {
	case at := <-listening:
		r.address = at.String()
	case err := <-r.done:
		require.FailNow(t, "the server ended", "%v", err)
	}
	return r
}

// closed fails unless an address is soon connected to no more.
func closed(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, pageTime, 5*time.Millisecond)
}

// A desk that stops answers what it was asked, takes nothing new, and only then stops its
// workers, the last one first.
func TestRun_Stops(t *testing.T) {
	t.Parallel()
	told := &order{}
	entered, leave := make(chan struct{}), make(chan struct{})
	r := run(t, &serve.Server{Workers: []serve.Worker{worker{name: "a", told: told}, worker{name: "b", told: told}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-leave
			told.say("answer")
			_, _ = io.WriteString(w, "whole")
		})})
	got := make(chan string, 1)
	go func() {
		answer, err := http.Get("http://" + r.address + "/")
		if err != nil {
			got <- err.Error()
			return
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		got <- fmt.Sprint(answer.StatusCode, " ", string(body), " ", err)
	}()
	<-entered
	r.stop()
	closed(t, r.address)
	require.Equal(t, []string{"start a", "start b"}, told.all(), "workers go on while a request is answered")
	close(leave)
	require.Equal(t, "200 whole <nil>", <-got)
	require.NoError(t, <-r.done)
	require.Equal(t, []string{"start a", "start b", "answer", "stop b", "stop a"}, told.all())
}

// Where one worker cannot start, those before it are stopped and nobody is served.
func TestRun_WorkerFails(t *testing.T) {
	t.Parallel()
	told, broken := &order{}, errors.New("no work")
	listener, err := serve.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	s := &serve.Server{Logger: hclog.NewNullLogger(), Workers: []serve.Worker{worker{name: "a", told: told}, worker{name: "b", told: told, err: broken}, worker{name: "c", told: told}},
		Listening: func(net.Addr) { told.say("listen") }}
	require.ErrorIs(t, s.Run(t.Context(), listener), broken)
	require.Equal(t, []string{"start a", "start b", "stop a"}, told.all())
	closed(t, listener.Addr().String())

	taken, err := serve.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	_, err = serve.Listen(t.Context(), taken.Addr().String())
	require.ErrorIs(t, err, pipeline.ErrUsage)
}

// Who sends the header of a request too slowly, or too much of it, is cut off and reaches
// no handler.
func TestRun_Headers(t *testing.T) {
	t.Parallel()
	told := &order{}
	r := run(t, &serve.Server{Limits: serve.Limits{Header: 200 * time.Millisecond}, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told.say(r.URL.Path) })})
	for name, test := range map[string]struct{ sent, want string }{
		"never_ends": {"GET /never_ends HTTP/1.1\r\nHost: desk\r\nX-Slow: ", ""},
		"too_large":  {"GET /too_large HTTP/1.1\r\nHost: desk\r\nX-Large: " + strings.Repeat("a", 48<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"complete":   {"GET /complete HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
	} {
		conn, err := net.Dial("tcp", r.address)
		require.NoError(t, err, name)
		require.NoError(t, conn.SetDeadline(time.Now().Add(pageTime)), name)
		_, err = io.WriteString(conn, test.sent)
		require.NoError(t, err, name)
		first, _ := bufio.NewReader(conn).ReadString('\n')
		require.True(t, strings.HasPrefix(first, test.want) && (test.want != "" || first == ""), "%s: %q", name, first)
		var slow net.Error
		_, err = io.Copy(io.Discard, conn)
		require.False(t, errors.As(err, &slow) && slow.Timeout(), "%s: the server must end it", name)
		require.NoError(t, conn.Close(), name)
	}
	r.stop()
	require.NoError(t, <-r.done)
	require.Equal(t, []string{"/complete"}, told.all())
}

// metricsOf returns metrics over a new database.
func metricsOf(t *testing.T) *serve.Metrics {
	t.Helper()
	a := &app.App{Settings: config.Settings{DB: filepath.Join(t.TempDir(), "q.db"), Actor: "operator"}, Logger: hclog.NewNullLogger()}
	queue, err := a.OpenQueue(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, queue.DB.Close()) })
	return serve.NewMetrics(queue.DB, hclog.NewNullLogger(), time.Now)
}

// samples parses metrics and returns them as "name{label="value",...}" with their values.
func samples(t *testing.T, text io.Reader) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	require.NoError(t, err)
	out := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() + float64(m.GetHistogram().GetSampleCount())
			out[name+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return out
}

// A handler that falls over is logged as an error, and never passes for a whole answer.
func TestWatch_Falls(t *testing.T) {
	t.Parallel()
	metrics := metricsOf(t)
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int // 0 where the connection is cut
		counted string
		logs    []string
	}{
		"before":  {func(http.ResponseWriter, *http.Request) { panic("it fell") }, 500, "500", []string{"it fell", "status=500", "cut=false", "[ERROR]"}},
		"amid":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "half"); panic("it fell") }, 0, "200", []string{"it fell", "status=200", "cut=true"}},
		"aborted": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "200", []string{"cut=true"}},
		"large":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); _, _ = io.WriteString(w, "12345") }, 503, "503", []string{"status=503", "bytes=5", "[ERROR]"}},
		"nothing": {func(http.ResponseWriter, *http.Request) {}, 200, "200", []string{"status=200", "bytes=0", "[DEBUG]"}},
	} {
		logs := &syncBuffer{}
		mux := http.NewServeMux()
		mux.Handle("GET /"+name, test.handler)
		h := serve.Watch(mux, hclog.New(&hclog.LoggerOptions{Output: logs, Level: hclog.Debug}), metrics, time.Now)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+name+"?token=hunter2", nil)
		if test.status == 0 {
			require.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(w, r) }, name)
		} else {
			h.ServeHTTP(w, r)
			require.Equal(t, test.status, w.Code, name)
			require.NotContains(t, w.Body.String(), "it fell", name)
		}
		for _, want := range append(test.logs, "path=/"+name, `route="GET /`+name+`"`) {
			require.Contains(t, logs.String(), want, name)
		}
		require.NotContains(t, logs.String(), "hunter2", name)
		w = httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		require.InDelta(t, 1, samples(t, w.Body)[fmt.Sprintf(`weighbridge_http_requests_total{method="GET",route="GET /%s",status=%q}`, name, test.counted)], 0, name)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	listener, err := serve.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	desk, err := serve.Open(t.Context(), serve.Options{Settings: config.Settings{DB: filepath.Join(t.TempDir(), "q.db"), Actor: "operator", Serve: config.Serve{Workers: 1}},
		Dev: true, Now: time.Now, Logger: hclog.NewNullLogger()}, listener.Addr())
	require.NoError(t, err)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, listener.Addr()), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		desk.Server.Handler.ServeHTTP(w, r)
		return w
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		require.Equal(t, http.StatusOK, ask(path).Code, path)
		require.Equal(t, "no-store", ask(path).Header().Get("Cache-Control"), path)
		require.NotEmpty(t, ask(path).Header().Get(access.RequestIDHeader), path)
	}
	require.NoError(t, desk.Close())
	require.Equal(t, http.StatusOK, ask("/healthz").Code, "the process runs")
	w := ask("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "the database does not answer\n", w.Body.String())

	// A database that does not answer at all is no reason to wait for ever.
	w = httptest.NewRecorder()
	serve.Ready(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, hclog.NewNullLogger()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}

// pair writes a certificate for loopback and its key.
func pair(t *testing.T, folder, name string) (cert, key string, root *x509.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	is := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, is, is, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	root, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key, root
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key, root := pair(t, folder, "one")
	other, otherKey, _ := pair(t, folder, "two")
	garbage := filepath.Join(folder, "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("hunter2"), 0o600))
	for name, test := range map[string]struct{ cert, key string }{
		"no_such_certificate": {filepath.Join(folder, "none.pem"), key},
		"no_such_key":         {cert, filepath.Join(folder, "none.key")},
		"no_key":              {cert, ""},
		"no_certificate":      {"", key},
		"another_key":         {cert, otherKey},
		"another_certificate": {other, key},
		"the_wrong_way_round": {key, cert},
		"a_garbled_key":       {cert, garbage},
		"a_garbled_one":       {garbage, key},
		"a_folder":            {folder, key},
	} {
		_, err := serve.Certificate(test.cert, test.key)
		require.ErrorIs(t, err, pipeline.ErrUsage, name)
		require.NotContains(t, fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), "hunter2", name)
	}
	none, err := serve.Certificate("", "")
	require.NoError(t, err)
	require.Nil(t, none)

	// One that counts is shown, and old versions of the protocol are not spoken.
	is, err := serve.Certificate(cert, key)
	require.NoError(t, err)
	r := run(t, &serve.Server{Handler: serve.Health(), TLS: is})
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for version, taken := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version}}
		answer, err := (&http.Client{Transport: transport}).Get("https://" + r.address + "/healthz")
		require.Equal(t, taken, err == nil, "%s: %v", tls.VersionName(version), err)
		if err == nil {
			require.Equal(t, http.StatusOK, answer.StatusCode)
			require.NoError(t, answer.Body.Close())
		}
		transport.CloseIdleConnections()
	}
	r.stop()
	require.NoError(t, <-r.done)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good := write("good", "whsec_bm90IGEgc2VjcmV0LCBidXQgMzIgYnl0ZXMgbG9uZyE=\n")
	blank, weak, long := write("blank", " \n"), write("weak", "whsec_aHVudGVyMg=="), write("long", strings.Repeat("hunter2", 1000))
	hook := func(url, secret string, private bool) func(*config.Serve) {
		return func(s *config.Serve) {
			s.Notices = []config.Notice{{Name: "ops", URL: url, AllowPrivate: private, SecretFiles: []string{secret}}}
		}
	}
	for name, test := range map[string]struct {
		dev    bool
		change func(s *config.Serve)
		want   string // a part of the message, "" where all is well
	}{
		"well":               {false, func(*config.Serve) {}, ""},
		"dev":                {true, func(s *config.Serve) { s.PublicURL = "" }, ""},
		"dev_v6":             {true, func(s *config.Serve) { s.Listen, s.PublicURL = "[::1]:8080", "" }, ""},
		"dev_everywhere":     {true, func(s *config.Serve) { s.Listen, s.PublicURL = ":8080", "" }, "--dev signs anybody in"},
		"dev_v4":             {true, func(s *config.Serve) { s.Listen, s.PublicURL = "0.0.0.0:8080", "" }, "--dev signs anybody in"},
		"dev_network":        {true, func(s *config.Serve) { s.Listen, s.PublicURL = "192.0.2.7:8080", "" }, "--dev signs anybody in"},
		"dev_name":           {true, func(s *config.Serve) { s.Listen, s.PublicURL = "localhost.example.org:8080", "" }, "--dev signs anybody in"},
		"no_port":            {false, func(s *config.Serve) { s.Listen = "127.0.0.1" }, "no host and port"},
		"nobody":             {false, func(s *config.Serve) { s.SignIn = config.SignIn{} }, "nobody could sign in"},
		"no_client":          {false, func(s *config.Serve) { s.SignIn.ClientID = "" }, "the client is not"},
		"no_secret_file":     {false, func(s *config.Serve) { s.SignIn.ClientSecretFile = filepath.Join(folder, "none") }, "the client secret of the identity provider"},
		"secret_folder":      {false, func(s *config.Serve) { s.SignIn.ClientSecretFile = folder }, "the client secret of the identity provider"},
		"blank_secret":       {false, func(s *config.Serve) { s.SignIn.ClientSecretFile = blank }, "is empty"},
		"long_secret":        {false, func(s *config.Serve) { s.SignIn.ClientSecretFile = long }, "the client secret of the identity provider"},
		"no_certificate":     {false, func(s *config.Serve) { s.TLSCert, s.TLSKey = filepath.Join(folder, "none"), good }, "the certificate and its key"},
		"key_only":           {false, func(s *config.Serve) { s.TLSKey = good }, "the certificate and its key"},
		"receiver":           {false, hook("https://hooks.example.org/in", good, false), ""},
		"receiver_here":      {false, hook("http://127.0.0.1:9/in", good, true), ""},
		"receiver_plain":     {false, hook("http://hooks.example.org/in", good, true), "would be told unencrypted"},
		"receiver_here_only": {false, hook("http://127.0.0.1:9/in", good, false), "would be told unencrypted"},
		"receiver_password":  {false, hook("https://ops:hunter2@hooks.example.org/in", good, false), "name or password"},
		"receiver_no_url":    {false, hook("hunter2", good, false), "no URL that can be used"},
		"receiver_no_file":   {false, hook("https://hooks.example.org/in", filepath.Join(folder, "none"), false), "the secret of the receiver ops"},
		"receiver_weak":      {false, hook("https://hooks.example.org/in", weak, false), "the secret of a receiver is not"},
		"receiver_no_secret": {false, func(s *config.Serve) {
			s.Notices = []config.Notice{{Name: "ops", URL: "https://hooks.example.org/in"}}
		}, "has no secret"},
	} {
		s := config.Serve{Listen: "127.0.0.1:8080", PublicURL: "https://desk.example.org", SignIn: config.SignIn{Issuer: "https://id.example.org", ClientID: "desk"}}
		test.change(&s)
		err := serve.Check(serve.Options{Settings: config.Settings{DB: filepath.Join(folder, "none.db"), Serve: s}, Dev: test.dev, Now: time.Now, Logger: hclog.NewNullLogger()})
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		var own *pipeline.Error
		require.ErrorAs(t, err, &own, name)
		require.Contains(t, own.Message, test.want, name)
		require.NotContains(t, fmt.Sprintf("%v %s %v", err, own.Hint, own.Err), "hunter2", name)
		require.NotContains(t, fmt.Sprint(err, own.Hint), "aHVudGVyMg", name)
	}
	require.NoFileExists(t, filepath.Join(folder, "none.db"), "no database is opened")

	s := config.Settings{Serve: config.Serve{Listen: "127.0.0.1:8080"}, Rules: config.Rules{Files: []string{filepath.Join(folder, "none.yaml")}}}
	require.Error(t, serve.Check(serve.Options{Settings: s, Dev: true, Now: time.Now, Logger: hclog.NewNullLogger()}))
}
