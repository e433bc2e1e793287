package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

// judged holds the flags of commands that judge a source.
type judged struct {
	submission string
	packs      []string
	asOf       string
	hash       bool
}

// addFlags adds the flags to a command; the lists are settings of the call.
func (j *judged) addFlags(cmd *cobra.Command, settings *config.Settings) {
	cmd.Flags().StringVar(&j.submission, "submission", "", "file with what the submitter declares")
	j.addPackFlag(cmd)
	addListFlags(cmd, &settings.Lists)
	cmd.Flags().BoolVar(&j.hash, "hash", false, "read every byte once for its SHA-256, where the store does not hold it: the content digest, and signatures held against the bytes")
	cmd.Flags().StringArrayVar(&settings.Signers, "signer", nil, "PEM file with the public key or the certificate of who may sign models; may be repeated")
}

// addRuleFlags adds the flags that say which rules are applied.
func (j *judged) addRuleFlags(cmd *cobra.Command) {
	j.addPackFlag(cmd)
	j.addDayFlag(cmd)
}

func (j *judged) addPackFlag(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&j.packs, "pack", nil, "rule pack to use instead of the configured ones, by name or file; may be repeated")
}

// addDayFlag is for commands that open nothing: another day must not let bytes pass.
func (j *judged) addDayFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&j.asOf, "as-of", "", "apply the rules as on this day, YYYY-MM-DD; default today")
}

// addListFlags adds the flags that name the operator's lists.
func addListFlags(cmd *cobra.Command, lists *config.Lists) {
	f := cmd.Flags()
	f.StringVar(&lists.Screening, "screening-list", "", "consolidated screening list in JSON to hold the parties against (or "+config.EnvScreeningList+")")
	f.StringVar(&lists.ScreeningDate, "screening-date", "", "day or time at which that list was made, where the file does not say")
	f.StringVar(&lists.ScreeningResult, "screening-result", "", "file with what an outside screening service found")
	f.StringVar(&lists.Directives, "directives", "", "file of directives that the operator received (or "+config.EnvDirectives+")")
}

// run returns what to run for a source.
func (j *judged) run(source string, now time.Time) (app.Run, error) {
	day := now
	if j.asOf != "" {
		parsed, err := time.Parse(time.DateOnly, j.asOf)
		if err != nil {
			return app.Run{}, usage("--as-of takes a day as YYYY-MM-DD")
		}
		day = parsed
	}
	return app.Run{Source: source, Submission: j.submission, Packs: j.packs, AsOf: day, Hash: j.hash}, nil
}

func (c *cli) checkCommand() *cobra.Command {
	var j judged
	cmd := &cobra.Command{
		Use:   "check SOURCE",
		Short: "Weigh and judge a model, and queue the case where a queue is named",
		Long: `Check reads the headers of every file under SOURCE (s3://bucket/prefix/ or a folder),
weighs the model, identifies it, and judges it by rule packs. Where a database is named
with --db or ` + "WEIGHBRIDGE_DB" + `, the case is written to the queue; the actor is its submitter.

The report is written in the form that --format names: a table to read, JSON by a schema,
Markdown for a comment on a pull request, SARIF 2.1.0 or JUnit XML for servers, a page in HTML,
or a bill of materials in CycloneDX 1.6. With --report FORMAT=FILE the same run writes others
into files. Where no report can be made, no file is written, and the error is on standard error;
with --format json it is JSON on standard output.

With --hash every byte is read once, and the content digest names the bytes wherever they
lie. A SHA-256 that the store holds for a whole object is taken without reading it; the
report's content_basis says so.

Where a queue and a signing key are named, a case that is cleared, or was approved before, is
signed where it is not yet.
` + serverHelp + `
The desk then reads SOURCE itself, with its own access to the bucket, its own lists and its
own packs: --pack names more of them to enforce, and leaves out none that the desk enforces.
Only the file that --submission names is read here and sent. The report is fetched and written
here, in any format.
` + exitHelp,
		Example: `  weighbridge check s3://staging/llama-3-70b/
  weighbridge check ./my-model --pack seed-article --format json
  weighbridge check ./my-model --report markdown=comment.md --report sarif=weighbridge.sarif
  weighbridge check s3://staging/llama-3-70b/ --server https://desk.example.org --token-file token`,
		Args: exactly("SOURCE"),
	}
	var sign signing
	j.addFlags(cmd, &c.settings)
	j.addDayFlag(cmd)
	sign.add(cmd, &c.settings)
	c.addServerFlags(cmd.Flags())
	f := formatFlag(cmd, report.FormatNames()...)
	var files reportFiles
	cmd.Flags().Var(&files, "report", "also write the report as FORMAT to FILE, given as FORMAT=FILE; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		run, err := j.run(args[0], c.env.Now())
		if err != nil {
			return err
		}
		remote, err := c.remote(cmd, deskChecks)
		if err != nil {
			return err
		}
		r, err := c.checked(cmd.Context(), run, remote, &sign)
		if err != nil {
			return err
		}
		if err := files.write(r); err != nil {
			return err
		}
		if err := c.writeReport(r, f); err != nil {
			return err
		}
		return exitFor(r.Verdict)
	}
	return cmd
}

