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

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

func (c *cli) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify the audit log",
		Long:  "Audit works on the log of everything that happened to cases.\n" + helpExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var headFile string
	verify := &cobra.Command{
		Use:   "verify [--head FILE]",
		Short: "Verify the chain of audit events",
		Long: `Verify reads the whole audit log and finds the first event that does not fit. With --head it
also finds a log that was cut or rewritten since that head was noted: keep what
"audit verify --format json" prints somewhere else, and name that file here later.

EXIT STATUS
  0   the log verifies
  1   it does not, or the queue could not be read
  2   wrong usage`,
		Args: exactly(),
	}
	verify.Flags().StringVar(&headFile, "head", "", "file with a head that was noted before")
	f := formatFlag(verify, "table", "json")
	verify.RunE = func(cmd *cobra.Command, _ []string) error {
		earlier, err := readHead(headFile)
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
	cmd.AddCommand(verify, c.auditExportCommand())
	return cmd
}

// exportBatch is how many events are read at a time.
const exportBatch = 1000

func (c *cli) auditExportCommand() *cobra.Command {
	var from int64
	var out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log as JSON Lines",
		Long: `Export writes one event a line, in order, as it is stored. Each holds the hash of the one
before, so that a copy can be verified without the database.

EXIT STATUS
  0   the events were written
  1   the queue could not be read, or the file not written
  2   wrong usage`,
		Args: exactly(),
	}
	cmd.Flags().Int64Var(&from, "from", 1, "number of the first event")
	cmd.Flags().StringVar(&out, "out", "", "write to this new file in place of standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if from < 1 {
			return usage("--from takes the number of an event, from 1")
		}
		_, queue, done, err := c.existingQueue(cmd.Context())
		if err != nil {
			return err
		}
		defer done()
		if out == "" {
			_, err := exportEvents(cmd.Context(), queue.DB, c.env.Stdout, from)
			return err
		}
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return &pipeline.Error{Code: pipeline.CodeUsage, Message: "the file to write to cannot be made", Err: err, Hint: "name a file that does not exist yet"}
		}
		written, err := exportEvents(cmd.Context(), queue.DB, f, from)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.env.Stdout, "Events written to %s: %s\n", out, report.Count(written))
		return err
	}
	return cmd
}

func exportEvents(ctx context.Context, log pipeline.AuditLog, to io.Writer, from int64) (written int64, err error) {
	w := bufio.NewWriter(to)
	lines := json.NewEncoder(w)
	for after := from - 1; ; {
		events, err := log.AuditEvents(ctx, after, exportBatch)
		if err != nil {
			return written, err
		}
		for _, e := range events {
			if err := lines.Encode(e); err != nil {
				return written, fmt.Errorf("write the audit log: %w", err)
			}
			after = e.Seq
			written++
		}
		if len(events) < exportBatch {
			return written, w.Flush()
		}
	}
}

// mostHead is larger than any file with a head.
const mostHead = 64 << 10

func readHead(path string) (*pipeline.AuditHead, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no head was asked for
	}
	text, err := readBounded(path, mostHead)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the head file cannot be read", Err: err}
	}
	var head pipeline.AuditHead
	if err := json.Unmarshal(text, &head); err != nil || head.Hash == "" {
		return nil, usage("the head file holds no head: it needs count and hash, as audit verify --format json prints them")
	}
	return &head, nil
}
