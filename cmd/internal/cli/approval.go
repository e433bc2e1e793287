package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/report"
)

func (c *cli) approvalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approval",
		Short: "Show, list, verify and revoke signed approvals",
		Long: `Approval works on the signed statements of what was approved or cleared: who decided, on
which bytes, for which submission, by which rules, for how long.
` + helpExit,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.approvalShow(), c.approvalList(), c.approvalVerify(), c.approvalRevoke())
	return cmd
}

func (c *cli) approvalShow() *cobra.Command {
	var sign signing
	var out string
	var svr, again bool
	cmd := &cobra.Command{
		Use:   "show CASE",
		Short: "Write the signed approval of a case",
		Long: `Show writes the signed approval of a case that is approved or cleared, as JSON in an envelope
of DSSE. Where none is kept and a signing key is named, it is signed now and kept. With --svr
a Simple Verification Result is signed and written instead, which other tools read.
` + passphraseHelp + `
EXIT STATUS
  0   the approval was written
  1   the case is not approved, nothing is signed, or the queue could not be read
  2   wrong usage`,
		Example: `  weighbridge approval show CASE --key release.pem --out approval.json`,
		Args:    exactly("CASE"),
	}
	sign.add(cmd, &c.settings)
	cmd.Flags().StringVar(&out, "out", "", "write to this new file in place of standard output")
	cmd.Flags().BoolVar(&svr, "svr", false, "write a Simple Verification Result, signed now")
	cmd.Flags().BoolVar(&again, "again", false, "sign once more, as after a key was revoked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withQueue(cmd.Context(), func(a *app.App, queue *app.Queue) error {
			text, err := c.approvalText(cmd.Context(), a, queue, args[0], &sign, svr, again)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = c.env.Stdout.Write(text)
				return err
			}
			if err := writeNew(out, text); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.env.Stdout, "Approval written to %s\n", report.Clean(out))
			return err
		})
	}
	return cmd
}

// approvalText returns the envelope that show writes.
func (c *cli) approvalText(ctx context.Context, a *app.App, queue *app.Queue, name string, sign *signing, svr, again bool) ([]byte, error) {
	id, err := find(ctx, queue.DB, name)
	if err != nil {
		return nil, err
	}
	if svr {
		key, err := c.requireKey(ctx, sign, a.Settings.Approvals)
		if err != nil {
			return nil, err
		}
		approval, _, err := queue.Approval(ctx, id, c.env.Now())
		if err != nil {
			return nil, err
		}
		e, err := approval.SignResult(ctx, key)
		if err != nil {
			return nil, err
		}
		return e.JSON(), nil
	}
	of, err := queue.DB.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	kept, err := queue.Signed(ctx, of)
	if err != nil {
		return nil, err
	}
	if kept != nil && !again {
		return kept.Envelope, nil
	}
	if of.State != pipeline.StateApproved && of.State != pipeline.StateCleared {
		return nil, &pipeline.Error{Code: attest.CodeNotApproved, Message: fmt.Sprintf("case %s is %s", id, words(string(of.State))),
			Hint: "only a case that is approved or cleared has an approval"}
	}
	key, err := c.requireKey(ctx, sign, a.Settings.Approvals)
	if err != nil {
		return nil, err
	}
	if err := a.Settings.Who().Validate(); err != nil {
		return nil, err
	}
	made, err := queue.Sign(ctx, id, key, a.Settings.Who(), c.env.Now())
	if err != nil {
		return nil, err
	}
	return made.Envelope, c.keepCheckpoint(ctx, a, queue, sign, key)
}

// listed is a signed approval with what became of it.
type listed struct {
	pipeline.Attestation
	Source   string         `json:"source"`
	State    pipeline.State `json:"state"`
	Standing string         `json:"standing"`
}

// The standings of signed approvals.
const (
	standingHolds = "holds"
	standingEnded = "ended"
	standingOther = "replaced" // the case was opened or settled again since
)

func (c *cli) approvalList() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List signed approvals, newest first",
		Long: `List shows what was signed and whether it still holds in the queue: a case that was revoked,
or opened again, holds no longer.

EXIT STATUS
  0   done
  1   the queue could not be read
  2   wrong usage`,
		Args: exactly(),
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "approvals to show, 1,000 at most")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 || limit > 1000 {
			return usage("--limit takes a number from 1 to 1,000")
		}
		return c.withQueue(cmd.Context(), func(_ *app.App, queue *app.Queue) error {
			kept, err := queue.DB.Attestations(cmd.Context(), limit)
			if err != nil {
				return err
			}
			out := []listed{}
			for _, a := range kept {
				h, err := queue.DB.History(cmd.Context(), a.Case)
				if err != nil {
					return err
				}
				out = append(out, listed{a, h.Case.Source, h.Case.State, c.standing(a, h)})
			}
			if f.json() {
				return report.JSON(c.env.Stdout, out)
			}
			return approvalTable(c.env.Stdout, out)
		})
	}
	return cmd
}

