package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/httpapi"
	"weighbridge/cmd/internal/logging"
	"weighbridge/cmd/internal/webhook"
	"weighbridge/cmd/internal/webui"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/jobs"
	"weighbridge/pipeline/notice"
)

// Options are what a desk is made of.
type Options struct {
	Settings config.Settings
	// Dev signs one person in, and lets folders be checked.
	Dev    bool
	Logger hclog.Logger
	Now    func() time.Time
	// Lease is how long a check belongs to a worker that says nothing, [app.DefaultLease]
	// where it is 0.
	Lease time.Duration
	// Signer signs what is settled, nil where no key is named.
	Signer attest.Signer
	// Checkpoint anchors the audit log where it is due; it may be nil.
	Checkpoint func(ctx context.Context, queue *app.Queue) error
	// Newest returns the newest checkpoint that counts; it may be nil.
	Newest func(ctx context.Context) (*attest.Checkpoint, error)
	// Limits are those of connections.
	Limits Limits
}

// Desk is a desk that is ready to be served.
type Desk struct {
	Server *Server
	// URL is how browsers reach it.
	URL     string
	Service *app.Service
	Mux     *access.Mux
	closers []func() error
}

// Check returns an error where the configuration cannot be used. It opens no database
// and asks nobody.
func Check(o Options) error {
	s := o.Settings.Serve
	if err := s.Check(o.Dev); err != nil {
		return err
	}
	if o.Dev {
		if err := access.CheckDev(s.Listen); err != nil {
			return err
		}
	}
	if _, err := app.Packs(o.Settings.Rules, nil); err != nil {
		return err
	}
	if _, err := Certificate(s.TLSCert, s.TLSKey); err != nil {
		return err
	}
	if _, err := secretOf(s.SignIn); err != nil {
		return err
	}
	sender, err := newSender(s.Notices, o.Now)
	if err == nil && sender != nil {
		sender.Close()
	}
	return err
}

// secretMax bounds the files of secrets, in bytes.
const secretMax = 4 << 10

// readBounded reads at most this many bytes of a file.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most))
}

// readSecret reads a file that holds a secret on its one line.
func readSecret(path, what string) (string, error) {
	text, err := readBounded(path, secretMax+1)
	if err != nil || len(text) > secretMax || strings.TrimSpace(string(text)) == "" {
		return "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "the file with " + what + " cannot be read, or is empty: " + path, Hint: "it holds the secret on its one line"}
	}
	return strings.TrimSpace(string(text)), nil
}

// secretOf returns the client secret of the identity provider, "" for none.
func secretOf(s config.SignIn) (string, error) {
	if s.ClientSecret != "" || s.ClientSecretFile == "" {
		return s.ClientSecret, nil
	}
	return readSecret(s.ClientSecretFile, "the client secret of the identity provider")
}

// newSender returns what sends notices, nil where nobody is told.
func newSender(list []config.Notice, now func() time.Time) (*webhook.Sender, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // nobody is told
	}
	receivers := map[string]webhook.Receiver{}
	for _, n := range list {
		r := webhook.Receiver{URL: n.URL, AllowPrivate: n.AllowPrivate}
		for _, file := range n.SecretFiles {
			text, err := readSecret(file, "the secret of the receiver "+n.Name)
			if err != nil {
				return nil, err
			}
			secret, err := notice.ParseSecret(text)
			if err != nil {
				return nil, err
			}
			r.Secrets = append(r.Secrets, secret)
		}
		receivers[n.Name] = r
	}
	return webhook.New(receivers, "weighbridge/"+app.Version, now)
}

// Open opens the database and makes a desk of it, to be served at an address. The caller
// closes it after it was served.
func Open(ctx context.Context, o Options, at net.Addr) (*Desk, error) {
	d := &Desk{URL: strings.TrimSuffix(o.Settings.Serve.PublicURL, "/")}
	if d.URL == "" {
		d.URL = localURL(at, o.Settings.Serve.TLSCert != "")
	}
	if err := d.open(ctx, o); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// localURL is how this machine reaches an address.
func localURL(at net.Addr, encrypted bool) string {
	scheme, host := "http", at.String()
	if encrypted {
		scheme = "https"
	}
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return scheme + "://" + host
}

// Close closes what was opened, the last first.
func (d *Desk) Close() error {
	var err error
	for i := len(d.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, d.closers[i]())
	}
	d.closers = nil
	return err
}

