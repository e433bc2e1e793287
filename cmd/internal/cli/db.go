package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
	"weighbridge/storage/sqldb"
)

func (c *cli) dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Back the queue's database up, and restore it",
		Long:  "Db works on the embedded database as a whole.\n" + helpExit,
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.dbBackup(), c.dbRestore())
	return cmd
}

const dbExit = `
EXIT STATUS
  0   done
  1   the database could not be read or written, or its audit log does not verify
  2   wrong usage`

func (c *cli) dbBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the database while others use it",
		Long: `Backup writes the database as it is at one moment to FILE, which must not exist yet. A desk
that runs on it goes on meanwhile. FILE holds everything that the database holds, submissions
and exhibits too: keep it where only those may read who may read the database. Sessions and
tokens are kept in it as digests only.
` + dbExit,
		Example: "  weighbridge db backup queue-2026-11-25.db --db queue.db",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, queue, done, err := c.existingQueue(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if err := queue.DB.Backup(cmd.Context(), args[0]); err != nil {
				return err
			}
			head, err := queue.DB.VerifyAudit(cmd.Context(), nil)
			if err != nil {
				return err
			}
			return c.told("The backup is written", head)
		},
	}
}

func (c *cli) dbRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a database of a backup",
		Long: `Restore checks that FILE is a whole database of Weighbridge whose audit log verifies, and
copies it to the file that --db names, which must not exist yet: move the old one away first.
` + dbExit,
		Example: "  weighbridge db restore queue-2026-11-25.db --db queue.db",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := c.resolve()
			if err != nil {
				return err
			}
			if err := settings.RequireDB(); err != nil {
				return err
			}
			head, err := sqldb.Restore(cmd.Context(), args[0], settings.DB)
			if err != nil {
				return err
			}
			return c.told("The database is restored", head)
		},
	}
}

// told says what was written, by the head of its audit log.
func (c *cli) told(what string, head pipeline.AuditHead) error {
	_, err := fmt.Fprintf(c.env.Stdout, "%s: %s events in its audit log, head %s\n", what, report.Count(head.Count), head.Hash)
	return err
}