func (c *cli) standing(a pipeline.Attestation, h pipeline.CaseHistory) string {
	switch {
	case a.ExpiresAt != nil && !a.ExpiresAt.After(c.env.Now()):
		return standingEnded
	case slices.ContainsFunc(h.Events, func(e pipeline.AuditEvent) bool { return e.Kind == pipeline.EventRevoked && e.Seq > a.Settled.Count }):
		return string(pipeline.StateRevoked)
	case h.Settled == nil || *h.Settled != a.Settled || h.Case.State != pipeline.StateApproved && h.Case.State != pipeline.StateCleared:
		return standingOther
	}
	return standingHolds
}

func approvalTable(w io.Writer, all []listed) error {
	if len(all) == 0 {
		_, err := io.WriteString(w, "Nothing was signed yet.\n")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "CASE\tSTANDING\tBOUND TO\tSIGNED\tUNTIL\tKEY\tSOURCE")
	for _, a := range all {
		until := "no end"
		if a.ExpiresAt != nil {
			until = a.ExpiresAt.Format("2006-01-02 15:04")
		}
		bound := map[pipeline.ApprovalBound]string{pipeline.BoundContent: "the bytes", pipeline.BoundStore: "one store"}[a.Bound]
		var keys []string
		for _, k := range a.KeyIDs {
			keys = append(keys, k[:min(len(k), 12)])
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Case, a.Standing, bound, a.SignedAt.Format("2006-01-02 15:04"), until,
			report.Clean(strings.Join(keys, ", ")), report.Clean(a.Source))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

func (c *cli) approvalVerify() *cobra.Command {
	var a approvalFlags
	cmd := &cobra.Command{
		Use:   "verify SOURCE",
		Short: "Verify that a model is what was approved, without any database",
		Long: `Verify reads every byte under SOURCE once and holds it against a signed approval: a bucket or
a folder, the place that was checked or any copy of it. Objects that were changed, added,
removed or renamed are named. A store-bound approval holds no digests: its pins are compared,
at the place that was checked. Two files at the root are left out: weighbridge.yaml and
weighbridge.approval.json. For which submission the approval was given is told, not checked.

EXIT STATUS
  0   these are the approved bytes, and the approval holds
  10  they are not, or the approval holds no longer or not yet
  20  the approval was revoked, or nobody trusted signed it
  1   something could not be read
  2   wrong usage`,
		Example: `  weighbridge approval verify ./llama-3-70b --approval approval.json --key release.pem.pub`,
		Args:    exactly("SOURCE"),
	}
	a.add(cmd)
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		result, _, err := c.compare(cmd.Context(), args[0], "", false, &a)
		code := refusedAs(err)
		if err != nil && code == exitClear {
			return err
		}
		result.say(err)
		if f.json() {
			err = report.JSON(c.env.Stdout, result)
		} else {
			word := map[bool]string{true: "YES", false: "NO"}[result.Verified]
			_, err = io.WriteString(c.env.Stdout, result.tell("Verified", word))
		}
		if err == nil && code != exitClear {
			return status(code)
		}
		return err
	}
	return cmd
}

// revoked is what a revocation did.
type revoked struct {
	Schema string         `json:"schema"`
	Case   uuid.UUID      `json:"case"`
	State  pipeline.State `json:"state"`
	// Approvals are the ids of all approvals that the case ever had.
	Approvals []uuid.UUID `json:"approvals"`
	// List is the signed list, "" where none is named, and Number that of the list.
	List   string `json:"list"`
	Number int64  `json:"number"`
}

func (c *cli) approvalRevoke() *cobra.Command {
	var sign signing
	var ballot pipeline.Ballot
	cmd := &cobra.Command{
		Use:   "revoke CASE --reason CODE --comment TEXT",
		Short: "Take an approval back",
		Long: `Revoke takes back what was approved or cleared: the case's approval opens no gate any more,
and every approval that was ever signed for the case goes onto the signed list of
revocations, which gates without a database take. Anybody may revoke; it only closes. Of a
case that was opened again, the approvals from before are revoked.

The list is the file of --revocations. It is made where there is none, is signed anew with
the signing key, and its number rises by one. Where it could not be written, run the command
again: a case that is revoked already is put on the list only. The comment is not in the list.
Commands that write the same list wait for each other, by a file of its name and ".lock".
` + passphraseHelp + `
EXIT STATUS
  0   done
  1   the queue or the list could not be written, or the case does not allow this
  2   wrong usage`,
		Args: exactly("CASE"),
	}
	sign.add(cmd, &c.settings)
	fl := cmd.Flags()
	fl.StringVar(&c.settings.Approvals.Revocations, "revocations", "", "signed list of revoked approvals to add to (or WEIGHBRIDGE_REVOCATIONS)")
	fl.StringVar((*string)(&ballot.Reason), "reason", "", "coded reason, as of queue decide")
	fl.StringVar(&ballot.Comment, "comment", "", "why, in a sentence")
	f := formatFlag(cmd, "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withQueue(cmd.Context(), func(a *app.App, queue *app.Queue) error {
			out, err := c.revoke(cmd.Context(), a, queue, args[0], ballot, &sign)
			if err != nil {
				return err
			}
			if f.json() {
				return report.JSON(c.env.Stdout, out)
			}
			return tellRevoked(c.env.Stdout, out)
		})
	}
	return cmd
}

