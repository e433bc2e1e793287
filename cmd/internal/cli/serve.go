package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/logging"
	"weighbridge/cmd/internal/serve"
	"weighbridge/pipeline/attest"
)

// serveDB is the database of a desk where none is named.
const serveDB = "weighbridge.db"

func (c *cli) serveCommand() *cobra.Command {
	var dev, checkConfig bool
	var sign signing
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the review desk: API, pages and workers in one process",
		Long: `Serve runs the desk where people decide cases, its API, and the workers that check models
in the background, in one process on one database. Where none is named the database is
` + serveDB + ` in the working folder.

People sign in at the identity provider that the configuration names under serve.sign_in;
programs show tokens. With --dev one person is signed in with every role, and folders may be
checked; it is refused on any address but this machine's own.

On SIGINT or SIGTERM the desk takes no new requests, answers those in flight, ends or hands
back what its workers do, and leaves.

EXIT STATUS
  0   stopped, or with --check-config: the configuration can be used
  1   the database, or the identity provider, cannot be used
  2   wrong usage or a fault in the configuration`,
		Example: "  weighbridge serve --dev\n  weighbridge serve --config weighbridge.yaml --check-config\n  weighbridge serve --config weighbridge.yaml",
		Args:    exactly(),
	}
	f := cmd.Flags()
	f.StringVar(&c.settings.Serve.Listen, "listen", "", "host and port to listen on (or "+config.EnvListen+"); default "+config.DefaultListen)
	f.StringVar(&c.settings.Serve.PublicURL, "public-url", "", "how browsers reach the desk, such as https://desk.example.org (or "+config.EnvPublicURL+")")
	f.StringVar(&c.settings.Serve.TimeZone, "time-zone", "", "whose times the pages show, such as Asia/Shanghai (or "+config.EnvTimeZone+"); default UTC")
	f.IntVar(&c.settings.Serve.Workers, "workers", 0, "how many checks run side by side; default 4")
	f.BoolVar(&dev, "dev", false, "sign one person in with every role, on this machine only")
	f.BoolVar(&checkConfig, "check-config", false, "say what would be used, and leave")
	sign.add(cmd, &c.settings)
	addListFlags(cmd, &c.settings.Lists)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed("log-level") {
			c.settings.LogLevel = "info"
		}
		return c.serve(cmd.Context(), &sign, dev, checkConfig)
	}
	return cmd
}

func (c *cli) serve(ctx context.Context, sign *signing, dev, checkConfig bool) error {
	settings, err := c.resolve()
	if err != nil {
		return err
	}
	if settings.DB == "" {
		settings.DB = serveDB
	}
	o := serve.Options{Settings: settings, Dev: dev, Now: c.env.Now}
	if o.Logger, err = logging.New(c.env.Stderr, settings.LogLevel); err != nil {
		return err
	}
	if err := serve.Check(o); err != nil {
		return err
	}
	key, err := c.key(ctx, sign, settings.Approvals)
	if err != nil {
		return err
	}
	o.Signer = signer(key)
	if checkConfig {
		return c.configTable(settings, dev, key != nil)
	}
	o.Checkpoint = func(ctx context.Context, queue *app.Queue) error {
		return c.keepCheckpoint(ctx, &app.App{Settings: settings}, queue, sign, key)
	}
	o.Newest = func(ctx context.Context) (*attest.Checkpoint, error) { return c.notedCheckpoint(ctx, settings, key) }
	listener, err := serve.Listen(ctx, settings.Serve.Listen)
	if err != nil {
		return err
	}
	desk, err := serve.Open(ctx, o, listener.Addr())
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer func() { _ = desk.Close() }()
	desk.Server.Listening = func(net.Addr) {
		_, _ = fmt.Fprintf(c.env.Stdout, "The desk is open at %s\n", desk.URL)
	}
	return desk.Server.Run(ctx, listener)
}

// configTable says what a desk would be run with. Secrets are named, never shown.
func (c *cli) configTable(s config.Settings, dev, signs bool) error {
	who := "by OpenID Connect at " + s.Serve.SignIn.Issuer
	if dev {
		who = "one person, with every role (--dev)"
	}
	packs, err := app.Packs(s.Rules, nil)
	if err != nil {
		return err
	}
	var modes []string
	for _, p := range packs {
		modes = append(modes, p.Pack.Name+" "+string(p.Mode))
	}
	checked := "any bucket"
	if len(s.Serve.Sources) > 0 {
		checked = strings.Join(s.Serve.Sources, ", ")
	}
	signed := "no: no key is named"
	if signs {
		signed = "yes"
	}
	transport := "plain HTTP, for a proxy in front of it"
	if s.Serve.TLSCert != "" {
		transport = "TLS"
	}
	var b strings.Builder
	for _, row := range [][2]string{{"database", s.DB}, {"listens on", s.Serve.Listen + ", " + transport}, {"reached at", s.Serve.PublicURL},
		{"time zone", s.Serve.TimeZone}, {"people sign in", who}, {"checks", checked}, {"workers", fmt.Sprint(s.Serve.Workers)}, {"approvals signed", signed}, {"packs", strings.Join(modes, ", ")}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "%-18s%s\n", row[0], row[1])
		}
	}
	_, err = io.WriteString(c.env.Stdout, "The configuration can be used.\n\n"+b.String())
	return err
}
