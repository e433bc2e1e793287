package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/client"
	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
)

// serverHelp is what commands that can ask a desk say of it.
const serverHelp = `
Where --server or ` + config.EnvServer + ` names a desk, it is asked over its API in place of a database of
one's own. Its token says who acts; it is read from --token-file or ` + config.EnvToken + `.
`

// serverHelpGate says it of the gate, which reads what it lets pass itself.
const serverHelpGate = serverHelp + `
SOURCE is still read here, where this program can read it, and judged with the packs, the lists
and the settings of this call: a folder always, a bucket with the credentials at hand. Which
models the desk has seen before plays no part in that. What is asked of the desk is what was
decided on these digests. A bucket of which the desk has no case
is given to it to check. Where the credentials at hand do not open the bucket, the desk reads
and judges it in place of this program, with its own packs and lists.
`

// addServerFlags adds the flags that name a desk.
func (c *cli) addServerFlags(f *pflag.FlagSet) {
	f.StringVar(&c.settings.Server, "server", "", "URL of the desk to ask in place of a database (or "+config.EnvServer+")")
	f.StringVar(&c.settings.TokenFile, "token-file", "", "file that holds the token for the desk on its one line (or the token itself in "+config.EnvToken+")")
}

// remote returns the desk that the call names, nil where it names none. Flags that a desk
// does not take are refused, so that nobody believes that they counted: refused says which.
func (c *cli) remote(cmd *cobra.Command, refused func(flag string) (why string)) (*remoteDesk, error) {
	settings, err := c.resolve()
	if err != nil {
		return nil, err
	}
	remote, err := settings.Remote()
	if err != nil {
		return nil, err
	}
	if !remote {
		if cmd.Flags().Changed("token-file") {
			return nil, usage("--token-file is for a desk, and none is named: name it with --server URL")
		}
		return nil, nil //nolint:nilnil // none is named
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if why := refused(f.Name); why != "" && err == nil {
			err = usage("--" + f.Name + " has no effect with a server: " + why)
		}
	})
	if err != nil {
		return nil, err
	}
	token := settings.Token
	if settings.TokenFile != "" {
		if token, err = readToken(settings.TokenFile); err != nil {
			return nil, err
		}
	}
	asked, err := client.New(client.Options{Server: settings.Server, Token: token, Agent: "weighbridge/" + app.Version})
	if err != nil {
		return nil, err
	}
	return &remoteDesk{Client: asked}, nil
}

// tokenFileMax bounds a file with a token, in bytes.
const tokenFileMax = 4 << 10

// readToken reads the one line of a file.
func readToken(path string) (string, error) {
	bad := func(message string, err error) error {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Err: err, Hint: "the file holds the token on its one line"}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", bad("the file with the token cannot be opened", err)
	}
	defer func() { _ = f.Close() }() // read only
	text, err := io.ReadAll(io.LimitReader(f, tokenFileMax+1))
	if err != nil {
		return "", bad("the file with the token cannot be read", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > tokenFileMax {
		return "", bad(filepath.Base(path)+" holds no token", nil)
	}
	return token, nil
}

// remoteDesk is a desk that is asked over its API.
type remoteDesk struct {
	*client.Client
	// signed is the approval that came with the last ruling, ruled the case it is of.
	signed []byte
	ruled  uuid.UUID
}

var _ desk = (*remoteDesk)(nil)

func (d *remoteDesk) report(ctx context.Context, id uuid.UUID) (pipeline.Report, error) {
	r, err := d.Report(ctx, id)
	if err != nil {
		return r, err
	}
	r.Case, err = d.refer(ctx, pipeline.Case{ID: id})
	return r, err
}

// History implements [caseReader].
func (d *remoteDesk) History(ctx context.Context, id uuid.UUID) (pipeline.CaseHistory, error) {
	c, err := d.Case(ctx, id)
	return c.CaseHistory, err
}

// refer names a case that the caller may not see all the same: they were told of it.
func (d *remoteDesk) refer(ctx context.Context, to pipeline.Case) (*pipeline.CaseRef, error) {
	ref := &pipeline.CaseRef{ID: to.ID, State: to.State}
	c, err := d.Case(ctx, to.ID)
	signed := c.Attestation != nil
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		signed = to.ID == d.ruled && d.signed != nil
	case err != nil:
		return nil, err
	default:
		to = c.Case
		ref.State, ref.SameStructure = to.State, c.SameStructure
	}
	if to.State != pipeline.StateApproved && to.State != pipeline.StateCleared {
		return ref, nil
	}
	if ref.Bound = pipeline.BoundStore; to.ContentDigest != nil {
		ref.Bound = pipeline.BoundContent
	}
	ref.Signed = &signed
	return ref, nil
}