// checked has a source checked and queued: by a desk where one is named, else here.
func (c *cli) checked(ctx context.Context, run app.Run, remote *remoteDesk, sign *signing) (*pipeline.Report, error) {
	if remote != nil {
		return c.checkedAt(ctx, run, remote)
	}
	w, queue, err := c.weigh(ctx, run, sign)
	if err != nil {
		return nil, err
	}
	if queue != nil {
		_ = queue.DB.Close()
	}
	return &w.Report, nil
}

// weigh runs a source and queues the case where a queue is named. The queue is opened
// first, so that a database that cannot be written costs no reading.
func (c *cli) weigh(ctx context.Context, run app.Run, sign *signing) (*pipeline.Weighing, *app.Queue, error) {
	bars := c.progress()
	defer bars.stop()
	a, err := c.app(bars)
	if err != nil {
		return nil, nil, err
	}
	var queue *app.Queue
	var key *attest.PrivateKey
	if a.Settings.DB != "" {
		if err := a.Settings.Who().Validate(); err != nil {
			return nil, nil, err
		}
		if key, err = c.key(ctx, sign, a.Settings.Approvals); err != nil {
			return nil, nil, err
		}
		if queue, err = a.OpenQueue(ctx); err != nil {
			return nil, nil, err
		}
		run.Keep = true
	} else if c.settings.Approvals.Key != "" || sign.passphraseFile != "" {
		// A key of the environment or the configuration is for other commands too.
		return nil, nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "a signing key is given, and no queue in which anything could be signed",
			Hint: "name the queue with --db FILE or " + config.EnvDB + ", or leave --key and --passphrase-file out"}
	}
	w, err := a.Weigh(ctx, run)
	if err == nil && queue != nil {
		err = c.record(ctx, queue, w, a.Settings.Who(), key)
		if err == nil {
			err = c.keepCheckpoint(ctx, a, queue, sign, key)
		}
	}
	if err != nil {
		if queue != nil {
			_ = queue.DB.Close()
		}
		return nil, nil, err
	}
	return w, queue, nil
}

// record queues a weighing, and signs the case where it is settled and a key is given.
func (c *cli) record(ctx context.Context, queue *app.Queue, w *pipeline.Weighing, by pipeline.Actor, key *attest.PrivateKey) error {
	entered, err := queue.Record(ctx, w, by)
	if err != nil {
		return err
	}
	if _, err := queue.SignWhereDue(ctx, entered, signer(key), by, c.env.Now()); err != nil {
		return err
	}
	w.Report.Case, err = refer(ctx, queue, entered)
	return err
}

// refer names a case, and the cases of the same structure as they are now.
func refer(ctx context.Context, queue *app.Queue, to pipeline.Case) (*pipeline.CaseRef, error) {
	same, err := queue.DB.SameStructure(ctx, to.ID)
	if err != nil {
		return nil, err
	}
	ref := &pipeline.CaseRef{ID: to.ID, State: to.State, SameStructure: same}
	if to.State != pipeline.StateApproved && to.State != pipeline.StateCleared {
		return ref, nil
	}
	if ref.Bound = pipeline.BoundStore; to.ContentDigest != nil {
		ref.Bound = pipeline.BoundContent
	}
	kept, err := queue.Signed(ctx, to)
	signed := kept != nil
	ref.Signed = &signed
	return ref, err
}

func (c *cli) writeReport(r *pipeline.Report, f *format) error {
	as, ok := report.FormatNamed(f.value)
	if !ok {
		return usage("there is no format " + f.value)
	}
	return as.Write(c.env.Stdout, r)
}

// exitFor returns the status of a verdict, nil for clear.
func exitFor(v pipeline.Verdict) error {
	if s := report.ExitStatus(v); s != exitClear {
		return status(s)
	}
	return nil
}

func (c *cli) inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect SOURCE",
		Short: "Weigh and identify a model: facts only, no rules, no queue",
		Long: `Inspect reads what check reads and tells the facts: the weight, the architecture, and
what was odd. It applies no rules and writes nothing.

EXIT STATUS
  0   everything was read
  30  something was not read: refused, malformed, missing, or of a format that is not understood
  1   no report could be made
  2   wrong usage`,
		Args: exactly("SOURCE"),
	}
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		bars := c.progress()
		defer bars.stop()
		a, err := c.app(bars)
		if err != nil {
			return err
		}
		w, err := a.Weigh(cmd.Context(), app.Run{Source: args[0], AsOf: c.env.Now(), NoRules: true})
		if err != nil {
			return err
		}
		inspection := report.InspectionOf(&w.Report)
		if f.json() {
			err = report.JSON(c.env.Stdout, inspection)
		} else {
			err = report.InspectionTable(c.env.Stdout, &w.Report)
		}
		if err == nil && !inspection.Whole() {
			return status(exitInconclusive)
		}
		return err
	}
	return cmd
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Tell the version",
		Long:  "Version writes the name and the version of the program.\n" + helpExit,
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(c.env.Stdout, strings.Join([]string{"weighbridge", app.Version}, " ")+"\n")
			return err
		},
	}
}
