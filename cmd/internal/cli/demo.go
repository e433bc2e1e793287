package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/cmd/internal/logging"
	"weighbridge/cmd/internal/serve"
	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
	"weighbridge/storage/object/s3"
)

// demoBucket is the bucket that the demo serves.
const demoBucket = "staging"

// demoSubmitter has the demo's models checked.
var demoSubmitter = pipeline.Actor{Name: "demo-submitter", Known: pipeline.KnownAsserted}

// demoOptions are the flags of the demo.
type demoOptions struct {
	folder, listen string
	exit           bool
}

func (c *cli) demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Check a bucket of real-size models over the S3 protocol, without any set-up",
		Long: `Demo lays out real models in a folder, by their true headers with holes in place of the
weights, serves them over the S3 protocol on this machine only, and checks each through
the same road as any bucket. It prints what it found and the queue of cases, gives the
cases a past, so that there is one in every state, and opens the review desk on this
machine. The desk stays open until you stop the demo (Ctrl-C); with --exit the demo leaves
at once. The folder stays, so that you can go on with it.

EXIT STATUS
  0   done or stopped, whatever the verdicts are
  1   something went wrong
  2   wrong usage`,
		Args: exactly(),
	}
	f := cmd.Flags()
	f.StringVar(&o.folder, "dir", "", "folder for models and queue; default a new temporary one")
	f.StringVar(&o.listen, "listen", config.DefaultListen, "host and port for the desk, on this machine only; another port where this one is taken")
	f.BoolVar(&o.exit, "exit", false, "leave once the cases are queued, without opening the desk")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), o) }
	return cmd
}

