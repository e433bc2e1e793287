package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the image has no time zones of its own

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
)

// The environment variables of the desk.
const (
	EnvListen           = "WEIGHBRIDGE_LISTEN"
	EnvPublicURL        = "WEIGHBRIDGE_PUBLIC_URL"
	EnvTimeZone         = "WEIGHBRIDGE_TIME_ZONE"
	EnvOIDCIssuer       = "WEIGHBRIDGE_OIDC_ISSUER"
	EnvOIDCClientID     = "WEIGHBRIDGE_OIDC_CLIENT_ID"
	EnvOIDCClientSecret = "WEIGHBRIDGE_OIDC_CLIENT_SECRET" //nolint:gosec // the name of a variable
)

// DefaultListen is where the desk listens where nothing else is said.
const DefaultListen = "127.0.0.1:8080"

// Serve says how the desk is served.
type Serve struct {
	// Listen is a host and port.
	Listen string
	// PublicURL is how browsers reach the desk, such as https://desk.example.org. It has
	// no path.
	PublicURL string
	// TimeZone is whose times the pages show, a name of the IANA time zone database such
	// as Asia/Shanghai; "" is UTC.
	TimeZone string
	// TLSCert and TLSKey are PEM files; without them the desk speaks plain HTTP, for a
	// proxy in front of it.
	TLSCert, TLSKey string
	// TrustedProxies are the networks whose word on the client's address counts.
	TrustedProxies []netip.Prefix
	// Sources are prefixes that a check must have one of; none means any bucket.
	Sources []string
	// Links lets reviewers make links through which a submitter answers without an
	// account. LinkTerm is how long one counts.
	Links    bool
	LinkTerm time.Duration
	// Workers is how many checks run side by side.
	Workers int
	// Due is how soon a case should be decided, by verdict. What is not named has the
	// state machine's own term.
	Due map[pipeline.Verdict]time.Duration
	// SignIn is the identity provider.
	SignIn SignIn
	// Notices are the receivers of notices.
	Notices []Notice
}

// Notice is a receiver of notices.
type Notice struct {
	// Name is its name, by which is known what it was told already.
	Name string
	URL  string
	// SecretFiles hold the secrets that sign, one each; two while one is replaced.
	SecretFiles []string
	// Kinds are what it is told of; none means everything.
	Kinds []pipeline.NoticeKind
	// AllowPrivate lets it be at a private address.
	AllowPrivate bool
}

// SignIn names the OpenID Connect provider and what its claims mean.
type SignIn struct {
	Issuer, ClientID string
	// ClientSecret comes from the environment, ClientSecretFile from the file; a public
	// client has neither.
	ClientSecret, ClientSecretFile string
	// NameClaim is the claim that names the actor, RolesClaim the one that holds roles.
	NameClaim, RolesClaim string
	// Roles maps values of the roles claim to roles and offices.
	Roles map[string][]pipeline.ActorRole
	// Scopes are asked for beside openid, profile and email.
	Scopes []string
}

// Named reports whether a provider is named.
func (s SignIn) Named() bool { return s.Issuer != "" }

// serveFile is what a configuration file may say of the desk.
type serveFile struct {
	Listen    string `yaml:"listen"`
	PublicURL string `yaml:"public_url"`
	TimeZone  string `yaml:"time_zone"`
	TLS       struct {
		Cert string `yaml:"cert"`
		Key  string `yaml:"key"`
	} `yaml:"tls"`
	TrustedProxies []string `yaml:"trusted_proxies"`
	Sources        []string `yaml:"sources"`
	Links          struct {
		Allow bool   `yaml:"allow"`
		Term  string `yaml:"term"`
	} `yaml:"links"`
	Workers int               `yaml:"workers"`
	Due     map[string]string `yaml:"due"`
	SignIn  struct {
		Issuer           string            `yaml:"issuer"`
		ClientID         string            `yaml:"client_id"`
		ClientSecretFile string            `yaml:"client_secret_file"`
		NameClaim        string            `yaml:"name_claim"`
		RolesClaim       string            `yaml:"roles_claim"`
		Roles            map[string]string `yaml:"roles"`
		Scopes           []string          `yaml:"scopes"`
	} `yaml:"sign_in"`
	Notices []noticeFile `yaml:"notices"`
}

