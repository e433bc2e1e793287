package access

import (
	"container/list"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often an address may be wrong, or begin to sign in, and all together. A person
// mistypes a few times; who guesses is slowed down.
const (
	failureRate  = rate.Limit(10.0 / 60)
	failureBurst = 10
	failureTotal = rate.Limit(20)
	startRate    = rate.Limit(30.0 / 60)
	startBurst   = 30
	startTotal   = rate.Limit(50)
	// mostAddresses bounds the addresses that are remembered; the one that was seen
	// longest ago is forgotten first.
	mostAddresses = 20_000
)

// limiter counts by address.
type limiter struct {
	now   func() time.Time
	limit rate.Limit
	burst int
	total *rate.Limiter

	mu    sync.Mutex
	known map[netip.Addr]*list.Element
	order *list.List // of *counted, last seen first
}

type counted struct {
	addr netip.Addr
	*rate.Limiter
}

func newLimiter(now func() time.Time, limit rate.Limit, burst int, total rate.Limit) *limiter {
	return &limiter{now: now, limit: limit, burst: burst, total: rate.NewLimiter(total, int(total)*10),
		known: map[netip.Addr]*list.Element{}, order: list.New()}
}

// of returns the counter of an address.
func (l *limiter) of(addr netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.known[addr]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*counted).Limiter
	}
	if l.order.Len() >= mostAddresses {
		oldest := l.order.Back()
		delete(l.known, l.order.Remove(oldest).(*counted).addr)
	}
	c := &counted{addr: addr, Limiter: rate.NewLimiter(l.limit, l.burst)}
	l.known[addr] = l.order.PushFront(c)
	return c.Limiter
}

// blocked says how long an address must wait, 0 for not at all. It counts nothing.
func (l *limiter) blocked(addr netip.Addr) time.Duration {
	now := l.now()
	for _, one := range []*rate.Limiter{l.of(addr), l.total} {
		if tokens := one.TokensAt(now); tokens < 1 {
			return time.Duration((1 - tokens) / float64(one.Limit()) * float64(time.Second))
		}
	}
	return 0
}

// take counts one.
func (l *limiter) take(addr netip.Addr) {
	now := l.now()
	l.of(addr).AllowN(now, 1)
	l.total.AllowN(now, 1)
}

// Proxies are the networks whose word on the client's address counts.
type Proxies []netip.Prefix

// Client returns the address that a request came from: the last one in X-Forwarded-For
// that no trusted proxy wrote on its own behalf, where a trusted proxy asks, else the
// peer's. Of IPv6 only the network of 64 bits is told, which is one customer's.
func (p Proxies) Client(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap()
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && p.trusts(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	if addr.Is6() {
		if network, err := addr.WithZone("").Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