func (c *cli) demo(ctx context.Context, o demoOptions) error {
	if err := access.CheckDev(o.listen); err != nil {
		return err
	}
	if o.folder == "" {
		made, err := os.MkdirTemp("", "weighbridge-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		o.folder = made
	}
	models := filepath.Join(o.folder, "models")
	server, err := c.serveModels(ctx, models)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()

	a, err := c.app(nil)
	if err != nil {
		return err
	}
	a.Settings.DB = filepath.Join(o.folder, "queue.db")
	a.Settings.S3 = s3.Options{Endpoint: server.URL(), Region: server.Region(), AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey()}
	key, err := c.demoQueue(ctx, a, models)
	if err != nil {
		return err
	}
	if o.exit {
		_, err = fmt.Fprintf(c.env.Stdout, "\n  Open the desk on these cases, in your browser:\n    %s serve --dev --db %s\n", c.command(), a.Settings.DB)
		return err
	}
	return c.demoDesk(ctx, a.Settings, key, o.listen)
}

// demoQueue checks the models, queues them, and says what there is.
func (c *cli) demoQueue(ctx context.Context, a *app.App, models string) (*attest.PrivateKey, error) {
	queue, err := a.OpenQueue(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = queue.DB.Close() }()
	before, err := queue.DB.Cases(ctx, pipeline.CaseFilter{Limit: 1})
	if err != nil {
		return nil, err
	}
	past, err := newPast(queue, c.env.Now())
	if err != nil {
		return nil, err
	}
	if err := c.demoChecks(ctx, a, past); err != nil {
		return nil, err
	}
	if len(before.Items) == 0 { // a demo that is run again in its folder has its past
		if err := past.act(ctx); err != nil {
			return nil, err
		}
		if err := c.demoSnapshot(ctx, a, past, models); err != nil {
			return nil, err
		}
	}
	page, err := queue.DB.Cases(ctx, pipeline.CaseFilter{States: []pipeline.State{pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateChangesRequested}})
	if err != nil {
		return nil, err
	}
	_, _ = fmt.Fprint(c.env.Stdout, "\nThe queue: cases that wait for a person\n\n")
	if err := caseTable(c.env.Stdout, page, c.env.Now()); err != nil {
		return nil, err
	}
	c.demoNext(filepath.Dir(a.Settings.DB), models, a.Settings.DB, page)
	return past.key, nil
}

// demoSnapshot lets somebody change a README: a new snapshot, which takes over what was
// said of the old one.
func (c *cli) demoSnapshot(ctx context.Context, a *app.App, past *demoPast, models string) error {
	const changed = "qwen3-30b-a3b"
	if err := touchReadme(models, changed); err != nil {
		return err
	}
	w, err := a.Weigh(ctx, app.Run{Source: "s3://" + demoBucket + "/" + changed + "/", AsOf: c.env.Now(), Keep: true})
	if err != nil {
		return err
	}
	_, err = past.record(ctx, changed, w, demoSubmitter)
	return err
}

// demoDesk opens the desk on the demo's queue until the demo is stopped.
func (c *cli) demoDesk(ctx context.Context, settings config.Settings, key *attest.PrivateKey, listen string) error {
	logger, err := logging.New(c.env.Stderr, c.settings.LogLevel)
	if err != nil {
		return err
	}
	listener, err := serve.Listen(ctx, listen)
	if err != nil {
		host, _, _ := net.SplitHostPort(listen) // it was checked
		if listener, err = serve.Listen(ctx, net.JoinHostPort(host, "0")); err != nil {
			return err
		}
	}
	settings.Serve.Listen = listener.Addr().String()
	desk, err := serve.Open(ctx, serve.Options{Settings: settings, Dev: true, Logger: logger, Now: c.env.Now, Signer: key}, listener.Addr())
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer func() { _ = desk.Close() }()
	desk.Server.Listening = func(net.Addr) {
		_, _ = fmt.Fprintf(c.env.Stdout, "\nThe desk is open at %s\n  Press Ctrl-C to close it.\n", desk.URL)
	}
	return desk.Server.Run(ctx, listener)
}

// serveModels lays out every model and serves the folder on loopback.
func (c *cli) serveModels(ctx context.Context, folder string) (*s3server.Server, error) {
	for _, name := range fixtures.Models() {
		m, err := fixtures.Load(name)
		if err != nil {
			return nil, fmt.Errorf("load the model %s: %w", name, err)
		}
		if err := m.Write(filepath.Join(folder, name)); err != nil {
			return nil, fmt.Errorf("lay out the model %s: %w", name, err)
		}
	}
	server, err := s3server.Start(ctx, s3server.Options{Folders: map[string]string{demoBucket: folder}})
	if err != nil {
		return nil, fmt.Errorf("serve the models: %w", err)
	}
	return server, nil
}

// demoChecks checks every model through the S3 backend and queues it.
func (c *cli) demoChecks(ctx context.Context, a *app.App, past *demoPast) error {
	_, _ = fmt.Fprintf(c.env.Stdout, "%d real models, by their true headers, behind the S3 protocol on this machine\n\n", len(fixtures.Models()))
	t := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	// Words stand to the left: a cell ends behind the gap that follows it.
	const row = "%-16s\t%s\t%s\t  %-11s\t%-12s\t%s\t%s\t%s\t%s\t\n"
	_, _ = fmt.Fprintf(t, row, "MODEL", "PARAMETERS", "STORED ELEMENTS", "FAMILY", "VERDICT", "SIZE", "READ", "REQUESTS", "SECONDS")
	for _, name := range fixtures.Models() {
		w, err := a.Weigh(ctx, app.Run{Source: "s3://" + demoBucket + "/" + name + "/", AsOf: c.env.Now(), Keep: true})
		if err != nil {
			return err
		}
		if _, err := past.record(ctx, name, w, demoSubmitter); err != nil {
			return err
		}
		r := &w.Report
		p := r.Facts.Params
		stored := "unknown"
		if p.StoredElements != nil {
			stored = report.Count(*p.StoredElements)
		}
		_, _ = fmt.Fprintf(t, row, name, caseWeight(pipeline.CaseParams{Lower: p.Lower, Estimate: p.Estimate, Upper: p.Upper}),
			stored, value(r.Facts.Architecture.Family, "unknown"), r.Verdict, report.Size(r.Artifact.Bytes), report.Size(r.Cost.BytesRead), report.Count(r.Cost.Requests), fmt.Sprintf("%.2f", r.Cost.Seconds))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// demoNext tells what to try next, in commands that work as printed.
func (c *cli) demoNext(folder, models, db string, page pipeline.CasePage) {
	run := c.command()
	id := "CASE"
	for _, item := range page.Items {
		if filepath.Base(item.Source) == "llama-3-70b" {
			id = item.ID.String()
		}
	}
	_, _ = fmt.Fprintf(c.env.Stdout, `
What to try next

  See one case with its evidence:
    %[1]s queue show %[3]s --db %[2]s
  Decide it, as somebody who did not submit it:
    %[1]s queue decide %[3]s approve --actor rita --reason evidence_sufficient --comment "seen" --db %[2]s
  Verify the audit log:
    %[1]s audit verify --db %[2]s
  Check a folder, as a maintainer would before an upload:
    %[1]s check %[4]s
  Check a bucket of your own (credentials from the usual places):
    %[1]s check s3://your-bucket/your-model/

  Everything above lies in %[5]s; remove that folder when you are done.
`, run, db, id, filepath.Join(models, "mistral-7b"), folder)
}