func (d *Desk) open(ctx context.Context, o Options) error {
	s := o.Settings.Serve
	a := &app.App{Settings: o.Settings, Logger: o.Logger, Now: o.Now}
	queue, err := a.OpenQueue(ctx)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, queue.DB.Close)
	d.Service = &app.Service{App: a, Queue: queue, Signer: o.Signer, Folders: o.Dev, Links: s.Links, LinkTerm: s.LinkTerm, Sources: s.Sources, Lease: o.Lease}

	teller, err := d.teller(o, queue)
	if err != nil {
		return err
	}
	work, err := jobs.Open(ctx, jobs.Options{DB: queue.DB.Writer(), Logger: logging.Slog(o.Logger.Named("jobs")), Workers: s.Workers,
		Check: d.Service.RunCheck, Rejudge: d.Service.RejudgeAll, Tasks: d.Service.Tasks(teller, d.checkpoint(o, queue)),
		Stale: d.Service.StaleChecks, StaleEvery: o.Lease / 3})
	if err != nil {
		return err
	}
	d.Service.Jobs = work
	if err := rejudgeWhereDue(ctx, d.Service, work); err != nil {
		return err
	}

	public, err := url.Parse(d.URL)
	if err != nil {
		return fmt.Errorf("read the public URL: %w", err)
	}
	provider, err := d.provider(ctx, o)
	if err != nil {
		return err
	}
	who := access.Options{Accounts: queue.DB, Tokens: queue.DB, Sessions: queue.DB, Links: queue.DB, Logger: o.Logger.Named("access"), Now: o.Now,
		PublicURL: public, Dev: o.Dev, DevName: o.Settings.Actor, Proxies: s.TrustedProxies}
	if provider != nil {
		who.FormTargets = []string{provider.Origin()}
	}
	handler, err := d.routes(o, who, provider, teller, work)
	if err != nil {
		return err
	}
	certificate, err := Certificate(s.TLSCert, s.TLSKey)
	if err != nil {
		return err
	}
	d.Server = &Server{Handler: handler, Workers: []Worker{work}, Logger: o.Logger, TLS: certificate, Limits: o.Limits}
	return nil
}

// rejudgeWhereDue has the queue judged again where the rules are others than at the last
// start. Until that is done, each start asks for it again.
func rejudgeWhereDue(ctx context.Context, service *app.Service, work *jobs.Jobs) error {
	why, err := service.RulesChanged(ctx)
	if err != nil || why == "" {
		return err
	}
	return work.RejudgeAll(ctx, why)
}

// teller makes and sends notices, nil where nobody is told.
func (d *Desk) teller(o Options, queue *app.Queue) (*notice.Teller, error) {
	sender, err := newSender(o.Settings.Serve.Notices, o.Now)
	if err != nil || sender == nil {
		return nil, err
	}
	d.closers = append(d.closers, func() error { sender.Close(); return nil })
	t := &notice.Teller{Log: queue.DB, Book: queue.DB, Sender: sender, URL: d.URL, Now: o.Now}
	for _, n := range o.Settings.Serve.Notices {
		t.Hooks = append(t.Hooks, notice.Hook{Name: n.Name, Kinds: n.Kinds})
	}
	return t, nil
}

func (d *Desk) checkpoint(o Options, queue *app.Queue) func(context.Context) error {
	if o.Checkpoint == nil {
		return nil
	}
	return func(ctx context.Context) error { return o.Checkpoint(ctx, queue) }
}

func (d *Desk) provider(ctx context.Context, o Options) (*access.Provider, error) {
	from := o.Settings.Serve.SignIn
	if o.Dev || !from.Named() {
		return nil, nil //nolint:nilnil // one person only
	}
	secret, err := secretOf(from)
	if err != nil {
		return nil, err
	}
	return access.Discover(ctx, access.ProviderOptions{Issuer: from.Issuer, ClientID: from.ClientID, ClientSecret: secret, RedirectURL: d.URL + "/sign-in/callback",
		Scopes: from.Scopes, NameClaim: from.NameClaim, RolesClaim: from.RolesClaim, Roles: from.Roles})
}

// routes registers every handler.
func (d *Desk) routes(o Options, who access.Options, provider *access.Provider, teller *notice.Teller, work *jobs.Jobs) (http.Handler, error) {
	db := d.Service.Queue.DB
	zone, err := o.Settings.Serve.Location()
	if err != nil {
		return nil, err
	}
	pages := webui.Options{Location: zone, Service: d.Service, Logger: o.Logger.Named("pages"), PublicURL: d.URL}
	programs := httpapi.Options{Service: d.Service, Replies: db, Rejudge: work.RejudgeAll, Logger: o.Logger.Named("api"), PublicURL: d.URL,
		BodyTime: o.Limits.Body, FileTime: o.Limits.File, PageTime: o.Limits.Page}
	if teller != nil {
		pages.Retry, programs.Retry = teller.Retry, teller.Retry
		for _, hook := range teller.Hooks {
			pages.Hooks = append(pages.Hooks, hook.Name)
		}
	}
	if o.Newest != nil {
		pages.Checkpoint = o.Newest
	}
	site, err := webui.New(pages)
	if err != nil {
		return nil, err
	}
	who.Refused = site.Refused
	metrics := NewMetrics(db, o.Logger, o.Now)
	mux := access.NewMux(who)
	d.Mux = mux
	programs.Keys = mux
	mux.Handle("GET /healthz", Health())
	mux.Handle("GET /readyz", Ready(db.Ping, o.Logger))
	mux.Handle("GET /metrics", metrics.Handler())
	mux.RegisterSignIn(provider)
	site.Register(mux, mux)
	if _, err := httpapi.Register(mux, programs); err != nil {
		return nil, err
	}
	if err := mux.Complete(); err != nil {
		return nil, err
	}
	return Watch(mux.Handler(), o.Logger.Named("http"), metrics, o.Now), nil
}
