// Package webhook sends notices over HTTP, as Standard Webhooks 1.0.0 says. It follows no
// redirect, reads at most a little of the answer, and connects to no private address
// unless the operator said so for this receiver: a receiver's name may come to point
// into the operator's own network.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/notice"
)

// Receiver is where the notices of one hook go.
type Receiver struct {
	URL string
	// Secrets sign; there are two while one is replaced.
	Secrets [][]byte
	// AllowPrivate lets it be at a private or loopback address.
	AllowPrivate bool
}

const (
	sendTime  = 15 * time.Second
	answerMax = 4 << 10
)

// Sender sends to the configured receivers. It is safe for concurrent use.
type Sender struct {
	receivers       map[string]Receiver
	public, private *http.Client
	agent           string
	now             func() time.Time
}

var _ notice.Sender = (*Sender)(nil)

// New returns a sender. An error matches [pipeline.ErrUsage] where a receiver's URL is
// none that notices are sent to.
func New(receivers map[string]Receiver, agent string, now func() time.Time) (*Sender, error) {
	for name, r := range receivers {
		if err := checkURL(r); err != nil {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the receiver %q %s", name, err.Error()), Hint: "write its URL as https://host/path"}
		}
		if len(r.Secrets) == 0 {
			return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("the receiver %q has no secret", name), Hint: "name a file with notices.secret_file"}
		}
	}
	return &Sender{receivers: receivers, public: client(refusePrivate), private: client(nil), agent: agent, now: now}, nil
}

func checkURL(r Receiver) error {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil || u.Host == "":
		return errors.New("has no URL that can be used")
	case u.User != nil:
		return errors.New("has a name or password in its URL; the signature says who sends")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && r.AllowPrivate && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("would be told unencrypted")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func client(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: control}
	return &http.Client{
		Timeout:       sendTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// No proxy: it would be asked for names that this process cannot check.
		Transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second,
			ResponseHeaderTimeout: sendTime, MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second},
	}
}

// errPrivate says that a name leads into the operator's own network.
var errPrivate = errors.New("its address is private; set notices.allow_private where that is meant")

// refusePrivate looks at the address that is dialled, after names were resolved.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(inward[:], func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return errPrivate
	}
	return nil
}

// inward are networks that are no part of the public internet, or may lead to an address
// that is none, beside those that netip knows.
var inward = [...]netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),  // RFC 6598
	netip.MustParsePrefix("64:ff9b::/96"),   // RFC 6052: any IPv4 address behind it
	netip.MustParsePrefix("64:ff9b:1::/48"), // RFC 8215: the same within one network
	netip.MustParsePrefix("2002::/16"),      // RFC 3056: the IPv4 address of a 6to4 router within
}

// Send implements [notice.Sender].
func (s *Sender) Send(ctx context.Context, d pipeline.Delivery) error {
	to, ok := s.receivers[d.Hook]
	if !ok {
		return fmt.Errorf("%w: no receiver %q is configured", notice.ErrGone, d.Hook)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(d.Body))
	if err != nil {
		return errors.New("the request cannot be made")
	}
	at := s.now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.agent)
	request.Header.Set("Webhook-Id", d.ID.String())
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	request.Header.Set("Webhook-Signature", notice.Sign(to.Secrets, d.ID.String(), at, d.Body))
	through := s.public
	if to.AllowPrivate {
		through = s.private
	}
	answer, err := through.Do(request)
	if err != nil {
		return plain(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, answerMax)) // so that the connection is used again
	_ = answer.Body.Close()
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusGone:
		return fmt.Errorf("%w: it answered 410", notice.ErrGone)
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return fmt.Errorf("it answered %d; redirects are not followed", answer.StatusCode)
	}
	return fmt.Errorf("it answered %d", answer.StatusCode)
}

// plain says what went wrong without the URL, which may hold a secret.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		if wrapped.Timeout() {
			return errors.New("it did not answer in time")
		}
		err = wrapped.Err
	}
	if errors.Is(err, errPrivate) {
		return errPrivate
	}
	var resolve *net.DNSError
	if errors.As(err, &resolve) {
		return errors.New("its name cannot be resolved")
	}
	return fmt.Errorf("it cannot be reached: %w", err)
}

// Close lets go of connections.
func (s *Sender) Close() {
	s.public.CloseIdleConnections()
	s.private.CloseIdleConnections()
}
