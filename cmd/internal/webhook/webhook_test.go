package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/webhook"
	"weighbridge/pipeline"
	"weighbridge/pipeline/notice"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestSend(t *testing.T) {
	t.Parallel()
	key, err := notice.ParseSecret(secret)
	require.NoError(t, err)
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	verified := make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		verified <- verifier.Verify(body, r.Header)
	})
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/good", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 20 {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	receivers := map[string]webhook.Receiver{"refused": {URL: "https://127.0.0.1:1/?token=hidden", Secrets: [][]byte{key}}}
	for _, path := range []string{"good", "gone", "fault", "away", "long"} {
		receivers[path] = webhook.Receiver{URL: server.URL + "/" + path, Secrets: [][]byte{key}, AllowPrivate: true}
	}
	s, err := webhook.New(receivers, "weighbridge/test", time.Now)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	send := func(hook string) error {
		return s.Send(t.Context(), pipeline.Delivery{ID: uuid.Must(uuid.NewV7()), Hook: hook, Body: []byte(`{"type":"case.review"}`)})
	}
	require.NoError(t, send("good"))
	require.NoError(t, <-verified)
	require.NoError(t, send("long"), "of a long answer only a little is read")
	require.ErrorIs(t, send("gone"), notice.ErrGone)
	require.ErrorIs(t, send("nobody"), notice.ErrGone)
	require.ErrorContains(t, send("fault"), "it answered 500")
	require.ErrorContains(t, send("away"), "redirects are not followed")
	require.Empty(t, verified)
	err = send("refused")
	require.ErrorContains(t, err, "its address is private")
	require.NotContains(t, err.Error(), "hidden")
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://hooks.example.org/": "unencrypted", "http://127.0.0.1/": "unencrypted", "https://": "no URL", "ftp://h/": "unencrypted",
		"https://user:pw@hooks.example.org/": "name or password",
	} {
		_, err := webhook.New(map[string]webhook.Receiver{"r": {URL: address, Secrets: [][]byte{make([]byte, 32)}}}, "", time.Now)
		require.ErrorIs(t, err, pipeline.ErrUsage)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "pw")
	}
	_, err := webhook.New(map[string]webhook.Receiver{"r": {URL: "https://h/"}}, "", time.Now)
	require.ErrorContains(t, err, "no secret")
}

// Addresses that lead into the operator's own network, or to nowhere.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.1.1", "0.0.0.0", "224.0.0.1",
		"[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[2002:a00:1::1]", "localhost"} {
		s, err := webhook.New(map[string]webhook.Receiver{"r": {URL: "https://" + host + ":1/", Secrets: [][]byte{make([]byte, 32)}}}, "", time.Now)
		require.NoError(t, err)
		require.ErrorContains(t, s.Send(t.Context(), pipeline.Delivery{Hook: "r"}), "its address is private", host)
	}
}