// noticeFile is a receiver in the file.
type noticeFile struct {
	Name         string   `yaml:"name"`
	URL          string   `yaml:"url"`
	SecretFiles  []string `yaml:"secret_files"`
	Kinds        []string `yaml:"kinds"`
	AllowPrivate bool     `yaml:"allow_private"`
}

// Bounds of what the file may say.
const (
	defaultLinkTerm = 14 * 24 * time.Hour
	mostLinkTerm    = 90 * 24 * time.Hour
	defaultWorkers  = 4
	mostWorkers     = 64
)

// read checks what the file says of the desk, and fills what neither flag nor
// environment gave.
func (s *Serve) read(said *serveFile, root *yaml.Node, beside func(string) string, problems *document.Problems) {
	at := document.Child(root, "serve")
	fill(&s.Listen, said.Listen)
	fill(&s.PublicURL, said.PublicURL)
	fill(&s.TimeZone, said.TimeZone)
	fill(&s.TLSCert, beside(said.TLS.Cert))
	fill(&s.TLSKey, beside(said.TLS.Key))
	if (said.TLS.Cert == "") != (said.TLS.Key == "") {
		problems.Add(document.Child(at, "tls"), "tls needs both cert and key")
	}
	for i, text := range said.TrustedProxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			problems.Add(element(document.Child(at, "trusted_proxies"), i), "%q is no network: write one as 10.0.0.0/8", text)
			continue
		}
		s.TrustedProxies = append(s.TrustedProxies, network.Masked())
	}
	for i, text := range said.Sources {
		if src, err := pipeline.ParseSource(text); err != nil || src.Scheme == pipeline.SchemeDir {
			problems.Add(element(document.Child(at, "sources"), i), "%q is no place in a bucket: write one as s3://bucket/prefix/", text)
			continue
		}
		if !strings.HasSuffix(text, "/") {
			text += "/"
		}
		s.Sources = append(s.Sources, text)
	}
	links := document.Child(at, "links")
	s.Links = s.Links || said.Links.Allow
	s.LinkTerm = duration(said.Links.Term, defaultLinkTerm, time.Hour, mostLinkTerm, document.Child(links, "term"), problems)
	if s.Workers == 0 {
		s.Workers = said.Workers
	}
	if said.Workers < 0 || said.Workers > mostWorkers {
		problems.Add(document.Child(at, "workers"), "%d is no number of workers: it is 1 to %d", said.Workers, mostWorkers)
	}
	s.readDue(said.Due, document.Child(at, "due"), problems)
	s.SignIn.read(said, document.Child(at, "sign_in"), beside, problems)
	s.readNotices(said.Notices, document.Child(at, "notices"), beside, problems)
}

func (s *Serve) readNotices(said []noticeFile, at *yaml.Node, beside func(string) string, problems *document.Problems) {
	names := map[string]bool{}
	for i, from := range said {
		node := element(at, i)
		if from.Name == "" || from.URL == "" || len(from.SecretFiles) == 0 {
			problems.Add(node, "a receiver of notices needs name, url and secret_files")
			continue
		}
		if names[from.Name] {
			problems.Add(node, "two receivers are named %q", from.Name)
		}
		names[from.Name] = true
		n := Notice{Name: from.Name, URL: from.URL, AllowPrivate: from.AllowPrivate}
		for _, file := range from.SecretFiles {
			n.SecretFiles = append(n.SecretFiles, beside(file))
		}
		for _, kind := range from.Kinds {
			if !slices.Contains(pipeline.NoticeKinds(), pipeline.NoticeKind(kind)) {
				problems.Add(document.Child(node, "kinds"), "there is no notice %q; there are %s", kind, kindList())
				continue
			}
			n.Kinds = append(n.Kinds, pipeline.NoticeKind(kind))
		}
		s.Notices = append(s.Notices, n)
	}
}

