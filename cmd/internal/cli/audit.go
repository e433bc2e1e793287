package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

func (c *cli) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify, sign and export the audit log",
		Long:  "Audit works on the log of everything that happened to cases.\n" + helpExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var headFile, trustFile string
	verify := &cobra.Command{
		Use:   "verify [--head FILE]",
		Short: "Verify the chain of audit events",
		Long: `Verify reads the whole audit log and finds the first event that does not fit. With --head it
also finds a log that was cut or rewritten since that head was noted. FILE is what
"audit verify --format json" printed, a checkpoint, an export, or a signed approval, which
names the head at its signing; what is signed is verified with the keys of --trust. Keep
such files where nobody who can write the database can write.

EXIT STATUS
  0   the log verifies
  1   it does not, or the queue could not be read
  2   wrong usage`,
		Args: exactly(),
	}
	verify.Flags().StringVar(&headFile, "head", "", "head, checkpoint, export or approval that was made before")
	verify.Flags().StringVar(&trustFile, "trust", "", "file of the keys whose signatures count (or "+config.EnvTrust+")")
	f := formatFlag(verify, "table", "json")
	verify.RunE = func(cmd *cobra.Command, _ []string) error {
		named, err := c.resolve()
		if err != nil {
			return err
		}
		var trust *attest.Trust
		if trustFile == "" {
			trustFile = named.Approvals.Trust
		}
		if trustFile != "" {
			if trust, err = (&approvalFlags{trust: trustFile}).readTrust(); err != nil {
				return err
			}
		}
		earlier, err := readHead(cmd.Context(), headFile, trust, c.env.Now())
		if err != nil {
			return err
		}
		_, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		head, err := queue.DB.VerifyAudit(cmd.Context(), earlier)
		if err != nil {
			return err
		}
		if f.json() {
			return report.JSON(c.env.Stdout, head)
		}
		_, err = fmt.Fprintf(c.env.Stdout, "The audit log verifies: %s events, head %s\n", report.Count(head.Count), head.Hash)
		return err
	}
	cmd.AddCommand(verify, c.auditCheckpointCommand(), c.auditExportCommand())
	return cmd
}

func (c *cli) auditCheckpointCommand() *cobra.Command {
	var sign signing
	var out string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Sign the present head of the audit log",
		Long: `Checkpoint verifies the audit log and signs how many events there are, the hash of the last
one and the time, in an envelope of DSSE. It goes to standard output, to the new file of
--out, or into audit.folder of the configuration. With audit.checkpoint_every there, the
commands that change the queue make one when the newest is older than that; a service makes
them by the clock. Keep checkpoints where nobody who can write the database can write.
` + passphraseHelp + `
EXIT STATUS
  0   the checkpoint was made
  1   the log does not verify, or the checkpoint could not be written
  2   wrong usage`,
		Args: exactly(),
	}
	sign.add(cmd, &c.settings)
	cmd.Flags().StringVar(&out, "out", "", "write to this new file")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		key, err := c.requireKey(cmd.Context(), &sign, a.Settings.Approvals)
		if err != nil {
			return err
		}
		folder := a.Settings.Audit.Folder
		if out != "" {
			folder = ""
		}
		made, err := c.makeCheckpoint(cmd.Context(), queue, key, nil, folder)
		if err != nil {
			return err
		}
		if out != "" {
			if err := writeNew(out, made.envelope.JSON()); err != nil {
				return err
			}
			made.path = out
		}
		if made.path == "" || f.json() {
			_, err = c.env.Stdout.Write(made.envelope.JSON())
			return err
		}
		_, err = fmt.Fprintf(c.env.Stdout, "Checkpoint written to %s: %s events, head %s\n", report.Clean(made.path), report.Count(made.Count), made.Hash)
		return err
	}
	return cmd
}

// writeNew writes a file that does not exist yet. An error matches [pipeline.ErrUsage]
// where it does.
func writeNew(path string, content []byte) error {
	if err := isNew(path); err != nil {
		return err
	}
	return create(path, content, 0o644)
}

// isNew refuses a path at which something lies.
func isNew(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: path + " exists already", Hint: "name a file that does not exist yet"}
	}
	return nil
}

// exportBatch is how many events are read at a time.
const exportBatch = 1000

func (c *cli) auditExportCommand() *cobra.Command {
	var sign signing
	var from int64
	var out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log as JSON Lines",
		Long: `Export writes one event a line, in order, as it is stored. Each holds the hash of the one
before, so that a copy can be verified without the database. The last line is a checkpoint:
count and hash of the last event, and the time. Where a signing key is named it is signed,
and the log is verified before. "audit verify --head" takes an export later.
` + passphraseHelp + `
EXIT STATUS
  0   the events were written
  1   the queue could not be read, the log does not verify, or the file was not written
  2   wrong usage`,
		Args: exactly(),
	}
	sign.add(cmd, &c.settings)
	cmd.Flags().Int64Var(&from, "from", 1, "number of the first event")
	cmd.Flags().StringVar(&out, "out", "", "write to this new file in place of standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if from < 1 {
			return usage("--from takes the number of an event, from 1")
		}
		a, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		key, err := c.key(cmd.Context(), &sign, a.Settings.Approvals)
		if err != nil {
			return err
		}
		head, last, err := c.exportEnd(cmd.Context(), queue, key)
		if err != nil {
			return err
		}
		if out == "" {
			_, err := exportEvents(cmd.Context(), queue.DB, c.env.Stdout, from, head, last)
			return err
		}
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the file to write to cannot be made", Err: err, Hint: "name a file that does not exist yet"}
		}
		written, err := exportEvents(cmd.Context(), queue.DB, f, from, head, last)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.env.Stdout, "Events written to %s: %s\n", out, report.Count(written))
		return err
	}
	return cmd
}

// exportEnd returns the head up to which is exported, and the line that says so.
func (c *cli) exportEnd(ctx context.Context, queue *app.Queue, key *attest.PrivateKey) (pipeline.AuditHead, attest.ExportEnd, error) {
	var made checkpointed
	var err error
	if key != nil {
		made, err = c.makeCheckpoint(ctx, queue, key, nil, "")
	} else {
		var head pipeline.AuditHead
		head, err = queue.DB.AuditHead(ctx)
		made.Checkpoint = attest.CheckpointOf(head, c.env.Now())
	}
	if err != nil {
		return pipeline.AuditHead{}, attest.ExportEnd{}, err
	}
	last, err := attest.EndOf(made.Checkpoint, made.envelope)
	return made.Head(), last, err
}

// exportEvents writes the events from a number up to a head, and the last line.
func exportEvents(ctx context.Context, log pipeline.AuditLog, to io.Writer, from int64, head pipeline.AuditHead, last attest.ExportEnd) (written int64, err error) {
	w := bufio.NewWriter(to)
	lines := json.NewEncoder(w)
	for after := from - 1; after < head.Count; {
		events, err := log.AuditEvents(ctx, after, int(min(exportBatch, head.Count-after)))
		if err != nil {
			return written, err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if err := lines.Encode(e); err != nil {
				return written, fmt.Errorf("write the audit log: %w", err)
			}
			after = e.Seq
			written++
		}
	}
	if err := lines.Encode(last); err != nil {
		return written, fmt.Errorf("write the audit log: %w", err)
	}
	return written, w.Flush()
}
