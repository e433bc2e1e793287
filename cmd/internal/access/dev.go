package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"weighbridge/pipeline"
)

// CheckDev returns an error that matches [pipeline.ErrUsage] unless the address to listen
// on is this machine's own.
func CheckDev(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err == nil && loopback(host) {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: "--dev signs anybody in who reaches the desk, so it is for this machine only, and " + listen + " is reached from others",
		Hint: "use --listen 127.0.0.1:8080, or name an identity provider"}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// fromHere reports whether a request reached a loopback address of this machine, and asked
// for it by a loopback name and its port. A page from elsewhere whose name was made to
// lead here (DNS rebinding) asks for that name. Where the server does not say which
// address was reached ([http.LocalAddrContextKey]), the answer is no.
func fromHere(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	reached, port, err := net.SplitHostPort(local.String())
	if err != nil || !loopback(reached) {
		return false
	}
	host, asked, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, asked = strings.Trim(r.Host, "[]"), "80"
		if r.TLS != nil {
			asked = "443"
		}
	}
	return loopback(host) && asked == port
}
