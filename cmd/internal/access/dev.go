package access

import (
	"net"
	"net/http"
	"net/netip"

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
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// localHost reports whether a request was made to a name of this machine. A page from
// elsewhere whose name was made to lead here asks for its own name.
func localHost(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return loopback(host)
}