func kindList() string {
	var out []string
	for _, k := range pipeline.NoticeKinds() {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

func (s *Serve) readDue(said map[string]string, at *yaml.Node, problems *document.Problems) {
	const least, most = time.Hour, 365 * 24 * time.Hour
	for name, text := range said {
		verdict := pipeline.Verdict(name)
		if !slices.Contains([]pipeline.Verdict{pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}, verdict) {
			problems.Add(document.Child(at, name), "%q is no verdict that a person decides: they are review, inconclusive and block", name)
			continue
		}
		if s.Due == nil {
			s.Due = map[pipeline.Verdict]time.Duration{}
		}
		s.Due[verdict] = duration(text, 0, least, most, document.Child(at, name), problems)
	}
}

func (s *SignIn) read(said *serveFile, at *yaml.Node, beside func(string) string, problems *document.Problems) {
	from := said.SignIn
	fill(&s.Issuer, from.Issuer)
	fill(&s.ClientID, from.ClientID)
	fill(&s.ClientSecretFile, beside(from.ClientSecretFile))
	fill(&s.NameClaim, from.NameClaim)
	fill(&s.RolesClaim, from.RolesClaim)
	s.Scopes = append(s.Scopes, from.Scopes...)
	for value, role := range from.Roles {
		actor := pipeline.Actor{Name: role, Known: pipeline.KnownSystem}
		if actor.Validate() != nil {
			problems.Add(document.Child(document.Child(at, "roles"), value), "%q is no role: it is submitter, reviewer, legal, auditor, admin, or the name of an office", role)
			continue
		}
		if s.Roles == nil {
			s.Roles = map[string][]pipeline.ActorRole{}
		}
		s.Roles[value] = append(s.Roles[value], pipeline.ActorRole(role))
	}
	if from.Issuer != "" && from.ClientID == "" {
		problems.Add(at, "sign_in needs client_id, the name under which the provider knows this desk")
	}
}

// withDefaults fills what nobody said.
func (s Serve) withDefaults() Serve {
	fill(&s.Listen, DefaultListen)
	if s.Workers == 0 {
		s.Workers = defaultWorkers
	}
	if s.LinkTerm == 0 {
		s.LinkTerm = defaultLinkTerm
	}
	return s
}

// Check returns an error that matches [pipeline.ErrUsage] where the desk cannot be served
// so. dev is true for the one person of --dev.
func (s Serve) Check(dev bool) error {
	bad := func(message, hint string) error {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return bad("the address to listen on is no host and port: "+s.Listen, "write it as 127.0.0.1:8080")
	}
	if _, err := s.Location(); err != nil {
		return err
	}
	if !dev && !s.SignIn.Named() {
		return bad("nobody could sign in: no identity provider is named", "name one under serve.sign_in or by "+EnvOIDCIssuer+", or try the desk alone with --dev")
	}
	if s.SignIn.Named() && s.SignIn.ClientID == "" {
		return bad("the identity provider is named and the client is not", "give serve.sign_in.client_id or "+EnvOIDCClientID)
	}
	if s.PublicURL == "" {
		if dev {
			return nil
		}
		return bad("it is not said how browsers reach the desk", "give serve.public_url or "+EnvPublicURL+", such as https://desk.example.org")
	}
	u, err := url.Parse(s.PublicURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return bad("the public URL is none that browsers can use: "+redacted(u), "write it as https://desk.example.org, without a path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return bad("the public URL is not encrypted", "use https; http is for this machine only")
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("the public URL begins with neither https nor http", "write it as https://desk.example.org")
	}
	return nil
}

// Location is the time zone of the pages. An error matches [pipeline.ErrUsage].
func (s Serve) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil || s.TimeZone == "Local" {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: fmt.Sprintf("%.60q is no time zone that is known", s.TimeZone),
			Hint: "name one of the IANA time zone database, such as Asia/Shanghai, in serve.time_zone or " + EnvTimeZone}
	}
	return zone, nil
}

// redacted writes a URL that was refused without what may be a secret in it.
func redacted(u *url.URL) string {
	if u == nil {
		return "it does not parse"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// duration reads a duration of the file, with a default where it says nothing.
func duration(text string, otherwise, least, most time.Duration, at *yaml.Node, problems *document.Problems) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		problems.Add(at, "%q is no duration that is taken here: write one from %s to %s, such as 48h", text, least, most)
	}
	return d
}

func fill(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

// element is an element of a list in the file, the list itself where there is none.
func element(list *yaml.Node, i int) *yaml.Node {
	if list == nil || i >= len(list.Content) {
		return list
	}
	return list.Content[i]
}
