package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/fixtures"
	"weighbridge/fixtures/s3server"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/storage/object/s3"
)

// demoBucket is the bucket that the demo serves.
const demoBucket = "staging"

func (c *cli) demoCommand() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Check a bucket of real-size models over the S3 protocol, without any set-up",
		Long: `Demo lays out real models in a folder, by their true headers with holes in place of the
weights, serves them over the S3 protocol on this machine only, and checks each through
the same road as any bucket. It prints what it found and the queue of cases, and leaves
the folder so that you can go on with it.

EXIT STATUS
  0   done, whatever the verdicts are
  1   something went wrong
  2   wrong usage`,
		Args: exactly(),
	}
	cmd.Flags().StringVar(&folder, "dir", "", "folder for models and queue; default a new temporary one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), folder) }
	return cmd
}

func (c *cli) demo(ctx context.Context, folder string) error {
	if folder == "" {
		made, err := os.MkdirTemp("", "weighbridge-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		folder = made
	}
	models := filepath.Join(folder, "models")
	server, err := c.serveModels(ctx, models)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()

	a, err := c.app(nil)
	if err != nil {
		return err
	}
	a.Settings.DB = filepath.Join(folder, "queue.db")
	a.Settings.S3 = s3.Options{Endpoint: server.URL(), Region: server.Region(), AccessKeyID: server.AccessKeyID(), SecretAccessKey: server.SecretAccessKey()}
	queue, err := a.OpenQueue(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = queue.DB.Close() }()
	if err := c.demoChecks(ctx, a, queue); err != nil {
		return err
	}
	page, err := queue.DB.Cases(ctx, pipeline.CaseFilter{States: []pipeline.State{pipeline.StateOpen}})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(c.env.Stdout, "\nThe queue: cases that wait for a person\n\n")
	if err := caseTable(c.env.Stdout, page, c.env.Now()); err != nil {
		return err
	}
	c.demoNext(folder, models, a.Settings.DB, page)
	return nil
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
func (c *cli) demoChecks(ctx context.Context, a *app.App, queue *app.Queue) error {
	_, _ = fmt.Fprintf(c.env.Stdout, "%d real models, by their true headers, behind the S3 protocol on this machine\n\n", len(fixtures.Models()))
	t := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	// Words stand to the left: a cell ends behind the gap that follows it.
	const row = "%-16s\t%s\t%s\t  %-11s\t%-12s\t%s\t%s\t%s\t%s\t\n"
	_, _ = fmt.Fprintf(t, row, "MODEL", "PARAMETERS", "STORED ELEMENTS", "FAMILY", "VERDICT", "SIZE", "READ", "REQUESTS", "SECONDS")
	by := pipeline.Actor{Name: "demo-submitter", Known: pipeline.KnownAsserted}
	for _, name := range fixtures.Models() {
		w, err := a.Weigh(ctx, app.Run{Source: "s3://" + demoBucket + "/" + name + "/", AsOf: c.env.Now(), Keep: true})
		if err != nil {
			return err
		}
		if err := c.record(ctx, queue, w, by, nil); err != nil {
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