func (d *remoteDesk) claim(ctx context.Context, id uuid.UUID, takeOver bool) (pipeline.Case, error) {
	return d.Claim(ctx, pipeline.Claim{Case: id, TakeOver: takeOver})
}

func (d *remoteDesk) release(ctx context.Context, id uuid.UUID) (pipeline.Case, error) {
	return d.Release(ctx, pipeline.Claim{Case: id})
}

func (d *remoteDesk) assign(ctx context.Context, req pipeline.Assignment) (pipeline.Case, error) {
	return d.Assign(ctx, req)
}

func (d *remoteDesk) me(ctx context.Context) (string, error) { return d.Me(ctx) }

func (d *remoteDesk) comment(ctx context.Context, id uuid.UUID, text string) (pipeline.Case, error) {
	return d.Comment(ctx, pipeline.Remark{Case: id, Text: text})
}

func (d *remoteDesk) decide(ctx context.Context, ballot pipeline.Ballot) (decided, error) {
	done, err := d.Decide(ctx, ballot)
	out := decided{Case: done.Case, Attestation: done.Attestation}
	switch {
	case err != nil:
	case done.Warning != nil:
		out.Note = done.Warning.Message
	case out.State == pipeline.StateApproved && out.Attestation == nil:
		out.Note = "Nothing was signed: the desk names no signing key."
	}
	return out, err
}

func (d *remoteDesk) ruling(ctx context.Context, q pipeline.ApprovalQuery) (pipeline.Ruling, error) {
	said, err := d.Ruling(ctx, q)
	d.signed, d.ruled = said.Envelope, uuid.Nil
	if said.Case != nil {
		d.ruled = said.Case.ID
	}
	return said.Ruling, err
}

func (d *remoteDesk) envelopes(_ context.Context, of pipeline.Case) ([][]byte, error) {
	if d.signed == nil || of.ID != d.ruled {
		return nil, nil
	}
	return [][]byte{d.signed}, nil
}

// check has the desk check a source, shows how far it is, and returns the report with the
// case that it was queued as.
func (d *remoteDesk) check(ctx context.Context, asked client.Asked, bars *bars) (*pipeline.Report, error) {
	started, err := d.Ask(ctx, asked)
	if err != nil {
		return nil, err
	}
	done, err := d.Follow(ctx, started.ID, follow(bars))
	if err != nil {
		return nil, err
	}
	r, err := d.report(ctx, *done.Case)
	return &r, err
}

// follow moves bars on by what a check says of itself.
func follow(b *bars) func(pipeline.Check) {
	var last pipeline.Check
	return func(now pipeline.Check) {
		if now.Objects > 0 && last.Objects == 0 {
			b.Listed(int(now.Objects), 0)
		}
		for range now.Inspected - last.Inspected {
			b.Inspected("")
		}
		if now.Bytes > 0 && last.Bytes == 0 {
			b.Hashing(0, now.Bytes)
		}
		if now.Hashed > last.Hashed {
			b.Hashed(now.Hashed - last.Hashed)
		}
		last = now
	}
}

