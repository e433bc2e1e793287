package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// limits say how often something may happen: for one address at first and then again and
// again, and for all addresses together.
type limits struct {
	each       rate.Limit
	burst      int
	total      rate.Limit
	totalBurst int
}

// A person mistypes a few times; who guesses is slowed down. What is right is never held
// up by what others do wrong, but for those who come from the same address and were not
// right before.
var (
	wrongLimits = limits{each: 10.0 / 60, burst: 10, total: 100, totalBurst: 1000}
	startLimits = limits{each: 30.0 / 60, burst: 30, total: 20, totalBurst: 200}
)

// What is remembered is bounded; what was used longest ago is forgotten first.
const (
	mostAddresses = 20_000
	mostSecrets   = 10_000
	mostSessions  = 10_000
)

// cache returns a memory of at most this many entries.
func cache[K comparable, V any](most int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](most)
	if err != nil {
		panic(err) // only a size below one is an error
	}
	return c
}

// limiter counts by address. An address costs memory only once it was counted.
type limiter struct {
	now   func() time.Time
	is    limits
	total *rate.Limiter
	known *lru.Cache[netip.Addr, *rate.Limiter]
}

func newLimiter(now func() time.Time, is limits) *limiter {
	return &limiter{now: now, is: is, total: rate.NewLimiter(is.total, is.totalBurst), known: cache[netip.Addr, *rate.Limiter](mostAddresses)}
}

// wait says how long an address must wait, 0 for not at all. It counts nothing.
func (l *limiter) wait(addr netip.Addr) time.Duration {
	now := l.now()
	if mine, ok := l.known.Get(addr); ok {
		if wait := lacking(mine, now); wait > 0 {
			return wait
		}
	}
	return lacking(l.total, now)
}

// take counts one. Where that is too many, it counts nothing and says how long to wait.
// Who has used their own share up does not use that of others up.
func (l *limiter) take(addr netip.Addr) time.Duration {
	now := l.now()
	fresh := rate.NewLimiter(l.is.each, l.is.burst)
	mine, known, _ := l.known.PeekOrAdd(addr, fresh)
	if !known {
		mine = fresh
	} else {
		l.known.Get(addr) // it was used now
	}
	for _, one := range []*rate.Limiter{mine, l.total} {
		if !one.AllowN(now, 1) {
			return max(lacking(one, now), time.Millisecond)
		}
	}
	return 0
}

// lacking is how long it takes until a limiter lets one through.
func lacking(l *rate.Limiter, now time.Time) time.Duration {
	tokens := l.TokensAt(now)
	if tokens >= 1 {
		return 0
	}
	return time.Duration((1 - tokens) / float64(l.Limit()) * float64(time.Second))
}

// wrong counts secrets and sign-ins that were wrong, and logs them seldom.
type wrong struct {
	*limiter
	log *seldom
}

func newWrong(o Options, message string) *wrong {
	return &wrong{limiter: newLimiter(o.Now, wrongLimits), log: newSeldom(o, message)}
}

// refuse counts one, and returns why it is refused: for what it is, or for being too many.
func (f *wrong) refuse(from netip.Addr, why error, pairs ...any) error {
	f.log.say(append([]any{"address", from}, pairs...)...)
	if wait := f.take(from); wait > 0 {
		return limited{wait}
	}
	return why
}

// limited is a refusal for having asked too often.
type limited struct{ after time.Duration }

// Error says what happened.
func (limited) Error() string { return "too many requests" }

// header is the value of Retry-After, in whole seconds.
func (l limited) header() string { return fmt.Sprint(int(l.after.Seconds()) + 1) }

// logEvery is how often one thing that outsiders can cause is logged.
const logEvery = time.Minute

// seldom logs what may happen a thousand times a minute: the first time at once, then at
// most once a minute, with how often it has happened.
type seldom struct {
	logger  hclog.Logger
	now     func() time.Time
	message string

	mu    sync.Mutex
	last  time.Time
	times int
}

func newSeldom(o Options, message string) *seldom {
	return &seldom{logger: o.Logger, now: o.Now, message: message}
}

func (s *seldom) say(pairs ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times++
	now := s.now()
	if !s.last.IsZero() && now.Sub(s.last) < logEvery {
		return
	}
	s.logger.Warn(s.message, append(pairs, "times", s.times)...)
	s.last, s.times = now, 0
}

// Proxies are the networks whose word on the client's address counts.
type Proxies []netip.Prefix

// Client returns the address that a request came from: the last one in X-Forwarded-For
// that is no trusted proxy's, where a trusted proxy asks, else the peer's. Of IPv6 only
// the network of 64 bits is told, which is one customer's (RFC 6177).
func (p Proxies) Client(r *http.Request) netip.Addr {
	addr := addressOf(r.RemoteAddr)
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && p.trusts(addr); i-- {
		next := addressOf(strings.TrimSpace(forwarded[i]))
		if !next.IsValid() {
			break
		}
		addr = next
	}
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}

// addressOf reads an address with or without a port; it returns the zero address for
// anything else. A zone is dropped: it says how this machine reaches the address.
func addressOf(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