func tellRevoked(w io.Writer, r revoked) error {
	text := fmt.Sprintf("case %s is %s\n", r.Case, words(string(r.State)))
	if r.List == "" {
		text += "No list of revocations is named: gates without the database do not know of this. Name it by --revocations, with a signing key, and run this again.\n"
	} else {
		text += fmt.Sprintf("%s is list %s now. Bring it to every gate that has no database.\n", report.Clean(r.List), report.Count(r.Number))
	}
	_, err := io.WriteString(w, text)
	return err
}

// revoke takes back first in the queue, then in the list. What the list needs is read
// before, so that nothing is done by halves for want of a passphrase.
func (c *cli) revoke(ctx context.Context, a *app.App, queue *app.Queue, name string, ballot pipeline.Ballot, sign *signing) (revoked, error) {
	out := revoked{Schema: "weighbridge.revoked/1", List: a.Settings.Approvals.Revocations, Approvals: []uuid.UUID{}}
	id, err := find(ctx, queue.DB, name)
	if err != nil {
		return out, err
	}
	out.Case = id
	var key *attest.PrivateKey
	var list *attest.Revocations
	if out.List != "" {
		if key, err = c.requireKey(ctx, sign, a.Settings.Approvals); err != nil {
			return out, err
		}
		release, err := lock(ctx, out.List)
		if err != nil {
			return out, err
		}
		defer release()
		if list, err = c.revocations(ctx, a, key); err != nil {
			return out, err
		}
	}
	h, err := queue.DB.History(ctx, id)
	if err != nil {
		return out, err
	}
	out.State = h.Case.State
	if h.Case.State != pipeline.StateRevoked {
		ballot.Case, ballot.Actor, ballot.Kind = id, a.Settings.Who(), pipeline.DecisionRevoke
		changed, err := queue.Revoke(ctx, ballot)
		if err != nil {
			return out, err
		}
		out.State = changed.State
	}
	for _, settled := range settlements(h) {
		out.Approvals = append(out.Approvals, attest.ApprovalID(id, settled))
	}
	if list != nil {
		if err := c.publish(ctx, list, key, &out, string(ballot.Reason)); err != nil {
			return out, err
		}
	}
	return out, c.keepCheckpoint(ctx, a, queue, sign, key)
}

// revocations reads the list that is added to, an empty one where there is no file yet.
func (c *cli) revocations(ctx context.Context, a *app.App, key *attest.PrivateKey) (*attest.Revocations, error) {
	path := a.Settings.Approvals.Revocations
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &attest.Revocations{Schema: attest.RevocationsSchema}, nil
	}
	trust, err := c.ownTrust(a.Settings.Approvals, key)
	if err != nil {
		return nil, err
	}
	e, err := readEnvelope(path, "list of revocations")
	if err != nil {
		return nil, err
	}
	return trust.VerifyRevocations(ctx, e, c.env.Now())
}

// publish puts approvals on the list, signs it and writes it. Approvals that are listed
// already stay as they are; where all are, nothing is written.
func (c *cli) publish(ctx context.Context, list *attest.Revocations, key *attest.PrivateKey, out *revoked, reason string) error {
	now := c.env.Now().UTC()
	if reason == "" { // run again
		reason = string(pipeline.ReasonOther)
	}
	added := false
	for _, id := range out.Approvals {
		if _, there := list.Of(id); !there {
			list.Revoked = append(list.Revoked, attest.Revocation{Approval: id, At: now, Reason: reason})
			added = true
		}
	}
	if added {
		list.Number, list.IssuedAt = list.Number+1, now
		e, err := list.Sign(ctx, key)
		if err != nil {
			return err
		}
		if err := replace(out.List, e.JSON()); err != nil {
			return err
		}
	}
	out.Number = list.Number
	return nil
}