// deskChecks are the flags of a check that a desk does in place of this program.
func deskChecks(flag string) string {
	taken := []string{"submission", "pack", "hash", "format", "report", "server", "token-file", "config", "log-level", "quiet"}
	switch {
	case slices.Contains(taken, flag):
		return ""
	case flag == "db":
		return "the queue is the desk's"
	case flag == "actor":
		return "the token says who acts"
	}
	return "the desk reads the model and judges it, with its own settings"
}

// deskQueue are the flags of a command that looks at the queue or changes it.
func deskQueue(flag string) string {
	switch flag {
	case "db":
		return "the queue is the desk's"
	case "actor":
		return "the token says who acts"
	case "key", "passphrase-file":
		return "the desk signs"
	}
	return ""
}

// deskGate are the flags of a gate, which weighs by itself and leaves the cases to the desk.
func deskGate(flag string) string {
	if flag == "passphrase-file" {
		return "the gate signs nothing there"
	}
	return deskQueue(flag)
}

// askedOf turns a run into what a desk is asked for. The submission is checked here, so that
// its faults are told with file, line and column before anything is sent; it was bounded
// then, and goes as it is written.
func (d *remoteDesk) askedOf(run app.Run) (client.Asked, error) {
	asked := client.Asked{Source: run.Source, Packs: run.Packs, Hash: run.Hash}
	for _, name := range run.Packs {
		if strings.ContainsRune(name, '/') || filepath.Ext(name) != "" {
			return asked, usage(fmt.Sprintf("the desk takes packs by name, and %q is a file", name))
		}
	}
	src, err := pipeline.ParseSource(run.Source)
	if err != nil {
		return asked, err
	}
	if src.Scheme == pipeline.SchemeDir && !d.Local() {
		return asked, usage("the source is a folder of this machine, and the desk reads buckets: leave --server out, or name the bucket")
	}
	asked.Source = src.String()
	if run.Submission == "" {
		return asked, nil
	}
	if _, err := app.LoadSubmission(run.Submission); err != nil {
		return asked, err
	}
	text, err := os.ReadFile(run.Submission)
	if err != nil {
		return asked, fmt.Errorf("read the submission: %w", err)
	}
	asked.Submission = string(text)
	return asked, nil
}

// gateByServer is the gate that asks a desk.
func (c *cli) gateByServer(ctx context.Context, run app.Run, at *remoteDesk, g *gating) error {
	src, err := pipeline.ParseSource(run.Source)
	if err != nil {
		return err
	}
	r, err := c.weighed(ctx, run)
	folder := src.Scheme == pipeline.SchemeDir
	if err != nil && (folder || !errors.Is(err, pipeline.ErrDenied)) {
		return err
	}
	if err != nil {
		if r, err = c.checkedAt(ctx, run, at); err != nil {
			return err
		}
		return c.gate(ctx, r, at, g)
	}
	ruling, err := at.ruling(ctx, pipeline.QueryFor(r))
	if err != nil {
		return err
	}
	switch {
	case ruling.Kind != pipeline.RulingNone:
	case folder && r.Verdict == pipeline.VerdictClear:
		// The desk cannot read the folder, and nobody there decided on these bytes.
		return c.gate(ctx, r, nil, g)
	case !folder:
		run.Packs = nil // the desk judges by its own: what it finds waits for its people
		if _, err := c.checkedAt(ctx, run, at); err != nil {
			return err
		}
	}
	return c.gate(ctx, r, at, g)
}

// weighed weighs a source here, without a queue.
func (c *cli) weighed(ctx context.Context, run app.Run) (*pipeline.Report, error) {
	bars := c.progress()
	defer bars.stop()
	a, err := c.app(bars)
	if err != nil {
		return nil, err
	}
	w, err := a.Weigh(ctx, run)
	if err != nil {
		return nil, err
	}
	return &w.Report, nil
}

// checkedAt has a desk check a source.
func (c *cli) checkedAt(ctx context.Context, run app.Run, at *remoteDesk) (*pipeline.Report, error) {
	asked, err := at.askedOf(run)
	if err != nil {
		return nil, err
	}
	bars := c.progress()
	defer bars.stop()
	return at.check(ctx, asked, bars)
}
